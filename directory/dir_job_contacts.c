/* Contacts in lists: imported, given another address, and that taken back. Files are those that migration
 * tools write for other servers, too (intradomain-federation.md 8.4, 8.10). */
#include <string.h>

#include "dir_job_priv.h"
#include "gw_log.h"

enum { USER, USER_DOMAIN, CONTACT, CONTACT_DOMAIN, NAME, GROUP, STATE };

const struct dir_job_columns dir_job_contact_columns = {
    .column = { [USER] = { "user", "User ID", true },
                [USER_DOMAIN] = { "user_domain", "User Domain", false },
                [CONTACT] = { "contact", "Contact ID", true },
                [CONTACT_DOMAIN] = { "contact_domain", "Contact Domain", false },
                [NAME] = { "name", "Nickname", false },
                [GROUP] = { "group", "Group Name", false },
                [STATE] = { "state", "State", false } }, /* passed over */
    .count = STATE + 1,
};

const struct dir_job_columns dir_job_rename_columns = {
    .column = { { "contact", "Contact ID", true }, { "new", "New Contact ID", true } },
    .count = 2,
};

/* --- addresses */

static enum gw_code only_domain(const struct dir_jobs *jobs, struct gw_str *out, struct gw_err *err)
{
    struct dir_domain only;
    size_t pos = 0;

    if (dir_domain_count(jobs->args.dir) != 1 || !dir_domain_next(jobs->args.dir, &pos, &only))
        return gw_fail(err, GW_INVALID, "no domain: write id@domain, or fill the column for it");
    *out = only.name;
    return GW_OK;
}

enum gw_code dir_job_address(const struct dir_jobs *jobs, struct gw_str text, struct gw_str domain,
                             struct gw_buf *out, struct gw_err *err)
{
    struct gw_buf whole;
    enum gw_code code = GW_OK;

    if (gw_str_iis(gw_str_sub(text, 0, 4), "sip:"))
        text = gw_str_sub(text, 4, text.len);
    if (gw_str_find(text, '@') >= 0)
        return dir_jid_normalise(text, out, err);
    if (!domain.len)
        code = only_domain(jobs, &domain, err);
    if (code)
        return code;
    gw_buf_init(&whole, DIR_CSV_ROW_MAX);
    gw_buf_addf(&whole, "%.*s@%.*s", GW_STR_ARG(text), GW_STR_ARG(domain));
    code = dir_jid_normalise(gw_buf_str(&whole), out, err);
    gw_buf_done(&whole);
    return code;
}

static enum gw_code address_read(const struct dir_job_row *row, int8_t id, int8_t domain,
                                 const char *who, struct gw_buf *out, struct gw_err *err)
{
    struct gw_str text = dir_job_cell_of(row, id);

    if (!text.len)
        return gw_fail(err, GW_INVALID, "no %s is named", who);
    if (!dir_job_address(row->jobs, text, dir_job_cell_of(row, domain), out, err))
        return GW_OK;
    gw_buf_reset(out); /* a part of it may be there */
    return gw_fail_prefix(err, "%s: ", who);
}

/* Whose list it is: provisioned, and enabled. */
static enum gw_code owner_check(const struct dir_job_row *row, struct gw_err *err)
{
    struct dir_user user;

    if (!dir_user_get(row->jobs->args.dir, gw_buf_str(&row->jid), &user))
        return gw_fail(err, GW_NOTFOUND, "there is no user '%.*s' here",
                       GW_STR_ARG(gw_buf_str(&row->jid)));
    if (!user.im_enabled)
        return gw_fail(err, GW_DENIED,
                       "'%.*s' is not enabled for IM and Presence: 'kalendsctl user enable' first",
                       GW_STR_ARG(gw_buf_str(&row->jid)));
    return GW_OK;
}

/* --- results */

static json_t *text_json(struct gw_str s)
{
    json_t *json = json_stringn(s.len ? s.p : "", s.len);

    return json ? json : json_string("(not UTF-8)");
}

static json_t *contact_json(const struct dir_contact *c)
{
    json_t *groups = json_array();

    for (size_t i = 0; i < c->group_count; i++)
        json_array_append_new(groups, text_json(c->groups[i]));
    return json_pack("{s:o, s:o}", "name", text_json(c->name), "groups", groups);
}

/* As the list has it now; NULL: not there. */
static json_t *now_json(const struct dir_job_row *row, struct gw_str contact)
{
    const struct dir_contacts *contacts = row->jobs->args.contacts;
    struct dir_contact c;

    return contacts->get(gw_buf_str(&row->jid), contact, &c, contacts->ctx) ? contact_json(&c)
                                                                            : NULL;
}

static void more(struct dir_job_row *row, const char *name, json_t *value) /* takes */
{
    if (!row->more)
        row->more = json_object();
    json_object_set_new(row->more, name, value ? value : json_null());
}

static void more_told(struct dir_job_row *row, unsigned told)
{
    if (row->batch)
        more(row, "told", json_integer(told));
}

/* --- import */

static enum gw_code text_check(const char *name, struct gw_str text, struct gw_err *err)
{
    const struct dir_field field = { .name = name, .max = DIR_CONTACT_TEXT_MAX };

    return dir_field_check(&field, text, err);
}

/* What the list is to have; *changed: not when it has it already. A contact who is there keeps his name, and
 * may come to be in one more group. */
static enum gw_code contact_read(const struct dir_job_row *row, struct dir_contact *c,
                                 bool *changed, struct gw_err *err)
{
    struct gw_str name = dir_job_cell_of(row, NAME), group = dir_job_cell_of(row, GROUP);
    enum gw_code code = text_check("name", name, err);

    if (!code)
        code = text_check("group", group, err);
    if (code)
        return code;
    if (name.len && !c->name.len) {
        c->name = name;
        *changed = true;
    }
    for (size_t i = 0; i < c->group_count; i++)
        if (gw_str_eq(c->groups[i], group))
            return GW_OK;
    if (!group.len)
        return GW_OK;
    if (c->group_count == DIR_CONTACT_GROUPS_MAX)
        return gw_fail(err, GW_LIMIT, "is in %d groups already", DIR_CONTACT_GROUPS_MAX);
    c->groups[c->group_count++] = group;
    *changed = true;
    return GW_OK;
}

static enum dir_job_outcome import_one(struct dir_job_row *row, struct gw_str jid,
                                       struct gw_err *err)
{
    const struct dir_contacts *contacts = row->jobs->args.contacts;
    struct gw_str user = gw_buf_str(&row->jid);
    struct dir_contact c = { .group_count = 0 };
    json_t *was = NULL, *now;
    bool changed = false;
    unsigned told = 0;

    if (contacts->get(user, jid, &c, contacts->ctx))
        was = contact_json(&c);
    else
        changed = true;
    c.jid = jid;
    if (contact_read(row, &c, &changed, err)) {
        json_decref(was);
        return DIR_JOB_ROW_FAILED;
    }
    now = contact_json(&c);
    if (!changed || contacts->put(row->batch, user, &c, &told, err, contacts->ctx)) {
        json_decref(was);
        json_decref(now);
        return changed ? DIR_JOB_ROW_FAILED : dir_job_ignored(err, "is in the list already");
    }
    more(row, "was", was);
    more(row, "now", now);
    more_told(row, told);
    return DIR_JOB_ROW_DONE;
}

enum dir_job_outcome dir_job_contact_import(struct dir_job_row *row, struct gw_err *err)
{
    size_t cells = json_array_size(json_object_get(row->json, "cells"));
    enum dir_job_outcome outcome = DIR_JOB_ROW_FAILED;
    struct gw_buf contact;
    enum gw_code code = GW_OK;

    gw_buf_init(&contact, 4 * DIR_JID_MAX);
    if (cells > row->entry->columns)
        code = gw_fail(err, GW_INVALID, "%zu cells, but only %zu columns have a name", cells,
                       row->entry->columns);
    if (!code)
        code = address_read(row, USER, USER_DOMAIN, "user", &row->jid, err);
    if (!code)
        code = address_read(row, CONTACT, CONTACT_DOMAIN, "contact", &contact, err);
    more(row, "contact",
         text_json(contact.len ? gw_buf_str(&contact)
                               : gw_str_utf8_cut(dir_job_cell_of(row, CONTACT), DIR_JID_MAX)));
    if (!code)
        code = owner_check(row, err);
    if (!code)
        outcome = import_one(row, gw_buf_str(&contact), err);
    gw_buf_done(&contact);
    return outcome;
}

/* --- another address: rows are as dir_job_renames.c has written them */

enum dir_job_outcome dir_job_contact_rename(struct dir_job_row *row, struct gw_err *err)
{
    const struct dir_contacts *contacts = row->jobs->args.contacts;
    const char *wrong = json_string_value(json_object_get(row->json, "wrong"));
    const char *vain = json_string_value(json_object_get(row->json, "vain"));
    struct gw_str from = dir_job_cell(row, 1), to = dir_job_cell(row, 2), user;
    json_t *was, *had;
    unsigned told = 0;
    enum gw_code code;

    more(row, "contact", text_json(gw_str_utf8_cut(from, DIR_JID_MAX)));
    more(row, "to", text_json(gw_str_utf8_cut(to, DIR_JID_MAX)));
    if (vain)
        return dir_job_ignored(err, vain);
    if (wrong) {
        gw_fail(err, GW_INVALID, "%s", wrong);
        return DIR_JOB_ROW_FAILED;
    }
    gw_buf_add_str(&row->jid, dir_job_cell(row, 0));
    user = gw_buf_str(&row->jid);
    was = now_json(row, from);
    had = now_json(row, to);
    code = contacts->rename(row->batch, user, from, to, &told, err, contacts->ctx);
    if (code) {
        json_decref(was);
        json_decref(had);
        return code == GW_NOTFOUND && !was ? dir_job_ignored(err, "is not in the list any more")
                                           : DIR_JOB_ROW_FAILED;
    }
    more(row, "was", was);
    more(row, "had", had);
    more(row, "now", row->batch ? now_json(row, to) : NULL);
    more_told(row, told);
    return DIR_JOB_ROW_DONE;
}

/* --- taking back: only what is still as the job has left it */

static struct gw_str member(const json_t *row, const char *name)
{
    const json_t *text = json_object_get(row, name);

    return (struct gw_str){ json_string_value(text), json_string_length(text) };
}

static enum gw_code put_back(struct dir_job_row *row, struct gw_str contact, const json_t *as,
                             unsigned *told, struct gw_err *err)
{
    const struct dir_contacts *contacts = row->jobs->args.contacts;
    const json_t *groups = json_object_get(as, "groups");
    struct dir_contact c = { .jid = contact, .name = member(as, "name") };
    unsigned one = 0;
    enum gw_code code;

    for (size_t i = 0; i < json_array_size(groups) && i < DIR_CONTACT_GROUPS_MAX; i++) {
        const json_t *g = json_array_get(groups, i);

        c.groups[c.group_count++] = (struct gw_str){ json_string_value(g), json_string_length(g) };
    }
    code = contacts->put(row->batch, gw_buf_str(&row->jid), &c, &one, err, contacts->ctx);
    *told += one;
    return code;
}

static enum gw_code undo_rename(struct dir_job_row *row, struct gw_str from, struct gw_str to,
                                unsigned *told, struct gw_err *err)
{
    const struct dir_contacts *contacts = row->jobs->args.contacts;
    const json_t *had = json_object_get(row->json, "had");
    enum gw_code code;

    if (!json_is_object(had))
        return contacts->rename(row->batch, gw_buf_str(&row->jid), to, from, told, err,
                                contacts->ctx);
    code = put_back(row, from, json_object_get(row->json, "was"), told, err);
    return code ? code : put_back(row, to, had, told, err);
}

static enum gw_code undo_import(struct dir_job_row *row, struct gw_str contact, unsigned *told,
                                struct gw_err *err)
{
    const struct dir_contacts *contacts = row->jobs->args.contacts;
    const json_t *was = json_object_get(row->json, "was");

    if (json_is_object(was))
        return put_back(row, contact, was, told, err);
    return contacts->remove(row->batch, gw_buf_str(&row->jid), contact, told, err, contacts->ctx);
}

enum dir_job_outcome dir_job_contact_undo(struct dir_job_row *row, struct gw_err *err)
{
    struct gw_str from = member(row->json, "contact"), to = member(row->json, "to");
    json_t *now = now_json(row, to.len ? to : from);
    bool is_same = json_equal(now, json_object_get(row->json, "now"));
    unsigned told = 0;
    enum gw_code code;

    json_decref(now);
    more(row, "contact", text_json(to.len ? to : from));
    if (to.len)
        more(row, "to", text_json(from));
    if (!now)
        return dir_job_ignored(err, "is not in the list any more");
    if (!is_same) {
        gw_fail(err, GW_EXISTS, "was changed since: left as it is");
        return DIR_JOB_ROW_FAILED;
    }
    code = to.len ? undo_rename(row, from, to, &told, err) : undo_import(row, from, &told, err);
    more_told(row, told);
    return code ? DIR_JOB_ROW_FAILED : DIR_JOB_ROW_DONE;
}
