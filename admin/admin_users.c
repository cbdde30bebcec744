/* /v1/users: list, one, change, remove. Adding and passwords: admin_passwords.c */
#include <stdlib.h>
#include <string.h>

#include "admin_priv.h"
#include "admin_users.h"
#include "dir.h"
#include "dir_filter.h"
#include "gw_buf.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "scheduler.h"

enum { LIST_LIMIT = 1000, LIST_LIMIT_MAX = 100000 };

json_t *admin_user_json(const struct dir_user *u)
{
    json_t *json = json_pack("{s:o}", "user", admin_json_str(u->jid));

    for (int i = 0; i < DIR_EDITABLE; i++) {
        const struct dir_field *f = &dir_fields[i];

        json_object_set_new(json, f->name,
                            f->is_flag ? json_boolean(dir_user_flag(u, f))
                                       : admin_json_str(dir_user_text(u, f)));
    }
    json_object_set_new(json, "password", json_boolean(u->has_password));
    return json;
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

static bool user_matches(const struct dir_user *u, struct gw_str filter,
                         const struct dir_filter *where, struct gw_str after)
{
    if (after.len && gw_str_cmp(u->jid, after) <= 0)
        return false;
    if (where && !dir_filter_matches(where, u))
        return false;
    return filter.len == 0 || contains(u->jid, filter) || contains(u->mail, filter) ||
           contains(u->display_name, filter);
}

static int compare_users(const void *a, const void *b)
{
    return gw_str_cmp(((const struct dir_user *)a)->jid, ((const struct dir_user *)b)->jid);
}

static json_t *page(const struct dir *dir, struct gw_str filter, const struct dir_filter *where,
                    struct gw_str after, size_t limit)
{
    struct dir_user *found = gw_realloc(NULL, dir_user_count(dir) + 1, sizeof(*found));
    json_t *list = json_array();
    size_t count = 0, pos = 0, i;

    while (dir_user_next(dir, &pos, &found[count]))
        count += user_matches(&found[count], filter, where, after);
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
    struct gw_str where_text = net_http_query(call->x, "where");
    struct dir_filter *where = NULL;
    int64_t limit = LIST_LIMIT;
    struct gw_err err;

    if (where_text.p && dir_filter_parse(where_text, &where, &err)) {
        admin_reply_error(call, &err);
        return;
    }
    if (limit_text.p && !gw_str_to_int(limit_text, 1, LIST_LIMIT_MAX, &limit)) {
        gw_fail(&err, GW_INVALID, "limit must be a number from 1 to %d", LIST_LIMIT_MAX);
        admin_reply_error(call, &err);
    } else {
        admin_reply(call, 200, page(call->api->args.dir, filter, where, after, (size_t)limit));
    }
    dir_filter_free(&where);
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

enum gw_code admin_user_of_path(const struct admin_call *call, struct dir_user *out,
                                struct gw_err *err)
{
    struct gw_buf jid;
    enum gw_code rc;

    gw_buf_init(&jid, ADMIN_JID_BUF);
    rc = admin_user_find(call, &jid, out, err);
    gw_buf_done(&jid);
    return rc;
}

void admin_user_get(struct admin_call *call)
{
    struct dir_user user;
    struct gw_err err;

    if (admin_user_of_path(call, &user, &err))
        admin_reply_error(call, &err);
    else
        admin_reply(call, 200, admin_user_json(&user));
}

static enum gw_code text_read(const char *name, const json_t *value, struct gw_str *out,
                              struct gw_err *err)
{
    if (!json_is_string(value))
        return gw_fail(err, GW_INVALID, "'%s' must be text", name);
    *out = (struct gw_str){ json_string_value(value), json_string_length(value) };
    return GW_OK;
}

enum gw_code admin_user_read(const json_t *object, bool adding, struct admin_user_input *out,
                             struct gw_err *err)
{
    enum gw_code rc = GW_OK;
    const char *name;
    json_t *value;

    *out = (struct admin_user_input){ .user = { NULL, 0 } };
    if (!json_is_object(object))
        return gw_fail(err, GW_INVALID, "a JSON object is needed here");
    json_object_foreach((json_t *)object, name, value)
    {
        if (adding && strcmp(name, "user") == 0)
            rc = text_read(name, value, &out->user, err);
        else if (adding && strcmp(name, "password") == 0)
            rc = text_read(name, value, &out->password, err);
        else
            rc = dir_form_json(&out->form, name, value, err);
        if (rc)
            return rc;
    }
    if (adding && !out->user.p)
        return gw_fail(err, GW_INVALID, "the field 'user' is missing");
    return GW_OK;
}

void admin_user_edit(struct admin_call *call)
{
    struct admin_user_input input;
    struct dir_user user;
    struct gw_buf jid;
    struct gw_err err;
    enum gw_code rc;

    gw_buf_init(&jid, ADMIN_JID_BUF);
    rc = admin_user_read(call->body, false, &input, &err);
    if (!rc)
        rc = admin_user_find(call, &jid, &user, &err);
    if (!rc)
        rc = dir_user_change(call->api->args.dir, gw_buf_str(&jid), &input.form.edit,
                             admin_call_saved, call, &err);
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
    struct gw_err err;
    enum gw_code rc;

    rc = admin_user_of_path(call, &user, &err);
    if (!rc && sched_user_refresh(call->api->args.sched, user.jid, admin_now(call)) != GW_OK)
        rc = gw_fail(&err, GW_INVALID, "the calendar of '%.*s' is not enabled",
                     GW_STR_ARG(user.jid));
    if (rc)
        admin_reply_error(call, &err);
    else
        admin_reply(call, 202, json_pack("{s:b}", "refresh", 1));
}
