/* Session descriptions as peers offer them, and ours. */
#include "sip_sdp.h"

#include "sip_test.h"

#define HEAD "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=session\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

static const struct {
    const char *body;
    enum gw_code rc;
    size_t count;
    bool is_fit;
} read_case[] = {
    { HEAD "m=message 5060 sip null\r\n", GW_OK, 1, true },
    { HEAD "m=message 5060 sip sip:ann@lync.example\r\n", GW_OK, 1, true },
    { HEAD "m=message 5060 SIP null\n", GW_OK, 1, true },
    { HEAD "m=message 5060 sip null", GW_OK, 1, true },
    { HEAD "m=message 5060 sip null\r\na=accept-types:text/plain text/html\r\n", GW_OK, 1, true },
    { HEAD "m=message 5060 sip null\r\na=accept-types:*\r\n", GW_OK, 1, true },
    { HEAD "m=message 5060 sip null\r\na=accept-types:text/rtf\r\n", GW_OK, 1, false },
    { HEAD "a=accept-types:text/rtf\r\nm=message 5060 sip null\r\n", GW_OK, 1, true },
    { HEAD "m=audio 4000 RTP/AVP 0\r\na=accept-types:x\r\nm=message 5060 sip null\r\n", GW_OK, 2,
      true },
    { HEAD "m=message 5060 sip null\r\nm=audio 4000 RTP/AVP 0\r\na=accept-types:x\r\n", GW_OK, 2,
      true },
    { HEAD "m=audio 4000 RTP/AVP 0\r\n", GW_OK, 1, false },
    { HEAD "m=message 0 sip null\r\n", GW_OK, 1, false },
    { HEAD "m=message 2855 TCP/MSRP *\r\n", GW_OK, 1, false },
    { HEAD "m=message\r\n", GW_OK, 1, false },
    { HEAD "m=message 5060\r\n", GW_OK, 1, false },
    { HEAD "m=message 70000 sip null\r\n", GW_OK, 1, false },
    { HEAD, GW_BADMSG, 0, false },
    { "", GW_BADMSG, 0, false },
    { "m=message 5060 sip null\r\n", GW_BADMSG, 0, false },
    { "v=1\r\nm=message 5060 sip null\r\n", GW_BADMSG, 0, false },
    { HEAD "nonsense\r\n", GW_BADMSG, 0, false },
    { HEAD "\r\nm=message 5060 sip null\r\n", GW_BADMSG, 0, false },
    { HEAD "m=message 5060 sip \xff\r\n", GW_BADMSG, 0, false },
    { HEAD "m=message 5060 sip n\rx: y\r\n", GW_BADMSG, 0, false },
    { HEAD "m=a\nm=a\nm=a\nm=a\nm=a\nm=a\nm=a\nm=a\nm=a\n", GW_LIMIT, 0, false },
};

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(read_case) / sizeof(read_case[0]); i++) {
        struct sip_sdp sdp = { .count = 0 };
        enum gw_code rc = sip_sdp_read(gw_str_of(read_case[i].body), &sdp, NULL);

        if (rc != read_case[i].rc || sip_sdp_is_fit(&sdp) != read_case[i].is_fit)
            print_error("case %zu\n", i);
        assert_int_equal(rc, read_case[i].rc);
        assert_int_equal(sdp.count, read_case[i].count);
        assert_int_equal(sip_sdp_is_fit(&sdp), read_case[i].is_fit);
    }
}

static void test_too_large(void **state)
{
    static char body[SIP_SDP_MAX + 2];
    struct sip_sdp sdp;

    (void)state;
    memset(body, 'x', sizeof(body) - 1);
    memcpy(body, "v=0\ns=", 6);
    assert_int_equal(sip_sdp_read(gw_str_of(body), &sdp, NULL), GW_LIMIT);
    for (size_t i = 3; i + 3 < sizeof(body); i += 4)
        memcpy(body + i, "\na=x", 4);
    assert_int_equal(sip_sdp_read(GW_STR("v=0"), &sdp, NULL), GW_BADMSG);
    assert_int_equal(sip_sdp_read((struct gw_str){ body, 2000 }, &sdp, NULL), GW_LIMIT);
}

static const struct {
    const char *offer, *us, *out;
} write_case[] = {
    { NULL, "192.0.2.9:5060",
      "v=0\r\no=- 0 0 IN IP4 192.0.2.9\r\ns=session\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
      "m=message 5060 sip null\r\na=accept-types:text/plain application/im-iscomposing+xml\r\n" },
    { NULL, "[2001:db8::1]:5061",
      "v=0\r\no=- 0 0 IN IP6 2001:db8::1\r\ns=session\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n"
      "m=message 5061 sip null\r\na=accept-types:text/plain application/im-iscomposing+xml\r\n" },
    { HEAD "m=audio 4000 RTP/AVP 0 8\r\nm=message 5060 sip null\r\nm=x\r\n", "gw.example:5061",
      "v=0\r\no=- 0 0 IN IP4 gw.example\r\ns=session\r\nc=IN IP4 gw.example\r\nt=0 0\r\n"
      "m=audio 0 RTP/AVP 0 8\r\n"
      "m=message 5061 sip null\r\na=accept-types:text/plain application/im-iscomposing+xml\r\n"
      "m=x 0 \r\n" },
};

static void test_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(write_case) / sizeof(write_case[0]); i++) {
        struct sip_sdp offer;
        struct gw_buf out;

        gw_buf_init(&out, SIP_SDP_MAX);
        if (write_case[i].offer)
            assert_int_equal(sip_sdp_read(gw_str_of(write_case[i].offer), &offer, NULL), GW_OK);
        sip_sdp_write(write_case[i].offer ? &offer : NULL, gw_str_of(write_case[i].us), &out);
        assert_string_equal(out.p, write_case[i].out);
        gw_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
