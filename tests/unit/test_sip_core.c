/* The front-end on virtual time: what is refused and how, subscriptions from their beginning to each
 * of their ends, and what is told when. */
#include "sip_test.h"

/* ---- What is refused, and how ---- */

#define HEAD                                                                                       \
    "Via: SIP/2.0/UDP 192.0.2.1:4444;branch=z9hG4bKx;rport\r\nFrom: <sip:w@a.example>;tag=1\r\n"   \
    "To: <sip:bob@b.example>\r\nCall-ID: c9\r\nMax-Forwards: 70\r\n"
#define SUBSCRIBE "SUBSCRIBE sip:bob@b.example SIP/2.0\r\n" HEAD "CSeq: 1 SUBSCRIBE\r\n"
#define CONTACT   "Contact: <sip:w@192.0.2.1:4444>\r\n"

static const struct {
    const char *request, *answer, *part;
} refused[] = {
    { "OPTIONS sip:b.example SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n", "SIP/2.0 200 OK",
      "Allow: SUBSCRIBE, NOTIFY, INVITE, ACK, CANCEL, BYE, MESSAGE, INFO, OPTIONS\r\n" },
    { "OPTIONS sip:b.example SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\nRequire: a, b\r\n\r\n",
      "SIP/2.0 420 ", "Unsupported: a\r\nUnsupported: b\r\n" },
    { "OPTIONS tel:5551234 SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n", "SIP/2.0 416 ", "" },
    { "OPTIONS sip:b.example SIP/3.0\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n", "SIP/2.0 505 ", "" },
    { "OPTIONS sip:b.example SIP/2.0\r\n" HEAD "CSeq: x OPTIONS\r\n\r\n", "SIP/2.0 400 ",
      ";rport=4444;received=192.0.2.1\r\n" },
    { "INVITE sip:bob@b.example SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\n\r\n", "SIP/2.0 400 ", "" },
    { "PUBLISH sip:bob@b.example SIP/2.0\r\n" HEAD "CSeq: 1 PUBLISH\r\n\r\n", "SIP/2.0 405 ", "" },
    { "DANCE sip:bob@b.example SIP/2.0\r\n" HEAD "CSeq: 1 DANCE\r\n\r\n", "SIP/2.0 501 ", "" },
    { "CANCEL sip:bob@b.example SIP/2.0\r\n" HEAD "CSeq: 1 CANCEL\r\n\r\n", "SIP/2.0 481 ", "" },
    { "NOTIFY sip:bob@b.example SIP/2.0\r\n" HEAD "CSeq: 1 NOTIFY\r\n\r\n", "SIP/2.0 481 ", "" },
    { "ACK sip:bob@b.example SIP/2.0\r\n" HEAD "CSeq: 1 ACK\r\n\r\n", "nothing", "" },
    { "SIP/2.0 200 OK\r\n" HEAD "CSeq: 1 NOTIFY\r\n\r\n", "nothing", "" },
    { "nonsense", "nothing", "" },
    { SUBSCRIBE CONTACT "\r\n", "SIP/2.0 489 ", "Allow-Events: presence\r\n" },
    { SUBSCRIBE CONTACT "Event: dialog\r\n\r\n", "SIP/2.0 489 ", "" },
    { SUBSCRIBE "Event: presence\r\n\r\n", "SIP/2.0 400 ", "" }, /* no Contact */
    { SUBSCRIBE CONTACT CONTACT "Event: presence\r\n\r\n", "SIP/2.0 400 ", "" },
    { SUBSCRIBE "Contact: <tel:1>\r\nEvent: presence\r\n\r\n", "SIP/2.0 400 ", "" },
    { SUBSCRIBE "Contact: <sip:w@127.0.0.1:9;transport=tcp>\r\nEvent: presence\r\n\r\n",
      "SIP/2.0 403 ", "" }, /* what listens there is none of his business */
    { SUBSCRIBE "Contact: <sip:w@192.0.2.1:4444?subject=x>\r\nEvent: presence\r\n\r\n",
      "SIP/2.0 400 ", "" },
    { SUBSCRIBE "Contact: <sip:w@LocalHost:9>\r\nEvent: presence\r\n\r\n", "SIP/2.0 403 ", "" },
    { SUBSCRIBE "Contact: <sip:w@any.localhost.>\r\nEvent: presence\r\n\r\n", "SIP/2.0 403 ", "" },
    { SUBSCRIBE "Contact: <sip:w@[::1]:9>\r\nEvent: presence\r\n\r\n", "SIP/2.0 403 ", "" },
    { SUBSCRIBE "Contact: <sip:w@0.0.0.0>\r\nEvent: presence\r\n\r\n", "SIP/2.0 403 ", "" },
    { SUBSCRIBE CONTACT "Record-Route: <sip:127.0.0.1;lr>\r\nEvent: presence\r\n\r\n",
      "SIP/2.0 403 ", "" },
    { SUBSCRIBE CONTACT "Record-Route: <sip:>\r\nEvent: presence\r\n\r\n", "SIP/2.0 400 ", "" },
    { SUBSCRIBE "Contact: <sip:w@victim.example>\r\nEvent: presence\r\n\r\n", "SIP/2.0 403 ",
      "" }, /* nobody has us send to whom he likes */
    { SUBSCRIBE CONTACT "Event: presence\r\nExpires: 30\r\n\r\n", "SIP/2.0 423 ",
      "Min-Expires: 60\r\n" },
    { SUBSCRIBE CONTACT "Event: presence\r\nAccept: text/plain\r\n\r\n", "SIP/2.0 406 ",
      "Accept: application/pidf+xml" },
    { "SUBSCRIBE sip:nobody@b.example SIP/2.0\r\n" HEAD "CSeq: 1 SUBSCRIBE\r\n" CONTACT
      "Event: presence\r\n\r\n",
      "SIP/2.0 404 ", "" },
    { "SUBSCRIBE sip:bob@elsewhere.example SIP/2.0\r\n" HEAD "CSeq: 1 SUBSCRIBE\r\n" CONTACT
      "Event: presence\r\n\r\n",
      "SIP/2.0 404 ", "" },
    { "SUBSCRIBE sip:bob@b.example SIP/2.0\r\n"
      "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:w@sub.a.example>;tag=1\r\n"
      "To: <sip:bob@b.example>\r\nCall-ID: c9\r\nCSeq: 1 SUBSCRIBE\r\n" CONTACT
      "Event: presence\r\n\r\n",
      "SIP/2.0 403 ", "" }, /* below a domain is another domain */
    { "SUBSCRIBE sip:bob@b.example SIP/2.0\r\n"
      "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:w@a.example>;tag=1\r\n"
      "To: <sip:bob@b.example>;tag=none\r\nCall-ID: c9\r\nCSeq: 1 SUBSCRIBE\r\n" CONTACT
      "Event: presence\r\n\r\n",
      "SIP/2.0 481 ", "" },
};

static void test_refused(void **state)
{
    struct rig r;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const char *text;

        rig_init(&r);
        rig_receive(&r, refused[i].request);
        text = rig_next(&r);
        if (strncmp(text, refused[i].answer, strlen(refused[i].answer)) != 0)
            print_error("case %zu: not '%s' but:\n%s\n", i, refused[i].answer, text);
        assert_true(strncmp(text, refused[i].answer, strlen(refused[i].answer)) == 0);
        assert_true(rig_has(text, refused[i].part));
        rig_silence(&r);
        rig_done(&r);
    }
}

static void test_acl(void **state)
{
    const struct sip_peer stranger = { .proto = SIP_UDP,
                                       .host = GW_STR_INIT("198.51.100.1"),
                                       .port = 9 };
    struct sip_counters c;
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.domains", "a.example@192.0.2.0/24");
    rig_ask_from(&r, &stranger, &(struct ask){ .expires = 600 });
    rig_expect(&r, "SIP/2.0 403 ", "");
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.refused_acl, 1);
    assert_int_equal(c.subscriptions, 0);
    /* Health is told to everybody, and anew each time: nothing is kept of who has no entry. */
    for (int i = 0; i < 2; i++) {
        rig_receive_from(&r, &stranger,
                         "OPTIONS sip:b.example SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n");
        rig_expect(&r, "SIP/2.0 200 ", "");
    }
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.resent, 0);
    rig_set(&r, "sip.incoming_acl", "all");
    rig_set(&r, "sip.domains", "a.example");
    rig_ask_from(&r, &stranger, &(struct ask){ .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_done(&r);
}

/* Intradomain R-10.2a: a user is found without regard to case, and by a name that a JID must escape
 * (XEP-0106); and is told as what he was asked for. */
static void test_user_names(void **state)
{
    static const struct {
        const char *uri, *jid;
    } names[] = {
        { "BOB@B.Example", "bob@b.example" },
        { "o'hara@b.example", "o\\27hara@b.example" },
        { "O%27Hara@b.example", "o\\27hara@b.example" },
        { "a%20b&c/d%3Ae@b.example", "a\\20b\\26c\\2fd\\3ae@b.example" },
        { "x%40y@b.example", "x\\40y@b.example" },
        { "%20bob@b.example", NULL },
    };
    struct rig r;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct gw_buf b;

        rig_init(&r);
        if (names[i].jid)
            assert_int_equal(pres_user_add(r.pres, gw_str_of(names[i].jid), NULL), GW_OK);
        gw_buf_init(&b, SIP_MSG_MAX);
        gw_buf_addf(&b,
                    "SUBSCRIBE sip:%s SIP/2.0\r\n" HEAD "CSeq: 1 SUBSCRIBE\r\n" CONTACT
                    "Event: presence\r\n\r\n",
                    names[i].uri);
        rig_receive(&r, b.p);
        rig_expect(&r, names[i].jid ? "SIP/2.0 200 " : "SIP/2.0 404 ", "");
        gw_buf_done(&b);
        rig_done(&r);
    }
}

static void test_limits(void **state)
{
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.subscriptions_per_peer", "2");
    rig_subscribe(&r, &(struct ask){ .call_id = "c1", .expires = 600 }, tag);
    rig_subscribe(&r, &(struct ask){ .call_id = "c2", .expires = 600 }, tag);
    rig_ask(&r, &(struct ask){ .call_id = "c3", .expires = 600 });
    rig_expect(&r, "SIP/2.0 503 ", "Retry-After: 60\r\n");
    rig_set(&r, "sip.subscriptions_per_peer", "10");
    rig_set(&r, "sip.subscriptions_max", "2");
    rig_ask(&r, &(struct ask){ .call_id = "c4", .expires = 600 });
    rig_expect(&r, "SIP/2.0 503 ", "");
    /* What goes on is no new one. */
    rig_ask(&r, &(struct ask){ .call_id = "c2", .to_tag = tag, .cseq = 2, .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_done(&r);
}

static uint64_t subscriptions(const struct rig *r)
{
    struct sip_counters c;

    sip_core_counters(r->sip, &c);
    return c.subscriptions;
}

/* ---- A subscription ---- */

static void test_states(void **state)
{
    struct pres_session *s;
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_ask(&r, &(struct ask){ .expires = 600, .more = "Record-Route: <sip:p.a.example;lr>\r\n" });
    rig_expect(&r, "SIP/2.0 200 OK\r\n", "Record-Route: <sip:p.a.example;lr>\r\n");
    rig_found(&r, "p.a.example", "192.0.2.8");
    rig_expect(&r, "NOTIFY sip:w@192.0.2.1:4444 SIP/2.0\r\n", "Route: <sip:p.a.example;lr>\r\n");
    assert_string_equal(r.sent[1].host, "192.0.2.8");
    assert_true(rig_has(r.sent[1].text, "Subscription-State: active;expires=600\r\n"));
    assert_true(rig_has(r.sent[1].text, "<basic>closed</basic>"));
    rig_answer(&r, 200, "");
    s = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
    assert_true(r.wakes > 0);
    rig_pass(&r, 1000);
    rig_found(&r, "p.a.example", "192.0.2.8");
    rig_expect(&r, "NOTIFY ", "<basic>open</basic>");
    rig_answer(&r, 200, "");
    rig_calendar(&r, PRES_CAL_MEETING, "In a meeting");
    rig_pass(&r, 1000);
    rig_found(&r, "p.a.example", "192.0.2.8");
    rig_expect(&r, "NOTIFY ", "<rpid:meeting/>");
    assert_true(rig_has(r.sent[r.taken - 1].text, "<dm:note>In a meeting</dm:note>"));
    rig_answer(&r, 200, "");
    pres_session_free(&s, r.now);
    rig_pass(&r, 1000);
    rig_found(&r, "p.a.example", "192.0.2.8");
    rig_expect(&r, "NOTIFY ", "<basic>closed</basic>");
    rig_done(&r);
}

/* One is under way, and one more waits: always the newest. */
static void test_newest_only(void **state)
{
    struct sip_counters c;
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .expires = 600 }, tag);
    rig_calendar(&r, PRES_CAL_MEETING, "one");
    rig_pass(&r, 0);
    rig_silence(&r); /* not before the interval is over */
    rig_calendar(&r, PRES_CAL_MEETING, "two");
    rig_pass(&r, 999);
    rig_silence(&r);
    rig_pass(&r, 1);
    rig_expect(&r, "NOTIFY ", "<note>two</note>");
    rig_calendar(&r, PRES_CAL_MEETING, "three"); /* not answered yet */
    rig_calendar(&r, PRES_CAL_MEETING, "four");
    rig_pass(&r, 400);
    rig_silence(&r);
    rig_answer(&r, 200, "");
    rig_pass(&r, 600);
    rig_expect(&r, "NOTIFY ", "<note>four</note>");
    rig_answer(&r, 200, "");
    /* There and back again is nothing. */
    rig_calendar(&r, PRES_CAL_MEETING, "five");
    rig_calendar(&r, PRES_CAL_MEETING, "four");
    rig_pass(&r, 5000);
    rig_silence(&r);
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.merged, 1);
    rig_done(&r);
}

static void test_refresh_and_expiry(void **state)
{
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .expires = 7200 }, tag);
    rig_pass(&r, 6300 * 1000); /* Lync: 1 h 45 min */
    rig_silence(&r);
    rig_ask(&r, &(struct ask){ .to_tag = tag, .cseq = 2, .expires = 7200 });
    rig_expect(&r, "SIP/2.0 200 ", "Expires: 7200\r\n");
    rig_expect(&r, "NOTIFY ", "active;expires=7200\r\n");
    rig_answer(&r, 200, "");
    rig_forget(&r);
    rig_ask(&r, &(struct ask){ .to_tag = tag, .cseq = 2, .expires = 7200 }); /* out of order */
    rig_expect(&r, "SIP/2.0 500 ", "");
    rig_ask(&r, &(struct ask){ .to_tag = tag, .call_id = "other", .cseq = 3, .expires = 7200 });
    rig_expect(&r, "SIP/2.0 481 ", "");
    rig_ask(&r, &(struct ask){ .to_tag = tag,
                               .cseq = 4,
                               .expires = 7200,
                               .more = "Contact: <sip:a@192.0.2.2>\r\n" }); /* the second one */
    rig_expect(&r, "SIP/2.0 400 ", "");
    rig_ask(&r, &(struct ask){ .to_tag = tag, .cseq = 4, .expires = 99999 });
    rig_expect(&r, "SIP/2.0 200 ", "Expires: 7446\r\n");
    rig_expect(&r, "NOTIFY ", "active;expires=7446\r\n");
    rig_answer(&r, 200, "");
    rig_pass(&r, 7445 * 1000);
    rig_silence(&r);
    rig_pass(&r, 1000);
    rig_expect(&r, "NOTIFY ", "Subscription-State: terminated;reason=timeout\r\n");
    assert_int_equal(subscriptions(&r), 0);
    rig_done(&r);
}

static void test_unsubscribe_and_fetch(void **state)
{
    struct sip_counters c;
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_calendar(&r, PRES_CAL_MEETING, "busy now");
    rig_subscribe(&r, &(struct ask){ .expires = 600 }, tag);
    rig_ask(&r, &(struct ask){ .to_tag = tag, .cseq = 2, .expires = 0 });
    rig_expect(&r, "SIP/2.0 200 ", "Expires: 0\r\n");
    rig_expect(&r, "NOTIFY ", "terminated;reason=timeout\r\n");
    rig_ask(&r, &(struct ask){ .call_id = "fetch", .expires = 0 });
    rig_expect(&r, "SIP/2.0 200 ", "Expires: 0\r\n");
    rig_expect(&r, "NOTIFY ", "<rpid:meeting/>");
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.subscriptions, 0);
    assert_int_equal(c.pending, 0);
    rig_done(&r);
}

/* Behind a proxy that records its route a contact may be what it likes, and one on this machine, too. */
static void test_contacts(void **state)
{
    static const char inside[] =
        SUBSCRIBE "Contact: <sip:w@127.0.0.1:5062>\r\n%sEvent: presence\r\n\r\n";
    const struct sip_peer here = { .proto = SIP_UDP,
                                   .host = GW_STR_INIT("127.0.0.5"),
                                   .port = 5062 };
    char text[1024];
    struct rig r;

    (void)state;
    rig_init(&r);
    (void)snprintf(text, sizeof(text), inside, "Record-Route: <sip:192.0.2.7;lr>\r\n");
    rig_receive(&r, text);
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY sip:w@127.0.0.1:5062 SIP/2.0\r\n", "");
    assert_string_equal(r.sent[1].host, "192.0.2.7");
    rig_set(&r, "sip.incoming_acl", "127.0.0.0/8");
    (void)snprintf(text, sizeof(text), inside, "");
    memcpy(strstr(text, "z9hG4bKx"), "z9hG4bKy", 8);
    rig_receive_from(&r, &here, text);
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "");
    assert_string_equal(r.sent[3].host, "127.0.0.1");
    rig_done(&r);
}

/* Who wants to be told over TLS is told where our TLS is. */
static void test_other_transport(void **state)
{
    static const char ours[] = "Contact: <sip:192.0.2.100:5061;transport=tls>\r\n";
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_receive(&r, SUBSCRIBE "Contact: <sip:w@192.0.2.1:4444;transport=tls>\r\n"
                              "Event: presence\r\n\r\n");
    rig_expect(&r, "SIP/2.0 200 ", ours);
    rig_expect(&r, "NOTIFY ", ours);
    assert_int_equal(r.sent[1].proto, SIP_TLS);
    rig_done(&r);
}

/* A request that comes again gets the same answer, and no second subscription. */
static void test_retransmission(void **state)
{
    static const char request[] = SUBSCRIBE CONTACT "Event: presence\r\n\r\n";
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_receive(&r, request);
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "");
    rig_answer(&r, 200, "");
    rig_receive(&r, request);
    assert_string_equal(rig_next(&r), r.sent[0].text);
    rig_silence(&r);
    assert_int_equal(subscriptions(&r), 1);
    rig_done(&r);
}

/* ---- Watchers that are gone, or ask for patience ---- */

/* One that has not answered yet. */
static void init_told(struct rig *r)
{
    rig_init(r);
    rig_ask(r, &(struct ask){ .expires = 600 });
    rig_expect(r, "SIP/2.0 200 ", "");
    rig_expect(r, "NOTIFY ", "");
}

static void test_no_answer(void **state)
{
    struct sip_counters c;
    struct rig r;

    (void)state;
    init_told(&r);
    rig_pass(&r, 31999);
    for (int i = 0; i < 10; i++) /* 500, 1000, 2000, 4000 ... ms */
        assert_string_equal(rig_next(&r), r.sent[1].text);
    rig_silence(&r);
    assert_int_equal(subscriptions(&r), 1);
    rig_pass(&r, 1);
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.subscriptions, 0);
    assert_int_equal(c.timeouts, 1);
    rig_done(&r);
}

static void test_not_known_there(void **state)
{
    struct rig r;

    (void)state;
    init_told(&r);
    rig_answer(&r, 481, "");
    assert_int_equal(subscriptions(&r), 0);
    rig_pass(&r, 60000);
    rig_silence(&r);
    rig_done(&r);
}

static void test_retry_after(void **state)
{
    struct rig r;

    (void)state;
    init_told(&r);
    rig_answer(&r, 503, "Retry-After: 30\r\n");
    rig_calendar(&r, PRES_CAL_MEETING, "meanwhile");
    rig_pass(&r, 29999);
    rig_silence(&r);
    rig_pass(&r, 1);
    rig_expect(&r, "NOTIFY ", "<note>meanwhile</note>");
    rig_done(&r);
}

/* The connection breaks: over a new one, to where the watcher says it is; and then it is over. */
static void test_connection_lost(void **state)
{
    const struct sip_peer from = {
        .proto = SIP_TCP, .conn = 7, .host = GW_STR_INIT("192.0.2.1"), .port = 4444
    };
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_ask_from(&r, &from, &(struct ask){ .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "Contact: <sip:192.0.2.100:5060;transport=tcp>");
    rig_expect(&r, "NOTIFY ", "Via: SIP/2.0/TCP ");
    assert_int_equal(r.sent[1].conn, 7);
    sip_core_lost(r.sip, 7);
    rig_pass(&r, 2000);
    rig_expect(&r, "NOTIFY ", "");
    assert_int_equal(r.sent[2].conn, 0);
    assert_int_equal(r.sent[2].port, 4444);
    r.is_dead = true;
    sip_core_lost(r.sip, 7);
    rig_pass(&r, 400 * GW_SECOND_MS);
    rig_silence(&r);
    r.is_dead = false; /* the peer was away for minutes: it is told what is so now */
    rig_calendar(&r, PRES_CAL_MEETING, "m");
    rig_pass(&r, 300 * GW_SECOND_MS);
    rig_expect(&r, "NOTIFY ", "<rpid:meeting/>");
    rig_answer(&r, 200, "");
    rig_done(&r);
}

/* ---- Who may ---- */

static void request(struct pres_session *from, enum pres_request what, const char *to)
{
    struct gw_err err;

    assert_int_equal(pres_request_send(from, what, gw_str_of(to), GW_STR(""), &err), GW_OK);
}

/* Interdomain D.2: held, and asked once; the answer is kept. */
static void test_pending(void **state)
{
    struct pres_session *bob;
    struct sip_counters c;
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_authorize(&r, "nobody");
    bob = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
    rig_ask(&r, &(struct ask){ .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "Subscription-State: pending;expires=600\r\n");
    assert_true(rig_has(r.sent[1].text, "Content-Length: 0\r\n")); /* nothing is told */
    rig_answer(&r, 200, "");
    assert_int_equal(r.asked, 1);
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.pending, 1);
    /* Bob's calendar is none of the watcher's business yet. */
    rig_calendar(&r, PRES_CAL_MEETING, "secret");
    rig_pass(&r, 2000);
    rig_silence(&r);
    request(bob, PRES_SUBSCRIBED, "w@a.example");
    rig_pass(&r, 0);
    rig_expect(&r, "NOTIFY ", "Subscription-State: active;");
    assert_true(rig_has(r.sent[r.taken - 1].text, "<rpid:meeting/>"));
    rig_answer(&r, 200, "");
    /* Another subscription of the same watcher asks nobody. */
    rig_ask(&r, &(struct ask){ .call_id = "c2", .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "Subscription-State: active;");
    rig_answer(&r, 200, "");
    assert_int_equal(r.asked, 1);
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* Interdomain D.3, intradomain R-1.4d: denied is offline, politely; allowed later it is real. */
static void test_blocked(void **state)
{
    struct pres_session *bob;
    struct gw_err err;
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_authorize(&r, "nobody");
    bob = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
    rig_ask(&r, &(struct ask){ .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "Subscription-State: pending;");
    rig_answer(&r, 200, "");
    request(bob, PRES_UNSUBSCRIBED, "w@a.example");
    rig_pass(&r, 1000);
    rig_expect(&r, "NOTIFY ", "Subscription-State: active;");
    assert_true(rig_has(r.sent[r.taken - 1].text, "<basic>closed</basic>"));
    rig_answer(&r, 200, "");
    rig_calendar(&r, PRES_CAL_MEETING, "secret");
    rig_pass(&r, 5000);
    rig_silence(&r);
    assert_int_equal(
        pres_decide(r.pres, GW_STR("bob@b.example"), GW_STR("w@a.example"), PRES_ALLOW, &err),
        GW_OK);
    rig_pass(&r, 0);
    rig_expect(&r, "NOTIFY ", "<rpid:meeting/>");
    rig_answer(&r, 200, "");
    /* A whole domain, while one of it watches. */
    assert_int_equal(
        pres_decide(r.pres, GW_STR("bob@b.example"), GW_STR("w@a.example"), PRES_ASK, &err), GW_OK);
    assert_int_equal(
        pres_decide(r.pres, GW_STR("bob@b.example"), GW_STR("a.example"), PRES_BLOCK, &err), GW_OK);
    rig_pass(&r, 1000);
    rig_expect(&r, "NOTIFY ", "<basic>closed</basic>");
    assert_true(rig_has(r.sent[r.taken - 1].text, "Subscription-State: active;"));
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* Who is one too many, or denied by an administrator who has them told, is told so, and waits for nobody. */
static void test_turned_away(void **state)
{
    static const struct {
        const char *key, *value;
        bool blocked;
        const char *told; /* the first notification of the second watcher */
    } cases[] = {
        { "presence.watchers_max", "1", false, "terminated;reason=rejected\r\n" },
        { "presence.denied_watchers", "refused", true, "terminated;reason=rejected\r\n" },
        { "presence.denied_watchers", "offline", true, "active;" },
        { "presence.watchers_max", "2", false, "active;" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char tag[256];
        struct rig r;

        rig_init(&r);
        assert_int_equal(
            gw_param_set(gw_param_find(pres_params, pres_param_count, gw_str_of(cases[i].key)),
                         &r.pres_settings, gw_str_of(cases[i].value), NULL),
            GW_OK);
        rig_subscribe(&r, &(struct ask){ .expires = 600 }, tag);
        if (cases[i].blocked)
            assert_int_equal(pres_decide(r.pres, GW_STR("bob@b.example"), GW_STR("v@a.example"),
                                         PRES_BLOCK, NULL),
                             GW_OK);
        rig_ask(&r, &(struct ask){ .who = "v@a.example", .call_id = "c2", .expires = 600 });
        rig_expect(&r, "SIP/2.0 200 ", "");
        rig_expect(&r, "NOTIFY ", cases[i].told);
        rig_answer(&r, 200, "");
        assert_int_equal(subscriptions(&r), 1 + (cases[i].told[0] == 'a'));
        rig_done(&r);
    }
}

/* What a list of Bob's clients says counts for watchers here, too (XEP-0016). */
static void test_hidden_by_list(void **state)
{
    const struct pres_rule rule = { .by = PRES_BY_JID,
                                    .value = GW_STR("a.example"),
                                    .denies = true,
                                    .kinds = PRES_KIND_PRESENCE_OUT };
    struct pres_session *bob;
    struct rig r;

    (void)state;
    rig_init(&r);
    bob = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
    rig_ask(&r, &(struct ask){ .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "<basic>open</basic>");
    rig_answer(&r, 200, "");
    assert_int_equal(pres_list_set(bob, GW_STR("l"), &rule, 1, NULL), GW_OK);
    assert_int_equal(pres_list_activate(bob, GW_STR("l"), NULL), GW_OK);
    rig_pass(&r, 1000);
    rig_expect(&r, "NOTIFY ", "<basic>closed</basic>");
    assert_true(rig_has(r.sent[r.taken - 1].text, "Subscription-State: active;"));
    rig_answer(&r, 200, "");
    rig_calendar(&r, PRES_CAL_MEETING, "secret");
    rig_pass(&r, 5000);
    rig_silence(&r);
    assert_int_equal(pres_list_activate(bob, GW_STR(""), NULL), GW_OK);
    rig_pass(&r, 1000);
    rig_expect(&r, "NOTIFY ", "<rpid:meeting/>");
    rig_answer(&r, 200, "");
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

static void test_domain_leaves(void **state)
{
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .expires = 600 }, tag);
    rig_set(&r, "sip.domains", "");
    sip_core_settings_apply(r.sip);
    rig_pass(&r, 2000);
    rig_expect(&r, "NOTIFY ", "terminated;reason=rejected\r\n");
    assert_true(rig_has(r.sent[r.taken - 1].text, "Content-Length: 0\r\n"));
    rig_done(&r);
}

/* So many last words are under way at once; the others have theirs when some of these are answered. */
static void test_goodbyes(void **state)
{
    const unsigned all = 1200, at_once = 250;
    char call_id[32], tag[256];
    struct sip_counters c;
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.notify_interval_s", "0");
    for (unsigned i = 0; i < all; i++) {
        (void)snprintf(call_id, sizeof(call_id), "c%u", i);
        rig_subscribe(&r, &(struct ask){ .call_id = call_id, .expires = 600 }, tag);
        rig_forget(&r);
    }
    rig_set(&r, "sip.domains", "");
    sip_core_settings_apply(r.sip);
    rig_pass(&r, 0);
    assert_int_equal(r.sent_count, at_once);
    rig_expect(&r, "NOTIFY ", "terminated;reason=rejected\r\n");
    rig_answer(&r, 200, "");
    rig_pass(&r, 100);
    assert_int_equal(r.sent_count, at_once + 1);
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.subscriptions, all - at_once - 1);
    rig_done(&r);
}

/* Settings stir all; they are looked at in turns, so that nobody else has to wait for all of them. */
static void test_many_stirred(void **state)
{
    const unsigned all = 2500;
    struct sip_counters c;
    unsigned turns = 0;
    char call_id[32];
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.notify_interval_s", "0");
    for (unsigned i = 0; i < all; i++) {
        (void)snprintf(call_id, sizeof(call_id), "c%u", i);
        rig_subscribe(&r, &(struct ask){ .call_id = call_id, .expires = 600 }, tag);
        rig_forget(&r);
    }
    sip_core_settings_apply(r.sip);
    sip_core_tick(r.sip, r.now);
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.merged, 1000);
    /* Another one comes in between: nobody is left out for it. */
    rig_subscribe(&r, &(struct ask){ .call_id = "late", .expires = 600 }, tag);
    for (uint64_t before = c.merged; sip_core_deadline(r.sip) <= r.now.mono; before = c.merged) {
        sip_core_tick(r.sip, r.now);
        sip_core_counters(r.sip, &c);
        assert_in_range(c.merged - before, 1, 1000);
        turns++;
    }
    assert_in_range(c.merged, all, 2 * all);
    assert_in_range(turns, 2, 5);
    rig_done(&r);
}

static void test_user_leaves(void **state)
{
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .expires = 600 }, tag);
    pres_user_remove(r.pres, GW_STR("bob@b.example"), r.now);
    rig_pass(&r, 2000);
    rig_expect(&r, "NOTIFY ", "terminated;reason=noresource\r\n");
    rig_done(&r);
}

/* ---- A restart ---- */

static void test_restart(void **state)
{
    char tag[256], gone[256], cseq[256], later[256];
    struct sip_counters c;
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .call_id = "short", .expires = 60 }, gone);
    rig_subscribe(&r, &(struct ask){ .call_id = "long", .expires = 3600 }, tag);
    rig_header(&r, "CSeq", cseq);
    rig_pass(&r, 30 * 1000);
    rig_restart(&r);
    r.now.mono += 60 * 1000;
    r.now.utc += 60 * 1000;
    rig_calendar(&r, PRES_CAL_MEETING, "after");
    rig_pass(&r, 1);
    /* One ran out meanwhile; the other one is told what is now, with a higher number than before. */
    for (int i = 0; i < 2; i++) {
        rig_expect(&r, "NOTIFY ", "Call-ID: ");
        if (strstr(r.sent[i].text, "Call-ID: short\r\n")) {
            assert_true(rig_has(r.sent[i].text, "terminated;reason=timeout"));
            continue;
        }
        assert_true(rig_has(r.sent[i].text, "<note>after</note>"));
        rig_header(&r, "CSeq", later);
        rig_answer(&r, 200, "");
    }
    rig_silence(&r);
    assert_true(strtol(later, NULL, 10) > strtol(cseq, NULL, 10));
    rig_forget(&r);
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.subscriptions, 1);
    assert_int_equal(c.resumed, 2);
    rig_ask(&r, &(struct ask){ .to_tag = tag, .call_id = "long", .cseq = 2, .expires = 3600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "active;expires=3600");
    rig_answer(&r, 200, "");
    /* And over for good. */
    rig_ask(&r, &(struct ask){ .to_tag = tag, .call_id = "long", .cseq = 3, .expires = 0 });
    rig_restart(&r);
    rig_pass(&r, 10000);
    rig_silence(&r);
    rig_done(&r);
}

/* RFC 3261 25.1 has names in UTF-8 only; others work, but nothing is left of them for a restart. */
static void test_not_stored(void **state)
{
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .expires = 600 }, tag);
    rig_forget(&r);
    rig_receive(&r, "SUBSCRIBE sip:bob@b.example SIP/2.0\r\n"
                    "Via: SIP/2.0/UDP 192.0.2.1:4444;branch=z9hG4bKx\r\nFrom: \"Jos\xe9\" "
                    "<sip:w@a.example>;tag=1\r\nTo: <sip:bob@b.example>\r\nCall-ID: c9\r\n"
                    "CSeq: 1 SUBSCRIBE\r\n" CONTACT "Event: presence\r\n\r\n");
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "To: \"Jos\xe9\" <sip:w@a.example>;tag=1\r\n");
    assert_int_equal(subscriptions(&r), 2);
    assert_int_equal(rig_records(&r, "sip-sub"), 1);
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_acl),
        cmocka_unit_test(test_user_names),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_newest_only),
        cmocka_unit_test(test_refresh_and_expiry),
        cmocka_unit_test(test_unsubscribe_and_fetch),
        cmocka_unit_test(test_contacts),
        cmocka_unit_test(test_other_transport),
        cmocka_unit_test(test_retransmission),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_not_known_there),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_connection_lost),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_blocked),
        cmocka_unit_test(test_turned_away),
        cmocka_unit_test(test_hidden_by_list),
        cmocka_unit_test(test_domain_leaves),
        cmocka_unit_test(test_goodbyes),
        cmocka_unit_test(test_many_stirred),
        cmocka_unit_test(test_user_leaves),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_not_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
