/* Verification of a server: OpenSSL builds and checks the chain, against the trust set as it is at
 * that moment, then the names are compared. What it came to is kept in the words administrators
 * know, and handed to net/, which reports the failed connection. */
#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cert_priv.h"
#include "gw_log.h"
#include "gw_mem.h"

enum { HOST_MAX = 253 };

struct cert_client {
    struct cert_store *store;
    struct cert_set *set;
    char host[HOST_MAX + 1]; /* an address in its canonical form */
    unsigned char address[16];
    size_t address_len; /* 0: a name */
    struct cert_result last;
    struct cert_seen seen; /* when 'keeps' */
    bool keeps;
};

const char *cert_verdict_name(enum cert_verdict v)
{
    switch (v) {
    case CERT_NOT_SEEN:
        return "not checked yet";
    case CERT_VERIFIED:
        return "Verified";
    case CERT_MISSING_FROM_CHAIN:
        return "Failed: certificate missing from chain";
    case CERT_CN_MISMATCH:
        return "Failed: subject CN mismatch";
    case CERT_SAN_MISMATCH:
        return "Failed: SAN mismatch";
    case CERT_BAD:
        return "Failed: bad certificate";
    case CERT_NETWORK_ERROR:
        return "Failed: network error";
    case CERT_FAILED:
        return "Failed";
    }
    return "Failed";
}

/* --- the verdict */

/* Is the host in the subject alternative names, or else the subject's CN? A name may be met by a
 * wildcard for its first label; an address must be written out. */
static bool host_matches(X509 *leaf, const struct cert_client *c)
{
    unsigned flags = X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT;

    if (c->address_len && X509_check_ip(leaf, c->address, c->address_len, 0) == 1)
        return true;
    flags |= c->address_len ? X509_CHECK_FLAG_NO_WILDCARDS : X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
    return X509_check_host(leaf, c->host, strlen(c->host), flags, NULL) == 1;
}

static enum cert_verdict verdict_of(int error)
{
    switch (error) {
    case X509_V_OK:
        return CERT_VERIFIED;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return CERT_MISSING_FROM_CHAIN;
    case X509_V_ERR_UNSPECIFIED:
    case X509_V_ERR_OUT_OF_MEM:
    case X509_V_ERR_APPLICATION_VERIFICATION:
        return CERT_FAILED;
    default:
        return CERT_BAD;
    }
}

static const struct cert_entry *same_subject(const struct cert_set *set, X509 *cert)
{
    for (size_t i = 0; i < set->count; i++)
        if (!X509_NAME_cmp(X509_get_subject_name(set->entry[i]->x509), X509_get_subject_name(cert)))
            return set->entry[i];
    return NULL;
}

/* One that signed itself may be the successor of one that is trusted. */
static enum cert_verdict say_self_signed(const struct cert_client *c, X509 *cert,
                                         struct gw_err *out)
{
    const struct cert_entry *old = same_subject(c->set, cert);
    char subject[CERT_NAME_TEXT_MAX];

    cert_name_text(X509_get_subject_name(cert), subject);
    if (old) {
        gw_fail(out, GW_DENIED,
                "certificate '%s' is not the one of that name in '%s' (%.16s...): if it was issued "
                "anew, remove that and trust this one",
                subject, c->set->name, old->info.fingerprint);
        return CERT_BAD;
    }
    gw_fail(out, GW_DENIED,
            "certificate '%s' is self-signed and not in '%s' (kalendsctl cert trust add FILE)",
            subject, c->set->name);
    return CERT_MISSING_FROM_CHAIN;
}

static void say_missing(const struct cert_client *c, X509 *cert, struct gw_err *out)
{
    char subject[CERT_NAME_TEXT_MAX], issuer[CERT_NAME_TEXT_MAX];

    cert_name_text(X509_get_subject_name(cert), subject);
    cert_name_text(X509_get_issuer_name(cert), issuer);
    gw_fail(out, GW_DENIED,
            "issuer '%s' of certificate '%s' is neither sent by the server nor in '%s' "
            "(kalendsctl cert trust add FILE)",
            issuer, subject, c->set->name);
}

static void say_bad(X509 *cert, int error, struct gw_err *out)
{
    char subject[CERT_NAME_TEXT_MAX], when[GW_UTC_TEXT_MAX];

    cert_name_text(X509_get_subject_name(cert), subject);
    if (error == X509_V_ERR_CERT_HAS_EXPIRED)
        gw_fail(out, GW_DENIED, "certificate '%s' expired on %s", subject,
                gw_utc_text(cert_time(X509_get0_notAfter(cert)), when));
    else if (error == X509_V_ERR_CERT_NOT_YET_VALID)
        gw_fail(out, GW_DENIED, "certificate '%s' is not valid before %s: check the clocks",
                subject, gw_utc_text(cert_time(X509_get0_notBefore(cert)), when));
    else
        gw_fail(out, GW_DENIED, "certificate '%s': %s", subject,
                X509_verify_cert_error_string(error));
}

/* As many of the names as fit into the message. */
static enum cert_verdict say_mismatch(const struct cert_client *c, X509 *leaf, struct gw_err *out)
{
    struct cert_entry *e = NULL;
    char subject[CERT_NAME_TEXT_MAX];
    enum cert_verdict verdict = CERT_CN_MISMATCH;
    struct gw_buf names;

    cert_name_text(X509_get_subject_name(leaf), subject);
    gw_fail(out, GW_DENIED, "host '%s' is not the name of certificate '%s'", c->host, subject);
    if (cert_entry_new(leaf, &e, NULL))
        return verdict;
    if (e->info.names[0]) {
        verdict = CERT_SAN_MISMATCH;
        gw_buf_init(&names, sizeof(out->msg));
        for (size_t i = 0; e->info.names[i]; i++)
            gw_buf_addf(&names, "%s%s", i ? ", " : "", e->info.names[i]);
        gw_fail(out, GW_DENIED, "host '%s' is none of the names of certificate '%s': %.*s", c->host,
                subject, GW_STR_ARG(gw_buf_str(&names)));
        gw_buf_done(&names);
    }
    cert_entry_free(&e);
    return verdict;
}

static void record(struct cert_client *c, X509_STORE_CTX *ctx, int error)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
    enum cert_verdict verdict = verdict_of(error);
    struct gw_err why = { 0 };

    if (!cert)
        cert = X509_STORE_CTX_get0_cert(ctx);
    if (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH)
        verdict = say_mismatch(c, X509_STORE_CTX_get0_cert(ctx), &why);
    else if (error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
             error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN)
        verdict = say_self_signed(c, cert, &why);
    else if (verdict == CERT_MISSING_FROM_CHAIN)
        say_missing(c, cert, &why);
    else if (verdict == CERT_BAD && cert)
        say_bad(cert, error, &why);
    else if (verdict != CERT_VERIFIED)
        gw_fail(&why, GW_DENIED, "%s", X509_verify_cert_error_string(error));
    c->last.verdict = verdict;
    memcpy(c->last.text, why.msg, sizeof(c->last.text));
}

static void forget(struct cert_client *c)
{
    X509_free(c->seen.leaf);
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
    c->seen.protocol = SSL_get_version(ssl);
    c->seen.cipher = SSL_CIPHER_get_name(SSL_get_pending_cipher(ssl));
}

void cert_client_keep(struct cert_client *c)
{
    c->keeps = true;
}

const struct cert_seen *cert_client_seen(const struct cert_client *c)
{
    return c->seen.leaf ? &c->seen : NULL;
}

const struct cert_set *cert_client_set(const struct cert_client *c)
{
    return c->set;
}

/* Replaces OpenSSL's own call of X509_verify_cert(). Any certificate of the set is an anchor: what
 * the administrator put there is trusted, be it a root, an intermediate or the server itself. */
static int verify(X509_STORE_CTX *ctx, void *arg)
{
    struct cert_client *c = arg;
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    int error;

    X509_STORE_CTX_set0_trusted_stack(ctx, c->set->trusted);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    if (!X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER))
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_UNSPECIFIED);
    else if (X509_verify_cert(ctx) != 1) {
        if (X509_STORE_CTX_get_error(ctx) == X509_V_OK)
            X509_STORE_CTX_set_error(ctx, X509_V_ERR_UNSPECIFIED);
    } else if (!host_matches(X509_STORE_CTX_get0_cert(ctx), c)) {
        X509_STORE_CTX_set_error(ctx, c->address_len ? X509_V_ERR_IP_ADDRESS_MISMATCH
                                                     : X509_V_ERR_HOSTNAME_MISMATCH);
    }
    error = X509_STORE_CTX_get_error(ctx);
    record(c, ctx, error);
    if (c->keeps && X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx()))
        keep(c, ctx);
    if (error != X509_V_OK)
        net_tls_explain(ctx, c->last.text);
    return error == X509_V_OK;
}

/* --- sessions that are kept */

static pthread_once_t slot_once = PTHREAD_ONCE_INIT;
static int client_slot; /* of an SSL_CTX: its client */

static void take_slot(void)
{
    client_slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* The certificates that the server showed when the session was made, looked at as if it showed them
 * now: the set, the dates and the host. */
static bool session_passes(SSL *ssl, struct cert_client *c)
{
    X509 *leaf = SSL_SESSION_get0_peer(SSL_get_session(ssl));
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool fine = leaf && ctx &&
                X509_STORE_CTX_init(ctx, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), leaf,
                                    SSL_get_peer_cert_chain(ssl)) == 1;

    if (fine) {
        X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(ctx),
                                         SSL_get_security_level(ssl));
        fine = verify(ctx, c) == 1;
    }
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
    return fine;
}

/* A resumed session is not verified by OpenSSL. One that would not pass is not offered: the server
 * has to show its certificate. */
static void on_info(const SSL *ssl, int where, int ret)
{
    SSL *own = (SSL *)ssl;

    (void)ret;
    if ((where & SSL_CB_HANDSHAKE_START) && SSL_get_session(ssl) &&
        !session_passes(own, SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), client_slot)))
        (void)SSL_set_session(own, NULL);
}

static enum gw_code apply(SSL_CTX *ssl_ctx, void *ctx, struct gw_err *err)
{
    X509_STORE *empty = X509_STORE_new();

    if (!empty)
        return gw_fail(err, GW_INTERNAL, "out of memory");
    SSL_CTX_set_cert_store(ssl_ctx, empty); /* takes; what a library put there is dropped */
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ssl_ctx, verify, ctx);
    (void)pthread_once(&slot_once, take_slot);
    (void)SSL_CTX_set_ex_data(ssl_ctx, client_slot, ctx);
    SSL_CTX_set_info_callback(ssl_ctx, on_info);
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

static void set_address(struct cert_client *c, int family, size_t len)
{
    c->address_len = len;
    (void)inet_ntop(family, c->address, c->host, sizeof(c->host));
}

static enum gw_code set_host(struct cert_client *c, struct gw_str host, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    struct gw_str bare = host;

    if (bare.len > 2 && bare.p[0] == '[' && bare.p[bare.len - 1] == ']')
        bare = gw_str_sub(bare, 1, bare.len - 1);
    else if (bare.len > 1 && bare.p[bare.len - 1] == '.')
        bare.len--; /* the root's dot is never in a certificate */
    if (bare.len > HOST_MAX)
        return gw_fail(err, GW_INVALID, "host name is longer than %d characters", HOST_MAX);
    memcpy(c->host, bare.len ? bare.p : "", bare.len);
    c->host[bare.len] = '\0';
    if (strlen(c->host) == bare.len && inet_pton(AF_INET, c->host, c->address) == 1)
        set_address(c, AF_INET, 4);
    else if (strlen(c->host) == bare.len && inet_pton(AF_INET6, c->host, c->address) == 1)
        set_address(c, AF_INET6, 16);
    else if (bare.len != host.len && host.p[0] == '[')
        return gw_fail(err, GW_INVALID, "%s is not an IPv6 address", gw_quote(host, quoted));
    else if (!name_is_valid(bare))
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
