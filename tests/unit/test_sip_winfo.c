/* Who watches bob, as his own SIP client is told: from the first subscription of a watcher to each of its ends,
 * on virtual time. */
#include "sip_client.h"
#include "sip_priv.h"
#include "sip_watcher.h"

#define WINFO  "Event: presence.winfo\r\nContact: <sip:bob@10.0.0.7:5060>\r\nExpires: 3600\r\n"
#define DAY_MS ((int64_t)24 * 3600 * GW_SECOND_MS)

/* ---- The machine ---- */

static const struct {
    enum sip_watcher_status from;
    enum sip_watcher_event event;
    enum sip_watcher_status to; /* INIT: nowhere */
} step_case[] = {
    { SIP_WATCHER_INIT, SIP_WATCHER_SUBSCRIBE, SIP_WATCHER_PENDING },
    { SIP_WATCHER_INIT, SIP_WATCHER_SUBSCRIBE_ALLOWED, SIP_WATCHER_ACTIVE },
    { SIP_WATCHER_INIT, SIP_WATCHER_SUBSCRIBE_DENIED, SIP_WATCHER_TERMINATED },
    { SIP_WATCHER_INIT, SIP_WATCHER_TIMEOUT, SIP_WATCHER_INIT },
    { SIP_WATCHER_PENDING, SIP_WATCHER_APPROVED, SIP_WATCHER_ACTIVE },
    { SIP_WATCHER_PENDING, SIP_WATCHER_TIMEOUT, SIP_WATCHER_WAITING },
    { SIP_WATCHER_PENDING, SIP_WATCHER_REJECTED, SIP_WATCHER_TERMINATED },
    { SIP_WATCHER_PENDING, SIP_WATCHER_GIVEUP, SIP_WATCHER_TERMINATED },
    { SIP_WATCHER_PENDING, SIP_WATCHER_SUBSCRIBE, SIP_WATCHER_INIT },
    { SIP_WATCHER_WAITING, SIP_WATCHER_APPROVED, SIP_WATCHER_TERMINATED },
    { SIP_WATCHER_WAITING, SIP_WATCHER_REJECTED, SIP_WATCHER_TERMINATED },
    { SIP_WATCHER_WAITING, SIP_WATCHER_GIVEUP, SIP_WATCHER_TERMINATED },
    { SIP_WATCHER_WAITING, SIP_WATCHER_NORESOURCE, SIP_WATCHER_TERMINATED },
    { SIP_WATCHER_WAITING, SIP_WATCHER_TIMEOUT, SIP_WATCHER_INIT },
    { SIP_WATCHER_ACTIVE, SIP_WATCHER_TIMEOUT, SIP_WATCHER_TERMINATED },
    { SIP_WATCHER_ACTIVE, SIP_WATCHER_REJECTED, SIP_WATCHER_TERMINATED },
    { SIP_WATCHER_ACTIVE, SIP_WATCHER_DEACTIVATED, SIP_WATCHER_TERMINATED },
    { SIP_WATCHER_ACTIVE, SIP_WATCHER_PROBATION, SIP_WATCHER_TERMINATED },
    { SIP_WATCHER_ACTIVE, SIP_WATCHER_NORESOURCE, SIP_WATCHER_TERMINATED },
    { SIP_WATCHER_ACTIVE, SIP_WATCHER_GIVEUP, SIP_WATCHER_INIT },
    { SIP_WATCHER_ACTIVE, SIP_WATCHER_APPROVED, SIP_WATCHER_INIT },
    { SIP_WATCHER_TERMINATED, SIP_WATCHER_SUBSCRIBE, SIP_WATCHER_INIT },
    { SIP_WATCHER_TERMINATED, SIP_WATCHER_APPROVED, SIP_WATCHER_INIT },
};

static void test_machine(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(step_case) / sizeof(step_case[0]); i++) {
        enum sip_watcher_status is = step_case[i].from;
        bool moves = step_case[i].to != SIP_WATCHER_INIT;

        assert_int_equal(sip_watcher_step(&is, step_case[i].event), moves);
        assert_int_equal(is, moves ? step_case[i].to : step_case[i].from);
    }
    for (int i = 0; i < SIP_WATCHER_EVENTS; i++)
        assert_non_null(sip_watcher_event_name((enum sip_watcher_event)i));
    assert_string_equal(sip_watcher_status_name(SIP_WATCHER_WAITING), "waiting");
}

/* ---- The rig ---- */

static void start(struct rig *r)
{
    rig_init_with(r, rig_credentials);
    rig_set(r, "sip.login", "both");
    rig_authorize(r, "nobody");
}

/* The next document; what else is told on the way is taken. */
static const char *info(struct rig *r)
{
    for (int i = 0; i < 10; i++) {
        const char *text;

        rig_wait(r, 10 * GW_SECOND_MS);
        text = rig_next(r);
        if (strncmp(text, "NOTIFY ", 7) == 0)
            rig_answer(r, 200, "");
        if (strstr(text, "\r\nEvent: presence.winfo\r\n") || strcmp(text, "nothing") == 0)
            return text;
    }
    return "too much";
}

static void expect(const char *text, const char *part)
{
    assert_true(rig_has(text, part));
}

static void expect_none(const char *text, const char *part)
{
    if (strstr(text, part))
        print_error("'%s' in:\n%s\n", part, text);
    assert_null(strstr(text, part));
}

/* bob's client is told from now on; the first document. */
static const char *look(struct rig *r, struct client *c)
{
    client_init(c, "bob");
    client_ask(r, c, "SUBSCRIBE", "sip:bob@b.example", WINFO, "");
    rig_expect(r, "SIP/2.0 200 ", "");
    return info(r);
}

static void decide(struct rig *r, const char *who, enum pres_decision decision)
{
    assert_int_equal(pres_decide(r->pres, GW_STR("bob@b.example"), gw_str_of(who), decision, NULL),
                     GW_OK);
}

/* One asks by SIP; our tag. */
static void watch(struct rig *r, const char *who, int expires, char tag[256])
{
    char to[256];

    rig_forget(r);
    rig_ask(r, &(struct ask){ .who = who, .call_id = who, .expires = expires });
    rig_expect(r, "SIP/2.0 200 ", "Expires: ");
    rig_header(r, "To", to);
    (void)snprintf(tag, 256, "%s", strstr(to, "tag=") + 4);
    rig_expect(r, "NOTIFY ", "Subscription-State: ");
    rig_answer(r, 200, "");
}

/* bob's client is told, and w@a.example has asked just now. */
static void start_watched(struct rig *r, struct client *c, char tag[256])
{
    start(r);
    (void)look(r, c);
    watch(r, "w@a.example", 600, tag);
}

static void count(const char *text, const char *part, size_t times)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, part)); at++)
        n++;
    if (n != times)
        print_error("%zu times '%s' in:\n%s\n", n, part, text);
    assert_int_equal(n, times);
}

/* ---- Documents ---- */

/* RFC 3857 4.5: nobody but the user himself. */
static void test_who_may(void **state)
{
    struct client c, other;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&other, "alice");
    client_ask(&r, &other, "SUBSCRIBE", "sip:bob@b.example", WINFO, "");
    rig_expect(&r, "SIP/2.0 403 ", "");
    rig_set(&r, "sip.domains", "a.example, b.example@198.51.100.0/24");
    rig_set(&r, "sip.incoming_acl", "all"); /* a server that vouches for bob is not bob */
    client_init(&c, "bob");
    client_send(&r, &c, "SUBSCRIBE", "sip:bob@b.example", WINFO, "");
    rig_expect(&r, "SIP/2.0 403 ", "");
    rig_done(&r);
}

/* Everything first, then what has changed, each one version more; everything again after a refresh. */
static void test_partial(void **state)
{
    struct client c;
    char tag[256], own[256];
    const char *text;
    struct rig r;

    (void)state;
    start(&r);
    text = look(&r, &c);
    expect(text, "\r\nEvent: presence.winfo\r\nSubscription-State: active;");
    expect(text, "Content-Type: application/watcherinfo+xml\r\n");
    expect(text, "version=\"0\" state=\"full\"><watcher-list resource=\"sip:bob@b.example\" "
                 "package=\"presence\"/>");
    rig_header(&r, "From", own);
    watch(&r, "w@a.example", 600, tag);
    text = info(&r);
    expect(text, "version=\"1\" state=\"partial\">");
    expect(text, "status=\"pending\" event=\"subscribe\" duration-subscribed=\"1\" "
                 "expiration=\"599\">sip:w@a.example</watcher>");
    watch(&r, "v@a.example", 600, tag);
    text = info(&r);
    expect(text, "version=\"2\" state=\"partial\">");
    expect(text, ">sip:v@a.example</watcher>");
    expect_none(text, "sip:w@a.example");
    decide(&r, "w@a.example", PRES_ALLOW);
    text = info(&r);
    expect(text, "version=\"3\" state=\"partial\">");
    expect(text, "status=\"active\" event=\"approved\"");
    count(text, "<watcher ", 1);
    decide(&r, "v@a.example", PRES_BLOCK);
    text = info(&r);
    expect(text, "version=\"4\" state=\"partial\">");
    expect(text, "status=\"terminated\" event=\"rejected\"");
    count(text, "<watcher ", 1);
    rig_pass(&r, 5000);
    rig_forget(&r);
    rig_calendar(&r, PRES_CAL_MEETING, "In a meeting"); /* which is nothing to who watches */
    assert_string_equal(info(&r), "nothing");
    c.to_tag = strstr(own, "tag=") + 4;
    client_send(&r, &c, "SUBSCRIBE", "sip:bob@b.example", WINFO, "");
    rig_expect(&r, "SIP/2.0 200 ", "");
    text = info(&r);
    expect(text, "version=\"5\" state=\"full\">");
    expect(text, ">sip:w@a.example</watcher>");
    count(text, "<watcher ", 1);
    rig_done(&r);
}

/* Many changes between two documents are one: where everybody is now, and only the last step there. */
static void test_merged(void **state)
{
    struct client c;
    char tag[256];
    const char *text;
    struct rig r;

    (void)state;
    start(&r);
    rig_set(&r, "sip.notify_interval_s", "5");
    (void)look(&r, &c);
    watch(&r, "w@a.example", 600, tag);
    decide(&r, "w@a.example", PRES_ALLOW);
    watch(&r, "v@a.example", 600, tag);
    decide(&r, "w@a.example", PRES_ASK);
    decide(&r, "w@a.example", PRES_ALLOW);
    watch(&r, "gone@a.example", 0, tag);
    decide(&r, "gone@a.example", PRES_BLOCK);
    text = info(&r);
    count(text, "<watcher ", 2);
    count(text, "status=\"active\"", 1);
    count(text, "status=\"pending\"", 1);
    assert_string_equal(info(&r), "nothing");
    rig_done(&r);
}

/* Nothing was new, which is known by a look at all of them: the next look has its time, too. */
static void test_seldom(void **state)
{
    struct client c;
    char tag[256];
    struct rig r;

    (void)state;
    start(&r);
    rig_set(&r, "sip.notify_interval_s", "5");
    (void)look(&r, &c);
    rig_pass(&r, 6000);
    rig_calendar(&r, PRES_CAL_MEETING, "In a meeting");
    rig_pass(&r, 0);
    watch(&r, "w@a.example", 600, tag);
    rig_pass(&r, 4999);
    rig_silence(&r);
    rig_pass(&r, 1);
    expect(info(&r), "status=\"pending\"");
    rig_done(&r);
}

/* What did not arrive is said again, with all that is so by then. */
static void test_not_taken(void **state)
{
    struct client c;
    char tag[256];
    struct rig r;

    (void)state;
    start_watched(&r, &c, tag);
    rig_wait(&r, 5000);
    rig_expect(&r, "NOTIFY ", "version=\"1\" state=\"partial\"");
    rig_answer(&r, 503, "Retry-After: 3\r\n");
    expect(info(&r), "version=\"2\" state=\"full\">");
    expect(r.sent[r.taken - 1].text, "sip:w@a.example");
    rig_done(&r);
}

/* A restart: the dialog goes on with a higher version, and everything. */
static void test_restart(void **state)
{
    struct client c;
    char tag[256];
    const char *text;
    struct rig r;

    (void)state;
    start_watched(&r, &c, tag);
    expect(info(&r), "version=\"1\"");
    rig_pass(&r, 10000);
    rig_restart(&r);
    text = info(&r);
    expect(text, "state=\"full\">");
    assert_null(strstr(text, "version=\"0\"") || strstr(text, "version=\"1\"") ? text : NULL);
    expect(text,
           "status=\"pending\" event=\"subscribe\" duration-subscribed=\"1"); /* some seconds */
    rig_done(&r);
}

/* Two clients of bob's are told at different times, and each of everything. */
static void test_two(void **state)
{
    struct client c, d;
    char tag[256];
    struct rig r;

    (void)state;
    start_watched(&r, &c, tag);
    expect(info(&r), "version=\"1\" state=\"partial\"");
    expect(look(&r, &d), "version=\"0\" state=\"full\"");
    expect(r.sent[r.taken - 1].text, "sip:w@a.example");
    decide(&r, "w@a.example", PRES_BLOCK);
    for (int i = 0; i < 2; i++)
        expect(info(&r), "status=\"terminated\" event=\"rejected\"");
    rig_done(&r);
}

/* ---- Waiting ---- */

/* Nobody has answered before the subscription ran out: he waits, and can be approved still. */
static void test_waiting(void **state)
{
    struct client c;
    char tag[256];
    const char *text;
    struct rig r;

    (void)state;
    start(&r);
    watch(&r, "w@a.example", 60, tag);
    rig_pass(&r, 59000);
    expect(look(&r, &c), "status=\"pending\"");
    text = info(&r);
    expect(text, "state=\"partial\">");
    expect(text, "status=\"waiting\" event=\"timeout\"");
    expect_none(text, "expiration");
    decide(&r, "w@a.example", PRES_ALLOW);
    text = info(&r);
    expect(text, "status=\"terminated\" event=\"approved\"");
    count(text, "<watcher ", 1);
    rig_forget(&r);
    rig_ask(&r, &(struct ask){ .who = "w@a.example", .call_id = "again", .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "Subscription-State: active");
    rig_answer(&r, 200, "");
    text = info(&r);
    expect(text, "status=\"active\" event=\"subscribe\"");
    rig_done(&r);
}

/* He asks again: the one that waited is given up, and a new one is pending. A fetch waits, too. */
static void test_waiting_again(void **state)
{
    struct client c;
    char tag[256];
    const char *text;
    struct rig r;

    (void)state;
    start(&r);
    watch(&r, "w@a.example", 0, tag);
    expect(look(&r, &c), "status=\"waiting\" event=\"timeout\">sip:w@a.example</watcher>");
    watch(&r, "w@a.example", 600, tag);
    text = info(&r);
    expect(text, "status=\"terminated\" event=\"giveup\">sip:w@a.example</watcher>");
    expect(text, "status=\"pending\" event=\"subscribe\"");
    count(text, "<watcher ", 2);
    rig_done(&r);
}

/* Who sees bob by SIP and goes, or stays away, is gone; he comes back without being asked about. */
static void test_leaves(void **state)
{
    struct client c;
    char tag[256];
    const char *text;
    struct rig r;

    (void)state;
    start(&r);
    decide(&r, "w@a.example", PRES_ALLOW);
    watch(&r, "w@a.example", 60, tag);
    expect(look(&r, &c), "status=\"active\" event=\"subscribe\"");
    rig_pass(&r, 60000);
    text = info(&r);
    expect(text, "status=\"terminated\" event=\"timeout\" duration-subscribed=\"");
    expect_none(text, "expiration");
    watch(&r, "w@a.example", 600, tag);
    expect(info(&r), "status=\"active\" event=\"subscribe\"");
    decide(&r, "w@a.example", PRES_ASK); /* who sees goes on to see */
    rig_set(&r, "sip.domains", "other.example");
    sip_core_settings_apply(r.sip);
    expect(info(&r), "status=\"terminated\" event=\"rejected\"");
    rig_done(&r);
}

static size_t waits(const struct rig *r)
{
    return r->sip->wait_count;
}

static bool is_asked(const struct rig *r, const char *watcher)
{
    enum pres_standing standing;

    return pres_watcher_standing(r->pres, GW_STR("bob@b.example"), gw_str_of(watcher), &standing) &&
           standing == PRES_WAITS;
}

/* For a month, whatever restarts and however the clock is set meanwhile; then the request is no more. */
static void test_waits_end(void **state)
{
    struct client c;
    char tag[256];
    struct rig r;

    (void)state;
    start(&r);
    watch(&r, "w@a.example", 0, tag);
    assert_int_equal(waits(&r), 1);
    rig_pass(&r, 10 * DAY_MS);
    rig_restart(&r);
    assert_int_equal(waits(&r), 1);
    r.now.utc -= 365 * DAY_MS; /* back by a year while it was off: not for longer than anew */
    rig_restart(&r);
    r.now.utc += 365 * DAY_MS;
    rig_restart(&r);
    rig_pass(&r, 20 * DAY_MS - 1000);
    assert_true(is_asked(&r, "w@a.example"));
    expect(look(&r, &c), "status=\"waiting\"");
    rig_pass(&r, 1000);
    expect(info(&r), "status=\"terminated\" event=\"giveup\"");
    assert_false(is_asked(&r, "w@a.example"));
    assert_int_equal(waits(&r), 0);
    rig_restart(&r);
    assert_int_equal(waits(&r), 0);
    rig_done(&r);
}

/* He has a subscription again by then: it is that which counts. Who was answered is forgotten. */
static void test_waits_over(void **state)
{
    char tag[256];
    struct rig r;

    (void)state;
    start(&r);
    rig_set(&r, "sip.expires_max_s", "86400");
    watch(&r, "w@a.example", 0, tag);
    watch(&r, "v@a.example", 0, tag);
    decide(&r, "v@a.example", PRES_ALLOW);
    rig_pass(&r, 29 * DAY_MS + DAY_MS / 2);
    rig_forget(&r);
    rig_ask(&r, &(struct ask){ .who = "w@a.example", .call_id = "later", .expires = 86400 });
    rig_expect(&r, "SIP/2.0 200 ", "Expires: 86400");
    rig_expect(&r, "NOTIFY ", "pending");
    rig_answer(&r, 200, "");
    rig_pass(&r, DAY_MS / 2);
    assert_int_equal(waits(&r), 0);
    assert_true(is_asked(&r, "w@a.example"));
    assert_true(pres_is_watched_by(r.pres, GW_STR("bob@b.example"), GW_STR("v@a.example")));
    rig_done(&r);
}

/* So many of one user: of more the oldest of the same domain gives up, else the oldest. */
static void test_waits_many(void **state)
{
    char tag[256];
    struct rig r;

    (void)state;
    start(&r);
    rig_set(&r, "sip.domains", "a.example, other.example");
    watch(&r, "first@other.example", 0, tag);
    for (int i = 0; i < 101; i++) {
        char who[64];

        (void)snprintf(who, sizeof(who), "w%d@a.example", i);
        watch(&r, who, 0, tag);
        rig_pass(&r, 0);
    }
    assert_int_equal(waits(&r), 100);
    assert_true(is_asked(&r, "first@other.example"));
    assert_false(is_asked(&r, "w0@a.example"));
    assert_false(is_asked(&r, "w1@a.example"));
    assert_true(is_asked(&r, "w2@a.example"));
    decide(&r, "w2@a.example", PRES_ALLOW); /* leaves room */
    watch(&r, "late@a.example", 0, tag);
    rig_pass(&r, 0);
    assert_true(is_asked(&r, "w3@a.example"));
    assert_true(is_asked(&r, "late@a.example"));
    rig_done(&r);
}

static void put(struct rig *r, const char *key, const char *value)
{
    struct store_batch *b = store_batch_new();

    store_put(b, SIP_WAIT_KIND, gw_str_of(key), GW_STR("bob@b.example"), gw_str_of(value));
    store_commit(r->store, &b, NULL, NULL);
}

static void test_waits_unreadable(void **state)
{
    char tag[256];
    struct rig r;

    (void)state;
    start(&r);
    watch(&r, "w@a.example", 0, tag);
    put(&r, "nonsense", "2026-06-21T00:00:00Z");
    put(&r, "bob@b.example ", "2026-06-21T00:00:00Z");
    put(&r, "bob@b.example x@a.example", "yesterday");
    put(&r, "nobody@b.example x@a.example", "2026-06-21T00:00:00Z");
    rig_restart(&r);
    assert_int_equal(waits(&r), 1);
    rig_done(&r);
}

/* ---- Other protocols, and many ---- */

/* A contact by XMPP watches as long as he is one. */
static void test_contacts(void **state)
{
    struct pres_session *alice, *bob;
    const char *text;
    struct gw_err err;
    struct client c;
    struct rig r;

    (void)state;
    start(&r);
    (void)look(&r, &c);
    alice = rig_login(&r, "alice@b.example", PRES_AVAILABLE);
    assert_int_equal(
        pres_request_send(alice, PRES_SUBSCRIBE, GW_STR("bob@b.example"), GW_STR(""), &err), GW_OK);
    expect(info(&r), "status=\"pending\" event=\"subscribe\">sip:alice@b.example</watcher>");
    decide(&r, "alice@b.example", PRES_ALLOW);
    expect(info(&r), "status=\"active\" event=\"approved\">sip:alice@b.example</watcher>");
    /* Taken back, asked for again, and granted: each one is another. */
    bob = rig_login(&r, "bob@b.example", PRES_AVAILABLE);
    assert_int_equal(
        pres_request_send(bob, PRES_UNSUBSCRIBED, GW_STR("alice@b.example"), GW_STR(""), &err),
        GW_OK);
    assert_int_equal(
        pres_request_send(alice, PRES_SUBSCRIBE, GW_STR("bob@b.example"), GW_STR(""), &err), GW_OK);
    text = info(&r);
    expect(text, "status=\"terminated\" event=\"rejected\"");
    expect(text, "status=\"pending\" event=\"subscribe\"");
    assert_int_equal(
        pres_request_send(bob, PRES_SUBSCRIBED, GW_STR("alice@b.example"), GW_STR(""), &err),
        GW_OK);
    text = info(&r);
    expect(text, "status=\"active\" event=\"approved\"");
    count(text, "<watcher ", 1);
    assert_int_equal(
        pres_request_send(alice, PRES_UNSUBSCRIBE, GW_STR("bob@b.example"), GW_STR(""), &err),
        GW_OK);
    expect(info(&r), "status=\"terminated\" event=\"timeout\">sip:alice@b.example</watcher>");
    pres_session_free(&alice, r.now);
    pres_session_free(&bob, r.now);
    rig_done(&r);
}

static void ask_many(struct rig *r, int from, int to)
{
    for (int i = from; i < to; i++) {
        char who[64];

        (void)snprintf(who, sizeof(who), "many%05d@a.example", i);
        pres_abroad_request(r->pres, PRES_SUBSCRIBE, gw_str_of(who), GW_STR("bob@b.example"),
                            GW_STR(""));
    }
}

/* A document has its bound, however many there are; who waits comes before who watches, and where that takes
 * a place away everything is said anew. */
static void test_many(void **state)
{
    struct pres_session *alice;
    struct gw_err err;
    struct client c;
    const char *text;
    struct rig r;

    (void)state;
    start(&r);
    assert_int_equal(
        gw_param_set(gw_param_find(pres_params, pres_param_count, GW_STR("presence.watchers_max")),
                     &r.pres_settings, GW_STR("unlimited"), NULL),
        GW_OK);
    decide(&r, "alice@b.example", PRES_ALLOW);
    alice = rig_login(&r, "alice@b.example", PRES_AVAILABLE);
    assert_int_equal(
        pres_request_send(alice, PRES_SUBSCRIBE, GW_STR("bob@b.example"), GW_STR(""), &err), GW_OK);
    ask_many(&r, 0, 20);
    text = look(&r, &c);
    expect(text, "sip:alice@b.example");
    count(text, "<watcher ", 21);
    ask_many(&r, 20, 3000);
    text = info(&r);
    expect(text, "version=\"1\" state=\"full\">");
    expect_none(text, "sip:alice@b.example");
    expect(text, "</watcher></watcher-list></watcherinfo>");
    assert_true(strlen(text) < SIP_DOCUMENT_MAX + 1024);
    assert_true(strlen(text) > SIP_DOCUMENT_MAX / 2);
    expect_none(text, "terminated");
    /* Answered ones make room for others. */
    decide(&r, "many00000@a.example", PRES_BLOCK);
    text = info(&r);
    expect(text, "version=\"2\" state=\"partial\">");
    expect(text, "status=\"terminated\" event=\"rejected\">sip:many00000@a.example</watcher>");
    decide(&r, "many00001@a.example", PRES_BLOCK);
    text = info(&r);
    count(text, "status=\"terminated\"", 1);
    count(text, "status=\"waiting\"", 1);
    pres_session_free(&alice, r.now);
    rig_done(&r);
}

/* ---- Whatever happens ---- */

/* What a client makes of the documents, RFC 3858 section 4. */
struct view {
    struct {
        char id[40], status[20], jid[60];
    } row[100];
    size_t count;
    long version;
    char via[256]; /* of the last one: it may come again */
};

static void part_of(const char *from, const char *before, const char *until, char *out, size_t size)
{
    const char *at = strstr(from, before);

    assert_non_null(at);
    at += strlen(before);
    (void)snprintf(out, size, "%.*s", (int)strcspn(at, until), at);
}

static size_t row_of(const struct view *v, const char *id, const char *jid)
{
    size_t i = 0;

    while (i < v->count && strcmp(v->row[i].id, id) != 0) {
        assert_string_not_equal(v->row[i].jid, jid); /* nobody is there twice */
        i++;
    }
    return i;
}

static void row_take(struct view *v, const char *element)
{
    char id[40], status[20], jid[60];
    size_t i;

    part_of(element, "id=\"", "\"", id, sizeof(id));
    part_of(element, "status=\"", "\"", status, sizeof(status));
    part_of(element, ">sip:", "<", jid, sizeof(jid));
    if (strcmp(status, "terminated") == 0) {
        for (i = 0; i < v->count && strcmp(v->row[i].id, id) != 0; i++)
            ;
        assert_true(i < v->count); /* who was never there does not go */
        v->row[i] = v->row[--v->count];
        return;
    }
    i = row_of(v, id, jid);
    assert_true(i < 100);
    v->count += i == v->count;
    (void)snprintf(v->row[i].id, sizeof(v->row[i].id), "%s", id);
    (void)snprintf(v->row[i].status, sizeof(v->row[i].status), "%s", status);
    (void)snprintf(v->row[i].jid, sizeof(v->row[i].jid), "%s", jid);
}

static void document_take(struct view *v, const char *text)
{
    bool is_full = strstr(text, "state=\"full\"") != NULL;
    char number[20];
    long version;

    part_of(text, "watcherinfo\" version=\"", "\"", number, sizeof(number));
    version = strtol(number, NULL, 10);
    if (is_full)
        v->count = 0;
    assert_true(is_full ? version > v->version : version == v->version + 1);
    v->version = version;
    for (const char *at = text; (at = strstr(at, "<watcher id")); at++)
        row_take(v, at);
}

/* All that was sent; each NOTIFY is answered, and of the documents a part did not arrive. */
static void drain(struct rig *r, struct view *v, bool loses)
{
    while (r->taken < r->sent_count) {
        const char *text = rig_next(r);
        bool is_info = strstr(text, "\r\nEvent: presence.winfo\r\n") != NULL;
        char via[256];

        if (strncmp(text, "NOTIFY ", 7) != 0)
            continue;
        rig_header(r, "Via", via);
        if (is_info && strcmp(via, v->via) == 0)
            continue;
        if (is_info)
            memcpy(v->via, via, sizeof(via));
        rig_answer(r, is_info && loses ? 503 : 200, is_info && loses ? "Retry-After: 1\r\n" : "");
        if (is_info && !loses)
            document_take(v, text);
    }
    rig_forget(r);
}

static void calm(struct rig *r, struct view *v, unsigned steps)
{
    while (steps--) {
        rig_pass(r, 400); /* what is sent is answered before it is sent again */
        drain(r, v, false);
    }
}

static bool has_news(const struct rig *r)
{
    const struct sip_watched *of = gw_map_get(r->sip->watched, GW_STR("bob@b.example"));
    const struct sip_sub *s = GW_CONTAINER(of->winfo_subs.next, struct sip_sub, link);

    return s->is_dirty || sip_ask_is_on(&s->notify);
}

static const char *status_now(const struct rig *r, const char *who)
{
    const struct sip_watched *of = gw_map_get(r->sip->watched, GW_STR("bob@b.example"));
    enum pres_standing standing;
    struct gw_list *it, *tmp;
    bool is_live = false;

    GW_LIST_EACH(&of->subs, it, tmp)
    is_live |=
        gw_str_is(sip_sub_text(GW_CONTAINER(it, struct sip_sub, link), SIP_TEXT_WATCHER), who);
    if (!pres_watcher_standing(r->pres, GW_STR("bob@b.example"), gw_str_of(who), &standing))
        return NULL;
    if (standing == PRES_WAITS)
        return is_live ? "pending" : "waiting";
    return standing == PRES_SEES && is_live ? "active" : NULL;
}

static void agree(const struct rig *r, const struct view *v, int watchers)
{
    size_t there = 0;

    for (int i = 0; i < watchers; i++) {
        const char *status;
        char who[40];
        size_t at = 0;

        (void)snprintf(who, sizeof(who), "w%d@a.example", i);
        status = status_now(r, who);
        while (at < v->count && strcmp(v->row[at].jid, who) != 0)
            at++;
        if (status)
            assert_true(at < v->count);
        if (status)
            assert_string_equal(v->row[at].status, status);
        there += status != NULL;
    }
    assert_int_equal(v->count, there);
}

/* Any of these, in any order: the client who puts the documents together knows what is so. */
static void happen(struct rig *r, struct client *c, struct view *v, uint32_t dice, int watchers)
{
    static const enum pres_decision decisions[] = { PRES_ALLOW, PRES_BLOCK, PRES_ASK };
    unsigned what = dice % 16, more = dice / 16 % 256;
    char who[40], call_id[40];

    (void)snprintf(who, sizeof(who), "w%u@a.example", more % (unsigned)watchers);
    (void)snprintf(call_id, sizeof(call_id), "c%u", dice);
    if (what < 5) {
        rig_ask(r, &(struct ask){ .who = who, .call_id = call_id, .expires = what ? 60 : 0 });
    } else if (what < 11) {
        decide(r, who, decisions[what % 3]);
    } else if (what < 14) {
        calm(r, v, more % 100);
    } else if (what == 14) {
        c->nonce[0] = '\0';
        drain(r, v, false);
        client_ask(r, c, "SUBSCRIBE", "sip:bob@b.example", WINFO, "");
        rig_expect(r, "SIP/2.0 200 ", "");
    } else if (more % 4 == 0) {
        drain(r, v, false);
        rig_pass(r, 0);
        rig_restart(r);
    }
}

static void test_coherent(void **state)
{
    enum { WATCHERS = 6, STEPS = 3000 };
    static struct view v;
    uint32_t dice = 1;
    struct client c;
    char own[256];
    struct rig r;

    (void)state;
    start(&r);
    v = (struct view){ .version = -1 };
    document_take(&v, look(&r, &c));
    rig_header(&r, "From", own);
    c.to_tag = strstr(own, "tag=") + 4;
    for (int i = 0; i < STEPS; i++) {
        dice = dice * 1664525 + 1013904223;
        happen(&r, &c, &v, dice >> 8, WATCHERS);
        drain(&r, &v, dice >> 28 == 0);
        if (i % 10 == 9) {
            for (int more = 0; more < 1000 && has_news(&r); more++)
                calm(&r, &v, 1); /* who could not be told is told again later and later */
            assert_false(has_news(&r));
            agree(&r, &v, WATCHERS);
        }
        if (i % 100 == 99) { /* before it runs out */
            c.nonce[0] = '\0';
            client_ask(&r, &c, "SUBSCRIBE", "sip:bob@b.example", WINFO, "");
            drain(&r, &v, false);
        }
    }
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine),          cmocka_unit_test(test_who_may),
        cmocka_unit_test(test_partial),          cmocka_unit_test(test_merged),
        cmocka_unit_test(test_seldom),           cmocka_unit_test(test_not_taken),
        cmocka_unit_test(test_restart),          cmocka_unit_test(test_two),
        cmocka_unit_test(test_waiting),          cmocka_unit_test(test_waiting_again),
        cmocka_unit_test(test_leaves),           cmocka_unit_test(test_waits_end),
        cmocka_unit_test(test_waits_over),       cmocka_unit_test(test_waits_many),
        cmocka_unit_test(test_waits_unreadable), cmocka_unit_test(test_contacts),
        cmocka_unit_test(test_coherent),         cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
