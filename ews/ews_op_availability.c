/* GetUserAvailability: the calendars of up to 100 mailboxes, without impersonation. The answer tells
 * working hours whatever is asked; they are read for whom they are wanted. */
#include "ews_priv.h"

/* Of the digits of MergedFreeBusy. The smallest that Exchange allows: a boundary that is read from
 * them is off by less than this. */
enum { MERGED_MINUTES = 5 };

static enum gw_code availability_check(const struct ews_request *request, struct gw_err *err)
{
    enum gw_code rc = ews_mailboxes_check(request, EWS_AVAILABILITY_MAX, err);

    return rc ? rc : ews_window_check(request, err);
}

/* Without offset: in the zone that GetUserAvailability names, which is UTC. */
static void put_unsuffixed(struct xml_writer *w, const char *name, gw_utc t)
{
    char text[GW_UTC_TEXT_MAX];
    struct gw_str s = gw_str_of(gw_utc_text(t, text));

    xml_put(w, name, gw_str_sub(s, 0, s.len - 1));
}

/* A zone without daylight saving: order and month are 0. */
static void put_transition(struct xml_writer *w, const char *name)
{
    xml_open(w, name);
    ews_put_int(w, "t:Bias", 0);
    xml_put(w, "t:Time", GW_STR("00:00:00"));
    ews_put_int(w, "t:DayOrder", 0);
    ews_put_int(w, "t:Month", 0);
    xml_put(w, "t:DayOfWeek", GW_STR("Sunday"));
    xml_close(w);
}

static void put_utc_zone(struct xml_writer *w)
{
    xml_open(w, "t:TimeZone");
    ews_put_int(w, "t:Bias", 0);
    put_transition(w, "t:StandardTime");
    put_transition(w, "t:DaylightTime");
    xml_close(w);
}

static void put_mailbox_data(struct xml_writer *w, struct gw_str mailbox)
{
    xml_open(w, "t:MailboxData");
    xml_open(w, "t:Email");
    xml_put(w, "t:Address", mailbox);
    xml_close(w);
    xml_put(w, "t:AttendeeType", GW_STR("Required"));
    xml_put(w, "t:ExcludeConflicts", GW_STR("false"));
    xml_close(w);
}

static void availability_write(struct xml_writer *w, const struct ews_request *request,
                               const struct ews_dialect *dialect)
{
    (void)dialect;
    xml_open(w, "m:GetUserAvailabilityRequest");
    put_utc_zone(w);
    xml_open(w, "m:MailboxDataArray");
    for (size_t i = 0; i < request->mailbox_count; i++)
        put_mailbox_data(w, request->mailboxes[i]);
    xml_close(w);
    xml_open(w, "t:FreeBusyViewOptions");
    xml_open(w, "t:TimeWindow");
    put_unsuffixed(w, "t:StartTime", ews_window_start(request));
    put_unsuffixed(w, "t:EndTime", ews_window_end(request));
    xml_close(w);
    ews_put_int(w, "t:MergedFreeBusyIntervalInMinutes", MERGED_MINUTES);
    xml_put(w, "t:RequestedView", GW_STR("FreeBusyMerged"));
    xml_close(w);
    xml_close(w);
}

/* One digit for each MERGED_MINUTES from the start of the window: 0 Free, 1 Tentative, 2 Busy,
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
    const int64_t step = (int64_t)MERGED_MINUTES * GW_MINUTE_MS;
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
        ews_set_too_large(&out->status);
    else
        ews_calendar_set(out, v, merged_runs(digits, start, v));
}

static void read_events(const struct xml_node *events, struct gw_arena *arena,
                        struct ews_calendar *out, unsigned *dropped)
{
    struct gw_interval *v = ews_intervals_alloc(events, arena, &out->status);
    size_t count = 0;

    if (!v)
        return;
    for (const struct xml_node *n = events->child; n; n = n->next) {
        struct gw_interval *i = &v[count];

        *i = (struct gw_interval){ 0 };
        if (!ews_read_span(n, "StartTime", "EndTime", &i->start, &i->end)) {
            ++*dropped;
            continue;
        }
        i->busy = (unsigned char)ews_busy_of(xml_child_text(n, NULL, "BusyType"));
        count++;
    }
    ews_calendar_set(out, v, count);
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

/* ---- working hours ---- */

static const char *const day_name[] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday" };
enum { DAYS = 7 };

static int day_of(struct gw_str name)
{
    for (int i = 0; i < DAYS; i++)
        if (gw_str_is(name, day_name[i]))
            return i;
    return -1;
}

static bool read_int(const struct xml_node *n, const char *name, int64_t min, int64_t max,
                     int64_t *out)
{
    return gw_str_to_int(gw_str_trim(xml_child_text(n, NULL, name)), min, max, out);
}

/* "03:00:00", with a fraction perhaps: in minutes. */
static bool read_time(struct gw_str text, short *out)
{
    struct gw_str hour, minute;
    int64_t h, m;

    if (!gw_str_cut(gw_str_trim(text), ":", &hour, &minute) || !gw_str_to_int(hour, 0, 23, &h) ||
        !gw_str_to_int(gw_str_sub(minute, 0, 2), 0, 59, &m))
        return false;
    *out = (short)(h * 60 + m);
    return true;
}

static bool read_turn(const struct xml_node *n, struct gw_zone_turn *out)
{
    int64_t bias, order, month, year = 0;
    int weekday = day_of(gw_str_trim(xml_child_text(n, NULL, "DayOfWeek")));

    if (xml_child(n, NULL, "Year") && !read_int(n, "Year", 0, 9999, &year))
        return false;
    if (weekday < 0 || !read_int(n, "Bias", -1440, 1440, &bias) ||
        !read_int(n, "DayOrder", 0, 31, &order) || !read_int(n, "Month", 0, 12, &month) ||
        !read_time(xml_child_text(n, NULL, "Time"), &out->minute))
        return false;
    out->bias = (short)bias;
    out->year = (short)year;
    out->order = (unsigned char)order;
    out->month = (unsigned char)month;
    out->weekday = (unsigned char)weekday;
    return true;
}

static bool read_zone(const struct xml_node *n, struct gw_zone *out)
{
    int64_t bias;

    if (!read_int(n, "Bias", -1440, 1440, &bias))
        return false;
    out->bias = (short)bias;
    return read_turn(xml_child(n, NULL, "StandardTime"), &out->standard) &&
           read_turn(xml_child(n, NULL, "DaylightTime"), &out->daylight);
}

/* Names with spaces between. 0: they make no sense. */
static unsigned read_days(struct gw_str text)
{
    unsigned days = 0;

    text = gw_str_trim(text);
    while (text.len) {
        struct gw_str name = text;
        int day;

        if (!gw_str_cut(text, " ", &name, &text))
            text = (struct gw_str){ NULL, 0 };
        if (!name.len)
            continue;
        day = day_of(name);
        if (gw_str_is(name, "Day"))
            days |= 0x7f;
        else if (gw_str_is(name, "Weekday"))
            days |= 0x3e;
        else if (gw_str_is(name, "WeekendDay"))
            days |= 0x41;
        else if (day >= 0)
            days |= 1u << day;
        else
            return 0;
    }
    return days;
}

static bool read_work(const struct xml_node *n, struct gw_work *out)
{
    unsigned days = read_days(xml_child_text(n, NULL, "DayOfWeek"));
    int64_t from, to;

    if (!days || !read_int(n, "StartTimeInMinutes", 0, 1440, &from) ||
        !read_int(n, "EndTimeInMinutes", 0, 1440, &to) || from == to)
        return false;
    *out = (struct gw_work){ (unsigned char)days, (short)from, (short)to };
    return true;
}

/* What makes no sense is counted, and as if it had not been told. */
static void read_hours(const struct xml_node *n, struct gw_arena *arena, struct ews_calendar *out,
                       unsigned *dropped)
{
    const struct xml_node *array = xml_child(n, NULL, "WorkingPeriodArray");
    struct gw_hours *h;

    if (!n)
        return;
    h = gw_arena_alloc(arena, sizeof(*h));
    if (!h) {
        ews_set_too_large(&out->status);
        return;
    }
    if (!read_zone(xml_child(n, NULL, "TimeZone"), &h->zone)) {
        ++*dropped;
        return;
    }
    for (const struct xml_node *w = array ? array->child : NULL; w; w = w->next) {
        if (h->count < GW_WORK_MAX && read_work(w, &h->work[h->count]))
            h->count++;
        else
            ++*dropped;
    }
    if (gw_hours_are_sound(h))
        out->hours = h;
    else
        ++*dropped;
}

static void read_response(const struct xml_node *response, const struct ews_request *request,
                          struct gw_arena *arena, struct ews_calendar *out, unsigned *dropped)
{
    const struct xml_node *view;

    ews_soap_message_status(xml_child(response, NULL, "ResponseMessage"), &out->status);
    if (out->status.class != EWS_OK)
        return;
    view = xml_child(response, NULL, "FreeBusyView");
    read_view(view, request, arena, out, dropped);
    if (request->hours)
        read_hours(xml_child(view, NULL, "WorkingHours"), arena, out, dropped);
}

/* No part says whose it is: the order does, if there is one for each. With one too few or too many nobody
 * is given what may be another's. */
static void set_unknown_whose(struct ews_status *out, size_t parts, size_t asked)
{
    ews_status_set(out, EWS_BAD_ANSWER, "wrong-count",
                   "the server answered for %zu mailboxes when it was asked for %zu, and does not "
                   "say which",
                   parts, asked);
    out->alive = true;
}

static void availability_parse(const struct xml_node *body, const struct ews_request *request,
                               struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *array = xml_child(body, NULL, "FreeBusyResponseArray");
    const struct xml_node *response = xml_child(array, NULL, "FreeBusyResponse");
    struct ews_calendar *calendars;
    size_t parts = 0;

    if (!response) {
        ews_set_missing(&out->status, "FreeBusyResponse");
        return;
    }
    calendars = gw_arena_alloc(arena, request->mailbox_count * sizeof(*calendars));
    if (!calendars) {
        ews_set_too_large(&out->status);
        return;
    }
    ews_status_set_code(&out->status, GW_STR("NoError"), (struct gw_str){ NULL, 0 });
    for (const struct xml_node *n = response; n; n = ews_next_named(n))
        parts++;
    for (size_t i = 0; i < request->mailbox_count; i++) {
        if (parts == request->mailbox_count)
            read_response(response, request, arena, &calendars[i], &out->dropped);
        else
            set_unknown_whose(&calendars[i].status, parts, request->mailbox_count);
        response = response ? ews_next_named(response) : NULL;
    }
    out->calendars = calendars;
    out->calendar_count = request->mailbox_count;
}

const struct ews_op_info ews_op_availability = {
    .name = "GetUserAvailability",
    .answer = "GetUserAvailabilityResponse",
    .body_max = 4 * 1024 * 1024, /* 100 mailboxes for a month, some 20 KiB each */
    .nodes_max = 120000,
    .wide = true,
    .check = availability_check,
    .write = availability_write,
    .parse = availability_parse
};
