#include "pres_settings.h"

#define OF(member) offsetof(struct pres_settings, member)

static const char *const without_client[] = { "offline", "calendar", NULL };
static const char *const client_in_item[] = { "wins", "gives-way", NULL };

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
    { .key = "presence.without_client",
      .shown_as = "Presence without a Client",
      .help =
          "who is logged in nowhere: offline with the calendar beside it, or the calendar alone",
      .type = GW_PARAM_CHOICE,
      .offset = OF(without_client),
      .choices = without_client,
      .def = "offline" },
    { .key = "presence.client_in_item",
      .shown_as = "State Chosen during an Item",
      .help =
          "what a user chooses in a client while a calendar item runs: wins, or gives-way to it",
      .type = GW_PARAM_CHOICE,
      .offset = OF(client_in_item),
      .choices = client_in_item,
      .def = "wins" },
    { .key = "presence.privacy_own",
      .shown_as = "Calendar Shown to Own Domains",
      .help = "of who has not chosen: nothing, busy (or not), times (and state), full (with text)",
      .type = GW_PARAM_CHOICE,
      .offset = OF(privacy_own),
      .choices = pres_level_names,
      .def = "full" },
    { .key = "presence.privacy_federated",
      .shown_as = "Calendar Shown to Other Domains",
      .help = "of who has not chosen: nothing, busy (or not), times (and state), full (with text)",
      .type = GW_PARAM_CHOICE,
      .offset = OF(privacy_federated),
      .choices = pres_level_names,
      .def = "times" }, /* as much as Exchange itself shows to federated organisations */
};

const size_t pres_param_count = sizeof(pres_params) / sizeof(pres_params[0]);
