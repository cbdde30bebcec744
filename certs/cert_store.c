/* Trust sets: folders of PEM files, one certificate each, named by its fingerprint. A set is read
 * when it is first asked for, and kept in memory with what is on disk. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cert_priv.h"
#include "gw_log.h"
#include "gw_mem.h"

const struct cert_trust_set cert_trust_sets[] = {
    { CERT_TRUST_EXCHANGE, "Exchange and SIP servers" },
    { CERT_TRUST_XMPP, "XMPP servers" },
    { NULL, NULL },
};

enum gw_code cert_trust_set_find(struct gw_str name, const struct cert_trust_set **out,
                                 struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];

    for (const struct cert_trust_set *set = cert_trust_sets; set->name; set++)
        if (gw_str_is(name, set->name)) {
            *out = set;
            return GW_OK;
        }
    return gw_fail(err, GW_NOTFOUND, "there is no trust store %s: they are '%s' (%s) and '%s' (%s)",
                   gw_quote(name, quoted), cert_trust_sets[0].name, cert_trust_sets[0].purpose,
                   cert_trust_sets[1].name, cert_trust_sets[1].purpose);
}

enum gw_code cert_store_open(const char *folder, struct cert_store **out, struct gw_err *err)
{
    enum gw_code code = cert_folder_make(folder, err);
    struct cert_store *s;

    if (code)
        return code;
    s = gw_new(struct cert_store);
    s->folder = gw_str_dup(gw_str_of(folder));
    gw_list_init(&s->sets);
    gw_list_init(&s->identities);
    *out = s;
    return GW_OK;
}

void cert_store_sealer_set(struct cert_store *s, const struct cert_sealer *sealer)
{
    s->sealer = *sealer;
}

static void set_free(struct cert_set *set)
{
    gw_list_remove(&set->link);
    for (size_t i = 0; i < set->count; i++)
        cert_entry_free(&set->entry[i]);
    sk_X509_free(set->trusted);
    sk_X509_CRL_pop_free(set->crls, X509_CRL_free);
    free(set->entry);
    free(set->name);
    free(set->folder);
    free(set);
}

void cert_store_close(struct cert_store **sp)
{
    struct cert_store *s = *sp;
    struct gw_list *it, *tmp;

    if (!s)
        return;
    *sp = NULL;
    assert(!s->users);
    GW_LIST_EACH(&s->sets, it, tmp)
    set_free(GW_CONTAINER(it, struct cert_set, link));
    free(s->shown);
    free(s->folder);
    free(s);
}

/* --- a set in memory */

/* Index of the fingerprint, or of the place where it belongs. */
static size_t set_find(const struct cert_set *set, struct gw_str fingerprint, bool *found)
{
    size_t low = 0, high = set->count;

    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = gw_str_cmp(gw_str_of(set->entry[mid]->info.fingerprint), fingerprint);

        if (!cmp)
            *found = true;
        if (cmp >= 0)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static void set_rebuild(struct cert_set *set)
{
    sk_X509_zero(set->trusted);
    for (size_t i = 0; i < set->count; i++)
        if (!sk_X509_push(set->trusted, set->entry[i]->x509))
            abort();
}

/* Takes the entry; there is none like it. */
static void set_insert(struct cert_set *set, struct cert_entry *e)
{
    bool found;
    size_t at = set_find(set, gw_str_of(e->info.fingerprint), &found);

    assert(!found);
    set->entry = gw_realloc(set->entry, set->count + 1, sizeof(struct cert_entry *));
    memmove(&set->entry[at + 1], &set->entry[at], (set->count - at) * sizeof(struct cert_entry *));
    set->entry[at] = e;
    set->count++;
    set_rebuild(set);
}

static void set_delete(struct cert_set *set, size_t at)
{
    cert_entry_free(&set->entry[at]);
    set->count--;
    memmove(&set->entry[at], &set->entry[at + 1], (set->count - at) * sizeof(struct cert_entry *));
    set_rebuild(set);
}

/* --- a set on disk */

static enum gw_code file_load(const char *path, struct gw_str fingerprint, struct cert_entry **out,
                              struct gw_err *err)
{
    STACK_OF(X509) *stack = NULL;
    struct gw_buf data;
    enum gw_code code;

    gw_buf_init(&data, CERT_UPLOAD_MAX);
    code = cert_file_read(path, &data, err);
    if (!code)
        code = cert_parse(gw_buf_str(&data), &stack, err);
    if (!code)
        code = cert_entry_new(sk_X509_value(stack, 0), out, err);
    if (!code && !gw_str_is(fingerprint, (*out)->info.fingerprint)) {
        cert_entry_free(out);
        code = gw_fail(err, GW_INVALID, "its name is not the fingerprint of its content");
    }
    sk_X509_pop_free(stack, X509_free);
    gw_buf_done(&data);
    return code;
}

/* What somebody else put there is not silently trusted, nor deleted. */
static void file_add(struct cert_set *set, const char *file)
{
    struct gw_str name = gw_str_of(file);
    char *path = cert_path(set->folder, file, "");
    struct cert_entry *e = NULL;
    struct gw_err err = { 0 };

    if (gw_str_ends(name, CERT_CRL_SUFFIX)) {
        name.len -= strlen(CERT_CRL_SUFFIX);
        (void)cert_crl_load(set, path, name, &err);
    } else if (gw_str_ends(name, ".pem")) {
        name.len -= 4;
        if (set->count >= CERT_TRUST_MAX)
            gw_fail(&err, GW_LIMIT, "the set is full");
        else if (!file_load(path, name, &e, &err))
            set_insert(set, e);
    }
    if (err.code)
        gw_warn("cert", "'%s' is not used: %s; add it with the command line instead", path,
                err.msg);
    free(path);
}

static enum gw_code set_load(struct cert_set *set, struct gw_err *err)
{
    enum gw_code code = cert_folder_make(set->folder, err);
    struct dirent *file;
    DIR *dir;

    if (code)
        return code;
    dir = opendir(set->folder);
    if (!dir)
        return cert_file_fail(set->folder, errno, err);
    while ((file = readdir(dir)))
        file_add(set, file->d_name);
    closedir(dir);
    return GW_OK;
}

enum gw_code cert_set_get(struct cert_store *s, const char *name, struct cert_set **out,
                          struct gw_err *err)
{
    struct gw_list *it, *tmp;
    struct cert_set *set;
    enum gw_code code;

    if (!cert_name_is_valid(name))
        return gw_fail(err, GW_INVALID, "'%.40s' is no name for a trust set", name);
    GW_LIST_EACH(&s->sets, it, tmp)
    {
        set = GW_CONTAINER(it, struct cert_set, link);
        if (!strcmp(set->name, name)) {
            *out = set;
            return GW_OK;
        }
    }
    set = gw_new(struct cert_set);
    set->name = gw_str_dup(gw_str_of(name));
    set->folder = cert_path(s->folder, name, "");
    set->trusted = sk_X509_new_null();
    set->crls = sk_X509_CRL_new_null();
    if (!set->trusted || !set->crls)
        abort();
    gw_list_append(&s->sets, &set->link);
    code = set_load(set, err);
    if (code)
        set_free(set);
    else
        *out = set;
    return code;
}

static enum gw_code entry_write(const struct cert_set *set, const struct cert_entry *e,
                                struct gw_err *err)
{
    char *path = cert_path(set->folder, e->info.fingerprint, ".pem");
    struct gw_buf pem;
    enum gw_code code;

    gw_buf_init(&pem, 2 * CERT_UPLOAD_MAX);
    code = cert_pem_write(e->x509, &pem, err);
    if (!code)
        code = cert_file_write(path, gw_buf_str(&pem), err);
    gw_buf_done(&pem);
    free(path);
    return code;
}

static int entry_unlink(const struct cert_set *set, const struct cert_entry *e)
{
    char *path = cert_path(set->folder, e->info.fingerprint, ".pem");
    int os = unlink(path) && errno != ENOENT ? errno : 0;

    free(path);
    return os;
}

/* --- what administrators do */

struct adding {
    struct cert_entry *entry[CERT_CHAIN_MAX];
    bool is_new[CERT_CHAIN_MAX];
    size_t count;
};

static bool adding_has(const struct adding *a, const char *fingerprint)
{
    for (size_t i = 0; i < a->count; i++)
        if (!strcmp(a->entry[i]->info.fingerprint, fingerprint))
            return true;
    return false;
}

static enum gw_code adding_fill(struct adding *a, const struct cert_set *set, struct gw_str data,
                                struct gw_err *err)
{
    STACK_OF(X509) *stack = NULL;
    enum gw_code code = cert_parse(data, &stack, err);
    size_t fresh = 0;

    for (int i = 0; !code && i < sk_X509_num(stack); i++) {
        struct cert_entry *e = NULL;
        bool known;

        code = cert_entry_new(sk_X509_value(stack, i), &e, err);
        if (code)
            break;
        if (adding_has(a, e->info.fingerprint)) { /* twice in one upload */
            cert_entry_free(&e);
            continue;
        }
        (void)set_find(set, gw_str_of(e->info.fingerprint), &known);
        a->is_new[a->count] = !known;
        a->entry[a->count++] = e;
        fresh += !known;
    }
    if (!code && set->count + fresh > CERT_TRUST_MAX)
        code = gw_fail(err, GW_LIMIT, "trust set '%s' would have more than %d certificates",
                       set->name, CERT_TRUST_MAX);
    sk_X509_pop_free(stack, X509_free);
    return code;
}

static enum gw_code adding_write(const struct adding *a, const struct cert_set *set,
                                 struct gw_err *err)
{
    enum gw_code code = GW_OK;
    size_t done = 0;

    for (; !code && done < a->count; done++)
        if (a->is_new[done])
            code = entry_write(set, a->entry[done], err);
    if (code)
        for (size_t i = 0; i < done; i++)
            if (a->is_new[i])
                (void)entry_unlink(set, a->entry[i]);
    return code;
}

enum gw_code cert_trust_add(struct cert_store *s, const char *set_name, struct gw_str data,
                            unsigned *added, cert_info_fn *each, void *ctx, struct gw_err *err)
{
    struct adding a = { .count = 0 };
    struct cert_set *set = NULL;
    enum gw_code code = cert_set_get(s, set_name, &set, err);
    unsigned fresh = 0;

    if (!set)
        return code;
    code = adding_fill(&a, set, data, err);
    if (!code)
        code = adding_write(&a, set, err);
    for (size_t i = 0; i < a.count; i++) {
        if (!code && each)
            each(&a.entry[i]->info, ctx);
        if (!code && a.is_new[i]) {
            set_insert(set, a.entry[i]);
            fresh++;
        } else {
            cert_entry_free(&a.entry[i]);
        }
    }
    if (!code && added)
        *added = fresh;
    return code;
}

static enum gw_code trust_find(struct cert_store *s, const char *set_name,
                               struct gw_str fingerprint, struct cert_set **set, size_t *at,
                               struct gw_err *err)
{
    enum gw_code code = cert_set_get(s, set_name, set, err);
    char quoted[GW_QUOTE_MAX];
    bool found;

    if (code)
        return code;
    *at = set_find(*set, fingerprint, &found);
    if (!found)
        return gw_fail(err, GW_NOTFOUND, "there is no certificate %s in '%s'",
                       gw_quote(fingerprint, quoted), set_name);
    return GW_OK;
}

enum gw_code cert_trust_get(struct cert_store *s, const char *set_name, struct gw_str fingerprint,
                            cert_info_fn *each, void *ctx, struct gw_buf *der, struct gw_err *err)
{
    struct cert_set *set = NULL;
    size_t at = 0;
    enum gw_code code = trust_find(s, set_name, fingerprint, &set, &at, err);

    if (!code && der)
        code = cert_der_write(set->entry[at]->x509, der, err);
    if (!code && each)
        each(&set->entry[at]->info, ctx);
    return code;
}

enum gw_code cert_trust_remove(struct cert_store *s, const char *set_name,
                               struct gw_str fingerprint, struct gw_err *err)
{
    struct cert_set *set = NULL;
    size_t at = 0;
    enum gw_code code = trust_find(s, set_name, fingerprint, &set, &at, err);
    int os;

    if (code)
        return code;
    os = entry_unlink(set, set->entry[at]);
    if (os)
        return cert_file_fail(set->folder, os, err);
    set_delete(set, at);
    return GW_OK;
}

enum gw_code cert_trust_each(struct cert_store *s, const char *set_name, cert_info_fn *each,
                             void *ctx, struct gw_err *err)
{
    struct cert_set *set = NULL;
    enum gw_code code = cert_set_get(s, set_name, &set, err);

    if (!set)
        return code;
    for (size_t i = 0; i < set->count; i++)
        each(&set->entry[i]->info, ctx);
    return GW_OK;
}
