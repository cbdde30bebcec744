/* Who may come in, and whose users may watch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gw_buf.h"
#include "sip_access.h"

static const struct {
    const char *list, *address;
    bool allowed;
} acl[] = {
    { "", "192.0.2.1", false },
    { "all", "192.0.2.1", true },
    { "All", "2001:db8::1", true }, /* as the guides write it */
    { "192.0.2.1", "192.0.2.1", true },
    { "192.0.2.1", "192.0.2.10", false },
    { "198.51.100.0/24,  192.0.2.0/25", "192.0.2.127", true },
    { "192.0.2.0/25", "192.0.2.128", false },
    { "192.0.2.0/0", "203.0.113.9", true },
    { "0.0.0.0/0", "2001:db8::1", false },
    { "2001:db8::/33", "2001:db8:7fff::1", true },
    { "2001:db8::/33", "2001:db8:8000::1", false },
    { "::ffff:192.0.2.1", "192.0.2.1", true },
    { "192.0.2.1", "nonsense", false },
};

static void test_acl(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(acl) / sizeof(acl[0]); i++) {
        if (sip_acl_allows(gw_str_of(acl[i].list), gw_str_of(acl[i].address)) != acl[i].allowed)
            print_error("'%s' and %s\n", acl[i].list, acl[i].address);
        assert_int_equal(sip_acl_allows(gw_str_of(acl[i].list), gw_str_of(acl[i].address)),
                         acl[i].allowed);
        assert_int_equal(sip_acl_check(gw_str_of(acl[i].list), NULL), GW_OK);
    }
}

/* Intradomain 5.4: a host, or whoever is in a domain. */
static void test_names(void **state)
{
    static const struct {
        const char *list, *name;
        bool allowed;
    } cases[] = {
        { "fe1.foo.com", "fe1.foo.com", true },
        { "fe1.foo.com", "FE1.foo.com.", true },
        { "foo.com", "ocs1.foo.com", true },
        { "foo.com", "barfoo.com", false },
        { "fe1.foo.com", "foo.com", false },
        { "192.0.2.1, foo.com", "a.b.foo.com", true },
        { "all", "foo.com", false },
        { "192.0.2.1", "192.0.2.1", false },
        { "foo.com", "", false },
        { "", "foo.com", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(sip_acl_allows_name(gw_str_of(cases[i].list), gw_str_of(cases[i].name)),
                         cases[i].allowed);
    assert_true(sip_acl_has_names(GW_STR("192.0.2.1, foo.com")));
    assert_false(sip_acl_has_names(GW_STR("192.0.2.1, All")));
    assert_false(sip_acl_allows(GW_STR("foo.com"), GW_STR("192.0.2.1")));
    /* By itself, and not as one of all. */
    assert_true(sip_acl_lists(GW_STR("all, 192.0.2.0/24"), GW_STR("192.0.2.1")));
    assert_false(sip_acl_lists(GW_STR("all, 192.0.2.0/24"), GW_STR("192.0.3.1")));
    assert_true(sip_acl_lists(GW_STR("all, foo.com"), GW_STR("fe1.foo.com")));
    assert_false(sip_acl_lists(GW_STR("all, foo.com"), GW_STR("barfoo.com")));
    assert_false(sip_acl_lists(GW_STR(""), GW_STR("192.0.2.1")));
    assert_false(sip_acl_lists(GW_STR("all"), GW_STR("all")));
}

static void test_bad_lists(void **state)
{
    static const char *const bad_acl[] = { "Host.example",   "192.0.2.256",          "192.0.2.1/33",
                                           "2001:db8::/129", "192.0.2.1,,192.0.2.2", "192.0.2.1/" };
    static const char *const bad_domains[] = {
        "Upper.example",        "a.example=skype", "=lync",          "a b.example", ".example",
        "a.example,,b.example", "a.example@1.2",   "a.example@Host", "a.example@",  "@192.0.2.1"
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad_acl) / sizeof(bad_acl[0]); i++)
        assert_int_equal(sip_acl_check(gw_str_of(bad_acl[i]), NULL), GW_INVALID);
    for (size_t i = 0; i < sizeof(bad_domains) / sizeof(bad_domains[0]); i++)
        assert_int_equal(sip_domains_check(gw_str_of(bad_domains[i]), NULL), GW_INVALID);
}

/* Listed for several networks, a domain is of one kind all the same. */
static void test_two_kinds(void **state)
{
    static const struct {
        const char *list;
        enum gw_code rc;
    } cases[] = {
        { "a.example=lync, a.example=aol", GW_EXISTS },
        { "a.example, b.example, a.example=lync@192.0.2.1", GW_EXISTS },
        { "a.example=lync@192.0.2.1, b.example, a.example = lync @ edge.a.example", GW_OK },
        { "a.example=simple, a.example", GW_OK },
    };
    struct gw_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(sip_domains_check(gw_str_of(cases[i].list), &err), cases[i].rc);
    (void)sip_domains_check(gw_str_of(cases[0].list), &err);
    assert_non_null(strstr(err.msg, "'a.example' is listed as lync and as aol"));
}

/* Interdomain 1.10: a domain speaks neither for those below it nor for those beside it. */
static void test_domains(void **state)
{
    struct gw_str list = GW_STR("cisco.com@192.0.2.0/24, imp.cisco.com=lync @ edge.cisco.com, "
                                "aol.com = aol");
    enum sip_kind kind;

    (void)state;
    assert_int_equal(sip_domains_check(list, NULL), GW_OK);
    assert_true(sip_domains_find(list, GW_STR("cisco.com"), &kind) && kind == SIP_KIND_SIMPLE);
    assert_true(sip_domains_find(list, GW_STR("imp.cisco.com"), &kind) && kind == SIP_KIND_LYNC);
    assert_true(sip_domains_find(list, GW_STR("aol.com"), &kind) && kind == SIP_KIND_AOL);
    assert_false(sip_domains_find(list, GW_STR("foreign.cisco.com"), &kind));
    assert_false(sip_domains_find(list, GW_STR("com"), &kind));
    assert_false(sip_domains_find(list, GW_STR("isco.com"), &kind));
}

static void test_tls_subjects(void **state)
{
    static const char *const bad[] = { "*.partner.example",    "a b.example",
                                       "a.example,,b.example", "sip:a.example",
                                       "a.example:5061",       "-a.example" };
    struct gw_buf many;

    (void)state;
    assert_int_equal(sip_tls_subjects_check(GW_STR(""), NULL), GW_OK);
    assert_int_equal(sip_tls_subjects_check(GW_STR("Pool.Lync.example , edge.example"), NULL),
                     GW_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sip_tls_subjects_check(gw_str_of(bad[i]), NULL), GW_INVALID);
    gw_buf_init(&many, 4000);
    for (int i = 0; i < SIP_TLS_SUBJECTS_MAX; i++)
        gw_buf_addf(&many, "%sa%d.b", i ? "," : "", i);
    assert_int_equal(sip_tls_subjects_check(gw_buf_str(&many), NULL), GW_OK);
    gw_buf_add_cstr(&many, ",one.more");
    assert_int_equal(sip_tls_subjects_check(gw_buf_str(&many), NULL), GW_LIMIT);
    gw_buf_done(&many);
}

static const struct {
    const char *list, *domain;
    enum sip_kind kind;
    bool has;
} session_case[] = {
    { "lync, aol", "a.example", SIP_KIND_LYNC, true },
    { "lync, aol", "a.example", SIP_KIND_AOL, true },
    { "lync, aol", "a.example", SIP_KIND_SIMPLE, false },
    { "lync, aol", "lync", SIP_KIND_SIMPLE, true }, /* no domain that is federated has one label */
    { "a.example", "a.example", SIP_KIND_SIMPLE, true },
    { "a.example", "b.a.example", SIP_KIND_SIMPLE, false },
    { "aol.com", "aim.com", SIP_KIND_AOL, true },
    { "", "a.example", SIP_KIND_LYNC, false },
};

static void test_session_peers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(session_case) / sizeof(session_case[0]); i++) {
        struct gw_str list = gw_str_of(session_case[i].list);

        assert_int_equal(sip_session_peers_check(list, NULL), GW_OK);
        assert_int_equal(
            sip_session_peers_have(list, gw_str_of(session_case[i].domain), session_case[i].kind),
            session_case[i].has);
    }
    assert_int_equal(sip_session_peers_check(GW_STR("Lync"), NULL), GW_INVALID);
    assert_int_equal(sip_session_peers_check(GW_STR("lync=a.example"), NULL), GW_INVALID);
    assert_int_equal(sip_session_peers_check(GW_STR("lync,,aol"), NULL), GW_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acl),           cmocka_unit_test(test_names),
        cmocka_unit_test(test_bad_lists),     cmocka_unit_test(test_two_kinds),
        cmocka_unit_test(test_domains),       cmocka_unit_test(test_tls_subjects),
        cmocka_unit_test(test_session_peers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
