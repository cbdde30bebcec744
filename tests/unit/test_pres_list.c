/* Lists of rules: whom they mean, and their records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pres_list.h"
#include "pres_sub.h"

#define LIST(text) "{\"lists\":[{\"name\":\"a\",\"rules\":[" text "]}]}"

static void roster_put(struct pres_roster *r, const char *jid, const char *group, unsigned state,
                       bool polite)
{
    const struct gw_str groups[] = { gw_str_of(group) };

    pres_roster_place(r, pres_entry_new(&(struct pres_entry_args){ .jid = gw_str_of(jid),
                                                                   .groups = groups,
                                                                   .group_count = group[0] ? 1 : 0,
                                                                   .state = (unsigned char)state,
                                                                   .listed = true,
                                                                   .polite = polite }));
}

static void rules_mean(void **state)
{
    static const struct {
        const char *rule; /* the only one, which denies */
        const char *jid;
        unsigned kind;
        bool denies;
    } cases[] = {
        { "", "eve@b.example", PRES_KIND_MESSAGE, true },
        { ",\"jid\":\"eve@b.example\"", "eve@b.example", PRES_KIND_IQ, true },
        { ",\"jid\":\"eve@b.example\"", "eve@b.example/x", PRES_KIND_REQUEST, true },
        { ",\"jid\":\"eve@b.example\"", "even@b.example", PRES_KIND_IQ, false },
        { ",\"jid\":\"eve@b.example/x\"", "eve@b.example/x", PRES_KIND_IQ, true },
        { ",\"jid\":\"eve@b.example/x\"", "eve@b.example/y", PRES_KIND_IQ, false },
        { ",\"jid\":\"eve@b.example/x\"", "eve@b.example", PRES_KIND_IQ, false },
        { ",\"jid\":\"b.example/x\"", "b.example/x", PRES_KIND_IQ, true },
        { ",\"jid\":\"b.example/x\"", "eve@b.example/x", PRES_KIND_IQ, false },
        { ",\"jid\":\"b.example\"", "b.example", PRES_KIND_IQ, true },
        { ",\"jid\":\"b.example\"", "b.example/x", PRES_KIND_IQ, true },
        { ",\"jid\":\"b.example\"", "eve@b.example/x", PRES_KIND_IQ, true },
        { ",\"jid\":\"b.example\"", "eve@deep.b.example", PRES_KIND_IQ, true },
        { ",\"jid\":\"b.example\"", "eve@web.example", PRES_KIND_IQ, false },
        { ",\"jid\":\"b.example\"", "eve@xb.example", PRES_KIND_IQ, false },
        { ",\"kinds\":[\"message\"]", "eve@b.example", PRES_KIND_MESSAGE, true },
        { ",\"kinds\":[\"message\"]", "eve@b.example", PRES_KIND_IQ, false },
        { ",\"kinds\":[\"message\",\"iq\",\"presence-in\",\"presence-out\"]", "eve@b.example",
          PRES_KIND_REQUEST, false },
        { ",\"kinds\":[\"presence-in\"]", "eve@b.example", PRES_KIND_PRESENCE_OUT, false },
        { ",\"group\":\"Foes\"", "foe@b.example/x", PRES_KIND_MESSAGE, true },
        { ",\"group\":\"Foes\"", "friend@b.example", PRES_KIND_MESSAGE, false },
        { ",\"group\":\"Foes\"", "eve@b.example", PRES_KIND_MESSAGE, false },
        { ",\"subscription\":\"both\"", "friend@b.example", PRES_KIND_MESSAGE, true },
        { ",\"subscription\":\"both\"", "foe@b.example", PRES_KIND_MESSAGE, false },
        { ",\"subscription\":\"to\"", "foe@b.example", PRES_KIND_MESSAGE, true },
        { ",\"subscription\":\"from\"", "polite@b.example", PRES_KIND_MESSAGE, false },
        { ",\"subscription\":\"none\"", "polite@b.example", PRES_KIND_MESSAGE, true },
        { ",\"subscription\":\"none\"", "eve@b.example", PRES_KIND_MESSAGE, true },
    };
    struct pres_roster roster = { 0 };

    (void)state;
    roster_put(&roster, "foe@b.example", "Foes", PRES_TO, false);
    roster_put(&roster, "friend@b.example", "Work", PRES_TO | PRES_FROM, false);
    roster_put(&roster, "polite@b.example", "", PRES_FROM, true);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pres_list_who who = { .bare = gw_str_of(cases[i].jid), .roster = &roster };
        struct pres_lists *lists = NULL;
        char text[512];

        (void)gw_str_cut(who.bare, "/", &who.bare, &who.resource);
        snprintf(text, sizeof(text), LIST("{\"order\":1,\"action\":\"deny\"%s}"), cases[i].rule);
        assert_int_equal(pres_lists_parse(gw_str_of(text), &lists, NULL), GW_OK);
        if (pres_list_denies(lists->list[0], &who, cases[i].kind) != cases[i].denies)
            fail_msg("rule %s, %s", cases[i].rule, cases[i].jid);
        pres_lists_free(&lists);
    }
    pres_roster_done(&roster);
}

static void first_rule_counts(void **state)
{
    const struct pres_rule rules[] = {
        { .order = 30, .by = PRES_BY_NOTHING, .denies = true, .kinds = PRES_KIND_ALL },
        { .order = 7, .by = PRES_BY_JID, .value = GW_STR("b.example"), .kinds = PRES_KIND_IQ },
        { .order = 20, .by = PRES_BY_JID, .value = GW_STR("a@b.example"), .kinds = PRES_KIND_ALL },
    };
    const struct pres_roster nobody = { 0 };
    const struct pres_list_who a = { .bare = GW_STR("a@b.example"), .roster = &nobody };
    const struct pres_list_who c = { .bare = GW_STR("c@b.example"), .roster = &nobody };
    struct pres_list *list = NULL;

    (void)state;
    assert_int_equal(pres_list_new(GW_STR("x"), rules, 3, &list, NULL), GW_OK);
    assert_false(pres_list_denies(list, &a, PRES_KIND_MESSAGE));
    assert_true(pres_list_denies(list, &c, PRES_KIND_MESSAGE));
    assert_false(pres_list_denies(list, &c, PRES_KIND_IQ));
    assert_false(pres_list_denies(NULL, &c, PRES_KIND_MESSAGE));
    pres_list_free(&list);
}

static void bounds(void **state)
{
    static struct pres_rule rules[PRES_RULES_MAX + 1];
    static char long_text[PRES_LIST_BYTES_MAX + 1];
    struct pres_list *list = NULL;

    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    for (uint32_t i = 0; i < PRES_RULES_MAX + 1; i++)
        rules[i] = (struct pres_rule){ .order = i, .kinds = PRES_KIND_ALL };
    assert_int_equal(pres_list_new(GW_STR("x"), rules, PRES_RULES_MAX + 1, &list, NULL), GW_LIMIT);
    assert_int_equal(pres_list_new(GW_STR(""), rules, 1, &list, NULL), GW_INVALID);
    assert_int_equal(
        pres_list_new((struct gw_str){ long_text, PRES_LIST_NAME_MAX + 1 }, rules, 1, &list, NULL),
        GW_LIMIT);
    rules[1].order = 0;
    assert_int_equal(pres_list_new(GW_STR("x"), rules, 2, &list, NULL), GW_INVALID);
    rules[0].by = PRES_BY_SUBSCRIPTION;
    rules[0].value = GW_STR("remove");
    assert_int_equal(pres_list_new(GW_STR("x"), rules, 1, &list, NULL), GW_INVALID);
    rules[0].by = PRES_BY_GROUP;
    rules[0].value = (struct gw_str){ long_text, sizeof(long_text) };
    assert_int_equal(pres_list_new(GW_STR("x"), rules, 1, &list, NULL), GW_LIMIT);
    rules[0].by = PRES_BY_JID;
    rules[0].value = GW_STR("");
    assert_int_equal(pres_list_new(GW_STR("x"), rules, 1, &list, NULL), GW_INVALID);
    rules[0].value = GW_STR("a@b.example");
    rules[0].kinds = 0;
    assert_int_equal(pres_list_new(GW_STR("x"), rules, 1, &list, NULL), GW_INVALID);
    assert_null(list);
}

static void records(void **state)
{
    static const char good[] =
        "{\"default\":\"b\",\"lists\":[{\"name\":\"a\",\"rules\":[{\"order\":0,\"action\":"
        "\"allow\"}]},"
        "{\"name\":\"b\",\"rules\":[{\"order\":1,\"action\":\"deny\",\"jid\":\"x@y\",\"kinds\":["
        "\"message\","
        "\"presence-out\"]},{\"order\":4294967295,\"action\":\"deny\",\"group\":\"G\"}]}]}";
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"lists\":[]}",
        "{\"lists\":[{}]}",
        "{\"lists\":[{\"name\":\"a\",\"rules\":[]}]}",
        "{\"lists\":[{\"rules\":[{\"order\":1,\"action\":\"deny\"}]}]}",
        LIST("{\"order\":1}"),
        LIST("{\"action\":\"deny\"}"),
        LIST("{\"order\":-1,\"action\":\"deny\"}"),
        LIST("{\"order\":4294967296,\"action\":\"deny\"}"),
        LIST("{\"order\":1,\"action\":\"deny\",\"kinds\":[]}"),
        LIST("{\"order\":1,\"action\":\"deny\",\"kinds\":[\"all\"]}"),
        LIST("{\"order\":1,\"action\":\"deny\",\"subscription\":\"any\"}"),
        LIST("{\"order\":1,\"action\":\"deny\"},{\"order\":1,\"action\":\"allow\"}"),
        ("{\"default\":\"b\",\"lists\":[{\"name\":\"a\",\"rules\":"
         "[{\"order\":0,\"action\":\"allow\"}]}]}"),
    };
    struct pres_lists *lists = NULL;
    struct gw_buf out;

    (void)state;
    assert_int_equal(pres_lists_parse(gw_str_of(good), &lists, NULL), GW_OK);
    assert_ptr_equal(lists->standing, lists->list[1]);
    gw_buf_init(&out, PRES_LISTS_RECORD_MAX);
    pres_lists_write(lists, &out);
    assert_true(gw_str_is(gw_buf_str(&out), good));
    gw_buf_done(&out);
    pres_lists_free(&lists);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (!pres_lists_parse(gw_str_of(bad[i]), &lists, NULL))
            fail_msg("taken: %s", bad[i]);
    }
    assert_null(lists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_mean),
        cmocka_unit_test(first_rule_counts),
        cmocka_unit_test(bounds),
        cmocka_unit_test(records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
