/* Notifications, and the document of a push call with the prefix "soap11" that Exchange's own have. */
#include "mock_note.h"

#include "mock_names.h"
#include "xml_doc.h"
#include "xml_write.h"

static void put_id(struct xml_writer *w, const char *name, struct mock_id id, uint32_t change)
{
    struct mock_id key = mock_id_change(change);

    xml_open(w, name);
    xml_put_attr(w, "Id", gw_str_of(id.s));
    xml_put_attr(w, "ChangeKey", gw_str_of(key.s));
    xml_close(w);
}

static void put_watermark(struct xml_writer *w, const char *name, const struct mock_sub *sub,
                          uint64_t event)
{
    struct mock_id id = mock_id_watermark(sub->mailbox->number, event);

    xml_put(w, name, gw_str_of(id.s));
}

static struct mock_id folder_id(const struct mock_sub *sub, enum mock_folder folder)
{
    return mock_id_folder(sub->mailbox->number, folder);
}

/* Where the thing is now, and where it was. */
static void put_moved(struct xml_writer *w, const struct mock_sub *sub, const struct mock_event *e)
{
    bool is_item = e->item;
    enum mock_folder calendar = mock_calendar_folder(e->calendar);
    struct mock_id id =
        is_item ? mock_id_item(sub->mailbox->number, e->item) : folder_id(sub, calendar);

    put_id(w, is_item ? "t:ItemId" : "t:FolderId", id, e->change);
    put_id(w, "t:ParentFolderId", folder_id(sub, MOCK_FOLDER_DELETED), 1);
    put_id(w, is_item ? "t:OldItemId" : "t:OldFolderId", id, e->change);
    put_id(w, "t:OldParentFolderId", folder_id(sub, is_item ? calendar : MOCK_FOLDER_CALENDAR),
           sub->mailbox->change);
}

static void put_event(struct xml_writer *w, const struct mock_sub *sub, const struct mock_event *e)
{
    static const char *const name[] = {
        [MOCK_EVENT_COPIED] = "t:CopiedEvent",
        [MOCK_EVENT_CREATED] = "t:CreatedEvent",
        [MOCK_EVENT_DELETED] = "t:DeletedEvent",
        [MOCK_EVENT_MODIFIED] = "t:ModifiedEvent",
        [MOCK_EVENT_MOVED] = "t:MovedEvent",
        [MOCK_EVENT_NEW_MAIL] = "t:NewMailEvent",
        [MOCK_EVENT_FREE_BUSY] = "t:FreeBusyChangedEvent",
    };
    enum mock_folder calendar = mock_calendar_folder(e->calendar);

    xml_open(w, name[e->kind]);
    if (sub->kind != MOCK_SUB_STREAMING)
        put_watermark(w, "t:Watermark", sub, e->watermark);
    xml_open(w, "t:TimeStamp");
    xml_put_utc(w, e->at - e->at % GW_SECOND_MS);
    xml_close(w);
    if (e->kind == MOCK_EVENT_MOVED) {
        put_moved(w, sub, e);
    } else if (e->item) {
        put_id(w, "t:ItemId", mock_id_item(sub->mailbox->number, e->item), e->change);
        put_id(w, "t:ParentFolderId", folder_id(sub, calendar), sub->mailbox->change);
    } else {
        put_id(w, "t:FolderId", folder_id(sub, calendar), e->change);
        put_id(w, "t:ParentFolderId",
               folder_id(sub, e->calendar ? MOCK_FOLDER_CALENDAR : MOCK_FOLDER_TOP), 1);
        if (e->kind == MOCK_EVENT_MODIFIED)
            xml_put(w, "t:UnreadCount", GW_STR("0"));
    }
    xml_close(w);
}

void mock_note_put(struct xml_writer *w, const struct mock_sub *sub)
{
    xml_open(w, "m:Notification");
    xml_put(w, "t:SubscriptionId", gw_str_of(sub->id));
    if (sub->kind != MOCK_SUB_STREAMING) {
        put_watermark(w, "t:PreviousWatermark", sub, sub->acked);
        xml_put(w, "t:MoreEvents", gw_str_of(sub->in_call < sub->queued ? "true" : "false"));
    }
    for (unsigned i = 0; i < sub->in_call; i++)
        put_event(w, sub, &sub->queue[i]);
    if (!sub->in_call) {
        xml_open(w, "t:StatusEvent");
        put_watermark(w, "t:Watermark", sub, sub->acked);
        xml_close(w);
    }
    xml_close(w);
}

/* Without m:Notification, which the schema demands: so it was seen on the wire. */
static void put_failure(struct xml_writer *w, const struct mock_sub *sub)
{
    xml_put(w, "m:MessageText",
            GW_STR("Unable to retrieve events for this subscription. "
                   "The subscription must be recreated."));
    xml_put(w, "m:ResponseCode", GW_STR("ErrorReadEventsFailed"));
    xml_put(w, "m:DescriptiveLinkKey", GW_STR("0"));
    xml_open(w, "m:MessageXml");
    xml_open(w, "t:Value");
    xml_put_attr(w, "Name", GW_STR("SubscriptionId"));
    xml_put_text(w, gw_str_of(sub->id));
    xml_close(w);
    xml_close(w);
}

void mock_note_write(const struct mock_sub *sub, struct gw_buf *out)
{
    struct xml_writer w;

    xml_write_init(&w, out);
    xml_write_declaration(&w);
    xml_open(&w, "soap11:Envelope");
    xml_put_attr(&w, "xmlns:soap11", GW_STR(MOCK_NS_SOAP));
    xml_open(&w, "soap11:Header");
    if (sub->version) {
        xml_open(&w, "t:RequestServerVersion");
        xml_put_attr(&w, "xmlns:t", GW_STR(MOCK_NS_TYPES));
        xml_put_attr(&w, "Version", gw_str_of(sub->version));
        xml_close(&w);
    }
    xml_close(&w);
    xml_open(&w, "soap11:Body");
    xml_open(&w, "m:SendNotification");
    xml_put_attr(&w, "xmlns:t", GW_STR(MOCK_NS_TYPES));
    xml_put_attr(&w, "xmlns:m", GW_STR(MOCK_NS_MESSAGES));
    xml_open(&w, "m:ResponseMessages");
    xml_open(&w, "m:SendNotificationResponseMessage");
    xml_put_attr(&w, "ResponseClass", gw_str_of(sub->broken ? "Error" : "Success"));
    if (sub->broken) {
        put_failure(&w, sub);
    } else {
        xml_put(&w, "m:ResponseCode", GW_STR("NoError"));
        mock_note_put(&w, sub);
    }
    xml_close(&w);
    xml_close(&w);
    xml_close(&w);
    xml_close(&w);
    xml_close(&w);
}

enum mock_push_result mock_note_answer_parse(int status, struct gw_str body)
{
    static const struct xml_limits limits = { MOCK_NOTE_ANSWER_MAX, 16, 64, 16 };
    enum mock_push_result result = MOCK_PUSH_NOTHING;
    const struct xml_node *root, *answer;
    struct xml_doc *doc = NULL;
    struct gw_str word;

    if (status != 200 || xml_doc_parse(body, &limits, &doc, NULL))
        return MOCK_PUSH_NOTHING;
    root = xml_doc_root(doc);
    answer = xml_is(root, MOCK_NS_SOAP, "Envelope")
                 ? xml_child(xml_child(root, MOCK_NS_SOAP, "Body"), MOCK_NS_MESSAGES,
                             "SendNotificationResult")
                 : NULL;
    word = xml_child_text(answer, MOCK_NS_MESSAGES, "SubscriptionStatus");
    if (gw_str_is(word, "OK"))
        result = MOCK_PUSH_OK;
    else if (gw_str_is(word, "Unsubscribe"))
        result = MOCK_PUSH_UNSUBSCRIBE;
    xml_doc_free(&doc);
    return result;
}
