/* The loop's side and the thread's side of the store.
 *
 * Jobs go to the thread in order; the thread takes as many waiting batches as fit into one
 * transaction on disk. What it finishes - jobs, and chunks of rows on the way - comes back through
 * a second list, which store_dispatch() empties on the loop. Both lists, and all that is said to be
 * shared, are under one lock. */
#include "store.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gw_bytes.h"
#include "gw_list.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "store_priv.h"

enum {
    /* One transaction on disk: long enough to make a commit's cost disappear, short enough that
     * nobody waits long behind it. */
    GROUP_JOBS = 5000,
    GROUP_BYTES = 8 * 1024 * 1024,

    CHUNK_ROWS = 200, /* parsed by the rooms in one round of the loop */
    CHUNK_BYTES = 256 * 1024,
    CHUNKS_WAITING = 4, /* the thread reads no further ahead */
    DISPATCH_JOBS = 500,

    RETRY_MIN_MS = 100,
    RETRY_MAX_MS = 10 * 1000,
    CLOSE_RETRY_MS = 500, /* closing with a disk that refuses */
    CLOSE_RETRIES = 4
};

enum item_type { ITEM_WRITE, ITEM_LOAD, ITEM_ROWS };

struct item {
    struct gw_list link;
    enum item_type type;
};

struct job {
    struct item item;
    struct store_batch *batch; /* ITEM_WRITE */
    size_t size;
    char *kind, *owner; /* ITEM_LOAD; owner NULL: all */
    size_t owner_len;
    struct gw_buf bounds;     /* of a range: from, to, owner */
    struct store_range range; /* limit 0: none; its texts are in bounds */
    store_record_fn *each;
    store_done_fn *done;
    void *ctx;
    struct gw_err result;
};

struct rows {
    struct item item;
    struct job *job;
    struct gw_buf packed;
    size_t count;
};

struct store {
    struct store_seal_key seal_key;
    store_wake_fn *wake;
    void *wake_ctx;
    pthread_t thread;

    /* The thread's own, while there is one. */
    struct store_db *db;
    unsigned closing_tries;

    /* The loop's own. */
    struct gw_list ready; /* taken from finished, being dispatched */
    size_t outstanding;   /* jobs whose done has not come */
    bool dispatching;

    /* Shared. */
    pthread_mutex_t lock;
    pthread_cond_t to_thread, to_loop;
    struct gw_list queue, finished;
    size_t queued_jobs, queued_bytes; /* write jobs, until they are on disk */
    size_t chunks_waiting;
    uint64_t batches, transactions;
    bool closing; /* a disk that refuses is not waited for any more */
    bool stop;
    bool refused;         /* by the disk, just now */
    bool refused_is_news; /* to be logged by the loop */
    struct gw_err trouble;
};

/* --- both sides */

static struct job *job_of(struct gw_list *link)
{
    return (struct job *)GW_CONTAINER(link, struct item, link);
}

static void job_free(struct job *job)
{
    store_batch_free(&job->batch);
    free(job->kind);
    free(job->owner);
    gw_buf_done(&job->bounds);
    free(job);
}

/* Under the lock. Wakes the loop once for any number of items. */
static bool post(struct store *s, struct gw_list *link)
{
    bool first = gw_list_is_empty(&s->finished);

    gw_list_append(&s->finished, link);
    pthread_cond_signal(&s->to_loop);
    return first;
}

static void wake(struct store *s)
{
    if (s->wake)
        s->wake(s->wake_ctx);
}

/* --- the thread's side */

static enum gw_code write_change(struct store_db *db, const struct store_change *c,
                                 struct gw_err *err)
{
    switch (c->op) {
    case STORE_OP_PUT:
        return store_db_put(db, c->kind, &c->record, err);
    case STORE_OP_DEL:
        return store_db_del(db, c->kind, c->record.key, err);
    case STORE_OP_DEL_OWNER:
        return store_db_del_owner(db, c->kind, c->record.owner, err);
    case STORE_OP_DEL_RANGE:
        return store_db_del_range(db, c->kind, c->record.key, c->record.owner, err);
    }
    return gw_fail(err, GW_INTERNAL, "unknown change");
}

static enum gw_code write_batch(struct store_db *db, const struct store_batch *b,
                                struct gw_err *err)
{
    struct store_change change;
    enum gw_code code = GW_OK;
    size_t pos = 0;

    while (!code && store_batch_next(b, &pos, &change))
        code = write_change(db, &change, err);
    return code;
}

static enum gw_code write_once(struct store_db *db, struct gw_list *group, struct gw_err *err)
{
    struct gw_list *it, *tmp;
    enum gw_code code = store_db_begin(db, err);

    if (code)
        return code;
    GW_LIST_EACH(group, it, tmp)
    {
        code = write_batch(db, job_of(it)->batch, err);
        if (code)
            break;
    }
    if (!code)
        code = store_db_commit(db, err);
    if (code)
        store_db_rollback(db);
    return code;
}

static void set_refused(struct store *s, const struct gw_err *why)
{
    bool news;

    pthread_mutex_lock(&s->lock);
    news = s->refused != (why != NULL);
    s->refused = why != NULL;
    if (why)
        s->trouble = *why;
    if (news)
        s->refused_is_news = true;
    pthread_mutex_unlock(&s->lock);
    if (news)
        wake(s);
}

static struct timespec time_in(unsigned ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* False: give up, the store is being closed. Closing cuts a long wait short. */
static bool wait_for_disk(struct store *s, unsigned *wait_ms)
{
    struct timespec until;
    bool go_on = true, was_closing;

    pthread_mutex_lock(&s->lock);
    was_closing = s->closing;
    if (was_closing && ++s->closing_tries > CLOSE_RETRIES)
        go_on = false;
    until = time_in(was_closing ? CLOSE_RETRY_MS : *wait_ms);
    while (go_on && s->closing == was_closing)
        if (pthread_cond_timedwait(&s->to_thread, &s->lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&s->lock);
    *wait_ms = *wait_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : *wait_ms * 2;
    return go_on;
}

/* Tries until the disk takes it; another error is final. */
static enum gw_code write_group(struct store *s, struct gw_list *group, struct gw_err *err)
{
    unsigned wait_ms = RETRY_MIN_MS;
    enum gw_code code;

    for (;;) {
        code = write_once(s->db, group, err);
        if (code != GW_AGAIN) {
            set_refused(s, NULL);
            return code;
        }
        set_refused(s, err);
        if (!wait_for_disk(s, &wait_ms)) {
            err->code = GW_INTERNAL;
            return GW_INTERNAL;
        }
    }
}

/* The jobs of a list, one load or one transaction, go back to the loop. */
static void finish(struct store *s, struct gw_list *jobs, enum gw_code code,
                   const struct gw_err *err)
{
    struct gw_list *it, *tmp;
    bool first = false;

    pthread_mutex_lock(&s->lock);
    s->transactions += !code && job_of(jobs->next)->item.type == ITEM_WRITE;
    GW_LIST_EACH(jobs, it, tmp)
    {
        struct job *job = job_of(it);

        gw_list_remove(it);
        if (code)
            job->result = *err;
        if (job->item.type == ITEM_WRITE) {
            s->queued_jobs--;
            s->queued_bytes -= job->size;
            s->batches += !code;
        }
        first |= post(s, it);
    }
    pthread_mutex_unlock(&s->lock);
    if (first)
        wake(s);
}

/* When a group fails for good, its batches are tried one by one: each fails for itself only. */
static void write_jobs(struct store *s, struct gw_list *group)
{
    bool single = group->next == group->prev;
    struct gw_err err = { 0 };
    enum gw_code code = write_group(s, group, &err);

    if (!code || single) {
        finish(s, group, code, &err);
        return;
    }
    while (!gw_list_is_empty(group)) {
        struct gw_list one, *link = group->next;

        gw_list_init(&one);
        gw_list_remove(link);
        gw_list_append(&one, link);
        write_jobs(s, &one);
    }
}

static void post_rows(struct store *s, struct rows *rows)
{
    bool first;

    pthread_mutex_lock(&s->lock);
    while (s->chunks_waiting >= CHUNKS_WAITING)
        pthread_cond_wait(&s->to_thread, &s->lock);
    s->chunks_waiting++;
    first = post(s, &rows->item.link);
    pthread_mutex_unlock(&s->lock);
    if (first)
        wake(s);
}

static struct rows *rows_new(struct job *job)
{
    struct rows *rows = gw_new(struct rows);

    rows->item.type = ITEM_ROWS;
    rows->job = job;
    gw_list_init(&rows->item.link);
    gw_buf_init(&rows->packed, CHUNK_BYTES + 2 * STORE_VALUE_MAX);
    return rows;
}

static void rows_free(struct rows *rows)
{
    gw_buf_done(&rows->packed);
    free(rows);
}

/* Reading is not tried again: the loop is told, and decides. */
static enum gw_code load(struct store *s, struct job *job, struct gw_err *err)
{
    struct gw_str owner = { job->owner, job->owner_len };
    struct rows *rows = rows_new(job);
    struct store_record record;
    enum gw_code code;

    if (job->range.limit)
        store_db_read_range(s->db, gw_str_of(job->kind), &job->range);
    else
        store_db_read(s->db, gw_str_of(job->kind), job->owner ? &owner : NULL);
    while (!(code = store_db_read_next(s->db, &record, err))) {
        store_record_pack(&record, &rows->packed);
        rows->count++;
        if (rows->count >= CHUNK_ROWS || rows->packed.len >= CHUNK_BYTES) {
            post_rows(s, rows);
            rows = rows_new(job);
        }
    }
    store_db_read_end(s->db);
    if (rows->count)
        post_rows(s, rows);
    else
        rows_free(rows);
    if (code == GW_NOTFOUND)
        return GW_OK;
    err->code = GW_INTERNAL;
    return GW_INTERNAL;
}

static void load_job(struct store *s, struct gw_list *one)
{
    struct gw_err err = { 0 };

    finish(s, one, load(s, job_of(one->next), &err), &err);
}

/* Under the lock: one load, or the batches up to the next load or the bounds. */
static void take(struct store *s, struct gw_list *out)
{
    size_t count = 0, bytes = 0;

    while (!gw_list_is_empty(&s->queue)) {
        struct job *job = job_of(s->queue.next);

        if (count && (job->item.type == ITEM_LOAD || count >= GROUP_JOBS || bytes >= GROUP_BYTES))
            return;
        gw_list_remove(&job->item.link);
        gw_list_append(out, &job->item.link);
        if (job->item.type == ITEM_LOAD)
            return;
        count++;
        bytes += job->size;
    }
}

static void *thread_main(void *ctx)
{
    struct store *s = ctx;
    struct gw_list jobs;

    gw_list_init(&jobs);
    for (;;) {
        pthread_mutex_lock(&s->lock);
        while (gw_list_is_empty(&s->queue) && !s->stop)
            pthread_cond_wait(&s->to_thread, &s->lock);
        take(s, &jobs);
        pthread_mutex_unlock(&s->lock);
        if (gw_list_is_empty(&jobs))
            return NULL;
        if (job_of(jobs.next)->item.type == ITEM_LOAD)
            load_job(s, &jobs);
        else
            write_jobs(s, &jobs);
    }
}

/* --- the loop's side */

static void enqueue(struct store *s, struct job *job)
{
    s->outstanding++;
    pthread_mutex_lock(&s->lock);
    gw_list_append(&s->queue, &job->item.link);
    pthread_cond_signal(&s->to_thread);
    pthread_mutex_unlock(&s->lock);
}

/* The thread does not get to see it: the batch is dropped, its done comes with the reason. */
static void refuse(struct store *s, struct job *job)
{
    bool first;

    store_batch_free(&job->batch);
    s->outstanding++;
    pthread_mutex_lock(&s->lock);
    first = post(s, &job->item.link);
    pthread_mutex_unlock(&s->lock);
    if (first)
        wake(s);
}

void store_commit(struct store *s, struct store_batch **bp, store_done_fn *done, void *ctx)
{
    struct job *job = gw_new(struct job);
    bool fits;

    job->item.type = ITEM_WRITE;
    gw_list_init(&job->item.link);
    job->batch = *bp;
    job->size = sizeof(*job) + store_batch_size(job->batch);
    job->done = done;
    job->ctx = ctx;
    *bp = NULL;
    if (store_batch_failed(job->batch)) {
        gw_fail(&job->result, GW_LIMIT, "too long for the store");
        refuse(s, job);
        return;
    }
    pthread_mutex_lock(&s->lock);
    fits = s->queued_bytes + job->size <= STORE_QUEUE_MAX;
    if (fits) {
        s->queued_jobs++;
        s->queued_bytes += job->size;
    }
    pthread_mutex_unlock(&s->lock);
    if (fits) {
        enqueue(s, job);
        return;
    }
    gw_fail(&job->result, GW_LIMIT, "too much is waiting for the disk");
    refuse(s, job);
}

void store_load(struct store *s, const char *kind, const struct gw_str *owner,
                store_record_fn *each, store_done_fn *done, void *ctx)
{
    struct job *job = gw_new(struct job);

    job->item.type = ITEM_LOAD;
    gw_list_init(&job->item.link);
    job->kind = gw_str_dup(gw_str_of(kind));
    if (owner) {
        job->owner = gw_str_dup(*owner);
        job->owner_len = owner->len;
    }
    job->each = each;
    job->done = done;
    job->ctx = ctx;
    enqueue(s, job);
}

void store_load_range(struct store *s, const char *kind, const struct store_range *range,
                      store_record_fn *each, store_done_fn *done, void *ctx)
{
    struct job *job = gw_new(struct job);
    const char *p;

    assert(range->limit > 0);
    job->item.type = ITEM_LOAD;
    gw_list_init(&job->item.link);
    job->kind = gw_str_dup(gw_str_of(kind));
    gw_buf_init(&job->bounds, 3 * STORE_KEY_MAX);
    gw_buf_add_str(&job->bounds, range->from);
    gw_buf_add_str(&job->bounds, range->to);
    gw_buf_add_str(&job->bounds, range->owner);
    assert(!job->bounds.failed);
    p = job->bounds.p;
    job->range = *range;
    job->range.from.p = p;
    job->range.to.p = p + range->from.len;
    job->range.owner.p = p + range->from.len + range->to.len;
    job->each = each;
    job->done = done;
    job->ctx = ctx;
    enqueue(s, job);
}

static void deliver_job(struct store *s, struct job *job)
{
    s->outstanding--;
    if (job->done)
        job->done(&job->result, job->ctx);
    else if (job->result.code)
        gw_error("store", "a change is lost: %s", job->result.msg);
    job_free(job);
}

static void deliver_rows(struct store *s, struct rows *rows)
{
    struct store_record record;
    size_t pos = 0;

    while (store_record_unpack(gw_buf_str(&rows->packed), &pos, &record))
        rows->job->each(&record, rows->job->ctx);
    rows_free(rows);
    pthread_mutex_lock(&s->lock);
    s->chunks_waiting--;
    pthread_cond_signal(&s->to_thread);
    pthread_mutex_unlock(&s->lock);
}

static void log_news(bool refused, const struct gw_err *trouble)
{
    if (refused)
        gw_error("store", "%s; trying again until it works, changes wait in memory", trouble->msg);
    else
        gw_warn("store", "the disk takes changes again");
}

/* Moves what is finished to the loop's own list, once that is empty. */
static void collect(struct store *s)
{
    struct gw_err trouble = { 0 };
    bool news, refused;

    pthread_mutex_lock(&s->lock);
    news = s->refused_is_news;
    refused = s->refused;
    s->refused_is_news = false;
    if (news)
        trouble = s->trouble;
    if (gw_list_is_empty(&s->ready) && !gw_list_is_empty(&s->finished)) {
        gw_list_insert_after(&s->finished, &s->ready);
        gw_list_remove(&s->finished);
    }
    pthread_mutex_unlock(&s->lock);
    if (news)
        log_news(refused, &trouble);
}

static struct item *pop_ready(struct store *s)
{
    struct gw_list *first = s->ready.next;

    if (first == &s->ready)
        return NULL;
    /* The analyzer does not follow a neighbour's link and takes the next item for the one before,
     * which is freed. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    gw_list_remove(first);
    return GW_CONTAINER(first, struct item, link);
}

void store_dispatch(struct store *s)
{
    struct item *item;
    bool more;

    assert(!s->dispatching);
    s->dispatching = true;
    collect(s);
    for (int budget = DISPATCH_JOBS; budget > 0 && (item = pop_ready(s));) {
        if (item->type == ITEM_ROWS) {
            deliver_rows(s, (struct rows *)item);
            budget -= DISPATCH_JOBS; /* a round of its own */
        } else {
            deliver_job(s, (struct job *)item);
            budget--;
        }
    }
    s->dispatching = false;
    more = !gw_list_is_empty(&s->ready);
    if (!more) {
        /* finished had something while ready was not empty: its wake-up came, and was used up. */
        pthread_mutex_lock(&s->lock);
        more = !gw_list_is_empty(&s->finished);
        pthread_mutex_unlock(&s->lock);
    }
    if (more)
        wake(s);
}

void store_wait(struct store *s)
{
    while (s->outstanding) {
        pthread_mutex_lock(&s->lock);
        while (gw_list_is_empty(&s->ready) && gw_list_is_empty(&s->finished) && !s->refused_is_news)
            pthread_cond_wait(&s->to_loop, &s->lock);
        pthread_mutex_unlock(&s->lock);
        store_dispatch(s);
    }
}

void store_stats(struct store *s, struct store_stats *out)
{
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&s->lock);
    out->queued_batches = s->queued_jobs;
    out->queued_bytes = s->queued_bytes;
    out->batches = s->batches;
    out->transactions = s->transactions;
    out->is_refused = s->refused;
    if (s->refused)
        memcpy(out->trouble, s->trouble.msg, sizeof(out->trouble));
    pthread_mutex_unlock(&s->lock);
}

/* --- opening and closing */

static const struct store_record seal_check = { .key = GW_STR_INIT("seal-check") };
static const struct gw_str seal_check_kind = GW_STR_INIT("store");

/* A known secret among the records shows whether key and database belong together. */
static bool seal_check_read(struct store_db *db, struct gw_buf *out, struct gw_err *err)
{
    struct store_record r;
    bool found = false;

    store_db_read(db, seal_check_kind, NULL);
    while (!found && !store_db_read_next(db, &r, err)) {
        found = gw_str_eq(r.key, seal_check.key);
        if (found)
            gw_buf_add_str(out, r.value);
    }
    store_db_read_end(db);
    return found;
}

static enum gw_code seal_check_write(const struct store *s, struct gw_err *err)
{
    struct store_record r = seal_check;
    struct gw_buf sealed;
    enum gw_code code = store_db_begin(s->db, err);

    gw_buf_init(&sealed, STORE_VALUE_MAX);
    store_seal_write(&s->seal_key, r.key, r.key, &sealed);
    r.value = gw_buf_str(&sealed);
    if (!code)
        code = store_db_put(s->db, seal_check_kind, &r, err);
    if (!code)
        code = store_db_commit(s->db, err);
    gw_buf_done(&sealed);
    return code;
}

static enum gw_code open_seal(struct store *s, const char *path, bool is_given, struct gw_err *err)
{
    struct gw_buf sealed, plain;
    enum gw_code code;
    bool has_secrets;

    if (!path) {
        gw_random(s->seal_key.bytes, sizeof(s->seal_key.bytes));
        return GW_OK;
    }
    gw_buf_init(&sealed, STORE_VALUE_MAX);
    gw_buf_init(&plain, STORE_VALUE_MAX);
    has_secrets = seal_check_read(s->db, &sealed, err);
    code = store_seal_key_load(path, is_given, has_secrets, &s->seal_key, err);
    if (!code && !has_secrets)
        code = seal_check_write(s, err);
    else if (!code &&
             store_seal_read(&s->seal_key, seal_check.key, gw_buf_str(&sealed), &plain, NULL))
        code = gw_fail(err, GW_INVALID,
                       "seal key '%s' is not the one of this database: restore the two from the "
                       "same backup",
                       path);
    gw_buf_done(&sealed);
    gw_buf_done(&plain);
    return code;
}

/* Signals are the loop's. */
static enum gw_code start_thread(struct store *s, struct gw_err *err)
{
    sigset_t all, old;
    int os;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    os = pthread_create(&s->thread, NULL, thread_main, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (os)
        return gw_fail(err, GW_INTERNAL, "cannot start the store's thread: %s", strerror(os));
    return GW_OK;
}

static void sync_init(struct store *s)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->to_thread, &attr);
    pthread_cond_init(&s->to_loop, &attr);
    pthread_condattr_destroy(&attr);
}

static void store_free(struct store *s)
{
    store_db_close(&s->db);
    pthread_cond_destroy(&s->to_thread);
    pthread_cond_destroy(&s->to_loop);
    pthread_mutex_destroy(&s->lock);
    gw_wipe(&s->seal_key, sizeof(s->seal_key));
    free(s);
}

enum gw_code store_open(const struct store_args *args, struct store **out, struct gw_err *err)
{
    struct store *s = gw_new(struct store);
    enum gw_code code;

    s->wake = args->wake;
    s->wake_ctx = args->wake_ctx;
    gw_list_init(&s->ready);
    gw_list_init(&s->queue);
    gw_list_init(&s->finished);
    sync_init(s);
    code = store_db_open(args->path, &s->db, err);
    if (!code)
        code = open_seal(s, args->seal_key_path, args->seal_key_is_given, err);
    if (!code)
        code = start_thread(s, err);
    if (code)
        store_free(s);
    else
        *out = s;
    return code;
}

void store_close(struct store **sp)
{
    struct store *s = *sp;

    if (!s)
        return;
    *sp = NULL;
    assert(!s->dispatching);
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_signal(&s->to_thread);
    pthread_mutex_unlock(&s->lock);
    store_wait(s);
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->to_thread);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    store_free(s);
}

void store_seal(const struct store *s, struct gw_str context, struct gw_str secret,
                struct gw_buf *out)
{
    store_seal_write(&s->seal_key, context, secret, out);
}

enum gw_code store_unseal(const struct store *s, struct gw_str context, struct gw_str sealed,
                          struct gw_buf *out, struct gw_err *err)
{
    return store_seal_read(&s->seal_key, context, sealed, out, err);
}

void store_derive(const struct store *s, struct gw_str context, uint8_t out[STORE_DERIVED_LEN])
{
    store_seal_derive(&s->seal_key, context, out);
}
