/* Gateways as they are kept: one record each. */
#include "gd_gateways.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cert_name.h"
#include "gd_account.h"
#include "gd_check.h"
#include "gd_rule_test.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_map.h"
#include "gw_mem.h"

#define KIND_GATEWAY "gateway"

enum {
    NAME_MAX_LEN = 64,
    DESCRIPTION_MAX = 256,
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
    struct gd_account *shared;
    struct gw_map *own; /* struct gd_account by key: those of gateways that have their own */
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
                                    struct gd_account *account, struct gw_err *err)
{
    struct ews_client_args args = {
        .host = gateway->host,
        .port = gateway->port,
        .account = gd_account_login(account),
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

/* A new gateway as 'old' (NULL: none) would be after the edit. */
static enum gw_code gateway_make(struct gd_gateways *g, struct gw_str name,
                                 const struct gateway *old, const struct admin_gateway_edit *edit,
                                 struct gd_account *account, struct gateway **out,
                                 struct gw_err *err)
{
    struct gateway *gateway = gw_new(struct gateway);
    enum gw_code rc;

    gateway->name = gw_str_dup(name);
    gateway->http = edit->http >= 0 ? edit->http : old ? old->http : false;
    gateway->drained = old && old->drained;
    gateway->host = cert_name_dup(edit->host.p ? edit->host : gw_str_of(old ? old->host : ""));
    gateway->description =
        gw_str_dup(edit->description.p ? gw_str_utf8_cut(edit->description, DESCRIPTION_MAX)
                                       : gw_str_of(old ? old->description : ""));
    if (edit->port >= 0)
        gateway->port = (uint16_t)edit->port;
    else
        gateway->port = old ? old->port : gateway->http ? HTTP_PORT : HTTPS_PORT;
    rc = gd_http_check(g->gd, gateway->http, err);
    if (!rc && !gateway->host[0])
        rc = gw_fail(err, GW_INVALID, "which host? give its name or address");
    if (!rc)
        rc = gateway_connect(g, gateway, account, err);
    if (rc)
        gateway_free(&gateway);
    else
        *out = gateway;
    return rc;
}

/* --- records */

static void gateway_save(struct store_batch *b, const struct gateway *gateway)
{
    gd_record_put(b, KIND_GATEWAY, gateway->name,
                  json_pack("{s:s, s:i, s:b, s:s, s:b}", "host", gateway->host, "port",
                            (int)gateway->port, "http", gateway->http, "description",
                            gateway->description, "drained", gateway->drained));
}

/* --- accounts */

static struct gd_account *own_account(const struct gd_gateways *g, struct gw_str name)
{
    char key[sizeof(GD_ACCOUNT_OWN) + NAME_MAX_LEN];

    snprintf(key, sizeof(key), GD_ACCOUNT_OWN "%.*s", GW_STR_ARG(name));
    return gw_map_get(g->own, gw_str_of(key));
}

static struct gd_account *account_of(const struct gd_gateways *g, struct gw_str name)
{
    struct gd_account *own = own_account(g, name);

    return own ? own : g->shared;
}

static struct gd_account *own_account_new(const struct gd_gateways *g, struct gw_str name)
{
    char key[sizeof(GD_ACCOUNT_OWN) + NAME_MAX_LEN];

    snprintf(key, sizeof(key), GD_ACCOUNT_OWN "%.*s", GW_STR_ARG(name));
    return gd_account_new(g->gd, key, g->shared);
}

static void own_account_put(struct gd_gateways *g, struct gd_account *account)
{
    gw_map_set(g->own, gw_str_of(gd_account_key(account)), account);
}

/* After its client. */
static void own_account_remove(struct gd_gateways *g, struct gw_str name, struct store_batch *b)
{
    struct gd_account *account = own_account(g, name);

    if (!account)
        return;
    store_del(b, GD_ACCOUNT_KIND, gw_str_of(gd_account_key(account)));
    gw_map_remove(g->own, gw_str_of(gd_account_key(account)));
    gd_account_free(&account);
}

static void account_recall(struct gd_account *account, const struct gd_account *refused,
                           const struct ews_refusals *refusals)
{
    if (gd_account_is_namesake(account, refused))
        ews_account_recall(gd_account_login(account), refusals);
}

void gd_gateways_refused(const struct gd_gateways *g, const struct gd_account *refused,
                         const struct ews_refusals *refusals)
{
    struct gd_account *account;
    size_t pos = 0;

    account_recall(g->shared, refused, refusals);
    while ((account = gw_map_next(g->own, &pos)))
        account_recall(account, refused, refusals);
}

static void account_load_one(const struct store_record *r, void *ctx)
{
    struct gd_gateways *g = ctx;
    struct gd_account *account = g->shared;
    char key[GW_QUOTE_MAX];
    struct gw_str name;
    struct gw_err err;

    if (gw_str_cut(r->key, GD_ACCOUNT_OWN, NULL, &name) && name.len <= NAME_MAX_LEN) {
        account = own_account_new(g, name);
        own_account_put(g, account);
    } else if (!gw_str_is(r->key, GD_ACCOUNT_SHARED)) {
        return;
    }
    if (gd_account_read(account, r->value, &err))
        gw_error("gatewayd", "account %s cannot be used: %s; set it again: kalendsctl gateway edit",
                 gw_quote(r->key, key), err.msg);
}

static enum gw_code gateway_read(struct gd_gateways *g, const struct store_record *r,
                                 struct gateway **out, struct gw_err *err)
{
    json_t *json = json_loadb(r->value.p, r->value.len, 0, NULL);
    struct admin_gateway_edit edit = { .port = -1, .http = -1, .own_account = -1 };
    struct gd_account *account = account_of(g, r->key);
    const char *host, *description;
    int port, drained = false;
    enum gw_code rc;

    if (json_unpack(json, "{s:s, s:i, s:b, s:s, s?b}", "host", &host, "port", &port, "http",
                    &edit.http, "description", &description, "drained", &drained)) {
        rc = gw_fail(err, GW_BADMSG, "the record makes no sense");
    } else if (!gd_account_name(account)) {
        rc = gw_fail(err, GW_INVALID, "it has no account");
    } else {
        edit.host = gw_str_of(host);
        edit.description = gw_str_of(description);
        edit.port = port;
        rc = gateway_make(g, r->key, NULL, &edit, account, out, err);
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
    enum gw_code rc = gd_load(gd, GD_ACCOUNT_KIND, account_load_one, gd->gateways, err);

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
    g->shared = gd_account_new(gd, GD_ACCOUNT_SHARED, NULL);
    g->own = gw_map_new();
    return g;
}

void gd_gateways_free(struct gd_gateways **gp)
{
    struct gd_gateways *g = *gp;
    struct gd_account *account;
    struct gateway *gateway;
    size_t pos = 0;

    if (!g)
        return;
    *gp = NULL;
    gd_account_hush(g->shared);
    while ((account = gw_map_next(g->own, &pos)))
        gd_account_hush(account);
    pos = 0;
    while ((gateway = gw_map_next(g->by_name, &pos)))
        gateway_free(&gateway);
    gw_map_free(&g->by_name);
    gd_account_free(&g->shared);
    pos = 0;
    while ((account = gw_map_next(g->own, &pos)))
        gd_account_free(&account);
    gw_map_free(&g->own);
    free(g);
}

void gd_gateways_timeout_set(struct gd_gateways *g, unsigned ms)
{
    struct gateway *gateway;
    size_t pos = 0;

    while ((gateway = gw_map_next(g->by_name, &pos)))
        ews_client_set_timeout(gateway->client, ms);
}

/* At once, with what was set. */
static void gateway_try(struct gd_gateways *g, const struct gateway *gateway)
{
    struct gw_now now = net_loop_now(g->gd->loop);
    struct sched_gateway_view view;

    if (sched_gateway_view(g->gd->sched, gw_str_of(gateway->name), now, &view) &&
        view.state != SCHED_GATEWAY_UP)
        sched_gateway_put(g->gd->sched, gw_str_of(gateway->name), now);
}

/* Those that are not up: the others have answers under way, and streams that go on. */
static void gateways_try(struct gd_gateways *g)
{
    const struct gateway *gateway;
    size_t pos = 0;

    while ((gateway = gw_map_next(g->by_name, &pos)))
        gateway_try(g, gateway);
}

enum gw_code gd_gateways_login_set(struct gd_gateways *g, struct gw_err *err)
{
    enum gw_code rc = gd_account_params_changed(g->shared, err);
    struct gd_account *account;
    size_t pos = 0;

    while (!rc && (account = gw_map_next(g->own, &pos)))
        rc = gd_account_params_changed(account, err);
    if (!rc)
        gateways_try(g);
    return rc;
}

void gd_gateways_trust_changed(struct gd *gd)
{
    struct gateway *gateway;
    size_t pos = 0;

    while ((gateway = gw_map_next(gd->gateways->by_name, &pos))) {
        ews_client_reconnect(gateway->client);
        gateway_try(gd->gateways, gateway);
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
                .account = gw_str_of(gd_account_name(account_of(g, gw_str_of(list[i]->name)))),
                .description = gw_str_of(list[i]->description),
                .port = list[i]->port,
                .http = list[i]->http,
                .own_account = own_account(g, gw_str_of(list[i]->name)) != NULL,
                .has_password = true,
            },
            each_ctx);
    free(list);
}

struct ews_account *gd_gateways_account(const struct gd_gateways *g)
{
    return gd_account_name(g->shared) ? gd_account_login(g->shared) : NULL;
}

void gd_gateways_first_url(const struct gd_gateways *g, struct gw_buf *out)
{
    const struct gateway *gateway, *first = NULL;
    size_t pos = 0;

    while ((gateway = gw_map_next(g->by_name, &pos)))
        if (!first || strcmp(gateway->name, first->name) < 0)
            first = gateway;
    if (first)
        gw_buf_addf(out, strchr(first->host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
                    first->http ? "http" : "https", first->host, first->port);
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

/* A change on its way. */
struct change {
    struct gateway *gateway;
    struct gd_account *account; /* that it will have */
    struct gd_account_edit edit;
    bool own; /* it is the gateway's */
};

static bool is_same_server(const struct gateway *a, const struct gateway *b)
{
    return gw_str_ieq(gw_str_of(a->host), gw_str_of(b->host)) && a->port == b->port;
}

/* The record first, then the change: done comes when it is on the disk. */
static void change_commit(struct gd_gateways *g, struct change *c, store_done_fn *done,
                          void *done_ctx)
{
    struct store_batch *b = store_batch_new();
    struct gateway *gateway = c->gateway;
    struct gw_str name = gw_str_of(gateway->name);
    struct gateway *old = gw_map_get(g->by_name, name);
    bool account_changed = c->edit.changed;

    gd_checks_abort(g->gd, name);
    gd_rule_tests_abort(g->gd, name);
    if (account_changed) {
        gd_account_apply(c->account, &c->edit);
        gd_account_save(c->account, b);
        gateways_try(g);
    }
    if (old && !is_same_server(old, gateway))
        sched_gateway_replaced(g->gd->sched, name, net_loop_now(g->gd->loop));
    gateway_put(g, gateway); /* calls of the old one are cancelled here */
    gateway_free(&old);
    if (c->own)
        own_account_put(g, c->account);
    else
        own_account_remove(g, name, b);
    gateway_save(b, gateway);
    store_commit(g->gd->store, &b, done, done_ctx);
    gw_info("gatewayd", "gateway set name=%s host=%s port=%u%s%s", gateway->name, gateway->host,
            gateway->port, gateway->http ? " http=yes" : "",
            !account_changed ? ""
            : c->own         ? " account=new own=yes"
                             : " account=new");
}

static enum gw_code gateway_change(struct gd *gd, struct gw_str name, const struct gateway *old,
                                   const struct admin_gateway_edit *edit, store_done_fn *done,
                                   void *done_ctx, struct gw_err *err)
{
    struct gd_gateways *g = gd->gateways;
    struct gd_account *has = own_account(g, name), *fresh = NULL;
    struct change c = { .own = edit->own_account >= 0 ? edit->own_account : has != NULL };
    enum gw_code rc;

    if (c.own && !has)
        fresh = own_account_new(g, name);
    c.account = !c.own ? g->shared : has ? has : fresh;
    rc = gd_account_edit_init(c.account, edit, &c.edit, err);
    if (!rc)
        rc = gateway_make(g, name, old, edit, c.account, &c.gateway, err);
    if (!rc)
        change_commit(g, &c, done, done_ctx);
    else
        gd_account_free(&fresh);
    gd_account_edit_done(&c.edit);
    return rc;
}

static bool is_description_only(const struct admin_gateway_edit *edit)
{
    return edit->description.p && !edit->host.p && !edit->account.p && !edit->password.p &&
           edit->port < 0 && edit->http < 0 && edit->own_account < 0;
}

/* It is no other gateway: what is under way goes on, and a back-off is not over. */
static void describe(struct gd *gd, struct gateway *gateway, struct gw_str description,
                     store_done_fn *done, void *done_ctx)
{
    struct store_batch *b = store_batch_new();

    free(gateway->description);
    gateway->description = gw_str_dup(gw_str_utf8_cut(description, DESCRIPTION_MAX));
    gateway_save(b, gateway);
    store_commit(gd->store, &b, done, done_ctx);
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
    struct gateway *old = gw_map_get(gd->gateways->by_name, name);

    if (!old)
        return no_gateway(name, err);
    if (is_description_only(edit)) {
        describe(gd, old, edit->description, done, done_ctx);
        return GW_OK;
    }
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
    gd_rule_tests_abort(gd, name);
    sched_gateway_remove(gd->sched, name, net_loop_now(gd->loop));
    gw_map_remove(gd->gateways->by_name, name);
    gw_info("gatewayd", "gateway removed name=%s", gateway->name);
    b = store_batch_new();
    store_del(b, KIND_GATEWAY, name);
    gateway_free(&gateway);
    own_account_remove(gd->gateways, name, b);
    store_commit(gd->store, &b, done, done_ctx);
    return GW_OK;
}
