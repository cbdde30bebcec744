/* Servers that cannot be reached are left alone, longer each time; and connections of ours are bounded. */
#include "sip_failing.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_loop.h"
#include "sip_server.h"

static const struct gw_str edge = GW_STR_INIT("TLS edge.example 5061");

static void test_longer_each_time(void **state)
{
    static const int64_t wait_s[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
    struct sip_failing *f = sip_failing_new();
    gw_time now = 5000;

    (void)state;
    assert_false(sip_failing_has(f, edge, now));
    for (size_t i = 0; i < sizeof(wait_s) / sizeof(wait_s[0]); i++) {
        sip_failing_note(f, edge, now);
        assert_true(sip_failing_has(f, edge, now));
        assert_false(sip_failing_has(f, GW_STR("TCP edge.example 5061"), now));
        now += wait_s[i] * GW_SECOND_MS - 1;
        assert_true(sip_failing_has(f, edge, now));
        assert_false(sip_failing_has(f, edge, ++now));
    }
    /* It was reached: as if nothing had been. */
    sip_failing_reached(f, edge);
    sip_failing_note(f, edge, now);
    assert_false(sip_failing_has(f, edge, now + 1000));
    sip_failing_free(&f);
}

/* A minute after its last wait it is like any other. */
static void test_forgotten(void **state)
{
    struct sip_failing *f = sip_failing_new();

    (void)state;
    sip_failing_note(f, edge, 0);
    sip_failing_note(f, edge, 0);
    assert_false(sip_failing_has(f, edge, 61999));
    sip_failing_note(f, edge, 61999); /* the third one */
    assert_true(sip_failing_has(f, edge, 61999 + 3999));
    assert_false(sip_failing_has(f, edge, 61999 + 64000));
    sip_failing_note(f, edge, 200000);
    assert_false(sip_failing_has(f, edge, 201000));
    sip_failing_free(&f);
}

/* When there are too many the one goes that would be forgotten next. */
static void test_full(void **state)
{
    struct sip_failing *f = sip_failing_new();
    char name[32];

    (void)state;
    for (int i = 0; i <= SIP_FAILING_MAX; i++) {
        (void)snprintf(name, sizeof(name), "TCP host%d 5060", i);
        sip_failing_note(f, gw_str_of(name), i);
    }
    assert_false(sip_failing_has(f, GW_STR("TCP host0 5060"), 999));
    assert_true(sip_failing_has(f, GW_STR("TCP host1 5060"), 999));
    assert_true(sip_failing_has(f, gw_str_of(name), 1000));
    sip_failing_free(&f);
}

static void subscribe(struct sip_server *server, struct net_loop *loop, int number,
                      const char *contact)
{
    const struct sip_peer from = { .proto = SIP_TCP,
                                   .host = GW_STR_INIT("127.0.0.1"),
                                   .port = 4444 };
    char text[1000];

    (void)snprintf(text, sizeof(text),
                   "SUBSCRIBE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/TCP "
                   "127.0.0.1:4444;branch=z9hG4bK%d\r\nFrom: <sip:w@a.example>;tag=1\r\nTo: "
                   "<sip:bob@b.example>\r\nCall-ID: %d\r\nCSeq: 1 SUBSCRIBE\r\nContact: "
                   "<sip:w@%s;transport=tcp>\r\nEvent: presence\r\nExpires: "
                   "600\r\nContent-Length: 0\r\n\r\n",
                   number, number, contact);
    sip_core_receive(sip_server_core(server), &from, gw_str_of(text), net_loop_now(loop));
}

static int listen_at(const char *address, char contact[64])
{
    struct sockaddr_in sa = { .sin_family = AF_INET };
    socklen_t len = sizeof(sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_int_equal(inet_pton(AF_INET, address, &sa.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    (void)snprintf(contact, 64, "%s:%u", address, ntohs(sa.sin_port));
    return fd;
}

static void stop(struct gw_now now, void *ctx)
{
    (void)now;
    net_loop_stop(ctx);
}

static void is_reached(struct net_loop *loop, int listening)
{
    struct net_timer *timer = net_timer_new(loop, stop, loop);
    int fd;

    net_timer_set(timer, net_loop_now(loop).mono + 200);
    net_loop_run(loop);
    net_timer_free(&timer);
    fd = accept(listening, NULL, NULL);
    assert_true(fd >= 0);
    (void)close(fd);
}

/* Each watcher is somewhere else: so many connections are made at once, and so many to one host; the next
 * watcher has one all the same. */
static void test_connections_made(void **state)
{
    static const struct {
        const char *host; /* NULL: each has another one */
        uint64_t made;
    } cases[] = { { NULL, 500 }, { "127.0.0.1", 100 } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pres_core *pres = pres_core_new(&(struct pres_core_args){ .store = NULL });
        struct net_loop *loop = net_loop_new();
        struct sip_server_counters counters;
        struct sip_settings settings = { 0 };
        struct sip_server *server;
        struct gw_err err;
        char contact[64];
        int listening;

        gw_param_defaults(sip_params, sip_param_count, &settings);
        assert_int_equal(
            gw_param_set(gw_param_find(sip_params, sip_param_count, GW_STR("sip.incoming_acl")),
                         &settings, GW_STR("127.0.0.0/8"), NULL),
            GW_OK);
        assert_int_equal(
            gw_param_set(gw_param_find(sip_params, sip_param_count, GW_STR("sip.domains")),
                         &settings, GW_STR("a.example"), NULL),
            GW_OK);
        pres_domain_add(pres, GW_STR("b.example"));
        assert_int_equal(pres_user_add(pres, GW_STR("bob@b.example"), &err), GW_OK);
        server = sip_server_new(
            &(struct sip_server_args){ .loop = loop, .pres = pres, .settings = &settings });
        if (sip_server_listen(server, "127.0.0.1", 0, &err))
            fail_msg("%s", err.msg);
        for (int n = 0; n < 600; n++) {
            if (cases[i].host)
                (void)snprintf(contact, sizeof(contact), "%s:%d", cases[i].host, n + 1);
            else
                (void)snprintf(contact, sizeof(contact), "127.1.%d.%d:9", n / 200, n % 200 + 1);
            subscribe(server, loop, n, contact);
        }
        sip_core_tick(sip_server_core(server), net_loop_now(loop));
        sip_server_counters(server, &counters);
        assert_int_equal(counters.connections, cases[i].made);
        listening = listen_at("127.0.0.2", contact);
        subscribe(server, loop, 600, contact);
        is_reached(loop, listening);
        (void)close(listening);
        sip_server_free(&server);
        pres_core_free(&pres);
        net_loop_free(&loop);
        gw_param_settings_done(sip_params, sip_param_count, &settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longer_each_time),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_connections_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
