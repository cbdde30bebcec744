/* What ends soon is told: own, trusted, shown by peers; not what was replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <time.h>

#include "cert_expiry.h"
#include "cert_lab.h"
#include "cert_priv.h"

static gw_utc now;
static char *folder;
static struct cert_store *store;

static int setup(void **state)
{
    (void)state;
    now = (gw_utc)time(NULL) * 1000;
    folder = lab_folder();
    return cert_store_open(folder, &store, NULL);
}

static int teardown(void **state)
{
    (void)state;
    cert_store_close(&store);
    lab_folder_remove(folder);
    return 0;
}

static void add(const struct cert_expiry *e, void *ctx)
{
    struct gw_buf *out = ctx;

    gw_buf_addf(out, "%s %s %s;", e->kind, e->where, e->subject);
}

static void expect_at(gw_utc at, const char *text)
{
    struct gw_buf out;

    gw_buf_init(&out, 4096);
    gw_buf_add_cstr(&out, "");
    cert_expiry_each(store, at, add, &out);
    assert_string_equal(out.len ? out.p : "", text);
    gw_buf_done(&out);
}

static void note(const char *where, const char *cn, int days)
{
    struct lab_spec spec = { .cn = cn, .from_day = -1, .to_day = days };
    struct lab_cert cert = lab_make(&spec, NULL);

    cert_expiry_note(store, gw_str_of(where), cert.x509);
    lab_free(&cert);
}

static void test_trusted(void **state)
{
    struct lab_spec spec = { .cn = "Root", .ca = true, .from_day = -1, .to_day = 40 };
    struct lab_cert cert = lab_make(&spec, NULL);
    struct gw_buf pem;

    (void)state;
    gw_buf_init(&pem, 100000);
    lab_pem(&cert, false, &pem);
    assert_int_equal(
        cert_trust_add(store, CERT_TRUST_XMPP, gw_buf_str(&pem), NULL, NULL, NULL, NULL), GW_OK);
    expect_at(now, "");
    expect_at(now + 11LL * GW_DAY_MS, "trusted cup-xmpp-trust CN=Root;");
    expect_at(now + 400LL * GW_DAY_MS, "trusted cup-xmpp-trust CN=Root;");
    gw_buf_done(&pem);
    lab_free(&cert);
}

static void test_list(void **state)
{
    X509_CRL *crl = X509_CRL_new();
    X509_NAME *issuer = X509_NAME_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, -60), *until = X509_gmtime_adj(NULL, 7 * 86400);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    unsigned char *der = NULL;
    int len;

    (void)state;
    X509_NAME_add_entry_by_txt(issuer, "CN", MBSTRING_UTF8, (const unsigned char *)"CA", -1, -1, 0);
    X509_CRL_set_issuer_name(crl, issuer);
    X509_CRL_set1_lastUpdate(crl, from);
    X509_CRL_set1_nextUpdate(crl, until);
    assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
    len = i2d_X509_CRL(crl, &der);
    assert_int_equal(cert_crl_add(store, CERT_TRUST_EXCHANGE,
                                  (struct gw_str){ (char *)der, (size_t)len }, now, NULL, NULL,
                                  NULL),
                     GW_OK);
    expect_at(now + 5LL * GW_DAY_MS, "");
    expect_at(now + 6LL * GW_DAY_MS + 60000, "revocation list cup-trust CN=CA;");
    expect_at(now + 9LL * GW_DAY_MS, "revocation list cup-trust CN=CA;");
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    X509_NAME_free(issuer);
    X509_CRL_free(crl);
}

static void test_own(void **state)
{
    const struct gw_str name = GW_STR_INIT("a.com");
    struct cert_subject subject = {
        .cn = name, .organisation = GW_STR("Example"), .names = &name, .names_count = 1
    };
    struct cert_identity_args args = { .name = "cup", .now = now };
    struct cert_identity *id = NULL;
    struct cert_key *key = NULL;

    (void)state;
    assert_int_equal(cert_identity_open(store, &args, &id, NULL), GW_OK);
    expect_at(now + 3640LL * GW_DAY_MS, ""); /* it will be made anew */
    assert_int_equal(cert_key_make(CERT_EC_P256, &key, NULL), GW_OK);
    assert_int_equal(cert_own_self_sign(id, key, &subject, 20, now, NULL), GW_OK);
    expect_at(now, "own cup CN=a.com,O=Example;");
    cert_key_free(&key);
    cert_identity_close(&id);
}

static void test_shown(void **state)
{
    (void)state;
    note("mail.a.com", "mail", 20);
    note("mail.a.com", "mail", 20);
    note("", "peer", 10);
    note("far.a.com", "far", 90);
    expect_at(now, "shown mail.a.com CN=mail;shown  CN=peer;");
    note("mail.a.com", "mail", 300); /* it was replaced */
    expect_at(now, "shown  CN=peer;");
}

static void count_late(const struct cert_expiry *e, void *ctx)
{
    *(int *)ctx += !strcmp(e->where, "late");
}

/* The table is full: those that end first stay. */
static void test_many(void **state)
{
    char name[32];
    int count;

    (void)state;
    for (int i = 0; i < CERT_SHOWN_MAX; i++) {
        snprintf(name, sizeof(name), "h%d", i);
        note(name, "x", 100 + i);
    }
    note("soon", "x", 5);
    expect_at(now, "shown soon CN=x;");
    assert_int_equal(store->shown_count, CERT_SHOWN_MAX);
    note("late", "x", 999);
    count = 0;
    cert_expiry_each(store, now + 980LL * GW_DAY_MS, count_late, &count);
    assert_int_equal(count, 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = { TEST(test_trusted), TEST(test_list), TEST(test_own),
                                        TEST(test_shown), TEST(test_many) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
