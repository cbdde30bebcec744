/* Who of our domains has a place on the other system that shares them: the SIP addresses of the
 * directory's users who are not enabled here. For the routing mode advanced. */
#include <stdlib.h>
#include <string.h>

#include "gd.h"
#include "gw_map.h"
#include "gw_mem.h"

struct neighbour {
    size_t count; /* of users with this address */
    struct gw_str address;
    char text[];
};

/* As addresses of SIP are compared here: without regard to case. */
static struct neighbour *neighbour_new(struct gw_str address)
{
    struct neighbour *n = gw_alloc(sizeof(*n) + address.len);

    for (size_t i = 0; i < address.len; i++) {
        char c = address.p[i];

        n->text[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    n->address = (struct gw_str){ n->text, address.len };
    return n;
}

static void count(struct gd *gd, const struct dir_user *u, int step)
{
    struct neighbour *n, *same;

    if (!u || u->im_enabled || !u->sip.len)
        return;
    n = neighbour_new(u->sip);
    same = gw_map_get(gd->neighbours, n->address);
    if (same) {
        free(n);
        n = same;
    } else {
        gw_map_set(gd->neighbours, n->address, n);
    }
    n->count += (size_t)step;
    if (n->count)
        return;
    gw_map_remove(gd->neighbours, n->address);
    free(n);
}

void gd_neighbour_changed(struct gd *gd, const struct dir_user_change *c)
{
    count(gd, c->after, 1);
    count(gd, c->before, -1);
}

bool gd_neighbour_is(struct gw_str address, void *ctx)
{
    const struct gd *gd = ctx;

    return gw_map_get(gd->neighbours, address) != NULL;
}

void gd_neighbours_done(struct gd *gd)
{
    struct neighbour *n;
    size_t pos = 0;

    if (!gd->neighbours)
        return;
    while ((n = gw_map_next(gd->neighbours, &pos))) {
        gw_map_remove(gd->neighbours, n->address);
        free(n);
    }
    gw_map_free(&gd->neighbours);
}
