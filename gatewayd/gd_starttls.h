/* The client's words before TLS on an XMPP connection (RFC 6120 5), for a look at the certificate. */
#ifndef GD_STARTTLS_H
#define GD_STARTTLS_H

#include "cert_probe.h"

extern const struct cert_prelude gd_starttls_client; /* jabber:client, port 5222 */
extern const struct cert_prelude gd_starttls_server; /* jabber:server, port 5269 */

#endif
