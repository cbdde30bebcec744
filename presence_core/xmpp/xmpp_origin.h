/* How many connections one network has that have not proved who they are, or how many are being made because
 * of one network or user: a bound on each, so that none keeps the others out. */
#ifndef XMPP_ORIGIN_H
#define XMPP_ORIGIN_H

#include "gw_str.h"

struct gw_map;
struct xmpp_origin;

/* NULL: there are max of it. 'who' is a user, or a network as pres_network_of() gives it. */
struct xmpp_origin *xmpp_origin_take(struct gw_map *origins, struct gw_str who, size_t max);
void xmpp_origin_leave(struct gw_map *origins, struct xmpp_origin **op); /* NULL: nothing happens */

#endif
