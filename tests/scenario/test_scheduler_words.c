/* What the scheduler tells an administrator: its log lines, how fresh a calendar is and why it is
 * not, and what comes next. */
#include "sched_sim.h"

#include "gw_log.h"

#define MIN  ((int64_t)GW_MINUTE_MS)
#define HOUR ((int64_t)GW_HOUR_MS)

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_lines_do_not_end_in_a_blank),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
