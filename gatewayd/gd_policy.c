/* The mapping, the rules and the texts that an administrator has set: their records, and how a change is
 * made good at once. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gd.h"
#include "gd_people.h"
#include "gw_log.h"
#include "gw_mem.h"

#define KIND_MAPPING "mapping" /* key: "SCOPE KEY"; the value as it was set */
#define KIND_RULE    "rule"    /* key: its name; scope, rule, id and place as JSON */
#define KIND_TEXT    "text"    /* key: "LANGUAGE NAME"; the pattern */

void gd_policy_start(struct gd *gd)
{
    gd->book = bridge_book_new();
    gd->texts = bridge_texts_new();
}

void gd_policy_done(struct gd *gd)
{
    bridge_book_free(&gd->book);
    bridge_texts_free(&gd->texts);
}

/* --- scopes, as they are typed */

static enum gw_code scope_normalise(struct gw_str text, struct gw_buf *out, struct gw_err *err)
{
    struct gw_str kind, name;

    if (!gw_str_cut(text, ":", &kind, &name)) {
        gw_buf_add_str(out, text.len ? text : GW_STR("everyone"));
    } else {
        gw_buf_addf(out, "%.*s:", GW_STR_ARG(kind));
        if (gw_str_is(kind, "user"))
            return dir_jid_normalise(name, out, err);
        if (gw_str_is(kind, "domain"))
            return dir_domain_normalise(name, out, err);
        gw_buf_add_str(out, name);
    }
    return bridge_scope_check(gw_buf_str(out), err);
}

/* --- records */

static void left_out(const char *kind, struct gw_str key, const struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];

    gw_warn("gatewayd", "record left out kind=%s key=%s error='%s'", kind, gw_quote(key, quoted),
            err->msg);
}

/* A scope may have spaces, a key has none. */
static bool last_space(struct gw_str key, struct gw_str *before, struct gw_str *after)
{
    size_t i = key.len;

    while (i > 0 && key.p[i - 1] != ' ')
        i--;
    if (!i)
        return false;
    *before = gw_str_sub(key, 0, i - 1);
    *after = gw_str_sub(key, i, key.len);
    return true;
}

static void load_mapping(const struct store_record *r, void *ctx)
{
    struct gd *gd = ctx;
    struct gw_str scope, key;
    struct gw_err err;

    if (!last_space(r->key, &scope, &key))
        gw_fail(&err, GW_BADMSG, "its key makes no sense");
    else if (!bridge_book_set(gd->book, scope, key, &r->value, &err))
        return;
    left_out(KIND_MAPPING, r->key, &err);
}

static void load_text(const struct store_record *r, void *ctx)
{
    struct gd *gd = ctx;
    struct gw_str language, name;
    enum bridge_text text;
    struct gw_err err;

    if (!last_space(r->key, &language, &name) || !bridge_text_find(name, &text))
        gw_fail(&err, GW_BADMSG, "its key makes no sense");
    else if (!bridge_texts_set(gd->texts, language, text, &r->value, &err))
        return;
    left_out(KIND_TEXT, r->key, &err);
}

/* Rules come in the order of their names, and stand in that of their places. */
struct loaded_rules {
    json_t **rule;
    size_t count;
};

static void load_rule(const struct store_record *r, void *ctx)
{
    struct loaded_rules *loaded = ctx;
    struct gw_err err;
    json_t *json = json_loadb(r->value.p, r->value.len, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(json)) {
        gw_fail(&err, GW_BADMSG, "it is no JSON object");
        left_out(KIND_RULE, r->key, &err);
        json_decref(json);
        return;
    }
    json_object_set_new(json, "name", json_stringn(r->key.p, r->key.len));
    loaded->rule = gw_realloc(loaded->rule, loaded->count + 1, sizeof(json_t *));
    loaded->rule[loaded->count++] = json;
}

static json_int_t place_of(const json_t *rule)
{
    return json_integer_value(json_object_get(rule, "place"));
}

static int by_place(const void *a, const void *b)
{
    json_int_t x = place_of(*(json_t *const *)a), y = place_of(*(json_t *const *)b);

    return (x > y) - (x < y);
}

static struct gw_str member(const json_t *rule, const char *name)
{
    return gw_str_of(json_string_value(json_object_get(rule, name)));
}

static void rules_take(struct gd *gd, struct loaded_rules *loaded)
{
    struct gw_err err;

    if (loaded->count)
        qsort(loaded->rule, loaded->count, sizeof(json_t *), by_place);
    for (size_t i = 0; i < loaded->count; i++) {
        const json_t *r = loaded->rule[i];
        json_int_t id = json_integer_value(json_object_get(r, "id"));

        if (bridge_book_rule_restore(
                gd->book, id > 0 && id <= BRIDGE_RULE_ID_MAX ? (unsigned)id : 0, member(r, "scope"),
                member(r, "name"), member(r, "rule"), &err))
            left_out(KIND_RULE, member(r, "name"), &err);
        json_decref(loaded->rule[i]);
    }
    free(loaded->rule);
}

enum gw_code gd_policy_load(struct gd *gd, struct gw_err *err)
{
    struct loaded_rules loaded = { 0 };
    enum gw_code rc = gd_load(gd, KIND_MAPPING, load_mapping, gd, err);

    if (!rc)
        rc = gd_load(gd, KIND_TEXT, load_text, gd, err);
    if (!rc)
        rc = gd_load(gd, KIND_RULE, load_rule, &loaded, err);
    rules_take(gd, &loaded);
    return rc;
}

static void pair_store(struct gd *gd, const char *kind, struct gw_str first, const char *second,
                       const struct gw_str *value, store_done_fn *done, void *done_ctx)
{
    struct store_batch *b = store_batch_new();
    struct gw_buf key;

    gw_buf_init(&key, STORE_KEY_MAX);
    gw_buf_addf(&key, "%.*s %s", GW_STR_ARG(first), second);
    if (value)
        store_put(b, kind, gw_buf_str(&key), (struct gw_str){ NULL, 0 }, *value);
    else
        store_del(b, kind, gw_buf_str(&key));
    gw_buf_done(&key);
    store_commit(gd->store, &b, done, done_ctx);
}

/* All of a scope, since their places may be other ones. */
static void rules_store(struct gd *gd, struct gw_str scope, const struct gw_str *removed,
                        store_done_fn *done, void *done_ctx)
{
    struct store_batch *b = store_batch_new();
    struct bridge_book_rule r;

    if (removed)
        store_del(b, KIND_RULE, *removed);
    for (size_t i = 0; bridge_book_rule(gd->book, i, &r); i++) {
        char name[BRIDGE_RULE_NAME_MAX + 1];

        if (!gw_str_eq(r.scope, scope))
            continue;
        memcpy(name, r.name.p, r.name.len);
        name[r.name.len] = '\0';
        gd_record_put(b, KIND_RULE, name,
                      json_pack("{s:s%, s:s%, s:i, s:i}", "scope", r.scope.p, r.scope.len, "rule",
                                r.rule.p, r.rule.len, "id", (int)r.id, "place", (int)i));
    }
    store_commit(gd->store, &b, done, done_ctx);
}

/* --- changes */

enum gw_code gd_mapping_set(struct gd *gd, struct gw_str scope, struct gw_str key,
                            const struct gw_str *value, store_done_fn *done, void *done_ctx,
                            struct gw_err *err)
{
    struct gw_buf whom;
    enum gw_code rc;
    size_t i = 0;

    gw_buf_init(&whom, BRIDGE_SCOPE_MAX * 4);
    rc = scope_normalise(scope, &whom, err);
    if (!rc)
        rc = bridge_book_set(gd->book, gw_buf_str(&whom), key, value, err);
    if (!rc) {
        (void)bridge_setting_find(key, &i);
        gw_info("gatewayd", "mapping %s for='%.*s' row=%s", value ? "set" : "reset",
                GW_STR_ARG(gw_buf_str(&whom)), bridge_setting_key(i));
        pair_store(gd, KIND_MAPPING, gw_buf_str(&whom), bridge_setting_key(i), value, done,
                   done_ctx);
        gd_people_look_again(gd);
    }
    gw_buf_done(&whom);
    return rc;
}

enum gw_code gd_text_set(struct gd *gd, struct gw_str language, struct gw_str text,
                         const struct gw_str *pattern, store_done_fn *done, void *done_ctx,
                         struct gw_err *err)
{
    char name[BRIDGE_LANGUAGE_MAX];
    enum bridge_text which;
    enum gw_code rc;

    if (!bridge_text_find(text, &which))
        return gw_fail(err, GW_NOTFOUND,
                       "there is no text '%.*s': 'kalendsctl text list' shows all",
                       GW_STR_ARG(gw_str_utf8_cut(text, 40)));
    rc = bridge_language_of(language, name, err);
    if (!rc && !pattern && !bridge_texts_is_set(gd->texts, language, which))
        return gw_fail(err, GW_NOTFOUND, "%s is not set in %s", bridge_text_name(which), name);
    if (!rc)
        rc = bridge_texts_set(gd->texts, language, which, pattern, err);
    if (rc)
        return rc;
    gw_info("gatewayd", "text %s language=%s text=%s", pattern ? "set" : "reset", name,
            bridge_text_name(which));
    pair_store(gd, KIND_TEXT, gw_str_of(name), bridge_text_name(which), pattern, done, done_ctx);
    gd_people_look_again(gd);
    return GW_OK;
}

static bool rule_find(const struct gd *gd, struct gw_str name, struct bridge_book_rule *out)
{
    for (size_t i = 0; bridge_book_rule(gd->book, i, out); i++)
        if (gw_str_eq(out->name, name))
            return true;
    return false;
}

static enum gw_code rule_change(struct gd *gd, const struct admin_rule_change *c,
                                struct gw_str scope, struct gw_err *err)
{
    switch (c->verb) {
    case ADMIN_RULE_ADD:
        return bridge_book_rule_add(gd->book, scope, c->name, c->rule, c->before, err);
    case ADMIN_RULE_EDIT:
        return bridge_book_rule_edit(gd->book, c->name, c->rule, err);
    case ADMIN_RULE_MOVE:
        return bridge_book_rule_move(gd->book, c->name, c->before, err);
    case ADMIN_RULE_REMOVE:
        return bridge_book_rule_remove(gd->book, c->name, err);
    }
    return GW_OK;
}

/* What a rule looks for may be somebody's subject: it is not logged. */
enum gw_code gd_rule_change(struct gd *gd, const struct admin_rule_change *change,
                            store_done_fn *done, void *done_ctx, struct gw_err *err)
{
    static const char *const verb[] = { "added", "edited", "moved", "removed" };
    struct bridge_book_rule before;
    char quoted[GW_QUOTE_MAX];
    struct gw_buf scope;
    enum gw_code rc = GW_OK;

    gw_buf_init(&scope, BRIDGE_SCOPE_MAX * 4);
    if (change->verb == ADMIN_RULE_ADD)
        rc = scope_normalise(change->scope, &scope, err);
    else if (rule_find(gd, change->name, &before))
        gw_buf_add_str(&scope, before.scope);
    if (!rc)
        rc = rule_change(gd, change, gw_buf_str(&scope), err);
    if (!rc) {
        gw_info("gatewayd", "rule %s name=%s for='%.*s'", verb[change->verb],
                gw_quote(change->name, quoted), GW_STR_ARG(gw_buf_str(&scope)));
        rules_store(gd, gw_buf_str(&scope),
                    change->verb == ADMIN_RULE_REMOVE ? &change->name : NULL, done, done_ctx);
        gd_people_look_again(gd);
    }
    gw_buf_done(&scope);
    return rc;
}
