/* Connected resources and what they say. */
#include <assert.h>
#include <string.h>

#include "gw_log.h"
#include "pres_priv.h"

static size_t count_sessions(const struct pres_user *u)
{
    struct gw_list *it, *tmp;
    size_t count = 0;

    GW_LIST_EACH(&u->sessions, it, tmp)
    count++;
    return count;
}

struct pres_session *pres_session_named(const struct pres_user *u, struct gw_str resource)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (gw_str_eq(pres_session_name(s), resource))
            return s;
    }
    return NULL;
}

/* ---- Directed presence ---- */

static struct gw_str directed_user(const struct pres_directed *d)
{
    return (struct gw_str){ d->bytes, d->user_len };
}

static struct gw_str directed_resource(const struct pres_directed *d)
{
    return (struct gw_str){ d->bytes + d->user_len, d->resource_len };
}

static struct pres_directed *directed_find(struct pres_session *s, struct gw_str user,
                                           struct gw_str resource)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->directed, it, tmp)
    {
        struct pres_directed *d = GW_CONTAINER(it, struct pres_directed, link);

        if (gw_str_eq(directed_user(d), user) && gw_str_eq(directed_resource(d), resource))
            return d;
    }
    return NULL;
}

static void directed_free(struct pres_session *s, struct pres_directed *d)
{
    gw_list_remove(&d->link);
    s->directed_count--;
    free(d);
}

static void directed_add(struct pres_session *s, struct gw_str user, struct gw_str resource)
{
    struct pres_directed *d = gw_alloc(sizeof(*d) + user.len + resource.len);

    d->user_len = user.len;
    d->resource_len = resource.len;
    memcpy(d->bytes, user.p, user.len);
    if (resource.len)
        memcpy(d->bytes + user.len, resource.p, resource.len);
    gw_list_append(&s->directed, &d->link);
    s->directed_count++;
}

/* RFC 6121 8.5.3: a full JID reaches that resource, available or not. */
void pres_gather_target(const struct pres_user *of, struct pres_user *u, struct gw_str resource)
{
    struct pres_session *s;

    if (!resource.len) {
        pres_gather(of, u->name);
        return;
    }
    s = pres_session_named(u, resource);
    if (s)
        pres_gather_one(of, s);
}

static void doc_directed_end(const void *of, enum pres_view view, struct pres_doc *out)
{
    pres_doc_gone(of, view, out);
    out->directed = true;
}

/* One who is told directly, here or abroad; 'full' holds his address until the delivery. */
static void gather_directed(const struct pres_session *s, struct gw_str user,
                            struct gw_str resource, struct gw_buf *full)
{
    struct pres_user *u = pres_user_find(s->user->core, user);

    gw_buf_init(full, 4 * PRES_JID_MAX);
    if (u) {
        if (!pres_is_shut_out(s->user->core, user, s->user->name))
            pres_gather_target(s->user, u, resource);
        return;
    }
    gw_buf_add_str(full, user);
    if (resource.len)
        gw_buf_add_char(full, '/');
    gw_buf_add_str(full, resource);
    pres_gather(s->user, gw_buf_str(full));
}

/* RFC 6121 4.6.3: those who were told directly are told of the end too. who.len 0: all of them. */
static void directed_end(struct pres_session *s, struct gw_str who)
{
    struct gw_list *it, *tmp;
    struct gw_buf full;

    GW_LIST_EACH(&s->directed, it, tmp)
    {
        struct pres_directed *d = GW_CONTAINER(it, struct pres_directed, link);

        if (who.len && !pres_decision_concerns(who, directed_user(d)))
            continue;
        gather_directed(s, directed_user(d), directed_resource(d), &full);
        pres_deliver(s->user->core, doc_directed_end, s);
        gw_buf_done(&full);
        directed_free(s, d);
    }
}

void pres_directed_hide(struct pres_user *u)
{
    struct gw_list *it, *tmp, *told, *next;
    struct gw_buf full;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        GW_LIST_EACH(&s->directed, told, next)
        {
            const struct pres_directed *d = GW_CONTAINER(told, struct pres_directed, link);

            gather_directed(s, directed_user(d), directed_resource(d), &full);
            pres_deliver(u->core, doc_directed_end, s);
            gw_buf_done(&full);
        }
    }
}

void pres_directed_withdraw(struct pres_user *u, struct gw_str who)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->sessions, it, tmp)
    directed_end(GW_CONTAINER(it, struct pres_session, link), who);
}

/* ---- Words ---- */

size_t pres_client_len(const struct pres_client *c)
{
    return c->text.len + c->texts.len + c->extra.len;
}

struct pres_word *pres_word_new(const struct pres_client *c)
{
    struct pres_word *w = gw_alloc(sizeof(*w) + pres_client_len(c));
    const struct gw_str part[] = { c->text, c->texts, c->extra };
    char *p = w->bytes;

    w->show = c->show;
    w->priority = c->priority;
    w->shade = c->shade;
    w->is_idle = c->is_idle;
    w->text_len = (uint16_t)c->text.len;
    w->texts_len = (uint16_t)c->texts.len;
    w->extra_len = (uint16_t)c->extra.len;
    for (size_t i = 0; i < 3; i++) {
        if (part[i].len)
            memcpy(p, part[i].p, part[i].len);
        p += part[i].len;
    }
    return w;
}

static void tell_waiting_requests(struct pres_session *s)
{
    const struct pres_roster *r = &s->user->roster;

    for (uint32_t i = 0; i < r->count; i++) {
        const struct pres_entry *e = r->entries[i];

        if (e->state & PRES_IN)
            s->front->table->request(PRES_SUBSCRIBE, pres_entry_jid(e), pres_entry_extra(e), s,
                                     s->front->ctx);
    }
}

/* RFC 6121 4.2.2 and 4.3: the first presence of a session also brings what it may see. */
static void tell_newcomer(struct pres_session *s)
{
    const struct pres_roster *r = &s->user->roster;

    pres_show_all(s->user, s);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct pres_entry *e = r->entries[i];
        struct pres_user *contact = pres_user_find(s->user->core, pres_entry_jid(e));

        if (!contact)
            pres_abroad_newcomer(s, e);
        else if (e->state & PRES_TO && pres_may_see(s->user->name, contact))
            pres_show_all(contact, s);
    }
    tell_waiting_requests(s);
}

struct goodbye {
    const struct pres_session *s; /* has no word any more */
    const struct pres_client *c;  /* NULL: nothing was said */
};

/* What is said with the goodbye is shown in place of what was said before. The calendar's text
 * goes with it when it was the last session: else the user is not offline. */
static void doc_goodbye(const void *of, enum pres_view view, struct pres_doc *out)
{
    const struct goodbye *g = of;
    struct pres_doc user;

    pres_doc_gone(g->s, view, out);
    if (g->c && g->c->text.len) {
        out->shown.text = g->c->text;
        out->shown.text_from = PRES_TEXT_CLIENT;
        out->texts = g->c->texts;
    } else if (!pres_user_is_available(g->s->user)) {
        pres_doc_user(g->s->user, view, &user);
        if (user.shown.show == PRES_OFFLINE) {
            user.resource = out->resource;
            user.origin = out->origin;
            *out = user;
        }
    }
    if (g->c)
        out->extra = g->c->extra;
}

static bool is_seen_without_client(struct gw_str watcher, enum pres_view view, const void *ctx)
{
    const struct pres_user *u = ctx;
    struct pres_shown shown;

    (void)watcher;
    pres_shown_as(u, NULL, view, &shown);
    return shown.show != PRES_OFFLINE;
}

/* The calendar alone speaks for the user from now on, or no longer does. */
static void tell_without_client(const struct pres_user *u, pres_doc_fn *write)
{
    pres_gather_watchers(u, is_seen_without_client, u);
    pres_deliver(u->core, write, u);
}

/* s is available. */
static void say_goodbye(struct pres_session *s, const struct pres_client *c, enum pres_cause cause,
                        struct gw_now now)
{
    const struct goodbye goodbye = { s, c };
    struct pres_word *old = s->word;
    struct pres_user *u = s->user;
    struct pres_shown before;

    pres_user_shown(u, PRES_VIEW_OWN, &before);
    s->word = NULL;
    s->since = now.utc;
    u->core->counters.available--;
    pres_gather_watchers(u, NULL, NULL);
    pres_deliver(u->core, doc_goodbye, &goodbye);
    if (!pres_user_is_available(u))
        tell_without_client(u, pres_doc_user);
    pres_changed(u, &before, cause, now);
    if (!pres_user_looks(u))
        pres_abroad_forget(u);
    free(old);
}

static bool is_plain(const struct pres_client *c)
{
    return c->show == PRES_AVAILABLE && !c->shade && !c->text.len;
}

/* When the user last chose a state against the calendar's. A login is no choice, nor is what a client
 * says of itself: that it is idle, or no longer, or what it can do. Who goes back to being plainly
 * available, without a word, leaves it to the calendar again. */
static gw_utc chosen_at(const struct pres_session *s, const struct pres_client *c,
                        struct gw_now now)
{
    const struct pres_word *old = s->word;

    if (!old)
        return 0;
    if (old->is_idle || c->is_idle ||
        (old->show == c->show && old->shade == c->shade && gw_str_eq(pres_word_text(old), c->text)))
        return s->chosen_at;
    return is_plain(c) ? 0 : now.utc;
}

static void say(struct pres_session *s, const struct pres_client *c, struct gw_now now)
{
    struct pres_word *old = s->word;
    struct pres_user *u = s->user;
    struct pres_shown before;

    pres_user_shown(u, PRES_VIEW_OWN, &before);
    if (!pres_user_is_available(u))
        tell_without_client(u, pres_doc_user_gone);
    s->chosen_at = chosen_at(s, c, now);
    s->word = pres_word_new(c);
    s->since = now.utc;
    s->turn = ++u->core->turn;
    pres_gather_watchers(u, NULL, NULL);
    pres_deliver(u->core, pres_doc_session, s);
    if (!old) {
        u->core->counters.available++;
        tell_newcomer(s);
    }
    pres_changed(u, &before, PRES_CAUSE_CLIENT, now);
    free(old);
}

enum gw_code pres_session_set(struct pres_session *s, const struct pres_client *client,
                              struct gw_now now)
{
    if (pres_client_len(client) > PRES_CLIENT_MAX)
        return GW_LIMIT;
    if (client->show != PRES_OFFLINE) {
        say(s, client, now);
        return GW_OK;
    }
    if (s->word)
        say_goodbye(s, client, PRES_CAUSE_CLIENT, now);
    directed_end(s, GW_STR(""));
    return GW_OK;
}

struct directed {
    struct pres_session *s; /* has the word for this one watcher while it is told */
    const struct pres_client *c;
};

static void doc_direct(const void *of, enum pres_view view, struct pres_doc *out)
{
    const struct directed *d = of;

    if (d->c->show == PRES_OFFLINE) {
        pres_doc_gone(d->s, view, out);
        out->shown.text = d->c->text;
        out->texts = d->c->texts;
        out->extra = d->c->extra;
    } else {
        pres_doc_session(d->s, view, out);
    }
    out->directed = true;
}

static void tell_directed(struct pres_session *s, struct gw_str to, struct gw_str to_resource,
                          const struct pres_client *client)
{
    const struct directed directed = { s, client };
    struct pres_word *own = s->word;
    struct gw_buf full;

    gather_directed(s, to, to_resource, &full);
    s->word = pres_word_new(client);
    pres_deliver(s->user->core, doc_direct, &directed);
    gw_buf_done(&full);
    free(s->word);
    s->word = own;
}

enum gw_code pres_session_direct(struct pres_session *s, struct gw_str to_user,
                                 struct gw_str to_resource, const struct pres_client *client)
{
    const struct pres_core *core = s->user->core;
    struct pres_directed *d = directed_find(s, to_user, to_resource);

    if (!pres_user_find(core, to_user) && !pres_route_front(core, to_user))
        return GW_NOTFOUND;
    if (pres_client_len(client) > PRES_CLIENT_MAX)
        return GW_LIMIT;
    if (client->show == PRES_OFFLINE) {
        if (d)
            directed_free(s, d);
    } else if (!d && !(s->word && pres_may_see(to_user, s->user))) {
        if (s->directed_count == PRES_DIRECTED_MAX)
            return GW_LIMIT;
        directed_add(s, to_user, to_resource);
    }
    tell_directed(s, to_user, to_resource, client);
    return GW_OK;
}

/* ---- Life ---- */

static void session_end(struct pres_session *s, enum pres_cause cause, struct gw_now now)
{
    if (s->looks)
        pres_session_look(s, false);
    if (s->word)
        say_goodbye(s, NULL, cause, now);
    directed_end(s, GW_STR(""));
    gw_list_remove(&s->link);
    s->user->core->counters.sessions--;
    free(s);
}

void pres_session_free(struct pres_session **sp, struct gw_now now)
{
    struct pres_session *s = *sp;

    *sp = NULL;
    if (s)
        session_end(s, PRES_CAUSE_CLIENT, now);
}

static void end(struct pres_session *s, enum pres_end why, enum pres_cause cause, struct gw_now now)
{
    s->front->table->ended(s, why, s->front->ctx);
    session_end(s, cause, now);
}

void pres_end_all(struct pres_user *u, enum pres_end why, enum pres_cause cause, struct gw_now now)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->sessions, it, tmp)
    end(GW_CONTAINER(it, struct pres_session, link), why, cause, now);
}

enum gw_code pres_session_new(struct pres_core *core, const struct pres_session_args *args,
                              struct gw_now now, struct pres_session **out, struct gw_err *err)
{
    struct pres_user *u = pres_user_find(core, args->user);
    struct pres_session *s, *old;

    if (!u)
        return gw_fail(err, GW_NOTFOUND, "no such user");
    old = pres_session_named(u, args->resource);
    if (old)
        end(old, PRES_END_REPLACED, PRES_CAUSE_CLIENT, now);
    if (count_sessions(u) >= (size_t)core->settings->sessions_max)
        return gw_fail(err, GW_LIMIT, "the user has %lld clients connected already",
                       (long long)core->settings->sessions_max);
    s = gw_alloc(sizeof(*s) + args->resource.len);
    s->user = u;
    s->front = args->front;
    s->ctx = args->ctx;
    s->since = now.utc;
    gw_list_init(&s->directed);
    s->resource_len = args->resource.len;
    memcpy(s->resource, args->resource.p, args->resource.len);
    gw_list_append(&u->sessions, &s->link);
    core->counters.sessions++;
    *out = s;
    return GW_OK;
}

/* ---- Questions ---- */

void *pres_session_ctx(const struct pres_session *s)
{
    return s->ctx;
}

void pres_session_set_ctx(struct pres_session *s, void *ctx)
{
    s->ctx = ctx;
}

void *pres_session_ctx_of(const struct pres_session *s, const struct pres_front *front)
{
    return s->front == front ? s->ctx : NULL;
}

struct gw_str pres_session_user(const struct pres_session *s)
{
    return s->user->name;
}

struct gw_str pres_session_resource(const struct pres_session *s)
{
    return pres_session_name(s);
}

int pres_session_priority(const struct pres_session *s)
{
    return s->word ? s->word->priority : 0;
}

bool pres_session_is_available(const struct pres_session *s)
{
    return s->word != NULL;
}

struct pres_session *pres_session_next(struct pres_core *core, struct gw_str user,
                                       const struct pres_session *after)
{
    struct pres_user *u = after ? after->user : pres_user_find(core, user);
    struct gw_list *next;

    if (!u)
        return NULL;
    next = after ? after->link.next : u->sessions.next;
    return next == &u->sessions ? NULL : GW_CONTAINER(next, struct pres_session, link);
}

struct pres_session *pres_session_find(struct pres_core *core, struct gw_str user,
                                       struct gw_str resource)
{
    struct pres_user *u = pres_user_find(core, user);

    return u ? pres_session_named(u, resource) : NULL;
}

void pres_session_probe(struct pres_session *s, struct gw_str contact)
{
    struct pres_user *u = pres_user_find(s->user->core, contact);

    if (!u)
        pres_abroad_refresh(s, contact);
    else if (pres_may_see(s->user->name, u))
        pres_show_all(u, s);
}

struct refresh {
    struct gw_str user, resource;
    const struct pres_user *u;     /* NULL: nothing may be seen of it */
    const struct pres_session *of; /* NULL: not available */
};

static void doc_refresh(const void *of, enum pres_view view, struct pres_doc *out)
{
    const struct refresh *r = of;

    *out = (struct pres_doc){ .user = r->user, .resource = r->resource };
    if (r->of)
        pres_doc_session(r->of, view, out);
    else if (r->u && !pres_user_is_available(r->u))
        pres_doc_user(r->u, view, out);
    /* The calendar alone speaks for the user, but not with the name of a client that is gone. */
    if (!r->of && r->resource.len && out->shown.show != PRES_OFFLINE)
        out->shown = (struct pres_shown){ .show = PRES_OFFLINE };
    if (!r->of)
        out->resource = r->resource;
}

void pres_session_refresh(struct pres_session *s, struct gw_str user, struct gw_str resource)
{
    const struct pres_doc doc = { .user = user, .resource = resource };
    struct refresh r = { .user = user, .resource = resource };
    struct pres_core *core = s->user->core;
    struct pres_user *u = pres_user_find(core, user);
    bool passes = pres_doc_passes(core, &doc, s);

    if (!u && passes && pres_abroad_show(s, user, resource))
        return;
    if (u && passes && pres_may_see(s->user->name, u)) {
        r.u = u;
        r.of = pres_session_named(u, resource);
        if (r.of && !r.of->word)
            r.of = NULL;
    }
    pres_gather_one(u ? u : s->user, s);
    pres_deliver_anyway(core, doc_refresh, &r);
}
