#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "gw_log.h"

struct seen {
    unsigned lines;
    enum gw_log_level level;
    char component[32], line[1100];
};

static void sink(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    struct seen *seen = ctx;

    seen->lines++;
    seen->level = level;
    snprintf(seen->component, sizeof(seen->component), "%s", component);
    snprintf(seen->line, sizeof(seen->line), "%.*s", GW_STR_ARG(line));
}

static void silent_at_first(void **state)
{
    (void)state;
    gw_error("net", "nobody listens");
}

static void one_line_an_event(void **state)
{
    struct seen seen = { 0 };
    char longest[1500];

    (void)state;
    gw_log_set_sink(sink, &seen);
    gw_info("net", "s=%d opened port=%d", 4, 5222);
    assert_int_equal(seen.lines, 1);
    assert_int_equal(seen.level, GW_LOG_INFO);
    assert_string_equal(seen.component, "net");
    assert_string_equal(seen.line, "s=4 opened port=5222");
    gw_warn("net", "two\nlines\r\x1B[31m");
    assert_string_equal(seen.line, "two?lines??[31m");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[999] = '\xC3'; /* a character across the limit is left out whole */
    longest[1000] = '\xA4';
    longest[sizeof(longest) - 1] = '\0';
    gw_error("net", "%s", longest);
    assert_int_equal(strlen(seen.line), 999);
    gw_log_set_sink(NULL, NULL);
    gw_error("net", "not heard");
    assert_int_equal(seen.lines, 3);
}

static void levels(void **state)
{
    struct seen seen = { 0 };

    (void)state;
    gw_log_set_sink(sink, &seen);
    assert_true(gw_log_is_on("xmpp", GW_LOG_INFO));
    assert_false(gw_log_is_on("xmpp", GW_LOG_DEBUG));
    assert_int_equal(gw_log_set_level("xmpp", GW_LOG_DEBUG), GW_OK);
    assert_true(gw_log_is_on("xmpp", GW_LOG_DEBUG));
    assert_false(gw_log_is_on("net", GW_LOG_DEBUG));
    gw_debug("net", "no");
    gw_debug("xmpp", "yes");
    assert_int_equal(seen.lines, 1);
    assert_int_equal(gw_log_set_level("xmpp", GW_LOG_OFF), GW_OK);
    assert_false(gw_log_is_on("xmpp", GW_LOG_ERROR));
    assert_int_equal(gw_log_set_level(NULL, GW_LOG_WARN), GW_OK);
    assert_false(gw_log_is_on("net", GW_LOG_INFO));
    assert_true(gw_log_is_on("net", GW_LOG_WARN));
    assert_false(gw_log_is_on("xmpp", GW_LOG_WARN)); /* keeps its own */
    assert_false(gw_log_is_on("net", GW_LOG_OFF));
    gw_log_set_level(NULL, GW_LOG_INFO);
    gw_log_set_sink(NULL, NULL);
}

/* A part of a component has the level of the whole, until it has one of its own. */
static void parts(void **state)
{
    (void)state;
    assert_false(gw_log_is_on("sip.tls", GW_LOG_DEBUG));
    gw_log_set_level("sip", GW_LOG_DEBUG);
    assert_true(gw_log_is_on("sip.tls", GW_LOG_DEBUG));
    assert_false(gw_log_is_on("sipx.tls", GW_LOG_DEBUG));
    gw_log_set_level("sip.tls", GW_LOG_WARN);
    assert_false(gw_log_is_on("sip.tls", GW_LOG_INFO));
    assert_true(gw_log_is_on("sip.tcp", GW_LOG_DEBUG));
    assert_true(gw_log_is_on("sip", GW_LOG_DEBUG));
    assert_false(gw_log_is_on("a-name-of-twenty-four-by.part", GW_LOG_DEBUG));
    gw_log_set_level("sip", GW_LOG_INFO);
}

static void level_names(void **state)
{
    enum gw_log_level level = GW_LOG_OFF;

    (void)state;
    assert_true(gw_log_level_parse(GW_STR("debug"), &level));
    assert_int_equal(level, GW_LOG_DEBUG);
    assert_false(gw_log_level_parse(GW_STR("loud"), &level));
    assert_int_equal(level, GW_LOG_DEBUG);
    assert_string_equal(gw_log_level_name(GW_LOG_WARN), "warn");
}

static void *log_often(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 2000; i++)
        gw_info("store", "line %d", i);
    return NULL;
}

static void from_two_threads(void **state)
{
    struct seen seen = { 0 };
    pthread_t thread;

    (void)state;
    gw_log_set_sink(sink, &seen);
    assert_int_equal(pthread_create(&thread, NULL, log_often, NULL), 0);
    for (int i = 0; i < 200; i++)
        gw_log_set_level("other", i % 2 ? GW_LOG_DEBUG : GW_LOG_INFO);
    log_often(NULL);
    pthread_join(thread, NULL);
    assert_int_equal(seen.lines, 4000);
    gw_log_set_sink(NULL, NULL);
}

/* The last: the table cannot be emptied. */
static void table_is_bounded(void **state)
{
    enum gw_code rc = GW_OK;
    char name[16];
    int n = 0;

    (void)state;
    assert_int_equal(gw_log_set_level("", GW_LOG_INFO), GW_INVALID);
    assert_int_equal(gw_log_set_level("a-name-of-twenty-four-by", GW_LOG_INFO), GW_INVALID);
    for (; rc == GW_OK && n < 100; n++) {
        snprintf(name, sizeof(name), "c%d", n);
        rc = gw_log_set_level(name, GW_LOG_INFO);
    }
    assert_int_equal(rc, GW_LIMIT);
    assert_in_range(n, 28, 33);
    assert_int_equal(gw_log_set_level("c0", GW_LOG_DEBUG), GW_OK); /* known ones still change */
}

/* What strangers cause: thirty lines in a minute, then how many there were besides. */
static void limit(void **state)
{
    struct gw_log_limit l = { 0 };
    uint64_t left_out = 0;

    (void)state;
    for (int round = 0; round < 3; round++) {
        gw_time now = 5000 + round * 60000;

        for (int i = 0; i < 1000; i++) {
            enum gw_log_level level = gw_log_limit(&l, now + i, &left_out);

            assert_int_equal(level, i < 30 ? GW_LOG_INFO : GW_LOG_DEBUG);
            assert_int_equal(left_out, round && !i ? 970 : 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_at_first),
        cmocka_unit_test(one_line_an_event),
        cmocka_unit_test(levels),
        cmocka_unit_test(level_names),
        cmocka_unit_test(parts),
        cmocka_unit_test(from_two_threads),
        cmocka_unit_test(table_is_bounded),
        cmocka_unit_test(limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
