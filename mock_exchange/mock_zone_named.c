/* ICU knows when a clock is changed, Windows a rule for each year: the rules are found by looking at
 * the changes of every year. */
#include "mock_zone_named.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ucal.h>
#include <unicode/uenum.h>
#include <unicode/ustring.h>

#include "gw_mem.h"

enum { NAME_MAX_ICU = 128, ZONES_MAX = 400 };

static gw_utc year_start(int year)
{
    struct gw_civil c = { .year = year, .month = 1, .day = 1 };

    return gw_civil_to_utc(&c);
}

static int64_t offset_at(UCalendar *calendar, gw_utc t)
{
    UErrorCode status = U_ZERO_ERROR;

    ucal_setMillis(calendar, (UDate)t, &status);
    return ucal_get(calendar, UCAL_ZONE_OFFSET, &status) +
           ucal_get(calendar, UCAL_DST_OFFSET, &status);
}

/* What time of the year it is, by the clock before the change. */
static void change_describe(gw_utc at, int64_t offset_before, struct mock_zone_change *out)
{
    struct gw_civil c, next_week;

    gw_utc_to_civil(at + offset_before, &c);
    gw_utc_to_civil(at + offset_before + (int64_t)7 * GW_DAY_MS, &next_week);
    out->month = c.month;
    out->weekday = c.weekday;
    out->order = next_week.month != c.month ? 5 : (c.day - 1) / 7 + 1;
    out->second_of_day = c.hour * 3600 + c.minute * 60 + c.second;
}

static int minutes_west(int64_t offset)
{
    return (int)(-offset / GW_MINUTE_MS);
}

/* The zone's changes, one after the other: asking ICU for an offset is not cheap. */
struct walk {
    UCalendar *calendar;
    int64_t offset; /* in force until the next change */
    gw_utc at;      /* of that; GW_NEVER: none in the years that count */
    int64_t after;
};

static void walk_on(struct walk *w)
{
    UErrorCode status = U_ZERO_ERROR;
    UDate at;

    w->at = GW_NEVER;
    while (ucal_getTimeZoneTransitionDate(w->calendar, UCAL_TZ_TRANSITION_NEXT, &at, &status) &&
           at < (UDate)year_start(MOCK_ZONE_YEAR_LAST + 1)) {
        w->after = offset_at(w->calendar, (gw_utc)at);
        if (w->after != w->offset) { /* and not only a new name */
            w->at = (gw_utc)at;
            return;
        }
    }
}

static void walk_start(struct walk *w, UCalendar *calendar)
{
    w->calendar = calendar;
    w->offset = offset_at(calendar, year_start(MOCK_ZONE_YEAR_FIRST) - 1);
    walk_on(w);
}

/* A year with a change there and one back has daylight time; any other counts as it ended. */
static void year_read(struct walk *w, int year, struct mock_zone *out)
{
    gw_utc end = year_start(year + 1), change[2];
    int64_t before[2];
    int count = 0, to_daylight;

    while (w->at < end) {
        if (count < 2) {
            change[count] = w->at;
            before[count] = w->offset;
        }
        count++;
        w->offset = w->after;
        walk_on(w);
    }
    *out = (struct mock_zone){ .bias = minutes_west(w->offset) };
    if (count != 2 || before[0] != w->offset)
        return;
    to_daylight = before[0] < before[1] ? 0 : 1;
    out->bias = minutes_west(before[to_daylight]);
    out->daylight.bias = minutes_west(before[1 - to_daylight]) - out->bias;
    change_describe(change[to_daylight], before[to_daylight], &out->daylight);
    change_describe(change[1 - to_daylight], before[1 - to_daylight], &out->standard);
}

static void runs_read(UCalendar *calendar, struct mock_zone_named *out)
{
    struct walk walk;

    walk_start(&walk, calendar);
    for (int year = MOCK_ZONE_YEAR_FIRST; year <= MOCK_ZONE_YEAR_LAST; year++) {
        struct mock_zone_run run = { .from_year = year };

        year_read(&walk, year, &run.zone);
        if (out->run_count &&
            !memcmp(&out->run[out->run_count - 1].zone, &run.zone, sizeof(run.zone)))
            continue;
        if (out->run_count == MOCK_ZONE_RUNS_MAX) {
            memmove(out->run, out->run + 1, (MOCK_ZONE_RUNS_MAX - 1) * sizeof(*out->run));
            out->run_count--;
        }
        out->run[out->run_count++] = run;
    }
}

/* "(UTC+01:00) Berlin": the standard time now, and the city of the IANA's name. */
static void display_write(struct mock_zone_named *out, const char *iana)
{
    int west = out->run[out->run_count - 1].zone.bias;
    const char *city = strrchr(iana, '/');
    char hours[16] = "";

    if (west)
        snprintf(hours, sizeof(hours), "%c%02d:%02d", west < 0 ? '+' : '-', abs(west) / 60,
                 abs(west) % 60);
    snprintf(out->display, sizeof(out->display), "(UTC%s) %.60s", hours,
             strcmp(iana, "Etc/UTC") != 0 ? (city ? city + 1 : iana)
                                          : "Coordinated Universal Time");
    for (char *c = out->display; *c; c++)
        if (*c == '_')
            *c = ' ';
}

/* Windows' and the IANA's name of a zone, whichever was given. */
static bool names_find(struct gw_str name, UChar windows[NAME_MAX_ICU], UChar iana[NAME_MAX_ICU])
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t len;

    if (!name.len || name.len >= NAME_MAX_ICU || !gw_str_is_utf8(name))
        return false;
    u_strFromUTF8(windows, NAME_MAX_ICU, &len, name.p, (int32_t)name.len, &status);
    len = ucal_getTimeZoneIDForWindowsID(windows, len, NULL, iana, NAME_MAX_ICU, &status);
    if (U_SUCCESS(status) && len > 0)
        return true;
    status = U_ZERO_ERROR;
    u_strcpy(iana, windows);
    len = ucal_getWindowsTimeZoneID(iana, u_strlen(iana), windows, NAME_MAX_ICU, &status);
    return U_SUCCESS(status) && len > 0;
}

bool mock_zone_find(struct gw_str name, struct mock_zone_named *out)
{
    UChar windows[NAME_MAX_ICU], iana[NAME_MAX_ICU];
    UErrorCode status = U_ZERO_ERROR;
    struct mock_zone_named named = { .run_count = 0 };
    char iana_text[NAME_MAX_ICU];
    UCalendar *calendar;

    if (!names_find(name, windows, iana))
        return false;
    calendar = ucal_open(iana, -1, "en", UCAL_GREGORIAN, &status);
    if (U_FAILURE(status))
        return false;
    u_strToUTF8(named.id, sizeof(named.id), NULL, windows, -1, &status);
    u_strToUTF8(iana_text, sizeof(iana_text), NULL, iana, -1, &status);
    runs_read(calendar, &named);
    ucal_close(calendar);
    if (U_FAILURE(status))
        return false;
    display_write(&named, iana_text);
    *out = named;
    return true;
}

const struct mock_zone *mock_zone_at(const struct mock_zone_named *named, gw_utc utc)
{
    size_t run = named->run_count - 1;
    struct gw_civil c;

    gw_utc_to_civil(utc - (int64_t)named->run[run].zone.bias * GW_MINUTE_MS, &c);
    while (run && named->run[run].from_year > c.year)
        run--;
    return &named->run[run].zone;
}

gw_utc mock_zone_named_to_utc(const struct mock_zone_named *named, gw_utc local)
{
    return mock_zone_to_utc(mock_zone_at(named, local), local);
}

gw_utc mock_zone_named_to_local(const struct mock_zone_named *named, gw_utc utc)
{
    return utc + mock_zone_offset(mock_zone_at(named, utc), utc);
}

struct mock_zone_named mock_zone_of(const struct mock_zone *zone)
{
    struct mock_zone_named named = { .run_count = 1 };

    named.run[0].zone = *zone;
    return named;
}

enum gw_code mock_zone_named_parse(const struct mock_zone_named *named, struct gw_str text,
                                   gw_utc *out)
{
    gw_utc about;
    enum gw_code rc = gw_utc_parse(text, &about, NULL);

    return rc ? rc : mock_zone_parse(mock_zone_at(named, about), text, out);
}

void mock_zone_named_write(const struct mock_zone_named *named, gw_utc utc, struct gw_buf *out)
{
    mock_zone_write(mock_zone_at(named, utc), utc, out);
}

static int text_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Windows' names; gives the array and its texts. */
static char **zone_names(size_t *count)
{
    char **names = gw_realloc(NULL, ZONES_MAX, sizeof(*names));
    UErrorCode status = U_ZERO_ERROR;
    UEnumeration *all =
        ucal_openTimeZoneIDEnumeration(UCAL_ZONE_TYPE_CANONICAL, NULL, NULL, &status);
    size_t found = 0, kept = 0;
    const UChar *iana;

    while (found < ZONES_MAX && (iana = uenum_unext(all, NULL, &status))) {
        UChar windows[NAME_MAX_ICU], back[NAME_MAX_ICU];
        char text[NAME_MAX_ICU];
        UErrorCode missing = U_ZERO_ERROR;

        /* each Windows zone once: with the place that it stands for */
        if (ucal_getWindowsTimeZoneID(iana, -1, windows, NAME_MAX_ICU, &missing) <= 0 ||
            ucal_getTimeZoneIDForWindowsID(windows, -1, NULL, back, NAME_MAX_ICU, &missing) <= 0 ||
            U_FAILURE(missing) || u_strcmp(back, iana) != 0)
            continue;
        u_strToUTF8(text, sizeof(text), NULL, windows, -1, &missing);
        names[found++] = gw_str_dup(gw_str_of(text));
    }
    uenum_close(all);
    qsort(names, found, sizeof(*names), text_cmp);
    for (size_t i = 0; i < found; i++) {
        if (kept && !strcmp(names[kept - 1], names[i]))
            free(names[i]);
        else
            names[kept++] = names[i];
    }
    *count = kept;
    return names;
}

struct mock_zones {
    struct mock_zone_named *all; /* NULL: not asked for yet */
    size_t count;
};

struct mock_zones *mock_zones_new(void)
{
    return gw_new(struct mock_zones);
}

void mock_zones_free(struct mock_zones **zonesp)
{
    struct mock_zones *zones = *zonesp;

    if (!zones)
        return;
    *zonesp = NULL;
    free(zones->all);
    free(zones);
}

const struct mock_zone_named *mock_zones_all(struct mock_zones *zones, size_t *count)
{
    if (!zones->all) {
        size_t found;
        char **names = zone_names(&found);

        zones->all = gw_realloc(NULL, found + 1, sizeof(*zones->all));
        for (size_t i = 0; i < found; i++) {
            zones->count += mock_zone_find(gw_str_of(names[i]), &zones->all[zones->count]);
            free(names[i]);
        }
        free(names);
    }
    *count = zones->count;
    return zones->all;
}
