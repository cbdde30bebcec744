/* What may stand in a user's fields, and the form in which it is kept. */
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

static const struct dir_field *field(const char *name)
{
    const struct dir_field *f = dir_field_find(gw_str_of(name));

    assert_non_null(f);
    return f;
}

static void test_check(void **state)
{
    static const struct {
        const char *field;
        struct gw_str in;
        enum gw_code code;
    } c[] = {
        { "mail", GW_STR_INIT(""), GW_OK },
        { "mail", GW_STR_INIT("anna@example.com"), GW_OK },
        { "mail", GW_STR_INIT("Anna.M\xc3\xbcller+x@example.com"), GW_OK },
        { "mail", GW_STR_INIT("o'brien@example.com"), GW_OK },
        { "mail", GW_STR_INIT("anna"), GW_INVALID },
        { "mail", GW_STR_INIT("@example.com"), GW_INVALID },
        { "mail", GW_STR_INIT("anna@"), GW_INVALID },
        { "mail", GW_STR_INIT("a@b@c"), GW_INVALID },
        { "mail", GW_STR_INIT("an na@example.com"), GW_INVALID },
        { "mail", GW_STR_INIT("a@b\r\nTo: c"), GW_INVALID },
        { "mail", GW_STR_INIT("a@b\xff"), GW_INVALID },
        { "mail", GW_STR_INIT(A250 A50 A10 "a@example.com"), GW_INVALID },
        { "name", GW_STR_INIT(""), GW_OK },
        { "name", GW_STR_INIT("Anna \"Ann\" M\xc3\xbcller <x>"), GW_OK },
        { "name", GW_STR_INIT("\xe5\xb1\xb1\xe7\x94\xb0 \xf0\x9f\x98\x80"), GW_OK },
        { "name", GW_STR_INIT("a\nb"), GW_INVALID },
        { "name", GW_STR_INIT("a\x7f"), GW_INVALID },
        { "name", GW_STR_INIT("a\xc2\x85"), GW_INVALID },
        { "name", GW_STR_INIT("a\xef\xbf\xbe"), GW_INVALID },
        { "name", GW_STR_INIT("a\0b"), GW_INVALID },
        { "name", GW_STR_INIT("\xc3"), GW_INVALID },
        { "name", GW_STR_INIT(A250 "aaaaaaa"), GW_INVALID },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct gw_err err = { 0 };

        if (dir_field_check(field(c[i].field), c[i].in, &err) != c[i].code)
            fail_msg("case %zu: '%s'", i, err.msg);
    }
}

static void test_normalise(void **state)
{
    static const struct {
        const char *field, *in, *out; /* out NULL: refused */
        const char *says;
    } c[] = {
        { "zone", "Europe/Berlin", "Europe/Berlin", NULL },
        { "zone", "europe/BERLIN", "Europe/Berlin", NULL },
        { "zone", "Asia/Calcutta", "Asia/Calcutta", NULL }, /* aliases stay what they are */
        { "zone", "Asia/Kolkata", "Asia/Kolkata", NULL },
        { "zone", "UTC", "UTC", NULL },
        { "zone", "America/Argentina/ComodRivadavia", "America/Argentina/ComodRivadavia", NULL },
        { "zone", "W. Europe Standard Time", "Europe/Berlin", NULL },
        { "zone", "Tokyo Standard Time", "Asia/Tokyo", NULL },
        { "zone", "Europe/Berlim", NULL, "zone 'Europe/Berlim' is not known" },
        { "zone", "GMT+3:17", NULL, "not known" }, /* ICU would make one up */
        { "zone", "Etc/Unknown", NULL, "not known" },
        { "zone", "+02:00", NULL, "not known" },
        { "zone", "\xe6\x9d\xb1\xe4\xba\xac", NULL, "not known" },
        { "zone", A50 A10 A10, NULL, "longer than 64 bytes" },

        { "language", "ja", "ja", NULL },
        { "language", "EN-gb", "en-GB", NULL },
        { "language", "zh-Hant-TW", "zh-Hant-TW", NULL },
        { "language", "japanese", NULL, "language 'japanese' is not known" },
        { "language", "xx", NULL, "not known" },
        { "language", "en-", NULL, "not known" },
        { "language", "en gb", NULL, "not known" },
        { "language", "-", NULL, "not known" },
        { "language", "und", NULL, "not known" },
        { "language", "x-klingon", NULL, "not known" },

        { "sip", "ann@example.com", "ann@example.com", NULL },
        { "sip", "SIP:Ann.B@Example.COM", "Ann.B@example.com", NULL },
        { "sip", "+49301234;ext=5@example.com", "+49301234;ext=5@example.com", NULL },
        { "sip", "ann@m\xc3\xbcnchen.example", "ann@xn--mnchen-3ya.example", NULL },
        { "sip", "ann", NULL, "sip address 'ann': must be of the form user@domain" },
        { "sip", "@example.com", NULL, "of the form" },
        { "sip", "sips:ann@example.com", NULL, "of the form" },
        { "sip", "ann b@example.com", NULL, "of the form" },
        { "sip", "ann@example.com:5060", NULL, "not a domain name" },
        { "sip", "ann@example.com;transport=tcp", NULL, "not a domain name" },
        { "sip", "<sip:ann@example.com>", NULL, "of the form" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        const struct dir_field *f = field(c[i].field);
        struct gw_err err = { 0 };
        struct gw_buf out;
        enum gw_code code = dir_field_check(f, gw_str_of(c[i].in), &err);

        gw_buf_init(&out, 1024);
        if (!code)
            code = f->normalise(gw_str_of(c[i].in), &out, &err);
        if (c[i].out ? code || !gw_str_is(gw_buf_str(&out), c[i].out)
                     : code != GW_INVALID || !strstr(err.msg, c[i].says))
            fail_msg("%s '%s': '%.*s' '%s'", c[i].field, c[i].in, GW_STR_ARG(gw_buf_str(&out)),
                     err.msg);
        gw_buf_done(&out);
    }
}

static void test_table(void **state)
{
    (void)state;
    for (int i = 0; i < DIR_FIELDS; i++) {
        assert_non_null(dir_fields[i].name);
        assert_ptr_equal(dir_field_find(gw_str_of(dir_fields[i].name)), &dir_fields[i]);
        if (i < DIR_EDITABLE)
            assert_int_equal(dir_fields[i].is_flag, i >= DIR_TEXTS);
    }
    assert_null(dir_field_find(GW_STR("nam")));
    assert_null(dir_field_find(GW_STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
