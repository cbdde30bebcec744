/* kalendsctl federation export, compare: do two nodes of the same domains federate alike? */
#include <stdio.h>
#include <string.h>

#include "admin_ctl.h"

enum { KEYS_MAX = 4, ITEM_MAX = 400 };

/* One thing that should be alike: settings under their keys, and how to mend it. */
static const struct check {
    const char *what;
    const char *keys[KEYS_MAX + 1];
    const char *mend;
} checks[] = {
    { "federation on or off", { "federation.xmpp" }, "kalendsctl set federation.xmpp VALUE" },
    { "TLS and certificates",
      { "federation.tls", "federation.require_certificate" },
      "kalendsctl set KEY VALUE" },
    { "SASL", { "federation.sasl_in", "federation.sasl_out" }, "kalendsctl set KEY VALUE" },
    { "dialback",
      { "federation.dialback_in", "federation.dialback_out" },
      "kalendsctl set KEY VALUE" },
    { "dialback secret",
      { "dialback_secret_mark" },
      "kalendsctl federation secret set, with the same on both" },
    { "default policy", { "federation.policy" }, "kalendsctl set federation.policy VALUE" },
    { "e-mail addresses for federation",
      { "presence.federation_mail" },
      "kalendsctl set presence.federation_mail VALUE" },
};

enum { CHECKS = sizeof(checks) / sizeof(checks[0]) };

static json_t *settings_here(struct ctl *ctl, enum ctl_exit *rc)
{
    json_t *answer = NULL;

    *rc = ctl_call(ctl, "GET", ctl_path("/v1/federation-settings"), NULL, &answer);
    return *rc ? NULL : answer;
}

enum ctl_exit ctl_federation_export(struct ctl *ctl)
{
    enum ctl_exit rc;
    json_t *here = settings_here(ctl, &rc);

    if (!rc)
        ctl_print_json(here);
    json_decref(here);
    return rc;
}

static json_t *settings_there(const struct ctl *ctl)
{
    const char *path = ctl_arg(ctl, 0);
    json_error_t wrong;
    json_t *there =
        strcmp(path, "-") == 0 ? json_loadf(stdin, 0, &wrong) : json_load_file(path, 0, &wrong);

    if (!there)
        ctl_complain(ctl, "invalid", "'%s': %s", path, wrong.text);
    else if (!json_is_string(json_object_get(there, "federation.xmpp")))
        ctl_complain(ctl, "invalid", "'%s' is not what 'kalendsctl federation export' prints",
                     path);
    else
        return there;
    json_decref(there);
    return NULL;
}

static void differ(json_t *list, const char *what, const char *item, const char *mend)
{
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:s}", "what", what, "difference", item, "mend", mend));
}

static void compare_settings(const struct check *c, const json_t *here, const json_t *there,
                             json_t *list)
{
    char item[ITEM_MAX];

    for (const char *const *key = c->keys; *key; key++) {
        const char *ours = ctl_str(here, *key), *theirs = ctl_str(there, *key);

        if (strcmp(ours, theirs) == 0)
            continue;
        (void)snprintf(item, sizeof(item), "%s is %s here, %s there", *key, ours,
                       *theirs ? theirs : "not known");
        differ(list, c->what, item, c->mend);
    }
}

static const char *direction_of(const json_t *settings, const char *domain)
{
    json_t *e;
    size_t i;

    json_array_foreach(json_object_get(settings, "exceptions"), i, e)
    {
        if (strcmp(ctl_str(e, "domain"), domain) == 0)
            return ctl_str(e, "direction");
    }
    return "none";
}

/* The exceptions of the one side; those of the other that both have were looked at before. */
static void compare_exceptions(const json_t *here, const json_t *there, bool is_here, json_t *list)
{
    char item[ITEM_MAX];
    json_t *e;
    size_t i;

    json_array_foreach(json_object_get(is_here ? here : there, "exceptions"), i, e)
    {
        const char *domain = ctl_str(e, "domain");
        const char *ours = direction_of(here, domain), *theirs = direction_of(there, domain);

        if (strcmp(ours, theirs) == 0 || (!is_here && strcmp(ours, "none") != 0))
            continue;
        (void)snprintf(item, sizeof(item), "%s is an exception in direction %s here, %s there",
                       domain, ours, theirs);
        differ(list, "exceptions", item,
               "kalendsctl federation except DOMAIN --direction D, or forget DOMAIN");
    }
}

static bool has_text(const json_t *list, const char *text)
{
    json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), text) == 0)
            return true;
    }
    return false;
}

/* Those that the one node has, and the other has not. */
static void compare_mail_domains(const json_t *has, const json_t *lacks, const char *where,
                                 json_t *list)
{
    char item[ITEM_MAX];
    json_t *domain;
    size_t i;

    json_array_foreach(json_object_get(has, "mail_domains"), i, domain)
    {
        const char *name = json_string_value(domain);

        if (!name || has_text(json_object_get(lacks, "mail_domains"), name))
            continue;
        (void)snprintf(item, sizeof(item), "%s is one %s only", name, where);
        differ(list, "mail domains", item, "kalendsctl federation mail add DOMAIN, or remove");
    }
}

static json_t *compare(const json_t *here, const json_t *there)
{
    json_t *list = json_array();

    for (size_t i = 0; i < CHECKS; i++)
        compare_settings(&checks[i], here, there, list);
    compare_exceptions(here, there, true, list);
    compare_exceptions(here, there, false, list);
    compare_mail_domains(here, there, "here", list);
    compare_mail_domains(there, here, "there", list);
    return list;
}

static bool has_what(const json_t *list, const char *what)
{
    json_t *d;
    size_t i;

    json_array_foreach(list, i, d)
    {
        if (strcmp(ctl_str(d, "what"), what) == 0)
            return true;
    }
    return false;
}

static void print(const json_t *list)
{
    json_t *d;
    size_t i;

    for (size_t k = 0; k < CHECKS + 2; k++) {
        const char *what = k < CHECKS    ? checks[k].what
                           : k == CHECKS ? "exceptions"
                                         : "mail domains";

        if (!has_what(list, what))
            printf("alike    %s\n", what);
    }
    json_array_foreach(list, i, d) printf("differs  %s: %s\n         %s\n", ctl_str(d, "what"),
                                          ctl_str(d, "difference"), ctl_str(d, "mend"));
}

enum ctl_exit ctl_federation_compare(struct ctl *ctl)
{
    json_t *there = settings_there(ctl), *here, *list;
    enum ctl_exit rc = CTL_FAILED;

    if (!there)
        return rc;
    here = settings_here(ctl, &rc);
    if (here) {
        list = compare(here, there);
        rc = json_array_size(list) ? CTL_FAILED : CTL_OK;
        if (ctl->line->json)
            ctl_print_json(list);
        else
            print(list);
        json_decref(list);
    }
    json_decref(here);
    json_decref(there);
    return rc;
}
