/* Uploads into a trust set: what is taken, what is refused and in which words, and that memory and
 * disk agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cert.h"
#include "cert_lab.h"
#include "gw_log.h"

enum { CERTS = 4 };

static struct lab_cert cert[CERTS];
static char *folder;
static struct cert_store *store;

static int lab_open(void **state)
{
    static const struct lab_spec spec[CERTS] = {
        { .cn = "one.example", .names = "DNS:one.example,IP:192.0.2.1,IP:2001:db8::1" },
        { .cn = "Two \xc3\xbc, \"quoted\"", .ca = true },
        { .cn = "three\nlines\x1b[31m" },
        { .names = "DNS:four.example" },
    };

    (void)state;
    for (int i = 0; i < CERTS; i++)
        cert[i] = lab_make(&spec[i], NULL);
    folder = lab_folder();
    return cert_store_open(folder, &store, NULL);
}

static int lab_close(void **state)
{
    (void)state;
    for (int i = 0; i < CERTS; i++)
        lab_free(&cert[i]);
    cert_store_close(&store);
    lab_folder_remove(folder);
    return 0;
}

static void reopen(void)
{
    cert_store_close(&store);
    assert_int_equal(cert_store_open(folder, &store, NULL), GW_OK);
}

struct list {
    struct gw_buf subjects;
    unsigned count;
    char last[65];
};

static void on_info(const struct cert_info *info, void *ctx)
{
    struct list *list = ctx;

    assert_int_equal(strlen(info->fingerprint), 64);
    assert_true(strcmp(list->last, info->fingerprint) < 0 || !list->last[0]);
    memcpy(list->last, info->fingerprint, 65);
    assert_true(info->not_before < info->not_after);
    assert_true(info->is_self_issued);
    list->count++;
}

static unsigned count_of(const char *set)
{
    struct list list = { .count = 0 };

    assert_int_equal(cert_trust_each(store, set, on_info, &list, NULL), GW_OK);
    return list.count;
}

static void keep_last(const struct cert_info *info, void *ctx)
{
    struct list *list = ctx;

    list->count++;
    memcpy(list->last, info->fingerprint, 65);
}

static void pem_of(int first, int last, struct gw_buf *out)
{
    gw_buf_init(out, 1 << 20);
    for (int i = first; i <= last; i++)
        lab_pem(&cert[i], false, out);
}

static void must_add(const char *set, struct gw_str data, unsigned fresh, unsigned all)
{
    struct list list = { .count = 0 };
    struct gw_err err = { 0 };
    unsigned added = 99;

    if (cert_trust_add(store, set, data, &added, keep_last, &list, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(added, fresh);
    assert_int_equal(list.count, all);
}

static void test_add_and_remove(void **state)
{
    struct gw_buf one, chain;
    struct gw_err err = { 0 };
    struct list list = { .count = 0 };

    (void)state;
    pem_of(0, 0, &one);
    pem_of(0, 3, &chain);
    gw_buf_add_str(&chain, gw_buf_str(&one)); /* the first one twice */
    assert_int_equal(count_of("cup-trust"), 0);
    must_add("cup-trust", gw_buf_str(&one), 1, 1);
    must_add("cup-trust", gw_buf_str(&one), 0, 1);
    must_add("cup-trust", gw_buf_str(&chain), 3, 4);
    assert_int_equal(count_of("cup-trust"), 4);
    assert_int_equal(count_of("cup-xmpp-trust"), 0);
    reopen();
    assert_int_equal(count_of("cup-trust"), 4);

    assert_int_equal(cert_trust_each(store, "cup-trust", keep_last, &list, NULL), GW_OK);
    assert_int_equal(cert_trust_remove(store, "cup-trust", gw_str_of(list.last), NULL), GW_OK);
    assert_int_equal(cert_trust_remove(store, "cup-trust", gw_str_of(list.last), &err),
                     GW_NOTFOUND);
    assert_int_equal(cert_trust_remove(store, "cup-trust", GW_STR("../../x"), &err), GW_NOTFOUND);
    assert_int_equal(cert_trust_remove(store, "cup-trust", GW_STR(""), &err), GW_NOTFOUND);
    assert_int_equal(count_of("cup-trust"), 3);
    reopen();
    assert_int_equal(count_of("cup-trust"), 3);
    gw_buf_done(&one);
    gw_buf_done(&chain);
}

static void on_described(const struct cert_info *info, void *ctx)
{
    struct gw_buf *out = ctx;

    gw_buf_addf(out, "%s|%s|%d", info->subject, info->issuer, info->is_ca);
    for (size_t i = 0; info->names[i]; i++)
        gw_buf_addf(out, "|%s", info->names[i]);
}

static void test_described(void **state)
{
    static const char *const text[CERTS] = {
        "CN=one.example|CN=one.example|0|one.example|192.0.2.1|2001:db8::1",
        "CN=Two \xc3\xbc\\, \\\"quoted\\\"|CN=Two \xc3\xbc\\, \\\"quoted\\\"|1",
        "CN=three\\0Alines\\1B[31m|CN=three\\0Alines\\1B[31m|0",
        "||0|four.example",
    };

    (void)state;
    for (int i = 0; i < CERTS; i++) {
        struct gw_buf pem, out;

        pem_of(i, i, &pem);
        gw_buf_init(&out, 10000);
        assert_int_equal(
            cert_trust_add(store, "described", gw_buf_str(&pem), NULL, on_described, &out, NULL),
            GW_OK);
        assert_string_equal(out.p, text[i]);
        gw_buf_done(&pem);
        gw_buf_done(&out);
    }
}

static void test_get(void **state)
{
    struct gw_buf der, one;
    struct list list = { .count = 0 };
    struct gw_err err = { 0 };

    (void)state;
    pem_of(0, 0, &one);
    gw_buf_init(&der, 100000);
    must_add("get", gw_buf_str(&one), 1, 1);
    assert_int_equal(cert_trust_each(store, "get", keep_last, &list, NULL), GW_OK);
    assert_int_equal(
        cert_trust_get(store, "get", gw_str_of(list.last), keep_last, &list, &der, NULL), GW_OK);
    assert_int_equal(list.count, 2);
    must_add("get", gw_buf_str(&der), 0, 1);
    assert_int_equal(cert_trust_get(store, "get", GW_STR("00"), NULL, NULL, NULL, &err),
                     GW_NOTFOUND);
    gw_buf_done(&der);
    gw_buf_done(&one);
}

static void on_details(const struct cert_info *info, void *ctx)
{
    gw_buf_addf(ctx, "%s|%s|%s", info->key, info->signature, info->usages);
}

static void test_details(void **state)
{
    static const struct {
        struct lab_spec spec;
        const char *text;
    } c[] = {
        { { .cn = "ec" }, "EC prime256v1, 256 bits|ecdsa-with-SHA256|serverAuth, clientAuth" },
        { { .cn = "rsa", .rsa_bits = 2048, .eku = "1.3.6.1.4.1.311.20.2.3" },
          "RSA, 2048 bits|RSA-SHA256|msUPN" },
        { { .cn = "ca", .ca = true }, "EC prime256v1, 256 bits|ecdsa-with-SHA256|" },
        { { .cn = "odd", .eku = "1.2.3.4.5.6" },
          "EC prime256v1, 256 bits|ecdsa-with-SHA256|1.2.3.4.5.6" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct lab_cert made = lab_make(&c[i].spec, NULL);
        struct gw_buf pem, out;

        gw_buf_init(&pem, 100000);
        gw_buf_init(&out, 10000);
        lab_pem(&made, false, &pem);
        assert_int_equal(
            cert_trust_add(store, "details", gw_buf_str(&pem), NULL, on_details, &out, NULL),
            GW_OK);
        assert_string_equal(out.p, c[i].text);
        gw_buf_done(&pem);
        gw_buf_done(&out);
        lab_free(&made);
    }
}

static void test_der(void **state)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert[0].x509, &der);
    struct gw_str all = { (char *)der, (size_t)len };

    (void)state;
    must_add("der", all, 1, 1);
    for (size_t n = 0; n < all.len; n++)
        assert_int_not_equal(
            cert_trust_add(store, "der", gw_str_sub(all, 0, n), NULL, NULL, NULL, NULL), GW_OK);
    OPENSSL_free(der);
}

/* A .p7b as Windows exports it: certificates and no signature. */
static PKCS7 *bundle_new(int first, int last)
{
    PKCS7 *bundle = PKCS7_new();

    PKCS7_set_type(bundle, NID_pkcs7_signed);
    PKCS7_content_new(bundle, NID_pkcs7_data);
    for (int i = first; i <= last; i++)
        PKCS7_add_certificate(bundle, cert[i].x509);
    return bundle;
}

static void test_bundle(void **state)
{
    PKCS7 *bundle = bundle_new(0, 2), *none = bundle_new(0, -1);
    unsigned char *der = NULL, *empty = NULL;
    int len = i2d_PKCS7(bundle, &der), empty_len = i2d_PKCS7(none, &empty);
    struct gw_str all = { (char *)der, (size_t)len };
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    long pem_len;
    struct gw_err err = { 0 };

    (void)state;
    must_add("bundle", all, 3, 3);
    PEM_write_bio_PKCS7(bio, bundle);
    pem_len = BIO_get_mem_data(bio, &pem);
    must_add("bundle", (struct gw_str){ pem, (size_t)pem_len }, 0, 3);
    for (size_t n = 0; n < all.len; n++)
        assert_int_not_equal(
            cert_trust_add(store, "bundle", gw_str_sub(all, 0, n), NULL, NULL, NULL, NULL), GW_OK);
    assert_int_equal(cert_trust_add(store, "bundle",
                                    (struct gw_str){ (char *)empty, (size_t)empty_len }, NULL, NULL,
                                    NULL, &err),
                     GW_BADMSG);
    assert_string_equal(err.msg, "there is no certificate in it");
    assert_int_equal(count_of("bundle"), 3);
    BIO_free(bio);
    OPENSSL_free(der);
    OPENSSL_free(empty);
    PKCS7_free(bundle);
    PKCS7_free(none);
}

static void test_refused(void **state)
{
    struct gw_buf one, with_key, text;
    char *big = calloc(1, CERT_UPLOAD_MAX + 1);
    const struct {
        struct gw_str data;
        enum gw_code code;
        const char *says;
    } c[] = {
        { GW_STR_INIT(""), GW_BADMSG, "there is no certificate in it" },
        { GW_STR_INIT("hello"), GW_BADMSG, "neither PEM nor DER" },
        { GW_STR_INIT("\x30"), GW_BADMSG, "certificate 1 is damaged" },
        { GW_STR_INIT("\x30\x84\xff\xff\xff\xff"), GW_BADMSG, "certificate 1 is damaged" },
        { GW_STR_INIT("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), GW_BADMSG,
          "certificate 1 is damaged" },
        { GW_STR_INIT("-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n"), GW_BADMSG,
          "not proper PEM" },
        { GW_STR_INIT("-----BEGIN CERTIFICATE-----\nAAAA\n"), GW_BADMSG, "not proper PEM" },
        { GW_STR_INIT("-----BEGIN FISH-----\nAAAA\n-----END FISH-----\n"), GW_INVALID, "'FISH'" },
        { GW_STR_INIT("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE "
                      "KEY-----\n"),
          GW_INVALID, "private key" },
        { { big, CERT_UPLOAD_MAX + 1 }, GW_LIMIT, "longer than 262144 bytes" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct gw_err err = { 0 };

        if (cert_trust_add(store, "refused", c[i].data, NULL, NULL, NULL, &err) != c[i].code ||
            !strstr(err.msg, c[i].says))
            fail_msg("case %zu: %s '%s'", i, gw_code_name(err.code), err.msg);
    }
    pem_of(0, 0, &one);
    gw_buf_init(&with_key, 100000);
    lab_pem(&cert[0], true, &with_key);
    assert_int_equal(
        cert_trust_add(store, "refused", gw_buf_str(&with_key), NULL, NULL, NULL, NULL),
        GW_INVALID);
    /* Good first, bad after: nothing of it. */
    gw_buf_init(&text, 1 << 20);
    gw_buf_add_str(&text, gw_buf_str(&one));
    gw_buf_add_str(&text, c[4].data);
    assert_int_equal(cert_trust_add(store, "refused", gw_buf_str(&text), NULL, NULL, NULL, NULL),
                     GW_BADMSG);
    gw_buf_reset(&text);
    for (int i = 0; i <= CERT_CHAIN_MAX; i++)
        gw_buf_add_str(&text, gw_buf_str(&one));
    assert_int_equal(cert_trust_add(store, "refused", gw_buf_str(&text), NULL, NULL, NULL, NULL),
                     GW_LIMIT);
    assert_int_equal(count_of("refused"), 0);
    assert_int_equal(cert_trust_add(store, "Bad/Name", gw_buf_str(&one), NULL, NULL, NULL, NULL),
                     GW_INVALID);
    assert_int_equal(cert_trust_add(store, "", gw_buf_str(&one), NULL, NULL, NULL, NULL),
                     GW_INVALID);
    gw_buf_done(&one);
    gw_buf_done(&with_key);
    gw_buf_done(&text);
    free(big);
}

/* Comments around the blocks, and other line ends, are everyday uploads. */
static void test_dressed(void **state)
{
    struct gw_buf one, text;

    (void)state;
    pem_of(0, 0, &one);
    gw_buf_init(&text, 100000);
    gw_buf_add_cstr(&text, "\xef\xbb\xbfsubject=CN = one\r\nissuer=...\r\n");
    for (size_t i = 0; i < one.len; i++) {
        if (one.p[i] == '\n')
            gw_buf_add_char(&text, '\r');
        gw_buf_add_char(&text, one.p[i]);
    }
    gw_buf_add_cstr(&text, "\r\n\r\nthat was all\r\n");
    must_add("dressed", gw_buf_str(&text), 1, 1);
    gw_buf_done(&one);
    gw_buf_done(&text);
}

static unsigned warnings;

static void sink(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    (void)component;
    (void)line;
    (void)ctx;
    warnings += level == GW_LOG_WARN;
}

static void write_text(const char *set, const char *name, struct gw_str text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s/%s", folder, set, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.len, f), text.len);
    assert_int_equal(fclose(f), 0);
}

/* Files that we did not write are not trusted, and said to be so. */
static void test_foreign_files(void **state)
{
    struct gw_buf one;

    (void)state;
    pem_of(0, 0, &one);
    must_add("foreign", gw_buf_str(&one), 1, 1);
    write_text("foreign", "mine.pem", gw_buf_str(&one));
    write_text("foreign", "0123.pem", GW_STR("rubbish"));
    write_text("foreign", "0124.pem", GW_STR(""));
    write_text("foreign", "notes.txt", GW_STR("not looked at"));
    warnings = 0;
    gw_log_set_sink(sink, NULL);
    reopen();
    assert_int_equal(count_of("foreign"), 1);
    gw_log_set_sink(NULL, NULL);
    assert_int_equal(warnings, 3);
    gw_buf_done(&one);
}

/* A disk that cannot be written: nothing is trusted that would be gone after a restart. */
static void test_cannot_write(void **state)
{
    struct gw_buf chain;
    struct gw_err err = { 0 };
    char path[256], other[256];

    (void)state;
    pem_of(0, 3, &chain);
    assert_int_equal(count_of("gone"), 0);
    snprintf(path, sizeof(path), "%s/gone", folder);
    assert_int_equal(rmdir(path), 0);
    assert_int_not_equal(cert_trust_add(store, "gone", gw_buf_str(&chain), NULL, NULL, NULL, &err),
                         GW_OK);
    assert_true(strlen(err.msg) > 0);
    assert_int_equal(count_of("gone"), 0);
    gw_buf_done(&chain);

    write_text(".", "file", GW_STR("x"));
    assert_int_equal(cert_trust_each(store, "file", on_info, NULL, &err), GW_INVALID);
    assert_non_null(strstr(err.msg, "is not a folder"));
    snprintf(other, sizeof(other), "%s/no/certs", folder);
    {
        struct cert_store *none = NULL;

        assert_int_equal(cert_store_open(other, &none, &err), GW_NOTFOUND);
        assert_null(none);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_remove),
        cmocka_unit_test(test_described),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_der),
        cmocka_unit_test(test_bundle),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_dressed),
        cmocka_unit_test(test_foreign_files),
        cmocka_unit_test(test_cannot_write),
    };

    return cmocka_run_group_tests(tests, lab_open, lab_close);
}
