/* PUBLISH (RFC 3903) to a presence server that is not ours, so that whoever watches there sees the
 * calendar. One publication a user who has something to say; one request of it under way, a bounded
 * number of all, and so many in a while; the newest state waits. Entity-tags are kept over a restart,
 * so that nothing is published twice: kind "sip-pub", key the user.
 *
 *   due or stirred --> ready --its turn--> under way --200--> due before it expires
 *                        ^-- 412, 423: at once; else, and when it says 423 again, after a pause --'
 *
 * When another server is set, or none, what was published at the one before is taken back there, at the
 * same pace, while the new one is told. */
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "sip_access.h"
#include "sip_priv.h"

enum {
    EXPIRES_S = 3600,
    EXPIRES_MAX_S = 86400,
    GRANTED_MIN_S = 60, /* who grants less is told anew no more often */
    FLIGHT_MAX = 50,    /* requests under way */
    WINDOW_MS = 100,    /* so many in each: 500 a second, 100,000 users in 200 seconds */
    WINDOW_MAX = 50,
    PAUSE_MS = 30000,         /* for a server that does not answer, or refuses */
    GROWN_MAX = 6,            /* the least pause is a second, and doubles so often */
    RETRY_AFTER_MAX_S = 3600, /* a server's word is heeded up to here */
    ETAG_MAX = 128,
    AT_ONCE = 1000, /* looked at; then others have their turn */
    LEAVERS_MAX = 3 /* servers of before: what is left at older ones runs out there */
};

/*   IN_FORCE --another server is set--> LEAVING --all is taken back--> gone
 *                                         '--it does not answer--> DROPPED, and gone in a while */
enum stage { IN_FORCE, LEAVING, DROPPED };

/* A presence server that is told of everybody, or was. */
struct sip_publisher {
    struct gw_list link; /* of those that were */
    struct sip_core *core;
    enum stage stage;
    struct sip_sweep sweep; /* LEAVING, DROPPED: over its publications */
    struct gw_map *pubs;
    struct gw_heap due;
    struct gw_list ready; /* whose turn comes, in order */
    struct gw_list newcomers;
    struct gw_buf server; /* the setting */
    struct sip_peer peer;
    char *host; /* NULL: nothing is published */
    size_t flight;
    gw_time hold;      /* no request before */
    unsigned failures; /* rounds of them since something was taken */
    gw_time window;
    unsigned in_window;
    bool in_trouble;
};

struct sip_pub {
    struct gw_due due;
    struct gw_list ready;
    struct sip_publisher *of;
    struct sip_ask ask;
    uint64_t told;      /* a hash of what was published last; 0: not known */
    gw_time next_at;    /* no change before */
    gw_time refresh_at; /* GW_NEVER: nothing is published */
    int64_t expires_s;
    unsigned raises; /* of it since something was taken */
    uint32_t cseq;
    bool is_dirty;
    char *etag; /* NULL: nothing is published */
    char call_id[2 * 16 + 1];
    struct gw_str jid;
    char text[];
};

/* ---- Where to ---- */

enum gw_code sip_publish_check(struct gw_str to, struct gw_err *err)
{
    struct gw_arena arena;
    struct sip_uri uri;
    bool ok;

    gw_arena_init(&arena, 8 * SIP_URI_MAX);
    ok = !to.len || (!sip_uri_parse(to, &arena, &uri, NULL) && uri.is_sip && !uri.user.len &&
                     !uri.has_headers);
    gw_arena_done(&arena);
    if (!ok)
        return gw_fail(err, GW_INVALID,
                       "'%.*s' is not a server as in sip:presence.example:5060;transport=tcp",
                       GW_STR_ARG(gw_str_utf8_cut(to, 80)));
    return GW_OK;
}

static void server_read(struct sip_publisher *p, struct gw_str to)
{
    struct gw_arena arena;
    struct sip_uri uri;

    free(p->host);
    p->host = NULL;
    gw_arena_init(&arena, 8 * SIP_URI_MAX);
    if (to.len && !sip_uri_parse(to, &arena, &uri, NULL)) {
        p->host = gw_str_dup(uri.host);
        p->peer = sip_hop_server(&uri, SIP_UDP);
        p->peer.host = gw_str_of(p->host);
    }
    gw_arena_done(&arena);
}

/* ---- Publications ---- */

static void pub_free(struct sip_pub *p)
{
    struct sip_publisher *of = p->of;

    if (sip_ask_is_on(&p->ask))
        of->flight--;
    sip_ask_cancel(&p->ask);
    gw_heap_remove(&of->due, &p->due);
    gw_list_remove(&p->ready);
    gw_map_remove(of->pubs, p->jid);
    free(p->etag);
    free(p);
}

static struct sip_pub *pub_make(struct sip_publisher *of, struct gw_str jid)
{
    struct sip_pub *p = gw_map_get(of->pubs, jid);

    if (p)
        return p;
    p = gw_alloc(sizeof(*p) + jid.len);
    p->of = of;
    p->refresh_at = GW_NEVER;
    p->expires_s = EXPIRES_S;
    gw_list_init(&p->ready);
    gw_random_hex(p->call_id, 16);
    memcpy(p->text, jid.p, jid.len);
    p->jid = (struct gw_str){ p->text, jid.len };
    gw_map_set(of->pubs, p->jid, p);
    return p;
}

static void arm(struct sip_pub *p)
{
    gw_time at = p->is_dirty && p->next_at < p->refresh_at ? p->next_at : p->refresh_at;

    if (sip_ask_is_on(&p->ask) || !gw_list_is_empty(&p->ready))
        return;
    if (at == GW_NEVER)
        gw_heap_remove(&p->of->due, &p->due);
    else
        gw_heap_set(&p->of->due, &p->due, at);
}

void sip_publish_stir(struct sip_core *core, struct gw_str user)
{
    struct sip_pub *p;

    if (!core->publisher->host)
        return;
    p = pub_make(core->publisher, user);
    p->is_dirty = true;
    arm(p);
    core->io->wake(core->io_ctx);
}

/* Somebody of whom another server has not heard yet. */
struct newcomer {
    struct gw_list link;
    size_t len;
    char user[];
};

static void note_each(struct gw_str user, void *ctx)
{
    struct sip_publisher *p = ctx;
    struct newcomer *n = gw_alloc(sizeof(*n) + user.len);

    n->len = user.len;
    memcpy(n->user, user.p, user.len);
    gw_list_append(&p->newcomers, &n->link);
}

/* It says what it publishes no more, and to nobody. */
static void drop(struct sip_publisher *p)
{
    p->stage = DROPPED;
    p->sweep = (struct sip_sweep){ .runs = true };
}

/* Some at a time: there may be a hundred thousand. */
static void newcomers_tick(struct sip_publisher *p)
{
    struct gw_list *link;

    for (int i = 0; i < AT_ONCE && (link = gw_list_pop(&p->newcomers)); i++) {
        struct newcomer *n = GW_CONTAINER(link, struct newcomer, link);

        if (p->stage == IN_FORCE)
            sip_publish_stir(p->core, (struct gw_str){ n->user, n->len });
        free(n);
    }
}

static struct sip_publisher *publisher_new(struct sip_core *core, struct gw_str to)
{
    struct sip_publisher *p = gw_new(struct sip_publisher);

    p->core = core;
    p->pubs = gw_map_new();
    gw_list_init(&p->link);
    gw_heap_init(&p->due);
    gw_list_init(&p->ready);
    gw_list_init(&p->newcomers);
    gw_buf_init(&p->server, SIP_URI_MAX);
    gw_buf_add_str(&p->server, to);
    server_read(p, to);
    if (p->host)
        pres_users_each(core->pres, note_each, p);
    return p;
}

static void publisher_free(struct sip_publisher *p)
{
    struct sip_pub *pub;
    struct gw_list *link;
    size_t pos = 0;

    while ((pub = gw_map_next(p->pubs, &pos)))
        pub_free(pub);
    while ((link = gw_list_pop(&p->newcomers)))
        free(GW_CONTAINER(link, struct newcomer, link));
    gw_list_remove(&p->link);
    gw_map_free(&p->pubs);
    gw_heap_done(&p->due);
    gw_buf_done(&p->server);
    free(p->host);
    free(p);
}

void sip_publish_apply(struct sip_core *core)
{
    struct gw_str to = gw_str_of(core->settings->publish_to);
    struct sip_publisher *old = core->publisher;

    if (gw_str_eq(gw_buf_str(&old->server), to))
        return;
    old->stage = LEAVING;
    old->hold = 0;
    old->sweep = (struct sip_sweep){ .runs = true };
    gw_list_append(&core->leavers, &old->link);
    if (gw_list_len(&core->leavers) > LEAVERS_MAX)
        drop(GW_CONTAINER(core->leavers.next, struct sip_publisher, link));
    core->publisher = publisher_new(core, to);
    core->io->wake(core->io_ctx);
}

void sip_publish_init(struct sip_core *core)
{
    gw_list_init(&core->leavers);
    core->publisher = publisher_new(core, gw_str_of(core->settings->publish_to));
}

void sip_publish_done(struct sip_core *core)
{
    while (!gw_list_is_empty(&core->leavers))
        publisher_free(GW_CONTAINER(core->leavers.next, struct sip_publisher, link));
    publisher_free(core->publisher);
}

/* ---- Records ---- */

/* Of a server of before: the record may be that of the new one already. */
static void forget(const struct sip_pub *p)
{
    struct sip_core *core = p->of->core;
    const struct sip_pub *now = gw_map_get(core->publisher->pubs, p->jid);

    if (core->store && (p == now || !now || !now->etag))
        store_del(sip_batch(core), SIP_PUBLISH_KIND, p->jid);
}

static void save(struct sip_pub *p, gw_time expires_at)
{
    struct sip_core *core = p->of->core;
    struct gw_str server = gw_buf_str(&p->of->server);
    char moment[GW_UTC_TEXT_MAX];
    struct gw_buf value;
    json_t *o;

    if (!core->store || p->of->stage != IN_FORCE)
        return;
    if (!p->etag) {
        forget(p);
        return;
    }
    o = json_pack("{s:s%, s:s, s:s}", "server", server.p, server.len, "etag", p->etag, "expires",
                  gw_utc_text(core->now.utc + (expires_at - core->now.mono), moment));
    gw_buf_init(&value, SIP_RECORD_MAX);
    /* What is not UTF-8 cannot be stored, and is published anew after a restart. */
    if (sip_json_write(o, &value))
        store_put(sip_batch(core), SIP_PUBLISH_KIND, p->jid, p->jid, gw_buf_str(&value));
    gw_buf_done(&value);
    json_decref(o);
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

/* What is published still, at the server that is set: it is changed, and not published again. */
void sip_publish_restore(struct sip_core *core, struct gw_str user, struct gw_str value)
{
    json_error_t why;
    json_t *o = json_loadb(value.p ? value.p : "", value.len, JSON_REJECT_DUPLICATES, &why);
    const char *etag = text_of(o, "etag");
    gw_utc expires = 0;
    struct sip_pub *p;

    if (core->publisher->host && *etag && strlen(etag) <= ETAG_MAX &&
        gw_str_is(gw_buf_str(&core->publisher->server), text_of(o, "server")) &&
        !gw_utc_parse(gw_str_of(text_of(o, "expires")), &expires, NULL) &&
        expires > core->now.utc) {
        p = pub_make(core->publisher, user);
        free(p->etag);
        p->etag = gw_str_dup(gw_str_of(etag));
        p->is_dirty = true; /* also of one who is a user no more: it is taken back */
        arm(p);
    } else {
        store_del(sip_batch(core), SIP_PUBLISH_KIND, user);
    }
    json_decref(o);
}

/* ---- Requests ---- */

/* 'expires_s' 0: the publication ends. 'body': whether core->body goes with it. */
static void write_publish(struct sip_pub *p, const char *branch, int64_t expires_s, bool body)
{
    struct sip_core *core = p->of->core;
    const struct sip_peer *to = &p->of->peer;
    struct gw_buf *out = &core->out, us;

    gw_buf_init(&us, SIP_URI_MAX);
    core->io->local(to, &us, core->io_ctx);
    gw_buf_reset(out);
    gw_buf_add_cstr(out, "PUBLISH ");
    sip_write_uri(out, p->jid);
    gw_buf_add_cstr(out, " SIP/2.0\r\n");
    sip_write_via(out, to->proto, gw_buf_str(&us), branch);
    gw_buf_add_cstr(out, "Max-Forwards: 70\r\nFrom: <");
    sip_write_uri(out, p->jid);
    gw_buf_addf(out, ">;tag=%.8s\r\nTo: <", p->call_id);
    sip_write_uri(out, p->jid);
    gw_buf_addf(out, ">\r\nCall-ID: %s\r\nCSeq: %u PUBLISH\r\n", p->call_id, ++p->cseq);
    gw_buf_addf(out, "Event: presence\r\nExpires: %lld\r\n", (long long)expires_s);
    if (p->etag)
        sip_write_header(out, "SIP-If-Match", gw_str_of(p->etag));
    sip_write_end(out, sip_format_types[SIP_PIDF], body ? gw_buf_str(&core->body) : GW_STR(""));
    gw_buf_done(&us);
}

/* Spread over time, so that what began together does not go on together. */
static void refresh_after(struct sip_pub *p, int64_t granted_s, gw_time now)
{
    int64_t ms = (granted_s < GRANTED_MIN_S ? GRANTED_MIN_S : granted_s) * GW_SECOND_MS;

    ms -= ms / 8 + (int64_t)(gw_hash_stable(p->jid) % 1024) * (ms / 4) / 1024;
    p->refresh_at = gw_time_after(now, ms);
}

static void published(struct sip_pub *p, const struct sip_msg *m, gw_time now)
{
    int64_t granted_s = m->expires >= 0 && m->expires < p->expires_s ? m->expires : p->expires_s;
    struct sip_pos pos = { 0 };
    struct gw_str etag = GW_STR("");

    free(p->etag);
    p->etag = NULL;
    p->of->in_trouble = false;
    p->of->failures = p->raises = 0;
    p->of->core->counters.published++;
    /* RFC 3903 4.1: without an entity-tag it cannot be changed, only made anew. */
    if (p->told && sip_msg_next(m, SIP_ETAG, &pos, &etag) && etag.len && etag.len <= ETAG_MAX)
        p->etag = gw_str_dup(etag);
    if (p->told)
        refresh_after(p, granted_s, now);
    save(p, gw_time_after(now, granted_s * GW_SECOND_MS));
}

static void again(struct sip_pub *p, gw_time at)
{
    p->told = 0;
    p->is_dirty = true;
    p->next_at = at;
}

/* Twice as long each time: who wants to be asked again at once would have us do nothing else. */
static int64_t grown_ms(unsigned *times)
{
    int64_t ms = (int64_t)GW_SECOND_MS << *times;

    *times += *times < GROWN_MAX;
    return ms;
}

/* It is to last longer: the first time at once. */
static void raise_to(struct sip_pub *p, int64_t min_expires_s, gw_time now)
{
    bool is_first = !p->raises;
    int64_t wait_ms = grown_ms(&p->raises);

    p->expires_s = min_expires_s;
    again(p, is_first ? now : gw_time_after(now, wait_ms));
}

/* Of this user the server wants to hear nothing. */
static bool is_of_one(unsigned status, const struct sip_msg *m)
{
    return m && (status == 403 || status == 404 || status == 413 || status == 423);
}

/* What was to be taken back runs out there by itself, within the hour. */
static void give_up(struct sip_pub *p, unsigned status, const struct sip_msg *m)
{
    free(p->etag);
    p->etag = NULL;
    if (is_of_one(status, m))
        return;
    gw_info("sip", "what was published runs out by itself server='%.*s' result=%u reason=\"%s\"",
            GW_STR_ARG(gw_buf_str(&p->of->server)), status, sip_reason(status));
    drop(p->of);
}

/* How long the server is left alone. Requests that were under way together are refused together: one
 * failure. */
static int64_t pause_ms(struct sip_publisher *all, const struct sip_msg *m, gw_time now)
{
    int64_t asked_s = m ? m->retry_after_s : -1, least_ms;

    if (asked_s < 0)
        return PAUSE_MS;
    if (asked_s > RETRY_AFTER_MAX_S)
        asked_s = RETRY_AFTER_MAX_S;
    least_ms = now < all->hold ? all->hold - now : grown_ms(&all->failures);
    return asked_s * GW_SECOND_MS > least_ms ? asked_s * GW_SECOND_MS : least_ms;
}

/* The server's word holds for all that is published there. */
static void refused(struct sip_pub *p, unsigned status, const struct sip_msg *m, gw_time now)
{
    struct sip_publisher *all = p->of;

    p->of->core->counters.publish_failed++;
    if (all->stage == LEAVING) {
        give_up(p, status, m);
        return;
    }
    again(p, now);
    if (is_of_one(status, m)) /* the others go on */
        p->next_at = gw_time_after(now, RETRY_AFTER_MAX_S * (int64_t)GW_SECOND_MS);
    else
        all->hold = gw_time_after(now, pause_ms(all, m, now));
    if (!all->in_trouble)
        gw_warn("sip",
                "publishing fails server='%.*s' user='%.*s' result=%u reason=\"%s\", tried again",
                GW_STR_ARG(gw_buf_str(&all->server)), GW_STR_ARG(p->jid), status,
                sip_reason(status));
    all->in_trouble = true;
}

/* Is there anything still to be said of the user? */
static void settle(struct sip_pub *p)
{
    if (p->of->stage != IN_FORCE && p->etag) {
        gw_list_append(&p->of->ready, &p->ready);
    } else if (p->of->stage != IN_FORCE) {
        forget(p);
        pub_free(p);
    } else if (!p->is_dirty && !p->etag && !pres_user_is_known(p->of->core->pres, p->jid)) {
        pub_free(p);
    } else {
        arm(p);
    }
}

static void publish_done(unsigned status, const struct sip_msg *m, gw_time now, void *ctx)
{
    struct sip_pub *p = ctx;

    p->ask = (struct sip_ask){ .txn = NULL };
    p->of->flight--;
    if (m && status < 300) {
        published(p, m, now);
    } else if (m && status == 412 && p->etag) { /* it is not there any more */
        free(p->etag);
        p->etag = NULL;
        again(p, now);
    } else if (m && status == 423 && p->of->stage == IN_FORCE && m->min_expires_s > p->expires_s &&
               m->min_expires_s <= EXPIRES_MAX_S) {
        raise_to(p, m->min_expires_s, now);
    } else {
        refused(p, status, m, now);
    }
    settle(p);
}

/* Nothing to say is nothing published: a user who is offline, and of whose calendar nothing is known. */
static bool has_news(const struct pres_doc *doc)
{
    return doc->shown.show != PRES_OFFLINE || doc->shown.text.len ||
           doc->calendar.kind != PRES_CAL_NONE;
}

/* What an unknown watcher may see: the server tells it to all of its own. */
static bool write_news(struct sip_pub *p)
{
    struct sip_core *core = p->of->core;
    struct pres_doc doc;

    gw_buf_reset(&core->body);
    if (p->of->stage != IN_FORCE || !pres_whole(core->pres, p->jid, GW_STR(""), &doc) ||
        !has_news(&doc))
        return false;
    sip_pidf_write(SIP_KIND_SIMPLE, p->jid, &doc, &core->body);
    return true;
}

/* False: there was nothing to be said. */
static bool send_publish(struct sip_pub *p)
{
    struct sip_core *core = p->of->core;
    bool has = write_news(p), is_due = core->now.mono >= p->refresh_at;
    uint64_t told = has ? gw_hash_stable(gw_buf_str(&core->body)) | 1 : 0;
    bool is_new = told != p->told || !p->etag || !has;
    char branch[SIP_BRANCH_LEN + 1];

    p->is_dirty = false;
    if ((!has && !p->etag) || (!is_due && !is_new)) {
        settle(p);
        return false;
    }
    sip_txns_branch(core->txns, branch);
    write_publish(p, branch, has ? p->expires_s : 0, has && is_new);
    p->told = told;
    p->refresh_at = GW_NEVER;
    p->next_at = gw_time_after(core->now.mono, core->settings->notify_interval_s * GW_SECOND_MS);
    p->of->flight++;
    sip_ask_start(core, &p->ask,
                  &(struct sip_txn_args){ .to = &p->of->peer,
                                          .branch = branch,
                                          .method = SIP_PUBLISH,
                                          .bytes = gw_buf_str(&core->out),
                                          .done = publish_done,
                                          .ctx = p });
    return true;
}

/* ---- Pace ---- */

/* No request before. */
static gw_time turn_at(const struct sip_publisher *p)
{
    gw_time window = p->in_window < WINDOW_MAX ? 0 : gw_time_after(p->window, WINDOW_MS);

    if (p->flight >= FLIGHT_MAX)
        return GW_NEVER;
    return window > p->hold ? window : p->hold;
}

static void count(struct sip_publisher *p, gw_time now)
{
    if (now >= gw_time_after(p->window, WINDOW_MS)) {
        p->window = now;
        p->in_window = 0;
    }
    p->in_window++;
}

static gw_time deadline(const struct sip_publisher *p)
{
    const struct gw_due *first = p->stage == IN_FORCE ? gw_heap_first(&p->due) : NULL;
    gw_time at = first ? first->at : GW_NEVER;

    if (!gw_list_is_empty(&p->newcomers) || p->sweep.runs ||
        (p->stage != IN_FORCE && !gw_map_len(p->pubs)))
        return INT64_MIN;
    return !gw_list_is_empty(&p->ready) && turn_at(p) < at ? turn_at(p) : at;
}

gw_time sip_publish_deadline(const struct sip_core *core)
{
    gw_time at = deadline(core->publisher), other;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&core->leavers, it, tmp)
    {
        other = deadline(GW_CONTAINER(it, struct sip_publisher, link));
        at = other < at ? other : at;
    }
    return at;
}

/* Whose publication is there is lined up, the others are done with; DROPPED: all are. */
static void sweep_tick(struct sip_publisher *p)
{
    struct sip_pub *pub;

    for (int i = 0; i < AT_ONCE && p->sweep.runs; i++) {
        pub = sip_sweep_next(&p->sweep, p->pubs);
        if (!pub || (p->stage == LEAVING && sip_ask_is_on(&pub->ask)))
            continue;
        if (p->stage == LEAVING && pub->etag) {
            gw_heap_remove(&p->due, &pub->due);
            gw_list_remove(&pub->ready);
            gw_list_append(&p->ready, &pub->ready);
        } else {
            forget(pub);
            pub_free(pub);
        }
    }
}

static void tick(struct sip_publisher *p, gw_time now)
{
    struct gw_list *link;
    struct gw_due *due;

    newcomers_tick(p);
    sweep_tick(p);
    for (int i = 0; i < AT_ONCE && p->stage == IN_FORCE && (due = gw_heap_pop_due(&p->due, now));
         i++)
        gw_list_append(&p->ready, &GW_CONTAINER(due, struct sip_pub, due)->ready);
    for (int i = 0;
         i < AT_ONCE && p->stage != DROPPED && now >= turn_at(p) && (link = gw_list_pop(&p->ready));
         i++) {
        if (send_publish(GW_CONTAINER(link, struct sip_pub, ready)))
            count(p, now);
    }
}

void sip_publish_tick(struct sip_core *core)
{
    struct gw_list *it, *tmp;

    tick(core->publisher, core->now.mono);
    GW_LIST_EACH(&core->leavers, it, tmp)
    {
        struct sip_publisher *p = GW_CONTAINER(it, struct sip_publisher, link);

        tick(p, core->now.mono);
        if (!p->sweep.runs && !gw_map_len(p->pubs) && gw_list_is_empty(&p->newcomers))
            publisher_free(p);
    }
}
