/* /v1/watch: presence changes as they happen, one JSON line each, until the client leaves. A client that
 * reads too slowly is left; an empty line now and then keeps the connection alive. */
#include <stdlib.h>

#include "admin_priv.h"
#include "admin_users.h"
#include "gw_mem.h"
#include "pres.h"

enum { KEEPALIVE_MS = 30 * GW_SECOND_MS };

struct admin_watch {
    struct gw_list link;
    struct admin_api *api;
    struct net_http_exchange *x;
    char *user; /* NULL: all */
};

static void watch_free(struct admin_watch **wp)
{
    struct admin_watch *w = *wp;
    struct admin_api *api = w->api;

    *wp = NULL;
    gw_list_remove(&w->link);
    if (--api->watches_count == 0)
        net_timer_set(api->keepalive, GW_NEVER);
    free(w->user);
    free(w);
}

static void watch_gone(void *ctx)
{
    struct admin_watch *w = ctx;

    watch_free(&w);
}

static void watch_end(struct admin_watch *w)
{
    net_http_on_gone(w->x, NULL, NULL);
    net_http_stream_end(w->x);
    watch_free(&w);
}

static json_t *shown_json(const struct pres_shown *s)
{
    /* The show may be the client's own, and the text all the same the calendar's. */
    enum pres_calendar_kind kind = s->kind != PRES_CAL_NONE ? s->kind : s->text_kind;

    return json_pack("{s:s, s:o, s:o}", "show", pres_show_name(s->show), "text",
                     admin_json_str(s->text), "calendar",
                     kind == PRES_CAL_NONE ? json_null()
                                           : json_string(pres_calendar_kind_name(kind)));
}

static json_t *change_json(const struct pres_change *c)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s}", "event", "presence", "at",
                     admin_json_utc(c->at), "user", admin_json_str(c->user), "before",
                     shown_json(&c->before), "now", shown_json(&c->now), "cause",
                     pres_cause_name(c->cause));
}

static void on_change(const struct pres_change *change, void *ctx)
{
    struct admin_api *api = ctx;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&api->watches, it, tmp)
    {
        struct admin_watch *w = GW_CONTAINER(it, struct admin_watch, link);

        if (w->user && !gw_str_is(change->user, w->user))
            continue;
        if (admin_stream_try(w->x, change_json(change)))
            watch_end(w);
    }
}

static void on_keepalive(struct gw_now now, void *ctx)
{
    struct admin_api *api = ctx;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&api->watches, it, tmp)
    {
        struct admin_watch *w = GW_CONTAINER(it, struct admin_watch, link);

        if (net_http_stream_write(w->x, GW_STR("\n")))
            watch_end(w);
    }
    if (api->watches_count)
        net_timer_set(api->keepalive, gw_time_after(now.mono, KEEPALIVE_MS));
}

void admin_watch_init(struct admin_api *api)
{
    gw_list_init(&api->watches);
    api->observer = pres_observe(api->args.core, on_change, api);
    api->keepalive = net_timer_new(api->args.loop, on_keepalive, api);
}

void admin_watch_stop(struct admin_api *api)
{
    while (!gw_list_is_empty(&api->watches))
        watch_end(GW_CONTAINER(api->watches.next, struct admin_watch, link));
    if (api->observer)
        pres_unobserve(&api->observer);
    if (api->keepalive)
        net_timer_free(&api->keepalive);
}

static enum gw_code user_wanted(struct admin_call *call, char **out, struct gw_err *err)
{
    struct gw_str text = net_http_query(call->x, "user");
    struct dir_user user;
    struct gw_buf jid;
    enum gw_code rc;

    *out = NULL;
    if (!text.p)
        return GW_OK;
    call->arg[0] = text;
    gw_buf_init(&jid, ADMIN_JID_BUF);
    rc = admin_user_find(call, &jid, &user, err);
    if (!rc)
        *out = gw_buf_take(&jid);
    gw_buf_done(&jid);
    return rc;
}

void admin_watch_start(struct admin_call *call)
{
    struct admin_api *api = call->api;
    struct admin_watch *w;
    struct gw_err err;
    char *user = NULL;
    enum gw_code rc;

    rc = user_wanted(call, &user, &err);
    if (!rc && api->watches_count >= ADMIN_WATCHES_MAX) {
        free(user);
        rc = gw_fail(&err, GW_AGAIN, "%d are watching already", ADMIN_WATCHES_MAX);
    }
    if (rc) {
        admin_reply_error(call, &err);
        return;
    }
    w = gw_new(struct admin_watch);
    w->api = api;
    w->x = call->x;
    w->user = user;
    gw_list_append(&api->watches, &w->link);
    if (api->watches_count++ == 0)
        net_timer_set(api->keepalive, gw_time_after(admin_now(call).mono, KEEPALIVE_MS));
    net_http_on_gone(w->x, watch_gone, w);
    net_http_stream(w->x, 200, "application/x-ndjson");
    admin_stream_line(w->x, json_pack("{s:s, s:o, s:o}", "event", "watching", "at",
                                      admin_json_utc(admin_now(call).utc), "user",
                                      admin_json_cstr(user)));
    admin_call_free(&call);
}
