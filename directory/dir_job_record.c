/* A job as the store keeps it. */
#include <stdlib.h>
#include <string.h>

#include "dir_job_priv.h"
#include "gw_mem.h"

static const char *const type_name[] = { "insert", "update", "set", "undo", "contacts", "rename" };
static const char *const state_name[] = {
    "uploading", "waiting", "running", "done", "cancelled", "failed",
};
enum {
    TYPES = sizeof(type_name) / sizeof(type_name[0]),
    STATES = sizeof(state_name) / sizeof(state_name[0])
};

const char *dir_job_type_name(enum dir_job_type type)
{
    return type_name[type];
}

const char *dir_job_state_name(enum dir_job_state state)
{
    return state_name[state];
}

/* --- members that are numbers: all of them are not negative */

struct number {
    const char *name;
    size_t offset, size; /* of a signed 64 bit, size_t or unsigned member */
};
#define NUMBER(name, member)                                                                       \
    {                                                                                              \
        name, offsetof(struct dir_job_entry, member), sizeof(((struct dir_job_entry *)0)->member)  \
    }
static const struct number number[] = {
    NUMBER("created", job.created), NUMBER("at", job.at),
    NUMBER("started", job.started), NUMBER("finished", job.finished),
    NUMBER("undoes", job.undoes),   NUMBER("undone_by", job.undone_by),
    NUMBER("rows", job.rows),       NUMBER("done", job.done),
    NUMBER("ignored", job.ignored), NUMBER("failed", job.failed),
    NUMBER("chunks", chunks),       NUMBER("chunk", chunk),
    NUMBER("offset", offset),       NUMBER("results", results),
    NUMBER("file", file),           NUMBER("told", job.told),
};
enum { NUMBERS = sizeof(number) / sizeof(number[0]) };

static json_int_t number_get(const struct dir_job_entry *e, const struct number *n)
{
    const char *at = (const char *)e + n->offset;
    unsigned small;
    int64_t big;

    if (n->size == sizeof(small)) {
        memcpy(&small, at, sizeof(small));
        return small;
    }
    memcpy(&big, at, sizeof(big));
    return big;
}

static bool number_set(struct dir_job_entry *e, const struct number *n, json_int_t value)
{
    char *at = (char *)e + n->offset;
    unsigned small = (unsigned)value;
    int64_t big = value;

    if (value < 0 || (n->size == sizeof(small) && value > INT32_MAX))
        return false;
    if (n->size == sizeof(small))
        memcpy(at, &small, sizeof(small));
    else
        memcpy(at, &big, sizeof(big));
    return true;
}

/* --- writing */

void dir_job_record_write(const struct dir_job_entry *e, struct gw_buf *out)
{
    json_t *columns = json_array(), *json;

    for (size_t i = 0; i < e->columns; i++)
        json_array_append_new(columns,
                              e->column[i] < 0
                                  ? json_null()
                                  : json_string(dir_job_column_name(e->job.type, e->column[i])));
    json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "type", type_name[e->job.type], "state",
                     state_name[e->job.state], "by", e->by, "where", e->where, "problem",
                     e->problem, "columns", columns);
    if (e->set)
        json_object_set(json, "set", e->set);
    if (e->job.is_dry_run)
        json_object_set_new(json, "dry_run", json_true());
    for (int i = 0; i < NUMBERS; i++)
        json_object_set_new(json, number[i].name, json_integer(number_get(e, &number[i])));
    dir_json_write(json, out);
}

/* --- reading */

static bool word_of(const json_t *json, const char *name, const char *const *words, int count,
                    int *out)
{
    const char *text = json_string_value(json_object_get(json, name));

    for (int i = 0; text && i < count; i++)
        if (!strcmp(text, words[i])) {
            *out = i;
            return true;
        }
    return false;
}

static char *text_of(const json_t *json, const char *name)
{
    return gw_str_dup(gw_str_of(json_string_value(json_object_get(json, name))));
}

static bool columns_read(const json_t *json, struct dir_job_entry *e)
{
    const json_t *columns = json_object_get(json, "columns");

    e->columns = json_array_size(columns);
    if (e->columns > DIR_CSV_CELLS_MAX)
        return false;
    for (size_t i = 0; i < e->columns; i++) {
        const json_t *name = json_array_get(columns, i);
        int column = dir_job_column_find(e->job.type, gw_str_of(json_string_value(name)));

        if (column < 0 && !json_is_null(name))
            return false;
        e->column[i] = (int8_t)column;
    }
    return true;
}

/* What it points to, after a change of what it owns. */
static void entry_view(struct dir_job_entry *e)
{
    e->job.by = e->by;
    e->job.where = e->where;
    e->job.set = e->set;
    e->job.problem = e->problem;
}

static bool entry_read(const json_t *json, struct dir_job_entry *e)
{
    int type, state;

    if (!word_of(json, "type", type_name, TYPES, &type) ||
        !word_of(json, "state", state_name, STATES, &state))
        return false;
    e->job.type = (enum dir_job_type)type;
    if (!columns_read(json, e))
        return false;
    e->job.state = (enum dir_job_state)state;
    for (int i = 0; i < NUMBERS; i++)
        if (!number_set(e, &number[i], json_integer_value(json_object_get(json, number[i].name))))
            return false;
    e->by = text_of(json, "by");
    e->where = text_of(json, "where");
    e->problem = text_of(json, "problem");
    e->set = json_incref(json_object_get(json, "set"));
    e->job.is_dry_run = json_is_true(json_object_get(json, "dry_run"));
    entry_view(e);
    return e->job.type != DIR_JOB_SET || json_is_object(e->set);
}

enum gw_code dir_job_record_parse(unsigned id, struct gw_str text, struct dir_job_entry **out,
                                  struct gw_err *err)
{
    json_t *json = json_loadb(text.len ? text.p : "", text.len, JSON_REJECT_DUPLICATES, NULL);
    struct dir_job_entry *e = gw_new(struct dir_job_entry);
    bool ok;

    e->job.id = id;
    ok = entry_read(json, e);
    json_decref(json);
    if (!ok) {
        dir_job_entry_free(&e);
        return gw_fail(err, GW_BADMSG, "not a job's record");
    }
    *out = e;
    return GW_OK;
}

void dir_job_entry_free(struct dir_job_entry **ep)
{
    struct dir_job_entry *e = *ep;

    if (!e)
        return;
    *ep = NULL;
    free(e->by);
    free(e->where);
    free(e->problem);
    json_decref(e->set);
    free(e);
}
