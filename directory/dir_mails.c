/* Domains of mail addresses. Each has a record while it is there, whoever brought it: so that one whose
 * last user goes is still there after a restart. */
#include "dir_mails.h"

#include <stdlib.h>
#include <string.h>

#include "dir_priv.h"
#include "gw_log.h"
#include "gw_map.h"
#include "gw_mem.h"

#define KIND "mail-domain"

struct dir_mails {
    struct dir_mails_args args;
    struct gw_map *domains; /* struct entry, by name */
    bool is_full;           /* was told */
    store_done_fn *load_done;
    void *load_ctx;
};

struct entry {
    size_t users;
    size_t name_len, ascii_len;
    char text[]; /* name, ascii */
};

static struct gw_str name_of(const struct entry *e)
{
    return (struct gw_str){ e->text, e->name_len };
}

/* --- names: interdomain-federation.md 13.3 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ascii: of a name of DNS already. */
static bool ends_in_digit_label(struct gw_str ascii)
{
    struct gw_str last = ascii, rest = ascii;

    while (gw_str_cut(rest, ".", NULL, &rest))
        last = rest;
    return last.len && is_digit(last.p[0]);
}

static enum gw_code form_check(struct gw_str text, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    struct gw_str rest = text, label;
    bool more = true;

    if (text.len > DIR_MAIL_DOMAIN_MAX)
        return gw_fail(err, GW_INVALID, "a mail domain has at most %d characters",
                       DIR_MAIL_DOMAIN_MAX);
    (void)gw_quote(text, quoted);
    for (size_t i = 0; i < text.len; i++)
        if (!gw_str_is_host_name(gw_str_sub(text, i, i + 1)) && !strchr(".-", text.p[i]))
            return gw_fail(err, GW_INVALID,
                           "mail domain %s: letters a-z, digits, '-' and '.' only; write others as "
                           "DNS has them (xn--...)",
                           quoted);
    while (more) {
        more = gw_str_cut(rest, ".", &label, &rest);
        label = more ? label : rest;
        if (!label.len || label.p[0] == '-')
            return gw_fail(err, GW_INVALID, "mail domain %s: a label between dots %s", quoted,
                           label.len ? "must not start with '-'" : "is empty");
    }
    if (ends_in_digit_label(text))
        return gw_fail(err, GW_INVALID,
                       "mail domain %s: the last label must not start with a digit", quoted);
    return GW_OK;
}

bool dir_mail_address(struct gw_str mail, struct gw_buf *out)
{
    struct gw_buf jid, ascii;
    struct gw_str domain = GW_STR("");
    bool ok;

    gw_buf_init(&jid, 4 * DIR_JID_MAX);
    gw_buf_init(&ascii, 4 * DIR_DOMAIN_MAX);
    ok = !dir_jid_normalise(mail, &jid, NULL) && gw_str_cut(gw_buf_str(&jid), "@", NULL, &domain) &&
         !dir_domain_ascii(domain, &ascii, NULL) && !ends_in_digit_label(gw_buf_str(&ascii));
    if (ok)
        gw_buf_add_str(out, gw_buf_str(&jid));
    gw_buf_done(&jid);
    gw_buf_done(&ascii);
    return ok;
}

/* --- life */

static void on_user(const struct dir_user_change *change, void *ctx);

struct dir_mails *dir_mails_new(const struct dir_mails_args *args)
{
    struct dir_mails *mails = gw_new(struct dir_mails);

    mails->args = *args;
    mails->domains = gw_map_new();
    dir_listen(args->dir, &(struct dir_listener){ .user_changed = on_user, .ctx = mails });
    return mails;
}

void dir_mails_free(struct dir_mails **mailsp)
{
    struct dir_mails *mails = *mailsp;
    struct entry *e;
    size_t pos = 0;

    if (!mails)
        return;
    *mailsp = NULL;
    while ((e = gw_map_next(mails->domains, &pos)))
        free(e);
    gw_map_free(&mails->domains);
    free(mails);
}

/* --- coming and going. name is normalised */

static struct entry *entry_add(struct dir_mails *mails, struct gw_str name, struct gw_err *err)
{
    struct entry *e = NULL;
    struct gw_buf ascii;

    if (gw_map_len(mails->domains) >= DIR_MAIL_DOMAINS_MAX) {
        gw_fail(err, GW_LIMIT, "there are %d mail domains already", DIR_MAIL_DOMAINS_MAX);
        return NULL;
    }
    gw_buf_init(&ascii, 4 * DIR_DOMAIN_MAX);
    if (!dir_domain_ascii(name, &ascii, err)) {
        e = gw_alloc(sizeof(*e) + name.len + ascii.len);
        e->name_len = name.len;
        e->ascii_len = ascii.len;
        memcpy(e->text, name.p, name.len);
        memcpy(e->text + name.len, ascii.p, ascii.len);
        gw_map_set(mails->domains, name_of(e), e);
        mails->args.changed(name_of(e), true, mails->args.ctx);
    }
    gw_buf_done(&ascii);
    return e;
}

static void record_put(struct store_batch *batch, struct gw_str name)
{
    store_put(batch, KIND, name, GW_STR(""), GW_STR("{}"));
}

/* With the user, or (of one that was loaded before there were such records) alone. */
static void record_put_with(const struct dir_mails *mails, struct store_batch *with,
                            struct gw_str name)
{
    struct store_batch *batch;

    if (with) {
        record_put(with, name);
        return;
    }
    batch = store_batch_new();
    record_put(batch, name);
    store_commit(mails->args.store, &batch, NULL, NULL);
}

/* The domain of a user's address; false: he has none that counts. */
static bool domain_of(const struct dir_user *user, struct gw_buf *jid, struct gw_str *domain)
{
    return user && dir_mail_address(user->mail, jid) &&
           gw_str_cut(gw_buf_str(jid), "@", NULL, domain);
}

static void user_comes(struct dir_mails *mails, struct gw_str domain, struct store_batch *batch)
{
    struct entry *e = gw_map_get(mails->domains, domain);
    struct gw_err err;

    if (!e) {
        e = entry_add(mails, domain, &err);
        if (e) {
            record_put_with(mails, batch, domain);
        } else if (!mails->is_full) {
            gw_warn("dir", "mail domain '%.*s' is not used for federation, nor are others: %s",
                    GW_STR_ARG(domain), err.msg);
            mails->is_full = true;
        }
    }
    if (e)
        e->users++;
}

static void user_goes(struct dir_mails *mails, struct gw_str domain)
{
    struct entry *e = gw_map_get(mails->domains, domain);

    if (e && e->users) /* he may have come when there were too many */
        e->users--;
}

static void on_user(const struct dir_user_change *change, void *ctx)
{
    struct gw_str before = GW_STR(""), after = GW_STR("");
    struct gw_buf was, is;
    bool had, has;

    gw_buf_init(&was, 4 * DIR_JID_MAX);
    gw_buf_init(&is, 4 * DIR_JID_MAX);
    had = domain_of(change->before, &was, &before);
    has = domain_of(change->after, &is, &after);
    if (had != has || !gw_str_eq(before, after)) {
        if (has)
            user_comes(ctx, after, change->batch);
        if (had)
            user_goes(ctx, before);
    }
    gw_buf_done(&was);
    gw_buf_done(&is);
}

/* --- loading */

static void load_one(const struct store_record *r, void *ctx)
{
    char quoted[GW_QUOTE_MAX];
    struct gw_err err = { 0 };
    struct gw_buf name;

    gw_buf_init(&name, 4 * DIR_DOMAIN_MAX);
    if (dir_domain_normalise(r->key, &name, &err) || !gw_str_eq(gw_buf_str(&name), r->key))
        gw_error("dir", "mail domain %s cannot be read, ignored: %s", gw_quote(r->key, quoted),
                 err.msg);
    else if (!entry_add(ctx, r->key, &err))
        gw_error("dir", "mail domain %s is ignored: %s", gw_quote(r->key, quoted), err.msg);
    gw_buf_done(&name);
}

static void load_ended(const struct gw_err *result, void *ctx)
{
    struct dir_mails *mails = ctx;

    mails->load_done(result, mails->load_ctx);
}

void dir_mails_load(struct dir_mails *mails, store_done_fn *done, void *ctx)
{
    mails->load_done = done;
    mails->load_ctx = ctx;
    store_load(mails->args.store, KIND, NULL, load_one, load_ended, mails);
}

/* --- by an administrator */

enum gw_code dir_mail_domain_add(struct dir_mails *mails, struct gw_str domain, store_done_fn *done,
                                 void *ctx, struct gw_err *err)
{
    struct store_batch *batch;
    struct gw_buf name;
    struct gw_str key;
    enum gw_code code = form_check(domain, err);

    gw_buf_init(&name, 4 * DIR_DOMAIN_MAX);
    if (!code)
        code = dir_domain_normalise(domain, &name, err);
    key = gw_buf_str(&name);
    if (!code && gw_map_get(mails->domains, key))
        code = gw_fail(err, GW_EXISTS, "mail domain '%.*s' is there already", GW_STR_ARG(key));
    if (!code && !entry_add(mails, key, err))
        code = err->code;
    if (!code) {
        batch = store_batch_new();
        record_put(batch, key);
        store_commit(mails->args.store, &batch, done, ctx);
    }
    gw_buf_done(&name);
    return code;
}

static enum gw_code removable(const struct dir_mails *mails, struct gw_str domain,
                              struct entry **out, struct gw_err *err)
{
    struct gw_buf name;
    enum gw_code code;

    gw_buf_init(&name, 4 * DIR_DOMAIN_MAX);
    code = dir_domain_normalise(domain, &name, err);
    if (!code) {
        *out = gw_map_get(mails->domains, gw_buf_str(&name));
        if (!*out)
            code =
                gw_fail(err, GW_NOTFOUND, "there is no mail domain '%.*s'", (int)name.len, name.p);
        else if ((*out)->users)
            code =
                gw_fail(err, GW_INVALID,
                        "mail domain '%.*s' is that of %zu user%s, and stays as long as they have "
                        "their addresses",
                        (int)name.len, name.p, (*out)->users, (*out)->users == 1 ? "" : "s");
    }
    gw_buf_done(&name);
    return code;
}

enum gw_code dir_mail_domain_remove(struct dir_mails *mails, struct gw_str domain,
                                    store_done_fn *done, void *ctx, struct gw_err *err)
{
    struct store_batch *batch;
    struct entry *e = NULL;
    enum gw_code code = removable(mails, domain, &e, err);

    if (code)
        return code;
    gw_map_remove(mails->domains, name_of(e));
    mails->args.changed(name_of(e), false, mails->args.ctx);
    batch = store_batch_new();
    store_del(batch, KIND, name_of(e));
    store_commit(mails->args.store, &batch, done, ctx);
    free(e);
    return GW_OK;
}

bool dir_mail_domain_next(const struct dir_mails *mails, size_t *pos, struct dir_mail_domain *out)
{
    const struct entry *e = gw_map_next(mails->domains, pos);

    if (!e)
        return false;
    out->name = name_of(e);
    out->ascii = (struct gw_str){ e->text + e->name_len, e->ascii_len };
    out->users = e->users;
    return true;
}

size_t dir_mail_domain_count(const struct dir_mails *mails)
{
    return gw_map_len(mails->domains);
}
