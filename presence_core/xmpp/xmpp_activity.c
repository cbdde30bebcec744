/* What a user is doing, XEP-0108, as the calendar says it: in a meeting. Told by personal eventing
 * (XEP-0163) to those clients that want it, which each is asked for itself (XEP-0115: a hash that
 * another client has given is not trusted), and shown to who asks. Users publish nothing here.
 *
 * While no client wants it nothing is kept. Else the users are known who were told to be in a meeting,
 * so that the end is told, too. The core's word comes in the middle of its calls: who has changed waits
 * for the host's tick. */
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_list.h"
#include "xmpp_priv.h"

#define NS_ACTIVITY "http://jabber.org/protocol/activity"
#define NS_CAPS     "http://jabber.org/protocol/caps"
#define NS_EVENT    "http://jabber.org/protocol/pubsub#event"

/* A user whose meeting was told of, or is to be. */
struct doing {
    struct gw_list changed; /* waits for the tick */
    bool in_meeting;
    struct gw_str user;
    char text[];
};

struct xmpp_activity {
    struct xmpp_host *host;
    struct gw_map *doing; /* by user */
    struct gw_list changed;
    size_t wanted; /* clients that want it */
};

struct xmpp_activity *xmpp_activity_new(struct xmpp_host *host)
{
    struct xmpp_activity *a = gw_new(struct xmpp_activity);

    a->host = host;
    a->doing = gw_map_new();
    gw_list_init(&a->changed);
    return a;
}

static void forget(struct xmpp_activity *a, struct doing *d)
{
    gw_map_remove(a->doing, d->user);
    gw_list_remove(&d->changed);
    free(d);
}

static void forget_all(struct xmpp_activity *a)
{
    struct doing *d;
    size_t pos = 0;

    while ((d = gw_map_next(a->doing, &pos)))
        forget(a, d);
}

void xmpp_activity_free(struct xmpp_activity **ap)
{
    struct xmpp_activity *a = *ap;

    if (!a)
        return;
    *ap = NULL;
    forget_all(a);
    gw_map_free(&a->doing);
    free(a);
}

static struct doing *make(struct xmpp_activity *a, struct gw_str user)
{
    struct doing *d = gw_alloc(sizeof(*d) + user.len);

    memcpy(d->text, user.p, user.len);
    d->user = (struct gw_str){ d->text, user.len };
    gw_list_init(&d->changed);
    gw_map_set(a->doing, d->user, d);
    return d;
}

/* ---- What is told ---- */

/* False: the watcher may not know what the user is doing, nor is told that it is over. Who sees the
 * calendar's times sees that. */
static bool may_know(const struct xmpp_host *host, struct gw_str user, struct gw_str watcher,
                     bool *in_meeting)
{
    struct pres_doc doc;

    if (!pres_is_watched_by(host->core, user, watcher) ||
        !pres_whole(host->core, user, watcher, &doc))
        return false;
    *in_meeting = doc.shown.kind == PRES_CAL_MEETING;
    return gw_str_eq(user, watcher) || doc.calendar.kind != PRES_CAL_NONE;
}

static void put_item(struct xml_writer *w, bool in_meeting)
{
    xml_open(w, "item");
    xml_put_attr(w, "id", GW_STR("current"));
    xmpp_open_ns(w, "activity", NS_ACTIVITY);
    if (in_meeting) {
        xml_open(w, "working");
        xml_open(w, "in_a_meeting");
        xml_close(w);
        xml_close(w);
    }
    xml_close(w);
    xml_close(w);
}

static void send_event(struct xmpp_c2s *c, struct gw_str user, bool in_meeting)
{
    struct xml_writer w;

    xmpp_begin(c, &w);
    xml_open(&w, "message");
    xml_put_attr(&w, "from", user);
    xml_put_attr(&w, "to", gw_str_of(c->full));
    xml_put_attr(&w, "type", GW_STR("headline"));
    xmpp_open_ns(&w, "event", NS_EVENT);
    xml_open(&w, "items");
    xml_put_attr(&w, "node", GW_STR(NS_ACTIVITY));
    put_item(&w, in_meeting);
    xml_close(&w);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
}

static void tell_watcher(struct xmpp_host *host, struct gw_str user, struct gw_str watcher)
{
    bool in_meeting;

    for (struct pres_session *s = NULL; (s = pres_session_next(host->core, watcher, s));) {
        struct xmpp_c2s *c = pres_session_ctx_of(s, host->front);

        if (c && c->wants_activity && may_know(host, user, watcher, &in_meeting))
            send_event(c, user, in_meeting);
    }
}

static void tell_all(struct xmpp_host *host, struct gw_str user)
{
    struct gw_str watcher;
    size_t pos = 0;

    tell_watcher(host, user, user);
    while (pres_watcher_next(host->core, user, &pos, &watcher))
        tell_watcher(host, user, watcher);
}

bool xmpp_activity_is_due(const struct xmpp_activity *a)
{
    return !gw_list_is_empty(&a->changed);
}

void xmpp_activity_tick(struct xmpp_activity *a)
{
    struct gw_list *link;

    for (int i = 0; i < XMPP_TURN_MAX && (link = gw_list_pop(&a->changed)); i++) {
        struct doing *d = GW_CONTAINER(link, struct doing, changed);

        tell_all(a->host, d->user);
        if (!d->in_meeting)
            forget(a, d);
    }
}

void xmpp_activity_stirred(struct xmpp_activity *a, struct gw_str user)
{
    bool in_meeting = false; /* also of one who is no more */
    struct doing *d;

    if (!a->wanted)
        return;
    d = gw_map_get(a->doing, user);
    (void)may_know(a->host, user, user, &in_meeting);
    if (in_meeting == (d && d->in_meeting))
        return;
    if (!d)
        d = make(a, user);
    d->in_meeting = in_meeting;
    if (gw_list_is_empty(&d->changed))
        gw_list_append(&a->changed, &d->changed);
    if (a->host->wake)
        a->host->wake(a->host->wake_ctx);
}

/* ---- Who wants it ---- */

static void tell_newcomer(const struct pres_item *item, void *ctx)
{
    struct xmpp_c2s *c = ctx;
    struct xmpp_activity *a = c->host->activity;
    struct doing *d;
    bool in_meeting;

    if (!may_know(c->host, item->jid, gw_str_of(c->user), &in_meeting) || !in_meeting)
        return;
    d = gw_map_get(a->doing, item->jid);
    if (!d)
        make(a, item->jid)->in_meeting = true;
    send_event(c, item->jid, true);
}

static void want(struct xmpp_c2s *c, bool wants)
{
    struct xmpp_activity *a = c->host->activity;

    if (c->wants_activity == wants)
        return;
    c->wants_activity = wants;
    a->wanted += wants ? 1 : (size_t)-1;
    if (wants)
        pres_roster_each(c->session, tell_newcomer, c);
    else if (!a->wanted)
        forget_all(a);
}

void xmpp_activity_leave(struct xmpp_c2s *c)
{
    want(c, false);
}

static void ask(struct xmpp_c2s *c, struct gw_str node)
{
    struct xml_writer w;

    xmpp_begin(c, &w);
    xml_open(&w, "iq");
    xml_put_attr(&w, "type", GW_STR("get"));
    xml_put_attr(&w, "id", GW_STR(XMPP_CAPS_ID));
    xml_put_attr(&w, "from", gw_str_of(c->domain));
    xml_put_attr(&w, "to", gw_str_of(c->full));
    xmpp_open_ns(&w, "query", NS_INFO);
    xml_put_attr(&w, "node", node);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
}

void xmpp_activity_presence(struct xmpp_c2s *c, const struct xml_node *presence)
{
    const struct xml_node *caps = xml_child(presence, NS_CAPS, "c");
    struct gw_buf node;
    uint64_t hash;

    if (!xml_attr(caps, "ver").len)
        return;
    gw_buf_init(&node, 2 * XMPP_JID_PART_MAX);
    gw_buf_add_str(&node, xml_attr(caps, "node"));
    gw_buf_add_char(&node, '#');
    gw_buf_add_str(&node, xml_attr(caps, "ver"));
    hash = gw_hash_stable(gw_buf_str(&node));
    if (!node.failed && hash != c->caps) {
        c->caps = hash;
        ask(c, gw_buf_str(&node));
    }
    gw_buf_done(&node);
}

void xmpp_activity_caps(struct xmpp_c2s *c, const struct xml_node *iq)
{
    const struct xml_node *f = xml_child(xml_child(iq, NS_INFO, "query"), NS_INFO, "feature");
    bool wants = false;

    for (; f && !wants; f = xml_next_same(f))
        wants = gw_str_is(xml_attr(f, "var"), NS_ACTIVITY "+notify");
    want(c, wants);
}

/* ---- Asking for it: XEP-0060 6.5 ---- */

void xmpp_on_items(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *pubsub)
{
    const struct xml_node *items = xml_child(pubsub, NS_PUBSUB, "items");
    struct gw_str me = gw_str_of(c->user), user = s->has_to ? s->to.bare : me;
    struct xml_writer w;
    bool in_meeting;

    if (!items) {
        xmpp_stanza_error(c, s, XMPP_SERVICE_UNAVAILABLE, NULL);
    } else if (!gw_str_is(xml_attr(items, "node"), NS_ACTIVITY)) {
        xmpp_stanza_error(c, s, XMPP_ITEM_NOT_FOUND, NULL);
    } else if (!may_know(c->host, user, me, &in_meeting)) {
        xmpp_stanza_error(c, s, XMPP_FORBIDDEN, NULL);
    } else {
        xmpp_begin_result(c, s, &w);
        xmpp_open_ns(&w, "pubsub", NS_PUBSUB);
        xml_open(&w, "items");
        xml_put_attr(&w, "node", GW_STR(NS_ACTIVITY));
        put_item(&w, in_meeting);
        xml_close(&w);
        xml_close(&w);
        xml_close(&w);
        xmpp_end(c);
    }
}
