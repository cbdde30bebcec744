/* Users here watch contacts there: on virtual time, from the question to each of the ends. */
#include "sip_watch_steps.h"

/* ---- The flow of intradomain 1.4, 10.2 ---- */

static void test_flow(void **state)
{
    struct pres_session *bob;
    struct rig r;
    size_t sub;

    (void)state;
    begin(&r, &bob);
    request(bob, PRES_SUBSCRIBE, "ann@lync.example");
    assert_true(r.wakes > 0);
    rig_silence(&r); /* never from inside the call */
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE sip:ann@lync.example SIP/2.0\r\n", "Expires: 7446\r\n");
    sub = r.taken - 1;
    assert_string_equal(r.sent[sub].host, "192.0.2.50");
    assert_int_equal(r.sent[sub].proto, SIP_TCP);
    assert_true(rig_has(r.sent[sub].text, "From: <sip:bob@b.example>;tag="));
    assert_true(rig_has(r.sent[sub].text, "To: <sip:ann@lync.example>\r\n"));
    assert_true(rig_has(r.sent[sub].text, "CSeq: 1 SUBSCRIBE\r\n"));
    assert_true(rig_has(r.sent[sub].text, "Max-Forwards: 70\r\n"));
    assert_true(rig_has(r.sent[sub].text, "Contact: <sip:192.0.2.100:5060;transport=tcp>\r\n"));
    assert_true(
        rig_has(r.sent[sub].text, "Accept: application/pidf+xml, application/cpim-pidf+xml\r\n"));
    grant(&r, "Expires: 7000\r\n");
    /* Somebody there is asked: until then the contact waits for confirmation. */
    notify_for(&r, sub, &(struct told){ .state = "pending;expires=7000" });
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_string_equal(r.seen, "offline Waiting for Confirmation");
    assert_int_equal(r.granted, 0);
    notify_for(&r, sub, &(struct told){ .state = "active;expires=7000", .body = BUSY });
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_int_equal(r.granted, 1);
    assert_string_equal(r.seen, "busy ");
    notify_for(&r, sub, &(struct told){ .state = "active", .body = PIDF("") });
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_string_equal(r.seen, "available ");
    assert_int_equal(r.granted, 1);
    /* Refreshed within two hours, in the dialog. */
    rig_pass(&r, 6000 * (int64_t)GW_SECOND_MS);
    rig_silence(&r);
    rig_wait(&r, 1000 * (int64_t)GW_SECOND_MS);
    rig_expect(&r, "SUBSCRIBE sip:them@192.0.2.1:4444 SIP/2.0\r\n",
               "To: <sip:ann@lync.example>;tag=them");
    assert_true(rig_has(r.sent[r.taken - 1].text, "CSeq: 2 SUBSCRIBE\r\n"));
    grant(&r, "");
    /* The end is told there, too. */
    request(bob, PRES_UNSUBSCRIBE, "ann@lync.example");
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE sip:them@192.0.2.1:4444 SIP/2.0\r\n", "Expires: 0\r\n");
    assert_int_equal(watches(&r), 0);
    notify_for(&r, sub, &(struct told){ .state = "terminated;reason=timeout" });
    rig_expect(&r, "SIP/2.0 481 ", "");
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* Interdomain D.4: two here who watch the same one there are two subscriptions. */
static void test_one_each(void **state)
{
    struct pres_session *bob, *alice;
    struct rig r;
    char one[256], two[256];

    (void)state;
    begin(&r, &bob);
    alice = rig_login(&r, "alice@b.example", PRES_AVAILABLE);
    request(bob, PRES_SUBSCRIBE, "ann@lync.example");
    request(alice, PRES_SUBSCRIBE, "ann@lync.example");
    request(alice, PRES_SUBSCRIBE, "ann@lync.example"); /* again: the same one */
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE sip:ann@lync.example ", "");
    rig_header(&r, "Call-ID", one);
    rig_expect(&r, "SUBSCRIBE sip:ann@lync.example ", "");
    rig_header(&r, "Call-ID", two);
    rig_silence(&r);
    assert_string_not_equal(one, two);
    assert_int_equal(watches(&r), 2);
    pres_session_free(&bob, r.now);
    pres_session_free(&alice, r.now);
    rig_done(&r);
}

/* RFC 6665 4.1.2.4: the NOTIFY comes before the answer, and makes the dialog. */
static void test_notify_first(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    request(bob, PRES_SUBSCRIBE, "ann@lync.example");
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE ", "");
    notify_for(&r, 0, &(struct told){ .state = "active", .body = BUSY });
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_string_equal(r.seen, "busy ");
    grant(&r, "");
    notify_for(&r, 0, &(struct told){ .state = "active", .body = BUSY, .tag = "fork" });
    rig_expect(&r, "SIP/2.0 481 ", "");
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* ---- What may be wrong with a NOTIFY ---- */

static void test_bad_notify(void **state)
{
    static const struct {
        struct told told;
        const char *answer;
    } bad[] = {
        { { .state = "asleep" }, "SIP/2.0 400 " },
        { { .state = "active", .body = "<presence" }, "SIP/2.0 400 " },
        { { .state = "active", .body = "<other/>" }, "SIP/2.0 400 " },
        { { .state = "active", .body = "x", .type = "text/plain" }, "SIP/2.0 415 " },
        { { .state = "active", .tag = "somebody" }, "SIP/2.0 481 " },
        { { .state = "active", .cseq = 1 }, "SIP/2.0 500 " },
        { { .state = "active", .body = "<!DOCTYPE x [<!ENTITY y \"z\">]><presence/>" },
          "SIP/2.0 400 " },
    };
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    watch(&r, bob, "ann@lync.example");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        notify_for(&r, 0, &bad[i].told);
        rig_expect(&r, bad[i].answer, "");
        assert_string_equal(r.seen, "busy "); /* as before */
    }
    /* From who is not admitted. */
    rig_set(&r, "sip.incoming_acl", "198.51.100.0/24");
    notify_for(&r, 0, &(struct told){ .state = "active", .body = PIDF("") });
    rig_names(&r, "PTR 192.0.2.1", NULL);
    rig_expect(&r, "SIP/2.0 403 ", "");
    assert_string_equal(r.seen, "busy ");
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* ---- It is refused, for good or for now ---- */

static void test_refusals(void **state)
{
    static const struct {
        unsigned status;
        const char *more;
        unsigned refused;
        int64_t again_s; /* not before, and soon after; 0: never */
    } cases[] = {
        { 404, "", 1, 0 },
        { 603, "", 1, 0 },
        { 403, "", 0, 3600 },
        { 489, "", 0, 3600 },
        { 500, "", 0, 30 },
        { 408, "", 0, 30 },
        { 480, "", 0, 30 },
        { 486, "Retry-After: 120\r\n", 0, 3600 },
        { 500, "Retry-After: 120\r\n", 0, 120 },
        { 423, "Min-Expires: 9000\r\n", 0, -1 },
        { 302, "", 0, 3600 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pres_session *bob;
        struct rig r;

        begin(&r, &bob);
        request(bob, PRES_SUBSCRIBE, "w@a.example");
        rig_pass(&r, 0);
        rig_expect(&r, "SUBSCRIBE ", "");
        rig_answer(&r, cases[i].status, cases[i].more);
        assert_int_equal(r.refused, cases[i].refused);
        assert_int_equal(watches(&r), 1 - cases[i].refused);
        if (cases[i].again_s == -1) {
            rig_pass(&r, 0);
            rig_expect(&r, "SUBSCRIBE ", "Expires: 9000\r\n");
        } else if (cases[i].again_s) {
            rig_pass(&r, cases[i].again_s * GW_SECOND_MS - 1);
            rig_silence(&r);
            rig_wait(&r, cases[i].again_s * GW_SECOND_MS / 4 + 1);
            rig_expect(&r, "SUBSCRIBE ", "Expires: 7446\r\n");
        } else {
            rig_pass(&r, GW_DAY_MS);
            rig_silence(&r);
        }
        pres_session_free(&bob, r.now);
        rig_done(&r);
    }
}

/* Intradomain R-10.4: whose server is not reached, has not answered, or will not have us, is unknown, from the
 * first question on, and not one who waits for confirmation. */
static void test_unknown(void **state)
{
    static const struct {
        const char *contact;
        unsigned status; /* 0: nothing comes back */
    } cases[] = {
        { "w@a.example", 0 },
        { "w@a.example", 403 },
        { "w@a.example", 500 },
        { "carl@b.example", 0 }, /* shared with another system, and no route leads there */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pres_session *bob;
        struct rig r;

        begin(&r, &bob);
        rig_set(&r, "sip.partitioned", "on");
        sip_core_settings_apply(r.sip);
        request(bob, PRES_SUBSCRIBE, cases[i].contact);
        rig_pass(&r, 0);
        if (cases[i].status) {
            rig_expect(&r, "SUBSCRIBE ", "");
            rig_answer(&r, cases[i].status, "");
        }
        rig_pass(&r, 32 * GW_SECOND_MS);
        assert_string_equal(r.seen, "offline Presence Unknown");
        assert_int_equal(r.refused, 0);
        /* Who logs in later sees the same. */
        r.seen[0] = '\0';
        pres_session_free(&bob, r.now);
        bob = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
        rig_pass(&r, 0);
        assert_string_equal(r.seen, "offline Presence Unknown");
        pres_session_free(&bob, r.now);
        rig_done(&r);
    }
}

/* The pauses become longer, up to a quarter of an hour and its spread. */
static void test_back_off(void **state)
{
    struct pres_session *bob;
    int64_t least_s = 30;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    request(bob, PRES_SUBSCRIBE, "w@a.example");
    rig_pass(&r, 0);
    for (int i = 0; i < 9; i++) {
        rig_expect(&r, "SUBSCRIBE ", "");
        rig_answer(&r, 500, "");
        rig_pass(&r, least_s * GW_SECOND_MS - 1);
        rig_silence(&r);
        rig_wait(&r, least_s * GW_SECOND_MS / 4 + 1);
        least_s = least_s * 2 < 900 ? least_s * 2 : 900;
    }
    rig_expect(&r, "SUBSCRIBE ", "");
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* Who wants to be asked again at once, each time, is asked less and less often. */
static void test_at_once(void **state)
{
    static const struct {
        unsigned status;
        const char *more; /* NULL: a second more than before */
        const char *told; /* NULL: it is not accepted */
    } cases[] = {
        { 503, "Retry-After: 0\r\n", NULL },
        { 480, "Retry-After: 0\r\n", NULL },
        { 423, NULL, NULL },
        { 200, "", "terminated;reason=probation;retry-after=0" },
        { 200, "", "terminated;reason=timeout;retry-after=0" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pres_session *bob;
        char brief[64];
        int asked = 0;
        struct rig r;
        gw_time end;

        begin(&r, &bob);
        end = r.now.mono + 3600 * (int64_t)GW_SECOND_MS;
        request(bob, PRES_SUBSCRIBE, "w@a.example");
        for (; rig_wait(&r, end - r.now.mono), r.now.mono < end && asked < 1000; asked++) {
            rig_expect(&r, "SUBSCRIBE ", "");
            (void)snprintf(brief, sizeof(brief), "Min-Expires: %d\r\n", 7447 + asked);
            if (cases[i].told) {
                grant(&r, "Expires: 600\r\n");
                notify_for(&r, r.taken - 1, &(struct told){ .state = cases[i].told });
            } else {
                rig_answer(&r, cases[i].status, cases[i].more ? cases[i].more : brief);
            }
            rig_forget(&r);
        }
        assert_in_range(asked, 5, 100);
        pres_session_free(&bob, r.now);
        rig_done(&r);
    }
}

/* RFC 6665 4.1.3. */
static void test_terminated(void **state)
{
    static const struct {
        const char *state;
        unsigned refused;
        int64_t again_s;
    } cases[] = {
        { "terminated;reason=rejected", 1, 0 },
        { "terminated;reason=noresource", 1, 0 },
        { "terminated;reason=deactivated", 0, -1 },
        { "terminated;reason=timeout", 0, -1 },
        { "terminated;reason=probation;retry-after=500", 0, 500 },
        { "terminated;reason=giveup", 0, 30 },
        { "terminated", 0, 30 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pres_session *bob;
        struct rig r;

        begin(&r, &bob);
        watch(&r, bob, "w@a.example");
        notify_for(&r, 0, &(struct told){ .state = cases[i].state });
        rig_expect(&r, "SIP/2.0 200 ", "");
        assert_int_equal(r.refused, cases[i].refused);
        if (!cases[i].refused)
            assert_string_equal(r.seen, "offline Presence Unknown");
        if (cases[i].again_s > 0) {
            rig_pass(&r, cases[i].again_s * GW_SECOND_MS - 1);
            rig_silence(&r);
            rig_wait(&r, cases[i].again_s * GW_SECOND_MS / 4 + 1);
        } else {
            rig_pass(&r, 0);
        }
        if (cases[i].refused)
            rig_silence(&r);
        else
            rig_expect(&r, "SUBSCRIBE sip:w@a.example ", "To: <sip:w@a.example>\r\n");
        pres_session_free(&bob, r.now);
        rig_done(&r);
    }
}

/* A peer that grants each one and ends it is asked at once, and then less and less often. */
static void test_ended_each_time(void **state)
{
    static const int64_t least_s[] = { 0, 60, 120, 240 };
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    watch(&r, bob, "w@a.example");
    for (size_t i = 0; i < sizeof(least_s) / sizeof(least_s[0]); i++) {
        notify_for(&r, r.taken - 2, &(struct told){ .state = "terminated;reason=timeout" });
        rig_expect(&r, "SIP/2.0 200 ", "");
        if (least_s[i]) {
            rig_pass(&r, least_s[i] * GW_SECOND_MS - 1);
            rig_silence(&r);
        }
        rig_wait(&r, least_s[i] * GW_SECOND_MS / 4 + 1);
        rig_expect(&r, "SUBSCRIBE sip:w@a.example ", "");
        grant(&r, "Expires: 7446\r\n");
        notify_for(&r, r.taken - 1, &(struct told){ .state = "active", .body = BUSY });
        rig_expect(&r, "SIP/2.0 200 ", "");
    }
    /* One that lasts until its refresh is as good as ever. */
    rig_wait(&r, 7300 * (int64_t)GW_SECOND_MS);
    rig_expect(&r, "SUBSCRIBE sip:them@", "");
    grant(&r, "");
    notify_for(&r, r.taken - 1, &(struct told){ .state = "terminated;reason=timeout" });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE sip:w@a.example ", "");
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* Nobody answers the refresh: shown until it expires, then not known; and found again. */
static void test_lost_and_found(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    watch(&r, bob, "w@a.example");
    r.is_dead = true;
    rig_pass(&r, 7400 * (int64_t)GW_SECOND_MS);
    assert_string_equal(r.seen, "busy ");
    rig_pass(&r, 100 * (int64_t)GW_SECOND_MS);
    assert_string_equal(r.seen, "offline Presence Unknown");
    r.is_dead = false;
    rig_wait(&r, 1200 * (int64_t)GW_SECOND_MS);
    rig_expect(&r, "SUBSCRIBE sip:w@a.example ", "");
    grant(&r, "");
    notify_for(&r, r.taken - 1, &(struct told){ .state = "active", .body = BUSY });
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_string_equal(r.seen, "busy ");
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* The dialog is not known there any more: a new one, at once. */
static void test_forgotten_there(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    watch(&r, bob, "w@a.example");
    rig_wait(&r, 7300 * (int64_t)GW_SECOND_MS);
    rig_expect(&r, "SUBSCRIBE sip:them@", "");
    rig_answer(&r, 481, "");
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE sip:w@a.example ", "To: <sip:w@a.example>\r\n");
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* ---- A restart ---- */

static void test_restart(void **state)
{
    struct pres_session *bob;
    char ours[256], tag[256];
    struct rig r;

    (void)state;
    begin(&r, &bob);
    watch(&r, bob, "w@a.example");
    r.taken--;
    rig_header(&r, "Call-ID", ours);
    pres_session_free(&bob, r.now);
    rig_restart(&r);
    assert_int_equal(watches(&r), 1);
    bob = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
    rig_pass(&r, 100);
    rig_expect(&r, "SUBSCRIBE sip:them@192.0.2.1:4444 ", "CSeq: 2 SUBSCRIBE\r\n");
    rig_header(&r, "Call-ID", tag);
    assert_string_equal(tag, ours);
    grant(&r, "");
    notify_for(&r, 0, &(struct told){ .state = "active", .body = PIDF("") });
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_string_equal(r.seen, "available ");
    request(bob, PRES_UNSUBSCRIBE, "w@a.example");
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE ", "Expires: 0\r\n");
    pres_session_free(&bob, r.now);
    rig_restart(&r);
    assert_int_equal(watches(&r), 0);
    rig_done(&r);
}

/* Who logs in again is shown what is known, without another request. */
static void test_login_again(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    watch(&r, bob, "w@a.example");
    pres_session_free(&bob, r.now);
    notify_for(&r, 0, &(struct told){ .state = "active", .body = PIDF("") });
    rig_expect(&r, "SIP/2.0 200 ", "");
    r.seen[0] = '\0';
    bob = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
    rig_pass(&r, 0);
    rig_silence(&r);
    assert_string_equal(r.seen, "available ");
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* A domain that is not federated any more is told, and forgotten. */
static void test_domain_leaves(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    watch(&r, bob, "w@a.example");
    rig_set(&r, "sip.domains", "lync.example");
    sip_core_settings_apply(r.sip);
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE ", "Expires: 0\r\n");
    assert_int_equal(watches(&r), 0);
    assert_string_equal(r.seen, "offline ");
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow),           cmocka_unit_test(test_one_each),
        cmocka_unit_test(test_notify_first),   cmocka_unit_test(test_bad_notify),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_back_off),       cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_terminated),     cmocka_unit_test(test_ended_each_time),
        cmocka_unit_test(test_lost_and_found), cmocka_unit_test(test_forgotten_there),
        cmocka_unit_test(test_restart),        cmocka_unit_test(test_login_again),
        cmocka_unit_test(test_domain_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
