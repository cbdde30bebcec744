/* Which items FindItem shows, and in what order: Restriction and SortOrder over the properties that a
 * calendar knows. Pure. */
#ifndef MOCK_FILTER_H
#define MOCK_FILTER_H

#include "mock_org.h"
#include "xml_node.h"

/* NULL: it can be answered; else a ResponseCode. Nodes may be NULL: everything, by start. */
const char *mock_filter_check(const struct xml_node *restriction);
const char *mock_sort_check(const struct xml_node *sort_order);

bool mock_filter_passes(const struct xml_node *restriction, const struct mock_item *item);
int mock_sort_compare(const struct xml_node *sort_order, const struct mock_item *a,
                      const struct mock_item *b); /* as for qsort() */

#endif
