/* The API's frame: table of resources, life of a request, errors. */
#include "admin_api.h"

#include <stdlib.h>
#include <string.h>

#include "admin_priv.h"
#include "dir.h"
#include "gw_buf.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "pres.h"

const struct admin_route admin_routes[] = {
    { "GET", "/v1", false, admin_index, "this list" },
    { "GET", "/v1/version", false, admin_version, "name and version" },
    { "GET", "/v1/status", false, admin_status, "numbers of everything, gateways, ports" },

    { "GET", "/v1/domains", false, admin_domains_list, "every domain, with its number of users" },
    { "POST", "/v1/domains", true, admin_domain_add, "adds one: name" },
    { "DELETE", "/v1/domains/{domain}", false, admin_domain_remove, "removes one without users" },

    { "GET", "/v1/gateways", false, admin_gateways_list,
      "every gateway to Exchange, with its state" },
    { "POST", "/v1/gateways", true, admin_gateway_add,
      "adds one: name, host, port, account, password, http, description" },
    { "POST", "/v1/discover", true, admin_discover,
      "asks Autodiscover for the server of a mailbox: address, and a server to ask first" },
    { "GET", "/v1/gateways/{gateway}", false, admin_gateway_get, "one of them" },
    { "PATCH", "/v1/gateways/{gateway}", true, admin_gateway_edit,
      "changes fields; account and password change on all gateways" },
    { "DELETE", "/v1/gateways/{gateway}", false, admin_gateway_remove, "removes it" },
    { "POST", "/v1/gateways/{gateway}/drain", false, admin_gateway_drain,
      "gives it no new users, and its own to the others, calmly" },
    { "POST", "/v1/gateways/{gateway}/undrain", false, admin_gateway_undrain,
      "gives it users again" },
    { "POST", "/v1/gateways/{gateway}/check", false, admin_gateway_check,
      "tries it step by step: a JSON line for each step" },
    { "POST", "/v1/check", false, admin_gateways_check, "tries all gateways at once, likewise" },

    { "GET", "/v1/users", false, admin_users_list,
      "users; query: filter (part of id, mail or name), where (an expression), limit, after (an "
      "id: "
      "the next page)" },
    { "POST", "/v1/users", true, admin_user_add,
      "adds one (object) or many (array): user, password, and the fields of a user" },
    { "GET", "/v1/users/{user}", false, admin_user_get, "one of them" },
    { "PATCH", "/v1/users/{user}", true, admin_user_edit,
      "changes fields: mail, name, sip, department, language, zone, group, im, calendar, "
      "hide_oof" },
    { "DELETE", "/v1/users/{user}", false, admin_user_remove, "removes it for good" },
    { "PUT", "/v1/users/{user}/password", true, admin_user_password, "sets it: password" },
    { "GET", "/v1/users/{user}/explain", false, admin_explain,
      "what presence shows, and why; query: at (a time), watcher (whose eyes)" },
    { "POST", "/v1/users/{user}/refresh", false, admin_user_refresh,
      "reads the calendar again now" },

    { "GET", "/v1/overrides", false, admin_overrides_list, "states that are set over calendars" },
    { "GET", "/v1/users/{user}/override", false, admin_override_get, "a user's" },
    { "PUT", "/v1/users/{user}/override", true, admin_override_set,
      "sets it: state, text, until (a time) or until_item_end; with neither until it is cleared" },
    { "DELETE", "/v1/users/{user}/override", false, admin_override_clear, "clears it" },
    { "GET", "/v1/users/{user}/privacy", false, admin_privacy_get,
      "what watchers may see of the calendar" },
    { "PUT", "/v1/users/{user}/privacy", true, admin_privacy_set,
      "sets it: who (own, federated, an address), level (nothing, busy, times, full, default)" },

    { "GET", "/v1/users/{user}/watchers", false, admin_watchers_list,
      "who watches or asks to, and what the user has decided" },
    { "PUT", "/v1/users/{user}/watchers/{who}", true, admin_decision_set,
      "decides in the user's name about an address or a domain: decision (allow, block, "
      "shut-out)" },
    { "DELETE", "/v1/users/{user}/watchers/{who}", false, admin_decision_forget, "takes it back" },
    { "GET", "/v1/requests", false, admin_requests_list,
      "requests to watch that nobody has answered; query: after (the 'next' of the page before)" },

    { "GET", "/v1/jobs", false, admin_jobs_list, "bulk jobs, newest first, with their progress" },
    { "GET", "/v1/jobs/sample", false, admin_job_sample,
      "the format of a file; query: type (insert, contacts, rename)" },
    { "POST", "/v1/jobs/insert", false, admin_job_file,
      "adds the users of a file; body: CSV, at most 64 MiB; query: at (a time)" },
    { "POST", "/v1/jobs/update", false, admin_job_file,
      "changes users as a file says, likewise; empty cells change nothing" },
    { "POST", "/v1/jobs/contacts", false, admin_job_file,
      "adds contacts to users' lists as a file says, likewise; query: at, dry_run (yes)" },
    { "POST", "/v1/jobs/rename", false, admin_job_file,
      "gives contacts another address in all lists as a file says, likewise" },
    { "POST", "/v1/jobs/set", true, admin_job_set,
      "changes all users that a filter hits: where, set (fields and values), at" },
    { "POST", "/v1/jobs/set/check", true, admin_job_set_check,
      "whether that could be ordered, and nothing else" },
    { "GET", "/v1/jobs/{job}", false, admin_job_get, "one of them" },
    { "GET", "/v1/jobs/{job}/result", false, admin_job_result,
      "what became of each row, page by page; query: first (next of the page before)" },
    { "POST", "/v1/jobs/{job}/cancel", false, admin_job_cancel,
      "ends it where it is; what it did stays" },
    { "POST", "/v1/jobs/{job}/undo", false, admin_job_undo,
      "takes back what it did, a job of its own; what was changed since stays" },

    { "GET", "/v1/audit", false, admin_audit_list,
      "who changed what, newest first; query: user or subject, since, limit, before (a number)" },

    { "GET", "/v1/parameters", false, admin_params_list, "every parameter: value, default, range" },
    { "GET", "/v1/parameters/{key}", false, admin_param_get, "one of them" },
    { "PUT", "/v1/parameters/{key}", true, admin_param_set, "sets it: value" },
    { "PUT", "/v1/log-level", true, admin_log_level_set,
      "until the next start: level, component (none: all)" },

    { "GET", "/v1/mapping", false, admin_mapping_list,
      "what calendars show as, row by row; query: for (everyone, domain:, group:, user:)" },
    { "PUT", "/v1/mapping/{row}", true, admin_mapping_set, "sets a row: value, for" },
    { "DELETE", "/v1/mapping/{row}", false, admin_mapping_reset,
      "as if it had never been set; query: for" },
    { "GET", "/v1/rules", false, admin_rules_list, "rules, in the order in which they are asked" },
    { "POST", "/v1/rules", true, admin_rule_add, "adds one: name, rule, for, before" },
    { "PATCH", "/v1/rules/{rule}", true, admin_rule_edit, "changes it: rule" },
    { "POST", "/v1/rules/{rule}/move", true, admin_rule_move,
      "before another one, or behind all: before" },
    { "DELETE", "/v1/rules/{rule}", false, admin_rule_remove, "removes it" },
    { "POST", "/v1/users/{user}/rule-test", true, admin_rule_test,
      "reads a day, and shows what rules would make of it: day, rules (none: those in force)" },
    { "GET", "/v1/texts", false, admin_texts_list, "the words of presence, by language" },
    { "PUT", "/v1/texts/{language}/{text}", true, admin_text_set, "sets one: text" },
    { "DELETE", "/v1/texts/{language}/{text}", false, admin_text_reset, "as it is built in" },

    { "GET", "/v1/federation", false, admin_federation_get,
      "servers of other domains: policy, exceptions, connections" },
    { "GET", "/v1/federation/{domain}", false, admin_federation_domain,
      "what holds for one domain, and why it cannot be reached" },
    { "PUT", "/v1/federation/exceptions/{domain}", true, admin_federation_except,
      "makes it an exception of the policy: direction (both, incoming, outgoing)" },
    { "DELETE", "/v1/federation/exceptions/{domain}", false, admin_federation_forget,
      "it is no exception any more" },

    { "GET", "/v1/federation-settings", false, admin_federation_settings,
      "what all nodes of the same domains should have alike" },
    { "PUT", "/v1/federation-secret", true, admin_federation_secret_set,
      "sets the secret of dialback keys: password" },
    { "DELETE", "/v1/federation-secret", false, admin_federation_secret_forget,
      "uses one of this node's own again" },

    { "GET", "/v1/mail-domains", false, admin_mail_domains_get,
      "e-mail addresses for federation: domains, and users whose address cannot be used" },
    { "PUT", "/v1/mail-domains/{domain}", false, admin_mail_domain_add,
      "adds one for users to come" },
    { "DELETE", "/v1/mail-domains/{domain}", false, admin_mail_domain_remove,
      "removes one that no user has an address in" },

    { "GET", "/v1/sip/sessions", false, admin_sip_sessions,
      "sessions of messages with SIP peers, as they are now" },
    { "GET", "/v1/sip/route/{address}", false, admin_sip_route,
      "where SIP requests to an address go, and which rule says so" },
    { "GET", "/v1/sip/trace", false, admin_sip_trace,
      "the newest SIP messages without their bodies; query: call_id" },

    { "GET", "/v1/sip/clients", false, admin_sip_clients,
      "SIP clients of users here that are registered; query: user" },

    { "GET", "/v1/watch", false, admin_watch_start,
      "presence changes as they happen, a JSON line each; query: user" },

    { "GET", "/v1/trust", false, admin_trust_stores, "stores of trusted certificates" },
    { "GET", "/v1/trust/{store}", false, admin_trust_list, "certificates trusted for a purpose" },
    { "POST", "/v1/trust/{store}", true, admin_trust_add,
      "trusts certificates: pem, or base64 of a PEM, DER or PKCS#7 file" },
    { "GET", "/v1/trust/{store}/{fingerprint}", false, admin_trust_show,
      "one of them, with DER in base64" },
    { "DELETE", "/v1/trust/{store}/{fingerprint}", false, admin_trust_remove,
      "trusts one no longer" },

    { "GET", "/v1/crls/{store}", false, admin_crl_list, "revocation lists of a store" },
    { "POST", "/v1/crls/{store}", true, admin_crl_add, "adds one: base64 of a PEM or DER file" },
    { "DELETE", "/v1/crls/{store}/{id}", false, admin_crl_remove, "removes one" },

    { "GET", "/v1/identities", false, admin_own_list, "our own certificates, by purpose" },
    { "GET", "/v1/identities/{name}", false, admin_own_show, "one of them, and its chain as PEM" },
    { "DELETE", "/v1/identities/{name}", false, admin_own_remove,
      "removes certificate and key; a fresh self-signed one takes their place" },
    { "GET", "/v1/identities/{name}/request", false, admin_own_request_show,
      "the request that waits for its certificate, as PEM" },
    { "POST", "/v1/identities/{name}/request", true, admin_own_request,
      "makes a key and a request: key, cn, organisation, unit, city, state, country, names, "
      "replace" },
    { "DELETE", "/v1/identities/{name}/request", false, admin_own_request_drop,
      "forgets the request and its key" },
    { "POST", "/v1/identities/{name}/self-signed", true, admin_own_self_sign,
      "makes a key and a self-signed certificate: as a request, and days" },
    { "POST", "/v1/identities/{name}/certificate", true, admin_own_install,
      "installs the signed certificate: pem, or base64 of a PEM, DER or PKCS#7 file" },
    { "POST", "/v1/identities/{name}/import", true, admin_own_import,
      "installs certificate and key: base64 of a PKCS#12 file, password" },
    { "POST", "/v1/identities/{name}/export", true, admin_own_export,
      "certificate and key as PKCS#12 in base64: password" },

    { "POST", "/v1/certificates/probe", true, admin_certificate_probe,
      "looks at a server's certificate: host, port, name, starttls, store, fetch_issuers" },
};

const size_t admin_routes_count = sizeof(admin_routes) / sizeof(admin_routes[0]);

/* --- a call's life */

/* Passwords came in the body: they do not stay in freed memory. */
static void wipe_passwords(json_t *json)
{
    json_t *text = json_object_get(json, "password");
    json_t *item;
    size_t i;

    if (json_is_string(text))
        gw_wipe((char *)json_string_value(text), json_string_length(text));
    json_array_foreach(json, i, item) wipe_passwords(item);
}

void admin_call_free(struct admin_call **callp)
{
    struct admin_call *call = *callp;

    *callp = NULL;
    gw_list_remove(&call->link);
    if (call->work_free)
        call->work_free(call->work);
    wipe_passwords(call->body);
    json_decref(call->body);
    json_decref(call->answer);
    admin_note_free(&call->note);
    free(call);
}

static void call_gone(void *ctx)
{
    struct admin_call *call = ctx;

    call->x = NULL;
}

static struct admin_call *call_new(struct admin_api *api, struct net_http_exchange *x)
{
    struct admin_call *call = gw_new(struct admin_call);

    call->api = api;
    call->x = x;
    gw_list_append(&api->calls, &call->link);
    net_http_on_gone(x, call_gone, call);
    return call;
}

void admin_reply(struct admin_call *call, int status, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    struct net_http_exchange *x = call->x;

    admin_note_end(call, status, json);
    if (x) {
        net_http_on_gone(x, NULL, NULL);
        net_http_reply(x, status, "application/json", gw_str_of(text));
    }
    free(text);
    json_decref(json);
    admin_call_free(&call);
}

json_t *admin_json_err(const struct gw_err *err)
{
    struct gw_str msg = gw_str_of(err->msg);
    size_t cut;

    /* A long message may have been cut in the middle of a character. */
    for (cut = 0; cut < 4 && msg.len > 0 && !gw_str_is_utf8(msg); cut++)
        msg.len--;
    if (!gw_str_is_utf8(msg))
        msg = GW_STR("refused");
    return json_pack("{s:s%, s:s}", "error", msg.p, msg.len, "code", gw_code_name(err->code));
}

void admin_reply_error(struct admin_call *call, const struct gw_err *err)
{
    int status = admin_http_status(err->code);

    if (call->writes > 0) /* of a part that was accepted: the call must stay for them */
        admin_reply_when_saved(call, status, admin_json_err(err));
    else
        admin_reply(call, status, admin_json_err(err));
}

static void reply_saved(struct admin_call *call)
{
    json_t *answer = call->answer;

    call->answer = NULL;
    if (call->failed.code) {
        json_decref(answer);
        gw_fail_prefix(&call->failed, "the change is in force, but could not be stored: ");
        admin_reply_error(call, &call->failed);
        return;
    }
    admin_reply(call, call->status, answer);
}

void admin_call_saved(const struct gw_err *result, void *ctx)
{
    struct admin_call *call = ctx;

    if (result->code)
        call->failed = *result;
    if (--call->writes == 0 && call->answer)
        reply_saved(call);
}

void admin_reply_when_saved(struct admin_call *call, int status, json_t *json)
{
    admin_note_end(call, status, json);
    call->status = status;
    call->answer = json;
    if (call->writes == 0)
        reply_saved(call);
}

void admin_reply_change(struct admin_call *call, enum gw_code rc, const struct gw_err *err,
                        int status, json_t *json)
{
    if (rc) {
        json_decref(json);
        admin_reply_error(call, err);
        return;
    }
    call->writes++;
    admin_reply_when_saved(call, status, json);
}

struct gw_now admin_now(const struct admin_call *call)
{
    return net_loop_now(call->api->args.loop);
}

/* --- from request to handler */

static const struct admin_route *route_find(struct gw_str method, struct gw_str path,
                                            struct gw_str args[ADMIN_PATH_ARGS],
                                            struct gw_buf *allowed)
{
    size_t i;

    for (i = 0; i < admin_routes_count; i++) {
        if (!admin_path_match(admin_routes[i].path, path, args))
            continue;
        if (gw_str_is(method, admin_routes[i].method))
            return &admin_routes[i];
        gw_buf_addf(allowed, "%s%s", allowed->len ? ", " : "", admin_routes[i].method);
    }
    return NULL;
}

static void refuse_route(struct admin_call *call, const struct gw_buf *allowed)
{
    if (allowed->len > 0) {
        net_http_reply_header(call->x, "Allow", allowed->p);
        admin_reply(call, 405,
                    json_pack("{s:s+, s:s}", "error", "this resource only knows ", allowed->p,
                              "code", "invalid"));
        return;
    }
    admin_reply(call, 404,
                json_pack("{s:s, s:s}", "error",
                          "there is no such resource; GET /v1 lists them all", "code", "notfound"));
}

/* A browser shows an administrator's certificate for any page that asks it to: what such a page sends
 * says where it is from. */
static bool is_of_a_page(const struct net_http_exchange *x)
{
    return net_http_header(x, "Origin").p != NULL;
}

static void refuse_page(struct admin_call *call)
{
    admin_reply(call, 403,
                json_pack("{s:s, s:s}", "error", "the API is not for pages of other sites", "code",
                          "denied"));
}

static enum gw_code read_body(struct admin_call *call, const struct admin_route *route,
                              struct gw_err *err)
{
    struct gw_str body = net_http_body(call->x);

    if (!route->body)
        return GW_OK;
    return admin_body_parse(body, &call->body, err);
}

static void on_request(struct net_http_exchange *x, void *ctx)
{
    struct admin_api *api = ctx;
    struct admin_call *call = call_new(api, x);
    const struct admin_route *route;
    struct gw_buf allowed;
    struct gw_err err;

    gw_buf_init(&allowed, 200);
    route = route_find(net_http_method(x), net_http_path(x), call->arg, &allowed);
    if (is_of_a_page(x))
        refuse_page(call);
    else if (!route)
        refuse_route(call, &allowed);
    else if (read_body(call, route, &err))
        admin_reply_error(call, &err);
    else {
        admin_note_begin(call, route);
        admin_act(call);
        route->handler(call);
        admin_act_end(api);
    }
    gw_buf_done(&allowed);
}

void admin_stream_line(struct net_http_exchange *x, json_t *json)
{
    (void)admin_stream_try(x, json); /* a check has a dozen lines */
}

enum gw_code admin_stream_try(struct net_http_exchange *x, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    struct gw_buf line;
    enum gw_code rc;

    json_decref(json);
    gw_buf_init(&line, ADMIN_LINE_MAX);
    gw_buf_addf(&line, "%s\n", text);
    rc = line.failed ? GW_LIMIT : net_http_stream_write(x, gw_buf_str(&line));
    gw_buf_done(&line);
    free(text);
    return rc;
}

/* --- values as JSON */

json_t *admin_json_str(struct gw_str s)
{
    return s.p && gw_str_is_utf8(s) ? json_stringn(s.p, s.len) : json_null();
}

json_t *admin_json_cstr(const char *cstr)
{
    return cstr ? admin_json_str(gw_str_of(cstr)) : json_null();
}

json_t *admin_json_base64(struct gw_str bytes)
{
    struct gw_buf text;
    json_t *json;

    gw_buf_init(&text, 2 * bytes.len + 8);
    gw_base64_write(bytes, &text);
    json = json_stringn(text.p ? text.p : "", text.len);
    gw_buf_done(&text);
    return json;
}

json_t *admin_json_utc(gw_utc t)
{
    char text[GW_UTC_TEXT_MAX];

    return t == 0 || t == GW_NEVER ? json_null() : json_string(gw_utc_text(t, text));
}

static enum gw_code only_domain(const struct admin_api *api, struct gw_str *out, struct gw_err *err)
{
    struct dir_domain domain;
    size_t pos = 0;

    switch (dir_domain_count(api->args.dir)) {
    case 0:
        return gw_fail(err, GW_INVALID, "there is no domain yet: add one first");
    case 1:
        (void)dir_domain_next(api->args.dir, &pos, &domain);
        *out = domain.name;
        return GW_OK;
    default:
        return gw_fail(err, GW_INVALID,
                       "there are several domains: name the user in full, as id@domain");
    }
}

enum gw_code admin_user_jid(const struct admin_api *api, struct gw_str text, struct gw_buf *out,
                            struct gw_err *err)
{
    struct gw_str domain = { NULL, 0 };
    struct gw_buf full;
    enum gw_code rc;

    if (gw_str_find(text, '@') >= 0)
        return dir_jid_normalise(text, out, err);
    rc = only_domain(api, &domain, err);
    if (rc)
        return rc;
    gw_buf_init(&full, text.len + 1 + domain.len);
    gw_buf_addf(&full, "%.*s@%.*s", GW_STR_ARG(text), GW_STR_ARG(domain));
    rc = dir_jid_normalise(gw_buf_str(&full), out, err);
    gw_buf_done(&full);
    return rc;
}

/* --- the API's life */

static struct net_http_server_args server_args(struct admin_api *api)
{
    return (struct net_http_server_args){ .body_max = ADMIN_BODY_MAX,
                                          .connections_max = 200,
                                          .idle_s = 300,
                                          .handler = on_request,
                                          .piece = admin_job_piece,
                                          .ctx = api };
}

enum gw_code admin_api_new(const struct admin_api_args *args, struct admin_api **out,
                           struct gw_err *err)
{
    struct admin_api *api = gw_new(struct admin_api);
    struct net_http_server_args server = server_args(api);
    enum gw_code rc;
    size_t i;

    api->args = *args;
    api->params = gw_realloc(NULL, args->params_count + 1, sizeof(*api->params));
    for (i = 0; i < args->params_count; i++)
        api->params[i] = args->params[i];
    api->args.params = api->params;
    api->started = net_loop_now(args->loop).utc;
    gw_list_init(&api->calls);
    admin_watch_init(api);
    server.unix_path = args->socket_path;
    server.unix_mode = 0660;
    rc = net_http_server_new(args->loop, &server, &api->server, err);
    if (rc) {
        admin_api_free(&api);
        return rc;
    }
    *out = api;
    return GW_OK;
}

enum gw_code admin_api_https_open(struct admin_api *api, const struct admin_https *https,
                                  struct gw_err *err)
{
    struct net_http_server_args args = server_args(api);
    struct net_http_server *server = NULL;
    enum gw_code rc;

    args.address = https->address;
    args.port = https->port;
    args.tls = https->tls;
    args.admit = https->admit;
    args.admit_ctx = https->admit_ctx;
    args.connections_per_ip_max = 50;
    rc = net_http_server_new(api->args.loop, &args, &server, err);
    if (rc)
        return rc;
    admin_api_https_close(api);
    api->https = server;
    return GW_OK;
}

void admin_api_https_readmit(struct admin_api *api)
{
    net_http_server_readmit(api->https);
}

void admin_api_https_close(struct admin_api *api)
{
    net_http_server_free(&api->https);
}

uint16_t admin_api_https_port(const struct admin_api *api)
{
    return api->https ? net_http_server_port(api->https) : 0;
}

void admin_api_stop(struct admin_api *api)
{
    admin_watch_stop(api);
    net_http_server_free(&api->server);
    net_http_server_free(&api->https);
}

void admin_api_free(struct admin_api **apip)
{
    struct admin_api *api = *apip;

    if (!api)
        return;
    *apip = NULL;
    admin_api_stop(api);
    while (!gw_list_is_empty(&api->calls)) {
        struct admin_call *call = GW_CONTAINER(api->calls.next, struct admin_call, link);

        admin_call_free(&call);
    }
    free(api->params);
    free(api);
}
