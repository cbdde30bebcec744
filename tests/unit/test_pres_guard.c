/* Who may try a password, by what failed before. Time is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pres_guard.h"

#define HOME "192.0.2.1"
#define AWAY "198.51.100.7"
#define ANN  GW_STR("ann@x.example")
#define BOB  GW_STR("bob@x.example")

enum { NOW = 5000, NETWORK_MAX = 30 };

static void networks(void **state)
{
    static const struct {
        const char *peer, *network;
    } cases[] = {
        { "192.0.2.1:5222", "192.0.2.1" },
        { "192.0.2.1:1", "192.0.2.1" },
        { "[2001:db8:1:2:3:4:5:6]:40000", "2001:db8:1:2::/64" },
        { "[2001:db8:1:2:ffff::1]:1", "2001:db8:1:2::/64" },
        { "[2001:db8:1:3::1]:1", "2001:db8:1:3::/64" },
        { "[::1]:1", "::/64" },
        { "[fe80::1%eth0]:1", "fe80::/64" },
        { "[nonsense]:1", "[nonsense]" },
        { "[", "[" },
        { "unix", "unix" },
        { "", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[PRES_NETWORK_MAX];

        assert_string_equal(pres_network_of(gw_str_of(cases[i].peer), out), cases[i].network);
    }
}

static void fail_times(struct pres_guard *g, const char *network, struct gw_str user, int times,
                       gw_time at)
{
    for (int i = 0; i < times; i++)
        pres_guard_failed(g, network, user, at);
}

static bool allows(const struct pres_guard *g, const char *network, struct gw_str user, gw_time at)
{
    return pres_guard_allows(g, network, user, NETWORK_MAX, at);
}

static void a_user_is_refused_for_a_while(void **state)
{
    struct pres_guard *g = pres_guard_new();
    gw_time end = NOW + PRES_GUARD_WINDOW_MS;

    (void)state;
    fail_times(g, HOME, ANN, PRES_GUARD_USER_MAX - 1, NOW);
    assert_true(allows(g, HOME, ANN, NOW));
    pres_guard_failed(g, HOME, ANN, NOW + 1000);
    assert_false(allows(g, HOME, ANN, NOW + 1000));
    assert_true(allows(g, HOME, BOB, NOW + 1000));
    assert_true(allows(g, AWAY, ANN, NOW + 1000)); /* nobody locks ann out elsewhere */
    assert_false(allows(g, HOME, ANN, end - 1));
    assert_true(allows(g, HOME, ANN, end));
    pres_guard_failed(g, HOME, ANN, end); /* it begins anew */
    assert_true(allows(g, HOME, ANN, end));
    fail_times(g, HOME, ANN, PRES_GUARD_USER_MAX - 1, end + 1);
    assert_false(allows(g, HOME, ANN, end + 1));
    pres_guard_free(&g);
}

static void a_network_is_refused_for_a_while(void **state)
{
    struct pres_guard *g = pres_guard_new();
    char user[32];

    (void)state;
    for (int i = 0; i < NETWORK_MAX; i++) {
        assert_true(allows(g, HOME, ANN, NOW));
        snprintf(user, sizeof(user), "u%d@x.example", i);
        pres_guard_failed(g, HOME, gw_str_of(user), NOW);
    }
    assert_false(allows(g, HOME, ANN, NOW));
    assert_true(allows(g, AWAY, ANN, NOW));
    pres_guard_succeeded(g, HOME, GW_STR("u1@x.example")); /* an account of one's own is no help */
    assert_false(allows(g, HOME, ANN, NOW));
    assert_true(pres_guard_allows(g, HOME, ANN, NETWORK_MAX + 1, NOW)); /* the limit is live */
    assert_true(allows(g, HOME, ANN, NOW + PRES_GUARD_WINDOW_MS));
    pres_guard_free(&g);
}

static void the_right_password_clears_the_user(void **state)
{
    struct pres_guard *g = pres_guard_new();

    (void)state;
    fail_times(g, HOME, ANN, PRES_GUARD_USER_MAX - 1, NOW);
    pres_guard_succeeded(g, HOME, ANN);
    pres_guard_succeeded(g, HOME, BOB); /* never failed */
    fail_times(g, HOME, ANN, PRES_GUARD_USER_MAX - 1, NOW);
    assert_true(allows(g, HOME, ANN, NOW));
    pres_guard_free(&g);
}

static void names_may_be_long_or_empty(void **state)
{
    struct pres_guard *g = pres_guard_new();
    char name[3000];

    (void)state;
    memset(name, 'a', sizeof(name));
    fail_times(g, HOME, (struct gw_str){ name, sizeof(name) }, PRES_GUARD_USER_MAX, NOW);
    assert_false(allows(g, HOME, (struct gw_str){ name, sizeof(name) }, NOW));
    fail_times(g, HOME, GW_STR(""), PRES_GUARD_USER_MAX, NOW);
    assert_false(allows(g, HOME, GW_STR(""), NOW));
    assert_true(allows(g, HOME, ANN, NOW));
    pres_guard_free(&g);
}

/* Each failure makes two entries, or one when the network has one already. */
static void the_oldest_is_forgotten(void **state)
{
    struct pres_guard *g = pres_guard_new();
    char network[32];

    (void)state;
    fail_times(g, HOME, ANN, PRES_GUARD_USER_MAX, NOW);
    fail_times(g, AWAY, BOB, PRES_GUARD_USER_MAX, NOW);
    for (int i = 0; i < PRES_GUARD_ENTRIES_MAX / 2 - 2; i++) {
        snprintf(network, sizeof(network), "10.0.%d.%d", i / 256, i % 256);
        pres_guard_failed(g, network, ANN, NOW);
    }
    assert_false(allows(g, HOME, ANN, NOW)); /* full, nothing forgotten yet */
    pres_guard_failed(g, "10.9.9.9", ANN, NOW);
    assert_true(allows(g, HOME, ANN, NOW));
    assert_false(allows(g, AWAY, BOB, NOW));
    pres_guard_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks),
        cmocka_unit_test(a_user_is_refused_for_a_while),
        cmocka_unit_test(a_network_is_refused_for_a_while),
        cmocka_unit_test(the_right_password_clears_the_user),
        cmocka_unit_test(names_may_be_long_or_empty),
        cmocka_unit_test(the_oldest_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
