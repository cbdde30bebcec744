/* The same day with every Exchange there is: subscribe, hear of a meeting, read the calendar and the
 * automatic reply - as 2007 to SE, with every login, Extended Protection off, allowed and required,
 * over HTTPS with a verified certificate. Client, listener and mock in one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/cert_lab.h"
#include "cert.h"
#include "ews_client.h"
#include "ews_listener.h"
#include "gw_list.h"
#include "gw_mem.h"
#include "mock_exchange.h"
#include "net_stream.h"

enum { GUARD_MS = 30000, CALLS = 60 };

static const char *const products[] = { "2007", "2010", "2013", "2016", "2019", "SE" };
static const char *const protections[] = { "off", "allow", "require" };
static const struct login {
    const char *name;
    enum ews_auth auth;
    const char *offer; /* by the server, as its JSON has it */
} logins[] = {
    { "basic", EWS_AUTH_BASIC, "\"negotiate\", \"ntlm\", \"basic\"" },
    { "ntlmv2", EWS_AUTH_NTLMV2, "\"negotiate\", \"ntlm\"" },
    { "negotiate", EWS_AUTH_NEGOTIATE, "\"negotiate\", \"ntlm\"" },
    { "auto", EWS_AUTH_AUTO, "\"ntlm\"" },
    { "oauth", EWS_AUTH_OAUTH, "\"bearer\"" },
};

static struct {
    struct net_loop *loop;
    struct net_timer *guard;
    struct net_pool *pool;
    char *folder, *pem;
    struct cert_store *certs;
    struct cert_client *cert, *token_cert;
    struct net_tls_policy tls, token_tls;
    struct mock_exchange *mx;
    struct ews_account *account;
    struct ews_client *client;
    struct ews_listener *listener;
    struct net_listener *relay; /* NULL: the client goes to the server itself */
    bool relay_is_shut;
    struct gw_list pipes;
    const char *what; /* for messages */

    unsigned done, awaited;
    struct ews_status status;
    struct gw_interval busy;
    size_t busy_count;
    struct gw_oof oof;
    unsigned heard, changes;
} t;

/* ---- the loop --------------------------------------------------------------------------------- */

static void on_guard(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    net_loop_stop(t.loop);
}

#define RUN_UNTIL(condition)                                                                       \
    do {                                                                                           \
        gw_time until = net_loop_now(t.loop).mono + GUARD_MS;                                      \
                                                                                                   \
        net_timer_set(t.guard, until);                                                             \
        while (!(condition) && net_loop_now(t.loop).mono < until)                                  \
            net_loop_run(t.loop);                                                                  \
        if (!(condition))                                                                          \
            fail_msg("%s: waited in vain: %s; '%s'", t.what, #condition, t.status.text);           \
    } while (0)

static void on_done(const struct ews_answer *answer, void *ctx)
{
    (void)ctx;
    t.status = answer->status;
    t.busy_count = answer->calendar_count ? answer->calendars[0].count : 0;
    if (t.busy_count)
        t.busy = answer->calendars[0].intervals[0];
    t.oof = answer->oof;
    if (++t.done >= t.awaited)
        net_loop_stop(t.loop);
}

/* Until the version that the server knows is found. */
static void ask(const struct ews_request *request)
{
    do {
        t.awaited = t.done + 1;
        (void)ews_client_start(t.client, request, on_done, NULL);
        RUN_UNTIL(t.done == t.awaited);
    } while (t.status.class == EWS_VERSION);
}

static enum ews_reply on_notification(struct gw_str token, const struct ews_notification *n,
                                      void *ctx)
{
    (void)ctx;
    assert_true(gw_str_is(token, "ann"));
    t.heard++;
    t.changes += n->changes;
    net_loop_stop(t.loop);
    return EWS_REPLY_OK;
}

/* ---- a relay, which can be shut to those who come -------------------------------------------- */

struct pipe {
    struct gw_list link; /* t.pipes */
    struct net_stream *client, *server;
};

static void on_pipe_data(struct net_stream *s, struct gw_str data, void *ctx)
{
    struct pipe *p = ctx;
    struct net_stream *other = s == p->client ? p->server : p->client;

    if (other)
        (void)net_stream_write(other, data);
}

static void on_pipe_closed(struct net_stream *s, const struct gw_err *why, void *ctx)
{
    struct pipe *p = ctx;
    struct net_stream **mine = s == p->client ? &p->client : &p->server;
    struct net_stream *other = s == p->client ? p->server : p->client;

    (void)why;
    net_stream_free(mine);
    if (other) {
        net_stream_close(other);
        return;
    }
    gw_list_remove(&p->link);
    free(p);
}

static const struct net_stream_handlers pipe_handlers = { .on_data = on_pipe_data,
                                                          .on_closed = on_pipe_closed };

static void pipe_open(struct pipe *p)
{
    struct net_connect_args args = { .host = "127.0.0.1",
                                     .port = mock_exchange_cas_port(t.mx, "cas1"),
                                     .handlers = &pipe_handlers,
                                     .ctx = p };

    p->server = net_stream_connect(t.loop, &args);
    net_stream_pause(p->client, false);
}

static void on_pipe_accept(struct net_stream *s, void *ctx)
{
    struct pipe *p = gw_new(struct pipe);

    (void)ctx;
    p->client = s;
    gw_list_append(&t.pipes, &p->link);
    net_stream_set_handlers(s, &pipe_handlers, p);
    net_stream_pause(s, true);
    if (!t.relay_is_shut)
        pipe_open(p);
}

static void relay_start(void)
{
    struct net_listen_args args = { .address = "127.0.0.1", .on_accept = on_pipe_accept };

    gw_list_init(&t.pipes);
    t.relay_is_shut = false;
    assert_int_equal(net_listen(t.loop, &args, &t.relay, NULL), GW_OK);
}

static void relay_open(void)
{
    struct gw_list *it, *tmp;

    t.relay_is_shut = false;
    GW_LIST_EACH(&t.pipes, it, tmp)
    {
        struct pipe *p = GW_CONTAINER(it, struct pipe, link);

        if (p->client && !p->server)
            pipe_open(p);
    }
}

static void relay_end(void)
{
    struct gw_list *it;

    net_listener_free(&t.relay);
    while ((it = gw_list_pop(&t.pipes))) {
        struct pipe *p = GW_CONTAINER(it, struct pipe, link);

        net_stream_free(&p->client);
        net_stream_free(&p->server);
        free(p);
    }
}

/* ---- the world -------------------------------------------------------------------------------- */

static void certificates_make(void)
{
    struct lab_spec spec = { .cn = "localhost", .names = "DNS:localhost,IP:127.0.0.1,IP:::1" };
    struct lab_cert c = lab_make(&spec, NULL);
    struct gw_buf pem, file;
    FILE *f;

    t.folder = lab_folder();
    gw_buf_init(&pem, 65536);
    gw_buf_init(&file, 200);
    lab_pem(&c, true, &pem);
    gw_buf_addf(&file, "%s/server.pem", t.folder);
    f = fopen(file.p, "w");
    assert_int_equal(fwrite(pem.p, 1, pem.len, f), pem.len);
    fclose(f);
    t.pem = gw_buf_take(&file);
    gw_buf_reset(&pem);
    lab_pem(&c, false, &pem);
    gw_buf_addf(&file, "%s/certs", t.folder);
    assert_int_equal(cert_store_open(file.p, &t.certs, NULL), GW_OK);
    assert_int_equal(
        cert_trust_add(t.certs, CERT_TRUST_EXCHANGE, gw_buf_str(&pem), NULL, NULL, NULL, NULL),
        GW_OK);
    gw_buf_done(&pem);
    gw_buf_done(&file);
    lab_free(&c);
}

static int setup_all(void **state)
{
    (void)state;
    setenv("KRB5_CONFIG", "/dev/null", 1); /* no Kerberos here, and no look for it in DNS */
    t.loop = net_loop_new();
    t.guard = net_timer_new(t.loop, on_guard, NULL);
    t.pool = net_pool_new(t.loop, 2);
    certificates_make();
    return 0;
}

static int teardown_all(void **state)
{
    (void)state;
    cert_store_close(&t.certs);
    lab_folder_remove(t.folder);
    free(t.pem);
    net_pool_free(&t.pool);
    net_timer_free(&t.guard);
    net_loop_free(&t.loop);
    return 0;
}

static void mock_start(const char *product, const struct login *login, const char *protection,
                       const char *listen)
{
    struct gw_buf json;
    struct gw_err err = { GW_OK, "" };

    gw_buf_init(&json, 4000);
    gw_buf_addf(&json,
                "{\"minute_ms\": 60000, \"version\": \"%s\", \"tls_cert\": \"%s\", "
                "\"tls_key\": \"%s\", \"cas\": [{\"name\": \"cas1\", \"listen\": \"%s\", "
                "\"auth\": [%s], \"extended_protection\": \"%s\"}], "
                "\"accounts\": [{\"name\": \"gateway\", \"password\": \"s3cr\xc3\xa9t\", "
                "\"impersonate\": true}], "
                "\"users\": [{\"address\": \"ann@presence.example\", "
                "\"oof\": {\"state\": \"scheduled\", \"start\": \"-1h\", \"for\": \"2h\", "
                "\"internal\": \"Back soon\"}}]}",
                product, t.pem, t.pem, listen, login->offer, protection);
    t.mx = mock_exchange_new(t.loop);
    if (mock_exchange_apply(t.mx, gw_buf_str(&json), &err))
        fail_msg("%s: %s", t.what, err.msg);
    gw_buf_done(&json);
}

static void account_set(const struct login *login, const char *password)
{
    struct ews_account_args args = { .auth = login->auth,
                                     .name = "gateway",
                                     .password = password,
                                     .token_scope = "all",
                                     .token_tls = &t.token_tls };
    struct gw_err err = { GW_OK, "" };
    char url[100];

    snprintf(url, sizeof(url), "https://localhost:%u/tenant/oauth2/v2.0/token",
             mock_exchange_cas_port(t.mx, "cas1"));
    args.token_url = url;
    if (ews_account_set(t.account, &args, &err))
        fail_msg("%s: %s", t.what, err.msg);
}

static void world_make(const char *product, const struct login *login, const char *protection,
                       bool ipv6)
{
    static char what[100];
    struct ews_client_args args = { .host = ipv6 ? "::1" : "localhost", .timeout_ms = GUARD_MS };
    struct ews_listener_args listener = { .address = "127.0.0.1",
                                          .on_notification = on_notification };

    snprintf(what, sizeof(what), "%s, %s, Extended Protection %s", product, login->name,
             protection);
    t.what = what;
    t.changes = t.heard = t.done = 0;
    mock_start(product, login, protection, ipv6 ? "https://[::1]:0" : "https://127.0.0.1:0");
    assert_int_equal(
        cert_client_new(t.certs, CERT_TRUST_EXCHANGE, gw_str_of(args.host), &t.cert, NULL), GW_OK);
    assert_int_equal(
        cert_client_new(t.certs, CERT_TRUST_EXCHANGE, GW_STR("localhost"), &t.token_cert, NULL),
        GW_OK);
    t.tls = cert_client_policy(t.cert);
    t.token_tls = cert_client_policy(t.token_cert);
    t.account = ews_account_new(t.loop, t.pool, NULL);
    account_set(login, "s3cr\xc3\xa9t");
    args.account = t.account;
    args.port = t.relay ? net_listener_port(t.relay) : mock_exchange_cas_port(t.mx, "cas1");
    args.tls = &t.tls;
    assert_int_equal(ews_client_new(t.loop, &args, &t.client, NULL), GW_OK);
    assert_int_equal(ews_listener_new(t.loop, &listener, &t.listener, NULL), GW_OK);
}

static void world_end(void)
{
    ews_client_free(&t.client);
    ews_account_free(&t.account);
    cert_client_free(&t.cert);
    cert_client_free(&t.token_cert);
    mock_exchange_free(&t.mx);
    ews_listener_free(&t.listener);
}

/* ---- the day ---------------------------------------------------------------------------------- */

static void check_ok(const char *step)
{
    if (t.status.class != EWS_OK)
        fail_msg("%s: %s: %s %s '%s'", t.what, step, ews_class_name(t.status.class), t.status.code,
                 t.status.text);
}

static void meeting_add(void)
{
    struct gw_buf out;

    gw_buf_init(&out, 65536);
    assert_int_equal(mock_exchange_control(t.mx, "POST", "/users/ann@presence.example/meetings",
                                           GW_STR("{\"start\": \"+1h\", \"for\": \"30m\"}"), &out) /
                         100,
                     2);
    gw_buf_done(&out);
    mock_exchange_touch(t.mx);
}

static void subscribe(void)
{
    struct ews_request request = { .op = EWS_OP_SUBSCRIBE,
                                   .mailbox = GW_STR("ann@presence.example"),
                                   .status_frequency_min = 5 };
    struct gw_buf url;

    gw_buf_init(&url, 200);
    ews_listener_url(t.listener, GW_STR("ann"), &url);
    request.notify_url = gw_buf_str(&url);
    ask(&request);
    check_ok("subscribe");
    gw_buf_done(&url);
}

static void hear_of_a_meeting(void)
{
    RUN_UNTIL(t.heard);
    meeting_add();
    RUN_UNTIL(t.changes);
}

static void read_calendar(void)
{
    gw_utc now = net_loop_now(t.loop).utc;

    ask(&(struct ews_request){ .op = EWS_OP_FIND_ITEM,
                               .mailbox = GW_STR("ann@presence.example"),
                               .from = now,
                               .to = now + GW_DAY_MS });
    check_ok("read");
    assert_int_equal(t.busy_count, 1);
    assert_int_equal(t.busy.end - t.busy.start, 30 * GW_MINUTE_MS);
}

static void read_reply(void)
{
    ask(&(struct ews_request){ .op = EWS_OP_OOF, .mailbox = GW_STR("ann@presence.example") });
    check_ok("reply");
    assert_true(gw_oof_is_active(&t.oof, net_loop_now(t.loop).utc));
}

/* One connection does it all, after one login. */
static void check_connection(void)
{
    struct ews_client_state s;

    ews_client_state(t.client, &s);
    assert_int_equal(s.connections, 1);
    assert_true(s.account_proven);
    assert_int_equal(s.blocked_until, 0);
}

static void day(const char *product, const struct login *login, const char *protection, bool ipv6)
{
    world_make(product, login, protection, ipv6);
    subscribe();
    hear_of_a_meeting();
    read_calendar();
    read_reply();
    check_connection();
    world_end();
}

static void test_every_server_and_login(void **state)
{
    unsigned days = 0;

    (void)state;
    for (size_t p = 0; p < sizeof(products) / sizeof(products[0]); p++)
        for (size_t l = 0; l < sizeof(logins) / sizeof(logins[0]); l++)
            for (size_t e = 0; e < sizeof(protections) / sizeof(protections[0]); e++, days++)
                day(products[p], &logins[l], protections[e], false);
    print_message("%u combinations\n", days);
}

static void test_ipv6(void **state)
{
    (void)state;
    day("2019", &logins[2], "require", true);
}

/* A wrong password is told as one, whichever the login; the right one is then taken on the same
 * client. */
static void test_wrong_passwords(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof(logins) / sizeof(logins[0]); l++) {
        world_make("2019", &logins[l], "require", false);
        account_set(&logins[l], "wr0ng");
        ask(&(struct ews_request){ .op = EWS_OP_OOF, .mailbox = GW_STR("ann@presence.example") });
        if (t.status.class != EWS_CREDENTIALS || strstr(t.status.text, "wr0ng"))
            fail_msg("%s: %s '%s'", t.what, ews_class_name(t.status.class), t.status.text);
        account_set(&logins[l], "s3cr\xc3\xa9t");
        read_reply();
        world_end();
    }
}

/* Many calls at once: each on a connection of its own that logs in by itself. */
static void test_many_at_once(void **state)
{
    struct ews_client_state s;

    (void)state;
    for (size_t l = 0; l < sizeof(logins) / sizeof(logins[0]); l++) {
        world_make("2019", &logins[l], "require", false);
        read_reply();
        t.awaited = t.done + CALLS;
        for (int i = 0; i < CALLS; i++)
            (void)ews_client_start(
                t.client,
                &(struct ews_request){ .op = EWS_OP_OOF,
                                       .mailbox = GW_STR("ann@presence.example") },
                on_done, NULL);
        RUN_UNTIL(t.done == t.awaited);
        check_ok("one of many");
        ews_client_state(t.client, &s);
        assert_int_equal(s.connections, CALLS);
        world_end();
    }
}

/* ---- a server that asks to be left alone ---- */

static struct {
    unsigned sent, held_back;
} busy;

static void on_busy(const struct ews_answer *answer, void *ctx)
{
    assert_int_equal(answer->status.class, EWS_BUSY);
    assert_true(answer->status.backoff_ms > 0);
    if (strstr(answer->status.text, "not sent"))
        busy.held_back++;
    else
        busy.sent++;
    if (t.relay_is_shut)
        relay_open();
    on_done(answer, ctx);
}

/* One goes over the warm connection, and is told. The requests that the server saw. */
static unsigned push_back(void)
{
    struct gw_buf out;
    uint64_t before;

    gw_buf_init(&out, 65536);
    read_reply();
    busy.sent = busy.held_back = 0;
    assert_int_equal(
        mock_exchange_control(
            t.mx, "POST", "/cas/cas1/faults",
            GW_STR("{\"kind\": \"fault\", \"code\": \"ErrorServerBusy\", \"back_off_ms\": 60000}"),
            &out) /
            100,
        2);
    gw_buf_done(&out);
    before = mock_journal_total(mock_exchange_journal(t.mx));
    t.relay_is_shut = t.relay;
    t.awaited = t.done + CALLS;
    for (int i = 0; i < CALLS; i++)
        (void)ews_client_start(
            t.client,
            &(struct ews_request){ .op = EWS_OP_OOF, .mailbox = GW_STR("ann@presence.example") },
            on_busy, NULL);
    RUN_UNTIL(t.done == t.awaited);
    print_message("%s: %u were asked, %u not\n", t.what, busy.sent, busy.held_back);
    assert_int_equal(busy.held_back, CALLS - busy.sent);
    return (unsigned)(mock_journal_total(mock_exchange_journal(t.mx)) - before);
}

/* Those who are still connecting when the word is heard do not ask, though the way is free from then on. */
static void test_push_back_reaches_those_who_are_connecting(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof(logins) / sizeof(logins[0]); l++) {
        relay_start();
        world_make("2019", &logins[l], "require", false);
        assert_int_equal(push_back(), 1);
        assert_int_equal(busy.sent, 1);
        world_end();
        relay_end();
    }
}

/* Nor do those who are in the middle of a login, which Basic and OAuth know none of. */
static void test_push_back_reaches_those_who_are_logging_in(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof(logins) / sizeof(logins[0]); l++) {
        unsigned asked;

        if (logins[l].auth == EWS_AUTH_BASIC || logins[l].auth == EWS_AUTH_OAUTH)
            continue;
        world_make("2019", &logins[l], "require", false);
        asked = push_back();
        assert_in_range(busy.sent, 1, CALLS / 4);
        /* Those that began a login on a busy machine before the word was heard are not called back. */
        assert_in_range(asked, busy.sent, CALLS / 2);
        world_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_server_and_login),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_wrong_passwords),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_push_back_reaches_those_who_are_connecting),
        cmocka_unit_test(test_push_back_reaches_those_who_are_logging_in),
    };

    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
