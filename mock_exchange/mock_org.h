/* The organisation behind the client access servers: service accounts, mailboxes, the items of their
 * calendars, out-of-office settings. An engine without sockets: the time is handed in, and who wants
 * to know of changes registers an observer. Structs may be read by anybody, and are changed through
 * the functions only. */
#ifndef MOCK_ORG_H
#define MOCK_ORG_H

#include "gw_err.h"
#include "gw_interval.h"
#include "gw_list.h"
#include "gw_map.h"
#include "gw_time.h"
#include "mock_id.h"
#include "mock_recur.h"
#include "mock_traits.h"
#include "mock_zone_named.h"

enum {
    MOCK_MAILBOXES_MAX = 1000000,
    MOCK_ITEMS_MAX = 100000, /* of one mailbox */
    MOCK_TEXT_MAX = 4096,    /* bytes of a subject, an address, a reply */
    MOCK_CALENDARS_MAX =
        MOCK_FOLDER_LAST + 1 - MOCK_FOLDER_FURTHER /* of one mailbox, further ones */
};

enum mock_operation {
    MOCK_SUBSCRIBE,
    MOCK_UNSUBSCRIBE,
    MOCK_GET_EVENTS,
    MOCK_GET_STREAMING_EVENTS,
    MOCK_FIND_ITEM,
    MOCK_GET_ITEM,
    MOCK_CREATE_ITEM,
    MOCK_UPDATE_ITEM,
    MOCK_DELETE_ITEM,
    MOCK_MOVE_ITEM,
    MOCK_SYNC_ITEMS,
    MOCK_GET_FOLDER,
    MOCK_FIND_FOLDER,
    MOCK_CONVERT_ID,
    MOCK_GET_AVAILABILITY,
    MOCK_GET_OOF,
    MOCK_SET_OOF,
    MOCK_GET_MAIL_TIPS,
    MOCK_GET_SERVICE_CONFIGURATION,
    MOCK_RESOLVE_NAMES,
    MOCK_GET_TIME_ZONES,
    MOCK_AUTODISCOVER,
    MOCK_OTHER, /* not known here, or not even XML */
    MOCK_OPERATION_COUNT
};
const char *mock_operation_name(enum mock_operation op); /* "FindItem"; MOCK_OTHER: "other" */
bool mock_operation_parse(struct gw_str name, enum mock_operation *out);

enum mock_rights { MOCK_RIGHTS_NONE, MOCK_RIGHTS_ALL, MOCK_RIGHTS_LIST };

struct mock_account {
    char *name, *password;
    char *mailbox;           /* address of its own mailbox, or NULL */
    enum mock_rights rights; /* whom it may impersonate */
    char **allowed;          /* MOCK_RIGHTS_LIST: addresses, or "@domain" for a whole domain */
    size_t allowed_count;
    bool expired;           /* its password is: logs in, and is told so */
    unsigned bad_passwords; /* in a row */
    gw_time locked_until;
};

enum mock_sensitivity { MOCK_NORMAL, MOCK_PERSONAL, MOCK_PRIVATE, MOCK_CONFIDENTIAL };
enum mock_response {
    MOCK_RESPONSE_UNKNOWN,
    MOCK_RESPONSE_ORGANIZER,
    MOCK_RESPONSE_TENTATIVE,
    MOCK_RESPONSE_ACCEPT,
    MOCK_RESPONSE_DECLINE,
    MOCK_RESPONSE_NONE
};
enum mock_item_type { MOCK_SINGLE, MOCK_OCCURRENCE, MOCK_EXCEPTION, MOCK_MASTER };

/* Properties that mean nothing to a calendar, but that clients want back: elements as they came, by
 * the number of the property (mock_item_fields.h). */
struct mock_extras {
    size_t count;
    struct mock_extra {
        unsigned field;
        char *xml;
    } extra[];
};

/* What an item says. All is borrowed when it is handed in; texts and extras may be NULL. */
struct mock_item_data {
    gw_utc start, end;
    enum gw_busy busy;
    enum mock_sensitivity sensitivity;
    enum mock_response response;
    bool all_day, meeting, cancelled;
    unsigned calendar; /* 0: the mailbox's own; else the number of a further one */
    char *subject, *location;
    struct mock_extras *extras;
};

/* Texts and extras are copied; fractions of seconds are cut off. 'to' is freed first. */
void mock_item_data_copy(struct mock_item_data *to, const struct mock_item_data *from);
void mock_item_data_done(struct mock_item_data *data);

/* A single item, the master of a series, or one of its occurrences. These have the number of their
 * master; those that were never changed by themselves exist only as copies. A copy can be handed in
 * everywhere; its texts are the original's. */
struct mock_item {
    uint64_t number;               /* of the whole organisation; never used again */
    char key[24];                  /* the number as text */
    uint32_t change;               /* raised by every save */
    uint32_t created_at, saved_at; /* the folder's change then */
    struct mock_mailbox *mailbox;
    struct mock_series *series; /* NULL: single */
    int64_t day;                /* of an occurrence, by the pattern; else MOCK_NO_DAY */
    bool is_exception;
    struct mock_item_data data; /* a master's start and end are those of the first occurrence */
};
enum mock_item_type mock_item_type(const struct mock_item *item);
struct mock_id mock_item_id(const struct mock_item *item); /* on the wire */

/* When a series takes place: the hours are those of its zone, whatever its clock does. */
struct mock_series {
    struct mock_recur recur;
    struct mock_zone_named zone;
    int64_t start_ms, length_ms; /* of the day; local, both */
    struct mock_exception {
        int64_t day;
        struct mock_item *item; /* NULL: deleted */
    } * exceptions;             /* by day */
    size_t exception_count;
};
gw_utc mock_series_start(const struct mock_series *series, int64_t day); /* by the pattern */
gw_utc mock_series_end(const struct mock_series *series, int64_t day);

/* An item that was deleted, for those who keep up with a folder; the latest are remembered. */
enum { MOCK_GONE_MAX = 1000 };
struct mock_gone {
    uint64_t number;
    uint32_t at; /* the folder's change then */
};

enum mock_audience { MOCK_AUDIENCE_NONE, MOCK_AUDIENCE_KNOWN, MOCK_AUDIENCE_ALL };

struct mock_oof {
    struct gw_oof setting; /* start and end are kept, and shown, whatever the state; 0: never set */
    enum mock_audience audience;
    char *internal_reply, *external_reply; /* may be NULL */
};

/* One calendar besides the mailbox's own, in a folder below that. */
struct mock_calendar {
    unsigned number; /* from 1; stays its own */
    char *name;
    bool is_deleted;   /* it is in Deleted Items */
    const char *error; /* a literal ResponseCode for whoever asks for it; NULL: none */
};

struct mock_mailbox {
    char *address; /* primary SMTP address, in lower case: its key */
    char *upn;     /* user principal name, in lower case */
    char **aliases;
    size_t alias_count;
    char *display;
    uint32_t number; /* from 1 */
    bool gone;       /* removed: kept, since journals may name it, but not found any more */

    struct mock_item **items; /* single ones, by start, then number */
    size_t item_count, item_cap;
    struct mock_item **masters; /* by number */
    size_t master_count, master_cap;
    gw_utc longest; /* no single item is longer than this, ms */
    struct mock_calendar *calendars[MOCK_CALENDARS_MAX]; /* by number - 1; NULL: gone for good */
    unsigned calendar_count;
    uint64_t event;                  /* number of its last event */
    uint32_t change;                 /* of the calendar folder */
    struct mock_gone *gone_items;    /* in order */
    uint32_t gone_count, gone_since; /* what went up to that change is forgotten */
    struct mock_oof oof;
    struct mock_traits *traits; /* NULL: the usual ones, see mock_mailbox_traits() */

    uint16_t database, moves_from; /* of mock_place.h */
    gw_time moves_until;           /* 0: it does not move */

    struct gw_list subs; /* of struct mock_sub */
    unsigned sub_count;
    uint32_t calls[MOCK_OPERATION_COUNT]; /* the journal's */
};

enum mock_change_kind { MOCK_CREATED, MOCK_MODIFIED, MOCK_DELETED, MOCK_MOVED };

struct mock_change {
    struct mock_mailbox *mailbox;
    enum mock_change_kind kind; /* MOCK_MOVED: to Deleted Items */
    unsigned calendar;          /* by number */
    uint64_t item;              /* 0: of the calendar itself */
    uint32_t item_change;
    bool free_busy; /* what others see as free or busy changed as well */
    gw_utc at;
};
typedef void mock_change_fn(const struct mock_change *change, struct gw_now now, void *ctx);

struct mock_org;

struct mock_org *mock_org_new(void);
void mock_org_free(struct mock_org **orgp);

/* One observer; NULL: none. */
void mock_org_observe(struct mock_org *org, mock_change_fn *fn, void *ctx);

/* Accounts. A name is taken with or without "DOMAIN\" in front, case-blind. */
struct mock_account_args {
    struct gw_str name, password, mailbox; /* mailbox may be empty */
    enum mock_rights rights;
    const struct gw_str *allowed;
    size_t allowed_count;
    bool expired;
};
enum gw_code mock_account_put(struct mock_org *org, const struct mock_account_args *args,
                              struct gw_err *err); /* a second one of that name replaces it */
const struct mock_account *mock_account_find(const struct mock_org *org, struct gw_str name);
bool mock_account_may(const struct mock_account *account, const struct mock_mailbox *mailbox);
size_t mock_account_count(const struct mock_org *org);
const struct mock_account *mock_account_next(const struct mock_org *org,
                                             size_t *pos); /* any order */

/* After 'tries' wrong passwords in a row an account is locked out for 'ms'; 0: never. */
void mock_org_set_lockout(struct mock_org *org, unsigned tries, int64_t ms);

/* NULL: 'why' says why not, in two words. */
const struct mock_account *mock_account_login(struct mock_org *org, struct gw_str name,
                                              struct gw_str password, struct gw_now now,
                                              const char **why);
/* For who compares passwords by other means: counts the try. False: the account is locked out. */
bool mock_account_tried(struct mock_org *org, const struct mock_account *account, bool right,
                        struct gw_now now);

/* Mailboxes. */
struct mock_mailbox_args {
    struct gw_str address, upn, display; /* upn and display may be empty: address, its local part */
    const struct gw_str *aliases;
    size_t alias_count;
};
enum gw_code mock_mailbox_add(struct mock_org *org, const struct mock_mailbox_args *args,
                              struct mock_mailbox **out, struct gw_err *err);
void mock_mailbox_remove(struct mock_org *org, struct mock_mailbox *mailbox); /* marks it gone */

/* All case-blind; NULL: none such. */
struct mock_mailbox *mock_mailbox_by_smtp(const struct mock_org *org, struct gw_str address);
struct mock_mailbox *mock_mailbox_by_upn(const struct mock_org *org, struct gw_str upn);
struct mock_mailbox *mock_mailbox_by_number(const struct mock_org *org, uint32_t number);
size_t mock_mailbox_count(const struct mock_org *org); /* without those that are gone */

/* In the order of creation: start with *pos = 0, ends with NULL; those that are gone are left out. */
struct mock_mailbox *mock_mailbox_next(const struct mock_org *org, size_t *pos);

/* Further calendars. Each of these tells the observer. GW_EXISTS: there is one of that name. */
enum gw_code mock_calendar_add(struct mock_org *org, struct mock_mailbox *mailbox,
                               struct gw_str name, struct gw_now now, struct mock_calendar **out,
                               struct gw_err *err);
enum gw_code mock_calendar_rename(struct mock_org *org, struct mock_mailbox *mailbox,
                                  struct mock_calendar *calendar, struct gw_str name,
                                  struct gw_now now, struct gw_err *err);
/* Moved to Deleted Items, with what is in it, or gone for good with all of that. */
void mock_calendar_delete(struct mock_org *org, struct mock_mailbox *mailbox,
                          struct mock_calendar *calendar, bool moved, struct gw_now now);
/* NULL: there is none. */
struct mock_calendar *mock_calendar_of(const struct mock_mailbox *mailbox, enum mock_folder folder);
struct mock_calendar *mock_calendar_named(const struct mock_mailbox *mailbox, struct gw_str name);
enum mock_folder mock_calendar_folder(unsigned number); /* 0: the mailbox's own */

/* Items. Each of these tells the observer. Fractions of seconds are cut off. A series is added with
 * the recurrence, whose hours are those of the data's start in that zone; it begins on the first day
 * of the pattern. 'out' (may be NULL) is the item as it is kept. */
struct mock_recurrence {
    struct mock_recur recur;
    const struct mock_zone_named *zone; /* copied; NULL, for changes: there is none any more */
};
enum gw_code mock_item_add(struct mock_org *org, struct mock_mailbox *mailbox,
                           const struct mock_item_data *data,
                           const struct mock_recurrence *recurrence, struct gw_now now,
                           const struct mock_item **out, struct gw_err *err);

/* recurrence NULL: as it was. Another recurrence, or other hours of a master, end the exceptions of
 * the series; with a recurrence a single item becomes a series, with one without zone a series a
 * single item: its first occurrence. */
enum gw_code mock_item_change(struct mock_org *org, const struct mock_item *item,
                              const struct mock_item_data *data,
                              const struct mock_recurrence *recurrence, struct gw_now now,
                              struct gw_err *err);
/* Gone for good, or moved to Deleted Items as Outlook does; the item is freed either way, a series
 * with all that is in it. */
void mock_item_delete(struct mock_org *org, const struct mock_item *item, bool moved,
                      struct gw_now now);

/* By "17", or "17.20544" for the occurrence of a day. A copy; false: there is none. */
bool mock_item_get(const struct mock_org *org, struct gw_str key, struct mock_item *out);
bool mock_item_by_number(const struct mock_org *org, uint64_t number, struct mock_item *out);
bool mock_item_occurrence(const struct mock_item *master, int64_t day, struct mock_item *out);
size_t mock_item_count(const struct mock_org *org);

/* Everything that takes place with end >= from and start < to, by start: single items and occurrences.
 * Copies, which the next change makes stale. */
enum { MOCK_VIEW_MAX = 20000 };
struct mock_view {
    struct mock_item *items;
    size_t count;
    bool truncated; /* there are more than MOCK_VIEW_MAX */
};
void mock_view_open(const struct mock_mailbox *mailbox, gw_utc from, gw_utc to,
                    struct mock_view *view); /* of the mailbox's own calendar */
void mock_view_open_of(const struct mock_mailbox *mailbox, unsigned calendar, gw_utc from,
                       gw_utc to, struct mock_view *view);
void mock_view_close(struct mock_view *view);

/* Copies. There is no event for this: clients have to ask. */
void mock_oof_set(struct mock_mailbox *mailbox, const struct mock_oof *oof);

const struct mock_traits *mock_mailbox_traits(const struct mock_mailbox *mailbox);
void mock_mailbox_set_traits(struct mock_mailbox *mailbox,
                             const struct mock_traits *traits); /* copies */

/* Names as the schema has them. */
const char *mock_sensitivity_name(enum mock_sensitivity s);
const char *mock_response_name(enum mock_response r);
const char *mock_item_type_name(enum mock_item_type t);
const char *mock_audience_name(enum mock_audience a);
const char *mock_oof_state_name(enum gw_oof_state s);

#endif
