/* Messages: the torture test of RFC 4475, and what it does not have. */
#include "sip_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gw_buf.h"

/* RFC 4475 3.1 to 3.4: what is well-formed is taken, what is not gets an answer. 'answer' 0 with
 * GW_BADMSG: a response. What the rest of the stack makes of each is in test_sip_torture. */
static const struct {
    const char *name;
    enum gw_code rc;
    unsigned answer;
} torture[] = {
    /* 3.1.1 valid */
    { "wsinv", GW_OK, 0 },
    { "intmeth", GW_OK, 0 },
    { "esc01", GW_OK, 0 },
    { "escnull", GW_OK, 0 },
    { "esc02", GW_OK, 0 },
    { "lwsdisp", GW_OK, 0 },
    { "longreq", GW_OK, 0 },
    { "dblreq", GW_OK, 0 }, /* what follows in the datagram is not looked at */
    { "semiuri", GW_OK, 0 },
    { "transports", GW_OK, 0 },
    { "mpart01", GW_OK, 0 },
    { "unreason", GW_OK, 0 },
    { "noreason", GW_OK, 0 },
    /* 3.1.2 invalid */
    { "badinv01", GW_BADMSG, 400 },
    { "clerr", GW_BADMSG, 400 },
    { "ncl", GW_BADMSG, 400 },
    { "scalar02", GW_BADMSG, 400 },
    { "scalarlg", GW_BADMSG, 0 },
    { "quotbal", GW_BADMSG, 400 },
    { "ltgtruri", GW_BADMSG, 400 },
    { "lwsruri", GW_BADMSG, 400 },
    { "lwsstart", GW_BADMSG, 400 },
    { "trws", GW_BADMSG, 400 },
    { "escruri", GW_BADMSG, 400 },
    { "baddate", GW_OK, 0 }, /* Date says nothing to us: 3.1.2.12 leaves it to the element */
    { "regbadct", GW_BADMSG, 400 },
    { "badaspec", GW_BADMSG, 400 },
    { "baddn", GW_BADMSG, 400 }, /* 3.1.2.15 may be taken; as it is here it has no empty line */
    { "badvers", GW_BADMSG, 505 },
    { "mismatch01", GW_BADMSG, 400 },
    { "mismatch02", GW_BADMSG, 400 },
    { "bigcode", GW_BADMSG, 0 },
    /* 3.2 transaction, 3.3 application layer */
    { "badbranch", GW_OK, 0 },
    { "insuf", GW_BADMSG, 400 },
    { "unkscm", GW_OK, 0 },
    { "novelsc", GW_OK, 0 },
    { "unksm2", GW_OK, 0 },
    { "bext01", GW_OK, 0 },
    { "invut", GW_OK, 0 },
    { "regaut01", GW_OK, 0 },
    { "multi01", GW_BADMSG, 400 },
    { "mcl01", GW_BADMSG, 400 },
    { "bcast", GW_OK, 0 },
    { "zeromf", GW_OK, 0 },
    { "cparam01", GW_OK, 0 },
    { "cparam02", GW_OK, 0 },
    { "regescrt", GW_OK, 0 },
    { "sdp01", GW_OK, 0 },
    /* 3.4 */
    { "inv2543", GW_OK, 0 },
};

/* A block of its exact size, so that one byte too far is seen. */
static char *file_read(const char *folder, const char *name, size_t *len)
{
    char path[512], buffer[SIP_MSG_MAX];
    char *block;
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/%s.dat", folder, name);
    f = fopen(path, "rb");
    assert_non_null(f);
    *len = fread(buffer, 1, sizeof(buffer), f);
    (void)fclose(f);
    block = malloc(*len);
    memcpy(block, buffer, *len);
    return block;
}

static void test_torture(void **state)
{
    const char *folder = getenv("KALENDS_SIP_TORTURE");
    static struct sip_msg m;
    unsigned wrong = 0;

    (void)state;
    if (!folder) {
        print_message("KALENDS_SIP_TORTURE does not name the folder of RFC 4475's messages\n");
        skip();
    }
    assert_int_equal(sizeof(torture) / sizeof(torture[0]), 49);
    for (size_t i = 0; i < 49; i++) {
        struct gw_err err = { .code = GW_OK };
        size_t len;
        char *block = file_read(folder, torture[i].name, &len);
        enum gw_code rc = sip_msg_parse(&m, (struct gw_str){ block, len }, &err);

        if (rc != torture[i].rc || m.answer != torture[i].answer) {
            print_error("%s: %s, answer %u: %s\n", torture[i].name, gw_code_name(rc), m.answer,
                        rc ? err.msg : "taken");
            wrong++;
        }
        sip_msg_done(&m);
        free(block);
    }
    assert_int_equal(wrong, 0);
}

#define HEAD                                                                                       \
    "Via: SIP/2.0/TCP 192.0.2.1:5070;branch=z9hG4bK1;rport\r\n"                                    \
    "From: \"A, <B>\" <sip:a@a.example>;tag=1\r\nTo: <sip:b@b.example>\r\nCall-ID: c1\r\n"

static void parse(struct sip_msg *m, const char *text, enum gw_code rc)
{
    struct gw_err err;

    assert_int_equal(sip_msg_parse(m, gw_str_of(text), &err), rc);
}

static bool is(struct gw_str s, const char *text)
{
    if (gw_str_is(s, text))
        return true;
    print_error("'%.*s' is not '%s'\n", GW_STR_ARG(s), text);
    return false;
}

static void test_accessors(void **state)
{
    static struct sip_msg m;
    struct sip_pos pos = { 0 };
    struct gw_str v;

    (void)state;
    parse(&m,
          "SUBSCRIBE sip:bob%40x@b.example:5062;transport=tls SIP/2.0\r\n" HEAD
          "CSeq: 7 SUBSCRIBE\r\nMax-Forwards: 70\r\nExpires: 99999999999999\r\no: presence;id=4\r\n"
          "Record-Route: <sip:p1.example;lr>, \"x,y\" <sip:p2.example;lr;transport=tcp>\r\n"
          "Record-Route:\r\n\t<sip:p3.example>\r\nContact: <sip:a@192.0.2.1:5070;transport=TCP>\r\n"
          "Accept: application/pidf+xml;q=1,application/cpim-pidf+xml\r\nl: 2\r\n\r\nhello",
          GW_OK);
    assert_int_equal(m.method, SIP_SUBSCRIBE);
    assert_true(is(m.target.user, "bob@x") && is(m.target.host, "b.example"));
    assert_int_equal(m.target.port, 5062);
    assert_true(is(m.target.transport, "tls"));
    assert_true(is(m.via.host, "192.0.2.1") && is(m.via.transport, "TCP") &&
                is(m.via.branch, "z9hG4bK1"));
    assert_int_equal(m.via.port, 5070);
    assert_true(m.via.has_rport);
    assert_true(is(m.from.tag, "1") && is(m.from.uri.text, "sip:a@a.example"));
    assert_true(is(m.to.tag, "") && is(m.to.uri.user, "b"));
    assert_true(is(m.event, "presence") && is(m.event_id, "4"));
    assert_int_equal(m.cseq, 7);
    assert_int_equal(m.expires, UINT32_MAX);
    assert_int_equal(m.max_forwards, 70);
    assert_true(m.has_contact && is(m.contact.uri.text, "sip:a@192.0.2.1:5070;transport=TCP"));
    assert_true(is(m.body, "he"));
    assert_true(sip_msg_next(&m, SIP_RECORD_ROUTE, &pos, &v) && is(v, "<sip:p1.example;lr>"));
    assert_true(sip_msg_next(&m, SIP_RECORD_ROUTE, &pos, &v) &&
                is(v, "\"x,y\" <sip:p2.example;lr;transport=tcp>"));
    assert_true(sip_msg_next(&m, SIP_RECORD_ROUTE, &pos, &v) && is(v, "<sip:p3.example>"));
    assert_false(sip_msg_next(&m, SIP_RECORD_ROUTE, &pos, &v));
    pos = (struct sip_pos){ 0 };
    assert_true(sip_msg_next(&m, SIP_ACCEPT, &pos, &v) &&
                is(sip_media_type(v), "application/pidf+xml"));
    assert_true(sip_msg_next(&m, SIP_ACCEPT, &pos, &v) && is(v, "application/cpim-pidf+xml"));
    sip_msg_done(&m);
}

static void test_response(void **state)
{
    static struct sip_msg m;

    (void)state;
    parse(&m,
          "SIP/2.0 503 Busy now\r\n" HEAD
          "CSeq: 9 NOTIFY\r\nRetry-After: 120 (later);duration=5\r\nContent-Length: 0\r\n\r\n",
          GW_OK);
    assert_false(m.is_request);
    assert_int_equal(m.status, 503);
    assert_int_equal(m.method, SIP_NOTIFY);
    assert_int_equal(m.retry_after_s, 120);
    sip_msg_done(&m);
}

/* Each is a request that lacks or has one thing. */
static const struct {
    const char *text;
    unsigned answer;
} bad[] = {
    { "", 0 },
    { "\r\n\r\n", 0 },
    { "OPTIONS sip:a@b SIP/2.0\r\n\r\n", 400 },         /* if there is a way back */
    { "OPTIONS sip:a@b SIP/2.0\r\n" HEAD "\r\n", 400 }, /* CSeq */
    { "OPTIONS sip:a@b SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\nno name\r\n\r\n", 400 },
    { "OPTIONS sip:a@b SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\n", 400 }, /* cut off */
    { "OPTIONS sip:a@b SIP/2.0\r\n" HEAD "CSeq: -1 OPTIONS\r\n\r\n", 400 },
    { "OPTIONS sip:a@b SIP/2.0\r\n" HEAD "CSeq: 2147483648 OPTIONS\r\n\r\n", 400 },
    { "OPTIONS sip:a@b SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\nExpires: soon\r\n\r\n", 400 },
    { "OPTIONS sip:a@b SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\nMax-Forwards: 256\r\n\r\n", 400 },
    { "OPTIONS sip:a@b SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\nContact: <sip:x\r\n\r\n", 400 },
    { "OPTIONS sip:a@b SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\nl: 99999999999\r\n\r\n", 400 },
    { "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\n"
      "To: <sip:b@b>;tag=\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n",
      400 },
    { "OPTIONS sip:a@b:99999 SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n", 400 },
    { "OPTIONS sip:a@b SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\nCall-ID: c2\r\n\r\n", 400 },
};

/* A From, To or Contact header, and whether it is one. */
static const struct {
    const char *text;
    bool is_good;
} addresses[] = {
    { "<sip:a@b>", true },
    { "A <sip:a@b> ;tag=1", true },
    { "sip:a@b;tag=1", true },
    { "<sip:a@b>;x;tag=1", true },
    { "<sip:a@b>;x=\"\";tag=1", true },
    { "<sip:a@b>;x= \"y;\"", true },
    { "<sip:a@b;opaque=AA=;gruu>;epid=AA==", true },
    { "<sip:a@b>t;tag=1", false },
    { "<sip:a@b> t", false },
    { "<sip:a@b><sip:c@b>", false },
    { "<sip:a@b>,", false },
    { "<sip:a@b>;x=", false },
    { "<sip:a@b>;x= ;tag=1", false },
    { "<sip:a@b>;;tag=1", false },
    { "<sip:a@b>;", false },
    { "sip:a@b>", false },
};

static void test_addresses(void **state)
{
    struct gw_arena arena;
    struct sip_addr addr;
    struct gw_err err;

    (void)state;
    gw_arena_init(&arena, 65536);
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        enum gw_code rc = sip_addr_parse(gw_str_of(addresses[i].text), &arena, &addr, &err);

        if ((rc == GW_OK) != addresses[i].is_good)
            print_error("%s: %s\n", addresses[i].text, gw_code_name(rc));
        assert_int_equal(rc, addresses[i].is_good ? GW_OK : GW_BADMSG);
    }
    gw_arena_done(&arena);
}

static void test_bad(void **state)
{
    static struct sip_msg m;
    struct gw_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        enum gw_code rc = sip_msg_parse(&m, gw_str_of(bad[i].text), &err);

        if (rc == GW_OK || m.answer != bad[i].answer)
            print_error("case %zu: %s, answer %u\n", i, gw_code_name(rc), m.answer);
        assert_int_not_equal(rc, GW_OK);
        assert_int_equal(m.answer, bad[i].answer);
        sip_msg_done(&m);
    }
}

static void test_limits(void **state)
{
    static struct sip_msg m;
    struct gw_buf b;

    (void)state;
    gw_buf_init(&b, 1024 * 1024);
    gw_buf_add_cstr(&b, "OPTIONS sip:a@b SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\n");
    for (int i = 0; i < SIP_HEADERS_MAX; i++)
        gw_buf_add_cstr(&b, "X: y\r\n");
    gw_buf_add_cstr(&b, "\r\n");
    parse(&m, b.p, GW_LIMIT);
    assert_int_equal(m.answer, 400);
    sip_msg_done(&m);

    gw_buf_reset(&b);
    gw_buf_add_cstr(&b, "OPTIONS sip:a@b SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\nVia: ");
    for (int i = 0; i < SIP_VALUES_MAX; i++)
        gw_buf_add_cstr(&b, "SIP/2.0/UDP a,");
    gw_buf_add_cstr(&b, "SIP/2.0/UDP a\r\n\r\n");
    parse(&m, b.p, GW_LIMIT);
    sip_msg_done(&m);
    gw_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torture),  cmocka_unit_test(test_accessors),
        cmocka_unit_test(test_response), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_bad),      cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
