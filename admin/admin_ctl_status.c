/* kalendsctl status */
#include <stdio.h>
#include <string.h>

#include "admin_ctl.h"

enum { NAME_WIDTH = 12 };

/* "total 50, im 50, calendar 48" */
static void numbers_print(const json_t *object)
{
    const char *name, *between = "";
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        printf("%s", between);
        between = ", ";
        for (; *name; name++)
            (void)putchar(*name == '_' ? ' ' : *name);
        if (json_is_integer(value))
            printf(" %lld", (long long)json_integer_value(value));
        else if (json_is_string(value))
            printf(" %s", json_string_value(value));
        else if (json_is_boolean(value))
            printf(" %s", json_is_true(value) ? "yes" : "no");
        else
            printf(" -");
    }
    printf("%s\n", *between ? "" : "none");
}

static void member_print(const char *name, const json_t *value)
{
    if (json_is_object(value)) {
        printf("%-*s", NAME_WIDTH, name);
        numbers_print(value);
    } else if (json_is_integer(value)) {
        printf("%-*s%lld\n", NAME_WIDTH, name, (long long)json_integer_value(value));
    } else if (json_is_string(value)) {
        printf("%-*s%s\n", NAME_WIDTH, name, json_string_value(value));
    }
}

static void status_print(const json_t *status)
{
    static const char *const elsewhere[] = { "version", "now", "started", "calendars" };
    const json_t *calendars = json_object_get(status, "calendars");
    gw_utc now = ctl_utc(status, "now");
    char at[CTL_TIME_MAX];
    const char *name;
    json_t *value;
    size_t i;

    printf("%-*s%s, started %s\n", NAME_WIDTH, "kalendsd", ctl_str(status, "version"),
           ctl_time(ctl_utc(status, "started"), now, "at an unknown time", at));
    json_object_foreach((json_t *)status, name, value)
    {
        for (i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
            if (strcmp(name, elsewhere[i]) == 0)
                break;
        if (i == sizeof(elsewhere) / sizeof(elsewhere[0]))
            member_print(name, value);
    }
    member_print("calendars", json_object_get(calendars, "now"));
    member_print("since start", json_object_get(calendars, "since_start"));
}

enum ctl_exit ctl_status(struct ctl *ctl)
{
    json_t *answer;
    enum ctl_exit rc = ctl_call(ctl, "GET", ctl_path("/v1/status"), NULL, &answer);

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        status_print(answer);
    json_decref(answer);
    return CTL_OK;
}
