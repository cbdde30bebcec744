/* Who asks, and the audit trail: every request that may change something, and was granted, leaves an
 * entry, unless it is known to change nothing or the directory tells of it itself. So a resource that
 * is new here is not forgotten; a row of the table gives it a better name, and before and after. */
#include "dir_audit.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_priv.h"
#include "admin_users.h"
#include "gw_bytes.h"
#include "gw_mem.h"

enum {
    TEXT_SHOWN_MAX = 200, /* of a body's text; a longer one is a file or the like */
    READ_DEFAULT = 50,
    READ_MAX = 1000
};

/* --- who */

/* As the machine's own file has it. A directory service may take its time, and is not asked. */
static bool user_name(unsigned uid, char *out, size_t len)
{
    FILE *f = fopen("/etc/passwd", "re");
    const struct passwd *p = NULL;

    while (f && (p = fgetpwent(f)) && p->pw_uid != uid)
        ;
    if (p)
        snprintf(out, len, "%s", p->pw_name);
    if (f)
        (void)fclose(f);
    return p && gw_str_is_utf8(gw_str_of(out));
}

void admin_by(const struct net_http_exchange *x, char out[ADMIN_BY_MAX])
{
    struct gw_str cn = net_http_peer_cn(x);
    char name[64];
    unsigned uid;

    if (cn.len)
        snprintf(out, ADMIN_BY_MAX, "certificate %.*s", GW_STR_ARG(cn));
    else if (!net_http_peer_uid(x, &uid))
        snprintf(out, ADMIN_BY_MAX, "somebody");
    else if (user_name(uid, name, sizeof(name)))
        snprintf(out, ADMIN_BY_MAX, "uid %u (%s)", uid, name);
    else
        snprintf(out, ADMIN_BY_MAX, "uid %u", uid);
}

void admin_act(struct admin_call *call)
{
    dir_act(call->api->args.dir, gw_str_of(call->by), admin_now(call).utc);
}

void admin_act_end(struct admin_api *api)
{
    dir_act(api->args.dir, GW_STR(""), 0);
}

/* --- what */

struct rule {
    const char *method, *path;
    const char *what; /* NULL: not a change, or told by the directory */
    json_t *(*show)(const struct admin_call *call); /* what changes, without secrets */
};

static const struct rule rules[] = {
    { "POST", "/v1/users", NULL, NULL },
    { "PATCH", "/v1/users/{user}", NULL, NULL },
    { "DELETE", "/v1/users/{user}", NULL, NULL },
    { "PUT", "/v1/users/{user}/password", NULL, NULL },
    { "POST", "/v1/users/{user}/refresh", NULL, NULL },
    { "POST", "/v1/users/{user}/rule-test", NULL, NULL },
    { "POST", "/v1/discover", NULL, NULL },
    { "POST", "/v1/check", NULL, NULL },
    { "POST", "/v1/gateways/{gateway}/check", NULL, NULL },
    { "POST", "/v1/certificates/probe", NULL, NULL },
    { "POST", "/v1/domains", "domain added", NULL },
    { "DELETE", "/v1/domains/{domain}", "domain removed", NULL },
    { "POST", "/v1/gateways", "gateway added", NULL },
    { "PATCH", "/v1/gateways/{gateway}", "gateway changed", admin_gateway_show },
    { "DELETE", "/v1/gateways/{gateway}", "gateway removed", admin_gateway_show },
    { "POST", "/v1/gateways/{gateway}/drain", "gateway drained", NULL },
    { "POST", "/v1/gateways/{gateway}/undrain", "gateway undrained", NULL },
    { "PUT", "/v1/parameters/{key}", "parameter set", admin_param_show },
    { "PUT", "/v1/log-level", "log level set", NULL },
    { "PUT", "/v1/mapping/{row}", "mapping set", NULL },
    { "DELETE", "/v1/mapping/{row}", "mapping reset", NULL },
    { "POST", "/v1/rules", "rule added", NULL },
    { "PATCH", "/v1/rules/{rule}", "rule changed", NULL },
    { "POST", "/v1/rules/{rule}/move", "rule moved", NULL },
    { "DELETE", "/v1/rules/{rule}", "rule removed", NULL },
    { "PUT", "/v1/texts/{language}/{text}", "text set", NULL },
    { "DELETE", "/v1/texts/{language}/{text}", "text reset", NULL },
    { "POST", "/v1/trust/{store}", "certificate trusted", NULL },
    { "DELETE", "/v1/trust/{store}/{fingerprint}", "certificate trusted no longer", NULL },
    { "POST", "/v1/crls/{store}", "revocation list added", NULL },
    { "DELETE", "/v1/crls/{store}/{id}", "revocation list removed", NULL },
    { "DELETE", "/v1/identities/{name}", "own certificate removed", NULL },
    { "POST", "/v1/identities/{name}/request", "own certificate requested", NULL },
    { "DELETE", "/v1/identities/{name}/request", "own certificate's request dropped", NULL },
    { "POST", "/v1/identities/{name}/self-signed", "own certificate made", NULL },
    { "POST", "/v1/identities/{name}/certificate", "own certificate installed", NULL },
    { "POST", "/v1/identities/{name}/import", "own certificate imported", NULL },
    { "POST", "/v1/identities/{name}/export", "own certificate exported", NULL },
    { "PUT", "/v1/federation/exceptions/{domain}", "federation exception set", NULL },
    { "DELETE", "/v1/federation/exceptions/{domain}", "federation exception removed", NULL },
    { "PUT", "/v1/users/{user}/override", "override set", NULL },
    { "DELETE", "/v1/users/{user}/override", "override cleared", NULL },
    { "PUT", "/v1/users/{user}/privacy", "privacy set", NULL },
    { "POST", "/v1/jobs/insert", "job ordered", NULL },
    { "POST", "/v1/jobs/update", "job ordered", NULL },
    { "POST", "/v1/jobs/set", "job ordered", NULL },
    { "POST", "/v1/jobs/set/check", NULL, NULL },
    { "POST", "/v1/jobs/{job}/undo", "job ordered", NULL },
    { "POST", "/v1/jobs/{job}/cancel", "job cancelled", NULL },
};

struct admin_note {
    const struct rule *rule; /* NULL: only the request is known */
    char *what, *subject;
    json_t *request, *before; /* may be NULL */
};

static const struct rule *rule_find(const struct admin_route *route)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (!strcmp(rules[i].method, route->method) && !strcmp(rules[i].path, route->path))
            return &rules[i];
    return NULL;
}

static bool is_secret(const char *name)
{
    static const char *const words[] = { "pass", "secret", "token", "private", "pkcs12", "pfx" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasestr(name, words[i]))
            return true;
    return false;
}

/* A body without its secrets, and without the files in it. */
static json_t *harmless(const json_t *json)
{
    json_t *copy, *value;
    const char *name;
    size_t i;

    switch (json_typeof(json)) {
    case JSON_OBJECT:
        copy = json_object();
        json_object_foreach((json_t *)json, name, value) json_object_set_new(
            copy, name, is_secret(name) ? json_string("(not shown)") : harmless(value));
        return copy;
    case JSON_ARRAY:
        copy = json_array();
        json_array_foreach(json, i, value) json_array_append_new(copy, harmless(value));
        return copy;
    case JSON_STRING:
        return json_string_length(json) > TEXT_SHOWN_MAX
                   ? json_sprintf("(%zu bytes)", json_string_length(json))
                   : json_incref((json_t *)json);
    default:
        return json_incref((json_t *)json);
    }
}

/* What the path names, a user by the whole JID; for a new thing, what the body calls it. */
static char *subject_of(const struct admin_call *call, const struct admin_route *route)
{
    const json_t *name = json_object_get(call->body, "name");
    struct gw_buf text;

    gw_buf_init(&text, ADMIN_JID_BUF);
    if (gw_str_starts(gw_str_of(route->path), "/v1/users/{user}") &&
        !admin_user_jid(call->api, call->arg[0], &text, NULL))
        return gw_buf_take(&text);
    gw_buf_reset(&text);
    for (int i = 0; i < ADMIN_PATH_ARGS; i++)
        if (call->arg[i].p)
            gw_buf_addf(&text, "%s%.*s", i ? " " : "", GW_STR_ARG(call->arg[i]));
    if (!text.len && json_is_string(name))
        gw_buf_add(&text, json_string_value(name), json_string_length(name));
    gw_buf_add_cstr(&text, "");
    return gw_buf_take(&text);
}

void admin_note_begin(struct admin_call *call, const struct admin_route *route)
{
    const struct rule *rule = rule_find(route);
    struct admin_note *note;
    struct gw_buf what;

    if (!strcmp(route->method, "GET"))
        return;
    admin_by(call->x, call->by);
    if (rule && !rule->what)
        return;
    note = gw_new(struct admin_note);
    gw_buf_init(&what, 256);
    gw_buf_addf(&what, "%s %s", route->method, route->path);
    note->rule = rule;
    note->what = rule ? gw_str_dup(gw_str_of(rule->what)) : gw_buf_take(&what);
    gw_buf_done(&what);
    note->subject = subject_of(call, route);
    note->request = call->body ? harmless(call->body) : NULL;
    note->before = rule && rule->show ? rule->show(call) : NULL;
    call->note = note;
}

void admin_note_free(struct admin_note **notep)
{
    struct admin_note *note = *notep;

    if (!note)
        return;
    *notep = NULL;
    free(note->what);
    free(note->subject);
    json_decref(note->request);
    json_decref(note->before);
    free(note);
}

static json_t *diff(const json_t *before, const json_t *after)
{
    json_t *pairs = json_object(), *value;
    const char *name;

    json_object_foreach((json_t *)before, name, value)
    {
        const json_t *now = json_object_get(after, name);

        if (!json_equal(value, now))
            json_object_set_new(pairs, name, json_pack("[O, O?]", value, now)); /* null: is gone */
    }
    return pairs;
}

static json_t *details_of(const struct admin_call *call, const struct admin_note *note)
{
    json_t *details = json_object(), *after;

    if (note->before && call->x) { /* the path is the exchange's */
        after = note->rule->show(call);
        json_object_set_new(details, "changed", diff(note->before, after));
        json_decref(after);
    }
    json_object_set(details, "request", note->request);
    return details;
}

void admin_note_end(struct admin_call *call, int status, const json_t *answer)
{
    struct admin_note *note = call->note;
    const json_t *job = json_object_get(answer, "job");
    json_t *details;
    char job_text[32];

    if (!note)
        return;
    call->note = NULL;
    if (status >= 200 && status < 300) {
        details = details_of(call, note);
        snprintf(job_text, sizeof(job_text), "job %lld", (long long)json_integer_value(job));
        if (job)
            json_object_set(details, "type", json_object_get(answer, "type"));
        dir_audit_add(call->api->args.audit,
                      &(struct dir_audit_entry){ .at = admin_now(call).utc,
                                                 .by = call->by,
                                                 .what = note->what,
                                                 .subject = job ? job_text : note->subject,
                                                 .details = details });
        json_decref(details);
    }
    admin_note_free(&note);
}

/* --- /v1/audit */

struct audit_page {
    struct admin_call *call;
    json_t *entries;
    gw_utc since;
    size_t limit, seen;
    bool over; /* what comes now is older than was asked for */
};

static void page_free(void *p)
{
    struct audit_page *page = p;

    json_decref(page->entries);
    free(page);
}

static void page_add(const struct dir_audit_entry *e, void *ctx)
{
    struct audit_page *page = ctx;
    json_t *json;

    page->seen++;
    page->over |= e->at < page->since;
    if (page->over)
        return;
    json = json_pack("{s:I, s:o, s:s, s:s, s:s}", "number", (json_int_t)e->number, "at",
                     admin_json_utc(e->at), "by", e->by, "what", e->what, "subject", e->subject);
    if (e->details)
        json_object_update(json, (json_t *)e->details);
    json_array_append_new(page->entries, json);
}

static void page_done(const struct gw_err *result, void *ctx)
{
    struct audit_page *page = ctx;
    bool more = page->seen == page->limit && !page->over;

    if (result->code)
        admin_reply_error(page->call, result);
    else
        admin_reply(page->call, 200,
                    json_pack("{s:O, s:b}", "entries", page->entries, "more", more));
}

/* A user in whatever form; anything else as it is. */
static void subject_read(const struct admin_call *call, struct gw_buf *out)
{
    struct gw_str text = net_http_query(call->x, "user");

    if (text.len && admin_user_jid(call->api, text, out, NULL)) {
        gw_buf_reset(out);
        gw_buf_add_str(out, text);
    }
    text = net_http_query(call->x, "subject");
    if (!out->len)
        gw_buf_add_str(out, text);
}

void admin_audit_list(struct admin_call *call)
{
    struct gw_str since = net_http_query(call->x, "since"),
                  limit_text = net_http_query(call->x, "limit"),
                  before_text = net_http_query(call->x, "before");
    int64_t limit = READ_DEFAULT, before = 0;
    struct audit_page *page = gw_new(struct audit_page);
    struct gw_buf subject;
    struct gw_err err;
    enum gw_code rc = GW_OK;

    page->call = call;
    page->entries = json_array();
    call->work = page;
    call->work_free = page_free;
    gw_buf_init(&subject, STORE_KEY_MAX);
    if (since.len)
        rc = gw_utc_parse(since, &page->since, &err);
    if (!rc && limit_text.p && !gw_str_to_int(limit_text, 1, READ_MAX, &limit))
        rc = gw_fail(&err, GW_INVALID, "limit must be a number from 1 to %d", READ_MAX);
    if (!rc && before_text.p && !gw_str_to_int(before_text, 1, INT64_MAX, &before))
        rc = gw_fail(&err, GW_INVALID, "before must be the number of an entry");
    page->limit = (size_t)limit;
    if (!rc)
        subject_read(call, &subject);
    if (!rc && subject.failed)
        rc = gw_fail(&err, GW_INVALID, "a name cannot be that long");
    if (rc)
        admin_reply_error(call, &err);
    else
        dir_audit_read(call->api->args.audit, gw_buf_str(&subject), (uint64_t)before, page->limit,
                       page_add, page_done, page);
    gw_buf_done(&subject);
}
