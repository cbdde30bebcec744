/* kalendsctl mapping, rule, text */
#include <stdio.h>

#include "admin_ctl.h"

static const char *whom(const struct ctl *ctl)
{
    const char *scope = ctl_opt(ctl, "for");

    return scope ? scope : "everyone";
}

/* ---- mapping ---- */

enum ctl_exit ctl_mapping_list(struct ctl *ctl)
{
    struct ctl_table *table;
    json_t *answer, *row;
    enum ctl_exit rc;
    size_t i;

    rc = ctl_call(ctl, "GET", ctl_path("/v1/mapping?for=%s", whom(ctl)), NULL, &answer);
    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        table = ctl_table_new("ROW|SHOWN AS|SET FOR|MEANS");
        json_array_foreach(json_object_get(answer, "mapping"), i, row)
        {
            ctl_table_cell(table, ctl_str(row, "row"));
            ctl_table_cell(table, ctl_str(row, "value"));
            ctl_table_cell(table, ctl_str(row, "set_for"));
            ctl_table_cell(table, ctl_str(row, "help"));
        }
        ctl_table_print(&table);
    }
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_mapping_set(struct ctl *ctl)
{
    return ctl_change(ctl, "PUT", ctl_path("/v1/mapping/%s", ctl_arg(ctl, 0)),
                      json_pack("{s:s, s:s}", "value", ctl_arg(ctl, 1), "for", whom(ctl)),
                      "mapping of", "set");
}

enum ctl_exit ctl_mapping_reset(struct ctl *ctl)
{
    return ctl_change(ctl, "DELETE", ctl_path("/v1/mapping/%s?for=%s", ctl_arg(ctl, 0), whom(ctl)),
                      NULL, "mapping of", "reset");
}

/* ---- rules ---- */

/* A line each, under a heading that says for whom. */
static void rules_print(const json_t *list)
{
    const char *scope = "";
    json_t *r;
    size_t i;

    json_array_foreach(list, i, r)
    {
        if (!gw_str_is(gw_str_of(scope), ctl_str(r, "for")))
            printf("# for %s\n", ctl_str(r, "for"));
        scope = ctl_str(r, "for");
        printf("%s: %s\n", ctl_str(r, "name"), ctl_str(r, "rule"));
    }
    if (i == 0)
        printf("# no rules\n");
}

enum ctl_exit ctl_rule_list(struct ctl *ctl)
{
    json_t *answer;
    enum ctl_exit rc = ctl_call(ctl, "GET", ctl_path("/v1/rules"), NULL, &answer);

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        rules_print(json_object_get(answer, "rules"));
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_rule_add(struct ctl *ctl)
{
    json_t *body = ctl_options_json(ctl);

    json_object_set_new(body, "name", json_string(ctl_arg(ctl, 0)));
    json_object_set_new(body, "rule", json_string(ctl_arg(ctl, 1)));
    return ctl_change(ctl, "POST", ctl_path("/v1/rules"), body, "rule", "added");
}

enum ctl_exit ctl_rule_edit(struct ctl *ctl)
{
    return ctl_change(ctl, "PATCH", ctl_path("/v1/rules/%s", ctl_arg(ctl, 0)),
                      json_pack("{s:s}", "rule", ctl_arg(ctl, 1)), "rule", "changed");
}

enum ctl_exit ctl_rule_move(struct ctl *ctl)
{
    return ctl_change(ctl, "POST", ctl_path("/v1/rules/%s/move", ctl_arg(ctl, 0)),
                      ctl_options_json(ctl), "rule", "moved");
}

enum ctl_exit ctl_rule_remove(struct ctl *ctl)
{
    return ctl_change(ctl, "DELETE", ctl_path("/v1/rules/%s", ctl_arg(ctl, 0)), NULL, "rule",
                      "removed");
}

/* ---- texts ---- */

static const char *language(const struct ctl *ctl)
{
    const char *l = ctl_opt(ctl, "language");

    return l ? l : "en";
}

enum ctl_exit ctl_text_list(struct ctl *ctl)
{
    const char *only = ctl_opt(ctl, "language");
    struct ctl_table *table;
    json_t *answer, *t;
    enum ctl_exit rc;
    size_t i;

    rc = ctl_call(ctl, "GET", ctl_path("/v1/texts"), NULL, &answer);
    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        table = ctl_table_new("LANGUAGE|NAME|TEXT|SET|MEANS");
        json_array_foreach(json_object_get(answer, "texts"), i, t)
        {
            if (only && !gw_str_is(gw_str_of(only), ctl_str(t, "language")))
                continue;
            ctl_table_cell(table, ctl_str(t, "language"));
            ctl_table_cell(table, ctl_str(t, "name"));
            ctl_table_cell(table, ctl_str(t, "text"));
            ctl_table_cell(table, ctl_true(t, "set") ? "yes" : "");
            ctl_table_cell(table, ctl_str(t, "help"));
        }
        ctl_table_print(&table);
    }
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_text_set(struct ctl *ctl)
{
    return ctl_change(ctl, "PUT", ctl_path("/v1/texts/%s/%s", language(ctl), ctl_arg(ctl, 0)),
                      json_pack("{s:s}", "text", ctl_arg(ctl, 1)), "text", "set");
}

enum ctl_exit ctl_text_reset(struct ctl *ctl)
{
    return ctl_change(ctl, "DELETE", ctl_path("/v1/texts/%s/%s", language(ctl), ctl_arg(ctl, 0)),
                      NULL, "text", "reset");
}
