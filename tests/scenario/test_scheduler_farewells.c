/* Nobody's subscriptions: Exchange is told to end each whose id is known, however long that takes. */
#include "sched_sim.h"

static struct sim *sim_streaming(size_t gateways, size_t users)
{
    struct sim *m = sim_new(gateways, users);

    m->settings.source = SCHED_MODE_STREAMING;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    sim_run(m, MIN);
    sim_assert_one_each(m);
    return m;
}

static void remove_user(struct sim *m, unsigned user)
{
    m->user[user].enabled = false;
    sched_user_remove(m->sched, sim_name(m, user));
}

static void refuse(struct sim *m, enum ews_class class, const char *code)
{
    for (size_t i = 0; i < m->gateways; i++)
        m->gateway[i].refuse[EWS_OP_UNSUBSCRIBE] = sim_status(class, code, true);
}

static void assert_over(const struct sim *m)
{
    assert_int_equal(sim_counters(m).farewells, 0);
    assert_true(gw_list_is_empty(&m->records));
}

/* Whatever the first answers are. */
static void test_failed_unsubscribe_is_tried_again(void **state)
{
    static const struct {
        enum ews_class class;
        const char *code;
        unsigned most; /* requests in two minutes */
        int64_t within_ms;
    } trouble[] = {
        { EWS_TRANSIENT, "ErrorInternalServerTransientError", 8, 70000 },
        { EWS_SUBSCRIPTION_LIMIT, "ErrorExceededSubscriptionCount", 8, 70000 },
        { EWS_BUSY, "ErrorServerBusy", 8, 170000 },
        { EWS_CONNECTION_LIMIT, "ErrorExceededConnectionCount", 20, 70000 },
        { EWS_SERVER_DOWN, "timeout", 8, 70000 },
        { EWS_PERMISSION, "ErrorImpersonateUserDenied", 1, 11 * MIN },
        { EWS_MAILBOX, "ErrorNonExistentMailbox", 1, 11 * MIN },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(trouble) / sizeof(trouble[0]); i++) {
        struct sim *m = sim_streaming(1, 5);

        refuse(m, trouble[i].class, trouble[i].code);
        remove_user(m, 2);
        sim_run(m, 2 * MIN);
        assert_int_equal(sim_subs_of(m, 2), 1);
        assert_int_equal(sim_counters(m).farewells, 1);
        assert_in_range(m->gateway[0].ops[EWS_OP_UNSUBSCRIBE], 1, trouble[i].most);
        refuse(m, EWS_OK, "NoError");
        sim_run(m, trouble[i].within_ms);
        assert_int_equal(sim_subs_of(m, 2), 0);
        assert_over(m);
        sim_free(&m);
    }
}

static void test_unsubscribe_waits_for_a_back_off_and_an_outage(void **state)
{
    struct sim *m = sim_streaming(1, 5);

    (void)state;
    m->gateway[0].throttle_ms = 1;
    m->gateway[0].throttled_until = m->now.mono + 2 * MIN;
    remove_user(m, 1);
    remove_user(m, 2); /* no request comes while it is throttled: the simulation looks */
    sim_run(m, 2 * MIN - 100);
    assert_in_range(m->gateway[0].ops[EWS_OP_UNSUBSCRIBE], 1, 2); /* before it was told */
    sim_run(m, 200);
    assert_int_equal(sim_subs_of(m, 1) + sim_subs_of(m, 2), 0);
    m->gateway[0].silent = true;
    remove_user(m, 3);
    sim_run(m, 10 * MIN);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_DOWN);
    assert_int_equal(sim_subs_of(m, 3), 1);
    m->gateway[0].silent = false;
    sim_run(m, 2 * MIN);
    assert_int_equal(sim_subs_of(m, 3), 0);
    assert_over(m);
    sim_free(&m);
}

/* It is not asked for for ever: Exchange forgets it by itself. */
static void test_unsubscribe_that_never_works(void **state)
{
    struct sim *m = sim_streaming(1, 5);
    unsigned asked;

    (void)state;
    refuse(m, EWS_TRANSIENT, "ErrorInternalServerTransientError");
    remove_user(m, 2);
    sim_run(m, 32 * MIN);
    assert_over(m);
    assert_int_equal(sim_subs_of(m, 2), 0);
    asked = m->gateway[0].ops[EWS_OP_UNSUBSCRIBE];
    assert_in_range(asked, 8, 16);
    sim_run(m, HOUR);
    assert_int_equal(m->gateway[0].ops[EWS_OP_UNSUBSCRIBE], asked);
    sim_free(&m);
}

static void test_what_is_gone_is_asked_for_once(void **state)
{
    struct sim *m = sim_streaming(1, 5);

    (void)state;
    sim_sub_free(sim_sub_of(m, 2));
    remove_user(m, 2);
    sim_run(m, 10 * MIN);
    assert_int_equal(m->gateway[0].ops[EWS_OP_UNSUBSCRIBE], 1);
    assert_over(m);
    sim_free(&m);
}

/* What cannot be told by one is told by another; a gateway that is down is not waited for. */
static void test_another_gateway_unsubscribes(void **state)
{
    struct sim *m = sim_streaming(3, 30);

    (void)state;
    m->gateway[0].refuse[EWS_OP_UNSUBSCRIBE] =
        sim_status(EWS_ELSEWHERE, "ErrorProxyRequestNotAllowed", true);
    m->gateway[1].refuse[EWS_OP_UNSUBSCRIBE] =
        sim_status(EWS_TRANSIENT, "ErrorMailboxFailover", true);
    for (unsigned i = 0; i < 6; i++)
        remove_user(m, i);
    sim_run(m, 30000);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(sim_subs_of(m, i), 0);
    assert_over(m);
    refuse(m, EWS_OK, "NoError");
    m->gateway[2].silent = true; /* its mailbox servers have what it has made */
    sim_run(m, 5 * MIN);
    sim_assert_one_each_but(m, 6);
    assert_over(m);
    sim_free(&m);
}

/* Nothing is left out, however many there are, and what Exchange tells meanwhile is read. */
static void test_gateway_with_many_users_is_removed(void **state)
{
    struct sim *m = sim_streaming(2, 5000);
    unsigned other = 1;

    (void)state;
    while (gw_str_is(sim_view(m, other).gateway, m->gateway[0].name))
        other++;
    sched_gateway_remove(m->sched, gw_str_of(m->gateway[0].name), m->now);
    for (int n = 0; n < 5; n++) {
        sim_clear(m, other);
        sim_add(m, other, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
        sim_run(m, 2000);
        assert_int_equal(sim_shown(m, other), PRES_CAL_MEETING);
        sim_clear(m, other);
        sim_run(m, 2000);
        assert_int_equal(sim_shown(m, other), PRES_CAL_FREE);
    }
    sim_run(m, MIN);
    sim_assert_one_each(m);
    assert_int_equal(m->farewells, 2500);
    assert_over(m);
    sim_free(&m);
}

static void test_gateway_with_many_users_is_drained(void **state)
{
    struct sim *m = sim_streaming(2, 1000);

    (void)state;
    sched_gateway_drain(m->sched, gw_str_of(m->gateway[0].name), true, m->now);
    sim_run(m, 2 * MIN);
    assert_int_equal(sim_gateway_view(m, 0).users, 0);
    sim_assert_one_each(m);
    assert_int_equal(m->farewells, 500);
    assert_over(m);
    sim_free(&m);
}

static void test_unsubscribed_after_a_restart(void **state)
{
    struct sim *m = sim_streaming(2, 20);

    (void)state;
    m->gateway[0].silent = m->gateway[1].silent = true;
    for (unsigned i = 0; i < 10; i++)
        remove_user(m, i);
    sim_run(m, 7000);
    assert_int_equal(sim_counters(m).farewells, 10);
    sim_kill(m);
    m->gateway[0].silent = m->gateway[1].silent = false;
    sim_start_again(m);
    sim_run(m, 5000);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(sim_subs_of(m, i), 0);
    sim_assert_one_each_but(m, 10);
    assert_over(m);

    refuse(m, EWS_TRANSIENT, "ErrorInternalServerTransientError");
    remove_user(m, 10);
    sim_run(m, MIN);
    sim_kill(m);
    sim_run(m, 31 * MIN);
    assert_false(gw_list_is_empty(&m->records));
    sim_start_again(m); /* it is over */
    assert_over(m);
    sim_run(m, MIN);
    sim_free(&m);
}

/* No gateway can be asked, for a while and over a restart. */
static void test_all_gateways_are_removed(void **state)
{
    for (int restarted = 0; restarted < 2; restarted++) {
        struct sim *m = sim_streaming(2, 20);

        (void)state;
        remove_user(m, 0);
        for (int i = 0; i < 2; i++)
            sched_gateway_remove(m->sched, gw_str_of(m->gateway[i].name), m->now);
        remove_user(m, 1);
        sim_run(m, 5 * MIN);
        assert_int_equal(sim_counters(m).farewells, 20);
        if (restarted) {
            sim_kill(m);
            m->gateways = 0;
            sim_start_again(m);
            m->gateways = 2;
            sim_run(m, MIN);
            assert_int_equal(sim_counters(m).farewells, 20);
        }
        sched_gateway_put(m->sched, gw_str_of(m->gateway[1].name), m->now);
        sim_run(m, 20000);
        sim_assert_one_each_but(m, 2);
        assert_int_equal(sim_subs_of(m, 0) + sim_subs_of(m, 1), 0);
        assert_over(m);
        sim_free(&m);
    }
}

/* Killed before the deletion of the user, or of the gateway, had come to its subscription's record. */
static void test_record_that_nobody_has_a_use_for(void **state)
{
    struct sim *m = sim_streaming(2, 20);
    struct gw_err err;

    (void)state;
    sim_kill(m);
    m->user[3].enabled = false;
    m->gateways = 1; /* the other one is gone, too */
    sim_start_again(m);
    m->gateways = 2;
    assert_int_equal(sched_restore(m->sched, SCHED_RECORD_SUBSCRIPTION, sim_name(m, 3),
                                   gw_str_of(m->user[3].record[0]), m->now, &err),
                     GW_NOTFOUND);
    sim_run(m, MIN);
    assert_int_equal(sim_subs_of(m, 3), 0);
    for (unsigned i = 0; i < 20; i++)
        if (i != 3)
            assert_int_equal(sim_subs_of(m, i), 1);
    assert_over(m);
    sim_free(&m);
}

/* As many as users: then Exchange forgets the oldest by itself. */
static void test_more_than_can_be_remembered(void **state)
{
    struct sim *m = sim_new(0, 0);
    const struct sched_args args = {
        .exchange = { .start = sim_start, .cancel = sim_cancel, .ctx = m },
    };
    struct sched *s = sched_new(&args, m->now);
    struct sched_counters c;
    char record[200];
    struct gw_err err;

    (void)state;
    for (int i = 0; i < 100010; i++) {
        snprintf(record, sizeof(record),
                 "version 1\nmailbox m@a.example\nid sub-%d\nanchor m@a.example\nover %lld\n", i,
                 (long long)(m->now.utc + MIN + i));
        assert_int_equal(sched_restore(s, SCHED_RECORD_FAREWELL, gw_str_of("k"), gw_str_of(record),
                                       m->now, &err),
                         GW_OK);
    }
    sched_counters(s, &c);
    assert_int_equal(c.farewells, 100000);
    sched_free(&s);
    sim_free(&m);
}

/* There and back while Exchange is busy: in the end everybody has one. */
static void test_modes_switched_while_exchange_is_busy(void **state)
{
    static const enum sched_mode mode[] = { SCHED_MODE_POLL, SCHED_MODE_STREAMING,
                                            SCHED_MODE_PUSH, SCHED_MODE_POLL,
                                            SCHED_MODE_PUSH, SCHED_MODE_STREAMING };
    struct sim *m = sim_streaming(2, 60);

    (void)state;
    for (size_t i = 0; i < sizeof(mode) / sizeof(mode[0]); i++) {
        m->settings.source = mode[i];
        sched_settings_set(m->sched, &m->settings, m->now);
        for (int g = 0; g < 2; g++) {
            m->gateway[g].throttle_ms = 1;
            m->gateway[g].throttled_until = m->now.mono + 5000;
        }
        refuse(m, EWS_TRANSIENT, "ErrorInternalServerTransientError");
        sim_run(m, 8000);
        refuse(m, EWS_OK, "NoError");
    }
    sim_run(m,
            HOUR + 5 * MIN); /* a push subscription hears of its end with its next notification */
    sim_assert_one_each(m);
    assert_over(m);
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_unsubscribe_is_tried_again),
        cmocka_unit_test(test_unsubscribe_waits_for_a_back_off_and_an_outage),
        cmocka_unit_test(test_unsubscribe_that_never_works),
        cmocka_unit_test(test_what_is_gone_is_asked_for_once),
        cmocka_unit_test(test_another_gateway_unsubscribes),
        cmocka_unit_test(test_gateway_with_many_users_is_removed),
        cmocka_unit_test(test_gateway_with_many_users_is_drained),
        cmocka_unit_test(test_unsubscribed_after_a_restart),
        cmocka_unit_test(test_all_gateways_are_removed),
        cmocka_unit_test(test_record_that_nobody_has_a_use_for),
        cmocka_unit_test(test_more_than_can_be_remembered),
        cmocka_unit_test(test_modes_switched_while_exchange_is_busy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
