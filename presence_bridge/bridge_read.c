/* Settings and rules, as an administrator types them: words, signs, and texts in quotes. */
#include <string.h>

#include "bridge_priv.h"
#include "gw_log.h"

static void skip(struct bridge_reader *r)
{
    r->rest = gw_str_trim(r->rest);
}

bool bridge_read_end(struct bridge_reader *r)
{
    skip(r);
    return r->rest.len == 0;
}

bool bridge_read_sign(struct bridge_reader *r, const char *sign)
{
    skip(r);
    if (!gw_str_starts(r->rest, sign))
        return false;
    r->rest = gw_str_sub(r->rest, strlen(sign), r->rest.len);
    return true;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

bool bridge_read_word(struct bridge_reader *r, struct gw_str *out)
{
    size_t n = 0;

    skip(r);
    while (n < r->rest.len && is_word_char(r->rest.p[n]))
        n++;
    if (!n)
        return false;
    *out = gw_str_sub(r->rest, 0, n);
    r->rest = gw_str_sub(r->rest, n, r->rest.len);
    return true;
}

static struct gw_str no_text(struct bridge_reader *r, const char *what)
{
    gw_fail(r->err, GW_INVALID, "%s", what);
    return (struct gw_str){ NULL, 0 };
}

struct gw_str bridge_read_text(struct bridge_reader *r)
{
    struct gw_str word;
    size_t i, n = 0;
    char *out;

    if (!bridge_read_sign(r, "\"")) {
        if (bridge_read_word(r, &word))
            return gw_arena_dup(r->mem, word);
        return no_text(r, "a text in double quotes, or a word, is missing");
    }
    out = gw_arena_alloc(r->mem, r->rest.len + 1);
    if (!out)
        return no_text(r, "this is too long");
    for (i = 0; i < r->rest.len && r->rest.p[i] != '"'; i++) {
        if (r->rest.p[i] == '\\' && i + 1 < r->rest.len)
            i++;
        out[n++] = r->rest.p[i];
    }
    if (i == r->rest.len)
        return no_text(r, "a text is not closed: its second '\"' is missing");
    r->rest = gw_str_sub(r->rest, i + 1, r->rest.len);
    return (struct gw_str){ out, n };
}

static const enum pres_calendar_kind shown[] = { PRES_CAL_FREE, PRES_CAL_ELSEWHERE,
                                                 PRES_CAL_BUSY, PRES_CAL_MEETING,
                                                 PRES_CAL_AWAY, PRES_CAL_OOF,
                                                 PRES_CAL_DND };
enum { SHOWN = sizeof(shown) / sizeof(shown[0]) };

static bool kind_find(struct gw_str word, enum pres_calendar_kind *out)
{
    for (size_t i = 0; i < SHOWN; i++) {
        if (!gw_str_iis(word, pres_calendar_kind_name(shown[i])))
            continue;
        *out = shown[i];
        return true;
    }
    return false;
}

enum gw_code bridge_read_show(struct bridge_reader *r, enum bridge_text text, bool own_text,
                              struct bridge_show *out)
{
    struct bridge_show show = { 0 };
    struct gw_str word, words;
    enum gw_code rc;

    if (!bridge_read_word(r, &word))
        return gw_fail(r->err, GW_INVALID,
                       "what is to be shown is missing: free, "
                       "working-elsewhere, busy, in-a-meeting, away, "
                       "out-of-office, do-not-disturb, or ignore");
    if (gw_str_iis(word, "ignore"))
        show.ignored = true;
    else if (!kind_find(word, &show.kind))
        return gw_fail(r->err, GW_INVALID,
                       "'%.*s' cannot be shown: free, working-elsewhere, busy, in-a-meeting, away, "
                       "out-of-office, do-not-disturb and ignore can",
                       GW_STR_ARG(gw_str_utf8_cut(word, 40)));
    show.text = (unsigned char)(own_text ? text : bridge_text_of(show.kind));
    if (!show.ignored && !bridge_read_end(r)) {
        words = bridge_read_text(r);
        if (!words.p)
            return GW_INVALID;
        rc = bridge_pattern_check(words, true, r->err);
        if (rc)
            return rc;
        words = gw_arena_dup(r->mem, words);
        if (!words.p)
            return gw_fail(r->err, GW_LIMIT, "the rules and settings are too long altogether");
        show.words = words.p;
    }
    if (!bridge_read_end(r))
        return gw_fail(r->err, GW_INVALID, "'%.*s' at the end is too much",
                       GW_STR_ARG(gw_str_utf8_cut(r->rest, 40)));
    *out = show;
    return GW_OK;
}

void bridge_quote_write(struct gw_str text, struct gw_buf *out)
{
    gw_buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            gw_buf_add_char(out, '\\');
        gw_buf_add_char(out, text.p[i]);
    }
    gw_buf_add_char(out, '"');
}

void bridge_show_write(const struct bridge_show *s, struct gw_buf *out)
{
    gw_buf_add_cstr(out, s->ignored ? "ignore" : pres_calendar_kind_name(s->kind));
    if (!s->words)
        return;
    gw_buf_add_char(out, ' ');
    bridge_quote_write(gw_str_of(s->words), out);
}
