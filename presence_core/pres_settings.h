/* What an administrator can set of the presence core; read live. */
#ifndef PRES_SETTINGS_H
#define PRES_SETTINGS_H

#include "gw_param.h"

struct pres_settings {
    int64_t contacts_max; /* roster items of one user */
    int64_t sessions_max; /* connected resources of one user */
};

extern const struct gw_param pres_params[]; /* keys "presence.*" */
extern const size_t pres_param_count;

#endif
