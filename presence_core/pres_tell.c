/* A change of what stands behind a user's presence, other than a client's word: what each view
 * showed is noted down before it, compared after it, and told to those who see a difference. */
#include <assert.h>

#include "gw_log.h"
#include "pres_priv.h"

/* One resource, or the user as such when none is available, as each view shows it. */
struct pres_snap {
    struct pres_shown shown[PRES_VIEW_COUNT];
};

static void snap_take(const struct pres_user *u, const struct pres_session *s,
                      struct pres_snap *out)
{
    for (int view = 0; view < PRES_VIEW_COUNT; view++)
        pres_shown_as(u, s, (enum pres_view)view, &out->shown[view]);
}

static struct pres_snap *snap_at(struct pres_core *core, size_t i)
{
    if (i == core->snap_cap) {
        core->snap_cap = core->snap_cap ? core->snap_cap * 2 : 4;
        core->snaps = gw_realloc(core->snaps, core->snap_cap, sizeof(core->snaps[0]));
    }
    return &core->snaps[i];
}

void pres_tell_begin(struct pres_user *u)
{
    struct gw_list *it, *tmp;
    size_t count = 0;

    pres_user_shown(u, PRES_VIEW_OWN, &u->core->before);
    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (s->word)
            snap_take(u, s, snap_at(u->core, count++));
    }
    if (!count)
        snap_take(u, NULL, snap_at(u->core, 0));
}

struct comparison {
    const struct pres_user *u;
    const struct pres_tell *how;
    const struct pres_snap *before;
    struct pres_snap now;
};

static enum pres_view view_before(const struct comparison *c, struct gw_str watcher,
                                  enum pres_view view)
{
    return c->how->view_before ? c->how->view_before(c->u, watcher, c->how->ctx) : view;
}

static bool sees_other(struct gw_str watcher, enum pres_view view, const void *ctx)
{
    const struct comparison *c = ctx;

    return !pres_shown_eq(&c->before->shown[view_before(c, watcher, view)], &c->now.shown[view]);
}

static bool sees_other_times(struct gw_str watcher, enum pres_view view, const void *ctx)
{
    const struct comparison *c = ctx;
    bool had = pres_view_has_times(view_before(c, watcher, view));
    bool has = pres_view_has_times(view);

    return (had != has || (has && c->how->times)) && !sees_other(watcher, view, ctx);
}

static void tell_one(const struct comparison *c, pres_doc_fn *write, const void *of)
{
    struct pres_core *core = c->u->core;

    pres_gather_watchers(c->u, sees_other, c);
    pres_deliver(core, write, of);
    if (!c->how->times && !c->how->view_before)
        return;
    pres_gather_watchers(c->u, sees_other_times, c);
    pres_forget_timeless(core);
    pres_deliver(core, write, of);
}

void pres_tell_end(struct pres_user *u, const struct pres_tell *how, struct gw_now now)
{
    struct pres_core *core = u->core;
    struct comparison c = { .u = u, .how = how, .before = core->snaps };
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (!s->word)
            continue;
        snap_take(u, s, &c.now);
        tell_one(&c, pres_doc_session, s);
        c.before++;
    }
    if (c.before == core->snaps) {
        snap_take(u, NULL, &c.now);
        tell_one(&c, pres_doc_user, u);
    }
    pres_changed(u, &core->before, how->cause, now);
}

/* ---- Other words of a front-end for the same ---- */

static bool is_on_calendars_word(struct gw_str watcher, enum pres_view view, const void *ctx)
{
    const struct pres_snap *snap = ctx;

    (void)watcher;
    return snap->shown[view].kind != PRES_CAL_NONE;
}

static bool is_on_calendars_text(struct gw_str watcher, enum pres_view view, const void *ctx)
{
    const struct pres_snap *snap = ctx;

    (void)watcher;
    return snap->shown[view].text_from == PRES_TEXT_CALENDAR;
}

static void retell_one(const struct pres_user *u, const struct pres_session *s, pres_told_fn *whom)
{
    struct pres_snap snap;

    snap_take(u, s, &snap);
    pres_gather_watchers(u, whom, &snap);
    pres_deliver(u->core, s ? pres_doc_session : pres_doc_user, s ? (const void *)s : u);
}

static void retell(struct pres_user *u, pres_told_fn *whom)
{
    struct gw_list *it, *tmp;

    if (!pres_user_is_available(u))
        retell_one(u, NULL, whom);
    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (s->word)
            retell_one(u, s, whom);
    }
}

/* ---- Settings ---- */

/* Also the address that users are known by elsewhere. */
static bool shows_the_same(const struct pres_settings *a, const struct pres_settings *b)
{
    return a->without_client == b->without_client && a->client_in_item == b->client_in_item &&
           a->privacy_own == b->privacy_own && a->privacy_federated == b->privacy_federated &&
           a->mail == b->mail;
}

void pres_shows_take(struct pres_user *u)
{
    u->shows = u->core->shows;
    u->shows->users++;
}

void pres_shows_leave(struct pres_shows *shows, const struct pres_core *core)
{
    if (!--shows->users && shows != core->shows)
        free(shows);
}

static void take_over(struct pres_user *u, struct gw_now now)
{
    struct pres_shows *before = u->shows;
    const struct pres_tell how = { .cause = PRES_CAUSE_ADMIN,
                                   .view_before = pres_view_by,
                                   .ctx = &before->is };

    pres_tell_begin(u);
    pres_shows_take(u);
    pres_tell_end(u, &how, now);
    pres_shows_leave(before, u->core);
}

/* ---- One user after the other: all at once would hold up the loop ---- */

enum { LINE_UP_MAX = 5000 }; /* of a turn, in which PRES_TICK_MAX of them are told */

void pres_wait(struct pres_user *u)
{
    if (gw_list_is_empty(&u->waiting))
        gw_list_append(&u->core->waiting, &u->waiting);
}

void pres_wait_all(struct pres_core *core)
{
    core->is_lining_up = true;
    core->line_up = (struct pres_walk){ 0 };
}

static void line_up(struct pres_core *core)
{
    for (int i = 0; i < LINE_UP_MAX && core->is_lining_up; i++) {
        struct pres_user *u = pres_walk_next(core, &core->line_up);

        if (u)
            pres_wait(u);
        else
            core->is_lining_up = false;
    }
}

void pres_turns(struct pres_core *core, struct gw_now now)
{
    line_up(core);
    for (int i = 0; i < PRES_TICK_MAX && !gw_list_is_empty(&core->waiting); i++) {
        struct pres_user *u = GW_CONTAINER(core->waiting.next, struct pres_user, waiting);

        gw_list_remove(&u->waiting);
        if (u->shows != core->shows)
            take_over(u, now);
        if (u->wording != core->wording)
            retell(u, is_on_calendars_word);
        u->wording = core->wording;
        pres_mail_settle(u);
    }
}

void pres_settings_apply(struct pres_core *core, struct gw_now now)
{
    struct pres_shows *old = core->shows;

    if (shows_the_same(&old->is, core->settings))
        return;
    core->shows = gw_new(struct pres_shows);
    core->shows->is = *core->settings;
    if (!old->users)
        free(old);
    pres_wait_all(core);
    pres_turns(core, now);
}

void pres_tell_text(struct pres_user *u)
{
    retell(u, is_on_calendars_text);
}

void pres_retell(struct pres_core *core, struct gw_now now)
{
    core->wording++;
    pres_wait_all(core);
    pres_turns(core, now);
}
