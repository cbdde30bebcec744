/* Hash map from text to pointer. Keys are borrowed: they live as long as their entry, usually inside
 * the value. The hash is keyed with a random secret, since keys may come from peers. */
#ifndef GW_MAP_H
#define GW_MAP_H

#include "gw_str.h"

struct gw_map;

struct gw_map *gw_map_new(void);
void gw_map_free(struct gw_map **mapp); /* frees the map, not the values */

size_t gw_map_len(const struct gw_map *map);
void *gw_map_get(const struct gw_map *map, struct gw_str key); /* NULL: none */

/* Stores value (not NULL) under key; the key replaces an equal one. Returns the value that was
 * there, or NULL. */
void *gw_map_set(struct gw_map *map, struct gw_str key, void *value);
void *gw_map_remove(struct gw_map *map, struct gw_str key); /* returns the value, or NULL */

/* Iterates in no order: start with *pos = 0, ends with NULL. Between calls only the entry that was
 * returned last may be removed, and nothing added. */
void *gw_map_next(const struct gw_map *map, size_t *pos);

/* Another one when entries were moved, which only adding does, and seldom. An iteration that pauses for
 * longer notes it down with *pos, and begins again if it has changed; else it goes on, whatever was
 * added or removed meanwhile: what was added it may meet, or not. */
uint64_t gw_map_order(const struct gw_map *map);

#endif
