/* The client of one Exchange server (CAS). It runs as many calls at once as it is asked to: whoever
 * calls keeps the budget. Connections are kept warm and closed when they are idle for a while.
 * How it logs in is the account's: ews_account.h. */
#ifndef EWS_CLIENT_H
#define EWS_CLIENT_H

#include <stdint.h>

#include "ews_account.h"
#include "ews_codec.h"
#include "ews_stream.h"
#include "net_loop.h"
#include "net_tls.h"

struct ews_client;
struct ews_call;

enum {
    EWS_CALLS_MAX = 200,            /* at once; more fail with EWS_CONNECTION_LIMIT */
    EWS_IDLE_MS = 90 * GW_SECOND_MS /* IIS closes after 120 s */
};

struct ews_client_args {
    const char *host; /* name, IPv4 or IPv6 address, without brackets */
    uint16_t port;
    struct ews_account *account;      /* borrowed for the client's life */
    const struct net_tls_policy *tls; /* borrowed for the client's life */
    unsigned timeout_ms;              /* of one call, not 0 */
    unsigned calls_max;               /* 0: EWS_CALLS_MAX */
    unsigned idle_ms;                 /* a connection is closed after that; 0: EWS_IDLE_MS */
    unsigned silence_ms;              /* of a stream; 0: EWS_STREAM_SILENCE_MS */
    bool allow_http;                  /* lab: http instead of https; tls is not used */
};

/* GW_INVALID: err tells which argument, and why. */
enum gw_code ews_client_new(struct net_loop *loop, const struct ews_client_args *args,
                            struct ews_client **out, struct gw_err *err);
void ews_client_free(struct ews_client **clientp); /* calls are cancelled */

/* Live changes; calls in flight end as they began. */
void ews_client_set_timeout(struct ews_client *client, unsigned timeout_ms);
/* After a change of trust: every connection is made anew before its next call. */
void ews_client_reconnect(struct ews_client *client);

/* The answer is borrowed for the call. It may start and cancel calls, and free the client. */
typedef void ews_done_fn(const struct ews_answer *answer, void *ctx);

/* The request is copied as far as it is needed. done comes exactly once, never from inside start,
 * also when the request could not be sent. When a server asks to be left alone for a while, calls
 * that are still connecting or logging in are not sent any more: they fail as the one that was told. */
struct ews_call *ews_client_start(struct ews_client *client, const struct ews_request *request,
                                  ews_done_fn *done, void *ctx);
void ews_call_cancel(struct ews_call **callp); /* done does not come; NULL is fine */

/* EWS_OP_STREAM, which is answered for up to stream_timeout_min: it holds a connection of its own all
 * the time, and counts among the calls. on_event comes from its first heartbeat on, and may do what
 * done may do. Then done tells how it ended:
 *   EWS_OK                 closed by the server, as agreed: start again with the same ids
 *   EWS_SUBSCRIPTION_GONE  bad_ids are lost, or all if none is named: subscribe these again and read
 *                          these calendars; the stream is started again with the others
 *   EWS_CONNECTION_LIMIT   too many streams at once for one mailbox, or for the account
 *   anything else          start again after a while, as after any failed call; a calendar may have
 *                          changed meanwhile
 * The client's timeout does not hold for it: it fails after silence_ms without a word. */
struct ews_call *ews_client_stream_start(struct ews_client *client,
                                         const struct ews_request *request,
                                         ews_stream_event_fn *on_event, ews_done_fn *done,
                                         void *ctx);

struct ews_client_state {
    unsigned calls;                 /* in flight and waiting */
    unsigned connections;           /* warm or busy */
    int server_major, server_minor; /* 0: not said yet */
    const char *version;            /* RequestServerVersion in use */
    bool account_proven;            /* the server has taken the account */
    gw_time blocked_until;          /* after refusals; 0: not blocked */
};
void ews_client_state(const struct ews_client *client, struct ews_client_state *out);

#endif
