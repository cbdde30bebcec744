/* Lists of rules, XEP-0016: what clients ask and set, and what reaches whom. */
#include "xmpp_peer.h"

#include "store.h"

#define Q "<query xmlns='jabber:iq:privacy'>"

static void set(struct peer *p, const char *what)
{
    peer_sendf(p, "<iq type='set' id='st'>" Q "%s</query></iq>", what);
    EXPECT(p, "<iq type=\"result\" to=");
    peer_clear(p);
}

static void asks_are_answered(void **state)
{
    static const struct {
        const char *type, *in, *out;
    } cases[] = {
        { "get", "", "id=\"1\"><query xmlns=\"jabber:iq:privacy\"/></iq>" },
        { "get", "<list name='no'/>", "<item-not-found " },
        { "get", "<list name='a'/><list name='b'/>", "<bad-request " },
        { "get", "<active name='a'/>", "<bad-request " },
        { "set", "", "<bad-request " },
        { "set", "<active/><default/>", "<bad-request " },
        { "set", "<lists name='a'/>", "<bad-request " },
        { "set", "<active name='no'/>", "<item-not-found " },
        { "set", "<default name='no'/>", "<item-not-found " },
        { "set", "<list name='no'/>", "<item-not-found " },
        { "set", "<list><item action='deny' order='1'/></list>", "<bad-request " },
        { "set", "<list name=''><item action='deny' order='1'/></list>", "<bad-request " },
        { "set", "<list name='a'><rule action='deny' order='1'/></list>", "<bad-request " },
        { "set", "<list name='a'><item order='1'/></list>", "<bad-request " },
        { "set", "<list name='a'><item action='hide' order='1'/></list>", "<bad-request " },
        { "set", "<list name='a'><item action='deny'/></list>", "<bad-request " },
        { "set", "<list name='a'><item action='deny' order='-1'/></list>", "<bad-request " },
        { "set", "<list name='a'><item action='deny' order='4294967296'/></list>",
          "<bad-request " },
        { "set",
          "<list name='a'><item action='deny' order='1'/><item action='deny' order='1'/></list>",
          "<bad-request " },
        { "set", "<list name='a'><item type='name' value='x' action='deny' order='1'/></list>",
          "<bad-request " },
        { "set", "<list name='a'><item type='jid' value='@' action='deny' order='1'/></list>",
          "<bad-request " },
        { "set", "<list name='a'><item type='jid' action='deny' order='1'/></list>",
          "<bad-request " },
        { "set",
          "<list name='a'><item type='subscription' value='all' action='deny' order='1'/></list>",
          "<bad-request " },
        { "set", "<list name='a'><item type='group' value='No' action='deny' order='1'/></list>",
          "<item-not-found " },
        { "set", "<list name='a'><item action='deny' order='1'><presence/></item></list>",
          "<bad-request " },
        { "set", "<active/>", "<iq type=\"result\" to=\"ann@x.example/desk\" id=\"1\"/>" },
        { "set", "<default/>", "<iq type=\"result\" to=\"ann@x.example/desk\" id=\"1\"/>" },
    };
    struct world w;
    struct peer ann;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        peer_sendf(&ann, "<iq type='%s' id='1'>" Q "%s</query></iq>", cases[i].type, cases[i].in);
        EXPECT(&ann, cases[i].out);
        peer_clear(&ann);
    }
    peer_send(&ann, "<iq type='get' id='1' to='bob@x.example'>" Q "</query></iq>");
    EXPECT(&ann, "<service-unavailable ");
    peer_clear(&ann);
    peer_send(&ann, "<iq type='get' id='1' to='x.example'>"
                    "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    EXPECT(&ann, "<feature var=\"jabber:iq:privacy\"/>");
    peer_close(&ann);
    world_stop(&w);
}

static void lists_are_kept_as_set(void **state)
{
    struct world w;
    struct peer desk, phone;

    (void)state;
    world_start(&w);
    peer_online(&desk, &w, "ann", "desk");
    peer_online(&phone, &w, "ann", "phone");
    peer_clear(&desk);
    peer_send(&desk, "<iq type='set' id='r'><query xmlns='jabber:iq:roster'>"
                     "<item jid='eve@y.example'><group>Foes &amp; co</group></item></query></iq>");
    peer_clear(&phone);
    set(&desk, "<list name='work'><item action='deny' order='9'/>"
               "<item type='jid' value='BOB@x.example/Phone' action='allow' order='3'><iq/>"
               "<message/></item>"
               "<item type='group' value='Foes &amp; co' action='deny' order='5'/></list>");
    EXPECT_ALL(&phone, "<iq type=\"set\" id=\"push2\" to=\"ann@x.example/phone\">"
                       "<query xmlns=\"jabber:iq:privacy\"><list name=\"work\"/></query></iq>");
    peer_clear(&phone);
    peer_send(&phone, "<iq type='get' id='1'>" Q "<list name='work'/></query></iq>");
    EXPECT(&phone, "<list name=\"work\">"
                   "<item type=\"jid\" value=\"bob@x.example/Phone\" action=\"allow\" order=\"3\">"
                   "<message/><iq/></item>"
                   "<item type=\"group\" value=\"Foes &amp; co\" action=\"deny\" order=\"5\"/>"
                   "<item action=\"deny\" order=\"9\"/></list>");
    set(&desk, "<default name='work'/>");
    set(&phone, "<list name='all'><item action='allow' order='1'/></list>");
    set(&phone, "<active name='all'/>");
    peer_send(&phone, "<iq type='get' id='1'>" Q "</query></iq>");
    EXPECT(&phone, "<active name=\"all\"/><default name=\"work\"/><list name=\"work\"/>"
                   "<list name=\"all\"/>");
    peer_clear(&phone);
    /* In force elsewhere: neither removed nor replaced as the default. */
    peer_send(&phone, "<iq type='set' id='1'>" Q "<default/></query></iq>");
    EXPECT(&phone, "<conflict ");
    peer_clear(&phone);
    peer_send(&phone, "<iq type='set' id='1'>" Q "<list name='work'/></query></iq>");
    EXPECT(&phone, "<conflict ");
    peer_clear(&desk);
    peer_send(&desk, "<iq type='set' id='1'>" Q "<list name='all'/></query></iq>");
    EXPECT(&desk, "<conflict ");
    set(&phone, "<active/>");
    peer_clear(&desk);
    set(&desk, "<list name='all'/>");
    peer_close(&phone);
    set(&desk, "<default/>");
    set(&desk, "<list name='work'/>");
    peer_send(&desk, "<iq type='get' id='1'>" Q "</query></iq>");
    EXPECT(&desk, "<query xmlns=\"jabber:iq:privacy\"/>");
    peer_close(&desk);
    world_stop(&w);
}

static void limits(void **state)
{
    struct gw_buf text;
    struct world w;
    struct peer ann;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    for (int i = 0; i < PRES_LISTS_MAX; i++) {
        char list[100];

        snprintf(list, sizeof(list), "<list name='l%d'><item action='allow' order='1'/></list>", i);
        set(&ann, list);
    }
    peer_send(&ann, "<iq type='set' id='1'>" Q "<list name='more'>"
                    "<item action='allow' order='1'/></list></query></iq>");
    EXPECT(&ann, "<resource-constraint ");
    peer_clear(&ann);
    set(&ann, "<list name='l0'><item action='allow' order='2'/></list>"); /* in place of one */
    gw_buf_init(&text, 1024 * 1024);
    gw_buf_add_cstr(&text, "<iq type='set' id='1'>" Q "<list name='l0'>");
    for (int i = 0; i <= PRES_RULES_MAX; i++) {
        char item[100];

        snprintf(item, sizeof(item), "<item action='allow' order='%d'/>", i);
        gw_buf_add_cstr(&text, item);
    }
    gw_buf_add_cstr(&text, "</list></query></iq>");
    gw_buf_add_char(&text, '\0');
    peer_send(&ann, gw_buf_str(&text).p);
    EXPECT(&ann, "<resource-constraint ");
    peer_clear(&ann);
    peer_wait(&ann, 1000);
    gw_buf_reset(&text);
    gw_buf_add_cstr(&text, "<iq type='set' id='1'>" Q "<list name='l0'>");
    for (int i = 0; i < 20; i++) {
        char item[1100];

        snprintf(item, sizeof(item),
                 "<item type='jid' value='x.example/%01000d' action='allow' order='%d'/>", i, i);
        gw_buf_add_cstr(&text, item);
    }
    gw_buf_add_cstr(&text, "</list></query></iq>");
    gw_buf_add_char(&text, '\0');
    peer_send(&ann, gw_buf_str(&text).p);
    EXPECT(&ann, "<resource-constraint ");
    gw_buf_done(&text);
    peer_close(&ann);
    world_stop(&w);
}

/* Blocking presence out: who watches sees the user offline, and is told nothing any more. */
static void presence_out(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_of_friends(&w, &ann, &bob);
    set(&ann, "<list name='hide'><item type='jid' value='bob@x.example' action='deny' order='1'>"
              "<presence-out/></item></list>");
    EXPECT_ALL(&bob, ""); /* in force nowhere */
    set(&ann, "<active name='hide'/>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\" "
                     "type=\"unavailable\"/>");
    assert_false(pres_is_watched_by(w.core, GW_STR(ANN), GW_STR(BOB)));
    assert_true(pres_is_hidden_from(w.core, GW_STR(ANN), GW_STR(BOB)));
    peer_send(&ann, "<presence><show>away</show></presence>");
    peer_send(&ann, "<presence to='bob@x.example/phone'/>");
    peer_send(&bob, "<presence type='probe' to='ann@x.example'/>");
    EXPECT_ALL(&bob, "");
    peer_clear(&ann);
    peer_send(&bob, "<presence><show>dnd</show></presence>");
    EXPECT(&ann, "from=\"bob@x.example/phone\"><show>dnd</show>");
    peer_clear(&bob);
    /* A list in force is changed: the change counts at once. */
    set(&ann, "<list name='hide'><item type='jid' value='bob@x.example' action='deny' order='1'>"
              "<message/></item></list>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\">"
                     "<show>away</show></presence>");
    set(&ann, "<list name='hide'><item action='deny' order='1'/></list>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\" "
                     "type=\"unavailable\"/>");
    set(&ann, "<active/>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\">"
                     "<show>away</show></presence>");
    world_of_two_stop(&w, &ann, &bob);
}

/* The default hides; the session with a list of its own is seen all the same. */
static void each_session_by_its_list(void **state)
{
    struct world w;
    struct peer desk, phone, bob;

    (void)state;
    world_of_friends(&w, &desk, &bob);
    peer_online(&phone, &w, "ann", "phone");
    peer_clear(&bob);
    set(&desk, "<list name='hide'><item type='subscription' value='both' action='deny' order='1'/>"
               "</list>");
    set(&phone, "<list name='show'><item action='allow' order='1'/></list>");
    set(&phone, "<active name='show'/>");
    EXPECT_ALL(&bob, "");
    set(&desk, "<default name='hide'/>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\" "
                     "type=\"unavailable\"/>");
    peer_clear(&phone);
    peer_clear(&desk);
    peer_send(&desk, "<presence><show>xa</show></presence>");
    EXPECT(&phone, "<show>xa</show>"); /* one's own are never kept apart */
    peer_send(&phone, "<presence><show>chat</show></presence>");
    EXPECT(&desk, "<show>chat</show>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/phone\">"
                     "<show>chat</show></presence>");
    /* Messages: the desk gets none, nor a copy (XEP-0280), the phone does. */
    peer_send(&desk, "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    peer_clear(&desk);
    peer_send(&bob, "<message to='ann@x.example' type='chat'><body>one</body></message>");
    EXPECT(&phone, "<body>one</body>");
    peer_send(&bob, "<message to='ann@x.example/phone' type='chat'><body>1</body></message>");
    EXPECT(&phone, "<body>1</body>");
    EXPECT_ALL(&desk, "");
    peer_send(&bob, "<message to='ann@x.example/desk' type='chat'><body>two</body></message>");
    EXPECT(&bob, "<service-unavailable ");
    EXPECT_ALL(&desk, "");
    peer_close(&phone);
    EXPECT(&bob, "from=\"ann@x.example/phone\" type=\"unavailable\"");
    world_of_two_stop(&w, &desk, &bob);
}

static void presence_in(void **state)
{
    struct world w;
    struct peer ann, bob, cleo;

    (void)state;
    world_of_friends(&w, &ann, &bob);
    peer_online(&cleo, &w, "cleo", "tab");
    peer_befriend(&ann, ANN, &cleo, CLEO);
    peer_clear(&ann);
    peer_clear(&bob);
    set(&ann, "<list name='quiet'><item type='jid' value='bob@x.example' action='deny' order='1'>"
              "<presence-in/></item></list>");
    peer_send(&ann, "<iq type='set' id='1'>" Q "<active name='quiet'/></query></iq>");
    EXPECT(&ann, "<presence to=\"ann@x.example\" from=\"bob@x.example/phone\" "
                 "type=\"unavailable\"/>");
    EXPECT_NOT(&ann, "cleo");
    peer_clear(&ann);
    peer_send(&bob, "<presence><show>dnd</show></presence>");
    peer_send(&bob, "<presence to='ann@x.example/desk'/>");
    peer_send(&ann, "<presence type='probe' to='bob@x.example'/>");
    EXPECT_ALL(&ann, "");
    peer_send(&cleo, "<presence><show>xa</show></presence>");
    EXPECT(&ann, "<show>xa</show>");
    peer_clear(&ann);
    peer_clear(&bob);
    peer_send(&ann, "<presence><show>away</show></presence>");
    EXPECT(&bob, "<show>away</show>");
    peer_clear(&ann);
    peer_send(&ann, "<iq type='set' id='1'>" Q "<active/></query></iq>");
    EXPECT(&ann, "<presence to=\"ann@x.example\" from=\"bob@x.example/phone\">"
                 "<show>dnd</show></presence>");
    EXPECT_NOT(&ann, "cleo");
    peer_close(&cleo);
    world_of_two_stop(&w, &ann, &bob);
}

/* A presence that waited for a slow client is not shown when a list has hidden it meanwhile. */
static void held_presence(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_of_friends(&w, &ann, &bob);
    set(&ann, "<list name='hide'><item action='deny' order='1'><presence-out/></item></list>");
    peer_send(&bob, "<inactive xmlns='urn:xmpp:csi:0'/>");
    peer_send(&ann, "<presence><show>away</show></presence>");
    set(&ann, "<active name='hide'/>");
    EXPECT_ALL(&bob, "");
    peer_send(&bob, "<active xmlns='urn:xmpp:csi:0'/>");
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\" "
                     "type=\"unavailable\"/>");
    world_of_two_stop(&w, &ann, &bob);
}

static void messages_and_questions(void **state)
{
    static const struct {
        const char *kind, *in, *out; /* NULL: nothing comes back */
        bool arrives;
    } cases[] = {
        { "<message/>", "<message to='ann@x.example' type='chat'><body>hi</body></message>",
          "<service-unavailable ", false },
        { "<message/>", "<message to='ann@x.example/desk'><body>hi</body></message>",
          "<service-unavailable ", false },
        { "<message/>", "<message to='ann@x.example' type='headline'><body>hi</body></message>",
          NULL, false },
        { "<message/>", "<message to='ann@x.example/desk' type='error'><body>hi</body></message>",
          NULL, false },
        { "<message/>",
          "<iq to='ann@x.example/desk' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>", NULL,
          true },
        { "<iq/>", "<message to='ann@x.example' type='chat'><body>hi</body></message>", NULL,
          true },
        { "<iq/>",
          "<iq to='ann@x.example/desk' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
          "<service-unavailable ", false },
        { "<iq/>", "<iq to='ann@x.example/desk' type='result' id='1'/>", NULL, true },
        { "<iq/>", "<iq to='ann@x.example' type='get' id='1'><query xmlns='jabber:iq:last'/></iq>",
          "<service-unavailable ", false },
        { "", "<presence to='ann@x.example' type='subscribe'/>", NULL, false },
        { "<presence-in/>", "<presence to='ann@x.example' type='subscribe'/>", NULL, true },
    };
    struct world w;
    struct peer ann, bob;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char list[200];

        world_of_two(&w, &ann, &bob);
        snprintf(list, sizeof(list),
                 "<list name='l'><item action='deny' order='1'>%s</item></list>", cases[i].kind);
        set(&ann, list);
        set(&ann, "<default name='l'/>");
        peer_send(&bob, cases[i].in);
        if (cases[i].out)
            EXPECT(&bob, cases[i].out);
        else
            EXPECT_NOT(&bob, "type=\"error\"");
        if (cases[i].arrives == !ann.out.len)
            fail_msg("case %zu", i);
        world_of_two_stop(&w, &ann, &bob);
    }
}

/* A default outlives a restart, and counts while nobody is there: nothing is kept of who is denied. */
static void restart(void **state)
{
    struct store *store;
    struct world w;
    struct peer ann, bob;

    (void)state;
    assert_int_equal(store_open(&(struct store_args){ .path = ":memory:" }, &store, NULL), GW_OK);
    world_start_with(&w, store, NULL);
    peer_online(&ann, &w, "ann", "desk");
    set(&ann, "<list name='l'><item type='jid' value='bob@x.example' action='deny' order='1'/>"
              "</list>");
    set(&ann, "<default name='l'/>");
    peer_close(&ann);
    world_stop(&w);
    store_wait(store);

    world_start_with(&w, store, NULL);
    pres_core_load(w.core, NULL, NULL);
    store_wait(store);
    peer_online(&bob, &w, "bob", "phone");
    peer_send(&bob, "<message to='ann@x.example' type='chat'><body>hi</body></message>");
    EXPECT(&bob, "<service-unavailable ");
    peer_online(&ann, &w, "ann", "desk");
    store_wait(store);
    EXPECT_NOT(&ann, "hi");
    peer_clear(&ann);
    peer_send(&ann, "<iq type='get' id='1'>" Q "</query></iq>");
    EXPECT(&ann, "<default name=\"l\"/><list name=\"l\"/>");
    peer_close(&ann);
    pres_user_remove(w.core, GW_STR(ANN), w.now);
    pres_user_add(w.core, GW_STR(ANN), NULL);
    peer_close(&bob);
    world_stop(&w);
    store_wait(store);

    world_start_with(&w, store, NULL); /* with the user the lists went */
    pres_core_load(w.core, NULL, NULL);
    store_wait(store);
    assert_false(pres_is_barred(w.core, GW_STR(ANN), NULL, GW_STR(BOB), PRES_KIND_MESSAGE));
    world_stop(&w);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_are_answered),
        cmocka_unit_test(lists_are_kept_as_set),
        cmocka_unit_test(limits),
        cmocka_unit_test(presence_out),
        cmocka_unit_test(each_session_by_its_list),
        cmocka_unit_test(presence_in),
        cmocka_unit_test(held_presence),
        cmocka_unit_test(messages_and_questions),
        cmocka_unit_test(restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
