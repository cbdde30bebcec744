/* Which subscriptions there are, and what waits for them. How it is delivered is in mock_sub_call.c. */
#include "mock_subs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "mock_subs_priv.h"

static const char *const event_name[] = {
    [MOCK_EVENT_COPIED] = "CopiedEvent",
    [MOCK_EVENT_CREATED] = "CreatedEvent",
    [MOCK_EVENT_DELETED] = "DeletedEvent",
    [MOCK_EVENT_MODIFIED] = "ModifiedEvent",
    [MOCK_EVENT_MOVED] = "MovedEvent",
    [MOCK_EVENT_NEW_MAIL] = "NewMailEvent",
    [MOCK_EVENT_FREE_BUSY] = "FreeBusyChangedEvent",
    [MOCK_EVENT_STATUS] = "StatusEvent",
};

const char *mock_event_name(enum mock_event_kind kind)
{
    return event_name[kind];
}

const char *mock_sub_kind_name(enum mock_sub_kind kind)
{
    static const char *const name[] = {
        [MOCK_SUB_PUSH] = "push",
        [MOCK_SUB_PULL] = "pull",
        [MOCK_SUB_STREAMING] = "streaming",
    };

    return name[kind];
}

const char *mock_sub_state_name(enum mock_sub_state state)
{
    switch (state) {
    case MOCK_SUB_IDLE:
        return "idle";
    case MOCK_SUB_QUEUED:
        return "queued";
    case MOCK_SUB_SENDING:
        return "sending";
    case MOCK_SUB_WAITING:
        return "waiting";
    case MOCK_SUB_EXPIRED:
        return "expired";
    }
    return "?";
}

void mock_sub_enter(struct mock_subs *subs, struct mock_sub *sub, enum mock_sub_state to,
                    gw_time at)
{
    gw_debug("mock", "subscription %s of '%s': %s -> %s", sub->key, sub->mailbox->address,
             mock_sub_state_name(sub->state), mock_sub_state_name(to));
    sub->state = to;
    if (at == GW_NEVER)
        gw_heap_remove(&subs->due, &sub->due);
    else
        gw_heap_set(&subs->due, &sub->due, at);
}

int64_t mock_sub_period_ms(const struct mock_subs *subs, const struct mock_sub *sub)
{
    return (int64_t)sub->minutes * subs->minute_ms;
}

struct mock_subs *mock_subs_new(const struct mock_subs_args *args)
{
    struct mock_subs *subs = gw_new(struct mock_subs);

    subs->by_id = gw_map_new();
    subs->by_key = gw_map_new();
    subs->sites = gw_map_new();
    gw_heap_init(&subs->due);
    mock_mishaps_init(&subs->mishaps);
    subs->sender[MOCK_SUB_PUSH] = args->push;
    subs->sender_ctx[MOCK_SUB_PUSH] = args->push_ctx;
    mock_subs_set_minute(subs, args->minute_ms);
    mock_subs_set_limit(subs, args->per_mailbox_max);
    return subs;
}

void mock_subs_attach_streams(struct mock_subs *subs, const struct mock_sender *sender, void *ctx)
{
    subs->sender[MOCK_SUB_STREAMING] = sender;
    subs->sender_ctx[MOCK_SUB_STREAMING] = ctx;
}

void mock_subs_set_minute(struct mock_subs *subs, unsigned minute_ms)
{
    subs->minute_ms = minute_ms ? minute_ms : GW_MINUTE_MS;
}

void mock_subs_set_limit(struct mock_subs *subs, unsigned per_mailbox_max)
{
    subs->per_mailbox_max = per_mailbox_max ? per_mailbox_max : MOCK_SUBS_PER_MAILBOX;
}

unsigned mock_subs_minute(const struct mock_subs *subs)
{
    return subs->minute_ms;
}

void mock_sub_cancel(struct mock_subs *subs, struct mock_sub *sub)
{
    if (sub->state != MOCK_SUB_QUEUED && sub->state != MOCK_SUB_SENDING)
        return;
    subs->sender[sub->kind]->cancel(subs->sender_ctx[sub->kind], sub);
    sub->in_call = 0;
}

void mock_sub_free(struct mock_subs *subs, struct mock_sub *sub)
{
    mock_sub_cancel(subs, sub);
    if (sub->stream)
        subs->sender[sub->kind]->leave(subs->sender_ctx[sub->kind], sub);
    gw_heap_remove(&subs->due, &sub->due);
    (void)gw_map_remove(subs->by_id, gw_str_of(sub->id));
    (void)gw_map_remove(subs->by_key, gw_str_of(sub->key));
    gw_list_remove(&sub->in_mailbox);
    gw_list_remove(&sub->in_site);
    sub->mailbox->sub_count--;
    sub->site->count--;
    free(sub->id);
    free(sub->url);
    free(sub->version);
    free(sub->account);
    free(sub->backend);
    free(sub->queue);
    free(sub);
}

void mock_subs_free(struct mock_subs **subsp)
{
    struct mock_subs *subs = *subsp;
    struct mock_site *site;
    struct mock_sub *sub;
    size_t pos = 0;

    if (!subs)
        return;
    *subsp = NULL;
    while ((sub = gw_map_next(subs->by_key, &pos)))
        mock_sub_free(subs, sub);
    pos = 0;
    while ((site = gw_map_next(subs->sites, &pos))) {
        (void)gw_map_remove(subs->sites, gw_str_of(site->name));
        free(site->name);
        free(site);
    }
    gw_map_free(&subs->by_id);
    gw_map_free(&subs->by_key);
    gw_map_free(&subs->sites);
    gw_heap_done(&subs->due);
    mock_mishaps_clear(&subs->mishaps);
    free(subs);
}

struct mock_mishaps *mock_subs_mishaps(struct mock_subs *subs)
{
    return &subs->mishaps;
}

struct mock_site *mock_site_get(struct mock_subs *subs, const char *name)
{
    struct mock_site *site = gw_map_get(subs->sites, gw_str_of(name));

    if (site)
        return site;
    site = gw_new(struct mock_site);
    site->name = gw_str_dup(gw_str_of(name));
    site->running = true;
    gw_list_init(&site->subs);
    (void)gw_map_set(subs->sites, gw_str_of(site->name), site);
    return site;
}

const char *mock_site_name(const struct mock_site *site)
{
    return site->name;
}

size_t mock_site_count(const struct mock_site *site)
{
    return site->count;
}

/* What was being sent when the server went away counts as not sent, and is due when it is back. */
void mock_site_set_running(struct mock_subs *subs, struct mock_site *site, bool running,
                           struct gw_now now)
{
    struct gw_list *it, *tmp;

    if (site->running == running)
        return;
    site->running = running;
    GW_LIST_EACH(&site->subs, it, tmp)
    {
        struct mock_sub *sub = GW_CONTAINER(it, struct mock_sub, in_site);

        if (sub->kind != MOCK_SUB_PUSH)
            continue;
        mock_sub_cancel(subs, sub);
        if (running)
            sub->wait_ms = 0;
        mock_sub_enter(subs, sub, MOCK_SUB_IDLE, running ? now.mono : GW_NEVER);
    }
}

size_t mock_site_lose(struct mock_subs *subs, struct mock_site *site)
{
    struct gw_list *link;
    size_t count = 0;

    while ((link = gw_list_pop(&site->subs))) {
        mock_sub_lose(subs, GW_CONTAINER(link, struct mock_sub, in_site));
        count++;
    }
    return count;
}

static void queue_add(struct mock_sub *sub, const struct mock_event *event)
{
    if (sub->queued == sub->queue_cap) {
        sub->queue_cap = sub->queue_cap ? 2 * sub->queue_cap : 4;
        sub->queue = gw_realloc(sub->queue, sub->queue_cap, sizeof(*sub->queue));
    }
    sub->queue[sub->queued++] = *event;
}

/* No history is kept: that something was missed is said with one event on the folder, after which a
 * client reads all of it anyway. */
static void sub_resume(struct mock_sub *sub, const struct mock_sub_args *args, gw_utc now)
{
    struct mock_event event = {
        .kind = MOCK_EVENT_MODIFIED,
        .change = sub->mailbox->change,
        .watermark = sub->mailbox->event,
        .at = now,
    };

    sub->acked = args->after;
    if (args->after < sub->mailbox->event && (sub->events & 1u << MOCK_EVENT_MODIFIED))
        queue_add(sub, &event);
}

enum gw_code mock_sub_add(struct mock_subs *subs, const struct mock_sub_args *args,
                          struct gw_now now, struct mock_sub **out, struct gw_err *err)
{
    struct mock_sub *sub;

    if (args->mailbox->sub_count >= subs->per_mailbox_max)
        return gw_fail(err, GW_LIMIT, "'%s' has %u subscriptions", args->mailbox->address,
                       args->mailbox->sub_count);
    sub = gw_new(struct mock_sub);
    sub->number = ++subs->last_number;
    sub->kind = args->kind;
    snprintf(sub->key, sizeof(sub->key), "%llu", (unsigned long long)sub->number);
    sub->id = mock_id_subscription(args->id_form, args->site->name, args->mailbox->number, now.utc);
    sub->url = args->url.len ? gw_str_dup(args->url) : NULL;
    sub->version = args->version.len ? gw_str_dup(args->version) : NULL;
    sub->account = gw_str_dup(args->account);
    sub->backend = gw_str_dup(args->backend);
    sub->mailbox = args->mailbox;
    sub->site = args->site;
    sub->events = args->events;
    sub->calendars = args->calendars;
    sub->minutes = args->minutes;
    sub->created = now.utc;
    sub->acked = args->mailbox->event;
    if (args->resume)
        sub_resume(sub, args, now.utc);
    gw_list_init(&sub->in_sender);
    gw_list_init(&sub->in_stream);
    gw_list_append(&args->mailbox->subs, &sub->in_mailbox);
    gw_list_append(&args->site->subs, &sub->in_site);
    args->mailbox->sub_count++;
    args->site->count++;
    (void)gw_map_set(subs->by_id, gw_str_of(sub->id), sub);
    (void)gw_map_set(subs->by_key, gw_str_of(sub->key), sub);
    subs->totals.made++;
    mock_sub_rest(subs, sub, now);
    if (sub->kind == MOCK_SUB_PUSH) /* the first call comes at once */
        mock_sub_due(subs, sub, now.mono);
    *out = sub;
    return GW_OK;
}

void mock_sub_lose(struct mock_subs *subs, struct mock_sub *sub)
{
    subs->totals.lost++;
    mock_sub_free(subs, sub);
}

void mock_sub_unsubscribe(struct mock_subs *subs, struct mock_sub *sub)
{
    subs->totals.unsubscribed++;
    mock_sub_free(subs, sub);
}

void mock_sub_break(struct mock_subs *subs, struct mock_sub *sub, struct gw_now now)
{
    sub->broken = true;
    mock_sub_due(subs, sub, now.mono);
}

struct mock_sub *mock_sub_by_id(const struct mock_subs *subs, struct gw_str id)
{
    return gw_map_get(subs->by_id, id);
}

struct mock_sub *mock_sub_find(const struct mock_subs *subs, struct gw_str id_or_key)
{
    struct mock_sub *sub = gw_map_get(subs->by_id, id_or_key);

    return sub ? sub : gw_map_get(subs->by_key, id_or_key);
}

struct mock_sub *mock_sub_next(const struct mock_subs *subs, size_t *pos)
{
    return gw_map_next(subs->by_key, pos);
}

size_t mock_subs_count(const struct mock_subs *subs)
{
    return gw_map_len(subs->by_key);
}

const struct mock_subs_totals *mock_subs_totals(const struct mock_subs *subs)
{
    return &subs->totals;
}

/* What happens to an event on purpose before it waits; true: it does not wait. */
static bool event_meets(struct mock_subs *subs, struct mock_sub *sub,
                        const struct mock_event *event, struct gw_now now)
{
    const struct mock_mishap *delay;

    if (mock_mishaps_take(&subs->mishaps, MOCK_MISHAP_LOSE, sub)) {
        mock_sub_lose(subs, sub);
        return true;
    }
    if (mock_mishaps_take(&subs->mishaps, MOCK_MISHAP_BREAK, sub)) {
        mock_sub_break(subs, sub, now);
        return true;
    }
    if (mock_mishaps_take(&subs->mishaps, MOCK_MISHAP_DROP, sub))
        return true;
    if (mock_mishaps_take(&subs->mishaps, MOCK_MISHAP_DUPLICATE, sub))
        queue_add(sub, event);
    delay = mock_mishaps_take(&subs->mishaps, MOCK_MISHAP_DELAY, sub);
    if (delay)
        sub->hold = gw_time_after(now.mono, delay->delay_ms);
    return false;
}

/* Of a calendar itself its parent, the mailbox's own one, is told when it comes or goes. */
static bool is_seen(const struct mock_sub *sub, const struct mock_event *event)
{
    bool parent = !event->item && event->kind != MOCK_EVENT_MODIFIED;

    return (sub->calendars >> event->calendar & 1) || (parent && (sub->calendars & 1));
}

static void sub_event(struct mock_subs *subs, struct mock_sub *sub, const struct mock_event *event,
                      struct gw_now now)
{
    if (!(sub->events & 1u << event->kind) || !is_seen(sub, event) || sub->broken ||
        sub->state == MOCK_SUB_EXPIRED)
        return;
    if (sub->queued >= MOCK_SUB_EVENTS_MAX) {
        mock_sub_break(subs, sub, now);
        return;
    }
    if (subs->mishaps.count && event_meets(subs, sub, event, now))
        return;
    queue_add(sub, event);
    if (sub->state == MOCK_SUB_IDLE) /* one that waits for an answer goes on waiting */
        mock_sub_due(subs, sub, now.mono);
}

/* One save of an item is an event on the item, one on the folder, and one on free/busy. What happens to
 * a folder is one event. */
void mock_subs_changed(const struct mock_change *change, struct gw_now now, void *ctx)
{
    static const enum mock_event_kind kind_of[] = {
        [MOCK_CREATED] = MOCK_EVENT_CREATED,
        [MOCK_MODIFIED] = MOCK_EVENT_MODIFIED,
        [MOCK_DELETED] = MOCK_EVENT_DELETED,
        [MOCK_MOVED] = MOCK_EVENT_MOVED,
    };
    struct mock_subs *subs = ctx;
    struct mock_mailbox *mailbox = change->mailbox;
    struct mock_event event[3] = {
        { .kind = kind_of[change->kind], .change = change->item_change, .item = change->item },
        { .kind = MOCK_EVENT_FREE_BUSY, .change = change->item_change, .item = change->item },
        { .kind = MOCK_EVENT_MODIFIED, .change = mailbox->change },
    };
    struct gw_list *it, *tmp;

    for (int i = 0; i < (change->item ? 3 : 1); i++) {
        if (event[i].kind == MOCK_EVENT_FREE_BUSY && !change->free_busy)
            continue;
        event[i].calendar = change->calendar;
        event[i].watermark = ++mailbox->event;
        event[i].at = change->at;
        GW_LIST_EACH(&mailbox->subs, it, tmp)
        sub_event(subs, GW_CONTAINER(it, struct mock_sub, in_mailbox), &event[i], now);
    }
}

gw_time mock_subs_deadline(const struct mock_subs *subs)
{
    const struct gw_due *first = gw_heap_first(&subs->due);

    return first ? first->at : GW_NEVER;
}
