/* The control interface: users, their meetings, their out-of-office settings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "mock_control.h"
#include "mock_repeat.h"
#include "mock_soap.h"

static struct mock_mailbox *user_of(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox = mock_mailbox_by_smtp(call->mx->org, call->arg[0]);
    char quoted[GW_QUOTE_MAX];

    if (!mailbox)
        (void)gw_fail(&call->err, GW_NOTFOUND, "no user %s", gw_quote(call->arg[0], quoted));
    return mailbox;
}

json_t *mock_control_oof_json(const struct mock_oof *oof)
{
    json_t *json = json_object();

    mock_control_put_text(json, "state", mock_oof_state_name(oof->setting.state));
    mock_control_put(json, "start", mock_json_utc(oof->setting.start));
    mock_control_put(json, "end", mock_json_utc(oof->setting.end));
    mock_control_put_text(json, "internal", oof->internal_reply);
    mock_control_put_text(json, "external", oof->external_reply);
    mock_control_put_text(json, "audience", mock_audience_name(oof->audience));
    return json;
}

static json_t *user_json(const struct mock_control_call *call, const struct mock_mailbox *mailbox)
{
    const struct mock_database *at =
        mock_database_of(call->mx->service.places, mailbox, call->now.mono);
    json_t *json = json_object();

    mock_control_put_text(json, "address", mailbox->address);
    mock_control_put_text(json, "upn", mailbox->upn);
    mock_control_put_text(json, "name", mailbox->display);
    mock_control_put_text(json, "database", at->name);
    mock_control_put(json, "moving", json_boolean(mock_mailbox_is_moving(mailbox, call->now.mono)));
    mock_control_put_int(json, "meetings", (int64_t)(mailbox->item_count + mailbox->master_count));
    mock_control_put_int(json, "subscriptions", mailbox->sub_count);
    mock_control_put(json, "requests", mock_control_counts(mailbox->calls));
    return json;
}

/* As mock_item_get() takes it. */
static json_t *key_json(const struct mock_item *item)
{
    char text[48];

    if (item->day == MOCK_NO_DAY)
        return json_string(item->key);
    snprintf(text, sizeof(text), "%s.%lld", item->key, (long long)item->day);
    return json_string(text);
}

/* NULL: the mailbox's own. */
static const char *calendar_name(const struct mock_item *item)
{
    const struct mock_calendar *calendar =
        mock_calendar_of(item->mailbox, mock_calendar_folder(item->data.calendar));

    return calendar ? calendar->name : NULL;
}

json_t *mock_control_meeting_json(const struct mock_item *item)
{
    const struct mock_item_data *d = &item->data;
    enum mock_item_type type = mock_item_type(item);
    struct mock_id id = mock_item_id(item);
    json_t *json = json_object();

    mock_control_put(json, "id", key_json(item));
    mock_control_put_text(json, "ews_id", id.s);
    mock_control_put_text(json, "user", item->mailbox->address);
    mock_control_put(json, "start", mock_json_utc(d->start));
    mock_control_put(json, "end", mock_json_utc(d->end));
    mock_control_put_text(json, "busy", gw_busy_name(d->busy));
    mock_control_put(json, "all_day", json_boolean(d->all_day));
    mock_control_put(json, "meeting", json_boolean(d->meeting));
    mock_control_put(json, "cancelled", json_boolean(d->cancelled));
    mock_control_put_text(json, "sensitivity", mock_sensitivity_name(d->sensitivity));
    mock_control_put_text(json, "response", mock_response_name(d->response));
    mock_control_put_text(json, "type", mock_item_type_name(type));
    mock_control_put_text(json, "subject", d->subject);
    mock_control_put_text(json, "location", d->location);
    mock_control_put_text(json, "calendar", calendar_name(item));
    mock_control_put_int(json, "changes", item->change);
    if (type == MOCK_MASTER)
        mock_control_put(json, "repeat", mock_repeat_json(item->series));
    return json;
}

enum gw_code mock_control_users(struct mock_control_call *call)
{
    int64_t offset = 0, limit = 1000;
    struct mock_mailbox *mailbox;
    size_t pos = 0;
    json_t *list;
    enum gw_code rc = mock_control_page(call, &offset, &limit);

    if (rc)
        return rc;
    list = json_array();
    while ((mailbox = mock_mailbox_next(call->mx->org, &pos))) {
        if (offset-- > 0)
            continue;
        if (limit-- <= 0)
            break;
        (void)json_array_append_new(list, user_json(call, mailbox));
    }
    mock_control_put_int(call->answer, "total", (int64_t)mock_mailbox_count(call->mx->org));
    mock_control_put(call->answer, "users", list);
    return GW_OK;
}

enum gw_code mock_control_users_add(struct mock_control_call *call)
{
    int64_t count = 0;
    enum gw_code rc = mock_scenario_user(call->mx, call->body, call->now, &count, &call->err);

    if (rc)
        return rc;
    mock_control_put_int(call->answer, "added", count);
    return GW_OK;
}

enum gw_code mock_control_user(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox = user_of(call);

    if (!mailbox)
        return call->err.code;
    mock_control_put(call->answer, "user", user_json(call, mailbox));
    mock_control_put(call->answer, "oof", mock_control_oof_json(&mailbox->oof));
    return GW_OK;
}

enum gw_code mock_control_user_remove(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox = user_of(call);
    struct gw_list *link;

    if (!mailbox)
        return call->err.code;
    while ((link = gw_list_pop(&mailbox->subs)))
        mock_sub_lose(call->mx->subs, GW_CONTAINER(link, struct mock_sub, in_mailbox));
    mock_mailbox_remove(call->mx->org, mailbox);
    return GW_OK;
}

enum gw_code mock_control_user_meetings(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox = user_of(call);
    json_t *list;

    if (!mailbox)
        return call->err.code;
    list = json_array();
    for (size_t i = 0; i < mailbox->item_count; i++)
        (void)json_array_append_new(list, mock_control_meeting_json(mailbox->items[i]));
    for (size_t i = 0; i < mailbox->master_count; i++)
        (void)json_array_append_new(list, mock_control_meeting_json(mailbox->masters[i]));
    mock_control_put(call->answer, "meetings", list);
    return GW_OK;
}

static enum gw_code meetings_add_all(struct mock_control_call *call, struct mock_mailbox *mailbox)
{
    json_t *list = json_array();
    enum gw_code rc = GW_OK;

    for (size_t i = 0; !rc && i < json_array_size(call->body); i++) {
        struct mock_item item;

        rc = mock_scenario_meeting(call->mx, mailbox, json_array_get(call->body, i), 0, call->now,
                                   &item, &call->err);
        if (!rc)
            (void)json_array_append_new(list, mock_control_meeting_json(&item));
        else
            (void)gw_fail_prefix(&call->err, "[%zu]: ", i);
    }
    mock_control_put(call->answer, "meetings", list);
    return rc;
}

enum gw_code mock_control_meetings_add(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox = user_of(call);
    struct mock_item item;
    enum gw_code rc;

    if (!mailbox)
        return call->err.code;
    if (json_is_array(call->body))
        return meetings_add_all(call, mailbox);
    rc = mock_scenario_meeting(call->mx, mailbox, call->body, 0, call->now, &item, &call->err);
    if (!rc)
        mock_control_put(call->answer, "meeting", mock_control_meeting_json(&item));
    return rc;
}

enum gw_code mock_control_oof(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox = user_of(call);

    if (!mailbox)
        return call->err.code;
    mock_control_put(call->answer, "oof", mock_control_oof_json(&mailbox->oof));
    return GW_OK;
}

enum gw_code mock_control_oof_set(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox = user_of(call);
    enum gw_code rc;

    if (!mailbox)
        return call->err.code;
    rc = mock_scenario_oof(mailbox, call->body, call->now.utc, &call->err);
    return rc ? rc : mock_control_oof(call);
}

static json_t *hours_json(const struct mock_hours *hours)
{
    json_t *json = json_object(), *days = json_array();
    char text[16];

    mock_control_put_text(json, "zone", hours->zone_id);
    for (int i = 0; i < 7; i++)
        if (hours->days & 1u << i)
            (void)json_array_append_new(days, json_string(mock_weekday_name[i]));
    mock_control_put(json, "days", days);
    snprintf(text, sizeof(text), "%02d:%02d", hours->start_min / 60, hours->start_min % 60);
    mock_control_put_text(json, "start", text);
    snprintf(text, sizeof(text), "%02d:%02d", hours->end_min / 60, hours->end_min % 60);
    mock_control_put_text(json, "end", text);
    return json;
}

static json_t *discovery_json(const struct mock_discovery *discovery)
{
    json_t *json = json_object();

    mock_control_put_text(json, "redirect_address", discovery->redirect_address);
    mock_control_put_text(json, "redirect_url", discovery->redirect_url);
    mock_control_put_text(json, "error_level", mock_discovery_level_name[discovery->level]);
    mock_control_put_text(json, "error_code", discovery->error_code);
    return json;
}

enum gw_code mock_control_traits(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox = user_of(call);
    const struct mock_traits *traits;
    json_t *json;

    if (!mailbox)
        return call->err.code;
    traits = mock_mailbox_traits(mailbox);
    json = json_object();
    mock_control_put(json, "hours", hours_json(&traits->hours));
    mock_control_put_text(json, "sharing", mock_sharing_name[traits->sharing]);
    mock_control_put_text(json, "free_busy_error", traits->free_busy_error);
    mock_control_put(json, "tips_pending", json_boolean(traits->tips_pending));
    mock_control_put(json, "external_oof", json_boolean(traits->external_oof));
    mock_control_put(json, "autodiscover", discovery_json(&traits->discovery));
    mock_control_put(call->answer, "traits", json);
    return GW_OK;
}

enum gw_code mock_control_traits_set(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox = user_of(call);
    enum gw_code rc;

    if (!mailbox)
        return call->err.code;
    rc = mock_scenario_traits(mailbox, call->body, call->now.utc, &call->err);
    return rc ? rc : mock_control_traits(call);
}

/* --- one meeting, or one occurrence --- */

static bool meeting_of(struct mock_control_call *call, struct mock_item *out)
{
    char quoted[GW_QUOTE_MAX];

    if (mock_item_get(call->mx->org, call->arg[0], out))
        return true;
    (void)gw_fail(&call->err, GW_NOTFOUND, "no meeting %s", gw_quote(call->arg[0], quoted));
    return false;
}

enum gw_code mock_control_meeting(struct mock_control_call *call)
{
    struct mock_item item;

    if (!meeting_of(call, &item))
        return call->err.code;
    mock_control_put(call->answer, "meeting", mock_control_meeting_json(&item));
    return GW_OK;
}

enum gw_code mock_control_meeting_change(struct mock_control_call *call)
{
    const json_t *json = json_object_get(call->body, "repeat");
    struct mock_item item;
    struct mock_repeat repeat;
    enum gw_code rc;

    if (!meeting_of(call, &item))
        return call->err.code;
    if (json_object_get(call->body, "calendar"))
        return gw_fail(&call->err, GW_INVALID, "a meeting stays in its calendar");
    rc = mock_meeting_read(call->body, 0, call->now.utc, &item.data, &call->err);
    if (!rc && json && item.day != MOCK_NO_DAY)
        rc = gw_fail(&call->err, GW_INVALID, "an occurrence does not repeat: name its series");
    if (!rc && json)
        rc = mock_repeat_read(json, item.data.start, &repeat, &call->err);
    if (!rc)
        rc = mock_item_change(call->mx->org, &item, &item.data, json ? &repeat.recurrence : NULL,
                              call->now, &call->err);
    return rc ? rc : mock_control_meeting(call);
}

/* As it is left in an attendee's calendar when the organizer calls it off: marked, and free. */
enum gw_code mock_control_meeting_cancel(struct mock_control_call *call)
{
    struct mock_item item;
    bool keep_busy = false;
    enum gw_code rc;

    if (!meeting_of(call, &item))
        return call->err.code;
    rc = mock_json_only(call->body, "request", "keep_busy", &call->err);
    if (!rc)
        rc = mock_json_bool(call->body, "keep_busy", &keep_busy, &call->err);
    if (rc)
        return rc;
    item.data.cancelled = true;
    item.data.meeting = true;
    if (!keep_busy)
        item.data.busy = GW_BUSY_FREE;
    rc = mock_item_change(call->mx->org, &item, &item.data, NULL, call->now, &call->err);
    return rc ? rc : mock_control_meeting(call);
}

enum gw_code mock_control_meeting_delete(struct mock_control_call *call)
{
    struct mock_item item;
    bool moved = false;
    enum gw_code rc;

    if (!meeting_of(call, &item))
        return call->err.code;
    rc = mock_json_only(call->body, "request", "moved", &call->err);
    if (!rc)
        rc = mock_json_bool(call->body, "moved", &moved, &call->err);
    if (!rc)
        mock_item_delete(call->mx->org, &item, moved, call->now);
    return rc;
}
