/* Time zones by rule: "the last Sunday of March, 02:00". */
#include "mock_zone.h"

static gw_utc month_start(int year, int month)
{
    struct gw_civil c = { .year = year, .month = month, .day = 1 };

    return gw_civil_to_utc(&c);
}

/* The local moment at which a part of that year begins, by the clock before the change. */
static gw_utc change_local(const struct mock_zone_change *change, int year)
{
    struct gw_civil first;
    gw_utc start = month_start(year, change->month);
    gw_utc next =
        change->month == 12 ? month_start(year + 1, 1) : month_start(year, change->month + 1);
    gw_utc day;

    if (change->year) /* an absolute date: DayOrder is the day of the month */
        return start + (int64_t)(change->order - 1) * GW_DAY_MS +
               (int64_t)change->second_of_day * GW_SECOND_MS;
    gw_utc_to_civil(start, &first);
    day = start + (int64_t)((change->weekday - first.weekday + 7) % 7) * GW_DAY_MS +
          (int64_t)(change->order - 1) * 7 * GW_DAY_MS;
    while (day >= next)
        day -= (int64_t)7 * GW_DAY_MS;
    return day + (int64_t)change->second_of_day * GW_SECOND_MS;
}

static bool part_exists(const struct mock_zone_change *change, int year)
{
    return change->month && change->order && (!change->year || change->year == year);
}

int64_t mock_zone_offset(const struct mock_zone *zone, gw_utc utc)
{
    int64_t standard = -(int64_t)(zone->bias + zone->standard.bias) * GW_MINUTE_MS;
    int64_t daylight = -(int64_t)(zone->bias + zone->daylight.bias) * GW_MINUTE_MS;
    struct gw_civil c;
    gw_utc to_daylight, to_standard;
    bool in_daylight;

    gw_utc_to_civil(utc + standard, &c);
    if (!part_exists(&zone->daylight, c.year) || !part_exists(&zone->standard, c.year))
        return standard;
    to_daylight = change_local(&zone->daylight, c.year) - standard;
    to_standard = change_local(&zone->standard, c.year) - daylight;
    in_daylight = to_daylight < to_standard ? utc >= to_daylight && utc < to_standard
                                            : utc >= to_daylight || utc < to_standard;
    return in_daylight ? daylight : standard;
}

gw_utc mock_zone_to_utc(const struct mock_zone *zone, gw_utc local)
{
    int64_t daylight = -(int64_t)(zone->bias + zone->daylight.bias) * GW_MINUTE_MS;
    int64_t standard = -(int64_t)(zone->bias + zone->standard.bias) * GW_MINUTE_MS;

    if (mock_zone_offset(zone, local - daylight) == daylight)
        return local - daylight;
    return local - standard;
}

/* "...Z", or "+hh:mm" behind the time. */
static bool has_offset(struct gw_str text)
{
    ptrdiff_t time = gw_str_find(text, 'T');

    if (gw_str_ends(text, "Z"))
        return true;
    if (time < 0)
        return false;
    text = gw_str_sub(text, (size_t)time, text.len);
    return gw_str_find(text, '+') >= 0 || gw_str_find(text, '-') >= 0;
}

enum gw_code mock_zone_parse(const struct mock_zone *zone, struct gw_str text, gw_utc *out)
{
    gw_utc t;
    enum gw_code rc = gw_utc_parse(text, &t, NULL);

    if (!rc)
        *out = has_offset(text) ? t : mock_zone_to_utc(zone, t);
    return rc;
}

void mock_zone_write(const struct mock_zone *zone, gw_utc utc, struct gw_buf *out)
{
    struct gw_civil c;

    gw_utc_to_civil(utc + mock_zone_offset(zone, utc), &c);
    gw_buf_addf(out, "%04d-%02d-%02dT%02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute,
                c.second);
}
