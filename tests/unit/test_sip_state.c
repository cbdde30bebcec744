/* What users' own SIP clients publish, on virtual time: entity tags, refusals, ends, and what watchers see. */
#include "sip_client.h"

#define BOB    "sip:bob@b.example"
#define PIDF   "Event: presence\r\nContent-Type: application/pidf+xml\r\n"
#define OPEN   "<tuple id='t'><status><basic>open</basic></status></tuple>"
#define HEAD   "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='" BOB "'>"
#define CLOSED HEAD "<tuple id='t'><status><basic>closed</basic></status></tuple></presence>"

static void start(struct rig *r, struct client *c)
{
    rig_init_with(r, rig_credentials);
    rig_set(r, "sip.login", "sha-256");
    client_init(c, "bob");
}

static void document(char out[2000], const char *activity, const char *note)
{
    (void)snprintf(out, 2000,
                   HEAD OPEN
                   "<person><activities><%s/></activities><note>%s</note></person></presence>",
                   activity, note);
}

/* The tag of the answer that was taken last, as the header that the next request has. */
static void if_match(const struct rig *r, char out[400], const char *more)
{
    char etag[256];

    rig_header(r, "SIP-ETag", etag);
    (void)snprintf(out, 400, "SIP-If-Match: %s\r\n%s", etag, more);
}

/* The next NOTIFY shows this; answered. */
static void told(struct rig *r, const char *part)
{
    rig_wait(r, 5000);
    rig_expect(r, "NOTIFY ", part);
    rig_answer(r, 200, "");
}

static void test_life(void **state)
{
    char tag[256], body[2000], headers[400], old[400];
    struct client c;
    struct rig r;

    (void)state;
    start(&r, &c);
    rig_subscribe(&r, &(struct ask){ .expires = 7000 }, tag);
    document(body, "busy", "Deep in thought");
    client_ask(&r, &c, "PUBLISH", BOB, PIDF "Expires: 600\r\n", body);
    rig_expect(&r, "SIP/2.0 200 ", "Expires: 600\r\n");
    if_match(&r, headers, "Event: presence\r\nExpires: 600\r\n");
    told(&r, "<rpid:busy/>");
    assert_true(rig_has(r.sent[r.taken - 1].text, "Deep in thought"));
    /* A refresh: another tag, the old one is no more, and watchers hear nothing. */
    memcpy(old, headers, sizeof(old));
    rig_pass(&r, 500 * GW_SECOND_MS);
    c.nonce[0] = '\0';
    client_ask(&r, &c, "PUBLISH", BOB, headers, "");
    rig_expect(&r, "SIP/2.0 200 ", "SIP-ETag: ");
    if_match(&r, headers, PIDF "Expires: 600\r\n");
    client_ask(&r, &c, "PUBLISH", BOB, old, "");
    rig_expect(&r, "SIP/2.0 412 ", "");
    rig_pass(&r, 500 * GW_SECOND_MS);
    rig_silence(&r);
    /* Changed, closed, and removed. */
    document(body, "away", "");
    c.nonce[0] = '\0';
    client_ask(&r, &c, "PUBLISH", BOB, headers, body);
    rig_expect(&r, "SIP/2.0 200 ", "");
    if_match(&r, headers, PIDF "Expires: 600\r\n");
    told(&r, "<rpid:away/>");
    client_ask(&r, &c, "PUBLISH", BOB, headers, CLOSED);
    rig_expect(&r, "SIP/2.0 200 ", "");
    if_match(&r, headers, PIDF "Expires: 600\r\n");
    told(&r, "<basic>closed</basic>");
    document(body, "meeting", "");
    client_ask(&r, &c, "PUBLISH", BOB, headers, body);
    rig_expect(&r, "SIP/2.0 200 ", "");
    if_match(&r, headers, "Event: presence\r\nExpires: 0\r\n");
    told(&r, "<rpid:busy/>");
    client_ask(&r, &c, "PUBLISH", BOB, headers, "");
    rig_expect(&r, "SIP/2.0 200 ", "Expires: 0\r\nSIP-ETag: ");
    told(&r, "<basic>closed</basic>");
    assert_null(pres_session_next(r.pres, GW_STR("bob@b.example"), NULL)); /* nothing is left */
    rig_done(&r);
}

static void test_expiry(void **state)
{
    char tag[256], body[2000];
    struct client c;
    struct rig r;

    (void)state;
    start(&r, &c);
    rig_subscribe(&r, &(struct ask){ .expires = 7000 }, tag);
    document(body, "away", "");
    client_ask(&r, &c, "PUBLISH", BOB, PIDF "Expires: 120\r\n", body);
    rig_expect(&r, "SIP/2.0 200 ", "");
    told(&r, "<rpid:away/>");
    rig_pass(&r, 115 * GW_SECOND_MS);
    rig_silence(&r);
    rig_wait(&r, 10 * GW_SECOND_MS);
    rig_expect(&r, "NOTIFY ", "<basic>closed</basic>");
    rig_done(&r);
}

/* The newest one that is open counts; closed ones when there is no other. */
static void test_several(void **state)
{
    char tag[256], body[2000], headers[400];
    struct client c;
    struct rig r;

    (void)state;
    start(&r, &c);
    rig_subscribe(&r, &(struct ask){ .expires = 7000 }, tag);
    document(body, "away", "desk");
    client_ask(&r, &c, "PUBLISH", BOB, PIDF, body);
    rig_expect(&r, "SIP/2.0 200 ", "Expires: 3600");
    told(&r, "<rpid:away/>");
    document(body, "busy", "mobile");
    client_ask(&r, &c, "PUBLISH", BOB, PIDF, body);
    rig_expect(&r, "SIP/2.0 200 ", "");
    if_match(&r, headers, PIDF);
    told(&r, "<rpid:busy/>");
    client_ask(&r, &c, "PUBLISH", BOB, headers, CLOSED);
    rig_expect(&r, "SIP/2.0 200 ", "");
    told(&r, "<rpid:away/>");
    rig_done(&r);
}

/* As an XMPP client's state: the calendar speaks where the client is plainly there. */
static void test_with_calendar(void **state)
{
    struct client c;
    struct rig r;

    (void)state;
    start(&r, &c);
    rig_calendar(&r, PRES_CAL_MEETING, "In a meeting");
    client_ask(&r, &c, "PUBLISH", BOB, PIDF, HEAD OPEN "</presence>");
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_ask(&r, &(struct ask){ .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "<rpid:meeting/>");
    assert_true(rig_has(r.sent[r.taken - 1].text, "<basic>open</basic>"));
    rig_done(&r);
}

static void test_refused(void **state)
{
    static const struct {
        const char *uri, *headers, *body, *answer, *part;
    } cases[] = {
        { "sip:alice@b.example", PIDF, CLOSED, "SIP/2.0 403 ", "" },
        { "sip:b.example", PIDF, CLOSED, "SIP/2.0 403 ", "" },
        { BOB, "Content-Type: application/pidf+xml\r\n", CLOSED, "SIP/2.0 489 ",
          "Allow-Events: presence" },
        { BOB, "Event: dialog\r\n", CLOSED, "SIP/2.0 489 ", "" },
        { BOB, PIDF "Expires: 59\r\n", CLOSED, "SIP/2.0 423 ", "Min-Expires: 60" },
        { BOB, PIDF, "", "SIP/2.0 400 ", "" },
        { BOB, PIDF "SIP-If-Match: unknown\r\n", CLOSED, "SIP/2.0 412 ", "" },
        { BOB, PIDF "SIP-If-Match: unknown\r\nExpires: 0\r\n", "", "SIP/2.0 412 ", "" },
        { BOB, "Event: presence\r\nContent-Type: text/plain\r\n", "I am away", "SIP/2.0 415 ",
          "Accept: application/pidf+xml" },
        { BOB, "Event: presence\r\n", CLOSED, "SIP/2.0 415 ", "" },
        { BOB, PIDF, "<presence", "SIP/2.0 400 ", "" },
        { BOB, PIDF, "<roster/>", "SIP/2.0 400 ", "" },
        { BOB, PIDF, "<!DOCTYPE p [<!ENTITY a 'aaaa'>]><presence>&a;</presence>", "SIP/2.0 400 ",
          "" },
        { BOB, PIDF,
          "<presence><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"
          "</a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></presence>",
          "SIP/2.0 400 ", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client c;
        struct rig r;

        start(&r, &c);
        client_ask(&r, &c, "PUBLISH", cases[i].uri, cases[i].headers, cases[i].body);
        if (r.taken < r.sent_count && !strstr(r.sent[r.taken].text, cases[i].answer))
            print_error("case %zu\n", i);
        rig_expect(&r, cases[i].answer, cases[i].part);
        assert_null(pres_session_next(r.pres, GW_STR("bob@b.example"), NULL));
        rig_done(&r);
    }
}

/* More than one user's clients have to say: the one that ends first goes, nothing grows. */
static void test_flood(void **state)
{
    struct sip_counters n;
    char headers[400];
    struct client c;
    struct rig r;

    (void)state;
    start(&r, &c);
    client_ask(&r, &c, "PUBLISH", BOB, PIDF "Expires: 60\r\n", HEAD OPEN "</presence>");
    rig_expect(&r, "SIP/2.0 200 ", "");
    if_match(&r, headers, PIDF);
    for (int i = 0; i < 50; i++) {
        client_ask(&r, &c, "PUBLISH", BOB, PIDF, HEAD OPEN "</presence>");
        rig_expect(&r, "SIP/2.0 200 ", "");
    }
    client_ask(&r, &c, "PUBLISH", BOB, headers, "");
    rig_expect(&r, "SIP/2.0 412 ", "");
    sip_core_counters(r.sip, &n);
    assert_int_equal(n.publications_in, 51);
    /* Switched off: all are gone, and the user with them. */
    rig_set(&r, "sip.login", "off");
    sip_core_settings_apply(r.sip);
    assert_null(pres_session_next(r.pres, GW_STR("bob@b.example"), NULL));
    rig_done(&r);
}

/* Without login: whatever a list says, nobody publishes here. */
static void test_strangers(void **state)
{
    struct client c;
    struct rig r;

    (void)state;
    start(&r, &c);
    rig_set(&r, "sip.incoming_acl", "all");
    rig_set(&r, "sip.domains", "a.example, b.example@198.51.100.0/24");
    client_send(&r, &c, "PUBLISH", BOB, PIDF, CLOSED);
    rig_expect(&r, "SIP/2.0 401 ", "");
    rig_set(&r, "sip.login", "off");
    client_send(&r, &c, "PUBLISH", BOB, PIDF, CLOSED);
    rig_expect(&r, "SIP/2.0 405 ", "");
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),      cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_several),   cmocka_unit_test(test_with_calendar),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_flood),
        cmocka_unit_test(test_strangers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
