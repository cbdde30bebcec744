/* The transport of the XMPP front-end: the one file of it that knows net/. A connection here is a
 * stream, an engine, and a timer that is moved only when the engine's deadline comes nearer. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cert_peer.h"
#include "gw_list.h"
#include "gw_log.h"
#include "gw_map.h"
#include "gw_mem.h"
#include "net_stream.h"
#include "pres_guard.h"
#include "xmpp_c2s.h"
#include "xmpp_origin.h"

enum { LISTENERS_MAX = 16, OUT_QUEUE_TOP = 65536 * 1024 /* the parameter's maximum */ };

struct xmpp_server {
    struct net_loop *loop;
    struct net_pool *pool;
    struct pres_core *core;
    struct net_tls *tls, *login_tls;
    struct xmpp_host *host;
    struct net_listener *listeners[LISTENERS_MAX];
    size_t listener_count;
    struct gw_list conns;
    struct gw_log_limit lost; /* lines about connections */
    struct gw_map *origins;
    struct net_timer *timer; /* of sessions without connection */
};

struct conn {
    struct gw_list link;
    struct xmpp_server *server;
    struct net_stream *stream;
    struct xmpp_c2s *c2s;
    struct net_timer *timer;
    gw_time armed;
    struct xmpp_origin *origin; /* NULL: logged in */
    struct job *job;            /* a password with a worker */
    bool is_closing, is_paused;
    bool is_check_lost; /* no worker took it: to be told by the timer */
};

struct job {
    struct net_work *work;
    struct xmpp_check *check;
    struct conn *conn;
};

/* ---- One connection ---- */

static void job_free(void *ctx)
{
    struct job *job = ctx;

    xmpp_check_free(&job->check);
    free(job);
}

static void conn_free(struct conn *conn)
{
    gw_list_remove(&conn->link);
    xmpp_origin_leave(conn->server->origins, &conn->origin);
    if (conn->job)
        net_work_cancel(&conn->job->work, job_free);
    xmpp_c2s_free(&conn->c2s, net_loop_now(conn->server->loop));
    net_timer_free(&conn->timer);
    net_stream_free(&conn->stream);
    free(conn);
}

static void arm(struct conn *conn)
{
    gw_time at = xmpp_c2s_deadline(conn->c2s);

    if (at >= conn->armed)
        return;
    conn->armed = at;
    net_timer_set(conn->timer, at);
}

/* After each call of the engine. */
static void look(struct conn *conn)
{
    bool pause = xmpp_c2s_is_throttled(conn->c2s);

    if (xmpp_c2s_is_closed(conn->c2s) && !conn->is_closing) {
        conn->is_closing = true;
        net_stream_close(conn->stream);
    }
    if (xmpp_c2s_is_logged_in(conn->c2s))
        xmpp_origin_leave(conn->server->origins, &conn->origin);
    if (pause != conn->is_paused && !conn->is_closing) {
        conn->is_paused = pause;
        net_stream_pause(conn->stream, pause);
    }
    arm(conn);
}

static void on_timer(struct gw_now now, void *ctx)
{
    struct conn *conn = ctx;

    conn->armed = GW_NEVER;
    if (conn->is_check_lost) {
        conn->is_check_lost = false;
        xmpp_c2s_checked(conn->c2s, false, GW_AGAIN, now);
    }
    xmpp_c2s_tick(conn->c2s, now);
    look(conn);
}

/* ---- What the engine asks for ---- */

/* The bound is live, unlike the stream's own. */
static bool io_write(struct gw_str bytes, void *ctx)
{
    struct conn *conn = ctx;
    size_t max = (size_t)xmpp_host_settings(conn->server->host)->out_queue_kb * 1024;

    return net_stream_queued(conn->stream) + bytes.len <= max &&
           net_stream_write(conn->stream, bytes) == GW_OK;
}

static size_t io_queued(void *ctx)
{
    struct conn *conn = ctx;

    return net_stream_queued(conn->stream);
}

static void io_start_tls(void *ctx)
{
    struct conn *conn = ctx;
    const struct xmpp_server *server = conn->server;
    bool asks = server->login_tls && xmpp_host_settings(server->host)->client_certificates;

    net_stream_start_tls(conn->stream, asks ? server->login_tls : server->tls, NULL);
}

static void io_addresses(xmpp_address_fn *each, void *each_ctx, void *ctx)
{
    struct conn *conn = ctx;

    cert_peer_addresses(net_stream_ssl(conn->stream), each, each_ctx);
}

static void io_wake(void *ctx)
{
    struct conn *conn = ctx;

    conn->armed = 0;
    net_timer_set(conn->timer, 0);
}

static void job_run(void *ctx)
{
    struct job *job = ctx;

    xmpp_check_run(job->check);
}

static void job_done(void *ctx)
{
    struct job *job = ctx;
    struct conn *conn = job->conn;

    conn->job = NULL;
    xmpp_c2s_checked(conn->c2s, xmpp_check_is_right(job->check), GW_OK,
                     net_loop_now(conn->server->loop));
    job_free(job);
    look(conn);
}

static void io_check(struct xmpp_check *check, void *ctx)
{
    struct conn *conn = ctx;
    struct job *job = gw_new(struct job);

    job->check = check;
    job->conn = conn;
    job->work = net_work_start(conn->server->pool, job_run, job_done, job);
    if (job->work) {
        conn->job = job;
        return;
    }
    job_free(job);
    conn->is_check_lost = true;
    io_wake(conn);
}

static bool io_binding(const char *type, struct gw_buf *out, void *ctx)
{
    struct conn *conn = ctx;

    return net_stream_channel_binding(conn->stream, type, out) == GW_OK;
}

static const struct xmpp_io io = {
    .binding = io_binding,
    .addresses = io_addresses,
    .write = io_write,
    .queued = io_queued,
    .start_tls = io_start_tls,
    .check = io_check,
    .wake = io_wake,
};

/* ---- What the stream tells ---- */

static void on_ready(struct net_stream *s, void *ctx)
{
    struct conn *conn = ctx;

    if (!net_stream_is_tls(s))
        return;
    xmpp_c2s_tls_ready(conn->c2s);
    look(conn);
}

static void on_data(struct net_stream *s, struct gw_str data, void *ctx)
{
    struct conn *conn = ctx;

    (void)s;
    xmpp_c2s_feed(conn->c2s, data, net_loop_now(conn->server->loop));
    look(conn);
}

static void on_drain(struct net_stream *s, void *ctx)
{
    struct conn *conn = ctx;

    (void)s;
    xmpp_c2s_drained(conn->c2s);
    look(conn);
}

static void on_closed(struct net_stream *s, const struct gw_err *why, void *ctx)
{
    struct conn *conn = ctx;
    uint64_t left_out;

    if (why->code) {
        enum gw_log_level level =
            gw_log_limit(&conn->server->lost, net_loop_now(conn->server->loop).mono, &left_out);

        gw_log(level, "xmpp", "connection lost peer=%s reason=\"%s\" left_out=%llu",
               net_stream_peer(s), why->msg, (unsigned long long)left_out);
    }
    conn_free(conn);
}

static const struct net_stream_handlers handlers = {
    .on_ready = on_ready,
    .on_data = on_data,
    .on_drain = on_drain,
    .on_closed = on_closed,
};

static void take(struct xmpp_server *server, struct net_stream *s, bool is_direct)
{
    char network[PRES_NETWORK_MAX];
    struct xmpp_origin *origin = xmpp_origin_take(
        server->origins, gw_str_of(pres_network_of(gw_str_of(net_stream_peer(s)), network)),
        (size_t)xmpp_host_settings(server->host)->half_open_max);
    struct gw_now now = net_loop_now(server->loop);
    struct conn *conn;

    if (!origin) {
        gw_debug("xmpp", "connection refused peer=%s reason=\"too many that are not logged in\"",
                 net_stream_peer(s));
        xmpp_host_counters(server->host)->refused++;
        net_stream_free(&s);
        return;
    }
    conn = gw_new(struct conn);
    conn->server = server;
    conn->stream = s;
    conn->origin = origin;
    conn->armed = GW_NEVER;
    conn->timer = net_timer_new(server->loop, on_timer, conn);
    conn->c2s = xmpp_c2s_new(&(struct xmpp_c2s_args){ .host = server->host,
                                                      .io = &io,
                                                      .io_ctx = conn,
                                                      .peer = gw_str_of(net_stream_peer(s)),
                                                      .can_tls = server->tls != NULL,
                                                      .is_direct = is_direct },
                             now.mono);
    gw_list_append(&server->conns, &conn->link);
    net_stream_set_handlers(s, &handlers, conn);
    if (is_direct)
        io_start_tls(conn);
    look(conn);
}

static void on_accept(struct net_stream *s, void *ctx)
{
    take(ctx, s, false);
}

static void on_accept_direct(struct net_stream *s, void *ctx)
{
    struct xmpp_server *server = ctx;

    if (server->tls)
        take(server, s, true);
    else
        net_stream_free(&s);
}

/* ---- The server ---- */

static void host_arm(void *ctx)
{
    struct xmpp_server *server = ctx;

    net_timer_set(server->timer, xmpp_host_deadline(server->host));
}

static void on_host_timer(struct gw_now now, void *ctx)
{
    struct xmpp_server *server = ctx;

    xmpp_host_tick(server->host, now);
    host_arm(server);
}

struct xmpp_server *xmpp_server_new(const struct xmpp_server_args *args, struct gw_err *err)
{
    struct xmpp_server *server = gw_new(struct xmpp_server);
    const struct xmpp_host_args host_args = { .core = args->core,
                                              .store = args->store,
                                              .settings = args->settings,
                                              .credentials = args->credentials,
                                              .credentials_ctx = args->credentials_ctx,
                                              .secret = args->secret,
                                              .version = args->version,
                                              .own = args->own,
                                              .wake = host_arm,
                                              .wake_ctx = server };

    server->host = xmpp_host_new(&host_args);
    if (!server->host) {
        gw_fail(err, GW_INTERNAL, "the SASL library (GNU SASL) does not start");
        free(server);
        return NULL;
    }
    server->loop = args->loop;
    server->timer = net_timer_new(args->loop, on_host_timer, server);
    server->pool = args->pool;
    server->core = args->core;
    server->tls = args->tls ? net_tls_ref(args->tls) : NULL;
    server->login_tls = args->login_tls ? net_tls_ref(args->login_tls) : NULL;
    server->origins = gw_map_new();
    gw_list_init(&server->conns);
    return server;
}

static enum gw_code listen_for(struct xmpp_server *server, net_accept_fn *accept,
                               const char *address, uint16_t port, uint16_t *port_out,
                               struct gw_err *err)
{
    const struct net_listen_args args = { .address = address,
                                          .port = port,
                                          .limits = { .out_max = OUT_QUEUE_TOP },
                                          .on_accept = accept,
                                          .ctx = server };
    struct net_listener **slot = &server->listeners[server->listener_count];
    enum gw_code rc;

    if (server->listener_count == LISTENERS_MAX)
        return gw_fail(err, GW_LIMIT, "more than %d addresses to listen on", LISTENERS_MAX);
    rc = net_listen(server->loop, &args, slot, err);
    if (rc)
        return rc;
    server->listener_count++;
    if (port_out)
        *port_out = net_listener_port(*slot);
    return GW_OK;
}

enum gw_code xmpp_server_listen(struct xmpp_server *server, const char *address, uint16_t port,
                                uint16_t *port_out, struct gw_err *err)
{
    return listen_for(server, on_accept, address, port, port_out, err);
}

enum gw_code xmpp_server_listen_tls(struct xmpp_server *server, const char *address, uint16_t port,
                                    uint16_t *port_out, struct gw_err *err)
{
    return listen_for(server, on_accept_direct, address, port, port_out, err);
}

void xmpp_server_unlisten(struct xmpp_server *server)
{
    while (server->listener_count)
        net_listener_free(&server->listeners[--server->listener_count]);
}

void xmpp_server_stop(struct xmpp_server *server)
{
    struct gw_list *it, *tmp;

    xmpp_server_unlisten(server);
    GW_LIST_EACH(&server->conns, it, tmp)
    {
        struct conn *conn = GW_CONTAINER(it, struct conn, link);

        xmpp_c2s_shutdown(conn->c2s, net_loop_now(server->loop));
        look(conn);
    }
    xmpp_host_stop(server->host, net_loop_now(server->loop));
}

bool xmpp_server_is_idle(const struct xmpp_server *server)
{
    return gw_list_is_empty(&server->conns);
}

void xmpp_server_free(struct xmpp_server **serverp)
{
    struct xmpp_server *server = *serverp;
    struct gw_list *it, *tmp;

    if (!server)
        return;
    *serverp = NULL;
    xmpp_server_unlisten(server);
    GW_LIST_EACH(&server->conns, it, tmp)
    conn_free(GW_CONTAINER(it, struct conn, link));
    xmpp_host_stop(server->host, net_loop_now(server->loop));
    net_timer_free(&server->timer);
    xmpp_host_free(&server->host);
    gw_map_free(&server->origins);
    if (server->tls)
        net_tls_unref(&server->tls);
    if (server->login_tls)
        net_tls_unref(&server->login_tls);
    free(server);
}

struct xmpp_host *xmpp_server_host(struct xmpp_server *server)
{
    return server->host;
}

void xmpp_server_counters(const struct xmpp_server *server, struct xmpp_counters *out)
{
    *out = *xmpp_host_counters(server->host);
}
