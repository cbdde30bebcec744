/* Which level, and so which view, a watcher has of a user; and what happens when that changes. */
#include <stdlib.h>

#include "gw_log.h"
#include "pres_priv.h"

#define KIND "privacy"

static enum pres_view view_by(const struct pres_privacy *p, const struct pres_settings *settings,
                              const struct pres_user *of, struct gw_str watcher)
{
    const struct pres_core *core = of->core;
    bool is_own;

    (void)gw_str_cut(watcher, "/", &watcher, NULL); /* directed presence may be for a resource */
    is_own = pres_is_own(core, watcher);
    if (gw_str_eq(watcher, of->name))
        return PRES_VIEW_OWN;
    return pres_view_of(pres_privacy_level(p, settings, watcher,
                                           is_own ? PRES_CLASS_OWN : PRES_CLASS_FEDERATED, NULL),
                        is_own);
}

enum pres_view pres_view_for(const struct pres_user *of, struct gw_str watcher)
{
    return view_by(of->privacy, &of->shows->is, of, watcher);
}

enum pres_view pres_view_by(const struct pres_user *of, struct gw_str watcher, const void *settings)
{
    return view_by(of->privacy, settings, of, watcher);
}

void pres_level_explain(const struct pres_user *of, struct gw_str watcher,
                        struct pres_user_view *out)
{
    const struct pres_core *core = of->core;

    out->is_own = !watcher.len || pres_is_own(core, watcher);
    out->may_see = !watcher.len || (pres_may_see(watcher, of) && pres_lists_show(of, watcher));
    out->level = PRES_LEVEL_FULL;
    out->level_from = PRES_LEVEL_SELF;
    if (watcher.len && !gw_str_eq(watcher, of->name))
        out->level = pres_privacy_level(of->privacy, &of->shows->is, watcher,
                                        out->is_own ? PRES_CLASS_OWN : PRES_CLASS_FEDERATED,
                                        &out->level_from);
}

static enum pres_view view_by_old_privacy(const struct pres_user *of, struct gw_str watcher,
                                          const void *ctx)
{
    return view_by(ctx, &of->shows->is, of, watcher);
}

static void save(const struct pres_user *u)
{
    struct gw_buf value;

    if (!u->core->store)
        return;
    if (!u->privacy) {
        store_del(pres_batch(u->core), KIND, u->name);
        return;
    }
    gw_buf_init(&value, PRES_PRIVACY_RECORD_MAX);
    pres_privacy_write(u->privacy, &value);
    store_put(pres_batch(u->core), KIND, u->name, u->name, gw_buf_str(&value));
    gw_buf_done(&value);
}

enum gw_code pres_privacy_set(struct pres_core *core, struct gw_str user,
                              const struct pres_privacy_rule *rule, struct gw_now now,
                              store_done_fn *done, void *done_ctx, struct gw_err *err)
{
    struct pres_user *u = pres_user_find(core, user);
    struct pres_privacy *old, *new;
    enum gw_code rc;

    if (!u)
        return gw_fail(err, GW_NOTFOUND, "there is no user '%.*s'",
                       GW_STR_ARG(gw_str_utf8_cut(user, 100)));
    rc = pres_privacy_with(u->privacy, rule, &new, err);
    if (rc)
        return rc;
    old = u->privacy;
    pres_tell_begin(u);
    u->privacy = new;
    pres_tell_end(u,
                  &(struct pres_tell){
                      .cause = PRES_CAUSE_ADMIN, .view_before = view_by_old_privacy, .ctx = old },
                  now);
    pres_privacy_free(&old);
    gw_info("pres", "privacy set user='%s' watchers=%s", u->jid,
            rule->class == PRES_CLASS_NAMED ? "named" : "class");
    save(u);
    pres_commit_done(core, done, done_ctx);
    return GW_OK;
}

static const struct pres_privacy_name *named(const struct pres_privacy *p, struct gw_str jid)
{
    for (size_t i = 0; p && i < p->count; i++) {
        if (gw_str_eq((struct gw_str){ p->name[i]->jid, p->name[i]->len }, jid))
            return p->name[i];
    }
    return NULL;
}

static void level_put(struct pres_user *u, struct gw_str watcher, int level)
{
    const struct pres_privacy_rule rule = { PRES_CLASS_NAMED, watcher, level };
    struct pres_privacy *old = u->privacy, *new;

    if (pres_privacy_with(old, &rule, &new, NULL)) /* one more than may be: the old one stays */
        return;
    u->privacy = new;
    pres_privacy_free(&old);
}

void pres_privacy_move(struct pres_user *u, struct gw_str from, struct gw_str to)
{
    const struct pres_privacy_name *old = named(u->privacy, from);
    int level = old ? old->level : PRES_LEVEL_UNSET;

    if (!old)
        return;
    level_put(u, from, PRES_LEVEL_UNSET);
    if (!named(u->privacy, to))
        level_put(u, to, level);
    save(u);
}

bool pres_privacy_get(const struct pres_core *core, struct gw_str user,
                      struct pres_privacy_view *out)
{
    const struct pres_user *u = pres_user_find(core, user);
    const struct pres_privacy *p = u ? u->privacy : NULL;

    if (!u)
        return false;
    out->own = p ? p->level[PRES_CLASS_OWN] : PRES_LEVEL_UNSET;
    out->federated = p ? p->level[PRES_CLASS_FEDERATED] : PRES_LEVEL_UNSET;
    out->default_own = (enum pres_level)core->shows->is.privacy_own;
    out->default_federated = (enum pres_level)core->shows->is.privacy_federated;
    out->named_count = p ? p->count : 0;
    for (size_t i = 0; i < out->named_count; i++)
        out->named[i] = (struct pres_privacy_named){ { p->name[i]->jid, p->name[i]->len },
                                                     (enum pres_level)p->name[i]->level };
    return true;
}

void pres_privacy_drop(struct pres_user *u)
{
    if (!u->privacy)
        return;
    pres_privacy_free(&u->privacy);
    save(u);
}

void pres_privacy_load(struct pres_core *core, const struct store_record *r)
{
    struct pres_user *u = pres_user_find(core, r->key);
    char quoted[GW_QUOTE_MAX];
    struct pres_privacy *p;
    struct gw_err err;

    if (!u) {
        core->load_skipped++;
        return;
    }
    if (pres_privacy_parse(r->value, &p, &err)) {
        /* Too little is shown rather than too much. */
        gw_error("pres",
                 "privacy unreadable user=%s error=\"%s\", nothing is shown of the calendar",
                 gw_quote(r->key, quoted), err.msg);
        (void)pres_privacy_parse(GW_STR("{\"own\":\"nothing\",\"federated\":\"nothing\"}"), &p,
                                 NULL);
    }
    pres_privacy_free(&u->privacy);
    u->privacy = p;
}
