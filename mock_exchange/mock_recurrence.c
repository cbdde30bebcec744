#include "mock_recurrence.h"

#include <stdio.h>
#include <string.h>

#include "mock_soap.h"

/* What each pattern consists of, in the order of the schema. */
enum { HAS_INTERVAL = 1, HAS_DAYS = 2, HAS_FIRST = 4, HAS_DAY = 8, HAS_ORDER = 16, HAS_MONTH = 32 };

static const struct {
    const char *element; /* without prefix: */
    const char *written;
    unsigned has;
} pattern[] = {
    [MOCK_DAILY] = { "DailyRecurrence", "t:DailyRecurrence", HAS_INTERVAL },
    [MOCK_WEEKLY] = { "WeeklyRecurrence", "t:WeeklyRecurrence",
                      HAS_INTERVAL | HAS_DAYS | HAS_FIRST },
    [MOCK_MONTHLY] = { "AbsoluteMonthlyRecurrence", "t:AbsoluteMonthlyRecurrence",
                       HAS_INTERVAL | HAS_DAY },
    [MOCK_MONTHLY_RELATIVE] = { "RelativeMonthlyRecurrence", "t:RelativeMonthlyRecurrence",
                                HAS_INTERVAL | HAS_DAYS | HAS_ORDER },
    [MOCK_YEARLY] = { "AbsoluteYearlyRecurrence", "t:AbsoluteYearlyRecurrence",
                      HAS_DAY | HAS_MONTH },
    [MOCK_YEARLY_RELATIVE] = { "RelativeYearlyRecurrence", "t:RelativeYearlyRecurrence",
                               HAS_DAYS | HAS_ORDER | HAS_MONTH },
};
#define PATTERNS (sizeof(pattern) / sizeof(*pattern))

static const char *const order_name[] = { "First", "Second", "Third", "Fourth", "Last", NULL };
static const char *const month_name[] = { "January",  "February", "March",  "April",     "May",
                                          "June",     "July",     "August", "September", "October",
                                          "November", "December", NULL };

/* Words that stand for several days, in relative patterns. */
static const struct {
    const char *name;
    unsigned days;
} day_group[] = { { "Day", 0x7f }, { "Weekday", 0x3e }, { "WeekendDay", 0x41 } };
enum { DAY_GROUPS = sizeof(day_group) / sizeof(*day_group) };

static bool days_read(struct gw_str text, unsigned *out)
{
    struct gw_str word, rest = text;

    *out = 0;
    while (rest.len) {
        size_t group = 0;
        int day;

        if (!gw_str_cut(rest, " ", &word, &rest)) {
            word = rest;
            rest = (struct gw_str){ NULL, 0 };
        }
        while (group < DAY_GROUPS && !gw_str_is(word, day_group[group].name))
            group++;
        if (group < DAY_GROUPS)
            *out |= day_group[group].days;
        else if (mock_word_parse(word, mock_weekday_name, &day))
            *out |= 1u << day;
        else if (word.len)
            return false;
    }
    return *out != 0;
}

static bool word_read(const struct xml_node *node, const char *name, const char *const *words,
                      int base, int *out)
{
    int index;

    if (!mock_word_parse(xml_child_text(node, MOCK_NS_TYPES, name), words, &index))
        return false;
    *out = index + base;
    return true;
}

static bool int_read(const struct xml_node *node, const char *name, int *out)
{
    int64_t n;

    if (!gw_str_to_int(xml_child_text(node, MOCK_NS_TYPES, name), INT32_MIN, INT32_MAX, &n))
        return false;
    *out = (int)n;
    return true;
}

static bool pattern_read(const struct xml_node *node, struct mock_recur *r)
{
    unsigned has = pattern[r->pattern].has;
    bool first_said = xml_child(node, MOCK_NS_TYPES, "FirstDayOfWeek");

    r->interval = 1;
    if ((has & HAS_INTERVAL) && !int_read(node, "Interval", &r->interval))
        return false;
    if ((has & HAS_DAYS) &&
        !days_read(xml_child_text(node, MOCK_NS_TYPES, "DaysOfWeek"), &r->weekdays))
        return false;
    if ((has & HAS_FIRST) && first_said &&
        !word_read(node, "FirstDayOfWeek", mock_weekday_name, 0, &r->first_weekday))
        return false;
    if ((has & HAS_DAY) && !int_read(node, "DayOfMonth", &r->day))
        return false;
    if ((has & HAS_ORDER) && !word_read(node, "DayOfWeekIndex", order_name, 1, &r->order))
        return false;
    return !(has & HAS_MONTH) || word_read(node, "Month", month_name, 1, &r->month);
}

/* xs:date; an offset is of no meaning here. */
static bool date_read(const struct xml_node *node, const char *name, int64_t *day)
{
    struct gw_str date = gw_str_sub(xml_child_text(node, MOCK_NS_TYPES, name), 0, 10);
    char text[32];
    gw_utc t;

    snprintf(text, sizeof(text), "%.*sT00:00:00Z", GW_STR_ARG(date));
    if (gw_utc_parse(gw_str_of(text), &t, NULL))
        return false;
    *day = mock_day_of(t);
    return true;
}

static bool range_read(const struct xml_node *node, struct mock_recur *r)
{
    int count;

    r->last_day = MOCK_NO_DAY;
    if (!date_read(node, "StartDate", &r->first_day))
        return false;
    if (xml_is(node, MOCK_NS_TYPES, "NoEndRecurrence"))
        return true;
    if (xml_is(node, MOCK_NS_TYPES, "EndDateRecurrence"))
        return date_read(node, "EndDate", &r->last_day);
    if (!xml_is(node, MOCK_NS_TYPES, "NumberedRecurrence") ||
        !int_read(node, "NumberOfOccurrences", &count) || count < 1)
        return false;
    r->count = (unsigned)count;
    return true;
}

const char *mock_recurrence_read(const struct xml_node *node, struct mock_recur *out)
{
    const struct xml_node *how = node->child, *range = how ? how->next : NULL;
    struct mock_recur r = { 0 };

    while (how && r.pattern < PATTERNS && !xml_is(how, MOCK_NS_TYPES, pattern[r.pattern].element))
        r.pattern++;
    if (!range || range->next || r.pattern == PATTERNS || !pattern_read(how, &r) ||
        !range_read(range, &r))
        return "ErrorCalendarInvalidRecurrence";
    *out = r;
    return NULL;
}

/* --- writing */

static void days_write(struct xml_writer *w, const struct mock_recur *r)
{
    bool weekly = r->pattern == MOCK_WEEKLY;
    struct gw_buf text;

    gw_buf_init(&text, 100);
    for (size_t i = 0; i < DAY_GROUPS && !weekly; i++)
        if (day_group[i].days == r->weekdays)
            gw_buf_add_cstr(&text, day_group[i].name);
    for (int i = 0; i < 7 && (weekly || !text.len); i++)
        if (r->weekdays & 1u << i)
            gw_buf_addf(&text, "%s%s", text.len ? " " : "", mock_weekday_name[i]);
    xml_put(w, "t:DaysOfWeek", gw_buf_str(&text));
    gw_buf_done(&text);
}

static void date_write(struct xml_writer *w, const char *element, int64_t day)
{
    char text[GW_UTC_TEXT_MAX];

    xml_put(w, element, (struct gw_str){ gw_utc_text(day * GW_DAY_MS, text), 10 });
}

static void range_write(struct xml_writer *w, const struct mock_recur *r)
{
    xml_open(w, r->count                     ? "t:NumberedRecurrence"
                : r->last_day == MOCK_NO_DAY ? "t:NoEndRecurrence"
                                             : "t:EndDateRecurrence");
    date_write(w, "t:StartDate", r->first_day);
    if (r->count)
        mock_put_int(w, "t:NumberOfOccurrences", r->count);
    else if (r->last_day != MOCK_NO_DAY)
        date_write(w, "t:EndDate", r->last_day);
    xml_close(w);
}

void mock_recurrence_write(struct xml_writer *w, const char *element, const struct mock_recur *r)
{
    unsigned has = pattern[r->pattern].has;

    xml_open(w, element);
    xml_open(w, pattern[r->pattern].written);
    if (has & HAS_INTERVAL)
        mock_put_int(w, "t:Interval", r->interval);
    if (has & HAS_DAYS)
        days_write(w, r);
    if ((has & HAS_FIRST) && r->first_weekday)
        xml_put(w, "t:FirstDayOfWeek", gw_str_of(mock_weekday_name[r->first_weekday]));
    if (has & HAS_ORDER)
        xml_put(w, "t:DayOfWeekIndex", gw_str_of(order_name[r->order - 1]));
    if (has & HAS_DAY)
        mock_put_int(w, "t:DayOfMonth", r->day);
    if (has & HAS_MONTH)
        xml_put(w, "t:Month", gw_str_of(month_name[r->month - 1]));
    xml_close(w);
    range_write(w, r);
    xml_close(w);
}
