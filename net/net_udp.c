#include "net_udp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gw_mem.h"
#include "net_priv.h"

enum {
    AT_ONCE = 256, /* then the others have their turn */
    BUFFER =
        4 * 1024 * 1024 /* what the kernel may hold while we are busy; it gives what it allows */
};

struct net_udp {
    struct net_loop *loop;
    struct net_watch *watch;
    struct net_bound bound;
    net_udp_fn *on_datagram;
    void *ctx;
    bool is_v6;
    bool reading, freed;
};

union any {
    struct net_address a;
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};
_Static_assert(sizeof(struct sockaddr_in6) <= sizeof(struct net_address), "room for an address");

static socklen_t length_of(const union any *u)
{
    return u->sa.sa_family == AF_INET6 ? sizeof(u->in6) : sizeof(u->in);
}

/* ---- Addresses ---- */

bool net_address_parse(struct gw_str host, uint16_t port, struct net_address *out)
{
    union any u = { .a = { { 0 } } };
    char text[NET_ADDRESS_TEXT_MAX];

    if (!host.len || host.len >= sizeof(text))
        return false;
    memcpy(text, host.p, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, &u.in.sin_addr) == 1) {
        u.in.sin_family = AF_INET;
        u.in.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, text, &u.in6.sin6_addr) == 1) {
        u.in6.sin6_family = AF_INET6;
        u.in6.sin6_port = htons(port);
    } else {
        return false;
    }
    *out = u.a;
    return true;
}

const char *net_address_text(const struct net_address *a, char out[NET_ADDRESS_TEXT_MAX])
{
    const union any u = { .a = *a };
    char text[NET_PEER_TEXT_MAX];
    struct gw_str s = gw_str_of(net_peer_text(&u.sa, false, text));

    s = gw_str_utf8_cut(s, NET_ADDRESS_TEXT_MAX - 1);
    memcpy(out, s.p, s.len);
    out[s.len] = '\0';
    return out;
}

uint16_t net_address_port(const struct net_address *a)
{
    const union any u = { .a = *a };

    return ntohs(u.sa.sa_family == AF_INET6 ? u.in6.sin6_port : u.in.sin_port);
}

bool net_address_local(const struct net_address *peer, struct net_address *out)
{
    const union any to = { .a = *peer };
    union any u = { .a = { { 0 } } };
    socklen_t len = sizeof(u);
    int fd = socket(to.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok;

    if (fd < 0)
        return false;
    /* Of a datagram socket this asks the routing table, and nobody else. */
    ok = !connect(fd, &to.sa, length_of(&to)) && !getsockname(fd, &u.sa, &len);
    (void)close(fd);
    if (ok)
        *out = u.a;
    return ok;
}

/* ---- Datagrams ---- */

static void on_ready(int fd, int events, void *ctx)
{
    struct net_udp *u = ctx;

    (void)events;
    u->reading = true;
    for (int i = 0; i < AT_ONCE && !u->freed; i++) {
        char *p = net_loop_scratch(u->loop);
        union any from = { .a = { { 0 } } };
        socklen_t len = sizeof(from);
        ssize_t n = recvfrom(fd, p, NET_SCRATCH_LEN, 0, &from.sa, &len);

        if (n < 0)
            break; /* nothing more, or an error of an earlier send, which is over */
        u->on_datagram(u, &from.a, (struct gw_str){ p, (size_t)n }, u->ctx);
    }
    u->reading = false;
    if (u->freed)
        free(u);
}

enum gw_code net_udp_open(struct net_loop *loop, const struct net_udp_args *args,
                          struct net_udp **out, struct gw_err *err)
{
    const struct net_bind bind = { .address = args->address,
                                   .port = args->port,
                                   .datagrams = true };
    union any own = { .a = { { 0 } } };
    socklen_t len = sizeof(own);
    int buffer = BUFFER;
    struct net_udp *u;
    struct net_bound bound;
    enum gw_code rc = net_bind(&bind, &bound, err);

    if (rc)
        return rc;
    (void)setsockopt(bound.fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    (void)setsockopt(bound.fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    u = gw_new(struct net_udp);
    u->loop = loop;
    u->bound = bound;
    u->is_v6 = !getsockname(bound.fd, &own.sa, &len) && own.sa.sa_family == AF_INET6;
    u->on_datagram = args->on_datagram;
    u->ctx = args->ctx;
    u->watch = net_watch_new(loop, bound.fd, on_ready, u);
    net_watch_set(u->watch, NET_IO_READ);
    *out = u;
    return GW_OK;
}

void net_udp_free(struct net_udp **up)
{
    struct net_udp *u = *up;

    if (!u)
        return;
    *up = NULL;
    net_watch_free(&u->watch);
    (void)close(u->bound.fd);
    u->freed = true;
    if (!u->reading)
        free(u);
}

uint16_t net_udp_port(const struct net_udp *u)
{
    return u->bound.port;
}

/* On a socket for both an IPv4 address is written as IPv6 has it. */
static void as_v6(union any *to)
{
    const union any v4 = *to;

    *to = (union any){ .a = { { 0 } } };
    to->in6.sin6_family = AF_INET6;
    to->in6.sin6_port = v4.in.sin_port;
    to->in6.sin6_addr.s6_addr[10] = 0xff;
    to->in6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(&to->in6.sin6_addr.s6_addr[12], &v4.in.sin_addr, 4);
}

bool net_udp_send(struct net_udp *u, const struct net_address *address, struct gw_str data)
{
    union any to = { .a = *address };

    if (u->is_v6 && to.sa.sa_family == AF_INET)
        as_v6(&to);
    return sendto(u->bound.fd, data.p, data.len, MSG_NOSIGNAL, &to.sa, length_of(&to)) ==
           (ssize_t)data.len;
}
