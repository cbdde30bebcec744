/* Every wrong thing at every stage before the session, and the answer to it. */
#include "xmpp_peer.h"

enum stage { AT_HELLO, AT_PLAIN, AT_TLS_HELLO, AT_TLS, AT_SASL, AT_AUTHED_HELLO, AT_AUTHED };

#define ERROR(condition) "<" condition " xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/>"
#define FAILURE(condition)                                                                         \
    "<failure xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\"><" condition "/></failure>"
#define STREAM(attrs)                                                                              \
    "<stream:stream " attrs " xmlns='jabber:client' "                                              \
    "xmlns:stream='http://etherx.jabber.org/streams'>"
#define PLAIN_AUTH "<auth " NS_SASL_IS " mechanism='PLAIN'>AGFubgBhbm4tc2VjcmV0</auth>"
#define SCRAM_AUTH "<auth " NS_SASL_IS " mechanism='SCRAM-SHA-256'>biwsbj1hbm4scj1hYmM=</auth>"
#define BIND       "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"

static const struct {
    enum stage stage;
    const char *in, *out;
    bool closes;
} cases[] = {
    /* Headers */
    { AT_HELLO, STREAM("version='1.0'"), ERROR("host-unknown"), true },
    { AT_HELLO, STREAM("to='y.example' version='1.0'"), ERROR("host-unknown"), true },
    { AT_HELLO, STREAM("to='ann@x.example' version='1.0'"), ERROR("host-unknown"), true },
    { AT_HELLO, STREAM("to='X.EXAMPLE' version='1.0'"), "<starttls ", false },
    { AT_HELLO, STREAM("to='x.example.' version='1.2'"), "<starttls ", false },
    { AT_HELLO, STREAM("to='x.example'"), ERROR("unsupported-version"), true },
    { AT_HELLO, STREAM("to='x.example' version='0.9'"), ERROR("unsupported-version"), true },
    { AT_HELLO, STREAM("to='x.example' version='one'"), ERROR("unsupported-version"), true },
    { AT_HELLO, "<stream to='x.example' version='1.0'>", ERROR("invalid-namespace"), true },
    { AT_HELLO,
      "<s:stream to='x.example' version='1.0' xmlns:s='http://etherx.jabber.org/streams'>",
      "<starttls ", false },
    { AT_HELLO, "<s:flow to='x.example' xmlns:s='http://etherx.jabber.org/streams'>",
      ERROR("bad-format"), true },
    { AT_HELLO, "GET / HTTP/1.1\r\n\r\n", ERROR("not-well-formed"), true },
    { AT_HELLO, "\x16\x03\x01\x02\x00\x01", ERROR("not-well-formed"), true },
    { AT_HELLO, "<!DOCTYPE a [<!ENTITY b 'c'>]>", ERROR("restricted-xml"), true },
    { AT_HELLO, "<?xml version='1.0' encoding='latin1'?>" STREAM("to='x.example' version='1.0'"),
      ERROR("unsupported-encoding"), true },
    { AT_HELLO, STREAM("to='x.example' version='1.0'") "</stream:stream>", "</stream:stream>",
      true },
    /* In clear text */
    { AT_PLAIN, PLAIN_AUTH, ERROR("policy-violation"), true },
    { AT_PLAIN, SCRAM_AUTH, ERROR("policy-violation"), true },
    { AT_PLAIN, BIND, ERROR("not-authorized"), true },
    { AT_PLAIN, "<message to='bob@x.example'><body>hi</body></message>", ERROR("not-authorized"),
      true },
    { AT_PLAIN, "<presence/>", ERROR("not-authorized"), true },
    { AT_PLAIN, "<response " NS_SASL_IS "/>", ERROR("policy-violation"), true },
    { AT_PLAIN, "<starttls/>", ERROR("unsupported-stanza-type"), true },
    { AT_PLAIN, "<iq xmlns='jabber:server' type='get'/>", ERROR("invalid-namespace"), true },
    { AT_PLAIN, "<what/>", ERROR("unsupported-stanza-type"), true },
    { AT_PLAIN, "text", ERROR("bad-format"), true },
    { AT_PLAIN, "<!-- comment -->", ERROR("restricted-xml"), true },
    { AT_PLAIN, "<?pi?>", ERROR("restricted-xml"), true },
    { AT_PLAIN, "<a>&b;</a>", "</stream:stream>", true },
    { AT_PLAIN, "<a></b>", ERROR("not-well-formed"), true },
    { AT_PLAIN, "<u:a/>", ERROR("bad-namespace-prefix"), true },
    { AT_PLAIN, " \n\t ", "", false },
    { AT_PLAIN, STARTTLS, "<proceed xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"/>", false },
    { AT_PLAIN, STARTTLS PLAIN_AUTH, "<proceed ", false }, /* what follows is dropped */
    { AT_PLAIN, "</stream:stream>", "</stream:stream>", true },
    /* Over TLS */
    { AT_TLS_HELLO, STREAM("to='y.example' version='1.0'"), ERROR("host-unknown"), true },
    { AT_TLS, STARTTLS, ERROR("policy-violation"), true },
    { AT_TLS, BIND, ERROR("not-authorized"), true },
    { AT_TLS, "<presence/>", ERROR("not-authorized"), true },
    { AT_TLS, "<response " NS_SASL_IS "/>", ERROR("policy-violation"), true },
    { AT_TLS, "<abort " NS_SASL_IS "/>", ERROR("policy-violation"), true },
    { AT_TLS, "<auth " NS_SASL_IS " mechanism='DIGEST-MD5'/>", FAILURE("invalid-mechanism"),
      false },
    { AT_TLS, "<auth " NS_SASL_IS " mechanism='ANONYMOUS'/>", FAILURE("invalid-mechanism"), false },
    { AT_TLS, "<auth " NS_SASL_IS " mechanism='EXTERNAL'/>", FAILURE("invalid-mechanism"), false },
    { AT_TLS, "<auth " NS_SASL_IS "/>", FAILURE("invalid-mechanism"), false },
    { AT_TLS, "<auth " NS_SASL_IS " mechanism='PLAIN'>?!</auth>", FAILURE("incorrect-encoding"),
      false },
    { AT_TLS, "<auth " NS_SASL_IS " mechanism='PLAIN'>YQ==</auth>", FAILURE("malformed-request"),
      false },
    { AT_TLS, "<auth " NS_SASL_IS " mechanism='SCRAM-SHA-1'>bm8=</auth>",
      FAILURE("malformed-request"), false },
    { AT_TLS, SCRAM_AUTH, "<challenge ", false },
    /* In the middle of a login */
    { AT_SASL, PLAIN_AUTH, ERROR("policy-violation"), true },
    { AT_SASL, STARTTLS, ERROR("policy-violation"), true },
    { AT_SASL, "<presence/>", ERROR("not-authorized"), true },
    { AT_SASL, "<abort " NS_SASL_IS "/>", FAILURE("aborted"), false },
    { AT_SASL, "<response " NS_SASL_IS ">?</response>", FAILURE("incorrect-encoding"), false },
    { AT_SASL, "<response " NS_SASL_IS ">AAAA</response>", FAILURE("malformed-request"), false },
    { AT_SASL, "<response " NS_SASL_IS "/>", FAILURE("malformed-request"), false },
    /* Logged in, nothing bound */
    { AT_AUTHED_HELLO, STREAM("to='z.example' version='1.0'"), ERROR("host-unknown"), true },
    { AT_AUTHED, PLAIN_AUTH, ERROR("policy-violation"), true },
    { AT_AUTHED, STARTTLS, ERROR("policy-violation"), true },
    { AT_AUTHED, "<presence/>", ERROR("not-authorized"), true },
    { AT_AUTHED, "<message to='x.example'/>", ERROR("not-authorized"), true },
    { AT_AUTHED, "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
      ERROR("not-authorized"), true },
    { AT_AUTHED, BIND, "<jid>ann@x.example/", false },
    { AT_AUTHED, "<iq type='get' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
      "<bad-request ", false },
    { AT_AUTHED, "<iq type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
      "<bad-request ", false },
    { AT_AUTHED,
      "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
      "<resource>a&#x80;</resource></bind></iq>",
      "<bad-request ", false },
    { AT_AUTHED,
      "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
      "<resource> B\xC3\xBCro </resource></bind></iq>",
      "<jid>ann@x.example/B\xC3\xBCro</jid>", false },
};

static void go_to(struct peer *p, enum stage stage)
{
    if (stage == AT_HELLO)
        return;
    peer_send(p, HEADER);
    if (stage == AT_PLAIN)
        return;
    peer_send(p, STARTTLS);
    xmpp_c2s_tls_ready(p->c2s);
    if (stage == AT_TLS_HELLO)
        return;
    peer_send(p, HEADER);
    if (stage == AT_TLS)
        return;
    if (stage == AT_SASL) {
        peer_send(p, SCRAM_AUTH);
        return;
    }
    peer_plain(p, "", "ann", "ann-secret");
    peer_run_check(p);
    if (stage == AT_AUTHED)
        peer_send(p, HEADER);
}

/* The whole input at once, or byte by byte as from a peer that stalls. */
static void run(size_t i, bool in_bytes)
{
    struct world w;
    struct peer p;

    world_start(&w);
    pres_domain_add(w.core, GW_STR("z.example"));
    peer_open(&p, &w);
    go_to(&p, cases[i].stage);
    peer_clear(&p);
    for (const char *c = cases[i].in; in_bytes && *c; c++)
        xmpp_c2s_feed(p.c2s, (struct gw_str){ c, 1 }, w.now);
    if (!in_bytes)
        peer_send(&p, cases[i].in);
    /* Clear text after STARTTLS is another matter when it comes by itself. */
    if (in_bytes && strstr(cases[i].in, STARTTLS "<auth")) {
        assert_true(xmpp_c2s_is_closed(p.c2s));
    } else {
        if (!peer_has(&p, cases[i].out) && cases[i].out[0])
            fail_msg("case %zu '%s': no\n  %s\nin\n  %s", i, cases[i].in, cases[i].out,
                     p.out.len ? p.out.p : "");
        if (xmpp_c2s_is_closed(p.c2s) != cases[i].closes)
            fail_msg("case %zu '%s': %s", i, cases[i].in,
                     cases[i].closes ? "not closed" : "closed");
    }
    if (cases[i].closes) { /* deaf from now on */
        peer_clear(&p);
        peer_send(&p, "<presence/>");
        assert_int_equal(p.out.len, 0);
    }
    peer_close(&p);
    world_stop(&w);
}

static void answers_each_wrong_thing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        run(i, false);
        run(i, true);
    }
}

static void header_is_right(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_open(&p, &w);
    peer_send(&p, HEADER);
    EXPECT(&p, "<?xml version='1.0'?><stream:stream xmlns=\"jabber:client\" "
               "xmlns:stream=\"http://etherx.jabber.org/streams\" id=\"");
    EXPECT(&p, " version=\"1.0\" xml:lang=\"en\" from=\"x.example\"><stream:features><starttls "
               "xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"><required/></starttls>"
               "</stream:features>");
    EXPECT_NOT(&p, "mechanism");
    peer_close(&p);
    world_stop(&w);
}

/* RFC 6120 4.7.2 */
static void header_says_to_whom(void **state)
{
    static const struct {
        const char *from, *answer;
    } headers[] = {
        { "from='ann@x.example'", " from=\"x.example\" to=\"ann@x.example\">" },
        { "from='Ann@X.example/desk'", " from=\"x.example\" to=\"ann@x.example\">" },
        { "from='@'", " from=\"x.example\">" },
        { "from=''", " from=\"x.example\">" },
        { "", " from=\"x.example\">" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct world w;
        struct peer p;

        world_start(&w);
        peer_open(&p, &w);
        peer_sendf(&p,
                   "<stream:stream to='x.example' version='1.0' xmlns='jabber:client' "
                   "xmlns:stream='http://etherx.jabber.org/streams' %s>",
                   headers[i].from);
        EXPECT(&p, headers[i].answer);
        peer_close(&p);
        world_stop(&w);
    }
}

static void says_when_there_is_no_certificate(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_open_tls(&p, &w, false);
    peer_send(&p, HEADER);
    EXPECT(&p, "<internal-server-error ");
    assert_true(xmpp_c2s_is_closed(p.c2s));
    peer_close(&p);
    world_stop(&w);
}

/* RFC 6120 4.9.1.2: an error before the header has a header before it. */
static void errors_come_in_a_stream(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_open(&p, &w);
    peer_send(&p, "<a/>");
    assert_true(strncmp(p.out.p, "<?xml version='1.0'?><stream:stream ", 36) == 0);
    EXPECT(&p, "</stream:error></stream:stream>");
    peer_close(&p);
    world_stop(&w);
}

static void clear_text_in_handshake_ends_it(void **state)
{
    struct world w;
    struct peer p;

    (void)state;
    world_start(&w);
    peer_open(&p, &w);
    peer_send(&p, HEADER);
    peer_send(&p, STARTTLS);
    peer_clear(&p);
    peer_send(&p, HEADER);
    assert_true(xmpp_c2s_is_closed(p.c2s));
    assert_int_equal(p.out.len, 0);
    peer_close(&p);
    world_stop(&w);
}

static void slow_login_ends(void **state)
{
    static const enum stage stages[] = { AT_HELLO, AT_PLAIN,        AT_TLS_HELLO, AT_TLS,
                                         AT_SASL,  AT_AUTHED_HELLO, AT_AUTHED };

    (void)state;
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        struct world w;
        struct peer p;

        world_start(&w);
        peer_open(&p, &w);
        go_to(&p, stages[i]);
        peer_wait(&p, 29 * 1000);
        peer_send(&p, " "); /* a sign of life does not help */
        if (xmpp_c2s_is_closed(p.c2s))
            fail_msg("stage %zu: closed too early: %s", i, p.out.p);
        peer_wait(&p, 2 * 1000);
        EXPECT(&p, "<connection-timeout ");
        assert_true(xmpp_c2s_is_closed(p.c2s));
        peer_close(&p);
        world_stop(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_each_wrong_thing),
        cmocka_unit_test(header_is_right),
        cmocka_unit_test(header_says_to_whom),
        cmocka_unit_test(says_when_there_is_no_certificate),
        cmocka_unit_test(errors_come_in_a_stream),
        cmocka_unit_test(clear_text_in_handshake_ends_it),
        cmocka_unit_test(slow_login_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
