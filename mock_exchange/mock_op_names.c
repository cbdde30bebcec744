/* ResolveNames: who is meant by part of a name. ConvertId: the same id in another format; clients use
 * it to find out what the server is, and whose mailbox an id is of. */
#include <stdio.h>
#include <string.h>

#include "gw_bytes.h"
#include "mock_soap.h"

enum { RESOLUTIONS_MAX = 100, ID_TEXT_MAX = 2048 };

/* Ambiguous name resolution: any word that begins so. */
static bool word_starts(struct gw_str text, struct gw_str with)
{
    for (size_t i = 0; i + with.len <= text.len; i++) {
        bool is_word_start = !i || gw_str_find(GW_STR(" ,.-_@"), text.p[i - 1]) >= 0;

        if (is_word_start && gw_str_ieq(gw_str_sub(text, i, i + with.len), with))
            return true;
    }
    return false;
}

static bool mailbox_matches(const struct mock_mailbox *mailbox, struct gw_str entry)
{
    struct gw_str local = gw_str_of(mailbox->address);

    (void)gw_str_cut(local, "@", &local, NULL);
    return word_starts(gw_str_of(mailbox->display), entry) || word_starts(local, entry) ||
           gw_str_ieq(gw_str_of(mailbox->address), entry);
}

/* Those whom the entry may mean, at most one more than is shown. */
static size_t mailboxes_find(const struct mock_org *org, struct gw_str entry,
                             const struct mock_mailbox *found[RESOLUTIONS_MAX + 1])
{
    const struct mock_mailbox *mailbox;
    size_t pos = 0, count = 0;

    if (gw_str_iis(gw_str_sub(entry, 0, 5), "smtp:"))
        entry = gw_str_sub(entry, 5, entry.len);
    found[0] = mock_mailbox_by_smtp(org, entry);
    if (found[0])
        return 1;
    while (entry.len && count <= RESOLUTIONS_MAX && (mailbox = mock_mailbox_next(org, &pos)))
        if (mailbox_matches(mailbox, entry))
            found[count++] = mailbox;
    return count;
}

static void contact_write(struct xml_writer *w, const struct mock_mailbox *mailbox)
{
    xml_open(w, "t:Contact");
    xml_put(w, "t:DisplayName", gw_str_of(mailbox->display));
    xml_open(w, "t:EmailAddresses");
    xml_open(w, "t:Entry");
    xml_put_attr(w, "Key", GW_STR("EmailAddress1"));
    xml_put_text(w, GW_STR("SMTP:"));
    xml_put_text(w, gw_str_of(mailbox->address));
    xml_close(w);
    xml_close(w);
    xml_put(w, "t:ContactSource", GW_STR("ActiveDirectory"));
    xml_close(w);
}

static void resolution_write(struct xml_writer *w, const struct mock_mailbox *mailbox, bool contact)
{
    xml_open(w, "t:Resolution");
    xml_open(w, "t:Mailbox");
    xml_put(w, "t:Name", gw_str_of(mailbox->display));
    xml_put(w, "t:EmailAddress", gw_str_of(mailbox->address));
    xml_put(w, "t:RoutingType", GW_STR("SMTP"));
    xml_put(w, "t:MailboxType", GW_STR("Mailbox"));
    xml_close(w);
    if (contact)
        contact_write(w, mailbox);
    xml_close(w);
}

static void resolutions_write(struct mock_call *call, const struct mock_mailbox *const *found,
                              size_t count, bool contact)
{
    size_t shown = count < RESOLUTIONS_MAX ? count : RESOLUTIONS_MAX;
    struct xml_writer *w = &call->w;
    char digits[24];

    xml_open(w, "m:ResolutionSet");
    snprintf(digits, sizeof(digits), "%zu", shown);
    xml_put_attr(w, "TotalItemsInView", gw_str_of(digits));
    xml_put_attr(w, "IncludesLastItemInRange", gw_str_of(shown == count ? "true" : "false"));
    for (size_t i = 0; i < shown; i++)
        resolution_write(w, found[i], contact);
    xml_close(w);
}

bool mock_resolve_names(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "ParentFolderIds", false, false },
        { MOCK_NS_MESSAGES, "UnresolvedEntry", true, false },
    };
    static const char *const scope[] = { "ActiveDirectory", "ActiveDirectoryContacts", "Contacts",
                                         "ContactsActiveDirectory", NULL };
    const struct mock_mailbox *found[RESOLUTIONS_MAX + 1];
    struct gw_str entry = xml_child_text(call->node, MOCK_NS_MESSAGES, "UnresolvedEntry");
    struct gw_str where = xml_attr(call->node, "SearchScope");
    struct gw_str full = xml_attr(call->node, "ReturnFullContactData");
    int in = 1;
    size_t count = 0;

    if (!mock_check_children(call, call->node, rule, 2) ||
        !mock_check_bool(call, full, "ReturnFullContactData"))
        return false;
    if (where.p && !mock_word_parse(where, scope, &in))
        return mock_fault_schema(call, "The 'SearchScope' attribute is invalid.");
    if (strcmp(scope[in], "Contacts") != 0) /* nobody keeps contacts here */
        count = mailboxes_find(call->service->org, entry, found);
    mock_response_open(call, "m:ResolveNamesResponse");
    xml_open(&call->w, "m:ResponseMessages");
    mock_message_open(call, "m:ResolveNamesResponseMessage",
                      !count      ? "ErrorNameResolutionNoResults"
                      : count > 1 ? "ErrorNameResolutionMultipleResults"
                                  : NULL);
    if (count)
        resolutions_write(call, found, count, gw_str_is(full, "true") || gw_str_is(full, "1"));
    xml_close(&call->w);
    xml_close(&call->w);
    xml_close(&call->w);
    return true;
}

/* --- ConvertId --- */

enum id_format { ID_LEGACY, ID_EWS, ID_ENTRY, ID_HEX_ENTRY, ID_STORE, ID_OWA };
static const char *const format_name[] = { "EwsLegacyId", "EwsId", "EntryId", "HexEntryId",
                                           "StoreId",     "OwaId", NULL };

/* The formats differ in how they write the same bytes: OwaId fits into an URL, HexEntryId is
 * hexadecimal, the others are base64. */
static void swap(struct gw_buf *text, const char *from, const char *to)
{
    for (size_t i = 0; i < text->len; i++)
        for (size_t k = 0; from[k]; k++)
            if (text->p[i] == from[k]) {
                text->p[i] = to[k];
                break;
            }
}

static bool id_read(struct gw_str text, enum id_format format, struct gw_buf *bytes)
{
    struct gw_buf copy;
    bool ok;

    if (!text.len || text.len > ID_TEXT_MAX)
        return false;
    if (format == ID_HEX_ENTRY)
        return gw_hex_parse(text, bytes);
    gw_buf_init(&copy, ID_TEXT_MAX);
    gw_buf_add_str(&copy, text);
    if (format == ID_OWA)
        swap(&copy, "-_", "/+");
    ok = gw_base64_parse(gw_buf_str(&copy), bytes);
    gw_buf_done(&copy);
    return ok;
}

static void id_write(struct gw_str bytes, enum id_format format, struct gw_buf *out)
{
    if (format == ID_HEX_ENTRY)
        gw_hex_write(bytes, out);
    else
        gw_base64_write(bytes, out);
    if (format == ID_OWA)
        swap(out, "/+", "-_");
}

/* Whose thing it is: the id tells, whatever mailbox the request names (DavMail's is made up). A
 * ResponseCode, or NULL. */
static const char *owner_find(const struct mock_call *call, struct gw_str bytes,
                              const struct mock_mailbox **owner)
{
    struct gw_buf ews;
    uint32_t number;
    uint64_t item;
    int64_t day;
    enum mock_folder folder;
    bool ours;

    gw_buf_init(&ews, 2 * ID_TEXT_MAX);
    id_write(bytes, ID_EWS, &ews);
    ours = mock_id_item_parse(gw_buf_str(&ews), &number, &item, &day) ||
           mock_id_folder_parse(gw_buf_str(&ews), &number, &folder);
    gw_buf_done(&ews);
    if (!ours)
        return "ErrorInvalidIdMalformed";
    *owner = mock_mailbox_by_number(call->service->org, number);
    return *owner ? NULL : "ErrorNonExistentMailbox";
}

static void alternate_write(struct mock_call *call, enum id_format to, struct gw_str bytes,
                            const struct mock_mailbox *owner)
{
    struct xml_writer *w = &call->w;
    struct gw_buf id;

    gw_buf_init(&id, 2 * ID_TEXT_MAX);
    id_write(bytes, to, &id);
    xml_open(w, "m:AlternateId");
    xml_put_attr(w, "xmlns:xsi", GW_STR("http://www.w3.org/2001/XMLSchema-instance"));
    xml_put_attr(w, "xsi:type", GW_STR("t:AlternateIdType"));
    xml_put_attr(w, "Format", gw_str_of(format_name[to]));
    xml_put_attr(w, "Id", gw_buf_str(&id));
    xml_put_attr(w, "Mailbox", gw_str_of(owner->address));
    xml_close(w);
    gw_buf_done(&id);
}

static void convert(struct mock_call *call, const struct xml_node *source, enum id_format to)
{
    const struct mock_mailbox *owner = NULL;
    struct gw_buf bytes;
    const char *code = NULL;
    int from;

    gw_buf_init(&bytes, ID_TEXT_MAX);
    if (!mock_word_parse(xml_attr(source, "Format"), format_name, &from) ||
        !id_read(xml_attr(source, "Id"), (enum id_format)from, &bytes))
        code = "ErrorInvalidIdMalformed";
    if (!code)
        code = owner_find(call, gw_buf_str(&bytes), &owner);
    mock_message_open(call, "m:ConvertIdResponseMessage", code);
    if (!code)
        alternate_write(call, to, gw_buf_str(&bytes), owner);
    xml_close(&call->w);
    gw_buf_done(&bytes);
}

bool mock_convert_id(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "SourceIds", true, false },
    };
    const struct xml_node *ids = xml_child(call->node, MOCK_NS_MESSAGES, "SourceIds");
    int to;

    if (!mock_check_children(call, call->node, rule, 1))
        return false;
    if (!ids->child ||
        !mock_word_parse(xml_attr(call->node, "DestinationFormat"), format_name, &to))
        return mock_fault_schema(call, "ConvertId needs DestinationFormat and SourceIds.");
    mock_response_open(call, "m:ConvertIdResponse");
    xml_open(&call->w, "m:ResponseMessages");
    for (const struct xml_node *id = ids->child; id; id = id->next)
        convert(call, id, (enum id_format)to);
    xml_close(&call->w);
    xml_close(&call->w);
    return true;
}
