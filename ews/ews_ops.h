/* The operations that the gateway uses, as plain values: a request is written, an answer parsed, by
 * pure functions (ews_codec.h); ews_client.h carries them. */
#ifndef EWS_OPS_H
#define EWS_OPS_H

#include "ews_error.h"
#include "ews_notification.h"
#include "gw_arena.h"
#include "gw_hours.h"
#include "gw_item.h"

enum ews_op {
    EWS_OP_SUBSCRIBE,    /* on the calendar folder of the mailbox (impersonating) */
    EWS_OP_FIND_ITEM,    /* CalendarView of the mailbox (impersonating) */
    EWS_OP_AVAILABILITY, /* GetUserAvailability of up to 100 mailboxes */
    EWS_OP_OOF,          /* GetUserOofSettings of the mailbox (impersonating): exact */
    EWS_OP_MAIL_TIPS,    /* GetMailTips of up to 50 mailboxes: who replies automatically now. Since
                            2010; a reply without text is not seen */
    EWS_OP_UNSUBSCRIBE,  /* of the mailbox (impersonating); pull and streaming only: a push
                            subscription is ended by the answer to a notification */
    EWS_OP_GET_EVENTS,   /* of a pull subscription of the mailbox (impersonating) */
    EWS_OP_STREAM,       /* GetStreamingEvents of up to 200 subscriptions, charged to the mailbox
                            (impersonating); by ews_client_stream_start(). Since 2010 SP1 */
    EWS_OP_SYNC,         /* SyncFolderItems of the mailbox's calendar (impersonating): has anything
                            changed since the last time? */
    EWS_OP_GET_FOLDER,   /* the mailbox's own calendar (impersonating): its id and name */
    EWS_OP_FIND_FOLDER,  /* the further calendars of the mailbox (impersonating) */
    EWS_OP_RESOLVE,      /* ResolveNames in the directory */
    EWS_OP_DISCOVER,     /* Autodiscover of the mailbox by SOAP, since 2010; ews_autodiscover.h has
                            all the ways in their order */
    EWS_OP_DISCOVER_POX  /* ... by POX */
};
enum { EWS_OP_COUNT = EWS_OP_DISCOVER_POX + 1 };

enum ews_sub_mode {
    EWS_SUB_PUSH,
    EWS_SUB_PULL,
    EWS_SUB_STREAMING /* since 2010 SP1 */
};

enum {
    EWS_AVAILABILITY_MAX = 100,
    EWS_MAIL_TIPS_MAX = 50, /* MaxRecipientsPerGetMailTipsRequest */
    EWS_STREAM_IDS_MAX = 200,
    EWS_RESOLUTIONS_MAX = 100,
    EWS_URL_MAX = 2082,
    EWS_ID_MAX = 2048,
    EWS_SYNC_STATE_MAX = 64 * 1024, /* grows with the folder */
    EWS_NAME_MAX = 512,
    EWS_FOLDERS_MAX = 20, /* further calendars in one request */
    EWS_AFFINITY_MAX = 1024
};

struct ews_request {
    enum ews_op op;
    struct gw_str mailbox; /* SMTP address: whose calendar, and to be impersonated. Of
                                       MAIL_TIPS the sender, any of ours; of DISCOVER whom to look
                                       for; not for AVAILABILITY and RESOLVE */
    struct gw_str speaker; /* of AVAILABILITY, MAIL_TIPS and RESOLVE, if the server wants to
                                       be told one: to be impersonated; empty: nobody */
    const struct gw_str *mailboxes; /* AVAILABILITY, MAIL_TIPS */
    size_t mailbox_count;
    gw_utc from, to;      /* window of FIND_ITEM and AVAILABILITY */
    bool hours;           /* AVAILABILITY: their working hours, too */
    unsigned item_fields; /* FIND_ITEM: asked for beyond what is always; gw_item.h */
    const struct gw_str
        *folders;               /* FIND_ITEM, SUBSCRIBE: ids of further calendars of the mailbox */
    size_t folder_count;        /* ... at most EWS_FOLDERS_MAX */
    struct gw_str own_folder;   /* FIND_FOLDER: id of the own calendar, which is no further one */
    enum ews_sub_mode sub_mode; /* SUBSCRIBE */
    struct gw_str notify_url;   /* ... push */
    unsigned status_frequency_min; /* ... push: 1..1440 */
    unsigned pull_timeout_min;     /* ... pull: 1..1440; the subscription dies unread */
    struct gw_str subscription_id; /* UNSUBSCRIBE, GET_EVENTS */
    struct gw_str watermark;       /* GET_EVENTS: of the last event, or of SUBSCRIBE's answer */
    const struct gw_str *subscription_ids; /* STREAM */
    size_t subscription_id_count;
    unsigned stream_timeout_min; /* STREAM: 1..30; the server ends the answer then */
    struct gw_str sync_state;    /* SYNC: of the last answer; empty: from the start */
    struct gw_str name;          /* RESOLVE: an address or a part of a name */
    struct gw_str url;           /* DISCOVER: of the service, on the client's server */

    /* Subscriptions that are read on one connection must live on one server. For all calls of such
     * a group, the same anchor: the first address in order. Its SUBSCRIBE goes first, without
     * affinity; what its answer has as affinity goes into all the others. */
    struct gw_str anchor;   /* SMTP address; empty: no group */
    struct gw_str affinity; /* opaque; empty: none */
};

/* One calendar. FIND_ITEM gives the mailbox's own and then one for each of the further ones asked for,
 * AVAILABILITY one for each mailbox asked, both in order. */
struct ews_calendar {
    struct ews_status status;            /* per calendar */
    const struct gw_interval *intervals; /* normalised */
    size_t count;
    bool truncated;               /* the server held items back: narrow the window */
    const struct gw_hours *hours; /* AVAILABILITY that asked for them; NULL: not told */
    /* FIND_ITEM with item_fields: the same, with what was asked for, in no order. */
    const struct gw_item *items;
    size_t item_count;
};

/* One mailbox's automatic reply: MAIL_TIPS gives one for each mailbox asked, in order. */
struct ews_tip {
    struct ews_status status; /* per mailbox */
    bool pending;             /* the server had no time for it: what was known before holds */
    struct gw_oof oof;
};

struct ews_folder {
    struct gw_str id, name; /* each is one line; a name may be empty */
};

struct ews_resolution {
    struct gw_str address; /* SMTP address */
    struct gw_str name;
    struct gw_str mailbox_type; /* "Mailbox", "Contact", "PublicDL" ...; empty: not said */
};

/* Where a mailbox is, or who is to be asked for it. What is not said is empty. */
struct ews_discovery {
    struct gw_str internal_url, external_url;     /* of EWS */
    struct gw_str grouping;                       /* mailboxes of one group share servers */
    struct gw_str redirect_address, redirect_url; /* with EWS_ELSEWHERE: one of them */
};

/* Borrowed by the callback: lives in the answer's arena. */
struct ews_answer {
    enum ews_op op;
    struct ews_status status;         /* of the whole request */
    struct gw_str subscription_id;    /* SUBSCRIBE */
    struct gw_str watermark;          /* SUBSCRIBE, not streaming */
    const struct ews_folder *folders; /* GET_FOLDER: one; FIND_FOLDER */
    size_t folder_count;
    bool folders_cut; /* FIND_FOLDER: there are more, of which nothing is said */
    const struct ews_calendar *calendars; /* FIND_ITEM, AVAILABILITY */
    size_t calendar_count;
    struct gw_oof oof; /* OOF */
    /* OOF, unless it is disabled: what is replied, as it was written, mostly HTML; external is empty
     * unless everybody outside gets it. */
    struct gw_str reply_internal, reply_external;
    const struct ews_tip *tips; /* MAIL_TIPS */
    size_t tip_count;
    const struct ews_notification *events; /* GET_EVENTS: one; STREAM: of one document */
    size_t event_count;
    const struct gw_str *bad_ids; /* STREAM, with EWS_SUBSCRIPTION_GONE: these are lost; none are
                                     named: all. The others live on and can be read again */
    size_t bad_id_count;
    bool closed;              /* STREAM: the server has ended the answer, as it must now and then */
    struct gw_str sync_state; /* SYNC: for the next time. EWS_SUBSCRIPTION_GONE: the old one is not
                                 accepted any more, start over */
    bool changed;             /* SYNC: something is not as it was at the old state */
    bool more;                /* SYNC: there is more to come, ask again with the new state */
    const struct ews_resolution *resolutions; /* RESOLVE; none is EWS_MAILBOX */
    size_t resolution_count;
    const struct ews_discovery *discovery; /* DISCOVER; may be NULL when it failed */
    struct gw_str affinity;                /* what the server gave; empty: none */
    unsigned dropped;               /* items that could not be understood; counted, not fatal */
    int server_major, server_minor; /* ServerVersionInfo; 0: not said */
};

#endif
