/* Streams through the client, against a server on loopback that does as the test says, step by step. */
#include "ews_test.h"

#include "ews_account_priv.h"
#include "ews_client.h"
#include "net_http_server.h"

enum { GUARD_MS = 10000, EVENTS_MAX = 8 };

static struct {
    struct net_loop *loop;
    struct net_timer *guard;
    struct net_http_server *server;
    struct ews_account *account;
    struct ews_client *client;
    bool stuck;

    /* what the server saw */
    struct net_http_exchange *x; /* the stream */
    unsigned requests;
    uint64_t stream_connection, other_connection;
    char anchor[64], prefers[16], cookie[64];
    bool refuse; /* the account */

    /* what came back */
    struct ews_call *call;
    char heard[128];
    unsigned cancel_after, free_after; /* events */
    unsigned done;
    struct ews_status status;
    char bad_id[64];
    unsigned other_done;
    struct ews_status other_status;
} t;

static void on_gone(void *ctx)
{
    (void)ctx;
    t.x = NULL;
    net_loop_stop(t.loop);
}

static void keep_header(const struct net_http_exchange *x, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%.*s", GW_STR_ARG(net_http_header(x, name)));
}

static void on_request(struct net_http_exchange *x, void *ctx)
{
    struct gw_str body = net_http_body(x);
    char *text;

    (void)ctx;
    if (net_http_header(x, "Authorization").len)
        t.requests++;
    if (t.refuse || !net_http_header(x, "Authorization").len) {
        net_http_reply_header(x, "WWW-Authenticate", "Basic realm=\"x\"");
        net_http_reply(x, 401, "text/html", GW_STR("<html/>"));
    } else if (gw_str_cut(body, "<m:GetStreamingEvents>", NULL, NULL)) {
        keep_header(x, "X-AnchorMailbox", t.anchor, sizeof(t.anchor));
        keep_header(x, "X-PreferServerAffinity", t.prefers, sizeof(t.prefers));
        keep_header(x, "Cookie", t.cookie, sizeof(t.cookie));
        t.stream_connection = net_http_connection_id(x);
        t.x = x;
        net_http_on_gone(x, on_gone, NULL);
        net_http_stream(x, 200, "text/xml; charset=utf-8");
        net_loop_stop(t.loop);
    } else {
        t.other_connection = net_http_connection_id(x);
        text = ews_test_file("subscribe.resp.xml");
        net_http_reply(x, 200, "text/xml", gw_str_of(text));
        free(text);
    }
}

static void on_event(const struct ews_notification *n, void *ctx)
{
    assert_ptr_equal(ctx, &t);
    snprintf(t.heard + strlen(t.heard), sizeof(t.heard) - strlen(t.heard), "%u%s,", n->changes,
             n->subscription_id.len ? "" : "-");
    if (t.cancel_after && !--t.cancel_after)
        ews_call_cancel(&t.call);
    if (t.free_after && !--t.free_after)
        ews_client_free(&t.client);
    net_loop_stop(t.loop);
}

static void on_done(const struct ews_answer *answer, void *ctx)
{
    assert_ptr_equal(ctx, &t);
    t.done++;
    t.call = NULL;
    t.status = answer->status;
    if (answer->bad_id_count)
        snprintf(t.bad_id, sizeof(t.bad_id), "%.*s", GW_STR_ARG(answer->bad_ids[0]));
    net_loop_stop(t.loop);
}

static void on_other_done(const struct ews_answer *answer, void *ctx)
{
    (void)ctx;
    t.other_status = answer->status;
    t.other_done++;
    net_loop_stop(t.loop);
}

static void on_guard(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    t.stuck = true;
    net_loop_stop(t.loop);
}

/* Until 'what' holds; each thing that happens stops the loop once. */
#define RUN_UNTIL(what)                                                                            \
    do {                                                                                           \
        net_timer_set(t.guard, net_loop_now(t.loop).mono + GUARD_MS);                              \
        while (!(what) && !t.stuck)                                                                \
            net_loop_run(t.loop);                                                                  \
        assert_true(what);                                                                         \
    } while (0)

static void start_stream(void)
{
    static const struct gw_str ids[] = { GW_STR_INIT("id1"), GW_STR_INIT("id2") };
    struct ews_request r = { .op = EWS_OP_STREAM,
                             .mailbox = GW_STR_INIT("bob@x.example"),
                             .anchor = GW_STR_INIT("ann@x.example"),
                             .affinity = GW_STR_INIT("X-BackEndOverrideCookie=m1"),
                             .subscription_ids = ids,
                             .subscription_id_count = 2,
                             .stream_timeout_min = 30 };

    t.call = ews_client_stream_start(t.client, &r, on_event, on_done, &t);
}

static void start_other(void)
{
    static const struct ews_request r = { .op = EWS_OP_SUBSCRIBE,
                                          .mailbox = GW_STR_INIT("bob@x.example"),
                                          .notify_url = GW_STR_INIT("http://gw:1/"),
                                          .status_frequency_min = 60 };

    (void)ews_client_start(t.client, &r, on_other_done, NULL);
}

static int setup(void **state)
{
    struct net_http_server_args args = { .address = "127.0.0.1",
                                         .body_max = EWS_REQUEST_MAX,
                                         .handler = on_request };
    struct ews_account_args account = { .auth = EWS_AUTH_BASIC,
                                        .name = "PRESENCE\\gateway",
                                        .password = "secret" };
    struct ews_client_args client = { .host = "127.0.0.1",
                                      .timeout_ms = GUARD_MS,
                                      .allow_http = true };
    struct gw_err err;

    (void)state;
    memset(&t, 0, sizeof(t));
    t.loop = net_loop_new();
    t.guard = net_timer_new(t.loop, on_guard, NULL);
    assert_int_equal(net_http_server_new(t.loop, &args, &t.server, &err), GW_OK);
    t.account = ews_account_new(t.loop, NULL, NULL); /* Basic needs no threads */
    assert_int_equal(ews_account_set(t.account, &account, &err), GW_OK);
    client.account = t.account;
    client.port = net_http_server_port(t.server);
    assert_int_equal(ews_client_new(t.loop, &client, &t.client, &err), GW_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ews_client_free(&t.client);
    ews_account_free(&t.account);
    net_http_server_free(&t.server);
    net_timer_free(&t.guard);
    net_loop_free(&t.loop);
    return 0;
}

/* The server writes a sample document; the stream is open first. */
static void say(const char *file)
{
    char *text = ews_test_file(file);

    RUN_UNTIL(t.x);
    assert_int_equal(net_http_stream_write(t.x, gw_str_of(text)), GW_OK);
    free(text);
}

static void end_body(void)
{
    net_http_stream_end(t.x);
    t.x = NULL;
}

#define BEAT   "getstreamingevents-heartbeat.resp.xml"
#define CHANGE "getstreamingevents-event.DEVIATES.resp.xml"
#define CLOSED "getstreamingevents-closed.resp.xml"
#define BAD_ID "getstreamingevents-error.resp.xml"

/* ---- tests ------------------------------------------------------------------------------------ */

static void test_events_and_close(void **state)
{
    (void)state;
    start_stream();
    say(BEAT);
    RUN_UNTIL(!strcmp(t.heard, "0-,"));
    assert_string_equal(t.anchor, "ann@x.example");
    assert_string_equal(t.prefers, "true");
    assert_string_equal(t.cookie, "X-BackEndOverrideCookie=m1");
    say(CHANGE);
    RUN_UNTIL(!strcmp(t.heard, "0-,1,"));
    assert_int_equal(t.done, 0);
    say(CLOSED);
    end_body();
    RUN_UNTIL(t.done);
    assert_int_equal(t.status.class, EWS_OK);
    /* Its connection is as good as before. */
    start_other();
    RUN_UNTIL(t.other_done);
    assert_int_equal(t.other_status.class, EWS_OK);
    assert_int_equal(t.other_connection, t.stream_connection);
}

static void test_close_without_end(void **state)
{
    (void)state;
    start_stream();
    say(CLOSED);
    RUN_UNTIL(t.done);
    assert_int_equal(t.status.class, EWS_OK);
    RUN_UNTIL(!t.x);
    start_other();
    RUN_UNTIL(t.other_done);
    assert_int_equal(t.other_status.class, EWS_OK);
    assert_true(t.other_connection != t.stream_connection);
}

static void test_bad_id(void **state)
{
    (void)state;
    start_stream();
    say(BAD_ID);
    end_body();
    RUN_UNTIL(t.done);
    assert_int_equal(t.status.class, EWS_SUBSCRIPTION_GONE);
    assert_string_equal(t.bad_id, "EQBjYXMxLmV4Y2guZXhhbXBsZRAAAAAxMjM0NTY3ODkwYWJjZGVm");
}

static void test_connection_lost(void **state)
{
    (void)state;
    start_stream();
    say(BEAT);
    RUN_UNTIL(t.heard[0]);
    net_http_drop(t.x);
    RUN_UNTIL(t.done);
    assert_int_equal(t.status.class, EWS_TRANSIENT);
    assert_string_equal(t.status.code, "stream-lost");
    assert_true(t.status.alive);
}

static void test_refused(void **state)
{
    (void)state;
    t.refuse = true;
    start_stream();
    RUN_UNTIL(t.done);
    assert_int_equal(t.status.class, EWS_CREDENTIALS);
    assert_string_equal(t.heard, "");
}

/* While the account is not proven, others wait: for the first word of the stream, not for its end. */
static void test_stream_proves_account(void **state)
{
    struct ews_client_state s;

    (void)state;
    start_stream();
    start_other();
    RUN_UNTIL(t.x);
    assert_int_equal(t.requests, 1);
    say(BEAT);
    RUN_UNTIL(t.other_done);
    assert_int_equal(t.other_status.class, EWS_OK);
    assert_int_equal(t.done, 0);
    ews_client_state(t.client, &s);
    assert_true(s.account_proven);
    assert_int_equal(s.calls, 1);
}

/* A proxy that holds streams back: Basic has shown the password with each, and no refusal came in the
 * time of an answer. Others go on. */
static void test_silent_streams_hold_up_nobody(void **state)
{
    (void)state;
    ews_client_set_timeout(t.client, 100);
    start_other();
    RUN_UNTIL(t.other_done == 1);
    for (int i = 0; i < EWS_REFUSALS_MAX; i++)
        start_stream();
    start_other();
    RUN_UNTIL(t.other_done == 2);
    assert_int_equal(t.other_status.class, EWS_OK);
    assert_int_equal(t.done, 0);
}

/* Those of a server that hangs do not lock out what it took before. */
static void test_silent_streams_lock_nobody_out(void **state)
{
    struct ews_client_args args = { .host = "127.0.0.1",
                                    .port = net_http_server_port(t.server),
                                    .account = t.account,
                                    .timeout_ms = GUARD_MS,
                                    .silence_ms = 100,
                                    .allow_http = true };

    (void)state;
    ews_client_free(&t.client);
    assert_int_equal(ews_client_new(t.loop, &args, &t.client, NULL), GW_OK);
    start_other();
    RUN_UNTIL(t.other_done == 1);
    for (unsigned i = 1; i <= 2 * EWS_REFUSALS_MAX; i++) {
        start_stream();
        RUN_UNTIL(t.done == i);
        assert_int_equal(t.status.class, EWS_SERVER_DOWN);
    }
    assert_int_equal(ews_identity_refusals(t.account->identity), 0);
}

/* What a stream says, whose login is older than a refusal, is no word about the password: an account
 * that is refused on other connections is locked, not tried again after each heartbeat. */
static void test_stream_does_not_excuse_refusals(void **state)
{
    (void)state;
    start_stream();
    say(BEAT);
    RUN_UNTIL(!strcmp(t.heard, "0-,"));
    t.refuse = true;
    start_other();
    RUN_UNTIL(t.other_done == 1);
    assert_int_equal(t.other_status.class, EWS_CREDENTIALS);
    say(BEAT);
    RUN_UNTIL(!strcmp(t.heard, "0-,0-,"));
    start_other();
    RUN_UNTIL(t.other_done == 2);
    assert_string_equal(t.other_status.code, "http-401");
    say(BEAT);
    RUN_UNTIL(!strcmp(t.heard, "0-,0-,0-,"));
    start_other();
    RUN_UNTIL(t.other_done == 3);
    assert_string_equal(t.other_status.code, "locked-out");
    assert_int_equal(t.requests, 3);
    assert_int_equal(t.done, 0);
}

/* A stream that an older account has opened says nothing about the new one; nobody waits for its end. */
static void test_stream_of_an_older_account(void **state)
{
    struct ews_account_args other = { .auth = EWS_AUTH_BASIC,
                                      .name = "PRESENCE\\gateway",
                                      .password = "other" };

    (void)state;
    start_stream();
    say(BEAT);
    RUN_UNTIL(!strcmp(t.heard, "0-,"));
    assert_int_equal(ews_account_set(t.account, &other, NULL), GW_OK);
    start_other();
    RUN_UNTIL(t.other_done);
    assert_int_equal(t.other_status.class, EWS_OK);
    assert_int_equal(t.done, 0);
}

static void test_cancel_and_free(void **state)
{
    (void)state;
    start_stream();
    say(BEAT);
    RUN_UNTIL(t.heard[0]);
    ews_call_cancel(&t.call);
    RUN_UNTIL(!t.x);

    t.cancel_after = 1;
    start_stream();
    say(BEAT);
    say(BEAT);
    RUN_UNTIL(!t.x);
    assert_null(t.call);
    assert_string_equal(t.heard, "0-,0-,");

    t.free_after = 1;
    start_stream();
    say(BEAT);
    RUN_UNTIL(!t.x);
    assert_null(t.client);
    assert_int_equal(t.done, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_events_and_close, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_without_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_id, setup, teardown),
        cmocka_unit_test_setup_teardown(test_connection_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_proves_account, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silent_streams_hold_up_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silent_streams_lock_nobody_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_does_not_excuse_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_of_an_older_account, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel_and_free, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
