/* CPU time of the HTTP listener per request: POSTs of a notification's size over kept connections,
 * answered inside the handler, in clear and by TLS. The clients are another process, so that only the
 * listener counts; the handshakes are in it. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cert.h"
#include "net_http_server.h"

enum { CONNECTIONS = 32, REQUESTS = 100000, BODY_LEN = 1500 };

static const char answer[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope "
    "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><SendNotificationResult "
    "xmlns=\"http://schemas.microsoft.com/exchange/services/2006/messages\">"
    "<SubscriptionStatus>OK</SubscriptionStatus></SendNotificationResult></s:Body></s:Envelope>";

struct bench {
    struct net_loop *loop;
    unsigned seen;
};

static double cpu_us(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void on_request(struct net_http_exchange *x, void *ctx)
{
    struct bench *b = ctx;

    net_http_reply(x, 200, "text/xml", (struct gw_str){ answer, sizeof answer - 1 });
    if (++b->seen == REQUESTS)
        net_loop_stop(b->loop);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof in))
        _exit(1);
    return fd;
}

static SSL *secure(int fd)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);

    if (SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
        _exit(1);
    return ssl;
}

static void clients(uint16_t port, bool tls)
{
    SSL *ssl[CONNECTIONS];
    char request[BODY_LEN + 300];
    int fd[CONNECTIONS];
    int head = snprintf(request, sizeof request,
                        "POST /notify/0123456789abcdef0123456789abcdef HTTP/1.1\r\n"
                        "Host: gateway.example\r\nContent-Type: text/xml; charset=utf-8\r\n"
                        "SOAPAction: \"http://schemas.microsoft.com/SendNotification\"\r\n"
                        "Content-Length: %d\r\n\r\n",
                        BODY_LEN);

    memset(request + head, 'x', BODY_LEN);
    for (int i = 0; i < CONNECTIONS; i++)
        fd[i] = connect_to(port);
    for (int i = 0; tls && i < CONNECTIONS; i++)
        ssl[i] = secure(fd[i]);
    for (unsigned n = 0; n < REQUESTS; n += CONNECTIONS) {
        char in[4096];

        for (int i = 0; i < CONNECTIONS; i++)
            if (tls ? SSL_write(ssl[i], request, head + BODY_LEN) <= 0
                    : send(fd[i], request, (size_t)head + BODY_LEN, MSG_NOSIGNAL) < 0)
                _exit(0);
        for (int i = 0; i < CONNECTIONS; i++)
            if (tls ? SSL_read(ssl[i], in, sizeof in) <= 0 : recv(fd[i], in, sizeof in, 0) <= 0)
                _exit(0);
    }
    _exit(0);
}

static struct net_tls *make_tls(struct cert_store **certs, struct cert_identity **identity)
{
    static const struct gw_str names[] = { GW_STR_INIT("x.example") };
    const struct cert_identity_args args = {
        .name = "bench", .names = names, .names_count = 1, .now = 1782000000000
    };
    char folder[] = "/tmp/bench_net_http.XXXXXX", path[64];
    struct net_tls_policy policy;
    struct net_tls *tls;
    struct gw_err err;

    if (!mkdtemp(folder) || cert_store_open(folder, certs, &err) ||
        cert_identity_open(*certs, &args, identity, &err))
        exit(1);
    policy = cert_identity_policy(*identity);
    if (net_tls_new(NET_TLS_SERVER, &policy, &tls, &err))
        exit(1);
    (void)snprintf(path, sizeof path, "%s/bench.pem", folder);
    (void)unlink(path);
    (void)rmdir(folder);
    return tls;
}

static void measure(struct net_tls *tls, const char *what)
{
    struct bench b = { .loop = net_loop_new() };
    struct net_http_server_args args = { .address = "127.0.0.1",
                                         .body_max = 1024 * 1024,
                                         .tls = tls,
                                         .handler = on_request,
                                         .ctx = &b };
    struct net_http_server *server;
    struct gw_err err;
    double before;
    pid_t child;

    if (net_http_server_new(b.loop, &args, &server, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    child = fork();
    if (child < 0)
        exit(1);
    if (!child)
        clients(net_http_server_port(server), tls != NULL);
    before = cpu_us();
    net_loop_run(b.loop);
    printf("%s_server_us_per_request %.2f\n", what, (cpu_us() - before) / REQUESTS);
    (void)fflush(stdout);
    net_http_server_free(&server);
    net_loop_free(&b.loop);
    (void)waitpid(child, NULL, 0);
}

int main(void)
{
    struct cert_identity *identity = NULL;
    struct cert_store *certs = NULL;
    struct net_tls *tls = make_tls(&certs, &identity);

    measure(NULL, "http");
    measure(tls, "https");
    net_tls_unref(&tls);
    cert_identity_close(&identity);
    cert_store_close(&certs);
    return 0;
}
