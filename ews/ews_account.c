/* An account, and not more refused logins in a while than a directory forgives. */
#include <stdlib.h>
#include <string.h>

#include "ews_account_priv.h"
#include "ews_client.h"
#include "ews_priv.h"
#include "gw_bytes.h"
#include "gw_mem.h"

enum { ACCOUNT_MAX = 512, PASSWORD_MAX = 512 };

const char *const ews_auth_names[] = { "auto", "negotiate", "ntlmv2", "basic", "oauth", NULL };

const struct gw_param ews_params[] = {
    { .key = "calendar.auth",
      .shown_as = "Exchange authentication",
      .help =
          "how the account logs in: auto is Negotiate, else NTLMv2, as the server offers; basic "
          "shows the server the password",
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

static unsigned refusals(const struct ews_account *a, gw_time now)
{
    unsigned n = 0;

    for (unsigned i = 0; i < a->refused_count; i++)
        n += now < gw_time_after(a->refused[i], EWS_REFUSALS_MS);
    return n;
}

static void refusals_changed(struct ews_account *a)
{
    if (a->refusals_changed)
        a->refusals_changed(a->refusals_ctx);
}

static void refusal_add(struct ews_account *a, gw_time at)
{
    if (a->refused_count == EWS_REFUSALS_MAX) {
        memmove(a->refused, a->refused + 1, sizeof(a->refused) - sizeof(a->refused[0]));
        a->refused_count--;
    }
    a->refused[a->refused_count++] = at;
}

void ews_account_refused(struct ews_account *a, unsigned epoch, gw_time now)
{
    if (epoch != a->epoch)
        return;
    a->doubt++;
    a->proven = false;
    refusal_add(a, now);
    refusals_changed(a);
}

void ews_account_taken(struct ews_account *a, unsigned epoch)
{
    if (epoch != a->epoch)
        return;
    a->proven = true;
    if (!a->refused_count)
        return;
    a->refused_count = 0;
    refusals_changed(a);
}

void ews_account_watch_refusals(struct ews_account *a, void (*changed)(void *ctx), void *ctx)
{
    a->refusals_changed = changed;
    a->refusals_ctx = ctx;
}

void ews_account_refusals(const struct ews_account *a, struct ews_refusals *out)
{
    struct gw_now now = net_loop_now(a->loop);

    *out = (struct ews_refusals){ .count = a->refused_count };
    for (unsigned i = 0; i < a->refused_count; i++)
        out->at[i] = now.utc - (now.mono - a->refused[i]);
}

void ews_account_recall(struct ews_account *a, const struct ews_refusals *refusals)
{
    struct gw_now now = net_loop_now(a->loop);

    if (a->proven)
        return;
    a->refused_count = 0;
    for (unsigned i = 0; i < refusals->count && i < EWS_REFUSALS_MAX; i++) {
        int64_t ago = now.utc - refusals->at[i];

        if (ago < EWS_REFUSALS_MS)
            refusal_add(a, now.mono - (ago > 0 ? ago : 0)); /* the clock was set back */
    }
}

gw_time ews_account_locked_until(const struct ews_account *a, gw_time now)
{
    if (refusals(a, now) < EWS_REFUSALS_MAX)
        return 0;
    return gw_time_after(a->refused[0], EWS_REFUSALS_MS);
}

bool ews_account_is_locked(const struct ews_account *a, gw_time now, struct ews_status *why)
{
    gw_time until = ews_account_locked_until(a, now);
    int64_t left_ms = until - now;

    if (!until)
        return false;
    ews_status_set(why, EWS_CREDENTIALS, "locked-out",
                   "not sent: the account was refused %d times; set the right password, or wait %d "
                   "minutes",
                   EWS_REFUSALS_MAX, (int)(left_ms / GW_MINUTE_MS) + 1);
    why->backoff_ms = left_ms;
    return true;
}

/* ---- trials ----------------------------------------------------------------------------------- */

static unsigned trials_max(const struct ews_account *a)
{
    return a->proven ? EWS_REFUSALS_MAX - refusals(a, account_now(a)) : 1;
}

static unsigned trials_running(const struct ews_account *a)
{
    unsigned n = 0;

    for (struct gw_list *it = a->trials.next; it != &a->trials; it = it->next)
        n += GW_CONTAINER(it, struct ews_trial, link)->epoch == a->epoch;
    return n;
}

static bool trial_may_run(const struct ews_account *a)
{
    return ews_account_locked_until(a, account_now(a)) || trials_running(a) < trials_max(a);
}

static void on_trials_timer(struct gw_now now, void *ctx)
{
    struct ews_account *a = ctx;

    (void)now;
    while (!gw_list_is_empty(&a->trials_waiting) && trial_may_run(a)) {
        struct ews_trial *t = GW_CONTAINER(a->trials_waiting.next, struct ews_trial, link);

        gw_list_remove(&t->link);
        gw_list_append(&a->trials, &t->link);
        t->epoch = a->epoch;
        t->go(t->ctx);
    }
}

bool ews_trial_begin(struct ews_trial *t, struct ews_account *a, void (*go)(void *ctx), void *ctx)
{
    bool now = gw_list_is_empty(&a->trials_waiting) && trial_may_run(a);

    *t = (struct ews_trial){ .account = a, .epoch = a->epoch, .go = go, .ctx = ctx };
    gw_list_init(&t->link);
    gw_list_append(now ? &a->trials : &a->trials_waiting, &t->link);
    return now;
}

/* The next one goes in the next round: whoever ends one may have more to tell of it. */
void ews_trial_end(struct ews_trial *t)
{
    if (!t->account)
        return;
    gw_list_remove(&t->link);
    net_timer_set(t->account->trials_timer, account_now(t->account));
    t->account = NULL;
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
    gw_secret_free(&a->password);
    ews_cred_unref(&a->cred);
    free(a->token_url);
    free(a->token_scope);
}

static void on_secret_refused(void *ctx)
{
    struct ews_account *a = ctx;

    ews_account_refused(a, a->epoch, account_now(a));
}

/* What was refused would be refused again. */
static bool is_same(const struct ews_account *a, const struct ews_account_args *args)
{
    return a->name && strcmp(a->name, args->name) == 0 && strcmp(a->password, args->password) == 0;
}

static void account_take(struct ews_account *a, const struct ews_account_args *args)
{
    char *name = gw_str_dup(gw_str_of(args->name));
    char *password = gw_str_dup(gw_str_of(args->password)); /* args may be our own */
    char *url = gw_str_dup(gw_str_of(args->token_url));
    char *scope = gw_str_dup(gw_str_of(args->token_scope));
    struct ews_token_args token = { .url = url,
                                    .client_id = name,
                                    .client_secret = password,
                                    .scope = scope,
                                    .tls = args->token_tls,
                                    .refused = on_secret_refused,
                                    .ctx = a };

    if (!is_same(a, args))
        a->refused_count = 0;
    account_forget(a);
    a->token_url = url;
    a->token_scope = scope;
    a->auth = args->auth;
    a->name = name;
    a->password = password;
    a->epoch++;
    a->doubt++;
    a->proven = false;
    ews_token_set(a->token, args->auth == EWS_AUTH_OAUTH ? &token : NULL);
}

struct ews_account *ews_account_new(struct net_loop *loop, struct net_pool *pool)
{
    struct ews_account *a = gw_new(struct ews_account);

    a->loop = loop;
    a->pool = pool;
    gw_list_init(&a->clients);
    gw_list_init(&a->trials);
    gw_list_init(&a->trials_waiting);
    a->trials_timer = net_timer_new(loop, on_trials_timer, a);
    a->token = ews_token_new(loop);
    return a;
}

void ews_account_free(struct ews_account **ap)
{
    struct ews_account *a = *ap;
    struct gw_list *link;

    if (!a)
        return;
    *ap = NULL;
    while ((link = gw_list_pop(&a->trials))) /* threads that have not ended yet */
        GW_CONTAINER(link, struct ews_trial, link)->account = NULL;
    account_forget(a);
    ews_token_free(&a->token);
    net_timer_free(&a->trials_timer);
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
        a->cred = ews_cred_new(a->name, a->password);
    return a->cred;
}
