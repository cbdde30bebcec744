/* The body of GetStreamingEvents in pieces: the first byte chooses their size. However they fall, the
 * documents are the same, and each goes to the parser. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ews_codec.h"
#include "ews_splitter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void parse(struct gw_str document)
{
    static const struct ews_request request = { .op = EWS_OP_STREAM };
    struct ews_http http = { .status = 200, .body = document };
    struct ews_answer answer;
    struct gw_arena arena;

    gw_arena_init(&arena, EWS_ANSWER_ARENA);
    ews_answer_parse(&request, &http, &arena, &answer);
    assert(answer.status.class != EWS_OK || answer.status.alive);
    gw_arena_done(&arena);
}

/* All documents one after the other, each followed by a NUL. */
static void split(struct gw_str in, size_t step, struct gw_buf *out)
{
    struct ews_splitter s;
    struct gw_str document;

    ews_splitter_init(&s);
    for (size_t i = 0; i < in.len; i += step) {
        ews_splitter_feed(&s, gw_str_sub(in, i, i + step));
        while (ews_splitter_next(&s, &document) == EWS_SPLIT_DOCUMENT) {
            assert(document.len);
            parse(document);
            gw_buf_add_str(out, document);
            gw_buf_add_char(out, '\0');
        }
    }
    assert(ews_splitter_rest(&s).len <= in.len);
    ews_splitter_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_buf whole, pieces;
    struct gw_str in;

    if (!len || len > 64 * 1024)
        return 0;
    in = (struct gw_str){ (const char *)data + 1, len - 1 };
    gw_buf_init(&whole, 2 * len + 1);
    gw_buf_init(&pieces, 2 * len + 1);
    split(in, in.len + 1, &whole);
    split(in, data[0] % 32 + (size_t)1, &pieces);
    assert(gw_str_eq(gw_buf_str(&whole), gw_buf_str(&pieces)));
    gw_buf_done(&whole);
    gw_buf_done(&pieces);
    return 0;
}
