/* The scheduler on virtual time: subscribing, reading, due moments, automatic replies, and all that
 * is live. What fails at Exchange is in test_scheduler_troubles.c. */
#include "sched_sim.h"

static void test_user_is_subscribed_read_and_polled(void **state)
{
    struct sim *m = sim_new(1, 1);
    struct sched_user_view v;

    (void)state;
    sim_add(m, 0, m->now.utc - MIN, m->now.utc + 10 * MIN, GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run(m, 1000);
    v = sim_view(m, 0);
    assert_int_equal(v.sub_state, SCHED_SUB_LIVE);
    assert_true(gw_str_is(v.gateway, "cas1"));
    assert_int_equal(v.status_frequency_min, 60);
    assert_true(v.calendar.fresh);
    assert_true(v.calendar.oof_known);
    assert_null(v.error);
    assert_int_equal(v.calendar.count, 1);
    assert_int_equal(v.next_due, m->user[0].item[0].end);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
    assert_int_equal(m->subscribes, 1);
    assert_int_equal(m->reads + m->bulks, 1);
    assert_int_equal(m->polls, 1);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_UP);
    assert_int_equal(sim_counters(m).subscribed, 1);
    assert_int_equal(sim_counters(m).with_calendar, 1);
    sim_run(m, 10 * MIN);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    assert_int_equal(m->user[0].shown_at, m->user[0].item[0].end);
    sim_free(&m);
}

/* WIRE 2: the first notification may come before the answer of Subscribe. */
static void test_notification_before_subscribe_answer(void **state)
{
    struct sim *m = sim_new(1, 1);

    (void)state;
    m->gateway[0].latency_ms = 500;
    sim_enable_all(m);
    sim_run(m, 300);
    assert_int_equal(m->posts, 1);
    assert_int_equal(m->unsubscribed, 0);
    assert_int_equal(sim_view(m, 0).sub_state, SCHED_SUB_NONE);
    sim_run(m, 2000);
    assert_int_equal(sim_view(m, 0).sub_state, SCHED_SUB_LIVE);
    assert_int_equal(m->subscribes, 1);
    sim_free(&m);
}

static void test_unknown_token_is_unsubscribed(void **state)
{
    static const char *const token[] = { "", "0", "00000000000000000000000000000000",
                                         "zz000000000000000000000000000000",
                                         "000000000000000000000000000000000000000000000000000000" };
    struct sim *m = sim_new(1, 1);
    const struct ews_notification n = { .changes = 1 };

    (void)state;
    sim_enable_all(m);
    sim_run(m, 1000);
    for (size_t i = 0; i < sizeof(token) / sizeof(token[0]); i++)
        assert_int_equal(sched_notified(m->sched, gw_str_of(token[i]), &n, m->now),
                         EWS_REPLY_UNSUBSCRIBE);
    assert_int_equal(sim_counters(m).unknown_tokens, 5);
    sim_free(&m);
}

static void test_new_meeting_shows_within_two_seconds(void **state)
{
    struct sim *m = sim_new(1, 1);

    (void)state;
    sim_enable_all(m);
    sim_run(m, 5 * MIN);
    for (int i = 0; i < 5; i++) { /* also when one follows close upon the other */
        gw_utc at = m->now.utc;

        sim_add(m, 0, at - MIN, at + 20 * MIN, GW_BUSY_BUSY);
        sim_run(m, 2000);
        assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
        assert_in_range(m->user[0].shown_at - at, 0, 1900);
        at = m->now.utc;
        sim_clear(m, 0);
        sim_run(m, 2000);
        assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
        assert_in_range(m->user[0].shown_at - at, 0, 1900);
    }
    sim_free(&m);
}

static void test_notification_storm_is_merged(void **state)
{
    struct sim *m = sim_new(1, 1);
    unsigned before;

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    before = m->reads;
    for (int i = 0; i < 500; i++) {
        struct sim_sub *sub = sim_sub_of(m, 0);

        sub->changed = true;
        sub->post_at = m->now.mono;
        sim_run(m, 20);
    }
    sim_run(m, 2000);
    /* Ten seconds of it, a read every 1.2 s. */
    assert_in_range(m->reads - before, 2, 11);
    assert_true(sim_counters(m).unchanged >= m->reads - before);
    sim_free(&m);
}

static void test_change_while_reading_is_read_again(void **state)
{
    struct sim *m = sim_new(1, 1);

    (void)state;
    m->gateway[0].latency_ms = 900;
    sim_enable_all(m);
    sim_run(m, MIN);
    sim_add(m, 0, m->now.utc + HOUR, m->now.utc + 2 * HOUR, GW_BUSY_BUSY);
    sim_run(m, 700); /* the read is on its way, with what was then */
    assert_int_equal(m->in_flight, 1);
    sim_add(m, 0, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    sim_run(m, 4000);
    assert_int_equal(sim_view(m, 0).calendar.count, 2);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
    sim_free(&m);
}

static void test_unchanged_answer_costs_nothing_further(void **state)
{
    struct sim *m = sim_new(1, 1);
    unsigned changed;
    char *record;

    (void)state;
    sim_add(m, 0, m->now.utc + HOUR, m->now.utc + 2 * HOUR, GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run(m, MIN);
    changed = m->user[0].changed;
    record = m->user[0].record[1];
    m->user[0].record[1] = NULL;
    sim_touch(m, 0);
    sim_run(m, MIN);
    assert_int_equal(sim_counters(m).unchanged, 1);
    assert_int_equal(m->user[0].changed, changed);
    assert_null(m->user[0].record[1]);
    free(record);
    sim_free(&m);
}

/* ---- the pool ---- */

static void test_round_robin_and_kept(void **state)
{
    struct sim *m = sim_new(4, 40);
    struct gw_str gateway[40];

    (void)state;
    sim_enable_all(m);
    sim_run(m, 5000);
    for (unsigned g = 0; g < 4; g++)
        assert_int_equal(sim_gateway_view(m, g).users, 10);
    for (unsigned i = 0; i < 40; i++)
        gateway[i] = sim_view(m, i).gateway;
    for (unsigned i = 0; i < 40; i++)
        sim_touch(m, i);
    sim_run(m, 3 * HOUR);
    for (unsigned i = 0; i < 40; i++)
        assert_true(gw_str_eq(gateway[i], sim_view(m, i).gateway));
    assert_int_equal(m->subscribes, 40);
    assert_int_equal(sim_counters(m).moved, 0);
    sim_free(&m);
}

static void test_many_are_read_in_bulk(void **state)
{
    struct sim *m = sim_new(1, 300);

    (void)state;
    m->user[7].no_free_busy = true;
    sim_add(m, 7, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    sim_add(m, 9, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_OOF);
    sim_enable_all(m);
    sim_run(m, 10000);
    assert_int_equal(sim_counters(m).with_calendar, 300);
    assert_int_equal(sim_counters(m).subscribed, 300);
    assert_in_range(m->bulks, 1, 60);
    assert_in_range(m->reads + m->bulks, 1, 150);
    /* The one whose calendar is closed to others is read by impersonation. */
    assert_int_equal(sim_shown(m, 7), PRES_CAL_MEETING);
    assert_null(sim_view(m, 7).error);
    assert_int_equal(sim_shown(m, 9), PRES_CAL_AWAY);
    sim_free(&m);
}

static void test_never_more_than_threads_in_flight(void **state)
{
    struct sim *m = sim_new(4, 400);
    struct sched_settings settings;

    (void)state;
    m->settings.exchange_threads = 10;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    sim_run(m, 2000);
    assert_in_range(m->peak, 8, 10);
    settings = m->settings;
    settings.exchange_threads = 3;
    sched_settings_set(m->sched, &settings, m->now);
    sim_run(m, 200);
    m->peak = 0;
    sim_run(m, 60000);
    assert_in_range(m->peak, 1, 3);
    assert_int_equal(sim_counters(m).subscribed, 400);
    sim_free(&m);
}

static void test_queue_bounds_what_is_lined_up(void **state)
{
    struct sim *m = sim_new(2, 400);
    size_t most = 0, remembered = 0;

    (void)state;
    m->settings.exchange_queue = 30;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    for (int i = 0; i < 1000; i++) {
        struct sched_counters c;

        sim_run(m, 10);
        c = sim_counters(m);
        most = c.lined_up > most ? c.lined_up : most;
        remembered = c.remembered > remembered ? c.remembered : remembered;
    }
    assert_in_range(most, 1, 30);
    assert_in_range(remembered, 300, 400);
    sim_run(m, MIN);
    assert_int_equal(sim_counters(m).subscribed, 400);
    assert_int_equal(sim_counters(m).with_calendar, 400);
    sim_free(&m);
}

static void test_gateway_added_and_removed_live(void **state)
{
    struct sim *m = sim_new(3, 30);

    (void)state;
    for (unsigned i = 0; i < 30; i++)
        sim_enable(m, i);
    sim_run(m, MIN); /* nobody to ask yet */
    assert_int_equal(m->subscribes, 0);
    sched_gateway_put(m->sched, gw_str_of("cas1"), m->now);
    sim_run(m, 5000);
    assert_int_equal(sim_counters(m).subscribed, 30);
    sched_gateway_put(m->sched, gw_str_of("cas2"), m->now);
    sched_gateway_put(m->sched, gw_str_of("cas3"), m->now);
    sched_gateway_remove(m->sched, gw_str_of("cas1"), m->now);
    sim_run(m, 5000);
    assert_int_equal(sim_counters(m).subscribed, 30);
    assert_int_equal(sim_gateway_view(m, 1).users, 15);
    assert_int_equal(sim_gateway_view(m, 2).users, 15);
    for (unsigned i = 0; i < 30; i++)
        sim_touch(m, i); /* those that were left learn it */
    sim_run(m, 5000);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(sim_subs_of(m, i), 1);
    sim_free(&m);
}

static void test_gateway_removed_in_flight(void **state)
{
    struct sim *m = sim_new(2, 20);

    (void)state;
    sim_enable_all(m);
    sim_run(m, 30);
    assert_true(m->in_flight > 0);
    sched_gateway_remove(m->sched, gw_str_of("cas1"), m->now);
    assert_int_equal(m->gateway[0].in_flight, 0);
    sim_run(m, 5000);
    assert_int_equal(sim_counters(m).subscribed, 20);
    sched_gateway_remove(m->sched, gw_str_of("cas2"), m->now);
    sim_run(m, 5000);
    assert_int_equal(sim_counters(m).in_flight, 0);
    sim_free(&m);
}

static void test_removed_user_is_off_at_once(void **state)
{
    struct sim *m = sim_new(1, 2);

    (void)state;
    sim_enable_all(m);
    sim_run(m, 2000);
    assert_non_null(m->user[0].record[0]);
    sim_touch(m, 0);
    sim_run(m, 330); /* its read is on its way */
    assert_int_equal(m->in_flight, 1);
    sched_user_remove(m->sched, sim_name(m, 0));
    assert_int_equal(m->in_flight, 0);
    assert_null(m->user[0].record[0]);
    assert_null(m->user[0].record[1]);
    sim_touch(m, 0);
    sim_run(m, 2000);
    assert_int_equal(sim_subs_of(m, 0), 0);
    assert_int_equal(m->unsubscribed, 1);
    assert_int_equal(sim_subs_of(m, 1), 1);
    assert_int_equal(sim_counters(m).users, 1);
    sim_free(&m);
}

static void test_other_mailbox_begins_anew(void **state)
{
    struct sim *m = sim_new(1, 2);

    (void)state;
    sim_add(m, 0, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run(m, 2000);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
    sched_user_put(m->sched, sim_name(m, 0), gw_str_of(m->user[1].mailbox), m->now);
    assert_null(m->user[0].record[0]); /* its subscription is not this mailbox's */
    assert_null(m->user[0].record[1]);
    sim_run(m, 2000);
    assert_int_equal(sim_view(m, 0).calendar.count, 0);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    sim_free(&m);
}

/* ---- due moments ---- */

static void test_back_to_back_does_not_flicker(void **state)
{
    struct sim *m = sim_new(1, 1);
    gw_utc t = m->now.utc;

    (void)state;
    sim_add(m, 0, t + 10 * MIN, t + 40 * MIN, GW_BUSY_BUSY);
    sim_add(m, 0, t + 40 * MIN, t + 70 * MIN, GW_BUSY_BUSY);
    sim_add(m, 0, t + 20 * MIN, t + 30 * MIN, GW_BUSY_TENTATIVE); /* nested, and weaker */
    sim_enable_all(m);
    sim_run(m, 5000);
    sim_run_to(m, t + 2 * HOUR);
    assert_int_equal(m->user[0].shows, 3); /* free, in a meeting, free */
    assert_int_equal(m->user[0].shown_at, t + 70 * MIN);
    sim_free(&m);
}

static void test_spread_is_flat_and_the_same_for_start_and_end(void **state)
{
    enum { USERS = 600, SPREAD = 50 };
    struct sim *m = sim_new(1, USERS);
    gw_utc t = m->now.utc + HOUR, begun[USERS];
    unsigned second[SPREAD] = { 0 };

    (void)state;
    m->settings.spread_s = SPREAD;
    sched_settings_set(m->sched, &m->settings, m->now);
    for (unsigned i = 0; i < USERS; i++)
        sim_add(m, i, t, t + HOUR, GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run_to(m, t + MIN);
    for (unsigned i = 0; i < USERS; i++) {
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
        begun[i] = m->user[i].shown_at;
        assert_in_range(begun[i] - t, 0, SPREAD * 1000 - 1);
        second[(begun[i] - t) / 1000]++;
    }
    for (int i = 0; i < SPREAD; i++)
        assert_in_range(second[i], 1, 30); /* 12 expected */
    sim_run_to(m, t + HOUR + MIN);
    for (unsigned i = 0; i < USERS; i++)
        assert_int_equal(m->user[i].shown_at, begun[i] + HOUR);
    sim_free(&m);
}

/* The machine slept over a begin and, with others, over begin and end. */
static void test_late_wake_up_loses_no_transition(void **state)
{
    struct sim *m = sim_new(1, 2);
    gw_utc t = m->now.utc + HOUR;

    (void)state;
    sim_add(m, 0, t, t + HOUR, GW_BUSY_BUSY);
    sim_add(m, 1, t, t + 20 * MIN, GW_BUSY_BUSY);
    sim_add(m, 1, t + 25 * MIN, t + HOUR, GW_BUSY_OOF);
    sim_enable_all(m);
    sim_run_to(m, t - MIN);
    assert_int_equal(sim_counters(m).due_late_ms.max, 0);
    m->now.mono += 31 * MIN;
    m->now.utc += 31 * MIN;
    sim_run(m, 0);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
    assert_int_equal(sim_shown(m, 1), PRES_CAL_AWAY);
    assert_int_equal(sim_counters(m).due_late_ms.max, 30 * MIN);
    assert_true(sim_counters(m).age_s.count == 2);
    sim_run_to(m, t + HOUR);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    assert_int_equal(sim_shown(m, 1), PRES_CAL_FREE);
    sim_free(&m);
}

static void test_auto_spread(void **state)
{
    struct sim *m = sim_new(1, 1000);

    (void)state;
    m->settings.spread_s = GW_PARAM_WORD;
    sched_settings_set(m->sched, &m->settings, m->now);
    assert_int_equal(sim_counters(m).spread_s, 0);
    sim_enable_all(m);
    assert_int_equal(sim_counters(m).spread_s, 10);
    sim_free(&m);
}

static void test_spread_changed_live_loses_no_boundary(void **state)
{
    struct sim *m = sim_new(1, 50);
    gw_utc t = m->now.utc + HOUR;

    (void)state;
    m->settings.spread_s = 59;
    sched_settings_set(m->sched, &m->settings, m->now);
    for (unsigned i = 0; i < 50; i++)
        sim_add(m, i, t, t + HOUR, GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run_to(m, t + 20000); /* some have begun, some are to come */
    m->settings.spread_s = 0;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_run_to(m, t + MIN);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
    sim_run_to(m, t + HOUR + 1);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(sim_shown(m, i), PRES_CAL_FREE);
    sim_free(&m);
}

static void test_clock_step_forward_and_back(void **state)
{
    struct sim *m = sim_new(1, 3);
    gw_utc t = m->now.utc;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        sim_add(m, i, t + HOUR, t + 2 * HOUR, GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run(m, MIN);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    m->now.utc = t + HOUR + 10; /* suspended, or set right */
    sim_run(m, 1000);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
    m->now.utc = t + 10 * MIN;
    sim_run(m, 1000);
    assert_int_equal(sim_shown(m, 1), PRES_CAL_FREE);
    assert_int_equal(sim_counters(m).clock_steps, 1);
    sim_run_to(m, t + HOUR); /* and its moment is there again */
    assert_int_equal(sim_shown(m, 2), PRES_CAL_MEETING);
    m->now.utc = t + 3 * HOUR;
    sim_run(m, 1000);
    assert_int_equal(sim_shown(m, 2), PRES_CAL_FREE);
    m->now.utc = t - 30 * DAY; /* before any window */
    sim_run(m, 5000);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    assert_true(sim_view(m, 0).calendar.from <= m->now.utc);
    assert_true(sim_view(m, 0).calendar.fresh);
    sim_free(&m);
}

/* ---- windows ---- */

static void test_windows_roll_without_a_midnight_rush(void **state)
{
    enum { USERS = 480 };
    struct sim *m = sim_new(1, USERS);
    unsigned most = 0;

    (void)state;
    m->settings.oof_poll_min = m->settings.cross_check_min = 1440;
    sched_settings_set(m->sched, &m->settings, m->now);
    for (unsigned i = 0; i < USERS; i++)
        for (int d = 0; d < 9; d++)
            sim_add(m, i, SIM_EPOCH + d * DAY + 10 * HOUR, SIM_EPOCH + d * DAY + 11 * HOUR,
                    GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run_to(m, SIM_EPOCH + DAY);
    for (int d = 1; d < 6; d++) {
        for (int q = 0; q < 24; q++) {
            unsigned before = m->reads + m->bulks;

            sim_run(m, HOUR);
            most = m->reads + m->bulks - before > most ? m->reads + m->bulks - before : most;
            for (unsigned i = 0; i < USERS; i++) {
                struct sched_user_view v = sim_view(m, i);

                assert_true(v.calendar.to >= SIM_EPOCH + (d + 2) * DAY);
                assert_true(v.calendar.fresh);
                assert_int_equal(sim_shown(m, i), q == 9 ? PRES_CAL_MEETING : PRES_CAL_FREE);
            }
        }
    }
    assert_in_range(most, 10, 40); /* 20 an hour expected */
    sim_free(&m);
}

static void test_held_back_items_narrow_the_window(void **state)
{
    struct sim *m = sim_new(1, 1);

    (void)state;
    m->truncate_above = true;
    m->truncate = 3;
    for (int d = -1; d < 4; d++)
        sim_add(m, 0, SIM_EPOCH + d * DAY + 9 * HOUR, SIM_EPOCH + d * DAY + 10 * HOUR,
                GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run(m, 5000);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
    assert_int_equal(sim_view(m, 0).calendar.from, SIM_EPOCH);
    assert_int_equal(sim_view(m, 0).calendar.to, SIM_EPOCH + 2 * DAY);
    sim_run_to(m, SIM_EPOCH + 3 * DAY + 9 * HOUR + MIN);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
    m->truncate_above = false; /* and widens again when it rolls */
    sim_run(m, 2 * DAY);
    assert_true(sim_view(m, 0).calendar.to - sim_view(m, 0).calendar.from == 5 * DAY);
    sim_free(&m);
}

/* ---- the cross-check ---- */

/* Nobody tells of the change; it is found in the hour, and read in bulk. */
static void test_cross_check_finds_what_was_missed(void **state)
{
    enum { USERS = 400 };
    struct sim *m = sim_new(2, USERS);
    unsigned reads, bulks, saved;

    (void)state;
    sim_enable_all(m);
    sim_run(m, 2 * MIN);
    reads = m->reads;
    bulks = m->bulks;
    saved = m->user[1].changed;
    m->user[0].item[0] = (struct gw_interval){ .start = m->now.utc,
                                               .end = m->now.utc + 5 * HOUR,
                                               .busy = GW_BUSY_BUSY };
    m->user[0].count = 1;
    sim_run(m, HOUR + 20000);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
    assert_int_equal(sim_counters(m).missed, 1);
    assert_in_range(m->reads - reads, 0, 20);  /* turns with hardly anybody in them */
    assert_in_range(m->bulks - bulks, 20, 50); /* some twenty turns on two gateways */
    assert_int_equal(m->user[1].changed, saved);
    assert_true(sim_counters(m).unchanged >= USERS - 1);
    sim_free(&m);
}

/* What bulk reading cannot see, or shows in other words, makes no difference. */
static void test_cross_check_keeps_what_was_read_better(void **state)
{
    enum { USERS = 200 };
    struct sim *m = sim_new(1, USERS);
    unsigned bulks;
    char *record;

    (void)state;
    for (unsigned i = 0; i < USERS; i++) {
        sim_add(m, i, m->now.utc + HOUR, m->now.utc + 2 * HOUR, GW_BUSY_BUSY);
        m->user[i].item[0].flags = GW_INTERVAL_MEETING;
        sim_add(m, i, m->now.utc + 3 * HOUR, m->now.utc + 4 * HOUR, GW_BUSY_FREE);
    }
    sim_enable_all(m);
    sim_run(m, MIN);
    (void)sched_user_refresh(m->sched, sim_name(m, 0), m->now);
    sim_run(m, MIN);
    assert_int_equal(sim_view(m, 0).calendar.intervals[0].flags, GW_INTERVAL_MEETING);
    record = gw_str_dup(gw_str_of(m->user[0].record[1]));
    m->bulk_is_poor = true;
    bulks = m->bulks;
    sim_run(m, 2 * HOUR);
    assert_true(m->bulks - bulks > 5);
    assert_string_equal(record, m->user[0].record[1]);
    assert_int_equal(sim_view(m, 0).calendar.count, 2);
    assert_int_equal(sim_counters(m).missed, 0);
    free(record);
    sim_free(&m);
}

/* However short the line is: a request asks for a hundred calendars, if so many are to be read. */
static void test_who_comes_together_is_read_together(void **state)
{
    enum { USERS = 300 };
    struct sim *m = sim_new(1, USERS);

    (void)state;
    m->settings.exchange_queue = 10;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    sim_run(m, 2 * MIN);
    assert_int_equal(sim_counters(m).with_calendar, USERS);
    assert_in_range(m->bulks, USERS / 100, 12);
    assert_in_range(m->reads, 0, 10);
    sim_free(&m);
}

static void test_cross_check_interval_is_live(void **state)
{
    struct sim *m = sim_new(1, 1);

    (void)state;
    m->settings.cross_check_min = 1440;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    sim_run(m, MIN);
    m->reads = 0;
    m->settings.cross_check_min = 5;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_run(m, HOUR);
    assert_in_range(m->reads, 11, 13);
    sim_free(&m);
}

/* ---- automatic replies ---- */

static void test_automatic_replies_are_polled(void **state)
{
    struct sim *m = sim_new(1, 1);
    gw_utc t = m->now.utc;

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    m->user[0].oof = (struct gw_oof){ GW_OOF_SCHEDULED, t + HOUR, t + 2 * HOUR };
    sim_run(m, 11 * MIN);
    assert_int_equal(sim_view(m, 0).calendar.oof.state, GW_OOF_SCHEDULED);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    sim_run_to(m, t + HOUR); /* its beginning is a due moment like any other */
    assert_int_equal(sim_shown(m, 0), PRES_CAL_OOF);
    assert_string_equal(m->user[0].shown.text[PRES_WORDS_OWN],
                        "Out of office from 10:00 to 11:00 (UTC)");
    sim_run_to(m, t + 2 * HOUR);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    m->user[0].oof = (struct gw_oof){ GW_OOF_ENABLED, t, t + MIN }; /* old dates do not count */
    sim_run(m, 11 * MIN);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_OOF);
    assert_string_equal(m->user[0].shown.text[PRES_WORDS_OWN], "Out of office");
    sim_free(&m);
}

/* ---- parameters ---- */

static void test_other_port_renews_every_subscription(void **state)
{
    struct sim *m = sim_new(2, 40);

    (void)state;
    sim_enable_all(m);
    sim_run(m, 5000);
    snprintf(m->url, sizeof(m->url), "http://gw.example:50021/ews/notify/");
    sched_notify_url_set(m->sched, gw_str_of(m->url), m->now);
    sim_run(m, 5000);
    assert_int_equal(m->subscribes, 80);
    assert_int_equal(sim_counters(m).subscribed, 40);
    assert_int_equal(sim_counters(m).moved, 0);
    sim_run(m, 3 * HOUR); /* nobody answers the old ones any more: Exchange gives up */
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(sim_subs_of(m, i), 1);
    assert_int_equal(m->subscribes, 80);
    sched_notify_url_set(m->sched, gw_str_of(m->url), m->now); /* the same */
    sim_run(m, 5000);
    assert_int_equal(m->subscribes, 80);
    sim_free(&m);
}

static void test_other_port_while_subscribing(void **state)
{
    struct sim *m = sim_new(1, 1);

    (void)state;
    m->gateway[0].latency_ms = 900;
    sim_enable_all(m);
    sim_run(m, 100);
    assert_int_equal(m->in_flight, 1);
    snprintf(m->url, sizeof(m->url), "http://gw.example:50021/ews/notify/");
    sched_notify_url_set(m->sched, gw_str_of(m->url), m->now);
    sim_run(m, 5000);
    assert_int_equal(m->subscribes, 2);
    sim_run(m, 3 * HOUR); /* nobody answers the old ones any more: Exchange gives up */
    assert_int_equal(sim_subs_of(m, 0), 1);
    assert_int_equal(m->subscribes, 2);
    sim_free(&m);
}

static void frequency_set(struct sim *m, int64_t minutes)
{
    m->settings.status_frequency_min = minutes;
    sched_settings_set(m->sched, &m->settings, m->now);
}

static void test_other_status_frequency_renews_every_subscription(void **state)
{
    struct sim *m = sim_new(2, 40);

    (void)state;
    sim_enable_all(m);
    sim_run(m, 5000);
    frequency_set(m, 5);
    frequency_set(m, 5); /* the same */
    sim_run(m, 5000);
    assert_int_equal(m->subscribes, 80);
    assert_int_equal(sim_counters(m).subscribed, 40);
    assert_int_equal(sim_counters(m).moved, 0);
    sim_run(m, 2 * HOUR);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(sim_view(m, i).status_frequency_min, 5);
        assert_int_equal(sim_subs_of(m, i), 1);
    }
    assert_int_equal(m->unsubscribed, 40);
    frequency_set(m, 5);
    sim_run(m, HOUR);
    assert_int_equal(m->subscribes, 80);
    sim_free(&m);
}

/* Those whose turn has not come keep what they have. */
static void test_status_frequency_set_back_renews_nothing(void **state)
{
    struct sim *m = sim_new(2, 40);

    (void)state;
    sim_enable_all(m);
    sim_run(m, 5000);
    frequency_set(m, 5);
    assert_int_equal(sim_counters(m).subscribed, 0);
    frequency_set(m, 60);
    assert_int_equal(sim_counters(m).subscribed, 40);
    sim_run(m, 3 * HOUR);
    assert_int_equal(m->subscribes, 40);
    assert_int_equal(m->unsubscribed, 0);
    assert_int_equal(sim_counters(m).silent, 0);
    sim_free(&m);
}

static void test_other_status_frequency_while_subscribing(void **state)
{
    struct sim *m = sim_new(1, 1);

    (void)state;
    m->gateway[0].latency_ms = 900;
    sim_enable_all(m);
    sim_run(m, 100);
    assert_int_equal(m->in_flight, 1);
    frequency_set(m, 5);
    sim_run(m, 2 * HOUR);
    assert_int_equal(m->subscribes, 2);
    assert_int_equal(sim_view(m, 0).status_frequency_min, 5);
    assert_int_equal(sim_subs_of(m, 0), 1);
    sim_free(&m);
}

/* Its gateway is away when the frequency changes, and back when it is changed back. */
static void test_other_status_frequency_without_a_gateway(void **state)
{
    struct sim *m = sim_new(1, 2);

    (void)state;
    sim_enable_all(m);
    sim_run(m, 5000);
    m->gateway[0].up = false;
    frequency_set(m, 5);
    sim_run(m, 10 * MIN);
    frequency_set(m, 60);
    m->gateway[0].up = true;
    sim_run(m, 3 * HOUR);
    assert_int_equal(sim_counters(m).subscribed, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(sim_view(m, i).status_frequency_min, 60);
        assert_int_equal(sim_subs_of(m, i), 1);
    }
    sim_free(&m);
}

static void test_other_status_frequency_after_a_restart(void **state)
{
    struct sim *m = sim_new(1, 10);

    (void)state;
    sim_enable_all(m);
    sim_run(m, 5000);
    sim_kill(m);
    m->settings.status_frequency_min = 5;
    sim_start_again(m);
    sim_run(m, 2 * HOUR);
    assert_int_equal(m->subscribes, 20);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(sim_view(m, i).status_frequency_min, 5);
        assert_int_equal(sim_subs_of(m, i), 1);
    }
    sim_free(&m);
}

static void test_refresh_reads_at_once(void **state)
{
    struct sim *m = sim_new(1, 1);
    unsigned reads, polls;

    (void)state;
    sim_enable_all(m);
    sim_run(m, 5000);
    reads = m->reads;
    polls = m->polls;
    assert_int_equal(sched_user_refresh(m->sched, sim_name(m, 0), m->now), GW_OK);
    sim_run(m, 100);
    assert_int_equal(m->reads, reads + 1);
    assert_int_equal(m->polls, polls + 1);
    assert_int_equal(m->subscribes, 1);
    assert_int_equal(sched_user_refresh(m->sched, gw_str_of("nobody"), m->now), GW_NOTFOUND);
    sim_free(&m);
}

/* A callback may do anything but tick. */
static void on_changed_remove(struct gw_str user, void *ctx)
{
    struct sim *m = ctx;

    sched_user_remove(m->sched, user);
    assert_true(sim_user_of(m, user) >= 0); /* the text is still there */
}

static void test_callback_may_remove_its_user(void **state)
{
    struct sim *m = sim_new(1, 5);
    const struct sched_args args = {
        .exchange = { .start = sim_start, .cancel = sim_cancel, .ctx = m },
        .callbacks = { .changed = on_changed_remove, .due = on_changed_remove, .ctx = m },
        .notify_url = gw_str_of(m->url)
    };

    (void)state;
    sched_free(&m->sched);
    m->sched = sched_new(&args, m->now);
    sim_enable_all(m);
    sim_run(m, 5000);
    assert_int_equal(sim_counters(m).users, 0);
    assert_int_equal(sched_deadline(m->sched), GW_NEVER);
    sim_free(&m);
}

static void test_idle_engine_ticks_once_a_second(void **state)
{
    struct sim *m = sim_new(2, 20);
    unsigned ticks = 0;

    (void)state;
    m->settings.oof_poll_min = 1440;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    sim_run(m, 10000);
    while (ticks < 100) {
        gw_time at = sched_deadline(m->sched);

        assert_true(at > m->now.mono);
        m->now.utc += at - m->now.mono;
        m->now.mono = at;
        sched_tick(m->sched, m->now);
        ticks++;
    }
    assert_true(sched_deadline(m->sched) >= m->now.mono + SCHED_LOOK_MS);
    sim_free(&m);
}

/* Who sleeps until the deadline is told when it comes nearer. */
static void test_owner_is_woken(void **state)
{
    struct sim *m = sim_new(1, 2);
    gw_time deadline;
    struct sim_sub *sub;

    (void)state;
    sim_enable_all(m);
    assert_int_equal(m->wakes, 1);
    sim_run(m, 5000);
    m->wakes = 0;
    sched_tick(m->sched, m->now);
    deadline = sched_deadline(m->sched);
    assert_true(deadline > m->now.mono + 400);
    sub = sim_sub_of(m, 0);
    sub->changed = true;
    (void)sim_post(m, sub, false);
    assert_int_equal(m->wakes, 1);
    assert_true(sched_deadline(m->sched) < deadline);
    deadline = sched_deadline(m->sched);
    (void)sim_post(m, sub, false); /* nothing more to tell */
    assert_int_equal(m->wakes, 1);
    assert_int_equal(sched_deadline(m->sched), deadline);
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user_is_subscribed_read_and_polled),
        cmocka_unit_test(test_notification_before_subscribe_answer),
        cmocka_unit_test(test_unknown_token_is_unsubscribed),
        cmocka_unit_test(test_new_meeting_shows_within_two_seconds),
        cmocka_unit_test(test_notification_storm_is_merged),
        cmocka_unit_test(test_change_while_reading_is_read_again),
        cmocka_unit_test(test_unchanged_answer_costs_nothing_further),
        cmocka_unit_test(test_round_robin_and_kept),
        cmocka_unit_test(test_many_are_read_in_bulk),
        cmocka_unit_test(test_never_more_than_threads_in_flight),
        cmocka_unit_test(test_queue_bounds_what_is_lined_up),
        cmocka_unit_test(test_gateway_added_and_removed_live),
        cmocka_unit_test(test_gateway_removed_in_flight),
        cmocka_unit_test(test_removed_user_is_off_at_once),
        cmocka_unit_test(test_other_mailbox_begins_anew),
        cmocka_unit_test(test_back_to_back_does_not_flicker),
        cmocka_unit_test(test_spread_is_flat_and_the_same_for_start_and_end),
        cmocka_unit_test(test_late_wake_up_loses_no_transition),
        cmocka_unit_test(test_auto_spread),
        cmocka_unit_test(test_spread_changed_live_loses_no_boundary),
        cmocka_unit_test(test_clock_step_forward_and_back),
        cmocka_unit_test(test_windows_roll_without_a_midnight_rush),
        cmocka_unit_test(test_held_back_items_narrow_the_window),
        cmocka_unit_test(test_cross_check_finds_what_was_missed),
        cmocka_unit_test(test_cross_check_keeps_what_was_read_better),
        cmocka_unit_test(test_who_comes_together_is_read_together),
        cmocka_unit_test(test_cross_check_interval_is_live),
        cmocka_unit_test(test_automatic_replies_are_polled),
        cmocka_unit_test(test_other_port_renews_every_subscription),
        cmocka_unit_test(test_other_port_while_subscribing),
        cmocka_unit_test(test_other_status_frequency_renews_every_subscription),
        cmocka_unit_test(test_status_frequency_set_back_renews_nothing),
        cmocka_unit_test(test_other_status_frequency_while_subscribing),
        cmocka_unit_test(test_other_status_frequency_without_a_gateway),
        cmocka_unit_test(test_other_status_frequency_after_a_restart),
        cmocka_unit_test(test_refresh_reads_at_once),
        cmocka_unit_test(test_callback_may_remove_its_user),
        cmocka_unit_test(test_idle_engine_ticks_once_a_second),
        cmocka_unit_test(test_owner_is_woken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
