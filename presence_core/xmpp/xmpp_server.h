/* The XMPP front-end for clients (RFC 6120, 6121): listeners, TLS, login, sessions. Registers itself
 * with the presence core. */
#ifndef XMPP_SERVER_H
#define XMPP_SERVER_H

#include "gw_err.h"
#include "net_loop.h"
#include "net_tls.h"
#include "net_work.h"
#include "pres.h"
#include "xmpp_credentials.h"
#include "xmpp_own.h"
#include "xmpp_settings.h"

struct xmpp_server;

struct xmpp_server_args {
    struct net_loop *loop;
    struct net_pool *pool; /* password checks run there */
    struct pres_core *core;
    struct store *store; /* messages for who is not there; NULL: they go back */
    struct net_tls *tls; /* of role server; a reference is taken. NULL: nobody can log in yet */
    struct net_tls
        *login_tls; /* the same, of a cert_peer that asks for CERT_FOR_XMPP_LOGIN: in place of tls
                                  while the settings say so. NULL: never */
    const struct xmpp_settings *settings; /* borrowed, read live; NULL: the defaults */
    xmpp_credentials_fn *credentials;
    void *credentials_ctx;
    struct gw_str secret; /* the same after a restart, or unknown users show by their salts then;
                             borrowed for the call; empty: one of this process (tests) */
    const char *version;  /* told to clients that ask (XEP-0092); NULL: not told */
    const struct xmpp_own *own; /* borrowed; NULL: users are not offered it */
};

struct xmpp_server *xmpp_server_new(const struct xmpp_server_args *args, struct gw_err *err);

/* May be called for several addresses. Port 0: any free one; *port_out (may be NULL) tells. */
enum gw_code xmpp_server_listen(struct xmpp_server *server, const char *address, uint16_t port,
                                uint16_t *port_out, struct gw_err *err);
/* The same for clients that begin with TLS (XEP-0368). */
enum gw_code xmpp_server_listen_tls(struct xmpp_server *server, const char *address, uint16_t port,
                                    uint16_t *port_out, struct gw_err *err);
void xmpp_server_unlisten(struct xmpp_server *server); /* all listeners; sessions stay */

/* Says goodbye to all clients (system-shutdown) and closes. What it wrote is flushed by the loop:
 * give it a moment before xmpp_server_free(). */
void xmpp_server_stop(struct xmpp_server *server);
bool xmpp_server_is_idle(const struct xmpp_server *server); /* no connection is left */
void xmpp_server_free(struct xmpp_server **serverp);        /* at once; before the core is freed */

struct xmpp_host;
struct xmpp_host *xmpp_server_host(struct xmpp_server *server); /* for the federation beside it */

struct xmpp_counters {
    uint64_t connections, sessions; /* now */
    uint64_t logins, logins_failed;
    uint64_t stanzas_in, presence_out, presence_merged; /* merged: a newer one took its place */
    uint64_t bytes_in, bytes_out;
    uint64_t cut_slow,
        refused; /* cut off for reading too slowly; connections refused at the door */
};
void xmpp_server_counters(const struct xmpp_server *server, struct xmpp_counters *out);

#endif
