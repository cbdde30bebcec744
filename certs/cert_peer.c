#include "cert_peer.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>

#include "cert_priv.h"
#include "gw_mem.h"

struct cert_peer {
    struct cert_peer_args args;
    struct cert_set *set;
    struct cert_tls_source source;
};

/* What a connection keeps of its peer's certificate. */
struct shown {
    struct cert_result result;
    enum cert_purpose purpose;
};

static pthread_once_t slot_once = PTHREAD_ONCE_INIT;
static int shown_slot; /* of an SSL */

static void shown_free(void *parent, void *ptr, CRYPTO_EX_DATA *data, int slot, long argl,
                       void *argp)
{
    (void)parent;
    (void)data;
    (void)slot;
    (void)argl;
    (void)argp;
    free(ptr);
}

static void take_slot(void)
{
    shown_slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, shown_free);
}

static const char *set_of(enum cert_purpose purpose)
{
    return purpose == CERT_FOR_XMPP_SERVER || purpose == CERT_FOR_XMPP_CLIENT ? CERT_TRUST_XMPP
                                                                              : CERT_TRUST_EXCHANGE;
}

/* --- the handshake */

static bool verify_by(const struct cert_peer *p, X509_STORE_CTX *ctx, struct cert_result *out)
{
    const struct cert_check check = { p->args.store, p->set, p->args.purpose, NULL, 0 };

    return cert_verify(ctx, &check, out);
}

static int verify(X509_STORE_CTX *ctx, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct cert_peer *p = arg;
    struct shown *shown = gw_new(struct shown);
    bool fine;

    shown->purpose = p->args.purpose;
    fine = verify_by(p, ctx, &shown->result);
    free(SSL_get_ex_data(ssl, shown_slot));
    if (!SSL_set_ex_data(ssl, shown_slot, shown)) {
        free(shown);
        return 0;
    }
    fine = fine || p->args.demand != CERT_REQUIRED;
    if (!fine)
        net_tls_explain(ctx, shown->result.text);
    return fine;
}

static struct cert_result *result_of(SSL *ssl, void *ctx)
{
    struct shown *shown = SSL_get_ex_data(ssl, shown_slot);

    (void)ctx;
    return shown ? &shown->result : NULL;
}

static enum gw_code apply(SSL_CTX *ssl_ctx, void *ctx, struct gw_err *err)
{
    struct cert_peer *p = ctx;
    int mode =
        SSL_VERIFY_PEER | (p->args.demand == CERT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    X509_STORE *empty = X509_STORE_new();

    if (!empty)
        return gw_fail(err, GW_INTERNAL, "out of memory");
    (void)pthread_once(&slot_once, take_slot);
    SSL_CTX_set_cert_store(ssl_ctx, empty); /* takes */
    SSL_CTX_set_verify(ssl_ctx, p->args.demand == CERT_NOT_ASKED ? SSL_VERIFY_NONE : mode, NULL);
    SSL_CTX_set_cert_verify_callback(ssl_ctx, verify, p);
    if (p->args.demand != CERT_NOT_ASKED) {
        (void)SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_TICKET);
        (void)SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
        (void)SSL_CTX_set_num_tickets(ssl_ctx, 0);
    }
    if (p->args.identity && cert_identity_apply(ssl_ctx, p->args.identity, err))
        return err ? err->code : GW_INVALID;
    cert_tls_follow(ssl_ctx, &p->source);
    return GW_OK;
}

struct net_tls_policy cert_peer_policy(struct cert_peer *p)
{
    return (struct net_tls_policy){ .apply = apply, .ctx = p };
}

/* --- afterwards */

static const struct shown *shown_of(const SSL *ssl)
{
    (void)pthread_once(&slot_once, take_slot);
    return ssl ? SSL_get_ex_data(ssl, shown_slot) : NULL;
}

void cert_peer_again(const struct cert_peer *p, SSL *ssl)
{
    struct shown *shown = ssl ? SSL_get_ex_data(ssl, shown_slot) : NULL;
    X509 *leaf = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
    X509_STORE_CTX *ctx;
    X509_STORE *empty;

    if (!shown || !leaf)
        return;
    ctx = X509_STORE_CTX_new();
    empty = X509_STORE_new();
    if (ctx && empty && X509_STORE_CTX_init(ctx, empty, leaf, SSL_get_peer_cert_chain(ssl)))
        (void)verify_by(p, ctx, &shown->result); /* cert_peer_check() tells */
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(empty);
    ERR_clear_error();
}

const struct cert_result *cert_peer_result(const SSL *ssl)
{
    const struct shown *shown = shown_of(ssl);

    return shown ? &shown->result : NULL;
}

enum gw_code cert_peer_check(const SSL *ssl, const struct gw_str *names, size_t count,
                             struct gw_err *err)
{
    const struct shown *shown = shown_of(ssl);
    X509 *leaf = ssl ? SSL_get0_peer_certificate(ssl) : NULL;

    if (!shown)
        return gw_fail(err, GW_NOTFOUND, "the peer has shown no certificate");
    if (shown->result.verdict != CERT_VERIFIED || !leaf)
        return gw_fail(err, GW_DENIED, "%s", shown->result.text);
    return cert_name_check(leaf, shown->purpose, names, count, err);
}

void cert_peer_addresses(const SSL *ssl, cert_address_fn *each, void *ctx)
{
    const struct shown *shown = shown_of(ssl);
    X509 *leaf = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
    GENERAL_NAMES *all;

    if (!shown || shown->result.verdict != CERT_VERIFIED || !leaf)
        return;
    all = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        struct gw_str address = cert_name_xmpp_addr(sk_GENERAL_NAME_value(all, i));

        if (address.len)
            each(address, ctx);
    }
    GENERAL_NAMES_free(all);
    ERR_clear_error();
}

/* --- life */

enum gw_code cert_peer_new(const struct cert_peer_args *args, struct cert_peer **out,
                           struct gw_err *err)
{
    struct cert_peer *p = gw_new(struct cert_peer);
    enum gw_code code = cert_set_get(args->store, set_of(args->purpose), &p->set, err);

    if (code) {
        free(p);
        return code;
    }
    p->args = *args;
    p->source = (struct cert_tls_source){ .store = args->store,
                                          .purpose = args->purpose,
                                          .result = result_of,
                                          .lenient = args->demand != CERT_REQUIRED };
    p->args.store->users++;
    *out = p;
    return GW_OK;
}

void cert_peer_free(struct cert_peer **pp)
{
    struct cert_peer *p = *pp;

    if (!p)
        return;
    *pp = NULL;
    assert(p->args.store->users > 0);
    p->args.store->users--;
    free(p);
}
