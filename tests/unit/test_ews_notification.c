/* SendNotification as Exchange sends it, as it should not be, and the replies. */
#include "ews_test.h"

#define SENT(messages)                                                                             \
    EWS_TEST_ENVELOPE("<SendNotification><ResponseMessages>" messages                              \
                      "</ResponseMessages></SendNotification>")
#define MESSAGE(body)                                                                              \
    "<SendNotificationResponseMessage ResponseClass='Success'><ResponseCode>NoError"               \
    "</ResponseCode><Notification><SubscriptionId>S1</SubscriptionId>" body                        \
    "</Notification></SendNotificationResponseMessage>"

struct parsed {
    struct gw_arena arena;
    struct ews_notification n;
    enum gw_code rc;
};

static void parse(const char *text, struct parsed *p)
{
    size_t len = strlen(text);
    char *exact = malloc(len ? len : 1);
    struct gw_err err = { GW_OK, "" };

    memcpy(exact, text, len);
    gw_arena_init(&p->arena, EWS_NOTIFICATION_ARENA);
    p->rc = ews_notification_parse((struct gw_str){ exact, len }, &p->arena, &p->n, &err);
    free(exact);
    assert_true(!p->rc == !err.msg[0]);
}

static void parse_file(const char *name, struct parsed *p)
{
    char *text = ews_test_file(name);

    parse(text, p);
    free(text);
    assert_int_equal(p->rc, GW_OK);
    assert_true(
        gw_str_is(p->n.subscription_id, "EQBjYXMxLmV4Y2guZXhhbXBsZRAAAAAxMjM0NTY3ODkwYWJjZGVm"));
}

static void test_events_sample(void **state)
{
    struct parsed p;

    (void)state;
    parse_file("sendnotification-events.req.xml", &p);
    assert_int_equal(p.n.changes, 6);
    assert_int_equal(p.n.status_events, 0);
    assert_false(p.n.more_events);
    assert_false(p.n.ended);
    assert_true(gw_str_is(p.n.watermark, "AQAAAAAAAAADAAAAAAAAAAE="));
    gw_arena_done(&p.arena);
}

static void test_status_sample(void **state)
{
    struct parsed p;

    (void)state;
    parse_file("sendnotification-status.req.xml", &p);
    assert_int_equal(p.n.changes, 0);
    assert_int_equal(p.n.status_events, 1);
    assert_int_equal(p.n.status.class, EWS_OK);
    gw_arena_done(&p.arena);
}

static void test_error_sample(void **state)
{
    struct parsed p;

    (void)state;
    parse_file("sendnotification-error.DEVIATES.req.xml", &p);
    assert_true(p.n.ended);
    assert_int_equal(p.n.status.class, EWS_SUBSCRIPTION_GONE);
    assert_string_equal(p.n.status.code, "ErrorReadEventsFailed");
    gw_arena_done(&p.arena);
}

#define ON_ITEM   "<ItemId Id='i'/><ParentFolderId Id='c'/>"
#define ON_FOLDER "<FolderId Id='f'/><ParentFolderId Id='c'/>"

/* When the calendars themselves may be other ones, and when it is one more item only. */
static void test_folders(void **state)
{
    static const struct {
        const char *text;
        bool folders;
    } c[] = {
        { SENT(MESSAGE("<StatusEvent/>")), false },
        { SENT(MESSAGE("<CreatedEvent>" ON_ITEM "</CreatedEvent><ModifiedEvent>" ON_FOLDER
                       "</ModifiedEvent>")),
          false },
        { SENT(MESSAGE("<ModifiedEvent>" ON_FOLDER
                       "</ModifiedEvent><FreeBusyChangedEvent>" ON_FOLDER
                       "</FreeBusyChangedEvent>")),
          false },
        { SENT(MESSAGE("<ModifiedEvent>" ON_FOLDER "</ModifiedEvent>")), true },
        { SENT(MESSAGE("<CreatedEvent>" ON_FOLDER "</CreatedEvent>")), true },
        { SENT(MESSAGE("<DeletedEvent>" ON_FOLDER "</DeletedEvent><CreatedEvent>" ON_ITEM
                       "</CreatedEvent>")),
          true },
        { SENT(MESSAGE("<MovedEvent>" ON_FOLDER "</MovedEvent>")), true },
        { SENT(MESSAGE("<MovedEvent>" ON_ITEM "</MovedEvent>")), false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct parsed p;

        parse(c[i].text, &p);
        assert_int_equal(p.rc, GW_OK);
        if (p.n.folders != c[i].folders)
            fail_msg("%s", c[i].text);
        gw_arena_done(&p.arena);
    }
}

static const struct {
    const char *name, *text;
    enum gw_code rc;
    unsigned changes, status_events;
    bool more, ended;
} parse_case[] = {
    { "two messages", SENT(MESSAGE("<CreatedEvent/>") MESSAGE("<StatusEvent/>")), GW_OK, 1, 1,
      false, false },
    { "more", SENT(MESSAGE("<MoreEvents>true</MoreEvents><DeletedEvent/>")), GW_OK, 1, 0, true,
      false },
    { "new kind of event", SENT(MESSAGE("<PonderedEvent/>")), GW_OK, 1, 0, false, false },
    { "no event", SENT(MESSAGE("")), GW_OK, 0, 0, false, false },
    { "one good, one error",
      SENT(MESSAGE(
          "<CreatedEvent/>") "<SendNotificationResponseMessage ResponseClass='Error'><ResponseCode>"
                             "ErrorReadEventsFailed</ResponseCode></"
                             "SendNotificationResponseMessage>"),
      GW_OK, 1, 0, false, true },
    { "no message", SENT(""), GW_BADMSG, 0, 0, false, false },
    { "other operation", EWS_TEST_ENVELOPE("<FindItem/>"), GW_BADMSG, 0, 0, false, false },
    { "no body", "<Envelope/>", GW_BADMSG, 0, 0, false, false },
    { "not SOAP", "<html/>", GW_BADMSG, 0, 0, false, false },
    { "half", "<Envelope><Body><SendNotif", GW_BADMSG, 0, 0, false, false },
    { "not XML", "hello", GW_BADMSG, 0, 0, false, false },
    { "empty", "", GW_BADMSG, 0, 0, false, false },
    { "entity bomb", "<!DOCTYPE a [<!ENTITY b 'cc'><!ENTITY d '&b;&b;'>]><Envelope>&d;</Envelope>",
      GW_BADMSG, 0, 0, false, false },
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(parse_case) / sizeof(parse_case[0]); i++) {
        struct parsed p;

        parse(parse_case[i].text, &p);
        if (p.rc != parse_case[i].rc)
            fail_msg("%s: %s", parse_case[i].name, gw_code_name(p.rc));
        if (!p.rc && (p.n.changes != parse_case[i].changes ||
                      p.n.status_events != parse_case[i].status_events ||
                      p.n.more_events != parse_case[i].more || p.n.ended != parse_case[i].ended))
            fail_msg("%s: read wrongly", parse_case[i].name);
        gw_arena_done(&p.arena);
    }
}

static void test_too_long(void **state)
{
    struct parsed p;
    struct gw_buf text;

    (void)state;
    gw_buf_init(&text, 2 * EWS_NOTIFICATION_MAX);
    gw_buf_add_cstr(&text, "<a>");
    while (text.len <= EWS_NOTIFICATION_MAX)
        gw_buf_add_cstr(&text, "0123456789");
    gw_buf_add_cstr(&text, "</a>");
    parse(text.p, &p);
    assert_int_equal(p.rc, GW_LIMIT);
    gw_arena_done(&p.arena);
    gw_buf_done(&text);
}

/* An id longer than any is not taken; the rest is. */
static void test_long_id(void **state)
{
    struct parsed p;
    struct gw_buf text;

    (void)state;
    gw_buf_init(&text, EWS_NOTIFICATION_MAX);
    gw_buf_add_cstr(&text, "<Envelope><Body><SendNotification><ResponseMessages>"
                           "<SendNotificationResponseMessage><Notification><SubscriptionId>");
    for (int i = 0; i <= EWS_ID_MAX; i++)
        gw_buf_add_char(&text, 'x');
    gw_buf_add_cstr(&text,
                    "</SubscriptionId><CreatedEvent/></Notification>"
                    "</SendNotificationResponseMessage></ResponseMessages></SendNotification>"
                    "</Body></Envelope>");
    parse(text.p, &p);
    assert_int_equal(p.rc, GW_OK);
    assert_int_equal(p.n.subscription_id.len, 0);
    assert_int_equal(p.n.changes, 1);
    gw_arena_done(&p.arena);
    gw_buf_done(&text);
}

static void test_replies(void **state)
{
    struct gw_buf out;

    (void)state;
    gw_buf_init(&out, 4096);
    ews_notification_reply_write(EWS_REPLY_OK, &out);
    assert_non_null(strstr(out.p, "<m:SubscriptionStatus>OK</m:SubscriptionStatus>"));
    gw_buf_reset(&out);
    ews_notification_reply_write(EWS_REPLY_UNSUBSCRIBE, &out);
    assert_non_null(strstr(out.p, "<m:SubscriptionStatus>Unsubscribe</m:SubscriptionStatus>"));
    gw_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_sample), cmocka_unit_test(test_folders),
        cmocka_unit_test(test_status_sample), cmocka_unit_test(test_error_sample),
        cmocka_unit_test(test_parse),         cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_long_id),       cmocka_unit_test(test_replies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
