/* The whole organisation in one object: who knows whom, and the timer of the subscriptions. */
#include "mock_exchange.h"

#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_mem.h"
#include "mock_priv.h"

static void on_timer(struct gw_now now, void *ctx)
{
    struct mock_exchange *mx = ctx;

    mx->timer_at = GW_NEVER;
    mock_subs_tick(mx->subs, now);
    mock_streams_tick(mx->service.streams, now);
    mock_exchange_touch(mx);
}

void mock_exchange_touch(struct mock_exchange *mx)
{
    gw_time at = mock_subs_deadline(mx->subs), streams = mock_streams_deadline(mx->service.streams);

    if (streams < at)
        at = streams;
    if (at == mx->timer_at)
        return;
    mx->timer_at = at;
    net_timer_set(mx->timer, at);
}

static void on_change(const struct mock_change *change, struct gw_now now, void *ctx)
{
    struct mock_exchange *mx = ctx;

    mock_subs_changed(change, now, mx->subs);
    mock_live_changed(mx->live);
}

static void on_pushed(void *ctx)
{
    mock_exchange_touch(ctx);
}

/* A running server of the mailbox's site, or one that stands in none; if there is no such, any. */
static void url_write(const struct mock_mailbox *mailbox, gw_time now, struct gw_buf *out,
                      void *ctx)
{
    const struct mock_exchange *mx = ctx;
    const char *site = mock_database_of(mx->service.places, mailbox, now)->site;
    const struct mock_cas *best = NULL;
    int best_rank = -1;

    for (size_t i = 0; i < mx->cas_count; i++) {
        const char *stands = mock_cas_place(mx->cas[i])->site;
        int rank = !mock_cas_is_up(mx->cas[i]) ? 0 : !strcmp(stands, site) ? 3 : !*stands ? 2 : 1;

        if (rank > best_rank) {
            best = mx->cas[i];
            best_rank = rank;
        }
    }
    if (best)
        mock_cas_url_write(best, out);
}

struct mock_exchange *mock_exchange_new(struct net_loop *loop)
{
    struct mock_exchange *mx = gw_new(struct mock_exchange);
    struct mock_subs_args args = { .push = &mock_push_sender };

    mx->loop = loop;
    mx->started = net_loop_now(loop).utc;
    mx->org = mock_org_new();
    mx->push = mock_push_new(loop);
    args.push_ctx = mx->push;
    mx->subs = mock_subs_new(&args);
    mock_push_attach(mx->push, mx->subs, on_pushed, mx);
    mx->live = mock_live_new(loop);
    mock_org_observe(mx->org, on_change, mx);
    mx->journal = mock_journal_new();
    mx->service.record = mock_record_new();
    mock_push_set_record(mx->push, mx->service.record);
    mx->service.url_write = url_write;
    mx->service.url_ctx = mx;
    mx->auth = mock_auth_new(mx->org);
    mx->throttle = mock_throttle_new();
    mock_push_set_throttle(mx->push, mx->throttle);
    mx->lockout_min = 30;
    mx->token_min = 60;
    mx->service.org = mx->org;
    mx->service.subs = mx->subs;
    mx->service.places = mock_places_new();
    mock_service_defaults(&mx->service);
    mx->service.streams = mock_streams_new(&mx->service);
    mx->service.zones = mock_zones_new();
    mx->timer = net_timer_new(loop, on_timer, mx);
    mx->timer_at = GW_NEVER;
    return mx;
}

void mock_exchange_free(struct mock_exchange **mxp)
{
    struct mock_exchange *mx = *mxp;

    if (!mx)
        return;
    *mxp = NULL;
    net_http_server_free(&mx->control);
    mock_live_free(&mx->live);
    for (size_t i = 0; i < mx->cas_count; i++)
        mock_cas_free(&mx->cas[i]);
    net_timer_free(&mx->timer);
    mock_subs_free(&mx->subs);
    mock_streams_free(&mx->service.streams);
    mock_zones_free(&mx->service.zones);
    mock_push_free(&mx->push);
    mock_journal_free(&mx->journal);
    mock_places_free(&mx->service.places);
    mock_auth_free(&mx->auth);
    mock_throttle_free(&mx->throttle);
    mock_ca_free(&mx->ca);
    mock_org_free(&mx->org);
    mock_strict_done(&mx->service.strict);
    mock_record_free(&mx->service.record);
    gw_secret_free(&mx->cert_pem);
    gw_secret_free(&mx->key_pem);
    free(mx->control_address);
    free(mx);
}

enum gw_code mock_exchange_apply(struct mock_exchange *mx, struct gw_str text, struct gw_err *err)
{
    json_error_t where;
    json_t *json = mock_json_parse(text, &where);
    enum gw_code rc;

    if (!json)
        return gw_fail(err, GW_INVALID, "scenario, line %d: %s", where.line, where.text);
    rc = mock_scenario_apply(mx, json, net_loop_now(mx->loop), err);
    json_decref(json);
    mock_exchange_touch(mx);
    return rc;
}

struct mock_cas *mock_cas_find(const struct mock_exchange *mx, struct gw_str name)
{
    for (size_t i = 0; i < mx->cas_count; i++)
        if (gw_str_is(name, mock_cas_name(mx->cas[i])))
            return mx->cas[i];
    return NULL;
}

uint16_t mock_exchange_cas_port(const struct mock_exchange *mx, const char *cas)
{
    const struct mock_cas *found = mock_cas_find(mx, gw_str_of(cas));

    return found ? mock_cas_port(found) : 0;
}

uint16_t mock_exchange_control_port(const struct mock_exchange *mx)
{
    return mx->control ? net_http_server_port(mx->control) : 0;
}

void mock_exchange_ready_write(const struct mock_exchange *mx, struct gw_buf *out)
{
    bool v6 = mx->control_address && gw_str_find(gw_str_of(mx->control_address), ':') >= 0;

    gw_buf_add_cstr(out, "{\"ready\": true");
    if (mx->control)
        gw_buf_addf(out, ", \"control\": \"http://%s%s%s:%u\"", v6 ? "[" : "", mx->control_address,
                    v6 ? "]" : "", net_http_server_port(mx->control));
    gw_buf_add_cstr(out, ", \"cas\": [");
    for (size_t i = 0; i < mx->cas_count; i++) {
        json_t *name = json_string(mock_cas_name(mx->cas[i]));
        char *text = json_dumps(name, JSON_ENCODE_ANY);

        gw_buf_addf(out, "%s{\"name\": %s, \"url\": \"", i ? ", " : "", text);
        mock_cas_url_write(mx->cas[i], out);
        gw_buf_addf(out, "\", \"port\": %u}", mock_cas_port(mx->cas[i]));
        free(text);
        json_decref(name);
    }
    gw_buf_add_cstr(out, "]}");
}

struct mock_org *mock_exchange_org(struct mock_exchange *mx)
{
    return mx->org;
}

struct mock_subs *mock_exchange_subs(struct mock_exchange *mx)
{
    return mx->subs;
}

struct mock_journal *mock_exchange_journal(struct mock_exchange *mx)
{
    return mx->journal;
}
