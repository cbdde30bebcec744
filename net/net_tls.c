/* TLS contexts, and the way a verify callback's words find back to whom they concern. */
#include "net_tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "net_priv.h"

struct net_tls {
    SSL_CTX *ctx;
    enum net_tls_role role;
    unsigned refs;
};

/* --- reasons --- */

/* OpenSSL's slots for our pointer, taken once in the life of the process. */
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;
static int ssl_slot, ctx_slot;

static void take_slots(void)
{
    ssl_slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    ctx_slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

void net_tls_reason_of(SSL *ssl, struct gw_err *reason)
{
    (void)pthread_once(&slots_once, take_slots);
    (void)SSL_set_ex_data(ssl, ssl_slot, reason);
}

void net_tls_reason_of_ctx(SSL_CTX *ctx, struct gw_err *reason)
{
    (void)pthread_once(&slots_once, take_slots);
    (void)SSL_CTX_set_ex_data(ctx, ctx_slot, reason);
}

void net_tls_explain(X509_STORE_CTX *store_ctx, const char *why)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());

    if (ssl) /* else a certificate is checked outside of a connection */
        net_tls_explain_ssl(ssl, why);
}

void net_tls_explain_ssl(SSL *ssl, const char *why)
{
    struct gw_err *reason;

    (void)pthread_once(&slots_once, take_slots);
    reason = SSL_get_ex_data(ssl, ssl_slot);
    if (!reason)
        reason = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_slot);
    if (reason)
        (void)gw_fail(reason, GW_DENIED, "%s", why);
}

/* What OpenSSL says of those who speak something else: an administrator is helped by none of it. */
const char *net_tls_words(const char *says)
{
    static const char too_old[] = "the other side speaks only versions of TLS that are too old "
                                  "here: turn newer ones on there";
    static const struct {
        const char *says, *words;
    } table[] = {
        { "protocol version", too_old },
        { "unsupported protocol", too_old },
        { "wrong version number", "the other side does not speak TLS on this port" },
        { "alert handshake failure", "the other side refuses: no cipher in common, or it demands a "
                                     "certificate" },
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strstr(says, table[i].says))
            return table[i].words;
    return says;
}

enum gw_code net_tls_fail(struct gw_err *err, SSL *ssl, const struct gw_err *reason)
{
    unsigned long e = ERR_get_error();
    const char *text = e ? ERR_reason_error_string(e) : NULL;
    long verify = SSL_get_verify_result(ssl);

    ERR_clear_error();
    if (reason->code)
        return gw_fail(err, GW_DENIED, "certificate refused: %s", reason->msg);
    if (ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
        verify != X509_V_OK)
        return gw_fail(err, GW_DENIED, "certificate refused: %s",
                       X509_verify_cert_error_string(verify));
    if (ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return gw_fail(err, GW_UNREACHABLE, "TLS connection cut off by the peer");
    return gw_fail(err, GW_UNREACHABLE, "TLS failed: %s",
                   text ? net_tls_words(text) : "connection lost");
}

void net_tls_peer_cn(SSL *ssl, char out[NET_PEER_CN_MAX])
{
    X509 *cert = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
    char text[NET_PEER_CN_MAX];
    int len = cert ? X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, text,
                                               sizeof(text))
                   : 0;

    out[0] = '\0';
    for (int i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return;
    if (len > 0)
        memcpy(out, text, (size_t)len + 1);
}

/* --- contexts --- */

void net_tls_defaults(SSL_CTX *ctx, enum net_tls_role role)
{
    if (role == NET_TLS_CLIENT) /* a policy that forgets trust then trusts nobody */
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE);
}

enum gw_code net_tls_no_verification(SSL_CTX *ssl_ctx, void *ctx, struct gw_err *err)
{
    (void)ctx;
    (void)err;
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_NONE, NULL);
    return GW_OK;
}

/* For contexts that streams use; libcurl would never see what was read ahead. */
static void stream_defaults(SSL_CTX *ctx)
{
    static const unsigned char id[] = "kalends";

    /* Buffers are held only while there is something in them: most sessions are idle. */
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1); /* one read() a record instead of two */
    /* Resumption by tickets: nothing to keep here. */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1);
    (void)SSL_CTX_set_num_tickets(ctx, 1);
}

enum gw_code net_tls_new(enum net_tls_role role, const struct net_tls_policy *policy,
                         struct net_tls **out, struct gw_err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(role == NET_TLS_CLIENT ? TLS_client_method() : TLS_server_method());
    struct net_tls *tls;
    enum gw_code rc;

    if (!ctx)
        return gw_fail(err, GW_INTERNAL, "no TLS context");
    net_tls_defaults(ctx, role);
    stream_defaults(ctx);
    rc = policy->apply(ctx, policy->ctx, err);
    ERR_clear_error();
    if (rc) {
        SSL_CTX_free(ctx);
        return rc;
    }
    tls = gw_new(struct net_tls);
    tls->ctx = ctx;
    tls->role = role;
    tls->refs = 1;
    *out = tls;
    return GW_OK;
}

struct pem {
    const char *cert, *key;
};

static enum gw_code pem_apply(SSL_CTX *ctx, void *arg, struct gw_err *err)
{
    const struct pem *pem = arg;
    BIO *certs = BIO_new_mem_buf(pem->cert, -1), *keys = BIO_new_mem_buf(pem->key, -1);
    X509 *cert = PEM_read_bio_X509(certs, NULL, NULL, NULL), *issuer;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(keys, NULL, NULL, (void *)"");
    bool ok = cert && key && SSL_CTX_use_cert_and_key(ctx, cert, key, NULL, 1) == 1;

    while (ok && (issuer = PEM_read_bio_X509(certs, NULL, NULL, NULL)))
        ok = SSL_CTX_add0_chain_cert(ctx, issuer) == 1;
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(certs);
    BIO_free(keys);
    return ok ? GW_OK : gw_fail(err, GW_INVALID, "certificate and key are not fit for TLS");
}

enum gw_code net_tls_new_pem(const char *cert_pem, const char *key_pem, struct net_tls **out,
                             struct gw_err *err)
{
    struct pem pem = { cert_pem, key_pem };

    return net_tls_new(NET_TLS_SERVER, &(struct net_tls_policy){ pem_apply, &pem }, out, err);
}

struct net_tls *net_tls_ref(struct net_tls *tls)
{
    tls->refs++;
    return tls;
}

void net_tls_unref(struct net_tls **tlsp)
{
    struct net_tls *tls = *tlsp;

    if (!tls)
        return;
    *tlsp = NULL;
    if (--tls->refs)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls);
}

SSL_CTX *net_tls_ctx(const struct net_tls *tls)
{
    return tls->ctx;
}

enum net_tls_role net_tls_role(const struct net_tls *tls)
{
    return tls->role;
}
