/* The heap of due moments: the earliest first. Nodes live inside the objects. Works on any int64
 * clock (gw_time or gw_utc); one heap never mixes two. */
#ifndef GW_HEAP_H
#define GW_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gw_due {
    int64_t at;
    uint32_t pos; /* 1-based place in the heap; 0: not in one. Start zeroed. */
};

struct gw_heap {
    struct gw_due **node;
    size_t len, cap;
};

void gw_heap_init(struct gw_heap *h);
void gw_heap_done(struct gw_heap *h); /* the nodes left in it are marked as out */

/* Inserts, or moves when it is in already. */
void gw_heap_set(struct gw_heap *h, struct gw_due *node, int64_t at);
void gw_heap_remove(struct gw_heap *h, struct gw_due *node); /* no harm when not in */

struct gw_due *gw_heap_first(const struct gw_heap *h);          /* NULL: empty */
struct gw_due *gw_heap_pop_due(struct gw_heap *h, int64_t now); /* first with at <= now, removed */

#endif
