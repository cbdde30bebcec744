/* Where a mailbox's Exchange is: walks the trail (ews_trail.h) with one account. Each place is asked
 * on a connection of its own; refusals count for the account as everywhere (ews_account.h), so that
 * no trail can lock it out; and of one that is in use elsewhere the last try is not for a trail. */
#ifndef EWS_AUTODISCOVER_H
#define EWS_AUTODISCOVER_H

#include "cert.h"
#include "ews_account.h"
#include "ews_trail.h"
#include "net_dns.h"
#include "net_loop.h"

struct ews_autodiscover;

/* The result is borrowed for the call. It comes exactly once, never from inside start; what was started
 * is gone then. */
typedef void ews_autodiscover_fn(const struct ews_trail_result *result, void *ctx);

struct ews_autodiscover_args {
    struct net_loop *loop; /* these are borrowed until the end */
    struct net_dns *dns;
    struct ews_account *account;
    struct cert_store *certs;    /* whom to trust; NULL: https fails */
    struct ews_trail_args trail; /* borrowed for the call; shows_secret is the account's */
    unsigned timeout_ms;         /* of each place */
    ews_autodiscover_fn *done;
    void *ctx;
};

/* GW_INVALID: the address is none. */
enum gw_code ews_autodiscover_start(const struct ews_autodiscover_args *args,
                                    struct ews_autodiscover **out, struct gw_err *err);
void ews_autodiscover_cancel(struct ews_autodiscover **ap); /* done does not come; NULL is fine */

#endif
