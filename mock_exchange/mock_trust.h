/* Whether listeners over https are verified, and by what: as Exchange does it, by authorities and by the host in
 * the URL. While nothing is trusted, any certificate will do. */
#ifndef MOCK_TRUST_H
#define MOCK_TRUST_H

#include "gw_err.h"
#include "gw_str.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

struct mock_trust;
enum gw_code mock_trust_new(struct gw_str pem, struct mock_trust **out, struct gw_err *err);
void mock_trust_free(struct mock_trust **trustp);

/* trust NULL: nothing is verified. */
enum gw_code mock_trust_apply(const struct mock_trust *trust, const char *host,
                              struct ssl_ctx_st *ssl_ctx, struct gw_err *err);

#endif
