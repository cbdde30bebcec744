/* /v1/jobs: bulk work over the directory, from files and by filters */
#include "dir_jobs.h"

#include <stdlib.h>

#include "admin_priv.h"
#include "gw_buf.h"
#include "gw_mem.h"

enum {
    RESULT_RECORDS = 20, /* of a page, some hundred rows each */
    SAMPLE_MAX = 4096
};

/* Files, by what is done with them. */
static const struct {
    const char *path;
    enum dir_job_type type;
} upload_path[] = {
    { "/v1/jobs/insert", DIR_JOB_INSERT },
    { "/v1/jobs/update", DIR_JOB_UPDATE },
    { "/v1/jobs/contacts", DIR_JOB_CONTACTS },
    { "/v1/jobs/rename", DIR_JOB_RENAME },
};

/* --- showing */

static json_t *job_json(const struct dir_job *j)
{
    json_t *json = json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "job",
                             (int)j->id, "type", dir_job_type_name(j->type), "state",
                             dir_job_state_name(j->state), "by", admin_json_cstr(j->by), "created",
                             admin_json_utc(j->created), "at", admin_json_utc(j->at), "started",
                             admin_json_utc(j->started), "finished", admin_json_utc(j->finished),
                             "rows", (json_int_t)j->rows, "done", (json_int_t)j->done, "ignored",
                             (json_int_t)j->ignored, "failed", (json_int_t)j->failed);

    if (j->type == DIR_JOB_SET) {
        json_object_set_new(json, "where", admin_json_cstr(j->where));
        json_object_set(json, "set", (json_t *)j->set);
    }
    if (j->is_dry_run)
        json_object_set_new(json, "dry_run", json_true());
    if (j->type == DIR_JOB_CONTACTS || j->type == DIR_JOB_RENAME)
        json_object_set_new(json, "told", json_integer((json_int_t)j->told));
    if (j->undoes)
        json_object_set_new(json, "undoes", json_integer(j->undoes));
    if (j->undone_by)
        json_object_set_new(json, "undone_by", json_integer(j->undone_by));
    if (j->problem[0])
        json_object_set_new(json, "problem", admin_json_cstr(j->problem));
    return json;
}

void admin_jobs_list(struct admin_call *call)
{
    json_t *list = json_array();
    struct dir_job job;
    size_t pos = 0;

    while (dir_jobs_next(call->api->args.jobs, &pos, &job))
        json_array_append_new(list, job_json(&job));
    admin_reply(call, 200, json_pack("{s:o}", "jobs", list));
}

/* The job of the path. */
static enum gw_code job_find(const struct admin_call *call, struct dir_job *out, struct gw_err *err)
{
    int64_t id;

    if (!gw_str_to_int(call->arg[0], 1, INT32_MAX, &id))
        return gw_fail(err, GW_INVALID, "'%.*s' is not the number of a job",
                       GW_STR_ARG(gw_str_utf8_cut(call->arg[0], 32)));
    if (!dir_jobs_get(call->api->args.jobs, (unsigned)id, out))
        return gw_fail(err, GW_NOTFOUND, "there is no job %u", (unsigned)id);
    return GW_OK;
}

void admin_job_get(struct admin_call *call)
{
    struct dir_job job;
    struct gw_err err;

    if (job_find(call, &job, &err))
        admin_reply_error(call, &err);
    else
        admin_reply(call, 200, job_json(&job));
}

void admin_job_sample(struct admin_call *call)
{
    struct gw_buf text;
    struct gw_str of = net_http_query(call->x, "type");
    enum dir_job_type type = DIR_JOB_INSERT;
    json_t *json;

    for (size_t i = 0; i < sizeof(upload_path) / sizeof(upload_path[0]); i++)
        if (gw_str_is(of, dir_job_type_name(upload_path[i].type)))
            type = upload_path[i].type;
    gw_buf_init(&text, SAMPLE_MAX);
    dir_job_sample_write(type, &text);
    json = json_pack("{s:o}", "csv", admin_json_str(gw_buf_str(&text)));
    gw_buf_done(&text);
    admin_reply(call, 200, json);
}

/* --- ordering */

static json_t *job_now(const struct admin_call *call, unsigned id)
{
    struct dir_job job;

    return dir_jobs_get(call->api->args.jobs, id, &job) ? job_json(&job) : json_null();
}

static enum gw_code at_read(struct gw_str text, gw_utc *out, struct gw_err *err)
{
    *out = 0;
    return text.len ? gw_utc_parse(text, out, err) : GW_OK;
}

/* On success gives set. */
static enum gw_code set_read(const struct admin_call *call, struct gw_str *where, gw_utc *at,
                             json_t **set, struct gw_err *err)
{
    static const struct admin_field fields[] = {
        { "where", ADMIN_TEXT, 0, true, 1, 4096 },
        { "at", ADMIN_TEXT, sizeof(struct gw_str), false, 0, 64 },
    };
    json_t *values = json_incref(json_object_get(call->body, "set"));
    struct gw_str text[2];
    enum gw_code rc;

    json_object_del(call->body, "set");
    rc = admin_fields_read(call->body, fields, 2, text, err);
    if (!rc)
        rc = at_read(text[1], at, err);
    if (rc) {
        json_decref(values);
        return rc;
    }
    *where = text[0];
    *set = values;
    return GW_OK;
}

void admin_job_set_check(struct admin_call *call)
{
    struct gw_str where;
    json_t *set = NULL;
    gw_utc at;
    struct gw_err err;
    enum gw_code rc = set_read(call, &where, &at, &set, &err);

    if (!rc)
        rc = dir_job_set_check(where, set, &err);
    json_decref(set);
    if (rc)
        admin_reply_error(call, &err);
    else
        admin_reply(call, 200, json_object());
}

void admin_job_set(struct admin_call *call)
{
    struct dir_job_order order = { .by = gw_str_of(call->by), .now = admin_now(call).utc };
    struct gw_str where;
    json_t *set = NULL;
    unsigned id = 0;
    struct gw_err err;
    enum gw_code rc = set_read(call, &where, &order.at, &set, &err);

    if (!rc)
        rc = dir_job_set(call->api->args.jobs, &order, where, set, admin_call_saved, call, &id,
                         &err);
    json_decref(set);
    admin_reply_change(call, rc, &err, 201, rc ? json_null() : job_now(call, id));
}

void admin_job_undo(struct admin_call *call)
{
    struct dir_job_order order = { .by = gw_str_of(call->by), .now = admin_now(call).utc };
    struct dir_job job;
    unsigned id = 0;
    struct gw_err err;
    enum gw_code rc = job_find(call, &job, &err);

    if (!rc)
        rc = dir_job_undo(call->api->args.jobs, &order, job.id, admin_call_saved, call, &id, &err);
    admin_reply_change(call, rc, &err, 201, rc ? json_null() : job_now(call, id));
}

void admin_job_cancel(struct admin_call *call)
{
    struct dir_job job = { .id = 0 };
    struct gw_err err;
    enum gw_code rc = job_find(call, &job, &err);

    if (!rc)
        rc = dir_job_cancel(call->api->args.jobs, job.id, admin_now(call).utc, admin_call_saved,
                            call, &err);
    admin_reply_change(call, rc, &err, 200, rc ? json_null() : job_now(call, job.id));
}

/* --- files: taken piece by piece while they come, before there is a call */

struct upload {
    struct dir_upload *up;
    struct gw_err failed;
};

static void upload_end(void *data)
{
    struct upload *u = data;

    dir_upload_cancel(&u->up);
    free(u);
}

/* Strictly: whoever says 'true' does not mean that it be done. */
static enum gw_code dry_run_read(struct gw_str text, bool *out, struct gw_err *err)
{
    *out = gw_str_is(text, "yes");
    return *out || !text.len ? GW_OK : gw_fail(err, GW_INVALID, "dry_run is 'yes' or left out");
}

static void upload_begin(struct admin_api *api, struct net_http_exchange *x, enum dir_job_type type)
{
    struct upload *u = gw_new(struct upload);
    struct dir_job_order order = { .now = net_loop_now(api->args.loop).utc };
    char by[ADMIN_BY_MAX];

    admin_by(x, by);
    order.by = gw_str_of(by);
    if (!dry_run_read(net_http_query(x, "dry_run"), &order.is_dry_run, &u->failed) &&
        !at_read(net_http_query(x, "at"), &order.at, &u->failed))
        (void)dir_upload_new(api->args.jobs, type, &order, &u->up, &u->failed);
    net_http_connection_set(x, u, upload_end);
}

bool admin_job_piece(struct net_http_exchange *x, struct gw_str piece, void *ctx)
{
    struct upload *u;

    if (piece.len) {
        u = net_http_connection_get(x);
        if (u->up)
            dir_upload_feed(u->up, piece);
        return true;
    }
    for (size_t i = 0; i < sizeof(upload_path) / sizeof(upload_path[0]); i++)
        if (gw_str_is(net_http_method(x), "POST") &&
            gw_str_is(net_http_path(x), upload_path[i].path)) {
            upload_begin(ctx, x, upload_path[i].type);
            return true;
        }
    return false;
}

void admin_job_file(struct admin_call *call)
{
    struct upload *u = net_http_connection_get(call->x);
    struct gw_err err = u->failed;
    enum gw_code rc = err.code;
    unsigned id = 0;

    if (!rc)
        rc = dir_upload_finish(&u->up, admin_call_saved, call, &id, &err);
    net_http_connection_set(call->x, NULL, NULL);
    admin_reply_change(call, rc, &err, 201, rc ? json_null() : job_now(call, id));
}

/* --- results */

struct result_page {
    struct admin_call *call;
    json_t *rows;
    unsigned next, count;
};

static void page_free(void *p)
{
    struct result_page *page = p;

    json_decref(page->rows);
    free(page);
}

static void page_add(const struct store_record *r, void *ctx)
{
    struct result_page *page = ctx;
    struct gw_str rest = r->value, line;

    page->count++;
    while (gw_str_cut(rest, "\n", &line, &rest)) {
        json_t *row = json_loadb(line.p, line.len, 0, NULL);

        if (row)
            json_array_append_new(page->rows, row);
    }
}

static void page_done(const struct gw_err *result, void *ctx)
{
    struct result_page *page = ctx;
    bool more = page->count == RESULT_RECORDS;

    if (result->code)
        admin_reply_error(page->call, result);
    else
        admin_reply(page->call, 200,
                    json_pack("{s:O, s:o}", "rows", page->rows, "next",
                              more ? json_integer(page->next + page->count) : json_null()));
}

void admin_job_result(struct admin_call *call)
{
    struct gw_str first_text = net_http_query(call->x, "first");
    struct result_page *page;
    struct dir_job job;
    int64_t first = 0;
    struct gw_err err;
    enum gw_code rc = job_find(call, &job, &err);

    if (!rc && first_text.p && !gw_str_to_int(first_text, 0, INT32_MAX, &first))
        rc = gw_fail(&err, GW_INVALID, "first must be a number that an answer gave as next");
    if (rc) {
        admin_reply_error(call, &err);
        return;
    }
    page = gw_new(struct result_page);
    page->call = call;
    page->rows = json_array();
    page->next = (unsigned)first;
    call->work = page;
    call->work_free = page_free;
    dir_job_results(call->api->args.jobs, job.id, (unsigned)first, RESULT_RECORDS, page_add,
                    page_done, page);
}
