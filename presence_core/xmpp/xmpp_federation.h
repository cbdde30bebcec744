/* The XMPP front-end for other servers: listener, name lookups (SRV, A, AAAA), connections, TLS. */
#ifndef XMPP_FEDERATION_H
#define XMPP_FEDERATION_H

#include "cert.h"
#include "net_dns.h"
#include "xmpp_fed.h"
#include "xmpp_server.h"

enum { XMPP_FEDERATION_PORT = 5269 };

struct xmpp_federation;

struct xmpp_federation_args {
    struct net_loop *loop;
    struct net_dns *dns;                      /* borrowed */
    struct xmpp_server *server;               /* of our clients */
    const struct xmpp_fed_settings *settings; /* borrowed, read live; NULL: the defaults */
    struct gw_str secret;                     /* of dialback keys, a text; borrowed for the call */
    struct cert_store *certs;
    struct cert_identity *identity; /* CERT_IDENTITY_XMPP_S2S; NULL: no TLS */
};

enum gw_code xmpp_federation_new(const struct xmpp_federation_args *args,
                                 struct xmpp_federation **out, struct gw_err *err);

/* Where to listen while federation is on: at once, or when it is switched on. Port 0: any. */
enum gw_code xmpp_federation_listen(struct xmpp_federation *f, const char *address, uint16_t port,
                                    uint16_t *port_out, struct gw_err *err);

struct xmpp_fed *xmpp_federation_fed(struct xmpp_federation *f);
/* After a change of settings or policy. A listener that cannot be opened: the setting must go back. */
enum gw_code xmpp_federation_apply(struct xmpp_federation *f, struct gw_err *err);

void xmpp_federation_stop(struct xmpp_federation *f); /* says goodbye and closes */
bool xmpp_federation_is_idle(const struct xmpp_federation *f);
void xmpp_federation_free(struct xmpp_federation **fp); /* before the server of the clients */

#endif
