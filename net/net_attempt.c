/* How a stream gets its connection: the host's addresses are looked up and tried one after the
 * other, each with its share of the time that is left. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gw_mem.h"
#include "net_priv.h"

enum { ADDRESSES_MAX = 16 };

struct net_attempt {
    struct net_stream *stream;
    struct net_loop *loop;
    struct net_dns_query *query;
    struct net_watch *watch;
    struct net_timer *timer;
    gw_time deadline;
    char *target; /* "'host' port 5222", for messages */
    uint16_t port;
    int fd;
    unsigned count, next;
    struct gw_err last; /* why the address before failed */
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } address[ADDRESSES_MAX];
};

static void try_next(struct net_attempt *a);

static socklen_t address_len(const struct sockaddr *sa)
{
    switch (sa->sa_family) {
    case AF_INET:
        return sizeof(struct sockaddr_in);
    case AF_INET6:
        return sizeof(struct sockaddr_in6);
    default:
        return sizeof(struct sockaddr_un);
    }
}

static void add_address(struct net_attempt *a, const char *text)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(a->port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(a->port) };

    if (a->count == ADDRESSES_MAX)
        return;
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        a->address[a->count++].in = in;
    else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
        a->address[a->count++].in6 = in6;
}

static void drop_fd(struct net_attempt *a)
{
    net_watch_free(&a->watch);
    if (a->fd >= 0)
        (void)close(a->fd);
    a->fd = -1;
}

static void failed(struct net_attempt *a, enum gw_code code, const char *why)
{
    struct gw_err err;

    (void)gw_fail(&err, code, "cannot connect to %s: %s", a->target, why);
    net_stream_failed(a->stream, &err); /* frees the attempt */
}

static void on_result(int fd, int events, void *ctx)
{
    struct net_attempt *a = ctx;
    char peer[NET_PEER_TEXT_MAX];
    int error = 0;
    socklen_t len = sizeof error;

    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
        error = errno;
    if (error) {
        (void)gw_fail(&a->last, GW_UNREACHABLE, "%s", strerror(error));
        drop_fd(a);
        try_next(a);
        return;
    }
    net_watch_free(&a->watch);
    a->fd = -1; /* the stream's from now on */
    net_stream_connected(a->stream, fd, net_peer_text(&a->address[a->next - 1].sa, true, peer));
}

/* Starts one; false when that fails at once. */
static bool try_address(struct net_attempt *a, const struct sockaddr *sa)
{
    gw_time now = net_loop_now(a->loop).mono;
    gw_time left = a->deadline > now ? a->deadline - now : 0;

    a->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->fd < 0 || (connect(a->fd, sa, address_len(sa)) && errno != EINPROGRESS)) {
        (void)gw_fail(&a->last, GW_UNREACHABLE, "%s", strerror(errno));
        drop_fd(a);
        return false;
    }
    a->watch = net_watch_new(a->loop, a->fd, on_result, a);
    net_watch_set(a->watch, NET_IO_WRITE);
    net_timer_set(a->timer, now + left / (a->count - a->next + 1));
    return true;
}

static void try_next(struct net_attempt *a)
{
    while (a->next < a->count)
        if (try_address(a, &a->address[a->next++].sa))
            return;
    failed(a, a->last.code, a->last.msg);
}

static void on_timer(struct gw_now now, void *ctx)
{
    struct net_attempt *a = ctx;

    (void)now;
    (void)gw_fail(&a->last, GW_TIMEOUT, "no answer in time");
    drop_fd(a);
    try_next(a);
}

static void on_resolved(const struct net_dns_result *result, void *ctx)
{
    struct net_attempt *a = ctx;

    a->query = NULL;
    if (result->code) {
        failed(a, GW_UNREACHABLE, result->error);
        return;
    }
    for (size_t i = 0; i < result->count; i++)
        add_address(a, result->records[i].name.p);
    try_next(a);
}

static void look_up(struct net_attempt *a, const struct net_connect_args *args)
{
    struct gw_err err = { 0 };
    struct net_dns *dns = args->dns ? args->dns : net_loop_dns(a->loop, &err);

    if (!dns) {
        failed(a, GW_INTERNAL, err.msg);
        return;
    }
    a->query = net_dns_start(dns, NET_DNS_ADDRESS, args->host, on_resolved, a);
    net_timer_set(a->timer, a->deadline);
}

static void use_path(struct net_attempt *a, const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t len = strlen(path);

    if (len >= sizeof un.sun_path) {
        (void)gw_fail(&a->last, GW_INVALID, "the path of the socket is too long");
        return;
    }
    memcpy(un.sun_path, path, len);
    a->address[a->count++].un = un;
}

struct net_attempt *net_attempt_new(struct net_stream *s, const struct net_connect_args *args,
                                    gw_time deadline)
{
    struct net_attempt *a = gw_new(struct net_attempt);
    struct gw_buf target;

    a->stream = s;
    a->loop = net_stream_loop(s);
    a->port = args->port;
    a->deadline = deadline;
    a->fd = -1;
    a->timer = net_timer_new(a->loop, on_timer, a);
    (void)gw_fail(&a->last, GW_UNREACHABLE, "no address");
    gw_buf_init(&target, 512);
    if (args->unix_path)
        gw_buf_addf(&target, "'%s'", args->unix_path);
    else
        gw_buf_addf(&target, "'%s' port %u", args->host, args->port);
    a->target = gw_buf_take(&target);
    return a;
}

void net_attempt_start(struct net_attempt *a, const struct net_connect_args *args)
{
    if (args->unix_path)
        use_path(a, args->unix_path);
    else
        add_address(a, args->host);
    if (a->count || args->unix_path)
        try_next(a);
    else
        look_up(a, args);
}

void net_attempt_free(struct net_attempt **ap)
{
    struct net_attempt *a = *ap;

    if (!a)
        return;
    *ap = NULL;
    drop_fd(a);
    net_dns_cancel(&a->query);
    net_timer_free(&a->timer);
    free(a->target);
    free(a);
}
