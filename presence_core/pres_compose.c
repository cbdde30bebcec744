/* One table, client by calendar: whose show, whose text. A calendar strengthens what a client says
 * or explains it, and never weakens it: who is not to be disturbed stays so, and nobody is logged
 * in by a calendar. */
#include "pres_compose.h"

enum show_rule {
    OWN,  /* the client's show */
    TAKEN /* the calendar's */
};

enum text_rule {
    MINE, /* the client's text, if any */
    HELP, /* the client's text; the calendar's when it has none */
    TOLD  /* the calendar's text; the client's when it has none */
};

struct rule {
    unsigned char show, text;
};

/* clang-format off */
#define KEEPS { OWN, MINE }
#define HINTS { OWN, HELP }
#define SHOWS { TAKEN, TOLD }

static const struct rule rules[PRES_DND + 1][PRES_CAL_COUNT] = {
    /*                    none   free   elsewhere busy   meeting away   oof    dnd */
    [PRES_OFFLINE]   = { KEEPS, HINTS, HINTS,    HINTS, HINTS,  HINTS, HINTS, HINTS },
    [PRES_AVAILABLE] = { KEEPS, HINTS, HINTS,    SHOWS, SHOWS,  SHOWS, SHOWS, SHOWS },
    [PRES_AWAY]      = { KEEPS, HINTS, HINTS,    HINTS, HINTS,  HINTS, SHOWS, SHOWS },
    [PRES_XA]        = { KEEPS, HINTS, HINTS,    HINTS, HINTS,  HINTS, SHOWS, SHOWS },
    [PRES_BUSY]      = { KEEPS, HINTS, HINTS,    HINTS, HINTS,  HINTS, HINTS, SHOWS },
    [PRES_DND]       = { KEEPS, KEEPS, KEEPS,    KEEPS, KEEPS,  KEEPS, KEEPS, KEEPS },
};

/* What a calendar's word shows as. */
static const enum pres_show show_of[PRES_CAL_COUNT] = {
    [PRES_CAL_NONE] = PRES_OFFLINE,        [PRES_CAL_FREE] = PRES_AVAILABLE,
    [PRES_CAL_ELSEWHERE] = PRES_AVAILABLE, [PRES_CAL_BUSY] = PRES_BUSY,
    [PRES_CAL_MEETING] = PRES_AWAY,        [PRES_CAL_AWAY] = PRES_AWAY,
    [PRES_CAL_OOF] = PRES_XA,              [PRES_CAL_DND] = PRES_DND,
};
/* clang-format on */

static void set_text(struct pres_shown *out, enum pres_text_from from, struct gw_str text)
{
    if (!text.len)
        return;
    out->text_from = from;
    out->text = text;
}

/* Nobody is logged in: the calendar alone is shown, if it has anything to say. */
static bool speaks_alone(const struct pres_parts *in)
{
    return in->speaks && in->show == PRES_OFFLINE && in->calendar.kind != PRES_CAL_NONE;
}

static struct rule rule_of(const struct pres_parts *in)
{
    struct rule rule = rules[in->show][in->calendar.kind];

    if (speaks_alone(in))
        return (struct rule){ TAKEN, TOLD };
    if (in->is_later && rule.show == TAKEN)
        return (struct rule){ OWN, HELP };
    if (in->is_override && rule.text == HELP)
        rule.text = TOLD;
    return rule;
}

void pres_compose(const struct pres_parts *in, struct pres_shown *out)
{
    const struct rule rule = rule_of(in);

    *out = (struct pres_shown){ .show = in->show };
    if (rule.show == TAKEN) {
        out->show = show_of[in->calendar.kind];
        out->kind = in->calendar.kind;
    }
    set_text(out, PRES_TEXT_CLIENT, in->text);
    if (rule.text == TOLD || (rule.text == HELP && !in->text.len))
        set_text(out, PRES_TEXT_CALENDAR, in->calendar.text);
    if (out->text_from == PRES_TEXT_CALENDAR)
        out->text_kind = in->calendar.kind;
}

bool pres_shown_says(const struct pres_shown *shown, struct gw_str word)
{
    return shown->text_from == PRES_TEXT_CALENDAR ||
           gw_str_ieq(gw_str_sub(shown->text, 0, word.len), word);
}

bool pres_shown_eq(const struct pres_shown *a, const struct pres_shown *b)
{
    return a->show == b->show && a->kind == b->kind && gw_str_eq(a->text, b->text);
}
