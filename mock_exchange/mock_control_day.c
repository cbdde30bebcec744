/* The control interface: the calendars of a day, for many mailboxes at once. */
#include "gw_log.h"
#include "mock_control.h"

enum { DAY_USERS_MAX = 500, DAY_MEETINGS_MAX = 1000 /* of one mailbox */ };

static enum gw_code moment_read(struct mock_control_call *call, struct gw_str text, gw_utc *out)
{
    char quoted[GW_QUOTE_MAX];

    if (!text.len || mock_moment_parse(text, call->now.utc, out))
        return GW_OK;
    return gw_fail(&call->err, GW_INVALID, "%s is not a time", gw_quote(text, quoted));
}

static json_t *user_day(const struct mock_mailbox *mailbox, gw_utc from, gw_utc to)
{
    json_t *json = json_object(), *meetings = json_array();
    struct mock_view view;

    mock_view_open(mailbox, from, to, &view);
    for (size_t i = 0; i < view.count && i < DAY_MEETINGS_MAX; i++)
        (void)json_array_append_new(meetings, mock_control_meeting_json(&view.items[i]));
    mock_view_close(&view);
    mock_control_put_text(json, "address", mailbox->address);
    mock_control_put_text(json, "name", mailbox->display);
    mock_control_put_int(json, "subscriptions", mailbox->sub_count);
    mock_control_put(json, "oof", mock_control_oof_json(&mailbox->oof));
    mock_control_put(json, "meetings", meetings);
    return json;
}

static bool begins_with(const struct mock_mailbox *mailbox, struct gw_str prefix)
{
    return gw_str_ieq(gw_str_sub(gw_str_of(mailbox->address), 0, prefix.len), prefix);
}

enum gw_code mock_control_day(struct mock_control_call *call)
{
    gw_utc from = call->now.utc - call->now.utc % GW_DAY_MS, to;
    int64_t offset = 0, limit = 50, total = 0;
    struct mock_mailbox *mailbox;
    json_t *list;
    size_t pos = 0;
    enum gw_code rc = mock_control_page(call, &offset, &limit);

    if (!rc)
        rc = moment_read(call, call->request->from, &from);
    to = from + GW_DAY_MS;
    if (!rc)
        rc = moment_read(call, call->request->to, &to);
    if (rc)
        return rc;
    if (limit > DAY_USERS_MAX)
        limit = DAY_USERS_MAX;
    list = json_array();
    while ((mailbox = mock_mailbox_next(call->mx->org, &pos))) {
        if (!begins_with(mailbox, call->request->user))
            continue;
        if (total >= offset && total < offset + limit)
            (void)json_array_append_new(list, user_day(mailbox, from, to));
        total++;
    }
    mock_control_put(call->answer, "from", mock_json_utc(from));
    mock_control_put(call->answer, "to", mock_json_utc(to));
    mock_control_put(call->answer, "now", mock_json_utc(call->now.utc));
    mock_control_put_int(call->answer, "total", total);
    mock_control_put(call->answer, "users", list);
    return GW_OK;
}
