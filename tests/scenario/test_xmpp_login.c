/* Logins by each mechanism, with GNU SASL's client at the other end; and those that fail. */
#include "pres_guard.h"
#include "xmpp_peer.h"

/* ---- A client ---- */

struct client {
    Gsasl *lib;
    Gsasl_session *session;
};

static void client_start(struct client *cl, const char *mechanism, const char *user,
                         const char *password)
{
    assert_int_equal(gsasl_init(&cl->lib), GSASL_OK);
    assert_int_equal(gsasl_client_start(cl->lib, mechanism, &cl->session), GSASL_OK);
    gsasl_property_set(cl->session, GSASL_AUTHID, user);
    gsasl_property_set(cl->session, GSASL_PASSWORD, password);
}

static void client_stop(struct client *cl)
{
    gsasl_finish(cl->session);
    gsasl_done(cl->lib);
}

/* The text of the server's element, "" when it has none; "challenge", "success". */
static char *data_of(const struct peer *p, const char *element)
{
    char start[128];
    const char *at, *end;

    snprintf(start, sizeof(start), "<%s xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\">", element);
    at = p->out.len ? strstr(p->out.p, start) : NULL;
    if (!at)
        return strdup("");
    at += strlen(start);
    end = strchr(at, '<');
    assert_non_null(end);
    return strndup(at, (size_t)(end - at));
}

/* One round; what the server says is in p->out. */
static int client_step(struct client *cl, struct peer *p, const char *mechanism, const char *in)
{
    char *out = NULL;
    int rc = gsasl_step64(cl->session, in, &out);

    if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE)
        return rc;
    peer_clear(p);
    if (mechanism)
        peer_sendf(p, "<auth " NS_SASL_IS " mechanism='%s'>%s</auth>", mechanism, out);
    else if (!peer_has(p, "<success"))
        peer_sendf(p, "<response " NS_SASL_IS ">%s</response>", out);
    gsasl_free(out);
    return rc;
}

/* Runs until success or failure. A password is checked on the way. The client checks the server too. */
static void login(struct peer *p, const char *mechanism, const char *user, const char *password)
{
    struct client cl;
    char *in = strdup("");
    int rc;

    client_start(&cl, mechanism, user, password);
    rc = client_step(&cl, p, mechanism, in);
    for (int i = 0; i < 3 && peer_has(p, "<challenge"); i++) {
        free(in);
        in = data_of(p, "challenge");
        rc = client_step(&cl, p, NULL, in);
    }
    free(in);
    if (p->check)
        peer_run_check(p);
    if (peer_has(p, "<success")) {
        in = data_of(p, "success");
        if (rc == GSASL_NEEDS_MORE) { /* SCRAM: the server's signature */
            char *out = NULL;

            assert_int_equal(gsasl_step64(cl.session, in, &out), GSASL_OK);
            gsasl_free(out);
        }
        free(in);
    }
    client_stop(&cl);
}

static const char *const mechanisms[] = { "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN" };

static void logs_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world w;
        struct peer p;

        world_start(&w);
        peer_open(&p, &w);
        peer_tls(&p);
        login(&p, mechanisms[i], "ann", "ann-secret");
        EXPECT(&p, "<success ");
        assert_true(xmpp_c2s_is_logged_in(p.c2s));
        peer_clear(&p);
        peer_send(&p, HEADER);
        EXPECT(&p, "<stream:features><bind xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\"/><session "
                   "xmlns=\"urn:ietf:params:xml:ns:xmpp-session\"><optional/></session>"
                   "<ver xmlns=\"urn:xmpp:features:rosterver\"/>"
                   "<sm xmlns=\"urn:xmpp:sm:3\"/><csi xmlns=\"urn:xmpp:csi:0\"/>"
                   "</stream:features>");
        EXPECT_NOT(&p, "mechanism");
        peer_bind(&p, "desk");
        peer_close(&p);
        world_stop(&w);
    }
}

/* ---- By certificate ---- */

#define OFFERED "<mechanism>EXTERNAL</mechanism>"

static const struct external_case {
    const char *addresses[4];
    const char *authzid; /* NULL: no text, "" after the challenge */
    bool is_off, is_offered;
    const char *expected;
} external_cases[] = {
    { { ANN }, "", false, true, "<success " },
    { { ANN }, NULL, false, true, "<success " },
    { { ANN }, ANN, false, true, "<success " },
    { { ANN }, "Ann@X.example", false, true, "<success " },
    { { "Ann@X.EXAMPLE", ANN }, "", false, true, "<success " }, /* the same one twice */
    { { BOB, "ann@other.example", ANN }, ANN, false, true, "<success " },
    { { ANN, "dan@x.example", "x.example", "conference" }, "", false, true, "<success " },
    { { ANN, BOB }, "", false, true, "<invalid-authzid/>" },
    { { ANN, BOB, ANN }, NULL, false, true, "<invalid-authzid/>" },
    { { ANN }, BOB, false, true, "<invalid-authzid/>" },
    { { ANN }, ANN "/desk", false, true, "<invalid-authzid/>" },
    { { ANN }, "x.example", false, true, "<invalid-authzid/>" },
    { { ANN }, "@", false, true, "<invalid-authzid/>" },
    { { ANN }, "\xff", false, true, "<malformed-request/>" },
    { { ANN, "dan@x.example" }, "dan@x.example", false, true, "<invalid-authzid/>" },
    { { "dan@x.example" }, "", false, false, "<invalid-mechanism/>" }, /* may not log in */
    { { "eve@x.example" }, "", false, false, "<invalid-mechanism/>" },
    { { "ann@other.example" }, "", false, false, "<invalid-mechanism/>" },
    { { ANN "/desk" }, "", false, false, "<invalid-mechanism/>" },
    { { "x.example" }, "", false, false, "<invalid-mechanism/>" },
    { { NULL }, ANN, false, false, "<invalid-mechanism/>" },
    { { ANN }, "", true, false, "<invalid-mechanism/>" },
};

static void external_auth(struct peer *p, const char *authzid)
{
    struct gw_buf text;

    gw_buf_init(&text, 8192);
    if (authzid && *authzid)
        gw_base64_write(gw_str_of(authzid), &text);
    else if (authzid)
        gw_buf_add_cstr(&text, "=");
    peer_clear(p);
    peer_sendf(p, "<auth " NS_SASL_IS " mechanism='EXTERNAL'>%.*s</auth>",
               GW_STR_ARG(gw_buf_str(&text)));
    gw_buf_done(&text);
    if (authzid)
        return;
    EXPECT_ALL(p, "<challenge xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\"/>");
    peer_send(p, "<response " NS_SASL_IS "/>");
}

static void external_logs_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(external_cases) / sizeof(external_cases[0]); i++) {
        const struct external_case *c = &external_cases[i];
        const char *addresses[5] = { c->addresses[0], c->addresses[1], c->addresses[2],
                                     c->addresses[3] };
        struct world w;
        struct peer p;

        world_start(&w);
        w.settings.client_certificates = !c->is_off;
        peer_open(&p, &w);
        p.addresses = addresses;
        peer_tls(&p);
        if (peer_has(&p, OFFERED) != c->is_offered)
            fail_msg("case %zu: %s", i, p.out.p);
        external_auth(&p, c->authzid);
        EXPECT(&p, c->expected);
        assert_int_equal(xmpp_c2s_is_logged_in(p.c2s), !strcmp(c->expected, "<success "));
        if (xmpp_c2s_is_logged_in(p.c2s)) {
            peer_send(&p, HEADER);
            peer_clear(&p);
            peer_sendf(&p, "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                           "<resource>desk</resource></bind></iq>");
            EXPECT(&p, "<jid>ann@x.example/desk</jid>");
        }
        peer_close(&p);
        world_stop(&w);
    }
}

/* What holds when the features go out need not hold when the answer comes. */
static void external_is_live(void **state)
{
    const char *const addresses[] = { ANN, NULL };
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    w.settings.client_certificates = 1;
    peer_open(&p, &w);
    p.addresses = addresses;
    peer_tls(&p);
    EXPECT(&p, OFFERED);
    peer_clear(&p);
    peer_send(&p, "<auth " NS_SASL_IS " mechanism='EXTERNAL'/>");
    EXPECT(&p, "<challenge ");
    w.is_closed_to_all = true; /* disabled meanwhile */
    peer_send(&p, "<response " NS_SASL_IS "/>");
    EXPECT(&p, "<invalid-authzid/>");
    w.is_closed_to_all = false;
    w.settings.client_certificates = 0;
    external_auth(&p, "");
    EXPECT(&p, "<invalid-mechanism/>");
    assert_false(xmpp_c2s_is_logged_in(p.c2s));
    peer_close(&p);
    world_stop(&w);
}

/* ---- Bound to the connection ---- */

/* With what the client's TLS connection gives. */
static void login_bound(struct peer *p, const char *mechanism, const char *exporter)
{
    struct client cl;
    struct gw_buf text;
    char *in = strdup("");

    gw_buf_init(&text, 1000);
    gw_base64_write(gw_str_of(exporter), &text);
    client_start(&cl, mechanism, "ann", "ann-secret");
    if (exporter)
        gsasl_property_set(cl.session, GSASL_CB_TLS_EXPORTER, text.p);
    gw_buf_done(&text);
    (void)client_step(&cl, p, mechanism, in);
    free(in);
    if (peer_has(p, "<challenge")) {
        in = data_of(p, "challenge");
        (void)client_step(&cl, p, NULL, in);
        free(in);
    }
    client_stop(&cl);
}

static void binds_to_the_connection(void **state)
{
    static const struct {
        const char *mechanism, *ours, *theirs, *out;
    } cases[] = {
        { "SCRAM-SHA-256-PLUS", "one connection", "one connection", "<success " },
        { "SCRAM-SHA-1-PLUS", "one connection", "one connection", "<success " },
        /* somebody is in between */
        { "SCRAM-SHA-256-PLUS", "one connection", "another", "<not-authorized/>" },
        { "SCRAM-SHA-256", "one connection", NULL, "<success " },
        { "SCRAM-SHA-256-PLUS", NULL, "one connection", "<invalid-mechanism/>" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        struct peer p;

        world_start(&w);
        peer_open(&p, &w);
        w.settings.channel_binding = 1;
        p.exporter = cases[i].ours;
        peer_tls(&p);
        if (cases[i].ours)
            EXPECT(&p, "<sasl-channel-binding xmlns=\"urn:xmpp:sasl-cb:0\">"
                       "<channel-binding type=\"tls-exporter\"/></sasl-channel-binding>"
                       "<mechanisms xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\">"
                       "<mechanism>SCRAM-SHA-256-PLUS</mechanism>");
        else
            EXPECT_NOT(&p, "PLUS");
        login_bound(&p, cases[i].mechanism, cases[i].theirs);
        peer_wait(&p, 1500);
        EXPECT(&p, cases[i].out);
        peer_close(&p);
        world_stop(&w);
    }
}

/* Wants a binding that there is none of: no guess at a password, and none is counted. */
static void other_bindings(void **state)
{
    static const char *const firsts[] = { "p=tls-unique,,n=ann,r=x",
                                          "p=tls-server-end-point,,n=ann,r=x",
                                          "p=,,n=ann,r=x",
                                          "n,,n=ann,r=x",
                                          "y,,n=ann,r=x",
                                          "p" };
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    w.settings.channel_binding = 1;
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        struct gw_buf text;

        peer_open(&p, &w);
        p.exporter = "one connection";
        peer_tls(&p);
        gw_buf_init(&text, 1000);
        gw_base64_write(gw_str_of(firsts[i]), &text);
        peer_sendf(&p, "<auth " NS_SASL_IS " mechanism='SCRAM-SHA-256-PLUS'>%s</auth>", text.p);
        EXPECT(&p, "<malformed-request/>");
        gw_buf_done(&text);
        peer_close(&p);
    }
    world_stop(&w);
}

/* Somebody in between has hidden that we can bind: the client says that it could. */
static void finds_downgrades(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    w.settings.channel_binding = 1;
    for (int can_bind = 0; can_bind < 2; can_bind++) {
        peer_open(&p, &w);
        p.exporter = can_bind ? "one connection" : NULL;
        peer_tls(&p);
        peer_clear(&p);
        peer_send(&p, "<auth " NS_SASL_IS " mechanism='SCRAM-SHA-256'>eSwsbj1hbm4scj1hYmM=</auth>");
        peer_wait(&p, 1500);
        EXPECT(&p, can_bind ? "<not-authorized/>" : "<challenge ");
        peer_close(&p);
    }
    world_stop(&w);
}

static void folds_the_name(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_open(&p, &w);
    peer_tls(&p);
    login(&p, "SCRAM-SHA-256", "ANN", "ann-secret");
    EXPECT(&p, "<success ");
    peer_send(&p, HEADER);
    peer_clear(&p);
    peer_send(&p, "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                  "<resource>r</resource></bind></iq>");
    EXPECT_ALL(&p, "<iq type=\"result\" to=\"ann@x.example/r\" id=\"1\"><bind "
                   "xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\"><jid>ann@x.example/r</jid></bind>"
                   "</iq>");
    peer_close(&p);
    world_stop(&w);
}

/* Wrong password, nobody of that name, somebody without password, no name at all: one answer, at
 * the same step, after the same time. */
static void failures_look_alike(void **state)
{
    static const char *const users[] = { "ann", "nobody", "dan", "a b" };

    (void)state;
    for (size_t m = 0; m < 3; m++) {
        for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
            struct world w;
            struct peer p;

            world_start(&w);
            peer_open(&p, &w);
            peer_tls(&p);
            login(&p, mechanisms[m], users[i], "wrong");
            assert_int_equal(p.out.len, 0); /* the answer comes late */
            assert_int_equal(xmpp_c2s_deadline(p.c2s), w.now.mono + 1000);
            peer_wait(&p, 1000);
            EXPECT_ALL(&p, "<failure xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\">"
                           "<not-authorized/></failure>");
            assert_false(xmpp_c2s_is_logged_in(p.c2s));
            peer_close(&p);
            world_stop(&w);
        }
    }
}

/* The salt in the challenge for a user. */
static void salt_of(struct world *w, const char *user, char out[256])
{
    struct client cl;
    struct peer p;
    struct gw_buf plain;
    char *in;

    peer_open(&p, w);
    peer_tls(&p);
    client_start(&cl, "SCRAM-SHA-256", user, "x");
    client_step(&cl, &p, "SCRAM-SHA-256", "");
    in = data_of(&p, "challenge");
    gw_buf_init(&plain, 1000);
    assert_true(gw_base64_parse(gw_str_of(in), &plain));
    snprintf(out, 256, "%s", strstr(plain.p, ",s="));
    gw_buf_done(&plain);
    free(in);
    client_stop(&cl);
    peer_close(&p);
}

static void unknown_users_have_a_salt(void **state)
{
    char ann[256], first[256], again[256], other[256];
    struct world w;

    (void)state;
    world_start(&w);
    salt_of(&w, "ann", ann);
    salt_of(&w, "nobody", first);
    salt_of(&w, "NoBody", again);
    salt_of(&w, "somebody", other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    assert_int_equal(strlen(first), strlen(ann));
    assert_non_null(strstr(ann, ",i=16"));
    assert_non_null(strstr(first, ",i=16")); /* as real users have it */
    world_stop(&w);
    world_start(&w); /* a restart tells nothing */
    salt_of(&w, "ann", again);
    assert_string_equal(ann, again);
    salt_of(&w, "nobody", again);
    assert_string_equal(first, again);
    world_stop(&w);
}

static void attempts_run_out(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_open(&p, &w);
    peer_tls(&p);
    for (int i = 0; i < 2; i++) {
        login(&p, "SCRAM-SHA-1", "ann", "wrong");
        peer_wait(&p, 1000 * (i + 1));
        EXPECT(&p, "<not-authorized/>");
        assert_false(xmpp_c2s_is_closed(p.c2s));
    }
    login(&p, "PLAIN", "ann", "wrong");
    peer_wait(&p, 2999);
    assert_false(xmpp_c2s_is_closed(p.c2s));
    peer_wait(&p, 1);
    EXPECT(&p, "<not-authorized/></failure><stream:error><policy-violation ");
    assert_true(xmpp_c2s_is_closed(p.c2s));
    peer_close(&p);
    world_stop(&w);
}

static void a_later_attempt_may_succeed(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_open(&p, &w);
    peer_tls(&p);
    login(&p, "PLAIN", "ann", "wrong");
    peer_wait(&p, 1000);
    login(&p, "SCRAM-SHA-256", "ann", "ann-secret");
    EXPECT(&p, "<success ");
    peer_close(&p);
    world_stop(&w);
}

/* On a connection of its own; who is refused is answered as with a wrong password. */
static bool tries(struct world *w, const char *from, const char *mechanism, const char *user,
                  const char *password)
{
    struct peer p;
    bool ok;

    peer_open_from(&p, w, true, from);
    peer_tls(&p);
    login(&p, mechanism, user, password);
    ok = peer_has(&p, "<success ");
    if (!ok) {
        assert_int_equal(p.out.len, 0);
        peer_wait(&p, 1000);
        EXPECT_ALL(&p, "<failure xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\"><not-authorized/>"
                       "</failure>");
    }
    peer_close(&p);
    return ok;
}

/* Many connections do not help: the right password fails like a wrong one until time has passed,
 * from there; not from elsewhere. */
static void guessing_ends(void **state)
{
    (void)state;
    for (size_t m = 0; m < 3; m++) {
        const char *by = mechanisms[m];
        struct world w;

        world_start(&w);
        for (int i = 0; i < PRES_GUARD_USER_MAX; i++)
            assert_false(tries(&w, "[2001:db8::1]:1", by, "ann", "wrong"));
        assert_false(tries(&w, "[2001:db8::2:3]:1", by, "ANN", "ann-secret")); /* the same /64 */
        assert_true(tries(&w, "[2001:db8:0:1::1]:1", by, "ann", "ann-secret"));
        assert_true(tries(&w, "[2001:db8::1]:1", by, "bob", "bob-secret"));
        w.now.mono += PRES_GUARD_WINDOW_MS;
        assert_true(tries(&w, "[2001:db8::1]:1", by, "ann", "ann-secret"));
        world_stop(&w);
    }
}

/* Who is refused with the right password is refused with a certificate too. */
static void the_guard_holds_for_certificates(void **state)
{
    const char *const addresses[] = { ANN, NULL };
    static const char *const from[] = { "192.0.2.9:2", "192.0.2.8:1" };
    struct world w;

    (void)state;
    world_start(&w);
    w.settings.client_certificates = 1;
    for (int i = 0; i < PRES_GUARD_USER_MAX; i++)
        assert_false(tries(&w, "192.0.2.9:1", "PLAIN", "ann", "wrong"));
    for (size_t i = 0; i < 2; i++) {
        struct peer p;

        peer_open_from(&p, &w, true, from[i]);
        p.addresses = addresses;
        peer_tls(&p);
        external_auth(&p, "");
        peer_wait(&p, 5000);
        EXPECT(&p, i ? "<success " : "<not-authorized/>");
        assert_int_equal(xmpp_c2s_is_logged_in(p.c2s), i);
        peer_close(&p);
    }
    world_stop(&w);
}

/* Nor does a certificate help to find out for whom else it is good. */
static void guessing_names_by_certificate_ends(void **state)
{
    const char *const addresses[] = { ANN, NULL };
    struct world w;

    (void)state;
    world_start(&w);
    w.settings.client_certificates = 1;
    for (int i = 0; i <= PRES_GUARD_USER_MAX + 1; i++) {
        bool is_own = i > PRES_GUARD_USER_MAX;
        struct peer p;

        peer_open_from(&p, &w, true, "192.0.2.9:1");
        p.addresses = addresses;
        peer_tls(&p);
        external_auth(&p, is_own ? ANN : BOB);
        peer_wait(&p, i == PRES_GUARD_USER_MAX ? 5000 : 0);
        EXPECT(&p, is_own                    ? "<success "
                   : i < PRES_GUARD_USER_MAX ? "<invalid-authzid/>"
                                             : "<not-authorized/>");
        peer_close(&p);
    }
    world_stop(&w);
}

static void guessing_names_ends(void **state)
{
    struct world w;
    char user[16];

    (void)state;
    world_start(&w);
    w.settings.login_failures = 20;
    for (int i = 0; i < 20; i++) {
        snprintf(user, sizeof(user), "u%d", i);
        assert_false(tries(&w, "192.0.2.9:1", "PLAIN", user, "wrong"));
    }
    assert_false(tries(&w, "192.0.2.9:1", "SCRAM-SHA-256", "ann", "ann-secret"));
    assert_true(tries(&w, "192.0.2.8:1", "SCRAM-SHA-256", "ann", "ann-secret"));
    world_stop(&w);
}

/* Started before the limit was reached, answered after it. */
static void guessing_at_once_is_no_way_round(void **state)
{
    struct world w;
    struct peer p[PRES_GUARD_USER_MAX + 2];
    int n = PRES_GUARD_USER_MAX + 2;

    (void)state;
    world_start(&w);
    for (int i = 0; i < n; i++) {
        peer_open(&p[i], &w);
        peer_tls(&p[i]);
        peer_plain(&p[i], i == n - 1 ? "bob@x.example" : "", "ann",
                   i < n - 2 ? "no" : "ann-secret");
        peer_clear(&p[i]);
    }
    for (int i = 0; i < n; i++) {
        peer_run_check(&p[i]);
        assert_int_equal(p[i].out.len, 0); /* late, so not right; nor invalid-authzid */
    }
    for (int i = 0; i < n; i++)
        peer_close(&p[i]);
    world_stop(&w);
}

static void nobody_hurries_the_answer(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_open(&p, &w);
    peer_tls(&p);
    peer_plain(&p, "", "ann", "ann-secret");
    peer_send(&p, "<abort " NS_SASL_IS "/>"); /* while the password is being checked */
    EXPECT(&p, "<policy-violation ");
    peer_run_check(&p); /* the answer comes to a closed stream */
    EXPECT_NOT(&p, "<success");
    peer_close(&p);

    peer_open(&p, &w);
    peer_tls(&p);
    login(&p, "PLAIN", "ann", "wrong");
    peer_send(&p, "<auth " NS_SASL_IS " mechanism='PLAIN'/>");
    EXPECT(&p, "<policy-violation ");
    peer_close(&p);
    world_stop(&w);
}

static void acts_for_himself_only(void **state)
{
    static const struct {
        const char *authzid;
        bool ok;
    } cases[] = { { "", true },
                  { "ann@x.example", true },
                  { "Ann@X.example", true },
                  { "bob@x.example", false },
                  { "ann@x.example/r", false },
                  { "@", false } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        struct peer p;

        world_start(&w);
        peer_open(&p, &w);
        peer_tls(&p);
        peer_plain(&p, cases[i].authzid, "ann", "ann-secret");
        peer_run_check(&p);
        EXPECT(&p, cases[i].ok ? "<success " : "<invalid-authzid/>");
        peer_close(&p);
        world_stop(&w);
    }
}

static void a_busy_server_says_so(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_open(&p, &w);
    peer_tls(&p);
    peer_plain(&p, "", "ann", "ann-secret");
    xmpp_c2s_checked(p.c2s, false, GW_AGAIN, w.now);
    EXPECT(&p, "<temporary-auth-failure/>");
    peer_close(&p); /* with the check not run */
    world_stop(&w);
}

static void the_same_resource_is_taken_over(void **state)
{
    struct world w;
    struct peer a, b;

    (void)state;
    world_start(&w);
    peer_online(&a, &w, "ann", "desk");
    peer_login(&b, &w, "ann", "desk");
    EXPECT(&a, "<stream:error><conflict ");
    assert_true(a.is_woken && xmpp_c2s_is_closed(a.c2s));
    assert_false(xmpp_c2s_is_closed(b.c2s));
    peer_close(&a);
    assert_non_null(pres_session_find(w.core, GW_STR("ann@x.example"), GW_STR("desk")));
    peer_close(&b);
    world_stop(&w);
}

static void too_many_sessions_are_refused(void **state)
{
    struct world w;
    struct peer p[21];
    char name[16];

    (void)state;
    world_start(&w);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        peer_login(&p[i], &w, "ann", name);
    }
    peer_open(&p[20], &w);
    peer_auth(&p[20], "ann");
    peer_send(&p[20],
              "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    EXPECT(&p[20], "<error type=\"wait\"><resource-constraint ");
    for (int i = 0; i < 21; i++)
        peer_close(&p[i]);
    world_stop(&w);
}

static void removed_users_are_sent_away(void **state)
{
    struct world w;
    struct peer a, b;

    (void)state;
    world_start(&w);
    peer_online(&a, &w, "ann", "desk");
    peer_open(&b, &w);
    peer_auth(&b, "ann"); /* logged in, not bound yet */
    pres_user_remove(w.core, GW_STR("ann@x.example"), w.now);
    EXPECT(&a, "<not-authorized ");
    peer_send(&b, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    EXPECT(&b, "<stream:error><not-authorized ");
    peer_close(&a);
    peer_close(&b);
    world_stop(&w);
}

/* Disabled between the login and the first stanza. */
static void disabled_users_do_not_bind(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_open(&p, &w);
    peer_auth(&p, "ann");
    w.is_closed_to_all = true;
    peer_send(&p, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    EXPECT(&p, "<stream:error><not-authorized ");
    peer_close(&p);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_in),
        cmocka_unit_test(external_logs_in),
        cmocka_unit_test(external_is_live),
        cmocka_unit_test(the_guard_holds_for_certificates),
        cmocka_unit_test(binds_to_the_connection),
        cmocka_unit_test(other_bindings),
        cmocka_unit_test(finds_downgrades),
        cmocka_unit_test(folds_the_name),
        cmocka_unit_test(failures_look_alike),
        cmocka_unit_test(unknown_users_have_a_salt),
        cmocka_unit_test(attempts_run_out),
        cmocka_unit_test(a_later_attempt_may_succeed),
        cmocka_unit_test(guessing_ends),
        cmocka_unit_test(guessing_names_by_certificate_ends),
        cmocka_unit_test(guessing_names_ends),
        cmocka_unit_test(guessing_at_once_is_no_way_round),
        cmocka_unit_test(nobody_hurries_the_answer),
        cmocka_unit_test(acts_for_himself_only),
        cmocka_unit_test(a_busy_server_says_so),
        cmocka_unit_test(the_same_resource_is_taken_over),
        cmocka_unit_test(too_many_sessions_are_refused),
        cmocka_unit_test(removed_users_are_sent_away),
        cmocka_unit_test(disabled_users_do_not_bind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
