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

static bool add_alt_names(X509 *x509, const struct gw_str *names, size_t count)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    bool ok = all != NULL;

    for (size_t i = 0; ok && i < count; i++) {
        GENERAL_NAME *g = alt_name_new(names[i]);

        ok = g && sk_GENERAL_NAME_push(all, g);
        if (!ok)
            GENERAL_NAME_free(g);
    }
    ok = ok && X509_add1_ext_i2d(x509, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT) == 1;
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
static bool set_subject(X509 *x509, const struct cert_make_args *args)
{
    X509_NAME *name = X509_NAME_new();
    bool ok = name && add_name(name, "O", gw_str_of(args->organisation));

    if (ok && args->cn.len > 0 && args->cn.len <= CN_MAX)
        ok = add_name(name, "CN", args->cn);
    ok = ok && X509_set_subject_name(x509, name);
    X509_NAME_free(name);
    return ok;
}

static bool add_extensions(X509 *x509, X509 *issuer, const struct cert_make_args *args)
{
    if (args->ca)
        return add_extension(x509, issuer, NID_basic_constraints, "critical,CA:TRUE") &&
               add_extension(x509, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    return add_alt_names(x509, args->names, args->names_count) &&
           add_extension(x509, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x509, issuer, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x509, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
}

X509 *cert_make(const struct cert_make_args *args, EVP_PKEY *key)
{
    X509 *x509 = X509_new(), *issuer = args->issuer ? args->issuer : x509;
    time_t now = (time_t)(args->now / GW_SECOND_MS);
    bool ok =
        x509 && X509_set_version(x509, X509_VERSION_3) && set_serial(x509) &&
        set_subject(x509, args) && X509_set_issuer_name(x509, X509_get_subject_name(issuer)) &&
        X509_time_adj_ex(X509_getm_notBefore(x509), -BACKDATED_DAYS, 0, &now) &&
        X509_time_adj_ex(X509_getm_notAfter(x509), args->days, 0, &now) &&
        X509_set_pubkey(x509, key) && add_extensions(x509, issuer, args) &&
        add_extension(x509, issuer, NID_subject_key_identifier, "hash") &&
        (issuer == x509 || add_extension(x509, issuer, NID_authority_key_identifier, "keyid")) &&
        X509_sign(x509, args->issuer ? args->issuer_key : key, EVP_sha256());

    if (ok)
        return x509;
    X509_free(x509);
    return NULL;
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
