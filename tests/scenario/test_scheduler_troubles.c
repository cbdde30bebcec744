/* The scheduler on virtual time, and everything that Exchange, the network and restarts do to it. */
#include "sched_sim.h"

/* A silence limit of ten minutes, and every user with a meeting in an hour. */
static struct sim *sim_settled(size_t gateways, size_t users)
{
    struct sim *m = sim_new(gateways, users);

    m->settings.status_frequency_min = 5;
    sched_settings_set(m->sched, &m->settings, m->now);
    for (unsigned i = 0; i < users; i++)
        sim_add(m, i, m->now.utc + HOUR, m->now.utc + 2 * HOUR, GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run(m, 10000);
    sim_assert_one_each(m);
    return m;
}

/* ---- subscriptions ---- */

static void test_lost_subscription_is_noticed_and_made_again(void **state)
{
    struct sim *m = sim_settled(2, 1);

    (void)state;
    sim_sub_free(sim_sub_of(m, 0)); /* its server has forgotten it, and says nothing */
    sim_add(m, 0, m->now.utc - MIN, m->now.utc + 3 * HOUR, GW_BUSY_BUSY);
    sim_run(m, 9 * MIN);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    assert_int_equal(m->subscribes, 1);
    sim_run(m, 2 * MIN);
    assert_int_equal(m->subscribes, 2);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING); /* read anew */
    assert_true(gw_str_is(sim_view(m, 0).gateway, "cas2"));
    assert_int_equal(sim_counters(m).silent, 1);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_silent_with_one_gateway_stays_on_it(void **state)
{
    struct sim *m = sim_settled(1, 3);

    (void)state;
    sim_forget_subs(m, &m->gateway[0]);
    sim_run(m, 12 * MIN);
    assert_int_equal(m->subscribes, 6);
    assert_int_equal(sim_counters(m).moved, 0);
    sim_assert_one_each(m);
    sim_free(&m);
}

/* A subscription that was only silent for a while is told to end, once there is another. */
static void test_no_second_subscription_after_failover(void **state)
{
    struct sim *m = sim_settled(2, 10);

    (void)state;
    m->gateway[0].cannot_post = true;
    for (struct gw_list *it = m->subs.next; it != &m->subs; it = it->next) {
        if (((struct sim_sub *)it)->gateway == &m->gateway[0])
            ((struct sim_sub *)it)->frequency_ms = 10 * HOUR; /* it keeps trying */
    }
    sim_run(m, 12 * MIN);
    m->gateway[0].cannot_post = false;
    sim_run(m, 8 * HOUR);
    assert_true(m->unsubscribed >= 5);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_ended_by_exchange(void **state)
{
    struct sim *m = sim_settled(2, 1);
    struct sim_sub *sub = sim_sub_of(m, 0);

    (void)state;
    if (!sub) {
        fail();
        return;
    }
    sim_clear(m, 0);
    (void)sim_post(m, sub, true);
    sim_sub_free(sub);
    assert_int_equal(sim_view(m, 0).sub_state, SCHED_SUB_NONE);
    sim_run(m, 2000);
    assert_int_equal(m->subscribes, 2);
    assert_int_equal(sim_view(m, 0).calendar.count, 0);
    assert_true(gw_str_is(sim_view(m, 0).gateway, "cas2"));
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_ended_before_it_was_answered(void **state)
{
    struct sim *m = sim_new(1, 1);

    (void)state;
    m->gateway[0].latency_ms = 900;
    sim_enable_all(m);
    sim_run(m, 100);
    (void)sim_post(m, sim_sub_of(m, 0), true);
    sim_sub_free(sim_sub_of(m, 0));
    assert_int_equal(m->in_flight, 0);
    sim_run(m, 5000);
    assert_int_equal(m->subscribes, 2);
    sim_assert_one_each(m);
    sim_free(&m);
}

/* The server has done it, but its answer was lost: what speaks is adopted. */
static void test_answer_of_subscribe_lost(void **state)
{
    struct sim *m = sim_new(1, 5);

    (void)state;
    m->lose_subscribe_answers = true;
    m->settings.status_frequency_min = 5;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    sim_run(m, 7000);
    m->lose_subscribe_answers = false;
    sim_run(m, 30 * MIN);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_slow_answer_is_adopted_when_it_speaks(void **state)
{
    struct sim *m = sim_new(1, 1);

    (void)state;
    m->lose_subscribe_answers = true;
    m->lose_posts = true;
    sim_enable_all(m);
    sim_run(m, 3100); /* the attempt has timed out, the next is to come */
    assert_int_equal(sim_view(m, 0).sub_state, SCHED_SUB_NONE);
    assert_non_null(sim_view(m, 0).error);
    m->lose_subscribe_answers = m->lose_posts = false;
    sim_sub_of(m, 0)->post_at = m->now.mono;
    sim_run(m, 2 * HOUR);
    sim_assert_one_each(m);
    assert_int_equal(m->subscribes, 1);
    assert_null(sim_view(m, 0).error);
    sim_free(&m);
}

static void test_lost_notification_is_made_up_for(void **state)
{
    struct sim *m = sim_settled(2, 1);
    gw_utc at;

    (void)state;
    m->lose_posts = true;
    sim_clear(m, 0);
    at = m->now.utc;
    sim_add(m, 0, at - MIN, at + 2 * HOUR, GW_BUSY_BUSY);
    sim_run(m, 60000);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    m->lose_posts = false; /* Exchange tries again after 30, 60, 120 s */
    sim_run(m, 3 * MIN);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING);
    assert_int_equal(m->subscribes, 1);
    sim_free(&m);
}

/* ---- gateways ---- */

static void test_one_of_two_dies(void **state)
{
    struct sim *m = sim_settled(2, 40);
    gw_utc start = m->user[0].item[0].start;

    (void)state;
    m->gateway[0].up = false;
    sim_forget_subs(m, &m->gateway[0]);
    sim_run(m, 10 * MIN + 20000); /* two status frequencies, and a little for the asking */
    sim_assert_one_each(m);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_DOWN);
    assert_non_null(sim_gateway_view(m, 0).error);
    assert_int_equal(sim_gateway_view(m, 0).users, 0);
    assert_int_equal(sim_gateway_view(m, 1).users, 40);
    assert_int_equal(sim_counters(m).moved, 20);
    sim_run_to(m, start);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
        assert_int_equal(m->user[i].shown_at, start);
    }
    m->gateway[0].up = true;
    sim_run(m, MIN);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_UP);
    assert_int_equal(m->subscribes, 60); /* nobody is moved back in a rush */
    sim_run(m, 20 * MIN);
    assert_in_range(sim_gateway_view(m, 0).users, 19, 20); /* but by and by */
    sim_assert_one_each(m);
    sim_free(&m);
}

/* A subscription of its own there, beside the one that its dead server still holds. */
static unsigned moved_to(const struct sim *m, unsigned user, const struct sim_gateway *g)
{
    unsigned here = 0, elsewhere = 0;

    for (const struct gw_list *it = m->subs.next; it != &m->subs; it = it->next) {
        const struct sim_sub *sub = (const struct sim_sub *)it;

        if (sub->user == user)
            (*(sub->gateway == g ? &here : &elsewhere))++;
    }
    return here && elsewhere;
}

static void test_boundary_soon_moves_first(void **state)
{
    enum { USERS = 400 };
    struct sim *m = sim_new(2, USERS);
    unsigned soon_moved = 0, others_moved = 0;
    gw_utc soon;

    (void)state;
    sim_enable_all(m);
    sim_run(m, 20000);
    soon = m->now.utc + 3 * MIN;
    for (unsigned i = 0; i < 20; i++)
        sim_add(m, i, soon, soon + HOUR, GW_BUSY_BUSY);
    sim_run(m, 20000);
    m->gateway[0].up = false;
    m->gateway[1].latency_ms = 1000;
    m->settings.exchange_threads = 2;
    m->settings.oof_poll_min = 1440;
    sched_settings_set(m->sched, &m->settings, m->now);
    (void)sched_user_refresh(m->sched, sim_name(m, 0), m->now);
    (void)sched_user_refresh(m->sched, sim_name(m, 1), m->now);
    sim_run(m, 30000);
    for (unsigned i = 0; i < 20; i++) /* all of these, and hardly any other */
        soon_moved += moved_to(m, i, &m->gateway[1]);
    for (unsigned i = 20; i < USERS; i++)
        others_moved += moved_to(m, i, &m->gateway[1]);
    assert_int_equal(soon_moved, 10); /* half of them were there already */
    assert_in_range(others_moved, 0, 40);
    sim_free(&m);
}

/* Back before anybody has moved: what it holds is still good. */
static void test_short_outage_moves_nobody(void **state)
{
    struct sim *m = sim_settled(2, 40);

    (void)state;
    m->gateway[0].up = false;
    (void)sched_user_refresh(m->sched, sim_name(m, 0), m->now);
    (void)sched_user_refresh(m->sched, sim_name(m, 1), m->now);
    sim_run(m, 5000);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_DOWN);
    assert_int_equal(sim_gateway_view(m, 0).users, 20);
    m->gateway[0].up = true;
    sim_run(m, 30 * MIN);
    assert_int_equal(m->subscribes, 60); /* it may have been a restart */
    assert_int_equal(sim_counters(m).moved, 0);
    sim_assert_one_each(m);
    sim_free(&m);
}

/* Back while its users are on their way: those who have not arrived stay. */
static void test_back_while_users_move(void **state)
{
    enum { USERS = 400 };
    struct sim *m = sim_settled(2, USERS);
    size_t stayed;

    (void)state;
    m->settings.exchange_threads = 2;
    m->settings.exchange_queue = 4;
    sched_settings_set(m->sched, &m->settings, m->now);
    m->gateway[1].latency_ms = 400;
    m->gateway[0].up = false;
    (void)sched_user_refresh(m->sched, sim_name(m, 0), m->now);
    (void)sched_user_refresh(m->sched, sim_name(m, 1), m->now);
    sim_run(m, 15000);
    assert_in_range(sim_counters(m).moved, 1, 100);
    m->gateway[0].up = true;
    sim_run(m, MIN);
    stayed = sim_gateway_view(m, 0).users;
    assert_true(stayed > 50);
    sim_run(m, 30 * MIN);
    /* Moved, or renewed: each once; and those who moved make the balance again. */
    assert_true(m->subscribes <= USERS + USERS / 2 + 4 + (USERS / 2 - stayed));
    assert_in_range(sim_gateway_view(m, 0).users, USERS / 2 - 5, USERS / 2);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_single_gateway_is_probed_until_it_is_back(void **state)
{
    struct sim *m = sim_settled(1, 10);
    unsigned before;
    gw_utc start = m->user[0].item[0].start;

    (void)state;
    m->gateway[0].up = false;
    sim_forget_subs(m, &m->gateway[0]);
    sim_run(m, 12 * MIN);
    before = m->gateway[0].requests;
    sim_run(m, 10 * MIN);
    assert_in_range(m->gateway[0].requests - before, 5, 12); /* a probe a minute */
    assert_true(sim_gateway_view(m, 0).next_probe > m->now.utc);
    sim_run_to(m, start + MIN); /* what is known goes on */
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
        assert_true(sim_view(m, i).stale_since > 0);
        assert_false(sim_view(m, i).calendar.fresh);
    }
    assert_int_equal(sim_counters(m).stale, 10);
    for (unsigned i = 0; i < 10; i++)
        sim_clear(m, i);
    m->gateway[0].up = true;
    sim_run(m, 2 * MIN);
    sim_assert_one_each(m);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(sim_shown(m, i), PRES_CAL_FREE);
        assert_true(sim_view(m, i).calendar.fresh);
    }
    assert_int_equal(sim_counters(m).stale, 0);
    sim_free(&m);
}

/* What a server could not say while it was away is read when it is back. */
static void test_back_again_its_users_are_read(void **state)
{
    struct sim *m = sim_settled(1, 60);

    (void)state;
    m->gateway[0].up = false;
    (void)sched_user_refresh(m->sched, sim_name(m, 0), m->now);
    sim_run(m, 2 * MIN);
    for (unsigned i = 0; i < 60; i++) {
        m->user[i].count = 0; /* and nobody is told */
        assert_int_equal(sim_view(m, i).calendar.count, 1);
    }
    m->gateway[0].up = true;
    sim_run(m, 90000);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(sim_view(m, i).calendar.count, 0);
    sim_run(m, 10 * MIN);
    assert_int_equal(m->subscribes, 120);
    sim_assert_one_each(m);
    sim_free(&m);
}

/* After the last day that was read nothing is known, and free is not nothing. */
static void test_window_ends_while_exchange_is_away(void **state)
{
    struct sim *m = sim_settled(1, 1);
    gw_utc end = sim_view(m, 0).calendar.to;

    (void)state;
    sim_clear(m, 0);
    sim_run(m, 5000);
    m->gateway[0].up = false;
    sim_run_to(m, end - 1);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    sim_run(m, 1);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_NONE);
    m->gateway[0].up = true;
    sim_run(m, 12 * MIN);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE);
    assert_true(sim_view(m, 0).calendar.fresh);
    sim_free(&m);
}

static void test_all_gateways_down_at_start(void **state)
{
    struct sim *m = sim_new(3, 30);

    (void)state;
    for (unsigned g = 0; g < 3; g++)
        m->gateway[g].up = false;
    sim_enable_all(m);
    sim_run(m, 10 * MIN);
    assert_int_equal(m->in_flight, 0);
    m->gateway[1].up = true;
    sim_run(m, 2 * MIN);
    sim_assert_one_each(m);
    assert_int_equal(sim_gateway_view(m, 1).users, 30);
    sim_free(&m);
}

static void test_gateway_that_never_answers_fails_fast(void **state)
{
    struct sim *m = sim_settled(2, 40);
    unsigned before;

    (void)state;
    m->gateway[0].silent = true;
    sim_run(m, 12 * MIN);
    before = m->gateway[0].requests;
    sim_run(m, 10 * MIN);
    assert_in_range(m->gateway[0].requests - before, 5, 12); /* probes alone */
    assert_int_equal(sim_gateway_view(m, 1).users, 40);
    sim_assert_one_each(m);
    sim_free(&m);
}

/* ---- load ---- */

static void test_no_request_inside_a_back_off(void **state)
{
    struct sim *m = sim_settled(1, 40);
    size_t window = sim_gateway_view(m, 0).window;
    unsigned before;
    gw_time until;

    (void)state;
    assert_true(window > 1);
    until = m->now.mono + 178510;
    m->gateway[0].throttled_until = until;
    m->gateway[0].throttle_ms = 1;
    m->gateway[0].told = false;
    for (unsigned i = 0; i < 15; i++) /* too few for a bulk read */
        sim_add(m, i, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    sim_run(m, 2000);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_UP);
    assert_true(sim_gateway_view(m, 0).backoff_until > m->now.utc);
    assert_true(sim_gateway_view(m, 0).push_backs > 1); /* of one moment: halved once */
    assert_int_equal(sim_gateway_view(m, 0).window, window / 2);
    before = m->gateway[0].requests;
    sim_run(m, until - 1 - m->now.mono);
    assert_int_equal(m->gateway[0].requests, before);
    assert_int_equal(m->gateway[0].early, 0);
    sim_run(m, 20000); /* and nothing was lost */
    for (unsigned i = 0; i < 15; i++)
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
    assert_null(sim_view(m, 0).error);
    assert_int_equal(m->subscribes, 40);
    sim_free(&m);
}

/* 503 with Retry-After: the server is down, and says for how long. */
static void test_retry_after_is_obeyed(void **state)
{
    struct sim *m = sim_settled(1, 10);
    unsigned before;

    (void)state;
    for (int op = 0; op < 4; op++) {
        m->gateway[0].refuse[op] = sim_status(EWS_SERVER_DOWN, "http-503", false);
        m->gateway[0].refuse[op].backoff_ms = 4 * MIN;
    }
    sim_touch(m, 0);
    sim_run(m, 5000);
    before = m->gateway[0].requests;
    sim_run(m, 3 * MIN);
    assert_int_equal(m->gateway[0].requests, before);
    sim_run(m, 20 * MIN);
    assert_in_range(m->gateway[0].requests - before, 4, 8);
    memset(m->gateway[0].refuse, 0, sizeof(m->gateway[0].refuse));
    sim_run(m, 5 * MIN);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_throttled_without_a_time(void **state)
{
    struct sim *m = sim_settled(1, 40);
    unsigned before;

    (void)state;
    m->gateway[0].throttled_until = m->now.mono + 10 * MIN;
    for (unsigned i = 0; i < 40; i++)
        sim_touch(m, i);
    before = m->gateway[0].requests;
    sim_run(m, 10 * MIN);
    assert_in_range(m->gateway[0].requests - before, 2, 20); /* 10 s, 20 s, 40 s ... */
    sim_run(m, 6 * MIN);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_connection_limit_lowers_concurrency(void **state)
{
    struct sim *m = sim_new(1, 400);

    (void)state;
    m->gateway[0].most = 10; /* EWSMaxConcurrency of 2010 */
    sim_enable_all(m);
    sim_run(m, 5 * MIN);
    assert_int_equal(sim_counters(m).subscribed, 400);
    assert_int_equal(sim_counters(m).with_calendar, 400);
    assert_in_range(m->gateway[0].peak, 8, 24);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_UP);
    assert_int_equal(sim_counters(m).in_trouble, 0);
    sim_free(&m);
}

static void test_concurrency_starts_with_one(void **state)
{
    struct sim *m = sim_new(1, 100);

    (void)state;
    sim_enable_all(m);
    sim_run(m, 10);
    assert_int_equal(m->in_flight, 1);
    sim_run(m, 3000);
    assert_true(m->peak > 8);
    sim_free(&m);
}

/* ---- refusals ---- */

static void test_refused_account_is_not_locked_out(void **state)
{
    struct sim *m = sim_new(1, 50);

    (void)state;
    for (int op = 0; op < 4; op++)
        m->gateway[0].refuse[op] = sim_status(EWS_CREDENTIALS, "http-401", false);
    sim_enable_all(m);
    sim_run(m, 59 * MIN);
    assert_in_range(m->gateway[0].requests, 2, 6);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_REFUSED);
    for (int op = 0; op < 4; op++)
        m->gateway[0].refuse[op] = (struct ews_status){ 0 };
    sched_gateway_put(m->sched, gw_str_of("cas1"), m->now); /* the password was set */
    sim_run(m, 10000);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_UP);
    sim_assert_one_each(m);
    assert_int_equal(sim_counters(m).in_trouble, 0);
    sim_free(&m);
}

static void test_password_expires_on_one(void **state)
{
    struct sim *m = sim_settled(2, 20);

    (void)state;
    for (int op = 0; op < 4; op++)
        m->gateway[0].refuse[op] = sim_status(EWS_CREDENTIALS, "http-401", false);
    sim_run(m, 12 * MIN);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_REFUSED);
    assert_int_equal(sim_gateway_view(m, 1).users, 20);
    assert_int_equal(sim_counters(m).subscribed, 20);
    sim_free(&m);
}

static void test_mailbox_that_is_not_there(void **state)
{
    struct sim *m = sim_new(2, 10);
    unsigned before;

    (void)state;
    for (int op = 0; op < 4; op++)
        m->user[3].refuse[op] = sim_status(EWS_MAILBOX, "ErrorNonExistentMailbox", true);
    sim_enable_all(m);
    sim_run(m, MIN);
    assert_int_equal(sim_counters(m).subscribed, 9);
    assert_int_equal(sim_counters(m).in_trouble, 1);
    assert_non_null(strstr(sim_view(m, 3).error, "ErrorNonExistentMailbox"));
    assert_in_range(sim_view(m, 3).next_action_at - m->now.utc, 50 * MIN, HOUR);
    before = m->gateway[0].requests + m->gateway[1].requests;
    m->settings.oof_poll_min = m->settings.cross_check_min = 1440;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_run(m, 50 * MIN);
    assert_int_equal(m->gateway[0].requests + m->gateway[1].requests, before);
    for (int op = 0; op < 4; op++)
        m->user[3].refuse[op] = (struct ews_status){ 0 };
    sim_run(m, 15 * MIN);
    assert_int_equal(sim_counters(m).subscribed, 10);
    assert_int_equal(sim_counters(m).in_trouble, 0);
    assert_int_equal(sim_counters(m).moved, 0);
    sim_free(&m);
}

static void test_subscription_limit_waits_for_leaks_to_die(void **state)
{
    struct sim *m = sim_new(1, 1);

    (void)state;
    m->user[0].refuse[EWS_OP_SUBSCRIBE] =
        sim_status(EWS_SUBSCRIPTION_LIMIT, "ErrorExceededSubscriptionCount", true);
    sim_add(m, 0, m->now.utc - MIN, m->now.utc + 12 * HOUR, GW_BUSY_BUSY);
    sim_enable_all(m);
    sim_run(m, 119 * MIN);
    assert_int_equal(m->subscribes, 1);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_MEETING); /* read all the same, and again */
    assert_true(m->reads >= 2);
    m->user[0].refuse[EWS_OP_SUBSCRIBE] = (struct ews_status){ 0 };
    sim_run(m, 2 * MIN);
    assert_int_equal(m->subscribes, 2);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_push_address_refused(void **state)
{
    struct sim *m = sim_new(1, 3);

    (void)state;
    m->gateway[0].refuse[EWS_OP_SUBSCRIBE] =
        sim_status(EWS_CONFIG, "ErrorInvalidPushSubscriptionUrl", true);
    sim_enable_all(m);
    sim_run(m, 30 * MIN);
    assert_int_equal(m->subscribes, 3);
    assert_int_equal(sim_counters(m).with_calendar, 3);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_UP);
    m->gateway[0].refuse[EWS_OP_SUBSCRIBE] = (struct ews_status){ 0 };
    snprintf(m->url, sizeof(m->url), "http://gw2.example:50020/ews/notify/");
    sched_notify_url_set(m->sched, gw_str_of(m->url), m->now); /* no need to wait for the hour */
    sim_run(m, 10000);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_wrong_path_or_certificate_refuses_the_gateway(void **state)
{
    struct sim *m = sim_new(2, 20);

    (void)state;
    for (int op = 0; op < 4; op++)
        m->gateway[0].refuse[op] = sim_status(EWS_CONFIG, "http-404", false);
    sim_enable_all(m);
    sim_run(m, MIN);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_REFUSED);
    assert_in_range(m->gateway[0].requests, 1, 2);
    assert_int_equal(sim_gateway_view(m, 1).users, 20);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_mailbox_of_another_site_moves_on(void **state)
{
    struct sim *m = sim_new(3, 3);

    (void)state;
    for (unsigned g = 0; g < 2; g++)
        m->gateway[g].refuse[EWS_OP_SUBSCRIBE] =
            sim_status(EWS_ELSEWHERE, "ErrorCrossSiteRequest", true);
    sim_enable_all(m);
    sim_run(m, 10000);
    assert_int_equal(sim_gateway_view(m, 2).users, 3);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_mailbox_of_no_site_does_not_spin(void **state)
{
    struct sim *m = sim_new(3, 1);

    (void)state;
    m->user[0].refuse[EWS_OP_SUBSCRIBE] = sim_status(EWS_ELSEWHERE, "ErrorCrossSiteRequest", true);
    sim_enable_all(m);
    sim_run(m, HOUR);
    assert_in_range(m->subscribes, 5, 20);
    sim_free(&m);
}

static void test_passing_trouble_is_retried_then_moved(void **state)
{
    struct sim *m = sim_new(2, 2);

    (void)state;
    m->gateway[0].refuse[EWS_OP_FIND_ITEM] =
        sim_status(EWS_TRANSIENT, "ErrorMailboxStoreUnavailable", true);
    sim_enable_all(m);
    sim_run(m, 30000);
    assert_in_range(m->gateway[0].ops[EWS_OP_FIND_ITEM], 3, 4);
    assert_int_equal(sim_gateway_view(m, 1).users, 2);
    assert_int_equal(sim_counters(m).with_calendar, 2);
    sim_touch(m, 0);
    sim_touch(m, 1);
    sim_run(m, 2 * HOUR);
    sim_assert_one_each(m);
    sim_free(&m);
}

/* Replies that cannot be read are no reason to subscribe again, for ever. */
static void test_failing_poll_moves_nobody(void **state)
{
    struct sim *m = sim_new(2, 2);

    (void)state;
    m->user[0].refuse[EWS_OP_OOF] = sim_status(EWS_TRANSIENT, "ErrorSomethingNew", true);
    sim_enable_all(m);
    sim_run(m, 12 * HOUR);
    assert_int_equal(m->subscribes, 2);
    assert_int_equal(sim_counters(m).moved, 0);
    assert_non_null(sim_view(m, 0).error);
    assert_int_equal(sim_view(m, 0).sub_state, SCHED_SUB_LIVE);
    assert_true(sim_view(m, 0).calendar.fresh);
    sim_free(&m);
}

/* One mailbox that is always too slow is not the end of its server. */
static void test_poisonous_mailbox_does_not_disturb_others(void **state)
{
    struct sim *m = sim_settled(1, 20);
    unsigned resubscribed;

    (void)state;
    m->user[5].refuse[EWS_OP_FIND_ITEM] = sim_status(EWS_SERVER_DOWN, "timeout", false);
    resubscribed = m->subscribes;
    sim_touch(m, 5);
    for (int i = 0; i < 60; i++) {
        unsigned other = (unsigned)i % 5;

        sim_clear(m, other);
        if (i % 2)
            sim_add(m, other, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
        sim_run(m, MIN);
        assert_int_equal(sim_shown(m, other), i % 2 ? PRES_CAL_MEETING : PRES_CAL_FREE);
    }
    assert_int_equal(m->subscribes, resubscribed);
    assert_true(sim_counters(m).in_trouble >= 1);
    sim_free(&m);
}

/* ---- restarts ---- */

static void test_restart_resumes_everything(void **state)
{
    struct sim *m = sim_settled(3, 60);
    unsigned subscribes = m->subscribes;
    struct gw_str gateway[60];
    char names[60][8];

    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        snprintf(names[i], sizeof(names[i]), "%.*s", GW_STR_ARG(sim_view(m, i).gateway));
        gateway[i] = gw_str_of(names[i]);
    }
    sim_run_to(m, m->user[0].item[0].start + MIN);
    sim_kill(m);
    m->now.mono += 3000;
    m->now.utc += 3000;
    sim_start_again(m);
    sim_run(m, 0); /* at once */
    for (unsigned i = 0; i < 60; i++) {
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
        assert_true(gw_str_eq(sim_view(m, i).gateway, gateway[i]));
        assert_true(sim_view(m, i).calendar.fresh);
    }
    assert_int_equal(m->in_flight, 0);
    sim_run(m, 2 * HOUR);
    assert_int_equal(m->subscribes, subscribes);
    assert_int_equal(m->unsubscribed, 0);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_restart_validates_what_was_missed(void **state)
{
    struct sim *m = sim_settled(1, 30);

    (void)state;
    sim_kill(m);
    for (unsigned i = 0; i < 30; i++)
        sim_clear(m, i);
    sim_add(m, 4, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    m->lose_posts = true; /* they were posted to nobody */
    sim_run(m, 2000);
    m->lose_posts = false;
    sim_start_again(m);
    sim_run(m, 0);
    assert_int_equal(sim_shown(m, 4), PRES_CAL_FREE);
    sim_run(m, 6000);
    assert_int_equal(sim_shown(m, 4), PRES_CAL_MEETING);
    assert_int_equal(sim_view(m, 3).calendar.count, 0);
    sim_free(&m);
}

static void test_restart_after_a_long_time_subscribes_anew(void **state)
{
    struct sim *m = sim_settled(2, 20);

    (void)state;
    sim_kill(m);
    sim_run(m, 10 * HOUR);
    assert_int_equal(sim_subs_of(m, 0), 0);
    sim_start_again(m);
    sim_run(m, 0);
    assert_int_equal(sim_shown(m, 0), PRES_CAL_FREE); /* the calendar is known all the same */
    assert_false(sim_view(m, 0).calendar.fresh);
    sim_run(m, 10000);
    sim_assert_one_each(m);
    assert_true(sim_view(m, 0).calendar.fresh);
    assert_int_equal(m->subscribes, 40);
    sim_free(&m);
}

static void test_restart_with_another_port(void **state)
{
    struct sim *m = sim_settled(1, 10);

    (void)state;
    sim_kill(m);
    snprintf(m->url, sizeof(m->url), "http://gw.example:50099/ews/notify/");
    sim_start_again(m);
    sim_run(m, 20 * MIN);
    assert_int_equal(m->subscribes, 20);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_restart_without_its_gateway(void **state)
{
    struct sim *m = sim_settled(2, 10);

    (void)state;
    sim_kill(m);
    snprintf(m->gateway[0].name, sizeof(m->gateway[0].name), "another");
    sim_start_again(m);
    sim_run(m, 20 * MIN);
    assert_in_range(m->subscribes, 15, 17); /* and a few, so that both have as many */
    sim_run(m, 60 * MIN);
    sim_assert_one_each(m);
    sim_free(&m);
}

/* Killed between Subscribe and its answer: what is left over at Exchange ends by itself. */
static void test_killed_while_subscribing(void **state)
{
    struct sim *m = sim_new(2, 40);

    (void)state;
    m->settings.status_frequency_min = 5;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    for (int i = 0; i < 12; i++) {
        sim_run(m, 25);
        sim_kill(m);
        sim_start_again(m);
    }
    sim_run(m, 10 * MIN);
    sim_assert_one_each(m);
    sim_free(&m);
}

static void test_records_that_make_no_sense(void **state)
{
    static const char *const bad[] = { "",
                                       "version 0\n",
                                       "nonsense",
                                       "version 1\ntoken 12\n",
                                       "version 1\nwindow 5 1 0\n",
                                       "version 1\nitem 1 2 3\n",
                                       "version 1\nitem 1 2 9 0\n",
                                       "version 1\noof 7 0 0 0\n" };
    struct sim *m = sim_new(1, 1);
    struct gw_err err;

    (void)state;
    sim_enable_all(m);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bool sub = i < 4;

        assert_int_equal(sched_restore(m->sched,
                                       sub ? SCHED_RECORD_SUBSCRIPTION : SCHED_RECORD_CALENDAR,
                                       sim_name(m, 0), gw_str_of(bad[i]), m->now, &err),
                         GW_BADMSG);
    }
    assert_int_equal(sched_restore(m->sched, SCHED_RECORD_CALENDAR, gw_str_of("nobody"),
                                   gw_str_of("version 1\n"), m->now, &err),
                     GW_NOTFOUND);
    assert_int_equal(
        sched_restore(m->sched, "other", sim_name(m, 0), gw_str_of("version 1\n"), m->now, &err),
        GW_INVALID);
    sim_run(m, 5000);
    sim_assert_one_each(m);
    sim_free(&m);
}

/* Minutes counted as seconds, as the end-to-end tests do. */
static void test_minutes_as_seconds(void **state)
{
    struct sim *m = sim_new(2, 20);

    (void)state;
    sched_free(&m->sched);
    m->minute_ms = 1000;
    m->settings.status_frequency_min = 10;
    sim_sched_new(m);
    sim_enable_all(m);
    sim_run(m, 60000);
    assert_int_equal(m->subscribes, 20);
    sim_assert_one_each(m);
    m->gateway[0].up = false;
    sim_forget_subs(m, &m->gateway[0]);
    sim_run(m, 21000);
    sim_assert_one_each(m);
    assert_int_equal(sim_gateway_view(m, 1).users, 20);
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lost_subscription_is_noticed_and_made_again),
        cmocka_unit_test(test_silent_with_one_gateway_stays_on_it),
        cmocka_unit_test(test_no_second_subscription_after_failover),
        cmocka_unit_test(test_ended_by_exchange),
        cmocka_unit_test(test_ended_before_it_was_answered),
        cmocka_unit_test(test_answer_of_subscribe_lost),
        cmocka_unit_test(test_slow_answer_is_adopted_when_it_speaks),
        cmocka_unit_test(test_lost_notification_is_made_up_for),
        cmocka_unit_test(test_one_of_two_dies),
        cmocka_unit_test(test_boundary_soon_moves_first),
        cmocka_unit_test(test_short_outage_moves_nobody),
        cmocka_unit_test(test_back_while_users_move),
        cmocka_unit_test(test_single_gateway_is_probed_until_it_is_back),
        cmocka_unit_test(test_back_again_its_users_are_read),
        cmocka_unit_test(test_window_ends_while_exchange_is_away),
        cmocka_unit_test(test_all_gateways_down_at_start),
        cmocka_unit_test(test_gateway_that_never_answers_fails_fast),
        cmocka_unit_test(test_no_request_inside_a_back_off),
        cmocka_unit_test(test_retry_after_is_obeyed),
        cmocka_unit_test(test_throttled_without_a_time),
        cmocka_unit_test(test_connection_limit_lowers_concurrency),
        cmocka_unit_test(test_concurrency_starts_with_one),
        cmocka_unit_test(test_refused_account_is_not_locked_out),
        cmocka_unit_test(test_password_expires_on_one),
        cmocka_unit_test(test_mailbox_that_is_not_there),
        cmocka_unit_test(test_subscription_limit_waits_for_leaks_to_die),
        cmocka_unit_test(test_push_address_refused),
        cmocka_unit_test(test_wrong_path_or_certificate_refuses_the_gateway),
        cmocka_unit_test(test_mailbox_of_another_site_moves_on),
        cmocka_unit_test(test_mailbox_of_no_site_does_not_spin),
        cmocka_unit_test(test_passing_trouble_is_retried_then_moved),
        cmocka_unit_test(test_failing_poll_moves_nobody),
        cmocka_unit_test(test_poisonous_mailbox_does_not_disturb_others),
        cmocka_unit_test(test_restart_resumes_everything),
        cmocka_unit_test(test_restart_validates_what_was_missed),
        cmocka_unit_test(test_restart_after_a_long_time_subscribes_anew),
        cmocka_unit_test(test_restart_with_another_port),
        cmocka_unit_test(test_restart_without_its_gateway),
        cmocka_unit_test(test_killed_while_subscribing),
        cmocka_unit_test(test_records_that_make_no_sense),
        cmocka_unit_test(test_minutes_as_seconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
