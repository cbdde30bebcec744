/* Which users are meant: an expression over the fields of dir_fields[].
 *
 *   expression = term { "or" term }
 *   term       = factor { "and" factor }
 *   factor     = "not" factor | "(" expression ")" | comparison
 *   comparison = text-field ( "=" | "!=" | "contains" | "prefix" ) value
 *              | flag-field [ ( "=" | "!=" ) ( "yes" | "no" ) ]
 *   value      = word | "'" anything "'" | '"' anything '"' | "[" text-field "]"
 *
 * The last is what the user has in that field: sip != [user].
 * Letters of ASCII are compared without case; field = '' means that it is not set. */
#ifndef DIR_FILTER_H
#define DIR_FILTER_H

#include "dir.h"

struct dir_filter;

enum { DIR_FILTER_MAX = 2048, DIR_FILTER_NODES_MAX = 100, DIR_FILTER_DEPTH_MAX = 20 };

/* GW_INVALID says where, and what is expected there. */
enum gw_code dir_filter_parse(struct gw_str text, struct dir_filter **out, struct gw_err *err);
bool dir_filter_matches(const struct dir_filter *f, const struct dir_user *u);
void dir_filter_free(struct dir_filter **fp);

#endif
