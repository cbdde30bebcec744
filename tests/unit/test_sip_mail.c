/* SIP peers know users here by their mail addresses, when the settings say so; our own do not. */
#include "sip_test.h"

static void begin(struct rig *r, struct pres_session **bob)
{
    rig_init(r);
    rig_set(r, "sip.routes", "example.a=udp:192.0.2.1:4444");
    r->pres_settings.mail = 1;
    pres_settings_apply(r->pres, r->now);
    pres_mail_domain_add(r->pres, GW_STR("m.example"));
    pres_user_mail_set(r->pres, GW_STR("bob@b.example"), GW_STR("robert@m.example"));
    pres_mail_start(r->pres);
    *bob = rig_login(r, "bob@b.example", PRES_AVAILABLE);
    pres_roster_get(*bob, rig_item, NULL);
}

static void end(struct rig *r, struct pres_session **bob)
{
    pres_session_free(bob, r->now);
    rig_done(r);
}

static void receive(struct rig *r, const char *method, const char *from, const char *to,
                    const char *more, const char *body)
{
    static unsigned branch;
    struct gw_buf b;

    branch++;
    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "%s sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:4444;branch=z9hG4bKe%u\r\nFrom: "
                "<sip:%s>;tag=1\r\nTo: <sip:%s>\r\nCall-ID: e%u\r\nCSeq: 1 %s\r\nContact: "
                "<sip:w@192.0.2.1:4444>\r\n%sContent-Length: %zu\r\n\r\n%s",
                method, to, branch, from, to, branch, method, more, strlen(body), body);
    rig_receive(r, b.p);
    gw_buf_done(&b);
}

static void subscribe(struct rig *r, const char *from, const char *to)
{
    receive(r, "SUBSCRIBE", from, to, "Event: presence\r\nExpires: 600\r\n", "");
}

static void test_watched(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    rig_set(&r, "sip.domains", "a.example, b.example@192.0.2.1");
    subscribe(&r, "w@a.example", "bob@b.example");
    rig_expect(&r, "SIP/2.0 404 ", "");
    assert_int_equal(r.asked, 0);
    subscribe(&r, "w@a.example", "nobody@m.example");
    rig_expect(&r, "SIP/2.0 404 ", "");
    subscribe(&r, "w@a.example", "robert@m.example");
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "From: <sip:robert@m.example>;tag=");
    assert_true(rig_has(r.sent[r.taken - 1].text, "robert@m.example\""));
    assert_null(strstr(r.sent[r.taken - 1].text, "bob@b.example"));
    rig_answer(&r, 200, "");
    /* Of our own domain: by the names of here. */
    subscribe(&r, "alice@b.example", "bob@b.example");
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "bob@b.example\"");
    rig_answer(&r, 200, "");
    /* Another name: the watcher has to ask for it, and our own notice nothing. */
    r.pres_settings.mail = 0;
    pres_settings_apply(r.pres, r.now);
    rig_wait(&r, 10 * (int64_t)GW_SECOND_MS);
    rig_expect(&r, "NOTIFY ", "Subscription-State: terminated;reason=noresource\r\n");
    assert_null(strstr(r.sent[r.taken - 1].text, "bob@b.example"));
    rig_answer(&r, 200, "");
    rig_silence(&r);
    subscribe(&r, "w@a.example", "robert@m.example");
    rig_expect(&r, "SIP/2.0 404 ", "");
    subscribe(&r, "w@a.example", "bob@b.example");
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "bob@b.example\"");
    end(&r, &bob);
}

static void test_watches(void **state)
{
    struct pres_session *bob;
    struct rig r;
    struct gw_err err;

    (void)state;
    begin(&r, &bob);
    assert_int_equal(
        pres_request_send(bob, PRES_SUBSCRIBE, GW_STR("w@a.example"), GW_STR(""), &err), GW_OK);
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE sip:w@a.example SIP/2.0\r\n", "From: <sip:robert@m.example>;tag=");
    rig_answer(&r, 404, ""); /* who refuses is heard */
    assert_int_equal(r.refused, 1);
    assert_int_equal(
        pres_request_send(bob, PRES_SUBSCRIBE, GW_STR("w@a.example"), GW_STR(""), &err), GW_OK);
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE ", "From: <sip:robert@m.example>;tag=");
    r.pres_settings.mail = 0;
    pres_settings_apply(r.pres, r.now);
    rig_pass(&r, 1000);
    rig_expect(&r, "SUBSCRIBE sip:w@a.example SIP/2.0\r\n", "From: <sip:bob@b.example>;tag=");
    end(&r, &bob);
}

static void test_messages(void **state)
{
    static const char plain[] = "Content-Type: text/plain\r\n";
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r, &bob);
    receive(&r, "MESSAGE", "w@a.example", "bob@b.example", plain, "to the id");
    rig_expect(&r, "SIP/2.0 404 ", "");
    assert_string_equal(r.said, "");
    receive(&r, "MESSAGE", "w@a.example", "robert@m.example", plain, "hi");
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_string_equal(r.said, "w@a.example: hi");
    assert_true(pres_message_send(r.pres, &(struct pres_message){ .from = GW_STR("bob@b.example/x"),
                                                                  .to = GW_STR("w@a.example"),
                                                                  .body = GW_STR("ho"),
                                                                  .id = GW_STR("id1") }));
    rig_pass(&r, 0);
    rig_expect(&r, "MESSAGE sip:w@a.example SIP/2.0\r\n", "From: <sip:robert@m.example>;tag=");
    rig_answer(&r, 480, "");
    assert_int_equal(r.failed, PRES_FAILED_AWAY);
    end(&r, &bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watched),
        cmocka_unit_test(test_watches),
        cmocka_unit_test(test_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
