/* The registry: what is in force, in memory. Each change checks, changes memory, tells the listeners,
 * and is then queued for the store, in that order, so that a restart finds what was told. */
#include "dir.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dir_priv.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_map.h"
#include "gw_mem.h"

enum {
    LISTENERS_MAX = 8,
    UNREADABLE_LOGGED_MAX = 20 /* one by one; then the number of the rest */
};

struct domain {
    size_t users;
    size_t name_len, ascii_len;
    char text[]; /* name, ascii */
};

/* 24 bytes and the text: there may be a million. */
struct user {
    struct domain *domain;
    struct dir_password *password; /* NULL: none */
    uint16_t jid_len, mail_len, display_name_len;
    uint8_t id_len;
    bool im_enabled : 1, calendar_enabled : 1;
    char text[]; /* jid, mail, display name */
};

struct dir {
    struct store *store;
    struct gw_map *domains, *users;
    struct dir_listener listener[LISTENERS_MAX];
    size_t listeners;

    store_done_fn *load_done;
    void *load_ctx;
    struct gw_err load_result;
    size_t unreadable;
};

struct dir *dir_new(struct store *store)
{
    struct dir *dir = gw_new(struct dir);

    dir->store = store;
    dir->domains = gw_map_new();
    dir->users = gw_map_new();
    return dir;
}

static void password_free(struct dir_password **pp)
{
    if (*pp)
        gw_wipe(*pp, sizeof(**pp));
    free(*pp);
    *pp = NULL;
}

void dir_free(struct dir **dirp)
{
    struct dir *dir = *dirp;
    struct domain *d;
    struct user *u;
    size_t pos = 0;

    if (!dir)
        return;
    *dirp = NULL;
    while ((u = gw_map_next(dir->users, &pos))) {
        password_free(&u->password);
        free(u);
    }
    pos = 0;
    while ((d = gw_map_next(dir->domains, &pos)))
        free(d);
    gw_map_free(&dir->users);
    gw_map_free(&dir->domains);
    free(dir);
}

/* --- listeners */

void dir_listen(struct dir *dir, const struct dir_listener *listener)
{
    assert(dir->listeners < LISTENERS_MAX);
    dir->listener[dir->listeners++] = *listener;
}

static void tell_user(const struct dir *dir, const struct dir_user *before,
                      const struct dir_user *after, bool password_changed)
{
    struct dir_user_change change = { .before = before,
                                      .after = after,
                                      .password_changed = password_changed,
                                      .loading = dir->load_done != NULL };

    for (size_t i = 0; i < dir->listeners; i++)
        if (dir->listener[i].user_changed)
            dir->listener[i].user_changed(&change, dir->listener[i].ctx);
}

static void tell_domain(const struct dir *dir, struct gw_str name, bool added)
{
    for (size_t i = 0; i < dir->listeners; i++)
        if (dir->listener[i].domain_changed)
            dir->listener[i].domain_changed(name, added, dir->listener[i].ctx);
}

/* --- domains */

static struct gw_str domain_name(const struct domain *d)
{
    return (struct gw_str){ d->text, d->name_len };
}

static struct domain *domain_insert(struct dir *dir, struct gw_str name, struct gw_str ascii)
{
    struct domain *d = gw_alloc(sizeof(*d) + name.len + ascii.len);

    d->name_len = name.len;
    d->ascii_len = ascii.len;
    memcpy(d->text, name.p, name.len);
    memcpy(d->text + name.len, ascii.p, ascii.len);
    gw_map_set(dir->domains, domain_name(d), d);
    tell_domain(dir, domain_name(d), true);
    return d;
}

/* name is normalised. */
static enum gw_code domain_new(struct dir *dir, struct gw_str name, struct gw_err *err)
{
    struct gw_buf ascii;
    enum gw_code code;

    if (gw_map_get(dir->domains, name))
        return gw_fail(err, GW_EXISTS, "domain '%.*s' is there already", GW_STR_ARG(name));
    if (gw_map_len(dir->domains) >= DIR_DOMAINS_MAX)
        return gw_fail(err, GW_LIMIT, "there are %d domains already", DIR_DOMAINS_MAX);
    gw_buf_init(&ascii, 4 * DIR_DOMAIN_MAX);
    code = dir_domain_ascii(name, &ascii, err);
    if (!code)
        (void)domain_insert(dir, name, gw_buf_str(&ascii));
    gw_buf_done(&ascii);
    return code;
}

enum gw_code dir_domain_add(struct dir *dir, struct gw_str domain, store_done_fn *done, void *ctx,
                            struct gw_err *err)
{
    struct store_batch *batch;
    struct gw_buf name;
    enum gw_code code;

    gw_buf_init(&name, 4 * DIR_DOMAIN_MAX);
    code = dir_domain_normalise(domain, &name, err);
    if (!code)
        code = domain_new(dir, gw_buf_str(&name), err);
    if (!code) {
        batch = store_batch_new();
        store_put(batch, DIR_KIND_DOMAIN, gw_buf_str(&name), GW_STR(""), GW_STR("{}"));
        store_commit(dir->store, &batch, done, ctx);
    }
    gw_buf_done(&name);
    return code;
}

static enum gw_code domain_find(const struct dir *dir, struct gw_str text, struct domain **out,
                                struct gw_err *err)
{
    struct gw_buf name;
    enum gw_code code;

    gw_buf_init(&name, 4 * DIR_DOMAIN_MAX);
    code = dir_domain_normalise(text, &name, err);
    if (!code) {
        *out = gw_map_get(dir->domains, gw_buf_str(&name));
        if (!*out)
            code =
                gw_fail(err, GW_NOTFOUND, "there is no domain '%.*s' here", (int)name.len, name.p);
    }
    gw_buf_done(&name);
    return code;
}

enum gw_code dir_domain_remove(struct dir *dir, struct gw_str domain, store_done_fn *done,
                               void *ctx, struct gw_err *err)
{
    struct store_batch *batch;
    struct domain *d = NULL;
    enum gw_code code = domain_find(dir, domain, &d, err);

    if (code)
        return code;
    if (d->users)
        return gw_fail(err, GW_INVALID, "domain '%.*s' still has %zu user%s: remove them first",
                       GW_STR_ARG(domain_name(d)), d->users, d->users == 1 ? "" : "s");
    gw_map_remove(dir->domains, domain_name(d));
    tell_domain(dir, domain_name(d), false);
    batch = store_batch_new();
    store_del(batch, DIR_KIND_DOMAIN, domain_name(d));
    store_commit(dir->store, &batch, done, ctx);
    free(d);
    return GW_OK;
}

bool dir_domain_next(const struct dir *dir, size_t *pos, struct dir_domain *out)
{
    const struct domain *d = gw_map_next(dir->domains, pos);

    if (!d)
        return false;
    out->name = domain_name(d);
    out->ascii = (struct gw_str){ d->text + d->name_len, d->ascii_len };
    out->users = d->users;
    return true;
}

size_t dir_domain_count(const struct dir *dir)
{
    return gw_map_len(dir->domains);
}

/* --- users: one block of memory each, replaced when something changes */

static struct gw_str user_jid(const struct user *u)
{
    return (struct gw_str){ u->text, u->jid_len };
}

static struct dir_user user_view(const struct user *u)
{
    struct gw_str jid = user_jid(u);

    return (struct dir_user){
        .jid = jid,
        .id = gw_str_sub(jid, 0, u->id_len),
        .domain = gw_str_sub(jid, (size_t)u->id_len + 1, jid.len),
        .mail = { u->text + u->jid_len, u->mail_len },
        .display_name = { u->text + u->jid_len + u->mail_len, u->display_name_len },
        .im_enabled = u->im_enabled,
        .calendar_enabled = u->calendar_enabled,
        .has_password = u->password != NULL,
    };
}

static struct user *user_new(struct domain *domain, struct gw_str jid,
                             const struct dir_user_fields *f)
{
    struct user *u = gw_alloc(sizeof(*u) + jid.len + f->mail.len + f->display_name.len);

    u->domain = domain;
    u->jid_len = (uint16_t)jid.len;
    u->mail_len = (uint16_t)f->mail.len;
    u->display_name_len = (uint16_t)f->display_name.len;
    u->id_len = (uint8_t)gw_str_find(jid, '@');
    u->im_enabled = f->im_enabled;
    u->calendar_enabled = f->calendar_enabled;
    memcpy(u->text, jid.p, jid.len);
    if (f->mail.len)
        memcpy(u->text + jid.len, f->mail.p, f->mail.len);
    if (f->display_name.len)
        memcpy(u->text + jid.len + f->mail.len, f->display_name.p, f->display_name.len);
    return u;
}

static void user_insert(struct dir *dir, struct user *u)
{
    struct dir_user after = user_view(u);

    u->domain->users++;
    gw_map_set(dir->users, user_jid(u), u);
    tell_user(dir, NULL, &after, false);
}

static enum gw_code user_find(const struct dir *dir, struct gw_str text, struct user **out,
                              struct gw_err *err)
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

static enum gw_code fields_edit(struct dir_user_fields *f, const struct dir_user_edit *edit,
                                struct gw_err *err)
{
    enum gw_code code;

    if (edit->mail)
        f->mail = *edit->mail;
    if (edit->display_name)
        f->display_name = *edit->display_name;
    if (edit->im_enabled)
        f->im_enabled = *edit->im_enabled;
    if (edit->calendar_enabled)
        f->calendar_enabled = *edit->calendar_enabled;
    code = dir_mail_check(f->mail, err);
    if (!code)
        code = dir_display_name_check(f->display_name, err);
    if (!code && f->calendar_enabled && !f->mail.len)
        code = gw_fail(err, GW_INVALID,
                       "meeting information needs a mail address: it names the mailbox");
    return code;
}

static void user_save(struct dir *dir, const struct user *u, store_done_fn *done, void *ctx)
{
    struct dir_user view = user_view(u);
    struct dir_user_fields fields = { view.mail, view.display_name, view.im_enabled,
                                      view.calendar_enabled };
    struct store_batch *batch = store_batch_new();
    struct gw_buf text;

    gw_buf_init(&text, DIR_RECORD_MAX);
    dir_user_record_write(&fields, &text);
    assert(!text.failed);
    store_put(batch, DIR_KIND_USER, view.jid, GW_STR(""), gw_buf_str(&text));
    store_commit(dir->store, &batch, done, ctx);
    gw_buf_done(&text);
}

/* jid is normalised. */
static enum gw_code user_check_new(const struct dir *dir, struct gw_str jid, struct domain **domain,
                                   struct gw_err *err)
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

enum gw_code dir_user_add(struct dir *dir, struct gw_str jid, const struct dir_user_edit *edit,
                          store_done_fn *done, void *ctx, struct gw_err *err)
{
    struct dir_user_fields fields = { .im_enabled = false };
    struct domain *domain = NULL;
    struct gw_buf name;
    struct user *u;
    enum gw_code code;

    gw_buf_init(&name, 4 * DIR_JID_MAX);
    code = dir_jid_normalise(jid, &name, err);
    if (!code)
        code = user_check_new(dir, gw_buf_str(&name), &domain, err);
    if (!code)
        code = fields_edit(&fields, edit, err);
    if (!code) {
        u = user_new(domain, gw_buf_str(&name), &fields);
        user_insert(dir, u);
        user_save(dir, u, done, ctx);
    }
    gw_buf_done(&name);
    return code;
}

static bool is_same(const struct dir_user *v, const struct dir_user_fields *f)
{
    return gw_str_eq(v->mail, f->mail) && gw_str_eq(v->display_name, f->display_name) &&
           v->im_enabled == f->im_enabled && v->calendar_enabled == f->calendar_enabled;
}

enum gw_code dir_user_change(struct dir *dir, struct gw_str jid, const struct dir_user_edit *edit,
                             store_done_fn *done, void *ctx, struct gw_err *err)
{
    struct user *u = NULL, *fresh;
    struct dir_user before, after;
    struct dir_user_fields fields;
    enum gw_code code = user_find(dir, jid, &u, err);

    if (code)
        return code;
    before = user_view(u);
    fields = (struct dir_user_fields){ before.mail, before.display_name, before.im_enabled,
                                       before.calendar_enabled };
    code = fields_edit(&fields, edit, err);
    if (code)
        return code;
    if (is_same(&before, &fields)) { /* done must come, behind what was queued before */
        struct store_batch *nothing = store_batch_new();

        store_commit(dir->store, &nothing, done, ctx);
        return GW_OK;
    }
    fresh = user_new(u->domain, before.jid, &fields);
    fresh->password = u->password;
    after = user_view(fresh);
    gw_map_set(dir->users, after.jid, fresh);
    tell_user(dir, &before, &after, false);
    user_save(dir, fresh, done, ctx);
    free(u);
    return GW_OK;
}

enum gw_code dir_user_remove(struct dir *dir, struct gw_str jid, store_done_fn *done, void *ctx,
                             struct gw_err *err)
{
    struct store_batch *batch;
    struct dir_user before;
    struct user *u = NULL;
    enum gw_code code = user_find(dir, jid, &u, err);

    if (code)
        return code;
    before = user_view(u);
    gw_map_remove(dir->users, before.jid);
    u->domain->users--;
    tell_user(dir, &before, NULL, u->password != NULL);
    batch = store_batch_new();
    store_del(batch, DIR_KIND_USER, before.jid);
    store_del(batch, DIR_KIND_CREDENTIAL, before.jid);
    store_commit(dir->store, &batch, done, ctx);
    password_free(&u->password);
    free(u);
    return GW_OK;
}

bool dir_user_get(const struct dir *dir, struct gw_str jid, struct dir_user *out)
{
    const struct user *u = gw_map_get(dir->users, jid);

    if (!u)
        return false;
    *out = user_view(u);
    return true;
}

bool dir_user_next(const struct dir *dir, size_t *pos, struct dir_user *out)
{
    const struct user *u = gw_map_next(dir->users, pos);

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

static void password_save(struct dir *dir, const struct user *u, store_done_fn *done, void *ctx)
{
    struct store_batch *batch = store_batch_new();
    struct gw_buf context, text, sealed;

    credential_context(user_jid(u), &context);
    gw_buf_init(&text, DIR_RECORD_MAX);
    gw_buf_init(&sealed, DIR_RECORD_MAX);
    dir_password_record_write(u->password, &text);
    store_seal(dir->store, gw_buf_str(&context), gw_buf_str(&text), &sealed);
    assert(!sealed.failed);
    store_put(batch, DIR_KIND_CREDENTIAL, user_jid(u), GW_STR(""), gw_buf_str(&sealed));
    store_commit(dir->store, &batch, done, ctx);
    gw_buf_done(&context);
    wipe_done(&text);
    gw_buf_done(&sealed);
}

static void password_set(struct user *u, const struct dir_password *password)
{
    if (!u->password)
        u->password = gw_new(struct dir_password);
    *u->password = *password;
}

enum gw_code dir_password_put(struct dir *dir, struct gw_str jid,
                              const struct dir_password *password, store_done_fn *done, void *ctx,
                              struct gw_err *err)
{
    struct dir_user before, after;
    struct user *u = NULL;
    enum gw_code code = user_find(dir, jid, &u, err);

    if (code)
        return code;
    before = user_view(u);
    password_set(u, password);
    after = user_view(u);
    tell_user(dir, &before, &after, true);
    password_save(dir, u, done, ctx);
    return GW_OK;
}

const struct dir_password *dir_password_get(const struct dir *dir, struct gw_str jid)
{
    const struct user *u = gw_map_get(dir->users, jid);

    return u ? u->password : NULL;
}

/* --- loading */

static void unreadable(struct dir *dir, const char *kind, struct gw_str key, const char *why)
{
    char quoted[GW_QUOTE_MAX];

    if (dir->unreadable++ < UNREADABLE_LOGGED_MAX)
        gw_error("dir", "%s %s cannot be read, ignored: %s", kind, gw_quote(key, quoted), why);
}

/* Records are kept under the normalised name; anything else was not written by us. */
static bool is_normal(struct gw_str key,
                      enum gw_code normalise(struct gw_str, struct gw_buf *, struct gw_err *))
{
    struct gw_buf name;
    bool same;

    gw_buf_init(&name, 4 * DIR_JID_MAX);
    same = !normalise(key, &name, NULL) && gw_str_eq(gw_buf_str(&name), key);
    gw_buf_done(&name);
    return same;
}

static void load_domain(const struct store_record *r, void *ctx)
{
    struct dir *dir = ctx;
    struct gw_err err = { 0 };

    if (!is_normal(r->key, dir_domain_normalise))
        unreadable(dir, DIR_KIND_DOMAIN, r->key, "not a domain name");
    else if (domain_new(dir, r->key, &err))
        unreadable(dir, DIR_KIND_DOMAIN, r->key, err.msg);
}

static void load_user(const struct store_record *r, void *ctx)
{
    struct dir *dir = ctx;
    struct dir_user_record record;
    struct domain *domain = NULL;
    struct gw_err err = { 0 };

    if (!is_normal(r->key, dir_jid_normalise)) {
        unreadable(dir, DIR_KIND_USER, r->key, "not a user's name");
        return;
    }
    if (user_check_new(dir, r->key, &domain, &err) ||
        dir_user_record_parse(r->value, &record, &err)) {
        unreadable(dir, DIR_KIND_USER, r->key, err.msg);
        return;
    }
    user_insert(dir, user_new(domain, r->key, &record.fields));
    dir_user_record_done(&record);
}

static void load_credential(const struct store_record *r, void *ctx)
{
    struct dir *dir = ctx;
    struct user *u = gw_map_get(dir->users, r->key);
    struct dir_password password;
    struct dir_user before, after;
    struct gw_buf context, text;
    struct gw_err err = { 0 };

    if (!u) {
        unreadable(dir, DIR_KIND_CREDENTIAL, r->key, "there is no such user");
        return;
    }
    credential_context(r->key, &context);
    gw_buf_init(&text, DIR_RECORD_MAX);
    if (store_unseal(dir->store, gw_buf_str(&context), r->value, &text, &err) ||
        dir_password_record_parse(gw_buf_str(&text), &password, &err)) {
        unreadable(dir, DIR_KIND_CREDENTIAL, r->key, err.msg);
    } else {
        before = user_view(u);
        password_set(u, &password);
        gw_wipe(&password, sizeof(password));
        after = user_view(u);
        tell_user(dir, &before, &after, true);
    }
    gw_buf_done(&context);
    wipe_done(&text);
}

/* The first of the three that failed decides. */
static void load_part_done(const struct gw_err *result, void *ctx)
{
    struct dir *dir = ctx;

    if (!dir->load_result.code)
        dir->load_result = *result;
}

static void load_all_done(const struct gw_err *result, void *ctx)
{
    struct dir *dir = ctx;
    store_done_fn *done = dir->load_done;

    load_part_done(result, ctx);
    if (dir->unreadable > UNREADABLE_LOGGED_MAX)
        gw_error("dir", "%zu more records cannot be read", dir->unreadable - UNREADABLE_LOGGED_MAX);
    dir->load_done = NULL;
    done(&dir->load_result, dir->load_ctx);
}

static void load_nobody_waits(const struct gw_err *result, void *ctx)
{
    (void)ctx;
    if (result->code)
        gw_error("dir", "users cannot be loaded: %s", result->msg);
}

void dir_load(struct dir *dir, store_done_fn *done, void *ctx)
{
    assert(!dir->load_done);
    dir->load_done = done ? done : load_nobody_waits;
    dir->load_ctx = ctx;
    store_load(dir->store, DIR_KIND_DOMAIN, NULL, load_domain, load_part_done, dir);
    store_load(dir->store, DIR_KIND_USER, NULL, load_user, load_part_done, dir);
    store_load(dir->store, DIR_KIND_CREDENTIAL, NULL, load_credential, load_all_done, dir);
}
