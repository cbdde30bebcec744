/* The push parser for XMPP streams (RFC 6120 4): bytes in, the stream header and whole stanzas out.
 * Refuses what RFC 6120 11.1 forbids: comments, processing instructions, DTDs, entities. A stream
 * holds no libxml2 parser: the bytes of a stanza are kept until it is whole, which a small scanner
 * tells (and finds broken nesting at once), and are then parsed behind the namespaces of the root. */
#ifndef XML_STREAM_H
#define XML_STREAM_H

#include "gw_err.h"
#include "xml_node.h"

struct xml_stream;

struct xml_stream_handlers {
    /* The root's start tag; its children are not there yet. Borrowed for the call. */
    void (*on_open)(const struct xml_node *root, void *ctx);
    /* A child of the root, whole. Borrowed for the call. */
    void (*on_stanza)(const struct xml_node *stanza, void *ctx);
    /* The root's end tag. */
    void (*on_close)(void *ctx);
};

struct xml_stream_limits {
    size_t stanza_max;  /* bytes of one stanza, or of the XML declaration and root's start tag */
    unsigned depth_max; /* the stanza is at depth 1 */
    unsigned nodes_max; /* of one stanza */
    unsigned attrs_max; /* of one element, namespace declarations included */
};

struct xml_stream *xml_stream_new(const struct xml_stream_limits *limits,
                                  const struct xml_stream_handlers *handlers, void *ctx);
void xml_stream_free(struct xml_stream **xsp); /* also from inside a handler */

/* GW_OK: consumed, handlers were called. GW_BADMSG: not well-formed or forbidden (err->msg begins
 * with the RFC 6120 4.9.3 condition: "not-well-formed: ...", "restricted-xml: ...", "bad-format: ..."
 * for text between stanzas, "bad-namespace-prefix: ...", "unsupported-encoding: ..."). GW_LIMIT:
 * over a limit ("policy-violation: ..."). After a failure only _free and _restart are allowed. White
 * space between stanzas is skipped; what comes after the root's end tag is ignored. Not to be called
 * from inside a handler of the same stream. */
enum gw_code xml_stream_feed(struct xml_stream *xs, struct gw_str data, struct gw_err *err);

/* A new root will come: after STARTTLS and SASL (RFC 6120 4.3.3). May be called in a handler: the
 * rest of the data being fed is dropped. */
void xml_stream_restart(struct xml_stream *xs);

/* From the next stanza on; not from inside a handler. For a peer that has proved who it is without a
 * new root. */
void xml_stream_set_stanza_max(struct xml_stream *xs, size_t stanza_max);

/* Drops buffers when no stanza is half-read; for connections that said nothing for a while. */
void xml_stream_idle(struct xml_stream *xs);

#endif
