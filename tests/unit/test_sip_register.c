/* Users here with SIP clients, on virtual time: logging in, registering, and getting messages. */
#include "pres_guard.h"
#include "sip_client.h"

#define CONTACT "Contact: <sip:bob@10.0.0.7:5060>\r\n"

static void start(struct rig *r)
{
    rig_init_with(r, rig_credentials);
    rig_set(r, "sip.login", "both");
}

/* alice is here, and bob has a SIP client. */
static void start_pair(struct rig *r, struct pres_session **alice, struct client *bob)
{
    start(r);
    *alice = rig_login(r, "alice@b.example", PRES_AVAILABLE);
    client_init(bob, "bob");
}

/* ---- Logging in ---- */

static void test_login(void **state)
{
    struct sip_counters n;
    struct client c;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&c, "bob");
    client_send(&r, &c, "REGISTER", "sip:b.example", CONTACT, "");
    rig_expect(&r, "SIP/2.0 401 ", "algorithm=SHA-256, qop=\"auth\"\r\nWWW-Authenticate: Digest");
    assert_true(rig_has(r.sent[r.taken - 1].text, "algorithm=MD5, qop=\"auth\"\r\n"));
    client_learn(&r, &c);
    client_send(&r, &c, "REGISTER", "sip:b.example", CONTACT, "");
    rig_expect(&r, "SIP/2.0 200 ", "Contact: <sip:bob@10.0.0.7:5060>;expires=3600\r\n");
    sip_core_counters(r.sip, &n);
    assert_int_equal(n.registered, 1);
    assert_int_equal(n.logins_failed, 0);
    rig_done(&r);
}

/* Each is refused, and asked again, whatever it had right before. */
static void test_login_wrong(void **state)
{
    static const struct {
        const char *user, *password, *algorithm, *uri, *realm;
    } cases[] = {
        { "bob", "other", NULL, NULL, NULL },
        { "bob", NULL, "SHA-512-256", NULL, NULL },
        { "bob", NULL, NULL, "sip:elsewhere.example", NULL },
        { "bob", NULL, NULL, NULL, "elsewhere.example" },
        { "carl", NULL, NULL, NULL, NULL },
        { "nobody", "", NULL, NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client c;
        struct rig r;

        start(&r);
        client_init(&c, cases[i].user);
        c.password = cases[i].password;
        c.algorithm = cases[i].algorithm;
        c.uri = cases[i].uri;
        c.realm = cases[i].realm;
        client_register(&r, &c, CONTACT);
        rig_expect(&r, "SIP/2.0 401 ", "nonce=");
        assert_null(strstr(r.sent[r.taken - 1].text, "stale"));
        rig_silence(&r);
        rig_done(&r);
    }
}

/* bob's password registers nobody else, and sends nothing in another's name. */
static void test_login_as_another(void **state)
{
    struct client c;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&c, "bob");
    c.from = "alice";
    client_register(&r, &c, CONTACT);
    rig_expect(&r, "SIP/2.0 401 ", "");
    client_send(&r, &c, "MESSAGE", "sip:bob@b.example", "Content-Type: text/plain\r\n", "hello");
    rig_expect(&r, "SIP/2.0 401 ", "");
    rig_done(&r);
}

static void test_replay(void **state)
{
    struct client c;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&c, "bob");
    client_register(&r, &c, CONTACT);
    rig_expect(&r, "SIP/2.0 200 ", "");
    c.nc--; /* who listened sends the same response in another request */
    client_send(&r, &c, "REGISTER", "sip:b.example", "Contact: <sip:evil@192.0.2.66>\r\n", "");
    rig_expect(&r, "SIP/2.0 401 ", "stale=true");
    client_learn(&r, &c);
    client_send(&r, &c, "REGISTER", "sip:b.example", "", "");
    rig_expect(&r, "SIP/2.0 200 ", "Contact: <sip:bob@10.0.0.7:5060>");
    assert_null(strstr(r.sent[r.taken - 1].text, "evil"));
    /* An old nonce: the client goes on without asking its user. */
    rig_pass(&r, SIP_NONCE_MS);
    client_send(&r, &c, "REGISTER", "sip:b.example", "", "");
    rig_expect(&r, "SIP/2.0 401 ", "stale=true");
    rig_done(&r);
}

static void test_guessing(void **state)
{
    struct client c, other;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&c, "bob");
    c.password = "guess";
    for (int i = 0; i < PRES_GUARD_USER_MAX; i++) {
        client_register(&r, &c, CONTACT);
        rig_expect(&r, "SIP/2.0 401 ", "");
    }
    c.password = NULL;
    client_register(&r, &c, CONTACT);
    rig_expect(&r, "SIP/2.0 403 ", "");
    client_init(&other, "bob"); /* the user himself, from elsewhere */
    other.peer.host = GW_STR("198.51.100.8");
    client_register(&r, &other, CONTACT);
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_pass(&r, PRES_GUARD_WINDOW_MS);
    client_register(&r, &c, CONTACT);
    rig_expect(&r, "SIP/2.0 401 ", "stale=true");
    client_learn(&r, &c);
    client_register(&r, &c, CONTACT);
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_done(&r);
}

/* Who sends in bob's name from bob's address, and does not hear what is answered, locks nobody out and
 * learns nothing: with a nonce that was sent elsewhere the right password is as good as a wrong one. */
static void test_spoofed(void **state)
{
    struct client spoof, bob;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&spoof, "bob");
    spoof.peer.host = GW_STR("198.51.100.66");
    client_send(&r, &spoof, "REGISTER", "sip:b.example", CONTACT, "");
    rig_expect(&r, "SIP/2.0 401 ", "");
    client_learn(&r, &spoof);
    client_init(&bob, "bob");
    spoof.peer = bob.peer;
    for (int i = 0; i < 2 * PRES_GUARD_USER_MAX; i++) {
        spoof.password = i % 2 ? NULL : "guess";
        client_send(&r, &spoof, "REGISTER", "sip:b.example", CONTACT, "");
        rig_expect(&r, "SIP/2.0 401 ", "stale=true");
    }
    client_register(&r, &bob, CONTACT);
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_done(&r);
}

static void test_md5_off(void **state)
{
    struct client c;
    struct rig r;

    (void)state;
    start(&r);
    rig_set(&r, "sip.login", "sha-256");
    client_init(&c, "bob");
    c.algorithm = "MD5";
    client_send(&r, &c, "REGISTER", "sip:b.example", CONTACT, "");
    rig_expect(&r, "SIP/2.0 401 ", "SHA-256");
    assert_null(strstr(r.sent[r.taken - 1].text, "MD5"));
    client_learn(&r, &c);
    client_register(&r, &c, CONTACT);
    rig_expect(&r, "SIP/2.0 401 ", "");
    /* MD5 alone, for clients that do not understand that there is a choice. */
    rig_set(&r, "sip.login", "md5");
    client_send(&r, &c, "REGISTER", "sip:b.example", CONTACT, "");
    rig_expect(&r, "SIP/2.0 200 ", "");
    c.nonce[0] = '\0';
    client_send(&r, &c, "REGISTER", "sip:b.example", CONTACT, "");
    rig_expect(&r, "SIP/2.0 401 ", "MD5");
    assert_null(strstr(r.sent[r.taken - 1].text, "SHA-256"));
    rig_done(&r);
}

/* Nobody comes in with a name of ours alone, whatever the list of peers says, but where a server vouches;
 * off: as before there were clients. */
static void test_who_has_to(void **state)
{
    static const struct {
        const char *login, *acl, *domains, *who, *answer;
    } cases[] = {
        { "off", "all", "", "bob", "SIP/2.0 403 " }, /* nor does anybody else speak for him */
        { "off", "all", "b.example@198.51.100.0/24", "bob", "SIP/2.0 200 " },
        { "sha-256", "all", "", "bob", "SIP/2.0 401 " },
        { "sha-256", "", "", "bob", "SIP/2.0 401 " },
        { "sha-256", "", "", "nobody", "SIP/2.0 401 " }, /* who is a user is not told */
        { "off", "", "", "bob", "SIP/2.0 403 " },
        { "sha-256", "all", "b.example@198.51.100.0/24", "bob", "SIP/2.0 200 " },
        { "sha-256", "all", "b.example@192.0.2.0/24", "bob", "SIP/2.0 401 " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client c;
        struct rig r;

        start(&r);
        rig_set(&r, "sip.login", cases[i].login);
        rig_set(&r, "sip.incoming_acl", cases[i].acl);
        rig_set(&r, "sip.domains", cases[i].domains);
        client_init(&c, cases[i].who);
        client_send(&r, &c, "SUBSCRIBE", "sip:alice@b.example",
                    "Event: presence\r\nContact: <sip:bob@198.51.100.7:40000>\r\n", "");
        if (!strstr(r.sent[0].text, cases[i].answer))
            print_error("case %zu\n", i);
        rig_expect(&r, cases[i].answer, "");
        /* Registering takes a password in any case. */
        client_send(&r, &c, "REGISTER", "sip:b.example", CONTACT, "");
        while (r.taken < r.sent_count)
            (void)rig_next(&r);
        assert_null(strstr(r.sent[r.taken - 1].text, "SIP/2.0 200"));
        rig_done(&r);
    }
}

/* ---- Registering ---- */

static void test_register(void **state)
{
    static const struct {
        const char *headers, *answer, *has, *has_not;
    } steps[] = {
        { "", "SIP/2.0 200 ", "", "Contact:" },
        { "Contact: <sip:a@10.0.0.1>;q=0.5, <sip:b@10.0.0.2>;expires=120\r\nExpires: 600\r\n",
          "SIP/2.0 200 ", "Contact: <sip:a@10.0.0.1>;expires=600;q=0.500\r\n", "zzz" },
        { "", "SIP/2.0 200 ", "Contact: <sip:b@10.0.0.2>;expires=120\r\n", "zzz" },
        /* The same one, written another way. */
        { "Contact: \"Bob\" <SIP:b@10.0.0.2>;expires=70\r\n", "SIP/2.0 200 ", ";expires=70",
          "expires=120" },
        { "Contact: <sip:b@10.0.0.2>;expires=0\r\n", "SIP/2.0 200 ", "a@10.0.0.1", "b@10.0.0.2" },
        { "Contact: <sip:b@10.0.0.2>;expires=nonsense\r\n", "SIP/2.0 200 ", "expires=3600", "zzz" },
        { "Contact: <sip:b@10.0.0.2>;expires=99999999999\r\n", "SIP/2.0 200 ", "expires=3600",
          "zzz" },
        { "Contact: <sip:b@10.0.0.2>\r\nExpires: 4000000000\r\n", "SIP/2.0 200 ", "expires=7446",
          "zzz" },
        { "Contact: <sip:b@10.0.0.2>;expires=59\r\n", "SIP/2.0 423 ", "Min-Expires: 60", "zzz" },
        { "Contact: *\r\nExpires: 60\r\n", "SIP/2.0 400 ", "", "zzz" },
        { "Contact: *\r\n", "SIP/2.0 400 ", "", "zzz" },
        { "Contact: *, <sip:b@10.0.0.2>\r\nExpires: 0\r\n", "SIP/2.0 400 ", "", "zzz" },
        { "Contact: <tel:123>\r\n", "SIP/2.0 400 ", "", "zzz" },
        { "Contact: <sip:c@10.0.0.3>, <mailto:x@y>\r\n", "SIP/2.0 400 ", "", "zzz" },
        { "", "SIP/2.0 200 ", "b@10.0.0.2", "c@10.0.0.3" }, /* all, or nothing */
        { "Contact: <sip:b@10.0.0.2?x=y>\r\n", "SIP/2.0 400 ", "", "zzz" },
        { "Contact: *\r\nExpires: 0\r\n", "SIP/2.0 200 ", "", "Contact:" },
    };
    struct sip_counters n;
    struct client c;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&c, "bob");
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        const char *text;

        client_register(&r, &c, steps[i].headers);
        text = rig_next(&r);
        if (!strstr(text, steps[i].answer) || !strstr(text, steps[i].has) ||
            strstr(text, steps[i].has_not))
            print_error("step %zu:\n%s\n", i, text);
        assert_true(strstr(text, steps[i].answer) && strstr(text, steps[i].has));
        assert_null(strstr(text, steps[i].has_not));
    }
    sip_core_counters(r.sip, &n);
    assert_int_equal(n.registered, 0);
    rig_done(&r);
}

static void test_order(void **state)
{
    struct client c;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&c, "bob");
    c.cseq = 100;
    client_register(&r, &c, CONTACT);
    rig_expect(&r, "SIP/2.0 200 ", "");
    c.cseq = 50;
    client_register(&r, &c, "Contact: <sip:bob@10.0.0.7:5060>;expires=0\r\n");
    rig_expect(&r, "SIP/2.0 500 ", "");
    client_register(&r, &c, "Contact: *\r\nExpires: 0\r\n");
    rig_expect(&r, "SIP/2.0 500 ", "");
    client_register(&r, &c, "Contact: <sip:other@10.0.0.8>\r\n"); /* of another one */
    rig_expect(&r, "SIP/2.0 200 ", "sip:bob@10.0.0.7:5060");
    (void)snprintf(c.call_id, sizeof(c.call_id), "started-anew");
    client_register(&r, &c, "Contact: *\r\nExpires: 0\r\n");
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_null(strstr(r.sent[r.taken - 1].text, "Contact"));
    rig_done(&r);
}

/* RFC 5626: the flow is replaced, whatever the address is. */
static void test_outbound(void **state)
{
    struct client c;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&c, "bob");
    client_register(&r, &c,
                    "Supported: path, outbound\r\nContact: <sip:b@10.0.0.7:1111>;reg-id=1;"
                    "+sip.instance=\"<urn:uuid:0001>\"\r\n");
    rig_expect(&r, "SIP/2.0 200 ",
               "Contact: <sip:b@10.0.0.7:1111>;expires=3600;+sip.instance=\"<urn:uuid:0001>\";"
               "reg-id=1\r\nRequire: outbound\r\n");
    client_register(&r, &c,
                    "Supported: path, outbound\r\nContact: <sip:b@10.0.0.7:2222>;reg-id=1;"
                    "+sip.instance=\"<urn:uuid:0001>\"\r\n");
    rig_expect(&r, "SIP/2.0 200 ", "Contact: <sip:b@10.0.0.7:2222>");
    assert_null(strstr(r.sent[r.taken - 1].text, "1111"));
    rig_done(&r);
}

static void test_too_many(void **state)
{
    struct gw_buf b;
    struct client c;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&c, "bob");
    gw_buf_init(&b, 8000);
    for (int i = 0; i < 200; i++)
        gw_buf_addf(&b, "%s<sip:b@10.0.0.%d>", i ? ", " : "Contact: ", i);
    gw_buf_add_cstr(&b, "\r\n");
    client_register(&r, &c, b.p);
    rig_expect(&r, "SIP/2.0 403 ", "");
    /* One after the other: the one that ends first goes. */
    for (int i = 0; i < 11; i++) {
        gw_buf_reset(&b);
        gw_buf_addf(&b, "Contact: <sip:b@10.0.0.%d>;expires=%d\r\n", 100 + i, 600 - i);
        client_register(&r, &c, b.p);
        rig_expect(&r, "SIP/2.0 200 ", "");
    }
    assert_null(strstr(r.sent[r.taken - 1].text, "10.0.0.109>"));
    assert_non_null(strstr(r.sent[r.taken - 1].text, "10.0.0.100>"));
    assert_non_null(strstr(r.sent[r.taken - 1].text, "10.0.0.110>"));
    gw_buf_done(&b);
    rig_done(&r);
}

static void test_ends(void **state)
{
    struct sip_counters n;
    struct client c;
    struct rig r;

    (void)state;
    start(&r);
    client_init(&c, "bob");
    client_register(&r, &c, "Contact: <sip:b@10.0.0.1>;expires=600\r\n");
    rig_expect(&r, "SIP/2.0 200 ", "");
    /* It is there still after a restart, for the time that is left. */
    rig_pass(&r, 100 * GW_SECOND_MS);
    rig_restart(&r);
    c.nonce[0] = '\0';
    client_register(&r, &c, "");
    rig_expect(&r, "SIP/2.0 200 ", "Contact: <sip:b@10.0.0.1>;expires=500\r\n");
    rig_pass(&r, 499 * GW_SECOND_MS);
    sip_core_counters(r.sip, &n);
    assert_int_equal(n.registered, 1);
    rig_pass(&r, GW_SECOND_MS);
    sip_core_counters(r.sip, &n);
    assert_int_equal(n.registered, 0);
    rig_restart(&r);
    sip_core_counters(r.sip, &n);
    assert_int_equal(n.registered, 0);

    /* What ended while nobody was there is not kept. */
    c.nonce[0] = '\0';
    client_register(&r, &c, CONTACT);
    rig_expect(&r, "SIP/2.0 200 ", "");
    r.now.utc += 24 * 3600 * (int64_t)GW_SECOND_MS;
    rig_restart(&r);
    rig_pass(&r, 0);
    assert_int_equal(rig_records(&r, "sip-reg"), 0);

    /* Another password, or a user who is disabled: he has to log in anew. */
    c.nonce[0] = '\0';
    client_register(&r, &c, CONTACT);
    rig_expect(&r, "SIP/2.0 200 ", "");
    pres_user_end_sessions(r.pres, GW_STR("bob@b.example"), PRES_END_REFUSED, r.now);
    sip_core_counters(r.sip, &n);
    assert_int_equal(n.registered, 0);
    rig_pass(&r, 1);

    /* Switched off: nobody is registered any more, also after a restart. */
    client_register(&r, &c, CONTACT);
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_set(&r, "sip.login", "off");
    rig_set(&r, "sip.domains", "");
    sip_core_settings_apply(r.sip);
    sip_core_counters(r.sip, &n);
    assert_int_equal(n.registered, 0);
    client_register(&r, &c, CONTACT);
    rig_expect(&r, "SIP/2.0 403 ", ""); /* as any stranger */
    rig_set(&r, "sip.login", "both");
    rig_restart(&r);
    sip_core_counters(r.sip, &n);
    assert_int_equal(n.registered, 0);
    rig_done(&r);
}

/* ---- Messages ---- */

static void say(struct rig *r, const char *from, const char *text)
{
    const struct pres_message m = { .from = gw_str_of(from),
                                    .to = GW_STR("bob@b.example"),
                                    .body = gw_str_of(text),
                                    .id = GW_STR("id1") };

    assert_true(pres_abroad_message(r->pres, &m));
    rig_pass(r, 0);
}

static void test_messages(void **state)
{
    struct pres_session *alice;
    struct client c;
    struct rig r;

    (void)state;
    start_pair(&r, &alice, &c);
    client_register(&r, &c, CONTACT);
    rig_expect(&r, "SIP/2.0 200 ", "");
    say(&r, "alice@b.example/x",
        "Hallo, B\xc3\xb6"
        "b");
    rig_expect(&r, "MESSAGE sip:bob@10.0.0.7:5060 SIP/2.0\r\n",
               "\r\nContent-Length: 11\r\n\r\nHallo, B\xc3\xb6"
               "b");
    /* Back over the way it came, whatever the contact says. */
    assert_string_equal(r.sent[r.taken - 1].host, "198.51.100.7");
    assert_int_equal(r.sent[r.taken - 1].port, 40000);
    assert_true(rig_has(r.sent[r.taken - 1].text, "From: <sip:alice@b.example>;tag="));
    assert_true(rig_has(r.sent[r.taken - 1].text, "To: <sip:bob@b.example>\r\n"));
    rig_answer(&r, 200, "");
    assert_int_equal(r.failed, -1);
    say(&r, "alice@b.example/x", "and again");
    rig_expect(&r, "MESSAGE ", "and again");
    rig_answer(&r, 480, "");
    assert_int_equal(r.failed, PRES_FAILED_AWAY);
    r.failed = -1;
    say(&r, "alice@b.example/x", "nobody answers");
    rig_expect(&r, "MESSAGE ", "");
    rig_pass(&r, 40 * GW_SECOND_MS);
    assert_int_equal(r.failed, PRES_FAILED_UNREACHED);
    rig_forget(&r);
    /* The other way: to a user here, and to one abroad. */
    client_ask(&r, &c, "MESSAGE", "sip:alice@b.example", "Content-Type: text/plain\r\n", "hello");
    rig_expect(&r, "SIP/2.0 200 ", "");
    assert_string_equal(r.said, "bob@b.example: hello");
    client_ask(&r, &c, "MESSAGE", "sip:ann@nowhere.example", "Content-Type: text/plain\r\n", "x");
    rig_expect(&r, "SIP/2.0 404 ", "");
    client_ask(&r, &c, "MESSAGE", "sip:ann@a.example", "Content-Type: text/plain\r\n", "hello");
    rig_expect(&r, "SIP/2.0 202 ", "");
    pres_session_free(&alice, r.now);
    rig_done(&r);
}

/* RFC 3261 16.6: the highest q at once, the next ones when none of these takes it. */
static void test_turns(void **state)
{
    struct pres_session *alice;
    struct client c;
    struct rig r;

    (void)state;
    start_pair(&r, &alice, &c);
    client_register(
        &r, &c,
        "Contact: <sip:low@10.0.0.1>;q=0.2, <sip:one@10.0.0.2>, <sip:two@10.0.0.3>;q=1\r\n");
    rig_expect(&r, "SIP/2.0 200 ", "");
    say(&r, "alice@b.example/x", "hi");
    rig_expect(&r, "MESSAGE sip:one@10.0.0.2 ", "");
    rig_answer(&r, 486, "");
    rig_expect(&r, "MESSAGE sip:two@10.0.0.3 ", "");
    rig_answer(&r, 603, "");
    rig_expect(&r, "MESSAGE sip:low@10.0.0.1 ", "");
    assert_int_equal(r.failed, -1);
    rig_answer(&r, 200, "");
    assert_int_equal(r.failed, -1);
    say(&r, "alice@b.example/x", "hi again");
    (void)rig_next(&r);
    rig_answer(&r, 200, "");
    (void)rig_next(&r);
    rig_answer(&r, 486, "");
    rig_silence(&r); /* one has it */
    /* Unregistered while a message waits for its turn. */
    say(&r, "alice@b.example/x", "too late");
    (void)rig_next(&r);
    rig_answer(&r, 486, "");
    (void)rig_next(&r);
    rig_forget(&r);
    client_register(&r, &c, "Contact: *\r\nExpires: 0\r\n");
    rig_pass(&r, 40 * GW_SECOND_MS);
    assert_int_equal(r.failed, PRES_FAILED_UNREACHED);
    pres_session_free(&alice, r.now);
    rig_done(&r);
}

/* With a proxy in between: where its Path says, with a Route. */
static void test_path(void **state)
{
    struct pres_session *alice;
    struct client c;
    struct rig r;

    (void)state;
    start_pair(&r, &alice, &c);
    client_register(&r, &c, CONTACT "Path: <sip:127.0.0.1;lr>\r\n");
    rig_expect(&r, "SIP/2.0 403 ", ""); /* what listens there is none of his business */
    client_register(&r, &c, CONTACT "Path: <sip:edge.b.example:5070;lr;transport=tcp>\r\n");
    rig_expect(&r, "SIP/2.0 200 ", "Path: <sip:edge.b.example:5070;lr;transport=tcp>\r\n");
    say(&r, "alice@b.example/x", "hi");
    rig_expect(&r, "MESSAGE sip:bob@10.0.0.7:5060 ",
               "\r\nRoute: <sip:edge.b.example:5070;lr;transport=tcp>\r\n");
    assert_string_equal(r.sent[r.taken - 1].host, "edge.b.example");
    assert_int_equal(r.sent[r.taken - 1].port, 5070);
    assert_int_equal(r.sent[r.taken - 1].proto, SIP_TCP);
    pres_session_free(&alice, r.now);
    rig_done(&r);
}

/* ---- Watching ---- */

/* A client behind address translation watches a user here: own domain, told where it came from. */
static void test_watch(void **state)
{
    struct client c;
    struct rig r;

    (void)state;
    start(&r);
    rig_authorize(&r, "local");
    client_init(&c, "alice");
    client_ask(&r, &c, "SUBSCRIBE", "sip:bob@b.example",
               "Event: presence\r\nContact: <sip:alice@10.0.0.7:5060>\r\nExpires: 600\r\n", "");
    rig_expect(&r, "SIP/2.0 200 ", "Expires: 600");
    rig_expect(&r, "NOTIFY sip:alice@10.0.0.7:5060 ", "Subscription-State: active");
    assert_string_equal(r.sent[r.taken - 1].host, "198.51.100.7");
    assert_int_equal(r.sent[r.taken - 1].port, 40000);
    rig_answer(&r, 200, "");
    rig_calendar(&r, PRES_CAL_MEETING, "In a meeting");
    rig_pass(&r, 2000);
    rig_expect(&r, "NOTIFY ", "<rpid:meeting");
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_login_wrong),
        cmocka_unit_test(test_login_as_another),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_guessing),
        cmocka_unit_test(test_spoofed),
        cmocka_unit_test(test_md5_off),
        cmocka_unit_test(test_who_has_to),
        cmocka_unit_test(test_register),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_outbound),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_watch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
