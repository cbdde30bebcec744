/* A sealed secret opens under the same key and context, unchanged, and in no other way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gw_buf.h"
#include "gw_bytes.h"
#include "store.h"

static struct store *open_memory(void)
{
    struct store_args args = { .path = ":memory:" };
    struct store *s = NULL;

    assert_int_equal(store_open(&args, &s, NULL), GW_OK);
    return s;
}

static void test_round_trip(void **state)
{
    static const struct {
        struct gw_str context, secret;
    } c[] = {
        { GW_STR_INIT("gateway/cas1"), GW_STR_INIT("geheim") },
        { GW_STR_INIT(""), GW_STR_INIT("x") },
        { GW_STR_INIT("a"), GW_STR_INIT("") },
        { GW_STR_INIT("a\0b"), GW_STR_INIT("\0\xff\x80\n") },
    };
    struct store *s = open_memory();

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct gw_buf one, two, plain;
        struct gw_err err;

        gw_buf_init(&one, 1000);
        gw_buf_init(&two, 1000);
        gw_buf_init(&plain, 1000);
        store_seal(s, c[i].context, c[i].secret, &one);
        store_seal(s, c[i].context, c[i].secret, &two);
        assert_false(one.failed);
        assert_false(gw_str_eq(gw_buf_str(&one), gw_buf_str(&two))); /* another nonce */
        assert_int_equal(store_unseal(s, c[i].context, gw_buf_str(&one), &plain, &err), GW_OK);
        assert_true(gw_str_eq(gw_buf_str(&plain), c[i].secret));
        gw_buf_done(&one);
        gw_buf_done(&two);
        gw_buf_done(&plain);
    }
    store_close(&s);
}

static void must_not_open(const struct store *s, struct gw_str context, struct gw_str sealed)
{
    struct gw_buf plain;
    struct gw_err err;

    gw_buf_init(&plain, 1000);
    assert_int_equal(store_unseal(s, context, sealed, &plain, &err), GW_BADMSG);
    assert_int_equal(plain.len, 0);
    assert_true(strlen(err.msg) > 0);
    gw_buf_done(&plain);
}

static void test_refused(void **state)
{
    static const char *const text[] = { "", "AQ==", "not base64!",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
    struct store *s = open_memory(), *other = open_memory();
    struct gw_buf sealed, raw, changed;

    (void)state;
    gw_buf_init(&sealed, 1000);
    gw_buf_init(&raw, 1000);
    gw_buf_init(&changed, 1000);
    store_seal(s, GW_STR("gateway/cas1"), GW_STR("geheim"), &sealed);
    must_not_open(s, GW_STR("gateway/cas2"), gw_buf_str(&sealed));
    must_not_open(other, GW_STR("gateway/cas1"), gw_buf_str(&sealed));
    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
        must_not_open(s, GW_STR("gateway/cas1"), gw_str_of(text[i]));

    assert_true(gw_base64_parse(gw_buf_str(&sealed), &raw));
    for (size_t i = 0; i < raw.len; i++) { /* each byte changed, each shortening */
        raw.p[i] ^= 1;
        gw_buf_reset(&changed);
        gw_base64_write(gw_buf_str(&raw), &changed);
        must_not_open(s, GW_STR("gateway/cas1"), gw_buf_str(&changed));
        raw.p[i] ^= 1;
        gw_buf_reset(&changed);
        gw_base64_write(gw_str_sub(gw_buf_str(&raw), 0, i), &changed);
        must_not_open(s, GW_STR("gateway/cas1"), gw_buf_str(&changed));
    }
    gw_buf_done(&sealed);
    gw_buf_done(&raw);
    gw_buf_done(&changed);
    store_close(&s);
    store_close(&other);
}

static void test_too_long(void **state)
{
    struct store *s = open_memory();
    char *big = calloc(1, STORE_VALUE_MAX + 1);
    struct gw_buf out;

    (void)state;
    gw_buf_init(&out, 4 * STORE_VALUE_MAX);
    store_seal(s, GW_STR("a"), (struct gw_str){ big, STORE_VALUE_MAX + 1 }, &out);
    assert_true(out.failed);
    gw_buf_done(&out);
    free(big);
    store_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
