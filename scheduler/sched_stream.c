/* Streams: one hanging answer of Exchange tells of up to 200 subscriptions (WIRE 4).
 *
 *     CLOSED --due--> OPEN --ended, or its members are others now--> CLOSED (due at once, or later)
 *
 * All subscriptions of a stream must live on one mailbox server. Streams of the same anchor are a
 * group: the anchor, its first user, subscribes alone, and the others wait for what its answer says
 * of that server. Hardly ever it is known on which server a mailbox lives. Groups have ranks; whose
 * subscription is not found where its group is tries those of the higher ranks, and at last founds one.
 *
 * A subscription keeps what happens while nobody listens for half an hour, so that closing and
 * opening again, when users come and go, loses nothing; after a longer time Exchange says which are
 * gone. */
#include "sched_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"

enum {
    GATHER_MS = 1000, /* after a change of the members, so that it is opened once for many */
    TIMEOUT_MIN = 30, /* the longest that Exchange allows */
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 60 * GW_SECOND_MS,
    LONG_LIFE_MS = 10 * GW_SECOND_MS, /* shorter ones are not made again all the time */
    UNHEARD_MAX = 2,                  /* opened in vain: it is no way */
    RANKS_MAX = UINT8_MAX,
    RESUME_FIRST_MS = 1000,
    RESUME_STEP_MS = 50 /* after a restart they are opened one after the other */
};

static void wait_until(struct sched_stream *st, gw_time at)
{
    gw_heap_set(&st->s->subs.streams, &st->due, at);
    sched_want_tick(st->s, at);
}

static void changed(struct sched_stream *st)
{
    gw_time at = gw_time_after(st->s->now.mono, GATHER_MS);

    if (!st->due.pos || st->due.at > at)
        wait_until(st, at);
}

static void close_connection(struct sched_stream *st)
{
    if (st->handle)
        st->s->exchange.cancel(st->s->exchange.ctx, st->handle);
    st->handle = NULL;
}

/* ---- who is on which ---- */

static struct sched_stream *stream_new(struct sched *s, struct sched_gateway *g,
                                       struct gw_str anchor, unsigned char rank)
{
    struct sched_stream *st = gw_new(struct sched_stream);

    st->s = s;
    st->gateway = g;
    st->anchor = gw_str_dup(anchor);
    st->rank = rank;
    st->heard = s->now.mono;
    gw_list_init(&st->members);
    gw_list_append(&g->streams, &st->link);
    return st;
}

static void free_if_unused(struct sched_stream *st)
{
    if (st->count || st->reserved)
        return;
    close_connection(st);
    gw_heap_remove(&st->s->subs.streams, &st->due);
    gw_list_remove(&st->link);
    free(st->anchor);
    free(st->affinity);
    free(st);
}

static bool has_room(const struct sched_stream *st)
{
    return st->count + st->reserved < EWS_STREAM_IDS_MAX;
}

static bool may_share(const struct sched_stream *st, uint64_t grouping)
{
    return !st->grouping || !grouping || st->grouping == grouping;
}

/* Of the group with the lowest rank from this one on: one with room, if there is one. */
static struct sched_stream *stream_from(const struct sched_gateway *g, unsigned rank,
                                        uint64_t grouping)
{
    struct sched_stream *best = NULL;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&g->streams, it, tmp)
    {
        struct sched_stream *st = GW_CONTAINER(it, struct sched_stream, link);

        if (st->rank >= rank && may_share(st, grouping) &&
            (!best || st->rank < best->rank || (st->rank == best->rank && has_room(st))))
            best = st;
    }
    return best;
}

static unsigned char free_rank(const struct sched_gateway *g)
{
    const struct sched_stream *st;
    unsigned rank = 0;

    while ((st = stream_from(g, rank, 0)) && st->rank == rank && rank < RANKS_MAX)
        rank++;
    return (unsigned char)rank;
}

/* One more of the same group: its server is known. */
static struct sched_stream *stream_like(const struct sched_stream *st)
{
    struct sched_stream *more = stream_new(st->s, st->gateway, gw_str_of(st->anchor), st->rank);

    more->affinity = st->affinity ? gw_str_dup(gw_str_of(st->affinity)) : NULL;
    more->grouping = st->grouping;
    more->anchored = true;
    return more;
}

bool sched_stream_reserve(struct sched *s, struct sched_user *u)
{
    struct sched_stream *found = stream_from(u->gateway, u->sub.rank, u->grouping);

    assert(!u->sub.pending_stream);
    if (found && !found->anchored)
        return false;
    if (!found) {
        found = stream_new(s, u->gateway, gw_str_of(u->mailbox), free_rank(u->gateway));
        found->grouping = u->grouping;
    } else if (!has_room(found)) {
        found = stream_like(found);
    }
    found->reserved++;
    u->sub.pending_stream = found;
    return true;
}

void sched_stream_release(struct sched_user *u)
{
    struct sched_stream *st = u->sub.pending_stream;

    if (!st)
        return;
    u->sub.pending_stream = NULL;
    st->reserved--;
    free_if_unused(st);
}

static void add(struct sched_stream *st, struct sched_user *u)
{
    gw_list_append(&st->members, &u->sub.member);
    st->count++;
    u->sub.stream = st;
    changed(st);
}

void sched_stream_join(struct sched_user *u, struct gw_str affinity)
{
    struct sched_stream *st = u->sub.pending_stream;

    u->sub.pending_stream = NULL;
    st->reserved--;
    if (!st->anchored && affinity.len && affinity.len <= EWS_AFFINITY_MAX &&
        gw_str_find(affinity, '\n') < 0)
        st->affinity = gw_str_dup(affinity);
    st->anchored = true;
    add(st, u);
}

void sched_stream_resume(struct sched *s, struct sched_user *u, const struct sched_sub_record *r)
{
    struct sched_stream *st = NULL;
    unsigned char rank = free_rank(u->gateway);
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->gateway->streams, it, tmp)
    {
        struct sched_stream *other = GW_CONTAINER(it, struct sched_stream, link);

        if (!gw_str_is(r->anchor, other->anchor))
            continue;
        rank = other->rank;
        if (has_room(other))
            st = other;
    }
    if (!st) {
        st = stream_new(s, u->gateway, r->anchor, rank);
        st->affinity = r->affinity.len ? gw_str_dup(r->affinity) : NULL;
        st->anchored = true;
        wait_until(st, gw_time_after(s->now.mono,
                                     RESUME_FIRST_MS +
                                         RESUME_STEP_MS * (gw_time)s->subs.streams_resumed++));
    }
    gw_list_append(&st->members, &u->sub.member);
    st->count++;
    u->sub.stream = st;
    u->sub.rank = st->rank;
}

void sched_stream_leave(struct sched_user *u)
{
    struct sched_stream *st = u->sub.stream;

    if (!st)
        return;
    u->sub.stream = NULL;
    gw_list_remove(&u->sub.member);
    st->count--;
    if (st->count)
        changed(st);
    free_if_unused(st);
}

static struct sched_user *member_of(struct sched_stream *st, struct gw_str id)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&st->members, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, sub.member);

        if (gw_str_is(id, u->sub.id))
            return u;
    }
    return NULL;
}

/* ---- what it says ---- */

static void on_event(const struct ews_notification *n, struct gw_now now, void *ctx)
{
    struct sched_stream *st = ctx;
    struct sched *s = st->s;
    struct sched_user *u;

    s->now = now;
    st->heard = now.mono;
    if (!st->speaks) {
        struct gw_list *it, *tmp;

        st->speaks = true;
        st->unheard = 0;
        sched_way_heard(s, st->gateway, SCHED_MODE_STREAMING);
        GW_LIST_EACH(&st->members, it, tmp)
        sched_sub_stream_opened(s, GW_CONTAINER(it, struct sched_user, sub.member));
    }
    if (!n->subscription_id.len)
        return;
    s->counters.notifications++;
    st->gateway->notifications++;
    s->counters.status_events += n->status_events;
    u = member_of(st, n->subscription_id);
    if (u)
        sched_sub_told(s, u, n);
}

/* 0, 1 s, 2 s, 4 s ... */
static gw_time backoff_ms(unsigned tries)
{
    gw_time ms = tries ? RETRY_FIRST_MS : 0;

    while (tries-- > 1 && ms < RETRY_MAX_MS)
        ms *= 2;
    return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

/* What was not found before it was ever heard was never there. Its own anchor is where it is, and has
 * lost it; but when that happens again the server is one whose streams cannot be had. */
static void strayed(struct sched_stream *st, struct sched_user *u)
{
    bool own = gw_str_is(gw_str_of(u->mailbox), st->anchor);
    unsigned strays = u->sub.strays + (own ? SCHED_STRAYS_MAX / 2 : 1U);

    u->sub.strays = (unsigned char)(strays < SCHED_STRAYS_MAX ? strays : SCHED_STRAYS_MAX);
    if (!own && st->rank < RANKS_MAX)
        u->sub.rank = st->rank + 1;
    gw_debug("sched", "stream gateway='%.*s' anchor=%s: not on its server user='%.*s'",
             GW_STR_ARG(st->gateway->name), st->anchor, GW_STR_ARG(sched_user_name(u)));
    sched_sub_stream_strayed(st->s, u);
}

static void end_member(struct sched_stream *st, struct sched_user *u, const char *code)
{
    if (!u)
        return;
    if (!u->sub.proven && strcmp(code, "ErrorSubscriptionNotFound") == 0)
        strayed(st, u);
    else
        sched_sub_stream_ended(st->s, u);
}

/* The stream itself lives until its owner has looked at all of them. */
static void end_members(struct sched_stream *st, const struct ews_answer *answer)
{
    struct gw_list *it, *tmp;

    for (size_t i = 0; i < answer->bad_id_count; i++)
        end_member(st, member_of(st, answer->bad_ids[i]), answer->status.code);
    if (answer->bad_id_count)
        return;
    GW_LIST_EACH(&st->members, it, tmp)
    sched_sub_stream_ended(st->s, GW_CONTAINER(it, struct sched_user, sub.member));
}

/* A server that is gone is found out by a probe: what breaks a connection that is open for half an
 * hour need not be the server. */
static void failed(struct sched_stream *st, const struct ews_status *status)
{
    struct sched *s = st->s;
    struct sched_gateway *g = st->gateway;

    if (!st->speaks && st->unheard < UINT8_MAX)
        st->unheard++;
    switch (sched_rule_effect(status)) {
    case SCHED_EFFECT_THROTTLED:
        sched_budget_push_back(s, g, s->now.mono, status->backoff_ms, true);
        break;
    case SCHED_EFFECT_FAILURE:
        sched_pool_suspect(s, g);
        break;
    case SCHED_EFFECT_REFUSED:
        sched_gateway_answered(s, g, status);
        break;
    case SCHED_EFFECT_ALIVE:
    case SCHED_EFFECT_CROWDED:
        break;
    }
    if (status->class == EWS_UNSUPPORTED || status->class == EWS_VERSION ||
        (st->unheard >= UNHEARD_MAX && sched_gateway_is_usable(g)))
        sched_way_failed(s, g, SCHED_MODE_STREAMING, status->text);
    wait_until(st, gw_time_after(s->now.mono, backoff_ms(st->tries ? st->tries : 1)));
}

static void on_end(const struct ews_answer *answer, struct gw_now now, void *ctx)
{
    struct sched_stream *st = ctx;
    struct sched *s = st->s;
    const struct ews_status *status = &answer->status;

    s->now = now;
    st->handle = NULL;
    st->reserved++; /* members may leave, all of them */
    if (st->speaks && now.mono - st->opened >= LONG_LIFE_MS)
        st->tries = 0;
    else if (st->tries < UINT8_MAX)
        st->tries++;
    gw_debug("sched", "stream gateway='%.*s' users=%zu ended: %s", GW_STR_ARG(st->gateway->name),
             st->count, status->code);
    if (status->backoff_ms > 0) /* whatever it is told with */
        sched_budget_quiet(s, st->gateway, status->backoff_ms);
    if (status->class == EWS_OK) {
        wait_until(st, gw_time_after(now.mono, backoff_ms(st->tries)));
    } else if (status->class == EWS_SUBSCRIPTION_GONE) {
        end_members(st, answer);
        wait_until(st, gw_time_after(now.mono, GATHER_MS));
    } else {
        failed(st, status);
    }
    st->reserved--;
    free_if_unused(st);
}

/* ---- opening ---- */

/* Nobody has listened for so long that these users are better served otherwise. */
static bool is_lost(const struct sched_stream *st)
{
    return st->s->now.mono - st->heard >= sched_minutes(st->s, SCHED_STREAM_LIMIT_MIN);
}

static void give_up(struct sched_stream *st)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&st->members, it, tmp)
    sched_sub_stream_lost(st->s, GW_CONTAINER(it, struct sched_user, sub.member));
    st->heard = st->s->now.mono;
}

static void open_connection(struct sched_stream *st)
{
    struct gw_str ids[EWS_STREAM_IDS_MAX];
    struct ews_request r = { .op = EWS_OP_STREAM,
                             .subscription_ids = ids,
                             .stream_timeout_min = TIMEOUT_MIN,
                             .anchor = gw_str_of(st->anchor),
                             .affinity = gw_str_of(st->affinity ? st->affinity : "") };
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&st->members, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, sub.member);

        if (u->sub.id)
            ids[r.subscription_id_count++] = gw_str_of(u->sub.id);
    }
    if (!r.subscription_id_count)
        return;
    /* The connection is charged to it: not each of a group to the same one. */
    r.mailbox = gw_str_of(GW_CONTAINER(st->members.next, struct sched_user, sub.member)->mailbox);
    st->speaks = false;
    st->opened = st->s->now.mono;
    st->s->counters.streams++;
    st->handle =
        st->s->exchange.stream(st->s->exchange.ctx, st->gateway->name, &r, on_event, on_end, st);
    assert(st->handle);
}

static void look(struct sched_stream *st)
{
    struct sched *s = st->s;
    struct sched_gateway *g = st->gateway;

    if (st->handle)
        close_connection(st);
    else if (is_lost(st))
        give_up(st);
    if (!sched_gateway_is_usable(g))
        wait_until(st, gw_time_after(s->now.mono, RETRY_MAX_MS)); /* hastened when it is back */
    else if (g->backoff_until > s->now.mono)
        wait_until(st, g->backoff_until);
    else
        open_connection(st);
}

void sched_streams_tick(struct sched *s)
{
    struct gw_due *due;

    for (int n = 0; n < SCHED_SLICE && (due = gw_heap_pop_due(&s->subs.streams, s->now.mono)); n++)
        look(GW_CONTAINER(due, struct sched_stream, due));
}

/* ---- its gateway ---- */

void sched_streams_hasten(struct sched *s, struct sched_gateway *g)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&g->streams, it, tmp)
    {
        struct sched_stream *st = GW_CONTAINER(it, struct sched_stream, link);

        if (!st->handle && st->count)
            wait_until(st, s->now.mono);
    }
}

void sched_streams_reopen(struct sched *s, struct sched_gateway *g)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&g->streams, it, tmp)
    {
        struct sched_stream *st = GW_CONTAINER(it, struct sched_stream, link);

        close_connection(st);
        if (st->count)
            wait_until(st, s->now.mono);
    }
}

void sched_streams_gone(struct sched_gateway *g)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&g->streams, it, tmp)
    {
        struct sched_stream *st = GW_CONTAINER(it, struct sched_stream, link);

        st->reserved++;
        while (!gw_list_is_empty(&st->members)) {
            struct sched_user *u = GW_CONTAINER(st->members.next, struct sched_user, sub.member);

            sched_sub_stream_gone(st->s, u);
        }
        st->reserved--;
        free_if_unused(st);
    }
}
