/* /v1/overrides, /v1/users/{user}/override, /v1/users/{user}/privacy: what a user, or an administrator
 * for him, has said about the own presence. */
#include <string.h>

#include "admin_priv.h"
#include "admin_users.h"
#include "gw_buf.h"
#include "pres.h"

/* ---- override ---- */

json_t *admin_override_json(const struct pres_override *o)
{
    return json_pack("{s:s, s:o, s:s, s:o, s:o}", "state", pres_override_name(o->kind), "text",
                     admin_json_str(o->text), "ends", pres_ends_name(o->ends), "until",
                     admin_json_utc(o->until), "set", admin_json_utc(o->set_at));
}

static json_t *of_user(struct gw_str user, const struct pres_override *o)
{
    json_t *json = admin_override_json(o);

    json_object_set_new(json, "user", admin_json_str(user));
    return json;
}

void admin_overrides_list(struct admin_call *call)
{
    json_t *list = json_array();
    struct pres_override o;
    struct gw_str user;
    size_t pos = 0;

    while (pres_override_next(call->api->args.core, &pos, &user, &o))
        json_array_append_new(list, of_user(user, &o));
    admin_reply(call, 200, json_pack("{s:o}", "overrides", list));
}

void admin_override_get(struct admin_call *call)
{
    struct pres_override o;
    struct dir_user user;
    struct gw_err err;
    enum gw_code rc;

    rc = admin_user_of_path(call, &user, &err);
    if (!rc && !pres_override_get(call->api->args.core, user.jid, &o))
        rc = gw_fail(&err, GW_NOTFOUND, "'%.*s' has no override", GW_STR_ARG(user.jid));
    if (rc)
        admin_reply_error(call, &err);
    else
        admin_reply(call, 200, of_user(user.jid, &o));
}

struct override_body {
    struct gw_str state, text, until;
    int until_item_end;
};

static const struct admin_field override_fields[] = {
    { "state", ADMIN_TEXT, offsetof(struct override_body, state), true, 0, 0 },
    { "text", ADMIN_TEXT, offsetof(struct override_body, text), false, 0, 0 },
    { "until", ADMIN_TEXT, offsetof(struct override_body, until), false, 0, 0 },
    { "until_item_end", ADMIN_FLAG, offsetof(struct override_body, until_item_end), false, 0, 0 },
};

enum { STATES_MAX = 200 };

static enum gw_code state_read(struct gw_str name, enum pres_calendar_kind *out, struct gw_err *err)
{
    struct gw_buf names;
    enum gw_code rc;

    if (pres_override_parse(name, out))
        return GW_OK;
    gw_buf_init(&names, STATES_MAX);
    for (int kind = PRES_CAL_FREE; kind < PRES_CAL_COUNT; kind++)
        gw_buf_addf(&names, "%s%s", names.len ? ", " : "",
                    pres_override_name((enum pres_calendar_kind)kind));
    rc = gw_fail(err, GW_INVALID, "a state is one of %s", names.p);
    gw_buf_done(&names);
    return rc;
}

static enum gw_code override_read(const json_t *body, struct pres_override *out, struct gw_err *err)
{
    struct override_body in;
    enum gw_code rc;

    rc = admin_fields_read(body, override_fields,
                           sizeof(override_fields) / sizeof(override_fields[0]), &in, err);
    if (rc)
        return rc;
    *out = (struct pres_override){ .text = in.text };
    if (in.until.p && in.until_item_end == 1)
        return gw_fail(err, GW_INVALID, "until a time, or until the item ends: not both");
    if (in.until_item_end == 1)
        out->ends = PRES_ENDS_ITEM;
    if (in.until.p) {
        out->ends = PRES_ENDS_TIME;
        if (gw_utc_parse(in.until, &out->until, NULL))
            return gw_fail(err, GW_INVALID, "'until' is no time like 2026-11-20T15:00:00Z");
    }
    return state_read(in.state, &out->kind, err);
}

void admin_override_set(struct admin_call *call)
{
    struct pres_core *core = call->api->args.core;
    struct pres_override o;
    struct dir_user user;
    struct gw_err err;
    enum gw_code rc;

    rc = admin_user_of_path(call, &user, &err);
    if (!rc)
        rc = override_read(call->body, &o, &err);
    if (!rc)
        rc = pres_override_set(core, user.jid, &o, admin_now(call), admin_call_saved, call, &err);
    if (!rc)
        (void)pres_override_get(core, user.jid, &o);
    admin_reply_change(call, rc, &err, 200, rc ? json_null() : of_user(user.jid, &o));
}

void admin_override_clear(struct admin_call *call)
{
    struct dir_user user;
    struct gw_err err;
    enum gw_code rc;

    rc = admin_user_of_path(call, &user, &err);
    if (!rc)
        rc = pres_override_clear(call->api->args.core, user.jid, admin_now(call), admin_call_saved,
                                 call, &err);
    admin_reply_change(call, rc, &err, 200,
                       rc ? json_null() : json_pack("{s:o}", "user", admin_json_str(user.jid)));
}

/* ---- privacy ---- */

static json_t *level_json(int level)
{
    return level == PRES_LEVEL_UNSET ? json_null()
                                     : json_string(pres_level_name((enum pres_level)level));
}

static json_t *privacy_json(const struct pres_privacy_view *v)
{
    json_t *named = json_array();

    for (size_t i = 0; i < v->named_count; i++)
        json_array_append_new(named, json_pack("{s:o, s:s}", "watcher",
                                               admin_json_str(v->named[i].watcher), "level",
                                               pres_level_name(v->named[i].level)));
    return json_pack("{s:o, s:o, s:o, s:s, s:s}", "own", level_json(v->own), "federated",
                     level_json(v->federated), "named", named, "default_own",
                     pres_level_name(v->default_own), "default_federated",
                     pres_level_name(v->default_federated));
}

static json_t *privacy_of(const struct admin_call *call, struct gw_str user)
{
    struct pres_privacy_view v;
    json_t *json;

    if (!pres_privacy_get(call->api->args.core, user, &v))
        return json_null();
    json = privacy_json(&v);
    json_object_set_new(json, "user", admin_json_str(user));
    return json;
}

void admin_privacy_get(struct admin_call *call)
{
    struct dir_user user;
    struct gw_err err;

    if (admin_user_of_path(call, &user, &err))
        admin_reply_error(call, &err);
    else
        admin_reply(call, 200, privacy_of(call, user.jid));
}

struct privacy_body {
    struct gw_str who, level;
};

static const struct admin_field privacy_fields[] = {
    { "who", ADMIN_TEXT, offsetof(struct privacy_body, who), true, 0, 0 },
    { "level", ADMIN_TEXT, offsetof(struct privacy_body, level), true, 0, 0 },
};

static enum gw_code level_read(struct gw_str name, int *out, struct gw_err *err)
{
    enum pres_level level;

    if (gw_str_is(name, "default")) {
        *out = PRES_LEVEL_UNSET;
        return GW_OK;
    }
    if (!pres_level_parse(name, &level))
        return gw_fail(err, GW_INVALID, "a level is nothing, busy, times, full or default");
    *out = (int)level;
    return GW_OK;
}

/* jid: what the rule borrows. */
static enum gw_code privacy_read(const struct admin_api *api, const json_t *body,
                                 struct gw_buf *jid, struct pres_privacy_rule *out,
                                 struct gw_err *err)
{
    struct privacy_body in;
    enum gw_code rc;

    rc = admin_fields_read(body, privacy_fields, sizeof(privacy_fields) / sizeof(privacy_fields[0]),
                           &in, err);
    if (!rc)
        rc = level_read(in.level, &out->level, err);
    if (rc)
        return rc;
    out->class = gw_str_is(in.who, "own")         ? PRES_CLASS_OWN
                 : gw_str_is(in.who, "federated") ? PRES_CLASS_FEDERATED
                                                  : PRES_CLASS_NAMED;
    if (out->class != PRES_CLASS_NAMED)
        return GW_OK;
    rc = admin_user_jid(api, in.who, jid, err);
    out->watcher = gw_buf_str(jid);
    return rc;
}

void admin_privacy_set(struct admin_call *call)
{
    struct pres_privacy_rule rule = { .level = PRES_LEVEL_UNSET };
    struct gw_buf watcher;
    struct dir_user user;
    struct gw_err err;
    enum gw_code rc;

    gw_buf_init(&watcher, ADMIN_JID_BUF);
    rc = admin_user_of_path(call, &user, &err);
    if (!rc)
        rc = privacy_read(call->api, call->body, &watcher, &rule, &err);
    if (!rc)
        rc = pres_privacy_set(call->api->args.core, user.jid, &rule, admin_now(call),
                              admin_call_saved, call, &err);
    admin_reply_change(call, rc, &err, 200, rc ? json_null() : privacy_of(call, user.jid));
    gw_buf_done(&watcher);
}
