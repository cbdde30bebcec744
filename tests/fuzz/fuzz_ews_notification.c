/* Whatever is posted to the push listener. */
#include <assert.h>
#include <stdint.h>

#include "ews_notification.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ews_notification n;
    struct gw_arena arena;
    struct gw_err err;

    gw_arena_init(&arena, EWS_NOTIFICATION_ARENA);
    if (!ews_notification_parse((struct gw_str){ (const char *)data, len }, &arena, &n, &err)) {
        assert(n.subscription_id.p[n.subscription_id.len] == '\0');
        assert(n.watermark.p[n.watermark.len] == '\0');
        assert(n.ended == (n.status.class != EWS_OK));
    }
    gw_arena_done(&arena);
    return 0;
}
