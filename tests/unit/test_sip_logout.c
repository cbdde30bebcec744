/* Users here who may not log in any more: what they had begun with their SIP clients ends with it, whatever it
 * is, also when they have never registered; what a server of ours vouches for goes on. */
#include "sip_client.h"

#define CONTACT "Contact: <sip:alice@198.51.100.7:40000>\r\n"
#define WATCH   "Event: presence\r\nExpires: 3600\r\n" CONTACT
#define WINFO   "Event: presence.winfo\r\nExpires: 3600\r\n" CONTACT
#define INVITE  "Content-Type: application/sdp\r\n" CONTACT
#define PEER(method)                                                                               \
    method " sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:4444;branch=z9hG4bKp" method  \
           "\r\nFrom: <sip:w@a.example>;tag=peer\r\nCall-ID: in\r\nCSeq: 1 " method                \
           "\r\nContact: <sip:w@192.0.2.1:4444>\r\nMax-Forwards: 70\r\n"
#define SDP                                                                                        \
    "v=0\r\no=- 0 0 IN IP4 10.0.0.7\r\ns=-\r\nc=IN IP4 10.0.0.7\r\nt=0 0\r\n"                      \
    "m=message 5060 sip null\r\n"

static bool are_refused; /* nobody may log in */

static bool credentials(struct gw_str user, struct sip_ha1 *out, const char **why, void *ctx)
{
    *why = "disabled";
    return !are_refused && rig_credentials(user, out, why, ctx);
}

static struct sip_counters counters(const struct rig *r)
{
    struct sip_counters c;

    sip_core_counters(r->sip, &c);
    return c;
}

/* A server of ours, which has asked her itself, subscribes for alice, too. */
static void start(struct rig *r)
{
    char tag[256];

    are_refused = false;
    rig_init_with(r, credentials);
    rig_set(r, "sip.login", "both");
    rig_authorize(r, "local");
    rig_set(r, "sip.domains", "a.example, b.example@192.0.2.1");
    rig_subscribe(r, &(struct ask){ .who = "alice@b.example", .expires = 3600 }, tag);
    rig_forget(r);
}

static void subscribe(struct rig *r, struct client *c, const char *whom, const char *headers)
{
    client_ask(r, c, "SUBSCRIBE", whom, headers, "");
    rig_expect(r, "SIP/2.0 200 ", "");
    rig_expect(r, "NOTIFY ", "Subscription-State: active");
    rig_answer(r, 200, "");
}

/* Two subscriptions of one who has never registered, and a session; its 200 into to. */
static void begin_all(struct rig *r, struct client *c, char to[256])
{
    client_init(c, "alice");
    subscribe(r, c, "sip:bob@b.example", WATCH);
    subscribe(r, c, "sip:alice@b.example", WINFO);
    client_ask(r, c, "INVITE", "sip:bob@b.example", INVITE, SDP);
    rig_expect(r, "SIP/2.0 200 ", "");
    rig_header(r, "To", to);
    assert_int_equal(counters(r).subscriptions, 3);
    assert_int_equal(counters(r).sessions, 1);
}

/* In the session, with a proof as long as there is one. */
static void send_inside(struct rig *r, struct client *c, const char *to, const char *method,
                        const char *body)
{
    struct gw_buf b;

    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "%s sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.7:5060;rport;"
                "branch=z9hG4bKi%s%u\r\nFrom: <sip:alice@b.example>;tag=mine\r\nTo: %s\r\n"
                "Call-ID: %s\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\n",
                method, method, c->cseq, to, c->call_id, c->cseq, method);
    if (strcmp(method, "ACK") != 0)
        client_prove(c, method, "sip:bob@b.example", &b);
    gw_buf_addf(&b, "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
                body);
    rig_receive_from(r, &c->peer, b.p);
    gw_buf_done(&b);
}

static void refuse(struct rig *r)
{
    are_refused = true;
    pres_user_end_sessions(r->pres, GW_STR("alice@b.example"), PRES_END_REFUSED, r->now);
}

static void remove_user(struct rig *r)
{
    are_refused = true;
    pres_user_remove(r->pres, GW_STR("alice@b.example"), r->now);
}

static void switch_off(struct rig *r)
{
    rig_set(r, "sip.login", "off");
    sip_core_settings_apply(r->sip);
}

static void change_password(struct rig *r)
{
    pres_user_end_sessions(r->pres, GW_STR("alice@b.example"), PRES_END_REFUSED, r->now);
}

static bool was_sent_before(const struct rig *r, size_t i)
{
    size_t k = 0;

    while (k < i && strcmp(r->sent[k].text, r->sent[i].text) != 0)
        k++;
    return k < i;
}

/* Of what was sent; what was sent again counts once. */
static unsigned count(const struct rig *r, const char *start, const char *part)
{
    unsigned n = 0;

    for (size_t i = 0; i < r->sent_count; i++)
        n += strncmp(r->sent[i].text, start, strlen(start)) == 0 && strstr(r->sent[i].text, part) &&
             !was_sent_before(r, i);
    return n;
}

static void test_all_ends(void **state)
{
    static void (*const how[])(struct rig * r) = { refuse, remove_user, switch_off,
                                                   change_password };

    (void)state;
    for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        struct client c;
        char to[256];
        struct rig r;

        start(&r);
        begin_all(&r, &c, to);
        send_inside(&r, &c, to, "ACK", "");
        rig_forget(&r);
        how[i](&r);
        rig_pass(&r, 1);
        assert_int_equal(count(&r, "NOTIFY sip:alice@198.51.100.7:40000 ",
                               "Subscription-State: terminated;reason=rejected\r\n"
                               "Content-Length: 0\r\n"),
                         2);
        assert_int_equal(count(&r, "BYE sip:alice@198.51.100.7:40000 ", ""), 1);
        assert_int_equal(counters(&r).subscriptions, 1);
        /* Nothing is said, or shown, any more; and no restart brings it back. */
        for (r.taken = 0; r.taken < r.sent_count;) {
            r.taken++;
            rig_answer(&r, 200, "");
        }
        assert_int_equal(counters(&r).sessions, 0);
        rig_forget(&r);
        rig_calendar(&r, PRES_CAL_MEETING, "In a meeting");
        rig_pass(&r, 2000);
        assert_int_equal(count(&r, "NOTIFY sip:alice@198.51.100.7:40000 ", ""), 0);
        assert_int_equal(count(&r, "NOTIFY sip:w@192.0.2.1:4444 ", "<rpid:meeting"), 1);
        rig_restart(&r);
        assert_int_equal(counters(&r).subscriptions, 1);
        rig_done(&r);
    }
}

/* She is shut out before her client has acknowledged: it is not heard meanwhile, and BYE waits. */
static void test_session_called(void **state)
{
    struct pres_session *bob;
    struct client c;
    char to[256];
    struct rig r;

    (void)state;
    start(&r);
    bob = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
    begin_all(&r, &c, to);
    change_password(&r); /* which she knows: each request is still proved */
    rig_pass(&r, 1);
    rig_forget(&r);
    c.cseq++;
    send_inside(&r, &c, to, "MESSAGE", "one more");
    rig_expect(&r, "SIP/2.0 481 ", "");
    assert_string_equal(r.said, "");
    c.cseq--;
    send_inside(&r, &c, to, "ACK", "");
    rig_pass(&r, 1);
    assert_int_equal(count(&r, "BYE ", ""), 1);
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

/* Dialogs of one who may log in go on after a restart, and end as they would have before it. */
static void test_restart(void **state)
{
    struct client c;
    char to[256];
    struct rig r;

    (void)state;
    start(&r);
    begin_all(&r, &c, to);
    rig_restart(&r);
    assert_int_equal(counters(&r).subscriptions, 3);
    rig_pass(&r, 2000);
    assert_int_equal(
        count(&r, "NOTIFY sip:alice@198.51.100.7:40000 ", "Subscription-State: active"), 2);
    change_password(&r);
    rig_pass(&r, 1);
    assert_int_equal(
        count(&r, "NOTIFY sip:alice@198.51.100.7:40000 ", "terminated;reason=rejected"), 2);
    assert_int_equal(counters(&r).subscriptions, 1);
    rig_done(&r);
}

/* It ended without our doing: she is found to be shut out at the start. */
static void test_restart_refused(void **state)
{
    struct client c;
    char to[256];
    struct rig r;

    (void)state;
    start(&r);
    begin_all(&r, &c, to);
    client_register(&r, &c, CONTACT);
    are_refused = true;
    rig_restart(&r);
    assert_int_equal(counters(&r).registered, 0);
    rig_pass(&r, 2000);
    assert_int_equal(count(&r, "NOTIFY sip:alice@198.51.100.7:40000 ", ""), 2);
    assert_int_equal(count(&r, "NOTIFY ",
                           "Subscription-State: terminated;reason=rejected\r\n"
                           "Content-Length: 0\r\n"),
                     2);
    assert_int_equal(counters(&r).subscriptions, 1);
    are_refused = false;
    rig_restart(&r);
    assert_int_equal(counters(&r).subscriptions, 1);
    rig_done(&r);
}

/* The settings are other ones: a peer that may not come, or not speak for the domain, any more is not heard in
 * the session that it has. */
static void test_session_settings(void **state)
{
    static const struct {
        const char *key, *value;
        bool ends;
    } cases[] = {
        { "sip.domains", "a.example", false },
        { "sip.domains", "a.example@192.0.2.0/24", false },
        { "sip.domains", "a.example@192.0.2.9", true },
        { "sip.incoming_acl", "192.0.2.1, 198.51.100.1", false },
        { "sip.incoming_acl", "partner.example", true }, /* it came in by its address */
        { "sip.incoming_acl", "198.51.100.1", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pres_session *bob;
        char to[256], text[1024];
        struct rig r;

        rig_init(&r);
        bob = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
        rig_receive(&r, PEER("INVITE") "To: <sip:bob@b.example>\r\n\r\n");
        rig_expect(&r, "SIP/2.0 200 ", "");
        rig_header(&r, "To", to);
        rig_set(&r, cases[i].key, cases[i].value);
        sip_core_settings_apply(r.sip);
        rig_pass(&r, 1);
        rig_silence(&r); /* BYE waits for the ACK */
        (void)snprintf(text, sizeof(text), PEER("ACK") "To: %s\r\n\r\n", to);
        rig_receive(&r, text);
        rig_pass(&r, 1);
        if (cases[i].ends != count(&r, "BYE ", ""))
            print_error("case %zu\n", i);
        assert_int_equal(count(&r, "BYE ", ""), cases[i].ends);
        pres_session_free(&bob, r.now);
        rig_done(&r);
    }
}

/* Whoever has nothing any more needs no session in the core; whoever has too many clients gets none. */
static void test_sessions_in_core(void **state)
{
    struct pres_session *s;
    struct client c;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&c, "alice");
    client_ask(&r, &c, "SUBSCRIBE", "sip:bob@b.example",
               "Event: presence\r\nExpires: 0\r\n" CONTACT, "");
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "terminated;reason=timeout");
    assert_null(pres_session_next(r.pres, GW_STR("alice@b.example"), NULL));
    r.pres_settings.sessions_max = 1;
    s = rig_login(&r, "alice@b.example", PRES_AVAILABLE);
    client_ask(&r, &c, "SUBSCRIBE", "sip:bob@b.example", WATCH, "");
    rig_expect(&r, "SIP/2.0 503 ", "");
    client_ask(&r, &c, "INVITE", "sip:bob@b.example", INVITE, SDP);
    rig_expect(&r, "SIP/2.0 503 ", "");
    assert_int_equal(counters(&r).subscriptions, 1);
    assert_int_equal(counters(&r).sessions, 0);
    pres_session_free(&s, r.now);
    rig_done(&r);
}

/* Who watches a user is told to nobody but him, nor sent elsewhere by a server that vouches for him. */
static void test_watcher_info_refresh(void **state)
{
    char to[256];
    struct client c;
    struct gw_buf b;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&c, "bob");
    client_ask(&r, &c, "SUBSCRIBE", "sip:bob@b.example", WINFO, "");
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_header(&r, "To", to);
    rig_expect(&r, "NOTIFY ", "");
    rig_answer(&r, 200, "");
    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "SUBSCRIBE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:4444;"
                "branch=z9hG4bKwi\r\nFrom: <sip:bob@b.example>;tag=mine\r\nTo: %s\r\n"
                "Call-ID: %s\r\nCSeq: 99 SUBSCRIBE\r\nContact: <sip:spy@192.0.2.1:4444>\r\n"
                "Event: presence.winfo\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
                to, c.call_id);
    rig_receive(&r, b.p);
    gw_buf_done(&b);
    rig_expect(&r, "SIP/2.0 403 ", "");
    rig_silence(&r);
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ends),
        cmocka_unit_test(test_session_called),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_restart_refused),
        cmocka_unit_test(test_session_settings),
        cmocka_unit_test(test_sessions_in_core),
        cmocka_unit_test(test_watcher_info_refresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
