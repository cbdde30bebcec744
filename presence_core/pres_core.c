/* Users, domains, the calendar's word, and those who look on. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "gw_log.h"
#include "pres_priv.h"

struct pres_core *pres_core_new(const struct pres_core_args *args)
{
    struct pres_core *core = gw_new(struct pres_core);

    core->store = args->store;
    gw_param_defaults(pres_params, pres_param_count, &core->defaults);
    core->settings = args->settings ? args->settings : &core->defaults;
    core->shows = gw_new(struct pres_shows);
    core->shows->is = *core->settings;
    core->words = args->words;
    core->phrase = args->phrase;
    core->words_ctx = args->words_ctx;
    gw_list_init(&core->waiting);
    core->users = gw_map_new();
    core->domains = gw_map_new();
    core->mails = gw_map_new();
    gw_list_init(&core->observers);
    gw_heap_init(&core->overs);
    return core;
}

struct gw_str pres_phrase(const struct pres_core *core, struct gw_str user, enum pres_phrase phrase)
{
    static const char *const english[PRES_PHRASE_COUNT] = {
        [PRES_PHRASE_AWAY] = "Away",
        [PRES_PHRASE_BUSY] = "Busy",
        [PRES_PHRASE_WAITING] = "Waiting for Confirmation",
        [PRES_PHRASE_UNKNOWN] = "Presence Unknown",
    };

    return core->phrase ? core->phrase(user, phrase, core->words_ctx) : gw_str_of(english[phrase]);
}

static void user_free(struct pres_user *u)
{
    assert(gw_list_is_empty(&u->sessions));
    pres_roster_done(&u->roster);
    pres_decisions_done(u);
    pres_abroad_forget(u);
    pres_privacy_free(&u->privacy);
    pres_lists_free(&u->lists);
    pres_shows_leave(u->shows, u->core);
    pres_mail_leave(u);
    gw_list_remove(&u->waiting);
    free(u->over);
    free(u->cal);
    free(u->jid);
    free(u);
}

static void front_done(struct pres_front *f)
{
    for (int view = 0; view < PRES_VIEW_COUNT; view++) {
        free(f->group[view].to);
        free(f->group[view].abroad);
    }
}

void pres_core_free(struct pres_core **corep)
{
    struct pres_core *core = *corep;
    struct gw_list *it, *tmp;
    size_t pos;
    void *p;

    if (!core)
        return;
    *corep = NULL;
    gw_heap_done(&core->overs);
    for (pos = 0; (p = gw_map_next(core->users, &pos));)
        user_free(p);
    gw_map_free(&core->users);
    for (pos = 0; (p = gw_map_next(core->domains, &pos));)
        free(p);
    gw_map_free(&core->domains);
    gw_map_free(&core->mails);
    GW_LIST_EACH(&core->observers, it, tmp)
    free(GW_CONTAINER(it, struct pres_observer, link));
    for (size_t i = 0; i < core->front_count; i++)
        front_done(&core->fronts[i]);
    store_batch_free(&core->batch);
    free(core->shows);
    free(core->snaps);
    free(core->view);
    free(core->asked);
    free(core);
}

struct pres_front *pres_frontend_register(struct pres_core *core, const struct pres_frontend *table,
                                          void *ctx)
{
    struct pres_front *f = &core->fronts[core->front_count++];

    assert(core->front_count <= PRES_FRONTENDS_MAX);
    *f = (struct pres_front){ .core = core, .table = table, .ctx = ctx };
    return f;
}

void pres_frontend_leave(struct pres_front *f)
{
    static const struct pres_frontend nobody = { .name = "gone" };
    struct pres_core *core = f->core;
    struct pres_domain *d;
    size_t pos = 0;

    while ((d = gw_map_next(core->domains, &pos))) {
        if (d->abroad == f)
            pres_domain_remove(core, d->name);
    }
    if (core->abroad == f)
        core->abroad = NULL;
    if (core->unknown == f)
        core->unknown = NULL;
    f->table = &nobody;
}

/* ---- Domains and routing ---- */

struct pres_domain *pres_domain_make(struct pres_core *core, struct gw_str name)
{
    struct pres_domain *d = gw_map_get(core->domains, name);

    if (d)
        return d;
    d = gw_alloc(sizeof(*d) + name.len);
    memcpy(d->text, name.p, name.len);
    d->name = (struct gw_str){ d->text, name.len };
    gw_map_set(core->domains, d->name, d);
    return d;
}

/* Nothing is known of it any more: forgotten. */
void pres_domain_settle(struct pres_core *core, struct pres_domain *d)
{
    if (d->is_local || d->is_mail || d->abroad)
        return;
    gw_map_remove(core->domains, d->name);
    free(d);
}

static void domain_set(struct pres_core *core, struct gw_str name, bool is_local,
                       struct pres_front *abroad)
{
    struct pres_domain *d = pres_domain_make(core, name);

    d->is_local = is_local;
    d->abroad = abroad;
    pres_mail_domain_stir(core, d);
    pres_domain_settle(core, d);
}

void pres_domain_add(struct pres_core *core, struct gw_str name)
{
    domain_set(core, name, true, NULL);
}

void pres_domain_remove(struct pres_core *core, struct gw_str name)
{
    domain_set(core, name, false, NULL);
}

bool pres_domain_is_local(const struct pres_core *core, struct gw_str name)
{
    const struct pres_domain *d = gw_map_get(core->domains, name);

    return d && d->is_local;
}

bool pres_is_own(const struct pres_core *core, struct gw_str jid)
{
    struct gw_str domain = jid;

    (void)gw_str_cut(jid, "@", NULL, &domain);
    return pres_domain_is_local(core, domain);
}

void pres_route_set(struct pres_core *core, struct gw_str domain, struct pres_front *front)
{
    if (!domain.len)
        core->abroad = front;
    else if (pres_domain_is_local(core, domain))
        return;
    else
        domain_set(core, domain, false, front);
}

void pres_route_unknown_set(struct pres_core *core, struct pres_front *front)
{
    core->unknown = front;
}

struct pres_front *pres_route_front(const struct pres_core *core, struct gw_str jid)
{
    const struct pres_domain *d;
    struct gw_str bare = jid, domain;

    (void)gw_str_cut(jid, "/", &bare, NULL);
    domain = bare;
    (void)gw_str_cut(bare, "@", NULL, &domain);
    d = gw_map_get(core->domains, domain);
    if (d && d->is_local)
        return domain.len < bare.len && !pres_user_find(core, bare) ? core->unknown : NULL;
    if (d && d->abroad)
        return d->abroad;
    return pres_domain_is_ours(core, domain) ? NULL : core->abroad;
}

enum pres_route pres_route(const struct pres_core *core, struct gw_str jid)
{
    struct gw_str domain = jid;
    bool has_user = gw_str_cut(jid, "@", NULL, &domain);

    if (!pres_domain_is_local(core, domain))
        return pres_route_front(core, jid) ? PRES_ROUTE_ABROAD : PRES_ROUTE_UNKNOWN_SERVER;
    if (!has_user)
        return PRES_ROUTE_SERVER;
    if (pres_user_find(core, jid))
        return PRES_ROUTE_LOCAL;
    return core->unknown ? PRES_ROUTE_ABROAD : PRES_ROUTE_UNKNOWN_USER;
}

/* ---- Users ---- */

struct pres_user *pres_user_find(const struct pres_core *core, struct gw_str jid)
{
    struct pres_user *u = gw_map_get(core->users, jid);

    return u && u->is_elsewhere && core->unknown ? NULL : u;
}

struct pres_user *pres_walk_next(const struct pres_core *core, struct pres_walk *walk)
{
    uint64_t order = gw_map_order(core->users);

    if (walk->order != order)
        *walk = (struct pres_walk){ .order = order };
    return gw_map_next(core->users, &walk->pos);
}

void pres_users_each(const struct pres_core *core, pres_user_fn *each, void *ctx)
{
    const struct pres_user *u;
    size_t pos = 0;

    while ((u = gw_map_next(core->users, &pos)))
        each(u->name, ctx);
}

bool pres_user_is_known(const struct pres_core *core, struct gw_str user)
{
    return pres_user_find(core, user) != NULL;
}

enum gw_code pres_user_add(struct pres_core *core, struct gw_str jid, struct gw_err *err)
{
    struct gw_str id, domain;
    struct pres_user *u;

    if (gw_map_get(core->users, jid))
        return GW_OK;
    if (!gw_str_cut(jid, "@", &id, &domain) || !id.len || !domain.len ||
        memchr(jid.p, ' ', jid.len) || memchr(jid.p, '/', jid.len))
        return gw_fail(err, GW_INVALID, "'%.*s' is not an address like user@domain",
                       GW_STR_ARG(gw_str_utf8_cut(jid, 100)));
    if (jid.len > PRES_JID_MAX)
        return gw_fail(err, GW_INVALID, "the address is longer than %d bytes", PRES_JID_MAX);
    u = gw_new(struct pres_user);
    u->core = core;
    u->jid = gw_str_dup(jid);
    u->name = (struct gw_str){ u->jid, jid.len };
    gw_list_init(&u->sessions);
    gw_list_init(&u->waiting);
    gw_list_init(&u->mail_link);
    pres_shows_take(u);
    u->wording = core->wording;
    gw_map_set(core->users, u->name, u);
    pres_mail_stir(core, u->name);
    return GW_OK;
}

static void tell_removed(const struct pres_user *u)
{
    for (size_t i = 0; i < u->core->front_count; i++) {
        const struct pres_front *f = &u->core->fronts[i];

        if (f->table->removed)
            f->table->removed(u->name, f->ctx);
    }
}

void pres_user_remove(struct pres_core *core, struct gw_str jid, struct gw_now now)
{
    struct pres_user *u = gw_map_get(core->users, jid);

    if (!u)
        return;
    pres_end_all(u, PRES_END_REMOVED, PRES_CAUSE_ADMIN, now);
    while (u->roster.count)
        pres_drop_contact(u, u->roster.entries[u->roster.count - 1], true);
    pres_roster_forget(u);
    pres_decisions_forget(u);
    pres_override_drop(u);
    pres_privacy_drop(u);
    pres_lists_drop(u);
    pres_commit(core);
    gw_map_remove(core->users, u->name);
    pres_stir(u);
    tell_removed(u);
    pres_mail_stir(core, u->name);
    user_free(u);
}

void pres_user_set_elsewhere(struct pres_core *core, struct gw_str jid, bool is_elsewhere)
{
    struct pres_user *u = gw_map_get(core->users, jid);

    if (!u || u->is_elsewhere == is_elsewhere)
        return;
    u->is_elsewhere = is_elsewhere;
    pres_stir(u);
}

void pres_user_end_sessions(struct pres_core *core, struct gw_str jid, enum pres_end why,
                            struct gw_now now)
{
    struct pres_user *u = pres_user_find(core, jid);

    if (u)
        pres_end_all(u, why, PRES_CAUSE_ADMIN, now);
}

/* ---- The calendar ---- */

/* What the user chose while the item ran stands against it. An out-of-office period is no item: it
 * is left with an override. */
bool pres_is_later(const struct pres_user *u, const struct pres_session *s)
{
    return u->shows->is.client_in_item == PRES_CLIENT_WINS && s->chosen_at && !u->over && u->cal &&
           u->cal->item_until && u->cal->kind != PRES_CAL_OOF && s->chosen_at >= u->cal->item_since;
}

void pres_shown_as(const struct pres_user *u, const struct pres_session *s, enum pres_view view,
                   struct pres_shown *out)
{
    struct pres_parts parts = { .show = PRES_OFFLINE };

    if (s) {
        parts.show = s->word->show;
        parts.text = pres_word_text(s->word);
        parts.is_later = pres_is_later(u, s);
    } else {
        parts.speaks = u->shows->is.without_client == PRES_WITHOUT_CLIENT_CALENDAR;
    }
    if (u->over) {
        parts.calendar = (struct pres_said){ u->over->kind, pres_override_text(u) };
        parts.is_override = true;
    } else {
        pres_view_cal(u->cal, view, &parts.calendar);
    }
    pres_compose(&parts, out);
}

/* The available session that speaks for the user: RFC 6121 4.7.2.3, highest priority; the latest
 * of several. */
const struct pres_session *pres_leader(const struct pres_user *u)
{
    const struct pres_session *best = NULL;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        const struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (!s->word)
            continue;
        if (!best || s->word->priority > best->word->priority ||
            (s->word->priority == best->word->priority && s->turn > best->turn))
            best = s;
    }
    return best;
}

void pres_user_shown(const struct pres_user *u, enum pres_view view, struct pres_shown *out)
{
    pres_shown_as(u, pres_leader(u), view, out);
}

void pres_calendar_set(struct pres_core *core, struct gw_str user,
                       const struct pres_calendar *calendar, struct gw_now now)
{
    const struct pres_tell how = { .cause = PRES_CAUSE_CALENDAR, .times = true };
    struct pres_user *u = pres_user_find(core, user);
    struct pres_over *ended;
    struct pres_cal *old;

    if (!u || pres_cal_is(u->cal, calendar))
        return;
    pres_tell_begin(u);
    old = u->cal;
    u->cal = pres_cal_new(calendar);
    ended = pres_override_step(u, now);
    pres_tell_end(u, &how, now);
    free(old);
    free(ended);
    pres_commit(core);
}

/* ---- Looking on ---- */

struct pres_observer *pres_observe(struct pres_core *core, pres_observer_fn *fn, void *ctx)
{
    struct pres_observer *o = gw_new(struct pres_observer);

    o->core = core;
    o->fn = fn;
    o->ctx = ctx;
    gw_list_append(&core->observers, &o->link);
    return o;
}

void pres_unobserve(struct pres_observer **op)
{
    if (!*op)
        return;
    gw_list_remove(&(*op)->link);
    free(*op);
    *op = NULL;
}

void pres_stir(const struct pres_user *u)
{
    for (size_t i = 0; i < u->core->front_count; i++) {
        const struct pres_front *f = &u->core->fronts[i];

        if (f->table->stirred)
            f->table->stirred(u->name, f->ctx);
    }
}

void pres_reveal(const struct pres_user *u, struct gw_str watcher)
{
    for (size_t i = 0; i < u->core->front_count; i++) {
        const struct pres_front *f = &u->core->fronts[i];

        if (f->table->revealed)
            f->table->revealed(u->name, watcher, f->ctx);
    }
}

void pres_changed(struct pres_user *u, const struct pres_shown *before, enum pres_cause cause,
                  struct gw_now now)
{
    struct pres_change change = {
        .user = u->name, .before = *before, .cause = cause, .at = now.utc
    };
    struct gw_list *it, *tmp;

    pres_stir(u);
    pres_user_shown(u, PRES_VIEW_OWN, &change.now);
    if (pres_shown_eq(before, &change.now))
        return;
    u->since = now.utc;
    u->core->counters.changes++;
    gw_debug("pres", "presence user='%s' show=%s calendar=%s cause=%s", u->jid,
             pres_show_name(change.now.show), pres_calendar_kind_name(change.now.kind),
             pres_cause_name(cause));
    GW_LIST_EACH(&u->core->observers, it, tmp)
    {
        struct pres_observer *o = GW_CONTAINER(it, struct pres_observer, link);

        o->fn(&change, o->ctx);
    }
}

void pres_counters(const struct pres_core *core, struct pres_counters *out)
{
    *out = core->counters;
}
