/* Against guessing passwords: what failed lately, by client network and by user in it. Who failed
 * too often is refused for a while, from that network only: nobody can lock a user out elsewhere.
 * An engine: time is handed in. */
#ifndef XMPP_GUARD_H
#define XMPP_GUARD_H

#include "gw_str.h"
#include "gw_time.h"

enum {
    XMPP_GUARD_WINDOW_MS = 5 * 60 * 1000, /* from the first failure; then it is forgotten */
    XMPP_GUARD_USER_MAX = 10,             /* failures of one user from one network in it */
    XMPP_GUARD_ENTRIES_MAX = 10 * 1000,   /* beyond that the one that failed longest ago goes */
    XMPP_NETWORK_MAX = 64
};

/* What an address counts as: an IPv4 address is itself, one of IPv6 its /64, which is what one
 * customer has at least. peer is as net_stream_peer() gives it: "192.0.2.1:5222", "[2001:db8::1]:1".
 * Anything else is itself, without the port. */
const char *xmpp_network_of(struct gw_str peer, char out[XMPP_NETWORK_MAX]);

struct xmpp_guard;
struct xmpp_guard *xmpp_guard_new(void);
void xmpp_guard_free(struct xmpp_guard **guardp);

/* max: failures of all users of the network. What is refused by this is no failure: a client that
 * goes on trying an old password does not use up what its neighbours have. */
bool xmpp_guard_allows(const struct xmpp_guard *guard, const char *network, struct gw_str user,
                       int64_t max, gw_time now);
void xmpp_guard_failed(struct xmpp_guard *guard, const char *network, struct gw_str user,
                       gw_time now);
/* The user's failures from there are forgotten; the network's are not, or a guesser with an account
 * could go on for ever. */
void xmpp_guard_succeeded(struct xmpp_guard *guard, const char *network, struct gw_str user);

#endif
