/* The value of a record:
 *   {"own":"times","federated":"nothing","named":{"bob@a.example":"full"}}
 * Members that are not set are left out. */
#include "pres_privacy.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"

static const char *const class_names[] = {
    [PRES_CLASS_OWN] = "own", [PRES_CLASS_FEDERATED] = "federated", [PRES_CLASS_NAMED] = "named"
};

bool pres_level_parse(struct gw_str name, enum pres_level *out)
{
    for (int i = 0; i < PRES_LEVEL_COUNT; i++) {
        if (gw_str_is(name, pres_level_names[i])) {
            *out = (enum pres_level)i;
            return true;
        }
    }
    return false;
}

static struct gw_str name_of(const struct pres_privacy_name *n)
{
    return (struct gw_str){ n->jid, n->len };
}

/* The place of a JID: where it is, or where it would go. */
static size_t place_of(const struct pres_privacy *p, struct gw_str jid, bool *found)
{
    size_t low = 0, high = p ? p->count : 0;

    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = gw_str_cmp(name_of(p->name[mid]), jid);

        if (!order) {
            *found = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

enum pres_level pres_privacy_level(const struct pres_privacy *p,
                                   const struct pres_settings *defaults, struct gw_str watcher,
                                   enum pres_class class, enum pres_level_from *from)
{
    enum pres_level_from unasked;
    bool found;
    size_t at = place_of(p, watcher, &found);

    from = from ? from : &unasked;
    if (found) {
        *from = PRES_LEVEL_NAMED;
        return (enum pres_level)p->name[at]->level;
    }
    if (p && p->level[class] != PRES_LEVEL_UNSET) {
        *from = PRES_LEVEL_CLASS;
        return (enum pres_level)p->level[class];
    }
    *from = PRES_LEVEL_DEFAULT;
    return (enum pres_level)(class == PRES_CLASS_OWN ? defaults->privacy_own
                                                     : defaults->privacy_federated);
}

static struct pres_privacy *copy_with_room(const struct pres_privacy *p)
{
    size_t count = p ? p->count : 0;
    struct pres_privacy *copy = gw_alloc(sizeof(*copy) + (count + 1) * sizeof(copy->name[0]));

    copy->level[PRES_CLASS_OWN] = p ? p->level[PRES_CLASS_OWN] : PRES_LEVEL_UNSET;
    copy->level[PRES_CLASS_FEDERATED] = p ? p->level[PRES_CLASS_FEDERATED] : PRES_LEVEL_UNSET;
    copy->count = count;
    for (size_t i = 0; i < count; i++) {
        size_t size = sizeof(*p->name[i]) + p->name[i]->len;

        copy->name[i] = gw_alloc(size);
        memcpy(copy->name[i], p->name[i], size);
    }
    return copy;
}

static void take_name_out(struct pres_privacy *p, size_t at)
{
    free(p->name[at]);
    p->count--;
    memmove(&p->name[at], &p->name[at + 1], (p->count - at) * sizeof(p->name[0]));
}

/* There is room for one. */
static void name_set(struct pres_privacy *p, struct gw_str jid, int level)
{
    bool found;
    size_t at = place_of(p, jid, &found);
    struct pres_privacy_name *n;

    if (found)
        take_name_out(p, at);
    if (level == PRES_LEVEL_UNSET)
        return;
    n = gw_alloc(sizeof(*n) + jid.len);
    n->level = level;
    n->len = jid.len;
    memcpy(n->jid, jid.p, jid.len);
    memmove(&p->name[at + 1], &p->name[at], (p->count - at) * sizeof(p->name[0]));
    p->name[at] = n;
    p->count++;
}

static enum gw_code check_name(const struct pres_privacy *p, const struct pres_privacy_rule *rule,
                               struct gw_err *err)
{
    struct gw_str jid = rule->watcher;
    struct gw_str id, domain;
    bool found;

    if (jid.len > PRES_JID_MAX || !gw_str_is_utf8(jid) || gw_str_find(jid, '/') >= 0 ||
        !gw_str_cut(jid, "@", &id, &domain) || !id.len || !domain.len)
        return gw_fail(err, GW_INVALID, "a watcher is named by an address like user@domain");
    (void)place_of(p, jid, &found);
    if (!found && p && p->count == PRES_PRIVACY_NAMES_MAX && rule->level != PRES_LEVEL_UNSET)
        return gw_fail(err, GW_LIMIT, "not more than %d watchers are named",
                       PRES_PRIVACY_NAMES_MAX);
    return GW_OK;
}

static bool is_empty(const struct pres_privacy *p)
{
    return p->level[PRES_CLASS_OWN] == PRES_LEVEL_UNSET &&
           p->level[PRES_CLASS_FEDERATED] == PRES_LEVEL_UNSET && !p->count;
}

enum gw_code pres_privacy_with(const struct pres_privacy *p, const struct pres_privacy_rule *rule,
                               struct pres_privacy **out, struct gw_err *err)
{
    struct pres_privacy *copy;
    enum gw_code rc;

    if (rule->class == PRES_CLASS_NAMED) {
        rc = check_name(p, rule, err);
        if (rc)
            return rc;
    }
    copy = copy_with_room(p);
    if (rule->class == PRES_CLASS_NAMED)
        name_set(copy, rule->watcher, rule->level);
    else
        copy->level[rule->class] = rule->level;
    if (is_empty(copy))
        pres_privacy_free(&copy);
    *out = copy;
    return GW_OK;
}

void pres_privacy_free(struct pres_privacy **pp)
{
    struct pres_privacy *p = *pp;

    if (!p)
        return;
    *pp = NULL;
    for (size_t i = 0; i < p->count; i++)
        free(p->name[i]);
    free(p);
}

/* ---- Records ---- */

void pres_privacy_write(const struct pres_privacy *p, struct gw_buf *out)
{
    json_t *json = json_object(), *named = json_object();
    char *text;

    for (int class = PRES_CLASS_OWN; class <= PRES_CLASS_FEDERATED; class ++) {
        if (p->level[class] != PRES_LEVEL_UNSET)
            json_object_set_new(json, class_names[class],
                                json_string(pres_level_names[p->level[class]]));
    }
    for (size_t i = 0; i < p->count; i++)
        json_object_setn_new(named, p->name[i]->jid, p->name[i]->len,
                             json_string(pres_level_names[p->name[i]->level]));
    if (p->count)
        json_object_set(json, class_names[PRES_CLASS_NAMED], named);
    text = json_dumps(json, JSON_COMPACT);
    gw_buf_add_cstr(out, text);
    free(text);
    json_decref(named);
    json_decref(json);
}

static enum gw_code rule_read(enum pres_class class, struct gw_str watcher, const json_t *level,
                              struct pres_privacy **p, struct gw_err *err)
{
    struct pres_privacy_rule rule = { .class = class, .watcher = watcher };
    struct pres_privacy *old = *p;
    enum pres_level parsed;
    enum gw_code rc;

    if (!level)
        return GW_OK;
    if (!pres_level_parse((struct gw_str){ json_string_value(level), json_string_length(level) },
                          &parsed))
        return gw_fail(err, GW_BADMSG, "no such level");
    rule.level = (int)parsed;
    rc = pres_privacy_with(old, &rule, p, err);
    if (!rc)
        pres_privacy_free(&old);
    return rc;
}

static enum gw_code read_object(json_t *json, struct pres_privacy **p, struct gw_err *err)
{
    enum gw_code rc = GW_OK;
    const char *jid;
    json_t *level;

    if (!json_is_object(json))
        return gw_fail(err, GW_BADMSG, "not a JSON object");
    for (int class = PRES_CLASS_OWN; class <= PRES_CLASS_FEDERATED && !rc; class ++)
        rc = rule_read((enum pres_class) class, GW_STR(""),
                       json_object_get(json, class_names[class]), p, err);
    json_object_foreach(json_object_get(json, class_names[PRES_CLASS_NAMED]), jid, level)
    {
        if (!rc)
            rc = rule_read(PRES_CLASS_NAMED, gw_str_of(jid), level, p, err);
    }
    return rc;
}

enum gw_code pres_privacy_parse(struct gw_str value, struct pres_privacy **out, struct gw_err *err)
{
    struct pres_privacy *p = NULL;
    json_error_t why;
    enum gw_code rc;
    json_t *json = json_loadb(value.p ? value.p : "", value.len, JSON_REJECT_DUPLICATES, &why);

    if (!json)
        return gw_fail(err, GW_BADMSG, "%s", why.text);
    rc = read_object(json, &p, err);
    json_decref(json);
    if (!rc && !p)
        rc = gw_fail(err, GW_BADMSG, "nothing is said in it");
    if (rc)
        pres_privacy_free(&p);
    else
        *out = p;
    return rc;
}
