#include "sip_winfo.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_mem.h"
#include "xml_write.h"

enum {
    ID_LEN = 16,
    ELEMENT_MAX = 160, /* of one watcher, without the address */
    HEAD_MAX = 300     /* what is around them */
};

struct watcher {
    struct gw_list link; /* of the table, the oldest first */
    enum sip_watcher_status status;
    enum sip_watcher_event event; /* that led there */
    enum sip_watcher_event end;   /* known before it is seen; SUBSCRIBE: nothing is */
    uint64_t changed;
    bool is_seen;        /* by the running look */
    gw_utc since;        /* of the subscription; 0: it has no beginning that is known, */
    gw_time expires_at;  /* and no end */
    size_t cost;         /* of its element */
    char id[ID_LEN + 1]; /* of this one state machine: the next one of the address has another */
    struct gw_str jid;
    char text[];
};

struct sip_winfo {
    struct gw_map *by_jid; /* who is not terminated */
    struct gw_list all;    /* with those who are, until all have heard of it */
    size_t cost, room;
    uint64_t stamp;      /* grows with each look that finds something new */
    uint64_t full_since; /* who was told less is told everything */
};

/* ---- The table ---- */

static size_t cost_of(struct gw_str jid)
{
    struct gw_buf uri;
    size_t cost;

    gw_buf_init(&uri, SIP_DOCUMENT_MAX);
    sip_write_uri(&uri, jid);
    cost = ELEMENT_MAX + uri.len;
    for (size_t i = 0; i < uri.len; i++)
        cost += strchr("&<>\"'", uri.p[i]) ? 5 : 0;
    gw_buf_done(&uri);
    return cost;
}

static struct watcher *watcher_add(struct sip_winfo *info, struct gw_str jid, size_t cost)
{
    struct watcher *w = gw_alloc(sizeof(*w) + jid.len);

    memcpy(w->text, jid.p, jid.len);
    w->jid = (struct gw_str){ w->text, jid.len };
    w->cost = cost;
    gw_random_hex(w->id, ID_LEN / 2);
    gw_list_append(&info->all, &w->link);
    gw_map_set(info->by_jid, w->jid, w);
    info->cost += cost;
    return w;
}

static void watcher_free(struct sip_winfo *info, struct watcher *w)
{
    if (w->status != SIP_WATCHER_TERMINATED)
        gw_map_remove(info->by_jid, w->jid);
    gw_list_remove(&w->link);
    info->cost -= w->cost;
    free(w);
}

static struct sip_winfo *info_take(struct sip_watched *of)
{
    if (!of->winfo) {
        of->winfo = gw_new(struct sip_winfo);
        of->winfo->by_jid = gw_map_new();
        gw_list_init(&of->winfo->all);
        of->winfo->stamp = 1;
        of->winfo->room = SIP_DOCUMENT_MAX - HEAD_MAX - cost_of(of->jid);
    }
    return of->winfo;
}

void sip_winfo_settle(struct sip_watched *of)
{
    struct sip_winfo *info = of->winfo;

    if (!info || !gw_list_is_empty(&of->winfo_subs))
        return;
    of->winfo = NULL;
    while (!gw_list_is_empty(&info->all))
        watcher_free(info, GW_CONTAINER(info->all.next, struct watcher, link));
    gw_map_free(&info->by_jid);
    free(info);
}

void sip_winfo_stir(struct sip_watched *of)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&of->winfo_subs, it, tmp)
    sip_sub_stir(GW_CONTAINER(it, struct sip_sub, link), false);
}

void sip_winfo_ended(struct sip_watched *of, struct gw_str watcher, const char *reason)
{
    struct watcher *w = of->winfo ? gw_map_get(of->winfo->by_jid, watcher) : NULL;

    for (int i = SIP_WATCHER_APPROVED; w && i < SIP_WATCHER_EVENTS; i++) {
        if (strcmp(sip_watcher_event_name((enum sip_watcher_event)i), reason) == 0)
            w->end = (enum sip_watcher_event)i;
    }
}

/* ---- A look: where everybody is now, and the way there ---- */

struct look {
    const struct sip_core *core;
    struct gw_str user;
    struct sip_winfo *info;
    struct gw_map *subs; /* by watcher, the one that lasts longest */
    bool waiters;        /* of the two rounds the first: others have what room these leave */
    bool is_full;        /* for further ones of the round */
};

static void enter(struct look *l, struct watcher *w, enum sip_watcher_event event)
{
    bool is_step = sip_watcher_step(&w->status, event);

    assert(is_step);
    (void)is_step;
    w->event = event;
    w->changed = l->info->stamp + 1;
    if (w->status == SIP_WATCHER_TERMINATED)
        gw_map_remove(l->info->by_jid, w->jid);
}

/* What leads to the end of one. Who still has a subscription, and is not to have one, was refused. */
static enum sip_watcher_event end_of(const struct look *l, const struct watcher *w)
{
    enum sip_watcher_status to = w->status;

    if (w->status != SIP_WATCHER_ACTIVE && pres_is_watched_by(l->core->pres, l->user, w->jid))
        return SIP_WATCHER_APPROVED;
    if (gw_map_get(l->subs, w->jid) || pres_is_hidden_from(l->core->pres, l->user, w->jid))
        return SIP_WATCHER_REJECTED;
    if (sip_watcher_step(&to, w->end) && to == SIP_WATCHER_TERMINATED)
        return w->end;
    return w->status == SIP_WATCHER_ACTIVE ? SIP_WATCHER_TIMEOUT : SIP_WATCHER_GIVEUP;
}

/* The first step from one to another; where it ends the state machine a new one takes over. Who watched and has
 * to ask is one from whom it was taken. */
static const enum sip_watcher_event ways[SIP_WATCHER_STATUSES][SIP_WATCHER_STATUSES] = {
    [SIP_WATCHER_INIT] = { [SIP_WATCHER_PENDING] = SIP_WATCHER_SUBSCRIBE,
                           [SIP_WATCHER_ACTIVE] = SIP_WATCHER_SUBSCRIBE_ALLOWED,
                           [SIP_WATCHER_WAITING] = SIP_WATCHER_SUBSCRIBE },
    [SIP_WATCHER_PENDING] = { [SIP_WATCHER_ACTIVE] = SIP_WATCHER_APPROVED,
                              [SIP_WATCHER_WAITING] = SIP_WATCHER_TIMEOUT },
    [SIP_WATCHER_ACTIVE] = { [SIP_WATCHER_PENDING] = SIP_WATCHER_REJECTED,
                             [SIP_WATCHER_WAITING] = SIP_WATCHER_REJECTED },
    [SIP_WATCHER_WAITING] = { [SIP_WATCHER_PENDING] = SIP_WATCHER_GIVEUP,
                              [SIP_WATCHER_ACTIVE] = SIP_WATCHER_APPROVED },
};

static void lead(struct look *l, struct watcher *w, enum sip_watcher_status to)
{
    while (w->status != to) {
        enter(l, w, to == SIP_WATCHER_TERMINATED ? end_of(l, w) : ways[w->status][to]);
        if (w->status == SIP_WATCHER_TERMINATED && to != SIP_WATCHER_TERMINATED)
            w = watcher_add(l->info, w->jid, w->cost);
        w->is_seen = true;
    }
}

bool sip_winfo_is_lasting(const struct sip_core *core, struct gw_str user, struct gw_str watcher)
{
    const struct pres_front *front = pres_route_front(core->pres, watcher);

    if (pres_user_is_known(core->pres, watcher))
        return pres_has_asked(core->pres, watcher, user);
    return front && front != core->front;
}

static enum sip_watcher_status status_of(const struct look *l, struct gw_str watcher,
                                         enum pres_standing standing)
{
    bool is_live = gw_map_get(l->subs, watcher) || sip_winfo_is_lasting(l->core, l->user, watcher);

    switch (standing) {
    case PRES_WAITS:
        return is_live ? SIP_WATCHER_PENDING : SIP_WATCHER_WAITING;
    case PRES_SEES:
        return is_live ? SIP_WATCHER_ACTIVE : SIP_WATCHER_TERMINATED;
    case PRES_DENIED:
        return SIP_WATCHER_TERMINATED;
    }
    return SIP_WATCHER_TERMINATED;
}

static size_t cost_of_waiters(const struct sip_winfo *info)
{
    struct gw_list *it, *tmp;
    size_t cost = 0;

    GW_LIST_EACH(&info->all, it, tmp)
    {
        const struct watcher *w = GW_CONTAINER(it, struct watcher, link);

        if (w->status == SIP_WATCHER_PENDING || w->status == SIP_WATCHER_WAITING)
            cost += w->cost;
    }
    return cost;
}

static void look_at(struct gw_str user, struct gw_str watcher, enum pres_standing standing,
                    void *ctx)
{
    struct look *l = ctx;
    struct watcher *w;
    size_t cost, taken;

    (void)user;
    if (l->waiters != (standing == PRES_WAITS))
        return;
    w = gw_map_get(l->info->by_jid, watcher);
    if (!w) {
        if (l->is_full || status_of(l, watcher, standing) == SIP_WATCHER_TERMINATED)
            return;
        cost = cost_of(watcher);
        taken = l->waiters ? cost_of_waiters(l->info) : l->info->cost;
        l->is_full = taken + cost > l->info->room;
        if (l->is_full)
            return;
        w = watcher_add(l->info, watcher, cost);
    }
    w->is_seen = true;
    lead(l, w, status_of(l, watcher, standing));
}

static void subs_collect(struct look *l, const struct sip_watched *of)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&of->subs, it, tmp)
    {
        struct sip_sub *s = GW_CONTAINER(it, struct sip_sub, link), *longest;
        struct gw_str watcher = sip_sub_text(s, SIP_TEXT_WATCHER);

        longest = gw_map_get(l->subs, watcher);
        if (!longest || longest->expires_at < s->expires_at)
            gw_map_set(l->subs, watcher, s);
    }
}

/* Who was not met is gone; when the subscriptions of the others began, and end. */
static void finish(struct look *l)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&l->info->all, it, tmp)
    {
        struct watcher *w = GW_CONTAINER(it, struct watcher, link);
        const struct sip_sub *s = gw_map_get(l->subs, w->jid);

        if (!w->is_seen && w->status != SIP_WATCHER_TERMINATED)
            lead(l, w, SIP_WATCHER_TERMINATED);
        w->is_seen = false;
        w->end = SIP_WATCHER_SUBSCRIBE;
        if (w->status == SIP_WATCHER_TERMINATED)
            continue;
        w->since = s ? s->since : 0;
        w->expires_at = s ? s->expires_at : 0;
    }
}

/* Whose turn it is to go when there are too many: who is gone, then who watches; the newest first. */
static struct watcher *least(const struct sip_winfo *info)
{
    static const enum sip_watcher_status ranks[] = { SIP_WATCHER_TERMINATED, SIP_WATCHER_ACTIVE };

    for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++) {
        for (struct gw_list *it = info->all.prev; it != &info->all; it = it->prev) {
            struct watcher *w = GW_CONTAINER(it, struct watcher, link);

            if (w->status == ranks[i])
                return w;
        }
    }
    return GW_CONTAINER(info->all.prev, struct watcher, link);
}

static void look(const struct sip_core *core, struct sip_watched *of, struct sip_winfo *info)
{
    struct look l = { .core = core, .user = of->jid, .info = info, .subs = gw_map_new() };
    struct gw_list *it, *tmp;
    bool is_new = false;

    subs_collect(&l, of);
    for (int round = 0; round < 2; round++) {
        l.waiters = !round;
        l.is_full = false;
        pres_watchers_each(core->pres, of->jid, look_at, &l);
    }
    finish(&l);
    gw_map_free(&l.subs);
    while (info->cost > info->room) {
        watcher_free(info, least(info));
        info->full_since = info->stamp + 1;
    }
    GW_LIST_EACH(&info->all, it, tmp)
    is_new |= GW_CONTAINER(it, struct watcher, link)->changed > info->stamp;
    if (is_new || info->full_since > info->stamp)
        info->stamp++;
}

/* Those who are gone, when all who are told have been told so. */
static void forget(const struct sip_watched *of, struct sip_winfo *info)
{
    uint64_t told = UINT64_MAX;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&of->winfo_subs, it, tmp)
    {
        const struct sip_sub *s = GW_CONTAINER(it, struct sip_sub, link);

        if (s->told && s->told < told) /* who was told nothing yet is told of those who are there */
            told = s->told;
    }
    GW_LIST_EACH(&info->all, it, tmp)
    {
        struct watcher *w = GW_CONTAINER(it, struct watcher, link);

        if (w->status == SIP_WATCHER_TERMINATED && w->changed <= told)
            watcher_free(info, w);
    }
}

/* ---- The document ---- */

static void put_number(struct xml_writer *w, const char *name, int64_t n)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%lld", (long long)(n > 0 ? n : 0));
    xml_put_attr(w, name, gw_str_of(text));
}

static void put_watcher(struct xml_writer *x, const struct watcher *w, struct gw_now now)
{
    struct gw_buf uri;

    gw_buf_init(&uri, SIP_DOCUMENT_MAX);
    sip_write_uri(&uri, w->jid);
    xml_open(x, "watcher");
    xml_put_attr(x, "id", gw_str_of(w->id));
    xml_put_attr(x, "status", gw_str_of(sip_watcher_status_name(w->status)));
    xml_put_attr(x, "event", gw_str_of(sip_watcher_event_name(w->event)));
    if (w->since)
        put_number(x, "duration-subscribed", (now.utc - w->since) / GW_SECOND_MS);
    if (w->expires_at && w->status != SIP_WATCHER_TERMINATED)
        put_number(x, "expiration", (w->expires_at - now.mono) / GW_SECOND_MS);
    xml_put_text(x, gw_buf_str(&uri));
    xml_close(x);
    gw_buf_done(&uri);
}

uint64_t sip_winfo_write(struct sip_core *core, struct sip_watched *of, uint64_t told,
                         uint32_t version, struct gw_buf *out)
{
    struct sip_winfo *info = info_take(of);
    struct gw_list *it, *tmp;
    struct xml_writer x;
    struct gw_buf uri;
    bool is_full;

    forget(of, info);
    look(core, of, info);
    if (told == info->stamp)
        return told;
    is_full = told < info->full_since || !told;
    gw_buf_init(&uri, SIP_DOCUMENT_MAX);
    sip_write_uri(&uri, of->jid);
    xml_write_init(&x, out);
    xml_write_declaration(&x);
    xml_open(&x, "watcherinfo");
    xml_put_attr(&x, "xmlns", GW_STR("urn:ietf:params:xml:ns:watcherinfo"));
    put_number(&x, "version", version);
    xml_put_attr(&x, "state", is_full ? GW_STR("full") : GW_STR("partial"));
    xml_open(&x, "watcher-list");
    xml_put_attr(&x, "resource", gw_buf_str(&uri));
    xml_put_attr(&x, "package", GW_STR("presence"));
    GW_LIST_EACH(&info->all, it, tmp)
    {
        const struct watcher *w = GW_CONTAINER(it, struct watcher, link);

        if (is_full ? w->status != SIP_WATCHER_TERMINATED : w->changed > told)
            put_watcher(&x, w, core->now);
    }
    xml_close(&x);
    xml_close(&x);
    gw_buf_done(&uri);
    return info->stamp;
}

/* Who a user is must be certain before it is told who watches him. */
struct gw_str sip_events(const struct sip_core *core)
{
    return sip_login_is_on(core) ? GW_STR("presence, " SIP_WINFO) : GW_STR("presence");
}
