/* CreateItem, UpdateItem, DeleteItem, MoveItem, of calendar items. What a client saves and what the
 * control interface adds are the same items. */
#include "mock_item_fields.h"

/* Invitations are not sent, but whether they should be has to be said. */
static bool sending_check(struct mock_call *call, const char *attribute, const char *missing)
{
    static const char *const name[] = { "SendToNone",
                                        "SendOnlyToAll",
                                        "SendToAllAndSaveCopy",
                                        "SendOnlyToChanged",
                                        "SendToChangedAndSaveCopy",
                                        NULL };
    struct gw_str text = xml_attr(call->node, attribute);
    int word;

    if (!text.p)
        return mock_fault(call, missing);
    if (!mock_word_parse(text, name, &word))
        return mock_fault_schema(call, "The '%s' attribute is invalid.", attribute);
    return true;
}

static void items_write(struct mock_call *call, const char *message, const char *code,
                        const struct mock_item *item)
{
    mock_message_open(call, message, code);
    xml_open(&call->w, "m:Items");
    if (!code && item)
        mock_item_write_id(call, item);
    xml_close(&call->w);
}

/* --- CreateItem */

static const char *create(struct mock_call *call, const struct xml_node *node, unsigned calendar,
                          const struct mock_item **out)
{
    struct mock_draft draft;
    const char *code;

    mock_draft_init(&draft, call, NULL);
    code = mock_draft_read(&draft, node);
    if (!code)
        code = mock_draft_settle(&draft);
    draft.data.calendar = calendar;
    if (!code &&
        mock_item_add(call->service->org, call->self, &draft.data,
                      draft.has_recurrence ? &draft.recurrence : NULL, call->now, out, NULL))
        code = draft.has_recurrence ? "ErrorCalendarInvalidRecurrence" : "ErrorInvalidArgument";
    mock_draft_done(&draft);
    return code;
}

/* A calendar, whatever kind of id it is given by. NULL: saved there. */
static const char *target_check(struct mock_call *call, const struct xml_node *folder_id,
                                unsigned *calendar)
{
    struct mock_mailbox *mailbox = call->self;
    enum mock_folder folder = MOCK_FOLDER_CALENDAR;
    const char *code = NULL;

    if (folder_id && folder_id->child)
        code = mock_folder_find(call, folder_id->child, &mailbox, &folder);
    if (!code && !mailbox)
        return "ErrorMissingEmailAddress";
    *calendar = mock_folder_calendar(folder);
    return code || mock_folder_is_calendar(folder)
               ? code
               : "ErrorCannotCreateCalendarItemInNonCalendarFolder";
}

bool mock_create_item(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "SavedItemFolderId", false, false },
        { MOCK_NS_MESSAGES, "Items", true, false },
    };
    const struct xml_node *items = xml_child(call->node, MOCK_NS_MESSAGES, "Items");
    unsigned calendar = 0;
    const char *nowhere;

    if (!mock_check_children(call, call->node, rule, 2))
        return false;
    if (!items->child)
        return mock_fault_schema(call, "The element 'Items' has incomplete content.");
    if (!sending_check(call, "SendMeetingInvitations", "ErrorSendMeetingInvitationsRequired"))
        return false;
    nowhere =
        target_check(call, xml_child(call->node, MOCK_NS_MESSAGES, "SavedItemFolderId"), &calendar);
    mock_response_open(call, "m:CreateItemResponse");
    xml_open(&call->w, "m:ResponseMessages");
    for (const struct xml_node *n = items->child; n; n = n->next) {
        const struct mock_item *item = NULL;
        const char *code = nowhere ? nowhere : create(call, n, calendar, &item);

        items_write(call, "m:CreateItemResponseMessage", code, item);
        xml_close(&call->w);
    }
    xml_close(&call->w);
    xml_close(&call->w);
    return true;
}

/* --- UpdateItem */

/* Did somebody else save it in between? 'policy' as ConflictResolution has it. */
enum { NEVER_OVERWRITE, AUTO_RESOLVE, ALWAYS_OVERWRITE };

static const char *conflict_check(const struct xml_node *id, const struct mock_item *item,
                                  int policy)
{
    struct gw_str key = xml_attr(id, "ChangeKey");

    if (policy == ALWAYS_OVERWRITE || xml_is(id, MOCK_NS_TYPES, "OccurrenceItemId"))
        return NULL;
    if (!key.p)
        return "ErrorChangeKeyRequired";
    if (!mock_id_is_change(key))
        return "ErrorInvalidChangeKey";
    if (policy == NEVER_OVERWRITE && !gw_str_is(key, mock_id_change(item->change).s))
        return "ErrorIrresolvableConflict";
    return NULL;
}

static const char *updates_apply(struct mock_draft *draft, const struct xml_node *updates)
{
    const char *code = updates && updates->child ? NULL : "ErrorIncorrectUpdatePropertyCount";

    for (const struct xml_node *n = updates ? updates->child : NULL; n && !code; n = n->next)
        code = mock_draft_change(draft, n);
    return code ? code : mock_draft_settle(draft);
}

static const char *update(struct mock_call *call, const struct xml_node *change, int policy,
                          struct mock_item *item)
{
    const struct xml_node *id = change->child;
    const char *code = id ? mock_item_lookup(call, id, item) : "ErrorInvalidIdMalformed";
    struct mock_draft draft;

    if (!code)
        code = conflict_check(id, item, policy);
    if (code)
        return code;
    mock_draft_init(&draft, call, item);
    code = updates_apply(&draft, xml_child(change, MOCK_NS_TYPES, "Updates"));
    if (!code && draft.has_recurrence && item->day != MOCK_NO_DAY)
        code = draft.ends_series ? "ErrorInvalidPropertyDelete" : "ErrorInvalidPropertySet";
    if (!code && mock_item_change(call->service->org, item, &draft.data,
                                  draft.has_recurrence ? &draft.recurrence : NULL, call->now, NULL))
        code = draft.has_recurrence ? "ErrorCalendarInvalidRecurrence" : "ErrorInvalidArgument";
    mock_draft_done(&draft);
    if (code)
        return code;
    if (item->day != MOCK_NO_DAY)
        return mock_item_lookup(call, id, item);
    (void)mock_item_by_number(call->service->org, item->number, item);
    return NULL;
}

bool mock_update_item(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "SavedItemFolderId", false, false },
        { MOCK_NS_MESSAGES, "ItemChanges", true, false },
    };
    static const char *const name[] = { "NeverOverwrite", "AutoResolve", "AlwaysOverwrite", NULL };
    const struct xml_node *changes = xml_child(call->node, MOCK_NS_MESSAGES, "ItemChanges");
    int policy;

    if (!mock_check_children(call, call->node, rule, 2))
        return false;
    if (!mock_word_parse(xml_attr(call->node, "ConflictResolution"), name, &policy))
        return mock_fault_schema(call, "The 'ConflictResolution' attribute is invalid.");
    if (!sending_check(call, "SendMeetingInvitationsOrCancellations",
                       "ErrorSendMeetingInvitationsOrCancellationsRequired"))
        return false;
    mock_response_open(call, "m:UpdateItemResponse");
    xml_open(&call->w, "m:ResponseMessages");
    for (const struct xml_node *n = changes->child; n; n = n->next) {
        struct mock_item item;
        const char *code = update(call, n, policy, &item);

        items_write(call, "m:UpdateItemResponseMessage", code, &item);
        if (!code) {
            xml_open(&call->w, "m:ConflictResults");
            xml_put(&call->w, "t:Count", GW_STR("0"));
            xml_close(&call->w);
        }
        xml_close(&call->w);
    }
    xml_close(&call->w);
    xml_close(&call->w);
    return true;
}

/* --- DeleteItem, MoveItem */

bool mock_delete_item(struct mock_call *call)
{
    static const struct mock_rule rule[] = { { MOCK_NS_MESSAGES, "ItemIds", true, false } };
    static const char *const name[] = { "HardDelete", "SoftDelete", "MoveToDeletedItems", NULL };
    const struct xml_node *ids = xml_child(call->node, MOCK_NS_MESSAGES, "ItemIds");
    int how;

    if (!mock_check_children(call, call->node, rule, 1))
        return false;
    if (!mock_word_parse(xml_attr(call->node, "DeleteType"), name, &how))
        return mock_fault_schema(call, "The 'DeleteType' attribute is invalid.");
    if (!sending_check(call, "SendMeetingCancellations", "ErrorSendMeetingCancellationsRequired"))
        return false;
    mock_response_open(call, "m:DeleteItemResponse");
    xml_open(&call->w, "m:ResponseMessages");
    for (const struct xml_node *id = ids->child; id; id = id->next) {
        struct mock_item item;
        const char *code = mock_item_lookup(call, id, &item);

        if (!code)
            mock_item_delete(call->service->org, &item, how == 2, call->now);
        mock_message_error(call, "m:DeleteItemResponseMessage", code);
    }
    xml_close(&call->w);
    xml_close(&call->w);
    return true;
}

/* Only calendars hold items here: elsewhere they are out of sight, as with MoveToDeletedItems. */
static const char *move(struct mock_call *call, const struct xml_node *id, enum mock_folder to,
                        struct mock_item *item, bool *stays)
{
    const char *code = mock_item_lookup(call, id, item);

    if (code)
        return code;
    if (item->day != MOCK_NO_DAY)
        return "ErrorCalendarCannotMoveOrCopyOccurrence";
    *stays = mock_folder_is_calendar(to);
    if (*stays && mock_folder_calendar(to) != item->data.calendar)
        return "ErrorMoveCopyFailed"; /* from one calendar to another: not modelled */
    if (!*stays)
        mock_item_delete(call->service->org, item, true, call->now);
    return NULL;
}

bool mock_move_item(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "ToFolderId", true, false },
        { MOCK_NS_MESSAGES, "ItemIds", true, false },
        { MOCK_NS_MESSAGES, "ReturnNewItemIds", false, false },
    };
    const struct xml_node *to = xml_child(call->node, MOCK_NS_MESSAGES, "ToFolderId");
    const struct xml_node *ids = xml_child(call->node, MOCK_NS_MESSAGES, "ItemIds");
    struct mock_mailbox *mailbox;
    enum mock_folder folder = MOCK_FOLDER_CALENDAR;
    const char *nowhere;

    if (!mock_check_children(call, call->node, rule, 3))
        return false;
    if (!to->child)
        return mock_fault_schema(call, "The element 'ToFolderId' has incomplete content.");
    nowhere = mock_folder_find(call, to->child, &mailbox, &folder);
    mock_response_open(call, "m:MoveItemResponse");
    xml_open(&call->w, "m:ResponseMessages");
    for (const struct xml_node *id = ids->child; id; id = id->next) {
        struct mock_item item;
        bool stays = false;
        const char *code = nowhere ? nowhere : move(call, id, folder, &item, &stays);

        items_write(call, "m:MoveItemResponseMessage", code, stays ? &item : NULL);
        xml_close(&call->w);
    }
    xml_close(&call->w);
    xml_close(&call->w);
    return true;
}
