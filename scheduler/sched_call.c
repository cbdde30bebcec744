/* Requests and their answers. A call carries one job, or the reading of up to a hundred calendars,
 * or none: a probe, or a farewell. */
#include "sched_priv.h"

#include <assert.h>
#include <stdlib.h>

#include "gw_mem.h"

static struct sched_call *call_new(struct sched *s, struct sched_gateway *g, size_t count)
{
    struct sched_call *call = gw_alloc(sizeof(*call) + count * sizeof(struct sched_job *));

    call->s = s;
    call->gateway = g;
    call->started = s->now;
    gw_list_append(&g->calls, &call->link);
    return call;
}

static void take(struct sched_call *call, struct sched_job *job)
{
    sched_queue_remove(job);
    job->state = SCHED_JOB_RUNNING;
    job->in.call = call;
    call->jobs[call->count++] = job;
}

static void on_answer(const struct ews_answer *answer, struct gw_now now, void *ctx);

static void begin(struct sched_call *call, const struct ews_request *request)
{
    struct sched *s = call->s;

    call->op = request->op;
    call->from = request->from;
    call->to = request->to;
    sched_budget_started(s, call->gateway);
    call->handle =
        s->exchange.start(s->exchange.ctx, call->gateway->name, request, on_answer, call);
    assert(call->handle);
}

static struct gw_str mailbox_of(const struct sched_user *u)
{
    return gw_str_of(u->mailbox);
}

static void begin_subscribe(struct sched_call *call, struct sched_user *u)
{
    struct ews_request r = { .op = EWS_OP_SUBSCRIBE, .mailbox = mailbox_of(u) };
    struct gw_str folders[EWS_FOLDERS_MAX];
    struct gw_buf url;

    gw_buf_init(&url, EWS_URL_MAX);
    r.folders = folders;
    r.folder_count = sched_folders_to_subscribe(u, folders);
    sched_sub_begin(call->s, u, &r, &url);
    call->s->counters.subscribes++;
    begin(call, &r);
    gw_buf_done(&url);
}

static void begin_read(struct sched_call *call, struct sched_user *u)
{
    struct sched_window w = sched_window_of(call->s->now.utc, u->hash, u->narrow);
    struct ews_request r = { .op = EWS_OP_FIND_ITEM,
                             .mailbox = mailbox_of(u),
                             .from = w.from,
                             .to = w.to,
                             .item_fields = u->fields };
    struct gw_str folders[EWS_FOLDERS_MAX];

    r.folders = folders;
    r.folder_count = sched_folders_to_read(u, folders);
    call->further = r.folder_count;
    call->mark = sched_read_mark(u);
    call->s->counters.reads++;
    call->gateway->reads++;
    begin(call, &r);
}

static void begin_oof(struct sched_call *call, struct sched_user *u)
{
    struct ews_request r = { .op = EWS_OP_OOF, .mailbox = mailbox_of(u) };

    call->s->counters.oof_polls++;
    begin(call, &r);
}

static void begin_hours(struct sched_call *call, struct sched_user *u)
{
    struct sched_window w = sched_window_of(call->s->now.utc, 0, SCHED_NARROW_MAX);
    struct gw_str mailbox = mailbox_of(u);
    struct ews_request r = { .op = EWS_OP_AVAILABILITY,
                             .mailboxes = &mailbox,
                             .mailbox_count = 1,
                             .from = w.from,
                             .to = w.to,
                             .hours = true };

    begin(call, &r);
}

static void begin_folders(struct sched_call *call, struct sched_user *u)
{
    struct ews_request r = { .mailbox = mailbox_of(u) };

    sched_folders_begin(u, &r);
    call->mark = u->mark;
    begin(call, &r);
}

void sched_call_job(struct sched *s, struct sched_gateway *g, struct sched_job *job)
{
    struct sched_call *call = call_new(s, g, 1);
    struct sched_user *u = sched_job_user(job);

    take(call, job);
    switch ((enum sched_kind)job->kind) {
    case SCHED_SUBSCRIBE:
        begin_subscribe(call, u);
        break;
    case SCHED_READ:
        begin_read(call, u);
        break;
    case SCHED_OOF:
        begin_oof(call, u);
        break;
    case SCHED_HOURS:
        begin_hours(call, u);
        break;
    case SCHED_FOLDERS:
        begin_folders(call, u);
        break;
    }
}

static void take_from(struct sched_call *call, struct gw_heap *lane, struct gw_str *mailboxes,
                      size_t most)
{
    struct gw_due *due;

    while (call->count < most && (due = gw_heap_first(lane))) {
        struct sched_job *job = GW_CONTAINER(due, struct sched_job, due);

        mailboxes[call->count] = mailbox_of(sched_job_user(job));
        take(call, job);
    }
}

/* The first jobs of a lane; what only waits for room in the line makes the request no longer one. */
static void take_many(struct sched_call *call, unsigned lane, struct gw_str *mailboxes, size_t most)
{
    take_from(call, &call->gateway->line.lane[lane], mailboxes, most);
    take_from(call, &call->gateway->marked.lane[lane], mailboxes, most);
}

/* Exchange tells them whatever is asked; for nobody they are not looked at. */
static bool are_hours_wanted(const struct sched_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        if (sched_job_user(call->jobs[i])->hours != SCHED_HOURS_NOT)
            return true;
    }
    return false;
}

void sched_call_bulk(struct sched *s, struct sched_gateway *g, unsigned lane)
{
    bool only_hours = lane == SCHED_HOURS; /* of the calendar as little as may be asked for */
    struct gw_str mailboxes[EWS_AVAILABILITY_MAX];
    struct sched_call *call = call_new(s, g, EWS_AVAILABILITY_MAX);
    struct sched_window w = sched_window_of(s->now.utc, 0, only_hours ? SCHED_NARROW_MAX : 0);
    struct ews_request r = {
        .op = EWS_OP_AVAILABILITY, .mailboxes = mailboxes, .from = w.from, .to = w.to
    };

    take_many(call, lane, mailboxes, EWS_AVAILABILITY_MAX);
    r.mailbox_count = call->count;
    r.hours = are_hours_wanted(call);
    s->counters.bulk_reads += !only_hours;
    g->reads += !only_hours;
    begin(call, &r);
}

void sched_call_tips(struct sched *s, struct sched_gateway *g)
{
    struct gw_str mailboxes[EWS_MAIL_TIPS_MAX];
    struct sched_call *call = call_new(s, g, EWS_MAIL_TIPS_MAX);
    struct ews_request r = { .op = EWS_OP_MAIL_TIPS, .mailboxes = mailboxes };

    take_many(call, SCHED_LANE_TIPS, mailboxes, EWS_MAIL_TIPS_MAX);
    r.mailbox = mailboxes[0]; /* the sender: any of ours */
    r.mailbox_count = call->count;
    s->counters.tips++;
    begin(call, &r);
}

void sched_call_farewell(struct sched *s, struct sched_gateway *g)
{
    struct sched_call *call = call_new(s, g, 0);
    struct sched_farewell *f = sched_farewell_take(s, g);
    struct ews_request r = { .op = EWS_OP_UNSUBSCRIBE,
                             .mailbox = f->mailbox,
                             .subscription_id = f->id,
                             .anchor = f->anchor,
                             .affinity = f->affinity };

    call->farewell = f;
    begin(call, &r);
}

/* Whose mailbox it is does not matter: a SOAP answer of any kind proves the server alive. */
void sched_call_probe(struct sched *s, struct sched_gateway *g)
{
    struct sched_user *u = GW_CONTAINER(s->users.next, struct sched_user, link);
    struct sched_call *call = call_new(s, g, 0);
    struct sched_window w = sched_window_of(s->now.utc, 0, 0);
    struct gw_str mailbox = mailbox_of(u);
    struct ews_request r = { .op = EWS_OP_AVAILABILITY,
                             .mailboxes = &mailbox,
                             .mailbox_count = 1,
                             .from = w.from,
                             .to = w.to };

    gw_list_remove(&u->link); /* another one next time */
    gw_list_append(&s->users, &u->link);
    g->probing = call->is_probe = true;
    begin(call, &r);
}

/* ---- answers ---- */

static void call_end(struct sched_call *call)
{
    struct sched *s = call->s;

    if (call->is_probe)
        call->gateway->probing = false;
    sched_budget_ended(s, call->gateway);
    gw_list_remove(&call->link);
    free(call);
}

static void count_answer(struct sched *s, struct sched_call *call, const struct ews_status *status)
{
    struct sched_gateway *g = call->gateway;
    enum sched_effect effect = sched_rule_effect(status);
    gw_time took_ms = s->now.mono - call->started.mono;

    gw_histogram_add(&g->request_ms, took_ms);
    gw_histogram_add(&s->counters.request_ms, took_ms);
    if (status->class != EWS_OK) {
        g->failed++;
        s->counters.failures++;
    }
    if (status->backoff_ms > 0) /* whatever it is told with, a 503 for one */
        sched_budget_quiet(s, g, status->backoff_ms);
    if (effect == SCHED_EFFECT_ALIVE)
        sched_budget_quick(s, g, call->started.mono);
    else if (effect == SCHED_EFFECT_THROTTLED || effect == SCHED_EFFECT_CROWDED)
        sched_budget_push_back(s, g, call->started.mono, status->backoff_ms,
                               effect == SCHED_EFFECT_THROTTLED);
    sched_gateway_answered(s, g, status);
}

/* Its load, and what it thinks of the account, a server may tell beside one calendar of several. */
static const struct ews_status *told_by_server(const struct ews_answer *answer)
{
    for (size_t i = 0; i < answer->calendar_count; i++)
        if (sched_rule_effect(&answer->calendars[i].status) != SCHED_EFFECT_ALIVE)
            return &answer->calendars[i].status;
    return &answer->status;
}

/* By a server that does not know them, or has them turned off. */
static bool are_tips_refused(const struct ews_status *status)
{
    return status->class == EWS_UNSUPPORTED || status->class == EWS_VERSION ||
           status->class == EWS_BUG;
}

static void job_answered(struct sched *s, struct sched_call *call, struct sched_job *job,
                         const struct ews_answer *answer, size_t i)
{
    static const struct ews_status short_answer = {
        .class = EWS_BAD_ANSWER,
        .code = "short-answer",
        .text = "the server answered for fewer mailboxes than it was asked for",
        .alive = true
    };

    if (call->op == EWS_OP_MAIL_TIPS && are_tips_refused(&answer->status)) {
        call->gateway->no_tips = true;
        sched_job_queue(s, job);
        return;
    }
    if (job->kind == SCHED_SUBSCRIBE && answer->status.class != EWS_OK &&
        sched_folders_refused(s, job, &answer->status))
        return;
    if (answer->status.class != EWS_OK) {
        sched_job_failed(s, job, &answer->status);
        return;
    }
    switch ((enum sched_kind)job->kind) {
    case SCHED_SUBSCRIBE:
        sched_sub_answered(s, job, answer);
        break;
    case SCHED_READ:
        if (i + call->further < answer->calendar_count)
            sched_read_answered(s, job, call, &answer->calendars[i]);
        else
            sched_job_failed(s, job, &short_answer);
        break;
    case SCHED_HOURS:
        if (i < answer->calendar_count)
            sched_hours_answered(s, job, &answer->calendars[i]);
        else
            sched_job_failed(s, job, &short_answer);
        break;
    case SCHED_FOLDERS:
        sched_folders_answered(s, job, call, answer);
        break;
    case SCHED_OOF:
        if (call->op == EWS_OP_OOF)
            sched_oof_answered(s, job, call, answer);
        else if (i < answer->tip_count)
            sched_tip_answered(s, job, call, &answer->tips[i]);
        else
            sched_job_failed(s, job, &short_answer);
        break;
    }
}

static void on_answer(const struct ews_answer *answer, struct gw_now now, void *ctx)
{
    struct sched_call *call = ctx;
    struct sched *s = call->s;

    s->now = now;
    count_answer(s, call, told_by_server(answer));
    if (call->farewell)
        sched_farewell_answered(s, call->farewell, &answer->status);
    for (size_t i = 0; i < call->count; i++) {
        struct sched_job *job = call->jobs[i];

        if (!job)
            continue;
        job->state = SCHED_JOB_IDLE;
        job->in.call = NULL;
        job_answered(s, call, job, answer, i);
        if (job->kind == SCHED_SUBSCRIBE)
            sched_stream_release(sched_job_user(job));
    }
    call_end(call);
}

void sched_call_drop(struct sched_call *call, struct sched_job *job)
{
    bool wanted = false;

    for (size_t i = 0; i < call->count; i++) {
        if (call->jobs[i] == job)
            call->jobs[i] = NULL;
        wanted = wanted || call->jobs[i];
    }
    job->in.call = NULL;
    if (job->kind == SCHED_SUBSCRIBE)
        sched_stream_release(sched_job_user(job));
    if (wanted)
        return; /* the others of a bulk read */
    call->s->exchange.cancel(call->s->exchange.ctx, call->handle);
    call_end(call);
}

void sched_calls_cancel(struct sched *s, struct sched_gateway *g)
{
    while (!gw_list_is_empty(&g->calls)) {
        struct sched_call *call = GW_CONTAINER(g->calls.next, struct sched_call, link);

        s->exchange.cancel(s->exchange.ctx, call->handle);
        for (size_t i = 0; i < call->count; i++) {
            struct sched_job *job = call->jobs[i];

            if (!job)
                continue;
            job->state = SCHED_JOB_IDLE;
            job->in.call = NULL;
            job->again = false;
            if (job->kind == SCHED_SUBSCRIBE)
                sched_stream_release(sched_job_user(job));
            sched_job_queue(s, job);
        }
        if (call->farewell)
            sched_farewell_cancelled(s, call->farewell);
        call_end(call);
    }
}
