/* Not more refused logins in a while than a directory forgives. */
#include "ews_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"

struct ews_lockout *ews_lockout_new(void)
{
    struct ews_lockout *l = gw_new(struct ews_lockout);

    gw_list_init(&l->clients);
    return l;
}

void ews_lockout_free(struct ews_lockout **lp)
{
    free(*lp);
    *lp = NULL;
}

void ews_lockout_reset(struct ews_lockout *l)
{
    l->count = 0;
    l->proven = false;
}

void ews_lockout_refused(struct ews_lockout *l, gw_time now)
{
    if (l->count == EWS_REFUSALS_MAX) {
        memmove(l->refused, l->refused + 1, sizeof(l->refused) - sizeof(l->refused[0]));
        l->count--;
    }
    l->refused[l->count++] = now;
}

gw_time ews_lockout_until(const struct ews_lockout *l, gw_time now)
{
    gw_time until;

    if (l->count < EWS_REFUSALS_MAX)
        return 0;
    until = gw_time_after(l->refused[0], EWS_REFUSALS_MS);
    return now < until ? until : 0;
}
