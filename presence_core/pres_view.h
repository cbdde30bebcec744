/* What one group of watchers sees of a user's calendar. Everything that leaves the core for a watcher
 * is composed from such a view, never from the calendar itself. */
#ifndef PRES_VIEW_H
#define PRES_VIEW_H

#include "pres_cal.h"
#include "pres_compose.h"

/* The levels, the highest in two. */
enum pres_view {
    PRES_VIEW_NOTHING,
    PRES_VIEW_BUSY,
    PRES_VIEW_TIMES,
    PRES_VIEW_OWN,
    PRES_VIEW_FEDERATED,
    PRES_VIEW_COUNT
};

enum pres_view pres_view_of(enum pres_level level, bool is_own); /* is_own: of our own domains */
bool pres_view_has_times(enum pres_view view);
void pres_view_cal(const struct pres_cal *cal, enum pres_view view, struct pres_said *out);

#endif
