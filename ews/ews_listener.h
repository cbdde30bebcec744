/* The push listener: where Exchange posts SendNotification. The path ends in a token that names the
 * subscription; Exchange sends no credentials, so it must be unguessable. A port change is a new
 * listener, then the old one freed. */
#ifndef EWS_LISTENER_H
#define EWS_LISTENER_H

#include <stdint.h>

#include "ews_notification.h"
#include "net_loop.h"

struct ews_listener;

/* Called once for each well-formed notification; answers EWS_REPLY_UNSUBSCRIBE for a token that is
 * not known. Everything is borrowed for the call. */
typedef enum ews_reply ews_notification_fn(struct gw_str token,
                                           const struct ews_notification *notification, void *ctx);

enum { EWS_TOKEN_MAX = 128 };

struct ews_listener_args {
    const char *address; /* to listen on: "0.0.0.0", "::", "127.0.0.1" */
    uint16_t port;       /* 0: any free one */
    const char *host;    /* by which Exchange reaches us; NULL: address, which must be a real one */
    struct net_tls *tls; /* https, of role server; a reference is taken. NULL: http */
    ews_notification_fn *on_notification;
    void *ctx;
};

/* Errors name address and port, and what to do. */
enum gw_code ews_listener_new(struct net_loop *loop, const struct ews_listener_args *args,
                              struct ews_listener **out, struct gw_err *err);
void ews_listener_free(struct ews_listener **listenerp); /* not from inside on_notification */

uint16_t ews_listener_port(const struct ews_listener *listener);

/* The URL to subscribe with: "http://gw1.example:50020/ews/notify/TOKEN". The token has 1 to
 * EWS_TOKEN_MAX letters, digits, '-' and '_'. */
void ews_listener_url(const struct ews_listener *listener, struct gw_str token, struct gw_buf *out);

struct ews_listener_stats {
    uint64_t notifications; /* understood */
    uint64_t unsubscribed;  /* of these, answered Unsubscribe */
    uint64_t refused;       /* wrong path, method or body */
};
void ews_listener_stats(const struct ews_listener *listener, struct ews_listener_stats *out);

#endif
