/* What contacts are doing (XEP-0108): told to clients that want it, as far as each may see it. */
#include "xmpp_peer.h"

#define CAPS "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='%s'/>"
#define ITEMS                                                                                      \
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"                                           \
    "<items node='http://jabber.org/protocol/activity'/></pubsub>"
#define MEETING                                                                                    \
    "<item id=\"current\"><activity xmlns=\"http://jabber.org/protocol/activity\">"                \
    "<working><in_a_meeting/></working></activity></item>"
#define NO_MEETING                                                                                 \
    "<item id=\"current\"><activity xmlns=\"http://jabber.org/protocol/activity\"/></item>"

static void calendar(struct world *w, const char *user, enum pres_calendar_kind kind)
{
    const struct pres_calendar cal = { .kind = kind, .until = GW_NEVER };

    pres_calendar_set(w->core, gw_str_of(user), &cal, w->now);
    if (xmpp_host_deadline(w->host) <= w->now.mono)
        xmpp_host_tick(w->host, w->now);
}

/* Says what it can do, and answers the question for it. */
static void want(struct peer *p, const char *ver, const char *feature)
{
    peer_clear(p);
    peer_sendf(p, "<presence>" CAPS "</presence>", ver);
    EXPECT(p, "<iq from=\"x.example\" to=");
    EXPECT(p, "<query xmlns=\"http://jabber.org/protocol/disco#info\" node=\"n#");
    peer_clear(p);
    peer_sendf(p,
               "<iq type='result' id='caps' to='x.example'>"
               "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='u:x'/>"
               "<feature var='%s'/></query></iq>",
               feature);
}

static void wants(struct peer *p)
{
    want(p, "v1", "http://jabber.org/protocol/activity+notify");
}

static void meetings_are_told(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_of_friends(&w, &ann, &bob);
    calendar(&w, ANN, PRES_CAL_MEETING);
    EXPECT_NOT(&bob, "pubsub"); /* nobody wants it */
    wants(&bob);
    EXPECT_ALL(&bob, "<message from=\"ann@x.example\" to=\"bob@x.example/phone\" type=\"headline\">"
                     "<event xmlns=\"http://jabber.org/protocol/pubsub#event\">"
                     "<items node=\"http://jabber.org/protocol/activity\">" MEETING
                     "</items></event></message>");
    peer_sendf(&bob, "<presence><show>away</show>" CAPS "</presence>", "v1");
    EXPECT_NOT(&bob, "id=\"caps\""); /* is asked once */
    calendar(&w, ANN, PRES_CAL_FREE);
    EXPECT(&bob, NO_MEETING);
    peer_clear(&bob);
    calendar(&w, ANN, PRES_CAL_OOF);
    EXPECT_NOT(&bob, "pubsub");
    calendar(&w, ANN, PRES_CAL_MEETING);
    EXPECT(&bob, MEETING);
    EXPECT_NOT(&ann, "pubsub#event");
    peer_clear(&bob);
    peer_send(&bob, "<iq type='get' id='i' to='ann@x.example'>" ITEMS "</iq>");
    EXPECT(&bob, "id=\"i\"><pubsub xmlns=\"http://jabber.org/protocol/pubsub\">"
                 "<items node=\"http://jabber.org/protocol/activity\">" MEETING);
    /* Another version of the client, which does not want it any more. */
    want(&bob, "v2", "u:y");
    calendar(&w, ANN, PRES_CAL_FREE);
    EXPECT_NOT(&bob, "pubsub#event");
    world_of_two_stop(&w, &ann, &bob);
}

static void not_above_what_may_be_seen(void **state)
{
    const struct pres_privacy_rule rule = { .class = PRES_CLASS_OWN, .level = PRES_LEVEL_BUSY };
    struct world w;
    struct peer ann, bob, cleo;

    (void)state;
    world_of_two(&w, &ann, &bob);
    peer_online(&cleo, &w, "cleo", "pad"); /* no contact */
    peer_befriend(&ann, ANN, &bob, BOB);
    assert_int_equal(pres_privacy_set(w.core, GW_STR(ANN), &rule, w.now, NULL, NULL, NULL), GW_OK);
    wants(&bob);
    wants(&cleo);
    calendar(&w, ANN, PRES_CAL_MEETING);
    calendar(&w, ANN, PRES_CAL_FREE);
    EXPECT_NOT(&bob, "pubsub#event");
    EXPECT_NOT(&cleo, "pubsub#event");
    peer_clear(&cleo);
    peer_send(&cleo, "<iq type='get' id='i' to='ann@x.example'>" ITEMS "</iq>");
    EXPECT(&cleo, "<forbidden ");
    peer_clear(&cleo);
    peer_send(&cleo, "<iq type='get' id='i'><pubsub xmlns='http://jabber.org/protocol/pubsub'>"
                     "<items node='other'/></pubsub></iq>");
    EXPECT(&cleo, "<item-not-found ");
    peer_clear(&cleo);
    peer_send(&cleo, "<iq type='get' id='i'>" ITEMS "</iq>"); /* her own */
    EXPECT(&cleo, NO_MEETING);
    peer_clear(&cleo);
    peer_send(&cleo, "<iq type='set' id='i'>" ITEMS "</iq>");
    EXPECT(&cleo, "<feature-not-implemented ");
    peer_close(&ann);
    peer_close(&bob);
    peer_close(&cleo);
    world_stop(&w);
}

/* The session is resumed elsewhere, the contact leaves for good, the client leaves. */
static void comes_and_goes(void **state)
{
    struct world w;
    struct peer ann, bob, again;
    char id[33];

    (void)state;
    world_of_friends(&w, &ann, &bob);
    wants(&bob);
    peer_enable(&bob, true, id);
    peer_close(&bob);
    calendar(&w, ANN, PRES_CAL_MEETING);
    peer_resume(&again, &w, "bob", id, 0);
    EXPECT(&again, MEETING);
    peer_clear(&again);
    calendar(&w, ANN, PRES_CAL_FREE);
    EXPECT(&again, NO_MEETING);
    calendar(&w, ANN, PRES_CAL_MEETING);
    pres_user_remove(w.core, GW_STR(ANN), w.now);
    xmpp_host_tick(w.host, w.now);
    peer_close(&ann);
    peer_send(&again, "</stream:stream>");
    peer_close(&again);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meetings_are_told),
        cmocka_unit_test(not_above_what_may_be_seen),
        cmocka_unit_test(comes_and_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
