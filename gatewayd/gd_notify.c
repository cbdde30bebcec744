#include "gd_notify.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gw_list.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "net_tls.h"

/* One that is open. */
struct door {
    struct ews_listener *listener;
    bool https;
};

struct old_listener {
    struct gw_list link;
    struct door door;
    gw_time until;
};

struct gd_notify_wait {
    struct gw_list link;
    char *token;
    gd_notify_heard_fn *heard;
    void *ctx;
};

struct gd_notify {
    struct gd_notify_args args;
    char *address, *host;
    struct net_tls *tls;
    struct door door; /* of now; no listener: not yet, or its port was lost */
    struct gw_list old;
    struct gw_list waits;
};

/* Before the loop runs, so that waiting for DNS harms nobody. */
static char *own_name(void)
{
    struct addrinfo hints = { .ai_flags = AI_CANONNAME }, *found = NULL;
    char short_name[256] = "localhost";
    char *name;

    if (gethostname(short_name, sizeof(short_name) - 1) != 0)
        return gw_str_dup(GW_STR("localhost"));
    if (strchr(short_name, '.') || getaddrinfo(short_name, NULL, &hints, &found) != 0)
        return gw_str_dup(gw_str_of(short_name));
    name = gw_str_dup(gw_str_of(found->ai_canonname ? found->ai_canonname : short_name));
    freeaddrinfo(found);
    return name;
}

struct gd_notify_wait *gd_notify_wait_start(struct gd_notify *n, struct gw_str token,
                                            gd_notify_heard_fn *heard, void *ctx)
{
    struct gd_notify_wait *wait = gw_new(struct gd_notify_wait);

    wait->token = gw_str_dup(token);
    wait->heard = heard;
    wait->ctx = ctx;
    gw_list_append(&n->waits, &wait->link);
    return wait;
}

void gd_notify_wait_cancel(struct gd_notify_wait **waitp)
{
    struct gd_notify_wait *wait = *waitp;

    if (!wait)
        return;
    *waitp = NULL;
    gw_list_remove(&wait->link);
    free(wait->token);
    free(wait);
}

static enum ews_reply on_notification(struct gw_str token,
                                      const struct ews_notification *notification, void *ctx)
{
    struct gd_notify *n = ctx;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&n->waits, it, tmp)
    {
        struct gd_notify_wait *wait = GW_CONTAINER(it, struct gd_notify_wait, link);
        gd_notify_heard_fn *heard = wait->heard;
        void *heard_ctx = wait->ctx;

        if (!gw_str_is(token, wait->token))
            continue;
        gd_notify_wait_cancel(&wait);
        heard(heard_ctx);
        return EWS_REPLY_UNSUBSCRIBE;
    }
    return n->args.on_notification(token, notification, n->args.ctx);
}

static enum gw_code door_open(struct gd_notify *n, uint16_t port, bool https, struct door *out,
                              struct gw_err *err)
{
    struct ews_listener_args args = {
        .address = n->address,
        .port = port,
        .host = n->host,
        .tls = https ? n->tls : NULL,
        .on_notification = on_notification,
        .ctx = n,
    };

    out->listener = NULL;
    out->https = https;
    return ews_listener_new(n->args.loop, &args, &out->listener, err);
}

struct gd_notify *gd_notify_new(const struct gd_notify_args *args)
{
    struct gd_notify *n = gw_new(struct gd_notify);

    n->args = *args;
    n->address = gw_str_dup(gw_str_of(args->address));
    n->host = args->url_host[0] ? gw_str_dup(gw_str_of(args->url_host)) : own_name();
    gw_list_init(&n->old);
    gw_list_init(&n->waits);
    return n;
}

enum gw_code gd_notify_listen(struct gd_notify *n, struct net_tls *tls, uint16_t port, bool https,
                              struct gw_err *err)
{
    n->tls = net_tls_ref(tls);
    return door_open(n, port, https, &n->door, err);
}

static void old_free(struct old_listener *old)
{
    gw_list_remove(&old->link);
    ews_listener_free(&old->door.listener);
    free(old);
}

void gd_notify_free(struct gd_notify **np)
{
    struct gd_notify *n = *np;
    struct gw_list *it, *tmp;

    if (!n)
        return;
    *np = NULL;
    GW_LIST_EACH(&n->old, it, tmp)
    {
        old_free(GW_CONTAINER(it, struct old_listener, link));
    }
    ews_listener_free(&n->door.listener);
    net_tls_unref(&n->tls);
    free(n->address);
    free(n->host);
    free(n);
}

static struct old_listener *old_find(struct gd_notify *n, uint16_t port)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&n->old, it, tmp)
    {
        struct old_listener *old = GW_CONTAINER(it, struct old_listener, link);

        if (ews_listener_port(old->door.listener) == port)
            return old;
    }
    return NULL;
}

/* One port speaks one of the two: what is still to come by the other is lost to it, and is read when the
 * subscriptions are made anew. */
static enum gw_code door_turn(struct gd_notify *n, struct door *door, bool https,
                              struct gw_err *err)
{
    uint16_t port = ews_listener_port(door->listener);
    struct gw_err trouble;

    if (door->https == https)
        return GW_OK;
    ews_listener_free(&door->listener);
    if (!door_open(n, port, https, door, err))
        return GW_OK;
    if (door_open(n, port, !https, door, &trouble)) /* somebody took the port in between */
        gw_error("gatewayd", "notifications cannot come in any more, set another port: %s",
                 trouble.msg);
    return err->code;
}

/* Back to a port that is still open, that listener becomes the one of now again. */
static enum gw_code door_move(struct gd_notify *n, uint16_t port, bool https, gw_time until,
                              struct gw_err *err)
{
    struct old_listener *old = old_find(n, port);
    struct door was = n->door;
    enum gw_code rc;

    if (old) {
        rc = door_turn(n, &old->door, https, err);
        if (!old->door.listener)
            old_free(old);
        if (rc)
            return rc;
        n->door = old->door;
    } else {
        struct door fresh;

        rc = door_open(n, port, https, &fresh, err);
        if (rc)
            return rc;
        n->door = fresh;
        old = gw_new(struct old_listener);
        gw_list_append(&n->old, &old->link);
    }
    old->door = was;
    old->until = until;
    return GW_OK;
}

enum gw_code gd_notify_set(struct gd_notify *n, uint16_t port, bool https, gw_time until,
                           struct gw_err *err)
{
    if (!n->door.listener)
        return door_open(n, port, https, &n->door, err);
    if (port == ews_listener_port(n->door.listener))
        return door_turn(n, &n->door, https, err);
    return door_move(n, port, https, until, err);
}

void gd_notify_tick(struct gd_notify *n, gw_time now)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&n->old, it, tmp)
    {
        struct old_listener *old = GW_CONTAINER(it, struct old_listener, link);

        if (old->until > now)
            continue;
        gw_info("gatewayd", "notification port closed port=%u",
                ews_listener_port(old->door.listener));
        old_free(old);
    }
}

void gd_notify_url(const struct gd_notify *n, struct gw_buf *out)
{
    if (!n->door.listener)
        return;
    ews_listener_url(n->door.listener, GW_STR("x"), out);
    if (!out->failed)
        out->len--; /* the token */
}

const char *gd_notify_host(const struct gd_notify *n)
{
    return n->host;
}

bool gd_notify_is_https(const struct gd_notify *n)
{
    return n->door.https;
}

uint16_t gd_notify_port(const struct gd_notify *n)
{
    return n->door.listener ? ews_listener_port(n->door.listener) : 0;
}

void gd_notify_stats(const struct gd_notify *n, struct ews_listener_stats *out)
{
    *out = (struct ews_listener_stats){ 0 };
    if (n->door.listener)
        ews_listener_stats(n->door.listener, out);
}
