/* The client against a server on loopback that does what the script says. */
#ifndef EWS_CLIENT_TEST_H
#define EWS_CLIENT_TEST_H

#include "ews_test.h"

#include "ews_account_priv.h"
#include "ews_client.h"
#include "net_http_server.h"

enum reaction {
    TIPS,        /* ann's and bob's */
    FOLDERS,     /* the own calendar, Team, and one that was deleted */
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

static inline void keep_text(struct gw_str s, char *out, size_t size)
{
    snprintf(out, size, "%.*s", GW_STR_ARG(s));
}

static inline void see(const struct net_http_exchange *x)
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

static inline void reply_file(struct net_http_exchange *x, int status, const char *name)
{
    char *text = ews_test_file(name);

    net_http_reply(x, status, "text/xml; charset=utf-8", gw_str_of(text));
    free(text);
}

static inline void reply_large(struct net_http_exchange *x)
{
    size_t len = ews_answer_body_max(EWS_OP_SUBSCRIBE) + 1;
    char *text = malloc(len);

    memset(text, ' ', len);
    net_http_reply(x, 200, "text/xml", (struct gw_str){ text, len });
    free(text);
}

static inline void react(struct net_http_exchange *x, enum reaction reaction)
{
    switch (reaction) {
    case FOLDERS:
        reply_file(x, 200, "findfolder.resp.xml");
        break;
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

static inline void on_request(struct net_http_exchange *x, void *ctx)
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

static inline void on_guard(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    net_loop_stop(t.loop);
}

static inline void on_done(const struct ews_answer *answer, void *ctx);

static inline struct ews_call *start(void)
{
    return ews_client_start(t.client, &subscribe, on_done, &t);
}

static inline void on_done(const struct ews_answer *answer, void *ctx)
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

static inline struct ews_client *client_new(uint16_t port, unsigned timeout_ms, unsigned calls_max)
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

static inline void await(unsigned done)
{
    t.awaited = done;
    if (t.done >= done)
        return;
    net_timer_set(t.guard, net_loop_now(t.loop).mono + GUARD_MS);
    net_loop_run(t.loop);
    net_timer_set(t.guard, GW_NEVER);
    assert_int_equal(t.done, done);
}

static inline void wait_ms(int64_t ms)
{
    net_timer_set(t.guard, net_loop_now(t.loop).mono + ms);
    net_loop_run(t.loop);
}

static inline void setup(const enum reaction *script, unsigned len, unsigned timeout_ms)
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

static inline void teardown(void)
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

#endif
