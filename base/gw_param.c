#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "gw_param.h"
#include "gw_priv.h"

static void *member(const struct gw_param *p, void *settings)
{
    return (char *)settings + p->offset;
}

static bool set_int(const struct gw_param *p, int64_t *out, struct gw_str value)
{
    if (p->word && gw_str_iis(value, p->word)) {
        *out = GW_PARAM_WORD;
        return true;
    }
    return gw_str_to_int(value, p->min, p->max, out);
}

static bool set_choice(const struct gw_param *p, int *out, struct gw_str value)
{
    for (int i = 0; p->choices[i]; i++) {
        if (gw_str_iis(value, p->choices[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool set_text(const struct gw_param *p, char **out, struct gw_str value)
{
    if ((int64_t)value.len < p->min || (int64_t)value.len > p->max)
        return false;
    for (size_t i = 0; i < value.len;) {
        uint32_t cp;
        size_t n = gw_utf8_decode(gw_str_sub(value, i, value.len), &cp);

        if (!n || !gw_utf8_is_printable(cp))
            return false;
        i += n;
    }
    free(*out);
    *out = gw_str_dup(value);
    return true;
}

static bool set_value(const struct gw_param *p, void *settings, struct gw_str value)
{
    switch (p->type) {
    case GW_PARAM_INT:
        return set_int(p, member(p, settings), value);
    case GW_PARAM_CHOICE:
        return set_choice(p, member(p, settings), value);
    case GW_PARAM_TEXT:
        return set_text(p, member(p, settings), value);
    }
    return false;
}

enum gw_code gw_param_set(const struct gw_param *p, void *settings, struct gw_str value,
                          struct gw_err *err)
{
    struct gw_buf text;

    if (set_value(p, settings, value))
        return GW_OK;
    gw_buf_init(&text, sizeof(err->msg));
    gw_buf_add_quoted(&text, value, 60);
    gw_buf_add_cstr(&text, " is not accepted: use ");
    gw_param_range_write(p, &text);
    gw_fail(err, GW_INVALID, "%s: %s", p->key, text.p);
    gw_buf_done(&text);
    return GW_INVALID;
}

void gw_param_write(const struct gw_param *p, const void *settings, struct gw_buf *out)
{
    const void *at = (const char *)settings + p->offset;

    switch (p->type) {
    case GW_PARAM_INT: {
        int64_t n = *(const int64_t *)at;

        if (p->word && n == GW_PARAM_WORD)
            gw_buf_add_cstr(out, p->word);
        else
            gw_buf_addf(out, "%" PRId64, n);
        break;
    }
    case GW_PARAM_CHOICE:
        gw_buf_add_cstr(out, p->choices[*(const int *)at]);
        break;
    case GW_PARAM_TEXT:
        gw_buf_add_str(out, gw_str_of(*(char *const *)at));
        break;
    }
}

static void range_write_choices(const struct gw_param *p, struct gw_buf *out)
{
    for (int i = 0; p->choices[i]; i++) {
        if (i)
            gw_buf_add_cstr(out, p->choices[i + 1] ? ", " : " or ");
        gw_buf_add_cstr(out, p->choices[i]);
    }
}

void gw_param_range_write(const struct gw_param *p, struct gw_buf *out)
{
    switch (p->type) {
    case GW_PARAM_INT:
        gw_buf_addf(out, "%" PRId64 "..%" PRId64, p->min, p->max);
        if (p->word)
            gw_buf_addf(out, ", or %s", p->word);
        break;
    case GW_PARAM_CHOICE:
        range_write_choices(p, out);
        break;
    case GW_PARAM_TEXT:
        gw_buf_addf(out, "text of %" PRId64 " to %" PRId64 " bytes", p->min, p->max);
        break;
    }
}

void gw_param_defaults(const struct gw_param *table, size_t count, void *settings)
{
    for (size_t i = 0; i < count; i++) {
        bool is_accepted = set_value(&table[i], settings, gw_str_of(table[i].def));

        assert(is_accepted);
        (void)is_accepted;
    }
}

void gw_param_settings_done(const struct gw_param *table, size_t count, void *settings)
{
    for (size_t i = 0; i < count; i++) {
        char **text = member(&table[i], settings);

        if (table[i].type != GW_PARAM_TEXT)
            continue;
        free(*text);
        *text = NULL;
    }
}

const struct gw_param *gw_param_find(const struct gw_param *table, size_t count, struct gw_str key)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_str_is(key, table[i].key))
            return &table[i];
    }
    return NULL;
}
