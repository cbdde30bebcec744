/* The stretch of a calendar that is read, in whole UTC days: yesterday, so that what runs has its
 * beginning, today and tomorrow of any time zone, and a day and a half in hand for an Exchange that
 * is away when the window should roll. It rolls at a moment of the user's own in the next day, so
 * that midnight is an hour like any other.
 *
 * A calendar with more items than the server gives at once is read in a narrower window. */
#include "sched_priv.h"

static gw_utc floor_to(gw_utc t, int64_t step)
{
    gw_utc rest = t % step;

    return t - (rest < 0 ? rest + step : rest);
}

static gw_utc sooner(gw_utc a, gw_utc b)
{
    return a < b ? a : b;
}

struct sched_window sched_window_of(gw_utc now, uint32_t hash, unsigned narrow)
{
    gw_utc day = floor_to(now, GW_DAY_MS), hour = floor_to(now, GW_HOUR_MS);
    struct sched_window w;

    switch (narrow) {
    case 0:
        w.from = day - GW_DAY_MS;
        w.to = day + 4 * (gw_utc)GW_DAY_MS;
        break;
    case 1:
        w.from = day;
        w.to = day + 2 * (gw_utc)GW_DAY_MS;
        break;
    default:
        w.from = hour;
        w.to = hour + GW_DAY_MS;
        break;
    }
    w.roll = day + GW_DAY_MS + (gw_utc)((uint64_t)hash * GW_DAY_MS >> 32);
    w.roll = sooner(w.roll, w.to - 2 * GW_HOUR_MS - hash % (2 * GW_HOUR_MS));
    return w;
}
