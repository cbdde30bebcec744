/* What survives a restart: records by kind and key, with an owner, in SQLite (WAL) on a thread of
 * its own. Nothing is searched here: rooms load their kinds at start and keep them in memory. All
 * calls come from one thread, the loop's; done callbacks come on it too, from store_dispatch(). */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "gw_err.h"
#include "gw_str.h"

struct store;

/* Called, on any thread, when store_dispatch() has something to do. */
typedef void store_wake_fn(void *ctx);

struct store_args {
    const char *path;          /* of the database; ":memory:" for tests. Its folder must exist */
    const char *seal_key_path; /* 32 random bytes, made with mode 0600 when it is not there; NULL: a
                                  key of this process only (tests) */
    bool seal_key_is_given; /* by a service manager: never made, and its group may read it, since an
                                  access control list looks like that (systemd.exec, Credentials) */
    store_wake_fn *wake;    /* NULL: the caller uses store_wait() */
    void *wake_ctx;
};

/* Blocks: opens, migrates by user_version, refuses a database of a newer version, or one that
 * another process has open. Errors name the path and what to do. */
enum gw_code store_open(const struct store_args *args, struct store **out, struct gw_err *err);

/* Writes what is queued, then closes; done callbacks of it come. A disk that refuses gets two
 * seconds more, then what is left fails with GW_INTERNAL. */
void store_close(struct store **sp);

/* Runs some of the done callbacks that are due, and asks to be woken again when there are more, so
 * that a big load does not hold up the loop. None of the callbacks may dispatch, wait or close. */
void store_dispatch(struct store *s);

/* Until nothing is queued, dispatching; at start, stop, in tests. Waits while the disk refuses. */
void store_wait(struct store *s);

/* A batch is one transaction. */
struct store_batch;
struct store_batch *store_batch_new(void);
void store_batch_free(struct store_batch **bp);

enum {
    STORE_KIND_MAX = 32,
    STORE_KEY_MAX = 1024, /* of owners too */
    STORE_VALUE_MAX = 1024 * 1024,
    STORE_BATCH_MAX = 64 * 1024 * 1024,
    STORE_QUEUE_MAX = 256 * 1024 * 1024 /* what waits while the disk refuses: about 500,000 users */
};

/* All copied. kind is a short word: "user", "gateway", "calendar". owner may be empty. What is too
 * long makes the whole batch fail, with GW_LIMIT. */
void store_put(struct store_batch *b, const char *kind, struct gw_str key, struct gw_str owner,
               struct gw_str value);
void store_del(struct store_batch *b, const char *kind, struct gw_str key);
void store_del_owner(struct store_batch *b, const char *kind, struct gw_str owner);
void store_del_range(struct store_batch *b, const char *kind, struct gw_str from,
                     struct gw_str to); /* keys in [from, to) */

typedef void store_done_fn(const struct gw_err *result,
                           void *ctx); /* result->code GW_OK: on disk */

/* Takes the batch. done may be NULL: a failure is logged by the store. Batches are written in
 * order; several waiting ones share a transaction on disk. A write that the disk refuses is tried
 * again until it works, logged once; a batch that no longer fits in the queue gets GW_LIMIT.
 *
 * "On disk" means: given to the system. A killed process loses nothing that done was called for;
 * after a power failure the last moments may be missing, batches whole (WAL, synchronous=NORMAL:
 * no wait for the disk at each transaction; presence is read anew from Exchange anyway). */
void store_commit(struct store *s, struct store_batch **bp, store_done_fn *done, void *ctx);

struct store_record {
    struct gw_str key, owner, value; /* borrowed for the call */
};
typedef void store_record_fn(const struct store_record *r, void *ctx);

/* Each record of a kind (of one owner, unless owner is NULL), then done. In key order. */
void store_load(struct store *s, const char *kind, const struct gw_str *owner,
                store_record_fn *each, store_done_fn *done, void *ctx);

/* History is kept under keys that grow with time, and read a part at a time: the first records, or the
 * last ones, with a key in [from, to), in this order. */
struct store_range {
    struct gw_str from, to; /* copied */
    struct gw_str owner;    /* empty: of everybody */
    size_t limit;           /* at least 1 */
    bool newest_first;
};
void store_load_range(struct store *s, const char *kind, const struct store_range *range,
                      store_record_fn *each, store_done_fn *done, void *ctx);

struct store_stats {
    size_t queued_batches, queued_bytes; /* not yet on disk */
    uint64_t batches, transactions;      /* written since the start */
    bool is_refused;                     /* by the disk, just now; trouble says why */
    char trouble[240];
};
void store_stats(struct store *s, struct store_stats *out);

/* Secrets at rest: AES-256-GCM under the seal key, bound to a context such as "gateway/cas1", so
 * that a sealed value cannot be moved to another record. Base64 text out. GW_BADMSG: not sealed
 * under this key and context. */
struct gw_buf;
void store_seal(const struct store *s, struct gw_str context, struct gw_str secret,
                struct gw_buf *out);
enum gw_code store_unseal(const struct store *s, struct gw_str context, struct gw_str sealed,
                          struct gw_buf *out, struct gw_err *err);

/* A secret that need not be stored: HMAC-SHA-256 of the context under the seal key. The same after a
 * restart, another one for each context, and it tells nothing about the key. */
enum { STORE_DERIVED_LEN = 32 };
void store_derive(const struct store *s, struct gw_str context, uint8_t out[STORE_DERIVED_LEN]);

#endif
