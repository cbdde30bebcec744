/* What goes wrong in other products. Elsewhere: back-to-back items, late wake-ups, automatic replies
 * without dates (paths, replies), failover, silence, ports, moved and removed mailboxes (troubles),
 * what items and zones mean (the reader's own tests). */
#include "sched_sim.h"

static struct sim *sim_with(const struct gw_interval *item, size_t count, gw_utc begin)
{
    struct sim *m = sim_new(1, 1);

    m->now.utc = begin;
    sched_free(&m->sched);
    sim_sched_new(m);
    for (size_t i = 0; i < count; i++) {
        sim_add(m, 0, item[i].start, item[i].end, (enum gw_busy)item[i].busy);
        m->user[0].item[i].flags = item[i].flags;
    }
    sim_enable_all(m);
    return m;
}

static void assert_shown_at(struct sim *m, gw_utc t, enum pres_calendar_kind kind)
{
    sim_run_to(m, t);
    assert_int_equal(sim_shown(m, 0), kind);
}

static void test_end_second_is_not_in_the_meeting(void **state)
{
    gw_utc t = SIM_EPOCH + 10 * HOUR;
    const struct gw_interval item = { t, t + HOUR, GW_BUSY_BUSY, 0, 0 };
    struct sim *m = sim_with(&item, 1, t - HOUR);

    (void)state;
    assert_shown_at(m, t + HOUR - 1, PRES_CAL_MEETING);
    assert_shown_at(m, t + HOUR, PRES_CAL_FREE);
    sim_run(m, 6 * HOUR);
    assert_int_equal(m->user[0].shown_at, t + HOUR);
    sim_free(&m);
}

static void test_not_busy_before_it_starts(void **state)
{
    gw_utc t = SIM_EPOCH + 10 * HOUR;
    const struct gw_interval item = { t, t + HOUR, GW_BUSY_BUSY, 0, 0 };

    (void)state;
    for (unsigned spread = 0; spread < 60; spread += 20) {
        struct sim *m = sim_with(&item, 1, t - HOUR);

        m->settings.spread_s = spread;
        sched_settings_set(m->sched, &m->settings, m->now);
        sim_run_to(m, t - 600);
        sim_add(m, 0, t + 5 * HOUR, t + 6 * HOUR, GW_BUSY_BUSY); /* so that somebody looks */
        assert_shown_at(m, t - 1, PRES_CAL_FREE);
        assert_int_equal(m->user[0].count, 2);
        assert_true(m->user[0].changed > 1);
        assert_shown_at(m, t + spread * 1000, PRES_CAL_MEETING);
        sim_free(&m);
    }
}

static void test_nested_item_does_not_end_the_outer_one(void **state)
{
    gw_utc t = SIM_EPOCH + 10 * HOUR;
    const struct gw_interval item[] = { { t, t + 4 * HOUR, GW_BUSY_BUSY, 0, 0 },
                                        { t + HOUR, t + 2 * HOUR, GW_BUSY_BUSY, 0, 0 },
                                        { t + HOUR, t + 3 * HOUR, GW_BUSY_TENTATIVE, 0, 0 } };
    struct sim *m = sim_with(item, 3, t - HOUR);
    unsigned shows;

    (void)state;
    assert_shown_at(m, t, PRES_CAL_MEETING);
    shows = m->user[0].shows;
    for (gw_utc at = t; at < t + 4 * HOUR; at += 10 * MIN)
        assert_shown_at(m, at, PRES_CAL_MEETING);
    assert_int_equal(m->user[0].shows, shows); /* the same all the time */
    assert_shown_at(m, t + 4 * HOUR, PRES_CAL_FREE);
    sim_free(&m);
}

static void test_enabled_in_mid_meeting(void **state)
{
    gw_utc t = SIM_EPOCH + 10 * HOUR;
    const struct gw_interval item = { t, t + HOUR, GW_BUSY_BUSY, 0, 0 };
    struct sim *m = sim_with(&item, 1, t + 20 * MIN);

    (void)state;
    m->settings.spread_s = 50; /* what is past is shown at once, whatever the spread */
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_run(m, 2000);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
    sim_free(&m);
}

static void test_all_day_free_item_hides_nothing(void **state)
{
    gw_utc t = SIM_EPOCH + DAY;
    const struct gw_interval item[] = { { t, t + DAY, GW_BUSY_FREE, GW_INTERVAL_ALL_DAY, 0 },
                                        { t + 9 * HOUR, t + 10 * HOUR, GW_BUSY_BUSY, 0, 0 } };
    struct sim *m = sim_with(item, 2, SIM_EPOCH + 12 * HOUR);

    (void)state;
    assert_shown_at(m, t + HOUR, PRES_CAL_FREE);
    assert_shown_at(m, t + 9 * HOUR, PRES_CAL_MEETING);
    assert_shown_at(m, t + 10 * HOUR, PRES_CAL_FREE);
    sim_free(&m);
}

/* Midnights of Berlin, where a day has 25 hours on 2026-10-25 and 23 on 2027-03-28, and of New York. */
static void test_days_of_23_and_25_hours(void **state)
{
    static const struct {
        const char *start, *end;
        int hours;
    } day[] = { { "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 25 },
                { "2027-03-28T00:00:00+01:00", "2027-03-29T00:00:00+02:00", 23 },
                { "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00", 25 },
                { "2027-03-14T00:00:00-05:00", "2027-03-15T00:00:00-04:00", 23 } };

    (void)state;
    for (size_t i = 0; i < sizeof(day) / sizeof(day[0]); i++) {
        struct gw_interval item = { .busy = GW_BUSY_OOF, .flags = GW_INTERVAL_ALL_DAY };
        struct gw_err err;
        struct sim *m;

        assert_int_equal(gw_utc_parse(gw_str_of(day[i].start), &item.start, &err), GW_OK);
        assert_int_equal(gw_utc_parse(gw_str_of(day[i].end), &item.end, &err), GW_OK);
        assert_int_equal(item.end - item.start, day[i].hours * HOUR);
        m = sim_with(&item, 1, item.start - 30 * HOUR);
        assert_shown_at(m, item.start - 1, PRES_CAL_FREE);
        for (gw_utc at = item.start; at < item.end; at += HOUR)
            assert_shown_at(m, at, PRES_CAL_AWAY);
        assert_shown_at(m, item.end - 1, PRES_CAL_AWAY);
        assert_shown_at(m, item.end, PRES_CAL_FREE);
        assert_int_equal(m->user[0].shows, 3);
        sim_free(&m);
    }
}

/* ---- faults ---- */

static void assert_well(struct sim *m)
{
    for (unsigned i = 0; i < m->users; i++) {
        struct sched_user_view v = sim_view(m, i);

        assert_int_equal(v.sub_state, SCHED_SUB_LIVE);
        assert_true(v.calendar.fresh);
        assert_true(v.calendar.oof_known);
        assert_null(v.error);
        assert_int_equal(sim_subs_of(m, i), 1);
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
    }
}

/* Every kind of refusal, of every operation, in every mode; when it is over all is well again by
 * itself. */
static void test_no_fault_leaves_anybody_stuck(void **state)
{
    enum { USERS = 30 };

    (void)state;
    for (int mode = SCHED_MODE_PUSH; mode <= SCHED_MODE_STREAMING; mode++)
        for (int class = EWS_BUSY; class <= EWS_SERVER_DOWN; class ++)
            for (int op = 0; op < EWS_OP_COUNT; op++) {
                struct sim *m = sim_new(2, USERS);
                struct sim_gateway *g = &m->gateway[0];

                if (class == EWS_UNSUPPORTED && op != EWS_OP_MAIL_TIPS)
                    goto next; /* no server answers so */
                m->settings.status_frequency_min = 5;
                m->settings.source = mode;
                sched_settings_set(m->sched, &m->settings, m->now);
                for (unsigned i = 0; i < USERS; i++)
                    sim_add(m, i, m->now.utc - MIN, m->now.utc + 12 * HOUR, GW_BUSY_BUSY);
                g->refuse[op] = sim_status((enum ews_class) class, "ErrorOfTheTest",
                                           class != EWS_SERVER_DOWN && class != EWS_CREDENTIALS);
                sim_enable_all(m);
                sim_run(m, 5 * MIN);
                g->refuse[op] = sim_status(EWS_OK, "NoError", true);
                sim_run(m, 70 * MIN);
                assert_well(m);
next:
                sim_free(&m);
            }
}

static void test_slow_answers_are_waited_for(void **state)
{
    struct sim *m = sim_new(1, 1);

    (void)state;
    m->gateway[0].latency_ms = 2900;
    sim_enable_all(m);
    for (int i = 0; i < 200; i++) {
        sim_clear(m, 0);
        sim_run(m, 500);
        assert_in_range(m->gateway[0].in_flight, 0, 3); /* one of each kind */
    }
    assert_in_range(m->reads, 20, 36); /* one after the other */
    sim_free(&m);
}

static void test_event_for_an_unknown_id_of_a_stream(void **state)
{
    struct sim *m = sim_new(1, 5);
    struct ews_notification n = { .subscription_id = GW_STR("of-somebody-else"), .changes = 1 };
    struct sim_stream *st;
    unsigned reads;

    (void)state;
    m->settings.source = SCHED_MODE_STREAMING;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    sim_run(m, MIN);
    reads = m->reads + m->bulks;
    st = (struct sim_stream *)m->streams.next;
    st->event(&n, m->now, st->ctx);
    sim_run(m, MIN);
    assert_int_equal(m->reads + m->bulks, reads);
    assert_int_equal(sim_counters(m).subscribed, 5);
    sim_free(&m);
}

/* More than one notification holds: each says that there is more, and all are read together. */
static void test_more_events_than_one_notification_holds(void **state)
{
    struct sim *m = sim_new(1, 1);
    struct ews_notification n = { .changes = 50, .more_events = true };
    unsigned reads;

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    reads = m->reads;
    sim_add(m, 0, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    for (int i = 0; i < 20; i++) {
        n.more_events = i < 19;
        assert_int_equal(sched_notified(m->sched, gw_str_of(sim_sub_of(m, 0)->token), &n, m->now),
                         EWS_REPLY_OK);
        sim_run(m, 10);
    }
    sim_run(m, 3000);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
    assert_in_range(m->reads - reads, 1, 2);
    sim_free(&m);
}

/* A stream is a request like any other to a server that wants to be left in peace. */
static void test_no_stream_is_opened_inside_a_back_off(void **state)
{
    struct sim *m = sim_new(1, 50);
    struct sim_gateway *g = &m->gateway[0];
    unsigned opened;

    (void)state;
    m->settings.source = SCHED_MODE_STREAMING;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    sim_run(m, MIN);
    g->throttled_until = m->now.mono + 5 * MIN;
    g->throttle_ms = 1;
    (void)sched_user_refresh(m->sched, sim_name(m, 0), m->now);
    sim_run(m, 2000);
    assert_true(sim_gateway_view(m, 0).backoff_until > 0);
    opened = m->streams_opened;
    sim_break_streams(m, g);
    sim_run_to(m, sim_gateway_view(m, 0).backoff_until - 1);
    assert_int_equal(m->streams_opened, opened);
    assert_int_equal(g->early, 0);
    sim_run(m, 5000);
    assert_int_equal(m->streams_opened, opened + 1);
    assert_int_equal(m->subscribes, 50);
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_second_is_not_in_the_meeting),
        cmocka_unit_test(test_not_busy_before_it_starts),
        cmocka_unit_test(test_nested_item_does_not_end_the_outer_one),
        cmocka_unit_test(test_enabled_in_mid_meeting),
        cmocka_unit_test(test_all_day_free_item_hides_nothing),
        cmocka_unit_test(test_days_of_23_and_25_hours),
        cmocka_unit_test(test_no_fault_leaves_anybody_stuck),
        cmocka_unit_test(test_slow_answers_are_waited_for),
        cmocka_unit_test(test_event_for_an_unknown_id_of_a_stream),
        cmocka_unit_test(test_more_events_than_one_notification_holds),
        cmocka_unit_test(test_no_stream_is_opened_inside_a_back_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
