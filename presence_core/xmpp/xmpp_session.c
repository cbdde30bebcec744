/* Stanzas of a client with a resource: which kind, to whom, and on. */
#include <string.h>

#include "gw_log.h"
#include "xmpp_priv.h"

enum { COPY_ATTRS_MAX = XMPP_ATTRS_MAX + 3 };

/* RFC 6120 8.1.2.1: 'from' may be missing, or be the client's own address. */
static bool is_own_from(const struct xmpp_c2s *c, struct gw_str from)
{
    struct xmpp_jid jid;

    if (!from.p || gw_str_is(from, c->full) || gw_str_is(from, c->user))
        return true;
    return !xmpp_jid_parse(from, &jid, NULL) &&
           (gw_str_is(jid.full, c->full) || gw_str_is(jid.full, c->user));
}

static bool is_type_known(struct gw_str type, const char *const *types)
{
    if (!type.p)
        return true;
    for (; *types; types++) {
        if (gw_str_is(type, *types))
            return true;
    }
    return false;
}

static const char *const message_types[] = { "normal",   "chat",  "groupchat",
                                             "headline", "error", NULL };
static const char *const presence_types[] = {
    "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error", NULL
};
static const char *const iq_types[] = { "get", "set", "result", "error", NULL };

static const struct {
    const char *name;
    const char *const *types;
    void (*handle)(struct xmpp_c2s *c, struct xmpp_stanza *s);
} kinds[] = {
    { "message", message_types, xmpp_on_message },
    { "presence", presence_types, xmpp_on_presence },
    { "iq", iq_types, xmpp_on_iq },
};

static void handle(struct xmpp_c2s *c, struct xmpp_stanza *s, size_t kind)
{
    struct gw_str to = xml_attr(s->node, "to");

    if (!is_own_from(c, xml_attr(s->node, "from"))) {
        xmpp_stream_error(c, "invalid-from", "'from' is another address");
        return;
    }
    if (!is_type_known(s->type, kinds[kind].types)) {
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, "no such type");
        return;
    }
    if (to.p) {
        s->has_to = true;
        if (xmpp_jid_parse(to, &s->to, NULL)) {
            xmpp_stanza_error(c, s, XMPP_JID_MALFORMED, NULL);
            return;
        }
    }
    if (s->has_to && s->to.local.len &&
        pres_is_shut_out(c->host->core, gw_str_of(c->user), s->to.bare))
        xmpp_stanza_error(c, s, XMPP_BLOCKED, NULL);
    else
        kinds[kind].handle(c, s);
}

/* XEP-0352 */
static void on_active(struct xmpp_c2s *c, const struct xml_node *node)
{
    (void)node;
    c->is_inactive = false;
    xmpp_release_held(c);
}

static void on_inactive(struct xmpp_c2s *c, const struct xml_node *node)
{
    (void)node;
    c->is_inactive = true;
}

/* What is no stanza. */
static const struct {
    const char *ns, *name;
    void (*handle)(struct xmpp_c2s *c, const struct xml_node *node);
} elements[] = {
    { NS_SM, "r", xmpp_on_sm_request },     { NS_SM, "a", xmpp_on_sm_answer },
    { NS_SM, "enable", xmpp_on_sm_enable }, { NS_SM, "resume", xmpp_on_sm_resume },
    { NS_CSI, "active", on_active },        { NS_CSI, "inactive", on_inactive },
};

void xmpp_on_stanza(struct xmpp_c2s *c, const struct xml_node *node)
{
    struct xmpp_stanza s;

    s.node = node;
    s.type = xml_attr(node, "type");
    s.id = xml_attr(node, "id");
    s.has_to = false;
    s.at = 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (xml_is(node, NS_CLIENT, kinds[i].name)) {
            xmpp_sm_handled(c);
            handle(c, &s, i);
            return;
        }
    }
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        if (xml_is(node, elements[i].ns, elements[i].name)) {
            elements[i].handle(c, node);
            return;
        }
    }
    if (gw_str_is(node->ns, NS_SASL) || gw_str_is(node->ns, NS_TLS))
        xmpp_stream_error(c, "policy-violation", "the login is over");
    else
        xmpp_unknown_stanza(c, node);
}

/* The same element, with our 'from' in place of the client's, and 'to' in the form in which
 * addresses are compared: peers match it with their own. */
static void copy_attrs(const struct xmpp_sender *by, const struct xmpp_stanza *s, bool is_inside,
                       struct xml_attr attrs[COPY_ATTRS_MAX])
{
    size_t count = 0;

    if (is_inside)
        attrs[count++] = (struct xml_attr){ .name = GW_STR("xmlns"), .value = GW_STR(NS_CLIENT) };
    attrs[count++] = (struct xml_attr){ .name = GW_STR("from"), .value = by->from };
    if (is_inside)
        attrs[0].next = &attrs[1];
    for (const struct xml_attr *a = s->node->attrs; a && count < COPY_ATTRS_MAX; a = a->next) {
        if (!a->ns.len && gw_str_is(a->name, "from"))
            continue;
        attrs[count] = *a;
        if (s->has_to && !a->ns.len && gw_str_is(a->name, "to"))
            attrs[count].value = s->to.full;
        attrs[count - 1].next = &attrs[count];
        count++;
    }
    attrs[count - 1].next = NULL;
}

/* XEP-0203: when it came, in front of what is in it, unless that is said already. */
static void add_delay(const struct xmpp_stanza *s, char stamp[GW_UTC_TEXT_MAX],
                      struct xml_attr *attr, struct xml_node *delay, struct xml_node *copy)
{
    *attr =
        (struct xml_attr){ .name = GW_STR("stamp"), .value = gw_str_of(gw_utc_text(s->at, stamp)) };
    *delay = (struct xml_node){ .ns = GW_STR(NS_DELAY),
                                .name = GW_STR("delay"),
                                .attrs = attr,
                                .parent = copy,
                                .next = copy->child };
    copy->child = delay;
}

static void copy_stanza(const struct xmpp_sender *by, const struct xmpp_stanza *s, bool is_inside,
                        struct gw_buf *out)
{
    struct xml_attr attrs[COPY_ATTRS_MAX], delay_attr;
    struct xml_node copy = *s->node, delay;
    char stamp[GW_UTC_TEXT_MAX];
    struct xml_writer w;

    copy_attrs(by, s, is_inside, attrs);
    copy.attrs = attrs;
    if (s->at && !xml_child(s->node, NS_DELAY, "delay"))
        add_delay(s, stamp, &delay_attr, &delay, &copy);
    xml_write_init(&w, out);
    xml_put_node(&w, &copy, s->node->ns); /* its own: that of clients, or that of servers */
}

void xmpp_copy_stanza(const struct xmpp_sender *by, const struct xmpp_stanza *s, struct gw_buf *out)
{
    copy_stanza(by, s, false, out);
}

void xmpp_copy_into(const struct xmpp_sender *by, const struct xmpp_stanza *s, struct gw_buf *out)
{
    copy_stanza(by, s, true, out);
}

bool xmpp_is_reachable(const struct xmpp_c2s *c)
{
    return c->state == XMPP_SESSION && (!c->is_lost || xmpp_sm_is_resumable(c));
}

bool xmpp_has_taken(const struct xmpp_c2s *c)
{
    return c->sm || !c->is_lost;
}

bool xmpp_forward(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                  struct pres_session *to)
{
    struct xmpp_c2s *peer = pres_session_ctx_of(to, by->host->front);
    struct xml_writer w;

    if (!peer || !xmpp_is_reachable(peer))
        return false;
    peer->took = by->host->message;
    xmpp_begin(peer, &w);
    xmpp_copy_stanza(by, s, &by->host->out);
    xmpp_end(peer);
    return xmpp_has_taken(peer);
}

/* ---- Stanzas that were kept ---- */

bool xmpp_sender_find(struct xmpp_host *host, struct gw_str from, struct xmpp_sender *out)
{
    struct gw_str bare = from, resource = GW_STR("");
    struct pres_session *s;

    (void)gw_str_cut(from, "/", &bare, &resource);
    *out = (struct xmpp_sender){ .host = host, .from = from };
    switch (pres_route(host->core, bare)) {
    case PRES_ROUTE_LOCAL:
        s = pres_session_find(host->core, bare, resource);
        out->c = s ? pres_session_ctx_of(s, host->front) : NULL;
        out->is_gone = !out->c;
        return resource.len > 0;
    case PRES_ROUTE_ABROAD: /* by another way: nothing can be told */
        out->is_gone = !host->fed || pres_route_front(host->core, bare) != host->front;
        return true;
    case PRES_ROUTE_UNKNOWN_USER: /* any more */
    case PRES_ROUTE_UNKNOWN_SERVER:
        out->is_gone = true;
        return true;
    case PRES_ROUTE_SERVER:
        return false;
    }
    return false;
}

struct kept {
    struct xmpp_host *host;
    gw_utc at;
    void (*fn)(struct xmpp_host *host, const struct xml_node *node, gw_utc at);
};

static void on_kept_open(const struct xml_node *root, void *ctx)
{
    (void)root;
    (void)ctx;
}

static void on_kept(const struct xml_node *node, void *ctx)
{
    const struct kept *k = ctx;

    k->fn(k->host, node, k->at);
}

static void on_kept_close(void *ctx)
{
    (void)ctx;
}

void xmpp_read_kept(struct xmpp_host *host, struct gw_str bytes, gw_utc at,
                    void (*fn)(struct xmpp_host *host, const struct xml_node *node, gw_utc at))
{
    static const struct xml_stream_handlers handlers = { on_kept_open, on_kept, on_kept_close };
    /* Of what we have written ourselves: a little more than was read. */
    const struct xml_stream_limits limits = { .stanza_max = XMPP_OUT_MAX,
                                              .depth_max = XMPP_DEPTH_MAX + 4,
                                              .nodes_max = XMPP_NODES_MAX + 4,
                                              .attrs_max = XMPP_ATTRS_MAX + 4 };
    struct kept kept = { host, at, fn };
    struct xml_stream *xs = xml_stream_new(&limits, &handlers, &kept);
    struct gw_err err;

    if (xml_stream_feed(xs, GW_STR("<stream xmlns='" NS_CLIENT "'>"), &err) ||
        xml_stream_feed(xs, bytes, &err))
        gw_error("xmpp", "a stanza that was kept cannot be read error=\"%s\", dropped", err.msg);
    xml_stream_free(&xs);
}
