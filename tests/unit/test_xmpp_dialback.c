/* Dialback keys: the example of XEP-0185, and what each part of one counts for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gw_mem.h"
#include "xmpp_dialback.h"

#define SECRET GW_STR("s3cr3tf0rd14lb4ck")
#define KEY    "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643"

static void test_example(void **state)
{
    char key[XMPP_DIALBACK_KEY_MAX];

    (void)state;
    xmpp_dialback_key(SECRET, GW_STR("xmpp.example.com"), GW_STR("example.org"),
                      GW_STR("D60000229F"), key);
    assert_string_equal(key, KEY);
}

static const struct {
    const char *key, *secret, *receiving, *originating, *id;
    bool is_ours;
} key_case[] = {
    { KEY, "s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.org", "D60000229F", true },
    { KEY, "another", "xmpp.example.com", "example.org", "D60000229F", false },
    { KEY, "s3cr3tf0rd14lb4ck", "example.org", "xmpp.example.com", "D60000229F", false },
    { KEY, "s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.net", "D60000229F", false },
    { KEY, "s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.org", "D60000229E", false },
    { KEY "0", "s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.org", "D60000229F", false },
    { "", "s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.org", "D60000229F", false },
};

static void test_is_ours(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof key_case / sizeof key_case[0]; i++) {
        if (xmpp_dialback_is_ours(gw_str_of(key_case[i].key), gw_str_of(key_case[i].secret),
                                  gw_str_of(key_case[i].receiving),
                                  gw_str_of(key_case[i].originating),
                                  gw_str_of(key_case[i].id)) != key_case[i].is_ours)
            fail_msg("case %zu", i);
    }
}

/* A peer chooses the id of its stream, and so how long it is. */
static void test_long_id(void **state)
{
    enum { LEN = 15000 };
    char *id = gw_alloc(LEN), key[XMPP_DIALBACK_KEY_MAX];

    (void)state;
    memset(id, 'x', LEN);
    xmpp_dialback_key(SECRET, GW_STR("a.example"), GW_STR("b.example"), (struct gw_str){ id, LEN },
                      key);
    assert_true(xmpp_dialback_is_ours(gw_str_of(key), SECRET, GW_STR("a.example"),
                                      GW_STR("b.example"), (struct gw_str){ id, LEN }));
    assert_false(xmpp_dialback_is_ours(gw_str_of(key), SECRET, GW_STR("a.example"),
                                       GW_STR("c.example"), (struct gw_str){ id, LEN }));
    id[LEN - 1] = 'y';
    assert_false(xmpp_dialback_is_ours(gw_str_of(key), SECRET, GW_STR("a.example"),
                                       GW_STR("b.example"), (struct gw_str){ id, LEN }));
    free(id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_is_ours),
        cmocka_unit_test(test_long_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
