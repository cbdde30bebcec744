/* Records of privacy levels: what is read is written and read again, and must be the same. */
#include <stdint.h>
#include <stdlib.h>

#include "gw_buf.h"
#include "pres_privacy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct pres_privacy *first)
{
    struct pres_privacy *second = NULL;
    struct gw_buf a, b;

    gw_buf_init(&a, PRES_PRIVACY_RECORD_MAX);
    gw_buf_init(&b, PRES_PRIVACY_RECORD_MAX);
    pres_privacy_write(first, &a);
    if (a.failed || pres_privacy_parse(gw_buf_str(&a), &second, NULL))
        abort();
    pres_privacy_write(second, &b);
    if (!gw_str_eq(gw_buf_str(&a), gw_buf_str(&b)))
        abort();
    gw_buf_done(&a);
    gw_buf_done(&b);
    pres_privacy_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pres_privacy *record = NULL;
    struct gw_err err;

    if (!pres_privacy_parse((struct gw_str){ (const char *)data, size }, &record, &err))
        again(record);
    pres_privacy_free(&record);
    return 0;
}
