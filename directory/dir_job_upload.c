/* A file on its way in: rows are found while its pieces come, and are in the store, in records of whole
 * rows, before the job that they belong to waits for its turn. */
#include <stdlib.h>

#include "dir_job_priv.h"
#include "gw_log.h"
#include "gw_mem.h"

struct dir_upload {
    struct dir_jobs *jobs;
    unsigned id; /* of the entry, which lives in the list */
    struct dir_csv *csv;
    struct gw_buf rows; /* of the record that is being filled */
    size_t size;        /* of the file so far */
    bool has_header;
    struct gw_err failed;
};

static void flush(struct dir_upload *up, struct dir_job_entry *e)
{
    char key[DIR_JOB_KEY_MAX];
    struct store_batch *batch;
    struct store_stats stats;

    if (!up->rows.len)
        return;
    store_stats(up->jobs->args.store, &stats);
    if (stats.queued_bytes > STORE_QUEUE_MAX / 2) /* it must not refuse a part of the file */
        gw_fail(&up->failed, GW_AGAIN, "the disk does not keep up: try again later");
    dir_job_part_key(e->job.id, e->chunks++, key);
    batch = store_batch_new();
    if (e->chunks == 1) /* so that a restart can drop what it finds */
        dir_job_put(e, batch);
    store_put(batch, DIR_KIND_JOB_ROWS, gw_str_of(key), GW_STR(""), gw_buf_str(&up->rows));
    store_commit(up->jobs->args.store, &batch, NULL, NULL);
    gw_buf_reset(&up->rows);
}

static enum gw_code on_row(unsigned line, const struct gw_str *cell, size_t cells,
                           struct gw_err *err, void *ctx)
{
    struct dir_upload *up = ctx;
    struct dir_job_entry *e = dir_job_find(up->jobs, up->id);

    if (!up->has_header) {
        up->has_header = true;
        return dir_job_header(e, cell, cells, err);
    }
    dir_job_row_add(&up->rows, line, cell, cells);
    e->job.rows++;
    if (up->rows.len >= DIR_JOB_CHUNK)
        flush(up, e);
    return GW_OK;
}

enum gw_code dir_upload_new(struct dir_jobs *jobs, enum dir_job_type type,
                            const struct dir_job_order *order, struct dir_upload **out,
                            struct gw_err *err)
{
    bool is_of_contacts = type == DIR_JOB_CONTACTS || type == DIR_JOB_RENAME;
    struct dir_job_entry *e = NULL;
    struct dir_upload *up;
    enum gw_code code;

    if (order->is_dry_run && !is_of_contacts)
        return gw_fail(err, GW_INVALID, "there is no dry run of jobs over users");
    code = dir_job_new(jobs, type, order, &e, err);
    if (code)
        return code;
    up = gw_new(struct dir_upload);
    up->jobs = jobs;
    up->id = e->job.id;
    up->csv = dir_csv_new(on_row, up);
    gw_buf_init(&up->rows, DIR_JOB_CHUNK_MAX);
    *out = up;
    return GW_OK;
}

void dir_upload_feed(struct dir_upload *up, struct gw_str piece)
{
    up->size += piece.len;
    if (!up->failed.code && up->size > DIR_JOB_FILE_MAX)
        gw_fail(&up->failed, GW_LIMIT, "the file is larger than %d MiB: cut it into several",
                DIR_JOB_FILE_MAX / (1024 * 1024));
    if (!up->failed.code)
        (void)dir_csv_feed(up->csv, piece, &up->failed);
}

static void upload_free(struct dir_upload **upp)
{
    dir_csv_free(&(*upp)->csv);
    gw_buf_done(&(*upp)->rows);
    free(*upp);
    *upp = NULL;
}

void dir_upload_cancel(struct dir_upload **upp)
{
    struct dir_jobs *jobs;
    struct store_batch *batch;

    if (!*upp)
        return;
    jobs = (*upp)->jobs;
    batch = store_batch_new();
    dir_job_drop(jobs, dir_job_find(jobs, (*upp)->id), batch);
    store_commit(jobs->args.store, &batch, NULL, NULL);
    upload_free(upp);
}

enum gw_code dir_upload_finish(struct dir_upload **upp, store_done_fn *done, void *ctx,
                               unsigned *id, struct gw_err *err)
{
    struct dir_upload *up = *upp;
    struct dir_jobs *jobs = up->jobs;
    struct dir_job_entry *e = dir_job_find(jobs, up->id);
    struct store_batch *batch;
    enum gw_code code;

    if (!up->failed.code)
        (void)dir_csv_end(up->csv, &up->failed);
    if (!up->failed.code && !e->job.rows)
        gw_fail(&up->failed, GW_INVALID,
                up->has_header ? "the file has a header, but no rows" : "the file is empty");
    code = up->failed.code;
    if (code) {
        if (err)
            *err = up->failed;
        dir_upload_cancel(upp);
        return code;
    }
    flush(up, e);
    *id = up->id;
    e->file = e->job.type == DIR_JOB_RENAME ? e->chunks : 0;
    e->job.state = DIR_JOB_WAITING;
    batch = store_batch_new();
    dir_job_put(e, batch);
    store_commit(jobs->args.store, &batch, done, ctx);
    jobs->args.due(0, jobs->args.ctx);
    upload_free(upp);
    return GW_OK;
}
