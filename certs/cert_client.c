/* Verification of one server, by a name that is known beforehand. What it came to is kept. */
#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "cert_priv.h"
#include "gw_log.h"
#include "gw_mem.h"

enum { HOST_MAX = 253 };

struct cert_client {
    struct cert_store *store;
    struct cert_set *set;
    struct cert_tls_source source;
    char host[HOST_MAX + 1];
    struct cert_result last;
    struct cert_seen seen; /* when 'keeps' */
    bool keeps;
    struct cert_identity *shown; /* or NULL */
};

static void forget(struct cert_client *c)
{
    X509_free(c->seen.leaf);
    X509_free(c->seen.bad);
    sk_X509_pop_free(c->seen.sent, X509_free);
    c->seen = (struct cert_seen){ 0 };
}

static void keep(struct cert_client *c, X509_STORE_CTX *ctx)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(ctx);

    forget(c);
    c->seen.leaf = X509_STORE_CTX_get0_cert(ctx);
    X509_up_ref(c->seen.leaf);
    c->seen.sent = sent ? X509_chain_up_ref(sent) : sk_X509_new_null();
    c->seen.bad_reason = cert_fault_reason(X509_STORE_CTX_get_error(ctx));
    if (c->seen.bad_reason)
        c->seen.bad = X509_STORE_CTX_get_current_cert(ctx);
    if (c->seen.bad)
        X509_up_ref(c->seen.bad);
    c->seen.protocol = SSL_get_version(ssl);
    c->seen.cipher = SSL_CIPHER_get_name(SSL_get_pending_cipher(ssl));
}

void cert_client_keep(struct cert_client *c, enum cert_purpose purpose, struct cert_identity *shown)
{
    c->source.purpose = purpose;
    c->keeps = true;
    c->shown = shown;
}

const struct cert_seen *cert_client_seen(const struct cert_client *c)
{
    return c->seen.leaf ? &c->seen : NULL;
}

const char *cert_client_host(const struct cert_client *c)
{
    return c->host;
}

const struct cert_set *cert_client_set(const struct cert_client *c)
{
    return c->set;
}

/* Replaces OpenSSL's own call of X509_verify_cert(). */
static int verify(X509_STORE_CTX *ctx, void *arg)
{
    struct cert_client *c = arg;
    const struct gw_str host = gw_str_of(c->host);
    const struct cert_check check = { c->store, c->set, c->source.purpose, &host, 1 };
    bool fine = cert_verify(ctx, &check, &c->last);

    if (!fine)
        net_tls_explain(ctx, c->last.text);
    if (c->keeps && X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx()))
        keep(c, ctx);
    return fine;
}

/* --- sessions that are kept */

/* The certificates that the server showed when the session was made, looked at as if it showed them
 * now: the set, the dates and the host. */
static bool session_passes(SSL *ssl, struct cert_client *c)
{
    X509 *leaf = SSL_SESSION_get0_peer(SSL_get_session(ssl));
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool fine = leaf && ctx &&
                X509_STORE_CTX_init(ctx, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), leaf,
                                    SSL_get_peer_cert_chain(ssl)) == 1;

    fine = fine && verify(ctx, c) == 1;
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
    return fine;
}

/* A resumed session is not verified by OpenSSL. One that would not pass is not offered: the server
 * has to show its certificate. */
static void on_start(SSL *ssl, void *ctx)
{
    if (SSL_get_session(ssl) && !session_passes(ssl, ctx))
        (void)SSL_set_session(ssl, NULL);
}

static struct cert_result *result_of(SSL *ssl, void *ctx)
{
    struct cert_client *c = ctx;

    (void)ssl;
    return &c->last;
}

static enum gw_code apply(SSL_CTX *ssl_ctx, void *ctx, struct gw_err *err)
{
    X509_STORE *empty = X509_STORE_new();
    struct cert_client *c = ctx;

    if (!empty)
        return gw_fail(err, GW_INTERNAL, "out of memory");
    SSL_CTX_set_cert_store(ssl_ctx, empty); /* takes; what a library put there is dropped */
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ssl_ctx, verify, ctx);
    if (c->shown && cert_identity_apply(ssl_ctx, c->shown, err))
        return err ? err->code : GW_INVALID;
    cert_tls_follow(ssl_ctx, &c->source);
    return GW_OK;
}

struct net_tls_policy cert_client_policy(struct cert_client *c)
{
    return (struct net_tls_policy){ .apply = apply, .ctx = c };
}

const struct cert_result *cert_client_last(const struct cert_client *c)
{
    return &c->last;
}

/* --- the host */

static bool label_is_valid(struct gw_str label)
{
    if (!label.len || label.len > 63)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char ch = label.p[i];
        bool inner = ch == '-' || ch == '_'; /* Windows hosts have underscores */

        if (!(ch >= 'a' && ch <= 'z') && !(ch >= 'A' && ch <= 'Z') && !(ch >= '0' && ch <= '9') &&
            !inner)
            return false;
    }
    return true;
}

static bool name_is_valid(struct gw_str name)
{
    struct gw_str label = name, rest;

    while (gw_str_cut(label, ".", &label, &rest)) {
        if (!label_is_valid(label))
            return false;
        label = rest;
    }
    return label_is_valid(label);
}

static bool is_address(const char *text)
{
    unsigned char address[16];

    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static enum gw_code set_host(struct cert_client *c, struct gw_str host, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX], normal[CERT_NAME_MAX + 1];
    struct gw_str bare = host;

    if (bare.len > 2 && bare.p[0] == '[' && bare.p[bare.len - 1] == ']')
        bare = gw_str_sub(bare, 1, bare.len - 1);
    else if (cert_name_normal(bare, normal))
        bare = gw_str_of(normal);
    if (bare.len > HOST_MAX)
        return gw_fail(err, GW_INVALID, "host name is longer than %d characters", HOST_MAX);
    memcpy(c->host, bare.len ? bare.p : "", bare.len);
    c->host[bare.len] = '\0';
    if (strlen(c->host) == bare.len && is_address(c->host))
        return GW_OK;
    if (host.len && host.p[0] == '[')
        return gw_fail(err, GW_INVALID, "%s is not an IPv6 address", gw_quote(host, quoted));
    if (!name_is_valid(bare))
        return gw_fail(err, GW_INVALID, "%s is neither a host name nor an address",
                       gw_quote(host, quoted));
    return GW_OK;
}

enum gw_code cert_client_new(struct cert_store *s, const char *set, struct gw_str host,
                             struct cert_client **out, struct gw_err *err)
{
    struct cert_client *c = gw_new(struct cert_client);
    enum gw_code code = set_host(c, host, err);

    if (!code)
        code = cert_set_get(s, set, &c->set, err);
    if (code) {
        free(c);
        return code;
    }
    c->store = s;
    c->source =
        (struct cert_tls_source){ .store = s, .start = on_start, .result = result_of, .ctx = c };
    s->users++;
    *out = c;
    return GW_OK;
}

void cert_client_free(struct cert_client **cp)
{
    if (!*cp)
        return;
    assert((*cp)->store->users > 0);
    (*cp)->store->users--;
    forget(*cp);
    free(*cp);
    *cp = NULL;
}
