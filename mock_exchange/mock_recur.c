/* A pattern has a period - so many days, weeks, months, years - and in each period one or a few days.
 * Whatever day is asked about, its period is computed, not counted to. */
#include "mock_recur.h"

enum {
    PERIOD_DAYS_MAX = 7,
    DAY_LAST = 924063 /* 4499-12-31: calendars end there, and so does a series without an end */
};

static int weekday_of(int64_t day)
{
    int64_t w = (day + 4) % 7; /* 1970-01-01 was a Thursday */

    return (int)(w < 0 ? w + 7 : w);
}

static struct gw_civil civil_of(int64_t day)
{
    struct gw_civil c;

    gw_utc_to_civil(day * GW_DAY_MS, &c);
    return c;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t mock_day_of(gw_utc local)
{
    return floor_div(local, GW_DAY_MS);
}

/* --- months, counted from January of the year 0 */

static int64_t month_of(int64_t day)
{
    struct gw_civil c = civil_of(day);

    return (int64_t)c.year * 12 + c.month - 1;
}

static int64_t month_begin(int64_t month)
{
    struct gw_civil c = { .year = (int)floor_div(month, 12),
                          .month = (int)(month - 12 * floor_div(month, 12)) + 1,
                          .day = 1 };

    return mock_day_of(gw_civil_to_utc(&c));
}

static int64_t month_day(int64_t month, int day)
{
    int64_t begin = month_begin(month), len = month_begin(month + 1) - begin;

    return begin + (day <= len ? day : len) - 1;
}

/* Every month has four of each weekday. */
static int64_t month_nth(int64_t month, unsigned weekdays, int order)
{
    bool last = order == MOCK_RECUR_ORDER_LAST;
    int64_t day = last ? month_begin(month + 1) - 1 : month_begin(month);
    int seen = weekdays >> weekday_of(day) & 1;

    while (seen < (last ? 1 : order)) {
        day += last ? -1 : 1;
        seen += weekdays >> weekday_of(day) & 1;
    }
    return day;
}

/* --- periods */

static int64_t week_begin(const struct mock_recur *r, int64_t day)
{
    return day - (weekday_of(day) - r->first_weekday + 7) % 7;
}

static int64_t yearly_month(const struct mock_recur *r, int64_t period)
{
    return (civil_of(r->first_day).year + period * r->interval) * 12 + r->month - 1;
}

static int64_t period_of(const struct mock_recur *r, int64_t day)
{
    switch (r->pattern) {
    case MOCK_DAILY:
        return floor_div(day - r->first_day, r->interval);
    case MOCK_WEEKLY:
        return floor_div(week_begin(r, day) - week_begin(r, r->first_day), 7 * r->interval);
    case MOCK_MONTHLY:
    case MOCK_MONTHLY_RELATIVE:
        return floor_div(month_of(day) - month_of(r->first_day), r->interval);
    case MOCK_YEARLY:
    case MOCK_YEARLY_RELATIVE:
        return floor_div(civil_of(day).year - civil_of(r->first_day).year, r->interval);
    }
    return 0;
}

static int week_days(const struct mock_recur *r, int64_t begin, int64_t days[PERIOD_DAYS_MAX])
{
    int count = 0;

    for (int64_t day = begin; day < begin + 7; day++)
        if (r->weekdays & 1u << weekday_of(day))
            days[count++] = day;
    return count;
}

/* In order; at least one. */
static int period_days(const struct mock_recur *r, int64_t period, int64_t days[PERIOD_DAYS_MAX])
{
    switch (r->pattern) {
    case MOCK_DAILY:
        days[0] = r->first_day + period * r->interval;
        return 1;
    case MOCK_WEEKLY:
        return week_days(r, week_begin(r, r->first_day) + 7 * period * r->interval, days);
    case MOCK_MONTHLY:
        days[0] = month_day(month_of(r->first_day) + period * r->interval, r->day);
        return 1;
    case MOCK_MONTHLY_RELATIVE:
        days[0] = month_nth(month_of(r->first_day) + period * r->interval, r->weekdays, r->order);
        return 1;
    case MOCK_YEARLY:
        days[0] = month_day(yearly_month(r, period), r->day);
        return 1;
    case MOCK_YEARLY_RELATIVE:
        days[0] = month_nth(yearly_month(r, period), r->weekdays, r->order);
        return 1;
    }
    return 0;
}

static int64_t end_of(const struct mock_recur *r)
{
    return r->last_day < DAY_LAST ? r->last_day : DAY_LAST;
}

int64_t mock_recur_next(const struct mock_recur *r, int64_t from)
{
    int64_t days[PERIOD_DAYS_MAX], period;

    if (from < r->first_day)
        from = r->first_day;
    if (from > end_of(r))
        return MOCK_NO_DAY;
    for (period = period_of(r, from);; period++) {
        int count = period_days(r, period, days);

        for (int i = 0; i < count; i++) {
            if (days[i] > end_of(r))
                return MOCK_NO_DAY;
            if (days[i] >= from)
                return days[i];
        }
    }
}

int64_t mock_recur_before(const struct mock_recur *r, int64_t day)
{
    int64_t days[PERIOD_DAYS_MAX], period;

    for (period = period_of(r, day);; period--)
        for (int i = period_days(r, period, days) - 1; i >= 0; i--) {
            if (days[i] < r->first_day)
                return MOCK_NO_DAY;
            if (days[i] < day)
                return days[i];
        }
}

int64_t mock_recur_last(const struct mock_recur *r)
{
    return r->last_day == MOCK_NO_DAY ? MOCK_NO_DAY : mock_recur_before(r, end_of(r) + 1);
}

/* All periods have as many days, and the first of the series may be in the middle of one. */
int64_t mock_recur_nth(const struct mock_recur *r, int64_t n)
{
    int64_t days[PERIOD_DAYS_MAX], first = mock_recur_next(r, r->first_day), period, at = 0;
    int count;

    if (first == MOCK_NO_DAY)
        return MOCK_NO_DAY;
    period = period_of(r, first);
    count = period_days(r, period, days);
    while (days[at] < first)
        at++;
    at += n - 1;
    (void)period_days(r, period + at / count, days);
    return days[at % count] > end_of(r) ? MOCK_NO_DAY : days[at % count];
}

bool mock_recur_has(const struct mock_recur *r, int64_t day)
{
    return day >= r->first_day && mock_recur_next(r, day) == day;
}

bool mock_recur_eq(const struct mock_recur *a, const struct mock_recur *b)
{
    return a->pattern == b->pattern && a->interval == b->interval && a->weekdays == b->weekdays &&
           a->first_weekday == b->first_weekday && a->day == b->day && a->order == b->order &&
           a->month == b->month && a->count == b->count && a->first_day == b->first_day &&
           a->last_day == b->last_day;
}

/* --- what a pattern needs */

static bool is_possible(const struct mock_recur *r)
{
    bool relative = r->pattern == MOCK_MONTHLY_RELATIVE || r->pattern == MOCK_YEARLY_RELATIVE;
    bool yearly = r->pattern == MOCK_YEARLY || r->pattern == MOCK_YEARLY_RELATIVE;
    bool by_day = r->pattern == MOCK_MONTHLY || r->pattern == MOCK_YEARLY;

    if (r->interval < 1 || r->interval > 999 || r->count > MOCK_RECUR_COUNT_MAX)
        return false;
    if ((relative || r->pattern == MOCK_WEEKLY) && (!r->weekdays || r->weekdays > 0x7f))
        return false;
    if (relative && (r->order < 1 || r->order > MOCK_RECUR_ORDER_LAST))
        return false;
    if (yearly && (r->month < 1 || r->month > 12))
        return false;
    return !by_day || (r->day >= 1 && r->day <= 31);
}

enum gw_code mock_recur_settle(struct mock_recur *r, struct gw_err *err)
{
    if (!is_possible(r))
        return gw_fail(err, GW_INVALID, "the recurrence pattern is out of range");
    if (r->count)
        r->last_day = MOCK_NO_DAY;
    if (mock_recur_next(r, r->first_day) == MOCK_NO_DAY)
        return gw_fail(err, GW_INVALID, "the series ends before its first occurrence");
    if (!r->count)
        return GW_OK;
    r->last_day = mock_recur_nth(r, r->count);
    if (r->last_day == MOCK_NO_DAY)
        return gw_fail(err, GW_INVALID, "the series goes on after the year 4499");
    return GW_OK;
}
