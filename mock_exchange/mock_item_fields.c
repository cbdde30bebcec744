#include "mock_item_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "mock_recurrence.h"
#include "mock_zone_read.h"

typedef void write_fn(struct mock_call *call, const struct mock_item *item, const char *element);
typedef const char *read_fn(struct mock_draft *draft, const struct xml_node *node);

static write_fn write_parent, write_class, write_subject, write_sensitivity, write_uid, write_start,
    write_end, write_original, write_all_day, write_busy, write_location, write_meeting,
    write_cancelled, write_recurring, write_type, write_response, write_organizer, write_recurrence,
    write_first, write_last, write_modified, write_deleted, write_display_to, write_display_cc,
    write_no;
static read_fn read_class, read_subject, read_sensitivity, read_start, read_end, read_all_day,
    read_busy, read_location, read_attendees, read_recurrence, read_zone, keep;

/* In the order of the schema, base class first. No 'read': only the server sets it. 'keep' without
 * 'write': it comes back as it came. */
static const struct field {
    const char *uri, *element;
    enum mock_version since;
    write_fn *write;
    read_fn *read;
    bool by_default; /* of BaseShape Default */
} field[] = {
    { "item:ParentFolderId", "t:ParentFolderId", MOCK_V2007, write_parent, NULL, false },
    { "item:ItemClass", "t:ItemClass", MOCK_V2007, write_class, read_class, false },
    { "item:Subject", "t:Subject", MOCK_V2007, write_subject, read_subject, true },
    { "item:Sensitivity", "t:Sensitivity", MOCK_V2007, write_sensitivity, read_sensitivity, false },
    { "item:Body", "t:Body", MOCK_V2007, NULL, keep, false },
    { "item:Categories", "t:Categories", MOCK_V2007, NULL, keep, false },
    { "item:Importance", "t:Importance", MOCK_V2007, NULL, keep, false },
    { "item:ReminderDueBy", "t:ReminderDueBy", MOCK_V2007, NULL, keep, false },
    { "item:ReminderIsSet", "t:ReminderIsSet", MOCK_V2007, NULL, keep, false },
    { "item:ReminderMinutesBeforeStart", "t:ReminderMinutesBeforeStart", MOCK_V2007, NULL, keep,
      false },
    { "item:DisplayCc", "t:DisplayCc", MOCK_V2007, write_display_cc, NULL, false },
    { "item:DisplayTo", "t:DisplayTo", MOCK_V2007, write_display_to, NULL, false },
    { "item:HasAttachments", "t:HasAttachments", MOCK_V2007, write_no, NULL, true },
    { "item:ExtendedProperty", "t:ExtendedProperty", MOCK_V2007, NULL, keep, false },
    { "item:Culture", "t:Culture", MOCK_V2007, NULL, keep, false },
    { "calendar:UID", "t:UID", MOCK_V2007_SP1, write_uid, keep, false },
    { "calendar:Start", "t:Start", MOCK_V2007, write_start, read_start, true },
    { "calendar:End", "t:End", MOCK_V2007, write_end, read_end, true },
    { "calendar:OriginalStart", "t:OriginalStart", MOCK_V2007, write_original, NULL, false },
    { "calendar:IsAllDayEvent", "t:IsAllDayEvent", MOCK_V2007, write_all_day, read_all_day, false },
    { "calendar:LegacyFreeBusyStatus", "t:LegacyFreeBusyStatus", MOCK_V2007, write_busy, read_busy,
      true },
    { "calendar:Location", "t:Location", MOCK_V2007, write_location, read_location, true },
    { "calendar:IsMeeting", "t:IsMeeting", MOCK_V2007, write_meeting, NULL, false },
    { "calendar:IsCancelled", "t:IsCancelled", MOCK_V2007, write_cancelled, NULL, false },
    { "calendar:IsRecurring", "t:IsRecurring", MOCK_V2007, write_recurring, NULL, false },
    { "calendar:MeetingRequestWasSent", "t:MeetingRequestWasSent", MOCK_V2007, write_no, NULL,
      false },
    { "calendar:IsResponseRequested", "t:IsResponseRequested", MOCK_V2007, NULL, keep, false },
    { "calendar:CalendarItemType", "t:CalendarItemType", MOCK_V2007, write_type, NULL, true },
    { "calendar:MyResponseType", "t:MyResponseType", MOCK_V2007, write_response, NULL, false },
    { "calendar:Organizer", "t:Organizer", MOCK_V2007, write_organizer, NULL, true },
    { "calendar:RequiredAttendees", "t:RequiredAttendees", MOCK_V2007, NULL, read_attendees,
      false },
    { "calendar:OptionalAttendees", "t:OptionalAttendees", MOCK_V2007, NULL, read_attendees,
      false },
    { "calendar:Resources", "t:Resources", MOCK_V2007, NULL, read_attendees, false },
    { "calendar:Recurrence", "t:Recurrence", MOCK_V2007, write_recurrence, read_recurrence, false },
    { "calendar:FirstOccurrence", "t:FirstOccurrence", MOCK_V2007, write_first, NULL, false },
    { "calendar:LastOccurrence", "t:LastOccurrence", MOCK_V2007, write_last, NULL, false },
    { "calendar:ModifiedOccurrences", "t:ModifiedOccurrences", MOCK_V2007, write_modified, NULL,
      false },
    { "calendar:DeletedOccurrences", "t:DeletedOccurrences", MOCK_V2007, write_deleted, NULL,
      false },
    { "calendar:MeetingTimeZone", "t:MeetingTimeZone", MOCK_V2007, NULL, read_zone, false },
    { "calendar:StartTimeZone", "t:StartTimeZone", MOCK_V2010, NULL, read_zone, false },
    { "calendar:EndTimeZone", "t:EndTimeZone", MOCK_V2010, NULL, keep, false },
    { "calendar:ConferenceType", "t:ConferenceType", MOCK_V2007, NULL, keep, false },
    { "calendar:AllowNewTimeProposal", "t:AllowNewTimeProposal", MOCK_V2007, NULL, keep, false },
    { "calendar:IsOnlineMeeting", "t:IsOnlineMeeting", MOCK_V2007, NULL, keep, false },
    { "calendar:MeetingWorkspaceUrl", "t:MeetingWorkspaceUrl", MOCK_V2007, NULL, keep, false },
    { "calendar:NetShowUrl", "t:NetShowUrl", MOCK_V2007, NULL, keep, false },
};
#define FIELDS (sizeof(field) / sizeof(*field))
_Static_assert(FIELDS <= 64, "a bit each");

static unsigned field_of_element(struct gw_str name)
{
    for (unsigned f = 0; f < FIELDS; f++)
        if (gw_str_is(name, field[f].element + strlen("t:")))
            return f;
    return FIELDS;
}

static unsigned field_of_uri(struct gw_str uri)
{
    for (unsigned f = 0; f < FIELDS; f++)
        if (gw_str_is(uri, field[f].uri))
            return f;
    return FIELDS;
}

/* --- which ones */

static uint64_t base_fields(const struct mock_call *call, int base)
{
    uint64_t fields = 0;

    for (unsigned f = 0; f < FIELDS; f++)
        if (base && field[f].since <= call->version && (base == 2 || field[f].by_default))
            fields |= UINT64_C(1) << f;
    return fields;
}

bool mock_shape_read(struct mock_call *call, const struct xml_node *shape, uint64_t *fields)
{
    static const char *const base[] = { "IdOnly", "Default", "AllProperties", NULL };
    struct gw_str word = xml_child_text(shape, MOCK_NS_TYPES, "BaseShape");
    const struct xml_node *extra = xml_child(shape, MOCK_NS_TYPES, "AdditionalProperties");
    int index;

    if (!mock_word_parse(word, base, &index))
        return mock_fault_schema(call, "The 'BaseShape' element is invalid.");
    *fields = base_fields(call, index);
    if (extra && !extra->child)
        return mock_fault_schema(call,
                                 "The element 'AdditionalProperties' has incomplete content.");
    for (const struct xml_node *n = extra ? extra->child : NULL; n; n = n->next) {
        struct gw_str uri = xml_attr(n, "FieldURI");
        unsigned f = field_of_uri(uri);

        if (xml_is(n, MOCK_NS_TYPES, "ExtendedFieldURI"))
            f = field_of_element(GW_STR("ExtendedProperty"));
        else if (!xml_is(n, MOCK_NS_TYPES, "FieldURI"))
            continue; /* indexed ones: nothing here has them */
        if (f < FIELDS && field[f].since <= call->version)
            *fields |= UINT64_C(1) << f;
        else if (f == FIELDS && gw_str_find(uri, ':') < 0) /* those of other kinds are none here */
            return mock_fault_schema(call, "The 'FieldURI' attribute is invalid: '%.*s'.",
                                     GW_STR_ARG(gw_str_utf8_cut(uri, 60)));
    }
    return true;
}

/* --- writing */

static void put_text(struct mock_call *call, const char *element, const char *text)
{
    if (text)
        xml_put(&call->w, element, gw_str_of(text));
}

static void write_parent(struct mock_call *call, const struct mock_item *item, const char *element)
{
    mock_put_id(&call->w, element,
                mock_id_folder(item->mailbox->number, mock_calendar_folder(item->data.calendar)),
                item->mailbox->change);
}

static void write_class(struct mock_call *call, const struct mock_item *item, const char *element)
{
    (void)item;
    put_text(call, element, "IPM.Appointment");
}

static void write_subject(struct mock_call *call, const struct mock_item *item, const char *element)
{
    put_text(call, element, item->data.subject);
}

static void write_sensitivity(struct mock_call *call, const struct mock_item *item,
                              const char *element)
{
    put_text(call, element, mock_sensitivity_name(item->data.sensitivity));
}

static void write_uid(struct mock_call *call, const struct mock_item *item, const char *element)
{
    put_text(call, element, mock_id_item(0, item->number).s);
}

static void write_start(struct mock_call *call, const struct mock_item *item, const char *element)
{
    mock_put_utc(&call->w, element, item->data.start);
}

static void write_end(struct mock_call *call, const struct mock_item *item, const char *element)
{
    mock_put_utc(&call->w, element, item->data.end);
}

static void write_original(struct mock_call *call, const struct mock_item *item,
                           const char *element)
{
    if (item->is_exception)
        mock_put_utc(&call->w, element, mock_series_start(item->series, item->day));
}

static void write_all_day(struct mock_call *call, const struct mock_item *item, const char *element)
{
    mock_put_bool(&call->w, element, item->data.all_day);
}

static void write_busy(struct mock_call *call, const struct mock_item *item, const char *element)
{
    put_text(call, element, gw_busy_name(mock_busy_for(call, item->data.busy)));
}

static void write_location(struct mock_call *call, const struct mock_item *item,
                           const char *element)
{
    put_text(call, element, item->data.location);
}

static void write_meeting(struct mock_call *call, const struct mock_item *item, const char *element)
{
    mock_put_bool(&call->w, element, item->data.meeting);
}

static void write_cancelled(struct mock_call *call, const struct mock_item *item,
                            const char *element)
{
    mock_put_bool(&call->w, element, item->data.cancelled);
}

/* Of an occurrence; its master says so by its type. */
static void write_recurring(struct mock_call *call, const struct mock_item *item,
                            const char *element)
{
    mock_put_bool(&call->w, element, item->day != MOCK_NO_DAY);
}

static void write_type(struct mock_call *call, const struct mock_item *item, const char *element)
{
    put_text(call, element, mock_item_type_name(mock_item_type(item)));
}

static void write_response(struct mock_call *call, const struct mock_item *item,
                           const char *element)
{
    put_text(call, element, mock_response_name(item->data.response));
}

static void write_organizer(struct mock_call *call, const struct mock_item *item,
                            const char *element)
{
    struct xml_writer *w = &call->w;

    xml_open(w, element);
    xml_open(w, "t:Mailbox");
    xml_put(w, "t:Name", gw_str_of(item->mailbox->display));
    xml_put(w, "t:EmailAddress", gw_str_of(item->mailbox->address));
    xml_put(w, "t:RoutingType", GW_STR("SMTP"));
    xml_close(w);
    xml_close(w);
}

/* The names of attendees that were kept, as FindItem tells them, which does not tell attendees. */
static void write_names(struct mock_call *call, const struct mock_item *item, const char *element,
                        const char *attendees)
{
    const struct mock_extras *extras = item->data.extras;
    unsigned f = field_of_element(gw_str_of(attendees));
    const struct xml_limits limits = { MOCK_EXTRA_BYTES_MAX, XML_DEPTH_DEFAULT, 10000,
                                       XML_ATTRS_DEFAULT };
    struct gw_buf names;

    gw_buf_init(&names, MOCK_EXTRA_BYTES_MAX);
    for (size_t i = 0; extras && i < extras->count; i++) {
        struct xml_doc *doc = NULL;

        if (extras->extra[i].field != f ||
            xml_doc_parse(gw_str_of(extras->extra[i].xml), &limits, &doc, NULL))
            continue;
        for (const struct xml_node *n = xml_doc_root(doc)->child; n; n = n->next) {
            const struct xml_node *mailbox = xml_child(n, NULL, "Mailbox");
            struct gw_str name = xml_child_text(mailbox, NULL, "Name");

            if (!name.len)
                name = xml_child_text(mailbox, NULL, "EmailAddress");
            gw_buf_addf(&names, "%s%.*s", names.len ? "; " : "", GW_STR_ARG(name));
        }
        xml_doc_free(&doc);
    }
    xml_put(&call->w, element, gw_buf_str(&names));
    gw_buf_done(&names);
}

static void write_display_to(struct mock_call *call, const struct mock_item *item,
                             const char *element)
{
    write_names(call, item, element, "RequiredAttendees");
}

static void write_display_cc(struct mock_call *call, const struct mock_item *item,
                             const char *element)
{
    write_names(call, item, element, "OptionalAttendees");
}

static void write_no(struct mock_call *call, const struct mock_item *item, const char *element)
{
    (void)item;
    mock_put_bool(&call->w, element, false);
}

/* The rest is about series, and told by the master. */
static bool is_master(const struct mock_item *item)
{
    return mock_item_type(item) == MOCK_MASTER;
}

static void write_recurrence(struct mock_call *call, const struct mock_item *item,
                             const char *element)
{
    if (is_master(item))
        mock_recurrence_write(&call->w, element, &item->series->recur);
}

static void occurrence_write(struct mock_call *call, const struct mock_item *item,
                             const char *element)
{
    struct xml_writer *w = &call->w;

    xml_open(w, element);
    mock_put_id(w, "t:ItemId", mock_item_id(item), item->change);
    mock_put_utc(w, "t:Start", item->data.start);
    mock_put_utc(w, "t:End", item->data.end);
    mock_put_utc(w, "t:OriginalStart", mock_series_start(item->series, item->day));
    xml_close(w);
}

/* From one end of the series until one that is not deleted: there are only so many exceptions. */
static void write_end_of_series(struct mock_call *call, const struct mock_item *item,
                                const char *element, bool last)
{
    struct mock_item found;
    const struct mock_recur *r;
    int64_t day;

    if (!is_master(item) || (last && item->series->recur.last_day == MOCK_NO_DAY))
        return;
    r = &item->series->recur;
    day = last ? mock_recur_last(r) : mock_recur_next(r, r->first_day);
    while (day != MOCK_NO_DAY && !mock_item_occurrence(item, day, &found))
        day = last ? mock_recur_before(r, day) : mock_recur_next(r, day + 1);
    if (day != MOCK_NO_DAY)
        occurrence_write(call, &found, element);
}

static void write_first(struct mock_call *call, const struct mock_item *item, const char *element)
{
    write_end_of_series(call, item, element, false);
}

static void write_last(struct mock_call *call, const struct mock_item *item, const char *element)
{
    write_end_of_series(call, item, element, true);
}

/* Those with an item of their own, or those that are gone. */
static void write_exceptions(struct mock_call *call, const struct mock_item *item,
                             const char *element, bool deleted)
{
    struct xml_writer *w = &call->w;
    bool any = false;

    for (size_t i = 0; is_master(item) && i < item->series->exception_count; i++) {
        const struct mock_exception *e = &item->series->exceptions[i];

        if (!e->item != deleted)
            continue;
        if (!any)
            xml_open(w, element);
        any = true;
        if (e->item) {
            occurrence_write(call, e->item, "t:Occurrence");
        } else {
            xml_open(w, "t:DeletedOccurrence");
            mock_put_utc(w, "t:Start", mock_series_start(item->series, e->day));
            xml_close(w);
        }
    }
    if (any)
        xml_close(w);
}

static void write_modified(struct mock_call *call, const struct mock_item *item,
                           const char *element)
{
    write_exceptions(call, item, element, false);
}

static void write_deleted(struct mock_call *call, const struct mock_item *item, const char *element)
{
    write_exceptions(call, item, element, true);
}

/* False: nothing was kept of it. */
static bool extras_write(struct mock_call *call, const struct mock_extras *extras, unsigned f)
{
    bool any = false;

    for (size_t i = 0; extras && i < extras->count; i++) {
        if (extras->extra[i].field != f)
            continue;
        xml_flush_tag(&call->w);
        gw_buf_add_cstr(call->w.out, extras->extra[i].xml);
        any = true;
    }
    return any;
}

void mock_item_write(struct mock_call *call, const struct mock_item *item, uint64_t fields)
{
    xml_open(&call->w, "t:CalendarItem");
    mock_put_id(&call->w, "t:ItemId", mock_item_id(item), item->change);
    for (unsigned f = 0; f < FIELDS; f++)
        if ((fields & UINT64_C(1) << f) && !extras_write(call, item->data.extras, f) &&
            field[f].write)
            field[f].write(call, item, field[f].element);
    xml_close(&call->w);
}

void mock_item_write_id(struct mock_call *call, const struct mock_item *item)
{
    mock_item_write(call, item, 0);
}

/* --- reading */

void mock_draft_init(struct mock_draft *draft, const struct mock_call *call,
                     const struct mock_item *item)
{
    *draft =
        (struct mock_draft){ .zone = call->zone, .data.start = GW_NEVER, .data.end = GW_NEVER };
    draft->data.busy = GW_BUSY_BUSY;
    draft->data.response = MOCK_RESPONSE_ORGANIZER;
    if (!item)
        return;
    draft->data = (struct mock_item_data){ 0 };
    mock_item_data_copy(&draft->data, &item->data);
    draft->has_busy = true;
    if (item->series)
        draft->zone = item->series->zone;
}

void mock_draft_done(struct mock_draft *draft)
{
    mock_item_data_done(&draft->data);
}

static const char *extra_add(struct mock_draft *draft, unsigned f, struct gw_str xml)
{
    struct mock_extras *old = draft->data.extras, *extras;
    size_t count = old ? old->count : 0;

    if (count == MOCK_EXTRAS_MAX || xml.len > MOCK_EXTRA_BYTES_MAX)
        return "ErrorMessageSizeExceeded";
    extras = gw_alloc(sizeof(*extras) + (count + 1) * sizeof(extras->extra[0]));
    extras->count = count + 1;
    for (size_t i = 0; i < count; i++)
        extras->extra[i] = old->extra[i];
    extras->extra[count] = (struct mock_extra){ .field = f, .xml = gw_str_dup(xml) };
    free(old);
    draft->data.extras = extras;
    return NULL;
}

static void extras_remove(struct mock_draft *draft, unsigned f)
{
    struct mock_extras *extras = draft->data.extras;
    size_t kept = 0;

    for (size_t i = 0; extras && i < extras->count; i++) {
        if (extras->extra[i].field == f)
            free(extras->extra[i].xml);
        else
            extras->extra[kept++] = extras->extra[i];
    }
    if (extras)
        extras->count = kept;
}

static const char *keep(struct mock_draft *draft, const struct xml_node *node)
{
    const char *code;
    struct xml_writer w;
    struct gw_buf xml;

    gw_buf_init(&xml, MOCK_EXTRA_BYTES_MAX + 1);
    xml_write_init(&w, &xml);
    xml_put_node(&w, node, GW_STR(""));
    code = xml.failed ? "ErrorMessageSizeExceeded"
                      : extra_add(draft, field_of_element(node->name), gw_buf_str(&xml));
    gw_buf_done(&xml);
    return code;
}

static const char *read_class(struct mock_draft *draft, const struct xml_node *node)
{
    (void)draft;
    return gw_str_starts(xml_text(node), "IPM.Appointment")
               ? NULL
               : "ErrorInvalidItemForOperationCreateItem";
}

static const char *read_text(const struct xml_node *node, char **out)
{
    if (node->text.len > MOCK_TEXT_MAX)
        return "ErrorMessageSizeExceeded";
    free(*out);
    *out = gw_str_dup(node->text);
    return NULL;
}

static const char *read_subject(struct mock_draft *draft, const struct xml_node *node)
{
    return read_text(node, &draft->data.subject);
}

static const char *read_location(struct mock_draft *draft, const struct xml_node *node)
{
    return read_text(node, &draft->data.location);
}

static const char *read_sensitivity(struct mock_draft *draft, const struct xml_node *node)
{
    static const char *const name[] = { "Normal", "Personal", "Private", "Confidential", NULL };
    int word;

    if (!mock_word_parse(xml_text(node), name, &word))
        return "ErrorSchemaValidation";
    draft->data.sensitivity = (enum mock_sensitivity)word;
    return NULL;
}

/* Times without offset are of the zone known by now: that of the request. */
static const char *read_start(struct mock_draft *draft, const struct xml_node *node)
{
    return mock_zone_named_parse(&draft->zone, xml_text(node), &draft->data.start)
               ? "ErrorSchemaValidation"
               : NULL;
}

static const char *read_end(struct mock_draft *draft, const struct xml_node *node)
{
    return mock_zone_named_parse(&draft->zone, xml_text(node), &draft->data.end)
               ? "ErrorSchemaValidation"
               : NULL;
}

static const char *read_all_day(struct mock_draft *draft, const struct xml_node *node)
{
    static const char *const name[] = { "false", "true", "0", "1", NULL };
    int word;

    if (!mock_word_parse(xml_text(node), name, &word))
        return "ErrorSchemaValidation";
    draft->data.all_day = word % 2;
    return NULL;
}

static const char *read_busy(struct mock_draft *draft, const struct xml_node *node)
{
    static const char *const name[] = { "NoData", "Free", "Tentative", "WorkingElsewhere",
                                        "Busy",   "OOF",  NULL };
    int word;

    if (!mock_word_parse(xml_text(node), name, &word))
        return "ErrorSchemaValidation";
    draft->data.busy = (enum gw_busy)word;
    draft->has_busy = true;
    return NULL;
}

static const char *read_attendees(struct mock_draft *draft, const struct xml_node *node)
{
    draft->is_meeting = draft->is_meeting || node->child;
    return keep(draft, node);
}

static const char *read_recurrence(struct mock_draft *draft, const struct xml_node *node)
{
    draft->has_recurrence = true;
    draft->ends_series = false;
    return mock_recurrence_read(node, &draft->recurrence.recur);
}

/* By its name, or as it is described. Exchange 2007's clients may call it anything. */
static const char *read_zone(struct mock_draft *draft, const struct xml_node *node)
{
    struct gw_str id = xml_attr(node, "Id");

    if (!mock_zone_find(id.p ? id : xml_attr(node, "TimeZoneName"), &draft->zone) &&
        (node->child ? !mock_zone_read(node, &draft->zone) : id.p != NULL))
        return "ErrorCalendarInvalidTimeZone";
    return keep(draft, node);
}

static const char *element_read(struct mock_draft *draft, const struct xml_node *node)
{
    unsigned f = field_of_element(node->name);

    if (!gw_str_is(node->ns, MOCK_NS_TYPES) || f == FIELDS || !field[f].read)
        return "ErrorInvalidPropertySet";
    return field[f].read(draft, node);
}

const char *mock_draft_read(struct mock_draft *draft, const struct xml_node *item)
{
    const char *code = NULL;

    if (!xml_is(item, MOCK_NS_TYPES, "CalendarItem"))
        return "ErrorInvalidItemForOperationCreateItem";
    for (const struct xml_node *n = item->child; n && !code; n = n->next)
        code = element_read(draft, n);
    return code;
}

/* --- one property */

static unsigned field_named(const struct xml_node *change)
{
    if (xml_child(change, MOCK_NS_TYPES, "ExtendedFieldURI"))
        return field_of_element(GW_STR("ExtendedProperty"));
    return field_of_uri(xml_attr(xml_child(change, MOCK_NS_TYPES, "FieldURI"), "FieldURI"));
}

static const char *property_set(struct mock_draft *draft, unsigned f, const struct xml_node *change)
{
    const struct xml_node *item = xml_child(change, MOCK_NS_TYPES, "CalendarItem");

    if (!item || !item->child || item->child->next)
        return "ErrorIncorrectUpdatePropertyCount";
    if (field_of_element(item->child->name) != f)
        return "ErrorUpdatePropertyMismatch";
    extras_remove(draft, f);
    return element_read(draft, item->child);
}

static const char *property_delete(struct mock_draft *draft, unsigned f)
{
    extras_remove(draft, f);
    if (field[f].read == read_subject) {
        free(draft->data.subject);
        draft->data.subject = NULL;
    } else if (field[f].read == read_location) {
        free(draft->data.location);
        draft->data.location = NULL;
    } else if (field[f].read == read_recurrence) {
        draft->has_recurrence = draft->ends_series = true;
    } else if (field[f].write) {
        return "ErrorInvalidPropertyDelete";
    }
    return NULL;
}

/* The text behind what is kept already; of the kind, text or HTML, that this is. */
static const char *body_append(struct mock_draft *draft, unsigned f, const struct xml_node *more)
{
    static const struct xml_limits limits = {
        .size_max = MOCK_EXTRA_BYTES_MAX, .depth_max = 4, .nodes_max = 4, .attrs_max = 4
    };
    const struct mock_extras *extras = draft->data.extras;
    const struct mock_extra *old = NULL;
    struct xml_doc *doc = NULL;
    struct xml_writer w;
    struct gw_buf xml;
    const char *code;

    for (size_t i = 0; extras && i < extras->count; i++)
        old = extras->extra[i].field == f ? &extras->extra[i] : old;
    if (!old)
        return keep(draft, more);
    if (xml_doc_parse(gw_str_of(old->xml), &limits, &doc, NULL))
        return "ErrorInvalidPropertyAppend";
    gw_buf_init(&xml, MOCK_EXTRA_BYTES_MAX);
    xml_write_init(&w, &xml);
    xml_open(&w, "Body");
    xml_put_attr(&w, "xmlns", GW_STR(MOCK_NS_TYPES));
    xml_put_attr(&w, "BodyType", xml_attr(xml_doc_root(doc), "BodyType"));
    xml_put_text(&w, xml_doc_root(doc)->text);
    xml_put_text(&w, more->text);
    xml_close(&w);
    extras_remove(draft, f);
    code = xml.failed ? "ErrorMessageSizeExceeded" : extra_add(draft, f, gw_buf_str(&xml));
    gw_buf_done(&xml);
    xml_doc_free(&doc);
    return code;
}

static const char *property_append(struct mock_draft *draft, unsigned f,
                                   const struct xml_node *change)
{
    const struct xml_node *more =
        xml_child(xml_child(change, MOCK_NS_TYPES, "CalendarItem"), MOCK_NS_TYPES, "Body");

    if (f != field_of_element(GW_STR("Body")))
        return "ErrorInvalidPropertyAppend";
    return more ? body_append(draft, f, more) : "ErrorUpdatePropertyMismatch";
}

const char *mock_draft_change(struct mock_draft *draft, const struct xml_node *change)
{
    unsigned f = field_named(change);

    if (f == FIELDS)
        return "ErrorInvalidPropertyRequest";
    if (xml_is(change, MOCK_NS_TYPES, "SetItemField"))
        return property_set(draft, f, change);
    if (xml_is(change, MOCK_NS_TYPES, "DeleteItemField"))
        return property_delete(draft, f);
    return property_append(draft, f, change);
}

/* --- the whole */

/* All-day items last whole days of their zone. */
static void days_snap(struct mock_draft *draft)
{
    gw_utc start = mock_zone_named_to_local(&draft->zone, draft->data.start);
    gw_utc end = mock_zone_named_to_local(&draft->zone, draft->data.end);
    int64_t first = mock_day_of(start), last = mock_day_of(end + GW_DAY_MS - 1);

    if (last <= first)
        last = first + 1;
    draft->data.start = mock_zone_named_to_utc(&draft->zone, first * GW_DAY_MS);
    draft->data.end = mock_zone_named_to_utc(&draft->zone, last * GW_DAY_MS);
}

const char *mock_draft_settle(struct mock_draft *draft)
{
    struct mock_item_data *d = &draft->data;

    if (d->start == GW_NEVER || d->end == GW_NEVER)
        return "ErrorInvalidArgument";
    if (d->end < d->start)
        return "ErrorCalendarEndDateIsEarlierThanStartDate";
    if (d->all_day)
        days_snap(draft);
    if (!draft->has_busy && d->all_day)
        d->busy = GW_BUSY_FREE;
    d->meeting = d->meeting || draft->is_meeting;
    draft->recurrence.zone = draft->ends_series ? NULL : &draft->zone;
    return NULL;
}
