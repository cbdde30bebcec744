/* What users here have begun by logging in: it holds their account, and so hears when they may not go on. */
#include "sip_account.h"

void sip_grant_set(struct sip_grant *g, struct sip_account *account, sip_grant_over_fn *over)
{
    g->account = account;
    g->over = over;
    gw_list_append(&account->grants, &g->link);
}

void sip_grant_leave(struct sip_grant *g)
{
    struct sip_account *a = g->account;

    if (!a)
        return;
    g->account = NULL;
    gw_list_remove(&g->link);
    sip_account_settle(a);
}

void sip_grants_end(struct sip_account *a)
{
    struct gw_list *link;

    while ((link = gw_list_pop(&a->grants))) {
        struct sip_grant *g = GW_CONTAINER(link, struct sip_grant, link);

        g->account = NULL;
        g->over(g);
    }
}
