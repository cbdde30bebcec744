/* TLS with peers that have certificates themselves: SIP servers and proxies, XMPP servers. One policy
 * serves any number of connections, of either side; who the peer must be is asked when the handshake is
 * done, since on a connection that came in it is known from what the peer says:
 *
 *   policy with demand REQUIRED  the handshake fails without a certificate that passes
 *   policy with demand ASKED     the handshake goes on; cert_peer_check() tells later: for XMPP, where
 *                                dialback may prove the domain instead
 *
 * A certificate passes by the trust set of the purpose, dates and signatures, and by its usage: for SIP
 * serverAuth and clientAuth both, for users clientAuth. Sessions are not resumed: each connection shows its certificate. */
#ifndef CERT_PEER_H
#define CERT_PEER_H

#include "cert.h"
#include "cert_name.h"

struct ssl_st; /* OpenSSL's SSL: net_stream_ssl() */

enum cert_demand {
    CERT_NOT_ASKED, /* a listener that wants no certificate; a client is shown one by every server, and
                       takes any */
    CERT_ASKED,
    CERT_REQUIRED
};

struct cert_peer_args {
    struct cert_store *store;
    enum cert_purpose purpose; /* whose settings and rules hold */
    struct cert_identity
        *identity; /* what the peer is shown; NULL: a client with nothing to show */
    enum cert_demand demand;
};

struct cert_peer;
enum gw_code cert_peer_new(const struct cert_peer_args *args, struct cert_peer **out,
                           struct gw_err *err);
void cert_peer_free(struct cert_peer **pp); /* after every context made from its policy */

/* For net_tls_new(), of either role. Live: identity and trust set are as they are at each handshake. */
struct net_tls_policy cert_peer_policy(struct cert_peer *p);

/* The certificate that the peer has shown is verified once more, by what is trusted and revoked by now. */
void cert_peer_again(const struct cert_peer *p, struct ssl_st *ssl);

/* How the certificate fared that the peer of this connection has shown. NULL: it has shown none. */
const struct cert_result *cert_peer_result(const struct ssl_st *ssl);

/* Has the peer shown a certificate that passed, and does it bear one of the names (cert_name.h)?
 * GW_NOTFOUND: it has shown none. GW_DENIED: no; says why. */
enum gw_code cert_peer_check(const struct ssl_st *ssl, const struct gw_str *names, size_t count,
                             struct gw_err *err);

/* The XMPP addresses (id-on-xmppAddr, RFC 6120 13.7.1.4) that the peer's certificate bears, one after
 * the other, as they are written there. None, unless it has shown one that passed. */
typedef void cert_address_fn(struct gw_str address, void *ctx);
void cert_peer_addresses(const struct ssl_st *ssl, cert_address_fn *each, void *ctx);

#endif
