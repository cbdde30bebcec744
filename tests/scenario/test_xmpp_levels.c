/* The bytes that go to XMPP watchers: nothing above a level is in them, whatever happens in whatever
 * order; and the commands by which users choose. */
#include "xmpp_peer.h"

struct scene {
    struct world w;
    struct peer ann, bob;
    struct pres_settings settings;
    uint32_t seed;
};

static uint32_t dice(struct scene *s, uint32_t sides)
{
    s->seed = s->seed * 1664525u + 1013904223u;
    return (s->seed >> 8) % sides;
}

/* Texts tell the level that they are for; kinds above busy have words of their own on the wire. */
static void calendar(struct scene *s, enum pres_calendar_kind kind)
{
    struct pres_calendar cal = { .kind = kind, .since = 1, .until = GW_NEVER };

    if (kind > PRES_CAL_FREE) {
        snprintf(cal.text[PRES_WORDS_BUSY], PRES_TEXT_MAX, "mark-busy");
        snprintf(cal.text[PRES_WORDS_TIMES], PRES_TEXT_MAX, "mark-times");
        snprintf(cal.text[PRES_WORDS_OWN], PRES_TEXT_MAX, "mark-own");
        snprintf(cal.text[PRES_WORDS_FEDERATED], PRES_TEXT_MAX, "mark-federated");
    }
    pres_calendar_set(s->w.core, GW_STR(ANN), &cal, s->w.now);
}

static void act_once(struct scene *s)
{
    static const char *const words[] = {
        "<presence/>",
        "<presence><show>away</show></presence>",
        "<presence><show>chat</show><status>mine</status></presence>",
        "<presence type='unavailable'/>",
        "<presence to='bob@x.example'/>",
        "<presence to='bob@x.example/r'><show>xa</show></presence>",
        "<presence type='unavailable' to='bob@x.example'/>",
    };

    switch (dice(s, 5)) {
    case 0:
    case 1:
        calendar(s, (enum pres_calendar_kind)dice(s, PRES_CAL_COUNT));
        return;
    case 2:
        peer_send(&s->bob, dice(s, 2) ? "<presence to='ann@x.example' type='probe'/>"
                                      : "<presence type='unavailable'/><presence/>");
        return;
    case 3:
        pres_retell(s->w.core, s->w.now);
        return;
    default:
        peer_send(&s->ann, words[dice(s, sizeof(words) / sizeof(words[0]))]);
        return;
    }
}

static void act(struct scene *s)
{
    s->w.now.mono += GW_MINUTE_MS; /* nobody is slowed down */
    s->w.now.utc += GW_MINUTE_MS;
    act_once(s);
}

static void level(struct scene *s, enum pres_level to)
{
    const struct pres_privacy_rule rule = { .class = PRES_CLASS_NAMED,
                                            .watcher = GW_STR(BOB),
                                            .level = (int)to };

    assert_int_equal(pres_privacy_set(s->w.core, GW_STR(ANN), &rule, s->w.now, NULL, NULL, NULL),
                     GW_OK);
}

static void nothing_above_a_level_is_on_the_wire(void **state)
{
    /* What must not be there: texts, and the shows that only a kind has (out of office: xa). */
    static const char *const marks[] = { "mark-busy", "mark-times", "mark-own" };
    static const size_t first_hidden[PRES_LEVEL_COUNT] = { 0, 1, 2, 3 };
    struct scene s = { .seed = 7 };

    (void)state;
    world_start(&s.w);
    peer_online(&s.ann, &s.w, "ann", "desk");
    peer_online(&s.bob, &s.w, "bob", "r");
    peer_befriend(&s.ann, ANN, &s.bob, BOB);
    for (int round = 0; round < 200; round++) {
        enum pres_level now = (enum pres_level)dice(&s, PRES_LEVEL_COUNT);
        bool was_seen = false;

        level(&s, now);
        peer_clear(&s.bob);
        for (int i = 0; i < 30; i++)
            act(&s);
        for (size_t m = first_hidden[now]; m < sizeof(marks) / sizeof(marks[0]); m++)
            peer_expect_not_at(&s.bob, marks[m], __FILE__, __LINE__);
        peer_expect_not_at(&s.bob, "mark-federated", __FILE__, __LINE__);
        if (now != PRES_LEVEL_NOTHING)
            was_seen = peer_has(&s.bob, marks[first_hidden[now] - 1]);
        assert_true(was_seen || now == PRES_LEVEL_NOTHING); /* the test sees what may be seen */
        calendar(&s, PRES_CAL_FREE);
    }
    peer_close(&s.ann);
    peer_close(&s.bob);
    world_stop(&s.w);
}

/* At the level of busy no setting for meetings, and no kind, shows through. */
static void busy_looks_the_same_whatever_it_is(void **state)
{
    struct scene s = { .seed = 1 };

    (void)state;
    world_start(&s.w);
    s.w.settings.show_in_meeting = XMPP_SHOW_DND;
    peer_online(&s.ann, &s.w, "ann", "desk");
    peer_online(&s.bob, &s.w, "bob", "r");
    peer_befriend(&s.ann, ANN, &s.bob, BOB);
    level(&s, PRES_LEVEL_BUSY);
    for (int kind = PRES_CAL_BUSY; kind < PRES_CAL_COUNT; kind++) {
        calendar(&s, PRES_CAL_FREE);
        peer_clear(&s.bob);
        calendar(&s, (enum pres_calendar_kind)kind);
        EXPECT_ALL(&s.bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\">"
                           "<show>away</show><status>mark-busy</status></presence>");
        calendar(&s, kind == PRES_CAL_DND ? PRES_CAL_BUSY : (enum pres_calendar_kind)(kind + 1));
        EXPECT_ALL(&s.bob, "");
    }
    peer_close(&s.ann);
    peer_close(&s.bob);
    world_stop(&s.w);
}

/* ---- Commands ---- */

#define COMMAND(node, more)                                                                        \
    "<iq type='set' id='c' to='x.example'><command xmlns='http://jabber.org/protocol/commands' "   \
    "node='" node "' " more "</command></iq>"
#define FIELD(var, value) "<field var='" var "'><value>" value "</value></field>"
#define SUBMIT(fields)    "><x xmlns='jabber:x:data' type='submit'>" fields "</x>"

static const struct {
    const char *send, *answer;
} command_case[] = {
    { COMMAND("kalends:nothing", ">"), "item-not-found" },
    { COMMAND("kalends:override", "action='prev'>"), "bad-request" },
    { COMMAND("kalends:override", ">"), "status=\"executing\"" },
    { COMMAND("kalends:override", "action='cancel'>"), "status=\"canceled\"" },
    { COMMAND("kalends:override", "sessionid='a&quot;b' action='cancel'>"),
      "sessionid=\"a&quot;b\"" },
    { COMMAND("kalends:override-clear", ">"),
      "<note type=\"info\">Your calendar is shown already." },
    { COMMAND("kalends:override", SUBMIT("")), "<note type=\"error\">" },
    { COMMAND("kalends:override", SUBMIT(FIELD("state", "none") FIELD("until", "60"))),
      "<note type=\"error\">" },
    { COMMAND("kalends:override", SUBMIT(FIELD("state", "busy") FIELD("until", "-1"))),
      "<note type=\"error\">" },
    { COMMAND("kalends:override", SUBMIT(FIELD("state", "busy") FIELD("until", "item"))),
      "No calendar item runs just now" },
    { COMMAND("kalends:override", SUBMIT(FIELD("state", "busy") FIELD("until", " 60 ")
                                             FIELD("text", "a line") FIELD("other", "x"))),
      "<note type=\"info\">It is shown now." },
    { COMMAND("kalends:override-clear", ">"), "<note type=\"info\">Your calendar is shown again." },
    { COMMAND("kalends:privacy", SUBMIT(FIELD("own", "all") FIELD("federated", "busy"))),
      "<note type=\"error\">" },
    { COMMAND("kalends:privacy", SUBMIT(FIELD("own", "times") FIELD("federated", "default"))),
      "<note type=\"info\">" },
    { COMMAND("kalends:privacy", ">"), "label=\"People of my organisation\"><value>times</value>" },
    { COMMAND("kalends:decision", SUBMIT(FIELD("who", "a@b@c") FIELD("decision", "block"))),
      "<note type=\"error\">Name another person" },
    { COMMAND("kalends:decision", SUBMIT(FIELD("who", "b.example/r") FIELD("decision", "block"))),
      "<note type=\"error\">" },
    { COMMAND("kalends:decision", SUBMIT(FIELD("who", "") FIELD("decision", "block"))),
      "<note type=\"error\">" },
    { COMMAND("kalends:decision", SUBMIT(FIELD("who", ANN) FIELD("decision", "block"))),
      "<note type=\"error\">" },
    { COMMAND("kalends:decision", SUBMIT(FIELD("who", "b.example") FIELD("decision", "maybe"))),
      "<note type=\"error\">" },
    { COMMAND("kalends:decision", SUBMIT(FIELD("who", "b.example") FIELD("decision", "ask"))),
      "<note type=\"info\">It is so from now on." },
    { "<iq type='get' id='c' to='x.example'><query xmlns='http://jabber.org/protocol/disco#items' "
      "node='http://jabber.org/protocol/commands'/></iq>",
      "<item jid=\"x.example\" node=\"kalends:override\" name=\"Show another state" },
    { "<iq type='get' id='c' xml:lang='ja'><query xmlns='http://jabber.org/protocol/disco#info' "
      "node='kalends:privacy'/></iq>",
      "type=\"command-node\" name=\"予定表の表示範囲を選択\"" },
    { "<iq type='get' id='c' to='x.example'><query xmlns='http://jabber.org/protocol/disco#info' "
      "node='kalends:nothing'/></iq>",
      "item-not-found" },
    { "<iq type='get' id='c' to='x.example'><command xmlns='http://jabber.org/protocol/commands' "
      "node='kalends:override'/></iq>",
      "service-unavailable" },
};

static void commands_are_answered(void **state)
{
    struct world w;
    struct peer ann;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    for (size_t i = 0; i < sizeof(command_case) / sizeof(command_case[0]); i++) {
        peer_clear(&ann);
        peer_send(&ann, command_case[i].send);
        peer_expect_at(&ann, command_case[i].answer, command_case[i].send, (int)i);
    }
    peer_close(&ann);
    world_stop(&w);
}

/* The calendar is blamed only where it is to blame. */
static void a_wrong_text_is_named_as_such(void **state)
{
    static const char set[] =
        COMMAND("kalends:override",
                SUBMIT(FIELD("state", "busy") FIELD("until", "item") FIELD("text", "two\nlines")));
    const struct pres_calendar meeting = { .kind = PRES_CAL_MEETING,
                                           .since = 1,
                                           .until = GW_NEVER,
                                           .item_since = 1,
                                           .item_until = GW_NEVER };
    struct world w;
    struct peer ann;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    pres_calendar_set(w.core, GW_STR(ANN), &meeting, w.now);
    peer_clear(&ann);
    peer_send(&ann, set);
    EXPECT(&ann, "This is no state, time or line of text");
    peer_close(&ann);
    world_stop(&w);
}

/* Everybody of a domain, then a person, in capitals as people write them: it shows at once. bob was
 * allowed when he asked. */
static void users_decide_who_sees_them(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "desk");
    peer_online(&bob, &w, "bob", "r");
    peer_befriend(&ann, ANN, &bob, BOB);
    peer_clear(&bob);
    peer_send(&ann, COMMAND("kalends:decision",
                            SUBMIT(FIELD("who", "X.Example") FIELD("decision", "block"))));
    EXPECT_ALL(&bob, "");
    peer_send(&ann,
              COMMAND("kalends:decision", SUBMIT(FIELD("who", BOB) FIELD("decision", "ask"))));
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\" "
                     "type=\"unavailable\"/>");
    peer_send(&ann, COMMAND("kalends:decision",
                            SUBMIT(FIELD("who", "Bob@X.Example") FIELD("decision", "allow"))));
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\"/>");
    peer_send(&ann,
              COMMAND("kalends:decision", SUBMIT(FIELD("who", BOB) FIELD("decision", "ask"))));
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/desk\" "
                     "type=\"unavailable\"/>");
    for (int i = 1; i < PRES_DECISIONS_MAX; i++) {
        char who[16];

        snprintf(who, sizeof(who), "d%d", i);
        assert_int_equal(pres_decide(w.core, GW_STR(ANN), gw_str_of(who), PRES_BLOCK, NULL), GW_OK);
    }
    peer_clear(&ann);
    peer_send(&ann,
              COMMAND("kalends:decision", SUBMIT(FIELD("who", "more") FIELD("decision", "block"))));
    EXPECT(&ann, "<note type=\"error\">You have decided about too many");
    world_of_two_stop(&w, &ann, &bob);
}

/* A stream in Japanese needs no word about it in each stanza. */
static void the_streams_language_counts(void **state)
{
    struct world w;
    struct peer ann;

    (void)state;
    world_start(&w);
    peer_open(&ann, &w);
    peer_tls(&ann);
    peer_plain(&ann, "", "ann", "ann-secret");
    peer_run_check(&ann);
    peer_send(&ann, "<?xml version='1.0'?><stream:stream to='x.example' version='1.0' "
                    "xml:lang='ja-JP' xmlns='jabber:client' "
                    "xmlns:stream='http://etherx.jabber.org/streams'>");
    peer_bind(&ann, "desk");
    peer_send(&ann, COMMAND("kalends:override", ">"));
    EXPECT(&ann, "会議中");
    peer_clear(&ann);
    peer_send(&ann, "<iq type='set' id='c' xml:lang='en'><command "
                    "xmlns='http://jabber.org/protocol/commands' node='kalends:override'/></iq>");
    EXPECT(&ann, "In a meeting");
    peer_close(&ann);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_above_a_level_is_on_the_wire),
        cmocka_unit_test(busy_looks_the_same_whatever_it_is),
        cmocka_unit_test(commands_are_answered),
        cmocka_unit_test(a_wrong_text_is_named_as_such),
        cmocka_unit_test(users_decide_who_sees_them),
        cmocka_unit_test(the_streams_language_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
