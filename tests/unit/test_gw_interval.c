#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gw_interval.h"

static void normalises(void **state)
{
    struct gw_interval v[] = {
        { 50, 60, GW_BUSY_BUSY, 0, 0 }, { 10, 20, GW_BUSY_OOF, 0, 0 },
        { 10, 20, GW_BUSY_FREE, 0, 0 }, { 30, 30, GW_BUSY_BUSY, 0, 0 },
        { 10, 15, GW_BUSY_BUSY, 0, 0 }, { 50, 60, GW_BUSY_BUSY, 0, 0 },
        { 70, 65, GW_BUSY_BUSY, 0, 0 }, { 50, 60, GW_BUSY_BUSY, GW_INTERVAL_PRIVATE, 0 },
        { 10, 20, GW_BUSY_FREE, 0, 0 },
    };
    static const struct gw_interval want[] = {
        { 10, 15, GW_BUSY_BUSY, 0, 0 },
        { 10, 20, GW_BUSY_FREE, 0, 0 },
        { 10, 20, GW_BUSY_OOF, 0, 0 },
        { 50, 60, GW_BUSY_BUSY, 0, 0 },
        { 50, 60, GW_BUSY_BUSY, GW_INTERVAL_PRIVATE, 0 },
    };
    size_t n = gw_intervals_normalise(v, sizeof(v) / sizeof(*v));

    (void)state;
    assert_true(gw_intervals_eq(v, n, want, sizeof(want) / sizeof(*want)));
    assert_false(gw_intervals_eq(v, n - 1, want, n));
    v[0].flags ^= GW_INTERVAL_MEETING;
    assert_false(gw_intervals_eq(v, n, want, n));
    assert_int_equal(gw_intervals_normalise(NULL, 0), 0);
    assert_true(gw_intervals_eq(NULL, 0, NULL, 0));
}

static const struct gw_interval day[] = {
    { 100, 200, GW_BUSY_BUSY, 0, 0 },
    { 150, 300, GW_BUSY_TENTATIVE, 0, 0 },
    { 300, 400, GW_BUSY_BUSY, 0, 0 }, /* back to back */
    { 500, 500, GW_BUSY_BUSY, 0, 0 }, /* never runs */
};

static const struct {
    gw_utc now, want;
    struct gw_oof oof;
} boundary_case[] = {
    { 0, 100, { 0 } },
    { 99, 100, { 0 } },
    { 100, 150, { 0 } },
    { 150, 200, { 0 } },
    { 200, 300, { 0 } },
    { 300, 400, { 0 } },
    { 400, GW_NEVER, { 0 } },
    { 0, 50, { GW_OOF_SCHEDULED, 50, 450 } },
    { 50, 100, { GW_OOF_SCHEDULED, 50, 450 } },
    { 400, 450, { GW_OOF_SCHEDULED, 50, 450 } },
    { 450, GW_NEVER, { GW_OOF_SCHEDULED, 50, 450 } },
    { 400, GW_NEVER, { GW_OOF_SCHEDULED, 460, 450 } },
    { 400, GW_NEVER, { GW_OOF_ENABLED, 50, 450 } },
    { 400, GW_NEVER, { GW_OOF_DISABLED, 50, 450 } },
};

static void finds_the_next_boundary(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(boundary_case) / sizeof(*boundary_case); i++)
        assert_true(gw_intervals_next_boundary(day, 4, &boundary_case[i].oof,
                                               boundary_case[i].now) == boundary_case[i].want);
    assert_true(gw_intervals_next_boundary(day, 4, NULL, 0) == 100);
    assert_true(gw_intervals_next_boundary(NULL, 0, NULL, 0) == GW_NEVER);
}

static const struct {
    struct gw_oof oof;
    gw_utc now;
    bool is_active;
} oof_case[] = {
    { { GW_OOF_DISABLED, 10, 20 }, 15, false }, { { GW_OOF_ENABLED, 10, 20 }, 25, true },
    { { GW_OOF_SCHEDULED, 10, 20 }, 9, false }, { { GW_OOF_SCHEDULED, 10, 20 }, 10, true },
    { { GW_OOF_SCHEDULED, 10, 20 }, 19, true }, { { GW_OOF_SCHEDULED, 10, 20 }, 20, false },
};

static void out_of_office(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(oof_case) / sizeof(*oof_case); i++)
        assert_int_equal(gw_oof_is_active(&oof_case[i].oof, oof_case[i].now),
                         oof_case[i].is_active);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(gw_busy_name(GW_BUSY_ELSEWHERE), "WorkingElsewhere");
    assert_string_equal(gw_busy_name(GW_BUSY_OOF), "OOF");
    assert_string_equal(gw_busy_name(GW_BUSY_NODATA), "NoData");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalises),
        cmocka_unit_test(finds_the_next_boundary),
        cmocka_unit_test(out_of_office),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
