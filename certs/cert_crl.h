/* Revocation lists of authorities (CRL, RFC 5280 5), kept with a trust set: FOLDER/SET/ID.crl, the newest of each
 * authority. They count when tls..._crl of the purpose says so (cert_tls.h), from the next connection on; whether
 * one is signed by the authority is looked at again in each handshake. Loop thread only. */
#ifndef CERT_CRL_H
#define CERT_CRL_H

#include "cert.h"

enum {
    CERT_CRL_BYTES = 2 * 1024 * 1024,   /* of one: some 60,000 certificates, read in 50 ms */
    CERT_CRLS_BYTES = 16 * 1024 * 1024, /* of all in a set; in memory up to nine times that */
    CERT_CRLS_MAX = 100                 /* in a set */
};

/* Borrowed for the call. */
struct cert_crl_info {
    const char *id; /* of authority, its key, and what the list is for: 64 lower-case hex digits */
    const char *issuer; /* may be cut */
    const char *number; /* hex digits; "": it has none */
    gw_utc from, until; /* until: GW_NEVER when it does not say */
    size_t revoked;     /* certificates on it */
    bool signer_known;  /* the authority is in the set, and has signed it */
};
typedef void cert_crl_fn(const struct cert_crl_info *info, void *ctx);

/* One in PEM or DER. It takes the place of an older one. It must not be out of date, and be signed by the authority if
 * that is in the set; of an authority that servers send with their certificates this shows later. */
enum gw_code cert_crl_add(struct cert_store *s, const char *set, struct gw_str data, gw_utc now,
                          cert_crl_fn *each, void *ctx, struct gw_err *err);
enum gw_code cert_crl_remove(struct cert_store *s, const char *set, struct gw_str id,
                             struct gw_err *err); /* GW_NOTFOUND */
enum gw_code cert_crl_each(struct cert_store *s, const char *set, cert_crl_fn *each, void *ctx,
                           struct gw_err *err); /* in no order */

#endif
