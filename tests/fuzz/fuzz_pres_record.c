/* Roster records: the first line is the key, the rest the value. What is read is written and read
 * again, and must be the same. */
#include <stdint.h>
#include <stdlib.h>

#include "pres.h"
#include "pres_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(struct gw_str key, const struct pres_entry *e)
{
    struct pres_entry *back = NULL;
    struct gw_buf first, second;
    struct gw_str user;

    gw_buf_init(&first, PRES_RECORD_MAX);
    gw_buf_init(&second, PRES_RECORD_MAX);
    pres_record_write(e, &first);
    if (first.failed || pres_record_parse(key, gw_buf_str(&first), &user, &back, NULL))
        abort();
    pres_record_write(back, &second);
    if (!gw_str_eq(gw_buf_str(&first), gw_buf_str(&second)))
        abort();
    gw_buf_done(&first);
    gw_buf_done(&second);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_str in = { (const char *)data, size }, key, value, user;
    struct pres_entry *e = NULL;
    struct gw_err err;

    if (!gw_str_cut(in, "\n", &key, &value))
        return 0;
    if (!pres_record_parse(key, value, &user, &e, &err))
        again(key, e);
    free(e);
    return 0;
}
