/* SendNotification: what Exchange posts to the push listener, and what it is answered. Pure. */
#ifndef EWS_NOTIFICATION_H
#define EWS_NOTIFICATION_H

#include "ews_error.h"
#include "gw_arena.h"
#include "gw_buf.h"

/* OK keeps the subscription. UNSUBSCRIBE ends it: the only way to end a push subscription, and so
 * the answer for every token that is not (or no longer) known. */
enum ews_reply { EWS_REPLY_OK, EWS_REPLY_UNSUBSCRIBE };

/* All messages of one call together: they belong to one subscription, since the URL does. Which
 * item changed is not kept: the calendar is read again. */
struct ews_notification {
    struct gw_str subscription_id; /* opaque, compared byte for byte; empty: not said */
    struct gw_str watermark;       /* of the last event; empty: none */
    unsigned changes;              /* events that say the calendar changed, unknown kinds too */
    unsigned status_events;        /* idle pings */
    bool folders;                  /* a folder came, went, or has perhaps another name */
    bool more_events;              /* another call will follow */
    bool ended; /* Exchange could not read events and has deleted the subscription: status tells */
    struct ews_status status;
};

enum {
    EWS_NOTIFICATION_MAX = 256 * 1024, /* bytes: some 500 events; Exchange sends a few at a time */
    EWS_NOTIFICATION_ARENA = 8 * 1024  /* what out needs at most */
};

/* Strings of out live in the arena. GW_BADMSG: not XML, or not a SendNotification; GW_LIMIT. */
enum gw_code ews_notification_parse(struct gw_str body, struct gw_arena *arena,
                                    struct ews_notification *out, struct gw_err *err);

/* The SOAP answer to it, sent as text/xml; charset=utf-8 with status 200. */
void ews_notification_reply_write(enum ews_reply reply, struct gw_buf *out);

#endif
