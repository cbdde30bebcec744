/* Records of lists of rules: what is read is written and read again, and must be the same. */
#include <stdint.h>
#include <stdlib.h>

#include "gw_buf.h"
#include "pres_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct pres_lists *first)
{
    struct pres_lists *second = NULL;
    struct gw_buf a, b;

    gw_buf_init(&a, PRES_LISTS_RECORD_MAX);
    gw_buf_init(&b, PRES_LISTS_RECORD_MAX);
    pres_lists_write(first, &a);
    if (a.failed || pres_lists_parse(gw_buf_str(&a), &second, NULL))
        abort();
    pres_lists_write(second, &b);
    if (!gw_str_eq(gw_buf_str(&a), gw_buf_str(&b)))
        abort();
    gw_buf_done(&a);
    gw_buf_done(&b);
    pres_lists_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pres_lists *record = NULL;
    struct gw_err err;

    if (!pres_lists_parse((struct gw_str){ (const char *)data, size }, &record, &err))
        again(record);
    pres_lists_free(&record);
    return 0;
}
