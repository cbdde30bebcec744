/* What an administrator sees. Moments of waiting are shown as calendar time, as of now. */
#include "sched_priv.h"

static gw_utc utc_of(struct gw_now now, gw_time at)
{
    return at == GW_NEVER ? 0 : now.utc + (at - now.mono);
}

/* A change that is told is read so soon that nobody would call the calendar old. */
enum { UNREAD_MS = 5 * GW_SECOND_MS };

enum sched_freshness sched_freshness_of(const struct sched *s, const struct sched_user *u)
{
    const struct sched_data *d = &u->data;
    bool unread = u->unread != GW_NEVER && s->now.mono - u->unread > UNREAD_MS;

    if (d->from >= d->to)
        return SCHED_NEVER_READ;
    if (s->now.utc < d->from || d->to <= s->now.utc)
        return SCHED_WINDOW_OVER;
    if (unread && u->unread_told)
        return SCHED_CHANGE_UNREAD;
    if (!sched_sub_is_good(s, u))
        return SCHED_UNSUBSCRIBED;
    if (unread)
        return SCHED_UNREAD;
    if (!u->gateway || !sched_gateway_is_usable(u->gateway))
        return SCHED_GATEWAY_GONE;
    return d->stale ? SCHED_UNHEARD : SCHED_FRESH;
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
                                    .oof_known = d->oof_known,
                                    .hours = d->hours };
    out->fresh = sched_freshness_of(s, u) == SCHED_FRESH;
}

bool sched_user_calendar(const struct sched *s, struct gw_str user, struct sched_calendar *out)
{
    const struct sched_user *u = sched_user_find(s, user);

    if (u)
        calendar_fill(s, u, out);
    return u != NULL;
}

static gw_time later(gw_time a, gw_time b)
{
    return a > b ? a : b;
}

/* What is waiting or running comes before what is planned. */
static gw_time job_moment(const struct sched *s, const struct sched_user *u,
                          const struct sched_job *job)
{
    gw_time open = u->gateway && !u->moving ? u->gateway->backoff_until : 0;

    switch ((enum sched_job_state)job->state) {
    case SCHED_JOB_IDLE:
        return GW_NEVER;
    case SCHED_JOB_DELAYED:
        return later(job->due.at, open);
    case SCHED_JOB_WAITING:
        return later(s->now.mono, open);
    case SCHED_JOB_RUNNING:
        return s->now.mono;
    }
    return GW_NEVER;
}

/* Whether a request for this user could not go out now. One that is on its way to another gateway, or
 * will soon be, can use any. */
static bool is_stuck(const struct sched *s, const struct sched_user *u)
{
    if (!u->gateway || u->moving)
        return !sched_pool_has_other(s, NULL);
    return !sched_gateway_is_usable(u->gateway) && !sched_pool_has_other(s, u->gateway);
}

static gw_time first_probe(const struct sched *s)
{
    gw_time at = GW_NEVER;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    {
        const struct sched_gateway *g = GW_CONTAINER(it, struct sched_gateway, link);

        if (g->probing)
            return s->now.mono;
        if (g->probe_at < at)
            at = g->probe_at;
    }
    return at;
}

static void next_action_fill(const struct sched *s, const struct sched_user *u, struct gw_now now,
                             struct sched_user_view *out)
{
    gw_time best = u->roll.pos ? sched_mono_of(s, u->roll.at) : GW_NEVER;

    if (best != GW_NEVER)
        out->next_action = "roll calendar window";
    for (int k = 0; k < SCHED_KINDS; k++) {
        gw_time at = job_moment(s, u, &u->job[k]);

        if (at >= best)
            continue;
        best = at;
        out->next_action = sched_kind_name((enum sched_kind)k);
    }
    if (out->next_action && is_stuck(s, u)) {
        best = first_probe(s);
        out->next_action = best == GW_NEVER ? "wait for a gateway" : "wait for the gateway";
    }
    out->next_action_at = utc_of(now, best);
}

static gw_utc stale_since(const struct sched *s, const struct sched_user *u, struct gw_now now)
{
    switch (sched_freshness_of(s, u)) {
    case SCHED_FRESH:
    case SCHED_NEVER_READ:
        return 0;
    case SCHED_WINDOW_OVER:
        return u->data.to <= s->now.utc ? u->data.to : u->data.read_at;
    case SCHED_CHANGE_UNREAD:
    case SCHED_UNSUBSCRIBED:
    case SCHED_UNREAD:
    case SCHED_GATEWAY_GONE:
    case SCHED_UNHEARD:
        return utc_of(now, sched_verified_at(u));
    }
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
                                     .mode = u->sub.state == SCHED_SUB_NONE
                                                 ? sched_mode_of(s, u)
                                                 : (enum sched_mode)u->sub.mode,
                                     .sub_state = (enum sched_sub_state)u->sub.state,
                                     .read_at = u->data.read_at,
                                     .oof_read_at = u->data.oof_read_at,
                                     .hides_oof = s->settings.oof_display == SCHED_OOF_HIDE,
                                     .freshness = sched_freshness_of(s, u),
                                     .stale_since = stale_since(s, u, now),
                                     .error = u->error,
                                     .error_at = u->error_at,
                                     .next_due = u->due.pos ? u->due.at : GW_NEVER };
    calendar_fill(s, u, &out->calendar);
    sched_folders_count(u, &out->further);
    if (u->sub.state != SCHED_SUB_NONE) {
        out->subscribed_at = u->sub.since;
        out->heard_at = utc_of(now, sched_sub_heard(u));
    }
    if (out->mode == SCHED_MODE_PUSH)
        out->status_frequency_min = u->sub.frequency_min;
    next_action_fill(s, u, now, out);
    return true;
}

/* ---- the census: what is known only by looking at everybody ---- */

enum {
    CENSUS_AT_ONCE = 5000, /* so many are looked at when somebody asks: a few ms */
    CENSUS_PARTS = 10      /* of the others one each second; who asks gets the last whole one */
};

static void count_user(const struct sched *s, const struct sched_user *u, struct sched_count *to)
{
    if (u->data.from >= u->data.to)
        return;
    to->stale += sched_freshness_of(s, u) != SCHED_FRESH;
    gw_histogram_add(&to->age_s, (s->now.mono - sched_verified_at(u)) / GW_SECOND_MS);
}

static bool is_counted_at_once(const struct sched *s)
{
    return gw_map_len(s->by_name) <= CENSUS_AT_ONCE || !s->census.is_known;
}

/* ---- gateways ---- */

static void gateway_fill(const struct sched *s, const struct sched_gateway *g, struct gw_now now,
                         struct sched_gateway_view *out)
{
    struct sched_count at_once = { 0 };
    const struct sched_count *count = &g->tally.last;
    struct gw_list *it, *tmp;

    if (is_counted_at_once(s)) {
        GW_LIST_EACH(&g->users, it, tmp)
        count_user(s, GW_CONTAINER(it, struct sched_user, member), &at_once);
        count = &at_once;
    }
    *out = (struct sched_gateway_view){ .name = g->name,
                                        .state = g->state,
                                        .since = g->since,
                                        .drained = g->drained,
                                        .mode = (enum sched_mode)g->way.mode,
                                        .mode_retry = utc_of(now, g->way.retry_at),
                                        .streams = gw_list_len(&g->streams),
                                        .users = g->user_count,
                                        .subscribed = g->subscribed,
                                        .stale = count->stale,
                                        .in_flight = g->in_flight,
                                        .waiting = g->line.len + g->marked.len,
                                        .window = g->window,
                                        .next_probe = utc_of(now, g->probe_at),
                                        .error = g->error,
                                        .requests = g->requests,
                                        .failures = g->failed,
                                        .retries = g->retries,
                                        .push_backs = g->push_backs,
                                        .reads = g->reads,
                                        .notifications = g->notifications,
                                        .request_ms = &g->request_ms,
                                        .due_late_ms = &g->due_late_ms,
                                        .age_s = count->age_s };
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

static void tally_end(struct sched_tally *t)
{
    t->last = t->under_way;
    t->under_way = (struct sched_count){ 0 };
}

void sched_census_tick(struct sched *s)
{
    struct sched_census *c = &s->census;
    size_t part = gw_map_len(s->by_name) / CENSUS_PARTS + 1;
    const struct sched_user *u = NULL;
    struct gw_list *it, *tmp;

    if (c->next_at > s->now.mono)
        return;
    c->next_at = gw_time_after(s->now.mono, SCHED_LOOK_MS);
    while (part-- && (u = gw_map_next(s->by_name, &c->pos))) {
        count_user(s, u, &c->tally.under_way);
        if (u->gateway)
            count_user(s, u, &u->gateway->tally.under_way);
    }
    if (u)
        return;
    tally_end(&c->tally);
    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    tally_end(&GW_CONTAINER(it, struct sched_gateway, link)->tally);
    c->is_known = true;
    c->pos = 0;
}

static void count_users(const struct sched *s, struct sched_counters *out)
{
    struct sched_count now = { 0 };
    const struct sched_count *count = &s->census.tally.last;
    const struct sched_user *u;
    size_t pos = 0;

    if (is_counted_at_once(s)) {
        while ((u = gw_map_next(s->by_name, &pos)))
            count_user(s, u, &now);
        count = &now;
    }
    out->stale = count->stale;
    out->age_s = count->age_s;
}

void sched_counters(const struct sched *s, struct sched_counters *out)
{
    *out = s->counters;
    out->users = gw_map_len(s->by_name);
    out->push = s->subs.live[SCHED_MODE_PUSH];
    out->streaming = s->subs.live[SCHED_MODE_STREAMING];
    out->poll = s->subs.live[SCHED_MODE_POLL];
    out->subscribed = out->push + out->streaming + out->poll;
    out->spread_s = sched_spread_s(s);
    out->farewells = s->farewells.count;
    sched_budget_count(s, out);
    count_users(s, out);
}
