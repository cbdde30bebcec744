/* Contact lists as an administrator changes them. */
#include "pres_contact.h"

#include <assert.h>

#include "pres_priv.h"

static struct pres_user *user_find(const struct pres_core *core, struct gw_str user,
                                   struct gw_err *err)
{
    struct pres_user *u = pres_user_find(core, user);

    if (!u)
        gw_fail(err, GW_NOTFOUND, "there is no user '%.*s'",
                GW_STR_ARG(gw_str_utf8_cut(user, 100)));
    return u;
}

static struct pres_entry *listed(const struct pres_user *u, struct gw_str contact)
{
    struct pres_entry *e = pres_roster_find(&u->roster, contact);

    return e && e->listed ? e : NULL;
}

bool pres_contact_get(const struct pres_core *core, struct gw_str user, struct gw_str contact,
                      struct gw_str *groups, struct pres_item *out)
{
    const struct pres_user *u = pres_user_find(core, user);
    const struct pres_entry *e = u ? listed(u, contact) : NULL;

    if (!e)
        return false;
    *out = (struct pres_item){ .jid = pres_entry_jid(e),
                               .name = pres_entry_name(e),
                               .groups = groups,
                               .group_count = pres_entry_groups(e, groups) };
    return true;
}

void pres_contacts_each(const struct pres_core *core, struct gw_str user, pres_contact_fn *each,
                        void *ctx)
{
    const struct pres_user *u = pres_user_find(core, user);

    for (uint32_t i = 0; u && i < u->roster.count; i++) {
        if (u->roster.entries[i]->listed)
            each(pres_entry_jid(u->roster.entries[i]), ctx);
    }
}

/* ---- Whether it may be ---- */

static enum gw_code contact_check(const struct pres_user *u, struct gw_str contact,
                                  struct gw_err *err)
{
    struct gw_str shown = gw_str_utf8_cut(contact, 100);

    if (gw_str_eq(contact, u->name))
        return gw_fail(err, GW_INVALID, "nobody is a contact of himself");
    switch (pres_route(u->core, contact)) {
    case PRES_ROUTE_LOCAL:
    case PRES_ROUTE_ABROAD:
        return GW_OK;
    case PRES_ROUTE_SERVER:
        return gw_fail(err, GW_INVALID, "contact '%.*s' is a domain of ours, not a person",
                       GW_STR_ARG(shown));
    case PRES_ROUTE_UNKNOWN_USER:
        return gw_fail(err, GW_NOTFOUND, "contact '%.*s' is no user here", GW_STR_ARG(shown));
    case PRES_ROUTE_UNKNOWN_SERVER:
        return gw_fail(err, GW_NOTFOUND,
                       "contact '%.*s': its domain is neither ours nor federated with "
                       "(federation.xmpp, sip.domains)",
                       GW_STR_ARG(shown));
    }
    return GW_OK;
}

static bool asks(const struct pres_entry *e)
{
    return e && e->state & (PRES_TO | PRES_OUT);
}

/* The user would be one more who watches the contact. */
static enum gw_code watchers_check(const struct pres_user *u, struct gw_str contact,
                                   struct gw_err *err)
{
    const struct pres_user *other = pres_user_find(u->core, contact);
    const struct pres_entry *e = other ? pres_roster_find(&other->roster, u->name) : NULL;

    if (!other || (e && e->state & (PRES_FROM | PRES_IN)) || !pres_watchers_full(other))
        return GW_OK;
    return gw_fail(err, GW_LIMIT,
                   "contact '%.*s' has as many watchers as may be (presence.watchers_max)",
                   GW_STR_ARG(gw_str_utf8_cut(contact, 100)));
}

/* ---- Changing ---- */

static void begin(struct pres_core *core, const struct pres_contact_change *change)
{
    assert(!core->batch);
    core->batch = change->batch;
}

/* The batch is the caller's again: nothing in between has committed it. */
static void end(struct pres_user *u, struct pres_contact_change *change)
{
    struct gw_list *it, *tmp;

    assert(u->core->batch == change->batch);
    u->core->batch = NULL;
    GW_LIST_EACH(&u->sessions, it, tmp)
    change->told += GW_CONTAINER(it, struct pres_session, link)->interested;
}

static void place(struct pres_user *u, const struct pres_entry_args *args)
{
    struct pres_entry *e = pres_entry_new(args);

    pres_roster_place(&u->roster, e);
    pres_entry_save(u, e);
    pres_push(u, e, false);
    pres_stir(u);
    if (!asks(e))
        pres_entry_ask(u, e);
}

enum gw_code pres_contact_put(struct pres_core *core, struct gw_str user,
                              const struct pres_item *item, struct pres_contact_change *change,
                              struct gw_err *err)
{
    struct pres_user *u = user_find(core, user, err);
    const struct pres_entry *old;
    struct pres_entry_args args;
    enum gw_code rc;

    if (!u)
        return GW_NOTFOUND;
    old = pres_roster_find(&u->roster, item->jid);
    args = pres_entry_args_of(item, old);
    rc = contact_check(u, item->jid, err);
    if (!rc)
        rc = pres_entry_check(&args, err);
    if (!rc && !(old && old->listed) && pres_contacts_full(u))
        rc = gw_fail(err, GW_LIMIT, "the contact list is full (presence.contacts_max)");
    if (!rc && !asks(old))
        rc = watchers_check(u, item->jid, err);
    if (rc || !change->batch)
        return rc;
    begin(core, change);
    place(u, &args);
    end(u, change);
    return GW_OK;
}

enum gw_code pres_contact_remove(struct pres_core *core, struct gw_str user, struct gw_str contact,
                                 struct pres_contact_change *change, struct gw_err *err)
{
    struct pres_user *u = user_find(core, user, err);
    struct pres_entry *e;

    if (!u)
        return GW_NOTFOUND;
    e = listed(u, contact);
    if (!e)
        return gw_fail(err, GW_NOTFOUND, "not in the contact list");
    if (!change->batch)
        return GW_OK;
    begin(core, change);
    if (pres_decision_of(u, contact) == PRES_ALLOW)
        pres_decision_put(u, contact, PRES_ASK);
    pres_drop_contact(u, e, false);
    end(u, change);
    return GW_OK;
}

/* ---- Another address ---- */

static bool has_group(const struct gw_str *groups, size_t count, struct gw_str group)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_str_eq(groups[i], group))
            return true;
    }
    return false;
}

/* What the entry under the new address is: of the old one, and of what was there. groups has room for
 * those of both. */
static void merge(const struct pres_entry *from, const struct pres_entry *there, struct gw_str to,
                  struct gw_str *groups, struct pres_entry_args *out)
{
    struct gw_str old[PRES_GROUPS_MAX];
    size_t count = pres_entry_groups(from, old);

    *out = (struct pres_entry_args){
        .jid = to, .name = pres_entry_name(from), .groups = groups, .listed = true
    };
    if (there) {
        out->state = there->state;
        out->polite = there->polite;
        out->extra = pres_entry_extra(there);
        out->group_count = pres_entry_groups(there, groups);
        if (there->name_len)
            out->name = pres_entry_name(there);
    }
    for (size_t i = 0; i < count; i++) {
        if (!has_group(groups, out->group_count, old[i]))
            groups[out->group_count++] = old[i];
    }
}

/* What was granted to the old address is granted to the new one. A user here has to have asked. */
static void grant(const struct pres_user *u, const struct pres_entry *from,
                  struct pres_entry_args *to)
{
    if (!(from->state & PRES_FROM) || to->state & PRES_FROM || pres_user_find(u->core, to->jid))
        return;
    to->state = (unsigned char)((to->state & ~(unsigned)PRES_IN) | PRES_FROM);
    to->polite = from->polite;
    to->extra = GW_STR("");
}

enum gw_code pres_contact_rename(struct pres_core *core, struct gw_str user, struct gw_str from,
                                 struct gw_str to, struct pres_contact_change *change,
                                 struct gw_err *err)
{
    struct pres_user *u = user_find(core, user, err);
    struct gw_str groups[2 * PRES_GROUPS_MAX];
    struct pres_entry_args args;
    struct pres_entry *e, *there;
    enum gw_code rc;

    if (!u)
        return GW_NOTFOUND;
    e = listed(u, from);
    if (!e)
        return gw_fail(err, GW_NOTFOUND, "not in the contact list");
    there = pres_roster_find(&u->roster, to);
    merge(e, there, to, groups, &args);
    rc = contact_check(u, to, err);
    if (!rc)
        rc = pres_entry_check(&args, err);
    if (!rc && !asks(there))
        rc = watchers_check(u, to, err);
    if (rc || !change->batch)
        return rc;
    begin(core, change);
    grant(u, e, &args);
    pres_decision_move(u, from, to);
    pres_privacy_move(u, from, to);
    place(u, &args);
    pres_drop_contact(u, pres_roster_find(&u->roster, from), true);
    end(u, change);
    return GW_OK;
}
