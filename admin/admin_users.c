/* /v1/users: list, one, change, remove. Adding and passwords: admin_passwords.c */
#include <stdlib.h>
#include <string.h>

#include "admin_priv.h"
#include "admin_users.h"
#include "dir.h"
#include "gw_buf.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "scheduler.h"

enum { LIST_LIMIT = 1000, LIST_LIMIT_MAX = 100000 };

json_t *admin_user_json(const struct dir_user *u)
{
    return json_pack("{s:o, s:o, s:o, s:b, s:b, s:b}", "user", admin_json_str(u->jid), "mail",
                     admin_json_str(u->mail), "name", admin_json_str(u->display_name), "im",
                     u->im_enabled, "calendar", u->calendar_enabled, "password", u->has_password);
}

void admin_user_log(const char *what, const struct dir_user *u)
{
    char jid[GW_QUOTE_MAX], mail[GW_QUOTE_MAX];

    gw_info("admin", "user %s user=%s mail=%s im=%s calendar=%s password=%s", what,
            gw_quote(u->jid, jid), gw_quote(u->mail, mail), u->im_enabled ? "on" : "off",
            u->calendar_enabled ? "on" : "off", u->has_password ? "yes" : "no");
}

static bool contains(struct gw_str hay, struct gw_str needle)
{
    size_t i;

    for (i = 0; i + needle.len <= hay.len; i++)
        if (gw_str_ieq(gw_str_sub(hay, i, i + needle.len), needle))
            return true;
    return false;
}

static bool user_matches(const struct dir_user *u, struct gw_str filter, struct gw_str after)
{
    if (after.len && gw_str_cmp(u->jid, after) <= 0)
        return false;
    return filter.len == 0 || contains(u->jid, filter) || contains(u->mail, filter) ||
           contains(u->display_name, filter);
}

static int compare_users(const void *a, const void *b)
{
    return gw_str_cmp(((const struct dir_user *)a)->jid, ((const struct dir_user *)b)->jid);
}

static json_t *page(const struct dir *dir, struct gw_str filter, struct gw_str after, size_t limit)
{
    struct dir_user *found = gw_realloc(NULL, dir_user_count(dir) + 1, sizeof(*found));
    json_t *list = json_array();
    size_t count = 0, pos = 0, i;

    while (dir_user_next(dir, &pos, &found[count]))
        count += user_matches(&found[count], filter, after);
    qsort(found, count, sizeof(*found), compare_users);
    for (i = 0; i < count && i < limit; i++)
        json_array_append_new(list, admin_user_json(&found[i]));
    free(found);
    return json_pack("{s:o, s:b, s:I, s:I}", "users", list, "more", count > limit, "matching",
                     (json_int_t)count, "total", (json_int_t)dir_user_count(dir));
}

void admin_users_list(struct admin_call *call)
{
    struct gw_str filter = net_http_query(call->x, "filter");
    struct gw_str after = net_http_query(call->x, "after");
    struct gw_str limit_text = net_http_query(call->x, "limit");
    int64_t limit = LIST_LIMIT;
    struct gw_err err;

    if (limit_text.p && !gw_str_to_int(limit_text, 1, LIST_LIMIT_MAX, &limit)) {
        gw_fail(&err, GW_INVALID, "limit must be a number from 1 to %d", LIST_LIMIT_MAX);
        admin_reply_error(call, &err);
        return;
    }
    admin_reply(call, 200, page(call->api->args.dir, filter, after, (size_t)limit));
}

enum gw_code admin_user_find(const struct admin_call *call, struct gw_buf *jid,
                             struct dir_user *out, struct gw_err *err)
{
    enum gw_code rc = admin_user_jid(call->api, call->arg[0], jid, err);

    if (rc)
        return rc;
    if (!dir_user_get(call->api->args.dir, gw_buf_str(jid), out))
        return gw_fail(err, GW_NOTFOUND, "there is no user '%.*s'", GW_STR_ARG(gw_buf_str(jid)));
    return GW_OK;
}

void admin_user_get(struct admin_call *call)
{
    struct dir_user user;
    struct gw_buf jid;
    struct gw_err err;

    gw_buf_init(&jid, ADMIN_JID_BUF);
    if (admin_user_find(call, &jid, &user, &err))
        admin_reply_error(call, &err);
    else
        admin_reply(call, 200, admin_user_json(&user));
    gw_buf_done(&jid);
}

#define AT(member) offsetof(struct admin_user_fields, member)

const struct admin_field admin_user_fields[] = {
    { "mail", ADMIN_TEXT, AT(mail), false, 0, DIR_MAIL_MAX },
    { "name", ADMIN_TEXT, AT(name), false, 0, DIR_DISPLAY_NAME_MAX },
    { "im", ADMIN_FLAG, AT(im), false, 0, 0 },
    { "calendar", ADMIN_FLAG, AT(calendar), false, 0, 0 },
    /* only when adding: */
    { "user", ADMIN_TEXT, AT(user), true, 1, DIR_JID_MAX },
    { "password", ADMIN_TEXT, AT(password), false, 1, DIR_PASSWORD_MAX },
};

void admin_user_edit_fill(const struct admin_user_fields *f, struct admin_user_flags *flags,
                          struct dir_user_edit *out)
{
    flags->im = f->im == 1;
    flags->calendar = f->calendar == 1;
    *out = (struct dir_user_edit){
        .mail = f->mail.p ? &f->mail : NULL,
        .display_name = f->name.p ? &f->name : NULL,
        .im_enabled = f->im >= 0 ? &flags->im : NULL,
        .calendar_enabled = f->calendar >= 0 ? &flags->calendar : NULL,
    };
}

void admin_user_edit(struct admin_call *call)
{
    struct admin_user_fields fields;
    struct admin_user_flags flags;
    struct dir_user_edit edit;
    struct dir_user user;
    struct gw_buf jid;
    struct gw_err err;
    enum gw_code rc;

    gw_buf_init(&jid, ADMIN_JID_BUF);
    fields.user = fields.password = (struct gw_str){ NULL, 0 };
    rc = admin_fields_read(call->body, admin_user_fields, ADMIN_USER_EDIT_FIELDS, &fields, &err);
    if (!rc)
        rc = admin_user_find(call, &jid, &user, &err);
    if (!rc) {
        admin_user_edit_fill(&fields, &flags, &edit);
        rc = dir_user_change(call->api->args.dir, gw_buf_str(&jid), &edit, admin_call_saved, call,
                             &err);
    }
    if (!rc) {
        (void)dir_user_get(call->api->args.dir, gw_buf_str(&jid), &user);
        admin_user_log("changed", &user);
    }
    admin_reply_change(call, rc, &err, 200, rc ? json_null() : admin_user_json(&user));
    gw_buf_done(&jid);
}

void admin_user_remove(struct admin_call *call)
{
    char quoted[GW_QUOTE_MAX];
    struct dir_user user;
    struct gw_buf jid;
    struct gw_err err;
    enum gw_code rc;

    gw_buf_init(&jid, ADMIN_JID_BUF);
    rc = admin_user_find(call, &jid, &user, &err);
    if (!rc)
        rc = dir_user_remove(call->api->args.dir, gw_buf_str(&jid), admin_call_saved, call, &err);
    if (!rc)
        gw_info("admin", "user removed user=%s", gw_quote(gw_buf_str(&jid), quoted));
    admin_reply_change(call, rc, &err, 200, json_pack("{s:b}", "removed", 1));
    gw_buf_done(&jid);
}

void admin_user_refresh(struct admin_call *call)
{
    struct dir_user user;
    struct gw_buf jid;
    struct gw_err err;
    enum gw_code rc;

    gw_buf_init(&jid, ADMIN_JID_BUF);
    rc = admin_user_find(call, &jid, &user, &err);
    if (!rc &&
        sched_user_refresh(call->api->args.sched, gw_buf_str(&jid), admin_now(call)) != GW_OK)
        rc = gw_fail(&err, GW_INVALID, "the calendar of '%.*s' is not enabled",
                     GW_STR_ARG(gw_buf_str(&jid)));
    if (rc)
        admin_reply_error(call, &err);
    else
        admin_reply(call, 202, json_pack("{s:b}", "refresh", 1));
    gw_buf_done(&jid);
}
