/* Working hours: asked for whom they are wanted, in few requests, kept, and a moment is due where they
 * begin and end - by the clock of their zone. */
#include "sched_sim.h"

enum { USERS = 250 };

static const struct gw_hours berlin = { .zone = { -60,
                                                  { 0, 180, 0, 10, 5, 0 },
                                                  { -60, 120, 0, 3, 5, 0 } },
                                        .count = 1,
                                        .work = { { 0x3e, 540, 1020 } } },
                             tokyo = { .zone = { .bias = -540 },
                                       .count = 1,
                                       .work = { { 0x3e, 540, 1020 } } };

static gw_utc at(const char *text)
{
    gw_utc t;

    assert_int_equal(gw_utc_parse(gw_str_of(text), &t, NULL), GW_OK);
    return t;
}

static struct sim *sim_in(const char *now, size_t users, const struct gw_hours *hours)
{
    struct sim *m = sim_new(1, users);

    sched_free(&m->sched);
    m->now.utc = at(now);
    sim_sched_new(m);
    assert_int_equal(bridge_policy_set(m->policy, GW_STR("working-hours"), GW_STR("yes"), NULL),
                     GW_OK);
    for (unsigned u = 0; u < users; u++)
        m->user[u].hours = hours;
    sim_enable_all(m);
    return m;
}

static void want(struct sim *m, unsigned user, enum sched_hours hours)
{
    sched_user_want_hours(m->sched, sim_name(m, user), hours, m->now);
}

static const struct gw_hours *known(struct sim *m, unsigned user)
{
    struct sched_calendar c;

    assert_true(sched_user_calendar(m->sched, sim_name(m, user), &c));
    return c.hours;
}

static enum pres_calendar_kind shown(const struct sim *m, unsigned user)
{
    return m->user[user].shown.kind;
}

static void run_to(struct sim *m, const char *when)
{
    sim_run(m, at(when) - m->now.utc);
}

static void test_only_those_that_are_wanted(void **state)
{
    struct sim *m = sim_in("2026-12-01T09:00:00Z", USERS, &berlin);

    (void)state;
    for (unsigned u = 0; u < USERS; u++)
        want(m, u, u % 2 ? SCHED_HOURS_DUE : SCHED_HOURS_NOT);
    sim_run(m, 30 * MIN);
    for (unsigned u = 0; u < USERS; u++) {
        assert_in_range(m->user[u].hours_asked, 0, u % 2); /* its turn may be near */
        assert_int_equal(known(m, u) != NULL, u % 2);
    }
    assert_true(m->bulks > 0 && !m->reads);
    assert_in_range(m->hours_requests, 0, 4); /* of 125 people, whose calendars brought them */
    sim_run(m, 24 * HOUR);                    /* again, a few times a day */
    assert_in_range(m->user[1].hours_asked, 3, 5);
    assert_int_equal(m->user[0].hours_asked, 0);
    want(m, 1, SCHED_HOURS_NOT);
    assert_null(known(m, 1));
    m->user[1].hours_asked = 0;
    sim_run(m, 24 * HOUR);
    assert_int_equal(m->user[1].hours_asked, 0);
    sim_free(&m);
}

/* To the second, and over a change of the clock: what is nine o'clock in Berlin. */
static void test_presence_follows_the_day(void **state)
{
    struct sim *m = sim_in("2027-03-26T14:00:00Z", 1, &berlin); /* a Friday */

    (void)state;
    want(m, 0, SCHED_HOURS_DUE);
    run_to(m, "2027-03-26T15:59:59Z");
    assert_int_equal(shown(m, 0), PRES_CAL_FREE);
    run_to(m, "2027-03-26T16:00:01Z");
    assert_int_equal(shown(m, 0), PRES_CAL_AWAY);
    assert_string_equal(m->user[0].shown.text[PRES_WORDS_OWN], "Outside working hours");
    run_to(m, "2027-03-29T06:59:59Z"); /* summer time since Sunday */
    assert_int_equal(shown(m, 0), PRES_CAL_AWAY);
    run_to(m, "2027-03-29T07:00:01Z");
    assert_int_equal(shown(m, 0), PRES_CAL_FREE);
    run_to(m, "2027-03-29T14:59:59Z");
    assert_int_equal(shown(m, 0), PRES_CAL_FREE);
    run_to(m, "2027-03-29T15:00:01Z");
    assert_int_equal(shown(m, 0), PRES_CAL_AWAY);
    sim_free(&m);
}

/* Out of office is what automatic replies say, and they alone; a meeting is a meeting at night. */
static void test_what_is_stronger(void **state)
{
    struct sim *m = sim_in("2026-12-01T15:00:00Z", 2, &berlin);

    (void)state;
    sim_add(m, 0, at("2026-12-01T19:00:00Z"), at("2026-12-01T20:00:00Z"), GW_BUSY_BUSY);
    m->user[1].oof =
        (struct gw_oof){ GW_OOF_SCHEDULED, at("2026-12-01T18:00:00Z"), at("2026-12-01T21:00:00Z") };
    want(m, 0, SCHED_HOURS_DUE);
    want(m, 1, SCHED_HOURS_DUE);
    run_to(m, "2026-12-01T17:00:00Z");
    assert_int_equal(shown(m, 0), PRES_CAL_AWAY);
    assert_int_equal(shown(m, 1), PRES_CAL_AWAY);
    run_to(m, "2026-12-01T19:30:00Z");
    assert_int_equal(shown(m, 0), PRES_CAL_MEETING);
    assert_int_equal(shown(m, 1), PRES_CAL_OOF);
    run_to(m, "2026-12-01T21:30:00Z");
    assert_int_equal(shown(m, 0), PRES_CAL_AWAY);
    assert_int_equal(shown(m, 1), PRES_CAL_AWAY);
    sim_free(&m);
}

/* Known for the zone alone they make no moment due; and nothing is away. */
static void test_known_is_not_due(void **state)
{
    struct sim *m = sim_in("2026-12-01T12:00:00Z", 1, &berlin);
    unsigned due;

    (void)state;
    want(m, 0, SCHED_HOURS_KNOWN);
    sim_run(m, 30 * MIN);
    assert_non_null(known(m, 0));
    due = m->user[0].due;
    run_to(m, "2026-12-02T12:00:00Z");
    assert_int_equal(m->user[0].due, due);
    want(m, 0, SCHED_HOURS_DUE);
    run_to(m, "2026-12-02T16:00:01Z");
    assert_int_equal(m->user[0].due, due + 1);
    sim_free(&m);
}

static void test_kept_over_a_restart(void **state)
{
    struct sim *m = sim_in("2026-12-01T14:00:00Z", 1, &berlin);
    unsigned asked;

    (void)state;
    want(m, 0, SCHED_HOURS_DUE);
    sim_run(m, 10 * MIN);
    asked = m->user[0].hours_asked;
    sim_kill(m);
    m->gateway[0].up = false; /* Exchange is away: what is known counts */
    sim_start_again(m);
    want(m, 0, SCHED_HOURS_DUE);
    run_to(m, "2026-12-01T16:00:01Z");
    assert_int_equal(shown(m, 0), PRES_CAL_AWAY);
    assert_int_equal(m->user[0].hours_asked, asked);
    sim_free(&m);
}

/* People move: asked again in the day, presence is another one at once, and the owner is told first. */
static unsigned told;

static void on_hours(struct gw_str user, void *ctx)
{
    struct sim *m = ctx;

    assert_true(gw_str_eq(user, sim_name(m, 0)));
    told++;
}

static void test_other_hours(void **state)
{
    struct sim *m = sim_in("2026-12-01T09:00:00Z", 1, &berlin);

    (void)state;
    told = 0;
    m->on_hours = on_hours;
    sim_kill(m);
    sim_start_again(m);
    want(m, 0, SCHED_HOURS_DUE);
    sim_run(m, 10 * MIN);
    assert_int_equal(told, 1);
    assert_int_equal(shown(m, 0), PRES_CAL_FREE);
    m->user[0].hours = &tokyo;
    assert_int_equal(sched_user_refresh(m->sched, sim_name(m, 0), m->now), GW_OK);
    sim_run(m, 10 * 1000);
    assert_int_equal(told, 2);
    assert_int_equal(shown(m, 0), PRES_CAL_AWAY); /* evening in Tokyo */
    run_to(m, "2026-12-02T00:00:01Z");
    assert_int_equal(shown(m, 0), PRES_CAL_FREE);
    m->user[0].hours = NULL;
    run_to(m, "2026-12-02T13:00:00Z");
    assert_int_equal(told, 3);
    assert_null(known(m, 0));
    assert_int_equal(shown(m, 0), PRES_CAL_FREE);
    sim_free(&m);
}

/* Who work the same hours share what is known of them, and nothing else. */
static void test_each_has_their_own(void **state)
{
    enum { PATTERNS = 50 };
    static struct gw_hours hours[PATTERNS];
    struct sim *m = sim_in("2026-12-01T09:00:00Z", USERS, &berlin);

    (void)state;
    for (unsigned i = 0; i < PATTERNS; i++) {
        hours[i] = berlin;
        hours[i].work[0].from = (short)(400 + i);
    }
    for (unsigned u = 0; u < USERS; u++) {
        m->user[u].hours = &hours[u % PATTERNS];
        want(m, u, SCHED_HOURS_KNOWN);
    }
    sim_run(m, 30 * MIN);
    for (unsigned u = 0; u < USERS; u++)
        assert_true(gw_hours_eq(known(m, u), &hours[u % PATTERNS]));
    m->user[1].hours = &tokyo;
    assert_int_equal(sched_user_refresh(m->sched, sim_name(m, 1), m->now), GW_OK);
    want(m, 2, SCHED_HOURS_NOT);
    sim_run(m, 10 * 1000);
    assert_true(gw_hours_eq(known(m, 1), &tokyo));
    assert_null(known(m, 2));
    assert_true(gw_hours_eq(known(m, 1 + PATTERNS), &hours[1]));
    assert_true(gw_hours_eq(known(m, 2 + PATTERNS), &hours[2]));
    sim_free(&m);

    m = sim_in("2026-12-01T09:00:00Z", USERS, &berlin);
    for (unsigned u = 0; u < USERS; u++)
        want(m, u, SCHED_HOURS_KNOWN);
    sim_run(m, 30 * MIN);
    for (unsigned u = 1; u < USERS; u++)
        assert_ptr_equal(known(m, u), known(m, 0));
    sim_free(&m);
}

/* Without the right to see them nothing else suffers. */
static void test_not_to_be_had(void **state)
{
    struct sim *m = sim_in("2026-12-01T09:00:00Z", 2, &berlin);

    (void)state;
    m->user[0].no_free_busy = true;
    sim_add(m, 0, at("2026-12-01T10:00:00Z"), at("2026-12-01T11:00:00Z"), GW_BUSY_BUSY);
    want(m, 0, SCHED_HOURS_DUE);
    want(m, 1, SCHED_HOURS_DUE);
    run_to(m, "2026-12-01T10:30:00Z");
    assert_int_equal(shown(m, 0), PRES_CAL_MEETING);
    assert_null(known(m, 0));
    assert_non_null(known(m, 1));
    assert_in_range(m->user[0].hours_asked, 1, 4); /* not all the time */
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_those_that_are_wanted),
        cmocka_unit_test(test_presence_follows_the_day),
        cmocka_unit_test(test_what_is_stronger),
        cmocka_unit_test(test_known_is_not_due),
        cmocka_unit_test(test_kept_over_a_restart),
        cmocka_unit_test(test_other_hours),
        cmocka_unit_test(test_each_has_their_own),
        cmocka_unit_test(test_not_to_be_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
