/* The newest messages, as they are kept. */
#include "sip_trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gw_buf.h"

static const struct sip_peer peer = { .proto = SIP_TLS,
                                      .host = GW_STR_INIT("2001:db8::1"),
                                      .port = 5061 };

static void add(struct sip_trace *t, const char *text, const char *only)
{
    size_t len = strlen(text);
    char *block = malloc(len ? len : 1);

    memcpy(block, text, len);
    sip_trace_add(t, &peer, true, (struct gw_str){ block, len }, gw_str_of(only), 42);
    free(block);
}

static void test_heads(void **state)
{
    static const struct {
        const char *in, *head, *call_id;
        size_t body_len;
    } cases[] = {
        { "OPTIONS sip:a SIP/2.0\r\nCall-ID: x@y \r\n\r\n",
          "OPTIONS sip:a SIP/2.0\nCall-ID: x@y \n", "x@y", 0 },
        { "A\r\ni:short\r\nCall-ID: second\r\n\r\nbody\r\n\r\n", "A\ni:short\nCall-ID: second\n",
          "short", 8 },
        /* What proves who somebody is. */
        { "A\r\nauthorization : Digest a,\r\n response=\"f00\"\r\nProxy-Authorization:x\r\nTo: "
          "b\r\n\r\n",
          "A\nauthorization :**********\n***************\nProxy-Authorization:*\nTo: b\n", "", 0 },
        /* As a datagram may begin: neither the body is kept, nor the proof shown. */
        { "\r\n\n\r\nA\r\nAuthorization:x\r\ni:1\r\n\r\nbody", "A\nAuthorization:*\ni:1\n", "1",
          4 },
        /* No message at all. */
        { "", "", "", 0 },
        { "\r\n", "", "", 0 },
        { "no end", "no end\n", "", 0 },
        { "a\x1b[31m\x7f\n\xff\xfe", "a?[31m?\n??\n", "", 0 },
        { "Subject: gr\xc3\xbc\xc3\x9f", "Subject: gr\xc3\xbc\xc3\x9f\n", "", 0 },
        { "Call-ID:\r\n\r\n", "Call-ID:\n", "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sip_trace *t = sip_trace_new();
        struct sip_traced m;
        size_t pos = 0;

        add(t, cases[i].in, "");
        assert_true(sip_trace_next(t, &pos, &m));
        assert_true(gw_str_is(m.head, cases[i].head));
        assert_true(gw_str_is(m.call_id, cases[i].call_id));
        assert_int_equal(m.body_len, cases[i].body_len);
        assert_true(gw_str_is(m.peer, "[2001:db8::1]:5061"));
        assert_true(m.is_in && m.at == 42 && m.proto == SIP_TLS);
        assert_false(sip_trace_next(t, &pos, &m));
        sip_trace_free(&t);
        assert_null(t);
    }
}

/* The newest ones, so much of each. */
static void test_bounds(void **state)
{
    struct sip_trace *t = sip_trace_new();
    struct sip_traced m;
    struct gw_buf b;
    size_t pos = 0;
    char text[32];

    (void)state;
    assert_false(sip_trace_next(t, &pos, &m));
    for (int i = 0; i < SIP_TRACE_KEPT + 7; i++) {
        (void)snprintf(text, sizeof(text), "number %d", i);
        add(t, text, "");
    }
    for (int i = 7; i < SIP_TRACE_KEPT + 7; i++) {
        (void)snprintf(text, sizeof(text), "number %d\n", i);
        assert_true(sip_trace_next(t, &pos, &m));
        assert_true(gw_str_is(m.head, text));
    }
    assert_false(sip_trace_next(t, &pos, &m));
    gw_buf_init(&b, 60000);
    while (b.len < 50000)
        gw_buf_add_cstr(&b, "X: \xc3\xbc\r\n");
    add(t, b.p, "");
    gw_buf_done(&b);
    for (pos = SIP_TRACE_KEPT - 1; sip_trace_next(t, &pos, &m);)
        assert_in_range(m.head.len, SIP_TRACE_HEAD_MAX / 2, SIP_TRACE_HEAD_MAX + 1);
    sip_trace_free(&t);
}

/* Only those with the text in their head; in the body it does not count. */
static void test_only(void **state)
{
    struct sip_trace *t = sip_trace_new();
    struct sip_traced m;
    size_t pos = 0;

    (void)state;
    add(t, "A\r\nTo: ann@b\r\n\r\n", "ann@b");
    add(t, "B\r\n\r\nann@b", "ann@b");
    add(t, "", "ann@b");
    assert_true(sip_trace_next(t, &pos, &m));
    assert_true(gw_str_starts(m.head, "A\n"));
    assert_false(sip_trace_next(t, &pos, &m));
    sip_trace_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
