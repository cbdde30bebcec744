/* kalendsctl status: each part of the answer as a paragraph of numbers */
#include <stdio.h>
#include <string.h>

#include "admin_ctl.h"

enum { NAME_WIDTH = 15, LINE = 100, PART_MAX = 2048, NAMES_SHOWN = 4 };

struct paragraph {
    size_t column; /* where the cursor is; 0: nothing of it was printed */
};

static void paragraph_begin(struct paragraph *p, const char *name)
{
    printf("%-*s", NAME_WIDTH, name);
    p->column = 0;
}

static void paragraph_add(struct paragraph *p, struct gw_str text)
{
    if (p->column && p->column + text.len + 2 > LINE - NAME_WIDTH) {
        printf(",\n%-*s", NAME_WIDTH, "");
        p->column = 0;
    } else if (p->column) {
        printf(", ");
        p->column += 2;
    }
    printf("%.*s", GW_STR_ARG(text));
    p->column += text.len;
}

static void list_write(const json_t *list, struct gw_buf *out)
{
    size_t count = json_array_size(list), i;

    for (i = 0; i < count && i < NAMES_SHOWN; i++)
        if (json_is_string(json_array_get(list, i)))
            gw_buf_addf(out, " %s", json_string_value(json_array_get(list, i)));
    if (count > NAMES_SHOWN)
        gw_buf_addf(out, " and %zu more", count - NAMES_SHOWN);
}

static void value_write(const json_t *value, struct gw_buf *out)
{
    if (json_is_integer(value))
        gw_buf_addf(out, " %lld", (long long)json_integer_value(value));
    else if (json_is_string(value))
        gw_buf_addf(out, " %s", json_string_value(value));
    else if (json_is_boolean(value))
        gw_buf_addf(out, " %s", json_is_true(value) ? "yes" : "no");
    else if (json_array_size(value))
        list_write(value, out);
    else
        gw_buf_add_cstr(out, " -");
}

/* "due_late_max_ms": 3 is "due late max 3 ms" */
static void part_write(const char *name, const json_t *value, struct gw_buf *out)
{
    struct gw_str rest = gw_str_of(name);
    const char *unit = gw_str_ends(rest, "_ms") ? " ms" : gw_str_ends(rest, "_s") ? " s" : "";
    size_t i;

    rest = gw_str_sub(rest, 0, rest.len - strlen(unit));
    for (i = 0; i < rest.len; i++)
        gw_buf_add_char(out, (char)(rest.p[i] == '_' ? ' ' : rest.p[i]));
    value_write(value, out);
    gw_buf_add_cstr(out, unit);
}

static void object_print(const char *name, const json_t *object)
{
    struct paragraph paragraph;
    struct gw_buf part;
    const char *key;
    json_t *value;

    paragraph_begin(&paragraph, name);
    gw_buf_init(&part, PART_MAX);
    json_object_foreach((json_t *)object, key, value)
    {
        gw_buf_reset(&part);
        part_write(key, value, &part);
        paragraph_add(&paragraph, gw_buf_str(&part));
    }
    gw_buf_done(&part);
    printf("%s\n", paragraph.column ? "" : "none");
}

static void member_print(const char *name, const json_t *value)
{
    if (json_is_object(value))
        object_print(name, value);
    else if (json_is_integer(value))
        printf("%-*s%lld\n", NAME_WIDTH, name, (long long)json_integer_value(value));
    else if (json_is_string(value))
        printf("%-*s%s\n", NAME_WIDTH, name, json_string_value(value));
}

/* Said at its own place, not as one member of many. */
static bool is_elsewhere(const char *name)
{
    static const char *const elsewhere[] = { "version", "now", "started", "calendars" };
    size_t i;

    for (i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
        if (strcmp(name, elsewhere[i]) == 0)
            return true;
    return false;
}

static void status_print(const json_t *status)
{
    const json_t *calendars = json_object_get(status, "calendars");
    gw_utc now = ctl_utc(status, "now");
    char at[CTL_TIME_MAX];
    const char *name;
    json_t *value;

    printf("%-*s%s, started %s\n", NAME_WIDTH, "kalendsd", ctl_str(status, "version"),
           ctl_time(ctl_utc(status, "started"), now, "at an unknown time", at));
    json_object_foreach((json_t *)status, name, value)
    {
        if (!is_elsewhere(name))
            member_print(name, value);
    }
    member_print("calendars", json_object_get(calendars, "now"));
    member_print("since start", json_object_get(calendars, "since_start"));
    member_print("times", json_object_get(calendars, "times"));
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
