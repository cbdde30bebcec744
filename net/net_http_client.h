/* HTTP/1.1 client. A slot is one connection to one server, kept warm: what was authenticated on it
 * stays so, and one request runs at a time. libcurl below, one small multi handle a slot. No
 * redirect is followed and no credential is libcurl's: headers are the caller's. */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "gw_err.h"
#include "gw_str.h"
#include "net_loop.h"
#include "net_tls.h"

struct net_http_slot;

/* TLS sessions that the slots of one server share, so that a further connection is cheap. Counted:
 * each slot holds a reference. */
struct net_http_sessions;
struct net_http_sessions *net_http_sessions_new(void);
void net_http_sessions_unref(struct net_http_sessions **sp);

struct net_http_slot_args {
    const struct net_tls_policy
        *tls; /* for https; borrowed for the slot's life; applied to each new connection, so that
                 changed trust holds from the next one on; NULL: https fails */
    struct net_http_sessions *sessions; /* resumed if the policy verifies them, as that of certs/
                                           does; NULL: each connection has a handshake in full */
    const char *unix_path;              /* connect here whatever the URL's host says; or NULL */
    const char *user_agent;
};

struct net_http_request {
    const char *method;         /* "POST" */
    const char *url;            /* copied */
    const char *const *headers; /* "Name: value", ends with NULL; copied; may be NULL */
    struct gw_str body;         /* copied */
    unsigned timeout_ms;        /* of the whole exchange; 0: none */
    size_t body_max; /* of the answer; larger ends with GW_LIMIT. With on_data: of all pieces
                        together, 0: no limit */
    bool once; /* not sent again over a new connection when a warm one ends without an answer */
};

enum { NET_HTTP_HEADERS_MAX = 64 * 1024 }; /* of one answer, all headers together */

struct net_http_answer {
    enum gw_code code; /* GW_OK: an answer came, of whatever status. GW_UNREACHABLE, GW_TIMEOUT,
                                GW_DENIED (TLS verification), GW_LIMIT, GW_BADMSG (not HTTP, cut),
                                GW_INVALID (the request: its URL, a header, no TLS policy), or what
                                the policy failed with */
    const char *error; /* a sentence, when code is not GW_OK */
    int status;
    struct gw_str body; /* borrowed for the call */
    const struct net_http_slot *slot;
    bool new_connection; /* this request had to connect */
    bool sent;           /* the request has left, or begun to */
};
typedef void net_http_done_fn(const struct net_http_answer *answer, void *ctx);

/* Streamed answers: called for each piece; then body in the answer is empty. */
typedef void net_http_data_fn(struct gw_str piece, void *ctx);

/* A header of the answer, during done only; the nth (from 0) of that name, case-blind. Empty with
 * NULL pointer: none. */
struct gw_str net_http_answer_header(const struct net_http_answer *answer, const char *name,
                                     unsigned nth);

/* Of the connection that the last answer came on: its channel binding tls-server-end-point, RFC 5929
 * 4, without the name in front. Empty: not TLS, or a certificate that has none. Borrowed until the
 * slot is used again. */
struct gw_str net_http_slot_end_point(const struct net_http_slot *slot);

/* Whether the request has left, or begun to; before that it waits for its connection. */
bool net_http_slot_has_sent(const struct net_http_slot *slot);

/* For on_data: the status of the answer that the piece is of. */
int net_http_slot_status(const struct net_http_slot *slot);

struct net_http_slot *net_http_slot_new(struct net_loop *loop,
                                        const struct net_http_slot_args *args);
void net_http_slot_free(struct net_http_slot **slotp); /* done does not come any more */

/* One at a time: asserted. The result always comes through done. on_data may be NULL. */
void net_http_start(struct net_http_slot *slot, const struct net_http_request *request,
                    net_http_data_fn *on_data, net_http_done_fn *done, void *ctx);
/* done does not come; the connection is dropped, an idle one too. */
void net_http_cancel(struct net_http_slot *slot);

#endif
