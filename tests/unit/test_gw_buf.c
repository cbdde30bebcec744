#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gw_buf.h"
#include "gw_log.h"

static void assert_buf(const struct gw_buf *b, const char *want)
{
    assert_int_equal(b->len, strlen(want));
    assert_string_equal(b->p, want);
}

static void adds(void **state)
{
    struct gw_buf b;

    (void)state;
    gw_buf_init(&b, 1000);
    assert_int_equal(gw_buf_str(&b).len, 0);
    gw_buf_add_cstr(&b, "ab");
    gw_buf_add_char(&b, 'c');
    gw_buf_add_str(&b, GW_STR("de"));
    gw_buf_add(&b, NULL, 0);
    gw_buf_addf(&b, "%d-%s", 42, "x");
    assert_buf(&b, "abcde42-x");
    gw_buf_addf(&b, "%0200d", 7); /* does not fit into what is there */
    assert_int_equal(b.len, 209);
    assert_int_equal(b.p[208], '7');
    gw_buf_reset(&b);
    assert_buf(&b, "");
    gw_buf_done(&b);
    gw_buf_add_cstr(&b, "again");
    assert_buf(&b, "again");
    gw_buf_done(&b);
}

static void adds_numbers_and_many(void **state)
{
    struct gw_buf b;

    (void)state;
    gw_buf_init(&b, 40);
    gw_buf_add_uint(&b, 0);
    gw_buf_add_char(&b, ' ');
    gw_buf_add_uint(&b, UINT64_MAX);
    assert_buf(&b, "0 18446744073709551615");
    gw_buf_reset(&b);
    GW_BUF_ADD(&b, GW_STR("a: "), GW_STR(""), GW_STR("b"), GW_STR("\r\n"));
    assert_buf(&b, "a: b\r\n");
    GW_BUF_ADD(&b, GW_STR("0123456789012345"), GW_STR("0123456789012345678")); /* one too many */
    assert_true(b.failed);
    assert_buf(&b, "a: b\r\n"); /* all of them or none */
    gw_buf_reset(&b);
    GW_BUF_ADD(&b, GW_STR("01234567890123456789"), GW_STR("01234567890123456789"));
    assert_false(b.failed);
    assert_int_equal(b.len, 40);
    gw_buf_done(&b);
}

static void remembers_failure(void **state)
{
    struct gw_buf b;

    (void)state;
    gw_buf_init(&b, 10);
    gw_buf_add_cstr(&b, "0123456789");
    assert_false(b.failed);
    gw_buf_add_char(&b, 'x');
    assert_true(b.failed);
    assert_buf(&b, "0123456789");
    gw_buf_reset(&b);
    assert_false(b.failed);
    gw_buf_addf(&b, "%s", "0123456789");
    assert_false(b.failed);
    gw_buf_reset(&b);
    gw_buf_add_cstr(&b, "abc");
    gw_buf_addf(&b, "%s", "01234567");
    assert_true(b.failed);
    assert_buf(&b, "abc"); /* all of a piece or nothing */
    gw_buf_add_char(&b, 'd');
    assert_buf(&b, "abc");
    gw_buf_done(&b);

    b = (struct gw_buf){ 0 }; /* no maximum given: takes nothing */
    gw_buf_addf(&b, "x");
    assert_true(b.failed);
    assert_int_equal(gw_buf_str(&b).len, 0);
    gw_buf_done(&b);
}

static void no_maximum(void **state)
{
    struct gw_buf b;

    (void)state;
    gw_buf_init(&b, SIZE_MAX);
    for (int i = 0; i < 10000; i++)
        gw_buf_add_cstr(&b, "0123456789");
    assert_int_equal(b.len, 100000);
    gw_buf_done(&b);
}

static void consumes(void **state)
{
    struct gw_buf b;
    char *taken;

    (void)state;
    gw_buf_init(&b, 100);
    gw_buf_add_cstr(&b, "abcdef");
    gw_buf_consume(&b, 2);
    assert_buf(&b, "cdef");
    gw_buf_add_cstr(&b, "gh");
    assert_buf(&b, "cdefgh");
    gw_buf_consume(&b, 0);
    taken = gw_buf_take(&b);
    assert_string_equal(taken, "cdefgh");
    free(taken);
    taken = gw_buf_take(&b);
    assert_string_equal(taken, "");
    free(taken);
    gw_buf_add_cstr(&b, "xy");
    gw_buf_consume(&b, 2);
    assert_buf(&b, "");
    gw_buf_add_cstr(&b, "z");
    assert_buf(&b, "z");
    gw_buf_consume(&b, 1);
    gw_buf_done(&b);
    gw_buf_consume(&b, 0);
}

/* A queue that is always a little full must not grow, nor be moved at every step. */
static void queue_stays_small(void **state)
{
    struct gw_buf b;
    unsigned in = 0, out = 0;

    (void)state;
    gw_buf_init(&b, 1000);
    for (int i = 0; i < 20000; i++) {
        for (int k = 0; k < 7; k++)
            gw_buf_add_char(&b, (char)in++);
        for (int k = 0; k < 7 && b.len > 50; k++) {
            assert_int_equal(b.p[0], (char)out++);
            gw_buf_consume(&b, 1);
        }
    }
    assert_false(b.failed);
    assert_true(b.cap + b.skip <= 256);
    gw_buf_done(&b);
}

static const struct {
    const char *in;
    size_t max;
    const char *want;
} quote_case[] = {
    { "", 10, "''" },
    { "abc", 10, "'abc'" },
    { "abc", 3, "'abc'" },
    { "abcd", 3, "'abc'..." },
    { "a'b\\c", 20, "'a\\'b\\\\c'" },
    { "a\nb\x7F", 20, "'a\\x0ab\\x7f'" },
    { "\x1B[31m", 20, "'\\x1b[31m'" },
    { "\xC3\xA4", 20, "'\xC3\xA4'" },
    { "\xC3\xA4\xC3\xA4", 3, "'\xC3\xA4'..." },
    { "\xC3", 20, "'\\xc3'" },
    { "\xE2\x80\xAE"
      "x",
      20, "'\\xe2\\x80\\xaex'" },       /* right-to-left override */
    { "\xC2\x85", 20, "'\\xc2\\x85'" }, /* C1 control */
    { "\n", 3, "''..." },
    { "x", 0, "''..." },
};

static void quotes(void **state)
{
    char line[GW_QUOTE_MAX], longest[400];

    (void)state;
    for (size_t i = 0; i < sizeof(quote_case) / sizeof(*quote_case); i++) {
        struct gw_buf b;

        gw_buf_init(&b, 100);
        gw_buf_add_quoted(&b, gw_str_of(quote_case[i].in), quote_case[i].max);
        assert_buf(&b, quote_case[i].want);
        gw_buf_done(&b);
    }
    assert_string_equal(gw_quote(GW_STR("a'"), line), "'a\\''");
    memset(longest, 'x', sizeof(longest));
    gw_quote((struct gw_str){ longest, sizeof(longest) }, line);
    assert_int_equal(strlen(line), GW_QUOTE_MAX - 1);
    assert_string_equal(line + GW_QUOTE_MAX - 6, "x'...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds),
        cmocka_unit_test(adds_numbers_and_many),
        cmocka_unit_test(remembers_failure),
        cmocka_unit_test(no_maximum),
        cmocka_unit_test(consumes),
        cmocka_unit_test(quotes),
        cmocka_unit_test(queue_stays_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
