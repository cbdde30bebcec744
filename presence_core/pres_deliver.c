/* Who is told, and what. Recipients are gathered per view and front-end, so that each front-end
 * writes a document once for all who see the same. */
#include "pres_priv.h"

static bool entry_sees(const struct pres_entry *e, const struct pres_user *of)
{
    return e->state & PRES_FROM && !e->polite &&
           !pres_decision_blocks(pres_decision_of(of, pres_entry_jid(e)));
}

bool pres_may_see(struct gw_str watcher, const struct pres_user *of)
{
    const struct pres_entry *e;

    if (gw_str_eq(watcher, of->name))
        return true;
    e = pres_roster_find(&of->roster, watcher);
    return e && entry_sees(e, of);
}

/* ---- Gathering: each watcher under the view that is due to it ---- */

static void add_session(struct pres_session *s, enum pres_view view)
{
    struct pres_group *g = &s->front->group[view];

    if (g->count == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 64;
        g->to = gw_realloc(g->to, g->cap, sizeof(struct pres_session *));
    }
    g->to[g->count++] = s;
}

static void add_abroad(struct pres_front *f, struct gw_str watcher, enum pres_view view)
{
    struct pres_group *g = &f->group[view];

    if (g->abroad_count == g->abroad_cap) {
        g->abroad_cap = g->abroad_cap ? g->abroad_cap * 2 : 64;
        g->abroad = gw_realloc(g->abroad, g->abroad_cap, sizeof(struct gw_str));
    }
    g->abroad[g->abroad_count++] = watcher;
}

void pres_gather_one(const struct pres_user *of, struct pres_session *to)
{
    add_session(to, pres_view_for(of, to->user->name));
}

static void gather_view(const struct pres_core *core, struct gw_str watcher, enum pres_view view)
{
    struct pres_user *u = pres_user_find(core, watcher);
    struct pres_front *abroad;
    struct gw_list *it, *tmp;

    if (!u) {
        abroad = pres_route_front(core, watcher);
        if (abroad)
            add_abroad(abroad, watcher, view);
        return;
    }
    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (s->word || s->looks)
            add_session(s, view);
    }
}

void pres_gather(const struct pres_user *of, struct gw_str watcher)
{
    gather_view(of->core, watcher, pres_view_for(of, watcher));
}

void pres_gather_watchers(const struct pres_user *u, pres_told_fn *is_told, const void *ctx)
{
    if (!is_told || is_told(u->name, PRES_VIEW_OWN, ctx))
        gather_view(u->core, u->name, PRES_VIEW_OWN);
    for (uint32_t i = 0; i < u->roster.count; i++) {
        const struct pres_entry *e = u->roster.entries[i];
        enum pres_view view;

        if (!entry_sees(e, u))
            continue;
        view = pres_view_for(u, pres_entry_jid(e));
        if (!is_told || is_told(pres_entry_jid(e), view, ctx))
            gather_view(u->core, pres_entry_jid(e), view);
    }
}

/* ---- Delivering ---- */

/* Those whom a list keeps it from leave the group. */
static void sift(const struct pres_core *core, struct pres_group *g, const struct pres_doc *doc)
{
    size_t count = g->count, abroad_count = g->abroad_count;

    g->count = 0;
    g->abroad_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (pres_doc_passes(core, doc, g->to[i]))
            g->to[g->count++] = g->to[i];
    }
    for (size_t i = 0; i < abroad_count; i++) {
        if (pres_doc_passes_abroad(core, doc, g->abroad[i]))
            g->abroad[g->abroad_count++] = g->abroad[i];
    }
}

static void deliver_group(struct pres_front *f, struct pres_group *g, const struct pres_doc *doc)
{
    size_t count = g->count, abroad_count = g->abroad_count;
    struct pres_doc outer;

    g->count = 0;
    g->abroad_count = 0;
    f->core->counters.delivered += count + abroad_count;
    if (count)
        f->table->presence(doc, g->to, count, f->ctx);
    if (!abroad_count)
        return;
    outer = *doc;
    outer.user = pres_outer(f->core, doc->user, g->abroad[0]);
    f->table->presence_abroad(&outer, g->abroad, abroad_count, f->ctx);
}

static bool has_recipients(const struct pres_core *core, enum pres_view view)
{
    for (size_t i = 0; i < core->front_count; i++) {
        if (core->fronts[i].group[view].count || core->fronts[i].group[view].abroad_count)
            return true;
    }
    return false;
}

static void deliver(struct pres_core *core, pres_doc_fn *write, const void *of, bool sifts)
{
    struct pres_doc doc;

    for (int view = 0; view < PRES_VIEW_COUNT; view++) {
        if (!has_recipients(core, (enum pres_view)view))
            continue;
        write(of, (enum pres_view)view, &doc);
        for (size_t i = 0; i < core->front_count; i++) {
            if (sifts)
                sift(core, &core->fronts[i].group[view], &doc);
            deliver_group(&core->fronts[i], &core->fronts[i].group[view], &doc);
        }
    }
}

void pres_deliver(struct pres_core *core, pres_doc_fn *write, const void *of)
{
    deliver(core, write, of, core->listed > 0);
}

void pres_deliver_anyway(struct pres_core *core, pres_doc_fn *write, const void *of)
{
    deliver(core, write, of, false);
}

void pres_forget_timeless(struct pres_core *core)
{
    for (size_t i = 0; i < core->front_count; i++) {
        for (int view = 0; view < PRES_VIEW_COUNT && !core->fronts[i].table->wants_times; view++) {
            core->fronts[i].group[view].count = 0;
            core->fronts[i].group[view].abroad_count = 0;
        }
    }
}

/* ---- Documents ---- */

static void put_times(const struct pres_user *u, enum pres_view view, struct pres_doc *out)
{
    if (!pres_view_has_times(view))
        return;
    if (u->over)
        out->calendar = (struct pres_span){ u->over->kind, u->over->set_at, u->over->until };
    else if (u->cal)
        out->calendar = (struct pres_span){ u->cal->kind, u->cal->since, u->cal->until };
    if (!u->cal)
        return;
    out->ahead = u->cal->ahead;
    out->ahead_count = u->cal->ahead_count;
}

void pres_doc_session(const void *of, enum pres_view view, struct pres_doc *out)
{
    const struct pres_session *s = of;
    const struct pres_word *w = s->word;
    const char *p = w->bytes + w->text_len;

    *out = (struct pres_doc){ .user = s->user->name,
                              .resource = pres_session_name(s),
                              .priority = w->priority,
                              .origin = s->front };
    pres_shown_as(s->user, s, view, &out->shown);
    put_times(s->user, view, out);
    if (out->shown.kind == PRES_CAL_NONE)
        out->shade = w->shade;
    if (out->shown.text_from == PRES_TEXT_CLIENT)
        out->texts = (struct gw_str){ p, w->texts_len };
    out->extra = (struct gw_str){ p + w->texts_len, w->extra_len };
}

void pres_doc_gone(const void *of, enum pres_view view, struct pres_doc *out)
{
    const struct pres_session *s = of;

    (void)view;
    *out = (struct pres_doc){ .user = s->user->name,
                              .resource = pres_session_name(s),
                              .shown.show = PRES_OFFLINE,
                              .origin = s->front };
}

void pres_doc_user(const void *of, enum pres_view view, struct pres_doc *out)
{
    const struct pres_user *u = of;

    *out = (struct pres_doc){ .user = u->name };
    pres_shown_as(u, NULL, view, &out->shown);
    put_times(u, view, out);
}

void pres_doc_user_gone(const void *of, enum pres_view view, struct pres_doc *out)
{
    const struct pres_user *u = of;

    (void)view;
    *out = (struct pres_doc){ .user = u->name, .shown.show = PRES_OFFLINE };
}

bool pres_whole(const struct pres_core *core, struct gw_str user, struct gw_str watcher,
                struct pres_doc *out)
{
    const struct pres_user *u = pres_user_find(core, user);
    const struct pres_session *s = u ? pres_leader(u) : NULL;

    if (!u)
        return false;
    if (s)
        pres_doc_session(s, pres_view_for(u, watcher), out);
    else
        pres_doc_user(u, pres_view_for(u, watcher), out);
    return true;
}

bool pres_is_watched_by(const struct pres_core *core, struct gw_str user, struct gw_str watcher)
{
    const struct pres_user *u = pres_user_find(core, user);

    return u && pres_may_see(watcher, u) && pres_lists_show(u, watcher);
}

bool pres_is_hidden_from(const struct pres_core *core, struct gw_str user, struct gw_str watcher)
{
    const struct pres_user *u = pres_user_find(core, user);

    return u &&
           (pres_decision_blocks(pres_decision_of(u, watcher)) || !pres_lists_show(u, watcher));
}

bool pres_is_refused(const struct pres_core *core, struct gw_str user, struct gw_str watcher)
{
    const struct pres_user *u = pres_user_find(core, user);
    const struct pres_entry *e = u ? pres_roster_find(&u->roster, watcher) : NULL;

    if (!u || (e && e->state & (PRES_FROM | PRES_IN)))
        return false;
    return !pres_lists_bar(u, NULL, watcher, PRES_KIND_REQUEST) && pres_lists_show(u, watcher);
}

bool pres_watcher_next(const struct pres_core *core, struct gw_str user, size_t *pos,
                       struct gw_str *watcher)
{
    const struct pres_user *u = pres_user_find(core, user);

    while (u && *pos < u->roster.count) {
        const struct pres_entry *e = u->roster.entries[(*pos)++];

        if (!entry_sees(e, u) || !pres_lists_show(u, pres_entry_jid(e)))
            continue;
        *watcher = pres_entry_jid(e);
        return true;
    }
    return false;
}

/* ---- Everything of a user ---- */

size_t pres_available_count(const struct pres_user *u)
{
    struct gw_list *it, *tmp;
    size_t count = 0;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        count += GW_CONTAINER(it, struct pres_session, link)->word != NULL;
    }
    return count;
}

bool pres_user_is_available(const struct pres_user *u)
{
    return pres_available_count(u) > 0;
}

bool pres_user_looks(const struct pres_user *u)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        const struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (s->word || s->looks)
            return true;
    }
    return false;
}

/* RFC 6121 4.3.2: nothing is said of who is offline, unless the calendar has something to say. */
static bool is_worth_saying(const struct pres_user *of, struct gw_str watcher)
{
    struct pres_shown shown;

    pres_shown_as(of, NULL, pres_view_for(of, watcher), &shown);
    return shown.show != PRES_OFFLINE || shown.text.len > 0;
}

static void gather_for(const struct pres_user *of, struct gw_str watcher, struct pres_session *only)
{
    if (only)
        pres_gather_one(of, only);
    else
        pres_gather(of, watcher);
}

/* Each resource of a user, or the user as such, to a watcher: to one session only, unless NULL. False:
 * there was nothing to say. */
static bool say_all(const struct pres_user *of, struct gw_str watcher, struct pres_session *only,
                    pres_doc_fn *session, pres_doc_fn *user)
{
    struct gw_list *it, *tmp;

    if (!pres_user_is_available(of)) {
        if (!is_worth_saying(of, watcher))
            return false;
        gather_for(of, watcher, only);
        pres_deliver(of->core, user, of);
        return true;
    }
    GW_LIST_EACH(&of->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (!s->word || s == only)
            continue;
        gather_for(of, watcher, only);
        pres_deliver(of->core, session, s);
    }
    return true;
}

void pres_show_all(const struct pres_user *of, struct pres_session *to)
{
    (void)say_all(of, to->user->name, to, pres_doc_session, pres_doc_user);
}

bool pres_show_all_to(const struct pres_user *of, struct gw_str watcher)
{
    return say_all(of, watcher, NULL, pres_doc_session, pres_doc_user);
}

void pres_hide_all_from(const struct pres_user *of, struct gw_str watcher)
{
    (void)say_all(of, watcher, NULL, pres_doc_gone, pres_doc_user_gone);
}

void pres_hide_all(const struct pres_user *of, struct pres_session *to)
{
    (void)say_all(of, to->user->name, to, pres_doc_gone, pres_doc_user_gone);
}
