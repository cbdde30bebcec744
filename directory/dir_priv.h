/* What the files of directory/ share. */
#ifndef DIR_PRIV_H
#define DIR_PRIV_H

#include "dir.h"

/* --- dir_names.c */
enum gw_code dir_id_normalise(struct gw_str text, struct gw_buf *out, struct gw_err *err);
enum gw_code dir_domain_ascii(struct gw_str normalised, struct gw_buf *out, struct gw_err *err);

/* What may stand in a user's record; empty is fine. */
enum gw_code dir_mail_check(struct gw_str mail, struct gw_err *err);
enum gw_code dir_display_name_check(struct gw_str name, struct gw_err *err);

/* --- dir_record.c: records as they are stored. Parsing believes nothing. */
#define DIR_KIND_DOMAIN     "domain"
#define DIR_KIND_USER       "user"
#define DIR_KIND_CREDENTIAL "credential"

enum { DIR_RECORD_MAX = 16 * 1024 };

struct dir_user_fields {
    struct gw_str mail, display_name;
    bool im_enabled, calendar_enabled;
};
void dir_user_record_write(const struct dir_user_fields *fields, struct gw_buf *out);

struct dir_user_record { /* the parsed text is in the buffer: dir_user_record_done() */
    struct dir_user_fields fields;
    struct gw_buf text;
};
enum gw_code dir_user_record_parse(struct gw_str text, struct dir_user_record *out,
                                   struct gw_err *err);
void dir_user_record_done(struct dir_user_record *r);

/* Clear text: the caller seals it, and wipes. */
void dir_password_record_write(const struct dir_password *password, struct gw_buf *out);
enum gw_code dir_password_record_parse(struct gw_str text, struct dir_password *out,
                                       struct gw_err *err);

#endif
