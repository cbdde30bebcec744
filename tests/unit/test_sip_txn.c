/* Transactions: when what is sent again, and to whom an answer belongs. */
#include "sip_txn.h"

#include "sip_test.h"

struct bench {
    struct rig r; /* of which only the list of what was sent is used */
    struct sip_txns *txns;
    gw_time now;
    unsigned status, calls;
};

static void done(unsigned status, const struct sip_msg *response, gw_time now, void *ctx)
{
    struct bench *b = ctx;

    (void)response;
    (void)now;
    b->status = status;
    b->calls++;
}

static void init(struct bench *b)
{
    memset(b, 0, sizeof(*b));
    b->txns = sip_txns_new(&rig_io, &b->r);
    b->now = 5000;
}

static void finish(struct bench *b)
{
    sip_txns_free(&b->txns);
    rig_forget(&b->r);
}

static void pass(struct bench *b, gw_time ms)
{
    gw_time end = b->now + ms;

    while (sip_txns_deadline(b->txns) <= end) {
        if (sip_txns_deadline(b->txns) > b->now)
            b->now = sip_txns_deadline(b->txns);
        sip_txns_tick(b->txns, b->now);
    }
    b->now = end;
}

static struct sip_txn *start(struct bench *b, enum sip_proto proto, char branch[])
{
    const struct sip_peer to = { .proto = proto, .host = GW_STR_INIT("192.0.2.1"), .port = 5060 };

    sip_txns_branch(b->txns, branch);
    return sip_txn_start(b->txns,
                         &(struct sip_txn_args){ .to = &to,
                                                 .branch = branch,
                                                 .method = SIP_NOTIFY,
                                                 .bytes = GW_STR("request"),
                                                 .done = done,
                                                 .ctx = b },
                         b->now);
}

static bool respond(struct bench *b, unsigned status, const char *branch, const char *method,
                    const char *more)
{
    static struct sip_msg m;
    struct gw_buf text;
    struct gw_err err;
    bool taken;

    gw_buf_init(&text, SIP_MSG_MAX);
    gw_buf_addf(&text,
                "SIP/2.0 %u X\r\nVia: SIP/2.0/UDP us;branch=%s\r\n%sFrom: <sip:a@a>;tag=1\r\nTo: "
                "<sip:b@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 %s\r\n\r\n",
                status, branch, more, method);
    assert_int_equal(sip_msg_parse(&m, gw_buf_str(&text), &err), GW_OK);
    taken = sip_txns_response(b->txns, &m, b->now);
    sip_msg_done(&m);
    gw_buf_done(&text);
    return taken;
}

/* What was sent comes again after each of the gaps, to the millisecond. */
static void sent_again(struct bench *b, const gw_time *gaps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pass(b, gaps[i] - 1);
        assert_int_equal(b->r.sent_count, i + 1);
        pass(b, 1);
        assert_int_equal(b->r.sent_count, i + 2);
    }
}

/* RFC 3261 17.1.2.2: E doubles up to T2, F ends it. */
static void test_datagram(void **state)
{
    static const gw_time gaps[] = { 500, 1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000, 4000 };
    char branch[SIP_BRANCH_LEN + 1];
    struct bench b;

    (void)state;
    init(&b);
    start(&b, SIP_UDP, branch);
    sent_again(&b, gaps, sizeof(gaps) / sizeof(gaps[0]));
    pass(&b, 499);
    assert_int_equal(b.calls, 0);
    pass(&b, 1);
    assert_int_equal(b.calls, 1);
    assert_int_equal(b.status, 408);
    assert_int_equal(b.r.sent_count, 11);
    assert_int_equal(sip_txns_deadline(b.txns), GW_NEVER);
    finish(&b);
}

static void test_provisional(void **state)
{
    char branch[SIP_BRANCH_LEN + 1];
    struct bench b;

    (void)state;
    init(&b);
    start(&b, SIP_UDP, branch);
    assert_true(respond(&b, 100, branch, "NOTIFY", ""));
    assert_int_equal(b.calls, 0);
    pass(&b, 500); /* the one that was set before */
    pass(&b, 3999);
    assert_int_equal(b.r.sent_count, 2);
    pass(&b, 1);
    assert_int_equal(b.r.sent_count, 3);
    assert_true(respond(&b, 202, branch, "NOTIFY", ""));
    assert_int_equal(b.status, 202);
    assert_false(respond(&b, 202, branch, "NOTIFY", "")); /* once */
    assert_int_equal(b.calls, 1);
    finish(&b);
}

static void test_whose_answer(void **state)
{
    char branch[SIP_BRANCH_LEN + 1];
    struct sip_txn *txn;
    struct bench b;

    (void)state;
    init(&b);
    txn = start(&b, SIP_TCP, branch);
    assert_false(respond(&b, 200, "z9hG4bKother", "NOTIFY", ""));
    assert_false(respond(&b, 200, branch, "SUBSCRIBE", ""));
    /* One that another hop should have taken its Via from. */
    assert_false(respond(&b, 200, branch, "NOTIFY", "Via: SIP/2.0/UDP them;branch=z9hG4bKx\r\n"));
    assert_int_equal(b.calls, 0);
    assert_true(sip_txns_is_own(b.txns, gw_str_of(branch)));
    assert_false(sip_txns_is_own(b.txns, GW_STR("z9hG4bK000000000000000000000000")));
    sip_txn_cancel(&txn);
    assert_null(txn);
    assert_false(respond(&b, 200, branch, "NOTIFY", ""));
    pass(&b, 100000);
    assert_int_equal(b.calls, 0);
    finish(&b);
}

/* A stream sends nothing twice; when it breaks, who waits for it is told at once, but not from inside. */
static void test_stream(void **state)
{
    char branch[SIP_BRANCH_LEN + 1];
    struct bench b;

    (void)state;
    init(&b);
    start(&b, SIP_TCP, branch);
    pass(&b, SIP_GIVE_UP_MS - 1);
    assert_int_equal(b.r.sent_count, 1);
    sip_txns_lost(b.txns, 8);
    sip_txns_lost(b.txns, 7 + 256);
    pass(&b, 0);
    assert_int_equal(b.calls, 0);
    sip_txns_lost(b.txns, 7);
    assert_int_equal(b.calls, 0);
    pass(&b, 0);
    assert_int_equal(b.calls, 1);
    assert_int_equal(b.status, 503);
    b.r.is_dead = true;
    start(&b, SIP_TCP, branch);
    assert_int_equal(b.calls, 1);
    pass(&b, 0);
    assert_int_equal(b.calls, 2);
    finish(&b);
}

/* ---- INVITE ---- */

#define INVITE                                                                                     \
    "INVITE sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=%s\r\nMax-Forwards: 70\r\nRoute: "       \
    "<sip:p;lr>\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"     \
    "Contact: <sip:us>\r\nContent-Length: 4\r\n\r\nTo: "

static struct sip_txn *invite(struct bench *b, enum sip_proto proto, char branch[])
{
    const struct sip_peer to = { .proto = proto, .host = GW_STR_INIT("192.0.2.1"), .port = 5060 };
    struct gw_buf text;
    struct sip_txn *txn;

    sip_txns_branch(b->txns, branch);
    gw_buf_init(&text, SIP_MSG_MAX);
    gw_buf_addf(&text, INVITE, branch);
    txn = sip_txn_start(b->txns,
                        &(struct sip_txn_args){ .to = &to,
                                                .branch = branch,
                                                .method = SIP_INVITE,
                                                .bytes = gw_buf_str(&text),
                                                .done = done,
                                                .ctx = b },
                        b->now);
    gw_buf_done(&text);
    return txn;
}

/* What was sent last: ACK or CANCEL of the INVITE, whole. */
static void derived(const struct bench *b, const char *method, const char *branch, const char *to)
{
    struct gw_buf text;

    gw_buf_init(&text, SIP_MSG_MAX);
    gw_buf_addf(&text,
                "%s sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=%s\r\nMax-Forwards: "
                "70\r\nRoute: <sip:p;lr>\r\nFrom: <sip:a@a>;tag=1\r\nTo: %s\r\nCall-ID: "
                "c\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n",
                method, branch, to, method);
    assert_string_equal(b->r.sent[b->r.sent_count - 1].text, text.p);
    gw_buf_done(&text);
}

/* RFC 3261 17.1.1.2: A doubles without end, B ends it. */
static void test_invite_unanswered(void **state)
{
    static const gw_time gaps[] = { 500, 1000, 2000, 4000, 8000, 16000 };
    char branch[SIP_BRANCH_LEN + 1];
    struct bench b;

    (void)state;
    init(&b);
    invite(&b, SIP_UDP, branch);
    sent_again(&b, gaps, sizeof(gaps) / sizeof(gaps[0]));
    pass(&b, 500);
    assert_int_equal(b.status, 408);
    assert_int_equal(sip_txns_deadline(b.txns), GW_NEVER);
    finish(&b);
}

/* A refusal is acknowledged as often as it comes, until timer D; over a stream it comes once. */
static void test_invite_refused(void **state)
{
    char branch[SIP_BRANCH_LEN + 1];
    struct sip_txns_stats stats;
    struct bench b;

    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        init(&b);
        invite(&b, stream ? SIP_TCP : SIP_UDP, branch);
        assert_true(respond(&b, 486, branch, "INVITE", ""));
        assert_int_equal(b.status, 486);
        derived(&b, "ACK", branch, "<sip:b@b>;tag=2");
        sip_txns_stats(b.txns, &stats);
        assert_int_equal(stats.waiting, 0);
        assert_int_equal(respond(&b, 486, branch, "INVITE", ""), !stream);
        assert_int_equal(b.r.sent_count, stream ? 2 : 3);
        sip_txns_lost(b.txns, stream ? 7 : SIP_OVER_UDP);
        pass(&b, SIP_GIVE_UP_MS);
        assert_false(respond(&b, 486, branch, "INVITE", ""));
        assert_int_equal(b.calls, 1);
        finish(&b);
    }
}

/* What comes again is the dialog's. */
static void test_invite_accepted(void **state)
{
    char branch[SIP_BRANCH_LEN + 1];
    struct bench b;

    (void)state;
    init(&b);
    invite(&b, SIP_UDP, branch);
    assert_true(respond(&b, 180, branch, "INVITE", ""));
    pass(&b, 60000);
    assert_int_equal(b.r.sent_count, 1);
    assert_true(respond(&b, 200, branch, "INVITE", ""));
    assert_int_equal(b.status, 200);
    assert_int_equal(b.r.sent_count, 1); /* whose ACK it is is not known here */
    assert_false(respond(&b, 200, branch, "INVITE", ""));
    finish(&b);
}

/* It rings, and nobody answers: timer C. */
static void test_invite_rings(void **state)
{
    char branch[SIP_BRANCH_LEN + 1];
    struct bench b;

    (void)state;
    init(&b);
    invite(&b, SIP_UDP, branch);
    assert_true(respond(&b, 180, branch, "INVITE", ""));
    pass(&b, SIP_RING_MS - 1);
    assert_true(respond(&b, 180, branch, "INVITE", "")); /* does not make it longer */
    pass(&b, 1);
    derived(&b, "CANCEL", branch, "<sip:b@b>");
    assert_true(respond(&b, 200, branch, "CANCEL", ""));
    assert_int_equal(b.calls, 0);
    assert_true(respond(&b, 487, branch, "INVITE", ""));
    assert_int_equal(b.status, 487);
    derived(&b, "ACK", branch, "<sip:b@b>;tag=2");
    assert_int_equal(b.calls, 1);
    finish(&b);
}

/* RFC 3261 9.1: not before the INVITE was heard; and an answer that is on its way counts. */
static void test_invite_given_up(void **state)
{
    char branch[SIP_BRANCH_LEN + 1];
    struct sip_txn *txn;
    struct bench b;

    (void)state;
    init(&b);
    txn = invite(&b, SIP_TCP, branch);
    sip_txn_give_up(txn, b.now);
    assert_int_equal(b.r.sent_count, 1);
    assert_true(respond(&b, 100, branch, "INVITE", ""));
    derived(&b, "CANCEL", branch, "<sip:b@b>");
    assert_true(respond(&b, 200, branch, "INVITE", ""));
    assert_int_equal(b.status, 200);
    txn = invite(&b, SIP_TCP, branch);
    assert_true(respond(&b, 100, branch, "INVITE", ""));
    sip_txn_give_up(txn, b.now);
    derived(&b, "CANCEL", branch, "<sip:b@b>");
    pass(&b, SIP_GIVE_UP_MS);
    assert_int_equal(b.calls, 2);
    assert_int_equal(b.status, 487);
    assert_int_equal(sip_txns_deadline(b.txns), GW_NEVER);
    finish(&b);
}

/* ---- Server ---- */

static void request_by(struct bench *b, const char *method, int branch, const char *answer)
{
    const struct sip_peer from = { .proto = SIP_UDP,
                                   .host = GW_STR_INIT("192.0.2.1"),
                                   .port = 4444 };
    static struct sip_msg m;
    struct gw_buf text;
    struct gw_err err;

    gw_buf_init(&text, SIP_MSG_MAX);
    gw_buf_addf(&text,
                "%s sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP them:5070;branch=z9hG4bK%d\r\nFrom: "
                "<sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 %s\r\n\r\n",
                method, branch, method);
    assert_int_equal(sip_msg_parse(&m, gw_buf_str(&text), &err), GW_OK);
    if (!sip_txns_absorb(b->txns, &m, &from) && answer)
        sip_txns_answer(b->txns, &m, &from, gw_str_of(answer), b->now);
    sip_msg_done(&m);
    gw_buf_done(&text);
}

static void request(struct bench *b, const char *method, const char *answer)
{
    request_by(b, method, 1, answer);
}

/* RFC 3261 17.2.1: G until the ACK, or H. */
static void test_refused_invite(void **state)
{
    struct bench b;

    (void)state;
    init(&b);
    request(&b, "INVITE", "no");
    assert_int_equal(b.r.sent[0].port, 5070); /* Via's port, there was no rport */
    pass(&b, 500);
    assert_int_equal(b.r.sent_count, 2);
    request(&b, "INVITE", "another");
    assert_string_equal(b.r.sent[2].text, "no");
    request(&b, "ACK", NULL);
    pass(&b, 100000);
    assert_int_equal(b.r.sent_count, 3);
    finish(&b);
}

/* A 2xx is sent again by who accepted, not from here; and nothing more can be cancelled. */
static void test_accepted_invite(void **state)
{
    struct bench b;

    (void)state;
    init(&b);
    request(&b, "INVITE", "SIP/2.0 200 OK");
    pass(&b, 5000);
    assert_int_equal(b.r.sent_count, 1);
    request(&b, "INVITE", "another");
    assert_string_equal(b.r.sent[1].text, "SIP/2.0 200 OK");
    request(&b, "ACK", "to the dialog");
    assert_string_equal(b.r.sent[2].text, "to the dialog");
    finish(&b);
}

static void test_kept_answer(void **state)
{
    struct sip_txns_stats stats;
    struct bench b;

    (void)state;
    init(&b);
    request(&b, "OPTIONS", "yes");
    pass(&b, SIP_GIVE_UP_MS - 1);
    request(&b, "OPTIONS", "another");
    assert_string_equal(b.r.sent[1].text, "yes");
    pass(&b, 1);
    sip_txns_stats(b.txns, &stats);
    assert_int_equal(stats.kept, 0);
    request(&b, "OPTIONS", "another");
    assert_string_equal(b.r.sent[2].text, "another");
    finish(&b);
}

/* Long answers are fewer. */
static void test_kept_bytes(void **state)
{
    static char answer[SIP_MSG_MAX / 2];
    struct sip_txns_stats stats;
    struct bench b;

    (void)state;
    init(&b);
    b.r.is_dead = true;
    memset(answer, 'a', sizeof(answer) - 1);
    for (int i = 0; i < 2 * SIP_SERVED_BYTES_MAX / SIP_MSG_MAX + 10; i++)
        request_by(&b, "SUBSCRIBE", i, answer);
    sip_txns_stats(b.txns, &stats);
    assert_true(stats.kept * sizeof(answer) <= SIP_SERVED_BYTES_MAX);
    assert_true(stats.kept * sizeof(answer) > SIP_SERVED_BYTES_MAX / 10 * 9);
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datagram),        cmocka_unit_test(test_provisional),
        cmocka_unit_test(test_whose_answer),    cmocka_unit_test(test_stream),
        cmocka_unit_test(test_refused_invite),  cmocka_unit_test(test_kept_answer),
        cmocka_unit_test(test_kept_bytes),      cmocka_unit_test(test_invite_unanswered),
        cmocka_unit_test(test_invite_refused),  cmocka_unit_test(test_invite_accepted),
        cmocka_unit_test(test_invite_rings),    cmocka_unit_test(test_invite_given_up),
        cmocka_unit_test(test_accepted_invite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
