/* kalendsctl override, privacy */
#include <stdio.h>
#include <string.h>

#include "admin_ctl.h"

/* ---- override ---- */

static void until_write(const json_t *o, gw_utc now, char out[CTL_TIME_MAX + 40])
{
    char at[CTL_TIME_MAX];

    if (strcmp(ctl_str(o, "ends"), "time") == 0)
        (void)snprintf(out, CTL_TIME_MAX + 40, "%s", ctl_time(ctl_utc(o, "until"), now, "", at));
    else if (strcmp(ctl_str(o, "ends"), "item") == 0)
        (void)snprintf(out, CTL_TIME_MAX + 40, "the item ends, %s",
                       ctl_time(ctl_utc(o, "until"), now, "which has no end yet", at));
    else
        (void)snprintf(out, CTL_TIME_MAX + 40, "it is cleared");
}

void ctl_override_line(const json_t *o, gw_utc now, struct gw_buf *out)
{
    char until[CTL_TIME_MAX + 40];

    until_write(o, now, until);
    gw_buf_add_cstr(out, ctl_str(o, "state"));
    if (*ctl_str(o, "text"))
        gw_buf_addf(out, " \"%s\"", ctl_str(o, "text"));
    gw_buf_addf(out, " until %s", until);
}

static bool says_one_end(const struct ctl *ctl)
{
    int said = (ctl_opt(ctl, "until") != NULL) + (ctl_opt(ctl, "until-item-end") != NULL) +
               (ctl_opt(ctl, "until-cleared") != NULL);

    if (said == 1)
        return true;
    ctl_complain(ctl, "usage",
                 "say until when, in one way: --until TIME, --until-item-end or --until-cleared");
    return false;
}

enum ctl_exit ctl_override_set(struct ctl *ctl)
{
    const char *until = ctl_opt(ctl, "until"), *text = ctl_opt(ctl, "text");
    char at[GW_UTC_TEXT_MAX];
    struct gw_buf line;
    json_t *body, *answer;
    enum ctl_exit rc;

    if (!says_one_end(ctl) || (until && !ctl_time_read(ctl, until, at)))
        return CTL_USAGE;
    body = json_pack("{s:s}", "state", ctl_arg(ctl, 1));
    if (until)
        json_object_set_new(body, "until", json_string(at));
    if (ctl_opt(ctl, "until-item-end"))
        json_object_set_new(body, "until_item_end", json_true());
    if (text)
        json_object_set_new(body, "text", json_string(text));
    rc = ctl_call(ctl, "PUT", ctl_path("/v1/users/%s/override", ctl_arg(ctl, 0)), body, &answer);
    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        gw_buf_init(&line, 4096);
        ctl_override_line(answer, ctl->now, &line);
        printf("%s is %s\n", ctl_str(answer, "user"), line.p);
        gw_buf_done(&line);
    }
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_override_clear(struct ctl *ctl)
{
    return ctl_change(ctl, "DELETE", ctl_path("/v1/users/%s/override", ctl_arg(ctl, 0)), NULL,
                      "override of ", " cleared");
}

static void list_print(const struct ctl *ctl, const json_t *list)
{
    struct ctl_table *table;
    char set[CTL_TIME_MAX], until[CTL_TIME_MAX + 40];
    json_t *o;
    size_t i;

    if (json_array_size(list) == 0) {
        printf("no overrides\n");
        return;
    }
    table = ctl_table_new("USER|STATE|UNTIL|SET|TEXT");
    json_array_foreach(list, i, o)
    {
        until_write(o, ctl->now, until);
        ctl_table_cell(table, ctl_str(o, "user"));
        ctl_table_cell(table, ctl_str(o, "state"));
        ctl_table_cell(table, until);
        ctl_table_cell(table, ctl_time(ctl_utc(o, "set"), ctl->now, "-", set));
        ctl_table_cell(table, ctl_str(o, "text"));
    }
    ctl_table_print(&table);
}

enum ctl_exit ctl_override_list(struct ctl *ctl)
{
    enum ctl_exit rc;
    json_t *answer;

    rc = ctl_call(ctl, "GET", ctl_path("/v1/overrides"), NULL, &answer);
    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        list_print(ctl, json_object_get(answer, "overrides"));
    json_decref(answer);
    return CTL_OK;
}

/* ---- privacy ---- */

static void level_row(struct ctl_table *table, const char *who, const char *level, const char *def)
{
    ctl_table_cell(table, who);
    if (*level)
        ctl_table_cell(table, level);
    else
        ctl_table_cellf(table, "%s (the default)", def);
}

static void privacy_print(const json_t *p)
{
    struct ctl_table *table = ctl_table_new("WATCHERS|SEE OF THE CALENDAR");
    json_t *named;
    size_t i;

    level_row(table, "of own domains", ctl_str(p, "own"), ctl_str(p, "default_own"));
    level_row(table, "of other domains", ctl_str(p, "federated"), ctl_str(p, "default_federated"));
    json_array_foreach(json_object_get(p, "named"), i, named)
        level_row(table, ctl_str(named, "watcher"), ctl_str(named, "level"), "");
    ctl_table_print(&table);
}

static enum ctl_exit privacy_call(struct ctl *ctl, const char *method, json_t *body)
{
    enum ctl_exit rc;
    json_t *answer;

    rc = ctl_call(ctl, method, ctl_path("/v1/users/%s/privacy", ctl_arg(ctl, 0)), body, &answer);
    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        privacy_print(answer);
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_privacy_set(struct ctl *ctl)
{
    return privacy_call(ctl, "PUT",
                        json_pack("{s:s, s:s}", "who", ctl_arg(ctl, 1), "level", ctl_arg(ctl, 2)));
}

enum ctl_exit ctl_privacy_list(struct ctl *ctl)
{
    return privacy_call(ctl, "GET", NULL);
}
