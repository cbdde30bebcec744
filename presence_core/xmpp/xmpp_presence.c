/* Presence from clients: RFC 6121 sections 3 and 4. */
#include "gw_log.h"
#include "xmpp_priv.h"

static const struct {
    const char *name;
    enum pres_show show;
    unsigned char shade;
} shows[] = {
    { "chat", PRES_AVAILABLE, 1 },
    { "away", PRES_AWAY, 0 },
    { "xa", PRES_XA, 0 },
    { "dnd", PRES_DND, 0 },
};

static bool read_show(const struct xml_node *node, struct pres_client *out)
{
    const struct xml_node *show = xml_child(node, NS_CLIENT, "show");
    struct gw_str name = xml_text(show);

    out->show = PRES_AVAILABLE;
    if (!show)
        return true;
    for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++) {
        if (gw_str_is(name, shows[i].name)) {
            out->show = shows[i].show;
            out->shade = shows[i].shade;
            return true;
        }
    }
    return false;
}

static bool read_priority(const struct xml_node *node, struct pres_client *out)
{
    const struct xml_node *priority = xml_child(node, NS_CLIENT, "priority");
    struct gw_str text = xml_text(priority);
    int64_t n;

    if (!priority)
        return true;
    if (gw_str_starts(text, "+"))
        text = gw_str_sub(text, 1, text.len);
    if (!gw_str_to_int(text, -128, 127, &n))
        return false;
    out->priority = (int)n;
    return true;
}

static bool is_status(const struct xml_node *node)
{
    return xml_is(node, NS_CLIENT, "status");
}

static bool has_lang(const struct xml_node *node)
{
    return xml_attr_ns(node, NS_XML, "lang").p != NULL;
}

/* One text for everybody: the one without a language, else the first. All of them as they came only
 * when there is more to them. */
static void read_status(const struct xml_node *node, struct pres_client *out, struct gw_buf *texts)
{
    const struct xml_node *best = NULL;
    struct xml_writer w;
    bool is_plain = true;
    unsigned count = 0;

    xml_write_init(&w, texts);
    for (const struct xml_node *n = node->child; n; n = n->next) {
        if (!is_status(n))
            continue;
        if (!best || (has_lang(best) && !has_lang(n)))
            best = n;
        if (has_lang(n))
            is_plain = false;
        count++;
        xml_put_node(&w, n, GW_STR(NS_CLIENT));
    }
    out->text = xml_text(best);
    if (count > 1 || !is_plain)
        out->texts = gw_buf_str(texts);
}

static void read_extra(const struct xml_node *node, struct pres_client *out, struct gw_buf *extra)
{
    struct xml_writer w;

    xml_write_init(&w, extra);
    for (const struct xml_node *n = node->child; n; n = n->next) {
        if (!is_status(n) && !xml_is(n, NS_CLIENT, "show") && !xml_is(n, NS_CLIENT, "priority"))
            xml_put_node(&w, n, GW_STR(NS_CLIENT));
    }
    out->extra = gw_buf_str(extra);
}

/* XEP-0319, XEP-0256: the client says by itself that nobody is there. */
static bool read_idle(const struct xml_node *node)
{
    return xml_child(node, "urn:xmpp:idle:1", "idle") || xml_child(node, "jabber:iq:last", "query");
}

/* texts and extra: the buffers that 'out' points into. */
static bool read_client(const struct xmpp_stanza *s, struct pres_client *out, struct gw_buf *texts,
                        struct gw_buf *extra)
{
    *out = (struct pres_client){ 0 };
    read_status(s->node, out, texts);
    read_extra(s->node, out, extra);
    out->is_idle = read_idle(s->node);
    if (gw_str_is(s->type, "unavailable")) {
        out->show = PRES_OFFLINE;
        return true;
    }
    return read_show(s->node, out) && read_priority(s->node, out);
}

static void on_code(struct xmpp_c2s *c, const struct xmpp_stanza *s, enum gw_code rc)
{
    if (rc == GW_LIMIT)
        xmpp_stanza_error(c, s, XMPP_POLICY_VIOLATION, "too long, or too many");
}

static void direct(struct xmpp_c2s *c, const struct xmpp_stanza *s,
                   const struct pres_client *client)
{
    switch (pres_route(c->host->core, s->to.bare)) {
    case PRES_ROUTE_LOCAL:
        on_code(c, s, pres_session_direct(c->session, s->to.bare, s->to.resource, client));
        return;
    case PRES_ROUTE_ABROAD:
    case PRES_ROUTE_UNKNOWN_SERVER:
        xmpp_stanza_error(c, s, XMPP_REMOTE_SERVER_NOT_FOUND, NULL);
        return;
    case PRES_ROUTE_UNKNOWN_USER: /* RFC 6121 8.5.1: nothing is said */
    case PRES_ROUTE_SERVER:
        return;
    }
}

static void on_state(struct xmpp_c2s *c, const struct xmpp_stanza *s)
{
    struct gw_buf texts, extra;
    struct pres_client client;

    gw_buf_init(&texts, PRES_CLIENT_MAX + 1);
    gw_buf_init(&extra, PRES_CLIENT_MAX + 1);
    if (!read_client(s, &client, &texts, &extra))
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, "no such show, or no such priority");
    else if (texts.failed || extra.failed)
        on_code(c, s, GW_LIMIT);
    else if (s->has_to)
        direct(c, s, &client);
    else
        on_code(c, s, pres_session_set(c->session, &client, c->now));
    c->tokens -= s->has_to ? 0 : XMPP_BROADCAST_COST;
    gw_buf_done(&texts);
    gw_buf_done(&extra);
}

static void on_request(struct xmpp_c2s *c, const struct xmpp_stanza *s, enum pres_request request)
{
    struct pres_client words = { 0 };
    struct gw_buf extra;
    struct xml_writer w;
    struct gw_err err;

    if (!s->has_to) {
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, "to whom?");
        return;
    }
    /* A request that is too long to be kept is passed on without its words. */
    gw_buf_init(&extra, PRES_REQUEST_EXTRA_MAX);
    xml_write_init(&w, &extra);
    for (const struct xml_node *n = s->node->child; n; n = n->next)
        xml_put_node(&w, n, GW_STR(NS_CLIENT));
    if (!extra.failed)
        words.extra = gw_buf_str(&extra);
    switch (pres_request_send(c->session, request, s->to.bare, words.extra, &err)) {
    case GW_OK:
        break;
    case GW_NOTFOUND:
        xmpp_stanza_error(c, s, XMPP_REMOTE_SERVER_NOT_FOUND, NULL);
        break;
    case GW_LIMIT:
        xmpp_stanza_error(c, s, XMPP_RESOURCE_CONSTRAINT, err.msg);
        break;
    default:
        xmpp_stanza_error(c, s, XMPP_NOT_ALLOWED, err.msg);
        break;
    }
    gw_buf_done(&extra);
}

static const struct {
    const char *type;
    enum pres_request request;
} requests[] = {
    { "subscribe", PRES_SUBSCRIBE },
    { "subscribed", PRES_SUBSCRIBED },
    { "unsubscribe", PRES_UNSUBSCRIBE },
    { "unsubscribed", PRES_UNSUBSCRIBED },
};

void xmpp_on_presence(struct xmpp_c2s *c, struct xmpp_stanza *s)
{
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (gw_str_is(s->type, requests[i].type)) {
            on_request(c, s, requests[i].request);
            return;
        }
    }
    if (gw_str_is(s->type, "error"))
        return;
    if (gw_str_is(s->type, "probe")) {
        if (s->has_to)
            pres_session_probe(c->session, s->to.bare);
        return;
    }
    on_state(c, s);
}
