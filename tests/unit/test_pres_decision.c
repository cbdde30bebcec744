/* What users decide about watchers of other domains, before these ask and after, and who looks on. */
#include <unistd.h>

#include "pres_abroad_steps.h"

static void waits_with_one_prompt(void **state)
{
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    ann = login(&f, "ann", "a");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("ann@x/a: eve@y subscribe\n");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("");
    ask(ann, PRES_SUBSCRIBED, "eve@y");
    EXPECT("ann@x/a: item eve@y from\n"
           "-> eve@y: ann@x subscribed\n"
           "-> eve@y: ann@x/a available\n");
    /* He comes back later: it was decided. */
    from_far(&f, "eve@y", PRES_UNSUBSCRIBE, "ann@x");
    gw_buf_reset(&f.log);
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("ann@x/a: item eve@y from\n"
           "-> eve@y: ann@x subscribed\n"
           "-> eve@y: ann@x/a available\n");
    /* Taken back, it is asked again. */
    ask(ann, PRES_UNSUBSCRIBED, "eve@y");
    EXPECT("ann@x/a: item eve@y none\n"
           "-> eve@y: ann@x/a offline\n"
           "-> eve@y: ann@x unsubscribed\n");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("ann@x/a: eve@y subscribe\nann@x/a: item eve@y none\n");
    stop(&f);
}

static void denies_politely(void **state)
{
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    ann = login(&f, "ann", "a");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    gw_buf_reset(&f.log);
    ask(ann, PRES_UNSUBSCRIBED, "eve@y");
    EXPECT("-> eve@y: ann@x subscribed\n-> eve@y: ann@x/ offline\n");
    say(ann, PRES_AWAY, "");
    calendar(&f, "ann@x", PRES_CAL_MEETING, "In a meeting");
    assert_false(says(&f, "eve@y"));
    gw_buf_reset(&f.log);
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("-> eve@y: ann@x subscribed\n-> eve@y: ann@x/ offline\n");
    ask(ann, PRES_UNSUBSCRIBED, "eve@y"); /* he knows nothing of it */
    EXPECT("");
    ask(ann, PRES_SUBSCRIBED, "eve@y"); /* thought better of it */
    EXPECT("ann@x/a: item eve@y from\n-> eve@y: ann@x/a away 'In a meeting'\n");
    stop(&f);
}

static void denies_frankly(void **state)
{
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    f.settings.denied_watchers = PRES_DENIED_ARE_REFUSED;
    ann = login(&f, "ann", "a");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    gw_buf_reset(&f.log);
    ask(ann, PRES_UNSUBSCRIBED, "eve@y");
    EXPECT("-> eve@y: ann@x unsubscribed\n");
    assert_null(entry(&f, "ann@x", "eve@y"));
    decide(&f, "y", PRES_BLOCK);
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("-> eve@y: ann@x unsubscribed\n");
    stop(&f);
}

/* A decision before the request, by whom it is about and by his domain. */
static const struct {
    const char *who;
    enum pres_decision one, domain;
    enum pres_auto automatic;
    const char *out;
} decision_case[] = {
    { "eve@y", PRES_ASK, PRES_ASK, PRES_AUTO_NOBODY, "ann@x/a: eve@y subscribe\n" },
    { "eve@y", PRES_ASK, PRES_ASK, PRES_AUTO_LOCAL, "ann@x/a: eve@y subscribe\n" },
    { "eve@y", PRES_ASK, PRES_ASK, PRES_AUTO_EVERYBODY,
      "ann@x/a: item eve@y from\n-> eve@y: ann@x subscribed\n-> eve@y: ann@x/a available\n" },
    { "eve@y", PRES_ALLOW, PRES_ASK, PRES_AUTO_NOBODY,
      "ann@x/a: item eve@y from\n-> eve@y: ann@x subscribed\n-> eve@y: ann@x/a available\n" },
    { "eve@y", PRES_ASK, PRES_ALLOW, PRES_AUTO_NOBODY,
      "ann@x/a: item eve@y from\n-> eve@y: ann@x subscribed\n-> eve@y: ann@x/a available\n" },
    { "eve@y", PRES_ALLOW, PRES_BLOCK, PRES_AUTO_NOBODY,
      "ann@x/a: item eve@y from\n-> eve@y: ann@x subscribed\n-> eve@y: ann@x/a available\n" },
    { "eve@y", PRES_BLOCK, PRES_ALLOW, PRES_AUTO_EVERYBODY,
      "-> eve@y: ann@x subscribed\n-> eve@y: ann@x/ offline\n" },
    { "eve@y", PRES_ASK, PRES_BLOCK, PRES_AUTO_EVERYBODY,
      "-> eve@y: ann@x subscribed\n-> eve@y: ann@x/ offline\n" },
};

static void decided_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(decision_case) / sizeof(decision_case[0]); i++) {
        struct fake f;

        start(&f);
        f.settings.auto_authorize = decision_case[i].automatic;
        (void)login(&f, "ann", "a");
        decide(&f, "eve@y", decision_case[i].one);
        decide(&f, "y", decision_case[i].domain);
        from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
        EXPECT(decision_case[i].out);
        stop(&f);
    }
}

static void local_watchers_need_not_ask(void **state)
{
    struct pres_session *bob;
    struct fake f;

    (void)state;
    start(&f);
    (void)login(&f, "ann", "a");
    bob = login(&f, "bob", "b");
    ask(bob, PRES_SUBSCRIBE, "ann@x");
    EXPECT("bob@x/b: item ann@x none ask\n"
           "ann@x/a: item bob@x from\n"
           "bob@x/b: ann@x subscribed\n"
           "bob@x/b: item ann@x to\n"
           "bob@x/b: ann@x/a available\n");
    stop(&f);
}

static void decisions_act_at_once(void **state)
{
    struct pres_session *ann, *bob;
    struct fake f;

    (void)state;
    start(&f);
    ann = login(&f, "ann", "a");
    bob = login(&f, "bob", "b");
    ask(bob, PRES_SUBSCRIBE, "ann@x");
    place(&f, "ann@x", "eve@y", PRES_FROM);
    from_far(&f, "joe@y", PRES_SUBSCRIBE, "ann@x");
    gw_buf_reset(&f.log);
    decide(&f, "y", PRES_BLOCK);
    EXPECT("-> eve@y: ann@x/a offline\n"
           "-> joe@y: ann@x subscribed\n"
           "-> joe@y: ann@x/ offline\n");
    decide(&f, "bob@x", PRES_BLOCK);
    EXPECT("bob@x/b: ann@x/a offline\n");
    say(ann, PRES_AWAY, "");
    EXPECT("ann@x/a: ann@x/a away\n");
    decide(&f, "eve@y", PRES_ALLOW);
    EXPECT("-> eve@y: ann@x/a away\n");
    decide(&f, "bob@x", PRES_ASK);
    EXPECT("bob@x/b: ann@x/a away\n");
    decide(&f, "y", PRES_ASK); /* joe, who was denied by it, waits again */
    EXPECT("ann@x/a: joe@y subscribe\n");
    decide(&f, "y", PRES_ALLOW);
    EXPECT("ann@x/a: item joe@y from\n-> joe@y: ann@x subscribed\n-> joe@y: ann@x/a away\n");
    assert_int_equal(pres_decided(f.core, GW_STR("ann@x"), GW_STR("pia@y")), PRES_ALLOW);
    assert_int_equal(pres_decided(f.core, GW_STR("ann@x"), GW_STR("bob@x")), PRES_ASK);
    stop(&f);
}

static void refuses_bad_decisions(void **state)
{
    struct gw_err err;
    struct fake f;

    (void)state;
    start(&f);
    assert_int_equal(pres_decide(f.core, GW_STR("eve@x"), GW_STR("y"), PRES_BLOCK, &err),
                     GW_NOTFOUND);
    assert_int_equal(pres_decide(f.core, GW_STR("ann@x"), GW_STR(""), PRES_BLOCK, &err),
                     GW_INVALID);
    assert_int_equal(pres_decide(f.core, GW_STR("ann@x"), GW_STR("a b"), PRES_BLOCK, &err),
                     GW_INVALID);
    assert_int_equal(pres_decide(f.core, GW_STR("ann@x"), GW_STR("ann@x"), PRES_BLOCK, &err),
                     GW_INVALID);
    for (int i = 0; i < PRES_DECISIONS_MAX; i++) {
        char who[16];

        snprintf(who, sizeof(who), "d%d", i);
        decide(&f, who, PRES_BLOCK);
    }
    assert_int_equal(pres_decide(f.core, GW_STR("ann@x"), GW_STR("more"), PRES_BLOCK, &err),
                     GW_LIMIT);
    decide(&f, "d7", PRES_ASK);
    decide(&f, "more", PRES_BLOCK);
    stop(&f);
}

/* ---- Looking on ---- */

static void note_watcher(struct gw_str user, struct gw_str watcher, enum pres_standing standing,
                         void *ctx)
{
    gw_buf_addf(ctx, "%.*s: %.*s %s\n", GW_STR_ARG(user), GW_STR_ARG(watcher),
                pres_standing_name(standing));
}

static void note_decision(struct gw_str who, enum pres_decision decision, void *ctx)
{
    gw_buf_addf(ctx, "%.*s %s\n", GW_STR_ARG(who), pres_decision_name(decision));
}

static void shows_watchers(void **state)
{
    size_t pos = 0, turns = 0;
    struct gw_buf said;
    struct fake f;

    (void)state;
    start(&f);
    gw_buf_init(&said, 1000);
    from_far(&f, "joe@y", PRES_SUBSCRIBE, "ann@x");
    from_far(&f, "pia@y", PRES_SUBSCRIBE, "ann@x");
    from_far(&f, "sam@z", PRES_SUBSCRIBE, "ann@x");
    from_far(&f, "sam@z", PRES_SUBSCRIBE, "bob@x");
    decide(&f, "joe@y", PRES_ALLOW);
    decide(&f, "y", PRES_BLOCK);
    pres_watchers_each(f.core, GW_STR("ann@x"), note_watcher, &said);
    pres_decisions_each(f.core, GW_STR("ann@x"), note_decision, &said);
    pres_watchers_each(f.core, GW_STR("nobody@x"), note_watcher, &said);
    pres_decisions_each(f.core, GW_STR("nobody@x"), note_decision, &said);
    assert_string_equal(said.p, "ann@x: joe@y sees\nann@x: pia@y denied\nann@x: sam@z waits\n"
                                "joe@y allow\ny block\n");
    gw_buf_reset(&said);
    while (pres_waiting_each(f.core, &pos, 1, note_watcher, &said))
        turns++;
    assert_true(turns > 1);
    assert_non_null(strstr(said.p, "ann@x: sam@z waits\n"));
    assert_non_null(strstr(said.p, "bob@x: sam@z waits\n"));
    assert_int_equal(said.len, 2 * strlen("ann@x: sam@z waits\n"));
    gw_buf_done(&said);
    stop(&f);
}

static void limits_watchers(void **state)
{
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    f.settings.watchers_max = 2;
    ann = login(&f, "ann", "a");
    from_far(&f, "a@y", PRES_SUBSCRIBE, "ann@x");
    from_far(&f, "b@y", PRES_SUBSCRIBE, "ann@x");
    gw_buf_reset(&f.log);
    from_far(&f, "c@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("-> c@y: ann@x unsubscribed\n");
    /* Contacts are counted by themselves. */
    f.settings.contacts_max = 1;
    ask(ann, PRES_SUBSCRIBE, "d@y");
    assert_int_equal(pres_request_send(ann, PRES_SUBSCRIBE, GW_STR("e@y"), GW_STR(""), NULL),
                     GW_LIMIT);
    f.settings.watchers_max = f.settings.contacts_max = GW_PARAM_WORD;
    gw_buf_reset(&f.log);
    from_far(&f, "c@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("ann@x/a: c@y subscribe\n");
    ask(ann, PRES_SUBSCRIBE, "e@y");
    stop(&f);
}

/* ---- Over a restart ---- */

static void put_decisions(struct fake *f)
{
    static const char *const who[] = { "eve@y", "joe@y", "sue@y", "w", "z" };

    for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++)
        gw_buf_addf(&f->log, "%s %s\n", who[i],
                    pres_decision_name(pres_decided(f->core, GW_STR("ann@x"), gw_str_of(who[i]))));
    assert_true(pres_user_find(f->core, GW_STR("ann@x"))->decisions.count <= 3);
}

static void survives_a_restart(void **state)
{
    char path[] = "/tmp/test_pres_decision.XXXXXX";
    struct pres_session *ann;
    char file[64];
    struct fake f;

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof(file), "%s/store.db", path);
    start_at(&f, "x", open_store(file));
    ann = login(&f, "ann", "a");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    from_far(&f, "joe@y", PRES_SUBSCRIBE, "ann@x");
    ask(ann, PRES_UNSUBSCRIBED, "eve@y");
    ask(ann, PRES_SUBSCRIBED, "joe@y");
    decide(&f, "z", PRES_BLOCK);
    decide(&f, "w", PRES_ALLOW);
    decide(&f, "w", PRES_ASK);
    stop(&f);
    store_close(&f.store);

    start_at(&f, "x", open_store(file));
    put_decisions(&f);
    EXPECT("eve@y block\njoe@y allow\nsue@y ask\nw ask\nz block\n");
    ann = connect(&f, "ann", "a");
    say(ann, PRES_AVAILABLE, "");
    EXPECT("-> joe@y: ann@x/a available\nann@x/a: ann@x/a available\n");
    pres_user_remove(f.core, GW_STR("ann@x"), now);
    assert_true(says(&f, "-> eve@y: ann@x unsubscribed\n"));
    stop(&f);
    store_close(&f.store);

    start_at(&f, "x", open_store(file));
    put_decisions(&f);
    EXPECT("eve@y ask\njoe@y ask\nsue@y ask\nw ask\nz ask\n");
    assert_int_equal(pres_user_find(f.core, GW_STR("ann@x"))->decisions.count, 0);
    stop(&f);
    store_close(&f.store);
    unlink(file);
    rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_with_one_prompt),
        cmocka_unit_test(denies_politely),
        cmocka_unit_test(denies_frankly),
        cmocka_unit_test(decided_before),
        cmocka_unit_test(local_watchers_need_not_ask),
        cmocka_unit_test(decisions_act_at_once),
        cmocka_unit_test(refuses_bad_decisions),
        cmocka_unit_test(shows_watchers),
        cmocka_unit_test(limits_watchers),
        cmocka_unit_test(survives_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
