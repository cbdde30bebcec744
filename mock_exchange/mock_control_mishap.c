/* Mishaps as JSON: in a scenario, and over the control interface. */
#include "gw_log.h"
#include "mock_control.h"
#include "mock_mishap.h"

static enum gw_code whose_read(const struct mock_exchange *mx, const json_t *json,
                               struct mock_mishap *m, struct gw_err *err)
{
    struct gw_str user = { NULL, 0 }, name = { NULL, 0 };
    const struct mock_cas *cas;
    char quoted[GW_QUOTE_MAX];
    enum gw_code rc = mock_json_text(json, "user", &user, err);

    if (!rc)
        rc = mock_json_text(json, "cas", &name, err);
    if (rc)
        return rc;
    m->mailbox = user.len ? mock_mailbox_by_smtp(mx->org, user) : NULL;
    if (user.len && !m->mailbox)
        return gw_fail(err, GW_NOTFOUND, "no user %s", gw_quote(user, quoted));
    cas = name.len ? mock_cas_find(mx, name) : NULL;
    if (name.len && !cas)
        return gw_fail(err, GW_NOTFOUND, "no CAS %s", gw_quote(name, quoted));
    m->site = cas ? mock_cas_site(cas) : NULL;
    return GW_OK;
}

enum gw_code mock_scenario_mishap(struct mock_exchange *mx, const json_t *json, struct gw_err *err)
{
    struct mock_mishap m = { .left = MOCK_MISHAP_FOREVER, .probability = 1, .batch = 1 };
    int kind = MOCK_MISHAP_KINDS;
    int64_t seed = 1;
    enum gw_code rc =
        mock_json_only(json, "mishap", "kind user cas count probability seed for batch", err);

    if (!rc)
        rc = mock_json_word(json, "kind", mock_mishap_names, &kind, err);
    if (!rc)
        rc = mock_json_int(json, "count", 1, INT32_MAX, &m.left, err);
    if (!rc)
        rc = mock_json_share(json, "probability", &m.probability, err);
    if (!rc)
        rc = mock_json_int(json, "seed", 0, INT64_MAX, &seed, err);
    if (!rc)
        rc = mock_json_span(json, "for", &m.delay_ms, err);
    if (!rc)
        rc = mock_json_int(json, "batch", 1, MOCK_SUB_BATCH_MAX, &m.batch, err);
    if (!rc)
        rc = whose_read(mx, json, &m, err);
    if (rc)
        return rc;
    if (kind == MOCK_MISHAP_KINDS)
        return gw_fail(err, GW_INVALID, "mishap has no 'kind'");
    m.kind = (enum mock_mishap_kind)kind;
    if (m.kind == MOCK_MISHAP_DELAY && !m.delay_ms)
        return gw_fail(err, GW_INVALID, "a delay needs 'for'");
    m.random = (uint64_t)seed;
    return mock_mishaps_add(mock_subs_mishaps(mx->subs), &m, err);
}

static json_t *mishap_json(const struct mock_mishap *m)
{
    json_t *json = json_object();

    mock_control_put_text(json, "kind", mock_mishap_names[m->kind]);
    if (m->mailbox)
        mock_control_put_text(json, "user", m->mailbox->address);
    if (m->site)
        mock_control_put_text(json, "cas", mock_site_name(m->site));
    if (m->left != MOCK_MISHAP_FOREVER)
        mock_control_put_int(json, "left", m->left);
    mock_control_put(json, "probability", json_real(m->probability));
    if (m->kind == MOCK_MISHAP_DELAY)
        mock_control_put_int(json, "for_ms", m->delay_ms);
    if (m->kind == MOCK_MISHAP_MORE)
        mock_control_put_int(json, "batch", m->batch);
    mock_control_put_int(json, "met", (int64_t)m->met);
    return json;
}

enum gw_code mock_control_mishaps(struct mock_control_call *call)
{
    struct gw_list *it, *tmp;
    json_t *list = json_array();

    GW_LIST_EACH(&mock_subs_mishaps(call->mx->subs)->list, it, tmp)
    (void)json_array_append_new(list, mishap_json(GW_CONTAINER(it, struct mock_mishap, link)));
    mock_control_put(call->answer, "mishaps", list);
    return GW_OK;
}

enum gw_code mock_control_mishap_add(struct mock_control_call *call)
{
    enum gw_code rc = mock_scenario_mishap(call->mx, call->body, &call->err);

    return rc ? rc : mock_control_mishaps(call);
}

enum gw_code mock_control_mishaps_clear(struct mock_control_call *call)
{
    mock_mishaps_clear(mock_subs_mishaps(call->mx->subs));
    return mock_control_mishaps(call);
}
