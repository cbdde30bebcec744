/* kalendsctl domain, user, password */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_ctl.h"

enum { PAGE = 1000 };

/* --- domains */

enum ctl_exit ctl_domain_add(struct ctl *ctl)
{
    enum ctl_exit rc = CTL_OK;
    json_t *all = json_array(), *answer, *body;
    size_t i;

    for (i = 0; i < ctl->line->args_count && !rc; i++) {
        body = json_pack("{s:s}", "name", ctl_arg(ctl, i));
        rc = ctl_call(ctl, "POST", ctl_path("/v1/domains"), body, &answer);
        if (rc)
            break;
        if (!ctl->line->json)
            printf("domain '%s' added\n", ctl_str(answer, "name"));
        json_array_append_new(all, answer);
    }
    if (ctl->line->json && json_array_size(all)) {
        answer = json_pack("{s:O}", "domains", all);
        ctl_print_json(answer);
        json_decref(answer);
    }
    json_decref(all);
    return rc;
}

enum ctl_exit ctl_domain_list(struct ctl *ctl)
{
    struct ctl_table *table;
    json_t *answer, *domain;
    enum ctl_exit rc;
    size_t i;

    rc = ctl_call(ctl, "GET", ctl_path("/v1/domains"), NULL, &answer);
    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        table = ctl_table_new("DOMAIN|USERS>");
        json_array_foreach(json_object_get(answer, "domains"), i, domain)
        {
            ctl_table_cell(table, ctl_str(domain, "name"));
            ctl_table_cellf(table, "%lld", (long long)ctl_int(domain, "users"));
        }
        ctl_table_print(&table);
    }
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_domain_remove(struct ctl *ctl)
{
    return ctl_change(ctl, "DELETE", ctl_path("/v1/domains/%s", ctl_arg(ctl, 0)), NULL, "domain ",
                      " removed");
}

/* --- users */

enum ctl_exit ctl_user_add(struct ctl *ctl)
{
    json_t *body = ctl_options_json(ctl);
    enum ctl_exit rc;

    json_object_set_new(body, "user", json_string(ctl_arg(ctl, 0)));
    rc = ctl_password_add(ctl, false, ctl_arg(ctl, 0), body);
    if (rc) {
        json_decref(body);
        return rc;
    }
    return ctl_change(ctl, "POST", ctl_path("/v1/users"), body, "user ", " added");
}

enum ctl_exit ctl_user_edit(struct ctl *ctl)
{
    json_t *body = ctl_options_json(ctl);

    if (json_object_size(body) == 0) {
        json_decref(body);
        ctl_complain(ctl, "usage",
                     "nothing to change: name a field; 'kalendsctl user edit --help' lists them");
        return CTL_USAGE;
    }
    return ctl_change(ctl, "PATCH", ctl_path("/v1/users/%s", ctl_arg(ctl, 0)), body, "user ",
                      " changed");
}

enum ctl_exit ctl_user_remove(struct ctl *ctl)
{
    return ctl_change(ctl, "DELETE", ctl_path("/v1/users/%s", ctl_arg(ctl, 0)), NULL, "user ",
                      " removed");
}

static enum ctl_exit able(struct ctl *ctl, bool on)
{
    bool im = ctl_opt(ctl, "im"), calendar = ctl_opt(ctl, "calendar");
    bool both = im == calendar;
    json_t *body = json_object();

    if (both || im)
        json_object_set_new(body, "im", json_boolean(on));
    if (both || calendar)
        json_object_set_new(body, "calendar", json_boolean(on));
    return ctl_change(ctl, "PATCH", ctl_path("/v1/users/%s", ctl_arg(ctl, 0)), body, "user ",
                      on ? " enabled" : " disabled");
}

enum ctl_exit ctl_user_enable(struct ctl *ctl)
{
    return able(ctl, true);
}

enum ctl_exit ctl_user_disable(struct ctl *ctl)
{
    return able(ctl, false);
}

static void show_text(const char *label, const json_t *u, const char *field)
{
    const char *text = ctl_str(u, field);

    printf("%-11s %s\n", label, *text ? text : "-");
}

static void show_flag(const char *label, const json_t *u, const char *field, const char *yes,
                      const char *no)
{
    printf("%-11s %s\n", label, ctl_true(u, field) ? yes : no);
}

static void show(const json_t *u)
{
    show_text("user", u, "user");
    show_text("name", u, "name");
    show_text("mailbox", u, "mail");
    show_text("SIP address", u, "sip");
    show_text("department", u, "department");
    show_text("group", u, "group");
    show_text("language", u, "language");
    show_text("zone", u, "zone");
    show_flag("IM", u, "im", "enabled", "disabled");
    show_flag("calendar", u, "calendar", "enabled", "disabled");
    show_flag("auto-reply", u, "hide_oof", "hidden", "shown");
    show_flag("password", u, "password", "set", "not set");
}

enum ctl_exit ctl_user_show(struct ctl *ctl)
{
    json_t *u;
    enum ctl_exit rc;

    rc = ctl_call(ctl, "GET", ctl_path("/v1/users/%s", ctl_arg(ctl, 0)), NULL, &u);
    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(u);
    } else {
        show(u);
    }
    json_decref(u);
    return CTL_OK;
}

/* --- listing: page by page, as one */

static void row_add(struct ctl_table *table, const json_t *u)
{
    ctl_table_cell(table, ctl_str(u, "user"));
    ctl_table_cell(table, ctl_true(u, "im") ? "yes" : "no");
    ctl_table_cell(table, ctl_true(u, "calendar") ? "yes" : "no");
    ctl_table_cell(table, ctl_true(u, "password") ? "set" : "-");
    ctl_table_cell(table, ctl_str(u, "group"));
    ctl_table_cell(table, ctl_str(u, "mail"));
    ctl_table_cell(table, ctl_str(u, "name"));
}

static void list_print(const struct ctl *ctl, json_t *users, json_int_t total)
{
    struct ctl_table *table;
    json_t *answer, *user;
    size_t i;

    if (ctl->line->json) {
        answer = json_pack("{s:O, s:I, s:I}", "users", users, "matching",
                           (json_int_t)json_array_size(users), "total", total);
        ctl_print_json(answer);
        json_decref(answer);
        return;
    }
    table = ctl_table_new("USER|IM|CALENDAR|PASSWORD|GROUP|MAILBOX|NAME");
    json_array_foreach(users, i, user) row_add(table, user);
    ctl_table_print(&table);
    if ((json_int_t)json_array_size(users) != total)
        printf("%zu of %lld users\n", json_array_size(users), (long long)total);
    else
        printf("%lld user%s\n", (long long)total, total == 1 ? "" : "s");
}

static enum ctl_exit page_get(struct ctl *ctl, const char *after, json_t **out)
{
    const char *filter = ctl_arg(ctl, 0), *where = ctl_opt(ctl, "where");
    char limit[16];

    (void)snprintf(limit, sizeof(limit), "%d", PAGE);
    return ctl_call(ctl, "GET",
                    where ? ctl_path("/v1/users?limit=%s&after=%s&filter=%s&where=%s", limit, after,
                                     filter ? filter : "", where)
                          : ctl_path("/v1/users?limit=%s&after=%s&filter=%s", limit, after,
                                     filter ? filter : ""),
                    NULL, out);
}

enum ctl_exit ctl_user_list(struct ctl *ctl)
{
    json_t *users = json_array(), *page;
    const char *after = "";
    json_int_t total = 0;
    enum ctl_exit rc;
    bool more;

    do {
        rc = page_get(ctl, after, &page);
        if (rc)
            break;
        json_array_extend(users, json_object_get(page, "users"));
        more = ctl_true(page, "more") && json_array_size(json_object_get(page, "users"));
        total = ctl_int(page, "total");
        json_decref(page);
        after = ctl_str(json_array_get(users, json_array_size(users) - 1), "user");
    } while (more && *after);
    if (!rc)
        list_print(ctl, users, total);
    json_decref(users);
    return rc;
}

/* --- password, refresh */

enum ctl_exit ctl_password_set(struct ctl *ctl)
{
    json_t *body = json_object();
    enum ctl_exit rc = ctl_password_add(ctl, true, ctl_arg(ctl, 0), body);

    if (rc) {
        json_decref(body);
        return rc;
    }
    return ctl_change(ctl, "PUT", ctl_path("/v1/users/%s/password", ctl_arg(ctl, 0)), body,
                      "password of ", " set");
}

enum ctl_exit ctl_refresh(struct ctl *ctl)
{
    return ctl_change(ctl, "POST", ctl_path("/v1/users/%s/refresh", ctl_arg(ctl, 0)), NULL,
                      "the calendar of ", " is being read again");
}
