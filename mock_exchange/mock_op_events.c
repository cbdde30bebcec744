/* What is done with a subscription that is there: GetEvents, GetStreamingEvents, Unsubscribe. */
#include <string.h>

#include "mock_note.h"
#include "mock_soap.h"

/* Up to 2010 a subscription is in the memory of the client access server that was asked for it; since
 * 2013 in that of a mailbox server, which a request gets to when it says the same about itself. */
static bool is_here(const struct mock_call *call, const struct mock_sub *sub)
{
    if (call->service->affinity && strcmp(sub->backend, call->backend.name) != 0)
        return false;
    return call->service->product->newest >= MOCK_V2013 || sub->site == call->request->site;
}

/* The subscription, for its owner. NULL: *code says why not. */
static struct mock_sub *sub_find(const struct mock_call *call, struct gw_str id, const char **code)
{
    struct mock_sub *sub = mock_sub_by_id(call->service->subs, id);

    *code = NULL;
    if (!sub || !is_here(call, sub))
        *code = "ErrorSubscriptionNotFound";
    else if (strcmp(sub->account, call->request->account->name) != 0)
        *code = "ErrorSubscriptionAccessDenied";
    return *code ? NULL : sub;
}

/* --- GetEvents --- */

static const char *events_read(struct mock_call *call, struct mock_sub **sub)
{
    struct gw_str id = xml_child_text(call->node, MOCK_NS_MESSAGES, "SubscriptionId");
    struct gw_str watermark = xml_child_text(call->node, MOCK_NS_MESSAGES, "Watermark");
    const char *code;
    uint32_t mailbox;
    uint64_t after;

    *sub = sub_find(call, id, &code);
    if (code)
        return code;
    if ((*sub)->kind != MOCK_SUB_PULL)
        return "ErrorInvalidPullSubscriptionId";
    call->served->mailbox = (*sub)->mailbox;
    code = mock_reach(call, (*sub)->mailbox);
    if (code)
        return code;
    if (!mock_id_watermark_parse(watermark, &mailbox, &after) || mailbox != (*sub)->mailbox->number)
        return "ErrorInvalidWatermark";
    return mock_sub_read(call->service->subs, *sub, after, call->now);
}

bool mock_get_events(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "SubscriptionId", true, false },
        { MOCK_NS_MESSAGES, "Watermark", true, false },
    };
    struct xml_writer *w = &call->w;
    struct mock_sub *sub;
    const char *code;

    if (!mock_check_children(call, call->node, rule, 2))
        return false;
    code = events_read(call, &sub);
    xml_open(w, "m:GetEventsResponse");
    xml_put_attr(w, "xmlns:m", GW_STR(MOCK_NS_MESSAGES));
    xml_put_attr(w, "xmlns:t", GW_STR(MOCK_NS_TYPES));
    xml_open(w, "m:ResponseMessages");
    mock_message_open(call, "m:GetEventsResponseMessage", code);
    if (!code)
        mock_note_put(w, sub);
    xml_close(w);
    xml_close(w);
    xml_close(w);
    return true;
}

/* --- GetStreamingEvents --- */

struct streaming {
    struct mock_sub *subs[MOCK_STREAM_SUBS_MAX];
    struct gw_str bad[MOCK_STREAM_SUBS_MAX]; /* ids */
    size_t count, bad_count;
    const char *code; /* of the first bad one */
};

static const char *streaming_code(const struct mock_call *call, struct gw_str id,
                                  struct mock_sub **sub)
{
    const char *code;

    *sub = sub_find(call, id, &code);
    if (!code && (*sub)->kind != MOCK_SUB_STREAMING)
        code = "ErrorInvalidSubscription";
    return code;
}

static bool ids_read(struct mock_call *call, struct streaming *s)
{
    const struct xml_node *ids = xml_child(call->node, MOCK_NS_MESSAGES, "SubscriptionIds");
    const struct xml_node *n = ids->child;

    if (!n)
        return mock_fault_schema(call, "The element 'SubscriptionIds' has incomplete content.");
    for (; n; n = n->next) {
        struct mock_sub *sub;
        const char *code;

        if (!xml_is(n, MOCK_NS_TYPES, "SubscriptionId"))
            return mock_fault_schema(call, "The element 'SubscriptionIds' holds another one than "
                                           "'SubscriptionId'.");
        if (s->count + s->bad_count == MOCK_STREAM_SUBS_MAX)
            return mock_fault(call, "ErrorInvalidRequest");
        code = streaming_code(call, xml_text(n), &sub);
        if (!code) {
            s->subs[s->count++] = sub;
            continue;
        }
        s->bad[s->bad_count++] = xml_text(n);
        if (!s->code)
            s->code = code;
    }
    return true;
}

/* "OK" opens the connection; an error closes it, and names what is wrong. */
static void streaming_write(struct mock_call *call, const struct streaming *s)
{
    struct xml_writer *w = &call->w;

    xml_open(w, "m:GetStreamingEventsResponse");
    xml_put_attr(w, "xmlns:m", GW_STR(MOCK_NS_MESSAGES));
    xml_put_attr(w, "xmlns:t", GW_STR(MOCK_NS_TYPES));
    xml_open(w, "m:ResponseMessages");
    mock_message_open(call, "m:GetStreamingEventsResponseMessage", s->code);
    if (s->bad_count)
        xml_open(w, "m:ErrorSubscriptionIds");
    for (size_t i = 0; i < s->bad_count; i++)
        xml_put(w, "t:SubscriptionId", s->bad[i]);
    if (s->bad_count)
        xml_close(w);
    xml_put(w, "m:ConnectionStatus", gw_str_of(s->code ? "Closed" : "OK"));
    xml_close(w);
    xml_close(w);
    xml_close(w);
}

bool mock_get_streaming_events(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "SubscriptionIds", true, false },
        { MOCK_NS_MESSAGES, "ConnectionTimeout", true, false },
    };
    const struct mock_service *service = call->service;
    struct streaming s = { .count = 0 };
    int64_t minutes;

    if (!mock_check_children(call, call->node, rule, 2) || !ids_read(call, &s) ||
        !mock_check_int(call, xml_child(call->node, MOCK_NS_MESSAGES, "ConnectionTimeout"), 1,
                        MOCK_STREAM_MINUTES_MAX, &minutes))
        return false;
    if (!s.code && mock_streams_of(service->streams, call->self) >= service->product->hanging_max)
        s.code = "ErrorExceededConnectionCount";
    streaming_write(call, &s);
    if (!s.code) {
        struct mock_stream_args args = {
            .subs = s.subs, .sub_count = s.count, .charged = call->self, .minutes = (int)minutes
        };

        call->served->stream = mock_stream_new(service->streams, &args, call->now);
    }
    return true;
}

/* --- Unsubscribe --- */

/* Not for push: that ends by an answer to a notification. */
static const char *unsubscribe(struct mock_call *call, struct gw_str id)
{
    const char *code;
    struct mock_sub *sub = sub_find(call, id, &code);

    if (code)
        return code;
    if (sub->kind == MOCK_SUB_PUSH)
        return "ErrorInvalidPullSubscriptionId";
    call->served->mailbox = sub->mailbox;
    if (sub->stream)
        mock_stream_unsubscribed(sub->stream, sub, call->now);
    mock_sub_unsubscribe(call->service->subs, sub);
    return NULL;
}

bool mock_unsubscribe(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "SubscriptionId", true, false },
    };
    struct gw_str id = xml_child_text(call->node, MOCK_NS_MESSAGES, "SubscriptionId");
    struct xml_writer *w = &call->w;

    if (!mock_check_children(call, call->node, rule, 1))
        return false;
    xml_open(w, "m:UnsubscribeResponse");
    xml_put_attr(w, "xmlns:m", GW_STR(MOCK_NS_MESSAGES));
    xml_open(w, "m:ResponseMessages");
    mock_message_open(call, "m:UnsubscribeResponseMessage", unsubscribe(call, id));
    xml_close(w);
    xml_close(w);
    xml_close(w);
    return true;
}
