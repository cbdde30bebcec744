/* The loop over libev. Timers are ours, in one heap over one libev timer, so that a timer is due by
 * the same clock that its callback is handed. The clocks are read once a round, right after the
 * wait. Deferred calls run at the end of a round, just before the next wait. */
#include "net_loop.h"

#include <assert.h>
#include <dlfcn.h>
#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "gw_heap.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "net_priv.h"

enum { SLOW_CALLBACK_NS = 50 * 1000 * 1000 };

struct net_loop {
    struct ev_loop *ev;
    struct gw_now now;
    struct gw_heap timers;
    gw_time armed; /* what 'timer' is set to */
    ev_timer timer;
    ev_check check;
    ev_prepare prepare;
    ev_idle idle; /* active while deferred calls wait: the loop must not sleep */
    struct gw_list deferred;
    bool running, firing;
    char *scratch;
    struct net_dns *dns;
};

struct net_timer {
    struct gw_due due;
    struct net_loop *loop;
    net_timer_fn *fn;
    void *ctx;
};

struct net_watch {
    ev_io io;
    struct net_loop *loop;
    net_watch_fn *fn;
    void *ctx;
};

struct net_signal {
    ev_signal sig;
    struct net_loop *loop;
    net_signal_fn *fn;
    void *ctx;
};

struct net_wake {
    ev_async async;
    struct net_loop *loop;
    net_wake_fn *fn;
    void *ctx;
};

/* --- time --- */

static int64_t clock_ns(clockid_t id)
{
    struct timespec ts;

    (void)clock_gettime(id, &ts); /* cannot fail for these clocks */
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static struct gw_now read_clocks(void)
{
    return (struct gw_now){ .mono = clock_ns(CLOCK_MONOTONIC) / 1000000,
                            .utc = clock_ns(CLOCK_REALTIME) / 1000000 };
}

struct gw_now net_loop_now(const struct net_loop *loop)
{
    return loop->running ? loop->now : read_clocks();
}

/* Whoever was called before may have taken long, and what comes now came meanwhile. */
static int64_t callback_begin(struct net_loop *loop)
{
    loop->now = read_clocks();
    return clock_ns(CLOCK_MONOTONIC);
}

/* The place is given as program+offset, which is what addr2line takes. */
static void check_slow(int64_t began_ns, const char *what, uintptr_t fn)
{
    int64_t took_ns = clock_ns(CLOCK_MONOTONIC) - began_ns;
    Dl_info info;

    if (took_ns < SLOW_CALLBACK_NS)
        return;
    if (dladdr((void *)fn, &info) && info.dli_fname) /* NOLINT(performance-no-int-to-ptr) */
        gw_warn("net", "loop slow callback=%s at=%s+0x%jx took_ms=%jd", what, info.dli_fname,
                (uintmax_t)(fn - (uintptr_t)info.dli_fbase), (intmax_t)(took_ns / 1000000));
    else
        gw_warn("net", "loop slow callback=%s took_ms=%jd", what, (intmax_t)(took_ns / 1000000));
}

/* --- deferred calls --- */

void net_defer_init(struct net_defer *d, net_defer_fn *fn)
{
    gw_list_init(&d->link);
    d->fn = fn;
}

void net_defer_set(struct net_loop *loop, struct net_defer *d)
{
    if (!gw_list_is_empty(&d->link))
        return;
    gw_list_append(&loop->deferred, &d->link);
    ev_idle_start(loop->ev, &loop->idle);
}

void net_defer_cancel(struct net_defer *d)
{
    gw_list_remove(&d->link);
}

/* Calls that are deferred meanwhile wait for the next round: sockets and timers have their turn. */
static void run_deferred(struct net_loop *loop)
{
    struct gw_list batch;

    gw_list_init(&batch);
    if (!gw_list_is_empty(&loop->deferred)) {
        gw_list_insert_after(&loop->deferred, &batch);
        gw_list_remove(&loop->deferred);
    }
    while (!gw_list_is_empty(&batch)) {
        struct net_defer *d = GW_CONTAINER(batch.next, struct net_defer, link);
        net_defer_fn *fn = d->fn;
        int64_t began = callback_begin(loop);

        gw_list_remove(&d->link);
        fn(d);
        check_slow(began, "deferred", (uintptr_t)fn);
    }
    if (gw_list_is_empty(&loop->deferred))
        ev_idle_stop(loop->ev, &loop->idle);
}

/* --- the round --- */

static void on_check(struct ev_loop *ev, ev_check *w, int revents)
{
    struct net_loop *loop = w->data;

    (void)ev;
    (void)revents;
    loop->now = read_clocks();
}

static void arm_timer(struct net_loop *loop)
{
    const struct gw_due *first = gw_heap_first(&loop->timers);
    gw_time at = first ? first->at : GW_NEVER;

    if (at == loop->armed)
        return;
    loop->armed = at;
    ev_timer_stop(loop->ev, &loop->timer);
    if (at == GW_NEVER)
        return;
    ev_timer_set(&loop->timer, at > loop->now.mono ? (double)(at - loop->now.mono) / 1e3 : 0., 0.);
    ev_timer_start(loop->ev, &loop->timer);
}

static void on_prepare(struct ev_loop *ev, ev_prepare *w, int revents)
{
    struct net_loop *loop = w->data;

    (void)ev;
    (void)revents;
    run_deferred(loop);
    arm_timer(loop);
}

static void on_idle(struct ev_loop *ev, ev_idle *w, int revents)
{
    (void)ev;
    (void)w;
    (void)revents; /* there only to keep the loop awake */
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
    struct net_loop *loop = w->data;
    gw_time until = loop->now.mono; /* others that are due meanwhile wait for the next round */
    struct gw_due *due;

    (void)ev;
    (void)revents;
    loop->armed = GW_NEVER;
    loop->firing = true;
    while ((due = gw_heap_pop_due(&loop->timers, until))) {
        const struct net_timer *t = GW_CONTAINER(due, struct net_timer, due);
        net_timer_fn *fn = t->fn;
        int64_t began = callback_begin(loop);

        fn(loop->now, t->ctx); /* may free the timer */
        check_slow(began, "timer", (uintptr_t)fn);
    }
    loop->firing = false;
}

struct net_loop *net_loop_new(void)
{
    struct net_loop *loop = gw_new(struct net_loop);
    struct sigaction ignore = { .sa_handler = SIG_IGN };

    (void)sigaction(SIGPIPE, &ignore, NULL);
    loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (!loop->ev)
        abort(); /* no descriptors left before anything was opened */
    loop->now = read_clocks();
    loop->armed = GW_NEVER;
    gw_heap_init(&loop->timers);
    gw_list_init(&loop->deferred);
    ev_init(&loop->timer, on_timer);
    loop->timer.data = loop;
    ev_check_init(&loop->check, on_check);
    ev_set_priority(&loop->check, EV_MAXPRI); /* the clocks before whoever looks at them */
    loop->check.data = loop;
    ev_check_start(loop->ev, &loop->check);
    ev_prepare_init(&loop->prepare, on_prepare);
    loop->prepare.data = loop;
    ev_prepare_start(loop->ev, &loop->prepare);
    ev_idle_init(&loop->idle, on_idle);
    return loop;
}

void net_loop_free(struct net_loop **loopp)
{
    struct net_loop *loop = *loopp;

    if (!loop)
        return;
    *loopp = NULL;
    assert(!loop->running);
    net_dns_free(&loop->dns);
    ev_loop_destroy(loop->ev);
    gw_heap_done(&loop->timers);
    free(loop->scratch);
    free(loop);
}

/* libev returns when nothing is active; 'check' and 'prepare' are, so it does not. */
void net_loop_run(struct net_loop *loop)
{
    assert(!loop->running);
    ev_now_update(loop->ev);
    loop->now = read_clocks();
    loop->armed = GW_NEVER; /* set against an old clock: set it again */
    ev_timer_stop(loop->ev, &loop->timer);
    loop->running = true;
    ev_run(loop->ev, 0);
    loop->running = false;
}

void net_loop_stop(struct net_loop *loop)
{
    ev_break(loop->ev, EVBREAK_ALL);
}

char *net_loop_scratch(struct net_loop *loop)
{
    if (!loop->scratch)
        loop->scratch = gw_alloc(NET_SCRATCH_LEN);
    return loop->scratch;
}

struct net_dns *net_loop_dns(struct net_loop *loop, struct gw_err *err)
{
    if (!loop->dns)
        loop->dns = net_dns_new(loop, err);
    return loop->dns;
}

/* --- timers --- */

struct net_timer *net_timer_new(struct net_loop *loop, net_timer_fn *fn, void *ctx)
{
    struct net_timer *t = gw_new(struct net_timer);

    t->loop = loop;
    t->fn = fn;
    t->ctx = ctx;
    return t;
}

void net_timer_set(struct net_timer *t, gw_time at)
{
    struct net_loop *loop = t->loop;

    if (at == GW_NEVER) {
        gw_heap_remove(&loop->timers, &t->due);
        return;
    }
    /* Set from a timer callback for a time that is due already: in the next round, lest two timers
     * that set each other keep the loop for ever. */
    if (loop->firing && at <= loop->now.mono)
        at = loop->now.mono + 1;
    gw_heap_set(&loop->timers, &t->due, at);
}

void net_timer_free(struct net_timer **tp)
{
    struct net_timer *t = *tp;

    if (!t)
        return;
    *tp = NULL;
    gw_heap_remove(&t->loop->timers, &t->due);
    free(t);
}

/* --- descriptors --- */

static void on_io(struct ev_loop *ev, ev_io *io, int revents)
{
    const struct net_watch *w = io->data;
    net_watch_fn *fn = w->fn;
    int events = 0;
    int64_t began = callback_begin(w->loop);

    (void)ev;
    if (revents & EV_READ)
        events |= NET_IO_READ;
    if (revents & EV_WRITE)
        events |= NET_IO_WRITE;
    if (revents & EV_ERROR) /* the descriptor was closed under us: let the owner find out */
        events |= NET_IO_READ | NET_IO_WRITE;
    fn(io->fd, events, w->ctx); /* may free the watch */
    check_slow(began, "descriptor", (uintptr_t)fn);
}

struct net_watch *net_watch_new(struct net_loop *loop, int fd, net_watch_fn *fn, void *ctx)
{
    struct net_watch *w = gw_new(struct net_watch);

    w->loop = loop;
    w->fn = fn;
    w->ctx = ctx;
    ev_io_init(&w->io, on_io, fd, 0);
    w->io.data = w;
    return w;
}

void net_watch_set(struct net_watch *w, int events)
{
    int want = ((events & NET_IO_READ) ? EV_READ : 0) | ((events & NET_IO_WRITE) ? EV_WRITE : 0);

    if (ev_is_active(&w->io) ? (w->io.events & (EV_READ | EV_WRITE)) == want : !want)
        return;
    ev_io_stop(w->loop->ev, &w->io);
    ev_io_set(&w->io, w->io.fd, want);
    if (want)
        ev_io_start(w->loop->ev, &w->io);
}

void net_watch_free(struct net_watch **wp)
{
    struct net_watch *w = *wp;

    if (!w)
        return;
    *wp = NULL;
    ev_io_stop(w->loop->ev, &w->io);
    free(w);
}

/* --- signals --- */

static void on_signal(struct ev_loop *ev, ev_signal *sig, int revents)
{
    const struct net_signal *s = sig->data;
    net_signal_fn *fn = s->fn;
    int64_t began = callback_begin(s->loop);

    (void)ev;
    (void)revents;
    fn(sig->signum, s->ctx); /* may free s */
    check_slow(began, "signal", (uintptr_t)fn);
}

struct net_signal *net_signal_new(struct net_loop *loop, int signo, net_signal_fn *fn, void *ctx)
{
    struct net_signal *s = gw_new(struct net_signal);

    s->loop = loop;
    s->fn = fn;
    s->ctx = ctx;
    ev_signal_init(&s->sig, on_signal, signo);
    s->sig.data = s;
    ev_signal_start(loop->ev, &s->sig);
    return s;
}

void net_signal_free(struct net_signal **sp)
{
    struct net_signal *s = *sp;

    if (!s)
        return;
    *sp = NULL;
    ev_signal_stop(s->loop->ev, &s->sig);
    free(s);
}

/* --- wake-ups --- */

static void on_wake(struct ev_loop *ev, ev_async *async, int revents)
{
    const struct net_wake *w = async->data;
    net_wake_fn *fn = w->fn;
    int64_t began = callback_begin(w->loop);

    (void)ev;
    (void)revents;
    fn(w->ctx); /* may free w */
    check_slow(began, "wake", (uintptr_t)fn);
}

struct net_wake *net_wake_new(struct net_loop *loop, net_wake_fn *fn, void *ctx)
{
    struct net_wake *w = gw_new(struct net_wake);

    w->loop = loop;
    w->fn = fn;
    w->ctx = ctx;
    ev_async_init(&w->async, on_wake);
    w->async.data = w;
    ev_async_start(loop->ev, &w->async);
    return w;
}

void net_wake_send(struct net_wake *w)
{
    ev_async_send(w->loop->ev, &w->async);
}

void net_wake_free(struct net_wake **wp)
{
    struct net_wake *w = *wp;

    if (!w)
        return;
    *wp = NULL;
    ev_async_stop(w->loop->ev, &w->async);
    free(w);
}
