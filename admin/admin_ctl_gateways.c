/* kalendsctl gateway */
#include <stdio.h>
#include <string.h>

#include "admin_ctl.h"

enum ctl_exit ctl_gateway_add(struct ctl *ctl)
{
    json_t *body = ctl_options_json(ctl);
    enum ctl_exit rc;

    if (!ctl_opt(ctl, "host")) {
        json_decref(body);
        ctl_complain(ctl, "usage", "name the server with --host");
        return CTL_USAGE;
    }
    json_object_set_new(body, "name", json_string(ctl_arg(ctl, 0)));
    rc = ctl_password_add(ctl, ctl_opt(ctl, "account"), "the service account", body);
    if (rc) {
        json_decref(body);
        return rc;
    }
    return ctl_change(ctl, "POST", ctl_path("/v1/gateways"), body, "gateway ", " added");
}

enum ctl_exit ctl_gateway_edit(struct ctl *ctl)
{
    json_t *body = ctl_options_json(ctl);
    enum ctl_exit rc = ctl_password_add(ctl, false, "the service account", body);

    if (!rc && json_object_size(body) == 0) {
        ctl_complain(ctl, "usage", "nothing to change: name at least one option");
        rc = CTL_USAGE;
    }
    if (rc) {
        json_decref(body);
        return rc;
    }
    return ctl_change(ctl, "PATCH", ctl_path("/v1/gateways/%s", ctl_arg(ctl, 0)), body, "gateway ",
                      " changed");
}

enum ctl_exit ctl_gateway_remove(struct ctl *ctl)
{
    return ctl_change(ctl, "DELETE", ctl_path("/v1/gateways/%s", ctl_arg(ctl, 0)), NULL, "gateway ",
                      " removed");
}

enum ctl_exit ctl_gateway_drain(struct ctl *ctl)
{
    return ctl_change(ctl, "POST", ctl_path("/v1/gateways/%s/drain", ctl_arg(ctl, 0)), NULL,
                      "gateway ", " is drained");
}

enum ctl_exit ctl_gateway_undrain(struct ctl *ctl)
{
    return ctl_change(ctl, "POST", ctl_path("/v1/gateways/%s/undrain", ctl_arg(ctl, 0)), NULL,
                      "gateway ", " takes users again");
}

/* --- list */

static void row_add(const struct ctl *ctl, struct ctl_table *table, const json_t *g)
{
    char since[CTL_TIME_MAX];

    ctl_table_cell(table, ctl_str(g, "name"));
    ctl_table_cellf(table, "%s://%.120s:%lld", ctl_true(g, "http") ? "http" : "https",
                    ctl_str(g, "host"), (long long)ctl_int(g, "port"));
    ctl_table_cell(table, ctl_str(g, "account"));
    ctl_table_cellf(table, "%s%s", ctl_str(g, "state"),
                    !ctl_true(g, "drained") ? ""
                    : ctl_int(g, "users")   ? ", draining"
                                            : ", drained");
    ctl_table_cell(table, ctl_time(ctl_utc(g, "since"), ctl->now, "-", since));
    ctl_table_cellf(table, "%lld", (long long)ctl_int(g, "users"));
    ctl_table_cellf(table, "%lld", (long long)ctl_int(g, "subscribed"));
    ctl_table_cellf(table, "%lld", (long long)ctl_int(g, "in_flight"));
    ctl_table_cellf(table, "%lld", (long long)ctl_int(g, "requests"));
    ctl_table_cellf(table, "%lld", (long long)ctl_int(g, "failures"));
    ctl_table_cell(table, ctl_str(g, "description"));
}

/* Problems are sentences: below the table, they do not tear it apart. */
static void problem_print(const struct ctl *ctl, const json_t *g)
{
    gw_utc backoff = ctl_utc(g, "backoff_until"), probe = ctl_utc(g, "next_probe");
    const char *state = ctl_str(g, "state"), *name = ctl_str(g, "name");
    char at[CTL_TIME_MAX];

    if (ctl_utc(g, "mode_retry"))
        printf("%s: changes come by %s; a better way is tried at %s\n", name, ctl_str(g, "mode"),
               ctl_time(ctl_utc(g, "mode_retry"), ctl->now, "", at));
    if (*ctl_str(g, "problem"))
        printf("%s: %s\n", name, ctl_str(g, "problem"));
    if (strcmp(state, "refused") == 0 || strcmp(state, "down") == 0) {
        if (backoff > probe)
            probe = backoff;
        if (probe > ctl->now)
            printf("%s: %s, tried again at %s, or when it is changed\n", name, state,
                   ctl_time(probe, ctl->now, "", at));
        else
            printf("%s: %s, being tried again\n", name, state);
    } else if (backoff) {
        printf("%s: left in peace until %s, as it asked for\n", name,
               ctl_time(backoff, ctl->now, "", at));
    }
}

static void list_print(const struct ctl *ctl, const json_t *list)
{
    struct ctl_table *table;
    json_t *g;
    size_t i;

    table = ctl_table_new("NAME|ADDRESS|ACCOUNT|STATE|SINCE|USERS>|SUBSCRIBED>|IN "
                          "FLIGHT>|REQUESTS>|FAILURES>|DESCRIPTION");
    json_array_foreach(list, i, g) row_add(ctl, table, g);
    ctl_table_print(&table);
    json_array_foreach(list, i, g) problem_print(ctl, g);
}

enum ctl_exit ctl_gateway_list(struct ctl *ctl)
{
    json_t *answer;
    enum ctl_exit rc = ctl_call(ctl, "GET", ctl_path("/v1/gateways"), NULL, &answer);

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        list_print(ctl, json_object_get(answer, "gateways"));
    json_decref(answer);
    return CTL_OK;
}

/* --- check */

struct check {
    struct ctl *ctl;
    json_t *steps;   /* by gateway, of those that are not over */
    bool live, text; /* of one gateway each step is shown at once; of many those of each together */
    size_t over, failed;
};

static void step_print(const struct ctl *ctl, const json_t *step)
{
    const char *result = ctl_str(step, "result"), *text = ctl_str(step, "text");

    printf("  %-8s%-42s%s\n", result, ctl_str(step, "test"), ctl_str(step, "verdict"));
    if (*text)
        printf("  %8s%s\n", "", text);
    if (strcmp(result, "failed") == 0)
        ctl_chain_print(ctl, json_object_get(step, "chain"));
}

static void gateway_over(struct check *check, const char *gateway)
{
    const json_t *steps = json_object_get(check->steps, gateway), *step;
    bool failed = json_array_size(steps) == 0;
    size_t i;

    if (check->text && !check->live)
        printf("gateway '%s'\n", gateway);
    json_array_foreach(steps, i, step)
    {
        failed = failed || strcmp(ctl_str(step, "result"), "failed") == 0;
        if (check->text && !check->live)
            step_print(check->ctl, step);
    }
    if (check->text)
        printf(failed ? "  -> failed\n" : "  -> in order\n");
    check->over++;
    check->failed += failed;
    json_object_del(check->steps, gateway);
}

static bool on_line(const json_t *line, void *ctx)
{
    struct check *check = ctx;
    const char *gateway = ctl_str(line, "gateway");
    json_t *steps;

    if (ctl_true(line, "done")) {
        gateway_over(check, gateway);
        return fflush(stdout) == 0;
    }
    steps = json_object_get(check->steps, gateway);
    if (!steps) {
        steps = json_array();
        json_object_set_new(check->steps, gateway, steps);
    }
    json_array_append(steps, (json_t *)line);
    if (!check->text)
        ctl_print_json_line(line);
    else if (check->live)
        step_print(check->ctl, line);
    return fflush(stdout) == 0;
}

enum ctl_exit ctl_gateway_check(struct ctl *ctl)
{
    const char *name = ctl_arg(ctl, 0);
    struct check check = {
        .ctl = ctl, .steps = json_object(), .live = name, .text = !ctl->line->json
    };
    char *path = name ? ctl_path("/v1/gateways/%s/check", name) : ctl_path("/v1/check");
    enum ctl_exit rc = ctl_stream(ctl, "POST", path, on_line, &check);

    if (!rc && (check.over == 0 || json_object_size(check.steps) > 0)) {
        ctl_complain(ctl, "badmsg", "the check ended without a result");
        rc = CTL_FAILED;
    }
    json_decref(check.steps);
    return rc || !check.failed ? rc : CTL_FAILED;
}

/* --- discover */

static void found_print(const json_t *found)
{
    const char *gateway = ctl_str(found, "gateway"), *external = ctl_str(found, "external_url");

    printf("mailbox      %s\n", ctl_str(found, "address"));
    printf("EWS          %s\n", ctl_str(found, "url"));
    if (*external)
        printf("from outside %s\n", external);
    if (*ctl_str(found, "grouping"))
        printf("group        %s\n", ctl_str(found, "grouping"));
    printf("gateway      %s\n", *gateway ? gateway : "none yet: with --add NAME it becomes one");
}

static enum ctl_exit found_add(struct ctl *ctl, const json_t *found, const char *name)
{
    json_t *body = json_pack("{s:s, s:s, s:I}", "name", name, "host", ctl_str(found, "host"),
                             "port", (json_int_t)ctl_int(found, "port"));
    json_t *added;
    enum ctl_exit rc;

    if (ctl_true(found, "http"))
        json_object_set_new(body, "http", json_true());
    rc = ctl_call(ctl, "POST", ctl_path("/v1/gateways"), body, &added);
    if (rc)
        return rc;
    if (!ctl->line->json)
        printf("gateway '%s' added\n", name);
    json_decref(added);
    return CTL_OK;
}

enum ctl_exit ctl_gateway_discover(struct ctl *ctl)
{
    const char *add = ctl_opt(ctl, "add");
    json_t *body = ctl_options_json(ctl), *found;
    enum ctl_exit rc;

    json_object_set_new(body, "address", json_string(ctl_arg(ctl, 0)));
    rc = ctl_call(ctl, "POST", ctl_path("/v1/discover"), body, &found);
    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(found);
    else
        found_print(found);
    if (add && !*ctl_str(found, "gateway"))
        rc = found_add(ctl, found, add);
    json_decref(found);
    return rc;
}
