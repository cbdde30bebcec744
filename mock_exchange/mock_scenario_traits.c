/* The part "traits" of a user: what makes its mailbox different. */
#include <stdio.h>
#include <string.h>

#include "gw_log.h"
#include "mock_priv.h"
#include "mock_soap.h"
#include "mock_zone_named.h"

/* "08:30", up to "24:00". */
static enum gw_code clock_read(const json_t *json, const char *member, int *out_min,
                               struct gw_err *err)
{
    struct gw_str text = { NULL, 0 }, hours, minutes;
    int64_t h, m;
    enum gw_code rc = mock_json_text(json, member, &text, err);

    if (rc || !text.p)
        return rc;
    if (!gw_str_cut(text, ":", &hours, &minutes) || !gw_str_to_int(hours, 0, 24, &h) ||
        minutes.len != 2 || !gw_str_to_int(minutes, 0, h == 24 ? 0 : 59, &m))
        return gw_fail(err, GW_INVALID, "hours: '%s' is not a time as 08:30", member);
    *out_min = (int)(60 * h + m);
    return GW_OK;
}

static enum gw_code days_read(const json_t *json, unsigned *out, struct gw_err *err)
{
    const json_t *list = json_object_get(json, "days");
    unsigned days = 0;

    if (!list)
        return GW_OK;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        int day;

        if (!mock_word_parse(gw_str_of(name), mock_weekday_name, &day))
            return gw_fail(err, GW_INVALID, "hours: 'days' has more than names of days in it");
        days |= 1u << day;
    }
    if (!days)
        return gw_fail(err, GW_INVALID, "hours: 'days' is not a list of days");
    *out = days;
    return GW_OK;
}

static enum gw_code hours_read(const json_t *json, gw_utc now, struct mock_hours *hours,
                               struct gw_err *err)
{
    struct gw_str zone = { NULL, 0 };
    struct mock_zone_named named;
    char quoted[GW_QUOTE_MAX];
    enum gw_code rc;

    if (!json)
        return GW_OK;
    rc = mock_json_only(json, "hours", "zone days start end", err);
    if (!rc)
        rc = mock_json_text(json, "zone", &zone, err);
    if (!rc && zone.p && !mock_zone_find(zone, &named))
        rc = gw_fail(err, GW_INVALID, "hours: no time zone %s", gw_quote(zone, quoted));
    if (!rc)
        rc = days_read(json, &hours->days, err);
    if (!rc)
        rc = clock_read(json, "start", &hours->start_min, err);
    if (!rc)
        rc = clock_read(json, "end", &hours->end_min, err);
    if (!rc && hours->end_min <= hours->start_min)
        rc = gw_fail(err, GW_INVALID, "hours: 'end' is not after 'start'");
    if (rc || !zone.p)
        return rc;
    snprintf(hours->zone_id, sizeof(hours->zone_id), "%s", named.id);
    hours->zone = *mock_zone_at(&named, now);
    return GW_OK;
}

/* An empty text takes away what was set. */
static enum gw_code text_read(const json_t *json, const char *member, char **out,
                              struct gw_err *err)
{
    struct gw_str text = { NULL, 0 };
    enum gw_code rc = mock_json_text(json, member, &text, err);

    if (rc || !text.p)
        return rc;
    if (text.len > MOCK_TEXT_MAX)
        return gw_fail(err, GW_INVALID, "'%s' is longer than %d bytes", member, MOCK_TEXT_MAX);
    *out = text.len ? (char *)text.p : NULL;
    return GW_OK;
}

static enum gw_code discovery_read(const json_t *json, struct mock_discovery *out,
                                   struct gw_err *err)
{
    int word = (int)out->level;
    enum gw_code rc;

    if (!json)
        return GW_OK;
    rc = mock_json_only(json, "autodiscover",
                        "redirect_address redirect_url error_level error_code", err);
    if (!rc)
        rc = text_read(json, "redirect_address", &out->redirect_address, err);
    if (!rc)
        rc = text_read(json, "redirect_url", &out->redirect_url, err);
    if (!rc)
        rc = mock_json_word(json, "error_level", mock_discovery_level_name, &word, err);
    if (!rc)
        rc = text_read(json, "error_code", &out->error_code, err);
    out->level = (enum mock_discovery_level)word;
    if (!rc && out->level && !out->error_code)
        rc = gw_fail(err, GW_INVALID, "autodiscover: 'error_level' without 'error_code'");
    return rc;
}

static enum gw_code code_read(const json_t *json, const char **out, struct gw_err *err)
{
    struct gw_str code = { NULL, 0 };
    char quoted[GW_QUOTE_MAX];
    enum gw_code rc = mock_json_text(json, "free_busy_error", &code, err);

    if (rc || !code.p)
        return rc;
    *out = mock_code_find(code);
    if (code.len && !*out)
        return gw_fail(err, GW_INVALID, "free_busy_error: %s is not a ResponseCode known here",
                       gw_quote(code, quoted));
    return GW_OK;
}

enum gw_code mock_scenario_traits(struct mock_mailbox *mailbox, const json_t *json, gw_utc now,
                                  struct gw_err *err)
{
    struct mock_traits traits = *mock_mailbox_traits(mailbox);
    int word = (int)traits.sharing;
    enum gw_code rc =
        mock_json_only(json, "traits",
                       "hours sharing free_busy_error tips_pending external_oof autodiscover", err);

    if (!rc)
        rc = hours_read(json_object_get(json, "hours"), now, &traits.hours, err);
    if (!rc)
        rc = mock_json_word(json, "sharing", mock_sharing_name, &word, err);
    if (!rc)
        rc = code_read(json, &traits.free_busy_error, err);
    if (!rc)
        rc = mock_json_bool(json, "tips_pending", &traits.tips_pending, err);
    if (!rc)
        rc = mock_json_bool(json, "external_oof", &traits.external_oof, err);
    if (!rc)
        rc = discovery_read(json_object_get(json, "autodiscover"), &traits.discovery, err);
    if (rc)
        return rc;
    traits.sharing = (enum mock_sharing)word;
    mock_mailbox_set_traits(mailbox, &traits);
    return GW_OK;
}
