/* XEP-0106, its examples, and that nothing is lost. */
#include "sip_escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *user, *local;
} cases[] = {
    { "ann", "ann" },
    { "space cadet", "space\\20cadet" },
    { "call me \"ishmael\"", "call\\20me\\20\\22ishmael\\22" },
    { "at&t guy", "at\\26t\\20guy" },
    { "d'artagnan", "d\\27artagnan" },
    { "/.fanboy", "\\2f.fanboy" },
    { "::foo::", "\\3a\\3afoo\\3a\\3a" },
    { "<foo>", "\\3cfoo\\3e" },
    { "user@host", "user\\40host" },
    { "c:\\net", "c\\3a\\net" },
    { "c:\\\\net", "c\\3a\\\\net" },
    { "c:\\cool stuff", "c\\3a\\cool\\20stuff" },
    { "c:\\5commas", "c\\3a\\5c5commas" },
    { "\\", "\\" },
    { "\\2", "\\2" },
    { "user(gmail.com)", "user(gmail.com)" },
    { "", "" },
};

static void test_examples(void **state)
{
    struct gw_buf b;

    (void)state;
    gw_buf_init(&b, 400);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gw_buf_reset(&b);
        sip_jid_escape(gw_str_of(cases[i].user), &b);
        assert_true(gw_str_is(gw_buf_str(&b), cases[i].local));
        gw_buf_reset(&b);
        sip_jid_unescape(gw_str_of(cases[i].local), &b);
        assert_true(gw_str_is(gw_buf_str(&b), cases[i].user));
    }
    gw_buf_done(&b);
}

/* Every text of the letters that matter, five at a time. */
static void test_nothing_lost(void **state)
{
    static const char letters[] = "\\25c0 a";
    const size_t count = sizeof(letters) - 1;
    struct gw_buf there, back;

    (void)state;
    gw_buf_init(&there, 40);
    gw_buf_init(&back, 40);
    for (size_t n = 0; n < count * count * count * count * count; n++) {
        char text[6];
        size_t rest = n;

        for (int k = 0; k < 5; k++, rest /= count)
            text[k] = letters[rest % count];
        text[5] = '\0';
        gw_buf_reset(&there);
        gw_buf_reset(&back);
        sip_jid_escape(gw_str_of(text), &there);
        sip_jid_unescape(gw_buf_str(&there), &back);
        assert_true(gw_str_is(gw_buf_str(&back), text));
        assert_null(memchr(there.p, ' ', there.len));
    }
    gw_buf_done(&there);
    gw_buf_done(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_nothing_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
