#include "bridge_book.h"

#include <stdlib.h>
#include <string.h>

#include "bridge_priv.h"
#include "gw_bytes.h"
#include "gw_map.h"
#include "gw_mem.h"

struct setting {
    char *scope, *value;
    size_t key; /* bridge_setting_key() */
};

struct rule {
    unsigned id;
    char *scope, *name, *text;
};

struct compiled {
    struct bridge_policy *policy;
    size_t key_len;
    char key[];
};

struct bridge_book {
    struct setting *settings;
    size_t setting_count;
    struct rule *rules;
    size_t rule_count;
    unsigned last_id;
    struct gw_map *scopes;   /* of which something is said; empty: to be made */
    struct gw_map *compiled; /* by the scopes that count */
};

struct bridge_book *bridge_book_new(void)
{
    struct bridge_book *b = gw_new(struct bridge_book);

    b->scopes = gw_map_new();
    b->compiled = gw_map_new();
    return b;
}

/* What was made of what has changed now. */
static void forget(struct bridge_book *b)
{
    struct compiled *c;
    size_t pos = 0;

    gw_map_free(&b->scopes);
    b->scopes = gw_map_new();

    while ((c = gw_map_next(b->compiled, &pos))) {
        (void)gw_map_remove(b->compiled, (struct gw_str){ c->key, c->key_len });
        bridge_policy_free(&c->policy);
        free(c);
    }
}

static void setting_free(struct setting *s)
{
    free(s->scope);
    free(s->value);
}

static void rule_free(struct rule *r)
{
    free(r->scope);
    free(r->name);
    free(r->text);
}

void bridge_book_free(struct bridge_book **bp)
{
    struct bridge_book *b = *bp;

    if (!b)
        return;
    *bp = NULL;
    forget(b);
    gw_map_free(&b->scopes);
    gw_map_free(&b->compiled);
    for (size_t i = 0; i < b->setting_count; i++)
        setting_free(&b->settings[i]);
    for (size_t i = 0; i < b->rule_count; i++)
        rule_free(&b->rules[i]);
    free(b->settings);
    free(b->rules);
    free(b);
}

/* ---- scopes ---- */

enum { EVERYONE, DOMAIN, GROUP, USER, SCOPES };
static const char *const scope_prefix[SCOPES] = { "everyone", "domain:", "group:", "user:" };

static int scope_type(struct gw_str scope)
{
    for (int i = DOMAIN; i < SCOPES; i++)
        if (gw_str_starts(scope, scope_prefix[i]) && scope.len > strlen(scope_prefix[i]))
            return i;
    return gw_str_is(scope, scope_prefix[EVERYONE]) ? EVERYONE : -1;
}

enum gw_code bridge_scope_check(struct gw_str scope, struct gw_err *err)
{
    if (scope.len > BRIDGE_SCOPE_MAX || !gw_str_is_line(scope) || scope_type(scope) < 0)
        return gw_fail(err, GW_INVALID,
                       "it is for everyone, domain:NAME, group:NAME or user:ID@DOMAIN, not '%.*s'",
                       GW_STR_ARG(gw_str_utf8_cut(scope, 60)));
    return GW_OK;
}

static int scope_cmp(struct gw_str a, struct gw_str b)
{
    int x = scope_type(a), y = scope_type(b);

    return x != y ? x - y : gw_str_cmp(a, b);
}

/* ---- settings ---- */

static int setting_cmp(const struct setting *s, struct gw_str scope, size_t key)
{
    int cmp = scope_cmp(gw_str_of(s->scope), scope);

    return cmp ? cmp : (s->key > key) - (s->key < key);
}

static size_t setting_place(const struct bridge_book *b, struct gw_str scope, size_t key,
                            bool *is_there)
{
    size_t low = 0, high = b->setting_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (setting_cmp(&b->settings[mid], scope, key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *is_there = low < b->setting_count && setting_cmp(&b->settings[low], scope, key) == 0;
    return low;
}

static void setting_remove(struct bridge_book *b, size_t i)
{
    setting_free(&b->settings[i]);
    memmove(&b->settings[i], &b->settings[i + 1],
            (b->setting_count - i - 1) * sizeof(*b->settings));
    b->setting_count--;
}

static void setting_insert(struct bridge_book *b, size_t i, struct gw_str scope, size_t key,
                           struct gw_str value)
{
    b->settings = gw_realloc(b->settings, b->setting_count + 1, sizeof(*b->settings));
    memmove(&b->settings[i + 1], &b->settings[i], (b->setting_count - i) * sizeof(*b->settings));
    b->setting_count++;
    b->settings[i] = (struct setting){ gw_str_dup(scope), gw_str_dup(value), key };
}

static enum gw_code setting_check(struct gw_str key, struct gw_str value, struct gw_err *err)
{
    struct bridge_policy *scratch = bridge_policy_new();
    enum gw_code rc = bridge_policy_set(scratch, key, value, err);

    bridge_policy_free(&scratch);
    return rc;
}

static enum gw_code key_find(struct gw_str key, size_t *out, struct gw_err *err)
{
    if (bridge_setting_find(key, out))
        return GW_OK;
    return gw_fail(err, GW_NOTFOUND,
                   "there is no row or setting '%.*s': 'kalendsctl mapping list' shows all",
                   GW_STR_ARG(gw_str_utf8_cut(key, 40)));
}

enum gw_code bridge_book_set(struct bridge_book *b, struct gw_str scope, struct gw_str key,
                             const struct gw_str *value, struct gw_err *err)
{
    enum gw_code rc = bridge_scope_check(scope, err);
    bool is_there;
    size_t k, i;

    if (rc || (rc = key_find(key, &k, err)) || (value && (rc = setting_check(key, *value, err))))
        return rc;
    i = setting_place(b, scope, k, &is_there);
    if (!value && !is_there)
        return gw_fail(err, GW_NOTFOUND, "%s is not set for %.*s", bridge_setting_key(k),
                       GW_STR_ARG(gw_str_utf8_cut(scope, 80)));
    if (value && !is_there && b->setting_count == BRIDGE_SETTINGS_MAX)
        return gw_fail(err, GW_LIMIT, "at most %d settings can be made", BRIDGE_SETTINGS_MAX);
    if (is_there)
        setting_remove(b, i);
    if (value)
        setting_insert(b, i, scope, k, *value);
    forget(b);
    return GW_OK;
}

bool bridge_book_setting(const struct bridge_book *b, size_t i, struct bridge_setting *out)
{
    if (i >= b->setting_count)
        return false;
    *out = (struct bridge_setting){ gw_str_of(b->settings[i].scope),
                                    gw_str_of(bridge_setting_key(b->settings[i].key)),
                                    gw_str_of(b->settings[i].value) };
    return true;
}

/* ---- rules ---- */

/* b->rule_count: there is none. */
static size_t rule_find(const struct bridge_book *b, struct gw_str name)
{
    size_t i = 0;

    while (i < b->rule_count && !gw_str_is(name, b->rules[i].name))
        i++;
    return i;
}

static enum gw_code rule_get(const struct bridge_book *b, struct gw_str name, size_t *out,
                             struct gw_err *err)
{
    *out = rule_find(b, name);
    if (*out < b->rule_count)
        return GW_OK;
    return gw_fail(err, GW_NOTFOUND, "there is no rule '%.*s'",
                   GW_STR_ARG(gw_str_utf8_cut(name, BRIDGE_RULE_NAME_MAX)));
}

/* Where a rule of that scope goes: in front of another one of it, or behind all. */
static enum gw_code rule_place(const struct bridge_book *b, struct gw_str scope,
                               struct gw_str before, size_t *out, struct gw_err *err)
{
    size_t i = 0;
    enum gw_code rc;

    if (!before.len) {
        while (i < b->rule_count && scope_cmp(gw_str_of(b->rules[i].scope), scope) <= 0)
            i++;
        *out = i;
        return GW_OK;
    }
    rc = rule_get(b, before, &i, err);
    if (rc)
        return rc;
    if (!gw_str_is(scope, b->rules[i].scope))
        return gw_fail(err, GW_INVALID,
                       "rule '%.*s' is for %s: only rules for the same people "
                       "have an order",
                       GW_STR_ARG(before), b->rules[i].scope);
    *out = i;
    return GW_OK;
}

static size_t rules_of(const struct bridge_book *b, struct gw_str scope)
{
    size_t count = 0;

    for (size_t i = 0; i < b->rule_count; i++)
        count += gw_str_is(scope, b->rules[i].scope);
    return count;
}

static bool id_is_used(const struct bridge_book *b, unsigned id)
{
    for (size_t i = 0; i < b->rule_count; i++)
        if (b->rules[i].id == id)
            return true;
    return false;
}

static unsigned id_next(struct bridge_book *b)
{
    do
        b->last_id = b->last_id % BRIDGE_RULE_ID_MAX + 1;
    while (id_is_used(b, b->last_id));
    return b->last_id;
}

static enum gw_code name_check(struct gw_str name, struct gw_err *err)
{
    bool ok = name.len >= 1 && name.len <= BRIDGE_RULE_NAME_MAX && gw_str_is_utf8(name);

    for (size_t i = 0; i < name.len && ok; i++)
        ok = (unsigned char)name.p[i] > ' ' && name.p[i] != ':' && name.p[i] != 0x7f;
    return ok ? GW_OK
              : gw_fail(err, GW_INVALID,
                        "the name of a rule is one word of at most %d bytes, without ':'",
                        BRIDGE_RULE_NAME_MAX);
}

static void rule_insert(struct bridge_book *b, size_t i, struct rule r)
{
    b->rules = gw_realloc(b->rules, b->rule_count + 1, sizeof(*b->rules));
    memmove(&b->rules[i + 1], &b->rules[i], (b->rule_count - i) * sizeof(*b->rules));
    b->rule_count++;
    b->rules[i] = r;
    forget(b);
}

static struct rule rule_take(struct bridge_book *b, size_t i)
{
    struct rule r = b->rules[i];

    memmove(&b->rules[i], &b->rules[i + 1], (b->rule_count - i - 1) * sizeof(*b->rules));
    b->rule_count--;
    forget(b);
    return r;
}

static enum gw_code add(struct bridge_book *b, unsigned id, struct gw_str scope, struct gw_str name,
                        struct gw_str rule, struct gw_str before, struct gw_err *err)
{
    enum gw_code rc = bridge_scope_check(scope, err);
    size_t place;

    if (rc || (rc = name_check(name, err)) || (rc = bridge_rule_check(rule, err)))
        return rc;
    if (rule_find(b, name) < b->rule_count)
        return gw_fail(err, GW_EXISTS, "there is a rule '%.*s' already", GW_STR_ARG(name));
    if (b->rule_count == BRIDGE_BOOK_RULES_MAX || rules_of(b, scope) == BRIDGE_SCOPE_RULES_MAX)
        return gw_fail(err, GW_LIMIT, "there can be %d rules for the same people, %d in all",
                       BRIDGE_SCOPE_RULES_MAX, BRIDGE_BOOK_RULES_MAX);
    rc = rule_place(b, scope, before, &place, err);
    if (rc)
        return rc;
    rule_insert(b, place,
                (struct rule){ id ? id : id_next(b), gw_str_dup(scope), gw_str_dup(name),
                               gw_str_dup(gw_str_trim(rule)) });
    return GW_OK;
}

enum gw_code bridge_book_rule_add(struct bridge_book *b, struct gw_str scope, struct gw_str name,
                                  struct gw_str rule, struct gw_str before, struct gw_err *err)
{
    return add(b, 0, scope, name, rule, before, err);
}

enum gw_code bridge_book_rule_restore(struct bridge_book *b, unsigned id, struct gw_str scope,
                                      struct gw_str name, struct gw_str rule, struct gw_err *err)
{
    enum gw_code rc;

    if (id < 1 || id > BRIDGE_RULE_ID_MAX || id_is_used(b, id))
        return gw_fail(err, GW_BADMSG, "rule '%.*s' has the number %u, which cannot be",
                       GW_STR_ARG(gw_str_utf8_cut(name, BRIDGE_RULE_NAME_MAX)), id);
    rc = add(b, id, scope, name, rule, (struct gw_str){ NULL, 0 }, err);
    if (!rc && id > b->last_id)
        b->last_id = id;
    return rc;
}

/* What is in front of "=>". */
static struct gw_str conditions_of(struct gw_str rule)
{
    struct gw_str before = rule, after = rule, all = rule;

    while (gw_str_cut(after, "=>", NULL, &after))
        before = gw_str_sub(all, 0, (size_t)(after.p - all.p) - 2);
    return before;
}

enum gw_code bridge_book_rule_edit(struct bridge_book *b, struct gw_str name, struct gw_str rule,
                                   struct gw_err *err)
{
    enum gw_code rc;
    size_t i;

    rc = rule_get(b, name, &i, err);
    if (rc || (rc = bridge_rule_check(rule, err)))
        return rc;
    rule = gw_str_trim(rule);
    if (!gw_str_eq(conditions_of(rule), conditions_of(gw_str_of(b->rules[i].text))))
        b->rules[i].id = id_next(b);
    free(b->rules[i].text);
    b->rules[i].text = gw_str_dup(rule);
    forget(b);
    return GW_OK;
}

enum gw_code bridge_book_rule_move(struct bridge_book *b, struct gw_str name, struct gw_str before,
                                   struct gw_err *err)
{
    struct rule r;
    enum gw_code rc;
    size_t i, place;

    rc = rule_get(b, name, &i, err);
    if (rc || gw_str_eq(name, before))
        return rc;
    rc = rule_place(b, gw_str_of(b->rules[i].scope), before, &place, err);
    if (rc)
        return rc;
    r = rule_take(b, i);
    rule_insert(b, place > i ? place - 1 : place, r);
    return GW_OK;
}

enum gw_code bridge_book_rule_remove(struct bridge_book *b, struct gw_str name, struct gw_err *err)
{
    struct rule r;
    enum gw_code rc;
    size_t i;

    rc = rule_get(b, name, &i, err);
    if (rc)
        return rc;
    r = rule_take(b, i);
    rule_free(&r);
    return GW_OK;
}

bool bridge_book_rule(const struct bridge_book *b, size_t i, struct bridge_book_rule *out)
{
    if (i >= b->rule_count)
        return false;
    *out = (struct bridge_book_rule){ b->rules[i].id, gw_str_of(b->rules[i].scope),
                                      gw_str_of(b->rules[i].name), gw_str_of(b->rules[i].text) };
    return true;
}

/* ---- policies ---- */

/* Everything was checked when it was set. */
static void settings_apply(const struct bridge_book *b, struct gw_str scope,
                           struct bridge_policy *p)
{
    for (size_t i = 0; i < b->setting_count; i++)
        if (gw_str_is(scope, b->settings[i].scope))
            (void)bridge_policy_set(p, gw_str_of(bridge_setting_key(b->settings[i].key)),
                                    gw_str_of(b->settings[i].value), NULL);
}

static void rules_apply(const struct bridge_book *b, struct gw_str scope, struct bridge_policy *p)
{
    for (size_t i = 0; i < b->rule_count; i++)
        if (gw_str_is(scope, b->rules[i].scope))
            (void)bridge_policy_add_rule(p, b->rules[i].id, gw_str_of(b->rules[i].name),
                                         gw_str_of(b->rules[i].text), NULL);
}

static void scopes_collect(struct bridge_book *b)
{
    for (size_t i = 0; i < b->setting_count; i++)
        (void)gw_map_set(b->scopes, gw_str_of(b->settings[i].scope), b);
    for (size_t i = 0; i < b->rule_count; i++)
        (void)gw_map_set(b->scopes, gw_str_of(b->rules[i].scope), b);
}

static bool has_scope(struct bridge_book *b, struct gw_str scope)
{
    if (gw_map_len(b->scopes) == 0)
        scopes_collect(b);
    return gw_map_get(b->scopes, scope) != NULL;
}

/* The scopes of a person that say anything, a line each. */
static void scopes_write(struct bridge_book *b, const struct bridge_person *person,
                         struct gw_buf *out)
{
    const struct gw_str name[SCOPES] = { GW_STR(""), person->domain, person->group, person->user };
    struct gw_buf scope;

    for (int i = EVERYONE; i < SCOPES; i++) {
        gw_buf_init(&scope, BRIDGE_SCOPE_MAX);
        gw_buf_add_cstr(&scope, scope_prefix[i]);
        gw_buf_add_str(&scope, name[i]);
        if (!scope.failed && (i == EVERYONE || name[i].len) && has_scope(b, gw_buf_str(&scope)))
            gw_buf_addf(out, "%.*s\n", GW_STR_ARG(gw_buf_str(&scope)));
        gw_buf_done(&scope);
    }
}

static struct bridge_policy *compile(const struct bridge_book *b, struct gw_str scopes)
{
    struct bridge_policy *p = bridge_policy_new();
    struct gw_str line[SCOPES], rest = scopes;
    int count = 0;

    while (count < SCOPES && gw_str_cut(rest, "\n", &line[count], &rest))
        settings_apply(b, line[count++], p);
    while (count > 0)
        rules_apply(b, line[--count], p);
    return p;
}

const struct bridge_policy *bridge_book_policy(struct bridge_book *b,
                                               const struct bridge_person *person)
{
    struct compiled *c;
    struct gw_buf key;

    gw_buf_init(&key, SCOPES * (BRIDGE_SCOPE_MAX + 1));
    scopes_write(b, person, &key);
    c = gw_map_get(b->compiled, gw_buf_str(&key));
    if (!c) {
        c = gw_alloc(sizeof(*c) + key.len);
        c->policy = compile(b, gw_buf_str(&key));
        c->key_len = key.len;
        memcpy(c->key, key.p ? key.p : "", key.len);
        (void)gw_map_set(b->compiled, (struct gw_str){ c->key, c->key_len }, c);
    }
    gw_buf_done(&key);
    return c->policy;
}

/* ---- an extract ---- */

static void settings_copy(const struct bridge_book *b, struct gw_str scope, struct bridge_book *to)
{
    for (size_t i = 0; i < b->setting_count; i++)
        if (gw_str_is(scope, b->settings[i].scope))
            setting_insert(to, to->setting_count, scope, b->settings[i].key,
                           gw_str_of(b->settings[i].value));
}

static void rules_copy(const struct bridge_book *b, struct gw_str scope, struct bridge_book *to)
{
    for (size_t i = 0; i < b->rule_count; i++)
        if (gw_str_is(scope, b->rules[i].scope))
            rule_insert(to, to->rule_count,
                        (struct rule){ b->rules[i].id, gw_str_dup(scope),
                                       gw_str_dup(gw_str_of(b->rules[i].name)),
                                       gw_str_dup(gw_str_of(b->rules[i].text)) });
}

struct bridge_book *bridge_book_extract(struct bridge_book *b, const struct bridge_person *person,
                                        bool with_rules)
{
    struct bridge_book *out = bridge_book_new();
    struct gw_str scope, rest;
    struct gw_buf scopes;

    gw_buf_init(&scopes, SCOPES * (BRIDGE_SCOPE_MAX + 1));
    scopes_write(b, person, &scopes);
    rest = gw_buf_str(&scopes);
    while (gw_str_cut(rest, "\n", &scope, &rest)) {
        settings_copy(b, scope, out);
        if (with_rules)
            rules_copy(b, scope, out);
    }
    gw_buf_done(&scopes);
    return out;
}
