/* Who watches whom, for those who look on. */
#include "pres_priv.h"

const char *pres_standing_name(enum pres_standing s)
{
    static const char *const names[] = {
        [PRES_WAITS] = "waits", [PRES_SEES] = "sees", [PRES_DENIED] = "denied"
    };

    return names[s];
}

static bool standing_of(const struct pres_user *u, const struct pres_entry *e,
                        enum pres_standing *out)
{
    if (e->state & PRES_IN)
        *out = PRES_WAITS;
    else if (e->state & PRES_FROM)
        *out = pres_may_see(pres_entry_jid(e), u) ? PRES_SEES : PRES_DENIED;
    else
        return false;
    return true;
}

static void each_of(const struct pres_user *u, bool only_waiting, pres_watcher_fn *each, void *ctx)
{
    enum pres_standing standing;

    for (uint32_t i = 0; i < u->roster.count; i++) {
        const struct pres_entry *e = u->roster.entries[i];

        if (standing_of(u, e, &standing) && (!only_waiting || standing == PRES_WAITS))
            each(u->name, pres_entry_jid(e), standing, ctx);
    }
}

void pres_watchers_each(const struct pres_core *core, struct gw_str user, pres_watcher_fn *each,
                        void *ctx)
{
    const struct pres_user *u = pres_user_find(core, user);

    if (u)
        each_of(u, false, each, ctx);
}

bool pres_watcher_standing(const struct pres_core *core, struct gw_str user, struct gw_str watcher,
                           enum pres_standing *out)
{
    const struct pres_user *u = pres_user_find(core, user);
    const struct pres_entry *e = u ? pres_roster_find(&u->roster, watcher) : NULL;

    return e && standing_of(u, e, out);
}

bool pres_has_asked(const struct pres_core *core, struct gw_str user, struct gw_str contact)
{
    const struct pres_user *u = pres_user_find(core, user);
    const struct pres_entry *e = u ? pres_roster_find(&u->roster, contact) : NULL;

    return e && e->state & (PRES_TO | PRES_OUT);
}

bool pres_waiting_each(const struct pres_core *core, size_t *pos, size_t users,
                       pres_watcher_fn *each, void *ctx)
{
    const struct pres_user *u = NULL;

    while (users-- && (u = gw_map_next(core->users, pos)))
        each_of(u, true, each, ctx);
    return u != NULL;
}
