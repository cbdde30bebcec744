/* HTTP listener inside the loop: libmicrohttpd in epoll mode without threads. Requests come whole,
 * answers may be given at once or later, or streamed. */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "gw_buf.h"
#include "gw_err.h"
#include "gw_str.h"
#include "net_loop.h"
#include "net_tls.h"

struct net_http_server;
struct net_http_exchange; /* one request and its answer */

/* The whole request has arrived. The handler answers before it returns, or keeps x and answers
 * later: then it must have set net_http_on_gone(), since x ends when the client leaves. Not called
 * for requests over the limits: those are answered 413 or 431 here. */
typedef void net_http_handler_fn(struct net_http_exchange *x, void *ctx);

/* A body that is not to be kept: called with an empty piece when the headers are there; true: its pieces
 * come here as they arrive, body_max does not hold, and the handler sees an empty body. False is said
 * once, to the first call. What was kept for it is ended with the connection, see
 * net_http_connection_set(). */
typedef bool net_http_piece_fn(struct net_http_exchange *x, struct gw_str piece, void *ctx);

struct net_http_server_args {
    const char *address;   /* "127.0.0.1", "::" (IPv4 too); or NULL with unix_path */
    uint16_t port;         /* 0: any free one */
    const char *unix_path; /* an old socket nobody listens on is removed */
    unsigned unix_mode;
    struct net_tls *tls; /* HTTPS: of role server, a reference is taken; not over a Unix socket */
    size_t body_max;     /* of a request */
    unsigned connections_max;        /* 0: 1000; more wait until one is closed; by HTTPS they are
                                        closed */
    unsigned connections_per_ip_max; /* 0: no such limit */
    unsigned idle_s; /* a connection that says nothing is closed, and one whose next request is not
                        whole after twice this time; 0: 60 s */
    /* HTTPS: may this client go on, whose handshake is done? Not GW_OK: no, and why. NULL: it may. */
    enum gw_code (*admit)(const struct ssl_st *ssl, void *admit_ctx, struct gw_err *err);
    void *admit_ctx;
    net_http_handler_fn *handler;
    net_http_piece_fn *piece; /* NULL: bodies are kept */
    void *ctx;
};

/* Errors name address and port or path, and what to do. */
enum gw_code net_http_server_new(struct net_loop *loop, const struct net_http_server_args *args,
                                 struct net_http_server **out, struct gw_err *err);
uint16_t net_http_server_port(const struct net_http_server *s);

/* Of one that has TLS: another context for the connections that come from now on. */
void net_http_server_tls_set(struct net_http_server *s, struct net_tls *tls);

/* Of one that has 'admit': it is asked again about all whose connections are open. Who may not go on is cut off
 * without an answer. */
void net_http_server_readmit(struct net_http_server *s);

/* Open exchanges are ended: on_gone comes for each, from inside this call. */
void net_http_server_free(struct net_http_server **sp);

/* All borrowed as long as the exchange lives. */
struct gw_str net_http_method(const struct net_http_exchange *x);
struct gw_str net_http_path(const struct net_http_exchange *x); /* before '?', percent-decoded */
struct gw_str net_http_query(const struct net_http_exchange *x,
                             const char *name); /* .p NULL: none */
struct gw_str net_http_header(const struct net_http_exchange *x,
                              const char *name); /* .p NULL: none */
struct gw_str net_http_body(const struct net_http_exchange *x);
const char *net_http_peer(const struct net_http_exchange *x); /* "127.0.0.1", "unix"; for logs */
bool net_http_peer_uid(const struct net_http_exchange *x, unsigned *uid); /* Unix sockets only */
/* The subject CN of the certificate that an HTTPS client has shown; empty: none, or it fits no line. */
struct gw_str net_http_peer_cn(const struct net_http_exchange *x);

/* A number that names the TCP connection, the same for all its requests, never used again. */
uint64_t net_http_connection_id(const struct net_http_exchange *x);

/* What the handler keeps for the connection, for later requests on it: NULL at first. on_end(data),
 * which may be NULL, comes once, when it is replaced or the connection has ended. */
void net_http_connection_set(struct net_http_exchange *x, void *data, void (*on_end)(void *data));
void *net_http_connection_get(const struct net_http_exchange *x);

/* RFC 5929 tls-server-end-point of the certificate that the connection was made with; empty: there
 * is none. */
struct gw_str net_http_end_point(const struct net_http_exchange *x);

/* Who wants to know that the client left before the answer was given (or its stream ended): after
 * on_gone the exchange must not be used. A client that shuts down its sending half has left. */
void net_http_on_gone(struct net_http_exchange *x, void (*on_gone)(void *ctx), void *ctx);

/* A header for the answer, before it is given. Copied. */
void net_http_reply_header(struct net_http_exchange *x, const char *name, const char *value);

/* Gives the answer; exactly one of reply, stream or drop per exchange; x must not be used after
 * reply or drop. Body is copied. content_type may be NULL. */
void net_http_reply(struct net_http_exchange *x, int status, const char *content_type,
                    struct gw_str body);
void net_http_drop(struct net_http_exchange *x); /* closes the connection without an answer */

/* A streamed (chunked) answer. GW_LIMIT when a slow client has more than 1 MiB waiting: nothing was
 * queued. After stream_end x must not be used. */
void net_http_stream(struct net_http_exchange *x, int status, const char *content_type);
enum gw_code net_http_stream_write(struct net_http_exchange *x, struct gw_str data);
void net_http_stream_end(struct net_http_exchange *x);

#endif
