/* Working hours, of users for whom they are wanted. People change them seldom and Exchange tells of no
 * change: they are asked for a few times a day, for a hundred users at once, unless a reading of
 * calendars in bulk has brought them. */
#include "sched_priv.h"

#include <stdlib.h>

#include "gw_mem.h"

enum {
    TURN_MIN = 360,
    LOOKED_MAX = 32 /* patterns, of which most people of an organisation have the same few */
};

struct pattern {
    struct gw_list link; /* sched.patterns: who was looked for last comes first */
    size_t users;
    struct gw_hours hours;
};

static gw_time next_turn(const struct sched *s, const struct sched_user *u)
{
    return sched_turn_next(s, u, sched_minutes(s, TURN_MIN));
}

/* One copy for all who work the same hours, if there is one among the last that were looked for. */
static const struct gw_hours *keep(struct sched *s, const struct gw_hours *hours)
{
    struct gw_list *it, *tmp;
    struct pattern *p = NULL;
    int looked = 0;

    GW_LIST_EACH(&s->patterns, it, tmp)
    {
        p = GW_CONTAINER(it, struct pattern, link);
        if (gw_hours_eq(&p->hours, hours))
            break;
        p = NULL;
        if (++looked == LOOKED_MAX)
            break;
    }
    if (!p) {
        p = gw_new(struct pattern);
        p->hours = *hours;
        gw_list_init(&p->link);
    }
    gw_list_remove(&p->link);
    gw_list_prepend(&s->patterns, &p->link);
    p->users++;
    return &p->hours;
}

static void drop(const struct gw_hours *hours)
{
    struct pattern *p = GW_CONTAINER(hours, struct pattern, hours);

    if (--p->users)
        return;
    gw_list_remove(&p->link);
    free(p);
}

static void set(struct sched *s, struct sched_user *u, const struct gw_hours *hours)
{
    sched_hours_forget(u);
    if (hours)
        u->data.hours = keep(s, hours);
}

void sched_hours_forget(struct sched_user *u)
{
    if (u->data.hours)
        drop(u->data.hours);
    u->data.hours = NULL;
}

static bool is_same(const struct gw_hours *a, const struct gw_hours *b)
{
    return a && b ? gw_hours_eq(a, b) : a == b;
}

static void tell(const struct sched *s, const struct sched_user *u)
{
    if (s->callbacks.hours)
        s->callbacks.hours(sched_user_name(u), s->callbacks.ctx);
}

/* False: nothing new. */
static bool learn(struct sched *s, struct sched_user *u, const struct gw_hours *hours)
{
    if (is_same(u->data.hours, hours))
        return false;
    set(s, u, hours);
    tell(s, u);
    return true;
}

static void ask(struct sched *s, struct sched_user *u)
{
    struct sched_job *job = &u->job[SCHED_HOURS];

    if (u->hours == SCHED_HOURS_NOT || job->state != SCHED_JOB_IDLE)
        return;
    if (u->data.hours)
        sched_job_want(s, job, next_turn(s, u), next_turn(s, u));
    else
        sched_job_want(s, job, s->now.mono, sched_wanted_calmly(s, u));
}

void sched_hours_answered(struct sched *s, struct sched_job *job, const struct ews_calendar *c)
{
    struct sched_user *u = sched_job_user(job);

    if (c->status.class != EWS_OK) {
        sched_job_failed(s, job, &c->status);
        return;
    }
    job->tries = 0;
    job->again = false;
    sched_error_clear(s, u, SCHED_HOURS);
    if (learn(s, u, c->hours)) {
        sched_data_save(s, u);
        sched_due_hasten(s, u);
        sched_changed(s, u);
    }
    sched_job_want(s, job, next_turn(s, u), next_turn(s, u));
}

bool sched_hours_came(struct sched *s, struct sched_user *u, const struct gw_hours *hours)
{
    struct sched_job *job = &u->job[SCHED_HOURS];

    if (u->hours == SCHED_HOURS_NOT || job->state == SCHED_JOB_RUNNING)
        return false;
    if (!hours) {
        ask(s, u);
        return false;
    }
    sched_job_cancel(s, job);
    sched_error_clear(s, u, SCHED_HOURS);
    sched_job_want(s, job, next_turn(s, u), next_turn(s, u));
    return learn(s, u, hours);
}

void sched_hours_restore(struct sched *s, struct sched_user *u, const struct gw_hours *hours)
{
    set(s, u, hours);
    if (hours)
        tell(s, u);
    ask(s, u);
}

void sched_user_want_hours(struct sched *s, struct gw_str user, enum sched_hours want,
                           struct gw_now now)
{
    struct sched_user *u = sched_user_find(s, user);
    struct sched_job *job;

    if (!u || u->hours == want)
        return;
    s->now = now;
    u->hours = (unsigned char)want;
    job = &u->job[SCHED_HOURS];
    if (want == SCHED_HOURS_NOT) {
        sched_job_cancel(s, job);
        sched_error_clear(s, u, SCHED_HOURS);
        if (u->data.hours) {
            sched_hours_forget(u);
            sched_data_save(s, u);
        }
        return;
    }
    if (sched_data_is_known(
            &u->data)) /* else they come with the calendar, or are asked for after it */
        ask(s, u);
    sched_due_hasten(s, u);
}
