/* Access tokens: the request, the answer, and the token that is kept, against an endpoint on
 * loopback. */
#include "ews_test.h"

#include "ews_account_priv.h"
#include "ews_token.h"
#include "gw_bytes.h"
#include "net_http_server.h"

static void test_request(void **state)
{
    struct gw_buf out;

    (void)state;
    gw_buf_init(&out, 1000);
    ews_token_request_write("id-1", "s&c=r\xc3\xa9t +", "https://x/.default", &out);
    assert_string_equal(out.p,
                        "grant_type=client_credentials&client_id=id-1&client_secret=s%26c%3Dr"
                        "%C3%A9t%20%2B&scope=https%3A%2F%2Fx%2F.default");
    gw_buf_reset(&out);
    ews_token_request_write("a", "b", "", &out);
    assert_string_equal(out.p, "grant_type=client_credentials&client_id=a&client_secret=b");
    gw_buf_done(&out);
}

static const struct {
    const char *url, *host; /* NULL: refused */
} url_case[] = {
    { "https://login.example/t/oauth2/v2.0/token", "login.example" },
    { "https://login.example:8443/token", "login.example" },
    { "http://127.0.0.1:80/token", "127.0.0.1" },
    { "https://[2001:db8::1]:443/token", "[2001:db8::1]" },
    { "", NULL },
    { "login.example/token", NULL },
    { "https://login.example", NULL },
    { "https:///token", NULL },
    { "ftp://login.example/token", NULL },
    { "https://user@login.example/token", NULL },
    { "https://login.example/to ken", NULL },
};

static void test_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(url_case) / sizeof(url_case[0]); i++) {
        struct gw_err err = { GW_OK, "" };
        struct gw_str host;
        bool fine = !ews_token_url_check(gw_str_of(url_case[i].url), &host, &err);

        if (fine != (url_case[i].host != NULL) || (fine && !gw_str_is(host, url_case[i].host)))
            fail_msg("'%s': '%s'", url_case[i].url, err.msg);
    }
}

static const struct {
    const char *name;
    struct ews_token_http http;
    enum ews_class class;
    const char *text; /* in the message; the token */
    int64_t number;   /* back-off in ms; lifetime in s */
} answer_case[] = {
#define BODY(text) .body = GW_STR_INIT(text)
    { "a token",
      { .status = 200,
        BODY("{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"e.y\"}") },
      EWS_OK,
      "e.y",
      3599 },
    { "as text",
      { .status = 200,
        BODY("{\"token_type\":\"bearer\",\"expires_in\":\"60\",\"access_token\":\"x\",\"more\":[]"
             "}") },
      EWS_OK,
      "x",
      60 },
    { "no lifetime",
      { .status = 200, BODY("{\"token_type\":\"Bearer\",\"access_token\":\"x\"}") },
      EWS_OK,
      "x",
      600 },
    { "lifetime of years",
      { .status = 200,
        BODY("{\"token_type\":\"Bearer\",\"expires_in\":99999999999,\"access_token\":\"x\"}") },
      EWS_OK,
      "x",
      86400 },
    { "wrong secret",
      { .status = 401,
        BODY("{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid\"}") },
      EWS_CREDENTIALS,
      "check its id and secret, and that the secret has not expired; it says 'AADSTS7000215",
      0 },
    { "unknown scope",
      { .status = 400, BODY("{\"error\":\"invalid_scope\"}") },
      EWS_CONFIG,
      "oauth_scope",
      0 },
    { "no right",
      { .status = 400, BODY("{\"error\":\"unauthorized_client\"}") },
      EWS_CONFIG,
      "permissions",
      0 },
    { "another error",
      { .status = 400, BODY("{\"error\":\"strange\"}") },
      EWS_CONFIG,
      "'strange'",
      0 },
    { "busy",
      { .status = 503, BODY("{\"error\":\"temporarily_unavailable\"}") },
      EWS_TRANSIENT,
      "busy",
      0 },
    { "throttled, in the endpoint's own words",
      { .status = 429,
        .retry_after = GW_STR_INIT("17"),
        BODY("{\"error\":\"temporarily_unavailable\",\"error_description\":\"AADSTS90055: "
             "many\"}") },
      EWS_TRANSIENT,
      "AADSTS90055",
      17000 },
    { "throttled",
      { .status = 429, .retry_after = GW_STR_INIT("17") },
      EWS_TRANSIENT,
      "status 429",
      17000 },
    { "broken", { .status = 500, BODY("oops") }, EWS_TRANSIENT, "status 500", 0 },
    { "web page",
      { .status = 200, .content_type = GW_STR_INIT("text/html; charset=utf-8"), BODY("<html>") },
      EWS_CONFIG,
      "web page",
      0 },
    { "redirect to a page",
      { .status = 302, .content_type = GW_STR_INIT("text/html") },
      EWS_CONFIG,
      "status 302",
      0 },
    { "wrong tenant",
      { .status = 404, .content_type = GW_STR_INIT("text/html") },
      EWS_CONFIG,
      "tenant",
      0 },
    { "not JSON", { .status = 200, BODY("hello") }, EWS_BAD_ANSWER, "not JSON", 0 },
    { "nothing", { .status = 200 }, EWS_BAD_ANSWER, "not JSON", 0 },
    { "a list", { .status = 200, BODY("[]") }, EWS_BAD_ANSWER, "not JSON", 0 },
    { "no token",
      { .status = 200, BODY("{\"token_type\":\"Bearer\"}") },
      EWS_BAD_ANSWER,
      "no bearer token",
      0 },
    { "another kind",
      { .status = 200, BODY("{\"token_type\":\"mac\",\"access_token\":\"x\"}") },
      EWS_BAD_ANSWER,
      "no bearer token",
      0 },
    { "a token with a line break",
      { .status = 200, BODY("{\"token_type\":\"Bearer\",\"access_token\":\"x\\r\\nX-Evil: 1\"}") },
      EWS_BAD_ANSWER,
      "no bearer token",
      0 },
    { "not reached",
      { .code = GW_UNREACHABLE, .error = "no answer from 'https://login'" },
      EWS_TRANSIENT,
      "no answer from",
      0 },
    { "wrong certificate",
      { .code = GW_DENIED, .error = "certificate refused" },
      EWS_CONFIG,
      "certificate refused",
      0 },
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(answer_case) / sizeof(answer_case[0]); i++) {
        struct ews_status why = { 0 };
        int64_t lifetime_s = -1;
        struct gw_buf token;

        gw_buf_init(&token, EWS_BEARER_MAX);
        if (ews_token_parse(&answer_case[i].http, &token, &lifetime_s, &why)) {
            if (answer_case[i].class != EWS_OK || strcmp(token.p, answer_case[i].text) ||
                lifetime_s != answer_case[i].number)
                fail_msg("%s: taken", answer_case[i].name);
        } else if (why.class != answer_case[i].class || !strstr(why.text, answer_case[i].text) ||
                   why.backoff_ms != answer_case[i].number) {
            fail_msg("%s: %s '%s'", answer_case[i].name, ews_class_name(why.class), why.text);
        }
        gw_buf_done(&token);
    }
}

/* ---- kept ------------------------------------------------------------------------------------- */

enum { WAITERS = 5, GUARD_MS = 10000 };

static struct {
    struct net_loop *loop;
    struct net_timer *guard;
    struct net_http_server *server;
    struct ews_token *token;
    struct ews_account *account;
    char url[80];
    unsigned requests, told, awaited;
    int lifetime_s; /* -1: the secret is refused */
    bool silent;
    struct ews_token_wait wait[WAITERS];
    char got[32];
    struct ews_status why;
} t;

static void on_request(struct net_http_exchange *x, void *ctx)
{
    char text[200];

    (void)ctx;
    assert_true(gw_str_is(net_http_header(x, "Content-Type"), "application/x-www-form-urlencoded"));
    assert_true(gw_str_starts(net_http_body(x), "grant_type=client_credentials&client_id=app&"));
    t.requests++;
    if (t.silent)
        return;
    if (t.lifetime_s < 0) {
        net_http_reply(x, 401, "application/json", GW_STR("{\"error\":\"invalid_client\"}"));
        return;
    }
    snprintf(text, sizeof(text),
             "{\"token_type\":\"Bearer\",\"expires_in\":%d,\"access_token\":\"t%u\"}", t.lifetime_s,
             t.requests);
    net_http_reply(x, 200, "application/json", gw_str_of(text));
}

static void on_guard(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    net_loop_stop(t.loop);
}

static void on_token(const char *token, const struct ews_status *why, void *ctx)
{
    (void)ctx;
    assert_true(!token != !why);
    if (why)
        t.why = *why;
    else
        snprintf(t.got, sizeof(t.got), "%s", token);
    if (++t.told >= t.awaited)
        net_loop_stop(t.loop);
}

static void await(unsigned told)
{
    t.awaited = told;
    net_timer_set(t.guard, net_loop_now(t.loop).mono + GUARD_MS);
    if (t.told < told)
        net_loop_run(t.loop);
    net_timer_set(t.guard, GW_NEVER);
    assert_int_equal(t.told, told);
}

static const char *get(unsigned i)
{
    t.wait[i] = (struct ews_token_wait){ .done = on_token };
    return ews_token_get(t.token, &t.wait[i]);
}

static void secret_set(const char *secret)
{
    struct ews_account_args args = { .name = "app", .password = secret };

    assert_int_equal(ews_account_set(t.account, &args, NULL), GW_OK);
}

static void set_args(void)
{
    struct ews_token_args args = {
        .url = t.url, .client_id = "app", .scope = "x", .identity = t.account->identity
    };

    ews_token_set(t.token, &args);
}

static void setup(int lifetime_s)
{
    struct net_http_server_args args = { .address = "127.0.0.1",
                                         .body_max = 1000,
                                         .handler = on_request };

    memset(&t, 0, sizeof(t));
    t.lifetime_s = lifetime_s;
    t.loop = net_loop_new();
    t.guard = net_timer_new(t.loop, on_guard, NULL);
    assert_int_equal(net_http_server_new(t.loop, &args, &t.server, NULL), GW_OK);
    snprintf(t.url, sizeof(t.url), "http://127.0.0.1:%u/token", net_http_server_port(t.server));
    t.token = ews_token_new(t.loop);
    t.account = ews_account_new(t.loop, NULL, NULL);
    secret_set("secret");
    set_args();
}

static void teardown(void)
{
    ews_token_free(&t.token);
    ews_account_free(&t.account);
    net_http_server_free(&t.server);
    net_timer_free(&t.guard);
    net_loop_free(&t.loop);
}

static void test_one_request_for_all(void **state)
{
    (void)state;
    setup(3600);
    for (unsigned i = 0; i < WAITERS; i++)
        assert_null(get(i));
    ews_token_wait_cancel(&t.wait[2]);
    await(WAITERS - 1);
    assert_int_equal(t.requests, 1);
    assert_string_equal(t.got, "t1");
    assert_string_equal(get(0), "t1");
    teardown();
}

/* In its last quarter it is given out, and another one is fetched. */
static void test_renewed_before_its_end(void **state)
{
    (void)state;
    setup(1);
    assert_null(get(0));
    await(1);
    net_timer_set(t.guard, net_loop_now(t.loop).mono + 760);
    net_loop_run(t.loop);
    for (int i = 0; i < 100 && t.requests < 2; i++) {
        (void)get(0);
        net_timer_set(t.guard, net_loop_now(t.loop).mono + 10);
        net_loop_run(t.loop);
    }
    assert_int_equal(t.requests, 2);
    ews_token_wait_cancel(&t.wait[0]);
    teardown();
}

static void test_dropped(void **state)
{
    (void)state;
    setup(3600);
    assert_null(get(0));
    await(1);
    ews_token_drop(t.token, GW_STR("t0")); /* an older one */
    assert_non_null(get(0));
    ews_token_drop(t.token, GW_STR("t1"));
    assert_null(get(0));
    await(2);
    assert_string_equal(t.got, "t2");
    teardown();
}

/* Those who ask next are told the same, without another request. */
static void test_refused(void **state)
{
    (void)state;
    setup(-1);
    assert_null(get(0));
    await(1);
    assert_int_equal(t.why.class, EWS_CREDENTIALS);
    assert_int_equal(t.account->identity->refused_count, 1);
    assert_null(get(1));
    assert_int_equal(t.told, 1);
    await(2);
    assert_int_equal(t.requests, 1);
    t.lifetime_s = 60;
    secret_set("other");
    set_args(); /* another secret is tried at once */
    assert_null(get(1));
    await(3);
    assert_string_equal(t.got, "t2");
    teardown();
}

static void test_set_while_some_wait(void **state)
{
    (void)state;
    setup(3600);
    assert_null(get(0));
    set_args();
    await(1);
    assert_true(t.got[0]);
    ews_token_drop(t.token, gw_str_of(t.got));
    assert_null(get(0));
    ews_token_set(t.token, NULL);
    await(2);
    assert_int_equal(t.why.class, EWS_TRANSIENT);
    teardown();
}

/* The same secret is set while a request with it is out: that is no way to further tries. */
static void test_set_again_while_out(void **state)
{
    (void)state;
    setup(3600);
    t.silent = true;
    assert_null(get(0));
    t.awaited = 1;
    for (int i = 0; i < 6; i++) {
        net_timer_set(t.guard, net_loop_now(t.loop).mono + 50);
        net_loop_run(t.loop);
        secret_set("secret");
        set_args();
    }
    await(1);
    assert_string_equal(t.why.code, "locked-out");
    assert_int_equal(t.requests, EWS_REFUSALS_MAX);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_one_request_for_all),
        cmocka_unit_test(test_renewed_before_its_end),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_set_while_some_wait),
        cmocka_unit_test(test_set_again_while_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
