/* Streams: whatever way the bytes arrive, they are cut at the same places. The fuzz target compares
 * all ways; these are the places. */
#include "sip_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sip_msg.h"

static const struct {
    const char *in;
    enum sip_frame_step step;
    size_t used;
} row[] = {
    { "", SIP_FRAME_MORE, 0 },
    { "\r", SIP_FRAME_MORE, 0 },
    { "\r\n", SIP_FRAME_SKIP, 2 },
    { "\rX", SIP_FRAME_BROKEN, 0 },
    { "A\r\nl: 0\r\n\r", SIP_FRAME_MORE, 0 },
    { "A\r\nl: 0\r\n\r\n", SIP_FRAME_MESSAGE, 11 },
    { "A\r\nContent-Length  :  3 \r\n\r\nabcd", SIP_FRAME_MESSAGE, 31 },
    { "A\r\nL:3\r\n\r\nab", SIP_FRAME_MORE, 0 },
    { "A\r\n\r\n", SIP_FRAME_BROKEN, 0 }, /* no length: no end */
    { "A\r\nl: -1\r\n\r\n", SIP_FRAME_BROKEN, 0 },
    { "A\r\nl: x\r\n\r\n", SIP_FRAME_BROKEN, 0 },
    { "A\r\nl: 65537\r\n\r\n", SIP_FRAME_BROKEN, 0 },
    { "A\r\nl: 65536\r\n\r\n", SIP_FRAME_BROKEN, 0 }, /* with its head it is too long */
    { "A\r\nl: 3\r\nContent-Length: 3\r\n\r\nabc", SIP_FRAME_BROKEN, 0 },
};

static void test_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct sip_frame f = { 0 };
        size_t used = 0;
        struct gw_err err;
        enum sip_frame_step step = sip_frame_next(&f, gw_str_of(row[i].in), &used, &err);

        if (step != row[i].step || (row[i].used && used != row[i].used))
            print_error("row %zu: step %d, used %zu\n", i, (int)step, used);
        assert_int_equal(step, row[i].step);
        if (row[i].used)
            assert_int_equal(used, row[i].used);
    }
}

static void test_pings(void **state)
{
    struct sip_frame f = { 0 };
    struct gw_str in = GW_STR("\r\n\r\n\r\nA\r\nl: 0\r\n\r\n\r\n");
    static const enum sip_frame_step steps[] = { SIP_FRAME_SKIP, SIP_FRAME_PING, SIP_FRAME_SKIP,
                                                 SIP_FRAME_MESSAGE, SIP_FRAME_SKIP };
    struct gw_err err;
    size_t used;

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        assert_int_equal(sip_frame_next(&f, in, &used, &err), steps[i]);
        in = gw_str_sub(in, used, in.len);
    }
    assert_int_equal(in.len, 0);
}

/* A head that never ends is refused when it is longer than one may be, and not before. */
static void test_endless_head(void **state)
{
    char *in = malloc(SIP_HEAD_MAX + 1);
    struct sip_frame f = { 0 };
    struct gw_err err;
    size_t used;

    (void)state;
    memset(in, 'A', SIP_HEAD_MAX + 1);
    assert_int_equal(sip_frame_next(&f, (struct gw_str){ in, SIP_HEAD_MAX }, &used, &err),
                     SIP_FRAME_MORE);
    assert_int_equal(sip_frame_next(&f, (struct gw_str){ in, SIP_HEAD_MAX + 1 }, &used, &err),
                     SIP_FRAME_BROKEN);
    assert_int_equal(err.code, GW_LIMIT);
    free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_pings),
        cmocka_unit_test(test_endless_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
