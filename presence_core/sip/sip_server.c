/* The one file of the SIP front-end that knows net/. A connection is a stream, a framer and what
 * waits for its end; connections are used both ways as long as they stand (RFC 5923), and one that we
 * make is found again by where it leads. */
#include "sip_server.h"

#include <stdlib.h>
#include <string.h>

#include "gw_heap.h"
#include "gw_list.h"
#include "gw_log.h"
#include "gw_map.h"
#include "gw_mem.h"
#include "net_dns_cache.h"
#include "net_stream.h"
#include "net_udp.h"
#include "sip_failing.h"
#include "sip_frame.h"
#include "sip_msg.h"

enum {
    WHOLE_MS = 30 * GW_SECOND_MS, /* from the first byte of a message to its last */
    FIRST_CONN = SIP_OVER_UDP + 1,
    PORT_TRIES = 20,
    LOOKUPS_MAX = 1000, /* at once; more datagrams to names are lost */
    /* Connections that we make, at once. Where a watcher is reached he says himself: one peer has no more
     * than it may have to us, and for one more of all the one goes that was not used for longest. */
    MADE_MAX = 500,
    FULL = 512 * 1024, /* bytes that wait on one; at twice as many it is given up */
    TARGET_MAX = 300
};

struct lookup {
    struct gw_list link;
    struct sip_server *server;
    struct net_dns_ask *query;
    uint16_t port;
    size_t len;
    char bytes[];
};

/* How many connections an address has to us, or we have to a host. */
struct caller {
    struct gw_map *all;
    size_t count;
    struct gw_str host;
    char text[];
};

struct sip_srv_query {
    struct gw_list link;
    struct sip_server *server;
    struct net_dns_ask *query;
    sip_srv_fn *done;
    sip_names_fn *named; /* done or this */
    void *ctx;
};

struct conn {
    struct gw_list link;
    struct gw_list use; /* of one that we made: the longest unused is first */
    struct gw_due due;
    struct sip_server *server;
    struct net_stream *stream;
    struct caller *caller;
    struct sip_frame frame;
    struct gw_buf in;
    uint64_t id;
    gw_time begun, heard; /* begun: the first byte of what waits; GW_NEVER: nothing does */
    enum sip_proto proto;
    enum sip_tls_context context; /* of TLS */
    uint16_t port;
    bool is_ready, is_closing;       /* is_ready: connected, and the peer may stay */
    char target[TARGET_MAX];         /* "TCP example.com 5060"; empty: made to us */
    char host[NET_ADDRESS_TEXT_MAX]; /* address; empty until we are connected */
    char subject[SIP_SUBJECT_MAX + 1];
};

/* A TLS listener, for the context of its index. */
enum { DOORS = SIP_TLS_PEER_AUTH + 1 };
struct door {
    struct net_listener *listener; /* NULL: off, or the port is taken */
    int64_t port;                  /* as it was set */
};

struct sip_server {
    struct net_loop *loop;
    struct net_dns *dns;
    struct net_dns_cache *names;
    struct sip_core *core;
    const struct sip_settings *settings;
    struct sip_settings defaults;
    struct sip_tls *tls;
    struct net_udp *udp;
    struct net_listener *tcp;
    struct door door[DOORS];
    char *tls_address; /* that the doors are at; NULL: not yet */
    struct net_timer *timer;
    gw_time armed;
    struct gw_list conns, used, lookups, queries;
    struct conn *reading; /* whose messages are being read */
    size_t lookup_count;
    struct gw_map *by_id, *by_target, *callers, *called;
    struct sip_failing *failing;
    struct gw_heap due;
    uint64_t next_id;
    struct sip_server_counters counters;
    char bound[NET_ADDRESS_TEXT_MAX]; /* the one address that we listen on; empty: all */
    /* Who asked last for our address, and what it is. */
    char local_for[NET_ADDRESS_TEXT_MAX], local_is[NET_ADDRESS_TEXT_MAX];
};

/* ---- Time ---- */

static void arm(struct sip_server *server)
{
    const struct gw_due *first = gw_heap_first(&server->due);
    gw_time at = sip_core_deadline(server->core);

    if (first && first->at < at)
        at = first->at;
    if (at == server->armed)
        return;
    server->armed = at;
    net_timer_set(server->timer, at);
}

static gw_time conn_deadline(const struct conn *c)
{
    gw_time idle = gw_time_after(c->heard, c->server->settings->idle_s * GW_SECOND_MS);
    gw_time whole = c->begun == GW_NEVER ? GW_NEVER : gw_time_after(c->begun, WHOLE_MS);

    return whole < idle ? whole : idle;
}

static void conn_close(struct conn *c)
{
    if (c->is_closing)
        return;
    c->is_closing = true;
    net_stream_close(c->stream);
}

/* A deadline that has moved is looked at when the old one comes: not at every message. */
static void on_timer(struct gw_now now, void *ctx)
{
    struct sip_server *server = ctx;
    struct gw_due *due;

    server->armed = GW_NEVER;
    while ((due = gw_heap_pop_due(&server->due, now.mono))) {
        struct conn *c = GW_CONTAINER(due, struct conn, due);

        if (conn_deadline(c) > now.mono)
            gw_heap_set(&server->due, &c->due, conn_deadline(c));
        else
            conn_close(c);
    }
    sip_core_tick(server->core, now);
    arm(server);
}

/* ---- One connection ---- */

static struct gw_str id_key(const uint64_t *id)
{
    return (struct gw_str){ (const char *)id, sizeof(*id) };
}

static size_t caller_count(const struct gw_map *all, struct gw_str host)
{
    const struct caller *caller = gw_map_get(all, host);

    return caller ? caller->count : 0;
}

static struct caller *caller_take(struct gw_map *all, struct gw_str host)
{
    struct caller *caller = gw_map_get(all, host);

    if (!caller) {
        caller = gw_alloc(sizeof(*caller) + host.len);
        caller->all = all;
        memcpy(caller->text, host.p, host.len);
        caller->host = (struct gw_str){ caller->text, host.len };
        gw_map_set(all, caller->host, caller);
    }
    caller->count++;
    return caller;
}

static void caller_leave(struct conn *c)
{
    struct caller *caller = c->caller;

    if (!caller || --caller->count)
        return;
    gw_map_remove(caller->all, caller->host);
    free(caller);
}

static void conn_used(struct conn *c)
{
    if (!c->target[0])
        return;
    gw_list_remove(&c->use);
    gw_list_append(&c->server->used, &c->use);
}

static void conn_free(struct conn *c)
{
    struct sip_server *server = c->server;

    gw_list_remove(&c->link);
    gw_list_remove(&c->use);
    gw_heap_remove(&server->due, &c->due);
    gw_map_remove(server->by_id, id_key(&c->id));
    if (c->target[0])
        gw_map_remove(server->by_target, gw_str_of(c->target));
    caller_leave(c);
    net_stream_free(&c->stream);
    gw_buf_done(&c->in);
    server->counters.connections--;
    free(c);
}

static struct conn *conn_new(struct sip_server *server, enum sip_proto proto)
{
    struct conn *c = gw_new(struct conn);

    c->server = server;
    c->proto = proto;
    c->id = server->next_id++;
    c->begun = GW_NEVER;
    c->heard = net_loop_now(server->loop).mono;
    gw_list_init(&c->use);
    gw_buf_init(&c->in, SIP_MSG_MAX);
    gw_list_append(&server->conns, &c->link);
    gw_map_set(server->by_id, id_key(&c->id), c);
    gw_heap_set(&server->due, &c->due, conn_deadline(c));
    server->counters.connections++;
    return c;
}

/* The messages that are whole; how many bytes were used. */
static size_t conn_read(struct conn *c, struct gw_str in)
{
    const struct sip_peer from = { .proto = c->proto,
                                   .conn = c->id,
                                   .host = gw_str_of(c->host),
                                   .port = c->port,
                                   .subject = gw_str_of(c->subject) };
    struct gw_now now = net_loop_now(c->server->loop);
    size_t all = in.len, used;
    struct gw_err err;

    while (!c->is_closing) {
        switch (sip_frame_next(&c->frame, in, &used, &err)) {
        case SIP_FRAME_MESSAGE:
            c->heard = now.mono;
            conn_used(c);
            sip_core_receive(c->server->core, &from, gw_str_sub(in, 0, used), now);
            break;
        case SIP_FRAME_PING:
            (void)net_stream_write(c->stream, GW_STR("\r\n"));
            break;
        case SIP_FRAME_SKIP:
            break;
        case SIP_FRAME_MORE:
            return all - in.len;
        case SIP_FRAME_BROKEN:
            c->server->counters.broken++;
            gw_info("sip.tcp", "connection broken peer=%s reason=\"%s\", closed", c->host, err.msg);
            conn_close(c);
            return all;
        }
        in = gw_str_sub(in, used, in.len);
    }
    return all;
}

static void on_data(struct net_stream *stream, struct gw_str data, void *ctx)
{
    struct conn *c = ctx;
    size_t used;

    (void)stream;
    c->server->reading = c;
    while (data.len && !c->is_closing) {
        struct gw_str part = gw_str_sub(data, 0, SIP_MSG_MAX - c->in.len);

        data = gw_str_sub(data, part.len, data.len);
        if (c->in.len) {
            gw_buf_add_str(&c->in, part);
            used = conn_read(c, gw_buf_str(&c->in));
            gw_buf_consume(&c->in, used);
        } else {
            used = conn_read(c, part);
            gw_buf_add_str(&c->in, gw_str_sub(part, used, part.len));
        }
        if (used && c->in.len)
            c->begun = net_loop_now(c->server->loop).mono;
    }
    c->server->reading = NULL;
    if (!c->in.len)
        c->begun = GW_NEVER;
    else if (c->begun == GW_NEVER)
        c->begun = net_loop_now(c->server->loop).mono;
    if (c->begun != GW_NEVER && !c->is_closing && conn_deadline(c) < c->due.at)
        gw_heap_set(&c->server->due, &c->due, conn_deadline(c));
    arm(c->server);
}

static void conn_end(struct conn *c)
{
    struct sip_server *server = c->server;
    uint64_t id = c->id;

    if (c->target[0] && !c->is_ready)
        sip_failing_note(server->failing, gw_str_of(c->target), net_loop_now(server->loop).mono);
    conn_free(c);
    sip_core_lost(server->core, id);
    arm(server);
}

static void tls_failed(struct conn *c, const struct gw_err *why)
{
    bool is_ours = c->target[0];

    c->server->counters.tls_failed++;
    gw_info("sip.tls", "TLS connection failed peer=%s %s=\"%s\" reason=\"%s\"",
            net_stream_peer(c->stream), is_ours ? "to" : "at",
            is_ours ? c->target : sip_tls_context_name(c->context), why->msg);
}

static void on_closed(struct net_stream *stream, const struct gw_err *why, void *ctx)
{
    struct conn *c = ctx;

    if (!c->is_ready && c->proto == SIP_TLS)
        tls_failed(c, why);
    else if (why->code)
        gw_info("sip.tcp", "connection lost %s=\"%s\" reason=\"%s\"", c->target[0] ? "to" : "peer",
                c->target[0] ? c->target : net_stream_peer(stream), why->msg);
    conn_end(c);
}

/* "192.0.2.1:5060", "[2001:db8::1]:5060". */
static void peer_read(struct conn *c, struct gw_str peer)
{
    size_t colon = peer.len;
    struct gw_str host;
    int64_t port = 0;

    while (colon && peer.p[colon - 1] != ':')
        colon--;
    host = gw_str_sub(peer, 0, colon ? colon - 1 : 0);
    if (gw_str_starts(host, "["))
        host = gw_str_sub(host, 1, host.len - 1);
    if (host.len < sizeof(c->host)) {
        memcpy(c->host, host.p, host.len);
        c->host[host.len] = '\0';
    }
    (void)gw_str_to_int(gw_str_sub(peer, colon, peer.len), 0, 65535, &port);
    c->port = (uint16_t)port;
}

/* "TLS example.com 5061": the name that the certificate must bear. */
static struct gw_str asked_of(const struct conn *c)
{
    struct gw_str proto, rest, host = { NULL, 0 }, port;

    if (gw_str_cut(gw_str_of(c->target), " ", &proto, &rest))
        (void)gw_str_cut(rest, " ", &host, &port);
    return host;
}

/* Also where we connected to a name: who speaks there is admitted by address. What waits to be sent is
 * not for a peer that may not stay: it is dropped at once. */
static void on_ready(struct net_stream *stream, void *ctx)
{
    struct conn *c = ctx;
    struct gw_err err;

    peer_read(c, gw_str_of(net_stream_peer(stream)));
    c->is_ready =
        c->proto != SIP_TLS || !sip_tls_admit(c->server->tls, c->context, net_stream_ssl(stream),
                                              asked_of(c), c->subject, &err);
    if (c->is_ready) {
        sip_failing_reached(c->server->failing, gw_str_of(c->target));
        return;
    }
    tls_failed(c, &err);
    conn_end(c);
}

static const struct net_stream_handlers handlers = { .on_ready = on_ready,
                                                     .on_data = on_data,
                                                     .on_closed = on_closed };

/* ---- Connections to us ---- */

static void accept_as(struct sip_server *server, struct net_stream *stream, enum sip_proto proto,
                      enum sip_tls_context context)
{
    struct conn *c = conn_new(server, proto);

    c->context = context;
    c->stream = stream;
    peer_read(c, gw_str_of(net_stream_peer(stream)));
    c->caller = caller_take(server->callers, gw_str_of(c->host));
    if ((int64_t)c->caller->count > server->settings->connections_per_peer) {
        server->counters.refused++;
        gw_debug("sip.tcp", "connection refused peer=%s reason=\"too many of it\"", c->host);
        conn_free(c);
        return;
    }
    net_stream_set_handlers(stream, &handlers, c);
    if (proto == SIP_TLS)
        net_stream_start_tls(stream, sip_tls_context(server->tls, context), NULL);
    arm(server);
}

static void on_accept_tcp(struct net_stream *stream, void *ctx)
{
    accept_as(ctx, stream, SIP_TCP, SIP_TLS_SERVER_AUTH);
}

static void on_accept_client(struct net_stream *stream, void *ctx)
{
    accept_as(ctx, stream, SIP_TLS, SIP_TLS_SERVER_AUTH);
}

static void on_accept_server(struct net_stream *stream, void *ctx)
{
    accept_as(ctx, stream, SIP_TLS, SIP_TLS_PEER_AUTH);
}

/* ---- Connections that we make ---- */

/* NULL: not by TLS. */
static struct conn *connect_to(struct sip_server *server, const struct sip_peer *to,
                               const char *target)
{
    struct net_connect_args args = { .port = to->port, .dns = server->dns, .handlers = &handlers };
    struct conn *c;
    char *host;

    if (to->proto == SIP_TLS && !server->tls)
        return NULL;
    if (to->proto == SIP_TLS)
        args.tls = sip_tls_context(server->tls, SIP_TLS_OUT);
    c = conn_new(server, to->proto);
    c->context = SIP_TLS_OUT;
    c->caller = caller_take(server->called, to->host);
    host = gw_str_dup(to->host);
    args.host = host;
    args.ctx = c;
    memcpy(c->target, target, strlen(target));
    gw_map_set(server->by_target, gw_str_of(c->target), c);
    conn_used(c);
    c->stream = net_stream_connect(server->loop, &args);
    free(host);
    return c;
}

static struct conn *longest_unused(const struct sip_server *server)
{
    struct conn *c = GW_CONTAINER(server->used.next, struct conn, use);

    return c == server->reading ? GW_CONTAINER(c->use.next, struct conn, use) : c;
}

/* One that there is. NULL: none, and 'target' is where it would lead, if that can be at all. */
static struct conn *conn_find(const struct sip_server *server, const struct sip_peer *to,
                              char target[TARGET_MAX])
{
    struct conn *c = to->conn ? gw_map_get(server->by_id, id_key(&to->conn)) : NULL;
    struct gw_buf text;

    target[0] = '\0';
    if (c && !c->is_closing)
        return c;
    if (!to->port) /* a name, of which nothing is known but the connection */
        return NULL;
    gw_buf_init(&text, TARGET_MAX - 1);
    gw_buf_addf(&text, "%s %.*s %u", sip_proto_name(to->proto), GW_STR_ARG(to->host), to->port);
    if (!text.failed)
        memcpy(target, text.p, text.len + 1);
    gw_buf_done(&text);
    return gw_map_get(server->by_target, gw_str_of(target));
}

static struct conn *conn_for(struct sip_server *server, const struct sip_peer *to)
{
    char target[TARGET_MAX];
    struct conn *c = conn_find(server, to, target);

    if (c)
        return c->is_closing ? NULL : c;
    if (!target[0] ||
        (int64_t)caller_count(server->called, to->host) >= server->settings->connections_per_peer ||
        sip_failing_has(server->failing, gw_str_of(target), net_loop_now(server->loop).mono))
        return NULL;
    if (gw_map_len(server->by_target) >= MADE_MAX)
        conn_end(longest_unused(server));
    return connect_to(server, to, target);
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
    arm(server);
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
    arm(server);
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
    arm(server);
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
    struct sip_server *server = ctx;
    struct conn *c;

    if (to->proto == SIP_UDP)
        return send_datagram(server, to, bytes) ? SIP_OVER_UDP : 0;
    c = conn_for(server, to);
    if (!c || net_stream_write(c->stream, bytes))
        return 0;
    conn_used(c);
    return c->id;
}

static bool io_is_full(const struct sip_peer *to, void *ctx)
{
    char target[TARGET_MAX];
    const struct conn *c = to->proto == SIP_UDP ? NULL : conn_find(ctx, to, target);

    return c && net_stream_queued(c->stream) >= FULL;
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
    const struct conn *c = peer->conn ? gw_map_get(server->by_id, id_key(&peer->conn)) : NULL;
    bool is_client = c && c->context == SIP_TLS_SERVER_AUTH;
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
    gw_list_init(&server->conns);
    gw_list_init(&server->used);
    gw_list_init(&server->lookups);
    gw_list_init(&server->queries);
    server->by_id = gw_map_new();
    server->by_target = gw_map_new();
    server->callers = gw_map_new();
    server->called = gw_map_new();
    server->failing = sip_failing_new();
    gw_heap_init(&server->due);
    server->next_id = FIRST_CONN;
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
    for (int i = 0; i < DOORS; i++)
        net_listener_free(&server->door[i].listener);
    free(server->tls_address);
    GW_LIST_EACH(&server->conns, it, tmp)
    conn_free(GW_CONTAINER(it, struct conn, link));
    GW_LIST_EACH(&server->lookups, it, tmp)
    lookup_free(GW_CONTAINER(it, struct lookup, link));
    net_udp_free(&server->udp);
    sip_core_free(&server->core);
    queries_end(server);
    net_dns_cache_free(&server->names);
    net_timer_free(&server->timer);
    gw_map_free(&server->by_id);
    gw_map_free(&server->by_target);
    gw_map_free(&server->callers);
    gw_map_free(&server->called);
    sip_failing_free(&server->failing);
    gw_heap_done(&server->due);
    gw_param_settings_done(sip_params, sip_param_count, &server->defaults);
    free(server);
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
    struct door *door = &server->door[which];
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
    const struct door *door = &server->door[which];

    return door->port == wanted_port(server, which) &&
           (door->listener || door->port == GW_PARAM_WORD);
}

enum gw_code sip_server_listen_tls(struct sip_server *server, const char *address,
                                   struct gw_err *err)
{
    enum gw_code rc = GW_OK;

    server->tls_address = gw_str_dup(gw_str_of(address));
    for (int i = 0; i < DOORS; i++) {
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
    for (int i = 0; server->tls_address && i < DOORS; i++) {
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
