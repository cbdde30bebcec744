/* Which names a certificate bears, by what it is used for. Pure: whether the certificate is to be believed
 * is another question (cert.h, cert_peer.h).
 *
 *   purpose            a name is met by                                                     wildcards
 *   Exchange           dNSName, iPAddress, or the subject's CN (exchange-calendar.md 7)     yes
 *   SIP                the subject's CN alone: the "TLS peer subject" of the federation     no
 *   XMPP server        dNSName, id-on-xmppAddr, SRVName _xmpp-server (RFC 6120 13.7.1.2);   in dNSName
 *                      the CN when there is none of these (RFC 6125 6.4.4)
 *   XMPP client        the same with _xmpp-client
 *   SIP client, push   as Exchange
 *   API                the subject's CN alone: one of the clients that are admitted              no
 *   XMPP login         none of a host: cert_peer_addresses() tells whose it is
 *
 * A wildcard stands for exactly one whole label, the leftmost. Letters fold. A name may be written in
 * U-labels or A-labels, here and in id-on-xmppAddr and the CN; a dNSName has A-labels only. Nothing that
 * holds a NUL is a name. */
#ifndef CERT_NAME_H
#define CERT_NAME_H

#include "gw_err.h"
#include "gw_str.h"

struct x509_st; /* OpenSSL's X509 */

enum cert_purpose {
    CERT_FOR_EXCHANGE,
    CERT_FOR_SIP,         /* servers among themselves, either side */
    CERT_FOR_XMPP_SERVER, /* the same */
    CERT_FOR_XMPP_CLIENT, /* a server that clients connect to */
    CERT_FOR_SIP_CLIENT,  /* the same */
    CERT_FOR_PUSH,        /* us, when Exchange calls back */
    CERT_FOR_API,         /* a client of ours: an administrator's program */
    CERT_FOR_XMPP_LOGIN /* a user, by his XMPP client; settings are those of CERT_FOR_XMPP_CLIENT */
};

/* Does it bear one of the names? GW_DENIED: none of them; says what it bears instead. */
enum gw_code cert_name_check(const struct x509_st *cert, enum cert_purpose purpose,
                             const struct gw_str *names, size_t count, struct gw_err *err);

/* Gives a copy of a name or address as it goes over the wire, in A-labels; what cannot be one stays as it is. */
char *cert_name_dup(struct gw_str name);

#endif
