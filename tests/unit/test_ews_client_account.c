/* The client and its account: how often a password is shown that nobody has taken yet, and what happens to the
 * calls that wait for it. */
#include "ews_client_test.h"

/* ---- the account ------------------------------------------------------------------------------ */

static enum gw_code set_account(const char *name, const char *password, struct gw_err *err)
{
    struct ews_account_args args = { .auth = EWS_AUTH_BASIC, .name = name, .password = password };

    return ews_account_set(t.account, &args, err);
}

/* Six calls at once with a wrong password are one login, not six. */
static void test_wrong_password_is_tried_once(void **state)
{
    (void)state;
    SETUP(PATIENT_MS, REFUSED);
    for (int i = 0; i < 6; i++)
        start();
    await(6);
    assert_int_equal(t.requests, 1);
    for (int i = 0; i < 6; i++)
        assert_int_equal(t.status[i].class, EWS_CREDENTIALS);
    teardown();
}

static void test_two_refusals_block(void **state)
{
    struct ews_client_state s;
    struct gw_err err;

    (void)state;
    SETUP(PATIENT_MS, REFUSED, REFUSED, SUBSCRIBED);
    start();
    await(1);
    start();
    await(2);
    ews_client_state(t.client, &s);
    assert_true(s.blocked_until > 0);
    start();
    await(3);
    assert_int_equal(t.requests, 2);
    assert_int_equal(t.status[2].class, EWS_CREDENTIALS);
    assert_string_equal(t.status[2].code, "locked-out");
    assert_non_null(strstr(t.status[2].text, "or wait 15 minutes"));
    assert_int_equal(t.status[2].backoff_ms, 0);
    /* A new password is tried at once. */
    assert_int_equal(set_account("gateway@presence.example", "right", &err), GW_OK);
    start();
    await(4);
    assert_int_equal(t.status[3].class, EWS_OK);
    assert_string_equal(t.authorization, "Basic Z2F0ZXdheUBwcmVzZW5jZS5leGFtcGxlOnJpZ2h0");
    teardown();
}

/* An answer to the old password says nothing about the new one. */
static void test_refusal_of_old_password_does_not_count(void **state)
{
    struct ews_client_state s;
    struct gw_err err;

    (void)state;
    SETUP(PATIENT_MS, REFUSED, REFUSED, SUBSCRIBED);
    start();
    await(1);
    start();
    assert_int_equal(set_account("gateway", "new", &err), GW_OK);
    await(2);
    ews_client_state(t.client, &s);
    assert_int_equal(s.blocked_until, 0);
    start();
    await(3);
    assert_int_equal(t.status[2].class, EWS_OK);
    teardown();
}

static void test_calls_wait_for_the_first(void **state)
{
    (void)state;
    SETUP(PATIENT_MS, STALL, SUBSCRIBED);
    start();
    start();
    start();
    wait_ms(100);
    assert_int_equal(t.requests, 1);
    assert_int_equal(t.done, 0);
    reply_file(t.stalled[0], 200, "subscribe.resp.xml");
    await(3);
    assert_int_equal(t.requests, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(t.status[i].class, EWS_OK);
    teardown();
}

/* A dead server costs one time-out, not one for each call. */
static void test_waiting_calls_share_the_fate(void **state)
{
    (void)state;
    SETUP(TIMEOUT_MS, STALL);
    for (int i = 0; i < 4; i++)
        start();
    await(4);
    assert_int_equal(t.requests, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(t.status[i].class, EWS_SERVER_DOWN);
    teardown();
}

static void test_cancelled_first_lets_the_next_go(void **state)
{
    struct ews_call *first;

    (void)state;
    SETUP(PATIENT_MS, STALL, SUBSCRIBED);
    first = start();
    start();
    wait_ms(50);
    assert_int_equal(t.requests, 1);
    ews_call_cancel(&first);
    assert_null(first);
    await(1);
    assert_int_equal(t.status[0].class, EWS_OK);
    teardown();
}

/* ---- tries ------------------------------------------------------------------------------------ */

enum { AT_LARGE = 5 };

static void refuse(struct net_http_exchange *x)
{
    net_http_reply_header(x, "WWW-Authenticate", "Basic realm=\"x\"");
    net_http_reply(x, 401, "text/plain", GW_STR(""));
}

/* Basic is known to be good, five are on their way, and one of them is refused: three more want to go,
 * and wait for what is out. */
static void refuse_one_of_five(void)
{
    SETUP(PATIENT_MS, SUBSCRIBED, STALL, STALL, STALL, STALL, STALL, REFUSED);
    start();
    await(1);
    for (int i = 0; i < AT_LARGE; i++)
        start();
    wait_ms(100);
    assert_int_equal(t.requests, 1 + AT_LARGE);
    refuse(t.stalled[0]);
    await(2);
    assert_int_equal(t.status[1].class, EWS_CREDENTIALS);
    for (int i = 0; i < 3; i++)
        start();
    wait_ms(50);
    assert_int_equal(t.requests, 1 + AT_LARGE);
}

static void test_one_of_many_refused(void **state)
{
    struct ews_client_state s;

    (void)state;
    refuse_one_of_five();
    for (int i = 1; i < AT_LARGE; i++)
        reply_file(t.stalled[i], 200, "subscribe.resp.xml");
    await(1 + AT_LARGE + 3);
    assert_int_equal(t.requests, 1 + AT_LARGE + 1); /* one try more, which is refused */
    ews_client_state(t.client, &s);
    assert_true(s.blocked_until > 0);
    teardown();
}

static void test_all_of_many_refused(void **state)
{
    struct ews_client_state s;

    (void)state;
    refuse_one_of_five();
    for (int i = 1; i < AT_LARGE; i++)
        refuse(t.stalled[i]);
    await(1 + AT_LARGE + 3);
    assert_int_equal(t.requests, 1 + AT_LARGE); /* none more */
    ews_client_state(t.client, &s);
    assert_true(s.blocked_until > 0);
    teardown();
}

static void start_one(void)
{
    start();
    await(t.done + 1);
}

static void assert_locked_after(unsigned requests)
{
    start_one();
    assert_string_equal(t.status[t.done - 1].code, "locked-out");
    assert_int_equal(t.requests, requests);
}

/* A password that was never taken, and a server that does not say whether it takes it: that counts. Whoever
 * reads it and closes is not shown it again by libcurl. */
static void test_silence_counts(void **state)
{
    static const struct {
        unsigned timeout_ms;
        enum reaction how;
    } cases[] = { { SHORT_MS, STALL }, { PATIENT_MS, CLOSE_EARLY } };

    (void)state;
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        SETUP(cases[k].timeout_ms, cases[k].how);
        for (unsigned i = 0; i < EWS_REFUSALS_MAX; i++) {
            start_one();
            assert_int_equal(t.status[i].class, EWS_SERVER_DOWN);
        }
        assert_locked_after(EWS_REFUSALS_MAX);
        teardown();
    }
}

/* The refusal comes when others would have been given up. */
static void test_late_refusal(void **state)
{
    (void)state;
    SETUP(SHORT_MS, STALL);
    for (unsigned i = 0; i < EWS_REFUSALS_MAX; i++) {
        start();
        wait_ms(3 * SHORT_MS);
        assert_int_equal(t.done, i);
        refuse(t.stalled[i]);
        await(i + 1);
        assert_int_equal(t.status[i].class, EWS_CREDENTIALS);
    }
    assert_locked_after(EWS_REFUSALS_MAX);
    teardown();
}

static void test_late_answer(void **state)
{
    (void)state;
    SETUP(SHORT_MS, STALL, SUBSCRIBED);
    start();
    wait_ms(3 * SHORT_MS);
    reply_file(t.stalled[0], 200, "subscribe.resp.xml");
    await(1);
    assert_int_equal(t.status[0].class, EWS_OK);
    start_one();
    assert_int_equal(t.status[1].class, EWS_OK);
    teardown();
}

/* Given up by whoever called, or with the connection. */
static void test_cancelled_tries_count(void **state)
{
    (void)state;
    SETUP(PATIENT_MS, STALL);
    for (unsigned i = 0; i < EWS_REFUSALS_MAX; i++) {
        struct ews_call *call = start();

        while (t.requests <= i)
            wait_ms(5);
        if (i) {
            ews_client_free(&t.client);
            t.client = client_new(net_http_server_port(t.server), PATIENT_MS, 0);
        } else {
            ews_call_cancel(&call);
        }
    }
    assert_locked_after(EWS_REFUSALS_MAX);
    teardown();
}

/* One that was taken is not suspected for a silence, but waited for as long as any other; and is to be
 * proven again, alone, before others go. */
static void test_silence_of_one_that_was_taken(void **state)
{
    (void)state;
    SETUP(SHORT_MS, SUBSCRIBED, STALL, STALL, STALL, STALL, SUBSCRIBED);
    start_one();
    for (int i = 0; i < 4; i++)
        start();
    await(5);
    assert_int_equal(t.status[4].class, EWS_SERVER_DOWN);
    assert_false(t.account->identity->proven);
    assert_int_equal(t.account->identity->refused_count, 0);
    start_one();
    assert_int_equal(t.status[5].class, EWS_OK);
    assert_true(t.account->identity->proven);
    teardown();
}

/* However long the server hangs: what it took before, and has not refused since, is not locked out. */
static void test_hanging_server_locks_nobody_out(void **state)
{
    enum { HANGS = 4, HANG_MS = 60 };

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED, STALL);
    start_one();
    ews_client_set_timeout(t.client, HANG_MS);
    for (int i = 1; i <= HANGS; i++) {
        start_one();
        assert_int_equal(t.status[i].class, EWS_SERVER_DOWN);
    }
    ews_client_set_timeout(t.client, PATIENT_MS);
    t.script[1] = SUBSCRIBED;
    start_one();
    assert_int_equal(t.status[t.done - 1].class, EWS_OK);
    teardown();
}

/* Nor does a front end that closes connections, or an administrator who tries the one after the other. */
static void test_cut_connection_locks_nobody_out(void **state)
{
    enum { TIMES = 4 };

    (void)state;
    SETUP(PATIENT_MS, SUBSCRIBED, CLOSE_EARLY);
    start_one();
    for (int i = 1; i <= TIMES; i++) {
        start_one();
        assert_int_equal(t.status[i].class, EWS_SERVER_DOWN);
    }
    t.script[1] = STALL;
    for (int i = 0; i < TIMES; i++) {
        struct ews_call *call = start();
        unsigned before = t.requests;

        while (t.requests == before)
            wait_ms(5);
        ews_call_cancel(&call);
    }
    t.script[1] = SUBSCRIBED;
    start_one();
    assert_int_equal(t.status[t.done - 1].class, EWS_OK);
    teardown();
}

static void test_silence_after_a_refusal_counts(void **state)
{
    (void)state;
    SETUP(SHORT_MS, SUBSCRIBED, REFUSED, STALL);
    for (int i = 0; i < 3; i++)
        start_one();
    assert_locked_after(3);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_password_is_tried_once),
        cmocka_unit_test(test_two_refusals_block),
        cmocka_unit_test(test_refusal_of_old_password_does_not_count),
        cmocka_unit_test(test_calls_wait_for_the_first),
        cmocka_unit_test(test_waiting_calls_share_the_fate),
        cmocka_unit_test(test_cancelled_first_lets_the_next_go),
        cmocka_unit_test(test_one_of_many_refused),
        cmocka_unit_test(test_all_of_many_refused),
        cmocka_unit_test(test_silence_counts),
        cmocka_unit_test(test_late_refusal),
        cmocka_unit_test(test_late_answer),
        cmocka_unit_test(test_cancelled_tries_count),
        cmocka_unit_test(test_silence_of_one_that_was_taken),
        cmocka_unit_test(test_hanging_server_locks_nobody_out),
        cmocka_unit_test(test_cut_connection_locks_nobody_out),
        cmocka_unit_test(test_silence_after_a_refusal_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
