/* Where Exchange says that a mailbox is, for an administrator who fills the pool of gateways. */
#ifndef GD_DISCOVER_H
#define GD_DISCOVER_H

#include "admin_api.h"
#include "gd.h"

/* As struct admin_host has them. */
enum gw_code gd_discover_start(struct gd *gd, struct gw_str address, struct gw_str server,
                               admin_discover_fn *found, void *found_ctx,
                               struct admin_discover **out, struct gw_err *err);
void gd_discover_cancel(struct admin_discover *d);

#endif
