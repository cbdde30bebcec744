/* The API over its socket, with a directory, a core and a scheduler of its own and a host that is told
 * what to answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "admin_api.h"
#include "bridge.h"
#include "bridge_book.h"
#include "cert.h"
#include "dir.h"
#include "dir_audit.h"
#include "dir_jobs.h"
#include "gw_buf.h"
#include "net_http_client.h"
#include "net_loop.h"
#include "pres.h"
#include "pres_frontend.h"
#include "scheduler.h"
#include "store.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct house {
    char folder[32], socket[64], certs[64];
    struct net_loop *loop;
    struct net_pool *pool;
    struct net_wake *wake;
    struct net_timer *guard;
    struct store *store;
    struct dir *dir;
    struct dir_settings dir_settings;
    struct dir_audit *audit;
    struct dir_jobs *jobs;
    struct net_timer *jobs_timer;
    struct cert_store *cert_store;
    struct pres_core *core;
    struct sched *sched;
    struct bridge_book *book;
    struct bridge_texts *texts;
    struct sched_settings settings;
    struct admin_host host;
    struct admin_api *api;
    struct net_http_slot *slot;

    /* the answer to the last request */
    int status;
    json_t *json;
    char text[4096]; /* of a stream, as far as it came */
    const char *until;

    /* what the host was told, and shall say */
    char told[200];
    enum gw_code refuse;
};

static void guard_rang(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    fprintf(stderr, "no answer in 20 s\n");
    abort();
}

static void store_woken(void *ctx)
{
    struct house *h = ctx;

    store_dispatch(h->store);
}

static void store_wake(void *ctx)
{
    net_wake_send(ctx);
}

/* --- the host */

static void host_gateways(admin_gateway_fn *each, void *each_ctx, void *ctx)
{
    (void)ctx;
    each(&(struct admin_gateway){ .name = GW_STR("cas1"),
                                  .host = GW_STR("mail.example"),
                                  .account = GW_STR("svc"),
                                  .description = GW_STR(""),
                                  .port = 443,
                                  .has_password = true },
         each_ctx);
}

static void save(struct house *h, store_done_fn *done, void *done_ctx)
{
    struct store_batch *b = store_batch_new();

    store_put(b, "thing", GW_STR("key"), GW_STR(""), GW_STR("value"));
    store_commit(h->store, &b, done, done_ctx);
}

static enum gw_code host_gateway_set(struct gw_str name, const struct admin_gateway_edit *edit,
                                     store_done_fn *done, void *done_ctx, struct gw_err *err,
                                     void *ctx)
{
    struct house *h = ctx;

    snprintf(h->told, sizeof(h->told), "%.*s %.*s %d %.*s %d", GW_STR_ARG(name),
             GW_STR_ARG(edit->host), (int)edit->port, GW_STR_ARG(edit->account), edit->http);
    if (h->refuse)
        return gw_fail(err, h->refuse, "refused by the host");
    save(h, done, done_ctx);
    return GW_OK;
}

static enum gw_code host_gateway_remove(struct gw_str name, store_done_fn *done, void *done_ctx,
                                        struct gw_err *err, void *ctx)
{
    (void)err;
    (void)name;
    save(ctx, done, done_ctx);
    return GW_OK;
}

static enum gw_code host_gateway_drain(struct gw_str name, bool drained, store_done_fn *done,
                                       void *done_ctx, struct gw_err *err, void *ctx)
{
    struct house *h = ctx;

    if (!gw_str_is(name, "cas1"))
        return gw_fail(err, GW_NOTFOUND, "there is no gateway '%.*s'", GW_STR_ARG(name));
    snprintf(h->told, sizeof(h->told), "drained %d", drained);
    save(h, done, done_ctx);
    return GW_OK;
}

static enum gw_code host_param_set(struct gw_str key, struct gw_str value, store_done_fn *done,
                                   void *done_ctx, struct gw_err *err, void *ctx)
{
    struct house *h = ctx;
    const struct gw_param *p = gw_param_find(sched_params, sched_param_count, key);

    if (!p)
        return gw_fail(err, GW_NOTFOUND, "no such parameter");
    if (gw_param_set(p, &h->settings, value, err))
        return err->code;
    save(h, done, done_ctx);
    return GW_OK;
}

static enum gw_code host_log_level(struct gw_str component, struct gw_str level, struct gw_err *err,
                                   void *ctx)
{
    struct house *h = ctx;

    (void)err;
    snprintf(h->told, sizeof(h->told), "%.*s=%.*s", GW_STR_ARG(component), GW_STR_ARG(level));
    return GW_OK;
}

static void host_status(json_t *into, void *ctx)
{
    (void)ctx;
    json_object_set_new(into, "data", json_string("here"));
}

static void host_trust(void *ctx)
{
    (void)ctx;
}

/* --- no Exchange: requests stay unanswered */

static void *exchange_start(void *ctx, struct gw_str gateway, const struct ews_request *request,
                            sched_answer_fn *done, void *answer_ctx)
{
    (void)gateway;
    (void)request;
    (void)done;
    (void)answer_ctx;
    return ctx;
}

static void exchange_cancel(void *ctx, void *handle)
{
    (void)ctx;
    (void)handle;
}

/* --- life */

static bool host_calendar(struct gw_str user, gw_utc at, struct pres_calendar *told,
                          struct bridge_look *why, void *ctx)
{
    struct house *h = ctx;
    struct bridge_voice *voice;
    struct sched_calendar c;

    if (!sched_user_calendar(h->sched, user, &c))
        return false;
    voice = bridge_voice_new(h->texts, GW_STR("en"), GW_STR("Etc/UTC"));
    bridge_presence(&(struct bridge_calendar){ .intervals = c.intervals,
                                               .count = c.count,
                                               .from = c.from,
                                               .to = c.to,
                                               .oof = c.oof_known ? &c.oof : NULL },
                    bridge_book_policy(h->book, &(struct bridge_person){ 0 }), voice, at, told,
                    why);
    bridge_voice_free(&voice);
    return true;
}

static void jobs_tick(struct gw_now now, void *ctx)
{
    struct house *h = ctx;

    dir_jobs_tick(h->jobs, now);
}

static void jobs_due(gw_time at, void *ctx)
{
    struct house *h = ctx;

    net_timer_set(h->jobs_timer, at ? at : net_loop_now(h->loop).mono);
}

static void open_rooms(struct house *h)
{
    struct store_args store = { .path = ":memory:", .wake = store_wake };
    struct gw_err err;

    h->wake = net_wake_new(h->loop, store_woken, h);
    store.wake_ctx = h->wake;
    assert_int_equal(store_open(&store, &h->store, &err), GW_OK);
    assert_int_equal(cert_store_open(h->certs, &h->cert_store, &err), GW_OK);
    h->dir = dir_new(h->store);
    dir_load(h->dir, NULL, NULL);
    h->dir_settings.audit_keep = 1000;
    h->audit = dir_audit_new(h->dir, h->store, &h->dir_settings);
    h->jobs_timer = net_timer_new(h->loop, jobs_tick, h);
    h->jobs = dir_jobs_new(
        &(struct dir_jobs_args){ .dir = h->dir, .store = h->store, .due = jobs_due, .ctx = h });
    store_wait(h->store);
    h->core = pres_core_new(&(struct pres_core_args){ .store = h->store });
    sched_settings_default(&h->settings);
    h->sched = sched_new(
        &(struct sched_args){
            .exchange = { .start = exchange_start, .cancel = exchange_cancel, .ctx = h },
            .notify_url = GW_STR("http://gw:50020/ews/notify/") },
        net_loop_now(h->loop));
    h->book = bridge_book_new();
    h->texts = bridge_texts_new();
}

static void open_api(struct house *h)
{
    struct admin_params params = { sched_params, sched_param_count, &h->settings };
    struct gw_err err;

    h->host = (struct admin_host){
        .gateways = host_gateways,
        .gateway_add = host_gateway_set,
        .gateway_edit = host_gateway_set,
        .gateway_remove = host_gateway_remove,
        .gateway_drain = host_gateway_drain,
        .param_set = host_param_set,
        .log_level_set = host_log_level,
        .calendar = host_calendar,
        .status = host_status,
        .trust_changed = host_trust,
        .ctx = h,
    };
    assert_int_equal(admin_api_new(
                         &(struct admin_api_args){
                             .loop = h->loop,
                             .pool = h->pool,
                             .socket_path = h->socket,
                             .dir = h->dir,
                             .jobs = h->jobs,
                             .audit = h->audit,
                             .certs = h->cert_store,
                             .sched = h->sched,
                             .core = h->core,
                             .book = h->book,
                             .texts = h->texts,
                             .params = &params,
                             .params_count = 1,
                             .host = &h->host,
                         },
                         &h->api, &err),
                     GW_OK);
}

static int set_up(void **state)
{
    struct house *h = calloc(1, sizeof(*h));

    assert_non_null(h);
    snprintf(h->folder, sizeof(h->folder), "/tmp/kalends-admin-XXXXXX");
    assert_non_null(mkdtemp(h->folder));
    snprintf(h->socket, sizeof(h->socket), "%s/control.sock", h->folder);
    snprintf(h->certs, sizeof(h->certs), "%s/certs", h->folder);
    h->loop = net_loop_new();
    h->pool = net_pool_new(h->loop, 1);
    h->guard = net_timer_new(h->loop, guard_rang, h);
    open_rooms(h);
    open_api(h);
    h->slot = net_http_slot_new(h->loop, &(struct net_http_slot_args){ .unix_path = h->socket });
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    struct house *h = *state;
    char set[128];

    net_http_slot_free(&h->slot);
    admin_api_stop(h->api);
    net_pool_free(&h->pool);
    sched_free(&h->sched);
    store_close(&h->store);
    bridge_book_free(&h->book);
    bridge_texts_free(&h->texts);
    admin_api_free(&h->api);
    pres_core_free(&h->core);
    dir_jobs_free(&h->jobs);
    dir_audit_free(&h->audit);
    net_timer_free(&h->jobs_timer);
    dir_free(&h->dir);
    cert_store_close(&h->cert_store);
    net_wake_free(&h->wake);
    net_timer_free(&h->guard);
    net_loop_free(&h->loop);
    json_decref(h->json);
    for (const struct cert_trust_set *trust = cert_trust_sets; trust->name; trust++) {
        snprintf(set, sizeof(set), "%s/%s", h->certs, trust->name);
        (void)rmdir(set);
    }
    (void)rmdir(h->certs);
    (void)unlink(h->socket);
    assert_int_equal(rmdir(h->folder), 0);
    free(h);
    return 0;
}

/* --- asking */

static void on_answer(const struct net_http_answer *answer, void *ctx)
{
    struct house *h = ctx;

    assert_int_equal(answer->code, GW_OK);
    h->status = answer->status;
    h->json = json_loadb(answer->body.p, answer->body.len, JSON_DECODE_ANY, NULL);
    net_loop_stop(h->loop);
}

static void run(struct house *h)
{
    net_timer_set(h->guard, gw_time_after(net_loop_now(h->loop).mono, 20 * GW_SECOND_MS));
    net_loop_run(h->loop);
    net_timer_set(h->guard, GW_NEVER);
}

static void start(struct house *h, const char *method, const char *path, struct gw_str body,
                  net_http_data_fn *on_data)
{
    char url[512];

    json_decref(h->json);
    h->json = NULL;
    h->status = 0;
    snprintf(url, sizeof(url), "http://localhost%s", path);
    net_http_start(h->slot,
                   &(struct net_http_request){ .method = method,
                                               .url = url,
                                               .body = body,
                                               .timeout_ms = 15 * GW_SECOND_MS,
                                               .body_max = 16 * 1024 * 1024 },
                   on_data, on_answer, h);
}

static int ask(struct house *h, const char *method, const char *path, const char *body)
{
    start(h, method, path, gw_str_of(body), NULL);
    run(h);
    return h->status;
}

static const char *text_at(const struct house *h, const char *name)
{
    return json_string_value(json_object_get(h->json, name));
}

static json_int_t number_at(const struct house *h, const char *name)
{
    return json_integer_value(json_object_get(h->json, name));
}

/* A domain and ann, with calendar. */
static void furnish(struct house *h)
{
    assert_int_equal(ask(h, "POST", "/v1/domains", "{\"name\": \"Example.COM\"}"), 201);
    assert_string_equal(text_at(h, "name"), "example.com");
    assert_int_equal(
        ask(h, "POST", "/v1/users",
            "{\"user\": \"Ann\", \"im\": true, \"calendar\": true, \"name\": \"Ann A\"}"),
        201);
}

/* --- tests */

static const struct {
    const char *method, *path, *body;
    int status;
    const char *says; /* part of "error"; NULL: nothing to say */
} requests[] = {
    { "GET", "/", NULL, 404, "no such resource" },
    { "GET", "/v1/nonsense", NULL, 404, "no such resource" },
    { "PUT", "/v1/domains", "{}", 405, "GET, POST" },
    { "POST", "/v1/domains", "{", 400, "not JSON" },
    { "POST", "/v1/domains", NULL, 400, "not JSON" },
    { "POST", "/v1/domains", "{}", 400, "'name' is missing" },
    { "POST", "/v1/domains", "{\"name\": \"a b\"}", 400, "a b" },
    { "POST", "/v1/domains", "{\"name\": \"example.com\"}", 409, "example.com" },
    { "DELETE", "/v1/domains/example.com", NULL, 400, "user" },
    { "DELETE", "/v1/domains/example.net", NULL, 404, "example.net" },
    { "GET", "/v1/users?limit=0", NULL, 400, "limit" },
    { "GET", "/v1/users?limit=many", NULL, 400, "limit" },
    { "GET", "/v1/users/bob", NULL, 404, "bob@example.com" },
    { "GET", "/v1/users/a%20b", NULL, 400, NULL },
    { "POST", "/v1/users", "{\"user\": \"ann\"}", 409, "ann@example.com" },
    { "POST", "/v1/users", "{\"user\": \"bob@example.net\"}", 404, "example.net" },
    { "POST", "/v1/users", "{\"user\": \"bob\", \"mial\": \"x\"}", 400, "'mial'" },
    { "POST", "/v1/users", "7", 400, "not JSON" },
    { "PATCH", "/v1/users/ann", "{\"password\": \"x\"}", 400, "'password'" },
    { "PATCH", "/v1/users/ann", "{\"mail\": \"\"}", 400, NULL },
    { "PATCH", "/v1/users/ann", "{\"zone\": \"Mars/Olympus\"}", 400, "Mars/Olympus" },
    { "PATCH", "/v1/users/ann", "{\"language\": \"japanese\"}", 400, "japanese" },
    { "PATCH", "/v1/users/ann", "{\"hide_oof\": \"yes\"}", 400, "'hide_oof' must be true or" },
    { "PATCH", "/v1/users/ann", "{\"group\": 7}", 400, "'group' must be text" },
    { "PATCH", "/v1/users/ann", "{\"domain\": \"example.net\"}", 400, "'domain'" },
    { "PATCH", "/v1/users/bob", "{\"im\": true}", 404, "bob" },
    { "PUT", "/v1/users/ann/password", "{\"password\": \"\"}", 400, "1 to" },
    { "PUT", "/v1/users/bob/password", "{\"password\": \"x\"}", 404, "bob" },
    { "POST", "/v1/users/ann/refresh", NULL, 400, "not enabled" },
    { "GET", "/v1/parameters/none", NULL, 404, "'none'" },
    { "PUT", "/v1/parameters/calendar.spread_s", "{\"value\": 60}", 400, "0..59" },
    { "PUT", "/v1/parameters/calendar.spread_s", "{\"value\": true}", 400, "must be text" },
    { "PUT", "/v1/parameters/calendar.spread_s", "{\"value\": 5, \"x\": 1}", 400, NULL },
    { "GET", "/v1/gateways/cas9", NULL, 404, "cas9" },
    { "POST", "/v1/gateways", "{\"name\": \"a\", \"port\": 0}", 400, "'port'" },
    { "GET", "/v1/watch?user=bob", NULL, 404, "bob" },
    { "POST", "/v1/trust/cup-trust", "{\"pem\": \"nonsense\"}", 400, "neither PEM nor DER" },
    { "POST", "/v1/trust/cup-trust", "{\"base64\": \"?\"}", 400, "base64" },
    { "POST", "/v1/trust/cup-trust", "{\"base64\": \"MA==\"}", 400, "damaged" },
    { "POST", "/v1/trust/cup-trust", "{}", 400, "either" },
    { "POST", "/v1/trust/cup-trust", "{\"pem\": \"a\", \"base64\": \"MA==\"}", 400, "either" },
    { "POST", "/v1/trust/cup", "{\"pem\": \"nonsense\"}", 404, "cup-xmpp-trust" },
    { "GET", "/v1/trust/none", NULL, 404, "'none'" },
    { "GET", "/v1/trust/cup-trust/00", NULL, 404, "'00'" },
    { "DELETE", "/v1/trust/cup-trust/00", NULL, 404, "'00'" },
    { "DELETE", "/v1/trust/none/00", NULL, 404, "'none'" },
};

static void refusals_are_sentences(void **state)
{
    struct house *h = *state;

    furnish(h);
    for (size_t i = 0; i < COUNT(requests); i++) {
        int status = ask(h, requests[i].method, requests[i].path, requests[i].body);
        const char *error = text_at(h, "error");

        if (status != requests[i].status || !error || !text_at(h, "code") ||
            (requests[i].says && !strstr(error, requests[i].says)))
            fail_msg("%s %s %s: %d %s", requests[i].method, requests[i].path,
                     requests[i].body ? requests[i].body : "", status, error ? error : "");
    }
}

static void every_resource_is_listed(void **state)
{
    struct house *h = *state;

    assert_int_equal(ask(h, "GET", "/v1", NULL), 200);
    assert_true(json_array_size(json_object_get(h->json, "resources")) > 25);
    assert_int_equal(ask(h, "GET", "/v1/version", NULL), 200);
    assert_string_equal(text_at(h, "name"), "kalends");
    assert_int_equal(ask(h, "GET", "/v1/status", NULL), 200);
    assert_string_equal(text_at(h, "data"), "here");
    assert_int_equal(ask(h, "GET", "/v1/trust", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(h->json, "stores")), 2);
    assert_int_equal(ask(h, "GET", "/v1/trust/cup-xmpp-trust", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(h->json, "certificates")), 0);
}

static void users_live(void **state)
{
    struct house *h = *state;

    furnish(h);
    assert_string_equal(text_at(h, "user"), "ann@example.com");
    assert_string_equal(text_at(h, "mail"), "ann@example.com");
    assert_int_equal(ask(h, "PUT", "/v1/users/ann/password", "{\"password\": \"secret\"}"), 200);
    assert_int_equal(
        ask(h, "PATCH", "/v1/users/ann", "{\"mail\": \"a@mail.example\", \"calendar\": false}"),
        200);
    assert_int_equal(ask(h, "GET", "/v1/users/ANN@example.com", NULL), 200);
    assert_string_equal(text_at(h, "mail"), "a@mail.example");
    assert_true(json_is_true(json_object_get(h->json, "password")));
    assert_true(json_is_true(json_object_get(h->json, "im")));
    assert_true(json_is_false(json_object_get(h->json, "calendar")));
    assert_true(json_is_false(json_object_get(h->json, "hide_oof")));
    assert_string_equal(text_at(h, "zone"), "");
    assert_int_equal(ask(h, "PATCH", "/v1/users/ann",
                         "{\"zone\": \"Tokyo Standard Time\", \"group\": \"sales\","
                         " \"hide_oof\": true}"),
                     200);
    assert_string_equal(text_at(h, "zone"), "Asia/Tokyo");
    assert_string_equal(text_at(h, "group"), "sales");
    assert_true(json_is_true(json_object_get(h->json, "hide_oof")));
    assert_int_equal(ask(h, "DELETE", "/v1/users/ann", NULL), 200);
    assert_int_equal(ask(h, "GET", "/v1/users/ann", NULL), 404);
    assert_int_equal(ask(h, "DELETE", "/v1/domains/example.com", NULL), 200);
    assert_int_equal(ask(h, "POST", "/v1/users", "{\"user\": \"ann\"}"), 400); /* no domain left */
}

static char *many_users(size_t count)
{
    struct gw_buf body;

    gw_buf_init(&body, 4 * 1024 * 1024);
    gw_buf_add_char(&body, '[');
    for (size_t i = 0; i < count; i++)
        gw_buf_addf(&body, "%s{\"user\": \"u%05zu\", \"im\": true, \"calendar\": true}",
                    i ? "," : "", i);
    gw_buf_add_char(&body, ']');
    return gw_buf_take(&body);
}

static void many_users_at_once(void **state)
{
    struct house *h = *state;
    char *body = many_users(3000), *too_many = many_users(ADMIN_BULK_MAX + 1);
    const json_t *first;

    furnish(h);
    assert_int_equal(ask(h, "POST", "/v1/users", body), 200);
    assert_int_equal(number_at(h, "added"), 3000);
    assert_int_equal(ask(h, "POST", "/v1/users", too_many), 400);
    free(too_many);
    free(body);

    assert_int_equal(ask(h, "GET", "/v1/users?filter=U0001&limit=4&after=u00012@example.com", NULL),
                     200);
    assert_int_equal(number_at(h, "matching"), 7);
    assert_int_equal(number_at(h, "total"), 3001);
    assert_true(json_is_true(json_object_get(h->json, "more")));
    first = json_array_get(json_object_get(h->json, "users"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "user")), "u00013@example.com");
}

/* What is wrong with one of them is said of that one; the others are added. */
static void some_users_are_refused(void **state)
{
    struct house *h = *state;
    const json_t *failed;

    furnish(h);
    assert_int_equal(ask(h, "POST", "/v1/users",
                         "[{\"user\": \"bob\", \"password\": \"x\"}, {\"user\": \"ann\"}, 7,"
                         " {\"user\": \"cat\"}, {\"user\": \"dan\", \"password\": \"\\u0007\"}]"),
                     200);
    assert_int_equal(number_at(h, "added"), 2);
    failed = json_object_get(h->json, "failed");
    assert_int_equal(json_array_size(failed), 3);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(failed, 1), "index")), 2);
    assert_non_null(json_object_get(json_array_get(failed, 2), "error"));
    assert_int_equal(ask(h, "GET", "/v1/users/dan", NULL), 404);
    assert_int_equal(ask(h, "GET", "/v1/users/bob", NULL), 200);
    assert_true(json_is_true(json_object_get(h->json, "password")));
}

static void parameters_are_set(void **state)
{
    struct house *h = *state;

    assert_int_equal(ask(h, "PUT", "/v1/parameters/calendar.spread_s", "{\"value\": 5}"), 200);
    assert_string_equal(text_at(h, "value"), "5");
    assert_int_equal(ask(h, "PUT", "/v1/parameters/calendar.spread_s", "{\"value\": \"auto\"}"),
                     200);
    assert_int_equal(ask(h, "GET", "/v1/parameters/calendar.spread_s", NULL), 200);
    assert_string_equal(text_at(h, "value"), "auto");
    assert_string_equal(text_at(h, "default"), "50");
    assert_int_equal(
        ask(h, "PUT", "/v1/log-level", "{\"component\": \"xmpp\", \"level\": \"debug\"}"), 200);
    assert_string_equal(h->told, "xmpp=debug");
}

static void gateways_reach_the_host(void **state)
{
    struct house *h = *state;

    assert_int_equal(ask(h, "POST", "/v1/gateways",
                         "{\"name\": \"cas1\", \"host\": \"mail.example\", \"account\": \"svc\"}"),
                     201);
    assert_string_equal(h->told, "cas1 mail.example -1 svc -1");
    assert_int_equal(ask(h, "PATCH", "/v1/gateways/cas1", "{\"port\": 444, \"http\": true}"), 200);
    assert_string_equal(h->told, "cas1  444  1");
    assert_int_equal(ask(h, "GET", "/v1/gateways", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(h->json, "gateways")), 1);
    assert_int_equal(ask(h, "POST", "/v1/gateways/cas1/drain", NULL), 200);
    assert_string_equal(h->told, "drained 1");
    assert_int_equal(ask(h, "POST", "/v1/gateways/cas1/undrain", NULL), 200);
    assert_string_equal(h->told, "drained 0");
    assert_int_equal(ask(h, "POST", "/v1/gateways/cas9/drain", NULL), 404);
    h->refuse = GW_DENIED;
    assert_int_equal(ask(h, "PATCH", "/v1/gateways/cas1", "{}"), 403);
    assert_string_equal(text_at(h, "error"), "refused by the host");
    assert_int_equal(ask(h, "DELETE", "/v1/gateways/cas1", NULL), 200);
}

static void explain_says_what_is_not_known(void **state)
{
    struct house *h = *state;
    struct gw_err err;

    furnish(h);
    assert_int_equal(pres_user_add(h->core, GW_STR("ann@example.com"), &err), GW_OK);
    sched_user_put(h->sched, GW_STR("ann@example.com"), GW_STR("ann@mail.example"),
                   net_loop_now(h->loop));
    assert_int_equal(ask(h, "POST", "/v1/users/ann/refresh", NULL), 202);
    assert_int_equal(ask(h, "GET", "/v1/users/ann/explain", NULL), 200);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(h->json, "presence"), "show")),
        "offline");
    assert_true(json_is_null(json_object_get(json_object_get(h->json, "exchange"), "read")));
    assert_true(json_is_null(json_object_get(json_object_get(h->json, "exchange"), "gateway")));
    assert_true(json_is_false(json_object_get(json_object_get(h->json, "exchange"), "fresh")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(h->json, "exchange"),
                                                          "not_fresh_because")),
                        "the calendar has not been read yet: there is no gateway");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(h->json, "exchange"), "next_action")),
        "wait for a gateway");
}

/* --- overrides and levels */

static const struct {
    const char *method, *path, *body;
    int status;
    const char *says;
} said_case[] = {
    { "GET", "/v1/users/ann/override", NULL, 404, "has no override" },
    { "DELETE", "/v1/users/ann/override", NULL, 404, "has no override" },
    { "PUT", "/v1/users/ann/override", "{}", 400, "state" },
    { "PUT", "/v1/users/ann/override", "{\"state\":\"asleep\"}", 400,
      "available, working-elsewhere" },
    { "PUT", "/v1/users/ann/override", "{\"state\":\"none\"}", 400, "a state is one of" },
    { "PUT", "/v1/users/ann/override", "{\"state\":\"away\",\"until\":\"soon\"}", 400, "no time" },
    { "PUT", "/v1/users/ann/override", "{\"state\":\"away\",\"until\":\"2001-01-01T00:00:00Z\"}",
      400, "is past" },
    { "PUT", "/v1/users/ann/override", "{\"state\":\"away\",\"until_item_end\":true}", 400,
      "no calendar item runs" },
    { "PUT", "/v1/users/ann/override",
      "{\"state\":\"away\",\"until_item_end\":true,\"until\":\"2999-01-01T00:00:00Z\"}", 400,
      "not both" },
    { "PUT", "/v1/users/ann/override", "{\"state\":\"away\",\"text\":\"a\\nb\"}", 400, "one line" },
    { "PUT", "/v1/users/bob/override", "{\"state\":\"away\"}", 404, "no user" },
    { "PUT", "/v1/users/ann/override",
      "{\"state\":\"busy\",\"text\":\"Call\",\"until\":\"2999-01-01T00:00:00Z\"}", 200,
      "\"until\":\"2999-01-01T00:00:00Z\"" },
    { "GET", "/v1/users/ann/override", NULL, 200,
      "\"state\":\"busy\",\"text\":\"Call\",\"ends\":\"time\"" },
    { "GET", "/v1/overrides", NULL, 200, "\"user\":\"ann@example.com\"" },
    { "GET", "/v1/users/ann/explain", NULL, 200, "\"override\":{\"state\":\"busy\"" },
    { "GET", "/v1/users/ann/explain?at=2999-01-02T00:00:00Z", NULL, 200, "\"override\":null" },
    { "GET", "/v1/users/ann/explain?at=tomorrow", NULL, 400, "no time" },
    { "PUT", "/v1/users/ann/override", "{\"state\":\"away\"}", 200, "\"ends\":\"cleared\"" },
    { "DELETE", "/v1/users/ann/override", NULL, 200, "ann@example.com" },
    { "GET", "/v1/overrides", NULL, 200, "\"overrides\":[]" },

    { "GET", "/v1/users/ann/privacy", NULL, 200,
      "\"own\":null,\"federated\":null,\"named\":[],\"default_own\":\"full\",\"default_federated\":"
      "\"times\"" },
    { "PUT", "/v1/users/ann/privacy", "{\"who\":\"own\"}", 400, "level" },
    { "PUT", "/v1/users/ann/privacy", "{\"who\":\"own\",\"level\":\"all\"}", 400,
      "a level is nothing" },
    { "PUT", "/v1/users/ann/privacy", "{\"who\":\"b b\",\"level\":\"full\"}", 400, "" },
    { "PUT", "/v1/users/ann/privacy", "{\"who\":\"bob\",\"level\":\"full\"}", 200,
      "{\"watcher\":\"bob@example.com\",\"level\":\"full\"}" },
    { "PUT", "/v1/users/ann/privacy", "{\"who\":\"bob\",\"level\":\"default\"}", 200,
      "\"named\":[]" },
    { "PUT", "/v1/users/bob/privacy", "{\"who\":\"own\",\"level\":\"full\"}", 404, "no user" },
    { "PUT", "/v1/users/ann/privacy", "{\"who\":\"federated\",\"level\":\"nothing\"}", 200,
      "\"federated\":\"nothing\"" },
    { "PUT", "/v1/users/ann/privacy", "{\"who\":\"Fay@Partner.Example\",\"level\":\"full\"}", 200,
      "{\"watcher\":\"fay@partner.example\",\"level\":\"full\"}" },
    { "GET", "/v1/users/ann/explain?watcher=fay@partner.example", NULL, 200,
      "\"own_domain\":false,\"may_see\":false,\"level\":\"full\",\"level_from\":\"the user has set "
      "it for "
      "this watcher\"" },
    { "GET", "/v1/users/ann/explain?watcher=eve@partner.example", NULL, 200,
      "\"level\":\"nothing\"" },
    { "PUT", "/v1/users/ann/privacy", "{\"who\":\"fay@partner.example\",\"level\":\"default\"}",
      200, "\"named\":[]" },
};

static void overrides_and_levels_are_set(void **state)
{
    struct house *h = *state;
    char *text;

    furnish(h);
    assert_int_equal(pres_user_add(h->core, GW_STR("ann@example.com"), NULL), GW_OK);
    for (size_t i = 0; i < sizeof(said_case) / sizeof(said_case[0]); i++) {
        int status = ask(h, said_case[i].method, said_case[i].path, said_case[i].body);

        text = json_dumps(h->json, JSON_COMPACT);
        if (status != said_case[i].status || !strstr(text, said_case[i].says))
            fail_msg("%s %s %s: %d %s", said_case[i].method, said_case[i].path,
                     said_case[i].body ? said_case[i].body : "", status, text);
        free(text);
    }
}

/* --- watching */

static void stream_data(struct gw_str piece, void *ctx)
{
    struct house *h = ctx;
    size_t have = strlen(h->text);

    assert_true(have + piece.len < sizeof(h->text));
    memcpy(h->text + have, piece.p, piece.len);
    h->text[have + piece.len] = '\0';
    if (strstr(h->text, h->until))
        net_loop_stop(h->loop);
}

static void stream_until(struct house *h, const char *until)
{
    h->until = until;
    run(h);
}

static void not_shown(const struct pres_doc *doc, struct pres_session *const *to, size_t count,
                      void *ctx)
{
    (void)doc;
    (void)to;
    (void)count;
    (void)ctx;
}

static const struct pres_frontend blind_frontend = { .name = "test", .presence = not_shown };

static void changes_are_watched(void **state)
{
    struct gw_str ann = GW_STR("ann@example.com");
    struct house *h = *state;
    struct pres_session *session;
    struct pres_session_args args = { ann, GW_STR("r"), NULL, NULL };
    struct gw_err err;

    furnish(h);
    args.front = pres_frontend_register(h->core, &blind_frontend, h);
    assert_int_equal(pres_user_add(h->core, ann, &err), GW_OK);
    start(h, "GET", "/v1/watch?user=ann", GW_STR(""), stream_data);
    stream_until(h, "\"watching\"");
    assert_int_equal(pres_session_new(h->core, &args, net_loop_now(h->loop), &session, &err),
                     GW_OK);
    pres_session_set(
        session, &(struct pres_client){ .show = PRES_AVAILABLE, .text = GW_STR("here \"I\" am") },
        net_loop_now(h->loop));
    stream_until(h, "\"presence\"");
    assert_non_null(strstr(h->text, "here \\\"I\\\" am"));
    assert_non_null(strstr(h->text, "\"cause\":\"client\""));

    /* The watcher leaves; the next change finds nobody. */
    net_http_cancel(h->slot);
    assert_int_equal(ask(h, "GET", "/v1/version", NULL), 200);
    pres_session_free(&session, net_loop_now(h->loop));
    assert_int_equal(ask(h, "GET", "/v1/version", NULL), 200);
}

/* --- clients that leave */

static int raw_connect(const struct house *h)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", h->socket);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void raw_send(int fd, const char *method, const char *path, const char *body)
{
    char request[1024];
    int len = snprintf(request, sizeof(request),
                       "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", method, path,
                       strlen(body), body);

    assert_int_equal(write(fd, request, (size_t)len), len);
}

/* What was asked for is done, even though nobody waits for the answer any more. */
static void a_client_may_leave_early(void **state)
{
    struct house *h = *state;
    int fd;

    furnish(h);
    for (int i = 0; i < 5; i++) {
        fd = raw_connect(h);
        raw_send(fd, "PUT", "/v1/users/ann/password", "{\"password\": \"secret\"}");
        close(fd);
    }
    do
        assert_int_equal(ask(h, "GET", "/v1/users/ann", NULL), 200);
    while (!json_is_true(json_object_get(h->json, "password")));
}

/* The rest of the house goes while requests are under way: tear_down() frees it all. */
static void stopping_in_the_middle(void **state)
{
    struct house *h = *state;
    int fd[3];

    furnish(h);
    for (size_t i = 0; i < COUNT(fd); i++)
        fd[i] = raw_connect(h);
    raw_send(fd[0], "PUT", "/v1/users/ann/password", "{\"password\": \"secret\"}");
    raw_send(fd[1], "GET", "/v1/watch", "");
    raw_send(fd[2], "POST", "/v1/users", "{\"user\": \"bob\"}");
    assert_int_equal(ask(h, "GET", "/v1/version", NULL), 200);
    for (size_t i = 0; i < COUNT(fd); i++)
        close(fd[i]);
}

static void the_socket_is_for_the_group(void **state)
{
    const struct house *h = *state;
    struct stat st;

    assert_int_equal(stat(h->socket, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refusals_are_sentences, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_resource_is_listed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(users_live, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_users_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(some_users_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parameters_are_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gateways_reach_the_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(explain_says_what_is_not_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(overrides_and_levels_are_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changes_are_watched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_may_leave_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopping_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_socket_is_for_the_group, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
