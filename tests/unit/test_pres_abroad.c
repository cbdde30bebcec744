/* Watchers and contacts of other domains: one core with a way that writes down what goes out, and two cores
 * that are each other's other domain. */
#include "pres_abroad_steps.h"

static void far_says(struct fake *f, const char *from, const char *resource, const char *to,
                     enum pres_show show, const char *text)
{
    const struct pres_client client = { .show = show, .text = gw_str_of(text) };

    assert_int_equal(pres_abroad_presence(f->core, f->front, gw_str_of(from), gw_str_of(resource),
                                          gw_str_of(to), GW_STR(""), &client),
                     GW_OK);
}

/* ---- RFC 6121 appendix A, both ways, over a domain's border ---- */

static void follows_appendix_a(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < PRES_STATES; flags++) {
        for (enum pres_request r = PRES_SUBSCRIBE; r <= PRES_UNSUBSCRIBED; r++) {
            for (enum pres_way way = PRES_OUTBOUND; way <= PRES_INBOUND; way++) {
                struct pres_step step;
                struct pres_session *ann;
                char line[64];
                struct fake f;

                if (!pres_state_is_valid(flags))
                    continue;
                step = pres_sub_step(way, r, flags);
                start(&f);
                f.settings.denied_watchers = PRES_DENIED_ARE_REFUSED;
                place(&f, "ann@x", "eve@y", flags);
                ann = login(&f, "ann", "a");
                if (way == PRES_OUTBOUND)
                    ask(ann, r, "eve@y");
                else
                    from_far(&f, "eve@y", r, "ann@x");
                snprintf(line, sizeof(line),
                         way == PRES_OUTBOUND ? "-> eve@y: ann@x %s\n" : "ann@x/a: eve@y %s\n",
                         request_names[r]);
                if (entry(&f, "ann@x", "eve@y")->state != step.to || says(&f, line) != step.pass)
                    fail_msg("state %u, way %d, %s: now %u\n%s", flags, way, request_names[r],
                             entry(&f, "ann@x", "eve@y")->state, f.log.p);
                assert_int_equal(says(&f, "-> eve@y: ann@x subscribed\n"),
                                 step.answer ||
                                     (way == PRES_OUTBOUND && step.pass && r == PRES_SUBSCRIBED));
                stop(&f);
            }
        }
    }
}

static void carry(struct fake *from, struct fake *to)
{
    struct letter *l = GW_CONTAINER(from->post.next, struct letter, link);
    struct gw_str sender = gw_str_of(l->from), receiver = gw_str_of(l->to);
    const struct pres_client client = { .show = l->show };

    switch (l->kind) {
    case REQUEST:
        pres_abroad_request(to->core, l->request, sender, receiver, GW_STR(""));
        break;
    case PROBE:
        pres_abroad_probe(to->core, sender, receiver);
        break;
    case PRESENCE:
        pres_abroad_presence(to->core, to->front, sender, gw_str_of(l->resource), receiver,
                             GW_STR(""), &client);
        break;
    }
    letter_free(l);
}

static void carry_all(struct fake *a, struct fake *b)
{
    while (!gw_list_is_empty(&a->post) || !gw_list_is_empty(&b->post)) {
        if (!gw_list_is_empty(&a->post))
            carry(a, b);
        if (!gw_list_is_empty(&b->post))
            carry(b, a);
    }
}

/* What the watcher is shown is what the watched one says, to those who may see it. */
static void assert_agreed(struct fake *a, const char *ann, struct fake *b, const char *bob)
{
    const struct pres_entry *ea = entry(a, ann, bob), *eb = entry(b, bob, ann);
    unsigned sa = ea ? ea->state : 0, sb = eb ? eb->state : 0;
    struct pres_user *watcher = pres_user_find(a->core, gw_str_of(ann));
    struct pres_user *watched = pres_user_find(b->core, gw_str_of(bob));
    struct pres_session *s = pres_session_find(a->core, gw_str_of(ann), GW_STR("r"));

    /* One who was denied and is to be asked about again believes that he is granted. */
    assert_true(sa & PRES_TO ? sb & (PRES_FROM | PRES_IN) : !(sb & PRES_FROM));
    assert_true(sb & PRES_IN ? sa & (PRES_OUT | PRES_TO) : !(sa & PRES_OUT));
    assert_int_equal(pres_abroad_show(s, gw_str_of(bob), GW_STR("r")),
                     pres_user_is_available(watcher) && pres_user_is_available(watched) &&
                         pres_may_see(gw_str_of(ann), watched));
}

static void both_sides_agree(void **state)
{
    static const char *const jids[] = { "ann@x", "bob@y" };
    unsigned polite = 0, blocked = 0;
    struct pres_session *s[2];
    struct fake f[2];

    (void)state;
    start_at(&f[0], "x", NULL);
    start_at(&f[1], "y", NULL);
    f[0].is_posting = f[1].is_posting = true;
    f[1].settings.denied_watchers = PRES_DENIED_ARE_REFUSED;
    s[0] = login(&f[0], "ann", "r");
    s[1] = login(&f[1], "bob", "r");
    for (unsigned i = 0; i < 30000; i++) {
        const struct pres_entry *e;
        char text[24];
        uint64_t dice;
        size_t who;

        snprintf(text, sizeof(text), "%u", i);
        dice = gw_hash_stable(gw_str_of(text));
        who = dice & 1;
        dice >>= 1;
        switch (dice % 40) {
        case 0:
            (void)pres_roster_remove(s[who], gw_str_of(jids[!who]), NULL);
            break;
        case 1:
            pres_decide(f[who].core, gw_str_of(jids[who]), gw_str_of(jids[!who]),
                        (enum pres_decision)(dice / 40 % 3), NULL);
            break;
        case 2:
            pres_decide(f[who].core, gw_str_of(jids[who]), gw_str_of(who ? "x" : "y"),
                        (enum pres_decision)(dice / 40 % 3), NULL);
            break;
        case 3:
            say(s[who], dice / 40 & 1 ? PRES_OFFLINE : PRES_AWAY, "");
            break;
        default:
            ask(s[who], (enum pres_request)(dice % 4), jids[!who]);
        }
        carry_all(&f[0], &f[1]);
        assert_agreed(&f[0], "ann@x", &f[1], "bob@y");
        assert_agreed(&f[1], "bob@y", &f[0], "ann@x");
        e = entry(&f[0], "ann@x", "bob@y");
        polite += e && e->polite;
        blocked += e && e->state & PRES_FROM && !e->polite &&
                   !pres_may_see(GW_STR("bob@y"), pres_user_find(f[0].core, GW_STR("ann@x")));
        gw_buf_reset(&f[0].log);
        gw_buf_reset(&f[1].log);
    }
    assert_true(polite > 100 && blocked > 100);
    stop(&f[0]);
    stop(&f[1]);
}

/* ---- Presence and probes ---- */

static void asks_once_and_remembers(void **state)
{
    struct pres_session *desk, *phone;
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_TO);
    desk = connect(&f, "ann", "desk");
    say(desk, PRES_AVAILABLE, "");
    EXPECT("ann@x/desk: ann@x/desk available\n-> eve@y: ann@x probe\n");
    far_says(&f, "eve@y", "home", "ann@x", PRES_AWAY, "tea");
    far_says(&f, "eve@y", "work", "ann@x", PRES_DND, "");
    EXPECT("ann@x/desk: eve@y/home away 'tea'\nann@x/desk: eve@y/work do-not-disturb\n");
    phone = connect(&f, "ann", "phone");
    say(phone, PRES_AVAILABLE, "");
    gw_buf_reset(&f.log);
    pres_session_refresh(phone, GW_STR("eve@y"), GW_STR("work"));
    pres_session_refresh(phone, GW_STR("eve@y"), GW_STR("car"));
    EXPECT("ann@x/phone: eve@y/work do-not-disturb\nann@x/phone: eve@y/car offline\n");
    say(desk, PRES_OFFLINE, "");
    gw_buf_reset(&f.log);
    far_says(&f, "eve@y", "home", "ann@x", PRES_OFFLINE, "good night");
    EXPECT("ann@x/phone: eve@y/home offline 'good night'\n");
    far_says(&f, "eve@y", "", "ann@x", PRES_OFFLINE, "");
    EXPECT("ann@x/phone: eve@y/work offline\nann@x/phone: eve@y/ offline\n");
    /* Nothing is kept for one who is not there. */
    say(phone, PRES_OFFLINE, "");
    gw_buf_reset(&f.log);
    far_says(&f, "eve@y", "home", "ann@x", PRES_AWAY, "");
    assert_null(pres_user_find(f.core, GW_STR("ann@x"))->seen);
    EXPECT("");
    stop(&f);
}

static void newcomers_are_told_what_is_known(void **state)
{
    struct pres_session *phone;
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_TO);
    (void)login(&f, "ann", "desk");
    far_says(&f, "eve@y", "home", "ann@x", PRES_AWAY, "tea");
    gw_buf_reset(&f.log);
    phone = connect(&f, "ann", "phone");
    say(phone, PRES_AVAILABLE, "");
    EXPECT("ann@x/desk: ann@x/phone available\n"
           "ann@x/phone: ann@x/phone available\n"
           "ann@x/phone: ann@x/desk available\n"
           "ann@x/phone: eve@y/home away 'tea'\n");
    pres_session_probe(phone, GW_STR("eve@y"));
    EXPECT("-> eve@y: ann@x probe\n");
    pres_abroad_lost(f.core, GW_STR("eve@y"), GW_STR("ann@x"));
    EXPECT("ann@x/desk: eve@y/home offline\nann@x/phone: eve@y/home offline\n");
    stop(&f);
}

static void keeps_so_many_resources(void **state)
{
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_TO);
    (void)login(&f, "ann", "a");
    for (int i = 0; i <= PRES_ABROAD_RESOURCES_MAX; i++) {
        char resource[8];

        gw_buf_reset(&f.log);
        snprintf(resource, sizeof(resource), "%d", i);
        far_says(&f, "eve@y", resource, "ann@x", PRES_AWAY, "");
    }
    EXPECT("ann@x/a: eve@y/0 offline\nann@x/a: eve@y/20 away\n");
    stop(&f);
}

static void passes_on_what_strangers_say_once(void **state)
{
    const struct pres_client client = { .show = PRES_AWAY };
    const struct pres_client large = { .extra = { "", PRES_CLIENT_MAX + 1 } };
    struct fake f;

    (void)state;
    start(&f);
    (void)login(&f, "ann", "a");
    far_says(&f, "mal@y", "m", "ann@x", PRES_AWAY, "");
    pres_abroad_presence(f.core, f.front, GW_STR("mal@y"), GW_STR("m"), GW_STR("ann@x"),
                         GW_STR("a"), &client);
    EXPECT("ann@x/a: mal@y/m away\nann@x/a: mal@y/m away\n");
    assert_null(pres_user_find(f.core, GW_STR("ann@x"))->seen);
    far_says(&f, "mal@y", "m", "nobody@x", PRES_AWAY, "");
    EXPECT("");
    assert_int_equal(pres_abroad_presence(f.core, f.front, GW_STR("mal@y"), GW_STR("m"),
                                          GW_STR("ann@x"), GW_STR(""), &large),
                     GW_LIMIT);
    stop(&f);
}

static void tells_abroad_watchers(void **state)
{
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_FROM);
    place(&f, "ann@x", "joe@z", PRES_FROM);
    place(&f, "ann@x", "pia@z", PRES_TO);
    calendar(&f, "ann@x", PRES_CAL_MEETING, "In a meeting");
    EXPECT("-> eve@y: ann@x/ offline 'In a meeting'\n-> joe@z: ann@x/ offline 'In a meeting'\n");
    ann = login(&f, "ann", "a");
    calendar(&f, "ann@x", PRES_CAL_OOF, "Out of office");
    EXPECT("-> eve@y: ann@x/a extended-away 'Out of office'\n"
           "-> joe@z: ann@x/a extended-away 'Out of office'\n"
           "ann@x/a: ann@x/a extended-away 'Out of office'\n");
    /* Without a way nobody is told. */
    pres_route_set(f.core, GW_STR(""), NULL);
    pres_route_set(f.core, GW_STR("z"), f.front);
    calendar(&f, "ann@x", PRES_CAL_FREE, "");
    EXPECT("-> joe@z: ann@x/a available\nann@x/a: ann@x/a available\n");
    say(ann, PRES_OFFLINE, "");
    EXPECT("-> joe@z: ann@x/a offline\n");
    stop(&f);
}

/* Lists of rules keep apart whoever is where. */
static void lists_reach_across(void **state)
{
    const struct pres_rule out = {
        .by = PRES_BY_JID, .value = GW_STR("eve@y"), .denies = true, .kinds = PRES_KIND_PRESENCE_OUT
    };
    const struct pres_rule in = { .by = PRES_BY_JID,
                                  .value = GW_STR("y/work"), /* a server's resource: nobody here */
                                  .denies = true,
                                  .kinds = PRES_KIND_PRESENCE_IN };
    const struct pres_rule work = { .by = PRES_BY_JID,
                                    .value = GW_STR("eve@y/work"),
                                    .denies = true,
                                    .kinds = PRES_KIND_PRESENCE_IN };
    struct pres_walk walk = { 0 };
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_TO | PRES_FROM);
    place(&f, "ann@x", "joe@z", PRES_FROM);
    ann = login(&f, "ann", "a");
    far_says(&f, "eve@y", "home", "ann@x", PRES_AWAY, "");
    far_says(&f, "eve@y", "work", "ann@x", PRES_DND, "");
    gw_buf_reset(&f.log);
    assert_int_equal(pres_list_set(ann, GW_STR("l"), &out, 1, NULL), GW_OK);
    assert_int_equal(pres_list_make_default(ann, GW_STR("l"), NULL), GW_OK);
    EXPECT("-> eve@y: ann@x/a offline\n");
    calendar(&f, "ann@x", PRES_CAL_OOF, "Out of office");
    EXPECT("-> joe@z: ann@x/a extended-away 'Out of office'\n"
           "ann@x/a: ann@x/a extended-away 'Out of office'\n");
    pres_abroad_probe(f.core, GW_STR("eve@y"), GW_STR("ann@x"));
    while (pres_abroad_renew(f.core, GW_STR("x"), GW_STR("y"), &walk))
        ;
    EXPECT("-> eve@y: ann@x probe\n");
    assert_int_equal(pres_list_set(ann, GW_STR("l"), &in, 1, NULL), GW_OK);
    EXPECT("-> eve@y: ann@x/a extended-away 'Out of office'\n");
    assert_int_equal(pres_list_set(ann, GW_STR("l"), &work, 1, NULL), GW_OK);
    EXPECT("ann@x/a: eve@y/work offline\n");
    far_says(&f, "eve@y", "work", "ann@x", PRES_AVAILABLE, "");
    EXPECT("");
    pres_session_refresh(ann, GW_STR("eve@y"), GW_STR("work"));
    EXPECT("ann@x/a: eve@y/work offline\n");
    assert_int_equal(pres_list_make_default(ann, GW_STR(""), NULL), GW_OK);
    EXPECT("ann@x/a: eve@y/work available\n");
    stop(&f);
}

static void answers_probes(void **state)
{
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_FROM);
    pres_abroad_probe(f.core, GW_STR("eve@y"), GW_STR("ann@x"));
    EXPECT("-> eve@y: ann@x/ offline\n");
    (void)login(&f, "ann", "a");
    (void)login(&f, "ann", "b");
    pres_abroad_probe(f.core, GW_STR("eve@y"), GW_STR("ann@x"));
    EXPECT("-> eve@y: ann@x/a available\n-> eve@y: ann@x/b available\n");
    pres_abroad_probe(f.core, GW_STR("mal@y"), GW_STR("ann@x"));
    EXPECT("-> mal@y: ann@x unsubscribed\n");
    pres_abroad_probe(f.core, GW_STR("eve@y"), GW_STR("nobody@x"));
    EXPECT("-> eve@y: nobody@x unsubscribed\n");
    decide(&f, "y", PRES_BLOCK);
    gw_buf_reset(&f.log);
    pres_abroad_probe(f.core, GW_STR("eve@y"), GW_STR("ann@x"));
    EXPECT("-> eve@y: ann@x/ offline\n");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "nobody@x");
    EXPECT("-> eve@y: nobody@x unsubscribed\n");
    stop(&f);
}

static void directs_presence_abroad(void **state)
{
    const struct pres_client here = { .show = PRES_AVAILABLE };
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    ann = login(&f, "ann", "a");
    assert_int_equal(pres_session_direct(ann, GW_STR("eve@y"), GW_STR("home"), &here), GW_OK);
    EXPECT("-> eve@y/home: ann@x/a available\n");
    pres_session_free(&ann, now);
    EXPECT("-> eve@y/home: ann@x/a offline\n");
    ann = login(&f, "ann", "a");
    pres_route_set(f.core, GW_STR(""), NULL);
    assert_int_equal(pres_session_direct(ann, GW_STR("eve@y"), GW_STR(""), &here), GW_NOTFOUND);
    stop(&f);
}

static void whoever_leaves_is_no_way(void **state)
{
    static const char *const ways[] = { "eve@y", "joe@z", "nobody@x" };
    struct fake f;

    (void)state;
    start(&f);
    pres_route_set(f.core, GW_STR("z"), f.front);
    pres_route_unknown_set(f.core, f.front);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        assert_ptr_equal(pres_route_front(f.core, gw_str_of(ways[i])), f.front);
    pres_frontend_leave(f.front);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        assert_null(pres_route_front(f.core, gw_str_of(ways[i])));
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_appendix_a),
        cmocka_unit_test(both_sides_agree),
        cmocka_unit_test(asks_once_and_remembers),
        cmocka_unit_test(newcomers_are_told_what_is_known),
        cmocka_unit_test(keeps_so_many_resources),
        cmocka_unit_test(passes_on_what_strangers_say_once),
        cmocka_unit_test(tells_abroad_watchers),
        cmocka_unit_test(lists_reach_across),
        cmocka_unit_test(answers_probes),
        cmocka_unit_test(directs_presence_abroad),
        cmocka_unit_test(whoever_leaves_is_no_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
