/* kalendsctl sip ... */
#include <stdio.h>

#include "admin_ctl.h"

static void print_servers(const json_t *answer)
{
    const json_t *list = json_object_get(answer, "servers");
    struct ctl_table *t;
    json_t *server;
    size_t i;

    if (!json_array_size(list))
        return;
    t = ctl_table_new("TRIED>|SERVER|PORT>|OVER|RULE|PRIORITY>|SAID BY");
    json_array_foreach(list, i, server)
    {
        ctl_table_cellf(t, "%zu", i + 1);
        ctl_table_cell(t, ctl_str(server, "host"));
        ctl_table_cellf(t, "%lld", (long long)ctl_int(server, "port"));
        ctl_table_cell(t, ctl_str(server, "transport"));
        ctl_table_cell(t, ctl_str(server, "rule"));
        ctl_table_cellf(t, "%lld", (long long)ctl_int(server, "priority"));
        ctl_table_cell(t, ctl_str(server, "said_by"));
    }
    ctl_table_print(&t);
    if (json_array_size(list) > 1)
        printf("each one when those before it cannot be reached\n");
}

static void print_missing(const json_t *answer)
{
    json_t *name;
    size_t i;

    json_array_foreach(json_object_get(answer, "missing"), i, name)
        printf("no record %s\n", json_is_string(name) ? json_string_value(name) : "");
}

enum ctl_exit ctl_sip_route(struct ctl *ctl)
{
    json_t *answer;
    enum ctl_exit rc =
        ctl_call(ctl, "GET", ctl_path("/v1/sip/route/%s", ctl_arg(ctl, 0)), NULL, &answer);

    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        printf("%s is reached by SIP, as a peer of kind %s\n", ctl_str(answer, "address"),
               ctl_str(answer, "kind"));
        print_missing(answer);
        print_servers(answer);
        if (*ctl_str(answer, "error"))
            printf("CANNOT BE REACHED: %s\n", ctl_str(answer, "error"));
    }
    json_decref(answer);
    return CTL_OK;
}

/* --- trace */

static void print_heads(const json_t *list)
{
    json_t *m, *line;
    size_t i, k;

    json_array_foreach(list, i, m)
    {
        printf("%s %s %s %s\n", ctl_str(m, "at"), ctl_str(m, "direction"), ctl_str(m, "transport"),
               ctl_str(m, "peer"));
        json_array_foreach(json_object_get(m, "head"), k, line)
            printf("    %s\n", json_is_string(line) ? json_string_value(line) : "");
        if (ctl_int(m, "body_bytes"))
            printf("    (a body of %lld bytes)\n", (long long)ctl_int(m, "body_bytes"));
    }
}

static void print_messages(const json_t *list)
{
    struct ctl_table *t = ctl_table_new("AT||OVER|PEER|MESSAGE|CALL-ID");
    json_t *m;
    size_t i;

    json_array_foreach(list, i, m)
    {
        const char *start = json_string_value(json_array_get(json_object_get(m, "head"), 0));

        ctl_table_cell(t, ctl_str(m, "at"));
        ctl_table_cell(t, ctl_str(m, "direction"));
        ctl_table_cell(t, ctl_str(m, "transport"));
        ctl_table_cell(t, ctl_str(m, "peer"));
        ctl_table_cell(t, start ? start : "");
        ctl_table_cell(t, ctl_str(m, "call_id"));
    }
    ctl_table_print(&t);
}

enum ctl_exit ctl_sip_trace(struct ctl *ctl)
{
    const char *call_id = ctl_arg(ctl, 0);
    const json_t *list;
    json_t *answer;
    enum ctl_exit rc = ctl_call(ctl, "GET",
                                call_id ? ctl_path("/v1/sip/trace?call_id=%s", call_id)
                                        : ctl_path("/v1/sip/trace"),
                                NULL, &answer);

    if (rc)
        return rc;
    list = json_object_get(answer, "messages");
    if (ctl->line->json)
        ctl_print_json(answer);
    else if (!json_array_size(list))
        printf("no message%s\n", call_id ? " of this call: the newest are kept (sip.trace says "
                                           "which)"
                                         : "");
    else if (call_id)
        print_heads(list);
    else
        print_messages(list);
    json_decref(answer);
    return CTL_OK;
}

static void print_session(struct ctl_table *t, const json_t *s)
{
    long long idle_s = (long long)ctl_int(s, "idle_s");

    ctl_table_cell(t, ctl_str(s, "user"));
    ctl_table_cell(t, ctl_str(s, "peer"));
    ctl_table_cell(t, ctl_str(s, "state"));
    ctl_table_cell(t, ctl_str(s, "begun_by"));
    ctl_table_cellf(t, "%lld", (long long)ctl_int(s, "messages_in"));
    ctl_table_cellf(t, "%lld", (long long)ctl_int(s, "messages_out"));
    ctl_table_cellf(t, "%lld", (long long)ctl_int(s, "waiting"));
    if (idle_s >= 0)
        ctl_table_cellf(t, "%lld s", idle_s);
    else
        ctl_table_cell(t, "-");
    ctl_table_cell(t, *ctl_str(s, "server") ? ctl_str(s, "server") : "-");
}

enum ctl_exit ctl_sip_sessions(struct ctl *ctl)
{
    struct ctl_table *t;
    json_t *answer, *session;
    const json_t *list;
    size_t i;
    enum ctl_exit rc = ctl_call(ctl, "GET", ctl_path("/v1/sip/sessions"), NULL, &answer);

    if (rc)
        return rc;
    list = json_object_get(answer, "sessions");
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else if (!json_array_size(list)) {
        printf("no sessions\n");
    } else {
        t = ctl_table_new("USER|PEER|STATE|BEGUN BY|IN>|OUT>|WAITING>|IDLE>|SERVER");
        json_array_foreach(list, i, session) print_session(t, session);
        ctl_table_print(&t);
        if (json_is_true(json_object_get(answer, "more")))
            printf("the first %zu of %lld\n", json_array_size(list),
                   (long long)ctl_int(answer, "total"));
    }
    json_decref(answer);
    return CTL_OK;
}

static void print_clients(const struct ctl *ctl, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "clients");
    struct ctl_table *t;
    json_t *c;
    size_t i;

    if (!json_array_size(list)) {
        printf("no SIP client is registered%s\n", ctl_arg(ctl, 0) ? " for this user" : "");
        return;
    }
    t = ctl_table_new("USER|CONTACT|REACHED AT|OVER|UNTIL|CLIENT");
    json_array_foreach(list, i, c)
    {
        ctl_table_cell(t, ctl_str(c, "user"));
        ctl_table_cell(t, ctl_str(c, "contact"));
        ctl_table_cellf(t, "%s port %lld", ctl_str(c, "host"), (long long)ctl_int(c, "port"));
        ctl_table_cell(t, ctl_str(c, "transport"));
        ctl_table_cell(t, ctl_str(c, "expires"));
        ctl_table_cell(t, *ctl_str(c, "agent") ? ctl_str(c, "agent") : "-");
    }
    ctl_table_print(&t);
}

enum ctl_exit ctl_sip_clients(struct ctl *ctl)
{
    const char *user = ctl_arg(ctl, 0); /* NULL: all */
    json_t *answer;
    enum ctl_exit rc = ctl_call(
        ctl, "GET", user ? ctl_path("/v1/sip/clients?user=%s", user) : ctl_path("/v1/sip/clients"),
        NULL, &answer);

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        print_clients(ctl, answer);
    json_decref(answer);
    return CTL_OK;
}
