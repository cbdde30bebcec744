/* Automatic replies of many: mail tips in bulk, and the settings themselves where tips do not do. */
#include "sched_sim.h"

enum { USERS = 400, POLL_MIN = 10 };

static struct sim *sim_settled(void)
{
    struct sim *m = sim_new(1, USERS);

    m->settings.cross_check_min = 1440;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    sim_run(m, 2 * MIN);
    return m;
}

static void reply(struct sim *m, unsigned user, enum gw_oof_state state)
{
    m->user[user].oof =
        (struct gw_oof){ .state = state, .start = m->now.utc, .end = m->now.utc + 3 * HOUR };
}

static gw_utc oldest_poll(const struct sim *m)
{
    gw_utc oldest = m->now.utc;

    for (unsigned i = 0; i < USERS; i++) {
        gw_utc at = sim_view(m, i).oof_read_at;

        oldest = at < oldest ? at : oldest;
    }
    return oldest;
}

static void test_many_are_polled_in_bulk(void **state)
{
    struct sim *m = sim_settled();

    (void)state;
    assert_in_range(m->tips, USERS / EWS_MAIL_TIPS_MAX, 24);
    assert_in_range(m->polls, 0, 40); /* a handful is left over to be asked exactly */
    for (unsigned i = 0; i < USERS; i++)
        assert_true(sim_view(m, i).calendar.oof_known);
    sim_run(m, 20 * MIN);
    m->tips = m->polls = 0;
    for (int i = 0; i < 60; i++) {
        sim_run(m, MIN);
        assert_true(m->now.utc - oldest_poll(m) <= (POLL_MIN + 1) * MIN);
    }
    assert_in_range(m->tips, 60, 150);               /* twenty turns in an interval */
    assert_in_range(m->polls, USERS / 2, 2 * USERS); /* each once in an hour or so */
    sim_free(&m);
}

static void test_interval_is_live(void **state)
{
    struct sim *m = sim_settled();

    (void)state;
    sim_run(m, 20 * MIN);
    m->settings.oof_poll_min = 1;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_run(m, 2 * MIN);
    assert_true(m->now.utc - oldest_poll(m) <= 2 * MIN);
    sim_free(&m);
}

/* What a tip says first is read exactly, for its dates. */
static void test_tip_leads_to_the_setting(void **state)
{
    struct sim *m = sim_settled();

    (void)state;
    reply(m, 7, GW_OOF_SCHEDULED);
    reply(m, 8, GW_OOF_ENABLED);
    sim_run(m, (POLL_MIN + 1) * MIN);
    assert_int_equal(sim_shown(m, 7), PRES_CAL_OOF);
    assert_int_equal(sim_shown(m, 8), PRES_CAL_OOF);
    assert_int_equal(sim_view(m, 7).calendar.oof.end, m->user[7].oof.end);
    reply(m, 8, GW_OOF_DISABLED);
    sim_run(m, (POLL_MIN + 1) * MIN);
    assert_int_equal(sim_shown(m, 8), PRES_CAL_FREE);
    sim_run_to(m, m->user[7].oof.end - 1);
    assert_int_equal(sim_shown(m, 7), PRES_CAL_OOF);
    sim_run(m, 1); /* an end is a due moment */
    assert_int_equal(sim_shown(m, 7), PRES_CAL_FREE);
    sim_free(&m);
}

static unsigned exact_polls(struct sim *m, gw_utc ms)
{
    m->polls = 0;
    sim_run(m, ms);
    return m->polls;
}

/* The words may change, also those for people outside, of which tips say nothing. */
static void test_who_replies_is_read_at_each_poll(void **state)
{
    struct sim *m = sim_settled();

    (void)state;
    for (unsigned i = 0; i < USERS; i++)
        reply(m, i, GW_OOF_ENABLED);
    sim_run(m, (POLL_MIN + 1) * MIN);
    for (int i = 0; i < 6; i++)
        assert_in_range(exact_polls(m, POLL_MIN * MIN), USERS - 40, USERS + 40);
    for (unsigned i = 0; i < USERS; i++)
        reply(m, i, GW_OOF_DISABLED);
    sim_run(m, 2 * (POLL_MIN + 1) * MIN);
    assert_in_range(exact_polls(m, HOUR), 0, 2 * USERS);
    sim_free(&m);
}

/* Tips do not show what is planned; the settings do, read now and then. */
static void test_planned_reply_begins_on_time(void **state)
{
    struct sim *m = sim_settled();
    gw_utc start = m->now.utc + 3 * HOUR;

    (void)state;
    for (unsigned i = 0; i < USERS; i++)
        m->user[i].oof = (struct gw_oof){ GW_OOF_SCHEDULED, start, start + HOUR };
    sim_run_to(m, start);
    for (unsigned i = 0; i < USERS; i++) {
        assert_int_equal(sim_shown(m, i), PRES_CAL_OOF);
        assert_int_equal(m->user[i].shown_at, start);
    }
    sim_free(&m);
}

static void test_reply_without_a_text(void **state)
{
    struct sim *m = sim_settled();

    (void)state;
    m->user[3].no_reply_text = true;
    reply(m, 3, GW_OOF_ENABLED);
    sim_run(m, 80 * MIN);
    assert_int_equal(sim_shown(m, 3), PRES_CAL_OOF);
    reply(m, 3, GW_OOF_DISABLED); /* once it is known it is followed closely */
    sim_run(m, 2 * (POLL_MIN + 1) * MIN);
    assert_int_equal(sim_shown(m, 3), PRES_CAL_FREE);
    sim_free(&m);
}

static void test_pending_tip_keeps_what_is_known(void **state)
{
    struct sim *m = sim_settled();

    (void)state;
    reply(m, 3, GW_OOF_ENABLED);
    sim_run(m, (POLL_MIN + 1) * MIN);
    assert_int_equal(sim_shown(m, 3), PRES_CAL_OOF);
    for (unsigned i = 0; i < USERS; i++)
        m->user[i].tip_pending = true;
    sim_run(m, 3 * HOUR);
    assert_int_equal(sim_shown(m, 3), PRES_CAL_OOF);
    sim_free(&m);
}

static void test_mailbox_that_tips_refuse_is_asked_exactly(void **state)
{
    struct sim *m = sim_settled();

    (void)state;
    m->user[3].tip_refused = true;
    reply(m, 3, GW_OOF_ENABLED);
    sim_run(m, (POLL_MIN + 1) * MIN);
    assert_int_equal(sim_shown(m, 3), PRES_CAL_OOF);
    assert_null(sim_view(m, 3).error);
    sim_free(&m);
}

static void test_server_without_tips(void **state)
{
    static const enum ews_class class[] = { EWS_UNSUPPORTED, EWS_VERSION, EWS_BUG };

    (void)state;
    for (size_t k = 0; k < sizeof(class) / sizeof(class[0]); k++) {
        struct sim *m = sim_new(1, USERS);

        m->gateway[0].refuse[EWS_OP_MAIL_TIPS] = sim_status(class[k], "ErrorX", true);
        reply(m, 5, GW_OOF_SCHEDULED);
        sim_enable_all(m);
        sim_run(m, 2 * MIN);
        assert_in_range(m->tips, 1, 12); /* those on their way before we knew */
        assert_in_range(m->polls, USERS, USERS + USERS / 2);
        assert_int_equal(sim_shown(m, 5), PRES_CAL_OOF);
        assert_int_equal(sim_counters(m).in_trouble, 0);
        sched_gateway_put(m->sched, gw_str_of(m->gateway[0].name), m->now); /* perhaps it can now */
        m->gateway[0].refuse[EWS_OP_MAIL_TIPS] = sim_status(EWS_OK, "NoError", true);
        m->tips = 0;
        sim_run(m, 20 * MIN);
        assert_true(m->tips > 10);
        sim_free(&m);
    }
}

static void test_tips_for_fewer_than_were_asked(void **state)
{
    struct sim *m = sim_new(1, USERS);

    (void)state;
    m->short_tips = true;
    sim_enable_all(m);
    sim_run(m, 5000);
    m->short_tips = false;
    sim_run(m, 15 * MIN);
    for (unsigned i = 0; i < USERS; i++)
        assert_true(sim_view(m, i).calendar.oof_known);
    assert_int_equal(sim_counters(m).in_trouble, 0);
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_are_polled_in_bulk),
        cmocka_unit_test(test_interval_is_live),
        cmocka_unit_test(test_tip_leads_to_the_setting),
        cmocka_unit_test(test_who_replies_is_read_at_each_poll),
        cmocka_unit_test(test_planned_reply_begins_on_time),
        cmocka_unit_test(test_reply_without_a_text),
        cmocka_unit_test(test_pending_tip_keeps_what_is_known),
        cmocka_unit_test(test_mailbox_that_tips_refuse_is_asked_exactly),
        cmocka_unit_test(test_server_without_tips),
        cmocka_unit_test(test_tips_for_fewer_than_were_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
