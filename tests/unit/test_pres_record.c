/* Roster entries: their limits, their order, and the form in which they are stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gw_mem.h"
#include "pres.h"
#include "pres_entry.h"
#include "pres_sub.h"

static const struct {
    const char *key, *value;
    enum gw_code rc;
} cases[] = {
    { "a@x b@x", "{\"subscription\":\"both\"}", GW_OK },
    { "a@x b@x", "{\"subscription\":\"to\",\"requested\":true,\"name\":\"B\\u00e9\"}", GW_OK },
    { "a@x b@x", "{\"subscription\":\"none\",\"requested\":true,\"hidden\":true}", GW_OK },
    { "a@x b@x", "{\"subscription\":\"none\",\"groups\":[\"one\",\"two\"]}", GW_OK },
    { "a@x", "{\"subscription\":\"both\"}", GW_BADMSG },
    { " b@x", "{\"subscription\":\"both\"}", GW_BADMSG },
    { "a@x ", "{\"subscription\":\"both\"}", GW_INVALID },
    { "a@x b@x c@x", "{\"subscription\":\"both\"}", GW_INVALID },
    { "a@x b@x", "", GW_BADMSG },
    { "a@x b@x", "[]", GW_BADMSG },
    { "a@x b@x", "{}", GW_BADMSG },
    { "a@x b@x", "{\"subscription\":\"remove\"}", GW_BADMSG },
    { "a@x b@x", "{\"subscription\":\"both\",\"ask\":true}", GW_INVALID },
    { "a@x b@x", "{\"subscription\":\"from\",\"requested\":true}", GW_INVALID },
    { "a@x b@x", "{\"subscription\":\"none\",\"groups\":[\"\"]}", GW_INVALID },
    { "a@x b@x", "{\"subscription\":\"none\",\"groups\":[7]}", GW_INVALID },
    { "a@x b@x", "{\"subscription\":\"none\",\"groups\":[\"one\",\"one\"]}", GW_INVALID },
    { "a@x b@x", "{\"subscription\":\"none\",\"name\":\"\\u0000\"}", GW_BADMSG },
};

static void parses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pres_entry *e = NULL;
        struct gw_str user;
        struct gw_err err;
        enum gw_code rc =
            pres_record_parse(gw_str_of(cases[i].key), gw_str_of(cases[i].value), &user, &e, &err);

        if (rc != cases[i].rc)
            fail_msg("'%s' %s: %s", cases[i].key, cases[i].value, gw_code_name(rc));
        free(e);
    }
}

static void assert_same(const struct pres_entry *a, const struct pres_entry *b)
{
    struct gw_str ga[PRES_GROUPS_MAX], gb[PRES_GROUPS_MAX];
    size_t n = pres_entry_groups(a, ga);

    assert_true(gw_str_eq(pres_entry_jid(a), pres_entry_jid(b)));
    assert_true(gw_str_eq(pres_entry_name(a), pres_entry_name(b)));
    assert_true(gw_str_eq(pres_entry_extra(a), pres_entry_extra(b)));
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->listed, b->listed);
    assert_int_equal(pres_entry_groups(b, gb), n);
    for (size_t i = 0; i < n; i++)
        assert_true(gw_str_eq(ga[i], gb[i]));
}

static void comes_back(const struct pres_entry_args *args)
{
    struct pres_entry *e = pres_entry_new(args), *back = NULL;
    struct gw_buf key, value;
    struct gw_str user;
    struct gw_err err;

    assert_int_equal(pres_entry_check(args, NULL), GW_OK);
    gw_buf_init(&key, STORE_KEY_MAX);
    gw_buf_init(&value, PRES_RECORD_MAX);
    pres_record_key(GW_STR("ann@a.example"), args->jid, &key);
    pres_record_write(e, &value);
    assert_false(key.failed);
    assert_false(value.failed);
    assert_int_equal(pres_record_parse(gw_buf_str(&key), gw_buf_str(&value), &user, &back, &err),
                     GW_OK);
    assert_true(gw_str_is(user, "ann@a.example"));
    assert_same(e, back);
    free(e);
    free(back);
    gw_buf_done(&key);
    gw_buf_done(&value);
}

static void writes_what_it_reads(void **state)
{
    const struct gw_str groups[] = { GW_STR("Work"), GW_STR("\"Qu\\otes\" & <tags>"),
                                     GW_STR("\xC3\xBC") };

    (void)state;
    comes_back(&(struct pres_entry_args){ .jid = GW_STR("bob@b.example"), .listed = true });
    comes_back(&(struct pres_entry_args){ .jid = GW_STR("bob@b.example"),
                                          .name = GW_STR("Bob \xF0\x9F\x98\x80"),
                                          .groups = groups,
                                          .group_count = 3,
                                          .state = PRES_TO | PRES_IN,
                                          .extra = GW_STR("<status>hi</status>"),
                                          .listed = true });
    comes_back(&(struct pres_entry_args){ .jid = GW_STR("c@c"), .state = PRES_IN });
}

/* Everything at its limit, and all of it needs escaping. */
static void writes_the_largest(void **state)
{
    struct gw_str groups[PRES_GROUPS_MAX];
    char text[PRES_GROUPS_MAX][PRES_GROUP_NAME_MAX];
    char jid[PRES_JID_MAX], name[PRES_NAME_MAX], extra[PRES_REQUEST_EXTRA_MAX];

    (void)state;
    memset(jid, 'j', sizeof(jid));
    memset(name, 1, sizeof(name));
    memset(extra, 2, sizeof(extra));
    for (int i = 0; i < PRES_GROUPS_MAX; i++) {
        memset(text[i], 3, PRES_GROUP_NAME_MAX);
        text[i][0] = (char)('0' + i);
        groups[i] = (struct gw_str){ text[i], PRES_GROUP_NAME_MAX };
    }
    comes_back(&(struct pres_entry_args){ .jid = { jid, sizeof(jid) },
                                          .name = { name, sizeof(name) },
                                          .extra = { extra, sizeof(extra) },
                                          .groups = groups,
                                          .group_count = PRES_GROUPS_MAX,
                                          .state = PRES_IN });
}

static void sorts(void **state)
{
    static const char *const jids[] = { "m@x", "c@x", "z@x", "a@x", "b@x", "y@x", "c@x", "n@x" };
    struct pres_roster r = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(jids) / sizeof(jids[0]); i++)
        pres_roster_place(&r,
                          pres_entry_new(&(struct pres_entry_args){ .jid = gw_str_of(jids[i]) }));
    assert_int_equal(r.count, 7);
    for (uint32_t i = 1; i < r.count; i++)
        assert_true(gw_str_cmp(pres_entry_jid(r.entries[i - 1]), pres_entry_jid(r.entries[i])) < 0);
    assert_non_null(pres_roster_find(&r, GW_STR("n@x")));
    pres_roster_take_out(&r, GW_STR("n@x"));
    pres_roster_take_out(&r, GW_STR("nobody@x"));
    assert_null(pres_roster_find(&r, GW_STR("n@x")));
    assert_int_equal(r.count, 6);
    pres_roster_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(writes_the_largest),
        cmocka_unit_test(sorts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
