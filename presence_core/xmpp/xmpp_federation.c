/* The transport of the federation. A server is looked for as RFC 6120 3.2 has it: its service records in
 * their order, each with all its addresses; without such records, or when nobody says what they are (3.2.1,
 * point 9), the domain itself, on port 5269. */
#include "xmpp_federation.h"

#include <stdlib.h>
#include <string.h>

#include "cert_peer.h"
#include "gw_list.h"
#include "gw_log.h"
#include "gw_map.h"
#include "gw_mem.h"
#include "net_stream.h"
#include "pres_guard.h"
#include "xmpp_jid.h"
#include "xmpp_origin.h"

enum {
    TARGETS_MAX = 16,
    ADDRESSES_MAX = 16,
    OUT_QUEUE_TOP = 65536 * 1024, /* the engine's own bounds come long before it */
    TICK_MS = 1000
};

struct xmpp_federation {
    struct net_loop *loop;
    struct net_dns *dns;
    struct xmpp_fed *fed;
    struct cert_peer *peer;
    struct net_tls *tls_in, *tls_out;
    struct net_listener *listener;
    char *address; /* to listen on; NULL: not said yet */
    uint16_t port;
    struct gw_list conns;
    struct gw_map *origins;
    struct net_timer *timer;
    bool is_stopped;
};

struct target {
    char *host;
    uint16_t port;
};

struct conn {
    struct gw_list link;
    struct xmpp_federation *f;
    struct xmpp_s2s *s2s;
    struct net_stream *stream; /* NULL: looking for the server */
    struct net_timer *timer;
    gw_time armed;
    struct xmpp_origin *origin; /* in, and nothing proved; else NULL */
    bool is_closing, is_paused, is_connected;

    /* Out: where the server may be. */
    char *name; /* of the domain, as DNS and TLS have it */
    struct net_dns_query *query;
    struct target targets[TARGETS_MAX];
    size_t target_count, next_target;
    char *addresses[ADDRESSES_MAX];
    size_t address_count, next_address;
    struct gw_err error; /* of the attempt before */
};

/* ---- One connection ---- */

static void forget_addresses(struct conn *conn)
{
    for (size_t i = 0; i < conn->address_count; i++)
        free(conn->addresses[i]);
    conn->address_count = conn->next_address = 0;
}

static void conn_free(struct conn *conn)
{
    gw_list_remove(&conn->link);
    xmpp_origin_leave(conn->f->origins, &conn->origin);
    net_dns_cancel(&conn->query);
    xmpp_s2s_free(&conn->s2s, net_loop_now(conn->f->loop));
    net_timer_free(&conn->timer);
    if (conn->stream)
        net_stream_free(&conn->stream);
    forget_addresses(conn);
    for (size_t i = 0; i < conn->target_count; i++)
        free(conn->targets[i].host);
    free(conn->name);
    free(conn);
}

static void arm(struct conn *conn)
{
    gw_time at = xmpp_s2s_deadline(conn->s2s);

    if (at >= conn->armed)
        return;
    conn->armed = at;
    net_timer_set(conn->timer, at);
}

/* After each call of the engine. The connection may be gone afterwards. */
static void look(struct conn *conn)
{
    bool pause = xmpp_s2s_is_throttled(conn->s2s);

    if (xmpp_s2s_is_closed(conn->s2s) && !conn->is_closing) {
        if (!conn->is_connected) {
            conn_free(conn);
            return;
        }
        conn->is_closing = true;
        net_stream_close(conn->stream);
    }
    if (xmpp_s2s_is_proved(conn->s2s))
        xmpp_origin_leave(conn->f->origins, &conn->origin);
    if (pause != conn->is_paused && !conn->is_closing && conn->is_connected) {
        conn->is_paused = pause;
        net_stream_pause(conn->stream, pause);
    }
    arm(conn);
}

static void on_timer(struct gw_now now, void *ctx)
{
    struct conn *conn = ctx;

    conn->armed = GW_NEVER;
    xmpp_s2s_tick(conn->s2s, now);
    look(conn);
}

/* ---- What the engine asks for ---- */

static bool io_write(struct gw_str bytes, void *ctx)
{
    struct conn *conn = ctx;

    return conn->is_connected && net_stream_write(conn->stream, bytes) == GW_OK;
}

static size_t io_queued(void *ctx)
{
    const struct conn *conn = ctx;

    return conn->is_connected ? net_stream_queued(conn->stream) : 0;
}

static void io_start_tls(void *ctx)
{
    struct conn *conn = ctx;

    if (conn->name)
        net_stream_start_tls(conn->stream, conn->f->tls_out, conn->name);
    else
        net_stream_start_tls(conn->stream, conn->f->tls_in, NULL);
}

static enum gw_code io_proves(struct gw_str domain, struct gw_err *why, void *ctx)
{
    const struct conn *conn = ctx;

    return cert_peer_check(net_stream_ssl(conn->stream), &domain, 1, why);
}

static void io_wake(void *ctx)
{
    struct conn *conn = ctx;

    conn->armed = 0;
    net_timer_set(conn->timer, 0);
}

static const struct xmpp_s2s_io io = { .write = io_write,
                                       .queued = io_queued,
                                       .start_tls = io_start_tls,
                                       .proves = io_proves,
                                       .wake = io_wake };

/* ---- What the stream tells ---- */

static void try_next(struct conn *conn);

static void on_ready(struct net_stream *stream, void *ctx)
{
    struct conn *conn = ctx;
    struct gw_now now = net_loop_now(conn->f->loop);

    if (net_stream_is_tls(stream)) {
        xmpp_s2s_tls_ready(conn->s2s, now);
    } else if (!conn->is_connected) {
        conn->is_connected = true;
        xmpp_s2s_connected(conn->s2s, gw_str_of(net_stream_peer(stream)), conn->f->tls_out != NULL,
                           now);
    }
    look(conn);
}

static void on_data(struct net_stream *stream, struct gw_str data, void *ctx)
{
    struct conn *conn = ctx;

    (void)stream;
    xmpp_s2s_feed(conn->s2s, data, net_loop_now(conn->f->loop));
    look(conn);
}

static void on_drain(struct net_stream *stream, void *ctx)
{
    struct conn *conn = ctx;

    (void)stream;
    xmpp_s2s_drained(conn->s2s, net_loop_now(conn->f->loop));
    look(conn);
}

static void on_closed(struct net_stream *stream, const struct gw_err *why, void *ctx)
{
    struct conn *conn = ctx;

    (void)stream;
    if (!conn->is_connected && !xmpp_s2s_is_closed(conn->s2s)) {
        conn->error = *why;
        net_stream_free(&conn->stream);
        try_next(conn);
        return;
    }
    xmpp_s2s_lost(conn->s2s, why, net_loop_now(conn->f->loop));
    conn_free(conn);
}

static const struct net_stream_handlers handlers = {
    .on_ready = on_ready, .on_data = on_data, .on_drain = on_drain, .on_closed = on_closed
};

static struct conn *conn_new(struct xmpp_federation *f)
{
    struct conn *conn = gw_new(struct conn);

    conn->f = f;
    conn->armed = GW_NEVER;
    conn->timer = net_timer_new(f->loop, on_timer, conn);
    gw_list_append(&f->conns, &conn->link);
    return conn;
}

/* ---- Finding a server ---- */

static void lost(struct conn *conn, const struct gw_err *why)
{
    xmpp_s2s_lost(conn->s2s, why, net_loop_now(conn->f->loop));
    conn_free(conn);
}

static void connect_to(struct conn *conn, const char *address, uint16_t port)
{
    int64_t timeout_s = xmpp_fed_settings(conn->f->fed)->timeout_s;

    conn->stream = net_stream_connect(
        conn->f->loop,
        &(struct net_connect_args){
            .host = address,
            .port = port,
            .limits = { .out_max = OUT_QUEUE_TOP, .handshake_ms = (unsigned)(timeout_s * 500) },
            .handlers = &handlers,
            .ctx = conn });
}

static void on_addresses(const struct net_dns_result *result, void *ctx)
{
    struct conn *conn = ctx;

    conn->query = NULL;
    if (result->code)
        (void)gw_fail(&conn->error, result->code == GW_NOTFOUND ? GW_NOTFOUND : GW_UNREACHABLE,
                      "'%s': %s", conn->targets[conn->next_target - 1].host, result->error);
    for (size_t i = 0; i < result->count && i < ADDRESSES_MAX; i++)
        conn->addresses[conn->address_count++] = gw_str_dup(result->records[i].name);
    try_next(conn);
}

/* The next address of this target, or the first of the next one. */
static void try_next(struct conn *conn)
{
    const struct target *t;

    if (conn->next_address < conn->address_count) {
        t = &conn->targets[conn->next_target - 1];
        connect_to(conn, conn->addresses[conn->next_address++], t->port);
        return;
    }
    forget_addresses(conn);
    if (conn->next_target == conn->target_count) {
        lost(conn, &conn->error);
        return;
    }
    t = &conn->targets[conn->next_target++];
    conn->query = net_dns_start(conn->f->dns, NET_DNS_ADDRESS, t->host, on_addresses, conn);
}

static void add_target(struct conn *conn, struct gw_str host, uint16_t port)
{
    if (conn->target_count < TARGETS_MAX)
        conn->targets[conn->target_count++] = (struct target){ gw_str_dup(host), port };
}

static void on_services(const struct net_dns_result *result, void *ctx)
{
    struct conn *conn = ctx;

    conn->query = NULL;
    for (size_t i = 0; i < result->count; i++) {
        const struct net_dns_record *r = &result->records[i];

        if (r->name.len && !gw_str_is(r->name, ".")) /* RFC 2782: "decidedly not available" */
            add_target(conn, r->name, r->port);
    }
    if (!conn->target_count && result->count) {
        (void)gw_fail(&conn->error, GW_NOTFOUND,
                      "the domain says that it has no XMPP server (SRV record '.')");
        lost(conn, &conn->error);
        return;
    }
    if (!conn->target_count)
        add_target(conn, gw_str_of(conn->name), XMPP_FEDERATION_PORT);
    (void)gw_fail(&conn->error, GW_UNREACHABLE, "no address");
    try_next(conn);
}

static void dial(struct xmpp_s2s *s, void *ctx)
{
    struct xmpp_federation *f = ctx;
    struct conn *conn = conn_new(f);
    struct gw_buf service, name;

    conn->s2s = s;
    xmpp_s2s_attach(s, &io, conn);
    gw_buf_init(&name, XMPP_JID_PART_MAX);
    gw_buf_init(&service, XMPP_JID_PART_MAX + 32);
    (void)xmpp_domain_ascii(xmpp_s2s_target(s), &name); /* it is a domain: it was parsed */
    gw_buf_addf(&service, "_xmpp-server._tcp.%.*s", GW_STR_ARG(gw_buf_str(&name)));
    conn->query = net_dns_start(f->dns, NET_DNS_SRV, service.p, on_services, conn);
    conn->name = gw_buf_take(&name);
    gw_buf_done(&service);
    arm(conn);
}

static struct gw_now clock_of(void *ctx)
{
    return net_loop_now(((struct xmpp_federation *)ctx)->loop);
}

/* ---- Being found ---- */

static void on_accept(struct net_stream *stream, void *ctx)
{
    struct xmpp_federation *f = ctx;
    struct gw_str peer = gw_str_of(net_stream_peer(stream));
    char network[PRES_NETWORK_MAX];
    struct xmpp_origin *origin =
        xmpp_origin_take(f->origins, gw_str_of(pres_network_of(peer, network)),
                         (size_t)xmpp_fed_settings(f->fed)->half_open_max);
    struct conn *conn;

    if (!origin) {
        gw_debug("federation",
                 "connection refused peer=%s reason=\"too many that have proved no "
                 "domain\"",
                 peer.p);
        net_stream_free(&stream);
        return;
    }
    conn = conn_new(f);
    conn->stream = stream;
    conn->is_connected = true;
    conn->origin = origin;
    conn->s2s =
        xmpp_s2s_accept(f->fed, &io, conn, peer, f->tls_in != NULL, net_loop_now(f->loop).mono);
    net_stream_set_handlers(stream, &handlers, conn);
    look(conn);
}

static enum gw_code listen_or_not(struct xmpp_federation *f, struct gw_err *err)
{
    const struct net_listen_args args = { .address = f->address,
                                          .port = f->port,
                                          .limits = { .out_max = OUT_QUEUE_TOP },
                                          .on_accept = on_accept,
                                          .ctx = f };
    bool is_on = f->address && xmpp_fed_settings(f->fed)->is_on && !f->is_stopped;
    enum gw_code rc;

    if (!is_on && f->listener)
        net_listener_free(&f->listener);
    if (!is_on || f->listener)
        return GW_OK;
    rc = net_listen(f->loop, &args, &f->listener, err);
    if (!rc)
        f->port = net_listener_port(f->listener);
    return rc;
}

enum gw_code xmpp_federation_listen(struct xmpp_federation *f, const char *address, uint16_t port,
                                    uint16_t *port_out, struct gw_err *err)
{
    enum gw_code rc;

    free(f->address);
    f->address = gw_str_dup(gw_str_of(address));
    f->port = port;
    if (f->listener)
        net_listener_free(&f->listener);
    rc = listen_or_not(f, err);
    if (!rc && port_out)
        *port_out = f->port;
    return rc;
}

enum gw_code xmpp_federation_apply(struct xmpp_federation *f, struct gw_err *err)
{
    enum gw_code rc = listen_or_not(f, err);

    if (!rc)
        xmpp_fed_apply(f->fed, net_loop_now(f->loop));
    return rc;
}

/* ---- Life ---- */

static void on_tick(struct gw_now now, void *ctx)
{
    struct xmpp_federation *f = ctx;

    net_timer_set(f->timer, xmpp_fed_tick(f->fed, now) ? 0 : gw_time_after(now.mono, TICK_MS));
}

static enum gw_code make_tls(struct xmpp_federation *f, const struct xmpp_federation_args *args,
                             struct gw_err *err)
{
    const struct cert_peer_args peer_args = { .store = args->certs,
                                              .purpose = CERT_FOR_XMPP_SERVER,
                                              .identity = args->identity,
                                              .demand = CERT_ASKED };
    struct net_tls_policy policy;
    enum gw_code rc;

    if (!args->identity)
        return GW_OK;
    rc = cert_peer_new(&peer_args, &f->peer, err);
    if (rc)
        return rc;
    policy = cert_peer_policy(f->peer);
    rc = net_tls_new(NET_TLS_SERVER, &policy, &f->tls_in, err);
    if (!rc)
        rc = net_tls_new(NET_TLS_CLIENT, &policy, &f->tls_out, err);
    return rc;
}

enum gw_code xmpp_federation_new(const struct xmpp_federation_args *args,
                                 struct xmpp_federation **out, struct gw_err *err)
{
    struct xmpp_federation *f = gw_new(struct xmpp_federation);
    enum gw_code rc;

    f->loop = args->loop;
    f->dns = args->dns;
    f->origins = gw_map_new();
    gw_list_init(&f->conns);
    f->fed = xmpp_fed_new(&(struct xmpp_fed_args){ .host = xmpp_server_host(args->server),
                                                   .settings = args->settings,
                                                   .secret = args->secret,
                                                   .dial = dial,
                                                   .now = clock_of,
                                                   .ctx = f });
    f->timer = net_timer_new(f->loop, on_tick, f);
    rc = make_tls(f, args, err);
    if (rc) {
        xmpp_federation_free(&f);
        return rc;
    }
    net_timer_set(f->timer, net_loop_now(f->loop).mono);
    *out = f;
    return GW_OK;
}

struct xmpp_fed *xmpp_federation_fed(struct xmpp_federation *f)
{
    return f->fed;
}

void xmpp_federation_stop(struct xmpp_federation *f)
{
    struct gw_list *it, *tmp;
    struct gw_err err;

    f->is_stopped = true;
    xmpp_fed_stop(f->fed);
    (void)listen_or_not(f, &err); /* only closes */
    GW_LIST_EACH(&f->conns, it, tmp)
    {
        struct conn *conn = GW_CONTAINER(it, struct conn, link);

        xmpp_s2s_shutdown(conn->s2s, net_loop_now(f->loop));
        look(conn);
    }
}

bool xmpp_federation_is_idle(const struct xmpp_federation *f)
{
    return gw_list_is_empty(&f->conns);
}

void xmpp_federation_free(struct xmpp_federation **fp)
{
    struct xmpp_federation *f = *fp;
    struct gw_list *it, *tmp;

    if (!f)
        return;
    *fp = NULL;
    xmpp_fed_stop(f->fed);
    if (f->listener)
        net_listener_free(&f->listener);
    GW_LIST_EACH(&f->conns, it, tmp)
    conn_free(GW_CONTAINER(it, struct conn, link));
    xmpp_fed_free(&f->fed);
    net_timer_free(&f->timer);
    net_tls_unref(&f->tls_in);
    net_tls_unref(&f->tls_out);
    cert_peer_free(&f->peer);
    gw_map_free(&f->origins);
    free(f->address);
    free(f);
}
