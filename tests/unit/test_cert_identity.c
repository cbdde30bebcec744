/* Our own certificate: made when there is none, read, replaced while contexts stand. */
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

static const gw_utc now = 1795000000000; /* 2026-11-18 */

static int folder_open(void **state)
{
    *state = lab_folder();
    return *state ? 0 : -1;
}

static int folder_close(void **state)
{
    lab_folder_remove(*state);
    return 0;
}

static struct cert_store *open_store(const char *folder)
{
    struct cert_store *s = NULL;

    assert_int_equal(cert_store_open(folder, &s, NULL), GW_OK);
    return s;
}

static struct cert_identity *open_identity(struct cert_store *s, const struct gw_str *names,
                                           size_t count)
{
    struct cert_identity_args args = {
        .name = CERT_IDENTITY_XMPP, .names = names, .names_count = count, .now = now
    };
    struct cert_identity *id = NULL;
    struct gw_err err = { 0 };

    if (cert_identity_open(s, &args, &id, &err))
        fail_msg("%s", err.msg);
    return id;
}

static void path_of(const char *folder, char out[128])
{
    snprintf(out, 128, "%s/cup-xmpp.pem", folder);
}

static void expect_names(const struct cert_identity *id, const char *text)
{
    const struct cert_info *info = cert_identity_info(id);
    char all[256] = "";

    for (size_t i = 0; info->names[i]; i++)
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ", info->names[i]);
    assert_string_equal(all, text);
}

static void test_made_when_missing(void **state)
{
    const struct gw_str names[] = { GW_STR_INIT("a.example"), GW_STR_INIT("*.b.example"),
                                    GW_STR_INIT("192.0.2.7"), GW_STR_INIT("2001:db8::7") };
    struct cert_store *s = open_store(*state);
    struct cert_identity *id = open_identity(s, names, 4);
    const struct cert_info *info = cert_identity_info(id);
    char path[128], fingerprint[65];
    struct stat st;

    expect_names(id, "a.example *.b.example 192.0.2.7 2001:db8::7 ");
    assert_string_equal(info->subject, "CN=a.example,O=Kalends self-signed");
    assert_true(info->is_self_issued);
    assert_false(info->is_ca);
    assert_true(info->not_before < now && info->not_after > now + 3600LL * GW_DAY_MS);
    path_of(*state, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    memcpy(fingerprint, info->fingerprint, 65);
    cert_identity_close(&id);
    cert_store_close(&s);

    s = open_store(*state); /* the same again after a restart, whatever the names */
    id = open_identity(s, NULL, 0);
    assert_string_equal(cert_identity_info(id)->fingerprint, fingerprint);
    cert_identity_close(&id);
    cert_store_close(&s);
}

static void test_cover(void **state)
{
    const struct gw_str names[] = { GW_STR_INIT("a.example"), GW_STR_INIT("b.example") };
    const struct gw_str bad[] = { GW_STR_INIT("a.example"), GW_STR_INIT("m\xc3\xbc.example") };
    struct cert_store *s = open_store(*state);
    struct cert_identity *id = open_identity(s, NULL, 0);
    char fingerprint[65];
    struct gw_err err;

    expect_names(id, "localhost ");
    assert_int_equal(cert_identity_cover(id, names, 2, now, NULL), GW_OK);
    expect_names(id, "a.example b.example ");
    memcpy(fingerprint, cert_identity_info(id)->fingerprint, 65);
    assert_int_equal(cert_identity_cover(id, names, 1, now, NULL), GW_OK);
    assert_int_equal(cert_identity_cover(id, bad, 2, now, &err), GW_INVALID);
    assert_string_equal(cert_identity_info(id)->fingerprint, fingerprint);
    assert_int_equal(cert_identity_cover(id, names, 2, now + 3600LL * GW_DAY_MS, NULL), GW_OK);
    assert_string_equal(cert_identity_info(id)->fingerprint, fingerprint);
    assert_int_equal(cert_identity_cover(id, names, 2, now + 3630LL * GW_DAY_MS, NULL), GW_OK);
    assert_string_not_equal(cert_identity_info(id)->fingerprint, fingerprint);
    cert_identity_close(&id);
    cert_store_close(&s);
}

static void write_identity(const char *folder, struct gw_str pem, mode_t mode)
{
    char path[128];
    FILE *f;

    path_of(folder, path);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(pem.p, 1, pem.len, f), pem.len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* One that an administrator installed is never touched. */
static void test_own_is_kept(void **state)
{
    const struct gw_str names[] = { GW_STR_INIT("new.example") };
    struct lab_spec ca_spec = { .cn = "CA", .ca = true };
    struct lab_spec spec = { .cn = "own.example", .names = "DNS:own.example", .rsa_bits = 2048 };
    struct lab_cert ca = lab_make(&ca_spec, NULL), cert = lab_make(&spec, &ca);
    struct cert_store *s = open_store(*state);
    struct cert_identity *id;
    struct gw_buf pem;

    gw_buf_init(&pem, 100000);
    lab_pem(&cert, true, &pem);
    lab_pem(&ca, false, &pem);
    write_identity(*state, gw_buf_str(&pem), 0600);
    id = open_identity(s, names, 1);
    expect_names(id, "own.example ");
    assert_int_equal(cert_identity_cover(id, names, 1, now + 9999LL * GW_DAY_MS, NULL), GW_OK);
    expect_names(id, "own.example ");
    cert_identity_close(&id);
    cert_store_close(&s);
    gw_buf_done(&pem);
    lab_free(&cert);
    lab_free(&ca);
}

static void test_bad_files(void **state)
{
    struct lab_spec spec = { .cn = "own.example" };
    struct lab_cert cert = lab_make(&spec, NULL), other = lab_make(&spec, NULL);
    struct lab_cert mixed = { .x509 = cert.x509, .key = other.key };
    struct cert_store *s = open_store(*state);
    struct cert_identity *id = open_identity(s, NULL, 0);
    struct gw_buf good, no_key, mismatch;
    char fingerprint[65];

    memcpy(fingerprint, cert_identity_info(id)->fingerprint, 65);
    gw_buf_init(&good, 100000);
    gw_buf_init(&no_key, 100000);
    gw_buf_init(&mismatch, 100000);
    lab_pem(&cert, true, &good);
    lab_pem(&cert, false, &no_key);
    lab_pem(&mixed, true, &mismatch);
    {
        const struct {
            struct gw_str pem;
            mode_t mode;
            enum gw_code code;
            const char *says;
        } c[] = {
            { gw_buf_str(&good), 0640, GW_DENIED, "chmod 600" },
            { gw_buf_str(&good), 0604, GW_DENIED, "chmod 600" },
            { gw_buf_str(&no_key), 0600, GW_BADMSG, "no readable private key" },
            { gw_buf_str(&mismatch), 0600, GW_INVALID, "does not belong" },
            { GW_STR_INIT(""), 0600, GW_BADMSG, "no readable certificate" },
            { GW_STR_INIT("rubbish"), 0600, GW_BADMSG, "no readable certificate" },
        };

        for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
            struct gw_err err = { 0 };

            write_identity(*state, c[i].pem, c[i].mode);
            if (cert_identity_reload(id, &err) != c[i].code || !strstr(err.msg, c[i].says))
                fail_msg("case %zu: '%s'", i, err.msg);
            assert_string_equal(cert_identity_info(id)->fingerprint, fingerprint);
        }
    }
    write_identity(*state, gw_buf_str(&good), 0600);
    assert_int_equal(cert_identity_reload(id, NULL), GW_OK);
    assert_string_equal(cert_identity_info(id)->subject, "CN=own.example");
    cert_identity_close(&id);
    cert_store_close(&s);
    gw_buf_done(&good);
    gw_buf_done(&no_key);
    gw_buf_done(&mismatch);
    lab_free(&cert);
    lab_free(&other);
}

static void test_passphrase(void **state)
{
    struct lab_spec spec = { .cn = "own.example" };
    struct lab_cert cert = lab_make(&spec, NULL);
    struct cert_store *s = open_store(*state);
    struct cert_identity_args args = { .name = CERT_IDENTITY_XMPP, .now = now };
    struct cert_identity *id = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    struct gw_err err = { 0 };
    char *text;
    long len;

    PEM_write_bio_X509(bio, cert.x509);
    PEM_write_bio_PrivateKey(bio, cert.key, EVP_aes_128_cbc(), (const unsigned char *)"pw", 2, NULL,
                             NULL);
    len = BIO_get_mem_data(bio, &text);
    write_identity(*state, (struct gw_str){ text, (size_t)len }, 0600);
    assert_int_equal(cert_identity_open(s, &args, &id, &err), GW_INVALID);
    assert_null(id);
    assert_non_null(strstr(err.msg, "passphrase"));
    args.name = "../cup";
    assert_int_equal(cert_identity_open(s, &args, &id, &err), GW_INVALID);
    BIO_free(bio);
    cert_store_close(&s);
    lab_free(&cert);
}

/* --- what a client sees */

static void shown_to_client(SSL_CTX *server_ctx, char *subject, size_t size, int *chain)
{
    SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
    SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
    int c = 0, s = 0;
    X509 *peer;

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
    assert_int_equal(c, 1);
    assert_int_equal(s, 1);
    peer = SSL_get0_peer_certificate(client);
    assert_non_null(peer);
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, subject, (int)size);
    *chain = sk_X509_num(SSL_get_peer_cert_chain(client));
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_ctx);
    ERR_clear_error();
}

static void test_live(void **state)
{
    const struct gw_str names[] = { GW_STR_INIT("a.example") };
    struct lab_spec ca_spec = { .cn = "CA", .ca = true };
    struct lab_spec spec = { .cn = "own.example", .rsa_bits = 2048 };
    struct lab_cert ca = lab_make(&ca_spec, NULL), cert = lab_make(&spec, &ca);
    struct cert_store *s = open_store(*state);
    struct cert_identity *id = open_identity(s, names, 1);
    struct net_tls_policy policy = cert_identity_policy(id);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct gw_buf pem;
    char subject[64];
    int chain;

    assert_int_equal(policy.apply(ctx, policy.ctx, NULL), GW_OK);
    shown_to_client(ctx, subject, sizeof(subject), &chain);
    assert_string_equal(subject, "a.example");
    assert_int_equal(chain, 1);
    gw_buf_init(&pem, 100000);
    lab_pem(&cert, true, &pem);
    lab_pem(&ca, false, &pem);
    write_identity(*state, gw_buf_str(&pem), 0600);
    assert_int_equal(cert_identity_reload(id, NULL), GW_OK);
    shown_to_client(ctx, subject, sizeof(subject), &chain);
    assert_string_equal(subject, "own.example");
    assert_int_equal(chain, 2);
    SSL_CTX_free(ctx);
    gw_buf_done(&pem);
    cert_identity_close(&id);
    cert_store_close(&s);
    lab_free(&cert);
    lab_free(&ca);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, folder_open, folder_close)
    const struct CMUnitTest tests[] = {
        TEST(test_made_when_missing), TEST(test_cover),      TEST(test_own_is_kept),
        TEST(test_bad_files),         TEST(test_passphrase), TEST(test_live),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
