/* A token endpoint in every kind of trouble: each gateway is told what is wrong in the time of a request,
 * the endpoint is not asked again meanwhile, and a gateway that has its token goes on. */
#include "../unit/ews_test.h"

#include "ews_account_priv.h"
#include "ews_client.h"
#include "net_http_server.h"

enum { GUARD_MS = 20000, TIMEOUT_MS = 300 };

/* What the endpoint does for the application "sick"; "well" always gets a token. */
enum trouble {
    SILENT,   /* takes the request, and that is all */
    TRICKLES, /* an answer that does not end */
    LATE,     /* a token, after the time-out of who asked */
    PAGE,     /* HTML with status 200 */
    BUSY,     /* 429 with Retry-After */
    DROPS     /* closes without an answer */
};

enum gateway { WELL, SICK, GATEWAYS };

static struct {
    struct net_loop *loop;
    struct net_timer *guard, *late;
    struct net_http_server *server;
    struct net_pool *pool;
    struct ews_account *account[GATEWAYS];
    struct ews_client *client[GATEWAYS];
    enum trouble trouble;
    bool recovered;
    struct net_http_exchange *held;
    unsigned asked[GATEWAYS]; /* the endpoint, for whom */
    unsigned served;          /* by Exchange */
    unsigned done, awaited;
    struct ews_status status;
} t;

/* ---- the server ------------------------------------------------------------------------------- */

static void give_token(struct net_http_exchange *x)
{
    net_http_reply(
        x, 200, "application/json",
        GW_STR("{\"token_type\": \"Bearer\", \"expires_in\": 3600, \"access_token\": \"good\"}"));
}

static void on_late(struct gw_now now, void *ctx)
{
    struct net_http_exchange *x = t.held;

    (void)now;
    (void)ctx;
    t.held = NULL;
    give_token(x);
}

static void misbehave(struct net_http_exchange *x)
{
    switch (t.trouble) {
    case SILENT:
        break;
    case TRICKLES:
        net_http_stream(x, 200, "application/json");
        assert_int_equal(net_http_stream_write(x, GW_STR("{\"token_type\": ")), GW_OK);
        break;
    case LATE:
        t.held = x;
        net_timer_set(t.late, net_loop_now(t.loop).mono + 2 * TIMEOUT_MS);
        break;
    case PAGE:
        net_http_reply(x, 200, "text/html", GW_STR("<html>Sign in</html>"));
        break;
    case BUSY:
        net_http_reply_header(x, "Retry-After", "60");
        net_http_reply(x, 429, "text/plain", GW_STR("slowly"));
        break;
    case DROPS:
        net_http_drop(x);
        break;
    }
}

static void on_request(struct net_http_exchange *x, void *ctx)
{
    bool sick = gw_str_cut(net_http_body(x), "client_id=sick", NULL, NULL);
    char *text;

    (void)ctx;
    if (gw_str_is(net_http_path(x), "/token")) {
        t.asked[sick ? SICK : WELL]++;
        if (sick && !t.recovered)
            misbehave(x);
        else
            give_token(x);
        return;
    }
    assert_true(gw_str_is(net_http_header(x, "Authorization"), "Bearer good"));
    t.served++;
    text = ews_test_file("getuseroofsettings.resp.xml");
    net_http_reply(x, 200, "text/xml", gw_str_of(text));
    free(text);
}

/* ---- the gateways ----------------------------------------------------------------------------- */

static void on_guard(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    net_loop_stop(t.loop);
}

static void on_done(const struct ews_answer *answer, void *ctx)
{
    (void)ctx;
    t.status = answer->status;
    if (++t.done >= t.awaited)
        net_loop_stop(t.loop);
}

static void ask(enum gateway g)
{
    t.awaited = t.done + 1;
    (void)ews_client_start(
        t.client[g], &(struct ews_request){ .op = EWS_OP_OOF, .mailbox = GW_STR("ann@x.example") },
        on_done, NULL);
    net_timer_set(t.guard, net_loop_now(t.loop).mono + GUARD_MS);
    net_loop_run(t.loop);
    assert_int_equal(t.done, t.awaited);
}

static void wait_ms(int64_t ms)
{
    net_timer_set(t.guard, net_loop_now(t.loop).mono + ms);
    net_loop_run(t.loop);
}

static void gateway_new(enum gateway g)
{
    char url[80];
    struct ews_account_args account = { .auth = EWS_AUTH_OAUTH,
                                        .name = g == SICK ? "sick" : "well",
                                        .password = "secret",
                                        .token_url = url,
                                        .token_scope = "all" };
    struct ews_client_args client = { .host = "127.0.0.1",
                                      .port = net_http_server_port(t.server),
                                      .timeout_ms = TIMEOUT_MS,
                                      .allow_http = true };

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/token", client.port);
    t.account[g] = ews_account_new(t.loop, t.pool, g ? t.account[0] : NULL);
    assert_int_equal(ews_account_set(t.account[g], &account, NULL), GW_OK);
    client.account = t.account[g];
    assert_int_equal(ews_client_new(t.loop, &client, &t.client[g], NULL), GW_OK);
}

static void world_make(enum trouble trouble)
{
    struct net_http_server_args args = { .address = "127.0.0.1",
                                         .body_max = EWS_REQUEST_MAX,
                                         .handler = on_request };

    memset(&t, 0, sizeof(t));
    t.trouble = trouble;
    t.loop = net_loop_new();
    t.guard = net_timer_new(t.loop, on_guard, NULL);
    t.late = net_timer_new(t.loop, on_late, NULL);
    t.pool = net_pool_new(t.loop, 1);
    assert_int_equal(net_http_server_new(t.loop, &args, &t.server, NULL), GW_OK);
    gateway_new(WELL);
    gateway_new(SICK);
}

static void world_end(void)
{
    for (int g = GATEWAYS; g--;) {
        ews_client_free(&t.client[g]);
        ews_account_free(&t.account[g]);
    }
    net_http_server_free(&t.server);
    net_pool_free(&t.pool);
    net_timer_free(&t.late);
    net_timer_free(&t.guard);
    net_loop_free(&t.loop);
}

/* ---- tests ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    enum trouble trouble;
    enum ews_class class;
    const char *code, *text;
    bool counts; /* nobody knows whether the secret was refused */
} c[] = {
    { "silent", SILENT, EWS_TRANSIENT, "login-timeout", "calendar.oauth_token_url", false },
    { "trickles", TRICKLES, EWS_TRANSIENT, "login-timeout", "calendar.oauth_token_url", false },
    { "late", LATE, EWS_TRANSIENT, "login-timeout", "calendar.oauth_token_url", false },
    { "page", PAGE, EWS_CONFIG, "token-html", "web page", false },
    { "busy", BUSY, EWS_TRANSIENT, "token-http", "429", false },
    { "drops", DROPS, EWS_TRANSIENT, "token-endpoint", "no access token", true },
};

static void test_troubles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        world_make(c[i].trouble);
        ask(WELL);
        assert_int_equal(t.status.class, EWS_OK);
        for (int n = 0; n < 3; n++) {
            gw_time began = net_loop_now(t.loop).mono;

            ask(SICK);
            if (t.status.class != c[i].class || strcmp(t.status.code, c[i].code) ||
                !strstr(t.status.text, c[i].text))
                if (c[i].trouble != LATE || n == 0 || t.status.class != EWS_OK)
                    fail_msg("%s: %s '%s'", c[i].name, t.status.code, t.status.text);
            assert_true(net_loop_now(t.loop).mono - began < 10 * TIMEOUT_MS);
            ask(WELL);
            assert_int_equal(t.status.class, EWS_OK);
        }
        assert_int_equal(t.asked[SICK], 1);
        assert_int_equal(t.asked[WELL], 1);
        assert_int_equal(ews_identity_refusals(t.account[SICK]->identity), c[i].counts);
        world_end();
    }
}

/* How long it wants to be left alone is obeyed, though others would ask again in ten seconds. */
static void test_retry_after(void **state)
{
    (void)state;
    world_make(BUSY);
    ask(SICK);
    assert_in_range(t.status.backoff_ms, 59000, 60000);
    world_end();
}

/* The token that came late is there for the next who asks. */
static void test_late_token_is_kept(void **state)
{
    (void)state;
    world_make(LATE);
    ask(SICK);
    assert_string_equal(t.status.code, "login-timeout");
    wait_ms(3 * TIMEOUT_MS);
    assert_null(t.held);
    ask(SICK);
    assert_int_equal(t.status.class, EWS_OK);
    assert_int_equal(t.asked[SICK], 1);
    assert_int_equal(ews_identity_refusals(t.account[SICK]->identity), 0);
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_troubles),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_late_token_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
