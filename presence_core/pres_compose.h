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

/* 'show' PRES_OFFLINE: no client is logged in, or it says goodbye. Texts may be empty. */
void pres_compose(enum pres_show show, struct gw_str text, enum pres_calendar_kind calendar,
                  struct gw_str calendar_text, struct pres_shown *out);

bool pres_shown_eq(const struct pres_shown *a, const struct pres_shown *b);

#endif
