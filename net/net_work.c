/* The worker pool. A piece of work is in exactly one list at a time: waiting (QUEUED), none while
 * it runs (RUNNING), finished, until the loop thread takes it from there. One lock over all. */
#include "net_work.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "gw_list.h"
#include "gw_mem.h"

struct net_pool {
    struct net_wake *wake;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct gw_list queue;    /* under lock */
    struct gw_list finished; /* under lock */
    unsigned queued;         /* under lock */
    bool stopping;           /* under lock */
    struct gw_list delivering;
    bool in_callback, freed; /* loop thread only */
    unsigned threads;
    pthread_t thread[];
};

struct net_work {
    struct gw_list link;
    struct net_pool *pool;
    net_work_fn *run, *done;
    net_work_fn *drop; /* once cancelled */
    void *ctx;
    bool queued;    /* under lock */
    bool cancelled; /* loop thread only */
};

/* --- workers --- */

static struct net_work *next_work(struct net_pool *pool)
{
    struct net_work *work;

    while (gw_list_is_empty(&pool->queue) && !pool->stopping)
        (void)pthread_cond_wait(&pool->more, &pool->lock);
    if (pool->stopping)
        return NULL;
    work = GW_CONTAINER(pool->queue.next, struct net_work, link);
    gw_list_remove(&work->link);
    work->queued = false;
    pool->queued--;
    return work;
}

static void *worker(void *arg)
{
    struct net_pool *pool = arg;
    struct net_work *work;

    (void)pthread_mutex_lock(&pool->lock);
    while ((work = next_work(pool))) {
        (void)pthread_mutex_unlock(&pool->lock);
        work->run(work->ctx);
        (void)pthread_mutex_lock(&pool->lock);
        gw_list_append(&pool->finished, &work->link);
        net_wake_send(pool->wake);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* --- the loop's side --- */

static void splice(struct gw_list *to, struct gw_list *from)
{
    struct gw_list *link;

    while ((link = gw_list_pop(from)))
        gw_list_append(to, link);
}

static void deliver(struct net_work *work)
{
    net_work_fn *fn = work->cancelled ? work->drop : work->done;
    void *ctx = work->ctx;

    free(work);
    if (fn)
        fn(ctx);
}

static void on_finished(void *ctx)
{
    struct net_pool *pool = ctx;
    struct gw_list *link;

    (void)pthread_mutex_lock(&pool->lock);
    splice(&pool->delivering, &pool->finished);
    (void)pthread_mutex_unlock(&pool->lock);
    pool->in_callback = true;
    while ((link = gw_list_pop(&pool->delivering)))
        deliver(GW_CONTAINER(link, struct net_work, link));
    pool->in_callback = false;
    if (pool->freed)
        free(pool);
}

struct net_work *net_work_start(struct net_pool *pool, net_work_fn *run, net_work_fn *done,
                                void *ctx)
{
    struct net_work *work = NULL;

    (void)pthread_mutex_lock(&pool->lock);
    if (pool->queued < NET_WORK_QUEUE_MAX) {
        work = gw_new(struct net_work);
        work->pool = pool;
        work->run = run;
        work->done = done;
        work->ctx = ctx;
        work->queued = true;
        gw_list_append(&pool->queue, &work->link);
        pool->queued++;
        (void)pthread_cond_signal(&pool->more);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return work;
}

void net_work_cancel(struct net_work **workp, net_work_fn *drop)
{
    struct net_work *work = *workp;
    struct net_pool *pool;

    if (!work)
        return;
    *workp = NULL;
    pool = work->pool;
    work->cancelled = true;
    work->drop = drop;
    (void)pthread_mutex_lock(&pool->lock);
    if (work->queued) { /* it never runs; 'drop' still comes from the loop, not from here */
        work->queued = false;
        pool->queued--;
        gw_list_remove(&work->link);
        gw_list_append(&pool->finished, &work->link);
        net_wake_send(pool->wake);
    }
    (void)pthread_mutex_unlock(&pool->lock);
}

/* --- life --- */

/* Signals are for the loop's thread. */
static void start_threads(struct net_pool *pool, unsigned threads)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->threads < threads &&
           !pthread_create(&pool->thread[pool->threads], NULL, worker, pool))
        pool->threads++;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!pool->threads)
        abort(); /* the system has no thread for us */
}

struct net_pool *net_pool_new(struct net_loop *loop, unsigned threads)
{
    struct net_pool *pool;

    assert(threads > 0);
    pool = gw_alloc(sizeof *pool + threads * sizeof pool->thread[0]);
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->more, NULL);
    gw_list_init(&pool->queue);
    gw_list_init(&pool->finished);
    gw_list_init(&pool->delivering);
    pool->wake = net_wake_new(loop, on_finished, pool);
    start_threads(pool, threads);
    return pool;
}

void net_pool_free(struct net_pool **poolp)
{
    struct net_pool *pool = *poolp;
    struct gw_list *link;

    if (!pool)
        return;
    *poolp = NULL;
    (void)pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    (void)pthread_cond_broadcast(&pool->more);
    (void)pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++)
        (void)pthread_join(pool->thread[i], NULL);
    net_wake_free(&pool->wake);
    splice(&pool->delivering, &pool->finished);
    splice(&pool->delivering, &pool->queue);
    while ((link = gw_list_pop(&pool->delivering))) {
        struct net_work *work = GW_CONTAINER(link, struct net_work, link);

        work->done = NULL; /* only what was cancelled is told that it is over */
        deliver(work);
    }
    (void)pthread_mutex_destroy(&pool->lock);
    (void)pthread_cond_destroy(&pool->more);
    pool->freed = true;
    if (!pool->in_callback)
        free(pool);
}
