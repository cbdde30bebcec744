/* Every trouble that the mock can make, at every operation, as every Exchange there is: it is told
 * apart, in a sentence, and the next call on the same client is as good as ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ews_client.h"
#include "ews_operations.h"
#include "mock_talk.h"
#include "mock_trouble.h"

enum { PATIENT_MS = 15000, TIMEOUT_MS = 150, SILENCE_MS = 400 };

static const char *const products[] = { "2007", "2010", "2013", "2016", "2019", "SE" };

static struct {
    struct net_loop *loop;
    struct mock_exchange *mx;
    struct ews_account *account;
    const char *product;
} t;

/* ---- troubles --------------------------------------------------------------------------------- */

static const struct {
    enum mock_trouble_kind kind;
    const char *json; /* the rest of it */
    enum ews_class class;
    const char *code;
    int64_t backoff_ms;
    bool alive;
} trouble[] = {
    { MOCK_TROUBLE_STATUS, "\"status\": 401", EWS_CREDENTIALS, "http-401", 0, false },
    { MOCK_TROUBLE_STATUS, "\"status\": 403", EWS_PERMISSION, "http-403", 0, false },
    { MOCK_TROUBLE_STATUS, "\"status\": 404", EWS_CONFIG, "http-404", 0, false },
    { MOCK_TROUBLE_STATUS, "\"status\": 413", EWS_TOO_MUCH, "http-413", 0, false },
    { MOCK_TROUBLE_STATUS, "\"status\": 429, \"retry_after\": 7", EWS_BUSY, "http-429", 7000,
      false },
    { MOCK_TROUBLE_STATUS, "\"status\": 440", EWS_CONFIG, "http-440", 0, false },
    { MOCK_TROUBLE_STATUS, "\"status\": 456", EWS_PERMISSION, "http-456", 0, false },
    { MOCK_TROUBLE_STATUS, "\"status\": 500", EWS_SERVER_DOWN, "http-500", 0, false },
    { MOCK_TROUBLE_STATUS, "\"status\": 502", EWS_SERVER_DOWN, "http-502", 0, false },
    { MOCK_TROUBLE_STATUS, "\"status\": 503, \"retry_after\": 30", EWS_SERVER_DOWN, "http-503",
      30000, false },
    { MOCK_TROUBLE_HTML, "\"count\": 1", EWS_BAD_ANSWER, "html", 0, false },
    { MOCK_TROUBLE_FAULT, "\"code\": \"ErrorServerBusy\", \"back_off_ms\": 4000", EWS_BUSY,
      "ErrorServerBusy", 4000, true },
    { MOCK_TROUBLE_FAULT, "\"code\": \"ErrorExceededConnectionCount\"", EWS_CONNECTION_LIMIT,
      "ErrorExceededConnectionCount", 0, true },
    { MOCK_TROUBLE_FAULT, "\"code\": \"ErrorExceededSubscriptionCount\"", EWS_SUBSCRIPTION_LIMIT,
      "ErrorExceededSubscriptionCount", 0, true },
    { MOCK_TROUBLE_FAULT, "\"code\": \"ErrorInternalServerTransientError\"", EWS_TRANSIENT,
      "ErrorInternalServerTransientError", 0, true },
    { MOCK_TROUBLE_FAULT, "\"code\": \"ErrorCrossSiteRequest\"", EWS_ELSEWHERE,
      "ErrorCrossSiteRequest", 0, true },
    { MOCK_TROUBLE_FAULT, "\"code\": \"ErrorSubscriptionNotFound\"", EWS_SUBSCRIPTION_GONE,
      "ErrorSubscriptionNotFound", 0, true },
    { MOCK_TROUBLE_FAULT, "\"code\": \"ErrorNonExistentMailbox\"", EWS_MAILBOX,
      "ErrorNonExistentMailbox", 0, true },
    { MOCK_TROUBLE_FAULT, "\"code\": \"ErrorImpersonateUserDenied\"", EWS_PERMISSION,
      "ErrorImpersonateUserDenied", 0, true },
    { MOCK_TROUBLE_FAULT, "\"code\": \"ErrorPasswordExpired\"", EWS_CREDENTIALS,
      "ErrorPasswordExpired", 0, true },
    { MOCK_TROUBLE_FAULT, "\"code\": \"ErrorInvalidPushSubscriptionUrl\"", EWS_CONFIG,
      "ErrorInvalidPushSubscriptionUrl", 0, true },
    { MOCK_TROUBLE_FAULT, "\"code\": \"ErrorInvalidServerVersion\"", EWS_VERSION,
      "ErrorInvalidServerVersion", 0, true },
    { MOCK_TROUBLE_FAULT, "\"code\": \"ErrorSchemaValidation\"", EWS_BUG, "ErrorSchemaValidation",
      0, true },
    { MOCK_TROUBLE_HALF, "\"count\": 1", EWS_BAD_ANSWER, "cut", 0, false },
    { MOCK_TROUBLE_CUT, "\"count\": 1", EWS_BAD_ANSWER, "broken", 0, false },
    /* Once is what a connection that was idle too long does: it is tried again on a new one. */
    { MOCK_TROUBLE_CLOSE, "\"count\": 1", EWS_OK, "NoError", 0, true },
    { MOCK_TROUBLE_CLOSE, "\"count\": 2", EWS_SERVER_DOWN, "unreachable", 0, false },
    { MOCK_TROUBLE_STALL, "\"count\": 1", EWS_SERVER_DOWN, "timeout", 0, false },
    { MOCK_TROUBLE_DELAY, "\"ms\": 20", EWS_OK, "NoError", 0, true },
    { MOCK_TROUBLE_SLOW, "\"ms\": 20", EWS_OK, "NoError", 0, true },
    { MOCK_TROUBLE_MALFORMED, "\"count\": 1", EWS_BAD_ANSWER, "malformed", 0, false },
    { MOCK_TROUBLE_TYPE, "\"count\": 1", EWS_OK, "NoError", 0, true },
    { MOCK_TROUBLE_REDIRECT, "\"count\": 1", EWS_TRANSIENT, "http-302", 0, false },
    { MOCK_TROUBLE_REDIRECT, "\"location\": \"/owa/auth/logon.aspx\"", EWS_CONFIG, "http-302", 0,
      false },
    { MOCK_TROUBLE_REDIRECT, "\"status\": 301, \"location\": \"https://other.example/EWS/\"",
      EWS_CONFIG, "http-301", 0, false },
    { MOCK_TROUBLE_STATUS, "\"status\": 500, \"cas_error\": \"UpnNotFound\"", EWS_SERVER_DOWN,
      "http-500", 0, false },
};
enum { TROUBLES = sizeof(trouble) / sizeof(trouble[0]) };

static void trouble_make(size_t op, size_t i)
{
    char json[300];

    snprintf(json, sizeof(json), "{\"kind\": \"%s\", \"operation\": \"%s\", %s%s}",
             mock_trouble_name(trouble[i].kind), ews_op_name(operation[op].op), trouble[i].json,
             strstr(trouble[i].json, "count") ? "" : ", \"count\": 1");
    mock_tell(t.mx, "POST", "/cas/cas1/faults", json);
}

/* A stream that stalls is waited for two heartbeats; then few milliseconds long. */
static void client_new(unsigned silence_ms)
{
    struct ews_client_args args = { .host = "127.0.0.1",
                                    .port = mock_exchange_cas_port(t.mx, "cas1"),
                                    .account = t.account,
                                    .timeout_ms = PATIENT_MS,
                                    .silence_ms = silence_ms,
                                    .allow_http = true };
    struct gw_err err;

    ews_client_free(&ops.client);
    assert_int_equal(ews_client_new(t.loop, &args, &ops.client, &err), GW_OK);
}

/* The time-out of requests is not for streams: these are silent. */
static const char *code_expected(size_t op, size_t i)
{
    bool stalls = trouble[i].kind == MOCK_TROUBLE_STALL;

    return stalls && operation[op].op == EWS_OP_STREAM ? "stream-silent" : trouble[i].code;
}

static bool is_expected(size_t op, size_t i)
{
    const struct ews_status *s = &ops.status;

    return s->class == trouble[i].class && strcmp(s->code, code_expected(op, i)) == 0 &&
           s->backoff_ms == trouble[i].backoff_ms && s->alive == trouble[i].alive &&
           (s->text[0] != '\0') == (s->class != EWS_OK) && !strstr(s->text, "secret");
}

static void meet(size_t op, size_t i)
{
    struct ews_client_state state;

    client_new(trouble[i].kind == MOCK_TROUBLE_STALL ? SILENCE_MS : 0);
    operation_good(PULL, "at first");
    trouble_make(op, i);
    if (trouble[i].kind == MOCK_TROUBLE_STALL)
        ews_client_set_timeout(ops.client, TIMEOUT_MS);
    operation_call(op);
    if (!is_expected(op, i))
        fail_msg("%s, %s, %s %s: %s %s %lld: %s", t.product, operation[op].name,
                 mock_trouble_name(trouble[i].kind), trouble[i].json,
                 ews_class_name(ops.status.class), ops.status.code,
                 (long long)ops.status.backoff_ms, ops.status.text);
    ews_client_set_timeout(ops.client, PATIENT_MS);
    mock_tell(t.mx, "DELETE", "/cas/cas1/faults", "");
    if (operation[op].op == EWS_OP_UNSUBSCRIBE) /* half an answer may be of a deed that is done */
        operation_good(PULL, "another one to end");
    operation_good(op, trouble[i].json);
    if (operation[op].op == EWS_OP_UNSUBSCRIBE)
        operation_good(PULL, "another one to end");
    ews_client_state(ops.client, &state);
    assert_int_equal(state.calls, 0);
    assert_in_range(state.connections, 0, 1);
}

/* A kind of trouble that the mock learns is met here, too. */
static void test_no_kind_is_left_out(void **state)
{
    bool met[MOCK_TROUBLE_KINDS] = { false };

    (void)state;
    for (size_t i = 0; i < TROUBLES; i++)
        met[trouble[i].kind] = true;
    for (int kind = 0; kind < MOCK_TROUBLE_KINDS; kind++)
        if (!met[kind])
            fail_msg("%s", mock_trouble_name((enum mock_trouble_kind)kind));
}

/* 2007 has neither streaming nor mail tips. */
static bool exists(size_t op)
{
    return strcmp(t.product, "2007") != 0 ||
           (operation[op].mode != EWS_SUB_STREAMING && operation[op].op != EWS_OP_STREAM &&
            operation[op].op != EWS_OP_MAIL_TIPS);
}

static void world_make(const char *product)
{
    struct ews_account_args account = { .auth = EWS_AUTH_BASIC,
                                        .name = "svc",
                                        .password = "secret" };
    struct gw_err err;
    char json[400];

    t.product = product;
    t.loop = net_loop_new();
    operations_setup(t.loop);
    t.mx = mock_exchange_new(t.loop);
    t.account = ews_account_new(t.loop, NULL, NULL);
    assert_int_equal(ews_account_set(t.account, &account, &err), GW_OK);
    snprintf(json, sizeof(json),
             "{\"version\": \"%s\", \"cas\": [{\"name\": \"cas1\","
             "\"listen\": \"http://127.0.0.1:0\"}],"
             "\"accounts\": [{\"name\": \"svc\", \"password\": \"secret\","
             "\"impersonate\": true}], \"users\": [{\"address\": \"ann@x.example\"}]}",
             product);
    if (mock_exchange_apply(t.mx, gw_str_of(json), &err))
        fail_msg("%s", err.msg);
}

static void world_end(void)
{
    operations_teardown();
    ews_account_free(&t.account);
    mock_exchange_free(&t.mx);
    net_loop_free(&t.loop);
}

static void test_everything(void **state)
{
    (void)state;
    for (size_t p = 0; p < sizeof(products) / sizeof(products[0]); p++) {
        world_make(products[p]);
        client_new(0);
        for (size_t op = 0; op < OPERATIONS; op++)
            if (exists(op))
                operation_good(op, "in peace");
        operation_good(PULL, "another one to end");
        for (size_t op = 0; op < OPERATIONS; op++)
            for (size_t i = 0; exists(op) && i < TROUBLES; i++)
                meet(op, i);
        world_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_kind_is_left_out),
        cmocka_unit_test(test_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
