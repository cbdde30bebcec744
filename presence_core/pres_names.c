#include "pres.h"
#include "pres_roster.h"
#include "pres_settings.h"

const char *pres_show_name(enum pres_show show)
{
    switch (show) {
    case PRES_OFFLINE:
        return "offline";
    case PRES_AVAILABLE:
        return "available";
    case PRES_AWAY:
        return "away";
    case PRES_XA:
        return "extended-away";
    case PRES_BUSY:
        return "busy";
    case PRES_DND:
        return "do-not-disturb";
    }
    return "unknown";
}

const char *pres_calendar_kind_name(enum pres_calendar_kind kind)
{
    switch (kind) {
    case PRES_CAL_NONE:
        return "none";
    case PRES_CAL_FREE:
        return "free";
    case PRES_CAL_ELSEWHERE:
        return "working-elsewhere";
    case PRES_CAL_BUSY:
        return "busy";
    case PRES_CAL_MEETING:
        return "in-a-meeting";
    case PRES_CAL_AWAY:
        return "away";
    case PRES_CAL_OOF:
        return "out-of-office";
    case PRES_CAL_DND:
        return "do-not-disturb";
    case PRES_CAL_COUNT:
        break;
    }
    return "unknown";
}

const char *const pres_level_names[] = { [PRES_LEVEL_NOTHING] = "nothing",
                                         [PRES_LEVEL_BUSY] = "busy",
                                         [PRES_LEVEL_TIMES] = "times",
                                         [PRES_LEVEL_FULL] = "full",
                                         [PRES_LEVEL_COUNT] = NULL };

const char *pres_level_name(enum pres_level level)
{
    return pres_level_names[level];
}

const char *pres_override_name(enum pres_calendar_kind kind)
{
    return kind == PRES_CAL_FREE ? "available" : pres_calendar_kind_name(kind);
}

bool pres_override_parse(struct gw_str name, enum pres_calendar_kind *out)
{
    for (int kind = PRES_CAL_FREE; kind < PRES_CAL_COUNT; kind++) {
        if (gw_str_is(name, pres_override_name((enum pres_calendar_kind)kind))) {
            *out = (enum pres_calendar_kind)kind;
            return true;
        }
    }
    return false;
}

const char *pres_cause_name(enum pres_cause cause)
{
    switch (cause) {
    case PRES_CAUSE_CLIENT:
        return "client";
    case PRES_CAUSE_CALENDAR:
        return "calendar";
    case PRES_CAUSE_ADMIN:
        return "admin";
    case PRES_CAUSE_OVERRIDE:
        return "override";
    }
    return "unknown";
}

const char *pres_decision_name(enum pres_decision d)
{
    switch (d) {
    case PRES_ASK:
        return "ask";
    case PRES_ALLOW:
        return "allow";
    case PRES_BLOCK:
        return "block";
    case PRES_SHUT_OUT:
        return "shut-out";
    }
    return "unknown";
}

bool pres_decision_blocks(enum pres_decision d)
{
    return d == PRES_BLOCK || d == PRES_SHUT_OUT;
}

bool pres_decision_parse(struct gw_str name, enum pres_decision *out)
{
    for (int d = PRES_ASK; d <= PRES_SHUT_OUT; d++) {
        if (gw_str_is(name, pres_decision_name((enum pres_decision)d))) {
            *out = (enum pres_decision)d;
            return true;
        }
    }
    return false;
}

const char *pres_sub_name(enum pres_sub sub)
{
    switch (sub) {
    case PRES_SUB_NONE:
        return "none";
    case PRES_SUB_TO:
        return "to";
    case PRES_SUB_FROM:
        return "from";
    case PRES_SUB_BOTH:
        return "both";
    case PRES_SUB_REMOVE:
        return "remove";
    }
    return "unknown";
}
