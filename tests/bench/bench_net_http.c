/* CPU time of the HTTP listener per request: POSTs of a notification's size over kept connections,
 * answered inside the handler. The clients are another process, so that only the listener counts. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net_http_server.h"

enum { CONNECTIONS = 32, REQUESTS = 200000, BODY_LEN = 1500 };

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

static void clients(uint16_t port)
{
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
    for (unsigned n = 0; n < REQUESTS; n += CONNECTIONS) {
        char in[4096];

        for (int i = 0; i < CONNECTIONS; i++)
            if (send(fd[i], request, (size_t)head + BODY_LEN, MSG_NOSIGNAL) < 0)
                _exit(0);
        for (int i = 0; i < CONNECTIONS; i++)
            if (recv(fd[i], in, sizeof in, 0) <= 0)
                _exit(0);
    }
    _exit(0);
}

int main(void)
{
    struct bench b = { .loop = net_loop_new() };
    struct net_http_server_args args = {
        .address = "127.0.0.1", .body_max = 1024 * 1024, .handler = on_request, .ctx = &b
    };
    struct net_http_server *server;
    struct gw_err err;
    double before;
    pid_t child;

    if (net_http_server_new(b.loop, &args, &server, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    child = fork();
    if (child < 0)
        return 1;
    if (!child)
        clients(net_http_server_port(server));
    before = cpu_us();
    net_loop_run(b.loop);
    printf("http_server_us_per_request %.2f\n", (cpu_us() - before) / REQUESTS);
    net_http_server_free(&server);
    net_loop_free(&b.loop);
    (void)waitpid(child, NULL, 0);
    return 0;
}
