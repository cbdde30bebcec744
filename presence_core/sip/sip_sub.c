/* Subscriptions that are held here: who is told, when, and how it ends. One NOTIFY is under way at a
 * time, so that only the newest state waits, whatever the watcher does. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "sip_access.h"
#include "sip_account.h"
#include "sip_winfo.h"

enum {
    RETRY_MS = 2000,    /* after a connection was lost, at least; twice as long after each more, */
    RETRIES_MAX = 7,    /* up to about four minutes: servers are restarted, and networks mended */
    RESERVED = 1000,    /* numbers of notifications */
    AT_ONCE = 1000,     /* looked at; then the others have their turn, */
    SENT_AT_ONCE = 100, /* and answers are read */
    RETRY_AFTER_MAX_S = 600, /* a watcher's word is heeded up to here */
    UNPROVEN_MAX = 100,      /* begun by an address that never answered */
    GOODBYES_MAX = 1000,     /* last words under way; who has none yet waits for his */
    GOODBYES_OF_ONE_MAX = 250,
    GOODBYE_WAIT_MS = 100,
    FULL_WAIT_MS = 100,        /* where a connection takes no more for now */
    NOTIFIES_OF_ONE_MAX = 100, /* datagrams that an address has not answered, */
    NOTIFY_WAIT_MS = 10,       /* and who is behind it waits: longer, the longer it is silent, */
    NOTIFY_WAIT_MAX_MS = 1000  /* but no longer than this */
};

/* ---- Texts ---- */

struct gw_str sip_sub_text(const struct sip_sub *s, enum sip_text which)
{
    return (struct gw_str){ s->text + s->at[which], (size_t)(s->at[which + 1] - s->at[which]) };
}

static void texts_set(struct sip_sub *s, const struct gw_str text[SIP_TEXT_COUNT])
{
    size_t len = 0;
    char *block;

    for (int i = 0; i < SIP_TEXT_COUNT; i++)
        len += text[i].len;
    assert(len <= UINT16_MAX); /* the headers of one message, and an address of ours */
    block = gw_alloc(len + 1);
    for (int i = 0; i < SIP_TEXT_COUNT; i++) {
        s->at[i + 1] = (uint16_t)(s->at[i] + text[i].len);
        if (text[i].len)
            memcpy(block + s->at[i], text[i].p, text[i].len);
    }
    free(s->text);
    s->text = block;
}

void sip_sub_replace(struct sip_sub *s, enum sip_text which, struct gw_str text)
{
    struct gw_str all[SIP_TEXT_COUNT];
    void *same;

    if (gw_str_eq(sip_sub_text(s, which), text))
        return;
    for (int i = 0; i < SIP_TEXT_COUNT; i++)
        all[i] = sip_sub_text(s, (enum sip_text)i);
    all[which] = text;
    same = gw_map_remove(s->core->subs, sip_sub_text(s, SIP_TEXT_TAG));
    texts_set(s, all);
    gw_map_set(s->core->subs, sip_sub_text(s, SIP_TEXT_TAG), same);
}

/* ---- Users and addresses, counted ---- */

static struct sip_watched *watched_take(struct sip_core *core, struct gw_str jid)
{
    struct sip_watched *w = gw_map_get(core->watched, jid);

    if (w)
        return w;
    w = gw_alloc(sizeof(*w) + jid.len);
    gw_list_init(&w->subs);
    gw_list_init(&w->winfo_subs);
    memcpy(w->text, jid.p, jid.len);
    w->jid = (struct gw_str){ w->text, jid.len };
    gw_map_set(core->watched, w->jid, w);
    return w;
}

static void watched_leave(struct sip_core *core, struct sip_watched *w)
{
    if (!gw_list_is_empty(&w->subs) || !gw_list_is_empty(&w->winfo_subs))
        return;
    gw_map_remove(core->watched, w->jid);
    free(w);
}

struct sip_source *sip_source_take(struct sip_core *core, struct gw_str host,
                                   enum sip_source_kind kind)
{
    struct sip_source *source = gw_map_get(core->sources, host);

    if (!source) {
        source = gw_alloc(sizeof(*source) + host.len);
        source->core = core;
        memcpy(source->text, host.p, host.len);
        source->host = (struct gw_str){ source->text, host.len };
        source->is_by_name = !sip_acl_admits(core, host);
        gw_map_set(core->sources, source->host, source);
    }
    source->count[kind]++;
    return source;
}

size_t sip_source_count(const struct sip_core *core, struct gw_str host, enum sip_source_kind kind)
{
    const struct sip_source *source = gw_map_get(core->sources, host);

    return source ? source->count[kind] : 0;
}

bool sip_source_is_doubtful(const struct sip_core *core, const struct sip_peer *from)
{
    const struct sip_source *source = gw_map_get(core->sources, from->host);

    if (source && source->count[SIP_SOURCE_GOODBYES] >= GOODBYES_OF_ONE_MAX)
        return true;
    return from->proto == SIP_UDP && source && !source->is_proven &&
           source->count[SIP_SOURCE_SUBS] + source->count[SIP_SOURCE_SESSIONS] +
                   source->count[SIP_SOURCE_GOODBYES] >=
               UNPROVEN_MAX;
}

/* Of what was under way and is answered to nobody any more. */
void sip_sources_free(struct sip_core *core)
{
    struct sip_source *source;
    size_t pos = 0;

    while ((source = gw_map_next(core->sources, &pos))) {
        gw_map_remove(core->sources, source->host);
        free(source);
    }
    gw_map_free(&core->sources);
}

void sip_source_leave(struct sip_core *core, struct sip_source *source, enum sip_source_kind kind)
{
    source->count[kind]--;
    for (int i = 0; i < SIP_SOURCE_KINDS; i++) {
        if (source->count[i])
            return;
    }
    gw_map_remove(core->sources, source->host);
    free(source);
}

/* ---- Records ---- */

struct store_batch *sip_batch(struct sip_core *core)
{
    if (!core->batch)
        core->batch = store_batch_new();
    return core->batch;
}

void sip_commit(struct sip_core *core)
{
    if (core->batch)
        store_commit(core->store, &core->batch, NULL, NULL);
}

void sip_sub_save(struct sip_sub *s)
{
    struct sip_core *core = s->core;
    struct gw_buf value;

    s->reserved_cseq = s->local_cseq + RESERVED;
    if (!core->store)
        return;
    gw_buf_init(&value, SIP_RECORD_MAX);
    /* What cannot be stored ends with us: the watcher subscribes again. */
    if (sip_record_write(s, core->now.utc + (s->expires_at - core->now.mono), &value))
        store_put(sip_batch(core), SIP_RECORD_KIND, sip_sub_text(s, SIP_TEXT_TAG), s->of->jid,
                  gw_buf_str(&value));
    gw_buf_done(&value);
}

/* ---- Life ---- */

static void arm(struct sip_sub *s)
{
    gw_time at = s->expires_at;

    if (s->is_dirty && !sip_ask_is_on(&s->notify) && s->next_at < at)
        at = s->next_at;
    if (s->over)
        at = INT64_MIN;
    gw_heap_set(&s->core->due, &s->due, at);
}

bool sip_sub_admit(struct sip_core *core, struct gw_str watcher, enum sip_kind *kind)
{
    struct gw_str domain;

    if (!gw_str_cut(watcher, "@", NULL, &domain))
        return false;
    *kind = core->settings->partitioned ? SIP_KIND_LYNC : SIP_KIND_SIMPLE;
    return pres_domain_is_local(core->pres, domain) ||
           sip_domains_find(gw_str_of(core->settings->domains), domain, kind);
}

/* The watcher's name for the user. */
static struct gw_str known_as(const struct sip_sub *s)
{
    return pres_outer(s->core->pres, s->of->jid, sip_sub_text(s, SIP_TEXT_WATCHER));
}

/* It is another one now, under which the watcher has to ask again. */
static bool is_renamed(const struct sip_sub *s)
{
    return gw_hash_stable(known_as(s)) != s->name_hash;
}

/* No restart brings it back, whether the watcher has been told by then or not. */
static void end_for_good(struct sip_sub *s, const char *reason)
{
    s->over = reason;
    if (s->core->store)
        store_del(sip_batch(s->core), SIP_RECORD_KIND, sip_sub_text(s, SIP_TEXT_TAG));
    arm(s);
}

static void over(struct sip_grant *g)
{
    end_for_good(GW_CONTAINER(g, struct sip_sub, grant), "rejected");
}

static bool is_welcome(const struct sip_sub *s)
{
    return s->grant.account ||
           sip_is_welcome(s->source, s->proto, sip_sub_text(s, SIP_TEXT_WATCHER));
}

/* Whose domain has left is told so with the next notification. Where only the peer is another one now,
 * who may speak for the watcher asks anew: RFC 6665 4.1.3. */
void sip_sub_apply(struct sip_sub *s)
{
    if (!s->over && sip_sub_admit(s->core, sip_sub_text(s, SIP_TEXT_WATCHER), &s->kind) &&
        !is_welcome(s))
        end_for_good(s, "deactivated");
    sip_sub_stir(s, false);
}

void sip_subs_see(struct sip_account *a, struct gw_str contact)
{
    struct gw_list *it, *tmp;

    if (!a->contacts)
        return;
    GW_LIST_EACH(&a->grants, it, tmp)
    {
        struct sip_grant *g = GW_CONTAINER(it, struct sip_grant, link);
        struct sip_sub *s = GW_CONTAINER(g, struct sip_sub, grant);

        if (g->over == over && s->is_contact && (!contact.len || gw_str_eq(s->of->jid, contact)))
            sip_sub_stir(s, false);
    }
}

struct sip_sub *sip_sub_new(struct sip_core *core, const struct sip_sub_args *args)
{
    struct sip_sub *s = gw_new(struct sip_sub);

    s->core = core;
    texts_set(s, args->text);
    s->proto = args->proto;
    s->port = args->port;
    s->conn = args->conn;
    s->remote_cseq = args->remote_cseq;
    s->local_cseq = s->reserved_cseq = args->local_cseq;
    s->format = args->format;
    s->expires_at = args->expires_at;
    s->verdict = SIP_PENDING;
    core->counters.pending++;
    s->of = watched_take(core, args->user);
    s->name_hash = gw_hash_stable(known_as(s));
    s->since = args->since ? args->since : core->now.utc;
    if (s->format == SIP_WATCHERINFO) {
        gw_list_append(&s->of->winfo_subs, &s->link);
    } else {
        gw_list_append(&s->of->subs, &s->link);
        sip_winfo_stir(s->of);
    }
    s->source = sip_source_take(core, args->text[SIP_TEXT_SOURCE], SIP_SOURCE_SUBS);
    gw_map_set(core->subs, sip_sub_text(s, SIP_TEXT_TAG), s);
    if (args->account)
        sip_grant_set(&s->grant, args->account, over);
    s->is_contact = args->account && !pres_user_is_known(core->pres, args->user);
    if (s->is_contact)
        sip_contact_begin(args->account, s->of->jid);
    arm(s);
    return s;
}

static void notify_cancel(struct sip_sub *s)
{
    s->source->count[SIP_SOURCE_NOTIFIES] -= sip_ask_is_on(&s->notify);
    sip_ask_cancel(&s->notify);
}

void sip_sub_release(struct sip_sub *s)
{
    struct sip_core *core = s->core;

    sip_unproven_leave(core, &s->unproven);
    notify_cancel(s);
    gw_heap_remove(&core->due, &s->due);
    gw_map_remove(core->subs, sip_sub_text(s, SIP_TEXT_TAG));
    gw_list_remove(&s->link);
    sip_winfo_settle(s->of);
    watched_leave(core, s->of);
    sip_source_leave(core, s->source, SIP_SOURCE_SUBS);
    if (s->is_contact && s->grant.account)
        sip_contact_end(s->grant.account);
    sip_grant_leave(&s->grant);
    core->counters.pending -= s->verdict == SIP_PENDING;
    free(s->text);
    free(s);
}

void sip_sub_drop(struct sip_sub *s)
{
    if (s->core->store)
        store_del(sip_batch(s->core), SIP_RECORD_KIND, sip_sub_text(s, SIP_TEXT_TAG));
    if (s->format != SIP_WATCHERINFO) {
        sip_wait_begin(s->core, s->of->jid, sip_sub_text(s, SIP_TEXT_WATCHER));
        sip_winfo_stir(s->of);
    }
    sip_sub_release(s);
}

static void drop_unproven(struct sip_unproven *u)
{
    struct sip_sub *s = GW_CONTAINER(u, struct sip_sub, unproven);

    if (!s->source->is_proven)
        sip_sub_drop(s);
}

void sip_sub_doubt(struct sip_sub *s)
{
    sip_unproven_add(s->core, &s->unproven, drop_unproven);
}

struct sip_sub *sip_sub_find(const struct sip_core *core, struct gw_str tag)
{
    return gw_map_get(core->subs, tag);
}

void sip_sub_stir(struct sip_sub *s, bool forced)
{
    if (s->is_dirty && !forced)
        return;
    s->is_dirty = true;
    s->is_forced |= forced;
    if (forced)
        s->next_at = 0;
    arm(s);
    s->core->io->wake(s->core->io_ctx);
}

/* ---- Notifications ---- */

/* Numbers are reserved in the store, many at a time: after a restart none is used twice, which a watcher
 * would refuse, and not every notification has to be stored. */
static uint32_t cseq_next(struct sip_sub *s)
{
    if (++s->local_cseq >= s->reserved_cseq)
        sip_sub_save(s);
    return s->local_cseq;
}

static void put_event(struct gw_buf *out, const struct sip_sub *s)
{
    struct gw_str id = sip_sub_text(s, SIP_TEXT_EVENT_ID);

    GW_BUF_ADD(out, GW_STR("Event: "),
               s->format == SIP_WATCHERINFO ? GW_STR(SIP_WINFO) : GW_STR("presence"),
               id.len ? GW_STR(";id=") : GW_STR(""), id, GW_STR("\r\n"));
}

/* 'state' of Subscription-State; core->body: the document, or nothing. */
static void write_notify(struct sip_sub *s, const char *branch, const char *state)
{
    struct gw_buf *out = &s->core->out;
    struct gw_str routes = sip_sub_text(s, SIP_TEXT_ROUTES);

    gw_buf_reset(out);
    GW_BUF_ADD(out, GW_STR("NOTIFY "), sip_sub_text(s, SIP_TEXT_TARGET), GW_STR(" SIP/2.0\r\n"));
    sip_write_via(out, s->proto, sip_sub_text(s, SIP_TEXT_US), branch);
    gw_buf_add_cstr(out, "Max-Forwards: 70\r\n");
    if (routes.len)
        sip_write_header(out, "Route", routes);
    GW_BUF_ADD(out, GW_STR("From: "), sip_sub_text(s, SIP_TEXT_LOCAL), GW_STR(";tag="),
               sip_sub_text(s, SIP_TEXT_TAG), GW_STR("\r\nTo: "), sip_sub_text(s, SIP_TEXT_REMOTE),
               GW_STR("\r\nCall-ID: "), sip_sub_text(s, SIP_TEXT_CALL_ID), GW_STR("\r\nCSeq: "));
    gw_buf_add_uint(out, cseq_next(s));
    gw_buf_add_cstr(out, " NOTIFY\r\n");
    if (s->local_cseq == 1) /* RFC 6665 4.4.1: it may be what makes the dialog */
        sip_write_record_route(s->core, out, sip_sub_text(s, SIP_TEXT_WATCHER), s->proto);
    sip_write_contact(out, sip_sub_text(s, SIP_TEXT_US), s->proto);
    put_event(out, s);
    sip_write_header(out, "Subscription-State", gw_str_of(state));
    sip_write_end(out, sip_format_types[s->format], gw_buf_str(&s->core->body));
}

static struct sip_peer next_hop(const struct sip_sub *s)
{
    return (struct sip_peer){
        .proto = s->proto, .conn = s->conn, .host = sip_sub_text(s, SIP_TEXT_HOST), .port = s->port
    };
}

static void send_notify(struct sip_sub *s, struct sip_ask *ask, const char *branch,
                        sip_txn_done_fn *done, void *ctx)
{
    const struct sip_peer to = next_hop(s);

    s->core->counters.notified++;
    sip_ask_start(s->core, ask,
                  &(struct sip_txn_args){ .to = &to,
                                          .branch = branch,
                                          .method = SIP_NOTIFY,
                                          .bytes = gw_buf_str(&s->core->out),
                                          .done = done,
                                          .ctx = ctx,
                                          .can_wait = ask == &s->notify });
}

static enum sip_verdict verdict_on(const struct sip_sub *s)
{
    const struct pres_core *pres = s->core->pres;
    struct gw_str watcher = sip_sub_text(s, SIP_TEXT_WATCHER);

    if (gw_str_eq(watcher, s->of->jid) || pres_is_watched_by(pres, s->of->jid, watcher))
        return SIP_ALLOWED;
    if (pres_is_refused(pres, s->of->jid, watcher))
        return SIP_TURNED_AWAY;
    return pres_is_hidden_from(pres, s->of->jid, watcher) ? SIP_BLOCKED : SIP_PENDING;
}

static void judge(struct sip_sub *s, enum sip_verdict verdict)
{
    s->core->counters.pending -= s->verdict == SIP_PENDING;
    s->verdict = verdict;
    s->core->counters.pending += s->verdict == SIP_PENDING;
}

/* What he may see of the user, and whether. False: the user is no more. */
static bool look(struct sip_sub *s, struct pres_doc *out)
{
    if (s->is_contact && s->grant.account) {
        judge(s, sip_contact_see(s->grant.account, s->of->jid, out));
        return true;
    }
    if (!pres_whole(s->core->pres, s->of->jid, sip_sub_text(s, SIP_TEXT_WATCHER), out))
        return false;
    judge(s, verdict_on(s));
    return true;
}

static void write_pidf(struct sip_sub *s, const struct pres_doc *doc, struct gw_buf *out)
{
    const struct pres_core *pres = s->core->pres;
    const struct gw_str words[SIP_WORD_COUNT] = {
        [SIP_WORD_AWAY] = pres_phrase(pres, s->of->jid, PRES_PHRASE_AWAY),
        [SIP_WORD_BUSY] = pres_phrase(pres, s->of->jid, PRES_PHRASE_BUSY),
    };

    if (s->format == SIP_CPIM_PIDF)
        sip_cpim_write(s->kind, known_as(s), doc, words, out);
    else
        sip_pidf_write(s->kind, known_as(s), doc, out);
}

/* What this watcher may see now, into core->body, and what he was told with it; everything, or what is new
 * where it is told so. False: the user is no more. */
static bool write_document(struct sip_sub *s, bool forced, uint64_t *told)
{
    struct gw_buf *body = &s->core->body;
    struct pres_doc doc;

    gw_buf_reset(body);
    if (s->format == SIP_WATCHERINFO) {
        judge(s, verdict_on(s)); /* RFC 3858 4.1: the version is one more each time, as CSeq */
        *told = sip_winfo_write(s->core, s->of, forced ? 0 : s->told, s->local_cseq, body);
        return pres_user_is_known(s->core->pres, s->of->jid);
    }
    if (!look(s, &doc))
        return false;
    if (s->verdict == SIP_BLOCKED)
        doc = (struct pres_doc){ .user = s->of->jid };
    if (s->verdict == SIP_ALLOWED || s->verdict == SIP_BLOCKED)
        write_pidf(s, &doc, body);
    *told = gw_hash_stable(gw_buf_str(body)) + (s->verdict == SIP_PENDING);
    return true;
}

static void hear(struct sip_source *source, const struct sip_msg *response, gw_time now)
{
    if (!response)
        return;
    source->is_proven = true;
    source->heard_at = now;
}

static void goodbye_done(unsigned status, const struct sip_msg *response, gw_time now, void *ctx)
{
    struct sip_source *source = ctx;

    (void)status; /* it was told; whether it listened makes no difference */
    hear(source, response, now);
    source->is_silent = !response;
    source->core->goodbyes--;
    sip_source_leave(source->core, source, SIP_SOURCE_GOODBYES);
}

static void gone(struct sip_sub *s, const char *reason)
{
    sip_winfo_ended(s->of, sip_sub_text(s, SIP_TEXT_WATCHER), reason);
    sip_sub_drop(s);
}

void sip_sub_end(struct sip_sub *s, const char *reason)
{
    char branch[SIP_BRANCH_LEN + 1], state[64], watcher[GW_QUOTE_MAX];
    uint64_t told;
    struct sip_ask goodbye; /* nobody waits for it */

    gw_debug("sip", "subscription ended user='%.*s' watcher=%s reason=%s", GW_STR_ARG(s->of->jid),
             gw_quote(sip_sub_text(s, SIP_TEXT_WATCHER), watcher), reason);
    notify_cancel(s);
    (void)snprintf(state, sizeof(state), "terminated;reason=%s", reason);
    /* The last word to who fetches, or leaves in peace; nothing to others. */
    if (s->over || is_renamed(s) ||
        !sip_sub_admit(s->core, sip_sub_text(s, SIP_TEXT_WATCHER), &s->kind) ||
        !write_document(s, true, &told))
        gw_buf_reset(&s->core->body);
    sip_txns_branch(s->core->txns, branch);
    write_notify(s, branch, state);
    if (!s->core->out.failed) {
        s->core->goodbyes++;
        s->source->count[SIP_SOURCE_GOODBYES]++;
        send_notify(s, &goodbye, branch, goodbye_done, s->source);
    }
    gone(s, reason);
}

/* A thousand watchers of a domain that leaves, or a restart after a day, are no storm. */
static void end_in_turn(struct sip_sub *s, const char *reason)
{
    if (s->core->goodbyes < GOODBYES_MAX &&
        s->source->count[SIP_SOURCE_GOODBYES] < GOODBYES_OF_ONE_MAX)
        sip_sub_end(s, reason);
    else if (s->source->is_silent)
        gone(s, reason); /* nobody is there who would hear it */
    else
        gw_heap_set(&s->core->due, &s->due, gw_time_after(s->core->now.mono, GOODBYE_WAIT_MS));
}

/* As long as the watcher asks for, but longer each time that it has failed: who wants to be told again at
 * once would have us do nothing else. */
static void tell_later(struct sip_sub *s, const struct sip_msg *response, gw_time now)
{
    int64_t wait_ms = (int64_t)RETRY_MS << s->failures, asked_ms = 0;

    if (response)
        asked_ms =
            GW_SECOND_MS * (response->retry_after_s < RETRY_AFTER_MAX_S ? response->retry_after_s
                                                                        : RETRY_AFTER_MAX_S);
    s->next_at = gw_time_after(now, wait_ms > asked_ms ? wait_ms : asked_ms);
    s->failures += s->failures < RETRIES_MAX;
    s->is_dirty = s->is_forced = true;
    arm(s);
}

static void notify_done(unsigned status, const struct sip_msg *response, gw_time now, void *ctx)
{
    struct sip_sub *s = ctx;
    char watcher[GW_QUOTE_MAX];

    s->notify = (struct sip_ask){ .txn = NULL };
    s->source->count[SIP_SOURCE_NOTIFIES]--;
    hear(s->source, response, now);
    if (status < 300) {
        s->failures = 0;
        arm(s);
        return;
    }
    s->core->counters.notify_failed++;
    if (response ? response->retry_after_s >= 0 && status != 481 : status == 503) {
        if (!response)
            s->conn = 0; /* a new connection, to where the watcher says it is */
        tell_later(s, response, now);
        return;
    }
    /* RFC 6665 4.2.2: who does not answer, or knows nothing of it, is not told any more. */
    gw_info("sip", "watcher gone user='%.*s' watcher=%s result=%u", GW_STR_ARG(s->of->jid),
            gw_quote(sip_sub_text(s, SIP_TEXT_WATCHER), watcher), status);
    sip_sub_drop(s);
}

static gw_time next_turn(const struct sip_sub *s)
{
    return gw_time_after(s->core->now.mono, s->core->settings->notify_interval_s * GW_SECOND_MS);
}

/* What is told when it is told. */
static void tell(struct sip_sub *s)
{
    struct sip_core *core = s->core;
    char branch[SIP_BRANCH_LEN + 1], state[64];
    uint64_t told;

    if (s->over || !sip_sub_admit(core, sip_sub_text(s, SIP_TEXT_WATCHER), &s->kind)) {
        end_in_turn(s, s->over ? s->over : "rejected");
        return;
    }
    if (is_renamed(s) || !write_document(s, s->is_forced, &told)) {
        end_in_turn(s, "noresource");
        return;
    }
    if (s->verdict == SIP_TURNED_AWAY) {
        end_in_turn(s, "rejected");
        return;
    }
    s->is_dirty = false;
    if (told == s->told && !s->is_forced) {
        core->counters.merged++;
        if (s->format == SIP_WATCHERINFO) /* to find that out took a look at all his watchers */
            s->next_at = next_turn(s);
        arm(s);
        return;
    }
    (void)snprintf(state, sizeof(state), "%s;expires=%lld",
                   s->verdict == SIP_PENDING ? "pending" : "active",
                   (long long)((s->expires_at - core->now.mono) / GW_SECOND_MS));
    sip_txns_branch(core->txns, branch);
    write_notify(s, branch, state);
    if (core->out.failed) {
        gw_error("sip", "notification too long user='%.*s', not sent", GW_STR_ARG(s->of->jid));
        arm(s);
        return;
    }
    s->told = told;
    s->is_forced = false;
    s->next_at = next_turn(s);
    send_notify(s, &s->notify, branch, notify_done, s);
    if (!s->source->count[SIP_SOURCE_NOTIFIES]++)
        s->source->heard_at = core->now.mono;
    arm(s);
}

/* More datagrams than its queue holds, or ours of its answers, are lost, and that is found out half a second
 * later: so many are under way to an address. */
static bool is_unanswered(const struct sip_sub *s)
{
    return s->proto == SIP_UDP && s->source->count[SIP_SOURCE_NOTIFIES] >= NOTIFIES_OF_ONE_MAX;
}

/* The watchers behind one server are many, and its connection takes only so much at once: the others have
 * their turn as it gets through, and what is so by then. */
static bool has_no_room(const struct sip_sub *s)
{
    const struct sip_peer to = next_hop(s);

    return is_unanswered(s) || (!s->over && sip_is_full(s->core, &to));
}

static int64_t look_again_ms(const struct sip_sub *s)
{
    int64_t silent_ms = s->core->now.mono - s->source->heard_at;

    if (!is_unanswered(s) || silent_ms < NOTIFY_WAIT_MS)
        return s->proto == SIP_UDP ? NOTIFY_WAIT_MS : FULL_WAIT_MS;
    return silent_ms < NOTIFY_WAIT_MAX_MS ? silent_ms : NOTIFY_WAIT_MAX_MS;
}

void sip_subs_tick(struct sip_core *core)
{
    const uint64_t end = core->counters.notified + SENT_AT_ONCE;
    struct gw_due *due;

    for (int i = 0; i < AT_ONCE && core->counters.notified < end &&
                    (due = gw_heap_pop_due(&core->due, core->now.mono));
         i++) {
        struct sip_sub *s = GW_CONTAINER(due, struct sip_sub, due);

        if (core->now.mono >= s->expires_at)
            end_in_turn(s, "timeout");
        else if (has_no_room(s))
            gw_heap_set(&core->due, &s->due, gw_time_after(core->now.mono, look_again_ms(s)));
        else
            tell(s);
    }
}
