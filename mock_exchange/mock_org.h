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
#include "mock_traits.h"

enum {
    MOCK_MAILBOXES_MAX = 1000000,
    MOCK_ITEMS_MAX = 100000, /* of one mailbox */
    MOCK_TEXT_MAX = 4096     /* bytes of a subject, an address, a reply */
};

enum mock_operation {
    MOCK_SUBSCRIBE,
    MOCK_UNSUBSCRIBE,
    MOCK_GET_EVENTS,
    MOCK_GET_STREAMING_EVENTS,
    MOCK_FIND_ITEM,
    MOCK_GET_ITEM,
    MOCK_GET_FOLDER,
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
enum mock_item_type { MOCK_SINGLE, MOCK_OCCURRENCE, MOCK_EXCEPTION };

/* What an item says. Texts are borrowed when it is handed in, and may be NULL. */
struct mock_item_data {
    gw_utc start, end;
    enum gw_busy busy;
    enum mock_sensitivity sensitivity;
    enum mock_response response;
    enum mock_item_type type;
    bool all_day, meeting, cancelled;
    char *subject, *location;
};

struct mock_item {
    uint64_t number; /* of the whole organisation; never used again */
    char key[24];    /* the number as text */
    uint32_t change; /* raised by every save */
    struct mock_mailbox *mailbox;
    struct mock_item_data data;
};

enum mock_audience { MOCK_AUDIENCE_NONE, MOCK_AUDIENCE_KNOWN, MOCK_AUDIENCE_ALL };

struct mock_oof {
    struct gw_oof setting; /* start and end are kept, and shown, whatever the state; 0: never set */
    enum mock_audience audience;
    char *internal_reply, *external_reply; /* may be NULL */
};

struct mock_mailbox {
    char *address; /* primary SMTP address, in lower case: its key */
    char *upn;     /* user principal name, in lower case */
    char **aliases;
    size_t alias_count;
    char *display;
    uint32_t number; /* from 1 */
    bool gone;       /* removed: kept, since journals may name it, but not found any more */

    struct mock_item **items; /* by start, then number */
    size_t item_count, item_cap;
    gw_utc longest;  /* no item is longer than this, ms */
    uint64_t event;  /* number of its last event */
    uint32_t change; /* of the calendar folder */
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
    uint64_t item;
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

/* Items. Each of these tells the observer. Fractions of seconds are cut off. */
enum gw_code mock_item_add(struct mock_org *org, struct mock_mailbox *mailbox,
                           const struct mock_item_data *data, struct gw_now now,
                           struct mock_item **out, struct gw_err *err);
enum gw_code mock_item_change(struct mock_org *org, struct mock_item *item,
                              const struct mock_item_data *data, struct gw_now now,
                              struct gw_err *err);
/* Gone for good, or moved to Deleted Items as Outlook does; the item is freed either way. */
void mock_item_delete(struct mock_org *org, struct mock_item *item, bool moved, struct gw_now now);
struct mock_item *mock_item_find(const struct mock_org *org, struct gw_str key);
size_t mock_item_count(const struct mock_org *org);

/* The items with end >= from and start < to, by start. *pos starts with 0; ends with NULL. */
const struct mock_item *mock_item_next_in(const struct mock_mailbox *mailbox, gw_utc from,
                                          gw_utc to, size_t *pos);

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
