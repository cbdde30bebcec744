/* Connections on real sockets, whose ends come at times that are handed in. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sip_server_priv.h"

enum { ROUND_MS = 5, ROUNDS_MAX = 2000 };

#define OPTIONS                                                                                    \
    "OPTIONS sip:b.example SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:4444;branch=z9hG4bK1\r\nFrom: "   \
    "<sip:a.example>;tag=1\r\nTo: <sip:b.example>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"            \
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"

struct house {
    struct net_loop *loop;
    struct pres_core *pres;
    struct sip_server *server;
};

static void house_init(struct house *h)
{
    struct gw_err err;

    h->loop = net_loop_new();
    h->pres = pres_core_new(&(struct pres_core_args){ .store = NULL });
    h->server = sip_server_new(&(struct sip_server_args){ .loop = h->loop, .pres = h->pres });
    if (sip_server_listen(h->server, "127.0.0.1", 0, &err))
        fail_msg("%s", err.msg);
}

static void house_done(struct house *h)
{
    sip_server_free(&h->server);
    pres_core_free(&h->pres);
    net_loop_free(&h->loop);
}

static void stop(struct gw_now now, void *ctx)
{
    (void)now;
    net_loop_stop(ctx);
}

static void run_a_round(struct house *h)
{
    struct net_timer *timer = net_timer_new(h->loop, stop, h->loop);

    net_timer_set(timer, net_loop_now(h->loop).mono + ROUND_MS);
    net_loop_run(h->loop);
    net_timer_free(&timer);
}

static uint64_t connections(const struct house *h)
{
    struct sip_server_counters counters;

    sip_server_counters(h->server, &counters);
    return counters.connections;
}

static void become(struct house *h, uint64_t count)
{
    for (int i = 0; connections(h) != count && i < ROUNDS_MAX; i++)
        run_a_round(h);
    assert_int_equal(connections(h), count);
}

static int client(struct house *h, const char *says)
{
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(sip_server_port(h->server)),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(send(fd, says, strlen(says), 0), (ssize_t)strlen(says));
    return fd;
}

/* What it is told next: how many bytes; 0: it is over. */
static ssize_t heard(struct house *h, int fd)
{
    ssize_t len = -1;
    char text[1000];

    for (int i = 0; len < 0 && i < ROUNDS_MAX; i++) {
        run_a_round(h);
        len = recv(fd, text, sizeof(text), MSG_DONTWAIT);
    }
    return len;
}

static void is_ended(struct house *h, int fd)
{
    assert_int_equal(heard(h, fd), 0);
    (void)close(fd);
}

/* Who connects has something to say: half a minute for it, whatever line ends and halves of messages come; who
 * has said one thing may be silent for long. */
static void test_strangers(void **state)
{
    static const char *const said[] = { OPTIONS, "\r\n\r\n", "OPTIONS sip:b.example SIP/2.0\r\n" };
    enum { CLIENTS = sizeof(said) / sizeof(said[0]) };
    int fd[CLIENTS];
    gw_time begin, end;
    struct house h;

    (void)state;
    house_init(&h);
    begin = net_loop_now(h.loop).mono;
    for (size_t i = 0; i < CLIENTS; i++)
        fd[i] = client(&h, said[i]);
    assert_true(heard(&h, fd[0]) > 0);
    assert_true(heard(&h, fd[1]) > 0); /* the answer to its ping */
    become(&h, CLIENTS);
    end = net_loop_now(h.loop).mono;
    sip_conns_tick(h.server, begin + 30 * (gw_time)GW_SECOND_MS - 1);
    run_a_round(&h);
    assert_int_equal(connections(&h), CLIENTS);
    sip_conns_tick(h.server, end + 30 * (gw_time)GW_SECOND_MS);
    is_ended(&h, fd[1]);
    is_ended(&h, fd[2]);
    become(&h, 1);
    sip_conns_tick(h.server, begin + 7800 * (gw_time)GW_SECOND_MS - 1);
    run_a_round(&h);
    assert_int_equal(connections(&h), 1);
    sip_conns_tick(h.server, end + 7800 * (gw_time)GW_SECOND_MS);
    is_ended(&h, fd[0]);
    become(&h, 0);
    house_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strangers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
