/* The HTTP listener over libmicrohttpd, without threads: its epoll descriptor is watched by the
 * loop, and everything it does happens inside MHD_run().
 *
 *   RECEIVING --whole--> HANDLING --reply--> ANSWERED --sent--> gone
 *       |                   |--returned--> WAITING --reply--^
 *       |                   '--stream--> STREAMING --stream_end--> ENDED --sent--> gone
 *       '--too large--> REFUSED              (drop, or the client left: DROPPED --> gone)
 *
 * libmicrohttpd knows nothing of a connection that is suspended, so that while an answer is awaited
 * an epoll set of our own looks for clients that hang up. Nor does it bound the time of a request
 * that comes drop by drop: connections are kept in the order of their last whole request, and the
 * first ones are cut off. */
#include "net_http_server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "net_priv.h"

enum {
    CONNECTIONS_DEFAULT = 1000,
    IDLE_DEFAULT_S = 60,
    /* A request may take this many idle times from the last one's end. */
    REQUEST_IDLE_TIMES = 2,
    /* How much of a body that is too large is read and dropped, so that the client reads our 413
     * instead of a reset connection. */
    DISCARD_MAX = 1024 * 1024,
    STREAM_QUEUE_MAX = 1024 * 1024, /* as the header says */
    STREAM_BLOCK = 16 * 1024,
    REPLY_HEADERS_MAX = 16 * 1024,
    LOG_LINE_MAX = 200
};

enum { BINDING_MAX = 64 }; /* bytes of the longest hash */

struct net_http_server {
    struct net_loop *loop;
    net_http_handler_fn *handler;
    net_http_piece_fn *piece;
    void *ctx;
    size_t body_max;
    unsigned connections_max, connections_per_ip_max, idle_s;
    gw_time request_ms;
    struct MHD_Daemon *mhd;
    struct net_watch *watch;
    struct net_bound bound;   /* plain: the library accepts */
    struct net_http_tls *tls; /* HTTPS: it is given connections; NULL: plain */
    struct net_stream *taken; /* whose connection it is being given */
    struct net_timer *timer;
    gw_time timer_at;
    struct net_defer again; /* MHD_run() once more, soon */
    int gone_fd;            /* epoll set of the suspended connections */
    struct net_watch *gone_watch;
    struct gw_list connections; /* struct connection, oldest 'since' first */
    struct gw_list exchanges;
    uint64_t last_id;
    bool running; /* inside MHD_run() */
    bool freed;   /* by a callback inside MHD_run() */
    char last_log[LOG_LINE_MAX];
};

struct connection {
    struct gw_list link;
    uint64_t id;
    gw_time since; /* when its last whole request ended, or it came */
    int fd;
    struct net_http_exchange *x;
    void *data; /* the handler's */
    void (*on_end)(void *data);
    char peer[NET_PEER_TEXT_MAX];
    char binding[BINDING_MAX]; /* tls-server-end-point */
    size_t binding_len;
    char cn[NET_PEER_CN_MAX];
};

enum state { RECEIVING, REFUSED, HANDLING, WAITING, ANSWERED, STREAMING, ENDED, DROPPED };

struct net_http_exchange {
    struct gw_list link;
    struct net_http_server *server;
    struct connection *connection;
    struct MHD_Connection *mhd;
    const char *method, *path;
    enum state state;
    bool suspended;
    bool taken; /* the body, piece by piece */
    struct gw_buf body;
    size_t discarded;
    struct gw_buf reply_headers; /* name NUL value NUL ... */
    struct MHD_Response *response;
    unsigned status;
    struct gw_buf out; /* of a stream */
    void (*on_gone)(void *ctx);
    void *gone_ctx;
};

/* --- suspended connections --- */

static void exchange_suspend(struct net_http_exchange *x)
{
    struct epoll_event ev = { .events = EPOLLRDHUP, .data.ptr = x };

    assert(!x->suspended);
    x->suspended = true;
    MHD_suspend_connection(x->mhd);
    if (epoll_ctl(x->server->gone_fd, EPOLL_CTL_ADD, x->connection->fd, &ev))
        gw_warn("net", "http epoll error='%s', a client that leaves is not noticed",
                strerror(errno));
}

static void exchange_resume(struct net_http_exchange *x)
{
    if (!x->suspended)
        return;
    x->suspended = false;
    (void)epoll_ctl(x->server->gone_fd, EPOLL_CTL_DEL, x->connection->fd, NULL);
    MHD_resume_connection(x->mhd);
    net_defer_set(x->server->loop, &x->server->again);
}

/* The owner of the exchange hears of its end, once. */
static void exchange_gone(struct net_http_exchange *x)
{
    void (*on_gone)(void *ctx) = x->on_gone;

    x->on_gone = NULL;
    x->state = DROPPED;
    if (on_gone)
        on_gone(x->gone_ctx);
}

static bool exchange_is_owned(const struct net_http_exchange *x)
{
    return x->state == HANDLING || x->state == WAITING || x->state == STREAMING;
}

/* One at a time, since the callback may end any other exchange, or the server. */
static void on_gone_ready(int fd, int events, void *ctx)
{
    struct epoll_event ev;

    (void)events;
    (void)ctx;
    if (epoll_wait(fd, &ev, 1, 0) == 1) {
        struct net_http_exchange *x = ev.data.ptr;

        exchange_resume(x);
        exchange_gone(x);
    }
}

/* --- answers --- */

static struct MHD_Response *response_of(struct gw_str body)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(body.len, (void *)body.p,
                                                             MHD_RESPMEM_MUST_COPY); /* NOLINT */

    if (!r)
        abort(); /* out of memory */
    return r;
}

static void add_headers(struct net_http_exchange *x, const char *content_type)
{
    const char *p = x->reply_headers.p;
    const char *end = p ? p + x->reply_headers.len : NULL;

    if (content_type)
        (void)MHD_add_response_header(x->response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    while (p < end) {
        const char *name = p;
        const char *value = name + strlen(name) + 1;

        if (MHD_add_response_header(x->response, name, value) != MHD_YES)
            gw_warn("net", "http header=%s refused, the answer goes without it", name);
        p = value + strlen(value) + 1;
    }
}

static enum MHD_Result queue_response(struct net_http_exchange *x)
{
    enum MHD_Result result = MHD_queue_response(x->mhd, x->status, x->response);

    MHD_destroy_response(x->response); /* counted */
    x->response = NULL;
    return result;
}

static enum MHD_Result refuse_large(struct net_http_exchange *x)
{
    char text[80];
    int len = snprintf(text, sizeof text, "the body of a request has at most %zu bytes here\n",
                       x->server->body_max);

    x->state = REFUSED;
    x->status = MHD_HTTP_CONTENT_TOO_LARGE;
    x->response = response_of((struct gw_str){ text, (size_t)len });
    (void)MHD_add_response_header(x->response, MHD_HTTP_HEADER_CONNECTION, "close");
    return queue_response(x);
}

void net_http_on_gone(struct net_http_exchange *x, void (*on_gone)(void *ctx), void *ctx)
{
    x->on_gone = on_gone;
    x->gone_ctx = ctx;
}

void net_http_reply_header(struct net_http_exchange *x, const char *name, const char *value)
{
    gw_buf_add(&x->reply_headers, name, strlen(name) + 1);
    gw_buf_add(&x->reply_headers, value, strlen(value) + 1);
    assert(!x->reply_headers.failed);
}

/* Inside the handler MHD is told after it has returned; otherwise as soon as MHD runs. */
static void give(struct net_http_exchange *x, enum state state)
{
    x->state = state;
    x->connection->since = net_loop_now(x->server->loop).mono;
    gw_list_remove(&x->connection->link);
    gw_list_append(&x->server->connections, &x->connection->link);
    exchange_resume(x);
}

void net_http_reply(struct net_http_exchange *x, int status, const char *content_type,
                    struct gw_str body)
{
    assert(x->state == HANDLING || x->state == WAITING);
    x->status = (unsigned)status;
    x->response = response_of(body);
    add_headers(x, content_type);
    x->on_gone = NULL;
    give(x, ANSWERED);
}

void net_http_drop(struct net_http_exchange *x)
{
    bool streaming = x->state == STREAMING;

    assert(exchange_is_owned(x));
    x->on_gone = NULL;
    give(x, DROPPED);
    /* In the middle of an answer MHD may only mark the connection as closed, and close it whenever it
     * hears of its socket again. */
    if (streaming)
        (void)shutdown(x->connection->fd, SHUT_RDWR);
}

/* --- streams --- */

/* Called by MHD when the client can take more. */
static ssize_t on_stream_wanted(void *cls, uint64_t pos, char *out, size_t max)
{
    struct net_http_exchange *x = cls;
    size_t len = x->out.len < max ? x->out.len : max;

    (void)pos;
    if (x->state == DROPPED)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (len) {
        memcpy(out, x->out.p, len);
        gw_buf_consume(&x->out, len);
        return (ssize_t)len;
    }
    if (x->state == ENDED)
        return MHD_CONTENT_READER_END_OF_STREAM;
    exchange_suspend(x);
    return 0;
}

void net_http_stream(struct net_http_exchange *x, int status, const char *content_type)
{
    assert(x->state == HANDLING || x->state == WAITING);
    x->status = (unsigned)status;
    x->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
                                                    on_stream_wanted, x, NULL);
    if (!x->response)
        abort(); /* out of memory */
    add_headers(x, content_type);
    give(x, STREAMING);
}

enum gw_code net_http_stream_write(struct net_http_exchange *x, struct gw_str data)
{
    assert(x->state == STREAMING);
    if (data.len > STREAM_QUEUE_MAX - x->out.len)
        return GW_LIMIT;
    gw_buf_add_str(&x->out, data);
    if (data.len)
        exchange_resume(x);
    return GW_OK;
}

void net_http_stream_end(struct net_http_exchange *x)
{
    assert(x->state == STREAMING);
    x->on_gone = NULL;
    give(x, ENDED);
}

/* --- requests --- */

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static struct net_http_exchange *exchange_new(struct net_http_server *s, struct MHD_Connection *mhd,
                                              const char *method, const char *path)
{
    struct net_http_exchange *x = gw_new(struct net_http_exchange);

    x->server = s;
    x->mhd = mhd;
    x->method = method;
    x->path = path;
    x->connection = connection_of(mhd);
    x->connection->x = x;
    gw_buf_init(&x->body, s->body_max);
    gw_buf_init(&x->reply_headers, REPLY_HEADERS_MAX);
    gw_buf_init(&x->out, STREAM_QUEUE_MAX);
    gw_list_append(&s->exchanges, &x->link);
    return x;
}

static void exchange_free(struct net_http_exchange *x)
{
    gw_list_remove(&x->link);
    if (x->connection->x == x)
        x->connection->x = NULL;
    if (x->response)
        MHD_destroy_response(x->response);
    gw_buf_done(&x->body);
    gw_buf_done(&x->reply_headers);
    gw_buf_done(&x->out);
    free(x);
}

/* The headers are there. What says by itself that it is far too large, or asks first, is answered
 * before the body comes. */
static enum MHD_Result begin(struct net_http_exchange *x)
{
    struct gw_str text = net_http_header(x, MHD_HTTP_HEADER_CONTENT_LENGTH);
    size_t body_max = x->server->body_max;
    int64_t len;

    x->taken = x->server->piece && x->server->piece(x, GW_STR(""), x->server->ctx);
    if (x->taken)
        return MHD_YES;
    if (!text.p || !gw_str_to_int(text, 0, INT64_MAX, &len) || (uint64_t)len <= body_max)
        return MHD_YES;
    if ((uint64_t)len > body_max + DISCARD_MAX || net_http_header(x, MHD_HTTP_HEADER_EXPECT).p)
        return refuse_large(x);
    return MHD_YES;
}

static enum MHD_Result take_body(struct net_http_exchange *x, const char *data, size_t *len)
{
    if (x->taken) {
        (void)x->server->piece(x, (struct gw_str){ data, *len }, x->server->ctx);
    } else if (!x->discarded && *len <= x->body.max - x->body.len) {
        gw_buf_add(&x->body, data, *len);
    } else {
        gw_buf_done(&x->body);
        x->discarded += *len;
    }
    *len = 0;
    return x->discarded > DISCARD_MAX ? MHD_NO : MHD_YES;
}

/* The request is whole, or its connection was resumed. */
static enum MHD_Result go_on(struct net_http_exchange *x)
{
    struct net_http_server *s = x->server;

    if (x->state == RECEIVING) {
        if (x->discarded)
            return refuse_large(x);
        x->state = HANDLING;
        s->handler(x, s->ctx);
        if (x->state == HANDLING)
            x->state = WAITING;
    }
    switch (x->state) {
    case WAITING:
        exchange_suspend(x);
        return MHD_YES;
    case ANSWERED:
    case STREAMING:
    case ENDED:
        return queue_response(x);
    case DROPPED:
        return MHD_NO;
    case RECEIVING:
    case REFUSED:
    case HANDLING:
        break;
    }
    return MHD_NO;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **xp)
{
    struct net_http_server *s = cls;

    (void)version;
    if (s->freed)
        return MHD_NO;
    if (!*xp) {
        struct net_http_exchange *x = exchange_new(s, mhd, method, url);

        *xp = x;
        return begin(x);
    }
    if (*len)
        return take_body(*xp, data, len);
    return go_on(*xp);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **xp,
                         enum MHD_RequestTerminationCode why)
{
    struct net_http_exchange *x = *xp;

    (void)cls;
    (void)mhd;
    (void)why;
    if (!x)
        return;
    *xp = NULL;
    if (exchange_is_owned(x))
        exchange_gone(x);
    exchange_free(x);
}

static void connection_forget(struct connection *c)
{
    if (c->on_end)
        c->on_end(c->data);
}

static void binding_note(struct connection *c, struct net_stream *stream)
{
    struct gw_buf binding;

    gw_buf_init(&binding, BINDING_MAX);
    if (net_stream_channel_binding(stream, "tls-server-end-point", &binding) == GW_OK &&
        !binding.failed) {
        memcpy(c->binding, binding.p, binding.len);
        c->binding_len = binding.len;
    }
    gw_buf_done(&binding);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct net_http_server *s = cls;
    struct connection *c = *context;

    switch (what) {
    case MHD_CONNECTION_NOTIFY_STARTED:
        c = gw_new(struct connection);
        c->id = ++s->last_id;
        c->since = net_loop_now(s->loop).mono;
        c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        if (s->taken) {
            binding_note(c, s->taken);
            net_tls_peer_cn(net_stream_ssl(s->taken), c->cn);
        }
        gw_list_append(&s->connections, &c->link);
        *context = c;
        break;
    case MHD_CONNECTION_NOTIFY_CLOSED:
        *context = NULL;
        gw_list_remove(&c->link);
        connection_forget(c);
        free(c);
        break;
    }
}

/* A zero byte would end the path, so that "/a%00b" would pass for "/a": it stays encoded. */
static size_t unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
    static const char zero[] = "%00";
    char *found = strstr(text, zero);
    char *end;

    (void)cls;
    (void)mhd;
    if (!found)
        return MHD_http_unescape(text);
    *found = '\0';
    end = text + MHD_http_unescape(text);
    memmove(end, zero, 3);
    /* The rest is decoded where it stands, and then moved up. */
    (void)unescape(cls, mhd, found + 3);
    memmove(end + 3, found + 3, strlen(found + 3) + 1);
    return strlen(text);
}

/* --- what the handler asks --- */

struct gw_str net_http_method(const struct net_http_exchange *x)
{
    return gw_str_of(x->method);
}

struct gw_str net_http_path(const struct net_http_exchange *x)
{
    return gw_str_of(x->path);
}

static struct gw_str lookup(const struct net_http_exchange *x, enum MHD_ValueKind kind,
                            const char *name)
{
    struct gw_str value = { 0 };

    if (MHD_lookup_connection_value_n(x->mhd, kind, name, strlen(name), &value.p, &value.len) !=
        MHD_YES)
        return (struct gw_str){ 0 };
    return value.p ? value : GW_STR(""); /* "?flag" has a name only */
}

struct gw_str net_http_query(const struct net_http_exchange *x, const char *name)
{
    return lookup(x, MHD_GET_ARGUMENT_KIND, name);
}

struct gw_str net_http_header(const struct net_http_exchange *x, const char *name)
{
    return lookup(x, MHD_HEADER_KIND, name);
}

struct gw_str net_http_body(const struct net_http_exchange *x)
{
    return gw_buf_str(&x->body);
}

const char *net_http_peer(const struct net_http_exchange *x)
{
    struct connection *c = x->connection;

    if (!c->peer[0]) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

        (void)net_peer_text(info->client_addr, false, c->peer);
    }
    return c->peer;
}

bool net_http_peer_uid(const struct net_http_exchange *x, unsigned *uid)
{
    struct ucred cred;
    socklen_t len = sizeof cred;

    if (x->server->tls || /* the socket is of a pair: its peer is we */
        getsockopt(x->connection->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ||
        cred.uid == (uid_t)-1)
        return false;
    *uid = cred.uid;
    return true;
}

struct gw_str net_http_peer_cn(const struct net_http_exchange *x)
{
    return gw_str_of(x->connection->cn);
}

uint64_t net_http_connection_id(const struct net_http_exchange *x)
{
    return x->connection->id;
}

void net_http_connection_set(struct net_http_exchange *x, void *data, void (*on_end)(void *data))
{
    connection_forget(x->connection);
    x->connection->data = data;
    x->connection->on_end = on_end;
}

void *net_http_connection_get(const struct net_http_exchange *x)
{
    return x->connection->data;
}

struct gw_str net_http_end_point(const struct net_http_exchange *x)
{
    const struct connection *c = x->connection;

    return (struct gw_str){ c->binding, c->binding_len };
}

/* --- the daemon in the loop --- */

/* Cuts off who has not sent a whole request in time. */
static gw_time cut_slow(struct net_http_server *s, gw_time now)
{
    while (!gw_list_is_empty(&s->connections)) {
        struct connection *c = GW_CONTAINER(s->connections.next, struct connection, link);

        if (c->since + s->request_ms > now)
            return c->since + s->request_ms;
        gw_list_remove(&c->link);
        gw_list_append(&s->connections, &c->link);
        c->since = now;
        if (c->x && exchange_is_owned(c->x)) /* it is we who make it wait */
            continue;
        gw_debug("net", "http peer too slow connection=%ju", (uintmax_t)c->id);
        (void)shutdown(c->fd, SHUT_RDWR); /* MHD sees it as closed by the client */
    }
    return GW_NEVER;
}

static void set_timer(struct net_http_server *s)
{
    gw_time now = net_loop_now(s->loop).mono;
    gw_time at = cut_slow(s, now);
    MHD_UNSIGNED_LONG_LONG ms;

    if (MHD_get_timeout(s->mhd, &ms) == MHD_YES) {
        if (!ms)
            net_defer_set(s->loop, &s->again);
        else if (gw_time_after(now, (int64_t)ms) < at)
            at = gw_time_after(now, (int64_t)ms);
    }
    if (at >= s->timer_at) /* the timer comes earlier, and sets itself again */
        return;
    s->timer_at = at;
    net_timer_set(s->timer, at);
}

static void server_destroy(struct net_http_server *s);

/* An answer that is given at once is written by the second pass. */
static void daemon_run(struct net_http_server *s)
{
    MHD_UNSIGNED_LONG_LONG ms;

    s->running = true;
    (void)MHD_run(s->mhd);
    if (s->tls && !s->freed && MHD_get_timeout(s->mhd, &ms) == MHD_YES && !ms)
        (void)MHD_run(s->mhd);
    s->running = false;
}

static void server_run(struct net_http_server *s)
{
    daemon_run(s);
    if (s->freed) {
        server_destroy(s);
        return;
    }
    if (s->tls)
        net_http_tls_collect(s->tls);
    set_timer(s);
}

static void on_daemon_ready(int fd, int events, void *ctx)
{
    (void)fd;
    (void)events;
    server_run(ctx);
}

static void on_again(struct net_defer *d)
{
    server_run(GW_CONTAINER(d, struct net_http_server, again));
}

static void on_timer(struct gw_now now, void *ctx)
{
    struct net_http_server *s = ctx;

    (void)now;
    s->timer_at = GW_NEVER;
    server_run(s);
}

/* libmicrohttpd's own words: for debugging, and for the error of a start that failed. */
__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *fmt, va_list ap)
{
    struct net_http_server *s = cls;
    char quoted[GW_QUOTE_MAX];

    (void)vsnprintf(s->last_log, sizeof s->last_log, fmt, ap);
    gw_debug("net", "http library says=%s", gw_quote(gw_str_trim(gw_str_of(s->last_log)), quoted));
}

/* --- life --- */

/* Of one that accepts by itself the listening socket is closed when it cannot be. */
static enum gw_code daemon_start(struct net_http_server *s, int listening, struct gw_err *err)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_TURBO;
    struct MHD_OptionItem accepts[] = { { MHD_OPTION_LISTEN_SOCKET, listening, NULL },
                                        { MHD_OPTION_END, 0, NULL } };
    struct MHD_OptionItem is_given[] = { { MHD_OPTION_END, 0, NULL } };
    const union MHD_DaemonInfo *info;
    struct stat before = { 0 }, after = { 0 };

    (void)fstat(listening, &before);
    s->mhd = MHD_start_daemon(flags | (listening < 0 ? MHD_USE_NO_LISTEN_SOCKET : 0), 0, NULL, NULL,
                              on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s, /* first */
                              MHD_OPTION_CONNECTION_LIMIT, s->connections_max,      /* */
                              MHD_OPTION_PER_IP_CONNECTION_LIMIT, s->connections_per_ip_max, /* */
                              MHD_OPTION_CONNECTION_TIMEOUT, s->idle_s,                      /* */
                              MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,                  /* */
                              MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,                /* */
                              MHD_OPTION_UNESCAPE_CALLBACK, unescape, s,                     /* */
                              MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,                          /* */
                              MHD_OPTION_ARRAY, listening < 0 ? is_given : accepts, MHD_OPTION_END);
    if (!s->mhd) {
        /* Whether MHD has closed the socket depends on how far it came. */
        if (listening >= 0 && !fstat(listening, &after) && before.st_ino == after.st_ino &&
            before.st_dev == after.st_dev)
            (void)close(listening);
        return gw_fail(err, GW_INTERNAL, "cannot start the HTTP listener: %.*s",
                       GW_STR_ARG(gw_str_trim(gw_str_of(s->last_log))));
    }
    info = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    s->watch = net_watch_new(s->loop, info->epoll_fd, on_daemon_ready, s);
    net_watch_set(s->watch, NET_IO_READ);
    return GW_OK;
}

/* The library closes the socket also when it does not take it. */
static bool on_take(int fd, struct net_stream *stream, const struct sockaddr *sa, socklen_t len,
                    void *ctx)
{
    struct net_http_server *s = ctx;
    bool ok;

    s->taken = stream;
    ok = MHD_add_connection(s->mhd, fd, sa, len) == MHD_YES;
    s->taken = NULL;
    net_defer_set(s->loop, &s->again);
    return ok;
}

/* At once: an answer that is there leaves in this round of the loop. */
static void on_fed(void *ctx)
{
    server_run(ctx);
}

static enum gw_code listen_tls(struct net_http_server *s, const struct net_http_server_args *args,
                               struct gw_err *err)
{
    const struct net_http_tls_args tls = { .address = args->address,
                                           .port = args->port,
                                           .tls = args->tls,
                                           .connections_max = s->connections_max,
                                           .idle_ms = s->idle_s * GW_SECOND_MS,
                                           .admit = args->admit,
                                           .admit_ctx = args->admit_ctx,
                                           .take = on_take,
                                           .fed = on_fed,
                                           .ctx = s };
    enum gw_code rc = daemon_start(s, -1, err);

    return rc ? rc : net_http_tls_new(s->loop, &tls, &s->tls, err);
}

static enum gw_code listen_plain(struct net_http_server *s, const struct net_http_server_args *args,
                                 struct gw_err *err)
{
    struct net_bind bind = { .address = args->address,
                             .port = args->port,
                             .unix_path = args->unix_path,
                             .unix_mode = args->unix_mode };
    enum gw_code rc = net_bind(&bind, &s->bound, err);

    if (!rc)
        rc = daemon_start(s, s->bound.fd, err);
    if (rc)
        net_bound_unlink(&s->bound);
    return rc;
}

enum gw_code net_http_server_new(struct net_loop *loop, const struct net_http_server_args *args,
                                 struct net_http_server **out, struct gw_err *err)
{
    struct net_http_server *s = gw_new(struct net_http_server);
    enum gw_code rc;

    s->loop = loop;
    s->handler = args->handler;
    s->piece = args->piece;
    s->ctx = args->ctx;
    s->body_max = args->body_max;
    s->connections_max = args->connections_max ? args->connections_max : CONNECTIONS_DEFAULT;
    s->connections_per_ip_max = args->connections_per_ip_max;
    s->idle_s = args->idle_s ? args->idle_s : IDLE_DEFAULT_S;
    s->request_ms = (gw_time)s->idle_s * GW_SECOND_MS * REQUEST_IDLE_TIMES;
    gw_list_init(&s->connections);
    gw_list_init(&s->exchanges);
    net_defer_init(&s->again, on_again);
    s->gone_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->gone_fd < 0)
        rc = gw_fail(err, GW_INTERNAL, "no epoll set: %s", strerror(errno));
    else
        rc = args->tls ? listen_tls(s, args, err) : listen_plain(s, args, err);
    if (rc) {
        server_destroy(s);
        return rc;
    }
    s->gone_watch = net_watch_new(s->loop, s->gone_fd, on_gone_ready, s);
    net_watch_set(s->gone_watch, NET_IO_READ);
    s->timer = net_timer_new(s->loop, on_timer, s);
    s->timer_at = GW_NEVER;
    *out = s;
    return GW_OK;
}

void net_http_server_tls_set(struct net_http_server *s, struct net_tls *tls)
{
    net_http_tls_set(s->tls, tls);
}

void net_http_server_readmit(struct net_http_server *s)
{
    net_http_tls_readmit(s->tls);
}

uint16_t net_http_server_port(const struct net_http_server *s)
{
    return s->tls ? net_http_tls_port(s->tls) : s->bound.port;
}

/* Also of one that was made in part. */
static void server_destroy(struct net_http_server *s)
{
    net_watch_free(&s->gone_watch);
    net_timer_free(&s->timer);
    net_defer_cancel(&s->again);
    net_watch_free(&s->watch);
    if (s->mhd)
        MHD_stop_daemon(s->mhd); /* closes the listening socket, too */
    net_http_tls_free(&s->tls);
    if (s->gone_fd >= 0)
        (void)close(s->gone_fd);
    free(s);
}

void net_http_server_free(struct net_http_server **sp)
{
    struct net_http_server *s = *sp;
    struct gw_list *link;

    if (!s)
        return;
    *sp = NULL;
    s->freed = true;
    net_bound_unlink(&s->bound);
    while ((link = gw_list_pop(&s->exchanges))) {
        struct net_http_exchange *x = GW_CONTAINER(link, struct net_http_exchange, link);

        exchange_resume(x);
        if (exchange_is_owned(x))
            exchange_gone(x);
    }
    if (!s->running)
        server_destroy(s);
}
