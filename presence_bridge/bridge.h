/* From calendar to presence: one pure function. Nothing is toggled; every wake-up asks afresh, so a
 * late timer, a clock step or a restart cannot leave a wrong state behind. */
#ifndef BRIDGE_H
#define BRIDGE_H

#include "bridge_policy.h"
#include "bridge_voice.h"
#include "gw_interval.h"
#include "pres_state.h"

/* What is known of a user. All borrowed for the call. */
struct bridge_calendar {
    const struct gw_interval *intervals; /* normalised */
    size_t count;
    gw_utc from, to;          /* [from, to) is what the intervals cover; equal: nothing is known */
    const struct gw_oof *oof; /* automatic replies; NULL: not known, or not to be shown */
    const struct gw_interval *outside; /* working hours: where there are none; normalised */
    size_t outside_count;
    /* What the automatic reply says, as plain text; empty: not known. Inside the organisation, and
     * outside. */
    struct gw_str reply_own, reply_federated;
};

enum bridge_source {
    BRIDGE_NOTHING,   /* the calendar is not known at this time */
    BRIDGE_FREE,      /* known, and no item says otherwise */
    BRIDGE_INTERVAL,  /* a calendar item: interval */
    BRIDGE_OUTSIDE,   /* outside working hours */
    BRIDGE_AUTO_REPLY /* automatic replies: oof */
};

struct bridge_show;

/* What shows at a moment, and why. Since and until are of the whole stretch with this result:
 * back-to-back items that show the same are one. */
struct bridge_look {
    const struct bridge_show *show; /* of the policy */
    enum pres_calendar_kind kind;
    enum bridge_source source;
    gw_utc since, until;           /* 0 and GW_NEVER: not known, or without end */
    gw_utc item_since, item_until; /* as in struct pres_calendar */
    struct pres_span ahead[PRES_AHEAD_MAX];
    size_t ahead_count;
    struct gw_interval interval; /* BRIDGE_INTERVAL */
    struct gw_oof oof;           /* BRIDGE_AUTO_REPLY */
    const char *rule;            /* of the policy: its name, when one has matched; else NULL */
    const char *row;             /* the setting that was used; NULL: a rule, or nothing known */
};

/* 'out' points into the policy. */
void bridge_look(const struct bridge_calendar *calendar, const struct bridge_policy *policy,
                 gw_utc now, struct bridge_look *out);

/* Says what was looked at: dates are written, which costs. */
void bridge_tell(const struct bridge_calendar *calendar, const struct bridge_policy *policy,
                 const struct bridge_voice *voice, const struct bridge_look *look,
                 struct pres_calendar *out);

/* Both. why may be NULL. */
void bridge_presence(const struct bridge_calendar *calendar, const struct bridge_policy *policy,
                     const struct bridge_voice *voice, gw_utc now, struct pres_calendar *out,
                     struct bridge_look *why);

/* The same for equal looks under one policy and voice, and equal reply texts: whether it has to be told
 * anew. */
uint64_t bridge_look_mark(const struct bridge_calendar *calendar, const struct bridge_look *look);

const char *bridge_source_name(enum bridge_source source); /* "calendar-item" */

#endif
