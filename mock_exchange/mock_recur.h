/* The days on which a series occurs, as EWS describes them (RecurrenceType). Pure arithmetic on days
 * of one time zone, counted from 1970-01-01; hours and zones are the series' (mock_series.c). */
#ifndef MOCK_RECUR_H
#define MOCK_RECUR_H

#include <stdbool.h>
#include <stdint.h>

#include "gw_err.h"
#include "gw_time.h"

enum mock_pattern {
    MOCK_DAILY,            /* every 'interval' days */
    MOCK_WEEKLY,           /* on 'weekdays' of every 'interval' weeks */
    MOCK_MONTHLY,          /* on 'day' of every 'interval' months */
    MOCK_MONTHLY_RELATIVE, /* on the 'order'th of 'weekdays' of every 'interval' months */
    MOCK_YEARLY,           /* on 'day' of 'month' */
    MOCK_YEARLY_RELATIVE   /* on the 'order'th of 'weekdays' of 'month' */
};

#define MOCK_NO_DAY INT64_MAX
enum { MOCK_RECUR_COUNT_MAX = 999, MOCK_RECUR_ORDER_LAST = 5 };

struct mock_recur {
    enum mock_pattern pattern;
    int interval;      /* from 1 */
    unsigned weekdays; /* bits, 1 << 0: Sunday. Relative: several stand for any of them */
    int first_weekday; /* MOCK_WEEKLY: where weeks begin, 0: Sunday; matters from interval 2 on */
    int day;           /* 1..31; a month that is shorter has it on its last day */
    int order;         /* 1..4, or MOCK_RECUR_ORDER_LAST */
    int month;         /* 1..12 */
    unsigned count;    /* how many, 0: as many as there are until last_day */
    int64_t first_day; /* of the pattern: occurs then, or later */
    int64_t last_day;  /* MOCK_NO_DAY: as long as there are calendars */
};

/* Checks the ranges, and finds the last day of a numbered series. GW_INVALID: no such series, or one
 * without any occurrence. */
enum gw_code mock_recur_settle(struct mock_recur *r, struct gw_err *err);

/* The day of a time, by the clock that it is of. */
int64_t mock_day_of(gw_utc local);

/* The first occurrence on that day or later; MOCK_NO_DAY: none any more. */
int64_t mock_recur_next(const struct mock_recur *r, int64_t from);

/* The last occurrence; MOCK_NO_DAY: there is no end. */
int64_t mock_recur_last(const struct mock_recur *r);
/* The one before that day; MOCK_NO_DAY: it is the first, or earlier. */
int64_t mock_recur_before(const struct mock_recur *r, int64_t day);

/* The nth occurrence, from 1; MOCK_NO_DAY: there are fewer. */
int64_t mock_recur_nth(const struct mock_recur *r, int64_t n);

bool mock_recur_has(const struct mock_recur *r, int64_t day);
bool mock_recur_eq(const struct mock_recur *a, const struct mock_recur *b);

#endif
