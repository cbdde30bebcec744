/* The event loop (libev): one thread, timers, descriptors, signals, and wake-ups from other threads.
 * The only place that reads the system's clocks; everybody else is handed the time.
 *
 * The contract of every callback in net/:
 *   1. A result comes exactly once, and never from inside the call that asked for it.
 *   2. After _cancel() or _free() the callback does not come.
 *   3. A callback may free the object that calls it.
 *   4. A callback does little and never blocks: those above 50 ms are logged. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "gw_err.h"
#include "gw_time.h"

struct net_loop;

struct net_loop *net_loop_new(void); /* SIGPIPE is ignored from now on */
void net_loop_free(struct net_loop **loopp);
void net_loop_run(struct net_loop *loop); /* until net_loop_stop() */
void net_loop_stop(struct net_loop *loop);

/* The time at which the callback that runs was called: cheap, the same until it returns. */
struct gw_now net_loop_now(const struct net_loop *loop);

/* Timer: fires once at or after 'at'; may be set again from its callback. */
struct net_timer;
typedef void net_timer_fn(struct gw_now now, void *ctx);
struct net_timer *net_timer_new(struct net_loop *loop, net_timer_fn *fn, void *ctx);
void net_timer_set(struct net_timer *t, gw_time at); /* GW_NEVER: disarmed */
void net_timer_free(struct net_timer **tp);

/* Descriptor watcher. The descriptor stays the caller's. */
enum net_io { NET_IO_READ = 1, NET_IO_WRITE = 2 };
struct net_watch;
typedef void net_watch_fn(int fd, int events, void *ctx); /* events: of enum net_io */
struct net_watch *net_watch_new(struct net_loop *loop, int fd, net_watch_fn *fn, void *ctx);
void net_watch_set(struct net_watch *w, int events); /* 0: none */
void net_watch_free(struct net_watch **wp);

struct net_signal;
typedef void net_signal_fn(int signo, void *ctx);
struct net_signal *net_signal_new(struct net_loop *loop, int signo, net_signal_fn *fn, void *ctx);
void net_signal_free(struct net_signal **sp);

/* Runs fn on the loop thread, soon, once for any number of sends. net_wake_send() is the one call in
 * net/ that any thread may make. */
struct net_wake;
typedef void net_wake_fn(void *ctx);
struct net_wake *net_wake_new(struct net_loop *loop, net_wake_fn *fn, void *ctx);
void net_wake_send(struct net_wake *w);
void net_wake_free(struct net_wake **wp);

#endif
