/* kalendsctl mapping, rule, text */
#include <errno.h>
#include <stdio.h>
#include <string.h>

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
                      "mapping of ", " set");
}

enum ctl_exit ctl_mapping_reset(struct ctl *ctl)
{
    return ctl_change(ctl, "DELETE", ctl_path("/v1/mapping/%s?for=%s", ctl_arg(ctl, 0), whom(ctl)),
                      NULL, "mapping of ", " reset");
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
    return ctl_change(ctl, "POST", ctl_path("/v1/rules"), body, "rule ", " added");
}

enum ctl_exit ctl_rule_edit(struct ctl *ctl)
{
    return ctl_change(ctl, "PATCH", ctl_path("/v1/rules/%s", ctl_arg(ctl, 0)),
                      json_pack("{s:s}", "rule", ctl_arg(ctl, 1)), "rule ", " changed");
}

enum ctl_exit ctl_rule_move(struct ctl *ctl)
{
    return ctl_change(ctl, "POST", ctl_path("/v1/rules/%s/move", ctl_arg(ctl, 0)),
                      ctl_options_json(ctl), "rule ", " moved");
}

enum ctl_exit ctl_rule_remove(struct ctl *ctl)
{
    return ctl_change(ctl, "DELETE", ctl_path("/v1/rules/%s", ctl_arg(ctl, 0)), NULL, "rule ",
                      " removed");
}

/* ---- trying rules ---- */

enum { RULES_FILE_MAX = 256 * 1024 };

static enum ctl_exit file_read(struct ctl *ctl, const char *path, struct gw_buf *out)
{
    FILE *f = fopen(path, "rbe");
    char block[4096];
    size_t n;
    bool is_read;

    while (f && !out->failed && (n = fread(block, 1, sizeof(block), f)) > 0)
        gw_buf_add(out, block, n);
    is_read = f && !ferror(f);
    if (!is_read)
        ctl_complain(ctl, "invalid", "'%s' cannot be read: %s", path, strerror(errno));
    if (f)
        (void)fclose(f);
    if (!is_read)
        return CTL_USAGE;
    if (!out->failed && gw_str_is_utf8(gw_buf_str(out)))
        return CTL_OK;
    ctl_complain(ctl, "invalid", "'%s' is no UTF-8 text, or longer than %d bytes", path,
                 RULES_FILE_MAX);
    return CTL_USAGE;
}

/* False: a line is none. */
static bool rules_add(struct gw_str text, json_t *list, size_t *line_number)
{
    struct gw_str line, name, rule;

    if (gw_str_starts(text, "\xef\xbb\xbf"))
        text = gw_str_sub(text, 3, text.len);
    for (*line_number = 1; text.len; ++*line_number) {
        line = text;
        if (!gw_str_cut(text, "\n", &line, &text))
            text = (struct gw_str){ "", 0 };
        line = gw_str_trim(line);
        if (!line.len || line.p[0] == '#')
            continue;
        if (!gw_str_cut(line, ":", &name, &rule))
            return false;
        name = gw_str_trim(name);
        rule = gw_str_trim(rule);
        json_array_append_new(
            list, json_pack("{s:s%, s:s%}", "name", name.p, name.len, "rule", rule.p, rule.len));
    }
    return true;
}

static enum ctl_exit rules_of_file(struct ctl *ctl, json_t *body)
{
    const char *path = ctl_opt(ctl, "file");
    json_t *list;
    struct gw_buf text;
    enum ctl_exit rc;
    size_t line;

    if (!path)
        return CTL_OK;
    list = json_array();
    json_object_set_new(body, "rules", list);
    gw_buf_init(&text, RULES_FILE_MAX);
    rc = file_read(ctl, path, &text);
    if (!rc && !rules_add(gw_buf_str(&text), list, &line)) {
        ctl_complain(ctl, "invalid", "line %zu of '%s' is not of the form NAME: RULE", line, path);
        rc = CTL_USAGE;
    }
    gw_buf_done(&text);
    return rc;
}

static void day_print(const json_t *list)
{
    struct ctl_table *table = ctl_table_new("FROM|TO|SHOWS|TEXT|BECAUSE OF");
    json_t *s;
    size_t i;

    json_array_foreach(list, i, s)
    {
        const char *rule = ctl_str(s, "rule");

        ctl_table_cell(table, ctl_str(s, "from"));
        ctl_table_cell(table, ctl_str(s, "to"));
        ctl_table_cell(table, ctl_str(s, "state"));
        ctl_table_cell(table, ctl_str(s, "text"));
        ctl_table_cellf(table, "%s %s", *rule ? "rule" : "row", *rule ? rule : ctl_str(s, "row"));
    }
    ctl_table_print(&table);
}

enum ctl_exit ctl_rule_test(struct ctl *ctl)
{
    json_t *body = ctl_options_json(ctl), *answer;
    enum ctl_exit rc = rules_of_file(ctl, body);

    if (rc) {
        json_decref(body);
        return rc;
    }
    rc = ctl_call(ctl, "POST", ctl_path("/v1/users/%s/rule-test", ctl_arg(ctl, 0)), body, &answer);
    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        day_print(json_object_get(answer, "day"));
    if (!ctl->line->json && ctl_int(answer, "unread_calendars"))
        printf("# %lld of %lld further calendars could not be read, and are left out\n",
               (long long)ctl_int(answer, "unread_calendars"),
               (long long)ctl_int(answer, "further_calendars"));
    if (!ctl->line->json)
        ctl_calendars_left(answer, "# further calendars: ");
    json_decref(answer);
    return CTL_OK;
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
                      json_pack("{s:s}", "text", ctl_arg(ctl, 1)), "text ", " set");
}

enum ctl_exit ctl_text_reset(struct ctl *ctl)
{
    return ctl_change(ctl, "DELETE", ctl_path("/v1/texts/%s/%s", language(ctl), ctl_arg(ctl, 0)),
                      NULL, "text ", " reset");
}
