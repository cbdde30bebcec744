/* What the organisation's things are called on the wire: item and folder ids, change keys,
 * watermarks, subscription ids. Base64 of a few numbers, so that no table is needed to find a thing
 * again; clients may not look into them. */
#ifndef MOCK_ID_H
#define MOCK_ID_H

#include "gw_str.h"
#include "mock_recur.h"
#include "mock_version.h"

/* The folders every mailbox has, and behind them the further calendars that one may have. Only calendars
 * hold items. */
enum mock_folder {
    MOCK_FOLDER_ROOT,
    MOCK_FOLDER_TOP, /* msgfolderroot */
    MOCK_FOLDER_CALENDAR,
    MOCK_FOLDER_INBOX,
    MOCK_FOLDER_DELETED,
    MOCK_FOLDER_SENT,
    MOCK_FOLDER_DRAFTS,
    MOCK_FOLDER_OUTBOX,
    MOCK_FOLDER_CONTACTS,
    MOCK_FOLDER_TASKS,
    MOCK_FOLDER_JUNK,
    MOCK_FOLDER_COUNT,
    MOCK_FOLDER_FURTHER = MOCK_FOLDER_COUNT, /* the first one of these */
    MOCK_FOLDER_LAST = 63
};

struct mock_folder_kind {
    const char *name;    /* DistinguishedFolderId/@Id */
    const char *display; /* "Calendar" */
    const char *class;   /* "IPF.Appointment"; NULL: none */
    const char *element; /* "t:CalendarFolder" */
    enum mock_folder parent;
};
extern const struct mock_folder_kind mock_folder_kind[MOCK_FOLDER_COUNT];

/* Whether it holds items, and which one it is: 0 is the mailbox's own, also for what is no calendar. */
static inline bool mock_folder_is_calendar(enum mock_folder folder)
{
    return folder == MOCK_FOLDER_CALENDAR || folder >= MOCK_FOLDER_FURTHER;
}

static inline unsigned mock_folder_calendar(enum mock_folder folder)
{
    return folder >= MOCK_FOLDER_FURTHER ? (unsigned)folder - MOCK_FOLDER_FURTHER + 1 : 0;
}

/* False: no folder of that name. */
bool mock_folder_parse(struct gw_str name, enum mock_folder *out);

struct mock_id {
    char s[48]; /* NUL-terminated */
};

struct mock_id mock_id_item(uint32_t mailbox, uint64_t item);
/* Of one day of a series. */
struct mock_id mock_id_occurrence(uint32_t mailbox, uint64_t master, int64_t day);
struct mock_id mock_id_folder(uint32_t mailbox, enum mock_folder folder);
struct mock_id mock_id_change(uint32_t change);
bool mock_id_is_change(struct gw_str id);
struct mock_id mock_id_sync(uint32_t mailbox, uint32_t change); /* SyncState */
bool mock_id_sync_parse(struct gw_str id, uint32_t *mailbox, uint32_t *change);
struct mock_id mock_id_watermark(uint32_t mailbox, uint64_t event);

/* day: MOCK_NO_DAY unless it is an occurrence's. */
bool mock_id_item_parse(struct gw_str id, uint32_t *mailbox, uint64_t *item, int64_t *day);
bool mock_id_folder_parse(struct gw_str id, uint32_t *mailbox, enum mock_folder *folder);
bool mock_id_watermark_parse(struct gw_str id, uint32_t *mailbox, uint64_t *event);

/* A GUID that is always the same for the mailbox. */
void mock_id_guid_of(uint32_t mailbox, unsigned char guid[16]);
/* "6f9619ff-8b86-d011-b42d-00c04fc964ff" */
enum { MOCK_GUID_TEXT = 37 };
void mock_id_guid_write(const unsigned char guid[16], char out[MOCK_GUID_TEXT]);

/* Subscriptions: as the form says a GUID, or base64 of the owning server's name, a GUID, a time
 * stamp and, if wanted, the mailbox's GUID. Gives the text: free(). */
char *mock_id_subscription(enum mock_id_form form, const char *server, uint32_t mailbox,
                           int64_t stamp);

#endif
