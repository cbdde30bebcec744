/* The list of jobs: ordering, cancelling, finding, and what a restart finds. */
#include "dir_jobs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dir_filter.h"
#include "dir_job_priv.h"
#include "gw_log.h"
#include "gw_mem.h"

/* --- life */

/* What a row does to a user is seen here, with before and after side by side. */
static void on_user(const struct dir_user_change *change, void *ctx)
{
    struct dir_jobs *jobs = ctx;

    if (!jobs->applying)
        return;
    json_decref(jobs->diff);
    jobs->diff = dir_user_diff(change->before, change->after);
}

/* Where nobody keeps contact lists. */
static bool none_get(struct gw_str user, struct gw_str contact, struct dir_contact *out, void *ctx)
{
    (void)user, (void)contact, (void)out, (void)ctx;
    return false;
}

static void none_each(struct gw_str user, void (*fn)(struct gw_str contact, void *fn_ctx),
                      void *fn_ctx, void *ctx)
{
    (void)user, (void)fn, (void)fn_ctx, (void)ctx;
}

static enum gw_code none_put(struct store_batch *batch, struct gw_str user,
                             const struct dir_contact *to, unsigned *told, struct gw_err *err,
                             void *ctx)
{
    (void)batch, (void)user, (void)to, (void)told, (void)ctx;
    return gw_fail(err, GW_NOTFOUND, "no contact lists are kept here");
}

static enum gw_code none_remove(struct store_batch *batch, struct gw_str user,
                                struct gw_str contact, unsigned *told, struct gw_err *err,
                                void *ctx)
{
    (void)contact;
    return none_put(batch, user, NULL, told, err, ctx);
}

static enum gw_code none_rename(struct store_batch *batch, struct gw_str user, struct gw_str from,
                                struct gw_str to, unsigned *told, struct gw_err *err, void *ctx)
{
    (void)from, (void)to;
    return none_put(batch, user, NULL, told, err, ctx);
}

static const struct dir_contacts none = { .get = none_get,
                                          .each = none_each,
                                          .put = none_put,
                                          .remove = none_remove,
                                          .rename = none_rename };

struct dir_jobs *dir_jobs_new(const struct dir_jobs_args *args)
{
    struct dir_jobs *jobs = gw_new(struct dir_jobs);

    jobs->args = *args;
    if (!args->contacts)
        jobs->args.contacts = &none;
    gw_buf_init(&jobs->by, DIR_JOB_BY_MAX + 32);
    gw_buf_init(&jobs->names, (size_t)DIR_USERS_MAX * (DIR_JID_MAX + 1));
    gw_buf_init(&jobs->rows, DIR_JOB_CHUNK_MAX);
    gw_buf_init(&jobs->found, DIR_JOB_CHUNK_MAX);
    dir_listen(args->dir, &(struct dir_listener){ .user_changed = on_user, .ctx = jobs });
    return jobs;
}

void dir_jobs_free(struct dir_jobs **jobsp)
{
    struct dir_jobs *jobs = *jobsp;

    if (!jobs)
        return;
    *jobsp = NULL;
    for (size_t i = 0; i < jobs->count; i++)
        dir_job_entry_free(&jobs->entry[i]);
    json_decref(jobs->diff);
    gw_buf_done(&jobs->by);
    gw_buf_done(&jobs->names);
    gw_buf_done(&jobs->rows);
    gw_buf_done(&jobs->found);
    dir_renames_free(jobs);
    store_batch_free(&jobs->hits);
    free(jobs);
}

/* --- finding */

struct dir_job_entry *dir_job_find(const struct dir_jobs *jobs, unsigned id)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->entry[i]->job.id == id)
            return jobs->entry[i];
    return NULL;
}

bool dir_jobs_get(const struct dir_jobs *jobs, unsigned id, struct dir_job *out)
{
    const struct dir_job_entry *e = dir_job_find(jobs, id);

    if (e)
        *out = e->job;
    return e != NULL;
}

bool dir_jobs_next(const struct dir_jobs *jobs, size_t *pos, struct dir_job *out)
{
    if (*pos >= jobs->count)
        return false;
    *out = jobs->entry[jobs->count - ++*pos]->job;
    return true;
}

/* --- in the store */

void dir_job_key(unsigned id, char out[DIR_JOB_KEY_MAX])
{
    snprintf(out, DIR_JOB_KEY_MAX, "%08u", id);
}

void dir_job_part_key(unsigned id, unsigned part, char out[DIR_JOB_KEY_MAX])
{
    snprintf(out, DIR_JOB_KEY_MAX, "%08u/%06u", id, part);
}

void dir_job_put(const struct dir_job_entry *e, struct store_batch *batch)
{
    char key[DIR_JOB_KEY_MAX];
    struct gw_buf text;

    dir_job_key(e->job.id, key);
    gw_buf_init(&text, STORE_VALUE_MAX);
    dir_job_record_write(e, &text);
    store_put(batch, DIR_KIND_JOB, gw_str_of(key), GW_STR(""), gw_buf_str(&text));
    gw_buf_done(&text);
}

static void parts_drop(unsigned id, struct store_batch *batch)
{
    char from[DIR_JOB_KEY_MAX], to[DIR_JOB_KEY_MAX];

    dir_job_key(id, from);
    dir_job_key(id + 1, to);
    store_del(batch, DIR_KIND_JOB, gw_str_of(from));
    store_del_range(batch, DIR_KIND_JOB_ROWS, gw_str_of(from), gw_str_of(to));
    store_del_range(batch, DIR_KIND_JOB_RESULT, gw_str_of(from), gw_str_of(to));
}

void dir_job_drop(struct dir_jobs *jobs, struct dir_job_entry *e, struct store_batch *batch)
{
    size_t i = 0;

    while (jobs->entry[i] != e)
        i++;
    memmove(&jobs->entry[i], &jobs->entry[i + 1], (--jobs->count - i) * sizeof(jobs->entry[0]));
    parts_drop(e->job.id, batch);
    dir_job_entry_free(&e);
}

void dir_job_results(struct dir_jobs *jobs, unsigned id, unsigned first, size_t limit,
                     store_record_fn *each, store_done_fn *done, void *ctx)
{
    char from[DIR_JOB_KEY_MAX], to[DIR_JOB_KEY_MAX];
    struct store_range range = { .limit = limit };

    dir_job_part_key(id, first, from);
    dir_job_key(id + 1, to);
    range.from = gw_str_of(from);
    range.to = gw_str_of(to);
    store_load_range(jobs->args.store, DIR_KIND_JOB_RESULT, &range, each, done, ctx);
}

/* --- ordering */

static bool is_over(const struct dir_job_entry *e)
{
    return e->job.state >= DIR_JOB_DONE;
}

/* Room for one more: the oldest that is over, and that no other one still needs, goes. */
static enum gw_code make_room(struct dir_jobs *jobs, struct gw_err *err)
{
    struct store_batch *batch;

    if (jobs->count < DIR_JOBS_MAX)
        return GW_OK;
    for (size_t i = 0; i < jobs->count; i++) {
        const struct dir_job_entry *undo = dir_job_find(jobs, jobs->entry[i]->job.undone_by);

        if (!is_over(jobs->entry[i]) || (undo && !is_over(undo)))
            continue;
        batch = store_batch_new();
        dir_job_drop(jobs, jobs->entry[i], batch);
        store_commit(jobs->args.store, &batch, NULL, NULL);
        return GW_OK;
    }
    return gw_fail(err, GW_LIMIT, "%d jobs are waiting already: cancel some of them", DIR_JOBS_MAX);
}

enum gw_code dir_job_new(struct dir_jobs *jobs, enum dir_job_type type,
                         const struct dir_job_order *order, struct dir_job_entry **out,
                         struct gw_err *err)
{
    enum gw_code code = make_room(jobs, err);
    struct dir_job_entry *e;

    if (code)
        return code;
    e = gw_new(struct dir_job_entry);
    e->by = gw_str_dup(gw_str_utf8_cut(order->by, DIR_JOB_BY_MAX));
    e->where = gw_str_dup(GW_STR(""));
    e->problem = gw_str_dup(GW_STR(""));
    e->job = (struct dir_job){ .id = ++jobs->last_id,
                               .type = type,
                               .state = DIR_JOB_UPLOADING,
                               .by = e->by,
                               .created = order->now,
                               .at = order->at,
                               .where = e->where,
                               .is_dry_run = order->is_dry_run,
                               .problem = e->problem };
    jobs->entry[jobs->count++] = e;
    *out = e;
    return GW_OK;
}

/* All that it needs is queued for the store. */
static void enter(struct dir_jobs *jobs, struct dir_job_entry *e, struct store_batch *batch,
                  store_done_fn *done, void *ctx)
{
    e->job.state = DIR_JOB_WAITING;
    dir_job_put(e, batch);
    store_commit(jobs->args.store, &batch, done, ctx);
    jobs->args.due(0, jobs->args.ctx);
}

static enum gw_code set_check(const json_t *set, struct gw_err *err)
{
    struct dir_user_form form = { .flag = { false } };
    const char *name;
    json_t *value;
    enum gw_code code = GW_OK;

    if (!json_is_object(set) || !json_object_size(set))
        return gw_fail(err, GW_INVALID, "nothing to set: name a field and its value");
    json_object_foreach((json_t *)set, name, value)
    {
        if (!code)
            code = dir_form_json(&form, name, value, err);
    }
    return code ? code : dir_edit_check(&form.edit, err);
}

enum gw_code dir_job_set_check(struct gw_str where, const json_t *set, struct gw_err *err)
{
    struct dir_filter *filter = NULL;
    enum gw_code code = dir_filter_parse(where, &filter, err);

    dir_filter_free(&filter);
    return code ? code : set_check(set, err);
}

enum gw_code dir_job_set(struct dir_jobs *jobs, const struct dir_job_order *order,
                         struct gw_str where, const json_t *set, store_done_fn *done, void *ctx,
                         unsigned *id, struct gw_err *err)
{
    struct dir_job_entry *e = NULL;
    enum gw_code code = dir_job_set_check(where, set, err);

    if (!code)
        code = dir_job_new(jobs, DIR_JOB_SET, order, &e, err);
    if (code)
        return code;
    free(e->where);
    e->job.where = e->where = gw_str_dup(where);
    e->job.set = e->set = json_deep_copy(set);
    *id = e->job.id;
    enter(jobs, e, store_batch_new(), done, ctx);
    return GW_OK;
}

static enum gw_code undo_check(const struct dir_jobs *jobs, unsigned id, struct gw_err *err)
{
    const struct dir_job_entry *e = dir_job_find(jobs, id), *undo;

    if (!e)
        return gw_fail(err, GW_NOTFOUND, "there is no job %u", id);
    if (e->job.type == DIR_JOB_UNDO)
        return gw_fail(err, GW_INVALID, "job %u is itself an undo: run job %u again instead", id,
                       e->job.undoes);
    if (!is_over(e))
        return gw_fail(err, GW_INVALID, "job %u is not over yet: cancel it first", id);
    undo = dir_job_find(jobs, e->job.undone_by);
    if (undo && undo->job.state <= DIR_JOB_DONE)
        return gw_fail(err, GW_EXISTS, "job %u is undone by job %u already", id, undo->job.id);
    if (!e->job.done || e->job.is_dry_run)
        return gw_fail(err, GW_INVALID, "job %u has changed nothing", id);
    return GW_OK;
}

enum gw_code dir_job_undo(struct dir_jobs *jobs, const struct dir_job_order *order, unsigned undoes,
                          store_done_fn *done, void *ctx, unsigned *id, struct gw_err *err)
{
    struct dir_job_entry *e = NULL, *undone;
    struct store_batch *batch;
    enum gw_code code = undo_check(jobs, undoes, err);

    if (!code) /* in a full list it may be this very one that goes */
        code = dir_job_new(jobs, DIR_JOB_UNDO, order, &e, err);
    if (code)
        return code;
    batch = store_batch_new();
    undone = dir_job_find(jobs, undoes);
    if (!undone) {
        dir_job_drop(jobs, e, batch);
        store_batch_free(&batch);
        return gw_fail(err, GW_LIMIT, "job %u was the oldest of %d, and has just gone", undoes,
                       DIR_JOBS_MAX);
    }
    undone->job.undone_by = e->job.id;
    e->job.undoes = undoes;
    e->job.rows = undone->job.done;
    e->chunks = undone->results;
    *id = e->job.id;
    dir_job_put(undone, batch);
    enter(jobs, e, batch, done, ctx);
    return GW_OK;
}

enum gw_code dir_job_cancel(struct dir_jobs *jobs, unsigned id, gw_utc now, store_done_fn *done,
                            void *ctx, struct gw_err *err)
{
    struct dir_job_entry *e = dir_job_find(jobs, id);
    struct store_batch *batch;

    if (!e)
        return gw_fail(err, GW_NOTFOUND, "there is no job %u", id);
    if (e->job.state != DIR_JOB_WAITING && e->job.state != DIR_JOB_RUNNING)
        return gw_fail(err, GW_INVALID, "job %u is %s", id, dir_job_state_name(e->job.state));
    e->job.state = DIR_JOB_CANCELLED; /* behind the slice that is on its way to the disk */
    e->job.finished = now;
    batch = store_batch_new();
    dir_job_put(e, batch);
    store_commit(jobs->args.store, &batch, done, ctx);
    gw_info("dir", "job cancelled job=%u done=%zu ignored=%zu failed=%zu rows=%zu", id, e->job.done,
            e->job.ignored, e->job.failed, e->job.rows);
    return GW_OK;
}

/* --- loading */

static void load_one(const struct store_record *r, void *ctx)
{
    struct dir_jobs *jobs = ctx;
    struct dir_job_entry *e = NULL;
    struct gw_err err = { 0 };
    char quoted[GW_QUOTE_MAX];
    int64_t id;

    if (!gw_str_to_int(r->key, 1, INT32_MAX, &id))
        gw_fail(&err, GW_BADMSG, "not a job's number");
    else if (jobs->count == DIR_JOBS_MAX)
        gw_fail(&err, GW_LIMIT, "more than %d jobs", DIR_JOBS_MAX);
    else
        (void)dir_job_record_parse((unsigned)id, r->value, &e, &err);
    if (!e) {
        gw_error("dir", "job %s cannot be read, ignored: %s", gw_quote(r->key, quoted), err.msg);
        return;
    }
    jobs->entry[jobs->count++] = e; /* keys come in order */
    jobs->last_id = e->job.id;
}

/* A file that did not come whole before the end is not waited for. */
static void load_ended(const struct gw_err *result, void *ctx)
{
    struct dir_jobs *jobs = ctx;
    struct store_batch *batch = store_batch_new();

    for (size_t i = jobs->count; i-- > 0;)
        if (jobs->entry[i]->job.state == DIR_JOB_UPLOADING)
            dir_job_drop(jobs, jobs->entry[i], batch);
    store_commit(jobs->args.store, &batch, NULL, NULL);
    jobs->load_done(result, jobs->load_ctx);
    jobs->args.due(0, jobs->args.ctx);
}

void dir_jobs_load(struct dir_jobs *jobs, store_done_fn *done, void *ctx)
{
    jobs->load_done = done;
    jobs->load_ctx = ctx;
    store_load(jobs->args.store, DIR_KIND_JOB, NULL, load_one, load_ended, jobs);
}
