/* A scenario with comments: read or refused, and what is read is what it is without them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mock_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_str text = { (const char *)bytes, len };
    json_error_t what;
    json_t *json = mock_json_parse(text, &what);
    json_t *plain = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, &what);

    if (plain && !json_equal(json, plain))
        abort();
    json_decref(json);
    json_decref(plain);
    return 0;
}
