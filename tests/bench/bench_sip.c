/* What SIP costs: CPU for each SUBSCRIBE with its first NOTIFY, CPU for each further NOTIFY that is sent
 * and answered, over UDP, TCP and TLS on loopback, and memory of a subscription. The watchers are
 * another process, so that only the server counts. "watch": only they, of another server; tells each time
 * that as many NOTIFYs were answered as there are subscriptions.
 *
 *   bench_sip [SUBSCRIPTIONS [engine|udp|tcp|tls [USERS]]]      2000, all parts, and each to another user
 *   bench_sip watch udp|tcp|tls PORT SUBSCRIPTIONS USERS */
#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/ssl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cert.h"
#include "gw_mem.h"
#include "net_loop.h"
#include "sip_frame.h"
#include "sip_msg.h"
#include "sip_server.h"

enum { UNDER_WAY = 50, AT_ONCE = 100, ROUNDS = 20, ALONE = 20000, LONGEST_MS = 60 * 1000 };

static double cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "bench_sip: %s\n", what);
    exit(1);
}

static struct pres_core *make_core(int users)
{
    struct pres_core *core = pres_core_new(&(struct pres_core_args){ .store = NULL });
    struct gw_err err;
    char jid[64];

    pres_domain_add(core, GW_STR("x.example"));
    for (int i = 0; i < users; i++) {
        (void)snprintf(jid, sizeof(jid), "user%d@x.example", i);
        if (pres_user_add(core, gw_str_of(jid), &err))
            fail(err.msg);
    }
    return core;
}

static void make_settings(struct sip_settings *s)
{
    static const char *const set[][2] = { { "sip.incoming_acl", "127.0.0.0/8" },
                                          { "sip.domains", "x.example@127.0.0.0/8" },
                                          { "sip.notify_interval_s", "0" },
                                          { "sip.server_auth_port", "0" },
                                          { "sip.peer_auth_port", "off" } };

    gw_param_defaults(sip_params, sip_param_count, s);
    for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
        if (gw_param_set(gw_param_find(sip_params, sip_param_count, gw_str_of(set[i][0])), s,
                         gw_str_of(set[i][1]), NULL))
            fail(set[i][0]);
}

/* The i-th watcher to a user. */
static size_t subscribe(char *out, size_t size, int i, int user, const char *transport,
                        unsigned port)
{
    return (size_t)snprintf(
        out, size,
        "SUBSCRIBE sip:user%d@x.example SIP/2.0\r\nVia: SIP/2.0/%s "
        "127.0.0.1:%u;branch=z9hG4bKb%d;rport\r\nFrom: <sip:watcher%d@x.example>;tag=w%d\r\nTo: "
        "<sip:user%d@x.example>\r\nCall-ID: %d@bench\r\nCSeq: 1 SUBSCRIBE\r\nContact: "
        "<sip:watcher@127.0.0.1:%u;transport=%s>\r\nMax-Forwards: 70\r\nEvent: presence\r\nAccept: "
        "application/pidf+xml\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n",
        user, transport, port, i, i, i, user, i, port, transport);
}

/* ---- The watchers: one socket for all ---- */

struct end {
    int fd;
    SSL *ssl;
    struct sockaddr_in to;
    enum sip_proto proto;
    struct gw_buf out;   /* goes out together, but for datagrams */
    unsigned port;       /* ours */
    int count, users;    /* subscriptions, and of how many */
    int begun, answered; /* subscriptions that were asked for, NOTIFYs */
};

static void end_flush(struct end *e)
{
    const char *p = e->out.p;
    size_t len = e->out.len;
    ssize_t n = !len     ? 0
                : e->ssl ? SSL_write(e->ssl, p, (int)len)
                : e->proto == SIP_UDP
                    ? sendto(e->fd, p, len, 0, (struct sockaddr *)&e->to, sizeof(e->to))
                    : send(e->fd, p, len, MSG_NOSIGNAL);

    if (n != (ssize_t)len)
        _exit(0); /* the server is done */
    gw_buf_reset(&e->out);
}

/* A message is written. */
static void end_said(struct end *e)
{
    if (e->proto == SIP_UDP)
        end_flush(e);
}

static size_t end_read(struct end *e, char *p, size_t max)
{
    ssize_t n = e->ssl ? SSL_read(e->ssl, p, (int)max) : recv(e->fd, p, max, 0);

    if (n <= 0)
        _exit(0);
    return (size_t)n;
}

static void begin_next(struct end *e)
{
    char text[2048];

    if (e->begun == e->count)
        return;
    gw_buf_add(&e->out, text,
               subscribe(text, sizeof(text), e->begun, e->begun % e->users,
                         sip_proto_name(e->proto), e->port));
    end_said(e);
    e->begun++;
}

/* 200 to a NOTIFY: the five headers that are repeated. */
static void write_answer(struct gw_str in, struct gw_buf *out)
{
    static const char *const repeated[] = { "Via:", "From:", "To:", "Call-ID:", "CSeq:" };
    struct gw_str line;

    gw_buf_add_cstr(out, "SIP/2.0 200 OK\r\n");
    while (gw_str_cut(in, "\r\n", &line, &in) && line.len) {
        for (size_t i = 0; i < 5; i++) {
            if (gw_str_starts(line, repeated[i])) {
                gw_buf_add_str(out, line);
                gw_buf_add_cstr(out, "\r\n");
            }
        }
    }
    gw_buf_add_cstr(out, "Content-Length: 0\r\n\r\n");
}

/* The next subscription is asked for when one was notified: as many are under way all the time as were at
 * first, and no datagram finds a full queue. */
static void answer(struct end *e, struct gw_str in)
{
    if (!gw_str_starts(in, "NOTIFY "))
        return;
    write_answer(in, &e->out);
    end_said(e);
    begin_next(e);
    if (++e->answered % e->count == 0) {
        printf("%d\n", e->answered);
        (void)fflush(stdout);
    }
}

static void watch_stream(struct end *e)
{
    static char buffer[4 * SIP_MSG_MAX];
    struct sip_frame frame = { 0 };
    size_t have = 0, used;
    struct gw_err err;

    for (;;) {
        size_t at = 0;

        have += end_read(e, buffer + have, sizeof(buffer) - have);
        while (sip_frame_next(&frame, (struct gw_str){ buffer + at, have - at }, &used, &err) ==
               SIP_FRAME_MESSAGE) {
            answer(e, (struct gw_str){ buffer + at, used });
            at += used;
        }
        end_flush(e);
        memmove(buffer, buffer + at, have - at);
        have -= at;
    }
}

static void watch_datagrams(struct end *e)
{
    static char buffer[SIP_MSG_MAX];

    for (;;)
        answer(e, (struct gw_str){ buffer, end_read(e, buffer, sizeof(buffer)) });
}

static void watch(enum sip_proto proto, uint16_t port, int count, int users)
{
    struct end e = { .proto = proto,
                     .count = count,
                     .users = users,
                     .to = { .sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
    struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(own);
    int big = 8 * 1024 * 1024;

    e.fd = socket(AF_INET, proto == SIP_UDP ? SOCK_DGRAM : SOCK_STREAM, 0);
    (void)setsockopt(e.fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
    if (bind(e.fd, (struct sockaddr *)&own, sizeof(own)) ||
        getsockname(e.fd, (struct sockaddr *)&own, &len))
        fail("no socket");
    e.port = ntohs(own.sin_port);
    if (proto != SIP_UDP && connect(e.fd, (struct sockaddr *)&e.to, sizeof(e.to)))
        fail("not connected");
    if (proto == SIP_TLS) {
        e.ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
        SSL_set_fd(e.ssl, e.fd);
        if (SSL_connect(e.ssl) != 1)
            fail("no TLS");
    }
    gw_buf_init(&e.out, 16 * SIP_MSG_MAX);
    for (int i = 0; i < UNDER_WAY; i++)
        begin_next(&e);
    end_flush(&e);
    if (proto == SIP_UDP)
        watch_datagrams(&e);
    watch_stream(&e);
}

/* ---- The server ---- */

struct bench {
    struct net_loop *loop;
    struct pres_core *core;
    struct sip_server *server;
    struct net_timer *timer;
    gw_time deadline;
    int count, users, round, next;
    uint64_t told; /* NOTIFYs that are to be sent until now */
    double begun, subscribed, cpu;
};

static void change(struct pres_core *core, int i, int round, struct gw_now now)
{
    struct pres_calendar c = { .kind = round % 2 ? PRES_CAL_FREE : PRES_CAL_MEETING,
                               .since = now.utc,
                               .until = now.utc + GW_HOUR_MS };
    char jid[64];

    (void)snprintf(jid, sizeof(jid), "user%d@x.example", i);
    (void)snprintf(c.text[0], sizeof(c.text[0]), "In a meeting until %d:00", round);
    for (int k = 1; k < PRES_WORDS_COUNT; k++)
        memcpy(c.text[k], c.text[0], sizeof(c.text[k]));
    pres_calendar_set(core, gw_str_of(jid), &c, now);
}

static void on_timer(struct gw_now now, void *ctx)
{
    struct bench *b = ctx;
    struct sip_counters c;

    sip_core_counters(sip_server_core(b->server), &c);
    net_timer_set(b->timer, now.mono + 1);
    if (now.mono > b->deadline)
        fail("the watchers do not answer");
    if (c.waiting || c.notified < b->told)
        return;
    if (!b->subscribed)
        b->subscribed = cpu_us();
    if (b->next == b->users) {
        b->next = 0;
        b->round++;
    }
    if (b->round == ROUNDS) {
        b->cpu = cpu_us();
        net_loop_stop(b->loop);
        return;
    }
    for (int i = 0; i < AT_ONCE && b->next < b->users; b->next++) {
        int watchers = (b->count - b->next - 1) / b->users + 1;

        change(b->core, b->next, b->round, now);
        b->told += (uint64_t)watchers;
        i += watchers;
    }
}

static struct sip_tls *make_tls(struct cert_store **certs, struct cert_identity **identity,
                                const struct sip_settings *settings)
{
    char folder[] = "/tmp/bench_sip.XXXXXX";
    static const struct gw_str names[] = { GW_STR_INIT("x.example") };
    struct sip_tls *tls;
    struct gw_err err;
    char path[64];

    if (!mkdtemp(folder) || cert_store_open(folder, certs, &err) ||
        cert_identity_open(
            *certs,
            &(struct cert_identity_args){
                .name = CERT_IDENTITY_SIP, .names = names, .names_count = 1, .now = 1782000000000 },
            identity, &err))
        fail("no certificate");
    if (sip_tls_new(*certs, *identity, settings, &tls, &err))
        fail(err.msg);
    (void)snprintf(path, sizeof(path), "%s/%s.pem", folder, CERT_IDENTITY_SIP);
    (void)unlink(path);
    (void)rmdir(folder);
    return tls;
}

/* Not by fork(): each page that the server then writes would have to be made its own first. */
static pid_t watchers_start(enum sip_proto proto, uint16_t port, int count, int users)
{
    char name[] = "bench_sip", what[] = "watch", port_text[16], count_text[16], users_text[16];
    char *args[] = { name,      what,       (char *)(uintptr_t)sip_proto_name(proto),
                     port_text, count_text, users_text,
                     NULL };
    posix_spawn_file_actions_t silent;
    pid_t pid;

    (void)snprintf(port_text, sizeof(port_text), "%u", port);
    (void)snprintf(count_text, sizeof(count_text), "%d", count);
    (void)snprintf(users_text, sizeof(users_text), "%d", users);
    if (posix_spawn_file_actions_init(&silent) ||
        posix_spawn_file_actions_addopen(&silent, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) ||
        posix_spawn(&pid, "/proc/self/exe", &silent, NULL, args, environ))
        fail("no watchers");
    (void)posix_spawn_file_actions_destroy(&silent);
    return pid;
}

static void bench_sockets(enum sip_proto proto, int count, int users)
{
    struct bench b = { .count = count, .users = users, .told = (uint64_t)count };
    struct cert_identity *identity = NULL;
    struct cert_store *certs = NULL;
    struct sip_settings settings = { 0 };
    struct sip_tls *tls;
    struct sip_counters c;
    struct gw_err err;
    pid_t watcher;

    make_settings(&settings);
    tls = make_tls(&certs, &identity, &settings);
    b.loop = net_loop_new();
    b.core = make_core(users);
    b.server = sip_server_new(&(struct sip_server_args){
        .loop = b.loop, .pres = b.core, .settings = &settings, .tls = tls });
    if (sip_server_listen(b.server, "127.0.0.1", 0, &err) ||
        sip_server_listen_tls(b.server, "127.0.0.1", &err))
        fail(err.msg);
    b.timer = net_timer_new(b.loop, on_timer, &b);
    net_timer_set(b.timer, 0);
    b.deadline = net_loop_now(b.loop).mono + LONGEST_MS;
    watcher = watchers_start(proto,
                             proto == SIP_TLS ? sip_server_tls_port(b.server, SIP_TLS_SERVER_AUTH)
                                              : sip_server_port(b.server),
                             count, users);
    b.begun = cpu_us();
    net_loop_run(b.loop);
    sip_core_counters(sip_server_core(b.server), &c);
    printf("%s  %5.1f us a SUBSCRIBE with its first NOTIFY, %5.1f us a NOTIFY answered "
           "(%d subscriptions, %llu sent again)\n",
           sip_proto_name(proto), (b.subscribed - b.begun) / count,
           (b.cpu - b.subscribed) / ((double)count * ROUNDS), count, (unsigned long long)c.resent);
    (void)fflush(stdout);
    net_timer_free(&b.timer);
    sip_server_free(&b.server);
    (void)kill(watcher, SIGTERM);
    (void)waitpid(watcher, NULL, 0);
    pres_core_free(&b.core);
    sip_tls_free(&tls);
    cert_identity_close(&identity);
    cert_store_close(&certs);
    net_loop_free(&b.loop);
    gw_param_settings_done(sip_params, sip_param_count, &settings);
}

/* ---- The engine alone ---- */

struct alone {
    struct pres_core *pres;
    struct sip_settings settings;
    struct sip_core *sip;
    struct gw_buf sent; /* the NOTIFY that is to be answered */
};

static uint64_t alone_send(const struct sip_peer *to, struct gw_str bytes, void *ctx)
{
    struct alone *a = ctx;

    if (gw_str_starts(bytes, "NOTIFY ")) {
        gw_buf_reset(&a->sent);
        gw_buf_add_str(&a->sent, bytes);
    }
    return to->conn;
}

static void alone_local(const struct sip_peer *peer, struct gw_buf *out, void *ctx)
{
    (void)peer;
    (void)ctx;
    gw_buf_add_cstr(out, "192.0.2.100:5060");
}

static void alone_wake(void *ctx)
{
    (void)ctx;
}

static void alone_begin(struct alone *a, int count)
{
    static const struct sip_io io = { .send = alone_send,
                                      .local = alone_local,
                                      .wake = alone_wake };

    *a = (struct alone){ .pres = make_core(count) };
    make_settings(&a->settings);
    gw_buf_init(&a->sent, SIP_MSG_MAX);
    a->sip = sip_core_new(&(struct sip_core_args){
        .pres = a->pres, .settings = &a->settings, .io = &io, .io_ctx = a });
}

static void alone_end(struct alone *a)
{
    sip_core_free(&a->sip);
    pres_core_free(&a->pres);
    gw_param_settings_done(sip_params, sip_param_count, &a->settings);
    gw_buf_done(&a->sent);
}

static void alone_receive(struct alone *a, struct gw_str bytes, struct gw_now now)
{
    static const struct sip_peer from = {
        .proto = SIP_TCP, .conn = 7, .host = GW_STR_INIT("127.0.0.1"), .port = 5060
    };

    sip_core_receive(a->sip, &from, bytes, now);
}

static void alone_subscribe(struct alone *a, int i, struct gw_now now)
{
    char text[2048];
    size_t n = subscribe(text, sizeof(text), i, i, "TCP", 5060);

    alone_receive(a, (struct gw_str){ text, n }, now);
}

/* Subscriptions, each to another user, none of whose NOTIFYs is answered. */
static void bench_memory(void)
{
    struct gw_now now = { .mono = 1, .utc = 1782000000000 };
    struct sip_counters c;
    struct alone a;
    size_t before;
    double begun;

    alone_begin(&a, ALONE);
    before = mallinfo2().uordblks;
    begun = cpu_us();
    for (int i = 0; i < ALONE; i++)
        alone_subscribe(&a, i, now);
    sip_core_counters(a.sip, &c);
    if (c.subscriptions != ALONE)
        fail("not all are subscribed");
    printf("engine alone  %.1f us a SUBSCRIBE with its NOTIFY written, %zu bytes a subscription "
           "with its NOTIFY under way\n",
           (cpu_us() - begun) / ALONE, (mallinfo2().uordblks - before) / ALONE);
    alone_end(&a);
}

/* The same on virtual time, as many changes of each: every NOTIFY is answered before the next one. */
static void bench_engine(int count)
{
    struct gw_now now = { .mono = 1, .utc = 1782000000000 };
    struct gw_buf text;
    struct alone a;
    double begun, answered;

    alone_begin(&a, count);
    gw_buf_init(&text, SIP_MSG_MAX);
    for (int i = 0; i < count; i++) {
        alone_subscribe(&a, i, now);
        write_answer(gw_buf_str(&a.sent), &text);
        alone_receive(&a, gw_buf_str(&text), now);
        gw_buf_reset(&text);
    }
    begun = cpu_us();
    answered = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < count; i++) {
            double before;

            now.mono++;
            change(a.pres, i, round, now);
            sip_core_tick(a.sip, now);
            before = cpu_us();
            write_answer(gw_buf_str(&a.sent), &text);
            answered += cpu_us() - before;
            alone_receive(&a, gw_buf_str(&text), now);
            gw_buf_reset(&text);
        }
    }
    printf("engine alone  %.1f us a NOTIFY written and answered\n",
           (cpu_us() - begun - answered) / ((double)count * ROUNDS));
    gw_buf_done(&text);
    alone_end(&a);
}

static void bench_alone(int count, int users)
{
    (void)users;
    bench_memory();
    bench_engine(count);
}

static void bench_udp(int count, int users)
{
    bench_sockets(SIP_UDP, count, users);
}

static void bench_tcp(int count, int users)
{
    bench_sockets(SIP_TCP, count, users);
}

static void bench_tls(int count, int users)
{
    bench_sockets(SIP_TLS, count, users);
}

static void watch_other(char **args)
{
    enum sip_proto proto;
    int64_t port, count, users;

    if (!sip_proto_parse(gw_str_of(args[0]), &proto) ||
        !gw_str_to_int(gw_str_of(args[1]), 1, 65535, &port) ||
        !gw_str_to_int(gw_str_of(args[2]), 1, 100000, &count) ||
        !gw_str_to_int(gw_str_of(args[3]), 1, count, &users))
        fail("watch what? bench_sip watch udp 5060 2000 200");
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    watch(proto, (uint16_t)port, (int)count, (int)users);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(int count, int users);
    } parts[] = {
        { "engine", bench_alone }, { "udp", bench_udp }, { "tcp", bench_tcp }, { "tls", bench_tls }
    };
    int64_t count = 2000, users;
    int done = 0;

    if (argc == 6 && strcmp(argv[1], "watch") == 0)
        watch_other(argv + 2);
    if (argc > 1 && !gw_str_to_int(gw_str_of(argv[1]), 1, 100000, &count))
        fail("how many subscriptions, 1 to 100000?");
    users = count;
    if (argc > 3 && !gw_str_to_int(gw_str_of(argv[3]), 1, count, &users))
        fail("of how many users, at most as many?");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (argc > 2 && strcmp(argv[2], parts[i].name) != 0)
            continue;
        parts[i].run((int)count, (int)users);
        done++;
    }
    if (!done)
        fail("which part: engine, udp, tcp or tls?");
    return 0;
}
