/* A parsed element and what is in it. Nodes live in an arena and are read-only, borrowed from the
 * document or stanza that they belong to. Names are local names; prefixes are gone. */
#ifndef XML_NODE_H
#define XML_NODE_H

#include "gw_buf.h"
#include "gw_str.h"

struct xml_attr {
    struct gw_str ns, name, value; /* ns is empty for attributes without prefix */
    const struct xml_attr *next;
};

struct xml_node {
    struct gw_str ns, name;
    struct gw_str text; /* the element's own character data, pieces joined; white space between
                         * child elements, with nothing else, is dropped */
    const struct xml_attr *attrs;
    const struct xml_node *parent, *child, *next; /* child: the first; next: the sibling */
};

/* The first child element of that local name; ns NULL: any. NULL-safe: NULL in, NULL out, so that
 * paths can be chained. */
const struct xml_node *xml_child(const struct xml_node *n, const char *ns, const char *name);
/* The next sibling of the same ns and name. */
const struct xml_node *xml_next_same(const struct xml_node *n);
/* A path of local names of any namespace: xml_path(n, "Body/FindItemResponse"). */
const struct xml_node *xml_path(const struct xml_node *n, const char *path);

/* Attribute without namespace; .p is NULL when there is none (or n is NULL). */
struct gw_str xml_attr(const struct xml_node *n, const char *name);
struct gw_str xml_attr_ns(const struct xml_node *n, const char *ns, const char *name);

/* n->text, trimmed; empty when n is NULL. */
struct gw_str xml_text(const struct xml_node *n);
struct gw_str xml_child_text(const struct xml_node *n, const char *ns, const char *name);

bool xml_is(const struct xml_node *n, const char *ns, const char *name); /* false for NULL */

#endif
