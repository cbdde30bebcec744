/* What the files about users share. */
#ifndef ADMIN_USERS_H
#define ADMIN_USERS_H

#include "admin_priv.h"
#include "dir.h"

enum { ADMIN_JID_BUF = DIR_JID_MAX * 4 }; /* normalising may lengthen before it is refused */

struct admin_user_fields {
    struct gw_str user, mail, name, password;
    int im, calendar;
};

enum {
    ADMIN_USER_EDIT_FIELDS = 4,
    ADMIN_USER_ADD_FIELDS = 6
}; /* of the one table, from its start */
extern const struct admin_field admin_user_fields[];

struct admin_user_flags {
    bool im, calendar;
};

/* out points into the other two. */
void admin_user_edit_fill(const struct admin_user_fields *f, struct admin_user_flags *flags,
                          struct dir_user_edit *out);

/* One line for the operator: "added", "changed". */
void admin_user_log(const char *what, const struct dir_user *u);

json_t *admin_user_json(const struct dir_user *u);

/* The user of the path. */
enum gw_code admin_user_find(const struct admin_call *call, struct gw_buf *jid,
                             struct dir_user *out, struct gw_err *err);

#endif
