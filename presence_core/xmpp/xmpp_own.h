/* What users may change of themselves that neither the core nor a front-end keeps: functions of whoever
 * does. */
#ifndef XMPP_OWN_H
#define XMPP_OWN_H

#include <stdbool.h>

#include "gw_str.h"

/* why NULL: it is done; else a sentence for the user. */
typedef void xmpp_own_done_fn(const char *why, void *ctx);

struct xmpp_own {
    /* The answer comes later, once, also when everything ends first; sessions of the user may end
     * before it does. False: not now, and no answer comes. NULL: passwords are not changed here. */
    bool (*password_set)(struct gw_str user, struct gw_str password, xmpp_own_done_fn *done,
                         void *done_ctx, void *ctx);
    bool (*is_oof_hidden)(struct gw_str user,
                          void *ctx); /* automatic replies are shown to nobody */
    bool (*oof_hide)(struct gw_str user, bool hidden, void *ctx); /* false: it stays as it was */
    void *ctx;
};

#endif
