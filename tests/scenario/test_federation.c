/* Servers of two domains: every way of proving oneself, and everything that goes wrong between them. */
#include "fed_world.h"

/* ---- Settings of both sides, and how the domains are proved then ---- */

enum { NONE = XMPP_FED_NO_TLS, OPTIONAL = XMPP_FED_TLS_OPTIONAL, REQUIRED = XMPP_FED_TLS_REQUIRED };

static const struct {
    int a_tls, b_tls;
    const char *a_certificate; /* what it proves */
    int b_sasl_in, a_sasl_out, a_dialback, b_dialback;
    const char *out; /* a's connection to b; NULL: it fails */
} mode_case[] = {
    { REQUIRED, REQUIRED, "a.example", 1, 1, 0, 0, "open certificate tls" },
    { OPTIONAL, OPTIONAL, "a.example", 1, 1, 1, 1, "open certificate tls" },
    { OPTIONAL, REQUIRED, "a.example", 1, 0, 1, 1, "open dialback tls" },
    { OPTIONAL, OPTIONAL, "a.example", 0, 1, 1, 1, "open dialback tls" },
    { OPTIONAL, OPTIONAL, "other.example", 1, 1, 1, 1, "open dialback tls" },
    { OPTIONAL, OPTIONAL, NULL, 1, 1, 1, 1, "open dialback" },
    { NONE, OPTIONAL, "a.example", 1, 1, 1, 1, "open dialback" },
    { OPTIONAL, NONE, "a.example", 1, 1, 1, 1, "open dialback" },
    { NONE, NONE, "a.example", 1, 1, 1, 1, "open dialback" },
    { NONE, REQUIRED, "a.example", 1, 1, 1, 1, NULL },
    { REQUIRED, NONE, "a.example", 1, 1, 1, 1, NULL },
    { REQUIRED, REQUIRED, "other.example", 1, 1, 1, 1, NULL }, /* certificates are demanded */
    { OPTIONAL, OPTIONAL, "a.example", 1, 0, 0, 1, NULL },     /* nothing to prove it with */
    { OPTIONAL, OPTIONAL, "a.example", 0, 1, 1, 0, NULL },     /* nothing that is accepted */
};

static void proves_domains(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mode_case) / sizeof(mode_case[0]); i++) {
        struct pres_session *ann, *other;
        struct fed_world w;
        char line[200];

        world_begin(&w);
        w.a.settings.tls = mode_case[i].a_tls;
        w.b.settings.tls = mode_case[i].b_tls;
        w.a.certificate = mode_case[i].a_certificate;
        w.b.settings.sasl_in = mode_case[i].b_sasl_in;
        w.a.settings.sasl_out = mode_case[i].a_sasl_out;
        w.a.settings.dialback_out = mode_case[i].a_dialback;
        w.b.settings.dialback_in = mode_case[i].b_dialback;
        login_at(&w.a, &ann);
        login_at(&w.b, &other);
        say_at(&w.b, other, PRES_AVAILABLE, "");
        assert_int_equal(pres_session_direct(ann, GW_STR("ann@b.example"), GW_STR(""),
                                             &(struct pres_client){ .show = PRES_AWAY }),
                         GW_OK);
        settle_world(&w);
        if (mode_case[i].out) {
            snprintf(line, sizeof(line), "ann@b.example < ann@a.example/r away\n");
            if (!told(&w.b, line))
                fail_msg("case %zu: nothing arrived", i);
        } else if (told(&w.b, "ann@a.example")) {
            fail_msg("case %zu: it arrived", i);
        }
        {
            struct gw_buf text;

            gw_buf_init(&text, 10000);
            xmpp_fed_each(w.a.fed, view_one, &text);
            snprintf(line, sizeof(line), "out a.example-b.example %s",
                     mode_case[i].out ? mode_case[i].out : "failed");
            if (!strstr(text.p, line))
                fail_msg("case %zu: no '%s' in\n%s", i, line, text.p);
            gw_buf_done(&text);
        }
        world_end(&w);
    }
}

/* The handshake fails. Where TLS is optional there is another try without, else there is none. */
static void falls_back_when_tls_fails(void **state)
{
    static const int modes[] = { OPTIONAL, REQUIRED };
    const struct gw_err why = { GW_DENIED, "no shared cipher" };

    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct pres_session *a, *b;
        struct fed_world w;

        world_begin(&w);
        w.a.settings.tls = modes[i];
        login_at(&w.a, &a);
        login_at(&w.b, &b);
        say_at(&w.b, b, PRES_AVAILABLE, "");
        pres_session_direct(a, GW_STR("ann@b.example"), GW_STR(""),
                            &(struct pres_client){ .show = PRES_AWAY });
        while (a_to_b(&w)->s2s->state != S2S_TLS)
            assert_true(step_world(&w));
        xmpp_s2s_lost(a_to_b(&w)->s2s, &why, w.now);
        settle_world(&w);
        assert_int_equal(told(&w.b, "< ann@a.example/r away"), modes[i] == OPTIONAL);
        if (modes[i] == OPTIONAL)
            assert_string_equal(a_to_b(&w)->s2s->how, "dialback");
        world_end(&w);
    }
}

/* ---- Presence over it ---- */

static void shows_presence(void **state)
{
    struct pres_calendar cal = { .kind = PRES_CAL_MEETING, .since = 5, .until = 9 };
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    say_at(&w.a, a, PRES_DND, "Writing");
    assert_true(told(&w.b, "ann@b.example < ann@a.example/r do-not-disturb 'Writing'\n"));
    for (int words = 0; words < PRES_WORDS_COUNT; words++)
        snprintf(cal.text[words], PRES_TEXT_MAX, "In a meeting");
    say_at(&w.a, a, PRES_AVAILABLE, "");
    pres_calendar_set(w.a.core, GW_STR("ann@a.example"), &cal, w.now);
    settle_world(&w);
    assert_true(told(&w.b, "ann@b.example < ann@a.example/r away"));
    EXPECT_LINKS(&w.a, "out a.example-b.example open certificate tls\n"
                       "in a.example-b.example open certificate tls\n");
    say_at(&w.a, a, PRES_OFFLINE, "");
    assert_true(told(&w.b, "ann@b.example < ann@a.example/r offline"));
    world_end(&w);
}

/* What was said while there was no way is told when there is one. */
static void comes_back(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    w.b.is_down = true;
    break_all(&w);
    settle_world(&w);
    say_at(&w.a, a, PRES_AWAY, "one");
    say_at(&w.a, a, PRES_DND, "two");
    assert_false(told(&w.b, "two"));
    for (int i = 0; i < 20; i++)
        pass_ms(&w, 10 * GW_SECOND_MS);
    w.b.is_down = false;
    for (int i = 0; i < 20; i++)
        pass_ms(&w, 10 * GW_SECOND_MS);
    assert_true(told(&w.b, "ann@b.example < ann@a.example/r do-not-disturb 'two'\n"));
    world_end(&w);
}

/* A user who only watches has nothing to say but the question: it is asked when there is a way. */
static void asks_for_presence_again(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    login_at(&w.a, &a);
    login_at(&w.b, &b);
    say_at(&w.b, b, PRES_AVAILABLE, "");
    pres_request_send(a, PRES_SUBSCRIBE, GW_STR("ann@b.example"), GW_STR(""), NULL);
    settle_world(&w);
    pass_ms(&w, 700 * GW_SECOND_MS); /* the connections are idle, and closed */
    gw_buf_reset(&w.a.log);
    w.b.is_down = true;
    say_at(&w.a, a, PRES_AVAILABLE, "");
    pass_ms(&w, 10 * GW_SECOND_MS);
    assert_false(told(&w.a, "< ann@b.example/r"));
    w.b.is_down = false;
    for (int i = 0; i < 20; i++)
        pass_ms(&w, 10 * GW_SECOND_MS);
    assert_true(told(&w.a, "ann@a.example < ann@b.example/r available\n"));
    world_end(&w);
}

static void leaves_alone_who_cannot_be_reached(void **state)
{
    const struct pres_client here = { .show = PRES_AWAY };
    struct pres_session *a;
    struct fed_world w;
    struct xmpp_fed_counters c;

    (void)state;
    world_begin(&w);
    login_at(&w.a, &a);
    w.b.is_down = true;
    for (int i = 0; i < 5; i++) {
        pres_session_direct(a, GW_STR("ann@b.example"), GW_STR(""), &here);
        settle_world(&w);
    }
    xmpp_fed_counters(w.a.fed, &c);
    assert_int_equal(c.dropped, 4); /* one try, then nothing for a second */
    EXPECT_LINKS(&w.a, "out a.example-b.example failed \n");
    world_end(&w);
}

static void is_idle_and_closed(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    pass_ms(&w, 599 * GW_SECOND_MS);
    EXPECT_LINKS(&w.a, "out a.example-b.example open certificate tls\n"
                       "in a.example-b.example open certificate tls\n");
    pass_ms(&w, 2 * GW_SECOND_MS);
    EXPECT_LINKS(&w.a, "out a.example-b.example idle \n");
    say_at(&w.a, a, PRES_AWAY, "");
    assert_true(told(&w.b, "ann@a.example/r away"));
    world_end(&w);
}

/* ---- Policy ---- */

static const struct {
    int policy;
    const char *exception;
    enum xmpp_direction direction;
    bool out, in;
} policy_case[] = {
    { XMPP_FED_ALLOW, NULL, 0, true, true },
    { XMPP_FED_ALLOW, "b.example", XMPP_BOTH, false, false },
    { XMPP_FED_ALLOW, "*.b.example", XMPP_BOTH, false, false },
    { XMPP_FED_ALLOW, "*.example", XMPP_BOTH, false, false },
    { XMPP_FED_ALLOW, "c.b.example", XMPP_BOTH, true, true },
    { XMPP_FED_ALLOW, "*.c.b.example", XMPP_BOTH, true, true },
    { XMPP_FED_ALLOW, "b.example", XMPP_IN, true, false },
    { XMPP_FED_ALLOW, "b.example", XMPP_OUT, false, true },
    { XMPP_FED_DENY, NULL, 0, false, false },
    { XMPP_FED_DENY, "b.example", XMPP_BOTH, true, true },
    { XMPP_FED_DENY, "*.b.example", XMPP_BOTH, true, true },
    { XMPP_FED_DENY, "b.example", XMPP_IN, false, true },
    { XMPP_FED_DENY, "b.example", XMPP_OUT, true, false },
    { XMPP_FED_DENY, "example", XMPP_BOTH, false, false },
};

static void follows_policy(void **state)
{
    const struct pres_client here = { .show = PRES_AWAY };

    (void)state;
    for (size_t i = 0; i < sizeof(policy_case) / sizeof(policy_case[0]); i++) {
        struct pres_session *a, *b;
        struct fed_world w;
        struct gw_err err;

        world_begin(&w);
        w.a.settings.policy = policy_case[i].policy;
        if (policy_case[i].exception)
            assert_int_equal(xmpp_policy_except(xmpp_fed_policy(w.a.fed),
                                                gw_str_of(policy_case[i].exception),
                                                policy_case[i].direction, NULL, &err),
                             GW_OK);
        login_at(&w.a, &a);
        login_at(&w.b, &b);
        say_at(&w.a, a, PRES_AVAILABLE, "");
        say_at(&w.b, b, PRES_AVAILABLE, "");
        pres_session_direct(a, GW_STR("ann@b.example"), GW_STR(""), &here);
        pres_session_direct(b, GW_STR("ann@a.example"), GW_STR(""), &here);
        settle_world(&w);
        if (told(&w.b, "< ann@a.example/r away") != policy_case[i].out ||
            told(&w.a, "< ann@b.example/r away") != policy_case[i].in)
            fail_msg("case %zu", i);
        world_end(&w);
    }
}

static void cuts_off_who_is_denied(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    xmpp_policy_except(xmpp_fed_policy(w.a.fed), GW_STR("B.Example"), XMPP_BOTH, NULL, NULL);
    xmpp_fed_apply(w.a.fed, w.now);
    settle_world(&w);
    EXPECT_LINKS(&w.a, "out a.example-b.example idle \n");
    say_at(&w.a, a, PRES_AWAY, "");
    assert_false(told(&w.b, "away"));
    assert_int_equal(xmpp_policy_forget(xmpp_fed_policy(w.a.fed), GW_STR("b.example"), NULL),
                     GW_OK);
    xmpp_fed_apply(w.a.fed, w.now);
    say_at(&w.a, a, PRES_DND, "");
    assert_true(told(&w.b, "do-not-disturb"));
    /* And all of it off: this node federates no more. */
    w.a.settings.is_on = 0;
    xmpp_fed_apply(w.a.fed, w.now);
    settle_world(&w);
    assert_int_equal(pres_route(w.a.core, GW_STR("ann@b.example")), PRES_ROUTE_UNKNOWN_SERVER);
    world_end(&w);
}

static const struct {
    const char *exception; /* NULL: all of it is off for a while */
    enum xmpp_direction direction;
    bool is_gone, is_kept; /* b's user for a's; a's user for b's */
} review_case[] = {
    { "b.example", XMPP_BOTH, true, false }, { "b.example", XMPP_IN, true, true },
    { "b.example", XMPP_OUT, false, false }, { "*.example", XMPP_BOTH, true, false },
    { "c.example", XMPP_BOTH, false, true }, { NULL, 0, true, false },
};

static void change_rules(struct fed_world *w, size_t i, bool denies)
{
    struct xmpp_policy *policy = xmpp_fed_policy(w->a.fed);
    struct gw_str domain = gw_str_of(review_case[i].exception);

    if (!review_case[i].exception)
        w->a.settings.is_on = !denies;
    else if (denies)
        assert_false(xmpp_policy_except(policy, domain, review_case[i].direction, NULL, NULL));
    else
        assert_false(xmpp_policy_forget(policy, domain, NULL));
    xmpp_fed_apply(w->a.fed, w->now);
    settle_world(w);
}

/* What users see of a domain that is denied is over, and is there again when it is allowed. */
static void tells_of_the_policy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(review_case) / sizeof(review_case[0]); i++) {
        struct pres_session *a, *b;
        struct fed_world w;

        world_begin(&w);
        meet(&w, &a, &b);
        change_rules(&w, i, true);
        pass_ms(&w, GW_SECOND_MS);
        if (told(&w.a, "ann@a.example < ann@b.example/r offline\n") != review_case[i].is_gone)
            fail_msg("case %zu, denied: %s", i, w.a.log.len ? w.a.log.p : "");
        say_at(&w.a, a, PRES_DND, "a meanwhile");
        say_at(&w.b, b, PRES_DND, "b meanwhile");
        if (told(&w.b, "'a meanwhile'") != review_case[i].is_kept)
            fail_msg("case %zu: %s", i, w.b.log.len ? w.b.log.p : "");
        gw_buf_reset(&w.a.log);
        change_rules(&w, i, false);
        for (int s = 0; s < 30; s++)
            pass_ms(&w, 10 * GW_SECOND_MS);
        if (told(&w.a, "< ann@b.example/r do-not-disturb 'b meanwhile'") !=
                review_case[i].is_gone &&
            review_case[i].is_gone)
            fail_msg("case %zu, allowed: %s", i, w.a.log.len ? w.a.log.p : "");
        if (!told(&w.b, "< ann@a.example/r do-not-disturb 'a meanwhile'"))
            fail_msg("case %zu, allowed: %s", i, w.b.log.len ? w.b.log.p : "");
        world_end(&w);
    }
}

/* Changed again before all users have heard of it. */
static void tells_of_the_last_policy(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    for (int i = 0; i < 2500; i++) {
        char jid[40];

        snprintf(jid, sizeof(jid), "u%d@a.example", i);
        assert_int_equal(pres_user_add(w.a.core, gw_str_of(jid), NULL), GW_OK);
    }
    change_rules(&w, 0, true);
    while (!told(&w.a, "< ann@b.example/r offline\n"))
        assert_true(xmpp_fed_tick(w.a.fed, w.now) || told(&w.a, "offline"));
    gw_buf_reset(&w.a.log);
    change_rules(&w, 0, false);
    for (int i = 0; i < 30; i++)
        pass_ms(&w, 10 * GW_SECOND_MS);
    assert_true(told(&w.a, "< ann@b.example/r available\n"));
    assert_false(w.a.fed->is_reviewing);
    world_end(&w);
}

static void cuts_off_clear_text(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    w.a.settings.tls = NONE;
    meet(&w, &a, &b);
    EXPECT_LINKS(&w.a, "out a.example-b.example open dialback\n"
                       "in a.example-b.example open dialback\n");
    w.a.settings.tls = REQUIRED;
    xmpp_fed_apply(w.a.fed, w.now);
    settle_world(&w);
    EXPECT_LINKS(&w.a, "out a.example-b.example idle \n");
    world_end(&w);
}

/* Dialback was enough, and is no more. */
static void cuts_off_who_has_no_certificate(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    w.b.certificate = "other.example";
    w.a.settings.require_certificate = 0;
    w.a.settings.tls = REQUIRED;
    meet(&w, &a, &b);
    xmpp_fed_apply(w.a.fed, w.now);
    settle_world(&w);
    EXPECT_LINKS(&w.a, "out a.example-b.example open certificate tls\n"
                       "in a.example-b.example open dialback tls\n");
    w.a.settings.require_certificate = 1;
    xmpp_fed_apply(w.a.fed, w.now);
    settle_world(&w);
    EXPECT_LINKS(&w.a, "out a.example-b.example idle \n");
    world_end(&w);
}

/* So is what is about to be proved in clear, either way. */
static void proves_nothing_in_clear_any_more(void **state)
{
    struct pres_session *a;
    struct fed_world w;
    struct end *mal;

    (void)state;
    world_begin(&w);
    w.a.settings.tls = NONE;
    mal = greets_as_b(&w);
    claims_b(&w, mal);
    xmpp_s2s_feed(mal->other->s2s, gw_buf_str(&mal->other->in), w.now);
    gw_buf_reset(&mal->other->in);
    w.a.settings.tls = REQUIRED;
    xmpp_fed_apply(w.a.fed, w.now);
    settle_world(&w);
    EXPECT(mal, "<policy-violation");
    assert_false(raw_has(mal, "type=\"valid\""));
    assert_true(mal->is_closed);
    world_end(&w);

    world_begin(&w);
    login_at(&w.a, &a);
    w.a.settings.tls = NONE;
    pres_session_direct(a, GW_STR("ann@b.example"), GW_STR(""),
                        &(struct pres_client){ .show = PRES_AWAY });
    while (a_to_b(&w)->s2s->state != S2S_DIALBACK)
        assert_true(step_world(&w));
    w.a.settings.tls = REQUIRED;
    xmpp_fed_apply(w.a.fed, w.now);
    settle_world(&w);
    EXPECT_LINKS(&w.a, "out a.example-b.example failed \n"
                       "in a.example-b.example ready  tls\n"); /* b asks about a's key */
    assert_false(told(&w.b, "away"));
    world_end(&w);
}

/* What waits for a domain goes out neither on this connection nor on the next. */
static void keeps_back_what_is_denied(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;
    struct end *out;

    (void)state;
    world_begin(&w);
    out = meet_and_stall(&w, &a, &b);
    out->waiting = XMPP_HOLD_AT;
    say_at(&w.a, a, PRES_DND, "secret");
    xmpp_policy_except(xmpp_fed_policy(w.a.fed), GW_STR("b.example"), XMPP_OUT, NULL, NULL);
    xmpp_fed_apply(w.a.fed, w.now);
    settle_world(&w);
    assert_false(told(&w.b, "secret"));
    EXPECT_LINKS(&w.a, "out a.example-b.example failed \n"
                       "in a.example-b.example open certificate tls\n");
    world_end(&w);
}

/* ---- Peers that lie ---- */

static void nothing_before_a_proof(void **state)
{
    static const struct {
        const char *first;
        const char *error;
    } hostile[] = {
        { "<presence from='x@c.example' to='ann@a.example'/>", "<not-authorized" },
        { "<message from='ann@b.example' to='ann@a.example'><body>x</body></message>",
          "<not-authorized" },
        { "<iq type='get' id='1' from='b.example' to='a.example'><ping "
          "xmlns='urn:xmpp:ping'/></iq>",
          "<not-authorized" },
        { "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>",
          "<invalid-mechanism" },
        { "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AAA=</auth>",
          "<invalid-mechanism" },
        { "<db:result from='a.example' to='a.example'>00</db:result>", "<not-allowed" },
        { "<db:result from='b.example' to='c.example'>00</db:result>", "<item-not-found" },
        { "<db:result from='b.example'>00</db:result>", "<improper-addressing" },
        { "<db:result from='b.example' to='a.example' type='valid'/>", "<bad-format" },
        { "<db:verify from='b.example' to='a.example' id='1'>00</db:verify>", "type=\"invalid\"" },
        { "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<unsupported-stanza-type" },
        { "<!DOCTYPE x [<!ENTITY y 'z'>]>", "<restricted-xml" },
        { "<a></b>", "<not-well-formed" },
        { "text", "<bad-format" },
        { "</stream:stream>", "</stream:stream>" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        struct pres_session *a;
        struct fed_world w;
        struct end *mal;

        world_begin(&w);
        login_at(&w.a, &a);
        say_at(&w.a, a, PRES_AVAILABLE, "");
        gw_buf_reset(&w.a.log);
        mal = raw_open(&w.a);
        raw_send(mal, SERVER_HEADER("b.example", "a.example"));
        raw_send(mal, hostile[i].first);
        settle_world(&w);
        if (!raw_has(mal, hostile[i].error))
            fail_msg("case %zu: no %s in %s", i, hostile[i].error, mal->all.p);
        assert_int_equal(w.a.log.len, 0);
        world_end(&w);
    }
}

static void wrong_headers(void **state)
{
    static const struct {
        const char *header, *error;
    } bad[] = {
        { SERVER_HEADER("b.example", "c.example"), "<host-unknown" },
        { SERVER_HEADER("a.example", "a.example"), "<policy-violation" },
        { "<stream xmlns='jabber:server'>", "<invalid-namespace" },
        { "GET / HTTP/1.1\r\n\r\n", "<" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct fed_world w;
        struct end *mal;

        world_begin(&w);
        mal = raw_open(&w.a);
        raw_send(mal, bad[i].header);
        settle_world(&w);
        if (!raw_has(mal, bad[i].error) || !mal->is_closed)
            fail_msg("case %zu: %s", i, mal->all.len ? mal->all.p : "nothing");
        world_end(&w);
    }
}

/* Over TLS the certificate may be the reason, or the rule. */
static void refused_over_tls(void **state)
{
    static const struct {
        int policy;
        const char *error;
    } cases[] = { { XMPP_FED_ALLOW, "<not-authorized" }, { XMPP_FED_DENY, "<policy-violation" } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fed_world w;
        struct end *mal;

        world_begin(&w);
        w.a.settings.tls = REQUIRED;
        mal = greets_as_b(&w);
        raw_send(mal, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        settle_world(&w);
        w.a.settings.policy = cases[i].policy;
        raw_send(mal, SERVER_HEADER("b.example", "a.example"));
        settle_world(&w);
        EXPECT(mal, cases[i].error);
        assert_true(mal->is_closed);
        world_end(&w);
    }
}

/* b's own server is asked, and does not know the key. */
static void wrong_dialback_key(void **state)
{
    struct fed_world w;
    struct end *mal;

    (void)state;
    world_begin(&w);
    mal = raw_open(&w.a);
    raw_send(
        mal,
        SERVER_HEADER(
            "b.example",
            "a.example") "<db:result from='b.example' to='a.example'>0123456789abcdef</db:result>"
                         "<presence from='ann@b.example' to='ann@a.example'/>");
    settle_world(&w);
    EXPECT(mal, "<not-authorized"); /* not waited for */
    world_end(&w);

    world_begin(&w);
    mal = raw_open(&w.a);
    raw_send(
        mal,
        SERVER_HEADER(
            "b.example",
            "a.example") "<db:result from='b.example' to='a.example'>0123456789abcdef</db:result>");
    settle_world(&w);
    EXPECT(mal, "type=\"invalid\"");
    assert_true(mal->is_closed);
    world_end(&w);
}

static void unreachable_authority(void **state)
{
    struct fed_world w;
    struct end *mal;

    (void)state;
    world_begin(&w);
    mal = raw_open(&w.a);
    raw_send(mal, SERVER_HEADER(
                      "c.example",
                      "a.example") "<db:result from='c.example' to='a.example'>00</db:result>");
    settle_world(&w);
    EXPECT(mal, "<remote-server-timeout");
    assert_false(mal->is_closed); /* another domain may be proved on it */
    world_end(&w);
}

/* The connection on which b was asked breaks before the answer: b is asked on the next one. */
static void asks_again(void **state)
{
    struct pres_session *a, *b;
    struct end *mal, *out;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    out = a_to_b(&w);
    mal = greets_as_b(&w);
    out->is_stuck = true;
    claims_b(&w, mal);
    settle_world(&w);
    assert_true(out->waiting > 0); /* the question */
    assert_false(raw_has(mal, "db:result"));
    out->is_stuck = false;
    end_free(out->other, &w);
    settle_world(&w);
    EXPECT(mal, "type=\"valid\"");
    world_end(&w);
}

/* A key shown in clear, then TLS: the answer that comes during the handshake is about another
 * stream. */
static void clear_text_proves_nothing_over_tls(void **state)
{
    struct fed_world w;
    struct end *mal;

    (void)state;
    world_begin(&w);
    mal = greets_as_b(&w);
    claims_b(&w, mal);
    raw_send(mal, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    gw_buf_reset(&mal->all);
    settle_world(&w);
    EXPECT(mal, "<proceed");
    assert_false(raw_has(mal, "db:result"));
    assert_false(xmpp_s2s_is_proved(mal->other->s2s));
    raw_send(mal, SERVER_HEADER("b.example", "a.example"));
    settle_world(&w);
    claims_b(&w, mal);
    settle_world(&w);
    EXPECT(mal, "type=\"valid\"");
    EXPECT_LINKS(&w.a, "out a.example-b.example ready  tls\n"
                       "in a.example-b.example open dialback tls\n");
    world_end(&w);
}

/* A connection that was made to ask only, and was not needed for more, has not failed. */
static void asking_is_no_failure(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    login_at(&w.a, &a);
    login_at(&w.b, &b);
    say_at(&w.b, b, PRES_AVAILABLE, "");
    (void)proved_as_b(&w);
    pass_ms(&w, 31 * GW_SECOND_MS);
    EXPECT_LINKS(&w.a, "out a.example-b.example idle \n"
                       "in a.example-b.example open dialback\n");
    pres_session_direct(a, GW_STR("ann@b.example"), GW_STR(""),
                        &(struct pres_client){ .show = PRES_AWAY });
    settle_world(&w);
    assert_true(told(&w.b, "< ann@a.example/r away"));
    world_end(&w);
}

/* What is to be asked while we prove ourselves waits until that is done. */
static void asks_after_its_own_proof(void **state)
{
    struct pres_session *a;
    struct fed_world w;
    struct end *mal;

    (void)state;
    world_begin(&w);
    login_at(&w.a, &a);
    mal = greets_as_b(&w);
    pres_session_direct(a, GW_STR("ann@b.example"), GW_STR(""),
                        &(struct pres_client){ .show = PRES_AWAY });
    while (a_to_b(&w)->s2s->state != S2S_SASL)
        assert_true(step_world(&w));
    claims_b(&w, mal);
    xmpp_s2s_feed(mal->other->s2s, gw_buf_str(&mal->other->in), w.now);
    gw_buf_reset(&mal->other->in);
    settle_world(&w);
    EXPECT(mal, "type=\"valid\"");
    world_end(&w);
}

static void spoofed_addresses(void **state)
{
    static const struct {
        const char *stanza, *error; /* NULL: it is accepted */
    } cases[] = {
        { "<presence from='ann@b.example/x' to='ann@a.example'/>", NULL },
        { "<presence from='ann@c.example' to='ann@a.example'/>", "<invalid-from" },
        { "<presence from='ann@a.example' to='ann@a.example'/>", "<invalid-from" },
        { "<presence from='ann@x.b.example' to='ann@a.example'/>", "<invalid-from" },
        { "<presence from='ann@b.example' to='ann@c.example'/>", "<invalid-from" },
        { "<presence to='ann@a.example'/>", "<improper-addressing" },
        { "<presence from='ann@b.example'/>", "<improper-addressing" },
        { "<presence from='@b.example' to='ann@a.example'/>", "<improper-addressing" },
        { "<presence xmlns='jabber:client' from='ann@b.example' to='ann@a.example'/>",
          "<unsupported-stanza-type" },
        { "<nonsense from='ann@b.example' to='ann@a.example'/>", "<unsupported-stanza-type" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pres_session *a;
        struct fed_world w;
        struct end *mal;

        world_begin(&w);
        login_at(&w.a, &a);
        say_at(&w.a, a, PRES_AVAILABLE, "");
        gw_buf_reset(&w.a.log);
        mal = proved_as_b(&w);
        raw_send(mal, cases[i].stanza);
        settle_world(&w);
        if (cases[i].error ? !raw_has(mal, cases[i].error) || w.a.log.len
                           : !told(&w.a, "< ann@b.example/x available"))
            fail_msg("case %zu: %s\n%s", i, mal->all.p, w.a.log.len ? w.a.log.p : "");
        world_end(&w);
    }
}

/* A domain that was proved, and is ours now, or has gone over to another protocol. */
static void speaks_for_a_domain_no_more(void **state)
{
    (void)state;
    for (int is_ours = 0; is_ours < 2; is_ours++) {
        struct pres_session *a;
        struct fed_world w;
        struct end *mal;

        world_begin(&w);
        login_at(&w.a, &a);
        say_at(&w.a, a, PRES_AVAILABLE, "");
        gw_buf_reset(&w.a.log);
        mal = proved_as_b(&w);
        if (is_ours)
            pres_domain_add(w.a.core, GW_STR("b.example"));
        else
            pres_route_set(w.a.core, GW_STR("b.example"), w.a.front);
        raw_send(mal, "<presence from='ann@b.example/x' to='ann@a.example'/>");
        settle_world(&w);
        EXPECT(mal, "<invalid-from");
        assert_int_equal(w.a.log.len, 0);
        world_end(&w);
    }
}

/* Another domain on the same stream, XEP-0220 2.5: proved by itself, or not. */
static void piggybacks(void **state)
{
    struct pres_session *a;
    struct fed_world w;
    struct end *mal;

    (void)state;
    world_begin(&w);
    login_at(&w.a, &a);
    say_at(&w.a, a, PRES_AVAILABLE, "");
    mal = proved_as_b(&w);
    gw_buf_reset(&mal->all);
    raw_send(mal, "<db:result from='c.example' to='a.example'>00</db:result>");
    settle_world(&w);
    EXPECT(mal, "type=\"error\"");
    raw_send(mal, "<presence from='ann@b.example/x' to='ann@a.example'/>");
    settle_world(&w);
    assert_true(told(&w.a, "< ann@b.example/x available"));
    for (int i = 0; i < XMPP_PAIRS_MAX + 10; i++) {
        char text[200];

        snprintf(text, sizeof(text), "<db:result from='d%d.example' to='a.example'>00</db:result>",
                 i);
        raw_send(mal, text);
    }
    settle_world(&w);
    assert_false(mal->is_closed);
    world_end(&w);
}

/* A domain that speaks on another's stream is cut off with it. */
static void denies_who_is_piggybacked(void **state)
{
    struct fed_world w;
    struct end *mal;

    (void)state;
    world_begin(&w);
    mal = raw_open(&w.a);
    raw_send(mal, SERVER_HEADER("c.example", "a.example"));
    settle_world(&w);
    claims_b(&w, mal);
    settle_world(&w);
    EXPECT(mal, "type=\"valid\"");
    xmpp_policy_except(xmpp_fed_policy(w.a.fed), GW_STR("b.example"), XMPP_IN, NULL, NULL);
    xmpp_fed_apply(w.a.fed, w.now);
    settle_world(&w);
    EXPECT(mal, "<policy-violation");
    assert_true(mal->is_closed);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proves_domains),
        cmocka_unit_test(falls_back_when_tls_fails),
        cmocka_unit_test(shows_presence),
        cmocka_unit_test(comes_back),
        cmocka_unit_test(asks_for_presence_again),
        cmocka_unit_test(leaves_alone_who_cannot_be_reached),
        cmocka_unit_test(is_idle_and_closed),
        cmocka_unit_test(follows_policy),
        cmocka_unit_test(cuts_off_who_is_denied),
        cmocka_unit_test(tells_of_the_policy),
        cmocka_unit_test(tells_of_the_last_policy),
        cmocka_unit_test(cuts_off_clear_text),
        cmocka_unit_test(cuts_off_who_has_no_certificate),
        cmocka_unit_test(proves_nothing_in_clear_any_more),
        cmocka_unit_test(keeps_back_what_is_denied),
        cmocka_unit_test(nothing_before_a_proof),
        cmocka_unit_test(wrong_headers),
        cmocka_unit_test(refused_over_tls),
        cmocka_unit_test(wrong_dialback_key),
        cmocka_unit_test(unreachable_authority),
        cmocka_unit_test(asks_again),
        cmocka_unit_test(asks_after_its_own_proof),
        cmocka_unit_test(asking_is_no_failure),
        cmocka_unit_test(clear_text_proves_nothing_over_tls),
        cmocka_unit_test(spoofed_addresses),
        cmocka_unit_test(speaks_for_a_domain_no_more),
        cmocka_unit_test(piggybacks),
        cmocka_unit_test(denies_who_is_piggybacked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
