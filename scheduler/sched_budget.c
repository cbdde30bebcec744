/* How much at once: in all never more than the Exchange Threads; per gateway a window that begins
 * with one request - until it is known that the gateway takes our account - grows while answers are
 * quick, and is halved when the server pushes back. What waits stands in the gateway's line, which
 * the Exchange Queue bounds; beyond it marks are remembered, and users without a gateway are given
 * one when there is room in its line: so they spread as fast as the gateways can take them. */
#include "sched_priv.h"

enum {
    WINDOW_FIRST = 1,
    WINDOW_FAST = 8, /* up to here it grows with each quick answer */
    THROTTLE_FIRST_MS = 10 * GW_SECOND_MS,
    THROTTLE_MAX_MS = 5 * GW_MINUTE_MS,
    CROWDED_FIRST_MS = 500,
    CROWDED_MAX_MS = 30 * GW_SECOND_MS,
    SAVE_STEP_MS = GW_SECOND_MS
};

void sched_budget_init(struct sched_gateway *g)
{
    g->window = WINDOW_FIRST;
    g->credit = 0;
    g->push_backs_in_row = 0;
}

void sched_budget_started(struct sched *s, struct sched_gateway *g)
{
    s->budget.in_flight++;
    g->in_flight++;
    g->requests++;
    s->counters.requests++;
}

void sched_budget_ended(struct sched *s, struct sched_gateway *g)
{
    s->budget.in_flight--;
    g->in_flight--;
    sched_want_tick(s, s->now.mono);
}

static bool is_throttled(const struct sched *s, const struct sched_gateway *g)
{
    return g->backoff_until > s->now.mono;
}

bool sched_budget_is_open(const struct sched *s, const struct sched_gateway *g)
{
    return sched_gateway_is_usable(g) && !is_throttled(s, g) && g->in_flight < g->window &&
           s->budget.in_flight < (size_t)s->settings.exchange_threads;
}

void sched_budget_quick(struct sched *s, struct sched_gateway *g, gw_time started)
{
    size_t max = (size_t)s->settings.exchange_threads;
    gw_time quick_ms = s->settings.exchange_timeout_s * GW_SECOND_MS / 4;

    g->push_backs_in_row = 0;
    if (s->now.mono - started > quick_ms || g->in_flight + 1 < g->window)
        return; /* slow, or the window is not what holds us back */
    if (g->window < WINDOW_FAST || ++g->credit >= g->window) {
        g->window++;
        g->credit = 0;
    }
    if (g->window > max)
        g->window = max;
}

static gw_time doubled(gw_time first, gw_time max, unsigned times)
{
    while (times-- && first < max)
        first *= 2;
    return first < max ? first : max;
}

static void save(const struct sched *s, const struct sched_gateway *g)
{
    struct gw_buf text;

    if (!s->callbacks.save)
        return;
    gw_buf_init(&text, SCHED_RECORD_MAX);
    sched_back_off_record_write(&g->saved, &text);
    s->callbacks.save(SCHED_RECORD_BACK_OFF, g->name, (struct gw_str){ 0 },
                      g->saved.until ? gw_buf_str(&text) : (struct gw_str){ 0 }, s->callbacks.ctx);
    gw_buf_done(&text);
}

static void quiet_until(struct sched_gateway *g, gw_time until)
{
    if (until > g->backoff_until)
        g->backoff_until = until;
    if (until > g->probe_at)
        g->probe_at = until;
}

/* It outlives us, in steps: many answers at once tell nearly the same. */
void sched_budget_quiet(struct sched *s, struct sched_gateway *g, int64_t backoff_ms)
{
    gw_utc until;

    quiet_until(g, gw_time_after(s->now.mono, backoff_ms));
    until = s->now.utc + (g->backoff_until - s->now.mono);
    if (until <= g->saved.until && s->now.utc >= g->saved.told)
        return;
    g->saved = (struct sched_back_off_record){ s->now.utc, until + SAVE_STEP_MS, s->now.mono };
    save(s, g);
}

void sched_budget_unquiet(struct sched *s, struct sched_gateway *g)
{
    g->backoff_until = 0;
    if (!g->saved.until)
        return;
    g->saved = (struct sched_back_off_record){ 0 };
    save(s, g);
}

/* What is left of it by one clock: as much as there was when the clock was set back since, or began anew. */
static int64_t left_by(int64_t told, int64_t now, int64_t length_ms)
{
    return now > told ? told + length_ms - now : length_ms;
}

/* The clock on the wall may have been set meanwhile; the other one begins anew with the machine, and what it
 * shows then says nothing. The longer of the two is too long at the most, and never more than was told. */
bool sched_budget_restore(struct sched *s, struct sched_gateway *g,
                          const struct sched_back_off_record *r)
{
    int64_t length_ms = r->until - r->told, left = left_by(r->told, s->now.utc, length_ms);

    if (r->told_mono && s->now.mono >= r->told_mono) {
        int64_t awake = left_by(r->told_mono, s->now.mono, length_ms);

        left = awake > left ? awake : left;
    }
    if (left <= 0)
        return false;
    g->saved = *r;
    quiet_until(g, gw_time_after(s->now.mono, left));
    return true;
}

void sched_budget_push_back(struct sched *s, struct sched_gateway *g, gw_time started,
                            int64_t backoff_ms, bool throttled)
{
    bool counts = started >= g->halved_at; /* the others were on their way before we knew */

    g->push_backs++;
    s->counters.push_backs++;
    if (counts) {
        g->window = g->window > 1 ? g->window / 2 : 1;
        g->credit = 0;
        g->halved_at = s->now.mono + 1;
    }
    if (backoff_ms <= 0 && !counts)
        return;
    if (backoff_ms <= 0)
        backoff_ms = throttled ? doubled(THROTTLE_FIRST_MS, THROTTLE_MAX_MS, g->push_backs_in_row)
                               : doubled(CROWDED_FIRST_MS, CROWDED_MAX_MS, g->push_backs_in_row);
    if (counts)
        g->push_backs_in_row++;
    sched_budget_quiet(s, g, backoff_ms);
}

/* ---- lining up ---- */

/* An equal share of the Exchange Queue, so that a slow gateway does not fill it; at least one. */
static size_t line_max(const struct sched *s)
{
    size_t usable = sched_pool_usable(s), queue = (size_t)s->settings.exchange_queue;

    if (usable < 2)
        return queue;
    return queue > usable ? queue / usable : 1;
}

static bool has_room(const struct sched *s, const struct sched_gateway *g)
{
    return !is_throttled(s, g) && g->line.len < line_max(s);
}

static void line_up_marked(struct sched *s, struct sched_gateway *g)
{
    size_t max = line_max(s);
    struct sched_job *job;

    while (g->line.len < max && (job = sched_queue_first(&g->marked))) {
        sched_queue_remove(job);
        sched_queue_add(&g->line, job);
    }
}

/* One that was homeless gets a gateway, and its other jobs find it there. */
static bool settle_one(struct sched *s)
{
    struct sched_job *job = sched_queue_first(&s->pool.homeless);
    struct sched_user *u;
    struct sched_gateway *g;

    if (!job)
        return false;
    u = sched_job_user(job);
    g = sched_pool_next(s, u, has_room);
    if (!g)
        return false;
    s->counters.moved += u->gateway && u->gateway != g;
    sched_user_assign(s, u, g);
    (void)sched_user_settle(s, u);
    line_up_marked(s, g);
    return true;
}

void sched_budget_line_up(struct sched *s)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    line_up_marked(s, GW_CONTAINER(it, struct sched_gateway, link));
    while (settle_one(s))
        ;
}

/* ---- running ---- */

/* How many one request could ask for. */
static size_t ready(const struct sched_gateway *g, unsigned lane)
{
    return g->line.lane[lane].len + g->marked.lane[lane].len;
}

/* What was told of is read by itself, which shows more, as long as there is little of it. */
static size_t bulk_min(struct sched_job *job)
{
    return sched_job_user(job)->unread_told ? SCHED_BULK_MIN : SCHED_BULK_CALM_MIN;
}

static bool run_one(struct sched *s, struct sched_gateway *g)
{
    struct sched_job *job;

    if (!sched_budget_is_open(s, g))
        return false;
    if (sched_farewell_may_begin(g)) {
        sched_call_farewell(s, g);
        return true;
    }
    if (!(job = sched_queue_first(&g->line)))
        return false;
    if (!sched_folders_may_begin(s, job))
        return true;
    if (job->kind == SCHED_SUBSCRIBE && !sched_sub_may_begin(s, sched_job_user(job)))
        return true;
    if (job->lane == SCHED_READ && ready(g, SCHED_READ) > bulk_min(job))
        sched_call_bulk(s, g, SCHED_READ);
    else if (job->lane == SCHED_HOURS && ready(g, SCHED_HOURS) > 1)
        sched_call_bulk(s, g, SCHED_HOURS);
    else if (job->lane == SCHED_LANE_TIPS && ready(g, SCHED_LANE_TIPS) > SCHED_BULK_CALM_MIN)
        sched_call_tips(s, g);
    else
        sched_call_job(s, g, job);
    return true;
}

/* In turn, so that no gateway takes all of the common budget. */
void sched_budget_run(struct sched *s)
{
    int begun = 0;
    bool some = true;

    while (some && begun < SCHED_SLICE) {
        struct gw_list *it, *tmp;

        some = false;
        GW_LIST_EACH(&s->pool.gateways, it, tmp)
        {
            if (run_one(s, GW_CONTAINER(it, struct sched_gateway, link))) {
                some = true;
                begun++;
            }
        }
        sched_budget_line_up(s);
    }
    if (begun >= SCHED_SLICE)
        s->restless = true;
}

gw_time sched_budget_deadline(const struct sched *s)
{
    struct gw_due *first = gw_heap_first(&s->budget.delays);
    gw_time at = first ? first->at : GW_NEVER;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    {
        const struct sched_gateway *g = GW_CONTAINER(it, struct sched_gateway, link);
        bool waits =
            g->line.len || g->marked.len || g->farewells.ready_count || s->pool.homeless.len;

        if (waits && is_throttled(s, g) && g->backoff_until < at)
            at = g->backoff_until;
    }
    return at;
}

void sched_budget_count(const struct sched *s, struct sched_counters *out)
{
    struct gw_list *it, *tmp;

    out->in_flight = s->budget.in_flight;
    out->remembered = s->pool.homeless.len;
    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    {
        const struct sched_gateway *g = GW_CONTAINER(it, struct sched_gateway, link);

        out->lined_up += g->line.len;
        out->remembered += g->marked.len;
    }
}
