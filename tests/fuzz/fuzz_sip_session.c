/* What a session carries beside text: its description, and that somebody types. The first byte says which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip_sdp.h"
#include "sip_typing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

/* Our answer to any offer is one that can be read, has as many media, and takes messages where it can. */
static void describe(struct gw_str body)
{
    struct sip_sdp offer, answer;
    struct gw_buf out;

    if (sip_sdp_read(body, &offer, NULL))
        return;
    gw_buf_init(&out, 4 * SIP_SDP_MAX);
    sip_sdp_write(&offer, GW_STR("[2001:db8::1]:5060"), &out);
    must(!out.failed);
    if (out.len <= SIP_SDP_MAX) {
        must(!sip_sdp_read(gw_buf_str(&out), &answer, NULL));
        must(answer.count == offer.count);
        must((answer.message < answer.count) == (offer.message < offer.count));
    }
    gw_buf_done(&out);
}

static void type(enum sip_typing_form form, struct gw_str body)
{
    struct sip_typing typing;

    if (!sip_typing_read(form, body, &typing, NULL))
        must((typing.chat == PRES_CHAT_COMPOSING || typing.chat == PRES_CHAT_PAUSED) &&
             typing.lasts_s > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *block;

    if (!size)
        return 0;
    block = malloc(size);
    memcpy(block, data + 1, size - 1);
    if (data[0] == 'd')
        describe((struct gw_str){ block, size - 1 });
    else
        type(data[0] == 'k' ? SIP_TYPING_KEYBOARD : SIP_TYPING_COMPOSING,
             (struct gw_str){ block, size - 1 });
    free(block);
    return 0;
}
