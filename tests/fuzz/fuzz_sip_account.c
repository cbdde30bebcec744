/* The records of what a user's clients have registered, and published: what is taken can be lived with, and of
 * what is not all can be read the caller is told. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip_account.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void binding(const struct sip_binding_args *args, gw_utc expires, void *ctx)
{
    (void)expires;
    must(args->q >= 0 && args->q <= SIP_Q_MAX);
    for (int i = 0; i < SIP_BINDING_TEXTS; i++)
        must(args->text[i].len <= SIP_HEAD_MAX && gw_str_is_line(args->text[i]));
    ++*(size_t *)ctx;
}

static void publication(const struct sip_state_args *args, gw_utc expires, void *ctx)
{
    (void)expires;
    must(args->etag.len == SIP_ETAG_LEN && args->note.len < PRES_TEXT_MAX);
    must(gw_str_is_line(args->etag) && gw_str_is_line(args->note));
    must(args->show >= PRES_OFFLINE && args->show <= PRES_DND);
    ++*(size_t *)ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *block = malloc(size ? size : 1);
    struct gw_str value = { block, size };
    struct gw_err err = { .code = GW_OK };
    size_t bindings = 0, publications = 0;

    if (size)
        memcpy(block, data, size);
    if (sip_account_record_read(value, binding, &bindings, &err))
        must(err.code == GW_BADMSG && err.msg[0]);
    if (sip_state_record_read(value, publication, &publications, &err))
        must(err.code == GW_BADMSG && err.msg[0]);
    free(block);
    return 0;
}
