#include "bridge_text.h"

#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"

enum { ENGLISH, JAPANESE, BUILTIN };

const char *const bridge_languages[] = { "en", "ja", NULL };

/* clang-format off */
static const struct {
    const char *name, *help, *pattern[BUILTIN];
} texts[BRIDGE_TEXTS] = {
    [BRIDGE_TEXT_FREE]            = { "free", "nothing in the calendar", { "", "" } },
    [BRIDGE_TEXT_FREE_TIMED]      = { "free-until", "... with times", { "", "" } },
    [BRIDGE_TEXT_ELSEWHERE]       = { "working-elsewhere", "at work, but not here",
                                      { "Working elsewhere", "別の場所で勤務中" } },
    [BRIDGE_TEXT_ELSEWHERE_TIMED] = { "working-elsewhere-until", "... with times",
                                      { "Working elsewhere until {end}", "{end}まで別の場所で勤務中" } },
    [BRIDGE_TEXT_BUSY]            = { "busy", "busy, and not said with what",
                                      { "Busy", "取り込み中" } },
    [BRIDGE_TEXT_BUSY_TIMED]      = { "busy-until", "... with times",
                                      { "Busy until {end}", "{end}まで取り込み中" } },
    [BRIDGE_TEXT_MEETING]         = { "in-a-meeting", "a busy item", { "In a meeting", "会議中" } },
    [BRIDGE_TEXT_MEETING_TIMED]   = { "in-a-meeting-until", "... with times",
                                      { "In a meeting until {end}", "{end}まで会議中" } },
    [BRIDGE_TEXT_AWAY]            = { "away", "an item marked as away", { "Away", "外出中" } },
    [BRIDGE_TEXT_AWAY_TIMED]      = { "away-until", "... with times",
                                      { "Away until {end}", "{end}まで外出中" } },
    [BRIDGE_TEXT_OOF]             = { "out-of-office", "automatic replies without dates",
                                      { "Out of office", "不在" } },
    [BRIDGE_TEXT_OOF_TIMED]       = { "out-of-office-until", "automatic replies for a period",
                                      { "Out of office from {start} to {end} ({zone})",
                                        "{start}から{end}まで不在（{zone}）" } },
    [BRIDGE_TEXT_DND]             = { "do-not-disturb", "not to be disturbed",
                                      { "Do not disturb", "応答不可" } },
    [BRIDGE_TEXT_DND_TIMED]       = { "do-not-disturb-until", "... with times",
                                      { "Do not disturb until {end}", "{end}まで応答不可" } },
    [BRIDGE_TEXT_OUTSIDE]         = { "outside-hours", "outside working hours",
                                      { "Outside working hours", "勤務時間外" } },
    [BRIDGE_TEXT_OUTSIDE_TIMED]   = { "outside-hours-until", "... with times",
                                      { "Outside working hours until {end}", "{end}まで勤務時間外" } },
    [BRIDGE_TEXT_WAITING]         = { "waiting-for-confirmation", "a contact has not decided yet",
                                      { "Waiting for Confirmation", "承認待ち" } },
    [BRIDGE_TEXT_UNKNOWN]         = { "presence-unknown", "a contact's server does not answer",
                                      { "Presence Unknown", "プレゼンス不明" } },
};
/* clang-format on */

static const char *const value_name[BRIDGE_VALUES] = {
    [BRIDGE_VALUE_START] = "start",
    [BRIDGE_VALUE_END] = "end",
    [BRIDGE_VALUE_FREE] = "free",
    [BRIDGE_VALUE_ZONE] = "zone",
};

/* ---- the table ---- */

const char *bridge_text_name(enum bridge_text text)
{
    return texts[text].name;
}

const char *bridge_text_help(enum bridge_text text)
{
    return texts[text].help;
}

bool bridge_text_find(struct gw_str name, enum bridge_text *out)
{
    for (int i = 0; i < BRIDGE_TEXTS; i++) {
        if (!gw_str_is(name, texts[i].name))
            continue;
        *out = (enum bridge_text)i;
        return true;
    }
    return false;
}

enum bridge_text bridge_text_of(enum pres_calendar_kind kind)
{
    switch (kind) {
    case PRES_CAL_NONE:
    case PRES_CAL_FREE:
        return BRIDGE_TEXT_FREE;
    case PRES_CAL_ELSEWHERE:
        return BRIDGE_TEXT_ELSEWHERE;
    case PRES_CAL_BUSY:
        return BRIDGE_TEXT_BUSY;
    case PRES_CAL_MEETING:
        return BRIDGE_TEXT_MEETING;
    case PRES_CAL_AWAY:
        return BRIDGE_TEXT_AWAY;
    case PRES_CAL_OOF:
        return BRIDGE_TEXT_OOF;
    case PRES_CAL_DND:
        return BRIDGE_TEXT_DND;
    case PRES_CAL_COUNT:
        break;
    }
    return BRIDGE_TEXT_FREE;
}

enum bridge_text bridge_text_phrase(enum pres_phrase phrase)
{
    static const enum bridge_text texts_of[PRES_PHRASE_COUNT] = {
        [PRES_PHRASE_AWAY] = BRIDGE_TEXT_AWAY,
        [PRES_PHRASE_BUSY] = BRIDGE_TEXT_BUSY,
        [PRES_PHRASE_WAITING] = BRIDGE_TEXT_WAITING,
        [PRES_PHRASE_UNKNOWN] = BRIDGE_TEXT_UNKNOWN,
    };

    return texts_of[phrase];
}

static bool is_timed(enum bridge_text text)
{
    return text <= BRIDGE_TEXT_OUTSIDE_TIMED && text % 2 != 0;
}

static bool builtin_find(struct gw_str language, size_t *out)
{
    for (size_t i = 0; i < BUILTIN; i++) {
        if (!gw_str_is(language, bridge_languages[i]))
            continue;
        *out = i;
        return true;
    }
    return false;
}

const char *bridge_text_builtin(struct gw_str language, enum bridge_text text)
{
    size_t i;

    return builtin_find(language, &i) ? texts[text].pattern[i] : NULL;
}

/* ---- patterns ---- */

struct piece {
    struct gw_str text;
    int value; /* enum bridge_value; -1: the text itself */
};

/* The next piece of a pattern. False: the end, or a brace that opens or names nothing: then *rest is
 * not empty. */
static bool piece_next(struct gw_str *rest, struct piece *out)
{
    size_t i = 0;

    if (!rest->len)
        return false;
    if (rest->p[0] != '{') {
        while (i < rest->len && rest->p[i] != '{' && rest->p[i] != '}')
            i++;
        *out = (struct piece){ gw_str_sub(*rest, 0, i), -1 };
        *rest = gw_str_sub(*rest, i, rest->len);
        return i > 0;
    }
    for (int v = 0; v < BRIDGE_VALUES; v++) {
        size_t len = strlen(value_name[v]);

        if (rest->len < len + 2 || rest->p[len + 1] != '}' ||
            !gw_str_is(gw_str_sub(*rest, 1, len + 1), value_name[v]))
            continue;
        *out = (struct piece){ gw_str_sub(*rest, 0, len + 2), v };
        *rest = gw_str_sub(*rest, len + 2, rest->len);
        return true;
    }
    return false;
}

enum gw_code bridge_pattern_check(struct gw_str pattern, bool timed, struct gw_err *err)
{
    struct gw_str rest = pattern;
    struct piece piece;

    if (pattern.len > BRIDGE_PATTERN_MAX)
        return gw_fail(err, GW_INVALID, "a text has at most %d bytes, this one has %zu",
                       BRIDGE_PATTERN_MAX, pattern.len);
    if (!gw_str_is_line(pattern))
        return gw_fail(err, GW_INVALID, "a text is one line of UTF-8 without control characters");
    while (piece_next(&rest, &piece))
        if (piece.value >= 0 && !timed)
            return gw_fail(err, GW_INVALID,
                           "this text is for when no times are known, and cannot use %.*s",
                           GW_STR_ARG(piece.text));
    if (rest.len)
        return gw_fail(err, GW_INVALID,
                       "a text may use {start}, {end}, {free} and {zone}, and no other braces");
    return GW_OK;
}

unsigned bridge_pattern_needs(struct gw_str pattern)
{
    struct piece piece;
    unsigned needs = 0;

    while (piece_next(&pattern, &piece))
        if (piece.value >= 0)
            needs |= 1u << piece.value;
    return needs;
}

static void add_cut(struct gw_buf *out, struct gw_str s)
{
    gw_buf_add_str(out, gw_str_utf8_cut(s, out->max - out->len));
}

bool bridge_pattern_fill(struct gw_str pattern, const struct gw_str value[BRIDGE_VALUES],
                         struct gw_buf *out)
{
    unsigned needs = bridge_pattern_needs(pattern);
    struct piece piece;

    for (int v = 0; v < BRIDGE_VALUES; v++)
        if ((needs & 1u << v) && !value[v].len)
            return false;
    while (piece_next(&pattern, &piece))
        add_cut(out, piece.value < 0 ? piece.text : value[piece.value]);
    return true;
}

/* ---- what was set ---- */

struct language {
    char name[BRIDGE_LANGUAGE_MAX];
    char *pattern[BRIDGE_TEXTS]; /* NULL: not set */
};

struct bridge_texts {
    struct language language[BRIDGE_LANGUAGES_MAX];
    size_t count;
};

struct bridge_texts *bridge_texts_new(void)
{
    struct bridge_texts *t = gw_new(struct bridge_texts);

    for (; bridge_languages[t->count]; t->count++)
        memcpy(t->language[t->count].name, bridge_languages[t->count],
               strlen(bridge_languages[t->count]));
    return t;
}

void bridge_texts_free(struct bridge_texts **tp)
{
    struct bridge_texts *t = *tp;

    if (!t)
        return;
    *tp = NULL;
    for (size_t i = 0; i < t->count; i++)
        for (int k = 0; k < BRIDGE_TEXTS; k++)
            free(t->language[i].pattern[k]);
    free(t);
}

enum gw_code bridge_language_of(struct gw_str tag, char out[BRIDGE_LANGUAGE_MAX],
                                struct gw_err *err)
{
    struct gw_str language = tag;
    char quoted[GW_QUOTE_MAX];
    size_t i;

    (void)(gw_str_cut(tag, "-", &language, NULL) || gw_str_cut(tag, "_", &language, NULL));
    for (i = 0; i < language.len && i < 3; i++) {
        char c = language.p[i];

        out[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        if (out[i] < 'a' || out[i] > 'z')
            break;
    }
    if (i >= 2 && i == language.len) {
        out[i] = '\0';
        return GW_OK;
    }
    return gw_fail(err, GW_INVALID, "a language is a tag like en, ja or pt-BR, not %s",
                   gw_quote(gw_str_utf8_cut(tag, 24), quoted));
}

static const struct language *find(const struct bridge_texts *t, struct gw_str tag)
{
    char name[BRIDGE_LANGUAGE_MAX];

    if (bridge_language_of(tag, name, NULL))
        return NULL;
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->language[i].name, name) == 0)
            return &t->language[i];
    return NULL;
}

static struct language *find_or_add(struct bridge_texts *t, struct gw_str tag, struct gw_err *err)
{
    const struct language *l = find(t, tag);
    struct language *added;

    if (l)
        return &t->language[l - t->language];
    if (t->count == BRIDGE_LANGUAGES_MAX) {
        gw_fail(err, GW_LIMIT, "there are texts in %d languages already", BRIDGE_LANGUAGES_MAX);
        return NULL;
    }
    added = &t->language[t->count];
    if (bridge_language_of(tag, added->name, err))
        return NULL;
    t->count++;
    return added;
}

enum gw_code bridge_texts_set(struct bridge_texts *t, struct gw_str language, enum bridge_text text,
                              const struct gw_str *pattern, struct gw_err *err)
{
    struct language *l;
    enum gw_code rc;

    if (pattern) {
        rc = bridge_pattern_check(*pattern, is_timed(text), err);
        if (rc)
            return rc;
    }
    l = find_or_add(t, language, err);
    if (!l)
        return err ? err->code : GW_INVALID;
    free(l->pattern[text]);
    l->pattern[text] = pattern ? gw_str_dup(*pattern) : NULL;
    return GW_OK;
}

const char *bridge_texts_get(const struct bridge_texts *t, struct gw_str language,
                             enum bridge_text text)
{
    const struct language *l = find(t, language);
    const char *pattern = l ? l->pattern[text] : NULL;

    if (!pattern && l)
        pattern = bridge_text_builtin(gw_str_of(l->name), text);
    if (pattern)
        return pattern;
    l = find(t, GW_STR("en"));
    return l->pattern[text] ? l->pattern[text] : texts[text].pattern[ENGLISH];
}

bool bridge_texts_is_set(const struct bridge_texts *t, struct gw_str language,
                         enum bridge_text text)
{
    const struct language *l = find(t, language);

    return l && l->pattern[text];
}

bool bridge_texts_speaks(const struct bridge_texts *t, struct gw_str language)
{
    const struct language *l = find(t, language);

    if (!l)
        return false;
    for (int k = 0; k < BRIDGE_TEXTS; k++)
        if (l->pattern[k])
            return true;
    return bridge_text_builtin(gw_str_of(l->name), BRIDGE_TEXT_FREE) != NULL;
}

const char *bridge_texts_language(const struct bridge_texts *t, size_t i)
{
    return i < t->count ? t->language[i].name : NULL;
}
