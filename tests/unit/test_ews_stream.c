/* A stream without a socket: what is told while it lives, and how it is said to have ended. */
#include "ews_test.h"

#include "ews_stream.h"

#define DOC(body)                                                                                  \
    "<?xml version='1.0'?><s:Envelope xmlns:s='s'><s:Header><ServerVersionInfo MajorVersion='15' " \
    "MinorVersion='2'/></s:Header><s:Body><GetStreamingEventsResponse><ResponseMessages>" body     \
    "</ResponseMessages></GetStreamingEventsResponse></s:Body></s:Envelope>"
#define OK(body) "<M ResponseClass='Success'><ResponseCode>NoError</ResponseCode>" body "</M>"
#define BEAT     DOC(OK("<ConnectionStatus>OK</ConnectionStatus>"))
#define CHANGE(id)                                                                                 \
    "<Notification><SubscriptionId>" id "</SubscriptionId><CreatedEvent/></Notification>"
#define CHANGES(all) DOC(OK("<Notifications>" all "</Notifications>"))
#define CLOSED       DOC(OK("<ConnectionStatus>Closed</ConnectionStatus>"))
#define LOST(ids)                                                                                  \
    DOC("<M ResponseClass='Error'><ResponseCode>ErrorSubscriptionNotFound</ResponseCode>"          \
        "<ErrorSubscriptionIds>" ids "</ErrorSubscriptionIds></M>")
#define FAULT                                                                                      \
    "<s:Envelope xmlns:s='s'><s:Body><s:Fault><faultcode>a:ErrorServerBusy</faultcode></s:Fault>"  \
    "</s:Body></s:Envelope>"

enum { NOW = 1000 };

static struct {
    struct ews_stream *s;
    char heard[256]; /* ids, "-" for a heartbeat */
    unsigned free_after;
} t;

static void on_event(const struct ews_notification *n, void *ctx)
{
    assert_ptr_equal(ctx, &t);
    assert_int_equal(n->status.class, EWS_OK);
    snprintf(t.heard + strlen(t.heard), sizeof(t.heard) - strlen(t.heard), "%.*s%s,",
             GW_STR_ARG(n->subscription_id), n->subscription_id.len ? "" : "-");
    if (t.free_after && !--t.free_after)
        ews_stream_free(&t.s);
}

static void begin(void)
{
    t.heard[0] = '\0';
    t.s = ews_stream_new(0, on_event, &t);
    assert_int_equal(ews_stream_deadline(t.s), GW_NEVER);
    ews_stream_begin(t.s, NOW);
}

static void test_life(void **state)
{
    (void)state;
    begin();
    assert_int_equal(ews_stream_deadline(t.s), NOW + EWS_STREAM_SILENCE_MS);
    assert_false(ews_stream_was_heard(t.s));
    assert_true(ews_stream_feed(t.s, GW_STR(BEAT "\r\n" BEAT), NOW + 5));
    assert_true(ews_stream_was_heard(t.s));
    assert_int_equal(ews_stream_deadline(t.s), NOW + 5 + EWS_STREAM_SILENCE_MS);
    /* Half a document is not a word. */
    assert_true(ews_stream_feed(t.s, GW_STR("<?xml version='1.0'?><s:Env"), NOW + 6));
    assert_int_equal(ews_stream_deadline(t.s), NOW + 5 + EWS_STREAM_SILENCE_MS);
    ews_stream_begin(t.s, NOW + 7); /* another connection */
    assert_true(ews_stream_feed(t.s, GW_STR(CHANGES(CHANGE("a") CHANGE("b"))), NOW + 8));
    assert_true(ews_stream_feed(t.s, GW_STR(CLOSED), NOW + 9));
    assert_int_equal(ews_stream_deadline(t.s), NOW + 9 + EWS_STREAM_GRACE_MS);
    assert_true(ews_stream_feed(t.s, GW_STR(BEAT), NOW + 10)); /* after the end: ignored */
    assert_string_equal(t.heard, "-,-,a,b,");
    ews_stream_free(&t.s);
}

/* The HTTP exchange of an end; code GW_AGAIN: there is none, the deadline has passed. */
static const struct {
    const char *name, *body;
    enum gw_code code;
    int status;
    enum ews_class class;
    const char *code_text;
    bool alive;
    const char *heard;
} end_case[] = {
    { "closed", BEAT CLOSED, GW_OK, 200, EWS_OK, "NoError", true, "-," },
    { "closed, body goes on", BEAT CLOSED, GW_AGAIN, 0, EWS_OK, "NoError", true, "-," },
    { "closed, then cut", CLOSED, GW_BADMSG, 200, EWS_OK, "NoError", true, "" },
    { "closed with changes",
      DOC(OK("<Notifications>" CHANGE("a") "</Notifications><ConnectionStatus>Closed"
                                           "</ConnectionStatus>")),
      GW_OK, 200, EWS_OK, "NoError", true, "a," },
    { "bad id", BEAT LOST("<SubscriptionId>x</SubscriptionId>"), GW_OK, 200, EWS_SUBSCRIPTION_GONE,
      "ErrorSubscriptionNotFound", true, "-," },
    { "fault in the middle", BEAT FAULT, GW_OK, 200, EWS_BUSY, "ErrorServerBusy", true, "-," },
    { "fault with 500", FAULT, GW_OK, 500, EWS_BUSY, "ErrorServerBusy", true, "" },
    { "refused with a fault", FAULT, GW_OK, 401, EWS_CREDENTIALS, "http-401", false, "" },
    { "success under 503", CLOSED, GW_OK, 503, EWS_SERVER_DOWN, "http-503", false, "" },
    { "ends without a word", BEAT, GW_OK, 200, EWS_TRANSIENT, "stream-lost", true, "-," },
    { "connection lost", BEAT CHANGES(CHANGE("a")) "<s:Env", GW_BADMSG, 200, EWS_TRANSIENT,
      "stream-lost", true, "-,a," },
    { "silent", BEAT, GW_AGAIN, 0, EWS_TRANSIENT, "stream-silent", true, "-," },
    { "never heard", "", GW_AGAIN, 0, EWS_SERVER_DOWN, "stream-silent", false, "" },
    { "unreachable", "", GW_UNREACHABLE, 0, EWS_SERVER_DOWN, "unreachable", false, "" },
    { "nothing", "", GW_OK, 200, EWS_BAD_ANSWER, "empty", false, "" },
    { "a web page", "<html><body>Sign in</body></html>", GW_OK, 200, EWS_BAD_ANSWER, "html", false,
      "" },
    { "busy IIS", "Service Unavailable", GW_OK, 503, EWS_SERVER_DOWN, "http-503", false, "" },
    { "malformed", BEAT "<Envelope><a></b></Envelope>", GW_OK, 200, EWS_BAD_ANSWER, "malformed",
      true, "-," },
};

static void test_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(end_case) / sizeof(end_case[0]); i++) {
        struct ews_http http = { .code = end_case[i].code, .status = end_case[i].status };
        struct ews_answer a;

        begin();
        assert_true(ews_stream_feed(t.s, gw_str_of(end_case[i].body), NOW));
        ews_stream_finish(t.s, http.code == GW_AGAIN ? NULL : &http, &a);
        assert_int_equal(a.op, EWS_OP_STREAM);
        if (a.status.class != end_case[i].class || strcmp(a.status.code, end_case[i].code_text) ||
            a.status.alive != end_case[i].alive || strcmp(t.heard, end_case[i].heard))
            fail_msg("%s: %s %s, heard %s: %s", end_case[i].name, ews_class_name(a.status.class),
                     a.status.code, t.heard, a.status.text);
        ews_stream_free(&t.s);
    }
}

static void test_bad_ids(void **state)
{
    struct ews_http http = { .status = 200 };
    struct ews_answer a;

    (void)state;
    begin();
    assert_true(ews_stream_feed(
        t.s, GW_STR(LOST("<SubscriptionId>x</SubscriptionId><SubscriptionId>y</SubscriptionId>")),
        NOW));
    ews_stream_finish(t.s, &http, &a);
    assert_int_equal(a.bad_id_count, 2);
    assert_true(gw_str_is(a.bad_ids[0], "x") && gw_str_is(a.bad_ids[1], "y"));
    ews_stream_free(&t.s);
}

static void test_too_large(void **state)
{
    static char fill[EWS_STREAM_DOCUMENT_MAX + 1];
    struct ews_answer a;

    (void)state;
    begin();
    memset(fill, ' ', sizeof(fill));
    assert_true(ews_stream_feed(t.s, (struct gw_str){ fill, sizeof(fill) }, NOW));
    ews_stream_finish(t.s, NULL, &a);
    assert_int_equal(a.status.class, EWS_BAD_ANSWER);
    assert_string_equal(a.status.code, "answer-too-large");
    ews_stream_free(&t.s);
}

static void test_freed_in_event(void **state)
{
    (void)state;
    for (unsigned after = 1; after <= 3; after++) {
        begin();
        t.free_after = after;
        assert_false(ews_stream_feed(t.s, GW_STR(BEAT CHANGES(CHANGE("a") CHANGE("b")) BEAT), NOW));
        assert_null(t.s);
        assert_string_equal(t.heard, after == 1 ? "-," : after == 2 ? "-,a," : "-,a,b,");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),           cmocka_unit_test(test_ends),
        cmocka_unit_test(test_bad_ids),        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_freed_in_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
