/* The control interface: client access servers, and what they do instead of serving. */
#include <string.h>

#include "gw_log.h"
#include "mock_control.h"

static json_t *cas_json(struct mock_cas *cas)
{
    json_t *json = json_object();
    struct gw_buf url;

    gw_buf_init(&url, 256);
    mock_cas_url_write(cas, &url);
    mock_control_put_text(json, "name", mock_cas_name(cas));
    mock_control_put_text(json, "url", url.p);
    mock_control_put_int(json, "port", mock_cas_port(cas));
    mock_control_put(json, "up", json_boolean(mock_cas_is_up(cas)));
    mock_control_put_text(json, "site", mock_cas_place(cas)->site);
    mock_control_put_text(json, "refusal", mock_cas_place(cas)->refusal);
    mock_control_put_int(json, "subscriptions", (int64_t)mock_site_count(mock_cas_site(cas)));
    mock_control_put_int(json, "faults", (int64_t)mock_cas_troubles(cas)->count);
    gw_buf_done(&url);
    return json;
}

enum gw_code mock_control_cas_list(struct mock_control_call *call)
{
    json_t *list = json_array();

    for (size_t i = 0; i < call->mx->cas_count; i++)
        (void)json_array_append_new(list, cas_json(call->mx->cas[i]));
    mock_control_put(call->answer, "cas", list);
    return GW_OK;
}

enum gw_code mock_control_cas_add(struct mock_control_call *call)
{
    enum gw_code rc = mock_scenario_cas(call->mx, call->body, &call->err);

    if (!rc)
        mock_control_put(call->answer, "cas", cas_json(call->mx->cas[call->mx->cas_count - 1]));
    return rc;
}

struct mock_cas *mock_control_cas(struct mock_control_call *call)
{
    struct mock_cas *cas = mock_cas_find(call->mx, call->arg[0]);
    char quoted[GW_QUOTE_MAX];

    if (!cas)
        (void)gw_fail(&call->err, GW_NOTFOUND, "no CAS %s; GET /cas names them",
                      gw_quote(call->arg[0], quoted));
    return cas;
}

enum gw_code mock_control_cas_down(struct mock_control_call *call)
{
    struct mock_cas *cas = mock_control_cas(call);
    bool lose = false;
    enum gw_code rc;

    if (!cas)
        return call->err.code;
    rc = mock_json_only(call->body, "request", "lose", &call->err);
    if (!rc)
        rc = mock_json_bool(call->body, "lose", &lose, &call->err);
    if (rc)
        return rc;
    mock_cas_down(cas);
    mock_control_put_int(call->answer, "lost",
                         lose ? (int64_t)mock_site_lose(call->mx->subs, mock_cas_site(cas)) : 0);
    mock_control_put(call->answer, "cas", cas_json(cas));
    return GW_OK;
}

enum gw_code mock_control_cas_up(struct mock_control_call *call)
{
    struct mock_cas *cas = mock_control_cas(call);
    enum gw_code rc;

    if (!cas)
        return call->err.code;
    rc = mock_cas_up(cas, &call->err);
    if (!rc)
        mock_control_put(call->answer, "cas", cas_json(cas));
    return rc;
}

enum gw_code mock_control_cas_place(struct mock_control_call *call)
{
    struct mock_cas *cas = mock_control_cas(call);
    enum gw_code rc;

    if (!cas)
        return call->err.code;
    rc = mock_json_only(call->body, "place", "site refusal", &call->err);
    if (!rc)
        rc = mock_scenario_cas_place(cas, call->body, &call->err);
    if (!rc)
        mock_control_put(call->answer, "cas", cas_json(cas));
    return rc;
}

static json_t *trouble_json(const struct mock_trouble *t)
{
    json_t *json = json_object();

    mock_control_put_text(json, "kind", mock_trouble_name(t->kind));
    if (t->left != MOCK_TROUBLE_FOREVER)
        mock_control_put_int(json, "left", t->left);
    if (t->one_operation)
        mock_control_put_text(json, "operation", mock_operation_name(t->operation));
    if (t->kind == MOCK_TROUBLE_STATUS)
        mock_control_put_int(json, "status", t->status);
    if (t->kind == MOCK_TROUBLE_FAULT)
        mock_control_put_text(json, "code", t->code);
    if (t->retry_after_s >= 0)
        mock_control_put_int(json, "retry_after", t->retry_after_s);
    if (t->back_off_ms >= 0)
        mock_control_put_int(json, "back_off_ms", t->back_off_ms);
    if (t->delay_ms >= 0)
        mock_control_put_int(json, "ms", t->delay_ms);
    return json;
}

enum gw_code mock_control_faults(struct mock_control_call *call)
{
    struct mock_cas *cas = mock_control_cas(call);
    struct gw_list *it, *tmp;
    json_t *list;

    if (!cas)
        return call->err.code;
    list = json_array();
    GW_LIST_EACH(&mock_cas_troubles(cas)->list, it, tmp)
    (void)json_array_append_new(list, trouble_json(GW_CONTAINER(it, struct mock_trouble, link)));
    mock_control_put(call->answer, "faults", list);
    return GW_OK;
}

/* A response code goes into a QName: a word of letters and digits. */
static bool code_is_word(struct gw_str code)
{
    for (size_t i = 0; i < code.len; i++) {
        unsigned char c = (unsigned char)code.p[i];

        if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9' && i))
            return false;
    }
    return code.len && code.len < sizeof(((struct mock_trouble *)NULL)->code);
}

static enum gw_code trouble_numbers(const json_t *json, struct mock_trouble *t, struct gw_err *err)
{
    int64_t status = 503;
    enum gw_code rc = mock_json_int(json, "count", 1, INT32_MAX, &t->left, err);

    if (!rc)
        rc = mock_json_int(json, "status", 400, 599, &status, err);
    if (!rc)
        rc = mock_json_int(json, "retry_after", 0, 86400, &t->retry_after_s, err);
    if (!rc)
        rc = mock_json_int(json, "back_off_ms", 0, 86400000, &t->back_off_ms, err);
    if (!rc)
        rc = mock_json_int(json, "ms", 0, 3600000, &t->delay_ms, err);
    t->status = (int)status;
    return rc;
}

static enum gw_code trouble_read(const json_t *json, struct mock_trouble *t, struct gw_err *err)
{
    struct gw_str kind = { NULL, 0 }, operation = { NULL, 0 }, code = GW_STR("ErrorServerBusy");
    enum gw_code rc = mock_json_only(
        json, "fault", "kind count operation status retry_after code back_off_ms ms", err);

    *t = (struct mock_trouble){
        .left = MOCK_TROUBLE_FOREVER, .retry_after_s = -1, .back_off_ms = -1, .delay_ms = -1
    };
    if (!rc)
        rc = mock_json_text(json, "kind", &kind, err);
    if (!rc)
        rc = mock_json_text(json, "operation", &operation, err);
    if (!rc)
        rc = mock_json_text(json, "code", &code, err);
    if (!rc)
        rc = trouble_numbers(json, t, err);
    if (rc)
        return rc;
    if (!mock_trouble_parse(kind, &t->kind))
        return gw_fail(err, GW_INVALID,
                       "'kind' is none of: status, html, fault, half, cut, close, stall, delay");
    if (operation.len && !mock_operation_parse(operation, &t->operation))
        return gw_fail(err, GW_INVALID, "'operation' is none that is known here");
    if (!code_is_word(code))
        return gw_fail(err, GW_INVALID, "'code' is not a ResponseCode");
    t->one_operation = operation.len;
    memcpy(t->code, code.p, code.len);
    if (t->kind == MOCK_TROUBLE_DELAY && t->delay_ms < 0)
        return gw_fail(err, GW_INVALID, "a delay needs 'ms'");
    return GW_OK;
}

enum gw_code mock_control_fault_add(struct mock_control_call *call)
{
    struct mock_cas *cas = mock_control_cas(call);
    struct mock_trouble trouble;
    enum gw_code rc;

    if (!cas)
        return call->err.code;
    rc = trouble_read(call->body, &trouble, &call->err);
    if (!rc)
        rc = mock_troubles_add(mock_cas_troubles(cas), &trouble, &call->err);
    return rc ? rc : mock_control_faults(call);
}

enum gw_code mock_control_faults_clear(struct mock_control_call *call)
{
    struct mock_cas *cas = mock_control_cas(call);

    if (!cas)
        return call->err.code;
    mock_cas_clear(cas);
    return mock_control_faults(call);
}
