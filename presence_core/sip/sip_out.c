/* A request outside of dialogs: its servers are looked for, and asked one after the other until one
 * answers (RFC 3263 4.3). */
#include <stdlib.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "sip_priv.h"

struct sip_out {
    struct sip_core *core;
    struct sip_out_args args; /* without the address */
    struct sip_search search;
    size_t at; /* of the servers */
    bool is_given_up;
    struct sip_txn *txn;
};

void sip_out_cancel(struct sip_out **outp)
{
    struct sip_out *out = *outp;

    if (!out)
        return;
    *outp = NULL;
    sip_search_done(&out->search);
    sip_txn_cancel(&out->txn);
    free(out);
}

bool sip_out_give_up(struct sip_out **outp)
{
    struct sip_out *out = *outp;

    if (!out->txn) {
        sip_out_cancel(outp);
        return false;
    }
    out->is_given_up = true;
    sip_txn_give_up(out->txn, out->core->now.mono);
    return true;
}

enum sip_kind sip_out_kind(const struct sip_out *out)
{
    return out->search.plan.kind;
}

enum { DATAGRAM_MAX = 1300 }; /* RFC 3261 18.1.1: larger ones go over a stream */

static void try_next(struct sip_out *out, gw_time now);

static void answered(unsigned status, const struct sip_msg *response, gw_time now, void *ctx)
{
    struct sip_out *out = ctx;
    struct sip_hop hop = out->search.hops[out->at].hop;
    struct sip_out_args args = out->args;

    out->txn = NULL;
    if ((status == 503 || (status == 408 && !response)) && !out->is_given_up &&
        out->at + 1 < out->search.count) {
        out->at++;
        try_next(out, now);
        return;
    }
    sip_out_cancel(&out);
    args.done(status, response, &hop, NULL, now, args.ctx);
}

static struct sip_peer peer_of(const struct sip_hop *hop)
{
    return (
        struct sip_peer){ .proto = hop->proto, .host = gw_str_of(hop->host), .port = hop->port };
}

/* Into core->out. */
static void write(struct sip_out *out, const struct sip_hop *hop, const char *branch)
{
    struct sip_core *core = out->core;
    const struct sip_peer to = peer_of(hop);
    struct gw_buf us;

    gw_buf_init(&us, SIP_URI_MAX);
    core->io->local(&to, &us, core->io_ctx);
    out->args.write(&to, gw_buf_str(&us), branch, out->args.ctx);
    gw_buf_done(&us);
}

static void try_next(struct sip_out *out, gw_time now)
{
    struct sip_core *core = out->core;
    struct sip_hop *hop = &out->search.hops[out->at].hop;
    char branch[SIP_BRANCH_LEN + 1];
    struct sip_peer to;

    gw_debug("sip.routing", "request method=%s rule=\"%s\" said_by=\"%s\" to=%s:%u over=%s",
             sip_method_name(out->args.method), sip_rule_names[out->search.hops[out->at].rule],
             out->search.hops[out->at].pattern, hop->host, hop->port, sip_proto_name(hop->proto));
    sip_txns_branch(core->txns, branch);
    write(out, hop, branch);
    if (hop->proto == SIP_UDP && core->out.len > DATAGRAM_MAX) {
        hop->proto = SIP_TCP;
        write(out, hop, branch);
    }
    to = peer_of(hop);
    out->txn = sip_txn_start(core->txns,
                             &(struct sip_txn_args){ .to = &to,
                                                     .branch = branch,
                                                     .method = out->args.method,
                                                     .bytes = gw_buf_str(&core->out),
                                                     .done = answered,
                                                     .ctx = out },
                             now);
}

static void found(const struct sip_search *search, struct gw_now now, void *ctx)
{
    struct sip_out *out = ctx;
    struct sip_out_args args = out->args;
    struct gw_err err = search->err;

    out->core->now = now;
    if (search->count) {
        try_next(out, now.mono);
        return;
    }
    sip_out_cancel(&out);
    args.done(503, NULL, NULL, &err, now.mono, args.ctx);
}

struct sip_out *sip_out_start(struct sip_core *core, const struct sip_out_args *args,
                              struct gw_err *err)
{
    struct sip_out *out;
    struct sip_plan plan;

    if (sip_plan(core, args->address, &plan, err))
        return NULL;
    out = gw_new(struct sip_out);
    out->core = core;
    out->args = *args;
    if (sip_search_start(&out->search, &plan, core->io, core->io_ctx, found, out))
        try_next(out, core->now.mono);
    return out;
}
