/* Logins on connections, against a server on loopback that takes NTLM and Negotiate over GSSAPI, on
 * TLS, with a certificate of its own; and every way in which a login fails. */
#include "net_peer.h"

#include "ews_account_priv.h"
#include "ews_conn.h"
#include "ews_test.h"
#include "gss_acceptor.h"
#include "net_http_server.h"

enum { SEATS = 70, GUARD_MS = 20000, PATIENT_MS = 10000 };

/* What the server does besides logging in whom it likes. */
enum quirk {
    NONE,
    OTHER_CERTIFICATE, /* TLS ends before it, at something with another certificate */
    NO_NTLM,           /* turns the first token away */
    CLOSES,            /* closes after each 401 */
    FORGETS,           /* the login holds for one request */
    STALLS,            /* never answers a token */
    GARBAGE,           /* a challenge that is none */
    BREAKS,            /* 503 to the last token */
    MUTE,              /* says nothing to the last token */
    ENDLESS            /* challenges again and again */
};

struct seat { /* a connection, at the server */
    uint64_t id;
    struct acceptor acceptor;
    bool logged_in;
};

static struct {
    struct net_loop *loop;
    struct net_timer *guard;
    struct net_pool *pool;
    struct net_http_server *server;
    struct identity id;
    struct net_tls_policy policy;
    char end_point[64], url[100], token_url[100];
    unsigned end_point_len;
    struct ews_account *account;
    struct ews_conn *conn;

    const char *const *offer;
    enum quirk quirk;
    bool require;
    struct seat seat[SEATS];
    unsigned seats, requests, bodies, proofs;
    const char *date;     /* that it says it is; or NULL */
    unsigned tokens;      /* given out */
    unsigned token_taken; /* the number of the one that is good; 0: none */

    unsigned done, awaited;
    struct ews_status login;
    int status;
    char body[64], stream[64];
    bool free_in_done;
} t;

/* ---- the server ------------------------------------------------------------------------------- */

static struct seat *seat_of(const struct net_http_exchange *x)
{
    uint64_t id = net_http_connection_id(x);

    for (unsigned i = 0; i < t.seats; i++)
        if (t.seat[i].id == id)
            return &t.seat[i];
    assert_true(t.seats < SEATS);
    t.seat[t.seats] = (struct seat){ .id = id };
    t.seat[t.seats].acceptor.end_point =
        (struct gw_str){ t.quirk == OTHER_CERTIFICATE ? "................................"
                                                      : t.end_point,
                         t.end_point_len };
    return &t.seat[t.seats++];
}

static void refuse(struct net_http_exchange *x, const char *challenge)
{
    if (challenge)
        net_http_reply_header(x, "WWW-Authenticate", challenge);
    for (const char *const *o = t.offer; !challenge && *o; o++)
        net_http_reply_header(x, "WWW-Authenticate", *o);
    if (t.date)
        net_http_reply_header(x, "Date", t.date);
    if (t.quirk == CLOSES)
        net_http_reply_header(x, "Connection", "close");
    net_http_reply(x, 401, "text/html", GW_STR("<html>who are you?</html>"));
}

static void serve(struct net_http_exchange *x, struct seat *seat)
{
    if (t.quirk == FORGETS)
        seat->logged_in = false;
    if (!net_http_body(x).len) {
        net_http_reply(x, 500, "text/plain", GW_STR("nothing was asked"));
        return;
    }
    t.bodies++;
    net_http_reply(x, 200, "text/xml", net_http_body(x));
}

static void challenge(struct net_http_exchange *x, struct gw_str scheme, struct gw_str token)
{
    struct gw_buf text;

    gw_buf_init(&text, 65536);
    gw_buf_add_str(&text, scheme);
    gw_buf_add_char(&text, ' ');
    gw_buf_add_str(&text, token);
    refuse(x, text.p);
    gw_buf_done(&text);
}

static void judge(struct net_http_exchange *x, struct seat *seat, struct gw_str scheme,
                  struct gw_str token)
{
    enum acceptor_answer answer;
    struct gw_buf reply;

    gw_buf_init(&reply, 65536);
    answer = acceptor_step(&seat->acceptor, token, &reply);
    if (answer == ACCEPTOR_MORE) {
        challenge(x, scheme, t.quirk == GARBAGE ? GW_STR("AAAA") : gw_buf_str(&reply));
    } else if (t.quirk == BREAKS) {
        net_http_reply(x, 503, "text/plain", GW_STR("no"));
    } else if (t.quirk == MUTE) {
        t.proofs++;
        acceptor_done(&seat->acceptor);
    } else if (t.quirk == ENDLESS) {
        challenge(x, scheme, GW_STR("TlRMTVNTUAACAAAA"));
    } else if (answer == ACCEPTOR_REFUSED || (t.require && !seat->acceptor.bound)) {
        t.proofs++;
        acceptor_done(&seat->acceptor);
        refuse(x, NULL);
    } else {
        t.proofs++;
        acceptor_done(&seat->acceptor);
        seat->logged_in = true;
        serve(x, seat);
    }
    gw_buf_done(&reply);
}

static void give_token(struct net_http_exchange *x)
{
    char text[100];

    snprintf(text, sizeof(text),
             "{\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"t%u\"}",
             ++t.tokens);
    net_http_reply(x, 200, "application/json", gw_str_of(text));
}

static void judge_token(struct net_http_exchange *x, struct seat *seat, struct gw_str token)
{
    char good[16];

    snprintf(good, sizeof(good), "t%u", t.token_taken);
    if (gw_str_is(token, good))
        serve(x, seat);
    else
        refuse(x, NULL);
}

static void on_request(struct net_http_exchange *x, void *ctx)
{
    struct gw_str authorization = net_http_header(x, "Authorization"), scheme, token;
    struct seat *seat = seat_of(x);

    (void)ctx;
    if (gw_str_is(net_http_path(x), "/token")) {
        give_token(x);
        return;
    }
    t.requests++;
    if (!authorization.len) {
        if (seat->logged_in)
            serve(x, seat);
        else
            refuse(x, NULL);
        return;
    }
    assert_true(gw_str_cut(authorization, " ", &scheme, &token));
    if (gw_str_is(scheme, "Basic")) {
        if (gw_str_is(token, "UFJFU0VOQ0VcZ2F0ZXdheTpzM2Nyw6l0"))
            serve(x, seat);
        else
            refuse(x, NULL);
    } else if (gw_str_is(scheme, "Bearer")) {
        judge_token(x, seat, token);
    } else if (t.quirk == NO_NTLM) {
        refuse(x, NULL);
    } else if (t.quirk != STALLS) {
        judge(x, seat, scheme, token);
    }
}

/* ---- the client ------------------------------------------------------------------------------- */

static void on_guard(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    net_loop_stop(t.loop);
}

static void on_done(const struct net_http_answer *http, const struct ews_status *login, void *ctx)
{
    (void)ctx;
    t.login = login ? *login : (struct ews_status){ 0 };
    t.status = http && !http->code ? http->status : -1;
    t.body[0] = '\0';
    if (http)
        snprintf(t.body, sizeof(t.body), "%.*s", GW_STR_ARG(http->body));
    if (t.free_in_done)
        ews_conn_free(&t.conn);
    if (++t.done >= t.awaited)
        net_loop_stop(t.loop);
}

static void on_piece(struct gw_str piece, void *ctx)
{
    size_t len = strlen(t.stream);

    (void)ctx;
    snprintf(t.stream + len, sizeof(t.stream) - len, "%.*s", GW_STR_ARG(piece));
}

static void start_on(struct ews_conn *conn, unsigned timeout_ms, net_http_data_fn *piece)
{
    struct net_http_request request = { .method = "POST",
                                        .url = t.url,
                                        .headers = (const char *const[]){ "X-Test: 1", NULL },
                                        .body = GW_STR("<ask/>"),
                                        .timeout_ms = timeout_ms,
                                        .body_max = 1000 };

    ews_conn_start(conn, &request, piece, on_done, NULL);
}

static void run_for(int64_t ms)
{
    net_timer_set(t.guard, net_loop_now(t.loop).mono + ms);
    net_loop_run(t.loop);
    net_timer_set(t.guard, GW_NEVER);
}

static void await(unsigned done)
{
    t.awaited = done;
    if (t.done < done)
        run_for(GUARD_MS);
    assert_int_equal(t.done, done);
}

static void ask(void)
{
    start_on(t.conn, PATIENT_MS, NULL);
    await(t.done + 1);
}

static void set_account(enum ews_auth auth, const char *name, const char *password)
{
    struct ews_account_args args = { .auth = auth,
                                     .name = name,
                                     .password = password,
                                     .token_url = t.token_url,
                                     .token_scope = "all",
                                     .token_tls = &t.policy };

    assert_int_equal(ews_account_set(t.account, &args, NULL), GW_OK);
}

static struct ews_conn *conn_new(void)
{
    struct ews_conn_args args = {
        .loop = t.loop, .account = t.account, .tls = &t.policy, .host = "localhost"
    };

    return ews_conn_new(&args);
}

static const char *const both[] = { "Negotiate", "NTLM", NULL };
static const char *const only_ntlm[] = { "NTLM", NULL };
static const char *const only_negotiate[] = { "Negotiate", NULL };
static const char *const only_basic[] = { "Basic realm=\"localhost\"", NULL };
static const char *const all[] = { "Basic realm=\"localhost\", NTLM", "Negotiate", NULL };
static const char *const none[] = { NULL };
static const char *const bearer[] = { "Bearer client_id=\"x\"", NULL };

static void setup(const char *const *offer, enum quirk quirk)
{
    struct net_http_server_args args = { .address = "127.0.0.1",
                                         .body_max = 1000,
                                         .handler = on_request };
    unsigned len;

    memset(&t, 0, sizeof(t));
    t.offer = offer;
    t.quirk = quirk;
    t.require = true;
    t.loop = net_loop_new();
    t.guard = net_timer_new(t.loop, on_guard, NULL);
    t.pool = net_pool_new(t.loop, 2);
    identity_init(&t.id, "DNS:localhost", EVP_sha256());
    t.policy = (struct net_tls_policy){ .apply = identity_trust, .ctx = &t.id };
    assert_int_equal(X509_digest(t.id.cert, EVP_sha256(), (unsigned char *)t.end_point, &len), 1);
    t.end_point_len = len;
    assert_int_equal(net_tls_new_pem(t.id.cert_pem, t.id.key_pem, &args.tls, NULL), GW_OK);
    assert_int_equal(net_http_server_new(t.loop, &args, &t.server, NULL), GW_OK);
    net_tls_unref(&args.tls);
    snprintf(t.url, sizeof(t.url), "https://localhost:%u/EWS/Exchange.asmx",
             net_http_server_port(t.server));
    snprintf(t.token_url, sizeof(t.token_url), "https://localhost:%u/token",
             net_http_server_port(t.server));
    t.account = ews_account_new(t.loop, t.pool, NULL);
    set_account(EWS_AUTH_AUTO, "PRESENCE\\gateway", "s3cr\xc3\xa9t");
    t.conn = conn_new();
}

static void server_free(void)
{
    net_http_server_free(&t.server);
    while (t.seats)
        acceptor_done(&t.seat[--t.seats].acceptor);
}

static void teardown(void)
{
    ews_conn_free(&t.conn);
    ews_account_free(&t.account);
    net_pool_free(&t.pool);
    server_free();
    net_timer_free(&t.guard);
    net_loop_free(&t.loop);
    identity_done(&t.id);
}

static void restart_server(void)
{
    struct net_http_server_args args = { .address = "127.0.0.1",
                                         .port = net_http_server_port(t.server),
                                         .body_max = 1000,
                                         .handler = on_request };

    server_free(); /* and the logins: the new one counts its connections from 1 again */
    assert_int_equal(net_tls_new_pem(t.id.cert_pem, t.id.key_pem, &args.tls, NULL), GW_OK);
    assert_int_equal(net_http_server_new(t.loop, &args, &t.server, NULL), GW_OK);
    net_tls_unref(&args.tls);
}

/* ---- tests ------------------------------------------------------------------------------------ */

/* Each works; the second request needs no login; after a restart of the server there is a new one. */
static const struct {
    const char *name;
    enum ews_auth auth;
    const char *const *offer;
    unsigned first, again; /* requests that the server sees */
} good[] = {
    { "auto, both offered", EWS_AUTH_AUTO, both, 3, 1 },
    { "auto, NTLM offered", EWS_AUTH_AUTO, only_ntlm, 3, 1 },
    { "auto, Negotiate offered", EWS_AUTH_AUTO, only_negotiate, 3, 1 },
    { "auto, all offered in one", EWS_AUTH_AUTO, all, 3, 1 },
    { "negotiate", EWS_AUTH_NEGOTIATE, both, 3, 1 },
    { "ntlmv2", EWS_AUTH_NTLMV2, both, 3, 1 },
    { "basic", EWS_AUTH_BASIC, all, 2, 2 }, /* nobody says here that it is proven */
};

static void test_logins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        setup(good[i].offer, NONE);
        set_account(good[i].auth, "PRESENCE\\gateway", "s3cr\xc3\xa9t");
        for (unsigned n = 1; n <= 3; n++) {
            unsigned before = t.requests;

            if (n == 3)
                restart_server();
            ask();
            if (t.status != 200 || t.login.class != EWS_OK || strcmp(t.body, "<ask/>"))
                fail_msg("%s: %d '%s'", good[i].name, t.status, t.login.text);
            if (n < 3)
                assert_int_equal(t.requests - before, n == 1 ? good[i].first : good[i].again);
        }
        /* on the new connection it was sent before that was known to be new */
        assert_int_equal(t.bodies, 3);
        assert_int_equal(t.proofs, good[i].auth == EWS_AUTH_BASIC ? 0 : 2);
        teardown();
    }
}

static const struct {
    const char *name;
    enum ews_auth auth;
    const char *const *offer;
    enum quirk quirk;
    const char *password; /* NULL: the right one */
    enum ews_class class;
    const char *code, *text;
    unsigned refusals;
} bad[] = {
    { "wrong password, Negotiate", EWS_AUTH_AUTO, both, NONE, "wrong", EWS_CREDENTIALS, "http-401",
      "check name and password", 1 },
    { "wrong password, NTLM", EWS_AUTH_NTLMV2, both, NONE, "wrong", EWS_CREDENTIALS, "http-401",
      "check name and password", 1 },
    { "wrong password, Basic", EWS_AUTH_BASIC, all, NONE, "wrong", EWS_CREDENTIALS, "http-401",
      "check name and password", 1 },
    { "TLS ends before the server", EWS_AUTH_AUTO, both, OTHER_CERTIFICATE, NULL, EWS_CREDENTIALS,
      "http-401", "Extended Protection", 1 },
    { "TLS ends before the server, NTLM", EWS_AUTH_NTLMV2, both, OTHER_CERTIFICATE, NULL,
      EWS_CREDENTIALS, "http-401", "Extended Protection", 1 },
    { "only Basic is offered", EWS_AUTH_AUTO, only_basic, NONE, NULL, EWS_CONFIG, "only-basic",
      "calendar.auth basic", 0 },
    { "only Bearer is offered", EWS_AUTH_AUTO, bearer, NONE, NULL, EWS_CONFIG, "login-not-offered",
      "Bearer", 0 },
    { "Basic is not offered", EWS_AUTH_BASIC, both, NONE, "wrong", EWS_CONFIG, "login-not-offered",
      "Negotiate, NTLM", 0 },
    { "nothing is offered", EWS_AUTH_AUTO, none, NONE, NULL, EWS_CONFIG, "no-login-offered",
      "enabled on /EWS", 0 },
    { "NTLM is disabled", EWS_AUTH_AUTO, both, NO_NTLM, NULL, EWS_CONFIG, "ntlm-disabled",
      "user@realm", 0 },
    { "connections are closed", EWS_AUTH_NTLMV2, both, CLOSES, NULL, EWS_TRANSIENT, "login-broken",
      "proxy", 0 },
    { "a challenge is garbage", EWS_AUTH_NTLMV2, both, GARBAGE, NULL, EWS_BAD_ANSWER, "login-token",
      "makes no sense", 0 },
    { "no end", EWS_AUTH_NTLMV2, both, ENDLESS, NULL, EWS_BAD_ANSWER, "login-token", "", 0 },
};

/* Nothing of the password goes into what is told. */
static void test_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setup(bad[i].offer, bad[i].quirk);
        set_account(bad[i].auth, "PRESENCE\\gateway",
                    bad[i].password ? bad[i].password : "s3cr\xc3\xa9t");
        ask();
        if (t.login.class != bad[i].class || strcmp(t.login.code, bad[i].code) ||
            !strstr(t.login.text, bad[i].text) || strstr(t.login.text, "wrong"))
            fail_msg("%s: %s %s '%s'", bad[i].name, ews_class_name(t.login.class), t.login.code,
                     t.login.text);
        assert_int_equal(t.account->identity->refused_count, bad[i].refusals);
        /* and then it goes well, on the same connection */
        t.offer = all;
        t.quirk = NONE;
        for (unsigned n = 0; n < t.seats; n++) {
            acceptor_done(&t.seat[n].acceptor);
            t.seat[n].acceptor.end_point.p = t.end_point;
        }
        set_account(EWS_AUTH_AUTO, "PRESENCE\\gateway", "s3cr\xc3\xa9t");
        ask();
        if (t.status != 200)
            fail_msg("%s: then '%s'", bad[i].name, t.login.text);
        teardown();
    }
}

/* The answer to the last token is the answer, whatever it is. */
static void test_other_answers_pass(void **state)
{
    (void)state;
    setup(both, BREAKS);
    ask();
    assert_int_equal(t.status, 503);
    assert_int_equal(t.login.class, EWS_OK);
    assert_int_equal(t.account->identity->refused_count, 0);
    teardown();
}

/* The server's clock is far off: Kerberos would fail of that, so it is said; NTLM does not care. */
static void test_clocks_apart(void **state)
{
    static const struct {
        enum quirk quirk;
        const char *const *offer;
        const char *password;
        enum ews_class class;
        const char *code;
    } c[] = {
        { GARBAGE, only_negotiate, "s3cr\xc3\xa9t", EWS_CONFIG, "clock" },
        { NO_NTLM, only_negotiate, "s3cr\xc3\xa9t", EWS_CONFIG, "clock" },
        { NONE, only_negotiate, "wrong", EWS_CREDENTIALS, "clock" },
        { NO_NTLM, only_ntlm, "s3cr\xc3\xa9t", EWS_CONFIG, "ntlm-disabled" },
        { NONE, only_negotiate, "s3cr\xc3\xa9t", EWS_OK, "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        setup(c[i].offer, c[i].quirk);
        t.date = "Sun, 06 Nov 1994 08:49:37 GMT";
        set_account(EWS_AUTH_AUTO, "PRESENCE\\gateway", c[i].password);
        ask();
        if (t.login.class != c[i].class || strcmp(t.login.code, c[i].code) ||
            (!strcmp(c[i].code, "clock") && !strstr(t.login.text, "minutes; Kerberos allows five")))
            fail_msg("%zu: %s '%s'", i, t.login.code, t.login.text);
        teardown();
    }
}

static void test_refused_when_taken_before(void **state)
{
    (void)state;
    setup(both, OTHER_CERTIFICATE);
    ews_account_taken(t.account->identity);
    ask();
    assert_int_equal(t.login.class, EWS_CREDENTIALS);
    assert_non_null(strstr(t.login.text, "taken before"));
    teardown();
}

/* A server that forgets costs a login for each request, and no refusal. */
static void test_login_that_does_not_hold(void **state)
{
    (void)state;
    setup(both, FORGETS);
    for (int i = 0; i < 3; i++) {
        ask();
        assert_int_equal(t.status, 200);
    }
    assert_int_equal(t.bodies, 3);
    assert_int_equal(t.account->identity->refused_count, 0);
    teardown();
}

/* A warm connection goes on after a refusal, and says nothing about the password. */
static void test_only_a_login_proves(void **state)
{
    (void)state;
    setup(both, NONE);
    ask();
    assert_true(ews_conn_is_proof(t.conn));
    ews_account_refused(t.account->identity, net_loop_now(t.loop).mono);
    ask();
    assert_int_equal(t.status, 200);
    assert_int_equal(t.proofs, 1);
    assert_false(ews_conn_is_proof(t.conn));
    restart_server();
    ask();
    assert_int_equal(t.proofs, 2);
    assert_true(ews_conn_is_proof(t.conn));
    teardown();
}

static void test_time_out(void **state)
{
    (void)state;
    setup(both, STALLS);
    start_on(t.conn, 100, NULL);
    await(1);
    /* a machine under load may not come further than the first step */
    assert_true(t.login.class == EWS_OK || t.login.class == EWS_TRANSIENT);
    assert_int_equal(t.status, -1);
    t.quirk = NONE;
    ask();
    assert_int_equal(t.status, 200);
    teardown();
}

/* Whether it was wrong is not known, of those that were given up either: they count, and two are all. */
static void test_silence_counts(void **state)
{
    enum { SHORT_MS = 250, TRIES = 40 }; /* a machine under load may not come further than hello */

    (void)state;
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        setup(both, MUTE);
        for (int i = 0; i < TRIES && strcmp(t.login.code, "locked-out"); i++) {
            unsigned proofs = t.proofs, done = t.done;

            start_on(t.conn, cancelled ? PATIENT_MS : SHORT_MS, NULL);
            while (cancelled && t.proofs == proofs && t.done == done)
                run_for(5);
            if (cancelled)
                ews_conn_cancel(t.conn);
            else
                await(done + 1);
            set_account(EWS_AUTH_AUTO, "gateway@PRESENCE", "s3cr\xc3\xa9t"); /* the same */
        }
        assert_string_equal(t.login.code, "locked-out");
        assert_int_equal(t.proofs, EWS_REFUSALS_MAX);
        teardown();
    }
}

static void test_locked_account_is_not_presented(void **state)
{
    (void)state;
    setup(both, NONE);
    ews_account_refused(t.account->identity, net_loop_now(t.loop).mono);
    ews_account_refused(t.account->identity, net_loop_now(t.loop).mono);
    ask();
    assert_string_equal(t.login.code, "locked-out");
    assert_int_equal(t.proofs, 0);
    teardown();
}

/* A token for all requests; one that is not taken any more is replaced, once. */
static void test_tokens(void **state)
{
    (void)state;
    setup(bearer, NONE);
    set_account(EWS_AUTH_OAUTH, "app", "secret");
    t.token_taken = 1;
    ask();
    ask();
    assert_int_equal(t.status, 200);
    assert_int_equal(t.tokens, 1);
    assert_int_equal(t.requests, 2);
    t.token_taken = 2;
    ask();
    assert_int_equal(t.status, 200);
    assert_int_equal(t.tokens, 2);
    t.token_taken = 0;
    ask();
    assert_string_equal(t.login.code, "token-not-taken");
    assert_int_equal(t.tokens, 3);
    assert_int_equal(t.account->identity->refused_count, 0);
    t.token_taken = 4;
    ask();
    assert_int_equal(t.status, 200);
    /* the token endpoint is gone */
    set_account(EWS_AUTH_OAUTH, "app", "secret");
    snprintf(t.token_url, sizeof(t.token_url), "https://localhost:1/token");
    set_account(EWS_AUTH_OAUTH, "app", "secret");
    ask();
    assert_string_equal(t.login.code, "token-endpoint");
    assert_int_equal(t.login.class, EWS_TRANSIENT);
    /* and with it whoever waits */
    start_on(t.conn, PATIENT_MS, NULL);
    ews_conn_cancel(t.conn);
    start_on(t.conn, PATIENT_MS, NULL);
    teardown();
}

/* A stream sees its own answer, and nothing of the login's. */
static void test_stream(void **state)
{
    (void)state;
    setup(both, NONE);
    start_on(t.conn, 0, on_piece);
    await(1);
    assert_string_equal(t.stream, "<ask/>");
    t.stream[0] = '\0';
    set_account(EWS_AUTH_AUTO, "PRESENCE\\gateway", "wrong");
    ews_conn_free(&t.conn);
    t.conn = conn_new();
    start_on(t.conn, 0, on_piece);
    await(2);
    assert_int_equal(t.login.class, EWS_CREDENTIALS);
    assert_string_equal(t.stream, "");
    teardown();
}

/* Each login is bound to the certificate of its own connection. */
static void test_certificate_changes(void **state)
{
    unsigned len;

    (void)state;
    setup(both, NONE);
    ask();
    assert_int_equal(t.status, 200);
    identity_done(&t.id);
    identity_init(&t.id, "DNS:localhost", EVP_sha384());
    restart_server();
    assert_int_equal(X509_digest(t.id.cert, EVP_sha384(), (unsigned char *)t.end_point, &len), 1);
    t.end_point_len = len;
    ask();
    assert_int_equal(t.status, 200);
    assert_int_equal(t.proofs, 2);
    teardown();
}

static void test_cancel_and_free(void **state)
{
    (void)state;
    /* at each moment of a login */
    for (int ms = 0; ms < 10; ms++) {
        setup(both, NONE);
        start_on(t.conn, PATIENT_MS, NULL);
        if (ms)
            run_for(ms);
        if (ms & 1)
            ews_conn_cancel(t.conn);
        else
            ews_conn_free(&t.conn);
        run_for(5);
        if (t.conn) {
            t.done = 0;
            ask();
            if (t.status != 200)
                fail_msg("cancelled after %d ms: %d %s '%s'", ms, t.status, t.login.code,
                         t.login.text);
        }
        teardown();
    }
    setup(both, NONE);
    t.free_in_done = true;
    ask();
    assert_null(t.conn);
    teardown();
}

/* Many logins at once with a password that is no longer right: two are presented. */
static void test_many_at_once(void **state)
{
    enum { MANY = 12 };
    struct ews_conn *conn[MANY];

    (void)state;
    for (int right = 0; right < 2; right++) {
        setup(both, NONE);
        set_account(EWS_AUTH_AUTO, "PRESENCE\\gateway", right ? "s3cr\xc3\xa9t" : "wrong");
        ews_account_taken(t.account->identity);
        for (int i = 0; i < MANY; i++) {
            conn[i] = conn_new();
            start_on(conn[i], PATIENT_MS, NULL);
        }
        await(MANY);
        assert_int_equal(t.proofs, right ? MANY : EWS_REFUSALS_MAX);
        for (int i = 0; i < MANY; i++)
            ews_conn_free(&conn[i]);
        teardown();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logins),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_other_answers_pass),
        cmocka_unit_test(test_clocks_apart),
        cmocka_unit_test(test_refused_when_taken_before),
        cmocka_unit_test(test_login_that_does_not_hold),
        cmocka_unit_test(test_only_a_login_proves),
        cmocka_unit_test(test_time_out),
        cmocka_unit_test(test_silence_counts),
        cmocka_unit_test(test_locked_account_is_not_presented),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_certificate_changes),
        cmocka_unit_test(test_cancel_and_free),
        cmocka_unit_test(test_many_at_once),
    };
    int failed;

    setenv("KRB5_CONFIG", "/dev/null", 1); /* no Kerberos here, and no look for it in DNS */
    if (!acceptor_accounts("PRESENCE:gateway:s3cr\xc3\xa9t\n")) {
        puts("skipped: gss-ntlmssp is not installed");
        acceptor_accounts_done();
        return 77;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    acceptor_accounts_done();
    return failed;
}
