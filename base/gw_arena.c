#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "gw_arena.h"
#include "gw_mem.h"

enum { BLOCK_FIRST = 2048, BLOCK_LARGEST = 64 * 1024 }; /* each block doubles, up to the largest */

struct gw_arena_block {
    struct gw_arena_block *next;
    size_t fill, cap;
    alignas(max_align_t) char bytes[];
};

void gw_arena_init(struct gw_arena *a, size_t max)
{
    *a = (struct gw_arena){ .max = max };
}

void gw_arena_done(struct gw_arena *a)
{
    struct gw_arena_block *b = a->blocks;

    while (b) {
        struct gw_arena_block *next = b->next;

        free(b);
        b = next;
    }
    gw_arena_init(a, a->max);
}

/* A new block in front; the rest of the one before it stays unused. */
static struct gw_arena_block *block_add(struct gw_arena *a, size_t size)
{
    size_t cap = BLOCK_FIRST - sizeof(struct gw_arena_block);
    struct gw_arena_block *b;

    if (a->blocks && a->blocks->cap >= cap)
        cap = 2 * (a->blocks->cap + sizeof(*b)) - sizeof(*b);
    if (cap > BLOCK_LARGEST)
        cap = BLOCK_LARGEST - sizeof(*b);
    if (cap < size)
        cap = size;
    b = gw_realloc(NULL, sizeof(*b) + cap, 1);
    b->next = a->blocks;
    b->fill = 0;
    b->cap = cap;
    a->blocks = b;
    return b;
}

static void *arena_take(struct gw_arena *a, size_t size, size_t align)
{
    struct gw_arena_block *b = a->blocks;
    size_t at = b ? (b->fill + align - 1) & ~(align - 1) : 0;

    if (size > a->max - a->used)
        return NULL;
    if (!b || at > b->cap || size > b->cap - at) {
        b = block_add(a, size);
        at = 0;
    }
    b->fill = at + size;
    a->used += size;
    return b->bytes + at;
}

void *gw_arena_alloc(struct gw_arena *a, size_t size)
{
    void *p = arena_take(a, size, alignof(max_align_t));

    return p ? memset(p, 0, size) : NULL;
}

struct gw_str gw_arena_dup(struct gw_arena *a, struct gw_str s)
{
    char *p = s.len < SIZE_MAX ? arena_take(a, s.len + 1, 1) : NULL;

    if (!p)
        return (struct gw_str){ NULL, 0 };
    if (s.len)
        memcpy(p, s.p, s.len);
    p[s.len] = '\0';
    return (struct gw_str){ p, s.len };
}
