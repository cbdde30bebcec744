/* Life in the tests of jobs: a directory with its jobs on virtual time, over a store of the test's own. */
#ifndef DIR_JOB_LIFE_H
#define DIR_JOB_LIFE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dir_job_priv.h"

enum { TO_THE_END = 100000 };

static char folder[64], db_path[96], key_path[96];
static struct store *store;
static struct dir *dir;
static struct dir_jobs *jobs;
static gw_time due;
static struct gw_now now;

static inline void on_due(gw_time at, void *ctx)
{
    (void)ctx;
    due = at;
}

static inline void on_ok(const struct gw_err *result, void *ctx)
{
    assert_int_equal(result->code, GW_OK);
    if (ctx)
        ++*(int *)ctx;
}

/* with: what the test hands in; listener: of the directory, may be NULL. */
static inline void open_jobs(struct dir_jobs_args with, const struct dir_listener *listener)
{
    struct store_args args = { .path = db_path, .seal_key_path = key_path };
    int loaded = 0;

    assert_int_equal(store_open(&args, &store, NULL), GW_OK);
    with.dir = dir = dir_new(store);
    with.store = store;
    with.due = on_due;
    if (listener)
        dir_listen(dir, listener);
    dir_load(dir, on_ok, &loaded);
    jobs = dir_jobs_new(&with);
    due = GW_NEVER;
    dir_jobs_load(jobs, on_ok, &loaded);
    store_wait(store);
    assert_int_equal(loaded, 2);
}

static inline void close_all(void)
{
    store_close(&store);
    dir_jobs_free(&jobs);
    dir_free(&dir);
}

/* A folder, and the time; false: there is none. */
static inline bool begin(void)
{
    snprintf(folder, sizeof(folder), "/tmp/kalends-jobs-XXXXXX");
    if (!mkdtemp(folder))
        return false;
    snprintf(db_path, sizeof(db_path), "%s/kalends.db", folder);
    snprintf(key_path, sizeof(key_path), "%s/seal.key", folder);
    now = (struct gw_now){ .mono = 1000, .utc = 1700000000000 };
    return true;
}

static inline int teardown(void **state)
{
    char cmd[96];

    (void)state;
    close_all();
    snprintf(cmd, sizeof(cmd), "rm -rf %s", folder);
    return system(cmd); /* NOLINT: a test's own folder */
}

/* At most 'ticks' more; fewer when nothing is due within an hour. */
static inline void run(int ticks)
{
    while (ticks-- > 0 && due < now.mono + GW_HOUR_MS) {
        if (due > now.mono) {
            now.utc += due - now.mono;
            now.mono = due;
        }
        due = GW_NEVER;
        dir_jobs_tick(jobs, now);
        store_wait(store);
    }
}

#endif
