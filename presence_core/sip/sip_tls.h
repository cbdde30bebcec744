/* The TLS contexts of the SIP front-end, and who is admitted by them:
 *
 *   context      we are          the peer's certificate
 *   SERVER_AUTH  server (5061)   is not asked for: clients and phones
 *   PEER_AUTH    server (5062)   is demanded: "cup-trust", and the subject CN among the TLS peer subjects
 *   OUT          client          the same, or the CN is the host that was asked
 *
 * All show the identity "cup". Live: certificates, versions and ciphers are those of the moment of each
 * handshake; trust and subjects are those of now, when the connections that stand are judged anew. */
#ifndef SIP_TLS_H
#define SIP_TLS_H

#include "cert_peer.h"
#include "net_tls.h"
#include "sip_settings.h"

enum sip_tls_context { SIP_TLS_SERVER_AUTH, SIP_TLS_PEER_AUTH, SIP_TLS_OUT, SIP_TLS_CONTEXTS };

struct sip_tls;
enum gw_code sip_tls_new(struct cert_store *certs, struct cert_identity *identity,
                         const struct sip_settings *settings, struct sip_tls **out,
                         struct gw_err *err); /* all borrowed */
void sip_tls_free(struct sip_tls **tlsp);     /* after the connections */

const char *sip_tls_context_name(enum sip_tls_context which); /* "peer-auth" */
struct net_tls *sip_tls_context(const struct sip_tls *tls,
                                enum sip_tls_context which); /* borrowed */

/* The handshake is done: may the peer stay? 'asked' is the host that was connected to, or empty. Gives the
 * subject CN that it is admitted by, in lower case; empty: no certificate was asked for. GW_DENIED,
 * GW_NOTFOUND: no; says why. */
enum { SIP_SUBJECT_MAX = 255 };
enum gw_code sip_tls_admit(const struct sip_tls *tls, enum sip_tls_context which,
                           const struct ssl_st *ssl, struct gw_str asked,
                           char subject[SIP_SUBJECT_MAX + 1], struct gw_err *err);
/* The same of a connection that stands: trust, lists or subjects may be other ones. */
enum gw_code sip_tls_admit_again(const struct sip_tls *tls, enum sip_tls_context which,
                                 struct ssl_st *ssl, struct gw_str asked,
                                 char subject[SIP_SUBJECT_MAX + 1], struct gw_err *err);

#endif
