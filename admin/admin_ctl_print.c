/* What is printed: text made harmless, JSON, times in the local zone, tables. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "admin_ctl.h"
#include "gw_list.h"
#include "gw_mem.h"

/* --- text */

static bool is_harmless(uint32_t cp)
{
    if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
        return false;
    /* What turns the direction of the text around it, or ends a line where none is expected. */
    if ((cp >= 0x200e && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
        (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff)
        return false;
    return true;
}

void ctl_text_add(struct gw_buf *out, struct gw_str text)
{
    uint32_t cp;
    size_t len;

    while (text.len > 0) {
        len = gw_utf8_decode(text, &cp);
        if (len == 0) {
            gw_buf_addf(out, "\\x%02x", (unsigned char)text.p[0]);
            len = 1;
        } else if (is_harmless(cp)) {
            gw_buf_add(out, text.p, len);
        } else if (cp == '\n' || cp == '\t' || cp == '\r') {
            gw_buf_addf(out, "\\%c", cp == '\n' ? 'n' : cp == '\t' ? 't' : 'r');
        } else {
            gw_buf_addf(out, cp < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)cp);
        }
        text = gw_str_sub(text, len, text.len);
    }
}

/* Columns on a terminal; a locale that does not know a character counts it as one. */
static size_t text_width(const char *text)
{
    struct gw_str rest = gw_str_of(text);
    size_t width = 0, len;
    uint32_t cp;
    int w;

    while (rest.len > 0) {
        len = gw_utf8_decode(rest, &cp);
        w = len ? wcwidth((wchar_t)cp) : 1;
        width += w < 0 ? 1 : (size_t)w;
        rest = gw_str_sub(rest, len ? len : 1, rest.len);
    }
    return width;
}

/* --- JSON */

static void print_json(const json_t *json, size_t flags)
{
    (void)json_dumpf(json, stdout, flags | JSON_ENCODE_ANY);
    (void)putchar('\n');
}

void ctl_print_json(const json_t *json)
{
    print_json(json, JSON_INDENT(2));
}

void ctl_print_json_line(const json_t *json)
{
    print_json(json, JSON_COMPACT);
}

const char *ctl_str(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

json_int_t ctl_int(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

bool ctl_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

gw_utc ctl_utc(const json_t *object, const char *name)
{
    gw_utc t;

    return gw_utc_parse(gw_str_of(ctl_str(object, name)), &t, NULL) ? 0 : t;
}

/* --- times */

static bool local_time(gw_utc t, struct tm *out)
{
    time_t seconds = (time_t)(t / GW_SECOND_MS - (t % GW_SECOND_MS < 0));

    return localtime_r(&seconds, out) != NULL;
}

const char *ctl_clock(gw_utc t, gw_utc now, char out[CTL_TIME_MAX])
{
    struct tm at, today;
    bool same_day;

    if (!local_time(t, &at) || !local_time(now, &today)) {
        out[0] = '\0';
        return out;
    }
    same_day = at.tm_year == today.tm_year && at.tm_yday == today.tm_yday;
    (void)strftime(out, CTL_TIME_MAX, same_day ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &at);
    return out;
}

static bool whole(const char *text, const char *format, struct tm *out)
{
    const char *end = strptime(text, format, out);

    return end && !*end;
}

/* Of today, or of tomorrow when it has been today. */
static bool next_time_of_day(const char *text, gw_utc now, struct tm *out)
{
    struct tm day;

    if (!local_time(now, &day) || !whole(text, "%H:%M", &day))
        return false;
    *out = day;
    out->tm_sec = 0;
    out->tm_isdst = -1;
    if (mktime(&day) * (gw_utc)GW_SECOND_MS <= now)
        out->tm_mday++;
    return true;
}

static bool time_parse(const char *text, gw_utc now, gw_utc *out)
{
    struct tm at = { .tm_isdst = -1 };
    time_t t;

    if (!next_time_of_day(text, now, &at) && !whole(text, "%Y-%m-%d %H:%M", &at))
        return strchr(text, 'T') && !gw_utc_parse(gw_str_of(text), out, NULL);
    t = mktime(&at);
    if (t == (time_t)-1)
        return false;
    *out = (gw_utc)t * GW_SECOND_MS;
    return true;
}

bool ctl_time_read(const struct ctl *ctl, const char *text, char out[GW_UTC_TEXT_MAX])
{
    gw_utc t;

    if (!time_parse(text, ctl->now, &t)) {
        ctl_complain(ctl, "usage",
                     "'%s' is no time: 15:00, '2026-11-20 15:00' or 2026-11-20T15:00:00Z", text);
        return false;
    }
    (void)gw_utc_text(t, out);
    return true;
}

/* "4 min", "1 h 20 min", "3 days" */
static void span_text(gw_utc ms, char *out, size_t size)
{
    int64_t s = ms / GW_SECOND_MS, min = s / 60, h = min / 60;

    if (s < 90)
        (void)snprintf(out, size, "%" PRId64 " s", s);
    else if (min < 60)
        (void)snprintf(out, size, "%" PRId64 " min", min);
    else if (h < 10 && min % 60)
        (void)snprintf(out, size, "%" PRId64 " h %" PRId64 " min", h, min % 60);
    else if (h < 48)
        (void)snprintf(out, size, "%" PRId64 " h", h);
    else
        (void)snprintf(out, size, "%" PRId64 " days", h / 24);
}

const char *ctl_time(gw_utc t, gw_utc now, const char *unknown, char out[CTL_TIME_MAX])
{
    gw_utc away = t > now ? t - now : now - t;
    char span[32], clock[CTL_TIME_MAX];

    if (t == 0) {
        (void)snprintf(out, CTL_TIME_MAX, "%s", unknown);
        return out;
    }
    (void)ctl_clock(t, now, clock);
    span_text(away, span, sizeof(span));
    if (away < GW_SECOND_MS)
        (void)snprintf(out, CTL_TIME_MAX, "%.24s (now)", clock);
    else
        (void)snprintf(out, CTL_TIME_MAX, "%.24s (%s%s%s)", clock, t > now ? "in " : "", span,
                       t > now ? "" : " ago");
    return out;
}

/* --- tables */

enum { COLUMNS_MAX = 12, GAP = 2 };

struct ctl_table {
    size_t columns, cells, cap;
    bool number[COLUMNS_MAX];
    size_t width[COLUMNS_MAX];
    char **cell; /* the head is the first row */
};

struct ctl_table *ctl_table_new(const char *head)
{
    struct ctl_table *t = gw_new(struct ctl_table);
    struct gw_str rest = gw_str_of(head), title[COLUMNS_MAX];
    size_t i;
    char *text;

    while (t->columns < COLUMNS_MAX && gw_str_cut(rest, "|", &title[t->columns], &rest))
        t->columns++;
    title[t->columns++] = rest;
    for (i = 0; i < t->columns; i++) {
        t->number[i] = gw_str_ends(title[i], ">");
        text = gw_str_dup(gw_str_sub(title[i], 0, title[i].len - t->number[i]));
        ctl_table_cell(t, text);
        free(text);
    }
    return t;
}

void ctl_table_cell(struct ctl_table *t, const char *text)
{
    size_t column = t->cells % t->columns, width = text_width(text);

    if (t->cells == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->cell = gw_realloc(t->cell, t->cap, sizeof(*t->cell));
    }
    t->cell[t->cells++] = gw_str_dup(gw_str_of(text));
    if (width > t->width[column])
        t->width[column] = width;
}

void ctl_table_cellf(struct ctl_table *t, const char *fmt, ...)
{
    char text[200];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    ctl_table_cell(t, text);
}

static void row_print(const struct ctl_table *t, size_t first)
{
    size_t space = 0, i; /* that is due before the next cell with something in it */

    for (i = 0; i < t->columns; i++) {
        const char *text = t->cell[first + i];
        size_t pad = t->width[i] - text_width(text);

        if (t->number[i])
            space += pad;
        if (*text) {
            printf("%*s%s", (int)space, "", text);
            space = 0;
        }
        space += GAP + (t->number[i] ? 0 : pad);
    }
    (void)putchar('\n');
}

void ctl_table_print(struct ctl_table **tp)
{
    struct ctl_table *t = *tp;
    size_t i;

    *tp = NULL;
    for (i = 0; i < t->cells; i += t->columns)
        row_print(t, i);
    for (i = 0; i < t->cells; i++)
        free(t->cell[i]);
    free(t->cell);
    free(t);
}
