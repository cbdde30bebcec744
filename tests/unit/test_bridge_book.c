#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge.h"
#include "bridge_book.h"

static const struct bridge_person ann = { GW_STR_INIT("ann@x.example"), GW_STR_INIT("x.example"),
                                          GW_STR_INIT("sales") },
                                  bob = { GW_STR_INIT("bob@x.example"),
                                          GW_STR_INIT("x.example"),
                                          { NULL, 0 } },
                                  carl = { GW_STR_INIT("carl@y.example"), GW_STR_INIT("y.example"),
                                           GW_STR_INIT("sales") };

static void set(struct bridge_book *b, const char *scope, const char *key, const char *value)
{
    const struct gw_str v = gw_str_of(value);
    struct gw_err err;

    if (bridge_book_set(b, gw_str_of(scope), gw_str_of(key), value ? &v : NULL, &err))
        fail_msg("%s", err.msg);
}

static const char *shows(struct bridge_book *b, const struct bridge_person *person)
{
    const struct gw_interval v = { .start = 0, .end = 10, .busy = GW_BUSY_BUSY };
    struct bridge_look look;

    bridge_look(&(struct bridge_calendar){ .intervals = &v, .count = 1, .to = 10 },
                bridge_book_policy(b, person), 5, &look);
    return pres_calendar_kind_name(look.kind);
}

static void test_the_closest_counts(void **state)
{
    struct bridge_book *b = bridge_book_new();

    (void)state;
    assert_string_equal(shows(b, &ann), "in-a-meeting");
    set(b, "group:sales", "busy", "away");
    set(b, "everyone", "busy", "busy");
    set(b, "domain:y.example", "busy", "free");
    assert_string_equal(shows(b, &ann), "away");
    assert_string_equal(shows(b, &bob), "busy");
    assert_string_equal(shows(b, &carl), "away"); /* a group is closer than a domain */
    set(b, "user:carl@y.example", "busy", "do-not-disturb");
    assert_string_equal(shows(b, &carl), "do-not-disturb");
    set(b, "group:sales", "busy", NULL);
    set(b, "user:carl@y.example", "busy", NULL);
    assert_string_equal(shows(b, &ann), "busy");
    assert_string_equal(shows(b, &carl), "free");
    bridge_book_free(&b);
}

static void test_policies_are_shared(void **state)
{
    struct bridge_book *b = bridge_book_new();

    (void)state;
    assert_ptr_equal(bridge_book_policy(b, &ann), bridge_book_policy(b, &bob));
    set(b, "group:sales", "busy", "away");
    assert_ptr_equal(bridge_book_policy(b, &ann), bridge_book_policy(b, &carl));
    assert_ptr_not_equal(bridge_book_policy(b, &ann), bridge_book_policy(b, &bob));
    set(b, "user:nobody@x.example", "busy", "free");
    assert_ptr_equal(bridge_book_policy(b, &ann), bridge_book_policy(b, &carl));
    bridge_book_free(&b);
}

static void test_settings_are_listed_in_order(void **state)
{
    static const char *const expected[] = { "everyone free", "everyone busy", "domain:a busy",
                                            "domain:b busy", "group:a busy",  "user:a@a order" };
    struct bridge_book *b = bridge_book_new();
    struct bridge_setting s;
    size_t i;

    (void)state;
    set(b, "user:a@a", "order",
        "oof automatic-reply busy outside-hours working-elsewhere tentative free");
    set(b, "domain:b", "busy", "away");
    set(b, "everyone", "busy", "away");
    set(b, "group:a", "BUSY", "away");
    set(b, "domain:a", "busy", "away");
    set(b, "everyone", "free", "away");
    set(b, "everyone", "busy", "free");
    for (i = 0; bridge_book_setting(b, i, &s); i++) {
        char line[100];

        snprintf(line, sizeof(line), "%.*s %.*s", GW_STR_ARG(s.scope), GW_STR_ARG(s.key));
        assert_string_equal(line, expected[i]);
    }
    assert_int_equal(i, 6);
    assert_true(bridge_book_setting(b, 1, &s) && gw_str_is(s.value, "free"));
    bridge_book_free(&b);
}

static void add(struct bridge_book *b, const char *scope, const char *name, const char *before)
{
    struct gw_err err;

    if (bridge_book_rule_add(b, gw_str_of(scope), gw_str_of(name), GW_STR("busy = busy => away"),
                             gw_str_of(before), &err))
        fail_msg("%s", err.msg);
}

static void expect_rules(struct bridge_book *b, const char *expected)
{
    struct bridge_book_rule r;
    char names[200] = "";

    for (size_t i = 0; bridge_book_rule(b, i, &r); i++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%.*s", i ? " " : "",
                 GW_STR_ARG(r.name));
    assert_string_equal(names, expected);
}

static const char *rule_of(struct bridge_book *b, const struct bridge_person *person)
{
    struct gw_item item = { .interval = { .end = 10, .busy = GW_BUSY_BUSY } };
    const struct bridge_policy *p = bridge_book_policy(b, person);
    struct bridge_look look;

    item.interval.tag = bridge_policy_tag(p, &item);
    bridge_look(&(struct bridge_calendar){ .intervals = &item.interval, .count = 1, .to = 10 }, p,
                5, &look);
    return look.rule ? look.rule : "";
}

static void test_rules_in_their_order(void **state)
{
    struct bridge_book *b = bridge_book_new();
    struct gw_err err;

    (void)state;
    add(b, "group:sales", "g1", NULL);
    add(b, "everyone", "e1", NULL);
    add(b, "user:ann@x.example", "u1", NULL);
    add(b, "everyone", "e2", NULL);
    add(b, "everyone", "e0", "e1");
    add(b, "domain:x.example", "d1", NULL);
    expect_rules(b, "e0 e1 e2 d1 g1 u1");
    assert_string_equal(rule_of(b, &ann), "u1");
    assert_string_equal(rule_of(b, &bob), "d1");
    assert_string_equal(rule_of(b, &carl), "g1");
    assert_int_equal(bridge_book_rule_move(b, GW_STR("e0"), GW_STR(""), &err), GW_OK);
    expect_rules(b, "e1 e2 e0 d1 g1 u1");
    assert_int_equal(bridge_book_rule_move(b, GW_STR("e0"), GW_STR("e2"), &err), GW_OK);
    expect_rules(b, "e1 e0 e2 d1 g1 u1");
    assert_int_equal(bridge_book_rule_move(b, GW_STR("e1"), GW_STR("e2"), &err), GW_OK);
    expect_rules(b, "e0 e1 e2 d1 g1 u1");
    assert_int_equal(bridge_book_rule_move(b, GW_STR("e1"), GW_STR("e1"), &err), GW_OK);
    assert_int_equal(bridge_book_rule_move(b, GW_STR("e1"), GW_STR("g1"), &err), GW_INVALID);
    assert_int_equal(bridge_book_rule_move(b, GW_STR("e9"), GW_STR("e1"), &err), GW_NOTFOUND);
    assert_int_equal(bridge_book_rule_remove(b, GW_STR("u1"), &err), GW_OK);
    assert_int_equal(bridge_book_rule_remove(b, GW_STR("u1"), &err), GW_NOTFOUND);
    assert_string_equal(rule_of(b, &ann), "g1");
    expect_rules(b, "e0 e1 e2 d1 g1");
    bridge_book_free(&b);
}

static void test_extract(void **state)
{
    const struct bridge_person *const person[] = { &ann, &bob, &carl };
    static const char *const rules[] = { "e1 d1 g1 u1", "e1 d1", "e1 g1" };
    struct bridge_book *b = bridge_book_new(), *of_one;

    (void)state;
    add(b, "everyone", "e1", NULL);
    add(b, "user:ann@x.example", "u1", NULL);
    add(b, "group:sales", "g1", NULL);
    add(b, "domain:x.example", "d1", NULL);
    set(b, "domain:x.example", "busy", "free");
    set(b, "everyone", "busy", "busy");
    set(b, "user:ann@x.example", "busy", "do-not-disturb");
    for (size_t i = 0; i < sizeof(person) / sizeof(person[0]); i++) {
        of_one = bridge_book_extract(b, person[i], true);
        expect_rules(of_one, rules[i]);
        assert_string_equal(shows(of_one, person[i]), shows(b, person[i]));
        assert_string_equal(rule_of(of_one, person[i]), rule_of(b, person[i]));
        assert_int_equal(bridge_policy_mark(bridge_book_policy(of_one, person[i])),
                         bridge_policy_mark(bridge_book_policy(b, person[i])));
        bridge_book_free(&of_one);
    }
    of_one = bridge_book_extract(b, &carl, false);
    expect_rules(of_one, "");
    assert_string_equal(shows(of_one, &carl), "busy");
    assert_string_equal(shows(of_one, &ann), "busy"); /* what is hers is not there */
    add(of_one, "everyone", "e1", NULL);
    set(of_one, "everyone", "busy", "away");
    assert_string_equal(shows(b, &carl), "busy");
    bridge_book_free(&of_one);
    bridge_book_free(&b);
}

static unsigned id_of(struct bridge_book *b, const char *name)
{
    struct bridge_book_rule r;

    for (size_t i = 0; bridge_book_rule(b, i, &r); i++)
        if (gw_str_is(r.name, name))
            return r.id;
    return 0;
}

static void test_numbers_of_rules(void **state)
{
    struct bridge_book *b = bridge_book_new();
    struct gw_err err;
    unsigned before;

    (void)state;
    add(b, "everyone", "a", NULL);
    add(b, "everyone", "b", NULL);
    before = id_of(b, "a");
    assert_int_not_equal(before, id_of(b, "b"));
    assert_int_equal(
        bridge_book_rule_edit(b, GW_STR("a"), GW_STR("busy = busy => busy \"=>\""), &err), GW_OK);
    assert_int_not_equal(id_of(b, "a"), before); /* too careful, no more */
    before = id_of(b, "a");
    assert_int_equal(bridge_book_rule_edit(b, GW_STR("b"), GW_STR("busy = busy => free"), &err),
                     GW_OK);
    assert_int_equal(id_of(b, "b"), 2);
    assert_int_equal(bridge_book_rule_edit(b, GW_STR("a"), GW_STR("busy = oof => free"), &err),
                     GW_OK);
    assert_int_not_equal(id_of(b, "a"), before);
    bridge_book_free(&b);

    b = bridge_book_new();
    assert_int_equal(bridge_book_rule_restore(b, BRIDGE_RULE_ID_MAX, GW_STR("everyone"),
                                              GW_STR("last"), GW_STR("busy = oof => free"), &err),
                     GW_OK);
    add(b, "everyone", "next", NULL);
    assert_int_equal(id_of(b, "next"), 1);
    assert_int_equal(bridge_book_rule_restore(b, 1, GW_STR("everyone"), GW_STR("twice"),
                                              GW_STR("busy = oof => free"), &err),
                     GW_BADMSG);
    assert_int_equal(bridge_book_rule_restore(b, 0, GW_STR("everyone"), GW_STR("none"),
                                              GW_STR("busy = oof => free"), &err),
                     GW_BADMSG);
    bridge_book_free(&b);
}

static void test_refusals(void **state)
{
    static const char *const bad_scope[] = { "",        "all",    "user:",   "group:",
                                             "domain:", "team:x", "user:\n", "everyone:x" };
    static const char *const bad_name[] = { "", "two words", "a:b", "tab\t" };
    const struct gw_str away = GW_STR("away");
    struct bridge_book *b = bridge_book_new();
    char name[20];
    struct gw_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad_scope) / sizeof(bad_scope[0]); i++)
        assert_int_equal(bridge_book_set(b, gw_str_of(bad_scope[i]), GW_STR("busy"), &away, &err),
                         GW_INVALID);
    for (size_t i = 0; i < sizeof(bad_name) / sizeof(bad_name[0]); i++)
        assert_int_equal(bridge_book_rule_add(b, GW_STR("everyone"), gw_str_of(bad_name[i]),
                                              GW_STR("busy = busy => away"), GW_STR(""), &err),
                         GW_INVALID);
    assert_int_equal(bridge_book_set(b, GW_STR("everyone"), GW_STR("busi"), &away, &err),
                     GW_NOTFOUND);
    assert_int_equal(bridge_book_set(b, GW_STR("everyone"), GW_STR("busy"), NULL, &err),
                     GW_NOTFOUND);
    for (int i = 0; i < BRIDGE_SCOPE_RULES_MAX; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        add(b, "everyone", name, NULL);
    }
    assert_int_equal(bridge_book_rule_add(b, GW_STR("everyone"), GW_STR("more"),
                                          GW_STR("busy = busy => away"), GW_STR(""), &err),
                     GW_LIMIT);
    add(b, "group:sales", "more", NULL);
    assert_int_equal(bridge_book_rule_add(b, GW_STR("group:sales"), GW_STR("more"),
                                          GW_STR("busy = busy => away"), GW_STR(""), &err),
                     GW_EXISTS);
    bridge_book_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_closest_counts),
        cmocka_unit_test(test_policies_are_shared),
        cmocka_unit_test(test_settings_are_listed_in_order),
        cmocka_unit_test(test_rules_in_their_order),
        cmocka_unit_test(test_numbers_of_rules),
        cmocka_unit_test(test_extract),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
