/* Not more refused logins in a while than a directory forgives. */
#include "ews_priv.h"

#include <string.h>

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
