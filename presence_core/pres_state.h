/* Presence as values: what a calendar says, what a client says, and what is shown. */
#ifndef PRES_STATE_H
#define PRES_STATE_H

#include <stddef.h>

#include "gw_time.h"

/* What the user's calendar contributes. */
enum pres_calendar_kind {
    PRES_CAL_NONE, /* nothing known, or nothing to say */
    PRES_CAL_FREE,
    PRES_CAL_ELSEWHERE, /* available, with a note */
    PRES_CAL_BUSY,      /* with what is not said */
    PRES_CAL_MEETING,
    PRES_CAL_AWAY, /* busy type OOF on an item */
    PRES_CAL_OOF,  /* automatic replies are on */
    PRES_CAL_DND,  /* not to be disturbed */
    PRES_CAL_COUNT
};

/* Times in which the calendar says one thing, [since, until). 0 and GW_NEVER: not known. */
struct pres_span {
    enum pres_calendar_kind kind;
    gw_utc since, until;
};

/* How much of a user's calendar a watcher may see. */
enum pres_level {
    PRES_LEVEL_NOTHING, /* as if there were no calendar */
    PRES_LEVEL_BUSY,    /* whether it says busy or not: neither with what nor until when */
    PRES_LEVEL_TIMES,   /* state and times, of now and of what comes next */
    PRES_LEVEL_FULL,    /* the text, too */
    PRES_LEVEL_COUNT
};

/* The texts for the levels above nothing. That of the last is in two: the internal words are for
 * watchers of one's own domains only. Whoever makes a text puts nothing in that is above its level. */
enum pres_words {
    PRES_WORDS_BUSY,      /* busy or not: "Busy" */
    PRES_WORDS_TIMES,     /* state and times: "In a meeting until 15:00" */
    PRES_WORDS_OWN,       /* everything, for watchers of one's own domains */
    PRES_WORDS_FEDERATED, /* everything, for watchers of other domains */
    PRES_WORDS_COUNT
};

enum {
    PRES_TEXT_MAX = 512, /* with its NUL: a reply text is cut to that */
    PRES_AHEAD_MAX = 4   /* of a day ahead, what fits in a line of a client */
};

struct pres_calendar {
    enum pres_calendar_kind kind;
    gw_utc since, until; /* of this contribution; 0 and GW_NEVER: not known */
    /* Of the item, or out-of-office period, that says so: of several back to back, the present one.
     * item_until 0: none does. item_since 0 and item_until GW_NEVER: not known, or without end. */
    gw_utc item_since, item_until;
    char text[PRES_WORDS_COUNT][PRES_TEXT_MAX]; /* UTF-8; may be empty. Equal ones are kept once */
    struct pres_span ahead[PRES_AHEAD_MAX];     /* what comes next and is not free, in order */
    size_t ahead_count;
};

/* Words besides those of the calendar: for what a protocol has no sign for, and about contacts. */
enum pres_phrase {
    PRES_PHRASE_AWAY,
    PRES_PHRASE_BUSY,
    PRES_PHRASE_WAITING, /* the contact was asked, and has not decided */
    PRES_PHRASE_UNKNOWN, /* nothing is known of the contact */
    PRES_PHRASE_COUNT
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
const char *pres_level_name(enum pres_level level);                /* "times" */

#endif
