/* Whole documents: parsed into nodes. Hardened: no DTD, no entities but the five and character
 * references, no network, comments and processing instructions ignored, UTF-8 only (an encoding
 * declaration may say UTF-8 or US-ASCII), limits on size, depth, nodes and attributes. */
#ifndef XML_DOC_H
#define XML_DOC_H

#include "gw_err.h"
#include "xml_node.h"

struct xml_doc;

struct xml_limits {
    size_t size_max;    /* bytes of input; also bounds the memory of the nodes to 16 times it */
    unsigned depth_max; /* the root is at depth 1 */
    unsigned nodes_max;
    unsigned attrs_max; /* of one element, namespace declarations included */
};

enum { XML_DEPTH_DEFAULT = 64, XML_ATTRS_DEFAULT = 64 };

/* GW_LIMIT: one of the limits; GW_BADMSG: not well-formed, or something forbidden. */
enum gw_code xml_doc_parse(struct gw_str in, const struct xml_limits *limits, struct xml_doc **out,
                           struct gw_err *err);
const struct xml_node *xml_doc_root(const struct xml_doc *doc);
void xml_doc_free(struct xml_doc **docp);

#endif
