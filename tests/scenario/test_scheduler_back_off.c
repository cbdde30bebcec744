/* What a server tells to be left alone for, to the millisecond: nothing goes out before (the simulated
 * Exchange asserts that of every request), and what waits goes out in that very millisecond. */
#include "sched_sim.h"

enum { USERS = 200, SPARE = USERS - 2 /* it and those after it are switched on later */ };

static struct sim *sim_begun(enum sched_mode source)
{
    struct sim *m = sim_new(1, USERS);

    m->settings.status_frequency_min = 5;
    m->settings.oof_poll_min = m->settings.cross_check_min = 1440; /* out of the way */
    m->settings.source = source;
    sched_settings_set(m->sched, &m->settings, m->now);
    sched_gateway_put(m->sched, gw_str_of(m->gateway[0].name), m->now);
    for (unsigned i = 0; i < SPARE; i++)
        sim_enable(m, i);
    return m;
}

static void assert_told(struct sim *m, int64_t ms)
{
    struct sim_gateway *g = &m->gateway[0];

    assert_in_range(g->quiet_until - m->now.mono, ms - 1000, ms);
    assert_int_equal(sim_gateway_view(m, 0).backoff_until - m->now.utc,
                     g->quiet_until - m->now.mono);
}

/* ---- each kind of request ---- */

/* The Subscribe of one who is switched on now is answered: not before ms have passed. */
static void tell_busy(struct sim *m, int64_t ms)
{
    struct sim_gateway *g = &m->gateway[0];

    g->throttled_until = m->now.mono + ms;
    g->throttle_ms = 1;
    sim_enable(m, SPARE);
    sim_run(m, 500);
    g->throttled_until = 0;
    assert_told(m, ms);
}

/* It is down, and says when it will be back. */
static void tell_down(struct sim *m, int64_t ms)
{
    struct sim_gateway *g = &m->gateway[0];

    for (int op = 0; op < EWS_OP_COUNT; op++) {
        g->refuse[op] = sim_status(EWS_SERVER_DOWN, "http-503", false);
        g->refuse[op].backoff_ms = ms;
    }
    while (sim_gateway_view(m, 0).state != SCHED_GATEWAY_DOWN) {
        sim_touch(m, 0);
        sim_run(m, ms);
    }
    sim_run_to(m, sim_gateway_view(m, 0).backoff_until + 500);
    memset(g->refuse, 0, sizeof(g->refuse));
    assert_told(m, ms);
}

static void polled(struct sim *m)
{
    m->settings.oof_poll_min = 10;
    sched_settings_set(m->sched, &m->settings, m->now);
}

static void polled_exactly(struct sim *m)
{
    polled(m);
    m->gateway[0].refuse[EWS_OP_MAIL_TIPS] = sim_status(EWS_UNSUPPORTED, "unsupported", true);
}

static void cross_checked(struct sim *m)
{
    m->settings.cross_check_min = 60;
    sched_settings_set(m->sched, &m->settings, m->now);
}

static void callback_never_arrives(struct sim *m)
{
    m->gateway[0].cannot_post = true;
}

static void enable_one(struct sim *m)
{
    sim_enable(m, SPARE + 1);
}

static void change_one(struct sim *m)
{
    sim_add(m, 0, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
}

static void change_many(struct sim *m)
{
    for (unsigned i = 0; i < SPARE; i++)
        sim_add(m, i, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
}

static void break_streams(struct sim *m)
{
    sim_break_streams(m, &m->gateway[0]);
}

static void remove_one(struct sim *m)
{
    m->user[0].enabled = false;
    sched_user_remove(m->sched, sim_name(m, 0));
}

static void nothing(struct sim *m)
{
    (void)m; /* its time comes by itself */
}

static const struct kind {
    const char *name;
    enum ews_op op;
    unsigned count; /* of them, in that millisecond: who was told asks again as well */
    enum sched_mode source;
    int64_t window_ms;
    void (*before)(struct sim *m);
    void (*tell)(struct sim *m, int64_t ms);
    void (*want)(struct sim *m);
} kinds[] = {
    { "subscribe", EWS_OP_SUBSCRIBE, 2, SCHED_MODE_PUSH, 178510, nothing, tell_busy, enable_one },
    { "subscribe, streaming", EWS_OP_SUBSCRIBE, 2, SCHED_MODE_STREAMING, 178510, nothing, tell_busy,
      enable_one },
    { "read", EWS_OP_FIND_ITEM, 1, SCHED_MODE_PUSH, 178510, nothing, tell_busy, change_one },
    { "bulk read", EWS_OP_AVAILABILITY, 1, SCHED_MODE_PUSH, 178510, nothing, tell_busy,
      change_many },
    { "out of office", EWS_OP_OOF, 1, SCHED_MODE_PUSH, 11 * MIN, polled_exactly, tell_busy,
      nothing },
    { "mail tips", EWS_OP_MAIL_TIPS, 1, SCHED_MODE_PUSH, 11 * MIN, polled, tell_busy, nothing },
    { "stream", EWS_OP_STREAM, 1, SCHED_MODE_STREAMING, 178510, nothing, tell_busy, break_streams },
    { "unsubscribe", EWS_OP_UNSUBSCRIBE, 1, SCHED_MODE_STREAMING, 178510, nothing, tell_busy,
      remove_one },
    { "probe", EWS_OP_AVAILABILITY, 1, SCHED_MODE_PUSH, 178510, nothing, tell_down, nothing },
    { "cross-check", EWS_OP_AVAILABILITY, 1, SCHED_MODE_PUSH, 61 * MIN, cross_checked, tell_busy,
      nothing },
    { "scout", EWS_OP_SUBSCRIBE, 2, SCHED_MODE_PUSH, 4 * MIN, callback_never_arrives, tell_busy,
      nothing },
};

static void run_kind(const struct kind *k)
{
    struct sim *m = sim_begun(k->source);
    struct sim_gateway *g = &m->gateway[0];
    unsigned requests, streams, asked;

    print_message("%s\n", k->name);
    k->before(m);
    sim_run(m, 3 * MIN);
    assert_true(sim_gateway_view(m, 0).window >= 8); /* room for who was told, and for others */
    k->tell(m, k->window_ms);
    k->want(m);
    requests = g->requests;
    streams = m->streams_opened;
    sim_run(m, g->quiet_until - 1 - m->now.mono);
    sched_tick(m->sched, m->now); /* whoever else may have woken it */
    assert_int_equal(g->requests, requests);
    assert_int_equal(m->streams_opened, streams);
    asked = g->ops[k->op];
    sim_run(m, 1);
    assert_int_equal(m->now.mono, g->quiet_until);
    assert_in_range(g->ops[k->op] - asked, k->count, USERS);
    sim_free(&m);
}

static void test_each_kind_of_request_waits_to_the_millisecond(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        run_kind(&kinds[i]);
}

/* ---- times that do not agree ---- */

static struct ews_status down(int64_t backoff_ms)
{
    struct ews_status s = sim_status(EWS_SERVER_DOWN, "http-503", false);

    s.backoff_ms = backoff_ms;
    return s;
}

/* A request that is on its way meets what others have met before, or will. */
static void refuse_next(struct sim *m, unsigned user, struct ews_status how, int64_t latency_ms)
{
    struct sim_gateway *g = &m->gateway[0];

    for (int op = 0; op < EWS_OP_COUNT; op++)
        g->refuse[op] = how;
    g->latency_ms = latency_ms;
    (void)sched_user_refresh(m->sched, sim_name(m, user), m->now);
    sim_run(m, 1);
    memset(g->refuse, 0, sizeof(g->refuse));
    g->latency_ms = 40;
}

static void test_shorter_time_told_later_shortens_nothing(void **state)
{
    struct sim *m = sim_begun(SCHED_MODE_PUSH);
    gw_time told;

    (void)state;
    sim_run(m, 3 * MIN);
    refuse_next(m, 0, down(MIN), 40);
    refuse_next(m, 1, down(1000), 80);
    told = m->now.mono;
    sim_run(m, 200);
    assert_in_range(m->gateway[0].quiet_until, told + MIN, told + MIN + 40);
    assert_int_equal(sim_gateway_view(m, 0).backoff_until - m->now.utc,
                     m->gateway[0].quiet_until - m->now.mono);
    sim_run(m, 3 * MIN);
    assert_int_equal(sim_counters(m).subscribed, SPARE);
    sim_free(&m);
}

/* The next probe has its time when the last of the answers comes. */
static void test_time_told_after_a_probe_was_planned_holds_for_it(void **state)
{
    struct sim *m = sim_begun(SCHED_MODE_PUSH);
    struct sim_gateway *g = &m->gateway[0];
    unsigned requests;

    (void)state;
    sim_run(m, 3 * MIN);
    refuse_next(m, 0, down(MIN), 900);
    g->up = false;
    for (unsigned i = 1; i < 20; i++) {
        (void)sched_user_refresh(m->sched, sim_name(m, i), m->now);
        sim_run(m, 25);
    }
    g->up = true;
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_DOWN);
    assert_true(sim_gateway_view(m, 0).next_probe > m->now.utc + 450); /* later than that answer */
    assert_true(sim_gateway_view(m, 0).next_probe < m->now.utc + MIN / 2);
    sim_run(m, 500);
    assert_told(m, MIN);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_DOWN);
    requests = g->requests;
    sim_run(m, g->quiet_until - 1 - m->now.mono);
    assert_int_equal(g->requests, requests);
    sim_run(m, 1);
    assert_int_equal(g->requests, requests + 1);
    sim_free(&m);
}

/* BackOffMilliseconds comes with other errors, too; and in the answer of a stream. */
static void test_time_told_with_any_error_holds(void **state)
{
    static const enum ews_class classes[] = { EWS_TRANSIENT,  EWS_ELSEWHERE,
                                              EWS_MAILBOX,    EWS_CONNECTION_LIMIT,
                                              EWS_BUSY,       EWS_SERVER_DOWN,
                                              EWS_BAD_ANSWER, EWS_SUBSCRIPTION_GONE };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(classes) / sizeof(classes[0]); i++) {
        bool streams = i % 2;
        enum ews_class class = classes[i / 2];
        struct ews_status how = sim_status(class, ews_class_name(class), true);
        struct sim *m = sim_begun(streams ? SCHED_MODE_STREAMING : SCHED_MODE_PUSH);
        struct sim_gateway *g = &m->gateway[0];

        sim_run(m, 3 * MIN);
        how.backoff_ms = MIN;
        g->refuse[streams ? EWS_OP_STREAM : EWS_OP_FIND_ITEM] = how;
        if (streams)
            sim_break_streams(m, g);
        else
            (void)sched_user_refresh(m->sched, sim_name(m, 0), m->now);
        while (!g->quiet_until)
            sim_run(m, 100);
        assert_told(m, MIN);
        memset(g->refuse, 0, sizeof(g->refuse));
        change_many(m);
        sim_run(m, 3 * MIN);
        assert_int_equal(sim_counters(m).subscribed, SPARE);
        sim_free(&m);
    }
}

/* What was told holds for who starts anew, within a second. */
static void test_time_told_outlives_a_restart(void **state)
{
    enum { LATER_MS = 1000 };
    struct sim *m = sim_begun(SCHED_MODE_PUSH);
    struct sim_gateway *g = &m->gateway[0];
    unsigned requests;

    (void)state;
    sim_run(m, 3 * MIN);
    tell_busy(m, 5 * MIN);
    sim_kill(m);
    sim_run(m, MIN);
    requests = g->requests;
    sim_start_again(m);
    change_many(m);
    assert_in_range(sim_gateway_view(m, 0).backoff_until - m->now.utc, 4 * MIN - 1000,
                    4 * MIN + LATER_MS);
    sim_run(m, g->quiet_until - 1 - m->now.mono);
    assert_int_equal(g->requests, requests);
    sim_run(m, 1 + LATER_MS);
    assert_true(g->requests > requests);
    sim_run(m, 3 * MIN);
    assert_int_equal(sim_counters(m).subscribed, SPARE + 1);
    sim_free(&m);
}

static void tell_all_busy(struct sim *m, int64_t ms)
{
    struct sim_gateway *g = &m->gateway[0];

    g->throttled_until = m->now.mono + ms;
    g->throttle_ms = 1;
    change_many(m);
    sim_run(m, 500);
    g->throttled_until = 0;
    assert_told(m, ms);
    assert_non_null(g->back_off);
}

/* It belongs to the server: another account, or password, changes nothing about it; another server does not
 * know of it, nor does one that is added again. */
static void test_time_told_belongs_to_the_server(void **state)
{
    struct sim *m = sim_begun(SCHED_MODE_PUSH);
    struct sim_gateway *g = &m->gateway[0];
    unsigned requests;

    (void)state;
    sim_run(m, 3 * MIN);
    tell_all_busy(m, 5 * MIN);
    requests = g->requests;
    sched_gateway_put(m->sched, gw_str_of(g->name), m->now);
    assert_told(m, 5 * MIN);
    assert_non_null(g->back_off);
    sim_run(m, g->quiet_until - 1 - m->now.mono);
    assert_int_equal(g->requests, requests);
    sim_run(m, 3 * MIN);
    assert_int_equal(sim_counters(m).subscribed, SPARE);

    tell_all_busy(m, 5 * MIN);
    requests = g->requests;
    g->quiet_until = 0;
    sched_gateway_replaced(m->sched, gw_str_of(g->name), m->now);
    sched_gateway_put(m->sched, gw_str_of(g->name), m->now);
    assert_null(g->back_off);
    sim_run(m, 1000);
    assert_true(g->requests > requests);
    sim_run(m, 3 * MIN);

    tell_all_busy(m, 5 * MIN);
    requests = g->requests;
    g->quiet_until = 0;
    sched_gateway_remove(m->sched, gw_str_of(g->name), m->now);
    assert_null(g->back_off);
    sched_gateway_put(m->sched, gw_str_of(g->name), m->now);
    sim_run(m, 1000);
    assert_true(g->requests > requests);
    sim_free(&m);
}

/* The clock was ahead when it was told. */
static void test_time_told_is_bounded_when_the_clock_went_back(void **state)
{
    struct sim *m = sim_begun(SCHED_MODE_PUSH);

    (void)state;
    sim_run(m, 3 * MIN);
    tell_busy(m, 5 * MIN);
    sim_kill(m);
    m->now.utc -= 10 * HOUR;
    sim_start_again(m);
    assert_in_range(sim_gateway_view(m, 0).backoff_until - m->now.utc, 5 * MIN, 5 * MIN + 1000);
    sim_free(&m);
}

/* It is ahead now, as if the time were over: but the machine has not been on for so long. */
static void test_time_told_is_not_over_because_the_clock_was_set(void **state)
{
    struct sim *m = sim_begun(SCHED_MODE_PUSH);
    struct sim_gateway *g = &m->gateway[0];
    gw_time until;
    unsigned requests;

    (void)state;
    sim_run(m, 3 * MIN);
    tell_busy(m, 5 * MIN);
    until = g->quiet_until;
    sim_kill(m);
    sim_run(m, MIN);
    m->now.utc += 10 * HOUR;
    sim_start_again(m);
    change_many(m);
    requests = g->requests;
    sim_run(m, until - 1 - m->now.mono);
    assert_int_equal(g->requests, requests);
    sim_run(m, 2000);
    assert_true(g->requests > requests);
    sim_free(&m);
}

/* Records of another machine's life, or of a program that did not know of it: the clock on the wall counts. */
static void test_time_told_before_the_machine_was_started(void **state)
{
    static const struct {
        int64_t told_ago_ms, uptime; /* uptime behind now */
        int64_t left_ms;             /* 0: it is over */
    } cases[] = {
        { MIN, -1, 4 * MIN },    { 6 * MIN, -1, 0 },         { MIN, HOUR, 4 * MIN },
        { 6 * MIN, HOUR, 0 },    { 6 * MIN, -MIN, 4 * MIN }, { MIN, -2 * MIN, 4 * MIN },
        { MIN, -HOUR, 4 * MIN }, { -HOUR, -HOUR, 5 * MIN },  { HOUR, -HOUR, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sim *m = sim_begun(SCHED_MODE_PUSH);
        char text[128];
        struct gw_err err;
        gw_utc told;

        sim_run(m, 2 * HOUR);
        told = m->now.utc - cases[i].told_ago_ms;
        snprintf(text, sizeof(text), "version 1\nspan %" PRId64 " %" PRId64 "\n", told,
                 told + 5 * MIN);
        if (cases[i].uptime != -1)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "uptime %" PRId64 "\n",
                     m->now.mono + cases[i].uptime);
        assert_int_equal(sched_restore(m->sched, SCHED_RECORD_BACK_OFF,
                                       gw_str_of(m->gateway[0].name), gw_str_of(text), m->now,
                                       &err),
                         cases[i].left_ms ? GW_OK : GW_NOTFOUND);
        if (cases[i].left_ms)
            assert_int_equal(sim_gateway_view(m, 0).backoff_until, m->now.utc + cases[i].left_ms);
        sim_free(&m);
    }
}

static void scout_is_told(struct sim *m)
{
    m->gateway[0].throttled_until = m->now.mono + 12 * MIN;
    m->gateway[0].throttle_ms = 1;
    sim_run(m, 500);
    assert_true(m->gateway[0].quiet_until > m->now.mono + 11 * MIN);
    m->gateway[0].throttled_until = 0;
}

static void others_are_told(struct sim *m)
{
    tell_busy(m, 12 * MIN);
}

static void nobody_answers(struct sim *m)
{
    m->gateway[0].silent = true;
    change_many(m);
    sim_run(m, 11 * MIN);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_DOWN);
    m->gateway[0].silent = false;
}

/* Whoever tries a better way has not tried it while nothing may be asked, or nobody answers. */
static void test_scout_has_its_time_after_a_back_off(void **state)
{
    static void (*const trouble[])(struct sim *) = { scout_is_told, others_are_told,
                                                     nobody_answers };

    (void)state;
    for (size_t i = 0; i < sizeof(trouble) / sizeof(trouble[0]); i++) {
        struct sim *m = sim_begun(SCHED_MODE_PUSH);
        gw_utc tried;

        callback_never_arrives(m);
        sim_run(m, 3 * MIN);
        assert_int_equal(sim_gateway_view(m, 0).mode, SCHED_MODE_STREAMING);
        m->gateway[0].cannot_post = false;
        tried = sim_gateway_view(m, 0).mode_retry;
        sim_run_to(m, tried - 400);
        trouble[i](m);
        sim_run_to(m, tried + 12 * MIN + 2000);
        assert_int_equal(sim_gateway_view(m, 0).mode, SCHED_MODE_PUSH);
        sim_free(&m);
    }
}

static size_t known_of(const struct sim *m, unsigned user)
{
    struct sched_calendar c;

    return sched_user_calendar(m->sched, sim_name(m, user), &c) ? c.count : 0;
}

/* It may be one mailbox alone that it is too busy for, again and again: the others have their turns. */
static void test_one_busy_mailbox_does_not_keep_the_others_waiting(void **state)
{
    enum { OTHERS = 5 };
    struct sim *m = sim_begun(SCHED_MODE_PUSH);

    (void)state;
    sim_run(m, 3 * MIN);
    m->user[0].refuse[EWS_OP_FIND_ITEM] = sim_status(EWS_BUSY, "ErrorServerBusy", true);
    for (unsigned i = 0; i <= OTHERS; i++) {
        sim_add(m, i, m->now.utc + HOUR, m->now.utc + 2 * HOUR, GW_BUSY_BUSY);
        if (!i)
            sim_run(m, 15 * MIN);
    }
    assert_int_equal(sim_gateway_view(m, 0).window, 1);
    sim_run(m, 11 * MIN);
    for (unsigned i = 1; i <= OTHERS; i++)
        assert_int_equal(known_of(m, i), 1);
    assert_int_equal(known_of(m, 0), 0);
    m->user[0].refuse[EWS_OP_FIND_ITEM] = (struct ews_status){ .class = EWS_OK };
    sim_run(m, 6 * MIN);
    assert_int_equal(known_of(m, 0), 1);
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_of_request_waits_to_the_millisecond),
        cmocka_unit_test(test_shorter_time_told_later_shortens_nothing),
        cmocka_unit_test(test_time_told_after_a_probe_was_planned_holds_for_it),
        cmocka_unit_test(test_time_told_outlives_a_restart),
        cmocka_unit_test(test_time_told_belongs_to_the_server),
        cmocka_unit_test(test_time_told_is_bounded_when_the_clock_went_back),
        cmocka_unit_test(test_time_told_is_not_over_because_the_clock_was_set),
        cmocka_unit_test(test_time_told_before_the_machine_was_started),
        cmocka_unit_test(test_time_told_with_any_error_holds),
        cmocka_unit_test(test_scout_has_its_time_after_a_back_off),
        cmocka_unit_test(test_one_busy_mailbox_does_not_keep_the_others_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
