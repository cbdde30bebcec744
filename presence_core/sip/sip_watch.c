/* A user here watches somebody there: one subscription for each pair (RFC 6665), as long as the user's
 * roster asks for it, whether he is logged in or not.
 *
 *   IDLE --its turn--> ASKING --2xx--> HELD --before it expires, its turn--> ASKING
 *     ^-- refused for now, lost, ended there: after a pause --'
 *
 * The dialog is made by the answer, or by the first NOTIFY when that comes before (RFC 6665 4.1.2.4). What
 * the core of presence is told is told by ticks, never from inside its own calls. */
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "sip_priv.h"
#include "sip_watch.h"

enum {
    WATCHES_MAX = 200000,
    FLIGHT_MAX = 1000,     /* requests under way, */
    LANE_FLIGHT_MAX = 100, /* and to one domain: one that does not answer leaves the others room */
    AT_ONCE = 1000,        /* looked at; then others have their turn */
    PAUSE_MS = 30000,      /* after a failure; twice as long after each more */
    PAUSE_MAX_MS = 15 * 60000,
    REFUSED_MS = 3600000,     /* the administrators there have to do something */
    NO_WAY_MS = 60000,        /* the directory may know the contact by then */
    RETRY_AFTER_MAX_S = 3600, /* a peer's word is heeded up to here */
    GRANTED_MIN_S = 60,       /* who grants less is asked no more often */
    EXPIRES_LIMIT_S = 86400,
    PER_SECOND = 500 /* after a restart */
};

#define RESOURCE "sip" /* the contact has one, to clients here */
#define ACCEPT   "Accept: application/pidf+xml, application/cpim-pidf+xml\r\n"

/* ---- Turns ---- */

/* The watches of one domain there; counted, gone with the last. */
struct sip_lane {
    struct gw_list link; /* of those that have somebody waiting, and room */
    struct gw_list waiting;
    size_t count, flight;
    struct sip_core *core;
    struct gw_str domain;
    char text[];
};

static struct sip_lane *lane_take(struct sip_core *core, struct gw_str remote)
{
    struct gw_str domain = remote;
    struct sip_lane *lane;

    (void)gw_str_cut(remote, "@", NULL, &domain);
    lane = gw_map_get(core->watch_lanes, domain);
    if (!lane) {
        lane = gw_alloc(sizeof(*lane) + domain.len);
        lane->core = core;
        gw_list_init(&lane->link);
        gw_list_init(&lane->waiting);
        memcpy(lane->text, domain.p, domain.len);
        lane->domain = (struct gw_str){ lane->text, domain.len };
        gw_map_set(core->watch_lanes, lane->domain, lane);
    }
    lane->count++;
    return lane;
}

static void lane_leave(struct sip_lane *lane)
{
    if (--lane->count)
        return;
    gw_list_remove(&lane->link);
    gw_map_remove(lane->core->watch_lanes, lane->domain);
    free(lane);
}

static void lane_stir(struct sip_lane *lane)
{
    gw_list_remove(&lane->link);
    if (!gw_list_is_empty(&lane->waiting) && lane->flight < LANE_FLIGHT_MAX)
        gw_list_append(&lane->core->watch_ready, &lane->link);
}

static void take_off(struct sip_watch *w)
{
    w->core->watch_flight++;
    w->lane->flight++;
}

static void wait_turn(struct sip_watch *w)
{
    gw_list_append(&w->lane->waiting, &w->ready);
    lane_stir(w->lane);
}

static void landed(struct sip_watch *w)
{
    w->core->watch_flight--;
    w->lane->flight--;
    lane_stir(w->lane);
}

/* ---- Life ---- */

struct sip_watch *sip_watch_find(const struct sip_core *core, struct gw_str local,
                                 struct gw_str remote)
{
    struct gw_buf pair;
    struct sip_watch *w = gw_map_get(core->watches, sip_pair_write(&pair, local, remote));

    gw_buf_done(&pair);
    return w;
}

struct sip_watch *sip_watch_new(struct sip_core *core, struct gw_str local, struct gw_str remote,
                                struct gw_str tag)
{
    struct gw_buf pair;
    struct gw_str key = sip_pair_write(&pair, local, remote);
    struct sip_watch *w = gw_alloc(sizeof(*w) + key.len);

    w->core = core;
    w->expires_s = core->settings->expires_max_s;
    memcpy(w->text, key.p, key.len);
    w->pair = (struct gw_str){ w->text, key.len };
    w->local = gw_str_sub(w->pair, 0, local.len);
    w->remote = gw_str_sub(w->pair, local.len + 1, key.len);
    gw_buf_done(&pair);
    if (tag.len)
        memcpy(w->tag, tag.p, tag.len);
    else
        gw_random_hex(w->tag, SIP_OWN_TAG_LEN / 2);
    gw_random_hex(w->call_id, SIP_OWN_CALL_ID_LEN / 2);
    gw_list_init(&w->ready);
    w->lane = lane_take(core, w->remote);
    gw_map_set(core->watches, w->pair, w);
    gw_map_set(core->watch_tags, gw_str_of(w->tag), w);
    return w;
}

static void stop_asking(struct sip_watch *w)
{
    if (w->out || sip_ask_is_on(&w->ask))
        landed(w);
    sip_out_cancel(&w->out);
    sip_ask_cancel(&w->ask);
    gw_list_remove(&w->ready);
}

static void set(char **to, struct gw_str text)
{
    char *copy = gw_str_dup(text);

    free(*to);
    *to = copy;
}

static void dialog_forget(struct sip_watch *w)
{
    free(w->remote_tag);
    free(w->target);
    free(w->routes);
    free(w->host);
    w->remote_tag = w->target = w->routes = w->host = NULL;
    w->has_remote_cseq = false;
}

static void watch_free(struct sip_watch *w)
{
    stop_asking(w);
    gw_heap_remove(&w->core->watch_due, &w->due);
    gw_map_remove(w->core->watches, w->pair);
    gw_map_remove(w->core->watch_tags, gw_str_of(w->tag));
    dialog_forget(w);
    lane_leave(w->lane);
    free(w->note);
    free(w);
}

static void watch_drop(struct sip_watch *w)
{
    if (w->core->store)
        store_del(sip_batch(w->core), SIP_WATCH_KIND, gw_str_of(w->tag));
    watch_free(w);
}

void sip_watches_free(struct sip_core *core)
{
    struct sip_watch *w;
    size_t pos = 0;

    while ((w = gw_map_next(core->watches, &pos)))
        watch_free(w);
}

static void arm(struct sip_watch *w, gw_time at)
{
    gw_heap_set(&w->core->watch_due, &w->due, at);
}

static void soon(struct sip_watch *w)
{
    arm(w, INT64_MIN);
    w->core->io->wake(w->core->io_ctx);
}

/* ---- What the core of presence wants: a note is made of it ---- */

void sip_watch_want(struct sip_core *core, struct gw_str local, struct gw_str remote)
{
    struct sip_watch *w = sip_watch_find(core, local, remote);

    if (!w && gw_map_len(core->watches) >= WATCHES_MAX) {
        gw_warn("sip", "too many contacts abroad limit=%d, not subscribed", WATCHES_MAX);
        return;
    }
    if (!w)
        w = sip_watch_new(core, local, remote, GW_STR(""));
    w->is_leaving = false;
    w->is_retold = true;
    soon(w);
}

void sip_watch_leave(struct sip_core *core, struct gw_str local, struct gw_str remote)
{
    struct sip_watch *w = sip_watch_find(core, local, remote);

    if (!w)
        return;
    w->is_leaving = true;
    soon(w);
}

/* ---- What it is told ---- */

static void tell(struct sip_watch *w)
{
    static const enum pres_phrase phrases[] = {
        [SIP_CONTACT_UNKNOWN] = PRES_PHRASE_UNKNOWN, [SIP_CONTACT_WAITING] = PRES_PHRASE_WAITING
    };
    struct pres_core *pres = w->core->pres;
    struct pres_client client = { .show = PRES_OFFLINE };
    char *text = NULL;

    if (w->contact == SIP_CONTACT_KNOWN) {
        client.show = w->show;
        client.text = gw_str_of(w->note);
    } else {
        text = gw_str_dup(
            pres_phrase(pres, pres_inner(pres, w->local, w->remote), phrases[w->contact]));
        client.text = gw_str_of(text);
    }
    (void)pres_abroad_presence(pres, w->core->front, w->remote, GW_STR(RESOURCE), w->local,
                               GW_STR(""), &client); /* the note is bounded */
    free(text);
}

static void enter_contact(struct sip_watch *w, enum sip_contact to)
{
    if (w->contact == to)
        return;
    w->contact = to;
    if (to != SIP_CONTACT_KNOWN)
        tell(w);
}

/* Final: the contact does not want to be watched, or is nobody. The watch is gone. */
static void refused(struct sip_watch *w, const char *why)
{
    struct sip_core *core = w->core;
    char *local = gw_str_dup(w->local), *remote = gw_str_dup(w->remote), quoted[GW_QUOTE_MAX];

    gw_info("sip", "contact refuses user='%s' contact=%s reason=%s", local,
            gw_quote(w->remote, quoted), why);
    watch_drop(w);
    pres_abroad_request(core->pres, PRES_UNSUBSCRIBED, gw_str_of(remote), gw_str_of(local),
                        GW_STR(""));
    free(local);
    free(remote);
}

/* ---- Requests ---- */

static void write_subscribe(struct sip_watch *w, enum sip_proto proto, struct gw_str us,
                            const char *branch, int64_t expires_s)
{
    struct gw_buf *out = &w->core->out;

    gw_buf_reset(out);
    gw_buf_add_cstr(out, "SUBSCRIBE ");
    if (w->target)
        gw_buf_add_cstr(out, w->target);
    else
        sip_write_uri(out, w->remote);
    gw_buf_add_cstr(out, " SIP/2.0\r\n");
    sip_write_via(out, proto, us, branch);
    gw_buf_add_cstr(out, "Max-Forwards: 70\r\n");
    if (w->routes && w->routes[0])
        sip_write_header(out, "Route", gw_str_of(w->routes));
    gw_buf_add_cstr(out, "From: <");
    sip_write_uri(out, w->local);
    gw_buf_addf(out, ">;tag=%s\r\nTo: <", w->tag);
    sip_write_uri(out, w->remote);
    gw_buf_add_cstr(out, w->remote_tag ? ">;tag=" : ">");
    gw_buf_add_cstr(out, w->remote_tag ? w->remote_tag : "");
    gw_buf_addf(out, "\r\nCall-ID: %s\r\nCSeq: %u SUBSCRIBE\r\n", w->call_id, ++w->cseq);
    if (sip_is_ours(w->core, w->remote))
        sip_write_header(out, "User-Agent", GW_STR(SIP_MARKER));
    if (!w->remote_tag)
        sip_write_record_route(w->core, out, w->remote, proto);
    sip_write_contact(out, us, proto);
    gw_buf_addf(out, "Event: presence\r\n" ACCEPT "Expires: %lld\r\n", (long long)expires_s);
    sip_write_end(out, NULL, GW_STR(""));
}

static void write_first(const struct sip_peer *to, struct gw_str us, const char *branch, void *ctx)
{
    struct sip_watch *w = ctx;

    write_subscribe(w, to->proto, us, branch, w->expires_s);
}

static void send_inside(struct sip_watch *w, struct sip_ask *ask, int64_t expires_s,
                        sip_txn_done_fn *done)
{
    struct sip_core *core = w->core;
    const struct sip_peer to = { .proto = w->proto, .host = gw_str_of(w->host), .port = w->port };
    char branch[SIP_BRANCH_LEN + 1];
    struct gw_buf us;

    gw_buf_init(&us, SIP_URI_MAX);
    core->io->local(&to, &us, core->io_ctx);
    sip_txns_branch(core->txns, branch);
    write_subscribe(w, to.proto, gw_buf_str(&us), branch, expires_s);
    gw_buf_done(&us);
    sip_ask_start(core, ask,
                  &(struct sip_txn_args){ .to = &to,
                                          .branch = branch,
                                          .method = SIP_SUBSCRIBE,
                                          .bytes = gw_buf_str(&core->out),
                                          .done = done,
                                          .ctx = w });
}

/* ---- Answers ---- */

static void save(struct sip_watch *w)
{
    struct gw_buf value;

    if (!w->core->store || !w->remote_tag)
        return;
    gw_buf_init(&value, SIP_RECORD_MAX);
    /* What cannot be stored is subscribed anew after a restart. */
    if (sip_watch_record_write(w, w->core->now.utc + (w->expires_at - w->core->now.mono), &value))
        store_put(sip_batch(w->core), SIP_WATCH_KIND, gw_str_of(w->tag), w->local,
                  gw_buf_str(&value));
    gw_buf_done(&value);
}

static void again_after(struct sip_watch *w, gw_time now, int64_t ms)
{
    w->state = w->remote_tag ? SIP_WATCH_HELD : SIP_WATCH_IDLE;
    w->next_at = gw_time_after(now, ms);
    if (w->remote_tag && w->expires_at < w->next_at)
        arm(w, w->expires_at);
    else
        arm(w, w->next_at);
}

/* The dialog is no more: a new one, after a pause. */
static void begin_anew(struct sip_watch *w, gw_time now, int64_t ms)
{
    stop_asking(w);
    dialog_forget(w);
    if (w->core->store)
        store_del(sip_batch(w->core), SIP_WATCH_KIND, gw_str_of(w->tag));
    again_after(w, now, ms);
}

/* Spread over time, so that what began together does not go on together. */
static int64_t spread(const struct sip_watch *w, int64_t ms)
{
    return (int64_t)(gw_hash_stable(w->pair) % 1024) * ms / 1024;
}

/* Twice as long with each failure. */
static int64_t grown_ms(struct sip_watch *w, int64_t first_ms)
{
    unsigned times = w->failures < 6 ? w->failures : 6;

    w->failures++;
    return first_ms << times;
}

/* A peer's word on when to come again; who says "at once" each time is asked less and less often. */
static int64_t heeded_ms(struct sip_watch *w, int64_t asked_s)
{
    int64_t least_ms = grown_ms(w, GW_SECOND_MS), asked_ms = asked_s * GW_SECOND_MS;

    return asked_ms > least_ms ? asked_ms : least_ms;
}

static int64_t pause_ms(struct sip_watch *w, const struct sip_msg *m)
{
    int64_t ms;

    if (m && m->retry_after_s >= 0) {
        ms = heeded_ms(w,
                       m->retry_after_s < RETRY_AFTER_MAX_S ? m->retry_after_s : RETRY_AFTER_MAX_S);
    } else {
        ms = grown_ms(w, PAUSE_MS);
        ms = ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
    }
    return ms + spread(w, ms / 4);
}

/* The first time at once. */
static int64_t anew_ms(struct sip_watch *w, const struct sip_msg *m)
{
    if (w->failures)
        return pause_ms(w, m);
    w->failures = 1;
    return 0;
}

/* How long it is held, and when it is asked for again: a while before, but not too often. */
static void hold(struct sip_watch *w, int64_t granted_s, gw_time now)
{
    int64_t wait_ms;

    if (granted_s > EXPIRES_LIMIT_S)
        granted_s = EXPIRES_LIMIT_S;
    wait_ms = granted_s * GW_SECOND_MS;
    w->expires_at = gw_time_after(now, wait_ms);
    if (granted_s < GRANTED_MIN_S)
        wait_ms = (int64_t)GRANTED_MIN_S * GW_SECOND_MS;
    wait_ms -= wait_ms / 16 + spread(w, wait_ms / 16);
    w->state = SIP_WATCH_HELD;
    w->next_at = gw_time_after(now, wait_ms);
    arm(w, w->next_at);
}

/* False: what there is is no dialog. */
static bool dialog_make(struct sip_watch *w, const struct sip_msg *m, const struct sip_peer *from,
                        struct gw_str tag)
{
    struct sip_core *core = w->core;
    struct sip_addr route = { .uri = m->contact.uri };
    struct gw_str first;
    struct sip_peer hop;
    struct gw_buf routes;
    bool ok;

    gw_buf_init(&routes, SIP_ROUTES_MAX);
    ok = tag.len && m->has_contact && m->contact_count == 1 && m->contact.uri.is_sip &&
         !m->contact.uri.has_headers && sip_routes_read(core, m, &routes, &first) &&
         (!first.len || !sip_addr_parse(first, &core->msg->arena, &route, NULL)) &&
         !sip_hop_of(core, &route.uri, w->remote, from, &hop);
    if (ok) {
        set(&w->remote_tag, tag);
        set(&w->target, m->contact.uri.text);
        set(&w->routes, gw_buf_str(&routes));
        set(&w->host, hop.host);
        w->proto = hop.proto;
        w->port = hop.port;
    }
    gw_buf_done(&routes);
    return ok;
}

/* What an answer that is none means, RFC 6665 4.1.2.1 and RFC 3261 21. */
enum action { REFUSED, ADMIN, ANEW, LATER };

static enum action action_of(unsigned status, const struct sip_msg *m)
{
    static const struct {
        unsigned status;
        enum action action;
    } actions[] = {
        { 404, REFUSED }, { 410, REFUSED }, { 603, REFUSED }, { 604, REFUSED }, { 481, ANEW },
        { 408, LATER },   { 480, LATER },   { 482, ADMIN },   { 483, ADMIN },   { 606, ADMIN },
    };

    for (size_t i = 0; m && i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (actions[i].status == status)
            return actions[i].action;
    }
    return status < 500 && m ? ADMIN : LATER;
}

static void complain(struct sip_watch *w, unsigned status, const struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];

    if (w->is_told_trouble)
        return;
    w->is_told_trouble = true;
    gw_warn("sip",
            "subscribing fails user='%.*s' contact=%s result=%u reason=\"%s\", tried again; "
            "'kalendsctl sip route ADDRESS' says where it goes",
            GW_STR_ARG(w->local), gw_quote(w->remote, quoted), status,
            err ? err->msg : sip_reason(status));
}

static void failed(struct sip_watch *w, unsigned status, const struct sip_msg *m,
                   const struct gw_err *err, gw_time now)
{
    enum action action = action_of(status, m);

    w->core->counters.watch_failed++;
    if (status == 423 && m && m->min_expires_s > w->expires_s &&
        m->min_expires_s <= EXPIRES_LIMIT_S) {
        w->expires_s = m->min_expires_s;
        again_after(w, now, anew_ms(w, NULL)); /* who wants a bit more each time waits */
        return;
    }
    if (action == REFUSED) {
        refused(w, sip_reason(status));
        return;
    }
    complain(w, status, err);
    if (action == ANEW && w->remote_tag) {
        begin_anew(w, now, anew_ms(w, m));
        return;
    }
    again_after(w, now, action == ADMIN ? REFUSED_MS : pause_ms(w, m));
    if (!w->remote_tag)
        enter_contact(w, SIP_CONTACT_UNKNOWN);
}

static void accepted(struct sip_watch *w, const struct sip_msg *m, const struct sip_peer *hop,
                     gw_time now)
{
    int64_t granted_s = m->expires >= 0 ? m->expires : w->expires_s;
    bool is_new = hop != NULL;

    if (!w->remote_tag && !dialog_make(w, m, hop, m->to.tag)) {
        failed(w, 500, NULL, NULL, now);
        return;
    }
    /* Whether a new one lasts is seen by its refresh. */
    if (!is_new)
        w->failures = 0;
    w->is_told_trouble = false;
    w->core->counters.watched++;
    hold(w, granted_s, now);
    save(w);
    if (w->is_leaving)
        soon(w);
}

static void first_done(unsigned status, const struct sip_msg *m, const struct sip_hop *hop,
                       const struct gw_err *err, gw_time now, void *ctx)
{
    struct sip_watch *w = ctx;

    w->out = NULL;
    landed(w);
    if (m && status < 300)
        accepted(w, m,
                 &(struct sip_peer){
                     .proto = hop->proto, .host = gw_str_of(hop->host), .port = hop->port },
                 now);
    else
        failed(w, status, m, err, now);
}

static void refresh_done(unsigned status, const struct sip_msg *m, gw_time now, void *ctx)
{
    struct sip_watch *w = ctx;

    w->ask = (struct sip_ask){ .txn = NULL };
    landed(w);
    if (m && status < 300 && w->remote_tag)
        accepted(w, m, NULL, now);
    else
        failed(w, status, m, NULL, now);
}

static void goodbye_done(unsigned status, const struct sip_msg *m, gw_time now, void *ctx)
{
    (void)status; /* it was told */
    (void)m;
    (void)now;
    (void)ctx;
}

static void leave(struct sip_watch *w)
{
    struct sip_ask goodbye;

    stop_asking(w);
    if (w->remote_tag)
        send_inside(w, &goodbye, 0, goodbye_done); /* nothing comes back to the watch */
    watch_drop(w);
}

static void ask(struct sip_watch *w)
{
    struct sip_core *core = w->core;
    struct gw_err err;

    w->state = SIP_WATCH_ASKING;
    if (w->remote_tag)
        send_inside(w, &w->ask, w->expires_s, refresh_done);
    else
        w->out = sip_out_start(core,
                               &(struct sip_out_args){ .address = w->remote,
                                                       .method = SIP_SUBSCRIBE,
                                                       .write = write_first,
                                                       .done = first_done,
                                                       .ctx = w },
                               &err);
    if (w->out || sip_ask_is_on(&w->ask)) {
        take_off(w);
        return;
    }
    /* No way there: the settings have to change first, or, of our own domains, the directory. */
    complain(w, 503, &err);
    w->state = SIP_WATCH_IDLE;
    w->next_at = sip_is_ours(core, w->remote) ? gw_time_after(core->now.mono, NO_WAY_MS) : GW_NEVER;
    if (w->next_at != GW_NEVER)
        arm(w, w->next_at);
    enter_contact(w, SIP_CONTACT_UNKNOWN);
}

/* ---- NOTIFY ---- */

enum sub_state { STATE_ACTIVE, STATE_PENDING, STATE_TERMINATED };

struct sub_says {
    enum sub_state state;
    struct gw_str reason;
    int64_t expires_s, retry_after_s; /* -1: not said */
};

static bool says_read(const struct sip_msg *m, struct sub_says *out)
{
    static const char *const names[] = { "active", "pending", "terminated" };
    struct sip_pos pos = { 0 };
    struct gw_str value, name;
    int i = 0;

    *out = (struct sub_says){ .expires_s = -1, .retry_after_s = -1 };
    if (!sip_msg_next(m, SIP_SUBSCRIPTION_STATE, &pos, &value))
        return false;
    name = value;
    (void)gw_str_cut(value, ";", &name, NULL);
    while (i < 3 && !gw_str_iis(gw_str_trim(name), names[i]))
        i++;
    if (i == 3)
        return false;
    out->state = (enum sub_state)i;
    while (gw_str_cut(value, ";", NULL, &value)) {
        struct gw_str param = value, v = GW_STR("");

        (void)gw_str_cut(value, ";", &param, NULL);
        name = param;
        (void)gw_str_cut(param, "=", &name, &v);
        name = gw_str_trim(name);
        v = gw_str_trim(v);
        if (gw_str_iis(name, "reason"))
            out->reason = v;
        else if (gw_str_iis(name, "expires"))
            (void)gw_str_to_int(v, 0, UINT32_MAX, &out->expires_s);
        else if (gw_str_iis(name, "retry-after"))
            (void)gw_str_to_int(v, 0, UINT32_MAX, &out->retry_after_s);
    }
    return true;
}

static bool is_document(struct gw_str type)
{
    for (int i = 0; i <= SIP_CPIM_PIDF; i++) {
        if (gw_str_iis(type, sip_format_types[i]))
            return true;
    }
    return false;
}

static enum sip_kind kind_of(const struct sip_watch *w)
{
    enum sip_kind kind = SIP_KIND_SIMPLE;

    (void)sip_sub_admit(w->core, w->remote, &kind);
    return kind;
}

/* Approved: the roster says so, and shows it. */
static void known(struct sip_watch *w, const struct sip_msg *m, enum sip_word word)
{
    struct sip_core *core = w->core;

    if (w->contact != SIP_CONTACT_KNOWN) {
        w->contact = SIP_CONTACT_KNOWN;
        pres_abroad_request(core->pres, PRES_SUBSCRIBED, w->remote, w->local, GW_STR(""));
    }
    if (!m->body.len)
        return;
    w->show = sip_map_in(kind_of(w), word);
    set(&w->note, gw_buf_str(&core->body));
    tell(w);
}

/* RFC 6665 4.1.3. */
static void terminated(struct sip_watch *w, const struct sub_says *says, gw_time now)
{
    bool retries = says->retry_after_s >= 0 && says->retry_after_s <= EXPIRES_LIMIT_S;

    if (gw_str_iis(says->reason, "rejected") || gw_str_iis(says->reason, "noresource")) {
        refused(w, gw_str_iis(says->reason, "rejected") ? "rejected" : "noresource");
        return;
    }
    enter_contact(w, SIP_CONTACT_UNKNOWN);
    if (gw_str_iis(says->reason, "deactivated") || gw_str_iis(says->reason, "timeout"))
        begin_anew(w, now, anew_ms(w, NULL));
    else
        begin_anew(w, now, retries ? heeded_ms(w, says->retry_after_s) : pause_ms(w, NULL));
}

/* What is wrong with it; 0: nothing. */
static unsigned notify_check(struct sip_watch *w, const struct sip_msg *m,
                             const struct sip_peer *from, struct sub_says *says,
                             enum sip_word *word)
{
    char contact[GW_QUOTE_MAX];
    struct gw_err err;

    if (!gw_str_is(m->call_id, w->call_id) ||
        (w->remote_tag && !gw_str_is(m->from.tag, w->remote_tag)) || w->is_leaving)
        return 481;
    if (!gw_str_is(m->event, "presence"))
        return 489;
    if (!says_read(m, says))
        return 400;
    if (w->has_remote_cseq && m->cseq <= w->remote_cseq) /* RFC 3261 12.2.2 */
        return 500;
    if (m->body.len && !is_document(sip_msg_type(m)))
        return 415;
    if (m->body.len && sip_pidf_read(m->body, word, &w->core->body, &err)) {
        gw_info("sip", "presence unreadable contact=%s reason=\"%s\"", gw_quote(w->remote, contact),
                err.msg);
        return 400;
    }
    if (!w->remote_tag && !dialog_make(w, m, from, m->from.tag))
        return 400;
    return 0;
}

bool sip_watch_notify(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    struct sip_watch *w = gw_map_get(core->watch_tags, m->to.tag);
    enum sip_word word = SIP_WORD_OFFLINE;
    struct sub_says says;
    unsigned status;

    if (!w)
        return false;
    status = notify_check(w, m, from, &says, &word);
    sip_answer(core, m, from, status ? status : 200);
    if (status)
        return true;
    w->has_remote_cseq = true;
    w->remote_cseq = m->cseq;
    switch (says.state) {
    case STATE_ACTIVE:
        known(w, m, word);
        break;
    case STATE_PENDING:
        enter_contact(w, SIP_CONTACT_WAITING);
        break;
    case STATE_TERMINATED:
        terminated(w, &says, core->now.mono);
        return true;
    }
    if (w->state == SIP_WATCH_HELD && says.expires_s >= 0 &&
        gw_time_after(core->now.mono, says.expires_s * GW_SECOND_MS) < w->expires_at)
        hold(w, says.expires_s, core->now.mono);
    return true;
}

/* ---- Time ---- */

/* It ran out before it could be refreshed. */
static void expired(struct sip_watch *w, gw_time now)
{
    dialog_forget(w);
    enter_contact(w, SIP_CONTACT_UNKNOWN);
    again_after(w, now, w->next_at > now ? w->next_at - now : 0);
}

static void due(struct sip_watch *w, gw_time now)
{
    const struct pres_core *pres = w->core->pres;
    bool is_ours = pres_route_front(pres, w->remote) == w->core->front &&
                   pres_user_is_known(pres, pres_inner(pres, w->local, w->remote));

    if (w->is_leaving || !is_ours) {
        if (!w->is_leaving)
            pres_abroad_lost(w->core->pres, w->remote, w->local);
        leave(w);
        return;
    }
    if (w->is_retold) {
        w->is_retold = false;
        if (w->contact != SIP_CONTACT_ASKED)
            tell(w);
    }
    if (w->state == SIP_WATCH_ASKING || !gw_list_is_empty(&w->ready))
        return;
    if (w->remote_tag && now >= w->expires_at)
        expired(w, now);
    else if (now >= w->next_at)
        wait_turn(w);
    else
        again_after(w, now, w->next_at - now);
}

/* One of it, and others have their turn. */
static void lane_go(struct sip_lane *lane)
{
    struct gw_list *link = gw_list_pop(&lane->waiting);

    if (link)
        ask(GW_CONTAINER(link, struct sip_watch, ready));
    lane_stir(lane);
}

gw_time sip_watches_deadline(const struct sip_core *core)
{
    const struct gw_due *first = gw_heap_first(&core->watch_due);

    if (!gw_list_is_empty(&core->watch_ready) && core->watch_flight < FLIGHT_MAX)
        return INT64_MIN;
    return first ? first->at : GW_NEVER;
}

void sip_watches_tick(struct sip_core *core)
{
    struct gw_list *link;
    struct gw_due *d;

    for (int i = 0; i < AT_ONCE && (d = gw_heap_pop_due(&core->watch_due, core->now.mono)); i++)
        due(GW_CONTAINER(d, struct sip_watch, due), core->now.mono);
    for (int i = 0;
         i < AT_ONCE && core->watch_flight < FLIGHT_MAX && (link = gw_list_pop(&core->watch_ready));
         i++)
        lane_go(GW_CONTAINER(link, struct sip_lane, link));
}

void sip_watch_apply(struct sip_watch *w)
{
    if (w->state == SIP_WATCH_IDLE)
        w->next_at = 0;
    w->failures = 0;
    soon(w);
}

/* Asked for at once, in the dialog of before: the answer is followed by what is so now. */
void sip_watch_resume(struct sip_watch *w, gw_time expires_at)
{
    struct sip_core *core = w->core;
    size_t nth = gw_map_len(core->watches);

    w->expires_at = expires_at;
    w->state = SIP_WATCH_HELD;
    w->next_at = gw_time_after(core->now.mono, (int64_t)nth * GW_SECOND_MS / PER_SECOND);
    arm(w, w->next_at < expires_at ? w->next_at : expires_at);
}
