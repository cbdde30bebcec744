/* Uploaded revocation lists: PEM or DER of anybody, read, described, and looked into. */
#include <assert.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <string.h>

#include "cert_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void on_told(const struct cert_crl_info *info, void *ctx)
{
    size_t *sum = ctx;

    *sum += strlen(info->id) + strlen(info->issuer) + strlen(info->number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cert_set set = { .name = (char *)"cup-trust", .crls = sk_X509_CRL_new_null() };
    X509 *x509 = X509_new();
    struct gw_err err = { 0 };
    X509_CRL *crl = NULL;
    size_t sum = 0;
    enum gw_code code = cert_crl_parse((struct gw_str){ (const char *)data, len }, &crl, &err);

    assert(!code == !err.msg[0]); /* refused with a sentence, or taken */
    if (!code) {
        (void)sk_X509_CRL_push(set.crls, crl);
        cert_crl_tell(&set, crl, on_told, &sum);
        (void)X509_set_issuer_name(x509, X509_CRL_get_issuer(crl));
        (void)ASN1_INTEGER_set(X509_get_serialNumber(x509), 5);
        (void)cert_crl_revoked_since(&set, x509);
    }
    sk_X509_CRL_pop_free(set.crls, X509_CRL_free);
    X509_free(x509);
    return 0;
}
