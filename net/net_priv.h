/* What the files of net/ share, and nobody else sees. */
#ifndef NET_PRIV_H
#define NET_PRIV_H

#include "gw_list.h"
#include "net_loop.h"

/* A call put off to the end of this round of the loop, before it waits again: how results stay out
 * of the call that asked for them, and how the writes of a round go out together. The node lives
 * inside its object; the object may free itself in the call. */
struct net_defer;
typedef void net_defer_fn(struct net_defer *d);
struct net_defer {
    struct gw_list link;
    net_defer_fn *fn;
};

void net_defer_init(struct net_defer *d, net_defer_fn *fn);
void net_defer_set(struct net_loop *loop, struct net_defer *d); /* no harm when set already */
void net_defer_cancel(struct net_defer *d);

/* One buffer for all reads of the loop: what is in it is gone at the next read. */
enum { NET_SCRATCH_LEN = 64 * 1024 };
char *net_loop_scratch(struct net_loop *loop);

#endif
