/* Messages in sessions, on virtual time, with a peer that is a list of what was sent to it. */
#include "sip_talk.h"

/* ---- From users here ---- */

/* Interdomain D.6: the first message makes a session, and all others, of either side, use it. */
static void test_call(void **state)
{
    struct pres_session *bob;
    struct dialog d;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    say(&r, "one");
    rig_expect(&r, "INVITE sip:ann@lync.example SIP/2.0\r\n", "From: <sip:bob@b.example>;tag=");
    assert_true(rig_has(r.sent[0].text, "To: <sip:ann@lync.example>\r\n"));
    assert_true(rig_has(r.sent[0].text, "Content-Type: application/sdp\r\n"));
    assert_true(rig_has(r.sent[0].text, "Contact: <sip:192.0.2.100:5060>\r\n"));
    say(&r, "two");
    rig_silence(&r);
    rig_answer_with(&r, 180, "theirs", "", "");
    rig_silence(&r);
    rig_forget(&r);
    end(&r, bob);

    begin(&r, &bob);
    call(&r, "one", &d);
    rig_expect(&r, "MESSAGE sip:ann@192.0.2.1:4444 SIP/2.0\r\n", "\r\n\r\none");
    assert_true(rig_has(r.sent[r.taken - 1].text, "To: <sip:ann@lync.example>;tag=theirs\r\n"));
    assert_true(rig_has(r.sent[r.taken - 1].text, "CSeq: 2 MESSAGE\r\n"));
    say(&r, "two");
    rig_silence(&r); /* one at a time */
    rig_answer(&r, 200, "");
    rig_expect(&r, "MESSAGE ", "\r\n\r\ntwo");
    rig_answer(&r, 200, "");
    ask(&r, &d, "MESSAGE", PLAIN, "three");
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_string_equal(r.said, "ann@lync.example: three");
    assert_int_equal(r.chat, PRES_CHAT_ACTIVE);
    say(&r, "four");
    rig_expect(&r, "MESSAGE ", "\r\n\r\nfour");
    rig_answer(&r, 202, "");
    assert_int_equal(counters(&r).sessions, 1);
    assert_int_equal(counters(&r).sessions_out, 1);
    assert_int_equal(counters(&r).messages_out, 3);
    assert_int_equal(counters(&r).messages_in, 1);
    assert_int_equal(r.failed, -1);
    end(&r, bob);
}

static const struct {
    unsigned status;
    enum pres_failure why;
} refusal_case[] = {
    { 403, PRES_FAILED_REFUSED },   { 404, PRES_FAILED_NOBODY },    { 407, PRES_FAILED_REFUSED },
    { 408, PRES_FAILED_UNREACHED }, { 480, PRES_FAILED_AWAY },      { 482, PRES_FAILED_UNREACHED },
    { 486, PRES_FAILED_AWAY },      { 487, PRES_FAILED_AWAY },      { 488, PRES_FAILED_UNFIT },
    { 500, PRES_FAILED_UNREACHED }, { 503, PRES_FAILED_UNREACHED }, { 302, PRES_FAILED_UNREACHED },
    { 600, PRES_FAILED_AWAY },      { 603, PRES_FAILED_REFUSED },   { 604, PRES_FAILED_NOBODY },
};

/* What waits comes back, all of it, and the next one tries anew. */
static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusal_case) / sizeof(refusal_case[0]); i++) {
        struct pres_session *bob;
        struct rig r;

        begin(&r, &bob);
        say(&r, "one");
        say(&r, "two");
        rig_expect(&r, "INVITE ", "");
        rig_answer_with(&r, refusal_case[i].status, "x", "", "");
        rig_expect(&r, "ACK ", ";tag=x\r\n");
        assert_int_equal(r.failed, refusal_case[i].why);
        assert_int_equal(counters(&r).messages_failed, 2);
        assert_int_equal(counters(&r).sessions, 0);
        say(&r, "three");
        rig_expect(&r, "INVITE ", "");
        end(&r, bob);
    }
}

static const struct {
    unsigned status;
    enum pres_failure why;
    bool goes_on;
} line_case[] = {
    { 403, PRES_FAILED_REFUSED, true },   { 415, PRES_FAILED_UNFIT, true },
    { 500, PRES_FAILED_UNREACHED, true }, { 480, PRES_FAILED_AWAY, false },
    { 404, PRES_FAILED_NOBODY, false },   { 408, PRES_FAILED_UNREACHED, false },
    { 603, PRES_FAILED_REFUSED, true },
};

/* RFC 5057: a message that is refused ends some sessions, and others not. */
static void test_line_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(line_case) / sizeof(line_case[0]); i++) {
        struct pres_session *bob;
        struct dialog d;
        struct rig r;

        begin_said(&r, &bob, &d);
        rig_answer(&r, line_case[i].status, "");
        assert_int_equal(r.failed, line_case[i].why);
        say(&r, "two");
        rig_expect(&r, line_case[i].goes_on ? "MESSAGE " : "INVITE ", "");
        end(&r, bob);
    }
}

/* The peer was restarted: what it knows no more begins anew, and nothing is lost. Once. */
static void test_lost(void **state)
{
    struct pres_session *bob;
    struct dialog d;
    struct rig r;

    (void)state;
    begin_said(&r, &bob, &d);
    say(&r, "two");
    rig_answer(&r, 481, "");
    rig_expect(&r, "INVITE ", "");
    rig_answer_with(&r, 200, "again", CONTACT SDP_TYPE, SDP);
    rig_expect(&r, "ACK ", ";tag=again\r\n");
    rig_expect(&r, "MESSAGE ", "\r\n\r\none");
    rig_answer(&r, 481, "");
    assert_int_equal(r.failed, PRES_FAILED_UNREACHED);
    assert_int_equal(counters(&r).messages_failed, 1);
    rig_expect(&r, "INVITE ", ""); /* for the second one */
    rig_answer_with(&r, 200, "third", CONTACT SDP_TYPE, SDP);
    rig_expect(&r, "ACK ", "");
    rig_expect(&r, "MESSAGE ", "\r\n\r\ntwo");
    rig_answer(&r, 200, "");
    assert_int_equal(counters(&r).messages_out, 1);
    assert_int_equal(counters(&r).sessions, 1);
    end(&r, bob);
}

/* BYE while a message is on its way: the message goes on in a new session. */
static void test_bye_crosses(void **state)
{
    struct pres_session *bob;
    struct dialog d;
    struct rig r;

    (void)state;
    begin_said(&r, &bob, &d);
    ask(&r, &d, "BYE", "", "");
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_int_equal(r.chat, PRES_CHAT_GONE);
    rig_expect(&r, "INVITE ", "");
    assert_int_equal(r.failed, -1);
    end(&r, bob);
}

/* It cannot be reached at all: the transport says so at once. */
static void test_unreachable(void **state)
{
    struct pres_session *bob;
    struct dialog d;
    struct rig r;

    (void)state;
    begin_said(&r, &bob, &d);
    rig_answer(&r, 200, "");
    r.is_dead = true;
    say(&r, "two");
    assert_int_equal(r.failed, PRES_FAILED_UNREACHED);
    assert_int_equal(counters(&r).sessions, 0);
    r.is_dead = false;
    say(&r, "three");
    rig_expect(&r, "INVITE ", "");
    rig_pass(&r, 33000);
    assert_int_equal(counters(&r).messages_failed, 2);
    assert_int_equal(counters(&r).sessions, 0);
    end(&r, bob);
}

/* The 2xx comes again, when our ACK was lost; another branch of a forked INVITE is ended. */
static void test_answer_again(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    say(&r, "one");
    rig_expect(&r, "INVITE ", "");
    rig_answer_with(&r, 200, "first", CONTACT SDP_TYPE, SDP);
    rig_expect(&r, "ACK ", ";tag=first\r\n");
    rig_expect(&r, "MESSAGE ", "");
    rig_answer(&r, 200, "");
    r.taken = 1; /* the INVITE */
    rig_answer_with(&r, 200, "first", CONTACT SDP_TYPE, SDP);
    r.taken = 3;
    rig_expect(&r, "ACK ", ";tag=first\r\n");
    rig_silence(&r);
    r.taken = 1;
    rig_answer_with(&r, 200, "second", "Contact: <sip:ann@192.0.2.77:4444>\r\n" SDP_TYPE, SDP);
    r.taken = 4;
    rig_expect(&r, "ACK sip:ann@192.0.2.77:4444 ", ";tag=second\r\n");
    assert_string_equal(r.sent[r.taken - 1].host, "192.0.2.77");
    rig_expect(&r, "BYE sip:ann@192.0.2.77:4444 ", ";tag=second\r\n");
    rig_answer(&r, 200, "");
    say(&r, "two");
    rig_expect(&r, "MESSAGE sip:ann@192.0.2.1:4444 ", ";tag=first\r\n");
    assert_int_equal(counters(&r).sessions, 1);
    end(&r, bob);
}

/* Who answers as ever more branches makes us ask no more than a few times. */
static void test_many_branches(void **state)
{
    struct pres_session *bob;
    struct sip_counters c;
    char tag[16];
    struct rig r;

    (void)state;
    begin(&r, &bob);
    say(&r, "one");
    rig_expect(&r, "INVITE ", "");
    rig_answer_with(&r, 200, "first", CONTACT SDP_TYPE, SDP);
    for (int i = 0; i < 100; i++) {
        r.taken = 1; /* the INVITE */
        (void)snprintf(tag, sizeof(tag), "branch%d", i);
        rig_answer_with(&r, 200, tag, CONTACT SDP_TYPE, SDP);
    }
    c = counters(&r);
    assert_int_equal(c.waiting, 1 + 16); /* the MESSAGE, and BYEs */
    assert_int_equal(c.sessions, 1);
    end(&r, bob);
}

static const char *const unfit_answer[] = {
    "v=0\r\nm=message 0 sip null\r\n",
    "v=0\r\nm=audio 4000 RTP/AVP 0\r\n",
    "nonsense",
};

/* Taken, but not for messages: ended, and the message comes back. */
static void test_unfit_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(unfit_answer) / sizeof(unfit_answer[0]); i++) {
        struct pres_session *bob;
        struct rig r;

        begin(&r, &bob);
        say(&r, "one");
        rig_expect(&r, "INVITE ", "");
        rig_answer_with(&r, 200, "x", CONTACT SDP_TYPE, unfit_answer[i]);
        rig_expect(&r, "ACK ", "");
        rig_expect(&r, "BYE ", "");
        assert_int_equal(r.failed, PRES_FAILED_UNFIT);
        rig_answer(&r, 200, "");
        assert_int_equal(counters(&r).sessions, 0);
        end(&r, bob);
    }
    {
        struct pres_session *bob;
        struct rig r;

        begin(&r, &bob); /* no dialog: there is no way to say anything */
        say(&r, "one");
        rig_expect(&r, "INVITE ", "");
        rig_answer_with(&r, 200, "x", "", "");
        rig_silence(&r);
        assert_int_equal(r.failed, PRES_FAILED_UNREACHED);
        end(&r, bob);
    }
}

/* It rings for three minutes: cancelled, and the message comes back. */
static void test_rings(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    say(&r, "one");
    rig_expect(&r, "INVITE ", "");
    rig_answer_with(&r, 180, "x", "", "");
    rig_pass(&r, 179999);
    rig_silence(&r);
    rig_pass(&r, 1);
    rig_expect(&r, "CANCEL sip:ann@lync.example SIP/2.0\r\n", "CSeq: 1 CANCEL\r\n");
    rig_answer_with(&r, 200, "x", "", "");
    r.taken = 1;
    rig_answer_with(&r, 487, "x", "", "");
    r.taken = 2;
    rig_expect(&r, "ACK ", "");
    assert_int_equal(r.failed, PRES_FAILED_AWAY);
    assert_int_equal(counters(&r).sessions, 0);
    end(&r, bob);
}

/* Nobody has said anything for a while: BYE; the next one begins anew. */
static void test_idle(void **state)
{
    struct pres_session *bob;
    struct dialog d;
    struct rig r;

    (void)state;
    begin_said(&r, &bob, &d);
    rig_answer(&r, 200, "");
    rig_pass(&r, 599999);
    rig_silence(&r);
    ask(&r, &d, "MESSAGE", PLAIN, "still there");
    rig_expect(&r, "SIP/2.0 200 ", "");
    ask(&r, &d, "INFO", "Content-Type: application/xml\r\n",
        "<KeyboardActivity><status status=\"type\"/></KeyboardActivity>");
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_pass(&r, 599999);
    rig_silence(&r);
    rig_pass(&r, 1);
    rig_expect(&r, "BYE sip:ann@192.0.2.1:4444 ", "CSeq: 3 BYE\r\n");
    say(&r, "two");
    rig_expect(&r, "INVITE ", "");
    r.taken--;
    r.taken--;
    (void)rig_next(&r);
    rig_answer(&r, 200, "");
    assert_int_equal(counters(&r).sessions, 1);
    end(&r, bob);
}

/* ---- Typing ---- */

static void test_typing(void **state)
{
    struct pres_session *bob;
    struct dialog d;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    chat(&r, PRES_CHAT_COMPOSING);
    rig_silence(&r); /* nothing begins with it */
    call(&r, "one", &d);
    rig_expect(&r, "MESSAGE ", "");
    chat(&r, PRES_CHAT_COMPOSING);
    rig_silence(&r);
    rig_answer(&r, 200, "");
    rig_expect(&r, "INFO sip:ann@192.0.2.1:4444 ", "<status status=\"type\"/>");
    rig_answer(&r, 200, "");
    chat(&r, PRES_CHAT_COMPOSING);
    rig_silence(&r);
    chat(&r, PRES_CHAT_PAUSED);
    rig_expect(&r, "INFO ", "<status status=\"idle\"/>");
    rig_answer(&r, 200, "");
    chat(&r, PRES_CHAT_COMPOSING);
    rig_expect(&r, "INFO ", "");
    rig_answer(&r, 200, "");
    say(&r, "two"); /* who has sent it types no more: that needs no word */
    rig_expect(&r, "MESSAGE ", "two");
    chat(&r, PRES_CHAT_ACTIVE);
    rig_answer(&r, 200, "");
    rig_silence(&r);
    chat(&r, PRES_CHAT_COMPOSING);
    rig_expect(&r, "INFO ", "");
    rig_answer(&r, 501, "");
    chat(&r, PRES_CHAT_PAUSED);
    chat(&r, PRES_CHAT_COMPOSING);
    rig_silence(&r); /* it was told once that it does not want to know */
    assert_int_equal(counters(&r).sessions, 1);
    assert_int_equal(r.failed, -1);
    chat(&r, PRES_CHAT_GONE);
    rig_expect(&r, "BYE ", "");
    end(&r, bob);
}

/* To those who are not of Lync's kind, as RFC 3994 has it. */
static void test_typing_simple(void **state)
{
    struct pres_session *bob;
    struct dialog d;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    rig_set(&r, "sip.domains", "lync.example=simple");
    rig_set(&r, "sip.session_peers", "lync.example");
    call(&r, "one", &d);
    rig_expect(&r, "MESSAGE ", "");
    rig_answer(&r, 200, "");
    chat(&r, PRES_CHAT_COMPOSING);
    rig_expect(&r, "MESSAGE ", "<state>active</state>");
    assert_true(
        rig_has(r.sent[r.taken - 1].text, "Content-Type: application/im-iscomposing+xml\r\n"));
    end(&r, bob);
}

/* ---- Both at once ---- */

/* The calls cross. Ours goes on when its Call-ID is the lower one, else theirs; both are answered. */
static void test_glare(void **state)
{
    (void)state;
    for (int theirs_wins = 0; theirs_wins < 2; theirs_wins++) {
        char ours[256];
        struct pres_session *bob;
        struct dialog d;
        struct rig r;

        begin(&r, &bob);
        say(&r, "one");
        rig_expect(&r, "INVITE ", "");
        rig_header(&r, "Call-ID", ours);
        called(&r, theirs_wins ? "!" : "~", &d);
        if (theirs_wins) {
            rig_expect(&r, "MESSAGE ", ";tag=a!\r\n");
            rig_answer(&r, 200, "");
            r.taken = 1;
            rig_answer_with(&r, 200, "theirs", CONTACT SDP_TYPE, SDP);
            r.taken = r.sent_count - 1;
            rig_expect(&r, "ACK ", ";tag=theirs\r\n");
            rig_silence(&r); /* it may be heard in still */
            say(&r, "meanwhile");
            rig_expect(&r, "MESSAGE ", ";tag=a!\r\n");
            rig_answer(&r, 200, "");
            rig_pass(&r, 31999);
            rig_silence(&r);
            rig_pass(&r, 1);
            rig_expect(&r, "BYE ", ";tag=theirs\r\n");
            rig_answer(&r, 200, "");
        } else {
            rig_silence(&r);
            r.taken = 1;
            rig_answer_with(&r, 200, "theirs", CONTACT SDP_TYPE, SDP);
            r.taken = r.sent_count - 2;
            rig_expect(&r, "ACK ", ";tag=theirs\r\n");
            rig_expect(&r, "MESSAGE ", ";tag=theirs\r\n");
            rig_answer(&r, 200, "");
            ask(&r, &d, "MESSAGE", PLAIN, "in the other one");
            rig_expect(&r, "SIP/2.0 200 ", "");
            assert_string_equal(r.said, "ann@lync.example: in the other one");
            ask(&r, &d, "BYE", "", "");
            rig_expect(&r, "SIP/2.0 200 ", "");
        }
        assert_int_equal(counters(&r).sessions, 1);
        say(&r, "two");
        rig_expect(&r, "MESSAGE ", theirs_wins ? ";tag=a!\r\n" : ";tag=theirs\r\n");
        assert_int_equal(r.failed, -1);
        end(&r, bob);
    }
}

/* Ours is refused because theirs is there: what waits is said in it. */
static void test_glare_refused(void **state)
{
    struct pres_session *bob;
    struct dialog d;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    say(&r, "one");
    rig_expect(&r, "INVITE ", "");
    called(&r, "~", &d);
    r.taken = 1;
    rig_answer_with(&r, 486, "x", "", "");
    r.taken = r.sent_count - 2;
    rig_expect(&r, "ACK ", ";tag=x\r\n");
    rig_expect(&r, "MESSAGE ", ";tag=a~\r\n");
    assert_int_equal(r.failed, -1);
    end(&r, bob);
}

/* A new session of the same pair takes the place of the old one, which is ended. */
static void test_replaced(void **state)
{
    struct pres_session *bob;
    struct dialog d, e;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    called(&r, "c1", &d);
    e = (struct dialog){ .call_id = "c2", .own = "ac2" };
    invite(&r, &e, CONTACT SDP_TYPE);
    ack(&r, &e);
    say(&r, "one");
    rig_expect(&r, "MESSAGE ", ";tag=ac2\r\n");
    rig_answer(&r, 200, "");
    ask(&r, &d, "MESSAGE", PLAIN, "was on its way");
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_pass(&r, 32000);
    rig_expect(&r, "BYE ", ";tag=ac1\r\n");
    rig_answer(&r, 200, "");
    assert_int_equal(counters(&r).sessions, 1);
    end(&r, bob);
}

/* What is on its way in the old one comes first, so that lines stay in order. */
static void test_replaced_meanwhile(void **state)
{
    struct pres_session *bob;
    struct dialog d, e;
    size_t message;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    called(&r, "c1", &d);
    say(&r, "one");
    rig_expect(&r, "MESSAGE ", ";tag=ac1\r\n");
    message = r.taken;
    called(&r, "c2", &e);
    say(&r, "two");
    rig_silence(&r);
    r.taken = message;
    rig_answer(&r, 200, "");
    r.taken = r.sent_count - 1;
    rig_expect(&r, "MESSAGE ", ";tag=ac2\r\n");
    assert_true(rig_has(r.sent[r.taken - 1].text, "\r\n\r\ntwo"));
    end(&r, bob);
}

/* ---- Routes ---- */

/* The peer's proxies are gone through, the last one of the answer first; our own name, which had asked to
 * stay in the way, is not: it would lead to ourselves. */
static void test_routes(void **state)
{
    static const struct sip_srv edge = { .host = GW_STR_INIT("edge.lync.example"), .port = 5061 };
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    rig_set(&r, "sip.routes", "");
    rig_set(&r, "sip.federation_fqdn", "sip.b.example");
    say(&r, "one");
    rig_srv(&r, "_sipfederationtls._tcp.lync.example", GW_OK, &edge, 1);
    rig_expect(&r, "INVITE ", "Record-Route: <sip:sip.b.example:5061;lr>\r\n");
    rig_answer_with(
        &r, 200, "x",
        "Record-Route: <sip:fe.lync.example;lr>, <sip:edge.lync.example:5061;transport=tls;lr>\r\n"
        "Record-Route: <sip:sip.b.example:5061;lr>\r\n" CONTACT SDP_TYPE,
        SDP);
    rig_expect(
        &r, "ACK sip:ann@192.0.2.1:4444 ",
        "Route: <sip:edge.lync.example:5061;transport=tls;lr>, <sip:fe.lync.example;lr>\r\n");
    assert_string_equal(r.sent[r.taken - 1].host, "edge.lync.example");
    rig_expect(&r, "MESSAGE ", "Route: <sip:edge.lync.example:5061;transport=tls;lr>, ");
    end(&r, bob);
}

/* ---- Bounds ---- */

static void test_limits(void **state)
{
    struct pres_session *bob;
    struct dialog d;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    rig_set(&r, "sip.sessions_per_peer", "3");
    for (int i = 0; i < 5; i++) {
        d = (struct dialog){ .own = "o" };
        (void)snprintf(d.call_id, sizeof(d.call_id), "%d", i);
        ask(&r, &d, "INVITE", CONTACT SDP_TYPE, SDP);
        rig_expect(&r, i < 3 ? "SIP/2.0 200 " : "SIP/2.0 503 ", i < 3 ? "" : "Retry-After: 60\r\n");
    }
    assert_int_equal(counters(&r).sessions, 3);
    assert_int_equal(counters(&r).refused_limit, 2);
    rig_set(&r, "sip.sessions_per_peer", "100");
    d.cseq = 0;
    (void)snprintf(d.call_id, sizeof(d.call_id), "x");
    ask(&r, &d, "INVITE", CONTACT SDP_TYPE, SDP);
    rig_expect(&r, "SIP/2.0 200 ", "");
    d.cseq = 0;
    (void)snprintf(d.call_id, sizeof(d.call_id), "y"); /* of one pair */
    ask(&r, &d, "INVITE", CONTACT SDP_TYPE, SDP);
    rig_expect(&r, "SIP/2.0 503 ", "");
    /* All end by themselves. */
    rig_forget(&r);
    rig_pass(&r, 65000);
    assert_int_equal(counters(&r).sessions, 0);
    assert_int_equal(counters(&r).sessions_failed, 4);
    rig_forget(&r);
    rig_set(&r, "sip.sessions_max", "1");
    called(&r, "z", &d);
    assert_true(pres_message_send(r.pres, &(struct pres_message){ .from = GW_STR("bob@b.example/x"),
                                                                  .to = GW_STR("carl@lync.example"),
                                                                  .body = GW_STR("full"),
                                                                  .id = GW_STR("id1") }));
    rig_pass(&r, 0);
    rig_silence(&r);
    assert_int_equal(r.failed, PRES_FAILED_FULL);
    end(&r, bob);
}

static void test_many_lines(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    for (int i = 0; i < 60; i++)
        say(&r, "x");
    rig_expect(&r, "INVITE ", "");
    assert_int_equal(r.failed, PRES_FAILED_FULL);
    assert_int_equal(counters(&r).messages_failed, 10);
    rig_answer_with(&r, 603, "x", "", "");
    assert_int_equal(counters(&r).messages_failed, 60);
    end(&r, bob);
}

/* RFC 3261 18.1.1: too large for a datagram. */
static void test_large(void **state)
{
    static char body[3000];
    struct pres_session *bob;
    struct dialog d;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    memset(body, 'x', sizeof(body) - 1);
    call(&r, body, &d);
    rig_expect(&r, "MESSAGE ", "Via: SIP/2.0/TCP ");
    assert_int_equal(r.sent[r.taken - 1].proto, SIP_TCP);
    end(&r, bob);
}

/* Interdomain D.12, while it runs; and the domain is not one of ours any more. */
static void test_off(void **state)
{
    static const struct {
        const char *key, *value;
    } off[] = { { "sip.messages", "off" }, { "sip.domains", "other.example" } };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pres_session *bob;
        struct dialog d;
        struct rig r;

        begin(&r, &bob);
        called(&r, "c1", &d);
        rig_set(&r, off[i].key, off[i].value);
        sip_core_settings_apply(r.sip);
        rig_pass(&r, 0);
        rig_expect(&r, "BYE ", "");
        rig_answer(&r, 200, "");
        d = (struct dialog){ .call_id = "c2", .own = "o" };
        ask(&r, &d, "INVITE", CONTACT SDP_TYPE, SDP);
        rig_expect(&r, i ? "SIP/2.0 403 " : "SIP/2.0 405 ", "");
        assert_int_equal(counters(&r).sessions, 0);
        end(&r, bob);
    }
}

/* Off while one is called: what waits comes back. */
static void test_off_calling(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    say(&r, "one");
    rig_expect(&r, "INVITE ", "");
    rig_set(&r, "sip.messages", "off");
    sip_core_settings_apply(r.sip);
    rig_answer_with(&r, 200, "x", CONTACT SDP_TYPE, SDP);
    rig_expect(&r, "ACK ", "");
    rig_expect(&r, "BYE ", "");
    rig_silence(&r);
    assert_int_equal(r.failed, PRES_FAILED_UNREACHED);
    end(&r, bob);
}

static const struct {
    const char *domains, *peers;
    bool in_session;
} mode_case[] = {
    { "lync.example=lync", "lync, aol", true },    { "lync.example=aol", "lync, aol", true },
    { "lync.example=simple", "lync, aol", false }, { "lync.example=lync", "", false },
    { "lync.example=lync", "aol", false },         { "lync.example", "lync.example", true },
    { "lync.example", "other.example", false },    { "lync.example", "simple", true },
};

/* Which domains have sessions, by kind or by name; a message in session mode is none by itself. */
static void test_mode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mode_case) / sizeof(mode_case[0]); i++) {
        struct pres_session *bob;
        struct rig r;

        begin(&r, &bob);
        rig_set(&r, "sip.domains", mode_case[i].domains);
        rig_set(&r, "sip.session_peers", mode_case[i].peers);
        say(&r, "one");
        rig_expect(&r, mode_case[i].in_session ? "INVITE " : "MESSAGE ", "");
        end(&r, bob);
    }
}

/* Interdomain D.7: without being available; and what an administrator sees. */
static void test_seen(void **state)
{
    struct sip_session_info info;
    struct pres_session *bob;
    struct dialog d;
    size_t pos = 0;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    assert_int_equal(pres_session_set(bob, &(struct pres_client){ .show = PRES_OFFLINE }, r.now),
                     GW_OK);
    call(&r, "one", &d);
    rig_expect(&r, "MESSAGE ", "");
    rig_pass(&r, 5000);
    assert_true(sip_core_session_next(r.sip, &pos, r.now, &info));
    assert_true(gw_str_is(info.user, "bob@b.example"));
    assert_true(gw_str_is(info.peer, "ann@lync.example"));
    assert_string_equal(info.state, "up");
    assert_false(info.is_inbound);
    assert_true(gw_str_is(info.host, "192.0.2.1"));
    assert_int_equal(info.port, 4444);
    assert_int_equal(info.idle_s, 5);
    assert_int_equal(info.waiting, 1);
    assert_false(sip_core_session_next(r.sip, &pos, r.now, &info));
    end(&r, bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call),          cmocka_unit_test(test_refused),
        cmocka_unit_test(test_line_refused),  cmocka_unit_test(test_lost),
        cmocka_unit_test(test_bye_crosses),   cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_answer_again),  cmocka_unit_test(test_unfit_answer),
        cmocka_unit_test(test_rings),         cmocka_unit_test(test_idle),
        cmocka_unit_test(test_typing),        cmocka_unit_test(test_typing_simple),
        cmocka_unit_test(test_glare),         cmocka_unit_test(test_glare_refused),
        cmocka_unit_test(test_replaced),      cmocka_unit_test(test_replaced_meanwhile),
        cmocka_unit_test(test_routes),        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_many_lines),    cmocka_unit_test(test_large),
        cmocka_unit_test(test_off),           cmocka_unit_test(test_off_calling),
        cmocka_unit_test(test_mode),          cmocka_unit_test(test_seen),
        cmocka_unit_test(test_many_branches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
