/* Where Exchange calls back: the listener of now, over http or https, and those of before a change of the
 * port, which go on listening until the subscriptions made for them are gone. */
#ifndef GD_NOTIFY_H
#define GD_NOTIFY_H

#include "ews_listener.h"
#include "gw_buf.h"
#include "gw_time.h"

struct gd_notify;

struct gd_notify_args {
    struct net_loop *loop;
    const char *address;
    const char *url_host; /* empty: this machine's full name */
    ews_notification_fn *on_notification;
    void *ctx;
};

struct gd_notify *gd_notify_new(const struct gd_notify_args *args);
void gd_notify_free(struct gd_notify **np);

/* Once, before anything else but _host(). tls: for https, of role server; a reference is taken. */
enum gw_code gd_notify_listen(struct gd_notify *n, struct net_tls *tls, uint16_t port, bool https,
                              struct gw_err *err);

/* GW_OK also when nothing changes. On failure the old one stays. Another port is heard until 'until'. */
enum gw_code gd_notify_set(struct gd_notify *n, uint16_t port, bool https, gw_time until,
                           struct gw_err *err);
void gd_notify_tick(struct gd_notify *n,
                    gw_time now); /* frees old ones; not from on_notification */

/* Once: the first notification that comes to the token is answered Unsubscribe, and 'heard' is called;
 * it may do anything but gd_notify_free() and _tick(). The text of the token is copied. */
struct gd_notify_wait;
typedef void gd_notify_heard_fn(void *ctx);
struct gd_notify_wait *gd_notify_wait_start(struct gd_notify *n, struct gw_str token,
                                            gd_notify_heard_fn *heard, void *ctx);
void gd_notify_wait_cancel(struct gd_notify_wait **waitp); /* NULL is fine; after heard: must not */

void gd_notify_url(const struct gd_notify *n,
                   struct gw_buf *out);                /* without a token; empty: none */
const char *gd_notify_host(const struct gd_notify *n); /* that Exchange calls */
bool gd_notify_is_https(const struct gd_notify *n);
uint16_t gd_notify_port(const struct gd_notify *n);
void gd_notify_stats(const struct gd_notify *n, struct ews_listener_stats *out); /* of now */

#endif
