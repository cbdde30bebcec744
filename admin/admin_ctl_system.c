/* kalendsctl set, get, log-level, version */
#include <stdio.h>

#include "admin_ctl.h"

/* --- parameters */

enum ctl_exit ctl_param_set(struct ctl *ctl)
{
    json_t *body = json_pack("{s:s}", "value", ctl_arg(ctl, 1)), *answer;
    enum ctl_exit rc;

    rc = ctl_call(ctl, "PUT", ctl_path("/v1/parameters/%s", ctl_arg(ctl, 0)), body, &answer);
    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        printf("%s = %s\n", ctl_str(answer, "key"), ctl_str(answer, "value"));
    json_decref(answer);
    return CTL_OK;
}

static void param_row(struct ctl_table *table, const json_t *p)
{
    ctl_table_cell(table, ctl_str(p, "key"));
    ctl_table_cell(table, ctl_str(p, "value"));
    ctl_table_cell(table, ctl_str(p, "default"));
    ctl_table_cell(table, ctl_str(p, "range"));
    ctl_table_cell(table, ctl_str(p, "shown_as"));
}

static void params_print(const json_t *list)
{
    struct ctl_table *table = ctl_table_new("KEY|VALUE|DEFAULT|RANGE|SHOWN AS");
    json_t *p;
    size_t i;

    json_array_foreach(list, i, p) param_row(table, p);
    ctl_table_print(&table);
}

static void param_print(const json_t *p)
{
    printf("%s = %s\n", ctl_str(p, "key"), ctl_str(p, "value"));
    printf("  shown as  %s\n", ctl_str(p, "shown_as"));
    printf("  range     %s\n", ctl_str(p, "range"));
    printf("  default   %s\n", ctl_str(p, "default"));
    if (*ctl_str(p, "help"))
        printf("  %s\n", ctl_str(p, "help"));
}

enum ctl_exit ctl_param_get(struct ctl *ctl)
{
    const char *key = ctl_arg(ctl, 0);
    char *path = key ? ctl_path("/v1/parameters/%s", key) : ctl_path("/v1/parameters");
    json_t *answer;
    enum ctl_exit rc = ctl_call(ctl, "GET", path, NULL, &answer);

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else if (key)
        param_print(answer);
    else
        params_print(json_object_get(answer, "parameters"));
    json_decref(answer);
    return CTL_OK;
}

/* --- log level, version */

enum ctl_exit ctl_log_level(struct ctl *ctl)
{
    const char *component = ctl_arg(ctl, 1);
    json_t *body = json_pack("{s:s}", "level", ctl_arg(ctl, 0)), *answer;
    enum ctl_exit rc;

    if (component)
        json_object_set_new(body, "component", json_string(component));
    rc = ctl_call(ctl, "PUT", ctl_path("/v1/log-level"), body, &answer);
    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        printf("log level of %s is '%s' until the next start\n",
               component ? ctl_str(answer, "component") : "everything", ctl_str(answer, "level"));
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_version(struct ctl *ctl)
{
    json_t *answer;
    enum ctl_exit rc;

    if (!ctl->line->json) {
        printf("kalendsctl %s\n", KALENDS_VERSION);
        (void)fflush(stdout);
    }
    rc = ctl_call(ctl, "GET", ctl_path("/v1/version"), NULL, &answer);
    if (rc)
        return rc;
    if (ctl->line->json) {
        json_object_set_new(answer, "kalendsctl", json_string(KALENDS_VERSION));
        ctl_print_json(answer);
    } else {
        printf("kalendsd   %s\n", ctl_str(answer, "version"));
    }
    json_decref(answer);
    return CTL_OK;
}
