/* Memory of one message: everything parsed from it lives here and dies with it. */
#ifndef GW_ARENA_H
#define GW_ARENA_H

#include "gw_str.h"

struct gw_arena_block;
struct gw_arena {
    struct gw_arena_block *blocks;
    size_t used, max; /* bytes handed out, and their limit */
};

void gw_arena_init(struct gw_arena *a, size_t max);
void gw_arena_done(struct gw_arena *a);

/* Zeroed, aligned for any type. NULL when the limit would be passed: the message is too large. */
void *gw_arena_alloc(struct gw_arena *a, size_t size);

/* A NUL-terminated copy; .p is NULL when the limit would be passed. */
struct gw_str gw_arena_dup(struct gw_arena *a, struct gw_str s);

#endif
