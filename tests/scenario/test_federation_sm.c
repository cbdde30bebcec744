/* Stream management between servers: connections that break, and what had arrived by then. */
#include "fed_world.h"

#define SM "xmlns='urn:xmpp:sm:3'"

static struct xmpp_link *link_of(struct fed_world *w)
{
    return xmpp_link_get(w->a.fed, GW_STR("a.example"), GW_STR("b.example"));
}

/* Something of a's that must come once: presence for one only is not told anew. */
static void say_once(struct pres_session *a, const char *text)
{
    const struct pres_client here = { .show = PRES_AWAY, .text = gw_str_of(text) };

    assert_int_equal(pres_session_direct(a, GW_STR("ann@b.example"), GW_STR(""), &here), GW_OK);
}

static int times_told(const struct side *side, const char *text)
{
    const char *at = side->log.len ? side->log.p : "";
    int n = 0;

    for (; (at = strstr(at, text)); at += strlen(text))
        n++;
    return n;
}

/* a says one, which comes, though a is not told so; then two, which does not. The connection is cut. */
static void cut_in_the_middle(struct fed_world *w, struct pres_session *a)
{
    struct end *out = a_to_b(w), *in = out->other;

    in->is_stuck = true;
    say_once(a, "one");
    settle_world(w);
    assert_int_equal(times_told(&w->b, "'one'"), 1);
    out->is_stuck = true;
    say_once(a, "two");
    settle_world(w);
    assert_int_equal(link_of(w)->sent_count, 2);
    end_free(out, w);
    in->is_stuck = false;
}

static const struct {
    int tls;
    const char *how;
} way_case[] = { { XMPP_FED_TLS_REQUIRED, "certificate" }, { XMPP_FED_NO_TLS, "dialback" } };

static void resumes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(way_case) / sizeof(way_case[0]); i++) {
        struct pres_session *a, *b;
        struct fed_world w;

        world_begin(&w);
        w.a.settings.tls = way_case[i].tls;
        meet(&w, &a, &b);
        assert_string_equal(a_to_b(&w)->s2s->how, way_case[i].how);
        assert_true(a_to_b(&w)->s2s->has_sm);
        assert_int_equal(link_of(&w)->sent_count, 0);
        cut_in_the_middle(&w, a);
        settle_world(&w);
        say_once(a, "three");
        settle_world(&w);
        assert_int_equal(times_told(&w.b, "'one'"), 1);
        assert_int_equal(times_told(&w.b, "'two'"), 1);
        assert_int_equal(times_told(&w.b, "'three'"), 1);
        assert_int_equal(link_of(&w)->sent_count, 0);
        assert_int_equal(link_of(&w)->letter_bytes, 0);
        gw_buf_reset(&w.b.log);
        cut_in_the_middle(&w, a); /* and once more */
        settle_world(&w);
        assert_int_equal(times_told(&w.b, "'one'"), 1);
        assert_int_equal(times_told(&w.b, "'two'"), 1);
        world_end(&w);
    }
}

/* b does not know the session any more: what may have been lost is sent again. */
static void sends_again(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    cut_in_the_middle(&w, a);
    while (w.b.fed->tallies_asleep == 0)
        assert_true(step_world(&w));
    xmpp_tallies_forget(w.b.fed, GW_NEVER);
    settle_world(&w);
    assert_int_equal(times_told(&w.b, "'one'"), 2);
    assert_int_equal(times_told(&w.b, "'two'"), 1);
    assert_int_equal(link_of(&w)->sent_count, 0);
    assert_true(a_to_b(&w)->s2s->has_sm);
    world_end(&w);
}

/* b is away for a while, and is tried until it is there. */
static void waits_for_the_session(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    w.b.is_down = true;
    cut_in_the_middle(&w, a);
    for (int i = 0; i < 20; i++)
        pass_ms(&w, 10 * GW_SECOND_MS);
    assert_int_equal(link_of(&w)->sent_count, 2);
    w.b.is_down = false;
    for (int i = 0; i < 9; i++)
        pass_ms(&w, 10 * GW_SECOND_MS);
    assert_int_equal(times_told(&w.b, "'one'"), 1);
    assert_int_equal(times_told(&w.b, "'two'"), 1);
    world_end(&w);
}

/* For too long: who waits for news has them, once. */
static void bounces_when_there_is_no_way(void **state)
{
    struct xmpp_fed_counters c;
    struct pres_session *a, *b;
    struct fed_world w;
    struct end *out;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    out = a_to_b(&w);
    out->is_stuck = true;
    pres_request_send(a, PRES_SUBSCRIBE, GW_STR("bob@b.example"), GW_STR(""), NULL);
    w.b.is_down = true;
    end_free(out, &w);
    for (int i = 0; i < 29; i++)
        pass_ms(&w, 10 * GW_SECOND_MS);
    xmpp_fed_counters(w.a.fed, &c);
    assert_int_equal(c.bounced, 0);
    for (int i = 0; i < 2; i++)
        pass_ms(&w, 10 * GW_SECOND_MS);
    xmpp_fed_counters(w.a.fed, &c);
    assert_int_equal(c.bounced, 1);
    assert_int_equal(link_of(&w)->sent_count, 0);
    assert_int_equal(link_of(&w)->letter_bytes, 0);
    world_end(&w);
}

/* Both sides forget a session that nobody resumes. */
static void forgets_sessions(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    break_all(&w);
    settle_world(&w);
    assert_int_equal(w.a.fed->tallies_asleep, 1);
    assert_int_equal(w.b.fed->tallies_asleep, 1);
    pass_ms(&w, 301 * GW_SECOND_MS);
    assert_int_equal(w.a.fed->tallies_asleep, 0);
    assert_int_equal(w.b.fed->tallies_asleep, 0);
    assert_int_equal(gw_map_len(w.b.fed->tallies), 0);
    world_end(&w);
}

/* A stanza that makes the peer end every connection is not sent without end. */
static void is_not_sent_for_ever(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    for (int i = 0; i < 2; i++) {
        struct end *out = a_to_b(&w);

        out->other->is_stuck = true; /* it is never acknowledged */
        if (i == 0)
            say_once(a, "poison");
        settle_world(&w);
        end_free(out, &w);
        while (step_world(&w) && !(link_of(&w)->out && link_of(&w)->out->state == S2S_OPEN)) {
        }
    }
    settle_world(&w);
    assert_null(link_of(&w)->out);
    assert_true(link_of(&w)->retry_at > w.now.mono);
    world_end(&w);
}

/* A connection on which nothing comes back is none. */
static void notices_silence(void **state)
{
    struct pres_session *a, *b;
    struct fed_world w;
    struct end *out;

    (void)state;
    world_begin(&w);
    meet(&w, &a, &b);
    out = a_to_b(&w);
    out->is_stuck = true;
    say_at(&w.a, a, PRES_AWAY, "gone?"); /* presence alone is asked about a little later */
    assert_int_equal(out->s2s->asked_at, 0);
    pass_ms(&w, GW_SECOND_MS);
    assert_int_equal(out->s2s->asked_at, w.now.mono);
    pass_ms(&w, 59 * GW_SECOND_MS);
    assert_false(told(&w.b, "'gone?'"));
    pass_ms(&w, GW_SECOND_MS);
    assert_true(told(&w.b, "'gone?'")); /* by another one */
    world_end(&w);
}

/* What is not acknowledged counts as what waits. */
static void is_bounded(void **state)
{
    char text[1100] = "<message>";
    struct pres_session *a, *b;
    struct fed_world w;
    int sent = 0;

    (void)state;
    memset(text + 9, 'x', 1000);
    snprintf(text + 1009, sizeof(text) - 1009, "</message>");
    world_begin(&w);
    meet(&w, &a, &b);
    w.a.settings.queue_kb = 16;
    a_to_b(&w)->other->is_stuck = true;
    for (int i = 0; i < 100; i++)
        sent += xmpp_fed_send(w.a.fed, GW_STR("ann@a.example"), GW_STR("ann@b.example"),
                              gw_str_of(text), NULL, false) == XMPP_SENT;
    assert_in_range(sent, 15, 16);
    world_end(&w);
}

static void cannot_be(void **state)
{
    static const struct {
        const char *said, *condition;
    } cases[] = {
        { "<a " SM " h='99'/>", "<undefined-condition" },
        { "<a " SM " h='-1'/>", "<bad-format" },
        { "<a " SM "/>", "<bad-format" },
        { "<resumed " SM " h='0' previd='x'/>", "<unsupported-stanza-type" },
        { "<enabled " SM "/>", "<unsupported-stanza-type" },
        { "<what " SM "/>", "<unsupported-stanza-type" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pres_session *a, *b;
        struct fed_world w;
        struct end *out;

        world_begin(&w);
        meet(&w, &a, &b);
        out = a_to_b(&w);
        out->is_stuck = true;
        xmpp_s2s_feed(out->s2s, gw_str_of(cases[i].said), w.now);
        assert_true(xmpp_s2s_is_closed(out->s2s));
        if (!strstr(out->stuck.p, cases[i].condition))
            fail_msg("case %zu: %s", i, out->stuck.p);
        world_end(&w);
    }
}

/* Asked to go on with a session, it says something else: it is not asked again without end, and what is for
 * the next connection stays. */
static void is_not_what_was_asked_for(void **state)
{
    static const char *const said[] = {
        "<enabled " SM " id='another' resume='true'/>",
        "<resumed " SM " h='0' previd='another'/>",
        "<a " SM " h='0'/>",
        "</stream:stream>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        struct pres_session *a, *b;
        struct fed_world w;
        struct end *out;

        world_begin(&w);
        meet(&w, &a, &b);
        cut_in_the_middle(&w, a);
        while (!link_of(&w)->out || link_of(&w)->out->state != S2S_SM)
            assert_true(step_world(&w));
        out = a_to_b(&w);
        out->is_stuck = true;
        xmpp_s2s_feed(out->s2s, gw_str_of(said[i]), w.now);
        assert_true(xmpp_s2s_is_closed(out->s2s));
        end_free(out, &w);
        assert_string_not_equal(link_of(&w)->session, "another");
        assert_int_equal(link_of(&w)->sent_count, 2);
        if (link_of(&w)->out || link_of(&w)->retry_at <= w.now.mono)
            fail_msg("after '%s' it is dialled at once", said[i]);
        world_end(&w);
    }
}

/* ---- A peer that is the test ---- */

static void counts(void **state)
{
    struct fed_world w;
    struct end *mal;

    (void)state;
    world_begin(&w);
    mal = greets_as_b(&w);
    EXPECT(mal, "<sm xmlns=\"urn:xmpp:sm:3\"/>");
    gw_buf_reset(&mal->all);
    raw_send(mal, "<enable " SM "/>");
    settle_world(&w);
    EXPECT(mal, "<failed xmlns=\"urn:xmpp:sm:3\"><unexpected-request "); /* nothing is proved */
    world_end(&w);

    world_begin(&w);
    mal = proved_as_b(&w);
    gw_buf_reset(&mal->all);
    raw_send(mal, "<r " SM "/>"); /* nobody asked that it count */
    settle_world(&w);
    assert_int_equal(mal->all.len, 0);
    raw_send(mal, "<enable " SM "/>");
    settle_world(&w);
    assert_string_equal(mal->all.p, "<enabled xmlns=\"urn:xmpp:sm:3\"/>");
    raw_send(mal, "<presence from='x@b.example' to='ann@a.example'/>"
                  "<message from='x@b.example' to='ann@a.example'/><r " SM "/>");
    settle_world(&w);
    EXPECT(mal, "<a xmlns=\"urn:xmpp:sm:3\" h=\"2\"/>");
    gw_buf_reset(&mal->all);
    raw_send(mal, "<enable " SM "/>");
    settle_world(&w);
    EXPECT(mal, "<unexpected-request ");
    gw_buf_reset(&mal->all);
    raw_send(mal, "<presence from='x@b.example' to='ann@a.example'/></stream:stream>");
    settle_world(&w);
    assert_string_equal(mal->all.p, "<a xmlns=\"urn:xmpp:sm:3\" h=\"3\"/></stream:stream>");
    assert_int_equal(w.a.fed->tallies_asleep, 0); /* ended in order: not to be resumed */
    world_end(&w);
}

static void resume_as(struct fed_world *w, struct end *mal, const char *id)
{
    char text[200];

    gw_buf_reset(&mal->all);
    snprintf(text, sizeof(text), "<resume " SM " h='0' previd='%s'/>", id);
    raw_send(mal, text);
    settle_world(w);
}

static void is_resumed_by_its_own(void **state)
{
    struct end *mal, *next;
    struct fed_world w;
    char id[33];

    (void)state;
    world_begin(&w);
    mal = proved_as_b(&w);
    gw_buf_reset(&mal->all);
    raw_send(mal, "<enable " SM " resume='1'/><presence from='x@b.example' to='ann@a.example'/>");
    settle_world(&w);
    EXPECT(mal, " resume=\"true\" max=\"300\"/>");
    snprintf(id, sizeof(id), "%s", strstr(mal->all.p, "id=\"") + 4);

    next = greets_as_b(&w); /* who has proved nothing has nothing */
    resume_as(&w, next, id);
    EXPECT(next, "<unexpected-request ");
    next = proved_as_b(&w);
    resume_as(&w, next, "00");
    EXPECT(next, "<failed xmlns=\"urn:xmpp:sm:3\"><item-not-found ");
    resume_as(&w, next, id); /* the old one is still there */
    EXPECT(next, "<resumed xmlns=\"urn:xmpp:sm:3\" h=\"1\" previd=\"");
    EXPECT(mal, "<conflict ");
    assert_true(mal->is_closed);

    end_free(next, &w);
    settle_world(&w);
    assert_int_equal(w.a.fed->tallies_asleep, 1);
    next = proved_as_b(&w);
    resume_as(&w, next, id);
    EXPECT(next, "h=\"1\"");
    assert_int_equal(w.a.fed->tallies_asleep, 0);
    raw_send(next, "<presence from='x@b.example' to='ann@a.example'/><r " SM "/>");
    settle_world(&w);
    EXPECT(next, "<a xmlns=\"urn:xmpp:sm:3\" h=\"2\"/>");
    world_end(&w);
}

/* Another domain's session, though its name is known. */
static void is_not_resumed_by_others(void **state)
{
    struct fed_world w;
    struct end *mal;
    struct xmpp_s2s *s;

    (void)state;
    world_begin(&w);
    mal = proved_as_b(&w);
    raw_send(mal, "<enable " SM " resume='true'/>");
    settle_world(&w);
    s = mal->other->s2s;
    {
        char id[33];
        struct end *next = proved_as_b(&w);
        struct xmpp_pair *pair = GW_CONTAINER(next->other->s2s->pairs.next, struct xmpp_pair, link);

        snprintf(id, sizeof(id), "%s", strstr(strstr(mal->all.p, "<enabled"), " id=\"") + 5);
        assert_non_null(gw_map_get(w.a.fed->tallies, gw_str_of(id)));
        pair->from[0] = 'c'; /* it has proved c.example */
        resume_as(&w, next, id);
        EXPECT(next, "<item-not-found ");
        pair->from[0] = 'b';
    }
    assert_true(mal->other->s2s == s && s->tally);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumes),
        cmocka_unit_test(sends_again),
        cmocka_unit_test(waits_for_the_session),
        cmocka_unit_test(bounces_when_there_is_no_way),
        cmocka_unit_test(forgets_sessions),
        cmocka_unit_test(is_not_sent_for_ever),
        cmocka_unit_test(notices_silence),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(cannot_be),
        cmocka_unit_test(is_not_what_was_asked_for),
        cmocka_unit_test(counts),
        cmocka_unit_test(is_resumed_by_its_own),
        cmocka_unit_test(is_not_resumed_by_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
