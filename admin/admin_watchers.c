/* /v1/users/{user}/watchers, /v1/requests: who watches whom, and what was decided about it. */
#include "admin_priv.h"
#include "admin_users.h"
#include "gw_buf.h"
#include "gw_log.h"
#include "pres.h"

enum { USERS_A_PAGE = 10000 };

/* ---- Looking ---- */

static void watcher_add(struct gw_str user, struct gw_str watcher, enum pres_standing standing,
                        void *ctx)
{
    (void)user;
    json_array_append_new(ctx, json_pack("{s:o, s:s}", "watcher", admin_json_str(watcher),
                                         "standing", pres_standing_name(standing)));
}

static void decision_add(struct gw_str who, enum pres_decision decision, void *ctx)
{
    json_array_append_new(ctx, json_pack("{s:o, s:s}", "who", admin_json_str(who), "decision",
                                         pres_decision_name(decision)));
}

static json_t *watchers_json(const struct pres_core *core, struct gw_str user)
{
    json_t *watchers = json_array(), *decisions = json_array();

    pres_watchers_each(core, user, watcher_add, watchers);
    pres_decisions_each(core, user, decision_add, decisions);
    return json_pack("{s:o, s:o, s:o}", "user", admin_json_str(user), "watchers", watchers,
                     "decisions", decisions);
}

void admin_watchers_list(struct admin_call *call)
{
    struct dir_user user;
    struct gw_err err;

    if (admin_user_of_path(call, &user, &err))
        admin_reply_error(call, &err);
    else
        admin_reply(call, 200, watchers_json(call->api->args.core, user.jid));
}

static void request_add(struct gw_str user, struct gw_str watcher, enum pres_standing standing,
                        void *ctx)
{
    (void)standing;
    json_array_append_new(ctx, json_pack("{s:o, s:o}", "user", admin_json_str(user), "watcher",
                                         admin_json_str(watcher)));
}

void admin_requests_list(struct admin_call *call)
{
    struct gw_str after = net_http_query(call->x, "after");
    json_t *list = json_array();
    int64_t first = 0;
    struct gw_err err;
    size_t pos;
    bool more;

    if (after.p && !gw_str_to_int(after, 0, INT64_MAX, &first)) {
        json_decref(list);
        gw_fail(&err, GW_INVALID, "'after' is the 'next' of the page before");
        admin_reply_error(call, &err);
        return;
    }
    pos = (size_t)first;
    more = pres_waiting_each(call->api->args.core, &pos, USERS_A_PAGE, request_add, list);
    admin_reply(call, 200,
                json_pack("{s:o, s:o}", "requests", list, "next",
                          more ? json_integer((json_int_t)pos) : json_null()));
}

/* ---- Deciding ---- */

/* A person's address, or a domain. */
static enum gw_code who_read(struct gw_str text, struct gw_buf *out, struct gw_err *err)
{
    return gw_str_find(text, '@') >= 0 ? dir_jid_normalise(text, out, err)
                                       : dir_domain_normalise(text, out, err);
}

static void decide(struct admin_call *call, enum pres_decision decision)
{
    struct gw_buf user_jid, who;
    struct dir_user user;
    struct gw_err err;
    enum gw_code rc;

    gw_buf_init(&user_jid, ADMIN_JID_BUF);
    gw_buf_init(&who, ADMIN_JID_BUF);
    rc = admin_user_find(call, &user_jid, &user, &err);
    if (!rc)
        rc = who_read(call->arg[1], &who, &err);
    if (!rc)
        rc = pres_decide_saved(call->api->args.core, gw_buf_str(&user_jid), gw_buf_str(&who),
                               decision, admin_call_saved, call, &err);
    if (!rc)
        gw_info("admin", "decision user='%s' who='%s' decision=%s", user_jid.p, who.p,
                pres_decision_name(decision));
    admin_reply_change(call, rc, &err, 200,
                       rc ? json_null()
                          : watchers_json(call->api->args.core, gw_buf_str(&user_jid)));
    gw_buf_done(&who);
    gw_buf_done(&user_jid);
}

void admin_decision_set(struct admin_call *call)
{
    static const struct admin_field field = { "decision", ADMIN_TEXT, 0, true, 0, 0 };
    enum pres_decision decision = PRES_ASK;
    struct gw_str text;
    struct gw_err err;

    if (admin_fields_read(call->body, &field, 1, &text, &err)) {
        admin_reply_error(call, &err);
    } else if (!pres_decision_parse(text, &decision) || decision == PRES_ASK) {
        gw_fail(&err, GW_INVALID, "a decision is allow, block or shut-out");
        admin_reply_error(call, &err);
    } else {
        decide(call, decision);
    }
}

void admin_decision_forget(struct admin_call *call)
{
    decide(call, PRES_ASK);
}
