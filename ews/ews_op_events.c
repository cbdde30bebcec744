/* Events that are fetched instead of posted: of one pull subscription, and the endless answer for up
 * to 200 streaming ones, which is a sequence of documents (ews_splitter.h) of the same form. */
#include "ews_priv.h"

/* The Notification elements in 'parent'; their namespace is another one on the wire than in the
 * schema. False: no room. */
static bool add_events(const struct xml_node *parent, struct gw_arena *arena,
                       struct ews_notification *events, size_t *count)
{
    const struct xml_node *n = xml_child(parent, NULL, "Notification");

    for (; n; n = ews_next_named(n)) {
        struct ews_notification *event = &events[*count];

        ews_status_set_code(&event->status, GW_STR("NoError"), (struct gw_str){ NULL, 0 });
        ews_notification_add(n, event);
        if (!ews_notification_keep(event, arena))
            return false;
        ++*count;
    }
    return true;
}

/* ---- GetEvents -------------------------------------------------------------------------------- */

static enum gw_code get_events_check(const struct ews_request *request, struct gw_err *err)
{
    if (!request->watermark.len || request->watermark.len > EWS_ID_MAX)
        return gw_fail(err, GW_INVALID, "watermark is missing or longer than %d bytes", EWS_ID_MAX);
    return ews_subscription_check(request->subscription_id, err);
}

static void get_events_write(struct xml_writer *w, const struct ews_request *request,
                             const struct ews_dialect *dialect)
{
    (void)dialect;
    xml_open(w, "m:GetEvents");
    xml_put(w, "m:SubscriptionId", request->subscription_id);
    xml_put(w, "m:Watermark", request->watermark);
    xml_close(w);
}

static void get_events_parse(const struct xml_node *body, const struct ews_request *request,
                             struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *message = ews_first_message(body, &out->status);
    struct ews_notification *events;

    (void)request;
    if (!message)
        return;
    if (!xml_child(message, NULL, "Notification")) {
        ews_set_missing(&out->status, "Notification");
        return;
    }
    events = gw_arena_alloc(arena, ews_count_children(message) * sizeof(*events));
    if (events && add_events(message, arena, events, &out->event_count))
        out->events = events;
    else
        ews_set_too_large(&out->status);
}

const struct ews_op_info ews_op_get_events = {
    .name = "GetEvents",
    .answer = "GetEventsResponse",
    .body_max =
        1024 * 1024, /* what has gathered since the last time; more comes in a next answer */
    .nodes_max = 30000,
    .impersonates = true,
    .check = get_events_check,
    .write = get_events_write,
    .parse = get_events_parse
};

/* ---- GetStreamingEvents ----------------------------------------------------------------------- */

enum { STREAM_MINUTES_MAX = 30 };

static enum gw_code stream_check(const struct ews_request *request, struct gw_err *err)
{
    enum gw_code rc = GW_OK;

    if (request->subscription_id_count < 1 || request->subscription_id_count > EWS_STREAM_IDS_MAX)
        return gw_fail(err, GW_INVALID, "%zu subscriptions in one stream: 1 to %d are possible",
                       request->subscription_id_count, EWS_STREAM_IDS_MAX);
    if (request->stream_timeout_min < 1 || request->stream_timeout_min > STREAM_MINUTES_MAX)
        return gw_fail(err, GW_INVALID, "time-out %u of a stream is not in 1..%d minutes",
                       request->stream_timeout_min, STREAM_MINUTES_MAX);
    for (size_t i = 0; !rc && i < request->subscription_id_count; i++)
        rc = ews_subscription_check(request->subscription_ids[i], err);
    return rc;
}

static bool stream_supported(const struct ews_request *request, const struct ews_dialect *dialect)
{
    (void)request;
    return dialect->streaming;
}

static void stream_write(struct xml_writer *w, const struct ews_request *request,
                         const struct ews_dialect *dialect)
{
    (void)dialect;
    xml_open(w, "m:GetStreamingEvents");
    xml_open(w, "m:SubscriptionIds");
    for (size_t i = 0; i < request->subscription_id_count; i++)
        xml_put(w, "t:SubscriptionId", request->subscription_ids[i]);
    xml_close(w);
    ews_put_int(w, "m:ConnectionTimeout", request->stream_timeout_min);
    xml_close(w);
}

static bool add_bad_ids(const struct xml_node *list, struct gw_arena *arena, struct gw_str *ids,
                        size_t *count)
{
    const struct xml_node *n = xml_child(list, NULL, "SubscriptionId");

    for (; n; n = ews_next_named(n)) {
        struct gw_str id = xml_text(n);

        if (!id.len || id.len > EWS_ID_MAX)
            continue;
        ids[*count] = gw_arena_dup(arena, id);
        if (!ids[*count].p)
            return false;
        ++*count;
    }
    return true;
}

/* What the messages of one document say together; the first error counts. */
struct stream_part {
    struct ews_notification *events;
    struct gw_str *bad_ids;
};

static bool read_message(const struct xml_node *message, struct gw_arena *arena,
                         const struct stream_part *part, struct ews_answer *out)
{
    struct ews_status status;

    ews_soap_message_status(message, &status);
    if (status.class != EWS_OK && out->status.class == EWS_OK)
        out->status = status;
    out->closed |= gw_str_is(xml_child_text(message, NULL, "ConnectionStatus"), "Closed");
    return add_events(xml_child(message, NULL, "Notifications"), arena, part->events,
                      &out->event_count) &&
           add_bad_ids(xml_child(message, NULL, "ErrorSubscriptionIds"), arena, part->bad_ids,
                       &out->bad_id_count);
}

static void count_things(const struct xml_node *message, size_t *events, size_t *ids)
{
    for (; message; message = message->next) {
        *events += ews_count_children(xml_child(message, NULL, "Notifications"));
        *ids += ews_count_children(xml_child(message, NULL, "ErrorSubscriptionIds"));
    }
}

static void stream_parse(const struct xml_node *body, const struct ews_request *request,
                         struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *messages = xml_child(body, NULL, "ResponseMessages");
    struct stream_part part = { 0 };
    size_t events = 0, ids = 0;
    bool fits;

    (void)request;
    if (!messages || !messages->child) {
        ews_set_missing(&out->status, "response message");
        return;
    }
    count_things(messages->child, &events, &ids);
    part.events = gw_arena_alloc(arena, (events + 1) * sizeof(*part.events));
    part.bad_ids = gw_arena_alloc(arena, (ids + 1) * sizeof(*part.bad_ids));
    fits = part.events && part.bad_ids;
    ews_status_set_code(&out->status, GW_STR("NoError"), (struct gw_str){ NULL, 0 });
    for (const struct xml_node *n = messages->child; fits && n; n = n->next)
        fits = read_message(n, arena, &part, out);
    out->events = part.events;
    out->bad_ids = part.bad_ids;
    if (!fits)
        ews_set_too_large(&out->status);
}

const struct ews_op_info ews_op_stream = { .name = "GetStreamingEvents",
                                           .answer = "GetStreamingEventsResponse",
                                           .body_max = EWS_STREAM_DOCUMENT_MAX,
                                           .nodes_max = 30000,
                                           .impersonates = true,
                                           .check = stream_check,
                                           .supported = stream_supported,
                                           .write = stream_write,
                                           .parse = stream_parse };
