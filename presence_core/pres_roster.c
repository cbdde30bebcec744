/* Rosters: what clients ask for, what the store keeps. */
#include <assert.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "pres_priv.h"

struct store_batch *pres_batch(struct pres_core *core)
{
    if (!core->batch)
        core->batch = store_batch_new();
    return core->batch;
}

void pres_commit(struct pres_core *core)
{
    pres_commit_done(core, NULL, NULL);
}

void pres_commit_done(struct pres_core *core, store_done_fn *done, void *ctx)
{
    assert(core->batch || !done);
    if (core->batch)
        store_commit(core->store, &core->batch, done, ctx);
    core->batch = NULL;
}

static void record_key(const struct pres_user *u, const struct pres_entry *e, struct gw_buf *out)
{
    gw_buf_init(out, STORE_KEY_MAX);
    pres_record_key(u->name, pres_entry_jid(e), out);
}

void pres_entry_save(struct pres_user *u, const struct pres_entry *e)
{
    struct gw_buf key, value;

    if (!u->core->store)
        return;
    record_key(u, e, &key);
    gw_buf_init(&value, PRES_RECORD_MAX);
    pres_record_write(e, &value);
    assert(!key.failed && !value.failed);
    store_put(pres_batch(u->core), "roster", gw_buf_str(&key), u->name, gw_buf_str(&value));
    gw_buf_done(&key);
    gw_buf_done(&value);
}

void pres_entry_delete(struct pres_user *u, struct pres_entry *e)
{
    struct gw_buf key;

    if (u->core->store) {
        record_key(u, e, &key);
        store_del(pres_batch(u->core), "roster", gw_buf_str(&key));
        gw_buf_done(&key);
    }
    pres_roster_take_out(&u->roster, pres_entry_jid(e));
}

void pres_roster_forget(struct pres_user *u)
{
    if (u->core->store)
        store_del_owner(pres_batch(u->core), "roster", u->name);
    pres_roster_done(&u->roster);
}

static size_t count_entries(const struct pres_user *u, bool listed, unsigned state)
{
    size_t count = 0;

    for (uint32_t i = 0; i < u->roster.count; i++) {
        const struct pres_entry *e = u->roster.entries[i];

        count += (listed && e->listed) || e->state & state;
    }
    return count;
}

static bool is_full(int64_t max, size_t count)
{
    return max != GW_PARAM_WORD && count >= (size_t)max;
}

bool pres_contacts_full(const struct pres_user *u)
{
    return is_full(u->core->settings->contacts_max, count_entries(u, true, 0));
}

bool pres_watchers_full(const struct pres_user *u)
{
    return is_full(u->core->settings->watchers_max, count_entries(u, false, PRES_FROM | PRES_IN));
}

struct pres_entry *pres_entry_add(struct pres_user *u, struct gw_str jid)
{
    const struct pres_entry_args args = { .jid = jid };
    struct pres_entry *e;

    if (pres_entry_check(&args, NULL))
        return NULL;
    e = pres_entry_new(&args);
    pres_roster_place(&u->roster, e);
    return e;
}

/* ---- Loading ---- */

void pres_roster_load(struct pres_core *core, const struct store_record *r)
{
    struct pres_entry *e;
    struct pres_user *u;
    struct gw_str user;
    struct gw_err err;
    char quoted[GW_QUOTE_MAX];

    if (pres_record_parse(r->key, r->value, &user, &e, &err)) {
        gw_warn("pres", "roster record unreadable key=%s error=\"%s\", ignored",
                gw_quote(r->key, quoted), err.msg);
        return;
    }
    u = pres_user_find(core, user);
    if (!u) {
        core->load_skipped++;
        free(e);
        return;
    }
    pres_roster_place(&u->roster, e);
}

/* ---- Clients ---- */

static void item_of(const struct pres_entry *e, struct gw_str groups[PRES_GROUPS_MAX],
                    struct pres_item *out)
{
    unsigned state = e->polite ? e->state & ~(unsigned)PRES_FROM : e->state;

    *out = (struct pres_item){ .jid = pres_entry_jid(e),
                               .name = pres_entry_name(e),
                               .groups = groups,
                               .group_count = pres_entry_groups(e, groups),
                               .sub = pres_sub_of(state),
                               .ask = state & PRES_OUT };
}

void pres_push(struct pres_user *u, const struct pres_entry *e, bool removed)
{
    struct gw_str groups[PRES_GROUPS_MAX];
    struct gw_list *it, *tmp;
    struct pres_item item;

    item_of(e, groups, &item);
    if (removed)
        item = (struct pres_item){ .jid = item.jid, .sub = PRES_SUB_REMOVE };
    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (s->interested)
            s->front->table->roster_changed(&item, s, s->front->ctx);
    }
}

static uint64_t hash_of(const struct pres_item *item, struct gw_buf *text)
{
    gw_buf_reset(text);
    gw_buf_add_str(text, item->jid);
    gw_buf_add_char(text, '\0');
    gw_buf_add_str(text, item->name);
    gw_buf_add_char(text, '\0');
    gw_buf_add_cstr(text, pres_sub_name(item->sub));
    gw_buf_add_char(text, item->ask ? '?' : '.');
    for (size_t i = 0; i < item->group_count; i++) {
        gw_buf_add_str(text, item->groups[i]);
        gw_buf_add_char(text, '\0');
    }
    return gw_hash_stable(gw_buf_str(text));
}

uint64_t pres_roster_version(const struct pres_session *s)
{
    const struct pres_roster *r = &s->user->roster;
    struct gw_str groups[PRES_GROUPS_MAX];
    struct pres_item item;
    struct gw_buf text;
    uint64_t sum = 0;

    gw_buf_init(&text, PRES_RECORD_MAX);
    for (uint32_t i = 0; i < r->count; i++) {
        if (!r->entries[i]->listed)
            continue;
        item_of(r->entries[i], groups, &item);
        sum += hash_of(&item, &text);
    }
    gw_buf_done(&text);
    return sum;
}

void pres_roster_get(struct pres_session *s, pres_item_fn *each, void *ctx)
{
    s->interested = true;
    pres_roster_each(s, each, ctx);
}

void pres_roster_each(const struct pres_session *s, pres_item_fn *each, void *ctx)
{
    struct gw_str groups[PRES_GROUPS_MAX];
    const struct pres_roster *r = &s->user->roster;
    struct pres_item item;

    for (uint32_t i = 0; i < r->count; i++) {
        if (!r->entries[i]->listed)
            continue;
        item_of(r->entries[i], groups, &item);
        each(&item, ctx);
    }
}

struct pres_entry_args pres_entry_args_of(const struct pres_item *item,
                                          const struct pres_entry *old)
{
    struct pres_entry_args args = { .jid = item->jid,
                                    .name = item->name,
                                    .groups = item->groups,
                                    .group_count = item->group_count,
                                    .listed = true };

    if (old) {
        args.state = old->state;
        args.polite = old->polite;
        args.extra = pres_entry_extra(old);
    }
    return args;
}

enum gw_code pres_roster_set(struct pres_session *s, const struct pres_item *item,
                             struct gw_err *err)
{
    struct pres_user *u = s->user;
    struct pres_entry *old = pres_roster_find(&u->roster, item->jid), *e;
    struct pres_entry_args args;
    enum gw_code rc;

    if (gw_str_eq(item->jid, u->name))
        return gw_fail(err, GW_INVALID, "nobody is a contact of himself");
    args = pres_entry_args_of(item, old);
    if (!(old && old->listed) && pres_contacts_full(u))
        return gw_fail(err, GW_LIMIT, "the contact list is full");
    rc = pres_entry_check(&args, err);
    if (rc)
        return rc;
    e = pres_entry_new(&args);
    pres_roster_place(&u->roster, e);
    pres_entry_save(u, e);
    pres_commit(u->core);
    pres_push(u, e, false);
    return GW_OK;
}

enum gw_code pres_roster_remove(struct pres_session *s, struct gw_str jid, struct gw_err *err)
{
    struct pres_user *u = s->user;
    struct pres_entry *e = pres_roster_find(&u->roster, jid);

    if (!e || !e->listed)
        return gw_fail(err, GW_NOTFOUND, "not in the contact list");
    if (pres_decision_of(u, jid) == PRES_ALLOW)
        pres_decision_put(u, jid, PRES_ASK);
    pres_drop_contact(u, e, false);
    pres_commit(u->core);
    return GW_OK;
}
