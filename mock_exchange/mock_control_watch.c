/* The control interface: subscriptions and the journal. */
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "mock_control.h"

static json_t *sub_json(const struct mock_sub *sub)
{
    json_t *json = json_object(), *events = json_array();

    for (int kind = 0; kind < MOCK_EVENT_KINDS; kind++)
        if (sub->events & 1u << kind)
            (void)json_array_append_new(events,
                                        json_string(mock_event_name((enum mock_event_kind)kind)));
    mock_control_put_text(json, "number", sub->key);
    mock_control_put_text(json, "id", sub->id);
    mock_control_put_text(json, "kind", mock_sub_kind_name(sub->kind));
    mock_control_put_text(json, "user", sub->mailbox->address);
    mock_control_put_text(json, "cas", mock_site_name(sub->site));
    mock_control_put_text(json, "account", sub->account);
    mock_control_put_text(json, "url", sub->url);
    mock_control_put_text(json, "version", sub->version);
    mock_control_put(json, "event_types", events);
    if (sub->kind != MOCK_SUB_STREAMING)
        mock_control_put_int(json, sub->kind == MOCK_SUB_PUSH ? "status_frequency" : "timeout",
                             sub->minutes);
    else
        mock_control_put(json, "connected", json_boolean(sub->stream));
    mock_control_put_text(json, "state", mock_sub_state_name(sub->state));
    mock_control_put(json, "created", mock_json_utc(sub->created));
    mock_control_put(json, "last_call", mock_json_utc(sub->count.last_call));
    mock_control_put(json, "last_answer", mock_json_utc(sub->count.last_answer));
    mock_control_put_int(json, "calls", (int64_t)sub->count.calls);
    mock_control_put_int(json, "answered", (int64_t)sub->count.answered);
    mock_control_put_int(json, "unanswered", (int64_t)sub->count.unanswered);
    mock_control_put_int(json, "events", (int64_t)sub->count.events);
    mock_control_put_int(json, "status_events", (int64_t)sub->count.status);
    mock_control_put_int(json, "waiting", (int64_t)sub->queued);
    return json;
}

static int sub_cmp(const void *a, const void *b)
{
    const struct mock_sub *x = *(const struct mock_sub *const *)a;
    const struct mock_sub *y = *(const struct mock_sub *const *)b;

    return x->number < y->number ? -1 : x->number > y->number;
}

static bool sub_fits(const struct mock_sub *sub, const struct mock_control_request *r)
{
    return (!r->user.len || gw_str_iis(r->user, sub->mailbox->address)) &&
           (!r->cas.len || gw_str_is(r->cas, mock_site_name(sub->site)));
}

/* In the order in which they were made. */
enum gw_code mock_control_subs(struct mock_control_call *call)
{
    const struct mock_subs *subs = call->mx->subs;
    int64_t offset = 0, limit = 1000;
    size_t pos = 0, count = 0;
    const struct mock_sub **all, *sub;
    json_t *list;
    enum gw_code rc = mock_control_page(call, &offset, &limit);

    if (rc)
        return rc;
    all = malloc((mock_subs_count(subs) + 1) * sizeof(struct mock_sub *));
    if (!all)
        return gw_fail(&call->err, GW_LIMIT, "too many subscriptions for one list");
    while ((sub = mock_sub_next(subs, &pos)))
        if (sub_fits(sub, call->request))
            all[count++] = sub;
    qsort(all, count, sizeof(struct mock_sub *), sub_cmp);
    list = json_array();
    for (size_t i = (size_t)offset; i < count && i < (size_t)(offset + limit); i++)
        (void)json_array_append_new(list, sub_json(all[i]));
    free(all);
    mock_control_put_int(call->answer, "total", (int64_t)count);
    mock_control_put(call->answer, "subscriptions", list);
    return GW_OK;
}

static struct mock_sub *sub_of(struct mock_control_call *call)
{
    struct mock_sub *sub = mock_sub_find(call->mx->subs, call->arg[0]);
    char quoted[GW_QUOTE_MAX];

    if (!sub)
        (void)gw_fail(&call->err, GW_NOTFOUND, "no subscription %s",
                      gw_quote(call->arg[0], quoted));
    return sub;
}

enum gw_code mock_control_sub(struct mock_control_call *call)
{
    const struct mock_sub *sub = sub_of(call);

    if (!sub)
        return call->err.code;
    mock_control_put(call->answer, "subscription", sub_json(sub));
    return GW_OK;
}

enum gw_code mock_control_sub_lose(struct mock_control_call *call)
{
    struct mock_sub *sub = sub_of(call);

    if (!sub)
        return call->err.code;
    mock_sub_lose(call->mx->subs, sub);
    return GW_OK;
}

enum gw_code mock_control_sub_break(struct mock_control_call *call)
{
    struct mock_sub *sub = sub_of(call);

    if (!sub)
        return call->err.code;
    mock_sub_break(call->mx->subs, sub, call->now);
    return GW_OK;
}

/* --- journal --- */

static json_t *entry_json(const struct mock_entry *entry)
{
    json_t *json = json_object();

    mock_control_put_int(json, "number", (int64_t)entry->number);
    mock_control_put(json, "at", mock_json_utc(entry->at));
    mock_control_put_text(json, "cas", entry->cas);
    mock_control_put_text(json, "operation", mock_operation_name(entry->operation));
    mock_control_put_text(json, "user", entry->mailbox ? entry->mailbox->address : NULL);
    mock_control_put_int(json, "mailboxes", entry->mailboxes);
    mock_control_put_int(json, "status", entry->status);
    mock_control_put_text(json, "code", entry->code);
    mock_control_put(json, "impersonated", json_boolean(entry->impersonated));
    return json;
}

static json_t *counts_of(const struct mock_journal *journal, const char *cas)
{
    json_t *json = json_object();

    for (int op = 0; op < MOCK_OPERATION_COUNT; op++)
        mock_control_put_int(json, mock_operation_name((enum mock_operation)op),
                             (int64_t)mock_journal_count(journal, cas, (enum mock_operation)op));
    return json;
}

static bool entry_fits(const struct mock_entry *entry, const struct mock_control_request *r)
{
    return (!r->user.len || (entry->mailbox && gw_str_iis(r->user, entry->mailbox->address))) &&
           (!r->cas.len || gw_str_is(r->cas, entry->cas));
}

enum gw_code mock_control_journal(struct mock_control_call *call)
{
    const struct mock_journal *journal = call->mx->journal;
    const struct mock_mailbox *mailbox = mock_mailbox_by_smtp(call->mx->org, call->request->user);
    const struct mock_entry *entry;
    int64_t offset = 0, limit = 100;
    json_t *list, *cas;
    enum gw_code rc = mock_control_page(call, &offset, &limit);

    if (rc)
        return rc;
    list = json_array();
    for (size_t i = 0; (entry = mock_journal_last(journal, i)); i++)
        if (entry_fits(entry, call->request) && offset-- <= 0 && limit-- > 0)
            (void)json_array_append_new(list, entry_json(entry));
    cas = json_object();
    for (size_t i = 0; i < call->mx->cas_count; i++) {
        const char *name = mock_cas_name(call->mx->cas[i]);

        mock_control_put(cas, name, counts_of(journal, name));
    }
    mock_control_put_int(call->answer, "total", (int64_t)mock_journal_total(journal));
    mock_control_put_int(call->answer, "errors", (int64_t)mock_journal_errors(journal));
    mock_control_put(call->answer, "throttled", mock_control_throttled(call->mx->throttle));
    mock_control_put(call->answer, "by_operation", counts_of(journal, NULL));
    mock_control_put(call->answer, "by_cas", cas);
    if (mailbox)
        mock_control_put(call->answer, "of_user", mock_control_counts(mailbox->calls));
    mock_control_put(call->answer, "last", list);
    return GW_OK;
}

enum gw_code mock_control_journal_clear(struct mock_control_call *call)
{
    struct mock_mailbox *mailbox;
    size_t pos = 0;

    mock_journal_clear(call->mx->journal);
    mock_throttle_totals_clear(call->mx->throttle);
    while ((mailbox = mock_mailbox_next(call->mx->org, &pos)))
        memset(mailbox->calls, 0, sizeof(mailbox->calls));
    return GW_OK;
}
