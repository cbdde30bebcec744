/* Users here watch contacts there: on virtual time, from the question to each of the ends. */
#include "sip_priv.h"
#include "sip_test.h"

#define ROUTE                                                                                      \
    "example.lync=tcp:192.0.2.50/1, example.lync=tcp:192.0.2.51/2, example.a=udp:192.0.2.1:4444"

static void begin(struct rig *r, struct pres_session **bob)
{
    rig_init(r);
    rig_set(r, "sip.routes", ROUTE);
    *bob = rig_login(r, "bob@b.example", PRES_AVAILABLE);
    pres_roster_get(*bob, rig_item, NULL); /* who keeps a roster is told */
}

static void request(struct pres_session *from, enum pres_request what, const char *to)
{
    struct gw_err err;

    assert_int_equal(pres_request_send(from, what, gw_str_of(to), GW_STR(""), &err), GW_OK);
}

/* NOTIFY for the SUBSCRIBE that was taken last, or (at) for that one. */
struct told {
    const char *state, *type, *body, *tag, *more;
    unsigned cseq;
};

static void notify_for(struct rig *r, size_t at, const struct told *t)
{
    static unsigned branch;
    char from[256], to[256], call_id[256], target[256];
    size_t taken = r->taken;
    struct gw_buf b;

    branch++;
    r->taken = at + 1;
    rig_header(r, "From", to);
    rig_header(r, "To", from);
    rig_header(r, "Call-ID", call_id);
    rig_header(r, "Contact", target);
    r->taken = taken;
    *strchrnul(from, ';') = '\0';
    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "NOTIFY sip:192.0.2.100:5060 SIP/2.0\r\nVia: SIP/2.0/UDP "
                "192.0.2.1:4444;branch=z9hG4bKn%u\r\nFrom: %s;tag=%s\r\nTo: %s\r\nCall-ID: "
                "%s\r\nCSeq: %u NOTIFY\r\nContact: <sip:them@192.0.2.1:4444>\r\nEvent: "
                "presence\r\nSubscription-State: %s\r\n%s",
                branch, from, t->tag ? t->tag : "them", to, call_id, t->cseq ? t->cseq : branch,
                t->state, t->more ? t->more : "");
    if (t->body)
        gw_buf_addf(&b, "Content-Type: %s\r\n", t->type ? t->type : "application/pidf+xml");
    gw_buf_addf(&b, "Content-Length: %zu\r\n\r\n%s", t->body ? strlen(t->body) : 0,
                t->body ? t->body : "");
    rig_receive(r, b.p);
    gw_buf_done(&b);
}

#define PIDF(status)                                                                               \
    "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:x\"><tuple id=\"a\"><status>"    \
    "<basic>open</basic>" status "</status></tuple></presence>"
#define BUSY                                                                                       \
    PIDF("<ep:activities xmlns:ep=\"urn:x\"><ep:activity>busy</ep:activity></ep:activities>")

/* 2xx to the request that was taken last. */
static void grant(struct rig *r, const char *more)
{
    char via[256], from[256], to[256], call_id[256], cseq[256];
    struct gw_buf b;

    rig_header(r, "Via", via);
    rig_header(r, "From", from);
    rig_header(r, "To", to);
    rig_header(r, "Call-ID", call_id);
    rig_header(r, "CSeq", cseq);
    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s\r\nCall-ID: %s\r\nCSeq: "
                "%s\r\nContact: <sip:them@192.0.2.1:4444>\r\n%sContent-Length: 0\r\n\r\n",
                via, from, to, strstr(to, "tag=") ? "" : ";tag=them", call_id, cseq, more);
    rig_receive(r, b.p);
    gw_buf_done(&b);
}

static uint64_t watches(const struct rig *r)
{
    struct sip_counters c;

    sip_core_counters(r->sip, &c);
    return c.watches;
}

/* Asked, answered, approved and shown; the SUBSCRIBE stays the message 'r->taken - 2'. */
static void watch(struct rig *r, struct pres_session *bob, const char *contact)
{
    request(bob, PRES_SUBSCRIBE, contact);
    rig_pass(r, 0);
    rig_expect(r, "SUBSCRIBE ", "Event: presence\r\n");
    grant(r, "Expires: 7446\r\n");
    notify_for(r, r->taken - 1, &(struct told){ .state = "active;expires=7446", .body = BUSY });
    rig_expect(r, "SIP/2.0 200 ", "");
}

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

/* ---- Where it goes ---- */

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
        cmocka_unit_test(test_flow),
        cmocka_unit_test(test_one_each),
        cmocka_unit_test(test_notify_first),
        cmocka_unit_test(test_bad_notify),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_back_off),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_terminated),
        cmocka_unit_test(test_ended_each_time),
        cmocka_unit_test(test_lost_and_found),
        cmocka_unit_test(test_forgotten_there),
        cmocka_unit_test(test_backup_route),
        cmocka_unit_test(test_srv),
        cmocka_unit_test(test_no_srv),
        cmocka_unit_test(test_flight),
        cmocka_unit_test(test_stalled_domain),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_partitioned),
        cmocka_unit_test(test_partitioned_nobody),
        cmocka_unit_test(test_partitioned_advanced),
        cmocka_unit_test(test_partitioned_subdomain),
        cmocka_unit_test(test_partitioned_clusters),
        cmocka_unit_test(test_record_route),
        cmocka_unit_test(test_nobody_here),
        cmocka_unit_test(test_login_again),
        cmocka_unit_test(test_domain_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
