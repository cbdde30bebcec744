/* Subscriptions: one of each user.
 *
 *     NONE --answer--> LIVE --silent, ended, gateway gone or left, address changed,--> DOUBTFUL
 *                       ^ |     status frequency or mode changed                         |
 *                       | '<-- heard from in time again, gateway or frequency back ------|
 *                       '<------------------------ answer of a new one ------------------'
 *
 * The token in the notification path says whose it is, and of which of two: the one we have and the
 * one we have asked for, which may speak before its answer is here (WIRE 2). When the new one
 * stands, the old token is forgotten, and its next notification is answered Unsubscribe; so there
 * are never two for longer than one notification. An answer that was lost costs nothing: the
 * subscription that it was about is adopted when it speaks, or told to end.
 *
 * One that is streamed is a member of a stream, which speaks for it, and is unsubscribed when another
 * one stands. A user whose calendar is polled asks for nothing: it is live as long as that is so. */
#include "sched_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"

enum {
    MERGE_MS = 300,           /* one change makes several notifications: they are read together */
    FIRST_READ_STEP_MS = 500, /* those who subscribed between two of them are read together */
    FIRST_HEARD_S = 45, /* the first notification comes at once, and again after 30 s (WIRE 3) */
    ANCHOR_WAIT_MS = 50,
    LONE_MIN = 60,
    SHORT_LIFE_MIN = 1,
    SHORT_WAIT_FIRST_MS = 1000, /* doubled with each short life */
    SHORT_WAIT_MAX_MIN = 10
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
    case SCHED_DOUBT_MODE:
        return "notification mode changed";
    case SCHED_DOUBT_FOLDERS:
        return "other calendars";
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

    switch ((enum sched_mode)u->sub.mode) {
    case SCHED_MODE_PUSH:
        break;
    case SCHED_MODE_STREAMING:
        return sched_minutes(s, SCHED_STREAM_LIMIT_MIN);
    case SCHED_MODE_POLL:
        return sched_minutes(s, 2 * s->settings.poll_min);
    }
    if (!minutes)
        minutes = (unsigned)s->settings.status_frequency_min;
    return sched_minutes(s, 2 * (int64_t)minutes);
}

gw_time sched_sub_heard(const struct sched_user *u)
{
    const struct sched_sub *sub = &u->sub;

    if (sub->stream && sub->stream->heard > sub->heard)
        return sub->stream->heard;
    return sub->mode == SCHED_MODE_POLL && u->data.asked > sub->heard ? u->data.asked : sub->heard;
}

/* ---- tokens ---- */

static void token_drop(struct sched *s, struct sched_sub *sub)
{
    if (sub->has_token)
        (void)gw_map_remove(s->subs.by_token, sched_token_str(sub->token));
    sub->has_token = false;
}

static void pending_drop(struct sched *s, struct sched_sub *sub)
{
    if (sub->has_pending)
        (void)gw_map_remove(s->subs.by_token, sched_token_str(sub->pending));
    sub->has_pending = sub->pending_heard = false;
    free(sub->pending_id);
    sub->pending_id = NULL;
}

void sched_sub_id_set(char **id, struct gw_str to)
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
                                  .folders = sub->folders,
                                  .frequency_min = sub->frequency_min };

    u->sub.saved = sub->heard;
    if (!s->callbacks.save || (sub->mode == SCHED_MODE_PUSH && !sub->has_token) ||
        (sub->mode == SCHED_MODE_STREAMING && !sub->stream))
        return;
    r.mode = (enum sched_mode)sub->mode;
    memcpy(r.token, sub->token, sizeof(r.token));
    if (sub->stream) {
        r.anchor = gw_str_of(sub->stream->anchor);
        r.affinity = gw_str_of(sub->stream->affinity ? sub->stream->affinity : "");
    }
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

/* It is of the calendars that are wanted; as long as these are not known, nothing speaks against it. */
static bool folders_fit(const struct sched *s, const struct sched_user *u)
{
    return u->sub.mode == SCHED_MODE_POLL || !u->want_is_known || sched_folders_awaited(s, u) ||
           u->sub.folders == sched_folders_mark(u);
}

static bool is_as_wanted(const struct sched *s, const struct sched_user *u)
{
    const struct sched_sub *sub = &u->sub;

    return sched_mode_fits(s, u) && folders_fit(s, u) &&
           (sub->mode != SCHED_MODE_PUSH ||
            (sub->frequency_min == s->settings.status_frequency_min &&
             sub->url_generation == s->subs.url_generation));
}

/* It is replaced, but not for a fault of its own. */
static bool is_by_choice(const struct sched_user *u)
{
    bool settings = u->sub.doubt == SCHED_DOUBT_FREQUENCY || u->sub.doubt == SCHED_DOUBT_MODE ||
                    u->sub.doubt == SCHED_DOUBT_FOLDERS;

    return (settings && u->moving != SCHED_MOVES) || u->sub.doubt == SCHED_DOUBT_CALM;
}

bool sched_sub_is_good(const struct sched *s, const struct sched_user *u)
{
    const struct sched_sub *sub = &u->sub;

    return sub->state == SCHED_SUB_LIVE ||
           (sub->state == SCHED_SUB_DOUBTFUL && is_by_choice(u) &&
            s->now.mono - sched_sub_heard(u) < sched_sub_limit(s, u));
}

/* Nothing but time, or what has become of its gateway, speaks against it. */
static bool may_recover(const struct sched_sub *sub)
{
    return !sub->left && (sub->doubt == SCHED_DOUBT_SILENT || sub->doubt == SCHED_DOUBT_GATEWAY ||
                          sub->doubt == SCHED_DOUBT_FREQUENCY || sub->doubt == SCHED_DOUBT_MODE ||
                          sub->doubt == SCHED_DOUBT_FOLDERS);
}

/* One that was never heard from has less time: perhaps it cannot reach us. But where others are heard
 * for the first time just now it may have to wait for its turn, behind thousands. */
static gw_time silent_at(const struct sched *s, const struct sched_user *u)
{
    gw_time limit = gw_time_after(u->sub.heard, sched_sub_limit(s, u)), since = u->sub.heard, first;

    if (u->sub.proven)
        return limit;
    if (u->gateway && u->gateway->way.proven_at > since)
        since = u->gateway->way.proven_at;
    first = gw_time_after(since, sched_minutes(s, 1) * FIRST_HEARD_S / 60);
    return first < limit ? first : limit;
}

void sched_sub_enter(struct sched *s, struct sched_user *u, enum sched_sub_state to,
                     enum sched_doubt why)
{
    struct sched_sub *sub = &u->sub;

    if (sub->state != to)
        gw_debug("sched", "subscription user='%.*s' gateway='%.*s': %s -> %s%s%s",
                 GW_STR_ARG(sched_user_name(u)), GW_STR_ARG(sched_user_gateway_name(u)),
                 sched_sub_state_name(sub->state), sched_sub_state_name(to), why ? " " : "",
                 why ? doubt_name(why) : "");
    s->subs.live[sub->mode] += (to == SCHED_SUB_LIVE) - (sub->state == SCHED_SUB_LIVE);
    if (u->gateway) /* who is live has one */
        u->gateway->subscribed += (to == SCHED_SUB_LIVE) - (sub->state == SCHED_SUB_LIVE);
    sub->state = (unsigned char)to;
    sub->doubt = (unsigned char)why;
    switch (to) {
    case SCHED_SUB_NONE:
    case SCHED_SUB_DOUBTFUL:
        gw_heap_remove(&s->subs.silence, &sub->silence);
        break;
    case SCHED_SUB_LIVE:
        if (sub->mode != SCHED_MODE_PUSH)
            break; /* its stream is looked after, or the age of what is polled */
        gw_heap_set(&s->subs.silence, &sub->silence, silent_at(s, u));
        sched_want_tick(s, sub->silence.at);
        break;
    }
}

static void want_subscribe(struct sched *s, struct sched_user *u)
{
    sched_job_want(s, &u->job[SCHED_SUBSCRIBE], s->now.mono, sched_wanted_calmly(s, u));
}

void sched_sub_doubt(struct sched *s, struct sched_user *u, enum sched_doubt why)
{
    if (u->sub.state == SCHED_SUB_LIVE)
        sched_sub_enter(s, u, SCHED_SUB_DOUBTFUL, why);
    if (why == SCHED_DOUBT_ENDED && (u->sub.has_token || u->sub.stream)) {
        sched_sub_enter(s, u, SCHED_SUB_NONE, why);
        save(s, u);
        token_drop(s, &u->sub);
        sched_stream_leave(u);
    }
    want_subscribe(s, u);
}

/* Heard from, or its gateway is back: is it as good as ever? A new one that is on its way replaces
 * it all the same. */
static void resume(struct sched *s, struct sched_user *u)
{
    struct sched_sub *sub = &u->sub;
    struct sched_job *job = &u->job[SCHED_SUBSCRIBE];
    bool in_time = s->now.mono - sched_sub_heard(u) < sched_sub_limit(s, u);

    if (sub->state != SCHED_SUB_DOUBTFUL || !in_time || job->state == SCHED_JOB_RUNNING ||
        !may_recover(sub) || !u->gateway || !sched_gateway_is_usable(u->gateway) ||
        !is_as_wanted(s, u))
        return;
    s->counters.resumed++;
    sched_job_cancel(s, job);
    pending_drop(s, sub);
    sched_error_clear(s, u, SCHED_SUBSCRIBE);
    sched_sub_enter(s, u, SCHED_SUB_LIVE, SCHED_DOUBT_NONE);
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

    if (sub->mode != SCHED_MODE_PUSH || sub->state == SCHED_SUB_NONE || sub->heard > since)
        return false; /* of streams Exchange says which are gone */
    if (sub->state == SCHED_SUB_LIVE)
        sched_sub_enter(s, u, SCHED_SUB_DOUBTFUL, SCHED_DOUBT_GATEWAY);
    if (job->state == SCHED_JOB_RUNNING)
        return false;
    job->tries = 0;
    sched_job_delay(s, job, turn, turn);
    return true;
}

void sched_sub_left_behind(struct sched *s, struct sched_user *u)
{
    struct sched_sub *sub = &u->sub;
    struct sched_job *job = &u->job[SCHED_SUBSCRIBE];

    sub->left = sub->state != SCHED_SUB_NONE;
    sub->rank = sub->strays = 0;
    pending_drop(s, sub);
    if (job->state == SCHED_JOB_RUNNING) {
        sched_job_cancel(s, job);
        want_subscribe(s, u);
    }
    if (sub->state == SCHED_SUB_LIVE)
        sched_sub_doubt(s, u, SCHED_DOUBT_MOVED);
}

/* What we had is nobody's from now on. */
static void let_go(struct sched *s, struct sched_user *u)
{
    u->sub.left = false;
    token_drop(s, &u->sub);
    sched_farewell_add(u);
    sched_stream_leave(u);
    free(u->sub.id);
    u->sub.id = NULL;
}

void sched_sub_forget(struct sched *s, struct sched_user *u)
{
    sched_sub_enter(s, u, SCHED_SUB_NONE, SCHED_DOUBT_NONE);
    pending_drop(s, &u->sub);
    let_go(s, u);
    u->sub.since = 0;
    u->sub.short_lives = 0;
    u->sub.heard = u->sub.saved = 0;
}

/* ---- subscribing ---- */

static void begin_push(struct sched *s, struct sched_user *u, struct ews_request *r,
                       struct gw_buf *url)
{
    struct sched_sub *sub = &u->sub;

    gw_random(sub->pending, sizeof(sub->pending));
    sub->has_pending = true;
    sub->pending_frequency_min = (unsigned short)s->settings.status_frequency_min;
    sub->pending_url_generation = s->subs.url_generation;
    (void)gw_map_set(s->subs.by_token, sched_token_str(sub->pending), u);
    gw_buf_add_cstr(url, s->subs.notify_url);
    gw_hex_write(sched_token_str(sub->pending), url);
    r->notify_url = gw_buf_str(url);
    r->status_frequency_min = sub->pending_frequency_min;
}

void sched_sub_begin(struct sched *s, struct sched_user *u, struct ews_request *r,
                     struct gw_buf *url)
{
    struct sched_sub *sub = &u->sub;
    const struct sched_stream *st = sub->pending_stream;

    pending_drop(s, sub);
    sub->pending_mode = st ? SCHED_MODE_STREAMING : SCHED_MODE_PUSH;
    sub->pending_folders = sched_folders_mark(u);
    if (!st) {
        begin_push(s, u, r, url);
        return;
    }
    r->sub_mode = EWS_SUB_STREAMING;
    r->anchor = gw_str_of(st->anchor);
    r->affinity = gw_str_of(st->affinity ? st->affinity : "");
}

static void first_read(struct sched *s, struct sched_user *u, gw_time wanted_by)
{
    gw_time wait = FIRST_READ_STEP_MS - s->now.mono % FIRST_READ_STEP_MS;

    sched_unread(s, u, false);
    sched_job_hasten(s, &u->job[SCHED_READ], gw_time_after(s->now.mono, wait), wanted_by);
}

void sched_sub_renew_if_other(struct sched *s, struct sched_user *u)
{
    if (!sched_mode_fits(s, u))
        sched_sub_doubt(s, u, SCHED_DOUBT_MODE);
    else if (u->sub.mode == SCHED_MODE_PUSH && u->sub.url_generation != s->subs.url_generation)
        sched_sub_doubt(s, u, SCHED_DOUBT_URL);
    else if (!folders_fit(s, u))
        sched_sub_doubt(s, u, SCHED_DOUBT_FOLDERS);
    else if (!is_as_wanted(s, u))
        sched_sub_doubt(s, u, SCHED_DOUBT_FREQUENCY);
}

/* It stands. What changed before nobody told us: the calendar is read again. */
static void stand(struct sched *s, struct sched_user *u, bool proven)
{
    struct sched_sub *sub = &u->sub;
    struct sched_job *job = &u->job[SCHED_SUBSCRIBE];

    sub->since = s->now.utc;
    sub->heard = s->now.mono;
    sub->proven = proven;
    sched_sub_enter(s, u, SCHED_SUB_LIVE, SCHED_DOUBT_NONE);
    save(s, u);
    sched_job_cancel(s, job);
    (void)sched_user_settle(s, u);
    sched_error_clear(s, u, SCHED_SUBSCRIBE);
    sched_sub_renew_if_other(s, u);
    first_read(s, u, job->wanted_by);
    if (proven && u->gateway)
        sched_way_heard(s, u->gateway, (enum sched_mode)sub->mode);
}

/* The old one, if any, makes way for one of this kind. */
static void replace(struct sched *s, struct sched_user *u, enum sched_mode mode)
{
    struct sched_sub *sub = &u->sub;

    sched_sub_enter(s, u, SCHED_SUB_NONE, SCHED_DOUBT_NONE);
    let_go(s, u);
    sub->mode = (unsigned char)mode;
    sub->folders = sub->pending_folders;
    sub->id = sub->pending_id;
    sub->pending_id = NULL;
}

static void confirm_push(struct sched *s, struct sched_user *u)
{
    struct sched_sub *sub = &u->sub;
    bool proven = sub->pending_heard;

    assert(sub->has_pending);
    replace(s, u, SCHED_MODE_PUSH);
    (void)gw_map_remove(s->subs.by_token, sched_token_str(sub->pending));
    memcpy(sub->token, sub->pending, sizeof(sub->token));
    (void)gw_map_set(s->subs.by_token, sched_token_str(sub->token), u);
    sub->has_token = true;
    sub->has_pending = sub->pending_heard = false;
    sub->frequency_min = sub->pending_frequency_min;
    sub->url_generation = sub->pending_url_generation;
    stand(s, u, proven);
}

static void confirm_streaming(struct sched *s, struct sched_user *u, struct gw_str affinity)
{
    replace(s, u, SCHED_MODE_STREAMING);
    sched_stream_join(u, affinity);
    stand(s, u, false);
}

/* There is nothing to subscribe to. */
static void polled(struct sched *s, struct sched_user *u)
{
    struct sched_job *job = &u->job[SCHED_SUBSCRIBE];
    gw_time again = gw_time_after(s->now.mono, sched_minutes(s, LONE_MIN));

    pending_drop(s, &u->sub);
    replace(s, u, SCHED_MODE_POLL);
    stand(s, u, true);
    if (sched_sub_is_lone(u))
        sched_job_delay(s, job, again, again);
}

/* Who fits into no group is not polled for ever: servers come and go. */
static void leave_loneliness(struct sched_user *u)
{
    if (sched_sub_is_lone(u) && u->sub.mode == SCHED_MODE_POLL && u->sub.state == SCHED_SUB_LIVE)
        u->sub.rank = u->sub.strays = 0;
}

bool sched_sub_may_begin(struct sched *s, struct sched_user *u)
{
    struct sched_job *job = &u->job[SCHED_SUBSCRIBE];

    leave_loneliness(u);
    switch (sched_mode_of(s, u)) {
    case SCHED_MODE_PUSH:
        return true;
    case SCHED_MODE_STREAMING:
        if (sched_stream_reserve(s, u))
            return true;
        sched_job_delay(s, job, gw_time_after(s->now.mono, ANCHOR_WAIT_MS), job->wanted_by);
        return false;
    case SCHED_MODE_POLL:
        polled(s, u);
        return false;
    }
    return true;
}

void sched_sub_answered(struct sched *s, struct sched_job *job, const struct ews_answer *answer)
{
    static const struct ews_status no_id = {
        .class = EWS_BAD_ANSWER,
        .code = "no-subscription-id",
        .text = "the server did not say the id of the subscription",
        .alive = true
    };
    struct sched_user *u = sched_job_user(job);

    sched_sub_id_set(&u->sub.pending_id, answer->subscription_id);
    if (u->sub.pending_mode == SCHED_MODE_PUSH)
        confirm_push(s, u);
    else if (u->sub.pending_id)
        confirm_streaming(s, u, answer->affinity);
    else
        sched_job_failed(s, job, &no_id);
}

void sched_sub_follow(struct sched *s, struct sched_user *u)
{
    struct sched_job *job = &u->job[SCHED_SUBSCRIBE];

    if (u->sub.state == SCHED_SUB_LIVE) {
        sched_sub_renew_if_other(s, u);
    } else if (u->sub.doubt == SCHED_DOUBT_MODE && !u->moving) {
        resume(s, u);
    } else if (job->state == SCHED_JOB_DELAYED) {
        job->tries = 0; /* what failed may have failed for the mode */
        want_subscribe(s, u);
    }
}

/* Set back before its turn has come, it stays as it is. */
void sched_sub_folders_changed(struct sched *s, struct sched_user *u)
{
    if (u->sub.state == SCHED_SUB_LIVE)
        sched_sub_renew_if_other(s, u);
    else if (u->sub.doubt == SCHED_DOUBT_FOLDERS && !u->moving)
        resume(s, u);
}

void sched_sub_without_folders(struct sched *s, struct sched_user *u)
{
    struct sched_job *job = &u->job[SCHED_SUBSCRIBE];

    job->tries = 0;
    job->again = false;
    pending_drop(s, &u->sub);
    sched_sub_folders_changed(s, u);
    if (u->sub.state != SCHED_SUB_LIVE)
        sched_job_queue(s, job);
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
    if (!sub->proven && u->gateway && !sub->left)
        sched_way_heard(s, u->gateway, SCHED_MODE_PUSH);
    sub->proven = true;
    sched_sub_id_set(&sub->id, n->subscription_id);
    if (sub->state == SCHED_SUB_DOUBTFUL)
        resume(s, u);
    if (sub->heard - sub->saved >= sched_sub_limit(s, u) / SCHED_SAVES_PER_LIMIT)
        save(s, u);
}

/* On the token of a subscription whose answer is not here. When it will not come any more the
 * subscription is adopted: Exchange has it. */
static void heard_pending(struct sched *s, struct sched_user *u, const struct ews_notification *n)
{
    struct sched_sub *sub = &u->sub;

    sub->pending_heard = true;
    sched_sub_id_set(&sub->pending_id, n->subscription_id);
    if (u->job[SCHED_SUBSCRIBE].state != SCHED_JOB_RUNNING)
        confirm_push(s, u);
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

/* One that is streamed and ended says nothing against its gateway. */
static void ended(struct sched *s, struct sched_user *u, bool pending)
{
    bool streamed = u->sub.mode == SCHED_MODE_STREAMING;
    struct sched_job *job = &u->job[SCHED_SUBSCRIBE];
    gw_time at = after_end(s, u, pending);

    if (pending) {
        pending_drop(s, &u->sub);
        if (job->state == SCHED_JOB_RUNNING)
            sched_job_cancel(s, job);
    } else {
        sched_sub_doubt(s, u, SCHED_DOUBT_ENDED);
    }
    if (!streamed)
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
        u = gw_map_get(s->subs.by_token, sched_token_str(bytes));
    if (!u) {
        s->counters.unknown_tokens++;
        return EWS_REPLY_UNSUBSCRIBE;
    }
    if (u->gateway)
        u->gateway->notifications++;
    pending = !u->sub.has_token || memcmp(bytes, u->sub.token, sizeof(bytes)) != 0;
    if (n->ended) {
        ended(s, u, pending);
        return EWS_REPLY_UNSUBSCRIBE;
    }
    if (pending)
        heard_pending(s, u, n);
    else
        heard(s, u, n);
    if (n->folders)
        sched_folders_told(s, u);
    if (n->changes)
        read_mark(s, u);
    else if (u->unread == GW_NEVER)
        sched_verified(s, u, now.mono);
    return EWS_REPLY_OK;
}

/* ---- streams ---- */

void sched_sub_told(struct sched *s, struct sched_user *u, const struct ews_notification *n)
{
    u->sub.heard = s->now.mono;
    if (n->folders)
        sched_folders_told(s, u);
    if (n->changes)
        read_mark(s, u);
}

void sched_sub_stream_opened(struct sched *s, struct sched_user *u)
{
    if (u->sub.heard < u->sub.stream->opened) { /* it is not one that came meanwhile */
        u->sub.proven = true;
        u->sub.strays = 0;
    }
    resume(s, u);
}

bool sched_sub_is_lone(const struct sched_user *u)
{
    return u->sub.strays >= SCHED_STRAYS_MAX;
}

void sched_sub_stream_strayed(struct sched *s, struct sched_user *u)
{
    sched_farewell_stray(u);
    sched_sub_doubt(s, u, SCHED_DOUBT_ENDED);
    sched_unread(s, u, false);
}

/* After a restart nobody knows of it any more. */
void sched_sub_stream_gone(struct sched *s, struct sched_user *u)
{
    sched_farewell_add(u);
    sched_stream_leave(u);
    if (s->callbacks.save)
        s->callbacks.save(SCHED_RECORD_SUBSCRIPTION, sched_user_name(u), sched_user_name(u),
                          (struct gw_str){ 0 }, s->callbacks.ctx);
}

void sched_sub_stream_ended(struct sched *s, struct sched_user *u)
{
    ended(s, u, false);
}

/* ---- silence ---- */

/* Its calendar may be another one; and it needs another subscription. */
static void lost(struct sched *s, struct sched_user *u)
{
    s->counters.silent++;
    sched_sub_doubt(s, u, SCHED_DOUBT_SILENT);
    sched_unread(s, u, false);
    sched_job_want(s, &u->job[SCHED_READ], s->now.mono, sched_wanted_calmly(s, u));
}

void sched_sub_stream_lost(struct sched *s, struct sched_user *u)
{
    if (u->sub.state != SCHED_SUB_LIVE)
        return;
    lost(s, u);
    sched_user_move(s, u, SCHED_DOUBT_SILENT);
}

static void silent(struct sched *s, struct sched_user *u)
{
    gw_time limit = silent_at(s, u);

    if (u->sub.state != SCHED_SUB_LIVE)
        return;
    if (limit > s->now.mono) {
        gw_heap_set(&s->subs.silence, &u->sub.silence, limit);
        return;
    }
    if (!u->sub.proven)
        sched_way_mute(s, u);
    lost(s, u);
    if (u->sub.proven)
        sched_user_move(s, u, SCHED_DOUBT_SILENT);
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

        if (u->sub.mode != SCHED_MODE_PUSH)
            continue;
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
            sched_sub_renew_if_other(s, u);
        else if (u->sub.doubt == SCHED_DOUBT_FREQUENCY && !u->moving)
            resume(s, u);
    }
}
