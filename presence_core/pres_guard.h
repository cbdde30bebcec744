/* Against guessing passwords: what failed lately, by client network and by user in it. Who failed
 * too often is refused for a while, from that network only: nobody can lock a user out elsewhere.
 * An engine: time is handed in. */
#ifndef PRES_GUARD_H
#define PRES_GUARD_H

#include "gw_str.h"
#include "gw_time.h"

enum {
    PRES_GUARD_WINDOW_MS = 5 * 60 * 1000, /* from the first failure; then it is forgotten */
    PRES_GUARD_USER_MAX = 10,             /* failures of one user from one network in it */
    PRES_GUARD_ENTRIES_MAX = 10 * 1000,   /* beyond that the one that failed longest ago goes */
    PRES_NETWORK_MAX = 64
};

/* What an address counts as: an IPv4 address is itself, one of IPv6 its /64, which is what one
 * customer has at least. peer is as net_stream_peer() gives it: "192.0.2.1:5222", "[2001:db8::1]:1".
 * Anything else is itself, without the port. */
const char *pres_network_of(struct gw_str peer, char out[PRES_NETWORK_MAX]);

struct pres_guard;
struct pres_guard *pres_guard_new(void);
void pres_guard_free(struct pres_guard **guardp);

/* max: failures of all users of the network. What is refused by this is no failure: a client that
 * goes on trying an old password does not use up what its neighbours have. */
bool pres_guard_allows(const struct pres_guard *guard, const char *network, struct gw_str user,
                       int64_t max, gw_time now);
void pres_guard_failed(struct pres_guard *guard, const char *network, struct gw_str user,
                       gw_time now);
/* The user's failures from there are forgotten; the network's are not, or a guesser with an account
 * could go on for ever. */
void pres_guard_succeeded(struct pres_guard *guard, const char *network, struct gw_str user);

#endif
