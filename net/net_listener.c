/* Listeners. The last descriptors of the process are not for peers: whoever comes then is closed at
 * once, so that the administrator's socket and our own connections go on working. When there are
 * none at all, accepting stops for a while: the connection that cannot be accepted would wake us
 * again and again. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "net_priv.h"

enum {
    STREAMS_DEFAULT = 100 * 1000,
    HANDSHAKES_DEFAULT = 1000,
    ACCEPT_AT_ONCE = 64, /* then the others have their turn */
    PAUSE_MS = 500,
    RESERVE = 64 /* descriptors, or a quarter of a small limit */
};

struct net_listener {
    struct net_loop *loop;
    struct net_bound bound;
    struct net_watch *watch;
    struct net_timer *resume;
    struct net_stream_limits limits;
    struct net_share *share;
    unsigned streams_max;
    net_accept_fn *on_accept;
    void *ctx;
    bool full_told, short_told, starved_told; /* logged once, until it is over */
    bool accepting, freed;
};

static bool is_full(struct net_listener *l)
{
    bool full = l->share->streams >= l->streams_max;

    if (full && !l->full_told)
        gw_warn("net", "listener full port=%u connections=%u, more are closed", l->bound.port,
                l->share->streams);
    l->full_told = full;
    return full;
}

void net_files_raise(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == files.rlim_max)
        return;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files))
        gw_warn("net", "limit of open files not raised error='%s', ignored", strerror(errno));
}

/* The kernel gives the lowest descriptor that is free, so all below this one are in use. */
static bool is_short(struct net_listener *l, int fd)
{
    struct rlimit files;
    rlim_t reserve;
    bool is_short;

    if (l->bound.path || getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == RLIM_INFINITY)
        return false;
    reserve = files.rlim_cur / 4 < RESERVE ? files.rlim_cur / 4 : RESERVE;
    is_short = (rlim_t)fd >= files.rlim_cur - reserve;
    if (is_short && !l->short_told)
        gw_error("net",
                 "listener short of descriptors port=%u limit=%llu, more connections are closed: "
                 "raise the limit of open files",
                 l->bound.port, (unsigned long long)files.rlim_cur);
    l->short_told = is_short;
    return is_short;
}

/* Out of descriptors or memory: try again later. */
static void pause_accepting(struct net_listener *l, int error)
{
    if (!l->starved_told)
        gw_error("net", "listener cannot accept port=%u error='%s', raise the limit of open files",
                 l->bound.port, strerror(error));
    l->starved_told = true;
    net_watch_set(l->watch, 0);
    net_timer_set(l->resume, net_loop_now(l->loop).mono + PAUSE_MS);
}

static void on_resume(struct gw_now now, void *ctx)
{
    struct net_listener *l = ctx;

    (void)now;
    net_watch_set(l->watch, NET_IO_READ);
}

static void give(struct net_listener *l, int fd, const struct sockaddr *sa)
{
    char peer[NET_PEER_TEXT_MAX];
    struct net_stream *s =
        net_stream_adopt(l->loop, fd, net_peer_text(sa, true, peer), &l->limits, l->share);

    l->on_accept(s, l->ctx);
}

/* False when there is nothing more to accept now. */
static bool accept_one(struct net_listener *l, int listening)
{
    struct sockaddr_storage ss = { 0 };
    socklen_t len = sizeof ss;
    int fd = accept4(listening, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(l, errno);
        return errno == ECONNABORTED || errno == EINTR; /* that one left already */
    }
    l->starved_told = false;
    if (is_short(l, fd) || is_full(l))
        (void)close(fd);
    else
        give(l, fd, (struct sockaddr *)&ss);
    return true;
}

static void listener_destroy(struct net_listener *l)
{
    net_share_unref(&l->share);
    free(l);
}

static void on_ready(int fd, int events, void *ctx)
{
    struct net_listener *l = ctx;

    (void)events;
    l->accepting = true;
    for (int i = 0; i < ACCEPT_AT_ONCE && !l->freed; i++)
        if (!accept_one(l, fd))
            break;
    l->accepting = false;
    if (l->freed)
        listener_destroy(l);
}

enum gw_code net_listen(struct net_loop *loop, const struct net_listen_args *args,
                        struct net_listener **out, struct gw_err *err)
{
    struct net_bind bind = { .address = args->address,
                             .port = args->port,
                             .unix_path = args->unix_path,
                             .unix_mode = args->unix_mode };
    struct net_bound bound;
    struct net_listener *l;
    enum gw_code rc = net_bind(&bind, &bound, err);

    if (rc)
        return rc;
    l = gw_new(struct net_listener);
    l->loop = loop;
    l->bound = bound;
    l->limits = args->limits;
    l->streams_max = args->backlog_max ? args->backlog_max : STREAMS_DEFAULT;
    l->on_accept = args->on_accept;
    l->ctx = args->ctx;
    l->share = gw_new(struct net_share);
    l->share->refs = 1;
    gw_list_init(&l->share->half);
    l->share->half_max = args->handshakes_max ? args->handshakes_max : HANDSHAKES_DEFAULT;
    l->resume = net_timer_new(loop, on_resume, l);
    l->watch = net_watch_new(loop, bound.fd, on_ready, l);
    net_watch_set(l->watch, NET_IO_READ);
    *out = l;
    return GW_OK;
}

uint16_t net_listener_port(const struct net_listener *l)
{
    return l->bound.port;
}

void net_listener_free(struct net_listener **lp)
{
    struct net_listener *l = *lp;

    if (!l)
        return;
    *lp = NULL;
    net_watch_free(&l->watch);
    net_timer_free(&l->resume);
    net_bound_unlink(&l->bound);
    (void)close(l->bound.fd);
    l->freed = true;
    if (!l->accepting)
        listener_destroy(l);
}
