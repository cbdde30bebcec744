/* GetUserAvailability: free and busy times of up to 100 mailboxes, in the time zone asked for. */
#include <stdio.h>
#include <string.h>

#include "mock_soap.h"

enum {
    MAILBOXES_MAX = 100,
    EVENTS_MAX = 10000, /* of one mailbox */
    INTERVAL_MIN = 5,
    INTERVAL_MAX = 1440,
    INTERVAL_DEFAULT = 30
};

enum view_type {
    VIEW_NONE,
    VIEW_MERGED_ONLY,
    VIEW_FREE_BUSY,
    VIEW_FREE_BUSY_MERGED,
    VIEW_DETAILED,
    VIEW_DETAILED_MERGED
};
static const char *const view_name[] = { "None",     "MergedOnly",     "FreeBusy", "FreeBusyMerged",
                                         "Detailed", "DetailedMerged", NULL };
struct query {
    struct mock_zone_named zone; /* of the request and of the answer */
    gw_utc from, to;
    int64_t interval_min;
    enum view_type view;
};

/* "02:00:00" */
static bool clock_parse(struct gw_str text, int *second_of_day)
{
    struct gw_str part[3];
    static const int64_t max[] = { 23, 59, 59 };
    int64_t value, sum = 0;

    if (!gw_str_cut(text, ":", &part[0], &part[2]) || !gw_str_cut(part[2], ":", &part[1], &part[2]))
        return false;
    for (int i = 0; i < 3; i++) {
        if (part[i].len != 2 || !gw_str_to_int(part[i], 0, max[i], &value))
            return false;
        sum = 60 * sum + value;
    }
    *second_of_day = (int)sum;
    return true;
}

static bool change_read(struct mock_call *call, const struct xml_node *node,
                        struct mock_zone_change *out)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_TYPES, "Bias", true, false },      { MOCK_NS_TYPES, "Time", true, false },
        { MOCK_NS_TYPES, "DayOrder", true, false },  { MOCK_NS_TYPES, "Month", true, false },
        { MOCK_NS_TYPES, "DayOfWeek", true, false }, { MOCK_NS_TYPES, "Year", false, false },
    };
    const struct xml_node *year = xml_child(node, MOCK_NS_TYPES, "Year");
    int64_t bias, order, month, in_year = 0;

    if (!mock_check_children(call, node, rule, sizeof(rule) / sizeof(*rule)) ||
        !mock_check_int(call, xml_child(node, MOCK_NS_TYPES, "Bias"), -1440, 1440, &bias) ||
        !mock_check_int(call, xml_child(node, MOCK_NS_TYPES, "DayOrder"), 0, year ? 31 : 5,
                        &order) ||
        !mock_check_int(call, xml_child(node, MOCK_NS_TYPES, "Month"), 0, 12, &month) ||
        (year && !mock_check_int(call, year, 0, 9999, &in_year)))
        return false;
    if (!clock_parse(xml_child_text(node, MOCK_NS_TYPES, "Time"), &out->second_of_day) ||
        !mock_word_parse(xml_child_text(node, MOCK_NS_TYPES, "DayOfWeek"), mock_weekday_name,
                         &out->weekday))
        return mock_fault_schema(call, "The time zone's Time or DayOfWeek is invalid.");
    out->bias = (int)bias;
    out->order = (int)order;
    out->month = (int)month;
    out->year = (int)in_year;
    return true;
}

static bool zone_read(struct mock_call *call, const struct xml_node *node,
                      struct mock_zone_named *out)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_TYPES, "Bias", true, false },
        { MOCK_NS_TYPES, "StandardTime", true, false },
        { MOCK_NS_TYPES, "DaylightTime", true, false },
    };
    struct mock_zone zone = { .bias = 0 };
    int64_t bias;

    *out = call->zone;
    if (!node)
        return call->zone_context || mock_fault(call, "ErrorTimeZone");
    if (!mock_check_children(call, node, rule, 3) ||
        !mock_check_int(call, xml_child(node, MOCK_NS_TYPES, "Bias"), -1440, 1440, &bias) ||
        !change_read(call, xml_child(node, MOCK_NS_TYPES, "StandardTime"), &zone.standard) ||
        !change_read(call, xml_child(node, MOCK_NS_TYPES, "DaylightTime"), &zone.daylight))
        return false;
    zone.bias = (int)bias;
    *out = mock_zone_of(&zone);
    return true;
}

static bool window_read(struct mock_call *call, const struct xml_node *window, struct query *q)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_TYPES, "StartTime", true, false },
        { MOCK_NS_TYPES, "EndTime", true, false },
    };

    if (!mock_check_children(call, window, rule, 2))
        return false;
    if (mock_zone_named_parse(&q->zone, xml_child_text(window, MOCK_NS_TYPES, "StartTime"),
                              &q->from) ||
        mock_zone_named_parse(&q->zone, xml_child_text(window, MOCK_NS_TYPES, "EndTime"), &q->to))
        return mock_fault_schema(call, "The TimeWindow is not of xs:dateTime.");
    if (q->from > q->to)
        return mock_fault(call, "ErrorInvalidTimeInterval");
    if (q->to - q->from > (int64_t)call->service->product->window_days_max * GW_DAY_MS)
        return mock_fault(call, "ErrorTimeIntervalTooBig");
    return true;
}

static bool options_read(struct mock_call *call, const struct xml_node *node, struct query *q)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_TYPES, "TimeWindow", true, false },
        { MOCK_NS_TYPES, "MergedFreeBusyIntervalInMinutes", false, false },
        { MOCK_NS_TYPES, "RequestedView", false, false },
    };
    const struct xml_node *interval, *view;
    int index = VIEW_FREE_BUSY;

    if (!node)
        return mock_fault(call, "ErrorInvalidFreeBusyViewType");
    if (!mock_check_children(call, node, rule, 3) ||
        !window_read(call, xml_child(node, MOCK_NS_TYPES, "TimeWindow"), q))
        return false;
    interval = xml_child(node, MOCK_NS_TYPES, "MergedFreeBusyIntervalInMinutes");
    q->interval_min = INTERVAL_DEFAULT;
    if (interval && (!mock_check_int(call, interval, INT32_MIN, INT32_MAX, &q->interval_min)))
        return false;
    if (q->interval_min < INTERVAL_MIN || q->interval_min > INTERVAL_MAX)
        return mock_fault(call, "ErrorInvalidMergedFreeBusyInterval");
    view = xml_child(node, MOCK_NS_TYPES, "RequestedView");
    if (view && !mock_word_parse(xml_text(view), view_name, &index))
        return mock_fault_schema(call, "The 'RequestedView' element is invalid.");
    if (index == VIEW_NONE)
        return mock_fault(call, "ErrorInvalidFreeBusyViewType");
    q->view = (enum view_type)index;
    return true;
}

/* 0 Free 1 Tentative 2 Busy 3 OOF 4 NoData; WorkingElsewhere has come as 4 since 2013. */
static char busy_digit(enum gw_busy busy)
{
    switch (busy) {
    case GW_BUSY_FREE:
        return '0';
    case GW_BUSY_TENTATIVE:
        return '1';
    case GW_BUSY_BUSY:
        return '2';
    case GW_BUSY_OOF:
        return '3';
    case GW_BUSY_NODATA:
    case GW_BUSY_ELSEWHERE:
        return '4';
    }
    return '4';
}

static void merged_write(struct mock_call *call, const struct mock_view *items,
                         const struct query *q)
{
    int64_t step = q->interval_min * GW_MINUTE_MS;
    size_t count = (size_t)((q->to - q->from + step - 1) / step);
    struct gw_buf digits;

    gw_buf_init(&digits, count + 1);
    for (size_t i = 0; i < count; i++)
        gw_buf_add_char(&digits, '0');
    for (size_t i = 0; count && i < items->count; i++) {
        const struct mock_item *item = &items->items[i];
        char digit = busy_digit(mock_busy_for(call, item->data.busy));
        int64_t first = item->data.start <= q->from ? 0 : (item->data.start - q->from) / step;

        for (int64_t at = first; at < (int64_t)count && q->from + at * step < item->data.end; at++)
            if (digits.p[at] < digit)
                digits.p[at] = digit;
    }
    xml_put(&call->w, "t:MergedFreeBusy", gw_buf_str(&digits));
    gw_buf_done(&digits);
}

static void local_write(struct mock_call *call, const char *name,
                        const struct mock_zone_named *zone, gw_utc t)
{
    struct gw_buf text;

    gw_buf_init(&text, 64);
    mock_zone_named_write(zone, t, &text);
    xml_put(&call->w, name, gw_buf_str(&text));
    gw_buf_done(&text);
}

/* What is private shows others that it is there, and no more. */
static void details_write(struct xml_writer *w, const struct mock_item *item, bool own)
{
    const struct mock_item_data *d = &item->data;
    bool private = d->sensitivity == MOCK_PRIVATE || d->sensitivity == MOCK_CONFIDENTIAL;
    struct mock_id id = mock_item_id(item);

    xml_open(w, "t:CalendarEventDetails");
    xml_put(w, "t:ID", gw_str_of(id.s));
    if (d->subject && (own || !private))
        xml_put(w, "t:Subject", gw_str_of(d->subject));
    if (d->location && (own || !private))
        xml_put(w, "t:Location", gw_str_of(d->location));
    mock_put_bool(w, "t:IsMeeting", d->meeting);
    mock_put_bool(w, "t:IsRecurring", item->series != NULL);
    mock_put_bool(w, "t:IsException", item->is_exception);
    mock_put_bool(w, "t:IsReminderSet", false);
    mock_put_bool(w, "t:IsPrivate", private);
    xml_close(w);
}

static void events_write(struct mock_call *call, const struct mock_view *items,
                         const struct query *q, bool details)
{
    struct xml_writer *w = &call->w;
    unsigned written = 0;

    for (size_t i = 0; i < items->count; i++) {
        const struct mock_item *item = &items->items[i];

        if (item->data.end == q->from && item->data.start < q->from)
            continue; /* a view of times, not of items: what ended at its start is outside */
        if (!written++)
            xml_open(w, "t:CalendarEventArray");
        xml_open(w, "t:CalendarEvent");
        local_write(call, "t:StartTime", &q->zone, item->data.start);
        local_write(call, "t:EndTime", &q->zone, item->data.end);
        xml_put(w, "t:BusyType", gw_str_of(gw_busy_name(mock_busy_for(call, item->data.busy))));
        if (details)
            details_write(w, item, item->mailbox == call->self);
        xml_close(w);
    }
    if (written)
        xml_close(w);
}

static void change_write(struct xml_writer *w, const char *name,
                         const struct mock_zone_change *change)
{
    char time[16];
    int s = change->second_of_day;

    xml_open(w, name);
    mock_put_int(w, "t:Bias", change->bias);
    snprintf(time, sizeof(time), "%02d:%02d:%02d", s / 3600 % 24, s / 60 % 60, s % 60);
    xml_put(w, "t:Time", gw_str_of(time));
    mock_put_int(w, "t:DayOrder", change->order);
    mock_put_int(w, "t:Month", change->month);
    xml_put(w, "t:DayOfWeek", gw_str_of(mock_weekday_name[change->weekday]));
    xml_close(w);
}

static void days_write(struct xml_writer *w, unsigned days)
{
    bool first = true;

    xml_open(w, "t:DayOfWeek");
    for (int i = 0; i < 7; i++) {
        if (!(days & 1u << i))
            continue;
        xml_put_text(w, gw_str_of(first ? "" : " "));
        xml_put_text(w, gw_str_of(mock_weekday_name[i]));
        first = false;
    }
    xml_close(w);
}

static void working_hours_write(struct xml_writer *w, const struct mock_hours *hours)
{
    xml_open(w, "t:WorkingHours");
    xml_open(w, "t:TimeZone");
    mock_put_int(w, "t:Bias", hours->zone.bias);
    change_write(w, "t:StandardTime", &hours->zone.standard);
    change_write(w, "t:DaylightTime", &hours->zone.daylight);
    xml_close(w);
    xml_open(w, "t:WorkingPeriodArray");
    xml_open(w, "t:WorkingPeriod");
    days_write(w, hours->days);
    mock_put_int(w, "t:StartTimeInMinutes", hours->start_min);
    mock_put_int(w, "t:EndTimeInMinutes", hours->end_min);
    xml_close(w);
    xml_close(w);
    xml_close(w);
}

/* As much of what was asked as the caller may see: one's own calendar is seen in full. */
static enum view_type view_allowed(enum view_type asked, enum mock_sharing sharing)
{
    static const enum view_type allowed[][VIEW_DETAILED_MERGED + 1] = {
        [MOCK_SHARING_NONE] = { VIEW_NONE },
        [MOCK_SHARING_MERGED] = { VIEW_NONE, VIEW_MERGED_ONLY, VIEW_MERGED_ONLY, VIEW_MERGED_ONLY,
                                  VIEW_MERGED_ONLY, VIEW_MERGED_ONLY },
        [MOCK_SHARING_FREE_BUSY] = { VIEW_NONE, VIEW_MERGED_ONLY, VIEW_FREE_BUSY,
                                     VIEW_FREE_BUSY_MERGED, VIEW_FREE_BUSY, VIEW_FREE_BUSY_MERGED },
        [MOCK_SHARING_DETAILED] = { VIEW_NONE, VIEW_MERGED_ONLY, VIEW_FREE_BUSY,
                                    VIEW_FREE_BUSY_MERGED, VIEW_DETAILED, VIEW_DETAILED_MERGED },
    };

    return allowed[sharing][asked];
}

static enum mock_sharing sharing_of(const struct mock_call *call,
                                    const struct mock_mailbox *mailbox)
{
    return mailbox == call->self ? MOCK_SHARING_DETAILED : mock_mailbox_traits(mailbox)->sharing;
}

static void view_write(struct mock_call *call, const struct mock_mailbox *mailbox,
                       const struct mock_view *items, const struct query *q)
{
    enum view_type view = view_allowed(q->view, sharing_of(call, mailbox));
    bool details = view == VIEW_DETAILED || view == VIEW_DETAILED_MERGED;

    xml_put(&call->w, "t:FreeBusyViewType", gw_str_of(view_name[view]));
    if (view == VIEW_MERGED_ONLY || view == VIEW_FREE_BUSY_MERGED || view == VIEW_DETAILED_MERGED)
        merged_write(call, items, q);
    if (view == VIEW_MERGED_ONLY)
        return;
    events_write(call, items, q, details);
    working_hours_write(&call->w, &mock_mailbox_traits(mailbox)->hours);
}

/* NULL: there is a view to show. */
static const char *trouble_find(const struct mock_call *call, const struct mock_mailbox *mailbox)
{
    if (!mailbox)
        return "ErrorMailRecipientNotFound";
    if (mock_mailbox_traits(mailbox)->free_busy_error)
        return mock_mailbox_traits(mailbox)->free_busy_error;
    if (sharing_of(call, mailbox) == MOCK_SHARING_NONE)
        return "ErrorNoFreeBusyAccess";
    return mock_reach(call, mailbox);
}

static void response_write(struct mock_call *call, const struct xml_node *data,
                           const struct query *q)
{
    struct gw_str address =
        xml_child_text(xml_child(data, MOCK_NS_TYPES, "Email"), MOCK_NS_TYPES, "Address");
    struct mock_mailbox *mailbox = mock_mailbox_by_smtp(call->service->org, address);
    const char *code = trouble_find(call, mailbox);
    struct xml_writer *w = &call->w;
    struct mock_view items = { 0 };

    if (!code)
        mock_view_open(mailbox, q->from, q->to, &items);
    if (items.count > EVENTS_MAX)
        code = "ErrorResultSetTooBig";

    xml_open(w, "m:FreeBusyResponse");
    mock_message_error(call, "m:ResponseMessage", code);
    xml_open(w, "m:FreeBusyView");
    if (!code) {
        mailbox->calls[MOCK_GET_AVAILABILITY] += mailbox != call->served->mailbox;
        view_write(call, mailbox, &items, q);
    } else {
        xml_put(w, "t:FreeBusyViewType", GW_STR("None"));
    }
    mock_view_close(&items);
    xml_close(w);
    xml_close(w);
}

static bool mailboxes_check(struct mock_call *call, const struct xml_node *array, unsigned *count)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_TYPES, "Email", true, false },
        { MOCK_NS_TYPES, "AttendeeType", true, false },
        { MOCK_NS_TYPES, "ExcludeConflicts", false, false },
    };
    static const struct mock_rule email_rule[] = {
        { MOCK_NS_TYPES, "Name", false, false },
        { MOCK_NS_TYPES, "Address", true, false },
        { MOCK_NS_TYPES, "RoutingType", false, false },
    };
    static const char *const attendee[] = { "Organizer", "Required", "Optional",
                                            "Room",      "Resource", NULL };
    int index;

    *count = 0;
    for (const struct xml_node *n = array->child; n; n = n->next) {
        if (!xml_is(n, MOCK_NS_TYPES, "MailboxData"))
            return mock_fault_schema(call, "MailboxDataArray holds something else.");
        if (!mock_check_children(call, n, rule, 3) ||
            !mock_check_children(call, xml_child(n, MOCK_NS_TYPES, "Email"), email_rule, 3))
            return false;
        if (!mock_word_parse(xml_child_text(n, MOCK_NS_TYPES, "AttendeeType"), attendee, &index))
            return mock_fault_schema(call, "The 'AttendeeType' element is invalid.");
        ++*count;
    }
    if (!*count)
        return mock_fault(call, "ErrorMailboxDataArrayEmpty");
    if (*count > MAILBOXES_MAX)
        return mock_fault(call, "ErrorMailboxDataArrayTooBig");
    return true;
}

bool mock_get_availability(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_TYPES, "TimeZone", false, false },
        { MOCK_NS_MESSAGES, "MailboxDataArray", true, false },
        { MOCK_NS_TYPES, "FreeBusyViewOptions", false, false },
        { MOCK_NS_TYPES, "SuggestionsViewOptions", false, false },
    };
    const struct xml_node *array = xml_child(call->node, MOCK_NS_MESSAGES, "MailboxDataArray");
    struct xml_writer *w = &call->w;
    struct query q;

    if (!mock_check_children(call, call->node, rule, 4) ||
        !zone_read(call, xml_child(call->node, MOCK_NS_TYPES, "TimeZone"), &q.zone) ||
        !mailboxes_check(call, array, &call->served->mailboxes) ||
        !options_read(call, xml_child(call->node, MOCK_NS_TYPES, "FreeBusyViewOptions"), &q))
        return false;
    mock_response_open(call, "m:GetUserAvailabilityResponse");
    xml_open(w, "m:FreeBusyResponseArray");
    for (const struct xml_node *n = array->child; n; n = n->next)
        response_write(call, n, &q);
    xml_close(w);
    xml_close(w);
    return true;
}
