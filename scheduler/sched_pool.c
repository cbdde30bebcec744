/* The pool of gateways: who is on which, and which of them can be asked.
 *
 *     NEW --answer--> UP --failures in a row--> DOWN --probe answered--> UP
 *      |               |                          ^
 *      |               '--refused--> REFUSED -----+--probe accepted--> UP
 *      '---- failure or refusal -----------^
 *
 * A gateway that cannot be asked keeps its users for a short while, since most outages are short;
 * then they move to the others, if there are any, as fast as these have room. It is probed on and
 * on; those who have not moved when it is back stay.
 *
 * A server that was started anew has forgotten its subscriptions, and nobody says so. Therefore,
 * when one is back that was away, or that refused a connection, those that it has not spoken for
 * since are made again. The old ones, if there are any, are told to end when they speak. */
#include "sched_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"

enum {
    FAILURES_UP = 3, /* in a row; one slow answer is no outage */
    FAILURES_NEW = 1,
    PROBE_FIRST_MS = 1000,
    PROBE_MAX_MS = 60 * GW_SECOND_MS,
    /* A refused account is not tried often: it could be locked out. */
    REFUSED_FIRST_MIN = 1,
    REFUSED_MIN = 15,
    PATIENCE_MS = 10 * GW_SECOND_MS, /* before its users move */
    VALIDATE_SLOT = 50,              /* users of a returned gateway that are read together */
    VALIDATE_SLOT_MS = 250,
    /* One that refuses a connection now and then is not made to renew all the time. */
    RENEW_MIN = 5,
    STEADY_MIN = 1 /* one that is back stays so long before it is given users of the others */
};

const char *sched_gateway_state_name(enum sched_gateway_state state)
{
    switch (state) {
    case SCHED_GATEWAY_NEW:
        return "new";
    case SCHED_GATEWAY_UP:
        return "up";
    case SCHED_GATEWAY_DOWN:
        return "down";
    case SCHED_GATEWAY_REFUSED:
        return "refused";
    }
    return "unknown";
}

struct sched_gateway *sched_gateway_find(const struct sched *s, struct gw_str name)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    {
        struct sched_gateway *g = GW_CONTAINER(it, struct sched_gateway, link);

        if (gw_str_eq(g->name, name))
            return g;
    }
    return NULL;
}

size_t sched_pool_usable(const struct sched *s)
{
    struct gw_list *it, *tmp;
    size_t n = 0;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    n += sched_gateway_is_usable(GW_CONTAINER(it, struct sched_gateway, link));
    return n;
}

bool sched_pool_has_other(const struct sched *s, const struct sched_gateway *g)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    {
        struct sched_gateway *other = GW_CONTAINER(it, struct sched_gateway, link);

        if (other != g && sched_gateway_takes_users(other))
            return true;
    }
    return false;
}

/* ---- who is on which ---- */

void sched_user_assign(struct sched *s, struct sched_user *u, struct sched_gateway *g)
{
    if (u->gateway && u->gateway != g)
        sched_sub_left_behind(s, u);
    if (u->gateway) {
        u->gateway->user_count--;
        sched_way_user_left(s, u->gateway, u);
    }
    gw_list_remove(&u->member);
    u->gateway = g;
    if (!g)
        return;
    g->user_count++;
    gw_list_append(&g->users, &u->member);
}

static struct sched_gateway *after(struct sched *s, struct sched_gateway *g)
{
    struct gw_list *next = g ? g->link.next : s->pool.gateways.next;

    if (next == &s->pool.gateways)
        next = next->next;
    return next == &s->pool.gateways ? NULL : GW_CONTAINER(next, struct sched_gateway, link);
}

struct sched_gateway *sched_pool_heir(struct sched *s, struct sched_gateway *g)
{
    struct sched_gateway *first = after(s, g), *other = first;

    if (!first || first == g)
        return NULL;
    do {
        if (other != g && sched_gateway_is_usable(other))
            return other;
        other = after(s, other);
    } while (other != first);
    return first;
}

static struct sched_gateway *with_fewest_users(struct sched *s, const struct sched_gateway *but,
                                               sched_fits_fn *fits)
{
    struct sched_gateway *best = NULL;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    {
        struct sched_gateway *g = GW_CONTAINER(it, struct sched_gateway, link);

        if (g != but && sched_gateway_takes_users(g) && fits(s, g) &&
            (!best || g->user_count < best->user_count))
            best = g;
    }
    return best;
}

/* The users of a dead gateway go to the others in turn. One that has its own reasons goes to the
 * next after its own, and so comes to each. One that is alone may stay, drained or not. */
struct sched_gateway *sched_pool_next(struct sched *s, const struct sched_user *u,
                                      sched_fits_fn *fits)
{
    bool own = u->moving && u->gateway && sched_gateway_is_usable(u->gateway);
    bool other = own && sched_pool_has_other(s, u->gateway);
    struct sched_gateway *g = after(s, own ? u->gateway : s->pool.turn), *first = g;

    if (!g)
        return NULL;
    if (own && !other)
        return fits(s, u->gateway) ? u->gateway : NULL;
    if (u->moving == SCHED_MOVES_CALMLY)
        return with_fewest_users(s, u->gateway, fits);
    do {
        if (sched_gateway_takes_users(g) && fits(s, g) && !(other && g == u->gateway)) {
            if (!own)
                s->pool.turn = g;
            return g;
        }
        g = after(s, g);
    } while (g != first);
    return NULL;
}

/* Waiting jobs to where they belong now. */
static void requeue(struct sched *s, struct sched_user *u)
{
    for (int k = 0; k < SCHED_KINDS; k++) {
        if (u->job[k].state == SCHED_JOB_WAITING)
            sched_job_queue(s, &u->job[k]);
    }
}

void sched_user_move(struct sched *s, struct sched_user *u, enum sched_doubt why)
{
    u->moving = SCHED_MOVES;
    sched_sub_doubt(s, u, why);
    requeue(s, u);
}

void sched_user_move_calmly(struct sched *s, struct sched_user *u)
{
    u->moving = SCHED_MOVES_CALMLY;
    sched_sub_doubt(s, u, SCHED_DOUBT_CALM);
    requeue(s, u);
}

bool sched_user_settle(struct sched *s, struct sched_user *u)
{
    if (!u->gateway || !sched_gateway_is_usable(u->gateway))
        return false;
    u->moving = SCHED_STAYS;
    requeue(s, u);
    return true;
}

static void stay(struct sched *s, struct sched_user *u)
{
    (void)sched_user_settle(s, u);
    sched_sub_gateway_back(s, u);
}

/* ---- health ---- */

static void error_set(struct sched_gateway *g, const struct ews_status *status)
{
    char text[sizeof(status->code) + sizeof(status->text) + 8];

    free(g->error);
    g->error = NULL;
    if (!status)
        return;
    snprintf(text, sizeof(text), "%s: %s", status->code, status->text);
    g->error = gw_str_dup(gw_str_of(text));
}

static gw_time patience_ms(const struct sched *s)
{
    gw_time half = sched_minutes(s, s->settings.status_frequency_min) / 2;

    return half < PATIENCE_MS ? half : PATIENCE_MS;
}

static gw_time probe_wait_ms(const struct sched *s, const struct sched_gateway *g)
{
    gw_time ms = PROBE_FIRST_MS;

    if (g->state == SCHED_GATEWAY_REFUSED)
        return sched_minutes(s, g->probes ? REFUSED_MIN : REFUSED_FIRST_MIN);
    for (unsigned i = 0; i < g->probes && ms < PROBE_MAX_MS; i++)
        ms *= 2;
    return ms < PROBE_MAX_MS ? ms : PROBE_MAX_MS;
}

static void probe_later(struct sched *s, struct sched_gateway *g)
{
    g->probe_at = gw_time_after(s->now.mono, probe_wait_ms(s, g));
    if (g->backoff_until > g->probe_at)
        g->probe_at = g->backoff_until;
    sched_want_tick(s, g->probe_at);
}

static void gateway_enter(struct sched *s, struct sched_gateway *g, enum sched_gateway_state to)
{
    bool was_usable = sched_gateway_is_usable(g);

    if (g->state == to)
        return;
    gw_log(was_usable && to >= SCHED_GATEWAY_DOWN ? GW_LOG_WARN : GW_LOG_INFO, "sched",
           "gateway '%.*s': %s -> %s users=%zu%s%s", GW_STR_ARG(g->name),
           sched_gateway_state_name(g->state), sched_gateway_state_name(to), g->user_count,
           g->error ? " " : "", g->error ? g->error : "");
    g->state = to;
    g->since = s->now.utc;
    g->probes = 0;
    g->probe_at = GW_NEVER;
    if (sched_gateway_is_usable(g)) {
        g->evacuate_at = GW_NEVER;
        sched_balance_look(s, gw_time_after(s->now.mono, sched_minutes(s, STEADY_MIN)));
        sched_streams_hasten(s, g);
        sched_way_gateway_back(s, g);
    } else {
        probe_later(s, g);
        if (was_usable) {
            g->failed_at = s->now.mono;
            g->evacuate_at = gw_time_after(s->now.mono, patience_ms(s));
        }
    }
    sched_want_tick(s, s->now.mono);
}

/* What failed before may work now. */
static void hasten_users(struct sched *s, struct sched_gateway *g)
{
    struct gw_list *it, *tmp;
    size_t n = 0;

    GW_LIST_EACH(&g->users, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, member);
        gw_time turn = gw_time_after(s->now.mono, (gw_time)(n / VALIDATE_SLOT) * VALIDATE_SLOT_MS);

        for (int k = 0; k < SCHED_KINDS; k++) {
            struct sched_job *job = &u->job[k];

            if (job->state != SCHED_JOB_DELAYED || !job->tries)
                continue;
            sched_job_hasten(s, job, turn, sched_wanted_calmly(s, u));
            n++;
        }
    }
}

/* Whatever Exchange said meanwhile may not have reached us. */
static void validate_users(struct sched *s, struct sched_gateway *g)
{
    struct gw_list *it, *tmp;
    size_t n = 0;

    GW_LIST_EACH(&g->users, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, member);
        gw_time at = gw_time_after(s->now.mono, (gw_time)(++n / VALIDATE_SLOT) * VALIDATE_SLOT_MS);

        if (u->data.to <= u->data.from)
            continue;
        sched_unread(s, u, false);
        sched_job_want(s, &u->job[SCHED_READ], at, sched_wanted_calmly(s, u));
    }
}

static void renew_users(struct sched *s, struct sched_gateway *g)
{
    struct gw_list *it, *tmp;
    size_t n = 0;

    if (!g->lost_at)
        return;
    GW_LIST_EACH(&g->users, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, member);
        gw_time turn = gw_time_after(s->now.mono, (gw_time)(n / VALIDATE_SLOT) * VALIDATE_SLOT_MS);

        n += sched_sub_gateway_lost(s, u, g->lost_at, turn);
    }
    g->lost_at = 0;
    g->renewed_at = s->now.mono;
    if (n)
        gw_info("sched", "gateway '%.*s': it may have been restarted, renewing subscriptions=%zu",
                GW_STR_ARG(g->name), n);
}

static void back_up(struct sched *s, struct sched_gateway *g)
{
    bool long_out = s->now.mono - g->failed_at > patience_ms(s);
    struct gw_list *it, *tmp;

    sched_budget_init(g);
    error_set(g, NULL);
    gateway_enter(s, g, SCHED_GATEWAY_UP);
    GW_LIST_EACH(&g->users, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, member);

        if (u->moving)
            stay(s, u);
    }
    hasten_users(s, g);
    renew_users(s, g);
    if (long_out)
        validate_users(s, g);
}

static void gateway_is_fine(struct sched *s, struct sched_gateway *g)
{
    g->failures = 0;
    switch (g->state) {
    case SCHED_GATEWAY_NEW:
        error_set(g, NULL);
        gateway_enter(s, g, SCHED_GATEWAY_UP);
        renew_users(s, g);
        break;
    case SCHED_GATEWAY_UP:
        if (!g->renewed_at || s->now.mono - g->renewed_at >= sched_minutes(s, RENEW_MIN))
            renew_users(s, g);
        break;
    case SCHED_GATEWAY_DOWN:
    case SCHED_GATEWAY_REFUSED:
        back_up(s, g);
        break;
    }
}

/* Answers that are late can be the fault of one mailbox, as long as a probe is answered. */
static bool may_be_restart(const struct sched_gateway *g, const struct ews_status *status,
                           bool was_down)
{
    if (status->class != EWS_SERVER_DOWN)
        return false;
    if (strcmp(status->code, "unreachable") == 0)
        return true;
    if (strcmp(status->code, "timeout") == 0)
        return was_down && g->probing;
    return g->state == SCHED_GATEWAY_DOWN;
}

static void gateway_failed(struct sched *s, struct sched_gateway *g,
                           const struct ews_status *status)
{
    bool was_down = g->state == SCHED_GATEWAY_DOWN;

    g->failures++;
    error_set(g, status);
    if (g->failures >= (g->state == SCHED_GATEWAY_NEW ? FAILURES_NEW : FAILURES_UP) &&
        sched_gateway_is_usable(g))
        gateway_enter(s, g, SCHED_GATEWAY_DOWN);
    if (may_be_restart(g, status, was_down))
        g->lost_at = s->now.mono;
}

static void gateway_refused(struct sched *s, struct sched_gateway *g,
                            const struct ews_status *status)
{
    error_set(g, status);
    gateway_enter(s, g, SCHED_GATEWAY_REFUSED);
}

void sched_gateway_answered(struct sched *s, struct sched_gateway *g,
                            const struct ews_status *status)
{
    switch (sched_rule_effect(status)) {
    case SCHED_EFFECT_ALIVE:
    case SCHED_EFFECT_THROTTLED:
    case SCHED_EFFECT_CROWDED:
        gateway_is_fine(s, g);
        break;
    case SCHED_EFFECT_FAILURE:
        gateway_failed(s, g, status);
        break;
    case SCHED_EFFECT_REFUSED:
        gateway_refused(s, g, status);
        break;
    }
    if (!sched_gateway_is_usable(g) && g->probing) {
        g->probes++;
        probe_later(s, g);
    }
}

/* ---- the tick ---- */

static void evacuate(struct sched *s, struct sched_gateway *g)
{
    struct gw_list *it, *tmp;

    gw_info("sched", "gateway '%.*s': moving users=%zu to the others", GW_STR_ARG(g->name),
            g->user_count);
    GW_LIST_EACH(&g->users, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, member);

        if (u->moving != SCHED_MOVES)
            sched_user_move(s, u, SCHED_DOUBT_GATEWAY);
    }
    sched_farewells_pass_on(s, g, sched_pool_heir(s, g));
}

/* Who ends a request makes room, and wakes us. */
static bool may_probe(const struct sched *s)
{
    return !gw_list_is_empty(&s->users) &&
           s->budget.in_flight < (size_t)s->settings.exchange_threads;
}

void sched_pool_suspect(struct sched *s, struct sched_gateway *g)
{
    if (!g->probing && !gw_list_is_empty(&s->users) && sched_budget_is_open(s, g))
        sched_call_probe(s, g);
}

static void gateway_tick(struct sched *s, struct sched_gateway *g)
{
    sched_way_tick(s, g);
    if (g->evacuate_at <= s->now.mono && sched_pool_has_other(s, g)) {
        g->evacuate_at = GW_NEVER;
        evacuate(s, g);
    }
    if (g->probe_at <= s->now.mono && may_probe(s)) {
        g->probe_at = GW_NEVER;
        sched_call_probe(s, g);
    }
}

void sched_pool_tick(struct sched *s)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    gateway_tick(s, GW_CONTAINER(it, struct sched_gateway, link));
}

gw_time sched_pool_deadline(const struct sched *s)
{
    struct gw_list *it, *tmp;
    gw_time at = GW_NEVER;

    GW_LIST_EACH(&s->pool.gateways, it, tmp)
    {
        const struct sched_gateway *g = GW_CONTAINER(it, struct sched_gateway, link);

        if (g->probe_at < at && may_probe(s))
            at = g->probe_at;
        if (g->evacuate_at < at && sched_pool_has_other(s, g))
            at = g->evacuate_at;
        if (g->way.retry_at < at && sched_gateway_is_usable(g))
            at = g->way.retry_at;
    }
    return at;
}

/* ---- coming and going ---- */

static void gateway_new(struct sched *s, struct gw_str name)
{
    struct sched_gateway *g = gw_alloc(sizeof(*g) + name.len + 1);

    if (name.len)
        memcpy(g->name_text, name.p, name.len);
    g->name = (struct gw_str){ g->name_text, name.len };
    gw_list_init(&g->users);
    gw_list_init(&g->calls);
    gw_list_init(&g->streams);
    sched_farewells_init(&g->farewells);
    sched_way_init(s, g);
    gw_list_append(&s->pool.gateways, &g->link);
    sched_balance_look(s, gw_time_after(s->now.mono, sched_minutes(s, STEADY_MIN)));
    g->since = s->now.utc;
    g->probe_at = g->evacuate_at = GW_NEVER;
    sched_budget_init(g);
    sched_farewells_pass_on(s, NULL, g);
}

void sched_gateway_put(struct sched *s, struct gw_str name, struct gw_now now)
{
    struct sched_gateway *g = sched_gateway_find(s, name);
    struct gw_list *it, *tmp;

    s->now = now;
    sched_want_tick(s, now.mono);
    if (!g) {
        gateway_new(s, name);
        return;
    }
    sched_calls_cancel(s, g);
    error_set(g, NULL);
    g->failures = 0;
    g->no_tips = false;
    if (g->way.retry_at != GW_NEVER)
        g->way.retry_at = now.mono;
    sched_streams_reopen(s, g);
    sched_budget_init(g);
    gateway_enter(s, g, SCHED_GATEWAY_NEW);
    GW_LIST_EACH(&g->users, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, member);

        if (u->moving)
            stay(s, u);
    }
    hasten_users(s, g);
}

void sched_gateway_replaced(struct sched *s, struct gw_str name, struct gw_now now)
{
    struct sched_gateway *g = sched_gateway_find(s, name);

    s->now = now;
    if (g)
        sched_budget_unquiet(s, g);
}

void sched_gateway_drain(struct sched *s, struct gw_str name, bool drained, struct gw_now now)
{
    struct sched_gateway *g = sched_gateway_find(s, name);

    s->now = now;
    if (!g || g->drained == drained)
        return;
    g->drained = drained;
    gw_info("sched", "gateway '%.*s': %s users=%zu", GW_STR_ARG(g->name),
            drained ? "is drained" : "takes users again", g->user_count);
    sched_balance_look(s, now.mono);
    sched_want_tick(s, now.mono);
}

static void gateway_free(struct sched_gateway *g)
{
    sched_queue_done(&g->line);
    sched_queue_done(&g->marked);
    free(g->error);
    free(g);
}

void sched_gateway_remove(struct sched *s, struct gw_str name, struct gw_now now)
{
    struct sched_gateway *g = sched_gateway_find(s, name);

    s->now = now;
    if (!g)
        return;
    sched_calls_cancel(s, g);
    g->state = SCHED_GATEWAY_DOWN; /* nobody comes here any more */
    while (!gw_list_is_empty(&g->users)) {
        struct sched_user *u = GW_CONTAINER(g->users.next, struct sched_user, member);

        sched_user_assign(s, u, NULL);
        sched_user_move(s, u, SCHED_DOUBT_GATEWAY);
    }
    sched_streams_gone(g);
    sched_farewells_pass_on(s, g, sched_pool_heir(s, g));
    if (s->pool.turn == g)
        s->pool.turn = g->link.prev == &s->pool.gateways
                           ? NULL
                           : GW_CONTAINER(g->link.prev, struct sched_gateway, link);
    sched_budget_unquiet(s, g);
    gw_list_remove(&g->link);
    gateway_free(g);
    sched_want_tick(s, now.mono);
}

void sched_pool_done(struct sched *s)
{
    while (!gw_list_is_empty(&s->pool.gateways)) {
        struct sched_gateway *g = GW_CONTAINER(s->pool.gateways.next, struct sched_gateway, link);

        gw_list_remove(&g->link);
        gateway_free(g);
    }
    sched_queue_done(&s->pool.homeless);
}
