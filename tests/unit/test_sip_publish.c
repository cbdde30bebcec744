/* Presence is published to a server that is not ours, on virtual time. */
#include "sip_test.h"

#define SERVER "sip:192.0.2.1:5070;transport=tcp"

static void begin(struct rig *r)
{
    rig_init(r);
    rig_set(r, "sip.publish_to", SERVER);
    sip_core_settings_apply(r->sip);
    rig_pass(r, 0);
    rig_silence(r); /* nobody has anything to say */
}

static void taken(struct rig *r, const char *etag)
{
    char more[128];

    (void)snprintf(more, sizeof(more), "SIP-ETag: %s\r\nExpires: 3600\r\n", etag);
    rig_answer(r, 200, more);
}

static uint64_t published(const struct rig *r)
{
    struct sip_counters c;

    sip_core_counters(r->sip, &c);
    return c.published;
}

static void test_flow(void **state)
{
    struct rig r;

    (void)state;
    begin(&r);
    rig_calendar(&r, PRES_CAL_MEETING, "In a meeting");
    assert_true(r.wakes > 0);
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH sip:bob@b.example SIP/2.0\r\n", "Event: presence\r\n");
    assert_string_equal(r.sent[0].host, "192.0.2.1");
    assert_int_equal(r.sent[0].port, 5070);
    assert_int_equal(r.sent[0].proto, SIP_TCP);
    assert_true(rig_has(r.sent[0].text, "Content-Type: application/pidf+xml\r\n"));
    assert_true(rig_has(r.sent[0].text, "<rpid:meeting/>"));
    assert_null(strstr(r.sent[0].text, "SIP-If-Match"));
    /* One is under way: the newest state waits. */
    rig_calendar(&r, PRES_CAL_BUSY, "x");
    rig_calendar(&r, PRES_CAL_OOF, "away until Monday");
    rig_pass(&r, 2000);
    rig_silence(&r);
    taken(&r, "e1");
    rig_wait(&r, 2000);
    rig_expect(&r, "PUBLISH ", "SIP-If-Match: e1\r\n");
    assert_true(rig_has(r.sent[1].text, "<rpid:vacation/>"));
    taken(&r, "e2");
    /* The same again is not said again. */
    rig_calendar(&r, PRES_CAL_OOF, "away until Monday");
    rig_pass(&r, 5000);
    rig_silence(&r);
    /* Refreshed before it runs out, without its body. */
    rig_wait(&r, 3200 * (int64_t)GW_SECOND_MS);
    rig_expect(&r, "PUBLISH ", "SIP-If-Match: e2\r\n");
    assert_true(rig_has(r.sent[2].text, "Content-Length: 0\r\n"));
    taken(&r, "e3");
    assert_int_equal(published(&r), 3);
    /* Nothing more to say: it is taken back. */
    rig_calendar(&r, PRES_CAL_NONE, "");
    rig_wait(&r, 2000);
    rig_expect(&r, "PUBLISH ", "Expires: 0\r\n");
    assert_true(rig_has(r.sent[3].text, "SIP-If-Match: e3\r\n"));
    rig_answer(&r, 200, "");
    rig_pass(&r, GW_DAY_MS);
    rig_silence(&r);
    rig_done(&r);
}

/* What a server can answer; what comes then, and not before when. */
static void test_answers(void **state)
{
    static const struct {
        unsigned status;
        const char *more, *then;
        int64_t after_s;
    } cases[] = {
        { 412, "", "Expires: 3600\r\n", 30 }, /* without a tag that could be wrong */
        { 423, "Min-Expires: 7200\r\n", "Expires: 7200\r\n", 0 },
        { 503, "Retry-After: 90\r\n", "Expires: 3600\r\n", 90 },
        { 500, "", "Expires: 3600\r\n", 30 },
        { 403, "", "Expires: 3600\r\n", 3600 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig r;

        begin(&r);
        rig_calendar(&r, PRES_CAL_MEETING, "m");
        rig_pass(&r, 0);
        rig_expect(&r, "PUBLISH ", "");
        rig_answer(&r, cases[i].status, cases[i].more);
        if (cases[i].after_s) {
            rig_pass(&r, cases[i].after_s * GW_SECOND_MS - 1);
            rig_silence(&r);
        }
        rig_wait(&r, 1);
        rig_expect(&r, "PUBLISH ", cases[i].then);
        assert_true(rig_has(r.sent[1].text, "<rpid:meeting/>"));
        assert_null(strstr(r.sent[1].text, "SIP-If-Match"));
        rig_done(&r);
    }
}

/* A server that wants to be told again at once, each time, is told less and less often; of one user alone
 * when that is what it refuses. */
static void test_at_once(void **state)
{
    static const struct {
        unsigned status;
        const char *more; /* NULL: a second more than before */
        int most;
    } cases[] = {
        { 503, "Retry-After: 0\r\n", 70 },
        { 423, NULL, 70 },
        { 423, "Min-Expires: 100000\r\n", 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char brief[64];
        int asked = 0;
        struct rig r;
        gw_time end;

        begin(&r);
        end = r.now.mono + 3600 * (int64_t)GW_SECOND_MS;
        rig_calendar(&r, PRES_CAL_MEETING, "m");
        for (; rig_wait(&r, end - r.now.mono), r.now.mono < end && asked < 1000; asked++) {
            rig_expect(&r, "PUBLISH ", "");
            (void)snprintf(brief, sizeof(brief), "Min-Expires: %d\r\n", 3601 + asked);
            rig_answer(&r, cases[i].status, cases[i].more ? cases[i].more : brief);
            rig_forget(&r);
        }
        assert_in_range(asked, 1, cases[i].most);
        rig_done(&r);
    }
}

/* The server has forgotten it (RFC 3903 11.3): published anew, whole. */
static void test_forgotten(void **state)
{
    struct rig r;

    (void)state;
    begin(&r);
    rig_calendar(&r, PRES_CAL_MEETING, "m");
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "");
    taken(&r, "e1");
    rig_wait(&r, 3600 * (int64_t)GW_SECOND_MS);
    rig_expect(&r, "PUBLISH ", "SIP-If-Match: e1\r\n");
    rig_answer(&r, 412, "");
    rig_wait(&r, 0);
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "<rpid:meeting/>");
    assert_null(strstr(r.sent[2].text, "SIP-If-Match"));
    rig_done(&r);
}

/* A server that is away is left alone, and told what is so then. */
static void test_away(void **state)
{
    struct rig r;

    (void)state;
    begin(&r);
    r.is_dead = true;
    rig_calendar(&r, PRES_CAL_MEETING, "m");
    rig_pass(&r, 10 * GW_SECOND_MS);
    r.is_dead = false;
    rig_calendar(&r, PRES_CAL_OOF, "o");
    rig_pass(&r, 19 * GW_SECOND_MS);
    rig_silence(&r);
    rig_wait(&r, 2 * GW_SECOND_MS);
    rig_expect(&r, "PUBLISH ", "<rpid:vacation/>");
    rig_done(&r);
}

static void test_restart(void **state)
{
    struct rig r;

    (void)state;
    begin(&r);
    rig_calendar(&r, PRES_CAL_MEETING, "m");
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "");
    taken(&r, "e1");
    rig_restart(&r);
    rig_calendar(&r, PRES_CAL_MEETING, "m");
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "SIP-If-Match: e1\r\n");
    taken(&r, "e2");
    /* To another server it is published as if for the first time; at this one it is taken back. */
    rig_set(&r, "sip.publish_to", "sip:192.0.2.9");
    sip_core_settings_apply(r.sip);
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "Via: SIP/2.0/UDP ");
    assert_null(strstr(r.sent[r.taken - 1].text, "SIP-If-Match"));
    rig_expect(&r, "PUBLISH ", "Expires: 0\r\nSIP-If-Match: e2\r\n");
    assert_string_equal(r.sent[r.taken - 1].host, "192.0.2.1");
    rig_restart(&r); /* before either has answered */
    rig_calendar(&r, PRES_CAL_MEETING, "m");
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "");
    assert_null(strstr(r.sent[r.taken - 1].text, "SIP-If-Match"));
    rig_done(&r);
}

static void test_user_leaves(void **state)
{
    struct rig r;

    (void)state;
    begin(&r);
    rig_calendar(&r, PRES_CAL_MEETING, "m");
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "");
    taken(&r, "e1");
    pres_user_remove(r.pres, GW_STR("bob@b.example"), r.now);
    rig_wait(&r, 2000);
    rig_expect(&r, "PUBLISH sip:bob@b.example ", "Expires: 0\r\n");
    rig_answer(&r, 200, "");
    rig_pass(&r, GW_DAY_MS);
    rig_silence(&r);
    rig_done(&r);
}

/* The new server has answered before the old one: what is kept is of the new one. */
static void test_other_server(void **state)
{
    struct rig r;

    (void)state;
    begin(&r);
    rig_calendar(&r, PRES_CAL_MEETING, "m");
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "");
    taken(&r, "old");
    rig_set(&r, "sip.publish_to", "sip:192.0.2.9");
    sip_core_settings_apply(r.sip);
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "Content-Type: application/pidf+xml\r\n");
    taken(&r, "new");
    rig_expect(&r, "PUBLISH ", "SIP-If-Match: old\r\n");
    rig_answer(&r, 200, "");
    rig_restart(&r);
    rig_calendar(&r, PRES_CAL_MEETING, "m");
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "SIP-If-Match: new\r\n");
    rig_done(&r);
}

/* Switched off while one is under way; there is no answer to one that is taken back: the others are left. */
static void test_off(void **state)
{
    struct rig r;

    (void)state;
    begin(&r);
    rig_calendar(&r, PRES_CAL_MEETING, "m");
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "");
    rig_set(&r, "sip.publish_to", "");
    sip_core_settings_apply(r.sip);
    rig_calendar(&r, PRES_CAL_OOF, "o");
    rig_pass(&r, 0);
    rig_silence(&r);
    taken(&r, "e1");
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "Expires: 0\r\nSIP-If-Match: e1\r\n");
    rig_pass(&r, GW_DAY_MS); /* nobody answers */
    rig_silence(&r);
    assert_true(sip_core_deadline(r.sip) == GW_NEVER);
    rig_restart(&r);
    rig_set(&r, "sip.publish_to", SERVER);
    sip_core_settings_apply(r.sip);
    rig_calendar(&r, PRES_CAL_MEETING, "m");
    rig_pass(&r, 0);
    rig_expect(&r, "PUBLISH ", "");
    assert_null(strstr(r.sent[r.taken - 1].text, "SIP-If-Match"));
    rig_done(&r);
}

static void many(struct rig *r, unsigned all)
{
    struct gw_err err;

    for (unsigned i = 0; i < all; i++) {
        struct pres_calendar calendar = { .kind = PRES_CAL_MEETING,
                                          .since = r->now.utc,
                                          .until = GW_NEVER };
        char user[64];

        (void)snprintf(user, sizeof(user), "u%u@b.example", i);
        assert_int_equal(pres_user_add(r->pres, gw_str_of(user), &err), GW_OK);
        pres_calendar_set(r->pres, gw_str_of(user), &calendar, r->now);
    }
}

/* All that is sent is answered, until there is nothing more. How much was sent, and had 'part'. */
static unsigned answer_all(struct rig *r, const char *part)
{
    unsigned count = 0;

    for (;;) {
        while (r->taken < r->sent_count) {
            count += strstr(rig_next(r), part) != NULL;
            taken(r, "e");
        }
        rig_forget(r);
        rig_wait(r, 2000);
        if (!r->sent_count)
            return count;
    }
}

/* Many are not ended in one turn, and each is taken back. */
static void test_off_many(void **state)
{
    const unsigned all = 2500;
    unsigned turns = 0;
    struct rig r;

    (void)state;
    begin(&r);
    many(&r, all);
    assert_int_equal(answer_all(&r, "Expires: 3600\r\n"), all);
    rig_set(&r, "sip.publish_to", "");
    sip_core_settings_apply(r.sip);
    while (sip_core_deadline(r.sip) == INT64_MIN) {
        sip_core_tick(r.sip, r.now);
        turns++;
    }
    assert_in_range(turns, 3, 10);
    assert_int_equal(answer_all(&r, "Expires: 0\r\n"), all);
    /* And of a server that is not there any more: left, a thousand in a turn. */
    rig_set(&r, "sip.publish_to", SERVER);
    sip_core_settings_apply(r.sip);
    assert_int_equal(answer_all(&r, "Expires: 3600\r\n"), all);
    r.is_dead = true;
    rig_set(&r, "sip.publish_to", "");
    sip_core_settings_apply(r.sip);
    rig_pass(&r, 1000);
    assert_true(sip_core_deadline(r.sip) == GW_NEVER);
    rig_done(&r);
}

/* All users at once: so many are under way, so many in a while, and every one has its turn. */
static void test_pace(void **state)
{
    const unsigned all = 400;
    struct sip_counters c;
    gw_time begun;
    struct rig r;

    (void)state;
    begin(&r);
    many(&r, all);
    rig_pass(&r, 0);
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.waiting, 50);
    rig_pass(&r, 1000);
    assert_int_equal(r.sent_count, 50); /* nobody answers */
    begun = r.now.mono;
    while (published(&r) < all) {
        while (r.taken < r.sent_count) {
            (void)rig_next(&r);
            taken(&r, "e");
        }
        rig_forget(&r);
        if (published(&r) < all)
            rig_wait(&r, 1000);
    }
    assert_in_range(r.now.mono - begun, 500, 1000); /* 350 of 500 a second */
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow),        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_at_once),     cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_away),        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_user_leaves), cmocka_unit_test(test_other_server),
        cmocka_unit_test(test_off),         cmocka_unit_test(test_off_many),
        cmocka_unit_test(test_pace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
