/* Two clocks. gw_time: monotonic milliseconds, for waiting. gw_utc: milliseconds since 1970-01-01
 * UTC, for calendars. Both are handed in from the loop; nobody here asks the system. */
#ifndef GW_TIME_H
#define GW_TIME_H

#include "gw_buf.h"
#include "gw_err.h"
#include "gw_str.h"

typedef int64_t gw_time;
typedef int64_t gw_utc;

#define GW_NEVER INT64_MAX /* of either clock */

struct gw_now {
    gw_time mono;
    gw_utc utc;
};

enum {
    GW_SECOND_MS = 1000,
    GW_MINUTE_MS = 60 * 1000,
    GW_HOUR_MS = 3600 * 1000,
    GW_DAY_MS = 86400 * 1000
};

/* now + ms; GW_NEVER stays, overflow becomes GW_NEVER. */
int64_t gw_time_after(int64_t now, int64_t ms);

/* xs:dateTime (XML Schema part 2, 3.2.7), years 1 to 9999, any number of fraction digits (cut to
 * ms), with 'Z', an offset up to 14 h, or none: then it is taken as UTC. 24:00:00 is accepted,
 * second 60 is not. */
enum gw_code gw_utc_parse(struct gw_str s, gw_utc *out, struct gw_err *err);

/* "2026-11-20T09:15:02Z"; milliseconds only when there are any: "...02.250Z". */
void gw_utc_write(gw_utc t, struct gw_buf *out);

/* The same into a fixed buffer, for logs. Returns 'out'. */
enum { GW_UTC_TEXT_MAX = 32 };
const char *gw_utc_text(gw_utc t, char out[GW_UTC_TEXT_MAX]);

/* Proleptic Gregorian calendar, UTC. */
struct gw_civil {
    int year, month, day, hour, minute, second, ms; /* month and day from 1 */
    int weekday;                                    /* 0: Sunday */
};
void gw_utc_to_civil(gw_utc t, struct gw_civil *out);
gw_utc gw_civil_to_utc(const struct gw_civil *c); /* weekday ignored; fields in range */

#endif
