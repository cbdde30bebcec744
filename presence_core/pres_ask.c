/* What presence shows, and what it is made of: of now, of another moment, for a certain watcher. */
#include <stdlib.h>

#include "pres_priv.h"

static void ask_session(const struct pres_session *s, enum pres_view view,
                        struct pres_resource_view *out)
{
    *out = (struct pres_resource_view){ .resource = pres_session_name(s),
                                        .frontend = s->front->table->name,
                                        .since = s->since };
    if (!s->word)
        return;
    out->available = true;
    out->priority = s->word->priority;
    out->show = s->word->show;
    out->text = pres_word_text(s->word);
    out->leads = s == pres_leader(s->user);
    out->stands = pres_is_later(s->user, s);
    pres_shown_as(s->user, s, view, &out->composed);
}

static size_t ask_sessions(struct pres_user *u, enum pres_view view)
{
    struct pres_core *core = u->core;
    struct gw_list *it, *tmp;
    size_t count = 0;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        if (count == core->view_cap) {
            core->view_cap = core->view_cap ? core->view_cap * 2 : 4;
            core->view = gw_realloc(core->view, core->view_cap, sizeof(core->view[0]));
        }
        ask_session(GW_CONTAINER(it, struct pres_session, link), view, &core->view[count++]);
    }
    return count;
}

static void count_roster(const struct pres_user *u, struct pres_user_view *out)
{
    for (uint32_t i = 0; i < u->roster.count; i++) {
        out->contact_count += u->roster.entries[i]->listed;
        out->watcher_count += pres_may_see(pres_entry_jid(u->roster.entries[i]), u);
    }
}

/* As the user stands at this moment: calendar and override may be those of another one. */
static void ask(struct pres_user *u, struct gw_str watcher, struct pres_user_view *out)
{
    enum pres_view view;

    *out = (struct pres_user_view){ .since = u->since };
    pres_level_explain(u, watcher, out);
    view = pres_view_of(out->level, out->is_own);
    pres_cal_write(u->cal, &out->calendar);
    out->has_override = u->over != NULL;
    if (u->over)
        pres_over_view(u->over, &out->override);
    pres_user_shown(u, view, &out->composed);
    out->speaks = !pres_leader(u) && out->composed.show != PRES_OFFLINE;
    out->resource_count = ask_sessions(u, view);
    out->resources = u->core->view;
    count_roster(u, out);
}

bool pres_user_view(struct pres_core *core, struct gw_str user, struct pres_user_view *out)
{
    struct pres_user *u = pres_user_find(core, user);

    if (u)
        ask(u, GW_STR(""), out);
    return u != NULL;
}

/* At another moment: neither before it was set nor when it will be over. */
static bool has_override_at(const struct pres_over *o, const struct pres_question *q,
                            const struct pres_cal *cal)
{
    return o && (!q->calendar || o->set_at <= q->at) && pres_over_is_on(o, cal, q->at);
}

bool pres_user_ask(struct pres_core *core, struct gw_str user, const struct pres_question *q,
                   struct pres_user_view *out)
{
    struct pres_user *u = pres_user_find(core, user);
    struct pres_cal *cal;
    struct pres_over *over;

    if (!u)
        return false;
    cal = u->cal;
    over = u->over;
    free(core->asked); /* texts of the last answer were borrowed from it */
    core->asked = q->calendar ? pres_cal_new(q->calendar) : NULL;
    u->cal = q->calendar ? core->asked : cal;
    u->over = has_override_at(over, q, u->cal) ? over : NULL;
    ask(u, q->watcher, out);
    u->cal = cal;
    u->over = over;
    return true;
}
