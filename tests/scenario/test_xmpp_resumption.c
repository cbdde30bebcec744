/* Stream management (XEP-0198) and clients that look away (XEP-0352). */
#include "xmpp_peer.h"

#define SM  "xmlns='urn:xmpp:sm:3'"
#define ASK "<r xmlns=\"urn:xmpp:sm:3\"/>"

static void counts_and_acknowledges(void **state)
{
    struct world w;
    struct peer ann, bob;
    char id[33];

    (void)state;
    world_of_two(&w, &ann, &bob);
    peer_enable(&ann, false, id);
    assert_string_equal(id, "");
    peer_send(&ann, "<r " SM "/>");
    EXPECT_ALL(&ann, "<a xmlns=\"urn:xmpp:sm:3\" h=\"0\"/>");
    peer_send(&ann, "<message to='bob@x.example'><body>1</body></message><presence/>");
    peer_clear(&ann);
    peer_send(&ann, "<r " SM "/>");
    EXPECT(&ann, "h=\"2\"/>");
    peer_clear(&ann);
    peer_send(&bob, "<message to='ann@x.example'><body>hi</body></message>");
    EXPECT(&ann, "</message>" ASK);
    peer_clear(&ann);
    peer_send(&bob, "<message to='ann@x.example'><body>again</body></message>");
    EXPECT_NOT(&ann, ASK); /* one question at a time */
    peer_clear(&ann);
    peer_send(&ann, "<a " SM " h='2'/>"); /* her own presence, and the first message */
    EXPECT_ALL(&ann, ASK);
    peer_send(&ann, "<a " SM " h='3'/>");
    EXPECT_ALL(&ann, "");
    peer_send(&ann, "<a " SM " h='4'/>");
    EXPECT(&ann, "<undefined-condition ");
    assert_true(xmpp_c2s_is_closed(ann.c2s));
    world_of_two_stop(&w, &ann, &bob);
}

static void at_wrong_times(void **state)
{
    static const struct {
        const char *in, *out;
        bool is_before_bind;
    } cases[] = {
        { "<enable " SM "/>", "<failed xmlns=\"urn:xmpp:sm:3\"><unexpected-request ", true },
        { "<resume " SM " previd='none' h='0'/>",
          "<failed xmlns=\"urn:xmpp:sm:3\"><item-not-found ", true },
        { "<resume " SM "/>", "<item-not-found ", true },
        { "<enable " SM "/><enable " SM "/>", "<unexpected-request ", false },
        { "<resume " SM " previd='none' h='0'/>", "<unexpected-request ", false },
        { "<enable " SM "/><a " SM " h='x'/>", "<bad-format ", false },
        { "<enable " SM "/><a " SM "/>", "<bad-format ", false },
        { "<enable " SM "/><a " SM " h='-1'/>", "<bad-format ", false },
        { "<enable " SM "/><a " SM " h='4294967295'/>", "<undefined-condition ", false },
        { "<enable " SM "/><what " SM "/>", "<unsupported-stanza-type ", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        struct peer p;

        world_start(&w);
        peer_open(&p, &w);
        peer_auth(&p, "ann");
        if (!cases[i].is_before_bind)
            peer_bind(&p, "desk");
        peer_send(&p, cases[i].in);
        EXPECT(&p, cases[i].out);
        peer_close(&p);
        world_stop(&w);
    }
    { /* without it, both are ignored */
        struct world w;
        struct peer p;

        world_start(&w);
        peer_login(&p, &w, "ann", "desk");
        peer_send(&p, "<r " SM "/><a " SM " h='1'/>");
        EXPECT_ALL(&p, "");
        peer_close(&p);
        world_stop(&w);
    }
}

/* The connection is killed in the middle of a message: it goes on where it was. */
static void resumes(void **state)
{
    struct world w;
    struct peer ann, again, bob;
    char id[33];

    (void)state;
    world_of_friends(&w, &ann, &bob);
    peer_send(&ann, "<iq type='get' id='1'><blocklist xmlns='urn:xmpp:blocking'/></iq>");
    peer_enable(&ann, true, id);
    assert_int_equal(strlen(id), 32);
    peer_send(&bob, "<message to='ann@x.example' type='chat'><body>one</body></message>");
    peer_send(&bob, "<message to='ann@x.example' type='chat'><body>two</body></message>");
    peer_send(&ann, "<message to='bob@x.example' type='chat'><body>whole</body></message>"
                    "<message to='bob@x.example' type='chat'><body>ha");
    EXPECT(&bob, "<body>whole</body>");
    peer_clear(&bob);
    peer_close(&ann);
    EXPECT_ALL(&bob, ""); /* she is still there */
    peer_send(&bob, "<presence><show>away</show></presence>");
    peer_send(&bob, "<presence><show>dnd</show></presence>");
    peer_send(&bob, "<message to='ann@x.example' type='chat'><body>three</body></message>");
    peer_send(&bob,
              "<iq to='ann@x.example/desk' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
    peer_clear(&bob);
    world_wait(&w, 290 * 1000);
    peer_resume(&again, &w, "ann", id, 1); /* has got "one" */
    EXPECT(&again, "<resumed xmlns=\"urn:xmpp:sm:3\" h=\"1\" previd=\"");
    EXPECT_NOT(&again, "<body>one</body>");
    EXPECT(&again, "<body>two</body>");
    EXPECT(&again, "<body>three</body>");
    EXPECT(&again, "id=\"p\"");
    EXPECT(&again, "from=\"bob@x.example/phone\"><show>dnd</show></presence>");
    EXPECT_NOT(&again, "<show>away</show>");
    assert_true(strstr(again.out.p, "two") < strstr(again.out.p, "three"));
    peer_clear(&again);
    peer_send(&again, "<a " SM " h='5'/><r " SM "/>"); /* one, two, three, ping, dnd */
    EXPECT_ALL(&again, "<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>");
    /* The session is whole. */
    assert_int_equal(pres_decide(w.core, GW_STR(ANN), GW_STR("z.example"), PRES_SHUT_OUT, NULL),
                     GW_OK);
    EXPECT(&again, "<block xmlns=\"urn:xmpp:blocking\">");
    peer_send(&again, "<message to='bob@x.example' type='chat'><body>half</body></message>");
    EXPECT(&bob, "from=\"ann@x.example/desk\"");
    EXPECT(&bob, "<body>half</body>");
    peer_clear(&bob);
    /* And again. */
    peer_close(&again);
    world_wait(&w, 290 * 1000);
    peer_resume(&again, &w, "ann", id, 6);
    EXPECT(&again, "<resumed xmlns=\"urn:xmpp:sm:3\" h=\"2\"");
    peer_send(&again, "</stream:stream>");
    EXPECT(&bob, "type=\"unavailable\"");
    peer_close(&again);
    peer_close(&bob);
    world_stop(&w);
}

/* The server has not noticed yet that the old connection is dead. */
static void takes_over(void **state)
{
    struct world w;
    struct peer ann, again, bob;
    char id[33];

    (void)state;
    world_of_friends(&w, &ann, &bob);
    peer_enable(&ann, true, id);
    peer_resume(&again, &w, "ann", id, 0);
    EXPECT(&again, "<resumed ");
    EXPECT(&ann, "<conflict ");
    assert_true(xmpp_c2s_is_closed(ann.c2s));
    peer_close(&ann);
    EXPECT_ALL(&bob, "");
    peer_send(&bob, "<message to='ann@x.example/desk'><body>hi</body></message>");
    EXPECT(&again, "<body>hi</body>");
    peer_close(&again);
    peer_close(&bob);
    world_stop(&w);
}

static void only_by_the_user_and_once(void **state)
{
    struct world w;
    struct peer ann, other;
    char id[33];

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    peer_enable(&ann, true, id);
    peer_close(&ann);
    peer_resume(&other, &w, "bob", id, 0);
    EXPECT(&other, "<item-not-found ");
    peer_close(&other);
    peer_resume(&other, &w, "ann", id, 1000); /* more than was sent */
    EXPECT(&other, "<undefined-condition ");
    peer_close(&other);
    world_wait(&w, 300 * 1000 - 1);
    assert_non_null(pres_session_find(w.core, GW_STR(ANN), GW_STR("desk")));
    world_wait(&w, 1);
    assert_null(pres_session_find(w.core, GW_STR(ANN), GW_STR("desk")));
    assert_true(xmpp_host_deadline(w.host) == GW_NEVER);
    peer_resume(&other, &w, "ann", id, 0);
    EXPECT(&other, "<item-not-found ");
    peer_bind(&other, "desk"); /* as if nothing had been */
    peer_close(&other);
    world_stop(&w);
}

/* A client with a session cannot have another one beside it, nor its own again. */
static void not_beside_a_session(void **state)
{
    struct world w;
    struct peer ann, other;
    char id[33], own[33];

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    peer_enable(&ann, true, id);
    peer_close(&ann);
    peer_online(&other, &w, "ann", "phone");
    peer_enable(&other, true, own);
    peer_sendf(&other, "<resume " SM " previd='%s' h='0'/>", id);
    EXPECT(&other, "<failed xmlns=\"urn:xmpp:sm:3\"><unexpected-request ");
    peer_clear(&other);
    peer_sendf(&other, "<resume " SM " previd='%s' h='0'/>", own);
    EXPECT(&other, "<unexpected-request ");
    peer_close(&other);
    peer_resume(&ann, &w, "ann", id, 0);
    EXPECT(&ann, "<resumed ");
    peer_close(&ann);
    world_stop(&w);
}

/* Time is over: messages go to another client or come back, questions come back. */
static void what_did_not_arrive(void **state)
{
    struct world w;
    struct peer ann, bob, desk;
    char id[33];

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "phone");
    peer_online(&bob, &w, "bob", "phone");
    peer_befriend(&ann, ANN, &bob, BOB);
    peer_enable(&ann, true, id);
    peer_close(&ann);
    peer_send(&bob, "<message to='ann@x.example/phone' id='m1'><body>normal</body></message>");
    peer_send(&bob, "<message to='ann@x.example/phone' id='m2' type='chat'><body>chat</body>"
                    "</message>");
    peer_send(&bob, "<message to='ann@x.example' id='m3' type='headline'><body>news</body>"
                    "</message>");
    peer_send(&bob, "<iq to='ann@x.example/phone' type='get' id='q'><ping xmlns='urn:xmpp:ping'/>"
                    "</iq><iq to='ann@x.example/phone' type='result' id='none'/>");
    peer_send(&bob, "<presence to='ann@x.example/phone'/>");
    EXPECT_ALL(&bob, "");
    peer_online(&desk, &w, "ann", "desk");
    peer_clear(&bob);
    world_wait(&w, 300 * 1000);
    EXPECT(&bob, "<message type=\"error\" from=\"ann@x.example/phone\" "
                 "to=\"bob@x.example/phone\" id=\"m1\">");
    EXPECT(&bob, "<iq type=\"error\" from=\"ann@x.example/phone\" to=\"bob@x.example/phone\" "
                 "id=\"q\"><error type=\"cancel\"><service-unavailable ");
    EXPECT(&bob, "from=\"ann@x.example/phone\" type=\"unavailable\"/>");
    EXPECT_NOT(&bob, "m2");
    EXPECT_NOT(&bob, "none");
    EXPECT(&desk, "id=\"m2\" type=\"chat\"><delay xmlns=\"urn:xmpp:delay\" "
                  "stamp=\"2023-11-14T22:13:20Z\"/><body>chat</body></message>");
    EXPECT(&desk, "<body>news</body>");
    peer_close(&desk);
    peer_close(&bob);
    world_stop(&w);
}

static size_t session_count(const struct world *w, const char *user)
{
    struct pres_session *s = NULL;
    size_t n = 0;

    while ((s = pres_session_next(w->core, gw_str_of(user), s)))
        n++;
    return n;
}

/* What two clients of the user were given comes once to each, whichever way the others end. */
static void what_another_client_has(void **state)
{
    static const struct {
        const char *to; /* of the message */
        bool has_sm, acknowledges, copies;
        bool comes_again; /* to the client that stays */
    } cases[] = {
        { ANN, false, false, false, false },        { ANN, true, true, false, false },
        { ANN, true, false, false, false }, /* may acknowledge yet */
        { ANN "/desk", false, false, true, false }, { ANN "/desk", true, true, true, false },
        { ANN "/desk", false, false, false, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct peer desk, phone, bob;
        struct world w;
        char id[33];

        world_of_two(&w, &desk, &bob);
        peer_enable(&desk, true, id);
        peer_online(&phone, &w, "ann", "phone");
        if (cases[i].copies)
            peer_send(&phone, "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
        if (cases[i].has_sm)
            peer_enable(&phone, true, id);
        peer_close(&desk);
        peer_clear(&phone);
        peer_sendf(&bob, "<message to='%s' type='chat' id='m'><body>hi</body></message>",
                   cases[i].to);
        assert_int_equal(peer_has(&phone, "<body>hi</body>"), !cases[i].comes_again);
        if (cases[i].acknowledges)
            peer_send(&phone, "<a " SM " h='1'/>");
        peer_clear(&phone);
        world_wait(&w, 300 * 1000);
        if (peer_has(&phone, "<body>hi</body>") != cases[i].comes_again)
            fail_msg("case %zu: the phone has '%s'", i, phone.out.len ? phone.out.p : "");
        EXPECT_ALL(&bob, "");
        peer_close(&phone);
        peer_close(&bob);
        world_stop(&w);
    }
}

/* None of them ever has it: it is not lost. */
static void what_no_client_had(void **state)
{
    struct peer desk, phone, bob;
    struct world w;
    char id[33];

    (void)state;
    world_of_two(&w, &desk, &bob);
    peer_enable(&desk, true, id);
    peer_online(&phone, &w, "ann", "phone");
    peer_enable(&phone, true, id);
    peer_close(&desk);
    world_wait(&w, 1000);
    peer_close(&phone);
    peer_send(&bob, "<message to='ann@x.example' type='chat' id='m'><body>hi</body></message>");
    world_wait(&w, 299 * 1000);
    assert_int_equal(session_count(&w, ANN), 1);
    EXPECT_ALL(&bob, "");
    world_wait(&w, 1000);
    EXPECT(&bob, "id=\"m\"><error ");
    peer_close(&bob);
    world_stop(&w);
}

/* The same when the client says goodbye without having acknowledged, or its place is taken. */
static void ends_before_its_time(void **state)
{
    struct world w;
    struct peer ann, bob, other;
    char id[33];

    (void)state;
    world_start(&w);
    peer_online(&bob, &w, "bob", "phone");
    peer_online(&ann, &w, "ann", "desk");
    peer_enable(&ann, true, id);
    peer_send(&bob, "<message to='ann@x.example' id='m1'><body>hi</body></message>");
    peer_send(&ann, "</stream:stream>");
    EXPECT(&bob, "<message type=\"error\"");
    peer_close(&ann);
    peer_clear(&bob);

    peer_online(&ann, &w, "ann", "desk");
    peer_enable(&ann, true, id);
    peer_close(&ann);
    peer_send(&bob, "<message to='ann@x.example/desk' id='m2'><body>hi</body></message>");
    peer_login(&other, &w, "ann", "desk");
    assert_true(xmpp_host_deadline(w.host) <= w.now.mono);
    world_wait(&w, 0);
    EXPECT(&other, "id=\"m2\""); /* the same resource: it is his message */
    EXPECT_ALL(&bob, "");
    peer_close(&other);

    peer_online(&ann, &w, "ann", "desk");
    peer_enable(&ann, true, id);
    peer_close(&ann);
    peer_send(&bob, "<message to='ann@x.example/desk' id='m3'><body>hi</body></message>");
    pres_user_remove(w.core, GW_STR(ANN), w.now);
    world_wait(&w, 0);
    EXPECT(&bob, "id=\"m3\"");
    peer_close(&bob);
    world_stop(&w);
}

/* Nobody keeps more than is allowed. */
static void is_bounded(void **state)
{
    struct world w;
    struct peer ann, bob;
    char id[33], body[7000];

    (void)state;
    world_start(&w);
    w.settings.out_queue_kb = 256;
    peer_online(&bob, &w, "bob", "phone");
    memset(body, 'x', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    for (int connected = 1; connected >= 0; connected--) {
        int sent = 0;

        peer_online(&ann, &w, "ann", "desk");
        peer_enable(&ann, true, id);
        if (!connected)
            peer_close(&ann);
        peer_clear(&bob);
        while (!peer_has(&bob, "error") && sent < 100) {
            peer_sendf(&bob, "<message to='ann@x.example/desk' id='m%d'><body>%s</body></message>",
                       sent++, body);
            if (connected)
                xmpp_c2s_tick(ann.c2s, w.now);
            peer_wait(&bob, 1000);
            world_wait(&w, 0);
        }
        assert_in_range(sent, 30, 60);
        EXPECT(&bob, "id=\"m0\""); /* all of them come back */
        EXPECT(&bob, "id=\"m30\"");
        if (connected) {
            assert_true(xmpp_c2s_is_closed(ann.c2s));
            peer_close(&ann);
        }
        assert_null(pres_session_find(w.core, GW_STR(ANN), GW_STR("desk")));
    }
    peer_close(&bob);
    world_stop(&w);
}

/* What came and went in its sleep is told once each, as it is now. */
static void sleeps_lightly(void **state)
{
    struct world w;
    struct peer ann;
    char id[33], jid[64];

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    peer_enable(&ann, true, id);
    peer_close(&ann);
    for (int i = 0; i < 100; i++) {
        struct peer other;

        snprintf(jid, sizeof(jid), "r%d", i);
        peer_online(&other, &w, "ann", jid); /* her own resources, each with presence */
        peer_close(&other);
    }
    world_wait(&w, 299 * 1000);
    peer_resume(&ann, &w, "ann", id, 0);
    EXPECT(&ann, "<resumed ");
    EXPECT(&ann, "from=\"ann@x.example/r0\" type=\"unavailable\"");
    EXPECT(&ann, "from=\"ann@x.example/r99\" type=\"unavailable\"");
    peer_close(&ann);
    world_stop(&w);
}

/* A user with a poor network and a client that forgets is not locked out by those asleep: the one that
 * has slept longest makes room. */
static void makes_room(void **state)
{
    struct world w;
    struct peer first, p;
    char id[33], name[16];

    (void)state;
    world_start(&w);
    peer_online(&first, &w, "ann", "first");
    peer_enable(&first, true, id);
    for (int i = 0; i < w.pres.sessions_max - 1; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        peer_online(&p, &w, "ann", name);
        peer_enable(&p, true, id);
        peer_close(&p);
        world_wait(&w, 1000);
    }
    peer_close(&first);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "more%d", i);
        peer_online(&p, &w, "ann", name);
        peer_enable(&p, true, id);
        peer_close(&p);
    }
    assert_non_null(pres_session_find(w.core, GW_STR(ANN), GW_STR("first")));
    assert_null(pres_session_find(w.core, GW_STR(ANN), GW_STR("r4")));
    assert_non_null(pres_session_find(w.core, GW_STR(ANN), GW_STR("r5")));
    world_stop(&w);
}

/* A switch has failed, and nobody comes back: the loop turns meanwhile. */
static void ends_a_few_at_a_time(void **state)
{
    static const char *const names[] = { "ann", "bob", "cleo" };
    struct world w;
    struct peer p;
    char id[33], name[16];
    size_t left;

    (void)state;
    world_start(&w);
    for (int i = 0; i < 24; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        peer_online(&p, &w, names[i % 3], name);
        peer_enable(&p, true, id);
        peer_close(&p);
    }
    world_wait(&w, 300 * 1000);
    left = session_count(&w, ANN) + session_count(&w, BOB) + session_count(&w, CLEO);
    assert_in_range(left, 1, 23);
    assert_true(xmpp_host_deadline(w.host) <= w.now.mono);
    world_wait(&w, 0);
    assert_int_equal(session_count(&w, ANN), 0);
    assert_true(xmpp_host_deadline(w.host) == GW_NEVER);
    world_stop(&w);
}

static void not_told(const struct pres_doc *doc, const struct gw_str *to, size_t count, void *ctx)
{
    (void)doc;
    (void)to;
    (void)count;
    (void)ctx;
}

/* The sender came by another way, or his domain is not reached any more: nobody to answer. */
static void from_abroad(void **state)
{
    static const struct pres_frontend otherwise = { .name = "otherwise",
                                                    .presence_abroad = not_told };
    const struct pres_message m = { .from = GW_STR("carl@sip.example"),
                                    .to = GW_STR("ann@x.example/desk"),
                                    .body = GW_STR("hi") };
    struct world w;
    struct peer ann;
    char id[33];

    (void)state;
    world_start(&w);
    pres_route_set(w.core, GW_STR("sip.example"), pres_frontend_register(w.core, &otherwise, NULL));
    peer_online(&ann, &w, "ann", "desk");
    peer_enable(&ann, true, id);
    peer_close(&ann);
    assert_true(pres_abroad_message(w.core, &m));
    world_wait(&w, 300 * 1000);
    assert_null(pres_session_find(w.core, GW_STR(ANN), GW_STR("desk")));
    pres_route_set(w.core, GW_STR("sip.example"), NULL);
    world_stop(&w);
}

/* Nor is there one when he is no user any more, or his domain has no way: what he wrote counts all the
 * same. */
static void from_who_is_no_more(void **state)
{
    static const struct pres_frontend otherwise = { .name = "otherwise",
                                                    .presence_abroad = not_told };
    const struct pres_message m = { .from = GW_STR("carl@sip.example"),
                                    .to = GW_STR("ann@x.example/desk"),
                                    .body = GW_STR("from carl") };
    struct world w;
    struct peer ann, phone, bob;
    char id[33];

    (void)state;
    world_start(&w);
    pres_route_set(w.core, GW_STR("sip.example"), pres_frontend_register(w.core, &otherwise, NULL));
    peer_online(&ann, &w, "ann", "desk");
    peer_online(&bob, &w, "bob", "phone");
    peer_enable(&ann, true, id);
    peer_close(&ann);
    assert_true(pres_abroad_message(w.core, &m));
    peer_send(&bob, "<message to='ann@x.example' type='chat'><body>from bob</body></message>");
    pres_route_set(w.core, GW_STR("sip.example"), NULL);
    pres_user_remove(w.core, GW_STR(BOB), w.now);
    peer_close(&bob);
    peer_online(&phone, &w, "ann", "phone");
    world_wait(&w, 300 * 1000);
    EXPECT(&phone, "<body>from carl</body>");
    EXPECT(&phone, "<body>from bob</body>");
    peer_close(&phone);
    world_stop(&w);
}

/* What is written to a client that was cut off, and will not come back, has not arrived. */
static void to_who_is_cut_off(void **state)
{
    const struct pres_message m = { .from = GW_STR("carl@sip.example"),
                                    .to = GW_STR("ann@x.example/desk"),
                                    .body = GW_STR("hi") };
    struct world w;
    struct peer desk, phone;

    (void)state;
    world_start(&w);
    peer_online(&desk, &w, "ann", "desk");
    desk.is_stuck = true;
    assert_false(pres_abroad_message(w.core, &m)); /* this cuts it off */
    assert_true(xmpp_c2s_is_closed(desk.c2s));
    assert_false(pres_abroad_message(w.core, &m));
    peer_online(&phone, &w, "ann", "phone");
    assert_true(pres_abroad_message(w.core, &m));
    EXPECT(&phone, "<body>hi</body>");
    peer_clear(&phone);
    peer_close(&desk);
    /* The same from here. */
    peer_online(&desk, &w, "ann", "desk");
    desk.is_stuck = true;
    peer_clear(&phone);
    peer_send(&phone, "<message to='ann@x.example/desk' type='chat'><body>hi</body></message>");
    EXPECT(&phone, "<body>hi</body>"); /* comes to who is there */
    peer_close(&desk);
    peer_close(&phone);
    world_stop(&w);
}

/* Reads too slowly, or does not answer a ping: no end for who may come back. */
static void lost_but_not_gone(void **state)
{
    struct world w;
    struct peer ann, bob;
    char id[33];

    (void)state;
    world_start(&w);
    peer_online(&bob, &w, "bob", "phone");
    peer_online(&ann, &w, "ann", "desk");
    peer_enable(&ann, true, id);
    ann.is_stuck = true;
    peer_send(&bob, "<message to='ann@x.example/desk' id='m1'><body>hi</body></message>");
    assert_true(xmpp_c2s_is_closed(ann.c2s)); /* the transport closes it */
    assert_true(xmpp_c2s_deadline(ann.c2s) == GW_NEVER);
    EXPECT_ALL(&bob, "");
    peer_close(&ann);
    peer_resume(&ann, &w, "ann", id, 0);
    EXPECT(&ann, "<body>hi</body>");
    peer_clear(&ann);
    peer_send(&ann, "<a " SM " h='1'/>");
    peer_wait(&ann, 360 * 1000);
    EXPECT(&ann, "<ping ");
    EXPECT_NOT(&ann, "<stream:error>");
    assert_true(xmpp_c2s_is_closed(ann.c2s));
    peer_close(&ann);
    assert_non_null(pres_session_find(w.core, GW_STR(ANN), GW_STR("desk")));
    peer_close(&bob);
    world_stop(&w);
}

static void can_be_off(void **state)
{
    struct world w;
    struct peer ann;
    char id[33];

    (void)state;
    world_start(&w);
    w.settings.resume_s = GW_PARAM_WORD;
    peer_online(&ann, &w, "ann", "desk");
    peer_enable(&ann, true, id);
    assert_string_equal(id, "");
    peer_close(&ann);
    assert_null(pres_session_find(w.core, GW_STR(ANN), GW_STR("desk")));
    world_stop(&w);
}

/* ---- Clients that look away ---- */

static void inactive_clients_get_the_newest(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_of_friends(&w, &ann, &bob);
    peer_send(&bob, "<inactive xmlns='urn:xmpp:csi:0'/>");
    peer_send(&ann, "<presence><show>away</show></presence>");
    peer_send(&ann, "<presence><show>xa</show></presence>");
    peer_send(&ann, "<presence><show>dnd</show></presence>");
    EXPECT_ALL(&bob, "");
    xmpp_c2s_drained(bob.c2s); /* what was written has gone out: no reason to send more */
    EXPECT_ALL(&bob, "");
    peer_send(&ann, "<message to='bob@x.example' type='chat'><body>hi</body></message>");
    EXPECT(&bob, "<body>hi</body>");
    peer_clear(&bob);
    peer_send(&bob, "<active xmlns='urn:xmpp:csi:0'/>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\"><show>dnd</show>"
                     "</presence>");
    peer_send(&ann, "<presence/>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\"/>");
    world_of_two_stop(&w, &ann, &bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_acknowledges),
        cmocka_unit_test(at_wrong_times),
        cmocka_unit_test(resumes),
        cmocka_unit_test(takes_over),
        cmocka_unit_test(only_by_the_user_and_once),
        cmocka_unit_test(not_beside_a_session),
        cmocka_unit_test(what_did_not_arrive),
        cmocka_unit_test(what_another_client_has),
        cmocka_unit_test(what_no_client_had),
        cmocka_unit_test(ends_before_its_time),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(sleeps_lightly),
        cmocka_unit_test(makes_room),
        cmocka_unit_test(ends_a_few_at_a_time),
        cmocka_unit_test(from_abroad),
        cmocka_unit_test(from_who_is_no_more),
        cmocka_unit_test(to_who_is_cut_off),
        cmocka_unit_test(lost_but_not_gone),
        cmocka_unit_test(can_be_off),
        cmocka_unit_test(inactive_clients_get_the_newest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
