/* Documents against an XML Schema. The schema is read from files, with those that it imports; nothing
 * is fetched from the network. Loading is slow (a large schema takes hundreds of milliseconds) and
 * changes libxml2's global loader for its time: load at the start, on the main thread. */
#ifndef XML_SCHEMA_H
#define XML_SCHEMA_H

#include "gw_err.h"
#include "gw_str.h"

struct xml_schema;

/* GW_INVALID: no such file, or not a schema. */
enum gw_code xml_schema_load(const char *path, struct xml_schema **out, struct gw_err *err);
void xml_schema_free(struct xml_schema **schemap);

struct xml_violation {
    int line, column; /* from 1; where the parser stood, behind what is wrong */
    char text[240];
};

/* Violations of elements that have one of these local names are let pass; ends with NULL. */
typedef const char *const *xml_tolerated;

/* 'doc' is a document that xml_doc_parse() has accepted. False: out has the first violation. */
bool xml_schema_check(const struct xml_schema *schema, struct gw_str doc, xml_tolerated tolerated,
                      struct xml_violation *out);

#endif
