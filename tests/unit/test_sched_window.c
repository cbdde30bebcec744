/* Windows, rules and parameters: what is pure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched_priv.h"

#define DAY  ((gw_utc)GW_DAY_MS)
#define HOUR ((gw_utc)GW_HOUR_MS)
#define T0   INT64_C(1796083200000) /* 2026-12-01T00:00:00Z */

/* At every moment and for every user: until it rolls, today and tomorrow of every zone are in it. */
static void test_window_holds_today_and_tomorrow_until_it_rolls(void **state)
{
    static const uint32_t hash[] = { 0, 1, 0x40000000u, 0x7fffffffu, 0xffffffffu };

    (void)state;
    for (gw_utc now = T0 - 3 * DAY; now < T0; now += 7 * GW_MINUTE_MS + 13) {
        for (size_t h = 0; h < sizeof(hash) / sizeof(hash[0]); h++) {
            struct sched_window w = sched_window_of(now, hash[h], 0);
            gw_utc last_local_day = w.roll - 12 * HOUR; /* UTC-12 */

            assert_true(w.from <= now && now < w.to);
            assert_true(w.roll > now && w.roll < w.to);
            assert_true(w.roll - now <= 2 * DAY);
            assert_true(w.to - last_local_day >= 2 * DAY);
            assert_int_equal(w.from % DAY, 0);
            assert_int_equal(w.to % DAY, 0);
        }
    }
}

static void test_narrowed_windows_roll_later_than_now(void **state)
{
    (void)state;
    for (unsigned narrow = 1; narrow <= SCHED_NARROW_MAX; narrow++) {
        for (gw_utc now = T0; now < T0 + 2 * DAY; now += 11 * GW_MINUTE_MS + 7) {
            struct sched_window w = sched_window_of(now, (uint32_t)now * 2654435761u, narrow);

            assert_true(w.from <= now && now < w.to);
            assert_true(w.roll > now + HOUR && w.roll < w.to);
            assert_true(w.to - w.from <= 2 * DAY);
        }
    }
}

static void test_windows_before_1970(void **state)
{
    struct sched_window w = sched_window_of(-1, 0, 0);

    (void)state;
    assert_int_equal(w.from, -2 * DAY);
    assert_int_equal(w.to, 3 * DAY);
}

static void test_every_class_has_its_rule(void **state)
{
    (void)state;
    for (int c = EWS_OK; c <= EWS_SERVER_DOWN; c++)
        assert_int_equal(sched_rule_of((enum ews_class)c)->class, c);
    assert_int_equal(sched_rule_of((enum ews_class)99)->action, SCHED_ACTION_RETRY);
}

static const struct {
    enum ews_class class;
    bool alive;
    enum sched_effect effect;
} effect_case[] = {
    { EWS_OK, true, SCHED_EFFECT_ALIVE },
    { EWS_BUSY, true, SCHED_EFFECT_THROTTLED },
    { EWS_CONNECTION_LIMIT, true, SCHED_EFFECT_CROWDED },
    { EWS_MAILBOX, true, SCHED_EFFECT_ALIVE },
    { EWS_CREDENTIALS, false, SCHED_EFFECT_REFUSED },
    { EWS_CREDENTIALS, true, SCHED_EFFECT_REFUSED },
    { EWS_CONFIG, true, SCHED_EFFECT_ALIVE },
    { EWS_CONFIG, false, SCHED_EFFECT_REFUSED },
    { EWS_SERVER_DOWN, false, SCHED_EFFECT_FAILURE },
    { EWS_BAD_ANSWER, false, SCHED_EFFECT_FAILURE },
    { EWS_BAD_ANSWER, true, SCHED_EFFECT_ALIVE },
};

static void test_a_soap_answer_proves_life(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(effect_case) / sizeof(effect_case[0]); i++) {
        struct ews_status status = { .class = effect_case[i].class, .alive = effect_case[i].alive };

        assert_int_equal(sched_rule_effect(&status), effect_case[i].effect);
    }
}

static const struct {
    const char *key, *value;
    enum gw_code rc;
} param_case[] = {
    { "calendar.status_frequency_min", "1", GW_OK },
    { "calendar.status_frequency_min", "1440", GW_OK },
    { "calendar.status_frequency_min", "0", GW_INVALID },
    { "calendar.status_frequency_min", "1441", GW_INVALID },
    { "calendar.notification_port", "1023", GW_INVALID },
    { "calendar.notification_port", "65535", GW_OK },
    { "calendar.spread_s", "auto", GW_OK },
    { "calendar.spread_s", "59", GW_OK },
    { "calendar.spread_s", "60", GW_INVALID },
    { "calendar.exchange_timeout_s", "21", GW_INVALID },
    { "calendar.exchange_queue", "5000", GW_OK },
    { "calendar.exchange_queue", "5001", GW_INVALID },
    { "calendar.exchange_threads", "0", GW_INVALID },
    { "calendar.exchange_threads", "100", GW_OK },
    { "calendar.oof_display", "hide", GW_OK },
    { "calendar.oof_display", "maybe", GW_INVALID },
    { "calendar.oof_poll_min", "1440", GW_OK },
    { "calendar.source", "push", GW_OK },
    { "calendar.source", "streaming", GW_OK },
    { "calendar.source", "poll", GW_OK },
    { "calendar.source", "pull", GW_INVALID },
    { "calendar.poll_min", "0", GW_INVALID },
    { "calendar.cross_check_min", "4", GW_INVALID },
};

static void test_parameters(void **state)
{
    struct sched_settings settings;
    struct gw_err err;

    (void)state;
    sched_settings_default(&settings);
    assert_int_equal(settings.status_frequency_min, 60);
    assert_int_equal(settings.notification_port, 50020);
    assert_int_equal(settings.spread_s, 50);
    assert_int_equal(settings.exchange_timeout_s, 3);
    assert_int_equal(settings.exchange_queue, 2200);
    assert_int_equal(settings.exchange_threads, 60);
    assert_int_equal(settings.oof_poll_min, 10);
    assert_int_equal(settings.oof_display, SCHED_OOF_DISPLAY);
    for (size_t i = 0; i < sizeof(param_case) / sizeof(param_case[0]); i++) {
        const struct gw_param *p =
            gw_param_find(sched_params, sched_param_count, gw_str_of(param_case[i].key));

        assert_non_null(p);
        assert_int_equal(gw_param_set(p, &settings, gw_str_of(param_case[i].value), &err),
                         param_case[i].rc);
    }
    assert_int_equal(settings.spread_s, 59);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_holds_today_and_tomorrow_until_it_rolls),
        cmocka_unit_test(test_narrowed_windows_roll_later_than_now),
        cmocka_unit_test(test_windows_before_1970),
        cmocka_unit_test(test_every_class_has_its_rule),
        cmocka_unit_test(test_a_soap_answer_proves_life),
        cmocka_unit_test(test_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
