#include "gd_notify.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gw_list.h"
#include "gw_log.h"
#include "gw_mem.h"

struct old_listener {
    struct gw_list link;
    struct ews_listener *listener;
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
    struct ews_listener *listener;
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

static enum gw_code open_listener(struct gd_notify *n, uint16_t port, struct ews_listener **out,
                                  struct gw_err *err)
{
    struct ews_listener_args args = {
        .address = n->address,
        .port = port,
        .host = n->host,
        .on_notification = on_notification,
        .ctx = n,
    };

    return ews_listener_new(n->args.loop, &args, out, err);
}

enum gw_code gd_notify_new(const struct gd_notify_args *args, struct gd_notify **out,
                           struct gw_err *err)
{
    struct gd_notify *n = gw_new(struct gd_notify);
    enum gw_code rc;

    n->args = *args;
    n->address = gw_str_dup(gw_str_of(args->address));
    n->host = args->url_host[0] ? gw_str_dup(gw_str_of(args->url_host)) : own_name();
    gw_list_init(&n->old);
    gw_list_init(&n->waits);
    rc = open_listener(n, args->port, &n->listener, err);
    if (rc) {
        gd_notify_free(&n);
        return rc;
    }
    *out = n;
    return GW_OK;
}

static void old_free(struct old_listener *old)
{
    gw_list_remove(&old->link);
    ews_listener_free(&old->listener);
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
    ews_listener_free(&n->listener);
    free(n->address);
    free(n->host);
    free(n);
}

/* Back to a port that is still open: that listener becomes the one of now again. */
static struct ews_listener *old_take(struct gd_notify *n, uint16_t port)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&n->old, it, tmp)
    {
        struct old_listener *old = GW_CONTAINER(it, struct old_listener, link);
        struct ews_listener *listener = old->listener;

        if (ews_listener_port(listener) != port)
            continue;
        gw_list_remove(&old->link);
        free(old);
        return listener;
    }
    return NULL;
}

enum gw_code gd_notify_set_port(struct gd_notify *n, uint16_t port, gw_time until,
                                struct gw_err *err)
{
    struct ews_listener *listener;
    struct old_listener *old;
    enum gw_code rc;

    if (port == ews_listener_port(n->listener))
        return GW_OK;
    listener = old_take(n, port);
    if (!listener) {
        rc = open_listener(n, port, &listener, err);
        if (rc)
            return rc;
    }
    old = gw_new(struct old_listener);
    old->listener = n->listener;
    old->until = until;
    gw_list_append(&n->old, &old->link);
    n->listener = listener;
    return GW_OK;
}

void gd_notify_tick(struct gd_notify *n, gw_time now)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&n->old, it, tmp)
    {
        struct old_listener *old = GW_CONTAINER(it, struct old_listener, link);

        if (old->until > now)
            continue;
        gw_info("gatewayd", "notification port closed port=%u", ews_listener_port(old->listener));
        old_free(old);
    }
}

void gd_notify_url(const struct gd_notify *n, struct gw_buf *out)
{
    ews_listener_url(n->listener, GW_STR("x"), out);
    if (!out->failed)
        out->len--; /* the token */
}

const char *gd_notify_host(const struct gd_notify *n)
{
    return n->host;
}

uint16_t gd_notify_port(const struct gd_notify *n)
{
    return ews_listener_port(n->listener);
}

void gd_notify_stats(const struct gd_notify *n, struct ews_listener_stats *out)
{
    ews_listener_stats(n->listener, out);
}
