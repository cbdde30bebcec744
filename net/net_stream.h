/* Byte streams: TCP and Unix sockets, with TLS from the start or later (STARTTLS), and listeners.
 *
 *   CONNECTING --> OPEN --start_tls--> HANDSHAKE --> OPEN --close--> CLOSING --flushed--> closed
 *        '------------ error, peer closed, idle, free -----------------------------------^      */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "gw_err.h"
#include "gw_str.h"
#include "net_loop.h"
#include "net_tls.h"

struct net_stream;
struct net_dns;

struct net_stream_handlers {
    /* Connected, or a TLS handshake is complete. May be NULL. */
    void (*on_ready)(struct net_stream *s, void *ctx);
    /* Data is borrowed for the call; all of it is consumed. */
    void (*on_data)(struct net_stream *s, struct gw_str data, void *ctx);
    /* The output queue became empty. May be NULL. */
    void (*on_drain)(struct net_stream *s, void *ctx);
    /* The last call, exactly once, unless the stream was freed: why->code is GW_OK when the peer, or
     * net_stream_close(), ended it in order. The owner then calls net_stream_free(). */
    void (*on_closed)(struct net_stream *s, const struct gw_err *why, void *ctx);
};

struct net_stream_limits {
    size_t out_max;        /* bytes waiting for a slow peer; 0: 1 MiB */
    unsigned handshake_ms; /* connect and TLS handshake together; 0: 10 s */
};

struct net_connect_args {
    const char *host; /* name, IPv4 or IPv6 literal; or NULL with unix_path */
    uint16_t port;
    const char *unix_path;
    struct net_tls *tls;  /* NULL: plain; a reference is taken */
    const char *tls_name; /* server name indication; NULL: host */
    struct net_dns *dns;  /* that knows the host, borrowed until connected; NULL: the loop's own */
    struct net_stream_limits limits;
    const struct net_stream_handlers *handlers; /* borrowed for the stream's life */
    void *ctx;
};

/* Never NULL: failures arrive through on_closed. Names are resolved with c-ares, all addresses tried. */
struct net_stream *net_stream_connect(struct net_loop *loop, const struct net_connect_args *args);
void net_stream_free(struct net_stream **sp); /* at once and silent; queued output is lost */

/* Who gets the events from now on (an accepted stream starts with what the listener set). */
void net_stream_set_handlers(struct net_stream *s, const struct net_stream_handlers *handlers,
                             void *ctx);

/* Queues and writes. GW_LIMIT when out_max would be passed: nothing of it was queued, and the
 * stream will be closed. GW_CANCELLED when it is closing or closed already. Writes of one loop
 * round go out together. */
enum gw_code net_stream_write(struct net_stream *s, struct gw_str data);
size_t net_stream_queued(const struct net_stream *s);

void net_stream_pause(struct net_stream *s, bool paused); /* stop or go on reading */
void net_stream_close(struct net_stream *s); /* flush, close TLS, close; then on_closed. A peer that
                                                does not read is cut off after 5 s, or
                                                handshake_ms when that is less */

/* Upgrade. Output queued before is flushed first, in clear; what is written from now on goes through
 * TLS only. Nothing is read any more that is not TLS: what a peer sends in clear after this fails
 * the handshake. What came together with its request, in the same on_data, is the caller's to
 * refuse (RFC 6120 5.4.2.2 and the command-injection bugs of STARTTLS). 'name' is for a client:
 * server name indication. on_ready comes when it is done. */
void net_stream_start_tls(struct net_stream *s, struct net_tls *tls, const char *name);
bool net_stream_is_tls(const struct net_stream *s);

/* The TLS session, for what certs/ knows of it; NULL: there is none (any more). Borrowed. */
struct ssl_st *net_stream_ssl(const struct net_stream *s);

/* RFC 5929 tls-server-end-point or tls-unique, RFC 9266 tls-exporter. GW_NOTFOUND when the
 * connection has none. */
enum gw_code net_stream_channel_binding(struct net_stream *s, const char *type, struct gw_buf *out);

/* "192.0.2.1:5222", "[2001:db8::1]:5222", "unix"; for logs. Borrowed. */
const char *net_stream_peer(const struct net_stream *s);
struct net_loop *net_stream_loop(const struct net_stream *s);

/* Unix sockets: the peer's user id (SO_PEERCRED). */
bool net_stream_peer_uid(const struct net_stream *s, unsigned *uid);

struct net_listener;
/* Gives the stream: the callback sets handlers, or frees it. */
typedef void net_accept_fn(struct net_stream *s, void *ctx);

struct net_listen_args {
    const char *address; /* "127.0.0.1", "::" (takes IPv4 too), or NULL with unix_path */
    uint16_t port;       /* 0: any free one, see net_listener_port() */
    const char *unix_path;
    unsigned unix_mode;   /* of the socket file; an old socket nobody listens on is removed */
    unsigned backlog_max; /* connections at once from this listener; more are closed; 0: 100,000 */
    unsigned
        handshakes_max; /* TLS, under way at once; for one more the oldest is cut off; 0: 1000 */
    struct net_stream_limits limits;
    net_accept_fn *on_accept;
    void *ctx;
};

/* The error names address and port, and what to do ("port 5222 is taken: ..."). */
enum gw_code net_listen(struct net_loop *loop, const struct net_listen_args *args,
                        struct net_listener **out, struct gw_err *err);

/* The process may open as many files as the system allows it (the hard limit). At start. TCP
 * listeners leave the last 64 of them, or a quarter of a small limit, to the rest of the process:
 * connections beyond are closed. Listeners on Unix sockets are for administrators and use them. */
void net_files_raise(void);

uint16_t net_listener_port(const struct net_listener *l);
void net_listener_free(struct net_listener **lp); /* accepted streams live on */

#endif
