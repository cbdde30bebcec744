#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "xmpp_jid.h"
#include "xmpp_sasl.h"

enum {
    BINDING_MAX = 256,
    FAKE_SALT_LEN = 16,
    FAKE_ITERATIONS = 10000,
    SASL_TEXT_MAX = 16 * 1024,
    SECRET_LEN = 32
};

const char *const xmpp_sasl_mechanisms[] = {
    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN", NULL
};

const char *const xmpp_binding_types[] = { "tls-exporter", "tls-unique", NULL };
static const Gsasl_property binding_properties[] = { GSASL_CB_TLS_EXPORTER, GSASL_CB_TLS_UNIQUE };

struct xmpp_sasl_lib {
    Gsasl *gsasl;
    xmpp_credentials_fn *credentials;
    void *ctx;
    char *secret;                /* of the salts of unknown users */
    unsigned fake_iterations[2]; /* by hash: as real users have them */
};

struct xmpp_sasl {
    struct xmpp_sasl_lib *lib;
    Gsasl_session *session;
    const char *mechanism;
    unsigned bindings; /* a bit for each of xmpp_binding_types that the connection has */
    bool has_begun;
    enum xmpp_hash hash;
    char *domain;
    char *user;    /* bare JID; NULL: not known yet */
    bool is_known; /* has credentials */
    struct xmpp_credentials credentials;
    struct xmpp_check *check;
    xmpp_external_fn *external; /* NULL: another mechanism */
    void *external_ctx;
};

struct xmpp_check {
    char *password;
    struct xmpp_credentials credentials;
    bool is_known, is_right;
};

/* ---- Credentials ---- */

/* Keyed, so that nobody can tell it from a stored one by computing it. */
static void fake_salt(const struct xmpp_sasl_lib *lib, struct gw_str user, unsigned char out[32])
{
    char salt[GSASL_HASH_SHA256_SIZE] = { 0 }, unused[3][GSASL_HASH_SHA256_SIZE];

    (void)gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, lib->secret, 1, user.p, user.len,
                                            salt, unused[0], unused[1], unused[2]);
    memcpy(out, salt, sizeof(salt));
}

static void fake_credentials(struct xmpp_sasl *s, struct gw_str user)
{
    struct xmpp_credentials *c = &s->credentials;
    unsigned char salt[32];

    *c = (struct xmpp_credentials){ .salt_len = FAKE_SALT_LEN,
                                    .iterations = s->lib->fake_iterations[s->hash] };
    fake_salt(s->lib, user, salt);
    memcpy(c->salt, salt, FAKE_SALT_LEN);
    gw_random(c->stored_key, sizeof(c->stored_key));
    gw_random(c->server_key, sizeof(c->server_key));
}

/* The user's name is no address, but must not be refused faster than another one. */
static void set_user(struct xmpp_sasl *s, const char *authid)
{
    struct gw_str id = gw_str_of(authid);
    struct xmpp_jid jid;
    bool is_jid = !xmpp_jid_make(id, gw_str_of(s->domain), GW_STR(""), &jid, NULL) && id.len;
    struct gw_str user = is_jid ? jid.bare : gw_str_utf8_cut(id, XMPP_JID_PART_MAX);

    free(s->user);
    s->user = gw_str_dup(user);
    s->is_known = is_jid && s->lib->credentials(user, s->hash, &s->credentials, s->lib->ctx) &&
                  s->credentials.salt_len <= XMPP_SALT_MAX && s->credentials.iterations;
    if (s->is_known)
        s->lib->fake_iterations[s->hash] = s->credentials.iterations;
    else
        fake_credentials(s, user);
}

static void ensure_user(struct xmpp_sasl *s)
{
    const char *authid = gsasl_property_fast(s->session, GSASL_AUTHID);

    if (!s->user)
        set_user(s, authid ? authid : "");
}

/* ---- GNU SASL asks ---- */

static int give_base64(struct xmpp_sasl *s, Gsasl_property prop, const unsigned char *p, size_t len)
{
    struct gw_buf text;

    gw_buf_init(&text, 4 * XMPP_SALT_MAX);
    gw_base64_write((struct gw_str){ (const char *)p, len }, &text);
    (void)gsasl_property_set(s->session, prop, text.p ? text.p : "");
    gw_buf_done(&text);
    return GSASL_OK;
}

static int give_iterations(struct xmpp_sasl *s)
{
    struct gw_buf text;

    gw_buf_init(&text, 32);
    gw_buf_addf(&text, "%u", s->credentials.iterations);
    (void)gsasl_property_set(s->session, GSASL_SCRAM_ITER, text.p);
    gw_buf_done(&text);
    return GSASL_OK;
}

static size_t key_len(const struct xmpp_sasl *s)
{
    return s->hash == XMPP_SHA256 ? GSASL_HASH_SHA256_SIZE : GSASL_HASH_SHA1_SIZE;
}

static int on_scram(struct xmpp_sasl *s, Gsasl_property prop)
{
    const struct xmpp_credentials *c = &s->credentials;

    ensure_user(s);
    if (prop == GSASL_SCRAM_ITER)
        return give_iterations(s);
    if (prop == GSASL_SCRAM_SALT)
        return give_base64(s, prop, c->salt, c->salt_len);
    return give_base64(s, prop, prop == GSASL_SCRAM_STOREDKEY ? c->stored_key : c->server_key,
                       key_len(s));
}

/* PLAIN: the library has read the message. The password is not known to be right by this: who
 * calls xmpp_sasl_step() is told to have it checked. */
static int on_plain(struct xmpp_sasl *s)
{
    const char *password = gsasl_property_fast(s->session, GSASL_PASSWORD);

    ensure_user(s);
    s->check = gw_new(struct xmpp_check);
    s->check->password = gw_str_dup(gw_str_of(password));
    s->check->credentials = s->credentials;
    s->check->is_known = s->is_known;
    return GSASL_OK;
}

static int on_property(Gsasl *gsasl, Gsasl_session *session, Gsasl_property prop)
{
    struct xmpp_sasl *s = gsasl_session_hook_get(session);

    (void)gsasl;
    switch ((int)prop) {
    case GSASL_SCRAM_ITER:
    case GSASL_SCRAM_SALT:
    case GSASL_SCRAM_STOREDKEY:
    case GSASL_SCRAM_SERVERKEY:
        return on_scram(s, prop);
    case GSASL_VALIDATE_SIMPLE:
        return on_plain(s);
    default:
        return GSASL_NO_CALLBACK;
    }
}

/* As hex: GNU SASL takes texts. */
static char *secret_text(struct gw_str secret)
{
    unsigned char own[SECRET_LEN];
    struct gw_buf text;
    char *out;

    gw_random(own, sizeof(own));
    if (!secret.len)
        secret = (struct gw_str){ (const char *)own, sizeof(own) };
    gw_buf_init(&text, 2 * secret.len + 1);
    gw_hex_write(secret, &text);
    out = gw_buf_take(&text);
    gw_wipe(own, sizeof(own));
    return out;
}

struct xmpp_sasl_lib *xmpp_sasl_lib_new(xmpp_credentials_fn *credentials, void *ctx,
                                        struct gw_str secret)
{
    struct xmpp_sasl_lib *lib = gw_new(struct xmpp_sasl_lib);

    if (gsasl_init(&lib->gsasl) != GSASL_OK) {
        free(lib);
        return NULL;
    }
    gsasl_callback_set(lib->gsasl, on_property);
    lib->credentials = credentials;
    lib->ctx = ctx;
    lib->fake_iterations[XMPP_SHA1] = lib->fake_iterations[XMPP_SHA256] = FAKE_ITERATIONS;
    lib->secret = secret_text(secret);
    return lib;
}

void xmpp_sasl_lib_free(struct xmpp_sasl_lib **libp)
{
    struct xmpp_sasl_lib *lib = *libp;

    if (!lib)
        return;
    *libp = NULL;
    gsasl_done(lib->gsasl);
    gw_secret_free(&lib->secret);
    free(lib);
}

bool xmpp_sasl_may_log_in(const struct xmpp_sasl_lib *lib, struct gw_str user)
{
    struct xmpp_credentials c;
    bool may = lib->credentials(user, XMPP_SHA256, &c, lib->ctx);

    gw_wipe(&c, sizeof(c));
    return may;
}

/* ---- Checks ---- */

void xmpp_check_run(struct xmpp_check *check)
{
    const struct xmpp_credentials *c = &check->credentials;
    char salted[GSASL_HASH_SHA256_SIZE], client[GSASL_HASH_SHA256_SIZE];
    char server[GSASL_HASH_SHA256_SIZE], stored[GSASL_HASH_SHA256_SIZE];
    int rc = gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, check->password, c->iterations,
                                               (const char *)c->salt, c->salt_len, salted, client,
                                               server, stored);

    check->is_right = rc == GSASL_OK && check->is_known &&
                      gw_secret_eq((struct gw_str){ stored, sizeof(stored) },
                                   (struct gw_str){ (const char *)c->stored_key, sizeof(stored) });
    gw_wipe(salted, sizeof(salted));
    gw_wipe(client, sizeof(client));
    gw_wipe(server, sizeof(server));
    gw_wipe(stored, sizeof(stored));
    gw_secret_free(&check->password);
}

bool xmpp_check_is_right(const struct xmpp_check *check)
{
    return check->is_right;
}

void xmpp_check_free(struct xmpp_check **checkp)
{
    struct xmpp_check *check = *checkp;

    if (!check)
        return;
    *checkp = NULL;
    gw_secret_free(&check->password);
    gw_wipe(check, sizeof(*check));
    free(check);
}

/* ---- One login ---- */

static const char *mechanism_of(struct gw_str name)
{
    for (const char *const *m = xmpp_sasl_mechanisms; *m; m++) {
        if (gw_str_is(name, *m))
            return *m;
    }
    return NULL;
}

bool xmpp_sasl_binds(const char *mechanism)
{
    return gw_str_ends(gw_str_of(mechanism), "-PLUS");
}

/* Also for mechanisms without binding: a client that could bind, and was made to believe that the
 * server cannot, is found out (RFC 5802 6). */
static bool take_bindings(struct xmpp_sasl *s, const struct xmpp_sasl_args *args)
{
    struct gw_buf raw, text;

    for (size_t i = 0; args->binding && xmpp_binding_types[i]; i++) {
        gw_buf_init(&raw, BINDING_MAX);
        gw_buf_init(&text, 2 * BINDING_MAX);
        if (args->binding(xmpp_binding_types[i], &raw, args->binding_ctx) && raw.len) {
            gw_base64_write(gw_buf_str(&raw), &text);
            (void)gsasl_property_set(s->session, binding_properties[i], text.p);
            s->bindings |= 1U << i;
        }
        gw_buf_done(&raw);
        gw_buf_done(&text);
    }
    return s->bindings || !xmpp_sasl_binds(s->mechanism);
}

static struct xmpp_sasl *external_new(const struct xmpp_sasl_args *args)
{
    struct xmpp_sasl *s;

    if (!args->external)
        return NULL;
    s = gw_new(struct xmpp_sasl);
    s->lib = args->lib;
    s->mechanism = XMPP_SASL_EXTERNAL;
    s->external = args->external;
    s->external_ctx = args->external_ctx;
    return s;
}

struct xmpp_sasl *xmpp_sasl_new(const struct xmpp_sasl_args *args)
{
    const char *name = mechanism_of(args->mechanism);
    struct xmpp_sasl *s;

    if (gw_str_is(args->mechanism, XMPP_SASL_EXTERNAL))
        return external_new(args);
    if (!name)
        return NULL;
    s = gw_new(struct xmpp_sasl);
    s->lib = args->lib;
    s->mechanism = name;
    s->hash = gw_str_starts(gw_str_of(name), "SCRAM-SHA-1") ? XMPP_SHA1 : XMPP_SHA256;
    s->domain = gw_str_dup(args->domain);
    if (gsasl_server_start(s->lib->gsasl, name, &s->session) != GSASL_OK) {
        gw_warn("xmpp", "login impossible mechanism=%s: not in this GNU SASL", name);
        s->session = NULL;
        xmpp_sasl_free(&s);
        return NULL;
    }
    gsasl_session_hook_set(s->session, s);
    if (!take_bindings(s, args))
        xmpp_sasl_free(&s);
    return s;
}

void xmpp_sasl_free(struct xmpp_sasl **saslp)
{
    struct xmpp_sasl *s = *saslp;

    if (!s)
        return;
    *saslp = NULL;
    if (s->session)
        gsasl_finish(s->session);
    xmpp_check_free(&s->check);
    free(s->domain);
    free(s->user);
    gw_wipe(&s->credentials, sizeof(s->credentials));
    free(s);
}

/* RFC 6120 6.3.8: acting for oneself is all there is. GNU SASL puts the login name in place of a
 * name that PLAIN leaves empty. */
static bool acts_for_itself(const struct xmpp_sasl *s)
{
    const char *authzid = gsasl_property_fast(s->session, GSASL_AUTHZID);
    const char *authid = gsasl_property_fast(s->session, GSASL_AUTHID);
    struct xmpp_jid jid;

    if (!authzid || !authzid[0] || (authid && strcmp(authzid, authid) == 0))
        return true;
    return !xmpp_jid_parse(gw_str_of(authzid), &jid, NULL) && gw_str_is(jid.full, s->user);
}

static enum xmpp_sasl_result finish(struct xmpp_sasl *s)
{
    if (!s->is_known)
        return XMPP_SASL_WRONG;
    return acts_for_itself(s) ? XMPP_SASL_DONE : XMPP_SASL_AUTHZID;
}

static enum xmpp_sasl_result result_of(struct xmpp_sasl *s, int rc)
{
    switch (rc) {
    case GSASL_NEEDS_MORE:
        return XMPP_SASL_MORE;
    case GSASL_OK:
        return s->check ? XMPP_SASL_CHECK : finish(s);
    case GSASL_MECHANISM_PARSE_ERROR:
    case GSASL_MECHANISM_CALLED_TOO_MANY_TIMES:
    case GSASL_SASLPREP_ERROR:
        return XMPP_SASL_MALFORMED;
    case GSASL_MALLOC_ERROR:
    case GSASL_CRYPTO_ERROR:
        return XMPP_SASL_FAILED;
    default:
        return XMPP_SASL_WRONG;
    }
}

/* A client that wants to be bound by what this connection does not have has not guessed a password:
 * that is not counted against it. RFC 5802 7: "p=tls-unique,". */
static bool binds_as_we_can(const struct xmpp_sasl *s, struct gw_str first)
{
    struct gw_str type;

    if (!xmpp_sasl_binds(s->mechanism))
        return true;
    if (!gw_str_starts(first, "p=") || !gw_str_cut(first, ",", &type, NULL))
        return false;
    type = gw_str_sub(type, 2, type.len);
    for (size_t i = 0; xmpp_binding_types[i]; i++) {
        if (gw_str_is(type, xmpp_binding_types[i]))
            return s->bindings & 1U << i;
    }
    return false;
}

static enum xmpp_sasl_result external_step(struct xmpp_sasl *s, struct gw_str authzid)
{
    struct gw_buf user;

    if (!gw_str_is_utf8(authzid) || (authzid.len && memchr(authzid.p, '\0', authzid.len)))
        return XMPP_SASL_MALFORMED;
    gw_buf_init(&user, XMPP_JID_TEXT_MAX);
    s->is_known = s->external(authzid, &user, s->external_ctx);
    s->user = s->is_known ? gw_buf_take(&user) : NULL;
    gw_buf_done(&user);
    return s->is_known ? XMPP_SASL_DONE : XMPP_SASL_AUTHZID;
}

enum xmpp_sasl_result xmpp_sasl_step(struct xmpp_sasl *s, struct gw_str in, struct gw_buf *out)
{
    char *text = NULL;
    size_t len = 0;
    int rc;

    if (in.len > SASL_TEXT_MAX || (in.len && !s->has_begun && !binds_as_we_can(s, in)))
        return XMPP_SASL_MALFORMED;
    if (s->external)
        return external_step(s, in);
    s->has_begun = s->has_begun || in.len;
    rc = gsasl_step(s->session, in.p ? in.p : "", in.len, &text, &len);
    if (rc == GSASL_OK || rc == GSASL_NEEDS_MORE)
        gw_buf_add(out, text, len);
    gsasl_free(text);
    return result_of(s, rc);
}

struct xmpp_check *xmpp_sasl_take_check(struct xmpp_sasl *s)
{
    struct xmpp_check *check = s->check;

    s->check = NULL;
    return check;
}

enum xmpp_sasl_result xmpp_sasl_checked(struct xmpp_sasl *s, bool is_right)
{
    return is_right ? finish(s) : XMPP_SASL_WRONG;
}

struct gw_str xmpp_sasl_user(const struct xmpp_sasl *s)
{
    return gw_str_of(s->user);
}

const char *xmpp_sasl_mechanism(const struct xmpp_sasl *s)
{
    return s->mechanism;
}
