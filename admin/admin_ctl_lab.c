/* kalendsctl lab-ca: works on a folder, without the daemon */
#include <stdio.h>
#include <stdlib.h>

#include "admin_ctl.h"
#include "cert_ca.h"

static enum ctl_exit complain(const struct ctl *ctl, const struct gw_err *err)
{
    ctl_complain(ctl, gw_code_name(err->code), "%s", err->msg);
    return CTL_FAILED;
}

enum ctl_exit ctl_lab_create(struct ctl *ctl)
{
    const char *folder = ctl_arg(ctl, 0);
    json_t *json;
    struct gw_err err;

    if (cert_ca_create(folder, ctl->now, &err))
        return complain(ctl, &err);
    if (!ctl->line->json) {
        printf("%s/%s: trust it where you try things out, and nowhere else\n", folder,
               CERT_CA_ROOT);
        return CTL_OK;
    }
    json = json_pack("{s:o}", "root", json_sprintf("%s/%s", folder, CERT_CA_ROOT));
    ctl_print_json(json);
    json_decref(json);
    return CTL_OK;
}

enum ctl_exit ctl_lab_issue(struct ctl *ctl)
{
    struct gw_str names[CERT_CA_NAMES_MAX];
    const char *days_text = ctl_opt(ctl, "days");
    int64_t days = CERT_CA_DAYS;
    char *cert = NULL, *key = NULL;
    size_t count = 0;
    struct gw_err err;

    if (days_text && !gw_str_to_int(gw_str_of(days_text), 1, 36500, &days)) {
        ctl_complain(ctl, "usage", "--days is a number from 1 to 36500");
        return CTL_USAGE;
    }
    for (; count < CERT_CA_NAMES_MAX && ctl_arg(ctl, count + 1); count++)
        names[count] = gw_str_of(ctl_arg(ctl, count + 1));
    if (cert_ca_issue(ctl_arg(ctl, 0), names, count, (int)days, ctl->now, &cert, &key, &err))
        return complain(ctl, &err);
    if (ctl->line->json) {
        json_t *json = json_pack("{s:s, s:s}", "certificate", cert, "key", key);

        ctl_print_json(json);
        json_decref(json);
    } else {
        printf("%s\n%s\n", cert, key);
    }
    free(cert);
    free(key);
    return CTL_OK;
}
