/* What a user is doing, XEP-0108, as the calendar says it: in a meeting. Told by personal eventing
 * (xmpp_pep.c) to those clients that want it, in place of what the user has published himself.
 *
 * While no client wants it nothing is kept. Else the users are known who were told to be in a meeting,
 * so that the end is told, too. The core's word comes in the middle of its calls: who has changed waits
 * for the host's tick. */
#include <stdlib.h>
#include <string.h>

#include "gw_list.h"
#include "xmpp_priv.h"

/* A user whose meeting was told of, or is to be. */
struct doing {
    struct gw_list changed; /* waits for the tick */
    bool in_meeting;
    struct gw_str user;
    char text[];
};

struct xmpp_activity {
    struct xmpp_host *host;
    struct gw_map *doing; /* by user */
    struct gw_list changed;
    size_t wanted; /* clients that want it */
};

struct xmpp_activity *xmpp_activity_new(struct xmpp_host *host)
{
    struct xmpp_activity *a = gw_new(struct xmpp_activity);

    a->host = host;
    a->doing = gw_map_new();
    gw_list_init(&a->changed);
    return a;
}

static void forget(struct xmpp_activity *a, struct doing *d)
{
    gw_map_remove(a->doing, d->user);
    gw_list_remove(&d->changed);
    free(d);
}

static void forget_all(struct xmpp_activity *a)
{
    struct doing *d;
    size_t pos = 0;

    while ((d = gw_map_next(a->doing, &pos)))
        forget(a, d);
}

void xmpp_activity_free(struct xmpp_activity **ap)
{
    struct xmpp_activity *a = *ap;

    if (!a)
        return;
    *ap = NULL;
    forget_all(a);
    gw_map_free(&a->doing);
    free(a);
}

static struct doing *make(struct xmpp_activity *a, struct gw_str user)
{
    struct doing *d = gw_alloc(sizeof(*d) + user.len);

    memcpy(d->text, user.p, user.len);
    d->user = (struct gw_str){ d->text, user.len };
    gw_list_init(&d->changed);
    gw_map_set(a->doing, d->user, d);
    return d;
}

/* ---- What is told ---- */

/* False: the watcher may not know what the user is doing, nor is told that it is over. Who sees the
 * calendar's times sees that. */
static bool may_know(const struct xmpp_host *host, struct gw_str user, struct gw_str watcher,
                     bool *in_meeting)
{
    struct pres_doc doc;

    if (!pres_is_watched_by(host->core, user, watcher) ||
        !pres_whole(host->core, user, watcher, &doc))
        return false;
    *in_meeting = doc.shown.kind == PRES_CAL_MEETING;
    return gw_str_eq(user, watcher) || doc.calendar.kind != PRES_CAL_NONE;
}

bool xmpp_activity_may_know(const struct xmpp_host *host, struct gw_str user, struct gw_str watcher)
{
    bool in_meeting;

    return may_know(host, user, watcher, &in_meeting);
}

bool xmpp_activity_is_meeting(const struct xmpp_host *host, struct gw_str user,
                              struct gw_str watcher)
{
    bool in_meeting;

    return may_know(host, user, watcher, &in_meeting) && in_meeting;
}

static void tell_watcher(struct xmpp_host *host, struct gw_str user, struct gw_str watcher)
{
    if (xmpp_activity_may_know(host, user, watcher))
        xmpp_pep_tell_activity(host, user, watcher);
}

static void tell_all(struct xmpp_host *host, struct gw_str user)
{
    struct gw_str watcher;
    size_t pos = 0;

    tell_watcher(host, user, user);
    while (pres_watcher_next(host->core, user, &pos, &watcher))
        tell_watcher(host, user, watcher);
}

bool xmpp_activity_is_due(const struct xmpp_activity *a)
{
    return !gw_list_is_empty(&a->changed);
}

void xmpp_activity_tick(struct xmpp_activity *a)
{
    struct gw_list *link;

    for (int i = 0; i < XMPP_TURN_MAX && (link = gw_list_pop(&a->changed)); i++) {
        struct doing *d = GW_CONTAINER(link, struct doing, changed);

        tell_all(a->host, d->user);
        if (!d->in_meeting)
            forget(a, d);
    }
}

void xmpp_activity_stirred(struct xmpp_activity *a, struct gw_str user)
{
    bool in_meeting = false; /* also of one who is no more */
    struct doing *d;

    if (!a->wanted)
        return;
    d = gw_map_get(a->doing, user);
    (void)may_know(a->host, user, user, &in_meeting);
    if (in_meeting == (d && d->in_meeting))
        return;
    if (!d)
        d = make(a, user);
    d->in_meeting = in_meeting;
    if (gw_list_is_empty(&d->changed))
        gw_list_append(&a->changed, &d->changed);
    if (a->host->wake)
        a->host->wake(a->host->wake_ctx);
}

/* ---- Who wants it ---- */

void xmpp_activity_was_told(struct xmpp_activity *a, struct gw_str user)
{
    if (!gw_map_get(a->doing, user))
        make(a, user)->in_meeting = true;
}

void xmpp_activity_wanted(struct xmpp_activity *a, bool is_more)
{
    a->wanted += is_more ? 1 : (size_t)-1;
    if (!a->wanted)
        forget_all(a);
}
