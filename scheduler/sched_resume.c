/* Subscriptions after a restart: which of those that were saved count as live, and when each user's
 * calendar is read again. */
#include "sched_priv.h"

#include <string.h>

enum {
    VALIDATE_SLOT = 400, /* users that are read together */
    VALIDATE_SLOT_MS = 2000
};

static bool may_resume(const struct sched *s, const struct sched_user *u,
                       const struct sched_sub_record *r)
{
    int64_t age = s->now.utc - r->heard;
    int64_t limit = sched_sub_limit(s, u);

    /* Last heard is not stored each time. A clock that went back makes an age below 0. */
    return r->heard > 0 && age <= limit + limit / SCHED_SAVES_PER_LIMIT &&
           gw_str_is(r->url, s->subs.notify_url) && u->gateway;
}

/* Its token is heard again in any case; it counts as live when it was so not long before we went. Then
 * it has as long to speak as any other, from now: while we were away nobody could hear it. */
static void restore_push(struct sched *s, struct sched_user *u, const struct sched_sub_record *r)
{
    struct sched_sub *sub = &u->sub;

    memcpy(sub->token, r->token, sizeof(sub->token));
    if (gw_map_get(s->subs.by_token, sched_token_str(sub->token)))
        return; /* of somebody else: as if there were none */
    (void)gw_map_set(s->subs.by_token, sched_token_str(sub->token), u);
    sub->has_token = sub->proven = true;
    sub->left = !u->gateway;
    sub->frequency_min = (unsigned short)r->frequency_min;
    sub->heard = s->now.mono;
    sub->saved = s->now.mono - (r->heard < s->now.utc ? s->now.utc - r->heard : 0);
    if (!may_resume(s, u, r)) {
        sub->state = SCHED_SUB_DOUBTFUL;
        sub->doubt = SCHED_DOUBT_SILENT;
        sub->heard -= sched_sub_limit(s, u);
        sub->url_generation = s->subs.url_generation - !gw_str_is(r->url, s->subs.notify_url);
        return;
    }
    sub->url_generation = s->subs.url_generation;
    sched_sub_enter(s, u, SCHED_SUB_LIVE, SCHED_DOUBT_NONE);
}

/* What a stream told of before we went it does not tell again. Whether Exchange still has the
 * subscription it says when the stream is opened. */
static void restore_streaming(struct sched *s, struct sched_user *u,
                              const struct sched_sub_record *r)
{
    struct sched_sub *sub = &u->sub;

    if (!u->gateway)
        sched_farewell_to(s, r);
    if (!u->gateway || !s->exchange.stream || r->heard <= 0)
        return;
    sched_sub_id_set(&sub->id, r->id);
    if (!sub->id)
        return;
    sub->mode = SCHED_MODE_STREAMING;
    sub->proven = true;
    sub->heard = s->now.mono;
    sched_way_restore(s, u->gateway, SCHED_MODE_STREAMING);
    sched_stream_resume(s, u, r);
    sched_sub_enter(s, u, SCHED_SUB_LIVE, SCHED_DOUBT_NONE);
}

static void restore_polled(struct sched *s, struct sched_user *u)
{
    if (!u->gateway)
        return;
    u->sub.mode = SCHED_MODE_POLL;
    u->sub.heard = s->now.mono;
    sched_way_restore(s, u->gateway, SCHED_MODE_POLL);
    sched_sub_enter(s, u, SCHED_SUB_LIVE, SCHED_DOUBT_NONE);
}

void sched_sub_restore(struct sched *s, struct sched_user *u, const struct sched_sub_record *r)
{
    struct sched_sub *sub = &u->sub;
    gw_time turn;

    sched_sub_forget(s, u);
    sched_user_assign(s, u, sched_gateway_find(s, r->gateway));
    sub->since = r->since;
    sub->folders = r->folders;
    switch (r->mode) {
    case SCHED_MODE_PUSH:
        sched_sub_id_set(&sub->id, r->id);
        restore_push(s, u, r);
        break;
    case SCHED_MODE_STREAMING:
        restore_streaming(s, u, r);
        break;
    case SCHED_MODE_POLL:
        restore_polled(s, u);
        break;
    }
    /* Whatever becomes of the subscription: what changed while we were away it does not tell. */
    turn = (gw_time)(s->restored++ / VALIDATE_SLOT + 1) * VALIDATE_SLOT_MS;
    turn = gw_time_after(s->now.mono, turn);
    sched_unread(s, u, false);
    sched_job_delay(s, &u->job[SCHED_READ], turn, gw_time_after(turn, VALIDATE_SLOT_MS));
    if (sub->state != SCHED_SUB_LIVE)
        return;
    s->counters.resumed++;
    sched_job_cancel(s, &u->job[SCHED_SUBSCRIBE]);
    sched_verified(s, u, sub->saved);
    sched_sub_renew_if_other(
        s, u); /* the parameter was changed, and we went before its turn had come */
}
