#include "mock_zone_read.h"

#include <stdio.h>

#include "mock_names.h"
#include "mock_soap.h"

enum { DAY_S = 86400, BIAS_MAX_S = 24 * 3600 };

/* --- xs:duration of hours, minutes and seconds */

static const struct {
    char letter;
    int64_t seconds;
    bool of_time; /* behind the 'T' */
} unit[] = { { 'D', DAY_S, false }, { 'H', 3600, true }, { 'M', 60, true }, { 'S', 1, true } };

static bool number_read(struct gw_str *rest, int64_t *out)
{
    size_t digits = 0;

    while (digits < rest->len && rest->p[digits] >= '0' && rest->p[digits] <= '9')
        digits++;
    if (!gw_str_to_int(gw_str_sub(*rest, 0, digits), 0, 1000000, out))
        return false;
    *rest = gw_str_sub(*rest, digits, rest->len);
    return rest->len > 0;
}

static bool part_read(struct gw_str *rest, bool in_time, int64_t *seconds)
{
    int64_t n;

    if (!number_read(rest, &n))
        return false;
    for (size_t i = 0; i < sizeof(unit) / sizeof(*unit); i++)
        if (unit[i].letter == rest->p[0] && unit[i].of_time == in_time) {
            *seconds += n * unit[i].seconds;
            *rest = gw_str_sub(*rest, 1, rest->len);
            return true;
        }
    return false;
}

static bool duration_read(struct gw_str text, int64_t *out)
{
    bool negative = gw_str_starts(text, "-"), in_time = false;
    int64_t seconds = 0;

    text = gw_str_sub(text, negative, text.len);
    if (!gw_str_starts(text, "P") || text.len < 3)
        return false;
    text = gw_str_sub(text, 1, text.len);
    while (text.len) {
        if (!in_time && text.p[0] == 'T') {
            in_time = true;
            text = gw_str_sub(text, 1, text.len);
            continue;
        }
        if (!part_read(&text, in_time, &seconds))
            return false;
    }
    *out = negative ? -seconds : seconds;
    return true;
}

static bool bias_read(struct gw_str text, int *minutes)
{
    int64_t seconds;

    if (!duration_read(text, &seconds) || seconds < -BIAS_MAX_S || seconds > BIAS_MAX_S)
        return false;
    *minutes = (int)(seconds / 60);
    return true;
}

/* --- rules, common to both */

static bool is_rule(const struct mock_zone_change *c)
{
    return c->month >= 1 && c->month <= 12 && c->order >= 1 && c->order <= 5 &&
           c->second_of_day >= 0 && c->second_of_day < DAY_S;
}

/* --- TimeZoneDefinitionType */

static const struct xml_node *with_id(const struct xml_node *list, const char *name,
                                      struct gw_str id)
{
    const struct xml_node *n = xml_child(list, MOCK_NS_TYPES, name);

    while (n && !gw_str_eq(xml_attr(n, "Id"), id))
        n = xml_next_same(n);
    return n;
}

static bool period_read(const struct xml_node *definition, const struct xml_node *transition,
                        int *bias)
{
    struct gw_str id = xml_child_text(transition, MOCK_NS_TYPES, "To");
    const struct xml_node *periods = xml_child(definition, MOCK_NS_TYPES, "Periods");

    return bias_read(xml_attr(with_id(periods, "Period", id), "Bias"), bias);
}

/* Its Month and Occurrence, -1 being the last. */
static bool change_read(const struct xml_node *transition, struct mock_zone_change *out)
{
    struct gw_str weekday = xml_child_text(transition, MOCK_NS_TYPES, "DayOfWeek");
    int64_t month, order, second;

    if (!xml_is(transition, MOCK_NS_TYPES, "RecurringDayTransition") ||
        !duration_read(xml_child_text(transition, MOCK_NS_TYPES, "TimeOffset"), &second) ||
        !gw_str_to_int(xml_child_text(transition, MOCK_NS_TYPES, "Month"), 1, 12, &month) ||
        !gw_str_to_int(xml_child_text(transition, MOCK_NS_TYPES, "Occurrence"), -1, 5, &order) ||
        !mock_word_parse(weekday, mock_weekday_name, &out->weekday))
        return false;
    out->month = (int)month;
    out->order = order == -1 ? 5 : (int)order;
    out->second_of_day = second >= 0 && second < DAY_S ? (int)second : DAY_S;
    return is_rule(out);
}

/* One transition: always that period. Two: standard time is the one further west. */
static bool group_read(const struct xml_node *definition, struct gw_str id, struct mock_zone *zone)
{
    const struct xml_node *groups = xml_child(definition, MOCK_NS_TYPES, "TransitionsGroups");
    const struct xml_node *group = with_id(groups, "TransitionsGroup", id);
    const struct xml_node *a = group ? group->child : NULL, *b = a ? a->next : NULL, *standard;
    int a_bias, b_bias;

    *zone = (struct mock_zone){ 0 };
    if (!a || (b && b->next) || !period_read(definition, a, &a_bias))
        return false;
    zone->bias = a_bias;
    if (!b)
        return xml_is(a, MOCK_NS_TYPES, "Transition");
    if (!period_read(definition, b, &b_bias))
        return false;
    standard = a_bias >= b_bias ? a : b;
    zone->bias = a_bias >= b_bias ? a_bias : b_bias;
    zone->daylight.bias = (a_bias >= b_bias ? b_bias : a_bias) - zone->bias;
    return change_read(standard, &zone->standard) &&
           change_read(standard == a ? b : a, &zone->daylight);
}

/* The first group holds from the beginning, each other from its date on. */
static bool run_read(const struct xml_node *definition, const struct xml_node *transition,
                     struct mock_zone_named *out)
{
    struct mock_zone_run *run = &out->run[out->run_count];
    struct gw_civil c = { .year = MOCK_ZONE_YEAR_FIRST };
    gw_utc from;

    if (out->run_count == MOCK_ZONE_RUNS_MAX)
        return false;
    if (xml_is(transition, MOCK_NS_TYPES, "AbsoluteDateTransition")) {
        if (gw_utc_parse(xml_child_text(transition, MOCK_NS_TYPES, "DateTime"), &from, NULL))
            return false;
        gw_utc_to_civil(from, &c);
    } else if (!xml_is(transition, MOCK_NS_TYPES, "Transition") || out->run_count) {
        return false;
    }
    run->from_year = c.year;
    out->run_count++;
    return group_read(definition, xml_child_text(transition, MOCK_NS_TYPES, "To"), &run->zone);
}

static bool definition_read(const struct xml_node *node, struct mock_zone_named *out)
{
    const struct xml_node *periods = xml_child(node, MOCK_NS_TYPES, "Periods");
    const struct xml_node *transitions = xml_child(node, MOCK_NS_TYPES, "Transitions");

    if (!transitions) {
        out->run_count = 1;
        return bias_read(xml_attr(xml_child(periods, MOCK_NS_TYPES, "Period"), "Bias"),
                         &out->run[0].zone.bias);
    }
    for (const struct xml_node *n = transitions->child; n; n = n->next)
        if (!run_read(node, n, out))
            return false;
    return out->run_count > 0;
}

/* --- TimeZoneType */

static bool part_of_year_read(const struct xml_node *part, struct mock_zone_change *out)
{
    static const char *const order[] = { "First", "Second", "Third", "Fourth", "Last", NULL };
    static const char *const month[] = { "January",  "February", "March",  "April",     "May",
                                         "June",     "July",     "August", "September", "October",
                                         "November", "December", NULL };
    const struct xml_node *day = xml_child(part, MOCK_NS_TYPES, "RelativeYearlyRecurrence");
    struct gw_str time = xml_child_text(part, MOCK_NS_TYPES, "Time");
    char text[40];
    struct gw_civil c;
    gw_utc t;

    snprintf(text, sizeof(text), "2000-01-01T%.*s", GW_STR_ARG(gw_str_sub(time, 0, 8)));
    if (gw_utc_parse(gw_str_of(text), &t, NULL) ||
        !bias_read(xml_child_text(part, MOCK_NS_TYPES, "Offset"), &out->bias) ||
        !mock_word_parse(xml_child_text(day, MOCK_NS_TYPES, "DaysOfWeek"), mock_weekday_name,
                         &out->weekday) ||
        !mock_word_parse(xml_child_text(day, MOCK_NS_TYPES, "DayOfWeekIndex"), order,
                         &out->order) ||
        !mock_word_parse(xml_child_text(day, MOCK_NS_TYPES, "Month"), month, &out->month))
        return false;
    gw_utc_to_civil(t, &c);
    out->second_of_day = (c.hour * 60 + c.minute) * 60 + c.second;
    out->order++;
    out->month++;
    return is_rule(out);
}

static bool meeting_zone_read(const struct xml_node *node, struct mock_zone *zone)
{
    const struct xml_node *standard = xml_child(node, MOCK_NS_TYPES, "Standard");
    const struct xml_node *daylight = xml_child(node, MOCK_NS_TYPES, "Daylight");

    if (!bias_read(xml_child_text(node, MOCK_NS_TYPES, "BaseOffset"), &zone->bias))
        return false;
    if (!standard && !daylight)
        return true;
    return part_of_year_read(standard, &zone->standard) &&
           part_of_year_read(daylight, &zone->daylight);
}

bool mock_zone_read(const struct xml_node *node, struct mock_zone_named *out)
{
    struct mock_zone_named zone = { 0 };

    if (xml_child(node, MOCK_NS_TYPES, "BaseOffset")) {
        zone.run_count = 1;
        if (!meeting_zone_read(node, &zone.run[0].zone))
            return false;
    } else if (!definition_read(node, &zone)) {
        return false;
    }
    *out = zone;
    return true;
}
