/* Budgets on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mock_throttle.h"

/* A second for 100 ms of the server's time: 10 requests of 100 ms at once, then one a second. */
static const struct mock_throttle_policy policy = { .on = true,
                                                    .concurrency = 3,
                                                    .burst_ms = 1000,
                                                    .recharge_ms = 360000,
                                                    .cutoff_ms = 500,
                                                    .cost_ms = 100,
                                                    .minute_ms = 60000 };

static enum mock_gate pass(struct mock_throttle *t, const char *budget, gw_time at,
                           int64_t *back_off_ms)
{
    struct gw_now now = { at, at };
    struct mock_charge *charge;
    enum mock_gate gate = mock_throttle_enter(t, gw_str_of(budget), now, &charge, back_off_ms);

    mock_charge_end(&charge, now);
    return gate;
}

static void test_budget(void **state)
{
    struct mock_throttle *t = mock_throttle_new();
    int64_t wait;

    (void)state;
    mock_throttle_set(t, &policy);
    /* 1000 ms in advance, and 500 ms below zero, each request costs 100: 16 leave -600 */
    for (int i = 0; i < 16; i++)
        assert_int_equal(pass(t, "ann", 0, &wait), MOCK_GATE_OPEN);
    assert_int_equal(wait, -1);
    assert_int_equal(pass(t, "ann", 0, &wait), MOCK_GATE_BUSY);
    assert_int_equal(wait, 6001);                               /* 600 ms at 100 ms a second */
    assert_int_equal(pass(t, "bob", 0, &wait), MOCK_GATE_OPEN); /* another's budget */
    assert_int_equal(pass(t, "ann", 5999, &wait), MOCK_GATE_BUSY);
    assert_int_equal(pass(t, "ann", 6001, &wait), MOCK_GATE_OPEN);
    /* and then it is as before: down to -500 */
    for (int i = 0; i < 5; i++)
        assert_int_equal(pass(t, "ann", 6001, &wait), MOCK_GATE_OPEN);
    assert_int_equal(pass(t, "ann", 6001, &wait), MOCK_GATE_BUSY);
    /* never more than full */
    for (int i = 0; i < 16; i++)
        assert_int_equal(pass(t, "ann", 1000000, &wait), MOCK_GATE_OPEN);
    assert_int_equal(pass(t, "ann", 1000000, &wait), MOCK_GATE_BUSY);
    assert_int_equal(mock_throttle_totals(t)->busy, 4);
    mock_throttle_free(&t);
}

static void test_short_minutes(void **state)
{
    struct mock_throttle_policy quick = policy;
    struct mock_throttle *t = mock_throttle_new();
    int64_t wait;

    (void)state;
    quick.minute_ms = 1000; /* an hour is a minute */
    mock_throttle_set(t, &quick);
    for (int i = 0; i < 16; i++)
        assert_int_equal(pass(t, "ann", 0, &wait), MOCK_GATE_OPEN);
    assert_int_equal(pass(t, "ann", 0, &wait), MOCK_GATE_BUSY);
    assert_int_equal(wait, 101);
    mock_throttle_free(&t);
}

static void test_long_requests_cost_their_time(void **state)
{
    struct mock_throttle *t = mock_throttle_new();
    struct mock_charge *charge;
    int64_t wait;

    (void)state;
    mock_throttle_set(t, &policy);
    assert_int_equal(mock_throttle_enter(t, GW_STR("ann"), (struct gw_now){ 0, 0 }, &charge, &wait),
                     MOCK_GATE_OPEN);
    mock_charge_end(&charge, (struct gw_now){ 10000, 10000 });
    assert_null(charge);
    assert_int_equal(pass(t, "ann", 10000, &wait), MOCK_GATE_BUSY);
    assert_int_equal(wait, 90001); /* 1000 - 10000: full when the time is taken off */
    mock_throttle_free(&t);
}

static void test_concurrency(void **state)
{
    struct mock_throttle *t = mock_throttle_new();
    struct mock_charge *charge[4];
    struct gw_now now = { 0, 0 };
    int64_t wait;

    (void)state;
    mock_throttle_set(t, &policy);
    for (int i = 0; i < 3; i++)
        assert_int_equal(mock_throttle_enter(t, GW_STR("ann"), now, &charge[i], &wait),
                         MOCK_GATE_OPEN);
    assert_int_equal(mock_throttle_enter(t, GW_STR("ann"), now, &charge[3], &wait),
                     MOCK_GATE_CONNECTIONS);
    assert_null(charge[3]);
    assert_int_equal(pass(t, "bob", 0, &wait), MOCK_GATE_OPEN);
    mock_charge_end(&charge[0], now);
    assert_int_equal(pass(t, "ann", 0, &wait), MOCK_GATE_OPEN);
    mock_throttle_reset(t); /* with charges that are open */
    for (int i = 0; i < 3; i++)
        mock_charge_end(&charge[i], now);
    assert_int_equal(mock_throttle_totals(t)->connections, 0);
    mock_throttle_free(&t);
}

static void test_notifications_count(void **state)
{
    struct mock_throttle_policy narrow = policy;
    struct mock_throttle *t = mock_throttle_new();
    struct mock_charge *charge;
    struct gw_now now = { 0, 0 }, later = { 5000, 5000 };
    int64_t wait;

    (void)state;
    assert_null(mock_throttle_count(t, GW_STR("ann"), now)); /* nothing is limited */
    narrow.concurrency = 1;
    mock_throttle_set(t, &narrow);
    charge = mock_throttle_count(t, GW_STR("ann"), now);
    assert_int_equal(pass(t, "ann", 0, &wait), MOCK_GATE_CONNECTIONS);
    mock_charge_end(&charge, later);
    /* its time is not charged: 16 requests go, as ever */
    for (int i = 0; i < 16; i++)
        assert_int_equal(pass(t, "ann", 5000, &wait), MOCK_GATE_OPEN);
    assert_int_equal(pass(t, "ann", 5000, &wait), MOCK_GATE_BUSY);
    narrow.by_account = true;
    mock_throttle_set(t, &narrow);
    assert_null(mock_throttle_count(t, GW_STR("ann"), now));
    mock_throttle_free(&t);
}

static void test_haste(void **state)
{
    struct mock_throttle *t = mock_throttle_new();
    int64_t wait;

    (void)state;
    mock_throttle_set(t, &policy);
    for (int i = 0; i < 17; i++)
        (void)pass(t, "ann", 0, &wait);
    assert_int_equal(wait, 6001);
    (void)pass(t, "ann", MOCK_THROTTLE_GRACE_MS, &wait); /* was under way */
    (void)pass(t, "bob", 3000, &wait);
    assert_int_equal(mock_throttle_totals(t)->hasty, 0);
    (void)pass(t, "ann", MOCK_THROTTLE_GRACE_MS + 1, &wait);
    (void)pass(t, "ann", 6000, &wait);
    assert_int_equal(mock_throttle_totals(t)->hasty, 2);
    (void)pass(t, "ann", 6001, &wait);
    assert_int_equal(mock_throttle_totals(t)->hasty, 2);
    mock_throttle_free(&t);
}

static void test_off(void **state)
{
    struct mock_throttle *t = mock_throttle_new();
    int64_t wait;

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(pass(t, "ann", 0, &wait), MOCK_GATE_OPEN);
    mock_throttle_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_short_minutes),
        cmocka_unit_test(test_long_requests_cost_their_time),
        cmocka_unit_test(test_concurrency),
        cmocka_unit_test(test_notifications_count),
        cmocka_unit_test(test_haste),
        cmocka_unit_test(test_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
