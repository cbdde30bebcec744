/* Whom a user has blocked, as clients read and change it: XEP-0191. It is kept with what the user has
 * decided about watchers. One who is blocked sees the user offline, as the core sees to, and finds
 * nobody to write to; what the user has subscribed to goes on. */
#include <stdlib.h>

#include "xmpp_priv.h"

static void put_item(struct xml_writer *w, struct gw_str who)
{
    xml_open(w, "item");
    xml_put_attr(w, "jid", who);
    xml_close(w);
}

void xmpp_push_block(struct xmpp_c2s *c, struct gw_str who, bool is_out)
{
    struct xml_writer w;

    xmpp_begin_push(c, &w);
    xmpp_open_ns(&w, is_out ? "block" : "unblock", NS_BLOCKING);
    put_item(&w, who);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
}

void xmpp_on_blocklist(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *list)
{
    struct xml_writer w;
    struct gw_str who;
    size_t pos = 0;

    (void)list;
    c->wants_blocks = true;
    xmpp_begin_result(c, s, &w);
    xmpp_open_ns(&w, "blocklist", NS_BLOCKING);
    while (pres_shut_out_next(c->host->core, gw_str_of(c->user), &pos, &who))
        put_item(&w, who);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
}

/* All of them or none: false, and an error was sent. */
static bool check_items(struct xmpp_c2s *c, const struct xmpp_stanza *s,
                        const struct xml_node *list)
{
    struct xmpp_jid jid;

    for (const struct xml_node *n = list->child; n; n = n->next) {
        if (!xml_is(n, NS_BLOCKING, "item") || xmpp_jid_parse(xml_attr(n, "jid"), &jid, NULL)) {
            xmpp_stanza_error(c, s, XMPP_JID_MALFORMED, NULL);
            return false;
        }
        if (jid.resource.len) {
            xmpp_stanza_error(c, s, XMPP_NOT_ACCEPTABLE,
                              "whoever is blocked is blocked with all resources");
            return false;
        }
        if (gw_str_is(jid.bare, c->user)) {
            xmpp_stanza_error(c, s, XMPP_NOT_ALLOWED, "nobody blocks himself");
            return false;
        }
    }
    return true;
}

static bool is_listed(const struct xmpp_c2s *c, struct gw_str who)
{
    struct gw_str listed;
    size_t pos = 0;

    while (pres_shut_out_next(c->host->core, gw_str_of(c->user), &pos, &listed)) {
        if (gw_str_eq(listed, who))
            return true;
    }
    return false;
}

/* Others than those on the list have been decided on for other reasons: they are not unblocked. */
static enum gw_code decide(struct xmpp_c2s *c, struct gw_str who, bool is_out)
{
    if (!is_out && !is_listed(c, who))
        return GW_OK;
    return pres_decide(c->host->core, gw_str_of(c->user), who, is_out ? PRES_SHUT_OUT : PRES_ASK,
                       NULL);
}

static enum gw_code decide_all(struct xmpp_c2s *c, const struct xml_node *list, bool is_out)
{
    enum gw_code rc = GW_OK;
    struct xmpp_jid jid;

    for (const struct xml_node *n = list->child; n && !rc; n = n->next) {
        if (!xmpp_jid_parse(xml_attr(n, "jid"), &jid, NULL))
            rc = decide(c, jid.bare, is_out);
    }
    return rc;
}

void xmpp_on_block(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *block)
{
    if (!block->child) {
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, "block whom?");
        return;
    }
    if (!check_items(c, s, block))
        return;
    c->tokens -= XMPP_BROADCAST_COST;
    if (decide_all(c, block, true))
        xmpp_stanza_error(c, s, XMPP_RESOURCE_CONSTRAINT,
                          "too many are decided about: unblock some first");
    else
        xmpp_empty_result(c, s);
}

static void unblock_all(struct xmpp_c2s *c)
{
    struct gw_str user = gw_str_of(c->user), who;
    size_t pos = 0;
    char *copy;

    while (pres_shut_out_next(c->host->core, user, &pos, &who)) {
        copy = gw_str_dup(who); /* goes with the decision */
        (void)pres_decide(c->host->core, user, gw_str_of(copy), PRES_ASK, NULL);
        free(copy);
        pos--; /* what follows has moved up */
    }
}

void xmpp_on_unblock(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *unblock)
{
    if (!check_items(c, s, unblock))
        return;
    c->tokens -= XMPP_BROADCAST_COST;
    if (unblock->child)
        (void)decide_all(c, unblock, false);
    else
        unblock_all(c);
    xmpp_empty_result(c, s);
}

bool xmpp_is_shut_out(const struct xmpp_sender *by, struct gw_str user)
{
    return pres_is_shut_out(by->host->core, user, xmpp_sender_bare(by));
}
