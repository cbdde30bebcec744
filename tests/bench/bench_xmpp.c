/* What XMPP costs. First the engine alone: CPU for each presence handed to a watcher, and memory of an
 * idle session. Then over TLS on loopback: logins, deliveries, memory of the process. The clients
 * are another process, so that only the server counts.
 *
 *   bench_xmpp [CLIENTS]      500 unless said otherwise */
#include <arpa/inet.h>
#include <gsasl.h>
#include <malloc.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cert.h"
#include "gw_bytes.h"
#include "gw_mem.h"
#include "net_loop.h"
#include "net_work.h"
#include "pres_frontend.h"
#include "xmpp_c2s.h"
#include "xmpp_server.h"

#define HEADER                                                                                     \
    "<stream:stream to='x.example' version='1.0' xmlns='jabber:client' "                           \
    "xmlns:stream='http://etherx.jabber.org/streams'>"
#define STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define BIND     "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
#define ROSTER   "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>"
#define USER0    "user0@x.example"

enum { CONTACTS = 30, ROUNDS = 200, CLIENTS_MAX = 20000 };

static const struct gw_now start = { .mono = 1, .utc = 1 };

static double cpu_us(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void fail(const char *what)
{
    fprintf(stderr, "bench_xmpp: %s\n", what);
    exit(1);
}

/* ---- Users: user0 ... with the password "p"; each is a friend of user0 and of his neighbours ---- */

static bool credentials(struct gw_str user, enum xmpp_hash hash, struct xmpp_credentials *out,
                        void *ctx)
{
    char salted[32], client[32], server[32], stored[32];

    (void)user;
    (void)hash;
    (void)ctx;
    *out = (struct xmpp_credentials){ .salt_len = 8, .iterations = 1 };
    (void)gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, "p", 1, (const char *)out->salt, 8,
                                            salted, client, server, stored);
    memcpy(out->stored_key, stored, 32);
    memcpy(out->server_key, server, 32);
    return true;
}

static struct pres_core *make_core(const struct pres_settings *settings, int users)
{
    struct pres_core *core = pres_core_new(&(struct pres_core_args){ .settings = settings });
    char jid[64];

    pres_domain_add(core, GW_STR("x.example"));
    for (int i = 0; i < users; i++) {
        snprintf(jid, sizeof(jid), "user%d@x.example", i);
        (void)pres_user_add(core, gw_str_of(jid), NULL);
    }
    return core;
}

static void ignore_presence(const struct pres_doc *doc, struct pres_session *const *to,
                            size_t count, void *ctx)
{
    (void)doc;
    (void)to;
    (void)count;
    (void)ctx;
}

static void ignore_request(enum pres_request request, struct gw_str from, struct gw_str extra,
                           struct pres_session *to, void *ctx)
{
    (void)request;
    (void)from;
    (void)extra;
    (void)to;
    (void)ctx;
}

static void ignore_item(const struct pres_item *item, struct pres_session *to, void *ctx)
{
    (void)item;
    (void)to;
    (void)ctx;
}

static void ignore_end(struct pres_session *s, enum pres_end why, void *ctx)
{
    (void)s;
    (void)why;
    (void)ctx;
}

static struct pres_session *bot(struct pres_core *core, struct pres_front *front, int i)
{
    struct pres_session *s = NULL;
    char jid[64];

    snprintf(jid, sizeof(jid), "user%d@x.example", i);
    if (pres_session_new(core,
                         &(struct pres_session_args){
                             .user = gw_str_of(jid), .resource = GW_STR("bot"), .front = front },
                         start, &s, NULL))
        fail("no session");
    return s;
}

static void befriend(struct pres_session *a, struct pres_session *b)
{
    (void)pres_request_send(a, PRES_SUBSCRIBE, pres_session_user(b), GW_STR(""), NULL);
    (void)pres_request_send(b, PRES_SUBSCRIBED, pres_session_user(a), GW_STR(""), NULL);
}

/* Everybody watches user0, and has CONTACTS neighbours. */
static void make_rosters(struct pres_core *core, int users)
{
    static const struct pres_frontend table = { .name = "none",
                                                .presence = ignore_presence,
                                                .request = ignore_request,
                                                .roster_changed = ignore_item,
                                                .ended = ignore_end };
    struct pres_front *front = pres_frontend_register(core, &table, NULL);
    struct pres_session *zero = bot(core, front, 0), *s, *other;

    for (int i = 1; i < users; i++) {
        s = bot(core, front, i);
        befriend(s, zero);
        for (int j = 1; j < CONTACTS && i + j < users; j++) {
            other = bot(core, front, i + j);
            befriend(s, other);
            pres_session_free(&other, start);
        }
        pres_session_free(&s, start);
    }
    pres_session_free(&zero, start);
}

/* ---- The engine alone ---- */

struct sink {
    struct xmpp_c2s *c2s;
    struct xmpp_check *check;
    size_t bytes;
};

static bool sink_write(struct gw_str bytes, void *ctx)
{
    ((struct sink *)ctx)->bytes += bytes.len;
    return true;
}

static size_t sink_queued(void *ctx)
{
    (void)ctx;
    return 0;
}

static void sink_nothing(void *ctx)
{
    (void)ctx;
}

static void sink_check(struct xmpp_check *check, void *ctx)
{
    ((struct sink *)ctx)->check = check;
}

static void feed(struct sink *s, const char *text)
{
    xmpp_c2s_feed(s->c2s, gw_str_of(text), start);
}

static void plain_auth(int i, char out[256])
{
    struct gw_buf raw, text;

    gw_buf_init(&raw, 100);
    gw_buf_init(&text, 200);
    gw_buf_add_char(&raw, '\0');
    gw_buf_addf(&raw, "user%d", i);
    gw_buf_add(&raw, "\0p", 2);
    gw_base64_write(gw_buf_str(&raw), &text);
    snprintf(out, 256, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>",
             text.p);
    gw_buf_done(&raw);
    gw_buf_done(&text);
}

static void sink_login(struct sink *s, struct xmpp_host *host, int i)
{
    static const struct xmpp_io io = { .write = sink_write,
                                       .queued = sink_queued,
                                       .start_tls = sink_nothing,
                                       .check = sink_check,
                                       .wake = sink_nothing };
    char auth[256];

    s->c2s = xmpp_c2s_new(&(struct xmpp_c2s_args){ .host = host,
                                                   .io = &io,
                                                   .io_ctx = s,
                                                   .peer = GW_STR("127.0.0.1:50000"),
                                                   .can_tls = true },
                          start.mono);
    feed(s, HEADER);
    feed(s, STARTTLS);
    xmpp_c2s_tls_ready(s->c2s);
    feed(s, HEADER);
    plain_auth(i, auth);
    feed(s, auth);
    xmpp_check_run(s->check);
    xmpp_c2s_checked(s->c2s, xmpp_check_is_right(s->check), GW_OK, start);
    xmpp_check_free(&s->check);
    feed(s, HEADER);
    feed(s, BIND);
    feed(s, ROSTER);
}

static void calendar(struct pres_core *core, int round, struct gw_now now)
{
    struct pres_calendar cal = { .kind = round % 2 ? PRES_CAL_MEETING : PRES_CAL_FREE };

    snprintf(cal.text[PRES_WORDS_OWN], PRES_TEXT_MAX, "%s", round % 2 ? "In a meeting" : "");
    pres_calendar_set(core, GW_STR(USER0), &cal, now);
}

static void bench_engine(const struct pres_settings *settings, int clients)
{
    struct pres_core *core = make_core(settings, clients);
    struct xmpp_host *host;
    struct sink *sinks = gw_alloc((size_t)clients * sizeof(*sinks));
    struct pres_counters before, after;
    size_t memory;
    double cpu;

    make_rosters(core, clients);
    host = xmpp_host_new(&(struct xmpp_host_args){ .core = core, .credentials = credentials });
    if (!host)
        fail("no SASL");
    memory = mallinfo2().uordblks;
    cpu = cpu_us();
    for (int i = 0; i < clients; i++)
        sink_login(&sinks[i], host, i);
    cpu = cpu_us() - cpu;
    memory = mallinfo2().uordblks - memory;
    printf("engine: login with %d contacts            %8.1f us\n", CONTACTS, cpu / clients);
    printf("engine: memory of an idle session         %8.0f bytes\n", (double)memory / clients);
    pres_counters(core, &before);
    cpu = cpu_us();
    for (int i = 1; i <= ROUNDS; i++)
        calendar(core, i, start);
    cpu = cpu_us() - cpu;
    pres_counters(core, &after);
    if (after.delivered - before.delivered < (uint64_t)ROUNDS * (uint64_t)clients)
        fail("watchers were not told");
    printf("engine: presence written for a watcher    %8.2f us\n",
           cpu / (double)(after.delivered - before.delivered));
    for (int i = 0; i < clients; i++)
        xmpp_c2s_free(&sinks[i].c2s, start);
    xmpp_host_free(&host);
    pres_core_free(&core);
    free(sinks);
}

/* ---- Clients of the other process ---- */

static void until(SSL *ssl, int fd, const char *text)
{
    char seen[65536];
    size_t len = 0;
    ssize_t n;

    do {
        n = ssl ? SSL_read(ssl, seen + len, (int)(sizeof(seen) - 1 - len))
                : read(fd, seen + len, sizeof(seen) - 1 - len);
        if (n <= 0)
            _exit(2);
        len += (size_t)n;
        seen[len] = '\0';
    } while (!strstr(seen, text));
}

static SSL *client_login(SSL_CTX *ctx, uint16_t port, int i)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char auth[256];
    SSL *ssl;

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof(in)))
        _exit(3);
    if (write(fd, HEADER STARTTLS, sizeof(HEADER STARTTLS) - 1) < 0)
        _exit(3);
    until(NULL, fd, "<proceed");
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1)
        _exit(4);
    plain_auth(i, auth);
    SSL_write(ssl, HEADER, sizeof(HEADER) - 1);
    until(ssl, fd, "</stream:features>");
    SSL_write(ssl, auth, (int)strlen(auth));
    until(ssl, fd, "<success");
    SSL_write(ssl, HEADER, sizeof(HEADER) - 1);
    until(ssl, fd, "</stream:features>");
    SSL_write(ssl, BIND, sizeof(BIND) - 1);
    until(ssl, fd, "</iq>");
    SSL_write(ssl, ROSTER, sizeof(ROSTER) - 1);
    until(ssl, fd, "<presence ");
    return ssl;
}

/* Logs in, says so, then reads and drops whatever comes (without deciphering: only the server is
 * measured). */
static void clients_run(uint16_t port, int clients, int tell)
{
    struct pollfd *fds = gw_alloc((size_t)clients * sizeof(*fds));
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    static char drop[65536];

    for (int i = 0; i < clients; i++)
        fds[i] = (struct pollfd){ .fd = SSL_get_fd(client_login(ctx, port, i)), .events = POLLIN };
    if (write(tell, "r", 1) != 1)
        _exit(5);
    for (;;) {
        if (poll(fds, (nfds_t)clients, -1) < 0)
            _exit(6);
        for (int i = 0; i < clients; i++) {
            if (fds[i].revents && read(fds[i].fd, drop, sizeof(drop)) <= 0)
                _exit(0);
        }
    }
}

/* ---- The server over TLS ---- */

struct bench {
    struct net_loop *loop;
    struct net_pool *pool;
    struct pres_core *core;
    struct xmpp_server *server;
    struct net_watch *told;
    struct net_timer *timer;
    int clients, round;
    double cpu;
    long rss_kb;
    uint64_t delivered;
};

static long rss_kb(void)
{
    char text[256];
    FILE *f = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (f && fgets(text, sizeof(text), f)) {
        char *space = strchr(text, ' ');

        pages = space ? strtol(space, NULL, 10) : 0;
    }
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void on_round(struct gw_now now, void *ctx)
{
    struct bench *b = ctx;
    struct pres_counters c;

    if (b->round == 0) {
        pres_counters(b->core, &c);
        b->delivered = c.delivered;
        b->cpu = cpu_us();
    }
    if (b->round++ < ROUNDS) {
        calendar(b->core, b->round, now);
        net_timer_set(b->timer, now.mono + 20); /* each in writes of its own */
        return;
    }
    pres_counters(b->core, &c);
    printf("over TLS: presence delivered              %8.2f us\n",
           (cpu_us() - b->cpu) / (double)(c.delivered - b->delivered));
    net_loop_stop(b->loop);
}

static void on_told(int fd, int events, void *ctx)
{
    struct bench *b = ctx;
    char byte;

    (void)events;
    if (read(fd, &byte, 1) != 1)
        fail("the clients gave up");
    net_watch_set(b->told, 0);
    printf("over TLS: connecting and login            %8.1f us\n",
           (cpu_us() - b->cpu) / b->clients);
    printf("over TLS: memory of a session, all in all %8.1f KiB\n",
           (double)(rss_kb() - b->rss_kb) / b->clients);
    net_timer_set(b->timer, 0);
}

static struct net_tls *make_tls(struct cert_store **certs, struct cert_identity **identity,
                                const char *folder)
{
    const struct gw_str domain = GW_STR_INIT("x.example");
    const struct cert_identity_args args = {
        .name = CERT_IDENTITY_XMPP, .names = &domain, .names_count = 1, .now = 1700000000000
    };
    struct net_tls_policy policy;
    struct net_tls *tls = NULL;
    struct gw_err err;

    if (cert_store_open(folder, certs, &err) || cert_identity_open(*certs, &args, identity, &err))
        fail(err.msg);
    policy = cert_identity_policy(*identity);
    if (net_tls_new(NET_TLS_SERVER, &policy, &tls, &err))
        fail(err.msg);
    return tls;
}

static void bench_tls(const struct pres_settings *settings, int clients)
{
    char folder[] = "/tmp/bench_xmpp.XXXXXX", file[64];
    struct bench b = { .clients = clients };
    struct cert_identity *identity = NULL;
    struct cert_store *certs = NULL;
    struct xmpp_settings xmpp = { 0 };
    struct net_tls *tls;
    struct gw_err err;
    int tell[2];
    uint16_t port;
    pid_t pid;

    if (!mkdtemp(folder) || pipe(tell))
        fail("no folder or pipe");
    gw_param_defaults(xmpp_params, xmpp_param_count, &xmpp);
    xmpp.half_open_max = clients;
    b.loop = net_loop_new();
    b.core = make_core(settings, clients);
    make_rosters(b.core, clients);
    tls = make_tls(&certs, &identity, folder);
    b.pool = net_pool_new(b.loop, 1);
    b.server = xmpp_server_new(&(struct xmpp_server_args){ .loop = b.loop,
                                                           .pool = b.pool,
                                                           .core = b.core,
                                                           .tls = tls,
                                                           .settings = &xmpp,
                                                           .credentials = credentials },
                               &err);
    if (!b.server || xmpp_server_listen(b.server, "127.0.0.1", 0, &port, &err))
        fail(err.msg);
    fflush(stdout);
    pid = fork();
    if (!pid)
        clients_run(port, clients, tell[1]);
    b.timer = net_timer_new(b.loop, on_round, &b);
    b.told = net_watch_new(b.loop, tell[0], on_told, &b);
    net_watch_set(b.told, NET_IO_READ);
    b.rss_kb = rss_kb();
    b.cpu = cpu_us();
    net_loop_run(b.loop);
    net_watch_free(&b.told);
    net_timer_free(&b.timer);
    xmpp_server_free(&b.server);
    (void)waitpid(pid, NULL, 0);
    net_pool_free(&b.pool);
    net_tls_unref(&tls);
    pres_core_free(&b.core);
    cert_identity_close(&identity);
    cert_store_close(&certs);
    net_loop_free(&b.loop);
    snprintf(file, sizeof(file), "%s/%s.pem", folder, CERT_IDENTITY_XMPP);
    unlink(file);
    rmdir(folder);
}

int main(int argc, char **argv)
{
    struct pres_settings settings;
    int64_t clients = 500;

    if (argc > 2 ||
        (argc == 2 && !gw_str_to_int(gw_str_of(argv[1]), CONTACTS, CLIENTS_MAX, &clients))) {
        fprintf(stderr, "usage: %s [CLIENTS]\n", argv[0]);
        return 2;
    }
    gw_param_defaults(pres_params, pres_param_count, &settings);
    settings.contacts_max = settings.watchers_max = GW_PARAM_WORD;
    printf("%d clients, %d contacts each, all of them watch one user\n", (int)clients, CONTACTS);
    bench_engine(&settings, (int)clients);
    bench_tls(&settings, (int)clients);
    return 0;
}
