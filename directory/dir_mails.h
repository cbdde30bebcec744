/* Domains of mail addresses: where other domains may know our users (interdomain-federation.md 13). Those
 * of users' addresses are there by themselves, and cannot be removed; an administrator adds others, for
 * users to come. One that its last user has left stays, as if it had been added. Loop thread only. */
#ifndef DIR_MAILS_H
#define DIR_MAILS_H

#include "dir.h"

enum {
    DIR_MAIL_DOMAINS_MAX = 1000,
    DIR_MAIL_DOMAIN_MAX = 255 /* characters, as it is typed; a name of DNS has less */
};

struct dir_mails;

struct dir_mails_args {
    struct dir *dir;
    struct store *store;
    /* Before listeners that register later are told of the user whose domain it is. */
    void (*changed)(struct gw_str domain, bool added, void *ctx);
    void *ctx;
};

struct dir_mails *dir_mails_new(const struct dir_mails_args *args);
void dir_mails_free(struct dir_mails **mailsp);
/* Once, before dir_load(). */
void dir_mails_load(struct dir_mails *mails, store_done_fn *done, void *ctx);

/* As a bare JID, normalised; appends to out. False: it is not a whole address, or could not be one of
 * federation. */
bool dir_mail_address(struct gw_str mail, struct gw_buf *out);

/* As in dir.h. GW_EXISTS; GW_INVALID; GW_LIMIT. */
enum gw_code dir_mail_domain_add(struct dir_mails *mails, struct gw_str domain, store_done_fn *done,
                                 void *ctx, struct gw_err *err);
/* GW_NOTFOUND; GW_INVALID: users have addresses there. */
enum gw_code dir_mail_domain_remove(struct dir_mails *mails, struct gw_str domain,
                                    store_done_fn *done, void *ctx, struct gw_err *err);

struct dir_mail_domain {
    struct gw_str name, ascii; /* as of struct dir_domain */
    size_t users;              /* 0: an administrator's */
};
/* As dir_domain_next(). */
bool dir_mail_domain_next(const struct dir_mails *mails, size_t *pos, struct dir_mail_domain *out);
size_t dir_mail_domain_count(const struct dir_mails *mails);

#endif
