/* libxml2's SAX2 interface, building our nodes. The scanner has refused DTDs and checked the limits;
 * what is left to bound here is memory and the namespaces in scope, which libxml2 searches one by
 * one for every name. */
#include <libxml/parser.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "xml_priv.h"

enum {
    NAMES_CACHED = 64, /* a power of two */
    NAMESPACES_MAX = 256,
    FRAMES_FIRST = 16
};

/* An element whose end tag has not come. */
struct frame {
    struct xml_node *node, *last_child;
    size_t text_from; /* its own text is the end of parser.text, from here */
    unsigned namespaces;
};

struct name {
    const xmlChar *from; /* libxml2 interns names: one text, one address */
    struct gw_str copy;
};

struct parser {
    xmlParserCtxtPtr ctxt;
    struct gw_arena *arena;
    struct gw_buf *scope;
    struct xml_parsed *out;
    struct gw_buf text;
    struct frame *frames;
    unsigned depth, frames_cap;
    unsigned namespaces;
    struct name names[NAMES_CACHED];
};

static void fail(struct parser *p, enum xml_fault fault, const char *reason)
{
    if (p->out->fault)
        return;
    p->out->fault = fault;
    gw_fail(&p->out->err, fault == XML_FAULT_LIMIT ? GW_LIMIT : GW_BADMSG, "%s", reason);
    xmlStopParser(p->ctxt);
}

static void *take(struct parser *p, size_t size)
{
    void *memory = gw_arena_alloc(p->arena, size);

    if (!memory)
        fail(p, XML_FAULT_LIMIT, "the document needs too much memory");
    return memory;
}

static struct gw_str copy(struct parser *p, struct gw_str s)
{
    struct gw_str own = s.len ? gw_arena_dup(p->arena, s) : GW_STR("");

    if (!own.p) {
        fail(p, XML_FAULT_LIMIT, "the document needs too much memory");
        return GW_STR("");
    }
    return own;
}

static struct gw_str of(const xmlChar *s)
{
    return gw_str_of((const char *)s);
}

/* A document uses few names many times: one copy each, as long as they do not share a place. */
static struct gw_str intern(struct parser *p, const xmlChar *name)
{
    uintptr_t address = (uintptr_t)name;
    struct name *n = &p->names[(address ^ address >> 6) % NAMES_CACHED];

    if (!name)
        return GW_STR("");
    if (n->from != name)
        *n = (struct name){ name, copy(p, of(name)) };
    return n->copy;
}

static void add_attrs(struct parser *p, struct xml_node *node, int count, const xmlChar **attrs)
{
    const struct xml_attr **tail = &node->attrs;

    /* Five each: local name, prefix, namespace, value, end of value. */
    for (int i = 0; i < count; i++, attrs += 5) {
        struct xml_attr *attr = take(p, sizeof(*attr));

        if (!attr)
            return;
        attr->name = intern(p, attrs[0]);
        attr->ns = intern(p, attrs[2]);
        attr->value =
            copy(p, (struct gw_str){ (const char *)attrs[3], (size_t)(attrs[4] - attrs[3]) });
        *tail = attr;
        tail = &attr->next;
    }
}

static void push(struct parser *p, struct xml_node *node, unsigned namespaces)
{
    if (p->depth == p->frames_cap) {
        p->frames_cap = p->frames_cap ? p->frames_cap * 2 : FRAMES_FIRST;
        p->frames = gw_realloc(p->frames, p->frames_cap, sizeof(*p->frames));
    }
    p->frames[p->depth++] =
        (struct frame){ .node = node, .text_from = p->text.len, .namespaces = namespaces };
    p->namespaces += namespaces;
    if (p->namespaces > NAMESPACES_MAX)
        fail(p, XML_FAULT_LIMIT, "too many namespaces in scope");
}

static void link_to_parent(struct parser *p, struct xml_node *node)
{
    struct frame *parent = p->depth ? &p->frames[p->depth - 1] : NULL;

    if (!parent) {
        p->out->root = node;
        return;
    }
    node->parent = parent->node;
    if (parent->last_child)
        parent->last_child->next = node;
    else
        parent->node->child = node;
    parent->last_child = node;
}

static void scope_write(struct gw_buf *out, int count, const xmlChar **namespaces)
{
    gw_buf_add_cstr(out, "<r");
    for (int i = 0; i < count; i++, namespaces += 2) {
        gw_buf_add_cstr(out, namespaces[0] ? " xmlns:" : " xmlns");
        gw_buf_add_str(out, of(namespaces[0]));
        gw_buf_add_cstr(out, "=\"");
        xml_escape_attr(out, of(namespaces[1]));
        gw_buf_add_char(out, '"');
    }
    gw_buf_add_char(out, '>');
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *ns,
                     int nb_namespaces, const xmlChar **namespaces, int nb_attrs, int nb_defaulted,
                     const xmlChar **attrs)
{
    struct parser *p = ctx;
    struct xml_node *node;

    (void)prefix;
    (void)nb_defaulted;
    if (p->out->fault)
        return;
    node = take(p, sizeof(*node));
    if (!node)
        return;
    node->name = intern(p, name);
    node->ns = intern(p, ns);
    node->text = GW_STR("");
    add_attrs(p, node, nb_attrs, attrs);
    if (p->scope && !p->depth)
        scope_write(p->scope, nb_namespaces, namespaces);
    link_to_parent(p, node);
    push(p, node, (unsigned)nb_namespaces);
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *ns)
{
    struct parser *p = ctx;
    struct frame *f;
    struct gw_str text;

    (void)name;
    (void)prefix;
    (void)ns;
    if (p->out->fault || !p->depth)
        return;
    f = &p->frames[--p->depth];
    text = gw_str_sub(gw_buf_str(&p->text), f->text_from, p->text.len);
    if (!f->last_child || gw_str_trim(text).len)
        f->node->text = copy(p, text);
    p->text.len = f->text_from;
    p->namespaces -= f->namespaces;
}

static void on_text(void *ctx, const xmlChar *text, int len)
{
    struct parser *p = ctx;

    if (p->out->fault || !p->depth)
        return;
    gw_buf_add(&p->text, text, (size_t)len);
    if (p->text.failed)
        fail(p, XML_FAULT_LIMIT, "the document needs too much memory");
}

static void on_dtd(void *ctx, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    (void)name;
    (void)external;
    (void)system;
    fail(ctx, XML_FAULT_RESTRICTED, "document type declaration");
}

static void on_reference(void *ctx, const xmlChar *name)
{
    (void)name;
    fail(ctx, XML_FAULT_RESTRICTED, "entity reference");
}

static enum xml_fault fault_of(const xmlError *error)
{
    if (error->code == XML_ERR_UNDECLARED_ENTITY || error->code == XML_WAR_UNDECLARED_ENTITY)
        return XML_FAULT_RESTRICTED;
    if (error->code == XML_NS_ERR_UNDEFINED_NAMESPACE)
        return XML_FAULT_PREFIX;
    return XML_FAULT_SYNTAX;
}

/* The first line of libxml2's sentence, fit for a log: names from the document may be in it. */
static void sentence(struct gw_buf *out, const xmlError *error)
{
    struct gw_str text = gw_str_of(error->message);

    (void)gw_str_cut(text, "\n", &text, NULL);
    text = gw_str_trim(text);
    gw_buf_addf(out, "line %d: ", error->line);
    gw_buf_add_quoted(out, text, 160);
}

/* A namespace is a name to us: whether it is a valid or absolute URI is none of our business. */
static bool is_harmless(const xmlError *error)
{
    return error->level == XML_ERR_WARNING || error->level == XML_ERR_NONE ||
           error->code == XML_WAR_NS_URI || error->code == XML_WAR_NS_URI_RELATIVE;
}

static void on_error(void *ctx, xmlErrorPtr error)
{
    struct parser *p = ctx;
    struct gw_buf text;

    if (p->out->fault || is_harmless(error))
        return;
    gw_buf_init(&text, sizeof(p->out->err.msg));
    sentence(&text, error);
    fail(p, fault_of(error), text.p);
    gw_buf_done(&text);
}

static void init_once(void)
{
    xmlInitParser();
}

static struct parser *parser_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct parser *p = gw_new(struct parser);

    pthread_once(&once, init_once);
    p->ctxt = xmlNewParserCtxt();
    if (!p->ctxt)
        abort(); /* out of memory */
    *p->ctxt->sax = (xmlSAXHandler){
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .ignorableWhitespace =
            on_text, /* the same, so that libxml2 does not look for a DTD's word */
        .internalSubset = on_dtd,
        .reference = on_reference,
        .serror = on_error,
    };
    p->ctxt->userData = p;
    return p;
}

static void parser_free(struct parser **pp)
{
    struct parser *p = *pp;

    if (!p)
        return;
    *pp = NULL;
    xmlFreeParserCtxt(p->ctxt);
    gw_buf_done(&p->text);
    free(p->frames);
    free(p);
}

static void run(struct parser *p, struct gw_str text)
{
    /* NOENT: the five entities and character references in attribute values are resolved, as they
     * are in text. There are no others, since there is no DTD to declare them. */
    xmlDocPtr doc = xmlCtxtReadMemory(p->ctxt, text.p, (int)text.len, NULL, NULL,
                                      XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_IGNORE_ENC);

    if (doc)
        xmlFreeDoc(doc);
    if (!p->out->fault && (!p->ctxt->wellFormed || p->depth || !p->out->root))
        fail(p, XML_FAULT_SYNTAX, "not a whole document");
}

void xml_parse(struct gw_str text, struct gw_arena *arena, struct gw_buf *scope,
               struct xml_parsed *out)
{
    struct parser *p = parser_new();

    *out = (struct xml_parsed){ 0 };
    p->arena = arena;
    p->scope = scope;
    p->out = out;
    gw_buf_init(&p->text, arena->max);
    if (text.len > INT_MAX)
        fail(p, XML_FAULT_LIMIT, "the document is too large");
    else if (gw_str_find(text, '\0') >= 0) /* libxml2 may take it for the end */
        fail(p, XML_FAULT_SYNTAX, "character that XML does not have");
    else
        run(p, text);
    if (out->fault)
        out->root = NULL;
    parser_free(&p);
}
