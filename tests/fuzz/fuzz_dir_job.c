/* A job's record, and rows as they are kept for it: the first line is the record, each other one a row,
 * applied to a directory with one user. Whatever was written into the store, a row has a result. */
#include <stdint.h>
#include <stdlib.h>

#include "dir_job_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct store *store;
static struct dir *dir;
static struct dir_jobs *jobs;

static void no_due(gw_time at, void *ctx)
{
    (void)at;
    (void)ctx;
}

/* Everybody has bob in his list, and what is said about contacts is looked at to its last byte. */
static void look(struct gw_str s)
{
    char *copy = gw_str_dup(s);

    free(copy);
}

static bool get(struct gw_str user, struct gw_str contact, struct dir_contact *out, void *ctx)
{
    (void)ctx;
    look(user);
    *out = (struct dir_contact){
        .jid = contact, .name = GW_STR("Bob"), .groups = { GW_STR_INIT("Work") }, .group_count = 1
    };
    return gw_str_is(contact, "bob@example.com");
}

static void each(struct gw_str user, void (*fn)(struct gw_str contact, void *fn_ctx), void *fn_ctx,
                 void *ctx)
{
    (void)user, (void)ctx;
    fn(GW_STR("bob@example.com"), fn_ctx);
}

static enum gw_code put(struct store_batch *batch, struct gw_str user, const struct dir_contact *to,
                        unsigned *told_out, struct gw_err *err, void *ctx)
{
    (void)batch, (void)err, (void)ctx;
    look(user);
    look(to->jid);
    look(to->name);
    for (size_t i = 0; i < to->group_count; i++)
        look(to->groups[i]);
    *told_out = 1;
    return GW_OK;
}

static enum gw_code take_out(struct store_batch *batch, struct gw_str user, struct gw_str contact,
                             unsigned *told_out, struct gw_err *err, void *ctx)
{
    (void)batch, (void)ctx, (void)told_out;
    look(user);
    look(contact);
    return gw_fail(err, GW_NOTFOUND, "not in the list");
}

static enum gw_code give_another(struct store_batch *batch, struct gw_str user, struct gw_str from,
                                 struct gw_str to, unsigned *told_out, struct gw_err *err,
                                 void *ctx)
{
    (void)batch, (void)ctx, (void)err, (void)told_out;
    look(user);
    look(from);
    look(to);
    return GW_OK;
}

static const struct dir_contacts contacts = {
    .get = get, .each = each, .put = put, .remove = take_out, .rename = give_another
};

static void house_open(void)
{
    if (store_open(&(struct store_args){ .path = ":memory:" }, &store, NULL))
        abort();
    dir = dir_new(store);
    jobs = dir_jobs_new(&(struct dir_jobs_args){
        .dir = dir, .store = store, .contacts = &contacts, .due = no_due });
    if (dir_domain_add(dir, GW_STR("example.com"), NULL, NULL, NULL) ||
        dir_user_add(dir, GW_STR("ann@example.com"), &(struct dir_user_edit){ 0 }, NULL, NULL,
                     NULL))
        abort();
    store_wait(store);
}

static void house_close(void)
{
    store_close(&store);
    dir_jobs_free(&jobs);
    dir_free(&dir);
}

static void rows(const struct dir_job_entry *e, struct gw_str rest)
{
    struct store_batch *batch = store_batch_new();
    enum dir_job_outcome outcome;
    struct gw_str line;

    house_open();
    while (gw_str_cut(rest, "\n", &line, &rest)) {
        json_t *result = dir_job_row_apply(jobs, e, line, batch, &outcome);

        if (!json_is_string(json_object_get(result, "result")))
            abort();
        json_decref(result);
    }
    store_batch_free(&batch);
    house_close();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_str in = { (const char *)data, len }, record, rest;
    struct dir_job_entry *first = NULL, *second = NULL;
    struct gw_buf written;

    if (!gw_str_cut(in, "\n", &record, &rest) || dir_job_record_parse(1, record, &first, NULL))
        return 0;
    gw_buf_init(&written, STORE_VALUE_MAX);
    dir_job_record_write(first, &written);
    if (!written.failed && dir_job_record_parse(1, gw_buf_str(&written), &second, NULL))
        abort();
    rows(first, rest);
    dir_job_entry_free(&first);
    dir_job_entry_free(&second);
    gw_buf_done(&written);
    return 0;
}
