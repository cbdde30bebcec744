#include <string.h>

#include "xml_node.h"

bool xml_is(const struct xml_node *n, const char *ns, const char *name)
{
    return n && gw_str_is(n->name, name) && (!ns || gw_str_is(n->ns, ns));
}

const struct xml_node *xml_child(const struct xml_node *n, const char *ns, const char *name)
{
    for (n = n ? n->child : NULL; n; n = n->next) {
        if (xml_is(n, ns, name))
            return n;
    }
    return NULL;
}

const struct xml_node *xml_next_same(const struct xml_node *n)
{
    if (!n)
        return NULL;
    for (const struct xml_node *s = n->next; s; s = s->next) {
        if (gw_str_eq(s->name, n->name) && gw_str_eq(s->ns, n->ns))
            return s;
    }
    return NULL;
}

const struct xml_node *xml_path(const struct xml_node *n, const char *path)
{
    struct gw_str rest = gw_str_of(path);

    while (n && rest.len) {
        struct gw_str name = rest;

        if (!gw_str_cut(rest, "/", &name, &rest))
            rest.len = 0;
        n = n->child;
        while (n && !gw_str_eq(n->name, name))
            n = n->next;
    }
    return n;
}

static struct gw_str find_attr(const struct xml_node *n, struct gw_str ns, const char *name)
{
    for (const struct xml_attr *a = n ? n->attrs : NULL; a; a = a->next) {
        if (gw_str_is(a->name, name) && gw_str_eq(a->ns, ns))
            return a->value;
    }
    return (struct gw_str){ NULL, 0 };
}

struct gw_str xml_attr(const struct xml_node *n, const char *name)
{
    return find_attr(n, GW_STR(""), name);
}

struct gw_str xml_attr_ns(const struct xml_node *n, const char *ns, const char *name)
{
    return find_attr(n, gw_str_of(ns), name);
}

struct gw_str xml_text(const struct xml_node *n)
{
    return n ? gw_str_trim(n->text) : GW_STR("");
}

struct gw_str xml_child_text(const struct xml_node *n, const char *ns, const char *name)
{
    return xml_text(xml_child(n, ns, name));
}
