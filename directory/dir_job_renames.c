/* Contacts with another address, before it is known whose lists they are in. The file is read as a whole
 * first; then every list is looked at once, however many addresses there are. */
#include <stdlib.h>
#include <string.h>

#include "dir_job_priv.h"
#include "gw_log.h"
#include "gw_map.h"
#include "gw_mem.h"

enum { SOME = 1000 }; /* looked at before others have their turn */

struct dir_rename {
    unsigned line; /* of the file */
    bool is_wrong; /* and was told */
    bool is_found; /* in a list */
    struct gw_str from, to;
    char text[];
};

static void vain(struct dir_jobs *jobs, struct dir_job_entry *e, unsigned line, struct gw_str from,
                 struct gw_str to, const char *why, bool is_wrong)
{
    const struct gw_str cell[] = { GW_STR_INIT(""), from, to };

    dir_job_row_add_vain(&jobs->found, line, cell, 3, why, is_wrong);
    dir_job_found(jobs, e);
}

/* One address for each; the first one counts. */
static void add(struct dir_jobs *jobs, struct dir_job_entry *e, unsigned line, struct gw_str from,
                struct gw_str to)
{
    struct dir_rename *r = gw_map_get(jobs->renames, from);
    struct gw_err why;

    if (gw_str_eq(from, to)) {
        vain(jobs, e, line, from, to, "is the same address", false);
        return;
    }
    if (r) {
        gw_fail(&why, GW_EXISTS, "line %u %s", r->line,
                gw_str_eq(r->to, to) ? "says so already" : "gives it another address");
        vain(jobs, e, line, from, to, why.msg, !gw_str_eq(r->to, to));
        return;
    }
    r = gw_alloc(sizeof(*r) + from.len + to.len);
    r->line = line;
    memcpy(r->text, from.p, from.len);
    memcpy(r->text + from.len, to.p, to.len);
    r->from = (struct gw_str){ r->text, from.len };
    r->to = (struct gw_str){ r->text + from.len, to.len };
    gw_map_set(jobs->renames, r->from, r);
}

void dir_rename_add(struct dir_jobs *jobs, struct dir_job_entry *e, struct gw_str text)
{
    json_t *json = json_loadb(text.len ? text.p : "", text.len, JSON_REJECT_DUPLICATES, NULL);
    const struct dir_job_row row = { .jobs = jobs, .entry = e, .json = json };
    struct gw_str from = dir_job_cell_of(&row, 0), to = dir_job_cell_of(&row, 1);
    unsigned line = (unsigned)json_integer_value(json_object_get(json, "line"));
    struct gw_buf old, new;
    struct gw_err err;

    gw_buf_init(&old, 4 * DIR_JID_MAX);
    gw_buf_init(&new, 4 * DIR_JID_MAX);
    if (json_array_size(json_object_get(json, "cells")) > e->columns)
        vain(jobs, e, line, from, to, "has more cells than the first row has columns", true);
    else if (!from.len || !to.len)
        vain(jobs, e, line, from, to, "an address is missing", true);
    else if (dir_job_address(jobs, from, GW_STR(""), &old, &err) ||
             dir_job_address(jobs, to, GW_STR(""), &new, &err))
        vain(jobs, e, line, from, to, err.msg, true);
    else
        add(jobs, e, line, gw_buf_str(&old), gw_buf_str(&new));
    gw_buf_done(&old);
    gw_buf_done(&new);
    json_decref(json);
}

/* A list would depend on which of the two comes first. */
static void check(struct dir_jobs *jobs, struct dir_job_entry *e, struct dir_rename *r)
{
    const struct dir_rename *next = gw_map_get(jobs->renames, r->to);
    struct gw_err why;

    if (!next)
        return;
    gw_fail(&why, GW_INVALID,
            "its new address is itself given another one in line %u: do that in a job of its own",
            next->line);
    vain(jobs, e, r->line, r->from, r->to, why.msg, true);
    r->is_wrong = true;
}

static void rest(struct dir_jobs *jobs, struct dir_job_entry *e, struct dir_rename *r)
{
    if (!r->is_found && !r->is_wrong)
        vain(jobs, e, r->line, r->from, r->to, "is in no contact list", false);
}

static bool some(struct dir_jobs *jobs, struct dir_job_entry *e, size_t *pos,
                 void (*fn)(struct dir_jobs *jobs, struct dir_job_entry *e, struct dir_rename *r))
{
    struct dir_rename *r = NULL;

    for (int i = 0; i < SOME && (r = gw_map_next(jobs->renames, pos)); i++)
        fn(jobs, e, r);
    return r != NULL;
}

bool dir_renames_check(struct dir_jobs *jobs, struct dir_job_entry *e, size_t *pos)
{
    return some(jobs, e, pos, check);
}

bool dir_renames_rest(struct dir_jobs *jobs, struct dir_job_entry *e, size_t *pos)
{
    return some(jobs, e, pos, rest);
}

struct walk {
    struct dir_jobs *jobs;
    struct dir_job_entry *e;
    struct gw_str user;
};

static void on_contact(struct gw_str contact, void *ctx)
{
    const struct walk *w = ctx;
    struct dir_rename *r = gw_map_get(w->jobs->renames, contact);
    struct gw_str cell[3];

    if (!r || r->is_wrong)
        return;
    r->is_found = true;
    cell[0] = w->user;
    cell[1] = r->from;
    cell[2] = r->to;
    dir_job_row_add(&w->jobs->found, r->line, cell, 3);
    dir_job_found(w->jobs, w->e);
}

void dir_renames_find(struct dir_jobs *jobs, struct dir_job_entry *e, struct gw_str user)
{
    const struct dir_contacts *contacts = jobs->args.contacts;
    struct walk w = { jobs, e, user };

    contacts->each(user, on_contact, &w, contacts->ctx);
}

void dir_renames_free(struct dir_jobs *jobs)
{
    struct dir_rename *r;
    size_t pos = 0;

    if (!jobs->renames)
        return;
    while ((r = gw_map_next(jobs->renames, &pos)))
        free(r);
    gw_map_free(&jobs->renames);
}
