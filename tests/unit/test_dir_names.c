/* Which names are taken, in which form they are kept, and what is said of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dir_priv.h"

#define A10  "aaaaaaaaaa"
#define A50  A10 A10 A10 A10 A10
#define A250 A50 A50 A50 A50 A50

struct name_case {
    struct gw_str in;
    const char *out; /* NULL: refused */
    const char *says;
};

typedef enum gw_code normalise_fn(struct gw_str text, struct gw_buf *out, struct gw_err *err);

static void run(normalise_fn *normalise, const struct name_case *c, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gw_err err = { 0 };
        struct gw_buf out, again;
        enum gw_code code;

        gw_buf_init(&out, 4 * DIR_JID_MAX);
        gw_buf_init(&again, 4 * DIR_JID_MAX);
        code = normalise(c[i].in, &out, &err);
        if (!c[i].out) {
            if (code != GW_INVALID || !strstr(err.msg, c[i].says))
                fail_msg("case %zu: %s '%s'", i, gw_code_name(code), err.msg);
        } else {
            if (code || !gw_str_is(gw_buf_str(&out), c[i].out))
                fail_msg("case %zu: '%s' '%.*s'", i, err.msg, GW_STR_ARG(gw_buf_str(&out)));
            assert_int_equal(normalise(gw_buf_str(&out), &again, NULL), GW_OK);
            assert_true(gw_str_is(gw_buf_str(&again), c[i].out)); /* stays as it is */
        }
        gw_buf_done(&out);
        gw_buf_done(&again);
    }
}

static void test_jids(void **state)
{
    static const struct name_case c[] = {
        { GW_STR_INIT("anna@example.com"), "anna@example.com", "" },
        { GW_STR_INIT("Anna.B-c_1+2@EXAMPLE.com"), "anna.b-c_1+2@example.com", "" },
        { GW_STR_INIT("anna@example.com."), "anna@example.com", "" },
        { GW_STR_INIT("anna@localhost"), "anna@localhost", "" },
        { GW_STR_INIT("M\xc3\x9cller@example.com"), "m\xc3\xbcller@example.com", "" },
        { GW_STR_INIT("mu\xcc\x88ller@example.com"), "m\xc3\xbcller@example.com", "" },
        { GW_STR_INIT("\xef\xbc\xa1nna@example.com"), "anna@example.com", "" }, /* full width A */
        { GW_STR_INIT("\xe5\xb1\xb1\xe7\x94\xb0@example.com"),
          "\xe5\xb1\xb1\xe7\x94\xb0@example.com", "" },
        { GW_STR_INIT("anna@M\xc3\x9cNCHEN.example"), "anna@m\xc3\xbcnchen.example", "" },
        { GW_STR_INIT("anna@xn--mnchen-3ya.example"), "anna@m\xc3\xbcnchen.example", "" },
        { GW_STR_INIT(A250 "12345@example.com"), A250 "12345@example.com", "" },

        { GW_STR_INIT(""), NULL, "must be of the form id@domain" },
        { GW_STR_INIT("anna"), NULL, "must be of the form id@domain" },
        { GW_STR_INIT("@example.com"), NULL, "user id is empty" },
        { GW_STR_INIT("anna@"), NULL, "domain is empty" },
        { GW_STR_INIT("anna@."), NULL, "not a domain name" },
        { GW_STR_INIT("anna@b@example.com"), NULL, "not a domain name" },
        { GW_STR_INIT("anna@example.com/phone"), NULL, "not a domain name" },
        { GW_STR_INIT("an na@example.com"), NULL, "character ' ' is not allowed" },
        { GW_STR_INIT("an\"na@example.com"), NULL, "is not allowed" },
        { GW_STR_INIT("an&na@example.com"), NULL, "character '&'" },
        { GW_STR_INIT("an'na@example.com"), NULL, "is not allowed" },
        { GW_STR_INIT("an/na@example.com"), NULL, "character '/'" },
        { GW_STR_INIT("an:na@example.com"), NULL, "character ':'" },
        { GW_STR_INIT("<anna>@example.com"), NULL, "character '<'" },
        { GW_STR_INIT("an\tna@example.com"), NULL, "is not allowed" },
        { GW_STR_INIT("an\0na@example.com"), NULL, "not UTF-8" },
        { GW_STR_INIT("an\xffna@example.com"), NULL, "not UTF-8" },
        { GW_STR_INIT("an\xc2\xa0na@example.com"), NULL, "not allowed" }, /* NO-BREAK SPACE */
        { GW_STR_INIT("an\xe2\x80\xaena@example.com"), NULL,
          "not allowed" }, /* right-to-left override */
        { GW_STR_INIT("\xc2\xad@example.com"), NULL,
          "not allowed" }, /* SOFT HYPHEN: nothing left */
        { GW_STR_INIT("\xef\xbc\xa0x@example.com"), NULL, "not allowed" }, /* full width @ */
        { GW_STR_INIT(A250 "123456@example.com"), NULL, "user id is longer than 255" },
    };

    (void)state;
    run(dir_jid_normalise, c, sizeof(c) / sizeof(c[0]));
}

static void test_domains(void **state)
{
    static const struct name_case c[] = {
        { GW_STR_INIT("Example.COM"), "example.com", "" },
        { GW_STR_INIT("a"), "a", "" },
        { GW_STR_INIT("1.2.3.4"), "1.2.3.4", "" },
        { GW_STR_INIT("XN--MNCHEN-3YA.example"), "m\xc3\xbcnchen.example", "" },
        { GW_STR_INIT("b\xc3\xbc"
                      "cher.example"),
          "b\xc3\xbc"
          "cher.example",
          "" },
        { GW_STR_INIT("-a.example"), NULL, "not a domain name" },
        { GW_STR_INIT("a-.example"), NULL, "not a domain name" },
        { GW_STR_INIT("a..example"), NULL, "not a domain name" },
        { GW_STR_INIT(".example"), NULL, "not a domain name" },
        { GW_STR_INIT("a b.example"), NULL, "not a domain name" },
        { GW_STR_INIT("a_b.example"), NULL, "not a domain name" },
        { GW_STR_INIT("*.example"), NULL, "not a domain name" },
        { GW_STR_INIT("[::1]"), NULL, "not a domain name" },
        { GW_STR_INIT("xn--\xc3\xbc.example"), NULL, "not a domain name" },
        { GW_STR_INIT("xn--a-.example"), NULL, "not a domain name" },
        { GW_STR_INIT("b\xff.example"), NULL, "not a domain name" },
        { GW_STR_INIT(A50 A10 "aaaa.example"), NULL, "not a domain name" },
        { GW_STR_INIT(A50 A10 "aaa\xc2\xaa.example"), NULL, "not a domain name" }, /* becomes a */
        { GW_STR_INIT(A250 "aaaa"), NULL, "longer than 253" },
    };

    (void)state;
    run(dir_domain_normalise, c, sizeof(c) / sizeof(c[0]));
}

static void test_ascii(void **state)
{
    struct gw_buf out;

    (void)state;
    gw_buf_init(&out, 1000);
    assert_int_equal(dir_domain_ascii(GW_STR("m\xc3\xbcnchen.example"), &out, NULL), GW_OK);
    gw_buf_add_char(&out, ' ');
    assert_int_equal(dir_domain_ascii(GW_STR("example.com"), &out, NULL), GW_OK);
    assert_string_equal(out.p, "xn--mnchen-3ya.example example.com");
    gw_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jids),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_ascii),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
