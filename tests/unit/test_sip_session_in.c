/* Sessions of messages that the other side begins: what is taken, refused, acknowledged and ended. */
#include "sip_talk.h"

static void test_called(void **state)
{
    struct pres_session *bob;
    struct dialog d;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    called(&r, "c1", &d);
    ask(&r, &d, "MESSAGE", PLAIN, "hello");
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_string_equal(r.said, "ann@lync.example: hello");
    say(&r, "hi");
    rig_expect(&r, "MESSAGE sip:ann@192.0.2.1:4444 SIP/2.0\r\n",
               "To: <sip:ann@lync.example>;tag=ac1\r\n");
    assert_true(rig_has(r.sent[r.taken - 1].text, "From: <sip:bob@b.example>;tag="));
    rig_answer(&r, 200, "");
    assert_int_equal(counters(&r).sessions_in, 1);
    ask(&r, &d, "BYE", "", "");
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_int_equal(r.chat, PRES_CHAT_GONE);
    assert_int_equal(counters(&r).sessions, 0);
    ask(&r, &d, "MESSAGE", PLAIN, "too late");
    rig_expect(&r, "SIP/2.0 481 ", "");
    end(&r, bob);
}

/* RFC 3261 13.3.1.4: the 2xx until the ACK, over a stream, too; then BYE. */
static void test_not_acknowledged(void **state)
{
    static const int64_t gaps[] = { 500, 1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000, 4000 };

    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        const char *offer = CONTACT SDP_TYPE;
        struct pres_session *bob;
        struct dialog d = { .call_id = "c", .own = "o", .cseq = 1 };
        struct rig r;

        begin(&r, &bob);
        ask_from(&r, stream ? &tcp : &udp, &d, "INVITE",
                 stream ? "Contact: <sip:ann@192.0.2.1;transport=tcp>\r\n" SDP_TYPE : offer, SDP);
        rig_expect(&r, "SIP/2.0 200 ", "");
        for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
            rig_pass(&r, gaps[i] - 1);
            rig_silence(&r);
            rig_pass(&r, 1);
            rig_expect(&r, "SIP/2.0 200 ", "");
            assert_int_equal(r.sent[r.taken - 1].conn, stream ? 7 : 0);
        }
        rig_pass(&r, 500);
        rig_expect(&r, "BYE ", "");
        rig_answer(&r, 481, "");
        assert_int_equal(counters(&r).sessions, 0);
        assert_int_equal(counters(&r).sessions_in, 0);
        end(&r, bob);
    }
}

/* What was to be said in it is said in one of our own. */
static void test_not_acknowledged_waiting(void **state)
{
    struct dialog d = { .call_id = "c", .own = "o" };
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    ask(&r, &d, "INVITE", CONTACT SDP_TYPE, SDP);
    rig_expect(&r, "SIP/2.0 200 ", "");
    say(&r, "one");
    rig_pass(&r, 31999);
    r.taken = r.sent_count;
    rig_pass(&r, 1);
    rig_expect(&r, "BYE ", "");
    rig_expect(&r, "INVITE ", "");
    assert_int_equal(r.failed, -1);
    end(&r, bob);
}

/* A message in the session says that the 2xx has arrived. */
static void test_ack_lost(void **state)
{
    struct pres_session *bob;
    struct dialog d = { .call_id = "c", .own = "o" };
    struct rig r;

    (void)state;
    begin(&r, &bob);
    invite(&r, &d, CONTACT SDP_TYPE);
    say(&r, "not yet");
    rig_silence(&r);
    ask(&r, &d, "MESSAGE", PLAIN, "hello");
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "MESSAGE ", "not yet");
    rig_answer(&r, 200, "");
    rig_pass(&r, 60000);
    rig_silence(&r);
    end(&r, bob);
}

static const struct {
    const char *from, *to, *more, *body, *answer, *part;
} invite_case[] = {
    { "ann@lync.example", "nobody@b.example", CONTACT SDP_TYPE, SDP, "SIP/2.0 404 ", "" },
    { "ann@lync.example", "bob@elsewhere.example", CONTACT SDP_TYPE, SDP, "SIP/2.0 404 ", "" },
    { "x@stranger.example", "bob@b.example", CONTACT SDP_TYPE, SDP, "SIP/2.0 403 ", "" },
    { "ann@lync.example", "bob@b.example", CONTACT, "", "SIP/2.0 200 ", "m=message 5060 sip" },
    { "w@a.example", "bob@b.example", CONTACT SDP_TYPE, SDP, "SIP/2.0 200 ", "m=message" },
    { "ann@lync.example", "bob@b.example", CONTACT PLAIN, "hi", "SIP/2.0 415 ",
      "Accept: application/sdp\r\n" },
    { "ann@lync.example", "bob@b.example", CONTACT SDP_TYPE, "nonsense", "SIP/2.0 400 ", "" },
    { "ann@lync.example", "bob@b.example", CONTACT SDP_TYPE, "v=0\r\nm=audio 4 RTP/AVP 0\r\n",
      "SIP/2.0 488 ", "" },
    { "ann@lync.example", "bob@b.example", CONTACT SDP_TYPE,
      "v=0\r\nm=audio 4 RTP/AVP 0\r\nm=message 5060 sip null\r\n", "SIP/2.0 200 ",
      "m=audio 0 RTP/AVP 0\r\nm=message 5060 sip null\r\n" },
    { "ann@lync.example", "bob@b.example", SDP_TYPE, SDP, "SIP/2.0 400 ", "" },
    { "ann@lync.example", "bob@b.example", "Contact: <sip:a@127.0.0.1>\r\n" SDP_TYPE, SDP,
      "SIP/2.0 400 ", "" },
    { "ann@lync.example", "bob@b.example", "Require: 100rel\r\n" CONTACT SDP_TYPE, SDP,
      "SIP/2.0 420 ", "Unsupported: 100rel\r\n" },
    /* Talks of more than two. */
    { "ann@lync.example", "bob@b.example",
      CONTACT "Content-Type: application/ms-conf-invite+xml\r\n", "<x/>", "SIP/2.0 488 ", "" },
    { "ann@lync.example", "bob@b.example",
      "Contact: <sip:conf@192.0.2.1:4444>;isfocus\r\n" SDP_TYPE, SDP, "SIP/2.0 488 ", "" },
    { "ann@lync.example", "bob@b.example",
      CONTACT "EndPoints: <sip:a@x>, <sip:b@x>, <sip:c@x>\r\n" SDP_TYPE, SDP, "SIP/2.0 488 ", "" },
    { "ann@lync.example", "bob@b.example", CONTACT "EndPoints: <sip:a@x>, <sip:b@x>\r\n" SDP_TYPE,
      SDP, "SIP/2.0 200 ", "" },
};

static void test_invite(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(invite_case) / sizeof(invite_case[0]); i++) {
        struct pres_session *bob;
        struct gw_buf b;
        struct rig r;

        begin(&r, &bob);
        gw_buf_init(&b, SIP_MSG_MAX);
        gw_buf_addf(&b,
                    "INVITE sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:4444;branch=z9hG4bKi%zu"
                    "\r\nFrom: <sip:%s>;tag=1\r\nTo: <sip:%s>\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\n"
                    "%sContent-Length: %zu\r\n\r\n%s",
                    invite_case[i].to, i, invite_case[i].from, invite_case[i].to,
                    invite_case[i].more, strlen(invite_case[i].body), invite_case[i].body);
        rig_receive(&r, b.p);
        rig_expect(&r, invite_case[i].answer, invite_case[i].part);
        assert_int_equal(counters(&r).sessions,
                         gw_str_ends(gw_str_of(invite_case[i].answer), "200 "));
        gw_buf_done(&b);
        end(&r, bob);
    }
}

/* Nobody may push requests of his own into a session, or confuse it. */
static void test_wrong_dialog(void **state)
{
    struct pres_session *bob;
    struct dialog d, wrong;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    called(&r, "c1", &d);
    wrong = d;
    (void)snprintf(wrong.own, sizeof(wrong.own), "guess");
    ask(&r, &wrong, "MESSAGE", PLAIN, "x");
    rig_expect(&r, "SIP/2.0 481 ", "");
    wrong = d;
    (void)snprintf(wrong.call_id, sizeof(wrong.call_id), "guess");
    ask(&r, &wrong, "BYE", "", "");
    rig_expect(&r, "SIP/2.0 481 ", "");
    wrong = d;
    (void)snprintf(wrong.theirs, sizeof(wrong.theirs), "guess");
    ask(&r, &wrong, "INFO", "", "");
    rig_expect(&r, "SIP/2.0 481 ", "");
    wrong = d;
    wrong.cseq = 0; /* that of the INVITE */
    ask(&r, &wrong, "MESSAGE", PLAIN, "x");
    rig_expect(&r, "SIP/2.0 500 ", "");
    assert_string_equal(r.said, "");
    wrong = (struct dialog){ .call_id = "c1", .own = "ac1" };
    ask(&r, &wrong, "BYE", "", "");
    rig_expect(&r, "SIP/2.0 481 ", "");
    assert_int_equal(counters(&r).sessions, 1);
    ask(&r, &d, "MESSAGE", "Content-Type: text/html\r\n", "x");
    rig_expect(&r, "SIP/2.0 415 ", "Accept: text/plain");
    ask(&r, &d, "INFO", "Content-Type: text/html\r\n", "x");
    rig_expect(&r, "SIP/2.0 415 ", "");
    ask(&r, &d, "INFO", "", "");
    rig_expect(&r, "SIP/2.0 200 ", "");
    ask(&r, &d, "INFO", "Content-Type: application/xml\r\n", "<nonsense");
    rig_expect(&r, "SIP/2.0 400 ", "");
    ask(&r, &d, "REFER", "Refer-To: <sip:c@lync.example>\r\n", "");
    rig_expect(&r, "SIP/2.0 603 ", "");
    ask(&r, &d, "UPDATE", "", "");
    rig_expect(&r, "SIP/2.0 501 ", "Allow: ");
    assert_int_equal(counters(&r).sessions, 1);
    end(&r, bob);
}

/* RFC 3261 14.2. */
static void test_again(void **state)
{
    struct pres_session *bob;
    struct dialog d;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    called(&r, "c1", &d);
    ask(&r, &d, "INVITE", "Contact: <sip:ann@192.0.2.1:5555>\r\n" SDP_TYPE, SDP);
    rig_expect(&r, "SIP/2.0 200 ", "m=message");
    ask(&r, &d, "INVITE", CONTACT SDP_TYPE, SDP); /* before the ACK of the one before */
    rig_expect(&r, "SIP/2.0 500 ", "Retry-After: ");
    d.cseq--;
    ack(&r, &d);
    d.cseq++;
    say(&r, "there");
    rig_expect(&r, "MESSAGE sip:ann@192.0.2.1:5555 ", "");
    assert_int_equal(r.sent[r.taken - 1].port, 5555);
    rig_answer(&r, 200, "");
    ask(&r, &d, "INVITE", CONTACT SDP_TYPE, "v=0\r\nm=audio 4 RTP/AVP 0\r\n");
    rig_expect(&r, "SIP/2.0 488 ", "");
    ask(&r, &d, "INVITE", SDP_TYPE, SDP);
    rig_expect(&r, "SIP/2.0 400 ", "");
    say(&r, "still");
    rig_expect(&r, "MESSAGE sip:ann@192.0.2.1:5555 ", "");
    assert_int_equal(counters(&r).sessions_in, 1);
    end(&r, bob);
}

/* RFC 3261 9.2: too late, but known. */
static void test_cancel(void **state)
{
    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        struct dialog d = { .call_id = "c", .own = "o", .cseq = 1 };
        struct pres_session *bob;
        struct rig r;

        begin(&r, &bob);
        ask_from(&r, stream ? &tcp : &udp, &d, "INVITE", CONTACT SDP_TYPE, SDP);
        rig_expect(&r, "SIP/2.0 200 ", "");
        ask_from(&r, stream ? &tcp : &udp, &d, "CANCEL", "", "");
        rig_expect(&r, "SIP/2.0 200 ", "CSeq: 1 CANCEL");
        assert_int_equal(counters(&r).sessions, 1);
        d.cseq = 5;
        ask_from(&r, &udp, &d, "CANCEL", "", "");
        rig_expect(&r, "SIP/2.0 481 ", "");
        end(&r, bob);
    }
}

static void test_typing_in(void **state)
{
    static const char active[] = "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'>"
                                 "<state>active</state><refresh>60</refresh></isComposing>";
    struct pres_session *bob;
    struct dialog d;
    unsigned before;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    called(&r, "c1", &d);
    ask(&r, &d, "INFO", "Content-Type: application/xml\r\n",
        "<?xml version=\"1.0\"?><KeyboardActivity><status status=\"type\" /></KeyboardActivity>");
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_int_equal(r.chat, PRES_CHAT_COMPOSING);
    rig_pass(&r, 119999);
    assert_int_equal(r.chat, PRES_CHAT_COMPOSING);
    rig_pass(&r, 1);
    assert_int_equal(r.chat, PRES_CHAT_PAUSED);
    ask(&r, &d, "MESSAGE", "Content-Type: application/im-iscomposing+xml\r\n", active);
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_int_equal(r.chat, PRES_CHAT_COMPOSING);
    ask(&r, &d, "MESSAGE", PLAIN, "hi");
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_int_equal(r.chat, PRES_CHAT_ACTIVE);
    before = r.chats;
    rig_pass(&r, 300000); /* who has sent it types no more: nothing runs out */
    assert_int_equal(r.chats, before);
    end(&r, bob);
}

static void test_routes_in(void **state)
{
    struct dialog d = { .call_id = "c", .own = "o" };
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    rig_set(&r, "sip.incoming_acl", "192.0.2.0/24, p1");
    invite(&r, &d, CONTACT "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n" SDP_TYPE);
    assert_true(rig_has(r.sent[r.taken - 1].text,
                        "Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\n"));
    ack(&r, &d);
    say(&r, "one");
    rig_found(&r, "p1", "192.0.2.8");
    rig_expect(&r, "MESSAGE sip:ann@192.0.2.1:4444 ", "Route: <sip:p1;lr>, <sip:p2;lr>\r\n");
    assert_string_equal(r.sent[r.taken - 1].host, "192.0.2.8");
    end(&r, bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_called),
        cmocka_unit_test(test_not_acknowledged),
        cmocka_unit_test(test_not_acknowledged_waiting),
        cmocka_unit_test(test_ack_lost),
        cmocka_unit_test(test_invite),
        cmocka_unit_test(test_wrong_dialog),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_typing_in),
        cmocka_unit_test(test_routes_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
