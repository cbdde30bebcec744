#include "xmpp_origin.h"

#include <stdlib.h>
#include <string.h>

#include "gw_map.h"
#include "gw_mem.h"

struct xmpp_origin {
    size_t count;
    struct gw_str name;
    char text[];
};

struct xmpp_origin *xmpp_origin_take(struct gw_map *origins, struct gw_str who, size_t max)
{
    struct xmpp_origin *o = gw_map_get(origins, who);

    if (!o) {
        o = gw_alloc(sizeof(*o) + who.len);
        memcpy(o->text, who.p, who.len);
        o->name = (struct gw_str){ o->text, who.len };
        gw_map_set(origins, o->name, o);
    }
    if (o->count >= max)
        return NULL;
    o->count++;
    return o;
}

void xmpp_origin_leave(struct gw_map *origins, struct xmpp_origin **op)
{
    struct xmpp_origin *o = *op;

    *op = NULL;
    if (!o || --o->count)
        return;
    gw_map_remove(origins, o->name);
    free(o);
}
