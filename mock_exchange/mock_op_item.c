/* FindItem: what takes place in a window, or the items and series of the calendar as they are kept. And
 * GetItem. */
#include <stdio.h>
#include <stdlib.h>

#include "gw_mem.h"
#include "mock_filter.h"
#include "mock_item_fields.h"

enum { VIEW_YEARS_MAX = 2 };

struct query {
    gw_utc from, to; /* of CalendarView */
    int64_t max;
    bool has_view;
    int64_t offset, page; /* of IndexedPageItemView */
    bool from_end;
    const struct xml_node *restriction, *sort; /* NULL: all, by start */
    uint64_t fields;
};

static bool view_read(struct mock_call *call, const struct xml_node *node, struct query *view)
{
    struct gw_str max = xml_attr(node, "MaxEntriesReturned");

    view->max = INT32_MAX;
    if (mock_zone_named_parse(&call->zone, xml_attr(node, "StartDate"), &view->from) ||
        mock_zone_named_parse(&call->zone, xml_attr(node, "EndDate"), &view->to))
        return mock_fault_schema(call, "CalendarView needs StartDate and EndDate as xs:dateTime.");
    if (max.p && !gw_str_to_int(max, 1, INT32_MAX, &view->max))
        return mock_fault_schema(call, "The 'MaxEntriesReturned' attribute is invalid: '%.*s'.",
                                 GW_STR_ARG(gw_str_utf8_cut(max, 60)));
    return true;
}

static bool page_read(struct mock_call *call, const struct xml_node *node, struct query *q)
{
    static const char *const base[] = { "Beginning", "End", NULL };
    struct gw_str max = xml_attr(node, "MaxEntriesReturned");
    int base_point;

    if (!gw_str_to_int(xml_attr(node, "Offset"), 0, INT32_MAX, &q->offset) ||
        !mock_word_parse(xml_attr(node, "BasePoint"), base, &base_point) ||
        (max.p && !gw_str_to_int(max, 1, INT32_MAX, &q->page)))
        return mock_fault_schema(call, "IndexedPageItemView needs Offset and BasePoint.");
    q->from_end = base_point;
    return true;
}

/* --- what is kept: single items and masters */

static int by_order(const void *a, const void *b, void *sort)
{
    return mock_sort_compare(sort, *(struct mock_item *const *)a, *(struct mock_item *const *)b);
}

static void keep_passing(struct mock_item **items, size_t count, unsigned calendar,
                         const struct query *q, struct mock_item **out, size_t *kept)
{
    for (size_t i = 0; i < count; i++)
        if (items[i]->data.calendar == calendar && mock_filter_passes(q->restriction, items[i]))
            out[(*kept)++] = items[i];
}

static struct mock_item **kept_items(const struct mock_mailbox *mailbox, unsigned calendar,
                                     const struct query *q, size_t *count)
{
    size_t most = mailbox->item_count + mailbox->master_count;
    struct mock_item **all = gw_alloc((most + 1) * sizeof(struct mock_item *));

    *count = 0;
    keep_passing(mailbox->items, mailbox->item_count, calendar, q, all, count);
    keep_passing(mailbox->masters, mailbox->master_count, calendar, q, all, count);
    qsort_r(all, *count, sizeof(struct mock_item *), by_order, (void *)q->sort);
    return all;
}

static void root_open(struct mock_call *call, size_t total, bool last)
{
    char digits[24];

    snprintf(digits, sizeof(digits), "%zu", total);
    xml_put_attr(&call->w, "TotalItemsInView", gw_str_of(digits));
    xml_put_attr(&call->w, "IncludesLastItemInRange", gw_str_of(last ? "true" : "false"));
    xml_open(&call->w, "t:Items");
}

static void page_write(struct mock_call *call, const struct mock_mailbox *mailbox,
                       unsigned calendar, const struct query *q)
{
    int64_t limit = q->page < call->service->find_max ? q->page : call->service->find_max;
    size_t count, begin, end;
    struct mock_item **all = kept_items(mailbox, calendar, q, &count);
    char digits[24];

    begin = (size_t)q->offset < count ? (size_t)q->offset : count;
    end = count - begin > (size_t)limit ? begin + (size_t)limit : count;
    if (q->from_end) { /* the page that ends so far from the end */
        end = count - begin;
        begin = end > (size_t)limit ? end - (size_t)limit : 0;
    }
    xml_open(&call->w, "m:RootFolder");
    snprintf(digits, sizeof(digits), "%zu", q->from_end ? begin : end);
    xml_put_attr(&call->w, "IndexedPagingOffset", gw_str_of(digits));
    root_open(call, count, q->from_end ? begin == 0 : end == count);
    for (size_t i = begin; i < end; i++)
        mock_item_write(call, all[i], q->fields);
    xml_close(&call->w);
    xml_close(&call->w);
    free(all);
}

/* --- what takes place */

static void view_write(struct mock_call *call, const struct mock_view *view, const struct query *q)
{
    size_t limit = (size_t)(q->max < call->service->find_max ? q->max : call->service->find_max);
    size_t shown = view->count < limit ? view->count : limit;

    xml_open(&call->w, "m:RootFolder");
    root_open(call, shown, view->count <= limit);
    for (size_t i = 0; i < shown; i++)
        mock_item_write(call, &view->items[i], q->fields);
    xml_close(&call->w);
    xml_close(&call->w);
}

static const char *view_check(enum mock_folder folder, const struct query *q)
{
    struct gw_civil until;

    if (!mock_folder_is_calendar(folder))
        return "ErrorCalendarFolderIsInvalidForCalendarView";
    if (q->to < q->from)
        return "ErrorCalendarEndDateIsEarlierThanStartDate";
    gw_utc_to_civil(q->from, &until);
    until.year += VIEW_YEARS_MAX;
    if (q->to > gw_civil_to_utc(&until))
        return "ErrorCalendarViewRangeTooBig";
    return NULL;
}

/* Old request versions get nothing rather than a part. */
static bool is_over_limit(const struct mock_call *call, const struct mock_view *view,
                          const struct query *q)
{
    return !mock_version_has(call->version, MOCK_HAS_PARTIAL_FIND) &&
           q->max > call->service->find_max && view->count > call->service->find_max;
}

static void folder_answer(struct mock_call *call, const struct xml_node *id, const struct query *q)
{
    static const struct mock_mailbox nothing;
    struct mock_mailbox *mailbox;
    enum mock_folder folder;
    struct mock_view view = { 0 };
    const char *code = mock_folder_find(call, id, &mailbox, &folder);

    if (!code)
        code = mock_filter_check(q->restriction);
    if (!code)
        code = mock_sort_check(q->sort);
    if (!code && q->has_view)
        code = view_check(folder, q);
    if (!code && q->has_view)
        mock_view_open_of(mailbox, mock_folder_calendar(folder), q->from, q->to, &view);
    if (!code && is_over_limit(call, &view, q))
        code = "ErrorExceededFindCountLimit";
    mock_message_open(call, "m:FindItemResponseMessage", code);
    if (!code && q->has_view)
        view_write(call, &view, q);
    else if (!code)
        page_write(call, mock_folder_is_calendar(folder) ? mailbox : &nothing,
                   mock_folder_calendar(folder), q);
    xml_close(&call->w);
    mock_view_close(&view);
}

bool mock_find_item(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "ItemShape", true, false },
        { MOCK_NS_MESSAGES, "IndexedPageItemView", false, false },
        { MOCK_NS_MESSAGES, "CalendarView", false, false },
        { MOCK_NS_MESSAGES, "Restriction", false, false },
        { MOCK_NS_MESSAGES, "SortOrder", false, false },
        { MOCK_NS_MESSAGES, "ParentFolderIds", true, false },
    };
    const struct xml_node *window = xml_child(call->node, MOCK_NS_MESSAGES, "CalendarView");
    const struct xml_node *page = xml_child(call->node, MOCK_NS_MESSAGES, "IndexedPageItemView");
    const struct xml_node *ids = xml_child(call->node, MOCK_NS_MESSAGES, "ParentFolderIds");
    struct query q = { .max = INT32_MAX,
                       .page = INT32_MAX,
                       .has_view = window,
                       .restriction = xml_child(call->node, MOCK_NS_MESSAGES, "Restriction"),
                       .sort = xml_child(call->node, MOCK_NS_MESSAGES, "SortOrder") };

    if (!mock_check_children(call, call->node, rule, sizeof(rule) / sizeof(*rule)) ||
        !mock_shape_read(call, xml_child(call->node, MOCK_NS_MESSAGES, "ItemShape"), &q.fields) ||
        (window && !view_read(call, window, &q)) || (page && !page_read(call, page, &q)))
        return false;
    if (!ids->child || !gw_str_is(xml_attr(call->node, "Traversal"), "Shallow"))
        return mock_fault_schema(call, "FindItem needs Traversal=\"Shallow\" and a folder.");
    if (window && (page || q.restriction || q.sort))
        return mock_fault(call, "ErrorInvalidRequest");
    mock_response_open(call, "m:FindItemResponse");
    xml_open(&call->w, "m:ResponseMessages");
    for (const struct xml_node *id = ids->child; id; id = id->next)
        folder_answer(call, id, &q);
    xml_close(&call->w);
    xml_close(&call->w);
    return true;
}

/* --- by id */

static const char *id_find(struct mock_call *call, struct gw_str id, struct mock_item *out,
                           struct mock_item *master)
{
    struct mock_mailbox *mailbox;
    uint32_t number;
    uint64_t item;
    int64_t day;

    if (!mock_id_item_parse(id, &number, &item, &day))
        return "ErrorInvalidIdMalformed";
    mailbox = mock_mailbox_by_number(call->service->org, number);
    if (!mailbox)
        return "ErrorItemNotFound";
    if (mailbox != call->self)
        return "ErrorAccessDenied";
    if (!mock_item_by_number(call->service->org, item, master) || master->mailbox != mailbox)
        return "ErrorItemNotFound";
    *out = *master;
    if (day != MOCK_NO_DAY && !mock_item_occurrence(master, day, out))
        return "ErrorItemNotFound";
    return mock_reach(call, mailbox);
}

/* The nth of the pattern, deleted ones counted. */
static const char *nth_find(struct mock_call *call, const struct xml_node *id,
                            struct mock_item *out)
{
    struct mock_item master;
    int64_t index, day;
    const char *code = id_find(call, xml_attr(id, "RecurringMasterId"), out, &master);

    if (code)
        return code;
    if (mock_item_type(out) != MOCK_MASTER)
        return "ErrorCalendarCannotUseIdForRecurringMasterId";
    if (!gw_str_to_int(xml_attr(id, "InstanceIndex"), 1, 100000, &index))
        return "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange";
    day = mock_recur_nth(&master.series->recur, index);
    if (day == MOCK_NO_DAY)
        return "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange";
    return mock_item_occurrence(&master, day, out)
               ? NULL
               : "ErrorCalendarOccurrenceIsDeletedFromRecurrence";
}

static const char *master_find(struct mock_call *call, const struct xml_node *id,
                               struct mock_item *out)
{
    struct mock_item occurrence;
    const char *code = id_find(call, xml_attr(id, "OccurrenceId"), &occurrence, out);

    if (!code && occurrence.day == MOCK_NO_DAY)
        return "ErrorCalendarCannotUseIdForOccurrenceId";
    return code;
}

const char *mock_item_lookup(struct mock_call *call, const struct xml_node *id,
                             struct mock_item *out)
{
    struct mock_item master;

    if (xml_is(id, MOCK_NS_TYPES, "OccurrenceItemId"))
        return nth_find(call, id, out);
    if (xml_is(id, MOCK_NS_TYPES, "RecurringMasterItemId"))
        return master_find(call, id, out);
    if (!xml_is(id, MOCK_NS_TYPES, "ItemId"))
        return "ErrorInvalidIdMalformed";
    return id_find(call, xml_attr(id, "Id"), out, &master);
}

bool mock_get_item(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "ItemShape", true, false },
        { MOCK_NS_MESSAGES, "ItemIds", true, false },
    };
    const struct xml_node *ids = xml_child(call->node, MOCK_NS_MESSAGES, "ItemIds");
    struct xml_writer *w = &call->w;
    uint64_t fields = 0;

    if (!mock_check_children(call, call->node, rule, sizeof(rule) / sizeof(*rule)) ||
        !mock_shape_read(call, xml_child(call->node, MOCK_NS_MESSAGES, "ItemShape"), &fields))
        return false;
    if (!ids->child)
        return mock_fault_schema(call, "The element 'ItemIds' has incomplete content.");
    mock_response_open(call, "m:GetItemResponse");
    xml_open(w, "m:ResponseMessages");
    for (const struct xml_node *id = ids->child; id; id = id->next) {
        struct mock_item item;
        const char *code = mock_item_lookup(call, id, &item);

        mock_message_open(call, "m:GetItemResponseMessage", code);
        xml_open(w, "m:Items");
        if (!code)
            mock_item_write(call, &item, fields);
        xml_close(w);
        xml_close(w);
    }
    xml_close(w);
    xml_close(w);
    return true;
}
