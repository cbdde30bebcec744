/* What the DNS has said is kept as long as it holds, and no longer. */
#include "net_dns_cache.h"

#include "net_peer.h"

#include "name_server.h"

static const struct zone_record zone[] = {
    { "four.example", ns_t_a, "192.0.2.4", 0, 0, 0, 0 },
    { "fails.example", ns_t_a, NULL, ns_r_servfail, 0, 0, 0 },
    { "_sip._tcp.example", ns_t_srv, "one.example", 0, 10, 50, 5060 },
    { "_sip._tcp.example", ns_t_srv, "two.example", 0, 10, 50, 5060 },
    { "9.2.0.192.in-addr.arpa", ns_t_ptr, "nine.example", 0, 0, 0, 0 },
    { NULL, 0, NULL, 0, 0, 0, 0 },
};

struct place {
    struct bed bed;
    struct name_server ns;
    struct net_dns *dns;
    struct net_dns_cache *cache;
    struct net_dns_ask *ask;
    unsigned told;
    enum gw_code code;
    char first[100];
};

static void place_init(struct place *p)
{
    *p = (struct place){ 0 };
    bed_init(&p->bed);
    name_server_init(&p->ns, p->bed.loop, zone);
    p->dns = name_server_dns(&p->ns, p->bed.loop);
    p->cache = net_dns_cache_new(p->bed.loop, p->dns);
}

static void place_done(struct place *p)
{
    net_dns_cache_free(&p->cache);
    net_dns_free(&p->dns);
    name_server_done(&p->ns);
    bed_done(&p->bed);
}

static void on_done(const struct net_dns_result *r, void *ctx)
{
    struct place *p = ctx;

    p->told++;
    p->code = r->code;
    assert_int_equal(r->code != GW_OK, r->error != NULL);
    (void)snprintf(p->first, sizeof(p->first), "%.*s", r->count ? (int)r->records[0].name.len : 0,
                   r->count ? r->records[0].name.p : "");
    net_loop_stop(p->bed.loop);
}

static void ask(struct place *p, enum net_dns_type type, const char *name)
{
    unsigned before = p->told;

    p->ask = net_dns_ask(p->cache, type, name, on_done, p);
    assert_int_equal(p->told, before); /* never from inside the call */
    bed_run(&p->bed);
    assert_int_equal(p->told, before + 1);
}

/* How many questions two of the same cost. Failures, and what has no time to live, are asked again. */
static void test_kept(void **state)
{
    static const struct {
        enum net_dns_type type;
        const char *name;
        enum gw_code code;
        bool is_kept;
    } kept[] = {
        { NET_DNS_ADDRESS, "four.example", GW_OK, true },
        { NET_DNS_ADDRESS, "nobody.example", GW_NOTFOUND, true },
        { NET_DNS_SRV, "_sip._udp.example", GW_NOTFOUND, true },
        { NET_DNS_NAPTR, "example", GW_NOTFOUND, true },
        { NET_DNS_ADDRESS, "fails.example", GW_UNREACHABLE, false },
        { NET_DNS_PTR, "192.0.2.9", GW_OK, false },
    };
    struct place p;

    (void)state;
    place_init(&p);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        int before = p.ns.questions, once;

        ask(&p, kept[i].type, kept[i].name);
        assert_int_equal(p.code, kept[i].code);
        once = p.ns.questions - before;
        assert_true(once > 0);
        bed_run_ms(&p.bed, 2);
        ask(&p, kept[i].type, kept[i].name);
        assert_int_equal(p.code, kept[i].code);
        assert_int_equal(p.ns.questions > before + once, !kept[i].is_kept);
    }
    place_done(&p);
}

/* RFC 2782: the load is shared among those who ask, though the DNS is asked once. */
static void test_drawn(void **state)
{
    int questions, ones = 0;
    struct place p;

    (void)state;
    place_init(&p);
    ask(&p, NET_DNS_SRV, "_sip._tcp.example");
    questions = p.ns.questions;
    for (int i = 0; i < 200; i++) {
        ask(&p, NET_DNS_SRV, "_sip._tcp.example");
        ones += strcmp(p.first, "one.example") == 0;
    }
    assert_int_equal(p.ns.questions, questions);
    assert_in_range(ones, 40, 160);
    place_done(&p);
}

/* Many who ask at the same time are told by one answer; who has gone is not. */
static void test_together(void **state)
{
    struct net_dns_ask *gone;
    struct place p;

    (void)state;
    place_init(&p);
    gone = net_dns_ask(p.cache, NET_DNS_SRV, "_sip._tcp.example", on_done, &p);
    for (int i = 0; i < 10; i++)
        (void)net_dns_ask(p.cache, NET_DNS_SRV, "_sip._tcp.example", on_done, &p);
    net_dns_ask_cancel(&gone);
    assert_null(gone);
    while (p.told < 10)
        bed_run(&p.bed);
    bed_run_ms(&p.bed, 5);
    assert_int_equal(p.told, 10);
    assert_int_equal(p.ns.questions, 1);
    /* With a question that is open, and one that is answered and not told yet. */
    (void)net_dns_ask(p.cache, NET_DNS_SRV, "_sip._tcp.example", on_done, &p);
    p.ns.silent = true;
    (void)net_dns_ask(p.cache, NET_DNS_ADDRESS, "four.example", on_done, &p);
    place_done(&p);
    assert_int_equal(p.told, 10);
}

/* Other name servers may say something else. */
static void test_other_servers(void **state)
{
    char servers[64];
    int questions;
    struct place p;
    struct gw_err err;

    (void)state;
    place_init(&p);
    ask(&p, NET_DNS_SRV, "_sip._tcp.example");
    questions = p.ns.questions;
    (void)snprintf(servers, sizeof(servers), "127.0.0.1:%u,127.0.0.1", p.ns.port);
    assert_int_equal(net_dns_set_servers(p.dns, servers, &err), GW_OK);
    ask(&p, NET_DNS_SRV, "_sip._tcp.example");
    assert_int_equal(p.ns.questions, questions + 1);
    place_done(&p);
}

/* More names than are kept: all are answered. */
static void test_full(void **state)
{
    char name[64];
    struct place p;

    (void)state;
    place_init(&p);
    for (int i = 0; i < NET_DNS_KEPT_MAX + 10; i++) {
        (void)snprintf(name, sizeof(name), "_sip._tcp.n%d.example", i);
        ask(&p, NET_DNS_SRV, name);
        assert_int_equal(p.code, GW_NOTFOUND);
    }
    place_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),     cmocka_unit_test(test_drawn),
        cmocka_unit_test(test_together), cmocka_unit_test(test_other_servers),
        cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
