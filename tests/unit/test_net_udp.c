/* Datagrams, over both families, and what is said of an address. */
#include "net_udp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct end {
    struct net_loop *loop;
    struct net_udp *udp;
    char data[32];
    char from[NET_ADDRESS_TEXT_MAX];
    uint16_t port;
    unsigned count;
    bool frees_itself;
};

static void on_datagram(struct net_udp *u, const struct net_address *from, struct gw_str data,
                        void *ctx)
{
    struct end *e = ctx;

    assert_ptr_equal(u, e->udp);
    assert_true(data.len < sizeof(e->data));
    memcpy(e->data, data.p, data.len);
    e->data[data.len] = '\0';
    (void)net_address_text(from, e->from);
    e->port = net_address_port(from);
    e->count++;
    net_loop_stop(e->loop);
    if (e->frees_itself)
        net_udp_free(&e->udp);
}

static void open_end(struct end *e, struct net_loop *loop, const char *address)
{
    struct gw_err err;

    memset(e, 0, sizeof(*e));
    e->loop = loop;
    if (net_udp_open(
            loop,
            &(struct net_udp_args){ .address = address, .on_datagram = on_datagram, .ctx = e },
            &e->udp, &err))
        fail_msg("%s", err.msg);
    assert_true(net_udp_port(e->udp) > 0);
}

static void say(struct end *from, const char *host, const struct end *to, const char *what)
{
    struct net_address address;

    assert_true(net_address_parse(gw_str_of(host), net_udp_port(to->udp), &address));
    assert_true(net_udp_send(from->udp, &address, gw_str_of(what)));
}

/* A socket for all addresses talks to both families, and shows IPv4 as what it is. */
static void test_both_families(void **state)
{
    struct net_loop *loop = net_loop_new();
    struct end all, v4;

    (void)state;
    open_end(&all, loop, "::");
    open_end(&v4, loop, "127.0.0.1");
    say(&v4, "127.0.0.1", &all, "to all");
    net_loop_run(loop);
    assert_string_equal(all.data, "to all");
    assert_string_equal(all.from, "127.0.0.1");
    assert_int_equal(all.port, net_udp_port(v4.udp));
    say(&all, "127.0.0.1", &v4, "back");
    net_loop_run(loop);
    assert_string_equal(v4.data, "back");
    say(&all, "127.0.0.1", &v4, ""); /* nothing is a datagram, too */
    net_loop_run(loop);
    assert_int_equal(v4.count, 2);
    assert_string_equal(v4.data, "");
    net_udp_free(&all.udp);
    net_udp_free(&v4.udp);
    net_loop_free(&loop);
}

static void test_free_in_callback(void **state)
{
    struct net_loop *loop = net_loop_new();
    struct end one, two;

    (void)state;
    open_end(&one, loop, "127.0.0.1");
    open_end(&two, loop, "127.0.0.1");
    two.frees_itself = true;
    say(&one, "127.0.0.1", &two, "a");
    say(&one, "127.0.0.1", &two, "b");
    net_loop_run(loop);
    assert_int_equal(two.count, 1);
    assert_null(two.udp);
    net_udp_free(&one.udp);
    net_loop_free(&loop);
}

static void test_taken(void **state)
{
    struct net_loop *loop = net_loop_new();
    struct net_udp *second = NULL;
    struct gw_err err;
    struct end one;

    (void)state;
    open_end(&one, loop, "127.0.0.1");
    assert_int_equal(net_udp_open(loop,
                                  &(struct net_udp_args){ .address = "127.0.0.1",
                                                          .port = net_udp_port(one.udp),
                                                          .on_datagram = on_datagram },
                                  &second, &err),
                     GW_EXISTS);
    assert_non_null(strstr(err.msg, "is taken"));
    net_udp_free(&one.udp);
    net_loop_free(&loop);
}

static void test_addresses(void **state)
{
    struct net_address a, local;
    char text[NET_ADDRESS_TEXT_MAX];

    (void)state;
    assert_true(net_address_parse(GW_STR("2001:db8::1"), 5060, &a));
    assert_string_equal(net_address_text(&a, text), "2001:db8::1");
    assert_int_equal(net_address_port(&a), 5060);
    assert_false(net_address_parse(GW_STR("[::1]"), 1, &a));
    assert_false(net_address_parse(GW_STR("name.example"), 1, &a));
    assert_false(net_address_parse(GW_STR(""), 1, &a));
    assert_true(net_address_parse(GW_STR("127.1.2.3"), 5060, &a));
    assert_true(net_address_local(&a, &local));
    assert_true(strncmp(net_address_text(&local, text), "127.", 4) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_families),
        cmocka_unit_test(test_free_in_callback),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
