/* FindItem with CalendarView: one mailbox's calendar, as the impersonated user sees it, and further ones
 * of the same mailbox. What is wrong with one of these stops none of the others. */
#include "ews_priv.h"

static void put_attr_utc(struct xml_writer *w, const char *name, gw_utc t)
{
    char text[GW_UTC_TEXT_MAX];

    xml_put_attr(w, name, gw_str_of(gw_utc_text(t, text)));
}

/* Properties that CalendarView serves without opening each item; the first always, the others only if
 * somebody's rules look at them. The attendees themselves are not among them: FindItem tells who is
 * invited as two lists of names. */
static const struct {
    unsigned wanted; /* of enum gw_item_field; 0: always */
    const char *uri;
} field[] = {
    { 0, "calendar:Start" },
    { 0, "calendar:End" },
    { 0, "calendar:LegacyFreeBusyStatus" },
    { 0, "calendar:IsAllDayEvent" },
    { 0, "calendar:IsMeeting" },
    { 0, "calendar:IsCancelled" },
    { 0, "item:Sensitivity" },
    { GW_ITEM_SUBJECT, "item:Subject" },
    { GW_ITEM_LOCATION, "calendar:Location" },
    { GW_ITEM_CATEGORIES, "item:Categories" },
    { GW_ITEM_ORGANISER, "calendar:Organizer" },
    { GW_ITEM_ATTENDEES, "item:DisplayTo" },
    { GW_ITEM_ATTENDEES, "item:DisplayCc" },
    { GW_ITEM_RESPONSE, "calendar:MyResponseType" },
};
enum { FIELDS = sizeof(field) / sizeof(field[0]) };

static void put_item_shape(struct xml_writer *w, unsigned item_fields)
{
    xml_open(w, "m:ItemShape");
    xml_put(w, "t:BaseShape", GW_STR("IdOnly"));
    xml_open(w, "t:AdditionalProperties");
    for (size_t i = 0; i < FIELDS; i++) {
        if (field[i].wanted && !(field[i].wanted & item_fields))
            continue;
        xml_open(w, "t:FieldURI");
        xml_put_attr(w, "FieldURI", gw_str_of(field[i].uri));
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
    put_item_shape(w, request->item_fields);
    xml_open(w, "m:CalendarView");
    ews_put_attr_int(w, "MaxEntriesReturned", EWS_FIND_ITEM_MAX);
    put_attr_utc(w, "StartDate", ews_window_start(request));
    put_attr_utc(w, "EndDate", ews_window_end(request));
    xml_close(w);
    ews_put_calendar_folders(w, "m:ParentFolderIds", request);
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

/* ---- what rules look at ---- */

static int word_of(struct gw_str s, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (gw_str_is(s, words[i]))
            return i;
    return 0;
}

/* "Ann Example; Bob Example": a name may have anything but the separator. */
static int people_in(struct gw_str names)
{
    int count = 0;

    while (names.len) {
        struct gw_str one = names;

        if (!gw_str_cut(names, ";", &one, &names))
            names = (struct gw_str){ NULL, 0 };
        count += gw_str_trim(one).len > 0;
    }
    return count;
}

/* False: no room. */
static bool keep_text(struct gw_str text, struct gw_arena *arena, struct gw_str *out)
{
    if (text.len)
        *out = gw_arena_dup(arena, text);
    return !text.len || out->p;
}

static bool keep_categories(const struct xml_node *list, struct gw_arena *arena,
                            struct gw_item *out)
{
    size_t count = ews_count_children(list);
    struct gw_str *v;

    if (!count)
        return true;
    if (count > GW_ITEM_CATEGORIES_MAX)
        count = GW_ITEM_CATEGORIES_MAX;
    v = gw_arena_alloc(arena, count * sizeof(*v));
    if (!v)
        return false;
    out->categories = v;
    for (const struct xml_node *n = list->child; n && out->category_count < count; n = n->next)
        if (!keep_text(xml_text(n), arena, &v[out->category_count++]))
            return false;
    return true;
}

/* Only what was asked for: a server that tells more is not listened to. */
static bool read_details(const struct xml_node *item, unsigned fields, struct gw_arena *arena,
                         struct gw_item *out)
{
    static const char *const sensitivity[] = { "Normal", "Personal", "Private", "Confidential",
                                               NULL };
    static const char *const response[] = { "Unknown", "Organizer",          "Tentative", "Accept",
                                            "Decline", "NoResponseReceived", NULL };
    const struct xml_node *mailbox = xml_path(item, "Organizer/Mailbox");

    out->sensitivity =
        (unsigned char)word_of(xml_child_text(item, NULL, "Sensitivity"), sensitivity);
    out->attendees = -1;
    if (fields & GW_ITEM_RESPONSE)
        out->response =
            (unsigned char)word_of(xml_child_text(item, NULL, "MyResponseType"), response);
    if (fields & GW_ITEM_ATTENDEES)
        out->attendees = people_in(xml_child_text(item, NULL, "DisplayTo")) +
                         people_in(xml_child_text(item, NULL, "DisplayCc"));
    if ((fields & GW_ITEM_SUBJECT) &&
        !keep_text(xml_child_text(item, NULL, "Subject"), arena, &out->subject))
        return false;
    if ((fields & GW_ITEM_LOCATION) &&
        !keep_text(xml_child_text(item, NULL, "Location"), arena, &out->location))
        return false;
    if ((fields & GW_ITEM_ORGANISER) &&
        (!keep_text(xml_child_text(mailbox, NULL, "Name"), arena, &out->organiser) ||
         !keep_text(xml_child_text(mailbox, NULL, "EmailAddress"), arena, &out->organiser_address)))
        return false;
    return !(fields & GW_ITEM_CATEGORIES) ||
           keep_categories(xml_child(item, NULL, "Categories"), arena, out);
}

static bool folder_is_truncated(const struct xml_node *folder, size_t items)
{
    struct gw_str all = xml_attr(folder, "IncludesLastItemInRange");

    return all.len ? !ews_text_is_true(all) : items >= EWS_FIND_ITEM_MAX;
}

/* Everything of one calendar. */
static void read_items(const struct xml_node *items, unsigned fields, struct gw_arena *arena,
                       struct ews_calendar *out, unsigned *dropped)
{
    struct gw_interval *v = ews_intervals_alloc(items, arena, &out->status);
    struct gw_item *detail = NULL;
    size_t count = 0;

    if (fields)
        detail = gw_arena_alloc(arena, (ews_count_children(items) + 1) * sizeof(*detail));
    if (!v || (fields && !detail)) {
        ews_set_too_large(&out->status);
        return;
    }
    for (const struct xml_node *n = items->child; n; n = n->next) {
        if (!read_item(n, &v[count], dropped))
            continue;
        if (detail && !read_details(n, fields, arena, &detail[count])) {
            ews_set_too_large(&out->status);
            return;
        }
        if (detail)
            detail[count].interval = v[count];
        count++;
    }
    out->items = detail;
    out->item_count = detail ? count : 0;
    ews_calendar_set(out, v, count);
}

static void read_folder(const struct xml_node *message, const struct ews_request *request,
                        struct gw_arena *arena, struct ews_calendar *out, unsigned *dropped)
{
    const struct xml_node *folder = xml_child(message, NULL, "RootFolder");
    const struct xml_node *items = xml_child(folder, NULL, "Items");

    ews_soap_message_status(message, &out->status);
    if (out->status.class != EWS_OK)
        return;
    if (!items) {
        ews_set_missing(&out->status, "list of items");
        return;
    }
    out->truncated = folder_is_truncated(folder, ews_count_children(items));
    read_items(items, request->item_fields, arena, out, dropped);
}

static void find_item_parse(const struct xml_node *body, const struct ews_request *request,
                            struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *message = ews_first_message(body, &out->status);
    size_t count = 1 + request->folder_count;
    struct ews_calendar *calendars;

    if (!message)
        return;
    calendars = gw_arena_alloc(arena, count * sizeof(*calendars));
    if (!calendars) {
        ews_set_too_large(&out->status);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (message)
            read_folder(message, request, arena, &calendars[i], &out->dropped);
        else
            ews_set_missing(&calendars[i].status, "word about one of the calendars");
        message = message ? message->next : NULL;
    }
    out->status = calendars[0].status;
    if (out->status.class != EWS_OK)
        return;
    out->calendars = calendars;
    out->calendar_count = count;
}

static enum gw_code find_item_check(const struct ews_request *request, struct gw_err *err)
{
    enum gw_code rc = ews_window_check(request, err);

    return rc ? rc : ews_folders_check(request, err);
}

const struct ews_op_info ews_op_find_item = {
    .name = "FindItem",
    .answer = "FindItemResponse",
    .body_max = 2 * 1024 * 1024, /* an item takes some 700 bytes and 12 nodes */
    .nodes_max = 30000,
    .impersonates = true,
    .time_zone_context = true,
    .wide = true,
    .check = find_item_check,
    .write = find_item_write,
    .parse = find_item_parse
};
