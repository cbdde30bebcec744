#include "bridge_policy.h"

#include <stdlib.h>
#include <string.h>

#include "bridge_priv.h"
#include "gw_mem.h"

enum { ORGANISERS_MAX = 64, POLICY_MEMORY_MAX = 1024 * 1024 };

/* ---- settings: one table ---- */

enum setting_type { ROW, OUTSIDE_ROW, REPLY_ROW, ORDER, ORGANISERS, HOURS };

static const struct setting {
    const char *key, *help;
    enum setting_type type;
    enum gw_busy busy;
    enum bridge_condition_row condition;
} settings[] = {
    { "free", "items marked as free, and no item at all", ROW, GW_BUSY_FREE, BRIDGE_PLAIN },
    { "free+all-day", "... that last all day", ROW, GW_BUSY_FREE, BRIDGE_ALL_DAY },
    { "free+private", "... that are private", ROW, GW_BUSY_FREE, BRIDGE_PRIVATE },
    { "free+named", "... of the named organisers", ROW, GW_BUSY_FREE, BRIDGE_NAMED },
    { "tentative", "tentative items", ROW, GW_BUSY_TENTATIVE, BRIDGE_PLAIN },
    { "tentative+all-day", "... that last all day", ROW, GW_BUSY_TENTATIVE, BRIDGE_ALL_DAY },
    { "tentative+private", "... that are private", ROW, GW_BUSY_TENTATIVE, BRIDGE_PRIVATE },
    { "tentative+named", "... of the named organisers", ROW, GW_BUSY_TENTATIVE, BRIDGE_NAMED },
    { "working-elsewhere", "working elsewhere", ROW, GW_BUSY_ELSEWHERE, BRIDGE_PLAIN },
    { "working-elsewhere+all-day", "... all day", ROW, GW_BUSY_ELSEWHERE, BRIDGE_ALL_DAY },
    { "working-elsewhere+private", "... private", ROW, GW_BUSY_ELSEWHERE, BRIDGE_PRIVATE },
    { "working-elsewhere+named", "... of the named organisers", ROW, GW_BUSY_ELSEWHERE,
      BRIDGE_NAMED },
    { "busy", "busy items", ROW, GW_BUSY_BUSY, BRIDGE_PLAIN },
    { "busy+all-day", "... that last all day", ROW, GW_BUSY_BUSY, BRIDGE_ALL_DAY },
    { "busy+private", "... that are private", ROW, GW_BUSY_BUSY, BRIDGE_PRIVATE },
    { "busy+named", "... of the named organisers", ROW, GW_BUSY_BUSY, BRIDGE_NAMED },
    { "oof", "items marked as out of office, or away", ROW, GW_BUSY_OOF, BRIDGE_PLAIN },
    { "oof+all-day", "... that last all day", ROW, GW_BUSY_OOF, BRIDGE_ALL_DAY },
    { "oof+private", "... that are private", ROW, GW_BUSY_OOF, BRIDGE_PRIVATE },
    { "oof+named", "... of the named organisers", ROW, GW_BUSY_OOF, BRIDGE_NAMED },
    { "outside-hours", "outside working hours, with working-hours = yes", OUTSIDE_ROW, 0, 0 },
    { "automatic-reply", "automatic replies are on", REPLY_ROW, 0, 0 },
    { "order", "which of several at once is shown, the strongest first", ORDER, 0, 0 },
    { "organisers", "the named organisers: names, addresses, @domains", ORGANISERS, 0, 0 },
    { "working-hours", "whether working hours count: yes or no", HOURS, 0, 0 },
};
enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

static const struct {
    const char *name;
    unsigned char rank;
} ranked[] = {
    { "automatic-reply", BRIDGE_RANK_REPLY },
    { "oof", GW_BUSY_OOF },
    { "busy", GW_BUSY_BUSY },
    { "outside-hours", BRIDGE_RANK_OUTSIDE },
    { "working-elsewhere", GW_BUSY_ELSEWHERE },
    { "tentative", GW_BUSY_TENTATIVE },
    { "free", GW_BUSY_FREE },
};
enum { RANKED = sizeof(ranked) / sizeof(ranked[0]) };

const char *bridge_setting_key(size_t i)
{
    return i < SETTINGS ? settings[i].key : NULL;
}

const char *bridge_setting_help(size_t i)
{
    return settings[i].help;
}

bool bridge_setting_find(struct gw_str key, size_t *i)
{
    for (*i = 0; *i < SETTINGS; ++*i)
        if (gw_str_iis(key, settings[*i].key))
            return true;
    return false;
}

const char *bridge_row_key(enum gw_busy busy, enum bridge_condition_row condition)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].type == ROW && settings[i].busy == busy &&
            settings[i].condition == condition)
            return settings[i].key;
    return "";
}

/* ---- a policy ---- */

static struct bridge_show show_of(enum pres_calendar_kind kind)
{
    return (struct bridge_show){ .kind = kind, .text = (unsigned char)bridge_text_of(kind) };
}

struct bridge_policy *bridge_policy_new(void)
{
    static const enum pres_calendar_kind guides[BRIDGE_BUSY_COUNT] = {
        [GW_BUSY_NODATA] = PRES_CAL_NONE,    [GW_BUSY_FREE] = PRES_CAL_FREE,
        [GW_BUSY_TENTATIVE] = PRES_CAL_FREE, [GW_BUSY_ELSEWHERE] = PRES_CAL_ELSEWHERE,
        [GW_BUSY_BUSY] = PRES_CAL_MEETING,   [GW_BUSY_OOF] = PRES_CAL_AWAY,
    };
    struct bridge_policy *p = gw_new(struct bridge_policy);

    gw_arena_init(&p->mem, POLICY_MEMORY_MAX);
    for (int i = 0; i < BRIDGE_BUSY_COUNT; i++)
        p->row[i][BRIDGE_PLAIN] = (struct bridge_row){ true, show_of(guides[i]) };
    p->outside = (struct bridge_row){ true, show_of(PRES_CAL_AWAY) };
    p->outside.show.text = BRIDGE_TEXT_OUTSIDE;
    p->reply = (struct bridge_row){ true, show_of(PRES_CAL_OOF) };
    for (size_t i = 0; i < RANKED; i++)
        p->rank[ranked[i].rank] = (unsigned char)(RANKED - i);
    return p;
}

void bridge_policy_free(struct bridge_policy **pp)
{
    struct bridge_policy *p = *pp;

    if (!p)
        return;
    *pp = NULL;
    gw_arena_done(&p->mem);
    free(p->rules);
    free(p->by_id);
    free(p);
}

static struct bridge_row *row_at(struct bridge_policy *p, const struct setting *s)
{
    switch (s->type) {
    case ROW:
        return &p->row[s->busy][s->condition];
    case OUTSIDE_ROW:
        return &p->outside;
    case REPLY_ROW:
        return &p->reply;
    case ORDER:
    case ORGANISERS:
    case HOURS:
        break;
    }
    return NULL;
}

static enum gw_code row_set(struct bridge_policy *p, const struct setting *s, struct gw_str value,
                            struct gw_err *err)
{
    struct bridge_reader r = { value, &p->mem, err };
    struct bridge_show show;
    enum gw_code rc = bridge_read_show(&r, BRIDGE_TEXT_OUTSIDE, s->type == OUTSIDE_ROW, &show);

    if (rc)
        return rc;
    if (s->type == OUTSIDE_ROW && show.kind == PRES_CAL_OOF)
        return gw_fail(
            err, GW_INVALID,
            "nobody is out of office because the working day is over: away, for one, can "
            "be shown");
    if (show.ignored && s->type == ROW && s->busy == GW_BUSY_FREE && s->condition == BRIDGE_PLAIN)
        return gw_fail(err, GW_INVALID, "something must be shown when the calendar is free");
    *row_at(p, s) = (struct bridge_row){ true, show };
    return GW_OK;
}

static const char order_help[] =
    "the order names each of automatic-reply, oof, busy, outside-hours, working-elsewhere, "
    "tentative and free once, the strongest first";

static bool ranked_find(struct gw_str word, unsigned char *out)
{
    for (size_t i = 0; i < RANKED; i++) {
        if (!gw_str_iis(word, ranked[i].name))
            continue;
        *out = ranked[i].rank;
        return true;
    }
    return false;
}

static enum gw_code order_set(struct bridge_policy *p, struct gw_str value, struct gw_err *err)
{
    struct bridge_reader r = { value, &p->mem, err };
    unsigned char rank[BRIDGE_RANKS] = { 0 }, which;
    struct gw_str word;

    for (unsigned char strength = RANKED; strength > 0; strength--) {
        (void)bridge_read_sign(&r, ",");
        if (!bridge_read_word(&r, &word) || !ranked_find(word, &which) || rank[which])
            return gw_fail(err, GW_INVALID, "%s", order_help);
        rank[which] = strength;
    }
    if (!bridge_read_end(&r))
        return gw_fail(err, GW_INVALID, "%s", order_help);
    memcpy(p->rank, rank, sizeof(rank));
    return GW_OK;
}

/* Separated by commas; empty: nobody. */
static enum gw_code organisers_set(struct bridge_policy *p, struct gw_str value, struct gw_err *err)
{
    struct gw_str *list = gw_arena_alloc(&p->mem, ORGANISERS_MAX * sizeof(*list));
    struct gw_str text = gw_arena_dup(&p->mem, gw_str_trim(value)), rest = text, one;
    size_t count = 0;

    if (!list || !text.p)
        return gw_fail(err, GW_LIMIT, "the rules and settings are too long altogether");
    while (gw_str_next(&rest, ",", &one)) {
        one = bridge_fold(one, &p->mem);
        if (!one.len)
            return gw_fail(err, GW_INVALID, "between two commas there is no organiser");
        if (count == ORGANISERS_MAX)
            return gw_fail(err, GW_INVALID, "at most %d organisers can be named", ORGANISERS_MAX);
        list[count++] = one;
    }
    p->organisers = list;
    p->organiser_count = count;
    p->organisers_text = text;
    return GW_OK;
}

static enum gw_code hours_set(struct bridge_policy *p, struct gw_str value, struct gw_err *err)
{
    value = gw_str_trim(value);
    if (!gw_str_iis(value, "yes") && !gw_str_iis(value, "no"))
        return gw_fail(err, GW_INVALID, "working-hours is yes or no");
    p->hours = gw_str_iis(value, "yes");
    return GW_OK;
}

enum gw_code bridge_policy_set(struct bridge_policy *p, struct gw_str key, struct gw_str value,
                               struct gw_err *err)
{
    size_t i;

    if (!bridge_setting_find(key, &i))
        return gw_fail(err, GW_NOTFOUND, "there is no row or setting '%.*s' in the mapping",
                       GW_STR_ARG(gw_str_utf8_cut(key, 40)));
    if (value.len > BRIDGE_SETTING_MAX || !gw_str_is_utf8(value))
        return gw_fail(err, GW_INVALID, "a setting is UTF-8 of at most %d bytes",
                       BRIDGE_SETTING_MAX);
    switch (settings[i].type) {
    case ROW:
    case OUTSIDE_ROW:
    case REPLY_ROW:
        return row_set(p, &settings[i], value, err);
    case ORDER:
        return order_set(p, value, err);
    case ORGANISERS:
        return organisers_set(p, value, err);
    case HOURS:
        return hours_set(p, value, err);
    }
    return GW_OK;
}

static void order_write(const struct bridge_policy *p, struct gw_buf *out)
{
    for (unsigned char strength = RANKED; strength > 0; strength--)
        for (size_t i = 0; i < RANKED; i++)
            if (p->rank[ranked[i].rank] == strength)
                gw_buf_addf(out, "%s%s", strength < RANKED ? " " : "", ranked[i].name);
}

void bridge_policy_write(const struct bridge_policy *p, size_t i, struct gw_buf *out)
{
    const struct setting *s = &settings[i];
    const struct bridge_row *row = &p->row[s->busy][s->condition];

    switch (s->type) {
    case ROW:
        if (!row->is_set)
            row = &p->row[s->busy][BRIDGE_PLAIN];
        bridge_show_write(&row->show, out);
        return;
    case OUTSIDE_ROW:
        bridge_show_write(&p->outside.show, out);
        return;
    case REPLY_ROW:
        bridge_show_write(&p->reply.show, out);
        return;
    case ORDER:
        order_write(p, out);
        return;
    case ORGANISERS:
        gw_buf_add_str(out, p->organisers_text);
        return;
    case HOURS:
        gw_buf_add_cstr(out, p->hours ? "yes" : "no");
        return;
    }
}

/* ---- rules ---- */

static int id_cmp(const void *a, const void *b)
{
    const struct bridge_rule *const *x = a, *const *y = b;

    return (int)(*x)->id - (int)(*y)->id;
}

static const struct bridge_rule *rule_find(const struct bridge_policy *p, unsigned id)
{
    size_t low = 0, high = p->rule_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (p->by_id[mid]->id == id)
            return p->by_id[mid];
        if (p->by_id[mid]->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

enum gw_code bridge_policy_add_rule(struct bridge_policy *p, unsigned id, struct gw_str name,
                                    struct gw_str rule, struct gw_err *err)
{
    struct bridge_rule parsed;
    enum gw_code rc;

    if (p->rule_count == BRIDGE_RULES_MAX)
        return gw_fail(err, GW_LIMIT, "at most %d rules can apply to one user", BRIDGE_RULES_MAX);
    rc = bridge_rule_parse(rule, &p->mem, &parsed, err);
    if (rc)
        return rc;
    parsed.id = (unsigned short)id;
    parsed.name = gw_arena_dup(&p->mem, name).p;
    if (!parsed.name)
        return gw_fail(err, GW_LIMIT, "the rules and settings are too long altogether");
    p->rules = gw_realloc(p->rules, p->rule_count + 1, sizeof(*p->rules));
    p->by_id = gw_realloc(p->by_id, p->rule_count + 1, sizeof(*p->by_id));
    p->rules[p->rule_count++] = parsed;
    for (size_t i = 0; i < p->rule_count; i++)
        p->by_id[i] = &p->rules[i];
    qsort(p->by_id, p->rule_count, sizeof(*p->by_id), id_cmp);
    return GW_OK;
}

enum gw_code bridge_rule_check(struct gw_str rule, struct gw_err *err)
{
    struct bridge_rule parsed;
    struct gw_arena mem;
    enum gw_code rc;

    gw_arena_init(&mem, POLICY_MEMORY_MAX);
    rc = bridge_rule_parse(rule, &mem, &parsed, err);
    gw_arena_done(&mem);
    return rc;
}

/* ---- in use ---- */

static bool has_named_row(const struct bridge_policy *p)
{
    for (int i = 0; i < BRIDGE_BUSY_COUNT; i++)
        if (p->row[i][BRIDGE_NAMED].is_set)
            return p->organiser_count > 0;
    return false;
}

static bool has_exact_row(const struct bridge_policy *p)
{
    for (int i = 0; i < BRIDGE_BUSY_COUNT; i++)
        if (p->row[i][BRIDGE_ALL_DAY].is_set || p->row[i][BRIDGE_PRIVATE].is_set)
            return true;
    return false;
}

unsigned bridge_policy_needs(const struct bridge_policy *p)
{
    unsigned needs = has_exact_row(p) ? GW_ITEM_EXACT : 0;

    if (has_named_row(p))
        needs |= GW_ITEM_EXACT | GW_ITEM_ORGANISER;
    for (size_t i = 0; i < p->rule_count; i++)
        needs |= bridge_rule_needs(&p->rules[i]);
    return needs;
}

uint32_t bridge_policy_mark(const struct bridge_policy *p)
{
    uint64_t mark = bridge_policy_needs(p);

    if (!mark)
        return 0;
    for (size_t i = 0; i < p->rule_count; i++) {
        const uint64_t rule[] = { mark, p->rules[i].id, p->rules[i].mark };

        mark = gw_hash_stable((struct gw_str){ (const char *)rule, sizeof(rule) });
    }
    if (has_named_row(p))
        mark ^= gw_hash_stable(p->organisers_text);
    return (uint32_t)(mark ^ mark >> 32) | 1;
}

bool bridge_policy_looks_at(const struct bridge_policy *p, struct gw_str calendar)
{
    for (size_t i = 0; i < p->rule_count; i++)
        if (bridge_rule_looks_at(&p->rules[i], calendar))
            return true;
    return false;
}

bool bridge_policy_has_hours(const struct bridge_policy *p)
{
    return p->hours;
}

static bool is_of_named(const struct bridge_policy *p, const struct gw_item *item)
{
    if (item->interval.flags & GW_INTERVAL_PRIVATE)
        return false;
    for (size_t i = 0; i < p->organiser_count; i++)
        if (bridge_organiser_is(item, p->organisers[i]))
            return true;
    return false;
}

unsigned short bridge_policy_tag(const struct bridge_policy *p, const struct gw_item *item)
{
    for (size_t i = 0; i < p->rule_count; i++)
        if (bridge_rule_matches(&p->rules[i], item))
            return p->rules[i].id;
    return has_named_row(p) && !item->is_further && is_of_named(p, item) ? BRIDGE_TAG_NAMED : 0;
}

static bool applies(const struct gw_interval *v, enum bridge_condition_row condition)
{
    switch (condition) {
    case BRIDGE_PLAIN:
        return true;
    case BRIDGE_ALL_DAY:
        return v->flags & GW_INTERVAL_ALL_DAY;
    case BRIDGE_PRIVATE:
        return v->flags & GW_INTERVAL_PRIVATE;
    case BRIDGE_NAMED:
        return v->tag == BRIDGE_TAG_NAMED;
    case BRIDGE_ROW_CONDITIONS:
        break;
    }
    return false;
}

/* Of items of one strength the one that a rule, or a row with a condition, speaks of is shown. Rules
 * by their order. */
enum { RANK_STEP = 1024 };
_Static_assert(BRIDGE_RULES_MAX + 2 < RANK_STEP, "a rank for each rule");

unsigned bridge_policy_rank(const struct bridge_policy *p, int which)
{
    return p->rank[which] * (unsigned)RANK_STEP;
}

struct bridge_hit bridge_policy_hit(const struct bridge_policy *p, const struct gw_interval *v)
{
    /* WIRE: an unknown busy type counts as Busy. */
    enum gw_busy busy = v->busy < BRIDGE_BUSY_COUNT ? (enum gw_busy)v->busy : GW_BUSY_BUSY;
    unsigned rank = bridge_policy_rank(p, busy);
    const struct bridge_rule *rule = v->tag ? rule_find(p, v->tag) : NULL;
    int condition = BRIDGE_ROW_CONDITIONS - 1;

    if (rule)
        return (struct bridge_hit){ .show = &rule->show,
                                    .rank =
                                        rank + BRIDGE_RULES_MAX + 1 - (unsigned)(rule - p->rules),
                                    .rule = rule };
    while (condition > BRIDGE_PLAIN &&
           (!p->row[busy][condition].is_set || !applies(v, (enum bridge_condition_row)condition)))
        condition--;
    return (struct bridge_hit){ .show = &p->row[busy][condition].show,
                                .rank = rank + (condition != BRIDGE_PLAIN),
                                .condition = (enum bridge_condition_row)condition };
}
