/* Whom a hop may speak for, and where it may have us send. */
#include "gw_log.h"
#include "sip_priv.h"
#include "sip_test.h"

/* ---- The deployments of the two guides, and who abuses them ---- */

/* One system of ours; partners by their Access Edges, one with two domains at a hoster; direct federation
 * over TCP with OCS; AOL with a customer's domain. */
#define INTERDOMAIN_DOMAINS                                                                        \
    "partner.example=lync, other.example=lync, direct.example=lync, "                              \
    "hosted.example@sip.hoster.example, "                                                          \
    "bound.example@198.51.100.0/28, foreign.b.example=lync, aol.com=aol, customer.example=aol"
#define INTERDOMAIN_ROUTES                                                                         \
    ".example.partner.*=tls:edge.partner.example, .example.direct.*=tcp:192.0.2.20/1, "            \
    ".example.direct.*=tcp:192.0.2.21/2, com.aol=tls:sip.oscar.aol.com"

/* b.example is on Lync, too: a pool of front ends, with a route to one of them and one for the name of
 * another. */
#define SHARED_DOMAINS "partner.example=lync"
#define SHARED_ROUTES                                                                              \
    ".example.b.*=tls:192.0.2.10, .local.corp.fe2=tls:192.0.2.11, "                                \
    ".example.partner.*=tls:edge.partner.example"

static const struct deployment {
    const char *acl, *domains, *routes, *partitioned;
} interdomain = { "192.0.2.0/24, 198.51.100.0/24", INTERDOMAIN_DOMAINS, INTERDOMAIN_ROUTES, "off" },
  open_to_all = { "all", INTERDOMAIN_DOMAINS, INTERDOMAIN_ROUTES, "off" },
  shared = { "all, 192.0.2.0/24", SHARED_DOMAINS, SHARED_ROUTES, "on" },
  shared_tcp = { "all, 192.0.2.12, fe.corp.local", "", ".example.b.*=tcp:192.0.2.10", "on" },
  unshared = { "192.0.2.0/24", SHARED_DOMAINS, SHARED_ROUTES, "off" },
  bound = { "192.0.2.0/24", "b.example@192.0.2.9, b.example@registrar.b.example", "", "off" };

static const struct {
    const struct deployment *in;
    const char *host, *subject; /* subject NULL: no certificate */
    const char *domain;
    const char *refused; /* a word of the advice; NULL: believed */
} cases[] = {
    /* A partner's edge, by its name or by the route to it. */
    { &interdomain, "192.0.2.1", "edge.partner.example", "partner.example", NULL },
    { &interdomain, "192.0.2.1", "sip.partner.example", "partner.example", NULL },
    { &interdomain, "192.0.2.2", "sip.other.example", "other.example", NULL },
    { &interdomain, "192.0.2.2", "sip.other.example", "partner.example", "another domain's" },
    { &interdomain, "192.0.2.1", "edge.partner.example", "b.example", "sip.partitioned" },
    { &interdomain, "192.0.2.1", "edge.partner.example", "stranger.example", "not in sip.domains" },
    { &interdomain, "192.0.2.1", "edge.partner.example", "sub.partner.example",
      "not in sip.domains" },
    /* Without its certificate nobody is a partner that is reached by TLS. */
    { &interdomain, "192.0.2.1", NULL, "partner.example", "sip.peer_auth_port" },
    { &open_to_all, "203.0.113.1", NULL, "partner.example", "sip.peer_auth_port" },
    /* A firewall of ours that ends TLS for all: it is nobody's in particular. */
    { &interdomain, "192.0.2.5", "asa.inside.test", "partner.example", NULL },
    { &interdomain, "192.0.2.5", "asa.inside.test", "other.example", NULL },
    { &interdomain, "192.0.2.5", "asa.inside.test", "b.example", "sip.partitioned" },
    { &interdomain, "192.0.2.5", "asa.inside.test", "hosted.example", "sip.domains says who" },
    { &interdomain, "192.0.2.3", "sip.hoster.example", "hosted.example", NULL },
    { &interdomain, "192.0.2.3", "SIP.hoster.example", "hosted.example", NULL },
    { &interdomain, "192.0.2.3", "sip.hoster.example", "other.example", "another domain's" },
    { &interdomain, "192.0.2.3", NULL, "hosted.example", "sip.domains says who" },
    { &interdomain, "198.51.100.3", NULL, "bound.example", NULL },
    { &interdomain, "198.51.100.30", NULL, "bound.example", "sip.domains says who" },
    { &interdomain, "198.51.100.3", NULL, "other.example", "another domain's" },
    /* Direct federation: the routes' servers, a third front end that has an address in the list. */
    { &interdomain, "192.0.2.20", NULL, "direct.example", NULL },
    { &interdomain, "192.0.2.21", NULL, "direct.example", NULL },
    { &interdomain, "192.0.2.22", NULL, "direct.example", NULL },
    { &interdomain, "192.0.2.20", NULL, "other.example", "another domain's" },
    { &interdomain, "192.0.2.20", NULL, "b.example", "sip.partitioned" },
    /* Below our own domain a partner's certificate does not make him one of us. */
    { &interdomain, "192.0.2.4", "edge.foreign.b.example", "foreign.b.example", NULL },
    { &interdomain, "192.0.2.4", "edge.foreign.b.example", "other.example", "another domain's" },
    /* AOL speaks for its customers, and for both its names. */
    { &interdomain, "192.0.2.6", "sip.oscar.aol.com", "aol.com", NULL },
    { &interdomain, "192.0.2.6", "sip.oscar.aol.com", "aim.com", NULL },
    { &interdomain, "192.0.2.6", "sip.oscar.aol.com", "customer.example", NULL },
    { &interdomain, "192.0.2.6", "sip.oscar.aol.com", "partner.example", "another domain's" },

    /* The same domain on both systems: its routes, its certificates, its addresses in the list. */
    { &shared, "192.0.2.10", "pool.b.example", "b.example", NULL },
    { &shared, "192.0.2.10", "pool.corp.local", "b.example", NULL },
    { &shared, "192.0.2.11", "fe2.corp.local", "b.example", NULL },
    { &shared, "192.0.2.10", NULL, "b.example", "sip.peer_auth_port" },
    { &shared, "192.0.2.1", "edge.partner.example", "b.example", "another domain's" },
    { &shared, "192.0.2.1", "edge.partner.example", "partner.example", NULL },
    { &shared_tcp, "192.0.2.10", NULL, "b.example", NULL },
    { &shared_tcp, "192.0.2.12", NULL, "b.example", NULL },
    { &shared_tcp, "192.0.2.13", NULL, "b.example", "none of its servers" },
    { &unshared, "192.0.2.10", "pool.b.example", "b.example", "sip.partitioned" },

    /* A registrar of ours, by its address or by its name. */
    { &bound, "192.0.2.9", NULL, "b.example", NULL },
    { &bound, "192.0.2.8", "registrar.b.example", "b.example", NULL },
    { &bound, "192.0.2.8", NULL, "b.example", "sip.domains says who" },
};

static void deploy(struct rig *r, const struct deployment *d)
{
    struct gw_err err;

    rig_set(r, "sip.incoming_acl", d->acl);
    rig_set(r, "sip.domains", d->domains);
    rig_set(r, "sip.routes", d->routes);
    rig_set(r, "sip.partitioned", d->partitioned);
    if (sip_settings_check(&r->settings, &err))
        fail_msg("%s", err.msg);
}

static struct sip_peer peer_of(const char *host, const char *subject)
{
    return (struct sip_peer){ .proto = subject ? SIP_TLS : SIP_TCP,
                              .host = gw_str_of(host),
                              .port = 4444,
                              .subject = subject ? gw_str_of(subject) : GW_STR("") };
}

static void test_cases(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct sip_peer hop = peer_of(cases[i].host, cases[i].subject);
        const char *advice;

        deploy(&r, cases[i].in);
        advice = sip_distrusts(r.sip, gw_str_of(cases[i].domain), &hop);
        if (!advice != !cases[i].refused ||
            (advice && cases[i].refused && !strstr(advice, cases[i].refused)))
            fail_msg("%s (%s) for %s: %s", cases[i].host, cases[i].subject, cases[i].domain,
                     advice ? advice : "believed");
    }
    rig_done(&r);
}

static void keep_line(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    (void)component;
    if (level == GW_LOG_WARN)
        gw_buf_add_str(ctx, line);
}

/* Whatever the request: 403, counted, and once in a while a line that says what to do. */
static void test_refused(void **state)
{
    static const char message[] =
        "MESSAGE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:4444;branch=z9hG4bKm\r\n"
        "From: <sip:alice@b.example>;tag=1\r\nTo: <sip:bob@b.example>\r\nCall-ID: m1\r\n"
        "Max-Forwards: 70\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\n\r\nhello";
    struct sip_counters c;
    struct gw_buf lines;
    struct rig r;

    (void)state;
    rig_init(&r);
    gw_buf_init(&lines, 4000);
    gw_log_set_sink(keep_line, &lines);
    rig_ask(&r, &(struct ask){ .who = "alice@b.example", .expires = 600 });
    gw_log_set_sink(NULL, NULL);
    rig_expect(&r, "SIP/2.0 403 ", "");
    rig_receive(&r, message);
    rig_expect(&r, "SIP/2.0 403 ", "");
    rig_silence(&r);
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.refused_sender, 2);
    assert_true(rig_has(lines.p, "sender not believed from='alice@b.example' peer=192.0.2.1 "));
    assert_true(rig_has(lines.p, "kalendsctl set sip.partitioned on"));
    gw_buf_done(&lines);
    rig_done(&r);
}

/* What goes on is asked the same: dialogs are known to whoever hears them. */
static void test_refresh(void **state)
{
    const struct sip_peer other = peer_of("198.51.100.1", NULL);
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.incoming_acl", "192.0.2.0/24, 198.51.100.0/24");
    rig_set(&r, "sip.domains", "a.example@192.0.2.0/24");
    rig_subscribe(&r, &(struct ask){ .expires = 600 }, tag);
    rig_ask_from(&r, &other, &(struct ask){ .to_tag = tag, .cseq = 2, .expires = 0 });
    rig_expect(&r, "SIP/2.0 403 ", "");
    rig_ask(&r, &(struct ask){ .to_tag = tag, .cseq = 2, .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_done(&r);
}

/* ---- Where we may be led ---- */

static const struct {
    const char *contact;
    unsigned status;
} contacts[] = {
    { "sip:w@192.0.2.1:9", 0 },                         /* where it came from */
    { "sip:w@[2001:DB8:0::1]", 0 },                     /* the same in another form */
    { "sip:w@192.0.2.77", 0 },                          /* another peer of the list */
    { "sip:w@pc33.partner.example", 0 },                /* his domain leads there */
    { "sip:w@192.0.2.20", 0 },                          /* the next hop of a route of his */
    { "sip:w@front.corp.local:7", 0 },                  /* this name has a route */
    { "sip:w@pool.hoster.example;transport=tls", 0 },   /* TLS makes sure of it */
    { "sip:w@pool.hoster.example;transport=tcp", 403 }, /* and nothing does of this */
    { "sip:w@203.0.113.65", 0 },                        /* his domain's network */
    { "sip:w@203.0.113.81", 403 },                      /* another one's */
    { "sip:w@203.0.113.5", 403 },                       /* nobody's */
    { "sip:w@victim.example", 403 },
    { "sip:w@notpartner.example", 403 },
    { "sip:w@127.0.0.1", 403 },
    { "sip:w@other.example", 403 }, /* another partner's */
};

static void test_contacts(void **state)
{
    struct sip_peer from = peer_of("192.0.2.1", NULL), hop;
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.incoming_acl", "all, 192.0.2.64/26, 127.0.0.1");
    rig_set(&r, "sip.domains",
            "partner.example, partner.example@203.0.113.64/28, other.example@203.0.113.80/28");
    rig_set(&r, "sip.routes", "example.partner=tcp:192.0.2.20, local.corp.front=tcp:192.0.2.21");
    rig_set(&r, "sip.tls_peer_subjects", "pool.hoster.example");
    for (size_t i = 0; i < sizeof(contacts) / sizeof(contacts[0]); i++) {
        struct gw_arena arena;
        struct gw_err err;
        struct sip_uri uri;

        gw_arena_init(&arena, 8 * SIP_URI_MAX);
        from.host = strchr(contacts[i].contact, '[') ? GW_STR("2001:db8::1") : GW_STR("192.0.2.1");
        if (sip_uri_parse(gw_str_of(contacts[i].contact), &arena, &uri, &err))
            fail_msg("%s", err.msg);
        if (sip_hop_of(r.sip, &uri, GW_STR("w@partner.example"), &from, &hop) != contacts[i].status)
            fail_msg("%s: not %u", contacts[i].contact, contacts[i].status);
        /* R-5.3c: the name is not looked up, nor its port used. */
        if (strstr(contacts[i].contact, "front.corp.local")) {
            assert_true(gw_str_is(hop.host, "192.0.2.21"));
            assert_true(hop.proto == SIP_TCP && hop.port == 5060);
        }
        gw_arena_done(&arena);
    }
    rig_done(&r);
}

/* A refresh moves the target: no further than the first could. */
static void test_moved(void **state)
{
    static const char format[] =
        "SUBSCRIBE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP "
        "192.0.2.1:4444;branch=z9hG4bKr%d\r\n"
        "From: <sip:w@a.example>;tag=peer\r\nTo: <sip:bob@b.example>;tag=%s\r\nCall-ID: c1\r\n"
        "CSeq: 2 SUBSCRIBE\r\nContact: <sip:w@%s>\r\nEvent: presence\r\nExpires: 600\r\n\r\n";
    char tag[256], text[1024];
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .expires = 600 }, tag);
    (void)snprintf(text, sizeof(text), format, 1, tag, "203.0.113.5");
    rig_receive(&r, text);
    rig_expect(&r, "SIP/2.0 403 ", "");
    rig_silence(&r);
    (void)snprintf(text, sizeof(text), format, 2, tag, "192.0.2.7:9");
    rig_receive(&r, text);
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY sip:w@192.0.2.7:9 SIP/2.0\r\n", "");
    assert_string_equal(r.sent[r.taken - 1].host, "192.0.2.7");
    rig_done(&r);
}

/* ---- Datagrams that say they come from elsewhere ---- */

/* Who is there hears of a hundred subscriptions that are not his, and of no more; with the first answer
 * there is room for all. */
static void test_spoofed(void **state)
{
    struct sip_counters c;
    char call_id[16];
    struct rig r;

    (void)state;
    rig_init(&r);
    for (int i = 0; i < 150; i++) {
        (void)snprintf(call_id, sizeof(call_id), "s%d", i);
        rig_ask(&r, &(struct ask){ .call_id = call_id, .expires = 600 });
        rig_expect(&r, i < 100 ? "SIP/2.0 200 " : "SIP/2.0 503 ",
                   i < 100 ? "" : "Retry-After: 2\r\n");
        if (i < 100)
            rig_expect(&r, "NOTIFY ", "");
        rig_silence(&r);
        rig_forget(&r);
    }
    /* Nobody answers: they end, each with the eleven datagrams of one request. */
    for (int s = 0; s < 40; s++) {
        rig_pass(&r, 1000);
        rig_forget(&r);
    }
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.subscriptions, 0);
    assert_int_equal(c.notified, 100);
    assert_true(c.resent <= 100 * 10);
    rig_done(&r);
}

static void fill(struct rig *r, const struct sip_peer *from)
{
    char call_id[16];

    for (int i = 0; i < 150; i++) {
        (void)snprintf(call_id, sizeof(call_id), "b%d", i);
        rig_ask_from(r, from, &(struct ask){ .call_id = call_id, .expires = 600 });
        rig_expect(r, "SIP/2.0 200 ", "");
        rig_forget(r);
    }
}

/* Who has answered, or has a connection, or had subscriptions before a restart, is where he says. */
static void test_proven(void **state)
{
    const struct sip_peer udp = { .proto = SIP_UDP,
                                  .host = GW_STR_INIT("192.0.2.1"),
                                  .port = 4444 },
                          tcp = peer_of("192.0.2.1", NULL);
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .call_id = "a1", .expires = 600 }, tag);
    fill(&r, &udp);
    rig_done(&r);
    rig_init(&r);
    fill(&r, &tcp);
    rig_done(&r);
    rig_init(&r);
    rig_subscribe(&r, &(struct ask){ .call_id = "a1", .expires = 600 }, tag);
    rig_restart(&r);
    fill(&r, &udp);
    rig_done(&r);
}

/* The peer is in the list no more, or another one speaks for the domain: it is told nothing more, and who
 * may asks anew. What is set otherwise changes nothing. */
static void test_taken_out(void **state)
{
    static const struct {
        const char *key, *value;
        bool is_out;
    } changes[] = {
        { "sip.incoming_acl", "192.0.2.7, 198.51.100.0/24", true },
        { "sip.incoming_acl", "", true },
        { "sip.domains", "a.example@192.0.2.7", true },
        { "sip.routes", ".example.a.*=tls:192.0.2.7", true },
        { "sip.incoming_acl", "192.0.2.1", false },
        { "sip.incoming_acl", "192.0.2.7, edge.a.example", true }, /* came in by its address */
        { "sip.domains", "a.example@192.0.2.0/24, other.example", false },
        { "sip.messages", "off", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct rig r;
        char tag[256];

        rig_init(&r);
        rig_subscribe(&r, &(struct ask){ .expires = 600 }, tag);
        rig_set(&r, changes[i].key, changes[i].value);
        sip_core_settings_apply(r.sip);
        rig_pass(&r, 0);
        if (changes[i].is_out) {
            rig_expect(&r, "NOTIFY ", "terminated;reason=deactivated\r\n");
            assert_true(rig_has(r.sent[r.taken - 1].text, "Content-Length: 0\r\n"));
            rig_restart(&r);
        }
        rig_calendar(&r, PRES_CAL_MEETING, "news");
        rig_wait(&r, 2000);
        if (changes[i].is_out)
            rig_silence(&r);
        else
            rig_expect(&r, "NOTIFY ", "active");
        rig_done(&r);
    }
}

/* ---- The entry of a domain in who may come in ---- */

/* Interdomain 4.1: each domain has one, the network that speaks for it or else its name; and who comes in by
 * that alone speaks for no other domain. */
static void test_domain_is_entry(void **state)
{
    static const struct {
        const char *acl, *domains, *partitioned, *host, *name, *who;
        unsigned status;
    } entries[] = {
        { "", "a.example", "off", "203.0.113.1", "edge.a.example", "alice@a.example", 200 },
        { "", "a.example", "off", "203.0.113.1", "edge.nota.example", "alice@a.example", 403 },
        { "", "a.example, c.example", "off", "203.0.113.1", "edge.c.example", "alice@a.example",
          403 },
        { "", "a.example, c.example", "off", "203.0.113.1", "edge.c.example", "carl@c.example",
          200 },
        { "", "a.example", "on", "203.0.113.1", "edge.a.example", "alice@b.example", 403 },
        { "", "a.example, b.example", "on", "203.0.113.1", "pc7.b.example", "alice@b.example",
          403 },
        /* An entry of its own says nothing of domains, as an address says nothing. */
        { "edge.a.example", "a.example, c.example", "off", "203.0.113.1", "edge.a.example",
          "carl@c.example", 200 },
        { "fe1.a.example", "a.example", "on", "203.0.113.1", "fe1.a.example", "alice@b.example",
          200 },
        { "", "a.example@203.0.113.0/30", "off", "203.0.113.1", NULL, "alice@a.example", 200 },
        { "", "a.example@203.0.113.0/30", "off", "203.0.113.4", NULL, "alice@a.example", 403 },
        { "", "a.example@203.0.113.0/30, c.example", "off", "203.0.113.1", NULL, "carl@c.example",
          403 },
        { "", "a.example@203.0.113.0/30", "on", "203.0.113.1", NULL, "alice@b.example", 403 },
        /* Whose certificate is asked for does not come without one. */
        { "", "a.example@sip.hoster.example", "off", "203.0.113.1", "edge.a.example",
          "alice@a.example", 403 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        const struct sip_peer peer = peer_of(entries[i].host, NULL);
        char question[64], answer[32];
        struct rig r;

        rig_init(&r);
        rig_set(&r, "sip.incoming_acl", entries[i].acl);
        rig_set(&r, "sip.domains", entries[i].domains);
        rig_set(&r, "sip.partitioned", entries[i].partitioned);
        rig_ask_from(&r, &peer, &(struct ask){ .who = entries[i].who, .expires = 600 });
        if (entries[i].name) {
            rig_silence(&r);
            (void)snprintf(question, sizeof(question), "PTR %s", entries[i].host);
            rig_names(&r, question, entries[i].name);
        }
        if (r.names.done) {
            (void)snprintf(question, sizeof(question), "A %s", entries[i].name);
            rig_names(&r, question, entries[i].host);
        }
        (void)snprintf(answer, sizeof(answer), "SIP/2.0 %u ", entries[i].status);
        print_message("entry %zu\n", i);
        rig_expect(&r, answer, "");
        rig_done(&r);
    }
}

static void expect_from(struct rig *r, const struct sip_peer *peer, const char *who,
                        const char *call_id, const char *answer)
{
    rig_silence(r);
    rig_ask_from(r, peer, &(struct ask){ .who = who, .call_id = call_id, .expires = 600 });
    rig_expect(r, answer, "");
    rig_forget(r);
}

/* Whoever owns an address can give it any name at any time: it counts when it leads back there, not before. */
static void test_another_name(void **state)
{
    const struct sip_peer peer = peer_of("203.0.113.1", NULL);
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.domains", "a.example, c.example");
    rig_set(&r, "sip.incoming_acl", "");
    rig_ask_from(&r, &peer,
                 &(struct ask){ .who = "alice@a.example", .call_id = "a1", .expires = 600 });
    rig_silence(&r);
    rig_names(&r, "PTR 203.0.113.1", "edge.a.example");
    rig_names(&r, "A edge.a.example", "203.0.113.1");
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_forget(&r);
    rig_pass(&r, (int64_t)300 * 1000); /* asked again, since he goes on */
    rig_names(&r, "PTR 203.0.113.1", "edge.c.example");
    expect_from(&r, &peer, "carl@c.example", "c1", "SIP/2.0 403 ");
    expect_from(&r, &peer, "alice@a.example", "a2", "SIP/2.0 200 ");
    rig_names(&r, "A edge.c.example", "203.0.113.1");
    expect_from(&r, &peer, "carl@c.example", "c2", "SIP/2.0 200 ");
    expect_from(&r, &peer, "alice@a.example", "a3", "SIP/2.0 403 ");
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),           cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refresh),         cmocka_unit_test(test_contacts),
        cmocka_unit_test(test_moved),           cmocka_unit_test(test_spoofed),
        cmocka_unit_test(test_proven),          cmocka_unit_test(test_taken_out),
        cmocka_unit_test(test_domain_is_entry), cmocka_unit_test(test_another_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
