/* RecurrenceType on the wire: a pattern and a range. */
#ifndef MOCK_RECURRENCE_H
#define MOCK_RECURRENCE_H

#include "mock_recur.h"
#include "xml_write.h"

/* A ResponseCode, or NULL: read. Ranges are checked by mock_recur_settle(). */
const char *mock_recurrence_read(const struct xml_node *node, struct mock_recur *out);
void mock_recurrence_write(struct xml_writer *w, const char *element, const struct mock_recur *r);

#endif
