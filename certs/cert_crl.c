#include "cert_crl.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cert_priv.h"
#include "gw_bytes.h"
#include "gw_log.h"

enum { ID_SIZE = 65, NUMBER_SIZE = 64 };

/* --- reading */

static enum gw_code parse_pem(struct gw_str data, X509_CRL **out, struct gw_err *err)
{
    BIO *bio = BIO_new_mem_buf(data.p, (int)data.len);
    X509_CRL *crl = bio ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
    X509_CRL *second = crl ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    if (second) {
        X509_CRL_free(crl);
        X509_CRL_free(second);
        return gw_fail(err, GW_INVALID, "there is more than one revocation list in it: add each");
    }
    if (!crl)
        return gw_fail(err, GW_BADMSG, "there is no readable revocation list in it");
    *out = crl;
    return GW_OK;
}

static enum gw_code parse_der(struct gw_str data, X509_CRL **out, struct gw_err *err)
{
    const unsigned char *at = (const unsigned char *)data.p;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)data.len);

    if (!crl || at != (const unsigned char *)data.p + data.len) {
        X509_CRL_free(crl);
        return gw_fail(err, GW_BADMSG, "this is no revocation list in PEM or DER, or damaged");
    }
    *out = crl;
    return GW_OK;
}

/* RFC 5280 5.2: what is critical changes what the list says, so that it must be known. */
static bool is_understood(const X509_CRL *crl)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        X509_EXTENSION *ext = X509_CRL_get_ext(crl, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

        if (X509_EXTENSION_get_critical(ext) && nid != NID_issuing_distribution_point &&
            nid != NID_authority_key_identifier)
            return false;
    }
    return true;
}

static bool has_dates(const X509_CRL *crl)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);

    return cert_time(X509_CRL_get0_lastUpdate(crl)) != GW_NEVER &&
           (!next || cert_time(next) != GW_NEVER);
}

enum gw_code cert_crl_parse(struct gw_str data, X509_CRL **out, struct gw_err *err)
{
    X509_CRL *crl = NULL;
    enum gw_code code;

    if (data.len > CERT_CRL_BYTES)
        return gw_fail(err, GW_LIMIT, "longer than %d bytes", CERT_CRL_BYTES);
    ERR_clear_error();
    code = data.len && memmem(data.p, data.len, "-----BEGIN ", 11) ? parse_pem(data, &crl, err)
                                                                   : parse_der(data, &crl, err);
    if (!code && X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
        code = gw_fail(err, GW_INVALID,
                       "this is a delta list, which says only what is new: add the complete one");
    else if (!code && !is_understood(crl))
        code = gw_fail(err, GW_INVALID,
                       "the list has a critical extension that is not known here: it would be "
                       "misunderstood");
    else if (!code && !has_dates(crl))
        code = gw_fail(err, GW_BADMSG, "the dates of the list cannot be read");
    ERR_clear_error();
    if (code)
        X509_CRL_free(crl);
    else
        *out = crl;
    return code;
}

/* --- saying what it is */

static void digest_extension(EVP_MD_CTX *md, const X509_CRL *crl, int nid)
{
    int at = X509_CRL_get_ext_by_NID(crl, nid, -1);
    const ASN1_STRING *value = at >= 0 ? X509_EXTENSION_get_data(X509_CRL_get_ext(crl, at)) : NULL;

    if (value)
        (void)EVP_DigestUpdate(md, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
}

/* An authority with a new key goes on with a list of the old one beside it, and some have one list for
 * authorities and one for all others: each is another. */
static void id_of(const X509_CRL *crl, char out[ID_SIZE])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char hash[EVP_MAX_MD_SIZE] = { 0 };
    const unsigned char *name = NULL;
    size_t name_len = 0;
    unsigned len = 0;
    struct gw_buf hex;

    if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
        abort();
    if (X509_NAME_get0_der(X509_CRL_get_issuer(crl), &name, &name_len))
        (void)EVP_DigestUpdate(md, name, name_len);
    digest_extension(md, crl, NID_authority_key_identifier);
    digest_extension(md, crl, NID_issuing_distribution_point);
    (void)EVP_DigestFinal_ex(md, hash, &len);
    EVP_MD_CTX_free(md);
    gw_buf_init(&hex, ID_SIZE);
    gw_hex_write((struct gw_str){ (char *)hash, len }, &hex);
    snprintf(out, ID_SIZE, "%.*s", GW_STR_ARG(gw_buf_str(&hex)));
    gw_buf_done(&hex);
}

/* RFC 5280 5.2.3: of up to 20 octets; what is longer is nobody's. */
static void number_of(const X509_CRL *crl, char out[NUMBER_SIZE])
{
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    struct gw_buf hex;

    gw_buf_init(&hex, NUMBER_SIZE);
    if (number)
        gw_hex_write((struct gw_str){ (const char *)ASN1_STRING_get0_data(number),
                                      (size_t)ASN1_STRING_length(number) },
                     &hex);
    snprintf(out, NUMBER_SIZE, "%.*s", hex.failed ? 0 : (int)hex.len, hex.p ? hex.p : "");
    gw_buf_done(&hex);
    ASN1_INTEGER_free(number);
    ERR_clear_error();
}

static bool is_of(const struct cert_entry *authority, X509_CRL *crl)
{
    return !X509_NAME_cmp(X509_get_subject_name(authority->x509), X509_CRL_get_issuer(crl));
}

enum signer { SIGNER_UNKNOWN, SIGNER_KNOWN, SIGNER_ANOTHER };

static enum signer signer_of(const struct cert_set *set, X509_CRL *crl)
{
    enum signer signer = SIGNER_UNKNOWN;

    for (size_t i = 0; i < set->count && signer != SIGNER_KNOWN; i++)
        if (is_of(set->entry[i], crl))
            signer = X509_CRL_verify(crl, X509_get0_pubkey(set->entry[i]->x509)) == 1
                         ? SIGNER_KNOWN
                         : SIGNER_ANOTHER;
    ERR_clear_error();
    return signer;
}

void cert_crl_tell(const struct cert_set *set, X509_CRL *crl, cert_crl_fn *each, void *ctx)
{
    char issuer[CERT_NAME_TEXT_MAX], id[ID_SIZE], number[NUMBER_SIZE];
    int revoked = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));
    const struct cert_crl_info info = { .id = id,
                                        .issuer = cert_name_text(X509_CRL_get_issuer(crl), issuer),
                                        .number = number,
                                        .from = cert_time(X509_CRL_get0_lastUpdate(crl)),
                                        .until = cert_time(X509_CRL_get0_nextUpdate(crl)),
                                        .revoked = revoked > 0 ? (size_t)revoked : 0,
                                        .signer_known = signer_of(set, crl) == SIGNER_KNOWN };

    id_of(crl, id);
    number_of(crl, number);
    each(&info, ctx);
}

gw_utc cert_crl_revoked_since(const struct cert_set *set, X509 *x509)
{
    for (int i = 0; i < sk_X509_CRL_num(set->crls); i++) {
        X509_CRL *crl = sk_X509_CRL_value(set->crls, i);
        X509_REVOKED *revoked = NULL;

        if (!X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(x509)) &&
            X509_CRL_get0_by_cert(crl, &revoked, x509) == 1)
            return cert_time(X509_REVOKED_get0_revocationDate(revoked));
    }
    return GW_NEVER;
}

/* --- in the set */

/* Index of the list with that id, or -1. */
static int find(const struct cert_set *set, const char *id)
{
    char other[ID_SIZE];

    for (int i = 0; i < sk_X509_CRL_num(set->crls); i++) {
        id_of(sk_X509_CRL_value(set->crls, i), other);
        if (!strcmp(other, id))
            return i;
    }
    return -1;
}

static size_t bytes_of(X509_CRL *crl)
{
    int len = i2d_X509_CRL(crl, NULL);

    return len > 0 ? (size_t)len : 0;
}

/* One of them is to go: -1: none. */
static enum gw_code room_check(const struct cert_set *set, X509_CRL *crl, int gone,
                               struct gw_err *err)
{
    size_t bytes = bytes_of(crl);

    for (int i = 0; i < sk_X509_CRL_num(set->crls); i++)
        if (i != gone)
            bytes += bytes_of(sk_X509_CRL_value(set->crls, i));
    if (gone < 0 && sk_X509_CRL_num(set->crls) >= CERT_CRLS_MAX)
        return gw_fail(err, GW_LIMIT, "'%s' has %d revocation lists already", set->name,
                       CERT_CRLS_MAX);
    if (bytes > CERT_CRLS_BYTES)
        return gw_fail(err, GW_LIMIT, "the revocation lists of '%s' would have more than %d bytes",
                       set->name, CERT_CRLS_BYTES);
    return GW_OK;
}

/* Takes it. */
static void put(struct cert_set *set, X509_CRL *crl, int gone)
{
    if (gone >= 0)
        X509_CRL_free(sk_X509_CRL_delete(set->crls, gone));
    if (!sk_X509_CRL_push(set->crls, crl))
        abort();
}

static enum gw_code check(const struct cert_set *set, X509_CRL *crl, int old, gw_utc now,
                          struct gw_err *err)
{
    gw_utc from = cert_time(X509_CRL_get0_lastUpdate(crl));
    gw_utc until = cert_time(X509_CRL_get0_nextUpdate(crl));
    char issuer[CERT_NAME_TEXT_MAX], when[GW_UTC_TEXT_MAX];

    cert_name_text(X509_CRL_get_issuer(crl), issuer);
    if (signer_of(set, crl) == SIGNER_ANOTHER)
        return gw_fail(err, GW_DENIED,
                       "the list of '%s' is not signed by the authority of that name in '%s': if "
                       "that has a new certificate, trust it first (kalendsctl cert trust add "
                       "FILE)",
                       issuer, set->name);
    if (until <= now)
        return gw_fail(err, GW_INVALID, "the list of '%s' is out of date since %s: get a newer one",
                       issuer, gw_utc_text(until, when));
    if (from > now)
        return gw_fail(err, GW_INVALID, "the list of '%s' is not valid before %s: check the clocks",
                       issuer, gw_utc_text(from, when));
    if (old >= 0 && cert_time(X509_CRL_get0_lastUpdate(sk_X509_CRL_value(set->crls, old))) > from)
        return gw_fail(err, GW_INVALID, "there is a newer list of '%s' already", issuer);
    return room_check(set, crl, old, err);
}

/* --- on disk */

static enum gw_code write_to(const struct cert_set *set, X509_CRL *crl, const char *id,
                             struct gw_err *err)
{
    char *path = cert_path(set->folder, id, CERT_CRL_SUFFIX);
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(crl, &der);
    enum gw_code code;

    if (len > 0)
        code = cert_file_write(path, (struct gw_str){ (char *)der, (size_t)len }, err);
    else
        code = gw_fail(err, GW_INTERNAL, "a revocation list cannot be written");
    OPENSSL_free(der);
    free(path);
    return code;
}

enum gw_code cert_crl_load(struct cert_set *set, const char *path, struct gw_str id,
                           struct gw_err *err)
{
    X509_CRL *crl = NULL;
    char its_id[ID_SIZE];
    struct gw_buf data;
    enum gw_code code;

    gw_buf_init(&data, CERT_CRL_BYTES);
    code = cert_file_read(path, &data, err);
    if (!code)
        code = cert_crl_parse(gw_buf_str(&data), &crl, err);
    gw_buf_done(&data);
    if (code)
        return code;
    id_of(crl, its_id);
    code = gw_str_is(id, its_id)
               ? room_check(set, crl, -1, err)
               : gw_fail(err, GW_INVALID, "its name is not the id of its content");
    if (code)
        X509_CRL_free(crl);
    else
        put(set, crl, -1);
    return code;
}

/* --- what administrators do */

enum gw_code cert_crl_add(struct cert_store *s, const char *set_name, struct gw_str data,
                          gw_utc now, cert_crl_fn *each, void *ctx, struct gw_err *err)
{
    struct cert_set *set = NULL;
    X509_CRL *crl = NULL;
    enum gw_code code = cert_set_get(s, set_name, &set, err);
    char id[ID_SIZE];
    int old;

    if (!code)
        code = cert_crl_parse(data, &crl, err);
    if (code)
        return code;
    id_of(crl, id);
    old = find(set, id);
    code = check(set, crl, old, now, err);
    if (!code)
        code = write_to(set, crl, id, err);
    if (code) {
        X509_CRL_free(crl);
        return code;
    }
    put(set, crl, old);
    if (each)
        cert_crl_tell(set, crl, each, ctx);
    return GW_OK;
}

enum gw_code cert_crl_remove(struct cert_store *s, const char *set_name, struct gw_str id,
                             struct gw_err *err)
{
    struct cert_set *set = NULL;
    enum gw_code code = cert_set_get(s, set_name, &set, err);
    char quoted[GW_QUOTE_MAX], *whole, *path;
    int at;

    if (code)
        return code;
    whole = gw_str_dup(id);
    at = find(set, whole);
    path = cert_path(set->folder, whole, CERT_CRL_SUFFIX);
    if (at < 0)
        code = gw_fail(err, GW_NOTFOUND, "there is no revocation list %s in '%s'",
                       gw_quote(id, quoted), set_name);
    else if (unlink(path) && errno != ENOENT)
        code = cert_file_fail(path, errno, err);
    else
        X509_CRL_free(sk_X509_CRL_delete(set->crls, at));
    free(path);
    free(whole);
    return code;
}

enum gw_code cert_crl_each(struct cert_store *s, const char *set_name, cert_crl_fn *each, void *ctx,
                           struct gw_err *err)
{
    struct cert_set *set = NULL;
    enum gw_code code = cert_set_get(s, set_name, &set, err);

    for (int i = 0; !code && i < sk_X509_CRL_num(set->crls); i++)
        cert_crl_tell(set, sk_X509_CRL_value(set->crls, i), each, ctx);
    return code;
}
