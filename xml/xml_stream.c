/* Bytes are scanned as they come; only a token or stanza that is not whole yet is kept. A whole one is
 * parsed like a document, inside an element that declares the namespaces of the stream's root, so
 * that between stanzas a stream costs little more than those declarations. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "xml_priv.h"
#include "xml_stream.h"

/*   PROLOG --root's start tag--> OPEN --root's end tag--> CLOSED
 *      '------ any failure -------'---------------------> FAILED        restart: any --> PROLOG  */
enum stream_state { PROLOG, OPEN, CLOSED, FAILED };

enum { MEMORY_PER_BYTE = 32, MEMORY_LEAST = 4096 };

struct xml_stream {
    struct xml_stream_limits limits;
    struct xml_stream_handlers handlers;
    void *ctx;
    enum stream_state state;
    struct xml_scan scan;
    struct gw_buf part;  /* bytes of what is not whole yet; empty between stanzas */
    struct gw_buf scope; /* "<r xmlns=...>" */
    bool is_feeding;
    bool is_restarted, is_freed; /* by a handler, while feeding */
};

static void begin(struct xml_stream *xs)
{
    xml_scan_done(&xs->scan);
    xs->scan = (struct xml_scan){ .depth_max = xs->limits.depth_max + 1, /* the root is outside */
                                  .nodes_max = xs->limits.nodes_max,
                                  .attrs_max = xs->limits.attrs_max,
                                  .is_stream = true };
    gw_buf_reset(&xs->part);
    gw_buf_done(&xs->scope);
    xs->state = PROLOG;
}

struct xml_stream *xml_stream_new(const struct xml_stream_limits *limits,
                                  const struct xml_stream_handlers *handlers, void *ctx)
{
    struct xml_stream *xs = gw_new(struct xml_stream);

    xs->limits = *limits;
    xs->handlers = *handlers;
    xs->ctx = ctx;
    gw_buf_init(&xs->part, limits->stanza_max);
    gw_buf_init(&xs->scope, limits->stanza_max * 6); /* as much as escaping can add, and more */
    begin(xs);
    return xs;
}

static void destroy(struct xml_stream *xs)
{
    xml_scan_done(&xs->scan);
    gw_buf_done(&xs->part);
    gw_buf_done(&xs->scope);
    free(xs);
}

void xml_stream_free(struct xml_stream **xsp)
{
    struct xml_stream *xs = *xsp;

    if (!xs)
        return;
    *xsp = NULL;
    if (xs->is_feeding)
        xs->is_freed = true;
    else
        destroy(xs);
}

void xml_stream_restart(struct xml_stream *xs)
{
    if (xs->is_feeding)
        xs->is_restarted = true;
    else
        begin(xs);
}

void xml_stream_set_stanza_max(struct xml_stream *xs, size_t stanza_max)
{
    xs->limits.stanza_max = stanza_max;
    xs->part.max = stanza_max;
}

void xml_stream_idle(struct xml_stream *xs)
{
    if (xs->is_feeding || xs->part.len)
        return;
    gw_buf_done(&xs->part);
    if (!xs->scan.depth)
        xml_scan_done(&xs->scan);
}

static const char *condition_of(enum xml_fault fault)
{
    switch (fault) {
    case XML_FAULT_NONE:
    case XML_FAULT_SYNTAX:
        return "not-well-formed";
    case XML_FAULT_RESTRICTED:
        return "restricted-xml";
    case XML_FAULT_PREFIX:
        return "bad-namespace-prefix";
    case XML_FAULT_ENCODING:
        return "unsupported-encoding";
    case XML_FAULT_FORMAT:
        return "bad-format";
    case XML_FAULT_LIMIT:
        return "policy-violation";
    }
    return "not-well-formed";
}

static enum gw_code refuse(struct xml_stream *xs, enum xml_fault fault, const char *reason,
                           struct gw_err *err)
{
    xs->state = FAILED;
    return gw_fail(err, fault == XML_FAULT_LIMIT ? GW_LIMIT : GW_BADMSG, "%s: %s",
                   condition_of(fault), reason);
}

static size_t memory_max(const struct xml_stream *xs)
{
    return MEMORY_LEAST + xs->limits.stanza_max * MEMORY_PER_BYTE;
}

/* A handler may have freed or restarted the stream: then nothing of it is looked at again. */
static bool goes_on(const struct xml_stream *xs)
{
    return !xs->is_freed && !xs->is_restarted;
}

static void call_close(struct xml_stream *xs)
{
    xs->state = CLOSED;
    xs->handlers.on_close(xs->ctx);
}

/* What was kept, and now lies with the rest in one piece or was parsed, is needed no more. */
static void parse_done(struct xml_stream *xs, struct gw_buf *doc)
{
    gw_buf_done(doc);
    gw_buf_reset(&xs->part);
    xs->scan.nodes = 0;
}

/* tag: an XML declaration, perhaps, and the start tag of the root, which is closed to be parsed. */
static enum gw_code deliver_root(struct xml_stream *xs, struct gw_str tag, bool is_empty,
                                 struct gw_err *err)
{
    struct xml_parsed parsed;
    struct gw_arena arena;
    struct gw_buf doc;
    enum gw_code rc = GW_OK;

    if (!xml_encoding_is_ours(tag))
        return refuse(xs, XML_FAULT_ENCODING, "another encoding than UTF-8", err);
    gw_arena_init(&arena, memory_max(xs));
    gw_buf_init(&doc, tag.len + 1);
    gw_buf_add_str(&doc, gw_str_sub(tag, 0, tag.len - (is_empty ? 2 : 1)));
    gw_buf_add_cstr(&doc, "/>");
    xml_parse(gw_buf_str(&doc), &arena, &xs->scope, &parsed);
    parse_done(xs, &doc);
    if (parsed.fault) {
        rc = refuse(xs, parsed.fault, parsed.err.msg, err);
    } else {
        xs->state = OPEN;
        xs->handlers.on_open(parsed.root, xs->ctx);
        if (is_empty && goes_on(xs))
            call_close(xs);
    }
    gw_arena_done(&arena);
    return rc;
}

static enum gw_code deliver_stanza(struct xml_stream *xs, struct gw_str stanza, struct gw_err *err)
{
    struct xml_parsed parsed;
    struct gw_arena arena;
    struct gw_buf doc;
    enum gw_code rc = GW_OK;

    gw_arena_init(&arena, memory_max(xs));
    gw_buf_init(&doc, SIZE_MAX);
    gw_buf_add_str(&doc, gw_buf_str(&xs->scope));
    gw_buf_add_str(&doc, stanza);
    gw_buf_add_cstr(&doc, "</r>");
    xml_parse(gw_buf_str(&doc), &arena, NULL, &parsed);
    parse_done(xs, &doc);
    if (parsed.fault) {
        rc = refuse(xs, parsed.fault, parsed.err.msg, err);
    } else if (!parsed.root->child || parsed.root->child->next) {
        rc = refuse(xs, XML_FAULT_SYNTAX, "not one element", err);
    } else {
        struct xml_node *top = (struct xml_node *)parsed.root->child;

        top->parent = NULL; /* the root is not there for the reader */
        xs->handlers.on_stanza(top, xs->ctx);
    }
    gw_arena_done(&arena);
    return rc;
}

/* Adds a piece to what was kept before; 'out' (or NULL: it is kept) is all of it, without a copy when
 * nothing was. */
static enum gw_code join(struct xml_stream *xs, struct gw_str piece, struct gw_str *out,
                         struct gw_err *err)
{
    if (xs->part.len + piece.len > xs->limits.stanza_max)
        return refuse(xs, XML_FAULT_LIMIT, "stanza too large", err);
    if (out && !xs->part.len) {
        *out = piece;
        return GW_OK;
    }
    gw_buf_add_str(&xs->part, piece);
    if (out)
        *out = gw_buf_str(&xs->part);
    return GW_OK;
}

static enum gw_code deliver(struct xml_stream *xs, enum xml_token token, struct gw_str piece,
                            struct gw_err *err)
{
    bool is_root_tag = xs->state == PROLOG;
    struct gw_str all = piece;
    enum gw_code rc = join(xs, piece, &all, err);

    if (rc)
        return rc;
    if (is_root_tag)
        return deliver_root(xs, all, token == XML_TOKEN_EMPTY, err);
    if (xs->scan.depth)
        return deliver_stanza(xs, all, err);
    gw_buf_reset(&xs->part);
    call_close(xs);
    return GW_OK;
}

/* Whether the token ends the root's start tag, a stanza, or the root. */
static bool is_whole(const struct xml_stream *xs, enum xml_token token)
{
    if (token == XML_TOKEN_START)
        return xs->scan.depth == 1;
    return (token == XML_TOKEN_EMPTY || token == XML_TOKEN_END) && xs->scan.depth <= 1;
}

static bool is_declaration(const struct xml_stream *xs, struct gw_str piece)
{
    char start[7] = "";
    size_t n = 0;

    for (size_t i = 0; i < xs->part.len && n < 6; i++)
        start[n++] = xs->part.p[i];
    for (size_t i = 0; i < piece.len && n < 6; i++)
        start[n++] = piece.p[i];
    return strcmp(start, "<?xml ") == 0 || strcmp(start, "<?xml\t") == 0 ||
           strcmp(start, "<?xml\r") == 0 || strcmp(start, "<?xml\n") == 0;
}

/* A token that ends nothing; most are inside a stanza. */
static enum gw_code check_token(struct xml_stream *xs, enum xml_token token, struct gw_str piece,
                                struct gw_err *err)
{
    if (token == XML_TOKEN_BROKEN)
        return refuse(xs, XML_FAULT_SYNTAX, xs->scan.reason, err);
    if (token == XML_TOKEN_FORBIDDEN)
        return refuse(xs, XML_FAULT_RESTRICTED, xs->scan.reason, err);
    if (token == XML_TOKEN_LIMIT)
        return refuse(xs, XML_FAULT_LIMIT, xs->scan.reason, err);
    if (token == XML_TOKEN_PI && !is_declaration(xs, piece))
        return refuse(xs, XML_FAULT_RESTRICTED, "processing instruction", err);
    if (token == XML_TOKEN_CDATA && xs->scan.depth <= 1)
        return refuse(xs, xs->scan.depth ? XML_FAULT_FORMAT : XML_FAULT_SYNTAX,
                      "text outside of stanzas", err);
    return GW_OK;
}

/* Between stanzas, and before the root: white space is a keepalive, anything else is wrong. */
static enum gw_code skip_white(struct xml_stream *xs, struct gw_str *rest, struct gw_err *err)
{
    struct gw_str from_text = gw_str_trim(*rest);

    if (!from_text.len) {
        *rest = from_text;
        return GW_OK;
    }
    rest->len -= (size_t)(from_text.p - rest->p);
    rest->p = from_text.p;
    if (rest->p[0] == '<')
        return GW_OK;
    return refuse(xs, xs->state == OPEN ? XML_FAULT_FORMAT : XML_FAULT_SYNTAX,
                  "text outside of stanzas", err);
}

/* One token, or what there is of it. *from is where what was not delivered yet begins. */
static enum gw_code feed_token(struct xml_stream *xs, const char **from, struct gw_str *rest,
                               struct gw_err *err)
{
    enum xml_token token;
    struct gw_str piece;
    enum gw_code rc;

    if (!xs->part.len && *from == rest->p) {
        rc = skip_white(xs, rest, err);
        *from = rest->p;
        if (rc || !rest->len)
            return rc;
    }
    token = xml_scan_next(&xs->scan, rest);
    piece = (struct gw_str){ *from, (size_t)(rest->p - *from) };
    if (!is_whole(xs, token))
        return check_token(xs, token, piece, err);
    *from = rest->p;
    return deliver(xs, token, piece, err);
}

enum gw_code xml_stream_feed(struct xml_stream *xs, struct gw_str data, struct gw_err *err)
{
    const char *from = data.p;
    enum gw_code rc = GW_OK;

    assert(!xs->is_feeding && xs->state != FAILED);
    xs->is_feeding = true;
    while (!rc && data.len && xs->state != CLOSED && goes_on(xs))
        rc = feed_token(xs, &from, &data, err);
    if (!rc && xs->state != CLOSED && goes_on(xs) && data.p > from)
        rc = join(xs, (struct gw_str){ from, (size_t)(data.p - from) }, NULL, err);
    xs->is_feeding = false;
    if (xs->is_freed) {
        destroy(xs);
    } else if (xs->is_restarted) {
        xs->is_restarted = false;
        begin(xs);
    }
    return rc;
}
