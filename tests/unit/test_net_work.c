/* The worker pool: who is told what, when work is cancelled before, while and after it runs. */
#include "net_peer.h"

#include <pthread.h>
#include <stdatomic.h>

#include "net_work.h"

struct job {
    struct bed *bed;
    struct net_work *work;
    pthread_mutex_t *gate; /* run() waits here */
    atomic_bool begun;
    int ran, done, dropped;
    bool stop;
    struct net_pool **free_pool;
};

static void run(void *ctx)
{
    struct job *j = ctx;

    atomic_store(&j->begun, true);
    if (j->gate) {
        (void)pthread_mutex_lock(j->gate);
        (void)pthread_mutex_unlock(j->gate);
    }
    j->ran++;
}

static void done(void *ctx)
{
    struct job *j = ctx;

    j->done++;
    j->work = NULL;
    if (j->free_pool)
        net_pool_free(j->free_pool);
    if (j->stop)
        net_loop_stop(j->bed->loop);
}

static void drop(void *ctx)
{
    struct job *j = ctx;

    j->dropped++;
    if (j->stop)
        net_loop_stop(j->bed->loop);
}

static void test_work_is_done(void **state)
{
    enum { JOBS = 200 };
    struct bed bed;
    struct net_pool *pool;
    struct job job[JOBS];

    (void)state;
    bed_init(&bed);
    pool = net_pool_new(bed.loop, 3);
    for (int i = 0; i < JOBS; i++) {
        job[i] = (struct job){ .bed = &bed };
        job[i].work = net_work_start(pool, run, done, &job[i]);
        assert_non_null(job[i].work);
        assert_int_equal(job[i].done, 0);
    }
    for (int i = 0; i < JOBS; i++)
        while (!job[i].done)
            bed_run_ms(&bed, 1);
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(job[i].ran, 1);
        assert_int_equal(job[i].done, 1);
    }
    net_pool_free(&pool);
    bed_done(&bed);
}

static void test_cancel(void **state)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    struct bed bed;
    struct net_pool *pool;
    struct job running, queued, silent;

    (void)state;
    bed_init(&bed);
    pool = net_pool_new(bed.loop, 1);
    running = (struct job){ .bed = &bed, .gate = &gate, .stop = true };
    queued = silent = (struct job){ .bed = &bed };
    (void)pthread_mutex_lock(&gate);
    running.work = net_work_start(pool, run, done, &running);
    queued.work = net_work_start(pool, run, done, &queued);
    silent.work = net_work_start(pool, run, done, &silent);
    while (!atomic_load(&running.begun))
        bed_run_ms(&bed, 1);
    net_work_cancel(&queued.work, drop);
    net_work_cancel(&silent.work, NULL);
    net_work_cancel(&running.work, drop);
    assert_null(queued.work);
    assert_int_equal(queued.dropped, 0); /* not from inside the call */
    bed_run_ms(&bed, 2);
    assert_int_equal(queued.dropped, 1);
    assert_int_equal(running.dropped, 0); /* it is still used */
    (void)pthread_mutex_unlock(&gate);
    bed_run(&bed);
    assert_int_equal(running.dropped, 1);
    assert_int_equal(running.ran, 1);
    bed_run_ms(&bed, 2);
    assert_int_equal(queued.ran + silent.ran, 0);
    assert_int_equal(running.done + queued.done + silent.done, 0);
    net_pool_free(&pool);
    bed_done(&bed);
}

static void test_queue_is_bounded(void **state)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    struct bed bed;
    struct net_pool *pool;
    struct job first, many;
    int accepted = 0;

    (void)state;
    bed_init(&bed);
    pool = net_pool_new(bed.loop, 1);
    first = (struct job){ .bed = &bed, .gate = &gate };
    many = (struct job){ .bed = &bed };
    (void)pthread_mutex_lock(&gate);
    assert_non_null(net_work_start(pool, run, done, &first));
    while (net_work_start(pool, run, done, &many))
        accepted++;
    assert_true(accepted >= NET_WORK_QUEUE_MAX - 1 && accepted <= NET_WORK_QUEUE_MAX);
    (void)pthread_mutex_unlock(&gate);
    net_pool_free(&pool); /* the queue is dropped in silence */
    assert_int_equal(many.done, 0);
    bed_done(&bed);
}

static void test_free_with_cancelled_work(void **state)
{
    struct bed bed;
    struct net_pool *pool;
    struct job j;

    (void)state;
    bed_init(&bed);
    pool = net_pool_new(bed.loop, 1);
    j = (struct job){ .bed = &bed };
    j.work = net_work_start(pool, run, done, &j);
    net_work_cancel(&j.work, drop);
    net_pool_free(&pool);
    assert_int_equal(j.dropped, 1);
    assert_int_equal(j.done, 0);
    bed_done(&bed);
}

static void test_free_in_done(void **state)
{
    struct bed bed;
    struct net_pool *pool;
    struct job j, other;

    (void)state;
    bed_init(&bed);
    pool = net_pool_new(bed.loop, 1);
    j = (struct job){ .bed = &bed, .free_pool = &pool, .stop = true };
    other = (struct job){ .bed = &bed };
    j.work = net_work_start(pool, run, done, &j);
    other.work = net_work_start(pool, run, done, &other);
    bed_run(&bed);
    assert_null(pool);
    assert_int_equal(j.done, 1);
    assert_int_equal(other.done, 0);
    bed_done(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_work_is_done),     cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_queue_is_bounded), cmocka_unit_test(test_free_with_cancelled_work),
        cmocka_unit_test(test_free_in_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
