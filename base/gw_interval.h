/* The calendar as every room understands it: busy intervals and the out-of-office setting. Values
 * only; no subjects. Who reads a calendar source fills them, presence is computed from them. */
#ifndef GW_INTERVAL_H
#define GW_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>

#include "gw_time.h"

/* In order of strength: where items overlap, the highest wins. NODATA contributes nothing. */
enum gw_busy {
    GW_BUSY_NODATA,
    GW_BUSY_FREE,
    GW_BUSY_TENTATIVE,
    GW_BUSY_ELSEWHERE, /* WorkingElsewhere, Exchange 2013 and later */
    GW_BUSY_BUSY,
    GW_BUSY_OOF
};

enum gw_interval_flag {
    GW_INTERVAL_ALL_DAY = 1,
    GW_INTERVAL_PRIVATE = 2, /* sensitivity Private or Confidential */
    GW_INTERVAL_MEETING = 4
};

/* Half-open: [start, end). Cancelled items are left out by the reader. */
struct gw_interval {
    gw_utc start, end;
    unsigned char busy;  /* enum gw_busy */
    unsigned char flags; /* enum gw_interval_flag */
    unsigned short tag;  /* what whoever looked at the item made of it; 0: nothing special */
};

enum gw_oof_state { GW_OOF_DISABLED, GW_OOF_ENABLED, GW_OOF_SCHEDULED };

struct gw_oof {
    enum gw_oof_state state;
    gw_utc start, end; /* of GW_OOF_SCHEDULED: active in [start, end) */
};

bool gw_oof_is_active(const struct gw_oof *oof, gw_utc now);

/* Sorts by start, then end, then what else there is, and drops equal ones and empty ones
 * (end <= start); returns the new count. The canonical form: equal calendars have equal arrays. */
size_t gw_intervals_normalise(struct gw_interval *v, size_t count);

bool gw_intervals_eq(const struct gw_interval *a, size_t a_count, const struct gw_interval *b,
                     size_t b_count);

/* The first moment after 'now' at which the set of running intervals changes, or the out-of-office
 * setting does (oof may be NULL); GW_NEVER: none. */
gw_utc gw_intervals_next_boundary(const struct gw_interval *v, size_t count,
                                  const struct gw_oof *oof, gw_utc now);

const char *gw_busy_name(enum gw_busy busy); /* as EWS writes it: "Busy", "WorkingElsewhere" */

#endif
