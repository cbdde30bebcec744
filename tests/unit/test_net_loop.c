/* The loop: what fires when, and what may be freed where. */
#include "net_peer.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "gw_log.h"

/* --- timers --- */

struct tick {
    struct bed *bed;
    struct net_timer *timer;
    gw_time at, fired_at;
    int count, again; /* set itself so often */
    int order, *next_order;
    bool free_self, stop;
};

static void on_tick(struct gw_now now, void *ctx)
{
    struct tick *t = ctx;

    assert_true(now.mono >= t->at);
    assert_true(now.mono == net_loop_now(t->bed->loop).mono);
    assert_true(now.utc > INT64_C(1700000000000));
    t->fired_at = now.mono;
    t->count++;
    if (t->next_order)
        t->order = (*t->next_order)++;
    if (t->again-- > 0)
        net_timer_set(t->timer, now.mono);
    if (t->free_self)
        net_timer_free(&t->timer);
    if (t->stop)
        net_loop_stop(t->bed->loop);
}

static void tick_init(struct tick *t, struct bed *bed, int in_ms)
{
    *t = (struct tick){ .bed = bed };
    t->timer = net_timer_new(bed->loop, on_tick, t);
    t->at = net_loop_now(bed->loop).mono + in_ms;
    net_timer_set(t->timer, t->at);
}

static void test_timers_fire_in_order(void **state)
{
    static const int in_ms[] = { 8, 1, 5, 3, 0, 12 };
    static const int order[] = { 4, 1, 3, 2, 0, 5 };
    struct tick t[6];
    struct bed bed;
    int next = 0;

    (void)state;
    bed_init(&bed);
    for (int i = 0; i < 6; i++) {
        tick_init(&t[i], &bed, in_ms[i]);
        t[i].next_order = &next;
    }
    t[5].stop = true;
    bed_run(&bed);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(t[i].count, 1);
        assert_int_equal(t[i].order, order[i]);
        net_timer_free(&t[i].timer);
    }
    bed_done(&bed);
}

static void test_timer_from_its_callback(void **state)
{
    struct tick again, freed, never, end;
    struct bed bed;

    (void)state;
    bed_init(&bed);
    tick_init(&again, &bed, 0);
    again.again = 3;
    tick_init(&freed, &bed, 1);
    freed.free_self = true;
    tick_init(&never, &bed, 1);
    net_timer_set(never.timer, GW_NEVER);
    tick_init(&end, &bed, 30);
    end.stop = true;
    bed_run(&bed);
    assert_int_equal(again.count, 4);
    assert_int_equal(freed.count, 1);
    assert_null(freed.timer);
    assert_int_equal(never.count, 0);
    net_timer_free(&again.timer);
    net_timer_free(&never.timer);
    net_timer_free(&end.timer);
    bed_done(&bed);
}

struct couple {
    struct net_timer *other;
    struct net_loop *loop;
};

static void on_kill_other(struct gw_now now, void *ctx)
{
    struct couple *c = ctx;

    (void)now;
    assert_non_null(c->other);
    net_timer_free(&c->other);
    net_loop_stop(c->loop);
}

/* Both are due in the same round: the first frees the second. */
static void test_timer_frees_another(void **state)
{
    struct bed bed;
    struct couple a, b;
    struct net_timer *first, *second;

    (void)state;
    bed_init(&bed);
    a.loop = b.loop = bed.loop;
    b.other = NULL;
    first = net_timer_new(bed.loop, on_kill_other, &a);
    second = net_timer_new(bed.loop, on_kill_other, &b);
    a.other = second;
    net_timer_set(first, net_loop_now(bed.loop).mono);
    net_timer_set(second, net_loop_now(bed.loop).mono + 1);
    bed_run_ms(&bed, 5);
    net_timer_free(&first);
    bed_done(&bed);
}

/* --- descriptors, signals, other threads --- */

struct seen {
    struct bed *bed;
    struct net_watch *watch;
    struct net_signal *signal;
    struct net_wake *wake;
    int events, signo, wakes;
};

static void on_watch(int fd, int events, void *ctx)
{
    struct seen *seen = ctx;
    char c;

    seen->events |= events;
    if (events & NET_IO_READ) {
        assert_int_equal(read(fd, &c, 1), 1);
        net_watch_free(&seen->watch);
        net_loop_stop(seen->bed->loop);
        return;
    }
    net_watch_set(seen->watch, NET_IO_READ);
    assert_int_equal(write(fd, "x", 1), 1);
}

static void test_descriptor(void **state)
{
    struct bed bed;
    struct seen seen = { .bed = &bed };
    int fd[2];

    (void)state;
    bed_init(&bed);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    seen.watch = net_watch_new(bed.loop, fd[0], on_watch, &seen);
    bed_run_ms(&bed, 1);
    assert_int_equal(seen.events, 0);
    net_watch_set(seen.watch, NET_IO_READ | NET_IO_WRITE);
    bed_run_ms(&bed, 1);
    assert_int_equal(seen.events, NET_IO_WRITE);
    assert_int_equal(write(fd[1], "y", 1), 1);
    bed_run(&bed);
    assert_null(seen.watch);
    (void)close(fd[0]);
    (void)close(fd[1]);
    bed_done(&bed);
}

static void on_signal(int signo, void *ctx)
{
    struct seen *seen = ctx;

    seen->signo = signo;
    net_signal_free(&seen->signal);
    net_loop_stop(seen->bed->loop);
}

static void test_signal(void **state)
{
    struct bed bed;
    struct seen seen = { .bed = &bed };

    (void)state;
    bed_init(&bed);
    seen.signal = net_signal_new(bed.loop, SIGUSR1, on_signal, &seen);
    assert_int_equal(raise(SIGUSR1), 0);
    bed_run(&bed);
    assert_int_equal(seen.signo, SIGUSR1);
    assert_null(seen.signal);
    bed_done(&bed);
}

static void on_wake(void *ctx)
{
    struct seen *seen = ctx;

    seen->wakes++;
    net_loop_stop(seen->bed->loop);
}

static void *send_wakes(void *arg)
{
    for (int i = 0; i < 100; i++)
        net_wake_send(arg);
    return NULL;
}

static void test_wake_from_a_thread(void **state)
{
    struct bed bed;
    struct seen seen = { .bed = &bed };
    pthread_t thread;

    (void)state;
    bed_init(&bed);
    seen.wake = net_wake_new(bed.loop, on_wake, &seen);
    assert_int_equal(pthread_create(&thread, NULL, send_wakes, seen.wake), 0);
    bed_run(&bed);
    (void)pthread_join(thread, NULL);
    bed_run_ms(&bed, 1);
    assert_true(seen.wakes >= 1 && seen.wakes <= 100);
    net_wake_free(&seen.wake);
    bed_done(&bed);
}

/* --- callbacks that take too long --- */

static void spin_until(gw_time at)
{
    struct timespec ts;

    do
        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    while ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 < at);
}

static void on_slow(struct gw_now now, void *ctx)
{
    spin_until(now.mono + 60);
    net_loop_stop(((struct bed *)ctx)->loop);
}

static void keep_line(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    if (level == GW_LOG_WARN && strcmp(component, "net") == 0)
        gw_buf_add_str(ctx, line);
}

/* Two that are due together: the first takes long, and the second is told the time that it is. */
struct late {
    struct bed *bed;
    int64_t told[2];
    int count;
};

static void on_late(struct gw_now now, void *ctx)
{
    struct late *s = ctx;

    assert_true(now.mono == net_loop_now(s->bed->loop).mono);
    s->told[s->count++] = now.mono;
    spin_until(now.mono + 5);
    assert_true(now.mono == net_loop_now(s->bed->loop).mono);
    if (s->count == 2)
        net_loop_stop(s->bed->loop);
}

static void test_time_goes_on_within_a_round(void **state)
{
    struct bed bed;
    struct late s = { .bed = &bed };
    struct net_timer *timer[2];

    (void)state;
    bed_init(&bed);
    for (int i = 0; i < 2; i++) {
        timer[i] = net_timer_new(bed.loop, on_late, &s);
        net_timer_set(timer[i], net_loop_now(bed.loop).mono);
    }
    bed_run(&bed);
    assert_true(s.told[1] >= s.told[0] + 5);
    for (int i = 0; i < 2; i++)
        net_timer_free(&timer[i]);
    bed_done(&bed);
}

static void test_slow_callback_is_logged(void **state)
{
    struct bed bed;
    struct net_timer *t;
    struct gw_buf line;

    (void)state;
    bed_init(&bed);
    gw_buf_init(&line, 1000);
    gw_log_set_sink(keep_line, &line);
    t = net_timer_new(bed.loop, on_slow, &bed);
    net_timer_set(t, 0);
    bed_run(&bed);
    gw_log_set_sink(NULL, NULL);
    assert_non_null(line.p);
    assert_non_null(strstr(line.p, "slow callback=timer"));
    assert_non_null(strstr(line.p, "took_ms="));
    gw_buf_done(&line);
    net_timer_free(&t);
    bed_done(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_order),
        cmocka_unit_test(test_timer_from_its_callback),
        cmocka_unit_test(test_timer_frees_another),
        cmocka_unit_test(test_descriptor),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_wake_from_a_thread),
        cmocka_unit_test(test_time_goes_on_within_a_round),
        cmocka_unit_test(test_slow_callback_is_logged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
