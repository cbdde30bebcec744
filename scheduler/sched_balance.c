/* Moves by choice: off a gateway that is drained, and from the fullest to the emptiest, so that all
 * have equally many again after one was added or is back. Nothing is wrong with these users: they go
 * a few at a time, when nobody waits who must move, and their subscriptions count until they are
 * replaced. */
#include "sched_priv.h"

enum {
    LOOK_MIN = 1,      /* when all is even */
    PACE_MS = 1000,    /* while users move: a step each */
    DRAIN_STEP = 50,   /* users, of each drained gateway */
    EVEN_STEP = 10,    /* users, in all: slowly */
    SCANNED_MAX = 200, /* in a step, to find those who may */
    /* A difference that is not worth a move: this many users, and a part of the fullest's. */
    EVEN_ENOUGH = 2,
    EVEN_ENOUGH_PART = 50
};

static bool may_move(const struct sched_gateway *g, const struct sched_user *u)
{
    return !u->moving && (g->drained || !u->choosy) &&
           u->job[SCHED_SUBSCRIBE].state != SCHED_JOB_RUNNING;
}

/* Those who were looked at go to the end: others are, the next time. */
static size_t move_from(struct sched *s, struct sched_gateway *g, size_t most)
{
    size_t moved = 0;

    for (size_t n = 0; n < SCANNED_MAX && n < g->user_count && moved < most; n++) {
        struct sched_user *u = GW_CONTAINER(g->users.next, struct sched_user, member);

        gw_list_remove(&u->member);
        gw_list_append(&g->users, &u->member);
        if (!may_move(g, u))
            continue;
        sched_user_move_calmly(s, u);
        moved++;
    }
    return moved;
}

static size_t drain(struct sched *s)
{
    struct gw_list *it, *tmp;
    size_t moved = 0;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    {
        struct sched_gateway *g = GW_CONTAINER(it, struct sched_gateway, link);

        if (g->drained && sched_pool_has_other(s, g))
            moved += move_from(s, g, DRAIN_STEP);
    }
    return moved;
}

/* One that nobody is on would never prove itself. */
static size_t prove(struct sched *s)
{
    struct gw_list *it, *tmp;
    size_t probed = 0;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    {
        struct sched_gateway *g = GW_CONTAINER(it, struct sched_gateway, link);

        if (g->state != SCHED_GATEWAY_NEW || g->drained || !sched_budget_is_open(s, g) ||
            g->in_flight || gw_list_is_empty(&s->users))
            continue;
        sched_call_probe(s, g);
        probed++;
    }
    return probed;
}

/* Who has not proven itself gets nobody, and who is asked to be left in peace neither. */
static bool may_get(const struct sched *s, const struct sched_gateway *g)
{
    return sched_gateway_takes_users(g) && g->state == SCHED_GATEWAY_UP &&
           g->backoff_until <= s->now.mono;
}

static size_t even_out(struct sched *s)
{
    struct sched_gateway *fullest = NULL, *emptiest = NULL;
    struct gw_list *it, *tmp;
    size_t most;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    {
        struct sched_gateway *g = GW_CONTAINER(it, struct sched_gateway, link);

        if (sched_gateway_takes_users(g) && (!fullest || g->user_count > fullest->user_count))
            fullest = g;
        if (may_get(s, g) && (!emptiest || g->user_count < emptiest->user_count))
            emptiest = g;
    }
    if (!fullest || !emptiest ||
        fullest->user_count <=
            emptiest->user_count + EVEN_ENOUGH + fullest->user_count / EVEN_ENOUGH_PART)
        return 0;
    most = (fullest->user_count - emptiest->user_count) / 2;
    return move_from(s, fullest, most < EVEN_STEP ? most : EVEN_STEP);
}

void sched_balance_tick(struct sched *s)
{
    bool busy = s->pool.homeless.len > 0;

    if (s->pool.balance_at > s->now.mono)
        return;
    if (!busy)
        busy = drain(s) + prove(s) + even_out(s) > 0;
    s->pool.balance_at = gw_time_after(s->now.mono, busy ? PACE_MS : sched_minutes(s, LOOK_MIN));
}

gw_time sched_balance_deadline(const struct sched *s)
{
    return s->pool.balance_at;
}

void sched_balance_look(struct sched *s, gw_time at)
{
    s->pool.balance_at = at;
}
