/* Subscription requests between users, of this core and of other domains: one side's table, then the
 * other's, then what both see.
 *
 * One whom the user denies is not told so, if the settings say it: he is answered "subscribed", and
 * sees the user offline for good. His entry then is 'polite': its FROM is what he believes, and the
 * user's clients are not shown it. */
#include "gw_log.h"
#include "pres_priv.h"

/* The step is taken; the entry may be gone afterwards. */
static void apply(struct pres_user *u, struct pres_entry *e, unsigned state)
{
    bool changed = e->state != state;

    e->state = (unsigned char)state;
    if (!(state & PRES_FROM))
        e->polite = false;
    if (!changed)
        return;
    pres_stir(u);
    /* A request that waited is over, and there is nothing else to remember. */
    if (!e->listed && !state) {
        pres_entry_delete(u, e);
        return;
    }
    pres_entry_save(u, e);
    if (e->listed)
        pres_push(u, e, false);
}

/* A new entry in place of the old one, with the words of the request, or without. */
static struct pres_entry *with_extra(struct pres_user *u, struct pres_entry *e, struct gw_str extra)
{
    struct gw_str groups[PRES_GROUPS_MAX];
    struct pres_entry_args args = { .jid = pres_entry_jid(e),
                                    .name = pres_entry_name(e),
                                    .extra = extra,
                                    .groups = groups,
                                    .group_count = pres_entry_groups(e, groups),
                                    .state = e->state,
                                    .listed = e->listed,
                                    .polite = e->polite };

    if (!extra.len && !e->extra_len)
        return e;
    if (extra.len > PRES_REQUEST_EXTRA_MAX)
        args.extra = GW_STR("");
    e = pres_entry_new(&args);
    pres_roster_place(&u->roster, e);
    return e;
}

/* To the user's clients: a question to those who are available (RFC 6121 3.1.3), what follows from
 * an answer to those who keep a roster (3.1.6, 3.2.3, 3.3.3). */
static void tell(struct pres_user *u, enum pres_request request, struct gw_str from,
                 struct gw_str extra)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (request == PRES_SUBSCRIBE ? s->word != NULL : s->interested)
            s->front->table->request(request, from, extra, s, s->front->ctx);
    }
}

static void reach(struct pres_user *u, enum pres_request request, struct gw_str from,
                  struct gw_str extra);

/* On to the other side, wherever it is. */
static void pass(struct pres_user *u, enum pres_request request, struct gw_str to,
                 struct gw_str extra)
{
    struct pres_user *other = pres_user_find(u->core, to);

    if (other)
        reach(other, request, u->name, extra);
    else
        pres_request_abroad(u->core, request, u->name, to, extra);
}

/* "subscribed" to one who has it: granted now, before (RFC 6121 3.1.3), or only as he believes. */
static void say_subscribed(struct pres_user *u, struct gw_str to)
{
    pass(u, PRES_SUBSCRIBED, to, GW_STR(""));
    if ((pres_may_see(to, u) && pres_show_all_to(u, to)) || pres_user_find(u->core, to))
        return;
    pres_gather(u, to); /* offline: else he would wait for it */
    pres_deliver(u->core, pres_doc_user_gone, u);
}

/* What is done with a request to watch. */
static enum pres_decision decision_for(const struct pres_user *u, struct gw_str from)
{
    enum pres_decision d = pres_decision_of(u, from);

    if (d != PRES_ASK)
        return d;
    switch ((enum pres_auto)u->core->settings->auto_authorize) {
    case PRES_AUTO_NOBODY:
        return PRES_ASK;
    case PRES_AUTO_LOCAL:
        return pres_is_own(u->core, from) ? PRES_ALLOW : PRES_ASK;
    case PRES_AUTO_EVERYBODY:
        return PRES_ALLOW;
    }
    return PRES_ASK;
}

static bool refuses(const struct pres_user *u)
{
    return u->core->settings->denied_watchers == PRES_DENIED_ARE_REFUSED;
}

/* PRES_IN becomes PRES_FROM, in truth or as the watcher believes. */
static void grant(struct pres_user *u, struct pres_entry *e, bool polite)
{
    char *jid = gw_str_dup(pres_entry_jid(e));

    e = with_extra(u, e, GW_STR(""));
    e->polite = polite;
    e->listed = e->listed || !polite;
    apply(u, e, (e->state & ~(unsigned)PRES_IN) | PRES_FROM);
    say_subscribed(u, gw_str_of(jid));
    free(jid);
}

/* A request to watch that no step of before has granted: e is NULL, or has neither FROM nor IN. */
static void on_new_watcher(struct pres_user *u, struct pres_entry *e, struct gw_str from,
                           struct gw_str extra)
{
    enum pres_decision d = decision_for(u, from);

    if (pres_watchers_full(u) || (pres_decision_blocks(d) && refuses(u))) {
        pass(u, PRES_UNSUBSCRIBED, from, GW_STR(""));
        return;
    }
    if (!e)
        e = pres_entry_add(u, from);
    if (!e) /* no address */
        return;
    if (d != PRES_ASK) {
        grant(u, e, pres_decision_blocks(d));
        return;
    }
    e = with_extra(u, e, extra);
    tell(u, PRES_SUBSCRIBE, from, extra);
    apply(u, e, pres_sub_step(PRES_INBOUND, PRES_SUBSCRIBE, e->state).to);
}

/* A request reaches user 'u'. */
static void reach(struct pres_user *u, enum pres_request request, struct gw_str from,
                  struct gw_str extra)
{
    struct pres_entry *e = pres_roster_find(&u->roster, from);
    struct pres_step step;

    /* Nobody is answered whom a list bars; that he ends a subscription counts: both sides must agree. */
    if (request == PRES_SUBSCRIBE && pres_lists_bar(u, NULL, from, PRES_KIND_REQUEST))
        return;
    if (request == PRES_SUBSCRIBE && (!e || !(e->state & (PRES_FROM | PRES_IN)))) {
        on_new_watcher(u, e, from, extra);
        return;
    }
    if (!e)
        return;
    step = pres_sub_step(PRES_INBOUND, request, e->state);
    if ((e->state ^ step.to) & PRES_IN)
        e = with_extra(u, e, GW_STR(""));
    if (step.pass && !(request == PRES_UNSUBSCRIBE && e->polite))
        tell(u, request, from, extra);
    apply(u, e, step.to);
    if (step.answer)
        say_subscribed(u, from);
}

/* Presence that follows from a request which has gone both ways. 'had': the sender's state before. */
static void settle(struct pres_user *u, struct gw_str contact, enum pres_request request,
                   unsigned had)
{
    struct pres_user *other = pres_user_find(u->core, contact);

    switch (request) {
    case PRES_SUBSCRIBED:
        if (pres_may_see(contact, u))
            (void)pres_show_all_to(u, contact);
        return;
    case PRES_UNSUBSCRIBED:
        if (had & PRES_FROM && other)
            pres_hide_all_from(u, contact);
        return;
    case PRES_UNSUBSCRIBE:
        if (had & PRES_TO && other)
            pres_hide_all_from(other, u->name);
        else if (had & PRES_TO)
            pres_abroad_gone(u, contact);
        return;
    case PRES_SUBSCRIBE:
        return;
    }
}

/* The user's side, then the contact's. e may be gone afterwards. */
static void send(struct pres_user *u, struct pres_entry *e, enum pres_request request,
                 struct gw_str extra)
{
    struct pres_step step = pres_sub_step(PRES_OUTBOUND, request, e->state);
    char *jid = gw_str_dup(pres_entry_jid(e)); /* the entry may go */
    struct gw_str contact = gw_str_of(jid);
    unsigned had = e->state;

    if (request == PRES_SUBSCRIBE || request == PRES_SUBSCRIBED)
        e->listed = e->listed || step.pass;
    if ((had ^ step.to) & PRES_IN)
        e = with_extra(u, e, GW_STR(""));
    apply(u, e, step.to);
    if (step.pass) {
        /* To another domain: while its server still counts him as a watcher. */
        if (request == PRES_UNSUBSCRIBED && had & PRES_FROM && pres_route_front(u->core, contact))
            pres_hide_all_from(u, contact);
        if (pres_route(u->core, contact) == PRES_ROUTE_UNKNOWN_USER) {
            if (request == PRES_SUBSCRIBE)
                reach(u, PRES_UNSUBSCRIBED, contact, GW_STR("")); /* RFC 6121 8.5.1 */
        } else {
            pass(u, request, contact, extra);
            settle(u, contact, request, had);
        }
    }
    free(jid);
}

void pres_entry_ask(struct pres_user *u, struct pres_entry *e)
{
    send(u, e, PRES_SUBSCRIBE, GW_STR(""));
}

/* ---- Decisions ---- */

void pres_entry_allow(struct pres_user *u, struct pres_entry *e)
{
    struct gw_str contact;
    char *jid;

    if (!e->polite) {
        grant(u, e, false);
        return;
    }
    jid = gw_str_dup(pres_entry_jid(e));
    contact = gw_str_of(jid);
    e->polite = false;
    e->listed = true;
    pres_entry_save(u, e);
    pres_push(u, e, false);
    if (pres_may_see(contact, u))
        (void)pres_show_all_to(u, contact);
    free(jid);
}

void pres_entry_deny(struct pres_user *u, struct pres_entry *e)
{
    if (refuses(u))
        send(u, e, PRES_UNSUBSCRIBED, GW_STR(""));
    else
        grant(u, e, true);
}

void pres_entry_ask_again(struct pres_user *u, struct pres_entry *e)
{
    e->polite = false;
    tell(u, PRES_SUBSCRIBE, pres_entry_jid(e), GW_STR(""));
    apply(u, e, (e->state & ~(unsigned)PRES_FROM) | PRES_IN);
}

/* An answer of the user's own is a decision, and is kept as one. False: it is none. */
static bool decides(struct pres_user *u, struct pres_entry *e, enum pres_request request)
{
    struct gw_str contact = pres_entry_jid(e);

    if (request == PRES_SUBSCRIBED && e->state & (PRES_FROM | PRES_IN)) {
        bool was_blocked = pres_decision_blocks(pres_decision_of(u, contact));

        pres_decision_put(u, contact, PRES_ALLOW);
        if (e->polite || e->state & PRES_IN)
            pres_entry_allow(u, e);
        else if (was_blocked)
            (void)pres_show_all_to(u, contact);
        return true;
    }
    if (request == PRES_UNSUBSCRIBED && e->polite)
        return true;
    if (request == PRES_UNSUBSCRIBED && e->state & PRES_IN && !refuses(u)) {
        pres_decision_put(u, contact, PRES_BLOCK);
        pres_entry_deny(u, e);
        return true;
    }
    if (request == PRES_UNSUBSCRIBED && pres_decision_of(u, contact) == PRES_ALLOW)
        pres_decision_put(u, contact, PRES_ASK);
    return false;
}

/* What the contact has asked under the old address he has to ask again, under the new one. */
void pres_request_anew(struct pres_user *u, struct gw_str contact)
{
    struct pres_entry *e = pres_roster_find(&u->roster, contact);
    unsigned state = e->state & ~(unsigned)PRES_IN;

    e = with_extra(u, e, GW_STR(""));
    if (state & PRES_TO)
        state = (state & ~(unsigned)PRES_TO) | PRES_OUT;
    if (state & PRES_OUT)
        pres_request_abroad(u->core, PRES_SUBSCRIBE, u->name, contact, GW_STR(""));
    apply(u, e, state);
}

/* ---- Doors ---- */

void pres_drop_contact(struct pres_user *u, struct pres_entry *e, bool for_good)
{
    bool listed = e->listed;
    char *name = gw_str_dup(pres_entry_jid(e));
    struct gw_str jid = gw_str_of(name);

    e->listed = false; /* no push of the steps between */
    if (e->state & (PRES_TO | PRES_OUT))
        send(u, e, PRES_UNSUBSCRIBE, GW_STR(""));
    e = pres_roster_find(&u->roster, jid);
    if (e && e->polite && !for_good) { /* who was denied goes on believing */
        if (listed)
            pres_push(u, e, true);
        pres_entry_save(u, e);
        free(name);
        return;
    }
    if (e && e->state & (PRES_FROM | PRES_IN))
        send(u, e, PRES_UNSUBSCRIBED, GW_STR(""));
    e = pres_roster_find(&u->roster, jid);
    if (!e) { /* gone with its last subscription: the push still needs something to name */
        const struct pres_entry_args args = { .jid = jid };

        e = pres_entry_new(&args);
        pres_roster_place(&u->roster, e);
    }
    if (listed)
        pres_push(u, e, true);
    pres_entry_delete(u, e);
    free(name);
}

enum gw_code pres_request_send(struct pres_session *s, enum pres_request request,
                               struct gw_str contact, struct gw_str extra, struct gw_err *err)
{
    struct pres_user *u = s->user;
    struct pres_entry *e;

    if (gw_str_eq(contact, u->name))
        return gw_fail(err, GW_INVALID, "nobody is a contact of himself");
    if (pres_route(u->core, contact) == PRES_ROUTE_UNKNOWN_SERVER)
        return gw_fail(err, GW_NOTFOUND, "no way to the contact's server");
    e = pres_roster_find(&u->roster, contact);
    if (request == PRES_SUBSCRIBE && !(e && e->listed) && pres_contacts_full(u))
        return gw_fail(err, GW_LIMIT, "the contact list is full");
    if (!e && request == PRES_SUBSCRIBE)
        e = pres_entry_add(u, contact);
    if (e && !decides(u, e, request))
        send(u, e, request, extra);
    pres_commit(u->core);
    return GW_OK;
}

void pres_abroad_request(struct pres_core *core, enum pres_request request, struct gw_str from,
                         struct gw_str to, struct gw_str extra)
{
    struct gw_str user = pres_inner(core, to, from);
    struct pres_user *u = pres_user_find(core, user);
    const struct pres_entry *e = u ? pres_roster_find(&u->roster, from) : NULL;
    unsigned had = e ? e->state : 0;

    if (!user.len)
        return;
    if (!u) {
        if (request == PRES_SUBSCRIBE) /* RFC 6121 8.5.1, as from one who refuses */
            pres_request_abroad(core, PRES_UNSUBSCRIBED, to, from, GW_STR(""));
        return;
    }
    reach(u, request, from, extra);
    if (request == PRES_UNSUBSCRIBED && had & PRES_TO)
        pres_abroad_gone(u, from);
    if (request == PRES_UNSUBSCRIBE && had & PRES_FROM)
        pres_hide_all_from(u, from); /* RFC 6121 3.3.3 */
    pres_commit(core);
}
