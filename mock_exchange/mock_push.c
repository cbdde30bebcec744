/* Connections are grouped by listener (scheme, host, port). Each group has its queue of
 * subscriptions; groups take turns. */
#include "mock_push.h"

#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "mock_note.h"
#include "mock_trust.h"
#include "net_http_client.h"

struct group {
    struct mock_push *push;
    char *origin; /* "https://gw1.example:50020" */
    char *host;   /* "gw1.example" */
    struct net_tls_policy tls;
    struct gw_list link;
    struct gw_list waiting; /* struct mock_sub, by in_sender */
    unsigned busy, open;    /* slots */
};

struct slot {
    struct gw_list link; /* in push->idle, the longest idle first, or in push->busy */
    struct mock_push *push;
    struct group *group;
    struct net_http_slot *http;
    struct mock_sub *sub; /* NULL: idle */
    struct mock_charge *charged;
    unsigned trust_no; /* of what its connection was verified by */
};

struct mock_push {
    struct net_loop *loop;
    struct mock_subs *subs;
    void (*done)(void *ctx);
    void *ctx;
    unsigned timeout_ms;
    struct mock_trust *trust; /* NULL: any certificate */
    unsigned trust_no;        /* how often it was set */
    struct gw_map *groups;
    struct gw_list turn; /* of struct group */
    struct gw_list idle, busy;
    unsigned open;
    struct net_wake *wake;
    struct gw_buf body;
    struct mock_record *record; /* these may be NULL */
    struct mock_throttle *throttle;
};

static void pump(void *ctx);

struct mock_push *mock_push_new(struct net_loop *loop)
{
    struct mock_push *push = gw_new(struct mock_push);

    push->loop = loop;
    push->timeout_ms = 30 * GW_SECOND_MS;
    push->groups = gw_map_new();
    gw_list_init(&push->turn);
    gw_list_init(&push->idle);
    gw_list_init(&push->busy);
    push->wake = net_wake_new(loop, pump, push);
    gw_buf_init(&push->body, MOCK_NOTE_MAX);
    return push;
}

void mock_push_attach(struct mock_push *push, struct mock_subs *subs, void (*done)(void *ctx),
                      void *ctx)
{
    push->subs = subs;
    push->done = done;
    push->ctx = ctx;
}

void mock_push_set_record(struct mock_push *push, struct mock_record *record)
{
    push->record = record;
}

void mock_push_set_throttle(struct mock_push *push, struct mock_throttle *throttle)
{
    push->throttle = throttle;
}

void mock_push_set_timeout(struct mock_push *push, unsigned timeout_ms)
{
    push->timeout_ms = timeout_ms;
}

/* Listeners come and go; a group is not dropped while anybody walks the list. */
static void groups_sweep(struct mock_push *push)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&push->turn, it, tmp)
    {
        struct group *group = GW_CONTAINER(it, struct group, link);

        if (group->open || !gw_list_is_empty(&group->waiting))
            continue;
        (void)gw_map_remove(push->groups, gw_str_of(group->origin));
        gw_list_remove(&group->link);
        free(group->origin);
        free(group->host);
        free(group);
    }
}

static void slot_free(struct mock_push *push, struct slot *slot)
{
    gw_list_remove(&slot->link);
    net_http_slot_free(&slot->http);
    mock_charge_end(&slot->charged, net_loop_now(push->loop));
    slot->group->open--;
    push->open--;
    free(slot);
}

void mock_push_free(struct mock_push **pushp)
{
    struct mock_push *push = *pushp;
    struct gw_list *link;

    if (!push)
        return;
    *pushp = NULL;
    while ((link = gw_list_pop(&push->idle)) || (link = gw_list_pop(&push->busy)))
        slot_free(push, GW_CONTAINER(link, struct slot, link));
    groups_sweep(push);
    net_wake_free(&push->wake);
    mock_trust_free(&push->trust);
    gw_map_free(&push->groups);
    gw_buf_done(&push->body);
    free(push);
}

static struct gw_str origin_of(const char *url)
{
    const char *host = strstr(url, "://");

    host = host ? host + 3 : url;
    return (struct gw_str){ url, (size_t)(host - url) + strcspn(host, "/?#") };
}

/* Of an origin, without the brackets of IPv6. Gives. */
static char *host_of(struct gw_str origin)
{
    struct gw_str scheme, host = origin, port;
    size_t colon;

    (void)gw_str_cut(origin, "://", &scheme, &host);
    if (gw_str_starts(host, "[") && gw_str_cut(host, "]", &host, &port))
        return gw_str_dup(gw_str_sub(host, 1, host.len));
    for (colon = host.len; colon && host.p[colon - 1] != ':'; colon--)
        ;
    return gw_str_dup(colon ? gw_str_sub(host, 0, colon - 1) : host);
}

static enum gw_code tls_apply(struct ssl_ctx_st *ssl_ctx, void *ctx, struct gw_err *err)
{
    const struct group *group = ctx;

    return mock_trust_apply(group->push->trust, group->host, ssl_ctx, err);
}

/* Connections that stand were verified by what was trusted before; the busy ones end when they are done. */
enum gw_code mock_push_trust(struct mock_push *push, struct gw_str pem, struct gw_err *err)
{
    struct mock_trust *trust = NULL;
    struct gw_list *link;

    if (pem.len && mock_trust_new(pem, &trust, err))
        return err->code;
    mock_trust_free(&push->trust);
    push->trust = trust;
    push->trust_no++;
    while ((link = gw_list_pop(&push->idle)))
        slot_free(push, GW_CONTAINER(link, struct slot, link));
    return GW_OK;
}

static struct group *group_get(struct mock_push *push, struct gw_str origin)
{
    struct group *group = gw_map_get(push->groups, origin);

    if (group)
        return group;
    group = gw_new(struct group);
    group->push = push;
    group->origin = gw_str_dup(origin);
    group->host = host_of(origin);
    group->tls = (struct net_tls_policy){ .apply = tls_apply, .ctx = group };
    gw_list_init(&group->waiting);
    gw_list_append(&push->turn, &group->link);
    (void)gw_map_set(push->groups, gw_str_of(group->origin), group);
    return group;
}

static void push_want(void *ctx, struct mock_sub *sub)
{
    struct mock_push *push = ctx;

    gw_list_append(&group_get(push, origin_of(sub->url))->waiting, &sub->in_sender);
    net_wake_send(push->wake);
}

static void slot_rest(struct mock_push *push, struct slot *slot)
{
    slot->sub = NULL;
    mock_charge_end(&slot->charged, net_loop_now(push->loop));
    slot->group->busy--;
    if (slot->trust_no != push->trust_no) {
        slot_free(push, slot);
        return;
    }
    gw_list_remove(&slot->link);
    gw_list_append(&push->idle, &slot->link);
}

static void push_cancel(void *ctx, struct mock_sub *sub)
{
    struct mock_push *push = ctx;
    struct slot *slot = sub->in_flight;

    if (!slot) {
        gw_list_remove(&sub->in_sender);
        return;
    }
    sub->in_flight = NULL;
    net_http_cancel(slot->http);
    slot_rest(push, slot);
    net_wake_send(push->wake);
}

const struct mock_sender mock_push_sender = { push_want, push_cancel, NULL };

static void on_answer(const struct net_http_answer *answer, void *ctx)
{
    struct slot *slot = ctx;
    struct mock_push *push = slot->push;
    struct mock_sub *sub = slot->sub;
    enum mock_push_result result = MOCK_PUSH_NOTHING;

    if (answer->code)
        gw_debug("mock", "push to '%s': %s", slot->group->origin, answer->error);
    else
        result = mock_note_answer_parse(answer->status, answer->body);
    sub->in_flight = NULL;
    slot_rest(push, slot);
    mock_subs_answered(push->subs, sub, result, net_loop_now(push->loop));
    net_wake_send(push->wake);
    push->done(push->ctx);
}

static struct slot *slot_new(struct mock_push *push, struct group *group)
{
    struct net_http_slot_args args = { .tls = &group->tls, .user_agent = NULL };
    struct slot *slot = gw_new(struct slot);

    slot->push = push;
    slot->group = group;
    slot->trust_no = push->trust_no;
    slot->http = net_http_slot_new(push->loop, &args);
    gw_list_init(&slot->link);
    group->open++;
    push->open++;
    return slot;
}

/* A warm one of the group; a new one; or the place of one that another group has not used for the
 * longest time. NULL: all are busy. */
static struct slot *slot_get(struct mock_push *push, struct group *group)
{
    struct gw_list *it, *tmp;

    if (group->open > group->busy) {
        GW_LIST_EACH(&push->idle, it, tmp)
        {
            struct slot *slot = GW_CONTAINER(it, struct slot, link);

            if (slot->group == group)
                return slot;
        }
    }
    if (push->open >= MOCK_PUSH_SLOTS) {
        if (gw_list_is_empty(&push->idle))
            return NULL;
        slot_free(push, GW_CONTAINER(push->idle.next, struct slot, link));
    }
    return slot_new(push, group);
}

static void slot_send(struct mock_push *push, struct slot *slot, struct mock_sub *sub)
{
    static const char *const headers[] = {
        "Content-Type: text/xml; charset=utf-8", "Accept: text/xml", "Expect:",
        "SOAPAction: http://schemas.microsoft.com/exchange/services/2006/messages/SendNotification",
        NULL
    };
    struct net_http_request request = {
        .method = "POST",
        .url = sub->url,
        .headers = headers,
        .timeout_ms = push->timeout_ms,
        .body_max = MOCK_NOTE_ANSWER_MAX,
    };

    gw_buf_reset(&push->body);
    mock_sub_take(push->subs, sub, net_loop_now(push->loop));
    mock_note_write(sub, &push->body);
    mock_record_add(push->record, "SendNotification", gw_buf_str(&push->body));
    request.body = gw_buf_str(&push->body);
    slot->sub = sub;
    if (push->throttle)
        slot->charged = mock_throttle_count(push->throttle, gw_str_of(sub->mailbox->address),
                                            net_loop_now(push->loop));
    sub->in_flight = slot;
    slot->group->busy++;
    gw_list_remove(&slot->link);
    gw_list_append(&push->busy, &slot->link);
    net_http_start(slot->http, &request, NULL, on_answer, slot);
}

/* False: this group has nothing to send, or may not have more connections, or there are none. */
static bool group_send_one(struct mock_push *push, struct group *group)
{
    struct gw_list *first = group->waiting.next;
    struct slot *slot;

    if (gw_list_is_empty(&group->waiting) || group->busy >= MOCK_PUSH_SLOTS_PER_HOST)
        return false;
    slot = slot_get(push, group);
    if (!slot)
        return false;
    gw_list_remove(first);
    slot_send(push, slot, GW_CONTAINER(first, struct mock_sub, in_sender));
    return true;
}

/* Once round the groups, one call each, until nobody can send. */
static void pump(void *ctx)
{
    struct mock_push *push = ctx;
    bool sent = true;

    while (sent) {
        struct gw_list *it, *tmp;

        sent = false;
        GW_LIST_EACH(&push->turn, it, tmp)
        sent |= group_send_one(push, GW_CONTAINER(it, struct group, link));
    }
    groups_sweep(push);
}
