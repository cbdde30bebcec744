/* /v1/domains */
#include <stdlib.h>

#include "admin_priv.h"
#include "dir.h"
#include "gw_log.h"
#include "gw_mem.h"

static int compare_names(const void *a, const void *b)
{
    return gw_str_cmp(((const struct dir_domain *)a)->name, ((const struct dir_domain *)b)->name);
}

void admin_domains_list(struct admin_call *call)
{
    const struct dir *dir = call->api->args.dir;
    size_t count = dir_domain_count(dir), pos = 0, i;
    struct dir_domain *all = gw_realloc(NULL, count + 1, sizeof(*all));
    json_t *list = json_array();

    for (i = 0; i < count && dir_domain_next(dir, &pos, &all[i]); i++)
        ;
    count = i;
    qsort(all, count, sizeof(*all), compare_names);
    for (i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:o, s:I}", "name", admin_json_str(all[i].name),
                                              "users", (json_int_t)all[i].users));
    free(all);
    admin_reply(call, 200, json_pack("{s:o}", "domains", list));
}

void admin_domain_add(struct admin_call *call)
{
    static const struct admin_field field = { "name", ADMIN_TEXT, 0, true, 1, 0 };
    char quoted[GW_QUOTE_MAX];
    struct gw_buf normal;
    struct gw_str name;
    struct gw_err err;
    enum gw_code rc;

    gw_buf_init(&normal, DIR_DOMAIN_MAX * 4);
    rc = admin_fields_read(call->body, &field, 1, &name, &err);
    if (!rc)
        rc = dir_domain_normalise(name, &normal, &err);
    if (!rc)
        rc = dir_domain_add(call->api->args.dir, name, admin_call_saved, call, &err);
    if (!rc)
        gw_info("admin", "domain added domain=%s", gw_quote(gw_buf_str(&normal), quoted));
    admin_reply_change(call, rc, &err, 201,
                       json_pack("{s:o}", "name", admin_json_str(gw_buf_str(&normal))));
    gw_buf_done(&normal);
}

void admin_domain_remove(struct admin_call *call)
{
    char quoted[GW_QUOTE_MAX];
    struct gw_err err;
    enum gw_code rc;

    rc = dir_domain_remove(call->api->args.dir, call->arg[0], admin_call_saved, call, &err);
    if (!rc)
        gw_info("admin", "domain removed domain=%s", gw_quote(call->arg[0], quoted));
    admin_reply_change(call, rc, &err, 200, json_pack("{s:b}", "removed", 1));
}
