#include "sip_map.h"

#include <stddef.h>

const char *const sip_kind_names[] = { "simple", "lync", "aol", NULL };

enum { SHOWS = PRES_DND + 1 };

/* To Lync and OCS "do not disturb" never crosses: it would hold back messages there. AOL knows away
 * and no more. */
static const enum sip_word by_show[SIP_KIND_COUNT][SHOWS] = {
    [SIP_KIND_SIMPLE] = { [PRES_OFFLINE] = SIP_WORD_OFFLINE,
                          [PRES_AVAILABLE] = SIP_WORD_AVAILABLE,
                          [PRES_AWAY] = SIP_WORD_AWAY,
                          [PRES_XA] = SIP_WORD_AWAY,
                          [PRES_BUSY] = SIP_WORD_BUSY,
                          [PRES_DND] = SIP_WORD_BUSY },
    [SIP_KIND_LYNC] = { [PRES_OFFLINE] = SIP_WORD_OFFLINE,
                        [PRES_AVAILABLE] = SIP_WORD_AVAILABLE,
                        [PRES_AWAY] = SIP_WORD_AWAY,
                        [PRES_XA] = SIP_WORD_AWAY,
                        [PRES_BUSY] = SIP_WORD_BUSY,
                        [PRES_DND] = SIP_WORD_BUSY },
    [SIP_KIND_AOL] = { [PRES_OFFLINE] = SIP_WORD_OFFLINE,
                       [PRES_AVAILABLE] = SIP_WORD_AVAILABLE,
                       [PRES_AWAY] = SIP_WORD_AWAY,
                       [PRES_XA] = SIP_WORD_AWAY,
                       [PRES_BUSY] = SIP_WORD_AWAY,
                       [PRES_DND] = SIP_WORD_AWAY },
};

/* Where the calendar speaks, it speaks of more than shows can say: a meeting is busy to Lync, and who
 * is out of office is offline there. */
static const struct {
    enum sip_kind kind;
    enum pres_calendar_kind calendar;
    enum sip_word word;
} by_calendar[] = {
    { SIP_KIND_SIMPLE, PRES_CAL_MEETING, SIP_WORD_BUSY },
    { SIP_KIND_SIMPLE, PRES_CAL_BUSY, SIP_WORD_BUSY },
    { SIP_KIND_LYNC, PRES_CAL_MEETING, SIP_WORD_BUSY },
    { SIP_KIND_LYNC, PRES_CAL_BUSY, SIP_WORD_BUSY },
    { SIP_KIND_LYNC, PRES_CAL_OOF, SIP_WORD_OFFLINE },
};

enum sip_word sip_map_out(enum sip_kind kind, const struct pres_shown *shown)
{
    if (shown->show == PRES_OFFLINE)
        return SIP_WORD_OFFLINE;
    for (size_t i = 0; i < sizeof(by_calendar) / sizeof(by_calendar[0]); i++) {
        if (by_calendar[i].kind == kind && by_calendar[i].calendar == shown->kind)
            return by_calendar[i].word;
    }
    return by_show[kind][shown->show];
}

/* Do not disturb does not cross from Lync and OCS either; AOL has none. */
static const enum pres_show by_word[SIP_KIND_COUNT][SIP_WORD_COUNT] = {
    [SIP_KIND_SIMPLE] = { [SIP_WORD_OFFLINE] = PRES_OFFLINE,
                          [SIP_WORD_AVAILABLE] = PRES_AVAILABLE,
                          [SIP_WORD_AWAY] = PRES_AWAY,
                          [SIP_WORD_BUSY] = PRES_BUSY,
                          [SIP_WORD_DND] = PRES_DND },
    [SIP_KIND_LYNC] = { [SIP_WORD_OFFLINE] = PRES_OFFLINE,
                        [SIP_WORD_AVAILABLE] = PRES_AVAILABLE,
                        [SIP_WORD_AWAY] = PRES_AWAY,
                        [SIP_WORD_BUSY] = PRES_BUSY,
                        [SIP_WORD_DND] = PRES_BUSY },
    [SIP_KIND_AOL] = { [SIP_WORD_OFFLINE] = PRES_OFFLINE,
                       [SIP_WORD_AVAILABLE] = PRES_AVAILABLE,
                       [SIP_WORD_AWAY] = PRES_AWAY,
                       [SIP_WORD_BUSY] = PRES_AWAY,
                       [SIP_WORD_DND] = PRES_AWAY },
};

enum pres_show sip_map_in(enum sip_kind kind, enum sip_word word)
{
    return by_word[kind][word];
}
