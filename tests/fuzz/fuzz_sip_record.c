/* The record of a subscription: what is taken can be lived with. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *block = malloc(size ? size : 1);
    struct sip_sub_args args;
    json_t *owner = NULL;
    gw_utc expires = 0;
    struct gw_err err;
    size_t len = 0;

    if (size)
        memcpy(block, data, size);
    if (!sip_record_parse((struct gw_str){ block, size }, &args, &expires, &owner, &err)) {
        for (int i = 0; i < SIP_TEXT_COUNT; i++)
            len += args.text[i].len;
        if (!args.user.len || !args.text[SIP_TEXT_TAG].len || len > UINT16_MAX)
            abort();
        sip_record_done(&owner);
    }
    free(block);
    return 0;
}
