/* The trail walked over the network: a server on loopback is all the places, and answers by host and
 * path as the case says. */
#include "ews_test.h"

#include "ews_account_priv.h"
#include "ews_autodiscover.h"
#include "name_server.h"
#include "net_http_server.h"

enum { GUARD_MS = 10000, PLACES_MAX = 6, SEEN_SIZE = 600 };

#define FOUND                                                                                      \
    "<Autodiscover><Response><Account><Protocol><Type>EXCH</Type><EwsUrl>http://cas1.in/EWS/"      \
    "Exchange.asmx</EwsUrl></Protocol></Account></Response></Autodiscover>"
#define FOUND_SOAP                                                                                 \
    EWS_TEST_ENVELOPE(                                                                             \
        "<GetUserSettingsResponseMessage><Response><UserResponses><UserResponse><UserSettings>"    \
        "<UserSetting><Name>ExternalEwsUrl</Name><Value>http://mail.out/EWS/Exchange.asmx"         \
        "</Value></UserSetting><UserSetting><Name>GroupingInformation</Name><Value>Site1</Value>"  \
        "</UserSetting></UserSettings></UserResponse></UserResponses></Response>"                  \
        "</GetUserSettingsResponseMessage>")

struct place {
    const char *host, *path;
    int status;
    const char *body;
    bool moved; /* with a Location: the server by its address, POX */
};

static const struct {
    const char *name, *address;
    bool server; /* the administrator named it */
    struct place place[PLACES_MAX];
    enum ews_class class;
    const char *url_or_code;
    const char *seen; /* hosts and paths, in order; '.svc' and '.xml' tell the way */
    bool windows;     /* logs in so, not by Basic */
} walk_case[] = {
    { "by SOAP at the server that was named",
      "ann@nowhere.invalid",
      true,
      { { "127.0.0.1", ".svc", 200, FOUND_SOAP, false } },
      EWS_OK,
      "http://mail.out/EWS/Exchange.asmx",
      "127.0.0.1.svc ",
      false },
    { "by POX at an old server",
      "ann@nowhere.invalid",
      true,
      { { "127.0.0.1", ".xml", 200, FOUND, false } },
      EWS_OK,
      "http://cas1.in/EWS/Exchange.asmx",
      "127.0.0.1.svc 127.0.0.1.xml ",
      false },
    { "at the domain's autodiscover",
      "ann@localhost",
      false,
      { { "autodiscover.localhost", ".svc", 200, FOUND_SOAP, false } },
      EWS_OK,
      "http://mail.out/EWS/Exchange.asmx",
      "localhost.svc localhost.xml autodiscover.localhost.svc ",
      false },
    { "sent on with 302",
      "ann@localhost",
      false,
      { { "localhost", ".svc", 302, "", true }, { "127.0.0.1", ".xml", 200, FOUND, false } },
      EWS_OK,
      "http://cas1.in/EWS/Exchange.asmx",
      "localhost.svc 127.0.0.1.xml ",
      false },
    { "by the redirect without login",
      "ann@localhost",
      false,
      { { "autodiscover.localhost", "GET", 302, "", true },
        { "127.0.0.1", ".xml", 200, FOUND, false } },
      EWS_OK,
      "http://cas1.in/EWS/Exchange.asmx",
      "localhost.svc localhost.xml autodiscover.localhost.svc autodiscover.localhost.xml "
      "autodiscover.localhostGET 127.0.0.1.xml ",
      true },
    { "no password for whom the redirect without TLS names",
      "ann@localhost",
      false,
      { { "autodiscover.localhost", "GET", 302, "", true },
        { "127.0.0.1", ".xml", 200, FOUND, false } },
      EWS_CONFIG,
      "http-404",
      "localhost.svc localhost.xml autodiscover.localhost.svc autodiscover.localhost.xml "
      "autodiscover.localhostGET ",
      false },
    { "nowhere",
      "ann@localhost",
      false,
      { { NULL, NULL, 0, NULL, false } },
      EWS_CONFIG,
      "http-404",
      "localhost.svc localhost.xml autodiscover.localhost.svc autodiscover.localhost.xml "
      "autodiscover.localhostGET ",
      false },
    { "login refused",
      "ann@localhost",
      false,
      { { "localhost", ".svc", 401, "", false },
        { "autodiscover.localhost", ".svc", 401, "", false } },
      EWS_CREDENTIALS,
      "http-401",
      "localhost.svc autodiscover.localhost.svc autodiscover.localhostGET ",
      false },
};

static struct {
    struct net_loop *loop;
    struct net_timer *guard;
    struct net_http_server *server;
    struct zone_record zone[2]; /* empty, but for what a test puts there */
    struct name_server names;
    struct net_dns *dns;
    struct ews_account *account;
    const struct place *place;
    char seen[SEEN_SIZE];
    bool get_had_login;
    unsigned done;
    enum ews_class class;
    char url_or_code[200], text[480];
} t;

static struct gw_str host_of(const struct net_http_exchange *x)
{
    struct gw_str host = net_http_header(x, "Host");

    (void)gw_str_cut(host, ":", &host, NULL);
    return host;
}

static void reply_place(struct net_http_exchange *x, const struct place *p)
{
    char location[200];

    if (p->status == 401)
        net_http_reply_header(x, "WWW-Authenticate", "Basic realm=\"x\"");
    if (p->moved) {
        snprintf(location, sizeof(location), "http://127.0.0.1:%u/autodiscover/autodiscover.xml",
                 net_http_server_port(t.server));
        net_http_reply_header(x, "Location", location);
    }
    net_http_reply(x, p->status, "text/xml", gw_str_of(p->body));
}

static void on_request(struct net_http_exchange *x, void *ctx)
{
    bool get = gw_str_is(net_http_method(x), "GET");
    struct gw_str path = net_http_path(x), host = host_of(x);
    const char *way = get ? "GET" : gw_str_ends(path, ".svc") ? ".svc" : ".xml";

    (void)ctx;
    assert_true(gw_str_starts(path, "/autodiscover/autodiscover."));
    if (!get && t.account->auth == EWS_AUTH_BASIC && !net_http_header(x, "Authorization").len) {
        net_http_reply_header(x, "WWW-Authenticate", "Basic realm=\"x\"");
        net_http_reply(x, 401, NULL, GW_STR("")); /* who wants to know what is offered */
        return;
    }
    snprintf(t.seen + strlen(t.seen), sizeof(t.seen) - strlen(t.seen), "%.*s%s ", GW_STR_ARG(host),
             way);
    t.get_had_login |= get && net_http_header(x, "Authorization").p;
    for (const struct place *p = t.place; p < t.place + PLACES_MAX && p->host; p++)
        if (gw_str_is(host, p->host) && strcmp(way, p->path) == 0) {
            reply_place(x, p);
            return;
        }
    net_http_reply(x, 404, "text/html", GW_STR("<html>none</html>"));
}

static void on_done(const struct ews_trail_result *result, void *ctx)
{
    assert_ptr_equal(ctx, &t);
    t.done++;
    t.class = result->status.class;
    snprintf(t.url_or_code, sizeof(t.url_or_code), "%s",
             result->url ? result->url : result->status.code);
    snprintf(t.text, sizeof(t.text), "%s", result->status.text);
    net_loop_stop(t.loop);
}

static void on_guard(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    net_loop_stop(t.loop);
}

static int setup(void **state)
{
    struct net_http_server_args args = { .address = "127.0.0.1",
                                         .body_max = EWS_REQUEST_MAX,
                                         .handler = on_request };
    struct ews_account_args account = { .auth = EWS_AUTH_BASIC, .name = "svc", .password = "x" };
    struct gw_err err;

    (void)state;
    memset(&t, 0, sizeof(t));
    t.loop = net_loop_new();
    t.guard = net_timer_new(t.loop, on_guard, NULL);
    assert_int_equal(net_http_server_new(t.loop, &args, &t.server, &err), GW_OK);
    name_server_init(&t.names, t.loop, t.zone);
    t.dns = name_server_dns(&t.names, t.loop);
    t.account = ews_account_new(t.loop, NULL, NULL);
    assert_int_equal(ews_account_set(t.account, &account, &err), GW_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ews_account_free(&t.account);
    net_dns_free(&t.dns);
    name_server_done(&t.names);
    net_http_server_free(&t.server);
    net_timer_free(&t.guard);
    net_loop_free(&t.loop);
    return 0;
}

static struct ews_autodiscover *start(const char *address, bool named)
{
    static char server[48];
    struct ews_autodiscover_args args = { .loop = t.loop,
                                          .account = t.account,
                                          .dns = t.dns,
                                          .trail = { .address = address, .allow_http = true },
                                          .timeout_ms = GUARD_MS,
                                          .done = on_done,
                                          .ctx = &t };
    struct ews_autodiscover *a;
    struct gw_err err;

    snprintf(server, sizeof(server), "http://127.0.0.1:%u", net_http_server_port(t.server));
    args.trail.server = named ? server : NULL;
    args.trail.plain_port = net_http_server_port(t.server);
    assert_int_equal(ews_autodiscover_start(&args, &a, &err), GW_OK);
    assert_int_equal(t.done, 0);
    return a;
}

static void run(void)
{
    net_timer_set(t.guard, net_loop_now(t.loop).mono + GUARD_MS);
    net_loop_run(t.loop);
}

static void test_walks(void **state)
{
    static const struct ews_account_args windows = { .name = "svc", .password = "x" };

    for (size_t i = 0; i < sizeof(walk_case) / sizeof(walk_case[0]); i++) {
        if (i) {
            teardown(state);
            setup(state);
        }
        if (walk_case[i].windows)
            assert_int_equal(ews_account_set(t.account, &windows, NULL), GW_OK);
        t.place = walk_case[i].place;
        (void)start(walk_case[i].address, walk_case[i].server);
        run();
        assert_int_equal(t.done, 1);
        if (t.class != walk_case[i].class || strcmp(t.url_or_code, walk_case[i].url_or_code) ||
            strcmp(t.seen, walk_case[i].seen))
            fail_msg("%s: %s %s '%s', asked %s", walk_case[i].name, ews_class_name(t.class),
                     t.url_or_code, t.text, t.seen);
        assert_false(t.get_had_login);
    }
}

/* Nothing answers at the domain, and a service record names another host (RFC 2782). */
static void test_service_record(void **state)
{
    static const struct place there[PLACES_MAX] = { { "localhost", ".svc", 200, FOUND_SOAP,
                                                      false } };
    static const struct ews_account_args windows = { .name = "svc", .password = "x" };

    (void)state;
    assert_int_equal(ews_account_set(t.account, &windows, NULL), GW_OK);
    t.zone[0] =
        (struct zone_record){ "_autodiscover._tcp.srv.invalid", ns_t_srv, "localhost", 0, 0, 0,
                              net_http_server_port(t.server) };
    t.place = there;
    (void)start("ann@srv.invalid", false);
    run();
    assert_int_equal(t.done, 1);
    assert_true(t.names.questions > 0);
    if (t.class || strcmp(t.url_or_code, "http://mail.out/EWS/Exchange.asmx") ||
        strcmp(t.seen, "localhost.svc "))
        fail_msg("%s %s, asked %s", t.url_or_code, t.text, t.seen);

    t.zone[0].data = NULL; /* no such record: the walk ends */
    t.done = 0;
    t.seen[0] = '\0';
    (void)start("ann@srv.invalid", false);
    run();
    assert_int_equal(t.done, 1);
    assert_int_not_equal(t.class, EWS_OK);
    assert_string_equal(t.seen, "");
}

/* Two refusals, and nobody else is given the password. */
static void test_no_lock_out(void **state)
{
    static const struct place place[PLACES_MAX] = {
        { "localhost", ".svc", 401, "", false },
        { "autodiscover.localhost", ".svc", 401, "", false },
        { "autodiscover.localhost", "GET", 302, "", true },
    };

    (void)state;
    t.place = place;
    (void)start("ann@localhost", false);
    run();
    assert_int_equal(t.done, 1);
    assert_int_equal(t.class, EWS_CREDENTIALS);
    assert_string_equal(t.seen, "localhost.svc autodiscover.localhost.svc "
                                "autodiscover.localhostGET ");
}

/* Strangers who refuse it do not keep an account from its calendars: one try is left for these. */
static void test_last_try_is_left(void **state)
{
    static const struct place place[PLACES_MAX] = {
        { "localhost", ".svc", 401, "", false },
        { "autodiscover.localhost", ".svc", 401, "", false },
    };

    (void)state;
    ews_account_taken(t.account->identity);
    t.place = place;
    (void)start("ann@localhost", false);
    run();
    assert_int_equal(t.done, 1);
    assert_int_equal(t.class, EWS_CREDENTIALS);
    assert_string_equal(t.seen, "localhost.svc autodiscover.localhostGET ");
    assert_int_equal(ews_identity_locked_until(t.account->identity, net_loop_now(t.loop).mono), 0);
}

static void test_cancel(void **state)
{
    struct ews_autodiscover *a;

    (void)state;
    a = start("ann@localhost", false);
    ews_autodiscover_cancel(&a);
    assert_null(a);
    ews_autodiscover_cancel(&a);
    net_timer_set(t.guard, net_loop_now(t.loop).mono + 20);
    net_loop_run(t.loop);
    assert_int_equal(t.done, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_walks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_service_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_lock_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_try_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
