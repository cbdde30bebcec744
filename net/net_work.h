/* A small pool of threads for what blocks: GSSAPI steps, password hashing, file syncs. */
#ifndef NET_WORK_H
#define NET_WORK_H

#include "net_loop.h"

struct net_pool;
struct net_work;
typedef void net_work_fn(void *ctx);

struct net_pool *net_pool_new(struct net_loop *loop, unsigned threads);

/* Waits for what runs; queued work is dropped without a word, except to the drop() of what was
 * cancelled. */
void net_pool_free(struct net_pool **poolp);

enum { NET_WORK_QUEUE_MAX = 10000 };

/* run(ctx) on a worker, then done(ctx) on the loop thread, which ends the work's life. NULL when the
 * queue is full. Both get the same ctx; while run works nobody else touches it. */
struct net_work *net_work_start(struct net_pool *pool, net_work_fn *run, net_work_fn *done,
                                void *ctx);

/* done does not come any more. When run has begun or may still begin, 'ctx' must stay until then:
 * drop(ctx), if not NULL, is called on the loop thread instead of done when nobody uses it. */
void net_work_cancel(struct net_work **workp, net_work_fn *drop);

#endif
