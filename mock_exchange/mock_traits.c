#include "mock_traits.h"

#include <stdlib.h>

const char *const mock_sharing_name[] = { "None", "Merged", "FreeBusy", "Detailed", NULL };
const char *const mock_discovery_level_name[] = { "none", "response", "user", "setting", NULL };

const struct mock_traits mock_traits_usual = {
    .hours = { .zone_id = "UTC", .days = 0x3e, .start_min = 8 * 60, .end_min = 17 * 60 },
    .sharing = MOCK_SHARING_FREE_BUSY,
    .external_oof = true,
};

static char *dup_or_null(const char *s)
{
    return s ? gw_str_dup(gw_str_of(s)) : NULL;
}

void mock_traits_copy(struct mock_traits *to, const struct mock_traits *from)
{
    *to = *from;
    to->discovery.redirect_address = dup_or_null(from->discovery.redirect_address);
    to->discovery.redirect_url = dup_or_null(from->discovery.redirect_url);
    to->discovery.error_code = dup_or_null(from->discovery.error_code);
}

void mock_traits_done(struct mock_traits *traits)
{
    free(traits->discovery.redirect_address);
    free(traits->discovery.redirect_url);
    free(traits->discovery.error_code);
    *traits = (struct mock_traits){ .external_oof = false };
}
