/* Personal eventing, XEP-0163, as far as avatars (XEP-0084), nicknames (XEP-0172), moods, tunes and the like
 * need it: each node of a user has one item, its newest; who may see the user may see it. What is small is
 * held in memory and told to those who want it; of what is larger only the id is told, and it is read from
 * the store when somebody asks. What a user is doing is the calendar's while it says so (xmpp_activity.c).
 *   kind "pep", key "bob@b.example NODE", value the id, a line feed, and the payload (nothing: it is large)
 *   kind "pep-large", the same key, value the whole answer to who asks for it                             */
#include <stdlib.h>
#include <string.h>

#include "gw_list.h"
#include "gw_log.h"
#include "xmpp_priv.h"

#define NS_EVENT   NS_PUBSUB "#event"
#define NS_OPTIONS NS_PUBSUB "#publish-options"

enum {
    NODES_MAX = 20, /* of one user */
    NODE_NAME_MAX = 255,
    ITEM_ID_MAX = 255,
    SHOWN_MAX = 4 * 1024,    /* of a payload: larger ones are not told */
    PAYLOAD_MAX = 96 * 1024, /* a small picture fits in, base64 */
    LARGE_MAX = PAYLOAD_MAX + 8 * 1024
};

static const char kind[] = "pep", large_kind[] = "pep-large";

struct item {
    struct gw_list link;
    struct gw_str node, id, payload; /* payload empty: it is large */
    char text[];
};

struct person {
    struct gw_list items;
    unsigned count;
    struct gw_str name;
    char text[];
};

struct loading {
    struct xmpp_pep *pep; /* NULL: gone */
};

struct xmpp_pep {
    struct xmpp_host *host;
    struct gw_map *people; /* those who have published something */
    struct loading *loading;
};

/* ---- What there is ---- */

static struct person *person_make(struct xmpp_pep *pep, struct gw_str name)
{
    struct person *p = gw_map_get(pep->people, name);

    if (p)
        return p;
    p = gw_alloc(sizeof(*p) + name.len);
    memcpy(p->text, name.p, name.len);
    p->name = (struct gw_str){ p->text, name.len };
    gw_list_init(&p->items);
    gw_map_set(pep->people, p->name, p);
    return p;
}

static struct item *item_find(const struct xmpp_pep *pep, struct gw_str user, struct gw_str node)
{
    struct person *p = gw_map_get(pep->people, user);
    struct gw_list *it, *tmp;

    if (!p)
        return NULL;
    GW_LIST_EACH(&p->items, it, tmp)
    {
        struct item *i = GW_CONTAINER(it, struct item, link);

        if (gw_str_eq(i->node, node))
            return i;
    }
    return NULL;
}

static void item_free(struct person *p, struct item *i)
{
    gw_list_remove(&i->link);
    p->count--;
    free(i);
}

static void person_free(struct xmpp_pep *pep, struct person *p)
{
    while (p->count)
        item_free(p, GW_CONTAINER(p->items.next, struct item, link));
    gw_map_remove(pep->people, p->name);
    free(p);
}

static struct gw_str put(char **p, struct gw_str s)
{
    struct gw_str copy = { *p, s.len };

    if (s.len)
        memcpy(*p, s.p, s.len);
    *p += s.len;
    return copy;
}

/* In place of the one that there was. */
static void item_set(struct xmpp_pep *pep, struct gw_str user, struct gw_str node, struct gw_str id,
                     struct gw_str payload)
{
    struct person *person = person_make(pep, user);
    struct item *old = item_find(pep, user, node);
    struct item *i = gw_alloc(sizeof(*i) + node.len + id.len + payload.len);
    char *p = i->text;

    i->node = put(&p, node);
    i->id = put(&p, id);
    i->payload = put(&p, payload);
    gw_list_append(&person->items, &i->link);
    person->count++;
    if (old)
        item_free(person, old);
}

/* ---- Life ---- */

static void on_record(const struct store_record *r, void *ctx)
{
    const struct loading *l = ctx;
    struct gw_str user, node, id, payload;
    char quoted[GW_QUOTE_MAX];

    if (!l->pep)
        return;
    if (!gw_str_cut(r->key, " ", &user, &node) || !gw_str_cut(r->value, "\n", &id, &payload))
        gw_warn("xmpp", "published item unreadable key=%s, ignored", gw_quote(r->key, quoted));
    else if (!item_find(l->pep, user, node)) /* else it was published again meanwhile */
        item_set(l->pep, user, node, id, payload);
}

static void on_loaded(const struct gw_err *result, void *ctx)
{
    struct loading *l = ctx;

    if (result->code)
        gw_error("xmpp", "published items cannot be read error=\"%s\"", result->msg);
    if (l->pep)
        l->pep->loading = NULL;
    free(l);
}

struct xmpp_pep *xmpp_pep_new(struct xmpp_host *host, struct store *store)
{
    struct xmpp_pep *pep = gw_new(struct xmpp_pep);

    pep->host = host;
    pep->people = gw_map_new();
    if (!store)
        return pep;
    pep->loading = gw_new(struct loading);
    pep->loading->pep = pep;
    store_load(store, kind, NULL, on_record, on_loaded, pep->loading);
    return pep;
}

void xmpp_pep_free(struct xmpp_pep **pp)
{
    struct xmpp_pep *pep = *pp;
    struct person *p;
    size_t pos = 0;

    if (!pep)
        return;
    *pp = NULL;
    if (pep->loading)
        pep->loading->pep = NULL; /* the store ends it */
    while ((p = gw_map_next(pep->people, &pos)))
        person_free(pep, p);
    gw_map_free(&pep->people);
    free(pep);
}

void xmpp_pep_forget(struct xmpp_host *host, struct gw_str user)
{
    struct person *p = gw_map_get(host->pep->people, user);
    struct store_batch *b;

    if (!p)
        return;
    person_free(host->pep, p);
    if (!host->kept)
        return;
    b = store_batch_new();
    store_del_owner(b, kind, user);
    store_del_owner(b, large_kind, user);
    xmpp_kept_write(host, &b);
}

/* ---- What is told ---- */

/* Of one node of one user, as one certain watcher sees it. */
struct event {
    struct gw_str user, node, id, payload; /* payload empty: it is large */
    bool is_gone;
};

static bool may_see(const struct xmpp_host *host, struct gw_str user, struct gw_str watcher)
{
    return gw_str_eq(user, watcher) || pres_is_watched_by(host->core, user, watcher);
}

/* The calendar's word, else the user's own. False: there is nothing to be seen. */
static bool look(const struct xmpp_host *host, struct gw_str user, struct gw_str node,
                 struct gw_str watcher, struct event *out)
{
    const struct item *i;

    *out = (struct event){ .user = user, .node = node };
    if (!may_see(host, user, watcher))
        return false;
    if (gw_str_is(node, NS_ACTIVITY) && xmpp_activity_is_meeting(host, user, watcher)) {
        out->id = GW_STR(XMPP_ACTIVITY_ID);
        out->payload = GW_STR(XMPP_ACTIVITY_MEETING);
        return true;
    }
    i = item_find(host->pep, user, node);
    if (!i)
        return false;
    out->id = i->id;
    out->payload = i->payload;
    return true;
}

static void put_item(struct xml_writer *w, const struct event *e)
{
    xml_open(w, e->is_gone ? "retract" : "item");
    xml_put_attr(w, "id", e->id);
    if (e->payload.len) {
        xml_flush_tag(w);
        gw_buf_add_str(w->out, e->payload);
    }
    xml_close(w);
}

static void put_items(struct xml_writer *w, const struct event *e)
{
    xml_open(w, "items");
    xml_put_attr(w, "node", e->node);
    put_item(w, e);
    xml_close(w);
}

/* In the <message/> that is open. */
static void put_event(struct xml_writer *w, const struct event *e)
{
    xml_put_attr(w, "type", GW_STR("headline"));
    xmpp_open_ns(w, "event", NS_EVENT);
    put_items(w, e);
    xml_close(w);
    xml_close(w);
}

static void tell_client(struct xmpp_c2s *c, const struct event *e)
{
    struct xml_writer w;

    if (pres_is_barred(c->host->core, gw_str_of(c->user), c->session, e->user, PRES_KIND_MESSAGE))
        return;
    xmpp_begin(c, &w);
    xml_open(&w, "message");
    xml_put_attr(&w, "from", e->user);
    xml_put_attr(&w, "to", gw_str_of(c->full));
    put_event(&w, e);
    xmpp_end(c);
}

static void tell_far(struct xmpp_host *host, const struct event *e, struct gw_str full)
{
    struct xml_writer w;

    xmpp_begin_abroad(host, "message", e->user, full, &w);
    put_event(&w, e);
    xmpp_end_abroad(host, full);
}

struct telling {
    struct xmpp_host *host;
    const struct event *e;
};

static void tell_each_far(struct gw_str full, void *ctx)
{
    const struct telling *t = ctx;

    tell_far(t->host, t->e, full);
}

/* To all clients of the watcher that want it. */
static void tell(struct xmpp_host *host, const struct event *e, struct gw_str watcher)
{
    struct telling telling = { host, e };

    for (struct pres_session *s = NULL; (s = pres_session_next(host->core, watcher, s));) {
        struct xmpp_c2s *c = pres_session_ctx_of(s, host->front);

        if (c && c->wants && xmpp_caps_wants(c->wants, e->node))
            tell_client(c, e);
    }
    if (host->fed && pres_route_front(host->core, watcher) == host->front)
        xmpp_caps_each_abroad(host, watcher, e->node, tell_each_far, &telling);
}

/* The calendar's word is over: the user's own, or that he does nothing. */
static void look_at_activity(const struct xmpp_host *host, struct gw_str user,
                             struct gw_str watcher, struct event *out)
{
    if (look(host, user, GW_STR(NS_ACTIVITY), watcher, out))
        return;
    out->id = GW_STR(XMPP_ACTIVITY_ID);
    out->payload = GW_STR(XMPP_ACTIVITY_NONE);
}

void xmpp_pep_tell_activity(struct xmpp_host *host, struct gw_str user, struct gw_str watcher)
{
    struct event e;

    look_at_activity(host, user, watcher, &e);
    tell(host, &e, watcher);
}

/* What was published, or taken back, to who may see it. Where the calendar speaks it is not heard. */
static void tell_change(struct xmpp_host *host, struct gw_str user, struct gw_str node,
                        const struct event *gone, struct gw_str watcher)
{
    bool is_activity = gw_str_is(node, NS_ACTIVITY);
    struct event e;

    if (is_activity && xmpp_activity_is_meeting(host, user, watcher))
        return;
    if (gone)
        tell(host, gone, watcher);
    else if (look(host, user, node, watcher, &e))
        tell(host, &e, watcher);
}

static void tell_all(struct xmpp_host *host, struct gw_str user, struct gw_str node,
                     const struct event *gone)
{
    struct gw_str watcher;
    size_t pos = 0;

    tell_change(host, user, node, gone, user);
    while (pres_watcher_next(host->core, user, &pos, &watcher))
        tell_change(host, user, node, gone, watcher);
}

/* ---- Newcomers: XEP-0163 4.3.4 ---- */

struct newcomer {
    struct xmpp_c2s *c;
    const char *before; /* wanted already; NULL: nothing */
};

static void show_client(const struct newcomer *n, struct gw_str user, struct gw_str node)
{
    struct xmpp_c2s *c = n->c;
    struct event e;

    if (!xmpp_caps_wants(c->wants, node) || (n->before && xmpp_caps_wants(n->before, node)) ||
        !look(c->host, user, node, gw_str_of(c->user), &e))
        return;
    tell_client(c, &e);
    if (gw_str_is(node, NS_ACTIVITY) && gw_str_is(e.payload, XMPP_ACTIVITY_MEETING))
        xmpp_activity_was_told(c->host->activity, user);
}

static void show_all_of(const struct newcomer *n, struct gw_str user)
{
    const struct person *p = gw_map_get(n->c->host->pep->people, user);
    struct gw_list *it, *tmp;

    show_client(n, user, GW_STR(NS_ACTIVITY));
    if (!p)
        return;
    GW_LIST_EACH(&p->items, it, tmp)
    {
        const struct item *i = GW_CONTAINER(it, struct item, link);

        if (!gw_str_is(i->node, NS_ACTIVITY))
            show_client(n, user, i->node);
    }
}

static void show_contact(const struct pres_item *item, void *ctx)
{
    show_all_of(ctx, item->jid);
}

void xmpp_pep_newcomer(struct xmpp_c2s *c, const char *before)
{
    struct newcomer n = { c, before };

    show_all_of(&n, gw_str_of(c->user));
    pres_roster_each(c->session, show_contact, &n);
}

void xmpp_pep_show(struct xmpp_c2s *c, struct gw_str user)
{
    const struct newcomer n = { .c = c };

    show_all_of(&n, user);
}

static void show_far(struct xmpp_host *host, struct gw_str user, struct gw_str node,
                     const struct xmpp_jid *to, const char *wants)
{
    struct event e;

    if (!xmpp_caps_wants(wants, node) || !look(host, user, node, to->bare, &e))
        return;
    tell_far(host, &e, to->full);
    if (gw_str_is(node, NS_ACTIVITY) && gw_str_is(e.payload, XMPP_ACTIVITY_MEETING))
        xmpp_activity_was_told(host->activity, user);
}

void xmpp_pep_show_abroad(struct xmpp_host *host, struct gw_str user, const struct xmpp_jid *to,
                          const char *wants)
{
    const struct person *p = gw_map_get(host->pep->people, user);
    struct gw_list *it, *tmp;

    show_far(host, user, GW_STR(NS_ACTIVITY), to, wants);
    if (!p)
        return;
    GW_LIST_EACH(&p->items, it, tmp)
    {
        const struct item *i = GW_CONTAINER(it, struct item, link);

        if (!gw_str_is(i->node, NS_ACTIVITY))
            show_far(host, user, i->node, to, wants);
    }
}

/* ---- Publishing ---- */

static void key_of(struct gw_str user, struct gw_str node, struct gw_buf *out)
{
    gw_buf_init(out, STORE_KEY_MAX);
    gw_buf_add_str(out, user);
    gw_buf_add_char(out, ' ');
    gw_buf_add_str(out, node);
}

static void put_answer(struct xml_writer *w, const struct event *e)
{
    xmpp_open_ns(w, "pubsub", NS_PUBSUB);
    put_items(w, e);
    xml_close(w);
}

/* In one batch: never the one without the other. */
static void save(struct xmpp_host *host, const struct event *e, bool is_large)
{
    struct gw_buf key, value, whole;
    struct store_batch *b;
    struct xml_writer w;

    if (!host->kept)
        return;
    b = store_batch_new();
    key_of(e->user, e->node, &key);
    gw_buf_init(&value, ITEM_ID_MAX + SHOWN_MAX + 1);
    gw_buf_init(&whole, LARGE_MAX);
    gw_buf_add_str(&value, e->id);
    gw_buf_add_char(&value, '\n');
    gw_buf_add_str(&value, is_large ? GW_STR("") : e->payload);
    store_put(b, kind, gw_buf_str(&key), e->user, gw_buf_str(&value));
    if (is_large) {
        xml_write_init(&w, &whole);
        put_answer(&w, e);
        store_put(b, large_kind, gw_buf_str(&key), e->user, gw_buf_str(&whole));
    } else {
        store_del(b, large_kind, gw_buf_str(&key));
    }
    xmpp_kept_write(host, &b);
    gw_buf_done(&key);
    gw_buf_done(&value);
    gw_buf_done(&whole);
}

static void delete (struct xmpp_host *host, struct gw_str user, struct gw_str node)
{
    struct store_batch *b;
    struct gw_buf key;

    if (!host->kept)
        return;
    key_of(user, node, &key);
    b = store_batch_new();
    store_del(b, kind, gw_buf_str(&key));
    store_del(b, large_kind, gw_buf_str(&key));
    xmpp_kept_write(host, &b);
    gw_buf_done(&key);
}

/* What a node is like here, and nothing else can be asked of it. */
static const struct {
    const char *option, *value;
} options[] = {
    { "FORM_TYPE", NS_OPTIONS },
    { "pubsub#access_model", "presence" },
    { "pubsub#persist_items", "true" },
    { "pubsub#persist_items", "1" },
    { "pubsub#max_items", "1" },
    { "pubsub#send_last_published_item", "on_sub_and_presence" },
    { "pubsub#deliver_payloads", "true" },
    { "pubsub#deliver_payloads", "1" },
    { "pubsub#deliver_notifications", "true" },
    { "pubsub#deliver_notifications", "1" },
};

static bool is_so(struct gw_str option, struct gw_str value)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (gw_str_is(option, options[i].option) && gw_str_is(value, options[i].value))
            return true;
    }
    return false;
}

/* XEP-0060 7.1.5: who wants it to be seen by fewer than see it here must not publish it. */
static bool options_are_met(const struct xml_node *pubsub)
{
    const struct xml_node *form =
        xml_child(xml_child(pubsub, NS_PUBSUB, "publish-options"), NS_DATA, "x");

    for (const struct xml_node *f = xml_child(form, NS_DATA, "field"); f; f = xml_next_same(f)) {
        const struct xml_node *value = xml_child(f, NS_DATA, "value");

        if (!is_so(xml_attr(f, "var"), xml_text(value)) || xml_next_same(value))
            return false;
    }
    return true;
}

static bool is_fit(struct gw_str name, size_t max)
{
    return name.len && name.len <= max && gw_str_is_line(name);
}

/* XMPP_CONDS: nothing is wrong. */
static enum xmpp_cond check(const struct xmpp_c2s *c, const struct xml_node *pubsub,
                            const struct xml_node *publish)
{
    const struct xml_node *item = xml_child(publish, NS_PUBSUB, "item");
    const struct person *p = gw_map_get(c->host->pep->people, gw_str_of(c->user));
    struct gw_str node = xml_attr(publish, "node"), id = xml_attr(item, "id");

    if (!is_fit(node, NODE_NAME_MAX) || !item || item->next || (id.p && !is_fit(id, ITEM_ID_MAX)))
        return XMPP_BAD_REQUEST;
    if (!item->child || item->child->next || !item->child->ns.len ||
        gw_str_is(item->child->ns, NS_PUBSUB))
        return XMPP_INVALID_PAYLOAD;
    if (!options_are_met(pubsub))
        return XMPP_PRECONDITION;
    if (p && p->count >= NODES_MAX && !item_find(c->host->pep, gw_str_of(c->user), node))
        return XMPP_RESOURCE_CONSTRAINT;
    return XMPP_CONDS;
}

static void answer_publish(struct xmpp_c2s *c, const struct xmpp_stanza *s, const struct event *e)
{
    struct xml_writer w;

    xmpp_begin_result(c, s, &w);
    xmpp_open_ns(&w, "pubsub", NS_PUBSUB);
    xml_open(&w, "publish");
    xml_put_attr(&w, "node", e->node);
    xml_open(&w, "item");
    xml_put_attr(&w, "id", e->id);
    xml_close(&w);
    xml_close(&w);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
}

static void publish(struct xmpp_c2s *c, const struct xmpp_stanza *s, const struct xml_node *pubsub,
                    const struct xml_node *publish)
{
    const struct xml_node *item = xml_child(publish, NS_PUBSUB, "item");
    struct event e = { .user = gw_str_of(c->user),
                       .node = xml_attr(publish, "node"),
                       .id = xml_attr(item, "id") };
    enum xmpp_cond cond = check(c, pubsub, publish);
    struct xml_writer w;
    struct gw_buf payload;
    bool is_large;

    if (cond != XMPP_CONDS) {
        xmpp_stanza_error(c, s, cond, NULL);
        return;
    }
    if (!e.id.len)
        e.id = GW_STR(XMPP_ACTIVITY_ID);
    gw_buf_init(&payload, PAYLOAD_MAX);
    xml_write_init(&w, &payload);
    xml_put_node(&w, item->child, GW_STR(""));
    e.payload = gw_buf_str(&payload);
    is_large = payload.len > SHOWN_MAX;
    if (payload.failed || (is_large && !c->host->kept)) {
        xmpp_stanza_error(c, s, XMPP_PAYLOAD_TOO_BIG, "larger than 96 KiB");
    } else {
        c->tokens -= XMPP_BROADCAST_COST;
        item_set(c->host->pep, e.user, e.node, e.id, is_large ? GW_STR("") : e.payload);
        save(c->host, &e, is_large);
        answer_publish(c, s, &e);
        tell_all(c->host, e.user, e.node, NULL);
    }
    gw_buf_done(&payload);
}

static void retract(struct xmpp_c2s *c, const struct xmpp_stanza *s, const struct xml_node *retract)
{
    struct event gone = { .user = gw_str_of(c->user),
                          .node = xml_attr(retract, "node"),
                          .id = xml_attr(xml_child(retract, NS_PUBSUB, "item"), "id"),
                          .is_gone = true };
    struct item *i = item_find(c->host->pep, gone.user, gone.node);

    if (!i || !gw_str_eq(i->id, gone.id)) {
        xmpp_stanza_error(c, s, XMPP_ITEM_NOT_FOUND, NULL);
        return;
    }
    c->tokens -= XMPP_BROADCAST_COST;
    item_free(gw_map_get(c->host->pep->people, gone.user), i);
    delete (c->host, gone.user, gone.node);
    xmpp_empty_result(c, s);
    tell_all(c->host, gone.user, gone.node, &gone);
}

void xmpp_on_publish(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *pubsub)
{
    const struct xml_node *what = pubsub->child;

    if (xml_is(what, NS_PUBSUB, "publish"))
        publish(c, s, pubsub, what);
    else if (xml_is(what, NS_PUBSUB, "retract"))
        retract(c, s, what);
    else
        xmpp_stanza_error(c, s, XMPP_UNSUPPORTED, NULL);
}

/* ---- Asking: XEP-0060 6.5 ---- */

static void show_item(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                      const struct event *e)
{
    struct xmpp_kept_args args = { .kind = large_kind };
    struct xml_writer w;
    struct gw_buf key;

    if (e->payload.len) {
        xmpp_begin_answer(by, s, &w);
        put_answer(&w, e);
        xml_close(&w);
        xmpp_end_answer(by);
        return;
    }
    key_of(e->user, e->node, &key);
    args.key = gw_buf_str(&key);
    xmpp_kept_answer(by, s, &args);
    gw_buf_done(&key);
}

void xmpp_on_items(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                   const struct xml_node *pubsub)
{
    const struct xml_node *items = xml_child(pubsub, NS_PUBSUB, "items");
    struct gw_str me = xmpp_sender_bare(by), user = s->has_to ? s->to.bare : me;
    struct gw_str node = xml_attr(items, "node");
    struct gw_str id = xml_attr(xml_child(items, NS_PUBSUB, "item"), "id");
    bool is_activity = gw_str_is(node, NS_ACTIVITY), is_there;
    struct event e;

    if (!items) {
        xmpp_refuse(by, s, XMPP_UNSUPPORTED);
        return;
    }
    if (!may_see(by->host, user, me)) {
        xmpp_refuse(by, s, XMPP_FORBIDDEN);
        return;
    }
    is_there = look(by->host, user, node, me, &e);
    if (is_activity && !is_there && xmpp_activity_may_know(by->host, user, me)) {
        look_at_activity(by->host, user, me, &e);
        is_there = true;
    }
    if (!is_there || (id.len && !gw_str_eq(id, e.id)))
        xmpp_refuse(by, s, XMPP_ITEM_NOT_FOUND);
    else
        show_item(by, s, &e);
}

/* ---- What there is to find: XEP-0030 ---- */

void xmpp_pep_put_nodes(struct xmpp_host *host, struct gw_str user, struct gw_str jid,
                        struct xml_writer *w)
{
    const struct person *p = gw_map_get(host->pep->people, user);
    struct gw_list *it, *tmp;

    if (!p)
        return;
    GW_LIST_EACH(&p->items, it, tmp)
    {
        xml_open(w, "item");
        xml_put_attr(w, "jid", jid);
        xml_put_attr(w, "node", GW_CONTAINER(it, struct item, link)->node);
        xml_close(w);
    }
}
