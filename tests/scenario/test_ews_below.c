/* Troubles below HTTP and beside it, at every operation and with every login: certificates that are not
 * right, ports that are closed, clocks that are off, tokens that are not taken, an endpoint that gives
 * none. Each is told apart, in a sentence; nobody counts it as a refused password who has not refused
 * one; nothing that is secret is said; and when it is over the same client is as good as ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/cert_lab.h"
#include "../unit/name_server.h"
#include "cert.h"
#include "ews_autodiscover.h"
#include "ews_client.h"
#include "ews_operations.h"
#include "gw_log.h"
#include "mock_talk.h"

#define PASSWORD "s3cr\xc3\xa9t"

static const struct login {
    const char *name;
    enum ews_auth auth;
} logins[] = {
    { "basic", EWS_AUTH_BASIC },
    { "ntlmv2", EWS_AUTH_NTLMV2 },
    { "negotiate", EWS_AUTH_NEGOTIATE },
    { "oauth", EWS_AUTH_OAUTH },
};
enum { LOGINS = sizeof(logins) / sizeof(logins[0]) };

static struct {
    struct net_loop *loop;
    struct name_server names; /* of nothing */
    struct net_dns *dns;
    struct net_pool *pool;
    char *folder;
    struct cert_store *certs;
    struct cert_client *cert, *token_cert;
    struct net_tls_policy tls, token_tls;
    struct mock_exchange *mx;
    struct ews_account *account;
    const struct login *login;
    const char *leaked; /* a secret that was logged */

    unsigned found;
    enum ews_class class;
    char url[300], text[540];
} t;

/* ---- the world -------------------------------------------------------------------------------- */

static void account_set(const char *password)
{
    struct ews_account_args args = { .auth = t.login->auth,
                                     .name = "gateway",
                                     .password = password,
                                     .token_scope = "all",
                                     .token_tls = &t.token_tls };
    struct gw_err err = { GW_OK, "" };
    char url[100];

    snprintf(url, sizeof(url), "https://localhost:%u/tenant/oauth2/v2.0/token",
             mock_exchange_cas_port(t.mx, "tokens"));
    args.token_url = url;
    if (ews_account_set(t.account, &args, &err))
        fail_msg("%s: %s", t.login->name, err.msg);
}

static void trust_mock(void)
{
    json_t *ca = mock_ask(t.mx, "GET", "/ca", "");

    assert_int_equal(cert_trust_add(t.certs, CERT_TRUST_EXCHANGE,
                                    gw_str_of(json_string_value(json_object_get(ca, "pem"))), NULL,
                                    NULL, NULL, NULL),
                     GW_OK);
    json_decref(ca);
}

/* Three servers on https: one to call, one that gives tokens, one that another sends on to. */
static void world_make(const struct login *login)
{
    struct ews_client_args args = { .host = "localhost",
                                    .timeout_ms = OPERATION_GUARD_MS,
                                    .tls = &t.tls };
    struct gw_err err = { GW_OK, "" };

    t.login = login;
    t.mx = mock_exchange_new(t.loop);
    if (mock_exchange_apply(
            t.mx,
            GW_STR("{\"version\": \"2019\", \"cas\": ["
                   "{\"name\": \"cas1\", \"listen\": \"https://127.0.0.1:0\", \"tls\": {},"
                   "\"auth\": [\"negotiate\", \"ntlm\", \"basic\", \"bearer\"]},"
                   "{\"name\": \"tokens\", \"listen\": \"https://127.0.0.1:0\", \"tls\": {}},"
                   "{\"name\": \"cas2\", \"listen\": \"https://127.0.0.1:0\", \"tls\": {},"
                   "\"auth\": [\"negotiate\", \"ntlm\", \"basic\", \"bearer\"]}],"
                   "\"accounts\": [{\"name\": \"gateway\", \"password\": \"" PASSWORD "\","
                   "\"impersonate\": true}], \"users\": [{\"address\": \"ann@x.example\","
                   "\"meetings\": [{\"start\": \"+1h\", \"for\": \"30m\","
                   "\"subject\": \"s3cret plans\"}]}]}"),
            &err))
        fail_msg("%s: %s", login->name, err.msg);
    trust_mock();
    t.account = ews_account_new(t.loop, t.pool, NULL);
    account_set(PASSWORD);
    args.account = t.account;
    args.port = mock_exchange_cas_port(t.mx, "cas1");
    operations_setup(t.loop);
    assert_int_equal(ews_client_new(t.loop, &args, &ops.client, NULL), GW_OK);
}

static void world_end(void)
{
    operations_teardown();
    ews_account_free(&t.account);
    mock_exchange_free(&t.mx);
}

/* At every level: neither passwords nor tokens nor subjects. */
static void on_log(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    static const char *const secrets[] = { PASSWORD, "s3cret", "Bearer ", "Basic ", "wr0ng" };

    (void)level;
    (void)component;
    (void)ctx;
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        if (memmem(line.p, line.len, secrets[i], strlen(secrets[i])))
            t.leaked = secrets[i];
}

static int setup_all(void **state)
{
    static const struct zone_record no_names[1];
    struct gw_buf folder;

    (void)state;
    setenv("KRB5_CONFIG", "/dev/null", 1); /* no Kerberos here, and no look for it in DNS */
    gw_log_set_level(NULL, GW_LOG_DEBUG);
    gw_log_set_sink(on_log, NULL);
    t.loop = net_loop_new();
    name_server_init(&t.names, t.loop, no_names);
    t.dns = name_server_dns(&t.names, t.loop);
    t.pool = net_pool_new(t.loop, 2);
    t.folder = lab_folder();
    gw_buf_init(&folder, 200);
    gw_buf_addf(&folder, "%s/certs", t.folder);
    assert_int_equal(cert_store_open(folder.p, &t.certs, NULL), GW_OK);
    gw_buf_done(&folder);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(cert_client_new(t.certs, CERT_TRUST_EXCHANGE, GW_STR("localhost"),
                                         i ? &t.token_cert : &t.cert, NULL),
                         GW_OK);
    t.tls = cert_client_policy(t.cert);
    t.token_tls = cert_client_policy(t.token_cert);
    return 0;
}

static int teardown_all(void **state)
{
    (void)state;
    cert_client_free(&t.cert);
    cert_client_free(&t.token_cert);
    cert_store_close(&t.certs);
    lab_folder_remove(t.folder);
    net_dns_free(&t.dns);
    name_server_done(&t.names);
    net_pool_free(&t.pool);
    net_loop_free(&t.loop);
    gw_log_set_sink(NULL, NULL);
    return 0;
}

/* ---- troubles --------------------------------------------------------------------------------- */

enum { NEW_CONNECTION = 1, OAUTH_ONLY = 2, NEW_TOKEN = 4, EACH_TIME = 8 };

/* What is told to the mock, and what takes it back. */
static const struct trouble {
    const char *name;
    const char *path, *body, *path_back, *body_back;
    unsigned flags;
    enum ews_class class;
    const char *code, *text; /* the text has this in it */
} trouble[] = {
    { "expired", "/cas/cas1/certificate", "{\"fault\": \"expired\"}", "/cas/cas1/certificate", "{}",
      NEW_CONNECTION, EWS_CONFIG, "tls", "expired" },
    { "not yet valid", "/cas/cas1/certificate", "{\"fault\": \"not_yet_valid\"}",
      "/cas/cas1/certificate", "{}", NEW_CONNECTION, EWS_CONFIG, "tls", "check the clocks" },
    { "wrong name", "/cas/cas1/certificate", "{\"fault\": \"wrong_name\"}", "/cas/cas1/certificate",
      "{}", NEW_CONNECTION, EWS_CONFIG, "tls", "wrong.invalid" },
    { "incomplete chain", "/cas/cas1/certificate", "{\"fault\": \"incomplete_chain\"}",
      "/cas/cas1/certificate", "{}", NEW_CONNECTION, EWS_CONFIG, "tls", "neither sent" },
    { "self-signed", "/cas/cas1/certificate", "{\"fault\": \"self_signed\"}",
      "/cas/cas1/certificate", "{}", NEW_CONNECTION, EWS_CONFIG, "tls", "self-signed" },
    { "closed port", "/cas/cas1/down", "{}", "/cas/cas1/up", "{}", 0, EWS_SERVER_DOWN,
      "unreachable", "localhost" },
    { "clock a day behind", "/cas/cas1/clock", "{\"off_ms\": -86400000}", "/cas/cas1/clock", "{}",
      NEW_CONNECTION, EWS_OK, "NoError", "" },
    { "clock a day ahead", "/cas/cas1/clock", "{\"off_ms\": 86400000}", "/cas/cas1/clock", "{}",
      NEW_CONNECTION, EWS_OK, "NoError", "" },
    { "token taken back", "/tokens", NULL, NULL, NULL, OAUTH_ONLY | EACH_TIME, EWS_OK, "NoError",
      "" },
    { "no endpoint", "/cas/tokens/down", "{}", "/cas/tokens/up", "{}", OAUTH_ONLY | NEW_TOKEN,
      EWS_TRANSIENT, "token-endpoint", "localhost" },
    { "endpoint's certificate", "/cas/tokens/certificate", "{\"fault\": \"self_signed\"}",
      "/cas/tokens/certificate", "{}", OAUTH_ONLY | NEW_TOKEN, EWS_CONFIG, "token-endpoint",
      "certificate of" },
    { "no bearer any more", "/cas/cas1/auth", "{\"auth\": [\"ntlm\"]}", "/cas/cas1/auth",
      "{\"auth\": [\"negotiate\", \"ntlm\", \"basic\", \"bearer\"]}", OAUTH_ONLY, EWS_CONFIG,
      "login-not-offered", "calendar.auth oauth" },
};
enum { TROUBLES = sizeof(trouble) / sizeof(trouble[0]) };

static void begin(const struct trouble *x)
{
    mock_tell(t.mx, x->body ? "POST" : "DELETE", x->path, x->body ? x->body : "");
    if (x->flags & NEW_CONNECTION)
        ews_client_reconnect(ops.client);
    if (x->flags & NEW_TOKEN)
        account_set(PASSWORD);
}

static void end(const struct trouble *x)
{
    if (x->path_back)
        mock_tell(t.mx, "POST", x->path_back, x->body_back);
    if (x->flags & NEW_CONNECTION)
        ews_client_reconnect(ops.client);
    if (x->flags & NEW_TOKEN)
        account_set(PASSWORD);
}

static bool is_expected(const struct trouble *x)
{
    const struct ews_status *s = &ops.status;

    return s->class == x->class && strcmp(s->code, x->code) == 0 && strstr(s->text, x->text) &&
           s->alive == (s->class == EWS_OK) && !strstr(s->text, PASSWORD);
}

/* The mock would lock the account out after two wrong passwords; it saw none. */
static void check_refusals(const char *what)
{
    json_t *answer = mock_ask(t.mx, "GET", "/accounts", "");
    const json_t *account = json_array_get(json_object_get(answer, "accounts"), 0);
    struct ews_client_state state;

    ews_client_state(ops.client, &state);
    if (json_integer_value(json_object_get(account, "bad_passwords")) || state.blocked_until)
        fail_msg("%s, %s: counted as a wrong password", t.login->name, what);
    json_decref(answer);
    assert_int_equal(state.calls, 0);
}

static void more_to_end(size_t op)
{
    if (operation[op].op == EWS_OP_UNSUBSCRIBE)
        operation_good(PULL, "another one to end");
}

static void meet(const struct trouble *x)
{
    for (size_t op = 0; op < OPERATIONS; op++) {
        if (op == 0 || x->flags & (EACH_TIME | NEW_TOKEN))
            begin(x);
        operation_call(op);
        if (!is_expected(x))
            fail_msg("%s, %s, %s: %s %s: %s", t.login->name, x->name, operation[op].name,
                     ews_class_name(ops.status.class), ops.status.code, ops.status.text);
        if (ops.status.class == EWS_OK)
            more_to_end(op);
        check_refusals(x->name);
    }
    end(x);
    for (size_t op = 0; op < OPERATIONS; op++) {
        operation_good(op, x->name);
        more_to_end(op);
    }
}

static void test_everything(void **state)
{
    (void)state;
    for (size_t l = 0; l < LOGINS; l++) {
        world_make(&logins[l]);
        for (size_t op = 0; op < OPERATIONS; op++)
            operation_good(op, "in peace");
        operation_good(PULL, "another one to end");
        for (size_t i = 0; i < TROUBLES; i++)
            if (!(trouble[i].flags & OAUTH_ONLY) || logins[l].auth == EWS_AUTH_OAUTH)
                meet(&trouble[i]);
        if (t.leaked)
            fail_msg("%s: '%s' was logged", logins[l].name, t.leaked);
        world_end();
    }
}

/* ---- who an application speaks for ------------------------------------------------------------ */

static struct {
    struct ews_status whole, each[2];
    size_t count;
} bulk;

static void on_bulk(const struct ews_answer *answer, void *ctx)
{
    (void)ctx;
    bulk.whole = answer->status;
    bulk.count = answer->calendar_count + answer->tip_count;
    for (size_t i = 0; i < bulk.count && i < 2; i++)
        bulk.each[i] =
            answer->calendar_count ? answer->calendars[i].status : answer->tips[i].status;
    net_loop_stop(t.loop);
}

static void check_bulk(enum ews_op op, const char *first, const char *second, enum ews_class one,
                       enum ews_class two)
{
    gw_utc now = net_loop_now(t.loop).utc;
    struct gw_str mailboxes[] = { gw_str_of(first), gw_str_of(second) };

    bulk.count = 0;
    (void)ews_client_start(ops.client,
                           &(struct ews_request){ .op = op,
                                                  .mailbox = mailboxes[0],
                                                  .mailboxes = mailboxes,
                                                  .mailbox_count = 2,
                                                  .from = now,
                                                  .to = now + GW_DAY_MS },
                           on_bulk, NULL);
    net_timer_set(ops.guard, net_loop_now(t.loop).mono + OPERATION_GUARD_MS);
    net_loop_run(t.loop);
    if (bulk.whole.class != EWS_OK || bulk.count != 2 || bulk.each[0].class != one ||
        bulk.each[1].class != two)
        fail_msg("%s, %s and %s: %s, %zu answers, %s, %s", ews_op_name(op), first, second,
                 bulk.whole.text, bulk.count, ews_class_name(bulk.each[0].class),
                 ews_class_name(bulk.each[1].class));
}

/* The first who can speaks for all. Is it not there, or out of bounds, each is told, and none is taken
 * for gone. */
static void test_application(void **state)
{
    (void)state;
    world_make(&logins[3]);
    assert_int_equal(t.login->auth, EWS_AUTH_OAUTH);
    check_bulk(EWS_OP_AVAILABILITY, "ann@x.example", "gone@x.example", EWS_OK, EWS_MAILBOX);
    check_bulk(EWS_OP_AVAILABILITY, "nobody", "ann@x.example", EWS_MAILBOX, EWS_OK);
    check_bulk(EWS_OP_AVAILABILITY, "gone@x.example", "ann@x.example", EWS_MAILBOX, EWS_MAILBOX);
    check_bulk(EWS_OP_MAIL_TIPS, "gone@x.example", "ann@x.example", EWS_MAILBOX, EWS_MAILBOX);
    mock_tell(t.mx, "POST", "/users", "{\"address\": \"bob@x.example\"}");
    mock_tell(t.mx, "POST", "/accounts",
              "{\"name\": \"gateway\", \"password\": \"" PASSWORD "\", "
              "\"impersonate\": [\"ann@x.example\"]}");
    check_bulk(EWS_OP_AVAILABILITY, "ann@x.example", "bob@x.example", EWS_OK, EWS_OK);
    check_bulk(EWS_OP_AVAILABILITY, "bob@x.example", "ann@x.example", EWS_PERMISSION,
               EWS_PERMISSION);
    world_end();
}

/* ---- where a mailbox is ----------------------------------------------------------------------- */

static void on_found(const struct ews_trail_result *r, void *ctx)
{
    (void)ctx;
    t.found++;
    t.class = r->status.class;
    snprintf(t.url, sizeof(t.url), "%s", r->url ? r->url : r->status.code);
    snprintf(t.text, sizeof(t.text), "%s", r->status.text);
    net_loop_stop(t.loop);
}

static void discover(void)
{
    char server[64];
    struct ews_autodiscover *walk;
    struct ews_autodiscover_args args = { .loop = t.loop,
                                          .dns = t.dns,
                                          .account = t.account,
                                          .certs = t.certs,
                                          .trail = { .address = "ann@x.example", .server = server },
                                          .timeout_ms = OPERATION_GUARD_MS,
                                          .done = on_found };

    snprintf(server, sizeof(server), "localhost:%u", mock_exchange_cas_port(t.mx, "cas1"));
    t.found = 0;
    assert_int_equal(ews_autodiscover_start(&args, &walk, NULL), GW_OK);
    net_timer_set(ops.guard, net_loop_now(t.loop).mono + OPERATION_GUARD_MS);
    net_loop_run(t.loop);
    if (!t.found)
        fail_msg("%s: the walk does not end", t.login->name);
}

static void send_on(const char *host)
{
    char json[300];

    snprintf(json, sizeof(json),
             "{\"autodiscover\": {\"redirect_url\": "
             "\"https://%s:%u/autodiscover/autodiscover.svc\"}}",
             host, mock_exchange_cas_port(t.mx, "cas2"));
    mock_tell(t.mx, "POST", "/users/ann@x.example/traits", json);
}

static void check_found(enum ews_class class, const char *text)
{
    if (t.class != class || !strstr(class == EWS_OK ? t.url : t.text, text))
        fail_msg("%s: %s, %s: %s", t.login->name, ews_class_name(t.class), t.url, t.text);
    check_refusals("Autodiscover");
}

/* Each host's certificate is looked at for itself: that of the one who sends on vouches for nobody. */
static void test_discover(void **state)
{
    (void)state;
    for (size_t l = 0; l < LOGINS; l++) {
        world_make(&logins[l]);
        discover();
        check_found(EWS_OK, "https://127.0.0.1:");
        mock_tell(t.mx, "POST", "/cas/cas1/certificate", "{\"fault\": \"wrong_name\"}");
        discover();
        check_found(EWS_CONFIG, "wrong.invalid");
        mock_tell(t.mx, "POST", "/cas/cas1/certificate", "{}");
        mock_tell(t.mx, "POST", "/cas/cas2/certificate", "{\"fault\": \"self_signed\"}");
        send_on("localhost");
        discover();
        check_found(EWS_CONFIG, "certificate of");
        world_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_application),
        cmocka_unit_test(test_discover),
    };

    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
