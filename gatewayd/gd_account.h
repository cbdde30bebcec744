/* An account at Exchange with its password: kept sealed, and ready to log in. Most gateways share one;
 * a gateway may have its own. How it logs in are parameters: calendar.auth and what belongs to it. */
#ifndef GD_ACCOUNT_H
#define GD_ACCOUNT_H

#include "admin_api.h"
#include "ews_account.h"
#include "gd.h"

#define GD_ACCOUNT_KIND   "account"
#define GD_ACCOUNT_SHARED "exchange" /* key of the record of the shared one */
#define GD_ACCOUNT_OWN    "gateway/" /* ... of a gateway's own: its name follows */

struct gd_account;
/* Not set yet. kin: what is remembered of refused passwords is shared with it; NULL: the first one. */
struct gd_account *gd_account_new(struct gd *gd, const char *key, const struct gd_account *kin);
void gd_account_free(struct gd_account **ap); /* after its clients */
/* Refusals are not written down any more: all ends. Those under way are written already. */
void gd_account_hush(struct gd_account *a);

const char *gd_account_key(const struct gd_account *a);
const char *gd_account_name(const struct gd_account *a);    /* NULL: not set */
struct ews_account *gd_account_login(struct gd_account *a); /* set when the account is */
bool gd_account_is_namesake(const struct gd_account *a, const struct gd_account *b);

enum gw_code gd_account_read(struct gd_account *a, struct gw_str record, struct gw_err *err);
void gd_account_save(const struct gd_account *a, struct store_batch *b);

/* The parameters have changed. On failure the login stays as it was. */
enum gw_code gd_account_params_changed(struct gd_account *a, struct gw_err *err);

/* The account as it would be after an edit: what was not said stays. */
struct gd_account_edit {
    char *name, *password;
    bool changed;
};
enum gw_code gd_account_edit_init(const struct gd_account *a, const struct admin_gateway_edit *edit,
                                  struct gd_account_edit *out, struct gw_err *err);
void gd_account_edit_done(struct gd_account_edit *edit);
void gd_account_apply(struct gd_account *a, struct gd_account_edit *edit); /* takes the texts */

/* Plain HTTP is for labs. */
enum gw_code gd_http_check(const struct gd *gd, bool http, struct gw_err *err);

#endif
