/* Messages to and from those whom another front-end is the way to, SIP for one: what goes across is the
 * text of a chat, or of a single message. */
#include "xmpp_priv.h"

#define NS_CHAT "http://jabber.org/protocol/chatstates"

static const char *const chat_names[] = { [PRES_CHAT_UNSAID] = "",
                                          [PRES_CHAT_ACTIVE] = "active",
                                          [PRES_CHAT_COMPOSING] = "composing",
                                          [PRES_CHAT_PAUSED] = "paused",
                                          [PRES_CHAT_INACTIVE] = "inactive",
                                          [PRES_CHAT_GONE] = "gone" };

static enum pres_chat chat_of(const struct xml_node *message)
{
    for (int i = PRES_CHAT_ACTIVE; i <= PRES_CHAT_GONE; i++) {
        if (xml_child(message, NS_CHAT, chat_names[i]))
            return (enum pres_chat)i;
    }
    return PRES_CHAT_UNSAID;
}

static bool is_talk(const struct xmpp_stanza *m)
{
    return gw_str_is(m->node->name, "message") && !gw_str_is(m->type, "groupchat") &&
           !gw_str_is(m->type, "headline");
}

bool xmpp_give_otherwise(const struct xmpp_sender *by, const struct xmpp_stanza *m,
                         struct pres_session *to)
{
    struct pres_message out = { .from = by->from, .to = pres_session_user(to), .id = m->id };
    const struct xml_node *body = xml_child(m->node, NULL, "body");

    if (!is_talk(m) || gw_str_is(m->type, "error") || !body)
        return false;
    out.body = body->text;
    return pres_message_give(&out, to);
}

bool xmpp_send_otherwise(struct xmpp_c2s *c, const struct xmpp_stanza *m)
{
    struct pres_message out = { .from = gw_str_of(c->full), .to = m->to.bare, .id = m->id };
    const struct xml_node *body = xml_child(m->node, NULL, "body");

    if (!is_talk(m))
        return false;
    if (gw_str_is(m->type, "error")) /* errors are not answered */
        return true;
    out.body = body ? body->text : GW_STR("");
    out.chat = chat_of(m->node);
    if (!out.body.len && out.chat == PRES_CHAT_UNSAID)
        return true;
    return pres_message_send(c->host->core, &out) || !out.body.len;
}

void xmpp_put_talk(struct xml_writer *w, const struct pres_message *m)
{
    if (m->body.len)
        xml_put(w, "body", m->body);
    if (m->chat == PRES_CHAT_UNSAID)
        return;
    xml_open(w, chat_names[m->chat]);
    xml_put_attr(w, "xmlns", GW_STR(NS_CHAT));
    xml_close(w);
}

static void open_message(struct xmpp_c2s *c, struct xml_writer *w, const char *type,
                         struct gw_str from)
{
    xmpp_begin(c, w);
    xml_open(w, "message");
    xml_put_attr(w, "from", from);
    xml_put_attr(w, "to", gw_str_of(c->full));
    xml_put_attr(w, "type", gw_str_of(type));
}

bool xmpp_message_otherwise(const struct pres_message *m, struct pres_session *to, void *ctx)
{
    struct xmpp_c2s *c = pres_session_ctx(to);
    struct xml_writer w;

    (void)ctx;
    if (!xmpp_is_reachable(c))
        return false;
    open_message(c, &w, "chat", m->from);
    xmpp_put_talk(&w, m);
    xml_close(&w);
    xmpp_end(c);
    return xmpp_has_taken(c);
}

const enum xmpp_cond xmpp_failure_conds[] = {
    [PRES_FAILED_NOBODY] = XMPP_ITEM_NOT_FOUND,
    [PRES_FAILED_REFUSED] = XMPP_FORBIDDEN,
    [PRES_FAILED_AWAY] = XMPP_SERVICE_UNAVAILABLE,
    [PRES_FAILED_UNFIT] = XMPP_NOT_ACCEPTABLE,
    [PRES_FAILED_UNREACHED] = XMPP_REMOTE_SERVER_TIMEOUT,
    [PRES_FAILED_FULL] = XMPP_RESOURCE_CONSTRAINT,
};

/* RFC 6120 8.3.3. */
static enum pres_failure failure_of(const struct xml_node *message)
{
    static const struct {
        const char *name;
        enum pres_failure why;
    } whys[] = {
        { "bad-request", PRES_FAILED_UNFIT },
        { "feature-not-implemented", PRES_FAILED_UNFIT },
        { "forbidden", PRES_FAILED_REFUSED },
        { "gone", PRES_FAILED_NOBODY },
        { "item-not-found", PRES_FAILED_NOBODY },
        { "jid-malformed", PRES_FAILED_NOBODY },
        { "not-acceptable", PRES_FAILED_UNFIT },
        { "not-allowed", PRES_FAILED_REFUSED },
        { "not-authorized", PRES_FAILED_REFUSED },
        { "policy-violation", PRES_FAILED_REFUSED },
        { "recipient-unavailable", PRES_FAILED_AWAY },
        { "registration-required", PRES_FAILED_REFUSED },
        { "resource-constraint", PRES_FAILED_FULL },
        { "service-unavailable", PRES_FAILED_AWAY },
        { "subscription-required", PRES_FAILED_REFUSED },
    };
    const struct xml_node *error = xml_child(message, NULL, "error");

    for (size_t i = 0; error && i < sizeof(whys) / sizeof(whys[0]); i++) {
        if (xml_child(error, NS_STANZAS, whys[i].name))
            return whys[i].why;
    }
    return PRES_FAILED_UNREACHED;
}

bool xmpp_fail_otherwise(const struct xmpp_sender *by, const struct xmpp_stanza *m)
{
    const struct pres_message failed = { .from = by->to, .to = by->from, .id = m->id };
    const struct xmpp_host *host = by->host;
    const struct pres_session *s;

    if (!gw_str_is(m->type, "error") || !m->to.resource.len)
        return false;
    s = pres_session_find(host->core, m->to.bare, m->to.resource);
    if (!s || pres_session_ctx_of(s, host->front))
        return false;
    if (!xmpp_is_shut_out(by, m->to.bare))
        pres_message_failed(host->core, &failed, failure_of(m->node));
    return true;
}

void xmpp_message_failed(const struct pres_message *m, enum pres_failure why,
                         struct pres_session *to, void *ctx)
{
    struct xmpp_c2s *c = pres_session_ctx(to);
    struct xml_writer w;

    (void)ctx;
    open_message(c, &w, "error", m->to);
    if (m->id.len)
        xml_put_attr(&w, "id", m->id);
    xmpp_put_error(&w, xmpp_failure_conds[why], NULL);
    xml_close(&w);
    xmpp_end(c);
}
