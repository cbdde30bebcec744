/* RFC 3263 and the records of federation: what is asked, in which order, and who is tried then. */
#include "sip_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gw_buf.h"

/* What the name servers know; 'to' NULL: they do not answer. */
struct record {
    const char *name, *to;
    uint16_t port;
    enum sip_proto proto;
};

enum { RECORDS_MAX = 24 };

struct names {
    const struct record *records;
    sip_srv_fn *done;
    sip_names_fn *named;
    void *ctx;
    char asked[400];
    struct gw_buf log;
};

static struct sip_srv_query *asked(struct names *n, const char *what, const char *name,
                                   sip_srv_fn *done, sip_names_fn *named, void *ctx)
{
    assert_true(!n->done && !n->named); /* one question at a time */
    (void)snprintf(n->asked, sizeof(n->asked), "%s%s", what, name);
    gw_buf_addf(&n->log, "%s%s ", what, name);
    n->done = done;
    n->named = named;
    n->ctx = ctx;
    return (struct sip_srv_query *)(void *)n;
}

static struct sip_srv_query *srv_start(bool is_naptr, const char *name, sip_srv_fn *done,
                                       void *done_ctx, void *ctx)
{
    return asked(ctx, is_naptr ? "NAPTR:" : "", name, done, NULL, done_ctx);
}

static struct sip_srv_query *names_start(bool is_reverse, const char *what, sip_names_fn *done,
                                         void *done_ctx, void *ctx)
{
    assert_false(is_reverse);
    return asked(ctx, "A:", what, NULL, done, done_ctx);
}

static void srv_cancel(struct sip_srv_query **queryp, void *ctx)
{
    struct names *n = ctx;

    n->done = NULL;
    n->named = NULL;
    *queryp = NULL;
}

static const struct sip_io names_io = { .srv_start = srv_start,
                                        .names_start = names_start,
                                        .srv_cancel = srv_cancel };

static void answer(struct names *n)
{
    struct sip_srv found[RECORDS_MAX];
    struct gw_str texts[RECORDS_MAX];
    sip_srv_fn *done = n->done;
    sip_names_fn *named = n->named;
    const struct gw_now now = { .mono = 1 };
    enum gw_code code = GW_NOTFOUND;
    size_t count = 0;

    for (const struct record *r = n->records; r->name; r++) {
        if (strcmp(r->name, n->asked) != 0)
            continue;
        code = r->to ? GW_OK : GW_TIMEOUT;
        texts[count] = gw_str_of(r->to ? r->to : "");
        found[count] = (struct sip_srv){ .host = texts[count], .port = r->port, .proto = r->proto };
        count++;
    }
    n->done = NULL;
    n->named = NULL;
    if (done)
        done(code, found, code ? 0 : count, now, n->ctx);
    else
        named(texts, code ? 0 : count, now, n->ctx);
}

static void finished(const struct sip_search *s, struct gw_now now, void *ctx)
{
    bool *is_done = ctx;

    (void)s;
    (void)now;
    assert_false(*is_done);
    *is_done = true;
}

static void look(const struct record *records, const char *address, struct sip_search *s,
                 struct gw_buf *log)
{
    char domains[] = "lync.example=lync, simple.example, hosted.example=aol", routes[] = "",
         def[] = "aol.com";
    const struct sip_settings settings = { .routes = routes,
                                           .domains = domains,
                                           .default_domain = def };
    struct names n = { .records = records };
    struct sip_plan plan;
    bool is_done = false;

    gw_buf_init(&n.log, 4000);
    assert_int_equal(sip_route_plan(&settings, gw_str_of(address), false, &plan, NULL), GW_OK);
    is_done = sip_search_start(s, &plan, &names_io, &n, finished, &is_done);
    while (!is_done)
        answer(&n);
    assert_true(!n.done && !n.named);
    sip_search_done(s);
    *log = n.log;
}

#define FED  "_sipfederationtls._tcp.simple.example "
#define SRVS "_sips._tcp.simple.example _sip._tcp.simple.example _sip._udp.simple.example "

static const struct {
    const char *address;
    struct record records[8];
    const char *asked, *found; /* "TLS host:port ..." */
} cases[] = {
    { "a@simple.example",
      { { "_sipfederationtls._tcp.simple.example", "edge.simple.example", 5061, SIP_TLS },
        { "_sipfederationtls._tcp.simple.example", "edge2.simple.example", 5062, SIP_TLS },
        { "NAPTR:simple.example", "_sips._tcp.simple.example", 0, SIP_TLS } },
      FED,
      "TLS edge.simple.example:5061 TLS edge2.simple.example:5062 " },
    /* What NAPTR names, in its order, until one of them is there; and nothing else. */
    { "a@simple.example",
      { { "NAPTR:simple.example", "_sips._tcp.other.example", 0, SIP_TLS },
        { "NAPTR:simple.example", "_sip._tcp.other.example", 0, SIP_TCP },
        { "_sip._tcp.other.example", "tcp.other.example", 5070, SIP_TLS },
        { "_sip._udp.simple.example", "udp.simple.example", 5060, SIP_TLS } },
      FED "NAPTR:simple.example _sips._tcp.other.example _sip._tcp.other.example ",
      "TCP tcp.other.example:5070 " },
    { "a@simple.example",
      { { "NAPTR:simple.example", "_sips._tcp.other.example", 0, SIP_TLS },
        { "A:simple.example", "192.0.2.1", 0, SIP_TLS } },
      FED "NAPTR:simple.example _sips._tcp.other.example ",
      "" },
    /* No NAPTR, or name servers that do not know it: the safest of the services first. */
    { "a@simple.example",
      { { "NAPTR:simple.example", NULL, 0, SIP_TLS },
        { "_sips._tcp.simple.example", "tls.simple.example", 5061, SIP_TLS },
        { "_sip._tcp.simple.example", "tcp.simple.example", 5060, SIP_TLS } },
      FED "NAPTR:simple.example _sips._tcp.simple.example ",
      "TLS tls.simple.example:5061 " },
    { "a@simple.example",
      { { "_sip._tcp.simple.example", "tcp.simple.example", 5060, SIP_TLS } },
      FED "NAPTR:simple.example _sips._tcp.simple.example _sip._tcp.simple.example ",
      "TCP tcp.simple.example:5060 " },
    { "a@simple.example",
      { { "_sip._udp.simple.example", "udp.simple.example", 5080, SIP_TLS } },
      FED "NAPTR:simple.example " SRVS,
      "UDP udp.simple.example:5080 " },
    /* RFC 2782: a service that is said not to be there is not there. */
    { "a@simple.example",
      { { "_sip._udp.simple.example", ".", 0, SIP_TLS },
        { "A:simple.example", "192.0.2.1", 0, SIP_TLS },
        { "A:simple.example", "2001:db8::1", 0, SIP_TLS } },
      FED "NAPTR:simple.example " SRVS "A:simple.example ",
      "UDP 192.0.2.1:5060 UDP 2001:db8::1:5060 " },
    { "a@simple.example",
      { { NULL, NULL, 0, SIP_TLS } },
      FED "NAPTR:simple.example " SRVS "A:simple.example ",
      "" },
    /* Silence is not the same as a no: nothing less safe is tried. */
    { "a@simple.example",
      { { "_sips._tcp.simple.example", NULL, 0, SIP_TLS },
        { "_sip._udp.simple.example", "udp.simple.example", 5060, SIP_TLS } },
      FED "NAPTR:simple.example _sips._tcp.simple.example ",
      "" },
    /* Lync, OCS and AOL have records of their own kind alone. */
    { "a@lync.example",
      { { "_sip._udp.lync.example", "udp.lync.example", 5060, SIP_TLS },
        { "A:lync.example", "192.0.2.1", 0, SIP_TLS } },
      "_sipfederationtls._tcp.lync.example ",
      "" },
    { "a@hosted.example",
      { { "_sipfederationtls._tcp.aol.com", "sip.oscar.aol.com", 5061, SIP_TLS } },
      "_sipfederationtls._tcp.hosted.example _sipfederationtls._tcp.aol.com ",
      "TLS sip.oscar.aol.com:5061 " },
};

static void test_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gw_buf log, found;
        struct sip_search s;

        look(cases[i].records, cases[i].address, &s, &log);
        gw_buf_init(&found, 4000);
        gw_buf_add_cstr(&found, "");
        for (size_t k = 0; k < s.count; k++)
            gw_buf_addf(&found, "%s %s:%u ", sip_proto_name(s.hops[k].hop.proto),
                        s.hops[k].hop.host, s.hops[k].hop.port);
        assert_string_equal(log.p, cases[i].asked);
        assert_string_equal(found.p ? found.p : "", cases[i].found);
        assert_int_equal(s.err.code != GW_OK, !s.count);
        gw_buf_done(&log);
        gw_buf_done(&found);
    }
}

/* A zone may say much: so much of it is tried. */
static void test_bounds(void **state)
{
    struct record many[RECORDS_MAX + 1] = { { NULL, NULL, 0, SIP_TLS } };
    struct sip_search s;
    struct gw_buf log;

    (void)state;
    for (int i = 0; i < RECORDS_MAX; i++)
        many[i] = (struct record){ "NAPTR:simple.example", "_sip._tcp.x.example", 0, SIP_TCP };
    look(many, "a@simple.example", &s, &log);
    assert_int_equal(s.plan.count, SIP_STEPS_MAX);
    assert_int_equal(s.err.code, GW_NOTFOUND);
    gw_buf_done(&log);
    for (int i = 0; i < RECORDS_MAX; i++)
        many[i] = (struct record){ "_sips._tcp.simple.example", "x.example", 5061, SIP_TLS };
    look(many, "a@simple.example", &s, &log);
    assert_int_equal(s.count, SIP_FOUND_MAX);
    gw_buf_done(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
