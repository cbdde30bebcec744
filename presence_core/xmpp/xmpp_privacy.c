/* Lists of rules as clients read and change them: XEP-0016. The core keeps them, and keeps to them. */
#include <stdio.h>

#include "xmpp_priv.h"

static void put_named(struct xml_writer *w, const char *element, struct gw_str name)
{
    xml_open(w, element);
    xml_put_attr(w, "name", name);
    xml_close(w);
}

static void refuse(struct xmpp_c2s *c, const struct xmpp_stanza *s, const struct gw_err *err)
{
    enum xmpp_cond cond = XMPP_BAD_REQUEST;

    if (err->code == GW_NOTFOUND)
        cond = XMPP_ITEM_NOT_FOUND;
    else if (err->code == GW_EXISTS)
        cond = XMPP_CONFLICT;
    else if (err->code == GW_LIMIT)
        cond = XMPP_RESOURCE_CONSTRAINT;
    xmpp_stanza_error(c, s, cond, err->msg);
}

void xmpp_push_list(struct gw_str name, struct pres_session *to, void *ctx)
{
    struct xmpp_c2s *c = pres_session_ctx(to);
    struct xml_writer w;

    (void)ctx;
    xmpp_begin_push(c, &w);
    xmpp_open_ns(&w, "query", NS_PRIVACY);
    put_named(&w, "list", name);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
}

/* ---- Reading ---- */

static void show_names(struct xmpp_c2s *c, const struct xmpp_stanza *s)
{
    struct gw_str active = pres_list_active(c->session), name;
    struct gw_str standing = pres_list_default(c->session);
    struct xml_writer w;
    size_t pos = 0;

    xmpp_begin_result(c, s, &w);
    xmpp_open_ns(&w, "query", NS_PRIVACY);
    if (active.len)
        put_named(&w, "active", active);
    if (standing.len)
        put_named(&w, "default", standing);
    while (pres_list_next(c->session, &pos, &name))
        put_named(&w, "list", name);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
}

static void put_rule(struct xml_writer *w, const struct pres_rule *r)
{
    char order[16];

    snprintf(order, sizeof(order), "%u", (unsigned)r->order);
    xml_open(w, "item");
    if (r->by != PRES_BY_NOTHING) {
        xml_put_attr(w, "type", gw_str_of(pres_rule_names[r->by]));
        xml_put_attr(w, "value", r->value);
    }
    xml_put_attr(w, "action", r->denies ? GW_STR("deny") : GW_STR("allow"));
    xml_put_attr(w, "order", gw_str_of(order));
    for (size_t i = 0; i < PRES_KIND_COUNT && r->kinds != PRES_KIND_ALL; i++) {
        if (!(r->kinds & 1U << i))
            continue;
        xml_open(w, pres_kind_names[i]);
        xml_close(w);
    }
    xml_close(w);
}

static void show_list(struct xmpp_c2s *c, const struct xmpp_stanza *s, struct gw_str name)
{
    const struct pres_rule *rules;
    struct xml_writer w;
    size_t count;

    rules = pres_list_get(c->session, name, &count);
    if (!rules) {
        xmpp_stanza_error(c, s, XMPP_ITEM_NOT_FOUND, NULL);
        return;
    }
    xmpp_begin_result(c, s, &w);
    xmpp_open_ns(&w, "query", NS_PRIVACY);
    xml_open(&w, "list");
    xml_put_attr(&w, "name", name);
    for (size_t i = 0; i < count; i++)
        put_rule(&w, &rules[i]);
    xml_close(&w);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
}

/* ---- Changing ---- */

/* The rules of a list; their values stand one after the other in 'values'. */
struct reading {
    struct pres_rule rules[PRES_RULES_MAX];
    size_t count;
    struct gw_buf values;
};

static enum gw_code read_value(const struct xml_node *item, struct pres_rule *r,
                               struct gw_buf *values, struct gw_err *err)
{
    struct gw_str type = xml_attr(item, "type"), value = xml_attr(item, "value");
    struct xmpp_jid jid;

    r->by = PRES_BY_NOTHING;
    if (!type.p)
        return GW_OK;
    for (int by = PRES_BY_JID; by <= PRES_BY_SUBSCRIPTION; by++) {
        if (gw_str_is(type, pres_rule_names[by]))
            r->by = (enum pres_rule_by)by;
    }
    if (r->by == PRES_BY_NOTHING)
        return gw_fail(err, GW_INVALID, "the type of an item is jid, group or subscription");
    if (r->by == PRES_BY_JID) {
        if (xmpp_jid_parse(value, &jid, NULL))
            return gw_fail(err, GW_INVALID, "the value of an item is not an address");
        value = jid.full;
    }
    r->value.len = value.len;
    gw_buf_add_str(values, value);
    return GW_OK;
}

static enum gw_code read_kinds(const struct xml_node *item, struct pres_rule *r, struct gw_err *err)
{
    r->kinds = item->child ? 0 : PRES_KIND_ALL;
    for (const struct xml_node *n = item->child; n; n = n->next) {
        unsigned kind = gw_str_is(n->ns, NS_PRIVACY) ? pres_kind_of(n->name) : 0;

        if (!kind)
            return gw_fail(err, GW_INVALID,
                           "an item is for message, iq, presence-in, presence-out");
        r->kinds |= kind;
    }
    return GW_OK;
}

static enum gw_code read_item(const struct xml_node *item, struct reading *out, struct gw_err *err)
{
    struct gw_str action = xml_attr(item, "action");
    struct pres_rule *r;
    int64_t order;
    enum gw_code rc;

    if (!xml_is(item, NS_PRIVACY, "item"))
        return gw_fail(err, GW_INVALID, "a list consists of items");
    if (out->count == PRES_RULES_MAX)
        return gw_fail(err, GW_LIMIT, "a list has not more than %d items", PRES_RULES_MAX);
    r = &out->rules[out->count++];
    *r = (struct pres_rule){ .denies = gw_str_is(action, "deny") };
    if (!r->denies && !gw_str_is(action, "allow"))
        return gw_fail(err, GW_INVALID, "the action of an item is allow or deny");
    if (!gw_str_to_int(xml_attr(item, "order"), 0, UINT32_MAX, &order))
        return gw_fail(err, GW_INVALID, "the order of an item is a number from 0 on");
    r->order = (uint32_t)order;
    rc = read_value(item, r, &out->values, err);
    return rc ? rc : read_kinds(item, r, err);
}

static enum gw_code read_list(const struct xml_node *list, struct reading *out, struct gw_err *err)
{
    enum gw_code rc = GW_OK;
    size_t at = 0;

    for (const struct xml_node *n = list->child; n && !rc; n = n->next)
        rc = read_item(n, out, err);
    if (!rc && out->values.failed)
        rc = gw_fail(err, GW_LIMIT, "a list is not longer than %d bytes", PRES_LIST_BYTES_MAX);
    for (size_t i = 0; i < out->count && !rc; i++) {
        out->rules[i].value =
            gw_str_sub(gw_buf_str(&out->values), at, at + out->rules[i].value.len);
        at += out->rules[i].value.len;
    }
    return rc;
}

static enum gw_code set_list(struct xmpp_c2s *c, const struct xml_node *list, struct gw_err *err)
{
    struct reading reading = { .count = 0 };
    enum gw_code rc;

    gw_buf_init(&reading.values, PRES_LIST_BYTES_MAX);
    rc = read_list(list, &reading, err);
    if (!rc)
        rc = pres_list_set(c->session, xml_attr(list, "name"), reading.rules, reading.count, err);
    gw_buf_done(&reading.values);
    return rc;
}

static enum gw_code set_active(struct xmpp_c2s *c, const struct xml_node *active,
                               struct gw_err *err)
{
    return pres_list_activate(c->session, xml_attr(active, "name"), err);
}

static enum gw_code set_default(struct xmpp_c2s *c, const struct xml_node *standing,
                                struct gw_err *err)
{
    return pres_list_make_default(c->session, xml_attr(standing, "name"), err);
}

static const struct {
    const char *name;
    enum gw_code (*set)(struct xmpp_c2s *c, const struct xml_node *what, struct gw_err *err);
} changes[] = {
    { "active", set_active },
    { "default", set_default },
    { "list", set_list },
};

static enum gw_code change(struct xmpp_c2s *c, const struct xml_node *what, struct gw_err *err)
{
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        if (xml_is(what, NS_PRIVACY, changes[i].name))
            return changes[i].set(c, what, err);
    }
    return gw_fail(err, GW_INVALID, "what is changed is active, default or one list");
}

/* XEP-0016 2.1, 2.3: never more than one at a time. */
void xmpp_on_privacy(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *query)
{
    const struct xml_node *what = query->child;
    bool is_get = gw_str_is(s->type, "get");
    struct gw_err err;

    c->tokens -= is_get ? 0 : XMPP_BROADCAST_COST;
    if (is_get && !what)
        show_names(c, s);
    else if (!what || what->next || (is_get && !xml_is(what, NS_PRIVACY, "list")))
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, "one list at a time");
    else if (is_get)
        show_list(c, s, xml_attr(what, "name"));
    else if (change(c, what, &err))
        refuse(c, s, &err);
    else
        xmpp_empty_result(c, s);
}
