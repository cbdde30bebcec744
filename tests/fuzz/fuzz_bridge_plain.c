/* Whatever a reply is made of, what comes out is one short line of text, and stays so when it is put in
 * again. */
#include <stdlib.h>

#include "bridge_plain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_buf out;

    gw_buf_init(&out, 2 * BRIDGE_REPLY_MAX);
    bridge_plain_write((struct gw_str){ (const char *)data, len }, &out);
    if (out.failed || out.len > BRIDGE_REPLY_MAX || !gw_str_is_utf8(gw_buf_str(&out)))
        abort();
    for (size_t i = 0; i < out.len; i++)
        if ((unsigned char)out.p[i] < ' ' || out.p[i] == 0x7f)
            abort();
    gw_buf_done(&out);
    return 0;
}
