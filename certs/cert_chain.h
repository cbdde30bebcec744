/* The way from a server's certificate to one that is trusted, certificate by certificate, as it is
 * shown to an administrator. Whether the server is accepted is OpenSSL's decision (cert.h); this tells
 * what there is and what is missing. Pure: nothing is fetched. */
#ifndef CERT_CHAIN_H
#define CERT_CHAIN_H

#include "cert.h"

enum cert_link_state {
    CERT_LINK_VERIFIED,   /* trusted, or signed by the next one */
    CERT_LINK_UNVERIFIED, /* its issuer is missing, so that nothing can be said */
    CERT_LINK_MISSING,    /* needed in the trust set, and not there */
    CERT_LINK_BAD         /* as 'reason' says */
};
const char *cert_link_state_name(enum cert_link_state state); /* "Verified" */

struct cert_link {
    enum cert_link_state state;
    const struct cert_info *info; /* NULL: nobody has sent it */
    const char *subject;          /* also without info */
    struct gw_str der;            /* empty without info */
    const char *issuer_url;       /* where it says its issuer is (AIA, RFC 5280 4.2.2.1); or NULL */
    const char *reason;           /* CERT_LINK_BAD; else "" */
    bool sent;                    /* by the server; else it is trusted here, or was fetched */
    bool trusted;                 /* is in the trust set */
};

struct cert_chain;
void cert_chain_free(struct cert_chain **chainp);
size_t cert_chain_len(const struct cert_chain *chain); /* the server's own is link 0 */
const struct cert_link *cert_chain_link(const struct cert_chain *chain, size_t i);

/* The certificate at hand that would make the chain trusted, and is not: the lowest that was fetched, since
 * the server will not send it next time either, else the highest; NULL: there is none, because it is
 * trusted already, or what is at hand is bad. */
const struct cert_link *cert_chain_missing(const struct cert_chain *chain);

/* The URL of the issuer that nobody has sent; NULL: nothing is missing, or no certificate says. */
const char *cert_chain_issuer_url(const struct cert_chain *chain);

#endif
