/* Making certificates: for ourselves, and for laboratories. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cert_priv.h"
#include "gw_bytes.h"
#include "gw_log.h"

enum {
    BACKDATED_DAYS = 1, /* for clients whose clock is late */
    CN_MAX = 64,        /* ub-common-name, RFC 5280 */
    NAME_MAX_LEN = 253
};

enum gw_code cert_names_check(const struct gw_str *names, size_t count, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];

    for (size_t i = 0; i < count; i++) {
        bool ok = names[i].len > 0 && names[i].len <= NAME_MAX_LEN;

        for (size_t n = 0; ok && n < names[i].len; n++)
            ok = names[i].p[n] > 0x20 && names[i].p[n] < 0x7f;
        if (!ok)
            return gw_fail(err, GW_INVALID, "%s cannot stand in a certificate",
                           gw_quote(names[i], quoted));
    }
    return GW_OK;
}

static GENERAL_NAME *alt_name_new(struct gw_str name)
{
    char *text = gw_str_dup(name);
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);
    ASN1_IA5STRING *dns = address ? NULL : ASN1_IA5STRING_new();
    GENERAL_NAME *g = GENERAL_NAME_new();

    if (g && address) {
        GENERAL_NAME_set0_value(g, GEN_IPADD, address);
    } else if (g && dns && ASN1_STRING_set(dns, name.p, (int)name.len)) {
        GENERAL_NAME_set0_value(g, GEN_DNS, dns);
    } else {
        ASN1_OCTET_STRING_free(address);
        ASN1_IA5STRING_free(dns);
        GENERAL_NAME_free(g);
        g = NULL;
    }
    free(text);
    return g;
}

static GENERAL_NAMES *alt_names_new(const struct gw_str *names, size_t count)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    bool ok = all != NULL;

    for (size_t i = 0; ok && i < count; i++) {
        GENERAL_NAME *g = alt_name_new(names[i]);

        ok = g && sk_GENERAL_NAME_push(all, g);
        if (!ok)
            GENERAL_NAME_free(g);
    }
    if (ok)
        return all;
    GENERAL_NAMES_free(all);
    return NULL;
}

static bool add_alt_names(X509 *x509, const struct gw_str *names, size_t count)
{
    GENERAL_NAMES *all = alt_names_new(names, count);
    bool ok = all && X509_add1_ext_i2d(x509, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT) == 1;

    GENERAL_NAMES_free(all);
    return ok;
}

static bool add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;
    bool ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = ext && X509_add_ext(x509, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

static bool set_serial(X509 *x509)
{
    unsigned char bytes[16];
    BIGNUM *n;
    bool ok;

    gw_random(bytes, sizeof(bytes));
    bytes[0] &= 0x7f; /* RFC 5280 4.1.2.2: positive, at most 20 octets */
    bytes[0] |= 0x40;
    n = BN_bin2bn(bytes, sizeof(bytes), NULL);
    ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x509));
    BN_free(n);
    return ok;
}

static bool add_name(X509_NAME *name, const char *field, struct gw_str text)
{
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)text.p,
                                      (int)text.len, -1, 0) == 1;
}

/* A CN that would be too long stands in the alternative names only. */
static X509_NAME *subject_new(const struct cert_subject *s)
{
    const struct {
        const char *field;
        struct gw_str text;
    } part[] = { { "C", s->country },      { "ST", s->state }, { "L", s->city },
                 { "O", s->organisation }, { "OU", s->unit },  { "CN", s->cn } };
    X509_NAME *name = X509_NAME_new();
    bool ok = name != NULL;

    for (size_t i = 0; ok && i < sizeof(part) / sizeof(part[0]); i++)
        if (part[i].text.len && (strcmp(part[i].field, "CN") != 0 || part[i].text.len <= CN_MAX))
            ok = add_name(name, part[i].field, part[i].text);
    if (ok)
        return name;
    X509_NAME_free(name);
    return NULL;
}

static bool set_subject(X509 *x509, const struct cert_subject *subject)
{
    X509_NAME *name = subject_new(subject);
    bool ok = name && X509_set_subject_name(x509, name);

    X509_NAME_free(name);
    return ok;
}

/* RSA keys decrypt the secret in the oldest kind of handshake that peers may still be configured for. */
static const char *key_usage(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "RSA") ? "critical,digitalSignature,keyEncipherment"
                                     : "critical,digitalSignature";
}

static bool add_extensions(X509 *x509, X509 *issuer, const struct cert_make_args *args,
                           const EVP_PKEY *key)
{
    if (args->ca)
        return add_extension(x509, issuer, NID_basic_constraints, "critical,CA:TRUE") &&
               add_extension(x509, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    return add_alt_names(x509, args->subject.names, args->subject.names_count) &&
           add_extension(x509, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x509, issuer, NID_key_usage, key_usage(key)) &&
           add_extension(x509, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
}

X509 *cert_make(const struct cert_make_args *args, EVP_PKEY *key)
{
    X509 *x509 = X509_new(), *issuer = args->issuer ? args->issuer : x509;
    time_t now = (time_t)(args->now / GW_SECOND_MS);
    bool ok =
        x509 && X509_set_version(x509, X509_VERSION_3) && set_serial(x509) &&
        set_subject(x509, &args->subject) &&
        X509_set_issuer_name(x509, X509_get_subject_name(issuer)) &&
        X509_time_adj_ex(X509_getm_notBefore(x509), -BACKDATED_DAYS, 0, &now) &&
        X509_time_adj_ex(X509_getm_notAfter(x509), args->days, 0, &now) &&
        X509_set_pubkey(x509, key) && add_extensions(x509, issuer, args, key) &&
        add_extension(x509, issuer, NID_subject_key_identifier, "hash") &&
        (issuer == x509 || add_extension(x509, issuer, NID_authority_key_identifier, "keyid")) &&
        X509_sign(x509, args->issuer ? args->issuer_key : key, EVP_sha256());

    if (ok)
        return x509;
    X509_free(x509);
    return NULL;
}

/* --- requests, PKCS#10 */

static bool push_extension(STACK_OF(X509_EXTENSION) * all, X509_EXTENSION *ext)
{
    if (ext && sk_X509_EXTENSION_push(all, ext))
        return true;
    X509_EXTENSION_free(ext);
    return false;
}

static bool add_request_extensions(X509_REQ *req, const struct cert_subject *subject,
                                   const EVP_PKEY *key)
{
    STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
    GENERAL_NAMES *names = alt_names_new(subject->names, subject->names_count);
    bool ok = all && names && push_extension(all, X509V3_EXT_i2d(NID_subject_alt_name, 0, names)) &&
              push_extension(all, X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, key_usage(key))) &&
              push_extension(all, X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage,
                                                      "serverAuth,clientAuth")) &&
              X509_REQ_add_extensions(req, all);

    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
    return ok;
}

X509_REQ *cert_make_request(const struct cert_subject *subject, EVP_PKEY *key)
{
    X509_NAME *name = subject_new(subject);
    X509_REQ *req = X509_REQ_new();
    bool ok = name && req && X509_REQ_set_version(req, X509_REQ_VERSION_1) &&
              X509_REQ_set_subject_name(req, name) && X509_REQ_set_pubkey(req, key) &&
              add_request_extensions(req, subject, key) && X509_REQ_sign(req, key, EVP_sha256());

    X509_NAME_free(name);
    if (ok)
        return req;
    X509_REQ_free(req);
    return NULL;
}

/* Lengths of RFC 5280, appendix A.1. */
enum gw_code cert_subject_check(const struct cert_subject *s, struct gw_err *err)
{
    const struct {
        const char *what;
        struct gw_str text;
        size_t max;
    } part[] = {
        { "the country", s->country, 2 },  { "the state", s->state, 128 },
        { "the city", s->city, 128 },      { "the organisation", s->organisation, 64 },
        { "the department", s->unit, 64 }, { "the common name", s->cn, NAME_MAX_LEN },
    };

    for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
        bool ok = part[i].text.len <= part[i].max && gw_str_is_utf8(part[i].text);

        for (size_t n = 0; ok && n < part[i].text.len; n++)
            ok = (unsigned char)part[i].text.p[n] >= 0x20 && part[i].text.p[n] != 0x7f;
        if (!ok)
            return gw_fail(err, GW_INVALID, "%s is text of at most %zu characters", part[i].what,
                           part[i].max);
    }
    if (s->country.len == 1)
        return gw_fail(err, GW_INVALID, "the country is a code of two letters, as DE");
    if (!s->cn.len || !s->names_count)
        return gw_fail(err, GW_INVALID, "a certificate needs a name");
    if (s->names_count > CERT_SUBJECT_NAMES_MAX)
        return gw_fail(err, GW_LIMIT, "more than %d names in a certificate",
                       CERT_SUBJECT_NAMES_MAX);
    return cert_names_check(s->names, s->names_count, err);
}

enum gw_code cert_key_write(EVP_PKEY *key, struct gw_buf *out, struct gw_err *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *pem = NULL;
    long len = 0;

    if (bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
        len = BIO_get_mem_data(bio, &pem);
    if (len > 0) {
        gw_buf_add(out, pem, (size_t)len);
        OPENSSL_cleanse(pem, (size_t)len);
    }
    BIO_free(bio);
    ERR_clear_error();
    return len > 0 ? GW_OK : gw_fail(err, GW_INTERNAL, "a private key cannot be written");
}
