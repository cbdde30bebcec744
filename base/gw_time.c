/* Civil time by arithmetic: the C library's conversions depend on the environment, take locks, and
 * know no milliseconds. Days from and to dates as in Howard Hinnant's "chrono-Compatible Low-Level
 * Date Algorithms": years begin in March, so that the leap day is the last of its year. */
#include <stdio.h>

#include "gw_log.h"
#include "gw_time.h"

int64_t gw_time_after(int64_t now, int64_t ms)
{
    int64_t at;

    if (now == GW_NEVER)
        return GW_NEVER;
    if (__builtin_add_overflow(now, ms, &at))
        return ms < 0 ? INT64_MIN : GW_NEVER;
    return at;
}

enum { DAYS_OF_400_YEARS = 146097, DAYS_TO_EPOCH = 719468 }; /* from 0000-03-01 to 1970-01-01 */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t days_from_date(int year, int month, int day)
{
    int64_t y = month > 2 ? year : (int64_t)year - 1;
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * DAYS_OF_400_YEARS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
           day_of_year - DAYS_TO_EPOCH;
}

static void date_from_days(int64_t days, struct gw_civil *out)
{
    int64_t since = days + DAYS_TO_EPOCH;
    int64_t era = floor_div(since, DAYS_OF_400_YEARS);
    int64_t day_of_era = since - era * DAYS_OF_400_YEARS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0: March */

    out->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    out->month = (int)(month < 10 ? month + 3 : month - 9);
    out->year = (int)(year_of_era + era * 400 + (out->month <= 2));
}

void gw_utc_to_civil(gw_utc t, struct gw_civil *out)
{
    int64_t days = floor_div(t, GW_DAY_MS);
    int64_t ms = t % GW_DAY_MS;

    if (ms < 0)
        ms += GW_DAY_MS;
    date_from_days(days, out);
    out->hour = (int)(ms / GW_HOUR_MS);
    out->minute = (int)(ms / GW_MINUTE_MS % 60);
    out->second = (int)(ms / GW_SECOND_MS % 60);
    out->ms = (int)(ms % GW_SECOND_MS);
    out->weekday = (int)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
}

gw_utc gw_civil_to_utc(const struct gw_civil *c)
{
    return days_from_date(c->year, c->month, c->day) * GW_DAY_MS + (int64_t)c->hour * GW_HOUR_MS +
           (int64_t)c->minute * GW_MINUTE_MS + (int64_t)c->second * GW_SECOND_MS + c->ms;
}

static int days_of_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* Takes exactly 'n' digits and then 'end' (0: nothing) off the front. */
static bool take_number(struct gw_str *s, size_t n, char end, int *out)
{
    size_t len = n + (end ? 1 : 0);
    int64_t value;

    if (s->len < len || s->p[0] == '-' || (end && s->p[n] != end) ||
        !gw_str_to_int(gw_str_sub(*s, 0, n), 0, 9999, &value))
        return false;
    *out = (int)value;
    *s = gw_str_sub(*s, len, s->len);
    return true;
}

/* ".25": any number of digits, the first three count. */
static bool take_fraction(struct gw_str *s, bool *is_zero, int *ms)
{
    size_t n = 1;
    int unit = 100;

    *ms = 0;
    *is_zero = true;
    if (!s->len || s->p[0] != '.')
        return true;
    for (; n < s->len && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
        *ms += (s->p[n] - '0') * unit;
        unit /= 10;
        *is_zero = *is_zero && s->p[n] == '0';
    }
    *s = gw_str_sub(*s, n, s->len);
    return n > 1;
}

/* "", "Z", "+05:30" */
static bool take_offset(struct gw_str *s, int64_t *offset_ms)
{
    int hours, minutes, sign;

    *offset_ms = 0;
    if (!s->len || gw_str_is(*s, "Z"))
        return true;
    if (s->len != 6 || (s->p[0] != '+' && s->p[0] != '-'))
        return false;
    sign = s->p[0] == '-' ? -1 : 1;
    *s = gw_str_sub(*s, 1, 6);
    if (!take_number(s, 2, ':', &hours) || !take_number(s, 2, 0, &minutes))
        return false;
    *offset_ms = sign * ((int64_t)hours * GW_HOUR_MS + (int64_t)minutes * GW_MINUTE_MS);
    return minutes < 60 && hours * 60 + minutes <= 14 * 60;
}

static bool civil_is_valid(const struct gw_civil *c, bool fraction_is_zero)
{
    if (c->year < 1 || c->month < 1 || c->month > 12 || c->day < 1 ||
        c->day > days_of_month(c->year, c->month))
        return false;
    if (c->hour == 24)
        return c->minute == 0 && c->second == 0 && fraction_is_zero;
    return c->hour < 24 && c->minute < 60 && c->second < 60;
}

enum gw_code gw_utc_parse(struct gw_str s, gw_utc *out, struct gw_err *err)
{
    struct gw_civil c = { 0 };
    struct gw_str rest = s;
    int64_t offset_ms;
    bool fraction_is_zero;

    if (!take_number(&rest, 4, '-', &c.year) || !take_number(&rest, 2, '-', &c.month) ||
        !take_number(&rest, 2, 'T', &c.day) || !take_number(&rest, 2, ':', &c.hour) ||
        !take_number(&rest, 2, ':', &c.minute) || !take_number(&rest, 2, 0, &c.second) ||
        !take_fraction(&rest, &fraction_is_zero, &c.ms) || !take_offset(&rest, &offset_ms) ||
        !civil_is_valid(&c, fraction_is_zero)) {
        char quoted[GW_QUOTE_MAX];

        return gw_fail(err, GW_BADMSG, "not a date and time: %s", gw_quote(s, quoted));
    }
    *out = gw_civil_to_utc(&c) - offset_ms;
    return GW_OK;
}

const char *gw_utc_text(gw_utc t, char out[GW_UTC_TEXT_MAX])
{
    struct gw_civil c;
    int n;

    gw_utc_to_civil(t, &c);
    n = snprintf(out, GW_UTC_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", c.year, c.month, c.day,
                 c.hour, c.minute, c.second);
    if (c.ms)
        snprintf(out + n, GW_UTC_TEXT_MAX - (size_t)n, ".%03dZ", c.ms);
    else
        snprintf(out + n, GW_UTC_TEXT_MAX - (size_t)n, "Z");
    return out;
}

void gw_utc_write(gw_utc t, struct gw_buf *out)
{
    char text[GW_UTC_TEXT_MAX];

    gw_buf_add_cstr(out, gw_utc_text(t, text));
}
