/* What the files about jobs share. */
#ifndef DIR_JOB_PRIV_H
#define DIR_JOB_PRIV_H

#include <jansson.h>

#include "dir_csv.h"
#include "dir_jobs.h"
#include "dir_priv.h"

/* Kinds of the store. Keys: "00000007", and of the others "00000007/000001". */
#define DIR_KIND_JOB        "job"
#define DIR_KIND_JOB_ROWS   "job_rows"   /* lines of JSON: {"line": 2, "cells": ["ann", "sales"]} */
#define DIR_KIND_JOB_RESULT "job_result" /* as dir_jobs.h says; also the rows of an UNDO */

enum {
    DIR_JOB_KEY_MAX = 32,
    DIR_JOB_CHUNK = 64 * 1024, /* bytes of rows in a record, and what the last row needs */
    DIR_JOB_CHUNK_MAX = STORE_VALUE_MAX
};

struct dir_job_entry {
    struct dir_job job; /* its texts are: */
    char *by, *where;
    json_t *set;
    char *problem;
    int8_t column[DIR_CSV_CELLS_MAX]; /* index in the type's columns, -1: passed over */
    size_t columns;
    unsigned file;    /* RENAME: records of rows that are the file's; behind them whom it hits */
    unsigned chunks;  /* records of rows */
    unsigned chunk;   /* the next row is here */
    size_t offset;    /* at this byte */
    unsigned results; /* records of results */
};

struct dir_jobs {
    struct dir_jobs_args args;
    struct dir_job_entry *entry[DIR_JOBS_MAX]; /* oldest first */
    size_t count;
    unsigned last_id;
    bool busy;        /* the store has something to do for the running job */
    gw_time ticked;   /* when */
    struct gw_buf by; /* "job 7 of ..." */

    struct gw_buf names;      /* of a SET that begins: all users, a line each */
    size_t asked;             /* of them, in bytes */
    struct store_batch *hits; /* whom its filter hits; NULL: no such job begins */

    struct gw_map
        *renames; /* of a RENAME that begins: struct dir_rename, by old address; NULL: none */
    enum dir_gather { DIR_GATHER_FILE, DIR_GATHER_CHECK, DIR_GATHER_LISTS, DIR_GATHER_REST } gather;
    unsigned part;       /* of the file: the record that is read */
    size_t at;           /* in it, or among the renames */
    struct gw_buf found; /* rows to be stored */
    size_t found_rows;   /* ever */

    int64_t pause_ms; /* after a slice, when that is longer than usual */

    struct gw_buf rows; /* the record of rows that is worked on */
    unsigned rows_of;   /* the job whose it is; 0: it must be read */

    bool applying; /* a row, just now */
    json_t *diff;  /* what it has changed; NULL: nothing */

    store_done_fn *load_done;
    void *load_ctx;
};

/* --- dir_jobs.c */
struct dir_job_entry *dir_job_find(const struct dir_jobs *jobs, unsigned id); /* NULL: none */

/* A new one in the list, of which nothing is stored yet. */
enum gw_code dir_job_new(struct dir_jobs *jobs, enum dir_job_type type,
                         const struct dir_job_order *order, struct dir_job_entry **out,
                         struct gw_err *err);
void dir_job_drop(struct dir_jobs *jobs, struct dir_job_entry *e,
                  struct store_batch *batch); /* and its rows and results */
void dir_job_put(const struct dir_job_entry *e, struct store_batch *batch);

void dir_job_key(unsigned id, char out[DIR_JOB_KEY_MAX]);
void dir_job_part_key(unsigned id, unsigned part, char out[DIR_JOB_KEY_MAX]);

/* --- dir_job_record.c: what is stored of a job itself. Parsing believes nothing. */
void dir_job_record_write(const struct dir_job_entry *e, struct gw_buf *out);
enum gw_code dir_job_record_parse(unsigned id, struct gw_str text, struct dir_job_entry **out,
                                  struct gw_err *err);
void dir_job_entry_free(struct dir_job_entry **ep);

/* --- dir_job_rows.c */

/* The columns that a file's first row names. */
enum gw_code dir_job_header(struct dir_job_entry *e, const struct gw_str *cell, size_t cells,
                            struct gw_err *err);

/* A row as it is kept until the job comes to it. */
void dir_job_row_add(struct gw_buf *out, unsigned line, const struct gw_str *cell, size_t cells);
/* The same of one that will come to nothing. is_wrong: it fails; else it is ignored. */
void dir_job_row_add_vain(struct gw_buf *out, unsigned line, const struct gw_str *cell,
                          size_t cells, const char *why, bool is_wrong);

enum dir_job_outcome { DIR_JOB_ROW_DONE, DIR_JOB_ROW_IGNORED, DIR_JOB_ROW_FAILED };

/* While a row is applied. */
struct dir_job_row {
    struct dir_jobs *jobs;
    const struct dir_job_entry *entry;
    const json_t *json;
    struct store_batch *batch; /* NULL: a dry run */
    struct gw_buf jid;
    struct dir_user_form form;
    bool added, removed;
    json_t *more; /* members of the result; NULL: none */
};
struct gw_str dir_job_cell(const struct dir_job_row *row, size_t i);         /* trimmed */
struct gw_str dir_job_cell_of(const struct dir_job_row *row, int8_t column); /* or empty */
struct gw_str dir_job_cell_trim(struct gw_str s);
enum dir_job_outcome dir_job_ignored(struct gw_err *err, const char *why);

/* Applies one row: changes go to the directory and into the batch. Gives the result's object. */
json_t *dir_job_row_apply(struct dir_jobs *jobs, const struct dir_job_entry *e, struct gw_str row,
                          struct store_batch *batch, enum dir_job_outcome *outcome);

/* --- columns by type: dir_job_rows.c */
int dir_job_column_find(enum dir_job_type type, struct gw_str name); /* -1: none */
const char *dir_job_column_name(enum dir_job_type type, int column);

/* --- dir_job_contacts.c: contacts in lists */
struct dir_job_columns {
    struct {
        const char *name, *other; /* as other programs call it */
        bool is_needed;
    } column[8];
    int count;
};
extern const struct dir_job_columns dir_job_contact_columns, dir_job_rename_columns;

enum dir_job_outcome dir_job_contact_import(struct dir_job_row *row, struct gw_err *err);
enum dir_job_outcome dir_job_contact_rename(struct dir_job_row *row, struct gw_err *err);
enum dir_job_outcome dir_job_contact_undo(struct dir_job_row *row, struct gw_err *err);
/* An address in a cell, or two: also "sip:ann@example.org". Appends to out. */
enum gw_code dir_job_address(const struct dir_jobs *jobs, struct gw_str text, struct gw_str domain,
                             struct gw_buf *out, struct gw_err *err);

/* --- dir_job_renames.c: from a file of addresses to the lists in which they are */
/* One row of the file, as it was kept. */
void dir_rename_add(struct dir_jobs *jobs, struct dir_job_entry *e, struct gw_str row);
/* When all were added: what cannot be done, some of it; false: that was all. *pos from 0. */
bool dir_renames_check(struct dir_jobs *jobs, struct dir_job_entry *e, size_t *pos);
void dir_renames_find(struct dir_jobs *jobs, struct dir_job_entry *e,
                      struct gw_str user); /* in his list */
/* Those that are in no list, likewise. */
bool dir_renames_rest(struct dir_jobs *jobs, struct dir_job_entry *e, size_t *pos);
/* Each tells what it has found: jobs->found has one row more. dir_job_run.c */
void dir_job_found(struct dir_jobs *jobs, struct dir_job_entry *e);
void dir_renames_free(struct dir_jobs *jobs);

#endif
