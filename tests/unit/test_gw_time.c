#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "gw_time.h"

static const struct {
    const char *in;
    gw_utc want; /* -1: refused */
} parse_case[] = {
    { "1970-01-01T00:00:00Z", 0 },
    { "2026-11-20T09:15:02Z", 1795166102000 },
    { "2026-11-20T09:15:02", 1795166102000 }, /* no zone: UTC */
    { "2026-11-20T10:15:02+01:00", 1795166102000 },
    { "2026-11-20T03:45:02-05:30", 1795166102000 },
    { "2026-11-20T23:15:02+14:00", 1795166102000 },
    { "2026-11-19T19:15:02-14:00", 1795166102000 },
    { "2026-11-20T09:15:02+00:00", 1795166102000 },
    { "2026-11-20T09:15:02.25Z", 1795166102250 },
    { "2026-11-20T09:15:02.0009999999999999999999Z", 1795166102000 },
    { "2026-11-20T09:15:02.123456789", 1795166102123 },
    { "2026-11-20T24:00:00Z", 1795219200000 },
    { "2026-11-20T24:00:00.000Z", 1795219200000 },
    { "2026-12-31T24:00:00Z", 1798761600000 },
    { "2024-02-29T00:00:00Z", 1709164800000 },
    { "2000-02-29T00:00:00Z", 951782400000 },
    { "9999-12-31T23:59:59.999Z", 253402300799999 },

    { "2026-02-29T00:00:00Z", -1 },
    { "1900-02-29T00:00:00Z", -1 },
    { "2026-04-31T00:00:00Z", -1 },
    { "2026-00-10T00:00:00Z", -1 },
    { "2026-13-10T00:00:00Z", -1 },
    { "2026-01-00T00:00:00Z", -1 },
    { "0000-01-01T00:00:00Z", -1 },
    { "-2026-01-01T00:00:00Z", -1 },
    { "12026-01-01T00:00:00Z", -1 },
    { "2026-11-20T24:00:01Z", -1 },
    { "2026-11-20T24:00:00.001Z", -1 },
    { "2026-11-20T24:00:00.0001Z", -1 },
    { "2026-11-20T25:00:00Z", -1 },
    { "2026-11-20T09:60:00Z", -1 },
    { "2026-11-20T09:15:60Z", -1 },
    { "2026-11-20T09:15Z", -1 },
    { "2026-11-20", -1 },
    { "2026-11-20 09:15:02Z", -1 },
    { "2026-11-20t09:15:02z", -1 },
    { "2026-11-20T09:15:02.Z", -1 },
    { "2026-11-20T09:15:02,5Z", -1 },
    { "2026-11-20T09:15:02ZZ", -1 },
    { "2026-11-20T09:15:02+1:00", -1 },
    { "2026-11-20T09:15:02+14:01", -1 },
    { "2026-11-20T09:15:02+01:60", -1 },
    { "2026-11-20T09:15:02+0100", -1 },
    { "2026-11-20T09:15:02+01:00Z", -1 },
    { "2026-11-20T-9:15:02Z", -1 },
    { "2026-1 -20T09:15:02Z", -1 },
    { " 2026-11-20T09:15:02Z", -1 },
    { "", -1 },
    { "Z", -1 },
};

static void parses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(parse_case) / sizeof(*parse_case); i++) {
        struct gw_err err = { 0 };
        gw_utc t = -1;
        enum gw_code rc = gw_utc_parse(gw_str_of(parse_case[i].in), &t, &err);

        print_message("'%s'\n", parse_case[i].in);
        assert_int_equal(rc, parse_case[i].want == -1 ? GW_BADMSG : GW_OK);
        assert_true(t == parse_case[i].want);
        if (rc)
            assert_non_null(strstr(err.msg, "not a date and time: '"));
    }
}

static const struct {
    gw_utc t;
    const char *want;
} write_case[] = {
    { 0, "1970-01-01T00:00:00Z" },
    { 1795166102000, "2026-11-20T09:15:02Z" },
    { 1795166102250, "2026-11-20T09:15:02.250Z" },
    { -1, "1969-12-31T23:59:59.999Z" },
    { -62135596800000, "0001-01-01T00:00:00Z" },
    { GW_NEVER, "292278994-08-17T07:12:55.807Z" },
    { INT64_MIN, "-292275055-05-16T16:47:04.192Z" },
};

static void writes(void **state)
{
    char text[GW_UTC_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(write_case) / sizeof(*write_case); i++) {
        struct gw_buf b;

        assert_string_equal(gw_utc_text(write_case[i].t, text), write_case[i].want);
        gw_buf_init(&b, 100);
        gw_utc_write(write_case[i].t, &b);
        assert_string_equal(b.p, write_case[i].want);
        gw_buf_done(&b);
    }
}

/* The C library is the second opinion: every day of a thousand years, there and back. */
static void agrees_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = -200000; day < 200000; day++) {
        gw_utc t = day * GW_DAY_MS + 43210987;
        time_t seconds = (time_t)(day * 86400 + 43210);
        struct gw_civil c;
        struct tm tm;

        gw_utc_to_civil(t, &c);
        assert_non_null(gmtime_r(&seconds, &tm));
        if (c.year != tm.tm_year + 1900 || c.month != tm.tm_mon + 1 || c.day != tm.tm_mday ||
            c.hour != tm.tm_hour || c.minute != tm.tm_min || c.second != tm.tm_sec || c.ms != 987 ||
            c.weekday != tm.tm_wday)
            fail_msg("day %lld", (long long)day);
        assert_true(gw_civil_to_utc(&c) == t);
    }
}

static void adds(void **state)
{
    (void)state;
    assert_true(gw_time_after(5, 7) == 12);
    assert_true(gw_time_after(5, -7) == -2);
    assert_true(gw_time_after(GW_NEVER, 1) == GW_NEVER);
    assert_true(gw_time_after(GW_NEVER, -1) == GW_NEVER);
    assert_true(gw_time_after(GW_NEVER - 1, 2) == GW_NEVER);
    assert_true(gw_time_after(INT64_MIN, -1) == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(writes),
        cmocka_unit_test(agrees_with_the_c_library),
        cmocka_unit_test(adds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
