/* Who of our domains has a place on the other system that shares them: the SIP addresses of the
 * directory's users who are not enabled here. For the routing mode advanced. */
#include <stdlib.h>
#include <string.h>

#include "gd.h"
#include "gw_map.h"
#include "gw_mem.h"
#include "sip_escape.h"

struct neighbour {
    size_t count; /* of users with this address */
    struct gw_str address;
    char text[];
};

/* As a JID has it, without regard to case. */
static struct neighbour *neighbour_new(struct gw_str sip)
{
    struct gw_str user = sip, domain = GW_STR("");
    struct neighbour *n;
    struct gw_buf jid;

    (void)gw_str_cut(sip, "@", &user, &domain);
    gw_buf_init(&jid, 3 * sip.len + 1);
    sip_jid_escape(user, &jid);
    gw_buf_add_char(&jid, '@');
    gw_buf_add_str(&jid, domain);
    n = gw_alloc(sizeof(*n) + jid.len);
    for (size_t i = 0; i < jid.len; i++)
        n->text[i] = (char)(jid.p[i] >= 'A' && jid.p[i] <= 'Z' ? jid.p[i] | 0x20 : jid.p[i]);
    n->address = (struct gw_str){ n->text, jid.len };
    gw_buf_done(&jid);
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
