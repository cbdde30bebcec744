/* The generations of Exchange, as far as requests differ between them. */
#include "ews_codec.h"

#include <string.h>

/* The oldest first. Mail tips and the header TimeZoneContext came with 2010, streaming and
 * FreeBusyChangedEvent with its SP1, impersonation by any address with SP2; by Exchange2013 a server
 * knows the busy type WorkingElsewhere, which older ones show as another. */
static const struct ews_dialect dialect_table[] = {
    { .version = "Exchange2007" },
    { .version = "Exchange2007_SP1" },
    { .version = "Exchange2010", .time_zone_context = true, .mail_tips = true },
    { .version = "Exchange2010_SP1",
      .time_zone_context = true,
      .mail_tips = true,
      .free_busy_event = true,
      .streaming = true },
    { .version = "Exchange2010_SP2",
      .time_zone_context = true,
      .mail_tips = true,
      .free_busy_event = true,
      .streaming = true,
      .smtp_address = true },
    { .version = "Exchange2013_SP1",
      .time_zone_context = true,
      .mail_tips = true,
      .free_busy_event = true,
      .streaming = true,
      .smtp_address = true },
};

enum { DIALECT_COUNT = sizeof(dialect_table) / sizeof(dialect_table[0]) };

const struct ews_dialect *ews_dialect_find(struct gw_str version)
{
    for (size_t i = 0; i < DIALECT_COUNT; i++)
        if (gw_str_is(version, dialect_table[i].version))
            return &dialect_table[i];
    return NULL;
}

/* Works with everything from 2010 SP2 to the Subscription Edition. */
const struct ews_dialect *ews_dialect_default(void)
{
    return ews_dialect_find(GW_STR("Exchange2010_SP2"));
}

const struct ews_dialect *ews_dialect_lower(const struct ews_dialect *d)
{
    return d == dialect_table ? NULL : d - 1;
}

bool ews_dialect_is_newer(const struct ews_dialect *a, const struct ews_dialect *b)
{
    return a > b;
}

const struct ews_dialect *ews_dialect_of_server(int major, int minor)
{
    if (major >= 15)
        return ews_dialect_find(GW_STR("Exchange2013_SP1"));
    if (major == 14 && minor == 0)
        return ews_dialect_find(GW_STR("Exchange2010"));
    if (major == 14 && minor == 1)
        return ews_dialect_find(GW_STR("Exchange2010_SP1"));
    if (major == 8 && minor == 0)
        return ews_dialect_find(GW_STR("Exchange2007"));
    if (major == 8)
        return ews_dialect_find(GW_STR("Exchange2007_SP1"));
    return ews_dialect_default();
}
