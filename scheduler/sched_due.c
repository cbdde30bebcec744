/* Due moments: when a user's presence may change. Ordered by calendar time, and looked at by
 * calendar time: everything that lies before now is due, however the clock came there. What is due
 * is only looked at - presence is computed anew from what is known - so a moment too many does no
 * harm, and one too few cannot be as long as the next is always computed from now. */
#include "sched_priv.h"

#include "gw_log.h"

enum {
    SPREAD_MAX_S = 59,
    USERS_PER_SPREAD_S = 100, /* the guides' rule for "auto" */
    STEP_MS = 1000
};

unsigned sched_spread_s(const struct sched *s)
{
    size_t seconds;

    if (s->settings.spread_s != GW_PARAM_WORD)
        return (unsigned)s->settings.spread_s;
    seconds = gw_map_len(s->by_name) / USERS_PER_SPREAD_S;
    return seconds < SPREAD_MAX_S ? (unsigned)seconds : SPREAD_MAX_S;
}

/* Scaled, not taken modulo: a spread that grows by a second moves nobody far. */
int64_t sched_offset_ms(const struct sched *s, const struct sched_user *u)
{
    return (int64_t)((uint64_t)u->hash * (sched_spread_s(s) * 1000u) >> 32);
}

gw_time sched_mono_of(const struct sched *s, gw_utc at)
{
    return gw_time_after(s->now.mono, at > s->now.utc ? at - s->now.utc : 0);
}

static gw_utc sooner(gw_utc a, gw_utc b)
{
    return a < b ? a : b;
}

static gw_utc next_moment(const struct sched *s, const struct sched_user *u)
{
    const struct sched_data *d = &u->data;
    gw_utc next = gw_intervals_next_boundary(d->intervals, d->count, d->oof_known ? &d->oof : NULL,
                                             s->now.utc);

    if (d->from < d->to && d->to > s->now.utc && d->to < next)
        next = d->to;
    if (u->hours == SCHED_HOURS_DUE && d->hours)
        next = sooner(next, gw_hours_next(d->hours, s->now.utc));
    return gw_time_after(next, sched_offset_ms(s, u));
}

static void due_at(struct sched *s, struct sched_user *u, gw_utc at)
{
    if (at == GW_NEVER) {
        gw_heap_remove(&s->dues.moments, &u->due);
        return;
    }
    gw_heap_set(&s->dues.moments, &u->due, at);
    sched_want_tick(s, sched_mono_of(s, at));
}

void sched_due_set(struct sched *s, struct sched_user *u)
{
    due_at(s, u, next_moment(s, u));
}

void sched_due_hasten(struct sched *s, struct sched_user *u)
{
    gw_utc next = next_moment(s, u);

    if (!u->due.pos || next < u->due.at)
        due_at(s, u, next);
}

bool sched_due_is_near(const struct sched *s, const struct sched_user *u)
{
    return u->due.pos && u->due.at - sched_offset_ms(s, u) <= s->now.utc;
}

static void fire(struct sched *s, struct sched_user *u, gw_utc at)
{
    s->counters.due++;
    gw_histogram_add(&s->counters.due_late_ms, s->now.utc - at);
    if (u->gateway)
        gw_histogram_add(&u->gateway->due_late_ms, s->now.utc - at);
    sched_due_set(s, u);
    if (s->callbacks.due)
        s->callbacks.due(sched_user_name(u), s->callbacks.ctx);
}

void sched_dues_tick(struct sched *s)
{
    struct gw_due *due;

    for (int n = 0; n < SCHED_SLICE && (due = gw_heap_pop_due(&s->dues.moments, s->now.utc)); n++)
        fire(s, GW_CONTAINER(due, struct sched_user, due), due->at);
}

/* Another spread. A moment that is further away than the longest one is of a boundary that has not
 * passed. */
void sched_dues_respread(struct sched *s)
{
    gw_utc soon = gw_time_after(s->now.utc, SPREAD_MAX_S * GW_SECOND_MS);
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->users, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, link);

        if (u->due.pos && u->due.at > soon)
            sched_due_set(s, u);
        else
            sched_due_hasten(s, u);
    }
}

/* After a step back the moments between the new time and the old have no entry in the heap any more,
 * and windows may begin in the future: every user is looked at, spread as ever. */
static void stepped_back(struct sched *s, int64_t by_ms)
{
    struct gw_list *it, *tmp;

    gw_warn("sched", "clock stepped back by_ms=%lld users=%zu: looking at everyone again",
            (long long)by_ms, gw_map_len(s->by_name));
    s->counters.clock_steps++;
    GW_LIST_EACH(&s->users, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, link);
        gw_utc soon = gw_time_after(s->now.utc, sched_offset_ms(s, u));

        if (!u->due.pos || soon < u->due.at)
            due_at(s, u, soon);
        if (u->data.from > s->now.utc)
            gw_heap_set(&s->rolls, &u->roll, soon);
    }
}

/* A step forward needs nothing: what it has passed is due. Small steps back add up until they count;
 * until then presence runs ahead by less than STEP_MS. */
void sched_clock_look(struct sched *s)
{
    int64_t offset = s->now.utc - s->now.mono, step = s->dues.clock_offset - offset;

    if (!s->dues.clock_known || step < 0) {
        s->dues.clock_known = true;
        s->dues.clock_offset = offset;
    } else if (step > STEP_MS) {
        s->dues.clock_offset = offset;
        stepped_back(s, step);
    }
}
