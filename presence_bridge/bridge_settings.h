/* Parameters of what calendars say: keys presence.* */
#ifndef BRIDGE_SETTINGS_H
#define BRIDGE_SETTINGS_H

#include "gw_param.h"

struct bridge_settings {
    char *language; /* of users who have none of their own */
    char *zone;     /* likewise; empty: the machine's */
};

extern const struct gw_param bridge_params[];
extern const size_t bridge_param_count;

/* Whether ICU knows them. */
enum gw_code bridge_settings_check(const struct bridge_settings *s, struct gw_err *err);

#endif
