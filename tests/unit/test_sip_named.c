/* Requests in dialogs whose next hop has a name: who is looked for, and tried, RFC 3263 4, on virtual time. */
#include "sip_priv.h"
#include "sip_talk.h"

#define ROUTE "Record-Route: <sip:p.a.example;lr>\r\n"

static const struct sip_srv two[] = {
    { .host = GW_STR_INIT("one.a.example"), .port = 5070, .priority = 1 },
    { .host = GW_STR_INIT("two.a.example"), .port = 5080, .priority = 2 },
};

/* Two servers, by SRV records; or (true) by those that NAPTR names. */
static void found_two(struct rig *r, bool by_naptr)
{
    static const struct sip_srv naptr[] = {
        { .host = GW_STR_INIT("_sip._tcp.b"), .proto = SIP_TCP },
        { .host = GW_STR_INIT("_sip._udp.far.a.example"), .proto = SIP_UDP },
    };

    if (by_naptr) {
        rig_srv(r, "NAPTR p.a.example", GW_OK, naptr, 2);
        rig_srv(r, "_sip._udp.far.a.example", GW_OK, two, 2);
    } else {
        rig_srv(r, "NAPTR p.a.example", GW_NOTFOUND, NULL, 0);
        rig_srv(r, "_sip._udp.p.a.example", GW_OK, two, 2);
    }
}

static void expect_at(struct rig *r, const char *start, const char *host, uint16_t port,
                      const char *part)
{
    rig_expect(r, start, part);
    assert_string_equal(r->sent[r->taken - 1].host, host);
    assert_int_equal(r->sent[r->taken - 1].port, port);
}

static void subscribed(struct rig *r)
{
    rig_init(r);
    rig_ask(r, &(struct ask){ .expires = 3600, .more = ROUTE });
    rig_expect(r, "SIP/2.0 200 ", "");
}

/* The second one, when the first says 503, or nothing; as another transaction of the same request. */
static void test_next_one(void **state)
{
    static const struct {
        bool by_naptr, answers;
    } cases[] = { { false, true }, { true, true }, { false, false }, { true, false } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char via[2][256], cseq[2][256];
        struct rig r;

        subscribed(&r);
        found_two(&r, cases[i].by_naptr);
        expect_at(&r, "NOTIFY ", "one.a.example", 5070, "Route: <sip:p.a.example;lr>\r\n");
        rig_header(&r, "Via", via[0]);
        rig_header(&r, "CSeq", cseq[0]);
        if (cases[i].answers) {
            rig_answer(&r, 503, "");
        } else {
            rig_pass(&r, 31999);
            while (r.taken < r.sent_count)
                expect_at(&r, "NOTIFY ", "one.a.example", 5070, via[0]);
            rig_pass(&r, 1);
        }
        expect_at(&r, "NOTIFY ", "two.a.example", 5080, "");
        rig_header(&r, "Via", via[1]);
        rig_header(&r, "CSeq", cseq[1]);
        assert_string_not_equal(via[0], via[1]);
        assert_string_equal(cseq[0], cseq[1]);
        rig_answer(&r, 200, "");
        /* The next request begins with the first one again. */
        rig_calendar(&r, PRES_CAL_MEETING, "m");
        rig_pass(&r, 1000);
        found_two(&r, cases[i].by_naptr);
        expect_at(&r, "NOTIFY ", "one.a.example", 5070, "<rpid:meeting/>");
        rig_answer(&r, 200, "");
        rig_done(&r);
    }
}

static uint64_t subscriptions(const struct rig *r)
{
    return counters(r).subscriptions;
}

/* Nobody is there: as if a server without a name had not answered. */
static void test_nobody(void **state)
{
    struct rig r;

    (void)state;
    subscribed(&r);
    found_two(&r, false);
    rig_pass(&r, 64000);
    assert_int_equal(subscriptions(&r), 0);
    rig_done(&r);
}

/* However many there are: a peer whose servers are all silent does not keep what is sent for long. */
static void test_many(void **state)
{
    struct sip_srv servers[10];
    unsigned asked = 0;
    struct rig r;

    (void)state;
    for (unsigned i = 0; i < 10; i++)
        servers[i] = (struct sip_srv){ .host = GW_STR("s.a.example"), .port = (uint16_t)(i + 1) };
    subscribed(&r);
    rig_srv(&r, "NAPTR p.a.example", GW_NOTFOUND, NULL, 0);
    rig_srv(&r, "_sip._udp.p.a.example", GW_OK, servers, 10);
    for (; subscriptions(&r); asked++) {
        expect_at(&r, "NOTIFY ", "s.a.example", (uint16_t)(asked + 1), "");
        rig_answer(&r, 503, "");
    }
    assert_int_equal(asked, 4);
    rig_done(&r);
}

/* The name is not found: it is asked again, less and less often. */
static void test_not_found(void **state)
{
    struct rig r;

    (void)state;
    subscribed(&r);
    rig_found(&r, "p.a.example", NULL);
    rig_silence(&r);
    rig_pass(&r, 1999);
    assert_null(r.srv.done);
    rig_pass(&r, 1);
    rig_srv(&r, "NAPTR p.a.example", GW_TIMEOUT, NULL, 0);
    rig_srv(&r, "_sip._udp.p.a.example", GW_TIMEOUT, NULL, 0); /* nor do the name servers answer */
    rig_pass(&r, 4000);
    rig_found(&r, "p.a.example", "192.0.2.8");
    expect_at(&r, "NOTIFY ", "192.0.2.8", 5060, "");
    rig_done(&r);
}

/* So much waits for who is found that the NOTIFY does, too: told is then what is so by then. A last word does not. */
static void test_full(void **state)
{
    struct rig r;

    (void)state;
    subscribed(&r);
    r.is_full = true;
    found_two(&r, false);
    rig_silence(&r);
    rig_calendar(&r, PRES_CAL_MEETING, "newest");
    rig_pass(&r, 2000);
    found_two(&r, false);
    rig_silence(&r);
    r.is_full = false;
    rig_pass(&r, 4000);
    found_two(&r, false);
    expect_at(&r, "NOTIFY ", "one.a.example", 5070, "<note>newest</note>");
    rig_answer(&r, 200, "");
    rig_silence(&r);
    assert_int_equal(subscriptions(&r), 1);
    r.is_full = true;
    rig_ask(&r, &(struct ask){ .expires = 0, .call_id = "c2", .more = ROUTE });
    rig_expect(&r, "SIP/2.0 200 ", "");
    found_two(&r, false);
    expect_at(&r, "NOTIFY ", "one.a.example", 5070, "terminated;reason=timeout");
    rig_done(&r);
}

/* With a port nothing but addresses is asked for; of an address nothing. */
static void test_said(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_ask(&r, &(struct ask){ .expires = 3600,
                               .more = "Record-Route: <sip:p.a.example:5070;lr>\r\n" });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_names(&r, "A p.a.example", "192.0.2.8");
    expect_at(&r, "NOTIFY ", "192.0.2.8", 5070, "");
    rig_answer(&r, 200, "");
    rig_ask(&r, &(struct ask){ .expires = 3600, .call_id = "c2" });
    rig_expect(&r, "SIP/2.0 200 ", "");
    expect_at(&r, "NOTIFY ", "192.0.2.1", 4444, "");
    assert_null(r.srv.done);
    rig_done(&r);
}

/* Over TLS: the name stays, since its certificate is to bear it. */
static void test_tls(void **state)
{
    const struct sip_peer edge = {
        .proto = SIP_TLS, .conn = 0, .host = GW_STR_INIT("192.0.2.1"), .port = 4444
    };
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_ask_from(&r, &edge, &(struct ask){ .expires = 3600, .more = ROUTE });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_srv(&r, "NAPTR p.a.example", GW_NOTFOUND, NULL, 0);
    rig_srv(&r, "_sips._tcp.p.a.example", GW_NOTFOUND, NULL, 0);
    expect_at(&r, "NOTIFY ", "p.a.example", 5061, "Via: SIP/2.0/TLS ");
    rig_done(&r);
}

/* Over the connection as long as it stands; then who is there is looked for. */
static void test_connection(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_ask_from(&r, &tcp, &(struct ask){ .expires = 3600, .more = ROUTE });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "");
    assert_int_equal(r.sent[r.taken - 1].conn, 7);
    assert_null(r.srv.done);
    rig_answer(&r, 200, "");
    r.is_dead = true;
    rig_calendar(&r, PRES_CAL_MEETING, "m");
    rig_pass(&r, 1000);
    r.is_dead = false;
    rig_srv(&r, "NAPTR p.a.example", GW_NOTFOUND, NULL, 0);
    rig_srv(&r, "_sip._tcp.p.a.example", GW_OK, two, 2);
    expect_at(&r, "NOTIFY ", "one.a.example", 5070, "<rpid:meeting/>");
    assert_int_equal(r.sent[r.taken - 1].conn, 0);
    assert_int_equal(r.sent[r.taken - 1].proto, SIP_TCP);
    rig_done(&r);
}

/* The last word goes the same way, though nothing is left of the subscription; and what is looked for when all
 * ends is asked no more. */
static void test_last_word(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_ask(&r, &(struct ask){ .expires = 0, .more = ROUTE });
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_int_equal(subscriptions(&r), 0);
    found_two(&r, false);
    expect_at(&r, "NOTIFY ", "one.a.example", 5070,
              "Subscription-State: terminated;reason=timeout");
    rig_answer(&r, 503, "");
    expect_at(&r, "NOTIFY ", "two.a.example", 5080,
              "Subscription-State: terminated;reason=timeout");
    rig_answer(&r, 200, "");
    rig_ask(&r, &(struct ask){ .expires = 3600, .call_id = "c2", .more = ROUTE });
    assert_non_null(r.srv.done);
    rig_done(&r);
    assert_null(r.srv.done);
}

/* ACK, MESSAGE and BYE of a session; a name in Contact. */
static void test_session(void **state)
{
    static const struct sip_srv one = { .host = GW_STR_INIT("fe.lync.example"), .port = 5070 };
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    say(&r, "one");
    rig_expect(&r, "INVITE ", "");
    rig_answer_with(&r, 200, "x", "Contact: <sip:ann@pool.lync.example>\r\n" SDP_TYPE, SDP);
    rig_silence(&r);
    /* The ACK, and what has waited for it. */
    rig_srv(&r, "NAPTR pool.lync.example", GW_NOTFOUND, NULL, 0);
    rig_srv(&r, "NAPTR pool.lync.example", GW_NOTFOUND, NULL, 0);
    rig_srv(&r, "_sip._udp.pool.lync.example", GW_OK, &one, 1);
    rig_srv(&r, "_sip._udp.pool.lync.example", GW_OK, &one, 1);
    expect_at(&r, "ACK ", "fe.lync.example", 5070, "CSeq: 1 ACK\r\n");
    expect_at(&r, "MESSAGE ", "fe.lync.example", 5070, "\r\n\r\none");
    rig_answer(&r, 200, "");
    rig_pass(&r, 3600 * (int64_t)GW_SECOND_MS); /* nobody says anything */
    rig_found(&r, "pool.lync.example", "192.0.2.8");
    expect_at(&r, "BYE ", "192.0.2.8", 5060, "");
    end(&r, bob);
}

/* The refresh of a subscription of ours, also after a restart. */
static void test_watch(void **state)
{
    struct pres_session *bob;
    struct gw_err err;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    assert_int_equal(
        pres_request_send(bob, PRES_SUBSCRIBE, GW_STR("ann@a.example"), GW_STR(""), &err), GW_OK);
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE sip:ann@a.example ", "");
    rig_answer_with(&r, 200, "x", "Contact: <sip:ann@p.a.example>\r\nExpires: 3600\r\n", "");
    rig_wait(&r, 3600 * (int64_t)GW_SECOND_MS);
    rig_pass(&r, 3600 * (int64_t)GW_SECOND_MS - (r.now.mono - 1000000));
    found_two(&r, false);
    expect_at(&r, "SUBSCRIBE sip:ann@p.a.example ", "one.a.example", 5070, "");
    rig_answer(&r, 503, "");
    expect_at(&r, "SUBSCRIBE sip:ann@p.a.example ", "two.a.example", 5080, "");
    rig_answer_with(&r, 200, "x", "Expires: 3600\r\n", "");
    pres_session_free(&bob, r.now);
    rig_restart(&r);
    rig_pass(&r, 1000);
    found_two(&r, false);
    expect_at(&r, "SUBSCRIBE sip:ann@p.a.example ", "one.a.example", 5070, "");
    rig_done(&r);
}

static void test_address(void **state)
{
    static const struct {
        const char *host;
        bool is;
    } cases[] = {
        { "192.0.2.1", true },   { "2001:db8::1", true }, { "::", true },
        { "a.example", false },  { "host1", false },      { "10.in-addr.arpa", false },
        { "a.example2", false }, { "", false },           { "7", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(sip_is_address(gw_str_of(cases[i].host)), cases[i].is);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_one),   cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_many),       cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_said),       cmocka_unit_test(test_tls),
        cmocka_unit_test(test_connection), cmocka_unit_test(test_last_word),
        cmocka_unit_test(test_session),    cmocka_unit_test(test_watch),
        cmocka_unit_test(test_address),    cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
