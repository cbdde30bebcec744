/* A connection is a stream, a framer and what waits for its end; connections are used both ways as long as
 * they stand (RFC 5923), and one that we make is found again by where it leads. */
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "sip_frame.h"
#include "sip_msg.h"
#include "sip_server_priv.h"

enum {
    WHOLE_MS = 30 * GW_SECOND_MS, /* from the first byte of a message to its last */
    FIRST_MS = WHOLE_MS, /* to the first message of one who connects: whoever has one does so */
    FIRST_CONN = SIP_OVER_UDP + 1,
    /* Connections that we make, at once. Where a watcher is reached he says himself: one peer has no more
     * than it may have to us, and for one more of all the one goes that was not used for longest. */
    MADE_MAX = 500,
    FULL = 512 * 1024, /* bytes that wait on one; at twice as many it is given up */
    TARGET_MAX = 300
};

/* How many connections an address has to us, or we have to a host. */
struct caller {
    struct gw_map *all;
    size_t count;
    struct gw_str host;
    char text[];
};

struct sip_conn {
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
    bool is_used;                    /* a message came, or we made it for one */
    char target[TARGET_MAX];         /* "TCP example.com 5060"; empty: made to us */
    char host[NET_ADDRESS_TEXT_MAX]; /* address; empty until we are connected */
    char subject[SIP_SUBJECT_MAX + 1];
};

/* ---- Time ---- */

static gw_time conn_deadline(const struct sip_conn *c)
{
    gw_time idle =
        gw_time_after(c->heard, c->is_used ? c->server->settings->idle_s * GW_SECOND_MS : FIRST_MS);
    gw_time whole = c->begun == GW_NEVER ? GW_NEVER : gw_time_after(c->begun, WHOLE_MS);

    return whole < idle ? whole : idle;
}

static void conn_close(struct sip_conn *c)
{
    if (c->is_closing)
        return;
    c->is_closing = true;
    net_stream_close(c->stream);
}

/* A deadline that has moved is looked at when the old one comes: not at every message. */
void sip_conns_tick(struct sip_server *server, gw_time now)
{
    struct gw_due *due;

    while ((due = gw_heap_pop_due(&server->conns.due, now))) {
        struct sip_conn *c = GW_CONTAINER(due, struct sip_conn, due);

        if (conn_deadline(c) > now)
            gw_heap_set(&server->conns.due, &c->due, conn_deadline(c));
        else
            conn_close(c);
    }
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

static void caller_leave(struct sip_conn *c)
{
    struct caller *caller = c->caller;

    if (!caller || --caller->count)
        return;
    gw_map_remove(caller->all, caller->host);
    free(caller);
}

static void conn_used(struct sip_conn *c)
{
    if (!c->target[0])
        return;
    gw_list_remove(&c->use);
    gw_list_append(&c->server->conns.used, &c->use);
}

static void conn_free(struct sip_conn *c)
{
    struct sip_server *server = c->server;

    gw_list_remove(&c->link);
    gw_list_remove(&c->use);
    gw_heap_remove(&server->conns.due, &c->due);
    gw_map_remove(server->conns.by_id, id_key(&c->id));
    if (c->target[0])
        gw_map_remove(server->conns.by_target, gw_str_of(c->target));
    caller_leave(c);
    net_stream_free(&c->stream);
    gw_buf_done(&c->in);
    server->counters.connections--;
    free(c);
}

static struct sip_conn *conn_new(struct sip_server *server, enum sip_proto proto)
{
    struct sip_conn *c = gw_new(struct sip_conn);

    c->server = server;
    c->proto = proto;
    c->id = server->conns.next_id++;
    c->begun = GW_NEVER;
    c->heard = net_loop_now(server->loop).mono;
    gw_list_init(&c->use);
    gw_buf_init(&c->in, SIP_MSG_MAX);
    gw_list_append(&server->conns.all, &c->link);
    gw_map_set(server->conns.by_id, id_key(&c->id), c);
    gw_heap_set(&server->conns.due, &c->due, conn_deadline(c));
    server->counters.connections++;
    return c;
}

/* Of connections to us not without end: whoever likes makes them. */
static void tell_end(struct sip_conn *c, enum sip_told what, const char *reason)
{
    static const struct {
        const char *component, *text;
    } lines[SIP_TOLD_COUNT] = {
        [SIP_TOLD_BROKEN] = { "sip.tcp", "connection broken" },
        [SIP_TOLD_LOST] = { "sip.tcp", "connection lost" },
        [SIP_TOLD_TLS] = { "sip.tls", "TLS connection failed" },
    };
    bool is_ours = c->target[0];
    enum gw_log_level level = GW_LOG_INFO;
    uint64_t left_out = 0;

    if (!is_ours)
        level = gw_log_limit(&c->server->conns.told[what], net_loop_now(c->server->loop).mono,
                             &left_out);
    gw_log(level, lines[what].component, "%s %s=\"%s\" reason=\"%s\" peer=%s left_out=%llu",
           lines[what].text, is_ours ? "to" : "at",
           is_ours               ? c->target
           : c->proto == SIP_TLS ? sip_tls_context_name(c->context)
                                 : "tcp",
           reason, net_stream_peer(c->stream), (unsigned long long)left_out);
}

/* The messages that are whole; how many bytes were used. */
static size_t conn_read(struct sip_conn *c, struct gw_str in)
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
            c->is_used = true;
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
            tell_end(c, SIP_TOLD_BROKEN, err.msg);
            conn_close(c);
            return all;
        }
        in = gw_str_sub(in, used, in.len);
    }
    return all;
}

static void on_data(struct net_stream *stream, struct gw_str data, void *ctx)
{
    struct sip_conn *c = ctx;
    size_t used;

    (void)stream;
    c->server->conns.reading = c;
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
    c->server->conns.reading = NULL;
    if (!c->in.len)
        c->begun = GW_NEVER;
    else if (c->begun == GW_NEVER)
        c->begun = net_loop_now(c->server->loop).mono;
    if (c->begun != GW_NEVER && !c->is_closing && conn_deadline(c) < c->due.at)
        gw_heap_set(&c->server->conns.due, &c->due, conn_deadline(c));
    sip_server_arm(c->server);
}

static void conn_end(struct sip_conn *c)
{
    struct sip_server *server = c->server;
    uint64_t id = c->id;

    if (c->target[0] && !c->is_ready)
        sip_failing_note(server->conns.failing, gw_str_of(c->target),
                         net_loop_now(server->loop).mono);
    conn_free(c);
    sip_core_lost(server->core, id);
    sip_server_arm(server);
}

static void tls_failed(struct sip_conn *c, const struct gw_err *why)
{
    c->server->counters.tls_failed++;
    tell_end(c, SIP_TOLD_TLS, why->msg);
}

static void on_closed(struct net_stream *stream, const struct gw_err *why, void *ctx)
{
    struct sip_conn *c = ctx;

    (void)stream;
    if (!c->is_ready && c->proto == SIP_TLS)
        tls_failed(c, why);
    else if (why->code)
        tell_end(c, SIP_TOLD_LOST, why->msg);
    conn_end(c);
}

/* "192.0.2.1:5060", "[2001:db8::1]:5060". */
static void peer_read(struct sip_conn *c, struct gw_str peer)
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
static struct gw_str asked_of(const struct sip_conn *c)
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
    struct sip_conn *c = ctx;
    struct gw_err err;

    peer_read(c, gw_str_of(net_stream_peer(stream)));
    c->is_ready =
        c->proto != SIP_TLS || !sip_tls_admit(c->server->tls, c->context, net_stream_ssl(stream),
                                              asked_of(c), c->subject, &err);
    if (c->is_ready) {
        sip_failing_reached(c->server->conns.failing, gw_str_of(c->target));
        return;
    }
    tls_failed(c, &err);
    conn_end(c);
}

/* Who would not get in now does not stay, and who does is known by the name that he gets in by now. */
void sip_server_peers_judge(struct sip_server *server)
{
    struct gw_list *it, *tmp;
    struct gw_err err;

    GW_LIST_EACH(&server->conns.all, it, tmp)
    {
        struct sip_conn *c = GW_CONTAINER(it, struct sip_conn, link);

        if (c->proto != SIP_TLS || !c->is_ready || c->is_closing ||
            !sip_tls_admit_again(server->tls, c->context, net_stream_ssl(c->stream), asked_of(c),
                                 c->subject, &err))
            continue;
        tls_failed(c, &err);
        conn_end(c);
    }
}

static const struct net_stream_handlers handlers = { .on_ready = on_ready,
                                                     .on_data = on_data,
                                                     .on_closed = on_closed };

/* ---- Connections to us ---- */

void sip_conn_accept(struct sip_server *server, struct net_stream *stream, enum sip_proto proto,
                     enum sip_tls_context context)
{
    struct sip_conn *c = conn_new(server, proto);

    c->context = context;
    c->stream = stream;
    peer_read(c, gw_str_of(net_stream_peer(stream)));
    c->caller = caller_take(server->conns.callers, gw_str_of(c->host));
    if ((int64_t)c->caller->count > server->settings->connections_per_peer) {
        server->counters.refused++;
        gw_debug("sip.tcp", "connection refused peer=%s reason=\"too many of it\"", c->host);
        conn_free(c);
        return;
    }
    net_stream_set_handlers(stream, &handlers, c);
    if (proto == SIP_TLS)
        net_stream_start_tls(stream, sip_tls_context(server->tls, context), NULL);
    sip_server_arm(server);
}

/* ---- Connections that we make ---- */

/* NULL: not by TLS. */
static struct sip_conn *connect_to(struct sip_server *server, const struct sip_peer *to,
                                   const char *target)
{
    struct net_connect_args args = { .port = to->port, .dns = server->dns, .handlers = &handlers };
    struct sip_conn *c;
    char *host;

    if (to->proto == SIP_TLS && !server->tls)
        return NULL;
    if (to->proto == SIP_TLS)
        args.tls = sip_tls_context(server->tls, SIP_TLS_OUT);
    c = conn_new(server, to->proto);
    c->context = SIP_TLS_OUT;
    c->is_used = true;
    c->caller = caller_take(server->conns.called, to->host);
    host = gw_str_dup(to->host);
    args.host = host;
    args.ctx = c;
    memcpy(c->target, target, strlen(target));
    gw_map_set(server->conns.by_target, gw_str_of(c->target), c);
    conn_used(c);
    c->stream = net_stream_connect(server->loop, &args);
    free(host);
    return c;
}

static struct sip_conn *longest_unused(const struct sip_server *server)
{
    struct sip_conn *c = GW_CONTAINER(server->conns.used.next, struct sip_conn, use);

    return c == server->conns.reading ? GW_CONTAINER(c->use.next, struct sip_conn, use) : c;
}

/* One that there is. NULL: none, and 'target' is where it would lead, if that can be at all. */
static struct sip_conn *conn_find(const struct sip_server *server, const struct sip_peer *to,
                                  char target[TARGET_MAX])
{
    struct sip_conn *c = to->conn ? gw_map_get(server->conns.by_id, id_key(&to->conn)) : NULL;
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
    return gw_map_get(server->conns.by_target, gw_str_of(target));
}

static struct sip_conn *conn_for(struct sip_server *server, const struct sip_peer *to)
{
    char target[TARGET_MAX];
    struct sip_conn *c = conn_find(server, to, target);

    if (c)
        return c->is_closing ? NULL : c;
    if (!target[0] ||
        (int64_t)caller_count(server->conns.called, to->host) >=
            server->settings->connections_per_peer ||
        sip_failing_has(server->conns.failing, gw_str_of(target), net_loop_now(server->loop).mono))
        return NULL;
    if (gw_map_len(server->conns.by_target) >= MADE_MAX)
        conn_end(longest_unused(server));
    return connect_to(server, to, target);
}

/* ---- What the server asks for ---- */

uint64_t sip_conn_send(struct sip_server *server, const struct sip_peer *to, struct gw_str bytes)
{
    struct sip_conn *c = conn_for(server, to);

    if (!c || net_stream_write(c->stream, bytes))
        return 0;
    conn_used(c);
    return c->id;
}

bool sip_conn_is_full(struct sip_server *server, const struct sip_peer *to)
{
    char target[TARGET_MAX];
    const struct sip_conn *c = conn_find(server, to, target);

    return c && net_stream_queued(c->stream) >= FULL;
}

bool sip_conn_is_client(const struct sip_server *server, uint64_t id)
{
    const struct sip_conn *c = gw_map_get(server->conns.by_id, id_key(&id));

    return c && c->context == SIP_TLS_SERVER_AUTH;
}

void sip_conns_init(struct sip_conns *conns)
{
    gw_list_init(&conns->all);
    gw_list_init(&conns->used);
    conns->by_id = gw_map_new();
    conns->by_target = gw_map_new();
    conns->callers = gw_map_new();
    conns->called = gw_map_new();
    conns->failing = sip_failing_new();
    gw_heap_init(&conns->due);
    conns->next_id = FIRST_CONN;
}

void sip_conns_close(struct sip_server *server)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&server->conns.all, it, tmp)
    conn_free(GW_CONTAINER(it, struct sip_conn, link));
}

void sip_conns_done(struct sip_conns *conns)
{
    gw_map_free(&conns->by_id);
    gw_map_free(&conns->by_target);
    gw_map_free(&conns->callers);
    gw_map_free(&conns->called);
    sip_failing_free(&conns->failing);
    gw_heap_done(&conns->due);
}
