/* What the files about users share. */
#ifndef ADMIN_USERS_H
#define ADMIN_USERS_H

#include "admin_priv.h"
#include "dir.h"

enum { ADMIN_JID_BUF = DIR_JID_MAX * 4 }; /* normalising may lengthen before it is refused */

/* What is said of a user: the fields of dir_fields[] that can be edited, and when adding also: */
struct admin_user_input {
    struct gw_str user,
        password; /* .p NULL: not said. Borrowed from the JSON, as the form's texts */
    struct dir_user_form form;
};
enum gw_code admin_user_read(const json_t *object, bool adding, struct admin_user_input *out,
                             struct gw_err *err);

/* One line for the operator: "added", "changed". */
void admin_user_log(const char *what, const struct dir_user *u);

json_t *admin_user_json(const struct dir_user *u);

/* The user of the path, for those who change nothing in the directory. */
enum gw_code admin_user_of_path(const struct admin_call *call, struct dir_user *out,
                                struct gw_err *err);
/* The same, with the address in a buffer of its own, which outlives the user. */
enum gw_code admin_user_find(const struct admin_call *call, struct gw_buf *jid,
                             struct dir_user *out, struct gw_err *err);

#endif
