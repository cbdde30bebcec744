/* The client against a server on loopback: every way in which an Exchange server fails is a named case. */
#include "ews_client_test.h"

#include "net_stream.h"

/* ---- tests ------------------------------------------------------------------------------------ */

static void test_good_call(void **state)
{
    struct ews_client_state s;

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    start();
    assert_int_equal(t.done, 0);
    await(1);
    assert_int_equal(t.status[0].class, EWS_OK);
    assert_string_equal(t.subscription_id, "EQBjYXMxLmV4Y2guZXhhbXBsZRAAAAAxMjM0NTY3ODkwYWJjZGVm");
    /* "PRESENCE\gateway:s3cr\u00e9t" */
    assert_string_equal(t.authorization, "Basic UFJFU0VOQ0VcZ2F0ZXdheTpzM2Nyw6l0");
    assert_string_equal(t.anchor, "ann@presence.example");
    assert_int_equal(strncmp(t.agent, "Kalends/", 8), 0);
    assert_int_equal(strlen(t.request_id), 36);
    assert_int_equal(t.request_id[14], '4');
    assert_string_equal(t.version, "Exchange2010_SP2");
    ews_client_state(t.client, &s);
    assert_int_equal(s.calls, 0);
    assert_int_equal(s.connections, 1);
    assert_int_equal(s.server_major, 15);
    assert_true(s.account_proven);
    assert_string_equal(s.version, "Exchange2013_SP1");
    teardown();
}

static void on_tips(const struct ews_answer *answer, void *ctx)
{
    assert_int_equal(answer->tip_count, 2);
    assert_int_equal(answer->tips[0].oof.state, GW_OOF_DISABLED);
    assert_int_equal(answer->tips[1].oof.state, GW_OOF_SCHEDULED);
    on_done(answer, ctx);
}

/* The call knows whom it asked for when the caller's own list is gone. */
static void test_mail_tips_find_their_mailbox(void **state)
{
    char bob[] = "bob@presence.example", ann[] = "ann@presence.example";
    struct gw_str mailboxes[] = { gw_str_of(bob), gw_str_of(ann) };
    const struct ews_request r = { .op = EWS_OP_MAIL_TIPS,
                                   .mailbox = GW_STR_INIT("svc@presence.example"),
                                   .mailboxes = mailboxes,
                                   .mailbox_count = 2 };

    (void)state;
    SETUP(PATIENT_MS, TIPS);
    ews_client_start(t.client, &r, on_tips, &t);
    memset(bob, 'x', sizeof(bob) - 1);
    memset(ann, 'x', sizeof(ann) - 1);
    memset(mailboxes, 0, sizeof(mailboxes));
    await(1);
    assert_int_equal(t.status[0].class, EWS_OK);
    teardown();
}

static void on_folders(const struct ews_answer *answer, void *ctx)
{
    assert_int_equal(answer->folder_count, 1);
    assert_true(gw_str_is(answer->folders->name, "Team"));
    on_done(answer, ctx);
}

/* ... and which calendar is the own one. */
static void test_own_calendar_is_remembered(void **state)
{
    char own[] = "AAMkADU0b3du";
    const struct ews_request r = { .op = EWS_OP_FIND_FOLDER,
                                   .mailbox = GW_STR_INIT("ann@presence.example"),
                                   .own_folder = gw_str_of(own) };

    (void)state;
    SETUP(PATIENT_MS, FOLDERS);
    ews_client_start(t.client, &r, on_folders, &t);
    memset(own, 'x', sizeof(own) - 1);
    await(1);
    assert_int_equal(t.status[0].class, EWS_OK);
    teardown();
}

static const struct {
    const char *name;
    enum reaction reaction;
    enum ews_class class;
    const char *code; /* NULL: any */
    bool alive;
    int64_t backoff_ms;
} failure[] = {
    { "busy", FAULT_BUSY, EWS_BUSY, "ErrorServerBusy", true, 178510 },
    { "wrong password", REFUSED, EWS_CREDENTIALS, "http-401", false, 0 },
    { "Basic not offered", NO_BASIC, EWS_CONFIG, "login-not-offered", false, 0 },
    { "unavailable", UNAVAILABLE, EWS_SERVER_DOWN, "http-503", false, 30000 },
    { "login page", LOGIN_PAGE, EWS_BAD_ANSWER, "html", false, 0 },
    { "redirect", REDIRECT, EWS_CONFIG, "http-302", false, 0 },
    { "half a document", HALF, EWS_BAD_ANSWER, "cut", false, 0 },
    { "nothing", NOTHING, EWS_BAD_ANSWER, "empty", false, 0 },
    { "too large", TOO_LARGE, EWS_BAD_ANSWER, "answer-too-large", false, 0 },
    { "stall", STALL, EWS_SERVER_DOWN, "timeout", false, 0 },
    { "closes early", CLOSE_EARLY, EWS_SERVER_DOWN, "unreachable", false, 0 },
};

static void test_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(failure) / sizeof(failure[0]); i++) {
        const struct ews_status *s = &t.status[0];

        SETUP(failure[i].reaction == STALL ? TIMEOUT_MS : PATIENT_MS, failure[i].reaction);
        start();
        await(1);
        if (s->class != failure[i].class || strcmp(s->code, failure[i].code) ||
            s->alive != failure[i].alive || s->backoff_ms != failure[i].backoff_ms || !s->text[0])
            fail_msg("%s: %s %s '%s'", failure[i].name, ews_class_name(s->class), s->code, s->text);
        teardown();
    }
}

/* After each failure the same client does the next call well. */
static void test_recovers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(failure) / sizeof(failure[0]); i++) {
        SETUP(failure[i].reaction == STALL ? TIMEOUT_MS : PATIENT_MS, failure[i].reaction,
              SUBSCRIBED);
        start();
        await(1);
        ews_client_set_timeout(t.client, PATIENT_MS);
        start();
        await(2);
        if (t.status[1].class != EWS_OK)
            fail_msg("%s: then '%s'", failure[i].name, t.status[1].text);
        teardown();
    }
}

static void test_nobody_listens(void **state)
{
    uint16_t port;

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    port = net_http_server_port(t.server);
    net_http_server_free(&t.server);
    ews_client_free(&t.client);
    t.client = client_new(port, PATIENT_MS, 0);
    start();
    await(1);
    assert_int_equal(t.status[0].class, EWS_SERVER_DOWN);
    assert_string_equal(t.status[0].code, "unreachable");
    teardown();
}

/* ---- a server below HTTP: cut in the middle of a body, and no HTTP at all --------------------- */

static const char *raw_answer;
static struct net_stream *raw_stream; /* the last one that came */

static void on_raw_data(struct net_stream *s, struct gw_str data, void *ctx)
{
    (void)ctx;
    if (!gw_str_ends(data, "Envelope>")) { /* who wants to know what is offered */
        (void)net_stream_write(s, GW_STR("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
                                         "WWW-Authenticate: Basic realm=\"x\"\r\n\r\n"));
        return;
    }
    (void)net_stream_write(s, gw_str_of(raw_answer));
    net_stream_close(s);
}

static void on_raw_closed(struct net_stream *s, const struct gw_err *why, void *ctx)
{
    (void)s;
    (void)why;
    (void)ctx;
    net_stream_free(&raw_stream);
}

static void on_raw_accept(struct net_stream *s, void *ctx)
{
    static const struct net_stream_handlers handlers = { .on_data = on_raw_data,
                                                         .on_closed = on_raw_closed };

    net_stream_free(&raw_stream);
    raw_stream = s;
    net_stream_set_handlers(s, &handlers, ctx);
}

static void test_below_http(void **state)
{
    static const char *const answer[] = {
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n<s:Envelope",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n<s:Envelope",
        "HTTP/1.1 200 OK\r\nContent-Ty",
        "SSH-2.0-OpenSSH_9.2\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(answer) / sizeof(answer[0]); i++) {
        struct net_listen_args args = { .address = "127.0.0.1", .on_accept = on_raw_accept };
        struct net_listener *listener;
        struct gw_err err;

        SETUP(PATIENT_MS, SUBSCRIBED);
        raw_answer = answer[i];
        assert_int_equal(net_listen(t.loop, &args, &listener, &err), GW_OK);
        ews_client_free(&t.client);
        t.client = client_new(net_listener_port(listener), PATIENT_MS, 0);
        start();
        await(1);
        if ((t.status[0].class != EWS_BAD_ANSWER && t.status[0].class != EWS_SERVER_DOWN) ||
            t.status[0].alive || !strcmp(t.status[0].code, "timeout") || !t.status[0].text[0])
            fail_msg("%s: %s '%s'", answer[i], ews_class_name(t.status[0].class), t.status[0].text);
        net_stream_free(&raw_stream);
        net_listener_free(&listener);
        teardown();
    }
}

static void test_https_without_trust(void **state)
{
    struct ews_client_args args = { .host = "127.0.0.1", .timeout_ms = PATIENT_MS };

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    ews_client_free(&t.client);
    args.port = net_http_server_port(t.server);
    args.account = t.account;
    assert_int_equal(ews_client_new(t.loop, &args, &t.client, NULL), GW_OK);
    start();
    await(1);
    assert_int_equal(t.status[0].class, EWS_CONFIG);
    teardown();
}

static void test_invalid_arguments(void **state)
{
    static const struct {
        const char *host;
        uint16_t port;
        unsigned timeout_ms;
    } c[] = {
        { "", 443, 3000 },           { "mail.example/owa", 443, 3000 },
        { "a b", 443, 3000 },        { "user@mail.example", 443, 3000 },
        { "mail.example", 0, 3000 }, { "mail.example", 443, 0 },
    };

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct ews_client_args args = { .host = c[i].host,
                                        .port = c[i].port,
                                        .account = t.account,
                                        .timeout_ms = c[i].timeout_ms };
        struct gw_err err = { GW_OK, "" };
        struct ews_client *client = NULL;

        if (ews_client_new(t.loop, &args, &client, &err) != GW_INVALID || !err.msg[0])
            fail_msg("case %zu was taken", i);
        assert_null(client);
    }
    teardown();
}

/* ---- connections and calls -------------------------------------------------------------------- */

static void test_connection_is_kept(void **state)
{
    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    t.start_again_in_done = true;
    start();
    await(4);
    assert_int_equal(t.requests, 4);
    for (int i = 1; i < 4; i++)
        assert_int_equal(t.connection[i], t.connection[0]);
    teardown();
}

static void test_idle_connections_are_closed(void **state)
{
    struct ews_client_state s;

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    t.idle_ms = 30;
    ews_client_free(&t.client);
    t.client = client_new(net_http_server_port(t.server), PATIENT_MS, 0);
    start();
    await(1);
    start();
    start();
    await(3);
    ews_client_state(t.client, &s);
    assert_int_equal(s.connections, 2);
    wait_ms(100);
    ews_client_state(t.client, &s);
    assert_int_equal(s.connections, 0);
    teardown();
}

static void test_reconnect(void **state)
{
    struct ews_client_state s;

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    start();
    await(1);
    ews_client_reconnect(t.client);
    ews_client_state(t.client, &s);
    assert_int_equal(s.connections, 0);
    start();
    ews_client_reconnect(t.client);
    await(2);
    start();
    await(3);
    assert_int_not_equal(t.connection[1], t.connection[0]);
    assert_int_not_equal(t.connection[2], t.connection[1]);
    teardown();
}

/* Basic that is taken is as free as any other login. */
static void test_calls_at_once(void **state)
{
    struct ews_client_state s;

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    start();
    await(1);
    for (int i = 0; i < 4; i++)
        start();
    ews_client_state(t.client, &s);
    assert_int_equal(s.calls, 4);
    assert_int_equal(s.connections, 4);
    await(5);
    teardown();
}

static void test_too_many_calls(void **state)
{
    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    ews_client_free(&t.client);
    t.client = client_new(net_http_server_port(t.server), PATIENT_MS, 2);
    for (int i = 0; i < 3; i++)
        start();
    await(3);
    assert_int_equal(t.status[0].class, EWS_CONNECTION_LIMIT);
    assert_false(t.status[0].alive);
    assert_int_equal(t.requests, 2);
    teardown();
}

static void test_invalid_request(void **state)
{
    struct ews_request bad = subscribe;

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    bad.mailbox = GW_STR("no body");
    ews_client_start(t.client, &bad, on_done, &t);
    assert_int_equal(t.done, 0);
    bad = subscribe;
    bad.status_frequency_min = 0;
    ews_client_start(t.client, &bad, on_done, &t);
    await(2);
    assert_int_equal(t.status[0].class, EWS_MAILBOX);
    assert_int_equal(t.status[1].class, EWS_BUG);
    assert_int_equal(t.requests, 0);
    teardown();
}

static void test_cancel(void **state)
{
    struct ews_call *sent, *refused;
    struct ews_request bad = subscribe;

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    sent = start();
    bad.mailbox = GW_STR("");
    refused = ews_client_start(t.client, &bad, on_done, &t);
    ews_call_cancel(&sent);
    ews_call_cancel(&refused);
    ews_call_cancel(&refused);
    start();
    await(1);
    wait_ms(50);
    assert_int_equal(t.done, 1);
    teardown();
}

static void test_freed_in_done(void **state)
{
    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    t.free_client_in_done = true;
    start();
    start();
    await(1);
    assert_null(t.client);
    teardown();
}

static void test_freed_in_done_of_refused_call(void **state)
{
    struct ews_request bad = subscribe;

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED);
    t.free_client_in_done = true;
    bad.mailbox = GW_STR("");
    ews_client_start(t.client, &bad, on_done, &t);
    ews_client_start(t.client, &bad, on_done, &t);
    await(1);
    assert_null(t.client);
    teardown();
}

static void test_freed_with_calls(void **state)
{
    (void)state;
    SETUP(PATIENT_MS, STALL);
    start();
    start();
    wait_ms(50);
    ews_client_free(&t.client);
    assert_int_equal(t.done, 0);
    teardown();
}

static void test_version_is_lowered(void **state)
{
    struct ews_client_state s;

    (void)state;
    SETUP(PATIENT_MS, OLD_VERSION, SUBSCRIBED);
    start();
    await(1);
    assert_int_equal(t.status[0].class, EWS_VERSION);
    start();
    await(2);
    assert_int_equal(t.status[1].class, EWS_OK);
    assert_string_equal(t.version, "Exchange2010_SP1");
    /* The server says that it is new; it has refused newer ones all the same. */
    ews_client_state(t.client, &s);
    assert_string_equal(s.version, "Exchange2010_SP1");
    teardown();
}

static void test_lowest_version_is_the_end(void **state)
{
    (void)state;
    SETUP(PATIENT_MS, OLD_VERSION);
    t.start_again_in_done = true;
    start();
    await(5);
    assert_int_equal(t.status[3].class, EWS_VERSION);
    assert_int_equal(t.status[4].class, EWS_MAILBOX);
    assert_string_equal(t.version, "Exchange2007");
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_call),
        cmocka_unit_test(test_mail_tips_find_their_mailbox),
        cmocka_unit_test(test_own_calendar_is_remembered),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_recovers),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_below_http),
        cmocka_unit_test(test_https_without_trust),
        cmocka_unit_test(test_invalid_arguments),
        cmocka_unit_test(test_connection_is_kept),
        cmocka_unit_test(test_idle_connections_are_closed),
        cmocka_unit_test(test_reconnect),
        cmocka_unit_test(test_calls_at_once),
        cmocka_unit_test(test_too_many_calls),
        cmocka_unit_test(test_invalid_request),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_freed_in_done),
        cmocka_unit_test(test_freed_in_done_of_refused_call),
        cmocka_unit_test(test_freed_with_calls),
        cmocka_unit_test(test_version_is_lowered),
        cmocka_unit_test(test_lowest_version_is_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
