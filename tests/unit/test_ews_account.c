/* What is taken as an account, and how refusals of it are counted. */
#include "ews_test.h"

#include "ews_account_priv.h"

static void test_invalid_accounts(void **state)
{
    static const struct {
        const char *name, *password;
    } c[] = {
        { "", "p" },    { "a:b", "p" }, { "a\r\nX-Evil: 1", "p" },
        { "a", "p\n" }, { "a", "" },    { "a\x7f", "p" },
        { NULL, "p" },  { "a", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct ews_account_args args = { .name = c[i].name, .password = c[i].password };
        struct gw_err err = { GW_OK, "" };

        if (ews_account_check(&args, &err) != GW_INVALID || !err.msg[0])
            fail_msg("case %zu was taken", i);
    }
}

static struct ews_account *account_new(struct net_loop *loop, struct ews_account *kin)
{
    struct ews_account_args args = { .name = "gateway", .password = "secret" };
    struct ews_account *a = ews_account_new(loop, NULL, kin);

    assert_int_equal(ews_account_set(a, &args, NULL), GW_OK);
    return a;
}

static void test_lockout(void **state)
{
    struct net_loop *loop = net_loop_new();
    struct ews_account *a = account_new(loop, NULL);
    struct ews_status why;

    (void)state;
    assert_int_equal(ews_identity_locked_until(a->identity, 0), 0);
    ews_account_refused(a->identity, 1000);
    assert_int_equal(ews_identity_locked_until(a->identity, 1000), 0);
    ews_account_refused(a->identity, 61000);
    assert_int_equal(ews_identity_locked_until(a->identity, 61000), 1000 + EWS_REFUSALS_MS);
    assert_int_equal(ews_identity_locked_until(a->identity, 999 + EWS_REFUSALS_MS),
                     1000 + EWS_REFUSALS_MS);
    assert_true(ews_identity_is_locked(a->identity, 61000, &why));
    assert_non_null(strstr(why.text, "or wait 15 minutes"));
    assert_int_equal(why.backoff_ms, 0); /* it is no server that says so */
    /* One may be tried when the first one is forgotten, and no more. */
    assert_int_equal(ews_identity_locked_until(a->identity, 1000 + EWS_REFUSALS_MS), 0);
    ews_account_refused(a->identity, 1000 + EWS_REFUSALS_MS);
    assert_int_equal(ews_identity_locked_until(a->identity, 1000 + EWS_REFUSALS_MS),
                     61000 + EWS_REFUSALS_MS);
    ews_account_taken(a->identity);
    assert_false(ews_identity_is_locked(a->identity, 1000 + EWS_REFUSALS_MS, &why));
    ews_account_free(&a);
    net_loop_free(&loop);
}

static void on_refusals(void *ctx)
{
    ++*(unsigned *)ctx;
}

/* Outside of a callback the loop's time goes on, and its two clocks are not read at once. */
static void assert_about(gw_time t, gw_time expected, const struct net_loop *loop, gw_time since)
{
    assert_in_range(t, expected - 1, expected + 1 + (net_loop_now(loop).mono - since));
}

/* Neither a restart, nor the same password once more, nor another account of that name is a way to
 * further tries. */
static void test_refusals_are_recalled(void **state)
{
    struct ews_account_args same = { .name = "gateway", .password = "secret" },
                            other = { .name = "gateway", .password = "other" };
    struct net_loop *loop = net_loop_new();
    struct ews_account *a = account_new(loop, NULL), *b = account_new(loop, NULL);
    gw_time now = net_loop_now(loop).mono;
    struct ews_refusals refusals;
    struct ews_status why;
    unsigned told = 0;

    (void)state;
    ews_account_watch_refusals(a, on_refusals, &told);
    ews_account_taken(a->identity);
    assert_int_equal(told, 1);
    ews_account_refusals(a, &refusals);
    assert_true(refusals.trusted);
    ews_account_recall(b, &refusals);
    assert_true(b->identity->trusted);
    assert_false(b->identity->proven);
    ews_account_taken(a->identity);
    assert_int_equal(told, 1);
    ews_account_refused(a->identity, now - GW_MINUTE_MS);
    ews_account_refused(a->identity, now);
    assert_int_equal(told, 3);
    ews_account_refusals(a, &refusals);
    assert_false(refusals.trusted);
    assert_int_equal(refusals.count, 2);
    ews_account_recall(b, &refusals);
    assert_false(b->identity->trusted);
    assert_about(ews_identity_locked_until(b->identity, now), now - GW_MINUTE_MS + EWS_REFUSALS_MS,
                 loop, now);

    assert_int_equal(ews_account_set(a, &same, NULL), GW_OK);
    assert_true(ews_identity_is_locked(a->identity, now, &why));
    assert_int_equal(ews_account_set(a, &other, NULL), GW_OK);
    assert_false(ews_identity_is_locked(a->identity, now, &why));

    refusals.at[0] = net_loop_now(loop).utc - EWS_REFUSALS_MS; /* over */
    refusals.at[1] = net_loop_now(loop).utc + GW_HOUR_MS;      /* the clock was set back */
    ews_account_recall(b, &refusals);
    assert_int_equal(b->identity->refused_count, 1);
    assert_about(b->identity->refused[0], now, loop, now);
    ews_account_taken(b->identity);
    assert_int_equal(b->identity->refused_count, 0);
    ews_account_recall(b, &refusals); /* its password is the right one */
    assert_int_equal(b->identity->refused_count, 0);
    ews_account_free(&a);
    ews_account_free(&b);
    net_loop_free(&loop);
}

/* A restart in the middle of a try is no refusal of what was taken before; of what was not, it is. */
static void test_open_tries_are_recalled(void **state)
{
    struct net_loop *loop = net_loop_new();
    struct ews_account *a = account_new(loop, NULL), *b = account_new(loop, NULL);
    struct ews_refusals refusals;
    struct ews_try t;

    (void)state;
    for (unsigned taken = 0; taken < 2; taken++) {
        if (taken)
            ews_account_taken(a->identity);
        ews_identity_changed(a->identity); /* to be proven, as after a restart */
        ews_identity_try_add(a->identity, &t);
        ews_account_refusals(a, &refusals);
        assert_int_equal(refusals.count, !taken);
        assert_int_equal(refusals.trusted, taken);
        ews_account_recall(b, &refusals);
        assert_int_equal(ews_identity_refusals(b->identity), !taken);
        ews_identity_taken(b->identity);
        ews_try_end(&t, EWS_TRY_PASSED);
    }
    ews_account_free(&a);
    ews_account_free(&b);
    net_loop_free(&loop);
}

/* What is heard of the account as it was says nothing of what it is; and is known again when it is set
 * back, also by another account. */
static void test_refusals_are_of_a_password(void **state)
{
    struct ews_account_args other = { .name = "gateway", .password = "other" },
                            first = { .name = "Gateway", .password = "secret" };
    struct net_loop *loop = net_loop_new();
    struct ews_account *a = account_new(loop, NULL), *b;
    struct ews_identity *was = ews_identity_ref(a->identity);
    gw_time now = net_loop_now(loop).mono;

    (void)state;
    assert_int_equal(ews_account_set(a, &other, NULL), GW_OK);
    ews_account_refused(was, now);
    ews_account_refused(was, now);
    ews_identity_unref(&was);
    assert_int_equal(a->identity->refused_count, 0);
    assert_int_equal(ews_identity_locked_until(a->identity, now), 0);
    b = account_new(loop, a);
    assert_int_equal(ews_identity_locked_until(b->identity, now), now + EWS_REFUSALS_MS);
    ews_account_free(&b);
    assert_int_equal(ews_account_set(a, &first, NULL), GW_OK);
    assert_int_equal(ews_identity_locked_until(a->identity, now), now + EWS_REFUSALS_MS);
    b = account_new(loop, a);
    assert_ptr_equal(a->identity, b->identity);
    ews_account_taken(b->identity);
    assert_int_equal(ews_identity_locked_until(a->identity, now), 0);
    ews_account_free(&a);
    ews_account_free(&b);
    net_loop_free(&loop);
}

/* A program that sets one password after the other does not fill the memory. */
static void test_remembers_so_many(void **state)
{
    struct net_loop *loop = net_loop_new();
    struct ews_account *a = account_new(loop, NULL);
    gw_time now = net_loop_now(loop).mono;
    char password[16];
    struct ews_account_args args = { .name = "gateway", .password = password };

    (void)state;
    for (int i = 0; i < 102; i++) {
        snprintf(password, sizeof(password), "p%d", i);
        assert_int_equal(ews_account_set(a, &args, NULL), GW_OK);
        ews_account_refused(a->identity, now);
    }
    snprintf(password, sizeof(password), "p1");
    assert_int_equal(ews_account_set(a, &args, NULL), GW_OK);
    assert_int_equal(a->identity->refused_count, 1);
    snprintf(password, sizeof(password), "p0");
    assert_int_equal(ews_account_set(a, &args, NULL), GW_OK);
    assert_int_equal(a->identity->refused_count, 0);
    ews_account_free(&a);
    net_loop_free(&loop);
}

static void test_spellings(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } c[] = {
        { "CORP\\Svc", "corp\\svc", true },
        { "svc@corp.example", "SVC@Corp.Example", true },
        { "corp.example\\svc", "svc@corp.example", true },
        { "CORP\\svc", "svc@corp.example", false }, /* nobody here knows */
        { "CORP\\svc", "OTHER\\svc", false },
        { "svc", "SVC", true },
        { "svc", "CORP\\svc", false },
        { "a@b@corp", "CORP\\a@b", true },
        { "svc@", "svc", true },
        { "4f2a-APP", "4f2a-app", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++)
        if (ews_account_same_name(c[i].a, c[i].b) != c[i].same ||
            ews_account_same_name(c[i].b, c[i].a) != c[i].same)
            fail_msg("%s, %s", c[i].a, c[i].b);
}

/* ---- logins at once --------------------------------------------------------------------------- */

static unsigned gone;

static void on_go(void *ctx)
{
    (void)ctx;
    gone++;
}

static void on_stop(struct gw_now now, void *ctx)
{
    (void)now;
    net_loop_stop(ctx);
}

static void run_a_round(struct net_loop *loop)
{
    struct net_timer *timer = net_timer_new(loop, on_stop, loop);

    net_timer_set(timer, net_loop_now(loop).mono + 5);
    net_loop_run(loop);
    net_timer_free(&timer);
}

static void test_few_trials_at_once(void **state)
{
    struct net_loop *loop = net_loop_new();
    struct ews_account *a = account_new(loop, NULL);
    struct ews_trial t[5];

    (void)state;
    gone = 0;
    /* not known yet: one */
    assert_true(ews_trial_begin(&t[0], a->identity, on_go, NULL));
    assert_false(ews_trial_begin(&t[1], a->identity, on_go, NULL));
    assert_false(ews_trial_begin(&t[2], a->identity, on_go, NULL));
    assert_false(ews_trial_begin(&t[3], a->identity, on_go, NULL));
    ews_account_taken(a->identity);
    ews_trial_end(&t[0]);
    ews_trial_end(&t[0]);
    assert_int_equal(gone, 0);
    run_a_round(loop);
    assert_int_equal(gone, 2);
    /* one is refused: one more may be tried, and that is running */
    ews_account_refused(a->identity, net_loop_now(loop).mono);
    ews_trial_end(&t[1]);
    run_a_round(loop);
    assert_int_equal(gone, 2);
    /* the next one too: whoever waits is told, and will see that the account is locked */
    ews_account_refused(a->identity, net_loop_now(loop).mono);
    ews_trial_end(&t[2]);
    run_a_round(loop);
    assert_int_equal(gone, 3);
    ews_trial_end(&t[3]);
    ews_account_free(&a);
    net_loop_free(&loop);
}

/* A login whose thread has not come back, since Kerberos does not answer, holds up nobody once another
 * account is set, and may outlive it. */
static void test_trial_that_does_not_end(void **state)
{
    struct ews_account_args other = { .name = "gateway", .password = "other" };
    struct net_loop *loop = net_loop_new();
    struct ews_account *a = account_new(loop, NULL);
    struct ews_trial stuck, next;

    (void)state;
    assert_true(ews_trial_begin(&stuck, a->identity, on_go, NULL));
    assert_false(ews_trial_begin(&next, a->identity, on_go, NULL));
    ews_trial_end(&next);
    assert_int_equal(ews_account_set(a, &other, NULL), GW_OK);
    assert_true(ews_trial_begin(&next, a->identity, on_go, NULL));
    ews_trial_end(&next);
    ews_account_free(&a);
    ews_trial_end(&stuck);
    ews_trial_end(&stuck);
    net_loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invalid_accounts),
        cmocka_unit_test(test_lockout),
        cmocka_unit_test(test_refusals_are_recalled),
        cmocka_unit_test(test_open_tries_are_recalled),
        cmocka_unit_test(test_refusals_are_of_a_password),
        cmocka_unit_test(test_remembers_so_many),
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_few_trials_at_once),
        cmocka_unit_test(test_trial_that_does_not_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
