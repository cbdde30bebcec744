/* TLS with peers that have certificates themselves: who is let in, and what is known of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "cert_lab.h"
#include "cert_peer.h"
#include "cert_priv.h"
#include "net_priv.h"

static struct lab_cert root, other_root;
static char *folder;
static struct cert_store *store;
static struct cert_identity *identity;

static void trust(const char *set, const struct lab_cert *cert)
{
    struct gw_buf pem;

    gw_buf_init(&pem, 100000);
    lab_pem(cert, false, &pem);
    assert_int_equal(cert_trust_add(store, set, gw_buf_str(&pem), NULL, NULL, NULL, NULL), GW_OK);
    gw_buf_done(&pem);
}

static int lab_open(void **state)
{
    static const struct lab_spec spec = { .cn = "Root", .ca = true };
    struct cert_identity_args args = { .name = "cup", .now = 1795000000000 };

    (void)state;
    root = lab_make(&spec, NULL);
    other_root = lab_make(&spec, NULL);
    folder = lab_folder();
    if (cert_store_open(folder, &store, NULL) || cert_identity_open(store, &args, &identity, NULL))
        return -1;
    trust(CERT_TRUST_EXCHANGE, &root);
    trust(CERT_TRUST_XMPP, &root);
    return 0;
}

static int lab_close(void **state)
{
    (void)state;
    cert_identity_close(&identity);
    cert_store_close(&store);
    lab_free(&root);
    lab_free(&other_root);
    lab_folder_remove(folder);
    return 0;
}

/* True: ours is done with its handshake. */
static bool handshake(SSL *ours, SSL *theirs)
{
    int o = 0;

    for (int i = 0; i < 2; i++) {
        SSL *ssl = i ? ours : theirs;

        SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    }
    for (int round = 0; round < 10 && o != 1; round++) {
        (void)SSL_do_handshake(theirs);
        lab_pump(theirs, ours);
        o = SSL_do_handshake(ours);
        lab_pump(ours, theirs);
    }
    ERR_clear_error();
    return o == 1;
}

static SSL_CTX *context_of(struct cert_peer *peer, bool server)
{
    SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    struct net_tls_policy policy = cert_peer_policy(peer);

    assert_int_equal(policy.apply(ctx, policy.ctx, NULL), GW_OK);
    return ctx;
}

enum { NOTHING, TRUSTED, STRANGER, OLD, SERVER_ONLY, CLIENT_ONLY, ANY_USE, SHOWN };

static struct lab_cert shown_make(int what)
{
    static const struct lab_spec spec[SHOWN] = {
        [TRUSTED] = { .cn = "a.com" },
        [STRANGER] = { .cn = "a.com" },
        [OLD] = { .cn = "a.com", .from_day = -9, .to_day = -2 },
        [SERVER_ONLY] = { .cn = "a.com", .eku = "serverAuth" },
        [CLIENT_ONLY] = { .cn = "a.com", .eku = "clientAuth" },
        [ANY_USE] = { .cn = "a.com", .eku = "anyExtendedKeyUsage,serverAuth,clientAuth" },
    };

    return lab_make(&spec[what], what == STRANGER ? &other_root : &root);
}

static const struct peer_case {
    enum cert_purpose purpose;
    enum cert_demand demand;
    int shown;
    bool in;            /* the handshake is done */
    enum gw_code check; /* for "a.com" */
    const char *says;
} peer_case[] = {
    { CERT_FOR_SIP, CERT_REQUIRED, TRUSTED, true, GW_OK, "" },
    { CERT_FOR_SIP, CERT_REQUIRED, ANY_USE, true, GW_OK, "" },
    { CERT_FOR_SIP, CERT_REQUIRED, STRANGER, false, GW_DENIED, "neither sent" },
    { CERT_FOR_SIP, CERT_REQUIRED, OLD, false, GW_DENIED, "expired" },
    { CERT_FOR_SIP, CERT_REQUIRED, SERVER_ONLY, false, GW_DENIED, "1.3.6.1.5.5.7.3.2" },
    { CERT_FOR_SIP, CERT_REQUIRED, CLIENT_ONLY, false, GW_DENIED, "1.3.6.1.5.5.7.3.1" },
    { CERT_FOR_SIP, CERT_REQUIRED, NOTHING, false, GW_NOTFOUND, "has shown no certificate" },
    { CERT_FOR_XMPP_SERVER, CERT_REQUIRED, TRUSTED, true, GW_OK, "" },
    { CERT_FOR_XMPP_SERVER, CERT_REQUIRED, SERVER_ONLY, true, GW_OK, "" },
    { CERT_FOR_XMPP_SERVER, CERT_REQUIRED, STRANGER, false, GW_DENIED, "neither sent" },
    { CERT_FOR_XMPP_SERVER, CERT_ASKED, TRUSTED, true, GW_OK, "" },
    { CERT_FOR_XMPP_SERVER, CERT_ASKED, STRANGER, true, GW_DENIED, "neither sent" },
    { CERT_FOR_XMPP_SERVER, CERT_ASKED, OLD, true, GW_DENIED, "expired" },
    { CERT_FOR_XMPP_SERVER, CERT_ASKED, NOTHING, true, GW_NOTFOUND, "has shown no certificate" },
    { CERT_FOR_SIP, CERT_NOT_ASKED, TRUSTED, true, GW_NOTFOUND, "has shown no certificate" },
};

static void check_case(const struct peer_case *c, bool server)
{
    const struct gw_str a_com = GW_STR_INIT("a.com"), b_com = GW_STR_INIT("b.com");
    struct cert_peer_args args = { store, c->purpose, identity, c->demand };
    struct lab_cert cert = c->shown ? shown_make(c->shown) : (struct lab_cert){ NULL, NULL };
    SSL_CTX *theirs_ctx = SSL_CTX_new(server ? TLS_client_method() : TLS_server_method());
    struct cert_peer *peer = NULL;
    struct gw_err err = { 0 }, refused = { 0 };
    SSL_CTX *ours_ctx;
    SSL *ours, *theirs;
    enum gw_code code;
    bool in;

    assert_int_equal(cert_peer_new(&args, &peer, NULL), GW_OK);
    ours_ctx = context_of(peer, server);
    if (cert.x509)
        assert_int_equal(SSL_CTX_use_cert_and_key(theirs_ctx, cert.x509, cert.key, NULL, 1), 1);
    ours = SSL_new(ours_ctx);
    theirs = SSL_new(theirs_ctx);
    if (server) {
        SSL_set_accept_state(ours);
        SSL_set_connect_state(theirs);
    } else {
        SSL_set_connect_state(ours);
        SSL_set_accept_state(theirs);
    }
    net_tls_reason_of(ours, &refused);
    in = handshake(ours, theirs);
    /* What did not end the handshake is not the reason when something else does later. */
    assert_int_equal(refused.code, in || c->check == GW_NOTFOUND ? GW_OK : GW_DENIED);
    code = cert_peer_check(ours, &a_com, 1, &err);
    if (in != c->in || code != c->check || !strstr(err.msg, c->says))
        fail_msg("case %td as %s: in=%d %d %s", c - peer_case, server ? "server" : "client", in,
                 code, err.msg);
    if (code == GW_OK) {
        assert_int_equal(cert_peer_check(ours, &b_com, 1, &err), GW_DENIED);
        assert_int_equal(cert_peer_result(ours)->verdict, CERT_VERIFIED);
    }
    SSL_free(ours);
    SSL_free(theirs);
    SSL_CTX_free(ours_ctx);
    SSL_CTX_free(theirs_ctx);
    cert_peer_free(&peer);
    lab_free(&cert);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(peer_case) / sizeof(peer_case[0]); i++) {
        const struct peer_case *c = &peer_case[i];

        check_case(c, true);
        if (c->shown != NOTHING && c->demand != CERT_NOT_ASKED)
            check_case(c, false); /* a server always shows one */
    }
}

/* --- revocation lists */

static void list_add(X509 *revoked)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -60), *then = X509_gmtime_adj(NULL, 86400);
    unsigned char *der = NULL;
    int len;

    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(root.x509));
    X509_CRL_set1_lastUpdate(crl, now);
    X509_CRL_set1_nextUpdate(crl, then);
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked));
    X509_REVOKED_set_revocationDate(entry, now);
    X509_CRL_add0_revoked(crl, entry);
    assert_true(X509_CRL_sign(crl, root.key, EVP_sha256()) > 0);
    len = i2d_X509_CRL(crl, &der);
    assert_int_equal(cert_crl_add(store, CERT_TRUST_EXCHANGE,
                                  (struct gw_str){ (char *)der, (size_t)len },
                                  cert_time(now) + 1000, NULL, NULL, NULL),
                     GW_OK);
    OPENSSL_free(der);
    ASN1_TIME_free(now);
    ASN1_TIME_free(then);
    X509_CRL_free(crl);
}

/* The text of what a peer is refused for that shows the certificate; "": it is let in. */
static const char *refusal(enum cert_purpose purpose, const struct lab_cert *cert,
                           struct gw_err *refused)
{
    struct cert_peer_args args = { store, purpose, identity, CERT_REQUIRED };
    SSL_CTX *theirs_ctx = SSL_CTX_new(TLS_client_method()), *ours_ctx;
    struct cert_peer *peer = NULL;
    SSL *ours, *theirs;
    bool in;

    assert_int_equal(cert_peer_new(&args, &peer, NULL), GW_OK);
    ours_ctx = context_of(peer, true);
    assert_int_equal(SSL_CTX_use_cert_and_key(theirs_ctx, cert->x509, cert->key, NULL, 1), 1);
    ours = SSL_new(ours_ctx);
    theirs = SSL_new(theirs_ctx);
    SSL_set_accept_state(ours);
    SSL_set_connect_state(theirs);
    *refused = (struct gw_err){ 0 };
    net_tls_reason_of(ours, refused);
    in = handshake(ours, theirs);
    assert_int_equal(in, !refused->code);
    SSL_free(ours);
    SSL_free(theirs);
    SSL_CTX_free(ours_ctx);
    SSL_CTX_free(theirs_ctx);
    cert_peer_free(&peer);
    return refused->msg;
}

/* A list counts from the next connection on, for the purposes whose parameter says so, and their store. */
static void test_lists(void **state)
{
    struct cert_settings settings = { .stapling = CERT_STAPLING_OFF };
    struct lab_cert good = shown_make(TRUSTED), lost = shown_make(TRUSTED);
    struct gw_err err;

    (void)state;
    for (size_t i = 0; i < CERT_PURPOSES; i++)
        settings.tls[i] = (struct cert_tls){ .min_version = 2, .ciphers = (char *)"" };
    cert_store_settings_set(store, &settings);
    settings.tls[CERT_FOR_SIP].crl = CERT_CRL_CHECK;
    assert_string_equal(refusal(CERT_FOR_SIP, &lost, &err), "");
    list_add(lost.x509);
    assert_non_null(strstr(refusal(CERT_FOR_SIP, &lost, &err), "'CN=a.com' was revoked"));
    assert_string_equal(refusal(CERT_FOR_SIP, &good, &err), "");
    settings.tls[CERT_FOR_SIP].crl = CERT_CRL_OFF;
    assert_string_equal(refusal(CERT_FOR_SIP, &lost, &err), "");
    settings.tls[CERT_FOR_SIP].crl = CERT_CRL_REQUIRE;
    assert_non_null(strstr(refusal(CERT_FOR_SIP, &lost, &err), "was revoked"));
    assert_string_equal(refusal(CERT_FOR_SIP, &good, &err), "");
    settings.tls[CERT_FOR_XMPP_SERVER].crl = CERT_CRL_REQUIRE;
    assert_non_null(strstr(refusal(CERT_FOR_XMPP_SERVER, &good, &err), "--store cup-xmpp-trust"));
    settings.tls[CERT_FOR_XMPP_SERVER].crl = CERT_CRL_CHECK;
    assert_string_equal(refusal(CERT_FOR_XMPP_SERVER, &good, &err), "");
    lab_free(&good);
    lab_free(&lost);
    cert_store_settings_set(store, NULL);
}

/* --- whose certificate it is */

static void note(struct gw_str address, void *ctx)
{
    gw_buf_addf(ctx, "%.*s ", GW_STR_ARG(address));
}

/* What a client's certificate vouches for; the handshake is done in any case. */
static void addresses(const struct lab_cert *cert, struct gw_buf *out)
{
    struct cert_peer_args args = { store, CERT_FOR_XMPP_LOGIN, identity, CERT_ASKED };
    SSL_CTX *theirs_ctx = SSL_CTX_new(TLS_client_method()), *ours_ctx;
    struct cert_peer *peer = NULL;
    SSL *ours, *theirs;

    assert_int_equal(cert_peer_new(&args, &peer, NULL), GW_OK);
    ours_ctx = context_of(peer, true);
    if (cert)
        assert_int_equal(SSL_CTX_use_cert_and_key(theirs_ctx, cert->x509, cert->key, NULL, 1), 1);
    ours = SSL_new(ours_ctx);
    theirs = SSL_new(theirs_ctx);
    SSL_set_accept_state(ours);
    SSL_set_connect_state(theirs);
    assert_true(handshake(ours, theirs));
    gw_buf_reset(out);
    cert_peer_addresses(ours, note, out);
    gw_buf_add(out, "", 1);
    SSL_free(ours);
    SSL_free(theirs);
    SSL_CTX_free(ours_ctx);
    SSL_CTX_free(theirs_ctx);
    cert_peer_free(&peer);
}

static void test_addresses(void **state)
{
#define ADDR "otherName:1.3.6.1.5.5.7.8.5;UTF8:"
    static const char ann[] = "DNS:x.example," ADDR "ann@x.example," ADDR "bob@x.example";
    static const struct {
        struct lab_spec spec;
        bool stranger, partner;
        const char *vouched;
    } c[] = {
        { { .cn = "a", .names = ann, .eku = "clientAuth" },
          false,
          false,
          "ann@x.example bob@x.example " },
        { { .cn = "a", .names = ann }, false, false, "ann@x.example bob@x.example " },
        { { .cn = "ann@x.example", .names = "DNS:x.example,email:ann@x.example" },
          false,
          false,
          "" },
        { { .cn = "a", .names = ann }, true, false, "" },
        { { .cn = "a", .names = ann }, true, true, "" }, /* in cup-xmpp-trust alone */
        { { .cn = "a", .names = ann, .from_day = -9, .to_day = -2 }, false, false, "" },
        { { .cn = "a", .names = ann, .from_day = 2, .to_day = 9 }, false, false, "" },
        { { .cn = "a", .names = ann, .eku = "serverAuth" }, false, false, "" },
        { { .cn = "a", .names = ann, .bad_signature = true }, false, false, "" },
    };
    struct cert_settings settings = { .stapling = CERT_STAPLING_OFF };
    struct lab_spec spec = { .cn = "a", .names = ann };
    struct lab_cert lost = lab_make(&spec, &root);
    struct gw_buf out;

    (void)state;
    gw_buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct lab_cert cert = lab_make(&c[i].spec, c[i].stranger ? &other_root : &root);

        if (c[i].partner)
            trust(CERT_TRUST_XMPP, &other_root);
        addresses(&cert, &out);
        if (strcmp(out.p, c[i].vouched) != 0)
            fail_msg("case %zu: %s", i, out.p);
        lab_free(&cert);
    }
    addresses(NULL, &out);
    assert_string_equal(out.p, "");
    for (size_t i = 0; i < CERT_PURPOSES; i++)
        settings.tls[i] = (struct cert_tls){ .min_version = 2, .ciphers = (char *)"" };
    cert_store_settings_set(store, &settings);
    list_add(lost.x509);
    addresses(&lost, &out);
    assert_string_equal(out.p, "ann@x.example bob@x.example ");
    settings.tls[CERT_FOR_XMPP_CLIENT].crl = CERT_CRL_CHECK;
    addresses(&lost, &out);
    assert_string_equal(out.p, "");
    cert_store_settings_set(store, NULL);
    lab_free(&lost);
    gw_buf_done(&out);
}

static void test_no_connection(void **state)
{
    struct gw_err err;

    (void)state;
    assert_null(cert_peer_result(NULL));
    cert_peer_addresses(NULL, note, NULL);
    assert_int_equal(cert_peer_check(NULL, NULL, 0, &err), GW_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_no_connection),
    };

    return cmocka_run_group_tests(tests, lab_open, lab_close);
}
