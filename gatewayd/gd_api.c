/* What the API room is given: the daemon's own things, behind the functions of struct admin_host. */
#include <jansson.h>
#include <stdlib.h>
#include <sys/un.h>

#include "cert_expiry.h"
#include "gd.h"
#include "gd_check.h"
#include "gd_discover.h"
#include "gd_federation.h"
#include "gd_gateways.h"
#include "gd_mail.h"
#include "gd_notify.h"
#include "gd_people.h"
#include "gd_rule_test.h"
#include "gd_starttls.h"
#include "gw_log.h"

static void host_gateways(admin_gateway_fn *each, void *each_ctx, void *ctx)
{
    const struct gd *gd = ctx;

    gd_gateways_each(gd->gateways, each, each_ctx);
}

static enum gw_code host_discover(struct gw_str address, struct gw_str server,
                                  admin_discover_fn *found, void *found_ctx,
                                  struct admin_discover **out, struct gw_err *err, void *ctx)
{
    return gd_discover_start(ctx, address, server, found, found_ctx, out, err);
}

static void host_discover_cancel(struct admin_discover *d, void *ctx)
{
    (void)ctx;
    gd_discover_cancel(d);
}

static enum gw_code host_gateway_add(struct gw_str name, const struct admin_gateway_edit *edit,
                                     store_done_fn *done, void *done_ctx, struct gw_err *err,
                                     void *ctx)
{
    return gd_gateway_add(ctx, name, edit, done, done_ctx, err);
}

static enum gw_code host_gateway_edit(struct gw_str name, const struct admin_gateway_edit *edit,
                                      store_done_fn *done, void *done_ctx, struct gw_err *err,
                                      void *ctx)
{
    return gd_gateway_edit(ctx, name, edit, done, done_ctx, err);
}

static enum gw_code host_gateway_remove(struct gw_str name, store_done_fn *done, void *done_ctx,
                                        struct gw_err *err, void *ctx)
{
    return gd_gateway_remove(ctx, name, done, done_ctx, err);
}

static enum gw_code host_gateway_drain(struct gw_str name, bool drained, store_done_fn *done,
                                       void *done_ctx, struct gw_err *err, void *ctx)
{
    return gd_gateway_drain(ctx, name, drained, done, done_ctx, err);
}

static struct admin_check *host_check(struct gw_str name, admin_check_step_fn *step,
                                      admin_check_done_fn *done, void *done_ctx, void *ctx)
{
    return gd_check_start(ctx, name, step, done, done_ctx);
}

static void host_check_cancel(struct admin_check *check, void *ctx)
{
    (void)ctx;
    gd_check_cancel(check);
}

static enum gw_code host_param_set(struct gw_str key, struct gw_str value, store_done_fn *done,
                                   void *done_ctx, struct gw_err *err, void *ctx)
{
    return gd_param_set(ctx, key, value, done, done_ctx, err);
}

static enum gw_code host_mapping_set(struct gw_str scope, struct gw_str key,
                                     const struct gw_str *value, store_done_fn *done,
                                     void *done_ctx, struct gw_err *err, void *ctx)
{
    return gd_mapping_set(ctx, scope, key, value, done, done_ctx, err);
}

static enum gw_code host_rule_change(const struct admin_rule_change *change, store_done_fn *done,
                                     void *done_ctx, struct gw_err *err, void *ctx)
{
    return gd_rule_change(ctx, change, done, done_ctx, err);
}

static enum gw_code host_text_set(struct gw_str language, struct gw_str text,
                                  const struct gw_str *pattern, store_done_fn *done, void *done_ctx,
                                  struct gw_err *err, void *ctx)
{
    return gd_text_set(ctx, language, text, pattern, done, done_ctx, err);
}

static enum gw_code host_rule_test(const struct admin_rule_test_args *args,
                                   admin_rule_tested_fn *done, void *done_ctx,
                                   struct admin_rule_test **out, struct gw_err *err, void *ctx)
{
    return gd_rule_test_start(ctx, args, done, done_ctx, out, err);
}

static void host_rule_test_cancel(struct admin_rule_test *test, void *ctx)
{
    (void)ctx;
    gd_rule_test_cancel(test);
}

static bool host_calendar(struct gw_str user, gw_utc at, struct pres_calendar *told,
                          struct bridge_look *why, void *ctx)
{
    return gd_person_calendar(ctx, user, at, told, why);
}

/* What a log line of the daemon begins with. */
static const char *const log_components[] = {
    "admin",      "cert",        "dir",     "ews",     "federation", "gatewayd",
    "net",        "pres",        "sched",   "sip",     "sip.acl",    "sip.message",
    "sip.method", "sip.routing", "sip.tcp", "sip.tls", "store",      "xmpp",
};

static const char *log_component_find(struct gw_str name)
{
    for (size_t i = 0; i < sizeof(log_components) / sizeof(log_components[0]); i++) {
        if (gw_str_is(name, log_components[i]))
            return log_components[i];
    }
    return NULL;
}

static enum gw_code log_component_unknown(struct gw_str name, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    struct gw_buf all;

    gw_buf_init(&all, 400);
    for (size_t i = 0; i < sizeof(log_components) / sizeof(log_components[0]); i++)
        gw_buf_addf(&all, "%s%s", i ? ", " : "", log_components[i]);
    gw_fail(err, GW_INVALID, "there is no component %s; there are %.*s",
            gw_quote(gw_str_utf8_cut(name, 24), quoted), GW_STR_ARG(gw_buf_str(&all)));
    gw_buf_done(&all);
    return GW_INVALID;
}

/* component empty: all. */
static enum gw_code host_log_level_set(struct gw_str component, struct gw_str level,
                                       struct gw_err *err, void *ctx)
{
    const char *name = log_component_find(component);
    enum gw_log_level parsed;

    (void)ctx;
    if (!gw_log_level_parse(level, &parsed))
        return gw_fail(err, GW_INVALID, "a log level is off, error, warn, info or debug");
    if (component.len && !name)
        return log_component_unknown(component, err);
    (void)gw_log_set_level(name, parsed); /* there is room for all of them */
    return GW_OK;
}

/* What clients are shown: who has to trust it can compare. */
static json_t *certificate_json(const struct cert_info *info)
{
    json_t *names = json_array();
    char until[GW_UTC_TEXT_MAX];

    for (size_t i = 0; info->names && info->names[i]; i++)
        json_array_append_new(names, json_string(info->names[i]));
    return json_pack("{s:s, s:o, s:s, s:s}", "subject", info->subject, "names", names, "not_after",
                     gw_utc_text(info->not_after, until), "fingerprint", info->fingerprint);
}

static json_t *xmpp_json(const struct gd *gd)
{
    struct xmpp_counters c;

    xmpp_server_counters(gd->xmpp, &c);
    return json_pack("{s:s, s:i, s:I, s:I, s:I, s:I}", "address", gd->config.xmpp_listen, "port",
                     (int)gd->xmpp_port, "connections", (json_int_t)c.connections, "sessions",
                     (json_int_t)c.sessions, "logins", (json_int_t)c.logins, "logins_failed",
                     (json_int_t)c.logins_failed);
}

static json_t *notifications_json(const struct gd *gd)
{
    struct ews_listener_stats stats;
    struct gw_buf url;
    json_t *json;

    gd_notify_stats(gd->notify, &stats);
    gw_buf_init(&url, EWS_URL_MAX);
    gd_notify_url(gd->notify, &url);
    json = json_pack("{s:s%, s:i, s:I, s:I, s:I}", "url", url.p, url.len, "port",
                     (int)gd_notify_port(gd->notify), "received", (json_int_t)stats.notifications,
                     "unsubscribed", (json_int_t)stats.unsubscribed, "refused",
                     (json_int_t)stats.refused);
    gw_buf_done(&url);
    return json;
}

/* "own 'cup' (CN=...)": "until 2026-12-01T00:00:00Z" */
static void expiry_add(const struct cert_expiry *e, void *ctx)
{
    char until[GW_UTC_TEXT_MAX];
    struct gw_buf name;

    gw_buf_init(&name, 1024);
    gw_buf_addf(&name, "%s %s", e->kind, e->where);
    gw_buf_addf(&name, "%s(%s)", *e->where ? " " : "", e->subject);
    if (!name.failed)
        json_object_set_new(ctx, name.p, json_string(gw_utc_text(e->not_after, until)));
    gw_buf_done(&name);
}

static json_t *expiring_json(const struct gd *gd)
{
    json_t *json = json_object();

    cert_expiry_each(gd->certs, net_loop_now(gd->loop).utc, expiry_add, json);
    return json;
}

static void host_status(json_t *into, void *ctx)
{
    const struct gd *gd = ctx;

    json_object_set_new(into, "data", json_string(gd->config.data));
    json_object_set_new(into, "xmpp", xmpp_json(gd));
    json_object_set_new(into, "sip", gd_sip_json(gd));
    json_object_set_new(into, "certificate",
                        certificate_json(cert_identity_info(gd->identity[GD_IDENTITY_XMPP])));
    json_object_set_new(into, "expiring", expiring_json(gd));
    json_object_set_new(into, "notifications", notifications_json(gd));
}

static void host_identity_names(const char *identity,
                                void (*each)(struct gw_str name, void *each_ctx), void *each_ctx,
                                void *ctx)
{
    gd_identity_names(ctx, identity, each, each_ctx);
}

static void host_federation(json_t *into, void *ctx)
{
    gd_federation_json(ctx, into);
}

static void host_federation_settings(json_t *into, void *ctx)
{
    gd_federation_settings_json(ctx, into);
}

static enum gw_code host_federation_why(struct gw_str domain, json_t *into, struct gw_err *err,
                                        void *ctx)
{
    return gd_federation_why(ctx, domain, into, err);
}

static enum gw_code host_federation_except(struct gw_str domain, struct gw_str direction,
                                           store_done_fn *done, void *done_ctx, struct gw_err *err,
                                           void *ctx)
{
    return gd_federation_except(ctx, domain, direction, done, done_ctx, err);
}

static enum gw_code host_federation_forget(struct gw_str domain, store_done_fn *done,
                                           void *done_ctx, struct gw_err *err, void *ctx)
{
    return gd_federation_forget(ctx, domain, done, done_ctx, err);
}

static void host_mail_domains(json_t *into, void *ctx)
{
    gd_mail_json(ctx, into);
}

static enum gw_code host_mail_domain_set(struct gw_str domain, bool there, store_done_fn *done,
                                         void *done_ctx, struct gw_err *err, void *ctx)
{
    return gd_mail_domain_set(ctx, domain, there, done, done_ctx, err);
}

static enum gw_code host_federation_secret(const struct gw_str *secret, store_done_fn *done,
                                           void *done_ctx, struct gw_err *err, void *ctx)
{
    return secret ? gd_federation_secret_set(ctx, *secret, done, done_ctx, err)
                  : gd_federation_secret_forget(ctx, done, done_ctx, err);
}

static json_t *host_sip_sessions(void *ctx)
{
    return gd_sip_sessions(ctx);
}

static enum gw_code host_sip_route(struct gw_str address, json_t **answer,
                                   admin_sip_route_fn *found, void *found_ctx,
                                   struct admin_sip_route **out, struct gw_err *err, void *ctx)
{
    return gd_sip_route(ctx, address, answer, found, found_ctx, out, err);
}

static void host_sip_clients(struct gw_str user, json_t *into, void *ctx)
{
    gd_sip_clients(ctx, user, into);
}

static void host_sip_route_cancel(struct admin_sip_route *r, void *ctx)
{
    (void)ctx;
    gd_sip_route_cancel(r);
}

static json_t *host_sip_trace(struct gw_str call_id, void *ctx)
{
    return gd_sip_trace(ctx, call_id);
}

static void host_trust_changed(void *ctx)
{
    struct gd *gd = ctx;

    gd_gateways_trust_changed(gd);
    sip_server_peers_judge(gd->sip);
}

/* Said here, where it is known what decides the length of the path. */
static enum gw_code socket_path(const struct gd *gd, struct gw_buf *out, struct gw_err *err)
{
    const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

    gw_buf_addf(out, "%s/%s", gd->config.data, GD_SOCKET);
    if (out->failed || out->len > max)
        return gw_fail(err, GW_INVALID,
                       "the path of the control socket, DATA/" GD_SOCKET ", must not be longer "
                       "than %zu bytes: choose a data directory with a shorter path",
                       max);
    return GW_OK;
}

enum gw_code gd_api_start(struct gd *gd, struct gw_err *err)
{
    struct admin_params params[GD_PARAM_TABLES];
    struct gw_buf path;
    enum gw_code rc;

    gd->host = (struct admin_host){
        .gateways = host_gateways,
        .gateway_add = host_gateway_add,
        .gateway_edit = host_gateway_edit,
        .gateway_remove = host_gateway_remove,
        .gateway_drain = host_gateway_drain,
        .discover = host_discover,
        .discover_cancel = host_discover_cancel,
        .gateway_check = host_check,
        .gateway_check_cancel = host_check_cancel,
        .param_set = host_param_set,
        .log_level_set = host_log_level_set,
        .mapping_set = host_mapping_set,
        .rule_change = host_rule_change,
        .text_set = host_text_set,
        .rule_test = host_rule_test,
        .rule_test_cancel = host_rule_test_cancel,
        .calendar = host_calendar,
        .status = host_status,
        .federation = host_federation,
        .federation_settings = host_federation_settings,
        .federation_why = host_federation_why,
        .federation_except = host_federation_except,
        .federation_forget = host_federation_forget,
        .federation_secret = host_federation_secret,
        .mail_domains = host_mail_domains,
        .mail_domain_set = host_mail_domain_set,
        .sip_sessions = host_sip_sessions,
        .sip_route = host_sip_route,
        .sip_route_cancel = host_sip_route_cancel,
        .sip_trace = host_sip_trace,
        .sip_clients = host_sip_clients,
        .trust_changed = host_trust_changed,
        .identity_names = host_identity_names,
        .starttls_client = &gd_starttls_client,
        .starttls_server = &gd_starttls_server,
        .ctx = gd,
    };
    gd_params_tables(gd, params);
    gw_buf_init(&path, GD_PATH_MAX);
    rc = socket_path(gd, &path, err);
    if (rc)
        goto out;
    rc = admin_api_new(
        &(struct admin_api_args){
            .loop = gd->loop,
            .pool = gd->pool,
            .socket_path = path.p,
            .dir = gd->dir,
            .jobs = gd->jobs,
            .audit = gd->audit,
            .certs = gd->certs,
            .sched = gd->sched,
            .core = gd->core,
            .book = gd->book,
            .texts = gd->texts,
            .params = params,
            .params_count = GD_PARAM_TABLES,
            .host = &gd->host,
        },
        &gd->api, err);
out:
    gw_buf_done(&path);
    return rc;
}
