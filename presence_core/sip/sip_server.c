/* Listeners, datagrams, look-ups, and the timer of them all. Connections are in sip_conn.c. */
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "sip_server_priv.h"

enum {
    PORT_TRIES = 20,
    LOOKUPS_MAX = 1000 /* at once; more datagrams to names are lost */
};

struct lookup {
    struct gw_list link;
    struct sip_server *server;
    struct net_dns_ask *query;
    uint16_t port;
    size_t len;
    char bytes[];
};

struct sip_srv_query {
    struct gw_list link;
    struct sip_server *server;
    struct net_dns_ask *query;
    sip_srv_fn *done;
    sip_names_fn *named; /* done or this */
    void *ctx;
};

/* ---- Time ---- */

void sip_server_arm(struct sip_server *server)
{
    const struct gw_due *first = gw_heap_first(&server->conns.due);
    gw_time at = sip_core_deadline(server->core);

    if (first && first->at < at)
        at = first->at;
    if (at == server->armed)
        return;
    server->armed = at;
    net_timer_set(server->timer, at);
}

static void on_timer(struct gw_now now, void *ctx)
{
    struct sip_server *server = ctx;

    server->armed = GW_NEVER;
    sip_conns_tick(server, now.mono);
    sip_core_tick(server->core, now);
    sip_server_arm(server);
}

/* ---- Datagrams ---- */

static void on_datagram(struct net_udp *udp, const struct net_address *address, struct gw_str data,
                        void *ctx)
{
    struct sip_server *server = ctx;
    char host[NET_ADDRESS_TEXT_MAX];
    const struct sip_peer from = { .proto = SIP_UDP,
                                   .host = gw_str_of(net_address_text(address, host)),
                                   .port = net_address_port(address) };

    (void)udp;
    if (gw_str_trim(data).len) /* keep-alives are line ends */
        sip_core_receive(server->core, &from, data, net_loop_now(server->loop));
    sip_server_arm(server);
}

static void lookup_free(struct lookup *l)
{
    gw_list_remove(&l->link);
    l->server->lookup_count--;
    net_dns_ask_cancel(&l->query);
    free(l);
}

static void lookup_done(const struct net_dns_result *result, void *ctx)
{
    struct lookup *l = ctx;
    struct net_address to;

    l->query = NULL;
    /* Not found is as lost as any datagram: the request is sent again, and gives up in its time. */
    if (result->code == GW_OK && result->count &&
        net_address_parse(result->records[0].name, l->port, &to))
        (void)net_udp_send(l->server->udp, &to, (struct gw_str){ l->bytes, l->len });
    lookup_free(l);
}

static bool send_named(struct sip_server *server, const struct sip_peer *to, struct gw_str bytes)
{
    struct lookup *l;
    char *name;

    if (!server->names || server->lookup_count == LOOKUPS_MAX)
        return false;
    l = gw_alloc(sizeof(*l) + bytes.len);
    l->server = server;
    l->port = to->port;
    l->len = bytes.len;
    memcpy(l->bytes, bytes.p, bytes.len);
    gw_list_append(&server->lookups, &l->link);
    server->lookup_count++;
    name = gw_str_dup(to->host);
    l->query = net_dns_ask(server->names, NET_DNS_ADDRESS, name, lookup_done, l);
    free(name);
    return true;
}

static bool send_datagram(struct sip_server *server, const struct sip_peer *to, struct gw_str bytes)
{
    struct net_address address;

    if (!server->udp)
        return false;
    if (!net_address_parse(to->host, to->port, &address))
        return send_named(server, to, bytes);
    return net_udp_send(server->udp, &address, bytes);
}

/* ---- SRV records ---- */

static void srv_free(struct sip_srv_query *q)
{
    gw_list_remove(&q->link);
    net_dns_ask_cancel(&q->query);
    free(q);
}

/* RFC 3263 4.1: the transports that we have. */
static bool service_parse(struct gw_str service, enum sip_proto *out)
{
    static const struct {
        const char *name;
        enum sip_proto proto;
    } services[] = { { "SIPS+D2T", SIP_TLS }, { "SIP+D2T", SIP_TCP }, { "SIP+D2U", SIP_UDP } };

    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        *out = services[i].proto;
        if (gw_str_iis(service, services[i].name))
            return true;
    }
    return false;
}

static void srv_answered(const struct net_dns_result *result, void *ctx)
{
    struct sip_srv_query *q = ctx;
    struct sip_server *server = q->server;
    struct sip_srv records[NET_DNS_RECORDS_MAX];
    sip_srv_fn *done = q->done;
    size_t count = 0;
    void *done_ctx = q->ctx;

    q->query = NULL;
    srv_free(q);
    for (size_t i = 0; i < result->count; i++) {
        const struct net_dns_record *r = &result->records[i];
        enum sip_proto proto = SIP_TLS;

        if (r->service.len && !service_parse(r->service, &proto))
            continue;
        records[count++] = (struct sip_srv){ .host = r->name,
                                             .port = r->port,
                                             .priority = r->priority,
                                             .weight = r->weight,
                                             .proto = proto };
    }
    done(result->code, records, count, net_loop_now(server->loop), done_ctx);
    sip_server_arm(server);
}

static void names_answered(const struct net_dns_result *result, void *ctx)
{
    struct sip_srv_query *q = ctx;
    struct sip_server *server = q->server;
    struct gw_str names[NET_DNS_RECORDS_MAX];
    sip_names_fn *named = q->named;
    void *done_ctx = q->ctx;

    q->query = NULL;
    srv_free(q);
    for (size_t i = 0; i < result->count; i++)
        names[i] = result->records[i].name;
    named(names, result->count, net_loop_now(server->loop), done_ctx);
    sip_server_arm(server);
}

static struct sip_srv_query *query_new(struct sip_server *server, void *ctx)
{
    struct sip_srv_query *q = gw_new(struct sip_srv_query);

    q->server = server;
    q->ctx = ctx;
    gw_list_append(&server->queries, &q->link);
    return q;
}

static struct sip_srv_query *io_srv_start(bool is_naptr, const char *name, sip_srv_fn *done,
                                          void *done_ctx, void *ctx)
{
    struct sip_server *server = ctx;
    struct sip_srv_query *q = query_new(server, done_ctx);

    q->done = done;
    q->query =
        net_dns_ask(server->names, is_naptr ? NET_DNS_NAPTR : NET_DNS_SRV, name, srv_answered, q);
    return q;
}

static struct sip_srv_query *io_names_start(bool is_reverse, const char *what, sip_names_fn *done,
                                            void *done_ctx, void *ctx)
{
    struct sip_server *server = ctx;
    struct sip_srv_query *q = query_new(server, done_ctx);

    q->named = done;
    q->query = net_dns_ask(server->names, is_reverse ? NET_DNS_PTR : NET_DNS_ADDRESS, what,
                           names_answered, q);
    return q;
}

static void io_srv_cancel(struct sip_srv_query **queryp, void *ctx)
{
    (void)ctx;
    if (*queryp)
        srv_free(*queryp);
    *queryp = NULL;
}

/* ---- What the core asks for ---- */

static uint64_t io_send(const struct sip_peer *to, struct gw_str bytes, void *ctx)
{
    if (to->proto == SIP_UDP)
        return send_datagram(ctx, to, bytes) ? SIP_OVER_UDP : 0;
    return sip_conn_send(ctx, to, bytes);
}

static bool io_is_full(const struct sip_peer *to, void *ctx)
{
    return to->proto != SIP_UDP && sip_conn_is_full(ctx, to);
}

/* Asked of the system for another peer only. */
static const char *local_address(struct sip_server *server, struct gw_str host)
{
    struct net_address peer, local;

    if (server->bound[0])
        return server->bound;
    if (gw_str_is(host, server->local_for))
        return server->local_is;
    if (host.len >= sizeof(server->local_for) || !net_address_parse(host, SIP_OVER_UDP, &peer) ||
        !net_address_local(&peer, &local))
        return "localhost";
    memcpy(server->local_for, host.p, host.len);
    server->local_for[host.len] = '\0';
    return net_address_text(&local, server->local_is);
}

/* Where a peer that must be shown no certificate came in it can come again; all others have one. */
static uint16_t tls_port(const struct sip_server *server, const struct sip_peer *peer)
{
    bool is_client = sip_conn_is_client(server, peer->conn);
    uint16_t port =
        sip_server_tls_port(server, is_client ? SIP_TLS_SERVER_AUTH : SIP_TLS_PEER_AUTH);

    return port ? port : sip_server_tls_port(server, SIP_TLS_SERVER_AUTH);
}

static void io_local(const struct sip_peer *peer, struct gw_buf *out, void *ctx)
{
    struct sip_server *server = ctx;
    struct gw_str host = gw_str_of(server->settings->public_address);
    bool is_v6;

    if (!host.len)
        host = gw_str_of(local_address(server, peer->host));
    is_v6 = gw_str_find(host, ':') >= 0;
    gw_buf_addf(out, is_v6 ? "[%.*s]:%u" : "%.*s:%u", GW_STR_ARG(host),
                peer->proto == SIP_TLS ? tls_port(server, peer) : sip_server_port(server));
}

static void io_wake(void *ctx)
{
    struct sip_server *server = ctx;

    server->armed = 0;
    net_timer_set(server->timer, 0);
}

static const struct sip_io io = { .send = io_send,
                                  .is_full = io_is_full,
                                  .local = io_local,
                                  .srv_start = io_srv_start,
                                  .names_start = io_names_start,
                                  .srv_cancel = io_srv_cancel,
                                  .wake = io_wake };

/* ---- Life ---- */

struct sip_server *sip_server_new(const struct sip_server_args *args)
{
    struct sip_server *server = gw_new(struct sip_server);

    server->loop = args->loop;
    gw_param_defaults(sip_params, sip_param_count, &server->defaults);
    server->settings = args->settings ? args->settings : &server->defaults;
    server->tls = args->tls;
    server->dns = args->dns;
    server->names = args->dns ? net_dns_cache_new(args->loop, args->dns) : NULL;
    sip_conns_init(&server->conns);
    gw_list_init(&server->lookups);
    gw_list_init(&server->queries);
    server->armed = GW_NEVER;
    server->timer = net_timer_new(args->loop, on_timer, server);
    server->core = sip_core_new(&(struct sip_core_args){ .pres = args->pres,
                                                         .store = args->store,
                                                         .settings = server->settings,
                                                         .io = &io,
                                                         .io_ctx = server,
                                                         .is_neighbour = args->is_neighbour,
                                                         .credentials = args->credentials,
                                                         .ctx = args->ctx });
    return server;
}

struct sip_core *sip_server_core(struct sip_server *server)
{
    return server->core;
}

/* Of others than the core, who wait for an answer as long as we are there. */
static void queries_end(struct sip_server *server)
{
    while (!gw_list_is_empty(&server->queries)) {
        struct sip_srv_query q = *GW_CONTAINER(server->queries.next, struct sip_srv_query, link);
        const struct gw_now now = net_loop_now(server->loop);

        srv_free(GW_CONTAINER(server->queries.next, struct sip_srv_query, link));
        if (q.done)
            q.done(GW_UNREACHABLE, NULL, 0, now, q.ctx);
        else
            q.named(NULL, 0, now, q.ctx);
    }
}

void sip_server_free(struct sip_server **serverp)
{
    struct sip_server *server = *serverp;
    struct gw_list *it, *tmp;

    if (!server)
        return;
    *serverp = NULL;
    net_listener_free(&server->tcp);
    for (int i = 0; i < SIP_DOORS; i++)
        net_listener_free(&server->door[i].listener);
    free(server->tls_address);
    sip_conns_close(server);
    GW_LIST_EACH(&server->lookups, it, tmp)
    lookup_free(GW_CONTAINER(it, struct lookup, link));
    net_udp_free(&server->udp);
    sip_core_free(&server->core);
    queries_end(server);
    net_dns_cache_free(&server->names);
    net_timer_free(&server->timer);
    sip_conns_done(&server->conns);
    gw_param_settings_done(sip_params, sip_param_count, &server->defaults);
    free(server);
}

static void on_accept_tcp(struct net_stream *stream, void *ctx)
{
    sip_conn_accept(ctx, stream, SIP_TCP, SIP_TLS_SERVER_AUTH);
}

static void on_accept_client(struct net_stream *stream, void *ctx)
{
    sip_conn_accept(ctx, stream, SIP_TLS, SIP_TLS_SERVER_AUTH);
}

static void on_accept_server(struct net_stream *stream, void *ctx)
{
    sip_conn_accept(ctx, stream, SIP_TLS, SIP_TLS_PEER_AUTH);
}

static void bound_note(struct sip_server *server, struct gw_str address)
{
    bool is_any = gw_str_is(address, "::") || gw_str_is(address, "0.0.0.0");

    if (!is_any && address.len < sizeof(server->bound))
        memcpy(server->bound, address.p, address.len + 1);
}

static enum gw_code listen_both(struct sip_server *server, const char *address, uint16_t port,
                                struct gw_err *err)
{
    const struct net_udp_args udp = {
        .address = address, .port = port, .on_datagram = on_datagram, .ctx = server
    };
    struct net_listen_args tcp = { .address = address, .on_accept = on_accept_tcp, .ctx = server };
    enum gw_code rc = net_udp_open(server->loop, &udp, &server->udp, err);

    if (rc)
        return rc;
    tcp.port = net_udp_port(server->udp);
    rc = net_listen(server->loop, &tcp, &server->tcp, err);
    if (rc)
        net_udp_free(&server->udp);
    return rc;
}

enum gw_code sip_server_listen(struct sip_server *server, const char *address, uint16_t port,
                               struct gw_err *err)
{
    enum gw_code rc = listen_both(server, address, port, err);

    /* A port that is free for one need not be so for the other. */
    for (int i = 0; i < PORT_TRIES && !port && rc == GW_EXISTS; i++)
        rc = listen_both(server, address, port, err);
    if (!rc)
        bound_note(server, gw_str_of(address));
    return rc;
}

/* ---- TLS listeners, as they are set ---- */

static int64_t wanted_port(const struct sip_server *server, enum sip_tls_context which)
{
    return which == SIP_TLS_PEER_AUTH ? server->settings->peer_auth_port
                                      : server->settings->server_auth_port;
}

/* The new one first: when it cannot be, the old one stays. Connections live on. */
static enum gw_code door_move(struct sip_server *server, enum sip_tls_context which,
                              struct gw_err *err)
{
    struct sip_door *door = &server->door[which];
    struct net_listener *listener = NULL;
    int64_t port = wanted_port(server, which);
    struct net_listen_args args = { .address = server->tls_address,
                                    .port = (uint16_t)port,
                                    .on_accept = which == SIP_TLS_PEER_AUTH ? on_accept_server
                                                                            : on_accept_client,
                                    .ctx = server };
    enum gw_code rc =
        port == GW_PARAM_WORD ? GW_OK : net_listen(server->loop, &args, &listener, err);

    if (rc)
        return gw_fail_prefix(err, which == SIP_TLS_PEER_AUTH ? "SIP peer-auth listener: "
                                                              : "SIP server-auth listener: ");
    net_listener_free(&door->listener);
    door->listener = listener;
    door->port = port;
    if (listener)
        gw_info("sip.tls", "TLS listener open at=%s port=%u", sip_tls_context_name(which),
                net_listener_port(listener));
    return GW_OK;
}

/* Whether its port is the one that is set; one that was taken may be free by now. */
static bool door_is_right(const struct sip_server *server, enum sip_tls_context which)
{
    const struct sip_door *door = &server->door[which];

    return door->port == wanted_port(server, which) &&
           (door->listener || door->port == GW_PARAM_WORD);
}

enum gw_code sip_server_listen_tls(struct sip_server *server, const char *address,
                                   struct gw_err *err)
{
    enum gw_code rc = GW_OK;

    server->tls_address = gw_str_dup(gw_str_of(address));
    for (int i = 0; i < SIP_DOORS; i++) {
        struct gw_err why;

        server->door[i].port = wanted_port(server, (enum sip_tls_context)i);
        if (!door_move(server, (enum sip_tls_context)i, &why))
            continue;
        if (rc)
            (void)gw_fail_prefix(&why, "%s; ", err->msg);
        rc = why.code;
        *err = why;
    }
    return rc;
}

enum gw_code sip_server_ports_apply(struct sip_server *server, struct gw_err *err)
{
    for (int i = 0; server->tls_address && i < SIP_DOORS; i++) {
        enum sip_tls_context which = (enum sip_tls_context)i;
        bool is_new = server->door[i].port != wanted_port(server, which);

        if (!door_is_right(server, which) && door_move(server, which, err) && is_new)
            return err->code;
    }
    return GW_OK;
}

uint16_t sip_server_port(const struct sip_server *server)
{
    return server->udp ? net_udp_port(server->udp) : 0;
}

uint16_t sip_server_tls_port(const struct sip_server *server, enum sip_tls_context which)
{
    const struct net_listener *listener = server->door[which].listener;

    return listener ? net_listener_port(listener) : 0;
}

void sip_server_counters(const struct sip_server *server, struct sip_server_counters *out)
{
    *out = server->counters;
}
