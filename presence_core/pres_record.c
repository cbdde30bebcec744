/* A roster entry as it is stored:
 *   "alice@a.example bob@a.example"
 *   {"name":"Bob","subscription":"to","ask":true,"requested":true,"groups":["Work"],
 *    "request":"...","hidden":true,"denied":true}
 * Members at their default are left out. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "pres.h"
#include "pres_entry.h"
#include "pres_sub.h"

void pres_record_key(struct gw_str user, struct gw_str contact, struct gw_buf *out)
{
    gw_buf_add_str(out, user);
    gw_buf_add_char(out, ' ');
    gw_buf_add_str(out, contact);
}

static void put_text(json_t *o, const char *name, struct gw_str text)
{
    if (text.len)
        json_object_set_new(o, name, json_stringn(text.p, text.len));
}

static void put_flag(json_t *o, const char *name, bool on)
{
    if (on)
        json_object_set_new(o, name, json_true());
}

void pres_record_write(const struct pres_entry *e, struct gw_buf *out)
{
    struct gw_str groups[PRES_GROUPS_MAX];
    size_t count = pres_entry_groups(e, groups);
    json_t *o = json_object();
    char *text;

    put_text(o, "name", pres_entry_name(e));
    put_text(o, "subscription", gw_str_of(pres_sub_name(pres_sub_of(e->state))));
    put_flag(o, "ask", e->state & PRES_OUT);
    put_flag(o, "requested", e->state & PRES_IN);
    put_flag(o, "hidden", !e->listed);
    put_flag(o, "denied", e->polite);
    put_text(o, "request", pres_entry_extra(e));
    if (count) {
        json_t *list = json_array();

        for (size_t i = 0; i < count; i++)
            json_array_append_new(list, json_stringn(groups[i].p, groups[i].len));
        json_object_set_new(o, "groups", list);
    }
    text = json_dumps(o, JSON_COMPACT);
    if (text)
        gw_buf_add_cstr(out, text);
    free(text);
    json_decref(o);
}

static struct gw_str get_text(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);

    if (!json_is_string(v))
        return GW_STR("");
    return (struct gw_str){ json_string_value(v), json_string_length(v) };
}

static const unsigned char sub_state[] = { [PRES_SUB_NONE] = 0,
                                           [PRES_SUB_TO] = PRES_TO,
                                           [PRES_SUB_FROM] = PRES_FROM,
                                           [PRES_SUB_BOTH] = PRES_TO | PRES_FROM };

static bool get_sub(const json_t *o, unsigned char *state)
{
    struct gw_str name = get_text(o, "subscription");

    for (int sub = PRES_SUB_NONE; sub <= PRES_SUB_BOTH; sub++) {
        if (gw_str_is(name, pres_sub_name((enum pres_sub)sub))) {
            *state = sub_state[sub];
            return true;
        }
    }
    return false;
}

static enum gw_code read_object(const json_t *o, struct pres_entry_args *a,
                                struct gw_str groups[PRES_GROUPS_MAX], struct gw_err *err)
{
    const json_t *list = json_object_get(o, "groups");

    if (!get_sub(o, &a->state))
        return gw_fail(err, GW_BADMSG, "no subscription state");
    if (json_is_true(json_object_get(o, "ask")))
        a->state |= PRES_OUT;
    if (json_is_true(json_object_get(o, "requested")))
        a->state |= PRES_IN;
    a->listed = !json_is_true(json_object_get(o, "hidden"));
    a->polite = a->state & PRES_FROM && json_is_true(json_object_get(o, "denied"));
    a->name = get_text(o, "name");
    a->extra = get_text(o, "request");
    a->groups = groups;
    if (json_array_size(list) > PRES_GROUPS_MAX)
        return gw_fail(err, GW_LIMIT, "more than %d groups", PRES_GROUPS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *g = json_array_get(list, i);

        groups[i] = (struct gw_str){ json_string_value(g), json_string_length(g) };
    }
    a->group_count = json_array_size(list);
    return pres_entry_check(a, err);
}

enum gw_code pres_record_parse(struct gw_str key, struct gw_str value, struct gw_str *user,
                               struct pres_entry **out, struct gw_err *err)
{
    struct gw_str groups[PRES_GROUPS_MAX], name;
    struct pres_entry_args args = { 0 };
    json_error_t why;
    enum gw_code rc;
    json_t *o;

    if (!gw_str_cut(key, " ", &name, &args.jid) || !name.len)
        return gw_fail(err, GW_BADMSG, "the key does not name a user and a contact");
    o = json_loadb(value.p ? value.p : "", value.len, JSON_REJECT_DUPLICATES, &why);
    if (!o)
        return gw_fail(err, GW_BADMSG, "%s", why.text);
    if (!json_is_object(o))
        rc = gw_fail(err, GW_BADMSG, "not a JSON object");
    else
        rc = read_object(o, &args, groups, err);
    if (!rc) {
        *user = name;
        *out = pres_entry_new(&args);
    }
    json_decref(o);
    return rc;
}
