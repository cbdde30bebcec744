/* How TLS is spoken, by purpose: parameters, live from the next connection on. */
#ifndef CERT_TLS_H
#define CERT_TLS_H

#include "cert_name.h"
#include "gw_param.h"

enum { CERT_PURPOSES = CERT_FOR_API + 1 }; /* with settings of their own */

/* Of the other side's certificate and its authorities, but for the one that is trusted: CHECK refuses what is on a list
 * that was added (cert_crl.h), REQUIRE also what no list that is in date says anything about. */
enum cert_crl_use { CERT_CRL_OFF, CERT_CRL_CHECK, CERT_CRL_REQUIRE };

/* Of servers that we connect to: whether their authority says, by an OCSP response that they hand over, that the
 * certificate is revoked. CHECK looks at what there is, REQUIRE refuses who has none. */
enum cert_stapling { CERT_STAPLING_OFF, CERT_STAPLING_CHECK, CERT_STAPLING_REQUIRE };

struct cert_settings {
    struct cert_tls {
        int min_version; /* index into "1.0", "1.1", "1.2", "1.3" */
        char *ciphers;   /* empty: OpenSSL's */
        int crl;         /* enum cert_crl_use */
    } tls[CERT_PURPOSES];
    int stapling; /* enum cert_stapling */
    int tickets;  /* 0: every connection is a full handshake */
};
extern const struct gw_param cert_params[];
extern const size_t cert_param_count;

/* What a table cannot check: that OpenSSL knows every cipher that is named. */
enum gw_code cert_settings_check(const struct cert_settings *settings, struct gw_err *err);

struct cert_store;
/* Borrowed as long as the store is open, and read at each handshake. Without: TLS 1.2 and up, OpenSSL's ciphers. */
void cert_store_settings_set(struct cert_store *s, const struct cert_settings *settings);

#endif
