/* /v1/mapping, /v1/rules, /v1/texts: what calendars show as, by which rules, in which words. */
#include "admin_priv.h"
#include "admin_users.h"
#include "bridge_book.h"
#include "bridge_text.h"
#include "gw_buf.h"

/* ---- for whom ---- */

/* A user is asked for with what applies to the user's group and domain. */
static enum gw_code user_of_scope(const struct admin_call *call, struct gw_str text,
                                  struct gw_buf *jid, struct bridge_person *out, struct gw_err *err)
{
    struct dir_user user;
    enum gw_code rc = admin_user_jid(call->api, text, jid, err);

    if (rc)
        return rc;
    if (!dir_user_get(call->api->args.dir, gw_buf_str(jid), &user))
        return gw_fail(err, GW_NOTFOUND, "there is no user '%.*s'", GW_STR_ARG(gw_buf_str(jid)));
    *out = (struct bridge_person){ user.jid, user.domain, user.group };
    return GW_OK;
}

/* name: keeps what out points to. */
static enum gw_code person_of_scope(const struct admin_call *call, struct gw_str scope,
                                    struct gw_buf *name, struct bridge_person *out,
                                    struct gw_err *err)
{
    struct gw_str kind = scope, rest = { "", 0 };
    enum gw_code rc = bridge_scope_check(scope.len ? scope : GW_STR("everyone"), err);

    *out = (struct bridge_person){ 0 };
    if (rc)
        return rc;
    (void)gw_str_cut(scope, ":", &kind, &rest);
    if (gw_str_is(kind, "user"))
        return user_of_scope(call, rest, name, out, err);
    if (gw_str_is(kind, "group")) {
        out->group = rest;
        return GW_OK;
    }
    rc = rest.len ? dir_domain_normalise(rest, name, err) : GW_OK;
    out->domain = gw_buf_str(name);
    return rc;
}

/* Whether a setting for this scope counts for the person. */
static bool counts_for(struct gw_str scope, const struct bridge_person *person)
{
    struct gw_str kind, name;

    if (!gw_str_cut(scope, ":", &kind, &name))
        return true;
    if (gw_str_is(kind, "user"))
        return gw_str_eq(name, person->user);
    return gw_str_eq(name, gw_str_is(kind, "group") ? person->group : person->domain);
}

/* The last one that counts: the book has them from everyone to one user. */
static json_t *set_for_json(const struct bridge_book *book, const char *key,
                            const struct bridge_person *person)
{
    struct gw_str found = { NULL, 0 };
    struct bridge_setting s;

    for (size_t i = 0; bridge_book_setting(book, i, &s); i++)
        if (gw_str_is(s.key, key) && counts_for(s.scope, person))
            found = s.scope;
    return admin_json_str(found);
}

/* ---- the mapping ---- */

static json_t *row_json(struct bridge_book *book, size_t i, const struct bridge_person *person)
{
    const char *key = bridge_setting_key(i);
    struct gw_buf value;
    json_t *json;

    gw_buf_init(&value, BRIDGE_SETTING_MAX * 2);
    bridge_policy_write(bridge_book_policy(book, person), i, &value);
    json = json_pack("{s:s, s:o, s:o, s:s}", "row", key, "value",
                     value.len ? admin_json_str(gw_buf_str(&value)) : json_string(""), "set_for",
                     set_for_json(book, key, person), "help", bridge_setting_help(i));
    gw_buf_done(&value);
    return json;
}

void admin_mapping_list(struct admin_call *call)
{
    struct bridge_book *book = call->api->args.book;
    struct bridge_person person;
    struct gw_buf name;
    struct gw_err err;

    gw_buf_init(&name, ADMIN_JID_BUF);
    if (person_of_scope(call, net_http_query(call->x, "for"), &name, &person, &err)) {
        admin_reply_error(call, &err);
    } else {
        json_t *list = json_array();

        for (size_t i = 0; bridge_setting_key(i); i++)
            json_array_append_new(list, row_json(book, i, &person));
        admin_reply(call, 200, json_pack("{s:o}", "mapping", list));
    }
    gw_buf_done(&name);
}

void admin_mapping_set(struct admin_call *call)
{
    static const struct admin_field fields[] = {
        { "value", ADMIN_TEXT, 0, true, 0, BRIDGE_SETTING_MAX },
        { "for", ADMIN_TEXT, sizeof(struct gw_str), false, 0, BRIDGE_SCOPE_MAX },
    };
    const struct admin_host *host = call->api->args.host;
    struct gw_str value[2];
    struct gw_err err;
    enum gw_code rc;

    rc = admin_fields_read(call->body, fields, 2, value, &err);
    if (!rc)
        rc = host->mapping_set(value[1], call->arg[0], &value[0], admin_call_saved, call, &err,
                               host->ctx);
    admin_reply_change(call, rc, &err, 200,
                       rc ? json_null()
                          : json_pack("{s:o, s:o}", "row", admin_json_str(call->arg[0]), "value",
                                      admin_json_str(value[0])));
}

void admin_mapping_reset(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    struct gw_err err;
    enum gw_code rc = host->mapping_set(net_http_query(call->x, "for"), call->arg[0], NULL,
                                        admin_call_saved, call, &err, host->ctx);

    admin_reply_change(call, rc, &err, 200, json_pack("{s:b}", "reset", 1));
}

/* ---- rules ---- */

static json_t *rule_json(const struct bridge_book_rule *r)
{
    return json_pack("{s:o, s:o, s:o}", "name", admin_json_str(r->name), "for",
                     admin_json_str(r->scope), "rule", admin_json_str(r->rule));
}

void admin_rules_list(struct admin_call *call)
{
    json_t *list = json_array();
    struct bridge_book_rule r;

    for (size_t i = 0; bridge_book_rule(call->api->args.book, i, &r); i++)
        json_array_append_new(list, rule_json(&r));
    admin_reply(call, 200, json_pack("{s:o}", "rules", list));
}

static json_t *one_rule_json(const struct admin_call *call, struct gw_str name)
{
    struct bridge_book_rule r;

    for (size_t i = 0; bridge_book_rule(call->api->args.book, i, &r); i++)
        if (gw_str_eq(r.name, name))
            return rule_json(&r);
    return json_pack("{s:b}", "removed", 1);
}

struct rule_fields {
    struct gw_str name, rule, scope, before;
};
#define AT(member) offsetof(struct rule_fields, member)

static const struct admin_field
    add_fields[] = { { "name", ADMIN_TEXT, AT(name), true, 1, BRIDGE_RULE_NAME_MAX },
                     { "rule", ADMIN_TEXT, AT(rule), true, 1, BRIDGE_SETTING_MAX },
                     { "for", ADMIN_TEXT, AT(scope), false, 0, BRIDGE_SCOPE_MAX },
                     { "before", ADMIN_TEXT, AT(before), false, 0, BRIDGE_RULE_NAME_MAX } },
    edit_fields[] = { { "rule", ADMIN_TEXT, AT(rule), true, 1, BRIDGE_SETTING_MAX } },
    move_fields[] = { { "before", ADMIN_TEXT, AT(before), false, 0, BRIDGE_RULE_NAME_MAX } };

static void rule_change(struct admin_call *call, enum admin_rule_verb verb,
                        const struct admin_field *fields, size_t count)
{
    const struct admin_host *host = call->api->args.host;
    struct rule_fields f = { .name = call->arg[0] };
    struct admin_rule_change change;
    struct gw_err err;
    enum gw_code rc = GW_OK;

    if (fields)
        rc = admin_fields_read(call->body, fields, count, &f, &err);
    change = (struct admin_rule_change){ verb, f.name, f.rule, f.scope, f.before };
    if (!rc)
        rc = host->rule_change(&change, admin_call_saved, call, &err, host->ctx);
    admin_reply_change(call, rc, &err, verb == ADMIN_RULE_ADD ? 201 : 200,
                       rc ? json_null() : one_rule_json(call, f.name));
}

void admin_rule_add(struct admin_call *call)
{
    rule_change(call, ADMIN_RULE_ADD, add_fields, 4);
}

void admin_rule_edit(struct admin_call *call)
{
    rule_change(call, ADMIN_RULE_EDIT, edit_fields, 1);
}

void admin_rule_move(struct admin_call *call)
{
    rule_change(call, ADMIN_RULE_MOVE, move_fields, 1);
}

void admin_rule_remove(struct admin_call *call)
{
    rule_change(call, ADMIN_RULE_REMOVE, NULL, 0);
}

/* ---- texts ---- */

void admin_texts_list(struct admin_call *call)
{
    const struct bridge_texts *texts = call->api->args.texts;
    json_t *list = json_array();
    const char *language;

    for (size_t i = 0; (language = bridge_texts_language(texts, i)); i++)
        for (int t = 0; t < BRIDGE_TEXTS; t++) {
            struct gw_str l = gw_str_of(language);
            enum bridge_text text = (enum bridge_text)t;

            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:s}", "language", language,
                                                  "name", bridge_text_name(text), "text",
                                                  bridge_texts_get(texts, l, text), "set",
                                                  bridge_texts_is_set(texts, l, text), "help",
                                                  bridge_text_help(text)));
        }
    admin_reply(call, 200, json_pack("{s:o}", "texts", list));
}

void admin_text_set(struct admin_call *call)
{
    static const struct admin_field field = { "text", ADMIN_TEXT, 0, true, 0, BRIDGE_PATTERN_MAX };
    const struct admin_host *host = call->api->args.host;
    struct gw_str text;
    struct gw_err err;
    enum gw_code rc;

    rc = admin_fields_read(call->body, &field, 1, &text, &err);
    if (!rc)
        rc = host->text_set(call->arg[0], call->arg[1], &text, admin_call_saved, call, &err,
                            host->ctx);
    admin_reply_change(call, rc, &err, 200,
                       rc ? json_null() : json_pack("{s:o}", "text", admin_json_str(text)));
}

void admin_text_reset(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    struct gw_err err;
    enum gw_code rc =
        host->text_set(call->arg[0], call->arg[1], NULL, admin_call_saved, call, &err, host->ctx);

    admin_reply_change(call, rc, &err, 200, json_pack("{s:b}", "reset", 1));
}
