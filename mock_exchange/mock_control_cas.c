/* The control interface: client access servers. Their faults are in mock_control_fault.c. */
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
