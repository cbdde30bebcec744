#include "bridge_voice.h"

#include <stdlib.h>
#include <string.h>

#include <unicode/ucal.h>
#include <unicode/udat.h>
#include <unicode/udatpg.h>
#include <unicode/uenum.h>
#include <unicode/ustring.h>

#include "gw_mem.h"

enum { WIDE_MAX = 128 };

/* Hours are written 0 to 23 in every language: "until 3" would leave one guessing. */
enum style { CLOCK, DAY, DAY_YEAR, ZONE, ZONE_ALL_YEAR, STYLES };
static const UChar *const skeleton[STYLES] = {
    [CLOCK] = u"Hm", [DAY] = u"MMMEdHm",     [DAY_YEAR] = u"yMMMEdHm",
    [ZONE] = u"z",   [ZONE_ALL_YEAR] = u"v",
};

struct bridge_voice {
    const char *pattern[BRIDGE_TEXTS];
    UDateFormat *format[STYLES];
    UCalendar *calendar;
};

static bool wide(struct gw_str s, UChar out[WIDE_MAX])
{
    UErrorCode status = U_ZERO_ERROR;

    u_strFromUTF8(out, WIDE_MAX, NULL, s.p ? s.p : "", (int32_t)s.len, &status);
    return U_SUCCESS(status) && status != U_STRING_NOT_TERMINATED_WARNING;
}

static void add_wide(const UChar *s, int32_t len, struct gw_buf *out)
{
    char text[WIDE_MAX * 3];
    UErrorCode status = U_ZERO_ERROR;
    int32_t n = 0;

    u_strToUTF8(text, sizeof(text), &n, s, len, &status);
    if (U_SUCCESS(status))
        gw_buf_add(out, text, (size_t)n);
}

bool bridge_zone_is_known(struct gw_str zone)
{
    UChar id[WIDE_MAX], canonical[WIDE_MAX];
    UErrorCode status = U_ZERO_ERROR;
    UBool is_system = false;

    if (!zone.len || zone.len > BRIDGE_ZONE_MAX || !wide(zone, id))
        return false;
    (void)ucal_getCanonicalTimeZoneID(id, -1, canonical, WIDE_MAX, &is_system, &status);
    return U_SUCCESS(status) && is_system;
}

void bridge_zone_of_machine(struct gw_buf *out)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar id[WIDE_MAX];
    int32_t len = ucal_getHostTimeZone(id, WIDE_MAX, &status);

    if (U_SUCCESS(status))
        add_wide(id, len, out);
}

/* ---- a zone for a rule ---- */

/* Where several zones have the same clocks the first of these is taken: names of abbreviations differ. */
static const char *const well_known[] = {
    "Etc/UTC",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Helsinki",
    "Europe/Moscow",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Halifax",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Asia/Tokyo",
    "Asia/Shanghai",
    "Asia/Kolkata",
    "Asia/Dubai",
    "Australia/Sydney",
    "Pacific/Auckland",
    NULL,
};

enum { MONTHS = 12, LOOKS = 2 * MONTHS + 4 };

/* The middle and the end of each month, and both sides of each change. */
static size_t looks_of(const struct gw_zone *rule, gw_utc near, gw_utc look[LOOKS])
{
    struct gw_civil c;
    gw_utc change[2];
    size_t n = 0;

    gw_utc_to_civil(near, &c);
    for (int month = 1; month <= MONTHS; month++) {
        gw_utc middle =
            gw_civil_to_utc(&(struct gw_civil){ .year = c.year, .month = month, .day = 15 });

        look[n++] = middle;
        look[n++] = middle + 15 * (gw_utc)GW_DAY_MS;
    }
    for (int i = 0; i < 2 && gw_zone_changes(rule, near, change); i++) {
        look[n++] = change[i] - GW_SECOND_MS;
        look[n++] = change[i];
    }
    return n;
}

static bool goes_like(const UChar *id, const struct gw_zone *rule, const gw_utc *look, size_t count)
{
    UErrorCode status = U_ZERO_ERROR;
    UCalendar *calendar = ucal_open(id, -1, "en", UCAL_GREGORIAN, &status);
    bool same = U_SUCCESS(status);

    for (size_t i = 0; i < count && same; i++) {
        ucal_setMillis(calendar, (UDate)look[i], &status);
        same = ucal_get(calendar, UCAL_ZONE_OFFSET, &status) +
                   ucal_get(calendar, UCAL_DST_OFFSET, &status) ==
               gw_zone_offset(rule, look[i]);
    }
    ucal_close(calendar);
    return same && U_SUCCESS(status);
}

static bool any_zone(const struct gw_zone *rule, const gw_utc *look, size_t count,
                     struct gw_buf *out)
{
    const int32_t raw = -(rule->bias + rule->standard.bias) * GW_MINUTE_MS;
    UErrorCode status = U_ZERO_ERROR;
    UEnumeration *all =
        ucal_openTimeZoneIDEnumeration(UCAL_ZONE_TYPE_CANONICAL, NULL, &raw, &status);
    const UChar *id = NULL;
    int32_t len = 0;

    if (U_FAILURE(status))
        return false;
    while ((id = uenum_unext(all, &len, &status)) && !goes_like(id, rule, look, count))
        ;
    if (id)
        add_wide(id, len, out);
    uenum_close(all);
    return id != NULL;
}

bool bridge_zone_of_rule(const struct gw_zone *rule, struct gw_str first, gw_utc near,
                         struct gw_buf *out)
{
    gw_utc look[LOOKS];
    size_t count = looks_of(rule, near, look);
    UChar id[WIDE_MAX];

    if (bridge_zone_is_known(first) && wide(first, id) && goes_like(id, rule, look, count)) {
        gw_buf_add_str(out, first);
        return true;
    }
    for (size_t i = 0; well_known[i]; i++) {
        if (!wide(gw_str_of(well_known[i]), id) || !goes_like(id, rule, look, count))
            continue;
        gw_buf_add_cstr(out, well_known[i]);
        return true;
    }
    return any_zone(rule, look, count, out);
}

static UDateFormat *format_open(UDateTimePatternGenerator *generator, const char *locale,
                                const UChar *zone, enum style style)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar pattern[WIDE_MAX];
    int32_t len = udatpg_getBestPattern(generator, skeleton[style], -1, pattern, WIDE_MAX, &status);
    UDateFormat *format =
        udat_open(UDAT_PATTERN, UDAT_PATTERN, locale, zone, -1, pattern, len, &status);

    return U_SUCCESS(status) ? format : NULL;
}

struct bridge_voice *bridge_voice_new(const struct bridge_texts *texts, struct gw_str language,
                                      struct gw_str zone)
{
    struct bridge_voice *v = gw_new(struct bridge_voice);
    char locale[BRIDGE_LANGUAGE_MAX] = "en";
    UErrorCode status = U_ZERO_ERROR;
    UDateTimePatternGenerator *generator;
    UChar id[WIDE_MAX];

    if (bridge_texts_speaks(texts, language))
        (void)bridge_language_of(language, locale, NULL);
    for (int i = 0; i < BRIDGE_TEXTS; i++)
        v->pattern[i] = bridge_texts_get(texts, gw_str_of(locale), (enum bridge_text)i);
    (void)wide(bridge_zone_is_known(zone) ? zone : GW_STR("Etc/UTC"), id);
    generator = udatpg_open(locale, &status);
    for (int i = 0; i < STYLES && U_SUCCESS(status); i++)
        v->format[i] = format_open(generator, locale, id, (enum style)i);
    udatpg_close(generator);
    status = U_ZERO_ERROR;
    v->calendar = ucal_open(id, -1, locale, UCAL_GREGORIAN, &status);
    return v;
}

void bridge_voice_free(struct bridge_voice **vp)
{
    struct bridge_voice *v = *vp;

    if (!v)
        return;
    *vp = NULL;
    for (int i = 0; i < STYLES; i++)
        udat_close(v->format[i]);
    ucal_close(v->calendar);
    free(v);
}

struct gw_str bridge_voice_text(const struct bridge_voice *v, enum bridge_text text)
{
    return gw_str_of(v->pattern[text]);
}

static void format(const struct bridge_voice *v, enum style style, gw_utc t, struct gw_buf *out)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar text[WIDE_MAX];
    int32_t len;

    if (!v->format[style])
        return;
    len = udat_format(v->format[style], (UDate)t, text, WIDE_MAX, NULL, &status);
    if (U_SUCCESS(status))
        add_wide(text, len, out);
}

static int32_t field_at(const struct bridge_voice *v, gw_utc t, UCalendarDateFields field)
{
    UErrorCode status = U_ZERO_ERROR;

    ucal_setMillis(v->calendar, (UDate)t, &status);
    return ucal_get(v->calendar, field, &status);
}

bool bridge_voice_same_day(const struct bridge_voice *v, gw_utc a, gw_utc b)
{
    return field_at(v, a, UCAL_JULIAN_DAY) == field_at(v, b, UCAL_JULIAN_DAY);
}

void bridge_voice_clock(const struct bridge_voice *v, gw_utc t, struct gw_buf *out)
{
    format(v, CLOCK, t, out);
}

void bridge_voice_date(const struct bridge_voice *v, gw_utc t, gw_utc near, struct gw_buf *out)
{
    bool same_year = field_at(v, t, UCAL_EXTENDED_YEAR) == field_at(v, near, UCAL_EXTENDED_YEAR);

    format(v, same_year ? DAY : DAY_YEAR, t, out);
}

static int32_t offset_at(const struct bridge_voice *v, gw_utc t)
{
    return field_at(v, t, UCAL_ZONE_OFFSET) + field_at(v, t, UCAL_DST_OFFSET);
}

void bridge_voice_zone(const struct bridge_voice *v, gw_utc a, gw_utc b, struct gw_buf *out)
{
    format(v, offset_at(v, a) == offset_at(v, b) ? ZONE : ZONE_ALL_YEAR, a, out);
}

static bool date_parse(struct gw_str text, int64_t date[3])
{
    struct gw_str year, month, day;

    return text.len == 10 && gw_str_cut(text, "-", &year, &month) &&
           gw_str_cut(month, "-", &month, &day) && gw_str_to_int(year, 1970, 9000, &date[0]) &&
           gw_str_to_int(month, 1, 12, &date[1]) && gw_str_to_int(day, 1, 31, &date[2]);
}

static gw_utc midnight(const struct bridge_voice *v, int32_t year, int32_t month, int32_t day)
{
    UErrorCode status = U_ZERO_ERROR;

    ucal_clear(v->calendar);
    ucal_setDate(v->calendar, year, month, day, &status);
    return (gw_utc)ucal_getMillis(v->calendar, &status);
}

enum gw_code bridge_voice_day(const struct bridge_voice *v, struct gw_str day, gw_utc now,
                              gw_utc *from, gw_utc *to, struct gw_err *err)
{
    int64_t date[3] = { field_at(v, now, UCAL_EXTENDED_YEAR), field_at(v, now, UCAL_MONTH) + 1,
                        field_at(v, now, UCAL_DATE) };

    if (day.len && !date_parse(day, date))
        return gw_fail(err, GW_INVALID, "a day is written like 2026-12-01, not '%.*s'",
                       GW_STR_ARG(gw_str_utf8_cut(day, 20)));
    *from = midnight(v, (int32_t)date[0], (int32_t)date[1] - 1, (int32_t)date[2]);
    if (field_at(v, *from, UCAL_DATE) != date[2])
        return gw_fail(err, GW_INVALID, "there is no %.*s", GW_STR_ARG(day));
    *to = midnight(v, (int32_t)date[0], (int32_t)date[1] - 1, (int32_t)date[2] + 1);
    return GW_OK;
}
