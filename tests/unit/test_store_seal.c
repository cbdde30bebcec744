/* A sealed secret opens under the same key and context, unchanged, and in no other way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void derive(const char *key_path, struct gw_str context, uint8_t out[STORE_DERIVED_LEN])
{
    struct store_args args = { .path = ":memory:", .seal_key_path = key_path };
    struct store *s = NULL;

    assert_int_equal(store_open(&args, &s, NULL), GW_OK);
    store_derive(s, context, out);
    store_close(&s);
}

static void test_derived(void **state)
{
    /* HMAC-SHA-256 of "ctx" under 32 times 'k' */
    static const char *const expected =
        "ed740b68bb26a0a5d4b9bfe54a4adbb6172b461e7403b6dfdc0a4ab6f50c7554";
    uint8_t one[STORE_DERIVED_LEN], two[STORE_DERIVED_LEN];
    char folder[] = "/tmp/kalends-test-XXXXXX", path[64];
    char key[33] = "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";
    struct gw_buf hex;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/seal.key", folder);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_int_equal(write(fd, key, 32), 32);
    close(fd);
    gw_buf_init(&hex, 100);
    derive(path, GW_STR("ctx"), one);
    gw_hex_write((struct gw_str){ (const char *)one, sizeof(one) }, &hex);
    assert_string_equal(hex.p, expected);
    derive(path, GW_STR("ctx"), two); /* opened again: the same */
    assert_memory_equal(one, two, sizeof(one));
    derive(path, GW_STR("other"), two);
    assert_memory_not_equal(one, two, sizeof(one));
    derive(NULL, GW_STR("ctx"), two);
    assert_memory_not_equal(one, two, sizeof(one));
    gw_buf_done(&hex);
    (void)unlink(path);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_derived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
