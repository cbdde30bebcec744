#include <string.h>

#include "gw_mem.h"
#include "pres_cal.h"

static struct gw_str text_of(const struct pres_calendar *in, size_t words)
{
    return (struct gw_str){ in->text[words], strnlen(in->text[words], PRES_TEXT_MAX - 1) };
}

static bool is_silent(const struct pres_calendar *in)
{
    if (in->kind != PRES_CAL_NONE || in->ahead_count)
        return false;
    for (size_t i = 0; i < PRES_WORDS_COUNT; i++) {
        if (in->text[i][0])
            return false;
    }
    return true;
}

static char *texts_of(struct pres_cal *cal)
{
    return (char *)&cal->ahead[cal->ahead_count];
}

/* Where each text goes; returns how much room they need. */
static size_t place_texts(const struct pres_calendar *in, struct pres_cal *cal)
{
    size_t len = 0;

    for (size_t i = 0; i < PRES_WORDS_COUNT; i++) {
        struct gw_str text = text_of(in, i);
        size_t same = 0;

        while (same < i && !gw_str_eq(text, text_of(in, same)))
            same++;
        cal->words[i].at = same < i ? cal->words[same].at : (uint16_t)len;
        cal->words[i].len = (uint16_t)text.len;
        len += same < i ? 0 : text.len;
    }
    return len;
}

struct pres_cal *pres_cal_new(const struct pres_calendar *in)
{
    struct pres_cal head = { .kind = in->kind,
                             .since = in->since,
                             .until = in->until,
                             .item_since = in->item_since,
                             .item_until = in->item_until,
                             .ahead_count = (uint16_t)in->ahead_count };
    size_t ahead_len = in->ahead_count * sizeof(in->ahead[0]);
    struct pres_cal *cal;
    size_t texts_len;

    if (is_silent(in))
        return NULL;
    texts_len = place_texts(in, &head);
    cal = gw_alloc(sizeof(*cal) + ahead_len + texts_len);
    *cal = head;
    memcpy(cal->ahead, in->ahead, ahead_len);
    for (size_t i = 0; i < PRES_WORDS_COUNT; i++)
        memcpy(texts_of(cal) + cal->words[i].at, in->text[i], cal->words[i].len);
    return cal;
}

struct gw_str pres_cal_text(const struct pres_cal *cal, enum pres_words words)
{
    const char *texts = (const char *)&cal->ahead[cal->ahead_count];

    return (struct gw_str){ texts + cal->words[words].at, cal->words[words].len };
}

static bool are_spans_eq(const struct pres_span *a, const struct pres_span *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (a[i].kind != b[i].kind || a[i].since != b[i].since || a[i].until != b[i].until)
            return false;
    }
    return true;
}

bool pres_cal_is(const struct pres_cal *cal, const struct pres_calendar *in)
{
    if (!cal)
        return is_silent(in);
    if (cal->kind != in->kind || cal->since != in->since || cal->until != in->until ||
        cal->item_since != in->item_since || cal->item_until != in->item_until ||
        cal->ahead_count != in->ahead_count)
        return false;
    for (size_t i = 0; i < PRES_WORDS_COUNT; i++) {
        struct gw_str text = pres_cal_text(cal, (enum pres_words)i);

        if (memcmp(text.p, in->text[i], text.len) != 0 || in->text[i][text.len])
            return false;
    }
    return are_spans_eq(cal->ahead, in->ahead, cal->ahead_count);
}

void pres_cal_write(const struct pres_cal *cal, struct pres_calendar *out)
{
    *out = (struct pres_calendar){ .until = GW_NEVER };
    if (!cal)
        return;
    out->kind = cal->kind;
    out->since = cal->since;
    out->until = cal->until;
    out->item_since = cal->item_since;
    out->item_until = cal->item_until;
    out->ahead_count = cal->ahead_count;
    memcpy(out->ahead, cal->ahead, cal->ahead_count * sizeof(cal->ahead[0]));
    for (size_t i = 0; i < PRES_WORDS_COUNT; i++) {
        struct gw_str text = pres_cal_text(cal, (enum pres_words)i);

        memcpy(out->text[i], text.p, text.len); /* shorter than the array: the NUL is there */
    }
}
