/* How many connections of one network have not proved who they are: a bound on each network, so that
 * none keeps the others out. */
#ifndef XMPP_ORIGIN_H
#define XMPP_ORIGIN_H

#include "gw_str.h"

struct gw_map;
struct xmpp_origin;

/* NULL: there are max of it. 'network' as xmpp_network_of() gives it. */
struct xmpp_origin *xmpp_origin_take(struct gw_map *origins, struct gw_str network, size_t max);
void xmpp_origin_leave(struct gw_map *origins, struct xmpp_origin **op); /* NULL: nothing happens */

#endif
