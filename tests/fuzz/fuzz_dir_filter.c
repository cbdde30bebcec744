/* Filters as administrators type them: whatever is taken can be asked of any user. */
#include <stdint.h>
#include <stdlib.h>

#include "dir_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct dir_user nobody = { .mail = GW_STR_INIT("") },
                          ann = { .jid = GW_STR_INIT("ann@example.com"),
                                  .id = GW_STR_INIT("ann"),
                                  .group = GW_STR_INIT("sales"),
                                  .im_enabled = true };
    struct dir_filter *f = NULL;
    struct gw_err err = { 0 };

    if (dir_filter_parse((struct gw_str){ (const char *)data, len }, &f, &err)) {
        if (!err.msg[0] || f)
            abort();
        return 0;
    }
    (void)dir_filter_matches(f, &nobody);
    (void)dir_filter_matches(f, &ann);
    dir_filter_free(&f);
    return 0;
}
