/* With whom we federate: a default, and exceptions from it by domain and direction. */
#ifndef XMPP_FED_POLICY_H
#define XMPP_FED_POLICY_H

#include "gw_err.h"
#include "gw_str.h"

enum xmpp_direction { XMPP_IN = 1, XMPP_OUT = 2, XMPP_BOTH = 3 };
const char *xmpp_direction_name(enum xmpp_direction d); /* "both", "incoming", "outgoing" */
bool xmpp_direction_parse(struct gw_str name, enum xmpp_direction *out);

enum { XMPP_EXCEPTIONS_MAX = 10000 };

struct xmpp_policy;
struct xmpp_policy *xmpp_policy_new(void);
void xmpp_policy_free(struct xmpp_policy **pp);

/* "example.com", or "*.example.com": that domain and all below it. Normalised into the exception's
 * name, which 'out' (may be NULL) gives, borrowed. One that is there already gets the direction. */
enum gw_code xmpp_policy_except(struct xmpp_policy *p, struct gw_str domain, enum xmpp_direction d,
                                const char **out, struct gw_err *err);
enum gw_code xmpp_policy_forget(struct xmpp_policy *p, struct gw_str domain,
                                struct gw_err *err); /* GW_NOTFOUND */

bool xmpp_policy_eq(const struct xmpp_policy *a, const struct xmpp_policy *b);

typedef void xmpp_exception_fn(const char *domain, enum xmpp_direction d, void *ctx);
void xmpp_policy_each(const struct xmpp_policy *p, xmpp_exception_fn *each, void *ctx); /* sorted */

/* The exception that stands for a domain in that direction; NULL: none. The nearest decides: the
 * domain itself, then the wildcards, longest first. */
const char *xmpp_policy_find(const struct xmpp_policy *p, struct gw_str domain,
                             enum xmpp_direction d);

#endif
