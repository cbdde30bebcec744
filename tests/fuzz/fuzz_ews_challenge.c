/* Whatever stands in WWW-Authenticate. */
#include <assert.h>
#include <stdint.h>

#include "ews_challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_str text = { (const char *)data, len };
    struct ews_challenges c;
    unsigned offered = 0;

    ews_challenges_parse(text, &c);
    for (size_t i = 0; i < EWS_SCHEMES; i++) {
        offered += c.offered[i];
        assert(c.offered[i] || !c.token[i].len);
        assert(!c.token[i].len ||
               (c.token[i].p >= text.p && c.token[i].p + c.token[i].len <= text.p + text.len));
    }
    assert(offered <= c.count && c.count <= len);
    return 0;
}
