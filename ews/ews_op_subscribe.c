/* A subscription on a mailbox's calendar, or several calendars, in each of its three modes, and its end. */
#include "ews_priv.h"

enum { MINUTES_MAX = 1440 }; /* of StatusFrequency and Timeout, by the schema */

/* ---- Subscribe -------------------------------------------------------------------------------- */

static enum gw_code push_check(const struct ews_request *request, struct gw_err *err)
{
    if (!gw_str_starts(request->notify_url, "http://") &&
        !gw_str_starts(request->notify_url, "https://"))
        return gw_fail(err, GW_INVALID, "notification address is not an http or https URL");
    if (request->notify_url.len > EWS_URL_MAX)
        return gw_fail(err, GW_INVALID, "notification address is longer than %d bytes",
                       EWS_URL_MAX);
    if (request->status_frequency_min < 1 || request->status_frequency_min > MINUTES_MAX)
        return gw_fail(err, GW_INVALID, "status frequency %u is not in 1..%d minutes",
                       request->status_frequency_min, MINUTES_MAX);
    return GW_OK;
}

static enum gw_code pull_check(const struct ews_request *request, struct gw_err *err)
{
    if (request->pull_timeout_min < 1 || request->pull_timeout_min > MINUTES_MAX)
        return gw_fail(err, GW_INVALID,
                       "time-out %u of a pull subscription is not in 1..%d minutes",
                       request->pull_timeout_min, MINUTES_MAX);
    return GW_OK;
}

static enum gw_code streaming_check(const struct ews_request *request, struct gw_err *err)
{
    (void)request;
    (void)err;
    return GW_OK;
}

static void push_write(struct xml_writer *w, const struct ews_request *request)
{
    ews_put_int(w, "t:StatusFrequency", request->status_frequency_min);
    xml_put(w, "t:URL", request->notify_url);
}

static void pull_write(struct xml_writer *w, const struct ews_request *request)
{
    ews_put_int(w, "t:Timeout", request->pull_timeout_min);
}

static void streaming_write(struct xml_writer *w, const struct ews_request *request)
{
    (void)w;
    (void)request;
}

static const struct {
    const char *element;
    enum gw_code (*check)(const struct ews_request *request, struct gw_err *err);
    void (*write)(struct xml_writer *w, const struct ews_request *request);
} mode_table[] = {
    [EWS_SUB_PUSH] = { "m:PushSubscriptionRequest", push_check, push_write },
    [EWS_SUB_PULL] = { "m:PullSubscriptionRequest", pull_check, pull_write },
    [EWS_SUB_STREAMING] = { "m:StreamingSubscriptionRequest", streaming_check, streaming_write },
};

static enum gw_code subscribe_check(const struct ews_request *request, struct gw_err *err)
{
    enum gw_code rc = ews_folders_check(request, err);

    return rc ? rc : mode_table[request->sub_mode].check(request, err);
}

static bool subscribe_supported(const struct ews_request *request,
                                const struct ews_dialect *dialect)
{
    return request->sub_mode != EWS_SUB_STREAMING || dialect->streaming;
}

static void subscribe_write(struct xml_writer *w, const struct ews_request *request,
                            const struct ews_dialect *dialect)
{
    static const char *const event[] = { "CreatedEvent", "ModifiedEvent", "DeletedEvent",
                                         "MovedEvent", "CopiedEvent" };

    xml_open(w, "m:Subscribe");
    xml_open(w, mode_table[request->sub_mode].element);
    ews_put_calendar_folders(w, "t:FolderIds", request);
    xml_open(w, "t:EventTypes");
    for (size_t i = 0; i < sizeof(event) / sizeof(event[0]); i++)
        xml_put(w, "t:EventType", gw_str_of(event[i]));
    if (dialect->free_busy_event)
        xml_put(w, "t:EventType", GW_STR("FreeBusyChangedEvent"));
    xml_close(w);
    mode_table[request->sub_mode].write(w, request);
    xml_close(w);
    xml_close(w);
}

static void subscribe_parse(const struct xml_node *body, const struct ews_request *request,
                            struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *message = ews_first_message(body, &out->status);
    struct gw_str id, watermark;

    if (!message)
        return;
    id = xml_child_text(message, NULL, "SubscriptionId");
    watermark = xml_child_text(message, NULL, "Watermark");
    if (!id.len || id.len > EWS_ID_MAX)
        ews_set_missing(&out->status, "usable SubscriptionId");
    else if (request->sub_mode == EWS_SUB_PULL && (!watermark.len || watermark.len > EWS_ID_MAX))
        ews_set_missing(&out->status, "usable Watermark");
    else {
        out->subscription_id = gw_arena_dup(arena, id);
        if (watermark.len <= EWS_ID_MAX)
            out->watermark = gw_arena_dup(arena, watermark);
    }
}

const struct ews_op_info ews_op_subscribe = { .name = "Subscribe",
                                              .answer = "SubscribeResponse",
                                              .body_max = 64 * 1024,
                                              .nodes_max = 1000,
                                              .impersonates = true,
                                              .check = subscribe_check,
                                              .supported = subscribe_supported,
                                              .write = subscribe_write,
                                              .parse = subscribe_parse };

/* ---- Unsubscribe ------------------------------------------------------------------------------ */

static enum gw_code unsubscribe_check(const struct ews_request *request, struct gw_err *err)
{
    return ews_subscription_check(request->subscription_id, err);
}

static void unsubscribe_write(struct xml_writer *w, const struct ews_request *request,
                              const struct ews_dialect *dialect)
{
    (void)dialect;
    xml_open(w, "m:Unsubscribe");
    xml_put(w, "m:SubscriptionId", request->subscription_id);
    xml_close(w);
}

static void unsubscribe_parse(const struct xml_node *body, const struct ews_request *request,
                              struct gw_arena *arena, struct ews_answer *out)
{
    (void)request;
    (void)arena;
    (void)ews_first_message(body, &out->status);
}

const struct ews_op_info ews_op_unsubscribe = { .name = "Unsubscribe",
                                                .answer = "UnsubscribeResponse",
                                                .body_max = 64 * 1024,
                                                .nodes_max = 1000,
                                                .impersonates = true,
                                                .check = unsubscribe_check,
                                                .write = unsubscribe_write,
                                                .parse = unsubscribe_parse };
