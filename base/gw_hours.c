#include "gw_hours.h"

#include <string.h>

enum { WEEK_DAYS = 7, DAY_MINUTES = 24 * 60, BIAS_MAX = DAY_MINUTES };

/* In between every moment around can be computed with. */
#define EARLIEST (INT64_C(30) * GW_DAY_MS)
#define LATEST   INT64_C(250000000000000) /* in the year 9892 */

/* ---- the zone */

static bool is_sound_turn(const struct gw_zone_turn *t)
{
    return t->bias >= -BIAS_MAX && t->bias <= BIAS_MAX && t->minute >= 0 &&
           t->minute < DAY_MINUTES && t->year >= 0 && t->year <= 9999 && t->month <= 12 &&
           t->order <= (t->year ? 31 : 5) && t->weekday < WEEK_DAYS;
}

static bool has_turn(const struct gw_zone_turn *t, int year)
{
    return t->month && t->order && (!t->year || t->year == year);
}

static gw_utc month_start(int year, int month)
{
    const struct gw_civil c = { .year = year + (month - 1) / 12,
                                .month = (month - 1) % 12 + 1,
                                .day = 1 };

    return gw_civil_to_utc(&c);
}

/* As local time, in milliseconds as if it were UTC. */
static int64_t turn_local(const struct gw_zone_turn *t, int year)
{
    gw_utc first = month_start(year, t->month), day;
    struct gw_civil c;

    if (t->year) {
        day = first + (int64_t)(t->order - 1) * GW_DAY_MS;
    } else {
        gw_utc_to_civil(first, &c);
        day = first + (int64_t)((t->weekday - c.weekday + WEEK_DAYS) % WEEK_DAYS +
                                (t->order - 1) * WEEK_DAYS) *
                          GW_DAY_MS;
        while (day >= month_start(year, t->month + 1))
            day -= (int64_t)WEEK_DAYS * GW_DAY_MS;
    }
    return day + (int64_t)t->minute * GW_MINUTE_MS;
}

struct year {
    int64_t begin, end;         /* by the zone's standard time */
    int64_t standard, daylight; /* offsets */
    bool changes;
    gw_utc to_daylight, to_standard;
};

static struct year year_of(const struct gw_zone *z, gw_utc t)
{
    struct year y = { .standard = -(int64_t)(z->bias + z->standard.bias) * GW_MINUTE_MS,
                      .daylight = -(int64_t)(z->bias + z->daylight.bias) * GW_MINUTE_MS };
    struct gw_civil c;

    gw_utc_to_civil(t + y.standard, &c);
    y.begin = month_start(c.year, 1);
    y.end = month_start(c.year + 1, 1);
    y.changes = has_turn(&z->standard, c.year) && has_turn(&z->daylight, c.year);
    if (y.changes) {
        y.to_daylight = turn_local(&z->daylight, c.year) - y.standard;
        y.to_standard = turn_local(&z->standard, c.year) - y.daylight;
    }
    return y;
}

static int64_t offset_in(const struct year *y, gw_utc t)
{
    bool in_daylight;

    if (!y->changes)
        return y->standard;
    in_daylight = y->to_daylight < y->to_standard ? t >= y->to_daylight && t < y->to_standard
                                                  : t >= y->to_daylight || t < y->to_standard;
    return in_daylight ? y->daylight : y->standard;
}

int64_t gw_zone_offset(const struct gw_zone *zone, gw_utc t)
{
    struct year y = year_of(zone, t);

    return offset_in(&y, t);
}

bool gw_zone_changes(const struct gw_zone *zone, gw_utc t, gw_utc out[2])
{
    struct year y = year_of(zone, t);

    if (!y.changes || y.standard == y.daylight)
        return false;
    out[0] = y.to_daylight < y.to_standard ? y.to_daylight : y.to_standard;
    out[1] = y.to_daylight < y.to_standard ? y.to_standard : y.to_daylight;
    return true;
}

/* A local time that the clock skips is as far behind the change as it was meant to be; of one that
 * comes twice the first counts. y: of the last time that was asked for. */
static gw_utc from_local(const struct gw_zone *z, int64_t local, struct year *y)
{
    int64_t sooner, later;

    if (local < y->begin || local >= y->end)
        *y = year_of(z, local - y->standard);
    sooner = y->standard > y->daylight ? y->standard : y->daylight;
    later = y->standard > y->daylight ? y->daylight : y->standard;
    return offset_in(y, local - sooner) == sooner ? local - sooner : local - later;
}

/* ---- the week */

bool gw_hours_are_sound(const struct gw_hours *h)
{
    bool ok = h->count <= GW_WORK_MAX && h->zone.bias >= -BIAS_MAX && h->zone.bias <= BIAS_MAX &&
              is_sound_turn(&h->zone.standard) && is_sound_turn(&h->zone.daylight);

    for (size_t i = 0; ok && i < h->count; i++)
        ok = h->work[i].days < 1u << WEEK_DAYS && h->work[i].from >= 0 &&
             h->work[i].from <= DAY_MINUTES && h->work[i].to >= 0 && h->work[i].to <= DAY_MINUTES;
    return ok;
}

static bool turn_eq(const struct gw_zone_turn *a, const struct gw_zone_turn *b)
{
    return a->bias == b->bias && a->minute == b->minute && a->year == b->year &&
           a->month == b->month && a->order == b->order && a->weekday == b->weekday;
}

bool gw_zone_eq(const struct gw_zone *a, const struct gw_zone *b)
{
    return a->bias == b->bias && turn_eq(&a->standard, &b->standard) &&
           turn_eq(&a->daylight, &b->daylight);
}

bool gw_hours_eq(const struct gw_hours *a, const struct gw_hours *b)
{
    bool same = gw_zone_eq(&a->zone, &b->zone) && a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++)
        same = a->work[i].days == b->work[i].days && a->work[i].from == b->work[i].from &&
               a->work[i].to == b->work[i].to;
    return same;
}

/* The work of the days that begin around [from, to), in order, pieces that touch being one. */
static size_t work_of(const struct gw_hours *h, gw_utc from, gw_utc to, struct gw_interval *out)
{
    struct year y = year_of(&h->zone, from);
    int64_t day = (from + offset_in(&y, from)) / GW_DAY_MS - WEEK_DAYS - 1;
    int64_t last = (to + offset_in(&y, from)) / GW_DAY_MS + WEEK_DAYS + 1;
    size_t count = 0, kept = 0;

    for (; day <= last; day++) {
        unsigned weekday = (unsigned)((day + 4) % WEEK_DAYS); /* the first of all was a Thursday */

        for (size_t i = 0; i < h->count; i++) {
            const struct gw_work *w = &h->work[i];
            int64_t minutes = w->to > w->from ? w->to : w->to + DAY_MINUTES;

            if (w->days & 1u << weekday)
                out[count++] = (struct gw_interval){
                    .start =
                        from_local(&h->zone, day * GW_DAY_MS + (int64_t)w->from * GW_MINUTE_MS, &y),
                    .end = from_local(&h->zone, day * GW_DAY_MS + minutes * GW_MINUTE_MS, &y)
                };
        }
    }
    count = gw_intervals_normalise(out, count);
    for (size_t i = 0; i < count; i++) {
        if (kept && out[i].start <= out[kept - 1].end)
            out[kept - 1].end = out[i].end > out[kept - 1].end ? out[i].end : out[kept - 1].end;
        else
            out[kept++] = out[i];
    }
    return kept;
}

static bool can_be_told(const struct gw_hours *h, gw_utc from, gw_utc to)
{
    return h->count && from >= EARLIEST && from <= to && to <= LATEST &&
           to - from <= (int64_t)GW_HOURS_SPAN_DAYS * GW_DAY_MS;
}

size_t gw_hours_outside(const struct gw_hours *h, gw_utc from, gw_utc to, struct gw_interval *out)
{
    size_t work, count = 0;

    if (!can_be_told(h, from, to))
        return 0;
    work = work_of(h, from, to, out);
    for (size_t i = 1; i < work; i++) { /* what is written lies before what is still to be read */
        struct gw_interval gap = { .start = out[i - 1].end, .end = out[i].start };

        if (gap.end > from && gap.start < to)
            out[count++] = gap;
    }
    return count;
}

gw_utc gw_hours_next(const struct gw_hours *h, gw_utc t)
{
    struct gw_interval work[GW_OUTSIDE_MAX];
    size_t count = can_be_told(h, t, t) ? work_of(h, t, t, work) : 0;

    for (size_t i = 0; i < count; i++) {
        if (work[i].start > t)
            return work[i].start;
        /* The last one may go on in what was not looked at. */
        if (work[i].end > t && i + 1 < count)
            return work[i].end;
    }
    return GW_NEVER;
}
