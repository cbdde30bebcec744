/* What a job does with one row. */
#include <stdlib.h>
#include <string.h>

#include "dir_job_priv.h"
#include "gw_log.h"
#include "gw_map.h"

/* --- cells */

/* What spreadsheets and web pages leave around a cell, and nobody sees: no-break and ideographic space,
 * zero-width space, a byte order mark where two files were joined. */
struct gw_str dir_job_cell_trim(struct gw_str s)
{
    static const char *const unseen[] = { "\xc2\xa0", "\xe3\x80\x80", "\xe2\x80\x8b",
                                          "\xef\xbb\xbf" };
    size_t before;

    do {
        s = gw_str_trim(s);
        before = s.len;
        for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++) {
            size_t len = strlen(unseen[i]);

            if (gw_str_starts(s, unseen[i]))
                s = gw_str_sub(s, len, s.len);
            if (s.len >= len && gw_str_is(gw_str_sub(s, s.len - len, s.len), unseen[i]))
                s = gw_str_sub(s, 0, s.len - len);
        }
    } while (s.len < before);
    return s;
}

/* --- columns */

/* Of jobs over contacts; NULL: its columns are dir_fields[]. */
static const struct dir_job_columns *columns_of(enum dir_job_type type)
{
    return type == DIR_JOB_CONTACTS ? &dir_job_contact_columns
           : type == DIR_JOB_RENAME ? &dir_job_rename_columns
                                    : NULL;
}

int dir_job_column_find(enum dir_job_type type, struct gw_str name)
{
    const struct dir_job_columns *columns = columns_of(type);
    const struct dir_field *f;

    for (int i = 0; columns && i < columns->count; i++)
        if (gw_str_iis(name, columns->column[i].name) || gw_str_iis(name, columns->column[i].other))
            return i;
    f = columns ? NULL : dir_field_find(name);
    return f ? (int)(f - dir_fields) : -1;
}

const char *dir_job_column_name(enum dir_job_type type, int column)
{
    const struct dir_job_columns *columns = columns_of(type);

    return columns ? columns->column[column].name : dir_fields[column].name;
}

/* Each column has a name, and all that are needed are there. */
static enum gw_code contact_header(struct dir_job_entry *e, const struct dir_job_columns *columns,
                                   const struct gw_str *cell, size_t cells, struct gw_err *err)
{
    bool has[sizeof(columns->column) / sizeof(columns->column[0])] = { false };
    char quoted[GW_QUOTE_MAX];

    e->columns = 0;
    for (size_t i = 0; i < cells; i++) {
        struct gw_str name = dir_job_cell_trim(cell[i]);
        int column = dir_job_column_find(e->job.type, name);

        (void)gw_quote(gw_str_utf8_cut(name, 40), quoted);
        if (name.len && column < 0)
            return gw_fail(err, GW_INVALID,
                           "line 1: there is no column %s in such a file; the "
                           "first row must name the columns: see --sample",
                           quoted);
        if (column >= 0 && has[column])
            return gw_fail(err, GW_INVALID, "line 1: column %s is there twice", quoted);
        if (column >= 0)
            has[column] = true;
        e->column[e->columns++] = (int8_t)column;
    }
    for (int i = 0; i < columns->count; i++)
        if (columns->column[i].is_needed && !has[i])
            return gw_fail(err, GW_INVALID,
                           "line 1: the first row must name the columns, one of them '%s' (or "
                           "'%s')",
                           columns->column[i].name, columns->column[i].other);
    return GW_OK;
}

static enum gw_code column_find(struct gw_str name, int8_t *out, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    struct gw_buf known;
    enum gw_code code;

    for (int i = 0; i < DIR_FIELDS; i++)
        if (gw_str_iis(name, dir_fields[i].name) && !gw_str_iis(name, "password")) {
            *out = (int8_t)i;
            return GW_OK;
        }
    if (gw_str_iis(name, "password"))
        return gw_fail(err, GW_INVALID,
                       "line 1: passwords do not belong in a file: leave the column out, and set "
                       "them with 'kalendsctl password set'");
    gw_buf_init(&known, sizeof(err->msg));
    for (int i = 0; i < DIR_FIELDS - 1; i++)
        gw_buf_addf(&known, "%s%s", i ? ", " : "", dir_fields[i].name);
    code = gw_fail(err, GW_INVALID, "line 1: there is no column %s; there are: %.*s",
                   gw_quote(gw_str_utf8_cut(name, 40), quoted), GW_STR_ARG(gw_buf_str(&known)));
    gw_buf_done(&known);
    return code;
}

static bool has_column(const struct dir_job_entry *e, const char *name)
{
    for (size_t i = 0; i < e->columns; i++)
        if (e->column[i] >= 0 && !strcmp(dir_fields[e->column[i]].name, name))
            return true;
    return false;
}

static size_t editable_columns(const struct dir_job_entry *e)
{
    size_t count = 0;

    for (size_t i = 0; i < e->columns; i++)
        count += e->column[i] >= 0 && e->column[i] < DIR_EDITABLE;
    return count;
}

enum gw_code dir_job_header(struct dir_job_entry *e, const struct gw_str *cell, size_t cells,
                            struct gw_err *err)
{
    const struct dir_job_columns *columns = columns_of(e->job.type);
    char quoted[GW_QUOTE_MAX];
    enum gw_code code = GW_OK;

    if (columns)
        return contact_header(e, columns, cell, cells, err);
    e->columns = 0;
    for (size_t i = 0; i < cells && !code; i++) {
        struct gw_str name = dir_job_cell_trim(cell[i]);
        int8_t column = -1; /* without a name: passed over */

        if (name.len)
            code = column_find(name, &column, err);
        if (!code && column >= 0 && has_column(e, dir_fields[column].name))
            code = gw_fail(err, GW_INVALID, "line 1: column %s is there twice",
                           gw_quote(name, quoted));
        e->column[e->columns++] = column;
    }
    if (code)
        return code;
    if (!has_column(e, "user") && !has_column(e, "id"))
        return gw_fail(
            err, GW_INVALID,
            "line 1: the first row must name the columns, one of them 'user' (id@domain) "
            "or 'id'");
    if (e->job.type == DIR_JOB_UPDATE && !editable_columns(e))
        return gw_fail(err, GW_INVALID, "line 1: there is no column to update from");
    return GW_OK;
}

static json_t *row_json(unsigned line, const struct gw_str *cell, size_t cells)
{
    json_t *list = json_array();

    for (size_t i = 0; i < cells; i++)
        json_array_append_new(list, json_stringn(cell[i].len ? cell[i].p : "", cell[i].len));
    return json_pack("{s:I, s:o}", "line", (json_int_t)line, "cells", list);
}

static void row_put(struct gw_buf *out, json_t *row)
{
    dir_json_write(row, out);
    gw_buf_add_char(out, '\n');
}

void dir_job_row_add(struct gw_buf *out, unsigned line, const struct gw_str *cell, size_t cells)
{
    row_put(out, row_json(line, cell, cells));
}

void dir_job_row_add_vain(struct gw_buf *out, unsigned line, const struct gw_str *cell,
                          size_t cells, const char *why, bool is_wrong)
{
    json_t *row = row_json(line, cell, cells);

    json_object_set_new(row, is_wrong ? "wrong" : "vain", json_string(why));
    row_put(out, row);
}

/* --- applying */

struct gw_str dir_job_cell(const struct dir_job_row *row, size_t i)
{
    const json_t *cell = json_array_get(json_object_get(row->json, "cells"), i);

    return dir_job_cell_trim((struct gw_str){ json_string_value(cell), json_string_length(cell) });
}

struct gw_str dir_job_cell_of(const struct dir_job_row *row, int8_t column)
{
    for (size_t i = 0; i < row->entry->columns; i++)
        if (row->entry->column[i] == column)
            return dir_job_cell(row, i);
    return GW_STR("");
}

static struct gw_str cell_of(const struct dir_job_row *row, const char *column)
{
    for (size_t i = 0; i < row->entry->columns; i++)
        if (row->entry->column[i] >= 0 && !strcmp(dir_fields[row->entry->column[i]].name, column))
            return dir_job_cell(row, i);
    return GW_STR("");
}

static enum gw_code domain_read(const struct dir_job_row *row, struct gw_str *out,
                                struct gw_err *err)
{
    struct dir_domain only;
    size_t pos = 0;

    *out = cell_of(row, "domain");
    if (out->len)
        return GW_OK;
    if (dir_domain_count(row->jobs->args.dir) != 1 ||
        !dir_domain_next(row->jobs->args.dir, &pos, &only))
        return gw_fail(err, GW_INVALID, "no domain: write id@domain, or fill a column 'domain'");
    *out = only.name;
    return GW_OK;
}

static enum gw_code jid_read(struct dir_job_row *row, struct gw_err *err)
{
    struct gw_str user = cell_of(row, "user"), domain;
    struct gw_buf text;
    enum gw_code code = GW_OK;

    if (!user.len)
        user = cell_of(row, "id");
    if (!user.len)
        return gw_fail(err, GW_INVALID, "no user is named");
    if (gw_str_find(user, '@') >= 0)
        return dir_jid_normalise(user, &row->jid, err);
    code = domain_read(row, &domain, err);
    if (code)
        return code;
    gw_buf_init(&text, DIR_CSV_ROW_MAX);
    gw_buf_addf(&text, "%.*s@%.*s", GW_STR_ARG(user), GW_STR_ARG(domain));
    code = dir_jid_normalise(gw_buf_str(&text), &row->jid, err);
    gw_buf_done(&text);
    return code;
}

static enum gw_code field_read(struct dir_job_row *row, const struct dir_field *f,
                               struct gw_str cell, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    bool flag;

    if (!f->is_flag) {
        dir_form_text(&row->form, f, cell);
        return GW_OK;
    }
    if (!dir_flag_parse(cell, &flag))
        return gw_fail(err, GW_INVALID, "%s is yes or no, not %s", f->name, gw_quote(cell, quoted));
    dir_form_flag(&row->form, f, flag);
    return GW_OK;
}

/* An empty cell says nothing. */
static enum gw_code cells_read(struct dir_job_row *row, struct gw_err *err)
{
    size_t cells = json_array_size(json_object_get(row->json, "cells"));
    enum gw_code code = jid_read(row, err);

    for (size_t i = 0; i < cells && !code; i++) {
        struct gw_str cell = dir_job_cell(row, i);

        if (!cell.len)
            continue;
        if (i >= row->entry->columns)
            code = gw_fail(err, GW_INVALID, "%zu cells, but only %zu columns have a name", cells,
                           row->entry->columns);
        else if (row->entry->column[i] >= 0 && row->entry->column[i] < DIR_EDITABLE)
            code = field_read(row, &dir_fields[row->entry->column[i]], cell, err);
    }
    return code;
}

typedef enum dir_job_outcome apply_fn(struct dir_job_row *row, struct gw_err *err);

enum dir_job_outcome dir_job_ignored(struct gw_err *err, const char *why)
{
    gw_fail(err, GW_EXISTS, "%s", why);
    return DIR_JOB_ROW_IGNORED;
}

static enum dir_job_outcome insert(struct dir_job_row *row, struct gw_err *err)
{
    struct dir *dir = row->jobs->args.dir;
    struct dir_user there;

    if (cells_read(row, err))
        return DIR_JOB_ROW_FAILED;
    if (dir_user_get(dir, gw_buf_str(&row->jid), &there))
        return dir_job_ignored(err, "is there already");
    if (!row->form.edit.mail) /* in most directories the two are the same */
        dir_form_text(&row->form, dir_field_find(GW_STR("mail")), gw_buf_str(&row->jid));
    if (dir_user_add_in(dir, row->batch, gw_buf_str(&row->jid), &row->form.edit, err))
        return DIR_JOB_ROW_FAILED;
    row->added = true;
    return DIR_JOB_ROW_DONE;
}

static enum dir_job_outcome change(struct dir_job_row *row, struct gw_err *err)
{
    bool changed;

    if (dir_user_change_in(row->jobs->args.dir, row->batch, gw_buf_str(&row->jid), &row->form.edit,
                           &changed, err))
        return DIR_JOB_ROW_FAILED;
    return changed ? DIR_JOB_ROW_DONE : dir_job_ignored(err, "is so already");
}

static enum dir_job_outcome update(struct dir_job_row *row, struct gw_err *err)
{
    return cells_read(row, err) ? DIR_JOB_ROW_FAILED : change(row, err);
}

static enum dir_job_outcome set(struct dir_job_row *row, struct gw_err *err)
{
    const char *name;
    json_t *value;
    struct dir_user there;

    gw_buf_add_str(&row->jid, dir_job_cell(row, 0));
    if (!dir_user_get(row->jobs->args.dir, gw_buf_str(&row->jid), &there))
        return dir_job_ignored(err, "is not there any more");
    json_object_foreach(row->entry->set, name, value)
    {
        if (dir_form_json(&row->form, name, value, err))
            return DIR_JOB_ROW_FAILED;
    }
    return change(row, err);
}

/* --- taking back: only what is still as the job has left it */

static enum dir_job_outcome undo_added(struct dir_job_row *row, const struct dir_user *there,
                                       const json_t *left, struct gw_err *err)
{
    json_t *now = dir_user_diff(NULL, there);
    bool same = json_equal(now, left) && !there->has_password;

    json_decref(now);
    if (!same) {
        gw_fail(err, GW_EXISTS, "was changed since it was added: not removed");
        return DIR_JOB_ROW_FAILED;
    }
    if (dir_user_remove_in(row->jobs->args.dir, row->batch, gw_buf_str(&row->jid), err))
        return DIR_JOB_ROW_FAILED;
    row->removed = true;
    return DIR_JOB_ROW_DONE;
}

static enum dir_job_outcome undo_changed(struct dir_job_row *row, const struct dir_user *there,
                                         const json_t *left, struct gw_err *err)
{
    const char *name;
    json_t *pair;

    json_object_foreach((json_t *)left, name, pair)
    {
        const struct dir_field *f = dir_field_find(gw_str_of(name));
        json_t *now = f ? dir_user_value(there, f) : NULL;
        bool same = json_equal(now, json_array_get(pair, 1));

        json_decref(now);
        if (!same) {
            gw_fail(err, GW_EXISTS, "'%s' was changed since: left as it is", name);
            return DIR_JOB_ROW_FAILED;
        }
        if (dir_form_json(&row->form, name, json_array_get(pair, 0), err))
            return DIR_JOB_ROW_FAILED;
    }
    return change(row, err);
}

static enum dir_job_outcome undo(struct dir_job_row *row, struct gw_err *err)
{
    const json_t *user = json_object_get(row->json, "user"),
                 *left = json_object_get(row->json, "changed");
    struct dir_user there;

    gw_buf_add(&row->jid, json_string_value(user), json_string_length(user));
    if (!dir_user_get(row->jobs->args.dir, gw_buf_str(&row->jid), &there))
        return dir_job_ignored(err, "is not there any more");
    if (json_object_get(row->json, "contact"))
        return dir_job_contact_undo(row, err);
    return json_is_true(json_object_get(row->json, "added")) ? undo_added(row, &there, left, err)
                                                             : undo_changed(row, &there, left, err);
}

static apply_fn *const apply[] = {
    [DIR_JOB_INSERT] = insert,
    [DIR_JOB_UPDATE] = update,
    [DIR_JOB_SET] = set,
    [DIR_JOB_UNDO] = undo,
    [DIR_JOB_CONTACTS] = dir_job_contact_import,
    [DIR_JOB_RENAME] = dir_job_contact_rename,
};

/* --- results */

static const char *const outcome_name[] = { "done", "ignored", "failed" };

/* Whom a row that has no valid name means, as it says so itself. */
static json_t *user_json(const struct dir_job_row *row)
{
    struct gw_str user = gw_buf_str(&row->jid);

    if (!user.len && row->entry->job.type == DIR_JOB_RENAME)
        user = dir_job_cell(row, 0);
    else if (!user.len && row->entry->job.type == DIR_JOB_CONTACTS)
        user = dir_job_cell_of(row, 0);
    else if (!user.len)
        user = cell_of(row, "user");
    if (!user.len && !columns_of(row->entry->job.type))
        user = cell_of(row, "id");
    user = gw_str_utf8_cut(user, DIR_JID_MAX);
    return json_stringn(user.len ? user.p : "", user.len);
}

static json_t *result_json(const struct dir_job_row *row, enum dir_job_outcome outcome,
                           const struct gw_err *err)
{
    json_t *result = json_pack("{s:O?, s:o, s:s}", "line", json_object_get(row->json, "line"),
                               "user", user_json(row), "result", outcome_name[outcome]);
    struct gw_str why = gw_str_utf8_cut(gw_str_of(err->msg), sizeof(err->msg) - 4); /* whole */

    if (row->more)
        json_object_update(result, row->more);
    if (outcome == DIR_JOB_ROW_DONE && row->jobs->diff)
        json_object_set(result, "changed", row->jobs->diff);
    else if (outcome != DIR_JOB_ROW_DONE)
        json_object_set_new(result, "why", json_stringn(why.p, why.len));
    if (row->added)
        json_object_set_new(result, "added", json_true());
    if (row->removed)
        json_object_set_new(result, "removed", json_true());
    return result;
}

json_t *dir_job_row_apply(struct dir_jobs *jobs, const struct dir_job_entry *e, struct gw_str text,
                          struct store_batch *batch, enum dir_job_outcome *outcome)
{
    struct dir_job_row row = { .jobs = jobs,
                               .entry = e,
                               .batch = e->job.is_dry_run ? NULL : batch };
    struct gw_err err = { 0 };
    json_t *json = json_loadb(text.len ? text.p : "", text.len, JSON_REJECT_DUPLICATES, NULL),
           *result;

    gw_buf_init(&row.jid, 4 * DIR_JID_MAX);
    row.json = json;
    jobs->applying = true;
    *outcome = apply[e->job.type](&row, &err);
    jobs->applying = false;
    result = result_json(&row, *outcome, &err);
    json_decref(jobs->diff);
    jobs->diff = NULL;
    json_decref(row.more);
    json_decref(json);
    gw_buf_done(&row.jid);
    return result;
}

/* --- the format */

void dir_job_sample_write(enum dir_job_type type, struct gw_buf *out)
{
    if (type == DIR_JOB_CONTACTS)
        gw_buf_add_cstr(out, "User ID,User Domain,Contact ID,Contact Domain,Nickname,Group Name\r\n"
                             "ann,example.org,bob,example.org,Bob,Work\r\n"
                             "ann,example.org,rosa,partner.example,\"Rosa, Sales\",Partners\r\n");
    else if (type == DIR_JOB_RENAME)
        gw_buf_add_cstr(out, "Contact ID,New Contact ID\r\n"
                             "john.smith@example.com,jsmith@example.com\r\n");
    else
        gw_buf_add_cstr(out,
                        "user,name,mail,sip,department,group,language,zone,im,calendar,hide_oof\r\n"
                        "ann@example.org,Ann Example,ann.example@example.org,,Sales,vip,en,"
                        "Europe/Berlin,yes,yes,no\r\n"
                        "taro@example.org,\"Yamada, Taro\",,,Research,,ja,Asia/Tokyo,yes,yes,\r\n"
                        "bob@example.org,Bob,,,,,,,no,no,\r\n");
}
