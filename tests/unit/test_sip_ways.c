/* Where requests to contacts go: routes and what stands behind them, records of the DNS, the other system of our
 * domains; and how many at a time. */
#include "sip_watch_steps.h"

static void test_backup_route(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    request(bob, PRES_SUBSCRIBE, "ann@lync.example");
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE ", "");
    assert_string_equal(r.sent[0].host, "192.0.2.50");
    sip_core_lost(r.sip, 7);
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE ", "CSeq: 2 ");
    assert_string_equal(r.sent[1].host, "192.0.2.51");
    /* An answer is an answer: the other one is not asked, too. */
    rig_answer(&r, 404, "");
    rig_pass(&r, 0);
    rig_silence(&r);
    assert_int_equal(r.refused, 1);
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

static void test_srv(void **state)
{
    static const struct sip_srv records[] = {
        { GW_STR_INIT("edge.lync.example"), 5061, 1, 1, SIP_TLS },
        { GW_STR_INIT("edge2.lync.example"), 5071, 2, 1, SIP_TLS }
    };
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    rig_set(&r, "sip.routes", "");
    request(bob, PRES_SUBSCRIBE, "ann@lync.example");
    rig_pass(&r, 0);
    rig_silence(&r);
    rig_srv(&r, "_sipfederationtls._tcp.lync.example", GW_OK, records, 2);
    rig_expect(&r, "SUBSCRIBE ", "Via: SIP/2.0/TLS ");
    assert_string_equal(r.sent[0].host, "edge.lync.example");
    assert_int_equal(r.sent[0].port, 5061);
    sip_core_lost(r.sip, 7);
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE ", "");
    assert_int_equal(r.sent[1].port, 5071);
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

static void test_no_srv(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    rig_set(&r, "sip.routes", "");
    request(bob, PRES_SUBSCRIBE, "ann@lync.example");
    rig_pass(&r, 0);
    rig_srv(&r, "_sipfederationtls._tcp.lync.example", GW_NOTFOUND, NULL, 0);
    rig_silence(&r);
    assert_int_equal(r.refused, 0);
    /* The administrator says where it goes: at once. */
    rig_set(&r, "sip.routes", ROUTE);
    sip_core_settings_apply(r.sip);
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE ", "");
    rig_answer(&r, 404, "");
    /* Hosted by AOL: its own record, then AOL's. */
    request(bob, PRES_SUBSCRIBE, "joe@aol.example");
    rig_pass(&r, 0);
    rig_srv(&r, "_sipfederationtls._tcp.aol.example", GW_NOTFOUND, NULL, 0);
    rig_srv(&r, "_sipfederationtls._tcp.aol.com", GW_TIMEOUT, NULL, 0);
    rig_silence(&r);
    rig_pass(&r, 40 * GW_SECOND_MS);
    rig_srv(&r, "_sipfederationtls._tcp.aol.example", GW_TIMEOUT, NULL, 0);
    rig_silence(&r); /* nobody said that there is none */
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* Many at once: so many are under way, the others wait for their turn. */
static void test_flight(void **state)
{
    struct pres_session *bob;
    struct sip_counters c;
    char contact[64];
    struct rig r;

    (void)state;
    begin(&r, &bob);
    for (int i = 0; i < 130; i++) {
        (void)snprintf(contact, sizeof(contact), "c%d@a.example", i);
        request(bob, PRES_SUBSCRIBE, contact);
    }
    rig_pass(&r, 0);
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.waiting, 100);
    assert_int_equal(r.sent_count, 100);
    for (int i = 0; i < 20; i++) {
        rig_expect(&r, "SUBSCRIBE ", "");
        rig_answer(&r, 404, "");
    }
    rig_pass(&r, 0);
    assert_int_equal(r.sent_count, 120);
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* A domain that does not answer leaves the others their turn. */
static void test_stalled_domain(void **state)
{
    struct pres_session *bob;
    char contact[64];
    struct rig r;

    (void)state;
    begin(&r, &bob);
    for (int i = 0; i < 130; i++) {
        (void)snprintf(contact, sizeof(contact), "c%d@a.example", i);
        request(bob, PRES_SUBSCRIBE, contact);
    }
    rig_pass(&r, 0);
    assert_int_equal(r.sent_count, 100);
    request(bob, PRES_SUBSCRIBE, "ann@lync.example");
    rig_pass(&r, 0);
    assert_int_equal(r.sent_count, 101);
    r.taken = 100;
    rig_expect(&r, "SUBSCRIBE sip:ann@lync.example ", "");
    rig_answer(&r, 404, "");
    /* Those that waited have their turn when the first ones are given up. */
    for (int i = 0; i < 319; i++) {
        rig_pass(&r, GW_SECOND_MS / 10);
        rig_forget(&r);
    }
    rig_pass(&r, GW_SECOND_MS / 10);
    assert_int_equal(r.sent_count, 30);
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* Many that are due together: so many in one turn, the others in the next. */
static void test_turns(void **state)
{
    char local[64];
    struct rig r;

    (void)state;
    rig_init(&r);
    for (int i = 0; i < 1500; i++) {
        (void)snprintf(local, sizeof(local), "ghost%d@b.example", i);
        sip_watch_want(r.sip, gw_str_of(local), GW_STR("w@a.example"));
    }
    sip_core_tick(r.sip, r.now);
    assert_int_equal(watches(&r), 500);
    assert_true(sip_core_deadline(r.sip) <= r.now.mono);
    rig_pass(&r, 0);
    assert_int_equal(watches(&r), 0);
    rig_done(&r);
}

/* ---- Our domains are on another system, too ---- */

/* Intradomain 1.7, R-1.7a, R-1.7c, R-10.2c: who is no user of our domain here is looked for on the other
 * system; what comes back from there is a loop. */
static void test_partitioned(void **state)
{
    struct pres_session *bob;
    struct gw_err err;
    struct rig r;
    char *looped;

    (void)state;
    begin(&r, &bob);
    request(bob, PRES_SUBSCRIBE, "carl@b.example");
    assert_int_equal(r.refused, 1); /* off: he is nobody */
    rig_pass(&r, 0);
    rig_silence(&r);
    rig_set(&r, "sip.partitioned", "on");
    rig_set(&r, "sip.routes", ".example.b.*=udp:192.0.2.1:4444");
    sip_core_settings_apply(r.sip);
    request(bob, PRES_SUBSCRIBE, "alice@b.example"); /* here: as ever */
    rig_pass(&r, 0);
    rig_silence(&r);
    request(bob, PRES_SUBSCRIBE, "carl@b.example");
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE sip:carl@b.example ", "User-Agent: Kalends-Partitioned\r\n");
    /* It comes back, through another server: Via has one more in front. */
    looped = malloc(4096);
    (void)snprintf(looped, 4096, "%.*sVia: SIP/2.0/UDP 192.0.2.1:4444;branch=z9hG4bKlync\r\n%s",
                   (int)(strstr(r.sent[0].text, "Via:") - r.sent[0].text), r.sent[0].text,
                   strstr(r.sent[0].text, "Via:"));
    rig_receive(&r, looped);
    free(looped);
    rig_expect(&r, "SIP/2.0 482 ", "");
    r.taken = 1;
    grant(&r, "");
    r.taken = r.sent_count;
    notify_for(&r, 0, &(struct told){ .state = "active", .body = BUSY });
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_string_equal(r.seen, "busy ");
    /* He is moved to here: nothing is asked there any more. */
    assert_int_equal(pres_user_add(r.pres, GW_STR("carl@b.example"), &err), GW_OK);
    sip_core_settings_apply(r.sip);
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE ", "Expires: 0\r\n");
    assert_int_equal(watches(&r), 0);
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* R-1.7d: of nobody here, asked for from there: not sent back. */
static void test_partitioned_nobody(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    rig_set(&r, "sip.partitioned", "on");
    rig_set(&r, "sip.routes", ".example.b.*=udp:192.0.2.1:4444");
    sip_core_settings_apply(r.sip);
    rig_receive(&r, "SUBSCRIBE sip:dora@b.example SIP/2.0\r\nVia: SIP/2.0/UDP "
                    "192.0.2.1:4444;branch=z9hG4bKd\r\nFrom: <sip:ann@b.example>;tag=1\r\nTo: "
                    "<sip:dora@b.example>\r\nCall-ID: d\r\nCSeq: 1 SUBSCRIBE\r\nContact: "
                    "<sip:ann@192.0.2.1>\r\nEvent: presence\r\n\r\n");
    rig_expect(&r, "SIP/2.0 404 ", "");
    rig_pass(&r, 0);
    rig_silence(&r);
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

static void partition(struct rig *r, const char *mode)
{
    rig_set(r, "sip.partitioned", "on");
    rig_set(r, "sip.partitioned_mode", mode);
    rig_set(r, "sip.routes", ".example.b.*=udp:192.0.2.1:4444");
    sip_core_settings_apply(r->sip);
}

/* R-1.7b: only who is known to be there is looked for there; and as soon as he is known. */
static void test_partitioned_advanced(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    partition(&r, "advanced");
    r.neighbour = "carl@b.example";
    request(bob, PRES_SUBSCRIBE, "carl@b.example");
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE sip:carl@b.example ", "User-Agent: Kalends-Partitioned\r\n");
    grant(&r, "");
    request(bob, PRES_SUBSCRIBE, "dora@b.example");
    rig_pass(&r, 0);
    rig_silence(&r);
    r.neighbour = "dora@b.example";
    rig_wait(&r, 61000);
    rig_expect(&r, "SUBSCRIBE sip:dora@b.example ", "");
    grant(&r, "");
    /* Basic: everybody. */
    rig_set(&r, "sip.partitioned_mode", "basic");
    sip_core_settings_apply(r.sip);
    request(bob, PRES_SUBSCRIBE, "emil@b.example");
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE sip:emil@b.example ", "");
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* R-1.2a, c: a domain below, or beside, one of ours is none of ours, whatever the routes would reach. */
static void test_partitioned_subdomain(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    partition(&r, "basic");
    rig_ask(&r, &(struct ask){ .who = "ann@abc.b.example", .expires = 600 });
    rig_expect(&r, "SIP/2.0 403 ", "");
    sip_watch_want(r.sip, GW_STR("bob@b.example"), GW_STR("ann@abc.b.example"));
    rig_pass(&r, 0);
    rig_silence(&r);
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* Another cluster of the enterprise asks in the same way: for a user here that is no loop. R-1.1b: a user
 * who is not enabled here is nobody here, but only as long as there is another system to have him. */
static void test_partitioned_clusters(void **state)
{
    static const char more[] = "User-Agent: Kalends-Partitioned\r\n";
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    pres_session_free(&bob, r.now);
    partition(&r, "basic");
    rig_ask(&r, &(struct ask){ .who = "ann@b.example", .expires = 600, .more = more });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "active");
    rig_answer(&r, 200, "");
    pres_user_set_elsewhere(r.pres, GW_STR("bob@b.example"), true);
    rig_wait(&r, 5000);
    rig_expect(&r, "NOTIFY ", "terminated;reason=noresource");
    rig_answer(&r, 200, "");
    rig_ask(&r, &(struct ask){ .who = "ann@b.example", .call_id = "c2", .expires = 600 });
    rig_expect(&r, "SIP/2.0 404 ", "");
    rig_ask(&r, &(struct ask){ .who = "ann@b.example", .call_id = "c3", .more = more });
    rig_expect(&r, "SIP/2.0 482 ", "");
    rig_set(&r, "sip.partitioned", "off");
    sip_core_settings_apply(r.sip);
    rig_set(&r, "sip.routes", "");
    rig_ask(&r, &(struct ask){ .call_id = "c4", .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_done(&r);
}

/* ---- The way back ---- */

/* List D 11: the transport is in Record-Route only when that is set; and Record-Route only where a name is
 * set for it, for who is found by records. */
static void test_record_route(void **state)
{
    static const struct {
        const char *fqdn, *transport, *line; /* NULL: none */
    } cases[] = {
        { "", "on", NULL },
        { "sip.example.com", "off", "Record-Route: <sip:sip.example.com:5061;lr>\r\n" },
        { "sip.example.com:443", "on",
          "Record-Route: <sip:sip.example.com:443;transport=tls;lr>\r\n" },
    };
    static const struct sip_srv record[] = { { GW_STR_INIT("edge.lync.example"), 5061, 1, 1,
                                               SIP_TLS } };
    struct pres_session *bob;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig r;

        begin(&r, &bob);
        rig_set(&r, "sip.routes", "example.a=udp:192.0.2.2:4444");
        rig_set(&r, "sip.federation_fqdn", cases[i].fqdn);
        rig_set(&r, "sip.record_route_transport", cases[i].transport);
        request(bob, PRES_SUBSCRIBE, "ann@lync.example");
        rig_pass(&r, 0);
        rig_srv(&r, "_sipfederationtls._tcp.lync.example", GW_OK, record, 1);
        rig_expect(&r, "SUBSCRIBE ", cases[i].line ? cases[i].line : "Contact: ");
        assert_int_equal(strstr(r.sent[0].text, "Record-Route") != NULL, cases[i].line != NULL);
        /* The answer to who watches, and the first notification; the next ones have no use for it. */
        rig_ask(&r, &(struct ask){ .who = "ann@lync.example", .expires = 600 });
        rig_expect(&r, "SIP/2.0 200 ", cases[i].fqdn[0] ? "Record-Route: <sip:sip.ex" : "");
        rig_expect(&r, "NOTIFY ", cases[i].fqdn[0] ? "Record-Route: <sip:sip.ex" : "");
        rig_answer(&r, 200, "");
        rig_calendar(&r, PRES_CAL_BUSY, "Busy");
        rig_wait(&r, 2000);
        assert_null(strstr(rig_next(&r), "Record-Route"));
        /* A static route: as to a server of our own house. */
        request(bob, PRES_SUBSCRIBE, "w@a.example");
        rig_wait(&r, 100);
        assert_null(strstr(rig_next(&r), "Record-Route"));
        pres_session_free(&bob, r.now);
        rig_done(&r);
    }
}

/* A record of before, of who is a user no more: nothing is asked for him. */
static void test_nobody_here(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    sip_watch_want(r.sip, GW_STR("ghost@b.example"), GW_STR("w@a.example"));
    rig_pass(&r, 0);
    rig_silence(&r);
    assert_int_equal(watches(&r), 0);
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backup_route),
        cmocka_unit_test(test_srv),
        cmocka_unit_test(test_no_srv),
        cmocka_unit_test(test_flight),
        cmocka_unit_test(test_stalled_domain),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_partitioned),
        cmocka_unit_test(test_partitioned_nobody),
        cmocka_unit_test(test_partitioned_advanced),
        cmocka_unit_test(test_partitioned_subdomain),
        cmocka_unit_test(test_partitioned_clusters),
        cmocka_unit_test(test_record_route),
        cmocka_unit_test(test_nobody_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
