#include "pres_settings.h"

#define OF(member) offsetof(struct pres_settings, member)

const struct gw_param pres_params[] = {
    { .key = "presence.contacts_max",
      .shown_as = "Contacts per User",
      .help = "entries of one user's contact list, requests that wait included",
      .type = GW_PARAM_INT,
      .offset = OF(contacts_max),
      .min = 1,
      .max = 10000,
      .def = "1000" },
    { .key = "presence.sessions_max",
      .shown_as = "Sessions per User",
      .help = "clients that one user may have connected at the same time",
      .type = GW_PARAM_INT,
      .offset = OF(sessions_max),
      .min = 1,
      .max = 100,
      .def = "20" },
};

const size_t pres_param_count = sizeof(pres_params) / sizeof(pres_params[0]);
