#include "mock_live.h"

#include <stdlib.h>

#include "gw_list.h"
#include "gw_mem.h"

struct mock_live {
    struct net_loop *loop;
    struct net_timer *timer;
    struct gw_list watchers;
    unsigned count;
    bool due;
};

struct watcher {
    struct gw_list link;
    struct mock_live *live;
    struct net_http_exchange *x;
};

static void on_gone(void *ctx)
{
    struct watcher *watcher = ctx;

    gw_list_remove(&watcher->link);
    watcher->live->count--;
    free(watcher);
}

/* Who does not read is let go; its page asks again. */
static void watcher_tell(struct watcher *watcher)
{
    if (!net_http_stream_write(watcher->x, GW_STR("data: changed\n\n")))
        return;
    net_http_on_gone(watcher->x, NULL, NULL);
    net_http_drop(watcher->x);
    on_gone(watcher);
}

static void on_timer(struct gw_now now, void *ctx)
{
    struct mock_live *live = ctx;
    struct gw_list *it, *tmp;

    (void)now;
    live->due = false;
    GW_LIST_EACH(&live->watchers, it, tmp)
    watcher_tell(GW_CONTAINER(it, struct watcher, link));
}

struct mock_live *mock_live_new(struct net_loop *loop)
{
    struct mock_live *live = gw_new(struct mock_live);

    live->loop = loop;
    live->timer = net_timer_new(loop, on_timer, live);
    gw_list_init(&live->watchers);
    return live;
}

void mock_live_free(struct mock_live **livep)
{
    if (!*livep)
        return;
    net_timer_free(&(*livep)->timer);
    free(*livep);
    *livep = NULL;
}

void mock_live_add(struct mock_live *live, struct net_http_exchange *x)
{
    struct watcher *watcher;

    if (live->count == MOCK_LIVE_MAX) {
        net_http_reply(x, 503, "text/plain", GW_STR("too many pages are open\n"));
        return;
    }
    watcher = gw_new(struct watcher);
    watcher->live = live;
    watcher->x = x;
    gw_list_append(&live->watchers, &watcher->link);
    live->count++;
    net_http_stream(x, 200, "text/event-stream");
    net_http_on_gone(x, on_gone, watcher);
    (void)net_http_stream_write(
        x, GW_STR("data: changed\n\n")); /* headers leave with the first data */
}

void mock_live_changed(struct mock_live *live)
{
    if (live->due || !live->count)
        return;
    live->due = true;
    net_timer_set(live->timer, gw_time_after(net_loop_now(live->loop).mono, MOCK_LIVE_MS));
}
