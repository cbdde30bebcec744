#include "bridge_settings.h"

#include "bridge_voice.h"

const struct gw_param bridge_params[] = {
    { .key = "presence.language",
      .shown_as = "Language",
      .help = "of what presence says of users who have no language of their own: en, ja, or one "
              "with texts that were set",
      .type = GW_PARAM_TEXT,
      .offset = offsetof(struct bridge_settings, language),
      .min = 2,
      .max = BRIDGE_LANGUAGE_MAX - 1,
      .def = "en" },
    { .key = "presence.zone",
      .shown_as = "Time Zone",
      .help = "of users who have none of their own and whose Exchange names none, such as "
              "Europe/Berlin; empty: the machine's",
      .type = GW_PARAM_TEXT,
      .offset = offsetof(struct bridge_settings, zone),
      .min = 0,
      .max = BRIDGE_ZONE_MAX,
      .def = "" },
};

const size_t bridge_param_count = sizeof(bridge_params) / sizeof(bridge_params[0]);

enum gw_code bridge_settings_check(const struct bridge_settings *s, struct gw_err *err)
{
    char language[BRIDGE_LANGUAGE_MAX];
    enum gw_code rc = bridge_language_of(gw_str_of(s->language), language, err);

    if (rc)
        return rc;
    if (s->zone[0] && !bridge_zone_is_known(gw_str_of(s->zone)))
        return gw_fail(err, GW_INVALID,
                       "time zone '%s' is not known: zones are named like Europe/Berlin", s->zone);
    return GW_OK;
}
