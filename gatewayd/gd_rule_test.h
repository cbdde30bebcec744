/* What rules would make of a user's day: the day is read anew, with the fields that these rules look at,
 * and nothing of it is kept. */
#ifndef GD_RULE_TEST_H
#define GD_RULE_TEST_H

#include "gd.h"

/* As struct admin_host has them. */
enum gw_code gd_rule_test_start(struct gd *gd, const struct admin_rule_test_args *args,
                                admin_rule_tested_fn *done, void *done_ctx,
                                struct admin_rule_test **out, struct gw_err *err);
void gd_rule_test_cancel(struct admin_rule_test *test);

/* The gateway is about to be another one, or gone. */
void gd_rule_tests_abort(struct gd *gd, struct gw_str gateway);

#endif
