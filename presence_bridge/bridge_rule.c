/* Rules: conditions on an item, all of which must hold. Nobody else's words about a private item count:
 * of its subject, place, categories and people nothing is looked at. A rule that says nothing about the
 * calendar is about the user's own one: what is in a further one is nothing to it. */
#include <stdlib.h>
#include <string.h>

#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "bridge_priv.h"

enum op { OP_IS, OP_IS_NOT, OP_HAS, OP_HAS_NOT, OP_AT_MOST, OP_AT_LEAST };

/* The longer sign first. */
static const struct {
    const char *sign;
    enum op op;
} ops[] = { { "!=", OP_IS_NOT },   { "!~", OP_HAS_NOT }, { "<=", OP_AT_MOST },
            { ">=", OP_AT_LEAST }, { "=", OP_IS },       { "~", OP_HAS } };
enum { OPS = sizeof(ops) / sizeof(ops[0]) };

enum type { TEXT, NUMBER, WORD };

static const char *const yes_no[] = { "no", "yes", NULL };
static const char *const responses[] = { "unknown",  "organiser",    "tentative", "accepted",
                                         "declined", "not-answered", NULL };
static const char *const sensitivities[] = { "normal", "personal", "private", "confidential",
                                             NULL };
static const char *const busy_types[] = { "no-data", "free", "tentative", "working-elsewhere",
                                          "busy",    "oof",  NULL };

enum field {
    SUBJECT,
    LOCATION,
    CATEGORY,
    CALENDAR,
    ORGANISER,
    ATTENDEES,
    RESPONSE,
    SENSITIVITY,
    ALL_DAY,
    MEETING,
    DURATION,
    BUSY,
    FIELDS
};

static const struct {
    const char *name;
    enum type type;
    unsigned needs;
    bool is_content;          /* of a private item it is not looked at */
    const char *const *words; /* WORD: number i is words[i] */
} fields[FIELDS] = {
    [SUBJECT] = { "subject", TEXT, GW_ITEM_SUBJECT, true, NULL },
    [LOCATION] = { "location", TEXT, GW_ITEM_LOCATION, true, NULL },
    [CATEGORY] = { "category", TEXT, GW_ITEM_CATEGORIES, true, NULL },
    [CALENDAR] = { "calendar", TEXT, GW_ITEM_CALENDAR, false, NULL },
    [ORGANISER] = { "organiser", TEXT, GW_ITEM_ORGANISER, true, NULL },
    [ATTENDEES] = { "attendees", NUMBER, GW_ITEM_ATTENDEES, true, NULL },
    [RESPONSE] = { "response", WORD, GW_ITEM_RESPONSE, false, responses },
    [SENSITIVITY] = { "sensitivity", WORD, 0, false, sensitivities },
    [ALL_DAY] = { "all-day", WORD, 0, false, yes_no },
    [MEETING] = { "meeting", WORD, 0, false, yes_no },
    [DURATION] = { "duration", NUMBER, 0, false, NULL },
    [BUSY] = { "busy", WORD, 0, false, busy_types },
};

/* ---- folding ---- */

enum { FOLD_MAX = 1024, FOLDED_MAX = 4096 }; /* units; Exchange cuts a subject at 255 */

struct gw_str bridge_fold(struct gw_str text, struct gw_arena *mem)
{
    UChar in[FOLD_MAX], out[FOLDED_MAX];
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *fold = unorm2_getNFKCCasefoldInstance(&status);
    int32_t len = 0, bytes = 0;
    char *copy;

    text = gw_str_utf8_cut(text, FOLD_MAX);
    u_strFromUTF8WithSub(in, FOLD_MAX, &len, text.p ? text.p : "", (int32_t)text.len, 0xfffd, NULL,
                         &status);
    len = unorm2_normalize(fold, in, len, out, FOLDED_MAX, &status);
    if (U_FAILURE(status))
        len = 0;
    copy = gw_arena_alloc(mem, (size_t)len * 3 + 1);
    if (!copy)
        return (struct gw_str){ NULL, 0 };
    status = U_ZERO_ERROR;
    u_strToUTF8(copy, len * 3 + 1, &bytes, out, len, &status);
    return (struct gw_str){ copy, U_SUCCESS(status) ? (size_t)bytes : 0 };
}

/* ---- reading ---- */

static bool field_find(struct gw_str word, enum field *out)
{
    for (int i = 0; i < FIELDS; i++) {
        if (!gw_str_iis(word, fields[i].name))
            continue;
        *out = (enum field)i;
        return true;
    }
    return false;
}

static bool op_read(struct bridge_reader *r, enum op *out)
{
    for (size_t i = 0; i < OPS; i++) {
        if (gw_str_starts(gw_str_trim(r->rest), "=>") || !bridge_read_sign(r, ops[i].sign))
            continue;
        *out = ops[i].op;
        return true;
    }
    return false;
}

static bool op_fits(enum type type, enum op op)
{
    switch (op) {
    case OP_IS:
    case OP_IS_NOT:
        return true;
    case OP_HAS:
    case OP_HAS_NOT:
        return type == TEXT;
    case OP_AT_MOST:
    case OP_AT_LEAST:
        return type == NUMBER;
    }
    return false;
}

static enum gw_code value_read(struct bridge_reader *r, enum field field,
                               struct bridge_condition *c)
{
    struct gw_str text = bridge_read_text(r);
    const char *const *word;

    if (!text.p)
        return GW_INVALID;
    switch (fields[field].type) {
    case TEXT:
        c->text = bridge_fold(text, r->mem);
        if (!c->text.len)
            return gw_fail(r->err, GW_INVALID, "the text to look for in %s is empty, or too long",
                           fields[field].name);
        return GW_OK;
    case NUMBER:
        if (!gw_str_to_int(text, 0, INT32_MAX, &c->number))
            return gw_fail(r->err, GW_INVALID, "%s is compared with a number", fields[field].name);
        return GW_OK;
    case WORD:
        for (word = fields[field].words; *word; word++)
            if (gw_str_iis(text, *word)) {
                c->number = word - fields[field].words;
                return GW_OK;
            }
        break;
    }
    return gw_fail(r->err, GW_INVALID, "%s is never '%.*s'", fields[field].name,
                   GW_STR_ARG(gw_str_utf8_cut(text, 40)));
}

static enum gw_code condition_read(struct bridge_reader *r, struct bridge_condition *out)
{
    struct gw_str word = { "", 0 };
    enum field field;
    enum op op;

    if (!bridge_read_word(r, &word) || !field_find(word, &field))
        return gw_fail(
            r->err, GW_INVALID,
            "'%.*s' is nothing that a rule can look at: subject, location, category, "
            "calendar, organiser, attendees, response, sensitivity, all-day, meeting, duration, "
            "busy",
            GW_STR_ARG(gw_str_utf8_cut(word.len ? word : r->rest, 40)));
    if (!op_read(r, &op) || !op_fits(fields[field].type, op))
        return gw_fail(r->err, GW_INVALID, "%s is followed by %s", fields[field].name,
                       fields[field].type == TEXT     ? "=, !=, ~ (has) or !~ (has not)"
                       : fields[field].type == NUMBER ? "=, !=, <= or >="
                                                      : "= or !=");
    out->field = (unsigned char)field;
    out->op = (unsigned char)op;
    return value_read(r, field, out);
}

static enum gw_code conditions_read(struct bridge_reader *r, struct bridge_rule *out)
{
    struct gw_str word;
    enum gw_code rc;

    for (;;) {
        if (out->condition_count == BRIDGE_CONDITIONS_MAX)
            return gw_fail(r->err, GW_INVALID, "a rule has at most %d conditions",
                           BRIDGE_CONDITIONS_MAX);
        rc = condition_read(r, &out->condition[out->condition_count++]);
        if (rc)
            return rc;
        if (bridge_read_sign(r, "=>"))
            return GW_OK;
        if (!bridge_read_word(r, &word) || !gw_str_iis(word, "and"))
            return gw_fail(r->err, GW_INVALID,
                           "after a condition comes 'and' with another one, or '=>' with what is "
                           "shown");
    }
}

enum gw_code bridge_rule_parse(struct gw_str text, struct gw_arena *mem, struct bridge_rule *out,
                               struct gw_err *err)
{
    struct bridge_reader r = { text, mem, err };
    struct bridge_rule rule = { 0 };
    enum gw_code rc;

    if (text.len > BRIDGE_SETTING_MAX)
        return gw_fail(err, GW_INVALID, "a rule has at most %d bytes", BRIDGE_SETTING_MAX);
    if (!gw_str_is_utf8(text))
        return gw_fail(err, GW_INVALID, "a rule is UTF-8");
    rule.condition = gw_arena_alloc(mem, BRIDGE_CONDITIONS_MAX * sizeof(*rule.condition));
    if (!rule.condition)
        return gw_fail(err, GW_LIMIT, "the rules are too long altogether");
    rc = conditions_read(&r, &rule);
    rule.mark = gw_hash_stable(gw_str_sub(text, 0, text.len - r.rest.len));
    if (!rc)
        rc = bridge_read_show(&r, BRIDGE_TEXT_FREE, false, &rule.show);
    if (!rc)
        *out = rule;
    return rc;
}

unsigned bridge_rule_needs(const struct bridge_rule *r)
{
    unsigned needs = GW_ITEM_EXACT;

    for (size_t i = 0; i < r->condition_count; i++)
        needs |= fields[r->condition[i].field].needs;
    return needs;
}

/* ---- matching ---- */

static bool has(struct gw_str hay, struct gw_str needle)
{
    return hay.len >= needle.len && memmem(hay.p, hay.len, needle.p, needle.len) != NULL;
}

static bool text_holds(struct gw_str text, struct gw_str wanted, bool anywhere)
{
    struct gw_arena mem;
    struct gw_str folded;
    bool holds;

    if (!text.len)
        return false;
    gw_arena_init(&mem, 16 * 1024);
    folded = bridge_fold(text, &mem);
    holds = folded.p && (anywhere ? has(folded, wanted) : gw_str_eq(folded, wanted));
    gw_arena_done(&mem);
    return holds;
}

/* "@customer.example" is everybody there. */
static bool address_ends(struct gw_str address, struct gw_str wanted)
{
    return wanted.p[0] == '@' && address.len >= wanted.len &&
           gw_str_ieq(gw_str_sub(address, address.len - wanted.len, address.len), wanted);
}

static bool organiser_holds(const struct gw_item *item, struct gw_str wanted, bool anywhere)
{
    return text_holds(item->organiser, wanted, anywhere) ||
           text_holds(item->organiser_address, wanted, anywhere) ||
           address_ends(item->organiser_address, wanted);
}

bool bridge_organiser_is(const struct gw_item *item, struct gw_str folded)
{
    return organiser_holds(item, folded, false);
}

static bool category_holds(const struct gw_item *item, struct gw_str wanted, bool anywhere)
{
    for (size_t i = 0; i < item->category_count; i++)
        if (text_holds(item->categories[i], wanted, anywhere))
            return true;
    return false;
}

static bool text_field_holds(enum field field, const struct gw_item *item, struct gw_str wanted,
                             bool anywhere)
{
    switch (field) {
    case SUBJECT:
        return text_holds(item->subject, wanted, anywhere);
    case LOCATION:
        return text_holds(item->location, wanted, anywhere);
    case CATEGORY:
        return category_holds(item, wanted, anywhere);
    case CALENDAR:
        return text_holds(item->calendar, wanted, anywhere);
    case ORGANISER:
        return organiser_holds(item, wanted, anywhere);
    case ATTENDEES:
    case RESPONSE:
    case SENSITIVITY:
    case ALL_DAY:
    case MEETING:
    case DURATION:
    case BUSY:
    case FIELDS:
        break;
    }
    return false;
}

static int64_t number_of(enum field field, const struct gw_item *item)
{
    const struct gw_interval *v = &item->interval;

    switch (field) {
    case ATTENDEES:
        return item->attendees;
    case RESPONSE:
        return item->response;
    case SENSITIVITY:
        return item->sensitivity;
    case ALL_DAY:
        return !!(v->flags & GW_INTERVAL_ALL_DAY);
    case MEETING:
        return !!(v->flags & GW_INTERVAL_MEETING);
    case DURATION:
        return (v->end - v->start) / GW_MINUTE_MS;
    case BUSY:
        return v->busy;
    case SUBJECT:
    case LOCATION:
    case CATEGORY:
    case CALENDAR:
    case ORGANISER:
    case FIELDS:
        break;
    }
    return -1;
}

static bool holds(const struct bridge_condition *c, const struct gw_item *item)
{
    enum field field = (enum field)c->field;
    bool is_private = item->interval.flags & GW_INTERVAL_PRIVATE;

    if (fields[field].is_content && is_private)
        return false;
    switch ((enum op)c->op) {
    case OP_IS:
        return fields[field].type == TEXT ? text_field_holds(field, item, c->text, false)
                                          : number_of(field, item) == c->number;
    case OP_IS_NOT:
        return fields[field].type == TEXT ? !text_field_holds(field, item, c->text, false)
                                          : number_of(field, item) != c->number;
    case OP_HAS:
        return text_field_holds(field, item, c->text, true);
    case OP_HAS_NOT:
        return !text_field_holds(field, item, c->text, true);
    case OP_AT_MOST:
        return number_of(field, item) <= c->number;
    case OP_AT_LEAST:
        return number_of(field, item) >= c->number;
    }
    return false;
}

static bool is_about_calendars(const struct bridge_rule *r)
{
    return bridge_rule_needs(r) & GW_ITEM_CALENDAR;
}

bool bridge_rule_matches(const struct bridge_rule *r, const struct gw_item *item)
{
    if (item->is_further && !is_about_calendars(r))
        return false;
    for (size_t i = 0; i < r->condition_count; i++)
        if (!holds(&r->condition[i], item))
            return false;
    return true;
}

bool bridge_rule_looks_at(const struct bridge_rule *r, struct gw_str calendar)
{
    const struct gw_item any = { .calendar = calendar };

    for (size_t i = 0; i < r->condition_count; i++)
        if (r->condition[i].field == CALENDAR && !holds(&r->condition[i], &any))
            return false;
    return is_about_calendars(r);
}
