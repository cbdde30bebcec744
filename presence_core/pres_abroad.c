/* Watchers and contacts of other domains. What a front-end has brought of a contact abroad is kept per
 * user, since each user is shown what the contact grants him, and only while the user is there
 * to see it: RFC 6121 4.3, the first session asks, later ones are told what is known. */
#include <assert.h>
#include <string.h>

#include "gw_log.h"
#include "pres_priv.h"

void pres_request_abroad(struct pres_core *core, enum pres_request request, struct gw_str from,
                         struct gw_str to, struct gw_str extra)
{
    struct pres_front *f = pres_route_front(core, to);

    if (f)
        f->table->request_abroad(request, pres_outer(core, from, to), to, extra, f->ctx);
}

static void probe(const struct pres_user *u, struct gw_str contact)
{
    struct pres_front *f = pres_route_front(u->core, contact);

    if (f)
        f->table->probe_abroad(pres_outer(u->core, u->name, contact), contact, f->ctx);
}

void pres_abroad_probe(struct pres_core *core, struct gw_str from, struct gw_str to)
{
    struct gw_str user = pres_inner(core, to, from);
    struct pres_user *u = pres_user_find(core, user);
    const struct pres_entry *e = u ? pres_roster_find(&u->roster, from) : NULL;

    if (!user.len)
        return;
    if (!e || !(e->state & PRES_FROM)) { /* RFC 6121 4.3.2: so that both sides agree again */
        pres_request_abroad(core, PRES_UNSUBSCRIBED, to, from, GW_STR(""));
        return;
    }
    if (pres_may_see(from, u) && pres_show_all_to(u, from))
        return;
    pres_gather(u, from);
    pres_deliver(core, pres_doc_user_gone, u);
}

/* ---- What is known of contacts abroad ---- */

struct seen {
    struct gw_list resources; /* of struct seen_resource, the oldest first */
    unsigned count;
    struct gw_str contact;
    char text[];
};

struct seen_resource {
    struct gw_list link;
    struct pres_front *front;
    struct pres_word *word;
    size_t name_len;
    char name[];
};

static struct gw_str resource_name(const struct seen_resource *r)
{
    return (struct gw_str){ r->name, r->name_len };
}

static struct seen *seen_find(const struct pres_user *u, struct gw_str contact)
{
    return u->seen ? gw_map_get(u->seen, contact) : NULL;
}

static struct seen *seen_make(struct pres_user *u, struct gw_str contact)
{
    struct seen *seen = seen_find(u, contact);

    if (seen)
        return seen;
    seen = gw_alloc(sizeof(*seen) + contact.len);
    memcpy(seen->text, contact.p, contact.len);
    seen->contact = (struct gw_str){ seen->text, contact.len };
    gw_list_init(&seen->resources);
    if (!u->seen)
        u->seen = gw_map_new();
    gw_map_set(u->seen, seen->contact, seen);
    return seen;
}

static struct seen_resource *resource_find(const struct seen *seen, struct gw_str name)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&seen->resources, it, tmp)
    {
        struct seen_resource *r = GW_CONTAINER(it, struct seen_resource, link);

        if (gw_str_eq(resource_name(r), name))
            return r;
    }
    return NULL;
}

static void resource_free(struct seen *seen, struct seen_resource *r)
{
    gw_list_remove(&r->link);
    seen->count--;
    free(r->word);
    free(r);
}

static void seen_free(struct pres_user *u, struct seen *seen)
{
    while (seen->count)
        resource_free(seen, GW_CONTAINER(seen->resources.next, struct seen_resource, link));
    gw_map_remove(u->seen, seen->contact);
    free(seen);
    if (!gw_map_len(u->seen))
        gw_map_free(&u->seen);
}

void pres_abroad_forget(struct pres_user *u)
{
    size_t pos = 0;

    while (u->seen) {
        struct seen *seen = gw_map_next(u->seen, &pos);

        assert(seen); /* the map goes with its last entry */
        seen_free(u, seen);
    }
}

static void doc_of_word(const struct pres_word *w, struct pres_front *front, struct pres_doc *out)
{
    const char *p = w->bytes + w->text_len;

    out->shown.show = w->show;
    out->shown.text = pres_word_text(w);
    out->shown.text_from = w->text_len ? PRES_TEXT_CLIENT : PRES_TEXT_NONE;
    out->priority = w->priority;
    out->shade = w->shade;
    out->origin = front;
    out->texts = (struct gw_str){ p, w->texts_len };
    out->extra = (struct gw_str){ p + w->texts_len, w->extra_len };
}

static void doc_seen(const struct seen *seen, const struct seen_resource *r, struct pres_doc *out)
{
    *out = (struct pres_doc){ .user = seen->contact, .resource = resource_name(r) };
    doc_of_word(r->word, r->front, out);
}

static void doc_as_it_is(const void *of, enum pres_view view, struct pres_doc *out)
{
    (void)view;
    *out = *(const struct pres_doc *)of;
}

static void tell(struct pres_user *u, const struct pres_doc *doc)
{
    pres_gather(u, u->name);
    pres_deliver(u->core, doc_as_it_is, doc);
}

bool pres_abroad_show(struct pres_session *s, struct gw_str contact, struct gw_str resource)
{
    const struct seen *seen = seen_find(s->user, contact);
    const struct seen_resource *r = seen ? resource_find(seen, resource) : NULL;
    struct pres_doc doc;

    if (!r)
        return false;
    doc_seen(seen, r, &doc);
    pres_gather_one(s->user, s);
    pres_deliver(s->user->core, doc_as_it_is, &doc);
    return true;
}

void pres_abroad_show_all(struct pres_session *s, struct gw_str contact)
{
    const struct seen *seen = seen_find(s->user, contact);
    struct gw_list *it, *tmp;
    struct pres_doc doc;

    if (!seen)
        return;
    GW_LIST_EACH(&seen->resources, it, tmp)
    {
        doc_seen(seen, GW_CONTAINER(it, struct seen_resource, link), &doc);
        pres_gather_one(s->user, s);
        pres_deliver(s->user->core, doc_as_it_is, &doc);
    }
}

void pres_abroad_hide_all(struct pres_session *s, struct gw_str contact)
{
    const struct seen *seen = seen_find(s->user, contact);
    struct gw_list *it, *tmp;

    if (!seen)
        return;
    GW_LIST_EACH(&seen->resources, it, tmp)
    {
        const struct pres_doc doc = {
            .user = seen->contact,
            .resource = resource_name(GW_CONTAINER(it, struct seen_resource, link)),
        };

        pres_gather_one(s->user, s);
        pres_deliver(s->user->core, doc_as_it_is, &doc);
    }
}

static void tell_gone(struct pres_user *u, struct seen *seen, struct seen_resource *r)
{
    const struct pres_doc doc = { .user = seen->contact, .resource = resource_name(r) };

    tell(u, &doc);
    resource_free(seen, r);
}

void pres_abroad_gone(struct pres_user *u, struct gw_str contact)
{
    struct seen *seen = seen_find(u, contact);

    if (!seen)
        return;
    while (seen->count)
        tell_gone(u, seen, GW_CONTAINER(seen->resources.next, struct seen_resource, link));
    seen_free(u, seen);
}

void pres_abroad_lost(struct pres_core *core, struct gw_str contact, struct gw_str user)
{
    struct pres_user *u = pres_user_find(core, pres_inner(core, user, contact));

    if (u)
        pres_abroad_gone(u, contact);
}

/* ---- A resource there has spoken ---- */

static void keep(struct pres_user *u, struct pres_front *way, const struct pres_doc *doc,
                 struct pres_word *word)
{
    struct seen *seen = seen_make(u, doc->user);
    struct seen_resource *r = resource_find(seen, doc->resource);

    if (!r) {
        if (seen->count == PRES_ABROAD_RESOURCES_MAX)
            tell_gone(u, seen, GW_CONTAINER(seen->resources.next, struct seen_resource, link));
        r = gw_alloc(sizeof(*r) + doc->resource.len);
        r->name_len = doc->resource.len;
        if (doc->resource.len)
            memcpy(r->name, doc->resource.p, doc->resource.len);
        gw_list_append(&seen->resources, &r->link);
        seen->count++;
    }
    free(r->word);
    r->word = word;
    r->front = way;
}

/* Without resource: all that are known are gone, and each is named, or the words alone are passed
 * on. */
static void leave(struct pres_user *u, const struct pres_doc *doc)
{
    struct seen *seen = seen_find(u, doc->user);
    struct seen_resource *r = seen ? resource_find(seen, doc->resource) : NULL;

    if (!doc->resource.len && !r)
        pres_abroad_gone(u, doc->user);
    tell(u, doc);
    if (!r)
        return;
    resource_free(seen, r);
    if (!seen->count)
        seen_free(u, seen);
}

bool pres_abroad_is_known(const struct pres_core *core, struct gw_str user, struct gw_str contact,
                          struct gw_str resource)
{
    const struct pres_user *u = pres_user_find(core, pres_inner(core, user, contact));
    const struct seen *seen = u ? seen_find(u, contact) : NULL;

    return seen && resource_find(seen, resource);
}

static bool watches(const struct pres_user *u, struct gw_str contact)
{
    const struct pres_entry *e = pres_roster_find(&u->roster, contact);

    return e && e->state & PRES_TO;
}

enum gw_code pres_abroad_presence(struct pres_core *core, struct pres_front *way,
                                  struct gw_str from, struct gw_str resource, struct gw_str to,
                                  struct gw_str to_resource, const struct pres_client *client)
{
    struct pres_user *u = pres_user_find(core, pres_inner(core, to, from));
    struct pres_doc doc = { .user = from, .resource = resource };
    struct pres_word *word;

    if (pres_client_len(client) > PRES_CLIENT_MAX)
        return GW_LIMIT;
    if (!u || (!to_resource.len && !pres_user_looks(u)))
        return GW_OK; /* RFC 6121 8.5.2.2.2: nobody is there to see it */
    if (!watches(u, from) && pres_is_shut_out(core, u->name, from))
        return GW_OK;
    word = pres_word_new(client);
    doc_of_word(word, way, &doc);
    if (to_resource.len || !watches(u, from)) {
        doc.directed = true;
        pres_gather_target(u, u, to_resource);
        pres_deliver(core, doc_as_it_is, &doc);
    } else if (client->show == PRES_OFFLINE) {
        leave(u, &doc);
    } else {
        keep(u, way, &doc, word);
        tell(u, &doc);
        return GW_OK; /* the word is kept */
    }
    free(word);
    return GW_OK;
}

/* ---- The user's sessions ---- */

void pres_session_look(struct pres_session *s, bool looks)
{
    s->looks = looks;
    if (!pres_user_looks(s->user))
        pres_abroad_forget(s->user);
}

/* Of equal priority the one that has spoken first. */
static const struct seen_resource *leader(const struct seen *seen)
{
    const struct seen_resource *best = NULL;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&seen->resources, it, tmp)
    {
        const struct seen_resource *r = GW_CONTAINER(it, struct seen_resource, link);

        if (!best || r->word->priority > best->word->priority)
            best = r;
    }
    return best;
}

enum pres_sight pres_session_sees(struct pres_session *s, struct gw_str contact,
                                  struct pres_doc *out)
{
    const struct pres_entry *e = pres_roster_find(&s->user->roster, contact);
    const struct seen *seen = seen_find(s->user, contact);

    *out = (struct pres_doc){ .user = contact };
    if (!e || !(e->state & (PRES_TO | PRES_OUT)))
        return PRES_SIGHT_NONE;
    if (!(e->state & PRES_TO))
        return PRES_SIGHT_ASKED;
    if (seen)
        doc_seen(seen, leader(seen), out);
    if (!pres_doc_passes(s->user->core, out, s))
        *out = (struct pres_doc){ .user = contact };
    return PRES_SIGHT_SHOWN;
}

void pres_abroad_newcomer(struct pres_session *s, const struct pres_entry *e)
{
    struct pres_user *u = s->user;
    struct gw_str contact = pres_entry_jid(e);
    const struct seen *seen = seen_find(u, contact);
    bool is_first = pres_available_count(u) == 1;

    if (seen)
        pres_abroad_show_all(s, contact);
    else if (is_first && e->state & PRES_TO)
        pres_abroad_refresh(s, contact);
    else if (is_first && e->state & PRES_OUT) /* RFC 6121 3.1.2: it may have been lost */
        pres_request_abroad(u->core, PRES_SUBSCRIBE, u->name, contact, GW_STR(""));
}

void pres_abroad_refresh(struct pres_session *s, struct gw_str contact)
{
    if (watches(s->user, contact))
        probe(s->user, contact);
}

static bool is_at(struct gw_str jid, struct gw_str domain)
{
    struct gw_str at = jid;

    (void)gw_str_cut(jid, "@", NULL, &at);
    return gw_str_eq(at, domain);
}

static void renew(struct pres_user *u, const struct pres_entry *e)
{
    struct gw_str contact = pres_entry_jid(e);

    if (pres_may_see(contact, u) && !pres_show_all_to(u, contact)) {
        pres_gather(u, contact);
        pres_deliver(u->core, pres_doc_user_gone, u);
    }
    if (e->state & PRES_TO && pres_user_looks(u))
        probe(u, contact);
}

bool pres_abroad_renew(struct pres_core *core, struct gw_str here, struct gw_str there,
                       struct pres_walk *walk)
{
    struct pres_user *u = pres_walk_next(core, walk);

    if (!u)
        return false;
    for (uint32_t i = 0; i < u->roster.count; i++) {
        struct gw_str contact = pres_entry_jid(u->roster.entries[i]);

        if (is_at(contact, there) && is_at(pres_outer(core, u->name, contact), here))
            renew(u, u->roster.entries[i]);
    }
    return true;
}

static void review_one(struct pres_user *u, const struct pres_entry *e, unsigned what)
{
    if (what & PRES_REVIEW_GONE)
        pres_abroad_gone(u, pres_entry_jid(e));
    if (what & PRES_REVIEW_RENEW)
        renew(u, e);
}

bool pres_abroad_review(struct pres_core *core, const struct pres_front *front,
                        pres_review_fn *review, void *ctx, struct pres_walk *walk)
{
    struct pres_user *u = pres_walk_next(core, walk);

    for (uint32_t i = 0; u && i < u->roster.count; i++) {
        const struct pres_entry *e = u->roster.entries[i];
        struct gw_str domain = pres_entry_jid(e);
        const struct pres_front *way;

        (void)gw_str_cut(domain, "@", NULL, &domain);
        way = pres_route_front(core, domain);
        if (!pres_domain_is_local(core, domain) && (!way || way == front))
            review_one(u, e, review(domain, ctx));
    }
    return u != NULL;
}
