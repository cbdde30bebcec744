/* Which names a certificate bears, by purpose: the rules of the specifications as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cert_lab.h"
#include "cert_name.h"

#define ADDR  "otherName:1.3.6.1.5.5.7.8.5;UTF8:"
#define SRV   "otherName:1.3.6.1.5.5.7.8.7;IA5:"
#define UMAIL "m\xc3\xbcnchen.example"
/* id-on-xmppAddr with UMAIL: OpenSSL's notation takes bytes for Latin 1 */
#define ADDR_UMAIL                                                                                 \
    "DER:30:20:a0:1e:06:08:2b:06:01:05:05:07:08:05:a0:12:0c:10:"                                   \
    "6d:c3:bc:6e:63:68:65:6e:2e:65:78:61:6d:70:6c:65"
#define AMAIL "xn--mnchen-3ya.example"

enum {
    X = CERT_FOR_EXCHANGE,
    S = CERT_FOR_SIP,
    F = CERT_FOR_XMPP_SERVER,
    C = CERT_FOR_XMPP_CLIENT
};

static const struct name_case {
    int purpose;
    const char *cn, *names, *wanted;
    bool is;
} name_case[] = {
    /* Exchange: CN or alternative name; one-label wildcards; addresses */
    { X, "mail.a.com", NULL, "mail.a.com", true },
    { X, "mail.a.com", "DNS:b.com", "mail.a.com", true },
    { X, NULL, "DNS:b.com", "B.com.", true },
    { X, NULL, "DNS:*.a.com", "foo.a.com", true },
    { X, NULL, "DNS:*.a.com", "bar.foo.a.com", false },
    { X, NULL, "DNS:*.a.com", "a.com", false },
    { X, NULL, "DNS:f*.a.com", "foo.a.com", false },
    { X, NULL, "DNS:foo.*.com", "foo.a.com", false },
    { X, NULL, "DNS:foo.a.com", ".a.com", false },
    { X, "*.a.com", NULL, "foo.a.com", true },
    { X, NULL, "IP:192.0.2.1", "192.0.2.1", true },
    { X, NULL, "IP:2001:db8::1", "2001:DB8:0::1", true },
    { X, "192.0.2.1", NULL, "192.0.2.1", true },
    { X, NULL, "DNS:*.0.2.1", "192.0.2.1", false },
    { X, NULL, "DNS:" AMAIL, UMAIL, true },
    { X, NULL, "DNS:" AMAIL, AMAIL, true },
    { X, NULL, ADDR "a.com", "a.com", false },
    { X, NULL, "DNS:*." AMAIL, "x." UMAIL, true },
    /* SIP: the CN and nothing else */
    { S, "edge.a.com", NULL, "edge.a.com", true },
    { S, "Edge.A.com", NULL, "edge.a.com", true },
    { S, "edge.a.com", "DNS:other.a.com", "edge.a.com", true },
    { S, "edge.a.com", "DNS:other.a.com", "other.a.com", false },
    { S, NULL, "DNS:edge.a.com", "edge.a.com", false },
    { S, "*.a.com", NULL, "edge.a.com", false },
    { S, "192.0.2.1", NULL, "192.0.2.1", true },
    { S, UMAIL, NULL, AMAIL, true },
    { S, AMAIL, NULL, UMAIL, true },
    { S, "edge.a.com", NULL, "edge.a.co", false },
    { S, "edge.a.com", NULL, "", false },
    /* XMPP: dNSName, id-on-xmppAddr, SRVName of the right service */
    { F, NULL, "DNS:a.com", "a.com", true },
    { F, NULL, "DNS:*.a.com", "im.a.com", true },
    { F, NULL, "DNS:*.a.com", "a.com", false },
    { F, NULL, "DNS:im.a.com", ".a.com", false },
    { F, NULL, ADDR "a.com", "a.com", true },
    { F, NULL, ADDR "A.com", "a.com", true },
    { F, NULL, ADDR_UMAIL, UMAIL, true },
    { F, NULL, ADDR_UMAIL, AMAIL, true },
    { F, NULL, ADDR AMAIL, UMAIL, true },
    { F, NULL, ADDR "*.a.com", "im.a.com", false },
    { F, NULL, ADDR "user@a.com", "a.com", false },
    { F, NULL, "otherName:1.3.6.1.5.5.7.8.5;IA5:a.com", "a.com", false },
    { F, NULL, "otherName:1.3.6.1.5.5.7.8.4;UTF8:a.com", "a.com", false },
    { F, NULL, SRV "_xmpp-server.a.com", "a.com", true },
    { F, NULL, SRV "_XMPP-Server.A.com", "a.com", true },
    { F, NULL, SRV "_xmpp-client.a.com", "a.com", false },
    { F, NULL, SRV "_xmpp-server.", "a.com", false },
    { F, NULL, SRV "_xmpp-server.*.com", "a.com", false },
    { F, NULL, SRV "a.com", "a.com", false },
    { C, NULL, SRV "_xmpp-client.a.com", "a.com", true },
    { C, NULL, SRV "_xmpp-server.a.com", "a.com", false },
    { C, NULL, ADDR "a.com", "a.com", true },
    /* ... and the CN only for want of these, RFC 6125 6.4.4 */
    { F, "a.com", NULL, "a.com", true },
    { F, "a.com", "DNS:b.com", "a.com", false },
    { F, "a.com", ADDR "b.com", "a.com", false },
    { F, "a.com", SRV "_xmpp-client.b.com", "a.com", false },
    { F, "a.com", "email:x@a.com", "a.com", true },
    { F, "*.a.com", NULL, "im.a.com", false },
    { F, NULL, "IP:192.0.2.1", "192.0.2.1", false },
    { F, NULL, "URI:xmpp:a.com", "a.com", false },
    /* nothing to be met by */
    { X, NULL, NULL, "a.com", false },
    { F, NULL, NULL, "a.com", false },
    { S, NULL, NULL, "a.com", false },
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(name_case) / sizeof(name_case[0]); i++) {
        const struct name_case *c = &name_case[i];
        struct lab_spec spec = { .cn = c->cn, .names = c->names };
        struct lab_cert cert = lab_make(&spec, NULL);
        struct gw_str wanted = gw_str_of(c->wanted);
        struct gw_err err = { 0 };
        enum gw_code code =
            cert_name_check(cert.x509, (enum cert_purpose)c->purpose, &wanted, 1, &err);

        if (code != (c->is ? GW_OK : GW_DENIED) || !c->is != (err.msg[0] != '\0'))
            fail_msg("case %zu: '%s' in CN '%s', '%s': %d %s", i, c->wanted, c->cn, c->names, code,
                     err.msg);
        lab_free(&cert);
    }
}

static void test_several_wanted(void **state)
{
    const struct gw_str subjects[] = { GW_STR_INIT("a.com"), GW_STR_INIT("b.com") };
    struct lab_spec spec = { .cn = "b.com" };
    struct lab_cert cert = lab_make(&spec, NULL);
    struct gw_err err;

    (void)state;
    assert_int_equal(cert_name_check(cert.x509, CERT_FOR_SIP, subjects, 2, NULL), GW_OK);
    assert_int_equal(cert_name_check(cert.x509, CERT_FOR_SIP, subjects, 1, &err), GW_DENIED);
    assert_string_equal(err.msg,
                        "the subject CN of certificate 'CN=b.com' is not among the TLS peer "
                        "subjects ('a.com')");
    assert_int_equal(cert_name_check(cert.x509, CERT_FOR_SIP, NULL, 0, &err), GW_DENIED);
    lab_free(&cert);
}

/* Whoever issues for "a.com\0.evil.com" has checked evil.com. */
static void test_nul(void **state)
{
    static const char cut[] = "a.com\0.evil.com";
    static const char *const names[] = {
        "DER:30:11:82:0f:61:2e:63:6f:6d:00:2e:65:76:69:6c:2e:63:6f:6d",
        /* otherName xmppAddr, UTF8String */
        "DER:30:1f:a0:1d:06:08:2b:06:01:05:05:07:08:05:a0:11:0c:0f:61:2e:63:6f:6d:00:2e:65:76:69:"
        "6c:2e:63:6f:6d",
    };
    const struct gw_str wanted = GW_STR_INIT("a.com");
    const struct gw_str with_nul = { cut, sizeof(cut) - 1 };

    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (int purpose = CERT_FOR_EXCHANGE; purpose <= CERT_FOR_XMPP_LOGIN; purpose++) {
            struct lab_spec spec = { .cn = NULL };
            struct lab_cert cert = lab_make(&spec, NULL);

            X509_NAME_add_entry_by_NID(X509_get_subject_name(cert.x509), NID_commonName,
                                       V_ASN1_UTF8STRING, (const unsigned char *)cut,
                                       sizeof(cut) - 1, -1, 0);
            lab_extension(cert.x509, cert.x509, NID_subject_alt_name, names[i]);
            assert_int_equal(
                cert_name_check(cert.x509, (enum cert_purpose)purpose, &wanted, 1, NULL),
                GW_DENIED);
            assert_int_equal(
                cert_name_check(cert.x509, (enum cert_purpose)purpose, &with_nul, 1, NULL),
                GW_DENIED);
            lab_free(&cert);
        }
}

/* The last CN is the most specific one. */
static void test_two_cns(void **state)
{
    const struct gw_str first = GW_STR_INIT("a.com"), last = GW_STR_INIT("b.com");
    struct lab_spec spec = { .cn = "a.com" };
    struct lab_cert cert = lab_make(&spec, NULL);

    (void)state;
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.x509), "CN", MBSTRING_UTF8,
                               (const unsigned char *)"b.com", -1, -1, 0);
    assert_int_equal(cert_name_check(cert.x509, CERT_FOR_SIP, &last, 1, NULL), GW_OK);
    assert_int_equal(cert_name_check(cert.x509, CERT_FOR_SIP, &first, 1, NULL), GW_DENIED);
    lab_free(&cert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_several_wanted),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_two_cns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
