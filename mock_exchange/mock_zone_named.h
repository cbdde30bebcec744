/* Time zones by name, with the rules that ICU knows: what TimeZoneContext, GetServerTimeZones and
 * working hours need. Windows' rules hold for a year, so a zone is a row of rules by year. */
#ifndef MOCK_ZONE_NAMED_H
#define MOCK_ZONE_NAMED_H

#include "mock_zone.h"

enum {
    MOCK_ZONE_RUNS_MAX = 10, /* clients sort the groups by their one digit */
    MOCK_ZONE_YEAR_FIRST = 2000,
    MOCK_ZONE_YEAR_LAST = 2037
};

struct mock_zone_named {
    char id[64];       /* Windows' name: "W. Europe Standard Time" */
    char display[100]; /* "(UTC+01:00) Berlin" */
    struct mock_zone_run {
        int from_year;
        struct mock_zone zone;
    } run
        [MOCK_ZONE_RUNS_MAX]; /* the first holds for all years before, too; the last for all after */
    size_t run_count;
};

/* By Windows' or the IANA's name, as "Europe/Berlin". False: ICU does not know it. A zone that
 * changed its rules more often than there is room for has the latest ones. */
bool mock_zone_find(struct gw_str name, struct mock_zone_named *out);

/* Its rules at that moment. */
const struct mock_zone *mock_zone_at(const struct mock_zone_named *named, gw_utc utc);

/* Local time, as if it were UTC, and back; as mock_zone_to_utc(). */
gw_utc mock_zone_named_to_utc(const struct mock_zone_named *named, gw_utc local);
gw_utc mock_zone_named_to_local(const struct mock_zone_named *named, gw_utc utc);

/* One rule for all years. */
struct mock_zone_named mock_zone_of(const struct mock_zone *zone);

/* As mock_zone_parse() and mock_zone_write(). */
enum gw_code mock_zone_named_parse(const struct mock_zone_named *named, struct gw_str text,
                                   gw_utc *out);
void mock_zone_named_write(const struct mock_zone_named *named, gw_utc utc, struct gw_buf *out);

/* All of them, by Windows' names, sorted. ICU is asked once, which takes a tenth of a second: those who
 * ask for all zones would hold the loop each time. */
struct mock_zones;
struct mock_zones *mock_zones_new(void);
void mock_zones_free(struct mock_zones **zonesp);
/* Borrowed as long as they live. */
const struct mock_zone_named *mock_zones_all(struct mock_zones *zones, size_t *count);

#endif
