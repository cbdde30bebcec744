/* Autodiscover's documents, addresses, and the order of asking. */
#include "ews_test_answer.h"

#include "ews_trail.h"
#include "ews_url.h"

#define SOAP(body)                                                                                 \
    EWS_TEST_ENVELOPE("<GetUserSettingsResponseMessage><Response>" body                            \
                      "</Response></GetUserSettingsResponseMessage>")
#define USER(body)                                                                                 \
    SOAP("<ErrorCode>NoError</ErrorCode><ErrorMessage/><UserResponses><UserResponse>" body         \
         "</UserResponse></UserResponses>")
#define SETTING(name, value)                                                                       \
    "<UserSetting><Name>" name "</Name><Value>" value "</Value></UserSetting>"
#define POX(body)                                                                                  \
    "<?xml version='1.0' encoding='utf-8'?><Autodiscover xmlns='http://schemas.microsoft.com/"     \
    "exchange/autodiscover/responseschema/2006'><Response xmlns='http://schemas.microsoft.com/"    \
    "exchange/autodiscover/outlook/responseschema/2006a'>" body "</Response></Autodiscover>"

/* ---- answers ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum ews_op op;
    const char *body;
    enum ews_class class;
    const char *code;
    const char *internal, *external, *grouping, *address, *url;
} answer_case[] = {
    { "soap", EWS_OP_DISCOVER,
      USER("<ErrorCode>NoError</ErrorCode><UserSettingErrors/><UserSettings>" SETTING(
          "InternalEwsUrl", "https://cas1.in/EWS/Exchange.asmx")
               SETTING("ExternalEwsUrl", "https://mail.out/EWS/Exchange.asmx") SETTING(
                   "GroupingInformation", "Site1") SETTING("UserDN", "/o=x") "</UserSettings>"),
      EWS_OK, "NoError", "https://cas1.in/EWS/Exchange.asmx", "https://mail.out/EWS/Exchange.asmx",
      "Site1", "", "" },
    { "soap, nothing said", EWS_OP_DISCOVER, USER("<ErrorCode>NoError</ErrorCode>"), EWS_BAD_ANSWER,
      "incomplete", "", "", "", "", "" },
    { "soap, no address is set", EWS_OP_DISCOVER,
      USER("<ErrorCode>NoError</ErrorCode><UserSettingErrors><UserSettingError>"
           "<ErrorCode>SettingIsNotAvailable</ErrorCode><ErrorMessage>none</ErrorMessage>"
           "<SettingName>InternalEwsUrl</SettingName></UserSettingError></UserSettingErrors>"
           "<UserSettings>" SETTING("GroupingInformation", "Site1") "</UserSettings>"),
      EWS_CONFIG, "SettingIsNotAvailable", "", "", "Site1", "", "" },
    { "soap, an error of each setting", EWS_OP_DISCOVER,
      USER("<ErrorCode>NoError</ErrorCode><UserSettingErrors><UserSettingError>"
           "<ErrorCode>InternalServerError</ErrorCode><ErrorMessage>oh</ErrorMessage>"
           "<SettingName>InternalEwsUrl</SettingName></UserSettingError></UserSettingErrors>"),
      EWS_TRANSIENT, "InternalServerError", "", "", "", "", "" },
    { "soap, one address is enough", EWS_OP_DISCOVER,
      USER("<ErrorCode>NoError</ErrorCode><UserSettingErrors><UserSettingError>"
           "<ErrorCode>SettingIsNotAvailable</ErrorCode><ErrorMessage>none</ErrorMessage>"
           "<SettingName>InternalEwsUrl</SettingName></UserSettingError></UserSettingErrors>"
           "<UserSettings>" SETTING("ExternalEwsUrl", "https://a/EWS") "</UserSettings>"),
      EWS_OK, "NoError", "", "https://a/EWS", "", "", "" },
    { "soap, other address", EWS_OP_DISCOVER,
      USER("<ErrorCode>RedirectAddress</ErrorCode><RedirectTarget>ann@new.example"
           "</RedirectTarget>"),
      EWS_ELSEWHERE, "redirect", "", "", "", "ann@new.example", "" },
    { "soap, other server", EWS_OP_DISCOVER,
      SOAP("<ErrorCode>RedirectUrl</ErrorCode><RedirectTarget>https://b/autodiscover.svc"
           "</RedirectTarget>"),
      EWS_ELSEWHERE, "redirect", "", "", "", "", "https://b/autodiscover.svc" },
    { "soap, redirect to nowhere", EWS_OP_DISCOVER, USER("<ErrorCode>RedirectUrl</ErrorCode>"),
      EWS_TRANSIENT, "RedirectUrl", "", "", "", "", "" },
    { "soap, unknown user", EWS_OP_DISCOVER,
      USER("<ErrorCode>InvalidUser</ErrorCode><ErrorMessage>none</ErrorMessage>"), EWS_MAILBOX,
      "InvalidUser", "", "", "", "", "" },
    { "soap, busy", EWS_OP_DISCOVER, SOAP("<ErrorCode>ServerBusy</ErrorCode>"), EWS_BUSY,
      "ServerBusy", "", "", "", "", "" },
    { "pox", EWS_OP_DISCOVER_POX,
      POX("<User><DisplayName>Ann</DisplayName></User><Account><AccountType>email</AccountType>"
          "<Action>settings</Action><Protocol><Type>EXCH</Type><ASUrl>https://cas1.in/as</ASUrl>"
          "<EwsUrl>https://cas1.in/EWS/Exchange.asmx</EwsUrl></Protocol><Protocol><Type>EXPR</Type>"
          "<ASUrl>https://mail.out/EWS/Exchange.asmx</ASUrl></Protocol><Protocol><Type>WEB</Type>"
          "</Protocol></Account>"),
      EWS_OK, "NoError", "https://cas1.in/EWS/Exchange.asmx", "https://mail.out/EWS/Exchange.asmx",
      "", "", "" },
    { "pox, newer protocol", EWS_OP_DISCOVER_POX,
      POX("<Account><Protocol><Type>EXHTTP</Type><EwsUrl>https://a/EWS</EwsUrl></Protocol>"
          "</Account>"),
      EWS_OK, "NoError", "https://a/EWS", "", "", "", "" },
    { "pox, other address", EWS_OP_DISCOVER_POX,
      POX("<Account><Action>redirectAddr</Action><RedirectAddr>ann@new.example</RedirectAddr>"
          "</Account>"),
      EWS_ELSEWHERE, "redirect", "", "", "", "ann@new.example", "" },
    { "pox, other server", EWS_OP_DISCOVER_POX,
      POX("<Account><Action>redirectUrl</Action><RedirectUrl>https://b/x</RedirectUrl></Account>"),
      EWS_ELSEWHERE, "redirect", "", "", "", "", "https://b/x" },
    { "pox, error", EWS_OP_DISCOVER_POX,
      POX("<Error Time='1' Id='2'><ErrorCode>500</ErrorCode><Message>who?</Message></Error>"),
      EWS_MAILBOX, "autodiscover-error", "", "", "", "", "" },
    { "pox, a web site's", EWS_OP_DISCOVER_POX, "<feed/>", EWS_BAD_ANSWER, "not-soap", "", "", "",
      "", "" },
};

static void assert_text(const char *name, struct gw_str got, const char *expected)
{
    if (!gw_str_is(got, expected))
        fail_msg("%s: '%.*s' instead of '%s'", name, GW_STR_ARG(got), expected);
}

static void test_answers(void **state)
{
    static const struct ews_discovery none;

    (void)state;
    for (size_t i = 0; i < sizeof(answer_case) / sizeof(answer_case[0]); i++) {
        const char *name = answer_case[i].name;
        const struct ews_discovery *d;
        struct parsed p;

        parse_text(answer_case[i].op, answer_case[i].body, &p);
        if (p.a.status.class != answer_case[i].class ||
            strcmp(p.a.status.code, answer_case[i].code))
            fail_msg("%s: %s %s", name, ews_class_name(p.a.status.class), p.a.status.code);
        d = p.a.discovery ? p.a.discovery : &none;
        assert_text(name, d->internal_url, answer_case[i].internal);
        assert_text(name, d->external_url, answer_case[i].external);
        assert_text(name, d->grouping, answer_case[i].grouping);
        assert_text(name, d->redirect_address, answer_case[i].address);
        assert_text(name, d->redirect_url, answer_case[i].url);
        parsed_done(&p);
    }
}

static void test_http_redirect(void **state)
{
    struct ews_http http = { .status = 302,
                             .location = GW_STR_INIT("https://b/autodiscover/autodiscover.xml"),
                             .body = GW_STR_INIT("<html>moved</html>") };
    struct parsed p;

    (void)state;
    parse_http(EWS_OP_DISCOVER_POX, &http, &p);
    assert_int_equal(p.a.status.class, EWS_ELSEWHERE);
    assert_text("302", p.a.discovery->redirect_url, "https://b/autodiscover/autodiscover.xml");
    parsed_done(&p);
    parse_http(EWS_OP_FIND_ITEM, &http, &p); /* nobody else follows one */
    assert_int_equal(p.a.status.class, EWS_CONFIG);
    parsed_done(&p);
}

/* ---- addresses -------------------------------------------------------------------------------- */

static void test_urls(void **state)
{
    static const struct {
        const char *in;
        enum gw_code rc;
        bool https;
        const char *host;
        unsigned port;
        const char *path;
    } c[] = {
        { "https://mail.example/EWS/Exchange.asmx", GW_OK, true, "mail.example", 443,
          "/EWS/Exchange.asmx" },
        { "HTTP://10.0.0.1:8080", GW_OK, false, "10.0.0.1", 8080, "/" },
        { "https://[2001:db8::1]/a?b=c", GW_OK, true, "2001:db8::1", 443, "/a?b=c" },
        { "https://[::1]:444/", GW_OK, true, "::1", 444, "/" },
        { "https://host?x", GW_OK, true, "host", 443, "/" },
        { "ftp://host/", GW_INVALID, 0, NULL, 0, NULL },
        { "mail.example", GW_INVALID, 0, NULL, 0, NULL },
        { "https://", GW_INVALID, 0, NULL, 0, NULL },
        { "https:///path", GW_INVALID, 0, NULL, 0, NULL },
        { "https://user:secret@host/", GW_INVALID, 0, NULL, 0, NULL },
        { "https://host:0/", GW_INVALID, 0, NULL, 0, NULL },
        { "https://host:65536/", GW_INVALID, 0, NULL, 0, NULL },
        { "https://host:x/", GW_INVALID, 0, NULL, 0, NULL },
        { "https://[::1/", GW_INVALID, 0, NULL, 0, NULL },
        { "https://[::1]x/", GW_INVALID, 0, NULL, 0, NULL },
        { "https://[host]/", GW_INVALID, 0, NULL, 0, NULL },
        { "https://ho st/", GW_INVALID, 0, NULL, 0, NULL },
        { "https://host/\r\nX-Evil: 1", GW_INVALID, 0, NULL, 0, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct ews_url u;
        struct gw_err err = { GW_OK, "" };

        if (ews_url_parse(gw_str_of(c[i].in), &u, &err) != c[i].rc)
            fail_msg("%s: %s", c[i].in, err.msg);
        if (c[i].rc)
            continue;
        assert_int_equal(u.https, c[i].https);
        assert_text(c[i].in, u.host, c[i].host);
        assert_int_equal(u.port, c[i].port);
        assert_text(c[i].in, u.path, c[i].path);
    }
}

/* ---- the trail -------------------------------------------------------------------------------- */

/* What comes of a step: of an ASK one of these; else a place, NULL: none. */
enum outcome { FOUND, MOVED_URL, MOVED_ADDRESS, GONE, NOT_HERE, NO_ENTRY, UNKNOWN, PLACE, OVER };

struct act {
    const char *asks; /* the step: "soap URL", "pox URL", "get URL", "srv NAME" */
    enum outcome then;
    const char *to;
};
enum { ACTS_MAX = 16 };

static const struct ews_status status_of[] = {
    [FOUND] = { .class = EWS_OK, .alive = true },
    [MOVED_URL] = { .class = EWS_ELSEWHERE, .code = "redirect" },
    [MOVED_ADDRESS] = { .class = EWS_ELSEWHERE, .code = "redirect" },
    [GONE] = { .class = EWS_SERVER_DOWN, .code = "unreachable" },
    [NOT_HERE] = { .class = EWS_CONFIG, .code = "http-404" },
    [NO_ENTRY] = { .class = EWS_CREDENTIALS, .code = "http-401" },
    [UNKNOWN] = { .class = EWS_MAILBOX, .code = "InvalidUser", .alive = true },
};

static void step_text(const struct ews_trail_step *step, char *out, size_t size)
{
    static const char *const kind[] = { [EWS_TRAIL_ASK] = "pox",
                                        [EWS_TRAIL_REDIRECT] = "get",
                                        [EWS_TRAIL_SRV] = "srv",
                                        [EWS_TRAIL_END] = "end" };
    bool soap = step->kind == EWS_TRAIL_ASK && step->op == EWS_OP_DISCOVER;

    snprintf(out, size, "%s %s", soap ? "soap" : kind[step->kind], step->url ? step->url : "");
}

/* "HOST HOST ...": a record each. */
static void act_srv(struct ews_trail *t, const char *to)
{
    struct ews_trail_place places[8];
    struct gw_str rest = gw_str_of(to), host;
    size_t count = 0;

    while (rest.len && count < 8) {
        if (!gw_str_cut(rest, " ", &host, &rest)) {
            host = rest;
            rest.len = 0;
        }
        places[count++] = (struct ews_trail_place){ .host = host, .port = 8443 };
    }
    ews_trail_srv(t, places, count);
}

static void act_out(struct ews_trail *t, const struct act *a)
{
    struct ews_discovery d = { 0 };
    struct ews_answer answer = { .discovery = &d,
                                 .status = status_of[a->then < PLACE ? a->then : 0] };

    if (ews_trail_step(t)->kind == EWS_TRAIL_SRV) {
        act_srv(t, a->to);
        return;
    }
    if (ews_trail_step(t)->kind == EWS_TRAIL_REDIRECT) {
        ews_trail_redirected(t, gw_str_of(a->to));
        return;
    }
    if (a->then == FOUND)
        d.internal_url = gw_str_of(a->to);
    if (a->then == MOVED_URL)
        d.redirect_url = gw_str_of(a->to);
    if (a->then == MOVED_ADDRESS)
        d.redirect_address = gw_str_of(a->to);
    ews_trail_answered(t, &answer);
}

#define EWS_URL_OF(host) "https://" host "/EWS/Exchange.asmx"
#define SVC(host)        "soap https://" host "/autodiscover/autodiscover.svc"
#define XML(host)        "pox https://" host "/autodiscover/autodiscover.xml"
#define GET(host)        "get http://autodiscover." host "/autodiscover/autodiscover.xml"

static const struct {
    const char *name, *server;
    struct act acts[ACTS_MAX];
    enum ews_class class;
    const char *code_or_url;
    const char *address;
} trail_case[] = {
    { "at once",
      NULL,
      { { SVC("x.example"), FOUND, EWS_URL_OF("cas") } },
      EWS_OK,
      EWS_URL_OF("cas"),
      "ann@x.example" },
    { "all ways to the end",
      NULL,
      { { SVC("x.example"), GONE, NULL },
        { SVC("autodiscover.x.example"), NOT_HERE, NULL },
        { XML("autodiscover.x.example"), NOT_HERE, NULL },
        { GET("x.example"), PLACE, NULL },
        { "srv _autodiscover._tcp.x.example", PLACE, NULL } },
      EWS_CONFIG,
      "http-404",
      "ann@x.example" },
    { "a server without TLS is asked with it",
      "http://cas.in",
      { { SVC("cas.in"), FOUND, EWS_URL_OF("cas") } },
      EWS_OK,
      EWS_URL_OF("cas"),
      "ann@x.example" },
    { "the server of 2007",
      "cas.in:444",
      { { SVC("cas.in:444"), NOT_HERE, NULL }, { XML("cas.in:444"), FOUND, EWS_URL_OF("cas") } },
      EWS_OK,
      EWS_URL_OF("cas"),
      "ann@x.example" },
    { "by SRV",
      NULL,
      { { SVC("x.example"), GONE, NULL },
        { SVC("autodiscover.x.example"), GONE, NULL },
        { GET("x.example"), PLACE, NULL },
        { "srv _autodiscover._tcp.x.example", PLACE, "mail.other" },
        { SVC("mail.other:8443"), NOT_HERE, NULL },
        { XML("mail.other:8443"), FOUND, EWS_URL_OF("cas") } },
      EWS_OK,
      EWS_URL_OF("cas"),
      "ann@x.example" },
    { "by the second SRV record",
      NULL,
      { { SVC("x.example"), GONE, NULL },
        { SVC("autodiscover.x.example"), GONE, NULL },
        { GET("x.example"), PLACE, NULL },
        { "srv _autodiscover._tcp.x.example", PLACE, "dead.other mail.other" },
        { SVC("dead.other:8443"), GONE, NULL },
        { SVC("mail.other:8443"), FOUND, EWS_URL_OF("cas") } },
      EWS_OK,
      EWS_URL_OF("cas"),
      "ann@x.example" },
    { "not more than four SRV records",
      NULL,
      { { SVC("x.example"), GONE, NULL },
        { SVC("autodiscover.x.example"), GONE, NULL },
        { GET("x.example"), PLACE, NULL },
        { "srv _autodiscover._tcp.x.example", PLACE, "a.other b.other c.other d.other e.other" },
        { SVC("a.other:8443"), GONE, NULL },
        { SVC("b.other:8443"), GONE, NULL },
        { SVC("c.other:8443"), GONE, NULL },
        { SVC("d.other:8443"), GONE, NULL } },
      EWS_SERVER_DOWN,
      "unreachable",
      "ann@x.example" },
    { "by plain redirect",
      NULL,
      { { SVC("x.example"), GONE, NULL },
        { SVC("autodiscover.x.example"), GONE, NULL },
        { GET("x.example"), PLACE, "https://hoster/autodiscover/autodiscover.xml" },
        { XML("hoster"), FOUND, EWS_URL_OF("cas") } },
      EWS_OK,
      EWS_URL_OF("cas"),
      "ann@x.example" },
    { "to another path of the same server",
      "cas.in:444",
      { { SVC("cas.in:444"), MOVED_URL, "/other/autodiscover.xml" },
        { "pox https://cas.in:444/other/autodiscover.xml", FOUND, EWS_URL_OF("cas") } },
      EWS_OK,
      EWS_URL_OF("cas"),
      "ann@x.example" },
    { "to another path of a server without TLS, or to no path",
      NULL,
      { { SVC("x.example"), MOVED_URL, "//evil.example/autodiscover.xml" },
        { SVC("autodiscover.x.example"), MOVED_URL, "autodiscover.xml" },
        { GET("x.example"), PLACE, "/autodiscover/other.xml" },
        { "srv _autodiscover._tcp.x.example", PLACE, NULL } },
      EWS_CONFIG,
      "redirect",
      "ann@x.example" },
    { "another address",
      NULL,
      { { SVC("x.example"), MOVED_ADDRESS, "ann@y.example" },
        { SVC("y.example"), FOUND, EWS_URL_OF("cas") } },
      EWS_OK,
      EWS_URL_OF("cas"),
      "ann@y.example" },
    { "another address that is none",
      "s",
      { { SVC("s"), MOVED_ADDRESS, "nobody" }, { SVC("x.example"), FOUND, EWS_URL_OF("cas") } },
      EWS_OK,
      EWS_URL_OF("cas"),
      "ann@x.example" },
    { "only with TLS",
      NULL,
      { { SVC("x.example"), MOVED_URL, "http://b/autodiscover/autodiscover.svc" },
        { SVC("autodiscover.x.example"), FOUND, "http://cas/EWS/Exchange.asmx" },
        { GET("x.example"), PLACE, "http://b/" },
        { "srv _autodiscover._tcp.x.example", PLACE, NULL } },
      EWS_CONFIG,
      "redirect",
      "ann@x.example" },
    { "a refused login is not the end",
      NULL,
      { { SVC("x.example"), NO_ENTRY, NULL },
        { SVC("autodiscover.x.example"), FOUND, EWS_URL_OF("cas") } },
      EWS_OK,
      EWS_URL_OF("cas"),
      "ann@x.example" },
    { "what tells most",
      NULL,
      { { SVC("x.example"), UNKNOWN, NULL },
        { SVC("autodiscover.x.example"), NO_ENTRY, NULL },
        { GET("x.example"), PLACE, NULL },
        { "srv _autodiscover._tcp.x.example", PLACE, NULL } },
      EWS_MAILBOX,
      "InvalidUser",
      "ann@x.example" },
};

static void test_trails(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(trail_case) / sizeof(trail_case[0]); i++) {
        struct ews_trail_args args = { .address = "ann@x.example", .server = trail_case[i].server };
        struct ews_trail_result result;
        struct ews_trail *t;
        struct gw_err err;
        char text[256];

        assert_int_equal(ews_trail_new(&args, &t, &err), GW_OK);
        for (const struct act *a = trail_case[i].acts; a->asks; a++) {
            step_text(ews_trail_step(t), text, sizeof(text));
            if (strcmp(text, a->asks))
                fail_msg("%s: '%s' instead of '%s'", trail_case[i].name, text, a->asks);
            act_out(t, a);
        }
        assert_int_equal(ews_trail_step(t)->kind, EWS_TRAIL_END);
        ews_trail_result(t, &result);
        if (result.status.class != trail_case[i].class ||
            strcmp(result.url ? result.url : result.status.code, trail_case[i].code_or_url))
            fail_msg("%s: %s %s", trail_case[i].name, ews_class_name(result.status.class),
                     result.url ? result.url : result.status.code);
        assert_string_equal(result.address, trail_case[i].address);
        ews_trail_free(&t);
    }
}

/* What comes without TLS, of a login that shows the server a password or token. */
static void test_redirects_not_believed(void **state)
{
    static const struct {
        const char *to;
        bool believed;
    } c[] = { { "mail.x.example", true }, { "X.Example", true },       { "hoster", false },
              { "evilx.example", false }, { "x.example.evil", false }, { "example", false } };
    char url[100], asks[100], text[256];

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(c) / sizeof(c[0]); i++) {
        struct ews_trail_args args = { .address = "ann@x.example", .shows_secret = true };
        const char *to = c[i / 2].to;
        struct act acts[] = {
            { "", GONE, NULL }, { "", GONE, NULL }, { "", PLACE, NULL }, { "", PLACE, to }
        };
        bool by_srv = i % 2, asked;
        struct ews_trail *t;

        snprintf(url, sizeof(url), "https://%s/autodiscover/autodiscover.xml", to);
        snprintf(asks, sizeof(asks), by_srv ? SVC("%s:8443") : XML("%s"), to);
        if (!by_srv)
            acts[2].to = url;
        assert_int_equal(ews_trail_new(&args, &t, NULL), GW_OK);
        for (int n = 0; n < 3 + by_srv; n++)
            act_out(t, &acts[n]);
        step_text(ews_trail_step(t), text, sizeof(text));
        asked = strcmp(text, asks) == 0;
        if (asked != c[i / 2].believed)
            fail_msg("%s: %s", to, text);
        ews_trail_free(&t);
    }
}

/* Two servers, or two addresses, that send to each other. */
static void test_circles(void **state)
{
    static const struct act circle[] = {
        { NULL, MOVED_URL, "https://b/autodiscover/autodiscover.svc" },
        { NULL, MOVED_ADDRESS, "ann@y.example" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(circle) / sizeof(circle[0]); i++) {
        struct ews_trail_args args = { .address = "ann@x.example" };
        struct ews_trail_result result;
        struct ews_trail *t;
        struct gw_err err;
        unsigned steps = 0;

        assert_int_equal(ews_trail_new(&args, &t, &err), GW_OK);
        for (; ews_trail_step(t)->kind != EWS_TRAIL_END && steps < 100; steps++) {
            struct act a = circle[i];

            if (ews_trail_step(t)->kind != EWS_TRAIL_ASK)
                a.to = NULL;
            act_out(t, &a);
        }
        assert_in_range(steps, EWS_TRAIL_HOPS_MAX, EWS_TRAIL_HOPS_MAX + 5);
        ews_trail_result(t, &result);
        assert_int_equal(result.status.class, EWS_CONFIG);
        ews_trail_free(&t);
    }
}

static void test_bad_addresses(void **state)
{
    static const char *const bad[] = { "", "ann", "@x", "ann@", "a@b@c", "a b@c", "a@b/c" };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ews_trail_args args = { .address = bad[i] };
        struct ews_trail *t = NULL;
        struct gw_err err;

        if (ews_trail_new(&args, &t, &err) != GW_INVALID)
            fail_msg("'%s' was taken", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_http_redirect),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_trails),
        cmocka_unit_test(test_redirects_not_believed),
        cmocka_unit_test(test_circles),
        cmocka_unit_test(test_bad_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
