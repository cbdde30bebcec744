#include "mock_repeat.h"

#include <stdio.h>
#include <string.h>

#include "gw_log.h"
#include "mock_soap.h"

static const char *const every_name[] = { "day", "week", "month", "year", NULL };
static const char *const order_name[] = { "First", "Second", "Third", "Fourth", "Last", NULL };

static enum gw_code date_read(const json_t *json, const char *what, int64_t *day,
                              struct gw_err *err)
{
    const char *text = json_string_value(json);
    char moment[40];
    gw_utc t;

    if (text && strlen(text) == 10) {
        snprintf(moment, sizeof(moment), "%sT00:00:00Z", text);
        if (!gw_utc_parse(gw_str_of(moment), &t, NULL)) {
            *day = mock_day_of(t);
            return GW_OK;
        }
    }
    return gw_fail(err, GW_INVALID, "repeat: '%s' is a date such as \"2026-12-24\"", what);
}

static enum gw_code weekdays_read(const json_t *list, unsigned *out, struct gw_err *err)
{
    const json_t *word;
    unsigned days = 0;
    size_t i;
    int day;

    if (!list)
        return GW_OK;
    json_array_foreach(list, i, word)
    {
        if (!mock_word_parse(gw_str_of(json_string_value(word)), mock_weekday_name, &day))
            break;
        days |= 1u << day;
    }
    if (!days || i < json_array_size(list))
        return gw_fail(err, GW_INVALID, "repeat: 'on' is a list of weekdays, as [\"Monday\"]");
    *out = days;
    return GW_OK;
}

static enum gw_code except_read(const json_t *list, struct mock_repeat *out, struct gw_err *err)
{
    const json_t *date;
    enum gw_code rc = GW_OK;
    size_t i;

    if (list && (!json_is_array(list) || json_array_size(list) > MOCK_REPEAT_EXCEPT_MAX))
        return gw_fail(err, GW_INVALID, "repeat: 'except' is a list of up to %d dates",
                       MOCK_REPEAT_EXCEPT_MAX);
    json_array_foreach(list, i, date)
    {
        rc = date_read(date, "except", &out->except[i], err);
        if (rc)
            return rc;
    }
    out->except_count = json_array_size(list);
    return rc;
}

static enum gw_code zone_read(const json_t *json, struct mock_zone_named *zone, struct gw_err *err)
{
    struct gw_str name = GW_STR("UTC");
    char quoted[GW_QUOTE_MAX];
    enum gw_code rc = mock_json_text(json, "zone", &name, err);

    if (!rc && !mock_zone_find(name, zone))
        rc = gw_fail(err, GW_INVALID, "repeat: there is no zone %s", gw_quote(name, quoted));
    return rc;
}

/* Which of a pattern's kinds it is: a nth weekday, or a day of the month. */
static enum mock_pattern pattern_of(int every, bool relative)
{
    static const enum mock_pattern pattern[][2] = { { MOCK_DAILY, MOCK_DAILY },
                                                    { MOCK_WEEKLY, MOCK_WEEKLY },
                                                    { MOCK_MONTHLY, MOCK_MONTHLY_RELATIVE },
                                                    { MOCK_YEARLY, MOCK_YEARLY_RELATIVE } };

    return pattern[every][relative];
}

static enum gw_code pattern_read(const json_t *json, gw_utc start, struct mock_repeat *out,
                                 struct gw_err *err)
{
    struct mock_recur *r = &out->recurrence.recur;
    int64_t interval = 1, day, month, count = 0;
    int every = 0, order = -1;
    struct gw_civil first;
    enum gw_code rc;

    gw_utc_to_civil(mock_zone_named_to_local(&out->zone, start), &first);
    day = first.day;
    month = first.month;
    r->weekdays = 1u << first.weekday;
    rc = mock_json_word(json, "every", every_name, &every, err);
    if (!rc)
        rc = mock_json_int(json, "interval", 1, 999, &interval, err);
    if (!rc)
        rc = weekdays_read(json_object_get(json, "on"), &r->weekdays, err);
    if (!rc)
        rc = mock_json_word(json, "order", order_name, &order, err);
    if (!rc)
        rc = mock_json_int(json, "day", 1, 31, &day, err);
    if (!rc)
        rc = mock_json_int(json, "month", 1, 12, &month, err);
    if (!rc)
        rc = mock_json_int(json, "count", 1, MOCK_RECUR_COUNT_MAX, &count, err);
    r->pattern = pattern_of(every, order >= 0);
    r->interval = (int)interval;
    r->order = order + 1;
    r->day = (int)day;
    r->month = (int)month;
    r->count = (unsigned)count;
    return rc;
}

enum gw_code mock_repeat_read(const json_t *json, gw_utc start, struct mock_repeat *out,
                              struct gw_err *err)
{
    struct mock_recur *r = &out->recurrence.recur;
    enum gw_code rc = mock_json_only(
        json, "repeat", "every interval on order day month count until zone except", err);

    memset(out, 0, sizeof(*out));
    out->recurrence.zone = &out->zone;
    r->last_day = MOCK_NO_DAY;
    if (!rc && !json_object_get(json, "every"))
        rc = gw_fail(err, GW_INVALID, "repeat: 'every' is day, week, month or year");
    if (!rc)
        rc = zone_read(json, &out->zone, err);
    if (!rc)
        rc = pattern_read(json, start, out, err);
    if (!rc && json_object_get(json, "until"))
        rc = date_read(json_object_get(json, "until"), "until", &r->last_day, err);
    if (!rc && r->count && r->last_day != MOCK_NO_DAY)
        rc = gw_fail(err, GW_INVALID, "repeat: 'count' or 'until', not both");
    if (!rc)
        rc = except_read(json_object_get(json, "except"), out, err);
    if (!rc) /* else there may be no zone */
        r->first_day = mock_day_of(mock_zone_named_to_local(&out->zone, start));
    return rc;
}

/* --- written */

static json_t *date_json(int64_t day)
{
    char text[GW_UTC_TEXT_MAX];

    return json_stringn(gw_utc_text(day * GW_DAY_MS, text), 10);
}

static json_t *weekdays_json(unsigned weekdays)
{
    json_t *list = json_array();

    for (int i = 0; i < 7; i++)
        if (weekdays & 1u << i)
            (void)json_array_append_new(list, json_string(mock_weekday_name[i]));
    return list;
}

static void pattern_json(const struct mock_recur *r, json_t *json)
{
    bool relative = r->pattern == MOCK_MONTHLY_RELATIVE || r->pattern == MOCK_YEARLY_RELATIVE;
    bool yearly = r->pattern == MOCK_YEARLY || r->pattern == MOCK_YEARLY_RELATIVE;
    int every = 0;

    while (pattern_of(every, relative) != r->pattern)
        every++;
    (void)json_object_set_new(json, "every", json_string(every_name[every]));
    (void)json_object_set_new(json, "interval", json_integer(r->interval));
    if (relative)
        (void)json_object_set_new(json, "order", json_string(order_name[r->order - 1]));
    if (relative || r->pattern == MOCK_WEEKLY)
        (void)json_object_set_new(json, "on", weekdays_json(r->weekdays));
    if (r->pattern == MOCK_MONTHLY || r->pattern == MOCK_YEARLY)
        (void)json_object_set_new(json, "day", json_integer(r->day));
    if (yearly)
        (void)json_object_set_new(json, "month", json_integer(r->month));
    if (r->count)
        (void)json_object_set_new(json, "count", json_integer(r->count));
    else if (r->last_day != MOCK_NO_DAY)
        (void)json_object_set_new(json, "until", date_json(r->last_day));
}

json_t *mock_repeat_json(const struct mock_series *series)
{
    json_t *json = json_object(), *except = json_array();

    pattern_json(&series->recur, json);
    (void)json_object_set_new(json, "zone", json_string(series->zone.id));
    for (size_t i = 0; i < series->exception_count; i++)
        if (!series->exceptions[i].item)
            (void)json_array_append_new(except, date_json(series->exceptions[i].day));
    (void)json_object_set_new(json, "except", except);
    return json;
}
