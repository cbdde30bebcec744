/* Rosters and subscriptions (RFC 6121 sections 2 and 3), for users of this core. */
#ifndef PRES_ROSTER_H
#define PRES_ROSTER_H

#include "gw_err.h"
#include "gw_str.h"

struct pres_session;

enum pres_request { PRES_SUBSCRIBE, PRES_SUBSCRIBED, PRES_UNSUBSCRIBE, PRES_UNSUBSCRIBED };

/* Of one item. Larger ones are refused, not cut. */
enum {
    PRES_NAME_MAX = 1023,
    PRES_GROUPS_MAX = 50,
    PRES_GROUP_NAME_MAX = 255,
    PRES_REQUEST_EXTRA_MAX = 4096 /* what is kept of a request until it is answered */
};

enum pres_sub { PRES_SUB_NONE, PRES_SUB_TO, PRES_SUB_FROM, PRES_SUB_BOTH, PRES_SUB_REMOVE };
const char *pres_sub_name(enum pres_sub sub); /* "both" */

struct pres_item {
    struct gw_str jid, name; /* name may be empty */
    const struct gw_str *groups;
    size_t group_count;
    enum pres_sub sub;
    bool ask; /* the user has asked, and waits for the answer */
};

typedef void pres_item_fn(const struct pres_item *item, void *ctx); /* borrowed for the call */

/* The roster of the session's user, in order of JIDs. From now on the session is told of changes. */
void pres_roster_get(struct pres_session *s, pres_item_fn *each, void *ctx);

void pres_roster_each(const struct pres_session *s, pres_item_fn *each, void *ctx); /* only that */
/* The same for the same items, and after a restart; another one for others. */
uint64_t pres_roster_version(const struct pres_session *s);

/* Adds or renames: jid (bare, normalised), name, groups; the rest is not looked at. GW_LIMIT: roster
 * full, or name or groups too long or too many. GW_INVALID: the user's own JID, an empty group name,
 * a group twice. */
enum gw_code pres_roster_set(struct pres_session *s, const struct pres_item *item,
                             struct gw_err *err);

/* GW_NOTFOUND: not in the roster. Both subscriptions end, the contact is told. */
enum gw_code pres_roster_remove(struct pres_session *s, struct gw_str jid, struct gw_err *err);

/* GW_NOTFOUND: the contact's domain is not served here; the user's roster is as it was. GW_LIMIT:
 * roster full. GW_INVALID: the user's own JID. To an unknown user of ours the answer is
 * PRES_UNSUBSCRIBED, as from somebody who refuses. */
enum gw_code pres_request_send(struct pres_session *s, enum pres_request request,
                               struct gw_str contact, struct gw_str extra, struct gw_err *err);

#endif
