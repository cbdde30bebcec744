/* From a password to what a server keeps of it: RFC 5802 section 3, with the preparation that clients
 * do before they hash. Pure but for the salt. */
#include <gsasl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "dir_priv.h"
#include "gw_bytes.h"

/* Gives. */
static enum gw_code prepare(struct gw_str password, char **out, struct gw_err *err)
{
    char *text;
    int rc;

    if (!password.len)
        return gw_fail(err, GW_INVALID, "password is empty");
    if (password.len > DIR_PASSWORD_MAX)
        return gw_fail(err, GW_INVALID, "password is longer than %d bytes", DIR_PASSWORD_MAX);
    if (!gw_str_is_utf8(password))
        return gw_fail(err, GW_INVALID, "password is not UTF-8 text");
    text = gw_str_dup(password);
    rc = gsasl_saslprep(text, 0, out, NULL);
    gw_secret_free(&text);
    if (rc != GSASL_OK)
        return gw_fail(err, GW_INVALID,
                       "password has a character that clients cannot send (RFC 4013)");
    if (!**out) {
        gw_secret_free(out);
        return gw_fail(err, GW_INVALID, "password has no visible character");
    }
    return GW_OK;
}

static bool derive(Gsasl_hash hash, const char *text, const struct dir_password *p,
                   uint8_t *stored_key, uint8_t *server_key)
{
    char salted[GSASL_HASH_MAX_SIZE], client[GSASL_HASH_MAX_SIZE];
    int rc = gsasl_scram_secrets_from_password(hash, text, p->iterations, (const char *)p->salt,
                                               sizeof(p->salt), salted, client, (char *)server_key,
                                               (char *)stored_key);

    gw_wipe(salted, sizeof(salted));
    gw_wipe(client, sizeof(client));
    return rc == GSASL_OK;
}

enum gw_code dir_password_derive(struct gw_str password, struct dir_password *out,
                                 struct gw_err *err)
{
    struct dir_password p = { .iterations = DIR_SCRAM_ITERATIONS };
    char *text = NULL;
    enum gw_code code = prepare(password, &text, err);

    if (code)
        return code;
    gw_random(p.salt, sizeof(p.salt));
    if (derive(GSASL_HASH_SHA256, text, &p, p.sha256_stored_key, p.sha256_server_key) &&
        derive(GSASL_HASH_SHA1, text, &p, p.sha1_stored_key, p.sha1_server_key))
        *out = p;
    else
        code = gw_fail(err, GW_INTERNAL, "GNU SASL cannot derive SCRAM keys");
    gw_secret_free(&text);
    gw_wipe(&p, sizeof(p));
    return code;
}

/* ---- Digests ---- */

static void digest(const char *name, struct gw_str in, uint8_t *out)
{
    size_t len;

    if (!EVP_Q_digest(NULL, name, NULL, in.p, in.len, out, &len))
        abort(); /* it is part of what OpenSSL is built with: as when memory is exhausted */
}

void dir_digests_keep(struct dir *dir, uint32_t digests)
{
    dir->digests = digests;
}

/* RFC 7616 3.4.2: A1. As it is typed: SIP clients do not prepare it. */
void dir_digests_derive(const struct dir *dir, struct gw_str jid, struct gw_str text,
                        struct dir_password *password)
{
    struct gw_str id = jid, domain = { NULL, 0 };
    struct gw_buf a1;

    (void)gw_str_cut(jid, "@", &id, &domain);
    gw_buf_init(&a1, DIR_JID_MAX + 1 + DIR_PASSWORD_MAX);
    gw_buf_addf(&a1, "%.*s:%.*s:", GW_STR_ARG(id), GW_STR_ARG(domain));
    gw_buf_add_str(&a1, text);
    password->digests = 0;
    if (!a1.failed && dir->digests & DIR_DIGEST_SHA256) {
        digest("SHA256", gw_buf_str(&a1), password->digest_sha256);
        password->digests |= DIR_DIGEST_SHA256;
    }
    if (!a1.failed && dir->digests & DIR_DIGEST_MD5) {
        digest("MD5", gw_buf_str(&a1), password->digest_md5);
        password->digests |= DIR_DIGEST_MD5;
    }
    gw_wipe(a1.p, a1.cap);
    gw_buf_done(&a1);
}

void dir_digests_drop(struct dir_password *password, uint32_t digests)
{
    if (digests & DIR_DIGEST_SHA256)
        gw_wipe(password->digest_sha256, sizeof(password->digest_sha256));
    if (digests & DIR_DIGEST_MD5)
        gw_wipe(password->digest_md5, sizeof(password->digest_md5));
    password->digests &= ~digests;
}
