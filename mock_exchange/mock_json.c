#include "mock_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"

static bool list_has(const char *members, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = members; *p;) {
        size_t word = strcspn(p, " ");

        if (word == len && !memcmp(p, name, len))
            return true;
        p += word + strspn(p + word, " ");
    }
    return false;
}

/* Comments become blanks, so that lines keep their numbers. */
static void uncomment(char *text, size_t len)
{
    bool quoted = false, comment = false;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            quoted = comment = false; /* a text ends with its line, at the latest */
        else if (comment)
            text[i] = ' ';
        else if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted &&
                 (text[i] == '#' || (text[i] == '/' && i + 1 < len && text[i + 1] == '/'))) {
            comment = true;
            text[i] = ' ';
        }
    }
}

json_t *mock_json_parse(struct gw_str text, json_error_t *what)
{
    char *copy = gw_str_dup(text);
    json_t *json;

    uncomment(copy, text.len);
    json = json_loadb(copy, text.len, JSON_REJECT_DUPLICATES, what);
    free(copy);
    return json;
}

enum gw_code mock_json_only(const json_t *object, const char *what, const char *members,
                            struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return gw_fail(err, GW_INVALID, "%s is not a JSON object", what);
    json_object_foreach((json_t *)object, name, value)
    {
        if (!list_has(members, name))
            return gw_fail(err, GW_INVALID, "%s has no member %s; it may have: %s", what,
                           gw_quote(gw_str_of(name), quoted), members);
    }
    return GW_OK;
}

static struct gw_str text_of(const json_t *value)
{
    return (struct gw_str){ json_string_value(value), json_string_length(value) };
}

enum gw_code mock_json_text(const json_t *object, const char *member, struct gw_str *out,
                            struct gw_err *err)
{
    const json_t *value = json_object_get(object, member);

    if (!value)
        return GW_OK;
    if (!json_is_string(value) || memchr(json_string_value(value), 0, json_string_length(value)))
        return gw_fail(err, GW_INVALID, "'%s' is not a text", member);
    *out = text_of(value);
    return GW_OK;
}

enum gw_code mock_json_int(const json_t *object, const char *member, int64_t min, int64_t max,
                           int64_t *out, struct gw_err *err)
{
    const json_t *value = json_object_get(object, member);

    if (!value)
        return GW_OK;
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return gw_fail(err, GW_INVALID, "'%s' is not a whole number from %lld to %lld", member,
                       (long long)min, (long long)max);
    *out = json_integer_value(value);
    return GW_OK;
}

enum gw_code mock_json_share(const json_t *object, const char *member, double *out,
                             struct gw_err *err)
{
    const json_t *value = json_object_get(object, member);
    double share = json_number_value(value);

    if (!value)
        return GW_OK;
    if (!json_is_number(value) || !(share >= 0 && share <= 1))
        return gw_fail(err, GW_INVALID, "'%s' is not a number from 0 to 1", member);
    *out = share;
    return GW_OK;
}

enum gw_code mock_json_bool(const json_t *object, const char *member, bool *out, struct gw_err *err)
{
    const json_t *value = json_object_get(object, member);

    if (!value)
        return GW_OK;
    if (!json_is_boolean(value))
        return gw_fail(err, GW_INVALID, "'%s' is not true or false", member);
    *out = json_is_true(value);
    return GW_OK;
}

enum gw_code mock_json_word(const json_t *object, const char *member, const char *const *names,
                            int *out, struct gw_err *err)
{
    const json_t *value = json_object_get(object, member);
    char all[160] = "";
    size_t len = 0;

    if (!value)
        return GW_OK;
    for (int i = 0; names[i]; i++) {
        if (json_is_string(value) && gw_str_iis(text_of(value), names[i])) {
            *out = i;
            return GW_OK;
        }
        if (len < sizeof(all))
            len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "", names[i]);
    }
    return gw_fail(err, GW_INVALID, "'%s' is none of: %s", member, all);
}

/* One number and its unit; false when there is none. */
static bool span_part(struct gw_str *text, int64_t *ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } unit[] = { { "ms", 1 },
                 { "s", GW_SECOND_MS },
                 { "m", GW_MINUTE_MS },
                 { "h", GW_HOUR_MS },
                 { "d", GW_DAY_MS } };
    size_t digits = 0, letters;
    int64_t n;

    while (digits < text->len && text->p[digits] >= '0' && text->p[digits] <= '9')
        digits++;
    letters = digits;
    while (letters < text->len && text->p[letters] >= 'a' && text->p[letters] <= 'z')
        letters++;
    if (!gw_str_to_int(gw_str_sub(*text, 0, digits), 0, (int64_t)100 * 366 * 86400, &n))
        return false;
    for (size_t i = 0; i < sizeof(unit) / sizeof(*unit); i++) {
        if (!gw_str_is(gw_str_sub(*text, digits, letters), unit[i].name))
            continue;
        if (n > (int64_t)100 * 366 * GW_DAY_MS / unit[i].ms)
            return false;
        *ms = n * unit[i].ms;
        *text = gw_str_sub(*text, letters, text->len);
        return true;
    }
    return false;
}

bool mock_span_parse(struct gw_str text, int64_t *out_ms)
{
    int64_t sum = 0, part;

    for (int parts = 0; text.len; parts++) {
        if (parts == 5 || !span_part(&text, &part))
            return false;
        sum += part;
    }
    *out_ms = sum;
    return true;
}

bool mock_moment_parse(struct gw_str text, gw_utc now, gw_utc *out)
{
    int64_t span;
    bool back = gw_str_starts(text, "-");

    if (gw_str_is(text, "now")) {
        *out = now;
        return true;
    }
    if (back || gw_str_starts(text, "+") || gw_str_starts(text, "in ")) {
        text = gw_str_sub(text, gw_str_starts(text, "in ") ? 3 : 1, text.len);
        if (!text.len || !mock_span_parse(text, &span))
            return false;
        *out = back ? now - span : now + span;
        return true;
    }
    return gw_utc_parse(text, out, NULL) == GW_OK;
}

/* Seconds within a hundred years. */
static bool seconds_of(const json_t *value, int64_t *out_ms)
{
    double s = json_number_value(value);

    if (!json_is_number(value) || !(fabs(s) < 100.0 * 366 * 86400))
        return false;
    *out_ms = (int64_t)(s * GW_SECOND_MS);
    return true;
}

enum gw_code mock_json_span(const json_t *object, const char *member, int64_t *out_ms,
                            struct gw_err *err)
{
    const json_t *value = json_object_get(object, member);
    int64_t ms;

    if (!value)
        return GW_OK;
    if (!(json_is_string(value) && json_string_length(value) &&
          mock_span_parse(text_of(value), &ms)) &&
        !(seconds_of(value, &ms) && ms >= 0))
        return gw_fail(err, GW_INVALID,
                       "'%s' is not a length of time: \"90s\", \"1h30m\", \"500ms\" or seconds",
                       member);
    *out_ms = ms;
    return GW_OK;
}

enum gw_code mock_json_moment(const json_t *object, const char *member, gw_utc now, gw_utc *out,
                              struct gw_err *err)
{
    const json_t *value = json_object_get(object, member);
    int64_t ms;

    if (!value)
        return GW_OK;
    if (json_is_string(value) && mock_moment_parse(text_of(value), now, out))
        return GW_OK;
    if (!seconds_of(value, &ms))
        return gw_fail(err, GW_INVALID,
                       "'%s' is not a time: \"2026-11-20T09:00:00Z\", \"+5s\", \"-1h30m\", \"now\" "
                       "or seconds from now",
                       member);
    *out = now + ms;
    return GW_OK;
}

json_t *mock_json_utc(gw_utc t)
{
    char text[GW_UTC_TEXT_MAX];

    return t ? json_string(gw_utc_text(t, text)) : json_null();
}
