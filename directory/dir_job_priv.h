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
    int8_t column[DIR_CSV_CELLS_MAX]; /* index in dir_fields[], -1: passed over */
    size_t columns;
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

enum dir_job_outcome { DIR_JOB_ROW_DONE, DIR_JOB_ROW_IGNORED, DIR_JOB_ROW_FAILED };

/* Applies one row: changes go to the directory and into the batch. Gives the result's object. */
json_t *dir_job_row_apply(struct dir_jobs *jobs, const struct dir_job_entry *e, struct gw_str row,
                          struct store_batch *batch, enum dir_job_outcome *outcome);

#endif
