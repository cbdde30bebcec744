/* Adding users, one or thousands, and setting passwords. Keys are derived on a worker thread, for all
 * passwords of a request in one go; then users are entered slice by slice, so that presence of others
 * does not wait for a long list. */
#include <stdlib.h>

#include "admin_priv.h"
#include "admin_users.h"
#include "dir.h"
#include "gw_buf.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

/* One password of a request; the text is borrowed from the body, which the call keeps. */
struct password_item {
    struct gw_str text; /* .p NULL: none */
    struct dir_password keys;
    struct gw_err failed;
};

struct password_work {
    struct admin_call *call;
    void (*then)(struct admin_call *call, struct password_work *work); /* takes the call */

    /* of a list: what is entered so far, and the timer for the next slice */
    struct net_timer *timer;
    size_t next, added;
    json_t *failed;

    size_t count;
    struct password_item item[];
};

static void work_free(void *p)
{
    struct password_work *work = p;

    net_timer_free(&work->timer);
    json_decref(work->failed);
    gw_wipe(work->item, work->count * sizeof(work->item[0]));
    free(work);
}

static struct password_work *work_new(struct admin_call *call, size_t count)
{
    struct password_work *work;

    work = gw_alloc(sizeof(*work) + count * sizeof(work->item[0]));
    work->call = call;
    work->count = count;
    call->work = work;
    call->work_free = work_free;
    return work;
}

static void derive_run(void *ctx) /* on a worker thread */
{
    struct password_work *work = ctx;
    size_t i;

    for (i = 0; i < work->count; i++)
        if (work->item[i].text.p)
            (void)dir_password_derive(work->item[i].text, &work->item[i].keys,
                                      &work->item[i].failed);
}

static void derive_done(void *ctx)
{
    struct password_work *work = ctx;
    struct admin_api *api = work->call->api;

    admin_act(work->call);
    work->then(work->call, work);
    admin_act_end(api);
}

static void derive(struct password_work *work,
                   void (*then)(struct admin_call *call, struct password_work *work))
{
    struct admin_call *call = work->call;
    struct gw_err err;

    work->then = then;
    if (net_work_start(call->api->args.pool, derive_run, derive_done, work))
        return;
    gw_fail(&err, GW_AGAIN, "too many passwords are being set at this moment: try again");
    admin_reply_error(call, &err);
}

/* --- one user's password */

static void password_enter(struct admin_call *call, struct password_work *work)
{
    struct gw_str jid = gw_str_of(json_string_value(json_object_get(call->body, "user")));
    struct gw_err err = work->item[0].failed;
    enum gw_code rc = err.code;
    char quoted[GW_QUOTE_MAX];

    if (!rc) {
        dir_digests_derive(call->api->args.dir, jid, work->item[0].text, &work->item[0].keys);
        rc = dir_password_put(call->api->args.dir, jid, &work->item[0].keys, admin_call_saved, call,
                              &err);
    }
    if (!rc)
        gw_info("admin", "password set user=%s", gw_quote(jid, quoted));
    admin_reply_change(call, rc, &err, 200, json_pack("{s:b}", "password", 1));
}

void admin_user_password(struct admin_call *call)
{
    static const struct admin_field field = {
        "password", ADMIN_TEXT, 0, true, 1, DIR_PASSWORD_MAX
    };
    struct password_work *work;
    struct dir_user user;
    struct gw_str text;
    struct gw_err err;
    enum gw_code rc;

    rc = admin_fields_read(call->body, &field, 1, &text, &err);
    if (!rc)
        rc = admin_user_of_path(call, &user, &err);
    if (rc) {
        admin_reply_error(call, &err);
    } else {
        /* The path belongs to the exchange, which may go; the body stays with the call. */
        json_object_set_new(call->body, "user", admin_json_str(user.jid));
        work = work_new(call, 1);
        work->item[0].text = text;
        derive(work, password_enter);
    }
}

/* --- adding */

static enum gw_code user_enter(struct admin_call *call, const json_t *object,
                               struct password_item *password, struct gw_buf *jid,
                               struct gw_err *err)
{
    struct admin_user_input input;
    enum gw_code rc = admin_user_read(object, true, &input, err);

    if (rc)
        return rc;
    if (password->failed.code) {
        *err = password->failed;
        return err->code;
    }
    gw_buf_reset(jid);
    rc = admin_user_jid(call->api, input.user, jid, err);
    if (rc)
        return rc;
    if (!input.form.edit.mail) /* in most directories the two are the same */
        dir_form_text(&input.form, dir_field_find(GW_STR("mail")), gw_buf_str(jid));
    rc = dir_user_add(call->api->args.dir, gw_buf_str(jid), &input.form.edit, admin_call_saved,
                      call, err);
    if (rc)
        return rc;
    call->writes++;
    if (!password->text.p)
        return GW_OK;
    dir_digests_derive(call->api->args.dir, gw_buf_str(jid), password->text, &password->keys);
    rc = dir_password_put(call->api->args.dir, gw_buf_str(jid), &password->keys, admin_call_saved,
                          call, err);
    if (!rc)
        call->writes++;
    return rc;
}

static void one_enter(struct admin_call *call, struct password_work *work)
{
    struct dir_user user;
    struct gw_buf jid;
    struct gw_err err;
    enum gw_code rc;

    gw_buf_init(&jid, ADMIN_JID_BUF);
    rc = user_enter(call, call->body, &work->item[0], &jid, &err);
    if (rc) {
        admin_reply_error(call, &err);
    } else {
        (void)dir_user_get(call->api->args.dir, gw_buf_str(&jid), &user);
        admin_user_log("added", &user);
        admin_reply_when_saved(call, 201, admin_user_json(&user));
    }
    gw_buf_done(&jid);
}

static void refusal_add(json_t *list, size_t index, const json_t *item, const struct gw_err *err)
{
    json_t *refusal = admin_json_err(err);
    json_t *user = json_object_get(item, "user");

    json_object_set_new(refusal, "index", json_integer((json_int_t)index));
    if (user)
        json_object_set(refusal, "user", user);
    json_array_append_new(list, refusal);
}

/* Some 10 ms of work. */
enum { SLICE = 500 };

static void slice_enter(struct gw_now now, void *ctx)
{
    struct password_work *work = ctx;
    struct admin_call *call = work->call;
    size_t end = work->count - work->next > SLICE ? work->next + SLICE : work->count;
    struct gw_buf jid;
    struct gw_err err;

    gw_buf_init(&jid, ADMIN_JID_BUF);
    admin_act(call); /* also of the slices that the timer brings */
    for (; work->next < end; work->next++) {
        const json_t *item = json_array_get(call->body, work->next);

        if (user_enter(call, item, &work->item[work->next], &jid, &err))
            refusal_add(work->failed, work->next, item, &err);
        else
            work->added++;
    }
    admin_act_end(call->api);
    gw_buf_done(&jid);
    if (work->next < work->count) {
        net_timer_set(work->timer, now.mono);
        return;
    }
    gw_info("admin", "users added count=%zu refused=%zu", work->added, work->count - work->added);
    admin_reply_when_saved(
        call, 200,
        json_pack("{s:I, s:O}", "added", (json_int_t)work->added, "failed", work->failed));
}

static void many_enter(struct admin_call *call, struct password_work *work)
{
    work->failed = json_array();
    work->timer = net_timer_new(call->api->args.loop, slice_enter, work);
    slice_enter(admin_now(call), work);
}

static void password_of(const json_t *object, struct password_item *out, size_t *found)
{
    const json_t *text = json_object_get(object, "password");

    if (!json_is_string(text))
        return; /* none, or it is refused when the item is read */
    out->text = (struct gw_str){ json_string_value(text), json_string_length(text) };
    ++*found;
}

void admin_user_add(struct admin_call *call)
{
    bool many = json_is_array(call->body);
    size_t count = many ? json_array_size(call->body) : 1, with_password = 0, i;
    void (*then)(struct admin_call *, struct password_work *) = many ? many_enter : one_enter;
    struct password_work *work;
    struct gw_err err;

    if (count > ADMIN_BULK_MAX) {
        gw_fail(&err, GW_INVALID, "at most %d users in one request", ADMIN_BULK_MAX);
        admin_reply_error(call, &err);
        return;
    }
    work = work_new(call, count);
    for (i = 0; i < count; i++)
        password_of(many ? json_array_get(call->body, i) : call->body, &work->item[i],
                    &with_password);
    if (with_password)
        derive(work, then);
    else
        then(call, work);
}
