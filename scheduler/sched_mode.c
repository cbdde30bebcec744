/* Which way changes reach us from a gateway: push, or streaming, or polling.
 *
 * It begins with what was set. Whether push works shows a real round trip only: a subscription that
 * stands, and is never heard from, is mute; some of these in a row, and new ones are made for
 * streaming, which needs no way back to us, and if that does not work either calendars are polled.
 * Subscriptions that are heard stay as they are. From time to time one user, the scout, tries a
 * better way; when it is heard all follow, each in its turn. */
#include "sched_priv.h"

#include "gw_log.h"

enum {
    MUTE_MAX = 3,
    SCOUT_MIN = 5,       /* so long the scout may take */
    RETRY_FIRST_MIN = 5, /* doubled each time */
    RETRY_MAX_MIN = 15
};

const char *sched_mode_name(enum sched_mode mode)
{
    switch (mode) {
    case SCHED_MODE_PUSH:
        return "push";
    case SCHED_MODE_STREAMING:
        return "streaming";
    case SCHED_MODE_POLL:
        return "poll";
    }
    return "poll";
}

static enum sched_mode set_mode(const struct sched *s)
{
    if (s->settings.source == SCHED_MODE_STREAMING && !s->exchange.stream)
        return SCHED_MODE_POLL;
    return (enum sched_mode)s->settings.source;
}

static enum sched_mode next_after(const struct sched *s, enum sched_mode mode)
{
    return mode == SCHED_MODE_PUSH && s->exchange.stream ? SCHED_MODE_STREAMING : SCHED_MODE_POLL;
}

/* What is tried: the next better one; from polling each of the others in turn. */
static enum sched_mode better(const struct sched *s, const struct sched_way *w)
{
    enum sched_mode best = set_mode(s);

    if (w->mode == SCHED_MODE_POLL && best == SCHED_MODE_PUSH && s->exchange.stream &&
        w->retries % 2)
        return SCHED_MODE_STREAMING;
    return best;
}

static void retry_later(struct sched *s, struct sched_way *w)
{
    int64_t minutes = RETRY_FIRST_MIN;

    for (unsigned i = 0; i < w->retries && minutes < RETRY_MAX_MIN; i++)
        minutes *= 2;
    if (minutes > RETRY_MAX_MIN)
        minutes = RETRY_MAX_MIN;
    w->retry_at =
        w->mode == set_mode(s) ? GW_NEVER : gw_time_after(s->now.mono, sched_minutes(s, minutes));
    sched_want_tick(s, w->retry_at);
}

void sched_way_init(struct sched *s, struct sched_gateway *g)
{
    g->way = (struct sched_way){ .mode = (unsigned char)set_mode(s), .retry_at = GW_NEVER };
}

enum sched_mode sched_mode_of(const struct sched *s, const struct sched_user *u)
{
    enum sched_mode mode;

    if (!u->gateway)
        return set_mode(s);
    mode = u->gateway->way.scout == u ? better(s, &u->gateway->way)
                                      : (enum sched_mode)u->gateway->way.mode;
    return mode == SCHED_MODE_STREAMING && sched_sub_is_lone(u) ? SCHED_MODE_POLL : mode;
}

bool sched_mode_fits(const struct sched *s, const struct sched_user *u)
{
    enum sched_mode wanted = sched_mode_of(s, u);

    return u->sub.mode == wanted || (u->sub.mode < wanted && u->sub.mode >= set_mode(s));
}

static void way_enter(struct sched_gateway *g, enum sched_mode mode, const char *why)
{
    gw_log(mode > g->way.mode ? GW_LOG_WARN : GW_LOG_INFO, "sched",
           "gateway '%.*s': changes come by %s, no longer by %s: %s", GW_STR_ARG(g->name),
           sched_mode_name(mode), sched_mode_name((enum sched_mode)g->way.mode), why);
    g->way.mode = (unsigned char)mode;
    g->way.mute = 0;
}

/* Everybody whose subscription is not of the kind that is wanted, in turn. */
static void follow(struct sched *s, struct sched_gateway *g)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&g->users, it, tmp)
    sched_sub_follow(s, GW_CONTAINER(it, struct sched_user, member));
}

void sched_way_failed(struct sched *s, struct sched_gateway *g, enum sched_mode mode,
                      const char *why)
{
    struct sched_way *w = &g->way;
    struct sched_user *scout = w->scout;

    if (scout && better(s, w) == mode && w->mode != mode) {
        w->scout = NULL;
        w->retries += w->retries < UINT8_MAX;
        retry_later(s, w);
        sched_sub_follow(s, scout);
        return;
    }
    if (w->mode != mode)
        return;
    s->counters.fallbacks++;
    way_enter(g, next_after(s, mode), why);
    retry_later(s, w);
    if (mode == SCHED_MODE_STREAMING)
        follow(s, g);
}

void sched_way_mute(struct sched *s, struct sched_user *u)
{
    struct sched_gateway *g = u->gateway;

    if (!g)
        return;
    if (g->way.scout == u || ++g->way.mute >= MUTE_MAX || g->way.mute >= g->user_count)
        sched_way_failed(s, g, (enum sched_mode)u->sub.mode,
                         "subscriptions stand, and their notifications do not come");
}

void sched_way_heard(struct sched *s, struct sched_gateway *g, enum sched_mode mode)
{
    struct sched_way *w = &g->way;

    if (mode == SCHED_MODE_PUSH)
        w->proven_at = s->now.mono;
    if (mode == w->mode) {
        w->mute = 0;
        return;
    }
    if (!w->scout || mode > w->mode || mode != w->scout->sub.mode)
        return;
    w->scout = NULL;
    w->retries = 0;
    way_enter(g, mode, "it works again");
    retry_later(s, w);
    follow(s, g);
}

void sched_way_user_left(struct sched *s, struct sched_gateway *g, const struct sched_user *u)
{
    if (g->way.scout != u)
        return;
    g->way.scout = NULL;
    retry_later(s, &g->way);
}

void sched_way_restore(struct sched *s, struct sched_gateway *g, enum sched_mode mode)
{
    if (mode <= g->way.mode)
        return;
    g->way.mode = (unsigned char)mode;
    retry_later(s, &g->way);
}

static bool may_scout(const struct sched_gateway *g, const struct sched_user *u)
{
    return !u->moving && u->sub.state == SCHED_SUB_LIVE && u->sub.mode == g->way.mode &&
           u->job[SCHED_SUBSCRIBE].state == SCHED_JOB_IDLE;
}

static bool has_asked(const struct sched_user *scout)
{
    const struct sched_job *job = &scout->job[SCHED_SUBSCRIBE];

    return job->state == SCHED_JOB_IDLE || job->state == SCHED_JOB_RUNNING || job->tries;
}

/* Its time is from now, or from when it may ask. */
static void scout_set_out(struct sched *s, struct sched_gateway *g)
{
    gw_time from = g->backoff_until > s->now.mono ? g->backoff_until : s->now.mono;

    g->way.retry_at = gw_time_after(from, sched_minutes(s, SCOUT_MIN));
}

void sched_way_gateway_back(struct sched *s, struct sched_gateway *g)
{
    if (g->way.scout)
        scout_set_out(s, g);
}

void sched_way_tick(struct sched *s, struct sched_gateway *g)
{
    struct sched_way *w = &g->way;
    struct gw_list *it, *tmp;

    if (w->retry_at > s->now.mono || !sched_gateway_is_usable(g))
        return;
    if (w->scout && has_asked(w->scout)) {
        sched_way_failed(s, g, better(s, w), "it did not work in time");
        return;
    }
    scout_set_out(s, g);
    if (w->scout)
        return;
    GW_LIST_EACH(&g->users, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, member);

        if (!may_scout(g, u))
            continue;
        w->scout = u;
        sched_sub_follow(s, u);
        return;
    }
    retry_later(s, w);
}

void sched_modes_set(struct sched *s)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    {
        struct sched_gateway *g = GW_CONTAINER(it, struct sched_gateway, link);

        sched_way_init(s, g);
        follow(s, g);
    }
}
