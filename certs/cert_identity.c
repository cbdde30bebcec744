/* Our own certificate as a server. Contexts ask for it at each handshake, so that a replaced file is
 * live after a reload. When there is none yet, a self-signed one lets a new gateway speak TLS. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cert_priv.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

enum { RENEW_DAYS = 30 };

/* --- reading */

/* There is nobody to ask for a passphrase. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
    (void)buf;
    (void)size;
    (void)writing;
    *(bool *)ctx = true;
    return -1;
}

enum gw_code cert_key_read(struct gw_str pem, const char *path, EVP_PKEY **out, struct gw_err *err)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
    bool asked = false;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    if (key) {
        *out = key;
        return GW_OK;
    }
    if (asked)
        return gw_fail(err, GW_INVALID, "'%s': the private key has a passphrase: remove it", path);
    return gw_fail(err, GW_BADMSG, "'%s': there is no readable private key in it", path);
}

/* The private key among the certificates is what cert_parse() refuses: blocks are picked here. */
static enum gw_code chain_read(struct gw_str pem, const char *path, STACK_OF(X509) * *out,
                               struct gw_err *err)
{
    STACK_OF(X509) *stack = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
    X509 *x509;
    int count = 0;

    while (bio && stack && count <= CERT_CHAIN_MAX &&
           (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (!sk_X509_push(stack, x509)) {
            X509_free(x509);
            break;
        }
        count++;
    }
    BIO_free(bio);
    ERR_clear_error();
    if (count > 0 && count <= CERT_CHAIN_MAX) {
        *out = stack;
        return GW_OK;
    }
    sk_X509_pop_free(stack, X509_free);
    return gw_fail(err, GW_BADMSG,
                   count ? "'%s': there are too many certificates in it"
                         : "'%s': there is no readable certificate in it",
                   path);
}

enum gw_code cert_mode_check(const char *path, struct gw_err *err)
{
    struct stat st;

    if (stat(path, &st))
        return cert_file_fail(path, errno, err);
    if (st.st_mode & 077)
        return gw_fail(err, GW_DENIED,
                       "'%s' holds a private key and can be read by others (mode %04o): chmod 600 "
                       "it",
                       path, (unsigned)(st.st_mode & 07777));
    return GW_OK;
}

static void identity_move(struct cert_identity *to, struct cert_identity *from)
{
    cert_entry_free(&to->entry);
    sk_X509_pop_free(to->chain, X509_free);
    EVP_PKEY_free(to->key);
    to->entry = from->entry;
    to->chain = from->chain;
    to->key = from->key;
    from->entry = NULL;
    from->chain = NULL;
    from->key = NULL;
}

/* *sealed: as it should be. */
static enum gw_code identity_parse(struct cert_identity *id, struct gw_str pem, bool *sealed,
                                   struct gw_err *err)
{
    struct cert_identity fresh = { .path = id->path };
    X509 *x509 = NULL;
    enum gw_code code = chain_read(pem, id->path, &fresh.chain, err);

    if (!code)
        code = cert_own_key_read(id->store, id->name, pem, id->path, &fresh.key, sealed, err);
    if (!code) {
        x509 = sk_X509_shift(fresh.chain);
        code = cert_entry_new(x509, &fresh.entry, err);
    }
    if (!code && !X509_check_private_key(x509, fresh.key))
        code = gw_fail(err, GW_INVALID,
                       "'%s': the private key does not belong to the first certificate", id->path);
    ERR_clear_error();
    if (!code)
        identity_move(id, &fresh);
    X509_free(x509);
    cert_entry_free(&fresh.entry);
    sk_X509_pop_free(fresh.chain, X509_free);
    EVP_PKEY_free(fresh.key);
    return code;
}

/* --- writing */

static enum gw_code identity_write(const struct cert_identity *id, X509 *x509,
                                   STACK_OF(X509) * chain, EVP_PKEY *key, struct gw_err *err)
{
    enum gw_code code;
    struct gw_buf pem;

    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    code = cert_pem_write(x509, &pem, err);
    for (int i = 0; !code && i < sk_X509_num(chain); i++)
        code = cert_pem_write(sk_X509_value(chain, i), &pem, err);
    if (!code)
        code = cert_own_key_write(id->store, id->name, key, &pem, err);
    if (!code && pem.failed)
        code = gw_fail(err, GW_LIMIT, "the chain is longer than %d bytes", CERT_UPLOAD_MAX);
    if (!code)
        code = cert_file_write(id->path, gw_buf_str(&pem), err);
    cert_secret_done(&pem);
    return code;
}

/* A link leads to where something else renews the certificate: a sealed copy in its place would cut it off. */
static void seal_key_of(const struct cert_identity *id)
{
    struct gw_err trouble;
    struct stat st;

    if (!lstat(id->path, &st) && S_ISLNK(st.st_mode))
        gw_info("cert", "private key stays in clear, where the link leads: file='%s'", id->path);
    else if (identity_write(id, id->entry->x509, id->chain, id->key, &trouble))
        gw_warn("cert", "private key stays in clear: %s", trouble.msg);
    else
        gw_info("cert", "private key sealed file='%s'", id->path);
}

enum gw_code cert_identity_reload(struct cert_identity *id, struct gw_err *err)
{
    enum gw_code code = cert_mode_check(id->path, err);
    struct gw_buf pem;
    bool sealed = false;

    if (code)
        return code;
    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    code = cert_file_read(id->path, &pem, err);
    if (!code)
        code = identity_parse(id, gw_buf_str(&pem), &sealed, err);
    cert_secret_done(&pem);
    if (!code && !sealed && id->store->sealer.seal)
        seal_key_of(id);
    return code;
}

/* One that OpenSSL would not take must not get as far as the disk. */
static enum gw_code fitness_check(X509 *x509, STACK_OF(X509) * chain, EVP_PKEY *key,
                                  struct gw_err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    bool ok;

    ERR_clear_error();
    ok = ctx && SSL_CTX_use_cert_and_key(ctx, x509, key, chain, 1) == 1;
    if (!ok)
        gw_fail(err, GW_INVALID, "the certificate is not fit for TLS: %s",
                ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    SSL_CTX_free(ctx);
    return ok ? GW_OK : GW_INVALID;
}

enum gw_code cert_identity_replace(struct cert_identity *id, X509 *x509, STACK_OF(X509) * chain,
                                   EVP_PKEY *key, struct gw_err *err)
{
    struct cert_identity fresh = { .chain = chain ? X509_chain_up_ref(chain) : sk_X509_new_null(),
                                   .key = key };
    enum gw_code code = cert_entry_new(x509, &fresh.entry, err);

    (void)EVP_PKEY_up_ref(key);
    if (!code && !fresh.chain)
        code = gw_fail(err, GW_INTERNAL, "out of memory");
    if (!code)
        code = fitness_check(x509, fresh.chain, key, err);
    if (!code)
        code = identity_write(id, x509, fresh.chain, key, err);
    if (!code)
        identity_move(id, &fresh);
    cert_entry_free(&fresh.entry);
    sk_X509_pop_free(fresh.chain, X509_free);
    EVP_PKEY_free(fresh.key);
    return code;
}

/* --- making one */

/* The key stays, when there is one: whoever trusts it goes on doing so. */
static enum gw_code make(struct cert_identity *id, const struct gw_str *names, size_t count,
                         gw_utc now, struct gw_err *err)
{
    const bool fresh = !id->key;
    struct cert_key key = { .pkey = fresh ? EVP_EC_gen("P-256") : id->key };
    enum gw_code code = key.pkey ? cert_own_reset(id, &key, names, count, now, err)
                                 : gw_fail(err, GW_INTERNAL, "no key could be made");

    if (!code)
        gw_info("cert", "self-signed certificate made: file='%s' fingerprint=%s", id->path,
                id->entry->info.fingerprint);
    if (fresh)
        EVP_PKEY_free(key.pkey);
    return code;
}

/* --- what others use */

struct cert_identity *cert_identity_of(struct cert_store *s, struct gw_str name)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->identities, it, tmp)
    {
        struct cert_identity *id = GW_CONTAINER(it, struct cert_identity, link);

        if (gw_str_is(name, id->name))
            return id;
    }
    return NULL;
}

/* Of connections that are given nothing but the identity. */
static enum cert_purpose purpose_of(const char *name)
{
    if (!strcmp(name, CERT_IDENTITY_XMPP))
        return CERT_FOR_XMPP_CLIENT;
    return strcmp(name, CERT_IDENTITY_XMPP_S2S) != 0 ? CERT_FOR_SIP : CERT_FOR_XMPP_SERVER;
}

enum gw_code cert_identity_open(struct cert_store *s, const struct cert_identity_args *args,
                                struct cert_identity **out, struct gw_err *err)
{
    struct cert_identity *id = cert_identity_of(s, gw_str_of(args->name));
    enum gw_code code;
    struct stat st;

    if (id) {
        id->users++;
        *out = id;
        return GW_OK;
    }
    if (!cert_name_is_valid(args->name))
        return gw_fail(err, GW_INVALID, "'%.40s' is no name for an identity", args->name);
    id = gw_new(struct cert_identity);
    id->store = s;
    id->source = (struct cert_tls_source){ .store = s, .purpose = purpose_of(args->name) };
    id->users = 1;
    s->users++;
    gw_list_append(&s->identities, &id->link);
    id->name = gw_str_dup(gw_str_of(args->name));
    id->path = cert_path(s->folder, args->name, ".pem");
    id->request_path = cert_path(s->folder, args->name, ".request.pem");
    if (lstat(id->path, &st) && errno == ENOENT)
        code = make(id, args->names, args->names_count, args->now, err);
    else
        code = cert_identity_reload(id, err);
    if (code)
        cert_identity_close(&id);
    else
        *out = id;
    return code;
}

void cert_identity_close(struct cert_identity **ip)
{
    struct cert_identity *id = *ip, nothing = { 0 };

    if (!id)
        return;
    *ip = NULL;
    if (--id->users)
        return;
    assert(id->store->users > 0);
    id->store->users--;
    gw_list_remove(&id->link);
    identity_move(id, &nothing);
    free(id->name);
    free(id->path);
    free(id->request_path);
    free(id);
}

bool cert_identity_is_ours(const struct cert_identity *id)
{
    X509_NAME *subject = X509_get_subject_name(id->entry->x509);
    char organisation[64] = "";

    (void)X509_NAME_get_text_by_NID(subject, NID_organizationName, organisation,
                                    sizeof(organisation));
    return id->entry->info.is_self_issued && !strcmp(organisation, CERT_SELF_SIGNED_ORGANISATION);
}

static bool has_name(const struct cert_info *info, struct gw_str name)
{
    for (size_t i = 0; info->names[i]; i++)
        if (gw_str_ieq(gw_str_of(info->names[i]), name))
            return true;
    return false;
}

enum gw_code cert_identity_cover(struct cert_identity *id, const struct gw_str *names,
                                 size_t names_count, gw_utc now, struct gw_err *err)
{
    const struct cert_info *info = &id->entry->info;
    bool covered = gw_time_after(now, (int64_t)RENEW_DAYS * GW_DAY_MS) < info->not_after;

    for (size_t i = 0; covered && i < names_count; i++)
        covered = has_name(info, names[i]);
    if (covered || !cert_identity_is_ours(id))
        return GW_OK;
    return make(id, names, names_count, now, err);
}

const struct cert_info *cert_identity_info(const struct cert_identity *id)
{
    return &id->entry->info;
}

/* OpenSSL keeps one certificate for each kind of key: an old ECDSA one would outlive its RSA
 * successor. */
static int show(SSL *ssl, void *ctx)
{
    const struct cert_identity *id = ctx;

    SSL_certs_clear(ssl);
    return SSL_use_cert_and_key(ssl, id->entry->x509, id->key, id->chain, 1);
}

/* At once, so that a key unfit for TLS is known before the first client; and at each handshake. */
enum gw_code cert_identity_apply(SSL_CTX *ssl_ctx, void *ctx, struct gw_err *err)
{
    struct cert_identity *id = ctx;
    bool ok;

    ERR_clear_error();
    ok = SSL_CTX_use_cert_and_key(ssl_ctx, id->entry->x509, id->key, id->chain, 1) == 1;
    if (!ok)
        gw_fail(err, GW_INVALID, "'%s' is not fit for TLS: %s", id->path,
                ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    SSL_CTX_set_cert_cb(ssl_ctx, show, id);
    cert_tls_follow(ssl_ctx, &id->source);
    return ok ? GW_OK : GW_INVALID;
}

struct net_tls_policy cert_identity_policy(struct cert_identity *id)
{
    return (struct net_tls_policy){ .apply = cert_identity_apply, .ctx = id };
}
