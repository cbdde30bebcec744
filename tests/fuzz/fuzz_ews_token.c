/* Whatever a token endpoint answers: a byte for the status, then the body. */
#include <assert.h>
#include <stdint.h>

#include "ews_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const int status[] = { 200, 400, 401, 404, 429, 500, 302, 503 };
    struct ews_token_http http = { .content_type = { "application/json", 16 } };
    struct ews_status why = { 0 };
    int64_t lifetime_s = -1;
    struct gw_buf token;

    if (!len)
        return 0;
    http.status = status[data[0] & 7];
    http.body = (struct gw_str){ (const char *)data + 1, len - 1 };
    http.retry_after = http.date = http.body;
    gw_buf_init(&token, EWS_BEARER_MAX);
    if (ews_token_parse(&http, &token, &lifetime_s, &why))
        assert(token.len && !token.failed && lifetime_s >= 0);
    else
        assert(why.class != EWS_OK && why.text[0]);
    gw_buf_done(&token);
    (void)ews_token_url_check(http.body, NULL, NULL);
    return 0;
}
