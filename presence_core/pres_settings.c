#include "pres_settings.h"

#define OF(member) offsetof(struct pres_settings, member)

static const char *const without_client[] = { "offline", "calendar", NULL };
static const char *const client_in_item[] = { "wins", "gives-way", NULL };

static const char *const autos[] = { "nobody", "local", "everybody", NULL };
static const char *const denied[] = { "offline", "refused", NULL };
static const char *const off_on[] = { "off", "on", NULL };

const struct gw_param pres_params[] = {
    { .key = "presence.contacts_max",
      .shown_as = "Maximum Contact List Size (per user)",
      .help = "entries of one user's contact list",
      .type = GW_PARAM_INT,
      .offset = OF(contacts_max),
      .min = 1,
      .max = 10000,
      .def = "200",
      .word = "unlimited" },
    { .key = "presence.watchers_max",
      .shown_as = "Maximum Watchers (per user)",
      .help = "who may watch one user at the same time, requests that wait included; more are "
              "refused",
      .type = GW_PARAM_INT,
      .offset = OF(watchers_max),
      .min = 1,
      .max = 10000,
      .def = "200",
      .word = "unlimited" },
    { .key = "presence.auto_authorize",
      .shown_as = "Allow users to view the availability of others without being prompted",
      .help = "whose requests to watch are granted without asking the user: nobody's, those of "
              "local users, everybody's; what a user has decided himself comes first",
      .type = GW_PARAM_CHOICE,
      .offset = OF(auto_authorize),
      .def = "local",
      .choices = autos },
    { .key = "presence.denied_watchers",
      .shown_as = "Denied Watchers",
      .help =
          "what one whom the user denies is told: he sees the user offline, and may believe it; "
          "or that he is refused",
      .type = GW_PARAM_CHOICE,
      .offset = OF(denied_watchers),
      .def = "offline",
      .choices = denied },
    { .key = PRES_PARAM_MAIL,
      .shown_as = "Enable use of Email Address for Inter-domain Federation",
      .help =
          "on: other domains know users by their mail addresses, and by nothing else; must be the "
          "same on all nodes (kalendsctl federation mail)",
      .type = GW_PARAM_CHOICE,
      .offset = OF(mail),
      .def = "off",
      .choices = off_on },
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
