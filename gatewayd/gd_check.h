/* A gateway tried step by step, for an administrator: reached, certificate, account, mailbox. */
#ifndef GD_CHECK_H
#define GD_CHECK_H

#include "admin_api.h"
#include "gd.h"

/* As struct admin_host has it: steps and done never come from inside the call; NULL: no such gateway. */
struct admin_check *gd_check_start(struct gd *gd, struct gw_str name, admin_check_step_fn *step,
                                   admin_check_done_fn *done, void *done_ctx);
void gd_check_cancel(struct admin_check *check);

/* The gateway is about to be changed or removed: its checks end, with a step that says so. */
void gd_checks_abort(struct gd *gd, struct gw_str name);

#endif
