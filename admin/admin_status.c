/* /v1, /v1/version, /v1/status */
#include <stdio.h>

#include "admin_priv.h"
#include "dir.h"
#include "pres.h"
#include "scheduler.h"

void admin_index(struct admin_call *call)
{
    json_t *list = json_array();
    size_t i;

    for (i = 0; i < admin_routes_count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "method", admin_routes[i].method, "path",
                                        admin_routes[i].path, "help", admin_routes[i].help));
    admin_reply(call, 200, json_pack("{s:o}", "resources", list));
}

void admin_version(struct admin_call *call)
{
    admin_reply(call, 200, json_pack("{s:s, s:s}", "name", "kalends", "version", KALENDS_VERSION));
}

static json_t *users_json(const struct admin_api *api)
{
    size_t pos = 0, total = 0, im = 0, calendar = 0;
    struct dir_user user;

    while (dir_user_next(api->args.dir, &pos, &user)) {
        total++;
        im += user.im_enabled;
        calendar += user.im_enabled && user.calendar_enabled;
    }
    return json_pack("{s:I, s:I, s:I}", "total", (json_int_t)total, "im", (json_int_t)im,
                     "calendar", (json_int_t)calendar);
}

#define COUNT(name) #name, (json_int_t)c.name

void admin_json_times(json_t *into, const char *name, const char *unit,
                      const struct gw_histogram *h)
{
    const struct {
        const char *name;
        int64_t value;
    } part[] = { { "p50", gw_histogram_quantile(h, 500) },
                 { "p99", gw_histogram_quantile(h, 990) },
                 { "max", h->max } };

    for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
        char key[64];

        snprintf(key, sizeof(key), "%s_%s_%s", name, part[i].name, unit);
        json_object_set_new(into, key, json_integer(part[i].value));
    }
}

static json_t *times_json(const struct sched_counters *c)
{
    json_t *times = json_object();

    admin_json_times(times, "due_late", "ms", &c->due_late_ms);
    admin_json_times(times, "request", "ms", &c->request_ms);
    admin_json_times(times, "age", "s", &c->age_s);
    return times;
}

static json_t *calendars_json(const struct admin_api *api)
{
    struct sched_counters c;
    json_t *now, *since;

    sched_counters(api->args.sched, &c);
    now = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                    COUNT(users), COUNT(subscribed), COUNT(push), COUNT(streaming), COUNT(poll),
                    COUNT(with_calendar), COUNT(stale), COUNT(in_trouble), COUNT(in_flight),
                    COUNT(lined_up), COUNT(remembered), COUNT(farewells), COUNT(spread_s));
    since =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I,"
                  " s:I, s:I, s:I, s:I, s:I, s:I}",
                  COUNT(notifications), COUNT(status_events), COUNT(unknown_tokens),
                  COUNT(requests), COUNT(failures), COUNT(retries), COUNT(push_backs),
                  COUNT(subscribes), COUNT(reads), COUNT(bulk_reads), COUNT(unchanged),
                  COUNT(missed), COUNT(oof_polls), COUNT(tips), COUNT(silent), COUNT(moved),
                  COUNT(resumed), COUNT(streams), COUNT(fallbacks), COUNT(due), COUNT(clock_steps));
    return json_pack("{s:o, s:o, s:o}", "now", now, "since_start", since, "times", times_json(&c));
}

static json_t *presence_json(const struct admin_api *api)
{
    struct pres_counters c;

    pres_counters(api->args.core, &c);
    return json_pack("{s:I, s:I, s:I, s:I}", COUNT(sessions), COUNT(available), COUNT(delivered),
                     COUNT(changes));
}

static void count_state(const struct sched_gateway_view *v, void *ctx)
{
    const char *name = sched_gateway_state_name(v->state);
    json_t *states = ctx;
    json_int_t n = json_integer_value(json_object_get(states, name));

    json_object_set_new(states, name, json_integer(n + 1));
}

void admin_status(struct admin_call *call)
{
    const struct admin_api *api = call->api;
    struct gw_now now = admin_now(call);
    json_t *states = json_object(), *json;

    sched_gateways_each(api->args.sched, now, count_state, states);
    json =
        json_pack("{s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "version", KALENDS_VERSION, "now",
                  admin_json_utc(now.utc), "started", admin_json_utc(api->started), "domains",
                  (json_int_t)dir_domain_count(api->args.dir), "users", users_json(api), "gateways",
                  states, "calendars", calendars_json(api), "presence", presence_json(api));
    api->args.host->status(json, api->args.host->ctx);
    admin_reply(call, 200, json);
}
