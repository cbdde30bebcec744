/* The escaping writer: the only way XML is written. Names are ours, literals "t:Start" with prefix
 * and all; text and attribute values are escaped. Characters that XML 1.0 forbids, and bytes that
 * are not UTF-8, are written as U+FFFD. The buffer's sticky failure tells of overflow. */
#ifndef XML_WRITE_H
#define XML_WRITE_H

#include "gw_buf.h"
#include "gw_time.h"
#include "xml_node.h"

enum { XML_WRITE_DEPTH_MAX = 32 };

struct xml_writer {
    struct gw_buf *out; /* borrowed */
    const char *open[XML_WRITE_DEPTH_MAX];
    unsigned depth;
    bool in_tag; /* the start tag still takes attributes */
};

void xml_write_init(struct xml_writer *w, struct gw_buf *out);
void xml_write_declaration(struct xml_writer *w); /* <?xml version="1.0" encoding="utf-8"?> */

void xml_open(struct xml_writer *w, const char *name); /* name is borrowed until its xml_close */
void xml_put_attr(struct xml_writer *w, const char *name, struct gw_str value);
void xml_put_text(struct xml_writer *w, struct gw_str text);
void xml_put_int(struct xml_writer *w, int64_t n);
void xml_put_utc(struct xml_writer *w, gw_utc t);
void xml_close(struct xml_writer *w); /* "/>" when empty */

/* <name>text</name> */
void xml_put(struct xml_writer *w, const char *name, struct gw_str text);

/* Writes the start tag and leaves the element open: for XMPP's <stream:stream>. */
void xml_flush_tag(struct xml_writer *w);

/* Copies an element with all that is in it, namespaces declared where they change. 'ns' is the
 * default namespace in force around it. */
void xml_put_node(struct xml_writer *w, const struct xml_node *node, struct gw_str ns);

#endif
