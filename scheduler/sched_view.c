/* What an administrator sees. Moments of waiting are shown as calendar time, as of now. */
#include "sched_priv.h"

static gw_utc utc_of(struct gw_now now, gw_time at)
{
    return at == GW_NEVER ? 0 : now.utc + (at - now.mono);
}

static void calendar_fill(const struct sched *s, const struct sched_user *u,
                          struct sched_calendar *out)
{
    const struct sched_data *d = &u->data;

    *out = (struct sched_calendar){ .intervals = d->intervals,
                                    .count = d->count,
                                    .from = d->from,
                                    .to = d->to,
                                    .oof = d->oof,
                                    .oof_known = d->oof_known };
    out->fresh = d->from < d->to && !d->stale && d->from <= s->now.utc && s->now.utc < d->to;
}

bool sched_user_calendar(const struct sched *s, struct gw_str user, struct sched_calendar *out)
{
    const struct sched_user *u = sched_user_find(s, user);

    if (u)
        calendar_fill(s, u, out);
    return u != NULL;
}

/* What is waiting or running comes before what is planned. */
static gw_time job_moment(const struct sched *s, const struct sched_job *job)
{
    switch ((enum sched_job_state)job->state) {
    case SCHED_JOB_IDLE:
        return GW_NEVER;
    case SCHED_JOB_DELAYED:
        return job->due.at;
    case SCHED_JOB_WAITING:
    case SCHED_JOB_RUNNING:
        return s->now.mono;
    }
    return GW_NEVER;
}

static void next_action_fill(const struct sched *s, const struct sched_user *u, struct gw_now now,
                             struct sched_user_view *out)
{
    gw_time best = u->roll.pos ? sched_mono_of(s, u->roll.at) : GW_NEVER;

    if (best != GW_NEVER)
        out->next_action = "roll calendar window";
    for (int k = 0; k < SCHED_KINDS; k++) {
        gw_time at = job_moment(s, &u->job[k]);

        if (at >= best)
            continue;
        best = at;
        out->next_action = sched_kind_name((enum sched_kind)k);
    }
    out->next_action_at = utc_of(now, best);
}

static gw_utc stale_since(const struct sched *s, const struct sched_user *u, struct gw_now now)
{
    if (u->data.stale)
        return utc_of(now, u->data.verified);
    if (u->data.from < u->data.to && u->data.to <= s->now.utc)
        return u->data.to;
    return 0;
}

bool sched_user_view(const struct sched *s, struct gw_str user, struct gw_now now,
                     struct sched_user_view *out)
{
    const struct sched_user *u = sched_user_find(s, user);

    if (!u)
        return false;
    *out = (struct sched_user_view){ .user = sched_user_name(u),
                                     .mailbox = gw_str_of(u->mailbox),
                                     .gateway = sched_user_gateway_name(u),
                                     .mode = "push",
                                     .sub_state = (enum sched_sub_state)u->sub.state,
                                     .status_frequency_min = u->sub.frequency_min,
                                     .read_at = u->data.read_at,
                                     .oof_read_at = u->data.oof_read_at,
                                     .stale_since = stale_since(s, u, now),
                                     .error = u->error,
                                     .error_at = u->error_at,
                                     .next_due = u->due.pos ? u->due.at : GW_NEVER };
    calendar_fill(s, u, &out->calendar);
    if (u->sub.has_token) {
        out->subscribed_at = u->sub.since;
        out->heard_at = utc_of(now, u->sub.heard);
    }
    next_action_fill(s, u, now, out);
    return true;
}

static void gateway_fill(const struct sched *s, const struct sched_gateway *g, struct gw_now now,
                         struct sched_gateway_view *out)
{
    (void)s;
    *out = (struct sched_gateway_view){ .name = g->name,
                                        .state = g->state,
                                        .since = g->since,
                                        .users = g->user_count,
                                        .in_flight = g->in_flight,
                                        .waiting = g->line.len + g->marked.len,
                                        .window = g->window,
                                        .next_probe = utc_of(now, g->probe_at),
                                        .error = g->error,
                                        .requests = g->requests,
                                        .failures = g->failed,
                                        .push_backs = g->push_backs };
    if (g->backoff_until > now.mono)
        out->backoff_until = utc_of(now, g->backoff_until);
}

bool sched_gateway_view(const struct sched *s, struct gw_str name, struct gw_now now,
                        struct sched_gateway_view *out)
{
    const struct sched_gateway *g = sched_gateway_find(s, name);

    if (g)
        gateway_fill(s, g, now, out);
    return g != NULL;
}

void sched_gateways_each(const struct sched *s, struct gw_now now, sched_gateway_view_fn *each,
                         void *ctx)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    {
        struct sched_gateway_view view;

        gateway_fill(s, GW_CONTAINER(it, struct sched_gateway, link), now, &view);
        each(&view, ctx);
    }
}

void sched_counters(const struct sched *s, struct sched_counters *out)
{
    *out = s->counters;
    out->users = gw_map_len(s->by_name);
    out->subscribed = s->subs.live;
    out->spread_s = sched_spread_s(s);
    sched_budget_count(s, out);
}
