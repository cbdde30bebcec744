/* How what waits for a subscription is delivered: see the state diagrams in mock_subs.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "mock_subs_priv.h"

static void queue_drop(struct mock_sub *sub, size_t count)
{
    if (!count)
        return;
    sub->queued -= count;
    memmove(sub->queue, sub->queue + count, sub->queued * sizeof(*sub->queue));
    if (!sub->queued && sub->queue_cap > 16) {
        free(sub->queue);
        sub->queue = NULL;
        sub->queue_cap = 0;
    }
}

/* GW_NEVER: nothing happens to it by itself. */
static gw_time rest_until(const struct mock_subs *subs, const struct mock_sub *sub, gw_time now)
{
    switch (sub->kind) {
    case MOCK_SUB_PUSH:
        if (!sub->site->running)
            return GW_NEVER;
        break;
    case MOCK_SUB_STREAMING:
        if (sub->stream)
            return GW_NEVER;
        return gw_time_after(now, (int64_t)MOCK_SUB_UNREAD_MIN * subs->minute_ms);
    case MOCK_SUB_PULL:
    case MOCK_SUB_KINDS:
        break;
    }
    return gw_time_after(now, mock_sub_period_ms(subs, sub));
}

void mock_sub_rest(struct mock_subs *subs, struct mock_sub *sub, struct gw_now now)
{
    mock_sub_enter(subs, sub, MOCK_SUB_IDLE, rest_until(subs, sub, now.mono));
    if (sub->queued || sub->broken)
        mock_sub_due(subs, sub, now.mono);
}

void mock_sub_due(struct mock_subs *subs, struct mock_sub *sub, gw_time at)
{
    if (sub->state != MOCK_SUB_IDLE && sub->state != MOCK_SUB_WAITING)
        return;
    if (at < sub->hold)
        at = sub->hold;
    switch (sub->kind) {
    case MOCK_SUB_PUSH:
        if (sub->site->running)
            mock_sub_enter(subs, sub, MOCK_SUB_IDLE, at);
        break;
    case MOCK_SUB_STREAMING:
        if (sub->stream)
            mock_sub_enter(subs, sub, MOCK_SUB_IDLE, at);
        break;
    case MOCK_SUB_PULL: /* waits to be asked */
    case MOCK_SUB_KINDS:
        break;
    }
}

static void pull_expire(struct mock_subs *subs, struct mock_sub *sub, struct gw_now now)
{
    if (sub->state == MOCK_SUB_EXPIRED) {
        mock_sub_free(subs, sub);
        return;
    }
    subs->totals.expired++;
    queue_drop(sub, sub->queued);
    mock_sub_enter(subs, sub, MOCK_SUB_EXPIRED,
                   gw_time_after(now.mono, mock_sub_period_ms(subs, sub)));
}

void mock_subs_tick(struct mock_subs *subs, struct gw_now now)
{
    struct gw_due *due;

    for (int i = 0; i < MOCK_SUBS_TICK_MAX && (due = gw_heap_pop_due(&subs->due, now.mono)); i++) {
        struct mock_sub *sub = GW_CONTAINER(due, struct mock_sub, due);

        if (sub->kind == MOCK_SUB_PULL) {
            pull_expire(subs, sub, now);
            continue;
        }
        if (sub->kind == MOCK_SUB_STREAMING && !sub->stream) {
            subs->totals.expired++;
            mock_sub_free(subs, sub);
            continue;
        }
        if (!sub->queued && !sub->broken &&
            mock_mishaps_take(&subs->mishaps, MOCK_MISHAP_SILENCE, sub)) {
            mock_sub_rest(subs, sub, now);
            continue;
        }
        mock_sub_enter(subs, sub, MOCK_SUB_QUEUED, GW_NEVER);
        subs->sender[sub->kind]->want(subs->sender_ctx[sub->kind], sub);
    }
}

static void queue_reverse(struct mock_event *queue, unsigned count)
{
    for (unsigned i = 0; i < count / 2; i++) {
        struct mock_event last = queue[count - 1 - i];

        queue[count - 1 - i] = queue[i];
        queue[i] = last;
    }
}

/* The events that go into a call. */
static unsigned batch_of(struct mock_subs *subs, struct mock_sub *sub, gw_time now)
{
    size_t count = now < sub->hold ? 0 : sub->queued;
    const struct mock_mishap *more;

    if (count > MOCK_SUB_BATCH_MAX)
        count = MOCK_SUB_BATCH_MAX;
    more = count ? mock_mishaps_take(&subs->mishaps, MOCK_MISHAP_MORE, sub) : NULL;
    if (more && (int64_t)count > more->batch)
        count = (size_t)more->batch;
    if (count > 1 && mock_mishaps_take(&subs->mishaps, MOCK_MISHAP_REORDER, sub))
        queue_reverse(sub->queue, (unsigned)count);
    return (unsigned)count;
}

void mock_sub_take(struct mock_subs *subs, struct mock_sub *sub, struct gw_now now)
{
    assert(sub->state == MOCK_SUB_QUEUED);
    sub->in_call = batch_of(subs, sub, now.mono);
    sub->broken_sent = sub->broken;
    sub->tries++;
    sub->count.calls++;
    sub->count.last_call = now.utc;
    if (sub->kind == MOCK_SUB_PUSH)
        subs->totals.calls++;
    mock_sub_enter(subs, sub, MOCK_SUB_SENDING, GW_NEVER);
}

static void sub_delivered(struct mock_subs *subs, struct mock_sub *sub, struct gw_now now)
{
    for (unsigned i = 0; i < sub->in_call; i++)
        if (sub->queue[i].watermark > sub->acked)
            sub->acked = sub->queue[i].watermark;
    sub->count.status += !sub->in_call;
    sub->count.events += sub->in_call;
    queue_drop(sub, sub->in_call);
    sub->in_call = 0;
    sub->tries = 0;
    sub->wait_ms = 0;
    mock_sub_rest(subs, sub, now);
}

/* 30 s, 60 s, 120 s ... until the next wait would exceed StatusFrequency. A stream that was not heard
 * is only slow. */
static void sub_unheard(struct mock_subs *subs, struct mock_sub *sub, struct gw_now now)
{
    int64_t wait_ms = sub->wait_ms ? 2 * sub->wait_ms : (subs->minute_ms + 1) / 2;

    sub->in_call = 0;
    if (sub->kind == MOCK_SUB_STREAMING)
        wait_ms = subs->minute_ms / 60 + 1;
    if (sub->kind == MOCK_SUB_PUSH && wait_ms > mock_sub_period_ms(subs, sub)) {
        gw_info("mock", "subscription %s of '%s': given up after %u tries", sub->key,
                sub->mailbox->address, sub->tries);
        subs->totals.given_up++;
        mock_sub_free(subs, sub);
        return;
    }
    sub->wait_ms = wait_ms;
    mock_sub_enter(subs, sub, MOCK_SUB_WAITING, gw_time_after(now.mono, wait_ms));
}

void mock_subs_answered(struct mock_subs *subs, struct mock_sub *sub, enum mock_push_result result,
                        struct gw_now now)
{
    bool answered = result != MOCK_PUSH_NOTHING;

    assert(sub->state == MOCK_SUB_SENDING);
    mock_sub_enter(subs, sub, MOCK_SUB_IDLE, GW_NEVER);
    *(answered ? &sub->count.answered : &sub->count.unanswered) += 1;
    if (sub->kind == MOCK_SUB_PUSH)
        *(answered ? &subs->totals.answered : &subs->totals.unanswered) += 1;
    if (answered)
        sub->count.last_answer = now.utc;
    if (sub->broken && sub->broken_sent) {
        subs->totals.broken++;
        mock_sub_free(subs, sub);
        return;
    }
    switch (result) {
    case MOCK_PUSH_OK:
        sub_delivered(subs, sub, now);
        break;
    case MOCK_PUSH_UNSUBSCRIBE:
        mock_sub_unsubscribe(subs, sub);
        break;
    case MOCK_PUSH_NOTHING:
        sub_unheard(subs, sub, now);
        break;
    }
}

void mock_sub_set_stream(struct mock_subs *subs, struct mock_sub *sub, struct mock_stream *stream,
                         struct gw_now now)
{
    mock_sub_cancel(subs, sub);
    sub->stream = stream;
    sub->wait_ms = 0;
    mock_sub_rest(subs, sub, now);
}

const char *mock_sub_read(struct mock_subs *subs, struct mock_sub *sub, uint64_t after,
                          struct gw_now now)
{
    size_t read = 0;

    if (sub->state == MOCK_SUB_EXPIRED) {
        mock_sub_free(subs, sub);
        return "ErrorExpiredSubscription";
    }
    if (sub->broken) {
        subs->totals.broken++;
        mock_sub_free(subs, sub);
        return "ErrorReadEventsFailed";
    }
    if (after > sub->mailbox->event)
        return "ErrorInvalidWatermark";
    if (after < sub->acked)
        return "ErrorEventNotFound";
    while (read < sub->queued && sub->queue[read].watermark <= after)
        read++;
    queue_drop(sub, read);
    sub->acked = after;
    sub->in_call = batch_of(subs, sub, now.mono);
    sub->count.calls++;
    sub->count.answered++;
    sub->count.last_call = sub->count.last_answer = now.utc;
    sub->count.events += sub->in_call;
    sub->count.status += !sub->in_call;
    mock_sub_rest(subs, sub, now);
    return NULL;
}
