/* Filters over users: what they hit, and what is said of those that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dir_filter.h"

static const struct dir_user ann = {
    .jid = GW_STR_INIT("ann@example.com"),
    .id = GW_STR_INIT("ann"),
    .domain = GW_STR_INIT("example.com"),
    .mail = GW_STR_INIT("Ann.B@corp.example"),
    .display_name = GW_STR_INIT("Ann 'B' M\xc3\xbcller"),
    .department = GW_STR_INIT("Sales (EU)"),
    .group = GW_STR_INIT("and"),
    .im_enabled = true,
    .has_password = true,
};

static void test_matches(void **state)
{
    static const struct {
        const char *filter;
        bool hit;
    } c[] = {
        { "user = ann@example.com", true },
        { "user = 'ANN@example.com'", true },
        { "id=ann", true },
        { "id = an", false },
        { "id prefix an", true },
        { "id prefix annn", false },
        { "domain != example.com", false },
        { "mail contains .B@CORP", true },
        { "mail contains ''", true },
        { "name = \"Ann 'B' M\xc3\xbcller\"", true },
        { "department = 'Sales (EU)'", true },
        { "department prefix sales", true },
        { "group = 'and'", true },
        { "group = and", true }, /* a value is a value */
        { "zone = ''", true },
        { "zone != ''", false },
        { "im", true },
        { "im = yes", true },
        { "im != yes", false },
        { "im = no", false },
        { "calendar", false },
        { "not calendar", true },
        { "calendar != 1", true },
        { "password = on", true },
        { "hide_oof = OFF", true },
        { "im and calendar", false },
        { "im or calendar", true },
        { "calendar or calendar or im", true },
        { "calendar and im or im", true },    /* 'and' binds closer */
        { "calendar and (im or im)", false }, /* than 'or' */
        { "im or im and calendar", true },
        { "not im or im", true },
        { "not (im or im)", false },
        { "not not im", true },
        { "NOT (id=bob OR id=carl) AND im", true },
        { "((((id=ann))))", true },
        { " \t id \r\n = ann ", true },
        { "user prefix [id]", true }, /* what stands in another field */
        { "user = [id]", false },
        { "user contains [domain] and user != [domain]", true },
        { "id = '[id]'", false },
        { "id != [", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct dir_filter *f = NULL;
        struct gw_err err = { 0 };

        if (dir_filter_parse(gw_str_of(c[i].filter), &f, &err))
            fail_msg("'%s': %s", c[i].filter, err.msg);
        if (dir_filter_matches(f, &ann) != c[i].hit)
            fail_msg("'%s'", c[i].filter);
        dir_filter_free(&f);
    }
}

static void test_refused(void **state)
{
    static char long_one[DIR_FILTER_MAX + 2], many[DIR_FILTER_MAX + 1], deep[200];
    static const struct {
        const char *filter, *says;
    } c[] = {
        { "", "a field (such as" },
        { "   ", "at its end" },
        { "dept = x", "at 'dept'" },
        { "id", "=, !=, contains or prefix is expected at its end" },
        { "id ann", "at 'ann'" },
        { "id == ann", "a value is expected at '='" },
        { "id =", "a value is expected at its end" },
        { "id = )", "a value is expected at ')'" },
        { "id = 'ann", "quotation mark is missing" },
        { "id = '", "quotation mark is missing" },
        { "id = ann id = bob", "'and' or 'or' is expected at 'id'" },
        { "id = ann and", "a field" },
        { "and id = ann", "at 'and'" },
        { "(id = ann", "')', 'and' or 'or' is expected at its end" },
        { "id = ann)", "'and' or 'or' is expected at ')'" },
        { "()", "a field" },
        { "not", "a field" },
        { "im = maybe", "im is yes or no" },
        { "im contains yes", "at 'contains'" },
        { "id < ann", "at '<'" },
        { "id = \xff", "not UTF-8" },
        { "id = [nothing]", "a field of text in brackets" },
        { "id = [im]", "a field of text in brackets" },
        { "id = []", "a field of text in brackets" },
        { long_one, "longer than" },
        { many, "more than" },
        { deep, "nested more than" },
    };

    (void)state;
    memset(long_one, ' ', sizeof(long_one) - 1);
    strcpy(many, "im"); /* NOLINT: a test's own text */
    for (int i = 0; i < DIR_FILTER_NODES_MAX; i++)
        strcat(many, " or im"); /* NOLINT */
    memset(deep, '(', sizeof(deep) - 1);
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct dir_filter *f = NULL;
        struct gw_err err = { 0 };

        if (dir_filter_parse(gw_str_of(c[i].filter), &f, &err) != GW_INVALID ||
            !strstr(err.msg, c[i].says) || f)
            fail_msg("'%.60s': '%s'", c[i].filter, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
