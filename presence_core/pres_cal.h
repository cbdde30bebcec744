/* The calendar's word as the core keeps it: in its own size. */
#ifndef PRES_CAL_H
#define PRES_CAL_H

#include <stdint.h>

#include "gw_str.h"
#include "pres_state.h"

struct pres_cal {
    enum pres_calendar_kind kind;
    gw_utc since, until, item_since, item_until;
    struct {
        uint16_t at, len;
    } words[PRES_WORDS_COUNT]; /* in what follows the spans; equal texts are there once */
    uint16_t ahead_count;
    struct pres_span ahead[];
};

/* NULL: nothing is said at all. Gives: free(). */
struct pres_cal *pres_cal_new(const struct pres_calendar *in);
bool pres_cal_is(const struct pres_cal *cal, const struct pres_calendar *in); /* says the same */
void pres_cal_write(const struct pres_cal *cal, struct pres_calendar *out);
struct gw_str pres_cal_text(const struct pres_cal *cal, enum pres_words words);

/* Of NULL, too. */
static inline enum pres_calendar_kind pres_cal_kind(const struct pres_cal *cal)
{
    return cal ? cal->kind : PRES_CAL_NONE;
}

#endif
