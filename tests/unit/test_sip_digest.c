/* Digest authentication: RFC 7616's own example, and what a response is refused for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gw_bytes.h"
#include "sip_client.h"

/* ---- What a client says ---- */

static const struct {
    const char *value;
    bool ok;
    const char *user, *nc;
} said[] = {
    { "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"x\", nc=00000001",
      true, "a", "00000001" },
    { "dIGEST username = \"a\\\"b, c\" ,realm=\"r\",nonce=\"n\",uri=\"u\",response=\"x\"", true,
      "a\"b, c", "" },
    { "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"x\", other=1", true,
      "a", "" },
    { "Basic YTpi", false, "", "" },
    { "Digest", false, "", "" },
    { "Digest ", false, "", "" },
    { "Digest username=\"a\"", false, "", "" },
    { "Digest username=\"a\", username=\"b\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"x\"",
      false, "", "" },
    { "Digest username=\"a, realm=r, nonce=n, uri=u, response=x", false, "", "" },
    { "Digest username=\"a\" realm=\"r\", nonce=\"n\", uri=\"u\", response=\"x\"", false, "", "" },
    { "Digest username=\"\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"x\"", false, "", "" },
    { "Digest username=\"a\\", false, "", "" },
    { "Digest =,=,=", false, "", "" },
};

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        struct gw_arena arena;
        struct sip_response r;
        bool ok;

        gw_arena_init(&arena, 4096);
        ok = sip_response_read(gw_str_of(said[i].value), &arena, &r);
        if (ok != said[i].ok)
            print_error("case %zu\n", i);
        assert_int_equal(ok, said[i].ok);
        assert_true(!ok || gw_str_is(r.user, said[i].user));
        assert_true(!ok || gw_str_is(r.nc, said[i].nc));
        gw_arena_done(&arena);
    }
}

/* ---- Nonces, and what they may be used for ---- */

struct bench {
    struct sip_digest *d;
    struct sip_ha1 ha1;
    struct client c;
    gw_time now;
};

static void bench_init(struct bench *b)
{
    const char *why;

    b->d = sip_digest_new();
    b->now = 1000;
    b->ha1 = (struct sip_ha1){ .has = { false } };
    assert_true(rig_credentials(GW_STR("bob@b.example"), &b->ha1, &why, NULL));
    client_init(&b->c, "bob");
}

static void challenge(struct bench *b)
{
    struct gw_buf out;

    gw_buf_init(&out, 1000);
    sip_digest_challenge(b->d,
                         &(struct sip_challenge){ .realm = GW_STR("b.example"),
                                                  .host = b->c.peer.host,
                                                  .hash = SIP_SHA256 },
                         b->now, &out);
    (void)snprintf(b->c.nonce, sizeof(b->c.nonce), "%.64s", strstr(out.p, "nonce=\"") + 7);
    b->c.nc = 0;
    gw_buf_done(&out);
}

static enum sip_proof check_for(struct bench *b, const char *method)
{
    struct gw_buf header;
    struct gw_arena arena;
    struct sip_response r;
    enum sip_proof proof;

    gw_buf_init(&header, 4000);
    gw_arena_init(&arena, 4000);
    client_prove(&b->c, "REGISTER", "sip:b.example", &header);
    assert_true(sip_response_read(gw_str_sub(gw_str_trim(gw_buf_str(&header)), 15, header.len - 2),
                                  &arena, &r));
    proof = sip_digest_check(b->d, &r, &b->ha1, gw_str_of(method), b->now);
    gw_arena_done(&arena);
    gw_buf_done(&header);
    return proof;
}

static enum sip_proof check(struct bench *b)
{
    return check_for(b, "REGISTER");
}

static void test_proof(void **state)
{
    struct bench b;

    (void)state;
    bench_init(&b);
    challenge(&b);
    assert_int_equal(check(&b), SIP_PROOF_RIGHT);
    assert_int_equal(check(&b), SIP_PROOF_RIGHT); /* the count goes on */
    b.c.nc--;
    assert_int_equal(check(&b), SIP_PROOF_STALE); /* a replay */
    b.c.nc += 10;
    assert_int_equal(check(&b), SIP_PROOF_RIGHT);
    assert_int_equal(check_for(&b, "PUBLISH"), SIP_PROOF_WRONG);
    b.c.password = "other";
    assert_int_equal(check(&b), SIP_PROOF_WRONG);
    b.c.password = NULL;
    b.c.algorithm = "MD5";
    assert_int_equal(check(&b), SIP_PROOF_RIGHT);
    b.ha1.has[SIP_MD5] = false;
    assert_int_equal(check(&b), SIP_PROOF_WRONG);
    b.c.algorithm = "SHA-256-sess";
    assert_int_equal(check(&b), SIP_PROOF_WRONG);
    b.c.algorithm = NULL;
    /* Old, of another process, or made up. */
    b.now += SIP_NONCE_MS;
    assert_int_equal(check(&b), SIP_PROOF_STALE);
    challenge(&b);
    assert_true(sip_digest_has_asked(b.d, gw_str_of(b.c.nonce), b.c.peer.host));
    assert_false(sip_digest_has_asked(b.d, gw_str_of(b.c.nonce), GW_STR("192.0.2.7")));
    b.c.nonce[3] ^= 1;
    assert_false(sip_digest_has_asked(b.d, gw_str_of(b.c.nonce), b.c.peer.host));
    assert_false(sip_digest_has_asked(b.d, GW_STR("short"), b.c.peer.host));
    sip_digest_free(&b.d);
}

/* More nonces than are remembered: none can be used twice for that. */
static void test_many(void **state)
{
    char first[100];
    struct bench b;

    (void)state;
    bench_init(&b);
    challenge(&b);
    memcpy(first, b.c.nonce, sizeof(first));
    assert_int_equal(check(&b), SIP_PROOF_RIGHT);
    for (int i = 0; i < SIP_NONCES_MAX; i++) {
        b.now += i % 100 == 0;
        challenge(&b);
        assert_int_equal(check(&b), SIP_PROOF_RIGHT);
    }
    memcpy(b.c.nonce, first, sizeof(first));
    b.c.nc = 0;
    assert_int_equal(check(&b), SIP_PROOF_STALE);
    sip_digest_free(&b.d);
}

/* RFC 7616 3.9.1, but for its nonce, which is not ours: the password is right. */
static void test_rfc(void **state)
{
    struct sip_response r = { .user = GW_STR("Mufasa"),
                              .realm = GW_STR("http-auth@example.org"),
                              .nonce = GW_STR("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
                              .uri = GW_STR("/dir/index.html"),
                              .cnonce = GW_STR("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
                              .nc = GW_STR("00000001"),
                              .qop = GW_STR("auth") };
    static const struct {
        const char *algorithm, *response, *a1;
        enum sip_hash hash;
    } c[] = {
        { "SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
          "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232", SIP_SHA256 },
        { "MD5", "8ca523f5e9506fed4657c9700eebdbec", "3d78807defe7de2157e2b0b6573a855f", SIP_MD5 },
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sip_digest *d = sip_digest_new();
        struct sip_ha1 ha1 = { .has = { false } };
        struct gw_buf a1;

        gw_buf_init(&a1, 32);
        assert_true(gw_hex_parse(gw_str_of(c[i].a1), &a1));
        ha1.has[c[i].hash] = true;
        memcpy(ha1.is[c[i].hash], a1.p, a1.len);
        r.algorithm = gw_str_of(c[i].algorithm);
        r.response = gw_str_of(c[i].response);
        assert_int_equal(sip_digest_check(d, &r, &ha1, GW_STR("GET"), 5), SIP_PROOF_STALE);
        assert_int_equal(sip_digest_check(d, &r, &ha1, GW_STR("PUT"), 5), SIP_PROOF_WRONG);
        gw_buf_done(&a1);
        sip_digest_free(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_proof),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_rfc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
