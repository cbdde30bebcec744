/* Lists of rules (XEP-0016): which one is in force where, what it keeps from whom, and what is told when
 * that changes. A change is made first; then everything that it may concern is said once as gone and once
 * as it is, and of that only what makes the difference passes.
 *   kind "lists", key "alice@a.example", value see pres_list.c                                     */
#include <assert.h>

#include "gw_log.h"
#include "pres_priv.h"

#define KIND "lists"

/* ---- Questions ---- */

static const struct pres_list *in_force(const struct pres_user *u, const struct pres_session *s)
{
    if (s && s->list)
        return s->list;
    return u->lists ? u->lists->standing : NULL;
}

static struct pres_list_who who_of(const struct pres_user *u, struct gw_str jid)
{
    struct pres_list_who who = { .bare = jid, .roster = &u->roster };

    (void)gw_str_cut(jid, "/", &who.bare, &who.resource);
    return who;
}

/* What the list says; while a change is told also what the one before said. */
static bool passes(const struct pres_user *u, const struct pres_session *s,
                   const struct pres_list_who *who, unsigned kind)
{
    const struct pres_shift *shift = &u->core->shift;
    bool denied, denies = pres_list_denies(in_force(u, s), who, kind);

    if (shift->of != u)
        return !denies;
    denied = pres_list_denies(s ? s->had : shift->had, who, kind);
    return denied != denies && denies == shift->hides;
}

/* A user is never kept from himself. */
static bool shows(const struct pres_core *core, const struct pres_doc *doc,
                  const struct pres_list_who *to)
{
    const struct pres_user *u = pres_user_find(core, doc->user);
    struct pres_list_who who = *to;

    if (!u || (!u->lists && core->shift.of != u) || gw_str_eq(u->name, who.bare))
        return true;
    who.roster = &u->roster;
    return passes(u, doc->resource.len ? pres_session_named(u, doc->resource) : NULL, &who,
                  PRES_KIND_PRESENCE_OUT);
}

bool pres_doc_passes_abroad(const struct pres_core *core, const struct pres_doc *doc,
                            struct gw_str to)
{
    struct pres_list_who who = { .bare = to };

    (void)gw_str_cut(to, "/", &who.bare, &who.resource);
    return shows(core, doc, &who);
}

bool pres_doc_passes(const struct pres_core *core, const struct pres_doc *doc,
                     struct pres_session *to)
{
    const struct pres_list_who recipient = { .bare = to->user->name,
                                             .resource = pres_session_name(to) };
    const struct pres_list_who about = { doc->user, doc->resource, &to->user->roster };

    if (!core->listed)
        return true;
    if (!shows(core, doc, &recipient))
        return false;
    if ((!to->user->lists && core->shift.of != to->user) || gw_str_eq(doc->user, to->user->name))
        return true;
    return passes(to->user, to, &about, PRES_KIND_PRESENCE_IN);
}

bool pres_lists_show(const struct pres_user *u, struct gw_str watcher)
{
    struct pres_list_who who = who_of(u, watcher);

    return !u->lists || gw_str_eq(u->name, who.bare) ||
           !pres_list_denies(in_force(u, pres_leader(u)), &who, PRES_KIND_PRESENCE_OUT);
}

bool pres_lists_bar(const struct pres_user *u, const struct pres_session *s, struct gw_str from,
                    unsigned kind)
{
    struct pres_list_who who = who_of(u, from);

    return u->lists && !gw_str_eq(u->name, who.bare) &&
           pres_list_denies(in_force(u, s), &who, kind);
}

bool pres_is_barred(const struct pres_core *core, struct gw_str user, const struct pres_session *s,
                    struct gw_str who, unsigned kind)
{
    const struct pres_user *u = pres_user_find(core, user);
    struct gw_str bare = who;

    (void)gw_str_cut(who, "/", &bare, NULL);
    return u && (pres_is_shut_out(core, user, bare) || pres_lists_bar(u, s, who, kind));
}

/* ---- A change is told ---- */

static void note(struct pres_user *u)
{
    struct gw_list *it, *tmp;

    u->core->shift = (struct pres_shift){ .of = u, .had = in_force(u, NULL) };
    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        s->had = in_force(u, s);
    }
}

static void tell_contact(struct pres_user *u, const struct pres_entry *e, bool hides)
{
    const struct pres_user *contact = pres_user_find(u->core, pres_entry_jid(e));
    struct gw_list *it, *tmp;

    if (!(e->state & PRES_TO) || (contact && !pres_may_see(u->name, contact)))
        return;
    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (!s->word)
            continue;
        if (contact)
            (hides ? pres_hide_all : pres_show_all)(contact, s);
        else
            (hides ? pres_abroad_hide_all : pres_abroad_show_all)(s, pres_entry_jid(e));
    }
}

static void show_to(struct pres_user *u, struct gw_str watcher)
{
    struct pres_list_who who = who_of(u, watcher);

    (void)pres_show_all_to(u, watcher);
    if (passes(u, pres_leader(u), &who, PRES_KIND_PRESENCE_OUT))
        pres_reveal(u, watcher);
}

static void tell_step(struct pres_user *u, bool hides)
{
    u->core->shift.hides = hides;
    for (uint32_t i = 0; i < u->roster.count; i++) {
        const struct pres_entry *e = u->roster.entries[i];

        if (pres_may_see(pres_entry_jid(e), u)) {
            if (hides)
                pres_hide_all_from(u, pres_entry_jid(e));
            else
                show_to(u, pres_entry_jid(e));
        }
        tell_contact(u, e, hides);
    }
    if (hides)
        pres_directed_hide(u);
}

/* After note(), and after the change. */
static void tell(struct pres_user *u)
{
    tell_step(u, true);
    tell_step(u, false);
    u->core->shift = (struct pres_shift){ .of = NULL };
    pres_stir(u);
}

/* ---- Changes ---- */

static void save(struct pres_user *u)
{
    struct gw_buf value;

    if (!u->core->store)
        return;
    if (!u->lists) {
        store_del(pres_batch(u->core), KIND, u->name);
        return;
    }
    gw_buf_init(&value, PRES_LISTS_RECORD_MAX);
    pres_lists_write(u->lists, &value);
    assert(!value.failed);
    store_put(pres_batch(u->core), KIND, u->name, u->name, gw_buf_str(&value));
    gw_buf_done(&value);
}

static void push(const struct pres_user *u, struct gw_str name)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (s->front->table->list_changed)
            s->front->table->list_changed(name, s, s->front->ctx);
    }
}

static bool is_in_force_elsewhere(const struct pres_session *me, const struct pres_list *list)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&me->user->sessions, it, tmp)
    {
        const struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (s != me && in_force(s->user, s) == list)
            return true;
    }
    return false;
}

/* The new one may be NULL. */
static void replace(struct pres_user *u, size_t at, struct pres_list *new)
{
    struct pres_list *old = u->lists->list[at];
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (s->list == old)
            s->list = new;
    }
    if (u->lists->standing == old)
        u->lists->standing = new;
    u->lists->list[at] = new;
    if (!new) /* the last one takes its place */
        u->lists->list[at] = u->lists->list[--u->lists->count];
}

static size_t place_of(const struct pres_lists *lists, const struct pres_list *list)
{
    size_t at = 0;

    while (lists->list[at] != list)
        at++;
    return at;
}

static enum gw_code list_remove(struct pres_session *s, struct gw_str name, struct gw_err *err)
{
    struct pres_user *u = s->user;
    struct pres_list *old = pres_lists_find(u->lists, name);

    if (!old)
        return gw_fail(err, GW_NOTFOUND, "there is no such list");
    if (is_in_force_elsewhere(s, old))
        return gw_fail(err, GW_EXISTS, "the list is in force for another client");
    note(u);
    replace(u, place_of(u->lists, old), NULL);
    tell(u);
    if (!u->lists->count) {
        pres_lists_free(&u->lists);
        u->core->listed--;
    }
    save(u);
    push(u, old->name);
    pres_list_free(&old);
    return GW_OK;
}

static bool has_group(const struct pres_roster *r, struct gw_str group)
{
    struct gw_str groups[PRES_GROUPS_MAX];

    for (uint32_t i = 0; i < r->count; i++) {
        size_t count = pres_entry_groups(r->entries[i], groups);

        for (size_t k = 0; k < count; k++) {
            if (gw_str_eq(groups[k], group))
                return true;
        }
    }
    return false;
}

static enum gw_code list_put(struct pres_session *s, struct pres_list *new, struct gw_err *err)
{
    struct pres_user *u = s->user;
    struct pres_list *old = pres_lists_find(u->lists, new->name);

    if (!old && u->lists && u->lists->count == PRES_LISTS_MAX)
        return gw_fail(err, GW_LIMIT, "there are %d lists already: remove one", PRES_LISTS_MAX);
    for (size_t i = 0; i < new->count; i++) {
        if (new->rules[i].by == PRES_BY_GROUP && !has_group(&u->roster, new->rules[i].value))
            return gw_fail(err, GW_NOTFOUND, "there is no such group in the contact list");
    }
    if (!u->lists) {
        u->lists = gw_new(struct pres_lists);
        u->core->listed++;
    }
    note(u);
    if (old)
        replace(u, place_of(u->lists, old), new);
    else
        u->lists->list[u->lists->count++] = new;
    tell(u);
    save(u);
    push(u, new->name);
    pres_list_free(&old);
    return GW_OK;
}

enum gw_code pres_list_set(struct pres_session *s, struct gw_str name,
                           const struct pres_rule *rules, size_t count, struct gw_err *err)
{
    struct pres_list *new = NULL;
    enum gw_code rc;

    if (!count) {
        rc = list_remove(s, name, err);
    } else {
        rc = pres_list_new(name, rules, count, &new, err);
        if (!rc)
            rc = list_put(s, new, err);
        if (rc)
            pres_list_free(&new);
    }
    pres_commit(s->user->core);
    return rc;
}

/* NULL with an empty name. */
static enum gw_code named(const struct pres_session *s, struct gw_str name, struct pres_list **out,
                          struct gw_err *err)
{
    *out = name.len ? pres_lists_find(s->user->lists, name) : NULL;
    return *out || !name.len ? GW_OK : gw_fail(err, GW_NOTFOUND, "there is no such list");
}

enum gw_code pres_list_activate(struct pres_session *s, struct gw_str name, struct gw_err *err)
{
    struct pres_list *list;
    enum gw_code rc;

    rc = named(s, name, &list, err);
    if (rc || list == s->list)
        return rc;
    note(s->user);
    s->list = list;
    tell(s->user);
    return GW_OK;
}

enum gw_code pres_list_make_default(struct pres_session *s, struct gw_str name, struct gw_err *err)
{
    struct pres_lists *lists = s->user->lists;
    struct pres_list *list;
    enum gw_code rc;

    rc = named(s, name, &list, err);
    if (rc || !lists || list == lists->standing)
        return rc;
    if (lists->standing && is_in_force_elsewhere(s, lists->standing))
        return gw_fail(err, GW_EXISTS, "the present default is in force for another client");
    note(s->user);
    lists->standing = list;
    tell(s->user);
    save(s->user);
    pres_commit(s->user->core);
    return GW_OK;
}

void pres_lists_drop(struct pres_user *u)
{
    if (!u->lists)
        return;
    pres_lists_free(&u->lists);
    u->core->listed--;
    save(u);
}

/* ---- What there is ---- */

static struct gw_str name_of(const struct pres_list *list)
{
    return list ? list->name : GW_STR("");
}

struct gw_str pres_list_active(const struct pres_session *s)
{
    return name_of(s->list);
}

struct gw_str pres_list_default(const struct pres_session *s)
{
    return name_of(s->user->lists ? s->user->lists->standing : NULL);
}

bool pres_list_next(const struct pres_session *s, size_t *pos, struct gw_str *name)
{
    const struct pres_lists *lists = s->user->lists;

    if (!lists || *pos == lists->count)
        return false;
    *name = lists->list[(*pos)++]->name;
    return true;
}

const struct pres_rule *pres_list_get(const struct pres_session *s, struct gw_str name,
                                      size_t *count)
{
    const struct pres_list *list = pres_lists_find(s->user->lists, name);

    if (!list)
        return NULL;
    *count = list->count;
    return list->rules;
}

/* ---- Loading ---- */

void pres_lists_load(struct pres_core *core, const struct store_record *r)
{
    struct pres_user *u = pres_user_find(core, r->key);
    char quoted[GW_QUOTE_MAX];
    struct gw_err err;

    if (!u)
        core->load_skipped++;
    else if (pres_lists_parse(r->value, &u->lists, &err))
        gw_error("pres", "privacy lists unreadable user=%s error=\"%s\", none is in force",
                 gw_quote(r->key, quoted), err.msg);
    else
        core->listed++;
}
