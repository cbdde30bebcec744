/* A job's run: slice after slice. What a slice does, its results, and where the next one begins are one
 * transaction; the next slice begins when that is on the disk, and some time later. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dir_audit.h"
#include "dir_filter.h"
#include "dir_job_priv.h"
#include "gw_log.h"
#include "gw_map.h"

enum {
    SLICE_ROWS = 100,   /* some 5 ms */
    SLICE_NAMES = 2000, /* likewise, when all are hit */
    SLICE_LISTS = 200,  /* likewise, of some dozens of contacts each */
    SLICE_LINES = 1000, /* of a file of addresses */
    PAUSE_MS = 10,      /* at least, from one slice's beginning to the next: others work too */
    LOOK_MS = 10 * GW_SECOND_MS /* a job for later: clocks may be set meanwhile */
};

/* --- whose turn it is */

static struct dir_job_entry *running(const struct dir_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->entry[i]->job.state == DIR_JOB_RUNNING)
            return jobs->entry[i];
    return NULL;
}

/* The one that has waited longest past its time. NULL: none is due; *next: when one may be. */
static struct dir_job_entry *due(const struct dir_jobs *jobs, struct gw_now now, gw_time *next)
{
    struct dir_job_entry *first = NULL;

    *next = GW_NEVER;
    for (size_t i = 0; i < jobs->count; i++) {
        struct dir_job_entry *e = jobs->entry[i];
        int64_t wait_ms = e->job.at - now.utc;

        if (e->job.state != DIR_JOB_WAITING)
            continue;
        if (wait_ms <= 0 && (!first || e->job.at < first->job.at))
            first = e;
        wait_ms = wait_ms > LOOK_MS ? LOOK_MS : wait_ms;
        if (gw_time_after(now.mono, wait_ms) < *next)
            *next = gw_time_after(now.mono, wait_ms);
    }
    return first;
}

static void again(struct dir_jobs *jobs)
{
    jobs->args.due(
        gw_time_after(jobs->ticked, jobs->pause_ms > PAUSE_MS ? jobs->pause_ms : PAUSE_MS),
        jobs->args.ctx);
}

/* --- ends */

static void job_log(const char *what, const struct dir_job_entry *e)
{
    gw_info("dir", "job %s job=%u type=%s rows=%zu done=%zu ignored=%zu failed=%zu", what,
            e->job.id, dir_job_type_name(e->job.type), e->job.rows, e->job.done, e->job.ignored,
            e->job.failed);
}

/* What memory has is ahead of the disk now; a restart would find less. Said, and not gone on with. */
static void fail(struct dir_jobs *jobs, struct dir_job_entry *e, const struct gw_err *why)
{
    struct store_batch *batch = store_batch_new();

    gw_error("dir", "job failed job=%u: %s", e->job.id, why->msg);
    free(e->problem);
    e->job.problem = e->problem = gw_str_dup(gw_str_of(why->msg));
    e->job.state = DIR_JOB_FAILED;
    dir_job_put(e, batch);
    store_commit(jobs->args.store, &batch, NULL, NULL);
}

/* Something that the store did for the running job is over. */
static void store_ended(const struct gw_err *result, void *ctx)
{
    struct dir_jobs *jobs = ctx;
    struct dir_job_entry *e = running(jobs);

    jobs->busy = false;
    if (e && result->code)
        fail(jobs, e, result);
    again(jobs);
}

static void commit(struct dir_jobs *jobs, struct dir_job_entry *e, struct store_batch *batch)
{
    dir_job_put(e, batch);
    jobs->busy = true;
    store_commit(jobs->args.store, &batch, store_ended, jobs);
}

/* --- beginning */

static void rows_put(struct dir_job_entry *e, struct gw_buf *rows, struct store_batch *batch)
{
    char key[DIR_JOB_KEY_MAX];

    if (!rows->len)
        return;
    dir_job_part_key(e->job.id, e->chunks++, key);
    store_put(batch, DIR_KIND_JOB_ROWS, gw_str_of(key), GW_STR(""), gw_buf_str(rows));
    gw_buf_reset(rows);
}

/* The next line; false: there is none in this record. */
static bool line_next(const struct gw_buf *rows, size_t *offset, struct gw_str *out)
{
    struct gw_str rest = gw_str_sub(gw_buf_str(rows), *offset, rows->len);

    if (!gw_str_cut(rest, "\n", out, NULL))
        return false;
    *offset += out->len + 1;
    return true;
}

static void hits_forget(struct dir_jobs *jobs)
{
    gw_buf_done(&jobs->names);
    gw_buf_reset(&jobs->rows);
    gw_buf_reset(&jobs->found);
    jobs->asked = 0;
    store_batch_free(&jobs->hits);
    dir_renames_free(jobs);
}

/* Everybody who is there now: only their names, since what else there is to do for each takes long. */
static void names_take(struct dir_jobs *jobs)
{
    struct dir_user user;
    size_t pos = 0;

    hits_forget(jobs);
    jobs->hits = store_batch_new();
    while (dir_user_next(jobs->args.dir, &pos, &user)) {
        gw_buf_add_str(&jobs->names, user.jid);
        gw_buf_add_char(&jobs->names, '\n');
    }
}

/* Whom of them the filter hits: that is what the job does, whatever changes while it runs. Nothing of it
 * is stored before it is whole: a restart begins anew. */
static void hits_take(struct dir_jobs *jobs, struct dir_job_entry *e)
{
    struct dir_filter *filter = NULL;
    struct store_batch *batch;
    struct dir_user user;
    struct gw_str jid;

    if (dir_filter_parse(gw_str_of(e->where), &filter, NULL))
        jobs->asked = jobs->names.len; /* of a later version: nobody is hit */
    for (int i = 0; i < SLICE_NAMES && line_next(&jobs->names, &jobs->asked, &jid); i++) {
        if (!dir_user_get(jobs->args.dir, jid, &user) || !dir_filter_matches(filter, &user))
            continue;
        dir_job_row_add(&jobs->rows, (unsigned)++e->job.rows, &jid, 1);
        if (jobs->rows.len >= DIR_JOB_CHUNK)
            rows_put(e, &jobs->rows, jobs->hits);
    }
    dir_filter_free(&filter);
    if (jobs->asked < jobs->names.len) {
        again(jobs);
        return;
    }
    rows_put(e, &jobs->rows, jobs->hits);
    batch = jobs->hits;
    jobs->hits = NULL;
    hits_forget(jobs);
    job_log("begins", e);
    commit(jobs, e, batch);
}

static void begin(struct dir_jobs *jobs, struct dir_job_entry *e, struct gw_now now)
{
    e->job.state = DIR_JOB_RUNNING;
    e->job.started = now.utc;
    if (e->job.type == DIR_JOB_SET) {
        names_take(jobs);
        again(jobs);
        return;
    }
    job_log("begins", e);
    commit(jobs, e, store_batch_new());
}

/* --- rows */

/* Results become rows: those that changed something, the last one first. */
static void turn_round(struct gw_str results, struct gw_buf *out)
{
    while (results.len) { /* each line has its end */
        size_t start = results.len - 1;
        json_t *json;

        while (start && results.p[start - 1] != '\n')
            start--;
        json = json_loadb(results.p + start, results.len - start, 0, NULL);
        if (gw_str_is(gw_str_of(json_string_value(json_object_get(json, "result"))), "done"))
            gw_buf_add_str(out, gw_str_sub(results, start, results.len));
        json_decref(json);
        results.len = start;
    }
}

static void rows_read(const struct store_record *r, void *ctx)
{
    struct dir_jobs *jobs = ctx;
    struct dir_job_entry *e = running(jobs);

    if (!e)
        return;
    if (e->job.type == DIR_JOB_UNDO)
        turn_round(r->value, &jobs->rows);
    else
        gw_buf_add_str(&jobs->rows, r->value);
}

static void rows_load(struct dir_jobs *jobs, const struct dir_job_entry *e, unsigned chunk)
{
    bool undo = e->job.type == DIR_JOB_UNDO;
    char from[DIR_JOB_KEY_MAX], to[DIR_JOB_KEY_MAX];
    unsigned of = undo ? e->job.undoes : e->job.id;
    unsigned part = undo ? e->chunks - 1 - chunk : chunk;
    struct store_range range = { .limit = 1 };

    dir_job_part_key(of, part, from);
    dir_job_part_key(of, part + 1, to);
    range.from = gw_str_of(from);
    range.to = gw_str_of(to);
    gw_buf_reset(&jobs->rows);
    jobs->rows_of = e->job.id;
    jobs->busy = true;
    store_load_range(jobs->args.store, undo ? DIR_KIND_JOB_RESULT : DIR_KIND_JOB_ROWS, &range,
                     rows_read, store_ended, jobs);
}

static void count(struct dir_job_entry *e, enum dir_job_outcome outcome)
{
    switch (outcome) {
    case DIR_JOB_ROW_DONE:
        e->job.done++;
        break;
    case DIR_JOB_ROW_IGNORED:
        e->job.ignored++;
        break;
    case DIR_JOB_ROW_FAILED:
        e->job.failed++;
        break;
    }
}

/* How many contacts a second; 0: as many as can be. */
static int64_t rate_of(const struct dir_jobs *jobs, const struct dir_job_entry *e)
{
    const struct dir_settings *settings = jobs->args.settings;

    return e->job.type == DIR_JOB_CONTACTS && settings && settings->contact_rate != GW_PARAM_WORD
               ? settings->contact_rate
               : 0;
}

static int slice_rows(const struct dir_jobs *jobs, const struct dir_job_entry *e)
{
    int64_t rate = rate_of(jobs, e);

    return rate && rate < SLICE_ROWS ? (int)rate : SLICE_ROWS;
}

/* True: there may be more in this record. */
static bool rows_apply(struct dir_jobs *jobs, struct dir_job_entry *e, struct store_batch *batch,
                       struct gw_buf *results)
{
    enum dir_job_outcome outcome;
    struct gw_str line;

    for (int i = 0; i < slice_rows(jobs, e) && results->len < STORE_VALUE_MAX / 2; i++) {
        json_t *result;

        if (!line_next(&jobs->rows, &e->offset, &line))
            return false;
        result = dir_job_row_apply(jobs, e, line, batch, &outcome);
        e->job.told += json_integer_value(json_object_get(result, "told")) > 0;
        dir_json_write(result, results);
        gw_buf_add_char(results, '\n');
        count(e, outcome);
    }
    return e->offset < jobs->rows.len;
}

static void rows_forget(struct dir_jobs *jobs)
{
    gw_buf_reset(&jobs->rows);
    jobs->rows_of = 0;
}

static void slice(struct dir_jobs *jobs, struct dir_job_entry *e, struct gw_now now)
{
    struct store_batch *batch = store_batch_new();
    char key[DIR_JOB_KEY_MAX];
    struct gw_buf results;

    gw_buf_reset(&jobs->by);
    gw_buf_addf(&jobs->by, "job %u of %s", e->job.id, e->by);
    dir_act(jobs->args.dir, gw_buf_str(&jobs->by), now.utc);
    gw_buf_init(&results, STORE_VALUE_MAX);
    jobs->pause_ms = rate_of(jobs, e) ? slice_rows(jobs, e) * GW_SECOND_MS / rate_of(jobs, e) : 0;
    if (!rows_apply(jobs, e, batch, &results)) {
        rows_forget(jobs);
        e->chunk++;
        e->offset = 0;
    }
    dir_act(jobs->args.dir, GW_STR(""), 0);
    if (results.len) {
        dir_job_part_key(e->job.id, e->results++, key);
        store_put(batch, DIR_KIND_JOB_RESULT, gw_str_of(key), GW_STR(""), gw_buf_str(&results));
    }
    gw_buf_done(&results);
    commit(jobs, e, batch);
}

static void end(struct dir_jobs *jobs, struct dir_job_entry *e, struct gw_now now)
{
    e->job.state = DIR_JOB_DONE;
    e->job.finished = now.utc;
    jobs->pause_ms = 0;
    rows_forget(jobs);
    job_log("is done", e);
    commit(jobs, e, store_batch_new());
}

/* --- from a file of addresses to the lists in which they are. What is found goes to the disk piece by
 * piece behind the file; but the job's own record does not change before all of it is there: a restart
 * begins anew, and writes the same again. */

void dir_job_found(struct dir_jobs *jobs, struct dir_job_entry *e)
{
    jobs->found_rows++;
    if (jobs->found.len >= DIR_JOB_CHUNK)
        rows_put(e, &jobs->found, jobs->hits);
}

static void found_commit(struct dir_jobs *jobs)
{
    struct store_batch *batch = jobs->hits;

    jobs->hits = store_batch_new();
    jobs->busy = true;
    store_commit(jobs->args.store, &batch, store_ended, jobs);
}

static void gather_enter(struct dir_jobs *jobs, enum dir_gather to)
{
    jobs->gather = to;
    jobs->at = 0;
}

static void gather_begin(struct dir_jobs *jobs, struct dir_job_entry *e)
{
    names_take(jobs);
    jobs->renames = gw_map_new();
    jobs->part = 0;
    jobs->found_rows = 0;
    rows_forget(jobs);
    e->chunks = e->file;
    gather_enter(jobs, DIR_GATHER_FILE);
}

/* The record that was read. */
static void gather_file(struct dir_jobs *jobs, struct dir_job_entry *e)
{
    struct gw_str line;

    for (int i = 0; i < SLICE_LINES; i++) {
        if (line_next(&jobs->rows, &jobs->at, &line)) {
            dir_rename_add(jobs, e, line);
            continue;
        }
        rows_forget(jobs);
        jobs->at = 0;
        if (++jobs->part == e->file)
            gather_enter(jobs, DIR_GATHER_CHECK);
        return;
    }
}

static void gather_lists(struct dir_jobs *jobs, struct dir_job_entry *e)
{
    struct gw_str jid;

    for (int i = 0; i < SLICE_LISTS; i++) {
        if (!line_next(&jobs->names, &jobs->asked, &jid)) {
            gather_enter(jobs, DIR_GATHER_REST);
            return;
        }
        dir_renames_find(jobs, e, jid);
    }
}

static void gather_end(struct dir_jobs *jobs, struct dir_job_entry *e)
{
    struct store_batch *batch;

    rows_put(e, &jobs->found, jobs->hits);
    e->job.rows = jobs->found_rows;
    e->chunk = e->file;
    batch = jobs->hits;
    jobs->hits = NULL;
    hits_forget(jobs);
    commit(jobs, e, batch);
}

static void gather(struct dir_jobs *jobs, struct dir_job_entry *e)
{
    if (!jobs->renames)
        gather_begin(jobs, e);
    switch (jobs->gather) {
    case DIR_GATHER_FILE:
        if (jobs->rows_of != e->job.id) {
            rows_load(jobs, e, jobs->part);
            return;
        }
        gather_file(jobs, e);
        break;
    case DIR_GATHER_CHECK:
        if (!dir_renames_check(jobs, e, &jobs->at))
            gather_enter(jobs, DIR_GATHER_LISTS);
        break;
    case DIR_GATHER_LISTS:
        gather_lists(jobs, e);
        break;
    case DIR_GATHER_REST:
        if (!dir_renames_rest(jobs, e, &jobs->at)) {
            gather_end(jobs, e);
            return;
        }
        break;
    }
    found_commit(jobs);
}

void dir_jobs_tick(struct dir_jobs *jobs, struct gw_now now)
{
    struct dir_job_entry *e = running(jobs);
    gw_time next = GW_NEVER;

    if (jobs->busy)
        return; /* what ends comes back here */
    jobs->ticked = now.mono;
    if (!e) {
        hits_forget(jobs); /* it may have been cancelled */
        jobs->pause_ms = 0;
        e = due(jobs, now, &next);
        if (e)
            begin(jobs, e, now);
        else
            jobs->args.due(next, jobs->args.ctx);
    } else if (e->job.type == DIR_JOB_RENAME && e->chunk < e->file) {
        gather(jobs, e);
    } else if (jobs->hits) {
        hits_take(jobs, e);
    } else if (e->chunk >= e->chunks) {
        end(jobs, e, now);
    } else if (jobs->rows_of != e->job.id) {
        rows_load(jobs, e, e->chunk);
    } else {
        slice(jobs, e, now);
    }
}
