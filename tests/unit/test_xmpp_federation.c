/* Where the federation looks for the server of a domain: a name server of the test's own says where it is,
 * and the listeners see who is called, in which order. */
#include "net_peer.h"

#include "name_server.h"
#include "net_stream.h"
#include "net_work.h"
#include "xmpp_fed_priv.h"
#include "xmpp_federation.h"

enum { LISTENERS = 2, PATIENCE_MS = 5000, STEP_MS = 5, HEARD_MAX = 4096 };

struct place;

struct door {
    struct place *place;
    struct net_listener *listener;
    unsigned called;
};

struct place {
    struct bed bed;
    struct name_server ns;
    struct net_dns *dns;
    struct net_pool *pool;
    struct pres_core *core;
    struct xmpp_server *server;
    struct xmpp_fed_settings settings;
    struct xmpp_federation *fed;
    struct door door[LISTENERS];
    struct net_stream *stream[LISTENERS];
    size_t stream_count;
    struct gw_buf heard;
    struct zone_record zone[8];
    char error[400];
};

/* ---- Doors: what is opened to the test ---- */

static void on_data(struct net_stream *s, struct gw_str data, void *ctx)
{
    (void)s;
    gw_buf_add_str(&((struct place *)ctx)->heard, data);
}

static void on_closed(struct net_stream *s, const struct gw_err *why, void *ctx)
{
    (void)s;
    (void)why;
    (void)ctx;
}

static void on_accept(struct net_stream *s, void *ctx)
{
    static const struct net_stream_handlers handlers = { .on_data = on_data,
                                                         .on_closed = on_closed };
    struct door *door = ctx;

    assert_true(door->place->stream_count < LISTENERS);
    door->called++;
    door->place->stream[door->place->stream_count++] = s;
    net_stream_set_handlers(s, &handlers, door->place);
}

static uint16_t open_door(struct place *p, size_t i, const char *address, uint16_t port)
{
    struct gw_err err;

    p->door[i].place = p;
    if (net_listen(
            p->bed.loop,
            &(struct net_listen_args){
                .address = address, .port = port, .on_accept = on_accept, .ctx = &p->door[i] },
            &p->door[i].listener, &err))
        return 0;
    return net_listener_port(p->door[i].listener);
}

/* A port of that address on which nobody listens. */
static uint16_t closed_port(struct place *p, const char *address)
{
    uint16_t port = open_door(p, 0, address, 0);

    assert_true(port);
    net_listener_free(&p->door[0].listener);
    return port;
}

/* ---- Life ---- */

static bool no_credentials(struct gw_str user, enum xmpp_hash hash, struct xmpp_credentials *out,
                           void *ctx)
{
    (void)user;
    (void)hash;
    (void)out;
    (void)ctx;
    return false;
}

static void place_init(struct place *p)
{
    struct gw_err err;

    *p = (struct place){ 0 };
    bed_init(&p->bed);
    name_server_init(&p->ns, p->bed.loop, p->zone);
    p->dns = name_server_dns(&p->ns, p->bed.loop);
    p->pool = net_pool_new(p->bed.loop, 1);
    p->core = pres_core_new(&(struct pres_core_args){ 0 });
    pres_domain_add(p->core, GW_STR("here.example"));
    p->server = xmpp_server_new(
        &(struct xmpp_server_args){
            .loop = p->bed.loop, .pool = p->pool, .core = p->core, .credentials = no_credentials },
        &err);
    assert_non_null(p->server);
    gw_param_defaults(xmpp_fed_params, xmpp_fed_param_count, &p->settings);
    p->settings.is_on = 1;
    assert_int_equal(xmpp_federation_new(&(struct xmpp_federation_args){ .loop = p->bed.loop,
                                                                         .dns = p->dns,
                                                                         .server = p->server,
                                                                         .settings = &p->settings,
                                                                         .secret = GW_STR("s") },
                                         &p->fed, &err),
                     GW_OK);
    assert_int_equal(xmpp_federation_apply(p->fed, &err), GW_OK);
    gw_buf_init(&p->heard, HEARD_MAX);
}

static void place_done(struct place *p)
{
    for (size_t i = 0; i < p->stream_count; i++)
        net_stream_free(&p->stream[i]);
    for (size_t i = 0; i < LISTENERS; i++)
        net_listener_free(&p->door[i].listener);
    xmpp_federation_free(&p->fed);
    xmpp_server_free(&p->server);
    pres_core_free(&p->core);
    net_pool_free(&p->pool);
    net_dns_free(&p->dns);
    name_server_done(&p->ns);
    bed_done(&p->bed);
    gw_param_settings_done(xmpp_fed_params, xmpp_fed_param_count, &p->settings);
    gw_buf_done(&p->heard);
}

/* ---- Steps ---- */

static void add(struct place *p, const char *name, int type, const char *data, unsigned priority,
                unsigned port)
{
    size_t i = 0;

    while (p->zone[i].name)
        i++;
    assert_true(i < sizeof(p->zone) / sizeof(p->zone[0]) - 1);
    p->zone[i] = (struct zone_record){ name, type, data, 0, priority, 0, port };
}

static void note_error(const struct xmpp_link_view *v, void *ctx)
{
    struct place *p = ctx;

    snprintf(p->error, sizeof(p->error), "%s", v->error);
}

/* Until the domain's server is talked to, or was given up. */
static void say_something_to(struct place *p, const char *jid)
{
    p->error[0] = '\0';
    assert_int_equal(xmpp_fed_send(xmpp_federation_fed(p->fed), GW_STR("ann@here.example"),
                                   gw_str_of(jid), GW_STR("<message/>"), NULL, false),
                     XMPP_SENT);
    for (int waited = 0; !p->heard.len && !p->error[0]; waited += STEP_MS) {
        assert_true(waited < PATIENCE_MS);
        bed_run_ms(&p->bed, STEP_MS);
        xmpp_fed_each(xmpp_federation_fed(p->fed), note_error, p);
    }
}

#define SRV_OF(domain) "_xmpp-server._tcp." domain

/* ---- The tests ---- */

static void priorities(void **state)
{
    uint16_t first, second;
    struct place p;

    (void)state;
    place_init(&p);
    first = open_door(&p, 0, "127.0.0.1", 0);
    second = open_door(&p, 1, "127.0.0.1", 0);
    add(&p, SRV_OF("there.example"), ns_t_srv, "second.example", 20, second);
    add(&p, SRV_OF("there.example"), ns_t_srv, "first.example", 10, first);
    add(&p, "first.example", ns_t_a, "127.0.0.1", 0, 0);
    add(&p, "second.example", ns_t_a, "127.0.0.1", 0, 0);
    say_something_to(&p, "bob@there.example");
    assert_int_equal(p.door[0].called, 1);
    assert_int_equal(p.door[1].called, 0);
    assert_non_null(strstr(p.heard.p, "to=\"there.example\""));
    assert_non_null(strstr(p.heard.p, "from=\"here.example\""));
    place_done(&p);
}

/* Of the first target there is no address, the second refuses, the third is there. */
static void next_target(void **state)
{
    uint16_t there, nobody;
    struct place p;

    (void)state;
    place_init(&p);
    there = open_door(&p, 1, "127.0.0.1", 0);
    nobody = closed_port(&p, "127.0.0.1");
    add(&p, SRV_OF("there.example"), ns_t_srv, "nowhere.example", 10, there);
    add(&p, SRV_OF("there.example"), ns_t_srv, "refuses.example", 20, nobody);
    add(&p, SRV_OF("there.example"), ns_t_srv, "serves.example", 30, there);
    add(&p, "refuses.example", ns_t_a, "127.0.0.1", 0, 0);
    add(&p, "serves.example", ns_t_a, "127.0.0.1", 0, 0);
    say_something_to(&p, "bob@there.example");
    assert_int_equal(p.door[1].called, 1);
    place_done(&p);
}

static void ipv6(void **state)
{
    struct place p;
    uint16_t port;

    (void)state;
    place_init(&p);
    port = open_door(&p, 0, "::1", 0);
    if (!port) { /* a machine without */
        place_done(&p);
        skip();
    }
    add(&p, SRV_OF("there.example"), ns_t_srv, "six.example", 0, port);
    add(&p, "six.example", ns_t_aaaa, "::1", 0, 0);
    say_something_to(&p, "bob@there.example");
    assert_int_equal(p.door[0].called, 1);
    place_done(&p);
}

/* One name with both: where only the one of the two answers, it is found. */
static void both_families(void **state)
{
    static const char *const answers[] = { "127.0.0.1", "::1" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct place p;
        uint16_t port;

        place_init(&p);
        port = open_door(&p, 0, answers[i], 0);
        if (port) {
            add(&p, SRV_OF("there.example"), ns_t_srv, "both.example", 0, port);
            add(&p, "both.example", ns_t_aaaa, "::1", 0, 0);
            add(&p, "both.example", ns_t_a, "127.0.0.1", 0, 0);
            say_something_to(&p, "bob@there.example");
            assert_int_equal(p.door[0].called, 1);
        }
        place_done(&p);
    }
}

/* RFC 6120 3.2.2: without service records the domain itself, on port 5269. */
static void tries_the_domain_itself(int rcode)
{
    char address[32];
    struct place p;
    uint16_t port = 0;

    place_init(&p);
    for (unsigned i = 1; i < 250 && !port; i++) {
        snprintf(address, sizeof(address), "127.77.%u.%u", (unsigned)getpid() % 250, i);
        port = open_door(&p, 0, address, XMPP_FEDERATION_PORT);
    }
    assert_int_equal(port, XMPP_FEDERATION_PORT);
    p.zone[0] =
        (struct zone_record){ .name = SRV_OF("there.example"), .type = ns_t_srv, .rcode = rcode };
    add(&p, "there.example", ns_t_a, address, 0, 0);
    say_something_to(&p, "bob@there.example");
    assert_int_equal(p.door[0].called, 1);
    place_done(&p);
}

static void no_service_records(void **state)
{
    (void)state;
    tries_the_domain_itself(ns_r_nxdomain);
    tries_the_domain_itself(ns_r_noerror);
    tries_the_domain_itself(ns_r_servfail); /* 3.2.1, point 9: no answer is as good */
}

/* RFC 2782: "the service is decidedly not available at this domain" */
static void no_server_at_all(void **state)
{
    struct place p;
    int asked;

    (void)state;
    place_init(&p);
    add(&p, SRV_OF("there.example"), ns_t_srv, ".", 0, 0);
    add(&p, "there.example", ns_t_a, "127.0.0.1", 0, 0);
    asked = p.ns.questions;
    say_something_to(&p, "bob@there.example");
    assert_string_equal(p.error, "the domain says that it has no XMPP server (SRV record '.')");
    assert_int_equal(p.ns.questions, asked + 1); /* its address is not even asked for */
    place_done(&p);
}

static void says_why(void **state)
{
    struct place p;

    (void)state;
    place_init(&p);
    add(&p, SRV_OF("there.example"), ns_t_srv, "refuses.example", 0, closed_port(&p, "127.0.0.1"));
    add(&p, "refuses.example", ns_t_a, "127.0.0.1", 0, 0);
    say_something_to(&p, "bob@there.example");
    assert_non_null(strstr(p.error, "127.0.0.1"));
    place_done(&p);

    place_init(&p);
    add(&p, SRV_OF("gone.example"), ns_t_srv, "nowhere.example", 0, 5269);
    say_something_to(&p, "bob@gone.example");
    assert_non_null(strstr(p.error, "nowhere.example"));
    place_done(&p);
}

/* DNS has A-labels, XMPP U-labels. */
static void international_domain(void **state)
{
    struct place p;
    uint16_t port;

    (void)state;
    place_init(&p);
    port = open_door(&p, 0, "127.0.0.1", 0);
    add(&p, SRV_OF("xn--bcher-kva.example"), ns_t_srv, "xn--rger-koa.example", 0, port);
    add(&p, "xn--rger-koa.example", ns_t_a, "127.0.0.1", 0, 0);
    say_something_to(&p, "bob@bücher.example");
    assert_int_equal(p.door[0].called, 1);
    assert_non_null(strstr(p.heard.p, "to=\"bücher.example\""));
    place_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(priorities),
        cmocka_unit_test(next_target),
        cmocka_unit_test(ipv6),
        cmocka_unit_test(both_families),
        cmocka_unit_test(no_service_records),
        cmocka_unit_test(no_server_at_all),
        cmocka_unit_test(says_why),
        cmocka_unit_test(international_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
