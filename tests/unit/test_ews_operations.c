/* Answers of the operations beside calendar and automatic reply: subscriptions that are not push,
 * their events, mail tips, sync states and names. Samples, and what servers make of them. */
#include "ews_test_answer.h"

#define MESSAGES(op, body)                                                                         \
    EWS_TEST_ENVELOPE("<" op "Response><ResponseMessages>" body "</ResponseMessages></" op         \
                      "Response>")
#define GOOD(body)      "<M ResponseClass='Success'><ResponseCode>NoError</ResponseCode>" body "</M>"
#define BAD(code, body) "<M ResponseClass='Error'><ResponseCode>" code "</ResponseCode>" body "</M>"

#define SAMPLE_ID "EQBjYXMxLmV4Y2guZXhhbXBsZRAAAAAxMjM0NTY3ODkwYWJjZGVm"

static void assert_class(const struct parsed *p, const char *name, enum ews_class class,
                         const char *code)
{
    if (p->a.status.class != class || strcmp(p->a.status.code, code))
        fail_msg("%s: %s %s: %s", name, ews_class_name(p->a.status.class), p->a.status.code,
                 p->a.status.text);
    assert_true(p->a.status.alive);
}

/* ---- samples ---------------------------------------------------------------------------------- */

static void test_get_events_sample(void **state)
{
    struct parsed p;

    (void)state;
    parse_file(EWS_OP_GET_EVENTS, "getevents.resp.xml", 200, &p);
    assert_class(&p, "sample", EWS_OK, "NoError");
    assert_int_equal(p.a.event_count, 1);
    assert_true(gw_str_is(p.a.events->subscription_id, SAMPLE_ID));
    assert_true(gw_str_is(p.a.events->watermark, "AQAAAAAAAAADAAAAAAAAAAE="));
    assert_int_equal(p.a.events->changes, 1);
    assert_int_equal(p.a.events->status_events, 0);
    assert_false(p.a.events->more_events);
    assert_false(p.a.events->ended);
    parsed_done(&p);
}

static void test_stream_samples(void **state)
{
    struct parsed p;

    (void)state;
    parse_file(EWS_OP_STREAM, "getstreamingevents-heartbeat.resp.xml", 200, &p);
    assert_class(&p, "heartbeat", EWS_OK, "NoError");
    assert_int_equal(p.a.event_count, 0);
    assert_false(p.a.closed);
    parsed_done(&p);

    parse_file(EWS_OP_STREAM, "getstreamingevents-event.DEVIATES.resp.xml", 200, &p);
    assert_class(&p, "event", EWS_OK, "NoError");
    assert_int_equal(p.a.event_count, 1);
    assert_true(gw_str_is(p.a.events->subscription_id, SAMPLE_ID));
    assert_int_equal(p.a.events->changes, 1);
    assert_false(p.a.closed);
    parsed_done(&p);

    parse_file(EWS_OP_STREAM, "getstreamingevents-closed.resp.xml", 200, &p);
    assert_class(&p, "closed", EWS_OK, "NoError");
    assert_true(p.a.closed);
    parsed_done(&p);

    parse_file(EWS_OP_STREAM, "getstreamingevents-error.resp.xml", 200, &p);
    assert_class(&p, "error", EWS_SUBSCRIPTION_GONE, "ErrorInvalidSubscription");
    assert_int_equal(p.a.bad_id_count, 1);
    assert_true(gw_str_is(p.a.bad_ids[0], SAMPLE_ID));
    assert_true(p.a.closed);
    parsed_done(&p);
}

static void test_mail_tips_sample(void **state)
{
    struct parsed p;

    (void)state;
    parse_file(EWS_OP_MAIL_TIPS, "getmailtips.resp.xml", 200, &p);
    assert_class(&p, "sample", EWS_OK, "NoError");
    assert_int_equal(p.a.tip_count, 2);
    assert_int_equal(p.a.tips[0].status.class, EWS_OK);
    assert_int_equal(p.a.tips[0].oof.state, GW_OOF_SCHEDULED);
    assert_int_equal(p.a.tips[0].oof.start, ews_test_utc("2026-11-20T17:00:00Z"));
    assert_int_equal(p.a.tips[0].oof.end, ews_test_utc("2026-11-23T08:00:00Z"));
    assert_int_equal(p.a.tips[1].oof.state, GW_OOF_DISABLED);
    assert_false(p.a.tips[0].pending || p.a.tips[1].pending);
    parsed_done(&p);
}

static void test_other_samples(void **state)
{
    struct parsed p;

    (void)state;
    parse_file(EWS_OP_SUBSCRIBE, "subscribe-streaming.resp.xml", 200, &p);
    assert_class(&p, "streaming", EWS_OK, "NoError");
    assert_true(gw_str_is(p.a.subscription_id, SAMPLE_ID));
    assert_int_equal(p.a.watermark.len, 0);
    parsed_done(&p);

    parse_file(EWS_OP_SUBSCRIBE, "subscribe.resp.xml", 200, &p);
    assert_true(p.a.watermark.len > 0);
    parsed_done(&p);

    parse_file(EWS_OP_UNSUBSCRIBE, "unsubscribe.resp.xml", 200, &p);
    assert_class(&p, "unsubscribe", EWS_OK, "NoError");
    parsed_done(&p);

    parse_file(EWS_OP_UNSUBSCRIBE, "unsubscribe-push-error.resp.xml", 200, &p);
    assert_class(&p, "unsubscribe push", EWS_BUG, "ErrorInvalidPullSubscriptionId");
    parsed_done(&p);

    parse_file(EWS_OP_SYNC, "syncfolderitems.resp.xml", 200, &p);
    assert_class(&p, "sync", EWS_OK, "NoError");
    assert_true(gw_str_is(p.a.sync_state, "H4sIAAB="));
    assert_true(p.a.changed);
    assert_false(p.a.more);
    parsed_done(&p);

    parse_file(EWS_OP_RESOLVE, "resolvenames.resp.xml", 200, &p);
    assert_class(&p, "resolve", EWS_OK, "NoError");
    assert_int_equal(p.a.resolution_count, 1);
    assert_true(gw_str_is(p.a.resolutions[0].address, "ann@presence.example"));
    assert_true(gw_str_is(p.a.resolutions[0].name, "Ann Example"));
    assert_true(gw_str_is(p.a.resolutions[0].mailbox_type, "Mailbox"));
    parsed_done(&p);
}

/* ---- statuses --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum ews_op op;
    const char *body;
    enum ews_class class;
    const char *code;
} status_case[] = {
    { "no notification", EWS_OP_GET_EVENTS, MESSAGES("GetEvents", GOOD("")), EWS_BAD_ANSWER,
      "incomplete" },
    { "expired", EWS_OP_GET_EVENTS, MESSAGES("GetEvents", BAD("ErrorExpiredSubscription", "")),
      EWS_SUBSCRIPTION_GONE, "ErrorExpiredSubscription" },
    { "watermark", EWS_OP_GET_EVENTS, MESSAGES("GetEvents", BAD("ErrorInvalidWatermark", "")),
      EWS_SUBSCRIPTION_GONE, "ErrorInvalidWatermark" },
    { "no stream message", EWS_OP_STREAM, MESSAGES("GetStreamingEvents", ""), EWS_BAD_ANSWER,
      "incomplete" },
    { "another connection", EWS_OP_STREAM,
      MESSAGES("GetStreamingEvents", BAD("ErrorNewEventStreamConnectionOpened",
                                         "<ConnectionStatus>Closed</ConnectionStatus>")),
      EWS_SUBSCRIPTION_GONE, "ErrorNewEventStreamConnectionOpened" },
    { "missed events", EWS_OP_STREAM,
      MESSAGES("GetStreamingEvents", BAD("ErrorMissedNotificationEvents", "")),
      EWS_SUBSCRIPTION_GONE, "ErrorMissedNotificationEvents" },
    { "too many connections", EWS_OP_STREAM,
      MESSAGES("GetStreamingEvents", BAD("ErrorExceededConnectionCount", "")), EWS_CONNECTION_LIMIT,
      "ErrorExceededConnectionCount" },
    { "no tip messages", EWS_OP_MAIL_TIPS, EWS_TEST_ENVELOPE("<GetMailTipsResponse/>"),
      EWS_BAD_ANSWER, "incomplete" },
    { "tips off", EWS_OP_MAIL_TIPS,
      EWS_TEST_ENVELOPE("<GetMailTipsResponse ResponseClass='Error'><ResponseCode>"
                        "ErrorMailTipsDisabled</ResponseCode></GetMailTipsResponse>"),
      EWS_UNSUPPORTED, "ErrorMailTipsDisabled" },
    { "no sync state", EWS_OP_SYNC, MESSAGES("SyncFolderItems", GOOD("<Changes/>")), EWS_BAD_ANSWER,
      "incomplete" },
    { "old sync state", EWS_OP_SYNC,
      MESSAGES("SyncFolderItems", BAD("ErrorInvalidSyncStateData", "")), EWS_SUBSCRIPTION_GONE,
      "ErrorInvalidSyncStateData" },
    { "nobody", EWS_OP_RESOLVE, MESSAGES("ResolveNames", BAD("ErrorNameResolutionNoResults", "")),
      EWS_MAILBOX, "ErrorNameResolutionNoResults" },
    { "no set", EWS_OP_RESOLVE, MESSAGES("ResolveNames", GOOD("")), EWS_BAD_ANSWER, "incomplete" },
    { "pull only", EWS_OP_UNSUBSCRIBE,
      MESSAGES("Unsubscribe", BAD("ErrorSubscriptionNotFound", "")), EWS_SUBSCRIPTION_GONE,
      "ErrorSubscriptionNotFound" },
};

static void test_statuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(status_case) / sizeof(status_case[0]); i++) {
        struct parsed p;

        parse_text(status_case[i].op, status_case[i].body, &p);
        assert_class(&p, status_case[i].name, status_case[i].class, status_case[i].code);
        parsed_done(&p);
    }
}

/* A pull subscription without a watermark could not be asked for its events. */
static void test_pull_needs_watermark(void **state)
{
    struct ews_request r = { .op = EWS_OP_SUBSCRIBE, .sub_mode = EWS_SUB_PULL };
    struct ews_http http = { .status = 200,
                             .body = GW_STR_INIT(MESSAGES(
                                 "Subscribe", GOOD("<SubscriptionId>a</SubscriptionId>"))) };
    struct gw_arena arena;
    struct ews_answer a;

    (void)state;
    gw_arena_init(&arena, EWS_ANSWER_ARENA);
    ews_answer_parse(&r, &http, &arena, &a);
    assert_int_equal(a.status.class, EWS_BAD_ANSWER);
    gw_arena_done(&arena);
}

/* ---- streams ---------------------------------------------------------------------------------- */

/* As gromox writes it: no declaration, its own prefix, empty lists; and several subscriptions, events
 * of new kinds, ids that are none, in one document. */
static void test_stream_documents(void **state)
{
    struct parsed p;

    (void)state;
    parse_text(EWS_OP_STREAM,
               "<SOAP:Envelope xmlns:SOAP='http://schemas.xmlsoap.org/soap/envelope/'><SOAP:Body>"
               "<m:GetStreamingEventsResponse xmlns:m='m' xmlns:t='t'><m:ResponseMessages>"
               "<m:GetStreamingEventsResponseMessage ResponseClass='Success'><m:ResponseCode>"
               "NoError</m:ResponseCode><m:Notifications/><m:ErrorSubscriptionIds/>"
               "<m:ConnectionStatus>OK</m:ConnectionStatus></m:GetStreamingEventsResponseMessage>"
               "</m:ResponseMessages></m:GetStreamingEventsResponse></SOAP:Body></SOAP:Envelope>",
               &p);
    assert_class(&p, "gromox", EWS_OK, "NoError");
    assert_int_equal(p.a.event_count, 0);
    assert_int_equal(p.a.bad_id_count, 0);
    parsed_done(&p);

    parse_text(EWS_OP_STREAM,
               MESSAGES("GetStreamingEvents",
                        GOOD("<Notifications><Notification><SubscriptionId>a</SubscriptionId>"
                             "<CreatedEvent/><ModifiedEvent/><StatusEvent/></Notification>"
                             "<Notification><SubscriptionId>b</SubscriptionId><NewKindEvent/>"
                             "<Other/></Notification><Strange/></Notifications>")
                            BAD("ErrorSubscriptionNotFound",
                                "<ErrorSubscriptionIds><SubscriptionId>c</SubscriptionId>"
                                "<SubscriptionId/><SubscriptionId>d</SubscriptionId>"
                                "</ErrorSubscriptionIds>")),
               &p);
    assert_class(&p, "mixed", EWS_SUBSCRIPTION_GONE, "ErrorSubscriptionNotFound");
    assert_int_equal(p.a.event_count, 2);
    assert_true(gw_str_is(p.a.events[0].subscription_id, "a"));
    assert_int_equal(p.a.events[0].changes, 2);
    assert_int_equal(p.a.events[0].status_events, 1);
    assert_true(gw_str_is(p.a.events[1].subscription_id, "b"));
    assert_int_equal(p.a.events[1].changes, 1);
    assert_int_equal(p.a.bad_id_count, 2);
    assert_true(gw_str_is(p.a.bad_ids[0], "c"));
    assert_true(gw_str_is(p.a.bad_ids[1], "d"));
    parsed_done(&p);
}

/* ---- mail tips -------------------------------------------------------------------------------- */

#define TIPS(body)                                                                                 \
    EWS_TEST_ENVELOPE(                                                                             \
        "<GetMailTipsResponse ResponseClass='Success'><ResponseCode>NoError</ResponseCode>"        \
        "<ResponseMessages>" body "</ResponseMessages></GetMailTipsResponse>")
#define TIP(body) GOOD("<MailTips>" body "</MailTips>")
#define REPLY(text, more)                                                                          \
    "<OutOfOffice><ReplyBody><Message>" text "</Message></ReplyBody>" more "</OutOfOffice>"
#define DURATION(start, end)                                                                       \
    "<Duration><StartTime>" start "</StartTime><EndTime>" end "</EndTime></Duration>"

static void test_mail_tips(void **state)
{
    static const struct {
        const char *name, *body;
        enum ews_class class;
        bool pending;
        enum gw_oof_state state;
    } c[] = {
        { "active", TIPS(TIP(REPLY("Gone", ""))), EWS_OK, false, GW_OOF_ENABLED },
        { "html", TIPS(TIP(REPLY("&lt;html&gt;Gone&lt;/html&gt;", ""))), EWS_OK, false,
          GW_OOF_ENABLED },
        { "blank text", TIPS(TIP(REPLY(" \r\n", ""))), EWS_OK, false, GW_OOF_DISABLED },
        { "no text", TIPS(TIP("<OutOfOffice/>")), EWS_OK, false, GW_OOF_DISABLED },
        { "scheduled",
          TIPS(TIP(REPLY("Gone", DURATION("2026-11-20T17:00:00", "2026-11-23T08:00:00")))), EWS_OK,
          false, GW_OOF_SCHEDULED },
        { "times without sense", TIPS(TIP(REPLY("Gone", DURATION("soon", "later")))), EWS_OK, false,
          GW_OOF_ENABLED },
        { "stale times",
          TIPS(TIP(REPLY("", DURATION("2026-11-20T17:00:00", "2026-11-23T08:00:00")))), EWS_OK,
          false, GW_OOF_DISABLED },
        { "pending", TIPS(TIP("<PendingMailTips>OutOfOfficeMessage</PendingMailTips>")), EWS_OK,
          true, GW_OOF_DISABLED },
        { "pending among others",
          TIPS(TIP("<PendingMailTips>MailboxFullStatus OutOfOfficeMessage</PendingMailTips>")),
          EWS_OK, true, GW_OOF_DISABLED },
        { "others pending",
          TIPS(TIP("<PendingMailTips>MailboxFullStatus</PendingMailTips>" REPLY("Gone", ""))),
          EWS_OK, false, GW_OOF_ENABLED },
        { "no tip", TIPS(TIP("")), EWS_BAD_ANSWER, false, GW_OOF_DISABLED },
        { "unknown", TIPS(BAD("ErrorMailRecipientNotFound", "")), EWS_MAILBOX, false,
          GW_OOF_DISABLED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct parsed p;

        parse_text(EWS_OP_MAIL_TIPS, c[i].body, &p);
        assert_class(&p, c[i].name, EWS_OK, "NoError");
        assert_int_equal(p.a.tip_count, 2);
        if (p.a.tips[0].status.class != c[i].class || p.a.tips[0].pending != c[i].pending ||
            p.a.tips[0].oof.state != c[i].state)
            fail_msg("%s: %s, %d, %d", c[i].name, p.a.tips[0].status.text, p.a.tips[0].pending,
                     (int)p.a.tips[0].oof.state);
        assert_int_equal(p.a.tips[1].status.class, EWS_BAD_ANSWER); /* none for the second */
        parsed_done(&p);
    }
}

#define OF(address)    "<RecipientAddress><EmailAddress>" address "</EmailAddress></RecipientAddress>"
#define GONE(address)  TIP(OF(address) REPLY("Gone", ""))
#define HERE(address)  TIP(OF(address) REPLY("", ""))
#define LATER(address) TIP(OF(address) "<PendingMailTips>OutOfOfficeMessage</PendingMailTips>")

/* Nobody is shown another's reply, whatever a server leaves out. */
static void test_whose_mail_tips(void **state)
{
    static const struct gw_str mailboxes[] = { GW_STR_INIT("ann@x.example"),
                                               GW_STR_INIT("bob@x.example"),
                                               GW_STR_INIT("eve@x.example") };
    static const struct {
        const char *name, *body;
        const char *tips; /* of the three: gone, here, later, none */
    } c[] = {
        { "in order", TIPS(GONE("ann@x.example") HERE("bob@x.example") LATER("eve@x.example")),
          "ghl" },
        { "in other letters",
          TIPS(GONE("Ann@X.example") HERE("bob@x.example ") LATER("EVE@x.example")), "ghl" },
        { "without the first", TIPS(GONE("bob@x.example") HERE("eve@x.example")), "-gh" },
        { "without the second", TIPS(GONE("ann@x.example") HERE("eve@x.example")), "g-h" },
        { "without the last", TIPS(GONE("ann@x.example") HERE("bob@x.example")), "gh-" },
        { "in another order",
          TIPS(GONE("eve@x.example") HERE("ann@x.example") LATER("bob@x.example")), "hlg" },
        { "by other addresses",
          TIPS(GONE("ann.a@x.example") HERE("bob.b@x.example") LATER("eve@x.example")), "ghl" },
        { "by another address, and without one",
          TIPS(GONE("ann.a@x.example") HERE("eve@x.example")), "--h" },
        { "an error has no address",
          TIPS(BAD("ErrorMailRecipientNotFound", "") GONE("bob@x.example") HERE("eve@x.example")),
          "-gh" },
        { "without any address", TIPS(TIP(REPLY("Gone", "")) TIP(REPLY("", ""))), "gh-" },
        { "one twice", TIPS(GONE("ann@x.example") GONE("ann@x.example") HERE("eve@x.example")),
          "g-h" },
        { "nobody's", TIPS(GONE("zoe@x.example")), "---" },
    };
    const struct ews_request r = { .op = EWS_OP_MAIL_TIPS,
                                   .mailboxes = mailboxes,
                                   .mailbox_count = 3 };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct ews_http http = { .status = 200, .body = gw_str_of(c[i].body) };
        struct parsed p;

        gw_arena_init(&p.arena, EWS_ANSWER_ARENA);
        ews_answer_parse(&r, &http, &p.arena, &p.a);
        assert_class(&p, c[i].name, EWS_OK, "NoError");
        assert_int_equal(p.a.tip_count, 3);
        for (size_t k = 0; k < 3; k++) {
            const struct ews_tip *tip = &p.a.tips[k];
            char is = tip->status.class != EWS_OK         ? '-'
                      : tip->pending                      ? 'l'
                      : tip->oof.state == GW_OOF_DISABLED ? 'h'
                                                          : 'g';

            if (is != c[i].tips[k])
                fail_msg("%s: %c for %s", c[i].name, is, mailboxes[k].p);
        }
        parsed_done(&p);
    }
}

/* ---- sync states and names -------------------------------------------------------------------- */

static void test_sync(void **state)
{
    static const struct {
        const char *name, *body;
        bool changed, more;
    } c[] = {
        { "nothing new",
          GOOD("<SyncState>s</SyncState><IncludesLastItemInRange>true</IncludesLastItemInRange>"
               "<Changes/>"),
          false, false },
        { "no list of changes", GOOD("<SyncState>s</SyncState>"), false, false },
        { "only read flags", GOOD("<SyncState>s</SyncState><Changes><ReadFlagChange/></Changes>"),
          true, false },
        { "more to come",
          GOOD("<SyncState>s</SyncState><IncludesLastItemInRange>false</IncludesLastItemInRange>"
               "<Changes><Update/></Changes>"),
          true, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct gw_buf body;
        struct parsed p;

        gw_buf_init(&body, 4096);
        gw_buf_addf(&body, MESSAGES("SyncFolderItems", "%s"), c[i].body);
        parse_text(EWS_OP_SYNC, body.p, &p);
        assert_class(&p, c[i].name, EWS_OK, "NoError");
        assert_true(gw_str_is(p.a.sync_state, "s"));
        if (p.a.changed != c[i].changed || p.a.more != c[i].more)
            fail_msg("%s: %d, %d", c[i].name, p.a.changed, p.a.more);
        parsed_done(&p);
        gw_buf_done(&body);
    }
}

static void test_many_names(void **state)
{
    struct parsed p;

    (void)state;
    parse_text(EWS_OP_RESOLVE,
               MESSAGES("ResolveNames",
                        "<M ResponseClass='Warning'><MessageText>several</MessageText>"
                        "<ResponseCode>ErrorNameResolutionMultipleResults</ResponseCode>"
                        "<ResolutionSet><Resolution><Mailbox><Name>A</Name><EmailAddress>a@x"
                        "</EmailAddress></Mailbox></Resolution><Resolution><Mailbox><EmailAddress>"
                        "/o=org/cn=b</EmailAddress><RoutingType>EX</RoutingType></Mailbox>"
                        "</Resolution><Resolution/><Resolution><Mailbox><EmailAddress>c@x"
                        "</EmailAddress><RoutingType>SMTP</RoutingType></Mailbox></Resolution>"
                        "</ResolutionSet></M>"),
               &p);
    assert_class(&p, "several", EWS_OK, "ErrorNameResolutionMultipleResults");
    assert_int_equal(p.a.resolution_count, 2);
    assert_int_equal(p.a.dropped, 2);
    assert_true(gw_str_is(p.a.resolutions[1].address, "c@x"));
    assert_int_equal(p.a.resolutions[1].name.len, 0);
    parsed_done(&p);
}

/* ---- affinity --------------------------------------------------------------------------------- */

static void test_affinity(void **state)
{
    static const struct {
        const char *cookies, *affinity;
    } c[] = {
        { "", "" },
        { "lb=1; path=/", "" },
        { "X-BackEndOverrideCookie=mbx1~123; path=/; secure; HttpOnly",
          "X-BackEndOverrideCookie=mbx1~123" },
        { "exchangecookie=abc; expires=Fri, 26-Nov-2027 00:00:00 GMT; path=/",
          "exchangecookie=abc" },
        { "exchangecookie=abc; path=/\nX-BackEndOverrideCookie=mbx1~123\nlb=1",
          "X-BackEndOverrideCookie=mbx1~123" },
        { "x-backendoverridecookie=a=b", "x-backendoverridecookie=a=b" },
        { "X-BackEndOverrideCookie=; path=/", "" },
        { "X-BackEndOverrideCookie=a b", "" },
        { "X-BackEndOverrideCookie", "" },
        { "X-BackEndOverrideCookie=\xc3\xa9", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct ews_http http = { .status = 200, .set_cookies = gw_str_of(c[i].cookies) };
        struct parsed p;

        parse_http(EWS_OP_SUBSCRIBE, &http, &p);
        if (!gw_str_is(p.a.affinity, c[i].affinity))
            fail_msg("%s: '%.*s'", c[i].cookies, GW_STR_ARG(p.a.affinity));
        parsed_done(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_events_sample), cmocka_unit_test(test_stream_samples),
        cmocka_unit_test(test_mail_tips_sample),  cmocka_unit_test(test_other_samples),
        cmocka_unit_test(test_statuses),          cmocka_unit_test(test_pull_needs_watermark),
        cmocka_unit_test(test_stream_documents),  cmocka_unit_test(test_mail_tips),
        cmocka_unit_test(test_whose_mail_tips),   cmocka_unit_test(test_sync),
        cmocka_unit_test(test_many_names),        cmocka_unit_test(test_affinity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
