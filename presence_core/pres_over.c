/* The value of a record:
 *   {"state":"available","set":"2026-11-20T09:15:02Z","ends":"time","until":"2026-11-20T10:00:00Z",
 *    "text":"An urgent call"} */
#include "pres_over.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"

static const char *const ends_names[] = {
    [PRES_ENDS_CLEARED] = "cleared", [PRES_ENDS_TIME] = "time", [PRES_ENDS_ITEM] = "item"
};

const char *pres_ends_name(enum pres_ends ends)
{
    return ends_names[ends];
}

enum gw_code pres_over_check(const struct pres_override *in, struct gw_err *err)
{
    if (in->kind <= PRES_CAL_NONE || in->kind >= PRES_CAL_COUNT)
        return gw_fail(err, GW_INVALID, "not a state that can be set");
    if (in->text.len >= PRES_TEXT_MAX)
        return gw_fail(err, GW_INVALID, "the text is longer than %d bytes", PRES_TEXT_MAX - 1);
    if (!gw_str_is_line(in->text))
        return gw_fail(err, GW_INVALID, "the text is not one line of UTF-8");
    if (in->ends == PRES_ENDS_TIME && in->until <= in->set_at)
        return gw_fail(err, GW_INVALID, "the time until when is past");
    return GW_OK;
}

struct pres_over *pres_over_new(const struct pres_override *in)
{
    struct pres_over *o = gw_alloc(sizeof(*o) + in->text.len);

    o->kind = in->kind;
    o->ends = in->ends;
    o->set_at = in->set_at;
    o->until = in->ends == PRES_ENDS_CLEARED ? GW_NEVER : in->until;
    o->text_len = in->text.len;
    if (in->text.len)
        memcpy(o->text, in->text.p, in->text.len);
    return o;
}

void pres_over_view(const struct pres_over *o, struct pres_override *out)
{
    *out = (struct pres_override){ .kind = o->kind,
                                   .text = { o->text, o->text_len },
                                   .ends = o->ends,
                                   .set_at = o->set_at,
                                   .until = o->until };
}

/* The item that ran when it was set ends when the calendar says so, which may be some seconds after
 * the full minute: until then it would show once more. While nothing is known of the calendar, the
 * end that was known last counts. */
static bool ends_with_calendar(const struct pres_over *o, const struct pres_cal *cal)
{
    return o->ends == PRES_ENDS_ITEM && pres_cal_kind(cal) != PRES_CAL_NONE;
}

bool pres_over_is_on(const struct pres_over *o, const struct pres_cal *cal, gw_utc now)
{
    if (ends_with_calendar(o, cal))
        return cal->item_until && cal->item_since <= o->set_at;
    return now < o->until;
}

gw_utc pres_over_due(const struct pres_over *o, const struct pres_cal *cal)
{
    return ends_with_calendar(o, cal) ? GW_NEVER : o->until;
}

/* ---- Records ---- */

static json_t *time_json(gw_utc t)
{
    char text[GW_UTC_TEXT_MAX];

    return t == GW_NEVER ? json_null() : json_string(gw_utc_text(t, text));
}

void pres_over_write(const struct pres_over *o, struct gw_buf *out)
{
    json_t *json = json_pack("{s:s, s:o, s:s, s:o, s:s%}", "state", pres_override_name(o->kind),
                             "set", time_json(o->set_at), "ends", ends_names[o->ends], "until",
                             time_json(o->until), "text", o->text, o->text_len);
    char *text = json_dumps(json, JSON_COMPACT);

    gw_buf_add_cstr(out, text);
    free(text);
    json_decref(json);
}

static struct gw_str member(const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);

    return (struct gw_str){ json_string_value(v), json_string_length(v) };
}

static bool ends_parse(struct gw_str name, enum pres_ends *out)
{
    for (int i = PRES_ENDS_CLEARED; i <= PRES_ENDS_ITEM; i++) {
        if (gw_str_is(name, ends_names[i])) {
            *out = (enum pres_ends)i;
            return true;
        }
    }
    return false;
}

static enum gw_code read_object(const json_t *object, struct pres_override *out, struct gw_err *err)
{
    struct gw_str until = member(object, "until");
    enum gw_code rc;

    *out = (struct pres_override){ .until = GW_NEVER, .text = member(object, "text") };
    if (!pres_override_parse(member(object, "state"), &out->kind))
        return gw_fail(err, GW_BADMSG, "no such state");
    if (!ends_parse(member(object, "ends"), &out->ends))
        return gw_fail(err, GW_BADMSG, "no such end");
    rc = gw_utc_parse(member(object, "set"), &out->set_at, err);
    if (!rc && until.p)
        rc = gw_utc_parse(until, &out->until, err);
    return rc ? rc : pres_over_check(out, err);
}

enum gw_code pres_over_parse(struct gw_str value, struct pres_over **out, struct gw_err *err)
{
    struct pres_override in;
    json_error_t why;
    enum gw_code rc;
    json_t *json = json_loadb(value.p ? value.p : "", value.len, JSON_REJECT_DUPLICATES, &why);

    if (!json)
        return gw_fail(err, GW_BADMSG, "%s", why.text);
    rc = read_object(json, &in, err);
    if (!rc)
        *out = pres_over_new(&in);
    json_decref(json);
    return rc;
}
