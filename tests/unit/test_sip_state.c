/* What users' own SIP clients publish, on virtual time: entity tags, refusals, ends, and what watchers see. */
#include "gw_log.h"
#include "sip_account.h"
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

/* ---- Restarts ---- */

/* bob is away, and says why, for 600 s; what his client refreshes it with. */
static void publish(struct rig *r, struct client *c, char headers[400])
{
    char body[2000];

    document(body, "away", "At the \"dentist\"");
    client_ask(r, c, "PUBLISH", BOB, PIDF "Expires: 600\r\n", body);
    rig_expect(r, "SIP/2.0 200 ", "Expires: 600\r\n");
    if_match(r, headers, "Event: presence\r\nExpires: 600\r\n");
}

static void restart(struct rig *r, struct client *c)
{
    rig_restart(r);
    c->nonce[0] = '\0';
}

/* What a watcher who asks just now is shown. */
static void shown(struct rig *r, const char *part)
{
    static unsigned calls;
    char call_id[32];

    (void)snprintf(call_id, sizeof(call_id), "look%u", ++calls);
    rig_forget(r);
    rig_ask(r, &(struct ask){ .call_id = call_id, .expires = 0 });
    rig_expect(r, "SIP/2.0 200 ", "");
    rig_expect(r, "NOTIFY ", part);
    rig_answer(r, 200, "");
}

/* Shown at once, refreshed by the tag of before, and over when its time is, by the clock of before. */
static void test_restart(void **state)
{
    char headers[400];
    struct client c;
    struct rig r;

    (void)state;
    start(&r, &c);
    publish(&r, &c, headers);
    rig_pass(&r, 400 * GW_SECOND_MS);
    restart(&r, &c);
    shown(&r, "<rpid:away/>");
    assert_true(rig_has(r.sent[1].text, "dentist"));
    client_ask(&r, &c, "PUBLISH", BOB, headers, "");
    rig_expect(&r, "SIP/2.0 200 ", "SIP-ETag: ");
    if_match(&r, headers, "Event: presence\r\nExpires: 0\r\n");
    rig_pass(&r, 400 * GW_SECOND_MS);
    restart(&r, &c);
    rig_pass(&r, 199 * GW_SECOND_MS);
    shown(&r, "<rpid:away/>");
    rig_pass(&r, 2 * GW_SECOND_MS);
    shown(&r, "<basic>closed</basic>");
    restart(&r, &c);
    client_ask(&r, &c, "PUBLISH", BOB, headers, "");
    rig_expect(&r, "SIP/2.0 412 ", "");
    rig_done(&r);
}

/* It ran out while nobody was here; the clock was set, back or forth. */
static void test_restart_later(void **state)
{
    static const struct {
        int64_t off_s, left_s; /* off_s: by how much the clock is further; left_s: 0: it is over */
    } cases[] = {
        { 0, 600 }, { 599, 1 }, { 600, 0 }, { 86400, 0 }, { -60, 660 }, { -864000, 3600 }
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char headers[400];
        struct client c;
        struct rig r;

        start(&r, &c);
        rig_set(&r, "sip.expires_max_s", "3600");
        publish(&r, &c, headers);
        r.now.utc += cases[i].off_s * GW_SECOND_MS;
        restart(&r, &c);
        rig_pass(&r, 0);
        assert_int_equal(rig_records(&r, "sip-state"), cases[i].left_s > 0);
        if (cases[i].left_s) {
            rig_pass(&r, cases[i].left_s * GW_SECOND_MS - 1);
            shown(&r, "<rpid:away/>");
            rig_pass(&r, 1);
        }
        shown(&r, "<basic>closed</basic>");
        assert_null(pres_session_next(r.pres, GW_STR("bob@b.example"), NULL));
        rig_done(&r);
    }
}

static bool rig_no_credentials(struct gw_str user, struct sip_ha1 *out, const char **why, void *ctx)
{
    (void)user;
    (void)out;
    (void)ctx;
    *why = "no password";
    return false;
}

/* Removed, switched off, or without a password meanwhile: gone for good. */
static void test_restart_gone(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        char headers[400];
        struct client c;
        struct rig r;

        start(&r, &c);
        publish(&r, &c, headers);
        if (how == 0) {
            if_match(&r, headers, "Event: presence\r\nExpires: 0\r\n");
            client_ask(&r, &c, "PUBLISH", BOB, headers, "");
            rig_expect(&r, "SIP/2.0 200 ", "");
        } else if (how == 1) {
            rig_set(&r, "sip.login", "off");
            sip_core_settings_apply(r.sip);
            rig_pass(&r, 0);
        } else {
            r.credentials = rig_no_credentials;
            restart(&r, &c);
            sip_core_tick(r.sip, r.now); /* for which it has asked */
            store_wait(r.store);
        }
        rig_set(&r, "sip.login", "sha-256");
        r.credentials = rig_credentials;
        restart(&r, &c);
        shown(&r, "<basic>closed</basic>");
        rig_done(&r);
    }
}

/* The newest one that is open counts after a restart, too. */
static void test_restart_several(void **state)
{
    char headers[400], body[2000];
    struct client c;
    struct rig r;

    (void)state;
    start(&r, &c);
    publish(&r, &c, headers);
    document(body, "busy", "");
    client_ask(&r, &c, "PUBLISH", BOB, PIDF "Expires: 60\r\n", body);
    rig_expect(&r, "SIP/2.0 200 ", "");
    client_ask(&r, &c, "PUBLISH", BOB, PIDF, CLOSED);
    rig_expect(&r, "SIP/2.0 200 ", "");
    restart(&r, &c);
    shown(&r, "<rpid:busy/>");
    rig_pass(&r, 60 * GW_SECOND_MS);
    shown(&r, "<rpid:away/>");
    rig_done(&r);
}

#define ETAG(last) "\"etag\":\"0123456789abcde" last "\","
#define UNTIL      "\"expires\":\"2030-01-01T00:00:00Z\""
#define GOOD(last) "{" ETAG(last) "\"show\":\"away\"," UNTIL "}"

static const struct {
    const char *value;
    size_t read;
    bool is_bad;
} record_case[] = {
    { "[]", 0, false },
    { "[" GOOD("0") "]", 1, false },
    { "[" GOOD("0") "," GOOD("1") "]", 2, false },
    { "", 0, true },
    { "nonsense", 0, true },
    { "{}", 0, true },
    { "[" GOOD("0"), 0, true },
    { "[1," GOOD("0") ",null]", 1, true },
    { "[{" ETAG("0") "\"show\":\"asleep\"," UNTIL "}]", 0, true },
    { "[{" ETAG("0") "\"show\":\"away\",\"expires\":\"soon\"}]", 0, true },
    { "[{" ETAG("0") "\"show\":\"away\"}]", 0, true },
    { "[{" ETAG("00") "\"show\":\"away\"," UNTIL "}]", 0, true },
    { "[{" ETAG("\\n") "\"show\":\"away\"," UNTIL "}]", 0, true },
    { "[{" ETAG("0") "\"show\":\"away\",\"note\":\"two\\nlines\"," UNTIL "}]", 0, true },
};

static void count_one(const struct sip_state_args *args, gw_utc expires, void *ctx)
{
    assert_int_equal(args->etag.len, SIP_ETAG_LEN);
    assert_true(expires > 0);
    ++*(size_t *)ctx;
}

/* What cannot be read is passed over, and the rest is taken. */
static void test_records(void **state)
{
    char *note = gw_alloc(PRES_TEXT_MAX + 200);
    struct gw_err err;
    size_t read;

    (void)state;
    for (size_t i = 0; i < sizeof(record_case) / sizeof(record_case[0]); i++) {
        enum gw_code rc;

        read = 0;
        rc = sip_state_record_read(gw_str_of(record_case[i].value), count_one, &read, &err);
        assert_int_equal(rc, record_case[i].is_bad ? GW_BADMSG : GW_OK);
        assert_int_equal(read, record_case[i].read);
    }
    for (int longer = 0; longer < 2; longer++) { /* just not too long, and too long */
        read = 0;
        (void)snprintf(note, PRES_TEXT_MAX + 200,
                       "[{" ETAG("0") "\"show\":\"away\",\"note\":\"%0*d\"," UNTIL "}]",
                       PRES_TEXT_MAX - 1 + longer, 0);
        assert_int_equal(sip_state_record_read(gw_str_of(note), count_one, &read, &err),
                         longer ? GW_BADMSG : GW_OK);
        assert_int_equal(read, !longer);
    }
    free(note);
}

static void count_warning(enum gw_log_level level, const char *component, struct gw_str line,
                          void *ctx)
{
    (void)component;
    *(size_t *)ctx += level == GW_LOG_WARN && rig_has(line.p, "publication record unreadable");
    assert_null(strstr(line.p, "dentist"));
}

/* One that cannot be read, or not all of it, is one line in the log, and leaves the others alone. */
static void test_restart_unreadable(void **state)
{
    struct store_batch *b = store_batch_new();
    size_t warnings = 0;
    char headers[400];
    struct client c;
    struct rig r;

    (void)state;
    start(&r, &c);
    publish(&r, &c, headers);
    store_put(b, SIP_STATE_KIND, GW_STR("alice@b.example"), GW_STR("alice@b.example"),
              GW_STR("[{}, {\"note\":\"dentist\"}, 7]"));
    store_put(b, SIP_STATE_KIND, GW_STR("nobody@b.example"), GW_STR("nobody@b.example"),
              GW_STR("[" GOOD("0") "]"));
    store_commit(r.store, &b, NULL, NULL);
    gw_log_set_sink(count_warning, &warnings);
    restart(&r, &c);
    gw_log_set_sink(NULL, NULL);
    assert_int_equal(warnings, 1);
    shown(&r, "<rpid:away/>");
    rig_done(&r);
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
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_with_calendar),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_restart_later),
        cmocka_unit_test(test_restart_gone),
        cmocka_unit_test(test_restart_several),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_restart_unreadable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
