/* FindItem with CalendarView: one mailbox's calendar, as the impersonated user sees it. */
#include "ews_priv.h"

#include <stdio.h>

static void put_attr_utc(struct xml_writer *w, const char *name, gw_utc t)
{
    char text[GW_UTC_TEXT_MAX];

    xml_put_attr(w, name, gw_str_of(gw_utc_text(t, text)));
}

static void put_attr_int(struct xml_writer *w, const char *name, int n)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", n);
    xml_put_attr(w, name, gw_str_of(text));
}

/* Properties that CalendarView serves without opening each item. */
static void put_item_shape(struct xml_writer *w)
{
    static const char *const field[] = {
        "calendar:Start",         "calendar:End",       "calendar:LegacyFreeBusyStatus",
        "calendar:IsAllDayEvent", "calendar:IsMeeting", "calendar:IsCancelled",
        "item:Sensitivity"
    };

    xml_open(w, "m:ItemShape");
    xml_put(w, "t:BaseShape", GW_STR("IdOnly"));
    xml_open(w, "t:AdditionalProperties");
    for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
        xml_open(w, "t:FieldURI");
        xml_put_attr(w, "FieldURI", gw_str_of(field[i]));
        xml_close(w);
    }
    xml_close(w);
    xml_close(w);
}

static void find_item_write(struct xml_writer *w, const struct ews_request *request,
                            const struct ews_dialect *dialect)
{
    (void)dialect;
    xml_open(w, "m:FindItem");
    xml_put_attr(w, "Traversal", GW_STR("Shallow"));
    put_item_shape(w);
    xml_open(w, "m:CalendarView");
    put_attr_int(w, "MaxEntriesReturned", EWS_FIND_ITEM_MAX);
    put_attr_utc(w, "StartDate", ews_window_start(request));
    put_attr_utc(w, "EndDate", ews_window_end(request));
    xml_close(w);
    ews_put_calendar_folder(w, "m:ParentFolderIds");
    xml_close(w);
}

static unsigned char item_flags(const struct xml_node *item)
{
    struct gw_str sensitivity = xml_child_text(item, NULL, "Sensitivity");
    unsigned char flags = 0;

    if (ews_text_is_true(xml_child_text(item, NULL, "IsAllDayEvent")))
        flags |= GW_INTERVAL_ALL_DAY;
    if (ews_text_is_true(xml_child_text(item, NULL, "IsMeeting")))
        flags |= GW_INTERVAL_MEETING;
    if (gw_str_is(sensitivity, "Private") || gw_str_is(sensitivity, "Confidential"))
        flags |= GW_INTERVAL_PRIVATE;
    return flags;
}

/* False: not to be kept. */
static bool read_item(const struct xml_node *item, struct gw_interval *out, unsigned *dropped)
{
    *out = (struct gw_interval){ 0 };
    if (!xml_is(item, NULL, "CalendarItem") ||
        !ews_read_span(item, "Start", "End", &out->start, &out->end)) {
        ++*dropped;
        return false;
    }
    if (ews_text_is_true(xml_child_text(item, NULL, "IsCancelled")))
        return false;
    out->busy = (unsigned char)ews_busy_of(xml_child_text(item, NULL, "LegacyFreeBusyStatus"));
    out->flags = item_flags(item);
    return true;
}

static bool folder_is_truncated(const struct xml_node *folder, size_t items)
{
    struct gw_str all = xml_attr(folder, "IncludesLastItemInRange");

    return all.len ? !ews_text_is_true(all) : items >= EWS_FIND_ITEM_MAX;
}

static void find_item_parse(const struct xml_node *body, const struct ews_request *request,
                            struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *message = ews_first_message(body, &out->status);
    const struct xml_node *folder, *items;
    struct ews_calendar *calendar;
    struct gw_interval *v;
    size_t count = 0;

    (void)request;
    if (!message)
        return;
    folder = xml_child(message, NULL, "RootFolder");
    items = xml_child(folder, NULL, "Items");
    if (!items) {
        ews_set_missing(&out->status, "list of items");
        return;
    }
    calendar = gw_arena_alloc(arena, sizeof(*calendar));
    v = ews_intervals_alloc(items, arena, &out->status);
    if (!calendar || !v) {
        ews_set_too_large(&out->status);
        return;
    }
    for (const struct xml_node *n = items->child; n; n = n->next)
        if (read_item(n, &v[count], &out->dropped))
            count++;
    calendar->status = out->status;
    calendar->truncated = folder_is_truncated(folder, ews_count_children(items));
    ews_calendar_set(calendar, v, count);
    out->calendars = calendar;
    out->calendar_count = 1;
}

const struct ews_op_info ews_op_find_item = {
    .name = "FindItem",
    .answer = "FindItemResponse",
    .body_max = 2 * 1024 * 1024, /* an item takes some 700 bytes and 12 nodes */
    .nodes_max = 30000,
    .impersonates = true,
    .time_zone_context = true,
    .wide = true,
    .check = ews_window_check,
    .write = find_item_write,
    .parse = find_item_parse
};
