/* What is asked about people: free and busy times, out of office, mail tips, names, ids; and time zones.
 * The schema is not needed here; it is the interop tests' matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gw_mem.h"
#include "mock_priv.h"
#include "mock_soap.h"

static const char scenario[] =
    "{\"accounts\": [{\"name\": \"svc\", \"password\": \"s\"}], \"users\": ["
    "{\"address\": \"ann@example\", \"name\": \"Ann Example\", \"meetings\": ["
    " {\"start\": \"2026-11-20T09:00:00Z\", \"for\": \"1h\", \"subject\": \"Plans\"},"
    " {\"start\": \"2026-11-20T09:30:00Z\", \"for\": \"1h\", \"busy\": \"Tentative\"},"
    " {\"start\": \"2026-11-20T12:00:00Z\", \"for\": \"30m\", \"busy\": \"WorkingElsewhere\"},"
    " {\"start\": \"2026-11-20T14:10:00Z\", \"for\": \"5m\", \"busy\": \"OOF\"},"
    " {\"start\": \"2026-11-20T16:00:00Z\", \"for\": \"1h\", \"busy\": \"Free\"}]},"
    "{\"address\": \"bob@example\", \"name\": \"Bob Example\", \"traits\": {\"sharing\": "
    "\"Merged\"},"
    " \"oof\": {\"state\": \"enabled\", \"internal\": \"In\", \"external\": \"Out\"}},"
    "{\"address\": \"carl@example\", \"traits\": {\"sharing\": \"None\", \"tips_pending\": true},"
    " \"oof\": {\"state\": \"scheduled\", \"start\": \"2026-11-20T00:00:00Z\", \"for\": \"1d\","
    "  \"internal\": \"Today\", \"audience\": \"All\", \"external\": \"Away\"}},"
    "{\"address\": \"dora@example\", \"name\": \"Dora\", \"meetings\": ["
    " {\"start\": \"2026-11-20T09:00:00Z\", \"for\": \"1h\", \"subject\": \"Secret\","
    "  \"sensitivity\": \"Private\"}], \"traits\": {\"sharing\": \"Detailed\", \"hours\":"
    " {\"zone\": \"Asia/Tokyo\", \"days\": [\"Saturday\"], \"start\": \"9:00\", \"end\": "
    "\"12:30\"}}},"
    "{\"address\": \"eve@example\", \"meetings\": ["
    " {\"start\": \"2026-10-16T07:00:00Z\", \"for\": \"1h\", \"repeat\": {\"every\": \"week\","
    "  \"on\": [\"Friday\"], \"zone\": \"Europe/Berlin\", \"except\": [\"2026-11-06\"]}}]}]}";

struct world {
    struct net_loop *loop;
    struct mock_exchange *mx;
    struct mock_cas_place place;
    struct gw_buf out;
};

static int setup(void **state)
{
    struct world *w = gw_new(struct world);
    struct gw_err err;

    w->loop = net_loop_new();
    w->mx = mock_exchange_new(w->loop);
    gw_buf_init(&w->out, MOCK_ANSWER_MAX);
    assert_int_equal(mock_exchange_apply(w->mx, gw_str_of(scenario), &err), GW_OK);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    mock_exchange_free(&w->mx);
    net_loop_free(&w->loop);
    gw_buf_done(&w->out);
    free(w);
    return 0;
}

/* Serves a body on behalf of a mailbox, or of nobody; returns the HTTP status. */
static int ask(struct world *w, const char *version, const char *self, const char *header,
               const char *body)
{
    struct mock_request request = { .site = mock_site_get(w->mx->subs, "cas1"),
                                    .place = &w->place,
                                    .account = mock_account_find(w->mx->org, GW_STR("svc")) };
    struct mock_served served;
    struct gw_now now = { 5, 0 };
    struct gw_buf text;

    (void)gw_utc_parse(GW_STR("2026-11-20T08:00:00Z"), &now.utc, NULL);
    gw_buf_init(&text, 1 << 20);
    gw_buf_addf(&text,
                "<s:Envelope xmlns:s='" MOCK_NS_SOAP "' xmlns:t='" MOCK_NS_TYPES
                "' xmlns:m='" MOCK_NS_MESSAGES
                "'><s:Header><t:RequestServerVersion Version='%s'/>%s",
                version, header);
    if (*self)
        gw_buf_addf(&text,
                    "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>%s"
                    "</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>",
                    self);
    gw_buf_addf(&text, "</s:Header><s:Body>%s</s:Body></s:Envelope>", body);
    request.body = gw_buf_str(&text);
    gw_buf_reset(&w->out);
    mock_service_serve(&w->mx->service, &request, now, &w->out, &served);
    gw_buf_done(&text);
    return served.status;
}

#define MAILBOX(address)                                                                           \
    "<t:MailboxData><t:Email><t:Address>" address                                                  \
    "</t:Address></t:Email><t:AttendeeType>Required</t:AttendeeType></t:MailboxData>"
#define CHANGE(name, bias, time, order, month)                                                     \
    "<t:" name "><t:Bias>" bias "</t:Bias><t:Time>" time "</t:Time><t:DayOrder>" order             \
    "</t:DayOrder><t:Month>" month "</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:" name ">"
#define UTC                                                                                        \
    "<t:TimeZone><t:Bias>0</t:Bias>" CHANGE("StandardTime", "0", "00:00:00", "0", "0")             \
        CHANGE("DaylightTime", "0", "00:00:00", "0", "0") "</t:TimeZone>"
#define CET                                                                                        \
    "<t:TimeZone><t:Bias>-60</t:Bias>" CHANGE("StandardTime", "0", "03:00:00", "5", "10")          \
        CHANGE("DaylightTime", "-60", "02:00:00", "5", "3") "</t:TimeZone>"
#define WINDOW(from, to, options)                                                                  \
    "<t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>" from "</t:StartTime><t:EndTime>" to       \
    "</t:EndTime></t:TimeWindow>" options "</t:FreeBusyViewOptions>"
#define INTERVAL(minutes)                                                                          \
    "<t:MergedFreeBusyIntervalInMinutes>" minutes "</t:MergedFreeBusyIntervalInMinutes>"
#define VIEW(name) "<t:RequestedView>" name "</t:RequestedView>"
#define ASK(zone, boxes, options)                                                                  \
    "<m:GetUserAvailabilityRequest>" zone "<m:MailboxDataArray>" boxes                             \
    "</m:MailboxDataArray>" options "</m:GetUserAvailabilityRequest>"
#define DAY(options)   WINDOW("2026-11-20T00:00:00", "2026-11-21T00:00:00", options)
#define HOURS(options) WINDOW("2026-11-20T09:00:00", "2026-11-20T15:00:00", options)
#define TOKYO                                                                                      \
    "<t:TimeZoneContext><t:TimeZoneDefinition Id='Tokyo Standard Time'/></t:TimeZoneContext>"

#define FIND(from, to)                                                                             \
    "<m:FindItem Traversal='Shallow'><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>" \
    "<m:CalendarView StartDate='" from "' EndDate='" to "'/><m:ParentFolderIds>"                   \
    "<t:DistinguishedFolderId Id='calendar'/></m:ParentFolderIds></m:FindItem>"

#define OOF(address)                                                                               \
    "<m:GetUserOofSettingsRequest><t:Mailbox><t:Address>" address                                  \
    "</t:Address></t:Mailbox></m:GetUserOofSettingsRequest>"
#define SET_OOF(address, state, rest)                                                              \
    "<m:SetUserOofSettingsRequest><t:Mailbox><t:Address>" address                                  \
    "</t:Address></t:Mailbox><t:UserOofSettings><t:OofState>" state                                \
    "</t:OofState><t:ExternalAudience>Known</t:ExternalAudience>" rest                             \
    "</t:UserOofSettings></m:SetUserOofSettingsRequest>"
#define DURATION(from, to)                                                                         \
    "<t:Duration><t:StartTime>" from "</t:StartTime><t:EndTime>" to "</t:EndTime></t:Duration>"
#define TIPS(sender, recipient, tips)                                                              \
    "<m:GetMailTips><m:SendingAs><t:EmailAddress>" sender                                          \
    "</t:EmailAddress></m:SendingAs><m:Recipients><t:Mailbox><t:EmailAddress>" recipient           \
    "</t:EmailAddress></t:Mailbox></m:Recipients>" tips "</m:GetMailTips>"
#define OOF_TIP "<m:MailTipsRequested>OutOfOfficeMessage</m:MailTipsRequested>"
#define NAMES(entry, attributes)                                                                   \
    "<m:ResolveNames ReturnFullContactData='true' " attributes "><m:UnresolvedEntry>" entry        \
    "</m:UnresolvedEntry></m:ResolveNames>"
#define CONVERT(to, from, id, mailbox)                                                             \
    "<m:ConvertId DestinationFormat='" to "'><m:SourceIds><t:AlternateId Format='" from            \
    "' Id='" id "' Mailbox='" mailbox "'/></m:SourceIds></m:ConvertId>"
#define ZONES(attributes, ids)                                                                     \
    "<m:GetServerTimeZones " attributes "><m:Ids>" ids "</m:Ids></m:GetServerTimeZones>"

static const struct {
    const char *version, *self, *header, *body;
    int status;
    const char *part; /* of the answer; with '!' in front: not in it */
} serve_case[] = {
    /* merged digits: the highest wins, an interval counts when any of it is touched */
    { "Exchange2013", "", "",
      ASK(UTC, MAILBOX("ann@example"), HOURS(INTERVAL("30") VIEW("MergedOnly"))), 200,
      "<t:MergedFreeBusy>221000400030</t:MergedFreeBusy></m:FreeBusyView>" },
    { "Exchange2010_SP2", "", "",
      ASK(UTC, MAILBOX("ann@example"), HOURS(INTERVAL("30") VIEW("MergedOnly"))), 200,
      "<t:MergedFreeBusy>221000000030</t:MergedFreeBusy>" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("ann@example"), HOURS(VIEW("FreeBusyMerged"))), 200,
      "<t:MergedFreeBusy>221000400030</t:MergedFreeBusy><t:CalendarEventArray>" },
    { "Exchange2013", "", "",
      ASK(UTC, MAILBOX("ann@example"), HOURS(INTERVAL("7") VIEW("MergedOnly"))), 200,
      "<t:MergedFreeBusy>2222222221111000000000000444440000000000000030000000<" },
    { "Exchange2013", "", "",
      ASK(UTC, MAILBOX("ann@example"), HOURS(INTERVAL("1440") VIEW("MergedOnly"))), 200,
      "<t:MergedFreeBusy>4</t:MergedFreeBusy>" },
    { "Exchange2013", "", "", ASK(CET, MAILBOX("ann@example"), DAY(VIEW("FreeBusy"))), 200,
      "<t:StartTime>2026-11-20T10:00:00</t:StartTime><t:EndTime>2026-11-20T11:00:00</t:EndTime>" },
    { "Exchange2013", "", TOKYO, ASK("", MAILBOX("ann@example"), DAY("")), 200,
      "<t:StartTime>2026-11-20T18:00:00</t:StartTime>" },
    { "Exchange2013", "", "",
      ASK(UTC, MAILBOX("ann@example"),
          WINDOW("2026-11-20T09:30:00-01:00", "2026-11-20T14:12:00Z", VIEW("FreeBusy"))),
      200, "!T09:00:00" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("ann@example"), DAY(VIEW("Detailed"))), 200,
      "<t:FreeBusyViewType>FreeBusy</t:FreeBusyViewType>" },
    { "Exchange2013", "ann@example", "",
      ASK(UTC, MAILBOX("ann@example"), DAY(VIEW("DetailedMerged"))), 200,
      "<t:Subject>Plans</t:Subject>" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("dora@example"), DAY(VIEW("Detailed"))), 200,
      "<t:IsPrivate>true</t:IsPrivate>" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("dora@example"), DAY(VIEW("Detailed"))), 200,
      "!Secret" },
    { "Exchange2013", "dora@example", "", ASK(UTC, MAILBOX("dora@example"), DAY(VIEW("Detailed"))),
      200, "Secret" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("dora@example"), DAY(VIEW("FreeBusy"))), 200,
      "<t:WorkingHours><t:TimeZone><t:Bias>-540</t:Bias>" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("dora@example"), DAY(VIEW("FreeBusy"))), 200,
      "<t:DayOfWeek>Saturday</t:DayOfWeek><t:StartTimeInMinutes>540</t:StartTimeInMinutes>"
      "<t:EndTimeInMinutes>750</t:EndTimeInMinutes>" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("bob@example"), DAY(VIEW("Detailed"))), 200,
      "<t:FreeBusyViewType>MergedOnly</t:FreeBusyViewType><t:MergedFreeBusy>000" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("carl@example"), DAY("")), 200,
      "ErrorNoFreeBusyAccess" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("x@example") MAILBOX("ann@example"), DAY("")), 200,
      "<m:ResponseCode>NoError</m:ResponseCode>" },
    { "Exchange2013", "", "", ASK(UTC, "", DAY("")), 500, "ErrorMailboxDataArrayEmpty" },
    { "Exchange2013", "", "", ASK("", MAILBOX("ann@example"), DAY("")), 500, "ErrorTimeZone" },
    { "Exchange2007_SP1", "", TOKYO, ASK("", MAILBOX("ann@example"), DAY("")), 500,
      "ErrorTimeZone" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("ann@example"), DAY(INTERVAL("4"))), 500,
      "ErrorInvalidMergedFreeBusyInterval" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("ann@example"), DAY(INTERVAL("1441"))), 500,
      "ErrorInvalidMergedFreeBusyInterval" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("ann@example"), DAY(VIEW("None"))), 500,
      "ErrorInvalidFreeBusyViewType" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("ann@example"), DAY(VIEW("All"))), 500,
      "ErrorSchemaValidation" },
    { "Exchange2013", "", "", ASK(UTC, MAILBOX("ann@example"), ""), 500,
      "ErrorInvalidFreeBusyViewType" },
    { "Exchange2013", "", "",
      ASK(UTC, MAILBOX("ann@example"), WINDOW("2026-11-21T00:00:00", "2026-11-20T00:00:00", "")),
      500, "ErrorInvalidTimeInterval" },
    { "Exchange2013", "", "",
      ASK(UTC, MAILBOX("ann@example"), WINDOW("2026-01-01T00:00:00", "2026-03-04T00:00:01", "")),
      500, "ErrorTimeIntervalTooBig" },
    { "Exchange2013", "", "",
      ASK(UTC, MAILBOX("ann@example"), WINDOW("2026-01-01T00:00:00", "2026-03-04T00:00:00", "")),
      200, "NoError" },
    { "Exchange2013", "", "",
      ASK(UTC, MAILBOX("ann@example"), WINDOW("today", "2026-03-04T00:00:00", "")), 500,
      "ErrorSchemaValidation" },
    /* a series keeps its local time when the clock changes */
    { "Exchange2013", "", "",
      ASK(UTC, MAILBOX("eve@example"),
          WINDOW("2026-10-23T00:00:00", "2026-10-24T00:00:00", INTERVAL("60") VIEW("MergedOnly"))),
      200, "<t:MergedFreeBusy>000000020000000000000000<" },
    { "Exchange2013", "", "",
      ASK(UTC, MAILBOX("eve@example"),
          WINDOW("2026-10-30T00:00:00", "2026-10-31T00:00:00", INTERVAL("60") VIEW("MergedOnly"))),
      200, "<t:MergedFreeBusy>000000002000000000000000<" },
    { "Exchange2013", "", "",
      ASK(UTC, MAILBOX("eve@example"),
          WINDOW("2026-11-06T00:00:00", "2026-11-07T00:00:00", INTERVAL("60") VIEW("MergedOnly"))),
      200, "<t:MergedFreeBusy>000000000000000000000000<" },
    { "Exchange2013", "", "",
      ASK(CET, MAILBOX("eve@example"),
          WINDOW("2026-10-20T00:00:00", "2026-10-31T00:00:00", VIEW("FreeBusy"))),
      200,
      "<t:StartTime>2026-10-23T09:00:00</t:StartTime><t:EndTime>2026-10-23T10:00:00</t:EndTime>"
      "<t:BusyType>Busy</t:BusyType></t:CalendarEvent><t:CalendarEvent>"
      "<t:StartTime>2026-10-30T09:00:00</t:StartTime>" },
    { "Exchange2013", "eve@example", "",
      ASK(CET, MAILBOX("eve@example"),
          WINDOW("2026-10-20T00:00:00", "2026-10-31T00:00:00", VIEW("Detailed"))),
      200, "<t:IsRecurring>true</t:IsRecurring><t:IsException>false</t:IsException>" },
    /* the zone of the context is that of FindItem, too */
    { "Exchange2013", "ann@example", TOKYO, FIND("2026-11-20T19:01:00", "2026-11-20T20:00:00"), 200,
      "TotalItemsInView=\"1\"" }, /* 10:01 to 11:00 UTC */
    { "Exchange2013", "ann@example", TOKYO, FIND("2026-11-20T10:01:00Z", "2026-11-20T11:00:00Z"),
      200, "TotalItemsInView=\"1\"" },
    { "Exchange2013", "ann@example", "", FIND("2026-11-20T19:01:00", "2026-11-20T20:00:00"), 200,
      "TotalItemsInView=\"0\"" },
    /* out of office */
    { "Exchange2013", "ann@example", "", OOF("ann@example"), 200, "!Duration" },
    { "Exchange2013", "carl@example", "", OOF("carl@example"), 200,
      "<t:Duration><t:StartTime>2026-11-20T00:00:00Z</t:StartTime>" },
    { "Exchange2013", "ann@example", "", OOF("bob@example"), 500, "User must be mailbox owner" },
    { "Exchange2013", "", "", OOF("bob@example"), 500, "s:Client" },
    { "Exchange2013", "ann@example", "", SET_OOF("bob@example", "Enabled", ""), 500,
      "User must be mailbox owner" },
    { "Exchange2013", "ann@example", "", SET_OOF("ann@example", "Scheduled", ""), 200,
      "ErrorInvalidScheduledOofDuration" },
    { "Exchange2013", "ann@example", "",
      SET_OOF("ann@example", "Scheduled", DURATION("2026-11-21T00:00:00", "2026-11-21T00:00:00")),
      200, "ErrorInvalidScheduledOofDuration" },
    { "Exchange2013", "ann@example", "",
      SET_OOF("ann@example", "Scheduled", DURATION("2026-11-19T00:00:00", "2026-11-20T08:00:00")),
      200, "ErrorInvalidScheduledOofDuration" },
    { "Exchange2013", "ann@example", "",
      SET_OOF("ann@example", "Scheduled",
              DURATION("2026-11-19T00:00:00",
                       "2026-11-20T08:00:01+01:00") "<t:InternalReply>"
                                                    "<t:Message> x </t:Message></t:InternalReply>"),
      200, "ErrorInvalidScheduledOofDuration" },
    { "Exchange2013", "ann@example", "",
      SET_OOF("ann@example", "Scheduled",
              DURATION("2026-11-19T00:00:00",
                       "2026-11-20T08:00:01") "<t:InternalReply>"
                                              "<t:Message> x </t:Message></t:InternalReply>"),
      200, "NoError" },
    { "Exchange2013", "ann@example", "", OOF("ann@example"), 200,
      "<t:EndTime>2026-11-20T08:00:01Z</t:EndTime></t:Duration><t:InternalReply xml:lang=\"en-US\">"
      "<t:Message> x </t:Message>" },
    { "Exchange2013", "ann@example", "", SET_OOF("ann@example", "Disabled", ""), 200, "NoError" },
    { "Exchange2013", "ann@example", "", OOF("ann@example"), 200, /* it stays, stale */
      "<t:EndTime>2026-11-20T08:00:01Z</t:EndTime></t:Duration><t:InternalReply><t:Message/>" },
    { "Exchange2013", "ann@example", "", SET_OOF("ann@example", "Perhaps", ""), 500,
      "ErrorSchemaValidation" },
    { "Exchange2013", "ann@example", "",
      SET_OOF("ann@example", "Enabled", DURATION("now", "2026-11-20T08:00:01")), 500,
      "ErrorSchemaValidation" },
    /* mail tips */
    { "Exchange2010", "", "", TIPS("ann@example", "bob@example", OOF_TIP), 200,
      "<t:Message>In</t:Message></t:ReplyBody></t:OutOfOffice></m:MailTips>" },
    { "Exchange2010", "", "", TIPS("x@other.example", "bob@example", OOF_TIP), 200,
      "<t:Message/></t:ReplyBody></t:OutOfOffice>" }, /* nobody outside is told */
    { "Exchange2010", "", "", TIPS("ann@example", "ann@example", OOF_TIP), 200,
      "<t:Message/></t:ReplyBody></t:OutOfOffice>" },
    { "Exchange2010", "", "", TIPS("ann@example", "carl@example", OOF_TIP), 200,
      "<t:PendingMailTips>OutOfOfficeMessage</t:PendingMailTips></m:MailTips>" },
    { "Exchange2010", "", "", TIPS("ann@example", "bob@example", "OutOfOfficeMessage"), 200,
      "<t:Message>In</t:Message>" },
    { "Exchange2007_SP1", "", "", TIPS("ann@example", "bob@example", OOF_TIP), 500,
      "ErrorInvalidRequest" },
    /* names */
    { "Exchange2010", "", "", NAMES("SMTP:Ann@Example", ""), 200,
      "<t:Entry Key=\"EmailAddress1\">SMTP:ann@example</t:Entry>" },
    { "Exchange2010", "", "", NAMES("exam", "SearchScope='ActiveDirectory'"), 200,
      "ErrorNameResolutionMultipleResults" },
    { "Exchange2010", "", "", NAMES("dor", ""), 200, "TotalItemsInView=\"1\"" },
    { "Exchange2010", "", "", NAMES("ora", ""), 200, "ErrorNameResolutionNoResults" },
    { "Exchange2010", "", "", NAMES("dora", "SearchScope='Contacts'"), 200,
      "ErrorNameResolutionNoResults" },
    { "Exchange2010", "", "", NAMES("dora", "SearchScope='Everywhere'"), 500,
      "ErrorSchemaValidation" },
    /* ids: an item's of Ann with '+' and '/' in base64; what is none, in any format; nobody's */
    { "Exchange2010", "", "", CONVERT("OwaId", "EwsId", "AgEAAAA/+AAAAAAAAA==", "ann@example"), 200,
      "Format=\"OwaId\" Id=\"AgEAAAA-_AAAAAAAAA==\"" },
    { "Exchange2010", "", "", CONVERT("HexEntryId", "OwaId", "AgEAAAA-_AAAAAAAAA==", "ann@example"),
      200, "Id=\"02010000003ff8000000000000\"" },
    { "Exchange2010", "", "",
      CONVERT("EwsLegacyId", "HexEntryId", "02010000003FF8000000000000", "bob@example"), 200,
      "Id=\"AgEAAAA/+AAAAAAAAA==\" Mailbox=\"ann@example\"" },
    { "Exchange2010", "", "", CONVERT("EwsId", "EwsId", "?", "ann@example"), 200,
      "ErrorInvalidIdMalformed" },
    { "Exchange2010", "", "", CONVERT("EwsId", "EwsId", "+/8=", "ann@example"), 200,
      "ErrorInvalidIdMalformed" },
    { "Exchange2010", "", "", CONVERT("EwsId", "HexEntryId", "FBFF", "ann@example"), 200,
      "ErrorInvalidIdMalformed" },
    { "Exchange2010", "", "", CONVERT("EwsId", "EwsId", "A2MAAAAC", "ann@example"), 200,
      "ErrorNonExistentMailbox" },
    { "Exchange2010", "", "", CONVERT("Latin", "EwsId", "+/8=", "ann@example"), 500,
      "ErrorSchemaValidation" },
    /* time zones */
    { "Exchange2010", "", "",
      ZONES("ReturnFullTimeZoneData='true'", "<t:Id>AUS Eastern Standard Time</t:Id>"), 200,
      "<t:TimeOffset>PT180M</t:TimeOffset><t:Month>4</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek>"
      "<t:Occurrence>1</t:Occurrence>" },
    { "Exchange2010", "", "", ZONES("ReturnFullTimeZoneData='false'", "<t:Id>UTC</t:Id>"), 200,
      "Name=\"(UTC) Coordinated Universal Time\"/>" },
    { "Exchange2010", "", "", ZONES("", "<t:Id>Atlantis</t:Id>"), 200, "<m:TimeZoneDefinitions/>" },
    { "Exchange2007_SP1", "", "", ZONES("", "<t:Id>UTC</t:Id>"), 500, "ErrorInvalidRequest" },
};

static void test_serve(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(serve_case) / sizeof(*serve_case); i++) {
        const char *part = serve_case[i].part;
        bool absent = *part == '!';
        int status = ask(w, serve_case[i].version, serve_case[i].self, serve_case[i].header,
                         serve_case[i].body);

        if (status != serve_case[i].status || !strstr(w->out.p, part + absent) != absent)
            fail_msg("%zu: %d %s", i, status, w->out.p);
        assert_non_null(strstr(w->out.p, "ServerVersionInfo"));
    }
}

/* Ten thousand are shown of one mailbox, not more. */
static void test_too_many_events(void **state)
{
    struct world *w = *state;
    struct gw_buf text;
    struct gw_err err;

    gw_buf_init(&text, 1 << 20);
    gw_buf_add_cstr(&text, "{\"meetings\": [");
    for (int i = 0; i < 163; i++)
        gw_buf_addf(&text,
                    "%s{\"user\": \"bob@example\", \"start\": \"2026-01-01T09:00:00Z\", "
                    "\"for\": \"1h\", \"repeat\": {\"every\": \"day\"}}",
                    i ? ", " : "");
    gw_buf_add_cstr(&text, "]}");
    assert_int_equal(mock_exchange_apply(w->mx, gw_buf_str(&text), &err), GW_OK);
    gw_buf_done(&text);
    (void)ask(
        w, "Exchange2013", "bob@example", "",
        ASK(UTC, MAILBOX("bob@example"), WINDOW("2026-02-01T00:00:00", "2026-04-04T00:00:00", "")));
    assert_non_null(strstr(w->out.p, "ErrorResultSetTooBig")); /* 62 days */
    (void)ask(w, "Exchange2013", "bob@example", "",
              ASK(UTC, MAILBOX("bob@example"),
                  WINDOW("2026-02-01T00:00:00", "2026-04-03T00:00:00", VIEW("Detailed"))));
    assert_non_null(strstr(w->out.p, "<t:CalendarEvent>")); /* 61 */
}

/* A folder's id tells whose it is, in any format. */
static void test_own_id(void **state)
{
    struct mock_id id = mock_id_folder(2, MOCK_FOLDER_CALENDAR);
    char body[600];

    snprintf(body, sizeof(body), CONVERT("HexEntryId", "EwsId", "%s", "who@ever.example"), id.s);
    assert_int_equal(ask(*state, "Exchange2010", "", "", body), 200);
    assert_non_null(strstr(((struct world *)*state)->out.p, "Mailbox=\"bob@example\""));
}

/* What products differ in. */
static const struct {
    const char *product, *version, *body;
    int status;
    const char *part;
} product_case[] = {
    { "2007", "Exchange2007_SP1", ZONES("", "<t:Id>UTC</t:Id>"), 500, "was not recognized" },
    { "2007", "Exchange2007_SP1", "<m:Nothing/>", 500, "was not recognized" },
    { "2007", "Exchange2010", OOF("ann@example"), 500, "ErrorInvalidServerVersion" },
    { "2010", "Exchange2010", "<m:Nothing/>", 500, "ErrorInvalidRequest" },
    { "2010", "Exchange2013", OOF("ann@example"), 500, "ErrorInvalidServerVersion" },
    { "2010", "Exchange2010",
      ASK(UTC, MAILBOX("ann@example"), WINDOW("2026-01-01T00:00:00", "2026-02-12T00:00:01", "")),
      500, "ErrorTimeIntervalTooBig" },
    { "2013", "Exchange2013",
      ASK(UTC, MAILBOX("ann@example"), WINDOW("2026-01-01T00:00:00", "2026-02-12T00:00:01", "")),
      200, "NoError" },
    { "2013", "Exchange2016", "<m:Nothing/>", 500, "ErrorInvalidServerVersion" },
    { "SE", "Exchange2019", TIPS("ann@example", "bob@example", OOF_TIP), 200, "<t:Message>In" },
    { "SE", "Exchange1999", TIPS("ann@example", "bob@example", OOF_TIP), 500,
      "ErrorInvalidServerVersion" },
};

static void test_products(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(product_case) / sizeof(*product_case); i++) {
        int status;

        w->mx->service.product = mock_product_find(gw_str_of(product_case[i].product));
        status = ask(w, product_case[i].version, "", "", product_case[i].body);
        if (status != product_case[i].status || !strstr(w->out.p, product_case[i].part))
            fail_msg("%zu: %d %s", i, status, w->out.p);
    }
}

static void test_no_mail_tips(void **state)
{
    struct world *w = *state;
    struct gw_err err;

    assert_int_equal(mock_exchange_apply(w->mx, GW_STR("{\"mail_tips\": false}"), &err), GW_OK);
    assert_int_equal(ask(w, "Exchange2010", "", "", TIPS("ann@example", "bob@example", OOF_TIP)),
                     200);
    assert_non_null(strstr(w->out.p, "<m:GetMailTipsResponse"));
    assert_non_null(strstr(w->out.p, "ErrorMailTipsDisabled"));
}

static const struct {
    const char *scenario, *part; /* of the error */
} wrong_case[] = {
    { "{\"schema\": \"/nonexistent\"}", "cannot be read" },
    { "{\"schema\": 5}", "'schema' is not a text" },
    { "{\"accept\": [\"everything\"]}", "version, mail-tips, watermark" },
    { "{\"accept\": \"version\"}", "not an array" },
    { "{\"record\": \"/dev/null\"}", "is not a folder" },
};

static void test_wrong_settings(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(wrong_case) / sizeof(*wrong_case); i++) {
        struct gw_err err;

        assert_int_equal(mock_exchange_apply(w->mx, gw_str_of(wrong_case[i].scenario), &err),
                         GW_INVALID);
        assert_non_null(strstr(err.msg, wrong_case[i].part));
    }
}

static void test_record(void **state)
{
    struct world *w = *state;
    char folder[] = "/tmp/test_mock_people_XXXXXX", text[64], path[64];
    struct gw_err err;

    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof(text), "{\"record\": \"%s\"}", folder);
    assert_int_equal(mock_exchange_apply(w->mx, gw_str_of(text), &err), GW_OK);
    (void)ask(w, "Exchange2010", "", "", NAMES("ann", ""));
    (void)ask(w, "Exchange2010", "", "", "<m:Nothing/>");
    assert_int_equal(mock_exchange_apply(w->mx, GW_STR("{\"record\": \"\"}"), &err), GW_OK);
    (void)ask(w, "Exchange2010", "", "", "<m:Nothing/>");
    snprintf(path, sizeof(path), "%s/000001-ResolveNames.xml", folder);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/000002-other.xml", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_serve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_id, setup, teardown),
        cmocka_unit_test_setup_teardown(test_products, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_mail_tips, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_record, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
