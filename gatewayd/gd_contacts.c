/* Contact lists of the presence core, as bulk jobs of the directory change them. */
#include "gd.h"
#include "pres_contact.h"

static bool get(struct gw_str user, struct gw_str contact, struct dir_contact *out, void *ctx)
{
    const struct gd *gd = ctx;
    struct gw_str groups[PRES_GROUPS_MAX];
    struct pres_item item;

    if (!pres_contact_get(gd->core, user, contact, groups, &item))
        return false;
    *out =
        (struct dir_contact){ .jid = item.jid, .name = item.name, .group_count = item.group_count };
    for (size_t i = 0; i < item.group_count; i++)
        out->groups[i] = groups[i];
    return true;
}

static void each(struct gw_str user, void (*fn)(struct gw_str contact, void *fn_ctx), void *fn_ctx,
                 void *ctx)
{
    pres_contacts_each(((struct gd *)ctx)->core, user, fn, fn_ctx);
}

static enum gw_code put(struct store_batch *batch, struct gw_str user, const struct dir_contact *to,
                        unsigned *told, struct gw_err *err, void *ctx)
{
    const struct pres_item item = {
        .jid = to->jid, .name = to->name, .groups = to->groups, .group_count = to->group_count
    };
    struct pres_contact_change change = { .batch = batch };
    enum gw_code rc = pres_contact_put(((struct gd *)ctx)->core, user, &item, &change, err);

    if (!rc)
        *told = change.told;
    return rc;
}

static enum gw_code take_out(struct store_batch *batch, struct gw_str user, struct gw_str contact,
                             unsigned *told, struct gw_err *err, void *ctx)
{
    struct pres_contact_change change = { .batch = batch };
    enum gw_code rc = pres_contact_remove(((struct gd *)ctx)->core, user, contact, &change, err);

    if (!rc)
        *told = change.told;
    return rc;
}

static enum gw_code give_another(struct store_batch *batch, struct gw_str user, struct gw_str from,
                                 struct gw_str to, unsigned *told, struct gw_err *err, void *ctx)
{
    struct pres_contact_change change = { .batch = batch };
    enum gw_code rc = pres_contact_rename(((struct gd *)ctx)->core, user, from, to, &change, err);

    if (!rc)
        *told = change.told;
    return rc;
}

_Static_assert((int)DIR_CONTACT_GROUPS_MAX == (int)PRES_GROUPS_MAX, "the two rooms agree");

void gd_contacts_start(struct gd *gd)
{
    gd->contacts = (struct dir_contacts){
        .get = get, .each = each, .put = put, .remove = take_out, .rename = give_another, .ctx = gd
    };
}
