/* Jobs and the queues they wait in. A queue is ordered by 'wanted by': what Exchange has told of
 * goes first, what can wait goes before its user's next due moment, and since a wish never gets
 * younger nothing waits for ever. Only one that the server was too busy for does: it goes behind all
 * that wait by then, so that a mailbox that alone is refused keeps nobody from being asked for. */
#include "sched_priv.h"

enum {
    CALM_MS = 10 * GW_MINUTE_MS,
    HASTE_FIRST_MS = 5 * GW_SECOND_MS, /* doubled with each failure */
    HASTE_MAX_MS = GW_MINUTE_MS,
    FIRE_SLICE = 8 * SCHED_SLICE, /* of one tick */
    TURNS = 20                    /* in an interval */
};

const char *sched_kind_name(enum sched_kind kind)
{
    switch (kind) {
    case SCHED_SUBSCRIBE:
        return "subscribe";
    case SCHED_READ:
        return "read calendar";
    case SCHED_OOF:
        return "read automatic replies";
    case SCHED_HOURS:
        return "read working hours";
    case SCHED_FOLDERS:
        return "read further calendars";
    }
    return "unknown";
}

/* ---- queues ---- */

static unsigned lane_of(const struct sched_job *job, const struct sched_user *u)
{
    if (job->kind == SCHED_READ && (u->narrow || u->bulk_failed || u->fields))
        return SCHED_LANE_SINGLE_READ;
    if (job->kind == SCHED_OOF && !u->replies.exact && u->gateway && !u->gateway->no_tips)
        return SCHED_LANE_TIPS;
    return job->kind;
}

void sched_queue_add(struct sched_queue *q, struct sched_job *job)
{
    job->lane = (unsigned char)lane_of(job, sched_job_user(job));
    gw_heap_set(&q->lane[job->lane], &job->due, job->wanted_by);
    q->len++;
    job->in.queue = q;
    job->state = SCHED_JOB_WAITING;
}

void sched_queue_remove(struct sched_job *job)
{
    struct sched_queue *q = job->in.queue;

    gw_heap_remove(&q->lane[job->lane], &job->due);
    q->len--;
    job->in.queue = NULL;
    job->state = SCHED_JOB_IDLE;
}

struct sched_job *sched_queue_first(const struct sched_queue *q)
{
    struct gw_due *best = NULL;

    for (int i = 0; i < SCHED_LANES; i++) {
        struct gw_due *first = gw_heap_first(&q->lane[i]);

        if (first && (!best || first->at < best->at))
            best = first;
    }
    return best ? GW_CONTAINER(best, struct sched_job, due) : NULL;
}

void sched_queue_done(struct sched_queue *q)
{
    for (int i = 0; i < SCHED_LANES; i++)
        gw_heap_done(&q->lane[i]);
    q->len = 0;
}

/* ---- jobs ---- */

static void leave(struct sched *s, struct sched_job *job)
{
    switch ((enum sched_job_state)job->state) {
    case SCHED_JOB_IDLE:
        break;
    case SCHED_JOB_DELAYED:
        gw_heap_remove(&s->budget.delays, &job->due);
        break;
    case SCHED_JOB_WAITING:
        sched_queue_remove(job);
        break;
    case SCHED_JOB_RUNNING:
        sched_call_drop(job->in.call, job);
        break;
    }
    job->state = SCHED_JOB_IDLE;
}

void sched_job_delay(struct sched *s, struct sched_job *job, gw_time at, gw_time wanted_by)
{
    leave(s, job);
    job->state = SCHED_JOB_DELAYED;
    job->wanted_by = wanted_by > at ? wanted_by : at;
    gw_heap_set(&s->budget.delays, &job->due, at);
    sched_want_tick(s, at);
}

void sched_job_queue(struct sched *s, struct sched_job *job)
{
    struct sched_user *u = sched_job_user(job);

    leave(s, job);
    sched_queue_add(u->moving || !u->gateway ? &s->pool.homeless : &u->gateway->marked, job);
    sched_want_tick(s, s->now.mono);
}

static void hurry(struct sched_job *job, gw_time wanted_by)
{
    struct sched_queue *q = job->in.queue;

    if (wanted_by >= job->wanted_by)
        return;
    sched_queue_remove(job);
    job->wanted_by = wanted_by;
    sched_queue_add(q, job);
}

void sched_job_want(struct sched *s, struct sched_job *job, gw_time at, gw_time wanted_by)
{
    switch ((enum sched_job_state)job->state) {
    case SCHED_JOB_IDLE:
        sched_job_delay(s, job, at, wanted_by);
        break;
    case SCHED_JOB_DELAYED:
        /* A retry keeps its back-off, whoever asks. */
        if (!job->tries && at < job->due.at)
            sched_job_delay(s, job, at, wanted_by);
        break;
    case SCHED_JOB_WAITING:
        hurry(job, wanted_by);
        break;
    case SCHED_JOB_RUNNING:
        job->again = true;
        break;
    }
}

static gw_time haste_ms(unsigned tries)
{
    gw_time ms = HASTE_FIRST_MS;

    while (--tries && ms < HASTE_MAX_MS)
        ms *= 2;
    return ms < HASTE_MAX_MS ? ms : HASTE_MAX_MS;
}

void sched_job_hasten(struct sched *s, struct sched_job *job, gw_time at, gw_time wanted_by)
{
    gw_time soon;

    if (job->state != SCHED_JOB_DELAYED || !job->tries) {
        sched_job_want(s, job, at, wanted_by);
        return;
    }
    soon = gw_time_after(s->now.mono, haste_ms(job->tries));
    if (at < soon)
        at = soon;
    if (at < job->due.at)
        sched_job_delay(s, job, at, wanted_by);
}

void sched_job_cancel(struct sched *s, struct sched_job *job)
{
    leave(s, job);
    job->tries = 0;
    job->again = false;
}

void sched_jobs_fire(struct sched *s)
{
    struct gw_due *due;

    for (int n = 0; n < FIRE_SLICE && (due = gw_heap_pop_due(&s->budget.delays, s->now.mono));
         n++) {
        struct sched_job *job = GW_CONTAINER(due, struct sched_job, due);

        job->state = SCHED_JOB_IDLE;
        sched_job_queue(s, job);
    }
}

gw_time sched_turn_next(const struct sched *s, const struct sched_user *u, gw_time interval_ms)
{
    gw_time step = interval_ms / TURNS > 0 ? interval_ms / TURNS : 1;
    gw_time phase = step * (gw_time)((uint64_t)u->hash * TURNS >> 32);
    gw_time past = (s->now.mono - phase) % interval_ms;

    if (past < 0)
        past += interval_ms;
    return gw_time_after(s->now.mono, interval_ms - past);
}

gw_time sched_wanted_calmly(const struct sched *s, const struct sched_user *u)
{
    gw_time latest = gw_time_after(s->now.mono, CALM_MS);
    int64_t wait;

    if (!u->due.pos)
        return latest;
    wait = u->due.at - s->now.utc;
    if (wait <= 0)
        return s->now.mono;
    return wait < CALM_MS ? s->now.mono + wait : latest;
}
