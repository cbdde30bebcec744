/* Streams. One state says what a stream is doing; the callbacks of its owner are called from the
 * loop only, never from inside the owner's calls: these set 'soon', and the work is done at the end
 * of the round, which is also how all writes of a round become one.
 *
 *   PENDING --connected--> OPEN --start_tls--> FLUSHING --in clear--> HANDSHAKE --> OPEN
 *   any --close--> CLOSING --flushed--> LINGERING --peer closed--> CLOSED
 *   any --failure, peer closed--> CLOSED */
#include "net_stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gw_buf.h"
#include "gw_mem.h"
#include "net_priv.h"

enum {
    OUT_DEFAULT = 1024 * 1024,
    HANDSHAKE_DEFAULT_MS = 10 * 1000,
    PUSH_AT = 64 * 1024,       /* so much is written at once, without waiting for the round's end */
    READ_AT_ONCE = 256 * 1024, /* then the others have their turn */
    CLOSING_MS = 5 * 1000,     /* a peer that does not read is cut off */
    /* After our end the peer's is awaited so long, since closing a socket with unread input resets
     * the connection, and may take our last words with it. */
    LINGER_MS = 1000,
    LINGER_MAX = 1024 * 1024
};

enum state { PENDING, OPEN, FLUSHING, HANDSHAKE, CLOSING, LINGERING, CLOSED };

struct net_stream {
    struct net_loop *loop;
    const struct net_stream_handlers *handlers;
    void *ctx;
    struct net_share *share;
    struct gw_list half;         /* HANDSHAKE, of a listener: in the share's list */
    struct net_attempt *attempt; /* PENDING */
    struct net_watch *watch;
    struct net_timer *timer; /* there while something has a deadline */
    struct net_defer soon;
    struct gw_buf out;
    SSL *ssl;
    struct net_tls *tls;   /* to be used, or in use */
    char *tls_name;        /* PENDING to HANDSHAKE */
    struct gw_err *reason; /* HANDSHAKE: where net_tls_explain() writes */
    struct gw_err *why;    /* CLOSED */
    gw_time deadline;
    size_t clear_left; /* FLUSHING: how much of 'out' was queued before TLS was asked for */
    size_t lingered;
    unsigned handshake_ms;
    int fd;
    enum state state;
    bool in_callback; /* of the owner; they do not nest, since all come from the loop */
    bool freed, told;
    bool paused, blocked;  /* not reading; not writing until the socket can */
    bool drain_due;        /* something was queued since on_drain */
    bool read_wants_write; /* TLS: a read needs the socket to be writable */
    bool read_again;       /* TLS: data waits inside OpenSSL, the socket will not tell */
    char peer[NET_PEER_TEXT_MAX];
};

static void on_soon(struct net_defer *d);
static void on_timer(struct gw_now now, void *ctx);

/* --- small things --- */

static void set_soon(struct net_stream *s)
{
    net_defer_set(s->loop, &s->soon);
}

static void set_deadline(struct net_stream *s, gw_time at)
{
    if (at == GW_NEVER) {
        net_timer_free(&s->timer);
        return;
    }
    if (!s->timer)
        s->timer = net_timer_new(s->loop, on_timer, s);
    s->deadline = at;
    net_timer_set(s->timer, at);
}

static void set_watch(struct net_stream *s)
{
    int events = 0;

    if (!s->watch)
        return;
    switch (s->state) {
    case OPEN:
        if (!s->paused)
            events |= NET_IO_READ;
        break;
    case LINGERING:
        events |= NET_IO_READ;
        break;
    case HANDSHAKE: /* sets its own */
        return;
    case PENDING:
    case FLUSHING:
    case CLOSING:
    case CLOSED:
        break;
    }
    if (s->blocked || s->read_wants_write)
        events |= NET_IO_WRITE;
    net_watch_set(s->watch, events);
}

static void half_end(struct net_stream *s)
{
    if (gw_list_is_empty(&s->half))
        return;
    gw_list_remove(&s->half);
    s->share->half_count--;
}

static void drop_socket(struct net_stream *s)
{
    half_end(s);
    net_attempt_free(&s->attempt);
    net_watch_free(&s->watch);
    net_timer_free(&s->timer);
    SSL_free(s->ssl);
    s->ssl = NULL;
    free(s->reason);
    s->reason = NULL;
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
    gw_buf_done(&s->out);
    s->blocked = s->read_wants_write = s->read_again = false;
}

/* The end: the owner hears of it when the round ends. */
void net_stream_failed(struct net_stream *s, const struct gw_err *why)
{
    if (s->state == CLOSED)
        return;
    s->state = CLOSED;
    s->why = gw_new(struct gw_err);
    *s->why = *why;
    drop_socket(s);
    set_soon(s);
}

static void ended(struct net_stream *s)
{
    net_stream_failed(s, &(struct gw_err){ .code = GW_OK, .msg = "closed" });
}

/* --- bytes in and out --- */

enum { IO_BLOCKED = 0, IO_END = -1, IO_FAILED = -2 }; /* or how many bytes */

static ssize_t tls_result(struct net_stream *s, int n, bool reading, struct gw_err *err)
{
    static const struct gw_err no_reason;

    switch (SSL_get_error(s->ssl, n)) {
    case SSL_ERROR_WANT_READ: /* a write that wants this is tried again after the next read */
        return IO_BLOCKED;
    case SSL_ERROR_WANT_WRITE:
        s->read_wants_write |= reading;
        return IO_BLOCKED;
    case SSL_ERROR_ZERO_RETURN:
        return IO_END;
    default:
        (void)net_tls_fail(err, s->ssl, &no_reason);
        return IO_FAILED;
    }
}

static ssize_t plain_result(struct gw_err *err)
{
    if (errno == EAGAIN || errno == EINTR)
        return IO_BLOCKED;
    (void)gw_fail(err, GW_UNREACHABLE, "connection lost: %s", strerror(errno));
    return IO_FAILED;
}

static ssize_t transport_read(struct net_stream *s, char *p, size_t len, struct gw_err *err)
{
    ssize_t n;

    if (s->ssl) {
        s->read_wants_write = false;
        ERR_clear_error();
        n = SSL_read(s->ssl, p, (int)len);
        return n > 0 ? n : tls_result(s, (int)n, true, err);
    }
    n = recv(s->fd, p, len, 0);
    if (n < 0)
        return plain_result(err);
    return n ? n : IO_END;
}

static ssize_t transport_write(struct net_stream *s, const char *p, size_t len, struct gw_err *err)
{
    ssize_t n;

    if (s->ssl) {
        ERR_clear_error();
        n = SSL_write(s->ssl, p, (int)(len < INT32_MAX ? len : INT32_MAX));
        return n > 0 ? n : tls_result(s, (int)n, false, err);
    }
    n = send(s->fd, p, len, MSG_NOSIGNAL);
    return n < 0 ? plain_result(err) : n;
}

static bool is_writing(const struct net_stream *s)
{
    return s->state == OPEN || s->state == FLUSHING || s->state == CLOSING;
}

/* Writes what the socket takes. No callbacks. */
static void push(struct net_stream *s)
{
    struct gw_err err;

    while (is_writing(s) && !s->blocked) {
        size_t len = s->state == FLUSHING ? s->clear_left : s->out.len;
        ssize_t n;

        if (!len)
            break;
        n = transport_write(s, s->out.p, len, &err);
        if (n == IO_BLOCKED) {
            s->blocked = true;
        } else if (n < 0) {
            net_stream_failed(s, &err);
            return;
        } else {
            gw_buf_consume(&s->out, (size_t)n);
            if (s->state == FLUSHING)
                s->clear_left -= (size_t)n;
        }
    }
    if (!s->out.len)
        gw_buf_done(&s->out); /* most streams are silent most of the time */
    set_watch(s);
}

/* --- callbacks of the owner --- */

/* False when the stream was freed meanwhile, and must not be touched. */
static bool leave_callback(struct net_stream *s)
{
    s->in_callback = false;
    if (!s->freed)
        return true;
    free(s);
    return false;
}

static bool call(struct net_stream *s, void (*fn)(struct net_stream *s, void *ctx))
{
    if (!fn)
        return true;
    s->in_callback = true;
    fn(s, s->ctx);
    return leave_callback(s);
}

static bool deliver(struct net_stream *s, struct gw_str data)
{
    s->in_callback = true;
    s->handlers->on_data(s, data, s->ctx);
    return leave_callback(s);
}

static void tell_end(struct net_stream *s)
{
    if (s->told)
        return;
    s->told = true;
    assert(s->handlers);
    s->in_callback = true;
    s->handlers->on_closed(s, s->why, s->ctx);
    (void)leave_callback(s);
}

/* --- reading --- */

/* What was queued in answer to the peer's last words goes out before its end is taken as ours. */
static void peer_ended(struct net_stream *s)
{
    push(s);
    if (s->ssl && s->state != CLOSED) {
        (void)SSL_shutdown(s->ssl);
        ERR_clear_error();
    }
    ended(s);
}

static void read_all(struct net_stream *s)
{
    char *scratch = net_loop_scratch(s->loop);
    size_t total = 0;
    struct gw_err err;

    s->read_again = false;
    while (s->state == OPEN && !s->paused) {
        ssize_t n = transport_read(s, scratch, NET_SCRATCH_LEN, &err);

        if (n == IO_BLOCKED)
            break;
        if (n == IO_FAILED) {
            net_stream_failed(s, &err);
            return;
        }
        if (n == IO_END) {
            peer_ended(s);
            return;
        }
        if (!deliver(s, (struct gw_str){ scratch, (size_t)n }))
            return;
        total += (size_t)n;
        if (!s->ssl && n < NET_SCRATCH_LEN)
            break;
        if (s->ssl && s->state == OPEN && !SSL_has_pending(s->ssl))
            break;
        if (s->ssl && total >= READ_AT_ONCE) {
            s->read_again = true;
            set_soon(s);
            break;
        }
        if (total >= READ_AT_ONCE)
            break;
    }
    set_watch(s);
}

/* --- TLS --- */

static bool is_address(const char *name)
{
    unsigned char ip[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1;
}

/* Who came first has had the most time: an honest peer needs a few round trips of it. */
static void half_open(struct net_stream *s)
{
    struct net_share *share = s->share;
    struct net_stream *oldest = GW_CONTAINER(share->half.next, struct net_stream, half);
    struct gw_err err;

    if (share->half_count == share->half_max) {
        (void)gw_fail(&err, GW_LIMIT, "cut off: %u others are in the middle of a TLS handshake",
                      share->half_max);
        net_stream_failed(oldest, &err);
    }
    gw_list_append(&share->half, &s->half);
    share->half_count++;
}

static void handshake_begin(struct net_stream *s)
{
    if (s->share)
        half_open(s);
    s->state = HANDSHAKE;
    s->ssl = SSL_new(net_tls_ctx(s->tls));
    if (!s->ssl || SSL_set_fd(s->ssl, s->fd) != 1)
        abort(); /* out of memory */
    s->reason = gw_new(struct gw_err);
    net_tls_reason_of(s->ssl, s->reason);
    if (net_tls_role(s->tls) == NET_TLS_SERVER) {
        SSL_set_accept_state(s->ssl);
    } else {
        SSL_set_connect_state(s->ssl);
        if (s->tls_name && *s->tls_name && !is_address(s->tls_name)) /* RFC 6066 3 */
            (void)SSL_set_tlsext_host_name(s->ssl, s->tls_name);
    }
}

/* These, too, return false when the stream was freed meanwhile. */
static bool handshake_complete(struct net_stream *s)
{
    half_end(s);
    net_tls_reason_of(s->ssl, NULL);
    free(s->reason);
    s->reason = NULL;
    free(s->tls_name);
    s->tls_name = NULL;
    s->state = OPEN;
    set_deadline(s, GW_NEVER);
    s->read_again = SSL_has_pending(s->ssl);
    set_soon(s);
    set_watch(s);
    return call(s, s->handlers->on_ready);
}

static bool handshake_step(struct net_stream *s)
{
    struct gw_err err;
    int n;

    ERR_clear_error();
    n = SSL_do_handshake(s->ssl);
    if (n == 1)
        return handshake_complete(s);
    switch (SSL_get_error(s->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        net_watch_set(s->watch, NET_IO_READ);
        break;
    case SSL_ERROR_WANT_WRITE:
        net_watch_set(s->watch, NET_IO_WRITE);
        break;
    default:
        (void)net_tls_fail(&err, s->ssl, s->reason);
        net_stream_failed(s, &err);
        break;
    }
    return true;
}

void net_stream_start_tls(struct net_stream *s, struct net_tls *tls, const char *name)
{
    assert(!s->ssl && !s->tls);
    if (s->state != OPEN)
        return; /* it has ended: on_closed is on its way */
    s->tls = net_tls_ref(tls);
    s->tls_name = name ? gw_str_dup(gw_str_of(name)) : NULL;
    s->clear_left = s->out.len;
    s->state = FLUSHING; /* from here on nothing is read that is not TLS */
    set_deadline(s, gw_time_after(net_loop_now(s->loop).mono, s->handshake_ms));
    set_watch(s);
    set_soon(s);
}

/* --- events --- */

static void linger_begin(struct net_stream *s)
{
    if (s->ssl) {
        ERR_clear_error();
        (void)SSL_shutdown(s->ssl); /* our close_notify; the peer's is not waited for */
        ERR_clear_error();
    }
    (void)shutdown(s->fd, SHUT_WR);
    s->state = LINGERING;
    set_deadline(s, gw_time_after(net_loop_now(s->loop).mono, LINGER_MS));
    set_watch(s);
}

static void linger_read(struct net_stream *s)
{
    ssize_t n = recv(s->fd, net_loop_scratch(s->loop), NET_SCRATCH_LEN, 0);

    if (n > 0)
        s->lingered += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || s->lingered > LINGER_MAX)
        ended(s);
}

/* Writes, and does what waited for the end of writing. False when the stream was freed. */
static bool flush(struct net_stream *s)
{
    push(s);
    if (s->blocked)
        return true;
    switch (s->state) {
    case FLUSHING:
        if (s->clear_left)
            return true;
        handshake_begin(s);
        return handshake_step(s);
    case CLOSING:
        if (!s->out.len)
            linger_begin(s);
        return true;
    case OPEN:
        if (s->out.len || !s->drain_due)
            return true;
        s->drain_due = false;
        return call(s, s->handlers->on_drain);
    case PENDING:
    case HANDSHAKE:
    case LINGERING:
    case CLOSED:
        return true;
    }
    return true;
}

static void on_soon(struct net_defer *d)
{
    struct net_stream *s = GW_CONTAINER(d, struct net_stream, soon);

    if (s->state == CLOSED) {
        tell_end(s);
        return;
    }
    if (flush(s) && s->read_again && s->state == OPEN)
        read_all(s);
}

static void on_ready(int fd, int events, void *ctx)
{
    struct net_stream *s = ctx;

    (void)fd;
    switch (s->state) {
    case HANDSHAKE:
        (void)handshake_step(s);
        return;
    case LINGERING:
        linger_read(s);
        return;
    case OPEN:
    case FLUSHING:
    case CLOSING:
        break;
    case PENDING:
    case CLOSED:
        return;
    }
    if ((events & NET_IO_WRITE) || s->ssl) { /* TLS: a write may have waited for a read */
        s->blocked = false;
        if (!flush(s))
            return;
    }
    if (s->state == OPEN && ((events & NET_IO_READ) || s->read_wants_write))
        read_all(s);
}

static void on_timer(struct gw_now now, void *ctx)
{
    struct net_stream *s = ctx;
    struct gw_err err;

    (void)now;
    switch (s->state) {
    case LINGERING:
        ended(s);
        return;
    case CLOSING:
        (void)gw_fail(&err, GW_TIMEOUT, "peer does not read, cut off");
        break;
    case FLUSHING:
    case HANDSHAKE:
        (void)gw_fail(&err, GW_TIMEOUT, "no TLS handshake in time");
        break;
    case PENDING:
    case OPEN:
    case CLOSED:
        return;
    }
    net_stream_failed(s, &err);
}

/* --- life --- */

static struct net_stream *stream_new(struct net_loop *loop, const struct net_stream_limits *limits)
{
    struct net_stream *s = gw_new(struct net_stream);

    s->loop = loop;
    s->fd = -1;
    gw_list_init(&s->half);
    s->handshake_ms = limits->handshake_ms ? limits->handshake_ms : HANDSHAKE_DEFAULT_MS;
    gw_buf_init(&s->out, limits->out_max ? limits->out_max : OUT_DEFAULT);
    net_defer_init(&s->soon, on_soon);
    return s;
}

static void take_socket(struct net_stream *s, int fd, const char *peer)
{
    int on = 1;

    s->fd = fd;
    (void)snprintf(s->peer, sizeof s->peer, "%s", peer);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* fails for Unix sockets */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    s->watch = net_watch_new(s->loop, fd, on_ready, s);
}

struct net_stream *net_stream_adopt(struct net_loop *loop, int fd, const char *peer,
                                    const struct net_stream_limits *limits, struct net_share *share)
{
    struct net_stream *s = stream_new(loop, limits);

    take_socket(s, fd, peer);
    s->share = share;
    share->refs++;
    share->streams++;
    s->state = OPEN;
    set_watch(s);
    return s;
}

struct net_stream *net_stream_connect(struct net_loop *loop, const struct net_connect_args *args)
{
    struct net_stream *s = stream_new(loop, &args->limits);
    const char *name = args->tls_name ? args->tls_name : args->host;

    s->handlers = args->handlers;
    s->ctx = args->ctx;
    s->deadline = gw_time_after(net_loop_now(loop).mono, s->handshake_ms);
    if (args->tls) {
        s->tls = net_tls_ref(args->tls);
        s->tls_name = name ? gw_str_dup(gw_str_of(name)) : NULL;
    }
    s->attempt = net_attempt_new(s, args, s->deadline);
    net_attempt_start(s->attempt, args); /* may fail at once: then 'soon' is set */
    return s;
}

void net_stream_connected(struct net_stream *s, int fd, const char *peer)
{
    take_socket(s, fd, peer);
    net_attempt_free(&s->attempt);
    s->drain_due = s->out.len > 0;
    if (s->tls) {
        set_deadline(s, s->deadline);
        handshake_begin(s);
        (void)handshake_step(s);
        return;
    }
    s->state = OPEN;
    set_watch(s);
    set_soon(s);
    (void)call(s, s->handlers->on_ready);
}

void net_share_unref(struct net_share **sharep)
{
    struct net_share *share = *sharep;

    *sharep = NULL;
    if (share && !--share->refs)
        free(share);
}

void net_stream_free(struct net_stream **sp)
{
    struct net_stream *s = *sp;

    if (!s)
        return;
    *sp = NULL;
    s->state = CLOSED;
    s->told = true;
    drop_socket(s);
    net_defer_cancel(&s->soon);
    net_tls_unref(&s->tls);
    free(s->tls_name);
    free(s->why);
    if (s->share)
        s->share->streams--;
    net_share_unref(&s->share);
    s->freed = true;
    if (!s->in_callback)
        free(s);
}

/* --- what the owner asks --- */

void net_stream_set_handlers(struct net_stream *s, const struct net_stream_handlers *handlers,
                             void *ctx)
{
    s->handlers = handlers;
    s->ctx = ctx;
}

enum gw_code net_stream_write(struct net_stream *s, struct gw_str data)
{
    struct gw_err err;

    if (s->state == CLOSING || s->state == LINGERING || s->state == CLOSED)
        return GW_CANCELLED;
    if (data.len > s->out.max - s->out.len)
        push(s); /* much in one round is no sign of a slow peer yet */
    if (s->state == CLOSED)
        return GW_CANCELLED;
    if (data.len > s->out.max - s->out.len) {
        (void)gw_fail(&err, GW_LIMIT, "peer reads too slowly: %zu bytes wait", s->out.len);
        net_stream_failed(s, &err);
        return GW_LIMIT;
    }
    gw_buf_add_str(&s->out, data);
    s->drain_due = true;
    if (s->state == OPEN && s->out.len >= PUSH_AT)
        push(s);
    if (s->state != PENDING)
        set_soon(s);
    return GW_OK;
}

size_t net_stream_queued(const struct net_stream *s)
{
    return s->out.len;
}

void net_stream_pause(struct net_stream *s, bool paused)
{
    s->paused = paused;
    if (!paused && s->state == OPEN && s->ssl && SSL_has_pending(s->ssl)) {
        s->read_again = true;
        set_soon(s);
    }
    set_watch(s);
}

void net_stream_close(struct net_stream *s)
{
    switch (s->state) {
    case FLUSHING:
        s->out.len = s->clear_left; /* the rest was meant for TLS */
        /* fall through */
    case OPEN:
        s->state = CLOSING;
        set_deadline(s, gw_time_after(net_loop_now(s->loop).mono,
                                      s->handshake_ms < CLOSING_MS ? s->handshake_ms : CLOSING_MS));
        set_watch(s);
        set_soon(s);
        break;
    case PENDING:
    case HANDSHAKE:
        ended(s);
        break;
    case CLOSING:
    case LINGERING:
    case CLOSED:
        break;
    }
}

bool net_stream_is_tls(const struct net_stream *s)
{
    return s->ssl && s->state != HANDSHAKE;
}

SSL *net_stream_ssl(const struct net_stream *s)
{
    return net_stream_is_tls(s) ? s->ssl : NULL;
}

const char *net_stream_peer(const struct net_stream *s)
{
    return s->peer;
}

int net_stream_fd(const struct net_stream *s)
{
    return s->fd;
}

struct net_loop *net_stream_loop(const struct net_stream *s)
{
    return s->loop;
}

bool net_stream_peer_uid(const struct net_stream *s, unsigned *uid)
{
    struct ucred cred = { 0 };
    socklen_t len = sizeof cred;
    struct sockaddr_storage ss = { 0 };
    socklen_t ss_len = sizeof ss;

    if (s->fd < 0 || getsockname(s->fd, (struct sockaddr *)&ss, &ss_len) ||
        ss.ss_family != AF_UNIX || getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
        return false;
    *uid = cred.uid;
    return true;
}
