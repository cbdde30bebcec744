/* What is found in the store after a restart: records that cannot be, and a clock that was set back. */
#include "sip_priv.h"
#include "sip_test.h"

enum { YEAR_S = 365 * 86400 };

static uint64_t subscriptions(const struct rig *r)
{
    struct sip_counters c;

    sip_core_counters(r->sip, &c);
    return c.subscriptions;
}

struct copy {
    bool done; /* first, for rig_loaded() */
    struct store_batch *to;
};

static void put_again(const struct store_record *record, void *ctx)
{
    struct copy *copy = ctx;

    store_put(copy->to, SIP_RECORD_KIND, GW_STR("another"), GW_STR(""), record->value);
}

/* Of two records with one tag, the one that has it as its key counts. */
static void test_two_of_it(void **state)
{
    struct copy copy = { .to = store_batch_new() };
    bool stored = false;
    char tag[256];
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .expires = 3600 }, tag);
    store_load(r.store, SIP_RECORD_KIND, NULL, put_again, rig_loaded, &copy);
    store_wait(r.store);
    store_commit(r.store, &copy.to, rig_loaded, &stored);
    store_wait(r.store);
    assert_true(copy.done && stored);
    rig_restart(&r);
    assert_int_equal(subscriptions(&r), 1);
    rig_pass(&r, 1);
    rig_expect(&r, "NOTIFY ", "active");
    rig_answer(&r, 200, "");
    rig_silence(&r);
    rig_ask(&r, &(struct ask){ .to_tag = tag, .cseq = 2, .expires = 0 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "terminated");
    rig_answer(&r, 200, "");
    assert_int_equal(subscriptions(&r), 0);
    rig_done(&r);
}

/* It ends as if it had begun with the restart, not a year later. */
static void test_clock_back(void **state)
{
    char tag[256];
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .expires = 3600 }, tag);
    rig_pass(&r, 1000 * (int64_t)GW_SECOND_MS);
    r.now.utc -= YEAR_S * (int64_t)GW_SECOND_MS;
    rig_restart(&r);
    rig_pass(&r, 1);
    rig_expect(&r, "NOTIFY ", "active;expires=7446");
    rig_answer(&r, 200, "");
    rig_pass(&r, 7446 * (int64_t)GW_SECOND_MS);
    rig_expect(&r, "NOTIFY ", "terminated;reason=timeout");
    assert_int_equal(subscriptions(&r), 0);
    rig_done(&r);
}

/* A dialog of ours at a peer that refreshes it no more is given up then, too. */
static void test_clock_back_abroad(void **state)
{
    struct pres_session *bob;
    char to[256] = ";tag=";
    struct gw_err err;
    struct rig r;
    gw_time end;

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.routes", "example.a=udp:192.0.2.1:4444");
    bob = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
    assert_int_equal(
        pres_request_send(bob, PRES_SUBSCRIBE, GW_STR("w@a.example"), GW_STR(""), &err), GW_OK);
    rig_pass(&r, 0);
    rig_expect(&r, "SUBSCRIBE sip:w@a.example ", "");
    rig_answer_with(&r, 200, "them", "Contact: <sip:them@192.0.2.1:4444>\r\nExpires: 7446\r\n", "");
    pres_session_free(&bob, r.now);
    r.now.utc -= YEAR_S * (int64_t)GW_SECOND_MS;
    rig_restart(&r);
    end = r.now.mono + 8000 * (int64_t)GW_SECOND_MS;
    for (rig_wait(&r, 1000); strstr(to, ";tag=") && r.now.mono < end; rig_wait(&r, 3600 * 1000)) {
        rig_expect(&r, "SUBSCRIBE ", "");
        rig_header(&r, "To", to);
        rig_answer(&r, 503, "Retry-After: 600\r\n");
        rig_forget(&r);
    }
    assert_null(strstr(to, ";tag="));
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_of_it),
        cmocka_unit_test(test_clock_back),
        cmocka_unit_test(test_clock_back_abroad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
