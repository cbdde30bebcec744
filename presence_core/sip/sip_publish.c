/* PUBLISH (RFC 3903) to a presence server that is not ours, so that whoever watches there sees the
 * calendar. One publication a user who has something to say; one request of it under way, a bounded
 * number of all, and so many in a while; the newest state waits. Entity-tags are kept over a restart,
 * so that nothing is published twice: kind "sip-pub", key the user.
 *
 *   due or stirred --> ready --its turn--> under way --200--> due before it expires
 *                        ^------- 412, 423: at once; else when the server, or a pause, says ---'    */
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
    RETRY_AFTER_MAX_S = 3600, /* a server's word is heeded up to here */
    ETAG_MAX = 128,
    NEWCOMERS_AT_ONCE = 1000
};

struct sip_pub {
    struct gw_due due;
    struct gw_list ready;
    struct sip_core *core;
    struct sip_txn *txn;
    uint64_t told;      /* a hash of what was published last; 0: not known */
    gw_time next_at;    /* no change before */
    gw_time refresh_at; /* GW_NEVER: nothing is published */
    int64_t expires_s;
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
    if (p->txn)
        p->core->publisher.flight--;
    sip_txn_cancel(&p->txn);
    gw_heap_remove(&p->core->publisher.due, &p->due);
    gw_list_remove(&p->ready);
    gw_map_remove(p->core->publisher.pubs, p->jid);
    free(p->etag);
    free(p);
}

static struct sip_pub *pub_make(struct sip_core *core, struct gw_str jid)
{
    struct sip_pub *p = gw_map_get(core->publisher.pubs, jid);

    if (p)
        return p;
    p = gw_alloc(sizeof(*p) + jid.len);
    p->core = core;
    p->refresh_at = GW_NEVER;
    p->expires_s = EXPIRES_S;
    gw_list_init(&p->ready);
    gw_random_hex(p->call_id, 16);
    memcpy(p->text, jid.p, jid.len);
    p->jid = (struct gw_str){ p->text, jid.len };
    gw_map_set(core->publisher.pubs, p->jid, p);
    return p;
}

static void arm(struct sip_pub *p)
{
    gw_time at = p->is_dirty && p->next_at < p->refresh_at ? p->next_at : p->refresh_at;

    if (p->txn || !gw_list_is_empty(&p->ready))
        return;
    if (at == GW_NEVER)
        gw_heap_remove(&p->core->publisher.due, &p->due);
    else
        gw_heap_set(&p->core->publisher.due, &p->due, at);
}

void sip_publish_stir(struct sip_core *core, struct gw_str user)
{
    struct sip_pub *p;

    if (!core->publisher.host)
        return;
    p = pub_make(core, user);
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
    struct sip_core *core = ctx;
    struct newcomer *n = gw_alloc(sizeof(*n) + user.len);

    n->len = user.len;
    memcpy(n->user, user.p, user.len);
    gw_list_append(&core->publisher.newcomers, &n->link);
}

static void newcomers_free(struct sip_publisher *p)
{
    struct gw_list *link;

    while ((link = gw_list_pop(&p->newcomers)))
        free(GW_CONTAINER(link, struct newcomer, link));
}

/* Some at a time: there may be a hundred thousand. */
static void newcomers_tick(struct sip_core *core)
{
    struct gw_list *link;

    for (int i = 0; i < NEWCOMERS_AT_ONCE && (link = gw_list_pop(&core->publisher.newcomers));
         i++) {
        struct newcomer *n = GW_CONTAINER(link, struct newcomer, link);

        sip_publish_stir(core, (struct gw_str){ n->user, n->len });
        free(n);
    }
}

static void pubs_free(struct sip_core *core, bool for_good)
{
    struct sip_pub *p;
    size_t pos = 0;

    while ((p = gw_map_next(core->publisher.pubs, &pos))) {
        if (for_good && core->store)
            store_del(sip_batch(core), SIP_PUBLISH_KIND, p->jid);
        pub_free(p);
    }
}

/* What was published elsewhere runs out there. */
void sip_publish_apply(struct sip_core *core)
{
    struct sip_publisher *p = &core->publisher;
    struct gw_str to = gw_str_of(core->settings->publish_to);

    if (gw_str_eq(gw_buf_str(&p->server), to))
        return;
    pubs_free(core, true);
    newcomers_free(p);
    gw_buf_reset(&p->server);
    gw_buf_add_str(&p->server, to);
    p->hold = 0;
    p->in_trouble = false;
    server_read(p, to);
    if (!p->host)
        return;
    pres_users_each(core->pres, note_each, core);
    core->io->wake(core->io_ctx);
}

void sip_publish_init(struct sip_core *core)
{
    struct sip_publisher *p = &core->publisher;

    p->pubs = gw_map_new();
    gw_heap_init(&p->due);
    gw_list_init(&p->ready);
    gw_list_init(&p->newcomers);
    gw_buf_init(&p->server, SIP_URI_MAX);
    sip_publish_apply(core);
}

void sip_publish_done(struct sip_core *core)
{
    struct sip_publisher *p = &core->publisher;

    pubs_free(core, false);
    newcomers_free(p);
    gw_map_free(&p->pubs);
    gw_heap_done(&p->due);
    gw_buf_done(&p->server);
    free(p->host);
}

/* ---- Records ---- */

static void save(struct sip_pub *p, gw_time expires_at)
{
    struct sip_core *core = p->core;
    struct gw_str server = gw_buf_str(&core->publisher.server);
    char moment[GW_UTC_TEXT_MAX];
    struct gw_buf value;
    json_t *o;

    if (!core->store)
        return;
    if (!p->etag) {
        store_del(sip_batch(core), SIP_PUBLISH_KIND, p->jid);
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

    if (core->publisher.host && *etag && strlen(etag) <= ETAG_MAX &&
        gw_str_is(gw_buf_str(&core->publisher.server), text_of(o, "server")) &&
        !gw_utc_parse(gw_str_of(text_of(o, "expires")), &expires, NULL) &&
        expires > core->now.utc) {
        p = pub_make(core, user);
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
    struct sip_core *core = p->core;
    const struct sip_peer *to = &core->publisher.peer;
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
    p->core->publisher.in_trouble = false;
    p->core->counters.published++;
    /* RFC 3903 4.1: without an entity-tag it cannot be changed, only made anew. */
    if (p->told && sip_msg_next(m, SIP_ETAG, &pos, &etag) && etag.len && etag.len <= ETAG_MAX)
        p->etag = gw_str_dup(etag);
    if (p->told)
        refresh_after(p, granted_s, now);
    save(p, gw_time_after(now, granted_s * GW_SECOND_MS));
}

static void again(struct sip_pub *p, gw_time now)
{
    p->told = 0;
    p->is_dirty = true;
    p->next_at = now;
}

/* The server's word holds for all that is published there. */
static void refused(struct sip_pub *p, unsigned status, const struct sip_msg *m, gw_time now)
{
    struct sip_publisher *all = &p->core->publisher;
    int64_t wait_ms = PAUSE_MS;

    if (m && m->retry_after_s >= 0)
        wait_ms = GW_SECOND_MS *
                  (m->retry_after_s < RETRY_AFTER_MAX_S ? m->retry_after_s : RETRY_AFTER_MAX_S);
    p->core->counters.publish_failed++;
    again(p, now);
    /* Of this user the server wants to hear nothing: the others go on. */
    if (m && (status == 403 || status == 404 || status == 413)) {
        p->next_at = gw_time_after(now, RETRY_AFTER_MAX_S * (int64_t)GW_SECOND_MS);
    } else {
        all->hold = gw_time_after(now, wait_ms);
    }
    if (!all->in_trouble)
        gw_warn("sip",
                "publishing fails server='%.*s' user='%.*s' result=%u reason=\"%s\", tried again",
                GW_STR_ARG(gw_buf_str(&all->server)), GW_STR_ARG(p->jid), status,
                sip_reason(status));
    all->in_trouble = true;
}

static void publish_done(unsigned status, const struct sip_msg *m, gw_time now, void *ctx)
{
    struct sip_pub *p = ctx;
    struct sip_core *core = p->core;

    p->txn = NULL;
    core->publisher.flight--;
    if (m && status < 300) {
        published(p, m, now);
    } else if (m && status == 412 && p->etag) { /* it is not there any more */
        free(p->etag);
        p->etag = NULL;
        again(p, now);
    } else if (m && status == 423 && m->min_expires_s > p->expires_s &&
               m->min_expires_s <= EXPIRES_MAX_S) {
        p->expires_s = m->min_expires_s;
        again(p, now);
    } else {
        refused(p, status, m, now);
    }
    if (!p->is_dirty && !p->etag && !pres_user_is_known(core->pres, p->jid))
        pub_free(p);
    else
        arm(p);
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
    struct pres_doc doc;

    gw_buf_reset(&p->core->body);
    if (!pres_whole(p->core->pres, p->jid, GW_STR(""), &doc) || !has_news(&doc))
        return false;
    sip_pidf_write(SIP_PIDF, SIP_KIND_SIMPLE, p->jid, &doc, &p->core->body);
    return true;
}

/* False: there was nothing to be said. */
static bool send_publish(struct sip_pub *p)
{
    struct sip_core *core = p->core;
    bool has = write_news(p), is_due = core->now.mono >= p->refresh_at;
    uint64_t told = has ? gw_hash_stable(gw_buf_str(&core->body)) | 1 : 0;
    bool is_new = told != p->told || !p->etag;
    char branch[SIP_BRANCH_LEN + 1];

    p->is_dirty = false;
    if ((!has && !p->etag) || (!is_due && !is_new)) {
        if (!has && !p->etag && !pres_user_is_known(core->pres, p->jid))
            pub_free(p);
        else
            arm(p);
        return false;
    }
    sip_txns_branch(core->txns, branch);
    write_publish(p, branch, has ? p->expires_s : 0, has && is_new);
    p->told = told;
    p->refresh_at = GW_NEVER;
    p->next_at = gw_time_after(core->now.mono, core->settings->notify_interval_s * GW_SECOND_MS);
    core->publisher.flight++;
    p->txn = sip_txn_start(core->txns,
                           &(struct sip_txn_args){ .to = &core->publisher.peer,
                                                   .branch = branch,
                                                   .method = SIP_PUBLISH,
                                                   .bytes = gw_buf_str(&core->out),
                                                   .done = publish_done,
                                                   .ctx = p },
                           core->now.mono);
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

gw_time sip_publish_deadline(const struct sip_core *core)
{
    const struct sip_publisher *p = &core->publisher;
    const struct gw_due *first = gw_heap_first(&p->due);
    gw_time at = first ? first->at : GW_NEVER;

    if (!gw_list_is_empty(&p->newcomers))
        return INT64_MIN;
    if (!gw_list_is_empty(&p->ready) && turn_at(p) < at)
        at = turn_at(p);
    return at;
}

void sip_publish_tick(struct sip_core *core)
{
    struct sip_publisher *p = &core->publisher;
    gw_time now = core->now.mono;
    struct gw_due *due;
    struct gw_list *link;

    newcomers_tick(core);
    while ((due = gw_heap_pop_due(&p->due, now)))
        gw_list_append(&p->ready, &GW_CONTAINER(due, struct sip_pub, due)->ready);
    for (int i = 0; i < 1000 && now >= turn_at(p) && (link = gw_list_pop(&p->ready)); i++) {
        if (send_publish(GW_CONTAINER(link, struct sip_pub, ready)))
            count(p, now);
    }
}
