/* Days of series: every pattern, its ends, and its corners, in tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gw_time.h"
#include "mock_recur.h"

enum { SHOWN = 6, SUN = 1, MON = 2, TUE = 4, WED = 8, THU = 16, FRI = 32, SAT = 64, ANY = 127 };

static int64_t day_of(const char *date)
{
    char text[32];
    gw_utc t;

    snprintf(text, sizeof(text), "%sT00:00:00Z", date);
    assert_int_equal(gw_utc_parse(gw_str_of(text), &t, NULL), GW_OK);
    return t / GW_DAY_MS;
}

static const struct {
    struct mock_recur recur;
    const char *first, *last; /* as handed in; last NULL: no end */
    const char *days;         /* the first six, as written below */
} series[] = {
    { { .pattern = MOCK_DAILY, .interval = 1 },
      "2026-02-27",
      NULL,
      "2026-02-27 02-28 03-01 03-02 03-03 03-04" },
    { { .pattern = MOCK_DAILY, .interval = 3 },
      "2028-02-27",
      NULL,
      "2028-02-27 03-01 03-04 03-07 03-10 03-13" },
    { { .pattern = MOCK_DAILY, .interval = 2 },
      "2026-11-20",
      "2026-11-25",
      "2026-11-20 11-22 11-24" },
    { { .pattern = MOCK_DAILY, .interval = 1, .count = 2 },
      "2026-12-31",
      NULL,
      "2026-12-31 01-01" },
    { { .pattern = MOCK_WEEKLY, .interval = 1, .weekdays = MON | WED | FRI },
      "2026-11-19",
      NULL,
      "2026-11-20 11-23 11-25 11-27 11-30 12-02" }, /* begins on a Thursday */
    { { .pattern = MOCK_WEEKLY, .interval = 2, .weekdays = TUE | SUN },
      "2026-11-17",
      NULL,
      "2026-11-17 11-29 12-01 12-13 12-15 12-27" }, /* weeks from Sunday */
    { { .pattern = MOCK_WEEKLY, .interval = 2, .weekdays = TUE | SUN, .first_weekday = 1 },
      "2026-11-17",
      NULL,
      "2026-11-17 11-22 12-01 12-06 12-15 12-20" }, /* weeks from Monday */
    { { .pattern = MOCK_WEEKLY, .interval = 1, .weekdays = SAT, .count = 3 },
      "2026-11-20",
      NULL,
      "2026-11-21 11-28 12-05" },
    { { .pattern = MOCK_MONTHLY, .interval = 1, .day = 31 },
      "2026-01-31",
      NULL,
      "2026-01-31 02-28 03-31 04-30 05-31 06-30" },
    { { .pattern = MOCK_MONTHLY, .interval = 12, .day = 29 },
      "2027-02-01",
      NULL,
      "2027-02-28 02-29 02-28 02-28 02-28 02-29" },
    { { .pattern = MOCK_MONTHLY, .interval = 5, .day = 3 },
      "2026-10-20",
      NULL,
      "2027-03-03 08-03 01-03 06-03 11-03 04-03" }, /* October's 3rd is over */
    { { .pattern = MOCK_MONTHLY_RELATIVE, .interval = 1, .weekdays = SUN, .order = 5 },
      "2026-01-01",
      NULL,
      "2026-01-25 02-22 03-29 04-26 05-31 06-28" },
    { { .pattern = MOCK_MONTHLY_RELATIVE, .interval = 1, .weekdays = TUE, .order = 2 },
      "2026-11-11",
      NULL,
      "2026-12-08 01-12 02-09 03-09 04-13 05-11" },
    { { .pattern = MOCK_MONTHLY_RELATIVE,
        .interval = 1,
        .weekdays = MON | TUE | WED | THU | FRI,
        .order = 5 },
      "2026-01-01",
      NULL,
      "2026-01-30 02-27 03-31 04-30 05-29 06-30" }, /* last working day */
    { { .pattern = MOCK_MONTHLY_RELATIVE, .interval = 1, .weekdays = ANY, .order = 4 },
      "2026-01-01",
      "2026-03-31",
      "2026-01-04 02-04 03-04" },
    { { .pattern = MOCK_MONTHLY_RELATIVE, .interval = 1, .weekdays = SAT | SUN, .order = 1 },
      "2026-08-01",
      NULL,
      "2026-08-01 09-05 10-03 11-01 12-05 01-02" },
    { { .pattern = MOCK_YEARLY, .interval = 1, .day = 29, .month = 2 },
      "2027-03-01",
      NULL,
      "2028-02-29 02-28 02-28 02-28 02-29 02-28" },
    { { .pattern = MOCK_YEARLY_RELATIVE, .interval = 1, .weekdays = THU, .order = 4, .month = 11 },
      "2026-01-01",
      "2028-12-31",
      "2026-11-26 11-25 11-23" },
    { { .pattern = MOCK_YEARLY_RELATIVE, .interval = 1, .weekdays = SUN, .order = 5, .month = 3 },
      "1969-01-01",
      NULL,
      "1969-03-30 03-29 03-28 03-26 03-25 03-31" },
};

static struct mock_recur recur_of(size_t i)
{
    struct mock_recur r = series[i].recur;

    r.first_day = day_of(series[i].first);
    r.last_day = series[i].last ? day_of(series[i].last) : MOCK_NO_DAY;
    return r;
}

static void day_write(int64_t day, bool first, struct gw_buf *out)
{
    struct gw_civil c;

    gw_utc_to_civil(day * GW_DAY_MS, &c);
    if (first)
        gw_buf_addf(out, "%04d-%02d-%02d", c.year, c.month, c.day);
    else
        gw_buf_addf(out, " %02d-%02d", c.month, c.day);
}

static void test_days(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(series) / sizeof(*series); i++) {
        struct mock_recur r = recur_of(i);
        struct gw_buf text;
        int64_t day = INT64_MIN / 4;

        gw_buf_init(&text, 200);
        assert_int_equal(mock_recur_settle(&r, NULL), GW_OK);
        for (int n = 0; n < SHOWN && (day = mock_recur_next(&r, day)) != MOCK_NO_DAY; n++, day++)
            day_write(day, n == 0, &text);
        if (strcmp(text.p, series[i].days) != 0)
            fail_msg("series %zu: '%s', not '%s'", i, text.p, series[i].days);
        gw_buf_done(&text);
    }
}

/* Asked about any day, the answer is that of counting through. */
static void test_from_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(series) / sizeof(*series); i++) {
        struct mock_recur r = recur_of(i);
        int64_t begin = r.first_day - 40, day, last = MOCK_NO_DAY, count = 0;

        assert_int_equal(mock_recur_settle(&r, NULL), GW_OK);
        for (int64_t from = begin; from < begin + 5000; from++) {
            day = mock_recur_next(&r, from);
            assert_true(day >= from);
            assert_int_equal(mock_recur_has(&r, from), day == from);
            if (day == from) {
                last = day;
                assert_int_equal(mock_recur_nth(&r, ++count), day);
            } else { /* nothing lies between */
                assert_int_equal(day, mock_recur_next(&r, from + 1));
            }
            if (from <= r.last_day)
                assert_int_equal(mock_recur_before(&r, from + 1), last);
        }
        if (r.last_day != MOCK_NO_DAY) {
            assert_int_equal(mock_recur_last(&r), last);
            assert_int_equal(mock_recur_nth(&r, count + 1), MOCK_NO_DAY);
        } else {
            assert_int_equal(mock_recur_last(&r), MOCK_NO_DAY);
        }
    }
}

static void test_refused(void **state)
{
    static const struct mock_recur bad[] = {
        { .pattern = MOCK_DAILY, .interval = 0 },
        { .pattern = MOCK_DAILY, .interval = 1000 },
        { .pattern = MOCK_DAILY, .interval = 1, .count = 1000 },
        { .pattern = MOCK_WEEKLY, .interval = 1 },
        { .pattern = MOCK_WEEKLY, .interval = 1, .weekdays = 128 },
        { .pattern = MOCK_MONTHLY, .interval = 1, .day = 0 },
        { .pattern = MOCK_MONTHLY, .interval = 1, .day = 32 },
        { .pattern = MOCK_MONTHLY_RELATIVE, .interval = 1, .weekdays = SUN, .order = 6 },
        { .pattern = MOCK_MONTHLY_RELATIVE, .interval = 1, .order = 1 },
        { .pattern = MOCK_YEARLY, .interval = 1, .day = 1, .month = 13 },
        { .pattern = MOCK_DAILY, .interval = 1, .first_day = 10, .last_day = 9 },
        { .pattern = MOCK_YEARLY, .interval = 999, .day = 1, .month = 1, .count = 4 },
        { .pattern = MOCK_DAILY, .interval = 1, .first_day = 924064, .last_day = MOCK_NO_DAY },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct mock_recur r = bad[i];

        assert_int_equal(mock_recur_settle(&r, NULL), GW_INVALID);
    }
}

/* Calendars end with the year 4499. */
static void test_end_of_time(void **state)
{
    struct mock_recur r = {
        .pattern = MOCK_YEARLY, .interval = 1, .day = 31, .month = 12, .last_day = MOCK_NO_DAY
    };

    (void)state;
    assert_int_equal(mock_recur_settle(&r, NULL), GW_OK);
    assert_int_equal(mock_recur_next(&r, 924063), 924063);
    assert_int_equal(mock_recur_next(&r, 924064), MOCK_NO_DAY);
    assert_int_equal(mock_recur_nth(&r, 2530), 924063);
    assert_int_equal(mock_recur_nth(&r, 2531), MOCK_NO_DAY);
    r.last_day = 924064 + 366; /* an end that is said, and is later */
    assert_int_equal(mock_recur_last(&r), 924063);
    r.interval = 999; /* 1970, 2969, 3968 */
    r.count = 3;
    assert_int_equal(mock_recur_settle(&r, NULL), GW_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_from_anywhere),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_end_of_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
