/* Messages: RFC 6121 section 8.5, to users of this server, whoever has sent them. What can neither be
 * delivered nor kept for later comes back. */
#include "xmpp_priv.h"

/* What happens with each type: towards a bare JID, and towards a full JID that is not connected. */
enum action {
    REFUSE, /* service-unavailable */
    IGNORE,
    BEST, /* the available resources of the highest priority that is not negative; or it is kept */
    ALL   /* all available resources whose priority is not negative; nobody: nothing is said */
};

static const struct {
    const char *type;
    enum action bare, full;
} rules[] = {
    { "chat", BEST, BEST },      { "normal", BEST, REFUSE },  { "groupchat", REFUSE, REFUSE },
    { "headline", ALL, IGNORE }, { "error", IGNORE, IGNORE },
};

enum { NORMAL = 1 };

static size_t rule_of(struct gw_str type)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (gw_str_is(type, rules[i].type))
            return i;
    }
    return NORMAL; /* RFC 6121 5.2.2: no type is "normal" */
}

/* A list of the user's keeps it from this session (NULL: from the user as such). */
static bool is_barred(const struct xmpp_sender *by, struct gw_str user,
                      const struct pres_session *s)
{
    return pres_is_barred(by->host->core, user, s, by->from, PRES_KIND_MESSAGE);
}

/* From all who are there; or from the user as such, when nobody is. */
static bool is_barred_from_all(const struct xmpp_sender *by, struct gw_str user)
{
    bool is_there = false;

    for (struct pres_session *s = NULL; (s = pres_session_next(by->host->core, user, s));) {
        if (pres_session_reach(s) < 0)
            continue;
        if (!is_barred(by, user, s))
            return false;
        is_there = true;
    }
    return is_there || is_barred(by, user, NULL);
}

static int highest_priority(const struct xmpp_sender *by, struct gw_str user)
{
    int best = -1;

    for (struct pres_session *s = NULL; (s = pres_session_next(by->host->core, user, s));) {
        if (pres_session_reach(s) > best && !is_barred(by, user, s))
            best = pres_session_reach(s);
    }
    return best;
}

static bool give(const struct xmpp_sender *by, const struct xmpp_stanza *m, struct pres_session *to,
                 struct xmpp_shared *shared)
{
    struct xmpp_c2s *c = pres_session_ctx_of(to, by->host->front);
    bool is_taken;

    if (is_barred(by, pres_session_user(to), to))
        return false;
    if (!c)
        return xmpp_give_otherwise(by, m, to);
    xmpp_share_begin(by->host, shared, false);
    is_taken = xmpp_forward(by, m, to);
    xmpp_share_end(c);
    return is_taken;
}

/* To the available resources of at least this priority; false: there is none. */
static bool spread(const struct xmpp_sender *by, const struct xmpp_stanza *m, struct gw_str user,
                   int least, struct xmpp_shared *shared)
{
    bool reached = false;

    for (struct pres_session *s = NULL; (s = pres_session_next(by->host->core, user, s));) {
        if (pres_session_reach(s) >= least)
            reached |= give(by, m, s, shared);
    }
    return reached;
}

/* False: no client has it. */
static bool act(const struct xmpp_sender *by, const struct xmpp_stanza *m, struct gw_str user,
                enum action action, struct xmpp_shared *shared)
{
    int best;

    switch (action) {
    case IGNORE:
        return false;
    case ALL:
        return spread(by, m, user, 0, shared);
    case BEST:
        best = highest_priority(by, user);
        if (best >= 0 && spread(by, m, user, best, shared))
            return true;
        if (!is_barred_from_all(by, user) && xmpp_offline_keep(by, m, user))
            return false;
        break;
    case REFUSE:
        break;
    }
    xmpp_refuse(by, m, XMPP_SERVICE_UNAVAILABLE);
    return false;
}

void xmpp_message_to_user(const struct xmpp_sender *by, const struct xmpp_stanza *m,
                          struct gw_str user, struct gw_str resource)
{
    size_t rule = rule_of(m->type);
    struct xmpp_shared *shared;
    struct pres_session *s;

    s = resource.len ? pres_session_find(by->host->core, user, resource) : NULL;
    if (xmpp_is_shut_out(by, user) || (s && is_barred(by, user, s))) {
        xmpp_refuse(by, m, XMPP_SERVICE_UNAVAILABLE);
        return;
    }
    by->host->message++;
    shared = xmpp_shared_new();
    if ((s && give(by, m, s, shared)) ||
        act(by, m, user, resource.len ? rules[rule].full : rules[rule].bare, shared))
        xmpp_carbons_received(by, m, user, shared);
    xmpp_shared_unref(&shared);
}

void xmpp_on_message(struct xmpp_c2s *c, struct xmpp_stanza *m)
{
    const struct xmpp_sender by = { .host = c->host, .c = c, .from = gw_str_of(c->full) };

    if (!m->has_to) { /* RFC 6120 10.3.1: to the sender's own account */
        xmpp_message_to_user(&by, m, gw_str_of(c->user), GW_STR(""));
        return;
    }
    switch (pres_route(c->host->core, m->to.bare)) {
    case PRES_ROUTE_LOCAL:
        xmpp_message_to_user(&by, m, m->to.bare, m->to.resource);
        if (!gw_str_is(m->to.bare, c->user)) /* else they have it already */
            xmpp_carbons_sent(c, m);
        return;
    case PRES_ROUTE_ABROAD:
        xmpp_send_abroad(c, m);
        xmpp_carbons_sent(c, m);
        return;
    case PRES_ROUTE_UNKNOWN_SERVER:
        xmpp_stanza_error(c, m, XMPP_REMOTE_SERVER_NOT_FOUND, NULL);
        return;
    case PRES_ROUTE_UNKNOWN_USER:
    case PRES_ROUTE_SERVER:
        xmpp_stanza_error(c, m, XMPP_SERVICE_UNAVAILABLE, NULL);
        return;
    }
}
