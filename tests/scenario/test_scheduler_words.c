/* What the scheduler tells an administrator: its log lines, how fresh a calendar is and why it is
 * not, and what comes next. */
#include "sched_sim.h"

#include "gw_log.h"

static void count_line(enum gw_log_level level, const char *component, struct gw_str line,
                       void *ctx)
{
    unsigned *lines = ctx;

    (void)level;
    (void)component;
    assert_true(line.len > 0);
    assert_true(line.p[line.len - 1] != ' ');
    (*lines)++;
}

static void test_log_lines_do_not_end_in_a_blank(void **state)
{
    struct sim *m = sim_new(2, 4);
    unsigned lines = 0;

    (void)state;
    gw_log_set_sink(count_line, &lines);
    assert_int_equal(gw_log_set_level("sched", GW_LOG_DEBUG), GW_OK);
    sim_enable_all(m);
    sim_run(m, 5000);
    m->gateway[0].up = false;
    (void)sched_user_refresh(m->sched, sim_name(m, 0), m->now);
    (void)sched_user_refresh(m->sched, sim_name(m, 1), m->now);
    sim_run(m, MIN);
    m->gateway[0].up = true;
    sim_run(m, 2 * MIN);
    sched_gateway_put(m->sched, gw_str_of("cas1"), m->now);
    sim_run(m, MIN);
    gw_log_set_sink(NULL, NULL);
    assert_in_range(lines, 8, 100);
    sim_free(&m);
}

/* ---- freshness ---- */

static struct sim *sim_settled(size_t gateways, size_t users)
{
    struct sim *m = sim_new(gateways, users);

    for (unsigned i = 0; i < users; i++)
        sim_add(m, i, m->now.utc + HOUR, m->now.utc + 2 * HOUR, GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run(m, 10 * MIN);
    for (unsigned i = 0; i < users; i++)
        assert_int_equal(sim_view(m, i).freshness, SCHED_FRESH);
    assert_int_equal(sim_counters(m).stale, 0);
    return m;
}

static void assert_not_fresh(const struct sim *m, unsigned user, enum sched_freshness why)
{
    struct sched_user_view v = sim_view(m, user);

    assert_int_equal(v.freshness, why);
    assert_false(v.calendar.fresh);
    assert_true(v.stale_since > 0 && v.stale_since <= m->now.utc);
}

static void refuse_all(struct sim *m, struct ews_status status)
{
    for (int op = 0; op < 4; op++)
        m->gateway[0].refuse[op] = status;
}

/* The password was changed at Exchange: notifications come, and nothing can be read. */
static void test_refused_account_leaves_a_change_unread(void **state)
{
    struct sim *m = sim_settled(1, 3);

    (void)state;
    refuse_all(m, sim_status(EWS_CREDENTIALS, "http-401", false));
    sched_gateway_put(m->sched, gw_str_of("cas1"), m->now);
    sim_run(m, 100);
    sim_clear(m, 0);
    sim_run(m, 2000);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_REFUSED);
    assert_int_equal(sim_view(m, 0).sub_state, SCHED_SUB_LIVE);
    assert_not_fresh(m, 0, SCHED_GATEWAY_GONE);
    sim_run(m, 5000);
    assert_not_fresh(m, 0, SCHED_CHANGE_UNREAD);
    assert_not_fresh(m, 1, SCHED_GATEWAY_GONE);
    assert_int_equal(sim_counters(m).stale, 3);
    assert_string_equal(sim_view(m, 0).next_action, "wait for the gateway");
    assert_int_equal(sim_view(m, 0).next_action_at, sim_gateway_view(m, 0).next_probe);
    refuse_all(m, (struct ews_status){ 0 });
    sched_gateway_put(m->sched, gw_str_of("cas1"), m->now);
    sim_run(m, 5000);
    assert_int_equal(sim_view(m, 0).freshness, SCHED_FRESH);
    assert_int_equal(sim_view(m, 0).stale_since, 0);
    assert_int_equal(sim_view(m, 0).calendar.count, 0);
    assert_int_equal(sim_counters(m).stale, 0);
    sim_free(&m);
}

static void test_all_gateways_removed(void **state)
{
    struct sim *m = sim_settled(2, 2);

    (void)state;
    sched_gateway_remove(m->sched, gw_str_of("cas1"), m->now);
    sched_gateway_remove(m->sched, gw_str_of("cas2"), m->now);
    assert_not_fresh(m, 0, SCHED_UNSUBSCRIBED);
    sim_run(m, MIN);
    assert_not_fresh(m, 0, SCHED_UNSUBSCRIBED);
    sim_clear(m, 0);
    sim_run(m, 10000);
    assert_not_fresh(m, 0, SCHED_CHANGE_UNREAD); /* the old subscription is still heard */
    assert_string_equal(sim_view(m, 0).next_action, "wait for a gateway");
    assert_int_equal(sim_view(m, 0).next_action_at, 0);
    assert_int_equal(sim_counters(m).stale, 2);
    sched_gateway_put(m->sched, gw_str_of("cas1"), m->now);
    sim_run(m, 5000);
    assert_int_equal(sim_view(m, 0).freshness, SCHED_FRESH);
    sim_free(&m);
}

/* One mailbox that cannot be read, on a server that is well. */
static void test_change_that_cannot_be_read(void **state)
{
    struct sim *m = sim_settled(1, 2);

    (void)state;
    m->user[0].refuse[EWS_OP_FIND_ITEM] = sim_status(EWS_PERMISSION, "ErrorAccessDenied", true);
    sim_clear(m, 0);
    sim_run(m, 3000);
    assert_true(sim_view(m, 0).calendar.fresh); /* a short moment */
    sim_run(m, 10000);
    assert_not_fresh(m, 0, SCHED_CHANGE_UNREAD);
    assert_non_null(sim_view(m, 0).error);
    assert_true(sim_view(m, 1).calendar.fresh);
    assert_int_equal(sim_counters(m).stale, 1);
    m->user[0].refuse[EWS_OP_FIND_ITEM] = (struct ews_status){ 0 };
    (void)sched_user_refresh(m->sched, sim_name(m, 0), m->now);
    sim_run(m, 2 * HOUR);
    assert_true(sim_view(m, 0).calendar.fresh);
    sim_free(&m);
}

/* What was said while its server was away may be lost: fresh only when it has been read again. */
static void test_gateway_down_and_back(void **state)
{
    struct sim *m = sim_settled(1, 2);

    (void)state;
    m->gateway[0].up = false;
    (void)sched_user_refresh(m->sched, sim_name(m, 0), m->now);
    sim_run(m, MIN);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_DOWN);
    assert_not_fresh(m, 1, SCHED_GATEWAY_GONE);
    m->gateway[0].up = true;
    sim_run(m, 2 * MIN);
    assert_true(sim_view(m, 0).calendar.fresh);
    assert_true(sim_view(m, 1).calendar.fresh);
    sim_free(&m);
}

static void test_never_read_waits_for_a_gateway(void **state)
{
    struct sim *m = sim_new(1, 1);

    (void)state;
    sim_enable(m, 0); /* and no gateway */
    sim_run(m, MIN);
    assert_int_equal(sim_view(m, 0).freshness, SCHED_NEVER_READ);
    assert_int_equal(sim_view(m, 0).stale_since, 0);
    assert_string_equal(sim_view(m, 0).next_action, "wait for a gateway");
    assert_int_equal(sim_counters(m).stale, 0);
    sim_free(&m);
}

/* One read has failed and is tried again in a second: but not before the server wants it. */
static void test_retry_waits_for_the_end_of_a_back_off(void **state)
{
    struct sim *m = sim_settled(1, 2);
    struct ews_status busy = sim_status(EWS_SERVER_DOWN, "http-503", false);

    (void)state;
    busy.backoff_ms = 5 * MIN;
    m->user[0].refuse[EWS_OP_FIND_ITEM] = busy;
    sim_clear(m, 0);
    sim_run(m, 1000);
    assert_string_equal(sim_view(m, 0).next_action, "read calendar");
    assert_true(sim_gateway_view(m, 0).backoff_until > m->now.utc + 4 * MIN);
    assert_int_equal(sim_view(m, 0).next_action_at, sim_gateway_view(m, 0).backoff_until);
    sim_free(&m);
}

/* A change told while the calendar is being read is not in what comes. */
static void test_change_during_a_read(void **state)
{
    struct sim *m = sim_settled(1, 1);

    (void)state;
    m->gateway[0].latency_ms = 900;
    sim_touch(m, 0);
    sim_run(m, 400);
    assert_int_equal(m->in_flight, 1);
    sim_touch(m, 0);
    sim_run(m, 10);
    refuse_all(m, sim_status(EWS_TRANSIENT, "ErrorInternalServerTransientError", true));
    m->user[0].refuse[EWS_OP_FIND_ITEM] = (struct ews_status){ 0 };
    sim_run(m, 12000);
    assert_not_fresh(m, 0, SCHED_CHANGE_UNREAD);
    refuse_all(m, (struct ews_status){ 0 });
    sim_run(m, 2 * MIN);
    assert_true(sim_view(m, 0).calendar.fresh);
    sim_free(&m);
}

/* Looking at everybody when somebody asks would hold up whoever is due. */
static void test_many_are_counted_a_part_at_a_time(void **state)
{
    struct sim *m = sim_new(2, 6000);

    (void)state;
    sim_enable_all(m);
    sim_run(m, 2 * MIN);
    assert_int_equal(sim_counters(m).with_calendar, 6000);
    assert_int_equal(sim_counters(m).stale, 0);
    assert_int_equal(sim_counters(m).age_s.count, 6000);
    assert_int_equal(sim_gateway_view(m, 1).age_s.count, 3000);
    m->gateway[0].up = m->gateway[1].up = false;
    for (unsigned i = 0; i < 20; i++)
        sim_touch(m, i);
    for (unsigned i = 0; i < 20; i++)
        (void)sched_user_refresh(m->sched, sim_name(m, i), m->now);
    sim_run(m, 10000);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_DOWN);
    assert_int_equal(sim_gateway_view(m, 1).state, SCHED_GATEWAY_DOWN);
    sim_run(m, 22000);
    assert_int_equal(sim_counters(m).stale, 6000);
    assert_int_equal(sim_gateways_sum(m).stale, 6000);
    assert_int_equal(sim_counters(m).age_s.count, 6000);
    for (unsigned i = 1000; i < 6000; i++) {
        m->user[i].enabled = false;
        sched_user_remove(m->sched, sim_name(m, i));
    }
    sim_run(m, 1000);
    assert_int_equal(sim_counters(m).stale, 1000);
    sim_free(&m);
}

static void assert_counted(struct sim *m)
{
    struct sched_counters all = sim_counters(m), sum = sim_gateways_sum(m);

    assert_int_equal(sum.users, all.users);
    assert_int_equal(sum.subscribed, all.subscribed);
    assert_int_equal(sum.stale, all.stale);
    assert_int_equal(sum.age_s.count, all.age_s.count);
    assert_int_equal(sum.notifications, all.notifications - all.unknown_tokens);
    assert_int_equal(sum.requests, all.requests);
    assert_int_equal(sum.failures, all.failures);
    assert_int_equal(sum.retries, all.retries);
    assert_int_equal(sum.push_backs, all.push_backs);
    assert_int_equal(sum.reads, all.reads + all.bulk_reads);
    assert_int_equal(sum.due, all.due);
}

/* What is counted of all is counted of each gateway, wherever its users come from and go. */
static void test_each_gateway_is_counted(void **state)
{
    struct sim *m = sim_settled(2, 40);
    struct sched_gateway_view v = sim_gateway_view(m, 0);

    (void)state;
    assert_counted(m);
    assert_int_equal(v.subscribed, 20);
    assert_int_equal(v.age_s.count, 20);
    assert_int_equal(v.stale, 0);
    assert_true(v.notifications >= 20 && v.reads > 0);
    for (unsigned i = 0; i < 40; i++)
        sim_add(m, i, m->now.utc + MIN, m->now.utc + 2 * MIN, GW_BUSY_BUSY);
    m->user[0].refuse[EWS_OP_FIND_ITEM] = sim_status(EWS_TRANSIENT, "ErrorOfTheTest", true);
    sim_run(m, 3 * MIN);
    assert_counted(m);
    assert_int_equal(sim_gateway_view(m, 0).due_late_ms->count, 38); /* one was not read */
    assert_true(sim_counters(m).retries > 0);

    m->user[0].refuse[EWS_OP_FIND_ITEM] = (struct ews_status){ 0 };
    m->gateway[0].up = false;
    for (unsigned i = 0; i < 40; i++)
        sim_touch(m, i);
    sim_run(m, 4000);
    assert_counted(m);
    sim_run(m, 20 * MIN);
    assert_counted(m);
    assert_int_equal(sim_gateway_view(m, 0).subscribed, 0);
    assert_int_equal(sim_gateway_view(m, 1).subscribed, 40);
    m->gateway[0].up = true;
    m->settings.source = SCHED_MODE_STREAMING;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_run(m, 20 * MIN);
    assert_counted(m);
    assert_in_range(sim_gateway_view(m, 0).subscribed, 18, 22);
    for (unsigned i = 0; i < 20; i++) {
        m->user[i].enabled = false;
        sched_user_remove(m->sched, sim_name(m, i));
    }
    sim_run(m, MIN);
    assert_counted(m);
    assert_int_equal(sim_counters(m).subscribed, 20);
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_lines_do_not_end_in_a_blank),
        cmocka_unit_test(test_refused_account_leaves_a_change_unread),
        cmocka_unit_test(test_all_gateways_removed),
        cmocka_unit_test(test_change_that_cannot_be_read),
        cmocka_unit_test(test_gateway_down_and_back),
        cmocka_unit_test(test_never_read_waits_for_a_gateway),
        cmocka_unit_test(test_retry_waits_for_the_end_of_a_back_off),
        cmocka_unit_test(test_change_during_a_read),
        cmocka_unit_test(test_many_are_counted_a_part_at_a_time),
        cmocka_unit_test(test_each_gateway_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
