#include "mock_throttle.h"

#include <assert.h>
#include <stdlib.h>

#include "gw_map.h"
#include "gw_mem.h"

struct budget {
    char *key;
    struct mock_throttle *throttle;
    double balance; /* ms of the server's time */
    gw_time at;     /* when that was */
    unsigned open;  /* charges */
    bool blocked;   /* until the balance is 0 */
    struct mock_quiet quiet;
};

struct mock_charge {
    struct budget *budget;
    gw_time since;
    bool for_nothing;
};

struct mock_throttle {
    struct mock_throttle_policy policy;
    struct gw_map *budgets;
    struct mock_throttle_totals totals;
};

struct mock_throttle *mock_throttle_new(void)
{
    struct mock_throttle *t = gw_new(struct mock_throttle);

    t->budgets = gw_map_new();
    t->policy.minute_ms = GW_MINUTE_MS;
    return t;
}

static void budget_free(struct budget *b)
{
    (void)gw_map_remove(b->throttle->budgets, gw_str_of(b->key));
    free(b->key);
    free(b);
}

/* Those that are in use stay, and are filled. */
void mock_throttle_reset(struct mock_throttle *t)
{
    struct budget *b;
    size_t pos = 0;

    while ((b = gw_map_next(t->budgets, &pos))) {
        b->balance = (double)t->policy.burst_ms;
        b->blocked = false;
        b->quiet = (struct mock_quiet){ 0, 0 };
        if (!b->open)
            budget_free(b);
    }
    mock_throttle_totals_clear(t);
}

void mock_throttle_free(struct mock_throttle **tp)
{
    struct mock_throttle *t = *tp;

    if (!t)
        return;
    *tp = NULL;
    mock_throttle_reset(t);
    assert(!gw_map_len(t->budgets));
    gw_map_free(&t->budgets);
    free(t);
}

void mock_throttle_set(struct mock_throttle *t, const struct mock_throttle_policy *policy)
{
    t->policy = *policy;
    mock_throttle_reset(t);
}

const struct mock_throttle_policy *mock_throttle_policy(const struct mock_throttle *t)
{
    return &t->policy;
}

const struct mock_throttle_totals *mock_throttle_totals(const struct mock_throttle *t)
{
    return &t->totals;
}

void mock_throttle_totals_clear(struct mock_throttle *t)
{
    t->totals = (struct mock_throttle_totals){ 0 };
}

void mock_throttle_hasty(struct mock_throttle *t)
{
    t->totals.hasty++;
}

void mock_quiet_set(struct mock_quiet *quiet, int64_t ms, struct gw_now now)
{
    gw_time until = gw_time_after(now.mono, ms);

    if (now.mono >= quiet->until)
        quiet->from = now.mono;
    if (until > quiet->until)
        quiet->until = until;
}

bool mock_quiet_is_broken(const struct mock_quiet *quiet, struct gw_now now)
{
    return now.mono < quiet->until && now.mono > quiet->from + MOCK_THROTTLE_GRACE_MS;
}

/* --- budgets --- */

static struct budget *budget_get(struct mock_throttle *t, struct gw_str key, gw_time now)
{
    struct budget *b = gw_map_get(t->budgets, key);

    if (b)
        return b;
    if (gw_map_len(t->budgets) >= MOCK_BUDGETS_MAX)
        return NULL;
    b = gw_new(struct budget);
    b->key = gw_str_dup(key);
    b->throttle = t;
    b->balance = (double)t->policy.burst_ms;
    b->at = now;
    (void)gw_map_set(t->budgets, gw_str_of(b->key), b);
    return b;
}

static int64_t hour_ms(const struct mock_throttle_policy *policy)
{
    return 60 * policy->minute_ms;
}

static void budget_recharge(struct budget *b, gw_time now)
{
    const struct mock_throttle_policy *policy = &b->throttle->policy;

    b->balance += (double)(now - b->at) * (double)policy->recharge_ms / (double)hour_ms(policy);
    b->at = now;
    if (b->balance > (double)policy->burst_ms)
        b->balance = (double)policy->burst_ms;
    if (b->balance >= 0)
        b->blocked = false;
}

/* How long until the balance is 0. */
static int64_t budget_wait(const struct budget *b)
{
    const struct mock_throttle_policy *policy = &b->throttle->policy;

    return (int64_t)(-b->balance * (double)hour_ms(policy) / (double)policy->recharge_ms) + 1;
}

static struct mock_charge *charge_new(struct budget *b, gw_time now)
{
    struct mock_charge *charge = gw_new(struct mock_charge);

    b->open++;
    charge->budget = b;
    charge->since = now;
    return charge;
}

enum mock_gate mock_throttle_enter(struct mock_throttle *t, struct gw_str key, struct gw_now now,
                                   struct mock_charge **out, int64_t *back_off_ms)
{
    const struct mock_throttle_policy *policy = &t->policy;
    struct budget *b = policy->on ? budget_get(t, key, now.mono) : NULL;

    *out = NULL;
    *back_off_ms = -1;
    if (!b)
        return MOCK_GATE_OPEN;
    if (mock_quiet_is_broken(&b->quiet, now))
        mock_throttle_hasty(t);
    if (policy->recharge_ms) {
        budget_recharge(b, now.mono);
        b->blocked = b->blocked || b->balance < (double)-policy->cutoff_ms;
    }
    if (b->blocked) {
        *back_off_ms = budget_wait(b);
        mock_quiet_set(&b->quiet, *back_off_ms, now);
        t->totals.busy++;
        return MOCK_GATE_BUSY;
    }
    if (policy->concurrency && b->open >= policy->concurrency) {
        t->totals.connections++;
        return MOCK_GATE_CONNECTIONS;
    }
    *out = charge_new(b, now.mono);
    return MOCK_GATE_OPEN;
}

struct mock_charge *mock_throttle_count(struct mock_throttle *t, struct gw_str mailbox,
                                        struct gw_now now)
{
    bool counts = t->policy.on && !t->policy.by_account;
    struct budget *b = counts ? budget_get(t, mailbox, now.mono) : NULL;
    struct mock_charge *charge = b ? charge_new(b, now.mono) : NULL;

    if (charge)
        charge->for_nothing = true;
    return charge;
}

void mock_charge_end(struct mock_charge **chargep, struct gw_now now)
{
    struct mock_charge *charge = *chargep;
    struct budget *b;
    int64_t cost;

    if (!charge)
        return;
    *chargep = NULL;
    b = charge->budget;
    cost = now.mono - charge->since;
    if (cost < b->throttle->policy.cost_ms)
        cost = b->throttle->policy.cost_ms;
    if (b->throttle->policy.recharge_ms && !charge->for_nothing) {
        budget_recharge(b, now.mono);
        b->balance -= (double)cost;
    }
    b->open--;
    free(charge);
}
