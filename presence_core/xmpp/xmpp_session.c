/* Stanzas of a client with a resource: which kind, to whom, and on. */
#include <string.h>

#include "xmpp_priv.h"

enum { COPY_ATTRS_MAX = XMPP_ATTRS_MAX + 2 };

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

void xmpp_on_stanza(struct xmpp_c2s *c, const struct xml_node *node)
{
    struct xmpp_stanza s;

    s.node = node;
    s.type = xml_attr(node, "type");
    s.id = xml_attr(node, "id");
    s.has_to = false;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (xml_is(node, NS_CLIENT, kinds[i].name)) {
            handle(c, &s, i);
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
static void copy_attrs(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                       struct xml_attr attrs[COPY_ATTRS_MAX])
{
    size_t count = 1;

    attrs[0] = (struct xml_attr){ .name = GW_STR("from"), .value = by->from };
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

void xmpp_copy_stanza(const struct xmpp_sender *by, const struct xmpp_stanza *s, struct gw_buf *out)
{
    struct xml_attr attrs[COPY_ATTRS_MAX];
    struct xml_node copy = *s->node;
    struct xml_writer w;

    copy_attrs(by, s, attrs);
    copy.attrs = attrs;
    xml_write_init(&w, out);
    xml_put_node(&w, &copy, s->node->ns); /* its own: that of clients, or that of servers */
}

bool xmpp_forward(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                  struct pres_session *to)
{
    struct xmpp_c2s *peer = pres_session_ctx_of(to, by->host->front);
    struct xml_writer w;

    if (!peer)
        return false;
    xmpp_begin(peer, &w);
    xmpp_copy_stanza(by, s, &by->host->out);
    xmpp_end(peer);
    return true;
}
