/* Questions: to the server, to accounts, and through them to other clients (RFC 6120 8.2.3, RFC 6121 8.5);
 * some are answered to whoever asks from abroad, too. */
#include <stdio.h>

#include "xmpp_priv.h"

typedef void answer_fn(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child);
typedef void answer_any_fn(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                           const struct xml_node *child);

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
static bool refuses_node(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                         const struct xml_node *child)
{
    if (!xml_attr(child, "node").len)
        return false;
    xmpp_refuse(by, s, XMPP_ITEM_NOT_FOUND);
    return true;
}

static void begin_query(const struct xmpp_sender *by, const struct xmpp_stanza *s, const char *ns,
                        struct xml_writer *w)
{
    xmpp_begin_answer(by, s, w);
    xmpp_open_ns(w, "query", ns);
}

static void end_query(const struct xmpp_sender *by, struct xml_writer *w)
{
    xml_close(w);
    xml_close(w);
    xmpp_end_answer(by);
}

/* The account that is asked. */
static struct gw_str account_of(const struct xmpp_sender *by, const struct xmpp_stanza *s)
{
    return s->has_to ? s->to.bare : xmpp_sender_bare(by);
}

/* XEP-0050 2.3: what a command is. False: the node is none. */
static bool command_info(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                         const struct xml_node *child)
{
    struct gw_str name, node = xml_attr(child, "node");
    struct xml_writer w;

    if (!by->c || !xmpp_command_name(by->c, s, node, &name))
        return false;
    begin_query(by, s, NS_INFO, &w);
    xml_put_attr(&w, "node", node);
    xml_open(&w, "identity");
    xml_put_attr(&w, "category", GW_STR("automation"));
    xml_put_attr(&w, "type", GW_STR("command-node"));
    xml_put_attr(&w, "name", name);
    xml_close(&w);
    put_feature(&w, NS_COMMANDS);
    put_feature(&w, NS_DATA);
    end_query(by, &w);
    return true;
}

static void server_info(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                        const struct xml_node *child)
{
    static const char *const of_clients[] = { NS_COMMANDS, NS_BLOCKING, NS_PRIVACY, NS_CARBONS };
    struct xml_writer w;

    if (command_info(by, s, child) || refuses_node(by, s, child))
        return;
    begin_query(by, s, NS_INFO, &w);
    put_identity(&w, "server", "im", "Kalends");
    put_feature(&w, NS_INFO);
    put_feature(&w, NS_ITEMS);
    put_feature(&w, NS_PING);
    put_feature(&w, NS_TIME);
    put_feature(&w, NS_LAST);
    for (size_t i = 0; by->c && i < sizeof(of_clients) / sizeof(of_clients[0]); i++)
        put_feature(&w, of_clients[i]);
    if (by->c && by->host->offline)
        put_feature(&w, "msgoffline");
    if (by->host->version)
        put_feature(&w, NS_VERSION);
    end_query(by, &w);
}

/* RFC 6121 8.5.2.1.3: to whom the user does not show himself there is no account. */
static bool hides_account(const struct xmpp_sender *by, const struct xmpp_stanza *s)
{
    if (pres_is_watched_by(by->host->core, account_of(by, s), xmpp_sender_bare(by)))
        return false;
    xmpp_refuse(by, s, XMPP_SERVICE_UNAVAILABLE);
    return true;
}

static void account_info(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                         const struct xml_node *child)
{
    static const char *const of_pep[] = {
        NS_PUBSUB,
        NS_PUBSUB "#access-presence",
        NS_PUBSUB "#auto-create",
        NS_PUBSUB "#auto-subscribe",
        NS_PUBSUB "#filtered-notifications",
        NS_PUBSUB "#last-published",
        NS_PUBSUB "#persistent-items",
        NS_PUBSUB "#presence-notifications",
        NS_PUBSUB "#publish",
        NS_PUBSUB "#publish-options",
        NS_PUBSUB "#retract-items",
        NS_PUBSUB "#retrieve-items",
    };
    struct xml_writer w;

    if (hides_account(by, s) || command_info(by, s, child) || refuses_node(by, s, child))
        return;
    begin_query(by, s, NS_INFO, &w);
    put_identity(&w, "account", "registered", NULL);
    put_feature(&w, NS_INFO);
    put_feature(&w, NS_ITEMS);
    put_feature(&w, NS_LAST);
    if (by->c)
        put_feature(&w, NS_COMMANDS);
    if (by->host->kept)
        put_feature(&w, NS_VCARD);
    put_identity(&w, "pubsub", "pep", NULL);
    for (size_t i = 0; i < sizeof(of_pep) / sizeof(of_pep[0]); i++)
        put_feature(&w, of_pep[i]);
    end_query(by, &w);
}

/* Those of the commands, if they are asked for. */
static void server_items(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                         const struct xml_node *child)
{
    struct xml_writer w;

    if (by->c && gw_str_is(xml_attr(child, "node"), NS_COMMANDS)) {
        begin_query(by, s, NS_ITEMS, &w);
        xml_put_attr(&w, "node", GW_STR(NS_COMMANDS));
        xmpp_put_commands(by->c, s, &w);
        end_query(by, &w);
        return;
    }
    if (refuses_node(by, s, child))
        return;
    begin_query(by, s, NS_ITEMS, &w);
    if (s->has_to && s->to.local.len)
        xmpp_pep_put_nodes(by->host, s->to.bare, by->to.len ? by->to : s->to.bare, &w);
    end_query(by, &w);
}

static void account_items(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                          const struct xml_node *child)
{
    if (!hides_account(by, s))
        server_items(by, s, child);
}

static void pong(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                 const struct xml_node *child)
{
    struct xml_writer w;

    (void)child;
    xmpp_begin_answer(by, s, &w);
    xml_close(&w);
    xmpp_end_answer(by);
}

static void version(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                    const struct xml_node *child)
{
    struct xml_writer w;

    (void)child;
    if (!by->host->version) {
        xmpp_refuse(by, s, XMPP_SERVICE_UNAVAILABLE);
        return;
    }
    begin_query(by, s, NS_VERSION, &w);
    xml_put(&w, "name", GW_STR("Kalends"));
    xml_put(&w, "version", gw_str_of(by->host->version));
    end_query(by, &w);
}

/* XEP-0202 */
static void entity_time(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                        const struct xml_node *child)
{
    gw_utc now = by->host->now.utc;
    char text[GW_UTC_TEXT_MAX];
    struct xml_writer w;

    (void)child;
    xmpp_begin_answer(by, s, &w);
    xmpp_open_ns(&w, "time", NS_TIME);
    xml_put(&w, "tzo", GW_STR("+00:00"));
    xml_put(&w, "utc", gw_str_of(gw_utc_text(now - now % GW_SECOND_MS, text)));
    end_query(by, &w);
}

static void put_seconds(const struct xmpp_sender *by, const struct xmpp_stanza *s, int64_t ms)
{
    struct xml_writer w;
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)(ms > 0 ? ms / GW_SECOND_MS : 0));
    begin_query(by, s, NS_LAST, &w);
    xml_put_attr(&w, "seconds", gw_str_of(text));
    end_query(by, &w);
}

/* XEP-0012 4: of the server, how long it has been up. */
static void uptime(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                   const struct xml_node *child)
{
    (void)child;
    put_seconds(by, s, by->host->since ? by->host->now.utc - by->host->since : 0);
}

/* XEP-0012 3: of a user, since when nobody is there; for those who may see him. */
static void last_activity(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                          const struct xml_node *child)
{
    struct gw_str user = account_of(by, s);
    struct pres_user_view view;

    (void)child;
    if (!pres_is_watched_by(by->host->core, user, xmpp_sender_bare(by)))
        xmpp_refuse(by, s, XMPP_FORBIDDEN);
    else if (!pres_user_view(by->host->core, user, &view))
        xmpp_refuse(by, s, XMPP_SERVICE_UNAVAILABLE);
    else if (view.composed.show != PRES_OFFLINE)
        put_seconds(by, s, 0);
    else if (view.since)
        put_seconds(by, s, by->host->now.utc - view.since);
    else /* not since the last start */
        xmpp_refuse(by, s, XMPP_SERVICE_UNAVAILABLE);
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

enum where { SERVER = 1, ACCOUNT = 2, OTHER = 4 /* another user's account */ };

static const struct {
    const char *ns, *name;
    const char *type; /* NULL: get and set */
    unsigned where;
    answer_fn *own; /* to clients of this server only */
    answer_any_fn *any;
} answers[] = {
    { NS_ROSTER, "query", NULL, ACCOUNT, xmpp_on_roster, NULL },
    { NS_CARBONS, "enable", "set", ACCOUNT, xmpp_on_carbons, NULL },
    { NS_CARBONS, "disable", "set", ACCOUNT, xmpp_on_carbons, NULL },
    { NS_BLOCKING, "blocklist", "get", ACCOUNT, xmpp_on_blocklist, NULL },
    { NS_BLOCKING, "block", "set", ACCOUNT, xmpp_on_block, NULL },
    { NS_BLOCKING, "unblock", "set", ACCOUNT, xmpp_on_unblock, NULL },
    { NS_PRIVACY, "query", NULL, ACCOUNT, xmpp_on_privacy, NULL },
    { NS_PING, "ping", "get", SERVER | ACCOUNT, NULL, pong },
    { NS_INFO, "query", "get", SERVER, NULL, server_info },
    { NS_INFO, "query", "get", ACCOUNT | OTHER, NULL, account_info },
    { NS_ITEMS, "query", "get", SERVER, NULL, server_items },
    { NS_ITEMS, "query", "get", ACCOUNT | OTHER, NULL, account_items },
    { NS_COMMANDS, "command", "set", SERVER | ACCOUNT, xmpp_on_command, NULL },
    { NS_VERSION, "query", "get", SERVER, NULL, version },
    { NS_TIME, "time", "get", SERVER, NULL, entity_time },
    { NS_LAST, "query", "get", SERVER, NULL, uptime },
    { NS_LAST, "query", "get", ACCOUNT | OTHER, NULL, last_activity },
    { NS_REGISTER, "query", NULL, SERVER | ACCOUNT, xmpp_on_register, NULL },
    { NS_PUBSUB, "pubsub", "set", ACCOUNT, xmpp_on_publish, NULL },
    { NS_PUBSUB, "pubsub", "get", ACCOUNT | OTHER, NULL, xmpp_on_items },
    { NS_VCARD, "vCard", "get", ACCOUNT | OTHER, NULL, xmpp_on_vcard_get },
    { NS_VCARD, "vCard", "set", ACCOUNT | OTHER, xmpp_on_vcard_set, NULL },
    { NS_SESSION, "session", "set", SERVER | ACCOUNT, session, NULL },
    { NS_BIND, "bind", "set", SERVER | ACCOUNT, bind_again, NULL },
};

static void answer(const struct xmpp_sender *by, struct xmpp_stanza *s, unsigned where)
{
    const struct xml_node *child = s->node->child;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (!(answers[i].where & where) || !xml_is(child, answers[i].ns, answers[i].name) ||
            (answers[i].type && !gw_str_is(s->type, answers[i].type)))
            continue;
        if (answers[i].any) {
            answers[i].any(by, s, child);
            return;
        }
        if (by->c) {
            answers[i].own(by->c, s, child);
            return;
        }
    }
    xmpp_refuse(by, s, XMPP_SERVICE_UNAVAILABLE);
}

static unsigned where_of(const struct xmpp_sender *by, struct gw_str user)
{
    if (gw_str_eq(user, xmpp_sender_bare(by)))
        return ACCOUNT;
    return pres_is_barred(by->host->core, user, NULL, by->from, PRES_KIND_IQ) ? 0 : OTHER;
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
            answer(&by, s, where_of(&by, s->to.bare));
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
    const struct xmpp_sender by = { .host = c->host, .c = c, .from = gw_str_of(c->full) };

    if (gw_str_is(s->type, "get") || gw_str_is(s->type, "set"))
        answer(&by, s, where);
    else if (gw_str_is(s->type, "result") && gw_str_is(s->id, XMPP_CAPS_ID))
        xmpp_caps_answer(c, s->node);
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

void xmpp_answer_abroad(const struct xmpp_sender *by, struct xmpp_stanza *s)
{
    if (!is_well_formed(s))
        xmpp_refuse(by, s, XMPP_BAD_REQUEST);
    else if (s->to.resource.len)
        xmpp_refuse(by, s, XMPP_SERVICE_UNAVAILABLE);
    else if (gw_str_is(s->type, "get") || gw_str_is(s->type, "set"))
        answer(by, s, s->to.local.len ? where_of(by, s->to.bare) : SERVER);
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
