/* The resolver against a name server of ours that answers from a table, wrongly where it should. */
#include "net_peer.h"

#include "name_server.h"
#include "net_dns.h"

static const struct zone_record zone[] = {
    { "host.example", ns_t_a, "192.0.2.1", 0, 0, 0, 0 },
    { "host.example", ns_t_a, "192.0.2.2", 0, 0, 0, 0 },
    { "host.example", ns_t_aaaa, "2001:db8::1", 0, 0, 0, 0 },
    { "four.example", ns_t_a, "192.0.2.4", 0, 0, 0, 0 },
    { "_xmpp-server._tcp.example", ns_t_srv, "backup.example", 0, 20, 0, 5269 },
    { "_xmpp-server._tcp.example", ns_t_srv, "never.example", 0, 10, 0, 5269 },
    { "_xmpp-server._tcp.example", ns_t_srv, "first.example", 0, 10, 100, 5269 },
    { "_none._tcp.example", ns_t_srv, ".", 0, 0, 0, 0 },
    { "_broken._tcp.example", ns_t_srv, "broken", 0, 0, 0, 0 },
    { "sip.example", ns_t_naptr, "s|SIP+D2T|_sip._tcp.sip.example", 0, 20, 5, 0 },
    { "sip.example", ns_t_naptr, "s|SIP+D2U|_sip._udp.sip.example", 0, 20, 9, 0 },
    { "sip.example", ns_t_naptr, "S|SIPS+D2T|_sips._tcp.sip.example", 0, 10, 50, 0 },
    { "sip.example", ns_t_naptr, "u|E2U+sip|nothing.example", 0, 1, 1, 0 },
    { "enum.example", ns_t_naptr, "u|E2U+sip|nothing.example", 0, 1, 1, 0 },
    { "9.2.0.192.in-addr.arpa", ns_t_ptr, "nine.example", 0, 0, 0, 0 },
    { "fails.example", ns_t_a, NULL, ns_r_servfail, 0, 0, 0 },
    { NULL, 0, NULL, 0, 0, 0, 0 },
};

/* --- questions --- */

struct asked {
    struct bed *bed;
    struct net_dns **free_dns;
    int times;
    enum gw_code code;
    char text[1000];
    unsigned ttl_s;
};

static void on_done(const struct net_dns_result *r, void *ctx)
{
    struct asked *a = ctx;
    struct gw_buf out;

    a->times++;
    a->code = r->code;
    assert_int_equal(r->code != GW_OK, r->error != NULL);
    gw_buf_init(&out, sizeof a->text - 1);
    for (size_t i = 0; i < r->count; i++) {
        gw_buf_addf(&out, "%.*s", GW_STR_ARG(r->records[i].name));
        if (r->records[i].port)
            gw_buf_addf(&out, ":%u", r->records[i].port);
        if (r->records[i].service.len)
            gw_buf_addf(&out, " %.*s", GW_STR_ARG(r->records[i].service));
        gw_buf_add_char(&out, ' ');
        a->ttl_s = r->records[i].ttl_s;
    }
    snprintf(a->text, sizeof a->text, "%s", out.p ? out.p : "");
    gw_buf_done(&out);
    if (a->free_dns)
        net_dns_free(a->free_dns);
    net_loop_stop(a->bed->loop);
}

struct place {
    struct bed bed;
    struct name_server ns;
    struct net_dns *dns;
    struct asked a;
};

static void place_init(struct place *p)
{
    *p = (struct place){ 0 };
    bed_init(&p->bed);
    name_server_init(&p->ns, p->bed.loop, zone);
    p->a.bed = &p->bed;
    p->dns = name_server_dns(&p->ns, p->bed.loop);
}

static void place_done(struct place *p)
{
    net_dns_free(&p->dns);
    name_server_done(&p->ns);
    bed_done(&p->bed);
}

static const struct {
    enum net_dns_type type;
    const char *name;
    enum gw_code code;
    const char *text;
    unsigned ttl_s;
} dns_case[] = {
    { NET_DNS_ADDRESS, "four.example", GW_OK, "192.0.2.4 ", 300 },
    { NET_DNS_ADDRESS, "192.0.2.77", GW_OK, "192.0.2.77 ", 0 },
    { NET_DNS_ADDRESS, "2001:db8::77", GW_OK, "2001:db8::77 ", 0 },
    { NET_DNS_ADDRESS, "nobody.example", GW_NOTFOUND, "", 0 },
    { NET_DNS_ADDRESS, "fails.example", GW_UNREACHABLE, "", 0 },
    { NET_DNS_SRV, "_xmpp-server._tcp.example", GW_OK, NULL, 300 },
    { NET_DNS_SRV, "_none._tcp.example", GW_NOTFOUND, NULL, 0 },
    { NET_DNS_SRV, "_broken._tcp.example", GW_BADMSG, "", 0 },
    { NET_DNS_SRV, "four.example", GW_NOTFOUND, "", 0 },
    { NET_DNS_NAPTR, "sip.example", GW_OK,
      "_sips._tcp.sip.example SIPS+D2T _sip._tcp.sip.example SIP+D2T _sip._udp.sip.example "
      "SIP+D2U ",
      300 },
    { NET_DNS_NAPTR, "enum.example", GW_NOTFOUND, "", 0 },
    { NET_DNS_NAPTR, "four.example", GW_NOTFOUND, "", 0 },
    { NET_DNS_PTR, "192.0.2.9", GW_OK, "nine.example ", 0 },
    { NET_DNS_PTR, "192.0.2.10", GW_NOTFOUND, "", 0 },
    { NET_DNS_PTR, "no address", GW_INVALID, "", 0 },
};

static void test_questions(void **state)
{
    struct place p;

    (void)state;
    place_init(&p);
    for (size_t i = 0; i < sizeof dns_case / sizeof *dns_case; i++) {
        p.a.times = 0;
        (void)net_dns_start(p.dns, dns_case[i].type, dns_case[i].name, on_done, &p.a);
        assert_int_equal(p.a.times, 0);
        bed_run(&p.bed);
        assert_int_equal(p.a.times, 1);
        if (p.a.code != dns_case[i].code ||
            (dns_case[i].text && strcmp(p.a.text, dns_case[i].text) != 0))
            fail_msg("%s: %s '%s'", dns_case[i].name, gw_code_name(p.a.code), p.a.text);
        if (dns_case[i].ttl_s)
            assert_int_equal(p.a.ttl_s, dns_case[i].ttl_s);
    }
    place_done(&p);
}

static void test_all_addresses(void **state)
{
    struct place p;

    (void)state;
    place_init(&p);
    (void)net_dns_start(p.dns, NET_DNS_ADDRESS, "host.example", on_done, &p.a);
    bed_run(&p.bed);
    assert_non_null(strstr(p.a.text, "192.0.2.1 "));
    assert_non_null(strstr(p.a.text, "192.0.2.2 "));
    assert_non_null(strstr(p.a.text, "2001:db8::1 "));
    place_done(&p);
}

/* RFC 2782: lowest priority first; weight 0 only rarely before weight 100. */
static void test_service_order(void **state)
{
    struct place p;
    int first = 0;

    (void)state;
    place_init(&p);
    for (int i = 0; i < 100; i++) {
        (void)net_dns_start(p.dns, NET_DNS_SRV, "_xmpp-server._tcp.example", on_done, &p.a);
        bed_run(&p.bed);
        assert_true(gw_str_ends(gw_str_of(p.a.text), "backup.example:5269 "));
        first += gw_str_starts(gw_str_of(p.a.text), "first.example:5269 never.example:5269 ");
    }
    assert_true(first >= 85);
    place_done(&p);
}

static void test_hosts_file(void **state)
{
    struct place p;

    (void)state;
    place_init(&p);
    (void)net_dns_start(p.dns, NET_DNS_ADDRESS, "localhost", on_done, &p.a);
    bed_run(&p.bed);
    assert_non_null(strstr(p.a.text, "127.0.0.1 "));
    assert_int_equal(p.ns.questions, 0);
    place_done(&p);
}

static void test_cancel(void **state)
{
    struct place p;
    struct net_dns_query *q, *known;

    (void)state;
    place_init(&p);
    q = net_dns_start(p.dns, NET_DNS_ADDRESS, "four.example", on_done, &p.a);
    known = net_dns_start(p.dns, NET_DNS_ADDRESS, "localhost", on_done, &p.a);
    net_dns_cancel(&q);
    net_dns_cancel(&known);
    assert_null(q);
    bed_run_ms(&p.bed, 10);
    assert_int_equal(p.a.times, 0);
    p.ns.silent = true;
    q = net_dns_start(p.dns, NET_DNS_ADDRESS, "four.example", on_done, &p.a);
    bed_run_ms(&p.bed, 2);
    place_done(&p); /* with an open question */
    assert_int_equal(p.a.times, 0);
}

static void test_free_in_done(void **state)
{
    struct place p;

    (void)state;
    place_init(&p);
    p.a.free_dns = &p.dns;
    (void)net_dns_start(p.dns, NET_DNS_ADDRESS, "four.example", on_done, &p.a);
    (void)net_dns_start(p.dns, NET_DNS_ADDRESS, "host.example", on_done, &p.a);
    bed_run(&p.bed);
    bed_run_ms(&p.bed, 2);
    assert_int_equal(p.a.times, 1);
    place_done(&p);
}

static void test_servers(void **state)
{
    struct place p;
    struct gw_err err;

    (void)state;
    place_init(&p);
    assert_int_equal(net_dns_set_servers(p.dns, "not an address", &err), GW_INVALID);
    assert_non_null(strstr(err.msg, "'not an address'"));
    assert_int_equal(net_dns_set_servers(p.dns, NULL, &err), GW_OK);
    (void)net_dns_start(p.dns, NET_DNS_ADDRESS, "localhost", on_done, &p.a);
    bed_run(&p.bed);
    assert_int_equal(p.a.code, GW_OK);
    place_done(&p);
}

/* Servers may be changed, or said again, while they are being asked. */
static void test_servers_meanwhile(void **state)
{
    struct asked second = { 0 };
    char servers[64];
    struct place p;
    struct gw_err err;

    (void)state;
    place_init(&p);
    second.bed = &p.bed;
    for (int change = 0; change < 2; change++) {
        p.a.times = second.times = 0;
        snprintf(servers, sizeof servers, "127.0.0.1:%u%s", p.ns.port, change ? ",127.0.0.1" : "");
        (void)net_dns_start(p.dns, NET_DNS_ADDRESS, "four.example", on_done, &p.a);
        assert_int_equal(net_dns_set_servers(p.dns, servers, &err), GW_OK);
        assert_int_equal(p.a.times, 0); /* never from inside the call */
        (void)net_dns_start(p.dns, NET_DNS_ADDRESS, "four.example", on_done, &second);
        while (!p.a.times || !second.times)
            bed_run(&p.bed);
        assert_int_equal(p.a.code, change ? GW_UNREACHABLE : GW_OK);
        assert_int_equal(second.code, GW_OK);
    }
    place_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions),     cmocka_unit_test(test_all_addresses),
        cmocka_unit_test(test_service_order), cmocka_unit_test(test_hosts_file),
        cmocka_unit_test(test_cancel),        cmocka_unit_test(test_free_in_done),
        cmocka_unit_test(test_servers),       cmocka_unit_test(test_servers_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
