#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gw_histogram.h"

static void test_empty(void **state)
{
    struct gw_histogram h = { 0 };

    (void)state;
    assert_int_equal(gw_histogram_quantile(&h, 500), 0);
    assert_int_equal(gw_histogram_quantile(&h, 1000), 0);
    assert_int_equal(gw_histogram_up_to(&h, INT64_MAX), 0);
}

static void test_one_value(void **state)
{
    static const int64_t value[] = { 0, 1, 3, 4, 7, 8, 100, 65535, UINT32_MAX, INT64_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
        struct gw_histogram h = { 0 };

        gw_histogram_add(&h, value[i]);
        assert_int_equal(h.count, 1);
        assert_int_equal(h.max, value[i]);
        assert_int_equal(gw_histogram_quantile(&h, 1), value[i]); /* never above the greatest */
        assert_int_equal(gw_histogram_quantile(&h, 1000), value[i]);
        assert_int_equal(gw_histogram_up_to(&h, INT64_MAX - 1), value[i] < UINT32_MAX);
    }
}

static void test_any_value_to_a_quarter(void **state)
{
    (void)state;
    for (int64_t v = 1; v < 2000000; v += 1 + v / 50) {
        struct gw_histogram h = { 0 };
        int64_t told;

        gw_histogram_add(&h, v);
        gw_histogram_add(&h, INT32_MAX);
        told = gw_histogram_quantile(&h, 500);
        assert_true(told >= v && told <= v + v / 4);
    }
}

static void test_quantiles(void **state)
{
    struct gw_histogram h = { 0 };

    (void)state;
    for (int64_t v = 1; v <= 1000; v++)
        gw_histogram_add(&h, v);
    assert_int_equal(h.sum, 500500);
    assert_in_range(gw_histogram_quantile(&h, 500), 500, 625);
    assert_in_range(gw_histogram_quantile(&h, 990), 990, 1000);
    assert_int_equal(gw_histogram_quantile(&h, 1000), 1000);
    assert_int_equal(gw_histogram_up_to(&h, 127), 127);
    assert_int_equal(gw_histogram_up_to(&h, 511), 511);
    assert_int_equal(gw_histogram_up_to(&h, 0), 0);
}

static void test_below_zero_counts_as_zero(void **state)
{
    struct gw_histogram h = { 0 };

    (void)state;
    gw_histogram_add(&h, -5);
    assert_int_equal(h.bucket[0], 1);
    assert_int_equal(h.sum, 0);
}

static void test_sum_does_not_overflow(void **state)
{
    struct gw_histogram h = { 0 };

    (void)state;
    gw_histogram_add(&h, INT64_MAX);
    gw_histogram_add(&h, INT64_MAX);
    assert_int_equal(h.sum, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_one_value),
        cmocka_unit_test(test_any_value_to_a_quarter),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_below_zero_counts_as_zero),
        cmocka_unit_test(test_sum_does_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
