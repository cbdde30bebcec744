/* Messages between users here and those whom another front-end is the way to. */
#include "pres_priv.h"

enum { ADDRESS_MAX = 4 * PRES_JID_MAX }; /* with a resource */

bool pres_message_try(struct pres_core *core, const struct pres_message *m, enum pres_failure *why)
{
    struct pres_front *f = pres_route_front(core, m->to);
    struct pres_message out = *m;
    struct gw_buf from;
    bool is_sent;

    *why = PRES_FAILED_NOBODY;
    if (!f || !f->table->message_abroad)
        return false;
    gw_buf_init(&from, ADDRESS_MAX);
    pres_outer_write(core, m->from, m->to, &from);
    out.from = gw_buf_str(&from);
    is_sent = f->table->message_abroad(&out, why, f->ctx);
    gw_buf_done(&from);
    return is_sent;
}

bool pres_message_send(struct pres_core *core, const struct pres_message *m)
{
    enum pres_failure why;

    return pres_message_try(core, m, &why);
}

int pres_session_reach(const struct pres_session *s)
{
    const struct pres_frontend *table = s->front->table;

    if (!table->is_reachable)
        return pres_session_is_available(s) ? pres_session_priority(s) : -1;
    return table->is_reachable(s, s->front->ctx) ? pres_session_priority(s) : -1;
}

bool pres_message_give(const struct pres_message *m, struct pres_session *s)
{
    return s->front->table->message && s->front->table->message(m, s, s->front->ctx);
}

static bool takes(const struct pres_session *s, const struct pres_message *m)
{
    return s->front->table->message && pres_session_reach(s) >= 0 &&
           !pres_lists_bar(s->user, s, m->from, PRES_KIND_MESSAGE);
}

/* 'm' is to a user by the name that he has here. */
static bool spread(struct pres_core *core, const struct pres_message *m)
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
    if (s && takes(s, m) && pres_message_give(m, s))
        return true;
    for (s = NULL; (s = pres_session_next(core, user, s));) {
        if (takes(s, m) && pres_session_reach(s) > best)
            best = pres_session_reach(s);
    }
    for (s = NULL; best >= 0 && (s = pres_session_next(core, user, s));) {
        if (takes(s, m) && pres_session_reach(s) == best)
            reached |= pres_message_give(m, s);
    }
    return reached;
}

bool pres_abroad_message(struct pres_core *core, const struct pres_message *m)
{
    struct pres_message in = *m;
    struct gw_buf to;
    bool reached;

    gw_buf_init(&to, ADDRESS_MAX);
    reached = pres_inner_write(core, m->to, m->from, &to);
    in.to = gw_buf_str(&to);
    reached = reached && spread(core, &in);
    gw_buf_done(&to);
    return reached;
}

/* Without an id nobody could tell which one is meant. */
static void tell_abroad(struct pres_core *core, const struct pres_message *m, enum pres_failure why)
{
    struct pres_front *f = m->id.len ? pres_route_front(core, m->from) : NULL;
    struct pres_message out = *m;
    struct gw_buf to;

    if (!f || !f->table->message_failed_abroad)
        return;
    gw_buf_init(&to, ADDRESS_MAX);
    pres_outer_write(core, m->to, m->from, &to);
    out.to = gw_buf_str(&to);
    f->table->message_failed_abroad(&out, why, f->ctx);
    gw_buf_done(&to);
}

void pres_message_failed(struct pres_core *core, const struct pres_message *m,
                         enum pres_failure why)
{
    struct gw_str user = GW_STR(""), resource = GW_STR("");
    struct pres_message own = *m;
    struct pres_session *s;
    struct gw_buf from;

    gw_buf_init(&from, ADDRESS_MAX);
    (void)pres_inner_write(core, m->from, m->to, &from);
    own.from = gw_buf_str(&from);
    (void)gw_str_cut(own.from, "/", &user, &resource);
    s = pres_session_find(core, user, resource);
    if (s && s->front->table->message_failed)
        s->front->table->message_failed(&own, why, s, s->front->ctx);
    else if (!s)
        tell_abroad(core, m, why);
    gw_buf_done(&from);
}
