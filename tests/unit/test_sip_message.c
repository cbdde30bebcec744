/* Messages to and from users here (RFC 3428). */
#include "sip_test.h"

static void begin(struct rig *r, struct pres_session **bob)
{
    rig_init(r);
    rig_set(r, "sip.routes", "example.a=udp:192.0.2.1:4444");
    *bob = rig_login(r, "bob@b.example", PRES_AVAILABLE);
}

static void end(struct rig *r, struct pres_session *bob)
{
    pres_session_free(&bob, r->now);
    rig_done(r);
}

/* ---- To users here ---- */

static void receive(struct rig *r, const char *from, const char *to, const char *more,
                    const char *body)
{
    static unsigned branch;
    struct gw_buf b;

    branch++;
    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "MESSAGE sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP "
                "192.0.2.1:4444;branch=z9hG4bKm%u\r\nFrom: <sip:%s>;tag=1\r\nTo: "
                "<sip:%s>\r\nCall-ID: m%u\r\nCSeq: 1 MESSAGE\r\n%sContent-Length: "
                "%zu\r\n\r\n%s",
                to, branch, from, to, branch, more, strlen(body), body);
    rig_receive(r, b.p);
    gw_buf_done(&b);
}

#define PLAIN "Content-Type: text/plain; charset=UTF-8\r\n"

#define TYPING "Content-Type: application/im-iscomposing+xml\r\n"
#define COMPOSING                                                                                  \
    "<isComposing "                                                                                \
    "xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>active</state></isComposing>"

static const struct {
    const char *from, *to, *more, *body, *answer, *said;
} in_case[] = {
    { "w@a.example", "bob@b.example", PLAIN, "hi\r\nyou", "SIP/2.0 200 ",
      "w@a.example: hi\r\nyou" },
    { "w@a.example", "bob@b.example", "Content-Type: application/im-iscomposing+xml\r\n", "<x/>",
      "SIP/2.0 400 ", "" },
    { "w@a.example", "alice@b.example", TYPING, COMPOSING, "SIP/2.0 480 ", "" },
    { "w@a.example", "bob@b.example", PLAIN, "", "SIP/2.0 200 ", "" },
    { "w@a.example", "nobody@b.example", PLAIN, "hi", "SIP/2.0 404 ", "" },
    { "w@a.example", "bob@elsewhere.example", PLAIN, "hi", "SIP/2.0 404 ", "" },
    { "w@stranger.example", "bob@b.example", PLAIN, "hi", "SIP/2.0 403 ", "" },
    { "w@a.example", "alice@b.example", PLAIN, "hi", "SIP/2.0 480 ", "" }, /* nobody is there */
    { "w@a.example", "bob@b.example", "Content-Type: text/html\r\n", "hi", "SIP/2.0 415 ", "" },
    { "w@a.example", "bob@b.example", "", "hi", "SIP/2.0 415 ", "" },
    { "w@a.example", "bob@b.example", PLAIN, "\xff\xfe", "SIP/2.0 400 ", "" },
    { "w@a.example", "bob@b.example", PLAIN, "\x01", "SIP/2.0 400 ", "" },
};

static void test_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(in_case) / sizeof(in_case[0]); i++) {
        struct pres_session *bob;
        struct rig r;

        begin(&r, &bob);
        receive(&r, in_case[i].from, in_case[i].to, in_case[i].more, in_case[i].body);
        rig_expect(&r, in_case[i].answer, "");
        rig_silence(&r);
        assert_string_equal(r.said, in_case[i].said);
        end(&r, bob);
    }
}

/* RFC 3994, without a session. */
static void test_typing(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    receive(&r, "w@a.example", "bob@b.example", TYPING, COMPOSING);
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_int_equal(r.chat, PRES_CHAT_COMPOSING);
    assert_string_equal(r.said, "");
    end(&r, bob);
}

/* Twice the same datagram is one message. */
static void test_again(void **state)
{
    static const char text[] =
        "MESSAGE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKq\r\n"
        "From: <sip:w@a.example>;tag=1\r\nTo: <sip:bob@b.example>\r\nCall-ID: q\r\n"
        "CSeq: 1 MESSAGE\r\n" PLAIN "Content-Length: 2\r\n\r\nhi";
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    rig_receive(&r, text);
    rig_expect(&r, "SIP/2.0 200 ", "");
    r.said[0] = '\0';
    rig_receive(&r, text);
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_string_equal(r.said, "");
    end(&r, bob);
}

static void test_too_long(void **state)
{
    struct pres_session *bob;
    static char body[9000];
    struct rig r;

    (void)state;
    memset(body, 'x', sizeof(body) - 1);
    begin(&r, &bob);
    receive(&r, "w@a.example", "bob@b.example", PLAIN, body);
    rig_expect(&r, "SIP/2.0 413 ", "");
    end(&r, bob);
}

/* ---- From users here ---- */

static void say(struct rig *r, const char *to, const char *body)
{
    assert_true(
        pres_message_send(r->pres, &(struct pres_message){ .from = GW_STR("bob@b.example/x"),
                                                           .to = gw_str_of(to),
                                                           .body = gw_str_of(body),
                                                           .id = GW_STR("id1") }));
}

static void test_out(void **state)
{
    struct pres_session *bob;
    struct sip_counters c;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    say(&r, "w@a.example", "hello");
    rig_silence(&r); /* never from inside the call */
    rig_pass(&r, 0);
    rig_expect(&r, "MESSAGE sip:w@a.example SIP/2.0\r\n", "From: <sip:bob@b.example>;tag=");
    assert_true(rig_has(r.sent[0].text, "Content-Type: text/plain;charset=UTF-8\r\n"));
    assert_true(rig_has(r.sent[0].text, "Content-Length: 5\r\n\r\nhello"));
    rig_answer(&r, 202, "");
    assert_int_equal(r.failed, -1);
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.messages_out, 1);
    end(&r, bob);
}

static const struct {
    unsigned status;
    enum pres_failure why;
} out_case[] = {
    { 404, PRES_FAILED_NOBODY },    { 403, PRES_FAILED_REFUSED },   { 480, PRES_FAILED_AWAY },
    { 486, PRES_FAILED_AWAY },      { 488, PRES_FAILED_UNFIT },     { 405, PRES_FAILED_UNFIT },
    { 500, PRES_FAILED_UNREACHED }, { 503, PRES_FAILED_UNREACHED }, { 482, PRES_FAILED_UNREACHED },
    { 603, PRES_FAILED_REFUSED },
};

static void test_failures(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    for (size_t i = 0; i < sizeof(out_case) / sizeof(out_case[0]); i++) {
        begin(&r, &bob);
        say(&r, "w@a.example", "hello");
        rig_pass(&r, 0);
        rig_expect(&r, "MESSAGE ", "");
        rig_answer(&r, out_case[i].status, "");
        assert_int_equal(r.failed, out_case[i].why);
        end(&r, bob);
    }
    /* Nobody answers. */
    begin(&r, &bob);
    say(&r, "w@a.example", "hello");
    rig_pass(&r, 33000);
    assert_int_equal(r.failed, PRES_FAILED_UNREACHED);
    end(&r, bob);
}

/* RFC 3261 18.1.1: too large for a datagram. */
static void test_large(void **state)
{
    static char body[9000];
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    memset(body, 'x', 2000);
    say(&r, "w@a.example", body);
    rig_pass(&r, 0);
    rig_expect(&r, "MESSAGE ", "Via: SIP/2.0/TCP ");
    assert_int_equal(r.sent[0].proto, SIP_TCP);
    rig_answer(&r, 200, "");
    memset(body, 'x', sizeof(body) - 1);
    say(&r, "w@a.example", body);
    rig_pass(&r, 0);
    rig_silence(&r);
    assert_int_equal(r.failed, PRES_FAILED_UNFIT);
    end(&r, bob);
}

/* Interdomain D.12: off stops messages, and not presence. */
static void test_off(void **state)
{
    struct pres_session *bob;
    char tag[256];
    struct rig r;

    (void)state;
    begin(&r, &bob);
    rig_set(&r, "sip.messages", "off");
    receive(&r, "w@a.example", "bob@b.example", PLAIN, "hi");
    rig_expect(&r, "SIP/2.0 405 ", "");
    assert_string_equal(r.said, "");
    say(&r, "w@a.example", "hello");
    rig_pass(&r, 0);
    rig_silence(&r);
    assert_int_equal(r.failed, PRES_FAILED_UNFIT);
    rig_subscribe(&r, &(struct ask){ .expires = 600 }, tag);
    end(&r, bob);
}

/* Interdomain D.7: without being available. */
static void test_unavailable(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    assert_int_equal(pres_session_set(bob, &(struct pres_client){ .show = PRES_OFFLINE }, r.now),
                     GW_OK);
    say(&r, "w@a.example", "hello");
    rig_pass(&r, 0);
    rig_expect(&r, "MESSAGE ", "");
    end(&r, bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in),          cmocka_unit_test(test_again),
        cmocka_unit_test(test_typing),      cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_out),         cmocka_unit_test(test_failures),
        cmocka_unit_test(test_large),       cmocka_unit_test(test_off),
        cmocka_unit_test(test_unavailable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
