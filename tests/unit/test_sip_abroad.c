/* Users here with SIP clients, and contacts of theirs whom another front-end is the way to. */
#include "sip_client.h"

#define PLAIN "Content-Type: text/plain\r\n"

/* The way to x.example: what goes there, and what is to become of it. */
struct way {
    struct pres_front *front;
    char sent[300];
    char asked[300]; /* requests and probes */
    int why;         /* it is refused so at once; -1: it goes */
};

static void way_presence(const struct pres_doc *doc, const struct gw_str *to, size_t count,
                         void *ctx)
{
    (void)doc;
    (void)to;
    (void)count;
    (void)ctx;
}

static bool way_message(const struct pres_message *m, enum pres_failure *why, void *ctx)
{
    struct way *w = ctx;

    (void)snprintf(w->sent, sizeof(w->sent), "%.*s > %.*s %s%d: %.*s", GW_STR_ARG(m->from),
                   GW_STR_ARG(m->to), m->id.len ? "id " : "", (int)m->chat, GW_STR_ARG(m->body));
    if (w->why >= 0)
        *why = (enum pres_failure)w->why;
    return w->why < 0;
}

static void way_request(enum pres_request request, struct gw_str from, struct gw_str to,
                        struct gw_str extra, void *ctx)
{
    static const char *const names[] = { "subscribe", "subscribed", "unsubscribe", "unsubscribed" };
    struct way *w = ctx;
    size_t len = strlen(w->asked);

    (void)extra;
    (void)snprintf(w->asked + len, sizeof(w->asked) - len, "%s %.*s > %.*s\n", names[request],
                   GW_STR_ARG(from), GW_STR_ARG(to));
}

static void way_probe(struct gw_str from, struct gw_str to, void *ctx)
{
    struct way *w = ctx;
    size_t len = strlen(w->asked);

    (void)snprintf(w->asked + len, sizeof(w->asked) - len, "probe %.*s > %.*s\n", GW_STR_ARG(from),
                   GW_STR_ARG(to));
}

static const struct pres_frontend way_table = { .name = "way",
                                                .presence_abroad = way_presence,
                                                .request_abroad = way_request,
                                                .probe_abroad = way_probe,
                                                .message_abroad = way_message };

static void begin(struct rig *r, struct way *w, struct client *c)
{
    *w = (struct way){ .why = -1 };
    rig_init_with(r, rig_credentials);
    rig_set(r, "sip.login", "both");
    w->front = pres_frontend_register(r->pres, &way_table, w);
    pres_route_set(r->pres, GW_STR("x.example"), w->front);
    client_init(c, "bob");
}

/* It goes the way that is one, from the client while there is one. */
static void test_message(void **state)
{
    struct client c;
    struct way w;
    struct rig r;

    (void)state;
    begin(&r, &w, &c);
    client_ask(&r, &c, "MESSAGE", "sip:ann@x.example", PLAIN, "hello");
    rig_expect(&r, "SIP/2.0 202 ", "");
    assert_string_equal(w.sent, "bob@b.example > ann@x.example id 0: hello");
    client_register(&r, &c, "Contact: <sip:bob@198.51.100.7:40000>;expires=600\r\n");
    rig_expect(&r, "SIP/2.0 200 ", "");
    client_ask(&r, &c, "MESSAGE", "sip:ann@x.example", PLAIN, "again");
    rig_expect(&r, "SIP/2.0 202 ", "");
    assert_memory_equal(w.sent, "bob@b.example/sip-", 18);
    client_ask(&r, &c, "MESSAGE", "sip:ann@x.example",
               "Content-Type: application/im-iscomposing+xml\r\n",
               "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>active</state>"
               "</isComposing>");
    rig_expect(&r, "SIP/2.0 202 ", "");
    assert_non_null(strstr(w.sent, " 2: "));
    rig_done(&r);
}

/* What is known at once is the answer. */
static void test_refused(void **state)
{
    static const struct {
        enum pres_failure why;
        const char *answer;
    } cases[] = {
        { PRES_FAILED_NOBODY, "SIP/2.0 404 " }, { PRES_FAILED_REFUSED, "SIP/2.0 403 " },
        { PRES_FAILED_AWAY, "SIP/2.0 480 " },   { PRES_FAILED_UNFIT, "SIP/2.0 488 " },
        { PRES_FAILED_FULL, "SIP/2.0 500 " },   { PRES_FAILED_UNREACHED, "SIP/2.0 504 " },
    };
    struct client c;
    struct way w;
    struct rig r;

    (void)state;
    begin(&r, &w, &c);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        w.why = (int)cases[i].why;
        client_ask(&r, &c, "MESSAGE", "sip:ann@x.example", PLAIN, "hello");
        rig_expect(&r, cases[i].answer, "");
    }
    rig_done(&r);
}

static void say_failed(struct rig *r, const struct way *w, enum pres_failure why)
{
    const char *end = strstr(w->sent, " > ");

    assert_non_null(end);
    pres_message_failed(
        r->pres,
        &(struct pres_message){ .from = gw_str_sub(gw_str_of(w->sent), 0, (size_t)(end - w->sent)),
                                .to = GW_STR("ann@x.example"),
                                .id = GW_STR("1") },
        why);
    rig_pass(r, 0);
}

/* What is known later is told by a message; nobody is told of what has become of that. */
static void test_failed(void **state)
{
    struct client c;
    struct way w;
    struct rig r;

    (void)state;
    begin(&r, &w, &c);
    client_ask(&r, &c, "MESSAGE", "sip:ann@x.example", PLAIN, "hello");
    rig_expect(&r, "SIP/2.0 202 ", "");
    say_failed(&r, &w, PRES_FAILED_AWAY);
    rig_silence(&r); /* he is not registered */
    client_register(&r, &c, "Contact: <sip:bob@198.51.100.7:40000>;expires=600\r\n");
    rig_expect(&r, "SIP/2.0 200 ", "");
    client_ask(&r, &c, "MESSAGE", "sip:ann@x.example", PLAIN, "hello");
    rig_expect(&r, "SIP/2.0 202 ", "");
    say_failed(&r, &w, PRES_FAILED_AWAY);
    rig_expect(&r, "MESSAGE sip:bob@198.51.100.7:40000 SIP/2.0\r\n",
               "\r\n\r\nNot delivered: nobody is there to read it.");
    assert_true(rig_has(r.sent[r.taken - 1].text, "From: <sip:ann@x.example>;tag="));
    rig_answer(&r, 480, "");
    rig_pass(&r, 1000);
    rig_silence(&r);
    rig_done(&r);
}

/* The same of one that went by SIP. */
static void test_failed_by_sip(void **state)
{
    struct client c;
    struct way w;
    struct rig r;

    (void)state;
    begin(&r, &w, &c);
    rig_set(&r, "sip.routes", ".example.a.*=udp:192.0.2.9:5060/1");
    client_register(&r, &c, "Contact: <sip:bob@198.51.100.7:40000>;expires=600\r\n");
    rig_expect(&r, "SIP/2.0 200 ", "");
    client_ask(&r, &c, "MESSAGE", "sip:ann@a.example", PLAIN, "hello");
    rig_expect(&r, "SIP/2.0 202 ", "");
    rig_pass(&r, 0);
    rig_expect(&r, "MESSAGE sip:ann@a.example SIP/2.0\r\n", "From: <sip:bob@b.example>;tag=");
    rig_answer(&r, 404, "");
    rig_pass(&r, 0);
    rig_expect(&r, "MESSAGE sip:bob@198.51.100.7:40000 SIP/2.0\r\n",
               "\r\n\r\nNot delivered: there is nobody with this address.");
    rig_done(&r);
}

/* ---- Presence ---- */

#define EVENT(expires)                                                                             \
    "Event: presence\r\nContact: <sip:bob@198.51.100.7:40000>\r\nExpires: " expires "\r\n"

static void expect_asked(struct way *w, const char *what)
{
    assert_string_equal(w->asked, what);
    w->asked[0] = '\0';
}

static void says(struct rig *r, const struct way *w, const char *resource, enum pres_show show,
                 int priority, const char *text)
{
    const struct pres_client client = { .show = show,
                                        .priority = priority,
                                        .text = gw_str_of(text) };

    assert_int_equal(pres_abroad_presence(r->pres, w->front, GW_STR("ann@x.example"),
                                          gw_str_of(resource), GW_STR("bob@b.example"), GW_STR(""),
                                          &client),
                     GW_OK);
    rig_wait(r, 2000);
}

static void grants(struct rig *r, enum pres_request request)
{
    pres_abroad_request(r->pres, request, GW_STR("ann@x.example"), GW_STR("bob@b.example"),
                        GW_STR(""));
    rig_wait(r, 2000);
}

static void told(struct rig *r, const char *state, const char *part)
{
    rig_expect(r, "NOTIFY ", state);
    assert_true(rig_has(r->sent[r->taken - 1].text, part));
    rig_answer(r, 200, "");
}

#define PENDING  "Subscription-State: pending;expires="
#define ACTIVE   "Subscription-State: active;expires="
#define REJECTED "Subscription-State: terminated;reason=rejected\r\n"

/* A client of bob's watches ann, who is asked, says yes, and is seen. */
static void watch(struct rig *r, struct way *w, struct client *c)
{
    client_ask(r, c, "SUBSCRIBE", "sip:ann@x.example", EVENT("600"), "");
    rig_expect(r, "SIP/2.0 200 ", "Expires: 600\r\n");
    told(r, PENDING, "Content-Length: 0\r\n");
    expect_asked(w, "subscribe bob@b.example > ann@x.example\n");
    says(r, w, "r", PRES_AVAILABLE, 0, "not yet");
    rig_silence(r); /* she has not said yes */
    grants(r, PRES_SUBSCRIBED);
    told(r, ACTIVE, "<basic>closed</basic>");
    says(r, w, "r", PRES_AWAY, 0, "at lunch");
    told(r, ACTIVE, "at lunch");
    assert_true(rig_has(r->sent[r->taken - 1].text, "entity=\"sip:ann@x.example\""));
}

static void test_watch(void **state)
{
    struct client c;
    struct way w;
    struct rig r;

    (void)state;
    begin(&r, &w, &c);
    watch(&r, &w, &c);
    /* The resource of the highest priority is the one that counts. */
    says(&r, &w, "low", PRES_AVAILABLE, -1, "in my pocket");
    rig_silence(&r);
    says(&r, &w, "high", PRES_DND, 5, "do not disturb");
    told(&r, ACTIVE, "do not disturb");
    says(&r, &w, "high", PRES_OFFLINE, 0, "");
    told(&r, ACTIVE, "at lunch");
    pres_abroad_lost(r.pres, GW_STR("ann@x.example"), GW_STR("bob@b.example"));
    rig_wait(&r, 2000);
    told(&r, ACTIVE, "<basic>closed</basic>");
    grants(&r, PRES_UNSUBSCRIBED);
    rig_expect(&r, "NOTIFY ", REJECTED);
    assert_true(rig_has(r.sent[r.taken - 1].text, "Content-Length: 0\r\n"));
    rig_answer(&r, 200, "");
    assert_int_equal(r.sent_count, r.taken);
    rig_done(&r);
}

/* She says no; and bob's XMPP client takes her off his roster. */
static void test_watch_refused(void **state)
{
    struct pres_session *bob;
    struct client c, d;
    struct gw_err err;
    struct way w;
    struct rig r;

    (void)state;
    begin(&r, &w, &c);
    client_ask(&r, &c, "SUBSCRIBE", "sip:ann@x.example", EVENT("600"), "");
    rig_expect(&r, "SIP/2.0 200 ", "");
    told(&r, PENDING, "");
    grants(&r, PRES_UNSUBSCRIBED);
    rig_expect(&r, "NOTIFY ", REJECTED);
    rig_answer(&r, 200, "");
    w.asked[0] = '\0';
    client_init(&d, "bob");
    watch(&r, &w, &d);
    bob = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
    assert_int_equal(
        pres_request_send(bob, PRES_UNSUBSCRIBE, GW_STR("ann@x.example"), GW_STR(""), &err), GW_OK);
    rig_wait(&r, 2000);
    rig_expect(&r, "NOTIFY ", REJECTED);
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* What the roster has is seen at once, and two clients ask once; what is fetched asks nobody. */
static void test_watch_contact(void **state)
{
    struct client c, d, e;
    struct way w;
    struct rig r;

    (void)state;
    begin(&r, &w, &c);
    client_init(&d, "bob");
    client_init(&e, "bob");
    client_ask(&r, &e, "SUBSCRIBE", "sip:ann@x.example", EVENT("0"), "");
    rig_expect(&r, "SIP/2.0 200 ", "");
    told(&r, "Subscription-State: terminated;reason=timeout\r\n", "Content-Length: 0\r\n");
    expect_asked(&w, "");
    watch(&r, &w, &c);
    client_ask(&r, &d, "SUBSCRIBE", "sip:ann@x.example", EVENT("600"), "");
    rig_expect(&r, "SIP/2.0 200 ", "");
    told(&r, ACTIVE, "at lunch");
    expect_asked(&w, "probe bob@b.example > ann@x.example\n");
    says(&r, &w, "r", PRES_XA, 0, "gone");
    told(&r, ACTIVE, "gone");
    told(&r, ACTIVE, "gone");
    rig_done(&r);
}

/* After a restart she is asked what she does now; when nobody looks any more nothing is kept. */
static void test_watch_restart(void **state)
{
    struct client c;
    struct way w;
    struct rig r;

    (void)state;
    begin(&r, &w, &c);
    watch(&r, &w, &c);
    rig_restart(&r);
    w.front = pres_frontend_register(r.pres, &way_table, &w);
    pres_route_set(r.pres, GW_STR("x.example"), w.front);
    rig_wait(&r, 2000);
    told(&r, ACTIVE, "<basic>closed</basic>");
    says(&r, &w, "r", PRES_XA, 0, "back");
    told(&r, ACTIVE, "back");
    assert_true(pres_abroad_is_known(r.pres, GW_STR("bob@b.example"), GW_STR("ann@x.example"),
                                     GW_STR("r")));
    rig_wait(&r, 600 * (int64_t)GW_SECOND_MS);
    told(&r, "Subscription-State: terminated;reason=timeout\r\n", "back");
    rig_pass(&r, 1000);
    says(&r, &w, "r", PRES_AWAY, 0, "unseen");
    assert_false(pres_abroad_is_known(r.pres, GW_STR("bob@b.example"), GW_STR("ann@x.example"),
                                      GW_STR("r")));
    rig_done(&r);
}

/* By SIP: one subscription abroad for both clients. */
static void test_watch_by_sip(void **state)
{
    struct sip_counters n;
    struct client c, d;
    struct way w;
    struct rig r;

    (void)state;
    begin(&r, &w, &c);
    client_init(&d, "bob");
    rig_set(&r, "sip.routes", ".example.a.*=udp:192.0.2.9:5060/1");
    client_ask(&r, &c, "SUBSCRIBE", "sip:ann@a.example", EVENT("600"), "");
    rig_expect(&r, "SIP/2.0 200 ", "");
    told(&r, PENDING, "");
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE sip:ann@a.example SIP/2.0\r\n", "From: <sip:bob@b.example>;tag=");
    client_ask(&r, &d, "SUBSCRIBE", "sip:ann@a.example", EVENT("600"), "");
    rig_expect(&r, "SIP/2.0 200 ", "");
    told(&r, PENDING, "");
    rig_pass(&r, 0);
    rig_silence(&r);
    sip_core_counters(r.sip, &n);
    assert_int_equal(n.watches, 1);
    r.taken -= 3;
    rig_answer(&r, 404, "");
    r.taken += 3;
    rig_pass(&r, 1000);
    rig_expect(&r, "NOTIFY ", REJECTED);
    rig_expect(&r, "NOTIFY ", REJECTED);
    rig_done(&r);
}

/* Where there is no way, or who has not logged in. */
static void test_watch_nobody(void **state)
{
    struct client c;
    struct way w;
    struct rig r;

    (void)state;
    begin(&r, &w, &c);
    client_ask(&r, &c, "SUBSCRIBE", "sip:ann@nowhere.example", EVENT("600"), "");
    rig_expect(&r, "SIP/2.0 404 ", "");
    client_ask(&r, &c, "SUBSCRIBE", "sip:nobody@b.example", EVENT("600"), "");
    rig_expect(&r, "SIP/2.0 404 ", "");
    rig_receive(&r, "SUBSCRIBE sip:ann@x.example SIP/2.0\r\nVia: SIP/2.0/UDP "
                    "192.0.2.1:4444;branch=z9hG4bKstranger\r\nFrom: <sip:w@a.example>;tag=1\r\n"
                    "To: <sip:ann@x.example>\r\nCall-ID: s\r\nCSeq: 1 SUBSCRIBE\r\nContact: "
                    "<sip:w@192.0.2.1:4444>\r\nEvent: presence\r\nMax-Forwards: 70\r\n"
                    "Content-Length: 0\r\n\r\n");
    rig_expect(&r, "SIP/2.0 404 ", "");
    expect_asked(&w, "");
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_failed),        cmocka_unit_test(test_failed_by_sip),
        cmocka_unit_test(test_watch),         cmocka_unit_test(test_watch_refused),
        cmocka_unit_test(test_watch_contact), cmocka_unit_test(test_watch_restart),
        cmocka_unit_test(test_watch_by_sip),  cmocka_unit_test(test_watch_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
