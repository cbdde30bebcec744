/* How changes reach us: push, streams, polling; falling back by itself, and coming back. */
#include "sched_sim.h"

static struct sim *sim_begun(size_t gateways, size_t users, enum sched_mode source)
{
    struct sim *m = sim_new(gateways, users);

    m->settings.status_frequency_min = 5;
    m->settings.source = source;
    sched_settings_set(m->sched, &m->settings, m->now);
    return m;
}

static void set_source(struct sim *m, enum sched_mode source)
{
    m->settings.source = source;
    sched_settings_set(m->sched, &m->settings, m->now);
}

/* Everybody is live in this mode, with one subscription at Exchange, or none if there need be none. */
static void assert_all(struct sim *m, enum sched_mode mode)
{
    for (unsigned i = 0; i < m->users; i++) {
        struct sched_user_view v = sim_view(m, i);

        assert_int_equal(v.sub_state, SCHED_SUB_LIVE);
        assert_int_equal(v.mode, mode);
        assert_true(v.calendar.fresh);
        assert_int_equal(sim_subs_of(m, i), mode != SCHED_MODE_POLL);
        if (mode != SCHED_MODE_POLL)
            assert_int_equal(sim_sub_of(m, i)->streaming, mode == SCHED_MODE_STREAMING);
    }
    assert_int_equal(sim_counters(m).subscribed, m->users);
}

static void assert_noticed_within(struct sim *m, int64_t ms)
{
    unsigned i = sim_below(m, (unsigned)m->users);

    sim_clear(m, i);
    sim_run(m, ms);
    assert_int_equal(sim_shown(m, i), PRES_CAL_FREE);
    sim_add(m, i, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    sim_run(m, ms);
    assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
}

static void assert_all_noticed(struct sim *m)
{
    for (unsigned i = 0; i < m->users; i++) {
        sim_clear(m, i);
        sim_add(m, i, m->now.utc - MIN, m->now.utc + 2 * HOUR, GW_BUSY_BUSY);
    }
    sim_run(m, 5000);
    for (unsigned i = 0; i < m->users; i++)
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
}

/* ---- falling back, and coming back ---- */

static void test_callback_that_never_arrives(void **state)
{
    struct sim *m = sim_begun(1, 300, SCHED_MODE_PUSH);

    (void)state;
    m->gateway[0].cannot_post = true;
    sim_enable_all(m);
    sim_run(m, 2 * MIN);
    assert_int_equal(sim_gateway_view(m, 0).mode, SCHED_MODE_STREAMING);
    assert_true(sim_gateway_view(m, 0).mode_retry > m->now.utc);
    assert_int_equal(sim_counters(m).streaming, 300);
    assert_int_equal(sim_counters(m).fallbacks, 1);
    assert_noticed_within(m, 2000);
    sim_run(m, 20 * MIN);
    assert_noticed_within(m, 2000);
    m->gateway[0].cannot_post = false;
    sim_run(m, 20 * MIN); /* the scout is heard, and all follow */
    assert_int_equal(sim_gateway_view(m, 0).mode, SCHED_MODE_PUSH);
    assert_int_equal(sim_gateway_view(m, 0).mode_retry, 0);
    assert_all(m, SCHED_MODE_PUSH);
    assert_int_equal(sim_gateway_view(m, 0).streams, 0);
    assert_true(gw_list_is_empty(&m->streams));
    assert_true(m->farewells >= 300);
    assert_noticed_within(m, 2000);
    sim_free(&m);
}

/* Only the gateway that it is about. */
static void test_callback_of_one_gateway_never_arrives(void **state)
{
    struct sim *m = sim_begun(2, 40, SCHED_MODE_PUSH);

    (void)state;
    m->gateway[1].cannot_post = true;
    sim_enable_all(m);
    sim_run(m, 5 * MIN);
    assert_int_equal(sim_gateway_view(m, 0).mode, SCHED_MODE_PUSH);
    assert_int_equal(sim_gateway_view(m, 1).mode, SCHED_MODE_STREAMING);
    assert_int_equal(sim_counters(m).push, 20);
    assert_int_equal(sim_counters(m).streaming, 20);
    for (int i = 0; i < 10; i++)
        assert_noticed_within(m, 2000);
    sim_free(&m);
}

static void test_one_mute_subscription_is_made_again(void **state)
{
    struct sim *m = sim_begun(1, 40, SCHED_MODE_PUSH);

    (void)state;
    m->gateway[0].latency_ms = 2;
    sim_enable_all(m);
    sim_run(m, 30000);
    sched_user_remove(m->sched, sim_name(m, 0));
    sim_sub_free(sim_sub_of(m, 0));
    sim_enable(m, 0);
    sim_run(m, 4);
    assert_int_equal(sim_view(m, 0).sub_state, SCHED_SUB_LIVE);
    sim_sub_free(sim_sub_of(m, 0)); /* before it has spoken */
    sim_run(m, MIN);
    assert_all(m, SCHED_MODE_PUSH);
    assert_int_equal(sim_counters(m).fallbacks, 0);
    sim_free(&m);
}

static void test_neither_push_nor_streams(void **state)
{
    for (int held = 0; held < 2; held++) {
        struct sim *m = sim_begun(1, 200, SCHED_MODE_PUSH);
        unsigned bulks;

        (void)state;
        m->gateway[0].cannot_post = true;
        m->gateway[0].no_streaming = !held;
        m->gateway[0].streams_are_held = held;
        sim_enable_all(m);
        sim_run(m, 8 * MIN);
        assert_int_equal(sim_gateway_view(m, 0).mode, SCHED_MODE_POLL);
        assert_in_range(sim_counters(m).poll, 199, 200); /* one may be the scout */
        assert_noticed_within(m, m->settings.poll_min * MIN + 10000);
        bulks = m->bulks;
        sim_run(m, HOUR);
        assert_in_range(m->bulks - bulks, 400, 1000); /* in turns, many at once */
        assert_true(sim_counters(m).stale <= 1);
        m->gateway[0].cannot_post = false;
        sim_run(m, 40 * MIN);
        assert_all(m, SCHED_MODE_PUSH);
        assert_noticed_within(m, 2000);
        sim_free(&m);
    }
}

static void test_owner_without_streams(void **state)
{
    struct sim *m = sim_begun(1, 5, SCHED_MODE_STREAMING);

    (void)state;
    m->without_streams = true;
    sched_free(&m->sched);
    sim_sched_new(m);
    sim_enable_all(m);
    sim_run(m, MIN);
    assert_all(m, SCHED_MODE_POLL);
    sim_free(&m);
}

static void test_source_is_live(void **state)
{
    static const enum sched_mode mode[] = { SCHED_MODE_STREAMING, SCHED_MODE_POLL,
                                            SCHED_MODE_PUSH,      SCHED_MODE_POLL,
                                            SCHED_MODE_STREAMING, SCHED_MODE_PUSH };
    struct sim *m = sim_begun(2, 50, SCHED_MODE_PUSH);

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    assert_all(m, SCHED_MODE_PUSH);
    for (size_t i = 0; i < sizeof(mode) / sizeof(mode[0]); i++) {
        set_source(m, mode[i]);
        sim_run(m, 6 * MIN);
        assert_all(m, mode[i]);
        assert_noticed_within(m, mode[i] == SCHED_MODE_POLL ? 2 * MIN + 10000 : 2000);
    }
    assert_true(gw_list_is_empty(&m->streams));
    sim_free(&m);
}

/* Back before their turn has come: they stay as they are. */
static void test_source_set_back_renews_nothing(void **state)
{
    struct sim *m = sim_begun(1, 50, SCHED_MODE_PUSH);

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    set_source(m, SCHED_MODE_STREAMING);
    set_source(m, SCHED_MODE_PUSH);
    sim_run(m, MIN);
    assert_int_equal(m->subscribes, 50);
    assert_all(m, SCHED_MODE_PUSH);
    sim_free(&m);
}

/* ---- streams ---- */

static void test_users_share_streams(void **state)
{
    enum { USERS = 450 };
    struct sim *m = sim_begun(1, USERS, SCHED_MODE_STREAMING);

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    assert_all(m, SCHED_MODE_STREAMING);
    assert_int_equal(m->subscribes, USERS);
    assert_int_equal(sim_gateway_view(m, 0).streams, 3); /* 200 on each */
    assert_in_range(m->streams_opened, 3, 20);
    assert_all_noticed(m);
    sim_free(&m);
}

static void test_stream_ends_every_half_hour(void **state)
{
    struct sim *m = sim_begun(1, 30, SCHED_MODE_STREAMING);
    unsigned opened;

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    opened = m->streams_opened;
    for (int i = 0; i < 80; i++) {
        assert_noticed_within(m, 2000);
        sim_run(m, 3 * MIN);
        assert_int_equal(sim_counters(m).stale, 0);
    }
    assert_int_equal(m->subscribes, 30);
    assert_in_range(m->streams_opened - opened, 7, 9);
    sim_free(&m);
}

static void test_change_while_a_stream_is_broken(void **state)
{
    struct sim *m = sim_begun(1, 30, SCHED_MODE_STREAMING);

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    m->gateway[0].up = false;
    sim_break_streams(m, &m->gateway[0]);
    sim_run(m, 20000);
    sim_add(m, 4, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    m->gateway[0].up = true;
    sim_run(m, 70000);
    assert_int_equal(sim_shown(m, 4), PRES_CAL_MEETING);
    assert_int_equal(m->subscribes, 30);
    assert_all(m, SCHED_MODE_STREAMING);
    sim_free(&m);
}

/* A stream that ends as soon as it is opened is not opened all the time. */
static void test_stream_that_always_ends(void **state)
{
    struct sim *m = sim_begun(1, 10, SCHED_MODE_STREAMING);
    unsigned opened;

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    opened = m->streams_opened;
    for (int i = 0; i < 600; i++) {
        sim_run(m, 1000);
        sim_break_streams(m, &m->gateway[0]);
    }
    assert_in_range(m->streams_opened - opened, 5, 30);
    sim_run(m, 10 * MIN);
    assert_all(m, SCHED_MODE_STREAMING);
    sim_free(&m);
}

static void test_lost_subscriptions_of_a_stream(void **state)
{
    struct sim *m = sim_begun(1, 30, SCHED_MODE_STREAMING);
    unsigned reads;

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    sim_sub_free(sim_sub_of(m, 3)); /* one is lost */
    m->user[3].item[0] =
        (struct gw_interval){ m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY, 0, 0 };
    m->user[3].count = 1;
    reads = m->reads;
    sim_break_streams(m, &m->gateway[0]);
    sim_run(m, 10000);
    assert_int_equal(m->subscribes, 31);
    assert_in_range(m->reads - reads, 1, 2); /* at once, and when it is subscribed again */
    assert_int_equal(sim_shown(m, 3), PRES_CAL_MEETING);
    assert_all(m, SCHED_MODE_STREAMING);
    sim_forget_subs(m, &m->gateway[0]); /* all are */
    sim_break_streams(m, &m->gateway[0]);
    sim_run(m, MIN);
    assert_int_equal(m->subscribes, 61);
    assert_all(m, SCHED_MODE_STREAMING);
    assert_all_noticed(m);
    sim_free(&m);
}

static void test_removed_user_is_unsubscribed_at_once(void **state)
{
    struct sim *m = sim_begun(1, 30, SCHED_MODE_STREAMING);

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    sched_user_remove(m->sched, sim_name(m, 7));
    m->user[7].enabled = false;
    sim_run(m, 500);
    assert_int_equal(sim_subs_of(m, 7), 0);
    assert_int_equal(m->farewells, 1);
    sim_run(m, 5000);
    for (unsigned i = 0; i < 30; i++)
        if (i != 7)
            assert_int_equal(sim_view(m, i).sub_state, SCHED_SUB_LIVE);
    assert_int_equal(m->subscribes, 30);
    sim_add(m, 8, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    sim_run(m, 2000);
    assert_int_equal(sim_shown(m, 8), PRES_CAL_MEETING);
    sim_free(&m);
}

static void test_gateway_with_streams_dies(void **state)
{
    struct sim *m = sim_begun(2, 60, SCHED_MODE_STREAMING);

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    m->gateway[0].up = false;
    sim_forget_subs(m, &m->gateway[0]);
    sim_run(m, 2 * MIN);
    assert_int_equal(sim_gateway_view(m, 0).state, SCHED_GATEWAY_DOWN);
    assert_int_equal(sim_gateway_view(m, 1).users, 60);
    assert_all(m, SCHED_MODE_STREAMING);
    assert_all_noticed(m);
    m->gateway[0].up = true;
    sim_run(m, 40 * MIN);
    assert_all(m, SCHED_MODE_STREAMING);
    assert_in_range(sim_gateway_view(m, 0).users, 28, 30);
    sim_free(&m);
}

static void test_gateway_with_streams_is_removed_or_edited(void **state)
{
    struct sim *m = sim_begun(2, 60, SCHED_MODE_STREAMING);

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    sched_gateway_put(m->sched, gw_str_of(m->gateway[0].name), m->now);
    sim_run(m, 5000);
    assert_int_equal(m->subscribes, 60);
    assert_all(m, SCHED_MODE_STREAMING);
    m->gateway[0].latency_ms = 500;
    sched_gateway_remove(m->sched, gw_str_of(m->gateway[0].name), m->now);
    sim_forget_subs(m, &m->gateway[0]);
    sim_run(m, MIN);
    assert_int_equal(sim_gateway_view(m, 1).users, 60);
    assert_all(m, SCHED_MODE_STREAMING);
    assert_all_noticed(m);
    sim_free(&m);
}

/* Exchange would keep what nobody reads for half an hour. */
static void test_streams_of_a_removed_gateway_are_unsubscribed_by_another(void **state)
{
    struct sim *m = sim_begun(2, 60, SCHED_MODE_STREAMING);

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    assert_int_equal(sim_gateway_view(m, 0).users, 30);
    sched_user_remove(m->sched, sim_name(m, 0)); /* nobody was told yet */
    m->user[0].enabled = false;
    sched_gateway_remove(m->sched, gw_str_of(m->gateway[0].name), m->now);
    sim_run(m, 5000);
    assert_int_equal(m->farewells, 30);
    assert_int_equal(sim_subs_of(m, 0), 0);
    m->user[0].enabled = true;
    sim_enable(m, 0);
    sim_run(m, 5000);
    assert_all(m, SCHED_MODE_STREAMING); /* one subscription each */
    assert_all_noticed(m);
    sim_free(&m);
}

/* Its anchor cannot subscribe: the others do not wait for it for ever. */
static void test_anchor_that_cannot_subscribe(void **state)
{
    struct sim *m = sim_begun(1, 20, SCHED_MODE_STREAMING);

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        m->user[i].refuse[EWS_OP_SUBSCRIBE] =
            sim_status(EWS_MAILBOX, "ErrorNonExistentMailbox", true);
    sim_enable_all(m);
    sim_run(m, MIN);
    assert_int_equal(sim_counters(m).streaming, 15);
    assert_int_equal(sim_gateway_view(m, 0).streams, 1);
    sim_free(&m);
}

/* ---- mailbox servers ---- */

static void test_mailboxes_of_three_servers(void **state)
{
    enum { USERS = 90 };
    struct sim *m = sim_begun(1, USERS, SCHED_MODE_STREAMING);
    unsigned opened;

    (void)state;
    for (unsigned i = 0; i < USERS; i++)
        m->user[i].home = i % 3;
    sim_enable_all(m);
    sim_run(m, MIN);
    assert_all(m, SCHED_MODE_STREAMING);
    assert_int_equal(sim_gateway_view(m, 0).streams, 3);
    assert_in_range(m->subscribes, USERS, 2 * USERS); /* third of them twice, third three times */
    assert_all_noticed(m);
    opened = m->streams_opened;
    sim_run(m, 25 * MIN);
    assert_int_equal(m->streams_opened, opened);
    sim_kill(m);
    sim_run(m, 5000);
    sim_start_again(m);
    sim_run(m, MIN);
    assert_in_range(m->subscribes, USERS, 2 * USERS);
    assert_int_equal(sim_gateway_view(m, 0).streams, 3);
    assert_all(m, SCHED_MODE_STREAMING);
    assert_all_noticed(m);
    sim_free(&m);
}

/* Its group loses a moment, and nothing that happens in it. */
static void test_mailbox_of_another_server_leaves_the_group(void **state)
{
    enum { USERS = 31, STRANGER = 30 };
    struct sim *m = sim_begun(1, USERS, SCHED_MODE_STREAMING);
    unsigned opened;

    (void)state;
    m->user[STRANGER].home = 1;
    sched_gateway_put(m->sched, gw_str_of(m->gateway[0].name), m->now);
    for (unsigned i = 0; i < STRANGER; i++)
        sim_enable(m, i);
    sim_run(m, MIN);
    opened = m->streams_opened;
    sim_enable(m, STRANGER);
    for (unsigned i = 0; i < 20; i++) {
        sim_add(m, i, m->now.utc - MIN, m->now.utc + 2 * HOUR, GW_BUSY_BUSY);
        sim_run(m, 200);
        for (unsigned k = 0; k < STRANGER; k++)
            assert_true(sim_view(m, k).sub_state == SCHED_SUB_LIVE &&
                        sim_view(m, k).calendar.fresh);
    }
    sim_run(m, 3000);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(sim_shown(m, i), PRES_CAL_MEETING);
    assert_in_range(m->streams_opened - opened, 2, 4);
    assert_int_equal(m->subscribes, USERS + 1);
    assert_all(m, SCHED_MODE_STREAMING);
    assert_all_noticed(m);
    sim_free(&m);
}

/* Nobody has to try where it does not live. */
static void test_mailboxes_of_which_it_is_known_where_they_are(void **state)
{
    enum { USERS = 40 };
    struct sim *m = sim_begun(1, USERS, SCHED_MODE_STREAMING);

    (void)state;
    for (unsigned i = 0; i < USERS; i++)
        m->user[i].home = i % 2;
    sim_enable_all(m);
    for (unsigned i = 0; i < USERS; i++)
        sched_user_group(m->sched, sim_name(m, i), i % 2 ? GW_STR("south") : GW_STR("north"));
    sched_user_group(m->sched, GW_STR("nobody@a.example"), GW_STR("south"));
    sim_run(m, MIN);
    assert_int_equal(m->subscribes, USERS);
    assert_int_equal(sim_gateway_view(m, 0).streams, 2);
    assert_all(m, SCHED_MODE_STREAMING);
    assert_all_noticed(m);
    sim_free(&m);
}

/* It is polled; an hour later it is tried again. */
static void test_mailbox_that_fits_into_no_group(void **state)
{
    enum { USERS = 20, LONE = 7 };
    struct sim *m = sim_begun(1, USERS, SCHED_MODE_STREAMING);
    unsigned subscribes;

    (void)state;
    m->user[LONE].no_home = true;
    sim_enable_all(m);
    sim_run(m, 5 * MIN);
    assert_int_equal(sim_view(m, LONE).mode, SCHED_MODE_POLL);
    assert_int_equal(sim_counters(m).poll, 1);
    assert_int_equal(sim_counters(m).streaming, USERS - 1);
    assert_int_equal(sim_counters(m).fallbacks, 0);
    subscribes = m->subscribes;
    assert_in_range(subscribes, USERS, USERS + 5);
    sim_run(m, 50 * MIN);
    assert_int_equal(m->subscribes, subscribes);
    sim_add(m, LONE, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    sim_run(m, m->settings.poll_min * MIN + 10000);
    assert_int_equal(sim_shown(m, LONE), PRES_CAL_MEETING);
    m->user[LONE].no_home = false;
    sim_run(m, 40 * MIN); /* what it left behind unread is gone, too */
    assert_all(m, SCHED_MODE_STREAMING);
    assert_all_noticed(m);
    sim_free(&m);
}

/* ---- after a restart ---- */

static void test_restart_resumes_streams(void **state)
{
    enum { USERS = 250 };
    struct sim *m = sim_begun(2, USERS, SCHED_MODE_STREAMING);

    (void)state;
    sim_enable_all(m);
    sim_run(m, MIN);
    sim_kill(m);
    sim_run(m, MIN);
    sim_add(m, 9, m->now.utc - MIN, m->now.utc + HOUR, GW_BUSY_BUSY);
    sim_start_again(m);
    assert_int_equal(sim_counters(m).resumed, USERS);
    sim_run(m, MIN);
    assert_int_equal(m->subscribes, USERS);
    assert_int_equal(sim_shown(m, 9), PRES_CAL_MEETING);
    assert_all(m, SCHED_MODE_STREAMING);
    assert_all_noticed(m);
    sim_kill(m);
    sim_run(m, 3 * HOUR); /* Exchange has forgotten them all */
    sim_start_again(m);
    sim_run(m, MIN);
    assert_int_equal(m->subscribes, 2 * USERS);
    assert_all(m, SCHED_MODE_STREAMING);
    sim_free(&m);
}

/* What had fallen back is not tried anew by everybody. */
static void test_restart_remembers_what_works(void **state)
{
    for (int poll = 0; poll < 2; poll++) {
        struct sim *m = sim_begun(1, 100, SCHED_MODE_PUSH);
        unsigned subscribes;

        (void)state;
        m->gateway[0].cannot_post = true;
        m->gateway[0].no_streaming = poll;
        sim_enable_all(m);
        sim_run(m, 4 * MIN);
        subscribes = m->subscribes;
        sim_kill(m);
        sim_run(m, 5000);
        sim_start_again(m);
        sim_run(m, 4 * MIN);
        assert_int_equal(m->subscribes, subscribes);
        sim_run(m, 5 * MIN); /* what could not post is given up by Exchange; one scout has tried */
        assert_true(m->subscribes <= subscribes + 3);
        assert_in_range(poll ? sim_counters(m).poll : sim_counters(m).streaming, 99, 100);
        m->gateway[0].cannot_post = false;
        sim_run(m, 30 * MIN);
        assert_all(m, SCHED_MODE_PUSH);
        sim_free(&m);
    }
}

/* So many have subscribed that Exchange needs minutes to say the first word to each. */
static void test_first_notifications_lag(void **state)
{
    struct sim *m = sim_new(1, 60);
    struct gw_list *it;
    unsigned n = 0;

    (void)state;
    m->settings.status_frequency_min = 60;
    sched_settings_set(m->sched, &m->settings, m->now);
    m->lose_posts = true;
    sim_enable_all(m);
    sim_run(m, 10000);
    m->lose_posts = false;
    for (it = m->subs.next; it != &m->subs; it = it->next) {
        struct sim_sub *sub = GW_CONTAINER(it, struct sim_sub, link);

        sub->retry_ms = 0;
        sub->post_at = m->now.mono + 5000 * (gw_time)n++;
    }
    sim_run(m, 10 * GW_MINUTE_MS);
    assert_all(m, SCHED_MODE_PUSH);
    assert_int_equal(m->subscribes, m->users);
    assert_int_equal(sim_counters(m).silent, 0);
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callback_that_never_arrives),
        cmocka_unit_test(test_callback_of_one_gateway_never_arrives),
        cmocka_unit_test(test_one_mute_subscription_is_made_again),
        cmocka_unit_test(test_first_notifications_lag),
        cmocka_unit_test(test_neither_push_nor_streams),
        cmocka_unit_test(test_owner_without_streams),
        cmocka_unit_test(test_source_is_live),
        cmocka_unit_test(test_source_set_back_renews_nothing),
        cmocka_unit_test(test_users_share_streams),
        cmocka_unit_test(test_stream_ends_every_half_hour),
        cmocka_unit_test(test_change_while_a_stream_is_broken),
        cmocka_unit_test(test_stream_that_always_ends),
        cmocka_unit_test(test_lost_subscriptions_of_a_stream),
        cmocka_unit_test(test_removed_user_is_unsubscribed_at_once),
        cmocka_unit_test(test_streams_of_a_removed_gateway_are_unsubscribed_by_another),
        cmocka_unit_test(test_gateway_with_streams_dies),
        cmocka_unit_test(test_gateway_with_streams_is_removed_or_edited),
        cmocka_unit_test(test_anchor_that_cannot_subscribe),
        cmocka_unit_test(test_mailboxes_of_three_servers),
        cmocka_unit_test(test_mailbox_of_another_server_leaves_the_group),
        cmocka_unit_test(test_mailboxes_of_which_it_is_known_where_they_are),
        cmocka_unit_test(test_mailbox_that_fits_into_no_group),
        cmocka_unit_test(test_restart_resumes_streams),
        cmocka_unit_test(test_restart_remembers_what_works),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
