/* The bodies of answers. An item that cannot be understood is counted and left out; it never stops
 * the others. */
#include "ews_priv.h"

#include <string.h>

static bool text_is_true(struct gw_str s)
{
    return gw_str_iis(s, "true") || gw_str_is(s, "1");
}

static enum gw_busy busy_of(struct gw_str s)
{
    static const enum gw_busy all[] = { GW_BUSY_NODATA,    GW_BUSY_FREE, GW_BUSY_TENTATIVE,
                                        GW_BUSY_ELSEWHERE, GW_BUSY_BUSY, GW_BUSY_OOF };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (gw_str_is(s, gw_busy_name(all[i])))
            return all[i];
    return GW_BUSY_BUSY; /* a kind that newer servers have: taken, in any case */
}

static bool read_span(const struct xml_node *n, const char *start, const char *end, gw_utc *from,
                      gw_utc *to)
{
    return gw_utc_parse(xml_child_text(n, NULL, start), from, NULL) == GW_OK &&
           gw_utc_parse(xml_child_text(n, NULL, end), to, NULL) == GW_OK && *from <= *to;
}

static size_t count_children(const struct xml_node *n)
{
    size_t count = 0;

    for (n = n ? n->child : NULL; n; n = n->next)
        count++;
    return count;
}

static void set_too_large(struct ews_status *out)
{
    ews_status_set(out, EWS_TOO_MUCH, "answer-too-large", "the server's answer is too large");
    out->alive = true;
}

static void set_missing(struct ews_status *out, const char *what)
{
    ews_status_set(out, EWS_BAD_ANSWER, "incomplete", "the server's answer has no %s", what);
    out->alive = true;
}

/* Room for all the children of n as intervals; sets the status when there is none. */
static struct gw_interval *intervals_alloc(const struct xml_node *n, struct gw_arena *arena,
                                           struct ews_status *status)
{
    struct gw_interval *v = gw_arena_alloc(arena, (count_children(n) + 1) * sizeof(*v));

    if (!v)
        set_too_large(status);
    return v;
}

static void calendar_set(struct ews_calendar *c, struct gw_interval *v, size_t count)
{
    c->count = gw_intervals_normalise(v, count);
    c->intervals = v;
}

/* ---- Subscribe -------------------------------------------------------------------------------- */

/* The first response message; NULL and a status when the answer has none or it is an error. */
static const struct xml_node *first_message(const struct xml_node *body, struct ews_status *status)
{
    const struct xml_node *messages = xml_child(body, NULL, "ResponseMessages");

    if (!messages || !messages->child) {
        set_missing(status, "response message");
        return NULL;
    }
    ews_soap_message_status(messages->child, status);
    return status->class == EWS_OK ? messages->child : NULL;
}

void ews_subscribe_parse(const struct xml_node *body, const struct ews_request *request,
                         struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *message = first_message(body, &out->status);
    struct gw_str id;

    (void)request;
    if (!message)
        return;
    id = xml_child_text(message, NULL, "SubscriptionId");
    if (!id.len || id.len > EWS_ID_MAX)
        set_missing(&out->status, "usable SubscriptionId");
    else
        out->subscription_id = gw_arena_dup(arena, id);
}

/* ---- FindItem --------------------------------------------------------------------------------- */

static unsigned char item_flags(const struct xml_node *item)
{
    struct gw_str sensitivity = xml_child_text(item, NULL, "Sensitivity");
    unsigned char flags = 0;

    if (text_is_true(xml_child_text(item, NULL, "IsAllDayEvent")))
        flags |= GW_INTERVAL_ALL_DAY;
    if (text_is_true(xml_child_text(item, NULL, "IsMeeting")))
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
        !read_span(item, "Start", "End", &out->start, &out->end)) {
        ++*dropped;
        return false;
    }
    if (text_is_true(xml_child_text(item, NULL, "IsCancelled")))
        return false;
    out->busy = (unsigned char)busy_of(xml_child_text(item, NULL, "LegacyFreeBusyStatus"));
    out->flags = item_flags(item);
    return true;
}

static bool folder_is_truncated(const struct xml_node *folder, size_t items)
{
    struct gw_str all = xml_attr(folder, "IncludesLastItemInRange");

    return all.len ? !text_is_true(all) : items >= EWS_FIND_ITEM_MAX;
}

void ews_find_item_parse(const struct xml_node *body, const struct ews_request *request,
                         struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *message = first_message(body, &out->status);
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
        set_missing(&out->status, "list of items");
        return;
    }
    calendar = gw_arena_alloc(arena, sizeof(*calendar));
    v = intervals_alloc(items, arena, &out->status);
    if (!calendar || !v) {
        set_too_large(&out->status);
        return;
    }
    for (const struct xml_node *n = items->child; n; n = n->next)
        if (read_item(n, &v[count], &out->dropped))
            count++;
    calendar->status = out->status;
    calendar->truncated = folder_is_truncated(folder, count_children(items));
    calendar_set(calendar, v, count);
    out->calendars = calendar;
    out->calendar_count = 1;
}

/* ---- GetUserAvailability ---------------------------------------------------------------------- */

/* One digit for each EWS_MERGED_MINUTES from the start of the window: 0 Free, 1 Tentative, 2 Busy,
 * 3 OOF; what 4 and above mean differs between versions, so they say nothing. */
static enum gw_busy busy_of_digit(char digit)
{
    switch (digit) {
    case '0':
        return GW_BUSY_FREE;
    case '1':
        return GW_BUSY_TENTATIVE;
    case '2':
        return GW_BUSY_BUSY;
    case '3':
        return GW_BUSY_OOF;
    default:
        return GW_BUSY_NODATA;
    }
}

/* Runs of equal digits that are not free. v NULL: only counts. */
static size_t merged_runs(struct gw_str digits, gw_utc start, struct gw_interval *v)
{
    const int64_t step = (int64_t)EWS_MERGED_MINUTES * GW_MINUTE_MS;
    size_t count = 0, from = 0;

    while (from < digits.len) {
        enum gw_busy busy = busy_of_digit(digits.p[from]);
        size_t to = from + 1;

        while (to < digits.len && busy_of_digit(digits.p[to]) == busy)
            to++;
        if (busy != GW_BUSY_FREE) {
            if (v)
                v[count] = (struct gw_interval){ .start = start + (int64_t)from * step,
                                                 .end = start + (int64_t)to * step,
                                                 .busy = (unsigned char)busy };
            count++;
        }
        from = to;
    }
    return count;
}

static void read_merged(struct gw_str digits, const struct ews_request *request,
                        struct gw_arena *arena, struct ews_calendar *out)
{
    gw_utc start = ews_window_start(request);
    struct gw_interval *v;

    v = gw_arena_alloc(arena, (merged_runs(digits, start, NULL) + 1) * sizeof(*v));
    if (!v)
        set_too_large(&out->status);
    else
        calendar_set(out, v, merged_runs(digits, start, v));
}

static void read_events(const struct xml_node *events, struct gw_arena *arena,
                        struct ews_calendar *out, unsigned *dropped)
{
    struct gw_interval *v = intervals_alloc(events, arena, &out->status);
    size_t count = 0;

    if (!v)
        return;
    for (const struct xml_node *n = events->child; n; n = n->next) {
        struct gw_interval *i = &v[count];

        *i = (struct gw_interval){ 0 };
        if (!read_span(n, "StartTime", "EndTime", &i->start, &i->end)) {
            ++*dropped;
            continue;
        }
        i->busy = (unsigned char)busy_of(xml_child_text(n, NULL, "BusyType"));
        count++;
    }
    calendar_set(out, v, count);
}

/* The view may be less than was asked for: across forests the digits come alone. */
static void read_view(const struct xml_node *view, const struct ews_request *request,
                      struct gw_arena *arena, struct ews_calendar *out, unsigned *dropped)
{
    struct gw_str type = xml_child_text(view, NULL, "FreeBusyViewType");
    struct gw_str digits = xml_child_text(view, NULL, "MergedFreeBusy");
    const struct xml_node *events = xml_child(view, NULL, "CalendarEventArray");

    if (events)
        read_events(events, arena, out, dropped);
    else if (digits.len)
        read_merged(digits, request, arena, out);
    else if (!view || gw_str_is(type, "None") || gw_str_is(type, "MergedOnly")) {
        ews_status_set(&out->status, EWS_MAILBOX, "no-view",
                       "the server shows no free/busy times of this mailbox: check its rights");
        out->status.alive = true;
    }
}

static void read_response(const struct xml_node *response, const struct ews_request *request,
                          struct gw_arena *arena, struct ews_calendar *out, unsigned *dropped)
{
    ews_soap_message_status(xml_child(response, NULL, "ResponseMessage"), &out->status);
    if (out->status.class == EWS_OK)
        read_view(xml_child(response, NULL, "FreeBusyView"), request, arena, out, dropped);
}

void ews_availability_parse(const struct xml_node *body, const struct ews_request *request,
                            struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *array = xml_child(body, NULL, "FreeBusyResponseArray");
    const struct xml_node *response = xml_child(array, NULL, "FreeBusyResponse");
    struct ews_calendar *calendars;

    if (!response) {
        set_missing(&out->status, "FreeBusyResponse");
        return;
    }
    calendars = gw_arena_alloc(arena, request->mailbox_count * sizeof(*calendars));
    if (!calendars) {
        set_too_large(&out->status);
        return;
    }
    ews_status_set_code(&out->status, GW_STR("NoError"), (struct gw_str){ NULL, 0 });
    for (size_t i = 0; i < request->mailbox_count; i++) {
        if (response)
            read_response(response, request, arena, &calendars[i], &out->dropped);
        else
            set_missing(&calendars[i].status, "part for this mailbox");
        response = response ? ews_next_named(response) : NULL;
    }
    out->calendars = calendars;
    out->calendar_count = request->mailbox_count;
}

/* ---- GetUserOofSettings ----------------------------------------------------------------------- */

/* The Duration is there, and stale, in the other states too. */
static bool read_scheduled(const struct xml_node *settings, struct gw_oof *out)
{
    out->state = GW_OOF_SCHEDULED;
    return read_span(xml_child(settings, NULL, "Duration"), "StartTime", "EndTime", &out->start,
                     &out->end);
}

static bool read_oof(const struct xml_node *settings, struct gw_oof *out)
{
    struct gw_str state = xml_child_text(settings, NULL, "OofState");

    if (gw_str_is(state, "Scheduled"))
        return read_scheduled(settings, out);
    out->state = gw_str_is(state, "Enabled") ? GW_OOF_ENABLED : GW_OOF_DISABLED;
    return gw_str_is(state, "Enabled") || gw_str_is(state, "Disabled");
}

void ews_oof_parse(const struct xml_node *body, const struct ews_request *request,
                   struct gw_arena *arena, struct ews_answer *out)
{
    struct gw_oof oof = { 0 };

    (void)request;
    (void)arena;
    ews_soap_message_status(xml_child(body, NULL, "ResponseMessage"), &out->status);
    if (out->status.class != EWS_OK)
        return;
    if (read_oof(xml_child(body, NULL, "OofSettings"), &oof))
        out->oof = oof;
    else
        set_missing(&out->status, "understandable out-of-office state");
}
