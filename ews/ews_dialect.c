/* The generations of Exchange, as far as requests differ between them. */
#include "ews_codec.h"

#include <string.h>

/* The oldest first. FreeBusyChangedEvent came with 2010 SP1, impersonation by any address with
 * 2010 SP2, WorkingElsewhere with 2013. */
static const struct ews_dialect dialect_table[] = {
    { "Exchange2007_SP1", false, false, false, false },
    { "Exchange2010", true, false, false, false },
    { "Exchange2010_SP1", true, true, false, false },
    { "Exchange2010_SP2", true, true, true, false },
    { "Exchange2013_SP1", true, true, true, true },
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
    if (major == 8)
        return ews_dialect_find(GW_STR("Exchange2007_SP1"));
    return ews_dialect_default();
}
