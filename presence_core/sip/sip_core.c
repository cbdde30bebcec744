/* Messages come in and are given to whom they are for. */
#include "sip_core.h"

#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "sip_access.h"
#include "sip_account.h"
#include "sip_escape.h"
#include "sip_winfo.h"

enum {
    ACL_TOLD_MS = 10 * GW_SECOND_MS,
    ROUTED_MAX = 4096,
    SWEPT_AT_ONCE = 1000,
    RETRY_AFTER_S = 5
};

static struct gw_str allowed(const struct sip_core *core)
{
    return sip_login_is_on(core) ? GW_STR(SIP_ALLOW ", REGISTER, PUBLISH") : GW_STR(SIP_ALLOW);
}

/* ---- Answers ---- */

void sip_answer_begin(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                      unsigned status, struct gw_str tag)
{
    char random[2 * 8 + 1];

    if (!tag.len && !m->to.tag.len) {
        gw_random_hex(random, 8);
        tag = gw_str_of(random);
    }
    gw_buf_reset(&core->out);
    sip_write_answer(&core->out, m, from, status, tag);
}

void sip_answer_send(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    sip_answer_send_body(core, m, from, NULL, GW_STR(""));
}

void sip_answer_send_body(struct sip_core *core, const struct sip_msg *m,
                          const struct sip_peer *from, const char *type, struct gw_str body)
{
    sip_write_end(&core->out, type, body);
    if (core->out.failed)
        return;
    /* Health is told to strangers, too, of whom nothing is kept; and asking again changes nothing. */
    if (m->method == SIP_OPTIONS)
        sip_txns_answer_once(core->txns, m, from, gw_buf_str(&core->out));
    else
        sip_txns_answer(core->txns, m, from, gw_buf_str(&core->out), core->now.mono);
}

void sip_answer(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                unsigned status)
{
    sip_answer_begin(core, m, from, status, GW_STR(""));
    sip_answer_send(core, m, from);
}

void sip_answer_once(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    sip_write_end(&core->out, NULL, GW_STR(""));
    if (!core->out.failed)
        sip_txns_answer_once(core->txns, m, from, gw_buf_str(&core->out));
}

void sip_refuse(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                unsigned status)
{
    if (m->method == SIP_ACK)
        return;
    sip_answer_begin(core, m, from, status, GW_STR(""));
    sip_answer_once(core, m, from);
}

/* ---- Methods ---- */

/* The health answer: whoever asks, so that a load balancer needs no entry in a list. */
static void on_options(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    sip_answer_begin(core, m, from, 200, GW_STR(""));
    sip_write_header(&core->out, "Allow", allowed(core));
    sip_write_header(&core->out, "Allow-Events", sip_events(core));
    sip_answer_send(core, m, from);
}

void sip_refuse_method(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    sip_answer_begin(core, m, from, 405, GW_STR(""));
    sip_write_header(&core->out, "Allow", allowed(core));
    sip_answer_send(core, m, from);
}

static void on_notify(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    if (!sip_watch_notify(core, m, from))
        sip_answer(core, m, from, 481);
}

static void on_other(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    sip_answer_begin(core, m, from, 501, GW_STR(""));
    sip_write_header(&core->out, "Allow", allowed(core));
    sip_answer_send(core, m, from);
}

typedef void method_fn(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);

static method_fn *const methods[] = {
    [SIP_OTHER_METHOD] = on_other,    [SIP_ACK] = NULL,
    [SIP_BYE] = sip_session_bye,      [SIP_CANCEL] = sip_session_cancel,
    [SIP_INFO] = sip_session_message, [SIP_INVITE] = sip_session_invite,
    [SIP_MESSAGE] = sip_message,      [SIP_NOTIFY] = on_notify,
    [SIP_OPTIONS] = on_options,       [SIP_PUBLISH] = sip_publish_in,
    [SIP_REFER] = sip_session_refer,  [SIP_REGISTER] = sip_register,
    [SIP_SUBSCRIBE] = sip_subscribe,
};

/* ---- Requests ---- */

static void tell_refused(struct sip_core *core, const struct sip_msg *m,
                         const struct sip_peer *from)
{
    core->counters.refused_acl++;
    if (core->now.mono >= core->acl_told) {
        core->acl_told = gw_time_after(core->now.mono, ACL_TOLD_MS);
        gw_warn(
            "sip.acl",
            "ACL - upstream not trusted - need to authenticate peer=%.*s method=%s refused=%llu; "
            "add it to sip.incoming_acl if it is a peer of yours",
            GW_STR_ARG(from->host), sip_method_name(m->method),
            (unsigned long long)core->counters.refused_acl);
    }
}

static void refuse_for_now(struct sip_core *core, const struct sip_msg *m,
                           const struct sip_peer *from)
{
    core->counters.refused_limit++;
    sip_answer_begin(core, m, from, 503, GW_STR(""));
    gw_buf_addf(&core->out, "Retry-After: %d\r\n", RETRY_AFTER_S);
    sip_answer_once(core, m, from);
}

static bool is_admitted(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    switch (sip_admit(core, from, core->bytes)) {
    case SIP_ADMITTED:
        return true;
    case SIP_PARKED:
        return false;
    case SIP_TOO_MANY:
        refuse_for_now(core, m, from);
        return false;
    case SIP_REFUSED:
        if (sip_log_in_ask(core, m, from))
            return false;
        tell_refused(core, m, from);
        sip_refuse(core, m, from, 403);
        return false;
    }
    return false;
}

/* Health is told to everybody; users of ours come with a password, whoever else from an address that is
 * known. */
static bool may_come(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    if (m->method == SIP_OPTIONS)
        return true;
    switch (sip_log_in(core, m, from)) {
    case SIP_LOGIN_IN:
        return true;
    case SIP_LOGIN_ANSWERED:
        return false;
    case SIP_LOGIN_NONE:
        return is_admitted(core, m, from);
    }
    return false;
}

/* Did it leave us, or a gateway like us, for the other half of our domains? A proxy leaves our Via where
 * it was, and what stands between two calls sends the marker on. */
static bool has_left_us(const struct sip_core *core, const struct sip_msg *m)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;

    if (sip_msg_next(m, SIP_USER_AGENT, &pos, &value) && gw_str_is(value, SIP_MARKER))
        return true;
    for (pos = (struct sip_pos){ 0 }; sip_msg_next(m, SIP_VIA, &pos, &value);) {
        if (sip_txns_went_by(core->txns, value))
            return true;
    }
    return false;
}

/* It came back, and nobody has the user. For one who is here it is no loop: another cluster of our
 * enterprise looks for him in the same way. */
static bool is_loop(const struct sip_core *core, const struct sip_msg *m)
{
    struct gw_buf user, peer;
    struct gw_str meant;
    bool is_for_nobody;

    if (sip_txns_is_own(core->txns, m->via.branch))
        return true;
    if (m->to.tag.len || !has_left_us(core, m))
        return false;
    gw_buf_init(&user, SIP_URI_MAX);
    gw_buf_init(&peer, SIP_URI_MAX);
    meant = pres_inner(core->pres, sip_address_of(&m->target, &user),
                       sip_address_of(&m->from.uri, &peer));
    gw_buf_done(&peer);
    is_for_nobody = !pres_user_is_known(core->pres, meant);
    gw_buf_done(&user);
    return is_for_nobody;
}

/* What is wrong with a request whoever it is for, RFC 3261 8.2; 0: nothing. */
static unsigned request_check(struct sip_core *core, const struct sip_msg *m)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;

    if (is_loop(core, m)) {
        core->counters.loops++;
        return 482;
    }
    if (!m->target.is_sip)
        return 416;
    if (sip_msg_next(m, SIP_REQUIRE, &pos, &value))
        return 420;
    return 0;
}

static void on_request(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    char event[GW_QUOTE_MAX], call_id[GW_QUOTE_MAX];
    struct sip_pos pos = { 0 };
    struct gw_str value;
    unsigned status;

    if (sip_txns_absorb(core->txns, m, from))
        return;
    if (m->method == SIP_ACK) { /* has no answer, and changes only what has our tag */
        sip_session_ack(core, m);
        return;
    }
    if (!may_come(core, m, from))
        return;
    status = request_check(core, m);
    gw_debug("sip.method", "request method=%s event=%s call_id=%s refused=%u",
             sip_method_name(m->method), gw_quote(m->event, event), gw_quote(m->call_id, call_id),
             status);
    if (!status) {
        methods[m->method](core, m, from);
        return;
    }
    sip_answer_begin(core, m, from, status, GW_STR(""));
    while (status == 420 && sip_msg_next(m, SIP_REQUIRE, &pos, &value))
        sip_write_header(&core->out, "Unsupported", value);
    sip_answer_send(core, m, from);
}

static void on_malformed(struct sip_core *core, const struct sip_msg *m,
                         const struct sip_peer *from, const struct gw_err *err)
{
    core->counters.malformed++;
    gw_debug("sip.message", "message malformed peer=%.*s reason=\"%s\" answer=%u",
             GW_STR_ARG(from->host), err->msg, m->answer);
    if (m->answer && m->is_repeatable)
        sip_refuse(core, m, from, m->answer);
    else if (m->answer)
        sip_refuse_raw(core, m, from);
}

void sip_core_receive(struct sip_core *core, const struct sip_peer *from, struct gw_str bytes,
                      struct gw_now now)
{
    struct sip_msg *m = core->msg;
    struct gw_err err;

    core->now = now;
    core->bytes = bytes;
    sip_trace_add(core->trace, from, true, bytes, gw_str_of(core->settings->trace), now.utc);
    if (sip_msg_parse(m, bytes, &err)) {
        on_malformed(core, m, from, &err);
    } else if (m->is_request) {
        core->counters.requests_in++;
        on_request(core, m, from);
    } else if (!sip_txns_response(core->txns, m, now.mono)) {
        sip_session_answer(core, m, from);
    }
    sip_msg_done(m);
    sip_commit(core);
}

/* ---- The core of presence ---- */

static void stirred(struct gw_str user, void *ctx)
{
    struct sip_core *core = ctx;
    struct sip_watched *w = gw_map_get(core->watched, user);
    struct sip_account *a = sip_account_find(core, user);
    struct gw_list *it, *tmp;

    if (a) /* his roster may say something else */
        sip_subs_see(a, GW_STR(""));
    sip_publish_stir(core, user);
    if (!w)
        return;
    GW_LIST_EACH(&w->subs, it, tmp)
    sip_sub_stir(GW_CONTAINER(it, struct sip_sub, link), false);
    sip_winfo_stir(w);
}

/* Watchers abroad are told of the user as a whole, once stirred() was called. */
static void presence_abroad(const struct pres_doc *doc, const struct gw_str *to, size_t count,
                            void *ctx)
{
    (void)doc;
    (void)to;
    (void)count;
    (void)ctx;
}

/* Answers to watchers are told by stirred(), too. */
static void request_abroad(enum pres_request request, struct gw_str from, struct gw_str to,
                           struct gw_str extra, void *ctx)
{
    (void)extra;
    if (request == PRES_SUBSCRIBE)
        sip_watch_want(ctx, from, to);
    else if (request == PRES_UNSUBSCRIBE)
        sip_watch_leave(ctx, from, to);
}

static void probe_abroad(struct gw_str from, struct gw_str to, void *ctx)
{
    sip_watch_want(ctx, from, to);
}

static bool message_abroad(const struct pres_message *m, enum pres_failure *why, void *ctx)
{
    (void)why; /* it comes later */
    sip_message_send(ctx, m);
    return true;
}

/* To a client of a user here: it subscribes by itself to whom it wants to see, and is told so of contacts
 * abroad; of users here stirred() tells. Who asks to see its user waits for an answer from elsewhere. */
static void presence_here(const struct pres_doc *doc, struct pres_session *const *to, size_t count,
                          void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < count; i++)
        sip_subs_see(pres_session_ctx(to[i]), doc->user);
}

static void request_here(enum pres_request request, struct gw_str from, struct gw_str extra,
                         struct pres_session *to, void *ctx)
{
    (void)request;
    (void)from;
    (void)extra;
    (void)to;
    (void)ctx;
}

static const struct pres_frontend frontend = { .name = "sip",
                                               .presence = presence_here,
                                               .request = request_here,
                                               .message = sip_reach_message,
                                               .message_failed = sip_reach_failed,
                                               .is_reachable = sip_account_is_reachable,
                                               .ended = sip_account_ended,
                                               .stirred = stirred,
                                               .presence_abroad = presence_abroad,
                                               .request_abroad = request_abroad,
                                               .probe_abroad = probe_abroad,
                                               .message_abroad = message_abroad };

bool sip_is_ours(const struct sip_core *core, struct gw_str address)
{
    struct gw_str domain = address;

    (void)gw_str_cut(address, "@", NULL, &domain);
    return pres_domain_is_local(core->pres, domain);
}

/* A domain has one way: those of our list have this one. */
static void routes_set(struct sip_core *core, struct gw_str list, struct pres_front *front)
{
    struct sip_domain domain;

    while (sip_domains_next(&list, &domain)) {
        if (!front && pres_route_front(core->pres, domain.name) != core->front)
            continue;
        pres_route_set(core->pres, domain.name, front);
    }
}

static void routes_apply(struct sip_core *core)
{
    routes_set(core, gw_buf_str(&core->routed), NULL);
    gw_buf_reset(&core->routed);
    gw_buf_add_cstr(&core->routed, core->settings->domains);
    routes_set(core, gw_buf_str(&core->routed), core->front);
    pres_route_unknown_set(core->pres, core->settings->partitioned ? core->front : NULL);
}

void sip_core_settings_apply(struct sip_core *core)
{
    routes_apply(core);
    sip_doubts_apply(core);
    sip_sessions_apply(core);
    sip_publish_apply(core);
    sip_accounts_apply(core);
    core->sub_sweep = core->watch_sweep = (struct sip_sweep){ .runs = true };
    core->io->wake(core->io_ctx);
}

void *sip_sweep_next(struct sip_sweep *w, const struct gw_map *map)
{
    void *found;

    if (w->order != gw_map_order(map))
        *w = (struct sip_sweep){ .order = gw_map_order(map) };
    found = gw_map_next(map, &w->pos);
    w->runs = found != NULL;
    return found;
}

/* Whom other settings concern: a hundred thousand are not looked at in one turn. */
static void sweep_tick(struct sip_core *core)
{
    struct sip_watch *w;
    struct sip_sub *s;

    for (int i = 0; i < SWEPT_AT_ONCE && core->sub_sweep.runs; i++) {
        s = sip_sweep_next(&core->sub_sweep, core->subs);
        if (s)
            sip_sub_apply(s);
    }
    for (int i = 0; i < SWEPT_AT_ONCE && core->watch_sweep.runs; i++) {
        w = sip_sweep_next(&core->watch_sweep, core->watches);
        if (w)
            sip_watch_apply(w);
    }
}

enum gw_code sip_plan(const struct sip_core *core, struct gw_str address, struct sip_plan *out,
                      struct gw_err *err)
{
    bool ours = sip_is_ours(core, address), is_advanced = core->settings->partitioned_mode;

    if (ours && core->settings->partitioned && is_advanced && core->is_neighbour &&
        !core->is_neighbour(address, core->neighbour_ctx))
        return gw_fail(
            err, GW_NOTFOUND,
            "'%.*s' is nobody's SIP address among the users of the directory who are not "
            "enabled here (sip.partitioned_mode is advanced)",
            GW_STR_ARG(gw_str_utf8_cut(address, 80)));
    return sip_route_plan(core->settings, address, ours, out, err);
}

/* As people write it, from a contact list or from a log of another system; empty: it is none. */
static struct gw_str address_read(struct gw_str text, struct gw_buf *out)
{
    struct sip_uri uri = { .is_sip = true };
    struct gw_str scheme, rest, local;
    struct gw_buf user;

    if (gw_str_cut(text, ":", &scheme, &rest) &&
        (gw_str_iis(scheme, "sip") || gw_str_iis(scheme, "sips")))
        text = rest;
    if (!gw_str_cut(text, "@", &local, &uri.host))
        return GW_STR("");
    gw_buf_init(&user, SIP_URI_MAX);
    sip_jid_unescape(local, &user);
    uri.user = gw_buf_str(&user);
    text = sip_address_of(&uri, out);
    gw_buf_done(&user);
    return text;
}

enum gw_code sip_core_search(struct sip_core *core, struct gw_str text, struct gw_buf *out,
                             struct sip_search *search, sip_search_fn *done, void *ctx, bool *known,
                             struct gw_err *err)
{
    struct gw_str address = address_read(text, out);
    struct sip_plan plan;
    enum gw_code rc;

    if (!address.len)
        return gw_fail(err, GW_INVALID, "'%.*s' is no address like ann@partner.example",
                       GW_STR_ARG(gw_str_utf8_cut(text, 80)));
    if (pres_user_is_known(core->pres, address))
        return gw_fail(err, GW_INVALID, "'%.*s' is a user here: nothing goes there by SIP",
                       GW_STR_ARG(gw_str_utf8_cut(address, 80)));
    rc = sip_plan(core, address, &plan, err);
    if (!rc)
        *known = sip_search_start(search, &plan, core->io, core->io_ctx, done, ctx);
    return rc;
}

/* ---- Life ---- */

struct sip_trace *sip_core_trace(struct sip_core *core)
{
    return core->trace;
}

uint64_t sip_send(struct sip_core *core, const struct sip_peer *to, struct gw_str bytes)
{
    sip_trace_add(core->trace, to, false, bytes, gw_str_of(core->settings->trace), core->now.utc);
    return core->io->send(to, bytes, core->io_ctx);
}

bool sip_is_full(const struct sip_core *core, const struct sip_peer *to)
{
    return core->io->is_full && core->io->is_full(to, core->io_ctx);
}

static uint64_t send_traced(const struct sip_peer *to, struct gw_str bytes, void *ctx)
{
    return sip_send(ctx, to, bytes);
}

static const struct sip_io traced_io = { .send = send_traced };

struct sip_core *sip_core_new(const struct sip_core_args *args)
{
    struct sip_core *core = gw_new(struct sip_core);

    core->pres = args->pres;
    core->store = args->store;
    gw_param_defaults(sip_params, sip_param_count, &core->defaults);
    core->is_neighbour = args->is_neighbour;
    core->neighbour_ctx = args->ctx;
    core->settings = args->settings ? args->settings : &core->defaults;
    core->io = args->io;
    core->io_ctx = args->io_ctx;
    core->trace = sip_trace_new();
    core->txns = sip_txns_new(&traced_io, core);
    core->subs = gw_map_new();
    core->watched = gw_map_new();
    core->sources = gw_map_new();
    gw_list_init(&core->unproven);
    gw_heap_init(&core->due);
    gw_buf_init(&core->out, SIP_MSG_MAX);
    gw_buf_init(&core->body, SIP_DOCUMENT_MAX);
    core->msg = gw_new(struct sip_msg);
    core->watches = gw_map_new();
    core->watch_tags = gw_map_new();
    core->watch_lanes = gw_map_new();
    gw_heap_init(&core->watch_due);
    gw_list_init(&core->watch_ready);
    gw_list_init(&core->lines);
    gw_list_init(&core->named);
    core->talks = gw_map_new();
    core->session_tags = gw_map_new();
    gw_heap_init(&core->session_due);
    core->doubts = sip_doubts_new();
    gw_buf_init(&core->routed, ROUTED_MAX);
    core->credentials = args->credentials;
    core->credentials_ctx = args->ctx;
    core->digest = sip_digest_new();
    core->guard = pres_guard_new();
    gw_buf_init(&core->login, PRES_JID_MAX);
    core->accounts = gw_map_new();
    gw_heap_init(&core->account_due);
    gw_heap_init(&core->state_due);
    gw_list_init(&core->letters);
    core->waits = gw_map_new();
    gw_heap_init(&core->wait_due);
    core->front = pres_frontend_register(core->pres, &frontend, core);
    routes_apply(core);
    sip_publish_init(core);
    return core;
}

void sip_core_free(struct sip_core **corep)
{
    struct sip_core *core = *corep;
    struct sip_sub *s;
    size_t pos = 0;

    if (!core)
        return;
    *corep = NULL;
    sip_letters_free(core);
    while ((s = gw_map_next(core->subs, &pos)))
        sip_sub_release(s);
    sip_waits_free(core);
    sip_messages_free(core);
    sip_sessions_free(core);
    sip_accounts_free(core); /* whose dialogs are gone */
    pres_frontend_leave(core->front);
    sip_watches_free(core);
    gw_map_free(&core->talks);
    gw_map_free(&core->session_tags);
    gw_heap_done(&core->session_due);
    sip_doubts_free(&core->doubts);
    sip_publish_done(core);
    sip_named_free_all(core);
    sip_txns_free(&core->txns);
    sip_trace_free(&core->trace);
    gw_map_free(&core->watches);
    gw_map_free(&core->watch_tags);
    gw_map_free(&core->watch_lanes);
    gw_heap_done(&core->watch_due);
    gw_map_free(&core->subs);
    gw_map_free(&core->watched);
    sip_sources_free(core);
    gw_heap_done(&core->due);
    gw_buf_done(&core->out);
    gw_buf_done(&core->body);
    gw_buf_done(&core->routed);
    gw_buf_done(&core->login);
    sip_digest_free(&core->digest);
    pres_guard_free(&core->guard);
    store_batch_free(&core->batch);
    gw_param_settings_done(sip_params, sip_param_count, &core->defaults);
    free(core->msg);
    free(core);
}

void sip_core_lost(struct sip_core *core, uint64_t conn)
{
    sip_txns_lost(core->txns, conn);
}

gw_time sip_core_deadline(const struct sip_core *core)
{
    const struct gw_due *first = gw_heap_first(&core->due);
    const gw_time all[] = { first ? first->at : GW_NEVER, sip_txns_deadline(core->txns),
                            sip_watches_deadline(core),   sip_publish_deadline(core),
                            sip_messages_deadline(core),  sip_doubts_deadline(core),
                            sip_sessions_deadline(core),  sip_accounts_deadline(core),
                            sip_letters_deadline(core),   sip_states_deadline(core),
                            sip_waits_deadline(core) };
    gw_time at = core->sub_sweep.runs || core->watch_sweep.runs ? INT64_MIN : GW_NEVER;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        at = all[i] < at ? all[i] : at;
    return at;
}

void sip_core_tick(struct sip_core *core, struct gw_now now)
{
    core->now = now;
    sip_txns_tick(core->txns, now.mono);
    sweep_tick(core);
    sip_subs_tick(core);
    sip_watches_tick(core);
    sip_publish_tick(core);
    sip_messages_tick(core);
    sip_sessions_tick(core);
    sip_doubts_tick(core);
    sip_accounts_tick(core);
    sip_states_tick(core);
    sip_letters_tick(core);
    sip_waits_tick(core);
    sip_commit(core);
}

void sip_core_counters(const struct sip_core *core, struct sip_counters *out)
{
    struct sip_txns_stats stats;

    sip_txns_stats(core->txns, &stats);
    *out = core->counters;
    out->subscriptions = gw_map_len(core->subs);
    out->watches = gw_map_len(core->watches);
    out->sessions = core->session_count;
    out->waiting = stats.waiting;
    out->resent = stats.resent;
    out->timeouts = stats.timeouts;
}
