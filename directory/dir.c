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

enum { UNREADABLE_LOGGED_MAX = 20 }; /* one by one; then the number of the rest */

struct dir *dir_new(struct store *store)
{
    struct dir *dir = gw_new(struct dir);

    dir->store = store;
    dir->domains = gw_map_new();
    dir->users = gw_map_new();
    return dir;
}

void dir_free(struct dir **dirp)
{
    struct dir *dir = *dirp;
    struct dir_domain_entry *d;
    size_t pos = 0;

    if (!dir)
        return;
    *dirp = NULL;
    dir_users_free(dir);
    while ((d = gw_map_next(dir->domains, &pos)))
        free(d);
    gw_map_free(&dir->users);
    gw_map_free(&dir->domains);
    free(dir);
}

/* --- listeners */

void dir_listen(struct dir *dir, const struct dir_listener *listener)
{
    assert(dir->listeners < DIR_LISTENERS_MAX);
    dir->listener[dir->listeners++] = *listener;
}

void dir_act(struct dir *dir, struct gw_str by, gw_utc at)
{
    dir->by = by;
    dir->at = at;
}

static void tell_domain(const struct dir *dir, struct gw_str name, bool added)
{
    for (size_t i = 0; i < dir->listeners; i++)
        if (dir->listener[i].domain_changed)
            dir->listener[i].domain_changed(name, added, dir->listener[i].ctx);
}

/* --- domains */

static struct gw_str domain_name(const struct dir_domain_entry *d)
{
    return (struct gw_str){ d->text, d->name_len };
}

static struct dir_domain_entry *domain_insert(struct dir *dir, struct gw_str name,
                                              struct gw_str ascii)
{
    struct dir_domain_entry *d = gw_alloc(sizeof(*d) + name.len + ascii.len);

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

static enum gw_code domain_find(const struct dir *dir, struct gw_str text,
                                struct dir_domain_entry **out, struct gw_err *err)
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
    struct dir_domain_entry *d = NULL;
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
    const struct dir_domain_entry *d = gw_map_next(dir->domains, pos);

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
    struct dir_domain_entry *domain = NULL;
    struct gw_err err = { 0 };

    if (!is_normal(r->key, dir_jid_normalise)) {
        unreadable(dir, DIR_KIND_USER, r->key, "not a user's name");
        return;
    }
    if (dir_user_check_new(dir, r->key, &domain, &err) ||
        dir_user_record_parse(r->value, &record, &err)) {
        unreadable(dir, DIR_KIND_USER, r->key, err.msg);
        return;
    }
    dir_user_insert(dir, domain, r->key, &record.user);
    dir_user_record_done(&record);
}

static void load_credential(const struct store_record *r, void *ctx)
{
    struct gw_err err = { 0 };

    if (dir_credential_load(ctx, r, &err))
        unreadable(ctx, DIR_KIND_CREDENTIAL, r->key, err.msg);
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
