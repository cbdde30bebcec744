#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gw_str.h"

static void assert_str(struct gw_str s, const char *want)
{
    assert_int_equal(s.len, strlen(want));
    assert_memory_equal(s.p, want, s.len);
}

static void compares(void **state)
{
    (void)state;
    assert_true(gw_str_eq(GW_STR(""), (struct gw_str){ NULL, 0 }));
    assert_true(gw_str_eq(GW_STR("ab"), GW_STR("ab")));
    assert_false(gw_str_eq(GW_STR("ab"), GW_STR("aB")));
    assert_true(gw_str_ieq(GW_STR("aZ-[@"), GW_STR("Az-[@")));
    assert_false(gw_str_ieq(GW_STR("["), GW_STR("{")));
    assert_false(gw_str_ieq(GW_STR("\xC3\x84"), GW_STR("\xC3\xA4"))); /* ASCII only */
    assert_true(gw_str_is(gw_str_of(NULL), ""));
    assert_true(gw_str_iis(GW_STR("HOST"), "host"));
    assert_true(gw_str_cmp(GW_STR("a"), GW_STR("ab")) < 0);
    assert_true(gw_str_cmp(GW_STR("b"), GW_STR("ab")) > 0);
    assert_true(gw_str_cmp(GW_STR("\xFF"), GW_STR("a")) > 0);
    assert_int_equal(gw_str_cmp(GW_STR(""), (struct gw_str){ NULL, 0 }), 0);
    assert_true(gw_str_starts(GW_STR("https://x"), "https:"));
    assert_false(gw_str_starts(GW_STR("http"), "https"));
    assert_true(gw_str_ends(GW_STR("a.xml"), ".xml"));
    assert_false(gw_str_ends(GW_STR("xml"), ".xml"));
    assert_true(gw_str_starts((struct gw_str){ NULL, 0 }, ""));
}

static void cuts(void **state)
{
    struct gw_str s = GW_STR("anna@example.org/desk"), before = GW_STR("old"), after = before;

    (void)state;
    assert_true(gw_str_cut(s, "@", &before, &after));
    assert_str(before, "anna");
    assert_str(after, "example.org/desk");
    assert_true(gw_str_cut(after, "/", &after, NULL)); /* the output may be the input */
    assert_str(after, "example.org");
    assert_false(gw_str_cut(after, "::", &before, NULL));
    assert_str(before, "anna");
    assert_false(gw_str_cut((struct gw_str){ NULL, 0 }, "x", &before, &after));
    assert_true(gw_str_cut(GW_STR("a::b"), "::", &before, &after));
    assert_str(after, "b");

    assert_str(gw_str_trim(GW_STR(" \t\r\na b\n ")), "a b");
    assert_int_equal(gw_str_trim(GW_STR(" \n ")).len, 0);
    assert_int_equal(gw_str_trim((struct gw_str){ NULL, 0 }).len, 0);

    assert_str(gw_str_sub(s, 0, 4), "anna");
    assert_str(gw_str_sub(s, 17, 999), "desk");
    assert_int_equal(gw_str_sub(s, 5, 3).len, 0);
    assert_int_equal(gw_str_sub(s, 99, 999).len, 0);
    assert_int_equal(gw_str_find(s, '@'), 4);
    assert_int_equal(gw_str_find(s, '#'), -1);
    assert_int_equal(gw_str_find((struct gw_str){ NULL, 0 }, 'a'), -1);
}

static void walks_lists(void **state)
{
    static const char *const want[] = { "a", "", "b c", "d" };
    struct gw_str rest = GW_STR(" a,, b c ,\td,"), item = { 0 };
    size_t count = 0;

    (void)state;
    while (gw_str_next(&rest, ",", &item)) {
        assert_true(count < sizeof(want) / sizeof(*want));
        assert_str(item, want[count++]);
    }
    assert_int_equal(count, sizeof(want) / sizeof(*want));
    rest = (struct gw_str){ NULL, 0 };
    assert_false(gw_str_next(&rest, ",", &item));
}

static const struct {
    const char *in;
    int64_t min, max;
    bool ok;
    int64_t want;
} int_case[] = {
    { "0", 0, 10, true, 0 },
    { "007", 0, 10, true, 7 },
    { "-5", -10, 10, true, -5 },
    { "10", 0, 10, true, 10 },
    { "11", 0, 10, false, 0 },
    { "-1", 0, 10, false, 0 },
    { "", 0, 10, false, 0 },
    { "-", -10, 10, false, 0 },
    { "+1", 0, 10, false, 0 },
    { " 1", 0, 10, false, 0 },
    { "1 ", 0, 10, false, 0 },
    { "1x", 0, 10, false, 0 },
    { "9223372036854775807", INT64_MIN, INT64_MAX, true, INT64_MAX },
    { "9223372036854775808", INT64_MIN, INT64_MAX, false, 0 },
    { "-9223372036854775808", INT64_MIN, INT64_MAX, true, INT64_MIN },
    { "-9223372036854775809", INT64_MIN, INT64_MAX, false, 0 },
    { "99999999999999999999999", INT64_MIN, INT64_MAX, false, 0 },
};

static void reads_integers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(int_case) / sizeof(*int_case); i++) {
        int64_t n = 0;

        print_message("'%s'\n", int_case[i].in);
        assert_int_equal(
            gw_str_to_int(gw_str_of(int_case[i].in), int_case[i].min, int_case[i].max, &n),
            int_case[i].ok);
        assert_true(n == int_case[i].want);
    }
}

static const struct {
    const char *in;
    bool ok;
} host_case[] = {
    { "example.org", true },
    { "X-1.example.org", true },
    { "localhost", true },
    { "1", true },
    { "a123456789012345678901234567890123456789012345678901234567890123", false },
    { "", false },
    { ".", false },
    { "example.org.", false },
    { "a..b", false },
    { "-a.example", false },
    { "a-.example", false },
    { "a_b.example", false },
    { "b\xC3\xA4r.example", false },
    { "a b", false },
};

static void knows_host_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(host_case) / sizeof(*host_case); i++) {
        print_message("'%s'\n", host_case[i].in);
        assert_int_equal(gw_str_is_host_name(gw_str_of(host_case[i].in)), host_case[i].ok);
    }
}

static void one_line(void **state)
{
    (void)state;
    assert_true(gw_str_is_line(GW_STR("")));
    assert_true(gw_str_is_line(GW_STR("Gr\xC3\xBC\xC3\x9F Gott ~")));
    assert_false(gw_str_is_line(GW_STR("a\nb")));
    assert_false(gw_str_is_line(GW_STR("a\tb")));
    assert_false(gw_str_is_line(GW_STR("a\0b")));
    assert_false(gw_str_is_line(GW_STR("a\x7F")));
    assert_false(gw_str_is_line(GW_STR("Gr\xFC\xDF")));
}

static const struct {
    const char *in;
    bool ok;
} utf8_case[] = {
    { "", true },
    { "a", true },
    { "\xC3\xA4", true },
    { "\xE2\x82\xAC", true },
    { "\xF0\x9F\x98\x80", true },
    { "\xF4\x8F\xBF\xBF", true },  /* U+10FFFF */
    { "\xED\x9F\xBF", true },      /* below the surrogates */
    { "\xEE\x80\x80", true },      /* above them */
    { "\xED\xA0\x80", false },     /* a surrogate */
    { "\xF4\x90\x80\x80", false }, /* above U+10FFFF */
    { "\xF5\x80\x80\x80", false },
    { "\xC0\x80", false }, /* overlong */
    { "\xC1\xBF", false },
    { "\xE0\x9F\xBF", false },
    { "\xF0\x8F\xBF\xBF", false },
    { "\x80", false },
    { "\xC3", false }, /* cut off */
    { "\xE2\x82", false },
    { "\xF0\x9F\x98", false },
    { "\xC3(", false },
    { "\xE2\x82(", false },
    { "\xFF", false },
};

static void knows_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(utf8_case) / sizeof(*utf8_case); i++) {
        struct gw_str s = gw_str_of(utf8_case[i].in);
        char *exact = malloc(s.len ? s.len : 1); /* a sanitizer sees a byte too far */

        memcpy(exact, s.p, s.len);
        print_message("case %zu\n", i);
        assert_int_equal(gw_str_is_utf8((struct gw_str){ exact, s.len }), utf8_case[i].ok);
        free(exact);
    }
    assert_false(gw_str_is_utf8(GW_STR("a\0b")));
}

static void decodes(void **state)
{
    uint32_t cp = 0;

    (void)state;
    assert_int_equal(gw_utf8_decode(GW_STR("\xE2\x82\xAC!"), &cp), 3);
    assert_int_equal(cp, 0x20AC);
    assert_int_equal(gw_utf8_decode(GW_STR("\xF4\x8F\xBF\xBF"), &cp), 4);
    assert_int_equal(cp, 0x10FFFF);
    assert_int_equal(gw_utf8_decode(GW_STR(""), &cp), 0);
}

static void cuts_between_characters(void **state)
{
    struct gw_str s = GW_STR("a\xC3\xA4\xF0\x9F\x98\x80z");
    static const size_t want[] = { 0, 1, 1, 3, 3, 3, 3, 7, 8, 8 };

    (void)state;
    for (size_t max = 0; max < sizeof(want) / sizeof(*want); max++)
        assert_int_equal(gw_str_utf8_cut(s, max).len, want[max]);
    /* No UTF-8 at all: still no more than asked for. */
    assert_int_equal(gw_str_utf8_cut(GW_STR("\x80\x80\x80\x80\x80\x80"), 4).len, 4);
}

static void duplicates(void **state)
{
    char *copy = gw_str_dup((struct gw_str){ "abcdef", 3 });

    (void)state;
    assert_string_equal(copy, "abc");
    free(copy);
    copy = gw_str_dup((struct gw_str){ NULL, 0 });
    assert_string_equal(copy, "");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),         cmocka_unit_test(cuts),
        cmocka_unit_test(walks_lists),      cmocka_unit_test(reads_integers),
        cmocka_unit_test(knows_host_names), cmocka_unit_test(knows_utf8),
        cmocka_unit_test(decodes),          cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(duplicates),       cmocka_unit_test(one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
