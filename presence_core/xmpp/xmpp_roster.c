/* Rosters as clients read and change them: RFC 6121 section 2. */
#include <inttypes.h>
#include <stdio.h>

#include "xmpp_priv.h"

static void put_item(const struct pres_item *item, void *ctx)
{
    struct xml_writer *w = ctx;

    xml_open(w, "item");
    xml_put_attr(w, "jid", item->jid);
    if (item->name.len)
        xml_put_attr(w, "name", item->name);
    xml_put_attr(w, "subscription", gw_str_of(pres_sub_name(item->sub)));
    if (item->ask)
        xml_put_attr(w, "ask", GW_STR("subscribe"));
    for (size_t i = 0; i < item->group_count; i++)
        xml_put(w, "group", item->groups[i]);
    xml_close(w);
}

static void put_version(const struct xmpp_c2s *c, struct xml_writer *w)
{
    char text[17];

    if (!c->wants_versions)
        return;
    snprintf(text, sizeof(text), "%016" PRIx64, pres_roster_version(c->session));
    xml_put_attr(w, "ver", gw_str_of(text));
}

void xmpp_push_item(struct xmpp_c2s *c, const struct pres_item *item)
{
    struct xml_writer w;

    xmpp_begin_push(c, &w);
    xmpp_open_ns(&w, "query", NS_ROSTER);
    put_version(c, &w);
    put_item(item, &w);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
}

static void nothing(const struct pres_item *item, void *ctx)
{
    (void)item;
    (void)ctx;
}

/* RFC 6121 2.6.3: the client's copy is as it should be. */
static bool is_current(struct xmpp_c2s *c, const struct xml_node *query)
{
    char text[17];

    snprintf(text, sizeof(text), "%016" PRIx64, pres_roster_version(c->session));
    return gw_str_is(xml_attr(query, "ver"), text);
}

static void get(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *query)
{
    struct xml_writer w;

    c->wants_versions = xml_attr(query, "ver").p != NULL;
    if (is_current(c, query)) {
        pres_roster_get(c->session, nothing, NULL); /* and is told of changes */
        xmpp_empty_result(c, s);
        return;
    }
    xmpp_begin_result(c, s, &w);
    xmpp_open_ns(&w, "query", NS_ROSTER);
    put_version(c, &w);
    pres_roster_get(c->session, put_item, &w);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
}

static void remove_item(struct xmpp_c2s *c, struct xmpp_stanza *s, struct gw_str jid)
{
    if (pres_roster_remove(c->session, jid, NULL))
        xmpp_stanza_error(c, s, XMPP_ITEM_NOT_FOUND, NULL);
    else
        xmpp_empty_result(c, s);
}

/* RFC 6121 2.3.3: which error for what. GW_LIMIT: too many groups. */
static bool read_groups(const struct xml_node *node, struct gw_str groups[PRES_GROUPS_MAX],
                        size_t *count)
{
    *count = 0;
    for (const struct xml_node *g = xml_child(node, NS_ROSTER, "group"); g; g = xml_next_same(g)) {
        struct gw_str name = xml_text(g);

        if (!name.len || *count == PRES_GROUPS_MAX)
            return false;
        groups[(*count)++] = name;
    }
    return true;
}

static void set_item(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *node,
                     struct gw_str jid)
{
    struct gw_str groups[PRES_GROUPS_MAX];
    struct pres_item item = { .jid = jid, .name = xml_attr(node, "name"), .groups = groups };
    struct gw_err err;

    if (!read_groups(node, groups, &item.group_count)) {
        xmpp_stanza_error(c, s, XMPP_NOT_ACCEPTABLE, "a group without a name, or too many groups");
        return;
    }
    switch (pres_roster_set(c->session, &item, &err)) {
    case GW_OK:
        xmpp_empty_result(c, s);
        return;
    case GW_LIMIT:
        xmpp_stanza_error(c, s, XMPP_NOT_ACCEPTABLE, err.msg);
        return;
    default:
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, err.msg);
        return;
    }
}

static void set(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *query)
{
    const struct xml_node *node = query->child;
    struct xmpp_jid jid;

    if (!xml_is(node, NS_ROSTER, "item") || node->next) {
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, "one item at a time");
        return;
    }
    if (xmpp_jid_parse(xml_attr(node, "jid"), &jid, NULL) || jid.resource.len) {
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, "the item's jid is not that of a contact");
        return;
    }
    if (gw_str_is(jid.bare, c->user)) {
        xmpp_stanza_error(c, s, XMPP_NOT_ALLOWED, "nobody is a contact of himself");
        return;
    }
    if (gw_str_is(xml_attr(node, "subscription"), "remove"))
        remove_item(c, s, jid.bare);
    else
        set_item(c, s, node, jid.bare);
}

void xmpp_on_roster(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *query)
{
    if (gw_str_is(s->type, "set"))
        set(c, s, query);
    else
        get(c, s, query);
}
