/* The control interface: calendars that a mailbox has besides its own one. */
#include "gw_log.h"
#include "mock_control.h"
#include "mock_soap.h"

static struct mock_mailbox *user_of(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox = mock_mailbox_by_smtp(call->mx->org, call->arg[0]);
    char quoted[GW_QUOTE_MAX];

    if (!mailbox)
        (void)gw_fail(&call->err, GW_NOTFOUND, "no user %s", gw_quote(call->arg[0], quoted));
    return mailbox;
}

/* By its number; NULL, with an error: there is none. */
static struct mock_calendar *calendar_of(struct mock_control_call *call,
                                         struct mock_mailbox **mailbox)
{
    struct mock_calendar *calendar = NULL;
    char quoted[GW_QUOTE_MAX];
    int64_t number;

    *mailbox = user_of(call);
    if (!*mailbox)
        return NULL;
    if (gw_str_to_int(call->arg[1], 1, MOCK_CALENDARS_MAX, &number))
        calendar = mock_calendar_of(*mailbox, mock_calendar_folder((unsigned)number));
    if (!calendar)
        (void)gw_fail(&call->err, GW_NOTFOUND, "no further calendar %s: they have numbers",
                      gw_quote(call->arg[1], quoted));
    return calendar;
}

static json_t *calendar_json(const struct mock_mailbox *mailbox,
                             const struct mock_calendar *calendar)
{
    struct mock_id id = mock_id_folder(mailbox->number, mock_calendar_folder(calendar->number));
    json_t *json = json_object();

    mock_control_put_int(json, "number", calendar->number);
    mock_control_put_text(json, "name", calendar->name);
    mock_control_put_text(json, "ews_id", id.s);
    mock_control_put(json, "deleted", json_boolean(calendar->is_deleted));
    mock_control_put_text(json, "error", calendar->error);
    return json;
}

enum gw_code mock_control_calendars(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox = user_of(call);
    json_t *list;

    if (!mailbox)
        return call->err.code;
    list = json_array();
    for (unsigned i = 0; i < mailbox->calendar_count; i++)
        if (mailbox->calendars[i])
            (void)json_array_append_new(list, calendar_json(mailbox, mailbox->calendars[i]));
    mock_control_put(call->answer, "calendars", list);
    return GW_OK;
}

enum gw_code mock_control_calendar_add(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox = user_of(call);
    struct mock_calendar *calendar;
    struct gw_str name = { NULL, 0 };
    enum gw_code rc;

    if (!mailbox)
        return call->err.code;
    rc = mock_json_only(call->body, "calendar", "name", &call->err);
    if (!rc)
        rc = mock_json_text(call->body, "name", &name, &call->err);
    if (!rc)
        rc = mock_calendar_add(call->mx->org, mailbox, name, call->now, &calendar, &call->err);
    if (!rc)
        mock_control_put(call->answer, "calendar", calendar_json(mailbox, calendar));
    return rc;
}

static enum gw_code error_read(struct mock_control_call *call, struct mock_calendar *calendar)
{
    struct gw_str code = { NULL, 0 };
    enum gw_code rc = mock_json_text(call->body, "error", &code, &call->err);
    const char *literal = mock_code_find(code);
    char quoted[GW_QUOTE_MAX];

    if (rc || !json_object_get(call->body, "error"))
        return rc;
    if (code.len && !literal)
        return gw_fail(&call->err, GW_INVALID, "calendar: no ResponseCode %s is known here",
                       gw_quote(code, quoted));
    calendar->error = code.len ? literal : NULL;
    return GW_OK;
}

enum gw_code mock_control_calendar_change(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox;
    struct mock_calendar *calendar = calendar_of(call, &mailbox);
    struct gw_str name = { NULL, 0 };
    enum gw_code rc;

    if (!calendar)
        return call->err.code;
    rc = mock_json_only(call->body, "calendar", "name error", &call->err);
    if (!rc)
        rc = mock_json_text(call->body, "name", &name, &call->err);
    if (!rc)
        rc = error_read(call, calendar);
    if (!rc && name.p)
        rc = mock_calendar_rename(call->mx->org, mailbox, calendar, name, call->now, &call->err);
    if (!rc)
        mock_control_put(call->answer, "calendar", calendar_json(mailbox, calendar));
    return rc;
}

enum gw_code mock_control_calendar_delete(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox;
    struct mock_calendar *calendar = calendar_of(call, &mailbox);
    bool moved = false;
    enum gw_code rc;

    if (!calendar)
        return call->err.code;
    rc = mock_json_only(call->body, "request", "moved", &call->err);
    if (!rc)
        rc = mock_json_bool(call->body, "moved", &moved, &call->err);
    if (!rc)
        mock_calendar_delete(call->mx->org, mailbox, calendar, moved, call->now);
    return rc;
}
