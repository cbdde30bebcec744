/* Time zones that a client describes instead of naming them: TimeZoneDefinitionType, as StartTimeZone
 * has it, and TimeZoneType, MeetingTimeZone of Exchange 2007. */
#ifndef MOCK_ZONE_READ_H
#define MOCK_ZONE_READ_H

#include "mock_zone_named.h"
#include "xml_node.h"

/* False: it makes no sense, or its rules are of a kind that is not known here (a fixed date every
 * year; more groups than MOCK_ZONE_RUNS_MAX). */
bool mock_zone_read(const struct xml_node *node, struct mock_zone_named *out);

#endif
