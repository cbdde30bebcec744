/* What the files of store/ share. */
#ifndef STORE_PRIV_H
#define STORE_PRIV_H

#include <stdint.h>

#include "gw_buf.h"
#include "gw_err.h"
#include "gw_str.h"
#include "store.h"

/* --- store_db.c: one SQLite connection, used by one thread at a time. GW_AGAIN: the disk refuses,
 * the same may work later. Everything else will fail again. */
struct store_db;

enum gw_code store_db_open(const char *path, struct store_db **out, struct gw_err *err);
void store_db_close(struct store_db **dbp);

enum gw_code store_db_begin(struct store_db *db, struct gw_err *err);
enum gw_code store_db_commit(struct store_db *db, struct gw_err *err);
void store_db_rollback(struct store_db *db);

enum gw_code store_db_put(struct store_db *db, struct gw_str kind, const struct store_record *r,
                          struct gw_err *err);
enum gw_code store_db_del(struct store_db *db, struct gw_str kind, struct gw_str key,
                          struct gw_err *err);
enum gw_code store_db_del_owner(struct store_db *db, struct gw_str kind, struct gw_str owner,
                                struct gw_err *err);

enum gw_code store_db_del_range(struct store_db *db, struct gw_str kind, struct gw_str from,
                                struct gw_str to, struct gw_err *err);

/* One reading at a time; what is asked with must stay until its end. next: GW_NOTFOUND ends it. The record is borrowed until the next step. */
void store_db_read(struct store_db *db, struct gw_str kind, const struct gw_str *owner);
void store_db_read_range(struct store_db *db, struct gw_str kind, const struct store_range *range);
enum gw_code store_db_read_next(struct store_db *db, struct store_record *out, struct gw_err *err);
void store_db_read_end(struct store_db *db);

/* --- store_batch.c: a batch is one block of bytes, written once and read once */
enum store_op { STORE_OP_PUT, STORE_OP_DEL, STORE_OP_DEL_OWNER, STORE_OP_DEL_RANGE };

struct store_change {
    enum store_op op;
    struct gw_str kind;
    struct store_record
        record; /* of DEL the key, of DEL_OWNER the owner; DEL_RANGE: [key, owner) */
};

size_t store_batch_size(const struct store_batch *b); /* memory, in bytes */
bool store_batch_failed(const struct store_batch *b); /* something in it was too long */
bool store_batch_next(const struct store_batch *b, size_t *pos, struct store_change *out);

/* Records one after the other in a buffer: rows on their way to the loop, and batches. */
void store_record_pack(const struct store_record *r, struct gw_buf *out);
bool store_record_unpack(struct gw_str packed, size_t *pos, struct store_record *out);

/* --- store_seal.c */
enum { STORE_SEAL_KEY_LEN = 32 };

struct store_seal_key {
    uint8_t bytes[STORE_SEAL_KEY_LEN];
};

/* Reads the key; makes one when there is none, unless the database has secrets under a lost one. */
enum gw_code store_seal_key_load(const char *path, bool is_given, bool has_secrets,
                                 struct store_seal_key *out, struct gw_err *err);
void store_seal_write(const struct store_seal_key *key, struct gw_str context, struct gw_str secret,
                      struct gw_buf *out);
enum gw_code store_seal_read(const struct store_seal_key *key, struct gw_str context,
                             struct gw_str sealed, struct gw_buf *out, struct gw_err *err);
void store_seal_derive(const struct store_seal_key *key, struct gw_str context,
                       uint8_t out[STORE_DERIVED_LEN]);

#endif
