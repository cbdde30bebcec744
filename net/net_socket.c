/* Listening sockets for streams and HTTP, and how addresses are written. What goes wrong here is
 * almost always a setting, so that every error says what to do about it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gw_str.h"
#include "net_priv.h"

const char *net_peer_text(const struct sockaddr *sa, bool with_port, char out[NET_PEER_TEXT_MAX])
{
    char ip[INET6_ADDRSTRLEN] = "?";
    unsigned port = 0;
    bool v6 = false;

    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

        (void)inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip);
        port = ntohs(in->sin_port);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
        /* An IPv4 client on a dual-stack socket is shown as what it is. */
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

        if (mapped)
            (void)inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], ip, sizeof ip);
        else
            (void)inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof ip);
        port = ntohs(in6->sin6_port);
        v6 = !mapped;
    } else {
        (void)snprintf(out, NET_PEER_TEXT_MAX, "unix");
        return out;
    }
    if (!with_port)
        (void)snprintf(out, NET_PEER_TEXT_MAX, "%s", ip);
    else
        (void)snprintf(out, NET_PEER_TEXT_MAX, v6 ? "[%s]:%u" : "%s:%u", ip, port);
    return out;
}

/* --- TCP and UDP --- */

static enum gw_code ip_error(const struct net_bind *args, int error, struct gw_err *err)
{
    switch (error) {
    case EADDRINUSE:
        return gw_fail(err, GW_EXISTS,
                       "port %u on '%s' is taken: stop the program that listens there, or set "
                       "another port",
                       args->port, args->address);
    case EACCES:
    case EPERM:
        return gw_fail(err, GW_DENIED,
                       "no right to listen on port %u of '%s': set a port above 1023, or give the "
                       "program CAP_NET_BIND_SERVICE",
                       args->port, args->address);
    case EADDRNOTAVAIL:
        return gw_fail(err, GW_INVALID,
                       "cannot listen on '%s': this machine has no such address, set one that it "
                       "has, or '::' for all",
                       args->address);
    default:
        return gw_fail(err, GW_INTERNAL, "cannot listen on port %u of '%s': %s", args->port,
                       args->address, strerror(error));
    }
}

static uint16_t bound_port(int fd)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } u = { 0 };
    socklen_t len = sizeof u;

    if (getsockname(fd, &u.sa, &len))
        return 0;
    return ntohs(u.sa.sa_family == AF_INET6 ? u.in6.sin6_port : u.in.sin_port);
}

/* -1 with errno on failure. */
static int bound_socket(const struct addrinfo *ai)
{
    int on = 1, off = 0, saved;
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool datagrams = ai->ai_socktype == SOCK_DGRAM;

    if (fd < 0)
        return -1;
    if (!datagrams) /* two could have one port with it */
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (ai->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (!bind(fd, ai->ai_addr, ai->ai_addrlen) && (datagrams || !listen(fd, SOMAXCONN)))
        return fd;
    saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static enum gw_code bind_ip(const struct net_bind *args, struct net_bound *out, struct gw_err *err)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                              .ai_socktype = args->datagrams ? SOCK_DGRAM : SOCK_STREAM };
    struct addrinfo *ai = NULL;
    char service[8];
    int fd;

    (void)snprintf(service, sizeof service, "%u", args->port);
    if (getaddrinfo(args->address, service, &hints, &ai)) /* numeric: does not ask the network */
        return gw_fail(err, GW_INVALID,
                       "cannot listen on '%s': give an IP address of this machine, or '::' for all",
                       args->address);
    fd = bound_socket(ai);
    freeaddrinfo(ai);
    /* A machine without IPv6: "all addresses" are then those of IPv4. */
    if (fd < 0 && errno == EAFNOSUPPORT && strcmp(args->address, "::") == 0) {
        struct net_bind v4 = *args;

        v4.address = "0.0.0.0";
        return bind_ip(&v4, out, err);
    }
    if (fd < 0)
        return ip_error(args, errno, err);
    *out = (struct net_bound){ .fd = fd, .port = bound_port(fd) };
    return GW_OK;
}

/* --- Unix sockets --- */

/* Is somebody listening on the socket file? */
static bool unix_is_alive(const struct sockaddr_un *sun)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool alive;

    if (fd < 0)
        return true; /* cannot tell: leave it alone */
    alive = !connect(fd, (const struct sockaddr *)sun, sizeof *sun) || errno != ECONNREFUSED;
    (void)close(fd);
    return alive;
}

static enum gw_code unix_make_room(const struct sockaddr_un *sun, struct gw_err *err)
{
    struct stat st;

    if (lstat(sun->sun_path, &st))
        return GW_OK; /* nothing there; other troubles are bind()'s to tell */
    if (!S_ISSOCK(st.st_mode))
        return gw_fail(err, GW_EXISTS,
                       "cannot listen on '%s': there is a file which is no socket, remove it or "
                       "set another path",
                       sun->sun_path);
    if (unix_is_alive(sun))
        return gw_fail(err, GW_EXISTS,
                       "cannot listen on '%s': another process listens there, stop it or set "
                       "another path",
                       sun->sun_path);
    if (unlink(sun->sun_path))
        return gw_fail(err, GW_DENIED, "cannot remove the old socket '%s': %s", sun->sun_path,
                       strerror(errno));
    return GW_OK;
}

static enum gw_code bind_unix(const struct net_bind *args, struct net_bound *out,
                              struct gw_err *err)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    size_t len = strlen(args->unix_path);
    struct stat st;
    enum gw_code rc;
    int fd;

    if (!len || len >= sizeof sun.sun_path)
        return gw_fail(err, GW_INVALID,
                       "cannot listen on '%s': the path of a socket has 1 to %zu bytes, set a "
                       "shorter one",
                       args->unix_path, sizeof sun.sun_path - 1);
    memcpy(sun.sun_path, args->unix_path, len);
    rc = unix_make_room(&sun, err);
    if (rc)
        return rc;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return gw_fail(err, GW_INTERNAL, "no socket: %s", strerror(errno));
    /* Linux makes the file with the mode of the socket: at no moment is it more open than asked. */
    (void)fchmod(fd, args->unix_mode);
    if (bind(fd, (const struct sockaddr *)&sun, sizeof sun) ||
        chmod(sun.sun_path, args->unix_mode) || listen(fd, SOMAXCONN) || lstat(sun.sun_path, &st)) {
        rc = gw_fail(err, errno == EACCES ? GW_DENIED : GW_INTERNAL,
                     "cannot listen on '%s': %s; check that the folder exists and may be written",
                     args->unix_path, strerror(errno));
        (void)close(fd);
        return rc;
    }
    *out = (struct net_bound){ .fd = fd,
                               .path = gw_str_dup(gw_str_of(args->unix_path)),
                               .path_dev = st.st_dev,
                               .path_ino = st.st_ino };
    return GW_OK;
}

enum gw_code net_bind(const struct net_bind *args, struct net_bound *out, struct gw_err *err)
{
    if (args->unix_path)
        return bind_unix(args, out, err);
    if (args->address)
        return bind_ip(args, out, err);
    return gw_fail(err, GW_INVALID, "nowhere to listen: neither an address nor a path is set");
}

void net_bound_unlink(struct net_bound *b)
{
    struct stat st;

    if (b->path && !lstat(b->path, &st) && st.st_dev == b->path_dev && st.st_ino == b->path_ino)
        (void)unlink(b->path);
    free(b->path);
    b->path = NULL;
}
