/* The state of one who watches a user, as RFC 3857 4.7.1 draws it: a table.
 *
 *   init --subscribe, nothing is decided--> pending --approved--> active
 *     |                                       |  '--timeout--> waiting
 *     |--subscribe, allowed--> active         |                   |
 *     '--subscribe, denied--.                 '--rejected,        '--approved, rejected, giveup,
 *                           |                    giveup, ...         noresource
 *                           v                    v                   v
 *                       terminated <--rejected, timeout, ...-- active
 *
 * Who waits has no subscription any more; approved, he has none either: the next one is active at once. */
#ifndef SIP_WATCHER_H
#define SIP_WATCHER_H

#include "gw_str.h"

enum sip_watcher_status {
    SIP_WATCHER_INIT,
    SIP_WATCHER_PENDING,
    SIP_WATCHER_ACTIVE,
    SIP_WATCHER_WAITING,
    SIP_WATCHER_TERMINATED,
    SIP_WATCHER_STATUSES
};

enum sip_watcher_event {
    SIP_WATCHER_SUBSCRIBE, /* nothing is decided; the next two: it was */
    SIP_WATCHER_SUBSCRIBE_ALLOWED,
    SIP_WATCHER_SUBSCRIBE_DENIED,
    SIP_WATCHER_APPROVED,
    SIP_WATCHER_DEACTIVATED,
    SIP_WATCHER_PROBATION,
    SIP_WATCHER_REJECTED,
    SIP_WATCHER_TIMEOUT,
    SIP_WATCHER_GIVEUP,
    SIP_WATCHER_NORESOURCE,
    SIP_WATCHER_EVENTS
};

/* As RFC 3858 3.3 writes them; all three ways to subscribe are "subscribe". */
const char *sip_watcher_status_name(enum sip_watcher_status status);
const char *sip_watcher_event_name(enum sip_watcher_event event);

/* Where the event leads; *status is as it was when it leads nowhere (false). */
bool sip_watcher_step(enum sip_watcher_status *status, enum sip_watcher_event event);

#endif
