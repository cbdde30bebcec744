/* A refused password is never tried more than twice in a quarter of an hour, whatever is going on: the
 * mock counts each wrong one that it is shown, whoever shows it and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/name_server.h"
#include "ews_account_priv.h"
#include "ews_autodiscover.h"
#include "ews_client.h"
#include "mock_talk.h"

enum { GUARD_MS = 20000, DEAD_MS = 150, GATEWAYS = 5, CALLS = 30 };

static const struct gw_str ann = GW_STR_INIT("ann@x.example");

static const struct login {
    const char *name;
    enum ews_auth auth;
    const char *offer;
} logins[] = {
    { "basic", EWS_AUTH_BASIC, "\"basic\"" },
    { "ntlmv2", EWS_AUTH_NTLMV2, "\"ntlm\"" },
    { "negotiate", EWS_AUTH_NEGOTIATE, "\"negotiate\"" },
    { "oauth", EWS_AUTH_OAUTH, "\"bearer\"" },
};

/* Several servers, each with an account of its own: all of the same name. */
static struct {
    struct net_loop *loop;
    struct name_server names; /* of nothing */
    struct net_dns *dns;
    struct net_timer *guard;
    struct net_pool *pool;
    struct mock_exchange *mx;
    const struct login *login;
    struct ews_account *account[GATEWAYS];
    struct ews_client *client[GATEWAYS];
    unsigned done, awaited, good;
    char stream_id[512];
} t;

/* ---- the world -------------------------------------------------------------------------------- */

/* At the directory: no token is good any more, either. */
static void password_is(const char *password)
{
    char json[200];

    snprintf(json, sizeof(json),
             "{\"name\": \"gateway\", \"password\": \"%s\", \"impersonate\": true}", password);
    mock_tell(t.mx, "POST", "/accounts", json);
    mock_tell(t.mx, "DELETE", "/tokens", "");
}

static void check_tries(const char *when, json_int_t max)
{
    json_t *answer = mock_ask(t.mx, "GET", "/accounts", "");
    const json_t *account = json_array_get(json_object_get(answer, "accounts"), 0);
    json_int_t bad = json_integer_value(json_object_get(account, "bad_passwords"));

    if (bad < 1 || bad > max)
        fail_msg("%s, %s: %d tries", t.login->name, when, (int)bad);
    json_decref(answer);
}

/* Basic that was taken is shown by all that is under way when it is changed, and by one more at most. */
static json_int_t tries_max(json_int_t under_way)
{
    return t.login->auth == EWS_AUTH_BASIC ? under_way + 1 : EWS_REFUSALS_MAX;
}

static void account_set(unsigned i, const char *password)
{
    struct ews_account_args args = { .auth = t.login->auth,
                                     .name = i % 2 ? "Gateway" : "gateway",
                                     .password = password,
                                     .token_scope = "all" };
    char url[100];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/tenant/oauth2/v2.0/token",
             mock_exchange_cas_port(t.mx, "cas1"));
    args.token_url = url;
    assert_int_equal(ews_account_set(t.account[i], &args, NULL), GW_OK);
}

static void gateway_new(unsigned i, const char *password)
{
    struct ews_client_args args = { .host = "127.0.0.1",
                                    .port = mock_exchange_cas_port(t.mx, "cas1"),
                                    .timeout_ms = GUARD_MS,
                                    .allow_http = true };

    t.account[i] = ews_account_new(t.loop, t.pool, i ? t.account[0] : NULL);
    account_set(i, password);
    args.account = t.account[i];
    assert_int_equal(ews_client_new(t.loop, &args, &t.client[i], NULL), GW_OK);
}

static void gateway_free(unsigned i)
{
    ews_client_free(&t.client[i]);
    ews_account_free(&t.account[i]);
}

static void world_make(const struct login *login, const char *password)
{
    struct gw_err err = { GW_OK, "" };
    char json[500];

    t.login = login;
    t.done = t.good = 0;
    t.mx = mock_exchange_new(t.loop);
    snprintf(json, sizeof(json),
             "{\"version\": \"2019\", \"lockout_tries\": 1000000, \"cas\": [{\"name\": \"cas1\", "
             "\"listen\": \"http://127.0.0.1:0\", \"auth\": [%s]}], \"users\": [{\"address\": "
             "\"ann@x.example\"}]}",
             login->offer);
    if (mock_exchange_apply(t.mx, gw_str_of(json), &err))
        fail_msg("%s: %s", login->name, err.msg);
    password_is("right");
    for (unsigned i = 0; i < GATEWAYS; i++)
        gateway_new(i, password);
}

static void world_end(void)
{
    for (unsigned i = GATEWAYS; i--;)
        gateway_free(i);
    mock_exchange_free(&t.mx);
}

/* ---- calls ------------------------------------------------------------------------------------ */

static void on_done(const struct ews_answer *answer, void *ctx)
{
    (void)ctx;
    t.good += answer->status.class == EWS_OK;
    if (answer->subscription_id.len)
        snprintf(t.stream_id, sizeof(t.stream_id), "%.*s", GW_STR_ARG(answer->subscription_id));
    if (++t.done >= t.awaited)
        net_loop_stop(t.loop);
}

static void on_event(const struct ews_notification *n, void *ctx)
{
    (void)n;
    (void)ctx;
}

static void start(unsigned i, unsigned calls)
{
    t.awaited += calls;
    while (calls--)
        (void)ews_client_start(
            t.client[i], &(struct ews_request){ .op = EWS_OP_OOF, .mailbox = ann }, on_done, NULL);
}

static void await(void)
{
    net_timer_set(t.guard, net_loop_now(t.loop).mono + GUARD_MS);
    if (t.done < t.awaited)
        net_loop_run(t.loop);
    if (t.done != t.awaited)
        fail_msg("%s: %u calls of %u ended", t.login->name, t.done, t.awaited);
}

static void everybody(unsigned calls)
{
    for (unsigned i = 0; i < GATEWAYS; i++)
        start(i, calls);
    await();
}

static void on_guard(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    net_loop_stop(t.loop);
}

/* ---- what is going on ------------------------------------------------------------------------- */

/* Of several gateways at once, again and again. */
static void wrong_from_the_start(void)
{
    for (int round = 0; round < 4; round++)
        everybody(3);
    check_tries("wrong from the start", EWS_REFUSALS_MAX);
}

/* All are known to be good, and many requests are on their way, when it is changed at the directory. */
static void changed_under_way(void)
{
    everybody(CALLS);
    assert_int_equal(t.good, t.done);
    for (unsigned i = 0; i < GATEWAYS; i++)
        start(i, CALLS);
    password_is("new");
    for (unsigned i = 0; i < GATEWAYS; i++)
        ews_client_reconnect(t.client[i]);
    await();
    for (int round = 0; round < 10; round++)
        everybody(CALLS);
    check_tries("changed under way", tries_max((json_int_t)GATEWAYS * CALLS));
    for (unsigned i = 0; i < GATEWAYS; i++)
        account_set(i, "new");
    t.good = t.done = t.awaited = 0;
    everybody(CALLS);
    assert_int_equal(t.good, t.done);
}

/* An administrator who is not sure. */
static void set_to_and_fro(void)
{
    for (int round = 0; round < 5; round++) {
        account_set(0, "wrong");
        start(0, 3);
        await();
        account_set(0, "wronger");
        start(0, 3);
        await();
    }
    check_tries("to and fro", 2 * EWS_REFUSALS_MAX);
}

/* The same one is set while a try is out, or its gateway is made anew. */
static void set_again(void)
{
    for (int round = 0; round < 5; round++) {
        start(1, 2);
        account_set(1, "wrong");
        await();
        gateway_free(1);
        gateway_new(1, "wrong");
    }
    check_tries("set again", EWS_REFUSALS_MAX);
}

static void stream_start(unsigned i)
{
    struct gw_str id = gw_str_of(t.stream_id);

    (void)ews_client_stream_start(t.client[i],
                                  &(struct ews_request){ .op = EWS_OP_STREAM,
                                                         .mailbox = ann,
                                                         .subscription_ids = &id,
                                                         .subscription_id_count = 1,
                                                         .stream_timeout_min = 30 },
                                  on_event, on_done, NULL);
    t.awaited++;
}

static void on_found(const struct ews_trail_result *r, void *ctx)
{
    (void)ctx;
    (void)r;
    if (++t.done >= t.awaited)
        net_loop_stop(t.loop);
}

static void discover(unsigned i)
{
    struct ews_autodiscover *walk;
    char server[64];

    snprintf(server, sizeof(server), "http://127.0.0.1:%u", mock_exchange_cas_port(t.mx, "cas1"));
    assert_int_equal(ews_autodiscover_start(
                         &(struct ews_autodiscover_args){
                             .loop = t.loop,
                             .dns = t.dns,
                             .account = t.account[i],
                             .trail = { .address = "ann@localhost",
                                        .server = server,
                                        .plain_port = mock_exchange_cas_port(t.mx, "cas1"),
                                        .allow_http = true },
                             .timeout_ms = GUARD_MS,
                             .done = on_found },
                         &walk, NULL),
                     GW_OK);
    t.awaited++;
}

/* Streams, Autodiscover and calls of several gateways, all together. */
static void all_kinds(void)
{
    t.awaited++;
    (void)ews_client_start(t.client[0],
                           &(struct ews_request){ .op = EWS_OP_SUBSCRIBE,
                                                  .sub_mode = EWS_SUB_STREAMING,
                                                  .mailbox = ann },
                           on_done, NULL);
    await();
    everybody(1);
    password_is("new");
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < GATEWAYS; i++) {
            ews_client_reconnect(t.client[i]);
            stream_start(i);
            discover(i);
            start(i, 3);
        }
        await();
    }
    check_tries("all kinds", tries_max((json_int_t)GATEWAYS * 5)); /* of the first round */
}

static void test_never_more_than_twice(void **state)
{
    static const struct {
        void (*goes_on)(void);
        const char *password;
    } c[] = { { wrong_from_the_start, "wrong" },
              { changed_under_way, "right" },
              { set_to_and_fro, "wrong" },
              { set_again, "wrong" },
              { all_kinds, "right" } };

    (void)state;
    for (size_t l = 0; l < sizeof(logins) / sizeof(logins[0]); l++)
        for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
            world_make(&logins[l], c[i].password);
            t.awaited = 0;
            c[i].goes_on();
            world_end();
        }
}

/* A refusal elsewhere, of a server that is out of order or of a stranger: what is logged in goes on, as
 * many as before, and does not wait for each other. */
static void test_open_connections_go_on(void **state)
{
    (void)state;
    for (size_t l = 1; l < sizeof(logins) / sizeof(logins[0]); l++) { /* Basic has none */
        world_make(&logins[l], "right");
        t.awaited = 0;
        everybody(3);
        assert_int_equal(t.good, t.done);
        ews_account_refused(t.account[0]->identity, net_loop_now(t.loop).mono);
        mock_tell(t.mx, "POST", "/cas/cas1/faults", "{\"kind\": \"stall\", \"count\": 1}");
        start(0, 3);
        t.awaited--;
        await();
        mock_tell(t.mx, "DELETE", "/cas/cas1/faults", "");
        t.awaited++;
        await();
        assert_int_equal(t.good, t.done);
        world_end();
    }
}

/* Basic that is not known to be good is not shown to a server that says nothing, and a dead server costs
 * one time-out. */
static void test_dead_server(void **state)
{
    uint64_t before;

    (void)state;
    world_make(&logins[0], "right");
    t.awaited = 0;
    everybody(1);
    ews_account_refused(t.account[0]->identity, net_loop_now(t.loop).mono);
    ews_client_set_timeout(t.client[0], DEAD_MS);
    mock_tell(t.mx, "POST", "/cas/cas1/faults", "{\"kind\": \"stall\"}");
    before = mock_journal_total(mock_exchange_journal(t.mx));
    t.good = 0;
    start(0, CALLS);
    await();
    assert_int_equal(t.good, 0);
    assert_int_equal(mock_journal_total(mock_exchange_journal(t.mx)) - before, 1);
    assert_int_equal(ews_identity_refusals(t.account[0]->identity), 1);
    world_end();
}

static int setup_all(void **state)
{
    static const struct zone_record no_names[1];
    (void)state;
    setenv("KRB5_CONFIG", "/dev/null", 1); /* no Kerberos here, and no look for it in DNS */
    t.loop = net_loop_new();
    t.guard = net_timer_new(t.loop, on_guard, NULL);
    name_server_init(&t.names, t.loop, no_names);
    t.dns = name_server_dns(&t.names, t.loop);
    t.pool = net_pool_new(t.loop, 2);
    return 0;
}

static int teardown_all(void **state)
{
    (void)state;
    net_dns_free(&t.dns);
    name_server_done(&t.names);
    net_pool_free(&t.pool);
    net_timer_free(&t.guard);
    net_loop_free(&t.loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_more_than_twice),
        cmocka_unit_test(test_open_connections_go_on),
        cmocka_unit_test(test_dead_server),
    };

    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
