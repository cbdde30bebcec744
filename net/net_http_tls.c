/* HTTPS in front of the HTTP listener: TLS is that of every other stream, and libmicrohttpd is given one
 * end of a socket pair, in clear. So there is one TLS library, and policies, certificates and half-open
 * connections are handled in one place. What one side cannot take stays with the other: at most a round
 * of the loop waits here. A client that takes nothing of its answer is cut off, since libmicrohttpd, which
 * gives up on it, is not heard while the answer cannot be passed on. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gw_buf.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "net_priv.h"

enum {
    IN_MAX = NET_SCRATCH_LEN, /* what a stream hands over in one go: then it is paused */
    OUT_HIGH = 128 * 1024,    /* so much waits for the client, then libmicrohttpd does */
    OUT_MAX = OUT_HIGH + NET_SCRATCH_LEN,
    /* Beside the connections that are allowed, so that those who never finish one keep out nobody: of them
     * the oldest is cut off. */
    HANDSHAKES_MAX = 1000
};

struct net_http_tls {
    struct net_loop *loop;
    struct net_listener *listener;
    struct net_tls *tls;
    struct gw_list conns;
    struct gw_list fed; /* conns that libmicrohttpd was given something by */
    unsigned idle_ms;
    enum gw_code (*admit)(const struct ssl_st *ssl, void *admit_ctx, struct gw_err *err);
    void *admit_ctx;
    net_http_tls_take_fn *take;
    void (*on_fed)(void *ctx);
    void *ctx;
};

struct conn {
    struct gw_list link, fed;
    struct net_http_tls *of;
    struct net_stream *stream;
    struct net_watch *watch; /* NULL: not handed over yet, or the answer is complete */
    struct net_timer *stall; /* there while the client is waited for */
    size_t left;             /* what it had not taken when 'stall' was set */
    int fd;
    bool is_ready;    /* the handshake is done */
    struct gw_buf in; /* what libmicrohttpd has not read yet */
};

static void fd_close(struct conn *c)
{
    net_watch_free(&c->watch);
    net_timer_free(&c->stall);
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
}

static void conn_free(struct conn *c)
{
    gw_list_remove(&c->link);
    gw_list_remove(&c->fed);
    fd_close(c);
    net_stream_free(&c->stream);
    gw_buf_done(&c->in);
    free(c);
}

/* The other end is gone: what it said is still sent. */
static void answered(struct conn *c)
{
    fd_close(c);
    net_stream_close(c->stream);
}

static void stall_wait(struct conn *c)
{
    c->left = net_stream_queued(c->stream);
    net_timer_set(c->stall, gw_time_after(net_loop_now(c->of->loop).mono, c->of->idle_ms));
}

static void on_stall(struct gw_now now, void *ctx)
{
    struct conn *c = ctx;

    (void)now;
    if (net_stream_queued(c->stream) == c->left)
        answered(c);
    else
        stall_wait(c);
}

static void watch_set(struct conn *c)
{
    bool full = net_stream_queued(c->stream) >= OUT_HIGH;

    if (!c->watch)
        return;
    net_watch_set(c->watch, (full ? 0 : NET_IO_READ) | (c->in.len ? NET_IO_WRITE : 0));
    if (!full) {
        net_timer_free(&c->stall);
    } else if (!c->stall) {
        c->stall = net_timer_new(c->of->loop, on_stall, c);
        stall_wait(c);
    }
}

/* ---- from the client to libmicrohttpd ---- */

/* How much of it is done with. When the other end is gone nobody wants it: that is heard by reading what
 * it has said last. */
static size_t hand_over(const struct conn *c, struct gw_str data)
{
    ssize_t n = send(c->fd, data.p, data.len, MSG_NOSIGNAL);

    if (n >= 0)
        return (size_t)n;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    (void)shutdown(c->fd, SHUT_WR); /* nothing comes after a gap */
    return data.len;
}

static void on_data(struct net_stream *s, struct gw_str data, void *ctx)
{
    struct conn *c = ctx;

    if (c->fd < 0)
        return;
    assert(!c->in.len); /* the stream is paused while there is */
    gw_buf_add_str(&c->in, gw_str_sub(data, hand_over(c, data), data.len));
    if (c->in.len)
        net_stream_pause(s, true);
    watch_set(c);
    gw_list_remove(&c->fed);
    gw_list_append(&c->of->fed, &c->fed);
    c->of->on_fed(c->of->ctx);
}

static void give_rest(struct conn *c)
{
    gw_buf_consume(&c->in, hand_over(c, gw_buf_str(&c->in)));
    if (c->in.len)
        return;
    gw_buf_done(&c->in);
    net_stream_pause(c->stream, false);
}

/* ---- and back ---- */

static void read_answer(struct conn *c)
{
    char *scratch = net_loop_scratch(c->of->loop);

    while (net_stream_queued(c->stream) < OUT_HIGH) {
        ssize_t n = recv(c->fd, scratch, NET_SCRATCH_LEN, 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0 || net_stream_write(c->stream, (struct gw_str){ scratch, (size_t)n }) != GW_OK) {
            answered(c);
            return;
        }
    }
}

static void on_pair(int fd, int events, void *ctx)
{
    struct conn *c = ctx;

    (void)fd;
    if ((events & NET_IO_WRITE) && c->in.len)
        give_rest(c);
    if ((events & NET_IO_READ) && c->fd >= 0)
        read_answer(c);
    watch_set(c);
}

void net_http_tls_collect(struct net_http_tls *h)
{
    struct gw_list *link;

    while ((link = gw_list_pop(&h->fed))) {
        struct conn *c = GW_CONTAINER(link, struct conn, fed);

        if (c->fd < 0)
            continue;
        read_answer(c);
        watch_set(c);
    }
}

static void on_drain(struct net_stream *s, void *ctx)
{
    (void)s;
    watch_set(ctx);
}

/* ---- life of a connection ---- */

static void say_failed(const struct conn *c, const struct gw_err *why)
{
    gw_info("net", "https connection failed port=%u peer=%s reason=\"%s\"",
            net_listener_port(c->of->listener), net_stream_peer(c->stream), why->msg);
}

static void on_closed(struct net_stream *s, const struct gw_err *why, void *ctx)
{
    struct conn *c = ctx;

    (void)s;
    if (why->code && !c->is_ready)
        say_failed(c, why);
    conn_free(c);
}

static bool pair_up(struct conn *c, int *theirs)
{
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd))
        return false;
    c->fd = fd[0];
    *theirs = fd[1];
    return true;
}

static void on_ready(struct net_stream *s, void *ctx)
{
    struct conn *c = ctx;
    struct sockaddr_storage peer = { 0 };
    socklen_t len = sizeof(peer);
    struct gw_err err;
    int theirs;

    c->is_ready = true;
    if (c->of->admit && c->of->admit(net_stream_ssl(s), c->of->admit_ctx, &err)) {
        say_failed(c, &err);
        net_stream_close(s);
        return;
    }
    (void)getpeername(net_stream_fd(s), (struct sockaddr *)&peer, &len);
    if (!pair_up(c, &theirs)) {
        gw_error("net",
                 "https connection closed peer=%s: no socket pair, raise the limit of open "
                 "files",
                 net_stream_peer(s));
        net_stream_close(s);
        return;
    }
    c->watch = net_watch_new(c->of->loop, c->fd, on_pair, c);
    watch_set(c);
    if (!c->of->take(theirs, s, (struct sockaddr *)&peer, len, c->of->ctx)) {
        (void)gw_fail(&err, GW_LIMIT, "too many are open, in all or of its address");
        say_failed(c, &err);
        answered(c);
    }
}

static const struct net_stream_handlers handlers = {
    .on_ready = on_ready, .on_data = on_data, .on_drain = on_drain, .on_closed = on_closed
};

static void on_accept(struct net_stream *s, void *ctx)
{
    struct net_http_tls *h = ctx;
    struct conn *c = gw_new(struct conn);

    c->of = h;
    c->stream = s;
    c->fd = -1;
    gw_list_init(&c->fed);
    gw_buf_init(&c->in, IN_MAX);
    gw_list_append(&h->conns, &c->link);
    net_stream_set_handlers(s, &handlers, c);
    net_stream_start_tls(s, h->tls, NULL);
}

void net_http_tls_readmit(struct net_http_tls *h)
{
    struct gw_list *it, *tmp;
    struct gw_err err;

    GW_LIST_EACH(&h->conns, it, tmp)
    {
        struct conn *c = GW_CONTAINER(it, struct conn, link);
        const struct ssl_st *ssl = c->watch ? net_stream_ssl(c->stream) : NULL;

        if (!ssl || h->admit(ssl, h->admit_ctx, &err) == GW_OK)
            continue;
        gw_info("net", "https connection closed port=%u peer=%s reason=\"%s\"",
                net_listener_port(h->listener), net_stream_peer(c->stream), err.msg);
        answered(c);
    }
}

/* ---- life of the listener ---- */

enum gw_code net_http_tls_new(struct net_loop *loop, const struct net_http_tls_args *args,
                              struct net_http_tls **out, struct gw_err *err)
{
    struct net_http_tls *h = gw_new(struct net_http_tls);
    enum gw_code rc;

    h->loop = loop;
    h->admit = args->admit;
    h->admit_ctx = args->admit_ctx;
    h->take = args->take;
    h->on_fed = args->fed;
    h->ctx = args->ctx;
    h->idle_ms = args->idle_ms;
    gw_list_init(&h->conns);
    gw_list_init(&h->fed);
    rc =
        net_listen(loop,
                   &(struct net_listen_args){ .address = args->address,
                                              .port = args->port,
                                              .backlog_max = args->connections_max + HANDSHAKES_MAX,
                                              .handshakes_max = HANDSHAKES_MAX,
                                              .limits = { .out_max = OUT_MAX },
                                              .on_accept = on_accept,
                                              .ctx = h },
                   &h->listener, err);
    if (rc) {
        free(h);
        return rc;
    }
    h->tls = net_tls_ref(args->tls);
    *out = h;
    return GW_OK;
}

void net_http_tls_set(struct net_http_tls *h, struct net_tls *tls)
{
    struct net_tls *old = h->tls;

    h->tls = net_tls_ref(tls);
    net_tls_unref(&old);
}

uint16_t net_http_tls_port(const struct net_http_tls *h)
{
    return net_listener_port(h->listener);
}

void net_http_tls_free(struct net_http_tls **hp)
{
    struct net_http_tls *h = *hp;
    struct gw_list *it, *tmp;

    if (!h)
        return;
    *hp = NULL;
    net_listener_free(&h->listener);
    GW_LIST_EACH(&h->conns, it, tmp)
    conn_free(GW_CONTAINER(it, struct conn, link));
    net_tls_unref(&h->tls);
    free(h);
}
