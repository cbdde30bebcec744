/* Message carbons, XEP-0280: a user's other clients are shown what one of them sends and receives. */
#include "xmpp_priv.h"

#define NS_FORWARD "urn:xmpp:forward:0"

void xmpp_on_carbons(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    c->wants_carbons = gw_str_is(child->name, "enable");
    xmpp_empty_result(c, s);
}

/* XEP-0280 6.1, and 6.2: what the sender does not want to be copied. */
static bool is_eligible(const struct xmpp_stanza *m)
{
    if (xml_child(m->node, NS_CARBONS, "private") || xml_child(m->node, NS_HINTS, "no-copy"))
        return false;
    if (gw_str_is(m->type, "chat"))
        return true;
    return (!m->type.len || gw_str_is(m->type, "normal")) &&
           xml_child(m->node, NULL, "body") != NULL;
}

static void copy(const struct xmpp_sender *by, const struct xmpp_stanza *m, struct xmpp_c2s *to,
                 const char *kind)
{
    struct xml_writer w;

    xmpp_begin(to, &w);
    xml_open(&w, "message");
    xml_put_attr(&w, "from", gw_str_of(to->user));
    xml_put_attr(&w, "to", gw_str_of(to->full));
    xml_put_attr(&w, "type", m->type.len ? m->type : GW_STR("normal"));
    xmpp_open_ns(&w, kind, NS_CARBONS);
    xmpp_open_ns(&w, "forwarded", NS_FORWARD);
    xml_flush_tag(&w);
    xmpp_copy_into(by, m, w.out);
    xml_close(&w);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(to);
}

/* To those who did not get the message itself, nor have sent it. */
static void copy_to_all(const struct xmpp_sender *by, const struct xmpp_stanza *m,
                        struct gw_str user, const char *kind, struct xmpp_shared *shared)
{
    struct xmpp_host *host = by->host;

    for (struct pres_session *s = NULL; (s = pres_session_next(host->core, user, s));) {
        struct xmpp_c2s *c = pres_session_ctx_of(s, host->front);

        if (!c || c == by->c || !c->wants_carbons || c->took == host->message ||
            pres_is_barred(host->core, user, s, by->from, PRES_KIND_MESSAGE))
            continue;
        xmpp_share_begin(host, shared, true);
        copy(by, m, c, kind);
        xmpp_share_end(c);
    }
}

void xmpp_carbons_received(const struct xmpp_sender *by, const struct xmpp_stanza *m,
                           struct gw_str user, struct xmpp_shared *shared)
{
    if (is_eligible(m))
        copy_to_all(by, m, user, "received", shared);
}

void xmpp_carbons_sent(struct xmpp_c2s *c, const struct xmpp_stanza *m)
{
    const struct xmpp_sender by = { .host = c->host, .c = c, .from = gw_str_of(c->full) };

    if (is_eligible(m))
        copy_to_all(&by, m, gw_str_of(c->user), "sent", NULL);
}
