/* What is known of people beyond presence, across the border: questions to accounts and servers, vCards, and
 * what users publish (XEP-0163), told to clients abroad that want it. */
#include "fed_world.h"

#include "store.h"

#define NICK     "http://jabber.org/protocol/nick"
#define ACTIVITY "http://jabber.org/protocol/activity"
#define PUBSUB   "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"

struct people {
    struct store *store;
    struct fed_world w;
    struct pres_session *a, *b;
    struct end *peer; /* b, as the test speaks for it */
};

static void put(struct store *store, const char *kind, const char *key, const char *value)
{
    struct store_batch *b = store_batch_new();

    store_put(b, kind, gw_str_of(key), GW_STR("ann@a.example"), gw_str_of(value));
    store_commit(store, &b, NULL, NULL);
}

static void start(struct people *p)
{
    assert_int_equal(store_open(&(struct store_args){ .path = ":memory:" }, &p->store, NULL),
                     GW_OK);
    put(p->store, "vcard", "ann@a.example", "<vCard xmlns=\"vcard-temp\"><FN>Ann</FN></vCard>");
    put(p->store, "pep", "ann@a.example " NICK, "n\n<nick xmlns=\"" NICK "\">Annie</nick>");
    put(p->store, "pep", "ann@a.example u:large", "l\n");
    put(p->store, "pep-large", "ann@a.example u:large",
        "<pubsub xmlns=\"http://jabber.org/protocol/pubsub\"><items node=\"u:large\">"
        "<item id=\"l\"><picture xmlns=\"u:large\"/></item></items></pubsub>");
    world_begin_with(&p->w, p->store);
    store_wait(p->store);
    meet(&p->w, &p->a, &p->b);
    p->peer = proved_as_b(&p->w);
    gw_buf_reset(&p->w.b.wire);
}

static void stop(struct people *p)
{
    world_end(&p->w);
    store_close(&p->store);
}

static void send(struct people *p, const char *stanza)
{
    gw_buf_reset(&p->w.b.wire);
    raw_send(p->peer, stanza);
    settle_world(&p->w);
    store_wait(p->store);
    settle_world(&p->w);
}

static bool heard(const struct people *p, const char *text)
{
    return p->w.b.wire.len && memmem(p->w.b.wire.p, p->w.b.wire.len, text, strlen(text));
}

static void expect_heard(const struct people *p, const char *text)
{
    if (!heard(p, text))
        fail_msg("no\n  %s\nin\n  %.*s", text, GW_STR_ARG(gw_buf_str(&p->w.b.wire)));
}

static void questions(void **state)
{
    static const struct {
        const char *from, *to, *in, *out;
    } cases[] = {
        { "ann", "ann@", "<query xmlns='jabber:iq:last'/>", "seconds=\"0\"" },
        { "eve", "ann@", "<query xmlns='jabber:iq:last'/>", "<forbidden " },
        { "ann", "", "<query xmlns='jabber:iq:last'/>", "seconds=" },
        { "eve", "", "<query xmlns='jabber:iq:version'/>", "<version>1.2.3</version>" },
        { "eve", "", "<time xmlns='urn:xmpp:time'/>", "<utc>2023-11-14T22:13:" },
        { "eve", "", "<ping xmlns='urn:xmpp:ping'/>", "<iq type=\"result\" from=\"a.example\"" },
        { "eve", "", "<query xmlns='http://jabber.org/protocol/disco#info'/>",
          "<identity category=\"server\" type=\"im\" name=\"Kalends\"/>" },
        { "eve", "", "<query xmlns='http://jabber.org/protocol/disco#items'/>",
          "<query xmlns=\"http://jabber.org/protocol/disco#items\"/>" },
        { "ann", "ann@", "<query xmlns='http://jabber.org/protocol/disco#info'/>",
          "<identity category=\"pubsub\" type=\"pep\"/>" },
        { "eve", "ann@", "<query xmlns='http://jabber.org/protocol/disco#info'/>",
          "<service-unavailable " },
        { "ann", "ann@", "<query xmlns='http://jabber.org/protocol/disco#items'/>",
          "node=\"" NICK "\"" },
        { "eve", "ann@", "<query xmlns='http://jabber.org/protocol/disco#items'/>",
          "<service-unavailable " },
        { "ann", "ann@", "<vCard xmlns='vcard-temp'/>", "<FN>Ann</FN>" },
        { "eve", "ann@", "<vCard xmlns='vcard-temp'/>", "<service-unavailable " },
        { "ann", "ann@", PUBSUB "<items node='" NICK "'/></pubsub>", ">Annie</nick>" },
        { "ann", "ann@", PUBSUB "<items node='u:large'/></pubsub>", "<picture " },
        { "ann", "ann@", PUBSUB "<items node='no'/></pubsub>", "<item-not-found " },
        { "eve", "ann@", PUBSUB "<items node='" NICK "'/></pubsub>", "<forbidden " },
        { "ann", "ann@", "<query xmlns='jabber:iq:roster'/>", "<service-unavailable " },
        { "ann", "ann@", "<blocklist xmlns='urn:xmpp:blocking'/>", "<service-unavailable " },
        { "ann", "ann@", "<query xmlns='jabber:iq:privacy'/>", "<service-unavailable " },
        { "ann", "no@", "<vCard xmlns='vcard-temp'/>", "<service-unavailable " },
        { "ann", "ann@", "<a xmlns='u:a'/><b xmlns='u:b'/>", "<bad-request " },
    };
    struct people p;
    char text[600];

    (void)state;
    start(&p);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text),
                 "<iq type='get' id='q%zu' from='%s@b.example/x' to='%sa.example'>%s</iq>", i,
                 cases[i].from, cases[i].to, cases[i].in);
        send(&p, text);
        expect_heard(&p, cases[i].out);
        snprintf(text, sizeof(text), "id=\"q%zu\"", i);
        expect_heard(&p, text);
        snprintf(text, sizeof(text), "from=\"%sa.example\" to=\"%s@b.example/x\"", cases[i].to,
                 cases[i].from);
        expect_heard(&p, text);
    }
    send(&p, "<iq type='set' id='s' from='ann@b.example/x' to='ann@a.example'>" PUBSUB
             "<publish node='n'><item><a xmlns='u:a'/></item></publish></pubsub></iq>");
    expect_heard(&p, "<service-unavailable ");
    send(&p, "<iq type='result' id='r' from='ann@b.example/x' to='ann@a.example'/>");
    assert_int_equal(p.w.b.wire.len, 0);
    stop(&p);
}

#define CAPS(who, ver)                                                                             \
    "<presence from='" who "@b.example/far' to='ann@a.example'>"                                   \
    "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='" ver "'/></presence>"
#define WANTS(who)                                                                                 \
    "<iq type='result' id='caps' from='" who "@b.example/far' to='ann@a.example'>"                 \
    "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='" NICK "+notify'/>"        \
    "<feature var='" ACTIVITY "+notify'/></query></iq>"

static void calendar(struct people *p, enum pres_calendar_kind kind)
{
    const struct pres_calendar cal = { .kind = kind, .until = GW_NEVER };

    gw_buf_reset(&p->w.b.wire);
    pres_calendar_set(p->w.a.core, GW_STR("ann@a.example"), &cal, p->w.now);
    xmpp_host_tick(p->w.a.host, p->w.now);
    settle_world(&p->w);
}

static void clients_abroad_are_told(void **state)
{
    struct people p;

    (void)state;
    start(&p);
    send(&p, CAPS("ann", "1"));
    expect_heard(&p, "<iq from=\"ann@a.example\" to=\"ann@b.example/far\" type=\"get\" id=\"caps\">"
                     "<query xmlns=\"http://jabber.org/protocol/disco#info\" node=\"n#1\"/></iq>");
    send(&p, CAPS("ann", "1"));
    assert_false(heard(&p, "caps")); /* asked once */
    send(&p, WANTS("ann"));
    expect_heard(&p,
                 "<message from=\"ann@a.example\" to=\"ann@b.example/far\" type=\"headline\">"
                 "<event xmlns=\"http://jabber.org/protocol/pubsub#event\">"
                 "<items node=\"" NICK "\"><item id=\"n\"><nick xmlns=\"" NICK "\">Annie</nick>");
    assert_false(heard(&p, "activity"));
    send(&p, WANTS("ann")); /* not asked for again */
    assert_false(heard(&p, "event"));
    send(&p, CAPS("ann", "1"));
    assert_false(heard(&p, "event"));
    calendar(&p, PRES_CAL_MEETING);
    expect_heard(&p, "<in_a_meeting/>");
    calendar(&p, PRES_CAL_FREE);
    expect_heard(&p, "<activity xmlns=\"" ACTIVITY "\"/>");
    /* Not above what may be seen there. */
    assert_int_equal(pres_privacy_set(p.w.a.core, GW_STR("ann@a.example"),
                                      &(struct pres_privacy_rule){ .class = PRES_CLASS_FEDERATED,
                                                                   .level = PRES_LEVEL_BUSY },
                                      p.w.now, NULL, NULL, NULL),
                     GW_OK);
    calendar(&p, PRES_CAL_MEETING);
    assert_false(heard(&p, "in_a_meeting"));
    /* It goes and comes again: it is asked and told anew. */
    send(&p, "<presence type='unavailable' from='ann@b.example/far' to='ann@a.example'/>");
    send(&p, CAPS("ann", "1"));
    expect_heard(&p, "id=\"caps\"");
    send(&p, WANTS("ann"));
    expect_heard(&p, ">Annie</nick>");
    stop(&p);
}

/* The usual order: a contact, asked at once, who watches the user later. */
static void contacts_are_told_when_they_watch(void **state)
{
    struct people p;

    (void)state;
    start(&p);
    pres_request_send(p.a, PRES_UNSUBSCRIBED, GW_STR("ann@b.example"), GW_STR(""), NULL);
    settle_world(&p.w);
    assert_false(pres_is_watched_by(p.w.a.core, GW_STR("ann@a.example"), GW_STR("ann@b.example")));
    send(&p, CAPS("ann", "1"));
    expect_heard(&p, "id=\"caps\"");
    send(&p, WANTS("ann"));
    assert_false(heard(&p, "event"));
    send(&p, "<presence type='subscribe' from='ann@b.example' to='ann@a.example'/>");
    expect_heard(&p, ">Annie</nick>");
    stop(&p);
}

static void decide(struct people *p, enum pres_decision decision)
{
    gw_buf_reset(&p->w.b.wire);
    assert_int_equal(
        pres_decide(p->w.a.core, GW_STR("ann@a.example"), GW_STR("b.example"), decision, NULL),
        GW_OK);
    settle_world(&p->w);
}

static void contacts_are_told_when_a_block_is_lifted(void **state)
{
    struct people p;

    (void)state;
    start(&p);
    send(&p, CAPS("ann", "1"));
    send(&p, WANTS("ann"));
    decide(&p, PRES_SHUT_OUT);
    assert_false(heard(&p, "event"));
    decide(&p, PRES_ASK);
    expect_heard(&p, ">Annie</nick>");
    stop(&p);
}

/* Users abroad watch ann; each has twenty clients, which say what they can do. */
static void crowd_watches(struct people *p, int count)
{
    char text[200];

    for (int u = 0; u < count; u++) {
        snprintf(text, sizeof(text),
                 "<presence type='subscribe' from='u%d@b.example' to='ann@a.example'/>", u);
        send(p, text);
    }
}

static void crowd_says(struct people *p, int from, int to)
{
    struct gw_buf text;

    gw_buf_init(&text, 1 << 16);
    for (int u = from; u < to; u++) {
        gw_buf_reset(&text);
        for (int i = 0; i < 20; i++)
            gw_buf_addf(&text,
                        "<presence from='u%d@b.example/far%.*d' to='ann@a.example'>"
                        "<c xmlns='http://jabber.org/protocol/caps' node='n' ver='1'/></presence>",
                        u, i ? 2 : 0, i);
        gw_buf_add_char(&text, '\0');
        send(p, gw_buf_str(&text).p);
    }
    gw_buf_done(&text);
}

/* Ten thousand clients abroad are known; then those known longest are forgotten, and asked anew. */
static void crowds_abroad_are_bounded(void **state)
{
    enum { USERS = 500 };
    struct people p;

    (void)state;
    start(&p);
    p.w.a.pres.watchers_max = 2 * USERS;
    crowd_watches(&p, USERS + 1);
    crowd_says(&p, 0, USERS);
    send(&p, WANTS("u0"));
    send(&p, WANTS("u1"));
    send(&p, CAPS("u0", "1"));
    expect_heard(&p, ">Annie</nick>"); /* it is known what it wants */
    assert_false(heard(&p, "id=\"caps\""));
    crowd_says(&p, USERS, USERS + 1);
    send(&p, CAPS("u1", "1"));
    expect_heard(&p, ">Annie</nick>");
    send(&p, CAPS("u0", "1"));
    assert_false(heard(&p, ">Annie</nick>"));
    expect_heard(&p, "id=\"caps\"");
    stop(&p);
}

static void strangers_are_not_asked(void **state)
{
    struct people p;

    (void)state;
    start(&p);
    send(&p, CAPS("eve", "1"));
    assert_false(heard(&p, "caps"));
    send(&p, WANTS("eve"));
    assert_false(heard(&p, "event"));
    stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions),
        cmocka_unit_test(clients_abroad_are_told),
        cmocka_unit_test(contacts_are_told_when_they_watch),
        cmocka_unit_test(contacts_are_told_when_a_block_is_lifted),
        cmocka_unit_test(crowds_abroad_are_bounded),
        cmocka_unit_test(strangers_are_not_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
