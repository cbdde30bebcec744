/* Push subscriptions: one of each user.
 *
 *     NONE --answer--> LIVE --silent, ended, gateway gone or left, address changed,--> DOUBTFUL
 *                       ^ |     status frequency changed                                 |
 *                       | '<-- heard from in time again, gateway or frequency back ------|
 *                       '<------------------------ answer of a new one ------------------'
 *
 * The token in the notification path says whose it is, and of which of two: the one we have and the
 * one we have asked for, which may speak before its answer is here (WIRE 2). When the new one
 * stands, the old token is forgotten, and its next notification is answered Unsubscribe; so there
 * are never two for longer than one notification. An answer that was lost costs nothing: the
 * subscription that it was about is adopted when it speaks, or told to end. */
#include "sched_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"

enum {
    MERGE_MS = 300,      /* one change makes several notifications: they are read together */
    FIRST_READ_MS = 200, /* those who subscribed together are read together */
    SAVES_PER_LIMIT = 4, /* last heard is stored so often while nothing else changes */
    SHORT_LIFE_MIN = 1,
    SHORT_WAIT_FIRST_MS = 1000, /* doubled with each short life */
    SHORT_WAIT_MAX_MIN = 10,
    VALIDATE_SLOT = 400, /* users that are read together after a restart */
    VALIDATE_SLOT_MS = 2000
};

static const char *doubt_name(enum sched_doubt why)
{
    switch (why) {
    case SCHED_DOUBT_NONE:
        return "none";
    case SCHED_DOUBT_SILENT:
        return "not heard from";
    case SCHED_DOUBT_GATEWAY:
        return "gateway gone";
    case SCHED_DOUBT_MOVED:
        return "to another gateway";
    case SCHED_DOUBT_URL:
        return "notification address changed";
    case SCHED_DOUBT_FREQUENCY:
        return "status frequency changed";
    case SCHED_DOUBT_CALM:
        return "to another gateway by choice";
    case SCHED_DOUBT_ENDED:
        return "ended by Exchange";
    }
    return "none";
}

const char *sched_sub_state_name(enum sched_sub_state state)
{
    switch (state) {
    case SCHED_SUB_NONE:
        return "none";
    case SCHED_SUB_LIVE:
        return "live";
    case SCHED_SUB_DOUBTFUL:
        return "being-replaced";
    }
    return "none";
}

gw_time sched_sub_limit(const struct sched *s, const struct sched_user *u)
{
    unsigned minutes = u->sub.frequency_min;

    if (!minutes)
        minutes = (unsigned)s->settings.status_frequency_min;
    return sched_minutes(s, 2 * (int64_t)minutes);
}

/* ---- tokens ---- */

static struct gw_str token_str(const unsigned char token[SCHED_TOKEN_LEN])
{
    return (struct gw_str){ (const char *)token, SCHED_TOKEN_LEN };
}

static void token_drop(struct sched *s, struct sched_sub *sub)
{
    if (sub->has_token)
        (void)gw_map_remove(s->subs.by_token, token_str(sub->token));
    sub->has_token = false;
}

static void pending_drop(struct sched *s, struct sched_sub *sub)
{
    if (sub->has_pending)
        (void)gw_map_remove(s->subs.by_token, token_str(sub->pending));
    sub->has_pending = sub->pending_heard = false;
    free(sub->pending_id);
    sub->pending_id = NULL;
}

static void id_set(char **id, struct gw_str to)
{
    if (!to.len || to.len > EWS_ID_MAX || gw_str_find(to, '\n') >= 0 || (*id && gw_str_is(to, *id)))
        return;
    free(*id);
    *id = gw_str_dup(to);
}

/* ---- records ---- */

static void save(struct sched *s, struct sched_user *u)
{
    const struct sched_sub *sub = &u->sub;
    struct gw_buf text;
    struct sched_sub_record r = { .gateway = sched_user_gateway_name(u),
                                  .id = gw_str_of(sub->id),
                                  .url = gw_str_of(s->subs.notify_url),
                                  .since = sub->since,
                                  .frequency_min = sub->frequency_min };

    u->sub.saved = sub->heard;
    if (!s->callbacks.save || !sub->has_token)
        return;
    memcpy(r.token, sub->token, sizeof(r.token));
    r.heard = s->now.utc - (s->now.mono - sub->heard);
    if (sub->doubt == SCHED_DOUBT_ENDED)
        r.heard = 0;
    if (sub->url_generation != s->subs.url_generation)
        r.url = (struct gw_str){ 0 };
    gw_buf_init(&text, SCHED_RECORD_MAX);
    sched_sub_record_write(&r, &text);
    s->callbacks.save(SCHED_RECORD_SUBSCRIPTION, sched_user_name(u), sched_user_name(u),
                      gw_buf_str(&text), s->callbacks.ctx);
    gw_buf_done(&text);
}

/* ---- states ---- */

static bool is_as_wanted(const struct sched *s, const struct sched_sub *sub)
{
    return sub->frequency_min == s->settings.status_frequency_min &&
           sub->url_generation == s->subs.url_generation;
}

/* It is replaced, but not for a fault of its own. */
static bool is_by_choice(const struct sched_user *u)
{
    return (u->sub.doubt == SCHED_DOUBT_FREQUENCY && u->moving != SCHED_MOVES) ||
           u->sub.doubt == SCHED_DOUBT_CALM;
}

bool sched_sub_is_good(const struct sched *s, const struct sched_user *u)
{
    const struct sched_sub *sub = &u->sub;

    return sub->state == SCHED_SUB_LIVE || (sub->state == SCHED_SUB_DOUBTFUL && is_by_choice(u) &&
                                            s->now.mono - sub->heard < sched_sub_limit(s, u));
}

/* Nothing but time, or what has become of its gateway, speaks against it. */
static bool may_recover(const struct sched_sub *sub)
{
    return sub->doubt == SCHED_DOUBT_SILENT || sub->doubt == SCHED_DOUBT_GATEWAY ||
           sub->doubt == SCHED_DOUBT_FREQUENCY;
}

static void sub_enter(struct sched *s, struct sched_user *u, enum sched_sub_state to,
                      enum sched_doubt why)
{
    struct sched_sub *sub = &u->sub;

    if (sub->state != to)
        gw_debug("sched", "subscription user='%.*s' gateway='%.*s': %s -> %s%s%s",
                 GW_STR_ARG(sched_user_name(u)), GW_STR_ARG(sched_user_gateway_name(u)),
                 sched_sub_state_name(sub->state), sched_sub_state_name(to), why ? " " : "",
                 why ? doubt_name(why) : "");
    s->subs.live += (to == SCHED_SUB_LIVE) - (sub->state == SCHED_SUB_LIVE);
    sub->state = (unsigned char)to;
    sub->doubt = (unsigned char)why;
    switch (to) {
    case SCHED_SUB_NONE:
    case SCHED_SUB_DOUBTFUL:
        gw_heap_remove(&s->subs.silence, &sub->silence);
        break;
    case SCHED_SUB_LIVE: {
        gw_time at = gw_time_after(sub->heard, sched_sub_limit(s, u));

        gw_heap_set(&s->subs.silence, &sub->silence, at);
        sched_want_tick(s, at);
        break;
    }
    }
}

static void want_subscribe(struct sched *s, struct sched_user *u)
{
    sched_job_want(s, &u->job[SCHED_SUBSCRIBE], s->now.mono, sched_wanted_calmly(s, u));
}

void sched_sub_doubt(struct sched *s, struct sched_user *u, enum sched_doubt why)
{
    if (u->sub.state == SCHED_SUB_LIVE)
        sub_enter(s, u, SCHED_SUB_DOUBTFUL, why);
    if (why == SCHED_DOUBT_ENDED && u->sub.has_token) {
        sub_enter(s, u, SCHED_SUB_NONE, why);
        save(s, u);
        token_drop(s, &u->sub);
    }
    want_subscribe(s, u);
}

/* Heard from, or its gateway is back: is it as good as ever? A new one that is on its way replaces
 * it all the same. */
static void resume(struct sched *s, struct sched_user *u)
{
    struct sched_sub *sub = &u->sub;
    struct sched_job *job = &u->job[SCHED_SUBSCRIBE];
    bool in_time = s->now.mono - sub->heard < sched_sub_limit(s, u);

    if (sub->state != SCHED_SUB_DOUBTFUL || !in_time || job->state == SCHED_JOB_RUNNING ||
        !may_recover(sub) || !u->gateway || !sched_gateway_is_usable(u->gateway) ||
        !is_as_wanted(s, sub))
        return;
    s->counters.resumed++;
    sched_job_cancel(s, job);
    pending_drop(s, sub);
    sched_error_clear(s, u, SCHED_SUBSCRIBE);
    sub_enter(s, u, SCHED_SUB_LIVE, SCHED_DOUBT_NONE);
    (void)sched_user_settle(s, u);
}

void sched_sub_gateway_back(struct sched *s, struct sched_user *u)
{
    resume(s, u);
}

bool sched_sub_gateway_lost(struct sched *s, struct sched_user *u, gw_time since, gw_time turn)
{
    struct sched_sub *sub = &u->sub;
    struct sched_job *job = &u->job[SCHED_SUBSCRIBE];

    if (sub->state == SCHED_SUB_NONE || sub->heard > since)
        return false;
    if (sub->state == SCHED_SUB_LIVE)
        sub_enter(s, u, SCHED_SUB_DOUBTFUL, SCHED_DOUBT_GATEWAY);
    if (job->state == SCHED_JOB_RUNNING)
        return false;
    job->tries = 0;
    sched_job_delay(s, job, turn, turn);
    return true;
}

void sched_sub_forget(struct sched *s, struct sched_user *u)
{
    sub_enter(s, u, SCHED_SUB_NONE, SCHED_DOUBT_NONE);
    token_drop(s, &u->sub);
    pending_drop(s, &u->sub);
    free(u->sub.id);
    u->sub.id = NULL;
    u->sub.since = 0;
    u->sub.short_lives = 0;
    u->sub.heard = u->sub.saved = 0;
}

/* ---- subscribing ---- */

void sched_sub_begin(struct sched *s, struct sched_user *u, struct gw_buf *url)
{
    struct sched_sub *sub = &u->sub;

    pending_drop(s, sub);
    gw_random(sub->pending, sizeof(sub->pending));
    sub->has_pending = true;
    sub->pending_frequency_min = (unsigned short)s->settings.status_frequency_min;
    sub->pending_url_generation = s->subs.url_generation;
    (void)gw_map_set(s->subs.by_token, token_str(sub->pending), u);
    gw_buf_add_cstr(url, s->subs.notify_url);
    gw_hex_write(token_str(sub->pending), url);
}

static void first_read(struct sched *s, struct sched_user *u, gw_time wanted_by)
{
    sched_unread(s, u, false);
    sched_job_hasten(s, &u->job[SCHED_READ], gw_time_after(s->now.mono, FIRST_READ_MS), wanted_by);
}

/* It was made before a parameter was changed. */
static void renew_if_other(struct sched *s, struct sched_user *u)
{
    if (u->sub.url_generation != s->subs.url_generation)
        sched_sub_doubt(s, u, SCHED_DOUBT_URL);
    else if (!is_as_wanted(s, &u->sub))
        sched_sub_doubt(s, u, SCHED_DOUBT_FREQUENCY);
}

/* The subscription that we asked for stands. The old one, if any, is nobody's from now on. What
 * changed before it stood nobody told us: the calendar is read again. */
static void confirm(struct sched *s, struct sched_user *u)
{
    struct sched_sub *sub = &u->sub;
    struct sched_job *job = &u->job[SCHED_SUBSCRIBE];

    assert(sub->has_pending);
    (void)gw_map_remove(s->subs.by_token, token_str(sub->pending));
    token_drop(s, sub);
    memcpy(sub->token, sub->pending, sizeof(sub->token));
    (void)gw_map_set(s->subs.by_token, token_str(sub->token), u);
    sub->has_token = true;
    sub->has_pending = sub->pending_heard = false;
    free(sub->id);
    sub->id = sub->pending_id;
    sub->pending_id = NULL;
    sub->frequency_min = sub->pending_frequency_min;
    sub->url_generation = sub->pending_url_generation;
    sub->since = s->now.utc;
    sub->heard = s->now.mono;
    sub_enter(s, u, SCHED_SUB_LIVE, SCHED_DOUBT_NONE);
    save(s, u);
    sched_job_cancel(s, job);
    (void)sched_user_settle(s, u);
    sched_error_clear(s, u, SCHED_SUBSCRIBE);
    renew_if_other(s, u);
    first_read(s, u, job->wanted_by);
}

void sched_sub_answered(struct sched *s, struct sched_job *job, const struct ews_answer *answer)
{
    struct sched_user *u = sched_job_user(job);

    id_set(&u->sub.pending_id, answer->subscription_id);
    confirm(s, u);
}

/* ---- notifications ---- */

static bool token_parse(struct gw_str text, unsigned char out[SCHED_TOKEN_LEN])
{
    struct gw_buf bytes;
    bool ok;

    if (text.len != 2 * (size_t)SCHED_TOKEN_LEN)
        return false;
    gw_buf_init(&bytes, SCHED_TOKEN_LEN);
    ok = gw_hex_parse(text, &bytes) && bytes.len == SCHED_TOKEN_LEN;
    if (ok)
        memcpy(out, bytes.p, SCHED_TOKEN_LEN);
    gw_buf_done(&bytes);
    return ok;
}

/* Several events of one change, and several changes of one moment, are read together. */
static void read_mark(struct sched *s, struct sched_user *u)
{
    gw_time at = gw_time_after(s->now.mono, MERGE_MS);
    gw_time calm = gw_time_after(u->data.asked, SCHED_RESTLESS_MS);

    if (u->data.to > u->data.from && calm > at)
        at = calm;
    sched_unread(s, u, true);
    sched_job_hasten(s, &u->job[SCHED_READ], at, at);
}

static void heard(struct sched *s, struct sched_user *u, const struct ews_notification *n)
{
    struct sched_sub *sub = &u->sub;

    sub->heard = s->now.mono;
    id_set(&sub->id, n->subscription_id);
    if (sub->state == SCHED_SUB_DOUBTFUL)
        resume(s, u);
    if (sub->heard - sub->saved >= sched_sub_limit(s, u) / SAVES_PER_LIMIT)
        save(s, u);
}

/* On the token of a subscription whose answer is not here. When it will not come any more the
 * subscription is adopted: Exchange has it. */
static void heard_pending(struct sched *s, struct sched_user *u, const struct ews_notification *n)
{
    struct sched_sub *sub = &u->sub;

    sub->pending_heard = true;
    id_set(&sub->pending_id, n->subscription_id);
    if (u->job[SCHED_SUBSCRIBE].state != SCHED_JOB_RUNNING)
        confirm(s, u);
}

static gw_time short_wait_ms(const struct sched *s, unsigned short_lives)
{
    gw_time max = sched_minutes(s, s->settings.status_frequency_min), ms = SHORT_WAIT_FIRST_MS;

    if (!short_lives)
        return 0;
    if (max > sched_minutes(s, SHORT_WAIT_MAX_MIN))
        max = sched_minutes(s, SHORT_WAIT_MAX_MIN);
    while (--short_lives && ms < max)
        ms *= 2;
    return ms < max ? ms : max;
}

/* When there may be another one: at once, unless this one ended as soon as it was made. An Exchange
 * that ends each of them would be asked all the time. */
static gw_time after_end(struct sched *s, struct sched_user *u, bool pending)
{
    struct sched_sub *sub = &u->sub;

    if (!pending && s->now.utc - sub->since >= sched_minutes(s, SHORT_LIFE_MIN))
        sub->short_lives = 0;
    else if (sub->short_lives < UINT8_MAX)
        sub->short_lives++;
    return gw_time_after(s->now.mono, short_wait_ms(s, sub->short_lives));
}

static void ended(struct sched *s, struct sched_user *u, bool pending)
{
    struct sched_job *job = &u->job[SCHED_SUBSCRIBE];
    gw_time at = after_end(s, u, pending);

    if (pending) {
        pending_drop(s, &u->sub);
        if (job->state == SCHED_JOB_RUNNING)
            sched_job_cancel(s, job);
    } else {
        sched_sub_doubt(s, u, SCHED_DOUBT_ENDED);
    }
    sched_user_move(s, u, SCHED_DOUBT_MOVED);
    if (at > s->now.mono && job->state != SCHED_JOB_RUNNING) {
        if (job->tries < u->sub.short_lives)
            job->tries = u->sub.short_lives; /* it is a retry */
        sched_job_delay(s, job, at, at);
    }
    sched_unread(s, u, false);
    sched_job_want(s, &u->job[SCHED_READ], at, at);
}

enum ews_reply sched_notified(struct sched *s, struct gw_str token,
                              const struct ews_notification *n, struct gw_now now)
{
    unsigned char bytes[SCHED_TOKEN_LEN];
    struct sched_user *u = NULL;
    bool pending;

    s->now = now;
    s->counters.notifications++;
    s->counters.status_events += n->status_events;
    if (token_parse(token, bytes))
        u = gw_map_get(s->subs.by_token, token_str(bytes));
    if (!u) {
        s->counters.unknown_tokens++;
        return EWS_REPLY_UNSUBSCRIBE;
    }
    pending = !u->sub.has_token || memcmp(bytes, u->sub.token, sizeof(bytes)) != 0;
    if (n->ended) {
        ended(s, u, pending);
        return EWS_REPLY_UNSUBSCRIBE;
    }
    if (pending)
        heard_pending(s, u, n);
    else
        heard(s, u, n);
    if (n->changes)
        read_mark(s, u);
    else if (u->unread == GW_NEVER)
        sched_verified(s, u, now.mono);
    return EWS_REPLY_OK;
}

/* ---- silence ---- */

static void silent(struct sched *s, struct sched_user *u)
{
    gw_time limit = gw_time_after(u->sub.heard, sched_sub_limit(s, u));

    if (u->sub.state != SCHED_SUB_LIVE)
        return;
    if (limit > s->now.mono) {
        gw_heap_set(&s->subs.silence, &u->sub.silence, limit);
        return;
    }
    s->counters.silent++;
    sched_sub_doubt(s, u, SCHED_DOUBT_SILENT);
    sched_user_move(s, u, SCHED_DOUBT_SILENT);
    sched_unread(s, u, false);
    sched_job_want(s, &u->job[SCHED_READ], s->now.mono, sched_wanted_calmly(s, u));
}

void sched_subs_tick(struct sched *s)
{
    struct gw_due *due;

    for (int n = 0; n < SCHED_SLICE && (due = gw_heap_pop_due(&s->subs.silence, s->now.mono)); n++)
        silent(s, GW_CONTAINER(due, struct sched_user, sub.silence));
}

/* ---- the address that Exchange posts to ---- */

void sched_notify_url_set(struct sched *s, struct gw_str notify_url, struct gw_now now)
{
    struct gw_list *it, *tmp;

    s->now = now;
    if (gw_str_is(notify_url, s->subs.notify_url))
        return;
    free(s->subs.notify_url);
    s->subs.notify_url = gw_str_dup(notify_url);
    s->subs.url_generation++;
    GW_LIST_EACH(&s->users, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, link);

        if (u->sub.state != SCHED_SUB_NONE) {
            u->sub.doubt = SCHED_DOUBT_URL;
            sched_sub_doubt(s, u, SCHED_DOUBT_URL);
        } else if (u->job[SCHED_SUBSCRIBE].state == SCHED_JOB_DELAYED) {
            /* What failed may have failed for the address: no need to wait. */
            u->job[SCHED_SUBSCRIBE].tries = 0;
            want_subscribe(s, u);
        }
    }
}

/* ---- the status frequency ---- */

/* Exchange cannot be told of another one but with another subscription. Set back before its turn has
 * come, one stays as it is. */
void sched_subs_frequency_set(struct sched *s)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->users, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, link);

        if (u->sub.state == SCHED_SUB_LIVE)
            renew_if_other(s, u);
        else if (u->sub.doubt == SCHED_DOUBT_FREQUENCY && !u->moving)
            resume(s, u);
    }
}

/* ---- after a restart ---- */

static bool may_resume(const struct sched *s, const struct sched_user *u,
                       const struct sched_sub_record *r)
{
    int64_t age = s->now.utc - r->heard;
    int64_t limit = sched_sub_limit(s, u);

    /* Last heard is not stored each time. A clock that went back makes an age below 0. */
    return r->heard > 0 && age <= limit + limit / SAVES_PER_LIMIT &&
           gw_str_is(r->url, s->subs.notify_url) && u->gateway;
}

/* Its token is heard again in any case; it counts as live when it was so not long before we went. Then
 * it has as long to speak as any other, from now: while we were away nobody could hear it. */
void sched_sub_restore(struct sched *s, struct sched_user *u, const struct sched_sub_record *r)
{
    struct sched_sub *sub = &u->sub;
    gw_time turn;

    sched_sub_forget(s, u);
    memcpy(sub->token, r->token, sizeof(sub->token));
    if (gw_map_get(s->subs.by_token, token_str(sub->token)))
        return; /* of somebody else: as if there were none */
    (void)gw_map_set(s->subs.by_token, token_str(sub->token), u);
    sub->has_token = true;
    id_set(&sub->id, r->id);
    sub->since = r->since;
    sub->frequency_min = (unsigned short)r->frequency_min;
    sub->heard = s->now.mono;
    sub->saved = s->now.mono - (r->heard < s->now.utc ? s->now.utc - r->heard : 0);
    sched_user_assign(s, u, sched_gateway_find(s, r->gateway));
    if (!may_resume(s, u, r)) {
        sub->state = SCHED_SUB_DOUBTFUL;
        sub->doubt = SCHED_DOUBT_SILENT;
        sub->heard -= sched_sub_limit(s, u);
        sub->url_generation = s->subs.url_generation - !gw_str_is(r->url, s->subs.notify_url);
        return;
    }
    sub->url_generation = s->subs.url_generation;
    s->counters.resumed++;
    sub_enter(s, u, SCHED_SUB_LIVE, SCHED_DOUBT_NONE);
    sched_job_cancel(s, &u->job[SCHED_SUBSCRIBE]);
    sched_verified(s, u, sub->saved);
    turn = (gw_time)(s->restored++ / VALIDATE_SLOT + 1) * VALIDATE_SLOT_MS;
    turn = gw_time_after(s->now.mono, turn);
    sched_unread(s, u, false);
    sched_job_delay(s, &u->job[SCHED_READ], turn, gw_time_after(turn, VALIDATE_SLOT_MS));
    renew_if_other(s, u); /* the parameter was changed, and we went before its turn had come */
}
