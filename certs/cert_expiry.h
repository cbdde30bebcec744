/* What ends soon: our own certificates, trusted ones, those that peers have shown, and revocation lists. */
#ifndef CERT_EXPIRY_H
#define CERT_EXPIRY_H

#include "cert.h"

enum {
    CERT_EXPIRY_DAYS = 30,     /* before the end */
    CERT_EXPIRY_LIST_DAYS = 1, /* the same, of a list */
    CERT_SHOWN_MAX = 256       /* of peers are remembered: those that end first */
};

struct cert_expiry {
    const char *kind;    /* "own", "trusted", "shown" by a peer, "revocation list" */
    const char *where;   /* the identity, the trust store, the host; "": a peer of either */
    const char *subject; /* of a list: its issuer. May be cut */
    gw_utc not_after;    /* may be past */
};
typedef void cert_expiry_fn(const struct cert_expiry *e, void *ctx);

/* What we made ourselves is made anew in time and is not told, nor is what a peer has replaced by one with the
 * same subject. */
void cert_expiry_each(struct cert_store *s, gw_utc now, cert_expiry_fn *each, void *ctx);

#endif
