/* Questions: to the server, to one's own account, and through it to other clients (RFC 6120 8.2.3,
 * RFC 6121 8.5). */
#include <stdio.h>

#include "xmpp_priv.h"

typedef void answer_fn(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child);

static void put_feature(struct xml_writer *w, const char *ns)
{
    xml_open(w, "feature");
    xml_put_attr(w, "var", gw_str_of(ns));
    xml_close(w);
}

static void put_identity(struct xml_writer *w, const char *category, const char *type,
                         const char *name)
{
    xml_open(w, "identity");
    xml_put_attr(w, "category", gw_str_of(category));
    xml_put_attr(w, "type", gw_str_of(type));
    if (name)
        xml_put_attr(w, "name", gw_str_of(name));
    xml_close(w);
}

/* XEP-0030: no other node is known here. */
static bool refuses_node(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    if (!xml_attr(child, "node").len)
        return false;
    xmpp_stanza_error(c, s, XMPP_ITEM_NOT_FOUND, NULL);
    return true;
}

static void begin_query(struct xmpp_c2s *c, struct xmpp_stanza *s, const char *ns,
                        struct xml_writer *w)
{
    xmpp_begin_result(c, s, w);
    xmpp_open_ns(w, "query", ns);
}

static void end_query(struct xmpp_c2s *c, struct xml_writer *w)
{
    xml_close(w);
    xml_close(w);
    xmpp_end(c);
}

/* XEP-0050 2.3: what a command is. False: the node is none. */
static bool command_info(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    struct gw_str name, node = xml_attr(child, "node");
    struct xml_writer w;

    if (!xmpp_command_name(c, s, node, &name))
        return false;
    begin_query(c, s, NS_INFO, &w);
    xml_put_attr(&w, "node", node);
    xml_open(&w, "identity");
    xml_put_attr(&w, "category", GW_STR("automation"));
    xml_put_attr(&w, "type", GW_STR("command-node"));
    xml_put_attr(&w, "name", name);
    xml_close(&w);
    put_feature(&w, NS_COMMANDS);
    put_feature(&w, NS_DATA);
    end_query(c, &w);
    return true;
}

static void server_info(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    struct xml_writer w;

    if (command_info(c, s, child) || refuses_node(c, s, child))
        return;
    begin_query(c, s, NS_INFO, &w);
    put_identity(&w, "server", "im", "Kalends");
    put_feature(&w, NS_INFO);
    put_feature(&w, NS_ITEMS);
    put_feature(&w, NS_COMMANDS);
    put_feature(&w, NS_PING);
    put_feature(&w, NS_BLOCKING);
    put_feature(&w, NS_PRIVACY);
    put_feature(&w, NS_CARBONS);
    put_feature(&w, NS_TIME);
    put_feature(&w, NS_LAST);
    if (c->host->offline)
        put_feature(&w, "msgoffline");
    if (c->host->version)
        put_feature(&w, NS_VERSION);
    end_query(c, &w);
}

static void account_info(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    struct xml_writer w;

    if (command_info(c, s, child) || refuses_node(c, s, child))
        return;
    begin_query(c, s, NS_INFO, &w);
    put_identity(&w, "account", "registered", NULL);
    put_feature(&w, NS_INFO);
    put_feature(&w, NS_ITEMS);
    put_feature(&w, NS_COMMANDS);
    put_feature(&w, NS_LAST);
    if (c->host->vcards)
        put_feature(&w, NS_VCARD);
    end_query(c, &w);
}

/* Those of the commands, if they are asked for. */
static void items(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    struct xml_writer w;

    if (gw_str_is(xml_attr(child, "node"), NS_COMMANDS)) {
        begin_query(c, s, NS_ITEMS, &w);
        xml_put_attr(&w, "node", GW_STR(NS_COMMANDS));
        xmpp_put_commands(c, s, &w);
        end_query(c, &w);
        return;
    }
    if (refuses_node(c, s, child))
        return;
    begin_query(c, s, NS_ITEMS, &w);
    end_query(c, &w);
}

static void pong(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    (void)child;
    xmpp_empty_result(c, s);
}

static void version(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    struct xml_writer w;

    (void)child;
    if (!c->host->version) {
        xmpp_stanza_error(c, s, XMPP_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    begin_query(c, s, NS_VERSION, &w);
    xml_put(&w, "name", GW_STR("Kalends"));
    xml_put(&w, "version", gw_str_of(c->host->version));
    end_query(c, &w);
}

static void session(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    (void)child;
    xmpp_empty_result(c, s);
}

/* RFC 6120 7.1: one resource on one stream. */
static void bind_again(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    (void)child;
    xmpp_stanza_error(c, s, XMPP_NOT_ALLOWED, "a resource is bound already");
}

/* XEP-0202 */
static void entity_time(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    char text[GW_UTC_TEXT_MAX];
    struct xml_writer w;

    (void)child;
    xmpp_begin_result(c, s, &w);
    xmpp_open_ns(&w, "time", NS_TIME);
    xml_put(&w, "tzo", GW_STR("+00:00"));
    xml_put(&w, "utc", gw_str_of(gw_utc_text(c->now.utc - c->now.utc % GW_SECOND_MS, text)));
    end_query(c, &w);
}

static void put_seconds(struct xmpp_c2s *c, struct xmpp_stanza *s, int64_t ms)
{
    struct xml_writer w;
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)(ms > 0 ? ms / GW_SECOND_MS : 0));
    begin_query(c, s, NS_LAST, &w);
    xml_put_attr(&w, "seconds", gw_str_of(text));
    end_query(c, &w);
}

/* XEP-0012 4: of the server, how long it has been up. */
static void uptime(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    (void)child;
    put_seconds(c, s, c->now.utc - c->host->since);
}

/* XEP-0012 3: of a user, since when nobody is there; for those who may see him. */
static void last_activity(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    struct gw_str user = s->has_to ? s->to.bare : gw_str_of(c->user);
    struct pres_user_view view;

    (void)child;
    if (!pres_is_watched_by(c->host->core, user, gw_str_of(c->user)))
        xmpp_stanza_error(c, s, XMPP_FORBIDDEN, NULL);
    else if (!pres_user_view(c->host->core, user, &view))
        xmpp_stanza_error(c, s, XMPP_SERVICE_UNAVAILABLE, NULL);
    else if (view.composed.show != PRES_OFFLINE)
        put_seconds(c, s, 0);
    else if (view.since)
        put_seconds(c, s, c->now.utc - view.since);
    else /* not since the last start */
        xmpp_stanza_error(c, s, XMPP_SERVICE_UNAVAILABLE, NULL);
}

enum where { SERVER = 1, ACCOUNT = 2, OTHER = 4 /* another user's account */ };

static const struct {
    const char *ns, *name;
    const char *type; /* NULL: get and set */
    unsigned where;
    answer_fn *answer;
} answers[] = {
    { NS_ROSTER, "query", NULL, ACCOUNT, xmpp_on_roster },
    { NS_CARBONS, "enable", "set", ACCOUNT, xmpp_on_carbons },
    { NS_CARBONS, "disable", "set", ACCOUNT, xmpp_on_carbons },
    { NS_BLOCKING, "blocklist", "get", ACCOUNT, xmpp_on_blocklist },
    { NS_BLOCKING, "block", "set", ACCOUNT, xmpp_on_block },
    { NS_BLOCKING, "unblock", "set", ACCOUNT, xmpp_on_unblock },
    { NS_PRIVACY, "query", NULL, ACCOUNT, xmpp_on_privacy },
    { NS_PING, "ping", "get", SERVER | ACCOUNT, pong },
    { NS_INFO, "query", "get", SERVER, server_info },
    { NS_INFO, "query", "get", ACCOUNT, account_info },
    { NS_ITEMS, "query", "get", SERVER | ACCOUNT, items },
    { NS_COMMANDS, "command", "set", SERVER | ACCOUNT, xmpp_on_command },
    { NS_VERSION, "query", "get", SERVER, version },
    { NS_TIME, "time", "get", SERVER, entity_time },
    { NS_LAST, "query", "get", SERVER, uptime },
    { NS_LAST, "query", "get", ACCOUNT | OTHER, last_activity },
    { NS_REGISTER, "query", NULL, SERVER | ACCOUNT, xmpp_on_register },
    { NS_PUBSUB, "pubsub", "get", ACCOUNT | OTHER, xmpp_on_items },
    { NS_VCARD, "vCard", NULL, ACCOUNT | OTHER, xmpp_on_vcard },
    { NS_SESSION, "session", "set", SERVER | ACCOUNT, session },
    { NS_BIND, "bind", "set", SERVER | ACCOUNT, bind_again },
};

static void answer(struct xmpp_c2s *c, struct xmpp_stanza *s, unsigned where)
{
    const struct xml_node *child = s->node->child;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (!(answers[i].where & where) || !xml_is(child, answers[i].ns, answers[i].name))
            continue;
        if (!answers[i].type || gw_str_is(s->type, answers[i].type)) {
            answers[i].answer(c, s, child);
            return;
        }
    }
    xmpp_stanza_error(c, s, XMPP_SERVICE_UNAVAILABLE, NULL);
}

static unsigned where_of(const struct xmpp_c2s *c, struct gw_str user)
{
    if (gw_str_is(user, c->user))
        return ACCOUNT;
    return pres_is_barred(c->host->core, user, NULL, gw_str_of(c->full), PRES_KIND_IQ) ? 0 : OTHER;
}

/* XEP-0016: what a list keeps out are questions; who has asked himself is answered. */
bool xmpp_may_ask(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                  const struct pres_session *to)
{
    return gw_str_is(s->type, "result") || gw_str_is(s->type, "error") ||
           !pres_is_barred(by->host->core, pres_session_user(to), to, by->from, PRES_KIND_IQ);
}

static void to_user(struct xmpp_c2s *c, struct xmpp_stanza *s)
{
    const struct xmpp_sender by = { .host = c->host, .c = c, .from = gw_str_of(c->full) };
    struct pres_session *peer;

    if (!s->to.resource.len) {
        /* RFC 6121 8.5.2.1.3: accounts of others are silent, but for a few questions */
        if (gw_str_is(s->type, "get") || gw_str_is(s->type, "set"))
            answer(c, s, where_of(c, s->to.bare));
        return;
    }
    peer = xmpp_is_shut_out(&by, s->to.bare)
               ? NULL
               : pres_session_find(c->host->core, s->to.bare, s->to.resource);
    if (!peer || !xmpp_may_ask(&by, s, peer) || !xmpp_forward(&by, s, peer))
        xmpp_stanza_error(c, s, XMPP_SERVICE_UNAVAILABLE, NULL);
}

static void to_server(struct xmpp_c2s *c, struct xmpp_stanza *s, unsigned where)
{
    if (gw_str_is(s->type, "get") || gw_str_is(s->type, "set"))
        answer(c, s, where);
    else if (gw_str_is(s->type, "result") && gw_str_is(s->id, XMPP_CAPS_ID))
        xmpp_activity_caps(c, s->node);
    /* Other results and errors: the answer to our ping, or to nothing. */
}

/* RFC 6120 8.2.3 */
static bool is_well_formed(const struct xmpp_stanza *s)
{
    bool asks = gw_str_is(s->type, "get") || gw_str_is(s->type, "set");

    if (!s->type.p || !s->id.p)
        return false;
    return !asks || (s->node->child && !s->node->child->next);
}

void xmpp_on_iq(struct xmpp_c2s *c, struct xmpp_stanza *s)
{
    if (!is_well_formed(s)) {
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, NULL);
        return;
    }
    if (!s->has_to) { /* RFC 6120 10.3.3: the server answers for the account */
        to_server(c, s, SERVER | ACCOUNT);
        return;
    }
    switch (pres_route(c->host->core, s->to.bare)) {
    case PRES_ROUTE_LOCAL:
        to_user(c, s);
        return;
    case PRES_ROUTE_SERVER:
        to_server(c, s, s->to.resource.len ? 0 : SERVER);
        return;
    case PRES_ROUTE_UNKNOWN_USER:
        xmpp_stanza_error(c, s, XMPP_SERVICE_UNAVAILABLE, NULL);
        return;
    case PRES_ROUTE_ABROAD:
        xmpp_send_abroad(c, s);
        return;
    case PRES_ROUTE_UNKNOWN_SERVER:
        xmpp_stanza_error(c, s, XMPP_REMOTE_SERVER_NOT_FOUND, NULL);
        return;
    }
}
