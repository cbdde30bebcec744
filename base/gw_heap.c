/* A heap of four children a node: half as deep as a binary one, and the children share a cache line
 * or two. */
#include <stdlib.h>

#include "gw_heap.h"
#include "gw_mem.h"

enum { CHILDREN = 4, HEAP_FIRST = 16 };

void gw_heap_init(struct gw_heap *h)
{
    *h = (struct gw_heap){ 0 };
}

void gw_heap_done(struct gw_heap *h)
{
    for (size_t i = 0; i < h->len; i++)
        h->node[i]->pos = 0;
    free(h->node);
    gw_heap_init(h);
}

static void put(struct gw_heap *h, size_t i, struct gw_due *node)
{
    h->node[i] = node;
    node->pos = (uint32_t)i + 1;
}

static void sift_up(struct gw_heap *h, size_t i, struct gw_due *node)
{
    while (i) {
        size_t parent = (i - 1) / CHILDREN;

        if (h->node[parent]->at <= node->at)
            break;
        put(h, i, h->node[parent]);
        i = parent;
    }
    put(h, i, node);
}

static size_t earliest_child(const struct gw_heap *h, size_t first)
{
    size_t end = first + CHILDREN < h->len ? first + CHILDREN : h->len;
    size_t best = first;

    for (size_t i = first + 1; i < end; i++) {
        if (h->node[i]->at < h->node[best]->at)
            best = i;
    }
    return best;
}

static void sift_down(struct gw_heap *h, size_t i, struct gw_due *node)
{
    for (;;) {
        size_t child = i * CHILDREN + 1;

        if (child >= h->len)
            break;
        child = earliest_child(h, child);
        if (h->node[child]->at >= node->at)
            break;
        put(h, i, h->node[child]);
        i = child;
    }
    put(h, i, node);
}

static void settle(struct gw_heap *h, size_t i, struct gw_due *node)
{
    if (i && h->node[(i - 1) / CHILDREN]->at > node->at)
        sift_up(h, i, node);
    else
        sift_down(h, i, node);
}

void gw_heap_set(struct gw_heap *h, struct gw_due *node, int64_t at)
{
    node->at = at;
    if (node->pos) {
        settle(h, node->pos - 1, node);
        return;
    }
    if (h->len == h->cap) {
        h->cap = h->cap ? h->cap * 2 : HEAP_FIRST;
        h->node = gw_realloc(h->node, h->cap, sizeof(struct gw_due *));
    }
    h->len++;
    sift_up(h, h->len - 1, node);
}

void gw_heap_remove(struct gw_heap *h, struct gw_due *node)
{
    size_t i;
    struct gw_due *last;

    if (!node->pos)
        return;
    i = node->pos - 1;
    node->pos = 0;
    last = h->node[--h->len];
    if (last != node)
        settle(h, i, last);
}

struct gw_due *gw_heap_first(const struct gw_heap *h)
{
    return h->len ? h->node[0] : NULL;
}

struct gw_due *gw_heap_pop_due(struct gw_heap *h, int64_t now)
{
    struct gw_due *first = gw_heap_first(h);

    if (!first || first->at > now)
        return NULL;
    gw_heap_remove(h, first);
    return first;
}
