/* Users here with SIP clients, and contacts of theirs whom another front-end is the way to. */
#include "sip_client.h"

#define PLAIN "Content-Type: text/plain\r\n"

/* The way to x.example: what goes there, and what is to become of it. */
struct way {
    struct pres_front *front;
    char sent[300];
    int why; /* it is refused so at once; -1: it goes */
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

static const struct pres_frontend way_table = { .name = "way",
                                                .presence_abroad = way_presence,
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_failed),
        cmocka_unit_test(test_failed_by_sip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
