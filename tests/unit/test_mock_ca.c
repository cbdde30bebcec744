/* The certificates that the mock makes are wrong in the one point that was asked for, and right in all
 * others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "mock_ca.h"

static const gw_utc now = 1800000000000;

/* The chain of a PEM text: the first one is given, the others go to 'rest'. */
static X509 *chain_read(const char *pem, STACK_OF(X509) * rest)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *first = PEM_read_bio_X509(bio, NULL, NULL, NULL), *next;

    while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        sk_X509_push(rest, next);
    BIO_free(bio);
    return first;
}

/* OpenSSL's verdict on a server's certificate. */
static int verdict(const struct mock_ca *ca, const char *cert_pem, const char *host)
{
    STACK_OF(X509) *rest = sk_X509_new_null();
    X509 *cert = chain_read(cert_pem, rest), *root = chain_read(mock_ca_root_pem(ca), rest);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;
    int code;

    X509_STORE_add_cert(store, root);
    X509_STORE_CTX_init(ctx, store, cert, rest);
    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, now / 1000);
    X509_VERIFY_PARAM_set1_host(param, host, 0);
    (void)X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    X509_verify_cert(ctx);
    code = X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(cert);
    X509_free(root);
    sk_X509_pop_free(rest, X509_free);
    return code;
}

static const struct {
    enum mock_cert_fault fault;
    int code;
} fault_case[] = {
    { MOCK_CERT_RIGHT, X509_V_OK },
    { MOCK_CERT_EXPIRED, X509_V_ERR_CERT_HAS_EXPIRED },
    { MOCK_CERT_NOT_YET_VALID, X509_V_ERR_CERT_NOT_YET_VALID },
    { MOCK_CERT_WRONG_NAME, X509_V_ERR_HOSTNAME_MISMATCH },
    { MOCK_CERT_INCOMPLETE, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY },
    { MOCK_CERT_SELF_SIGNED, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT },
};

static void test_faults(void **state)
{
    const struct gw_str names[] = { GW_STR_INIT("cas1.example"), GW_STR_INIT("127.0.0.1"),
                                    GW_STR_INIT("::1"), GW_STR_INIT("*.mail.example") };
    struct mock_ca *ca;
    struct gw_err err;

    (void)state;
    assert_int_equal(mock_ca_new(now, &ca, &err), GW_OK);
    for (size_t i = 0; i < sizeof(fault_case) / sizeof(*fault_case); i++) {
        struct mock_cert_spec spec = { names, 4, fault_case[i].fault };
        char *cert_pem, *key_pem;

        assert_int_equal(mock_ca_issue(ca, &spec, now, &cert_pem, &key_pem, &err), GW_OK);
        assert_int_equal(verdict(ca, cert_pem, "cas1.example"), fault_case[i].code);
        assert_non_null(strstr(key_pem, "PRIVATE KEY"));
        free(cert_pem);
        gw_secret_free(&key_pem);
    }
    mock_ca_free(&ca);
}

static void test_names(void **state)
{
    static const char *const wrong[] = { "", "a b", "a,IP:1.2.3.4", "\n" };
    struct mock_ca *ca;
    char *cert_pem, *key_pem;
    struct gw_err err;

    (void)state;
    assert_int_equal(mock_ca_new(now, &ca, &err), GW_OK);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct gw_str name = gw_str_of(wrong[i]);
        struct mock_cert_spec spec = { &name, 1, MOCK_CERT_RIGHT };

        assert_int_equal(mock_ca_issue(ca, &spec, now, &cert_pem, &key_pem, &err), GW_INVALID);
    }
    mock_ca_free(&ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
