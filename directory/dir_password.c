/* From a password to what a server keeps of it: RFC 5802 section 3, with the preparation that clients
 * do before they hash. Pure but for the salt. */
#include <gsasl.h>
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
