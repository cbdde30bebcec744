/* The control interface: routes, and what is about the whole. */
#include "mock_control.h"

#include <stdlib.h>
#include <string.h>

#include "gw_log.h"

void mock_control_put(json_t *object, const char *member, json_t *value)
{
    (void)json_object_set_new(object, member, value);
}

void mock_control_put_text(json_t *object, const char *member, const char *text)
{
    json_t *value = text ? json_string(text) : NULL;

    mock_control_put(object, member, value ? value : json_null());
}

void mock_control_put_int(json_t *object, const char *member, int64_t n)
{
    mock_control_put(object, member, json_integer(n));
}

json_t *mock_control_counts(const uint32_t calls[MOCK_OPERATION_COUNT])
{
    json_t *counts = json_object();

    for (int op = 0; op < MOCK_OPERATION_COUNT; op++)
        mock_control_put_int(counts, mock_operation_name((enum mock_operation)op), calls[op]);
    return counts;
}

enum gw_code mock_control_page(struct mock_control_call *call, int64_t *offset, int64_t *limit)
{
    const struct mock_control_request *r = call->request;

    if ((r->offset.len && !gw_str_to_int(r->offset, 0, INT32_MAX, offset)) ||
        (r->limit.len && !gw_str_to_int(r->limit, 0, INT32_MAX, limit)))
        return gw_fail(&call->err, GW_INVALID, "offset and limit are whole numbers from 0");
    return GW_OK;
}

/* --- the whole --- */

static json_t *totals_json(const struct mock_subs *subs)
{
    const struct mock_subs_totals *t = mock_subs_totals(subs);
    json_t *json = json_object();

    mock_control_put_int(json, "now", (int64_t)mock_subs_count(subs));
    mock_control_put_int(json, "made", (int64_t)t->made);
    mock_control_put_int(json, "unsubscribed", (int64_t)t->unsubscribed);
    mock_control_put_int(json, "given_up", (int64_t)t->given_up);
    mock_control_put_int(json, "expired", (int64_t)t->expired);
    mock_control_put_int(json, "lost", (int64_t)t->lost);
    mock_control_put_int(json, "broken", (int64_t)t->broken);
    mock_control_put_int(json, "calls", (int64_t)t->calls);
    mock_control_put_int(json, "answered", (int64_t)t->answered);
    mock_control_put_int(json, "unanswered", (int64_t)t->unanswered);
    return json;
}

static enum gw_code summary(struct mock_control_call *call)
{
    struct mock_exchange *mx = call->mx;
    json_t *requests = json_object();

    mock_control_put_text(call->answer, "program", "mock-exchange " KALENDS_VERSION);
    mock_control_put_text(call->answer, "version", mx->service.product->name);
    mock_control_put_int(call->answer, "minute_ms", mock_subs_minute(mx->subs));
    mock_control_put(call->answer, "started", mock_json_utc(mx->started));
    mock_control_put(call->answer, "now", mock_json_utc(call->now.utc));
    mock_control_put_int(call->answer, "accounts", (int64_t)mock_account_count(mx->org));
    mock_control_put_int(call->answer, "users", (int64_t)mock_mailbox_count(mx->org));
    mock_control_put_int(call->answer, "meetings", (int64_t)mock_item_count(mx->org));
    mock_control_put(call->answer, "subscriptions", totals_json(mx->subs));
    mock_control_put_int(call->answer, "streams", (int64_t)mock_streams_count(mx->service.streams));
    for (int op = 0; op < MOCK_OPERATION_COUNT; op++)
        mock_control_put_int(
            requests, mock_operation_name((enum mock_operation)op),
            (int64_t)mock_journal_count(mx->journal, NULL, (enum mock_operation)op));
    mock_control_put(call->answer, "requests", requests);
    mock_control_put_int(call->answer, "errors", (int64_t)mock_journal_errors(mx->journal));
    mock_control_put(call->answer, "throttled", mock_control_throttled(mx->throttle));
    return mock_control_cas_list(call);
}

static enum gw_code scenario(struct mock_control_call *call)
{
    return mock_scenario_apply(call->mx, call->body, call->now, &call->err);
}

static enum gw_code settings(struct mock_control_call *call)
{
    enum gw_code rc =
        mock_json_only(call->body, "settings",
                       "minute_ms version push_timeout find_max mail_tips "
                       "subscriptions_per_mailbox affinity affinity_home tls_cert tls_key "
                       "lockout_tries lockout_min token_min keytab throttle",
                       &call->err);

    return rc ? rc : mock_scenario_settings(call->mx, call->body, &call->err);
}

static enum gw_code account_add(struct mock_control_call *call)
{
    return mock_scenario_account(call->mx, call->body, &call->err);
}

/* --- routes --- */

static mock_control_fn help;

/* In the order in which they are explained. */
static const struct {
    const char *method, *path;
    mock_control_fn *fn;
    const char *takes; /* of the query, or members of the body; in brackets: may be left out */
    const char *does;
} route[] = {
    { "GET", "/", summary, "", "what there is, in numbers; for a browser: a page" },
    { "GET", "/help", help, "", "this list" },
    { "POST", "/scenario", scenario, "members of a scenario", "more of a scenario" },
    { "POST", "/settings", settings,
      "[minute_ms] [version] [push_timeout] [find_max] [subscriptions_per_mailbox] [affinity] "
      "[affinity_home] [mail_tips] [tls_cert tls_key] [lockout_tries] [lockout_min] [token_min] "
      "[keytab] "
      "[throttle]",
      "changes these" },
    { "GET", "/accounts", mock_control_accounts, "", "the service accounts" },
    { "POST", "/accounts", account_add, "name password [impersonate] [mailbox] [password_expired]",
      "adds a service account, or replaces one" },
    { "DELETE", "/tokens", mock_control_tokens_expire, "", "bearer tokens are valid no longer" },
    { "GET", "/cas", mock_control_cas_list, "", "the client access servers" },
    { "POST", "/cas", mock_control_cas_add,
      "[name] [listen] [site] [refusal], and members of /cas/*/auth", "opens one more" },
    { "POST", "/cas/*/down", mock_control_cas_down, "[lose]",
      "refuses and cuts connections, and sends nothing; lose: its subscriptions are gone" },
    { "POST", "/cas/*/up", mock_control_cas_up, "", "serves again, on the same port" },
    { "POST", "/cas/*/place", mock_control_cas_place, "[site] [refusal]",
      "puts it into a site; mailboxes of others are refused with this code" },
    { "GET", "/cas/*/auth", mock_control_policy, "", "how one logs in there" },
    { "POST", "/cas/*/auth", mock_control_policy_set,
      "[auth] [extended_protection] [challenges] [ntlm_v1]", "changes these" },
    { "POST", "/cas/*/certificate", mock_control_certificate, "[fault] [names]",
      "a new certificate for connections from now on" },
    { "POST", "/push-trust", mock_control_push_trust, "[pem]",
      "verifies listeners over https by these certificates and their name; nothing: takes any" },
    { "GET", "/ca", mock_control_ca, "", "the root certificate of those that are made here" },
    { "POST", "/cas/*/clock", mock_control_clock, "[off_ms]",
      "its clock is wrong by that; nothing: right again" },
    { "GET", "/cas/*/faults", mock_control_faults, "", "what it does instead of serving" },
    { "POST", "/cas/*/faults", mock_control_fault_add,
      "kind [count] [operation] [user] [probability] [seed] [status] [retry_after] [code] "
      "[back_off_ms] [ms] [location] [cas_error]",
      "one more fault; without count until it is cleared" },
    { "DELETE", "/cas/*/faults", mock_control_faults_clear, "",
      "serves well again; lets stalled requests go" },
    { "GET", "/users", mock_control_users, "[offset] [limit]", "the mailboxes" },
    { "POST", "/users", mock_control_users_add, "a user, or a group of users, as in a scenario",
      "adds mailboxes" },
    { "GET", "/users/*", mock_control_user, "", "one mailbox" },
    { "DELETE", "/users/*", mock_control_user_remove, "",
      "removes the mailbox and its subscriptions" },
    { "POST", "/users/*/move", mock_control_user_move, "to [for] [subscriptions]",
      "moves it to another database, which lasts for a while; its subscriptions: lose, break or "
      "keep" },
    { "GET", "/users/*/meetings", mock_control_user_meetings, "", "its calendar" },
    { "POST", "/users/*/meetings", mock_control_meetings_add,
      "a meeting as in a scenario, or an array of them", "adds to it" },
    { "GET", "/users/*/calendars", mock_control_calendars, "",
      "the calendars that it has besides its own" },
    { "POST", "/users/*/calendars", mock_control_calendar_add, "name", "one more of these" },
    { "POST", "/users/*/calendars/*", mock_control_calendar_change, "[name] [error]",
      "renames it; error: a ResponseCode for whoever asks for it" },
    { "DELETE", "/users/*/calendars/*", mock_control_calendar_delete, "[moved]",
      "deletes it with what is in it; moved: to Deleted Items" },
    { "GET", "/users/*/oof", mock_control_oof, "", "its out-of-office settings" },
    { "POST", "/users/*/oof", mock_control_oof_set,
      "[state] [start] [end] [for] [internal] [external] [audience]", "changes these" },
    { "GET", "/users/*/traits", mock_control_traits, "", "what makes it special" },
    { "POST", "/users/*/traits", mock_control_traits_set, "traits as in a scenario",
      "changes these" },
    { "GET", "/meetings/*", mock_control_meeting, "", "one meeting" },
    { "POST", "/meetings/*", mock_control_meeting_change, "members of a meeting",
      "changes what is given; a new start alone moves it" },
    { "POST", "/meetings/*/cancel", mock_control_meeting_cancel, "[keep_busy]",
      "as the organizer calls it off" },
    { "DELETE", "/meetings/*", mock_control_meeting_delete, "[moved]",
      "deletes it; moved: to Deleted Items" },
    { "GET", "/day", mock_control_day, "[from] [to] [user] [offset] [limit]",
      "calendars of a time, today when none is said; user: those that begin so" },
    { "GET", "/subscriptions", mock_control_subs, "[user] [cas] [offset] [limit]",
      "subscriptions of all kinds" },
    { "GET", "/subscriptions/*", mock_control_sub, "", "one, by number or id" },
    { "DELETE", "/subscriptions/*", mock_control_sub_lose, "", "loses it without a word" },
    { "POST", "/subscriptions/*/break", mock_control_sub_break, "",
      "ErrorReadEventsFailed, or on a stream ErrorMissedNotificationEvents, and it is gone" },
    { "GET", "/mishaps", mock_control_mishaps, "", "what goes wrong with notifications" },
    { "POST", "/mishaps", mock_control_mishap_add,
      "kind [user] [cas] [count] [probability] [seed] [for] [batch]", "one more of these" },
    { "DELETE", "/mishaps", mock_control_mishaps_clear, "", "none of them any more" },
    { "GET", "/databases", mock_control_databases, "", "databases with their servers and sites" },
    { "POST", "/databases", mock_control_database_add, "name [server] [site]",
      "adds one, or changes it" },
    { "GET", "/journal", mock_control_journal, "[user] [cas] [offset] [limit]",
      "the last requests, and counts by operation, mailbox and client access server" },
    { "DELETE", "/journal", mock_control_journal_clear, "", "starts it anew" },
};

static enum gw_code help(struct mock_control_call *call)
{
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(route) / sizeof(*route); i++) {
        json_t *json = json_object();

        mock_control_put_text(json, "method", route[i].method);
        mock_control_put_text(json, "path", route[i].path);
        mock_control_put_text(json, "takes", route[i].takes);
        mock_control_put_text(json, "does", route[i].does);
        (void)json_array_append_new(list, json);
    }
    mock_control_put(call->answer, "requests", list);
    return GW_OK;
}

/* The text up to the next '/', which is taken off as well. */
static struct gw_str segment(struct gw_str *rest)
{
    struct gw_str part = *rest;

    if (!gw_str_cut(*rest, "/", &part, rest))
        *rest = (struct gw_str){ part.p + part.len, 0 };
    return part;
}

static bool route_matches(const char *pattern, struct gw_str path, struct gw_str *arg)
{
    struct gw_str p = gw_str_of(pattern + 1), q = gw_str_sub(path, 1, path.len);
    unsigned args = 0;

    if (!gw_str_starts(path, "/"))
        return false;
    while (p.len && q.len) {
        struct gw_str want = segment(&p), have = segment(&q);

        if (gw_str_is(want, "*") && args < MOCK_CONTROL_ARGS)
            arg[args++] = have;
        else if (!gw_str_eq(want, have))
            return false;
    }
    return !p.len && !q.len;
}

static int status_of(enum gw_code code)
{
    switch (code) {
    case GW_OK:
        return 200;
    case GW_NOTFOUND:
        return 404;
    case GW_EXISTS:
        return 409;
    case GW_AGAIN:
    case GW_UNREACHABLE:
    case GW_TIMEOUT:
    case GW_BADMSG:
    case GW_DENIED:
    case GW_INVALID:
    case GW_LIMIT:
    case GW_CANCELLED:
    case GW_INTERNAL:
        break;
    }
    return 400;
}

/* 405 when the path is right. */
static int route_run(struct mock_control_call *call)
{
    struct gw_str path = call->request->path;
    char quoted[GW_QUOTE_MAX];
    bool known = false;

    for (size_t i = 0; i < sizeof(route) / sizeof(*route); i++) {
        if (!route_matches(route[i].path, path, call->arg))
            continue;
        known = true;
        if (gw_str_is(call->request->method, route[i].method))
            return status_of(route[i].fn(call));
    }
    if (known) {
        (void)gw_fail(&call->err, GW_INVALID, "%s is not a method of %s",
                      gw_str_is(call->request->method, "PUT") ? "PUT" : "this",
                      gw_quote(path, quoted));
        return 405;
    }
    (void)gw_fail(&call->err, GW_NOTFOUND, "nothing at %s; GET /help tells what there is",
                  gw_quote(path, quoted));
    return 404;
}

static void json_write(const json_t *json, struct gw_buf *out)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

    if (text)
        gw_buf_add_cstr(out, text);
    gw_buf_add_char(out, '\n');
    free(text);
}

int mock_control_serve(struct mock_exchange *mx, const struct mock_control_request *request,
                       struct gw_buf *out)
{
    struct mock_control_call call = { .mx = mx, .request = request };
    struct gw_str text = gw_str_trim(request->body);
    json_error_t where = { .line = 0 };
    json_t *body;
    int status = 400;

    call.now = net_loop_now(mx->loop);
    call.answer = json_object();
    body = text.len ? json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, &where) : json_object();
    call.body = body;
    if (!body)
        (void)gw_fail(&call.err, GW_INVALID, "the body is not JSON: line %d: %s", where.line,
                      where.text);
    else
        status = route_run(&call);
    if (status != 200) {
        json_object_clear(call.answer);
        mock_control_put_text(call.answer, "error", call.err.msg);
    }
    json_write(call.answer, out);
    json_decref(call.answer);
    json_decref(body);
    mock_exchange_touch(mx);
    return status;
}
