/* Who changed what, and when: one entry a change, the newest ones kept. Changes of users are heard of
 * here, and their entry goes to the disk with them or not at all; whoever changes something else adds
 * an entry. No secret ever gets here. Loop thread only. */
#ifndef DIR_AUDIT_H
#define DIR_AUDIT_H

#include "dir.h"
#include "gw_param.h"

struct dir_settings {
    int64_t audit_keep; /* entries */
    int64_t
        contact_rate; /* contacts a second that a job imports, or GW_PARAM_WORD: as many as can be */
};
extern const struct gw_param dir_params[];
extern const size_t dir_param_count;

struct dir_audit_entry {
    uint64_t number; /* grows */
    gw_utc at;
    const char *by;               /* "uid 0 (root)", "job 7 of uid 0 (root)" */
    const char *what;             /* "user changed" */
    const char *subject;          /* "ann@example.org", "cas1" */
    const struct json_t *details; /* of a change: {"changed": {"zone": ["", "Asia/Tokyo"]}} */
};

struct dir_audit;
/* Borrows dir, of which it hears from now on, the store, and the settings, which are read live. */
struct dir_audit *dir_audit_new(struct dir *dir, struct store *store,
                                const struct dir_settings *settings);
void dir_audit_free(struct dir_audit **auditp);
void dir_audit_load(struct dir_audit *audit, store_done_fn *done,
                    void *ctx); /* once, before changes */

void dir_audit_add(struct dir_audit *audit,
                   const struct dir_audit_entry *entry); /* number: ignored */

/* Newest first: at most 'limit' entries with a smaller number than 'before' (0: from the newest on), of
 * one subject unless that is empty. Borrowed for the call. */
typedef void dir_audit_entry_fn(const struct dir_audit_entry *entry, void *ctx);
void dir_audit_read(struct dir_audit *audit, struct gw_str subject, uint64_t before, size_t limit,
                    dir_audit_entry_fn *each, store_done_fn *done, void *ctx);

#endif
