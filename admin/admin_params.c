/* /v1/parameters and /v1/log-level */
#include "admin_priv.h"
#include "gw_buf.h"

static const char *const type_name[] = {
    [GW_PARAM_INT] = "number",
    [GW_PARAM_CHOICE] = "choice",
    [GW_PARAM_TEXT] = "text",
};

enum { VALUE_MAX = 4096 };

static json_t *param_json(const struct gw_param *p, const void *settings)
{
    struct gw_buf value, range;
    json_t *json;

    gw_buf_init(&value, VALUE_MAX);
    gw_buf_init(&range, VALUE_MAX);
    gw_param_write(p, settings, &value);
    gw_param_range_write(p, &range);
    json = json_pack("{s:s, s:o, s:s, s:o, s:s, s:s, s:s}", "key", p->key, "value",
                     admin_json_str(gw_buf_str(&value)), "default", p->def, "range",
                     admin_json_str(gw_buf_str(&range)), "type", type_name[p->type], "shown_as",
                     p->shown_as, "help", p->help);
    gw_buf_done(&value);
    gw_buf_done(&range);
    return json;
}

void admin_params_list(struct admin_call *call)
{
    const struct admin_api_args *args = &call->api->args;
    json_t *list = json_array();
    size_t i, k;

    for (i = 0; i < args->params_count; i++)
        for (k = 0; k < args->params[i].count; k++)
            json_array_append_new(list,
                                  param_json(&args->params[i].table[k], args->params[i].settings));
    admin_reply(call, 200, json_pack("{s:o}", "parameters", list));
}

static json_t *param_find(const struct admin_call *call, struct gw_str key)
{
    const struct admin_api_args *args = &call->api->args;
    const struct gw_param *p;
    size_t i;

    for (i = 0; i < args->params_count; i++) {
        p = gw_param_find(args->params[i].table, args->params[i].count, key);
        if (p)
            return param_json(p, args->params[i].settings);
    }
    return NULL;
}

json_t *admin_param_show(const struct admin_call *call)
{
    json_t *param = param_find(call, call->arg[0]), *shown;

    if (!param)
        return NULL;
    shown = json_pack("{s:O}", "value", json_object_get(param, "value"));
    json_decref(param);
    return shown;
}

void admin_param_get(struct admin_call *call)
{
    json_t *json = param_find(call, call->arg[0]);
    struct gw_err err;

    if (json) {
        admin_reply(call, 200, json);
        return;
    }
    gw_fail(&err, GW_NOTFOUND, "there is no parameter '%.*s'; 'kalendsctl get' lists them all",
            GW_STR_ARG(gw_str_utf8_cut(call->arg[0], 64)));
    admin_reply_error(call, &err);
}

/* Numbers and flags are taken too: {"value": 5} means "5". */
static enum gw_code value_read(const struct admin_call *call, char number[32], struct gw_str *out,
                               struct gw_err *err)
{
    static const struct admin_field field = { "value", ADMIN_TEXT, 0, true, 0, VALUE_MAX };
    const json_t *value = json_object_get(call->body, "value");

    if (json_object_size(call->body) != 1 || !json_is_integer(value))
        return admin_fields_read(call->body, &field, 1, out, err);
    snprintf(number, 32, "%lld", (long long)json_integer_value(value));
    *out = gw_str_of(number);
    return GW_OK;
}

void admin_param_set(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    struct gw_str value;
    struct gw_err err;
    enum gw_code rc;
    char number[32];

    rc = value_read(call, number, &value, &err);
    if (!rc)
        rc = host->param_set(call->arg[0], value, admin_call_saved, call, &err, host->ctx);
    admin_reply_change(call, rc, &err, 200, rc ? json_null() : param_find(call, call->arg[0]));
}

void admin_log_level_set(struct admin_call *call)
{
    static const struct admin_field fields[] = {
        { "level", ADMIN_TEXT, 0, true, 1, 16 },
        { "component", ADMIN_TEXT, sizeof(struct gw_str), false, 0, 31 },
    };
    const struct admin_host *host = call->api->args.host;
    struct gw_str value[2];
    struct gw_err err;
    enum gw_code rc;

    rc = admin_fields_read(call->body, fields, 2, value, &err);
    if (!rc)
        rc = host->log_level_set(value[1], value[0], &err, host->ctx);
    if (rc)
        admin_reply_error(call, &err);
    else
        admin_reply(call, 200,
                    json_pack("{s:o, s:o}", "component", admin_json_str(value[1]), "level",
                              admin_json_str(value[0])));
}
