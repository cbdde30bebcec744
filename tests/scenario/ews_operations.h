/* Each operation called on one client, one at a time, and how it went. */
#ifndef EWS_OPERATIONS_H
#define EWS_OPERATIONS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ews_client.h"
#include "net_loop.h"

enum { OPERATION_GUARD_MS = 20000 };

/* The loop and the client are the test's. */
static struct {
    struct net_loop *loop;
    struct net_timer *guard;
    struct ews_client *client;
    struct ews_call *call;
    enum ews_sub_mode mode;
    bool done;
    struct ews_status status;
    char pull_id[512], stream_id[512], watermark[512];
    struct gw_str id;
} ops;

static const struct gw_str ann = GW_STR_INIT("ann@x.example");

static const struct {
    const char *name;
    enum ews_op op;
    enum ews_sub_mode mode;
} operation[] = {
    { "push", EWS_OP_SUBSCRIBE, EWS_SUB_PUSH },
    { "pull", EWS_OP_SUBSCRIBE, EWS_SUB_PULL },
    { "streaming", EWS_OP_SUBSCRIBE, EWS_SUB_STREAMING },
    { "find", EWS_OP_FIND_ITEM, EWS_SUB_PUSH },
    { "availability", EWS_OP_AVAILABILITY, EWS_SUB_PUSH },
    { "oof", EWS_OP_OOF, EWS_SUB_PUSH },
    { "tips", EWS_OP_MAIL_TIPS, EWS_SUB_PUSH },
    { "events", EWS_OP_GET_EVENTS, EWS_SUB_PUSH },
    { "stream", EWS_OP_STREAM, EWS_SUB_PUSH },
    { "resolve", EWS_OP_RESOLVE, EWS_SUB_PUSH },
    { "sync", EWS_OP_SYNC, EWS_SUB_PUSH },
    { "unsubscribe", EWS_OP_UNSUBSCRIBE, EWS_SUB_PUSH },
};
enum { OPERATIONS = sizeof(operation) / sizeof(operation[0]), PULL = 1 };

static struct ews_request operation_request(size_t i)
{
    gw_utc now = net_loop_now(ops.loop).utc;

    return (struct ews_request){ .op = operation[i].op,
                                 .sub_mode = operation[i].mode,
                                 .mailbox = ann,
                                 .mailboxes = &ann,
                                 .mailbox_count = 1,
                                 .from = now,
                                 .to = now + GW_DAY_MS,
                                 .notify_url = GW_STR_INIT("http://127.0.0.1:9/ews/notify/x"),
                                 .status_frequency_min = 60,
                                 .pull_timeout_min = 60,
                                 .subscription_id = gw_str_of(ops.pull_id),
                                 .watermark = gw_str_of(ops.watermark),
                                 .subscription_ids = &ops.id,
                                 .subscription_id_count = 1,
                                 .stream_timeout_min = 30,
                                 .name = ann };
}

static void operation_keep(struct gw_str s, char out[512])
{
    if (s.len)
        snprintf(out, 512, "%.*s", GW_STR_ARG(s));
}

static void on_operation_done(const struct ews_answer *a, void *ctx)
{
    (void)ctx;
    ops.call = NULL;
    ops.done = true;
    ops.status = a->status;
    if (ops.mode == EWS_SUB_PULL) {
        operation_keep(a->subscription_id, ops.pull_id);
        operation_keep(a->watermark, ops.watermark);
    } else if (ops.mode == EWS_SUB_STREAMING) {
        operation_keep(a->subscription_id, ops.stream_id);
    }
    net_loop_stop(ops.loop);
}

/* A stream that is heard is a success. */
static void on_operation_event(const struct ews_notification *n, void *ctx)
{
    (void)ctx;
    ops.done = true;
    ops.status = n->status;
    ews_call_cancel(&ops.call);
    net_loop_stop(ops.loop);
}

static void on_operation_guard(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    net_loop_stop(ops.loop);
}

static void operation_call(size_t i)
{
    struct ews_request r = operation_request(i);

    ops.done = false;
    ops.mode = operation[i].mode;
    ops.id = gw_str_of(ops.stream_id);
    if (r.op == EWS_OP_STREAM)
        ops.call =
            ews_client_stream_start(ops.client, &r, on_operation_event, on_operation_done, NULL);
    else
        ops.call = ews_client_start(ops.client, &r, on_operation_done, NULL);
    net_timer_set(ops.guard, net_loop_now(ops.loop).mono + OPERATION_GUARD_MS);
    net_loop_run(ops.loop);
    if (!ops.done)
        fail_msg("%s: no answer", operation[i].name);
}

/* Until the version that the server knows is found. */
static void operation_good(size_t i, const char *when)
{
    do {
        operation_call(i);
    } while (ops.status.class == EWS_VERSION);
    if (ops.status.class != EWS_OK)
        fail_msg("%s, %s: %s", operation[i].name, when, ops.status.text);
}

static void operations_setup(struct net_loop *loop)
{
    memset(&ops, 0, sizeof(ops));
    ops.loop = loop;
    ops.guard = net_timer_new(loop, on_operation_guard, NULL);
}

static void operations_teardown(void)
{
    ews_client_free(&ops.client);
    net_timer_free(&ops.guard);
}

#endif
