/* The client against a server on loopback that does what the script says: every way in which an
 * Exchange server fails is a named case. */
#include "ews_test.h"

#include "ews_account_priv.h"
#include "ews_client.h"
#include "net_http_server.h"
#include "net_stream.h"

enum reaction {
    TIPS,        /* ann's and bob's */
    SUBSCRIBED,  /* a good answer */
    FAULT_BUSY,  /* a SOAP fault with status 500 */
    OLD_VERSION, /* a fault: lower RequestServerVersion */
    REFUSED,     /* 401, Basic offered */
    NO_BASIC,    /* 401, two headers, Basic not offered */
    UNAVAILABLE, /* 503 with Retry-After */
    LOGIN_PAGE,  /* 200 and HTML */
    REDIRECT,    /* 302 to a login form */
    HALF,        /* 200 and half a document */
    NOTHING,     /* 200 and no body */
    TOO_LARGE,   /* 200 and more than is read */
    STALL,       /* no answer */
    CLOSE_EARLY, /* the connection closed without an answer */
};

enum { CALLS_MAX = 16, GUARD_MS = 10000, TIMEOUT_MS = 150, SHORT_MS = 200, PATIENT_MS = 5000 };

static struct {
    struct net_loop *loop;
    struct net_timer *guard;
    struct net_http_server *server;
    struct net_pool *pool;
    struct ews_account *account;
    struct ews_client *client;
    enum reaction script[CALLS_MAX]; /* of the nth request; the last one stays */
    unsigned script_len;

    /* what the server saw */
    unsigned requests;
    uint64_t connection[CALLS_MAX];
    char authorization[256], anchor[256], agent[64], request_id[64], version[64];
    struct net_http_exchange *stalled[CALLS_MAX];
    unsigned stalled_count;

    /* what came back */
    unsigned done, awaited;
    struct ews_status status[CALLS_MAX];
    char subscription_id[64];
    unsigned idle_ms;
    bool free_client_in_done;
    bool start_again_in_done;
} t;

static const struct ews_request subscribe = { .op = EWS_OP_SUBSCRIBE,
                                              .mailbox = GW_STR_INIT("ann@presence.example"),
                                              .notify_url = GW_STR_INIT("http://gw:1/ews/notify/x"),
                                              .status_frequency_min = 60 };

/* ---- the server ------------------------------------------------------------------------------- */

static void keep_text(struct gw_str s, char *out, size_t size)
{
    snprintf(out, size, "%.*s", GW_STR_ARG(s));
}

static void see(const struct net_http_exchange *x)
{
    struct gw_str version;

    assert_true(gw_str_is(net_http_method(x), "POST"));
    assert_true(gw_str_is(net_http_path(x), "/EWS/Exchange.asmx"));
    assert_true(gw_str_is(net_http_header(x, "Content-Type"), "text/xml; charset=utf-8"));
    keep_text(net_http_header(x, "Authorization"), t.authorization, sizeof(t.authorization));
    keep_text(net_http_header(x, "X-AnchorMailbox"), t.anchor, sizeof(t.anchor));
    keep_text(net_http_header(x, "User-Agent"), t.agent, sizeof(t.agent));
    keep_text(net_http_header(x, "client-request-id"), t.request_id, sizeof(t.request_id));
    if (gw_str_cut(net_http_body(x), "RequestServerVersion Version=\"", NULL, &version) &&
        gw_str_cut(version, "\"", &version, NULL))
        keep_text(version, t.version, sizeof(t.version));
    if (t.requests < CALLS_MAX)
        t.connection[t.requests] = net_http_connection_id(x);
}

static void reply_file(struct net_http_exchange *x, int status, const char *name)
{
    char *text = ews_test_file(name);

    net_http_reply(x, status, "text/xml; charset=utf-8", gw_str_of(text));
    free(text);
}

static void reply_large(struct net_http_exchange *x)
{
    size_t len = ews_answer_body_max(EWS_OP_SUBSCRIBE) + 1;
    char *text = malloc(len);

    memset(text, ' ', len);
    net_http_reply(x, 200, "text/xml", (struct gw_str){ text, len });
    free(text);
}

static void react(struct net_http_exchange *x, enum reaction reaction)
{
    switch (reaction) {
    case TIPS:
        reply_file(x, 200, "getmailtips.resp.xml");
        break;
    case SUBSCRIBED:
        reply_file(x, 200, "subscribe.resp.xml");
        break;
    case FAULT_BUSY:
        reply_file(x, 500, "fault-serverbusy.resp.xml");
        break;
    case OLD_VERSION:
        net_http_reply(x, 500, "text/xml",
                       GW_STR("<Envelope><Body><Fault><faultcode>a:ErrorInvalidServerVersion"
                              "</faultcode></Fault></Body></Envelope>"));
        break;
    case REFUSED:
        net_http_reply_header(x, "WWW-Authenticate", "Basic realm=\"x\"");
        net_http_reply(x, 401, NULL, GW_STR(""));
        break;
    case NO_BASIC:
        net_http_reply_header(x, "WWW-Authenticate", "Negotiate");
        net_http_reply_header(x, "WWW-Authenticate", "NTLM");
        net_http_reply(x, 401, NULL, GW_STR(""));
        break;
    case UNAVAILABLE:
        net_http_reply_header(x, "Retry-After", "30");
        net_http_reply(x, 503, "text/plain", GW_STR("Service Unavailable"));
        break;
    case LOGIN_PAGE:
        net_http_reply(x, 200, "text/html", GW_STR("<html><body>Sign in</body></html>"));
        break;
    case REDIRECT:
        net_http_reply_header(x, "Location", "/owa/auth/logon.aspx");
        net_http_reply(x, 302, NULL, GW_STR(""));
        break;
    case HALF:
        net_http_reply(x, 200, "text/xml", GW_STR("<s:Envelope xmlns:s='s'><s:Body><m:Subscri"));
        break;
    case NOTHING:
        net_http_reply(x, 200, "text/xml", GW_STR(""));
        break;
    case TOO_LARGE:
        reply_large(x);
        break;
    case STALL:
        assert_true(t.stalled_count < CALLS_MAX);
        t.stalled[t.stalled_count++] = x;
        break;
    case CLOSE_EARLY:
        net_http_drop(x);
        break;
    }
}

static void on_request(struct net_http_exchange *x, void *ctx)
{
    unsigned n = t.requests < t.script_len ? t.requests : t.script_len - 1;

    (void)ctx;
    if (!net_http_header(x, "Authorization").len && t.script[n] != NO_BASIC) {
        react(x, REFUSED); /* who wants to know what is offered */
        return;
    }
    see(x);
    t.requests++;
    react(x, t.script[n]);
}

/* ---- the client ------------------------------------------------------------------------------- */

static void on_guard(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    net_loop_stop(t.loop);
}

static void on_done(const struct ews_answer *answer, void *ctx);

static struct ews_call *start(void)
{
    return ews_client_start(t.client, &subscribe, on_done, &t);
}

static void on_done(const struct ews_answer *answer, void *ctx)
{
    assert_ptr_equal(ctx, &t);
    assert_true(t.done < CALLS_MAX);
    t.status[t.done++] = answer->status;
    keep_text(answer->subscription_id, t.subscription_id, sizeof(t.subscription_id));
    if (t.free_client_in_done)
        ews_client_free(&t.client);
    if (t.start_again_in_done && t.done < t.awaited)
        start();
    if (t.done >= t.awaited)
        net_loop_stop(t.loop);
}

static struct ews_client *client_new(uint16_t port, unsigned timeout_ms, unsigned calls_max)
{
    struct ews_client_args args = { .host = "127.0.0.1",
                                    .port = port,
                                    .account = t.account,
                                    .timeout_ms = timeout_ms,
                                    .calls_max = calls_max,
                                    .idle_ms = t.idle_ms,
                                    .allow_http = true };
    struct ews_client *client;
    struct gw_err err;

    assert_int_equal(ews_client_new(t.loop, &args, &client, &err), GW_OK);
    return client;
}

static void await(unsigned done)
{
    t.awaited = done;
    if (t.done >= done)
        return;
    net_timer_set(t.guard, net_loop_now(t.loop).mono + GUARD_MS);
    net_loop_run(t.loop);
    net_timer_set(t.guard, GW_NEVER);
    assert_int_equal(t.done, done);
}

static void setup(const enum reaction *script, unsigned len, unsigned timeout_ms)
{
    struct ews_account_args account = { .auth = EWS_AUTH_BASIC,
                                        .name = "PRESENCE\\gateway",
                                        .password = "s3cr\xc3\xa9t" };
    struct net_http_server_args args = { .address = "127.0.0.1",
                                         .body_max = EWS_REQUEST_MAX,
                                         .handler = on_request };
    struct gw_err err;

    memset(&t, 0, sizeof(t));
    memcpy(t.script, script, len * sizeof(*script));
    t.script_len = len;
    t.loop = net_loop_new();
    t.guard = net_timer_new(t.loop, on_guard, NULL);
    assert_int_equal(net_http_server_new(t.loop, &args, &t.server, &err), GW_OK);
    t.pool = net_pool_new(t.loop, 2);
    t.account = ews_account_new(t.loop, t.pool, NULL);
    assert_int_equal(ews_account_set(t.account, &account, &err), GW_OK);
    t.client = client_new(net_http_server_port(t.server), timeout_ms, 0);
}

static void teardown(void)
{
    ews_client_free(&t.client);
    ews_account_free(&t.account);
    net_pool_free(&t.pool);
    net_http_server_free(&t.server);
    net_timer_free(&t.guard);
    net_loop_free(&t.loop);
}

#define SETUP(timeout_ms, ...)                                                                     \
    setup((const enum reaction[]){ __VA_ARGS__ },                                                  \
          sizeof((const enum reaction[]){ __VA_ARGS__ }) / sizeof(enum reaction), timeout_ms)

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
    if (!gw_str_ends(data, "Envelope>"))
        return;
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
            t.status[0].alive || !t.status[0].text[0])
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

/* ---- the account ------------------------------------------------------------------------------ */

static enum gw_code set_account(const char *name, const char *password, struct gw_err *err)
{
    struct ews_account_args args = { .auth = EWS_AUTH_BASIC, .name = name, .password = password };

    return ews_account_set(t.account, &args, err);
}

/* Six calls at once with a wrong password are one login, not six. */
static void test_wrong_password_is_tried_once(void **state)
{
    (void)state;
    SETUP(PATIENT_MS, REFUSED);
    for (int i = 0; i < 6; i++)
        start();
    await(6);
    assert_int_equal(t.requests, 1);
    for (int i = 0; i < 6; i++)
        assert_int_equal(t.status[i].class, EWS_CREDENTIALS);
    teardown();
}

static void test_two_refusals_block(void **state)
{
    struct ews_client_state s;
    struct gw_err err;

    (void)state;
    SETUP(PATIENT_MS, REFUSED, REFUSED, SUBSCRIBED);
    start();
    await(1);
    start();
    await(2);
    ews_client_state(t.client, &s);
    assert_true(s.blocked_until > 0);
    start();
    await(3);
    assert_int_equal(t.requests, 2);
    assert_int_equal(t.status[2].class, EWS_CREDENTIALS);
    assert_string_equal(t.status[2].code, "locked-out");
    assert_true(t.status[2].backoff_ms > 14 * GW_MINUTE_MS);
    /* A new password is tried at once. */
    assert_int_equal(set_account("gateway@presence.example", "right", &err), GW_OK);
    start();
    await(4);
    assert_int_equal(t.status[3].class, EWS_OK);
    assert_string_equal(t.authorization, "Basic Z2F0ZXdheUBwcmVzZW5jZS5leGFtcGxlOnJpZ2h0");
    teardown();
}

/* An answer to the old password says nothing about the new one. */
static void test_refusal_of_old_password_does_not_count(void **state)
{
    struct ews_client_state s;
    struct gw_err err;

    (void)state;
    SETUP(PATIENT_MS, REFUSED, REFUSED, SUBSCRIBED);
    start();
    await(1);
    start();
    assert_int_equal(set_account("gateway", "new", &err), GW_OK);
    await(2);
    ews_client_state(t.client, &s);
    assert_int_equal(s.blocked_until, 0);
    start();
    await(3);
    assert_int_equal(t.status[2].class, EWS_OK);
    teardown();
}

static void test_calls_wait_for_the_first(void **state)
{
    (void)state;
    SETUP(PATIENT_MS, STALL, SUBSCRIBED);
    start();
    start();
    start();
    net_timer_set(t.guard, net_loop_now(t.loop).mono + 100);
    net_loop_run(t.loop);
    assert_int_equal(t.requests, 1);
    assert_int_equal(t.done, 0);
    reply_file(t.stalled[0], 200, "subscribe.resp.xml");
    await(3);
    assert_int_equal(t.requests, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(t.status[i].class, EWS_OK);
    teardown();
}

/* A dead server costs one time-out, not one for each call. */
static void test_waiting_calls_share_the_fate(void **state)
{
    (void)state;
    SETUP(TIMEOUT_MS, STALL);
    for (int i = 0; i < 4; i++)
        start();
    await(4);
    assert_int_equal(t.requests, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(t.status[i].class, EWS_SERVER_DOWN);
    teardown();
}

static void test_cancelled_first_lets_the_next_go(void **state)
{
    struct ews_call *first;

    (void)state;
    SETUP(PATIENT_MS, STALL, SUBSCRIBED);
    first = start();
    start();
    net_timer_set(t.guard, net_loop_now(t.loop).mono + 50);
    net_loop_run(t.loop);
    assert_int_equal(t.requests, 1);
    ews_call_cancel(&first);
    assert_null(first);
    await(1);
    assert_int_equal(t.status[0].class, EWS_OK);
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
    net_timer_set(t.guard, net_loop_now(t.loop).mono + 100);
    net_loop_run(t.loop);
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

enum { AT_LARGE = 5 };

static void refuse(struct net_http_exchange *x)
{
    net_http_reply_header(x, "WWW-Authenticate", "Basic realm=\"x\"");
    net_http_reply(x, 401, "text/plain", GW_STR(""));
}

static void wait_ms(int64_t ms)
{
    net_timer_set(t.guard, net_loop_now(t.loop).mono + ms);
    net_loop_run(t.loop);
}

/* Basic is known to be good, five are on their way, and one of them is refused: three more want to go,
 * and wait for what is out. */
static void refuse_one_of_five(void)
{
    SETUP(PATIENT_MS, SUBSCRIBED, STALL, STALL, STALL, STALL, STALL, REFUSED);
    start();
    await(1);
    for (int i = 0; i < AT_LARGE; i++)
        start();
    wait_ms(100);
    assert_int_equal(t.requests, 1 + AT_LARGE);
    refuse(t.stalled[0]);
    await(2);
    assert_int_equal(t.status[1].class, EWS_CREDENTIALS);
    for (int i = 0; i < 3; i++)
        start();
    wait_ms(50);
    assert_int_equal(t.requests, 1 + AT_LARGE);
}

static void test_one_of_many_refused(void **state)
{
    struct ews_client_state s;

    (void)state;
    refuse_one_of_five();
    for (int i = 1; i < AT_LARGE; i++)
        reply_file(t.stalled[i], 200, "subscribe.resp.xml");
    await(1 + AT_LARGE + 3);
    assert_int_equal(t.requests, 1 + AT_LARGE + 1); /* one try more, which is refused */
    ews_client_state(t.client, &s);
    assert_true(s.blocked_until > 0);
    teardown();
}

static void test_all_of_many_refused(void **state)
{
    struct ews_client_state s;

    (void)state;
    refuse_one_of_five();
    for (int i = 1; i < AT_LARGE; i++)
        refuse(t.stalled[i]);
    await(1 + AT_LARGE + 3);
    assert_int_equal(t.requests, 1 + AT_LARGE); /* none more */
    ews_client_state(t.client, &s);
    assert_true(s.blocked_until > 0);
    teardown();
}

static void start_one(void)
{
    start();
    await(t.done + 1);
}

static void assert_locked_after(unsigned requests)
{
    start_one();
    assert_string_equal(t.status[t.done - 1].code, "locked-out");
    assert_int_equal(t.requests, requests);
}

/* A password that was never taken, and a server that does not say whether it takes it: that counts. */
static void test_silence_counts(void **state)
{
    (void)state;
    SETUP(SHORT_MS, STALL);
    for (int i = 0; i < EWS_REFUSALS_MAX; i++) {
        start_one();
        assert_int_equal(t.status[i].class, EWS_SERVER_DOWN);
    }
    assert_locked_after(EWS_REFUSALS_MAX);
    teardown();
}

/* Whoever reads the password and closes is not shown it again by libcurl. */
static void test_try_is_shown_once(void **state)
{
    (void)state;
    SETUP(PATIENT_MS, CLOSE_EARLY);
    for (unsigned i = 0; i < EWS_REFUSALS_MAX; i++) {
        start_one();
        assert_int_equal(t.status[i].class, EWS_SERVER_DOWN);
    }
    assert_locked_after(EWS_REFUSALS_MAX);
    teardown();
}

/* The refusal comes when others would have been given up. */
static void test_late_refusal(void **state)
{
    (void)state;
    SETUP(SHORT_MS, STALL);
    for (unsigned i = 0; i < EWS_REFUSALS_MAX; i++) {
        start();
        wait_ms(3 * SHORT_MS);
        assert_int_equal(t.done, i);
        refuse(t.stalled[i]);
        await(i + 1);
        assert_int_equal(t.status[i].class, EWS_CREDENTIALS);
    }
    assert_locked_after(EWS_REFUSALS_MAX);
    teardown();
}

static void test_late_answer(void **state)
{
    (void)state;
    SETUP(SHORT_MS, STALL, SUBSCRIBED);
    start();
    wait_ms(3 * SHORT_MS);
    reply_file(t.stalled[0], 200, "subscribe.resp.xml");
    await(1);
    assert_int_equal(t.status[0].class, EWS_OK);
    start_one();
    assert_int_equal(t.status[1].class, EWS_OK);
    teardown();
}

/* Given up by whoever called, or with the connection. */
static void test_cancelled_tries_count(void **state)
{
    (void)state;
    SETUP(PATIENT_MS, STALL);
    for (unsigned i = 0; i < EWS_REFUSALS_MAX; i++) {
        struct ews_call *call = start();

        while (t.requests <= i)
            wait_ms(5);
        if (i) {
            ews_client_free(&t.client);
            t.client = client_new(net_http_server_port(t.server), PATIENT_MS, 0);
        } else {
            ews_call_cancel(&call);
        }
    }
    assert_locked_after(EWS_REFUSALS_MAX);
    teardown();
}

/* One that was taken is not suspected for a silence, but waited for as long as any other; and is to be
 * proven again, alone, before others go. */
static void test_silence_of_one_that_was_taken(void **state)
{
    (void)state;
    SETUP(SHORT_MS, SUBSCRIBED, STALL, STALL, STALL, STALL, SUBSCRIBED);
    start_one();
    for (int i = 0; i < 4; i++)
        start();
    await(5);
    assert_int_equal(t.status[4].class, EWS_SERVER_DOWN);
    assert_false(t.account->identity->proven);
    assert_int_equal(t.account->identity->refused_count, 0);
    start_one();
    assert_int_equal(t.status[5].class, EWS_OK);
    assert_true(t.account->identity->proven);
    teardown();
}

/* However long the server hangs: what it took before, and has not refused since, is not locked out. */
static void test_hanging_server_locks_nobody_out(void **state)
{
    enum { HANGS = 4, HANG_MS = 60 };

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED, STALL);
    start_one();
    ews_client_set_timeout(t.client, HANG_MS);
    for (int i = 1; i <= HANGS; i++) {
        start_one();
        assert_int_equal(t.status[i].class, EWS_SERVER_DOWN);
    }
    ews_client_set_timeout(t.client, PATIENT_MS);
    t.script[1] = SUBSCRIBED;
    start_one();
    assert_int_equal(t.status[t.done - 1].class, EWS_OK);
    teardown();
}

static void test_silence_after_a_refusal_counts(void **state)
{
    (void)state;
    SETUP(SHORT_MS, SUBSCRIBED, REFUSED, STALL);
    for (int i = 0; i < 3; i++)
        start_one();
    assert_locked_after(3);
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
    net_timer_set(t.guard, net_loop_now(t.loop).mono + 50);
    net_loop_run(t.loop);
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
    net_timer_set(t.guard, net_loop_now(t.loop).mono + 50);
    net_loop_run(t.loop);
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
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_recovers),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_below_http),
        cmocka_unit_test(test_https_without_trust),
        cmocka_unit_test(test_wrong_password_is_tried_once),
        cmocka_unit_test(test_two_refusals_block),
        cmocka_unit_test(test_refusal_of_old_password_does_not_count),
        cmocka_unit_test(test_calls_wait_for_the_first),
        cmocka_unit_test(test_waiting_calls_share_the_fate),
        cmocka_unit_test(test_cancelled_first_lets_the_next_go),
        cmocka_unit_test(test_invalid_arguments),
        cmocka_unit_test(test_connection_is_kept),
        cmocka_unit_test(test_idle_connections_are_closed),
        cmocka_unit_test(test_reconnect),
        cmocka_unit_test(test_calls_at_once),
        cmocka_unit_test(test_one_of_many_refused),
        cmocka_unit_test(test_all_of_many_refused),
        cmocka_unit_test(test_silence_counts),
        cmocka_unit_test(test_try_is_shown_once),
        cmocka_unit_test(test_late_refusal),
        cmocka_unit_test(test_late_answer),
        cmocka_unit_test(test_cancelled_tries_count),
        cmocka_unit_test(test_silence_of_one_that_was_taken),
        cmocka_unit_test(test_hanging_server_locks_nobody_out),
        cmocka_unit_test(test_silence_after_a_refusal_counts),
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
