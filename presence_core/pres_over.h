/* An override as the core keeps and stores it. */
#ifndef PRES_OVER_H
#define PRES_OVER_H

#include "gw_heap.h"
#include "pres.h"
#include "pres_cal.h"

struct pres_over {
    struct gw_due due; /* in the core's heap when time alone may end it */
    struct pres_user *user;
    enum pres_calendar_kind kind;
    enum pres_ends ends;
    gw_utc set_at, until;
    uint64_t words; /* a hash of what is said for want of a text; 0: not yet */
    size_t text_len;
    char text[];
};

/* GW_INVALID: not a state that one can set, a time that is past, a text that is too long or none. */
enum gw_code pres_over_check(const struct pres_override *in, struct gw_err *err);
struct pres_over *pres_over_new(const struct pres_override *in); /* checked before. Gives: free() */
void pres_over_view(const struct pres_over *o, struct pres_override *out); /* borrows the text */

/* Whether it stands at this moment: a function of what there is, not of what happened before. */
bool pres_over_is_on(const struct pres_over *o, const struct pres_cal *cal, gw_utc now);
/* When time alone ends it; GW_NEVER: it does not. */
gw_utc pres_over_due(const struct pres_over *o, const struct pres_cal *cal);

/* The record: key the user, value JSON. */
enum { PRES_OVER_RECORD_MAX = 8 * PRES_TEXT_MAX };
void pres_over_write(const struct pres_over *o, struct gw_buf *out);
enum gw_code pres_over_parse(struct gw_str value, struct pres_over **out, struct gw_err *err);

#endif
