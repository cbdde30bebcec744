/* How TLS is spoken follows the parameters, from the next connection on, in contexts that stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>

#include "cert_lab.h"
#include "cert_own.h"
#include "cert_peer.h"
#include "cert_tls.h"

static char *folder;
static struct cert_store *store;
static struct cert_settings settings;
static struct cert_identity *identity;

static int setup(void **state)
{
    const struct gw_str name = GW_STR("a.com");
    struct cert_identity_args args = {
        .name = "cup", .names = &name, .names_count = 1, .now = 1795000000000
    };

    (void)state;
    gw_param_defaults(cert_params, cert_param_count, &settings);
    folder = lab_folder();
    if (cert_store_open(folder, &store, NULL))
        return -1;
    cert_store_settings_set(store, &settings);
    return cert_identity_open(store, &args, &identity, NULL);
}

static int teardown(void **state)
{
    (void)state;
    cert_identity_close(&identity);
    cert_store_close(&store);
    lab_folder_remove(folder);
    gw_param_settings_done(cert_params, cert_param_count, &settings);
    return 0;
}

static void set(const char *key, const char *value)
{
    const struct gw_param *p = gw_param_find(cert_params, cert_param_count, gw_str_of(key));
    struct gw_err err;

    assert_non_null(p);
    if (gw_param_set(p, &settings, gw_str_of(value), &err) || cert_settings_check(&settings, &err))
        fail_msg("%s", err.msg);
}

/* "TLSv1.3 TLS_AES_256_GCM_SHA384", "" when there is no agreement. */
static const char *agreed(SSL_CTX *client_ctx, SSL_CTX *server_ctx, int client_max)
{
    static char text[100];
    SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
    int c = 0, s = 0;

    if (client_max)
        SSL_set_max_proto_version(client, client_max);
    SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int round = 0; round < 10 && (c != 1 || s != 1); round++) {
        c = SSL_do_handshake(client);
        lab_pump(client, server);
        s = SSL_do_handshake(server);
        lab_pump(server, client);
    }
    text[0] = '\0';
    if (c == 1 && s == 1)
        snprintf(text, sizeof(text), "%s %s", SSL_get_version(client), SSL_get_cipher(client));
    SSL_free(client);
    SSL_free(server);
    ERR_clear_error();
    return text;
}

/* Whether the second of two connections of one client resumes the session of the first. */
static bool resumes(SSL_CTX *client_ctx, SSL_CTX *server_ctx, int max)
{
    SSL_SESSION *session = NULL;
    bool resumed = false;

    for (int turn = 0; turn < 2; turn++) {
        SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
        int c = 0, s = 0;
        char in[16];

        SSL_set_max_proto_version(client, max);
        SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(client);
        SSL_set_accept_state(server);
        if (session)
            SSL_set_session(client, session);
        for (int round = 0; round < 10 && (c != 1 || s != 1); round++) {
            c = SSL_do_handshake(client);
            lab_pump(client, server);
            s = SSL_do_handshake(server);
            lab_pump(server, client);
        }
        assert_true(c == 1 && s == 1);
        (void)SSL_read(client, in, sizeof(in)); /* tickets of TLS 1.3 come after the handshake */
        resumed = SSL_session_reused(server);
        SSL_SESSION_free(session);
        session = SSL_get1_session(client);
        SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* it stays usable */
        SSL_free(client);
        SSL_free(server);
    }
    SSL_SESSION_free(session);
    ERR_clear_error();
    return resumed;
}

static void test_tickets(void **state)
{
    static const struct {
        enum cert_demand demand;
        const char *tickets;
        bool resumed;
    } c[] = {
        { CERT_NOT_ASKED, "on", true },
        { CERT_NOT_ASKED, "off", false },
        { CERT_ASKED, "on", false }, /* each connection shows its certificate */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct cert_peer_args args = { store, CERT_FOR_SIP_CLIENT, identity, c[i].demand };
        SSL_CTX *server = SSL_CTX_new(TLS_server_method());
        SSL_CTX *client = SSL_CTX_new(TLS_client_method());
        struct cert_peer *peer = NULL;
        struct net_tls_policy policy;

        set("tls.session_tickets", c[i].tickets);
        SSL_CTX_set_session_id_context(server, (const unsigned char *)"t", 1);
        assert_int_equal(cert_peer_new(&args, &peer, NULL), GW_OK);
        policy = cert_peer_policy(peer);
        assert_int_equal(policy.apply(server, policy.ctx, NULL), GW_OK);
        assert_int_equal(resumes(client, server, TLS1_2_VERSION), c[i].resumed);
        assert_int_equal(resumes(client, server, TLS1_3_VERSION), c[i].resumed);
        SSL_CTX_free(client);
        SSL_CTX_free(server);
        cert_peer_free(&peer);
    }
    set("tls.session_tickets", "on");
}

static void test_live(void **state)
{
    struct cert_peer_args args = { store, CERT_FOR_SIP, identity, CERT_NOT_ASKED };
    struct cert_peer *peer = NULL;
    SSL_CTX *server = SSL_CTX_new(TLS_server_method()), *client = SSL_CTX_new(TLS_client_method());
    struct net_tls_policy policy;

    (void)state;
    assert_int_equal(cert_peer_new(&args, &peer, NULL), GW_OK);
    policy = cert_peer_policy(peer);
    assert_int_equal(policy.apply(server, policy.ctx, NULL), GW_OK);
    SSL_CTX_set_security_level(client, 0);
    SSL_CTX_set_min_proto_version(client, TLS1_VERSION);

    assert_non_null(strstr(agreed(client, server, 0), "TLSv1.3 "));
    assert_non_null(strstr(agreed(client, server, TLS1_2_VERSION), "TLSv1.2 "));
    assert_string_equal(agreed(client, server, TLS1_1_VERSION), "");
    set("tls.sip_min_version", "1.3");
    assert_string_equal(agreed(client, server, TLS1_2_VERSION), "");
    set("tls.xmpp_server_min_version", "1.0"); /* another purpose's */
    assert_string_equal(agreed(client, server, TLS1_1_VERSION), "");
    set("tls.sip_min_version", "1.1");
    assert_non_null(strstr(agreed(client, server, TLS1_1_VERSION), "TLSv1.1 "));
    assert_string_equal(agreed(client, server, TLS1_VERSION), "");
    assert_non_null(strstr(agreed(client, server, 0), "TLSv1.3 "));
    set("tls.sip_ciphers", "ECDHE-ECDSA-AES128-SHA256:TLS_CHACHA20_POLY1305_SHA256");
    assert_string_equal(agreed(client, server, TLS1_2_VERSION),
                        "TLSv1.2 ECDHE-ECDSA-AES128-SHA256");
    assert_string_equal(agreed(client, server, 0), "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256");
    set("tls.sip_ciphers", "");
    set("tls.sip_min_version", "1.2");
    assert_non_null(strstr(agreed(client, server, TLS1_2_VERSION), "GCM"));
    assert_string_equal(agreed(client, server, TLS1_1_VERSION), "");
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    cert_peer_free(&peer);
}

/* As a client, of Exchange and of peers. */
static void test_client(void **state)
{
    struct cert_peer_args args = { store, CERT_FOR_SIP, identity, CERT_ASKED };
    SSL_CTX *server = SSL_CTX_new(TLS_server_method()), *ours[2];
    static const char *const key[] = { "tls.exchange_min_version", "tls.sip_min_version" };
    struct net_tls_policy policy = cert_identity_policy(identity);
    struct cert_client *client = NULL;
    struct cert_peer *peer = NULL;
    struct gw_buf pem;

    (void)state;
    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    assert_int_equal(cert_own_pem(identity, &pem, NULL), GW_OK);
    assert_int_equal(
        cert_trust_add(store, CERT_TRUST_EXCHANGE, gw_buf_str(&pem), NULL, NULL, NULL, NULL),
        GW_OK);
    gw_buf_done(&pem);
    assert_int_equal(policy.apply(server, policy.ctx, NULL), GW_OK);
    SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION);
    assert_int_equal(cert_client_new(store, CERT_TRUST_EXCHANGE, GW_STR("a.com"), &client, NULL),
                     GW_OK);
    assert_int_equal(cert_peer_new(&args, &peer, NULL), GW_OK);
    for (int i = 0; i < 2; i++) {
        ours[i] = SSL_CTX_new(TLS_client_method());
        policy = i ? cert_peer_policy(peer) : cert_client_policy(client);
        assert_int_equal(policy.apply(ours[i], policy.ctx, NULL), GW_OK);
        assert_non_null(strstr(agreed(ours[i], server, 0), "TLSv1.2 "));
        set(key[i], "1.3");
        assert_string_equal(agreed(ours[i], server, 0), "");
        set(key[i], "1.2");
        assert_non_null(strstr(agreed(ours[i], server, 0), "TLSv1.2 "));
        SSL_CTX_free(ours[i]);
    }
    SSL_CTX_free(server);
    cert_client_free(&client);
    cert_peer_free(&peer);
}

/* --- stapled OCSP responses */

enum { NONE, GOOD, REVOKED, UNKNOWN, OLD, OTHER_CERT, OTHER_SIGNER, RUBBISH, STAPLES };

static struct lab_cert root, leaf, other;
static int staple;

static int on_status_asked(SSL *ssl, void *arg)
{
    struct lab_cert *by = staple == OTHER_SIGNER ? &other : &root;
    OCSP_CERTID *id =
        OCSP_cert_to_id(EVP_sha256(), staple == OTHER_CERT ? root.x509 : leaf.x509, root.x509);
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, staple == OLD ? -9 * 86400 : -60);
    ASN1_TIME *to = X509_gmtime_adj(NULL, staple == OLD ? -8 * 86400 : 86400);
    OCSP_RESPONSE *response;
    unsigned char *der = NULL;
    int len;

    (void)arg;
    OCSP_basic_add1_status(basic, id,
                           staple == REVOKED   ? V_OCSP_CERTSTATUS_REVOKED
                           : staple == UNKNOWN ? V_OCSP_CERTSTATUS_UNKNOWN
                                               : V_OCSP_CERTSTATUS_GOOD,
                           0, staple == REVOKED ? from : NULL, from, to);
    OCSP_basic_sign(basic, by->x509, by->key, EVP_sha256(), NULL, 0);
    response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    len = i2d_OCSP_RESPONSE(response, &der);
    if (staple == RUBBISH)
        memset(der, 0x41, (size_t)len);
    OCSP_CERTID_free(id);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    if (staple == NONE) {
        OPENSSL_free(der);
        return SSL_TLSEXT_ERR_NOACK;
    }
    SSL_set_tlsext_status_ocsp_resp(ssl, der, len); /* takes */
    return SSL_TLSEXT_ERR_OK;
}

static void test_stapling(void **state)
{
    static const struct {
        const char *mode;
        int staple, max;
        const char *says; /* NULL: accepted */
    } c[] = {
        { "off", REVOKED, 0, NULL },
        { "check", NONE, 0, NULL },
        { "check", GOOD, 0, NULL },
        { "check", GOOD, TLS1_2_VERSION, NULL },
        { "check", REVOKED, 0, "was revoked by its authority" },
        { "check", REVOKED, TLS1_2_VERSION, "was revoked by its authority" },
        { "check", UNKNOWN, 0, "is not known to its authority" },
        { "check", OLD, 0, "out of date" },
        { "check", OTHER_CERT, 0, "about another certificate" },
        { "check", OTHER_SIGNER, 0, "has not signed" },
        { "check", RUBBISH, 0, "damaged" },
        { "require", GOOD, 0, NULL },
        { "require", NONE, 0, "has no stapled OCSP response" },
        { "require", NONE, TLS1_2_VERSION, "has no stapled OCSP response" },
    };
    static const struct lab_spec ca_spec = { .cn = "Root", .ca = true },
                                 leaf_spec = { .cn = "a.com" };
    struct cert_peer_args args = { store, CERT_FOR_XMPP_SERVER, NULL, CERT_ASKED };
    SSL_CTX *server = SSL_CTX_new(TLS_server_method()), *ours, *lenient;
    struct cert_client *client = NULL;
    struct net_tls_policy policy;
    struct cert_peer *peer = NULL;
    struct gw_buf pem;

    (void)state;
    root = lab_make(&ca_spec, NULL);
    other = lab_make(&ca_spec, NULL);
    leaf = lab_make(&leaf_spec, &root);
    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    lab_pem(&root, false, &pem);
    cert_trust_add(store, CERT_TRUST_EXCHANGE, gw_buf_str(&pem), NULL, NULL, NULL, NULL);
    cert_trust_add(store, CERT_TRUST_XMPP, gw_buf_str(&pem), NULL, NULL, NULL, NULL);
    gw_buf_done(&pem);
    SSL_CTX_use_cert_and_key(server, leaf.x509, leaf.key, NULL, 1);
    SSL_CTX_set_tlsext_status_cb(server, on_status_asked);
    assert_int_equal(cert_client_new(store, CERT_TRUST_EXCHANGE, GW_STR("a.com"), &client, NULL),
                     GW_OK);
    assert_int_equal(cert_peer_new(&args, &peer, NULL), GW_OK);
    ours = SSL_CTX_new(TLS_client_method());
    lenient = SSL_CTX_new(TLS_client_method());
    policy = cert_client_policy(client);
    assert_int_equal(policy.apply(ours, policy.ctx, NULL), GW_OK);
    policy = cert_peer_policy(peer);
    assert_int_equal(policy.apply(lenient, policy.ctx, NULL), GW_OK);
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        bool in;

        set("tls.ocsp_stapling", c[i].mode);
        staple = c[i].staple;
        in = *agreed(ours, server, c[i].max) != '\0';
        if (in != !c[i].says || (c[i].says && !strstr(cert_client_last(client)->text, c[i].says)))
            fail_msg("case %zu: %d %s", i, in, cert_client_last(client)->text);
        assert_int_equal(cert_client_last(client)->verdict, in ? CERT_VERIFIED : CERT_BAD);
        assert_string_not_equal(agreed(lenient, server, c[i].max), "");
    }
    SSL_CTX_free(ours);
    SSL_CTX_free(lenient);
    SSL_CTX_free(server);
    cert_client_free(&client);
    cert_peer_free(&peer);
    lab_free(&root);
    lab_free(&other);
    lab_free(&leaf);
}

static const char *agreed_without_certificate(void)
{
    struct cert_peer_args args = { store, CERT_FOR_SIP, NULL, CERT_REQUIRED };
    SSL_CTX *server = SSL_CTX_new(TLS_server_method()), *client = SSL_CTX_new(TLS_client_method());
    struct net_tls_policy policy;
    struct cert_peer *peer = NULL;
    const char *text;

    SSL_CTX_set_cipher_list(server, "aNULL:@SECLEVEL=0");
    assert_int_equal(cert_peer_new(&args, &peer, NULL), GW_OK);
    policy = cert_peer_policy(peer);
    assert_int_equal(policy.apply(client, policy.ctx, NULL), GW_OK);
    text = agreed(client, server, TLS1_2_VERSION);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    cert_peer_free(&peer);
    return text;
}

static void test_bad_lists(void **state)
{
    static const struct {
        const char *list, *says;
    } c[] = {
        { "AES256-SHA256:NO-SUCH", "'NO-SUCH'" },
        { "TLS_NO_SUCH", "'TLS_NO_SUCH'" },
        { "RC4-MD5", "'RC4-MD5'" },
        { "aNULL", "'aNULL'" },
        { "ADH-AES256-SHA:@SECLEVEL=0", "'ADH-AES256-SHA'" },
        { "NULL-SHA256", "'NULL-SHA256'" },
        { "AES256-SHA256:!AES256-SHA256", "no cipher is left" },
        { "AES256-SHA256 ; rm", "knows no cipher" },
    };
    const struct gw_param *p =
        gw_param_find(cert_params, cert_param_count, GW_STR("tls.sip_ciphers"));

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct gw_err err = { 0 };

        assert_int_equal(gw_param_set(p, &settings, gw_str_of(c[i].list), &err), GW_OK);
        assert_int_equal(cert_settings_check(&settings, &err), GW_INVALID);
        if (!strstr(err.msg, c[i].says))
            fail_msg("%s: %s", c[i].list, err.msg);
    }
    set("tls.sip_ciphers", "ECDHE+AESGCM:!aNULL:@STRENGTH");
    set("tls.sip_ciphers", "ALL:@SECLEVEL=0"); /* still not without certificates */
    assert_string_equal(agreed_without_certificate(), "");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = { TEST(test_live), TEST(test_tickets), TEST(test_client),
                                        TEST(test_bad_lists), TEST(test_stapling) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
