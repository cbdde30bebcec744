/* Notifications come in by HTTP, are answered at once, and leave as one call to whoever knows the
 * tokens. What is not a notification gets a 4xx, and a line in the log now and then: anybody may
 * knock here. */
#include "ews_listener.h"

#include <stdlib.h>
#include <string.h>

#include "ews_priv.h"
#include "gw_mem.h"
#include "net_http_server.h"

#define NOTIFY_PATH "/ews/notify/"

/* Every Exchange server keeps its own few connections; a pool of hundreds stays far below. One
 * address cannot take them all: behind one there may be a few servers, not an organisation. */
enum {
    CONNECTIONS_MAX = 4000,
    CONNECTIONS_PER_ADDRESS_MAX = 200,
    LOG_EVERY_MS = 10 * GW_SECOND_MS
};

struct ews_listener {
    struct net_loop *loop;
    struct net_http_server *server;
    char *base;                    /* "http://gw1.example:50020/ews/notify/" */
    struct gw_buf ok, unsubscribe; /* the two answers */
    ews_notification_fn *on_notification;
    void *ctx;
    struct ews_listener_stats stats;
    gw_time logged_at;     /* the last refusal in the log */
    unsigned log_withheld; /* refusals since then */
};

static void log_refused(struct ews_listener *l, const struct net_http_exchange *x, int status,
                        const char *why)
{
    gw_time now = net_loop_now(l->loop).mono;
    char path[GW_QUOTE_MAX], body[GW_QUOTE_MAX];

    if (l->logged_at && now < gw_time_after(l->logged_at, LOG_EVERY_MS)) {
        l->log_withheld++;
        return;
    }
    gw_warn("ews",
            "notification refused peer=%s path=%s status=%d why='%s' length=%zu body=%s "
            "withheld=%u",
            net_http_peer(x), gw_quote(gw_str_sub(net_http_path(x), 0, 16), path), status, why,
            net_http_body(x).len, gw_quote(gw_str_sub(net_http_body(x), 0, 60), body),
            l->log_withheld);
    l->logged_at = now;
    l->log_withheld = 0;
}

static void refuse(struct ews_listener *l, struct net_http_exchange *x, int status, const char *why)
{
    l->stats.refused++;
    log_refused(l, x, status, why);
    net_http_reply(x, status, "text/plain; charset=utf-8", gw_str_of(why));
}

static bool token_is_valid(struct gw_str token)
{
    for (size_t i = 0; i < token.len; i++) {
        char c = token.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return token.len && token.len <= EWS_TOKEN_MAX;
}

/* The caller's choice, except for a token that nobody can have been given: whoever subscribed with
 * it is told to stop. */
static enum ews_reply decide(struct ews_listener *l, struct gw_str token,
                             const struct ews_notification *n)
{
    return token_is_valid(token) ? l->on_notification(token, n, l->ctx) : EWS_REPLY_UNSUBSCRIBE;
}

static void take_notification(struct ews_listener *l, struct net_http_exchange *x,
                              struct gw_str token)
{
    struct ews_notification n;
    struct gw_arena arena;
    struct gw_err err;
    enum ews_reply reply;

    gw_arena_init(&arena, EWS_NOTIFICATION_ARENA);
    if (ews_notification_parse(net_http_body(x), &arena, &n, &err)) {
        refuse(l, x, 400, err.msg);
        goto out;
    }
    reply = decide(l, token, &n);
    l->stats.notifications++;
    l->stats.unsubscribed += reply == EWS_REPLY_UNSUBSCRIBE;
    net_http_reply(x, 200, "text/xml; charset=utf-8",
                   gw_buf_str(reply == EWS_REPLY_OK ? &l->ok : &l->unsubscribe));
out:
    gw_arena_done(&arena);
}

static void on_request(struct net_http_exchange *x, void *ctx)
{
    struct ews_listener *l = ctx;
    struct gw_str path = net_http_path(x);

    if (!gw_str_starts(path, NOTIFY_PATH)) {
        refuse(l, x, 404, "only Exchange's notifications are taken here");
    } else if (!gw_str_is(net_http_method(x), "POST")) {
        net_http_reply_header(x, "Allow", "POST");
        refuse(l, x, 405, "Exchange's notifications are taken here, by POST");
    } else {
        take_notification(l, x, gw_str_sub(path, strlen(NOTIFY_PATH), path.len));
    }
}

/* ---- the public functions --------------------------------------------------------------------- */

static enum gw_code args_check(const struct ews_listener_args *args, struct gw_err *err)
{
    struct gw_str host = gw_str_of(args->host ? args->host : args->address);

    if (!args->host && (gw_str_is(host, "0.0.0.0") || gw_str_is(host, "::")))
        return gw_fail(err, GW_INVALID,
                       "notification listener on '%s' needs the host name by which Exchange "
                       "reaches it",
                       args->address);
    for (size_t i = 0; i < host.len; i++)
        if ((unsigned char)host.p[i] <= ' ' || strchr("/\\@?#[]%<>\"'&", host.p[i]))
            return gw_fail(err, GW_INVALID,
                           "notification host '%.100s' is not a name or an IP "
                           "address",
                           args->host ? args->host : args->address);
    return host.len && host.len <= 255 ? GW_OK
                                       : gw_fail(err, GW_INVALID,
                                                 "notification host is missing "
                                                 "or too long");
}

static char *base_new(const struct ews_listener *l, const struct ews_listener_args *args)
{
    const char *host = args->host ? args->host : args->address;
    bool ipv6 = strchr(host, ':') != NULL;
    struct gw_buf base;

    gw_buf_init(&base, 512);
    gw_buf_addf(&base, "%s://%s%s%s:%u" NOTIFY_PATH, args->tls ? "https" : "http", ipv6 ? "[" : "",
                host, ipv6 ? "]" : "", ews_listener_port(l));
    return gw_buf_take(&base);
}

enum gw_code ews_listener_new(struct net_loop *loop, const struct ews_listener_args *args,
                              struct ews_listener **out, struct gw_err *err)
{
    struct net_http_server_args server = { .address = args->address,
                                           .port = args->port,
                                           .tls = args->tls,
                                           .body_max = EWS_NOTIFICATION_MAX,
                                           .connections_max = CONNECTIONS_MAX,
                                           .connections_per_ip_max = CONNECTIONS_PER_ADDRESS_MAX,
                                           .handler = on_request };
    struct ews_listener *l;
    enum gw_code rc;

    rc = args_check(args, err);
    if (rc)
        return rc;
    l = gw_new(struct ews_listener);
    l->loop = loop;
    l->on_notification = args->on_notification;
    l->ctx = args->ctx;
    gw_buf_init(&l->ok, 4096);
    gw_buf_init(&l->unsubscribe, 4096);
    ews_notification_reply_write(EWS_REPLY_OK, &l->ok);
    ews_notification_reply_write(EWS_REPLY_UNSUBSCRIBE, &l->unsubscribe);
    server.ctx = l;
    rc = net_http_server_new(loop, &server, &l->server, err);
    if (rc) {
        ews_listener_free(&l);
        return rc;
    }
    l->base = base_new(l, args);
    *out = l;
    return GW_OK;
}

void ews_listener_free(struct ews_listener **listenerp)
{
    struct ews_listener *l = *listenerp;

    if (!l)
        return;
    *listenerp = NULL;
    net_http_server_free(&l->server);
    gw_buf_done(&l->ok);
    gw_buf_done(&l->unsubscribe);
    free(l->base);
    free(l);
}

uint16_t ews_listener_port(const struct ews_listener *listener)
{
    return net_http_server_port(listener->server);
}

void ews_listener_url(const struct ews_listener *listener, struct gw_str token, struct gw_buf *out)
{
    gw_buf_add_cstr(out, listener->base);
    gw_buf_add_str(out, token);
}

void ews_listener_stats(const struct ews_listener *listener, struct ews_listener_stats *out)
{
    *out = listener->stats;
}
