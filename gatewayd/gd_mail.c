/* E-mail addresses for federation: the directory's mail domains, as the presence core is to know them and
 * an administrator to see them. */
#include <jansson.h>
#include <stdlib.h>

#include "gd.h"
#include "gd_mail.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "sip_access.h"

enum { PROBLEMS_MAX = 100 };

/* --- from the directory */

static void on_domain(struct gw_str domain, bool added, void *ctx)
{
    struct gd *gd = ctx;

    if (added)
        pres_mail_domain_add(gd->core, domain);
    else
        pres_mail_domain_remove(gd->core, domain);
    if (!gd->loaded)
        return;
    gw_info("gatewayd", "mail domain %s domain='%.*s'", added ? "added" : "removed",
            GW_STR_ARG(domain));
    gd_identities_cover(gd);
}

void gd_mail_start(struct gd *gd)
{
    gd->mails = dir_mails_new(&(struct dir_mails_args){
        .dir = gd->dir, .store = gd->store, .changed = on_domain, .ctx = gd });
}

void gd_mail_user(struct gd *gd, const struct dir_user *user)
{
    struct gw_buf jid;

    gw_buf_init(&jid, 4 * DIR_JID_MAX);
    (void)dir_mail_address(user->mail, &jid);
    pres_user_mail_set(gd->core, user->jid, gw_buf_str(&jid));
    gw_buf_done(&jid);
}

enum gw_code gd_mail_check(const struct gd *gd, struct gw_err *err)
{
    if (!gd->settings.pres.mail || !gd->settings.sip.partitioned)
        return GW_OK;
    return gw_fail(err, GW_INVALID,
                   PRES_PARAM_MAIL
                   " and sip.partitioned exclude each other: who shares our domains "
                   "with us knows users by their own addresses; set one of them off");
}

/* --- for an administrator */

static json_t *text_json(struct gw_str s)
{
    return json_stringn(s.p ? s.p : "", s.len);
}

static bool is_sip_domain(const struct gd *gd, struct gw_str domain)
{
    enum sip_kind kind;

    return sip_domains_find(gw_str_of(gd->settings.sip.domains), domain, &kind);
}

static int by_name(const void *a, const void *b)
{
    return gw_str_cmp(((const struct dir_mail_domain *)a)->name,
                      ((const struct dir_mail_domain *)b)->name);
}

static json_t *domains_json(const struct gd *gd)
{
    size_t count = dir_mail_domain_count(gd->mails), pos = 0, n = 0;
    struct dir_mail_domain *all = gw_realloc(NULL, count + 1, sizeof(*all));
    json_t *list = json_array();

    while (n < count && dir_mail_domain_next(gd->mails, &pos, &all[n]))
        n++;
    qsort(all, n, sizeof(*all), by_name);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            list, json_pack("{s:o, s:s, s:I, s:b, s:b}", "name", text_json(all[i].name), "managed",
                            all[i].users ? "system" : "admin", "users", (json_int_t)all[i].users,
                            "presence_domain", pres_domain_is_local(gd->core, all[i].name),
                            "sip_domain", is_sip_domain(gd, all[i].ascii)));
    free(all);
    return list;
}

/* Behind what the core says: he has an address, but none that the core could be told. */
enum { UNUSABLE = PRES_MAIL_ELSEWHERE + 1 };

/* What the federated world knows a user by, and why it is not the mail address. */
static const struct {
    const char *name, *why; /* why NULL: all is as it should be */
} uses[] = {
    [PRES_MAIL_USED] = { "used", NULL },
    [PRES_MAIL_OFF] = { "off", NULL },
    [PRES_MAIL_NONE] = { "none", NULL },
    [PRES_MAIL_SAME] = { "same", NULL },
    [PRES_MAIL_SHARED] = { "shared", "another user has the same mail address" },
    [PRES_MAIL_TAKEN] = { "taken", "the mail address is another user's id" },
    [PRES_MAIL_ELSEWHERE] = { "elsewhere",
                              "the domain of the mail address is federated by SIP (sip.domains)" },
    [UNUSABLE] = { "unusable", "the mail address could be no user's id (ann@example.org): it has "
                               "characters that ids have not, or a domain that DNS has not" },
};
enum { USES = sizeof(uses) / sizeof(uses[0]) };

static int use_of(const struct gd *gd, const struct dir_user *user)
{
    enum pres_mail_use use = pres_mail_use(gd->core, user->jid);
    struct gw_buf jid;
    bool is_usable;

    if (use != PRES_MAIL_NONE || !user->mail.len)
        return (int)use;
    gw_buf_init(&jid, 4 * DIR_JID_MAX);
    is_usable = dir_mail_address(user->mail, &jid);
    gw_buf_done(&jid);
    return is_usable ? (int)use : UNUSABLE;
}

static void users_json(const struct gd *gd, json_t *into)
{
    json_t *counts = json_object(), *problems = json_array();
    json_int_t count[USES] = { 0 };
    struct dir_user user;
    size_t pos = 0;

    while (dir_user_next(gd->dir, &pos, &user)) {
        int use = use_of(gd, &user);

        count[use]++;
        if (uses[use].why && json_array_size(problems) < PROBLEMS_MAX)
            json_array_append_new(problems,
                                  json_pack("{s:o, s:o, s:s}", "user", text_json(user.jid), "mail",
                                            text_json(user.mail), "why", uses[use].why));
    }
    for (int i = 0; i < USES; i++)
        json_object_set_new(counts, uses[i].name, json_integer(count[i]));
    json_object_set_new(into, "users", counts);
    json_object_set_new(into, "problems", problems);
}

void gd_mail_json(const struct gd *gd, json_t *into)
{
    json_object_set_new(into, "on", json_boolean(gd->settings.pres.mail));
    json_object_set_new(into, "domains", domains_json(gd));
    users_json(gd, into);
}

json_t *gd_mail_domains_json(const struct gd *gd)
{
    struct dir_mail_domain d;
    json_t *list = json_array();
    size_t pos = 0;

    while (dir_mail_domain_next(gd->mails, &pos, &d))
        json_array_append_new(list, text_json(d.name));
    return list;
}

enum gw_code gd_mail_domain_set(struct gd *gd, struct gw_str domain, bool there,
                                store_done_fn *done, void *done_ctx, struct gw_err *err)
{
    struct gw_buf name;
    bool is_federated;

    if (!there)
        return dir_mail_domain_remove(gd->mails, domain, done, done_ctx, err);
    gw_buf_init(&name, 4 * DIR_DOMAIN_MAX);
    is_federated =
        !dir_domain_normalise(domain, &name, NULL) && is_sip_domain(gd, gw_buf_str(&name));
    gw_buf_done(&name);
    if (is_federated)
        return gw_fail(err, GW_INVALID,
                       "'%.*s' is federated by SIP (sip.domains), so it cannot be ours",
                       GW_STR_ARG(gw_str_utf8_cut(domain, 80)));
    return dir_mail_domain_add(gd->mails, domain, done, done_ctx, err);
}

void gd_mail_names(const struct gd *gd, void (*each)(struct gw_str name, void *each_ctx),
                   void *each_ctx)
{
    struct dir_mail_domain d;
    size_t pos = 0;

    while (dir_mail_domain_next(gd->mails, &pos, &d))
        each(d.ascii, each_ctx);
}
