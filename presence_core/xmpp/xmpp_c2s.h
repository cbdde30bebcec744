/* A client's connection as an engine without sockets (RFC 6120, 6121): bytes and time go in, bytes
 * come out, and a deadline says when it wants to be looked at again. xmpp_host is what all of them
 * share; it is the front-end that the presence core knows. */
#ifndef XMPP_C2S_H
#define XMPP_C2S_H

#include "pres_frontend.h"
#include "xmpp_sasl.h"
#include "xmpp_server.h"
#include "xmpp_settings.h"

struct xmpp_host;
struct xmpp_c2s;

struct xmpp_host_args {
    struct pres_core *core;
    struct store *store;                  /* NULL: nothing is kept for who is not there */
    const struct xmpp_settings *settings; /* borrowed, read live; NULL: the defaults */
    xmpp_credentials_fn *credentials;
    void *credentials_ctx;
    struct gw_str secret;       /* of unknown users' salts; empty: one of this process */
    const char *version;        /* borrowed; NULL: not told */
    const struct xmpp_own *own; /* borrowed; NULL: users are not offered it */
    void (*wake)(void *ctx);    /* the host's deadline came nearer; NULL: nobody listens */
    void *wake_ctx;
};

/* NULL: GNU SASL does not start. */
struct xmpp_host *xmpp_host_new(const struct xmpp_host_args *args);
void xmpp_host_free(struct xmpp_host **hostp); /* after all connections, and xmpp_host_stop() */

/* Sessions whose connection broke, and which nobody has resumed. */
gw_time xmpp_host_deadline(const struct xmpp_host *host);
void xmpp_host_tick(struct xmpp_host *host, struct gw_now now);
void xmpp_host_stop(struct xmpp_host *host, struct gw_now now); /* they end; no more will come */
const struct xmpp_settings *xmpp_host_settings(const struct xmpp_host *host);
struct xmpp_counters *xmpp_host_counters(struct xmpp_host *host);

/* The XMPP addresses that a certificate vouches for, one after the other; none, unless it passed. */
typedef void xmpp_address_fn(struct gw_str address, void *ctx);
typedef void xmpp_addresses_fn(xmpp_address_fn *each, void *each_ctx, void *ctx);

/* What a connection asks of its transport, also from inside calls that concern other connections.
 * None of these may call an engine. */
struct xmpp_io {
    bool (*write)(struct gw_str bytes, void *ctx); /* false: too much waits; nothing was queued */
    size_t (*queued)(void *ctx);                   /* bytes that wait for the peer */
    void (*start_tls)(void *ctx);                  /* then xmpp_c2s_tls_ready() */
    void (*check)(struct xmpp_check *check, void *ctx); /* takes; then xmpp_c2s_checked() */
    void (*wake)(void *ctx);                            /* the deadline came nearer: look again */
    xmpp_binding_fn *binding;                           /* of the TLS connection; NULL: none */
    xmpp_addresses_fn *addresses; /* of the client's certificate; NULL: it is not asked for one */
};

struct xmpp_c2s_args {
    struct xmpp_host *host;
    const struct xmpp_io *io; /* borrowed for its life */
    void *io_ctx;
    struct gw_str peer; /* "192.0.2.1:1": for logs, and to count failed logins by */
    bool can_tls;       /* STARTTLS is offered */
    bool is_direct;     /* TLS comes first (XEP-0368): xmpp_c2s_tls_ready() will be called */
};

struct xmpp_c2s *xmpp_c2s_new(const struct xmpp_c2s_args *args, gw_time now);
/* The resource goes unavailable; or, if the client may resume the session, the host keeps it. */
void xmpp_c2s_free(struct xmpp_c2s **cp, struct gw_now now);

void xmpp_c2s_feed(struct xmpp_c2s *c, struct gw_str data, struct gw_now now);
void xmpp_c2s_tls_ready(struct xmpp_c2s *c);
/* GW_AGAIN: the check could not be run. */
void xmpp_c2s_checked(struct xmpp_c2s *c, bool is_right, enum gw_code rc, struct gw_now now);
void xmpp_c2s_drained(struct xmpp_c2s *c); /* nothing waits for the peer any more */
void xmpp_c2s_shutdown(struct xmpp_c2s *c, struct gw_now now); /* says goodbye: system-shutdown */

gw_time xmpp_c2s_deadline(const struct xmpp_c2s *c);
void xmpp_c2s_tick(struct xmpp_c2s *c, struct gw_now now);

bool xmpp_c2s_is_closed(const struct xmpp_c2s *c);    /* flush, then close the connection */
bool xmpp_c2s_is_throttled(const struct xmpp_c2s *c); /* do not read until the deadline's tick */
bool xmpp_c2s_is_logged_in(const struct xmpp_c2s *c);

#endif
