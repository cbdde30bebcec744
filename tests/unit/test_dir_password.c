/* SCRAM keys: what is derived is what RFC 5802 says, computed here another way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "dir.h"
#include "gw_bytes.h"

struct keys {
    unsigned char stored[32], server[32];
};

static void by_openssl(const char *password, const struct dir_password *p, const EVP_MD *md,
                       struct keys *out)
{
    unsigned char salted[32], client[32];
    int len = EVP_MD_get_size(md);

    assert_int_equal(PKCS5_PBKDF2_HMAC(password, -1, p->salt, sizeof(p->salt), (int)p->iterations,
                                       md, len, salted),
                     1);
    assert_non_null(HMAC(md, salted, len, (const unsigned char *)"Client Key", 10, client, NULL));
    assert_int_equal(EVP_Digest(client, (size_t)len, out->stored, NULL, md, NULL), 1);
    assert_non_null(
        HMAC(md, salted, len, (const unsigned char *)"Server Key", 10, out->server, NULL));
}

static void test_keys(void **state)
{
    static const struct {
        const char *password, *prepared; /* RFC 4013 section 3 */
    } c[] = {
        { "pencil", "pencil" },
        { "I\xc2\xadX", "IX" },   /* SOFT HYPHEN mapped to nothing */
        { "\xc2\xaa", "a" },      /* NFKC */
        { "\xe2\x85\xa8", "IX" }, /* NFKC */
        { "a\xc2\xa0z", "a z" },  /* NO-BREAK SPACE */
        { "p\xc3\xa4ss w\xc3\xb6rd", "p\xc3\xa4ss w\xc3\xb6rd" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct dir_password p;
        struct keys keys;

        assert_int_equal(dir_password_derive(gw_str_of(c[i].password), &p, NULL), GW_OK);
        assert_int_equal(p.iterations, DIR_SCRAM_ITERATIONS);
        by_openssl(c[i].prepared, &p, EVP_sha256(), &keys);
        assert_memory_equal(p.sha256_stored_key, keys.stored, 32);
        assert_memory_equal(p.sha256_server_key, keys.server, 32);
        by_openssl(c[i].prepared, &p, EVP_sha1(), &keys);
        assert_memory_equal(p.sha1_stored_key, keys.stored, 20);
        assert_memory_equal(p.sha1_server_key, keys.server, 20);
    }
}

static void test_salt_is_new(void **state)
{
    struct dir_password a, b;

    (void)state;
    assert_int_equal(dir_password_derive(GW_STR("pencil"), &a, NULL), GW_OK);
    assert_int_equal(dir_password_derive(GW_STR("pencil"), &b, NULL), GW_OK);
    assert_memory_not_equal(a.salt, b.salt, sizeof(a.salt));
    assert_memory_not_equal(a.sha256_stored_key, b.sha256_stored_key, 32);
}

static void test_refused(void **state)
{
    static char longest[DIR_PASSWORD_MAX + 1];
    static const struct {
        struct gw_str in;
        const char *says;
    } c[] = {
        { GW_STR_INIT(""), "is empty" },
        { GW_STR_INIT("\xff"), "is not UTF-8" },
        { GW_STR_INIT("a\0b"), "is not UTF-8" },
        { GW_STR_INIT("a\x07"), "cannot send" },        /* RFC 4013 section 3: prohibited */
        { GW_STR_INIT("\xd8\xa7\x31"), "cannot send" }, /* bidirectional check */
        { GW_STR_INIT("\xc2\xad"), "no visible character" },
        { { longest, sizeof(longest) }, "longer than 1024" },
    };

    (void)state;
    memset(longest, 'a', sizeof(longest));
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct dir_password p;
        struct gw_err err = { 0 };

        if (dir_password_derive(c[i].in, &p, &err) != GW_INVALID || !strstr(err.msg, c[i].says))
            fail_msg("case %zu: '%s'", i, err.msg);
    }
}

/* Known from elsewhere: RFC 7616 3.9.1 has this user's response, of which these are the A1. */
static void test_digests(void **state)
{
    static const struct {
        uint32_t keep;
        const char *sha256, *md5; /* NULL: not kept */
    } c[] = {
        { 0, NULL, NULL },
        { DIR_DIGEST_SHA256, "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232",
          NULL },
        { DIR_DIGEST_SHA256 | DIR_DIGEST_MD5,
          "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232",
          "3d78807defe7de2157e2b0b6573a855f" },
    };
    struct store *store;
    struct dir *dir;

    (void)state;
    assert_int_equal(store_open(&(struct store_args){ .path = ":memory:" }, &store, NULL), GW_OK);
    dir = dir_new(store);
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct dir_password p = { .iterations = 1 };
        struct gw_buf hex;

        dir_digests_keep(dir, c[i].keep);
        dir_digests_derive(dir, GW_STR("Mufasa@http-auth@example.org"), GW_STR("Circle of Life"),
                           &p);
        assert_int_equal(p.digests, c[i].keep);
        gw_buf_init(&hex, 200);
        gw_hex_write((struct gw_str){ (const char *)p.digest_sha256, 32 }, &hex);
        assert_int_equal(c[i].sha256 && gw_str_is(gw_buf_str(&hex), c[i].sha256),
                         c[i].sha256 != NULL);
        gw_buf_reset(&hex);
        gw_hex_write((struct gw_str){ (const char *)p.digest_md5, 16 }, &hex);
        assert_int_equal(c[i].md5 && gw_str_is(gw_buf_str(&hex), c[i].md5), c[i].md5 != NULL);
        gw_buf_done(&hex);
    }
    dir_free(&dir);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_salt_is_new), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
