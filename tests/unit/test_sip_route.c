/* Where requests go: static routes, SRV records, AOL's four steps. */
#include "sip_route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gw_buf.h"

#define DOMAINS "partner.example=lync, remote.com=lync, simple.example, aol.com=aol, hosted.com=aol"
#define ROUTES                                                                                     \
    ".example.partner.*=tls:fe2.partner.example:5061/2, "                                          \
    ".example.partner.*=tls:fe1.partner.example/1, "                                               \
    ".example.partner.*=tcp:[2001:db8::1]:5070/2, com.remote=tcp:192.0.2.7, "                      \
    "vip@partner.example=udp:192.0.2.9, .example.partner.front=tls:192.0.2.20:5062, "              \
    "example.*=tcp:192.0.2.99"

/* Each plan as "RULE proto:host:port/priority ..." */
static const struct {
    const char *routes, *address;
    enum gw_code rc;
    const char *plan;
} cases[] = {
    { ROUTES, "ann@partner.example", GW_OK,
      "static TLS:fe1.partner.example:5061/1 static TLS:fe2.partner.example:5061/2 static "
      "TCP:2001:db8::1:5070/2 " },
    { ROUTES, "vip@partner.example", GW_OK, "static UDP:192.0.2.9:5060/1 " },
    { ROUTES, "ann@remote.com", GW_OK, "static TCP:192.0.2.7:5060/1 " },
    /* The longest pattern counts, and a star covers what is below. */
    { ROUTES, "ann@simple.example", GW_OK, "static TCP:192.0.2.99:5060/1 " },
    { "", "ann@partner.example", GW_OK, "srv TLS:partner.example:0/0 " },
    { "", "ann@simple.example", GW_OK,
      "srv TLS:simple.example:0/0 naptr TLS:simple.example:0/0 sips TLS:simple.example:0/0 tcp "
      "TCP:simple.example:0/0 udp UDP:simple.example:0/0 address UDP:simple.example:0/0 " },
    /* AOL: hosted domains in four steps, its own in two. */
    { ".com.hosted=tls:h.example, .com.aol=tls:a.example", "x@hosted.com", GW_OK,
      "static TLS:h.example:5061/1 " },
    { "", "x@hosted.com", GW_OK, "srv TLS:hosted.com:0/0 default-srv TLS:aol.com:0/0 " },
    { ".com.aol=tls:a.example", "x@hosted.com", GW_OK,
      "srv TLS:hosted.com:0/0 default-static TLS:a.example:5061/1 " },
    { ".com.aol=tls:a.example", "x@aol.com", GW_OK, "static TLS:a.example:5061/1 " },
    { "", "x@aol.com", GW_OK, "default-srv TLS:aol.com:0/0 " },
    { "", "x@aim.com", GW_OK, "srv TLS:aim.com:0/0 default-srv TLS:aol.com:0/0 " },
    /* A domain speaks for none below it, nor for one that only ends alike. */
    { ROUTES, "ann@sub.partner.example", GW_DENIED, "" },
    { ROUTES, "ann@notpartner.example", GW_DENIED, "" },
    { ROUTES, "partner.example", GW_INVALID, "" },
    { ROUTES, "@partner.example", GW_INVALID, "" },
    { ROUTES, "ann@partner example", GW_INVALID, "" },
};

static void write_plan(const struct sip_plan *plan, struct gw_buf *out)
{
    static const char *const rules[] = { "static", "srv",    "default-static", "default-srv",
                                         "naptr",  "named",  "sips",           "tcp",
                                         "udp",    "address" };

    for (size_t i = 0; i < plan->count; i++) {
        const struct sip_step *s = &plan->steps[i];

        gw_buf_addf(out, "%s %s:%s:%u/%u ", rules[s->rule], sip_proto_name(s->hop.proto),
                    s->hop.host, s->hop.port, s->priority);
    }
}

static void test_plans(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char routes[1024], domains[] = DOMAINS, def[] = "aol.com";
        struct sip_settings settings = { .routes = routes,
                                         .domains = domains,
                                         .default_domain = def };
        struct sip_plan plan;
        struct gw_err err;
        struct gw_buf text;

        (void)snprintf(routes, sizeof(routes), "%s", cases[i].routes);
        assert_int_equal(sip_routes_check(gw_str_of(routes), &err), GW_OK);
        gw_buf_init(&text, 4096);
        gw_buf_add_cstr(&text, "");
        assert_int_equal(sip_route_plan(&settings, gw_str_of(cases[i].address), false, &plan, &err),
                         cases[i].rc);
        if (!cases[i].rc)
            write_plan(&plan, &text);
        assert_string_equal(text.p ? text.p : "", cases[i].plan);
        gw_buf_done(&text);
    }
}

/* More routes than a plan holds: those that come first by priority are in it. */
static void test_many_routes(void **state)
{
    char domains[] = DOMAINS, def[] = "aol.com";
    struct gw_buf routes;
    struct sip_settings settings = { .domains = domains, .default_domain = def };
    struct sip_plan plan;

    (void)state;
    gw_buf_init(&routes, 4096);
    for (int i = 20; i > 0; i--)
        gw_buf_addf(&routes, "%scom.remote=tcp:192.0.2.%d/%d", i < 20 ? "," : "", i, i);
    settings.routes = routes.p;
    assert_int_equal(sip_route_plan(&settings, GW_STR("a@remote.com"), false, &plan, NULL), GW_OK);
    assert_int_equal(plan.count, SIP_STEPS_MAX);
    for (unsigned i = 0; i < SIP_STEPS_MAX; i++)
        assert_int_equal(plan.steps[i].priority, i + 1);
    gw_buf_done(&routes);
}

/* Intradomain 1.7: the other half of a domain of ours has static routes, and no records. */
static void test_ours(void **state)
{
    char routes[] = ".example.ours.*=tls:fe1.lync.example", none[] = "", def[] = "aol.com";
    struct sip_settings settings = { .routes = routes, .domains = none, .default_domain = def };
    struct sip_plan plan;

    (void)state;
    assert_int_equal(sip_route_plan(&settings, GW_STR("a@ours.example"), true, &plan, NULL),
                     GW_DENIED);
    settings.partitioned = 1;
    assert_int_equal(sip_route_plan(&settings, GW_STR("a@ours.example"), true, &plan, NULL), GW_OK);
    assert_int_equal(plan.count, 1);
    assert_int_equal(plan.kind, SIP_KIND_LYNC);
    settings.routes = none;
    assert_int_equal(sip_route_plan(&settings, GW_STR("a@ours.example"), true, &plan, NULL),
                     GW_NOTFOUND);
}

static void test_hosts(void **state)
{
    char routes[] = ROUTES;
    struct sip_settings settings = { .routes = routes };
    struct sip_hop hop;

    (void)state;
    assert_true(sip_route_host(&settings, GW_STR("front.partner.example"), &hop));
    assert_string_equal(hop.host, "192.0.2.20");
    assert_int_equal(hop.port, 5062);
    /* RFC 3261 19.1.4: as servers write their own names. */
    assert_true(sip_route_host(&settings, GW_STR("FRONT.Partner.Example"), &hop));
    assert_false(sip_route_host(&settings, GW_STR("back.partner.example"), &hop));
    assert_false(sip_route_host(&settings, GW_STR(""), &hop));
}

static void test_wrong_routes(void **state)
{
    static const char wrong[][64] = {
        "com.remote",
        "com.remote=192.0.2.1",
        "com.remote=sctp:192.0.2.1",
        "=tcp:192.0.2.1",
        "com..remote=tcp:192.0.2.1",
        "com.remote=tcp:192.0.2.1:0",
        "com.remote=tcp:192.0.2.1:65536",
        "com.remote=tcp:192.0.2.1/0",
        "com.remote=tcp:192.0.2.1/x",
        "com.remote=tcp:[2001:db8::1",
        "com.remote=tcp:[2001:db8::1]5060",
        "*=tcp:192.0.2.1",
        ".*=tcp:192.0.2.1",
        "com.*.remote=tcp:192.0.2.1",
        "@remote.com=tcp:192.0.2.1",
        "com.remote=tcp:a b",
        "com.remote=tcp:",
        "com.remote=tcp:192.0.2.1,,com.other=tcp:192.0.2.2",
    };
    struct gw_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (sip_routes_check(gw_str_of(wrong[i]), &err) != GW_INVALID)
            fail_msg("taken: %s", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),        cmocka_unit_test(test_many_routes),
        cmocka_unit_test(test_ours),         cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_wrong_routes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
