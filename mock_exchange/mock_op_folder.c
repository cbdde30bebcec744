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
    uint32_t number;

    if (xml_is(id, MOCK_NS_TYPES, "DistinguishedFolderId"))
        return distinguished_find(call, id, mailbox, folder);
    if (!mock_id_folder_parse(xml_attr(id, "Id"), &number, folder))
        return "ErrorInvalidIdMalformed";
    *mailbox = mock_mailbox_by_number(call->service->org, number);
    if (!*mailbox)
        return "ErrorNonExistentMailbox";
    return *mailbox == call->self ? mock_reach(call, *mailbox) : "ErrorAccessDenied";
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

static size_t folder_children(enum mock_folder folder)
{
    size_t count = 0;

    for (int f = 0; f < MOCK_FOLDER_COUNT; f++)
        count += mock_folder_kind[f].parent == folder && f != MOCK_FOLDER_ROOT;
    return count;
}

static void folder_write(struct mock_call *call, const struct mock_mailbox *mailbox,
                         enum mock_folder folder, unsigned want)
{
    const struct mock_folder_kind *kind = &mock_folder_kind[folder];
    bool calendar = folder == MOCK_FOLDER_CALENDAR;
    struct xml_writer *w = &call->w;

    xml_open(w, kind->element);
    mock_put_id(w, "t:FolderId", mock_id_folder(mailbox->number, folder),
                calendar ? mailbox->change : 1);
    if (want & FOLDER_PARENT)
        mock_put_id(w, "t:ParentFolderId", mock_id_folder(mailbox->number, kind->parent), 1);
    if ((want & FOLDER_CLASS) && kind->class)
        xml_put(w, "t:FolderClass", gw_str_of(kind->class));
    if (want & FOLDER_NAME)
        xml_put(w, "t:DisplayName", gw_str_of(kind->display));
    if (want & FOLDER_TOTAL)
        put_count(w, "t:TotalCount", calendar ? mailbox->item_count + mailbox->master_count : 0);
    if (want & FOLDER_CHILDREN)
        put_count(w, "t:ChildFolderCount", folder_children(folder));
    if ((want & FOLDER_DISTINGUISHED) &&
        mock_version_has(call->version, MOCK_HAS_DISTINGUISHED_NAME))
        xml_put(w, "t:DistinguishedFolderId", gw_str_of(kind->name));
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

/* Deep: the folder's children and all below. */
static bool is_below(enum mock_folder folder, enum mock_folder top, bool deep)
{
    enum mock_folder parent = mock_folder_kind[folder].parent;

    if (folder == MOCK_FOLDER_ROOT)
        return false;
    return parent == top || (deep && is_below(parent, top, true));
}

static void children_write(struct mock_call *call, const struct mock_mailbox *mailbox,
                           enum mock_folder top, bool deep, unsigned want)
{
    struct xml_writer *w = &call->w;
    char digits[24];
    int total = 0;

    for (int f = 0; f < MOCK_FOLDER_COUNT; f++)
        total += is_below((enum mock_folder)f, top, deep);
    snprintf(digits, sizeof(digits), "%d", total);
    xml_open(w, "m:RootFolder");
    xml_put_attr(w, "IndexedPagingOffset", gw_str_of(digits));
    xml_put_attr(w, "TotalItemsInView", gw_str_of(digits));
    xml_put_attr(w, "IncludesLastItemInRange", GW_STR("true"));
    xml_open(w, "t:Folders");
    for (int f = 0; f < MOCK_FOLDER_COUNT; f++)
        if (is_below((enum mock_folder)f, top, deep))
            folder_write(call, mailbox, (enum mock_folder)f, want);
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
    unsigned want = folder_shape_read(xml_child(call->node, MOCK_NS_MESSAGES, "FolderShape"));
    int traversal;

    if (!mock_check_children(call, call->node, rule, 4))
        return false;
    if (!mock_word_parse(xml_attr(call->node, "Traversal"), name, &traversal))
        return mock_fault_schema(call, "The 'Traversal' attribute is invalid.");
    mock_response_open(call, "m:FindFolderResponse");
    xml_open(&call->w, "m:ResponseMessages");
    for (const struct xml_node *id = ids->child; id; id = id->next) {
        struct mock_mailbox *mailbox;
        enum mock_folder folder;
        const char *code = mock_folder_find(call, id, &mailbox, &folder);

        mock_message_open(call, "m:FindFolderResponseMessage", code);
        if (!code)
            children_write(call, mailbox, folder, traversal == 1, want);
        xml_close(&call->w);
    }
    xml_close(&call->w);
    xml_close(&call->w);
    return true;
}
