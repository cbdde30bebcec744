/* SerializableTimeZone: the time zone of GetUserAvailability, and times without offset in it. */
#ifndef MOCK_ZONE_H
#define MOCK_ZONE_H

#include "gw_time.h"

struct mock_zone_change { /* when a part of the year begins */
    int bias;             /* minutes, added to the zone's */
    int second_of_day;
    int order;   /* 1..4: the nth such weekday of the month, 5: the last; 0: no such part */
    int month;   /* 0: no such part */
    int weekday; /* 0: Sunday */
    int year;    /* 0: every year, else 'order' is the day of the month */
};

struct mock_zone {
    int bias; /* minutes west: UTC = local + bias */
    struct mock_zone_change standard, daylight;
};

/* Milliseconds to add to UTC for local time, at that UTC moment. */
int64_t mock_zone_offset(const struct mock_zone *zone, gw_utc utc);

/* Local time, as if it were UTC, to UTC. Times that the clock skips are read as standard time; of
 * those it has twice the first is taken. */
gw_utc mock_zone_to_utc(const struct mock_zone *zone, gw_utc local);

/* xs:dateTime; without offset it is local time of the zone. */
enum gw_code mock_zone_parse(const struct mock_zone *zone, struct gw_str text, gw_utc *out);

/* Local time without offset. */
void mock_zone_write(const struct mock_zone *zone, gw_utc utc, struct gw_buf *out);

#endif
