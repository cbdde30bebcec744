/* Who watches a user, as his own SIP clients are told (RFC 3857, 3858): by whatever protocol and from however
 * many devices, one element for each address, since it is an address that the user decides on. Approval itself
 * is not SIP's business.
 *
 * The first document of a subscription, and those after a refresh and a restart, say everything; the others
 * say only what has changed since the one before, many changes of one watcher as one.
 *
 * A document has its bound, and so has the table that it is made of: some eighty watchers, however many
 * there are. Those who wait for an answer come first; who has no place is left out until there is one. Where
 * one who watches gives his place up to one who waits he was not told to be gone: everything is said anew.
 *
 * Contacts by XMPP watch as long as they are contacts. Who is known by SIP only watches as long as he has a
 * subscription; a request of his that has run out unanswered waits, see sip_wait.c. */
#ifndef SIP_WINFO_H
#define SIP_WINFO_H

#include "sip_priv.h"
#include "sip_watcher.h"

/* Into 'out' what has changed since 'told' (0: everything); gives what is told with it: the same when
 * nothing has changed, and nothing is written. */
uint64_t sip_winfo_write(struct sip_core *core, struct sip_watched *of, uint64_t told,
                         uint32_t version, struct gw_buf *out);
/* Does he watch without a subscription of ours? */
bool sip_winfo_is_lasting(const struct sip_core *core, struct gw_str user, struct gw_str watcher);
/* Why the watcher's subscription ends, which is known only now. "timeout": the same as nothing. */
void sip_winfo_ended(struct sip_watched *of, struct gw_str watcher, const char *reason);
void sip_winfo_stir(struct sip_watched *of);   /* a subscription has begun, or is over */
void sip_winfo_settle(struct sip_watched *of); /* nobody may be told any more */

#endif
