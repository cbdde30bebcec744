/* Servers of two domains: what one can make the other keep, do and wait for, and how much of it. */
#include "fed_world.h"

/* ---- Questions, and those who cannot be reached ---- */

static size_t questions(struct fed_world *w)
{
    struct xmpp_link *l = xmpp_link_get(w->a.fed, GW_STR("a.example"), GW_STR("b.example"));
    struct gw_list *it, *tmp;
    size_t n = 0;

    assert_non_null(l);
    GW_LIST_EACH(&l->verifies, it, tmp)
    n++;
    return n;
}

/* b never answers: of those who have left nothing is kept. */
static void questions_are_bounded(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;
    struct end *mal;
    char text[20000];

    (void)state;
    world_begin(&w);
    (void)meet_and_stall(&w, &a, &b);
    for (int i = 0; i < 100; i++) {
        mal = greets_as_b(&w);
        claims_b(&w, mal);
        settle_world(&w);
        assert_int_equal(questions(&w), 1);
        end_free(mal, &w);
        settle_world(&w);
        assert_int_equal(questions(&w), 0);
    }
    mal = greets_as_b(&w);
    snprintf(text, sizeof(text), "<db:result from='b.example' to='a.example'>%0*d</db:result>",
             XMPP_THEIR_KEY_MAX + 1, 0);
    raw_send(mal, text);
    settle_world(&w);
    EXPECT(mal, "<not-acceptable");
    assert_int_equal(questions(&w), 0);
    world_end(&w);
}

static void send_to(struct fed_world *w, const char *to, enum xmpp_sent expected)
{
    assert_int_equal(xmpp_fed_send(w->a.fed, GW_STR("ann@a.example"), gw_str_of(to),
                                   GW_STR("<message/>"), NULL, false),
                     expected);
}

static void forgets_failures(void **state)
{
    struct fed_world w;
    char domain[40];

    (void)state;
    world_begin(&w);
    send_to(&w, "c.example", XMPP_SENT);
    settle_world(&w);
    pass_ms(&w, 5 * GW_SECOND_MS);
    EXPECT_LINKS(&w.a, "out a.example-c.example failed \n");
    pass_ms(&w, 3600 * GW_SECOND_MS);
    EXPECT_LINKS(&w.a, "");
    for (int i = 0; i < XMPP_LINKS_MAX; i++) {
        snprintf(domain, sizeof(domain), "c%d.example", i);
        send_to(&w, domain, XMPP_SENT);
        settle_world(&w);
    }
    send_to(&w, "b.example", XMPP_SENT_FULL);
    for (int i = 0; i < 2; i++)
        pass_ms(&w, 2 * GW_SECOND_MS);
    send_to(&w, "b.example", XMPP_SENT);
    world_end(&w);
}

/* ---- Floods ---- */

static void bounded_before_a_proof(void **state)
{
    struct fed_world w;
    struct end *mal;

    (void)state;
    world_begin(&w);
    mal = raw_open(&w.a);
    raw_send(mal, SERVER_HEADER("b.example", "a.example") "<db:result from='");
    for (int i = 0; i < 2000; i++)
        raw_send(mal, "xxxxxxxxxx");
    settle_world(&w);
    EXPECT(mal, "<policy-violation");
    assert_true(mal->is_closed);
    world_end(&w);
}

#define FROM_B "<message from='x@b.example' to='ann@a.example'"

/* Of one who has proved a domain: what he begins with, what he says again and again, and what he hears. */
static const struct {
    const char *first, *again;
    int times;
    const char *condition;
} hostile_case[] = {
    { FROM_B "><body>", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 16 * 1024, "<policy-violation" },
    { FROM_B " id='", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 16 * 1024, "<policy-violation" },
    { FROM_B ">", "<a>", 100, "<policy-violation" },   /* deep, and never closed */
    { FROM_B ">", "<a/>", 6000, "<policy-violation" }, /* wide */
    { "<", "x", 300 * 1024, "<policy-violation" },     /* a name without end */
    { "<!-- ", "x", 300 * 1024, "<restricted-xml" },   /* a comment without end */
    { "<!DOCTYPE x [<!ENTITY a 'b'>]>", NULL, 0, "<restricted-xml" },
    { "<?xml-stylesheet href='file:///etc/passwd'?>", NULL, 0, "<restricted-xml" },
    { FROM_B "><body>&xxe;</body></message>", NULL, 0, "<restricted-xml" },
    { FROM_B "><body><!ENTITY a SYSTEM 'file:///etc/passwd'></body>", NULL, 0, "<restricted-xml" },
    { FROM_B "><body>&#0;</body></message>", NULL, 0, "<not-well-formed" },
    { FROM_B "><body>\xff\xfe</body></message>", NULL, 0, "<stream:error>" },
    { FROM_B "><a></b></message>", NULL, 0, "<not-well-formed" },
    { FROM_B "></presence>", NULL, 0, "<not-well-formed" },
    { "<q:message xmlns:db='x' from='x@b.example' to='ann@a.example'/>", NULL, 0,
      "<bad-namespace-prefix" },
    { "<message xmlns='jabber:client' from='x@b.example' to='ann@a.example'/>", NULL, 0,
      "<unsupported-stanza-type" },
    { "<message xmlns='' from='x@b.example' to='ann@a.example'/>", NULL, 0,
      "<unsupported-stanza-type" },
    { "<stream:stream/>", NULL, 0, "<unsupported-stanza-type" },
    { "words between stanzas", NULL, 0, "<bad-format" },
};

static void abuse_ends_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hostile_case) / sizeof(hostile_case[0]); i++) {
        struct pres_session *a;
        struct fed_world w;
        struct end *mal;

        world_begin(&w);
        login_at(&w.a, &a);
        say_at(&w.a, a, PRES_AVAILABLE, "");
        mal = proved_as_b(&w);
        gw_buf_reset(&mal->all);
        raw_send(mal, hostile_case[i].first);
        for (int n = 0; n < hostile_case[i].times; n++)
            raw_send(mal, hostile_case[i].again);
        settle_world(&w);
        if (!mal->is_closed || !raw_has(mal, hostile_case[i].condition))
            fail_msg("case %zu: no %s, but %s", i, hostile_case[i].condition,
                     mal->all.len ? mal->all.p : "nothing");
        if (!raw_has(mal, "</stream:stream>"))
            fail_msg("case %zu: not ended in order", i);
        world_end(&w);
    }
}

static void half_open_is_cut_off(void **state)
{
    struct xmpp_fed_counters c;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    for (int i = 0; i < 10000; i++) {
        struct end *mal = raw_open(&w.a);

        if (i % 2)
            raw_send(mal, "<stream:stream xmlns='jabber:server' to='a.exa");
    }
    {
        struct gw_list *it, *tmp;

        GW_LIST_EACH(&w.ends, it, tmp)
        {
            struct end *e = GW_CONTAINER(it, struct end, link);

            if (e->s2s && e->in.len) {
                xmpp_s2s_feed(e->s2s, gw_buf_str(&e->in), w.now);
                gw_buf_done(&e->in);
            }
        }
        xmpp_fed_counters(w.a.fed, &c);
        assert_int_equal(c.in, 10000);
        w.now.mono += 31 * GW_SECOND_MS;
        GW_LIST_EACH(&w.ends, it, tmp)
        {
            struct end *e = GW_CONTAINER(it, struct end, link);

            if (!e->s2s)
                continue;
            assert_true(xmpp_s2s_deadline(e->s2s) <= w.now.mono);
            xmpp_s2s_tick(e->s2s, w.now);
            assert_true(xmpp_s2s_is_closed(e->s2s));
        }
    }
    world_end(&w);
}

/* A byte a second keeps nobody's connection open. */
static void slow_loris(void **state)
{
    const char *text = SERVER_HEADER("b.example", "a.example");
    struct fed_world w;
    struct end *mal;

    (void)state;
    world_begin(&w);
    mal = raw_open(&w.a);
    for (size_t i = 0; i < 40 && !mal->is_closed; i++) {
        char byte[2] = { text[i], '\0' };

        raw_send(mal, byte);
        pass_ms(&w, GW_SECOND_MS);
    }
    assert_true(mal->is_closed);
    EXPECT(mal, "<connection-timeout");
    world_end(&w);
}

static void floods_are_read_later(void **state)
{
    struct fed_world w;
    struct end *mal;

    (void)state;
    world_begin(&w);
    w.a.settings.rate_kbs = 16;
    mal = proved_as_b(&w);
    for (int i = 0; i < 2000; i++)
        raw_send(mal, "<presence from='ann@b.example/x' to='ann@a.example'/>");
    settle_world(&w);
    assert_true(xmpp_s2s_is_throttled(mal->other->s2s));
    pass_ms(&w, 60 * GW_SECOND_MS);
    assert_false(xmpp_s2s_is_throttled(mal->other->s2s));
    world_end(&w);
}

/* A peer that asks and reads nothing is cut off, long before the transport would refuse. */
static void answers_are_bounded(void **state)
{
    struct fed_world w;
    struct end *mal, *theirs;

    (void)state;
    world_begin(&w);
    mal = greets_as_b(&w);
    theirs = mal->other;
    theirs->is_stuck = true;
    for (int i = 0; i < 5000 && !xmpp_s2s_is_closed(theirs->s2s); i++) {
        const char *ask = "<db:verify from='b.example' to='a.example' id='1'>00</db:verify>";

        xmpp_s2s_feed(theirs->s2s, gw_str_of(ask), w.now);
    }
    assert_true(xmpp_s2s_is_closed(theirs->s2s));
    assert_true(theirs->waiting < XMPP_ANSWERS_MAX + 1000);
    world_end(&w);
}

/* A peer that reads nothing: what waits is bounded, presence is dropped and told anew. */
static void queue_is_bounded(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;
    struct end *out;

    (void)state;
    world_begin(&w);
    w.a.settings.queue_kb = 16;
    out = meet_and_stall(&w, &a, &b);
    for (int i = 0; i < 5000; i++) {
        char text[40];

        snprintf(text, sizeof(text), "number %d", i);
        say_at(&w.a, a, PRES_AWAY, text);
    }
    assert_true(out->waiting > 0 && out->waiting < 128 * 1024);
    unstick(out);
    pass_ms(&w, GW_SECOND_MS);
    assert_true(told(&w.b, "away 'number 4999'"));
    world_end(&w);
}

/* Of what waits for a watcher, the newest of each resource is enough. */
static void the_newest_alone_waits(void **state)
{
    struct pres_session *a, *b, *other;
    struct fed_world w;
    struct end *out;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    assert_int_equal(pres_session_new(w.a.core,
                                      &(struct pres_session_args){ .user = GW_STR("ann@a.example"),
                                                                   .resource = GW_STR("other"),
                                                                   .front = w.a.front,
                                                                   .ctx = &w.a },
                                      w.now, &other, NULL),
                     GW_OK);
    out = a_to_b(&w);
    out->is_stuck = true;
    out->waiting = XMPP_HOLD_AT;
    for (int i = 0; i < 100; i++) {
        char text[40];

        snprintf(text, sizeof(text), "number %d", i);
        say_at(&w.a, a, PRES_AWAY, text);
        say_at(&w.a, other, PRES_DND, text);
    }
    assert_int_equal(out->s2s->for_link->letter_count, 2);
    say_at(&w.a, other, PRES_OFFLINE, "");
    assert_int_equal(out->s2s->for_link->letter_count, 2);
    unstick(out);
    pass_ms(&w, 0);
    assert_true(told(&w.b, "ann@b.example < ann@a.example/r away 'number 99'\n"));
    assert_false(told(&w.b, "'number 98'"));
    assert_false(told(&w.b, "do-not-disturb"));
    assert_int_equal(w.a.fed->counters.dropped, 0);
    world_end(&w);
}

/* ---- What one makes of us ---- */

/* Connects to so many domains, in a user's name; how many of the messages were taken. */
static int writes_to(struct side *side, const char *from, int first, int count)
{
    int sent = 0;

    for (int i = first; i < first + count; i++) {
        char to[40];

        snprintf(to, sizeof(to), "x@d%d.example", i);
        sent += xmpp_fed_send(side->fed, gw_str_of(from), gw_str_of(to), GW_STR("<message/>"), NULL,
                              false) == XMPP_SENT;
    }
    return sent;
}

static void connections_of_one_user_are_bounded(void **state)
{
    struct fed_world w;

    (void)state;
    world_begin(&w);
    assert_int_equal(writes_to(&w.a, "ann@a.example/r", 0, 2 * XMPP_DIALS_OF_ONE),
                     XMPP_DIALS_OF_ONE);
    assert_int_equal(writes_to(&w.a, "ann@a.example/other", 1000, 1), 0);
    assert_int_equal(writes_to(&w.a, "bob@a.example/r", 1000, 1), 1); /* others go on */
    assert_int_equal(writes_to(&w.a, "ann@a.example/r", 1000, 1), 1); /* on its way already */
    settle_world(&w);
    assert_int_equal(writes_to(&w.a, "ann@a.example/r", 2000, 1), 1); /* those have failed */
    world_end(&w);
}

static void connections_are_bounded(void **state)
{
    struct fed_world w;
    int sent = 0;

    (void)state;
    world_begin(&w);
    for (int i = 0; i < XMPP_DIALS_MAX / XMPP_DIALS_OF_ONE + 2; i++) {
        char from[40];

        snprintf(from, sizeof(from), "u%d@a.example", i);
        sent += writes_to(&w.a, from, i * XMPP_DIALS_OF_ONE, XMPP_DIALS_OF_ONE);
    }
    assert_int_equal(sent, XMPP_DIALS_MAX);
    settle_world(&w);
    assert_int_equal(writes_to(&w.a, "ann@a.example", 100000, 1), 1);
    world_end(&w);
}

/* Somebody claims many domains, whose servers we would have to ask. */
static void questions_of_one_network_are_bounded(void **state)
{
    struct fed_world w;
    struct end *mal;

    (void)state;
    world_begin(&w);
    mal = greets_as_b(&w);
    for (int i = 0; i < XMPP_DIALS_OF_ONE + 1; i++) {
        char text[200];

        snprintf(text, sizeof(text), "<db:result from='d%d.example' to='a.example'>00</db:result>",
                 i);
        xmpp_s2s_feed(mal->other->s2s, gw_str_of(text), w.now);
    }
    assert_int_equal(writes_to(&w.a, "ann@a.example/r", 1000, 1), 1); /* our own users go on */
    settle_world(&w);
    assert_true(raw_has(mal, "<resource-constraint"));
    assert_false(mal->is_closed);
    gw_buf_reset(&mal->all);
    raw_send(mal, "<db:result from='e.example' to='a.example'>00</db:result>");
    settle_world(&w);
    assert_true(raw_has(mal, "<remote-server-timeout")); /* asked for again */
    world_end(&w);
}

/* More users than the queue has room for: all are told anew, none is dropped for the others. */
static void many_users_are_told_anew(void **state)
{
    enum { USERS = 3000 };
    struct pres_session *a, *b;
    struct xmpp_fed_counters before, after;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    w.a.settings.queue_kb = 16;
    for (int i = 0; i < USERS; i++) {
        const struct pres_entry_args watcher = { .jid = GW_STR("ann@b.example"),
                                                 .state = PRES_FROM,
                                                 .listed = true };
        char jid[40];

        snprintf(jid, sizeof(jid), "u%d@a.example", i);
        assert_int_equal(pres_user_add(w.a.core, gw_str_of(jid), NULL), GW_OK);
        pres_roster_place(&pres_user_find(w.a.core, gw_str_of(jid))->roster,
                          pres_entry_new(&watcher));
    }
    w.b.is_down = true;
    break_all(&w);
    settle_world(&w);
    say_at(&w.a, a, PRES_DND, "while b is down");
    w.b.is_down = false;
    xmpp_fed_counters(w.b.fed, &before);
    pass_ms(&w, 10 * GW_SECOND_MS);
    for (int i = 0; i < 5; i++)
        pass_ms(&w, GW_SECOND_MS);
    xmpp_fed_counters(w.b.fed, &after);
    assert_in_range(after.stanzas_in - before.stanzas_in, USERS + 1, USERS + 100);
    assert_true(told(&w.b, "'while b is down'"));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_are_bounded),
        cmocka_unit_test(forgets_failures),
        cmocka_unit_test(bounded_before_a_proof),
        cmocka_unit_test(abuse_ends_it),
        cmocka_unit_test(half_open_is_cut_off),
        cmocka_unit_test(slow_loris),
        cmocka_unit_test(floods_are_read_later),
        cmocka_unit_test(answers_are_bounded),
        cmocka_unit_test(queue_is_bounded),
        cmocka_unit_test(the_newest_alone_waits),
        cmocka_unit_test(connections_of_one_user_are_bounded),
        cmocka_unit_test(connections_are_bounded),
        cmocka_unit_test(questions_of_one_network_are_bounded),
        cmocka_unit_test(many_users_are_told_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
