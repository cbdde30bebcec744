/* kalendsctl federation ... */
#include <stdio.h>
#include <string.h>

#include "admin_ctl.h"

static void connection_row(struct ctl_table *t, const json_t *c, gw_utc now)
{
    char when[CTL_TIME_MAX];
    const char *how = ctl_str(c, "proved_by");

    ctl_table_cell(t, ctl_str(c, "remote"));
    ctl_table_cell(t, ctl_str(c, "local"));
    ctl_table_cell(t, ctl_str(c, "direction"));
    ctl_table_cell(t, ctl_str(c, "state"));
    ctl_table_cell(t, ctl_true(c, "tls") ? "TLS" : "clear");
    ctl_table_cell(t, *how ? how : "-");
    ctl_table_cellf(t, "%lld", (long long)ctl_int(c, "queued"));
    ctl_table_cell(t, ctl_time(ctl_utc(c, "since"), now, "-", when));
}

static void print_errors(const json_t *list, gw_utc now)
{
    char when[CTL_TIME_MAX];
    json_t *c;
    size_t i;

    json_array_foreach(list, i, c)
    {
        if (!*ctl_str(c, "error"))
            continue;
        printf("%s cannot be reached from %s: %s\n", ctl_str(c, "remote"), ctl_str(c, "local"),
               ctl_str(c, "error"));
        printf("  tried again when there is something to say");
        if (*ctl_str(c, "retry_at"))
            printf(", not before %s", ctl_clock(ctl_utc(c, "retry_at"), now, when));
        putchar('\n');
    }
}

static void print_connections(const json_t *answer, gw_utc now)
{
    const json_t *list = json_object_get(answer, "connections");
    long long left_out = ctl_int(answer, "left_out");
    struct ctl_table *t;
    json_t *c;
    size_t i;

    if (!json_array_size(list)) {
        printf("no connections\n");
        return;
    }
    t = ctl_table_new("DOMAIN|OURS|DIRECTION|STATE|OVER|PROVED BY|WAITING>|SINCE");
    json_array_foreach(list, i, c) connection_row(t, c, now);
    ctl_table_print(&t);
    if (left_out)
        printf("and %lld more; 'kalendsctl federation why DOMAIN' shows those of a domain\n",
               left_out);
    print_errors(list, now);
}

static void print_exceptions(const json_t *answer)
{
    const json_t *list = json_object_get(answer, "exceptions");
    bool allows = strcmp(ctl_str(answer, "policy"), "allow") == 0;
    json_t *e;
    size_t i;

    printf("federation is %s; domains are %s, but for %zu exceptions\n",
           ctl_true(answer, "on") ? "on" : "off (kalendsctl set federation.xmpp on)",
           allows ? "allowed" : "denied", json_array_size(list));
    json_array_foreach(list, i, e) printf("  %s %s (%s)\n", ctl_str(e, "domain"),
                                          allows ? "denied" : "allowed", ctl_str(e, "direction"));
    printf("dialback uses %s\n", strcmp(ctl_str(answer, "dialback_secret"), "set") == 0
                                     ? "the secret that was set"
                                     : "a secret of this node's own");
}

enum ctl_exit ctl_federation_list(struct ctl *ctl)
{
    json_t *answer;
    enum ctl_exit rc = ctl_call(ctl, "GET", ctl_path("/v1/federation"), NULL, &answer);

    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        print_exceptions(answer);
        print_connections(answer, ctl->now);
    }
    json_decref(answer);
    return CTL_OK;
}

static void print_rule(const json_t *answer, const char *direction)
{
    const json_t *rule = json_object_get(answer, direction);

    printf("%s: %s, %s\n", direction, ctl_true(rule, "allowed") ? "yes" : "no",
           ctl_str(rule, "why"));
}

enum ctl_exit ctl_federation_why(struct ctl *ctl)
{
    json_t *answer;
    enum ctl_exit rc =
        ctl_call(ctl, "GET", ctl_path("/v1/federation/%s", ctl_arg(ctl, 0)), NULL, &answer);

    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        print_rule(answer, "incoming");
        print_rule(answer, "outgoing");
        print_connections(answer, ctl->now);
    }
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_federation_except(struct ctl *ctl)
{
    return ctl_change(ctl, "PUT", ctl_path("/v1/federation/exceptions/%s", ctl_arg(ctl, 0)),
                      ctl_options_json(ctl), "exception ", " set");
}

enum ctl_exit ctl_federation_forget(struct ctl *ctl)
{
    return ctl_change(ctl, "DELETE", ctl_path("/v1/federation/exceptions/%s", ctl_arg(ctl, 0)),
                      NULL, "exception ", " removed");
}

static enum ctl_exit secret_call(struct ctl *ctl, const char *method, json_t *body,
                                 const char *said)
{
    enum ctl_exit rc;
    json_t *answer;

    rc = ctl_call(ctl, method, ctl_path("/v1/federation-secret"), body, &answer);
    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        printf("%s\n", said);
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_federation_secret_set(struct ctl *ctl)
{
    json_t *body = json_object();
    enum ctl_exit rc = ctl_password_add(ctl, true, "dialback", body);

    if (rc) {
        json_decref(body);
        return rc;
    }
    return secret_call(ctl, "PUT", body, "dialback secret set: set the same on every other node");
}

enum ctl_exit ctl_federation_secret_reset(struct ctl *ctl)
{
    return secret_call(ctl, "DELETE", NULL, "dialback uses a secret of this node's own again");
}
