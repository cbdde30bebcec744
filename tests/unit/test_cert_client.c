/* Whom a client accepts, and what it says when it does not: handshakes in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "cert.h"
#include "cert_lab.h"

enum {
    ROOT,
    INTER,
    OTHER,
    CAS
}; /* CAs of the lab; OTHER is of another lab, same subject as ROOT */
enum { SELF = CAS };

static struct lab_cert ca[CAS];
static char *folder;
static struct cert_store *store;

static int lab_open(void **state)
{
    static const struct lab_spec spec[CAS] = {
        [ROOT] = { .cn = "Lab Root", .ca = true },
        [INTER] = { .cn = "Lab Issuing", .ca = true },
        [OTHER] = { .cn = "Lab Root", .ca = true },
    };

    (void)state;
    for (int i = 0; i < CAS; i++)
        ca[i] = lab_make(&spec[i], i == INTER ? &ca[ROOT] : NULL);
    folder = lab_folder();
    return cert_store_open(folder, &store, NULL);
}

static int lab_close(void **state)
{
    (void)state;
    for (int i = 0; i < CAS; i++)
        lab_free(&ca[i]);
    cert_store_close(&store);
    lab_folder_remove(folder);
    return 0;
}

/* --- a handshake through memory */

static SSL *side(SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);

    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    return ssl;
}

/* True when both ends are done; *verify_result is the client's. */
static bool handshake_again(SSL_CTX *client_ctx, SSL_CTX *server_ctx, long *verify_result,
                            SSL_SESSION **session, bool *resumed)
{
    SSL *client = side(client_ctx), *server = side(server_ctx);
    int c = 0, s = 0;
    char byte;

    if (session && *session)
        assert_int_equal(SSL_set_session(client, *session), 1);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int round = 0; round < 10 && (c != 1 || s != 1); round++) {
        c = SSL_do_handshake(client);
        lab_pump(client, server);
        s = SSL_do_handshake(server);
        lab_pump(server, client);
    }
    *verify_result = SSL_get_verify_result(client);
    if (session && c == 1 && s == 1) {
        (void)SSL_read(client, &byte, 1); /* tickets of TLS 1.3 */
        *resumed = SSL_session_reused(client);
        SSL_SESSION_free(*session);
        *session = SSL_get1_session(client);
        SSL_set_shutdown(client, SSL_SENT_SHUTDOWN); /* or it is marked as not to be resumed */
    }
    SSL_free(client);
    SSL_free(server);
    ERR_clear_error();
    return c == 1 && s == 1;
}

static bool handshake(SSL_CTX *client_ctx, SSL_CTX *server_ctx, long *verify_result)
{
    return handshake_again(client_ctx, server_ctx, verify_result, NULL, NULL);
}

static SSL_CTX *server_context(const struct lab_cert *cert, int send)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_security_level(ctx, 0); /* the client is tested, not the server's conscience */
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert->x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, cert->key), 1);
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
    if (send >= 0)
        assert_int_equal(SSL_CTX_add1_chain_cert(ctx, ca[send].x509), 1);
    return ctx;
}

static SSL_CTX *client_context(struct cert_client *client)
{
    struct net_tls_policy policy = cert_client_policy(client);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_default_verify_paths(ctx); /* what a library might have put there */
    assert_int_equal(policy.apply(ctx, policy.ctx, NULL), GW_OK);
    return ctx;
}

static void trust(const char *set, const struct lab_cert *cert)
{
    struct gw_buf pem;

    gw_buf_init(&pem, 100000);
    lab_pem(cert, false, &pem);
    assert_int_equal(cert_trust_add(store, set, gw_buf_str(&pem), NULL, NULL, NULL, NULL), GW_OK);
    gw_buf_done(&pem);
}

/* --- names */

static void test_names(void **state)
{
    static const struct {
        const char *cn, *names, *host;
        enum cert_verdict verdict;
    } c[] = {
        { "mail.a.com", NULL, "mail.a.com", CERT_VERIFIED },
        { "mail.a.com", NULL, "MAIL.A.COM", CERT_VERIFIED },
        { "mail.a.com", NULL, "mail.a.com.", CERT_VERIFIED },
        { "mail.a.com", NULL, "a.com", CERT_CN_MISMATCH },
        { "mail.a.com", NULL, "x.mail.a.com", CERT_CN_MISMATCH },
        { "mail.a.com", "DNS:other.a.com", "mail.a.com", CERT_VERIFIED },
        { "mail.a.com", "DNS:other.a.com", "other.a.com", CERT_VERIFIED },
        { "mail.a.com", "DNS:other.a.com", "third.a.com", CERT_SAN_MISMATCH },
        { NULL, "DNS:x.a.com,DNS:y.a.com", "y.a.com", CERT_VERIFIED },
        { NULL, "DNS:x.a.com,DNS:y.a.com", "z.a.com", CERT_SAN_MISMATCH },
        { "*.a.com", NULL, "foo.a.com", CERT_VERIFIED },
        { "*.a.com", NULL, "bar.foo.a.com", CERT_CN_MISMATCH },
        { "*.a.com", NULL, "a.com", CERT_CN_MISMATCH },
        { "x", "DNS:*.a.com", "foo.a.com", CERT_VERIFIED },
        { "x", "DNS:*.a.com", "bar.foo.a.com", CERT_SAN_MISMATCH },
        { "x", "DNS:*.a.com", "a.com", CERT_SAN_MISMATCH },
        { "x", "DNS:f*.a.com", "foo.a.com", CERT_SAN_MISMATCH },
        { "x", "DNS:*o.a.com", "foo.a.com", CERT_SAN_MISMATCH },
        { "x", "DNS:foo.*.com", "foo.a.com", CERT_SAN_MISMATCH },
        { "x", "DNS:*.com", "a.com", CERT_SAN_MISMATCH },
        { "x", "DNS:*", "a", CERT_SAN_MISMATCH },
        { "x", "IP:192.0.2.1", "192.0.2.1", CERT_VERIFIED },
        { "x", "IP:192.0.2.1", "192.0.2.2", CERT_SAN_MISMATCH },
        { "192.0.2.1", NULL, "192.0.2.1", CERT_VERIFIED },
        { "192.0.2.1", NULL, "192.0.2.2", CERT_CN_MISMATCH },
        { "*.0.2.1", NULL, "192.0.2.1", CERT_CN_MISMATCH },
        { "x", "DNS:*.0.2.1", "192.0.2.1", CERT_SAN_MISMATCH },
        { "x", "IP:2001:db8::1", "2001:DB8:0::1", CERT_VERIFIED },
        { "x", "IP:2001:db8::1", "[2001:db8::1]", CERT_VERIFIED },
        { "x", "IP:2001:db8::1", "[2001:db8::2]", CERT_SAN_MISMATCH },
        { "2001:db8::1", NULL, "2001:db8::1", CERT_VERIFIED },
        { "a b", "DNS:ok.a.com", "ok.a.com", CERT_VERIFIED },
        { NULL, NULL, "a.com", CERT_CN_MISMATCH },
    };

    (void)state;
    trust("names", &ca[ROOT]);
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct lab_spec spec = { .cn = c[i].cn, .names = c[i].names };
        struct lab_cert cert = lab_make(&spec, &ca[ROOT]);
        struct cert_client *client = NULL;
        const struct cert_result *last;
        SSL_CTX *server = server_context(&cert, -1), *ctx;
        long result;
        bool ok;

        assert_int_equal(cert_client_new(store, "names", gw_str_of(c[i].host), &client, NULL),
                         GW_OK);
        last = cert_client_last(client);
        assert_int_equal(last->verdict, CERT_NOT_SEEN);
        ctx = client_context(client);
        ok = handshake(ctx, server, &result);
        if (last->verdict != c[i].verdict || ok != (c[i].verdict == CERT_VERIFIED))
            fail_msg("host %s, CN %s, SAN %s: %s, %s", c[i].host, c[i].cn, c[i].names,
                     cert_verdict_name(last->verdict), last->text);
        assert_int_equal(!ok, strlen(last->text) > 0);
        if (!ok)
            assert_true(result == X509_V_ERR_HOSTNAME_MISMATCH ||
                        result == X509_V_ERR_IP_ADDRESS_MISMATCH);
        SSL_CTX_free(ctx);
        SSL_CTX_free(server);
        cert_client_free(&client);
        lab_free(&cert);
    }
}

static void test_name_with_nul(void **state)
{
    static const char evil[] =
        "DER:30:16:82:14:6d:61:69:6c:2e:61:2e:63:6f:6d:00:2e:65:76:69:6c:2e:63:"
        "6f:6d"; /* "mail.a.com\0.evil.com" */
    struct lab_spec spec = { .cn = "x" };
    struct lab_cert cert = lab_make(&spec, &ca[ROOT]);
    struct cert_client *client = NULL;
    SSL_CTX *server, *ctx;
    long result;

    (void)state;
    lab_extension(cert.x509, ca[ROOT].x509, NID_subject_alt_name, evil);
    X509_sign(cert.x509, ca[ROOT].key, EVP_sha256());
    trust("names", &ca[ROOT]);
    server = server_context(&cert, -1);
    assert_int_equal(cert_client_new(store, "names", GW_STR("mail.a.com"), &client, NULL), GW_OK);
    ctx = client_context(client);
    assert_false(handshake(ctx, server, &result));
    assert_int_equal(cert_client_last(client)->verdict, CERT_SAN_MISMATCH);
    assert_non_null(strstr(cert_client_last(client)->text, "mail.a.com\\00.evil.com"));
    SSL_CTX_free(ctx);
    SSL_CTX_free(server);
    cert_client_free(&client);
    lab_free(&cert);
}

/* --- chains */

enum { NONE = -1, LEAF = CAS + 1 };

static const struct chain_case {
    struct lab_spec spec;
    int issuer, sent, trusted;
    enum cert_verdict verdict;
    const char *says;
} chain_case[] = {
    { { .cn = "a.com" }, ROOT, NONE, ROOT, CERT_VERIFIED, "" },
    { { .cn = "a.com" }, INTER, INTER, ROOT, CERT_VERIFIED, "" },
    { { .cn = "a.com" }, INTER, NONE, INTER, CERT_VERIFIED, "" },
    { { .cn = "a.com" }, SELF, NONE, LEAF, CERT_VERIFIED, "" },
    { { .cn = "a.com", .rsa_bits = 2048 }, ROOT, NONE, ROOT, CERT_VERIFIED, "" },
    { { .cn = "a.com", .eku = "serverAuth" }, ROOT, NONE, ROOT, CERT_VERIFIED, "" },
    { { .cn = "a.com" },
      INTER,
      NONE,
      ROOT,
      CERT_MISSING_FROM_CHAIN,
      "issuer 'CN=Lab Issuing' of certificate 'CN=a.com' is neither sent by the server nor "
      "in" },
    { { .cn = "a.com" },
      INTER,
      INTER,
      NONE,
      CERT_MISSING_FROM_CHAIN,
      "issuer 'CN=Lab Root' of certificate 'CN=Lab Issuing' is neither sent" },
    { { .cn = "a.com" },
      ROOT,
      ROOT,
      NONE,
      CERT_MISSING_FROM_CHAIN,
      "certificate 'CN=Lab Root' is self-signed and not in 'chain" },
    { { .cn = "a.com" },
      SELF,
      NONE,
      NONE,
      CERT_MISSING_FROM_CHAIN,
      "certificate 'CN=a.com' is self-signed and not in 'chain" },
    { { .cn = "a.com" }, ROOT, NONE, OTHER, CERT_MISSING_FROM_CHAIN, "issuer 'CN=Lab Root'" },
    { { .cn = "a.com", .from_day = -9, .to_day = -2 },
      ROOT,
      NONE,
      ROOT,
      CERT_BAD,
      "certificate 'CN=a.com' expired on 20" },
    { { .cn = "a.com", .from_day = 2, .to_day = 9 },
      ROOT,
      NONE,
      ROOT,
      CERT_BAD,
      "certificate 'CN=a.com' is not valid before 20" },
    { { .cn = "a.com", .bad_signature = true },
      ROOT,
      NONE,
      ROOT,
      CERT_BAD,
      "certificate 'CN=a.com' has a signature that its issuer's key did not make" },
    { { .cn = "a.com", .eku = "clientAuth" }, ROOT, NONE, ROOT, CERT_BAD, "1.3.6.1.5.5.7.3.1" },
    { { .cn = "a.com", .rsa_bits = 1024 },
      ROOT,
      NONE,
      ROOT,
      CERT_BAD,
      "has a key that is too weak" },
    { { .cn = "other.com" },
      ROOT,
      NONE,
      ROOT,
      CERT_CN_MISMATCH,
      "host 'a.com' is not the name of certificate 'CN=other.com': use that" },
    { { .cn = "x", .names = "DNS:b.com,DNS:c.com" },
      ROOT,
      NONE,
      ROOT,
      CERT_SAN_MISMATCH,
      "host 'a.com' is none of the names of certificate 'CN=x' (use one, or have it "
      "reissued): b.com, c.com" },
};

static void check_chain(size_t i)
{
    const struct chain_case *c = &chain_case[i];
    struct lab_cert cert = lab_make(&c->spec, c->issuer == SELF ? NULL : &ca[c->issuer]);
    struct cert_client *client = NULL;
    const struct cert_result *last;
    SSL_CTX *server = server_context(&cert, c->sent), *ctx;
    char set[16];
    long result;
    bool ok;

    snprintf(set, sizeof(set), "chain-%zu", i);
    if (c->trusted != NONE)
        trust(set, c->trusted == LEAF ? &cert : &ca[c->trusted]);
    assert_int_equal(cert_client_new(store, set, GW_STR("a.com"), &client, NULL), GW_OK);
    ctx = client_context(client);
    ok = handshake(ctx, server, &result);
    last = cert_client_last(client);
    if (last->verdict != c->verdict || ok != (c->verdict == CERT_VERIFIED) ||
        ok != (result == X509_V_OK) || !strstr(last->text, c->says))
        fail_msg("case %zu: %s, '%s'", i, cert_verdict_name(last->verdict), last->text);
    SSL_CTX_free(ctx);
    SSL_CTX_free(server);
    cert_client_free(&client);
    lab_free(&cert);
}

static void test_chains(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(chain_case) / sizeof(chain_case[0]); i++)
        check_chain(i);
}

/* Adding and removing is seen by contexts that stand; a resumed session is no way around it. */
static void test_live(void **state)
{
    struct lab_spec spec = { .cn = "a.com" };
    struct lab_cert cert = lab_make(&spec, NULL);
    struct cert_client *client = NULL;
    SSL_CTX *server = server_context(&cert, -1), *ctx;
    char *fingerprint;
    unsigned char hash[32];
    struct gw_buf hex;
    long result;

    (void)state;
    assert_int_equal(X509_digest(cert.x509, EVP_sha256(), hash, NULL), 1);
    gw_buf_init(&hex, 100);
    for (int i = 0; i < 32; i++)
        gw_buf_addf(&hex, "%02x", hash[i]);
    fingerprint = gw_buf_take(&hex);
    assert_int_equal(cert_client_new(store, "live", GW_STR("a.com"), &client, NULL), GW_OK);
    ctx = client_context(client);
    for (int round = 0; round < 3; round++) {
        assert_false(handshake(ctx, server, &result));
        trust("live", &cert);
        assert_true(handshake(ctx, server, &result));
        assert_string_equal(cert_client_last(client)->text, "");
        assert_int_equal(cert_trust_remove(store, "live", gw_str_of(fingerprint), NULL), GW_OK);
    }
    free(fingerprint);
    SSL_CTX_free(ctx);
    SSL_CTX_free(server);
    cert_client_free(&client);
    lab_free(&cert);
}

/* A session is resumed as long as its certificates would pass anew: a change of trust holds at the
 * next handshake, and one for another name does not pass at all. */
static void check_resumption(int version)
{
    struct lab_spec spec = { .cn = "a.com" };
    struct lab_cert cert = lab_make(&spec, &ca[INTER]);
    struct cert_client *client = NULL, *other = NULL;
    SSL_CTX *server = server_context(&cert, INTER), *ctx, *other_ctx;
    SSL_SESSION *session = NULL;
    char hex[65];
    unsigned char hash[32];
    bool resumed;
    long result;

    SSL_CTX_set_max_proto_version(server, version);
    assert_int_equal(X509_digest(ca[ROOT].x509, EVP_sha256(), hash, NULL), 1);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * (ptrdiff_t)i, 3, "%02x", hash[i]);
    assert_int_equal(cert_client_new(store, "again", GW_STR("a.com"), &client, NULL), GW_OK);
    assert_int_equal(cert_client_new(store, "again", GW_STR("b.com"), &other, NULL), GW_OK);
    ctx = client_context(client);
    other_ctx = client_context(other);
    trust("again", &ca[ROOT]);
    for (int round = 0; round < 3; round++) {
        assert_true(handshake_again(ctx, server, &result, &session, &resumed));
        assert_int_equal(resumed, round > 0);
        assert_int_equal(cert_client_last(client)->verdict, CERT_VERIFIED);
    }
    assert_false(handshake_again(other_ctx, server, &result, &session, &resumed));
    assert_int_equal(cert_client_last(other)->verdict, CERT_CN_MISMATCH);

    assert_int_equal(cert_trust_remove(store, "again", gw_str_of(hex), NULL), GW_OK);
    assert_false(handshake_again(ctx, server, &result, &session, &resumed));
    assert_int_equal(cert_client_last(client)->verdict, CERT_MISSING_FROM_CHAIN);
    trust("again", &ca[ROOT]);
    assert_true(handshake_again(ctx, server, &result, &session, &resumed));
    assert_true(resumed);

    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    SSL_CTX_free(other_ctx);
    SSL_CTX_free(server);
    cert_client_free(&client);
    cert_client_free(&other);
    assert_int_equal(cert_trust_remove(store, "again", gw_str_of(hex), NULL), GW_OK);
    lab_free(&cert);
}

static void test_resumption(void **state)
{
    (void)state;
    check_resumption(TLS1_2_VERSION);
    check_resumption(TLS1_3_VERSION);
}

static void test_hosts_refused(void **state)
{
    static const char *const host[] = {
        "",       ".",       ".a.com",     "a..com", "a.com..",  "*.a.com", "a b.com",
        "a.com/", "[a.com]", "[192.0.2.1", "[::1",   "m\xc3.de", "[]",
    };
    struct cert_client *client = NULL;
    char *longest = calloc(1, 300);

    (void)state;
    for (size_t i = 0; i < sizeof(host) / sizeof(host[0]); i++) {
        struct gw_err err = { 0 };

        assert_int_equal(cert_client_new(store, "cup-trust", gw_str_of(host[i]), &client, &err),
                         GW_INVALID);
        assert_true(strlen(err.msg) > 0);
    }
    for (int i = 0; i < 127; i++)
        memcpy(longest + 2 * i, "a.", 2);
    assert_int_equal(
        cert_client_new(store, "cup-trust", (struct gw_str){ longest, 253 }, &client, NULL), GW_OK);
    cert_client_free(&client);
    assert_int_equal(
        cert_client_new(store, "cup-trust", (struct gw_str){ longest, 255 }, &client, NULL),
        GW_INVALID);
    assert_int_equal(cert_client_new(store, "cup-trust", GW_STR("a\0.com"), &client, NULL),
                     GW_INVALID);
    assert_int_equal(cert_client_new(store, "../x", GW_STR("a.com"), &client, NULL), GW_INVALID);
    free(longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),      cmocka_unit_test(test_name_with_nul),
        cmocka_unit_test(test_chains),     cmocka_unit_test(test_live),
        cmocka_unit_test(test_resumption), cmocka_unit_test(test_hosts_refused),
    };

    return cmocka_run_group_tests(tests, lab_open, lab_close);
}
