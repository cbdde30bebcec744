/* What clients do once they are there: rosters, presence, messages, questions. */
#include "xmpp_peer.h"

#define STANZA_ERROR(type, condition)                                                              \
    "<error type=\"" type "\"><" condition " xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"/>"

/* ---- One stanza, one answer ---- */

static const struct {
    const char *in, *out; /* "": nothing comes back */
} cases[] = {
    /* Questions to the server and the own account */
    { "<iq type='get' id='1' to='x.example'><ping xmlns='urn:xmpp:ping'/></iq>",
      "<iq type=\"result\" from=\"x.example\" to=\"ann@x.example/desk\" id=\"1\"/>" },
    { "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
      "<iq type=\"result\" to=\"ann@x.example/desk\" id=\"1\"/>" },
    { "<iq type='get' id='1' to='ann@x.example'><ping xmlns='urn:xmpp:ping'/></iq>",
      "<iq type=\"result\" from=\"ann@x.example\" to=\"ann@x.example/desk\" id=\"1\"/>" },
    { "<iq type='get' id='d' to='x.example'><query "
      "xmlns='http://jabber.org/protocol/disco#info'/></iq>",
      "<identity category=\"server\" type=\"im\" name=\"Kalends\"/>" },
    { "<iq type='get' id='d' to='ann@x.example'><query "
      "xmlns='http://jabber.org/protocol/disco#info'/></iq>",
      "<identity category=\"account\" type=\"registered\"/>" },
    { "<iq type='get' id='d' to='x.example'><query node='n' "
      "xmlns='http://jabber.org/protocol/disco#info'/></iq>",
      STANZA_ERROR("cancel", "item-not-found") },
    { "<iq type='get' id='d' to='x.example'><query "
      "xmlns='http://jabber.org/protocol/disco#items'/></iq>",
      "<query xmlns=\"http://jabber.org/protocol/disco#items\"/></iq>" },
    { "<iq type='get' id='v' to='x.example'><query xmlns='jabber:iq:version'/></iq>",
      "<name>Kalends</name><version>1.2.3</version>" },
    { "<iq type='get' id='t' to='x.example'><time xmlns='urn:xmpp:time'/></iq>",
      "<time xmlns=\"urn:xmpp:time\"><tzo>+00:00</tzo><utc>2023-11-14T22:13:20Z</utc></time>" },
    { "<iq type='get' id='l' to='x.example'><query xmlns='jabber:iq:last'/></iq>",
      "<query xmlns=\"jabber:iq:last\" seconds=\"0\"/>" },
    { "<iq type='get' id='l'><query xmlns='jabber:iq:last'/></iq>",
      "<query xmlns=\"jabber:iq:last\" seconds=\"0\"/>" },
    { "<iq type='get' id='l' to='bob@x.example'><query xmlns='jabber:iq:last'/></iq>",
      STANZA_ERROR("auth", "forbidden") },
    { "<iq type='set' id='l' to='bob@x.example'><query xmlns='jabber:iq:last'/></iq>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
      "<iq type=\"result\" to=\"ann@x.example/desk\" id=\"s\"/>" },
    { "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
      STANZA_ERROR("cancel", "not-allowed") },
    { "<iq type='get' id='u' to='x.example'><query xmlns='what:ever'/></iq>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<iq type='get' id='u' to='x.example/r'><ping xmlns='urn:xmpp:ping'/></iq>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<iq type='get' id='u'><vCard xmlns='vcard-temp'/></iq>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<iq type='set' id='u' to='x.example'><ping xmlns='urn:xmpp:ping'/></iq>",
      STANZA_ERROR("cancel", "service-unavailable") },
    /* Questions that are none */
    { "<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>", STANZA_ERROR("modify", "bad-request") },
    { "<iq id='1'><ping xmlns='urn:xmpp:ping'/></iq>", STANZA_ERROR("modify", "bad-request") },
    { "<iq type='ask' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
      STANZA_ERROR("modify", "bad-request") },
    { "<iq type='get' id='1'/>", STANZA_ERROR("modify", "bad-request") },
    { "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/></iq>",
      STANZA_ERROR("modify", "bad-request") },
    { "<iq type='result' id='alive' to='x.example'/>", "" },
    { "<iq type='error' id='alive' to='x.example'><error/></iq>", "" },
    /* To others */
    { "<iq type='get' id='1' to='bob@x.example'><ping xmlns='urn:xmpp:ping'/></iq>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<iq type='get' id='1' to='bob@x.example/none'><ping xmlns='urn:xmpp:ping'/></iq>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<iq type='get' id='1' to='eve@x.example'><ping xmlns='urn:xmpp:ping'/></iq>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<iq type='get' id='1' to='bob@y.example'><ping xmlns='urn:xmpp:ping'/></iq>",
      STANZA_ERROR("cancel", "remote-server-not-found") },
    { "<iq type='result' id='1' to='bob@x.example/none'/>", "" },
    { "<iq type='get' id='1' to='@x.example'><ping xmlns='urn:xmpp:ping'/></iq>",
      STANZA_ERROR("modify", "jid-malformed") },
    { "<iq type='get' id='1' to=''><ping xmlns='urn:xmpp:ping'/></iq>",
      STANZA_ERROR("modify", "jid-malformed") },
    /* Rosters */
    { "<iq type='set' id='1'><query xmlns='jabber:iq:roster'/></iq>",
      STANZA_ERROR("modify", "bad-request") },
    { "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item/></query></iq>",
      STANZA_ERROR("modify", "bad-request") },
    { "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@b/c'/></query></iq>",
      STANZA_ERROR("modify", "bad-request") },
    { "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@b'/><item jid='c@d'/>"
      "</query></iq>",
      STANZA_ERROR("modify", "bad-request") },
    { "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='ANN@x.example'/></query>"
      "</iq>",
      STANZA_ERROR("cancel", "not-allowed") },
    { "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@b'><group/></item>"
      "</query></iq>",
      STANZA_ERROR("modify", "not-acceptable") },
    { "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@b'><group>g</group>"
      "<group>g</group></item></query></iq>",
      STANZA_ERROR("modify", "bad-request") },
    { "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@b' "
      "subscription='remove'/></query></iq>",
      STANZA_ERROR("cancel", "item-not-found") },
    { "<iq type='get' id='1' to='bob@x.example'><query xmlns='jabber:iq:roster'/></iq>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<iq type='get' id='1' to='x.example'><query xmlns='jabber:iq:roster'/></iq>",
      STANZA_ERROR("cancel", "service-unavailable") },
    /* Messages that find nobody */
    { "<message to='bob@x.example' type='chat'><body>hi</body></message>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<message to='bob@x.example'><body>hi</body></message>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<message to='bob@x.example' type='headline'><body>hi</body></message>", "" },
    { "<message to='bob@x.example' type='groupchat'><body>hi</body></message>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<message to='bob@x.example' type='error'><body>hi</body></message>", "" },
    { "<message to='bob@x.example/r' type='chat' id='m'><body>hi</body></message>",
      "<message type=\"error\" from=\"bob@x.example/r\" to=\"ann@x.example/desk\" id=\"m\">" },
    { "<message to='bob@x.example/r' type='headline'><body>hi</body></message>", "" },
    { "<message to='eve@x.example'><body>hi</body></message>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<message to='bob@y.example'><body>hi</body></message>",
      STANZA_ERROR("cancel", "remote-server-not-found") },
    { "<message to='x.example'><body>hi</body></message>",
      STANZA_ERROR("cancel", "service-unavailable") },
    { "<message to='bob@x.example' type='loud'/>", STANZA_ERROR("modify", "bad-request") },
    { "<message to='a b@x.example'/>", STANZA_ERROR("modify", "jid-malformed") },
    { "<message><body>to myself</body></message>",
      "<message from=\"ann@x.example/desk\"><body>to myself</body></message>" },
    /* Presence */
    { "<presence><show>sleepy</show></presence>", STANZA_ERROR("modify", "bad-request") },
    { "<presence><priority>128</priority></presence>", STANZA_ERROR("modify", "bad-request") },
    { "<presence><priority>x</priority></presence>", STANZA_ERROR("modify", "bad-request") },
    { "<presence type='away'/>", STANZA_ERROR("modify", "bad-request") },
    { "<presence type='subscribe'/>", STANZA_ERROR("modify", "bad-request") },
    { "<presence type='subscribe' to='ann@x.example'/>", STANZA_ERROR("cancel", "not-allowed") },
    { "<presence type='subscribe' to='bob@y.example'/>",
      STANZA_ERROR("cancel", "remote-server-not-found") },
    { "<presence to='bob@y.example'/>", STANZA_ERROR("cancel", "remote-server-not-found") },
    { "<presence to='eve@x.example'/>", "" },
    { "<presence type='error' to='bob@x.example'/>", "" },
    { "<presence type='probe' to='bob@x.example'/>", "" },
    { "<presence type='unsubscribed' to='bob@x.example'/>", "" },
    /* The stream */
    { "<message from='bob@x.example' to='bob@x.example'/>", "<stream:error><invalid-from " },
    { "<message from='ann@x.example/other' to='bob@x.example'/>", "<stream:error><invalid-from " },
    { "<message from='' to='bob@x.example'/>", "<stream:error><invalid-from " },
    { "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
      "<stream:error><policy-violation " },
    { "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<stream:error><policy-violation " },
    { "<note/>", "<stream:error><unsupported-stanza-type " },
    { "<message xmlns='jabber:server'/>", "<stream:error><invalid-namespace " },
    { "<presence xmlns=''/>", "<stream:error><invalid-namespace " },
    { "<note xmlns='jabber:server'/>", "<stream:error><unsupported-stanza-type " },
    { "<message>&nbsp;</message>", "<stream:error>" },
    { "<message><body></message>", "<stream:error><not-well-formed " },
    { "</stream:stream>", "</stream:stream>" },
};

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        struct peer p;

        world_start(&w);
        peer_online(&p, &w, "ann", "desk");
        peer_send(&p, cases[i].in);
        if (cases[i].out[0] ? !peer_has(&p, cases[i].out) : p.out.len != 0)
            fail_msg("'%s': got\n  %s\ninstead of\n  %s", cases[i].in, p.out.len ? p.out.p : "",
                     cases[i].out);
        peer_close(&p);
        world_stop(&w);
    }
}

/* ---- Rosters ---- */

static void keeps_a_roster(void **state)
{
    struct world w;
    struct peer desk, phone;

    (void)state;
    world_start(&w);
    peer_online(&desk, &w, "ann", "desk");
    peer_login(&phone, &w, "ann", "phone"); /* has not asked for the roster */
    peer_clear(&desk);
    peer_send(&desk, "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item "
                     "jid='Bob@X.example' name='B &amp; &quot;Co&quot;'><group>W&lt;k</group>"
                     "<group>Play</group></item></query></iq>");
    EXPECT_ALL(&desk, "<iq type=\"set\" id=\"push1\" to=\"ann@x.example/desk\"><query "
                      "xmlns=\"jabber:iq:roster\"><item jid=\"bob@x.example\" "
                      "name=\"B &amp; &quot;Co&quot;\" subscription=\"none\"><group>W&lt;k</group>"
                      "<group>Play</group></item></query></iq>"
                      "<iq type=\"result\" to=\"ann@x.example/desk\" id=\"1\"/>");
    EXPECT_ALL(&phone, "");
    peer_send(&phone, "<iq type='get' id='2' to='ann@x.example'><query xmlns='jabber:iq:roster'/>"
                      "</iq>");
    EXPECT_ALL(&phone, "<iq type=\"result\" from=\"ann@x.example\" to=\"ann@x.example/phone\" "
                       "id=\"2\"><query xmlns=\"jabber:iq:roster\"><item jid=\"bob@x.example\" "
                       "name=\"B &amp; &quot;Co&quot;\" subscription=\"none\"><group>W&lt;k</group>"
                       "<group>Play</group></item></query></iq>");
    peer_send(&desk, "<iq type='set' id='3'><query xmlns='jabber:iq:roster'><item "
                     "jid='bob@x.example' subscription='remove'/></query></iq>");
    EXPECT(&phone, "<item jid=\"bob@x.example\" subscription=\"remove\"/>");
    EXPECT(&desk, "id=\"3\"/>");
    peer_close(&desk);
    peer_close(&phone);
    world_stop(&w);
}

/* RFC 6121 2.6 */
static void knows_versions(void **state)
{
    struct world w;
    struct peer desk;
    char ver[17], get[160];

    (void)state;
    world_start(&w);
    peer_login(&desk, &w, "ann", "desk");
    peer_send(&desk, "<iq type='get' id='1'><query xmlns='jabber:iq:roster' ver=''/></iq>");
    EXPECT_ALL(&desk, "<iq type=\"result\" to=\"ann@x.example/desk\" id=\"1\"><query "
                      "xmlns=\"jabber:iq:roster\" ver=\"0000000000000000\"/></iq>");
    peer_send(&desk, "<iq type='set' id='2'><query xmlns='jabber:iq:roster'><item "
                     "jid='bob@x.example' name='Bob'/></query></iq>");
    EXPECT(&desk, "<query xmlns=\"jabber:iq:roster\" ver=\"");
    snprintf(ver, sizeof(ver), "%s", strstr(desk.out.p, "ver=\"") + 5);
    assert_string_not_equal(ver, "0000000000000000");
    peer_clear(&desk);
    snprintf(get, sizeof(get),
             "<iq type='get' id='3'><query xmlns='jabber:iq:roster' ver='%s'/></iq>", ver);
    peer_send(&desk, get);
    EXPECT_ALL(&desk, "<iq type=\"result\" to=\"ann@x.example/desk\" id=\"3\"/>");
    /* Still told of changes; and what was, is again. */
    peer_send(&desk, "<iq type='set' id='4'><query xmlns='jabber:iq:roster'><item "
                     "jid='bob@x.example' name='Robert'><group>Work</group></item></query></iq>");
    EXPECT(&desk, "name=\"Robert\"");
    EXPECT_NOT(&desk, ver);
    peer_clear(&desk);
    peer_send(&desk, get);
    EXPECT(&desk, "name=\"Robert\"");
    peer_clear(&desk);
    peer_send(&desk, "<iq type='set' id='5'><query xmlns='jabber:iq:roster'><item "
                     "jid='bob@x.example' name='Bob'/></query></iq>");
    EXPECT(&desk, ver);
    peer_send(&desk, "<iq type='set' id='6'><query xmlns='jabber:iq:roster'><item "
                     "jid='bob@x.example' subscription='remove'/></query></iq>");
    EXPECT(&desk, "ver=\"0000000000000000\"><item jid=\"bob@x.example\" "
                  "subscription=\"remove\"/>");
    peer_close(&desk);
    world_stop(&w);
}

static void tells_the_last_activity(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_of_friends(&w, &ann, &bob);
    peer_send(&ann,
              "<iq type='get' id='1' to='bob@x.example'><query xmlns='jabber:iq:last'/></iq>");
    EXPECT(&ann, "from=\"bob@x.example\"");
    EXPECT(&ann, "seconds=\"0\"");
    peer_close(&bob);
    peer_wait(&ann, 100 * 1000);
    peer_clear(&ann);
    peer_send(&ann,
              "<iq type='get' id='1' to='bob@x.example'><query xmlns='jabber:iq:last'/></iq>");
    EXPECT(&ann, "seconds=\"100\"");
    peer_close(&ann);
    world_stop(&w);
}

static void subscribes(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_of_two(&w, &ann, &bob);
    peer_send(&ann, "<presence type='subscribe' to='bob@x.example/ignored' id='s1'>"
                    "<status>it is me</status></presence>");
    EXPECT(&ann, "<item jid=\"bob@x.example\" subscription=\"none\" ask=\"subscribe\"/>");
    EXPECT_ALL(&bob, "<presence from=\"ann@x.example\" to=\"bob@x.example\" type=\"subscribe\">"
                     "<status>it is me</status></presence>");
    peer_clear(&ann);
    peer_send(&bob, "<presence type='subscribed' to='ann@x.example'/>");
    EXPECT(&bob, "<item jid=\"ann@x.example\" subscription=\"from\"/>");
    EXPECT(&ann, "<presence from=\"bob@x.example\" to=\"ann@x.example\" type=\"subscribed\"/>");
    EXPECT(&ann, "<item jid=\"bob@x.example\" subscription=\"to\"/>");
    EXPECT(&ann, "<presence to=\"ann@x.example\" from=\"bob@x.example/phone\"/>");
    peer_clear(&ann);
    peer_close(&bob);
    EXPECT_ALL(&ann, "<presence to=\"ann@x.example\" from=\"bob@x.example/phone\" "
                     "type=\"unavailable\"/>");
    peer_close(&ann);
    world_stop(&w);
}

/* ---- Presence ---- */

static void passes_presence(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_of_friends(&w, &ann, &bob);
    peer_send(&ann, "<presence id='x'><show>chat</show><status>Talk &lt;to&gt; me</status>"
                    "<priority> 7 </priority>"
                    "<c xmlns='http://jabber.org/protocol/caps' node='n' ver='v'/></presence>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\">"
                     "<show>chat</show><status>Talk &lt;to&gt; me</status><priority>7</priority>"
                     "<c xmlns=\"http://jabber.org/protocol/caps\" node=\"n\" ver=\"v\"/>"
                     "</presence>");
    peer_send(&ann, "<presence><show>dnd</show><priority>-1</priority>"
                    "<status xml:lang='de'>nicht</status><status xml:lang='en'>do not</status>"
                    "</presence>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\"><show>dnd</show>"
                     "<status xml:lang=\"de\">nicht</status><status xml:lang=\"en\">do not</status>"
                     "<priority>-1</priority></presence>");
    peer_send(&ann, "<presence type='unavailable'><status>bye</status></presence>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\" "
                     "type=\"unavailable\"><status>bye</status></presence>");
    peer_send(&ann, "<presence to='bob@x.example/phone'/>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\"/>");
    peer_close(&ann);
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\" "
                     "type=\"unavailable\"/>");
    peer_close(&bob);
    world_stop(&w);
}

static void calendar(struct world *w, const char *user, enum pres_calendar_kind kind,
                     const char *text)
{
    struct pres_calendar cal = { .kind = kind, .since = 0, .until = GW_NEVER };

    snprintf(cal.text[PRES_WORDS_OWN], PRES_TEXT_MAX, "%s", text);
    pres_calendar_set(w->core, gw_str_of(user), &cal, w->now);
}

static void shows_the_calendar(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_of_friends(&w, &ann, &bob);
    peer_send(&ann, "<presence><show>chat</show><status>here</status><x xmlns='u:x'/></presence>");
    peer_clear(&bob);
    calendar(&w, ANN, PRES_CAL_MEETING, "In a meeting");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\"><show>away</show>"
                     "<status>In a meeting</status><x xmlns=\"u:x\"/></presence>");
    calendar(&w, ANN, PRES_CAL_OOF, "Out of office until Monday");
    EXPECT(&bob, "<show>xa</show><status>Out of office until Monday</status>");
    peer_clear(&bob);
    calendar(&w, ANN, PRES_CAL_ELSEWHERE, "Working elsewhere");
    EXPECT(&bob, "<show>chat</show><status>here</status>");
    peer_clear(&bob);
    calendar(&w, ANN, PRES_CAL_AWAY, "Away");
    EXPECT(&bob, "<show>away</show><status>Away</status>");
    peer_clear(&bob);
    peer_send(&ann, "<presence type='unavailable'/>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\" "
                     "type=\"unavailable\"><status>Away</status></presence>");
    calendar(&w, ANN, PRES_CAL_MEETING, "In a meeting");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example\" "
                     "type=\"unavailable\"><status>In a meeting</status></presence>");
    calendar(&w, ANN, PRES_CAL_FREE, "");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example\" "
                     "type=\"unavailable\"/>");
    world_of_two_stop(&w, &ann, &bob);
}

static void tell_nobody(const struct pres_doc *doc, struct pres_session *const *to, size_t count,
                        void *ctx)
{
    (void)doc;
    (void)to;
    (void)count;
    (void)ctx;
}

/* Interdomain tables 1 and 4: who is busy by another front-end is away here, and the text says busy. */
static void says_busy_in_words(void **state)
{
    static const struct pres_frontend other = { .name = "other", .presence = tell_nobody };
    static const struct {
        enum pres_show show;
        const char *text, *told;
    } words[] = {
        { PRES_BUSY, "", "<show>away</show><status>Busy</status>" },
        { PRES_BUSY, "At the board", "<show>away</show><status>Busy - At the board</status>" },
        { PRES_BUSY, "busy", "<show>away</show><status>busy</status>" },
        { PRES_AWAY, "At the board", "<show>away</show><status>At the board</status>" },
        { PRES_AWAY, "", "<show>away</show></presence>" },
    };
    struct pres_session *phone;
    struct peer ann, bob;
    struct world w;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    peer_online(&bob, &w, "bob", "r");
    peer_befriend(&ann, ANN, &bob, BOB);
    assert_int_equal(pres_session_new(w.core,
                                      &(struct pres_session_args){
                                          .user = GW_STR(ANN),
                                          .resource = GW_STR("phone"),
                                          .front = pres_frontend_register(w.core, &other, NULL) },
                                      w.now, &phone, NULL),
                     GW_OK);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        peer_clear(&bob);
        assert_int_equal(pres_session_set(phone,
                                          &(struct pres_client){ .show = words[i].show,
                                                                 .text = gw_str_of(words[i].text) },
                                          w.now),
                         GW_OK);
        EXPECT(&bob, words[i].told);
    }
    pres_session_free(&phone, w.now);
    peer_close(&ann);
    peer_close(&bob);
    world_stop(&w);
}

static void show_in_meeting_is_a_setting(void **state)
{
    static const struct {
        int setting;
        const char *out;
    } shows[] = {
        { XMPP_SHOW_AVAILABLE, "from=\"ann@x.example/desk\"><status>In a meeting</status>" },
        { XMPP_SHOW_CHAT, "<show>chat</show><status>In a meeting</status>" },
        { XMPP_SHOW_AWAY, "<show>away</show><status>In a meeting</status>" },
        { XMPP_SHOW_XA, "<show>xa</show><status>In a meeting</status>" },
        { XMPP_SHOW_DND, "<show>dnd</show><status>In a meeting</status>" },
    };
    struct world w;
    struct peer ann;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    calendar(&w, ANN, PRES_CAL_MEETING, "In a meeting");
    for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++) {
        peer_clear(&ann);
        w.settings.show_in_meeting = shows[i].setting;
        pres_retell(w.core, w.now);
        EXPECT(&ann, shows[i].out);
    }
    peer_close(&ann);
    world_stop(&w);
}

static void rejects_presence_that_is_too_long(void **state)
{
    static char text[20000];
    struct world w;
    struct peer ann;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    memset(text, 's', sizeof(text) - 1);
    peer_send(&ann, "<presence><status>");
    peer_send(&ann, text);
    peer_send(&ann, "</status></presence>");
    EXPECT(&ann, STANZA_ERROR("modify", "policy-violation"));
    peer_close(&ann);
    world_stop(&w);
}

/* ---- Messages ---- */

static void sends_messages(void **state)
{
    struct world w;
    struct peer ann, desk, phone;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "a");
    peer_online(&desk, &w, "bob", "desk");
    peer_online(&phone, &w, "bob", "phone");
    peer_send(&desk, "<presence><priority>5</priority></presence>");
    peer_clear(&desk);
    peer_clear(&phone);
    /* The highest priority; 'from' is put right, the rest stays. */
    peer_send(&ann, "<message to='bob@x.example' type='chat' id='m1' xml:lang='en' "
                    "from='ann@x.example'><body>a &amp; b</body>"
                    "<active xmlns='http://jabber.org/protocol/chatstates'/></message>");
    EXPECT_ALL(&desk, "<message from=\"ann@x.example/a\" to=\"bob@x.example\" type=\"chat\" "
                      "id=\"m1\" xml:lang=\"en\"><body>a &amp; b</body>"
                      "<active xmlns=\"http://jabber.org/protocol/chatstates\"/></message>");
    EXPECT_ALL(&phone, "");
    /* A headline goes to all; a full address to that resource. */
    peer_send(&ann, "<message to='bob@x.example' type='headline'><body>news</body></message>");
    EXPECT(&desk, "news");
    EXPECT(&phone, "news");
    peer_clear(&desk);
    peer_clear(&phone);
    peer_send(&ann, "<message to='bob@x.example/phone'><body>you</body></message>");
    EXPECT(&phone, "<body>you</body>");
    EXPECT_ALL(&desk, "");
    peer_clear(&phone);
    /* Equal priorities share; a resource that has gone is stood in for, in a chat. */
    peer_send(&phone, "<presence><priority>5</priority></presence>");
    peer_clear(&desk);
    peer_clear(&phone);
    peer_send(&ann, "<message to='bob@x.example/gone' type='chat'><body>both</body></message>");
    EXPECT(&desk, "both");
    EXPECT(&phone, "both");
    /* Negative priorities get nothing that is not for them by name. */
    peer_send(&desk, "<presence><priority>-1</priority></presence>");
    peer_send(&phone, "<presence type='unavailable'/>");
    peer_clear(&desk);
    peer_clear(&phone);
    peer_clear(&ann);
    peer_send(&ann, "<message to='bob@x.example' type='chat'><body>anybody?</body></message>");
    EXPECT(&ann, STANZA_ERROR("cancel", "service-unavailable"));
    EXPECT_ALL(&desk, "");
    peer_send(&ann, "<message to='bob@x.example/desk' type='chat'><body>you</body></message>");
    EXPECT(&desk, "<body>you</body>");
    peer_close(&ann);
    peer_close(&desk);
    peer_close(&phone);
    world_stop(&w);
}

static void delivers_under_the_normal_address(void **state)
{
    static const struct {
        const char *sent, *got;
    } sendings[] = {
        { "<message to='BOB@X.EXAMPLE./b' id='1'/>",
          "<message from=\"ann@x.example/a\" to=\"bob@x.example/b\" id=\"1\"/>" },
        { "<message to='Bob@x.example' type='chat'/>",
          "<message from=\"ann@x.example/a\" to=\"bob@x.example\" type=\"chat\"/>" },
    };
    struct peer ann, bob;
    struct world w;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "a");
    peer_online(&bob, &w, "bob", "b");
    for (size_t i = 0; i < sizeof(sendings) / sizeof(sendings[0]); i++) {
        peer_send(&ann, sendings[i].sent);
        EXPECT_ALL(&bob, sendings[i].got);
    }
    world_of_two_stop(&w, &ann, &bob);
}

static void passes_questions_between_clients(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "a");
    peer_online(&bob, &w, "bob", "b");
    peer_send(&ann, "<iq type='get' id='q' to='bob@x.example/b'><query xmlns='jabber:iq:last'/>"
                    "</iq>");
    EXPECT_ALL(&bob, "<iq from=\"ann@x.example/a\" type=\"get\" id=\"q\" to=\"bob@x.example/b\">"
                     "<query xmlns=\"jabber:iq:last\"/></iq>");
    peer_send(&bob, "<iq type='result' id='q' to='ann@x.example/a'><query "
                    "xmlns='jabber:iq:last' seconds='7'/></iq>");
    EXPECT_ALL(&ann, "<iq from=\"bob@x.example/b\" type=\"result\" id=\"q\" "
                     "to=\"ann@x.example/a\"><query xmlns=\"jabber:iq:last\" seconds=\"7\"/></iq>");
    world_of_two_stop(&w, &ann, &bob);
}

static void says_goodbye_at_shutdown(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "a");
    peer_online(&bob, &w, "bob", "b");
    peer_befriend(&ann, ANN, &bob, BOB);
    xmpp_c2s_shutdown(ann.c2s, w.now);
    EXPECT_ALL(&ann, "<stream:error><system-shutdown "
                     "xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/></stream:error>"
                     "</stream:stream>");
    EXPECT(&bob, "type=\"unavailable\"");
    world_of_two_stop(&w, &ann, &bob);
}

/* ---- Passwords ---- */

struct passwords {
    char set[64];
    xmpp_own_done_fn *done;
    void *done_ctx;
    bool is_full;
};

static bool password_set(struct gw_str user, struct gw_str password, xmpp_own_done_fn *done,
                         void *done_ctx, void *ctx)
{
    struct passwords *p = ctx;

    if (p->is_full)
        return false;
    snprintf(p->set, sizeof(p->set), "%.*s:%.*s", GW_STR_ARG(user), GW_STR_ARG(password));
    p->done = done;
    p->done_ctx = done_ctx;
    return true;
}

#define SET_PASSWORD(id, name, password)                                                           \
    "<iq type='set' id='" id "' to='x.example'><query xmlns='jabber:iq:register'>" name            \
    "<password>" password "</password></query></iq>"

static void changes_passwords(void **state)
{
    static const struct {
        const char *in, *out;
    } refused[] = {
        { "<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>",
          "<query xmlns=\"jabber:iq:register\"><registered/><username>ann</username><password/>" },
        { SET_PASSWORD("1", "<username>bob</username>", "x"), "<forbidden " },
        { SET_PASSWORD("1", "", ""), "<bad-request " },
        { "<iq type='set' id='1'><query xmlns='jabber:iq:register'/></iq>", "<bad-request " },
        { "<iq type='set' id='1'><query xmlns='jabber:iq:register'><remove/></query></iq>",
          "<not-allowed " },
        { "<iq type='set' id='1' to='bob@x.example'><query xmlns='jabber:iq:register'>"
          "<password>x</password></query></iq>",
          "<service-unavailable " },
    };
    struct passwords p = { .is_full = false };
    const struct xmpp_own own = { .password_set = password_set, .ctx = &p };
    struct world w;
    struct peer ann, other;

    (void)state;
    world_start_with(&w, NULL, &own);
    peer_online(&ann, &w, "ann", "desk");
    peer_online(&other, &w, "ann", "phone");
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        peer_clear(&ann);
        peer_send(&ann, refused[i].in);
        EXPECT(&ann, refused[i].out);
    }
    peer_clear(&ann);
    peer_send(&ann, SET_PASSWORD("2", "<username>Ann</username>", " n&amp;w "));
    EXPECT_ALL(&ann, "");
    assert_string_equal(p.set, "ann@x.example: n&w ");
    peer_send(&ann, SET_PASSWORD("3", "", "y")); /* one at a time */
    EXPECT(&ann, "<resource-constraint ");
    peer_clear(&ann);
    p.done("it is too short", p.done_ctx);
    EXPECT(&ann, "type=\"error\" to=\"ann@x.example/desk\" id=\"2\"");
    EXPECT(&ann, ">it is too short</text>");
    p.is_full = true;
    peer_clear(&ann);
    peer_send(&ann, SET_PASSWORD("4", "", "y"));
    EXPECT(&ann, "<resource-constraint ");
    p.is_full = false;
    /* It is done: all sessions end, and this one is told why first. */
    peer_clear(&ann);
    peer_clear(&other);
    peer_send(&ann, SET_PASSWORD("5", "", "y"));
    pres_user_end_sessions(w.core, GW_STR(ANN), PRES_END_REFUSED, w.now);
    p.done(NULL, p.done_ctx);
    EXPECT(&ann, "<iq type=\"result\" to=\"ann@x.example/desk\" id=\"5\"/>");
    EXPECT(&ann, "<stream:error><not-authorized ");
    EXPECT(&other, "<not-authorized ");
    EXPECT_NOT(&other, "id=\"5\"");
    peer_close(&ann);
    peer_close(&other);
    /* Who asked is gone; then the front-end, too. */
    peer_online(&ann, &w, "ann", "desk");
    peer_send(&ann, SET_PASSWORD("6", "", "y"));
    peer_close(&ann);
    p.done(NULL, p.done_ctx);
    peer_online(&ann, &w, "ann", "desk");
    peer_send(&ann, SET_PASSWORD("7", "", "y"));
    peer_close(&ann);
    world_stop(&w);
    p.done("it stops", p.done_ctx);
}

/* Users change, and go, while the daemon stops: the front-end is gone first. */
static void the_core_outlives_it(void **state)
{
    struct world w;
    struct peer ann;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    peer_close(&ann);
    xmpp_host_stop(w.host, w.now);
    xmpp_host_free(&w.host);
    calendar(&w, ANN, PRES_CAL_MEETING, "In a meeting");
    assert_int_equal(pres_decide(w.core, GW_STR(ANN), GW_STR(BOB), PRES_SHUT_OUT, NULL), GW_OK);
    pres_user_remove(w.core, GW_STR(ANN), w.now);
    pres_core_free(&w.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(keeps_a_roster),
        cmocka_unit_test(knows_versions),
        cmocka_unit_test(tells_the_last_activity),
        cmocka_unit_test(subscribes),
        cmocka_unit_test(passes_presence),
        cmocka_unit_test(shows_the_calendar),
        cmocka_unit_test(says_busy_in_words),
        cmocka_unit_test(show_in_meeting_is_a_setting),
        cmocka_unit_test(rejects_presence_that_is_too_long),
        cmocka_unit_test(sends_messages),
        cmocka_unit_test(delivers_under_the_normal_address),
        cmocka_unit_test(passes_questions_between_clients),
        cmocka_unit_test(says_goodbye_at_shutdown),
        cmocka_unit_test(changes_passwords),
        cmocka_unit_test(the_core_outlives_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
