/* Ids: a tag byte, then little-endian numbers, in base64. */
#include "mock_id.h"

#include <stdio.h>
#include <string.h>

#include "gw_bytes.h"

const struct mock_folder_kind mock_folder_kind[MOCK_FOLDER_COUNT] = {
    [MOCK_FOLDER_ROOT] = { "root", "", NULL, "t:Folder", MOCK_FOLDER_ROOT },
    [MOCK_FOLDER_TOP] = { "msgfolderroot", "Top of Information Store", "IPF.Note", "t:Folder",
                          MOCK_FOLDER_ROOT },
    [MOCK_FOLDER_CALENDAR] = { "calendar", "Calendar", "IPF.Appointment", "t:CalendarFolder",
                               MOCK_FOLDER_TOP },
    [MOCK_FOLDER_INBOX] = { "inbox", "Inbox", "IPF.Note", "t:Folder", MOCK_FOLDER_TOP },
    [MOCK_FOLDER_DELETED] = { "deleteditems", "Deleted Items", "IPF.Note", "t:Folder",
                              MOCK_FOLDER_TOP },
    [MOCK_FOLDER_SENT] = { "sentitems", "Sent Items", "IPF.Note", "t:Folder", MOCK_FOLDER_TOP },
    [MOCK_FOLDER_DRAFTS] = { "drafts", "Drafts", "IPF.Note", "t:Folder", MOCK_FOLDER_TOP },
    [MOCK_FOLDER_OUTBOX] = { "outbox", "Outbox", "IPF.Note", "t:Folder", MOCK_FOLDER_TOP },
    [MOCK_FOLDER_CONTACTS] = { "contacts", "Contacts", "IPF.Contact", "t:ContactsFolder",
                               MOCK_FOLDER_TOP },
    [MOCK_FOLDER_TASKS] = { "tasks", "Tasks", "IPF.Task", "t:TasksFolder", MOCK_FOLDER_TOP },
    [MOCK_FOLDER_JUNK] = { "junkemail", "Junk E-mail", "IPF.Note", "t:Folder", MOCK_FOLDER_TOP },
};

bool mock_folder_parse(struct gw_str name, enum mock_folder *out)
{
    for (int i = 0; i < MOCK_FOLDER_COUNT; i++) {
        if (gw_str_is(name, mock_folder_kind[i].name)) {
            *out = (enum mock_folder)i;
            return true;
        }
    }
    return false;
}

enum id_tag {
    ID_WATERMARK = 1,
    ID_ITEM = 2,
    ID_FOLDER = 3,
    ID_OCCURRENCE = 4,
    ID_SYNC = 5,
    ID_CHANGE = 9
};
enum { ID_BYTES_MAX = 32 };

struct id_bytes {
    unsigned char b[ID_BYTES_MAX];
    size_t len;
};

static void id_put(struct id_bytes *id, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        id->b[id->len++] = (unsigned char)(value >> (8 * i));
}

static uint64_t id_get(const struct id_bytes *id, size_t at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)id->b[at + i] << (8 * i);
    return value;
}

static struct mock_id id_text(const struct id_bytes *bytes)
{
    struct mock_id id = { "" };
    struct gw_buf text;

    gw_buf_init(&text, sizeof(id.s) - 1);
    gw_base64_write((struct gw_str){ (const char *)bytes->b, bytes->len }, &text);
    memcpy(id.s, text.p, text.len);
    gw_buf_done(&text);
    return id;
}

static bool id_parse(struct gw_str text, enum id_tag tag, size_t len, struct id_bytes *out)
{
    struct gw_buf bytes;
    bool ok;

    gw_buf_init(&bytes, ID_BYTES_MAX);
    ok = text.len <= 2 * ID_BYTES_MAX && gw_base64_parse(text, &bytes) && bytes.len == len &&
         (unsigned char)bytes.p[0] == tag;
    if (ok) {
        memcpy(out->b, bytes.p, len);
        out->len = len;
    }
    gw_buf_done(&bytes);
    return ok;
}

struct mock_id mock_id_item(uint32_t mailbox, uint64_t item)
{
    struct id_bytes id = { .len = 0 };

    id_put(&id, ID_ITEM, 1);
    id_put(&id, mailbox, 4);
    id_put(&id, item, 8);
    return id_text(&id);
}

struct mock_id mock_id_occurrence(uint32_t mailbox, uint64_t master, int64_t day)
{
    struct id_bytes id = { .len = 0 };

    id_put(&id, ID_OCCURRENCE, 1);
    id_put(&id, mailbox, 4);
    id_put(&id, master, 8);
    id_put(&id, (uint32_t)(int32_t)day, 4);
    return id_text(&id);
}

bool mock_id_item_parse(struct gw_str text, uint32_t *mailbox, uint64_t *item, int64_t *day)
{
    struct id_bytes id;
    bool occurrence = id_parse(text, ID_OCCURRENCE, 17, &id);

    if (!occurrence && !id_parse(text, ID_ITEM, 13, &id))
        return false;
    *mailbox = (uint32_t)id_get(&id, 1, 4);
    *item = id_get(&id, 5, 8);
    *day = occurrence ? (int32_t)(uint32_t)id_get(&id, 13, 4) : MOCK_NO_DAY;
    return true;
}

struct mock_id mock_id_folder(uint32_t mailbox, enum mock_folder folder)
{
    struct id_bytes id = { .len = 0 };

    id_put(&id, ID_FOLDER, 1);
    id_put(&id, mailbox, 4);
    id_put(&id, (uint64_t)folder, 1);
    return id_text(&id);
}

bool mock_id_folder_parse(struct gw_str text, uint32_t *mailbox, enum mock_folder *folder)
{
    struct id_bytes id;

    if (!id_parse(text, ID_FOLDER, 6, &id) || id.b[5] > MOCK_FOLDER_LAST)
        return false;
    *mailbox = (uint32_t)id_get(&id, 1, 4);
    *folder = (enum mock_folder)id.b[5];
    return true;
}

struct mock_id mock_id_change(uint32_t change)
{
    struct id_bytes id = { .len = 0 };

    id_put(&id, ID_CHANGE, 4);
    id_put(&id, change, 4);
    return id_text(&id);
}

bool mock_id_is_change(struct gw_str id)
{
    struct id_bytes bytes;

    return id_parse(id, ID_CHANGE, 8, &bytes) && !id_get(&bytes, 1, 3);
}

struct mock_id mock_id_sync(uint32_t mailbox, uint32_t change)
{
    struct id_bytes id = { .len = 0 };

    id_put(&id, ID_SYNC, 1);
    id_put(&id, mailbox, 4);
    id_put(&id, change, 4);
    return id_text(&id);
}

bool mock_id_sync_parse(struct gw_str text, uint32_t *mailbox, uint32_t *change)
{
    struct id_bytes id;

    if (!id_parse(text, ID_SYNC, 9, &id))
        return false;
    *mailbox = (uint32_t)id_get(&id, 1, 4);
    *change = (uint32_t)id_get(&id, 5, 4);
    return true;
}

struct mock_id mock_id_watermark(uint32_t mailbox, uint64_t event)
{
    struct id_bytes id = { .len = 0 };

    id_put(&id, ID_WATERMARK, 1);
    id_put(&id, event, 8);
    id_put(&id, mailbox, 4);
    return id_text(&id);
}

bool mock_id_watermark_parse(struct gw_str text, uint32_t *mailbox, uint64_t *event)
{
    struct id_bytes id;

    if (!id_parse(text, ID_WATERMARK, 13, &id))
        return false;
    *event = id_get(&id, 1, 8);
    *mailbox = (uint32_t)id_get(&id, 9, 4);
    return true;
}

void mock_id_guid_of(uint32_t mailbox, unsigned char guid[16])
{
    struct id_bytes id = { .len = 0 };

    id_put(&id, gw_hash_stable((struct gw_str){ (const char *)&mailbox, sizeof(mailbox) }), 8);
    id_put(&id, mailbox, 8);
    memcpy(guid, id.b, 16);
    guid[7] = (unsigned char)(0x40 | (guid[7] & 0x0f)); /* RFC 4122: version 4, in Windows' order */
    guid[8] = (unsigned char)(0x80 | (guid[8] & 0x3f));
}

void mock_id_guid_write(const unsigned char guid[16], char out[MOCK_GUID_TEXT])
{
    /* Windows writes the first three fields as little-endian numbers. */
    static const int order[] = { 3,  2, 1, 0,  -1, 5,  4,  -1, 7,  6,
                                 -1, 8, 9, -1, 10, 11, 12, 13, 14, 15 };
    char *at = out;

    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
        at += order[i] < 0 ? snprintf(at, 2, "-") : snprintf(at, 3, "%02x", guid[order[i]]);
}

static void sized_add(struct gw_buf *out, uint64_t len, unsigned len_bytes, const void *p)
{
    struct id_bytes size = { .len = 0 };

    id_put(&size, len, len_bytes);
    gw_buf_add(out, size.b, size.len);
    gw_buf_add(out, p, (size_t)len);
}

char *mock_id_subscription(enum mock_id_form form, const char *server, uint32_t mailbox,
                           int64_t stamp)
{
    struct id_bytes time = { .len = 0 };
    unsigned char guid[16], owner[16];
    char guid_text[MOCK_GUID_TEXT];
    struct gw_buf bytes, text;

    gw_random(guid, sizeof(guid));
    if (form == MOCK_ID_GUID) {
        mock_id_guid_write(guid, guid_text);
        return gw_str_dup(gw_str_of(guid_text));
    }
    gw_buf_init(&bytes, 128 * 1024);
    sized_add(&bytes, strlen(server) & 0xffff, 2, server);
    sized_add(&bytes, sizeof(guid), 4, guid);
    id_put(&time, (uint64_t)stamp, 8);
    gw_buf_add(&bytes, time.b, time.len);
    if (form == MOCK_ID_SERVER_MAILBOX) {
        mock_id_guid_of(mailbox, owner);
        sized_add(&bytes, sizeof(owner), 4, owner);
    }
    gw_buf_init(&text, 256 * 1024);
    gw_base64_write(gw_buf_str(&bytes), &text);
    gw_buf_done(&bytes);
    return gw_buf_take(&text);
}
