/* What the files of directory/ share. */
#ifndef DIR_PRIV_H
#define DIR_PRIV_H

#include "dir.h"

/* --- dir_names.c */
enum gw_code dir_id_normalise(struct gw_str text, struct gw_buf *out, struct gw_err *err);
enum gw_code dir_domain_ascii(struct gw_str normalised, struct gw_buf *out, struct gw_err *err);

/* --- dir_fields.c: one field of a user. What stands in a record passes the check; ICU may have
 * forgotten a zone since it was set, and is not asked again. */
enum gw_code dir_field_check(const struct dir_field *f, struct gw_str text, struct gw_err *err);

bool dir_flag_parse(struct gw_str text, bool *out); /* yes, no, and other words for them */

void dir_user_set_text(struct dir_user *u, const struct dir_field *f, struct gw_str text);
void dir_user_set_flag(struct dir_user *u, const struct dir_field *f, bool flag);
const struct gw_str *dir_edit_text(const struct dir_user_edit *edit, const struct dir_field *f);
const bool *dir_edit_flag(const struct dir_user_edit *edit, const struct dir_field *f);

/* --- dir_record.c: records as they are stored. Parsing believes nothing. */
#define DIR_KIND_DOMAIN     "domain"
#define DIR_KIND_USER       "user"
#define DIR_KIND_CREDENTIAL "credential"

enum { DIR_RECORD_MAX = 16 * 1024 };

void dir_json_write(struct json_t *json, struct gw_buf *out); /* takes */

/* The editable fields. */
void dir_user_record_write(const struct dir_user *user, struct gw_buf *out);

struct dir_user_record {
    struct dir_user user; /* the editable fields */
    struct json_t *json;  /* has the texts: dir_user_record_done() */
};
enum gw_code dir_user_record_parse(struct gw_str text, struct dir_user_record *out,
                                   struct gw_err *err);
void dir_user_record_done(struct dir_user_record *r);

/* Clear text: the caller seals it, and wipes. */
void dir_password_record_write(const struct dir_password *password, struct gw_buf *out);
enum gw_code dir_password_record_parse(struct gw_str text, struct dir_password *out,
                                       struct gw_err *err);

/* --- dir_password.c */
void dir_digests_drop(struct dir_password *password, uint32_t digests);

/* --- what is in force. dir.c: domains, listeners, loading; dir_users.c: users */
enum { DIR_LISTENERS_MAX = 8 };

struct dir {
    struct store *store;
    struct gw_map *domains, *users; /* struct dir_domain_entry, struct dir_user_entry */
    struct dir_listener listener[DIR_LISTENERS_MAX];
    size_t listeners;
    uint32_t digests; /* that are kept */
    struct gw_str by; /* who makes changes just now */
    gw_utc at;

    store_done_fn *load_done; /* while loading */
    void *load_ctx;
    struct gw_err load_result;
    size_t unreadable;
};

struct dir_domain_entry {
    size_t users;
    size_t name_len, ascii_len;
    char text[]; /* name, ascii */
};

/* jid is normalised. GW_OK: it may be added to the domain. */
enum gw_code dir_user_check_new(const struct dir *dir, struct gw_str jid,
                                struct dir_domain_entry **domain, struct gw_err *err);
void dir_user_insert(struct dir *dir, struct dir_domain_entry *domain, struct gw_str jid,
                     const struct dir_user *fields);
void dir_users_free(struct dir *dir);

/* As the public functions, but what is to be stored goes into the caller's batch. *changed: not when
 * everything was so before. */
enum gw_code dir_user_add_in(struct dir *dir, struct store_batch *batch, struct gw_str jid,
                             const struct dir_user_edit *edit, struct gw_err *err);
enum gw_code dir_user_change_in(struct dir *dir, struct store_batch *batch, struct gw_str jid,
                                const struct dir_user_edit *edit, bool *changed,
                                struct gw_err *err);
enum gw_code dir_user_remove_in(struct dir *dir, struct store_batch *batch, struct gw_str jid,
                                struct gw_err *err);

/* Whether every value may be, for whomever. */
enum gw_code dir_edit_check(const struct dir_user_edit *edit, struct gw_err *err);

enum gw_code dir_credential_load(struct dir *dir, const struct store_record *r, struct gw_err *err);

#endif
