/* Working hours against a clock that is read minute by minute, and by name over the changes of clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gw_hours.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
enum { WEEKDAYS = 0x3e, ALL = 0x7f };

static const struct gw_zone utc = { 0 },
                            berlin = { -60, { 0, 180, 0, 10, 5, 0 }, { -60, 120, 0, 3, 5, 0 } },
                            sydney = { -600, { 0, 180, 0, 4, 1, 0 }, { -60, 120, 0, 10, 1, 0 } },
                            kolkata = { -330, { 0 }, { 0 } },
                            new_york = { 300, { 0, 120, 0, 11, 1, 0 }, { -60, 120, 0, 3, 2, 0 } },
                            dated = { -60,
                                      { 0, 180, 2025, 10, 26, 0 },
                                      { -60, 120, 2025, 3, 30, 0 } };

static gw_utc at(const char *text)
{
    gw_utc t;

    assert_int_equal(gw_utc_parse(gw_str_of(text), &t, NULL), GW_OK);
    return t;
}

static void test_offsets(void **state)
{
    static const struct {
        const struct gw_zone *zone;
        const char *at;
        int minutes;
    } c[] = {
        { &utc, "2026-07-01T00:00:00Z", 0 },
        { &berlin, "2026-03-29T00:59:59Z", 60 },
        { &berlin, "2026-03-29T01:00:00Z", 120 },
        { &berlin, "2026-10-25T00:59:59Z", 120 },
        { &berlin, "2026-10-25T01:00:00Z", 60 },
        { &berlin, "2026-12-31T23:59:59Z", 60 },
        { &sydney, "2026-04-04T15:59:59Z", 660 },
        { &sydney, "2026-04-04T16:00:00Z", 600 },
        { &sydney, "2026-10-03T16:00:00Z", 660 },
        { &sydney, "2026-12-31T13:30:00Z", 660 }, /* the next year, there */
        { &kolkata, "2026-07-01T00:00:00Z", 330 },
        { &new_york, "2026-03-08T06:59:59Z", -300 },
        { &new_york, "2026-03-08T07:00:00Z", -240 },
        { &dated, "2025-07-01T00:00:00Z", 120 },
        { &dated, "2026-07-01T00:00:00Z", 60 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        print_message("%s\n", c[i].at);
        assert_int_equal(gw_zone_offset(c[i].zone, at(c[i].at)), c[i].minutes * GW_MINUTE_MS);
    }
}

static const struct {
    const char *name;
    const struct gw_zone *zone;
    struct gw_work work[2];
    const char *now, *start, *end; /* NULL: at work */
} stretch[] = {
    { "night",
      &berlin,
      { { WEEKDAYS, 540, 1020 } },
      "2026-12-01T20:00:00Z",
      "2026-12-01T16:00:00Z",
      "2026-12-02T08:00:00Z" },
    { "the last minute", &berlin, { { WEEKDAYS, 540, 1020 } }, "2026-12-01T15:59:59Z", NULL, NULL },
    { "weekend",
      &berlin,
      { { WEEKDAYS, 540, 1020 } },
      "2026-12-06T12:00:00Z",
      "2026-12-04T16:00:00Z",
      "2026-12-07T08:00:00Z" },
    { "summer time begins at the weekend",
      &berlin,
      { { WEEKDAYS, 540, 1020 } },
      "2026-03-28T12:00:00Z",
      "2026-03-27T16:00:00Z",
      "2026-03-30T07:00:00Z" },
    { "and ends",
      &berlin,
      { { WEEKDAYS, 540, 1020 } },
      "2026-10-24T12:00:00Z",
      "2026-10-23T15:00:00Z",
      "2026-10-26T08:00:00Z" },
    { "begins in an hour that is not there",
      &berlin,
      { { ALL, 150, 300 } },
      "2026-03-29T01:00:00Z",
      "2026-03-28T04:00:00Z",
      "2026-03-29T01:30:00Z" },
    { "begins in an hour that is there twice",
      &berlin,
      { { ALL, 150, 300 } },
      "2026-10-25T00:00:00Z",
      "2026-10-24T03:00:00Z",
      "2026-10-25T00:30:00Z" },
    { "at lunch",
      &utc,
      { { WEEKDAYS, 480, 720 }, { WEEKDAYS, 780, 1020 } },
      "2026-12-01T12:30:00Z",
      "2026-12-01T12:00:00Z",
      "2026-12-01T13:00:00Z" },
    { "periods that touch are one",
      &utc,
      { { WEEKDAYS, 480, 720 }, { WEEKDAYS, 720, 1020 } },
      "2026-12-01T12:00:00Z",
      NULL,
      NULL },
    { "a shift over midnight", &utc, { { ALL, 1320, 360 } }, "2026-12-02T03:00:00Z", NULL, NULL },
    { "and its day",
      &utc,
      { { ALL, 1320, 360 } },
      "2026-12-02T12:00:00Z",
      "2026-12-02T06:00:00Z",
      "2026-12-02T22:00:00Z" },
    { "one day a week",
      &utc,
      { { 2, 540, 1020 } },
      "2026-12-03T12:00:00Z",
      "2026-11-30T17:00:00Z",
      "2026-12-07T09:00:00Z" },
    { "another date there",
      &sydney,
      { { WEEKDAYS, 540, 1020 } },
      "2026-11-30T00:00:00Z",
      NULL,
      NULL },
    { "always", &utc, { { ALL, 0, 1440 } }, "2026-12-02T12:00:00Z", NULL, NULL },
};

static void test_outside_by_name(void **state)
{
    struct gw_interval v[GW_OUTSIDE_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(stretch); i++) {
        struct gw_hours h = { .zone = *stretch[i].zone };
        gw_utc now = at(stretch[i].now);
        size_t n;

        while (h.count < 2 && stretch[i].work[h.count].days) {
            h.work[h.count] = stretch[i].work[h.count];
            h.count++;
        }
        assert_true(gw_hours_are_sound(&h));
        print_message("%s\n", stretch[i].name);
        n = gw_hours_outside(&h, now, now + 1, v);
        assert_int_equal(n, stretch[i].start ? 1 : 0);
        if (n) {
            assert_int_equal(v[0].start, at(stretch[i].start));
            assert_int_equal(v[0].end, at(stretch[i].end));
            assert_int_equal(gw_hours_next(&h, now), v[0].end);
        }
    }
}

static bool works_at(const struct gw_hours *h, gw_utc t)
{
    int64_t local = t + gw_zone_offset(&h->zone, t);
    int64_t day = local / GW_DAY_MS, minute = local % GW_DAY_MS / GW_MINUTE_MS;

    for (size_t i = 0; i < h->count; i++)
        if (h->work[i].days & 1u << (day + 4) % 7 && h->work[i].from <= minute &&
            minute < h->work[i].to)
            return true;
    return false;
}

/* Days with a change of the clock in working hours are left to the names above. */
static void test_against_a_clock(void **state)
{
    static const struct gw_zone *const zones[] = { &utc, &berlin, &sydney, &kolkata, &new_york };
    struct gw_interval v[GW_OUTSIDE_MAX];
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 60; round++) {
        struct gw_hours h = { .zone = *zones[round % COUNT(zones)], .count = 2 };
        gw_utc from = at("2026-01-01T00:00:00Z") + round * (gw_utc)(6 * (int64_t)GW_DAY_MS),
               to = from + 5 * (gw_utc)GW_DAY_MS, next;
        size_t n, k = 0;

        for (size_t i = 0; i < 2; i++) {
            seed = seed * 1664525u + 1013904223u;
            h.work[i].days = (unsigned char)(seed >> 24 & ALL);
            h.work[i].from = (short)(240 + (seed >> 8) % 500);
            h.work[i].to = (short)(h.work[i].from + 1 + (seed >> 4) % 600);
        }
        n = gw_hours_outside(&h, from, to, v);
        next = gw_hours_next(&h, from);
        for (gw_utc t = from; t < to; t += GW_MINUTE_MS) {
            bool works = works_at(&h, t);

            while (k < n && v[k].end <= t)
                k++;
            if (h.work[0].days | h.work[1].days)
                assert_int_equal(k < n && v[k].start <= t, !works);
            if (t > from && works != works_at(&h, t - GW_MINUTE_MS)) {
                assert_true(t >= next);
                if (t == next)
                    next = gw_hours_next(&h, t);
            }
            assert_true(next > t);
        }
    }
}

static void test_what_cannot_be_told(void **state)
{
    struct gw_hours h = { .count = 1, .work = { { WEEKDAYS, 540, 1020 } } };
    struct gw_interval v[GW_OUTSIDE_MAX];
    gw_utc t = at("2026-12-01T00:00:00Z");

    (void)state;
    assert_int_not_equal(gw_hours_outside(&h, t, t + (gw_utc)GW_DAY_MS, v), 0);
    assert_int_equal(gw_hours_outside(&h, t, t - 1, v), 0);
    assert_int_equal(gw_hours_outside(&h, t, t + 22 * (gw_utc)GW_DAY_MS, v), 0);
    assert_int_equal(gw_hours_outside(&h, INT64_MIN, INT64_MIN + 1, v), 0);
    assert_int_equal(gw_hours_outside(&h, INT64_MAX - 1, INT64_MAX, v), 0);
    assert_true(gw_hours_next(&h, INT64_MAX) == GW_NEVER);
    h.count = 0; /* nobody is away for ever because no hours are set */
    assert_int_equal(gw_hours_outside(&h, t, t + (gw_utc)GW_DAY_MS, v), 0);
    assert_true(gw_hours_next(&h, t) == GW_NEVER);
    /* the most that there can be */
    h = (struct gw_hours){ .count = GW_WORK_MAX };
    for (short i = 0; i < GW_WORK_MAX; i++)
        h.work[i] = (struct gw_work){ ALL, (short)(100 * i), (short)(100 * i + 50) };
    for (int64_t shift = 0; shift < GW_DAY_MS; shift += 5 * GW_HOUR_MS + 1) {
        size_t n = gw_hours_outside(&h, t + shift, t + shift + 21 * (gw_utc)GW_DAY_MS, v);

        assert_in_range(n, 21 * GW_WORK_MAX, GW_OUTSIDE_MAX);
    }
}

static void test_soundness(void **state)
{
    static const struct gw_hours bad[] = {
        { .count = GW_WORK_MAX + 1 },
        { .count = 1, .work = { { 0x80, 0, 60 } } },
        { .count = 1, .work = { { 1, -1, 60 } } },
        { .count = 1, .work = { { 1, 0, 1441 } } },
        { .zone = { .bias = 1441 } },
        { .zone = { .standard = { .month = 13 } } },
        { .zone = { .standard = { .order = 6 } } },
        { .zone = { .standard = { .order = 32, .year = 2026 } } },
        { .zone = { .daylight = { .weekday = 7 } } },
        { .zone = { .daylight = { .minute = 1440 } } },
        { .zone = { .daylight = { .bias = -1441 } } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(gw_hours_are_sound(&bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets),         cmocka_unit_test(test_outside_by_name),
        cmocka_unit_test(test_against_a_clock), cmocka_unit_test(test_what_cannot_be_told),
        cmocka_unit_test(test_soundness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
