/* Certificates of any kind for tests: right ones, and wrong in one point. */
#ifndef CERT_LAB_H
#define CERT_LAB_H

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gw_buf.h"

struct lab_spec {
    const char *cn;       /* NULL: no subject */
    const char *names;    /* subjectAltName in OpenSSL's notation: "DNS:a.example,IP:192.0.2.1" */
    int from_day, to_day; /* from now; both 0: yesterday to tomorrow */
    bool ca;
    const char *eku;   /* NULL: "serverAuth,clientAuth" */
    unsigned rsa_bits; /* 0: P-256 */
    bool bad_signature;
    bool sha1;
};

struct lab_cert {
    X509 *x509;
    EVP_PKEY *key;
};

static inline void lab_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!ext || !X509_add_ext(x509, ext, -1))
        abort();
    X509_EXTENSION_free(ext);
}

static inline void lab_break_signature(X509 *x509)
{
    const ASN1_BIT_STRING *signature;

    X509_get0_signature(&signature, NULL, x509);
    signature->data[signature->length - 1] ^= 1;
}

/* issuer NULL: self-signed. */
static inline struct lab_cert lab_make(const struct lab_spec *spec, const struct lab_cert *issuer)
{
    static long serial = 1;
    struct lab_cert c = { .x509 = X509_new() };
    X509_NAME *name = X509_NAME_new();
    X509 *by;
    bool dated = spec->from_day || spec->to_day;

    c.key = spec->rsa_bits ? EVP_RSA_gen(spec->rsa_bits) : EVP_EC_gen("P-256");
    if (!c.x509 || !c.key || !name)
        abort();
    by = issuer ? issuer->x509 : c.x509;
    if (spec->cn)
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)spec->cn, -1,
                                   -1, 0);
    X509_set_version(c.x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x509), serial++);
    X509_set_subject_name(c.x509, name);
    X509_set_issuer_name(c.x509, X509_get_subject_name(by));
    X509_time_adj_ex(X509_getm_notBefore(c.x509), dated ? spec->from_day : -1, 0, NULL);
    X509_time_adj_ex(X509_getm_notAfter(c.x509), dated ? spec->to_day : 1, 0, NULL);
    X509_set_pubkey(c.x509, c.key);
    lab_extension(c.x509, by, NID_basic_constraints,
                  spec->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    lab_extension(c.x509, by, NID_subject_key_identifier, "hash");
    if (issuer)
        lab_extension(c.x509, by, NID_authority_key_identifier, "keyid");
    if (spec->names)
        lab_extension(c.x509, by, NID_subject_alt_name, spec->names);
    if (!spec->ca)
        lab_extension(c.x509, by, NID_ext_key_usage,
                      spec->eku ? spec->eku : "serverAuth,clientAuth");
    if (!X509_sign(c.x509, issuer ? issuer->key : c.key, spec->sha1 ? EVP_sha1() : EVP_sha256()))
        abort();
    if (spec->bad_signature)
        lab_break_signature(c.x509);
    X509_NAME_free(name);
    return c;
}

static inline void lab_free(struct lab_cert *c)
{
    X509_free(c->x509);
    EVP_PKEY_free(c->key);
    c->x509 = NULL;
    c->key = NULL;
}

static inline void lab_pem(const struct lab_cert *c, bool with_key, struct gw_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    PEM_write_bio_X509(bio, c->x509);
    if (with_key)
        PEM_write_bio_PrivateKey(bio, c->key, NULL, NULL, 0, NULL, NULL);
    len = BIO_get_mem_data(bio, &text);
    gw_buf_add(out, text, (size_t)len);
    BIO_free(bio);
}

/* What one end of a handshake through memory has said goes to the other. */
static inline void lab_pump(SSL *from, SSL *to)
{
    char piece[4096];
    int n;

    while ((n = BIO_read(SSL_get_wbio(from), piece, sizeof(piece))) > 0)
        BIO_write(SSL_get_rbio(to), piece, n);
}

static inline char *lab_folder(void)
{
    char path[] = "/tmp/kalends-cert-XXXXXX";

    return mkdtemp(path) ? strdup(path) : NULL;
}

static inline void lab_folder_remove(char *path)
{
    char cmd[128];

    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", path);
    if (system(cmd)) /* NOLINT: a test's own folder */
        abort();
    free(path);
}

#endif
