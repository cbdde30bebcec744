/* What datagrams have begun from where nobody has answered yet, so that it may be forged: of all of it so much,
 * and the oldest makes room. Who is there answers in a moment. */
#include "sip_priv.h"

enum { UNPROVEN_MAX = 10000 }; /* less than may be of anything */

void sip_unproven_leave(struct sip_core *core, struct sip_unproven *u)
{
    if (!u->drop)
        return;
    u->drop = NULL;
    gw_list_remove(&u->link);
    core->unproven_count--;
}

void sip_unproven_add(struct sip_core *core, struct sip_unproven *u, sip_unproven_drop_fn *drop)
{
    while (core->unproven_count >= UNPROVEN_MAX) {
        struct sip_unproven *oldest = GW_CONTAINER(core->unproven.next, struct sip_unproven, link);
        sip_unproven_drop_fn *drop_oldest = oldest->drop;

        sip_unproven_leave(core, oldest);
        drop_oldest(oldest);
    }
    u->drop = drop;
    gw_list_append(&core->unproven, &u->link);
    core->unproven_count++;
}
