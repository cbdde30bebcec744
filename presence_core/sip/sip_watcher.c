#include "sip_watcher.h"

static const char *const status_names[SIP_WATCHER_STATUSES] = {
    [SIP_WATCHER_INIT] = "init",
    [SIP_WATCHER_PENDING] = "pending",
    [SIP_WATCHER_ACTIVE] = "active",
    [SIP_WATCHER_WAITING] = "waiting",
    [SIP_WATCHER_TERMINATED] = "terminated",
};

static const char *const event_names[SIP_WATCHER_EVENTS] = {
    [SIP_WATCHER_SUBSCRIBE] = "subscribe",
    [SIP_WATCHER_SUBSCRIBE_ALLOWED] = "subscribe",
    [SIP_WATCHER_SUBSCRIBE_DENIED] = "subscribe",
    [SIP_WATCHER_APPROVED] = "approved",
    [SIP_WATCHER_DEACTIVATED] = "deactivated",
    [SIP_WATCHER_PROBATION] = "probation",
    [SIP_WATCHER_REJECTED] = "rejected",
    [SIP_WATCHER_TIMEOUT] = "timeout",
    [SIP_WATCHER_GIVEUP] = "giveup",
    [SIP_WATCHER_NORESOURCE] = "noresource",
};

/* INIT: it leads nowhere. */
#define PENDING    SIP_WATCHER_PENDING
#define ACTIVE     SIP_WATCHER_ACTIVE
#define WAITING    SIP_WATCHER_WAITING
#define TERMINATED SIP_WATCHER_TERMINATED
static const enum sip_watcher_status steps[SIP_WATCHER_STATUSES][SIP_WATCHER_EVENTS] = {
    [SIP_WATCHER_INIT] = { [SIP_WATCHER_SUBSCRIBE] = PENDING,
                           [SIP_WATCHER_SUBSCRIBE_ALLOWED] = ACTIVE,
                           [SIP_WATCHER_SUBSCRIBE_DENIED] = TERMINATED },
    [SIP_WATCHER_PENDING] = { [SIP_WATCHER_APPROVED] = ACTIVE,
                              [SIP_WATCHER_TIMEOUT] = WAITING,
                              [SIP_WATCHER_REJECTED] = TERMINATED,
                              [SIP_WATCHER_DEACTIVATED] = TERMINATED,
                              [SIP_WATCHER_PROBATION] = TERMINATED,
                              [SIP_WATCHER_GIVEUP] = TERMINATED,
                              [SIP_WATCHER_NORESOURCE] = TERMINATED },
    [SIP_WATCHER_WAITING] = { [SIP_WATCHER_APPROVED] = TERMINATED,
                              [SIP_WATCHER_REJECTED] = TERMINATED,
                              [SIP_WATCHER_GIVEUP] = TERMINATED,
                              [SIP_WATCHER_NORESOURCE] = TERMINATED },
    [SIP_WATCHER_ACTIVE] = { [SIP_WATCHER_REJECTED] = TERMINATED,
                             [SIP_WATCHER_TIMEOUT] = TERMINATED,
                             [SIP_WATCHER_DEACTIVATED] = TERMINATED,
                             [SIP_WATCHER_PROBATION] = TERMINATED,
                             [SIP_WATCHER_NORESOURCE] = TERMINATED },
};

const char *sip_watcher_status_name(enum sip_watcher_status status)
{
    return status_names[status];
}

const char *sip_watcher_event_name(enum sip_watcher_event event)
{
    return event_names[event];
}

bool sip_watcher_step(enum sip_watcher_status *status, enum sip_watcher_event event)
{
    enum sip_watcher_status to = steps[*status][event];

    if (to == SIP_WATCHER_INIT)
        return false;
    *status = to;
    return true;
}
