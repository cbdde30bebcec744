/* What the files of net/ share, and nobody else sees. */
#ifndef NET_PRIV_H
#define NET_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "gw_list.h"
#include "net_dns.h"
#include "net_loop.h"
#include "net_stream.h"
#include "net_tls.h"

struct ssl_st; /* OpenSSL's SSL */

/* A call put off to the end of this round of the loop, before it waits again: how results stay out
 * of the call that asked for them, and how the writes of a round go out together. The node lives
 * inside its object; the object may free itself in the call. */
struct net_defer;
typedef void net_defer_fn(struct net_defer *d);
struct net_defer {
    struct gw_list link;
    net_defer_fn *fn;
};

void net_defer_init(struct net_defer *d, net_defer_fn *fn);
void net_defer_set(struct net_loop *loop, struct net_defer *d); /* no harm when set already */
void net_defer_cancel(struct net_defer *d);

/* One buffer for all reads of the loop: what is in it is gone at the next read. */
enum { NET_SCRATCH_LEN = 64 * 1024 };
char *net_loop_scratch(struct net_loop *loop);

/* The resolver of the streams: made when it is first asked for. */
struct net_dns *net_loop_dns(struct net_loop *loop, struct gw_err *err);

unsigned net_dns_changes(const struct net_dns *dns); /* of its servers, ever */
/* RFC 2782; of a list in any order. */
void net_dns_srv_order(struct net_dns_record *records, size_t count);

/* A listening socket, non-blocking. Errors are sentences for an administrator. */
struct net_bind {
    const char *address; /* or NULL with unix_path */
    const char *unix_path;
    uint16_t port;
    unsigned unix_mode;
    bool datagrams; /* UDP; of IP only */
};
struct net_bound {
    int fd;
    uint16_t port;  /* the one we have, 0 for Unix sockets */
    char *path;     /* of a Unix socket, owned */
    dev_t path_dev; /* so that nobody else's socket is removed at the end */
    ino_t path_ino;
};
enum gw_code net_bind(const struct net_bind *args, struct net_bound *out, struct gw_err *err);
void net_bound_unlink(struct net_bound *b); /* removes the Unix socket's file; not the descriptor */

/* "192.0.2.1:5222", "[2001:db8::1]:5222", "unix". */
enum { NET_PEER_TEXT_MAX = 64 };
const char *net_peer_text(const struct sockaddr *sa, bool with_port, char out[NET_PEER_TEXT_MAX]);

/* What every TLS context of ours has in common; the policy comes after and may change it. */
void net_tls_defaults(struct ssl_ctx_st *ctx, enum net_tls_role role);
struct ssl_ctx_st *net_tls_ctx(const struct net_tls *tls);
enum net_tls_role net_tls_role(const struct net_tls *tls);

/* Where net_tls_explain() puts its words: for one connection, or for all of a context. */
void net_tls_reason_of(struct ssl_st *ssl, struct gw_err *reason);
void net_tls_reason_of_ctx(struct ssl_ctx_st *ctx, struct gw_err *reason);

/* The subject CN of the peer's certificate, of printable ASCII; empty: there is none. */
enum { NET_PEER_CN_MAX = 65 }; /* RFC 5280 ub-common-name */
void net_tls_peer_cn(struct ssl_st *ssl, char out[NET_PEER_CN_MAX]);

/* The channel binding tls-server-end-point, RFC 5929 4; false: there is none. */
bool net_tls_end_point(struct ssl_st *ssl, struct gw_buf *out);

/* In words for an administrator, where there are better ones than OpenSSL's. */
const char *net_tls_words(const char *says);

/* Why a TLS operation failed, from 'reason', the verify result, or OpenSSL's error queue, which is
 * empty afterwards. */
enum gw_code net_tls_fail(struct gw_err *err, struct ssl_st *ssl, const struct gw_err *reason);

/* Streams of a listener are counted; the count outlives the listener. */
struct net_share {
    unsigned refs, streams;
    struct gw_list half; /* those in the middle of a handshake, the oldest first */
    unsigned half_count, half_max;
};
void net_share_unref(struct net_share **sharep);

/* An open stream on an accepted socket, which it takes. It counts itself in 'share'. */
struct net_stream *net_stream_adopt(struct net_loop *loop, int fd, const char *peer,
                                    const struct net_stream_limits *limits,
                                    struct net_share *share);

/* For who connects: what became of it. */
void net_stream_connected(struct net_stream *s, int fd, const char *peer);
void net_stream_failed(struct net_stream *s, const struct gw_err *why);

int net_stream_fd(const struct net_stream *s); /* -1: it has none */

/* TLS of the HTTP listener. 'take' is given a socket, for each connection whose handshake is done, over
 * which the client is spoken with in clear; it has closed it when it returns false. */
typedef bool net_http_tls_take_fn(int fd, struct net_stream *stream, const struct sockaddr *sa,
                                  socklen_t len, void *ctx);
struct net_http_tls;
struct net_http_tls_args {
    const char *address;
    uint16_t port;
    struct net_tls *tls;
    unsigned connections_max; /* that 'take' takes; handshakes have a bound of their own */
    unsigned idle_ms;         /* a client that takes nothing of its answer so long is cut off */
    enum gw_code (*admit)(const struct ssl_st *ssl, void *admit_ctx, struct gw_err *err);
    void *admit_ctx;
    net_http_tls_take_fn *take;
    /* Something was handed over: answers may be there for _collect(). May free what calls it. */
    void (*fed)(void *ctx);
    void *ctx;
};
enum gw_code net_http_tls_new(struct net_loop *loop, const struct net_http_tls_args *args,
                              struct net_http_tls **out, struct gw_err *err);
void net_http_tls_set(struct net_http_tls *h, struct net_tls *tls); /* for those that come */
void net_http_tls_readmit(struct net_http_tls *h);
void net_http_tls_collect(struct net_http_tls *h);
uint16_t net_http_tls_port(const struct net_http_tls *h);
void net_http_tls_free(struct net_http_tls **hp);

/* One attempt to reach a host: names looked up, addresses tried one after the other. Reports to
 * its stream, which then frees it. */
struct net_attempt;
struct net_attempt *net_attempt_new(struct net_stream *s, const struct net_connect_args *args,
                                    gw_time deadline);
void net_attempt_start(struct net_attempt *a, const struct net_connect_args *args);
void net_attempt_free(struct net_attempt **ap);

#endif
