/* Contact lists as an administrator changes them, many at a time: as the user's own client would, and his
 * clients are told. What is to be stored goes into the caller's batch, and not to the disk without it. */
#ifndef PRES_CONTACT_H
#define PRES_CONTACT_H

#include "pres.h"
#include "pres_roster.h"

/* Of the item: jid, name and groups. False: not in the list. groups[PRES_GROUPS_MAX]; all is borrowed
 * until the next call that is not const. */
bool pres_contact_get(const struct pres_core *core, struct gw_str user, struct gw_str contact,
                      struct gw_str *groups, struct pres_item *out);

typedef void pres_contact_fn(struct gw_str contact, void *ctx);
void pres_contacts_each(const struct pres_core *core, struct gw_str user, pres_contact_fn *each,
                        void *ctx); /* in order; must not change the list */

struct pres_contact_change {
    struct store_batch
        *batch;    /* NULL: nothing is changed, it is only looked at whether it could be */
    unsigned told; /* out: clients of the user that were told */
};

/* In the list with this name and these groups, and asked to be seen, unless that was done before; jid
 * normalised. GW_NOTFOUND: no such user, or no such contact, or no way to there. GW_LIMIT: this list is
 * full, or the contact has as many watchers as may be. GW_INVALID: as pres_roster_set(). */
enum gw_code pres_contact_put(struct pres_core *core, struct gw_str user,
                              const struct pres_item *item, struct pres_contact_change *change,
                              struct gw_err *err);
/* Both subscriptions end. GW_NOTFOUND: not in the list. */
enum gw_code pres_contact_remove(struct pres_core *core, struct gw_str user, struct gw_str contact,
                                 struct pres_contact_change *change, struct gw_err *err);
/* The same person has another address: it has the name and the groups of the old one (beside those that it
 * had itself), what the user has decided about it, and is asked anew. The old one is removed. GW_NOTFOUND:
 * not in the list, or as above. */
enum gw_code pres_contact_rename(struct pres_core *core, struct gw_str user, struct gw_str from,
                                 struct gw_str to, struct pres_contact_change *change,
                                 struct gw_err *err);

#endif
