/* Gateways as they are kept: one record each, and one for the account with its password sealed. */
#include "gd_gateways.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ews_token.h"
#include "gd_check.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_map.h"
#include "gw_mem.h"

#define KIND_GATEWAY "gateway"
#define KIND_ACCOUNT "account"
#define ACCOUNT_KEY  "exchange"
#define SEAL_CONTEXT "account/exchange"

enum {
    NAME_MAX_LEN = 64,
    DESCRIPTION_MAX = 256,
    PASSWORD_MAX = 1024,
    GATEWAYS_MAX = 1000,
    /* The most Exchange Threads, and the streams of 100,000 users, 200 on each. */
    CALLS_MAX = 100 + 100000 / EWS_STREAM_IDS_MAX,
    HTTPS_PORT = 443,
    HTTP_PORT = 80
};

struct gateway {
    char *name, *host, *description;
    uint16_t port;
    bool http, drained;
    struct cert_client *cert; /* NULL: http */
    struct net_tls_policy policy;
    struct ews_client *client;
};

struct gd_gateways {
    struct gd *gd;
    struct gw_map *by_name;
    struct gw_list calls;
    char *account, *password;       /* NULL: not set yet */
    struct ews_account *login;      /* set when account and password are */
    struct cert_client *token_cert; /* of the token endpoint; NULL: none is set */
    struct net_tls_policy token_policy;
};

/* One request of the scheduler on its way, or a stream. */
struct exchange_call {
    struct gw_list link;
    struct gd_gateways *gateways;
    struct ews_call *call;
    sched_event_fn *event; /* of a stream */
    sched_answer_fn *done;
    void *done_ctx;
};

/* --- what the scheduler sends through */

static void call_done(const struct ews_answer *answer, void *ctx)
{
    struct exchange_call *c = ctx;
    struct gw_now now = net_loop_now(c->gateways->gd->loop);
    sched_answer_fn *done = c->done;
    void *done_ctx = c->done_ctx;

    gw_list_remove(&c->link);
    free(c);
    done(answer, now, done_ctx);
}

static void call_event(const struct ews_notification *n, void *ctx)
{
    struct exchange_call *c = ctx;

    c->event(n, net_loop_now(c->gateways->gd->loop), c->done_ctx);
}

static struct ews_client *client_of(const struct gd_gateways *g, struct gw_str name)
{
    struct gateway *gateway = gw_map_get(g->by_name, name);

    assert(gateway);
    return gateway->client;
}

static struct exchange_call *call_new(struct gd_gateways *g, sched_answer_fn *done, void *done_ctx)
{
    struct exchange_call *c = gw_new(struct exchange_call);

    *c = (struct exchange_call){ .gateways = g, .done = done, .done_ctx = done_ctx };
    gw_list_append(&g->calls, &c->link);
    return c;
}

static void *exchange_start(void *ctx, struct gw_str name, const struct ews_request *request,
                            sched_answer_fn *done, void *done_ctx)
{
    struct exchange_call *c = call_new(ctx, done, done_ctx);

    c->call = ews_client_start(client_of(ctx, name), request, call_done, c);
    return c;
}

static void *exchange_stream(void *ctx, struct gw_str name, const struct ews_request *request,
                             sched_event_fn *event, sched_answer_fn *done, void *done_ctx)
{
    struct exchange_call *c = call_new(ctx, done, done_ctx);

    c->event = event;
    c->call = ews_client_stream_start(client_of(ctx, name), request, call_event, call_done, c);
    return c;
}

static void exchange_cancel(void *ctx, void *handle)
{
    struct exchange_call *c = handle;

    (void)ctx;
    ews_call_cancel(&c->call);
    gw_list_remove(&c->link);
    free(c);
}

struct sched_exchange gd_gateways_exchange(struct gd_gateways *g)
{
    return (struct sched_exchange){
        .start = exchange_start, .cancel = exchange_cancel, .ctx = g, .stream = exchange_stream
    };
}

/* --- one gateway */

static void gateway_free(struct gateway **gatewayp)
{
    struct gateway *gateway = *gatewayp;

    if (!gateway)
        return;
    *gatewayp = NULL;
    ews_client_free(&gateway->client);
    cert_client_free(&gateway->cert);
    free(gateway->name);
    free(gateway->host);
    free(gateway->description);
    free(gateway);
}

static unsigned timeout_ms(const struct gd *gd)
{
    return (unsigned)(gd->settings.sched.exchange_timeout_s * GW_SECOND_MS);
}

/* What is needed to talk to the server at gateway->host. */
static enum gw_code gateway_connect(struct gd_gateways *g, struct gateway *gateway,
                                    struct gw_err *err)
{
    struct ews_client_args args = {
        .host = gateway->host,
        .port = gateway->port,
        .account = g->login,
        .timeout_ms = timeout_ms(g->gd),
        .calls_max = CALLS_MAX,
        .allow_http = gateway->http,
    };
    enum gw_code rc;

    if (!gateway->http) {
        rc = cert_client_new(g->gd->certs, CERT_TRUST_EXCHANGE, gw_str_of(gateway->host),
                             &gateway->cert, err);
        if (rc)
            return rc;
        gateway->policy = cert_client_policy(gateway->cert);
        args.tls = &gateway->policy;
    }
    return ews_client_new(g->gd->loop, &args, &gateway->client, err);
}

static enum gw_code name_check(struct gw_str name, struct gw_err *err)
{
    bool fine = name.len > 0 && name.len <= NAME_MAX_LEN;

    for (size_t i = 0; i < name.len; i++)
        fine &= (name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= 'A' && name.p[i] <= 'Z') ||
                (name.p[i] >= '0' && name.p[i] <= '9') || strchr("-_.", name.p[i]) != NULL;
    if (!fine)
        return gw_fail(err, GW_INVALID,
                       "the name of a gateway is 1 to %d letters, digits, '-', '_' and '.'",
                       NAME_MAX_LEN);
    return GW_OK;
}

static enum gw_code http_check(const struct gd *gd, bool http, struct gw_err *err)
{
    if (http && !gd->config.lab_allow_http)
        return gw_fail(err, GW_INVALID,
                       "plain HTTP would show the password to the network; for a lab, set "
                       "'lab_allow_http = yes' in the configuration file and restart");
    return GW_OK;
}

/* A new gateway as 'old' (NULL: none) would be after the edit. */
static enum gw_code gateway_make(struct gd_gateways *g, struct gw_str name,
                                 const struct gateway *old, const struct admin_gateway_edit *edit,
                                 struct gateway **out, struct gw_err *err)
{
    struct gateway *gateway = gw_new(struct gateway);
    enum gw_code rc;

    gateway->name = gw_str_dup(name);
    gateway->http = edit->http >= 0 ? edit->http : old ? old->http : false;
    gateway->drained = old && old->drained;
    gateway->host = gw_str_dup(edit->host.p ? edit->host : gw_str_of(old ? old->host : ""));
    gateway->description =
        gw_str_dup(edit->description.p ? gw_str_utf8_cut(edit->description, DESCRIPTION_MAX)
                                       : gw_str_of(old ? old->description : ""));
    if (edit->port >= 0)
        gateway->port = (uint16_t)edit->port;
    else
        gateway->port = old ? old->port : gateway->http ? HTTP_PORT : HTTPS_PORT;
    rc = http_check(g->gd, gateway->http, err);
    if (!rc && !gateway->host[0])
        rc = gw_fail(err, GW_INVALID, "which host? give its name or address");
    if (!rc)
        rc = gateway_connect(g, gateway, err);
    if (rc)
        gateway_free(&gateway);
    else
        *out = gateway;
    return rc;
}

/* --- records */

static void record_put(struct store_batch *b, const char *kind, const char *key, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);

    store_put(b, kind, gw_str_of(key), (struct gw_str){ NULL, 0 }, gw_str_of(text));
    free(text);
    json_decref(json);
}

static void gateway_save(struct store_batch *b, const struct gateway *gateway)
{
    record_put(b, KIND_GATEWAY, gateway->name,
               json_pack("{s:s, s:i, s:b, s:s, s:b}", "host", gateway->host, "port",
                         (int)gateway->port, "http", gateway->http, "description",
                         gateway->description, "drained", gateway->drained));
}

static void account_save(struct store_batch *b, const struct gd_gateways *g)
{
    struct gw_buf sealed;

    gw_buf_init(&sealed, 4 * PASSWORD_MAX);
    store_seal(g->gd->store, GW_STR(SEAL_CONTEXT), gw_str_of(g->password), &sealed);
    record_put(b, KIND_ACCOUNT, ACCOUNT_KEY,
               json_pack("{s:s, s:s%}", "account", g->account, "password", sealed.p, sealed.len));
    gw_buf_done(&sealed);
}

static struct ews_account_args login_args(const struct gd_gateways *g, const char *account,
                                          const char *password)
{
    const struct ews_settings *settings = &g->gd->settings.ews;

    return (struct ews_account_args){ .auth = (enum ews_auth)settings->auth,
                                      .name = account,
                                      .password = password,
                                      .token_url = settings->token_url,
                                      .token_scope = settings->token_scope,
                                      .token_tls = g->token_cert ? &g->token_policy : NULL };
}

/* The token endpoint's certificate is checked as Exchange's own; without TLS it is for labs. */
static enum gw_code token_cert_new(const struct gd_gateways *g, struct cert_client **out,
                                   struct gw_err *err)
{
    struct gw_str url = gw_str_of(g->gd->settings.ews.token_url), host;
    enum gw_code rc;

    *out = NULL;
    if (!url.len)
        return GW_OK;
    rc = ews_token_url_check(url, &host, err);
    if (rc)
        return rc;
    if (gw_str_starts(url, "http:"))
        return http_check(g->gd, true, err);
    return cert_client_new(g->gd->certs, CERT_TRUST_EXCHANGE, host, out, err);
}

static enum gw_code login_set(struct gd_gateways *g, const char *account, const char *password,
                              struct gw_err *err)
{
    struct cert_client *old = g->token_cert, *cert;
    struct net_tls_policy old_policy = g->token_policy;
    struct ews_account_args args;
    enum gw_code rc = token_cert_new(g, &cert, err);

    if (rc)
        return rc;
    g->token_cert = cert;
    if (cert)
        g->token_policy = cert_client_policy(cert);
    args = login_args(g, account, password);
    rc = account ? ews_account_set(g->login, &args, err) : GW_OK;
    if (rc) {
        g->token_cert = old;
        g->token_policy = old_policy;
        cert_client_free(&cert);
        return rc;
    }
    cert_client_free(&old);
    return GW_OK;
}

static enum gw_code account_read(struct gd_gateways *g, struct gw_str value, struct gw_err *err)
{
    json_t *json = json_loadb(value.p, value.len, 0, NULL);
    const char *account, *sealed;
    struct gw_buf password;
    enum gw_code rc;

    gw_buf_init(&password, PASSWORD_MAX + 1);
    if (json_unpack(json, "{s:s, s:s}", "account", &account, "password", &sealed))
        rc = gw_fail(err, GW_BADMSG, "the record of the Exchange account makes no sense");
    else
        rc = store_unseal(g->gd->store, GW_STR(SEAL_CONTEXT), gw_str_of(sealed), &password, err);
    if (!rc)
        rc = login_set(g, account, password.p ? password.p : "", err);
    if (!rc) {
        g->account = gw_str_dup(gw_str_of(account));
        g->password = gw_str_dup(gw_buf_str(&password));
    }
    if (password.p)
        gw_wipe(password.p, password.len);
    gw_buf_done(&password);
    json_decref(json);
    return rc;
}

static void account_load_one(const struct store_record *r, void *ctx)
{
    struct gd_gateways *g = ctx;
    struct gw_err err;

    if (gw_str_is(r->key, ACCOUNT_KEY) && account_read(g, r->value, &err))
        gw_error("gatewayd",
                 "account of Exchange cannot be used: %s; set it again: kalendsctl gateway edit",
                 err.msg);
}

static enum gw_code gateway_read(struct gd_gateways *g, const struct store_record *r,
                                 struct gateway **out, struct gw_err *err)
{
    json_t *json = json_loadb(r->value.p, r->value.len, 0, NULL);
    struct admin_gateway_edit edit = { .port = -1, .http = -1 };
    const char *host, *description;
    int port, drained = false;
    enum gw_code rc;

    if (json_unpack(json, "{s:s, s:i, s:b, s:s, s?b}", "host", &host, "port", &port, "http",
                    &edit.http, "description", &description, "drained", &drained)) {
        rc = gw_fail(err, GW_BADMSG, "the record makes no sense");
    } else {
        edit.host = gw_str_of(host);
        edit.description = gw_str_of(description);
        edit.port = port;
        rc = g->account ? gateway_make(g, r->key, NULL, &edit, out, err)
                        : gw_fail(err, GW_INVALID, "it has no account");
        if (!rc)
            (*out)->drained = drained;
    }
    json_decref(json);
    return rc;
}

static void gateway_put(struct gd_gateways *g, struct gateway *gateway)
{
    gw_map_set(g->by_name, gw_str_of(gateway->name), gateway);
    sched_gateway_put(g->gd->sched, gw_str_of(gateway->name), net_loop_now(g->gd->loop));
    sched_gateway_drain(g->gd->sched, gw_str_of(gateway->name), gateway->drained,
                        net_loop_now(g->gd->loop));
}

static void gateway_load_one(const struct store_record *r, void *ctx)
{
    struct gd_gateways *g = ctx;
    struct gateway *gateway;
    char name[GW_QUOTE_MAX];
    struct gw_err err;

    if (gateway_read(g, r, &gateway, &err))
        gw_error("gatewayd", "gateway left out name=%s error='%s'", gw_quote(r->key, name),
                 err.msg);
    else
        gateway_put(g, gateway);
}

enum gw_code gd_gateways_load(struct gd *gd, struct gw_err *err)
{
    enum gw_code rc = gd_load(gd, KIND_ACCOUNT, account_load_one, gd->gateways, err);

    if (!rc)
        rc = gd_load(gd, KIND_GATEWAY, gateway_load_one, gd->gateways, err);
    return rc;
}

/* --- life */

struct gd_gateways *gd_gateways_new(struct gd *gd)
{
    struct gd_gateways *g = gw_new(struct gd_gateways);

    g->gd = gd;
    g->by_name = gw_map_new();
    gw_list_init(&g->calls);
    g->login = ews_account_new(gd->loop, gd->pool);
    return g;
}

void gd_gateways_free(struct gd_gateways **gp)
{
    struct gd_gateways *g = *gp;
    struct gateway *gateway;
    size_t pos = 0;

    if (!g)
        return;
    *gp = NULL;
    while ((gateway = gw_map_next(g->by_name, &pos)))
        gateway_free(&gateway);
    gw_map_free(&g->by_name);
    ews_account_free(&g->login);
    cert_client_free(&g->token_cert);
    free(g->account);
    gw_secret_free(&g->password);
    free(g);
}

void gd_gateways_timeout_set(struct gd_gateways *g, unsigned ms)
{
    struct gateway *gateway;
    size_t pos = 0;

    while ((gateway = gw_map_next(g->by_name, &pos)))
        ews_client_set_timeout(gateway->client, ms);
}

/* Those that are not up are tried with what was set. */
static void gateways_try(struct gd_gateways *g)
{
    struct gw_now now = net_loop_now(g->gd->loop);
    struct gateway *gateway;
    size_t pos = 0;

    while ((gateway = gw_map_next(g->by_name, &pos)))
        sched_gateway_put(g->gd->sched, gw_str_of(gateway->name), now);
}

enum gw_code gd_gateways_login_set(struct gd_gateways *g, struct gw_err *err)
{
    enum gw_code rc = login_set(g, g->account, g->password, err);

    if (!rc)
        gateways_try(g);
    return rc;
}

void gd_gateways_trust_changed(struct gd *gd)
{
    struct gw_now now = net_loop_now(gd->loop);
    struct sched_gateway_view view;
    struct gateway *gateway;
    size_t pos = 0;

    while ((gateway = gw_map_next(gd->gateways->by_name, &pos))) {
        ews_client_reconnect(gateway->client);
        if (sched_gateway_view(gd->sched, gw_str_of(gateway->name), now, &view) &&
            view.state != SCHED_GATEWAY_UP)
            sched_gateway_put(gd->sched, gw_str_of(gateway->name), now);
    }
}

/* --- shown and changed */

static int by_name(const void *a, const void *b)
{
    const struct gateway *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

void gd_gateways_each(const struct gd_gateways *g, admin_gateway_fn *each, void *each_ctx)
{
    size_t count = gw_map_len(g->by_name), pos = 0;
    struct gateway **list = gw_realloc(NULL, count + 1, sizeof(*list));

    for (size_t i = 0; i < count; i++)
        list[i] = gw_map_next(g->by_name, &pos);
    qsort(list, count, sizeof(*list), by_name);
    for (size_t i = 0; i < count; i++)
        each(
            &(struct admin_gateway){
                .name = gw_str_of(list[i]->name),
                .host = gw_str_of(list[i]->host),
                .account = gw_str_of(g->account),
                .description = gw_str_of(list[i]->description),
                .port = list[i]->port,
                .http = list[i]->http,
                .has_password = g->password != NULL,
            },
            each_ctx);
    free(list);
}

struct ews_account *gd_gateways_account(const struct gd_gateways *g)
{
    return g->account ? g->login : NULL;
}

const char *gd_gateway_of_host(const struct gd_gateways *g, struct gw_str host, uint16_t port)
{
    const struct gateway *gateway;
    size_t pos = 0;

    while ((gateway = gw_map_next(g->by_name, &pos)))
        if (gw_str_ieq(host, gw_str_of(gateway->host)) && gateway->port == port)
            return gateway->name;
    return "";
}

bool gd_gateway_target(const struct gd_gateways *g, struct gw_str name,
                       struct gd_gateway_target *out)
{
    const struct gateway *gateway = gw_map_get(g->by_name, name);

    if (!gateway)
        return false;
    *out = (struct gd_gateway_target){ .host = gateway->host,
                                       .port = gateway->port,
                                       .http = gateway->http,
                                       .client = gateway->client,
                                       .cert = gateway->cert,
                                       .policy = gateway->policy };
    return true;
}

/* The account as it would be after the edit: what was not said stays. */
struct account_edit {
    char *account, *password;
    bool changed;
};

static enum gw_code account_edit_init(const struct gd_gateways *g,
                                      const struct admin_gateway_edit *edit,
                                      struct account_edit *out, struct gw_err *err)
{
    bool other = edit->account.p && g->account && !gw_str_is(edit->account, g->account);

    if (other && !edit->password.p)
        return gw_fail(err, GW_INVALID, "another account needs its password");
    if (edit->password.p && edit->password.len > PASSWORD_MAX)
        return gw_fail(err, GW_INVALID, "the password is longer than %d bytes", PASSWORD_MAX);
    if ((edit->password.p && memchr(edit->password.p, 0, edit->password.len)) ||
        (edit->account.p && memchr(edit->account.p, 0, edit->account.len)))
        return gw_fail(err, GW_INVALID, "account and password must not hold a NUL character");
    *out = (struct account_edit){ .changed = edit->account.p || edit->password.p };
    if (edit->account.p || g->account)
        out->account =
            edit->account.p ? gw_str_dup(edit->account) : gw_str_dup(gw_str_of(g->account));
    if (edit->password.p || g->password)
        out->password =
            edit->password.p ? gw_str_dup(edit->password) : gw_str_dup(gw_str_of(g->password));
    if (out->account && !out->password) {
        free(out->account);
        out->account = NULL;
        return gw_fail(err, GW_INVALID, "the account needs its password");
    }
    return GW_OK;
}

static enum gw_code account_edit_check(const struct gd_gateways *g, const struct account_edit *a,
                                       struct gw_err *err)
{
    struct ews_account_args args = login_args(g, a->account, a->password);

    if (!a->account)
        return gw_fail(err, GW_INVALID, "no account is set yet: give account and password");
    return ews_account_check(&args, err);
}

static void account_edit_done(struct account_edit *a)
{
    free(a->account);
    gw_secret_free(&a->password);
}

/* On every gateway: the next request uses it. It was checked. */
static void account_apply(struct gd_gateways *g, struct account_edit *a)
{
    struct gw_err err;

    free(g->account);
    gw_secret_free(&g->password);
    g->account = a->account;
    g->password = a->password;
    *a = (struct account_edit){ 0 };
    if (login_set(g, g->account, g->password, &err))
        gw_error("gatewayd", "account not changed error='%s'", err.msg);
    gateways_try(g);
}

/* The record first, then the change: done comes when it is on the disk. */
static void change_commit(struct gd_gateways *g, struct gateway *gateway, struct account_edit *a,
                          store_done_fn *done, void *done_ctx)
{
    struct store_batch *b = store_batch_new();
    struct gateway *old = gw_map_get(g->by_name, gw_str_of(gateway->name));
    bool account_changed = a->changed;

    gd_checks_abort(g->gd, gw_str_of(gateway->name));
    if (account_changed) {
        account_apply(g, a);
        account_save(b, g);
    }
    gateway_put(g, gateway); /* calls of the old one are cancelled here */
    gateway_free(&old);
    gateway_save(b, gateway);
    store_commit(g->gd->store, &b, done, done_ctx);
    gw_info("gatewayd", "gateway set name=%s host=%s port=%u%s%s", gateway->name, gateway->host,
            gateway->port, gateway->http ? " http=yes" : "", account_changed ? " account=new" : "");
}

static enum gw_code gateway_change(struct gd *gd, struct gw_str name, const struct gateway *old,
                                   const struct admin_gateway_edit *edit, store_done_fn *done,
                                   void *done_ctx, struct gw_err *err)
{
    struct gd_gateways *g = gd->gateways;
    struct account_edit account = { 0 };
    struct gateway *gateway;
    enum gw_code rc;

    rc = account_edit_init(g, edit, &account, err);
    if (rc)
        return rc;
    rc = account_edit_check(g, &account, err);
    if (!rc)
        rc = gateway_make(g, name, old, edit, &gateway, err);
    if (!rc)
        change_commit(g, gateway, &account, done, done_ctx);
    account_edit_done(&account);
    return rc;
}

enum gw_code gd_gateway_add(struct gd *gd, struct gw_str name,
                            const struct admin_gateway_edit *edit, store_done_fn *done,
                            void *done_ctx, struct gw_err *err)
{
    enum gw_code rc = name_check(name, err);

    if (rc)
        return rc;
    if (gw_map_get(gd->gateways->by_name, name))
        return gw_fail(err, GW_EXISTS, "there is a gateway '%.*s' already", GW_STR_ARG(name));
    if (gw_map_len(gd->gateways->by_name) >= GATEWAYS_MAX)
        return gw_fail(err, GW_LIMIT, "there are %d gateways already", GATEWAYS_MAX);
    return gateway_change(gd, name, NULL, edit, done, done_ctx, err);
}

static enum gw_code no_gateway(struct gw_str name, struct gw_err *err)
{
    return gw_fail(err, GW_NOTFOUND, "there is no gateway '%.*s'",
                   GW_STR_ARG(gw_str_utf8_cut(name, NAME_MAX_LEN)));
}

enum gw_code gd_gateway_edit(struct gd *gd, struct gw_str name,
                             const struct admin_gateway_edit *edit, store_done_fn *done,
                             void *done_ctx, struct gw_err *err)
{
    const struct gateway *old = gw_map_get(gd->gateways->by_name, name);

    if (!old)
        return no_gateway(name, err);
    return gateway_change(gd, name, old, edit, done, done_ctx, err);
}

enum gw_code gd_gateway_drain(struct gd *gd, struct gw_str name, bool drained, store_done_fn *done,
                              void *done_ctx, struct gw_err *err)
{
    struct gateway *gateway = gw_map_get(gd->gateways->by_name, name);
    struct store_batch *b;

    if (!gateway)
        return no_gateway(name, err);
    gateway->drained = drained;
    sched_gateway_drain(gd->sched, name, drained, net_loop_now(gd->loop));
    b = store_batch_new();
    gateway_save(b, gateway);
    store_commit(gd->store, &b, done, done_ctx);
    return GW_OK;
}

enum gw_code gd_gateway_remove(struct gd *gd, struct gw_str name, store_done_fn *done,
                               void *done_ctx, struct gw_err *err)
{
    struct gateway *gateway = gw_map_get(gd->gateways->by_name, name);
    struct store_batch *b;

    if (!gateway)
        return no_gateway(name, err);
    gd_checks_abort(gd, name);
    sched_gateway_remove(gd->sched, name, net_loop_now(gd->loop));
    gw_map_remove(gd->gateways->by_name, name);
    gw_info("gatewayd", "gateway removed name=%s", gateway->name);
    b = store_batch_new();
    store_del(b, KIND_GATEWAY, name);
    store_commit(gd->store, &b, done, done_ctx);
    gateway_free(&gateway);
    return GW_OK;
}
