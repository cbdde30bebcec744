/* An account: how it logs in, and as whom. */
#include <stdlib.h>
#include <string.h>

#include "ews_account_priv.h"
#include "ews_client.h"
#include "ews_priv.h"
#include "gw_bytes.h"
#include "gw_mem.h"
#include "net_http_client.h"

enum { ACCOUNT_MAX = 512, PASSWORD_MAX = 512 };

const char *const ews_auth_names[] = { "auto", "negotiate", "ntlmv2", "basic", "oauth", NULL };

const struct gw_param ews_params[] = {
    { .key = "calendar.auth",
      .shown_as = "Exchange authentication",
      .help =
          "how the account logs in: auto is Negotiate, else NTLMv2, as the server offers; basic "
          "shows the server the password with each request; when it is changed in the directory, "
          "those under way are refused with the old one, and at most one more is sent",
      .type = GW_PARAM_CHOICE,
      .offset = offsetof(struct ews_settings, auth),
      .def = "auto",
      .choices = ews_auth_names },
    { .key = "calendar.oauth_token_url",
      .shown_as = "OAuth token endpoint",
      .help = "where calendar.auth oauth gets its access tokens: https://HOST/TENANT/oauth2/v2.0/"
              "token; its certificate is checked as Exchange's",
      .type = GW_PARAM_TEXT,
      .offset = offsetof(struct ews_settings, token_url),
      .max = 1000,
      .def = "" },
    { .key = "calendar.oauth_scope",
      .shown_as = "OAuth scope",
      .help = "what the access token is to be good for",
      .type = GW_PARAM_TEXT,
      .offset = offsetof(struct ews_settings, token_scope),
      .max = 1000,
      .def = "https://outlook.office365.com/.default" },
};
const size_t ews_param_count = sizeof(ews_params) / sizeof(ews_params[0]);

static gw_time account_now(const struct ews_account *a)
{
    return net_loop_now(a->loop).mono;
}

/* ---- refusals --------------------------------------------------------------------------------- */

static void refusals_changed(const struct ews_identity *id)
{
    for (struct gw_list *it = id->accounts.next; it != &id->accounts; it = it->next) {
        const struct ews_account *a = GW_CONTAINER(it, struct ews_account, identity_link);

        if (a->refusals_changed)
            a->refusals_changed(a->refusals_ctx);
    }
}

void ews_account_refused(struct ews_identity *id, gw_time now)
{
    ews_identity_refused(id, now);
    refusals_changed(id);
}

static unsigned tries_that_count(const struct ews_identity *id)
{
    unsigned n = 0;

    for (const struct gw_list *it = id->tries.next; it != &id->tries; it = it->next)
        n += GW_CONTAINER(it, struct ews_try, link)->counts;
    return n;
}

void ews_account_taken(struct ews_identity *id)
{
    bool changed = !id->trusted || id->refused_count || tries_that_count(id);

    ews_identity_taken(id);
    if (changed)
        refusals_changed(id);
}

enum ews_try_end ews_try_end_of(const struct net_http_answer *answer)
{
    bool says_no = answer->status == 401 || (answer->code && answer->status == 400);

    if (!answer->sent)
        return EWS_TRY_PASSED;
    if (says_no)
        return EWS_TRY_UNCLEAR;
    return answer->status ? EWS_TRY_PASSED : EWS_TRY_SILENT;
}

void ews_try_begin(struct ews_try *t, struct ews_identity *id)
{
    if (t->identity)
        return;
    ews_identity_try_add(id, t);
    if (t->counts)
        refusals_changed(id);
}

void ews_try_end(struct ews_try *t, enum ews_try_end how)
{
    struct ews_identity *id = t->identity;
    bool suspect = t->counts && !(id && id->trusted && how == EWS_TRY_SILENT);

    if (!id)
        return;
    gw_list_remove(&t->link);
    if (how == EWS_TRY_REFUSED || (how != EWS_TRY_PASSED && suspect))
        ews_account_refused(id, ews_identity_now(id));
    else if (how != EWS_TRY_PASSED && !t->counts)
        ews_identity_try_silent(id, t);
    else if (t->counts)
        refusals_changed(id);
    ews_identity_unref(&t->identity);
}

void ews_account_watch_refusals(struct ews_account *a, void (*changed)(void *ctx), void *ctx)
{
    a->refusals_changed = changed;
    a->refusals_ctx = ctx;
}

/* The oldest gives way. */
static void refusal_put(struct ews_refusals *r, gw_utc at, bool open)
{
    if (r->count == EWS_REFUSALS_MAX)
        memmove(r->at, r->at + 1, sizeof(r->at) - sizeof(r->at[0]));
    else
        r->count++;
    r->at[r->count - 1] = at;
    r->open += open && r->open < r->count;
}

void ews_account_refusals(const struct ews_account *a, struct ews_refusals *out)
{
    struct gw_now now = net_loop_now(a->loop);
    const struct ews_identity *id = a->identity;

    *out = (struct ews_refusals){ .count = 0 };
    if (!id)
        return;
    out->trusted = id->trusted;
    for (unsigned i = 0; i < id->refused_count; i++)
        refusal_put(out, now.utc - (now.mono - id->refused[i]), false);
    for (const struct gw_list *it = id->tries.next; it != &id->tries; it = it->next) {
        const struct ews_try *t = GW_CONTAINER(it, struct ews_try, link);

        if (t->counts && !id->trusted)
            refusal_put(out, now.utc - (now.mono - t->at), true);
    }
}

void ews_account_recall(struct ews_account *a, const struct ews_refusals *refusals)
{
    if (a->identity)
        ews_identity_recall(a->identity, refusals);
}

/* ---- names ------------------------------------------------------------------------------------ */

static void name_split(const char *name, struct gw_str *user, struct gw_str *domain)
{
    struct gw_str s = gw_str_of(name), rest;
    ptrdiff_t at;

    *user = s;
    *domain = (struct gw_str){ NULL, 0 };
    if (gw_str_cut(s, "\\", domain, &rest)) {
        *user = rest;
        return;
    }
    for (at = (ptrdiff_t)s.len - 1; at >= 0 && s.p[at] != '@'; at--)
        ;
    if (at < 0)
        return;
    *user = gw_str_sub(s, 0, (size_t)at);
    *domain = gw_str_sub(s, (size_t)at + 1, s.len);
}

bool ews_account_same_name(const char *a, const char *b)
{
    struct gw_str user[2], domain[2];

    name_split(a, &user[0], &domain[0]);
    name_split(b, &user[1], &domain[1]);
    return gw_str_ieq(user[0], user[1]) && gw_str_ieq(domain[0], domain[1]);
}

/* ---- life ------------------------------------------------------------------------------------- */

static enum gw_code text_check(const char *what, const char *text, size_t max, const char * not,
                               struct gw_err *err)
{
    struct gw_str s = gw_str_of(text);

    if (!s.len)
        return gw_fail(err, GW_INVALID, "%s is missing", what);
    if (s.len > max)
        return gw_fail(err, GW_INVALID, "%s is longer than %zu bytes", what, max);
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f || strchr(not, s.p[i]))
            return gw_fail(err, GW_INVALID, "%s has %s control character", what,
                           *not ? "a colon or a" : "a");
    return GW_OK;
}

/* RFC 7617: no colon in the name. */
enum gw_code ews_account_check(const struct ews_account_args *args, struct gw_err *err)
{
    enum gw_code rc = text_check("account", args->name, ACCOUNT_MAX, ":", err);

    if (!rc)
        rc = text_check("password", args->password, PASSWORD_MAX, "", err);
    if (!rc && args->auth == EWS_AUTH_OAUTH)
        rc = ews_token_url_check(gw_str_of(args->token_url), NULL, err);
    return rc;
}

static void account_forget(struct ews_account *a)
{
    free(a->name);
    ews_cred_unref(&a->cred);
    free(a->token_url);
    free(a->token_scope);
}

static void identity_take(struct ews_account *a, struct ews_identity *id)
{
    gw_list_remove(&a->identity_link);
    gw_list_append(&id->accounts, &a->identity_link);
    a->identity = id;
    ews_identity_changed(id);
}

static void account_take(struct ews_account *a, const struct ews_account_args *args)
{
    struct ews_identity *old = a->identity;
    struct ews_identity *id = ews_identity_get(a->identities, args->name, args->password);
    char *name = gw_str_dup(gw_str_of(args->name)); /* args may be our own */
    char *url = gw_str_dup(gw_str_of(args->token_url));
    char *scope = gw_str_dup(gw_str_of(args->token_scope));
    struct ews_token_args token = {
        .url = url, .client_id = name, .scope = scope, .tls = args->token_tls, .identity = id
    };

    account_forget(a);
    a->token_url = url;
    a->token_scope = scope;
    a->auth = args->auth;
    a->name = name;
    identity_take(a, id);
    ews_token_set(a->token, args->auth == EWS_AUTH_OAUTH ? &token : NULL);
    ews_identity_unref(&old);
}

struct ews_account *ews_account_new(struct net_loop *loop, struct net_pool *pool,
                                    struct ews_account *kin)
{
    struct ews_account *a = gw_new(struct ews_account);

    a->loop = loop;
    a->pool = pool;
    a->identities = kin ? ews_identities_ref(kin->identities) : ews_identities_new(loop);
    gw_list_init(&a->identity_link);
    gw_list_init(&a->clients);
    a->token = ews_token_new(loop);
    return a;
}

void ews_account_free(struct ews_account **ap)
{
    struct ews_account *a = *ap;

    if (!a)
        return;
    *ap = NULL;
    a->refusals_changed = NULL;
    account_forget(a);
    ews_token_free(&a->token);
    gw_list_remove(&a->identity_link);
    ews_identity_unref(&a->identity);
    ews_identities_unref(&a->identities);
    free(a);
}

enum gw_code ews_account_set(struct ews_account *a, const struct ews_account_args *args,
                             struct gw_err *err)
{
    enum gw_code rc = ews_account_check(args, err);
    struct gw_list *it, *tmp;

    if (rc)
        return rc;
    account_take(a, args);
    GW_LIST_EACH(&a->clients, it, tmp)
    ews_client_reconnect(ews_client_of_account(it));
    return GW_OK;
}

struct ews_cred *ews_account_cred(struct ews_account *a)
{
    if (a->cred && ews_cred_is_stale(a->cred, account_now(a)))
        ews_cred_unref(&a->cred);
    if (!a->cred)
        a->cred = ews_cred_new(a->name, a->identity->password);
    return a->cred;
}
