/* Open addressing with linear probing, 24 bytes a slot, at most four fifths full. A removed entry
 * leaves a grave, so that nothing moves under an iteration; graves go when the table is made anew,
 * which only adding does. Each table has its own secret: what a peer learns of one order is of no
 * use for another. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_map.h"
#include "gw_mem.h"
#include "gw_priv.h"

enum { SLOTS_FIRST = 8, SLOTS_KEPT = 64 };

/* value NULL: empty, or a grave when key_len is GRAVE. */
struct slot {
    const char *key;
    void *value;
    uint32_t key_len, hash;
};

enum { GRAVE = 1 };

struct gw_map {
    uint64_t secret[2];
    struct slot *slots;
    uint32_t cap; /* a power of two, or 0 */
    uint32_t len, graves;
    uint64_t order;
};

struct gw_map *gw_map_new(void)
{
    struct gw_map *map = gw_new(struct gw_map);

    gw_random(map->secret, sizeof(map->secret));
    return map;
}

void gw_map_free(struct gw_map **mapp)
{
    struct gw_map *map = *mapp;

    if (!map)
        return;
    *mapp = NULL;
    free(map->slots);
    free(map);
}

size_t gw_map_len(const struct gw_map *map)
{
    return map->len;
}

static bool slot_is(const struct slot *s, uint32_t hash, struct gw_str key)
{
    return s->value && s->hash == hash && gw_str_eq((struct gw_str){ s->key, s->key_len }, key);
}

/* Ends, since a table is never full. */
static struct slot *find(const struct gw_map *map, struct gw_str key)
{
    uint32_t hash, i;

    if (!map->len || key.len > UINT32_MAX)
        return NULL;
    hash = (uint32_t)gw_siphash(map->secret, key);
    for (i = hash & (map->cap - 1);; i = (i + 1) & (map->cap - 1)) {
        struct slot *s = &map->slots[i];

        if (slot_is(s, hash, key))
            return s;
        if (!s->value && s->key_len != GRAVE)
            return NULL;
    }
}

void *gw_map_get(const struct gw_map *map, struct gw_str key)
{
    const struct slot *s = find(map, key);

    return s ? s->value : NULL;
}

/* The key is not in the table. */
static void place(struct gw_map *map, const struct slot *entry)
{
    uint32_t i = entry->hash & (map->cap - 1);

    while (map->slots[i].value)
        i = (i + 1) & (map->cap - 1);
    if (map->slots[i].key_len == GRAVE)
        map->graves--;
    map->slots[i] = *entry;
}

static bool has_room(uint32_t used, uint32_t cap)
{
    return (uint64_t)used * 5 <= (uint64_t)cap * 4;
}

/* Room for one more. Sized for the entries alone and half as many again, so that a table full of
 * graves does not come here at every turn. */
static void grow(struct gw_map *map)
{
    struct slot *old = map->slots;
    uint32_t old_cap = map->cap, cap = SLOTS_FIRST;

    if (map->cap && has_room(map->len + map->graves + 1, map->cap))
        return;
    while (!has_room(map->len + 1 + (map->graves ? map->len / 2 : 0), cap)) {
        assert(cap < UINT32_MAX / 2);
        cap *= 2;
    }
    map->slots = gw_alloc(cap * sizeof(struct slot));
    map->cap = cap;
    map->graves = 0;
    map->order++;
    for (uint32_t i = 0; i < old_cap; i++) {
        if (old[i].value)
            place(map, &old[i]);
    }
    free(old);
}

void *gw_map_set(struct gw_map *map, struct gw_str key, void *value)
{
    struct slot *s = find(map, key);
    void *old;

    assert(value && key.len <= UINT32_MAX);
    if (s) {
        old = s->value;
        s->key = key.p;
        s->value = value;
        return old;
    }
    grow(map);
    place(map, &(struct slot){ .key = key.p,
                               .value = value,
                               .key_len = (uint32_t)key.len,
                               .hash = (uint32_t)gw_siphash(map->secret, key) });
    map->len++;
    return NULL;
}

/* Emptied: the graves go too, and so does a large table. */
static void clear(struct gw_map *map)
{
    map->graves = 0;
    if (map->cap > SLOTS_KEPT) {
        free(map->slots);
        map->slots = NULL;
        map->cap = 0;
        return;
    }
    memset(map->slots, 0, map->cap * sizeof(struct slot));
}

void *gw_map_remove(struct gw_map *map, struct gw_str key)
{
    struct slot *s = find(map, key);
    void *old;

    if (!s)
        return NULL;
    old = s->value;
    *s = (struct slot){ .key_len = GRAVE };
    map->graves++;
    map->len--;
    if (!map->len)
        clear(map);
    return old;
}

uint64_t gw_map_order(const struct gw_map *map)
{
    return map->order;
}

void *gw_map_next(const struct gw_map *map, size_t *pos)
{
    while (*pos < map->cap) {
        void *value = map->slots[(*pos)++].value;

        if (value)
            return value;
    }
    return NULL;
}
