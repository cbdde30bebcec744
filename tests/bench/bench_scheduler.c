/* What the scheduler and the bridge cost by themselves: users brought from unknown to subscribed with
 * a calendar of ten intervals, due moments, and memory, over an Exchange that answers from memory
 * and on virtual time. CPU per event; nothing is asserted.
 *
 *   bench_scheduler [USERS]      10000 unless said otherwise */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bridge.h"
#include "gw_bytes.h"
#include "gw_list.h"
#include "gw_mem.h"
#include "scheduler.h"

#define URL "http://gw:50020/ews/notify/"

enum { INTERVALS = 10, GATEWAYS = 4, MEETING_MS = 30 * GW_MINUTE_MS };

struct call {
    struct gw_list link;
    enum ews_op op;
    size_t mailboxes;
    char token[64]; /* of the subscription that is asked for */
    sched_answer_fn *done;
    void *ctx;
};

struct bench {
    struct sched *sched;
    struct gw_list calls;
    struct bridge_policy *policy;
    uint64_t marks; /* of all that was looked at */
    struct gw_now now;
    gw_utc start;
    uint64_t due, changed, serial;
};

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void *exchange_start(void *ctx, struct gw_str gateway, const struct ews_request *request,
                            sched_answer_fn *done, void *answer_ctx)
{
    struct bench *b = ctx;
    struct call *call = gw_new(struct call);

    (void)gateway;
    call->op = request->op;
    call->mailboxes = request->mailbox_count ? request->mailbox_count : 1;
    if (request->op == EWS_OP_SUBSCRIBE)
        snprintf(call->token, sizeof(call->token), "%.*s",
                 GW_STR_ARG(gw_str_sub(request->notify_url, strlen(URL), request->notify_url.len)));
    call->done = done;
    call->ctx = answer_ctx;
    gw_list_append(&b->calls, &call->link);
    return call;
}

static void exchange_cancel(void *ctx, void *handle)
{
    struct call *call = handle;

    (void)ctx;
    gw_list_remove(&call->link);
    free(call);
}

/* Ten meetings of half an hour, every other half hour from an hour after the start on. */
static void exchange_answer(struct bench *b, struct call *call)
{
    struct gw_interval intervals[INTERVALS];
    struct ews_calendar calendars[EWS_AVAILABILITY_MAX];
    struct ews_answer answer = { .op = call->op, .status = { .class = EWS_OK, .alive = true } };
    static const struct ews_tip tips[EWS_MAIL_TIPS_MAX];
    char id[32];

    for (int i = 0; i < INTERVALS; i++) {
        gw_utc start = b->start + GW_HOUR_MS + 2 * (gw_utc)i * MEETING_MS;

        start -= start % MEETING_MS;
        intervals[i] = (struct gw_interval){ start, start + MEETING_MS, GW_BUSY_BUSY, 0, 0 };
    }
    for (size_t i = 0; i < call->mailboxes; i++)
        calendars[i] = (struct ews_calendar){ .status = answer.status,
                                              .intervals = intervals,
                                              .count = INTERVALS };
    if (call->op == EWS_OP_FIND_ITEM || call->op == EWS_OP_AVAILABILITY) {
        answer.calendars = calendars;
        answer.calendar_count = call->mailboxes;
    } else if (call->op == EWS_OP_MAIL_TIPS) {
        answer.tips = tips;
        answer.tip_count = call->mailboxes;
    } else if (call->op == EWS_OP_SUBSCRIBE) {
        snprintf(id, sizeof(id), "sub-%" PRIu64, b->serial++);
        answer.subscription_id = gw_str_of(id);
    }
    call->done(&answer, b->now, call->ctx);
    if (call->op == EWS_OP_SUBSCRIBE) /* and Exchange calls back at once */
        (void)sched_notified(b->sched, gw_str_of(call->token),
                             &(struct ews_notification){ .status_events = 1 }, b->now);
}

static void exchange_run(struct bench *b)
{
    struct gw_list *it, *tmp, batch;

    gw_list_init(&batch);
    GW_LIST_EACH(&b->calls, it, tmp)
    {
        gw_list_remove(it);
        gw_list_append(&batch, it);
    }
    GW_LIST_EACH(&batch, it, tmp)
    {
        struct call *call = GW_CONTAINER(it, struct call, link);

        gw_list_remove(it);
        exchange_answer(b, call);
        free(call);
    }
}

static void publish(struct bench *b, struct gw_str user)
{
    struct sched_calendar calendar;
    struct bridge_calendar in;
    struct bridge_look look;

    if (!sched_user_calendar(b->sched, user, &calendar))
        return;
    in = (struct bridge_calendar){ .intervals = calendar.intervals,
                                   .count = calendar.count,
                                   .from = calendar.from,
                                   .to = calendar.to,
                                   .oof = calendar.oof_known ? &calendar.oof : NULL };
    bridge_look(&in, b->policy, b->now.utc, &look);
    b->marks ^= bridge_look_mark(&in, &look);
}

static void on_due(struct gw_str user, void *ctx)
{
    struct bench *b = ctx;

    b->due++;
    publish(b, user);
}

static void on_changed(struct gw_str user, void *ctx)
{
    struct bench *b = ctx;

    b->changed++;
    publish(b, user);
}

/* Ticks and answers until 'until', as fast as the scheduler wants it. */
static void run_until(struct bench *b, gw_utc until)
{
    while (b->now.utc < until) {
        gw_time deadline = sched_deadline(b->sched);
        gw_time step = deadline - b->now.mono;

        if (!gw_list_is_empty(&b->calls))
            step = 1;
        if (deadline == GW_NEVER || step > SCHED_LOOK_MS)
            step = SCHED_LOOK_MS;
        if (step < 0)
            step = 0;
        b->now.mono += step;
        b->now.utc += step;
        sched_tick(b->sched, b->now);
        exchange_run(b);
        if (!step && gw_list_is_empty(&b->calls) && sched_deadline(b->sched) <= b->now.mono) {
            b->now.mono++;
            b->now.utc++;
        }
    }
}

static void add_users(struct bench *b, unsigned users)
{
    for (unsigned i = 0; i < users; i++) {
        char user[64], mailbox[64];

        snprintf(user, sizeof(user), "user%06u@bench.example", i);
        snprintf(mailbox, sizeof(mailbox), "user%06u@mail.bench.example", i);
        sched_user_put(b->sched, gw_str_of(user), gw_str_of(mailbox), b->now);
    }
}

int main(int argc, char **argv)
{
    int64_t users = 10000;
    struct sched_settings settings;
    struct sched_counters counters;
    struct bench b = { .now = { 1000, 1795500000000 } };
    size_t heap_before, heap_after;
    double cpu_before, cpu_subscribed, cpu_idle, cpu_due;
    gw_utc start = b.now.utc;
    uint64_t due_before;

    if (argc > 1 && !gw_str_to_int(gw_str_of(argv[1]), 1, 1000000, &users)) {
        fprintf(stderr, "usage: bench_scheduler [USERS]\n");
        return 2;
    }
    b.start = start;
    gw_list_init(&b.calls);
    b.policy = bridge_policy_new();
    sched_settings_default(&settings);
    settings.spread_s = 50;
    b.sched = sched_new(
        &(struct sched_args){
            .exchange = { .start = exchange_start, .cancel = exchange_cancel, .ctx = &b },
            .callbacks = { .changed = on_changed, .due = on_due, .ctx = &b },
            .settings = &settings,
            .notify_url = GW_STR(URL) },
        b.now);
    for (int i = 0; i < GATEWAYS; i++) {
        char name[16];

        snprintf(name, sizeof(name), "cas%d", i + 1);
        sched_gateway_put(b.sched, gw_str_of(name), b.now);
    }

    heap_before = mallinfo2().uordblks;
    cpu_before = cpu_us();
    add_users(&b, (unsigned)users);
    run_until(&b, start + 10 * GW_MINUTE_MS);
    cpu_subscribed = cpu_us();
    heap_after = mallinfo2().uordblks;
    sched_counters(b.sched, &counters);
    printf("users %" PRId64 ", subscribed %zu, with calendar %zu, in 10 virtual minutes\n", users,
           counters.subscribed, counters.with_calendar);
    printf(
        "user brought to subscribed with a calendar   %8.2f us CPU (scheduler and bridge alone)\n",
        (cpu_subscribed - cpu_before) / (double)users);
    printf("memory per user, %d intervals                %8zu bytes\n", INTERVALS,
           (heap_after - heap_before) / (size_t)users);

    /* No meeting begins in the first half hour: what polls cost is measured there and taken off. Nobody
     * sends status events here, so it ends before the subscriptions would count as silent. */
    cpu_before = cpu_us();
    run_until(&b, start + 29 * GW_MINUTE_MS);
    cpu_idle = (cpu_us() - cpu_before) * 81 / 19;
    due_before = b.due;
    cpu_before = cpu_us();
    run_until(&b, start + 110 * GW_MINUTE_MS);
    cpu_due = cpu_us() - cpu_before;
    due_before = b.due - due_before;
    printf("due moment, bridge asked                      %8.2f us CPU, all else of the time "
           "included\n",
           due_before ? cpu_due / (double)due_before : 0.0);
    printf(
        "due moment, bridge asked                      %8.2f us CPU, polls and pings taken off\n",
        due_before ? (cpu_due - cpu_idle) / (double)due_before : 0.0);
    printf("due moments counted                           %8" PRIu64 "\n", due_before);
    sched_free(&b.sched);
    bridge_policy_free(&b.policy);
    return 0;
}
