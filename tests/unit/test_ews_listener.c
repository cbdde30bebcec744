/* The push listener, spoken to over loopback. */
#include "ews_test.h"

#include "ews_listener.h"
#include "gw_log.h"
#include "net_http_client.h"

enum { GUARD_MS = 10000 };

static struct {
    struct net_loop *loop;
    struct net_timer *guard;
    struct ews_listener *listener;
    struct net_http_slot *slot;

    /* what the callback saw, and says */
    unsigned notified;
    char token[EWS_TOKEN_MAX + 1];
    char subscription_id[64];
    unsigned changes;
    enum ews_reply reply;

    /* the answer */
    bool done;
    enum gw_code code;
    int status;
    char body[1024], type[64], allow[16];
    unsigned log_lines;
    char log_line[1024];
} t;

static enum ews_reply on_notification(struct gw_str token, const struct ews_notification *n,
                                      void *ctx)
{
    assert_ptr_equal(ctx, &t);
    t.notified++;
    t.changes = n->changes;
    snprintf(t.token, sizeof(t.token), "%.*s", GW_STR_ARG(token));
    snprintf(t.subscription_id, sizeof(t.subscription_id), "%.*s", GW_STR_ARG(n->subscription_id));
    return t.reply;
}

static void on_guard(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    net_loop_stop(t.loop);
}

static void on_log(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    (void)ctx;
    if (level > GW_LOG_WARN || strcmp(component, "ews"))
        return;
    t.log_lines++;
    snprintf(t.log_line, sizeof(t.log_line), "%.*s", GW_STR_ARG(line));
}

static void setup(void)
{
    struct ews_listener_args args = { .address = "127.0.0.1",
                                      .on_notification = on_notification,
                                      .ctx = &t };
    struct net_http_slot_args slot = { .user_agent = "ExchangeServicesClient/15.0" };
    struct gw_err err;

    memset(&t, 0, sizeof(t));
    gw_log_set_sink(on_log, NULL);
    t.loop = net_loop_new();
    t.guard = net_timer_new(t.loop, on_guard, NULL);
    t.slot = net_http_slot_new(t.loop, &slot);
    assert_int_equal(ews_listener_new(t.loop, &args, &t.listener, &err), GW_OK);
}

static void teardown(void)
{
    net_http_slot_free(&t.slot);
    ews_listener_free(&t.listener);
    net_timer_free(&t.guard);
    net_loop_free(&t.loop);
    gw_log_set_sink(NULL, NULL);
}

static void on_done(const struct net_http_answer *answer, void *ctx)
{
    (void)ctx;
    t.done = true;
    t.code = answer->code;
    t.status = answer->status;
    snprintf(t.body, sizeof(t.body), "%.*s", GW_STR_ARG(answer->body));
    snprintf(t.type, sizeof(t.type), "%.*s",
             GW_STR_ARG(net_http_answer_header(answer, "Content-Type", 0)));
    snprintf(t.allow, sizeof(t.allow), "%.*s",
             GW_STR_ARG(net_http_answer_header(answer, "Allow", 0)));
    net_loop_stop(t.loop);
}

static void send_to(const char *method, const char *url, struct gw_str body)
{
    static const char *const headers[] = {
        "Content-Type: text/xml; charset=utf-8",
        "SOAPAction: http://schemas.microsoft.com/exchange/services/2006/messages/SendNotification",
        NULL
    };
    struct net_http_request request = { .method = method,
                                        .url = url,
                                        .headers = headers,
                                        .body = body,
                                        .timeout_ms = GUARD_MS,
                                        .body_max = 100000 };

    t.done = false;
    net_http_start(t.slot, &request, NULL, on_done, NULL);
    net_timer_set(t.guard, net_loop_now(t.loop).mono + GUARD_MS);
    net_loop_run(t.loop);
    assert_true(t.done);
}

static void send_token(const char *method, const char *token, struct gw_str body)
{
    struct gw_buf url;

    gw_buf_init(&url, 4096);
    ews_listener_url(t.listener, gw_str_of(token), &url);
    send_to(method, url.p, body);
    gw_buf_done(&url);
}

static void send_sample(const char *token, const char *name)
{
    char *text = ews_test_file(name);

    send_token("POST", token, gw_str_of(text));
    free(text);
}

static void test_known_token(void **state)
{
    (void)state;
    setup();
    send_sample("7f3c-A_b", "sendnotification-events.req.xml");
    assert_int_equal(t.status, 200);
    assert_string_equal(t.type, "text/xml; charset=utf-8");
    assert_non_null(strstr(t.body, "<m:SubscriptionStatus>OK</m:SubscriptionStatus>"));
    assert_int_equal(t.notified, 1);
    assert_string_equal(t.token, "7f3c-A_b");
    assert_string_equal(t.subscription_id, "EQBjYXMxLmV4Y2guZXhhbXBsZRAAAAAxMjM0NTY3ODkwYWJjZGVm");
    assert_int_equal(t.changes, 6);
    teardown();
}

static void test_unknown_token(void **state)
{
    struct ews_listener_stats stats;

    (void)state;
    setup();
    t.reply = EWS_REPLY_UNSUBSCRIBE;
    send_sample("dead", "sendnotification-status.req.xml");
    assert_int_equal(t.status, 200);
    assert_non_null(strstr(t.body, "<m:SubscriptionStatus>Unsubscribe</m:SubscriptionStatus>"));
    assert_int_equal(t.notified, 1);
    ews_listener_stats(t.listener, &stats);
    assert_int_equal(stats.notifications, 1);
    assert_int_equal(stats.unsubscribed, 1);
    teardown();
}

#define LONG_TOKEN                                                                                 \
    "0123456789012345678901234567890123456789012345678901234567890123456789"                       \
    "0123456789012345678901234567890123456789012345678901234567890123456789"

/* Tokens that we never gave: not asked about, but told to stop. */
static void test_impossible_tokens(void **state)
{
    static const char *const token[] = { "", "a/b", "%00", "a%20b", LONG_TOKEN };

    (void)state;
    setup();
    for (size_t i = 0; i < sizeof(token) / sizeof(token[0]); i++) {
        send_sample(token[i], "sendnotification-status.req.xml");
        if (t.code == GW_OK && t.status == 200)
            assert_non_null(strstr(t.body, "Unsubscribe"));
        else
            assert_in_range(t.status, 400, 499);
    }
    assert_int_equal(t.notified, 0);
    teardown();
}

static void test_error_form(void **state)
{
    (void)state;
    setup();
    send_sample("7f3c", "sendnotification-error.DEVIATES.req.xml");
    assert_int_equal(t.status, 200);
    assert_int_equal(t.notified, 1);
    teardown();
}

static const struct {
    const char *name, *method, *path, *body;
    int status;
} refused_case[] = {
    { "not XML", "POST", "/ews/notify/7f3c", "hello\r\nworld", 400 },
    { "empty", "POST", "/ews/notify/7f3c", "", 400 },
    { "half", "POST", "/ews/notify/7f3c", "<Envelope><Body><SendNoti", 400 },
    { "other SOAP", "POST", "/ews/notify/7f3c", "<Envelope><Body><FindItem/></Body></Envelope>",
      400 },
    { "GET", "GET", "/ews/notify/7f3c", "", 405 },
    { "PUT", "PUT", "/ews/notify/7f3c", "x", 405 },
    { "other path", "POST", "/ews/exchange.asmx", "x", 404 },
    { "root", "GET", "/", "", 404 },
    { "prefix of the path", "POST", "/ews/notify", "x", 404 },
};

static void test_refused(void **state)
{
    struct ews_listener_stats stats;
    size_t count = sizeof(refused_case) / sizeof(refused_case[0]);

    (void)state;
    setup();
    for (size_t i = 0; i < count; i++) {
        char url[128];

        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", ews_listener_port(t.listener),
                 refused_case[i].path);
        send_to(refused_case[i].method, url, gw_str_of(refused_case[i].body));
        if (t.status != refused_case[i].status || !t.body[0])
            fail_msg("%s: %d", refused_case[i].name, t.status);
        if (t.status == 405)
            assert_string_equal(t.allow, "POST");
    }
    assert_int_equal(t.notified, 0);
    ews_listener_stats(t.listener, &stats);
    assert_int_equal(stats.refused, count);
    /* One line for all of them, and it shows neither line breaks nor a whole token. */
    assert_int_equal(t.log_lines, 1);
    assert_null(strchr(t.log_line, '\n'));
    assert_null(strstr(t.log_line, "7f3c-"));
    assert_non_null(strstr(t.log_line, "peer=127.0.0.1"));
    teardown();
}

static void test_too_long(void **state)
{
    char *large = calloc(1, EWS_NOTIFICATION_MAX + 1);

    (void)state;
    setup();
    memset(large, ' ', EWS_NOTIFICATION_MAX + 1);
    send_token("POST", "7f3c", (struct gw_str){ large, EWS_NOTIFICATION_MAX + 1 });
    free(large);
    assert_int_equal(t.status, 413);
    assert_int_equal(t.notified, 0);
    /* And it goes on. */
    send_sample("7f3c", "sendnotification-status.req.xml");
    assert_int_equal(t.status, 200);
    teardown();
}

static void test_two_listeners(void **state)
{
    struct ews_listener_args args = { .address = "127.0.0.1",
                                      .host = "gw1.presence.example",
                                      .on_notification = on_notification,
                                      .ctx = &t };
    struct ews_listener *second;
    struct gw_buf url;
    char expected[128];

    (void)state;
    setup();
    assert_int_equal(ews_listener_new(t.loop, &args, &second, NULL), GW_OK);
    gw_buf_init(&url, 4096);
    ews_listener_url(second, GW_STR("T0k"), &url);
    snprintf(expected, sizeof(expected), "http://gw1.presence.example:%u/ews/notify/T0k",
             ews_listener_port(second));
    assert_string_equal(url.p, expected);
    gw_buf_done(&url);
    ews_listener_free(&t.listener);
    t.listener = second;
    snprintf(expected, sizeof(expected), "http://127.0.0.1:%u/ews/notify/T0k",
             ews_listener_port(second));
    send_to("POST", expected, GW_STR("x"));
    assert_int_equal(t.status, 400);
    teardown();
}

static void test_bad_arguments(void **state)
{
    static const struct {
        const char *address, *host;
    } c[] = { { "0.0.0.0", NULL },
              { "::", NULL },
              { "127.0.0.1", "a b" },
              { "127.0.0.1", "gw/x" },
              { "127.0.0.1", "" } };

    (void)state;
    setup();
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct ews_listener_args args = { .address = c[i].address,
                                          .host = c[i].host,
                                          .on_notification = on_notification,
                                          .ctx = &t };
        struct ews_listener *l = NULL;
        struct gw_err err = { GW_OK, "" };

        assert_int_equal(ews_listener_new(t.loop, &args, &l, &err), GW_INVALID);
        assert_true(err.msg[0]);
        assert_null(l);
    }
    teardown();
}

static void test_port_taken(void **state)
{
    struct ews_listener_args args = { .address = "127.0.0.1",
                                      .on_notification = on_notification,
                                      .ctx = &t };
    struct ews_listener *second = NULL;
    struct gw_err err = { GW_OK, "" };
    char port[8];

    (void)state;
    setup();
    args.port = ews_listener_port(t.listener);
    snprintf(port, sizeof(port), "%u", args.port);
    assert_int_not_equal(ews_listener_new(t.loop, &args, &second, &err), GW_OK);
    assert_null(second);
    assert_non_null(strstr(err.msg, port));
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_token),       cmocka_unit_test(test_unknown_token),
        cmocka_unit_test(test_impossible_tokens), cmocka_unit_test(test_error_form),
        cmocka_unit_test(test_refused),           cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_two_listeners),     cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_port_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
