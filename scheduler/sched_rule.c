/* What an answer of Exchange means: for the server that gave it, and for the job that asked. */
#include "sched_priv.h"

#include "gw_log.h"

enum {
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 10 * GW_MINUTE_MS,
    TRIES_PER_GATEWAY = 3,
    SLOW_MIN = 60, /* a mailbox that is not there, a right that is missing */
    UNREAD_FIRST_MS = 5 * GW_SECOND_MS
};

static const struct sched_rule rules[] = {
    /* class                  on the gateway: no SOAP   ... SOAP           for the job           alarm */
    { EWS_OK, SCHED_EFFECT_ALIVE, SCHED_EFFECT_ALIVE, SCHED_ACTION_DONE, false },
    { EWS_BUSY, SCHED_EFFECT_THROTTLED, SCHED_EFFECT_THROTTLED, SCHED_ACTION_WAIT, false },
    { EWS_CONNECTION_LIMIT, SCHED_EFFECT_CROWDED, SCHED_EFFECT_CROWDED, SCHED_ACTION_WAIT, false },
    { EWS_SUBSCRIPTION_LIMIT, SCHED_EFFECT_ALIVE, SCHED_EFFECT_ALIVE, SCHED_ACTION_LIMIT, true },
    { EWS_TOO_MUCH, SCHED_EFFECT_ALIVE, SCHED_EFFECT_ALIVE, SCHED_ACTION_NARROW, false },
    { EWS_TRANSIENT, SCHED_EFFECT_ALIVE, SCHED_EFFECT_ALIVE, SCHED_ACTION_RETRY, false },
    { EWS_ELSEWHERE, SCHED_EFFECT_ALIVE, SCHED_EFFECT_ALIVE, SCHED_ACTION_MOVE, false },
    { EWS_SUBSCRIPTION_GONE, SCHED_EFFECT_ALIVE, SCHED_EFFECT_ALIVE, SCHED_ACTION_RENEW, false },
    { EWS_MAILBOX, SCHED_EFFECT_ALIVE, SCHED_EFFECT_ALIVE, SCHED_ACTION_SLOW, true },
    { EWS_PERMISSION, SCHED_EFFECT_ALIVE, SCHED_EFFECT_ALIVE, SCHED_ACTION_SLOW, true },
    { EWS_CREDENTIALS, SCHED_EFFECT_REFUSED, SCHED_EFFECT_REFUSED, SCHED_ACTION_WAIT, true },
    /* With SOAP it is our push address, without it is the server's name, path or certificate. */
    { EWS_CONFIG, SCHED_EFFECT_REFUSED, SCHED_EFFECT_ALIVE, SCHED_ACTION_SLOW, true },
    { EWS_VERSION, SCHED_EFFECT_ALIVE, SCHED_EFFECT_ALIVE, SCHED_ACTION_RETRY, false },
    { EWS_UNSUPPORTED, SCHED_EFFECT_ALIVE, SCHED_EFFECT_ALIVE, SCHED_ACTION_SLOW, true },
    { EWS_BUG, SCHED_EFFECT_ALIVE, SCHED_EFFECT_ALIVE, SCHED_ACTION_SLOW, true },
    { EWS_BAD_ANSWER, SCHED_EFFECT_FAILURE, SCHED_EFFECT_ALIVE, SCHED_ACTION_RETRY, false },
    { EWS_SERVER_DOWN, SCHED_EFFECT_FAILURE, SCHED_EFFECT_ALIVE, SCHED_ACTION_RETRY, false },
};

const struct sched_rule *sched_rule_of(enum ews_class class)
{
    static const struct sched_rule unknown = { EWS_TRANSIENT, SCHED_EFFECT_ALIVE,
                                               SCHED_EFFECT_ALIVE, SCHED_ACTION_RETRY, false };

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].class == class)
            return &rules[i];
    }
    return &unknown;
}

enum sched_effect sched_rule_effect(const struct ews_status *status)
{
    const struct sched_rule *rule = sched_rule_of(status->class);

    return status->alive ? rule->effect_if_alive : rule->effect;
}

/* 1 s, 2 s, 4 s ... */
static gw_time backoff_ms(unsigned tries)
{
    gw_time ms = RETRY_FIRST_MS;

    while (--tries && ms < RETRY_MAX_MS)
        ms *= 2;
    return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

static void retry_at(struct sched *s, struct sched_job *job, gw_time at)
{
    struct sched_gateway *g = sched_job_user(job)->gateway;

    s->counters.retries++;
    if (g)
        g->retries++;
    sched_job_delay(s, job, at, at);
}

/* Only what the subscription or the calendar itself suffers moves a user: a poll of automatic
 * replies or working hours that fails is no reason to subscribe again. */
static bool may_move(const struct sched *s, struct sched_job *job)
{
    return (job->kind == SCHED_SUBSCRIBE || job->kind == SCHED_READ) &&
           sched_pool_has_other(s, sched_job_user(job)->gateway);
}

static void retry(struct sched *s, struct sched_job *job, bool at_once_elsewhere)
{
    gw_time wait = backoff_ms(job->tries);
    bool move = may_move(s, job);

    if (at_once_elsewhere && move && job->tries < sched_pool_usable(s))
        wait = 0;
    retry_at(s, job, gw_time_after(s->now.mono, wait));
    sched_job_user(job)->choosy |= at_once_elsewhere;
    if (at_once_elsewhere && job->tries >= sched_pool_usable(s))
        sched_astray(s, sched_job_user(job));
    if (move && (at_once_elsewhere || job->tries % TRIES_PER_GATEWAY == 0))
        sched_user_move(s, sched_job_user(job), SCHED_DOUBT_MOVED);
}

/* Nobody expects it to work before somebody has acted. With a change that is not read it is looked
 * sooner, but not so often for ever: thousands may lack the same right. */
static void retry_slowly(struct sched *s, struct sched_job *job)
{
    gw_time wait = sched_minutes(s, SLOW_MIN), sooner = UNREAD_FIRST_MS;

    if (job->kind == SCHED_READ && sched_job_user(job)->unread_told) {
        for (unsigned i = 1; i < job->tries && sooner < wait; i++)
            sooner *= 2;
        wait = sooner < wait ? sooner : wait;
    }
    retry_at(s, job, gw_time_after(s->now.mono, wait));
}

static void narrow(struct sched *s, struct sched_job *job)
{
    struct sched_user *u = sched_job_user(job);

    if (job->kind == SCHED_READ && u->narrow < SCHED_NARROW_MAX) {
        u->narrow++;
        retry_at(s, job, s->now.mono);
        return;
    }
    retry_slowly(s, job);
}

/* The job is idle here, and is not any more afterwards. */
static void act(struct sched *s, struct sched_job *job, enum sched_action action)
{
    struct sched_user *u = sched_job_user(job);
    gw_time now = s->now.mono;

    switch (action) {
    case SCHED_ACTION_DONE: /* not a failure; but it cannot stay without a result */
    case SCHED_ACTION_RETRY:
        retry(s, job, false);
        break;
    case SCHED_ACTION_WAIT: /* behind what waits already: it may be this mailbox alone */
        job->tries = 0;
        job->wanted_by = job->wanted_by > now ? job->wanted_by : now;
        sched_job_queue(s, job);
        break;
    case SCHED_ACTION_MOVE:
        retry(s, job, true);
        break;
    case SCHED_ACTION_RENEW:
        retry(s, job, false);
        if (job->kind == SCHED_READ)
            sched_sub_doubt(s, u, SCHED_DOUBT_ENDED);
        break;
    case SCHED_ACTION_LIMIT:
        retry_at(s, job,
                 gw_time_after(now, sched_minutes(s, 2 * s->settings.status_frequency_min)));
        break;
    case SCHED_ACTION_NARROW:
        narrow(s, job);
        break;
    case SCHED_ACTION_SLOW:
        retry_slowly(s, job);
        break;
    }
}

void sched_job_failed(struct sched *s, struct sched_job *job, const struct ews_status *status)
{
    const struct sched_rule *rule = sched_rule_of(status->class);
    struct sched_user *u = sched_job_user(job);
    enum sched_action action = rule->action;
    bool again = job->again && job->kind == SCHED_READ;

    if (job->tries < UINT8_MAX)
        job->tries++;
    /* Nothing is wrong with the user when its server refuses everybody: it waits, or moves. */
    if (sched_rule_effect(status) == SCHED_EFFECT_REFUSED)
        action = SCHED_ACTION_WAIT;
    if (rule->alarm && job->tries == 1 && action != SCHED_ACTION_WAIT)
        gw_warn("sched", "%s failed user='%.*s' gateway='%.*s' code=%s: %s",
                sched_kind_name(job->kind), GW_STR_ARG(sched_user_name(u)),
                GW_STR_ARG(sched_user_gateway_name(u)), status->code, status->text);
    if (job->kind == SCHED_SUBSCRIBE && status->class == EWS_UNSUPPORTED && u->gateway) {
        sched_way_failed(s, u->gateway, (enum sched_mode)u->sub.pending_mode, status->text);
        action = SCHED_ACTION_WAIT;
    }
    sched_error_set(s, u, job->kind, status);
    if (job->kind == SCHED_READ)
        sched_unread(s, u, false);
    job->again = false;
    act(s, job, action);
    if (job->kind == SCHED_FOLDERS) /* without them the own one can be read all the same */
        sched_folders_failed(s, u);
    if (again) /* told of something while it was on its way */
        sched_job_hasten(s, job, s->now.mono, s->now.mono);
    /* Without a subscription the calendar can be read all the same. */
    if (job->kind == SCHED_SUBSCRIBE && u->job[SCHED_READ].state == SCHED_JOB_IDLE)
        sched_job_want(s, &u->job[SCHED_READ], s->now.mono, s->now.mono);
}
