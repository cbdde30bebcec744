/* What clients want to be told of contacts: the "+notify" of personal eventing (XEP-0163 4), said in answer
 * to a question that each client is asked for itself when its presence shows what it can do (XEP-0115: a
 * hash that another client has given is not trusted). Clients here, and those abroad of contacts and watchers
 * of somebody here; of these so many are known, and those known longest are forgotten first. */
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "xmpp_priv.h"

#define NS_CAPS "http://jabber.org/protocol/caps"

enum {
    WANTS_MAX = 2048, /* bytes, of one client */
    FAR_MAX =
        10000, /* clients abroad, of all users: some 30 MB when all want as much as they may */
    FAR_RESOURCES_MAX = 20,
    FAR_ASKED_MAX = 100 /* questions that wait for one client's answer */
};

/* A user abroad. */
struct far {
    struct gw_list link; /* the one known longest first */
    struct gw_list resources;
    unsigned count;
    struct gw_str bare;
    char text[];
};

struct far_resource {
    struct gw_list link;
    uint64_t caps;
    unsigned asked;
    char *wants; /* NULL: not known */
    size_t name_len;
    char name[];
};

struct xmpp_caps {
    struct xmpp_host *host;
    struct gw_map *far; /* by bare JID */
    struct gw_list oldest;
    size_t far_count; /* clients of all of them */
};

struct xmpp_caps *xmpp_caps_new(struct xmpp_host *host)
{
    struct xmpp_caps *caps = gw_new(struct xmpp_caps);

    caps->host = host;
    caps->far = gw_map_new();
    gw_list_init(&caps->oldest);
    return caps;
}

/* ---- What is wanted: names of nodes, a line each ---- */

bool xmpp_caps_wants(const char *wants, struct gw_str node)
{
    struct gw_str rest = gw_str_of(wants), line;

    while (gw_str_next(&rest, "\n", &line)) {
        if (gw_str_eq(line, node))
            return true;
    }
    return false;
}

/* Those that a client names first, as far as there is room. */
static char *read_wants(const struct xml_node *iq)
{
    const struct xml_node *f = xml_child(xml_child(iq, NS_INFO, "query"), NS_INFO, "feature");
    struct gw_buf wants;

    gw_buf_init(&wants, WANTS_MAX + 1);
    for (; f; f = xml_next_same(f)) {
        struct gw_str node = xml_attr(f, "var");

        if (!gw_str_ends(node, "+notify") || !gw_str_is_line(node) ||
            wants.len + node.len > WANTS_MAX)
            continue;
        gw_buf_add_str(&wants, gw_str_sub(node, 0, node.len - (sizeof("+notify") - 1)));
        gw_buf_add_char(&wants, '\n');
    }
    gw_buf_add_char(&wants, '\0');
    return gw_buf_take(&wants);
}

static void count(struct xmpp_host *host, const char *before, const char *now)
{
    bool had = before && xmpp_caps_wants(before, GW_STR(NS_ACTIVITY));
    bool has = now && xmpp_caps_wants(now, GW_STR(NS_ACTIVITY));

    if (had != has)
        xmpp_activity_wanted(host->activity, has);
}

/* "node#ver", hashed; 0: it says nothing of what it can do. */
static uint64_t caps_of(const struct xml_node *presence, struct gw_buf *node)
{
    const struct xml_node *caps = xml_child(presence, NS_CAPS, "c");

    gw_buf_init(node, 2 * XMPP_JID_PART_MAX);
    gw_buf_add_str(node, xml_attr(caps, "node"));
    gw_buf_add_char(node, '#');
    gw_buf_add_str(node, xml_attr(caps, "ver"));
    return xml_attr(caps, "ver").len && !node->failed ? gw_hash_stable(gw_buf_str(node)) : 0;
}

/* In the <iq/> that is open. */
static void put_question(struct xml_writer *w, struct gw_str node)
{
    xml_put_attr(w, "type", GW_STR("get"));
    xml_put_attr(w, "id", GW_STR(XMPP_CAPS_ID));
    xmpp_open_ns(w, "query", NS_INFO);
    xml_put_attr(w, "node", node);
    xml_close(w);
    xml_close(w);
}

/* ---- Clients here ---- */

void xmpp_caps_presence(struct xmpp_c2s *c, const struct xml_node *presence)
{
    struct xml_writer w;
    struct gw_buf node;
    uint64_t hash;

    hash = caps_of(presence, &node);
    if (hash && hash != c->caps) {
        c->caps = hash;
        c->is_asked_caps = true;
        xmpp_begin(c, &w);
        xml_open(&w, "iq");
        xml_put_attr(&w, "from", gw_str_of(c->domain));
        xml_put_attr(&w, "to", gw_str_of(c->full));
        put_question(&w, gw_buf_str(&node));
        xmpp_end(c);
    }
    gw_buf_done(&node);
}

void xmpp_caps_answer(struct xmpp_c2s *c, const struct xml_node *iq)
{
    char *before = c->wants;

    if (!c->is_asked_caps) /* what there is is shown once for each question: presence has a price */
        return;
    c->is_asked_caps = false;
    c->wants = read_wants(iq);
    count(c->host, before, c->wants);
    xmpp_pep_newcomer(c, before);
    free(before);
}

void xmpp_caps_leave(struct xmpp_c2s *c)
{
    count(c->host, c->wants, NULL);
    free(c->wants);
    c->wants = NULL;
}

/* ---- Clients abroad ---- */

static void resource_free(struct xmpp_caps *caps, struct far *far, struct far_resource *r)
{
    count(caps->host, r->wants, NULL);
    gw_list_remove(&r->link);
    far->count--;
    caps->far_count--;
    free(r->wants);
    free(r);
}

static void far_free(struct xmpp_caps *caps, struct far *far)
{
    while (far->count)
        resource_free(caps, far, GW_CONTAINER(far->resources.next, struct far_resource, link));
    gw_map_remove(caps->far, far->bare);
    gw_list_remove(&far->link);
    free(far);
}

void xmpp_caps_free(struct xmpp_caps **cp)
{
    struct xmpp_caps *caps = *cp;

    if (!caps)
        return;
    *cp = NULL;
    while (!gw_list_is_empty(&caps->oldest))
        far_free(caps, GW_CONTAINER(caps->oldest.next, struct far, link));
    gw_map_free(&caps->far);
    free(caps);
}

static struct far *far_make(struct xmpp_caps *caps, struct gw_str bare)
{
    struct far *far = gw_map_get(caps->far, bare);

    if (far)
        return far;
    far = gw_alloc(sizeof(*far) + bare.len);
    memcpy(far->text, bare.p, bare.len);
    far->bare = (struct gw_str){ far->text, bare.len };
    gw_list_init(&far->resources);
    gw_map_set(caps->far, far->bare, far);
    gw_list_append(&caps->oldest, &far->link);
    return far;
}

static struct far_resource *resource_find(struct far *far, struct gw_str name)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&far->resources, it, tmp)
    {
        struct far_resource *r = GW_CONTAINER(it, struct far_resource, link);

        if (gw_str_eq((struct gw_str){ r->name, r->name_len }, name))
            return r;
    }
    return NULL;
}

/* For one more of this user, who stays. */
static void make_room(struct xmpp_caps *caps, struct far *far)
{
    struct far *oldest = GW_CONTAINER(caps->oldest.next, struct far, link);

    if (far->count == FAR_RESOURCES_MAX || (caps->far_count == FAR_MAX && oldest == far))
        resource_free(caps, far, GW_CONTAINER(far->resources.next, struct far_resource, link));
    else if (caps->far_count == FAR_MAX)
        far_free(caps, oldest);
}

static struct far_resource *resource_make(struct xmpp_caps *caps, struct far *far,
                                          struct gw_str name)
{
    struct far_resource *r = resource_find(far, name);

    if (r)
        return r;
    make_room(caps, far);
    r = gw_alloc(sizeof(*r) + name.len);
    memcpy(r->name, name.p, name.len);
    r->name_len = name.len;
    gw_list_append(&far->resources, &r->link);
    far->count++;
    caps->far_count++;
    return r;
}

static void forget(struct xmpp_caps *caps, const struct xmpp_jid *from)
{
    struct far *far = gw_map_get(caps->far, from->bare);
    struct far_resource *r = far ? resource_find(far, from->resource) : NULL;

    if (r)
        resource_free(caps, far, r);
    if (far && (!far->count || !from->resource.len))
        far_free(caps, far);
}

static void ask(struct xmpp_caps *caps, struct far_resource *r, struct gw_str user,
                const struct xmpp_jid *from, struct gw_str node)
{
    struct xml_writer w;

    if (r->asked == FAR_ASKED_MAX)
        return;
    r->asked++;
    xmpp_begin_abroad(caps->host, "iq", user, from->full, &w);
    put_question(&w, node);
    xmpp_end_abroad(caps->host, from->full);
}

void xmpp_caps_presence_abroad(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                               const struct xmpp_jid *from, bool is_contact, bool is_new)
{
    struct xmpp_caps *caps = by->host->caps;
    struct far_resource *r;
    struct gw_buf node;
    uint64_t hash = caps_of(s->node, &node);

    if (!hash || s->type.len) {
        forget(caps, from);
    } else if (from->resource.len &&
               (is_contact || pres_is_watched_by(by->host->core, s->to.bare, from->bare))) {
        r = resource_make(caps, far_make(caps, from->bare), from->resource);
        if (r->caps != hash) {
            count(caps->host, r->wants, NULL);
            free(r->wants);
            r->wants = NULL;
            r->caps = hash;
            ask(caps, r, s->to.bare, from, gw_buf_str(&node));
        } else if (is_new && r->wants) {
            xmpp_pep_show_abroad(by->host, s->to.bare, from, r->wants);
        } else if (is_new) { /* the answer is on its way, to another user */
            ask(caps, r, s->to.bare, from, gw_buf_str(&node));
        }
    }
    gw_buf_done(&node);
}

bool xmpp_caps_answer_abroad(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                             const struct xmpp_jid *from)
{
    struct xmpp_caps *caps = by->host->caps;
    struct far *far = gw_map_get(caps->far, from->bare);
    struct far_resource *r = far ? resource_find(far, from->resource) : NULL;
    char *before;

    if (!gw_str_is(s->type, "result") || !gw_str_is(s->id, XMPP_CAPS_ID) || !r || !r->asked)
        return false;
    r->asked--;
    before = r->wants;
    r->wants = read_wants(s->node);
    count(caps->host, before, r->wants);
    free(before);
    xmpp_pep_show_abroad(by->host, s->to.bare, from, r->wants);
    return true;
}

static void show(struct xmpp_host *host, struct gw_str user, const struct far *far,
                 const struct far_resource *r)
{
    struct xmpp_jid to;
    struct gw_buf full;

    gw_buf_init(&full, XMPP_JID_TEXT_MAX);
    gw_buf_add_str(&full, far->bare);
    gw_buf_add_char(&full, '/');
    gw_buf_add_str(&full, (struct gw_str){ r->name, r->name_len });
    if (!xmpp_jid_parse(gw_buf_str(&full), &to, NULL)) /* again */
        xmpp_pep_show_abroad(host, user, &to, r->wants);
    gw_buf_done(&full);
}

void xmpp_caps_watcher_abroad(struct xmpp_host *host, struct gw_str user, struct gw_str watcher)
{
    struct far *far = gw_map_get(host->caps->far, watcher);
    struct gw_list *it, *tmp;

    if (!far)
        return;
    GW_LIST_EACH(&far->resources, it, tmp)
    {
        const struct far_resource *r = GW_CONTAINER(it, struct far_resource, link);

        if (r->wants)
            show(host, user, far, r);
    }
}

void xmpp_caps_each_abroad(struct xmpp_host *host, struct gw_str bare, struct gw_str node,
                           void (*each)(struct gw_str full, void *ctx), void *ctx)
{
    struct far *far = gw_map_get(host->caps->far, bare);
    struct gw_list *it, *tmp;
    struct gw_buf full;

    if (!far)
        return;
    gw_buf_init(&full, 4 * XMPP_JID_PART_MAX);
    GW_LIST_EACH(&far->resources, it, tmp)
    {
        const struct far_resource *r = GW_CONTAINER(it, struct far_resource, link);

        if (!r->wants || !xmpp_caps_wants(r->wants, node))
            continue;
        gw_buf_reset(&full);
        gw_buf_add_str(&full, bare);
        gw_buf_add_char(&full, '/');
        gw_buf_add_str(&full, (struct gw_str){ r->name, r->name_len });
        each(gw_buf_str(&full), ctx);
    }
    gw_buf_done(&full);
}
