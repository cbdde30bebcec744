/* A request whose next hop is a name: of a dialog, to a client, or to the server that is published to. Its
 * servers are looked for, and asked one after the other until one answers (RFC 3263 4). The transport is the one
 * that the request was written for, so that it stays as it is but for its branch. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "sip_priv.h"

enum {
    SERVERS_MAX = 4, /* asked for one request: two minutes, when none of them answers */
    SEARCHES_MAX =
        2000 /* some 20 KiB each; beyond it who is asked is what the name itself leads to */
};

/*   [over the connection that stands --gone--] --> searching --> asking --no answer, 503--> asking the next one */
struct sip_named {
    struct gw_list link;
    struct sip_core *core;
    struct sip_search *search; /* NULL: over, or not begun */
    struct sip_txn *txn;
    struct sip_hop *hops;
    size_t count, at;
    struct sip_peer to; /* its host is our own */
    enum sip_method method;
    bool can_wait;
    sip_txn_done_fn *done;
    void *ctx;
    char *branch; /* in the request */
    size_t len;
    char bytes[];
};

/* A top-level domain is never a number: RFC 3696 2. */
bool sip_is_address(struct gw_str host)
{
    size_t at = host.len;

    if (gw_str_find(host, ':') >= 0)
        return true;
    while (at && host.p[at - 1] >= '0' && host.p[at - 1] <= '9')
        at--;
    return at < host.len && at && host.p[at - 1] == '.';
}

uint16_t sip_port_of(const struct sip_peer *peer)
{
    return peer->port ? peer->port : peer->proto == SIP_TLS ? 5061 : SIP_AGENT_PORT;
}

static void named_free(struct sip_named *n)
{
    gw_list_remove(&n->link);
    if (n->search) {
        sip_search_done(n->search);
        n->core->searches--;
    }
    free(n->search);
    sip_txn_cancel(&n->txn);
    free((char *)n->to.host.p);
    free(n->hops);
    free(n);
}

void sip_named_free_all(struct sip_core *core)
{
    while (!gw_list_is_empty(&core->named))
        named_free(GW_CONTAINER(core->named.next, struct sip_named, link));
}

static void finish(struct sip_named *n, unsigned status, const struct sip_msg *response,
                   gw_time now)
{
    sip_txn_done_fn *done = n->done;
    void *ctx = n->ctx;

    named_free(n);
    if (done)
        done(status, response, now, ctx);
}

static void answered(unsigned status, const struct sip_msg *response, gw_time now, void *ctx);

/* An ACK has no answer: it has been sent when it could be. */
static void send_ack(struct sip_named *n, const struct sip_peer *to, gw_time now)
{
    if (sip_send(n->core, to, (struct gw_str){ n->bytes, n->len }))
        named_free(n);
    else
        answered(503, NULL, now, n);
}

static void send(struct sip_named *n, const struct sip_peer *to, gw_time now)
{
    if (n->method == SIP_ACK) {
        send_ack(n, to, now);
        return;
    }
    n->txn = sip_txn_start(n->core->txns,
                           &(struct sip_txn_args){ .to = to,
                                                   .branch = n->branch,
                                                   .method = n->method,
                                                   .bytes = { n->bytes, n->len },
                                                   .done = answered,
                                                   .ctx = n },
                           now);
}

/* A transaction of its own for each. */
static void try_next(struct sip_named *n, gw_time now)
{
    const struct sip_hop *hop = &n->hops[n->at++];
    const struct sip_peer to = { .proto = hop->proto,
                                 .host = gw_str_of(hop->host),
                                 .port = hop->port };
    char branch[SIP_BRANCH_LEN + 1];

    if (n->can_wait && sip_is_full(n->core, &to)) {
        finish(n, 503, NULL, now);
        return;
    }
    gw_debug("sip.routing", "request method=%s name=%.*s to=%s:%u over=%s",
             sip_method_name(n->method), GW_STR_ARG(n->to.host), hop->host, hop->port,
             sip_proto_name(hop->proto));
    sip_txns_branch(n->core->txns, branch);
    memcpy(n->branch, branch, SIP_BRANCH_LEN);
    send(n, &to, now);
}

static void found(const struct sip_search *search, struct gw_now now, void *ctx)
{
    struct sip_named *n = ctx;

    n->core->now = now;
    n->count = search->count < SERVERS_MAX ? search->count : SERVERS_MAX;
    n->hops = gw_alloc((n->count + 1) * sizeof(*n->hops));
    for (size_t i = 0; i < n->count; i++)
        n->hops[i] = search->hops[i].hop;
    if (!n->count)
        gw_info("sip.routing", "name not found host=%.*s reason=\"%s\"", GW_STR_ARG(n->to.host),
                search->err.msg);
    sip_search_done(n->search);
    free(n->search);
    n->search = NULL;
    n->core->searches--;
    if (n->count)
        try_next(n, now.mono);
    else
        finish(n, 503, NULL, now.mono);
}

static void look_up(struct sip_named *n, gw_time now)
{
    struct sip_core *core = n->core;
    struct sip_plan plan;

    n->to.conn = 0;
    if (core->searches >= SEARCHES_MAX) {
        n->to.port = sip_port_of(&n->to);
        send(n, &n->to, now);
        return;
    }
    sip_route_server(&n->to, &plan);
    core->searches++;
    n->search = gw_new(struct sip_search);
    if (sip_search_start(n->search, &plan, core->io, core->io_ctx, found, n))
        found(n->search, core->now, n);
}

static void answered(unsigned status, const struct sip_msg *response, gw_time now, void *ctx)
{
    struct sip_named *n = ctx;

    n->txn = NULL;
    if (n->to.conn && !response) /* the connection is gone, or dead */
        look_up(n, now);
    else if ((status == 503 || (status == 408 && !response)) && n->at < n->count)
        try_next(n, now);
    else
        finish(n, status, response, now);
}

/* The branch stands in the first Via. */
static void named_start(struct sip_core *core, struct sip_ask *ask, const struct sip_txn_args *args)
{
    struct sip_named *n = gw_alloc(sizeof(*n) + args->bytes.len);

    n->core = core;
    n->to = *args->to;
    n->to.host = gw_str_of(gw_str_dup(args->to->host));
    n->method = args->method;
    n->can_wait = args->can_wait;
    n->done = args->done;
    n->ctx = args->ctx;
    n->len = args->bytes.len;
    memcpy(n->bytes, args->bytes.p, n->len);
    n->branch = memmem(n->bytes, n->len, args->branch, SIP_BRANCH_LEN);
    assert(n->branch);
    gw_list_append(&core->named, &n->link);
    if (ask)
        ask->named = n;
    if (n->to.conn)
        send(n, &n->to, core->now.mono);
    else
        look_up(n, core->now.mono);
}

/* Nothing is to be looked for: an address; or a name with a port over a stream, all of whose addresses are tried
 * when it is connected. */
static bool is_known(const struct sip_peer *to)
{
    return sip_is_address(to->host) || (to->port && to->proto != SIP_UDP);
}

void sip_ask_start(struct sip_core *core, struct sip_ask *ask, const struct sip_txn_args *args)
{
    *ask = (struct sip_ask){ .txn = NULL };
    if (is_known(args->to))
        ask->txn = sip_txn_start(core->txns, args, core->now.mono);
    else
        named_start(core, ask, args);
}

void sip_ask_acknowledge(struct sip_core *core, const struct sip_peer *to, const char *branch,
                         struct gw_str bytes)
{
    if (is_known(to))
        (void)sip_send(core, to, bytes);
    else
        named_start(core, NULL,
                    &(struct sip_txn_args){
                        .to = to, .branch = branch, .method = SIP_ACK, .bytes = bytes });
}

void sip_ask_cancel(struct sip_ask *ask)
{
    sip_txn_cancel(&ask->txn);
    if (ask->named)
        named_free(ask->named);
    ask->named = NULL;
}
