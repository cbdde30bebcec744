/* E-mail addresses for federation. */
#ifndef GD_MAIL_H
#define GD_MAIL_H

#include "gd.h"

void gd_mail_start(struct gd *gd); /* before anybody else is told of users */
/* He has come, or his address is another one. */
void gd_mail_user(struct gd *gd, const struct dir_user *user);
/* Whether the settings of the rooms go together. */
enum gw_code gd_mail_check(const struct gd *gd, struct gw_err *err);
/* All domains, for certificates: in A-labels. */
void gd_mail_names(const struct gd *gd, void (*each)(struct gw_str name, void *each_ctx),
                   void *each_ctx);

/* --- for the API */
void gd_mail_json(const struct gd *gd, struct json_t *into);
struct json_t *gd_mail_domains_json(const struct gd *gd);
/* done as in dir.h */
enum gw_code gd_mail_domain_set(struct gd *gd, struct gw_str domain, bool there,
                                store_done_fn *done, void *done_ctx, struct gw_err *err);

#endif
