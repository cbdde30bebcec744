/* Subscription requests between users: one side's table, then the other's, then what both see. */
#include "gw_log.h"
#include "pres_priv.h"

/* The step is taken; the entry may be gone afterwards. */
static void apply(struct pres_user *u, struct pres_entry *e, unsigned state)
{
    bool changed = e->state != state;

    e->state = (unsigned char)state;
    if (!changed)
        return;
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
                                    .listed = e->listed };

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

/* What the contact had granted already is granted again, RFC 6121 3.1.3. */
static void answer_again(struct pres_user *u, struct gw_str to)
{
    struct pres_user *asker = pres_user_find(u->core, to);

    if (!asker)
        return;
    reach(asker, PRES_SUBSCRIBED, u->name, GW_STR(""));
    if (pres_may_see(to, u))
        pres_show_all_to(u, to);
}

/* A request reaches user 'u'. */
static void reach(struct pres_user *u, enum pres_request request, struct gw_str from,
                  struct gw_str extra)
{
    struct pres_entry *e = pres_roster_find(&u->roster, from);
    struct pres_step step;

    /* A full roster takes no more requests: the asker hears nothing, as from one who does not
     * answer. */
    if (!e && request == PRES_SUBSCRIBE)
        e = pres_entry_add(u, from);
    if (!e)
        return;
    step = pres_sub_step(PRES_INBOUND, request, e->state);
    if ((e->state ^ step.to) & PRES_IN)
        e = with_extra(u, e, step.to & PRES_IN ? extra : GW_STR(""));
    if (step.pass)
        tell(u, request, from, extra);
    apply(u, e, step.to);
    if (step.answer)
        answer_again(u, from);
}

/* Presence that follows from a request which has gone both ways. 'had': the sender's state before. */
static void settle(struct pres_user *u, struct pres_user *contact, enum pres_request request,
                   unsigned had)
{
    switch (request) {
    case PRES_SUBSCRIBED:
        if (pres_may_see(contact->name, u))
            pres_show_all_to(u, contact->name);
        return;
    case PRES_UNSUBSCRIBED:
        if (had & PRES_FROM)
            pres_hide_all_from(u, contact->name);
        return;
    case PRES_UNSUBSCRIBE:
        if (had & PRES_TO)
            pres_hide_all_from(contact, u->name);
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
    struct pres_user *contact = pres_user_find(u->core, pres_entry_jid(e));
    char *jid = gw_str_dup(pres_entry_jid(e)); /* the entry may go */
    unsigned had = e->state;

    if (request == PRES_SUBSCRIBE || request == PRES_SUBSCRIBED)
        e->listed = e->listed || step.pass;
    if ((had ^ step.to) & PRES_IN)
        e = with_extra(u, e, GW_STR(""));
    apply(u, e, step.to);
    if (step.pass && contact) {
        reach(contact, request, u->name, extra);
        settle(u, contact, request, had);
    } else if (step.pass && request == PRES_SUBSCRIBE) {
        reach(u, PRES_UNSUBSCRIBED, gw_str_of(jid), GW_STR("")); /* RFC 6121 8.5.1 */
    }
    free(jid);
}

void pres_drop_contact(struct pres_user *u, struct pres_entry *e)
{
    bool listed = e->listed;
    char *name = gw_str_dup(pres_entry_jid(e));
    struct gw_str jid = gw_str_of(name);

    e->listed = false; /* no push of the steps between */
    if (e->state & (PRES_TO | PRES_OUT))
        send(u, e, PRES_UNSUBSCRIBE, GW_STR(""));
    e = pres_roster_find(&u->roster, jid);
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
    if (!e && request == PRES_SUBSCRIBE) {
        e = pres_entry_add(u, contact);
        if (!e)
            return gw_fail(err, GW_LIMIT, "the contact list is full");
    }
    if (e)
        send(u, e, request, extra);
    pres_commit(u->core);
    return GW_OK;
}
