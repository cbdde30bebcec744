/* Composition: what one client says and what the calendar says, made into what watchers see. Pure:
 * values in, values out. */
#ifndef PRES_COMPOSE_H
#define PRES_COMPOSE_H

#include "pres_state.h"

enum pres_text_from { PRES_TEXT_NONE, PRES_TEXT_CLIENT, PRES_TEXT_CALENDAR };

struct pres_shown {
    enum pres_show show;
    /* Whose word 'show' is: PRES_CAL_NONE: the client's own; else the calendar's, so that a front-end
     * may choose another word for it. */
    enum pres_calendar_kind kind;
    enum pres_text_from text_from;
    enum pres_calendar_kind text_kind; /* what text of the calendar's is about; else NONE */
    struct gw_str text;                /* borrowed from the inputs */
};

/* What a calendar, or an override in its place, contributes. */
struct pres_said {
    enum pres_calendar_kind kind;
    struct gw_str text;
};

/* All borrowed; texts may be empty. */
struct pres_parts {
    enum pres_show show; /* of a client; PRES_OFFLINE: none is logged in, or it says goodbye */
    struct gw_str text;
    bool is_later; /* the client's word is newer than the calendar's, and stands against it */
    struct pres_said calendar;
    bool is_override; /* the user has said it in place of the calendar: its text counts, too */
    bool speaks;      /* the calendar, for who has no client */
};

void pres_compose(const struct pres_parts *in, struct pres_shown *out);

/* Does the text say the state itself, 'word', so that a front-end without a sign for it need not? Every text
 * of the calendar's does. */
bool pres_shown_says(const struct pres_shown *shown, struct gw_str word);

bool pres_shown_eq(const struct pres_shown *a, const struct pres_shown *b);

#endif
