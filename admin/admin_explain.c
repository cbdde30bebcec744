/* /v1/users/{user}/explain: what presence shows, and why: from which item (times and kind only), read
 * when, from which gateway, and when it is looked at next. */
#include "admin_priv.h"
#include "admin_users.h"
#include "bridge.h"
#include "gw_buf.h"
#include "pres.h"
#include "scheduler.h"

static json_t *shown_json(const struct pres_user_view *v)
{
    static const char *const from_name[] = {
        [PRES_TEXT_NONE] = NULL,
        [PRES_TEXT_CLIENT] = "client",
        [PRES_TEXT_CALENDAR] = "calendar",
    };
    const struct pres_shown *s = &v->composed;

    return json_pack("{s:s, s:o, s:s, s:o, s:o}", "show", pres_show_name(s->show), "text",
                     admin_json_str(s->text), "show_from",
                     s->kind == PRES_CAL_NONE ? "client" : "calendar", "text_from",
                     admin_json_cstr(from_name[s->text_from]), "since", admin_json_utc(v->since));
}

static json_t *resources_json(const struct pres_user_view *v)
{
    json_t *list = json_array();
    size_t i;

    for (i = 0; i < v->resource_count; i++) {
        const struct pres_resource_view *r = &v->resources[i];

        json_array_append_new(
            list, json_pack("{s:o, s:s, s:b, s:i, s:s, s:o, s:s, s:o}", "resource",
                            admin_json_str(r->resource), "frontend", r->frontend, "available",
                            r->available, "priority", r->priority, "says", pres_show_name(r->show),
                            "text", admin_json_str(r->text), "shown_as",
                            pres_show_name(r->composed.show), "since", admin_json_utc(r->since)));
    }
    return list;
}

static json_t *calendar_json(const struct pres_calendar *c)
{
    return json_pack("{s:s, s:o, s:o, s:o}", "state", pres_calendar_kind_name(c->kind), "text",
                     admin_json_cstr(c->text[PRES_WORDS_OWN]), "since", admin_json_utc(c->since),
                     "until", admin_json_utc(c->until));
}

static json_t *interval_json(const struct gw_interval *i)
{
    return json_pack("{s:o, s:o, s:s, s:b, s:b, s:b}", "start", admin_json_utc(i->start), "end",
                     admin_json_utc(i->end), "busy", gw_busy_name(i->busy), "all_day",
                     !!(i->flags & GW_INTERVAL_ALL_DAY), "private",
                     !!(i->flags & GW_INTERVAL_PRIVATE), "meeting",
                     !!(i->flags & GW_INTERVAL_MEETING));
}

static json_t *oof_json(const struct gw_oof *oof)
{
    static const char *const state_name[] = {
        [GW_OOF_DISABLED] = "disabled",
        [GW_OOF_ENABLED] = "enabled",
        [GW_OOF_SCHEDULED] = "scheduled",
    };

    return json_pack("{s:s, s:o, s:o}", "state", state_name[oof->state], "start",
                     admin_json_utc(oof->start), "end", admin_json_utc(oof->end));
}

/* What the calendar says at this moment, and which item says so, by which rule or row. */
static json_t *now_json(const struct admin_api *api, struct gw_str user, gw_utc now)
{
    const struct admin_host *host = api->args.host;
    struct pres_calendar out;
    struct bridge_look why;
    json_t *json;

    if (!host->calendar(user, now, &out, &why, host->ctx))
        return json_null();
    json = calendar_json(&out);
    json_object_set_new(json, "source", json_string(bridge_source_name(why.source)));
    json_object_set_new(json, "rule", admin_json_cstr(why.rule));
    json_object_set_new(json, "row", admin_json_cstr(why.row));
    if (why.source == BRIDGE_INTERVAL)
        json_object_set_new(json, "item", interval_json(&why.interval));
    if (why.source == BRIDGE_AUTO_REPLY)
        json_object_set_new(json, "automatic_reply", oof_json(&why.oof));
    return json;
}

static json_t *subscription_json(const struct sched_user_view *v)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:i}", "mode", sched_mode_name(v->mode), "state",
                     sched_sub_state_name(v->sub_state), "since", admin_json_utc(v->subscribed_at),
                     "heard", admin_json_utc(v->heard_at), "status_frequency_min",
                     (int)v->status_frequency_min);
}

/* ---- why a calendar is not fresh, in words ---- */

enum { WHY_MAX = 2048 };

struct pool {
    size_t gateways, usable;
};

static void pool_count(const struct sched_gateway_view *g, void *ctx)
{
    struct pool *pool = ctx;

    pool->gateways++;
    pool->usable += g->state == SCHED_GATEWAY_NEW || g->state == SCHED_GATEWAY_UP;
}

static struct gw_buf *because(struct gw_buf *out)
{
    if (out->len)
        gw_buf_add_cstr(out, ": ");
    return out;
}

static void no_gateway(const struct sched *s, struct gw_now now, struct gw_buf *out)
{
    struct pool pool = { 0 };

    sched_gateways_each(s, now, pool_count, &pool);
    if (!pool.gateways)
        gw_buf_add_cstr(because(out), "there is no gateway");
    else if (!pool.usable)
        gw_buf_add_cstr(because(out), "no gateway can be asked");
}

static void gateway_trouble(const struct sched_gateway_view *g, struct gw_buf *out)
{
    switch (g->state) {
    case SCHED_GATEWAY_NEW:
    case SCHED_GATEWAY_UP:
        if (g->backoff_until)
            gw_buf_addf(because(out), "gateway '%.*s' takes no requests for a while",
                        GW_STR_ARG(g->name));
        return;
    case SCHED_GATEWAY_DOWN:
    case SCHED_GATEWAY_REFUSED:
        gw_buf_addf(because(out), "gateway '%.*s' is %s", GW_STR_ARG(g->name),
                    sched_gateway_state_name(g->state));
        if (g->error)
            gw_buf_add_cstr(because(out), g->error);
        return;
    }
}

static json_t *not_fresh_json(const struct sched *s, const struct sched_user_view *v,
                              struct gw_now now)
{
    static const char *const what[] = {
        [SCHED_FRESH] = NULL,
        [SCHED_NEVER_READ] = "the calendar has not been read yet",
        [SCHED_WINDOW_OVER] = "this day is not in what was read",
        [SCHED_CHANGE_UNREAD] = "a change is known and not read yet",
        [SCHED_UNSUBSCRIBED] = "no subscription tells of changes",
        [SCHED_UNREAD] = "it is to be read again, which has not been possible yet",
        [SCHED_GATEWAY_GONE] = "", /* which says it all */
        [SCHED_UNHEARD] = "Exchange has not been heard from for too long",
    };
    struct sched_gateway_view g;
    struct gw_buf text;
    json_t *json;

    if (v->freshness == SCHED_FRESH)
        return json_null();
    gw_buf_init(&text, WHY_MAX);
    gw_buf_add_cstr(&text, what[v->freshness]);
    if (sched_gateway_view(s, v->gateway, now, &g))
        gateway_trouble(&g, &text);
    else
        no_gateway(s, now, &text);
    json = admin_json_str(gw_buf_str(&text));
    gw_buf_done(&text);
    return json;
}

static json_t *exchange_json(const struct sched *s, const struct sched_user_view *v,
                             struct gw_now now)
{
    const struct sched_calendar *c = &v->calendar;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}",
        "mailbox", admin_json_str(v->mailbox), "gateway",
        v->gateway.len ? admin_json_str(v->gateway) : json_null(), "read",
        admin_json_utc(v->read_at), "automatic_reply_read", admin_json_utc(v->oof_read_at), "fresh",
        c->fresh, "not_fresh_because", not_fresh_json(s, v, now), "stale_since",
        admin_json_utc(v->stale_since), "window_from",
        c->from == c->to ? json_null() : admin_json_utc(c->from), "window_to",
        c->from == c->to ? json_null() : admin_json_utc(c->to), "items", (json_int_t)c->count,
        "next_due", admin_json_utc(v->next_due), "next_action", admin_json_cstr(v->next_action),
        "next_action_at", admin_json_utc(v->next_action_at), "problem", admin_json_cstr(v->error),
        "problem_at", admin_json_utc(v->error_at), "subscription", subscription_json(v));
}

static json_t *explain_json(const struct admin_call *call, const struct dir_user *user)
{
    const struct admin_api *api = call->api;
    struct gw_now now = admin_now(call);
    struct sched_user_view exchange;
    struct pres_user_view shown;
    json_t *json = admin_user_json(user);

    json_object_set_new(json, "now", admin_json_utc(now.utc));
    if (pres_user_view(api->args.core, user->jid, &shown)) {
        json_object_set_new(json, "presence", shown_json(&shown));
        json_object_set_new(json, "resources", resources_json(&shown));
        json_object_set_new(json, "published", calendar_json(&shown.calendar));
    }
    if (sched_user_view(api->args.sched, user->jid, now, &exchange)) {
        json_object_set_new(json, "from_calendar", now_json(api, user->jid, now.utc));
        json_object_set_new(json, "exchange", exchange_json(api->args.sched, &exchange, now));
    }
    return json;
}

void admin_explain(struct admin_call *call)
{
    struct dir_user user;
    struct gw_buf jid;
    struct gw_err err;

    gw_buf_init(&jid, ADMIN_JID_BUF);
    if (admin_user_find(call, &jid, &user, &err))
        admin_reply_error(call, &err);
    else
        admin_reply(call, 200, explain_json(call, &user));
    gw_buf_done(&jid);
}
