/* Login by SASL (RFC 4422), the server's side, through GNU SASL: SCRAM-SHA-256 and SCRAM-SHA-1, with
 * and without channel binding, and PLAIN; EXTERNAL without it. A wrong password and an unknown user look the same: the unknown one gets a salt too, the
 * same at each attempt, and fails at the same step after the same work. */
#ifndef XMPP_SASL_H
#define XMPP_SASL_H

#include "gw_buf.h"
#include "gw_str.h"
#include "xmpp_credentials.h"

/* One for all logins. The salts of unknown users come from the secret; empty: one of this process,
 * so that they change at a restart, which those of users do not. */
struct xmpp_sasl_lib;
struct xmpp_sasl_lib *xmpp_sasl_lib_new(xmpp_credentials_fn *credentials, void *ctx,
                                        struct gw_str secret);
void xmpp_sasl_lib_free(struct xmpp_sasl_lib **libp);

/* The user still has credentials: a look after the login, before the first stanza. */
bool xmpp_sasl_may_log_in(const struct xmpp_sasl_lib *lib, struct gw_str user);

extern const char *const xmpp_sasl_mechanisms[]; /* strongest first; ends with NULL */
bool xmpp_sasl_binds(const char *mechanism);     /* only for connections that can be bound to */

/* What both ends of a TLS connection know and nobody in between (RFC 5929, RFC 9266), by type; false:
 * this connection has none. */
typedef bool xmpp_binding_fn(const char *type, struct gw_buf *out, void *ctx);
extern const char *const xmpp_binding_types[]; /* ends with NULL */

/* A password to be checked: the work of milliseconds, for another thread. Stands alone. */
struct xmpp_check;
void xmpp_check_run(struct xmpp_check *check); /* any thread */
bool xmpp_check_is_right(const struct xmpp_check *check);
void xmpp_check_free(struct xmpp_check **checkp);

enum xmpp_sasl_result {
    XMPP_SASL_MORE,  /* a challenge goes out */
    XMPP_SASL_CHECK, /* take the check, have it run, then xmpp_sasl_checked() */
    XMPP_SASL_DONE,
    XMPP_SASL_MALFORMED,
    XMPP_SASL_WRONG,   /* password or user */
    XMPP_SASL_AUTHZID, /* wants to act for somebody else */
    XMPP_SASL_FAILED   /* our fault */
};

/* Whom the connection's certificate lets in: appends his bare JID. authzid is whom the client wants to
 * be; empty: whoever it is. False: nobody, or it is not clear who. */
typedef bool xmpp_external_fn(struct gw_str authzid, struct gw_buf *user, void *ctx);
#define XMPP_SASL_EXTERNAL "EXTERNAL" /* RFC 4422 A, XEP-0178 2 */

struct xmpp_sasl; /* one login */
struct xmpp_sasl_args {
    struct xmpp_sasl_lib *lib;
    struct gw_str mechanism, domain; /* copied */
    xmpp_binding_fn *binding;        /* called at once; NULL: there is none */
    void *binding_ctx;
    xmpp_external_fn *external; /* NULL: a certificate lets nobody in */
    void *external_ctx;
};
/* NULL: no such mechanism here. */
struct xmpp_sasl *xmpp_sasl_new(const struct xmpp_sasl_args *args);
void xmpp_sasl_free(struct xmpp_sasl **saslp);

/* in: decoded. What goes to the client is appended to out, not encoded; with XMPP_SASL_DONE too. */
enum xmpp_sasl_result xmpp_sasl_step(struct xmpp_sasl *sasl, struct gw_str in, struct gw_buf *out);
struct xmpp_check *xmpp_sasl_take_check(struct xmpp_sasl *sasl); /* gives */
enum xmpp_sasl_result xmpp_sasl_checked(struct xmpp_sasl *sasl, bool is_right);

/* Bare JID; after XMPP_SASL_DONE. Before it, and after failures: as far as known, for the log. */
struct gw_str xmpp_sasl_user(const struct xmpp_sasl *sasl);
const char *xmpp_sasl_mechanism(const struct xmpp_sasl *sasl);

#endif
