#include "cert_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdlib.h>
#include <string.h>

#include "cert_priv.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

#define SEALED_KEY "KALENDS SEALED KEY"

enum {
    ITERATIONS_MAX = 2 * 1000 * 1000, /* a second or so; what is in use goes up to 600,000 */
    BAGS_MAX = 4 * CERT_CHAIN_MAX,
    RSA_BITS_MAX = 4096, /* each handshake signs with it: 4 ms, with 8192 bits 35 ms */
    PASSWORD_MAX = 1024
};

static const struct {
    const char *name, *group;
    unsigned bits;
} kinds[] = {
    [CERT_RSA_2048] = { "rsa-2048", NULL, 2048 }, [CERT_RSA_3072] = { "rsa-3072", NULL, 3072 },
    [CERT_RSA_4096] = { "rsa-4096", NULL, 4096 }, [CERT_EC_P256] = { "ec-p256", "P-256", 0 },
    [CERT_EC_P384] = { "ec-p384", "P-384", 0 },
};

enum gw_code cert_key_kind_parse(struct gw_str text, enum cert_key_kind *out, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (gw_str_is(text, kinds[i].name)) {
            *out = (enum cert_key_kind)i;
            return GW_OK;
        }
    return gw_fail(err, GW_INVALID,
                   "there is no kind of key %s: rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384",
                   gw_quote(text, quoted));
}

enum gw_code cert_key_make(enum cert_key_kind kind, struct cert_key **out, struct gw_err *err)
{
    EVP_PKEY *pkey =
        kinds[kind].group ? EVP_EC_gen(kinds[kind].group) : EVP_RSA_gen(kinds[kind].bits);
    struct cert_key *key;

    ERR_clear_error();
    if (!pkey)
        return gw_fail(err, GW_INTERNAL, "no key could be made");
    key = gw_new(struct cert_key);
    key->pkey = pkey;
    *out = key;
    return GW_OK;
}

void cert_key_free(struct cert_key **kp)
{
    struct cert_key *key = *kp;

    if (!key)
        return;
    *kp = NULL;
    EVP_PKEY_free(key->pkey);
    sk_X509_pop_free(key->certs, X509_free);
    free(key);
}

static enum gw_code key_check(EVP_PKEY *pkey, struct gw_err *err)
{
    int bits = EVP_PKEY_get_bits(pkey);

    return bits > RSA_BITS_MAX
               ? gw_fail(
                     err, GW_LIMIT,
                     "the private key has %d bits: more than %d take too long in each handshake",
                     bits, RSA_BITS_MAX)
               : GW_OK;
}

/* --- PKCS#12: how often the password is hashed is said by the file */

static bool iterations_fit(const ASN1_INTEGER *n)
{
    int64_t count = 0;

    return n && ASN1_INTEGER_get_int64(&count, n) && count > 0 && count <= ITERATIONS_MAX;
}

/* RFC 8018 A.4 and A.5: PBES2 and PBMAC1 have parameters of the same shape. */
static bool pbes2_is_cheap(const ASN1_STRING *param)
{
    PBE2PARAM *pbe = ASN1_item_unpack(param, ASN1_ITEM_rptr(PBE2PARAM));
    PBKDF2PARAM *kdf = NULL;
    const ASN1_OBJECT *oid = NULL;
    const void *value = NULL;
    int type = 0;
    bool fits = false;

    if (pbe && pbe->keyfunc)
        X509_ALGOR_get0(&oid, &type, &value, pbe->keyfunc);
    if (oid && OBJ_obj2nid(oid) == NID_id_pbkdf2 && type == V_ASN1_SEQUENCE)
        kdf = ASN1_item_unpack(value, ASN1_ITEM_rptr(PBKDF2PARAM));
    if (kdf)
        fits = iterations_fit(kdf->iter);
    PBKDF2PARAM_free(kdf);
    PBE2PARAM_free(pbe);
    return fits;
}

static bool is_cheap(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *oid;
    const void *value;
    PBEPARAM *pbe;
    bool fits;
    int type;

    X509_ALGOR_get0(&oid, &type, &value, algorithm);
    if (type != V_ASN1_SEQUENCE)
        return false;
    if (OBJ_obj2nid(oid) == NID_pbes2)
        return pbes2_is_cheap(value);
    pbe = ASN1_item_unpack(value, ASN1_ITEM_rptr(PBEPARAM));
    fits = pbe && iterations_fit(pbe->iter);
    PBEPARAM_free(pbe);
    return fits;
}

static bool bags_are_cheap(const STACK_OF(PKCS12_SAFEBAG) * bags, size_t *count)
{
    bool fine = true;

    for (int i = 0; fine && i < sk_PKCS12_SAFEBAG_num(bags); i++) {
        const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
        const X509_ALGOR *algorithm = NULL;

        fine = ++*count <= BAGS_MAX && PKCS12_SAFEBAG_get_nid(bag) != NID_safeContentsBag;
        if (fine && PKCS12_SAFEBAG_get_nid(bag) == NID_pkcs8ShroudedKeyBag) {
            X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &algorithm, NULL);
            fine = is_cheap(algorithm);
        }
    }
    return fine;
}

static bool safe_is_cheap(PKCS7 *safe, const char *password, int password_len, size_t *count)
{
    STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
    bool fine = true;

    if (OBJ_obj2nid(safe->type) == NID_pkcs7_data)
        bags = PKCS12_unpack_p7data(safe);
    else if (OBJ_obj2nid(safe->type) == NID_pkcs7_encrypted)
        fine = safe->d.encrypted && safe->d.encrypted->enc_data &&
               is_cheap(safe->d.encrypted->enc_data->algorithm);
    if (fine && !bags && OBJ_obj2nid(safe->type) == NID_pkcs7_encrypted)
        bags = PKCS12_unpack_p7encdata(safe, password, password_len);
    fine = fine && bags_are_cheap(bags, count);
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    return fine;
}

/* RFC 9579: with PBMAC1 the count stands in the algorithm, and newer releases of OpenSSL follow it. */
static bool mac_is_cheap(const PKCS12 *p12)
{
    const ASN1_INTEGER *iterations = NULL;
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *oid = NULL;
    const void *value = NULL;
    int type = 0;

    PKCS12_get0_mac(NULL, &algorithm, NULL, &iterations, p12);
    if (algorithm)
        X509_ALGOR_get0(&oid, &type, &value, algorithm);
    if (oid && OBJ_obj2nid(oid) == NID_pbmac1)
        return type == V_ASN1_SEQUENCE && pbes2_is_cheap(value);
    return !iterations || iterations_fit(iterations);
}

static bool p12_is_cheap(const PKCS12 *p12, const char *password, int password_len)
{
    STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
    size_t bags = 0;
    bool fine;

    fine = safes && sk_PKCS7_num(safes) <= CERT_CHAIN_MAX;
    for (int i = 0; fine && i < sk_PKCS7_num(safes); i++)
        fine = safe_is_cheap(sk_PKCS7_value(safes, i), password, password_len, &bags);
    sk_PKCS7_pop_free(safes, PKCS7_free);
    return fine;
}

/* The certificate of the key goes first. */
static enum gw_code p12_open(PKCS12 *p12, const char *password, struct cert_key *key,
                             struct gw_err *err)
{
    X509 *own = NULL;

    if (!PKCS12_parse(p12, password, &key->pkey, &own, &key->certs))
        return gw_fail(err, GW_BADMSG, "the PKCS#12 file is damaged");
    if (!key->pkey || !own) {
        X509_free(own);
        return gw_fail(err, GW_INVALID,
                       "there is no private key with its certificate in the PKCS#12 file");
    }
    if (!key->certs)
        key->certs = sk_X509_new_null();
    if (!key->certs || !sk_X509_unshift(key->certs, own)) {
        X509_free(own);
        return gw_fail(err, GW_INTERNAL, "out of memory");
    }
    if (sk_X509_num(key->certs) > CERT_CHAIN_MAX)
        return gw_fail(err, GW_LIMIT, "more than %d certificates at once", CERT_CHAIN_MAX);
    return key_check(key->pkey, err);
}

static enum gw_code p12_read(struct gw_str data, const char *password, int password_len,
                             struct cert_key *key, struct gw_err *err)
{
    const unsigned char *at = (const unsigned char *)data.p;
    PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)data.len);
    enum gw_code code;

    if (!p12 || at != (const unsigned char *)data.p + data.len) {
        PKCS12_free(p12);
        return gw_fail(err, GW_BADMSG, "this is no PKCS#12 file, or a damaged one");
    }
    if (!mac_is_cheap(p12))
        code = gw_fail(err, GW_LIMIT, "the PKCS#12 file hashes its password more than %d times",
                       ITERATIONS_MAX);
    else if (!PKCS12_mac_present(p12))
        code = gw_fail(err, GW_INVALID, "the PKCS#12 file is not protected by a password");
    else if (!PKCS12_verify_mac(p12, password, password_len))
        code = gw_fail(err, GW_DENIED, "the PKCS#12 file has another password, or is damaged");
    else if (!p12_is_cheap(p12, password, password_len))
        code =
            gw_fail(err, GW_LIMIT,
                    "the PKCS#12 file is protected in a way that is not known, or that would take "
                    "too long: export it anew");
    else
        code = p12_open(p12, password, key, err);
    PKCS12_free(p12);
    return code;
}

enum gw_code cert_key_from_p12(struct gw_str data, struct gw_str password, struct cert_key **out,
                               struct gw_err *err)
{
    struct cert_key *key;
    enum gw_code code;
    char *secret;

    if (data.len > CERT_UPLOAD_MAX)
        return gw_fail(err, GW_LIMIT, "longer than %d bytes", CERT_UPLOAD_MAX);
    if (password.len > PASSWORD_MAX)
        return gw_fail(err, GW_LIMIT, "a password of more than %d bytes", PASSWORD_MAX);
    if (!data.len)
        return gw_fail(err, GW_BADMSG, "this is no PKCS#12 file, or a damaged one");
    secret = gw_str_dup(password);
    key = gw_new(struct cert_key);
    ERR_clear_error();
    code = p12_read(data, secret, (int)password.len, key, err);
    ERR_clear_error();
    gw_wipe(secret, password.len);
    free(secret);
    if (code)
        cert_key_free(&key);
    else
        *out = key;
    return code;
}

/* --- keys in files: sealed, where the store has a sealer */

static void context_of(const char *identity, struct gw_buf *out)
{
    gw_buf_addf(out, "certs/%s", identity);
}

static enum gw_code sealed_write(const struct cert_sealer *sealer, const char *identity,
                                 EVP_PKEY *key, struct gw_buf *out, struct gw_err *err)
{
    unsigned char *der = NULL;
    int len = i2d_PrivateKey(key, &der);
    BIO *bio = BIO_new(BIO_s_mem());
    struct gw_buf context, text, raw;
    char *pem = NULL;
    long pem_len = 0;

    gw_buf_init(&context, 256);
    gw_buf_init(&text, CERT_UPLOAD_MAX);
    gw_buf_init(&raw, CERT_UPLOAD_MAX);
    context_of(identity, &context);
    if (len > 0)
        sealer->seal(gw_buf_str(&context), (struct gw_str){ (char *)der, (size_t)len }, &text,
                     sealer->ctx);
    if (bio && len > 0 && !text.failed && gw_base64_parse(gw_buf_str(&text), &raw) &&
        PEM_write_bio(bio, SEALED_KEY, "", (const unsigned char *)raw.p, (long)raw.len))
        pem_len = BIO_get_mem_data(bio, &pem);
    if (pem_len > 0)
        gw_buf_add(out, pem, (size_t)pem_len);
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
    BIO_free(bio);
    gw_buf_done(&context);
    gw_buf_done(&text);
    gw_buf_done(&raw);
    return pem_len > 0 ? GW_OK : gw_fail(err, GW_INTERNAL, "a private key cannot be sealed");
}

enum gw_code cert_own_key_write(const struct cert_store *s, const char *identity, EVP_PKEY *key,
                                struct gw_buf *out, struct gw_err *err)
{
    return s->sealer.seal ? sealed_write(&s->sealer, identity, key, out, err)
                          : cert_key_write(key, out, err);
}

/* The first sealed block of the text; false: there is none. */
static bool sealed_find(struct gw_str pem, struct gw_buf *sealed)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    bool found = false;
    long len = 0;

    while (bio && !found && PEM_read_bio(bio, &name, &header, &data, &len)) {
        found = !strcmp(name, SEALED_KEY);
        if (found)
            gw_base64_write((struct gw_str){ (char *)data, (size_t)len }, sealed);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)len);
    }
    BIO_free(bio);
    ERR_clear_error();
    return found;
}

static enum gw_code unseal(const struct cert_sealer *sealer, const char *identity,
                           struct gw_str sealed, const char *path, EVP_PKEY **out,
                           struct gw_err *err)
{
    struct gw_buf context, der;
    const unsigned char *at;
    enum gw_code code;

    if (!sealer->unseal)
        return gw_fail(err, GW_INVALID, "'%s': its private key is sealed", path);
    gw_buf_init(&context, 256);
    gw_buf_init(&der, CERT_UPLOAD_MAX);
    context_of(identity, &context);
    code = sealer->unseal(gw_buf_str(&context), sealed, &der, err, sealer->ctx);
    if (code) {
        gw_fail(
            err, code,
            "'%s': its private key was sealed with another key, or for another identity: restore "
            "the seal key from a backup, or remove the file to start with a new certificate",
            path);
    } else {
        at = (const unsigned char *)der.p;
        *out = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
        if (!*out)
            code = gw_fail(err, GW_BADMSG, "'%s': there is no readable private key in it", path);
    }
    ERR_clear_error();
    gw_buf_done(&context);
    cert_secret_done(&der);
    return code;
}

enum gw_code cert_own_key_read(const struct cert_store *s, const char *identity, struct gw_str pem,
                               const char *path, EVP_PKEY **out, bool *sealed, struct gw_err *err)
{
    struct gw_buf text;
    enum gw_code code;

    gw_buf_init(&text, CERT_UPLOAD_MAX);
    *sealed = sealed_find(pem, &text);
    code = *sealed ? unseal(&s->sealer, identity, gw_buf_str(&text), path, out, err)
                   : cert_key_read(pem, path, out, err);
    gw_buf_done(&text);
    if (!code)
        code = key_check(*out, err);
    if (code) {
        EVP_PKEY_free(*out);
        *out = NULL;
    }
    return code;
}
