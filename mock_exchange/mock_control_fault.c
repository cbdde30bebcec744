/* Faults of a client access server as JSON: in a scenario, and over the control interface. */
#include <string.h>

#include "gw_log.h"
#include "mock_control.h"

static const char error_page[] = "/ews/genericerrorpage.htm?aspxerrorpath=/ews/exchange.asmx";

static json_t *fault_json(const struct mock_trouble *t)
{
    json_t *json = json_object();

    mock_control_put_text(json, "kind", mock_trouble_name(t->kind));
    if (t->left != MOCK_TROUBLE_FOREVER)
        mock_control_put_int(json, "left", t->left);
    if (t->one_operation)
        mock_control_put_text(json, "operation", mock_operation_name(t->operation));
    if (t->mailbox)
        mock_control_put_text(json, "user", t->mailbox->address);
    if (t->probability < 1)
        mock_control_put(json, "probability", json_real(t->probability));
    if (t->kind == MOCK_TROUBLE_STATUS || t->kind == MOCK_TROUBLE_REDIRECT)
        mock_control_put_int(json, "status", t->status);
    if (t->kind == MOCK_TROUBLE_REDIRECT)
        mock_control_put_text(json, "location", t->location);
    if (t->kind == MOCK_TROUBLE_FAULT)
        mock_control_put_text(json, "code", t->code);
    if (*t->cas_error)
        mock_control_put_text(json, "cas_error", t->cas_error);
    if (t->retry_after_s >= 0)
        mock_control_put_int(json, "retry_after", t->retry_after_s);
    if (t->back_off_ms >= 0)
        mock_control_put_int(json, "back_off_ms", t->back_off_ms);
    if (t->delay_ms >= 0)
        mock_control_put_int(json, "ms", t->delay_ms);
    return json;
}

/* A response code goes into a QName: a word of letters and digits. */
static bool code_is_word(struct gw_str code)
{
    for (size_t i = 0; i < code.len; i++) {
        unsigned char c = (unsigned char)code.p[i];

        if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9' && i))
            return false;
    }
    return code.len;
}

/* Text that becomes a header's value, or part of a document: printable, and not too long. */
static enum gw_code plain_read(const json_t *json, const char *member, char *out, size_t size,
                               struct gw_err *err)
{
    struct gw_str text = gw_str_of(out);
    enum gw_code rc = mock_json_text(json, member, &text, err);

    if (rc || text.p == out)
        return rc;
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] < ' ' || text.p[i] > '~')
            return gw_fail(err, GW_INVALID, "'%s' has characters that are not of ASCII", member);
    if (text.len >= size)
        return gw_fail(err, GW_INVALID, "'%s' is longer than %zu bytes", member, size - 1);
    memcpy(out, text.p, text.len);
    out[text.len] = '\0';
    return GW_OK;
}

static enum gw_code numbers_read(const json_t *json, struct mock_trouble *t, struct gw_err *err)
{
    bool redirect = t->kind == MOCK_TROUBLE_REDIRECT;
    int64_t status = redirect ? 302 : 503, seed = 1;
    enum gw_code rc = mock_json_int(json, "count", 1, INT32_MAX, &t->left, err);

    if (!rc)
        rc =
            mock_json_int(json, "status", redirect ? 300 : 400, redirect ? 399 : 599, &status, err);
    if (!rc)
        rc = mock_json_int(json, "retry_after", 0, 86400, &t->retry_after_s, err);
    if (!rc)
        rc = mock_json_int(json, "back_off_ms", 0, 86400000, &t->back_off_ms, err);
    if (!rc)
        rc = mock_json_int(json, "ms", 0, 3600000, &t->delay_ms, err);
    if (!rc)
        rc = mock_json_share(json, "probability", &t->probability, err);
    if (!rc)
        rc = mock_json_int(json, "seed", 0, INT64_MAX, &seed, err);
    t->status = (int)status;
    t->random = (uint64_t)seed;
    return rc;
}

static enum gw_code fits_read(const struct mock_exchange *mx, const json_t *json,
                              struct mock_trouble *t, struct gw_err *err)
{
    struct gw_str user = { NULL, 0 }, operation = { NULL, 0 };
    char quoted[GW_QUOTE_MAX];
    enum gw_code rc = mock_json_text(json, "operation", &operation, err);

    if (!rc)
        rc = mock_json_text(json, "user", &user, err);
    if (rc)
        return rc;
    if (operation.len && !mock_operation_parse(operation, &t->operation))
        return gw_fail(err, GW_INVALID, "'operation' is none that is known here");
    t->one_operation = operation.len;
    t->mailbox = user.len ? mock_mailbox_by_smtp(mx->org, user) : NULL;
    if (user.len && !t->mailbox)
        return gw_fail(err, GW_NOTFOUND, "no user %s", gw_quote(user, quoted));
    return GW_OK;
}

enum gw_code mock_scenario_fault(struct mock_exchange *mx, struct mock_cas *cas, const json_t *json,
                                 struct gw_err *err)
{
    struct mock_trouble t = { .left = MOCK_TROUBLE_FOREVER,
                              .retry_after_s = -1,
                              .back_off_ms = -1,
                              .delay_ms = -1,
                              .probability = 1,
                              .code = "ErrorServerBusy" };
    struct gw_str kind = { NULL, 0 };
    enum gw_code rc = mock_json_only(json, "fault",
                                     "kind count operation user probability seed status "
                                     "retry_after code back_off_ms ms location cas_error",
                                     err);

    memcpy(t.location, error_page, sizeof(error_page));
    if (!rc)
        rc = mock_json_text(json, "kind", &kind, err);
    if (!rc && !mock_trouble_parse(kind, &t.kind))
        rc = gw_fail(err, GW_INVALID, "'kind' is none of: %s", mock_trouble_names);
    if (!rc)
        rc = numbers_read(json, &t, err);
    if (!rc)
        rc = fits_read(mx, json, &t, err);
    if (!rc)
        rc = plain_read(json, "code", t.code, sizeof(t.code), err);
    if (!rc)
        rc = plain_read(json, "location", t.location, sizeof(t.location), err);
    if (!rc)
        rc = plain_read(json, "cas_error", t.cas_error, sizeof(t.cas_error), err);
    if (rc)
        return rc;
    if (!code_is_word(gw_str_of(t.code)))
        return gw_fail(err, GW_INVALID, "'code' is not a ResponseCode");
    if ((t.kind == MOCK_TROUBLE_DELAY || t.kind == MOCK_TROUBLE_SLOW) && t.delay_ms < 0)
        return gw_fail(err, GW_INVALID, "a delay needs 'ms'");
    return mock_troubles_add(mock_cas_troubles(cas), &t, err);
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
    (void)json_array_append_new(list, fault_json(GW_CONTAINER(it, struct mock_trouble, link)));
    mock_control_put(call->answer, "faults", list);
    mock_control_put_int(call->answer, "clock_off_ms", mock_cas_clock(cas));
    return GW_OK;
}

enum gw_code mock_control_fault_add(struct mock_control_call *call)
{
    struct mock_cas *cas = mock_control_cas(call);
    enum gw_code rc =
        cas ? mock_scenario_fault(call->mx, cas, call->body, &call->err) : call->err.code;

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

enum gw_code mock_control_clock(struct mock_control_call *call)
{
    enum { OFF_MAX_MS = 1000000000 };
    struct mock_cas *cas = mock_control_cas(call);
    int64_t off_ms = 0;
    enum gw_code rc;

    if (!cas)
        return call->err.code;
    rc = mock_json_only(call->body, "request", "off_ms", &call->err);
    if (!rc)
        rc = mock_json_int(call->body, "off_ms", -OFF_MAX_MS, OFF_MAX_MS, &off_ms, &call->err);
    if (rc)
        return rc;
    mock_cas_set_clock(cas, off_ms);
    return mock_control_faults(call);
}
