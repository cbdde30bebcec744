/* Who is on which gateway by choice: draining one, and spreading users evenly again. */
#include "sched_sim.h"

static struct sim *sim_settled(size_t gateways, size_t users)
{
    struct sim *m = sim_new(gateways, users);

    m->settings.status_frequency_min = 5;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    sim_run(m, 10000);
    sim_assert_one_each(m);
    return m;
}

static void drain(struct sim *m, unsigned gateway, bool drained)
{
    sched_gateway_drain(m->sched, gw_str_of(m->gateway[gateway].name), drained, m->now);
}

static size_t users_of(struct sim *m, unsigned gateway)
{
    return sim_gateway_view(m, gateway).users;
}

/* Calmly: at no moment is a calendar anything but fresh, and a change is told of all the time. */
static void test_drained_gateway_gives_its_users_away(void **state)
{
    enum { USERS = 600 };
    struct sim *m = sim_settled(3, USERS);
    unsigned subscribes = m->subscribes;

    (void)state;
    drain(m, 1, true);
    assert_true(sim_gateway_view(m, 1).drained);
    sim_run(m, 1500);
    assert_in_range(users_of(m, 1), 100, 160); /* a few at a time */
    for (int t = 0; t < 30; t++) {
        unsigned i = sim_below(m, USERS);

        sim_clear(m, i);
        sim_add(m, i, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
        sim_run(m, 1500);
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
        assert_int_equal(sim_counters(m).stale, 0);
    }
    assert_int_equal(users_of(m, 1), 0);
    assert_in_range(users_of(m, 0), 298, 302);
    assert_int_equal(m->subscribes - subscribes, 200); /* each once */
    sim_run(m, 10 * MIN);
    sim_assert_one_each(m); /* the old ones were told to end when they spoke */
    sim_free(&m);
}

static void test_drained_gateway_gets_nobody(void **state)
{
    struct sim *m = sim_new(2, 20);

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        sched_gateway_put(m->sched, gw_str_of(m->gateway[i].name), m->now);
    drain(m, 0, true);
    sched_gateway_put(m->sched, gw_str_of(m->gateway[0].name), m->now); /* edited: stays so */
    sim_enable_all(m);
    sim_run(m, 5 * MIN);
    assert_int_equal(users_of(m, 0), 0);
    assert_int_equal(users_of(m, 1), 20);
    m->gateway[1].up = false;
    sim_run(m, 20 * MIN);
    assert_int_equal(users_of(m, 0), 0); /* not even then: an administrator said so */
    sim_free(&m);
}

static void test_only_gateway_keeps_its_users_when_drained(void **state)
{
    struct sim *m = sim_settled(1, 10);

    (void)state;
    drain(m, 0, true);
    sim_run(m, 20 * MIN);
    assert_int_equal(users_of(m, 0), 10);
    assert_int_equal(m->subscribes, 10);
    sim_forget_subs(m, &m->gateway[0]); /* and serves them */
    sim_run(m, 12 * MIN);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_drained_gateway_that_dies(void **state)
{
    struct sim *m = sim_settled(2, 400);

    (void)state;
    drain(m, 0, true);
    sim_run(m, 1100);
    m->gateway[0].up = false;
    sim_forget_subs(m, &m->gateway[0]);
    sim_run(m, 12 * MIN);
    assert_int_equal(users_of(m, 1), 400);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_undrained_gateway_gets_its_part_slowly(void **state)
{
    struct sim *m = sim_settled(2, 200);
    size_t after_ten_seconds;

    (void)state;
    drain(m, 0, true);
    sim_run(m, MIN);
    assert_int_equal(users_of(m, 0), 0);
    drain(m, 0, false);
    sim_run(m, 5000);
    after_ten_seconds = users_of(m, 0);
    assert_in_range(after_ten_seconds, 20, 60);
    sim_run(m, 2 * MIN);
    assert_in_range(users_of(m, 0), 97, 100);
    sim_run(m, 10 * MIN);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_added_gateway_gets_its_part_slowly(void **state)
{
    struct sim *m = sim_new(3, 300);

    (void)state;
    m->settings.status_frequency_min = 5;
    sched_settings_set(m->sched, &m->settings, m->now);
    for (unsigned i = 0; i < 2; i++)
        sched_gateway_put(m->sched, gw_str_of(m->gateway[i].name), m->now);
    for (unsigned i = 0; i < 300; i++)
        sim_enable(m, i);
    sim_run(m, 5 * MIN);
    m->gateway[2].up = false; /* not proven: it gets nobody */
    sched_gateway_put(m->sched, gw_str_of(m->gateway[2].name), m->now);
    sim_run(m, 10 * MIN);
    assert_int_equal(users_of(m, 2), 0);
    m->gateway[2].up = true;
    sim_run(m, MIN + 10000);
    assert_in_range(users_of(m, 2), 0, 90);
    sim_run(m, 10 * MIN);
    assert_in_range(users_of(m, 2), 95, 100);
    assert_int_equal(m->subscribes - 300, users_of(m, 2)); /* each once */
    sim_run(m, 10 * MIN);
    sim_assert_one_each(m);
    sim_free(&m);
}

/* Who is where it is because another gateway could not serve it stays there. */
static void test_user_that_one_gateway_cannot_serve_is_left_alone(void **state)
{
    struct sim *m = sim_new(2, 40);

    (void)state;
    m->settings.status_frequency_min = 5;
    sched_settings_set(m->sched, &m->settings, m->now);
    m->gateway[0].refuse[EWS_OP_SUBSCRIBE] =
        sim_status(EWS_ELSEWHERE, "ErrorCrossSiteRequest", true);
    sim_enable_all(m);
    sim_run(m, 10000);
    assert_int_equal(users_of(m, 1), 40);
    m->gateway[0].refuse[EWS_OP_SUBSCRIBE] = sim_status(EWS_OK, "NoError", true);
    sim_run(m, 30 * MIN);
    assert_in_range(users_of(m, 1), 20, 22); /* the others came because of balance alone */
    sim_free(&m);
}

/* A mailbox that was moved to a server that the pool does not come to in turn, or does not know. */
static void test_mailbox_that_no_gateway_serves_is_looked_for(void **state)
{
    struct sim *m = sim_settled(3, 9);

    (void)state;
    for (int op = 0; op < EWS_OP_COUNT; op++)
        m->user[4].refuse[op] = sim_status(EWS_ELSEWHERE, "ErrorCrossSiteRequest", true);
    sim_sub_free(sim_sub_of(m, 4));
    sim_run(m, 11 * MIN);                     /* silence, and each gateway asked once */
    assert_in_range(m->user[4].sought, 1, 2); /* for its subscription, and for its calendar */
    sim_run(m, 10 * HOUR);
    assert_in_range(m->user[4].sought, 10, 30);
    for (int op = 0; op < EWS_OP_COUNT; op++)
        m->user[4].refuse[op] = sim_status(EWS_OK, "NoError", true);
    sched_user_place(m->sched, sim_name(m, 4), gw_str_of(m->gateway[2].name), m->now);
    sim_run(m, 1000);
    sim_assert_one_each(m);
    assert_true(gw_str_is(sim_view(m, 4).gateway, "cas3"));
    assert_null(sim_view(m, 4).error);
    sched_user_place(m->sched, GW_STR("nobody@a.example"), gw_str_of("cas1"), m->now);
    sched_user_place(m->sched, sim_name(m, 4), gw_str_of("cas9"), m->now);
    sim_run(m, HOUR);
    sim_assert_one_each(m);
    sim_free(&m);
}

/* It refuses the mailbox although it was named: that is not asked for, and tried, all the time. */
static void test_place_that_is_wrong(void **state)
{
    struct sim *m = sim_settled(2, 4);
    unsigned requests, placed = 0;

    (void)state;
    for (int op = 0; op < EWS_OP_COUNT; op++)
        m->user[1].refuse[op] = sim_status(EWS_ELSEWHERE, "ErrorCrossSiteRequest", true);
    sim_sub_free(sim_sub_of(m, 1));
    sim_run(m, 11 * MIN);
    requests = m->gateway[0].requests + m->gateway[1].requests;
    for (int t = 0; t < 30000; t++) {
        if (m->user[1].sought > placed) {
            placed = m->user[1].sought;
            sched_user_place(m->sched, sim_name(m, 1), gw_str_of("cas2"), m->now);
        }
        sim_run(m, 100);
    }
    assert_in_range(placed, 1, 2);
    assert_in_range(m->gateway[0].requests + m->gateway[1].requests - requests, 0, 100);
    sim_free(&m);
}

/* ---- a gateway that is removed ---- */

static void remove_gateway(struct sim *m, unsigned gateway)
{
    sched_gateway_remove(m->sched, gw_str_of(m->gateway[gateway].name), m->now);
}

static void put_gateway(struct sim *m, unsigned gateway)
{
    sched_gateway_put(m->sched, gw_str_of(m->gateway[gateway].name), m->now);
}

/* What was asked for there speaks when nobody waits for its answer any more: it is not adopted. */
static void test_removed_while_it_is_asked_for_subscriptions(void **state)
{
    struct sim *m = sim_new(2, 20);

    (void)state;
    m->settings.status_frequency_min = 5;
    sched_settings_set(m->sched, &m->settings, m->now);
    put_gateway(m, 1);
    for (unsigned i = 0; i < m->users; i++)
        sim_enable(m, i);
    for (int t = 0; t < 2000 && m->subscribes < m->users; t++)
        sim_run(m, 1);
    assert_int_equal(sim_subs_of(m, (unsigned)m->users - 1), 1);
    remove_gateway(m, 1);
    sim_run(m, 1000);
    put_gateway(m, 0);
    sim_run(m, 6 * MIN);
    sim_assert_one_each(m);
    for (unsigned i = 0; i < m->users; i++)
        assert_ptr_equal(sim_sub_of(m, i)->gateway, &m->gateway[0]);
    sim_free(&m);
}

/* What it had speaks when its users are on another one, and have yet to subscribe there. */
static void test_removed_gateway_is_heard_before_another_one_has_answered(void **state)
{
    struct sim *m = sim_new(2, 20);

    (void)state;
    m->settings.status_frequency_min = 5;
    m->settings.exchange_threads = 1;
    sched_settings_set(m->sched, &m->settings, m->now);
    put_gateway(m, 1);
    for (unsigned i = 0; i < m->users; i++)
        sim_enable(m, i);
    sim_run(m, MIN);
    sim_assert_one_each(m);
    m->gateway[0].latency_ms = 1000;
    remove_gateway(m, 1);
    put_gateway(m, 0);
    sim_run(m, 100);
    for (unsigned i = 0; i < m->users; i++)
        sim_add(m, i, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    sim_run(m, 6 * MIN);
    sim_assert_one_each(m);
    for (unsigned i = 0; i < m->users; i++) {
        assert_ptr_equal(sim_sub_of(m, i)->gateway, &m->gateway[0]);
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
    }
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drained_gateway_gives_its_users_away),
        cmocka_unit_test(test_drained_gateway_gets_nobody),
        cmocka_unit_test(test_only_gateway_keeps_its_users_when_drained),
        cmocka_unit_test(test_drained_gateway_that_dies),
        cmocka_unit_test(test_undrained_gateway_gets_its_part_slowly),
        cmocka_unit_test(test_added_gateway_gets_its_part_slowly),
        cmocka_unit_test(test_user_that_one_gateway_cannot_serve_is_left_alone),
        cmocka_unit_test(test_mailbox_that_no_gateway_serves_is_looked_for),
        cmocka_unit_test(test_place_that_is_wrong),
        cmocka_unit_test(test_removed_while_it_is_asked_for_subscriptions),
        cmocka_unit_test(test_removed_gateway_is_heard_before_another_one_has_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
