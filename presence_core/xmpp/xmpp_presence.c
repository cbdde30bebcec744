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

/* Of the stanza's own namespace: that of clients, or that of servers. */
static bool is_own(const struct xml_node *n, const char *name)
{
    return gw_str_is(n->name, name) && gw_str_eq(n->ns, n->parent->ns);
}

static const struct xml_node *own_child(const struct xml_node *node, const char *name)
{
    for (const struct xml_node *n = node->child; n; n = n->next) {
        if (is_own(n, name))
            return n;
    }
    return NULL;
}

static bool read_show(const struct xml_node *node, struct pres_client *out)
{
    const struct xml_node *show = own_child(node, "show");
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
    const struct xml_node *priority = own_child(node, "priority");
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
    return is_own(node, "status");
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
        xml_put_node(&w, n, node->ns);
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
        if (!is_status(n) && !is_own(n, "show") && !is_own(n, "priority"))
            xml_put_node(&w, n, node->ns);
    }
    out->extra = gw_buf_str(extra);
}

/* XEP-0319, XEP-0256: the client says by itself that nobody is there. */
static bool read_idle(const struct xml_node *node)
{
    return xml_child(node, "urn:xmpp:idle:1", "idle") || xml_child(node, "jabber:iq:last", "query");
}

void xmpp_words_init(struct xmpp_words *w)
{
    w->client = (struct pres_client){ 0 };
    gw_buf_init(&w->texts, PRES_CLIENT_MAX + 1);
    gw_buf_init(&w->extra, PRES_CLIENT_MAX + 1);
}

void xmpp_words_done(struct xmpp_words *w)
{
    gw_buf_done(&w->texts);
    gw_buf_done(&w->extra);
}

enum gw_code xmpp_words_read(const struct xmpp_stanza *s, struct xmpp_words *w)
{
    read_status(s->node, &w->client, &w->texts);
    read_extra(s->node, &w->client, &w->extra);
    w->client.is_idle = read_idle(s->node);
    if (gw_str_is(s->type, "unavailable"))
        w->client.show = PRES_OFFLINE;
    else if (!read_show(s->node, &w->client) || !read_priority(s->node, &w->client))
        return GW_BADMSG;
    return w->texts.failed || w->extra.failed ? GW_LIMIT : GW_OK;
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
    case PRES_ROUTE_ABROAD:
        on_code(c, s, pres_session_direct(c->session, s->to.bare, s->to.resource, client));
        return;
    case PRES_ROUTE_UNKNOWN_SERVER:
        xmpp_stanza_error(c, s, XMPP_REMOTE_SERVER_NOT_FOUND, NULL);
        return;
    case PRES_ROUTE_UNKNOWN_USER: /* RFC 6121 8.5.1: nothing is said */
    case PRES_ROUTE_SERVER:
        return;
    }
}

/* XEP-0160: what was kept for the user. */
static void take_mail(struct xmpp_c2s *c, const struct pres_client *client)
{
    bool is_ready = client->show != PRES_OFFLINE && client->priority >= 0;

    if (is_ready && !c->is_ready)
        xmpp_offline_deliver(c);
    c->is_ready = is_ready;
}

static void on_own_state(struct xmpp_c2s *c, const struct xmpp_stanza *s,
                         const struct pres_client *client)
{
    enum gw_code rc = pres_session_set(c->session, client, c->now);

    on_code(c, s, rc);
    if (rc)
        return;
    take_mail(c, client);
    xmpp_caps_presence(c, s->node);
}

static void on_state(struct xmpp_c2s *c, const struct xmpp_stanza *s)
{
    struct xmpp_words words;
    enum gw_code rc;

    xmpp_words_init(&words);
    rc = xmpp_words_read(s, &words);
    if (rc == GW_BADMSG)
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, "no such show, or no such priority");
    else if (rc)
        on_code(c, s, rc);
    else if (s->has_to)
        direct(c, s, &words.client);
    else
        on_own_state(c, s, &words.client);
    c->tokens -= s->has_to ? 0 : XMPP_BROADCAST_COST;
    xmpp_words_done(&words);
}

void xmpp_read_extra(const struct xmpp_stanza *s, struct gw_buf *out, size_t max)
{
    struct xml_writer w;

    gw_buf_init(out, max);
    xml_write_init(&w, out);
    for (const struct xml_node *n = s->node->child; n; n = n->next)
        xml_put_node(&w, n, s->node->ns);
}

static void on_request(struct xmpp_c2s *c, const struct xmpp_stanza *s, enum pres_request request)
{
    struct gw_buf extra;
    struct gw_err err;

    if (!s->has_to) {
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, "to whom?");
        return;
    }
    /* A request that is too long to be kept is passed on without its words. */
    xmpp_read_extra(s, &extra, PRES_REQUEST_EXTRA_MAX);
    switch (pres_request_send(c->session, request, s->to.bare,
                              extra.failed ? GW_STR("") : gw_buf_str(&extra), &err)) {
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
