#include "mock_trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "gw_mem.h"
#include "net_tls.h"

struct mock_trust {
    X509_STORE *store;
};

enum gw_code mock_trust_new(struct gw_str pem, struct mock_trust **out, struct gw_err *err)
{
    struct mock_trust *trust = gw_new(struct mock_trust);
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
    int count = 0;
    X509 *cert;

    trust->store = X509_STORE_new();
    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        count += X509_STORE_add_cert(trust->store, cert);
        X509_free(cert);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (!count) {
        mock_trust_free(&trust);
        return gw_fail(err, GW_INVALID, "there is no certificate in 'pem'");
    }
    *out = trust;
    return GW_OK;
}

void mock_trust_free(struct mock_trust **trustp)
{
    struct mock_trust *trust = *trustp;

    if (!trust)
        return;
    *trustp = NULL;
    X509_STORE_free(trust->store);
    free(trust);
}

enum gw_code mock_trust_apply(const struct mock_trust *trust, const char *host, SSL_CTX *ssl_ctx,
                              struct gw_err *err)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ssl_ctx);

    if (!trust)
        return net_tls_no_verification(ssl_ctx, NULL, err);
    SSL_CTX_set1_cert_store(ssl_ctx, trust->store);
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) != 1 &&
        X509_VERIFY_PARAM_set1_host(param, host, 0) != 1)
        return gw_fail(err, GW_INVALID, "'%s' is no host", host);
    ERR_clear_error();
    return GW_OK;
}
