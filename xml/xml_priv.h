/* Shared by the files of xml/ only. */
#ifndef XML_PRIV_H
#define XML_PRIV_H

#include "gw_arena.h"
#include "gw_err.h"
#include "xml_node.h"

/* ---- The scanner: where tokens end and whether tags nest, byte by byte, in constant memory. It comes
 * before the parser and keeps the limits that libxml2 does not: some of its work grows with the
 * square of the attributes of one tag. */

enum xml_token {
    XML_TOKEN_NONE,  /* all was consumed, and no token ended */
    XML_TOKEN_START, /* start tag */
    XML_TOKEN_EMPTY, /* start and end in one */
    XML_TOKEN_END,   /* end tag */
    XML_TOKEN_CDATA, /* and the others: nothing to count */
    XML_TOKEN_COMMENT,
    XML_TOKEN_PI,
    XML_TOKEN_BROKEN, /* not well-formed */
    XML_TOKEN_FORBIDDEN,
    XML_TOKEN_LIMIT
};

enum xml_scan_state {
    XML_SCAN_TEXT,
    XML_SCAN_LT,         /* after "<" */
    XML_SCAN_BANG,       /* after "<!" */
    XML_SCAN_UNTIL,      /* in a comment, CDATA section or processing instruction */
    XML_SCAN_START_NAME, /* in the name of a start tag */
    XML_SCAN_START,      /* behind it */
    XML_SCAN_QUOTED,     /* in an attribute value */
    XML_SCAN_END_NAME,
    XML_SCAN_END
};

struct xml_scan {
    unsigned depth_max, nodes_max, attrs_max;
    bool is_stream;     /* comments and processing instructions are forbidden */
    const char *reason; /* of the last three tokens */

    enum xml_scan_state state;
    enum xml_token until; /* the token that XML_SCAN_UNTIL ends */
    char stop;     /* the quote, or the byte whose run ends XML_SCAN_UNTIL, or which "<!" it is */
    unsigned run;  /* of that byte; in XML_SCAN_BANG: matched so far */
    bool is_slash; /* the last byte of the tag was "/" */
    bool is_declared; /* a processing instruction came; in a stream: the XML declaration */
    unsigned depth, nodes, attrs;
    uint32_t name;  /* hash of the name that is being read */
    uint32_t *open; /* hashes of the names of the open elements, [depth] */
    unsigned open_cap;
};

void xml_scan_done(struct xml_scan *s);

/* Consumes data up to the end of the next token. */
enum xml_token xml_scan_next(struct xml_scan *s, struct gw_str *data);

/* ---- The parser: libxml2 behind one function. */

enum xml_fault {
    XML_FAULT_NONE,
    XML_FAULT_SYNTAX,
    XML_FAULT_RESTRICTED,
    XML_FAULT_PREFIX,
    XML_FAULT_ENCODING,
    XML_FAULT_FORMAT,
    XML_FAULT_LIMIT
};

struct xml_parsed {
    struct xml_node *root; /* in the arena */
    enum xml_fault fault;
    struct gw_err err; /* filled when there is a fault */
};

/* 'text' is a document that the scanner has accepted. 'scope', or NULL: gets a start tag "<r ...>"
 * that declares the namespaces of the root. */
void xml_parse(struct gw_str text, struct gw_arena *arena, struct gw_buf *scope,
               struct xml_parsed *out);

/* The XML declaration, or the whole text when it has none, names an encoding that we read. */
bool xml_encoding_is_ours(struct gw_str text);

/* Value of an attribute, escaped, without quotes. */
void xml_escape_attr(struct gw_buf *out, struct gw_str value);

#endif
