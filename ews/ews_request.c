/* The bodies of requests. Written in exactly the order of Microsoft's schema, and nothing is asked
 * for that presence does not need: no subjects, no locations, no bodies. */
#include "ews_priv.h"

#include <stdio.h>
#include <string.h>

/* The address also becomes an HTTP header. */
static enum gw_code mailbox_check(struct gw_str mailbox, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];

    if (!mailbox.len)
        return gw_fail(err, GW_INVALID, "no mailbox address");
    if (mailbox.len > EWS_MAILBOX_MAX)
        return gw_fail(err, GW_INVALID, "mailbox address is longer than %d bytes", EWS_MAILBOX_MAX);
    for (size_t i = 0; i < mailbox.len; i++)
        if ((unsigned char)mailbox.p[i] <= ' ' || mailbox.p[i] == 0x7f)
            return gw_fail(err, GW_INVALID, "mailbox address has a space or control character: %s",
                           gw_quote(mailbox, quoted));
    if (!gw_str_is_utf8(mailbox))
        return gw_fail(err, GW_INVALID, "mailbox address is not UTF-8: %s",
                       gw_quote(mailbox, quoted));
    return GW_OK;
}

enum gw_code ews_mailbox_check(const struct ews_request *request, struct gw_err *err)
{
    return mailbox_check(request->mailbox, err);
}

static enum gw_code window_check(const struct ews_request *request, struct gw_err *err)
{
    static const struct gw_civil last = { 9999, 12, 31, 0, 0, 0, 0, 0 };

    if (request->from < 0 || request->to > gw_civil_to_utc(&last))
        return gw_fail(err, GW_INVALID, "calendar window is outside the years 1970 to 9999");
    if (request->from >= request->to)
        return gw_fail(err, GW_INVALID, "calendar window ends before it starts");
    return GW_OK;
}

enum gw_code ews_find_item_check(const struct ews_request *request, struct gw_err *err)
{
    enum gw_code rc = mailbox_check(request->mailbox, err);

    return rc ? rc : window_check(request, err);
}

/* An address that is not one gets its own error from Exchange, and must not stop the other 99. */
enum gw_code ews_availability_check(const struct ews_request *request, struct gw_err *err)
{
    if (request->mailbox_count < 1 || request->mailbox_count > EWS_AVAILABILITY_MAX)
        return gw_fail(err, GW_INVALID, "%zu mailboxes asked for at once: 1 to %d are possible",
                       request->mailbox_count, EWS_AVAILABILITY_MAX);
    for (size_t i = 0; i < request->mailbox_count; i++)
        if (request->mailboxes[i].len > EWS_MAILBOX_MAX)
            return gw_fail(err, GW_INVALID, "mailbox address is longer than %d bytes",
                           EWS_MAILBOX_MAX);
    return window_check(request, err);
}

enum gw_code ews_subscribe_check(const struct ews_request *request, struct gw_err *err)
{
    enum gw_code rc = mailbox_check(request->mailbox, err);

    if (rc)
        return rc;
    if (!gw_str_starts(request->notify_url, "http://") &&
        !gw_str_starts(request->notify_url, "https://"))
        return gw_fail(err, GW_INVALID, "notification address is not an http or https URL");
    if (request->notify_url.len > EWS_URL_MAX)
        return gw_fail(err, GW_INVALID, "notification address is longer than %d bytes",
                       EWS_URL_MAX);
    if (request->status_frequency_min < 1 || request->status_frequency_min > 1440)
        return gw_fail(err, GW_INVALID, "status frequency %u is not in 1..1440 minutes",
                       request->status_frequency_min);
    return GW_OK;
}

/* ---- windows ---------------------------------------------------------------------------------- */

gw_utc ews_window_start(const struct ews_request *request)
{
    return request->from - request->from % GW_SECOND_MS;
}

static gw_utc window_end(const struct ews_request *request)
{
    gw_utc up = request->to + GW_SECOND_MS - 1;

    return up - up % GW_SECOND_MS;
}

/* Without offset: in the zone that GetUserAvailability names, which is UTC. */
static void put_unsuffixed(struct xml_writer *w, const char *name, gw_utc t)
{
    char text[GW_UTC_TEXT_MAX];
    struct gw_str s = gw_str_of(gw_utc_text(t, text));

    xml_put(w, name, gw_str_sub(s, 0, s.len - 1));
}

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

static void put_int(struct xml_writer *w, const char *name, int64_t n)
{
    xml_open(w, name);
    xml_put_int(w, n);
    xml_close(w);
}

/* The distinguished id: the folder's own name is in the mailbox's language. */
static void put_calendar_folder(struct xml_writer *w, const char *list)
{
    xml_open(w, list);
    xml_open(w, "t:DistinguishedFolderId");
    xml_put_attr(w, "Id", GW_STR("calendar"));
    xml_close(w);
    xml_close(w);
}

/* ---- bodies ----------------------------------------------------------------------------------- */

void ews_subscribe_write(struct xml_writer *w, const struct ews_request *request,
                         const struct ews_dialect *dialect)
{
    static const char *const event[] = { "CreatedEvent", "ModifiedEvent", "DeletedEvent",
                                         "MovedEvent", "CopiedEvent" };

    xml_open(w, "m:Subscribe");
    xml_open(w, "m:PushSubscriptionRequest");
    put_calendar_folder(w, "t:FolderIds");
    xml_open(w, "t:EventTypes");
    for (size_t i = 0; i < sizeof(event) / sizeof(event[0]); i++)
        xml_put(w, "t:EventType", gw_str_of(event[i]));
    if (dialect->free_busy_event)
        xml_put(w, "t:EventType", GW_STR("FreeBusyChangedEvent"));
    xml_close(w);
    put_int(w, "t:StatusFrequency", request->status_frequency_min);
    xml_put(w, "t:URL", request->notify_url);
    xml_close(w);
    xml_close(w);
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

void ews_find_item_write(struct xml_writer *w, const struct ews_request *request,
                         const struct ews_dialect *dialect)
{
    (void)dialect;
    xml_open(w, "m:FindItem");
    xml_put_attr(w, "Traversal", GW_STR("Shallow"));
    put_item_shape(w);
    xml_open(w, "m:CalendarView");
    put_attr_int(w, "MaxEntriesReturned", EWS_FIND_ITEM_MAX);
    put_attr_utc(w, "StartDate", ews_window_start(request));
    put_attr_utc(w, "EndDate", window_end(request));
    xml_close(w);
    put_calendar_folder(w, "m:ParentFolderIds");
    xml_close(w);
}

/* A zone without daylight saving: order and month are 0. */
static void put_transition(struct xml_writer *w, const char *name)
{
    xml_open(w, name);
    put_int(w, "t:Bias", 0);
    xml_put(w, "t:Time", GW_STR("00:00:00"));
    put_int(w, "t:DayOrder", 0);
    put_int(w, "t:Month", 0);
    xml_put(w, "t:DayOfWeek", GW_STR("Sunday"));
    xml_close(w);
}

static void put_utc_zone(struct xml_writer *w)
{
    xml_open(w, "t:TimeZone");
    put_int(w, "t:Bias", 0);
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

void ews_availability_write(struct xml_writer *w, const struct ews_request *request,
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
    put_unsuffixed(w, "t:EndTime", window_end(request));
    xml_close(w);
    put_int(w, "t:MergedFreeBusyIntervalInMinutes", EWS_MERGED_MINUTES);
    xml_put(w, "t:RequestedView", GW_STR("FreeBusyMerged"));
    xml_close(w);
    xml_close(w);
}

void ews_oof_write(struct xml_writer *w, const struct ews_request *request,
                   const struct ews_dialect *dialect)
{
    (void)dialect;
    xml_open(w, "m:GetUserOofSettingsRequest");
    xml_open(w, "t:Mailbox");
    xml_put(w, "t:Address", request->mailbox);
    xml_close(w);
    xml_close(w);
}
