#include "pres_view.h"

enum pres_view pres_view_of(enum pres_level level, bool is_own)
{
    static const enum pres_view view[PRES_LEVEL_COUNT][2] = {
        [PRES_LEVEL_NOTHING] = { PRES_VIEW_NOTHING, PRES_VIEW_NOTHING },
        [PRES_LEVEL_BUSY] = { PRES_VIEW_BUSY, PRES_VIEW_BUSY },
        [PRES_LEVEL_TIMES] = { PRES_VIEW_TIMES, PRES_VIEW_TIMES },
        [PRES_LEVEL_FULL] = { PRES_VIEW_FEDERATED, PRES_VIEW_OWN },
    };

    return view[level][is_own];
}

bool pres_view_has_times(enum pres_view view)
{
    return view >= PRES_VIEW_TIMES;
}

/* A busy user is busy: not in a meeting, not away. */
static const enum pres_calendar_kind busy_or_not[PRES_CAL_COUNT] = {
    [PRES_CAL_NONE] = PRES_CAL_NONE,      [PRES_CAL_FREE] = PRES_CAL_FREE,
    [PRES_CAL_ELSEWHERE] = PRES_CAL_FREE, [PRES_CAL_BUSY] = PRES_CAL_BUSY,
    [PRES_CAL_MEETING] = PRES_CAL_BUSY,   [PRES_CAL_AWAY] = PRES_CAL_BUSY,
    [PRES_CAL_OOF] = PRES_CAL_BUSY,       [PRES_CAL_DND] = PRES_CAL_BUSY,
};

static void busy_view(const struct pres_cal *cal, struct pres_said *out)
{
    out->kind = busy_or_not[cal->kind];
    if (out->kind == PRES_CAL_BUSY)
        out->text = pres_cal_text(cal, PRES_WORDS_BUSY);
}

void pres_view_cal(const struct pres_cal *cal, enum pres_view view, struct pres_said *out)
{
    static const enum pres_words words[] = { [PRES_VIEW_TIMES] = PRES_WORDS_TIMES,
                                             [PRES_VIEW_OWN] = PRES_WORDS_OWN,
                                             [PRES_VIEW_FEDERATED] = PRES_WORDS_FEDERATED };

    *out = (struct pres_said){ .kind = PRES_CAL_NONE };
    if (!cal || view == PRES_VIEW_NOTHING)
        return;
    if (view == PRES_VIEW_BUSY)
        busy_view(cal, out);
    else
        *out = (struct pres_said){ cal->kind, pres_cal_text(cal, words[view]) };
}
