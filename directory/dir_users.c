/* Users: one block of memory each, replaced when something changes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dir_priv.h"
#include "gw_bytes.h"
#include "gw_map.h"
#include "gw_mem.h"

/* 34 bytes and the text: there may be a million, and most of their fields are empty. */
struct dir_user_entry {
    struct dir_domain_entry *domain;
    struct dir_password *password; /* NULL: none */
    uint16_t jid_len, len[DIR_TEXTS];
    uint8_t id_len;
    uint8_t flags; /* a bit each, in the order of dir_fields[] */
    char text[];   /* jid, then the texts in that order */
};

enum { TEXTS_MAX = 4 * 1024 };

static void password_free(struct dir_password **pp)
{
    if (*pp)
        gw_wipe(*pp, sizeof(**pp));
    free(*pp);
    *pp = NULL;
}

static void user_free(struct dir_user_entry *u)
{
    password_free(&u->password);
    free(u);
}

void dir_users_free(struct dir *dir)
{
    struct dir_user_entry *u;
    size_t pos = 0;

    while ((u = gw_map_next(dir->users, &pos)))
        user_free(u);
}

static struct gw_str user_jid(const struct dir_user_entry *u)
{
    return (struct gw_str){ u->text, u->jid_len };
}

static struct dir_user user_view(const struct dir_user_entry *u)
{
    struct gw_str jid = user_jid(u);
    struct dir_user view = {
        .jid = jid,
        .id = gw_str_sub(jid, 0, u->id_len),
        .domain = gw_str_sub(jid, (size_t)u->id_len + 1, jid.len),
        .has_password = u->password != NULL,
    };
    const char *at = u->text + u->jid_len;

    for (int i = 0; i < DIR_TEXTS; i++) {
        dir_user_set_text(&view, &dir_fields[i], (struct gw_str){ at, u->len[i] });
        at += u->len[i];
    }
    for (int i = DIR_TEXTS; i < DIR_EDITABLE; i++)
        dir_user_set_flag(&view, &dir_fields[i], u->flags >> (i - DIR_TEXTS) & 1);
    return view;
}

/* batch: NULL while loading. */
static void tell(const struct dir *dir, const struct dir_user *before, const struct dir_user *after,
                 bool password_changed, struct store_batch *batch)
{
    struct dir_user_change change = { .before = before,
                                      .after = after,
                                      .password_changed = password_changed,
                                      .loading = !batch,
                                      .batch = batch,
                                      .by = dir->by,
                                      .at = dir->at };

    for (size_t i = 0; i < dir->listeners; i++)
        if (dir->listener[i].user_changed)
            dir->listener[i].user_changed(&change, dir->listener[i].ctx);
}

/* --- making one */

/* Appends the text in the form in which it is kept. */
static enum gw_code text_add(const struct dir_field *f, struct gw_str text, struct gw_buf *out,
                             struct gw_err *err)
{
    size_t start = out->len;
    enum gw_code code = dir_field_check(f, text, err);

    if (code)
        return code;
    if (!f->normalise || !text.len) {
        gw_buf_add_str(out, text);
        return GW_OK;
    }
    code = f->normalise(text, out, err);
    if (!code && out->len - start > f->max)
        code = gw_fail(err, GW_INVALID, "%s is longer than %zu bytes", f->name, f->max);
    return code;
}

/* What a user is after an edit: lengths and flags in 'out', texts in 'texts'. */
static enum gw_code fields_edit(const struct dir_user *before, const struct dir_user_edit *edit,
                                struct dir_user_entry *out, struct gw_buf *texts,
                                struct gw_err *err)
{
    enum gw_code code;

    for (int i = 0; i < DIR_TEXTS; i++) {
        const struct gw_str *text = dir_edit_text(edit, &dir_fields[i]);
        size_t start = texts->len;

        if (!text) {
            gw_buf_add_str(texts, dir_user_text(before, &dir_fields[i]));
        } else {
            code = text_add(&dir_fields[i], *text, texts, err);
            if (code)
                return code;
        }
        out->len[i] = (uint16_t)(texts->len - start);
    }
    assert(!texts->failed);
    for (int i = DIR_TEXTS; i < DIR_EDITABLE; i++) {
        const bool *flag = dir_edit_flag(edit, &dir_fields[i]);

        if (flag ? *flag : dir_user_flag(before, &dir_fields[i]))
            out->flags |= (uint8_t)(1 << (i - DIR_TEXTS));
    }
    return GW_OK;
}

enum gw_code dir_edit_check(const struct dir_user_edit *edit, struct gw_err *err)
{
    const struct dir_user nobody = { .mail = { NULL, 0 } };
    struct dir_user_entry scratch = { .flags = 0 };
    struct gw_buf texts;
    enum gw_code code;

    gw_buf_init(&texts, TEXTS_MAX);
    code = fields_edit(&nobody, edit, &scratch, &texts, err);
    gw_buf_done(&texts);
    return code;
}

/* jid is normalised. */
static enum gw_code user_make(struct dir_domain_entry *domain, struct gw_str jid,
                              const struct dir_user *before, const struct dir_user_edit *edit,
                              struct dir_user_entry **out, struct gw_err *err)
{
    struct dir_user_entry head = { .domain = domain,
                                   .jid_len = (uint16_t)jid.len,
                                   .id_len = (uint8_t)gw_str_find(jid, '@') };
    struct gw_buf texts;
    enum gw_code code;

    gw_buf_init(&texts, TEXTS_MAX);
    code = fields_edit(before, edit, &head, &texts, err);
    if (!code) {
        *out = gw_alloc(sizeof(**out) + jid.len + texts.len);
        **out = head;
        memcpy((*out)->text, jid.p, jid.len);
        if (texts.len)
            memcpy((*out)->text + jid.len, texts.p, texts.len);
    }
    gw_buf_done(&texts);
    return code;
}

/* Of a record everything is taken as it is; of what an administrator wants, this too must hold. */
static enum gw_code user_make_edited(struct dir_domain_entry *domain, struct gw_str jid,
                                     const struct dir_user *before,
                                     const struct dir_user_edit *edit, struct dir_user_entry **out,
                                     struct gw_err *err)
{
    struct dir_user_entry *fresh = NULL;
    struct dir_user after;
    enum gw_code code = user_make(domain, jid, before, edit, &fresh, err);

    if (code)
        return code;
    after = user_view(fresh);
    if (after.calendar_enabled && !after.mail.len) {
        user_free(fresh);
        return gw_fail(err, GW_INVALID,
                       "meeting information needs a mail address: it names the mailbox");
    }
    *out = fresh;
    return GW_OK;
}

static bool is_same(const struct dir_user_entry *a, const struct dir_user_entry *b)
{
    size_t len = a->jid_len; /* the same in both */

    for (int i = 0; i < DIR_TEXTS; i++) {
        if (a->len[i] != b->len[i])
            return false;
        len += a->len[i];
    }
    return a->flags == b->flags && !memcmp(a->text, b->text, len);
}

static void user_insert(struct dir *dir, struct dir_user_entry *u, struct store_batch *batch)
{
    struct dir_user after = user_view(u);

    u->domain->users++;
    gw_map_set(dir->users, user_jid(u), u);
    tell(dir, NULL, &after, false, batch);
}

void dir_user_insert(struct dir *dir, struct dir_domain_entry *domain, struct gw_str jid,
                     const struct dir_user *fields)
{
    const struct dir_user_edit nothing = { .mail = NULL };
    struct dir_user_entry *u = NULL;
    enum gw_code code = user_make(domain, jid, fields, &nothing, &u, NULL);

    assert(!code); /* what is not edited is not refused */
    (void)code;
    user_insert(dir, u, NULL);
}

/* --- finding and changing */

static enum gw_code user_find(const struct dir *dir, struct gw_str text,
                              struct dir_user_entry **out, struct gw_err *err)
{
    struct gw_buf jid;
    enum gw_code code;

    gw_buf_init(&jid, 4 * DIR_JID_MAX);
    code = dir_jid_normalise(text, &jid, err);
    if (!code) {
        *out = gw_map_get(dir->users, gw_buf_str(&jid));
        if (!*out)
            code = gw_fail(err, GW_NOTFOUND, "there is no user '%.*s'", (int)jid.len, jid.p);
    }
    gw_buf_done(&jid);
    return code;
}

static void user_save(const struct dir_user *user, struct store_batch *batch)
{
    struct gw_buf text;

    gw_buf_init(&text, DIR_RECORD_MAX);
    dir_user_record_write(user, &text);
    assert(!text.failed);
    store_put(batch, DIR_KIND_USER, user->jid, GW_STR(""), gw_buf_str(&text));
    gw_buf_done(&text);
}

/* The end of a change with a batch of its own. */
static enum gw_code finish(struct dir *dir, struct store_batch **batch, enum gw_code code,
                           store_done_fn *done, void *ctx)
{
    if (code)
        store_batch_free(batch);
    else
        store_commit(dir->store, batch, done, ctx);
    return code;
}

enum gw_code dir_user_check_new(const struct dir *dir, struct gw_str jid,
                                struct dir_domain_entry **domain, struct gw_err *err)
{
    struct gw_str name;

    if (!gw_str_cut(jid, "@", NULL, &name))
        return gw_fail(err, GW_INVALID, "user '%.*s' has no domain", GW_STR_ARG(jid));
    *domain = gw_map_get(dir->domains, name);
    if (!*domain)
        return gw_fail(err, GW_NOTFOUND, "there is no domain '%.*s' here: add it first",
                       GW_STR_ARG(name));
    if (gw_map_get(dir->users, jid))
        return gw_fail(err, GW_EXISTS, "user '%.*s' is there already", GW_STR_ARG(jid));
    if (gw_map_len(dir->users) >= DIR_USERS_MAX)
        return gw_fail(err, GW_LIMIT, "there are %d users already", DIR_USERS_MAX);
    return GW_OK;
}

enum gw_code dir_user_add_in(struct dir *dir, struct store_batch *batch, struct gw_str jid,
                             const struct dir_user_edit *edit, struct gw_err *err)
{
    struct dir_domain_entry *domain = NULL;
    struct dir_user_entry *u = NULL;
    struct dir_user view = { .mail = { NULL, 0 } };
    struct gw_buf name;
    enum gw_code code;

    gw_buf_init(&name, 4 * DIR_JID_MAX);
    code = dir_jid_normalise(jid, &name, err);
    if (!code)
        code = dir_user_check_new(dir, gw_buf_str(&name), &domain, err);
    if (!code)
        code = user_make_edited(domain, gw_buf_str(&name), &view, edit, &u, err);
    if (!code) {
        user_insert(dir, u, batch);
        view = user_view(u);
        user_save(&view, batch);
    }
    gw_buf_done(&name);
    return code;
}

enum gw_code dir_user_add(struct dir *dir, struct gw_str jid, const struct dir_user_edit *edit,
                          store_done_fn *done, void *ctx, struct gw_err *err)
{
    struct store_batch *batch = store_batch_new();

    return finish(dir, &batch, dir_user_add_in(dir, batch, jid, edit, err), done, ctx);
}

enum gw_code dir_user_change_in(struct dir *dir, struct store_batch *batch, struct gw_str jid,
                                const struct dir_user_edit *edit, bool *changed, struct gw_err *err)
{
    struct dir_user_entry *u = NULL, *fresh = NULL;
    struct dir_user before, after;
    enum gw_code code = user_find(dir, jid, &u, err);

    if (code)
        return code;
    before = user_view(u);
    code = user_make_edited(u->domain, before.jid, &before, edit, &fresh, err);
    if (code)
        return code;
    fresh->password = u->password;
    after = user_view(fresh);
    *changed = !is_same(u, fresh);
    if (!*changed) {
        free(fresh);
        return GW_OK;
    }
    gw_map_set(dir->users, after.jid, fresh);
    tell(dir, &before, &after, false, batch);
    user_save(&after, batch);
    free(u);
    return GW_OK;
}

/* When nothing changes, done comes all the same, behind what was queued before. */
enum gw_code dir_user_change(struct dir *dir, struct gw_str jid, const struct dir_user_edit *edit,
                             store_done_fn *done, void *ctx, struct gw_err *err)
{
    struct store_batch *batch = store_batch_new();
    bool changed;

    return finish(dir, &batch, dir_user_change_in(dir, batch, jid, edit, &changed, err), done, ctx);
}

enum gw_code dir_user_remove_in(struct dir *dir, struct store_batch *batch, struct gw_str jid,
                                struct gw_err *err)
{
    struct dir_user before;
    struct dir_user_entry *u = NULL;
    enum gw_code code = user_find(dir, jid, &u, err);

    if (code)
        return code;
    before = user_view(u);
    gw_map_remove(dir->users, before.jid);
    u->domain->users--;
    tell(dir, &before, NULL, u->password != NULL, batch);
    store_del(batch, DIR_KIND_USER, before.jid);
    store_del(batch, DIR_KIND_CREDENTIAL, before.jid);
    user_free(u);
    return GW_OK;
}

enum gw_code dir_user_remove(struct dir *dir, struct gw_str jid, store_done_fn *done, void *ctx,
                             struct gw_err *err)
{
    struct store_batch *batch = store_batch_new();

    return finish(dir, &batch, dir_user_remove_in(dir, batch, jid, err), done, ctx);
}

bool dir_user_get(const struct dir *dir, struct gw_str jid, struct dir_user *out)
{
    const struct dir_user_entry *u = gw_map_get(dir->users, jid);

    if (!u)
        return false;
    *out = user_view(u);
    return true;
}

bool dir_user_next(const struct dir *dir, size_t *pos, struct dir_user *out)
{
    const struct dir_user_entry *u = gw_map_next(dir->users, pos);

    if (!u)
        return false;
    *out = user_view(u);
    return true;
}

size_t dir_user_count(const struct dir *dir)
{
    return gw_map_len(dir->users);
}

/* --- passwords. Sealed in the store: stored keys are enough to act as the server towards a client,
 * and to try passwords against */

static void credential_context(struct gw_str jid, struct gw_buf *out)
{
    gw_buf_init(out, STORE_KEY_MAX);
    gw_buf_add_cstr(out, DIR_KIND_CREDENTIAL "/");
    gw_buf_add_str(out, jid);
}

static void wipe_done(struct gw_buf *b)
{
    if (b->p)
        gw_wipe(b->p, b->cap);
    gw_buf_done(b);
}

static void password_save(const struct dir *dir, const struct dir_user_entry *u,
                          struct store_batch *batch)
{
    struct gw_buf context, text, sealed;

    credential_context(user_jid(u), &context);
    gw_buf_init(&text, DIR_RECORD_MAX);
    gw_buf_init(&sealed, DIR_RECORD_MAX);
    dir_password_record_write(u->password, &text);
    store_seal(dir->store, gw_buf_str(&context), gw_buf_str(&text), &sealed);
    assert(!sealed.failed);
    store_put(batch, DIR_KIND_CREDENTIAL, user_jid(u), GW_STR(""), gw_buf_str(&sealed));
    gw_buf_done(&context);
    wipe_done(&text);
    gw_buf_done(&sealed);
}

static void password_set(struct dir_user_entry *u, const struct dir_password *password)
{
    if (!u->password)
        u->password = gw_new(struct dir_password);
    *u->password = *password;
}

enum gw_code dir_password_put(struct dir *dir, struct gw_str jid,
                              const struct dir_password *password, store_done_fn *done, void *ctx,
                              struct gw_err *err)
{
    struct store_batch *batch;
    struct dir_user before, after;
    struct dir_user_entry *u = NULL;
    enum gw_code code = user_find(dir, jid, &u, err);

    if (code)
        return code;
    before = user_view(u);
    password_set(u, password);
    after = user_view(u);
    batch = store_batch_new();
    tell(dir, &before, &after, true, batch);
    password_save(dir, u, batch);
    store_commit(dir->store, &batch, done, ctx);
    return GW_OK;
}

enum { TRIM_AT_ONCE = 1000 };

bool dir_digests_trim(struct dir *dir, size_t *pos)
{
    struct store_batch *batch = store_batch_new();
    struct dir_user_entry *u = NULL;

    for (int i = 0; i < TRIM_AT_ONCE && (u = gw_map_next(dir->users, pos)); i++) {
        uint32_t unwanted = u->password ? u->password->digests & ~dir->digests : 0;

        if (!unwanted)
            continue;
        dir_digests_drop(u->password, unwanted);
        password_save(dir, u, batch);
    }
    store_commit(dir->store, &batch, NULL, NULL);
    return u != NULL;
}

const struct dir_password *dir_password_get(const struct dir *dir, struct gw_str jid)
{
    const struct dir_user_entry *u = gw_map_get(dir->users, jid);

    return u ? u->password : NULL;
}

enum gw_code dir_credential_load(struct dir *dir, const struct store_record *r, struct gw_err *err)
{
    struct dir_user_entry *u = gw_map_get(dir->users, r->key);
    struct dir_password password;
    struct dir_user before, after;
    struct gw_buf context, text;
    enum gw_code code;

    if (!u)
        return gw_fail(err, GW_NOTFOUND, "there is no such user");
    credential_context(r->key, &context);
    gw_buf_init(&text, DIR_RECORD_MAX);
    code = store_unseal(dir->store, gw_buf_str(&context), r->value, &text, err);
    if (!code)
        code = dir_password_record_parse(gw_buf_str(&text), &password, err);
    if (!code) {
        before = user_view(u);
        password_set(u, &password);
        gw_wipe(&password, sizeof(password));
        after = user_view(u);
        tell(dir, &before, &after, true, NULL);
    }
    gw_buf_done(&context);
    wipe_done(&text);
    return code;
}
