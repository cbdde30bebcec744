/* Bulk jobs: many rows of work over the directory, done in slices so that nobody waits for them.
 *
 *   UPLOADING --file is whole--> WAITING --its time--> RUNNING --last row--> DONE
 *                                   '--cancel--> CANCELLED <--'    '--store fails--> FAILED
 *
 * The rows are in the store before a job waits. A slice's changes, its results and the job's position
 * go to the disk in one transaction: after a restart a job goes on behind the last slice that got there,
 * each row is applied once and has one result. One job runs at a time. Loop thread only. */
#ifndef DIR_JOBS_H
#define DIR_JOBS_H

#include "dir.h"
#include "dir_contacts.h"

struct dir_settings;

enum {
    DIR_JOBS_MAX = 100, /* kept; the oldest finished one goes, with its results */
    DIR_JOB_FILE_MAX = 64 * 1024 * 1024,
    DIR_JOB_BY_MAX = 128
};

enum dir_job_type {
    DIR_JOB_INSERT, /* users from a file: those who are there already are left as they are */
    DIR_JOB_UPDATE, /* users from a file: those who are not there fail; an empty cell changes nothing */
    DIR_JOB_SET,      /* the same values for all whom a filter hits when the job begins */
    DIR_JOB_UNDO,     /* takes back what another job did, row by row from its end */
    DIR_JOB_CONTACTS, /* contacts from a file, into the lists of users who are there */
    DIR_JOB_RENAME /* contacts from a file have another address: in every list that they are in */
};

enum dir_job_state {
    DIR_JOB_UPLOADING,
    DIR_JOB_WAITING,
    DIR_JOB_RUNNING,
    DIR_JOB_DONE,
    DIR_JOB_CANCELLED,
    DIR_JOB_FAILED
};

struct dir_job { /* as it is shown; borrowed until the next call that is not const */
    unsigned id;
    enum dir_job_type type;
    enum dir_job_state state;
    const char *by;                        /* who ordered it */
    gw_utc created, at, started, finished; /* 0: not yet */
    const char *where;                     /* SET */
    const struct json_t *set;              /* SET: field to value */
    unsigned undoes, undone_by;            /* ids; 0: none */
    size_t rows;                           /* of SET and RENAME whom it hits, when that is known */
    size_t done, ignored, failed;
    size_t told;         /* of those done: with clients who were told at once */
    bool is_dry_run;     /* looks what it would do, and does nothing */
    const char *problem; /* FAILED: why; else empty */
};

const char *dir_job_type_name(enum dir_job_type type);    /* "insert" */
const char *dir_job_state_name(enum dir_job_state state); /* "running" */

struct dir_jobs;

struct dir_jobs_args {
    struct dir *dir;
    struct store *store;
    const struct dir_contacts *contacts; /* borrowed; NULL: there are none */
    const struct dir_settings *settings; /* borrowed, read live; NULL: without limits */
    /* dir_jobs_tick() is wanted at that time, or as soon as can be (0); replaces what was said before. */
    void (*due)(gw_time at, void *ctx);
    void *ctx;
};

struct dir_jobs *dir_jobs_new(const struct dir_jobs_args *args);
void dir_jobs_free(struct dir_jobs **jobsp); /* when nothing is under way in the store */

/* Once, after dir_load(). What was running goes on with the first tick. */
void dir_jobs_load(struct dir_jobs *jobs, store_done_fn *done, void *ctx);
void dir_jobs_tick(struct dir_jobs *jobs, struct gw_now now);

bool dir_jobs_get(const struct dir_jobs *jobs, unsigned id, struct dir_job *out);
/* Newest first: start with *pos = 0, ends with false. */
bool dir_jobs_next(const struct dir_jobs *jobs, size_t *pos, struct dir_job *out);

/* --- ordering. As in dir.h: on GW_OK *id is set and done comes later; else nothing has changed */

struct dir_job_order {
    struct gw_str by; /* borrowed for the call */
    gw_utc now, at;   /* at: not before; 0: now */
    bool is_dry_run;  /* CONTACTS, RENAME: each row is looked at as if it were the only one */
};

/* Whether dir_job_set() would take them, and nothing else. */
enum gw_code dir_job_set_check(struct gw_str where, const struct json_t *set, struct gw_err *err);
enum gw_code dir_job_set(struct dir_jobs *jobs, const struct dir_job_order *order,
                         struct gw_str where, const struct json_t *set, store_done_fn *done,
                         void *ctx, unsigned *id, struct gw_err *err);
enum gw_code dir_job_undo(struct dir_jobs *jobs, const struct dir_job_order *order, unsigned undoes,
                          store_done_fn *done, void *ctx, unsigned *id, struct gw_err *err);
enum gw_code dir_job_cancel(struct dir_jobs *jobs, unsigned id, gw_utc now, store_done_fn *done,
                            void *ctx, struct gw_err *err);

/* A file, as in dir_csv.h, whose first row names the columns: fields of dir_fields[], of which 'user' (or
 * 'id', with 'domain' unless there is one only) says who is meant; for contacts those of
 * dir_job_contacts.c. Piece by piece; what is wrong with it as a whole is said at the end, and then nothing
 * of it is kept. */
struct dir_upload;
enum gw_code dir_upload_new(struct dir_jobs *jobs, enum dir_job_type type,
                            const struct dir_job_order *order, struct dir_upload **out,
                            struct gw_err *err);
void dir_upload_feed(struct dir_upload *up, struct gw_str piece);
/* Both end it. */
enum gw_code dir_upload_finish(struct dir_upload **upp, store_done_fn *done, void *ctx,
                               unsigned *id, struct gw_err *err);
void dir_upload_cancel(struct dir_upload **upp);

/* The format, for people: a header and some rows. */
void dir_job_sample_write(enum dir_job_type type, struct gw_buf *out);

/* --- results: one JSON object a row, a line each, in records: "line", "user", "result" ("done",
 * "ignored", "failed"), "why", "added", "removed", "changed" (as dir_user_diff()); of contacts "contact",
 * "to", "was" and "had" (before), "now" and "told". From the record with number 'first' on, at most
 * 'limit' records. */
void dir_job_results(struct dir_jobs *jobs, unsigned id, unsigned first, size_t limit,
                     store_record_fn *each, store_done_fn *done, void *ctx);

#endif
