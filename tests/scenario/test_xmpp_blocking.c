/* Whom a user blocks: XEP-0191, with presence, messages and questions. */
#include "xmpp_peer.h"

#define BLOCKING "xmlns='urn:xmpp:blocking'"

static void block(struct peer *p, const char *jid)
{
    peer_sendf(p, "<iq type='set' id='bl'><block " BLOCKING "><item jid='%s'/></block></iq>", jid);
    EXPECT(p, "type=\"result\" to=");
    peer_clear(p);
}

static void unblock(struct peer *p, const char *jid)
{
    peer_sendf(p, "<iq type='set' id='ub'><unblock " BLOCKING "><item jid='%s'/></unblock></iq>",
               jid);
    EXPECT(p, "type=\"result\" to=");
    peer_clear(p);
}

static void asks_are_answered(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "<iq type='get' id='1'><blocklist " BLOCKING "/></iq>",
          "id=\"1\"><blocklist xmlns=\"urn:xmpp:blocking\"/></iq>" },
        { "<iq type='set' id='1'><block " BLOCKING "/></iq>", "<bad-request " },
        { "<iq type='set' id='1'><block " BLOCKING "><item/></block></iq>", "<jid-malformed " },
        { "<iq type='set' id='1'><block " BLOCKING "><item jid='a b@c'/></block></iq>",
          "<jid-malformed " },
        { "<iq type='set' id='1'><block " BLOCKING "><thing jid='a@c'/></block></iq>",
          "<jid-malformed " },
        { "<iq type='set' id='1'><block " BLOCKING "><item jid='a@c/r'/></block></iq>",
          "<not-acceptable " },
        { "<iq type='set' id='1'><block " BLOCKING "><item jid='ANN@x.example'/></block></iq>",
          "<not-allowed " },
        { "<iq type='set' id='1'><unblock " BLOCKING "/></iq>",
          "<iq type=\"result\" to=\"ann@x.example/desk\" id=\"1\"/>" },
        { "<iq type='set' id='1'><unblock " BLOCKING "><item jid='never@blocked'/></unblock></iq>",
          "<iq type=\"result\" to=\"ann@x.example/desk\" id=\"1\"/>" },
        { "<iq type='get' id='1' to='bob@x.example'><blocklist " BLOCKING "/></iq>",
          "<service-unavailable " },
    };
    struct world w;
    struct peer ann;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        peer_send(&ann, cases[i].in);
        EXPECT(&ann, cases[i].out);
        peer_clear(&ann);
    }
    peer_close(&ann);
    world_stop(&w);
}

/* One wrong address: nobody is blocked. */
static void all_or_none(void **state)
{
    struct world w;
    struct peer ann;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    peer_send(&ann, "<iq type='set' id='1'><block " BLOCKING "><item jid='bob@x.example'/>"
                    "<item jid='@'/></block></iq>");
    EXPECT(&ann, "<jid-malformed ");
    assert_int_equal(pres_decided(w.core, GW_STR(ANN), GW_STR(BOB)), PRES_ASK);
    peer_close(&ann);
    world_stop(&w);
}

static void list_and_pushes(void **state)
{
    struct world w;
    struct peer desk, phone, mute;

    (void)state;
    world_start(&w);
    peer_online(&desk, &w, "ann", "desk");
    peer_online(&phone, &w, "ann", "phone");
    peer_online(&mute, &w, "ann", "mute"); /* has not asked for the list */
    peer_send(&phone, "<iq type='get' id='1'><blocklist " BLOCKING "/></iq>");
    peer_clear(&phone);
    peer_clear(&mute);
    peer_send(&desk, "<iq type='set' id='1'><block " BLOCKING "><item jid='Eve@Y.example'/>"
                     "<item jid='z.example'/></block></iq>");
    EXPECT(&phone, "<block xmlns=\"urn:xmpp:blocking\"><item jid=\"eve@y.example\"/></block>");
    EXPECT(&phone, "<block xmlns=\"urn:xmpp:blocking\"><item jid=\"z.example\"/></block>");
    EXPECT_ALL(&mute, "");
    peer_clear(&desk);
    peer_send(&desk, "<iq type='get' id='2'><blocklist " BLOCKING "/></iq>");
    EXPECT(&desk, "<blocklist xmlns=\"urn:xmpp:blocking\"><item jid=\"eve@y.example\"/>"
                  "<item jid=\"z.example\"/></blocklist>");
    peer_clear(&phone);
    peer_send(&desk, "<iq type='set' id='3'><unblock " BLOCKING "/></iq>");
    EXPECT(&phone, "<unblock xmlns=\"urn:xmpp:blocking\"><item jid=\"eve@y.example\"/></unblock>");
    EXPECT(&phone, "<unblock xmlns=\"urn:xmpp:blocking\"><item jid=\"z.example\"/></unblock>");
    assert_int_equal(pres_decided(w.core, GW_STR(ANN), GW_STR("z.example")), PRES_ASK);
    /* From another door. */
    peer_clear(&phone);
    assert_int_equal(pres_decide(w.core, GW_STR(ANN), GW_STR(CLEO), PRES_SHUT_OUT, NULL), GW_OK);
    EXPECT(&phone, "<block xmlns=\"urn:xmpp:blocking\"><item jid=\"cleo@x.example\"/></block>");
    peer_close(&desk);
    peer_close(&phone);
    peer_close(&mute);
    world_stop(&w);
}

/* What was only denied presence is on no list, and stays denied. */
static void denied_is_not_blocked(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_of_two(&w, &ann, &bob);
    assert_int_equal(pres_decide(w.core, GW_STR(ANN), GW_STR(BOB), PRES_BLOCK, NULL), GW_OK);
    peer_send(&ann, "<iq type='get' id='1'><blocklist " BLOCKING "/></iq>");
    EXPECT(&ann, "<blocklist xmlns=\"urn:xmpp:blocking\"/>");
    unblock(&ann, BOB);
    assert_int_equal(pres_decided(w.core, GW_STR(ANN), GW_STR(BOB)), PRES_BLOCK);
    peer_send(&bob, "<message type='chat' to='ann@x.example'><body>hi</body></message>");
    EXPECT(&ann, "<body>hi</body>");
    world_of_two_stop(&w, &ann, &bob);
}

/* The one who blocks is offline for the other, and goes on seeing him. */
static void presence_is_polite(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_of_friends(&w, &ann, &bob);
    block(&ann, BOB);
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\" "
                     "type=\"unavailable\"/>");
    peer_send(&ann, "<presence><show>away</show></presence>");
    EXPECT_ALL(&bob, "");
    peer_clear(&ann);
    peer_send(&bob, "<presence type='probe' to='ann@x.example'/>");
    EXPECT_ALL(&bob, "");
    peer_send(&bob, "<presence><show>dnd</show></presence>");
    EXPECT(&ann, "from=\"bob@x.example/phone\"><show>dnd</show>");
    peer_clear(&bob);
    unblock(&ann, BOB);
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\">"
                     "<show>away</show></presence>");
    world_of_two_stop(&w, &ann, &bob);
}

static void directed_presence(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_of_two(&w, &ann, &bob);
    peer_send(&ann, "<presence to='bob@x.example/phone'/>");
    EXPECT(&bob, "from=\"ann@x.example/desk\"/>");
    peer_clear(&bob);
    block(&ann, "x.example"); /* the whole domain, her own: she stays reachable for herself */
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\" "
                     "type=\"unavailable\"/>");
    peer_send(&bob, "<presence to='ann@x.example/desk'><status>look here</status></presence>");
    peer_send(&bob, "<presence to='ann@x.example'><status>look here</status></presence>");
    EXPECT_ALL(&ann, "");
    EXPECT_ALL(&bob, "");
    peer_send(&ann, "<presence to='bob@x.example/phone'/>");
    EXPECT(&ann, "<not-acceptable ");
    EXPECT_ALL(&bob, "");
    peer_clear(&ann);
    peer_send(&ann, "<message to='ann@x.example/desk' type='chat'><body>note</body></message>");
    EXPECT(&ann, "<body>note</body>");
    peer_send(&ann, "<iq type='get' id='p' to='x.example'><ping xmlns='urn:xmpp:ping'/></iq>");
    EXPECT(&ann, "type=\"result\" from=\"x.example\"");
    world_of_two_stop(&w, &ann, &bob);
}

static void nothing_is_written(void **state)
{
    static const struct {
        const char *in, *out; /* what who is blocked gets for it */
    } cases[] = {
        { "<message to='ann@x.example' type='chat'><body>hi</body></message>",
          "<service-unavailable " },
        { "<message to='ann@x.example/desk' type='chat'><body>hi</body></message>",
          "<service-unavailable " },
        { "<message to='ann@x.example/desk' type='groupchat'><body>hi</body></message>",
          "<service-unavailable " },
        { "<message to='ann@x.example/desk' type='error'><body>hi</body></message>", NULL },
        { "<iq to='ann@x.example/desk' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
          "<service-unavailable " },
        { "<iq to='ann@x.example/desk' type='result' id='1'/>", NULL },
    };
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_of_two(&w, &ann, &bob);
    block(&ann, BOB);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        peer_send(&bob, cases[i].in);
        EXPECT_ALL(&ann, "");
        if (cases[i].out) {
            EXPECT(&bob, cases[i].out);
            EXPECT_NOT(&bob, "blocking");
        } else {
            EXPECT_ALL(&bob, "");
        }
        peer_clear(&bob);
    }
    peer_send(&ann, "<message to='bob@x.example' type='chat' id='m'><body>hi</body></message>");
    EXPECT_ALL(&ann, "<message type=\"error\" from=\"bob@x.example\" to=\"ann@x.example/desk\" "
                     "id=\"m\"><error type=\"cancel\">"
                     "<not-acceptable xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"/>"
                     "<blocked xmlns=\"urn:xmpp:blocking:errors\"/></error></message>");
    EXPECT_ALL(&bob, "");
    unblock(&ann, BOB);
    peer_send(&bob, "<message to='ann@x.example' type='chat'><body>hi</body></message>");
    EXPECT(&ann, "<body>hi</body>");
    world_of_two_stop(&w, &ann, &bob);
}

/* A request to watch is granted politely, or refused, as of one who is denied; no prompt. */
static void requests(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_start(&w);
    w.pres.denied_watchers = PRES_DENIED_SEE_OFFLINE;
    peer_online(&ann, &w, "ann", "desk");
    peer_online(&bob, &w, "bob", "phone");
    block(&ann, BOB);
    peer_send(&bob, "<presence type='subscribe' to='ann@x.example'/>");
    EXPECT(&bob, "type=\"subscribed\"");
    EXPECT_NOT(&bob, "from=\"ann@x.example/desk\"");
    EXPECT_ALL(&ann, "");
    world_of_two_stop(&w, &ann, &bob);
}

static void too_many(void **state)
{
    struct world w;
    struct peer ann;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    for (int i = 0; i < PRES_DECISIONS_MAX; i++) {
        char jid[32];

        snprintf(jid, sizeof(jid), "u%d@y.example", i);
        block(&ann, jid);
        peer_wait(&ann, 1000);
    }
    peer_send(&ann, "<iq type='set' id='1'><block " BLOCKING "><item jid='more@y.example'/>"
                    "</block></iq>");
    EXPECT(&ann, "<resource-constraint ");
    peer_close(&ann);
    world_stop(&w);
}

/* Who is shown and hidden is told to many: it is not free to do so again and again. */
static void over_and_over(void **state)
{
    struct world w;
    struct peer ann, bob;
    int turns = 0;

    (void)state;
    world_of_friends(&w, &ann, &bob);
    peer_wait(&ann, 60 * GW_SECOND_MS);
    while (turns < 1000 && !xmpp_c2s_is_throttled(ann.c2s)) {
        peer_sendf(&ann,
                   "<iq type='set' id='o'><%s " BLOCKING "><item jid='bob@x.example'/></%s></iq>",
                   turns % 2 ? "unblock" : "block", turns % 2 ? "unblock" : "block");
        peer_clear(&ann);
        peer_clear(&bob);
        turns++;
    }
    assert_in_range(turns, 5, w.settings.rate_kbs * 5);
    world_of_two_stop(&w, &ann, &bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_are_answered),  cmocka_unit_test(all_or_none),
        cmocka_unit_test(list_and_pushes),    cmocka_unit_test(denied_is_not_blocked),
        cmocka_unit_test(presence_is_polite), cmocka_unit_test(directed_presence),
        cmocka_unit_test(nothing_is_written), cmocka_unit_test(requests),
        cmocka_unit_test(too_many),           cmocka_unit_test(over_and_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
