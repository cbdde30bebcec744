/* Presence as values: what a calendar says, what a client says, and what is shown. */
#ifndef PRES_STATE_H
#define PRES_STATE_H

#include "gw_time.h"

/* What the user's calendar contributes. */
enum pres_calendar_kind {
    PRES_CAL_NONE, /* nothing known, or nothing to say */
    PRES_CAL_FREE,
    PRES_CAL_ELSEWHERE, /* available, with a note */
    PRES_CAL_MEETING,
    PRES_CAL_AWAY, /* busy type OOF on an item */
    PRES_CAL_OOF   /* automatic replies are on */
};

enum { PRES_TEXT_MAX = 256 };

struct pres_calendar {
    enum pres_calendar_kind kind;
    gw_utc since, until;      /* of this contribution; 0 and GW_NEVER: not known */
    char text[PRES_TEXT_MAX]; /* UTF-8, "In a meeting"; may be empty */
};

/* Availability; the internal model that every front-end maps to its own words. */
enum pres_show {
    PRES_OFFLINE,
    PRES_AVAILABLE, /* XMPP: no <show/>, or chat */
    PRES_AWAY,
    PRES_XA,
    PRES_BUSY, /* XMPP: away, text "Busy" */
    PRES_DND
};

const char *pres_show_name(enum pres_show show);                   /* "away" */
const char *pres_calendar_kind_name(enum pres_calendar_kind kind); /* "in-a-meeting" */

#endif
