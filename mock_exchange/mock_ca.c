#include "mock_ca.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_buf.h"
#include "gw_bytes.h"
#include "gw_mem.h"

enum { NAMES_MAX = 4096, CA_DAYS = 3650, SERVER_DAYS = 365, DAY_S = 86400 };

struct pair {
    X509 *cert;
    EVP_PKEY *key;
};

struct mock_ca {
    struct pair root, intermediate;
    char *root_pem;
};

static const char *const fault_name[MOCK_CERT_FAULTS] = {
    [MOCK_CERT_RIGHT] = "none",
    [MOCK_CERT_EXPIRED] = "expired",
    [MOCK_CERT_NOT_YET_VALID] = "not_yet_valid",
    [MOCK_CERT_WRONG_NAME] = "wrong_name",
    [MOCK_CERT_INCOMPLETE] = "incomplete_chain",
    [MOCK_CERT_SELF_SIGNED] = "self_signed",
};

const char *mock_cert_fault_name(enum mock_cert_fault fault)
{
    return fault_name[fault];
}

static void pair_done(struct pair *pair)
{
    X509_free(pair->cert);
    EVP_PKEY_free(pair->key);
    *pair = (struct pair){ NULL, NULL };
}

static bool extension_add(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *ext;
    X509V3_CTX ctx;
    bool ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = ext && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

struct content {
    const char *cn;
    const char *names; /* subjectAltName; NULL: it is a CA */
    int64_t from_s, to_s;
};

static bool content_put(X509 *cert, X509 *issuer, const struct content *c)
{
    unsigned char serial[8];
    X509_NAME *subject = X509_get_subject_name(cert);
    BIGNUM *number;
    bool ok;

    gw_random(serial, sizeof(serial));
    serial[0] &= 0x7f;
    number = BN_bin2bn(serial, sizeof(serial), NULL);
    ok = number && X509_set_version(cert, X509_VERSION_3) == 1 &&
         BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) &&
         ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)c->from_s) &&
         ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)c->to_s) &&
         X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8,
                                    (const unsigned char *)"mock-exchange", -1, -1, 0) == 1 &&
         X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)c->cn, -1,
                                    -1, 0) == 1 &&
         X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1;
    BN_free(number);
    return ok;
}

static bool extensions_put(X509 *cert, X509 *issuer, const struct content *c)
{
    if (!extension_add(cert, issuer, NID_subject_key_identifier, "hash") ||
        (cert != issuer &&
         !extension_add(cert, issuer, NID_authority_key_identifier, "keyid:always")))
        return false;
    if (!c->names)
        return extension_add(cert, issuer, NID_basic_constraints, "critical,CA:TRUE") &&
               extension_add(cert, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    return extension_add(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           extension_add(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
           extension_add(cert, issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
           extension_add(cert, issuer, NID_subject_alt_name, c->names);
}

/* by NULL: self-signed. */
static enum gw_code pair_make(struct pair *out, const struct content *c, const struct pair *by,
                              struct gw_err *err)
{
    X509 *issuer;

    out->key = EVP_EC_gen("P-256");
    out->cert = X509_new();
    issuer = by ? by->cert : out->cert;
    if (out->key && out->cert && X509_set_pubkey(out->cert, out->key) == 1 &&
        content_put(out->cert, issuer, c) && extensions_put(out->cert, issuer, c) &&
        X509_sign(out->cert, by ? by->key : out->key, EVP_sha256()) > 0)
        return GW_OK;
    ERR_clear_error();
    pair_done(out);
    return gw_fail(err, GW_INVALID, "cannot make a certificate for '%s'", c->cn);
}

static char *pem_text(X509 *const *certs, size_t count, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p, *text;
    long len;

    for (size_t i = 0; i < count; i++)
        (void)PEM_write_bio_X509(bio, certs[i]);
    if (key)
        (void)PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    len = BIO_get_mem_data(bio, &p);
    text = gw_str_dup((struct gw_str){ p, (size_t)len });
    BIO_free(bio);
    return text;
}

enum gw_code mock_ca_new(gw_utc now, struct mock_ca **out, struct gw_err *err)
{
    struct mock_ca *ca = gw_new(struct mock_ca);
    int64_t now_s = now / GW_SECOND_MS;
    struct content root = { "mock-exchange root, for tests only", NULL, now_s - DAY_S,
                            now_s + (int64_t)CA_DAYS * DAY_S };
    struct content intermediate = root;
    enum gw_code rc = pair_make(&ca->root, &root, NULL, err);

    intermediate.cn = "mock-exchange intermediate, for tests only";
    if (!rc)
        rc = pair_make(&ca->intermediate, &intermediate, &ca->root, err);
    if (rc) {
        mock_ca_free(&ca);
        return rc;
    }
    ca->root_pem = pem_text(&ca->root.cert, 1, NULL);
    *out = ca;
    return GW_OK;
}

void mock_ca_free(struct mock_ca **cap)
{
    struct mock_ca *ca = *cap;

    if (!ca)
        return;
    *cap = NULL;
    pair_done(&ca->root);
    pair_done(&ca->intermediate);
    free(ca->root_pem);
    free(ca);
}

const char *mock_ca_root_pem(const struct mock_ca *ca)
{
    return ca->root_pem;
}

/* Letters, digits, and what is in names and addresses: the list is in OpenSSL's notation. */
static bool name_is_plain(struct gw_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-*:",
                    name.p[i]))
            return false;
    return name.len && name.len < 200;
}

static bool name_is_address(struct gw_str name)
{
    bool digits = true;

    for (size_t i = 0; i < name.len; i++)
        digits = digits && (name.p[i] == '.' || (name.p[i] >= '0' && name.p[i] <= '9'));
    return digits || gw_str_find(name, ':') >= 0;
}

static enum gw_code names_write(const struct mock_cert_spec *spec, struct gw_buf *out,
                                struct gw_err *err)
{
    if (spec->fault == MOCK_CERT_WRONG_NAME) {
        gw_buf_add_cstr(out, "DNS:wrong.invalid");
        return GW_OK;
    }
    for (size_t i = 0; i < spec->count; i++) {
        if (!name_is_plain(spec->names[i]))
            return gw_fail(err, GW_INVALID, "a certificate's name is not a host name or address");
        gw_buf_addf(out, "%s%s:%.*s", i ? "," : "", name_is_address(spec->names[i]) ? "IP" : "DNS",
                    GW_STR_ARG(spec->names[i]));
    }
    return out->len && !out->failed ? GW_OK : gw_fail(err, GW_INVALID, "no names, or too many");
}

enum gw_code mock_ca_issue(struct mock_ca *ca, const struct mock_cert_spec *spec, gw_utc now,
                           char **cert_pem, char **key_pem, struct gw_err *err)
{
    bool self = spec->fault == MOCK_CERT_SELF_SIGNED;
    int64_t now_s = now / GW_SECOND_MS, shift = 0;
    struct content content = { .cn = "wrong.invalid" };
    struct pair pair = { NULL, NULL };
    struct gw_buf names;
    char *cn = NULL;
    enum gw_code rc;

    if (spec->fault == MOCK_CERT_EXPIRED)
        shift = -(int64_t)(SERVER_DAYS + 1) * DAY_S;
    else if (spec->fault == MOCK_CERT_NOT_YET_VALID)
        shift = 2 * DAY_S;
    gw_buf_init(&names, NAMES_MAX);
    rc = names_write(spec, &names, err);
    if (!rc && spec->fault != MOCK_CERT_WRONG_NAME)
        content.cn = cn = gw_str_dup(gw_str_utf8_cut(spec->names[0], 64)); /* ub-common-name */
    content.names = names.p;
    content.from_s = now_s - DAY_S + shift;
    content.to_s = now_s + (int64_t)SERVER_DAYS * DAY_S + shift;
    if (!rc)
        rc = pair_make(&pair, &content, self ? NULL : &ca->intermediate, err);
    if (!rc) {
        X509 *const chain[] = { pair.cert, ca->intermediate.cert };

        *cert_pem = pem_text(chain, self || spec->fault == MOCK_CERT_INCOMPLETE ? 1 : 2, NULL);
        *key_pem = pem_text(NULL, 0, pair.key);
    }
    pair_done(&pair);
    free(cn);
    gw_buf_done(&names);
    return rc;
}
