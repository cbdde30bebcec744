/* The value of a record, kinds left out when the rule is for all:
 *   {"default":"home","lists":[{"name":"home","rules":[
 *     {"order":1,"action":"deny","jid":"eve@b.example","kinds":["message","presence-in"]},
 *     {"order":2,"action":"allow","subscription":"both"},{"order":3,"action":"deny"}]}]}     */
#include "pres_list.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "pres_sub.h"

const char *const pres_rule_names[] = { [PRES_BY_NOTHING] = NULL,
                                        [PRES_BY_JID] = "jid",
                                        [PRES_BY_GROUP] = "group",
                                        [PRES_BY_SUBSCRIPTION] = "subscription" };

const char *const pres_kind_names[] = { "message", "iq", "presence-in", "presence-out" };

/* ---- One list ---- */

static bool is_sub(struct gw_str name)
{
    for (int sub = PRES_SUB_NONE; sub <= PRES_SUB_BOTH; sub++) {
        if (gw_str_is(name, pres_sub_name((enum pres_sub)sub)))
            return true;
    }
    return false;
}

static bool is_value(const struct pres_rule *r)
{
    switch (r->by) {
    case PRES_BY_NOTHING:
        return !r->value.len;
    case PRES_BY_JID:
    case PRES_BY_GROUP:
        return r->value.len && gw_str_is_utf8(r->value) && !memchr(r->value.p, '\0', r->value.len);
    case PRES_BY_SUBSCRIPTION:
        return is_sub(r->value);
    }
    return false;
}

static enum gw_code check(struct gw_str name, const struct pres_rule *rules, size_t count,
                          size_t *size, struct gw_err *err)
{
    if (!name.len || !gw_str_is_utf8(name) || memchr(name.p, '\0', name.len))
        return gw_fail(err, GW_INVALID, "a list has a name");
    if (name.len > PRES_LIST_NAME_MAX)
        return gw_fail(err, GW_LIMIT, "the name is longer than %d bytes", PRES_LIST_NAME_MAX);
    if (count > PRES_RULES_MAX)
        return gw_fail(err, GW_LIMIT, "a list has not more than %d items", PRES_RULES_MAX);
    *size = name.len;
    for (size_t i = 0; i < count; i++) {
        if (!is_value(&rules[i]) || !rules[i].kinds || rules[i].kinds & ~(unsigned)PRES_KIND_ALL)
            return gw_fail(err, GW_INVALID, "an item names nobody who could be meant");
        *size += rules[i].value.len;
    }
    if (*size > PRES_LIST_BYTES_MAX)
        return gw_fail(err, GW_LIMIT, "a list is not longer than %d bytes", PRES_LIST_BYTES_MAX);
    return GW_OK;
}

static int by_order(const void *a, const void *b)
{
    uint32_t left = ((const struct pres_rule *)a)->order,
             right = ((const struct pres_rule *)b)->order;

    return (left > right) - (left < right);
}

static struct gw_str put(char **p, struct gw_str s)
{
    struct gw_str copy = { *p, s.len };

    if (s.len)
        memcpy(*p, s.p, s.len);
    *p += s.len;
    return copy;
}

enum gw_code pres_list_new(struct gw_str name, const struct pres_rule *rules, size_t count,
                           struct pres_list **out, struct gw_err *err)
{
    struct pres_list *list;
    enum gw_code rc;
    size_t size = 0;
    char *p;

    rc = check(name, rules, count, &size, err);
    if (rc)
        return rc;
    list = gw_alloc(sizeof(*list) + size);
    p = list->text;
    list->name = put(&p, name);
    list->rules = gw_realloc(NULL, count + 1, sizeof(list->rules[0]));
    list->count = count;
    for (size_t i = 0; i < count; i++) {
        list->rules[i] = rules[i];
        list->rules[i].value = put(&p, rules[i].value);
    }
    qsort(list->rules, count, sizeof(list->rules[0]), by_order);
    for (size_t i = 1; i < count; i++) {
        if (list->rules[i].order == list->rules[i - 1].order) {
            pres_list_free(&list);
            return gw_fail(err, GW_INVALID, "two items have the same order");
        }
    }
    *out = list;
    return GW_OK;
}

void pres_list_free(struct pres_list **lp)
{
    struct pres_list *list = *lp;

    if (!list)
        return;
    *lp = NULL;
    free(list->rules);
    free(list);
}

/* ---- Whom a rule means ---- */

/* A domain means those of its sub-domains, too. */
static bool is_of_domain(struct gw_str domain, struct gw_str jid)
{
    struct gw_str of = jid;

    (void)gw_str_cut(jid, "@", NULL, &of);
    if (of.len <= domain.len)
        return gw_str_eq(of, domain);
    return of.p[of.len - domain.len - 1] == '.' &&
           gw_str_eq(gw_str_sub(of, of.len - domain.len, of.len), domain);
}

static bool is_jid(struct gw_str value, const struct pres_list_who *who)
{
    struct gw_str bare, resource;

    if (gw_str_cut(value, "/", &bare, &resource))
        return gw_str_eq(bare, who->bare) && gw_str_eq(resource, who->resource);
    return gw_str_find(value, '@') >= 0 ? gw_str_eq(value, who->bare)
                                        : is_of_domain(value, who->bare);
}

/* What the roster says of him, as the user's clients are shown it: one who was denied politely is no
 * watcher. */
struct standing {
    struct gw_str groups[PRES_GROUPS_MAX];
    size_t group_count;
    const char *sub;
};

static void look_up(const struct pres_list_who *who, struct standing *out)
{
    const struct pres_entry *e = pres_roster_find(who->roster, who->bare);

    out->group_count = 0;
    out->sub = pres_sub_name(PRES_SUB_NONE);
    if (!e || !e->listed)
        return;
    out->group_count = pres_entry_groups(e, out->groups);
    out->sub = pres_sub_name(
        pres_sub_of(e->polite ? e->state & ~(unsigned)PRES_FROM : (unsigned)e->state));
}

static bool is_in_group(const struct standing *standing, struct gw_str group)
{
    for (size_t i = 0; i < standing->group_count; i++) {
        if (gw_str_eq(standing->groups[i], group))
            return true;
    }
    return false;
}

static bool means(const struct pres_rule *r, const struct pres_list_who *who,
                  const struct standing *standing)
{
    switch (r->by) {
    case PRES_BY_NOTHING:
        return true;
    case PRES_BY_JID:
        return is_jid(r->value, who);
    case PRES_BY_GROUP:
        return is_in_group(standing, r->value);
    case PRES_BY_SUBSCRIPTION:
        return gw_str_is(r->value, standing->sub);
    }
    return false;
}

bool pres_list_denies(const struct pres_list *list, const struct pres_list_who *who, unsigned kind)
{
    struct standing standing;

    if (!list)
        return false;
    look_up(who, &standing);
    for (size_t i = 0; i < list->count; i++) {
        if (list->rules[i].kinds & kind && means(&list->rules[i], who, &standing))
            return list->rules[i].denies;
    }
    return false;
}

/* ---- All of a user ---- */

struct pres_list *pres_lists_find(const struct pres_lists *lists, struct gw_str name)
{
    for (size_t i = 0; lists && i < lists->count; i++) {
        if (gw_str_eq(lists->list[i]->name, name))
            return lists->list[i];
    }
    return NULL;
}

void pres_lists_free(struct pres_lists **lp)
{
    struct pres_lists *lists = *lp;

    if (!lists)
        return;
    *lp = NULL;
    for (size_t i = 0; i < lists->count; i++)
        pres_list_free(&lists->list[i]);
    free(lists);
}

/* ---- Records ---- */

static void put_text(json_t *o, const char *name, struct gw_str text)
{
    json_object_set_new(o, name, json_stringn(text.p, text.len));
}

static json_t *write_rule(const struct pres_rule *r)
{
    json_t *o = json_object(), *kinds;

    json_object_set_new(o, "order", json_integer(r->order));
    json_object_set_new(o, "action", json_string(r->denies ? "deny" : "allow"));
    if (r->by != PRES_BY_NOTHING)
        put_text(o, pres_rule_names[r->by], r->value);
    if (r->kinds == PRES_KIND_ALL)
        return o;
    kinds = json_array();
    for (size_t i = 0; i < PRES_KIND_COUNT; i++) {
        if (r->kinds & 1U << i)
            json_array_append_new(kinds, json_string(pres_kind_names[i]));
    }
    json_object_set_new(o, "kinds", kinds);
    return o;
}

static json_t *write_list(const struct pres_list *list)
{
    json_t *o = json_object(), *rules = json_array();

    put_text(o, "name", list->name);
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(rules, write_rule(&list->rules[i]));
    json_object_set_new(o, "rules", rules);
    return o;
}

void pres_lists_write(const struct pres_lists *lists, struct gw_buf *out)
{
    json_t *o = json_object(), *all = json_array();
    char *text;

    if (lists->standing)
        put_text(o, "default", lists->standing->name);
    for (size_t i = 0; i < lists->count; i++)
        json_array_append_new(all, write_list(lists->list[i]));
    json_object_set_new(o, "lists", all);
    text = json_dumps(o, JSON_COMPACT);
    if (text)
        gw_buf_add_cstr(out, text);
    free(text);
    json_decref(o);
}

static struct gw_str text_of(const json_t *v)
{
    if (!json_is_string(v))
        return GW_STR("");
    return (struct gw_str){ json_string_value(v), json_string_length(v) };
}

static bool read_kinds(const json_t *kinds, unsigned *out)
{
    *out = kinds ? 0 : PRES_KIND_ALL;
    for (size_t i = 0; i < json_array_size(kinds); i++) {
        unsigned kind = pres_kind_of(text_of(json_array_get(kinds, i)));

        if (!kind)
            return false;
        *out |= kind;
    }
    return *out != 0;
}

static bool read_rule(const json_t *o, struct pres_rule *out)
{
    const json_t *order = json_object_get(o, "order");
    struct gw_str action = text_of(json_object_get(o, "action"));

    *out = (struct pres_rule){ .denies = gw_str_is(action, "deny") };
    if (!json_is_integer(order) || json_integer_value(order) < 0 ||
        json_integer_value(order) > UINT32_MAX || (!out->denies && !gw_str_is(action, "allow")))
        return false;
    out->order = (uint32_t)json_integer_value(order);
    for (int by = PRES_BY_JID; by <= PRES_BY_SUBSCRIPTION; by++) {
        const json_t *value = json_object_get(o, pres_rule_names[by]);

        if (!value)
            continue;
        out->by = (enum pres_rule_by)by;
        out->value = text_of(value);
    }
    return read_kinds(json_object_get(o, "kinds"), &out->kinds);
}

static enum gw_code read_list(const json_t *o, struct pres_lists *lists, struct gw_err *err)
{
    const json_t *all = json_object_get(o, "rules");
    struct gw_str name = text_of(json_object_get(o, "name"));
    struct pres_rule rules[PRES_RULES_MAX];
    enum gw_code rc;

    if (lists->count == PRES_LISTS_MAX || json_array_size(all) > PRES_RULES_MAX)
        return gw_fail(err, GW_LIMIT, "too many lists, or items of a list");
    if (!json_array_size(all) || pres_lists_find(lists, name))
        return gw_fail(err, GW_BADMSG, "a list without items, or twice");
    for (size_t i = 0; i < json_array_size(all); i++) {
        if (!read_rule(json_array_get(all, i), &rules[i]))
            return gw_fail(err, GW_BADMSG, "an item is not as it must be");
    }
    rc = pres_list_new(name, rules, json_array_size(all), &lists->list[lists->count], err);
    lists->count += !rc;
    return rc;
}

static enum gw_code read_object(const json_t *o, struct pres_lists *lists, struct gw_err *err)
{
    const json_t *all = json_object_get(o, "lists"), *standing = json_object_get(o, "default");
    enum gw_code rc = GW_OK;

    if (!json_array_size(all))
        return gw_fail(err, GW_BADMSG, "there is no list in it");
    for (size_t i = 0; i < json_array_size(all) && !rc; i++)
        rc = read_list(json_array_get(all, i), lists, err);
    if (rc || !standing)
        return rc;
    lists->standing = pres_lists_find(lists, text_of(standing));
    return lists->standing ? GW_OK : gw_fail(err, GW_BADMSG, "the default is none of the lists");
}

enum gw_code pres_lists_parse(struct gw_str value, struct pres_lists **out, struct gw_err *err)
{
    struct pres_lists *lists;
    json_error_t why;
    enum gw_code rc;
    json_t *json = json_loadb(value.p ? value.p : "", value.len, JSON_REJECT_DUPLICATES, &why);

    if (!json)
        return gw_fail(err, GW_BADMSG, "%s", why.text);
    lists = gw_new(struct pres_lists);
    rc = read_object(json, lists, err);
    json_decref(json);
    if (rc)
        pres_lists_free(&lists);
    else
        *out = lists;
    return rc;
}

unsigned pres_kind_of(struct gw_str name)
{
    for (size_t i = 0; i < PRES_KIND_COUNT; i++) {
        if (gw_str_is(name, pres_kind_names[i]))
            return 1U << i;
    }
    return 0;
}
