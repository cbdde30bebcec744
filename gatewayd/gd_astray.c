#include "gd_astray.h"

#include <stdlib.h>

#include "gd_discover.h"
#include "gw_log.h"
#include "gw_mem.h"

enum { SEARCHES_MAX = 4 };

struct search {
    struct gw_list link; /* gd.astray */
    struct gd *gd;
    struct admin_discover *walk;
    char *user;
};

static void search_free(struct search *search)
{
    gw_list_remove(&search->link);
    free(search->user);
    free(search);
}

static void on_found(const struct admin_discovery *found, void *ctx)
{
    struct search *search = ctx;
    struct gw_str user = gw_str_of(search->user);
    char host[GW_QUOTE_MAX];

    if (found->code)
        gw_warn("gatewayd", "mailbox is served by no gateway, and not found user=%s: %s",
                search->user, found->problem);
    else if (!found->gateway || !found->gateway[0])
        gw_warn("gatewayd",
                "mailbox is on a server that is no gateway user=%s host=%s: kalendsctl gateway add",
                search->user, gw_quote(gw_str_of(found->host), host));
    else {
        if (found->grouping)
            sched_user_group(search->gd->sched, user, gw_str_of(found->grouping));
        gw_info("gatewayd", "mailbox found user=%s gateway='%s'", search->user, found->gateway);
        sched_user_place(search->gd->sched, user, gw_str_of(found->gateway),
                         net_loop_now(search->gd->loop));
    }
    search_free(search);
}

void gd_astray_look(struct gd *gd, struct gw_str user, struct gw_str mailbox)
{
    struct search *search;
    struct gw_err err;

    if (gd->stopping || gw_list_len(&gd->astray) >= SEARCHES_MAX)
        return;
    search = gw_new(struct search);
    search->gd = gd;
    search->user = gw_str_dup(user);
    gw_list_append(&gd->astray, &search->link);
    if (!gd_discover_start(gd, mailbox, (struct gw_str){ NULL, 0 }, on_found, search, &search->walk,
                           &err))
        return;
    gw_warn("gatewayd", "mailbox is served by no gateway, and not looked for user=%s: %s",
            search->user, err.msg);
    search_free(search);
}

void gd_astray_stop(struct gd *gd)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&gd->astray, it, tmp)
    {
        struct search *search = GW_CONTAINER(it, struct search, link);

        gd_discover_cancel(search->walk);
        search_free(search);
    }
}
