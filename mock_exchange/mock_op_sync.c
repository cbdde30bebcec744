/* SyncFolderItems: what has changed in the calendar since a state, oldest first: items, masters, and
 * what is gone. A state is the number of the folder's last change that its holder knows. */
#include <stdlib.h>

#include "gw_mem.h"
#include "mock_item_fields.h"

enum { SYNC_CHANGES_MAX = 512 };

struct change {
    uint32_t at;
    const struct mock_item *item; /* NULL: gone */
    uint64_t number;
};

static int by_age(const void *a, const void *b)
{
    const struct change *x = a, *y = b;

    return x->at < y->at ? -1 : x->at > y->at;
}

static size_t changes_of(struct mock_item **items, size_t count, uint32_t since, struct change *out)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        if (items[i]->saved_at > since && !items[i]->data.calendar)
            out[found++] = (struct change){ items[i]->saved_at, items[i], items[i]->number };
    return found;
}

/* Gives an array. Who has never seen the folder needs not be told what is gone. */
static struct change *changes_since(const struct mock_mailbox *mailbox, uint32_t since,
                                    size_t *count)
{
    const struct mock_gone *gone = mailbox->gone_items;
    struct change *all = gw_alloc(
        (mailbox->item_count + mailbox->master_count + mailbox->gone_count + 1) * sizeof(*all));

    *count = changes_of(mailbox->items, mailbox->item_count, since, all);
    *count += changes_of(mailbox->masters, mailbox->master_count, since, all + *count);
    for (size_t i = 0; since && i < mailbox->gone_count; i++)
        if (gone[i].at > since)
            all[(*count)++] = (struct change){ gone[i].at, NULL, gone[i].number };
    qsort(all, *count, sizeof(*all), by_age);
    return all;
}

static void change_write(struct mock_call *call, const struct mock_mailbox *mailbox,
                         const struct change *change, uint32_t since, uint64_t fields)
{
    struct xml_writer *w = &call->w;

    if (!change->item) {
        xml_open(w, "t:Delete");
        mock_put_id(w, "t:ItemId", mock_id_item(mailbox->number, change->number), change->at);
    } else {
        xml_open(w, change->item->created_at > since ? "t:Create" : "t:Update");
        mock_item_write(call, change->item, fields);
    }
    xml_close(w);
}

static void changes_write(struct mock_call *call, const struct mock_mailbox *mailbox,
                          uint32_t since, int64_t max, uint64_t fields)
{
    struct xml_writer *w = &call->w;
    size_t count, shown;
    struct change *all = changes_since(mailbox, since, &count);
    uint32_t state = mailbox->change;

    shown = count < (size_t)max ? count : (size_t)max;
    if (shown < count)
        state = all[shown - 1].at;
    xml_put(w, "m:SyncState", gw_str_of(mock_id_sync(mailbox->number, state).s));
    mock_put_bool(w, "m:IncludesLastItemInRange", shown == count);
    xml_open(w, "m:Changes");
    for (size_t i = 0; i < shown; i++)
        change_write(call, mailbox, &all[i], since, fields);
    xml_close(w);
    free(all);
}

/* NULL: the state can be gone on from. */
static const char *state_check(const struct mock_mailbox *mailbox, struct gw_str text,
                               uint32_t *since)
{
    uint32_t number;

    *since = 0;
    if (!text.len)
        return NULL;
    if (!mock_id_sync_parse(text, &number, since) || number != mailbox->number ||
        *since > mailbox->change || *since < mailbox->gone_since)
        return "ErrorInvalidSyncStateData";
    return NULL;
}

bool mock_sync_items(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "ItemShape", true, false },
        { MOCK_NS_MESSAGES, "SyncFolderId", true, false },
        { MOCK_NS_MESSAGES, "SyncState", false, false },
        { MOCK_NS_MESSAGES, "Ignore", false, false },
        { MOCK_NS_MESSAGES, "MaxChangesReturned", true, false },
        { MOCK_NS_MESSAGES, "SyncScope", false, false },
    };
    const struct xml_node *node = call->node;
    const struct xml_node *folder_id = xml_child(node, MOCK_NS_MESSAGES, "SyncFolderId");
    static const struct mock_mailbox nothing = { .change = 1 };
    struct mock_mailbox *mailbox;
    enum mock_folder folder;
    uint64_t fields;
    uint32_t since = 0;
    int64_t max;
    const char *code;

    if (!mock_check_children(call, node, rule, sizeof(rule) / sizeof(*rule)) ||
        !mock_shape_read(call, xml_child(node, MOCK_NS_MESSAGES, "ItemShape"), &fields) ||
        !mock_check_int(call, xml_child(node, MOCK_NS_MESSAGES, "MaxChangesReturned"), 1,
                        SYNC_CHANGES_MAX, &max))
        return false;
    if (!folder_id->child)
        return mock_fault_schema(call, "The element 'SyncFolderId' has incomplete content.");
    code = mock_folder_find(call, folder_id->child, &mailbox, &folder);
    if (!code)
        code = state_check(mailbox, xml_child_text(node, MOCK_NS_MESSAGES, "SyncState"), &since);
    mock_response_open(call, "m:SyncFolderItemsResponse");
    xml_open(&call->w, "m:ResponseMessages");
    mock_message_open(call, "m:SyncFolderItemsResponseMessage", code);
    if (!code) {
        changes_write(call, folder == MOCK_FOLDER_CALENDAR ? mailbox : &nothing, since, max,
                      fields);
    } else { /* clients look for these even in errors */
        xml_put(&call->w, "m:SyncState", GW_STR(""));
        mock_put_bool(&call->w, "m:IncludesLastItemInRange", true);
    }
    xml_close(&call->w);
    xml_close(&call->w);
    xml_close(&call->w);
    return true;
}
