#include "gd_account.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ews_token.h"
#include "gd_gateways.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

enum { PASSWORD_MAX = 1024 };

struct gd_account {
    struct gd *gd;
    char *key;
    char *name, *password; /* NULL: not set yet */
    struct ews_account *login;
    struct cert_client *token_cert; /* of the token endpoint; NULL: none is set */
    struct net_tls_policy token_policy;
};

/* --- refusals */

static json_t *refusals_pack(const struct ews_refusals *refusals)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < refusals->count; i++)
        (void)json_array_append_new(list, json_integer(refusals->at[i]));
    return list;
}

/* None in what older versions have written. */
static void refusals_read(struct gd_account *a, const json_t *record)
{
    const json_t *list = json_object_get(record, "refused");
    struct ews_refusals refusals = {
        .trusted = json_is_true(json_object_get(record, "taken")),
    };

    for (size_t i = 0; i < json_array_size(list) && i < EWS_REFUSALS_MAX; i++)
        refusals.at[refusals.count++] = json_integer_value(json_array_get(list, i));
    ews_account_recall(a->login, &refusals);
}

/* On disk before a restart could forget it, and known to those of the same name. */
static void on_refusals(void *ctx)
{
    struct gd_account *a = ctx;
    struct store_batch *b = store_batch_new();
    struct ews_refusals refusals;

    gd_account_save(a, b);
    store_commit(a->gd->store, &b, NULL, NULL);
    ews_account_refusals(a->login, &refusals);
    refusals.count -= refusals.open;
    if (refusals.count)
        gd_gateways_refused(a->gd->gateways, a, &refusals);
}

bool gd_account_is_namesake(const struct gd_account *a, const struct gd_account *b)
{
    return a != b && a->name && b->name && ews_account_same_name(a->name, b->name);
}

/* --- life */

struct gd_account *gd_account_new(struct gd *gd, const char *key, const struct gd_account *kin)
{
    struct gd_account *a = gw_new(struct gd_account);

    a->gd = gd;
    a->key = gw_str_dup(gw_str_of(key));
    a->login = ews_account_new(gd->loop, gd->pool, kin ? kin->login : NULL);
    ews_account_watch_refusals(a->login, on_refusals, a);
    return a;
}

void gd_account_free(struct gd_account **ap)
{
    struct gd_account *a = *ap;

    if (!a)
        return;
    *ap = NULL;
    ews_account_free(&a->login);
    cert_client_free(&a->token_cert);
    free(a->key);
    free(a->name);
    gw_secret_free(&a->password);
    free(a);
}

void gd_account_hush(struct gd_account *a)
{
    ews_account_watch_refusals(a->login, NULL, NULL);
}

const char *gd_account_key(const struct gd_account *a)
{
    return a->key;
}

const char *gd_account_name(const struct gd_account *a)
{
    return a->name;
}

struct ews_account *gd_account_login(struct gd_account *a)
{
    return a->login;
}

/* --- the login */

enum gw_code gd_http_check(const struct gd *gd, bool http, struct gw_err *err)
{
    if (http && !gd->config.lab_allow_http)
        return gw_fail(err, GW_INVALID,
                       "plain HTTP would show the password to the network; for a lab, set "
                       "'lab_allow_http = yes' in the configuration file and restart");
    return GW_OK;
}

static struct ews_account_args login_args(const struct gd_account *a, const char *name,
                                          const char *password)
{
    const struct ews_settings *settings = &a->gd->settings.ews;

    return (struct ews_account_args){ .auth = (enum ews_auth)settings->auth,
                                      .name = name,
                                      .password = password,
                                      .token_url = settings->token_url,
                                      .token_scope = settings->token_scope,
                                      .token_tls = a->token_cert ? &a->token_policy : NULL };
}

/* The token endpoint's certificate is checked as Exchange's own; without TLS it is for labs. */
static enum gw_code token_cert_new(const struct gd *gd, struct cert_client **out,
                                   struct gw_err *err)
{
    struct gw_str url = gw_str_of(gd->settings.ews.token_url), host;
    enum gw_code rc;

    *out = NULL;
    if (!url.len)
        return GW_OK;
    rc = ews_token_url_check(url, &host, err);
    if (rc)
        return rc;
    if (gw_str_starts(url, "http:"))
        return gd_http_check(gd, true, err);
    return cert_client_new(gd->certs, CERT_TRUST_EXCHANGE, host, out, err);
}

static enum gw_code login_set(struct gd_account *a, const char *name, const char *password,
                              struct gw_err *err)
{
    struct cert_client *old = a->token_cert, *cert;
    struct net_tls_policy old_policy = a->token_policy;
    struct ews_account_args args;
    enum gw_code rc = token_cert_new(a->gd, &cert, err);

    if (rc)
        return rc;
    a->token_cert = cert;
    if (cert)
        a->token_policy = cert_client_policy(cert);
    args = login_args(a, name, password);
    rc = name ? ews_account_set(a->login, &args, err) : GW_OK;
    if (rc) {
        a->token_cert = old;
        a->token_policy = old_policy;
        old = cert;
    }
    cert_client_free(&old);
    return rc;
}

enum gw_code gd_account_params_changed(struct gd_account *a, struct gw_err *err)
{
    return login_set(a, a->name, a->password, err);
}

/* --- the record */

static void seal_context(const struct gd_account *a, struct gw_buf *out)
{
    gw_buf_init(out, 200);
    gw_buf_addf(out, GD_ACCOUNT_KIND "/%s", a->key);
}

void gd_account_save(const struct gd_account *a, struct store_batch *b)
{
    struct gw_buf sealed, context;
    struct ews_refusals refusals;

    ews_account_refusals(a->login, &refusals);
    seal_context(a, &context);
    gw_buf_init(&sealed, 4 * PASSWORD_MAX);
    store_seal(a->gd->store, gw_buf_str(&context), gw_str_of(a->password), &sealed);
    gd_record_put(b, GD_ACCOUNT_KIND, a->key,
                  json_pack("{s:s, s:s%, s:o, s:b}", "account", a->name, "password", sealed.p,
                            sealed.len, "refused", refusals_pack(&refusals), "taken",
                            (int)refusals.trusted));
    gw_buf_done(&sealed);
    gw_buf_done(&context);
}

enum gw_code gd_account_read(struct gd_account *a, struct gw_str record, struct gw_err *err)
{
    json_t *json = json_loadb(record.p, record.len, 0, NULL);
    struct gw_buf password, context;
    const char *name, *sealed;
    enum gw_code rc;

    seal_context(a, &context);
    gw_buf_init(&password, PASSWORD_MAX + 1);
    if (json_unpack(json, "{s:s, s:s}", "account", &name, "password", &sealed))
        rc = gw_fail(err, GW_BADMSG, "the record of the Exchange account makes no sense");
    else
        rc = store_unseal(a->gd->store, gw_buf_str(&context), gw_str_of(sealed), &password, err);
    if (!rc)
        rc = login_set(a, name, password.p ? password.p : "", err);
    if (!rc) {
        a->name = gw_str_dup(gw_str_of(name));
        a->password = gw_str_dup(gw_buf_str(&password));
        refusals_read(a, json);
    }
    if (password.p)
        gw_wipe(password.p, password.len);
    gw_buf_done(&password);
    gw_buf_done(&context);
    json_decref(json);
    return rc;
}

/* --- changes */

static char *said_or_had(struct gw_str said, const char *had)
{
    return said.p ? gw_str_dup(said) : had ? gw_str_dup(gw_str_of(had)) : NULL;
}

enum gw_code gd_account_edit_init(const struct gd_account *a, const struct admin_gateway_edit *edit,
                                  struct gd_account_edit *out, struct gw_err *err)
{
    bool other = edit->account.p && a->name && !gw_str_is(edit->account, a->name);
    struct ews_account_args args;

    if (other && !edit->password.p)
        return gw_fail(err, GW_INVALID, "another account needs its password");
    if (edit->password.p && edit->password.len > PASSWORD_MAX)
        return gw_fail(err, GW_INVALID, "the password is longer than %d bytes", PASSWORD_MAX);
    if ((edit->password.p && memchr(edit->password.p, 0, edit->password.len)) ||
        (edit->account.p && memchr(edit->account.p, 0, edit->account.len)))
        return gw_fail(err, GW_INVALID, "account and password must not hold a NUL character");
    out->changed = edit->account.p || edit->password.p;
    out->name = said_or_had(edit->account, a->name);
    out->password = said_or_had(edit->password, a->password);
    if (!out->name)
        return gw_fail(err, GW_INVALID, "no account is set yet: give account and password");
    if (!out->password)
        return gw_fail(err, GW_INVALID, "the account needs its password");
    args = login_args(a, out->name, out->password);
    return ews_account_check(&args, err);
}

void gd_account_edit_done(struct gd_account_edit *edit)
{
    free(edit->name);
    gw_secret_free(&edit->password);
    edit->name = NULL;
}

void gd_account_apply(struct gd_account *a, struct gd_account_edit *edit)
{
    struct gw_err err;

    free(a->name);
    gw_secret_free(&a->password);
    a->name = edit->name;
    a->password = edit->password;
    edit->name = edit->password = NULL;
    if (login_set(a, a->name, a->password, &err)) /* it was checked */
        gw_error("gatewayd", "account not changed error='%s'", err.msg);
}
