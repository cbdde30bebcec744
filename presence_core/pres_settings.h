/* What an administrator can set of the presence core. The limits are read live; what watchers see
 * changes with pres_settings_apply(). */
#ifndef PRES_SETTINGS_H
#define PRES_SETTINGS_H

#include "gw_param.h"

struct pres_settings {
    int64_t contacts_max; /* roster items of one user, or GW_PARAM_WORD: no limit */
    int64_t watchers_max; /* of one user, those who wait included; the same */
    int64_t sessions_max; /* connected resources of one user */
    int without_client;   /* enum pres_without_client */
    int client_in_item;   /* enum pres_client_in_item */
    int privacy_own; /* enum pres_level, of watchers of our domains; of users who say nothing */
    int privacy_federated;
    int auto_authorize;  /* enum pres_auto */
    int denied_watchers; /* enum pres_denied */
    int mail;            /* 1: other domains know users by their mail addresses */
};

enum pres_auto { PRES_AUTO_NOBODY, PRES_AUTO_LOCAL, PRES_AUTO_EVERYBODY };
enum pres_denied { PRES_DENIED_SEE_OFFLINE, PRES_DENIED_ARE_REFUSED };

enum pres_without_client { PRES_WITHOUT_CLIENT_OFFLINE, PRES_WITHOUT_CLIENT_CALENDAR };
enum pres_client_in_item { PRES_CLIENT_WINS, PRES_CALENDAR_WINS };

#define PRES_PARAM_MAIL "presence.federation_mail"

extern const char *const pres_level_names[]; /* by level; ends with NULL */
extern const struct gw_param pres_params[];  /* keys "presence.*" */
extern const size_t pres_param_count;

#endif
