/* GetFolder: what clients ask first. And folder ids, which other operations need. */
#include <stdio.h>

#include "mock_soap.h"

static struct gw_str node_mailbox(const struct xml_node *id)
{
    return xml_child_text(xml_child(id, MOCK_NS_TYPES, "Mailbox"), MOCK_NS_TYPES, "EmailAddress");
}

/* Folders of another mailbox: no permissions are modelled, so nobody has any. */
static const char *distinguished_find(struct mock_call *call, const struct xml_node *id,
                                      struct mock_mailbox **mailbox, enum mock_folder *folder)
{
    struct gw_str address = node_mailbox(id);

    *mailbox = call->self;
    if (address.len) {
        *mailbox = mock_mailbox_by_smtp(call->service->org, address);
        if (!*mailbox)
            return "ErrorNonExistentMailbox";
        if (*mailbox != call->self)
            return "ErrorAccessDenied";
    } else if (!call->self) {
        return "ErrorMissingEmailAddress";
    }
    return mock_folder_parse(xml_attr(id, "Id"), folder) ? mock_reach(call, *mailbox)
                                                         : "ErrorFolderNotFound";
}

const char *mock_folder_find(struct mock_call *call, const struct xml_node *id,
                             struct mock_mailbox **mailbox, enum mock_folder *folder)
{
    const struct mock_calendar *calendar;
    uint32_t number;

    if (xml_is(id, MOCK_NS_TYPES, "DistinguishedFolderId"))
        return distinguished_find(call, id, mailbox, folder);
    if (!mock_id_folder_parse(xml_attr(id, "Id"), &number, folder))
        return "ErrorInvalidIdMalformed";
    *mailbox = mock_mailbox_by_number(call->service->org, number);
    if (!*mailbox)
        return "ErrorNonExistentMailbox";
    if (*mailbox != call->self)
        return "ErrorAccessDenied";
    calendar = mock_calendar_of(*mailbox, *folder);
    if (*folder >= MOCK_FOLDER_FURTHER && !calendar)
        return "ErrorFolderNotFound";
    return calendar && calendar->error ? calendar->error : mock_reach(call, *mailbox);
}

/* In the schema's order, whatever the order asked in. */
enum {
    FOLDER_PARENT = 1,
    FOLDER_CLASS = 2,
    FOLDER_NAME = 4,
    FOLDER_TOTAL = 8,
    FOLDER_CHILDREN = 16,
    FOLDER_DISTINGUISHED = 32,
    FOLDER_DEFAULT = FOLDER_CLASS | FOLDER_NAME | FOLDER_TOTAL | FOLDER_CHILDREN,
    FOLDER_ALL = 63
};

static unsigned folder_shape_read(const struct xml_node *shape)
{
    static const struct {
        const char *uri;
        unsigned bit;
    } field[] = {
        { "folder:ParentFolderId", FOLDER_PARENT },
        { "folder:FolderClass", FOLDER_CLASS },
        { "folder:DisplayName", FOLDER_NAME },
        { "folder:TotalCount", FOLDER_TOTAL },
        { "folder:ChildFolderCount", FOLDER_CHILDREN },
        { "folder:DistinguishedFolderId", FOLDER_DISTINGUISHED },
    };
    struct gw_str base = xml_child_text(shape, MOCK_NS_TYPES, "BaseShape");
    const struct xml_node *n = xml_child(xml_child(shape, MOCK_NS_TYPES, "AdditionalProperties"),
                                         MOCK_NS_TYPES, "FieldURI");
    unsigned want = gw_str_is(base, "Default")         ? FOLDER_DEFAULT
                    : gw_str_is(base, "AllProperties") ? FOLDER_ALL
                                                       : 0;

    for (; n; n = xml_next_same(n))
        for (size_t i = 0; i < sizeof(field) / sizeof(*field); i++)
            if (gw_str_is(xml_attr(n, "FieldURI"), field[i].uri))
                want |= field[i].bit;
    return want;
}

static void put_count(struct xml_writer *w, const char *name, size_t count)
{
    xml_open(w, name);
    xml_put_int(w, (int64_t)count);
    xml_close(w);
}

/* What a folder is; false: there is none of that number any more. */
static bool folder_kind(const struct mock_mailbox *mailbox, enum mock_folder folder,
                        struct mock_folder_kind *out)
{
    const struct mock_calendar *calendar = mock_calendar_of(mailbox, folder);

    if (folder < MOCK_FOLDER_COUNT) {
        *out = mock_folder_kind[folder];
        return true;
    }
    if (!calendar)
        return false;
    *out = mock_folder_kind[MOCK_FOLDER_CALENDAR];
    out->name = NULL;
    out->display = calendar->name;
    out->parent = calendar->is_deleted ? MOCK_FOLDER_DELETED : MOCK_FOLDER_CALENDAR;
    return true;
}

static enum mock_folder folder_end(const struct mock_mailbox *mailbox)
{
    return (enum mock_folder)(MOCK_FOLDER_FURTHER + (int)mailbox->calendar_count);
}

static size_t folder_children(const struct mock_mailbox *mailbox, enum mock_folder folder)
{
    struct mock_folder_kind kind;
    size_t count = 0;

    for (enum mock_folder f = MOCK_FOLDER_TOP; f < folder_end(mailbox); f++)
        count += folder_kind(mailbox, f, &kind) && kind.parent == folder;
    return count;
}

static size_t items_in(const struct mock_mailbox *mailbox, enum mock_folder folder)
{
    unsigned calendar = mock_folder_calendar(folder);
    size_t count = 0;

    for (size_t i = 0; i < mailbox->item_count && mock_folder_is_calendar(folder); i++)
        count += mailbox->items[i]->data.calendar == calendar;
    for (size_t i = 0; i < mailbox->master_count && mock_folder_is_calendar(folder); i++)
        count += mailbox->masters[i]->data.calendar == calendar;
    return count;
}

static void folder_write(struct mock_call *call, const struct mock_mailbox *mailbox,
                         enum mock_folder folder, unsigned want)
{
    bool calendar = mock_folder_is_calendar(folder);
    struct xml_writer *w = &call->w;
    struct mock_folder_kind kind;

    if (!folder_kind(mailbox, folder, &kind))
        return;
    xml_open(w, kind.element);
    mock_put_id(w, "t:FolderId", mock_id_folder(mailbox->number, folder),
                calendar ? mailbox->change : 1);
    if (want & FOLDER_PARENT)
        mock_put_id(w, "t:ParentFolderId", mock_id_folder(mailbox->number, kind.parent), 1);
    if ((want & FOLDER_CLASS) && kind.class)
        xml_put(w, "t:FolderClass", gw_str_of(kind.class));
    if (want & FOLDER_NAME)
        xml_put(w, "t:DisplayName", gw_str_of(kind.display));
    if (want & FOLDER_TOTAL)
        put_count(w, "t:TotalCount", items_in(mailbox, folder));
    if (want & FOLDER_CHILDREN)
        put_count(w, "t:ChildFolderCount", folder_children(mailbox, folder));
    if ((want & FOLDER_DISTINGUISHED) && kind.name &&
        mock_version_has(call->version, MOCK_HAS_DISTINGUISHED_NAME))
        xml_put(w, "t:DistinguishedFolderId", gw_str_of(kind.name));
    xml_close(w);
}

bool mock_get_folder(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "FolderShape", true, false },
        { MOCK_NS_MESSAGES, "FolderIds", true, false },
    };
    const struct xml_node *shape = xml_child(call->node, MOCK_NS_MESSAGES, "FolderShape");
    const struct xml_node *ids = xml_child(call->node, MOCK_NS_MESSAGES, "FolderIds");
    struct xml_writer *w = &call->w;

    if (!mock_check_children(call, call->node, rule, 2))
        return false;
    if (!ids->child)
        return mock_fault_schema(call, "The element 'FolderIds' has incomplete content.");
    xml_open(w, "m:GetFolderResponse");
    xml_put_attr(w, "xmlns:m", GW_STR(MOCK_NS_MESSAGES));
    xml_put_attr(w, "xmlns:t", GW_STR(MOCK_NS_TYPES));
    xml_open(w, "m:ResponseMessages");
    for (const struct xml_node *id = ids->child; id; id = id->next) {
        struct mock_mailbox *mailbox;
        enum mock_folder folder;
        const char *code = mock_folder_find(call, id, &mailbox, &folder);

        mock_message_open(call, "m:GetFolderResponseMessage", code);
        xml_open(w, "m:Folders");
        if (!code)
            folder_write(call, mailbox, folder, folder_shape_read(shape));
        xml_close(w);
        xml_close(w);
    }
    xml_close(w);
    xml_close(w);
    return true;
}

/* --- FindFolder */

/* Of restrictions only the one on the folders' class counts, as clients that look for calendars have it. */
struct folder_query {
    bool deep;
    unsigned want;
    struct gw_str class; /* NULL pointer: any */
    int64_t offset, max; /* of IndexedPageFolderView */
};

static struct gw_str class_wanted(const struct xml_node *node)
{
    const struct xml_node *is = xml_child(node, MOCK_NS_TYPES, "IsEqualTo");
    const struct xml_node *field = xml_child(is, MOCK_NS_TYPES, "FieldURI");
    const struct xml_node *constant =
        xml_child(xml_child(is, MOCK_NS_TYPES, "FieldURIOrConstant"), MOCK_NS_TYPES, "Constant");

    return gw_str_is(xml_attr(field, "FieldURI"), "folder:FolderClass")
               ? xml_attr(constant, "Value")
               : (struct gw_str){ NULL, 0 };
}

static bool page_read(struct mock_call *call, const struct xml_node *node, struct folder_query *q)
{
    struct gw_str max = xml_attr(node, "MaxEntriesReturned");

    q->max = INT32_MAX;
    if (!node)
        return true;
    if (!gw_str_to_int(xml_attr(node, "Offset"), 0, INT32_MAX, &q->offset) ||
        !gw_str_is(xml_attr(node, "BasePoint"), "Beginning") ||
        (max.p && !gw_str_to_int(max, 1, INT32_MAX, &q->max)))
        return mock_fault_schema(call, "IndexedPageFolderView needs Offset and BasePoint.");
    return true;
}

/* Deep: the folder's children and all below. */
static bool is_below(const struct mock_mailbox *mailbox, enum mock_folder folder,
                     enum mock_folder top, bool deep)
{
    struct mock_folder_kind kind;

    if (folder == MOCK_FOLDER_ROOT || !folder_kind(mailbox, folder, &kind))
        return false;
    return kind.parent == top || (deep && is_below(mailbox, kind.parent, top, true));
}

static bool is_found(const struct mock_mailbox *mailbox, enum mock_folder folder,
                     enum mock_folder top, const struct folder_query *q)
{
    struct mock_folder_kind kind;

    return is_below(mailbox, folder, top, q->deep) && folder_kind(mailbox, folder, &kind) &&
           (!q->class.p || (kind.class && gw_str_is(q->class, kind.class)));
}

static void put_total(struct xml_writer *w, const char *name, int64_t n)
{
    char digits[24];

    snprintf(digits, sizeof(digits), "%lld", (long long)n);
    xml_put_attr(w, name, gw_str_of(digits));
}

static void children_write(struct mock_call *call, const struct mock_mailbox *mailbox,
                           enum mock_folder top, const struct folder_query *q)
{
    struct xml_writer *w = &call->w;
    int64_t total = 0, at = 0, end;

    for (enum mock_folder f = MOCK_FOLDER_ROOT; f < folder_end(mailbox); f++)
        total += is_found(mailbox, f, top, q);
    end = q->offset + q->max < total ? q->offset + q->max : total;
    xml_open(w, "m:RootFolder");
    put_total(w, "IndexedPagingOffset", end);
    put_total(w, "TotalItemsInView", total);
    xml_put_attr(w, "IncludesLastItemInRange", gw_str_of(end == total ? "true" : "false"));
    xml_open(w, "t:Folders");
    for (enum mock_folder f = MOCK_FOLDER_ROOT; f < folder_end(mailbox); f++) {
        if (!is_found(mailbox, f, top, q))
            continue;
        if (at >= q->offset && at < end)
            folder_write(call, mailbox, f, q->want);
        at++;
    }
    xml_close(w);
    xml_close(w);
}

bool mock_find_folder(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "FolderShape", true, false },
        { MOCK_NS_MESSAGES, "IndexedPageFolderView", false, false },
        { MOCK_NS_MESSAGES, "Restriction", false, false },
        { MOCK_NS_MESSAGES, "ParentFolderIds", true, false },
    };
    static const char *const name[] = { "Shallow", "Deep", "SoftDeleted", NULL };
    const struct xml_node *ids = xml_child(call->node, MOCK_NS_MESSAGES, "ParentFolderIds");
    struct folder_query q = {
        .want = folder_shape_read(xml_child(call->node, MOCK_NS_MESSAGES, "FolderShape")),
        .class = class_wanted(xml_child(call->node, MOCK_NS_MESSAGES, "Restriction"))
    };
    int traversal;

    if (!mock_check_children(call, call->node, rule, 4))
        return false;
    if (!mock_word_parse(xml_attr(call->node, "Traversal"), name, &traversal))
        return mock_fault_schema(call, "The 'Traversal' attribute is invalid.");
    if (!page_read(call, xml_child(call->node, MOCK_NS_MESSAGES, "IndexedPageFolderView"), &q))
        return false;
    q.deep = traversal == 1;
    mock_response_open(call, "m:FindFolderResponse");
    xml_open(&call->w, "m:ResponseMessages");
    for (const struct xml_node *id = ids->child; id; id = id->next) {
        struct mock_mailbox *mailbox;
        enum mock_folder folder;
        const char *code = mock_folder_find(call, id, &mailbox, &folder);

        mock_message_open(call, "m:FindFolderResponseMessage", code);
        if (!code)
            children_write(call, mailbox, folder, &q);
        xml_close(&call->w);
    }
    xml_close(&call->w);
    xml_close(&call->w);
    return true;
}
