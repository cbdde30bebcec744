/* Time zones by rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "mock_zone_named.h"

/* clang-format off */
static const struct mock_zone utc = { 0, { 0 }, { 0 } };
static const struct mock_zone cet = { -60, { 0,  3 * 3600, 5, 10, 0, 0 }, { -60, 2 * 3600, 5, 3, 0, 0 } };
static const struct mock_zone eastern = { 300, { 0, 2 * 3600, 1, 11, 0, 0 }, { -60, 2 * 3600, 2, 3, 0, 0 } };
static const struct mock_zone sydney = { -600, { 0, 3 * 3600, 1, 4, 0, 0 }, { -60, 2 * 3600, 1, 10, 0, 0 } };
static const struct mock_zone dummy = { -330, { 0, 0, 1, 1, 0, 0 }, { 0, 0, 5, 1, 0, 0 } };
static const struct mock_zone dated = { -60, { 0, 3 * 3600, 26, 10, 0, 2025 }, { -60, 2 * 3600, 30, 3, 0, 2025 } };

static const struct {
    const struct mock_zone *zone;
    const char *utc, *local;
} pair[] = {
    { &utc,     "2026-11-20T12:00:00Z", "2026-11-20T12:00:00" },
    { &cet,     "2026-11-20T12:00:00Z", "2026-11-20T13:00:00" },
    { &cet,     "2026-07-20T12:00:00Z", "2026-07-20T14:00:00" },
    { &cet,     "2026-03-29T00:59:59Z", "2026-03-29T01:59:59" },
    { &cet,     "2026-03-29T01:00:00Z", "2026-03-29T03:00:00" },
    { &cet,     "2026-10-25T00:30:00Z", "2026-10-25T02:30:00" },
    { &cet,     "2026-12-31T23:30:00Z", "2027-01-01T00:30:00" },
    { &eastern, "2026-03-08T06:59:59Z", "2026-03-08T01:59:59" },
    { &eastern, "2026-03-08T07:00:00Z", "2026-03-08T03:00:00" },
    { &eastern, "2026-11-01T06:30:00Z", "2026-11-01T01:30:00" },
    { &eastern, "2026-11-01T07:00:00Z", "2026-11-01T02:00:00" },
    { &sydney,  "2026-01-01T00:00:00Z", "2026-01-01T11:00:00" },
    { &sydney,  "2026-07-01T00:00:00Z", "2026-07-01T10:00:00" },
    { &dummy,   "2026-01-20T00:00:00Z", "2026-01-20T05:30:00" },
    { &dated,   "2025-07-01T00:00:00Z", "2025-07-01T02:00:00" },
    { &dated,   "2026-07-01T00:00:00Z", "2026-07-01T01:00:00" },
};
/* clang-format on */

static gw_utc at(const char *text)
{
    gw_utc t;

    assert_int_equal(gw_utc_parse(gw_str_of(text), &t, NULL), GW_OK);
    return t;
}

static void test_utc_to_local(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pair) / sizeof(*pair); i++) {
        struct gw_buf text;

        gw_buf_init(&text, 64);
        mock_zone_write(pair[i].zone, at(pair[i].utc), &text);
        assert_string_equal(text.p, pair[i].local);
        gw_buf_done(&text);
    }
}

/* All of them but the hour that comes twice and is read as the first. */
static void test_local_to_utc(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pair) / sizeof(*pair); i++) {
        gw_utc t;

        assert_int_equal(mock_zone_parse(pair[i].zone, gw_str_of(pair[i].local), &t), GW_OK);
        if (pair[i].zone == &eastern && at(pair[i].utc) == at("2026-11-01T06:30:00Z"))
            assert_int_equal(t, at("2026-11-01T05:30:00Z"));
        else
            assert_int_equal(t, at(pair[i].utc));
    }
}

static void test_offset_wins(void **state)
{
    gw_utc t;

    (void)state;
    assert_int_equal(mock_zone_parse(&cet, GW_STR("2026-07-20T12:00:00Z"), &t), GW_OK);
    assert_int_equal(t, at("2026-07-20T12:00:00Z"));
    assert_int_equal(mock_zone_parse(&cet, GW_STR("2026-07-20T12:00:00-05:00"), &t), GW_OK);
    assert_int_equal(t, at("2026-07-20T17:00:00Z"));
    assert_int_not_equal(mock_zone_parse(&cet, GW_STR("2026-07-20"), &t), GW_OK);
    assert_int_not_equal(mock_zone_parse(&cet, GW_STR(""), &t), GW_OK);
}

static const struct {
    const char *name, *id, *display, *utc, *local;
} named_case[] = {
    { "UTC", "UTC", "(UTC) Coordinated Universal Time", "2026-07-01T00:00:00Z",
      "2026-07-01T00:00:00" },
    { "Europe/Berlin", "W. Europe Standard Time", "(UTC+01:00) Berlin", "2026-03-29T00:59:59Z",
      "2026-03-29T01:59:59" },
    { "W. Europe Standard Time", "W. Europe Standard Time", "(UTC+01:00) Berlin",
      "2026-03-29T01:00:00Z", "2026-03-29T03:00:00" },
    { "Eastern Standard Time", "Eastern Standard Time", "(UTC-05:00) New York",
      "2006-03-20T12:00:00Z", "2006-03-20T07:00:00" }, /* April was its month until 2006 */
    { "Eastern Standard Time", "Eastern Standard Time", "(UTC-05:00) New York",
      "2026-03-20T12:00:00Z", "2026-03-20T08:00:00" },
    { "New Zealand Standard Time", "New Zealand Standard Time", "(UTC+12:00) Auckland",
      "2026-01-01T00:00:00Z", "2026-01-01T13:00:00" },
    { "Asia/Kolkata", "India Standard Time", "(UTC+05:30) Kolkata", "2026-01-01T00:00:00Z",
      "2026-01-01T05:30:00" },
    { "Russian Standard Time", "Russian Standard Time", "(UTC+03:00) Moscow",
      "2013-01-01T00:00:00Z", "2013-01-01T04:00:00" },
};

static void test_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(named_case) / sizeof(*named_case); i++) {
        struct mock_zone_named zone;
        struct gw_buf text;
        gw_utc t;

        assert_true(mock_zone_find(gw_str_of(named_case[i].name), &zone));
        assert_string_equal(zone.id, named_case[i].id);
        assert_string_equal(zone.display, named_case[i].display);
        assert_int_equal(gw_utc_parse(gw_str_of(named_case[i].utc), &t, NULL), GW_OK);
        gw_buf_init(&text, 64);
        mock_zone_write(mock_zone_at(&zone, t), t, &text);
        assert_string_equal(text.p, named_case[i].local);
        gw_buf_done(&text);
    }
}

static void test_unnamed(void **state)
{
    static const char *const name[] = { "", "Atlantis Standard Time", "\xff", "Europe/Nowhere" };
    struct mock_zone_named zone;

    (void)state;
    for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++)
        assert_false(mock_zone_find(gw_str_of(name[i]), &zone));
}

static void test_all_are_asked_for_once(void **state)
{
    struct mock_zones *zones = mock_zones_new();
    size_t count, again;
    const struct mock_zone_named *all = mock_zones_all(zones, &count);

    (void)state;
    assert_true(count > 100);
    for (size_t i = 0; i < count; i++) {
        assert_true(!i || strcmp(all[i - 1].id, all[i].id) < 0);
        assert_true(all[i].run_count > 0 && all[i].run_count <= MOCK_ZONE_RUNS_MAX);
    }
    assert_ptr_equal(mock_zones_all(zones, &again), all);
    assert_int_equal(again, count);
    mock_zones_free(&zones);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utc_to_local), cmocka_unit_test(test_local_to_utc),
        cmocka_unit_test(test_offset_wins),  cmocka_unit_test(test_named),
        cmocka_unit_test(test_unnamed),      cmocka_unit_test(test_all_are_asked_for_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
