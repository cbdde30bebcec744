/* What Exchange does without saying so, and what comes in the midst of trouble: restarts of a server
 * that nobody notices, changes while a read is failing, subscriptions that end as soon as they are
 * made. */
#include "sched_sim.h"

/* With the status frequency that administrators have: what silence tells takes two hours. */
static struct sim *sim_settled(size_t gateways, size_t users)
{
    struct sim *m = sim_new(gateways, users);

    for (unsigned i = 0; i < users; i++)
        sim_add(m, i, m->now.utc + 5 * HOUR, m->now.utc + 6 * HOUR, GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run(m, 30000);
    sim_assert_one_each(m);
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
        sim_assert_one_each(m);
        assert_changes_are_told(m, 10000);
        sim_run(m, 8 * HOUR);
        assert_int_equal(m->subscribes, 240);
        sim_assert_one_each(m);
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
    sim_assert_one_each(m);
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
    sim_assert_one_each(m);
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
    sim_assert_one_each(m);
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
    sim_assert_one_each(m);
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
    sim_assert_one_each(m);
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
    sim_assert_one_each(m);
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
    sim_assert_one_each(m);
    sim_free(&m);
}

/* ---- changes while reading fails ---- */

static void change(struct sim *m, unsigned user)
{
    sim_clear(m, user);
    sim_add(m, user, m->now.utc - MIN, m->now.utc + 4 * HOUR, GW_BUSY_BUSY);
}

/* Reading has failed for so long that the next try is far away; nothing was told of. */
static struct sim *sim_failing(enum ews_class class, const char *code)
{
    struct sim *m = sim_settled(1, 3);

    m->user[1].refuse[EWS_OP_FIND_ITEM] = sim_status(class, code, true);
    refresh(m, 1);
    sim_run(m, 25 * MIN);
    assert_non_null(sim_view(m, 1).error);
    return m;
}

static void test_change_is_read_soon_after_failures(void **state)
{
    static const struct {
        enum ews_class class;
        const char *code;
    } failures[] = {
        { EWS_MAILBOX, "ErrorMailboxStoreUnavailable" },
        { EWS_PERMISSION, "ErrorAccessDenied" },
        { EWS_TOO_MUCH, "ErrorTimeoutExpired" },
        { EWS_TRANSIENT, "ErrorInternalServerError" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        struct sim *m = sim_failing(failures[i].class, failures[i].code);

        m->user[1].refuse[EWS_OP_FIND_ITEM] = sim_status(EWS_OK, "NoError", true);
        change(m, 1);
        sim_run(m, MIN + 2000);
        assert_int_equal(sim_shown(m, 1), PRES_CAL_MEETING);
        assert_null(sim_view(m, 1).error);
        sim_free(&m);
    }
}

/* The read that a change has asked for fails: it is not an hour until the next. */
static void test_read_of_a_change_fails_for_a_moment(void **state)
{
    struct sim *m = sim_settled(1, 3);

    (void)state;
    m->user[1].refuse[EWS_OP_FIND_ITEM] = sim_status(EWS_MAILBOX, "ErrorMailboxFailover", true);
    change(m, 1);
    sim_run(m, 2000);
    assert_non_null(sim_view(m, 1).error);
    m->user[1].refuse[EWS_OP_FIND_ITEM] = sim_status(EWS_OK, "NoError", true);
    sim_run(m, 6000);
    assert_int_equal(sim_shown(m, 1), PRES_CAL_MEETING);
    sim_free(&m);
}

/* The change comes while the read that fails is on its way. */
static void test_change_during_a_read_that_fails(void **state)
{
    struct sim *m = sim_settled(1, 3);

    (void)state;
    m->gateway[0].latency_ms = 900;
    m->user[1].refuse[EWS_OP_FIND_ITEM] = sim_status(EWS_MAILBOX, "ErrorMailboxFailover", true);
    refresh(m, 1);
    sim_run(m, 100);
    change(m, 1);
    sim_run(m, 1900);
    m->user[1].refuse[EWS_OP_FIND_ITEM] = sim_status(EWS_OK, "NoError", true);
    sim_run(m, 8000);
    assert_int_equal(sim_shown(m, 1), PRES_CAL_MEETING);
    sim_free(&m);
}

/* A calendar that changes all the time and cannot be read costs a request a minute, one that is
 * quiet, or was told of once, hardly any. */
static void test_failing_reads_stay_rare(void **state)
{
    struct sim *m = sim_failing(EWS_PERMISSION, "ErrorAccessDenied");
    unsigned before = m->reads;

    (void)state;
    m->settings.cross_check_min = 1440;
    sched_settings_set(m->sched, &m->settings, m->now);
    for (int i = 0; i < 600; i++) {
        change(m, 1);
        sim_run(m, 3000);
    }
    assert_in_range(m->reads - before, 20, 45);
    sim_run(m, 2 * HOUR);
    before = m->reads;
    sim_run(m, 5 * HOUR);
    assert_in_range(m->reads - before, 3, 6);
    sim_free(&m);
}

/* The administrator gives the right, and edits the gateway; or the server comes back with it. */
static void test_edited_gateway_is_asked_again(void **state)
{
    struct sim *m = sim_failing(EWS_PERMISSION, "ErrorAccessDenied");

    (void)state;
    m->user[1].refuse[EWS_OP_FIND_ITEM] = sim_status(EWS_OK, "NoError", true);
    m->user[1].count = 0; /* and nobody is told */
    sched_gateway_put(m->sched, gw_str_of(m->gateway[0].name), m->now);
    sim_run(m, MIN + 2000);
    assert_null(sim_view(m, 1).error);
    assert_int_equal(sim_view(m, 1).calendar.count, 0);
    sim_free(&m);
}

static void test_gateway_that_is_back_is_asked_again(void **state)
{
    struct sim *m = sim_failing(EWS_PERMISSION, "ErrorAccessDenied");

    (void)state;
    outage(m, 5000);
    m->user[1].refuse[EWS_OP_FIND_ITEM] = sim_status(EWS_OK, "NoError", true);
    m->user[1].count = 0;
    sim_run(m, 2 * MIN);
    assert_null(sim_view(m, 1).error);
    assert_int_equal(sim_view(m, 1).calendar.count, 0);
    sim_free(&m);
}

/* What the server says about load is above all news. */
static void test_news_wait_for_the_end_of_a_back_off(void **state)
{
    struct sim *m = sim_failing(EWS_MAILBOX, "ErrorMailboxStoreUnavailable");

    (void)state;
    m->user[1].refuse[EWS_OP_FIND_ITEM] = sim_status(EWS_OK, "NoError", true);
    m->gateway[0].throttled_until = m->now.mono + 4 * MIN;
    m->gateway[0].throttle_ms = 1;
    refresh(m, 0);
    sim_run(m, 1000);
    change(m, 1);
    sim_run(m, 3 * MIN);
    assert_int_equal(m->gateway[0].early, 0);
    assert_int_equal(sim_shown(m, 1), PRES_CAL_FREE);
    sim_run(m, 2 * MIN);
    assert_int_equal(m->gateway[0].early, 0);
    assert_int_equal(sim_shown(m, 1), PRES_CAL_MEETING);
    sim_free(&m);
}

/* ---- subscriptions that end ---- */

static void end_one(struct sim *m, unsigned user)
{
    struct sim_sub *sub = sim_sub_of(m, user);

    if (!sub)
        return;
    (void)sim_post(m, sub, true);
    sim_sub_free(sub);
}

/* Each is ended within 50 ms, maybe before its answer is here. */
static void end_each_for(struct sim *m, unsigned user, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += 50) {
        end_one(m, user);
        sim_run(m, 50);
    }
}

static void test_subscription_that_always_ends_does_not_spin(void **state)
{
    static const int64_t latency_ms[] = { 2, 40, 90 };

    (void)state;
    for (size_t gateways = 1; gateways <= 2; gateways++) {
        for (size_t i = 0; i < sizeof(latency_ms) / sizeof(latency_ms[0]); i++) {
            struct sim *m = sim_settled(gateways, 2);
            unsigned subscribes = m->subscribes, reads = m->reads;

            for (size_t g = 0; g < gateways; g++)
                m->gateway[g].latency_ms = latency_ms[i];
            end_each_for(m, 0, 10000);
            assert_in_range(m->subscribes - subscribes, 2, 6);
            assert_in_range(m->reads - reads, 1, 12);
            end_each_for(m, 0, HOUR);
            assert_in_range(m->subscribes - subscribes, 10, 18);
            assert_in_range(m->reads - reads, 5, 36);
            sim_run(m, 11 * MIN); /* and then Exchange is well again */
            sim_assert_one_each(m);
            assert_changes_are_told(m, 5000);
            sim_free(&m);
        }
    }
}

/* One that has lived is made again at once, and is forgiven what was before. */
static void test_subscription_that_has_lived_is_made_again_at_once(void **state)
{
    struct sim *m = sim_settled(2, 2);

    (void)state;
    end_each_for(m, 0, 5 * MIN);
    sim_run(m, 20 * MIN);
    sim_assert_one_each(m);
    for (int i = 0; i < 3; i++) {
        m->user[0].count = 0;
        end_one(m, 0);
        sim_run(m, 500);
        sim_assert_one_each(m);
        assert_int_equal(sim_view(m, 0).calendar.count, 0);
        sim_run(m, 2 * MIN);
    }
    sim_free(&m);
}

/* A status frequency below ten minutes is the longest wait. */
static void test_wait_after_short_lives_is_a_status_frequency_at_most(void **state)
{
    struct sim *m = sim_settled(1, 1);

    (void)state;
    m->settings.status_frequency_min = 1;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_run(m, 10000);
    end_each_for(m, 0, 30 * MIN);
    sim_run(m, MIN + 1000);
    sim_assert_one_each(m);
    sim_free(&m);
}

/* ---- a restart after so long that the subscription does not count any more ---- */

/* What is known from before is read again also when there is no new one, and when the old one, of which
 * it was told nothing, speaks before there is. */
static void test_calendar_is_read_after_a_restart_without_a_subscription(void **state)
{
    (void)state;
    for (int with_record = 0; with_record < 2; with_record++) {
        struct sim *m = sim_settled(1, 1);

        sim_kill(m);
        if (!with_record) {
            free(m->user[0].record[0]);
            m->user[0].record[0] = NULL;
        }
        sim_clear(m, 0);
        sim_sub_of(m, 0)->changed = false;
        m->now.utc += 4 * HOUR;
        m->gateway[0].refuse[EWS_OP_SUBSCRIBE] =
            sim_status(EWS_TRANSIENT, "ErrorADUnavailable", true);
        sim_start_again(m);
        sim_run(m, 30000);
        assert_int_equal(sim_view(m, 0).calendar.count, 0);
        m->gateway[0].refuse[EWS_OP_SUBSCRIBE] = (struct ews_status){ 0 };
        sim_run(m, HOUR);
        sim_assert_one_each(m);
        sim_free(&m);
    }
}

/* ---- a window that moves while a moment is due ---- */

/* Between a boundary and the moment that the spread puts it at, the same items are read for another
 * window: who has not been looked at yet is all the same. */
static void test_window_rolls_inside_the_spread(void **state)
{
    struct sim *m = sim_new(1, 40);
    gw_utc midnight = SIM_EPOCH + GW_DAY_MS;

    (void)state;
    m->settings.spread_s = 50;
    sched_settings_set(m->sched, &m->settings, m->now);
    for (unsigned i = 0; i < m->users; i++)
        sim_add(m, i, midnight, midnight + HOUR, GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run_to(m, midnight + 100);
    for (unsigned i = 0; i < m->users; i++)
        refresh(m, i);
    sim_run_to(m, midnight + 51000);
    for (unsigned i = 0; i < m->users; i++)
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
    sim_free(&m);
}

/* A server dies in the middle of the spread: its users' calendars are read again elsewhere, one by one,
 * which shows more than reading many at once has. That is no reason to show the boundary before its
 * moment: it would come in a heap. */
static void test_spread_stays_flat_when_a_gateway_dies(void **state)
{
    enum { USERS = 400 };
    struct sim *m = sim_new(4, USERS);
    gw_utc start = SIM_EPOCH + 11 * HOUR;
    gw_utc offset[USERS];

    (void)state;
    m->settings.spread_s = 50;
    m->settings.exchange_threads = 3; /* so that they come one by one */
    m->bulk_is_poor = true;
    sched_settings_set(m->sched, &m->settings, m->now);
    for (unsigned i = 0; i < USERS; i++) {
        sim_add(m, i, start, start + 10 * MIN, GW_BUSY_BUSY);
        m->user[i].item[0].flags = GW_INTERVAL_MEETING;
        sim_add(m, i, start + HOUR, start + 2 * HOUR, GW_BUSY_FREE);
    }
    sim_enable_all(m);
    sim_run_to(m, start + MIN);
    for (unsigned i = 0; i < USERS; i++) {
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
        offset[i] = m->user[i].shown_at - start;
    }
    sim_run_to(m, start + 10 * MIN - 2000);
    m->gateway[0].up = false;
    sim_forget_subs(m, &m->gateway[0]);
    sim_run_to(m, start + 11 * MIN);
    assert_int_equal(sim_gateway_view(m, 0).users, 0);
    for (unsigned i = 0; i < USERS; i++) {
        assert_int_equal(sim_shown(m, i), PRES_CAL_FREE);
        assert_int_equal(m->user[i].shown_at - (start + 10 * MIN), offset[i]);
    }
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
        cmocka_unit_test(test_change_is_read_soon_after_failures),
        cmocka_unit_test(test_read_of_a_change_fails_for_a_moment),
        cmocka_unit_test(test_change_during_a_read_that_fails),
        cmocka_unit_test(test_failing_reads_stay_rare),
        cmocka_unit_test(test_edited_gateway_is_asked_again),
        cmocka_unit_test(test_gateway_that_is_back_is_asked_again),
        cmocka_unit_test(test_news_wait_for_the_end_of_a_back_off),
        cmocka_unit_test(test_subscription_that_always_ends_does_not_spin),
        cmocka_unit_test(test_subscription_that_has_lived_is_made_again_at_once),
        cmocka_unit_test(test_wait_after_short_lives_is_a_status_frequency_at_most),
        cmocka_unit_test(test_calendar_is_read_after_a_restart_without_a_subscription),
        cmocka_unit_test(test_window_rolls_inside_the_spread),
        cmocka_unit_test(test_spread_stays_flat_when_a_gateway_dies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
