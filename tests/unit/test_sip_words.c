/* What is said where SIP, or XMPP, has no sign for it comes from the catalogue, by user. */
#include "sip_test.h"

static struct gw_str german(struct gw_str user, enum pres_phrase phrase, void *ctx)
{
    static const char *const words[PRES_PHRASE_COUNT] = { "Abwesend", "Besetzt", "Wartet",
                                                          "Unbekannt" };

    (void)ctx;
    return gw_str_of(gw_str_is(user, "bob@b.example") ? words[phrase] : "another's");
}

static void begin(struct rig *r)
{
    rig_init(r);
    rig_set(r, "sip.routes", "example.a=udp:192.0.2.1:4444");
    r->phrase = german;
    rig_restart(r);
}

/* The contact has not decided yet. */
static void notify_pending(struct rig *r)
{
    char from[256], call_id[256];
    struct gw_buf b;

    rig_header(r, "From", from);
    rig_header(r, "Call-ID", call_id);
    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "NOTIFY sip:192.0.2.100:5060 SIP/2.0\r\nVia: SIP/2.0/UDP "
                "192.0.2.1:4444;branch=z9hG4bKn\r\nFrom: <sip:w@a.example>;tag=them\r\nTo: "
                "%s\r\nCall-ID: %s\r\nCSeq: 1 NOTIFY\r\nContact: <sip:them@192.0.2.1:4444>\r\n"
                "Event: presence\r\nSubscription-State: pending\r\nContent-Length: 0\r\n\r\n",
                from, call_id);
    rig_receive(r, b.p);
    rig_expect(r, "SIP/2.0 200 ", "");
    gw_buf_done(&b);
}

static void refuse_for_now(struct rig *r)
{
    rig_answer(r, 503, "Retry-After: 60\r\n");
}

/* Of a contact, as who watches him reads. */
static void test_contacts(void **state)
{
    static const struct {
        void (*answer)(struct rig *r);
        const char *seen;
    } cases[] = {
        { refuse_for_now, "offline Unbekannt" },
        { notify_pending, "offline Wartet" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pres_session *bob;
        struct gw_err err;
        struct rig r;

        begin(&r);
        bob = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
        pres_roster_get(bob, rig_item, NULL);
        assert_int_equal(
            pres_request_send(bob, PRES_SUBSCRIBE, GW_STR("w@a.example"), GW_STR(""), &err), GW_OK);
        rig_pass(&r, 0);
        rig_expect(&r, "SUBSCRIBE sip:w@a.example ", "");
        cases[i].answer(&r);
        rig_pass(&r, 0);
        assert_string_equal(r.seen, cases[i].seen);
        pres_session_free(&bob, r.now);
        rig_done(&r);
    }
}

/* Of a user, as is said of him, to who takes the older form only. */
static void test_notes(void **state)
{
    struct pres_session *bob;
    struct rig r;

    (void)state;
    begin(&r);
    bob = rig_login(&r, "bob@b.example", PRES_BUSY);
    rig_ask(&r, &(struct ask){ .expires = 600, .more = "Accept: application/cpim-pidf+xml\r\n" });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "<note>Besetzt</note>");
    rig_answer(&r, 200, "");
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contacts),
        cmocka_unit_test(test_notes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
