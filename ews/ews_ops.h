/* The operations that the gateway uses, as plain values: a request is written, an answer parsed, by
 * pure functions (ews_codec.h); ews_client.h carries them. */
#ifndef EWS_OPS_H
#define EWS_OPS_H

#include "ews_error.h"
#include "gw_arena.h"
#include "gw_interval.h"

enum ews_op {
    EWS_OP_SUBSCRIBE,    /* push, on the calendar folder of the mailbox (impersonating) */
    EWS_OP_FIND_ITEM,    /* CalendarView of the mailbox (impersonating) */
    EWS_OP_AVAILABILITY, /* GetUserAvailability of up to 100 mailboxes */
    EWS_OP_OOF           /* GetUserOofSettings of the mailbox (impersonating) */
};

enum { EWS_AVAILABILITY_MAX = 100, EWS_URL_MAX = 2082, EWS_ID_MAX = 2048 };

struct ews_request {
    enum ews_op op;
    struct gw_str mailbox;          /* SMTP address; not for EWS_OP_AVAILABILITY */
    const struct gw_str *mailboxes; /* EWS_OP_AVAILABILITY */
    size_t mailbox_count;
    gw_utc from, to;               /* window of FIND_ITEM and AVAILABILITY */
    struct gw_str notify_url;      /* SUBSCRIBE */
    unsigned status_frequency_min; /* SUBSCRIBE */
};

/* One mailbox's calendar. FIND_ITEM gives one, AVAILABILITY one for each mailbox asked, in order. */
struct ews_calendar {
    struct ews_status status;            /* per mailbox */
    const struct gw_interval *intervals; /* normalised */
    size_t count;
    bool truncated; /* the server held items back: narrow the window */
};

/* Borrowed by the callback: lives in the answer's arena. */
struct ews_answer {
    enum ews_op op;
    struct ews_status status;      /* of the whole request */
    struct gw_str subscription_id; /* SUBSCRIBE */
    const struct ews_calendar *calendars;
    size_t calendar_count;
    struct gw_oof oof;              /* OOF */
    unsigned dropped;               /* items that could not be understood; counted, not fatal */
    int server_major, server_minor; /* ServerVersionInfo; 0: not said */
};

#endif
