/* Peers that mean harm, and are admitted: too many subscriptions, the same bytes again, dialogs that never
 * end. What is broken in a message is in test_sip_msg and test_sip_core, lies about lengths and streams in
 * pieces in test_sip_frame and e2e.test_sip, who claims to be somebody else in test_sip_trust. */
#include "sip_test.h"

enum { ASKED = 20000, LIMIT = 5000 };

static uint64_t subscriptions(const struct rig *r)
{
    struct sip_counters c;

    sip_core_counters(r->sip, &c);
    return c.subscriptions;
}

/* ---- Too many from one; what a hundred thousand cost is measured in scenario.test_sip_floods ---- */

/* What was sent, and no more of it than the last answer is kept. */
struct sink {
    size_t answers_200, answers_503, notifies, others;
};

static uint64_t sink_send(const struct sip_peer *to, struct gw_str bytes, void *ctx)
{
    struct sink *s = ctx;
    bool is_503 = gw_str_starts(bytes, "SIP/2.0 503 ");

    s->answers_200 += gw_str_starts(bytes, "SIP/2.0 200 ");
    s->answers_503 += is_503 && memmem(bytes.p, bytes.len, "\r\nRetry-After: 60\r\n", 19);
    s->notifies += gw_str_starts(bytes, "NOTIFY ");
    s->others += is_503 && !memmem(bytes.p, bytes.len, "\r\nRetry-After: 60\r\n", 19);
    return to->conn ? to->conn : 9;
}

static void sink_wake(void *ctx)
{
    (void)ctx;
}

static void flood(struct sip_core *sip, const struct sip_peer *from, int count, struct gw_now now)
{
    char text[1024];

    for (int i = 0; i < count; i++) {
        int len = snprintf(
            text, sizeof(text),
            "SUBSCRIBE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK%d\r\nFrom: "
            "<sip:w%d@a.example>;tag=t\r\nTo: <sip:bob@b.example>\r\nCall-ID: c%d\r\nCSeq: 1 "
            "SUBSCRIBE\r\nContact: <sip:w@%.*s>\r\nEvent: presence\r\nExpires: 600\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            i, i, i, GW_STR_ARG(from->host));

        sip_core_receive(sip, from, (struct gw_str){ text, (size_t)len }, now);
    }
}

static void test_too_many(void **state)
{
    const struct sip_io io = { .send = sink_send, .local = rig_local, .wake = sink_wake };
    const struct sip_peer from = {
        .proto = SIP_TCP, .conn = 7, .host = GW_STR_INIT("192.0.2.1"), .port = 9
    };
    const struct sip_peer other = {
        .proto = SIP_TCP, .conn = 8, .host = GW_STR_INIT("192.0.2.2"), .port = 9
    };
    struct sink sink = { 0 };
    struct sip_counters c;
    struct sip_core *sip;
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.subscriptions_per_peer", "5000");
    r.pres_settings.watchers_max = GW_PARAM_WORD;
    sip_core_free(&r.sip);
    sip = sip_core_new(&(struct sip_core_args){
        .pres = r.pres, .settings = &r.settings, .io = &io, .io_ctx = &sink });
    flood(sip, &from, ASKED, r.now);
    sip_core_counters(sip, &c);
    assert_int_equal(sink.answers_200, LIMIT);
    assert_int_equal(sink.answers_503, ASKED - LIMIT);
    assert_int_equal(sink.others, 0);
    assert_int_equal(sink.notifies, LIMIT);
    assert_int_equal(c.subscriptions, LIMIT);
    assert_int_equal(c.refused_limit, ASKED - LIMIT);
    assert_int_equal(c.waiting, LIMIT); /* one request each, and nothing of who was refused */
    /* Others have their room. */
    flood(sip, &other, 1, r.now);
    assert_int_equal(sink.answers_200, LIMIT + 1);
    /* It answers none of them: all is gone. */
    for (int s = 0; s < 40; s++) {
        r.now.mono += GW_SECOND_MS;
        r.now.utc += GW_SECOND_MS;
        for (int i = 0; i < 20; i++)
            sip_core_tick(sip, r.now);
    }
    sip_core_counters(sip, &c);
    assert_int_equal(c.subscriptions, 0);
    assert_int_equal(c.waiting, 0);
    assert_int_equal(c.pending, 0);
    sip_core_free(&sip);
    rig_sip(&r);
    rig_done(&r);
}

/* ---- From elsewhere than they say ---- */

/* As many by UDP from an address that answers nothing: each is sent again and again, and so few are begun. */
static void test_unproven(void **state)
{
    static const struct {
        const char *method, *more;
    } requests[] = { { "SUBSCRIBE", "Event: presence\r\nExpires: 600\r\n" },
                     { "SUBSCRIBE", "Event: presence\r\nExpires: 0\r\n" },
                     { "INVITE", "" } };

    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        size_t taken = 0, later = 0;
        char text[1024];
        struct rig r;

        rig_init(&r);
        for (int n = 0; n < 200; n++) {
            (void)snprintf(text, sizeof(text),
                           "%s sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP "
                           "192.0.2.1;branch=z9hG4bK%d\r\nFrom: <sip:w%d@a.example>;tag=t\r\nTo: "
                           "<sip:bob@b.example>\r\nCall-ID: c\r\nCSeq: 1 %s\r\nContact: "
                           "<sip:w@192.0.2.1>\r\n%s\r\n",
                           requests[i].method, n, n, requests[i].method, requests[i].more);
            rig_receive(&r, text);
        }
        for (size_t n = 0; n < r.sent_count; n++) {
            taken += gw_str_starts(gw_str_of(r.sent[n].text), "SIP/2.0 200 ");
            later += gw_str_starts(gw_str_of(r.sent[n].text), "SIP/2.0 503 ");
        }
        assert_int_equal(taken, 100);
        assert_int_equal(later, 100);
        rig_done(&r);
    }
}

/* How often there is something to do in that time. */
static unsigned wakes(struct rig *r, int64_t ms)
{
    gw_time end = r->now.mono + ms, next;
    unsigned count = 0;

    while ((next = sip_core_deadline(r->sip)) <= end) {
        rig_pass(r, next > r->now.mono ? next - r->now.mono : 0);
        count++;
    }
    rig_pass(r, end - r->now.mono);
    return count;
}

/* A change for more watchers than datagrams that an address is sent at once: the next one for each that it
 * answers, and nobody waits for what was lost. */
static void test_datagrams(void **state)
{
    enum { WATCHERS = 150, AT_ONCE = 100 };
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    r.pres_settings.watchers_max = GW_PARAM_WORD;
    for (int n = 0; n < WATCHERS; n++) {
        char call_id[16];

        (void)snprintf(call_id, sizeof(call_id), "%d", n);
        rig_subscribe(&r, &(struct ask){ .call_id = call_id, .expires = 600 }, tag);
    }
    rig_pass(&r, 60 * GW_SECOND_MS);
    rig_forget(&r);
    rig_calendar(&r, PRES_CAL_MEETING, "In a meeting");
    rig_pass(&r, 100);
    assert_int_equal(r.sent_count, AT_ONCE);
    for (int n = 0; n < WATCHERS - AT_ONCE; n++) {
        assert_true(gw_str_starts(gw_str_of(rig_next(&r)), "NOTIFY "));
        rig_answer(&r, 200, "");
    }
    rig_pass(&r, 100);
    assert_int_equal(r.sent_count, WATCHERS);
    /* It is silent: who waits behind it is looked at seldom, and soon after it is back. */
    rig_pass(&r, 10 * GW_SECOND_MS);
    rig_forget(&r);
    rig_calendar(&r, PRES_CAL_NONE, "");
    assert_in_range(wakes(&r, 5 * GW_SECOND_MS), 1, 60);
    rig_done(&r);
}

/* Last words that nobody answers: those of one peer leave room for those to others. */
static void test_goodbyes(void **state)
{
    const struct sip_peer from = {
        .proto = SIP_TCP, .conn = 7, .host = GW_STR_INIT("192.0.2.1"), .port = 9
    };
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .call_id = "good", .expires = 600 }, tag);
    rig_forget(&r);
    for (int n = 0; n < 1000; n++) {
        char call_id[16];

        (void)snprintf(call_id, sizeof(call_id), "%d", n);
        rig_ask_from(&r,
                     &(struct sip_peer){
                         .proto = SIP_TCP, .conn = 7, .host = GW_STR_INIT("192.0.2.2"), .port = 9 },
                     &(struct ask){ .call_id = call_id, .expires = 0 });
        rig_forget(&r);
    }
    rig_ask_from(&r, &from,
                 &(struct ask){ .call_id = "good", .to_tag = tag, .cseq = 2, .expires = 0 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "terminated;reason=timeout");
    rig_done(&r);
}

/* A domain leaves, and its server has left before: who hears nothing is not told one by one for an hour, and
 * what it begins meanwhile waits. */
static void test_goodbyes_unheard(void **state)
{
    const struct sip_peer from = {
        .proto = SIP_TCP, .conn = 7, .host = GW_STR_INIT("192.0.2.2"), .port = 9
    };
    char call_id[16];
    struct rig r;

    (void)state;
    rig_init(&r);
    for (int n = 0; n < 600; n++) {
        (void)snprintf(call_id, sizeof(call_id), "%d", n);
        rig_ask_from(&r, &from, &(struct ask){ .call_id = call_id, .expires = 600 });
        (void)rig_next(&r);
        rig_expect(&r, "NOTIFY ", "active");
        rig_answer(&r, 200, "");
        rig_forget(&r);
    }
    rig_set(&r, "sip.domains", "lync.example");
    sip_core_settings_apply(r.sip);
    rig_pass(&r, 1000);
    assert_int_equal(subscriptions(&r), 600 - 250);
    rig_forget(&r);
    rig_ask_from(&r, &from,
                 &(struct ask){ .who = "w@lync.example", .call_id = "more", .expires = 600 });
    rig_expect(&r, "SIP/2.0 503 ", "Retry-After: 2\r\n");
    rig_pass(&r, 32000);
    assert_int_equal(subscriptions(&r), 0);
    rig_done(&r);
}

/* ---- From everywhere, as it says ---- */

enum { UNPROVEN_MAX = 10000 };

static void ask_forged(struct rig *r, unsigned i)
{
    char host[40], call_id[40];

    (void)snprintf(host, sizeof(host), "10.0.%u.%u", i / 256, i % 256);
    (void)snprintf(call_id, sizeof(call_id), "f%u", i);
    rig_ask_from(r, &(struct sip_peer){ .proto = SIP_UDP, .host = gw_str_of(host), .port = 4444 },
                 &(struct ask){ .call_id = call_id, .expires = 600 });
    rig_forget(r);
}

/* Of all that was begun by who has never answered the oldest makes room; who has answered stays, and who comes
 * then comes in. */
static void test_forged(void **state)
{
    char tag[256];
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.incoming_acl", "all");
    rig_set(&r, "sip.subscriptions_max", "10010");
    rig_subscribe(&r, &(struct ask){ .call_id = "honest", .expires = 600 }, tag);
    for (unsigned i = 0; i < UNPROVEN_MAX + 100; i++)
        ask_forged(&r, i);
    assert_int_equal(subscriptions(&r), UNPROVEN_MAX + 1);
    rig_subscribe(&r, &(struct ask){ .call_id = "honest 2", .expires = 600 }, tag);
    rig_done(&r);
}

/* ---- The same bytes again ---- */

#define HEAD(method, branch, to_tag, cseq)                                                         \
    method " sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:4444;branch=z9hG4bK" branch   \
           "\r\nFrom: <sip:w@a.example>;tag=peer\r\nTo: <sip:bob@b.example>" to_tag                \
           "\r\nCall-ID: c1\r\nCSeq: " cseq " " method "\r\nContact: <sip:w@192.0.2.1:4444>\r\n"   \
           "Max-Forwards: 70\r\n"

static void test_replayed(void **state)
{
    static const char first[] =
        HEAD("SUBSCRIBE", "1", "", "1") "Event: presence\r\nExpires: 600\r\n\r\n";
    static const char inside[] =
        HEAD("SUBSCRIBE", "%s", ";tag=%s", "2") "Event: presence\r\nExpires: %d\r\n\r\n";
    char refresh[1024], end[1024], to[256], answer[512];
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_receive(&r, first);
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_header(&r, "To", to);
    (void)snprintf(answer, sizeof(answer), "%s", r.sent[0].text);
    rig_expect(&r, "NOTIFY ", "");
    rig_answer(&r, 200, "");
    (void)snprintf(refresh, sizeof(refresh), inside, "2", strstr(to, "tag=") + 4, 600);
    (void)snprintf(end, sizeof(end), inside, "3", strstr(to, "tag=") + 4, 0);
    rig_receive(&r, refresh);
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "");
    rig_answer(&r, 200, "");
    /* At once: the same answers, and nothing happens. */
    rig_receive(&r, first);
    assert_string_equal(rig_next(&r), answer);
    rig_receive(&r, refresh);
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_silence(&r);
    assert_int_equal(subscriptions(&r), 1);
    /* Later, when nobody remembers the transaction: inside of the dialog numbers only grow. */
    rig_pass(&r, 60 * (int64_t)GW_SECOND_MS);
    rig_receive(&r, refresh);
    rig_expect(&r, "SIP/2.0 500 ", "");
    rig_receive(&r, end);
    rig_expect(&r, "SIP/2.0 500 ", "");
    rig_silence(&r);
    assert_int_equal(subscriptions(&r), 1);
    /* The first one begins another dialog; who is told of it knows nothing of it, and it is over. */
    rig_receive(&r, first);
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "");
    assert_int_equal(subscriptions(&r), 2);
    rig_answer(&r, 481, "");
    assert_int_equal(subscriptions(&r), 1);
    rig_done(&r);
}

/* An answer to a NOTIFY, again, late, of another's, and of nobody's. */
static void test_answers_replayed(void **state)
{
    static const char forged[] =
        "SIP/2.0 481 Gone\r\nVia: SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK0123456789abcdef\r\n"
        "From: <sip:bob@b.example>;tag=1\r\nTo: <sip:w@a.example>;tag=peer\r\nCall-ID: c1\r\n"
        "CSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n";
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .expires = 600 }, tag);
    rig_answer(&r, 481, "");
    rig_answer(&r, 200, "");
    rig_receive(&r, forged);
    rig_silence(&r);
    assert_int_equal(subscriptions(&r), 1);
    rig_done(&r);
}

/* ---- A peer that reads slowly, or not at all ---- */

static void test_full(void **state)
{
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.notify_interval_s", "0");
    rig_subscribe(&r, &(struct ask){ .expires = 600 }, tag);
    r.is_full = true;
    rig_calendar(&r, PRES_CAL_MEETING, "first");
    rig_pass(&r, 60 * (int64_t)GW_SECOND_MS);
    rig_calendar(&r, PRES_CAL_MEETING, "newest");
    rig_pass(&r, 1000);
    rig_silence(&r);
    r.is_full = false;
    rig_pass(&r, 100);
    rig_expect(&r, "NOTIFY ", "<note>newest</note>");
    rig_answer(&r, 200, "");
    rig_pass(&r, 1000);
    rig_silence(&r);
    /* It does not live longer for that. */
    r.is_full = true;
    rig_calendar(&r, PRES_CAL_NONE, "");
    rig_pass(&r, 600 * (int64_t)GW_SECOND_MS);
    rig_expect(&r, "NOTIFY ", "terminated;reason=timeout");
    assert_int_equal(subscriptions(&r), 0);
    rig_done(&r);
}

/* ---- Dialogs that never end ---- */

/* "100 Trying" for ever: it counts for nothing after 32 seconds. */
static void test_trying_for_ever(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_ask(&r, &(struct ask){ .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "");
    for (int i = 0; i < 40; i++) {
        rig_answer(&r, 100, "");
        rig_pass(&r, 1000);
    }
    assert_int_equal(subscriptions(&r), 0);
    rig_done(&r);
}

/* As long as he likes, but he has to ask again and again: what is granted has a limit. */
static void test_ages(void **state)
{
    char tag[256], request[1024];
    struct rig r;

    (void)state;
    rig_init(&r);
    (void)snprintf(
        request, sizeof(request), "%s",
        HEAD("SUBSCRIBE", "1", "", "1") "Event: presence\r\nExpires: 4294967295\r\n\r\n");
    rig_receive(&r, request);
    rig_expect(&r, "SIP/2.0 200 ", "Expires: 7446\r\n");
    rig_expect(&r, "NOTIFY ", "active;expires=7446\r\n");
    rig_answer(&r, 200, "");
    rig_pass(&r, 7446 * (int64_t)GW_SECOND_MS);
    rig_expect(&r, "NOTIFY ", "terminated;reason=timeout\r\n");
    assert_int_equal(subscriptions(&r), 0);
    rig_subscribe(&r, &(struct ask){ .call_id = "c2", .expires = 99999999 }, tag);
    rig_done(&r);
}

/* Each answer asks for another try at once: that is less and less often, and it ends when it expires. */
static void test_retry_for_ever(void **state)
{
    int tries = 0;
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_ask(&r, &(struct ask){ .expires = 3600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "active");
    while (subscriptions(&r) && tries++ < 1000) {
        rig_answer(&r, 503, "Retry-After: 0\r\n");
        rig_forget(&r);
        rig_wait(&r, 300 * (int64_t)GW_SECOND_MS);
        rig_expect(&r, "NOTIFY ", "");
    }
    assert_true(rig_has(r.sent[r.taken - 1].text, "terminated;reason=timeout\r\n"));
    assert_in_range(tries, 10, 30);
    rig_done(&r);
}

/* RFC 6665 4.2.2: who knows nothing of it is not asked again, whatever else he says. */
static void test_unknown_later(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_ask(&r, &(struct ask){ .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "active");
    rig_answer(&r, 481, "Retry-After: 1\r\n");
    assert_int_equal(subscriptions(&r), 0);
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_many),         cmocka_unit_test(test_unproven),
        cmocka_unit_test(test_goodbyes),         cmocka_unit_test(test_goodbyes_unheard),
        cmocka_unit_test(test_forged),           cmocka_unit_test(test_replayed),
        cmocka_unit_test(test_answers_replayed), cmocka_unit_test(test_full),
        cmocka_unit_test(test_trying_for_ever),  cmocka_unit_test(test_ages),
        cmocka_unit_test(test_retry_for_ever),   cmocka_unit_test(test_unknown_later),
        cmocka_unit_test(test_datagrams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
