/* Messages between users here and those whom another front-end is the way to. */
#include "pres_priv.h"

bool pres_message_send(struct pres_core *core, const struct pres_message *m)
{
    struct pres_front *f = pres_route_front(core, m->to);

    if (!f || !f->table->message_abroad)
        return false;
    f->table->message_abroad(m, f->ctx);
    return true;
}

static bool takes(const struct pres_session *s, const struct pres_message *m)
{
    return s->front->table->message && pres_session_is_available(s) &&
           pres_session_priority(s) >= 0 && !pres_lists_bar(s->user, s, m->from, PRES_KIND_MESSAGE);
}

static bool give(const struct pres_message *m, struct pres_session *s)
{
    return s->front->table->message(m, s, s->front->ctx);
}

bool pres_abroad_message(struct pres_core *core, const struct pres_message *m)
{
    struct gw_str user = m->to, resource = GW_STR("");
    struct pres_session *s = NULL;
    bool reached = false;
    int best = -1;

    (void)gw_str_cut(m->to, "/", &user, &resource);
    if (!pres_user_find(core, user) || pres_is_shut_out(core, user, m->from))
        return false;
    if (resource.len)
        s = pres_session_find(core, user, resource);
    if (s && takes(s, m) && give(m, s))
        return true;
    for (s = NULL; (s = pres_session_next(core, user, s));) {
        if (takes(s, m) && pres_session_priority(s) > best)
            best = pres_session_priority(s);
    }
    for (s = NULL; best >= 0 && (s = pres_session_next(core, user, s));) {
        if (takes(s, m) && pres_session_priority(s) == best)
            reached |= give(m, s);
    }
    return reached;
}

void pres_message_failed(struct pres_core *core, const struct pres_message *m,
                         enum pres_failure why)
{
    struct gw_str user = m->from, resource = GW_STR("");
    struct pres_session *s;

    (void)gw_str_cut(m->from, "/", &user, &resource);
    s = pres_session_find(core, user, resource);
    if (s && s->front->table->message_failed)
        s->front->table->message_failed(m, why, s, s->front->ctx);
}
