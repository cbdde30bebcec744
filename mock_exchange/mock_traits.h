/* What makes a mailbox different from the usual one: how much of its calendar others see, its working
 * hours, and where Exchange would fail for it. Most mailboxes have none of it. */
#ifndef MOCK_TRAITS_H
#define MOCK_TRAITS_H

#include "mock_zone.h"

/* What others get of GetUserAvailability. */
extern const char *const mock_sharing_name[],
    *const mock_discovery_level_name[]; /* end with NULL */
enum mock_sharing {
    MOCK_SHARING_NONE, /* ErrorNoFreeBusyAccess */
    MOCK_SHARING_MERGED,
    MOCK_SHARING_FREE_BUSY, /* the usual */
    MOCK_SHARING_DETAILED
};

struct mock_hours {
    char zone_id[64];      /* Windows' name */
    struct mock_zone zone; /* its rules when it was set */
    unsigned days;         /* bit 0: Sunday */
    int start_min, end_min;
};

/* Autodiscover says this instead; an error has one of three levels. */
enum mock_discovery_level {
    MOCK_DISCOVERY_FINE,
    MOCK_DISCOVERY_RESPONSE, /* of the whole request */
    MOCK_DISCOVERY_USER,
    MOCK_DISCOVERY_SETTING /* of each setting */
};
struct mock_discovery {
    char *redirect_address, *redirect_url; /* or NULL */
    enum mock_discovery_level level;
    char *error_code; /* with a level: "InvalidUser", "ServerBusy" ... */
};

struct mock_traits {
    struct mock_hours hours;
    enum mock_sharing sharing;
    const char *free_busy_error; /* a literal ResponseCode for everybody who asks; NULL: none */
    bool tips_pending;           /* GetMailTips has no time to look at it */
    bool external_oof;           /* AllowExternalOof */
    struct mock_discovery discovery;
};

/* The usual: Monday to Friday, 8:00 to 17:00 UTC. Shared and constant. */
extern const struct mock_traits mock_traits_usual;

void mock_traits_copy(struct mock_traits *to,
                      const struct mock_traits *from); /* 'to' is a fresh one */
void mock_traits_done(struct mock_traits *traits);

#endif
