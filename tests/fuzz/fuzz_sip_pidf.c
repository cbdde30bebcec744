/* Presence documents of others: whatever is taken has a note of one line that is UTF-8 and not too long. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip_pidf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *block = malloc(size ? size : 1);
    enum sip_word word;
    struct gw_buf note;
    struct gw_err err;

    if (size)
        memcpy(block, data, size);
    gw_buf_init(&note, SIP_DOCUMENT_MAX);
    if (sip_pidf_read((struct gw_str){ block, size }, &word, &note, &err) == GW_OK) {
        must(word < SIP_WORD_COUNT && note.len < PRES_TEXT_MAX && !note.failed);
        must(gw_str_is_utf8(gw_buf_str(&note)) && gw_str_find(gw_buf_str(&note), '\n') < 0);
    }
    gw_buf_done(&note);
    free(block);
    return 0;
}
