/* The words that presence says, by language: patterns with names in braces for what is known at the
 * moment. English and Japanese are built in; an administrator may change each, and add languages.
 *
 * Patterns are not ICU's message format: its C interface takes as many arguments off the stack as the
 * pattern says, and the pattern here is a setting. Dates, times and zones come from ICU all the same:
 * bridge_voice.h. */
#ifndef BRIDGE_TEXT_H
#define BRIDGE_TEXT_H

#include "gw_buf.h"
#include "gw_err.h"
#include "pres_state.h"

/* Each word of the calendar stands alone, and with times where they are known; the last two, about contacts,
 * know no times. */
enum bridge_text {
    BRIDGE_TEXT_FREE,
    BRIDGE_TEXT_FREE_TIMED,
    BRIDGE_TEXT_ELSEWHERE,
    BRIDGE_TEXT_ELSEWHERE_TIMED,
    BRIDGE_TEXT_BUSY,
    BRIDGE_TEXT_BUSY_TIMED,
    BRIDGE_TEXT_MEETING,
    BRIDGE_TEXT_MEETING_TIMED,
    BRIDGE_TEXT_AWAY,
    BRIDGE_TEXT_AWAY_TIMED,
    BRIDGE_TEXT_OOF,
    BRIDGE_TEXT_OOF_TIMED,
    BRIDGE_TEXT_DND,
    BRIDGE_TEXT_DND_TIMED,
    BRIDGE_TEXT_OUTSIDE,
    BRIDGE_TEXT_OUTSIDE_TIMED,
    BRIDGE_TEXT_WAITING,
    BRIDGE_TEXT_UNKNOWN,
    BRIDGE_TEXTS
};

/* What stands in braces in a pattern. */
enum bridge_value {
    BRIDGE_VALUE_START, /* {start}: of the item or period that says so */
    BRIDGE_VALUE_END,   /* {end}: when something else is shown */
    BRIDGE_VALUE_FREE,  /* {free}: the next time at which the user is free */
    BRIDGE_VALUE_ZONE,  /* {zone}: of these times */
    BRIDGE_VALUES
};

enum {
    BRIDGE_PATTERN_MAX = 256, /* bytes */
    BRIDGE_LANGUAGE_MAX = 16,
    BRIDGE_LANGUAGES_MAX = 32 /* with texts of their own */
};

const char *bridge_text_name(enum bridge_text text); /* "in-a-meeting-until" */
const char *bridge_text_help(enum bridge_text text);
bool bridge_text_find(struct gw_str name, enum bridge_text *out);
enum bridge_text bridge_text_of(enum pres_calendar_kind kind); /* of NONE: that of FREE */
enum bridge_text bridge_text_phrase(enum pres_phrase phrase);

/* NULL: that language is not built in. language: "en", "ja". */
const char *bridge_text_builtin(struct gw_str language, enum bridge_text text);
extern const char *const bridge_languages[]; /* built in; ends with NULL */

/* A pattern as it may be used where 'timed' says that times are known. */
enum gw_code bridge_pattern_check(struct gw_str pattern, bool timed, struct gw_err *err);

/* Fills in what is known. False, and nothing is added: something that it needs is not (empty). What is
 * too long is cut between characters. */
bool bridge_pattern_fill(struct gw_str pattern, const struct gw_str value[BRIDGE_VALUES],
                         struct gw_buf *out);
unsigned bridge_pattern_needs(struct gw_str pattern); /* bits by enum bridge_value */

/* What an administrator has set: for each language and text one pattern. */
struct bridge_texts;
struct bridge_texts *bridge_texts_new(void);
void bridge_texts_free(struct bridge_texts **tp);

/* language: as a tag, "ja" or "pt-BR"; only its first part counts. pattern NULL: as it is built in. */
enum gw_code bridge_texts_set(struct bridge_texts *t, struct gw_str language, enum bridge_text text,
                              const struct gw_str *pattern, struct gw_err *err);
/* In the language if it has it, else in English; never NULL. Borrowed until it is set. */
const char *bridge_texts_get(const struct bridge_texts *t, struct gw_str language,
                             enum bridge_text text);
bool bridge_texts_is_set(const struct bridge_texts *t, struct gw_str language,
                         enum bridge_text text);
/* Any text of it is built in or set. */
bool bridge_texts_speaks(const struct bridge_texts *t, struct gw_str language);
/* The i-th language that has texts of its own, built in or set; NULL: there are no more. */
const char *bridge_texts_language(const struct bridge_texts *t, size_t i);

/* "pt" of "pt-BR", in lower case. GW_INVALID: not a language. */
enum gw_code bridge_language_of(struct gw_str tag, char out[BRIDGE_LANGUAGE_MAX],
                                struct gw_err *err);

#endif
