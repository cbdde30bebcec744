#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "xml_priv.h"
#include "xml_write.h"

#define XML_NS "http://www.w3.org/XML/1998/namespace"

void xml_write_init(struct xml_writer *w, struct gw_buf *out)
{
    *w = (struct xml_writer){ .out = out };
}

void xml_write_declaration(struct xml_writer *w)
{
    gw_buf_add_cstr(w->out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>");
}

/* What stands for an ASCII character; NULL: itself. A parser turns CR into LF, and in attributes
 * white space into blanks, so these are written as references. XML 1.0 has no other control. */
static const char *escape_of(unsigned char c, bool is_attr)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return is_attr ? "&quot;" : NULL;
    case '\r':
        return "&#13;";
    case '\n':
        return is_attr ? "&#10;" : NULL;
    case '\t':
        return is_attr ? "&#9;" : NULL;
    default:
        return c < 0x20 ? "\xEF\xBF\xBD" : NULL;
    }
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '&' && c != '<' && c != '>' && c != '"';
}

/* One character that is not plain, or one wrong byte; returns its length. */
static size_t escape_one(struct gw_buf *out, struct gw_str s, bool is_attr)
{
    const char *instead = NULL;
    uint32_t cp;
    size_t n = gw_utf8_decode(s, &cp);

    if (!n || (cp & ~(uint32_t)1) == 0xFFFE)
        instead = "\xEF\xBF\xBD";
    else if (cp < 0x80)
        instead = escape_of((unsigned char)cp, is_attr);
    if (!n)
        n = 1;
    if (instead)
        gw_buf_add_cstr(out, instead);
    else
        gw_buf_add(out, s.p, n);
    return n;
}

static void escape(struct gw_buf *out, struct gw_str s, bool is_attr)
{
    size_t i = 0;

    while (i < s.len) {
        size_t from = i;

        while (i < s.len && is_plain((unsigned char)s.p[i]))
            i++;
        if (i > from)
            gw_buf_add(out, s.p + from, i - from);
        if (i < s.len)
            i += escape_one(out, gw_str_sub(s, i, s.len), is_attr);
    }
}

void xml_escape_attr(struct gw_buf *out, struct gw_str value)
{
    escape(out, value, true);
}

void xml_flush_tag(struct xml_writer *w)
{
    if (w->in_tag)
        gw_buf_add_char(w->out, '>');
    w->in_tag = false;
}

void xml_open(struct xml_writer *w, const char *name)
{
    assert(w->depth < XML_WRITE_DEPTH_MAX);
    xml_flush_tag(w);
    gw_buf_add_char(w->out, '<');
    gw_buf_add_cstr(w->out, name);
    w->open[w->depth++] = name;
    w->in_tag = true;
}

static void put_attr(struct gw_buf *out, struct gw_str prefix, struct gw_str name,
                     struct gw_str value)
{
    gw_buf_add_char(out, ' ');
    gw_buf_add_str(out, prefix);
    gw_buf_add_str(out, name);
    gw_buf_add_cstr(out, "=\"");
    escape(out, value, true);
    gw_buf_add_char(out, '"');
}

void xml_put_attr(struct xml_writer *w, const char *name, struct gw_str value)
{
    assert(w->in_tag);
    put_attr(w->out, GW_STR(""), gw_str_of(name), value);
}

void xml_put_text(struct xml_writer *w, struct gw_str text)
{
    if (!text.len)
        return;
    xml_flush_tag(w);
    escape(w->out, text, false);
}

void xml_put_int(struct xml_writer *w, int64_t n)
{
    xml_flush_tag(w);
    gw_buf_addf(w->out, "%" PRId64, n);
}

void xml_put_utc(struct xml_writer *w, gw_utc t)
{
    xml_flush_tag(w);
    gw_utc_write(t, w->out);
}

void xml_close(struct xml_writer *w)
{
    assert(w->depth);
    w->depth--;
    if (w->in_tag) {
        gw_buf_add_cstr(w->out, "/>");
        w->in_tag = false;
        return;
    }
    gw_buf_add_cstr(w->out, "</");
    gw_buf_add_cstr(w->out, w->open[w->depth]);
    gw_buf_add_char(w->out, '>');
}

void xml_put(struct xml_writer *w, const char *name, struct gw_str text)
{
    xml_open(w, name);
    xml_put_text(w, text);
    xml_close(w);
}

/* A foreign namespace of an attribute needs a prefix; each gets its own, and it is declared on the
 * spot. Prefixes of parents are not in use. */
static void put_node_attrs(struct gw_buf *out, const struct xml_node *n)
{
    unsigned foreign = 0;

    for (const struct xml_attr *a = n->attrs; a; a = a->next) {
        char prefix[16];

        if (!a->ns.len) {
            put_attr(out, GW_STR(""), a->name, a->value);
            continue;
        }
        if (gw_str_is(a->ns, XML_NS)) {
            put_attr(out, GW_STR("xml:"), a->name, a->value);
            continue;
        }
        snprintf(prefix, sizeof(prefix), "a%u:", foreign++);
        put_attr(out, GW_STR("xmlns:"), gw_str_sub(gw_str_of(prefix), 0, strlen(prefix) - 1),
                 a->ns);
        put_attr(out, gw_str_of(prefix), a->name, a->value);
    }
}

static void put_node_name(struct gw_buf *out, const struct xml_node *n)
{
    if (gw_str_is(n->ns, XML_NS)) /* bound to this prefix for ever, and never the default */
        gw_buf_add_cstr(out, "xml:");
    gw_buf_add_str(out, n->name);
}

/* Recursion is bounded by the depth that the reader allowed. */
static void put_node(struct gw_buf *out, const struct xml_node *n, struct gw_str ns)
{
    gw_buf_add_char(out, '<');
    put_node_name(out, n);
    if (!gw_str_eq(n->ns, ns) && !gw_str_is(n->ns, XML_NS)) {
        put_attr(out, GW_STR(""), GW_STR("xmlns"), n->ns);
        ns = n->ns;
    }
    put_node_attrs(out, n);
    if (!n->text.len && !n->child) {
        gw_buf_add_cstr(out, "/>");
        return;
    }
    gw_buf_add_char(out, '>');
    escape(out, n->text, false);
    for (const struct xml_node *c = n->child; c; c = c->next)
        put_node(out, c, ns);
    gw_buf_add_cstr(out, "</");
    put_node_name(out, n);
    gw_buf_add_char(out, '>');
}

void xml_put_node(struct xml_writer *w, const struct xml_node *node, struct gw_str ns)
{
    xml_flush_tag(w);
    put_node(w->out, node, ns);
}
