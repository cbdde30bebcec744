/* What users publish of themselves (XEP-0163): who may, what is kept, and who is told. */
#include "xmpp_peer.h"

#include "store.h"

#define PUBSUB          "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
#define NICK            "http://jabber.org/protocol/nick"
#define NICK_ITEM(name) "<nick xmlns='" NICK "'>" name "</nick>"
#define ACTIVITY        "http://jabber.org/protocol/activity"
#define HIKING          "<activity xmlns='" ACTIVITY "'><exercising><hiking/></exercising></activity>"
#define EVENT(node)                                                                                \
    "<event xmlns=\"http://jabber.org/protocol/pubsub#event\"><items node=\"" node "\">"

struct pep {
    struct store *store;
    struct world w;
    struct peer ann, bob;
};

static void start(struct pep *p)
{
    assert_int_equal(store_open(&(struct store_args){ .path = ":memory:" }, &p->store, NULL),
                     GW_OK);
    world_start_with(&p->w, p->store, NULL);
    store_wait(p->store);
    peer_online(&p->ann, &p->w, "ann", "desk");
    peer_online(&p->bob, &p->w, "bob", "phone");
    peer_befriend(&p->ann, ANN, &p->bob, BOB);
}

static void stop(struct pep *p)
{
    peer_close(&p->ann);
    peer_close(&p->bob);
    world_stop(&p->w);
    store_close(&p->store);
}

static void want(struct peer *p, const char *ver, const char *node)
{
    peer_sendf(p,
               "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' "
               "ver='%s'/></presence>",
               ver);
    peer_clear(p);
    peer_sendf(p,
               "<iq type='result' id='caps' to='x.example'>"
               "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='u:x'/>"
               "<feature var='%s+notify'/></query></iq>",
               node);
}

static void try_publish(struct peer *p, const char *node, const char *id, const char *payload)
{
    struct gw_buf text;

    gw_buf_init(&text, 256 * 1024);
    gw_buf_addf(&text, "<iq type='set' id='p'>" PUBSUB "<publish node='%s'><item%s%s%s>", node,
                id ? " id='" : "", id ? id : "", id ? "'" : "");
    gw_buf_add_cstr(&text, payload);
    gw_buf_add_cstr(&text, "</item></publish></pubsub></iq>");
    gw_buf_add_char(&text, '\0');
    peer_send(p, gw_buf_str(&text).p);
    gw_buf_done(&text);
}

static void publish(struct peer *p, const char *node, const char *id, const char *payload)
{
    try_publish(p, node, id, payload);
    EXPECT(p, "type=\"result\"");
}

/* <data> with so many letters; free() it. */
static char *picture(size_t len)
{
    struct gw_buf text;

    gw_buf_init(&text, 256 * 1024);
    gw_buf_add_cstr(&text, "<data xmlns='u:picture'>");
    for (size_t i = 0; i < len; i++)
        gw_buf_add_char(&text, 'A');
    gw_buf_add_cstr(&text, "</data>");
    gw_buf_add_char(&text, '\0');
    return gw_buf_take(&text);
}

static void answers(void **state)
{
    static const struct {
        const char *type, *in, *out;
    } cases[] = {
        { "set", "", "<feature-not-implemented " },
        { "set", "<create node='n'/>", "<feature-not-implemented " },
        { "get", "<subscriptions/>", "<feature-not-implemented " },
        { "get", "<items node='n'/>", "<item-not-found " },
        { "get", "<items/>", "<item-not-found " },
        { "set", "<publish node='n'/>", "<bad-request " },
        { "set", "<publish><item>" NICK_ITEM("A") "</item></publish>", "<bad-request " },
        { "set", "<publish node='n'><item id=''>" NICK_ITEM("A") "</item></publish>",
          "<bad-request " },
        { "set", "<publish node='n&#10;m'><item>" NICK_ITEM("A") "</item></publish>",
          "<bad-request " },
        { "set", "<publish node='n'><item/><item/></publish>", "<bad-request " },
        { "set", "<publish node='n'><item/></publish>", "<invalid-payload " },
        { "set", "<publish node='n'><item>text</item></publish>", "<invalid-payload " },
        { "set", "<publish node='n'><item><nick/></item></publish>", "<invalid-payload " },
        { "set", "<publish node='n'><item><a xmlns=''/></item></publish>", "<invalid-payload " },
        { "set", "<publish node='n'><item><a xmlns='u:a'/><b xmlns='u:b'/></item></publish>",
          "<invalid-payload " },
        /* Seen by fewer than see it here: better not at all. */
        { "set",
          "<publish node='n'><item>" NICK_ITEM(
              "A") "</item></publish><publish-options>"
                   "<x xmlns='jabber:x:data' type='submit'><field var='pubsub#access_model'>"
                   "<value>whitelist</value></field></x></publish-options>",
          "<precondition-not-met " },
        { "set",
          "<publish node='n'><item>" NICK_ITEM(
              "A") "</item></publish><publish-options>"
                   "<x xmlns='jabber:x:data' type='submit'><field var='pubsub#access_model'>"
                   "<value>presence</value><value>whitelist</value></field></x></publish-options>",
          "<precondition-not-met " },
        { "set",
          "<publish node='n'><item>" NICK_ITEM(
              "A") "</item></publish><publish-options>"
                   "<x xmlns='jabber:x:data' type='submit'><field var='pubsub#access_model'/>"
                   "</x></publish-options>",
          "<precondition-not-met " },
        { "set",
          "<publish node='n'><item id='i'>" NICK_ITEM(
              "A") "</item></publish><publish-options>"
                   "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>"
                   "http://jabber.org/protocol/pubsub#publish-options</value></field>"
                   "<field var='pubsub#access_model'><value>presence</value></field>"
                   "<field "
                   "var='pubsub#persist_items'><value>true</value></field></x></publish-options>",
          "<publish node=\"n\"><item id=\"i\"/></publish></pubsub></iq>" },
        { "set", "<retract node='n'><item id='j'/></retract>", "<item-not-found " },
        { "set", "<retract node='m'><item id='i'/></retract>", "<item-not-found " },
        { "get", "<items node='n'><item id='j'/></items>", "<item-not-found " },
        { "get", "<items node='n'><item id='i'/></items>",
          "<items node=\"n\"><item id=\"i\"><nick xmlns=\"" NICK "\">A</nick></item></items>" },
        { "set", "<retract node='n'><item id='i'/></retract>", "type=\"result\"" },
        { "get", "<items node='n'/>", "<item-not-found " },
    };
    struct pep p;

    (void)state;
    start(&p);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        peer_clear(&p.ann);
        peer_sendf(&p.ann, "<iq type='%s' id='1'>" PUBSUB "%s</pubsub></iq>", cases[i].type,
                   cases[i].in);
        EXPECT(&p.ann, cases[i].out);
        peer_wait(&p.ann, 1000);
    }
    peer_clear(&p.bob);
    peer_send(&p.bob, "<iq type='set' id='1' to='ann@x.example'>" PUBSUB
                      "<publish node='n'><item>" NICK_ITEM("B") "</item></publish></pubsub></iq>");
    EXPECT(&p.bob, "<service-unavailable ");
    stop(&p);
}

static void contacts_are_told(void **state)
{
    struct peer cleo;
    struct pep p;

    (void)state;
    start(&p);
    peer_online(&cleo, &p.w, "cleo", "pad"); /* no contact, and wants it */
    want(&cleo, "1", NICK);
    publish(&p.ann, NICK, NULL, NICK_ITEM("Annie"));
    EXPECT_NOT(&p.bob, "event"); /* does not want it */
    want(&p.bob, "1", NICK);
    EXPECT_ALL(&p.bob,
               "<message from=\"ann@x.example\" to=\"bob@x.example/phone\" "
               "type=\"headline\">" EVENT(NICK) "<item id=\"current\">"
                                                "<nick xmlns=\"" NICK
                                                "\">Annie</nick></item></items></event></message>");
    peer_clear(&p.bob); /* an answer that nobody has asked for shows nothing again */
    peer_send(&p.bob, "<iq type='result' id='caps' to='x.example'>"
                      "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    peer_send(&p.bob, "<iq type='result' id='caps' to='x.example'>"
                      "<query xmlns='http://jabber.org/protocol/disco#info'>"
                      "<feature var='" NICK "+notify'/></query></iq>");
    EXPECT_ALL(&p.bob, "");
    publish(&p.ann, NICK, "2", NICK_ITEM("Anne"));
    EXPECT(&p.bob, "<item id=\"2\"><nick xmlns=\"" NICK "\">Anne</nick></item>");
    peer_clear(&p.bob);
    publish(&p.ann, "u:other", "1", "<a xmlns='u:a'/>");
    EXPECT_ALL(&p.bob, "");
    want(&p.ann, "1", NICK); /* her own clients, too */
    EXPECT(&p.ann, ">Anne</nick>");
    peer_clear(&p.ann);
    peer_clear(&p.bob);
    peer_send(&p.ann, "<iq type='set' id='1'>" PUBSUB "<retract node='" NICK "' notify='1'>"
                      "<item id='2'/></retract></pubsub></iq>");
    EXPECT_ALL(&p.bob, "<message from=\"ann@x.example\" to=\"bob@x.example/phone\" "
                       "type=\"headline\">" EVENT(NICK) "<retract id=\"2\"/></items></event>"
                                                        "</message>");
    /* Whom she hides from sees nothing of it. */
    assert_int_equal(pres_decide(p.w.core, GW_STR(ANN), GW_STR(BOB), PRES_BLOCK, NULL), GW_OK);
    peer_clear(&p.bob);
    publish(&p.ann, NICK, "3", NICK_ITEM("Secret"));
    EXPECT_ALL(&p.bob, "");
    peer_send(&p.bob, "<iq type='get' id='1' to='ann@x.example'>" PUBSUB "<items node='" NICK
                      "'/></pubsub></iq>");
    EXPECT(&p.bob, "<forbidden ");
    EXPECT_NOT(&cleo, "event");
    peer_close(&cleo);
    stop(&p);
}

/* XEP-0163 4.3.4: who is let in while he is there need not come anew. */
static void who_watches_later(void **state)
{
    struct peer cleo;
    struct pep p;

    (void)state;
    start(&p);
    peer_online(&cleo, &p.w, "cleo", "pad");
    peer_send(&cleo, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    want(&cleo, "1", NICK);
    publish(&p.ann, NICK, NULL, NICK_ITEM("Annie"));
    publish(&p.ann, "u:other", "1", "<a xmlns='u:a'/>");
    peer_send(&cleo, "<presence type='subscribe' to='ann@x.example'/>");
    EXPECT_NOT(&cleo, "event");
    peer_send(&p.ann, "<presence type='subscribed' to='cleo@x.example'/>");
    EXPECT(&cleo, "type=\"subscribed\"");
    EXPECT(&cleo, "to=\"cleo@x.example/pad\" type=\"headline\">" EVENT(NICK));
    EXPECT(&cleo, ">Annie</nick>");
    EXPECT_NOT(&cleo, "u:other");
    peer_close(&cleo);
    stop(&p);
}

/* A client that reads its list of rules so that it hears nothing of him does not. */
static void lists_count(void **state)
{
    struct pep p;

    (void)state;
    start(&p);
    want(&p.bob, "1", NICK);
    peer_send(&p.bob, "<iq type='set' id='1'><query xmlns='jabber:iq:privacy'><list name='l'>"
                      "<item type='jid' value='ann@x.example' action='deny' order='1'><message/>"
                      "</item></list></query></iq>");
    peer_send(&p.bob, "<iq type='set' id='2'><query xmlns='jabber:iq:privacy'><active name='l'/>"
                      "</query></iq>");
    peer_clear(&p.bob);
    publish(&p.ann, NICK, NULL, NICK_ITEM("Annie"));
    EXPECT_ALL(&p.bob, "");
    stop(&p);
}

/* The calendar's meeting stands over what the user says himself, which is there again after it. */
static void meeting_comes_first(void **state)
{
    struct pres_calendar cal = { .kind = PRES_CAL_MEETING, .until = GW_NEVER };
    struct pep p;

    (void)state;
    start(&p);
    want(&p.bob, "1", ACTIVITY);
    publish(&p.ann, ACTIVITY, NULL, HIKING);
    EXPECT(&p.bob, "<hiking/>");
    peer_clear(&p.bob);
    pres_calendar_set(p.w.core, GW_STR(ANN), &cal, p.w.now);
    xmpp_host_tick(p.w.host, p.w.now);
    EXPECT(&p.bob, "<in_a_meeting/>");
    peer_clear(&p.bob);
    publish(&p.ann, ACTIVITY, "other", HIKING);
    EXPECT_ALL(&p.bob, "");
    peer_send(&p.bob, "<iq type='get' id='1' to='ann@x.example'>" PUBSUB "<items node='" ACTIVITY
                      "'/></pubsub></iq>");
    EXPECT(&p.bob, "<in_a_meeting/>");
    peer_clear(&p.bob);
    cal.kind = PRES_CAL_FREE;
    pres_calendar_set(p.w.core, GW_STR(ANN), &cal, p.w.now);
    xmpp_host_tick(p.w.host, p.w.now);
    EXPECT(&p.bob, "<item id=\"other\"><activity xmlns=\"" ACTIVITY "\"><exercising><hiking/>");
    stop(&p);
}

/* A picture: its id is told, and it is read when it is asked for, also after a restart. */
static void large_items(void **state)
{
    char *text = picture(50 * 1024);
    struct pep p;

    (void)state;
    start(&p);
    publish(&p.ann, "u:icon", "icon", text);
    want(&p.bob, "1", "u:picture");
    publish(&p.ann, "u:picture", "hash", text);
    publish(&p.ann, "u:portrait", "portrait", text);
    EXPECT(&p.bob, "<items node=\"u:picture\"><item id=\"hash\"/></items>");
    peer_clear(&p.bob);
    peer_send(&p.bob, "<iq type='get' id='1' to='ann@x.example'>" PUBSUB
                      "<items node='u:picture'/></pubsub></iq>");
    EXPECT_ALL(&p.bob, "");
    store_wait(p.store);
    EXPECT(&p.bob, "<item id=\"hash\"><data xmlns=\"u:picture\">AAAA");
    publish(&p.ann, NICK, "n", NICK_ITEM("Annie"));
    peer_close(&p.ann);
    peer_close(&p.bob);
    world_stop(&p.w);
    store_wait(p.store);

    world_start_with(&p.w, p.store, NULL);
    pres_core_load(p.w.core, NULL, NULL);
    store_wait(p.store);
    peer_online(&p.ann, &p.w, "ann", "desk");
    peer_online(&p.bob, &p.w, "bob", "phone");
    want(&p.bob, "1", NICK);
    EXPECT(&p.bob, ">Annie</nick>");
    peer_clear(&p.bob);
    peer_send(&p.bob, "<iq type='get' id='1' to='ann@x.example'>" PUBSUB
                      "<items node='u:picture'><item id='hash'/></items></pubsub></iq>");
    store_wait(p.store);
    EXPECT(&p.bob, "<data xmlns=\"u:picture\">AAAA");
    peer_clear(&p.bob);
    peer_send(&p.bob, "<iq type='get' id='1' to='ann@x.example'>"
                      "<query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
    EXPECT(&p.bob, "<item jid=\"ann@x.example\" node=\"" NICK "\"/>");
    EXPECT(&p.bob, "<item jid=\"ann@x.example\" node=\"u:picture\"/>");
    peer_clear(&p.bob);
    peer_send(&p.bob, "<iq type='get' id='1' to='ann@x.example'>"
                      "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    EXPECT(&p.bob, "<identity category=\"pubsub\" type=\"pep\"/>");
    /* A smaller one takes its place; and with the user all goes. */
    publish(&p.ann, "u:picture", "small", "<data xmlns='u:picture'>B</data>");
    peer_clear(&p.bob);
    peer_send(&p.bob, "<iq type='get' id='1' to='ann@x.example'>" PUBSUB
                      "<items node='u:picture'/></pubsub></iq>");
    EXPECT(&p.bob, "<item id=\"small\"><data xmlns=\"u:picture\">B</data>");
    peer_close(&p.ann);
    pres_user_remove(p.w.core, GW_STR(ANN), p.w.now);
    pres_user_add(p.w.core, GW_STR(ANN), NULL);
    peer_online(&p.ann, &p.w, "ann", "desk");
    peer_clear(&p.ann);
    peer_send(&p.ann, "<iq type='get' id='1'>" PUBSUB "<items node='" NICK "'/></pubsub></iq>");
    EXPECT(&p.ann, "<item-not-found ");
    stop(&p);
    free(text);
}

static void bounds(void **state)
{
    char *text = picture(100 * 1024), node[16];
    struct pep p;

    (void)state;
    start(&p);
    try_publish(&p.ann, "n", NULL, text);
    EXPECT(&p.ann, "<payload-too-big ");
    peer_wait(&p.ann, 5000);
    for (int i = 0; i < 20; i++) {
        snprintf(node, sizeof(node), "u:%d", i);
        publish(&p.ann, node, NULL, "<a xmlns='u:a'/>");
        peer_clear(&p.ann);
        peer_wait(&p.ann, 1000);
    }
    peer_send(&p.ann, "<iq type='set' id='p'>" PUBSUB "<publish node='more'><item>"
                      "<a xmlns='u:a'/></item></publish></pubsub></iq>");
    EXPECT(&p.ann, "<resource-constraint ");
    peer_clear(&p.ann);
    publish(&p.ann, "u:7", NULL, "<b xmlns='u:b'/>"); /* in place of one */
    stop(&p);
    free(text);
}

/* What was published while a block or a list kept it back is told when that is lifted, once; nothing is told
 * again to who has seen it all along. */
static void told_when_shown_again(void **state)
{
    static const struct {
        const char *hide, *show;
    } cases[] = {
        { "<block xmlns='urn:xmpp:blocking'><item jid='bob@x.example'/></block>",
          "<unblock xmlns='urn:xmpp:blocking'><item jid='bob@x.example'/></unblock>" },
        { "<block xmlns='urn:xmpp:blocking'><item jid='x.example'/></block>",
          "<unblock xmlns='urn:xmpp:blocking'/>" },
        { "<query xmlns='jabber:iq:privacy'><active name='hide'/></query>",
          "<query xmlns='jabber:iq:privacy'><active/></query>" },
        { "<query xmlns='jabber:iq:privacy'><default name='hide'/></query>",
          "<query xmlns='jabber:iq:privacy'><default/></query>" },
    };
    struct peer cleo;
    struct pep p;

    (void)state;
    start(&p);
    peer_online(&cleo, &p.w, "cleo", "pad");
    want(&cleo, "1", NICK);
    want(&p.bob, "1", NICK);
    peer_send(&p.ann, "<iq type='set' id='l'><query xmlns='jabber:iq:privacy'><list name='hide'>"
                      "<item type='jid' value='bob@x.example' action='deny' order='1'>"
                      "<presence-out/></item></list></query></iq>");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char item[100];

        peer_wait(&p.ann, 5000);
        peer_clear(&p.ann);
        peer_sendf(&p.ann, "<iq type='set' id='h'>%s</iq>", cases[i].hide);
        EXPECT(&p.ann, "type=\"result\"");
        peer_clear(&p.bob);
        snprintf(item, sizeof(item), NICK_ITEM("Ann%zu"), i);
        publish(&p.ann, NICK, NULL, item);
        EXPECT_NOT(&p.bob, "event");
        peer_sendf(&p.ann, "<iq type='set' id='s'>%s</iq>", cases[i].show);
        EXPECT(&p.bob, item + strlen("<nick xmlns='" NICK "'"));
        assert_null(strstr(strstr(p.bob.out.p, "<event ") + 1, "<event "));
        peer_clear(&p.bob);
        peer_sendf(&p.ann, "<iq type='set' id='s'>%s</iq>", cases[i].show);
        EXPECT_NOT(&p.bob, "event");
        EXPECT_NOT(&cleo, "event");
    }
    peer_close(&cleo);
    stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),           cmocka_unit_test(contacts_are_told),
        cmocka_unit_test(lists_count),       cmocka_unit_test(meeting_comes_first),
        cmocka_unit_test(large_items),       cmocka_unit_test(bounds),
        cmocka_unit_test(who_watches_later), cmocka_unit_test(told_when_shown_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
