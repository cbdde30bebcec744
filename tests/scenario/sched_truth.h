/* What presence must be, by brute force and written down a second time: calendars with series that are
 * planned in local time, in zones with daylight saving of several kinds, and the guides' table. */
#ifndef SCHED_TRUTH_H
#define SCHED_TRUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "gw_interval.h"
#include "gw_time.h"
#include "pres_state.h"

enum { TRUTH_CHANGES = 3 };

/* Of a year, from September 2026 on. Minutes east of UTC. */
struct truth_zone {
    const char *name;
    int first_min; /* before the first change */
    struct {
        gw_utc at;
        int offset_min;
    } change[TRUTH_CHANGES]; /* at 0: no more */
};

static const struct truth_zone truth_zones[] = {
    { "Europe/Berlin", 120, { { 1792890000000, 60 }, { 1806195600000, 120 } } },
    { "America/New_York", -240, { { 1793512800000, -300 }, { 1805007600000, -240 } } },
    { "Australia/Lord_Howe", 630, { { 1791041400000, 660 }, { 1806764400000, 630 } } },
    { "Asia/Kolkata", 330, { { 0, 0 } } },
};
enum { TRUTH_ZONES = 4 };

static inline int64_t truth_offset_ms(const struct truth_zone *z, gw_utc t)
{
    int minutes = z->first_min;

    for (int i = 0; i < TRUTH_CHANGES && z->change[i].at && t >= z->change[i].at; i++)
        minutes = z->change[i].offset_min;
    return minutes * (int64_t)GW_MINUTE_MS;
}

/* The first moment that the clock on the wall shows so; in the gap, by the offset before it. */
static inline gw_utc truth_to_utc(const struct truth_zone *z, int64_t local)
{
    gw_utc earliest = local - truth_offset_ms(z, local - 15 * (gw_utc)GW_HOUR_MS);
    gw_utc latest = local - truth_offset_ms(z, local + 15 * (gw_utc)GW_HOUR_MS);

    if (earliest + truth_offset_ms(z, earliest) == local)
        return earliest;
    return latest + truth_offset_ms(z, latest) == local ? latest : earliest;
}

/* On some days of the week, at the same time on the wall. All day: from midnight to midnight, 23 to 25
 * hours. */
struct truth_series {
    unsigned char zone, busy, weekdays; /* bits; 0: no series */
    bool all_day;
    int start_min, length_min;
};

static inline size_t truth_occurrences(const struct truth_series *s, gw_utc from, gw_utc to,
                                       struct gw_interval *out, size_t max)
{
    const struct truth_zone *z = &truth_zones[s->zone];
    size_t n = 0;

    for (int64_t day = from / GW_DAY_MS - 2; day <= to / GW_DAY_MS + 2 && n < max; day++) {
        struct gw_interval v = { .busy = s->busy };

        if (!(s->weekdays >> (day % 7 + 7) % 7 & 1))
            continue;
        if (s->all_day) {
            v.start = truth_to_utc(z, day * GW_DAY_MS);
            v.end = truth_to_utc(z, (day + 1) * GW_DAY_MS);
        } else {
            v.start = truth_to_utc(z, day * GW_DAY_MS + s->start_min * (int64_t)GW_MINUTE_MS);
            v.end = v.start + s->length_min * (gw_utc)GW_MINUTE_MS;
        }
        if (v.start < to && v.end > from)
            out[n++] = v;
    }
    return n;
}

static inline enum pres_calendar_kind truth_kind(const struct gw_interval *v, size_t count,
                                                 const struct gw_oof *oof, gw_utc t)
{
    bool busy[6] = { false };

    if (oof && (oof->state == GW_OOF_ENABLED ||
                (oof->state == GW_OOF_SCHEDULED && t >= oof->start && t < oof->end)))
        return PRES_CAL_OOF;
    for (size_t i = 0; i < count; i++) {
        if (t >= v[i].start && t < v[i].end)
            busy[v[i].busy] = true;
    }
    if (busy[GW_BUSY_OOF])
        return PRES_CAL_AWAY;
    if (busy[GW_BUSY_BUSY])
        return PRES_CAL_MEETING;
    if (busy[GW_BUSY_ELSEWHERE])
        return PRES_CAL_ELSEWHERE;
    return PRES_CAL_FREE;
}

#endif
