/* Messages beyond their delivery: copies for a user's other clients (XEP-0280), and what is kept for who
 * is not there (XEP-0160); and vCards (XEP-0054), which are kept, too. */
#include "store.h"
#include "xmpp_peer.h"

/* ---- Carbons ---- */

static void want_carbons(struct peer *p)
{
    peer_send(p, "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    EXPECT(p, "type=\"result\"");
    peer_clear(p);
}

#define FORWARDED(kind)                                                                            \
    "<" kind " xmlns=\"urn:xmpp:carbons:2\"><forwarded xmlns=\"urn:xmpp:forward:0\">"              \
    "<message xmlns=\"jabber:client\""

static void copies_both_ways(void **state)
{
    struct world w;
    struct peer desk, phone, mute, bob;

    (void)state;
    world_start(&w);
    peer_online(&desk, &w, "ann", "desk");
    peer_online(&phone, &w, "ann", "phone");
    peer_login(&mute, &w, "ann", "mute"); /* did not ask */
    peer_online(&bob, &w, "bob", "b");
    want_carbons(&desk);
    want_carbons(&phone);
    peer_clear(&desk);
    peer_send(&bob, "<message to='ann@x.example/phone' type='chat' id='1'><body>hi</body>"
                    "<active xmlns='http://jabber.org/protocol/chatstates'/></message>");
    EXPECT_ALL(&phone, "<message from=\"bob@x.example/b\" to=\"ann@x.example/phone\" type=\"chat\" "
                       "id=\"1\"><body>hi</body>"
                       "<active xmlns=\"http://jabber.org/protocol/chatstates\"/></message>");
    EXPECT_ALL(&desk, "<message from=\"ann@x.example\" to=\"ann@x.example/desk\" type=\"chat\">"
                      "<received xmlns=\"urn:xmpp:carbons:2\">"
                      "<forwarded xmlns=\"urn:xmpp:forward:0\"><message xmlns=\"jabber:client\" "
                      "from=\"bob@x.example/b\" to=\"ann@x.example/phone\" type=\"chat\" id=\"1\">"
                      "<body>hi</body>"
                      "<active xmlns=\"http://jabber.org/protocol/chatstates\"/></message>"
                      "</forwarded></received></message>");
    EXPECT_ALL(&mute, "");
    peer_send(&phone, "<message to='bob@x.example/b' type='chat'><body>yes</body></message>");
    EXPECT(&bob, "<body>yes</body>");
    EXPECT(&desk, FORWARDED("sent") " from=\"ann@x.example/phone\" to=\"bob@x.example/b\"");
    EXPECT_ALL(&phone, "");
    EXPECT_ALL(&mute, "");
    peer_clear(&desk);
    /* To the bare address: both have it, nobody needs a copy. */
    peer_send(&bob, "<message to='ann@x.example' type='chat'><body>all</body></message>");
    EXPECT_NOT(&desk, "forwarded");
    EXPECT_NOT(&phone, "forwarded");
    peer_clear(&desk);
    peer_clear(&phone);
    /* To oneself: once. */
    peer_send(&desk, "<message to='ann@x.example/phone' type='chat'><body>note</body></message>");
    EXPECT(&phone, "<body>note</body>");
    EXPECT_NOT(&phone, "forwarded");
    EXPECT_ALL(&desk, "");
    peer_send(&desk, "<iq type='set' id='c'><disable xmlns='urn:xmpp:carbons:2'/></iq>");
    peer_clear(&desk);
    peer_send(&bob, "<message to='ann@x.example/phone' type='chat'><body>hi</body></message>");
    EXPECT_ALL(&desk, "");
    peer_close(&desk);
    peer_close(&phone);
    peer_close(&mute);
    peer_close(&bob);
    world_stop(&w);
}

static void what_is_copied(void **state)
{
    static const struct {
        const char *in;
        bool is_copied;
    } cases[] = {
        { "<message to='ann@x.example/phone' type='chat'/>", true },
        { "<message to='ann@x.example/phone'><body>x</body></message>", true },
        { "<message to='ann@x.example/phone' type='normal'><body>x</body></message>", true },
        { "<message to='ann@x.example/phone'><x xmlns='u:x'/></message>", false },
        { "<message to='ann@x.example/phone' type='headline'><body>x</body></message>", false },
        { "<message to='ann@x.example/phone' type='groupchat'><body>x</body></message>", false },
        { "<message to='ann@x.example/phone' type='error'><body>x</body></message>", false },
        { "<message to='ann@x.example/phone' type='chat'><body>x</body>"
          "<private xmlns='urn:xmpp:carbons:2'/></message>",
          false },
        { "<message to='ann@x.example/phone' type='chat'><body>x</body>"
          "<no-copy xmlns='urn:xmpp:hints'/></message>",
          false },
    };
    struct world w;
    struct peer desk, phone, bob;

    (void)state;
    world_start(&w);
    peer_online(&desk, &w, "ann", "desk");
    peer_online(&phone, &w, "ann", "phone");
    peer_online(&bob, &w, "bob", "b");
    want_carbons(&desk);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        peer_clear(&desk);
        peer_clear(&phone);
        peer_send(&bob, cases[i].in);
        if (!peer_has(&phone, "<message") || peer_has(&desk, "<message") != cases[i].is_copied)
            fail_msg("'%s': the phone has '%s', the desk '%s'", cases[i].in,
                     phone.out.len ? phone.out.p : "", desk.out.len ? desk.out.p : "");
    }
    peer_close(&desk);
    peer_close(&phone);
    peer_close(&bob);
    world_stop(&w);
}

/* What comes back to its sender, or is kept for later, was received by nobody. */
static void nothing_to_copy(void **state)
{
    struct world w;
    struct peer desk, bob;

    (void)state;
    world_of_two(&w, &desk, &bob);
    want_carbons(&desk);
    peer_send(&bob, "<message to='ann@x.example/gone'><body>x</body></message>");
    EXPECT(&bob, "<service-unavailable ");
    EXPECT_ALL(&desk, "");
    peer_clear(&bob);
    peer_send(&desk, "<presence><priority>-1</priority></presence>");
    peer_clear(&desk);
    peer_send(&bob, "<message to='ann@x.example' type='chat'><body>x</body></message>");
    EXPECT(&bob, "<service-unavailable ");
    EXPECT_ALL(&desk, "");
    world_of_two_stop(&w, &desk, &bob);
}

/* As deep as a stanza may be, and one level more in each copy. */
static void deep_messages(void **state)
{
    struct world w;
    struct peer desk, phone, bob;
    struct gw_buf deep;

    (void)state;
    world_start(&w);
    peer_online(&desk, &w, "ann", "desk");
    peer_online(&phone, &w, "ann", "phone");
    peer_online(&bob, &w, "bob", "b");
    want_carbons(&desk);
    gw_buf_init(&deep, 65536);
    gw_buf_add_cstr(&deep, "<message to='ann@x.example/phone' type='chat'>");
    for (int i = 0; i < 31; i++)
        gw_buf_add_cstr(&deep, "<a>");
    for (int i = 0; i < 31; i++)
        gw_buf_add_cstr(&deep, "</a>");
    gw_buf_add_cstr(&deep, "</message>");
    peer_send(&bob, deep.p);
    EXPECT(&phone, "<a/></a>");
    EXPECT(&desk, "<a/></a>");
    gw_buf_done(&deep);
    peer_close(&desk);
    peer_close(&phone);
    peer_close(&bob);
    world_stop(&w);
}

/* ---- What is kept ---- */

struct kept_world {
    struct world w;
    struct store *store;
};

static void kept_start(struct kept_world *k)
{
    assert_int_equal(store_open(&(struct store_args){ .path = ":memory:" }, &k->store, NULL),
                     GW_OK);
    world_start_with(&k->w, k->store, NULL);
}

static void kept_stop(struct kept_world *k)
{
    world_stop(&k->w);
    store_close(&k->store);
}

static void say(struct peer *p, const char *body)
{
    peer_sendf(p, "<message to='ann@x.example' type='chat' id='%s'><body>%s</body></message>", body,
               body);
}

static void keeps_and_delivers(void **state)
{
    struct kept_world k;
    struct peer ann, bob;

    (void)state;
    kept_start(&k);
    peer_online(&bob, &k.w, "bob", "b");
    say(&bob, "one");
    k.w.now.utc += 60 * 1000;
    say(&bob, "two");
    EXPECT_ALL(&bob, "");
    store_wait(k.store);
    peer_login(&ann, &k.w, "ann", "desk");
    store_wait(k.store);
    EXPECT_ALL(&ann, ""); /* not available yet */
    peer_send(&ann, "<presence><priority>-1</priority></presence>");
    store_wait(k.store);
    EXPECT_NOT(&ann, "<message");
    peer_send(&ann, "<presence/>");
    peer_clear(&ann);
    store_wait(k.store);
    EXPECT_ALL(&ann, "<message from=\"bob@x.example/b\" to=\"ann@x.example\" type=\"chat\" "
                     "id=\"one\"><delay xmlns=\"urn:xmpp:delay\" stamp=\"2023-11-14T22:13:20Z\"/>"
                     "<body>one</body></message>"
                     "<message from=\"bob@x.example/b\" to=\"ann@x.example\" type=\"chat\" "
                     "id=\"two\"><delay xmlns=\"urn:xmpp:delay\" stamp=\"2023-11-14T22:14:20Z\"/>"
                     "<body>two</body></message>");
    /* Once only. */
    peer_send(&ann, "<presence><show>away</show></presence><presence type='unavailable'/>");
    peer_send(&ann, "<presence/>");
    store_wait(k.store);
    EXPECT_NOT(&ann, "<message");
    /* What came while nobody was available, to a client that stayed. */
    peer_send(&ann, "<presence type='unavailable'/>");
    say(&bob, "three");
    EXPECT_NOT(&ann, "three");
    peer_send(&ann, "<presence/>");
    store_wait(k.store);
    EXPECT(&ann, "three");
    peer_close(&ann);
    peer_close(&bob);
    kept_stop(&k);
}

static void what_is_kept(void **state)
{
    static const struct {
        const char *in;
        bool is_kept, comes_back;
    } cases[] = {
        { "<message to='ann@x.example'><body>x</body></message>", true, false },
        { "<message to='ann@x.example' type='chat'><body>x</body></message>", true, false },
        { "<message to='ann@x.example/gone' type='chat'><body>x</body></message>", true, false },
        { "<message to='ann@x.example' type='chat'><received xmlns='urn:xmpp:receipts' id='1'/>"
          "</message>",
          true, false },
        { "<message to='ann@x.example' type='chat'>"
          "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
          false, true },
        { "<message to='ann@x.example' type='chat'><body>x</body>"
          "<no-store xmlns='urn:xmpp:hints'/></message>",
          false, true },
        { "<message to='ann@x.example' type='headline'><body>x</body></message>", false, false },
        { "<message to='ann@x.example' type='groupchat'><body>x</body></message>", false, true },
        { "<message to='ann@x.example' type='error'><body>x</body></message>", false, false },
        { "<message to='eve@x.example' type='chat'><body>x</body></message>", false, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kept_world k;
        struct peer ann, bob;

        kept_start(&k);
        peer_online(&bob, &k.w, "bob", "b");
        peer_clear(&bob);
        peer_send(&bob, cases[i].in);
        if ((bob.out.len > 0) != cases[i].comes_back)
            fail_msg("'%s': bob has '%s'", cases[i].in, bob.out.len ? bob.out.p : "");
        peer_online(&ann, &k.w, "ann", "desk");
        store_wait(k.store);
        if ((ann.out.len > 0) != cases[i].is_kept)
            fail_msg("'%s': ann has '%s'", cases[i].in, ann.out.len ? ann.out.p : "");
        peer_close(&ann);
        peer_close(&bob);
        kept_stop(&k);
    }
}

/* A restart between: boxes are counted anew, and are full when they are full. */
static void is_bounded(void **state)
{
    struct kept_world k;
    struct peer ann, bob;

    (void)state;
    kept_start(&k);
    k.w.settings.offline_max = 3;
    peer_online(&bob, &k.w, "bob", "b");
    say(&bob, "m1");
    say(&bob, "m2");
    say(&bob, "m3");
    EXPECT_ALL(&bob, "");
    say(&bob, "m4");
    EXPECT(&bob, "<service-unavailable ");
    peer_close(&bob);
    store_wait(k.store);
    world_stop(&k.w);

    world_start_with(&k.w, k.store, NULL);
    k.w.settings.offline_max = 3;
    k.w.now.utc += 1000;
    peer_online(&bob, &k.w, "bob", "b");
    say(&bob, "m5"); /* nobody has counted yet: it is taken */
    store_wait(k.store);
    say(&bob, "m6");
    EXPECT(&bob, "id=\"m6\"><error ");
    peer_online(&ann, &k.w, "ann", "desk");
    store_wait(k.store);
    EXPECT(&ann, "<body>m1</body>");
    EXPECT(&ann, "<body>m5</body>");
    EXPECT_NOT(&ann, "m4");
    EXPECT_NOT(&ann, "m6");
    peer_close(&ann);
    peer_clear(&bob);
    say(&bob, "m7"); /* there is room again */
    EXPECT_ALL(&bob, "");
    {
        char body[8000];
        int count = 0;

        memset(body, 'x', sizeof(body) - 1);
        body[sizeof(body) - 1] = '\0';
        peer_send(&bob, "<message to='ann@x.example' type='chat'><body>");
        for (; count < 10; count++)
            peer_send(&bob, body);
        peer_send(&bob, "</body></message>"); /* larger than one that is kept */
        EXPECT(&bob, "<service-unavailable ");
    }
    peer_close(&bob);
    kept_stop(&k);
}

enum { HEAVY = 12 };

/* Together larger than what may wait for a client. */
static void say_much(struct peer *p)
{
    static char body[60 * 1024];

    memset(body, 'x', sizeof(body) - 1);
    for (int i = 0; i < HEAVY; i++) {
        peer_sendf(p, "<message to='ann@x.example' type='chat'><subject>no%02d</subject><body>", i);
        peer_send(p, body);
        peer_send(p, "</body></message>");
    }
}

static void heavy_start(struct kept_world *k)
{
    struct peer bob;

    kept_start(k);
    k->w.settings.out_queue_kb = 256;
    peer_online(&bob, &k->w, "bob", "b");
    say_much(&bob);
    EXPECT_ALL(&bob, "");
    peer_close(&bob);
    store_wait(k->store);
}

/* Each of them once, in order. */
static void expect_all_once(const struct peer *p)
{
    const char *at = p->out.p;
    char subject[32];

    for (int i = 0; i < HEAVY; i++) {
        snprintf(subject, sizeof(subject), "<subject>no%02d</subject>", i);
        at = strstr(at, subject);
        assert_non_null(at);
        assert_null(strstr(at + 1, subject));
    }
}

/* A client that reads slowly gets them piece by piece, and is not cut off for it. */
static void as_fast_as_they_are_read(void **state)
{
    struct kept_world k;
    struct peer ann;

    (void)state;
    heavy_start(&k);
    peer_login(&ann, &k.w, "ann", "desk");
    ann.is_stuck = true;
    ann.waiting_max = 256 * 1024;
    peer_send(&ann, "<presence/>");
    for (int i = 0; i < HEAVY; i++) {
        store_wait(k.store);
        assert_false(xmpp_c2s_is_closed(ann.c2s));
        ann.waiting = 0;
        xmpp_c2s_drained(ann.c2s);
    }
    expect_all_once(&ann);
    peer_close(&ann);
    kept_stop(&k);
}

/* The same of one that has not acknowledged; and its session goes on in another connection. */
static void as_fast_as_they_are_acknowledged(void **state)
{
    struct kept_world k;
    struct peer ann, again;
    char id[33];

    (void)state;
    heavy_start(&k);
    peer_login(&ann, &k.w, "ann", "desk");
    peer_enable(&ann, true, id);
    peer_send(&ann, "<presence/>");
    store_wait(k.store);
    EXPECT(&ann, "<subject>no01</subject>");
    EXPECT_NOT(&ann, "<subject>no02</subject>");
    assert_false(xmpp_c2s_is_closed(ann.c2s));
    peer_close(&ann);
    peer_resume(&again, &k.w, "ann", id, 1); /* has her presence */
    for (int h = 1; h <= HEAVY + 1; h++) {
        store_wait(k.store);
        assert_false(xmpp_c2s_is_closed(again.c2s));
        if (h < HEAVY + 1)
            assert_true(peer_has(&again, "<message"));
        if (h > 2)
            peer_sendf(&again, "<a xmlns='urn:xmpp:sm:3' h='%d'/>", h);
    }
    expect_all_once(&again);
    peer_close(&again);
    kept_stop(&k);
}

static void can_be_off(void **state)
{
    struct kept_world k;
    struct peer bob;

    (void)state;
    kept_start(&k);
    k.w.settings.offline_max = GW_PARAM_WORD;
    peer_online(&bob, &k.w, "bob", "b");
    say(&bob, "hi");
    EXPECT(&bob, "<service-unavailable ");
    peer_close(&bob);
    kept_stop(&k);
}

/* The client is gone before the store has answered: nothing is lost, nothing comes twice. */
static void who_is_gone_again(void **state)
{
    struct kept_world k;
    struct peer ann, phone, bob;

    (void)state;
    kept_start(&k);
    peer_online(&bob, &k.w, "bob", "b");
    say(&bob, "hi");
    store_wait(k.store);
    peer_online(&ann, &k.w, "ann", "desk");
    peer_close(&ann);
    store_wait(k.store);
    peer_online(&ann, &k.w, "ann", "desk");
    peer_online(&phone, &k.w, "ann", "phone"); /* the second one at the same time */
    store_wait(k.store);
    EXPECT(&ann, "<body>hi</body>");
    EXPECT_NOT(&phone, "<body>hi</body>");
    peer_close(&ann);
    peer_close(&phone);
    /* The world goes while the store reads. */
    say(&bob, "late");
    peer_online(&ann, &k.w, "ann", "desk");
    peer_close(&ann);
    peer_close(&bob);
    kept_stop(&k);
}

static void goes_with_the_user(void **state)
{
    struct kept_world k;
    struct peer ann, bob;

    (void)state;
    kept_start(&k);
    peer_online(&bob, &k.w, "bob", "b");
    say(&bob, "hi");
    pres_user_remove(k.w.core, GW_STR(ANN), k.w.now); /* while it is counted */
    store_wait(k.store);
    assert_int_equal(pres_user_add(k.w.core, GW_STR(ANN), NULL), GW_OK);
    peer_online(&ann, &k.w, "ann", "desk");
    store_wait(k.store);
    EXPECT_ALL(&ann, "");
    peer_close(&ann);
    say(&bob, "again");
    store_wait(k.store);
    pres_user_remove(k.w.core, GW_STR(ANN), k.w.now);
    assert_int_equal(pres_user_add(k.w.core, GW_STR(ANN), NULL), GW_OK);
    peer_online(&ann, &k.w, "ann", "desk");
    store_wait(k.store);
    EXPECT_ALL(&ann, "");
    peer_close(&ann);
    peer_close(&bob);
    kept_stop(&k);
}

/* With XEP-0198: what a sleeping client never came back for. */
static void unacknowledged_is_kept(void **state)
{
    struct kept_world k;
    struct peer ann, bob;
    char id[33];

    (void)state;
    kept_start(&k);
    peer_online(&bob, &k.w, "bob", "b");
    peer_online(&ann, &k.w, "ann", "desk");
    store_wait(k.store);
    peer_enable(&ann, true, id);
    peer_close(&ann);
    say(&bob, "hi");
    world_wait(&k.w, 300 * 1000);
    EXPECT_ALL(&bob, "");
    peer_online(&ann, &k.w, "ann", "desk");
    store_wait(k.store);
    EXPECT(&ann, "stamp=\"2023-11-14T22:13:20Z\"/><body>hi</body>"); /* when it came */
    peer_close(&ann);
    peer_close(&bob);
    kept_stop(&k);
}

/* ---- vCards ---- */

#define VCARD "<vCard xmlns='vcard-temp'/>"

static void vcards(void **state)
{
    struct kept_world k;
    struct peer ann, bob;

    (void)state;
    kept_start(&k);
    peer_online(&ann, &k.w, "ann", "desk");
    peer_online(&bob, &k.w, "bob", "b");
    store_wait(k.store);
    peer_clear(&ann);
    peer_send(&ann, "<iq type='get' id='1'>" VCARD "</iq>");
    peer_send(&bob, "<iq type='get' id='1' to='Ann@x.example'>" VCARD "</iq>");
    store_wait(k.store);
    EXPECT_ALL(&ann, "<iq to=\"ann@x.example/desk\" type=\"result\" id=\"1\">"
                     "<vCard xmlns=\"vcard-temp\"/></iq>");
    EXPECT_ALL(&bob, "<iq from=\"Ann@x.example\" to=\"bob@x.example/b\" type=\"error\" "
                     "id=\"1\"><error type=\"cancel\"><item-not-found "
                     "xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"/></error></iq>");
    peer_send(&ann, "<iq type='set' id='2' to='ann@x.example'><vCard xmlns='vcard-temp'>"
                    "<FN>Ann &amp; Co</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>AAAA</BINVAL>"
                    "</PHOTO></vCard></iq>");
    EXPECT(&ann, "type=\"result\"");
    peer_send(&bob, "<iq type='get' id='3' to='ann@x.example'>" VCARD "</iq>");
    store_wait(k.store);
    EXPECT_ALL(&bob, "<iq from=\"ann@x.example\" to=\"bob@x.example/b\" type=\"result\" "
                     "id=\"3\"><vCard xmlns=\"vcard-temp\"><FN>Ann &amp; Co</FN><PHOTO>"
                     "<TYPE>image/png</TYPE><BINVAL>AAAA</BINVAL></PHOTO></vCard></iq>");
    /* Only by oneself. */
    peer_send(&bob, "<iq type='set' id='4' to='ann@x.example'>" VCARD "</iq>");
    EXPECT(&bob, "<forbidden ");
    peer_clear(&bob);
    /* Not for who is shut out. */
    assert_int_equal(pres_decide(k.w.core, GW_STR(ANN), GW_STR(BOB), PRES_SHUT_OUT, NULL), GW_OK);
    peer_send(&bob, "<iq type='get' id='5' to='ann@x.example'>" VCARD "</iq>");
    store_wait(k.store);
    EXPECT(&bob, "<service-unavailable ");
    peer_clear(&bob);
    /* Who asked is gone, or everybody is, before the answer. */
    peer_send(&bob, "<iq type='get' id='6' to='bob@x.example'>" VCARD "</iq>");
    peer_close(&bob);
    store_wait(k.store);
    pres_user_remove(k.w.core, GW_STR(ANN), k.w.now);
    peer_close(&ann);
    assert_int_equal(pres_user_add(k.w.core, GW_STR(ANN), NULL), GW_OK);
    peer_online(&ann, &k.w, "ann", "desk");
    store_wait(k.store);
    peer_send(&ann, "<iq type='get' id='7'>" VCARD "</iq>");
    store_wait(k.store);
    EXPECT(&ann, "id=\"7\"><vCard xmlns=\"vcard-temp\"/></iq>"); /* went with her */
    peer_send(&ann, "<iq type='get' id='8'>" VCARD "</iq>");
    peer_close(&ann);
    kept_stop(&k);
}

/* A client asks for many at once, and reads slowly. */
static void vcards_have_to_wait(void **state)
{
    struct kept_world k;
    struct peer ann;
    static char picture[50 * 1024];

    (void)state;
    kept_start(&k);
    k.w.settings.out_queue_kb = 256;
    peer_online(&ann, &k.w, "ann", "desk");
    memset(picture, 'A', sizeof(picture) - 1);
    peer_send(&ann, "<iq type='set' id='0'><vCard xmlns='vcard-temp'><DESC>");
    peer_send(&ann, picture);
    peer_send(&ann, "</DESC></vCard></iq>");
    ann.is_stuck = true;
    ann.waiting_max = 256 * 1024;
    peer_clear(&ann);
    for (int i = 1; i <= 20; i++)
        peer_sendf(&ann, "<iq type='get' id='%d'>" VCARD "</iq>", i);
    store_wait(k.store);
    assert_false(xmpp_c2s_is_closed(ann.c2s));
    EXPECT(&ann, "<iq to=\"ann@x.example/desk\" type=\"result\" id=\"2\"><vCard ");
    EXPECT(&ann, "<iq to=\"ann@x.example/desk\" type=\"error\" id=\"20\"><error type=\"wait\">"
                 "<resource-constraint ");
    peer_close(&ann);
    kept_stop(&k);
}

static void vcards_are_bounded(void **state)
{
    struct kept_world k;
    struct peer ann;
    char piece[1001];

    (void)state;
    kept_start(&k);
    peer_online(&ann, &k.w, "ann", "desk");
    memset(piece, 'A', sizeof(piece) - 1);
    piece[sizeof(piece) - 1] = '\0';
    peer_send(&ann, "<iq type='set' id='2'><vCard xmlns='vcard-temp'><DESC>");
    for (int i = 0; i < 140; i++)
        peer_send(&ann, piece);
    peer_send(&ann, "</DESC></vCard></iq>");
    EXPECT(&ann, "<not-acceptable ");
    peer_clear(&ann);
    peer_wait(&ann, 60 * 1000);
    for (int i = 0; i < 1100; i++) {
        peer_send(&ann, "<iq type='get' id='q'>" VCARD "</iq>");
        peer_wait(&ann, 100);
    }
    EXPECT(&ann, "<resource-constraint ");
    store_wait(k.store);
    peer_close(&ann);
    kept_stop(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_both_ways),
        cmocka_unit_test(what_is_copied),
        cmocka_unit_test(nothing_to_copy),
        cmocka_unit_test(deep_messages),
        cmocka_unit_test(keeps_and_delivers),
        cmocka_unit_test(what_is_kept),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(as_fast_as_they_are_read),
        cmocka_unit_test(as_fast_as_they_are_acknowledged),
        cmocka_unit_test(can_be_off),
        cmocka_unit_test(who_is_gone_again),
        cmocka_unit_test(goes_with_the_user),
        cmocka_unit_test(unacknowledged_is_kept),
        cmocka_unit_test(vcards),
        cmocka_unit_test(vcards_have_to_wait),
        cmocka_unit_test(vcards_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
