/* Databases, sites and moves as JSON: in a scenario, and over the control interface. */
#include <string.h>

#include "gw_log.h"
#include "mock_control.h"

enum gw_code mock_scenario_database(struct mock_exchange *mx, const json_t *json,
                                    struct gw_err *err)
{
    struct gw_str name = { NULL, 0 }, server = { NULL, 0 }, site = { NULL, 0 };
    enum gw_code rc = mock_json_only(json, "database", "name server site", err);

    if (!rc)
        rc = mock_json_text(json, "name", &name, err);
    if (!rc)
        rc = mock_json_text(json, "server", &server, err);
    if (!rc)
        rc = mock_json_text(json, "site", &site, err);
    return rc ? rc : mock_database_put(mx->service.places, name, server, site, err);
}

enum gw_code mock_scenario_cas_place(struct mock_cas *cas, const json_t *json, struct gw_err *err)
{
    struct mock_cas_place *place = mock_cas_place(cas);
    struct gw_str site = gw_str_of(place->site);
    char copy[MOCK_PLACE_NAME_MAX + 1];
    int refusal = -1;
    enum gw_code rc = mock_json_text(json, "site", &site, err);

    if (!rc)
        rc = mock_json_word(json, "refusal", mock_refusals, &refusal, err);
    if (rc)
        return rc;
    if (site.p == place->site) { /* it stays: not to be copied onto itself */
        memcpy(copy, place->site, sizeof(copy));
        site.p = copy;
    }
    return mock_cas_place_set(place, site, refusal < 0 ? place->refusal : mock_refusals[refusal],
                              err);
}

static json_t *database_json(const struct mock_database *database)
{
    json_t *json = json_object();

    mock_control_put_text(json, "name", database->name);
    mock_control_put_text(json, "server", database->server);
    mock_control_put_text(json, "site", database->site);
    return json;
}

enum gw_code mock_control_databases(struct mock_control_call *call)
{
    const struct mock_database *database;
    json_t *list = json_array();
    size_t pos = 0;

    while ((database = mock_database_next(call->mx->service.places, &pos)))
        (void)json_array_append_new(list, database_json(database));
    mock_control_put(call->answer, "databases", list);
    return GW_OK;
}

enum gw_code mock_control_database_add(struct mock_control_call *call)
{
    enum gw_code rc = mock_scenario_database(call->mx, call->body, &call->err);

    return rc ? rc : mock_control_databases(call);
}

/* What a move does to the mailbox's subscriptions. */
static void subs_end(struct mock_control_call *call, struct mock_mailbox *mailbox, bool lose)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&mailbox->subs, it, tmp)
    {
        struct mock_sub *sub = GW_CONTAINER(it, struct mock_sub, in_mailbox);

        if (lose)
            mock_sub_lose(call->mx->subs, sub);
        else
            mock_sub_break(call->mx->subs, sub, call->now);
    }
}

enum gw_code mock_control_user_move(struct mock_control_call *call)
{
    static const char *const fate[] = { "lose", "break", "keep", NULL };
    struct mock_mailbox *mailbox = mock_mailbox_by_smtp(call->mx->org, call->arg[0]);
    struct gw_str to = { NULL, 0 };
    int64_t lasts_ms = 0;
    char quoted[GW_QUOTE_MAX];
    int subs = 0;
    enum gw_code rc;

    if (!mailbox)
        return gw_fail(&call->err, GW_NOTFOUND, "no user %s", gw_quote(call->arg[0], quoted));
    rc = mock_json_only(call->body, "move", "to for subscriptions", &call->err);
    if (!rc)
        rc = mock_json_text(call->body, "to", &to, &call->err);
    if (!rc)
        rc = mock_json_span(call->body, "for", &lasts_ms, &call->err);
    if (!rc)
        rc = mock_json_word(call->body, "subscriptions", fate, &subs, &call->err);
    if (!rc)
        rc = mock_mailbox_move(call->mx->service.places, mailbox, to, lasts_ms, call->now.mono,
                               &call->err);
    if (rc)
        return rc;
    if (subs < 2)
        subs_end(call, mailbox, subs == 0);
    mock_control_put(
        call->answer, "database",
        database_json(mock_database_of(call->mx->service.places, mailbox, mailbox->moves_until)));
    return GW_OK;
}
