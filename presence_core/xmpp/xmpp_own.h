/* What users may change of themselves that neither the core nor a front-end keeps: functions of whoever
 * does. */
#ifndef XMPP_OWN_H
#define XMPP_OWN_H

#include <stdbool.h>

#include "gw_str.h"

struct xmpp_own {
    bool (*is_oof_hidden)(struct gw_str user,
                          void *ctx); /* automatic replies are shown to nobody */
    bool (*oof_hide)(struct gw_str user, bool hidden, void *ctx); /* false: it stays as it was */
    void *ctx;
};

#endif
