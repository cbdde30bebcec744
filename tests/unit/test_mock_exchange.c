/* The whole of it in one loop on loopback: HTTP in, push calls out, trouble on purpose, control. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_list.h"
#include "gw_mem.h"
#include "mock_exchange.h"
#include "mock_throttle.h"
#include "net_http_client.h"
#include "net_http_server.h"

#define NS_SOAP     "http://schemas.xmlsoap.org/soap/envelope/"
#define NS_TYPES    "http://schemas.microsoft.com/exchange/services/2006/types"
#define NS_MESSAGES "http://schemas.microsoft.com/exchange/services/2006/messages"

enum { PATIENCE_MS = 20000, LISTENERS = 2, HELD_MAX = 64 };

/* Answers push calls, or keeps them. */
struct listener {
    struct net_http_server *server;
    const char *word; /* NULL: keep them waiting */
    struct net_http_exchange *held[HELD_MAX];
    unsigned calls, held_count;
};

struct world {
    struct net_loop *loop;
    struct net_timer *patience;
    struct mock_exchange *mx;
    struct net_http_slot *slot;
    struct listener listener[LISTENERS];
    bool impatient;
    /* the last answer of request() */
    bool answered;
    enum gw_code code;
    int status;
    char retry_after[16];
    char *body;
    /* that of control() */
    struct gw_buf control;
};

static void on_push(struct net_http_exchange *x, void *ctx)
{
    struct listener *l = ctx;
    char body[600];

    l->calls++;
    if (!l->word) {
        if (l->held_count < HELD_MAX)
            l->held[l->held_count++] = x;
        return;
    }
    snprintf(body, sizeof(body),
             "<s:Envelope xmlns:s='" NS_SOAP "'><s:Body><SendNotificationResult xmlns='" NS_MESSAGES
             "'><SubscriptionStatus>%s</SubscriptionStatus></SendNotificationResult></s:Body>"
             "</s:Envelope>",
             l->word);
    net_http_reply(x, 200, "text/xml", gw_str_of(body));
}

static void on_patience(struct gw_now now, void *ctx)
{
    struct world *w = ctx;

    (void)now;
    w->impatient = true;
    net_loop_stop(w->loop);
}

static void on_look(struct gw_now now, void *ctx)
{
    (void)now;
    net_loop_stop(ctx);
}

/* Runs the loop until the condition holds. */
#define UNTIL(w, condition)                                                                        \
    do {                                                                                           \
        (w)->impatient = false;                                                                    \
        net_timer_set((w)->patience, net_loop_now((w)->loop).mono + PATIENCE_MS);                  \
        while (!(condition) && !(w)->impatient)                                                    \
            run_a_little(w);                                                                       \
        assert_true(condition);                                                                    \
    } while (0)

static void run_a_little(struct world *w)
{
    struct net_timer *look = net_timer_new(w->loop, on_look, w->loop);

    net_timer_set(look, net_loop_now(w->loop).mono + 2);
    net_loop_run(w->loop);
    net_timer_free(&look);
}

static const char scenario[] =
    "{\"minute_ms\": 500, \"accounts\": [{\"name\": \"svc\", \"password\": \"secret\"}],"
    " \"cas\": [{\"listen\": \"127.0.0.1:0\"}, {\"name\": \"two\", \"listen\": \"127.0.0.1:0\"}],"
    " \"users\": [{\"count\": 40}]}";

static int setup(void **state)
{
    struct world *w = gw_new(struct world);
    struct net_http_slot_args slot = { .user_agent = "test" };
    struct gw_err err;

    w->loop = net_loop_new();
    w->patience = net_timer_new(w->loop, on_patience, w);
    w->mx = mock_exchange_new(w->loop);
    w->slot = net_http_slot_new(w->loop, &slot);
    gw_buf_init(&w->control, 1 << 24);
    for (int i = 0; i < LISTENERS; i++) {
        struct net_http_server_args args = {
            .address = "127.0.0.1", .body_max = 1 << 20, .handler = on_push, .ctx = &w->listener[i]
        };

        w->listener[i].word = "OK";
        assert_int_equal(net_http_server_new(w->loop, &args, &w->listener[i].server, &err), GW_OK);
    }
    assert_int_equal(mock_exchange_apply(w->mx, gw_str_of(scenario), &err), GW_OK);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    mock_exchange_free(&w->mx);
    net_http_slot_free(&w->slot);
    for (int i = 0; i < LISTENERS; i++)
        net_http_server_free(&w->listener[i].server);
    net_timer_free(&w->patience);
    net_loop_free(&w->loop);
    gw_buf_done(&w->control);
    free(w->body);
    free(w);
    return 0;
}

static void on_answer(const struct net_http_answer *answer, void *ctx)
{
    struct world *w = ctx;
    struct gw_str retry = net_http_answer_header(answer, "Retry-After", 0);

    w->answered = true;
    w->code = answer->code;
    w->status = answer->code ? 0 : answer->status;
    snprintf(w->retry_after, sizeof(w->retry_after), "%.*s", GW_STR_ARG(retry));
    free(w->body);
    w->body = gw_str_dup(answer->body);
}

static void request_start(struct world *w, const char *cas, const char *user, const char *body,
                          unsigned timeout_ms)
{
    static const char *const headers[] = { "Content-Type: text/xml",
                                           "Authorization: Basic c3ZjOnNlY3JldA==", NULL };
    struct net_http_request request = {
        .method = "POST", .headers = headers, .timeout_ms = timeout_ms, .body_max = 1 << 20
    };
    struct gw_buf text;
    char url[100];

    gw_buf_init(&text, 1 << 20);
    gw_buf_addf(&text,
                "<s:Envelope xmlns:s='" NS_SOAP "' xmlns:t='" NS_TYPES "' xmlns:m='" NS_MESSAGES
                "'><s:Header><t:RequestServerVersion Version='Exchange2010_SP2'/>"
                "<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>%s</t:SmtpAddress>"
                "</t:ConnectingSID></t:ExchangeImpersonation></s:Header><s:Body>%s</s:Body>"
                "</s:Envelope>",
                user, body);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/ews/exchange.asmx",
             mock_exchange_cas_port(w->mx, cas));
    request.url = url;
    request.body = gw_buf_str(&text);
    w->answered = false;
    net_http_start(w->slot, &request, NULL, on_answer, w);
    gw_buf_done(&text);
}

static void request(struct world *w, const char *cas, const char *user, const char *body)
{
    request_start(w, cas, user, body, 5000);
    UNTIL(w, w->answered);
}

static const char get_folder[] =
    "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds>"
    "<t:DistinguishedFolderId Id='calendar'/></m:FolderIds></m:GetFolder>";
static const char get_oof[] = "<m:GetUserOofSettingsRequest><t:Mailbox><t:Address>user0001@example"
                              "</t:Address></t:Mailbox></m:GetUserOofSettingsRequest>";

static void subscribe(struct world *w, const char *cas, const char *user, int listener)
{
    char body[1000];

    snprintf(body, sizeof(body),
             "<m:Subscribe><m:PushSubscriptionRequest><t:FolderIds>"
             "<t:DistinguishedFolderId Id='calendar'/></t:FolderIds><t:EventTypes>"
             "<t:EventType>CreatedEvent</t:EventType></t:EventTypes>"
             "<t:StatusFrequency>60</t:StatusFrequency><t:URL>http://127.0.0.1:%u/t</t:URL>"
             "</m:PushSubscriptionRequest></m:Subscribe>",
             net_http_server_port(w->listener[listener].server));
    request(w, cas, user, body);
    assert_int_equal(w->status, 200);
    assert_non_null(strstr(w->body, "SubscriptionId"));
}

static int control(struct world *w, const char *method, const char *path, const char *body)
{
    gw_buf_reset(&w->control);
    return mock_exchange_control(w->mx, method, path, gw_str_of(body), &w->control);
}

static void test_push_arrives(void **state)
{
    struct world *w = *state;

    subscribe(w, "cas1", "user0001@example", 0);
    UNTIL(w, w->listener[0].calls == 1);
    assert_int_equal(control(w, "POST", "/users/user0001@example/meetings",
                             "{\"start\": \"+5s\", \"for\": \"1m\"}"),
                     200);
    UNTIL(w, w->listener[0].calls == 2);
    w->listener[0].word = "Unsubscribe";
    assert_int_equal(control(w, "POST", "/meetings/1", "{\"start\": \"+50s\"}"), 200);
    assert_int_equal(control(w, "DELETE", "/meetings/1", NULL), 200);
    assert_int_equal(control(w, "POST", "/users/USER0001@example/meetings", "{\"start\": 1}"), 200);
    UNTIL(w, mock_subs_count(mock_exchange_subs(w->mx)) == 0);
}

/* The calls to a listener that does not answer must not hold up those to the other one. */
static void test_slow_listener_stalls_nobody(void **state)
{
    struct world *w = *state;
    char user[40];

    w->listener[0].word = NULL;
    for (int i = 1; i <= 30; i++) {
        snprintf(user, sizeof(user), "user%04d@example", i);
        subscribe(w, "cas1", user, 0);
    }
    UNTIL(w, w->listener[0].held_count >= 16);
    subscribe(w, "cas1", "user0040@example", 1);
    UNTIL(w, w->listener[1].calls == 1);
    assert_true(w->listener[0].held_count < 30);
}

static void test_down_and_up(void **state)
{
    struct world *w = *state;
    uint16_t port = mock_exchange_cas_port(w->mx, "cas1");

    subscribe(w, "cas1", "user0001@example", 0);
    UNTIL(w, w->listener[0].calls == 1);
    assert_int_equal(control(w, "POST", "/cas/cas1/down", "{}"), 200);
    request(w, "cas1", "user0001@example", get_folder);
    assert_int_equal(w->code, GW_UNREACHABLE);
    request(w, "two", "user0001@example", get_folder);
    assert_int_equal(w->status, 200);
    assert_int_equal(control(w, "POST", "/cas/cas1/up", "{}"), 200);
    assert_int_equal(mock_exchange_cas_port(w->mx, "cas1"), port);
    UNTIL(w, w->listener[0].calls == 2); /* what it owed: nothing, so a StatusEvent */
    assert_int_equal(control(w, "POST", "/cas/cas1/down", "{\"lose\": true}"), 200);
    assert_int_equal(mock_subs_count(mock_exchange_subs(w->mx)), 0);
}

static const struct {
    const char *fault;
    enum gw_code code;
    int status;
    const char *part; /* of the body */
} trouble_case[] = {
    { "{\"kind\": \"status\", \"status\": 503, \"retry_after\": 7, \"count\": 1}", GW_OK, 503,
      "<html>" },
    { "{\"kind\": \"status\", \"status\": 401, \"count\": 1}", GW_OK, 401, "<html>" },
    { "{\"kind\": \"html\", \"count\": 1}", GW_OK, 200, "<html>" },
    { "{\"kind\": \"fault\", \"code\": \"ErrorServerBusy\", \"back_off_ms\": 5, \"count\": 1}",
      GW_OK, 500, "BackOffMilliseconds\">5<" },
    { "{\"kind\": \"half\", \"count\": 1}", GW_OK, 200, "<s:Envelope" },
    { "{\"kind\": \"cut\", \"count\": 1}", GW_UNREACHABLE, 0, NULL },
    { "{\"kind\": \"close\", \"count\": 1}", GW_UNREACHABLE, 0, NULL },
    { "{\"kind\": \"delay\", \"ms\": 30, \"count\": 1}", GW_OK, 200, "</s:Envelope>" },
    { "{\"kind\": \"slow\", \"ms\": 60, \"count\": 1}", GW_OK, 200, "</s:Envelope>" },
    { "{\"kind\": \"malformed\", \"count\": 1}", GW_OK, 200, "&known;" },
    { "{\"kind\": \"type\", \"count\": 1}", GW_OK, 200, "</s:Envelope>" },
    { "{\"kind\": \"redirect\", \"count\": 1}", GW_OK, 302, "<html>" },
    { "{\"kind\": \"status\", \"status\": 440, \"cas_error\": \"x\", \"count\": 1}", GW_OK, 440,
      "<html>" },
    { "{\"kind\": \"html\", \"user\": \"user0002@example\"}", GW_OK, 200, "</s:Envelope>" },
    { "{\"kind\": \"html\", \"probability\": 0}", GW_OK, 200, "</s:Envelope>" },
    { "{\"kind\": \"html\", \"operation\": \"FindItem\"}", GW_OK, 200, "</s:Envelope>" },
};

static void test_troubles(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(trouble_case) / sizeof(*trouble_case); i++) {
        assert_int_equal(control(w, "POST", "/cas/cas1/faults", trouble_case[i].fault), 200);
        request(w, "cas1", "user0001@example", get_folder);
        if (trouble_case[i].code)
            assert_int_not_equal(w->code, GW_OK);
        assert_int_equal(w->status, trouble_case[i].status);
        if (trouble_case[i].part && !strstr(w->body, trouble_case[i].part))
            fail_msg("%s: %s", trouble_case[i].fault, w->body);
        assert_string_equal(w->retry_after, w->status == 503 ? "7" : "");
    }
    request(w, "cas1", "user0001@example", "<m:FindItem/>");
    assert_non_null(strstr(w->body, "<html>"));
    assert_int_equal(control(w, "DELETE", "/cas/cas1/faults", NULL), 200);
    request(w, "cas1", "user0001@example", "<m:FindItem/>");
    assert_non_null(strstr(w->body, "ErrorSchemaValidation"));
}

static int64_t throttled(struct world *w, const char *member)
{
    json_t *json;
    int64_t n;

    assert_int_equal(control(w, "GET", "/", NULL), 200);
    json = json_loads(w->control.p, 0, NULL);
    n = json_integer_value(json_object_get(json_object_get(json, "throttled"), member));
    json_decref(json);
    return n;
}

static void test_budgets(void **state)
{
    struct world *w = *state;

    assert_int_equal(control(w, "POST", "/settings",
                             "{\"throttle\": {\"charge\": \"mailbox\", \"burst_ms\": 1000,"
                             " \"cutoff_ms\": 500, \"recharge_ms\": 1000, \"cost_ms\": 1000}}"),
                     200);
    request(w, "cas1", "user0001@example", get_folder); /* 0 is left */
    assert_int_equal(w->status, 200);
    request(w, "cas1", "user0001@example", get_folder); /* -1000 */
    assert_int_equal(w->status, 200);
    request(w, "cas1", "user0001@example", get_folder);
    assert_int_equal(w->status, 500);
    assert_non_null(strstr(w->body, "ErrorServerBusy"));
    assert_non_null(strstr(w->body, "BackOffMilliseconds\">"));
    request(w, "cas1", "user0002@example", get_folder);
    assert_int_equal(w->status, 200);
    assert_int_equal(throttled(w, "busy"), 1);
    assert_int_equal(control(w, "DELETE", "/journal", NULL), 200);
    assert_int_equal(throttled(w, "busy"), 0);
    assert_int_equal(control(w, "POST", "/settings", "{\"throttle\": false}"), 200);
    request(w, "cas1", "user0001@example", get_folder);
    assert_int_equal(w->status, 200);
}

static void test_too_many_at_a_time(void **state)
{
    struct net_http_slot_args args = { .user_agent = "test" };
    struct world *w = *state;
    struct net_http_slot *first = w->slot;

    assert_int_equal(control(w, "POST", "/settings", "{\"throttle\": {\"concurrency\": 1}}"), 200);
    assert_int_equal(control(w, "POST", "/cas/two/faults", "{\"kind\": \"delay\", \"ms\": 20000}"),
                     200);
    request_start(w, "two", "user0001@example", get_folder, 0);
    UNTIL(w, mock_journal_total(mock_exchange_journal(w->mx)) == 1);
    w->slot = net_http_slot_new(w->loop, &args);
    request(w, "cas1", "user0001@example", get_folder); /* a message */
    assert_int_equal(w->status, 200);
    assert_non_null(strstr(w->body, "<m:GetFolderResponseMessage ResponseClass=\"Error\">"));
    assert_non_null(strstr(w->body, "ErrorExceededConnectionCount"));
    request(w, "cas1", "user0001@example", get_oof); /* it has none */
    assert_int_equal(w->status, 500);
    assert_non_null(strstr(w->body, "ErrorExceededConnectionCount"));
    request(w, "cas1", "user0002@example", get_folder);
    assert_int_equal(w->status, 200);
    assert_int_equal(throttled(w, "connections"), 2);
    assert_int_equal(control(w, "DELETE", "/cas/two/faults", NULL), 200);
    request(w, "cas1", "user0001@example", get_folder);
    assert_int_equal(w->status, 200);
    net_http_slot_free(&first);
}

static void test_who_does_not_wait_is_counted(void **state)
{
    struct world *w = *state;
    gw_time told;

    assert_int_equal(control(w, "POST", "/cas/cas1/faults",
                             "{\"kind\": \"fault\", \"back_off_ms\": 60000, \"count\": 1}"),
                     200);
    request(w, "cas1", "user0001@example", get_folder);
    assert_int_equal(w->status, 500);
    told = net_loop_now(w->loop).mono;
    UNTIL(w, net_loop_now(w->loop).mono > told + MOCK_THROTTLE_GRACE_MS);
    request(w, "two", "user0001@example", get_folder); /* another server */
    assert_int_equal(throttled(w, "in_back_off"), 0);
    request(w, "cas1", "user0002@example", get_folder);
    assert_int_equal(throttled(w, "in_back_off"), 1);
    assert_int_equal(control(w, "DELETE", "/cas/cas1/faults", NULL), 200);
    request(w, "cas1", "user0002@example", get_folder);
    assert_int_equal(throttled(w, "in_back_off"), 1);
}

static void test_stall_ends_when_cleared(void **state)
{
    struct world *w = *state;

    assert_int_equal(control(w, "POST", "/cas/cas1/faults", "{\"kind\": \"stall\"}"), 200);
    request_start(w, "cas1", "user0001@example", get_folder, 100);
    UNTIL(w, w->answered);
    assert_int_equal(w->code, GW_TIMEOUT);
    request_start(w, "cas1", "user0001@example", get_folder, 0);
    UNTIL(w, mock_journal_total(mock_exchange_journal(w->mx)) == 2);
    assert_false(w->answered);
    assert_int_equal(control(w, "DELETE", "/cas/cas1/faults", NULL), 200);
    UNTIL(w, w->answered);
    assert_int_not_equal(w->code, GW_OK);
    request_start(w, "cas1", "user0001@example", get_folder, 5000);
    UNTIL(w, w->answered);
    assert_int_equal(w->status, 200);
}

static const struct {
    const char *method, *path, *body;
    int status;
    const char *part; /* of the answer */
} control_case[] = {
    { "GET", "/", NULL, 200, "\"users\":40" },
    { "GET", "/cas", NULL, 200, "\"name\":\"two\"" },
    { "GET", "/help", NULL, 200, "\"path\":\"/journal\"" },
    { "GET", "/day", NULL, 200, "\"total\":40" },
    { "GET", "/nothing", NULL, 404, "nothing at '/nothing'" },
    { "GET", "", NULL, 404, "error" },
    { "GET", "/users/", NULL, 200, "user0040" },
    { "GET", "/users/x/y/z", NULL, 404, "error" },
    { "DELETE", "/", NULL, 405, "not a method" },
    { "POST", "/users", "{", 400, "not JSON" },
    { "POST", "/users", "[]", 400, "user is not a JSON object" },
    { "POST", "/users", "{\"address\": \"x\"}", 400, "name@domain" },
    { "POST", "/users", "{\"address\": 5}", 400, "'address' is not a text" },
    { "POST", "/users", "{\"adress\": \"x@y\"}", 400, "'adress'" },
    { "POST", "/users", "{\"address\": \"user0001@example\"}", 409, "is taken" },
    { "POST", "/users", "{\"count\": -1}", 400, "'count'" },
    { "POST", "/users", "{\"count\": 3, \"prefix\": \"new\"}", 200, "\"added\":3" },
    { "GET", "/users/new0003@example", NULL, 200, "new0003" },
    { "DELETE", "/users/new0003@example", NULL, 200, "{}" },
    { "GET", "/users/new0003@example", NULL, 404, "no user 'new0003@example'" },
    { "POST", "/users/new0001@example/meetings", "{}", 400, "no 'start'" },
    { "POST", "/users/new0001@example/meetings", "{\"start\": \"soon\"}", 400, "is not a time" },
    { "POST", "/users/new0001@example/meetings", "{\"start\": 1e300}", 400, "is not a time" },
    { "POST", "/users/new0001@example/meetings", "{\"start\": 5, \"repeat\": []}", 400,
      "repeat is not a JSON object" },
    { "POST", "/users/new0001@example/meetings",
      "{\"start\": 5, \"repeat\": {\"every\": \"day\", \"zone\": \"Atlantis\"}}", 400,
      "no zone 'Atlantis'" },
    { "POST", "/users/new0001@example/meetings", "{\"start\": \"+5s\", \"end\": \"+1s\"}", 400,
      "ends before it starts" },
    { "POST", "/users/new0001@example/meetings", "{\"start\": 5, \"for\": 5, \"busy\": \"x\"}", 400,
      "WorkingElsewhere, Busy" },
    { "POST", "/users/new0001@example/meetings",
      "[{\"start\": 5, \"for\": 5, \"busy\": \"oof\"}, {\"start\": \"9999-01-01T00:00:00Z\"}]", 400,
      "[1]: " },
    { "GET", "/users/new0001@example/meetings", NULL, 200, "\"busy\":\"OOF\"" },
    { "POST", "/meetings/1/cancel", NULL, 200, "\"busy\":\"Free\"" },
    { "POST", "/meetings/9", "{}", 404, "no meeting '9'" },
    { "DELETE", "/meetings/1", "{\"moved\": true}", 200, "{}" },
    { "POST", "/users/new0001@example/oof", "{\"state\": \"scheduled\"}", 400, "'start'" },
    { "POST", "/users/new0001@example/oof",
      "{\"state\": \"scheduled\", \"start\": \"now\", \"for\": \"2d\", \"internal\": \"x\"}", 200,
      "\"state\":\"Scheduled\"" },
    { "POST", "/users/new0001@example/oof", "{\"state\": \"disabled\"}", 200,
      "\"internal\":\"x\"" },
    { "GET", "/users/new0001@example/traits", NULL, 200, "\"sharing\":\"FreeBusy\"" },
    { "POST", "/users/new0001@example/traits",
      "{\"hours\": {\"zone\": \"Europe/Berlin\", \"start\": \"7:30\"}, \"tips_pending\": true}",
      200, "\"zone\":\"W. Europe Standard Time\"" },
    { "POST", "/users/new0001@example/traits",
      "{\"autodiscover\": {\"error_level\": \"user\", \"error_code\": \"InvalidUser\"}}", 200,
      "\"tips_pending\":true" },
    { "POST", "/users/new0001@example/traits",
      "{\"sharing\": \"none\", \"free_busy_error\": \"ErrorMailboxLogonFailed\"}", 200,
      "\"start\":\"07:30\"" },
    { "POST", "/users/new0001@example/traits", "{\"free_busy_error\": \"Bad\"}", 400,
      "not a ResponseCode" },
    { "POST", "/users/new0001@example/traits", "{\"hours\": {\"zone\": \"Atlantis\"}}", 400,
      "no time zone 'Atlantis'" },
    { "POST", "/users/new0001@example/traits", "{\"hours\": {\"days\": [\"Noday\"]}}", 400,
      "names of days" },
    { "POST", "/users/new0001@example/traits", "{\"hours\": {\"days\": []}}", 400,
      "not a list of days" },
    { "POST", "/users/new0001@example/traits", "{\"hours\": {\"start\": \"8\"}}", 400,
      "not a time as 08:30" },
    { "POST", "/users/new0001@example/traits", "{\"hours\": {\"end\": \"1:00\"}}", 400,
      "not after 'start'" },
    { "POST", "/users/new0001@example/traits", "{\"autodiscover\": {\"error_level\": \"x\"}}", 400,
      "none, response, user" },
    { "GET", "/users/nobody@example/traits", NULL, 404, "no user" },
    { "POST", "/cas/three/up", NULL, 404, "no CAS 'three'" },
    { "POST", "/cas/two/faults", "{\"kind\": \"x\"}", 400, "none of" },
    { "POST", "/cas/two/faults", "{\"kind\": \"fault\", \"code\": \"<x>\"}", 400, "ResponseCode" },
    { "POST", "/cas/two/faults", "{\"kind\": \"delay\"}", 400, "'ms'" },
    { "POST", "/cas/two/faults", "{\"kind\": \"html\", \"user\": \"eve@x\"}", 404, "no user" },
    { "POST", "/cas/two/faults", "{\"kind\": \"html\", \"probability\": 2}", 400, "probability" },
    { "POST", "/cas/two/faults", "{\"kind\": \"redirect\", \"location\": \"a\\r\\nb\"}", 400,
      "ASCII" },
    { "POST", "/cas/two/faults", "{\"kind\": \"redirect\", \"status\": 200}", 400, "status" },
    { "POST", "/cas", "{\"listen\": \"127.0.0.1:0\", \"faults\": 1}", 400, "not an array" },
    { "POST", "/cas",
      "{\"name\": \"bad\", \"listen\": \"127.0.0.1:0\", \"faults\": [{\"kind\": \"html\"}]}", 200,
      "\"faults\":1" },
    { "POST", "/cas/two/clock", "{\"off_ms\": \"x\"}", 400, "off_ms" },
    { "POST", "/settings", "{\"throttle\": {\"nothing\": 1}}", 400, "nothing" },
    { "POST", "/settings", "{\"throttle\": {\"charge\": \"all\"}}", 400, "charge" },
    { "POST", "/cas", "{\"name\": \"two\"}", 409, "is there already" },
    { "POST", "/cas", "{\"listen\": \"http://127.0.0.1:0\", \"tls\": {}}", 400, "not on https" },
    { "POST", "/cas", "{\"listen\": \"https://127.0.0.1:0\", \"tls\": {\"fault\": \"old\"}}", 400,
      "fault" },
    { "POST", "/cas", "{\"listen\": \"https://127.0.0.1:0\", \"tls\": {\"names\": [\"a,b\"]}}", 400,
      "not a host name" },
    { "POST", "/cas/cas1/certificate", "{}", 400, "not on https" },
    { "POST", "/cas", "{\"listen\": \"127.0.0.1\"}", 400, "is not of the form" },
    { "GET", "/subscriptions", NULL, 200, "\"total\":0" },
    { "DELETE", "/subscriptions/7", NULL, 404, "no subscription '7'" },
    { "POST", "/mishaps",
      "{\"kind\": \"drop\", \"user\": \"user0001@example\", \"probability\": 0.5}", 200,
      "\"probability\":0.5" },
    { "GET", "/databases", NULL, 200, "\"name\":\"DB1\"" },
    { "POST", "/databases", "{\"name\": \"DB2\", \"server\": \"mbx2\", \"site\": \"berlin\"}", 200,
      "berlin" },
    { "POST", "/databases", "{\"name\": \"DB;2\"}", 400, "letters, digits" },
    { "POST", "/users", "{\"address\": \"moved@example\", \"database\": \"DB2\"}", 200,
      "\"added\":1" },
    { "POST", "/users", "{\"address\": \"x@example\", \"database\": \"DB7\"}", 404, "no database" },
    { "POST", "/users", "{\"count\": 1, \"prefix\": \"p\", \"databases\": [5]}", 200,
      "\"added\":1" },
    { "POST", "/users", "{\"count\": 1, \"prefix\": \"q\", \"databases\": []}", 400,
      "an array of names" },
    { "GET", "/users/moved@example", NULL, 200, "\"database\":\"DB2\"" },
    { "POST", "/users/moved@example/move", "{\"to\": \"DB1\", \"for\": \"1h\"}", 200,
      "\"name\":\"DB1\"" },
    { "GET", "/users/moved@example", NULL, 200, "\"moving\":true" },
    { "POST", "/users/moved@example/move", "{\"to\": \"DB3\"}", 404, "no database 'DB3'" },
    { "POST", "/users/moved@example/move", "{\"to\": \"DB1\", \"subscriptions\": \"x\"}", 400,
      "lose, break, keep" },
    { "POST", "/cas/cas1/place", "{\"site\": \"berlin\", \"refusal\": \"ErrorCrossSiteRequest\"}",
      200, "\"site\":\"berlin\"" },
    { "POST", "/cas/cas1/place", "{\"refusal\": \"Error\"}", 400, "ErrorCrossSiteRequest" },
    { "POST", "/cas/cas1/place", "{\"site\": \"\"}", 200, "\"site\":\"\"" },
    { "POST", "/mishaps", "{\"kind\": \"none\"}", 400, "lose, break, drop" },
    { "POST", "/mishaps", "{}", 400, "no 'kind'" },
    { "POST", "/mishaps", "{\"kind\": \"cut\", \"user\": \"x@y\"}", 404, "no user 'x@y'" },
    { "POST", "/mishaps", "{\"kind\": \"cut\", \"cas\": \"x\"}", 404, "no CAS 'x'" },
    { "POST", "/mishaps", "{\"kind\": \"cut\", \"probability\": 2}", 400, "from 0 to 1" },
    { "POST", "/mishaps", "{\"kind\": \"delay\"}", 400, "needs 'for'" },
    { "DELETE", "/mishaps", NULL, 200, "\"mishaps\":[]" },
    { "GET", "/journal", NULL, 200, "by_operation" },
    { "DELETE", "/journal", NULL, 200, "{}" },
    { "POST", "/settings", "{\"minute_ms\": 0}", 400, "'minute_ms'" },
    { "POST", "/settings", "{\"version\": \"2003\"}", 400, "2007" },
    { "POST", "/settings", "{\"tls_cert\": \"/nonexistent\", \"tls_key\": \"/x\"}", 400,
      "cannot read '/nonexistent'" },
    { "POST", "/scenario", "{\"users\": {}}", 400, "'users' is not an array" },
    { "POST", "/scenario", "{\"users\": [{\"address\": \"q@q\"}, 5]}", 400, "users[1]: " },
    { "POST", "/accounts", "{\"name\": \"a:b\"}", 400, "without ':'" },
};

static void test_control(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(control_case) / sizeof(*control_case); i++) {
        int status = control(w, control_case[i].method, control_case[i].path, control_case[i].body);

        if (status != control_case[i].status || !strstr(w->control.p, control_case[i].part))
            fail_msg("%s %s %s: %d %s", control_case[i].method, control_case[i].path,
                     control_case[i].body, status, w->control.p);
    }
}

/* What a client access server answers before it looks into the body. */
static void test_turned_away(void **state)
{
    static const struct {
        const char *method, *path, *headers[4];
        int status;
    } turned[] = {
        { "POST", "/ews/x", { NULL }, 404 },
        { "POST", "/EWS/Exchange.asmx", { "Content-Type: text/xml", NULL }, 401 },
        { "POST", "/EWS/Exchange.asmx", { "Authorization: Basic c3ZjOng=", NULL }, 401 },
        { "POST", "/autodiscover/autodiscover.svc", { NULL }, 401 },
        { "GET",
          "/AutoDiscover/AutoDiscover.xml",
          { "Authorization: Basic c3ZjOnNlY3JldA==", NULL },
          405 },
        { "GET", "/EWS/Exchange.asmx", { "Authorization: Basic c3ZjOnNlY3JldA==", NULL }, 405 },
        { "POST",
          "/EWS/Exchange.asmx",
          { "Authorization: Basic c3ZjOnNlY3JldA==", "Content-Type: application/soap+xml", NULL },
          415 },
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(turned) / sizeof(*turned); i++) {
        struct net_http_request r = { .method = turned[i].method,
                                      .headers = turned[i].headers,
                                      .timeout_ms = 5000,
                                      .body_max = 1 << 20 };
        char url[100];

        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", mock_exchange_cas_port(w->mx, "cas1"),
                 turned[i].path);
        r.url = url;
        w->answered = false;
        net_http_start(w->slot, &r, NULL, on_answer, w);
        UNTIL(w, w->answered);
        assert_int_equal(w->status, turned[i].status);
    }
}

static char *file_text(const char *name, struct gw_buf *text)
{
    FILE *f = fopen(name, "rb");
    char block[4096];
    size_t len;

    assert_non_null(f);
    gw_buf_init(text, 1 << 20);
    while ((len = fread(block, 1, sizeof(block), f)) > 0)
        gw_buf_add(text, block, len);
    fclose(f);
    return text->p;
}

/* The example files are ones that work. */
static void test_examples(void **state)
{
    static const struct {
        const char *name;
        size_t mailboxes;
    } example[] = { { "mock_exchange/examples/office.json", 50 },
                    { "mock_exchange/examples/troubles.json", 20 } };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(example) / sizeof(*example); i++) {
        struct mock_exchange *mx = mock_exchange_new(w->loop);
        struct gw_buf text;
        struct gw_err err;

        (void)file_text(example[i].name, &text);
        assert_int_equal(mock_exchange_apply(mx, gw_buf_str(&text), &err), GW_OK);
        assert_int_equal(mock_mailbox_count(mock_exchange_org(mx)), example[i].mailboxes);
        assert_int_not_equal(mock_exchange_cas_port(mx, "cas2"), 0);
        assert_int_not_equal(mock_exchange_control_port(mx), 0);
        gw_buf_done(&text);
        mock_exchange_free(&mx);
    }
}

static void test_comments(void **state)
{
    static const struct {
        const char *json;
        enum gw_code code;
        const char *error;
    } comment_case[] = {
        { "// one\n{} # two", GW_OK, NULL },
        { "{\"users\": [{\"address\": \"//@b\", \"name\": \"a \\\" # b\"}]}", GW_OK, NULL },
        { "{ # a comment\n\n \"users\": x }", GW_INVALID, "line 3" },
        { "{} / 5", GW_INVALID, "line 1" },
        { "", GW_INVALID, "line 1" },
    };
    struct world *w = *state;
    struct gw_err err;

    for (size_t i = 0; i < sizeof(comment_case) / sizeof(*comment_case); i++) {
        assert_int_equal(mock_exchange_apply(w->mx, gw_str_of(comment_case[i].json), &err),
                         comment_case[i].code);
        if (comment_case[i].error)
            assert_non_null(strstr(err.msg, comment_case[i].error));
    }
    assert_int_equal(control(w, "GET", "/users///@b", NULL), 404);
    assert_non_null(mock_mailbox_by_smtp(mock_exchange_org(w->mx), GW_STR("//@b")));
}

/* Each request that the mock lists is explained in the document. */
static void test_documented(void **state)
{
    struct world *w = *state;
    struct gw_buf document;
    const char *text = file_text("mock_exchange/CONTROL.md", &document);
    json_t *json, *requests;

    assert_int_equal(control(w, "GET", "/help", NULL), 200);
    json = json_loads(w->control.p, 0, NULL);
    requests = json_object_get(json, "requests");
    assert_in_range(json_array_size(requests), 30, 1000);
    for (size_t i = 0; i < json_array_size(requests); i++) {
        json_t *request = json_array_get(requests, i);
        char row[200];

        snprintf(row, sizeof(row), "| `%s %s` |",
                 json_string_value(json_object_get(request, "method")),
                 json_string_value(json_object_get(request, "path")));
        if (!strstr(text, row))
            fail_msg("CONTROL.md has no row %s", row);
    }
    json_decref(json);
    gw_buf_done(&document);
}

/* A browser's page from elsewhere cannot tell it anything. */
static void test_control_from_elsewhere(void **state)
{
    static const struct {
        const char *method, *path, *header[3], *body;
        int status;
    } elsewhere[] = {
        { "GET", "/", { "Host: localhost" }, NULL, 200 },
        { "GET", "/", { "Host: [::1]:80" }, NULL, 200 },
        { "GET", "/", { "Host: evil.example" }, NULL, 403 },
        { "GET", "/", { "Host: 127.0.0.1.evil.example:80" }, NULL, 403 },
        { "GET", "/", { "Host:" }, NULL, 403 },
        { "GET", "/", { "Host: localhost", "Origin: http://localhost" }, NULL, 200 },
        { "POST", "/cas/cas1/down", { "Origin: http://evil.example" }, NULL, 403 },
        { "POST", "/cas/cas1/down", { "Origin: null" }, NULL, 403 },
        { "POST",
          "/cas/cas1/down",
          { "Host: localhost:1", "Origin: http://localhost:2" },
          NULL,
          403 },
        { "POST", "/cas/cas1/down", { "Content-Type: text/plain" }, "{}", 415 },
        { "POST", "/cas/cas1/down", { NULL }, "{}", 415 },
        { "POST", "/cas/cas1/up", { "Content-Type: application/json; charset=utf-8" }, "{}", 200 },
        { "GET", "/", { "Accept: text/html,*/*" }, NULL, 200 },
        { "GET", "/page.js", { NULL }, NULL, 200 },
        { "POST", "/page.js", { NULL }, NULL, 404 },
    };
    struct world *w = *state;
    struct gw_err err;

    assert_int_equal(mock_exchange_apply(w->mx, GW_STR("{\"control\": \"127.0.0.1:0\"}"), &err),
                     GW_OK);
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++) {
        const char *headers[4] = { elsewhere[i].header[0], elsewhere[i].header[1], NULL, NULL };
        struct net_http_request r = { .method = elsewhere[i].method,
                                      .headers = headers,
                                      .body = gw_str_of(elsewhere[i].body),
                                      .timeout_ms = 5000,
                                      .body_max = 1 << 20 };
        char url[100];

        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", mock_exchange_control_port(w->mx),
                 elsewhere[i].path);
        r.url = url;
        w->answered = false;
        net_http_start(w->slot, &r, NULL, on_answer, w);
        UNTIL(w, w->answered);
        if (w->status != elsewhere[i].status)
            fail_msg("%zu: %d %s", i, w->status, w->body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_push_arrives, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_listener_stalls_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_down_and_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_troubles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_budgets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_does_not_wait_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stall_ends_when_cleared, setup, teardown),
        cmocka_unit_test_setup_teardown(test_control, setup, teardown),
        cmocka_unit_test_setup_teardown(test_turned_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_examples, setup, teardown),
        cmocka_unit_test_setup_teardown(test_comments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_documented, setup, teardown),
        cmocka_unit_test_setup_teardown(test_control_from_elsewhere, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
