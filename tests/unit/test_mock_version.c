/* What there is in which version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mock_version.h"

static const struct {
    const char *name;
    bool lenient, strict;
    enum mock_version version;
} name_case[] = {
    { "Exchange2007", true, true, MOCK_V2007 },
    { "Exchange2007_SP1", true, true, MOCK_V2007_SP1 },
    { "Exchange2010_SP2", true, true, MOCK_V2010_SP2 },
    { "Exchange2013_SP1", true, true, MOCK_V2013_SP1 },
    { "Exchange2016", true, true, MOCK_V2016 },
    { "V2017_07_11", true, true, MOCK_VERSION_NEWEST },
    { "Exchange2019", true, false, MOCK_VERSION_NEWEST },
    { "V2099_01_01", true, false, MOCK_VERSION_NEWEST },
    { "exchange2010", false, false, MOCK_V2007 },
    { "Banana", false, false, MOCK_V2007 },
    { "", false, false, MOCK_V2007 },
    { "Exchange20000000000000000000000000000000000000000000000000000000000", false, false,
      MOCK_V2007 },
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(name_case) / sizeof(*name_case); i++) {
        struct gw_str name = gw_str_of(name_case[i].name);
        enum mock_version version = MOCK_V2007;

        assert_int_equal(mock_version_parse(name, false, &version), name_case[i].lenient);
        assert_int_equal(version, name_case[i].version);
        assert_int_equal(mock_version_parse(name, true, &version), name_case[i].strict);
    }
}

static const struct {
    const char *name;
    int major, minor;
    enum mock_version newest;
    unsigned window_days_max, hanging_max;
    enum mock_id_form id_form;
} product_case[] = {
    { "2007", 8, 1, MOCK_V2007_SP1, 42, 0, MOCK_ID_GUID },
    { "2007 SP1", 8, 1, MOCK_V2007_SP1, 42, 0, MOCK_ID_GUID },
    { "2010 sp2", 14, 2, MOCK_V2010_SP2, 42, 10, MOCK_ID_SERVER },
    { "2013 SP1", 15, 0, MOCK_V2013_SP1, 62, 3, MOCK_ID_SERVER },
    { "2016", 15, 1, MOCK_VERSION_NEWEST, 62, 10, MOCK_ID_SERVER_MAILBOX },
    { "2019", 15, 2, MOCK_VERSION_NEWEST, 62, 10, MOCK_ID_SERVER_MAILBOX },
    { "se", 15, 2, MOCK_VERSION_NEWEST, 62, 10, MOCK_ID_SERVER_MAILBOX },
};

static void test_products(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(product_case) / sizeof(*product_case); i++) {
        const struct mock_product *product = mock_product_find(gw_str_of(product_case[i].name));

        assert_non_null(product);
        assert_int_equal(product->major, product_case[i].major);
        assert_int_equal(product->minor, product_case[i].minor);
        assert_int_equal(product->newest, product_case[i].newest);
        assert_int_equal(product->window_days_max, product_case[i].window_days_max);
        assert_int_equal(product->hanging_max, product_case[i].hanging_max);
        assert_int_equal(product->id_form, product_case[i].id_form);
        assert_int_equal(!product->hanging_max,
                         !mock_version_has(product->newest, MOCK_HAS_STREAMING));
    }
    assert_null(mock_product_find(GW_STR("2003")));
    assert_null(mock_product_find(GW_STR("")));
}

static void test_features(void **state)
{
    (void)state;
    assert_false(mock_version_has(MOCK_V2010, MOCK_HAS_FREE_BUSY_CHANGED));
    assert_true(mock_version_has(MOCK_V2010_SP1, MOCK_HAS_FREE_BUSY_CHANGED));
    assert_false(mock_version_has(MOCK_V2010_SP1, MOCK_HAS_SMTP_IMPERSONATION));
    assert_false(mock_version_has(MOCK_V2010_SP2, MOCK_HAS_WORKING_ELSEWHERE));
    assert_true(mock_version_has(MOCK_VERSION_NEWEST, MOCK_HAS_WORKING_ELSEWHERE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_features),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
