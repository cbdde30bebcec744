/* SendNotification in, SendNotificationResult out. The path is hot: every idle ping and every change
 * of a calendar comes through it. */
#include "ews_priv.h"

static const struct xml_limits limits = { EWS_NOTIFICATION_MAX, XML_DEPTH_DEFAULT, 16 * 1024,
                                          XML_ATTRS_DEFAULT };

static bool is_event(const struct xml_node *n)
{
    return gw_str_ends(n->name, "Event");
}

/* Values of the last call stay when this one has none. */
static void keep(struct gw_str value, struct gw_str *out)
{
    if (value.len && value.len <= EWS_ID_MAX)
        *out = value;
}

/* A change of an item shows as one of its folder, too: where there is that one alone, it is the folder
 * itself that has changed. */
struct folder_events {
    bool modified, with_items;
};

static void look_for_folder(const struct xml_node *event, struct folder_events *seen,
                            struct ews_notification *n)
{
    static const char *const moves[] = { "CreatedEvent", "DeletedEvent", "MovedEvent",
                                         "CopiedEvent" };
    bool is_folder = xml_child(event, NULL, "FolderId") != NULL;

    if (is_folder && xml_is(event, NULL, "ModifiedEvent"))
        seen->modified = true;
    else
        seen->with_items = true;
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
        n->folders |= is_folder && xml_is(event, NULL, moves[i]);
}

void ews_notification_add(const struct xml_node *notification, struct ews_notification *n)
{
    struct folder_events seen = { false, false };

    keep(xml_child_text(notification, NULL, "SubscriptionId"), &n->subscription_id);
    n->more_events |= ews_text_is_true(xml_child_text(notification, NULL, "MoreEvents"));
    for (const struct xml_node *event = notification->child; event; event = event->next) {
        if (!is_event(event))
            continue;
        if (xml_is(event, NULL, "StatusEvent")) {
            n->status_events++;
        } else {
            n->changes++;
            look_for_folder(event, &seen, n);
        }
        keep(xml_child_text(event, NULL, "Watermark"), &n->watermark);
    }
    n->folders |= seen.modified && !seen.with_items;
}

bool ews_notification_keep(struct ews_notification *n, struct gw_arena *arena)
{
    n->subscription_id = gw_arena_dup(arena, n->subscription_id);
    n->watermark = gw_arena_dup(arena, n->watermark);
    return n->subscription_id.p && n->watermark.p;
}

/* The error form has no Notification, and names the subscription in MessageXml. */
static void read_error(const struct xml_node *message, struct ews_notification *out)
{
    const struct xml_node *value = xml_path(message, "MessageXml/Value");

    for (; value; value = ews_next_named(value))
        if (gw_str_is(xml_attr(value, "Name"), "SubscriptionId"))
            keep(xml_text(value), &out->subscription_id);
    out->ended = true;
}

static void read_message(const struct xml_node *message, struct ews_notification *out)
{
    const struct xml_node *n = xml_child(message, NULL, "Notification");
    struct ews_status status;

    ews_soap_message_status(message, &status);
    if (status.class != EWS_OK) {
        read_error(message, out);
        out->status = status;
    }
    for (; n; n = ews_next_named(n))
        ews_notification_add(n, out);
}

static enum gw_code read_doc(const struct xml_doc *doc, struct gw_arena *arena,
                             struct ews_notification *out, struct gw_err *err)
{
    const struct xml_node *body = ews_soap_body(doc);
    const struct xml_node *message;
    struct ews_notification n = { 0 };

    if (!xml_is(body, NULL, "SendNotification"))
        return gw_fail(err, GW_BADMSG, "not a SendNotification");
    message = xml_path(body, "ResponseMessages/SendNotificationResponseMessage");
    if (!message)
        return gw_fail(err, GW_BADMSG, "SendNotification without a response message");
    ews_status_set_code(&n.status, GW_STR("NoError"), (struct gw_str){ NULL, 0 });
    for (; message; message = ews_next_named(message))
        read_message(message, &n);
    if (!ews_notification_keep(&n, arena))
        return gw_fail(err, GW_LIMIT, "notification is too large");
    *out = n;
    return GW_OK;
}

enum gw_code ews_notification_parse(struct gw_str body, struct gw_arena *arena,
                                    struct ews_notification *out, struct gw_err *err)
{
    struct xml_doc *doc = NULL;
    enum gw_code rc;

    rc = xml_doc_parse(body, &limits, &doc, err);
    if (!rc)
        rc = read_doc(doc, arena, out, err);
    xml_doc_free(&doc);
    return rc;
}

void ews_notification_reply_write(enum ews_reply reply, struct gw_buf *out)
{
    struct xml_writer w;

    xml_write_init(&w, out);
    ews_soap_open(&w);
    xml_open(&w, "s:Body");
    xml_open(&w, "m:SendNotificationResult");
    xml_put(&w, "m:SubscriptionStatus",
            reply == EWS_REPLY_OK ? GW_STR("OK") : GW_STR("Unsubscribe"));
    xml_close(&w);
    xml_close(&w);
    xml_close(&w);
}
