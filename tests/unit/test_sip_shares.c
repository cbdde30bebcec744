/* What all share has room for everybody, whatever one user, one client or one peer does: messages under way to
 * clients here and to peers, and sessions. Who is refused hears it. */
#include "sip_client.h"
#include "sip_talk.h"

enum { OF_ONE = 100, TO_DOMAIN = 500, SESSIONS_OF_ONE = 1000 };

/* 'count' messages; how many of them were refused. */
static unsigned send(struct rig *r, const char *from, const char *to, unsigned count)
{
    uint64_t before = counters(r).messages_failed;

    for (unsigned i = 0; i < count; i++)
        assert_true(pres_message_send(r->pres, &(struct pres_message){ .from = gw_str_of(from),
                                                                       .to = gw_str_of(to),
                                                                       .body = GW_STR("x"),
                                                                       .id = GW_STR("id1") }));
    rig_pass(r, 0);
    return (unsigned)(counters(r).messages_failed - before);
}

static void test_to_peers(void **state)
{
    struct pres_session *bob;
    char from[40];
    struct rig r;

    (void)state;
    begin(&r, &bob);
    assert_int_equal(send(&r, "bob@b.example/x", "w@a.example", OF_ONE), 0);
    assert_int_equal(r.failed, -1);
    assert_int_equal(send(&r, "bob@b.example/x", "w@a.example", 1), 1);
    assert_int_equal(r.failed, PRES_FAILED_FULL);
    assert_int_equal(send(&r, "bob@b.example/x", "ann@lync.example", 1), 1);
    for (int i = 0; i < TO_DOMAIN / OF_ONE - 1; i++) {
        (void)snprintf(from, sizeof(from), "user%d@b.example/x", i);
        assert_int_equal(send(&r, from, "w@a.example", OF_ONE), 0);
    }
    /* The domain has its share; another one has its own. */
    assert_int_equal(send(&r, "alice@b.example/x", "v@a.example", 1), 1);
    assert_int_equal(send(&r, "alice@b.example/x", "ann@lync.example", 1), 0);
    rig_forget(&r);
    /* What is answered makes room. */
    rig_pass(&r, 500);
    (void)rig_next(&r);
    rig_answer(&r, 200, "");
    assert_int_equal(send(&r, "alice@b.example/x", "v@a.example", 2), 1);
    rig_forget(&r);
    for (int i = 0; i < 40; i++) { /* nobody answers: it is over */
        rig_pass(&r, 1000);
        rig_forget(&r);
    }
    assert_int_equal(send(&r, "bob@b.example/x", "w@a.example", OF_ONE), 0);
    end(&r, bob);
}

static bool give(struct rig *r, const char *to)
{
    const struct pres_message m = { .from = GW_STR("w@a.example"),
                                    .to = gw_str_of(to),
                                    .body = GW_STR("x") };

    return pres_abroad_message(r->pres, &m);
}

static void test_to_clients(void **state)
{
    struct client alice, bob;
    struct rig r;

    (void)state;
    rig_init_with(&r, rig_credentials);
    rig_set(&r, "sip.login", "both");
    client_init(&alice, "alice");
    client_init(&bob, "bob");
    bob.peer.port = 40001;
    client_register(&r, &alice, "Contact: <sip:alice@10.0.0.7:5060>\r\n");
    rig_expect(&r, "SIP/2.0 200 ", "");
    client_register(&r, &bob, "Contact: <sip:bob@10.0.0.7:5060>\r\n");
    rig_expect(&r, "SIP/2.0 200 ", "");
    for (int i = 0; i < OF_ONE; i++)
        assert_true(give(&r, "bob@b.example"));
    assert_false(give(&r, "bob@b.example"));
    assert_true(give(&r, "alice@b.example"));
    assert_int_equal(counters(&r).refused_limit, 1);
    rig_pass(&r, 0);
    rig_expect(&r, "MESSAGE sip:bob@10.0.0.7:5060 ", "");
    rig_answer(&r, 200, "");
    assert_true(give(&r, "bob@b.example"));
    assert_false(give(&r, "bob@b.example"));
    rig_done(&r);
}

/* Each of many contacts, who all answer. */
static void test_sessions(void **state)
{
    struct pres_session *bob;
    char to[40];
    struct rig r;

    (void)state;
    begin(&r, &bob);
    rig_set(&r, "sip.session_idle_s", "3600");
    for (int i = 0; i < SESSIONS_OF_ONE; i++) {
        (void)snprintf(to, sizeof(to), "ann%d@lync.example", i);
        assert_int_equal(send(&r, "bob@b.example/x", to, 1), 0);
        rig_expect(&r, "INVITE ", "");
        rig_answer_with(&r, 200, "theirs", CONTACT SDP_TYPE, SDP);
        rig_expect(&r, "ACK ", "");
        rig_expect(&r, "MESSAGE ", "");
        rig_answer(&r, 200, "");
        rig_forget(&r);
    }
    assert_int_equal(counters(&r).sessions, SESSIONS_OF_ONE);
    assert_int_equal(send(&r, "bob@b.example/x", "one@lync.example", 1), 1);
    assert_int_equal(r.failed, PRES_FAILED_FULL);
    assert_int_equal(send(&r, "bob@b.example/x", "ann1@lync.example", 1), 0);
    assert_int_equal(send(&r, "alice@b.example/x", "one@lync.example", 1), 0);
    end(&r, bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_peers),
        cmocka_unit_test(test_to_clients),
        cmocka_unit_test(test_sessions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
