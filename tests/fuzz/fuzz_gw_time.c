/* A date and time that was accepted is written as one that means the same. */
#include <stdlib.h>

#include "gw_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* An offset may lead out of the years that have four digits. */
static bool is_writable(gw_utc t)
{
    struct gw_civil c;

    gw_utc_to_civil(t, &c);
    return c.year >= 1 && c.year <= 9999;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[GW_UTC_TEXT_MAX];
    struct gw_civil c;
    gw_utc t, again;
    struct gw_err err;

    if (gw_utc_parse((struct gw_str){ (const char *)data, len }, &t, &err))
        return 0;
    gw_utc_to_civil(t, &c);
    if (gw_civil_to_utc(&c) != t)
        abort();
    gw_utc_text(t, text);
    if (is_writable(t) && (gw_utc_parse(gw_str_of(text), &again, &err) || again != t))
        abort();
    return 0;
}
