/* Peers that send too much, too fast, too slowly, or read too slowly; and those that fall silent. */
#include "xmpp_peer.h"

static void send_many(struct peer *p, char c, size_t n)
{
    char text[4096];

    memset(text, c, sizeof(text));
    for (; n > sizeof(text); n -= sizeof(text))
        xmpp_c2s_feed(p->c2s, (struct gw_str){ text, sizeof(text) }, p->w->now);
    xmpp_c2s_feed(p->c2s, (struct gw_str){ text, n }, p->w->now);
}

/* ---- Sizes ---- */

static void early_stanzas_are_small(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_open(&p, &w);
    peer_tls(&p);
    peer_send(&p, "<auth " NS_SASL_IS " mechanism='PLAIN'>");
    send_many(&p, 'A', 10001);
    EXPECT(&p, "<policy-violation ");
    peer_close(&p);

    peer_open(&p, &w);
    peer_send(&p, "<stream:stream a='");
    send_many(&p, 'a', 10001);
    EXPECT(&p, "<policy-violation ");
    peer_close(&p);
    world_stop(&w);
}

static void stanzas_have_a_limit(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "a");
    peer_online(&bob, &w, "bob", "b");
    peer_send(&ann, "<message to='bob@x.example'><body>");
    send_many(&ann, 'x', 255 * 1024);
    peer_send(&ann, "</body></message>");
    assert_true(bob.out.len > 255 * 1024);
    peer_send(&ann, "<message to='bob@x.example'><body>");
    send_many(&ann, 'x', 257 * 1024);
    EXPECT(&ann, "<policy-violation ");
    assert_true(xmpp_c2s_is_closed(ann.c2s));
    world_of_two_stop(&w, &ann, &bob);
}

static void depth_has_a_limit(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_online(&p, &w, "ann", "a");
    peer_send(&p, "<message>");
    for (int i = 0; i < 100 && !xmpp_c2s_is_closed(p.c2s); i++)
        peer_send(&p, "<a>");
    EXPECT(&p, "<policy-violation ");
    peer_close(&p);
    world_stop(&w);
}

static void nodes_and_attributes_have_limits(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_online(&p, &w, "ann", "a");
    peer_send(&p, "<message>");
    for (int i = 0; i < 6000 && !xmpp_c2s_is_closed(p.c2s); i++)
        peer_send(&p, "<a/>");
    EXPECT(&p, "<policy-violation ");
    peer_close(&p);
    peer_online(&p, &w, "ann", "a");
    peer_send(&p, "<message ");
    for (int i = 0; i < 100; i++)
        peer_sendf(&p, "a%d='' ", i);
    peer_send(&p, "/>");
    EXPECT(&p, "<policy-violation ");
    peer_close(&p);
    world_stop(&w);
}

/* ---- Rates ---- */

static void floods_are_read_slowly(void **state)
{
    struct world w;
    struct peer p;
    gw_time until;

    (void)state;
    world_start(&w);
    peer_online(&p, &w, "ann", "a");
    assert_false(xmpp_c2s_is_throttled(p.c2s));
    for (int i = 0; i < 100 && !xmpp_c2s_is_throttled(p.c2s); i++)
        send_many(&p, ' ', 16 * 1024);
    assert_true(xmpp_c2s_is_throttled(p.c2s));
    until = xmpp_c2s_deadline(p.c2s);
    assert_true(until > w.now.mono && until <= w.now.mono + 1000);
    peer_wait(&p, until - w.now.mono);
    assert_false(xmpp_c2s_is_throttled(p.c2s));
    assert_false(xmpp_c2s_is_closed(p.c2s));
    peer_close(&p);
    world_stop(&w);
}

/* Small stanzas cost more than their bytes: 11 of them would else be a thousand a second. */
static void small_stanzas_count(void **state)
{
    struct world w;
    struct peer p;
    int sent = 0;

    (void)state;
    world_start(&w);
    peer_online(&p, &w, "ann", "a");
    while (!xmpp_c2s_is_throttled(p.c2s) && sent < 10000) {
        peer_send(&p, "<presence/>");
        sent++;
    }
    assert_in_range(sent, 100, 300);
    peer_close(&p);
    world_stop(&w);
}

/* Who obeys may go on for ever; who never pauses is closed. */
static void abuse_ends_it(void **state)
{
    struct world w;
    struct peer p;
    gw_time start;

    (void)state;
    world_start(&w);
    peer_online(&p, &w, "ann", "a");
    start = w.now.mono;
    while (!xmpp_c2s_is_closed(p.c2s) && w.now.mono < start + 600 * 1000) {
        send_many(&p, ' ', 16 * 1024);
        if (xmpp_c2s_is_throttled(p.c2s) && !xmpp_c2s_is_closed(p.c2s))
            peer_wait(&p, xmpp_c2s_deadline(p.c2s) - w.now.mono);
    }
    EXPECT(&p, "<policy-violation ");
    assert_in_range(w.now.mono - start, 60 * 1000, 90 * 1000);
    peer_close(&p);

    peer_online(&p, &w, "ann", "a");
    for (int i = 0; i < 100; i++) {
        for (int j = 0; j < 40 && !xmpp_c2s_is_throttled(p.c2s); j++)
            send_many(&p, ' ', 16 * 1024);
        peer_wait(&p, 10 * 1000);
    }
    assert_false(xmpp_c2s_is_closed(p.c2s));
    peer_close(&p);
    world_stop(&w);
}

/* ---- Those who read slowly ---- */

static void newest_presence_waits(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "a");
    peer_online(&bob, &w, "bob", "b");
    peer_befriend(&ann, ANN, &bob, BOB);
    bob.is_stuck = true;
    bob.waiting = 64 * 1024;
    bob.waiting_max = 1024 * 1024;
    for (int i = 0; i < 50; i++)
        peer_sendf(&ann, "<presence><status>n%d</status></presence>", i);
    peer_send(&bob, "<presence to='ann@x.example'/>"); /* directed presence does not wait */
    EXPECT_ALL(&bob, "");
    assert_int_equal(xmpp_host_counters(w.host)->presence_merged, 49);
    bob.waiting = 0;
    xmpp_c2s_drained(bob.c2s);
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/a\">"
                     "<status>n49</status></presence>");
    xmpp_c2s_drained(bob.c2s);
    EXPECT_ALL(&bob, "");
    /* Gone while it waited. */
    bob.waiting = 64 * 1024;
    peer_send(&ann, "<presence><status>last</status></presence>");
    peer_close(&ann);
    bob.waiting = 0;
    xmpp_c2s_drained(bob.c2s);
    EXPECT_ALL(&bob, "<presence to=\"bob@x.example\" from=\"ann@x.example/a\" "
                     "type=\"unavailable\"/>");
    peer_close(&bob);
    world_stop(&w);
}

static void slow_readers_are_cut_off(void **state)
{
    struct world w;
    struct peer ann, bob;

    (void)state;
    world_start(&w);
    peer_online(&ann, &w, "ann", "a");
    peer_online(&bob, &w, "bob", "b");
    peer_befriend(&ann, ANN, &bob, BOB);
    bob.is_stuck = true;
    bob.waiting_max = 100 * 1024;
    for (int i = 0; i < 200 && !bob.is_woken; i++) {
        peer_send(&ann, "<message to='bob@x.example/b'><body>");
        send_many(&ann, 'x', 1024);
        peer_send(&ann, "</body></message>");
    }
    assert_true(bob.is_woken);
    assert_true(xmpp_c2s_is_closed(bob.c2s));
    assert_int_equal(xmpp_c2s_deadline(bob.c2s), 0);
    peer_clear(&ann);
    xmpp_c2s_tick(bob.c2s, w.now);
    EXPECT_ALL(&ann, "<presence to=\"ann@x.example\" from=\"bob@x.example/b\" "
                     "type=\"unavailable\"/>");
    assert_int_equal(xmpp_host_counters(w.host)->cut_slow, 1);
    world_of_two_stop(&w, &ann, &bob);
}

/* ---- Silence ---- */

static void silence_is_asked_after(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_online(&p, &w, "ann", "a");
    peer_wait(&p, 299 * 1000);
    EXPECT_ALL(&p, "");
    peer_wait(&p, 1000);
    EXPECT_ALL(&p, "<iq type=\"get\" id=\"alive\" from=\"x.example\" to=\"ann@x.example/a\">"
                   "<ping xmlns=\"urn:xmpp:ping\"/></iq>");
    peer_send(&p, " "); /* any sign will do */
    peer_wait(&p, 299 * 1000);
    EXPECT_ALL(&p, "");
    peer_wait(&p, 1000);
    EXPECT(&p, "<ping ");
    peer_wait(&p, 59 * 1000);
    assert_false(xmpp_c2s_is_closed(p.c2s));
    peer_wait(&p, 1000);
    EXPECT(&p, "<connection-timeout ");
    assert_true(xmpp_c2s_is_closed(p.c2s));
    peer_close(&p);
    world_stop(&w);
}

static void silence_can_be_allowed(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    w.settings.idle_ping_s = GW_PARAM_WORD;
    peer_online(&p, &w, "ann", "a");
    assert_true(xmpp_c2s_deadline(p.c2s) == GW_NEVER);
    peer_close(&p);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(early_stanzas_are_small),
        cmocka_unit_test(stanzas_have_a_limit),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(nodes_and_attributes_have_limits),
        cmocka_unit_test(floods_are_read_slowly),
        cmocka_unit_test(small_stanzas_count),
        cmocka_unit_test(abuse_ends_it),
        cmocka_unit_test(newest_presence_waits),
        cmocka_unit_test(slow_readers_are_cut_off),
        cmocka_unit_test(silence_is_asked_after),
        cmocka_unit_test(silence_can_be_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
