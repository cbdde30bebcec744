/* What Exchange does without saying so, and what comes in the midst of trouble: restarts of a server
 * that nobody notices, changes while a read is failing, subscriptions that end as soon as they are
 * made. */
#include "sched_sim.h"

#define MIN  ((int64_t)GW_MINUTE_MS)
#define HOUR ((int64_t)GW_HOUR_MS)

static void assert_one_each(struct sim *m)
{
    for (unsigned i = 0; i < m->users; i++) {
        assert_int_equal(sim_view(m, i).sub_state, SCHED_SUB_LIVE);
        assert_int_equal(sim_subs_of(m, i), 1);
    }
}

/* With the status frequency that administrators have: what silence tells takes two hours. */
static struct sim *sim_settled(size_t gateways, size_t users)
{
    struct sim *m = sim_new(gateways, users);

    for (unsigned i = 0; i < users; i++)
        sim_add(m, i, m->now.utc + 5 * HOUR, m->now.utc + 6 * HOUR, GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run(m, 30000);
    assert_one_each(m);
    return m;
}

static void refresh(struct sim *m, unsigned user)
{
    assert_int_equal(sched_user_refresh(m->sched, sim_name(m, user), m->now), GW_OK);
}

/* ---- a server is started anew ---- */

static void outage(struct sim *m, int64_t ms)
{
    m->gateway[0].up = false;
    refresh(m, 0);
    sim_run(m, ms);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_DOWN);
    m->gateway[0].up = true;
}

static void assert_changes_are_told(struct sim *m, int64_t within)
{
    for (unsigned i = 0; i < m->users; i++)
        sim_add(m, i, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    sim_run(m, within);
    for (unsigned i = 0; i < m->users; i++)
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
}

static void test_restarted_server_has_forgotten_its_subscriptions(void **state)
{
    static const int64_t away_ms[] = { 8000, 5 * MIN };

    (void)state;
    for (size_t i = 0; i < sizeof(away_ms) / sizeof(away_ms[0]); i++) {
        struct sim *m = sim_settled(1, 120);

        sim_forget_subs(m, &m->gateway[0]);
        outage(m, away_ms[i]);
        sim_run(m, 90000);
        assert_int_equal(m->subscribes, 240);
        assert_one_each(m);
        assert_changes_are_told(m, 10000);
        sim_run(m, 8 * HOUR);
        assert_int_equal(m->subscribes, 240);
        assert_one_each(m);
        sim_free(&m);
    }
}

/* It kept them all: each has two until the old one speaks. */
static void test_outage_that_forgot_nothing_leaves_no_second_subscription(void **state)
{
    struct sim *m = sim_settled(1, 60);

    (void)state;
    outage(m, MIN);
    sim_run(m, 2 * HOUR);
    assert_one_each(m);
    assert_changes_are_told(m, 10000);
    sim_free(&m);
}

static void test_old_subscription_that_speaks_before_its_turn_stays(void **state)
{
    enum { USERS = 400 }; /* the last have their turn two seconds after the first */
    struct sim *m = sim_settled(1, USERS);

    (void)state;
    outage(m, 5000);
    while (sim_gateway_view(m, 0).state != SCHED_GATEWAY_UP)
        sim_run(m, 10);
    assert_int_equal(sim_view(m, USERS - 1).sub_state, SCHED_SUB_DOUBTFUL);
    sim_add(m, USERS - 1, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    sim_run(m, 100);
    assert_int_equal(sim_view(m, USERS - 1).sub_state, SCHED_SUB_LIVE);
    sim_run(m, 2 * HOUR);
    assert_int_equal(m->subscribes, 2 * USERS - 1);
    assert_one_each(m);
    sim_free(&m);
}

/* So short that it was never called down: one connection refused is a hint, too. */
static void test_refused_connection_may_have_been_a_restart(void **state)
{
    struct sim *m = sim_settled(1, 20);

    (void)state;
    m->gateway[0].up = false;
    sim_forget_subs(m, &m->gateway[0]);
    refresh(m, 0);
    sim_run(m, 10);
    m->gateway[0].up = true;
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_UP);
    sim_run(m, 30000);
    assert_int_equal(m->subscribes, 40);
    assert_one_each(m);
    assert_changes_are_told(m, 10000);
    sim_free(&m);
}

/* One that refuses a connection each minute, and forgets nothing. */
static void test_refusing_now_and_then_does_not_renew_all_the_time(void **state)
{
    struct sim *m = sim_settled(1, 20);

    (void)state;
    for (int i = 0; i < 60; i++) {
        m->gateway[0].up = false;
        refresh(m, 0);
        sim_run(m, 10);
        m->gateway[0].up = true;
        sim_run(m, MIN);
    }
    assert_in_range(m->subscribes, 40, 20 + 13 * 20);
    sim_run(m, 3 * HOUR);
    assert_one_each(m);
    sim_free(&m);
}

/* The machine is started anew: there is nobody to refuse a connection. */
static void test_machine_that_was_away(void **state)
{
    struct sim *m = sim_settled(1, 20);

    (void)state;
    sim_forget_subs(m, &m->gateway[0]);
    m->gateway[0].silent = true;
    refresh(m, 0);
    sim_run(m, 2 * MIN);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_DOWN);
    m->gateway[0].silent = false;
    sim_run(m, 2 * MIN);
    assert_int_equal(m->subscribes, 40);
    assert_one_each(m);
    assert_changes_are_told(m, 10000);
    sim_free(&m);
}

/* Edited while it is away: its users count on it again, but not on what it may have forgotten. */
static void test_gateway_is_put_while_it_is_away(void **state)
{
    struct sim *m = sim_settled(1, 20);

    (void)state;
    sim_forget_subs(m, &m->gateway[0]);
    outage(m, 5000);
    sched_gateway_put(m->sched, gw_str_of(m->gateway[0].name), m->now);
    sim_run(m, 30000);
    assert_int_equal(m->subscribes, 40);
    assert_one_each(m);
    sim_free(&m);
}

/* An answer that is late says nothing about subscriptions. */
static void test_late_answer_renews_nothing(void **state)
{
    struct sim *m = sim_settled(1, 20);

    (void)state;
    m->gateway[0].silent = true;
    refresh(m, 0);
    sim_run(m, 10);
    m->gateway[0].silent = false;
    sim_run(m, HOUR);
    assert_int_equal(m->subscribes, 20);
    assert_one_each(m);
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restarted_server_has_forgotten_its_subscriptions),
        cmocka_unit_test(test_outage_that_forgot_nothing_leaves_no_second_subscription),
        cmocka_unit_test(test_old_subscription_that_speaks_before_its_turn_stays),
        cmocka_unit_test(test_refused_connection_may_have_been_a_restart),
        cmocka_unit_test(test_refusing_now_and_then_does_not_renew_all_the_time),
        cmocka_unit_test(test_machine_that_was_away),
        cmocka_unit_test(test_gateway_is_put_while_it_is_away),
        cmocka_unit_test(test_late_answer_renews_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
