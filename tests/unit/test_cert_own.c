/* Our own certificates as an administrator manages them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <time.h>

#include "cert_lab.h"
#include "cert_own.h"
#include "gw_bytes.h"

static gw_utc now; /* certificates of the lab are dated by the clock */
static struct lab_cert root, inter;
static const struct gw_str names[] = { GW_STR_INIT("im.a.com"), GW_STR_INIT("a.com") };

struct world {
    char *folder;
    struct cert_store *store;
    struct cert_identity *id;
};

/* --- a sealer: not for the world outside */

static void xor_seal(struct gw_str context, struct gw_str secret, struct gw_buf *out, void *ctx)
{
    struct gw_buf raw;

    gw_buf_init(&raw, CERT_UPLOAD_MAX);
    gw_buf_addf(&raw, "%.*s|", GW_STR_ARG(context));
    for (size_t i = 0; i < secret.len; i++)
        gw_buf_add_char(&raw, (char)(secret.p[i] ^ *(char *)ctx));
    gw_base64_write(gw_buf_str(&raw), out);
    gw_buf_done(&raw);
}

static enum gw_code xor_unseal(struct gw_str context, struct gw_str sealed, struct gw_buf *out,
                               struct gw_err *err, void *ctx)
{
    struct gw_str of, secret;
    struct gw_buf raw;
    bool ok;

    gw_buf_init(&raw, CERT_UPLOAD_MAX);
    ok = gw_base64_parse(sealed, &raw) && gw_str_cut(gw_buf_str(&raw), "|", &of, &secret) &&
         gw_str_eq(of, context);
    for (size_t i = 0; ok && i < secret.len; i++)
        gw_buf_add_char(out, (char)(secret.p[i] ^ *(char *)ctx));
    gw_buf_done(&raw);
    return ok ? GW_OK : gw_fail(err, GW_BADMSG, "not sealed like that");
}

static void open_world(struct world *w, char *seal, const char *name)
{
    struct cert_identity_args args = { .name = name, .names = names, .names_count = 2, .now = now };
    struct gw_err err;

    assert_int_equal(cert_store_open(w->folder, &w->store, NULL), GW_OK);
    if (seal)
        cert_store_sealer_set(w->store, &(struct cert_sealer){ xor_seal, xor_unseal, seal });
    if (cert_identity_open(w->store, &args, &w->id, &err))
        fail_msg("%s", err.msg);
}

static void close_world(struct world *w)
{
    cert_identity_close(&w->id);
    cert_store_close(&w->store);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    w->folder = lab_folder();
    open_world(w, NULL, "cup");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    close_world(w);
    lab_folder_remove(w->folder);
    free(w);
    return 0;
}

static int lab_open(void **state)
{
    static const struct lab_spec spec[] = { { .cn = "Root", .ca = true },
                                            { .cn = "Issuing", .ca = true } };

    (void)state;
    now = (gw_utc)time(NULL) * 1000;
    root = lab_make(&spec[0], NULL);
    inter = lab_make(&spec[1], &root);
    return 0;
}

static int lab_close(void **state)
{
    (void)state;
    lab_free(&root);
    lab_free(&inter);
    return 0;
}

/* --- helpers */

static const char *fingerprint(const struct world *w)
{
    return cert_identity_info(w->id)->fingerprint;
}

static bool exists(const struct world *w, const char *file)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", w->folder, file);
    return access(path, F_OK) == 0;
}

static struct cert_key *new_key(enum cert_key_kind kind)
{
    struct cert_key *key = NULL;

    assert_int_equal(cert_key_make(kind, &key, NULL), GW_OK);
    return key;
}

static const struct cert_subject subject = {
    .cn = GW_STR_INIT("im.a.com"),
    .organisation = GW_STR_INIT("M\xc3\xbcller & S\xc3\xb6hne"),
    .country = GW_STR_INIT("DE"),
    .names = names,
    .names_count = 2,
};

static X509_REQ *request(struct world *w, enum cert_key_kind kind)
{
    struct cert_key *key = new_key(kind);
    struct gw_err err;
    struct gw_buf pem;
    X509_REQ *req;
    BIO *bio;

    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    if (cert_own_request(w->id, key, &subject, false, &pem, &err))
        fail_msg("%s", err.msg);
    bio = BIO_new_mem_buf(pem.p, (int)pem.len);
    req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    assert_non_null(req);
    assert_null(strstr(pem.p, "PRIVATE"));
    BIO_free(bio);
    gw_buf_done(&pem);
    cert_key_free(&key);
    return req;
}

/* What an authority makes of it. */
struct signing {
    int from_day, to_day;
    const char *eku, *names;
    bool bad_signature, other_key;
};

static X509 *sign(X509_REQ *req, const struct signing *how)
{
    struct lab_spec spec = { .cn = "im.a.com",
                             .names = how->names ? how->names : "DNS:im.a.com,DNS:a.com",
                             .from_day = how->from_day,
                             .to_day = how->to_day,
                             .eku = how->eku };
    struct lab_cert cert = lab_make(&spec, &inter);
    X509 *x509 = cert.x509;

    if (!how->other_key) {
        X509_set_pubkey(x509, X509_REQ_get0_pubkey(req));
        X509_sign(x509, inter.key, EVP_sha256());
    }
    if (how->bad_signature)
        lab_break_signature(x509);
    EVP_PKEY_free(cert.key);
    return x509;
}

static void add_pem(X509 *x509, struct gw_buf *out)
{
    struct lab_cert cert = { x509, NULL };

    lab_pem(&cert, false, out);
}

static enum gw_code install(struct world *w, struct gw_str data, struct gw_buf *notes,
                            struct gw_err *err)
{
    gw_buf_init(notes, 4096);
    return cert_own_install(w->id, data, names, 2, now, notes, err);
}

/* --- tests */

static void test_request(void **state)
{
    struct world *w = *state;
    X509_REQ *req = request(w, CERT_RSA_2048);
    struct cert_key *key = new_key(CERT_EC_P256);
    STACK_OF(X509_EXTENSION) *ext = X509_REQ_get_extensions(req);
    struct gw_buf pem, again;
    struct gw_err err;
    char text[64];

    assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
    assert_int_equal(EVP_PKEY_get_bits(X509_REQ_get0_pubkey(req)), 2048);
    X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(req), NID_commonName, text, sizeof(text));
    assert_string_equal(text, "im.a.com");
    X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(req), NID_organizationName, text,
                              sizeof(text));
    assert_string_equal(text, "M\xc3\xbcller & S\xc3\xb6hne");
    assert_int_equal(sk_X509_EXTENSION_num(ext), 3);
    sk_X509_EXTENSION_pop_free(ext, X509_EXTENSION_free);
    X509_REQ_free(req);

    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    gw_buf_init(&again, CERT_UPLOAD_MAX);
    assert_int_equal(cert_own_request_get(w->id, &pem, NULL), GW_OK);
    assert_int_equal(cert_own_request(w->id, key, &subject, false, &again, &err), GW_EXISTS);
    assert_int_equal(cert_own_request(w->id, key, &subject, true, &again, &err), GW_OK);
    assert_false(gw_str_eq(gw_buf_str(&pem), gw_buf_str(&again)));
    assert_int_equal(cert_own_request_drop(w->id, NULL), GW_OK);
    assert_int_equal(cert_own_request_drop(w->id, NULL), GW_NOTFOUND);
    assert_int_equal(cert_own_request_get(w->id, &pem, NULL), GW_NOTFOUND);
    gw_buf_done(&pem);
    gw_buf_done(&again);
    cert_key_free(&key);
}

/* However a name was written, it is in the certificate then, which is not made anew for it time and again. */
static void test_names(void **state)
{
    static const struct gw_str said[] = {
        GW_STR_INIT("im.a.com."),
        GW_STR_INIT("IM.a.com"),
        GW_STR_INIT("m\xc3\xbc.a.com"),
        GW_STR_INIT("2001:0DB8:0::1"),
        GW_STR_INIT("2001:db8::1"),
        GW_STR_INIT("192.0.2.1"),
        GW_STR_INIT(""),
    };
    static const char *const normal[] = { "im.a.com", "xn--m-eha.a.com", "2001:db8::1",
                                          "192.0.2.1" };
    struct cert_names *n = cert_names_new();
    struct world *w = *state;
    char before[65];

    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
        cert_names_add(said[i], n);
    assert_int_equal(n->count, sizeof(normal) / sizeof(normal[0]));
    for (size_t i = 0; i < n->count; i++)
        assert_true(gw_str_is(n->name[i], normal[i]));
    assert_int_equal(cert_identity_cover(w->id, n->name, n->count, now, NULL), GW_OK);
    memcpy(before, fingerprint(w), 65);
    assert_int_equal(cert_identity_cover(w->id, n->name, n->count, now, NULL), GW_OK);
    assert_string_equal(fingerprint(w), before);
    cert_names_free(n);
}

static void test_bad_subjects(void **state)
{
    static const struct gw_str odd[] = { GW_STR_INIT("a b") };
    const struct {
        struct cert_subject subject;
        const char *says;
    } c[] = {
        { { .names = names, .names_count = 1 }, "needs a name" },
        { { .cn = GW_STR("a.com") }, "needs a name" },
        { { .cn = GW_STR("a.com"), .country = GW_STR("DEU"), .names = names, .names_count = 1 },
          "country" },
        { { .cn = GW_STR("a.com"), .country = GW_STR("D"), .names = names, .names_count = 1 },
          "country" },
        { { .cn = GW_STR("a.com"), .city = GW_STR("a\nb"), .names = names, .names_count = 1 },
          "city" },
        { { .cn = GW_STR("a.com"), .names = odd, .names_count = 1 }, "cannot stand" },
    };
    struct world *w = *state;
    struct cert_key *key = new_key(CERT_EC_P256);
    struct gw_buf pem;

    gw_buf_init(&pem, 1000);
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct gw_err err = { 0 };

        assert_int_equal(cert_own_request(w->id, key, &c[i].subject, false, &pem, &err),
                         GW_INVALID);
        if (!strstr(err.msg, c[i].says))
            fail_msg("%s", err.msg);
        assert_int_equal(cert_own_self_sign(w->id, key, &c[i].subject, 9, now, NULL), GW_INVALID);
    }
    assert_false(exists(w, "cup.request.pem"));
    gw_buf_done(&pem);
    cert_key_free(&key);
}

/* What an administrator has chosen stays; what was made by itself follows the domains. */
static void test_self_signed(void **state)
{
    static const struct gw_str more[] = { GW_STR_INIT("im.a.com"), GW_STR_INIT("later.com") };
    const struct cert_subject chosen = { .cn = names[0], .names = names, .names_count = 2 };
    struct world *w = *state;
    struct cert_key *key = new_key(CERT_EC_P256);
    char before[65];

    assert_int_equal(cert_own_self_sign(w->id, key, &chosen, 20, now, NULL), GW_OK);
    memcpy(before, fingerprint(w), 65);
    assert_int_equal(cert_identity_cover(w->id, more, 2, now, NULL), GW_OK);
    assert_string_equal(fingerprint(w), before);
    assert_int_equal(cert_own_reset(w->id, key, names, 2, now, NULL), GW_OK);
    assert_false(cert_own_is_named(w->id, more[1]));
    assert_int_equal(cert_identity_cover(w->id, more, 2, now, NULL), GW_OK);
    assert_true(cert_own_is_named(w->id, more[1]));
    cert_key_free(&key);
}

static struct gw_str p7b(X509 *leaf, struct gw_buf *out)
{
    PKCS7 *bundle = PKCS7_new();
    unsigned char *der = NULL;
    int len;

    PKCS7_set_type(bundle, NID_pkcs7_signed);
    PKCS7_content_new(bundle, NID_pkcs7_data);
    PKCS7_add_certificate(bundle, root.x509);
    PKCS7_add_certificate(bundle, leaf);
    PKCS7_add_certificate(bundle, inter.x509);
    len = i2d_PKCS7(bundle, &der);
    gw_buf_reset(out);
    gw_buf_add(out, der, (size_t)len);
    OPENSSL_free(der);
    PKCS7_free(bundle);
    return gw_buf_str(out);
}

static void test_install(void **state)
{
    enum { LEAF_ONLY, WITH_CHAIN, DER, BUNDLE, FORMS };
    struct world *w = *state;

    for (int form = 0; form < FORMS; form++) {
        X509_REQ *req = request(w, form == DER ? CERT_RSA_2048 : CERT_EC_P384);
        X509 *leaf = sign(req, &(struct signing){ .names = "DNS:im.a.com" });
        unsigned char *der = NULL;
        struct gw_buf data, notes, pem;
        struct gw_str upload;
        struct gw_err err;
        int len = i2d_X509(leaf, &der);

        gw_buf_init(&data, CERT_UPLOAD_MAX);
        if (form == WITH_CHAIN)
            add_pem(inter.x509, &data);
        add_pem(leaf, &data);
        upload = form == DER      ? (struct gw_str){ (char *)der, (size_t)len }
                 : form == BUNDLE ? p7b(leaf, &data)
                                  : gw_buf_str(&data);
        if (install(w, upload, &notes, &err))
            fail_msg("form %d: %s", form, err.msg);
        assert_non_null(strstr(notes.p, "'a.com' is not among its names"));
        assert_int_equal(strstr(notes.p, "neither in the upload") != NULL, form != BUNDLE);
        assert_false(exists(w, "cup.request.pem"));
        gw_buf_init(&pem, CERT_UPLOAD_MAX);
        assert_int_equal(cert_own_pem(w->id, &pem, NULL), GW_OK);
        assert_int_equal(strstr(strstr(pem.p, "BEGIN") + 1, "BEGIN") != NULL,
                         form == WITH_CHAIN || form == BUNDLE);
        assert_int_equal(cert_identity_reload(w->id, NULL), GW_OK);
        gw_buf_done(&pem);
        gw_buf_done(&data);
        gw_buf_done(&notes);
        OPENSSL_free(der);
        X509_free(leaf);
        X509_REQ_free(req);
    }
}

/* The intermediate one lies in a trust store already. */
static void test_chain_from_trust(void **state)
{
    struct world *w = *state;
    X509_REQ *req = request(w, CERT_EC_P256);
    X509 *leaf = sign(req, &(struct signing){ .from_day = 0 });
    struct gw_buf data, notes;

    gw_buf_init(&data, CERT_UPLOAD_MAX);
    add_pem(inter.x509, &data);
    add_pem(root.x509, &data);
    assert_int_equal(
        cert_trust_add(w->store, CERT_TRUST_EXCHANGE, gw_buf_str(&data), NULL, NULL, NULL, NULL),
        GW_OK);
    gw_buf_reset(&data);
    add_pem(leaf, &data);
    assert_int_equal(install(w, gw_buf_str(&data), &notes, NULL), GW_OK);
    assert_int_equal(notes.len, 0);
    gw_buf_reset(&data);
    assert_int_equal(cert_own_pem(w->id, &data, NULL), GW_OK);
    assert_non_null(strstr(strstr(data.p, "BEGIN") + 1, "BEGIN"));
    gw_buf_done(&data);
    gw_buf_done(&notes);
    X509_free(leaf);
    X509_REQ_free(req);
}

/* Public authorities put serverAuth alone into it: SIP peers mind, XMPP's do not. */
static void test_server_only(void **state)
{
    static const char *const name[] = { "cup", "cup-xmpp", "cup-xmpp-s2s" };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
        struct gw_buf data, notes;
        X509_REQ *req;
        X509 *leaf;

        close_world(w);
        open_world(w, NULL, name[i]);
        req = request(w, CERT_EC_P256);
        leaf = sign(req, &(struct signing){ .eku = "serverAuth" });
        gw_buf_init(&data, CERT_UPLOAD_MAX);
        add_pem(leaf, &data);
        assert_int_equal(install(w, gw_buf_str(&data), &notes, NULL), GW_OK);
        assert_int_equal(strstr(notes.p, "SIP servers will refuse us") != NULL, i == 0);
        gw_buf_done(&data);
        gw_buf_done(&notes);
        X509_free(leaf);
        X509_REQ_free(req);
    }
}

/* XMPP looks at the CN only where there is nothing else, and at no address. */
static void test_lacks(void **state)
{
    static const struct {
        const char *identity;
        bool named_by_cn;
    } c[] = { { "cup", true }, { "cup-xmpp", false }, { "cup-xmpp-s2s", false } };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct gw_buf data, notes;
        X509_REQ *req;
        X509 *leaf;

        close_world(w);
        open_world(w, NULL, c[i].identity);
        req = request(w, CERT_EC_P256);
        leaf = sign(req, &(struct signing){ .names = "DNS:a.com,IP:192.0.2.1" });
        gw_buf_init(&data, CERT_UPLOAD_MAX);
        add_pem(leaf, &data);
        assert_int_equal(install(w, gw_buf_str(&data), &notes, NULL), GW_OK);
        assert_int_equal(strstr(notes.p, "'im.a.com' is not") != NULL, !c[i].named_by_cn);
        assert_int_equal(cert_own_is_named(w->id, GW_STR("im.a.com")), c[i].named_by_cn);
        assert_true(cert_own_is_named(w->id, GW_STR("a.com")));
        assert_true(cert_own_is_named(w->id, GW_STR("192.0.2.1")));
        assert_false(cert_own_is_named(w->id, GW_STR("192.0.2.2")));
        gw_buf_done(&data);
        gw_buf_done(&notes);
        X509_free(leaf);
        X509_REQ_free(req);
    }
}

static void test_refused(void **state)
{
    static const struct {
        struct signing how;
        const char *says;
    } c[] = {
        { { .other_key = true }, "belongs to the key of the request, nor of the present" },
        { { .from_day = -9, .to_day = -2 }, "expired on" },
        { { .from_day = 2, .to_day = 9 }, "check the clocks" },
        { { .eku = "clientAuth" }, "not for server authentication" },
        { { .bad_signature = true }, "was not signed by the 'CN=Issuing' that is at hand" },
    };
    struct world *w = *state;
    X509_REQ *req = request(w, CERT_EC_P256);
    char before[65];

    memcpy(before, fingerprint(w), 65);
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        X509 *leaf = sign(req, &c[i].how);
        struct gw_buf data, notes;
        struct gw_err err = { 0 };

        gw_buf_init(&data, CERT_UPLOAD_MAX);
        add_pem(leaf, &data);
        add_pem(inter.x509, &data);
        assert_int_equal(install(w, gw_buf_str(&data), &notes, &err), GW_INVALID);
        if (!strstr(err.msg, c[i].says))
            fail_msg("case %zu: %s", i, err.msg);
        assert_string_equal(fingerprint(w), before);
        assert_true(exists(w, "cup.request.pem"));
        gw_buf_done(&data);
        gw_buf_done(&notes);
        X509_free(leaf);
    }
    X509_REQ_free(req);
}

/* Killed after the certificate was written, before the request was removed. */
static void test_left_behind(void **state)
{
    struct world *w = *state;
    X509_REQ *req = request(w, CERT_EC_P256);
    X509 *leaf = sign(req, &(struct signing){ .from_day = 0 });
    char from[160], to[160];
    struct gw_buf data, notes;

    snprintf(from, sizeof(from), "%s/cup.request.pem", w->folder);
    snprintf(to, sizeof(to), "%s/kept", w->folder);
    assert_int_equal(link(from, to), 0);
    gw_buf_init(&data, CERT_UPLOAD_MAX);
    add_pem(leaf, &data);
    assert_int_equal(install(w, gw_buf_str(&data), &notes, NULL), GW_OK);
    assert_int_equal(link(to, from), 0);
    assert_int_equal(cert_own_request_get(w->id, &data, NULL), GW_NOTFOUND);
    assert_false(exists(w, "cup.request.pem"));
    assert_int_equal(rename(to, from), 0);
    X509_REQ_free(req);
    req = request(w, CERT_EC_P256); /* the next one is not held up by it */
    assert_int_equal(cert_own_request_get(w->id, &data, NULL), GW_OK);
    gw_buf_done(&data);
    gw_buf_done(&notes);
    X509_free(leaf);
    X509_REQ_free(req);
}

static bool file_says(const struct world *w, const char *file, const char *what)
{
    char path[160], text[16384];
    FILE *f;
    size_t n;

    snprintf(path, sizeof(path), "%s/%s", w->folder, file);
    f = fopen(path, "r");
    assert_non_null(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    fclose(f);
    return strstr(text, what) != NULL;
}

static void test_sealed(void **state)
{
    static char seal = 0x5a;
    struct world *w = *state;
    struct gw_buf pem;
    struct gw_err err;
    char before[65];
    X509_REQ *req;

    memcpy(before, fingerprint(w), 65);
    assert_true(file_says(w, "cup.pem", "PRIVATE KEY"));
    close_world(w);
    open_world(w, &seal, "cup"); /* what lay there in clear is sealed */
    assert_string_equal(fingerprint(w), before);
    assert_false(file_says(w, "cup.pem", "PRIVATE KEY"));
    assert_true(file_says(w, "cup.pem", "SEALED KEY"));
    req = request(w, CERT_EC_P256);
    assert_false(file_says(w, "cup.request.pem", "PRIVATE KEY"));
    close_world(w);
    open_world(w, &seal, "cup");
    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    assert_int_equal(cert_own_request_get(w->id, &pem, &err), GW_OK);
    assert_string_equal(fingerprint(w), before);
    close_world(w);
    {
        char from[160], to[160]; /* one identity's key is not another's */
        struct cert_identity_args args = { .name = "cup-xmpp", .now = now };

        snprintf(from, sizeof(from), "%s/cup.pem", w->folder);
        snprintf(to, sizeof(to), "%s/cup-xmpp.pem", w->folder);
        assert_int_equal(link(from, to), 0);
        assert_int_equal(cert_store_open(w->folder, &w->store, NULL), GW_OK);
        cert_store_sealer_set(w->store, &(struct cert_sealer){ xor_seal, xor_unseal, &seal });
        assert_int_equal(cert_identity_open(w->store, &args, &w->id, &err), GW_BADMSG);
        assert_non_null(strstr(err.msg, "sealed with another key"));
        cert_store_close(&w->store);
    }
    open_world(w, &seal, "cup");
    gw_buf_done(&pem);
    X509_REQ_free(req);
}

/* A link to where something else renews the certificate goes on leading there. */
static void test_link_is_not_sealed(void **state)
{
    static char seal = 0x5a;
    struct lab_spec spec[] = { { .cn = "old.a.com" }, { .cn = "new.a.com" } };
    struct world *w = *state;
    char link_path[160], path[160];
    struct gw_buf pem;
    struct stat st;

    close_world(w);
    snprintf(link_path, sizeof(link_path), "%s/cup.pem", w->folder);
    snprintf(path, sizeof(path), "%s/renewed-elsewhere", w->folder);
    assert_int_equal(unlink(link_path), 0);
    assert_int_equal(symlink(path, link_path), 0);
    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    for (size_t i = 0; i < 2; i++) {
        struct lab_cert cert = lab_make(&spec[i], NULL);
        FILE *f = fopen(path, "w");

        gw_buf_reset(&pem);
        lab_pem(&cert, true, &pem);
        assert_non_null(f);
        assert_int_equal(fwrite(pem.p, 1, pem.len, f), pem.len);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path, 0600), 0);
        if (i == 0)
            open_world(w, &seal, "cup");
        else
            assert_int_equal(cert_identity_reload(w->id, NULL), GW_OK);
        assert_non_null(strstr(cert_identity_info(w->id)->subject, spec[i].cn));
        assert_int_equal(lstat(link_path, &st), 0);
        assert_true(S_ISLNK(st.st_mode));
        lab_free(&cert);
    }
    gw_buf_done(&pem);
}

static void test_p12(void **state)
{
    static const struct gw_str secret = GW_STR_INIT("correct horse");
    struct world *w = *state;
    struct cert_key *key = NULL;
    struct gw_buf p12, notes;
    struct gw_err err;
    char before[65];

    gw_buf_init(&p12, CERT_UPLOAD_MAX);
    gw_buf_init(&notes, 4096);
    memcpy(before, fingerprint(w), 65);
    assert_int_equal(cert_own_p12(w->id, GW_STR("short"), &p12, &err), GW_INVALID);
    assert_int_equal(cert_own_p12(w->id, secret, &p12, &err), GW_OK);
    assert_int_equal(cert_key_from_p12(gw_buf_str(&p12), GW_STR("wrong horse"), &key, &err),
                     GW_DENIED);
    for (size_t n = 0; n < p12.len; n += 7)
        assert_int_not_equal(
            cert_key_from_p12(gw_str_sub(gw_buf_str(&p12), 0, n), secret, &key, &err), GW_OK);
    assert_int_equal(cert_key_from_p12(gw_buf_str(&p12), secret, &key, &err), GW_OK);
    {
        struct cert_key *other = new_key(CERT_EC_P256);

        assert_int_equal(cert_own_self_sign(w->id, other, &subject, 30, now, &err), GW_OK);
        assert_string_not_equal(fingerprint(w), before);
        cert_key_free(&other);
    }
    assert_int_equal(cert_own_import(w->id, key, names, 2, now, &notes, &err), GW_OK);
    assert_int_equal(notes.len, 0);
    assert_string_equal(fingerprint(w), before);
    cert_key_free(&key);
    gw_buf_done(&p12);
    gw_buf_done(&notes);
}

/* Each handshake would take so long: neither from PKCS#12 nor from a file. */
static void test_long_key(void **state)
{
    static const struct gw_str secret = GW_STR_INIT("correct horse");
    struct lab_spec spec = { .cn = "a.com", .rsa_bits = 4104 };
    struct lab_cert cert = lab_make(&spec, NULL);
    PKCS12 *p12 = PKCS12_create(secret.p, "x", cert.key, cert.x509, NULL, 0, 0, 0, 0, 0);
    struct world *w = *state;
    struct cert_key *key = NULL;
    unsigned char *der = NULL;
    int len = i2d_PKCS12(p12, &der);
    char before[65], path[160];
    struct gw_err err = { 0 };
    struct gw_buf pem;
    FILE *f;

    assert_int_equal(
        cert_key_from_p12((struct gw_str){ (char *)der, (size_t)len }, secret, &key, &err),
        GW_LIMIT);
    assert_null(key);
    memcpy(before, fingerprint(w), 65);
    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    lab_pem(&cert, true, &pem);
    snprintf(path, sizeof(path), "%s/cup.pem", w->folder);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(pem.p, 1, pem.len, f), pem.len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(cert_identity_reload(w->id, &err), GW_LIMIT);
    assert_non_null(strstr(err.msg, "4104 bits"));
    assert_string_equal(fingerprint(w), before);
    gw_buf_done(&pem);
    OPENSSL_free(der);
    PKCS12_free(p12);
    lab_free(&cert);
}

/* The number of rounds, 70001, becomes 8388607. */
static PKCS12 *bomb(PKCS12 *p12)
{
    static const unsigned char few[] = { 2, 3, 1, 0x11, 0x71 }, many[] = { 2, 3, 0x7f, 0xff, 0xff };
    unsigned char *der = NULL, *at;
    const unsigned char *start;
    int len = i2d_PKCS12(p12, &der), found = 0;

    PKCS12_free(p12);
    while ((at = memmem(der, (size_t)len, few, sizeof(few)))) {
        memcpy(at, many, sizeof(many));
        found++;
    }
    assert_true(found > 0);
    start = der;
    p12 = d2i_PKCS12(NULL, &start, len);
    OPENSSL_free(der);
    return p12;
}

/* A file that asks for millions of rounds, at any place, is refused at once. */
static void test_p12_bombs(void **state)
{
    static const struct {
        int key_pbe, cert_pbe;
        bool mac;
    } c[] = {
        { 0, 0, false },
        { NID_pbe_WithSHA1And3_Key_TripleDES_CBC, -1, false },
        { -1, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, false },
        { NID_aes_256_cbc, -1, false },
        { -1, NID_aes_256_cbc, false },
        { -1, -1, true },
    };
    struct lab_spec spec = { .cn = "a.com" };
    struct lab_cert cert = lab_make(&spec, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        PKCS12 *p12 = PKCS12_create("password", "x", cert.key, cert.x509, NULL, c[i].key_pbe,
                                    c[i].cert_pbe, 70001, c[i].mac ? 70001 : 1, 0);
        struct cert_key *key = NULL;
        unsigned char *der = NULL;
        struct gw_err err = { 0 };
        int len;

        p12 = bomb(p12);
        if (!c[i].mac)
            PKCS12_set_mac(p12, "password", -1, NULL, 0, 2048, EVP_sha256());
        len = i2d_PKCS12(p12, &der);
        if (cert_key_from_p12((struct gw_str){ (char *)der, (size_t)len }, GW_STR("password"), &key,
                              &err) != GW_LIMIT)
            fail_msg("case %zu: %d %s", i, err.code, err.msg);
        OPENSSL_free(der);
        PKCS12_free(p12);
    }
    lab_free(&cert);
}

/* OpenSSL 3.4 and later hash as often as the MAC's own algorithm says, RFC 9579. */
static void test_p12_mac_bomb(void **state)
{
    static const struct gw_str password = GW_STR_INIT("password");
    struct lab_spec spec = { .cn = "a.com" };
    struct lab_cert cert = lab_make(&spec, NULL);
    PKCS12 *p12 = PKCS12_create(password.p, "x", cert.key, cert.x509, NULL, 0, 0, 1, 1, 0);
    X509_ALGOR *pbe = PKCS5_pbe2_set(EVP_aes_256_cbc(), 8388607, NULL, 0);
    const X509_ALGOR *mac = NULL;
    struct cert_key *key = NULL;
    unsigned char *der = NULL;
    const void *value;
    struct gw_err err;
    int type, len;

    (void)state;
    X509_ALGOR_get0(NULL, &type, &value, pbe);
    PKCS12_get0_mac(NULL, &mac, NULL, NULL, p12);
    assert_int_equal(
        X509_ALGOR_set0((X509_ALGOR *)mac, OBJ_nid2obj(NID_pbmac1), type, ASN1_STRING_dup(value)),
        1);
    len = i2d_PKCS12(p12, &der);
    assert_int_equal(
        cert_key_from_p12((struct gw_str){ (char *)der, (size_t)len }, password, &key, &err),
        GW_LIMIT);
    OPENSSL_free(der);
    X509_ALGOR_free(pbe);
    PKCS12_free(p12);
    lab_free(&cert);
}

static void test_find(void **state)
{
    struct world *w = *state;
    struct cert_identity *id = NULL;
    struct gw_err err;

    assert_int_equal(cert_own_find(w->store, GW_STR("cup"), &id, NULL), GW_OK);
    assert_ptr_equal(id, w->id);
    assert_int_equal(cert_own_find(w->store, GW_STR("../cup"), &id, &err), GW_NOTFOUND);
    assert_non_null(strstr(err.msg, "'cup-xmpp-s2s' (XMPP servers)"));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_request),      TEST(test_names),    TEST(test_bad_subjects),
        TEST(test_self_signed),  TEST(test_install),  TEST(test_chain_from_trust),
        TEST(test_server_only),  TEST(test_lacks),    TEST(test_refused),
        TEST(test_left_behind),  TEST(test_sealed),   TEST(test_link_is_not_sealed),
        TEST(test_p12),          TEST(test_long_key), TEST(test_p12_bombs),
        TEST(test_p12_mac_bomb), TEST(test_find),
    };

    return cmocka_run_group_tests(tests, lab_open, lab_close);
}
