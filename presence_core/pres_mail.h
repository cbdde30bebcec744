/* A user's mail address, as the core has it. */
#ifndef PRES_MAIL_H
#define PRES_MAIL_H

#include "gw_list.h"
#include "gw_str.h"

/* One address, and all who say that it is theirs. */
struct pres_mail {
    struct gw_list holders; /* of struct pres_user */
    struct gw_str text;
    char bytes[];
};

#endif
