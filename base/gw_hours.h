/* Working hours: a week's pattern in a time zone that is a rule and has no name, as Exchange tells it.
 * Values only. */
#ifndef GW_HOURS_H
#define GW_HOURS_H

#include "gw_interval.h"

struct gw_zone_turn {      /* when a part of the year begins, by the clock before it */
    short bias;            /* minutes, added to the zone's */
    short minute;          /* of the day */
    short year;            /* 0: every year; else 'order' is the day of the month */
    unsigned char month;   /* 0: there is no such part */
    unsigned char order;   /* 1 .. 4: the nth such weekday of the month, 5: the last */
    unsigned char weekday; /* 0: Sunday */
};

struct gw_zone {
    short bias; /* minutes west: UTC = local + bias */
    struct gw_zone_turn standard, daylight;
};

struct gw_work {
    unsigned char days; /* bits, 1: Sunday */
    short from, to;     /* minutes of the day; to <= from: of the next one */
};

enum {
    GW_WORK_MAX = 14,
    GW_HOURS_SPAN_DAYS = 21,
    /* A gap in front of each piece of work; pieces of the week before and after count. */
    GW_OUTSIDE_MAX = (GW_HOURS_SPAN_DAYS + 18) * GW_WORK_MAX + 1
};

/* count 0: nobody works, which is no pattern. */
struct gw_hours {
    struct gw_zone zone;
    unsigned char count;
    struct gw_work work[GW_WORK_MAX];
};

/* Every number is what a zone or a week can have. */
bool gw_hours_are_sound(const struct gw_hours *h);
bool gw_zone_eq(const struct gw_zone *a, const struct gw_zone *b);
bool gw_hours_eq(const struct gw_hours *a, const struct gw_hours *b);

/* Milliseconds that are added to UTC for the zone's local time at that moment. */
int64_t gw_zone_offset(const struct gw_zone *zone, gw_utc t);
/* The moments in the year of t at which the clock changes. False: it does not. */
bool gw_zone_changes(const struct gw_zone *zone, gw_utc t, gw_utc out[2]);

/* The stretches outside working hours that touch [from, to), whole, in order, at most GW_OUTSIDE_MAX;
 * none when the pattern is none, or when from and to are further apart than GW_HOURS_SPAN_DAYS. */
size_t gw_hours_outside(const struct gw_hours *h, gw_utc from, gw_utc to, struct gw_interval *out);

/* The first moment after t at which work begins or ends; GW_NEVER: none. */
gw_utc gw_hours_next(const struct gw_hours *h, gw_utc t);

#endif
