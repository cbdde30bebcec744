/* Answers: samples, and documents as servers should not send them. */
#include "ews_test_answer.h"

#define RESPONSE(op, body)                                                                         \
    EWS_TEST_ENVELOPE("<" op "Response><ResponseMessages>" body "</ResponseMessages></" op         \
                      "Response>")
#define SUBSCRIBED(id)                                                                             \
    RESPONSE("Subscribe", "<SubscribeResponseMessage ResponseClass='Success'>"                     \
                          "<ResponseCode>NoError</ResponseCode>" id "</SubscribeResponseMessage>")
#define FOUND_IN(folder, items)                                                                    \
    RESPONSE("FindItem", "<FindItemResponseMessage ResponseClass='Success'>"                       \
                         "<ResponseCode>NoError</ResponseCode><RootFolder " folder                 \
                         "><Items>" items "</Items></RootFolder></FindItemResponseMessage>")
#define FOUND(items)   FOUND_IN("IncludesLastItemInRange='true'", items)
#define ITEM(fields)   "<CalendarItem>" fields "</CalendarItem>"
#define AT(start, end) "<Start>2026-11-20T" start "</Start><End>2026-11-20T" end "</End>"
#define AVAILABLE(responses)                                                                       \
    EWS_TEST_ENVELOPE("<GetUserAvailabilityResponse><FreeBusyResponseArray>" responses             \
                      "</FreeBusyResponseArray></GetUserAvailabilityResponse>")
#define FREE_BUSY(view)                                                                            \
    "<FreeBusyResponse><ResponseMessage ResponseClass='Success'><ResponseCode>NoError"             \
    "</ResponseCode></ResponseMessage><FreeBusyView>" view "</FreeBusyView></FreeBusyResponse>"
#define OTHER_PART FREE_BUSY("<FreeBusyViewType>FreeBusy</FreeBusyViewType><CalendarEventArray/>")
#define OOF(settings)                                                                              \
    EWS_TEST_ENVELOPE(                                                                             \
        "<GetUserOofSettingsResponse><ResponseMessage ResponseClass='Success'>"                    \
        "<ResponseCode>NoError</ResponseCode></ResponseMessage><OofSettings>" settings             \
        "</OofSettings></GetUserOofSettingsResponse>")
#define FAULT(code, detail)                                                                        \
    EWS_TEST_ENVELOPE("<x:Fault><faultcode>a:" code "</faultcode><faultstring>words"               \
                      "</faultstring><detail>" detail "</detail></x:Fault>")

static void assert_interval(const struct gw_interval *i, const char *start, const char *end,
                            enum gw_busy busy, unsigned flags)
{
    assert_int_equal(i->start, ews_test_utc(start));
    assert_int_equal(i->end, ews_test_utc(end));
    assert_string_equal(gw_busy_name((enum gw_busy)i->busy), gw_busy_name(busy));
    assert_int_equal(i->flags, flags);
}

/* ---- samples ---------------------------------------------------------------------------------- */

static void test_subscribe_sample(void **state)
{
    struct parsed p;

    (void)state;
    parse_file(EWS_OP_SUBSCRIBE, "subscribe.resp.xml", 200, &p);
    assert_int_equal(p.a.status.class, EWS_OK);
    assert_true(p.a.status.alive);
    assert_true(
        gw_str_is(p.a.subscription_id, "EQBjYXMxLmV4Y2guZXhhbXBsZRAAAAAxMjM0NTY3ODkwYWJjZGVm"));
    assert_int_equal(p.a.server_major, 15);
    assert_int_equal(p.a.server_minor, 2);
    parsed_done(&p);
}

static void test_find_item_sample(void **state)
{
    struct parsed p;

    (void)state;
    parse_file(EWS_OP_FIND_ITEM, "finditem-calendarview.resp.xml", 200, &p);
    assert_int_equal(p.a.status.class, EWS_OK);
    assert_int_equal(p.a.calendar_count, 1);
    assert_int_equal(p.a.calendars->count, 2);
    assert_false(p.a.calendars->truncated);
    assert_interval(&p.a.calendars->intervals[0], "2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z",
                    GW_BUSY_BUSY, GW_INTERVAL_PRIVATE | GW_INTERVAL_MEETING);
    assert_interval(&p.a.calendars->intervals[1], "2026-11-20T23:00:00Z", "2026-11-21T23:00:00Z",
                    GW_BUSY_OOF, GW_INTERVAL_ALL_DAY);
    assert_int_equal(p.a.dropped, 0);
    parsed_done(&p);
}

static void test_availability_sample(void **state)
{
    const struct ews_calendar *c;
    struct parsed p;

    (void)state;
    parse_file(EWS_OP_AVAILABILITY, "getuseravailability.resp.xml", 200, &p);
    assert_int_equal(p.a.status.class, EWS_OK);
    assert_int_equal(p.a.calendar_count, 2);
    c = &p.a.calendars[0];
    assert_int_equal(c->status.class, EWS_OK);
    assert_int_equal(c->count, 2);
    assert_interval(&c->intervals[0], "2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z", GW_BUSY_BUSY,
                    0);
    assert_interval(&c->intervals[1], "2026-11-20T12:00:00Z", "2026-11-20T12:30:00Z",
                    GW_BUSY_ELSEWHERE, 0);
    c = &p.a.calendars[1];
    assert_int_equal(c->status.class, EWS_MAILBOX);
    assert_string_equal(c->status.code, "ErrorMailRecipientNotFound");
    assert_int_equal(c->count, 0);
    parsed_done(&p);
}

static void test_working_hours(void **state)
{
    static const struct {
        const char *from, *to; /* in the sample */
        unsigned dropped;
        bool told;
        unsigned char count, days;
    } c[] = {
        { "", "", 0, true, 1, 0x3e },
        { "Monday Tuesday Wednesday Thursday Friday", "Weekday  Sunday", 0, true, 1, 0x3f },
        { "Monday Tuesday Wednesday Thursday Friday", "Someday", 1, true, 0, 0 },
        { "<t:StartTimeInMinutes>480<", "<t:StartTimeInMinutes>1441<", 1, true, 0, 0 },
        { "<t:StartTimeInMinutes>480<", "<t:StartTimeInMinutes>1020<", 1, true, 0, 0 }, /* empty */
        { "<t:Bias>-60</t:Bias><t:Time>02:00:00<", "<t:Bias>-60</t:Bias><t:Time>2 o'clock<", 1,
          false, 0, 0 },
        { "<t:DayOrder>5</t:DayOrder><t:Month>10<", "<t:DayOrder>6</t:DayOrder><t:Month>10<", 1,
          false, 0, 0 },
        { "<t:Bias>-60</t:Bias>\n", "<t:Bias>-99999</t:Bias>\n", 1, false, 0, 0 },
    };

    struct parsed p;

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        char *body = ews_test_file("getuseravailability.resp.xml");
        struct gw_str before, after = gw_str_of(body);
        struct ews_http http = { .status = 200 };
        struct gw_buf text;

        gw_buf_init(&text, 1 << 20);
        if (*c[i].from) {
            assert_true(gw_str_cut(gw_str_of(body), c[i].from, &before, &after));
            gw_buf_add_str(&text, before);
            gw_buf_add_cstr(&text, c[i].to);
        }
        gw_buf_add_str(&text, after);
        http.body = gw_buf_str(&text);
        parse_more((struct ews_request){ .op = EWS_OP_AVAILABILITY, .hours = true }, &http, &p);
        print_message("case %zu\n", i);
        assert_int_equal(p.a.calendars[0].status.class, EWS_OK);
        assert_int_equal(p.a.dropped, c[i].dropped);
        assert_int_equal(p.a.calendars[0].hours != NULL, c[i].told);
        assert_null(p.a.calendars[1].hours);
        if (c[i].told)
            assert_int_equal(p.a.calendars[0].hours->count, c[i].count);
        if (c[i].told && c[i].count) {
            const struct gw_hours *h = p.a.calendars[0].hours;

            assert_int_equal(h->work[0].days, c[i].days);
            assert_int_equal(h->work[0].from, 480);
            assert_int_equal(h->work[0].to, 1020);
            assert_int_equal(h->zone.bias, -60);
            assert_int_equal(gw_zone_offset(&h->zone, ews_test_utc("2026-07-01T00:00:00Z")),
                             2 * GW_HOUR_MS);
            assert_int_equal(gw_zone_offset(&h->zone, ews_test_utc("2026-12-01T00:00:00Z")),
                             GW_HOUR_MS);
        }
        parsed_done(&p);
        gw_buf_done(&text);
        free(body);
    }
    parse_file(EWS_OP_AVAILABILITY, "getuseravailability.resp.xml", 200, &p);
    assert_null(p.a.calendars[0].hours); /* not asked for */
    parsed_done(&p);
}

static void test_oof_sample(void **state)
{
    struct parsed p;

    (void)state;
    parse_file(EWS_OP_OOF, "getuseroofsettings.resp.xml", 200, &p);
    assert_int_equal(p.a.status.class, EWS_OK);
    assert_int_equal(p.a.oof.state, GW_OOF_SCHEDULED);
    assert_int_equal(p.a.oof.start, ews_test_utc("2026-11-20T17:00:00Z"));
    assert_int_equal(p.a.oof.end, ews_test_utc("2026-11-23T08:00:00Z"));
    parsed_done(&p);
}

static const struct {
    const char *file;
    int http;
    enum ews_class class;
    const char *code;
    int64_t backoff_ms;
    const char *says;
} error_sample[] = {
    { "subscribe-error.resp.xml", 200, EWS_SUBSCRIPTION_LIMIT, "ErrorExceededSubscriptionCount", 0,
      "EWSMaxSubscriptions" },
    { "fault-serverbusy.resp.xml", 500, EWS_BUSY, "ErrorServerBusy", 178510, "throttles" },
    { "fault-serverbusy.resp.xml", 200, EWS_BUSY, "ErrorServerBusy", 178510, "throttles" },
    { "fault-nonexistentmailbox.resp.xml", 500, EWS_MAILBOX, "ErrorNonExistentMailbox", 0,
      "no mailbox has this address" },
    { "fault-impersonateuserdenied.resp.xml", 500, EWS_PERMISSION, "ErrorImpersonateUserDenied", 0,
      "ApplicationImpersonation" },
    { "fault-schemavalidation.resp.xml", 500, EWS_BUG, "ErrorSchemaValidation", 0,
      "line 14, position 34: 'what was wrong'" },
};

static void test_error_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(error_sample) / sizeof(error_sample[0]); i++) {
        struct parsed p;

        parse_file(EWS_OP_SUBSCRIBE, error_sample[i].file, error_sample[i].http, &p);
        if (p.a.status.class != error_sample[i].class)
            fail_msg("%s: %s", error_sample[i].file, ews_class_name(p.a.status.class));
        assert_string_equal(p.a.status.code, error_sample[i].code);
        assert_int_equal(p.a.status.backoff_ms, error_sample[i].backoff_ms);
        assert_true(p.a.status.alive);
        if (!strstr(p.a.status.text, error_sample[i].says))
            fail_msg("%s: %s", error_sample[i].file, p.a.status.text);
        parsed_done(&p);
    }
}

/* ---- status of hand-made answers -------------------------------------------------------------- */

static const struct {
    const char *name;
    enum ews_op op;
    const char *body;
    enum ews_class class;
    const char *code;
} status_case[] = {
    { "no id", EWS_OP_SUBSCRIBE, SUBSCRIBED(""), EWS_BAD_ANSWER, "incomplete" },
    { "empty id", EWS_OP_SUBSCRIBE, SUBSCRIBED("<SubscriptionId> </SubscriptionId>"),
      EWS_BAD_ANSWER, "incomplete" },
    { "no messages", EWS_OP_SUBSCRIBE, EWS_TEST_ENVELOPE("<SubscribeResponse/>"), EWS_BAD_ANSWER,
      "incomplete" },
    { "empty messages", EWS_OP_SUBSCRIBE, RESPONSE("Subscribe", ""), EWS_BAD_ANSWER, "incomplete" },
    { "other operation", EWS_OP_SUBSCRIBE, FOUND(""), EWS_BAD_ANSWER, "unexpected-body" },
    { "empty body", EWS_OP_SUBSCRIBE, EWS_TEST_ENVELOPE(""), EWS_BAD_ANSWER, "not-soap" },
    { "error without code", EWS_OP_SUBSCRIBE,
      RESPONSE("Subscribe", "<M ResponseClass='Error'><MessageText>x</MessageText></M>"),
      EWS_TRANSIENT, "ErrorWithoutCode" },
    { "unknown error", EWS_OP_SUBSCRIBE,
      RESPONSE("Subscribe", "<M ResponseClass='Error'><ResponseCode>ErrorNew</ResponseCode></M>"),
      EWS_TRANSIENT, "ErrorNew" },
    { "no items", EWS_OP_FIND_ITEM,
      RESPONSE("FindItem", "<M ResponseClass='Success'><ResponseCode>NoError</ResponseCode></M>"),
      EWS_BAD_ANSWER, "incomplete" },
    { "success without code", EWS_OP_FIND_ITEM,
      RESPONSE("FindItem", "<M ResponseClass='Success'><RootFolder><Items/></RootFolder></M>"),
      EWS_OK, "NoError" },
    { "inner code", EWS_OP_FIND_ITEM,
      RESPONSE("FindItem",
               "<M ResponseClass='Error'><ResponseCode>ErrorInternalServerError</ResponseCode>"
               "<MessageXml><Value Name='InnerErrorResponseCode'>ErrorAccessDenied</Value>"
               "</MessageXml></M>"),
      EWS_MAILBOX, "ErrorAccessDenied" },
    { "internal error alone", EWS_OP_FIND_ITEM,
      RESPONSE(
          "FindItem",
          "<M ResponseClass='Error'><ResponseCode>ErrorInternalServerError</ResponseCode></M>"),
      EWS_TRANSIENT, "ErrorInternalServerError" },
    { "no responses", EWS_OP_AVAILABILITY, AVAILABLE(""), EWS_BAD_ANSWER, "incomplete" },
    { "oof without state", EWS_OP_OOF, OOF(""), EWS_BAD_ANSWER, "incomplete" },
    { "oof of a new kind", EWS_OP_OOF, OOF("<OofState>Sabbatical</OofState>"), EWS_BAD_ANSWER,
      "incomplete" },
    { "scheduled without times", EWS_OP_OOF, OOF("<OofState>Scheduled</OofState>"), EWS_BAD_ANSWER,
      "incomplete" },
    { "scheduled backwards", EWS_OP_OOF,
      OOF("<OofState>Scheduled</OofState><Duration><StartTime>2026-11-21T00:00:00</StartTime>"
          "<EndTime>2026-11-20T00:00:00</EndTime></Duration>"),
      EWS_BAD_ANSWER, "incomplete" },
    { "fault", EWS_OP_OOF, FAULT("ErrorInvalidServerVersion", ""), EWS_VERSION,
      "ErrorInvalidServerVersion" },
    { "fault of its own kind", EWS_OP_OOF, FAULT("Server", ""), EWS_TRANSIENT, "Server" },
    { "fault of one who is not the owner", EWS_OP_OOF,
      FAULT("Client", "<m:ErrorCode xmlns:m='m'>-2146233088</m:ErrorCode>"), EWS_PERMISSION,
      "not-mailbox-owner" },
    { "the same of another operation", EWS_OP_AVAILABILITY,
      FAULT("Client", "<m:ErrorCode xmlns:m='m'>-2146233088</m:ErrorCode>"), EWS_TRANSIENT,
      "Client" },
    { "fault that calls itself good", EWS_OP_OOF, FAULT("NoError", ""), EWS_TRANSIENT,
      "soap-fault" },
    { "bare fault", EWS_OP_OOF, EWS_TEST_ENVELOPE("<x:Fault/>"), EWS_TRANSIENT, "soap-fault" },
};

static void test_statuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(status_case) / sizeof(status_case[0]); i++) {
        struct parsed p;

        parse_text(status_case[i].op, status_case[i].body, &p);
        if (p.a.status.class != status_case[i].class ||
            strcmp(p.a.status.code, status_case[i].code))
            fail_msg("%s: %s %s", status_case[i].name, ews_class_name(p.a.status.class),
                     p.a.status.code);
        if ((p.a.status.class == EWS_OK) != !p.a.status.text[0])
            fail_msg("%s: '%s'", status_case[i].name, p.a.status.text);
        parsed_done(&p);
    }
}

/* An independent server's: the prefix is SOAP, the code its SOAP class alone, the status 500. It is
 * an EWS answer, not a server that is down; its words are passed on. POX is no SOAP. */
static void test_fault_with_another_prefix(void **state)
{
    static const char body[] =
        "<?xml version='1.0' encoding='utf-8'?>"
        "<SOAP:Envelope xmlns:SOAP='http://schemas.xmlsoap.org/soap/envelope/'><SOAP:Body>"
        "<SOAP:Fault><faultcode>SOAP:Server</faultcode><faultstring>Unknown request"
        "</faultstring></SOAP:Fault></SOAP:Body></SOAP:Envelope>";
    struct ews_http http = { .status = 500, .body = gw_str_of(body) };

    (void)state;
    for (int op = 0; op < EWS_OP_DISCOVER_POX; op++) {
        struct parsed p;

        parse_http((enum ews_op)op, &http, &p);
        if (p.a.status.class != EWS_TRANSIENT || strcmp(p.a.status.code, "Server") ||
            !p.a.status.alive || !strstr(p.a.status.text, "Unknown request"))
            fail_msg("%s: %s %s: %s", ews_op_name((enum ews_op)op),
                     ews_class_name(p.a.status.class), p.a.status.code, p.a.status.text);
        parsed_done(&p);
    }
}

static void test_backoff_is_bounded(void **state)
{
    struct parsed p;

    (void)state;
    parse_text(EWS_OP_OOF,
               FAULT("ErrorServerBusy", "<MessageXml><Value Name='BackOffMilliseconds'>"
                                        "92233720368547758070</Value></MessageXml>"),
               &p);
    assert_int_equal(p.a.status.backoff_ms, GW_HOUR_MS);
    parsed_done(&p);
    parse_text(EWS_OP_OOF,
               FAULT("ErrorServerBusy",
                     "<MessageXml><Value Name='BackOffMilliseconds'>-1</Value></MessageXml>"),
               &p);
    assert_int_equal(p.a.status.backoff_ms, 0);
    parsed_done(&p);
}

/* ---- calendars -------------------------------------------------------------------------------- */

static const struct {
    const char *name, *body;
    size_t count;
    unsigned dropped;
    bool truncated;
} find_case[] = {
    { "none", FOUND(""), 0, 0, false },
    { "without end", FOUND(ITEM("<Start>2026-11-20T09:00:00Z</Start>")), 0, 1, false },
    { "without sense", FOUND(ITEM(AT("25:00:00Z", "26:00:00Z"))), 0, 1, false },
    { "backwards", FOUND(ITEM(AT("10:00:00Z", "09:00:00Z"))), 0, 1, false },
    { "no length", FOUND(ITEM(AT("10:00:00Z", "10:00:00Z"))), 0, 0, false },
    { "bad between good",
      FOUND(ITEM(AT("09:00:00Z", "10:00:00Z"))
                ITEM("") "<Message/>" ITEM(AT("11:00:00Z", "12:00:00Z"))),
      2, 2, false },
    { "cancelled",
      FOUND(ITEM(AT("09:00:00Z", "10:00:00Z") "<IsCancelled>true</IsCancelled>")
                ITEM(AT("09:00:00Z", "10:00:00Z") "<IsCancelled>1</IsCancelled>")),
      0, 0, false },
    { "twice the same",
      FOUND(ITEM(AT("09:00:00Z", "10:00:00Z")) ITEM(AT("09:00:00Z", "10:00:00Z"))), 1, 0, false },
    { "overlapping", FOUND(ITEM(AT("09:00:00Z", "10:00:00Z")) ITEM(AT("09:30:00Z", "10:30:00Z"))),
      2, 0, false },
    { "held back", FOUND_IN("IncludesLastItemInRange='false'", ITEM(AT("09:00:00Z", "10:00:00Z"))),
      1, 0, true },
    { "no word whether all", FOUND_IN("", ITEM(AT("09:00:00Z", "10:00:00Z"))), 1, 0, false },
    { "extra elements", FOUND("<Groups/>" ITEM("<New><Deep/></New>" AT("09:00:00Z", "10:00:00Z"))),
      1, 1, false },
    { "nine fraction digits", FOUND(ITEM(AT("09:00:00.123456789Z", "10:00:00.1Z"))), 1, 0, false },
};

#define DETAILED                                                                                   \
    "<Subject>Plans &amp; more</Subject><Sensitivity>Personal</Sensitivity>"                       \
    "<Categories><String>Green</String><String>Blue</String></Categories>"                         \
    "<DisplayCc>Carl</DisplayCc><DisplayTo>Ann; Bob B. ;</DisplayTo>" AT(                          \
        "10:00:00Z",                                                                               \
        "11:00:00Z") "<LegacyFreeBusyStatus>Busy</LegacyFreeBusyStatus><Location>Room "            \
                     "1</Location>"                                                                \
                     "<MyResponseType>NoResponseReceived</"                                        \
                     "MyResponseType><Organizer><Mailbox><Name>Bea</Name>"                         \
                     "<EmailAddress>bea@x.example</EmailAddress></Mailbox></Organizer>"

/* What was asked for, and nothing that a server tells besides. */
static void test_find_items_with_fields(void **state)
{
    static const char body[] = FOUND(ITEM(DETAILED));
    const struct ews_http http = { .status = 200, .body = { body, sizeof(body) - 1 } };
    const struct gw_item *i;
    struct parsed p;

    (void)state;
    for (unsigned fields = 0; fields < 128; fields++) {
        parse_fields(EWS_OP_FIND_ITEM, fields, &http, &p);
        assert_int_equal(p.a.status.class, EWS_OK);
        assert_int_equal(p.a.calendars->count, 1);
        assert_int_equal(p.a.calendars->item_count, fields ? 1 : 0);
        i = p.a.calendars->items;
        assert_true((i != NULL) == (fields != 0));
        if (i) {
            assert_int_equal(i->interval.start, p.a.calendars->intervals[0].start);
            assert_int_equal(i->sensitivity, GW_SENSITIVITY_PERSONAL);
            assert_true(gw_str_is(i->subject, fields & GW_ITEM_SUBJECT ? "Plans & more" : ""));
            assert_true(gw_str_is(i->location, fields & GW_ITEM_LOCATION ? "Room 1" : ""));
            assert_true(gw_str_is(i->organiser, fields & GW_ITEM_ORGANISER ? "Bea" : ""));
            assert_true(
                gw_str_is(i->organiser_address, fields & GW_ITEM_ORGANISER ? "bea@x.example" : ""));
            assert_int_equal(i->category_count, fields & GW_ITEM_CATEGORIES ? 2 : 0);
            if (i->category_count)
                assert_true(gw_str_is(i->categories[1], "Blue"));
            assert_int_equal(i->attendees, fields & GW_ITEM_ATTENDEES ? 3 : -1);
            assert_int_equal(i->response,
                             fields & GW_ITEM_RESPONSE ? GW_RESPONSE_NONE : GW_RESPONSE_UNKNOWN);
        }
        parsed_done(&p);
    }
}

static void test_find_items(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(find_case) / sizeof(find_case[0]); i++) {
        struct parsed p;

        parse_text(EWS_OP_FIND_ITEM, find_case[i].body, &p);
        if (p.a.status.class || p.a.calendar_count != 1)
            fail_msg("%s: %s", find_case[i].name, p.a.status.text);
        if (p.a.calendars->count != find_case[i].count || p.a.dropped != find_case[i].dropped ||
            p.a.calendars->truncated != find_case[i].truncated)
            fail_msg("%s: %zu items, %u dropped", find_case[i].name, p.a.calendars->count,
                     p.a.dropped);
        parsed_done(&p);
    }
}

/* Z, an offset, none: all three forms of a time; and order does not matter. */
static void test_item_values(void **state)
{
    static const struct {
        const char *body;
        enum gw_busy busy;
        unsigned flags;
    } c[] = {
        { FOUND(ITEM(AT("09:00:00Z", "10:00:00Z"))), GW_BUSY_BUSY, 0 },
        { FOUND(ITEM(AT("09:00:00", "10:00:00"))), GW_BUSY_BUSY, 0 },
        { FOUND(ITEM(AT("10:00:00+01:00", "05:00:00-05:00"))), GW_BUSY_BUSY, 0 },
        { FOUND(ITEM(
              "<LegacyFreeBusyStatus>Siesta</LegacyFreeBusyStatus>" AT("09:00:00Z", "10:00:00Z"))),
          GW_BUSY_BUSY, 0 },
        { FOUND(ITEM(
              "<LegacyFreeBusyStatus> Free\n</LegacyFreeBusyStatus>" AT("09:00:00Z", "10:00:00Z"))),
          GW_BUSY_FREE, 0 },
        { FOUND(ITEM("<LegacyFreeBusyStatus>WorkingElsewhere</LegacyFreeBusyStatus>" AT(
              "09:00:00Z", "10:00:00Z"))),
          GW_BUSY_ELSEWHERE, 0 },
        { FOUND(ITEM(
              "<LegacyFreeBusyStatus>NoData</LegacyFreeBusyStatus>" AT("09:00:00Z", "10:00:00Z"))),
          GW_BUSY_NODATA, 0 },
        { FOUND(ITEM("<Sensitivity>Confidential</Sensitivity><IsMeeting>true</IsMeeting>"
                     "<IsAllDayEvent>TRUE</IsAllDayEvent>" AT("09:00:00Z", "10:00:00Z"))),
          GW_BUSY_BUSY, GW_INTERVAL_ALL_DAY | GW_INTERVAL_PRIVATE | GW_INTERVAL_MEETING },
        { FOUND(ITEM("<Sensitivity>Personal</Sensitivity>" AT("09:00:00Z", "10:00:00Z"))),
          GW_BUSY_BUSY, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct parsed p;

        parse_text(EWS_OP_FIND_ITEM, c[i].body, &p);
        assert_int_equal(p.a.calendars->count, 1);
        assert_interval(p.a.calendars->intervals, "2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z",
                        c[i].busy, c[i].flags);
        parsed_done(&p);
    }
}

static void test_full_answer_without_word_is_truncated(void **state)
{
    struct gw_buf body;
    struct parsed p;

    (void)state;
    gw_buf_init(&body, 1024 * 1024);
    gw_buf_add_cstr(&body, "<Envelope><Body><FindItemResponse><ResponseMessages><M><RootFolder>"
                           "<Items>");
    for (int i = 0; i < EWS_FIND_ITEM_MAX; i++)
        gw_buf_addf(&body,
                    "<CalendarItem><Start>2026-11-20T%02d:%02d:00Z</Start>"
                    "<End>2026-11-21T00:00:00Z</End></CalendarItem>",
                    i / 60, i % 60);
    gw_buf_add_cstr(&body, "</Items></RootFolder></M></ResponseMessages></FindItemResponse></Body>"
                           "</Envelope>");
    parse_text(EWS_OP_FIND_ITEM, body.p, &p);
    assert_int_equal(p.a.status.class, EWS_OK);
    assert_int_equal(p.a.calendars->count, EWS_FIND_ITEM_MAX);
    assert_true(p.a.calendars->truncated);
    parsed_done(&p);
    gw_buf_done(&body);
}

static void test_availability_parts(void **state)
{
    struct parsed p;

    (void)state;
    /* One event that makes no sense. */
    parse_text(
        EWS_OP_AVAILABILITY,
        AVAILABLE(FREE_BUSY(
            "<FreeBusyViewType>FreeBusy</FreeBusyViewType><CalendarEventArray>"
            "<CalendarEvent><StartTime>x</StartTime></CalendarEvent><CalendarEvent>"
            "<StartTime>2026-11-20T09:00:00</StartTime><EndTime>2026-11-20T10:00:00"
            "</EndTime><BusyType>OOF</BusyType></CalendarEvent></CalendarEventArray>") OTHER_PART),
        &p);
    assert_int_equal(p.a.status.class, EWS_OK);
    assert_int_equal(p.a.calendar_count, 2);
    assert_int_equal(p.a.dropped, 1);
    assert_int_equal(p.a.calendars[0].count, 1);
    assert_interval(p.a.calendars[0].intervals, "2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z",
                    GW_BUSY_OOF, 0);
    assert_int_equal(p.a.calendars[1].status.class, EWS_OK);
    parsed_done(&p);
}

/* Two were asked for. With one part, or three, it is not known whose any of them is. */
static void test_availability_wrong_count(void **state)
{
    static const char *const c[] = { AVAILABLE(OTHER_PART),
                                     AVAILABLE(OTHER_PART OTHER_PART OTHER_PART) };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct parsed p;

        parse_text(EWS_OP_AVAILABILITY, c[i], &p);
        assert_int_equal(p.a.calendar_count, 2);
        for (size_t m = 0; m < 2; m++) {
            assert_int_equal(p.a.calendars[m].status.class, EWS_BAD_ANSWER);
            assert_string_equal(p.a.calendars[m].status.code, "wrong-count");
            assert_int_equal(p.a.calendars[m].count, 0);
        }
        parsed_done(&p);
    }
}

static void test_availability_views(void **state)
{
    static const struct {
        const char *view;
        enum ews_class class;
        size_t count;
    } c[] = {
        { "<FreeBusyViewType>FreeBusyMerged</FreeBusyViewType>", EWS_OK, 0 },
        { "<FreeBusyViewType>FreeBusyMerged</FreeBusyViewType><CalendarEventArray/>", EWS_OK, 0 },
        { "<FreeBusyViewType>None</FreeBusyViewType>", EWS_MAILBOX, 0 },
        { "<FreeBusyViewType>MergedOnly</FreeBusyViewType>", EWS_MAILBOX, 0 },
        { "<MergedFreeBusy>0000</MergedFreeBusy>", EWS_OK, 0 },
        { "<MergedFreeBusy>0220</MergedFreeBusy>", EWS_OK, 1 },
        { "<MergedFreeBusy>1233445x</MergedFreeBusy>", EWS_OK, 4 },
        { "<MergedFreeBusy>2222</MergedFreeBusy><CalendarEventArray/>", EWS_OK, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        char body[2000];
        struct parsed p;

        snprintf(body, sizeof(body),
                 "<Envelope><Body><GetUserAvailabilityResponse><FreeBusyResponseArray>"
                 "<FreeBusyResponse><ResponseMessage><ResponseCode>NoError</ResponseCode>"
                 "</ResponseMessage><FreeBusyView>%s</FreeBusyView></FreeBusyResponse>" OTHER_PART
                 "</FreeBusyResponseArray></GetUserAvailabilityResponse></Body></Envelope>",
                 c[i].view);
        parse_text(EWS_OP_AVAILABILITY, body, &p);
        if (p.a.calendar_count != 2 || p.a.calendars[0].status.class != c[i].class ||
            p.a.calendars[0].count != c[i].count)
            fail_msg("%s", c[i].view);
        parsed_done(&p);
    }
}

/* Digits are five minutes each, as asked for, from the start of the window. */
static void test_merged_digits(void **state)
{
    struct parsed p;

    (void)state;
    parse_text(EWS_OP_AVAILABILITY,
               AVAILABLE(FREE_BUSY("<MergedFreeBusy>001124433</MergedFreeBusy>") OTHER_PART), &p);
    assert_int_equal(p.a.calendars[0].count, 4);
    assert_interval(&p.a.calendars[0].intervals[0], "2026-11-20T00:10:00Z", "2026-11-20T00:20:00Z",
                    GW_BUSY_TENTATIVE, 0);
    assert_interval(&p.a.calendars[0].intervals[1], "2026-11-20T00:20:00Z", "2026-11-20T00:25:00Z",
                    GW_BUSY_BUSY, 0);
    assert_interval(&p.a.calendars[0].intervals[2], "2026-11-20T00:25:00Z", "2026-11-20T00:35:00Z",
                    GW_BUSY_NODATA, 0);
    assert_interval(&p.a.calendars[0].intervals[3], "2026-11-20T00:35:00Z", "2026-11-20T00:45:00Z",
                    GW_BUSY_OOF, 0);
    parsed_done(&p);
}

static void test_oof_ignores_stale_duration(void **state)
{
    struct parsed p;

    (void)state;
    parse_text(EWS_OP_OOF,
               OOF("<Duration><StartTime>x</StartTime></Duration><OofState>Enabled</OofState>"),
               &p);
    assert_int_equal(p.a.status.class, EWS_OK);
    assert_int_equal(p.a.oof.state, GW_OOF_ENABLED);
    assert_int_equal(p.a.oof.start, 0);
    parsed_done(&p);
    parse_text(EWS_OP_OOF, OOF("<OofState>Disabled</OofState>"), &p);
    assert_int_equal(p.a.oof.state, GW_OOF_DISABLED);
    parsed_done(&p);
}

/* ---- HTTP without SOAP ------------------------------------------------------------------------ */

static const struct {
    const char *name;
    struct ews_http http;
    enum ews_class class;
    const char *code, *says;
    int64_t backoff_ms;
} http_case[] = {
    { "refused",
      { .code = GW_UNREACHABLE, .error = "connection refused" },
      EWS_SERVER_DOWN,
      "unreachable",
      "connection refused",
      0 },
    { "timeout",
      { .code = GW_TIMEOUT, .error = "no answer in 3000 ms" },
      EWS_SERVER_DOWN,
      "timeout",
      "no answer",
      0 },
    { "certificate",
      { .code = GW_DENIED, .error = "certificate expired" },
      EWS_CONFIG,
      "tls",
      "certificate expired",
      0 },
    { "URL", { .code = GW_INVALID, .error = "bad URL" }, EWS_CONFIG, "address", "bad URL", 0 },
    { "not HTTP",
      { .code = GW_BADMSG, .error = "not HTTP" },
      EWS_BAD_ANSWER,
      "broken",
      "not HTTP",
      0 },
    { "too large",
      { .code = GW_LIMIT, .error = "too large" },
      EWS_BAD_ANSWER,
      "answer-too-large",
      "too large",
      0 },
    { "no descriptors",
      { .code = GW_INTERNAL, .error = "no descriptors" },
      EWS_TRANSIENT,
      "internal",
      "no descriptors",
      0 },
    { "no sentence", { .code = GW_UNREACHABLE }, EWS_SERVER_DOWN, "unreachable", "unreachable", 0 },
    { "401", { .status = 401 }, EWS_CREDENTIALS, "http-401", "refused the account", 0 },
    { "401 with a fault",
      { .status = 401, .body = GW_STR_INIT(FAULT("ErrorServerBusy", "")) },
      EWS_CREDENTIALS,
      "http-401",
      "refused the account",
      0 },
    { "login form",
      { .status = 302, .location = GW_STR_INIT("https://mail/owa/auth/logon.aspx?url=x") },
      EWS_CONFIG,
      "http-302",
      "forms authentication",
      0 },
    { "error page",
      { .status = 302,
        .location = GW_STR_INIT("/ews/genericerrorpage.htm?aspxerrorpath=/ews/exchange.asmx") },
      EWS_TRANSIENT,
      "http-302",
      "error of its own",
      0 },
    { "moved",
      { .status = 301, .location = GW_STR_INIT("https://other/EWS/Exchange.asmx") },
      EWS_CONFIG,
      "http-301",
      "'https://other/EWS/Exchange.asmx'",
      0 },
    { "moved nowhere", { .status = 302 }, EWS_BAD_ANSWER, "http-302", "302", 0 },
    { "403", { .status = 403 }, EWS_PERMISSION, "http-403", "refuses the account", 0 },
    { "404", { .status = 404 }, EWS_CONFIG, "http-404", "/EWS/Exchange.asmx", 0 },
    { "413", { .status = 413 }, EWS_TOO_MUCH, "http-413", "too large", 0 },
    { "429",
      { .status = 429, .retry_after = GW_STR_INIT("7") },
      EWS_BUSY,
      "http-429",
      "throttles",
      7000 },
    { "440", { .status = 440 }, EWS_CONFIG, "http-440", "login form", 0 },
    { "456", { .status = 456 }, EWS_PERMISSION, "http-456", "456", 0 },
    { "500",
      { .status = 500, .body = GW_STR_INIT("Server Error in '/EWS' Application") },
      EWS_SERVER_DOWN,
      "http-500",
      "event log",
      0 },
    { "500 of the front end",
      { .status = 500, .cas_error = GW_STR_INIT("MailboxGone") },
      EWS_SERVER_DOWN,
      "http-500",
      "'MailboxGone'",
      0 },
    { "502", { .status = 502 }, EWS_SERVER_DOWN, "http-502", "proxy", 0 },
    { "503", { .status = 503 }, EWS_SERVER_DOWN, "http-503", "not available", 0 },
    { "503, seconds",
      { .status = 503, .retry_after = GW_STR_INIT(" 30 ") },
      EWS_SERVER_DOWN,
      "http-503",
      "not available",
      30000 },
    { "503, date",
      { .status = 503,
        .retry_after = GW_STR_INIT("Fri, 20 Nov 2026 00:02:00 GMT"),
        .now = EWS_TEST_DAY },
      EWS_SERVER_DOWN,
      "http-503",
      "not available",
      120000 },
    { "503, date of a server whose clock is an hour ahead",
      { .status = 503,
        .retry_after = GW_STR_INIT("Fri, 20 Nov 2026 01:02:00 GMT"),
        .date = GW_STR_INIT("Fri, 20 Nov 2026 01:00:00 GMT"),
        .now = EWS_TEST_DAY },
      EWS_SERVER_DOWN,
      "http-503",
      "not available",
      120000 },
    { "503, date of a server whose clock is a day behind",
      { .status = 503,
        .retry_after = GW_STR_INIT("Thu, 19 Nov 2026 00:02:00 GMT"),
        .date = GW_STR_INIT("Thu, 19 Nov 2026 00:00:00 GMT"),
        .now = EWS_TEST_DAY },
      EWS_SERVER_DOWN,
      "http-503",
      "not available",
      120000 },
    { "503, past",
      { .status = 503,
        .retry_after = GW_STR_INIT("Thu, 19 Nov 2026 00:02:00 GMT"),
        .now = EWS_TEST_DAY },
      EWS_SERVER_DOWN,
      "http-503",
      "not available",
      0 },
    { "503, far",
      { .status = 503, .retry_after = GW_STR_INIT("1000000000000000000000") },
      EWS_SERVER_DOWN,
      "http-503",
      "not available",
      GW_HOUR_MS },
    { "503, nonsense",
      { .status = 503, .retry_after = GW_STR_INIT("Fri, 20 Nxv 2026 00:02:00 GMT") },
      EWS_SERVER_DOWN,
      "http-503",
      "not available",
      0 },
    { "599", { .status = 599 }, EWS_SERVER_DOWN, "http-599", "599", 0 },
    { "204", { .status = 204 }, EWS_BAD_ANSWER, "http-204", "204", 0 },
    { "success under 500",
      { .status = 500, .body = GW_STR_INIT(OOF("<OofState>Enabled</OofState>")) },
      EWS_SERVER_DOWN,
      "http-500",
      "500",
      0 },
    { "empty", { .status = 200 }, EWS_BAD_ANSWER, "empty", "without a body", 0 },
    { "blank",
      { .status = 200, .body = GW_STR_INIT(" \r\n") },
      EWS_BAD_ANSWER,
      "empty",
      "without a body",
      0 },
    { "HTML",
      { .status = 200, .body = GW_STR_INIT("<!DOCTYPE HTML><p>hi") },
      EWS_BAD_ANSWER,
      "html",
      "web page",
      0 },
    { "HTML by type",
      { .status = 200,
        .body = GW_STR_INIT("<p>hi"),
        .content_type = GW_STR_INIT("Text/HTML; charset=x") },
      EWS_BAD_ANSWER,
      "html",
      "web page",
      0 },
    { "text",
      { .status = 200, .body = GW_STR_INIT("it works\n") },
      EWS_BAD_ANSWER,
      "not-xml",
      "'it works'",
      0 },
    { "half",
      { .status = 200, .body = GW_STR_INIT("<s:Envelope xmlns:s='s'><s:Body><m:Fi") },
      EWS_BAD_ANSWER,
      "cut",
      "middle",
      0 },
    { "malformed",
      { .status = 200, .body = GW_STR_INIT("<Envelope><Body></Envelope>") },
      EWS_BAD_ANSWER,
      "malformed",
      "malformed",
      0 },
    { "entities",
      { .status = 200,
        .body =
            GW_STR_INIT("<!DOCTYPE x [<!ENTITY a 'b'>]><Envelope><Body>&a;</Body></Envelope>") },
      EWS_BAD_ANSWER,
      "malformed",
      "malformed",
      0 },
    { "other XML",
      { .status = 200, .body = GW_STR_INIT("<rss version='2.0'/>") },
      EWS_BAD_ANSWER,
      "not-soap",
      "not SOAP",
      0 },
};

static void test_http(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(http_case) / sizeof(http_case[0]); i++) {
        struct parsed p;
        const struct ews_status *s = &p.a.status;

        parse_http(EWS_OP_OOF, &http_case[i].http, &p);
        if (s->class != http_case[i].class || strcmp(s->code, http_case[i].code) ||
            !strstr(s->text, http_case[i].says) || s->backoff_ms != http_case[i].backoff_ms)
            fail_msg("%s: %s %s '%s' %lld", http_case[i].name, ews_class_name(s->class), s->code,
                     s->text, (long long)s->backoff_ms);
        assert_false(s->alive);
        parsed_done(&p);
    }
}

static void test_too_large_window(void **state)
{
    struct ews_http http = { .code = GW_LIMIT, .error = "more than 2 MiB" };
    struct parsed p;

    (void)state;
    parse_http(EWS_OP_FIND_ITEM, &http, &p);
    assert_int_equal(p.a.status.class, EWS_TOO_MUCH);
    parsed_done(&p);
}

/* What is for outside is for everybody there, or is not taken: who a contact is nobody here knows. */
static void test_whom_a_reply_is_for(void **state)
{
#define REPLY(oof, audience)                                                                       \
    OOF("<OofState>" oof "</OofState><ExternalAudience>" audience "</ExternalAudience>"            \
        "<InternalReply><Message>in</Message></InternalReply>"                                     \
        "<ExternalReply><Message>out</Message></ExternalReply>")
    static const struct {
        const char *body, *internal, *external;
    } c[] = {
        { REPLY("Enabled", "All"), "in", "out" }, { REPLY("Enabled", "Known"), "in", "" },
        { REPLY("Enabled", "None"), "in", "" },   { REPLY("Enabled", "Everybody"), "in", "" },
        { REPLY("Disabled", "All"), "", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct parsed p;

        parse_text(EWS_OP_OOF, c[i].body, &p);
        if (!gw_str_is(p.a.reply_internal, c[i].internal) ||
            !gw_str_is(p.a.reply_external, c[i].external))
            fail_msg("%s: '%.*s' '%.*s'", c[i].body, GW_STR_ARG(p.a.reply_internal),
                     GW_STR_ARG(p.a.reply_external));
        parsed_done(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whom_a_reply_is_for),
        cmocka_unit_test(test_subscribe_sample),
        cmocka_unit_test(test_find_item_sample),
        cmocka_unit_test(test_availability_sample),
        cmocka_unit_test(test_working_hours),
        cmocka_unit_test(test_oof_sample),
        cmocka_unit_test(test_error_samples),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_fault_with_another_prefix),
        cmocka_unit_test(test_backoff_is_bounded),
        cmocka_unit_test(test_find_items),
        cmocka_unit_test(test_find_items_with_fields),
        cmocka_unit_test(test_item_values),
        cmocka_unit_test(test_full_answer_without_word_is_truncated),
        cmocka_unit_test(test_availability_parts),
        cmocka_unit_test(test_availability_wrong_count),
        cmocka_unit_test(test_availability_views),
        cmocka_unit_test(test_merged_digits),
        cmocka_unit_test(test_oof_ignores_stale_duration),
        cmocka_unit_test(test_http),
        cmocka_unit_test(test_too_large_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
