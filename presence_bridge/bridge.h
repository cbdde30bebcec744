/* From calendar to presence: one pure function. Nothing is toggled; every wake-up asks afresh, so a
 * late timer, a clock step or a restart cannot leave a wrong state behind. */
#ifndef BRIDGE_H
#define BRIDGE_H

#include "gw_interval.h"
#include "pres_state.h"

/* What is known of a user. All borrowed for the call. */
struct bridge_calendar {
    const struct gw_interval *intervals; /* normalised */
    size_t count;
    gw_utc from, to;          /* [from, to) is what the intervals cover; equal: nothing is known */
    const struct gw_oof *oof; /* automatic replies; NULL: not known */
};

/* One row of the mapping: what a busy type, or an automatic reply, shows as. */
struct bridge_row {
    enum pres_calendar_kind kind;
    unsigned char rank; /* of several that apply at once the highest shows */
    const char *text;   /* UTF-8, without dates; "" for none */
};

enum { BRIDGE_BUSY_COUNT = GW_BUSY_OOF + 1 };

struct bridge_policy {
    struct bridge_row busy[BRIDGE_BUSY_COUNT]; /* by enum gw_busy; FREE is also "no item" */
    struct bridge_row auto_reply;
    bool auto_reply_hidden; /* parameter calendar.oof_display = hide */
    int utc_offset_min;     /* zone of the dates in texts */
};

/* The table of the product guides, dates in UTC. */
void bridge_policy_default(struct bridge_policy *out);

enum bridge_source {
    BRIDGE_NOTHING,   /* the calendar is not known at this time */
    BRIDGE_FREE,      /* known, and no item says otherwise */
    BRIDGE_INTERVAL,  /* a calendar item: interval */
    BRIDGE_AUTO_REPLY /* automatic replies: oof */
};

/* Why. Since and until are of the whole stretch with this result: back-to-back items that show the
 * same are one. */
struct bridge_reason {
    enum bridge_source source;
    struct gw_interval interval;
    struct gw_oof oof;
    gw_utc since, until; /* 0 and GW_NEVER: not known, or without end */
};

/* Always fills both; why may be NULL. */
void bridge_presence(const struct bridge_calendar *calendar, const struct bridge_policy *policy,
                     gw_utc now, struct pres_calendar *out, struct bridge_reason *why);

const char *bridge_source_name(enum bridge_source source); /* "calendar-item" */

#endif
