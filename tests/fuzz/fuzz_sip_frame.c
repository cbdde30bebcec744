/* A stream, in pieces of a length that the first byte gives, and whole: both must be cut at the same
 * places. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gw_buf.h"
#include "sip_frame.h"
#include "sip_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

/* Where each step ended, and how. */
static void cut(const uint8_t *data, size_t size, size_t piece, struct gw_buf *trace)
{
    struct sip_frame f = { 0 };
    size_t begin = 0, end = 0, used = 0;
    struct gw_err err;

    while (end < size) {
        enum sip_frame_step step;

        end = size - end < piece ? size : end + piece;
        do {
            size_t len = end - begin;
            char *block = malloc(len ? len : 1);

            if (len)
                memcpy(block, data + begin, len);
            step = sip_frame_next(&f, (struct gw_str){ block, len }, &used, &err);
            free(block);
            if (step == SIP_FRAME_MORE)
                break;
            gw_buf_addf(trace, "%d@%zu ", (int)step, begin);
            if (step == SIP_FRAME_BROKEN)
                return;
            must(used > 0 && used <= len);
            begin += used;
        } while (begin < end);
        must(end - begin <= SIP_MSG_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_buf whole, pieces;

    if (!size)
        return 0;
    gw_buf_init(&whole, 64 * 1024 * 1024);
    gw_buf_init(&pieces, 64 * 1024 * 1024);
    cut(data + 1, size - 1, SIP_MSG_MAX, &whole);
    cut(data + 1, size - 1, (size_t)data[0] + 1, &pieces);
    must(gw_str_eq(gw_buf_str(&whole), gw_buf_str(&pieces)));
    gw_buf_done(&whole);
    gw_buf_done(&pieces);
    return 0;
}
