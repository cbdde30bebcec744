/* FindItem with CalendarView: the items of a window, with the properties asked for. And GetItem, which
 * clients call for properties that a view cannot give; nothing here has such, so it tells the same. */
#include <stdio.h>

#include "mock_soap.h"

enum { VIEW_DAYS_MAX = 2 * 366 };

/* Properties in the order of the schema: base class first. */
enum field {
    FIELD_PARENT,
    FIELD_CLASS,
    FIELD_SUBJECT,
    FIELD_SENSITIVITY,
    FIELD_UID,
    FIELD_START,
    FIELD_END,
    FIELD_ALL_DAY,
    FIELD_BUSY,
    FIELD_LOCATION,
    FIELD_MEETING,
    FIELD_CANCELLED,
    FIELD_RECURRING,
    FIELD_TYPE,
    FIELD_RESPONSE,
    FIELD_ORGANIZER,
    FIELD_COUNT
};

static const char *const field_uri[FIELD_COUNT + 1] = {
    [FIELD_PARENT] = "item:ParentFolderId",
    [FIELD_CLASS] = "item:ItemClass",
    [FIELD_SUBJECT] = "item:Subject",
    [FIELD_SENSITIVITY] = "item:Sensitivity",
    [FIELD_UID] = "calendar:UID",
    [FIELD_START] = "calendar:Start",
    [FIELD_END] = "calendar:End",
    [FIELD_ALL_DAY] = "calendar:IsAllDayEvent",
    [FIELD_BUSY] = "calendar:LegacyFreeBusyStatus",
    [FIELD_LOCATION] = "calendar:Location",
    [FIELD_MEETING] = "calendar:IsMeeting",
    [FIELD_CANCELLED] = "calendar:IsCancelled",
    [FIELD_RECURRING] = "calendar:IsRecurring",
    [FIELD_TYPE] = "calendar:CalendarItemType",
    [FIELD_RESPONSE] = "calendar:MyResponseType",
    [FIELD_ORGANIZER] = "calendar:Organizer",
};

struct view {
    gw_utc from, to;
    int64_t max;
    unsigned fields; /* bits */
};

#define FIELD_DEFAULT                                                                              \
    (1u << FIELD_SUBJECT | 1u << FIELD_START | 1u << FIELD_END | 1u << FIELD_BUSY |                \
     1u << FIELD_LOCATION | 1u << FIELD_ORGANIZER)

static bool shape_read(struct mock_call *call, const struct xml_node *shape, unsigned *fields)
{
    static const char *const base[] = { "IdOnly", "Default", "AllProperties", NULL };
    static const unsigned base_fields[] = { 0, FIELD_DEFAULT, (1u << FIELD_COUNT) - 1 };
    struct gw_str word = xml_child_text(shape, MOCK_NS_TYPES, "BaseShape");
    const struct xml_node *extra = xml_child(shape, MOCK_NS_TYPES, "AdditionalProperties");
    int index;

    if (!mock_word_parse(word, base, &index))
        return mock_fault_schema(call, "The 'BaseShape' element is invalid.");
    *fields = base_fields[index];
    if (extra && !extra->child)
        return mock_fault_schema(call,
                                 "The element 'AdditionalProperties' has incomplete content.");
    for (const struct xml_node *n = extra ? extra->child : NULL; n; n = n->next) {
        struct gw_str uri = xml_attr(n, "FieldURI");

        if (!xml_is(n, MOCK_NS_TYPES, "FieldURI"))
            continue; /* extended and indexed ones: nothing here has them */
        if (mock_word_parse(uri, field_uri, &index))
            *fields |= 1u << index;
        else if (!gw_str_starts(uri, "item:") && !gw_str_starts(uri, "calendar:"))
            return mock_fault_schema(call, "The 'FieldURI' attribute is invalid: '%.*s'.",
                                     GW_STR_ARG(gw_str_utf8_cut(uri, 60)));
    }
    return true;
}

static bool view_read(struct mock_call *call, const struct xml_node *node, struct view *view)
{
    struct gw_str max = xml_attr(node, "MaxEntriesReturned");

    view->max = INT32_MAX;
    if (gw_utc_parse(xml_attr(node, "StartDate"), &view->from, NULL) ||
        gw_utc_parse(xml_attr(node, "EndDate"), &view->to, NULL))
        return mock_fault_schema(call, "CalendarView needs StartDate and EndDate as xs:dateTime.");
    if (max.p && !gw_str_to_int(max, 1, INT32_MAX, &view->max))
        return mock_fault_schema(call, "The 'MaxEntriesReturned' attribute is invalid: '%.*s'.",
                                 GW_STR_ARG(gw_str_utf8_cut(max, 60)));
    return true;
}

static void text_field(struct xml_writer *w, const char *name, const char *text)
{
    if (text)
        xml_put(w, name, gw_str_of(text));
}

static void organizer_write(struct xml_writer *w, const struct mock_mailbox *mailbox)
{
    xml_open(w, "t:Organizer");
    xml_open(w, "t:Mailbox");
    xml_put(w, "t:Name", gw_str_of(mailbox->display));
    xml_put(w, "t:EmailAddress", gw_str_of(mailbox->address));
    xml_put(w, "t:RoutingType", GW_STR("SMTP"));
    xml_close(w);
    xml_close(w);
}

static void field_write(struct mock_call *call, const struct mock_item *item, enum field field)
{
    const struct mock_item_data *d = &item->data;
    struct xml_writer *w = &call->w;
    struct mock_id uid;

    switch (field) {
    case FIELD_PARENT:
        mock_put_id(w, "t:ParentFolderId",
                    mock_id_folder(item->mailbox->number, MOCK_FOLDER_CALENDAR),
                    item->mailbox->change);
        break;
    case FIELD_CLASS:
        text_field(w, "t:ItemClass", "IPM.Appointment");
        break;
    case FIELD_SUBJECT:
        text_field(w, "t:Subject", d->subject);
        break;
    case FIELD_SENSITIVITY:
        text_field(w, "t:Sensitivity", mock_sensitivity_name(d->sensitivity));
        break;
    case FIELD_UID:
        uid = mock_id_item(0, item->number);
        text_field(w, "t:UID", uid.s);
        break;
    case FIELD_START:
        mock_put_utc(w, "t:Start", d->start);
        break;
    case FIELD_END:
        mock_put_utc(w, "t:End", d->end);
        break;
    case FIELD_ALL_DAY:
        mock_put_bool(w, "t:IsAllDayEvent", d->all_day);
        break;
    case FIELD_BUSY:
        text_field(w, "t:LegacyFreeBusyStatus", gw_busy_name(mock_busy_for(call, d->busy)));
        break;
    case FIELD_LOCATION:
        text_field(w, "t:Location", d->location);
        break;
    case FIELD_MEETING:
        mock_put_bool(w, "t:IsMeeting", d->meeting);
        break;
    case FIELD_CANCELLED:
        mock_put_bool(w, "t:IsCancelled", d->cancelled);
        break;
    case FIELD_RECURRING:
        mock_put_bool(w, "t:IsRecurring", d->type != MOCK_SINGLE);
        break;
    case FIELD_TYPE:
        text_field(w, "t:CalendarItemType", mock_item_type_name(d->type));
        break;
    case FIELD_RESPONSE:
        text_field(w, "t:MyResponseType", mock_response_name(d->response));
        break;
    case FIELD_ORGANIZER:
        organizer_write(w, item->mailbox);
        break;
    case FIELD_COUNT:
        break;
    }
}

static void item_write(struct mock_call *call, const struct mock_item *item, unsigned fields)
{
    xml_open(&call->w, "t:CalendarItem");
    mock_put_id(&call->w, "t:ItemId", mock_id_item(item->mailbox->number, item->number),
                item->change);
    for (int f = 0; f < FIELD_COUNT; f++)
        if (fields & 1u << f)
            field_write(call, item, (enum field)f);
    xml_close(&call->w);
}

/* Counts first: the totals are attributes of the element that holds the items. */
static void folder_items_write(struct mock_call *call, const struct mock_mailbox *mailbox,
                               bool calendar, const struct view *view)
{
    int64_t limit = view->max < call->service->find_max ? view->max : call->service->find_max;
    int64_t total = 0, written = 0;
    struct xml_writer *w = &call->w;
    const struct mock_item *item;
    size_t pos = 0;
    char digits[24];

    while (calendar && mock_item_next_in(mailbox, view->from, view->to, &pos))
        total++;
    snprintf(digits, sizeof(digits), "%lld", (long long)(total < limit ? total : limit));
    xml_open(w, "m:RootFolder");
    xml_put_attr(w, "TotalItemsInView", gw_str_of(digits));
    xml_put_attr(w, "IncludesLastItemInRange", gw_str_of(total <= limit ? "true" : "false"));
    xml_open(w, "t:Items");
    pos = 0;
    while (calendar && written < limit &&
           (item = mock_item_next_in(mailbox, view->from, view->to, &pos))) {
        item_write(call, item, view->fields);
        written++;
    }
    xml_close(w);
    xml_close(w);
}

static const char *view_check(struct mock_call *call, enum mock_folder folder,
                              const struct mock_mailbox *mailbox, const struct view *view)
{
    size_t pos = 0;
    unsigned total = 0;

    if (folder != MOCK_FOLDER_CALENDAR)
        return "ErrorCalendarFolderIsInvalidForCalendarView";
    if (view->to < view->from)
        return "ErrorCalendarEndDateIsEarlierThanStartDate";
    if (view->to - view->from > (int64_t)VIEW_DAYS_MAX * GW_DAY_MS)
        return "ErrorCalendarViewRangeTooBig";
    if (mock_version_has(call->version, MOCK_HAS_PARTIAL_FIND) ||
        view->max <= call->service->find_max)
        return NULL;
    while (mock_item_next_in(mailbox, view->from, view->to, &pos))
        total++;
    return total > call->service->find_max ? "ErrorExceededFindCountLimit" : NULL;
}

static void folder_answer(struct mock_call *call, const struct xml_node *id, bool has_view,
                          const struct view *view)
{
    struct mock_mailbox *mailbox;
    enum mock_folder folder;
    const char *code = mock_folder_find(call, id, &mailbox, &folder);

    if (!code && has_view)
        code = view_check(call, folder, mailbox, view);
    mock_message_open(call, "m:FindItemResponseMessage", code);
    if (!code)
        folder_items_write(call, mailbox, folder == MOCK_FOLDER_CALENDAR, view);
    xml_close(&call->w);
}

bool mock_find_item(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "ItemShape", true, false },
        { MOCK_NS_MESSAGES, "IndexedPageItemView", false, false },
        { MOCK_NS_MESSAGES, "CalendarView", false, false },
        { MOCK_NS_MESSAGES, "ParentFolderIds", true, false },
    };
    const struct xml_node *window = xml_child(call->node, MOCK_NS_MESSAGES, "CalendarView");
    const struct xml_node *ids = xml_child(call->node, MOCK_NS_MESSAGES, "ParentFolderIds");
    struct view view = { .from = INT64_MIN / 4, .to = INT64_MAX / 4, .max = INT32_MAX };
    struct gw_str traversal = xml_attr(call->node, "Traversal");
    struct xml_writer *w = &call->w;

    if (!mock_check_children(call, call->node, rule, sizeof(rule) / sizeof(*rule)) ||
        !shape_read(call, xml_child(call->node, MOCK_NS_MESSAGES, "ItemShape"), &view.fields) ||
        (window && !view_read(call, window, &view)))
        return false;
    if (!ids->child || !gw_str_is(traversal, "Shallow"))
        return mock_fault_schema(call, "FindItem needs Traversal=\"Shallow\" and a folder.");
    xml_open(w, "m:FindItemResponse");
    xml_put_attr(w, "xmlns:m", GW_STR(MOCK_NS_MESSAGES));
    xml_put_attr(w, "xmlns:t", GW_STR(MOCK_NS_TYPES));
    xml_open(w, "m:ResponseMessages");
    for (const struct xml_node *id = ids->child; id; id = id->next)
        folder_answer(call, id, window, &view);
    xml_close(w);
    xml_close(w);
    return true;
}

static const struct mock_item *item_find(struct mock_call *call, const struct xml_node *id,
                                         const char **code)
{
    struct mock_mailbox *mailbox;
    uint32_t number;
    uint64_t item;
    char key[24];

    *code = "ErrorInvalidIdMalformed";
    if (!xml_is(id, MOCK_NS_TYPES, "ItemId") ||
        !mock_id_item_parse(xml_attr(id, "Id"), &number, &item))
        return NULL;
    mailbox = mock_mailbox_by_number(call->service->org, number);
    *code = !mailbox ? "ErrorItemNotFound" : mailbox != call->self ? "ErrorAccessDenied" : NULL;
    if (*code)
        return NULL;
    *code = "ErrorItemNotFound";
    snprintf(key, sizeof(key), "%llu", (unsigned long long)item);
    return mock_item_find(call->service->org, gw_str_of(key));
}

bool mock_get_item(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "ItemShape", true, false },
        { MOCK_NS_MESSAGES, "ItemIds", true, false },
    };
    const struct xml_node *ids = xml_child(call->node, MOCK_NS_MESSAGES, "ItemIds");
    struct xml_writer *w = &call->w;
    unsigned fields = 0;

    if (!mock_check_children(call, call->node, rule, sizeof(rule) / sizeof(*rule)) ||
        !shape_read(call, xml_child(call->node, MOCK_NS_MESSAGES, "ItemShape"), &fields))
        return false;
    if (!ids->child)
        return mock_fault_schema(call, "The element 'ItemIds' has incomplete content.");
    xml_open(w, "m:GetItemResponse");
    xml_put_attr(w, "xmlns:m", GW_STR(MOCK_NS_MESSAGES));
    xml_put_attr(w, "xmlns:t", GW_STR(MOCK_NS_TYPES));
    xml_open(w, "m:ResponseMessages");
    for (const struct xml_node *id = ids->child; id; id = id->next) {
        const char *code;
        const struct mock_item *item = item_find(call, id, &code);

        mock_message_open(call, "m:GetItemResponseMessage", item ? NULL : code);
        xml_open(w, "m:Items");
        if (item)
            item_write(call, item, fields);
        xml_close(w);
        xml_close(w);
    }
    xml_close(w);
    xml_close(w);
    return true;
}
