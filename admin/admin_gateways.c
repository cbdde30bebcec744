/* /v1/gateways */
#include <stdlib.h>
#include <string.h>

#include "admin_priv.h"
#include "gw_mem.h"
#include "scheduler.h"

/* --- showing */

static json_t *state_json(const struct sched_gateway_view *v)
{
    json_t *json = json_pack(
        "{s:s, s:o, s:b, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I,"
        " s:I, s:I, s:I}",
        "state", sched_gateway_state_name(v->state), "since", admin_json_utc(v->since), "drained",
        v->drained, "mode", sched_mode_name(v->mode), "mode_retry", admin_json_utc(v->mode_retry),
        "streams", (json_int_t)v->streams, "users", (json_int_t)v->users, "subscribed",
        (json_int_t)v->subscribed, "stale", (json_int_t)v->stale, "in_flight",
        (json_int_t)v->in_flight, "waiting", (json_int_t)v->waiting, "window",
        (json_int_t)v->window, "backoff_until", admin_json_utc(v->backoff_until), "next_probe",
        admin_json_utc(v->next_probe), "problem", admin_json_cstr(v->error), "notifications",
        (json_int_t)v->notifications, "requests", (json_int_t)v->requests, "failures",
        (json_int_t)v->failures, "retries", (json_int_t)v->retries, "push_backs",
        (json_int_t)v->push_backs, "reads", (json_int_t)v->reads);

    admin_json_times(json, "due_late", "ms", v->due_late_ms);
    admin_json_times(json, "request", "ms", v->request_ms);
    admin_json_times(json, "age", "s", &v->age_s);
    return json;
}

static json_t *gateway_json(const struct admin_call *call, const struct admin_gateway *g)
{
    struct sched_gateway_view view;
    json_t *json, *state;

    json = json_pack("{s:o, s:o, s:i, s:o, s:o, s:b, s:b, s:b}", "name", admin_json_str(g->name),
                     "host", admin_json_str(g->host), "port", (int)g->port, "account",
                     admin_json_str(g->account), "description", admin_json_str(g->description),
                     "http", g->http, "password", g->has_password, "own_account", g->own_account);
    if (sched_gateway_view(call->api->args.sched, g->name, admin_now(call), &view)) {
        state = state_json(&view);
        json_object_update(json, state);
        json_decref(state);
    }
    return json;
}

struct listing {
    const struct admin_call *call;
    struct gw_str only; /* .p NULL: all */
    json_t *list;
};

static void list_one(const struct admin_gateway *g, void *ctx)
{
    struct listing *l = ctx;

    if (!l->only.p || gw_str_eq(l->only, g->name))
        json_array_append_new(l->list, gateway_json(l->call, g));
}

static json_t *gateways_json(const struct admin_call *call, struct gw_str only)
{
    const struct admin_host *host = call->api->args.host;
    struct listing l = { call, only, json_array() };

    host->gateways(list_one, &l, host->ctx);
    return l.list;
}

void admin_gateways_list(struct admin_call *call)
{
    admin_reply(call, 200,
                json_pack("{s:o}", "gateways", gateways_json(call, (struct gw_str){ NULL, 0 })));
}

static json_t *gateway_one(const struct admin_call *call, struct gw_str name)
{
    json_t *list = gateways_json(call, name);
    json_t *one = json_incref(json_array_get(list, 0));

    json_decref(list);
    return one;
}

/* What an administrator has set of it. */
json_t *admin_gateway_show(const struct admin_call *call)
{
    static const char *const set[] = { "host", "port",     "account",    "description",
                                       "http", "password", "own_account" };
    json_t *one = gateway_one(call, call->arg[0]), *shown;

    if (!one)
        return NULL;
    shown = json_object();
    for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
        json_object_set(shown, set[i], json_object_get(one, set[i]));
    json_decref(one);
    return shown;
}

static void no_gateway(struct admin_call *call)
{
    struct gw_err err;

    gw_fail(&err, GW_NOTFOUND, "there is no gateway '%.*s'",
            GW_STR_ARG(gw_str_utf8_cut(call->arg[0], 64)));
    admin_reply_error(call, &err);
}

void admin_gateway_get(struct admin_call *call)
{
    json_t *one = gateway_one(call, call->arg[0]);

    if (one)
        admin_reply(call, 200, one);
    else
        no_gateway(call);
}

/* --- changing */

struct gateway_fields {
    struct gw_str name;
    struct admin_gateway_edit edit;
};

#define AT(member) offsetof(struct gateway_fields, member)

static const struct admin_field gateway_fields[] = {
    { "host", ADMIN_TEXT, AT(edit.host), false, 1, 253 },
    { "port", ADMIN_NUMBER, AT(edit.port), false, 1, 65535 },
    { "account", ADMIN_TEXT, AT(edit.account), false, 1, 320 },
    { "password", ADMIN_TEXT, AT(edit.password), false, 1, 1024 },
    { "http", ADMIN_FLAG, AT(edit.http), false, 0, 0 },
    { "description", ADMIN_TEXT, AT(edit.description), false, 0, 200 },
    { "own_account", ADMIN_FLAG, AT(edit.own_account), false, 0, 0 },
    /* only when adding: */
    { "name", ADMIN_TEXT, AT(name), true, 1, 64 },
};

enum { EDIT_FIELDS = 7, ADD_FIELDS = 8 };

void admin_gateway_add(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    struct gateway_fields fields;
    struct gw_err err;
    enum gw_code rc;

    rc = admin_fields_read(call->body, gateway_fields, ADD_FIELDS, &fields, &err);
    if (!rc)
        rc = host->gateway_add(fields.name, &fields.edit, admin_call_saved, call, &err, host->ctx);
    admin_reply_change(call, rc, &err, 201, rc ? json_null() : gateway_one(call, fields.name));
}

void admin_gateway_edit(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    struct gateway_fields fields;
    struct gw_err err;
    enum gw_code rc;

    rc = admin_fields_read(call->body, gateway_fields, EDIT_FIELDS, &fields, &err);
    if (!rc)
        rc =
            host->gateway_edit(call->arg[0], &fields.edit, admin_call_saved, call, &err, host->ctx);
    admin_reply_change(call, rc, &err, 200, rc ? json_null() : gateway_one(call, call->arg[0]));
}

void admin_gateway_remove(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    struct gw_err err;
    enum gw_code rc;

    rc = host->gateway_remove(call->arg[0], admin_call_saved, call, &err, host->ctx);
    admin_reply_change(call, rc, &err, 200, json_pack("{s:b}", "removed", 1));
}

static void drain(struct admin_call *call, bool drained)
{
    const struct admin_host *host = call->api->args.host;
    struct gw_err err;
    enum gw_code rc;

    rc = host->gateway_drain(call->arg[0], drained, admin_call_saved, call, &err, host->ctx);
    admin_reply_change(call, rc, &err, 200, rc ? json_null() : gateway_one(call, call->arg[0]));
}

void admin_gateway_drain(struct admin_call *call)
{
    drain(call, true);
}

void admin_gateway_undrain(struct admin_call *call)
{
    drain(call, false);
}

/* --- checking: a line for each step as it is done */

static const char *const result_name[] = {
    [ADMIN_CHECK_OK] = "ok",
    [ADMIN_CHECK_FAILED] = "failed",
    [ADMIN_CHECK_SKIPPED] = "skipped",
};

/* One check of a request that may be about several gateways. */
struct check_one {
    struct gw_list link;
    struct admin_call *call;
    struct admin_check *check;
    char *name;
};

static struct gw_list *checks_of(struct admin_call *call)
{
    return call->work;
}

static void check_one_free(struct check_one *one)
{
    gw_list_remove(&one->link);
    free(one->name);
    free(one);
}

static void check_step(const struct admin_check_step *step, void *ctx)
{
    const struct check_one *one = ctx;
    json_t *json = json_pack("{s:s, s:s, s:s, s:o, s:o}", "gateway", one->name, "test", step->test,
                             "result", result_name[step->result], "verdict",
                             admin_json_cstr(step->verdict), "text", admin_json_cstr(step->text));

    if (step->chain)
        json_object_set_new(json, "chain", admin_json_chain(step->chain));
    admin_stream_line(one->call->x, json);
}

static void check_done(void *ctx)
{
    struct check_one *one = ctx;
    struct admin_call *call = one->call;

    admin_stream_line(call->x, json_pack("{s:s, s:b}", "gateway", one->name, "done", 1));
    check_one_free(one);
    if (!gw_list_is_empty(checks_of(call)))
        return;
    net_http_on_gone(call->x, NULL, NULL);
    net_http_stream_end(call->x);
    admin_call_free(&call);
}

/* Those that are still under way are cancelled. */
static void checks_free(void *work)
{
    struct gw_list *checks = work, *it, *tmp;

    GW_LIST_EACH(checks, it, tmp)
    {
        struct check_one *one = GW_CONTAINER(it, struct check_one, link);
        const struct admin_host *host = one->call->api->args.host;

        host->gateway_check_cancel(one->check, host->ctx);
        check_one_free(one);
    }
    free(checks);
}

static void check_gone(void *ctx)
{
    struct admin_call *call = ctx;

    admin_call_free(&call);
}

static void check_add(struct admin_call *call, struct gw_str name)
{
    const struct admin_host *host = call->api->args.host;
    struct check_one *one = gw_new(struct check_one);

    one->call = call;
    one->name = gw_str_dup(name);
    gw_list_append(checks_of(call), &one->link);
    one->check = host->gateway_check(name, check_step, check_done, one, host->ctx);
    if (!one->check)
        check_one_free(one);
}

static void check_each(const struct admin_gateway *g, void *ctx)
{
    check_add(ctx, g->name);
}

static void checks_init(struct admin_call *call)
{
    struct gw_list *checks = gw_new(struct gw_list);

    gw_list_init(checks);
    call->work = checks;
    call->work_free = checks_free;
}

static void checks_run(struct admin_call *call)
{
    net_http_on_gone(call->x, check_gone, call);
    net_http_stream(call->x, 200, "application/x-ndjson");
}

void admin_gateway_check(struct admin_call *call)
{
    checks_init(call);
    check_add(call, call->arg[0]);
    if (gw_list_is_empty(checks_of(call)))
        no_gateway(call);
    else
        checks_run(call);
}

void admin_gateways_check(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    struct gw_err err;

    checks_init(call);
    host->gateways(check_each, call, host->ctx);
    if (!gw_list_is_empty(checks_of(call))) {
        checks_run(call);
        return;
    }
    (void)gw_fail(&err, GW_NOTFOUND, "there is no gateway yet");
    admin_reply_error(call, &err);
}
