/* Killed at any moment: what was reported as written is there, batches are whole. A disk that
 * refuses: nothing is lost, the log says it once, and closing does not hang. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gw_buf.h"
#include "gw_log.h"
#include "store.h"

static char folder[64], db_path[96];

static int place_make(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/kalends-store-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(db_path, sizeof(db_path), "%s/kalends.db", folder);
    return 0;
}

static int place_remove(void **state)
{
    char cmd[96];

    (void)state;
    snprintf(cmd, sizeof(cmd), "rm -rf %s", folder);
    return system(cmd); /* NOLINT: a test's own folder */
}

static struct store *open_store(void)
{
    struct store_args args = { .path = db_path };
    struct store *s = NULL;
    struct gw_err err = { 0 };

    if (store_open(&args, &s, &err))
        fail_msg("%s", err.msg);
    return s;
}

/* --- killed */

enum { PARTS = 3 }; /* records of a batch */

static void put_round(struct store *s, unsigned round, store_done_fn *done, void *ctx)
{
    struct store_batch *b = store_batch_new();
    char key[32], value[16];

    snprintf(value, sizeof(value), "%u", round);
    for (int part = 0; part < PARTS; part++) {
        snprintf(key, sizeof(key), "%08u/%d", round, part);
        store_put(b, "k", gw_str_of(key), GW_STR(""), gw_str_of(value));
        snprintf(key, sizeof(key), "last/%d", part);
        store_put(b, "k", gw_str_of(key), GW_STR(""), gw_str_of(value));
    }
    store_commit(s, &b, done, ctx);
}

static void tell_parent(const struct gw_err *result, void *ctx)
{
    if (result->code || write(*(int *)ctx, "x", 1) != 1)
        _exit(1);
}

static void write_for_ever(int fd, unsigned round)
{
    struct store *s = open_store();

    for (;;) {
        put_round(s, round++, tell_parent, &fd);
        if (round % 7 == 0)
            store_wait(s);
        else
            store_dispatch(s);
    }
}

struct survivors {
    unsigned rounds, parts; /* complete ones from 0 on, and parts of the next */
    long last[PARTS];
};

static void on_survivor(const struct store_record *r, void *ctx)
{
    struct survivors *v = ctx;
    char value[16] = "", key[32] = "";

    memcpy(key, r->key.p, r->key.len);
    memcpy(value, r->value.p, r->value.len);
    if (gw_str_starts(r->key, "last/")) {
        v->last[key[5] - '0'] = strtol(value, NULL, 10);
        return;
    }
    assert_int_equal(strtol(key, NULL, 10), v->rounds); /* none missing in between */
    if (++v->parts == PARTS) {
        v->rounds++;
        v->parts = 0;
    }
}

static void on_ok(const struct gw_err *result, void *ctx)
{
    (void)ctx;
    assert_int_equal(result->code, GW_OK);
}

static void look(struct survivors *v)
{
    struct store *s = open_store();

    memset(v, 0, sizeof(*v));
    store_load(s, "k", NULL, on_survivor, on_ok, v);
    store_wait(s);
    store_close(&s);
    assert_int_equal(v->parts, 0);
    for (int part = 0; part < PARTS; part++)
        assert_int_equal(v->last[part], (long)v->rounds - 1);
}

static unsigned run_and_kill(unsigned from, unsigned after)
{
    int fd[2], status;
    unsigned told = 0;
    char c;
    pid_t pid;

    assert_int_equal(pipe(fd), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        close(fd[0]);
        write_for_ever(fd[1], from);
    }
    close(fd[1]);
    while (told < after && read(fd[0], &c, 1) == 1)
        told++;
    kill(pid, SIGKILL);
    while (read(fd[0], &c, 1) == 1) /* what it had told before it died */
        told++;
    close(fd[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    return told;
}

static void test_killed(void **state)
{
    static const unsigned after[] = { 1, 3, 50, 333, 1000, 2500 };
    unsigned told = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
        struct survivors v;
        unsigned from = told;

        told = from + run_and_kill(from, after[i]);
        look(&v);
        assert_true(v.rounds >= told);
        told = v.rounds;
    }
}

/* --- a disk that refuses: the limit on file sizes stands in for it */

static unsigned refused_lines, works_lines;

static void sink(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    char text[1024] = "";

    (void)level;
    (void)component;
    (void)ctx;
    memcpy(text, line.p, line.len < sizeof(text) ? line.len : sizeof(text) - 1);
    refused_lines += strstr(text, "trying again until it works") != NULL;
    works_lines += strstr(text, "takes changes again") != NULL;
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void on_result(const struct gw_err *result, void *ctx)
{
    unsigned *counts = ctx;

    counts[result->code]++;
}

static void put_big(struct store *s, unsigned i, char *value, unsigned *counts)
{
    struct store_batch *b = store_batch_new();
    char key[16];

    snprintf(key, sizeof(key), "%u", i);
    store_put(b, "k", gw_str_of(key), GW_STR(""), (struct gw_str){ value, STORE_VALUE_MAX });
    store_commit(s, &b, on_result, counts);
}

static void wait_refused(struct store *s)
{
    struct timespec ms = { .tv_nsec = 1000000 };
    struct store_stats stats;

    do {
        nanosleep(&ms, NULL);
        store_dispatch(s);
        store_stats(s, &stats);
    } while (!stats.is_refused);
    assert_true(strlen(stats.trouble) > 0);
}

static void test_refused_then_works(void **state)
{
    unsigned counts[GW_INTERNAL + 1] = { 0 };
    char *value = calloc(1, STORE_VALUE_MAX);
    struct store *s = open_store();
    struct store_stats stats;

    (void)state;
    refused_lines = works_lines = 0;
    gw_log_set_sink(sink, NULL);
    set_file_limit(256 * 1024);
    for (unsigned i = 0; i < 5; i++)
        put_big(s, i, value, counts);
    wait_refused(s);
    put_big(s, 5, value, counts);
    store_stats(s, &stats);
    assert_int_equal(stats.queued_batches, 6);
    assert_int_equal(counts[GW_OK], 0);
    set_file_limit(RLIM_INFINITY);
    store_wait(s);
    assert_int_equal(counts[GW_OK], 6);
    assert_int_equal(refused_lines, 1);
    assert_int_equal(works_lines, 1);
    store_close(&s);
    gw_log_set_sink(NULL, NULL);
    free(value);
}

static void test_queue_is_bounded(void **state)
{
    unsigned counts[GW_INTERNAL + 1] = { 0 };
    char *value = calloc(1, STORE_VALUE_MAX);
    struct store *s = open_store();
    struct store_stats stats;
    unsigned total = STORE_QUEUE_MAX / STORE_VALUE_MAX + 1;

    (void)state;
    set_file_limit(256 * 1024);
    for (unsigned i = 0; i < total; i++)
        put_big(s, i, value, counts);
    wait_refused(s);
    assert_true(counts[GW_LIMIT] > 0);
    store_stats(s, &stats);
    assert_true(stats.queued_bytes <= STORE_QUEUE_MAX);
    set_file_limit(RLIM_INFINITY);
    store_wait(s);
    assert_int_equal(counts[GW_OK] + counts[GW_LIMIT], total);
    store_close(&s);
    free(value);
}

/* Closing tries for about two seconds, then reports what is lost. */
static void test_close_refused(void **state)
{
    unsigned counts[GW_INTERNAL + 1] = { 0 };
    char *value = calloc(1, STORE_VALUE_MAX);
    struct store *s = open_store();

    (void)state;
    put_round(s, 0, on_ok, NULL);
    store_wait(s);
    set_file_limit(256 * 1024);
    for (unsigned i = 0; i < 20; i++)
        put_big(s, i, value, counts);
    wait_refused(s);
    store_close(&s);
    set_file_limit(RLIM_INFINITY);
    assert_int_equal(counts[GW_INTERNAL], 20);
    {
        struct survivors v;

        look(&v);
        assert_int_equal(v.rounds, 1);
    }
    free(value);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_make, place_remove)
    const struct CMUnitTest tests[] = {
        TEST(test_killed),
        TEST(test_refused_then_works),
        TEST(test_queue_is_bounded),
        TEST(test_close_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
