/* Users whose rules look at calendars: those that a rule names are found, subscribed to and read with the
 * own one, in one subscription and one request; nobody else is asked for anything more. */
#include "sched_sim.h"

enum { USERS = 20, ANN = 3, FIELDS = GW_ITEM_EXACT | GW_ITEM_CALENDAR };

/* Ann has two calendars that a rule looks at, and one that none does. */
static struct sim *sim_with_calendars(enum sched_mode mode)
{
    struct sim *m = sim_new(1, USERS);

    m->settings.source = (int)mode;
    sched_settings_set(m->sched, &m->settings, m->now);
    m->tag = 7;
    for (unsigned u = 0; u < USERS; u++) {
        sim_add(m, u, SIM_EPOCH + 8 * HOUR, SIM_EPOCH + 9 * HOUR, GW_BUSY_BUSY);
        m->user[u].further[0].name = "Team";
        m->user[u].further[1].name = "Private";
        m->user[u].further[2].name = "Travel";
    }
    sim_further_add(m, ANN, 0, SIM_EPOCH + 10 * HOUR, SIM_EPOCH + 11 * HOUR);
    sim_further_add(m, ANN, 1, SIM_EPOCH + 12 * HOUR, SIM_EPOCH + 13 * HOUR);
    sim_enable_all(m);
    return m;
}

static void want(struct sim *m, unsigned fields, uint32_t mark)
{
    sched_user_want(m->sched, sim_name(m, ANN), fields, mark, m->now);
}

static void want_again(struct sim *m)
{
    want(m, FIELDS, 1);
}

static size_t shown(const struct sim *m)
{
    struct sched_calendar c;

    assert_true(sched_user_calendar(m->sched, sim_name(m, ANN), &c));
    return c.count;
}

/* What the subscription is of that counts: the last one made. One that was replaced lives until it speaks. */
static unsigned subscribed_to(const struct sim *m)
{
    const struct gw_list *it;

    for (it = m->subs.prev; it != &m->subs; it = it->prev)
        if (((const struct sim_sub *)it)->user == ANN)
            return ((const struct sim_sub *)it)->further;
    fail_msg("there is none");
    return 0;
}

static unsigned folders_asked(const struct sim *m)
{
    unsigned sum = 0;

    for (unsigned u = 0; u < USERS; u++)
        sum += u == ANN ? 0 : m->user[u].folders_asked;
    return sum;
}

/* From the start: one subscription, of exactly those; nobody else is asked. */
static void test_found_before_it_begins(void **state)
{
    static const enum sched_mode modes[] = { SCHED_MODE_PUSH, SCHED_MODE_STREAMING };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sim *m = sim_with_calendars(modes[i]);

        want(m, FIELDS, 1);
        sim_run(m, 2 * MIN);
        assert_int_equal(m->user[ANN].folders_asked, 2);
        assert_int_equal(m->user[ANN].further_read, 1 | 4);
        assert_int_equal(subscribed_to(m), 1 | 4);
        assert_int_equal(sim_subs_of(m, ANN), 1);
        assert_int_equal(m->subscribes, USERS);
        assert_int_equal(shown(m), 2);
        sim_further_add(m, ANN, 2, SIM_EPOCH + 14 * HOUR, SIM_EPOCH + 15 * HOUR);
        sim_run(m, 5 * 1000);
        assert_int_equal(shown(m), 3);
        sim_further_add(m, ANN, 1, SIM_EPOCH + 16 * HOUR, SIM_EPOCH + 17 * HOUR);
        sim_run(m, 5 * 1000);
        assert_int_equal(shown(m), 3);
        sim_run(m, 2 * DAY);
        assert_int_equal(folders_asked(m), 0);
        assert_in_range(m->user[ANN].folders_asked, 40, 120); /* once an hour, in two steps */
        assert_int_equal(sim_view(m, ANN).further.all, 2);
        sim_free(&m);
    }
}

/* What no rule speaks of in a further calendar is not there; in the own one it is. */
static void test_only_what_a_rule_matches_counts(void **state)
{
    struct sim *m = sim_with_calendars(SCHED_MODE_PUSH);

    (void)state;
    m->tag = 0;
    want(m, FIELDS, 1);
    sim_run(m, 2 * MIN);
    assert_int_equal(m->user[ANN].further_read, 1 | 4);
    assert_int_equal(shown(m), 1);
    sim_free(&m);
}

/* Live, and gently: the old subscription counts until the new one stands, and there is one at a time. */
static void test_on_and_off(void **state)
{
    struct sim *m = sim_with_calendars(SCHED_MODE_PUSH);

    (void)state;
    sim_run(m, 5 * MIN);
    assert_int_equal(shown(m), 1);
    want(m, FIELDS, 1);
    assert_true(sim_view(m, ANN).freshness == SCHED_FRESH);
    sim_run(m, MIN);
    assert_int_equal(shown(m), 2);
    assert_int_equal(m->subscribes, USERS + 1);
    assert_int_equal(subscribed_to(m), 1 | 4);
    want(m, GW_ITEM_EXACT, 2); /* the rule goes, another one stays */
    sim_run(m, 30 * 1000);
    assert_int_equal(shown(m), 1);
    assert_int_equal(m->user[ANN].further_read, 0);
    m->user[ANN].folders_asked = 0;
    want(m, FIELDS, 3); /* and is back, and gone again, before anything could be asked */
    want(m, GW_ITEM_EXACT, 2);
    sim_run(m, 2 * HOUR);
    assert_int_equal(m->user[ANN].folders_asked, 0);
    assert_int_equal(sim_subs_of(m, ANN), 1);
    assert_int_equal(subscribed_to(m), 0);
    assert_int_equal(m->subscribes, USERS + 2);
    sim_free(&m);
}

/* Told by Exchange: at once. A name that no rule looks at is like no calendar. */
static void test_calendars_come_and_go(void **state)
{
    struct sim *m = sim_with_calendars(SCHED_MODE_PUSH);

    (void)state;
    want(m, FIELDS, 1);
    sim_run(m, 2 * MIN);
    sim_further_name(m, ANN, 0, "Crew");
    sim_run(m, 10 * 1000);
    assert_int_equal(shown(m), 1);
    assert_int_equal(subscribed_to(m), 4);
    sim_further_name(m, ANN, 1, "Tours");
    sim_run(m, 10 * 1000);
    assert_int_equal(shown(m), 1); /* of this one nothing is told: no subscription is of it */
    sim_run(m, 2 * HOUR);
    assert_int_equal(shown(m), 2);
    assert_int_equal(subscribed_to(m), 2 | 4);
    sim_further_name(m, ANN, 0, NULL);
    sim_further_name(m, ANN, 0, "Team");
    sim_run(m, 10 * 1000);
    assert_int_equal(shown(m), 3);
    sim_further_name(m, ANN, 0, NULL);
    sim_run(m, 10 * 1000);
    assert_int_equal(shown(m), 2);
    assert_null(sim_view(m, ANN).error);
    sim_run(m, 2 * HOUR);
    assert_int_equal(sim_subs_of(m, ANN), 1);
    sim_free(&m);
}

/* Neither stops the user: it is subscribed to and read without that one, and the others with it. */
static void test_one_bad_calendar(void **state)
{
    static const struct {
        bool refused, failing, gone;
    } c[] = { { .refused = true }, { .failing = true }, { .gone = true } };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct sim *m = sim_with_calendars(SCHED_MODE_PUSH);
        struct sim_further *team = &m->user[ANN].further[0];
        unsigned subscribes;

        sim_further_add(m, ANN, 2, SIM_EPOCH + 14 * HOUR, SIM_EPOCH + 15 * HOUR);
        want(m, FIELDS, 1);
        sim_run(m, 2 * MIN);
        assert_int_equal(shown(m), 3);
        team->refused = c[i].refused;
        team->failing = c[i].failing;
        if (c[i].gone)
            team->name = NULL; /* and nobody is told */
        sim_further_add(m, ANN, 2, SIM_EPOCH + 16 * HOUR, SIM_EPOCH + 17 * HOUR);
        sim_run(m, MIN);
        assert_int_equal(shown(m), 3);
        sim_add(m, ANN, SIM_EPOCH + 18 * HOUR, SIM_EPOCH + 19 * HOUR, GW_BUSY_BUSY);
        sim_run(m, MIN);
        assert_int_equal(shown(m), 4);
        assert_true(sim_view(m, ANN).freshness == SCHED_FRESH);
        assert_true((sim_view(m, ANN).error != NULL) == !c[i].gone);
        sim_run(m, 3 * HOUR);
        subscribes = m->subscribes;
        assert_in_range(subscribes, USERS, USERS + 2);
        assert_int_equal(sim_subs_of(m, ANN), 1);
        *team = (struct sim_further){ .name = "Team", .count = 1, .item = { team->item[0] } };
        sim_run(m, 2 * HOUR);
        assert_int_equal(shown(m), 5);
        assert_null(sim_view(m, ANN).error);
        assert_int_equal(subscribed_to(m), 1 | 4);
        sim_free(&m);
    }
}

/* The server's word on its load is obeyed beside one calendar, too: it is not asked again and again. */
static void test_busy_calendar(void **state)
{
    struct sim *m = sim_with_calendars(SCHED_MODE_PUSH);

    (void)state;
    want(m, FIELDS, 1);
    sim_run(m, 2 * MIN);
    m->user[ANN].further[0].busy = true;
    m->reads = 0;
    sim_add(m, ANN, SIM_EPOCH + 18 * HOUR, SIM_EPOCH + 19 * HOUR, GW_BUSY_BUSY);
    sim_run(m, 5 * MIN);
    assert_in_range(m->reads, 2, 20);
    assert_in_range(sim_counters(m).push_backs, 2, 20);
    m->user[ANN].further[0].busy = false;
    sim_run(m, 5 * MIN);
    assert_int_equal(shown(m), 3);
    assert_null(sim_view(m, ANN).error);
    sim_free(&m);
}

/* Exchange lets it be read, but not subscribed to. */
static void test_not_together(void **state)
{
    struct sim *m = sim_with_calendars(SCHED_MODE_PUSH);

    (void)state;
    m->user[ANN].further[0].refused = true;
    want(m, FIELDS, 1);
    sim_run(m, 2 * MIN);
    assert_int_equal(subscribed_to(m), 4);
    assert_true(sim_view(m, ANN).freshness == SCHED_FRESH);
    assert_int_equal(sim_view(m, ANN).further.refused, 1);
    assert_in_range(m->subscribes, USERS, USERS + 3);
    m->user[ANN].further[0].refused = false;
    sim_run(m, 2 * HOUR);
    assert_int_equal(subscribed_to(m), 1 | 4);
    assert_int_equal(sim_view(m, ANN).further.refused, 0);
    sim_run(m, 2 * HOUR);
    assert_int_equal(sim_subs_of(m, ANN), 1);
    sim_free(&m);
}

/* What cannot be learned does not keep the own calendar from being read. */
static void test_not_found(void **state)
{
    static const enum ews_op ops[] = { EWS_OP_GET_FOLDER, EWS_OP_FIND_FOLDER };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sim *m = sim_with_calendars(SCHED_MODE_PUSH);

        m->user[ANN].refuse[ops[i]] = sim_status(EWS_MAILBOX, "ErrorAccessDenied", true);
        want(m, FIELDS, 1);
        sim_run(m, MIN);
        assert_int_equal(shown(m), 1);
        assert_true(sim_view(m, ANN).freshness == SCHED_FRESH);
        assert_non_null(strstr(sim_view(m, ANN).error, "further calendars"));
        m->user[ANN].refuse[ops[i]] = (struct ews_status){ .class = EWS_OK };
        sim_run(m, 2 * HOUR);
        assert_int_equal(shown(m), 2);
        assert_int_equal(subscribed_to(m), 1 | 4);
        assert_null(sim_view(m, ANN).error);
        sim_free(&m);
    }
}

/* A server that is too busy for this question alone holds the own calendar back for some minutes, not for
 * ever; and so with a subscription to one of other calendars. */
static void test_busy_for_folders_alone(void **state)
{
    static const enum ews_op ops[] = { EWS_OP_GET_FOLDER, EWS_OP_FIND_FOLDER };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct sim *m = sim_with_calendars(SCHED_MODE_PUSH);

        if (i % 2)
            sim_run(m, 5 * MIN);
        m->user[ANN].refuse[ops[i / 2]] = sim_status(EWS_BUSY, "ErrorServerBusy", true);
        want(m, FIELDS, 1);
        sim_run(m, 10 * MIN);
        assert_int_equal(shown(m), 1);
        assert_int_equal(sim_subs_of(m, ANN), 1);
        assert_true(sim_view(m, ANN).freshness == SCHED_FRESH);
        sim_add(m, ANN, SIM_EPOCH + 18 * HOUR, SIM_EPOCH + 19 * HOUR, GW_BUSY_BUSY);
        sim_run(m, MIN);
        assert_int_equal(shown(m), 2);
        m->user[ANN].refuse[ops[i / 2]] = (struct ews_status){ .class = EWS_OK };
        sim_run(m, 10 * MIN);
        assert_int_equal(shown(m), 3);
        assert_int_equal(subscribed_to(m), 1 | 4);
        assert_null(sim_view(m, ANN).error);
        sim_free(&m);
    }
}

/* Told of changes more often than it can look, it takes what it has found, and looks again calmly. */
static void test_told_without_end(void **state)
{
    struct sim *m = sim_with_calendars(SCHED_MODE_PUSH);

    (void)state;
    sim_run(m, 5 * MIN);
    m->gateway[0].latency_ms = 200;
    want(m, FIELDS, 1);
    for (int i = 0; i < 1200; i++) {
        sim_touch_in(m, ANN, 0, true);
        sim_run(m, 50);
    }
    assert_int_equal(m->user[ANN].further_read, 1 | 4);
    assert_int_equal(subscribed_to(m), 1 | 4);
    assert_in_range(m->user[ANN].folders_asked, 4, 40);
    sim_further_name(m, ANN, 0, "Crew"); /* the last word counts */
    sim_run(m, 10 * 1000);
    assert_int_equal(m->user[ANN].further_read, 4);
    sim_free(&m);
}

/* One that is known to be bad is not waited for again, be it that it fails for a moment now. */
static void test_bad_one_delays_nothing(void **state)
{
    struct sim *m = sim_with_calendars(SCHED_MODE_PUSH);

    (void)state;
    want(m, FIELDS, 1);
    sim_run(m, 2 * MIN);
    m->user[ANN].further[0].failing = true;
    sim_add(m, ANN, SIM_EPOCH + 18 * HOUR, SIM_EPOCH + 19 * HOUR, GW_BUSY_BUSY);
    sim_run(m, 2 * MIN);
    assert_int_equal(sim_view(m, ANN).further.refused, 1);
    m->reads = 0;
    sim_add(m, ANN, SIM_EPOCH + 20 * HOUR, SIM_EPOCH + 21 * HOUR, GW_BUSY_BUSY);
    sim_run(m, 10 * 1000);
    assert_int_equal(shown(m), 3);
    assert_int_equal(m->reads, 1);
    sim_free(&m);
}

/* A restart is served from the store, with the old subscription; nothing is looked for, whether what is
 * wanted is said before the records are restored or after. */
static void test_restart(void **state)
{
    static const enum sched_mode modes[] = { SCHED_MODE_PUSH, SCHED_MODE_STREAMING };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct sim *m = sim_with_calendars(modes[i / 2]);
        unsigned subscribes, asked;

        want(m, FIELDS, 1);
        sim_run(m, 5 * MIN);
        subscribes = m->subscribes;
        asked = m->user[ANN].folders_asked;
        sim_kill(m);
        m->early_want = i % 2 ? want_again : NULL;
        sim_start_again(m);
        m->early_want = NULL;
        want(m, FIELDS, 1);
        assert_int_equal(shown(m), 2);
        sim_run(m, MIN);
        assert_int_equal(shown(m), 2);
        assert_int_equal(m->subscribes, subscribes);
        assert_int_equal(m->user[ANN].folders_asked, asked);
        assert_int_equal(m->user[ANN].further_read, 1 | 4);
        sim_further_add(m, ANN, 2, SIM_EPOCH + 14 * HOUR, SIM_EPOCH + 15 * HOUR);
        sim_run(m, 5 * 1000);
        assert_int_equal(shown(m), 3);
        sim_kill(m);
        sim_start_again(m);
        sim_run(m, MIN); /* read, and nobody has said yet what is wanted */
        want(m, 0, 0);   /* the rule went while nobody was there */
        sim_run(m, 2 * MIN);
        assert_int_equal(shown(m), 1);
        assert_int_equal(subscribed_to(m), 0);
        assert_int_equal(m->user[ANN].folders_asked, asked);
        sim_free(&m);
    }
}

/* The gateway dies while it is asked; the window rolls over days. */
static void test_over_days(void **state)
{
    struct sim *m = sim_with_calendars(SCHED_MODE_PUSH);

    (void)state;
    want(m, FIELDS, 1);
    m->gateway[0].up = false;
    sim_run(m, 10 * MIN);
    m->gateway[0].up = true;
    sim_run(m, 10 * MIN);
    assert_int_equal(shown(m), 2);
    assert_int_equal(sim_subs_of(m, ANN), 1);
    for (int day = 1; day < 4; day++) {
        m->user[ANN].further[0].count = 0;
        sim_further_add(m, ANN, 0, SIM_EPOCH + day * DAY + 10 * HOUR,
                        SIM_EPOCH + day * DAY + 11 * HOUR);
        sim_run_to(m, SIM_EPOCH + day * DAY + 10 * HOUR + 90 * 1000);
        assert_int_equal(m->user[ANN].shown.kind, PRES_CAL_MEETING);
        sim_run(m, 2 * HOUR);
        assert_int_equal(m->user[ANN].shown.kind, PRES_CAL_FREE);
    }
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_before_it_begins),
        cmocka_unit_test(test_only_what_a_rule_matches_counts),
        cmocka_unit_test(test_on_and_off),
        cmocka_unit_test(test_calendars_come_and_go),
        cmocka_unit_test(test_one_bad_calendar),
        cmocka_unit_test(test_busy_calendar),
        cmocka_unit_test(test_not_together),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_busy_for_folders_alone),
        cmocka_unit_test(test_told_without_end),
        cmocka_unit_test(test_bad_one_delays_nothing),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_over_days),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
