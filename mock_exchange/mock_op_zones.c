/* GetServerTimeZones: all zones, or those asked for, by name alone or with their rules. */
#include <stdio.h>
#include <stdlib.h>

#include "mock_soap.h"
#include "mock_zone_named.h"

enum { PERIOD_ID_MAX = 128 };

/* "trule:Microsoft/Registry/W. Europe Standard Time/2007-Standard" */
static void period_id(const struct mock_zone_named *zone, size_t run, const char *part,
                      char out[PERIOD_ID_MAX])
{
    snprintf(out, PERIOD_ID_MAX, "trule:Microsoft/Registry/%s/%d-%s", zone->id,
             zone->run[run].from_year, part);
}

static bool has_daylight(const struct mock_zone *zone)
{
    return zone->daylight.month != 0;
}

/* xs:duration of minutes, negative ones too. */
static void minutes_put(struct xml_writer *w, const char *attr, int minutes)
{
    char text[24];

    snprintf(text, sizeof(text), "%sPT%dM", minutes < 0 ? "-" : "", abs(minutes));
    xml_put_attr(w, attr, gw_str_of(text));
}

static void period_write(struct xml_writer *w, const struct mock_zone_named *zone, size_t run,
                         const char *part, int bias)
{
    char id[PERIOD_ID_MAX];

    period_id(zone, run, part, id);
    xml_open(w, "t:Period");
    minutes_put(w, "Bias", bias);
    xml_put_attr(w, "Name", gw_str_of(part));
    xml_put_attr(w, "Id", gw_str_of(id));
    xml_close(w);
}

static void target_write(struct xml_writer *w, const char *kind, const char *to)
{
    xml_open(w, "t:To");
    xml_put_attr(w, "Kind", gw_str_of(kind));
    xml_put_text(w, gw_str_of(to));
    xml_close(w);
}

static void change_write(struct xml_writer *w, const struct mock_zone_named *zone, size_t run,
                         const char *part, const struct mock_zone_change *change)
{
    char id[PERIOD_ID_MAX], offset[24];

    period_id(zone, run, part, id);
    snprintf(offset, sizeof(offset), "PT%dM", change->second_of_day / 60);
    xml_open(w, "t:RecurringDayTransition");
    target_write(w, "Period", id);
    xml_put(w, "t:TimeOffset", gw_str_of(offset));
    mock_put_int(w, "t:Month", change->month);
    xml_put(w, "t:DayOfWeek", gw_str_of(mock_weekday_name[change->weekday]));
    mock_put_int(w, "t:Occurrence", change->order == 5 ? -1 : change->order);
    xml_close(w);
}

/* The group's number is that of the run. */
static void group_write(struct xml_writer *w, const struct mock_zone_named *zone, size_t run)
{
    const struct mock_zone *rule = &zone->run[run].zone;
    char number[24], id[PERIOD_ID_MAX];

    snprintf(number, sizeof(number), "%zu", run);
    xml_open(w, "t:TransitionsGroup");
    xml_put_attr(w, "Id", gw_str_of(number));
    if (has_daylight(rule)) {
        change_write(w, zone, run, "Daylight", &rule->daylight);
        change_write(w, zone, run, "Standard", &rule->standard);
    } else {
        period_id(zone, run, "Standard", id);
        xml_open(w, "t:Transition");
        target_write(w, "Period", id);
        xml_close(w);
    }
    xml_close(w);
}

static void transition_write(struct xml_writer *w, const struct mock_zone_named *zone, size_t run)
{
    char number[24], date[40];

    snprintf(number, sizeof(number), "%zu", run);
    xml_open(w, run ? "t:AbsoluteDateTransition" : "t:Transition");
    target_write(w, "Group", number);
    if (run) {
        snprintf(date, sizeof(date), "%04d-01-01T00:00:00", zone->run[run].from_year);
        xml_put(w, "t:DateTime", gw_str_of(date));
    }
    xml_close(w);
}

static void rules_write(struct xml_writer *w, const struct mock_zone_named *zone)
{
    xml_open(w, "t:Periods");
    for (size_t i = 0; i < zone->run_count; i++) {
        const struct mock_zone *rule = &zone->run[i].zone;

        period_write(w, zone, i, "Standard", rule->bias);
        if (has_daylight(rule))
            period_write(w, zone, i, "Daylight", rule->bias + rule->daylight.bias);
    }
    xml_close(w);
    xml_open(w, "t:TransitionsGroups");
    for (size_t i = 0; i < zone->run_count; i++)
        group_write(w, zone, i);
    xml_close(w);
    xml_open(w, "t:Transitions");
    for (size_t i = 0; i < zone->run_count; i++)
        transition_write(w, zone, i);
    xml_close(w);
}

static void definition_write(struct mock_call *call, const struct mock_zone_named *zone, bool full)
{
    xml_open(&call->w, "t:TimeZoneDefinition");
    xml_put_attr(&call->w, "Id", gw_str_of(zone->id));
    xml_put_attr(&call->w, "Name", gw_str_of(zone->display));
    if (full)
        rules_write(&call->w, zone);
    xml_close(&call->w);
}

/* What is not one of this server's is left out. */
static void some_write(struct mock_call *call, const struct xml_node *ids, bool full)
{
    struct mock_zone_named zone;

    for (const struct xml_node *id = ids->child; id; id = id->next) {
        if (mock_zone_find(xml_text(id), &zone))
            definition_write(call, &zone, full);
    }
}

static void all_write(struct mock_call *call, bool full)
{
    size_t count;
    const struct mock_zone_named *zone = mock_zones_all(call->service->zones, &count);

    for (size_t i = 0; i < count; i++)
        definition_write(call, &zone[i], full);
}

bool mock_get_time_zones(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "Ids", false, false },
    };
    static const struct mock_rule id_rule[] = {
        { MOCK_NS_TYPES, "Id", true, true },
    };
    const struct xml_node *ids = xml_child(call->node, MOCK_NS_MESSAGES, "Ids");
    struct gw_str full_text = xml_attr(call->node, "ReturnFullTimeZoneData");
    bool full = !full_text.p || gw_str_is(full_text, "true") || gw_str_is(full_text, "1");
    struct xml_writer *w = &call->w;

    if (!mock_check_children(call, call->node, rule, 1) ||
        (ids && !mock_check_children(call, ids, id_rule, 1)) ||
        (full_text.p && !mock_check_bool(call, full_text, "ReturnFullTimeZoneData")))
        return false;
    mock_response_open(call, "m:GetServerTimeZonesResponse");
    xml_open(w, "m:ResponseMessages");
    mock_message_open(call, "m:GetServerTimeZonesResponseMessage", NULL);
    xml_open(w, "m:TimeZoneDefinitions");
    if (ids)
        some_write(call, ids, full);
    else
        all_write(call, full);
    xml_close(w);
    xml_close(w);
    xml_close(w);
    xml_close(w);
    return true;
}
