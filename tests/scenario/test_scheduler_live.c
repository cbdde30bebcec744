/* Each parameter, changed while calendars change all the time, has its effect; and nothing is lost. */
#include "sched_sim.h"

enum { USERS = 240, LATECOMERS = 120 };

static void set(struct sim *m, int64_t *parameter, int64_t value)
{
    *parameter = value;
    sched_settings_set(m->sched, &m->settings, m->now);
}

/* Somebody's calendar is another one every 200 ms. */
static void run_under_load(struct sim *m, int64_t ms)
{
    for (gw_time until = m->now.mono + ms; m->now.mono < until;) {
        unsigned user = 1 + sim_below(m, USERS - LATECOMERS - 1);

        if (m->user[user].count > 10)
            sim_clear(m, user);
        sim_add(m, user, m->now.utc + HOUR, m->now.utc + 2 * HOUR, GW_BUSY_BUSY);
        sim_run(m, 200);
    }
}

static void meeting_unheard(struct sim *m, unsigned user)
{
    m->user[user].count = 0;
    m->user[user].item[m->user[user].count++] =
        (struct gw_interval){ m->now.utc - MIN, m->now.utc + 6 * HOUR, GW_BUSY_BUSY, 0, 0 };
}

static void enable_latecomers(struct sim *m)
{
    for (unsigned i = USERS - LATECOMERS; i < USERS; i++)
        sim_enable(m, i);
}

/* ---- the effects ---- */

static void status_frequency(struct sim *m)
{
    set(m, &m->settings.status_frequency_min, 11);
    run_under_load(m, 6 * MIN); /* what is replaced hears of it with its next status event */
    for (unsigned i = 0; i < USERS - LATECOMERS; i++) {
        assert_int_equal(sim_subs_of(m, i), 1);
        assert_int_equal(sim_sub_of(m, i)->frequency_ms, 11 * MIN);
    }
}

static void notification_port(struct sim *m)
{
    snprintf(m->url, sizeof(m->url), "http://gw.example:50021/ews/notify/");
    sched_notify_url_set(m->sched, gw_str_of(m->url), m->now);
    run_under_load(m, 13 * MIN); /* nobody hears the old ones here: Exchange gives them up */
    for (unsigned i = 0; i < USERS - LATECOMERS; i++) {
        assert_int_equal(sim_subs_of(m, i), 1);
        assert_string_equal(sim_sub_of(m, i)->url, m->url);
    }
}

static void spread(struct sim *m)
{
    gw_utc start = (m->now.utc / MIN + 3) * MIN;
    unsigned late = 0;

    for (unsigned i = 1; i < USERS - LATECOMERS; i++) {
        sim_clear(m, i);
        sim_add(m, i, start, start + HOUR, GW_BUSY_BUSY);
    }
    sim_run_to(m, start - MIN - 1000);
    set(m, &m->settings.spread_s, 40);
    sim_run_to(m, start + 41000);
    for (unsigned i = 1; i < USERS - LATECOMERS; i++) {
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
        late += m->user[i].shown_at >= start + 20000;
    }
    assert_in_range(late, 40, 80); /* about half of them */
}

static void exchange_queue(struct sim *m)
{
    size_t most = 0;

    set(m, &m->settings.exchange_queue, 6);
    sim_run(m, 2000);
    enable_latecomers(m);
    for (int i = 0; i < 200; i++) {
        size_t lined_up;

        sim_run(m, 10);
        lined_up = sim_counters(m).lined_up;
        most = lined_up > most ? lined_up : most;
    }
    assert_in_range(most, 1, 6);
    set(m, &m->settings.exchange_queue, 2200);
    run_under_load(m, 30000);
    assert_int_equal(sim_counters(m).subscribed, USERS);
}

static void exchange_threads(struct sim *m)
{
    set(m, &m->settings.exchange_threads, 2);
    sim_run(m, 2000);
    m->peak = 0;
    enable_latecomers(m);
    run_under_load(m, 30000);
    assert_int_equal(m->peak, 2);
    set(m, &m->settings.exchange_threads, 30);
    for (unsigned i = 1; i < USERS; i++)
        (void)sched_user_refresh(m->sched, sim_name(m, i), m->now);
    run_under_load(m, 10000);
    assert_in_range(m->peak, 3, 30);
}

static void oof_poll(struct sim *m)
{
    m->user[0].oof.state = GW_OOF_ENABLED;
    run_under_load(m, 12 * MIN);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    set(m, &m->settings.oof_poll_min, 5);
    run_under_load(m, 6 * MIN);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_OOF);
}

static void cross_check(struct sim *m)
{
    meeting_unheard(m, 0);
    run_under_load(m, 12 * MIN);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    set(m, &m->settings.cross_check_min, 5);
    run_under_load(m, 6 * MIN);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
}

static void poll(struct sim *m)
{
    set(m, &m->settings.poll_min, 60);
    m->settings.source = SCHED_MODE_POLL;
    sched_settings_set(m->sched, &m->settings, m->now);
    run_under_load(m, 6 * MIN);
    meeting_unheard(m, 0);
    set(m, &m->settings.poll_min, 1);
    run_under_load(m, 70000);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
}

static void source(struct sim *m)
{
    m->settings.source = SCHED_MODE_STREAMING;
    sched_settings_set(m->sched, &m->settings, m->now);
    run_under_load(m, 6 * MIN);
    assert_int_equal(sim_counters(m).streaming, USERS - LATECOMERS);
    m->settings.source = SCHED_MODE_PUSH;
    sched_settings_set(m->sched, &m->settings, m->now);
    run_under_load(m, 6 * MIN);
    assert_int_equal(sim_counters(m).push, USERS - LATECOMERS);
    for (unsigned i = 0; i < USERS - LATECOMERS; i++)
        assert_int_equal(sim_subs_of(m, i), 1);
}

/* ---- all of them ---- */

static const struct {
    const char *key;
    void (*run)(struct sim *m); /* NULL: not the scheduler's; tests/e2e/test_live_changes.py */
} effect[] = {
    { "calendar.status_frequency_min", status_frequency },
    { "calendar.notification_port", notification_port },
    { "calendar.spread_s", spread },
    { "calendar.exchange_timeout_s", NULL },
    { "calendar.exchange_queue", exchange_queue },
    { "calendar.exchange_threads", exchange_threads },
    { "calendar.oof_display", NULL },
    { "calendar.oof_poll_min", oof_poll },
    { "calendar.cross_check_min", cross_check },
    { "calendar.poll_min", poll },
    { "calendar.source", source },
};

static void test_each_parameter_has_its_effect_under_load(void **state)
{
    (void)state;
    assert_int_equal(sizeof(effect) / sizeof(effect[0]), sched_param_count);
    for (size_t i = 0; i < sched_param_count; i++) {
        struct sim *m;

        assert_string_equal(effect[i].key, sched_params[i].key);
        if (!effect[i].run)
            continue;
        print_message("%s\n", effect[i].key);
        m = sim_new(2, USERS);
        m->settings.status_frequency_min = 5;
        m->settings.oof_poll_min = m->settings.cross_check_min = 1440;
        sched_settings_set(m->sched, &m->settings, m->now);
        for (int g = 0; g < 2; g++)
            sched_gateway_put(m->sched, gw_str_of(m->gateway[g].name), m->now);
        for (unsigned u = 0; u < USERS - LATECOMERS; u++)
            sim_enable(m, u);
        run_under_load(m, MIN);
        assert_int_equal(sim_counters(m).subscribed, USERS - LATECOMERS);
        effect[i].run(m);
        sim_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_parameter_has_its_effect_under_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
