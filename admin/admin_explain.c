/* /v1/users/{user}/explain: what presence shows, and why: from which item (times and kind only), read
 * when, from which gateway, and when it is looked at next; now or at another time, as everybody or as
 * a certain watcher sees it. */
#include "admin_priv.h"
#include "admin_users.h"
#include "bridge.h"
#include "gw_buf.h"
#include "pres.h"
#include "pres_settings.h"
#include "scheduler.h"

static const struct pres_resource_view *leader_of(const struct pres_user_view *v)
{
    for (size_t i = 0; i < v->resource_count; i++) {
        if (v->resources[i].leads)
            return &v->resources[i];
    }
    return NULL;
}

/* How client, calendar and override were made into one. */
static const char *why_text(const struct pres_user_view *v)
{
    const struct pres_resource_view *leader = leader_of(v);

    if (v->speaks)
        return v->has_override ? "no client is logged in: the override alone is shown"
                               : "no client is logged in: the calendar alone is shown";
    if (!leader)
        return "no client is logged in: offline, with the calendar's text beside it";
    if (v->composed.kind != PRES_CAL_NONE)
        return v->has_override ? "the override's state is shown over the client's"
                               : "the calendar's state is shown over the client's";
    if (v->has_override)
        return "the override stands in place of the calendar; the client's own state stays";
    if (leader->show == PRES_DND)
        return "the client's do-not-disturb is weakened by nothing";
    if (leader->stands && v->level != PRES_LEVEL_NOTHING)
        return "the client's state stays: it was chosen while the calendar item ran";
    if (v->level == PRES_LEVEL_NOTHING)
        return "the client's state: of the calendar nothing may be seen";
    return "the client's state stays: the calendar says nothing stronger";
}

static json_t *shown_json(const struct pres_user_view *v)
{
    const char *said = v->has_override ? "override" : "calendar";
    const char *const from_name[] = {
        [PRES_TEXT_NONE] = NULL,
        [PRES_TEXT_CLIENT] = "client",
        [PRES_TEXT_CALENDAR] = said,
    };
    const struct pres_shown *s = &v->composed;

    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:s}", "show", pres_show_name(s->show), "text",
                     admin_json_str(s->text), "show_from",
                     s->kind == PRES_CAL_NONE ? "client" : said, "text_from",
                     admin_json_cstr(from_name[s->text_from]), "since", admin_json_utc(v->since),
                     "why", why_text(v));
}

/* Whose eyes it is seen with, and how much those may see. */
static json_t *watcher_json(const struct pres_user_view *v, struct gw_str watcher)
{
    static const char *const from[] = {
        [PRES_LEVEL_SELF] = "the user sees everything of the own calendar",
        [PRES_LEVEL_NAMED] = "the user has set it for this watcher",
        [PRES_LEVEL_CLASS] = "the user has set it for all such watchers",
        [PRES_LEVEL_DEFAULT] = "the parameter says so",
    };

    if (!watcher.len)
        return json_null();
    return json_pack("{s:o, s:b, s:b, s:s, s:s}", "watcher", admin_json_str(watcher), "own_domain",
                     v->is_own, "may_see", v->may_see, "level", pres_level_name(v->level),
                     "level_from", from[v->level_from]);
}

static json_t *resources_json(const struct pres_user_view *v)
{
    json_t *list = json_array();
    size_t i;

    for (i = 0; i < v->resource_count; i++) {
        const struct pres_resource_view *r = &v->resources[i];

        json_array_append_new(
            list,
            json_pack("{s:o, s:s, s:b, s:i, s:s, s:o, s:s, s:b, s:o}", "resource",
                      admin_json_str(r->resource), "frontend", r->frontend, "available",
                      r->available, "priority", r->priority, "says", pres_show_name(r->show),
                      "text", admin_json_str(r->text), "shown_as", pres_show_name(r->composed.show),
                      "chosen_during_item", r->stands, "since", admin_json_utc(r->since)));
    }
    return list;
}

static json_t *ahead_json(const struct pres_calendar *c)
{
    json_t *list = json_array();

    for (size_t i = 0; i < c->ahead_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "state",
                                              pres_calendar_kind_name(c->ahead[i].kind), "since",
                                              admin_json_utc(c->ahead[i].since), "until",
                                              admin_json_utc(c->ahead[i].until)));
    return list;
}

static json_t *calendar_json(const struct pres_calendar *c)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "state", pres_calendar_kind_name(c->kind), "text",
                     admin_json_cstr(c->text[PRES_WORDS_OWN]), "since", admin_json_utc(c->since),
                     "until", admin_json_utc(c->until), "ahead", ahead_json(c));
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

/* What the calendar says at a moment, and which item says so, by which rule or row. */
static json_t *moment_json(const struct admin_api *api, struct gw_str user, gw_utc at,
                           struct pres_calendar *out)
{
    const struct admin_host *host = api->args.host;
    struct bridge_look why;
    json_t *json;

    if (!host->calendar(user, at, out, &why, host->ctx))
        return json_null();
    json = calendar_json(out);
    json_object_set_new(json, "source", json_string(bridge_source_name(why.source)));
    json_object_set_new(json, "rule", admin_json_cstr(why.rule));
    json_object_set_new(json, "row", admin_json_cstr(why.row));
    if (why.source == BRIDGE_INTERVAL)
        json_object_set_new(json, "item", interval_json(&why.interval));
    if (why.source == BRIDGE_AUTO_REPLY)
        json_object_set_new(json, "automatic_reply", oof_json(&why.oof));
    return json;
}

static json_t *clock_json(int minute)
{
    return json_sprintf("%02d:%02d", minute / 60, minute % 60);
}

static json_t *work_json(const struct gw_work *work)
{
    static const char *const day[] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday" };
    json_t *days = json_array();

    for (size_t i = 0; i < sizeof(day) / sizeof(day[0]); i++)
        if (work->days >> i & 1)
            json_array_append_new(days, json_string(day[i]));
    return json_pack("{s:o, s:o, s:o}", "days", days, "from", clock_json(work->from), "to",
                     clock_json(work->to));
}

/* Their zone is a rule without a name: how far its clocks are from UTC at that moment. */
static json_t *hours_json(const struct gw_hours *hours, gw_utc at)
{
    json_t *list;

    if (!hours)
        return json_null();
    list = json_array();
    for (size_t i = 0; i < hours->count; i++)
        json_array_append_new(list, work_json(&hours->work[i]));
    return json_pack("{s:I, s:o}", "utc_offset_min",
                     (json_int_t)(gw_zone_offset(&hours->zone, at) / GW_MINUTE_MS), "work", list);
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
        "{s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:I, s:i, s:i, s:i, s:b, s:o, s:o, s:o, "
        "s:o, s:o, s:o}",
        "mailbox", admin_json_str(v->mailbox), "gateway",
        v->gateway.len ? admin_json_str(v->gateway) : json_null(), "read",
        admin_json_utc(v->read_at), "automatic_reply_read", admin_json_utc(v->oof_read_at), "fresh",
        c->fresh, "not_fresh_because", not_fresh_json(s, v, now), "stale_since",
        admin_json_utc(v->stale_since), "window_from",
        c->from == c->to ? json_null() : admin_json_utc(c->from), "window_to",
        c->from == c->to ? json_null() : admin_json_utc(c->to), "items", (json_int_t)c->count,
        "further_calendars", (int)v->further.all, "unread_calendars", (int)v->further.refused,
        "left_calendars", (int)v->further.left, "calendars_cut", v->further.is_cut, "next_due",
        admin_json_utc(v->next_due), "next_action", admin_json_cstr(v->next_action),
        "next_action_at", admin_json_utc(v->next_action_at), "problem", admin_json_cstr(v->error),
        "problem_at", admin_json_utc(v->error_at), "subscription", subscription_json(v));
}

/* When what is shown may be another thing next, as far as is known today. */
static gw_utc next_change(const struct pres_user_view *v, const struct pres_calendar *c)
{
    gw_utc next = c->until;

    if (v->has_override && v->override.until < next)
        next = v->override.until;
    return next;
}

struct question {
    struct pres_question q;
    struct pres_calendar calendar; /* at that time */
    bool is_now;
};

static void presence_add(json_t *json, const struct admin_api *api, const struct dir_user *user,
                         struct question *question)
{
    struct pres_user_view shown;

    if (question->is_now) /* as it was published, not as it would be made now */
        question->q.calendar = NULL;
    if (!pres_user_ask(api->args.core, user->jid, &question->q, &shown))
        return;
    json_object_set_new(json, "presence", shown_json(&shown));
    json_object_set_new(json, "watcher", watcher_json(&shown, question->q.watcher));
    json_object_set_new(json, "override",
                        shown.has_override ? admin_override_json(&shown.override) : json_null());
    json_object_set_new(json, "resources", resources_json(&shown));
    if (question->is_now)
        json_object_set_new(json, "published", calendar_json(&shown.calendar));
    json_object_set_new(json, "next_change",
                        admin_json_utc(next_change(&shown, &question->calendar)));
}

static json_t *explain_json(const struct admin_call *call, const struct dir_user *user,
                            struct question *question)
{
    const struct admin_api *api = call->api;
    struct gw_now now = admin_now(call);
    struct sched_user_view exchange;
    json_t *json = admin_user_json(user);

    question->is_now = !question->q.at;
    question->q.at = question->is_now ? now.utc : question->q.at;
    question->q.calendar = &question->calendar;
    question->calendar = (struct pres_calendar){ .until = GW_NEVER };
    json_object_set_new(json, "now", admin_json_utc(now.utc));
    json_object_set_new(json, "at", admin_json_utc(question->q.at));
    if (sched_user_view(api->args.sched, user->jid, now, &exchange)) {
        json_object_set_new(json, "from_calendar",
                            moment_json(api, user->jid, question->q.at, &question->calendar));
        json_object_set_new(json, "exchange", exchange_json(api->args.sched, &exchange, now));
        json_object_set_new(json_object_get(json, "exchange"), "working_hours",
                            hours_json(exchange.calendar.hours, question->q.at));
        json_object_set_new(json_object_get(json, "exchange"), "automatic_replies_hidden",
                            json_boolean(exchange.hides_oof));
        json_object_set_new(json_object_get(json, "exchange"), "automatic_reply",
                            exchange.calendar.oof_known ? oof_json(&exchange.calendar.oof)
                                                        : json_null());
    }
    presence_add(json, api, user, question);
    return json;
}

/* watcher: what the question borrows. */
static enum gw_code question_read(const struct admin_call *call, struct gw_buf *watcher,
                                  struct question *out, struct gw_err *err)
{
    struct gw_str at = net_http_query(call->x, "at"), who = net_http_query(call->x, "watcher");
    enum gw_code rc;

    *out = (struct question){ .q = { .watcher = GW_STR("") } };
    if (at.len && gw_utc_parse(at, &out->q.at, NULL))
        return gw_fail(err, GW_INVALID, "'at' is no time like 2026-11-20T15:00:00Z");
    if (!who.len)
        return GW_OK;
    rc = admin_user_jid(call->api, who, watcher, err);
    out->q.watcher = gw_buf_str(watcher);
    return rc;
}

void admin_explain(struct admin_call *call)
{
    struct question question;
    struct gw_buf watcher;
    struct dir_user user;
    struct gw_err err;
    enum gw_code rc;

    gw_buf_init(&watcher, ADMIN_JID_BUF);
    rc = admin_user_of_path(call, &user, &err);
    if (!rc)
        rc = question_read(call, &watcher, &question, &err);
    if (rc)
        admin_reply_error(call, &err);
    else
        admin_reply(call, 200, explain_json(call, &user, &question));
    gw_buf_done(&watcher);
}
