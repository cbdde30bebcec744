/* kalendsctl watcher ... */
#include <stdio.h>
#include <string.h>

#include "admin_ctl.h"

/* ---- One user ---- */

/* The decision about a person, or that about his domain. */
static const json_t *decision_about(const json_t *decisions, const char *watcher)
{
    const char *domain = strchr(watcher, '@');
    const json_t *of_domain = NULL;
    json_t *d;
    size_t i;

    json_array_foreach(decisions, i, d)
    {
        if (strcmp(ctl_str(d, "who"), watcher) == 0)
            return d;
        if (domain && strcmp(ctl_str(d, "who"), domain + 1) == 0)
            of_domain = d;
    }
    return of_domain;
}

static void decision_cell(struct ctl_table *t, const json_t *d)
{
    if (d)
        ctl_table_cellf(t, "%s %s", ctl_str(d, "decision"), ctl_str(d, "who"));
    else
        ctl_table_cell(t, "-");
}

static void watchers_print(const json_t *answer)
{
    static const struct {
        const char *standing, *says;
    } says[] = { { "waits", "waits for an answer" },
                 { "sees", "sees the user" },
                 { "denied", "sees the user offline" } };
    const json_t *decisions = json_object_get(answer, "decisions");
    struct ctl_table *t;
    json_t *w;
    size_t i;

    if (!json_array_size(json_object_get(answer, "watchers"))) {
        printf("nobody watches\n");
        return;
    }
    t = ctl_table_new("WATCHER|STANDING|BY DECISION");
    json_array_foreach(json_object_get(answer, "watchers"), i, w)
    {
        const char *standing = ctl_str(w, "standing");

        ctl_table_cell(t, ctl_str(w, "watcher"));
        for (size_t k = 0; k < sizeof(says) / sizeof(says[0]); k++) {
            if (strcmp(standing, says[k].standing) == 0)
                standing = says[k].says;
        }
        ctl_table_cell(t, standing);
        decision_cell(t, decision_about(decisions, ctl_str(w, "watcher")));
    }
    ctl_table_print(&t);
}

static void decisions_print(const json_t *answer)
{
    struct ctl_table *t;
    json_t *d;
    size_t i;

    if (!json_array_size(json_object_get(answer, "decisions"))) {
        printf("nothing was decided: presence.auto_authorize counts\n");
        return;
    }
    t = ctl_table_new("ABOUT|DECIDED");
    json_array_foreach(json_object_get(answer, "decisions"), i, d)
    {
        ctl_table_cell(t, ctl_str(d, "who"));
        ctl_table_cell(t, ctl_str(d, "decision"));
    }
    ctl_table_print(&t);
}

enum ctl_exit ctl_watcher_list(struct ctl *ctl)
{
    json_t *answer;
    enum ctl_exit rc =
        ctl_call(ctl, "GET", ctl_path("/v1/users/%s/watchers", ctl_arg(ctl, 0)), NULL, &answer);

    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        watchers_print(answer);
        decisions_print(answer);
    }
    json_decref(answer);
    return CTL_OK;
}

/* ---- Decisions ---- */

static enum ctl_exit decide(struct ctl *ctl, const char *method, json_t *body, const char *said)
{
    enum ctl_exit rc;
    json_t *answer;

    rc = ctl_call(ctl, method,
                  ctl_path("/v1/users/%s/watchers/%s", ctl_arg(ctl, 0), ctl_arg(ctl, 1)), body,
                  &answer);
    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        printf("%s %s %s\n", ctl_arg(ctl, 1), said, ctl_str(answer, "user"));
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_watcher_allow(struct ctl *ctl)
{
    return decide(ctl, "PUT", json_pack("{s:s}", "decision", "allow"), "may watch");
}

enum ctl_exit ctl_watcher_block(struct ctl *ctl)
{
    return decide(ctl, "PUT", json_pack("{s:s}", "decision", "block"), "may not watch");
}

enum ctl_exit ctl_watcher_forget(struct ctl *ctl)
{
    return decide(ctl, "DELETE", NULL, "is not decided about any more by");
}

/* ---- All requests ---- */

static enum ctl_exit requests_get(struct ctl *ctl, json_t *all)
{
    char after[32] = "0";
    enum ctl_exit rc;
    json_t *answer;
    bool more;

    do {
        rc = ctl_call(ctl, "GET", ctl_path("/v1/requests?after=%s", after), NULL, &answer);
        if (rc)
            return rc;
        json_array_extend(all, json_object_get(answer, "requests"));
        more = json_is_integer(json_object_get(answer, "next"));
        (void)snprintf(after, sizeof(after), "%lld", (long long)ctl_int(answer, "next"));
        json_decref(answer);
    } while (more);
    return CTL_OK;
}

static void requests_print(const json_t *all)
{
    struct ctl_table *t;
    json_t *r;
    size_t i;

    if (!json_array_size(all)) {
        printf("no requests wait\n");
        return;
    }
    t = ctl_table_new("USER|IS ASKED BY");
    json_array_foreach(all, i, r)
    {
        ctl_table_cell(t, ctl_str(r, "user"));
        ctl_table_cell(t, ctl_str(r, "watcher"));
    }
    ctl_table_print(&t);
}

enum ctl_exit ctl_watcher_requests(struct ctl *ctl)
{
    json_t *all = json_array();
    enum ctl_exit rc = requests_get(ctl, all);

    if (!rc && ctl->line->json) {
        json_t *answer = json_pack("{s:O}", "requests", all);

        ctl_print_json(answer);
        json_decref(answer);
    } else if (!rc) {
        requests_print(all);
    }
    json_decref(all);
    return rc;
}
