/* Addresses: accepted and refused, and the form in which they are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "xmpp_jid.h"

#define O_UMLAUT "\xC3\xB6"

static const struct {
    const char *in;
    const char *full; /* NULL: refused */
    const char *bare;
} cases[] = {
    { "ann@x.example", "ann@x.example", "ann@x.example" },
    { "ann@x.example/desk", "ann@x.example/desk", "ann@x.example" },
    { "x.example", "x.example", "x.example" },
    { "x.example/res", "x.example/res", "x.example" },
    { "Ann.O-Hara_1+tag@X.EXAMPLE/Desk", "ann.o-hara_1+tag@x.example/Desk",
      "ann.o-hara_1+tag@x.example" },
    { "ann@x.example.", "ann@x.example", "ann@x.example" },
    { "ann@x.example/a/b@c", "ann@x.example/a/b@c", "ann@x.example" },
    { "ann@x.example/ a b ", "ann@x.example/ a b ", "ann@x.example" },
    { "ann@192.0.2.1", "ann@192.0.2.1", "ann@192.0.2.1" },
    { "ann@[2001:DB8::1]", "ann@[2001:db8::1]", "ann@[2001:db8::1]" },
    { "ann@localhost", "ann@localhost", "ann@localhost" },
    /* Beyond ASCII */
    { "J\xC3\x96RG@x.example", "j" O_UMLAUT "rg@x.example", "j" O_UMLAUT "rg@x.example" },
    { "jo\xCC\x88rg@x.example", "j" O_UMLAUT "rg@x.example", "j" O_UMLAUT "rg@x.example" },
    { "stra\xC3\x9F"
      "e@x.example",
      "strasse@x.example", "strasse@x.example" },
    { "ann@xn--bcher-kva.example",
      "ann@b\xC3\xBC"
      "cher.example",
      "ann@b\xC3\xBC"
      "cher.example" },
    { "ann@B\xC3\x9C"
      "CHER.example",
      "ann@b\xC3\xBC"
      "cher.example",
      "ann@b\xC3\xBC"
      "cher.example" },
    { "ann@x.example/B\xC3\xBCro", "ann@x.example/B\xC3\xBCro", "ann@x.example" },
    { "ann@x.example/a\xC2\xA0"
      "b",
      "ann@x.example/a b", "ann@x.example" },
    { "ann@x.example/\xF0\x9F\x98\x80", "ann@x.example/\xF0\x9F\x98\x80", "ann@x.example" },
    /* Refused */
    { "", NULL, NULL },
    { "@x.example", NULL, NULL },
    { "ann@", NULL, NULL },
    { "ann@/r", NULL, NULL },
    { "ann@x.example/", NULL, NULL },
    { "/r", NULL, NULL },
    { "an n@x.example", NULL, NULL },
    { "an\"n@x.example", NULL, NULL },
    { "a&b@x.example", NULL, NULL },
    { "a'b@x.example", NULL, NULL },
    { "a:b@x.example", NULL, NULL },
    { "a<b@x.example", NULL, NULL },
    { "a@b@x.example", NULL, NULL },
    { "a\x01@x.example", NULL, NULL },
    { "a\x7F@x.example", NULL, NULL },
    { "ann@x..example", NULL, NULL },
    { "ann@.example", NULL, NULL },
    { "ann@-x.example", NULL, NULL },
    { "ann@x_y.example", NULL, NULL },
    { "ann@x example", NULL, NULL },
    { "ann@[::1", NULL, NULL },
    { "ann@[zz]", NULL, NULL },
    { "ann@xn--a", NULL, NULL },
    { "ann@\xE2\x91\xAE..", NULL, NULL }, /* circled 15: empty labels behind a mapping */
    { "ann@x.example/a\x1F", NULL, NULL },
    { "ann@x.example/a\xC2\x85", NULL, NULL },
    { "\xFF@x.example", NULL, NULL },
    { "ann@\xFF.example", NULL, NULL },
    { "ann@x.example/\xC3", NULL, NULL },
    { "\xE2\x80\xAE@x.example", NULL, NULL }, /* right-to-left override */
};

static void parses(void **state)
{
    struct xmpp_jid jid;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gw_err err = { .msg = "" };
        enum gw_code rc = xmpp_jid_parse(gw_str_of(cases[i].in), &jid, &err);

        if ((rc == GW_OK) != (cases[i].full != NULL))
            fail_msg("'%s': %s", cases[i].in, rc ? err.msg : "accepted");
        if (!cases[i].full) {
            assert_int_equal(rc, GW_INVALID);
            assert_true(err.msg[0]);
            continue;
        }
        if (!gw_str_is(jid.full, cases[i].full) || !gw_str_is(jid.bare, cases[i].bare))
            fail_msg("'%s' is '%s'", cases[i].in, jid.text);
    }
}

/* What is normalised stays as it is. */
static void is_stable(void **state)
{
    struct xmpp_jid once, twice;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (xmpp_jid_parse(gw_str_of(cases[i].in), &once, NULL))
            continue;
        assert_int_equal(xmpp_jid_parse(once.full, &twice, NULL), GW_OK);
        assert_true(gw_str_eq(once.full, twice.full));
        assert_true(gw_str_eq(once.resource, twice.resource));
    }
}

static enum gw_code parse_long(size_t local, size_t domain, size_t resource)
{
    static char text[4096];
    struct xmpp_jid jid;
    size_t at = 0;

    for (size_t i = 0; i < local; i++)
        text[at++] = 'l';
    text[at++] = '@';
    for (size_t i = 0; i < domain; i++)
        text[at++] = i % 60 == 59 && i + 1 < domain ? '.' : 'd';
    text[at++] = '/';
    for (size_t i = 0; i < resource; i++)
        text[at++] = 'r';
    return xmpp_jid_parse((struct gw_str){ text, at }, &jid, NULL);
}

static void has_limits(void **state)
{
    (void)state;
    assert_int_equal(parse_long(1023, 1023, 1023), GW_OK);
    assert_int_equal(parse_long(1024, 10, 10), GW_INVALID);
    assert_int_equal(parse_long(10, 1024, 10), GW_INVALID);
    assert_int_equal(parse_long(10, 10, 1024), GW_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(is_stable),
        cmocka_unit_test(has_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
