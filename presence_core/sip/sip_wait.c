/* Requests to watch a user that came by SIP and ran out before he answered: he still can, for a while (RFC
 * 3857 4.7.1, "waiting"). The request itself is the core's, which knows no end of it; here is the end. Kind
 * "sip-wait", key "bob@b.example ann@a.example", owner the user, value the moment in which it ran out. */
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "sip_winfo.h"

enum {
    WAITS_MAX =
        100, /* of one user; of more the oldest gives up, of the same domain before others */
    WAITS_ALL_MAX = 100000, /* further ones give up at once */
    AT_ONCE = 1000          /* give up; then others have their turn */
};
#define WAIT_MS ((int64_t)30 * 24 * 3600 * GW_SECOND_MS)

static const char kind[] = SIP_WAIT_KIND;

/* A user's; gone with the last. */
struct waits {
    struct gw_list all; /* the oldest first */
    size_t count;
    struct gw_str user;
    char text[];
};

struct wait {
    struct gw_list link;
    struct gw_due due;
    struct sip_core *core;
    struct waits *of;
    struct gw_str watcher;
    char text[];
};

/* ---- Records ---- */

static void key_write(const struct wait *w, struct gw_buf *out)
{
    gw_buf_init(out, STORE_KEY_MAX);
    gw_buf_add_str(out, w->of->user);
    gw_buf_add_char(out, ' ');
    gw_buf_add_str(out, w->watcher);
}

static void save(const struct wait *w)
{
    char moment[GW_UTC_TEXT_MAX];
    struct gw_buf key;

    if (!w->core->store)
        return;
    key_write(w, &key);
    store_put(sip_batch(w->core), kind, gw_buf_str(&key), w->of->user,
              gw_str_of(gw_utc_text(w->core->now.utc, moment)));
    gw_buf_done(&key);
}

/* ---- Life ---- */

static struct wait *wait_add(struct sip_core *core, struct gw_str user, struct gw_str watcher)
{
    struct waits *of = gw_map_get(core->waits, user);
    struct wait *w;

    if (!of) {
        of = gw_alloc(sizeof(*of) + user.len);
        gw_list_init(&of->all);
        memcpy(of->text, user.p, user.len);
        of->user = (struct gw_str){ of->text, user.len };
        gw_map_set(core->waits, of->user, of);
    }
    w = gw_alloc(sizeof(*w) + watcher.len);
    w->core = core;
    w->of = of;
    memcpy(w->text, watcher.p, watcher.len);
    w->watcher = (struct gw_str){ w->text, watcher.len };
    gw_list_append(&of->all, &w->link);
    of->count++;
    core->wait_count++;
    return w;
}

static void wait_free(struct wait *w)
{
    struct sip_core *core = w->core;
    struct waits *of = w->of;

    gw_heap_remove(&core->wait_due, &w->due);
    gw_list_remove(&w->link);
    core->wait_count--;
    free(w);
    if (--of->count)
        return;
    gw_map_remove(core->waits, of->user);
    free(of);
}

static void wait_drop(struct wait *w)
{
    struct gw_buf key;

    if (w->core->store) {
        key_write(w, &key);
        store_del(sip_batch(w->core), kind, gw_buf_str(&key));
        gw_buf_done(&key);
    }
    wait_free(w);
}

static bool is_waiting(const struct sip_core *core, struct gw_str user, struct gw_str watcher)
{
    enum pres_standing standing;

    return pres_watcher_standing(core->pres, user, watcher, &standing) && standing == PRES_WAITS;
}

static struct wait *find(const struct waits *of, struct gw_str watcher)
{
    struct gw_list *it, *tmp;

    if (!of)
        return NULL;
    GW_LIST_EACH(&of->all, it, tmp)
    {
        struct wait *w = GW_CONTAINER(it, struct wait, link);

        if (gw_str_eq(w->watcher, watcher))
            return w;
    }
    return NULL;
}

static struct gw_str domain_of(struct gw_str jid)
{
    struct gw_str domain = jid;

    (void)gw_str_cut(jid, "@", NULL, &domain);
    return domain;
}

/* There is one more: those that were answered go without a word, else one gives up, in the next tick. */
static void make_room(struct waits *of, const struct wait *newest)
{
    struct wait *oldest = NULL;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&of->all, it, tmp)
    {
        struct wait *w = GW_CONTAINER(it, struct wait, link);

        if (w != newest && !is_waiting(w->core, of->user, w->watcher))
            wait_drop(w);
    }
    if (of->count <= WAITS_MAX)
        return;
    GW_LIST_EACH(&of->all, it, tmp)
    {
        struct wait *w = GW_CONTAINER(it, struct wait, link);

        if (w != newest && gw_str_eq(domain_of(w->watcher), domain_of(newest->watcher))) {
            oldest = w;
            break;
        }
    }
    if (!oldest)
        oldest = GW_CONTAINER(of->all.next, struct wait, link);
    gw_heap_set(&oldest->core->wait_due, &oldest->due, oldest->core->now.mono);
}

void sip_wait_begin(struct sip_core *core, struct gw_str user, struct gw_str watcher)
{
    struct wait *w;

    if (!is_waiting(core, user, watcher) || sip_winfo_is_lasting(core, user, watcher))
        return;
    w = find(gw_map_get(core->waits, user), watcher);
    if (!w)
        w = wait_add(core, user, watcher);
    gw_list_remove(&w->link);
    gw_list_append(&w->of->all, &w->link);
    save(w);
    gw_heap_set(&core->wait_due, &w->due,
                core->wait_count > WAITS_ALL_MAX ? core->now.mono
                                                 : gw_time_after(core->now.mono, WAIT_MS));
    if (w->of->count > WAITS_MAX)
        make_room(w->of, w);
}

/* ---- Time ---- */

static bool has_asked_again(const struct sip_core *core, const struct wait *w)
{
    const struct sip_watched *of = gw_map_get(core->watched, w->of->user);
    struct gw_list *it, *tmp;

    if (!of)
        return false;
    GW_LIST_EACH(&of->subs, it, tmp)
    {
        if (gw_str_eq(sip_sub_text(GW_CONTAINER(it, struct sip_sub, link), SIP_TEXT_WATCHER),
                      w->watcher))
            return true;
    }
    return false;
}

static void give_up(struct wait *w)
{
    struct sip_core *core = w->core;
    char watcher[GW_QUOTE_MAX];

    if (is_waiting(core, w->of->user, w->watcher) && !has_asked_again(core, w)) {
        gw_info("sip", "request given up user='%.*s' watcher=%s", GW_STR_ARG(w->of->user),
                gw_quote(w->watcher, watcher));
        pres_abroad_request(core->pres, PRES_UNSUBSCRIBE, w->watcher,
                            pres_outer(core->pres, w->of->user, w->watcher), GW_STR(""));
    }
    wait_drop(w);
}

gw_time sip_waits_deadline(const struct sip_core *core)
{
    const struct gw_due *first = gw_heap_first(&core->wait_due);

    return first ? first->at : GW_NEVER;
}

void sip_waits_tick(struct sip_core *core)
{
    struct gw_due *due;

    for (int i = 0; i < AT_ONCE && (due = gw_heap_pop_due(&core->wait_due, core->now.mono)); i++)
        give_up(GW_CONTAINER(due, struct wait, due));
}

/* ---- Start and end ---- */

void sip_wait_restore(struct sip_core *core, struct gw_str key, struct gw_str value)
{
    char quoted[GW_QUOTE_MAX];
    struct gw_str user, watcher;
    struct gw_err err;
    struct wait *w;
    gw_utc since;

    if (!gw_str_cut(key, " ", &user, &watcher) || !user.len || !watcher.len ||
        gw_utc_parse(value, &since, &err)) {
        gw_warn("sip", "record of a request unreadable key=%s, ignored", gw_quote(key, quoted));
        return;
    }
    if (!is_waiting(core, user, watcher)) {
        store_del(sip_batch(core), kind, key);
        return;
    }
    if (since > core->now.utc) /* the clock was set back: not for longer than from now on */
        since = core->now.utc;
    w = wait_add(core, user, watcher);
    gw_heap_set(&core->wait_due, &w->due,
                gw_time_after(core->now.mono, since + WAIT_MS - core->now.utc));
}

void sip_waits_free(struct sip_core *core)
{
    struct waits *of;
    size_t pos = 0;

    while ((of = gw_map_next(core->waits, &pos))) {
        size_t count = of->count; /* it goes with the last */

        while (count--)
            wait_free(GW_CONTAINER(of->all.next, struct wait, link));
    }
    gw_map_free(&core->waits);
    gw_heap_done(&core->wait_due);
}
