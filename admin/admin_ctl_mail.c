/* kalendsctl federation mail ... */
#include <stdio.h>
#include <string.h>

#include "admin_ctl.h"

static const char *note_of(const json_t *domain)
{
    if (ctl_true(domain, "sip_domain"))
        return "federated by SIP (sip.domains): not used as ours";
    return ctl_true(domain, "presence_domain") ? "also a domain of user ids" : "";
}

static void print_domains(const json_t *list)
{
    struct ctl_table *t = ctl_table_new("DOMAIN|MANAGED BY|USERS>|NOTE");
    json_t *d;
    size_t i;

    json_array_foreach(list, i, d)
    {
        ctl_table_cell(t, ctl_str(d, "name"));
        ctl_table_cell(t, strcmp(ctl_str(d, "managed"), "system") == 0 ? "the system"
                                                                       : "administrator");
        ctl_table_cellf(t, "%lld", (long long)ctl_int(d, "users"));
        ctl_table_cell(t, note_of(d));
    }
    ctl_table_print(&t);
}

static void print_users(const json_t *answer)
{
    const json_t *count = json_object_get(answer, "users"), *list;
    json_int_t wrong = ctl_int(count, "shared") + ctl_int(count, "taken") +
                       ctl_int(count, "elsewhere") + ctl_int(count, "unusable");
    json_t *p;
    size_t i;

    printf("mail addresses: %lld %s, %lld the same as the user's id, %lld users without\n",
           (long long)(ctl_int(count, "used") + ctl_int(count, "off")),
           ctl_true(answer, "on") ? "in use" : "that would be used",
           (long long)ctl_int(count, "same"), (long long)ctl_int(count, "none"));
    list = json_object_get(answer, "problems");
    json_array_foreach(list, i, p)
        printf("%s is known by this id, not as %s: %s\n", ctl_str(p, "user"), ctl_str(p, "mail"),
               ctl_str(p, "why"));
    if (wrong > (json_int_t)json_array_size(list))
        printf("and %lld more\n", (long long)(wrong - (json_int_t)json_array_size(list)));
}

enum ctl_exit ctl_mail_list(struct ctl *ctl)
{
    json_t *answer;
    enum ctl_exit rc = ctl_call(ctl, "GET", ctl_path("/v1/mail-domains"), NULL, &answer);

    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        printf("e-mail addresses for federation are %s\n",
               ctl_true(answer, "on") ? "on" : "off (kalendsctl set presence.federation_mail on)");
        if (json_array_size(json_object_get(answer, "domains")))
            print_domains(json_object_get(answer, "domains"));
        print_users(answer);
    }
    json_decref(answer);
    return CTL_OK;
}

static enum ctl_exit change(struct ctl *ctl, const char *method, const char *after)
{
    enum ctl_exit rc = ctl_change(ctl, method, ctl_path("/v1/mail-domains/%s", ctl_arg(ctl, 0)),
                                  NULL, "mail domain ", after);

    if (!rc && !ctl->line->json)
        printf("The certificate for servers names all mail domains: a self-signed one is made "
               "anew, for "
               "another\none ask again: 'kalendsctl cert own request cup-xmpp-s2s'.\n");
    return rc;
}

enum ctl_exit ctl_mail_add(struct ctl *ctl)
{
    return change(ctl, "PUT", " added");
}

enum ctl_exit ctl_mail_remove(struct ctl *ctl)
{
    return change(ctl, "DELETE", " removed");
}
