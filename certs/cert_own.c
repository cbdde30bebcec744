#include "cert_own.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cert_priv.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

enum {
    CHAIN_SENT_MAX = 10, /* certificates behind our own; a loop ends here */
    NAMES_TEXT_MAX = 512 * 1024
};

const struct cert_own_kind cert_own_kinds[] = {
    { CERT_IDENTITY_SIP, "SIP, notifications, API" },
    { CERT_IDENTITY_XMPP, "XMPP clients" },
    { CERT_IDENTITY_XMPP_S2S, "XMPP servers" },
    { NULL, NULL },
};

struct cert_names *cert_names_new(void)
{
    struct cert_names *n = gw_new(struct cert_names);

    gw_arena_init(&n->arena, NAMES_TEXT_MAX);
    return n;
}

void cert_names_free(struct cert_names *n)
{
    gw_arena_done(&n->arena);
    free(n);
}

void cert_names_add(struct gw_str name, void *names)
{
    struct cert_names *n = names;
    char normal[CERT_NAME_MAX + 1];

    if (cert_name_normal(name, normal))
        name = gw_str_of(normal);
    for (size_t i = 0; i < n->count; i++)
        if (gw_str_ieq(n->name[i], name))
            return;
    if (name.len && n->count < CERT_SUBJECT_NAMES_MAX)
        n->name[n->count++] = gw_arena_dup(&n->arena, name);
}

enum gw_code cert_own_find(struct cert_store *s, struct gw_str name, struct cert_identity **out,
                           struct gw_err *err)
{
    struct cert_identity *id = cert_identity_of(s, name);
    char quoted[GW_QUOTE_MAX];

    if (!id)
        return gw_fail(err, GW_NOTFOUND,
                       "there is no identity %s: they are '%s' (%s), '%s' (%s) and '%s' (%s)",
                       gw_quote(name, quoted), cert_own_kinds[0].name, cert_own_kinds[0].purpose,
                       cert_own_kinds[1].name, cert_own_kinds[1].purpose, cert_own_kinds[2].name,
                       cert_own_kinds[2].purpose);
    *out = id;
    return GW_OK;
}

/* --- a request that waits: PEM of it and of its key, in one file */

struct waiting {
    X509_REQ *req;
    EVP_PKEY *key;
};

static void waiting_done(struct waiting *w)
{
    X509_REQ_free(w->req);
    EVP_PKEY_free(w->key);
}

static enum gw_code waiting_parse(const struct cert_identity *id, struct gw_str pem,
                                  struct waiting *out, struct gw_err *err)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
    struct waiting w = { .req = bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL };
    enum gw_code code = GW_OK;
    bool sealed;

    BIO_free(bio);
    if (!w.req)
        code = gw_fail(err, GW_BADMSG, "'%s': there is no readable request in it: remove the file",
                       id->request_path);
    if (!code)
        code = cert_own_key_read(id->store, id->name, pem, id->request_path, &w.key, &sealed, err);
    ERR_clear_error();
    if (code)
        waiting_done(&w);
    else
        *out = w;
    return code;
}

/* GW_NOTFOUND: none waits. One whose certificate is in use was left behind by a process that was killed. */
static enum gw_code waiting_read(const struct cert_identity *id, struct waiting *out,
                                 struct gw_err *err)
{
    enum gw_code code;
    struct gw_buf pem;

    if (access(id->request_path, F_OK) && errno == ENOENT)
        return gw_fail(err, GW_NOTFOUND, "no request of '%s' waits for its certificate", id->name);
    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    code = cert_mode_check(id->request_path, err);
    if (!code)
        code = cert_file_read(id->request_path, &pem, err);
    if (!code)
        code = waiting_parse(id, gw_buf_str(&pem), out, err);
    cert_secret_done(&pem);
    if (!code && EVP_PKEY_eq(out->key, id->key) == 1) {
        waiting_done(out);
        (void)unlink(id->request_path);
        code = gw_fail(err, GW_NOTFOUND, "no request of '%s' waits for its certificate", id->name);
    }
    return code;
}

/* One that cannot be read waits, too: somebody may be signing it. */
static bool is_waiting(const struct cert_identity *id)
{
    struct waiting w = { NULL, NULL };
    enum gw_code code = waiting_read(id, &w, NULL);

    if (!code)
        waiting_done(&w);
    return code != GW_NOTFOUND;
}

static enum gw_code request_write(X509_REQ *req, struct gw_buf *out, struct gw_err *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    long len = 0;

    if (bio && PEM_write_bio_X509_REQ(bio, req))
        len = BIO_get_mem_data(bio, &pem);
    if (len > 0)
        gw_buf_add(out, pem, (size_t)len);
    BIO_free(bio);
    return len > 0 ? GW_OK : gw_fail(err, GW_INTERNAL, "a request cannot be written as PEM");
}

static enum gw_code waiting_write(const struct cert_identity *id, const struct waiting *w,
                                  struct gw_err *err)
{
    enum gw_code code;
    struct gw_buf pem;

    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    code = request_write(w->req, &pem, err);
    if (!code)
        code = cert_own_key_write(id->store, id->name, w->key, &pem, err);
    if (!code)
        code = cert_file_write(id->request_path, gw_buf_str(&pem), err);
    cert_secret_done(&pem);
    return code;
}

enum gw_code cert_own_request(struct cert_identity *id, const struct cert_key *key,
                              const struct cert_subject *subject, bool replace, struct gw_buf *pem,
                              struct gw_err *err)
{
    enum gw_code code = cert_subject_check(subject, err);
    struct waiting w;

    if (code)
        return code;
    if (!replace && is_waiting(id))
        return gw_fail(
            err, GW_EXISTS,
            "a request of '%s' waits for its certificate already: install that, or make a new one "
            "with --replace, and what was signed for the old one is worthless",
            id->name);
    w = (struct waiting){ cert_make_request(subject, key->pkey), key->pkey };
    if (!w.req)
        code = gw_fail(err, GW_INVALID, "no request could be made: %s",
                       ERR_reason_error_string(ERR_peek_last_error()));
    if (!code)
        code = waiting_write(id, &w, err);
    if (!code)
        code = request_write(w.req, pem, err);
    X509_REQ_free(w.req);
    ERR_clear_error();
    return code;
}

enum gw_code cert_own_request_get(const struct cert_identity *id, struct gw_buf *pem,
                                  struct gw_err *err)
{
    struct waiting w = { NULL, NULL };
    enum gw_code code = waiting_read(id, &w, err);

    if (code)
        return code;
    code = request_write(w.req, pem, err);
    waiting_done(&w);
    return code;
}

enum gw_code cert_own_request_drop(struct cert_identity *id, struct gw_err *err)
{
    if (!unlink(id->request_path))
        return GW_OK;
    if (errno == ENOENT)
        return gw_fail(err, GW_NOTFOUND, "no request of '%s' waits for its certificate", id->name);
    return cert_file_fail(id->request_path, errno, err);
}

/* --- self-signed */

enum gw_code cert_own_self_sign(struct cert_identity *id, const struct cert_key *key,
                                const struct cert_subject *subject, int days, gw_utc now,
                                struct gw_err *err)
{
    struct cert_make_args args = { .subject = *subject, .days = days, .now = now };
    enum gw_code code = cert_subject_check(subject, err);
    X509 *x509;

    if (code)
        return code;
    x509 = cert_make(&args, key->pkey);
    if (!x509)
        code = gw_fail(err, GW_INTERNAL, "cannot make a self-signed certificate: %s",
                       ERR_reason_error_string(ERR_peek_last_error()));
    if (!code)
        code = cert_identity_replace(id, x509, NULL, key->pkey, err);
    X509_free(x509);
    ERR_clear_error();
    return code;
}

enum gw_code cert_own_reset(struct cert_identity *id, const struct cert_key *key,
                            const struct gw_str *names, size_t names_count, gw_utc now,
                            struct gw_err *err)
{
    static const struct gw_str localhost = GW_STR_INIT("localhost");
    const struct cert_subject subject = {
        .cn = names_count ? names[0] : localhost,
        .organisation = GW_STR(CERT_SELF_SIGNED_ORGANISATION),
        .names = names_count ? names : &localhost,
        .names_count = names_count ? names_count : 1,
    };

    return cert_own_self_sign(id, key, &subject, CERT_SUBJECT_DAYS, now, err);
}

/* --- what the present one says */

static struct gw_str subject_part(const struct cert_identity *id, int nid, struct gw_arena *arena)
{
    const X509_NAME *name = X509_get_subject_name(id->entry->x509);
    int at = X509_NAME_get_index_by_NID(name, nid, -1), len = -1;
    struct gw_str copy = { NULL, 0 };
    unsigned char *text = NULL;

    if (at >= 0)
        len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (len > 0)
        copy = gw_arena_dup(arena, (struct gw_str){ (const char *)text, (size_t)len });
    OPENSSL_free(text);
    return copy;
}

void cert_own_subject(const struct cert_identity *id, struct gw_arena *arena,
                      struct cert_subject *out)
{
    *out = (struct cert_subject){ .names = NULL };
    if (cert_identity_is_ours(id))
        return;
    out->cn = subject_part(id, NID_commonName, arena);
    out->organisation = subject_part(id, NID_organizationName, arena);
    out->unit = subject_part(id, NID_organizationalUnitName, arena);
    out->city = subject_part(id, NID_localityName, arena);
    out->state = subject_part(id, NID_stateOrProvinceName, arena);
    out->country = subject_part(id, NID_countryName, arena);
}

/* As its peers look at it. XMPP asks for no addresses: one that is put into it for other tools counts as for anybody.
 * SIP asks for the CN alone, which the partner's administrator knows and we do not. */
static bool is_named(const struct cert_identity *id, X509 *cert, struct gw_str name)
{
    bool xmpp =
        id->source.purpose == CERT_FOR_XMPP_SERVER || id->source.purpose == CERT_FOR_XMPP_CLIENT;
    bool as_peers = xmpp && !cert_name_is_address(name);

    return !cert_name_check(cert, as_peers ? id->source.purpose : CERT_FOR_EXCHANGE, &name, 1,
                            NULL);
}

bool cert_own_is_named(const struct cert_identity *id, struct gw_str name)
{
    return is_named(id, id->entry->x509, name);
}

const char *cert_own_name(const struct cert_identity *id)
{
    return id->name;
}

/* --- the signed result */

/* Of those, one that has signed it. *liar: one has the name of the issuer, but not its key. */
static X509 *issuer_among(STACK_OF(X509) * certs, X509 *cert, bool *liar)
{
    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *candidate = sk_X509_value(certs, i);

        if (X509_check_issued(candidate, cert) != X509_V_OK)
            continue;
        if (X509_verify(cert, X509_get0_pubkey(candidate)) == 1)
            return candidate;
        *liar = true;
    }
    return NULL;
}

static X509 *issuer_trusted(const struct cert_identity *id, X509 *cert, bool *liar)
{
    for (const struct cert_trust_set *set = cert_trust_sets; set->name; set++) {
        struct cert_set *certs = NULL;
        X509 *issuer;

        if (cert_set_get(id->store, set->name, &certs, NULL))
            continue;
        issuer = issuer_among(certs->trusted, cert, liar);
        if (issuer)
            return issuer;
    }
    return NULL;
}

static bool is_root(X509 *cert)
{
    return !X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert));
}

/* From the leaf upwards, without the root, which nobody takes from us anyway. */
static enum gw_code chain_order(const struct cert_identity *id, X509 *leaf,
                                STACK_OF(X509) * uploaded, STACK_OF(X509) * chain,
                                struct gw_buf *notes, struct gw_err *err)
{
    char subject[CERT_NAME_TEXT_MAX], issuer_name[CERT_NAME_TEXT_MAX];
    X509 *at = leaf;

    while (!is_root(at) && sk_X509_num(chain) < CHAIN_SENT_MAX) {
        bool liar = false;
        X509 *issuer = issuer_among(uploaded, at, &liar);

        if (!issuer)
            issuer = issuer_trusted(id, at, &liar);
        cert_name_text(X509_get_subject_name(at), subject);
        cert_name_text(X509_get_issuer_name(at), issuer_name);
        if (!issuer && liar)
            return gw_fail(err, GW_INVALID,
                           "certificate '%s' was not signed by the '%s' that is at hand: it is "
                           "damaged, or the authority has another key",
                           subject, issuer_name);
        if (!issuer) {
            gw_buf_addf(
                notes,
                "issuer '%s' of '%s' is neither in the upload nor trusted here: peers that do "
                "not have it will refuse us; if it is not a root, install again with the "
                "whole chain\n",
                issuer_name, subject);
            return GW_OK;
        }
        if (!is_root(issuer)) {
            X509_up_ref(issuer);
            if (!sk_X509_push(chain, issuer)) {
                X509_free(issuer);
                return gw_fail(err, GW_INTERNAL, "out of memory");
            }
        }
        at = issuer;
    }
    return GW_OK;
}

static enum gw_code leaf_check(const struct cert_identity *id, X509 *leaf,
                               const struct gw_str *wanted, size_t wanted_count, gw_utc now,
                               struct gw_buf *notes, struct gw_err *err)
{
    char subject[CERT_NAME_TEXT_MAX], when[GW_UTC_TEXT_MAX];
    gw_utc from = cert_time(X509_get0_notBefore(leaf)), to = cert_time(X509_get0_notAfter(leaf));

    cert_name_text(X509_get_subject_name(leaf), subject);
    if (now >= to)
        return gw_fail(err, GW_INVALID, "certificate '%s' expired on %s", subject,
                       gw_utc_text(to, when));
    if (now < from)
        return gw_fail(err, GW_INVALID, "certificate '%s' is not valid before %s: check the clocks",
                       subject, gw_utc_text(from, when));
    if (X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1)
        return gw_fail(err, GW_INVALID,
                       "certificate '%s' is not for server authentication "
                       "(1.3.6.1.5.5.7.3.1)",
                       subject);
    if (id->source.purpose == CERT_FOR_SIP &&
        X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0) != 1)
        gw_buf_add_cstr(notes,
                        "it is not for client authentication (1.3.6.1.5.5.7.3.2): SIP servers "
                        "will refuse us\n");
    for (size_t i = 0; i < wanted_count; i++)
        if (!is_named(id, leaf, wanted[i]))
            gw_buf_addf(notes, "'%.*s' is not among its names\n", GW_STR_ARG(wanted[i]));
    return GW_OK;
}

/* Among those uploaded, the certificate of the key. */
static X509 *leaf_of(STACK_OF(X509) * certs, const EVP_PKEY *key)
{
    for (int i = 0; key && i < sk_X509_num(certs); i++)
        if (EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(certs, i)), key) == 1)
            return sk_X509_value(certs, i);
    return NULL;
}

static enum gw_code install(struct cert_identity *id, X509 *leaf, STACK_OF(X509) * certs,
                            EVP_PKEY *key, const struct gw_str *wanted, size_t wanted_count,
                            gw_utc now, struct gw_buf *notes, struct gw_err *err)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    enum gw_code code = leaf_check(id, leaf, wanted, wanted_count, now, notes, err);

    if (!code && !chain)
        code = gw_fail(err, GW_INTERNAL, "out of memory");
    if (!code)
        code = chain_order(id, leaf, certs, chain, notes, err);
    if (!code)
        code = cert_identity_replace(id, leaf, chain, key, err);
    sk_X509_pop_free(chain, X509_free);
    ERR_clear_error();
    return code;
}

enum gw_code cert_own_install(struct cert_identity *id, struct gw_str data,
                              const struct gw_str *wanted, size_t wanted_count, gw_utc now,
                              struct gw_buf *notes, struct gw_err *err)
{
    struct waiting w = { NULL, NULL };
    STACK_OF(X509) *certs = NULL;
    struct gw_err why = { 0 };
    EVP_PKEY *key;
    X509 *leaf;
    enum gw_code code = cert_parse(data, &certs, err);

    if (code)
        return code;
    if (waiting_read(id, &w, &why) && why.code != GW_NOTFOUND) {
        sk_X509_pop_free(certs, X509_free);
        return gw_fail(err, why.code, "%s", why.msg);
    }
    leaf = leaf_of(certs, w.key);
    key = leaf ? w.key : id->key;
    if (!leaf)
        leaf = leaf_of(certs, id->key);
    if (leaf)
        code = install(id, leaf, certs, key, wanted, wanted_count, now, notes, err);
    else
        code = gw_fail(err, GW_INVALID,
                       "none of the certificates in it belongs to the key of %s of '%s'",
                       w.key ? "the request, nor of the present certificate,"
                             : "the present certificate (and no request waits)",
                       id->name);
    if (!code && key == w.key)
        (void)unlink(id->request_path);
    waiting_done(&w);
    sk_X509_pop_free(certs, X509_free);
    ERR_clear_error();
    return code;
}

enum gw_code cert_own_import(struct cert_identity *id, const struct cert_key *key,
                             const struct gw_str *wanted, size_t wanted_count, gw_utc now,
                             struct gw_buf *notes, struct gw_err *err)
{
    return install(id, sk_X509_value(key->certs, 0), key->certs, key->pkey, wanted, wanted_count,
                   now, notes, err);
}

/* --- giving it away */

enum gw_code cert_own_pem(const struct cert_identity *id, struct gw_buf *out, struct gw_err *err)
{
    enum gw_code code = cert_pem_write(id->entry->x509, out, err);

    for (int i = 0; !code && i < sk_X509_num(id->chain); i++)
        code = cert_pem_write(sk_X509_value(id->chain, i), out, err);
    return code;
}

enum gw_code cert_own_p12(const struct cert_identity *id, struct gw_str password,
                          struct gw_buf *out, struct gw_err *err)
{
    unsigned char *der = NULL;
    PKCS12 *p12;
    char *secret;
    int len = 0;

    if (password.len < CERT_OWN_PASSWORD_MIN || memchr(password.p, '\0', password.len))
        return gw_fail(err, GW_INVALID,
                       "the private key needs a password of at least %d characters",
                       CERT_OWN_PASSWORD_MIN);
    secret = gw_str_dup(password);
    p12 = PKCS12_create(secret, id->name, id->key, id->entry->x509, id->chain, 0, 0, 0, 0, 0);
    if (p12)
        len = i2d_PKCS12(p12, &der);
    if (len > 0)
        gw_buf_add(out, der, (size_t)len);
    gw_wipe(secret, password.len);
    free(secret);
    OPENSSL_free(der);
    PKCS12_free(p12);
    ERR_clear_error();
    return len > 0 ? GW_OK : gw_fail(err, GW_INTERNAL, "no PKCS#12 file could be made");
}
