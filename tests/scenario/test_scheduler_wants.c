/* Users whose items are looked at: they alone are read by themselves, with exactly the fields that are
 * wanted, and again when something else is wanted. */
#include "sched_sim.h"

enum { USERS = 30, FIELDS = GW_ITEM_EXACT | GW_ITEM_SUBJECT };

static struct sim *sim_with_meetings(void)
{
    struct sim *m = sim_new(1, USERS);

    for (unsigned u = 0; u < USERS; u++)
        sim_add(m, u, SIM_EPOCH + 8 * HOUR, SIM_EPOCH + 20 * HOUR, GW_BUSY_BUSY);
    sim_enable_all(m);
    return m;
}

static unsigned short tag_of(struct sim *m, unsigned user)
{
    struct sched_calendar c;

    assert_true(sched_user_calendar(m->sched, sim_name(m, user), &c));
    assert_int_equal(c.count, 1);
    return c.intervals[0].tag;
}

static void test_only_who_wants_is_asked_for_more(void **state)
{
    struct sim *m = sim_with_meetings();
    unsigned bulks;

    (void)state;
    m->tag = 7;
    sched_user_want(m->sched, sim_name(m, 3), FIELDS, 1, m->now);
    sim_run(m, 5 * MIN);
    bulks = m->bulks;
    sim_run(m, 3 * HOUR); /* cross-checks */
    assert_true(m->bulks > bulks);
    for (unsigned u = 0; u < USERS; u++) {
        assert_int_equal(m->user[u].fields_asked, u == 3 ? FIELDS : 0);
        assert_int_equal(tag_of(m, u), u == 3 ? 7 : 0);
    }
    sim_free(&m);
}

static void test_another_want_is_read_for(void **state)
{
    struct sim *m = sim_with_meetings();
    struct sched_counters before, after;
    unsigned reads;

    (void)state;
    sim_run(m, 5 * MIN);
    reads = m->user[3].reads;
    sched_counters(m->sched, &before);
    m->tag = 7;
    sched_user_want(m->sched, sim_name(m, 3), FIELDS, 1, m->now);
    sched_user_want(m->sched, sim_name(m, 3), FIELDS, 1, m->now); /* the same: nothing */
    sim_run(m, 2 * MIN);
    assert_int_equal(m->user[3].reads, reads + 1);
    assert_int_equal(tag_of(m, 3), 7);
    m->tag = 8; /* a rule is another one, and so is the mark */
    sched_user_want(m->sched, sim_name(m, 3), FIELDS, 2, m->now);
    sim_run(m, 2 * MIN);
    assert_int_equal(m->user[3].reads, reads + 2);
    assert_int_equal(tag_of(m, 3), 8);
    sched_counters(m->sched, &after);
    assert_int_equal(after.missed, before.missed); /* nothing has changed at Exchange */
    m->user[3].fields_asked = 0;
    sched_user_want(m->sched, sim_name(m, 3), 0, 0, m->now);
    sim_run(m, 3 * HOUR);
    assert_int_equal(m->user[3].fields_asked, 0);
    sched_user_want(m->sched, GW_STR("nobody"), FIELDS, 1, m->now);
    sim_free(&m);
}

static void test_an_answer_for_another_want_is_not_taken(void **state)
{
    struct sim *m = sim_with_meetings();

    (void)state;
    m->gateway[0].latency_ms = 500;
    sim_run(m, 5 * MIN);
    m->tag = 7;
    sched_user_want(m->sched, sim_name(m, 3), FIELDS, 1, m->now);
    assert_int_equal(sched_user_refresh(m->sched, sim_name(m, 3), m->now), GW_OK);
    sim_run(m, 100); /* asked for, not answered */
    m->tag = 8;
    sched_user_want(m->sched, sim_name(m, 3), FIELDS | GW_ITEM_LOCATION, 2, m->now);
    m->user[3].fields_asked = 0;
    sim_run(m, 10 * 1000);
    assert_int_equal(m->user[3].fields_asked, FIELDS | GW_ITEM_LOCATION);
    assert_int_equal(tag_of(m, 3), 8);
    sim_free(&m);
}

static void test_wants_after_a_restart(void **state)
{
    struct sim *m = sim_with_meetings();
    unsigned reads;

    (void)state;
    m->tag = 7;
    sched_user_want(m->sched, sim_name(m, 3), FIELDS, 1, m->now);
    sim_run(m, 5 * MIN);
    for (int other = 0; other < 2; other++) {
        reads = m->user[3].reads;
        sim_kill(m);
        m->tag = (unsigned short)(7 + other);
        sim_start_again(m);
        sched_user_want(m->sched, sim_name(m, 3), FIELDS, 1 + (unsigned)other, m->now);
        assert_int_equal(tag_of(m, 3), 7); /* of the record */
        sim_run(m, 2 * MIN);
        assert_int_equal(tag_of(m, 3), 7 + other);
        if (other)
            assert_true(m->user[3].reads > reads);
    }
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_who_wants_is_asked_for_more),
        cmocka_unit_test(test_another_want_is_read_for),
        cmocka_unit_test(test_an_answer_for_another_want_is_not_taken),
        cmocka_unit_test(test_wants_after_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
