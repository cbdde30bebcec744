/* Push subscriptions on virtual time, with a sender that is a list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "mock_mishap.h"
#include "mock_note.h"
#include "mock_subs.h"

enum { MINUTE = 60000, WANTED_MAX = 8 };

struct world {
    struct mock_org *org;
    struct mock_subs *subs;
    struct mock_site *site;
    struct mock_mailbox *box;
    struct mock_sub *sub;
    struct mock_sub *wanted[WANTED_MAX];
    unsigned wanted_count, cancels;
    struct gw_now now;
    struct gw_buf body;
};

static void world_want(void *ctx, struct mock_sub *sub)
{
    struct world *w = ctx;

    assert_true(w->wanted_count < WANTED_MAX);
    w->wanted[w->wanted_count++] = sub;
}

static void world_cancel(void *ctx, struct mock_sub *sub)
{
    struct world *w = ctx;

    w->cancels++;
    for (unsigned i = 0; i < w->wanted_count; i++)
        if (w->wanted[i] == sub)
            w->wanted[i] = w->wanted[--w->wanted_count];
}

static const struct mock_sender sender = { world_want, world_cancel, NULL };

static struct mock_sub *subscribe(struct world *w, int status_min, unsigned events)
{
    struct mock_sub_args args = { .mailbox = w->box,
                                  .site = w->site,
                                  .url = GW_STR("http://gw/1"),
                                  .version = GW_STR("Exchange2010_SP2"),
                                  .account = GW_STR("svc"),
                                  .events = events,
                                  .calendars = 1,
                                  .minutes = status_min };
    struct mock_sub *sub;

    assert_int_equal(mock_sub_add(w->subs, &args, w->now, &sub, NULL), GW_OK);
    return sub;
}

static void world_init(struct world *w, int status_min)
{
    struct mock_subs_args args = { .push = &sender, .push_ctx = w };
    struct mock_mailbox_args box = { .address = GW_STR("ann@example") };

    *w = (struct world){ .now = { 1000, 1000000 } };
    w->org = mock_org_new();
    w->subs = mock_subs_new(&args);
    mock_org_observe(w->org, mock_subs_changed, w->subs);
    assert_int_equal(mock_mailbox_add(w->org, &box, &w->box, NULL), GW_OK);
    w->site = mock_site_get(w->subs, "cas1");
    gw_buf_init(&w->body, MOCK_NOTE_MAX);
    w->sub = subscribe(w, status_min, ~0u);
}

static void world_done(struct world *w)
{
    mock_subs_free(&w->subs);
    mock_org_free(&w->org);
    gw_buf_done(&w->body);
}

/* Lets 'ms' pass; the sender takes at most one call and answers it at once. Returns whether one was
 * sent. */
static bool pass(struct world *w, int64_t ms, enum mock_push_result result)
{
    struct mock_sub *sub;

    w->now.mono += ms;
    w->now.utc += ms;
    mock_subs_tick(w->subs, w->now);
    if (!w->wanted_count)
        return false;
    sub = w->wanted[--w->wanted_count];
    gw_buf_reset(&w->body);
    mock_sub_take(w->subs, sub, w->now);
    mock_note_write(sub, &w->body);
    assert_false(w->body.failed);
    mock_subs_answered(w->subs, sub, result, w->now);
    return true;
}

static bool body_has(const struct world *w, const char *part)
{
    return strstr(w->body.p, part);
}

static const struct mock_item *meeting_add(struct world *w)
{
    struct mock_item_data data = { .start = w->now.utc,
                                   .end = w->now.utc + MINUTE,
                                   .busy = GW_BUSY_BUSY };
    const struct mock_item *item;

    assert_int_equal(mock_item_add(w->org, w->box, &data, NULL, w->now, &item, NULL), GW_OK);
    return item;
}

static void test_first_call_at_once(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 30);
    assert_int_equal(mock_subs_deadline(w.subs), w.now.mono);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_true(body_has(&w, "<t:StatusEvent>"));
    assert_true(body_has(&w, w.sub->id));
    assert_int_equal(mock_subs_deadline(w.subs), w.now.mono + 30 * MINUTE);
    world_done(&w);
}

static void test_idle_ping(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 5);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_false(pass(&w, 5 * MINUTE - 1, MOCK_PUSH_OK));
    assert_true(pass(&w, 1, MOCK_PUSH_OK));
    assert_true(body_has(&w, "<t:StatusEvent>"));
    (void)meeting_add(&w);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_false(pass(&w, 5 * MINUTE - 1, MOCK_PUSH_OK));
    assert_true(pass(&w, 1, MOCK_PUSH_OK));
    assert_int_equal(w.sub->count.status, 3);
    assert_int_equal(w.sub->count.events, 3);
    world_done(&w);
}

/* StatusFrequency, and the waits in seconds before it is given up. */
static const struct {
    int status_min;
    int waits[8];
} retry_case[] = {
    { 1, { 30, 60 } },
    { 2, { 30, 60, 120 } },
    { 5, { 30, 60, 120, 240 } },
    { 30, { 30, 60, 120, 240, 480, 960 } },
    { 32, { 30, 60, 120, 240, 480, 960, 1920 } },
};

static void test_retry_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(retry_case) / sizeof(*retry_case); i++) {
        struct world w;

        world_init(&w, retry_case[i].status_min);
        assert_true(pass(&w, 0, MOCK_PUSH_NOTHING));
        for (const int *wait = retry_case[i].waits; *wait; wait++) {
            assert_int_equal(mock_subs_count(w.subs), 1);
            assert_false(pass(&w, (int64_t)*wait * 1000 - 1, MOCK_PUSH_NOTHING));
            assert_true(pass(&w, 1, MOCK_PUSH_NOTHING));
        }
        assert_int_equal(mock_subs_count(w.subs), 0);
        assert_int_equal(mock_subs_totals(w.subs)->given_up, 1);
        assert_int_equal(mock_subs_deadline(w.subs), GW_NEVER);
        assert_int_equal(w.box->sub_count, 0);
        world_done(&w);
    }
}

static void test_minute_scales(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 2);
    mock_subs_set_minute(w.subs, 1000);
    assert_true(pass(&w, 0, MOCK_PUSH_NOTHING));
    assert_true(pass(&w, 500, MOCK_PUSH_NOTHING));
    assert_true(pass(&w, 1000, MOCK_PUSH_OK));
    assert_false(pass(&w, 1999, MOCK_PUSH_OK));
    assert_true(pass(&w, 1, MOCK_PUSH_OK));
    world_done(&w);
}

/* What could not be delivered is in the next try, with what came meanwhile. */
static void test_retry_keeps_events(void **state)
{
    struct world w;
    const struct mock_item *item;

    (void)state;
    world_init(&w, 5);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    item = meeting_add(&w);
    assert_true(pass(&w, 0, MOCK_PUSH_NOTHING));
    mock_item_delete(w.org, item, false, w.now);
    assert_false(pass(&w, 29999, MOCK_PUSH_OK));
    assert_true(pass(&w, 1, MOCK_PUSH_OK));
    assert_true(body_has(&w, "<t:CreatedEvent>"));
    assert_true(body_has(&w, "<t:DeletedEvent>"));
    assert_int_equal(w.sub->queued, 0);
    assert_int_equal(w.sub->acked, w.box->event);
    world_done(&w);
}

static void test_unsubscribe_ends(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 5);
    assert_true(pass(&w, 0, MOCK_PUSH_UNSUBSCRIBE));
    assert_int_equal(mock_subs_count(w.subs), 0);
    assert_int_equal(mock_subs_totals(w.subs)->unsubscribed, 1);
    (void)meeting_add(&w);
    assert_false(pass(&w, 60 * MINUTE, MOCK_PUSH_OK));
    world_done(&w);
}

static void test_only_subscribed_events(void **state)
{
    struct world w;
    struct mock_sub *narrow;

    (void)state;
    world_init(&w, 5);
    narrow = subscribe(&w, 5, 1u << MOCK_EVENT_DELETED);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    while (w.wanted_count)
        assert_true(pass(&w, 0, MOCK_PUSH_OK));
    (void)meeting_add(&w);
    assert_int_equal(narrow->queued, 0);
    assert_int_equal(w.sub->queued, 3);
    world_done(&w);
}

static void test_many_events_come_in_batches(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 5);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    for (int i = 0; i < 50; i++)
        (void)meeting_add(&w);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_true(body_has(&w, "<t:MoreEvents>true"));
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_true(body_has(&w, "<t:MoreEvents>false"));
    assert_int_equal(w.sub->count.events, 150);
    world_done(&w);
}

static void test_too_many_events_break_it(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 1440);
    assert_true(pass(&w, 0, MOCK_PUSH_NOTHING));
    for (int i = 0; i <= MOCK_SUB_EVENTS_MAX / 3; i++)
        (void)meeting_add(&w);
    assert_true(w.sub->broken);
    assert_true(pass(&w, 0, MOCK_PUSH_NOTHING)); /* at once, and whatever the answer is */
    assert_true(body_has(&w, "ErrorReadEventsFailed"));
    assert_int_equal(mock_subs_count(w.subs), 0);
    world_done(&w);
}

static void test_broken_while_sending(void **state)
{
    struct world w;
    struct mock_sub *sub;

    (void)state;
    world_init(&w, 5);
    mock_subs_tick(w.subs, w.now);
    sub = w.wanted[--w.wanted_count];
    mock_sub_take(w.subs, sub, w.now);
    mock_sub_break(w.subs, sub, w.now);
    mock_subs_answered(w.subs, sub, MOCK_PUSH_OK, w.now);
    assert_int_equal(mock_subs_count(w.subs), 1);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_true(body_has(&w, "ErrorReadEventsFailed"));
    assert_int_equal(mock_subs_count(w.subs), 0);
    world_done(&w);
}

static void test_down_sends_nothing_up_sends_at_once(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 1);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    mock_site_set_running(w.subs, w.site, false, w.now);
    (void)meeting_add(&w);
    assert_false(pass(&w, 60 * MINUTE, MOCK_PUSH_OK));
    mock_site_set_running(w.subs, w.site, true, w.now);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_true(body_has(&w, "<t:CreatedEvent>"));
    world_done(&w);
}

static void test_down_while_sending(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 1);
    mock_subs_tick(w.subs, w.now);
    mock_sub_take(w.subs, w.wanted[--w.wanted_count], w.now);
    mock_site_set_running(w.subs, w.site, false, w.now);
    assert_int_equal(w.cancels, 1);
    assert_int_equal(w.sub->state, MOCK_SUB_IDLE);
    assert_int_equal(mock_site_lose(w.subs, w.site), 1);
    assert_int_equal(mock_subs_count(w.subs), 0);
    world_done(&w);
}

static void test_limit_of_a_mailbox(void **state)
{
    struct mock_sub_args args;
    struct mock_sub *sub;
    struct world w;
    struct gw_err err;

    (void)state;
    world_init(&w, 1);
    mock_subs_set_limit(w.subs, 1);
    args = (struct mock_sub_args){ .mailbox = w.box, .site = w.site, .url = GW_STR("http://x") };
    assert_int_equal(mock_sub_add(w.subs, &args, w.now, &sub, &err), GW_LIMIT);
    mock_sub_lose(w.subs, w.sub);
    assert_int_equal(mock_sub_add(w.subs, &args, w.now, &sub, &err), GW_OK);
    world_done(&w);
}

static void test_resume(void **state)
{
    struct mock_sub_args args;
    struct mock_sub *sub;
    struct world w;

    (void)state;
    world_init(&w, 1);
    assert_true(pass(&w, 0, MOCK_PUSH_UNSUBSCRIBE));
    args = (struct mock_sub_args){ .mailbox = w.box,
                                   .site = w.site,
                                   .url = GW_STR("http://x"),
                                   .events = ~0u,
                                   .calendars = 1,
                                   .minutes = 1,
                                   .resume = true,
                                   .after = w.box->event };
    (void)meeting_add(&w);
    assert_int_equal(mock_sub_add(w.subs, &args, w.now, &sub, NULL), GW_OK);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_true(body_has(&w, "<t:FolderId "));
    assert_int_equal(sub->acked, w.box->event);
    world_done(&w);
}

static void mishap(struct world *w, enum mock_mishap_kind kind, int64_t count)
{
    struct mock_mishap m = {
        .kind = kind, .left = count, .probability = 1, .delay_ms = 5000, .batch = 2
    };

    assert_int_equal(mock_mishaps_add(mock_subs_mishaps(w->subs), &m, NULL), GW_OK);
}

/* Each save is three events: created, free/busy, the folder's. */
static void test_mishaps_of_events(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 5);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    mishap(&w, MOCK_MISHAP_DROP, 1);
    (void)meeting_add(&w);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_false(body_has(&w, "<t:CreatedEvent>"));
    assert_true(body_has(&w, "<t:FreeBusyChangedEvent>"));
    mishap(&w, MOCK_MISHAP_DUPLICATE, 1);
    (void)meeting_add(&w);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_int_equal(w.sub->count.events, 2 + 4);
    mishap(&w, MOCK_MISHAP_MORE, 1);
    (void)meeting_add(&w);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_true(body_has(&w, "<t:MoreEvents>true"));
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_true(body_has(&w, "<t:MoreEvents>false"));
    mishap(&w, MOCK_MISHAP_REORDER, 1);
    (void)meeting_add(&w);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_true(strstr(w.body.p, "<t:CreatedEvent>") > strstr(w.body.p, "<t:ModifiedEvent>"));
    assert_int_equal(w.sub->acked, w.box->event);
    mishap(&w, MOCK_MISHAP_DELAY, 1);
    (void)meeting_add(&w);
    assert_false(pass(&w, 4999, MOCK_PUSH_OK));
    assert_true(pass(&w, 1, MOCK_PUSH_OK));
    assert_true(body_has(&w, "<t:CreatedEvent>"));
    world_done(&w);
}

static void test_mishaps_of_subscriptions(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 5);
    mishap(&w, MOCK_MISHAP_SILENCE, 2);
    assert_false(pass(&w, 0, MOCK_PUSH_OK));
    assert_false(pass(&w, 5 * MINUTE, MOCK_PUSH_OK));
    assert_true(pass(&w, 5 * MINUTE, MOCK_PUSH_OK));
    mishap(&w, MOCK_MISHAP_BREAK, 1);
    (void)meeting_add(&w);
    assert_true(pass(&w, 0, MOCK_PUSH_OK));
    assert_true(body_has(&w, "ErrorReadEventsFailed"));
    assert_int_equal(mock_subs_count(w.subs), 0);
    w.sub = subscribe(&w, 5, ~0u);
    (void)subscribe(&w, 5, ~0u);
    mishap(&w, MOCK_MISHAP_LOSE, 1);
    (void)meeting_add(&w);
    assert_int_equal(mock_subs_count(w.subs), 1);
    assert_int_equal(mock_subs_totals(w.subs)->lost, 1);
    world_done(&w);
}

/* The same seed, the same events; and only those of whom it is meant for. */
static void test_mishaps_by_chance(void **state)
{
    struct mock_mishap m = {
        .kind = MOCK_MISHAP_DROP, .left = MOCK_MISHAP_FOREVER, .probability = 0.3, .random = 7
    };
    size_t queued[3];

    (void)state;
    for (int run = 0; run < 3; run++) {
        struct world w;

        world_init(&w, 5);
        m.site = run == 2 ? mock_site_get(w.subs, "elsewhere") : NULL;
        assert_int_equal(mock_mishaps_add(mock_subs_mishaps(w.subs), &m, NULL), GW_OK);
        for (int i = 0; i < 100; i++)
            (void)meeting_add(&w);
        queued[run] = w.sub->queued;
        world_done(&w);
    }
    assert_in_range(queued[0], 180, 240);
    assert_int_equal(queued[0], queued[1]);
    assert_int_equal(queued[2], 300);
}

#define ENVELOPE(body)                                                                             \
    "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' "                             \
    "xmlns:m='http://schemas.microsoft.com/exchange/services/2006/messages'><s:Body>" body         \
    "</s:Body></s:Envelope>"
#define RESULT(word)                                                                               \
    ENVELOPE("<m:SendNotificationResult><m:SubscriptionStatus>" word                               \
             "</m:SubscriptionStatus></m:SendNotificationResult>")

static const struct {
    int status;
    const char *body;
    enum mock_push_result result;
} answer_case[] = {
    { 200, RESULT("OK"), MOCK_PUSH_OK },
    { 200, "<?xml version='1.0'?>" RESULT("\n OK "), MOCK_PUSH_OK },
    { 200, RESULT("Unsubscribe"), MOCK_PUSH_UNSUBSCRIBE },
    { 200, RESULT("Ok"), MOCK_PUSH_NOTHING },
    { 200, RESULT(""), MOCK_PUSH_NOTHING },
    { 202, RESULT("OK"), MOCK_PUSH_NOTHING },
    { 500, RESULT("OK"), MOCK_PUSH_NOTHING },
    { 200, "", MOCK_PUSH_NOTHING },
    { 200, "OK", MOCK_PUSH_NOTHING },
    { 200, "<SendNotificationResult/>", MOCK_PUSH_NOTHING },
    { 200, ENVELOPE(""), MOCK_PUSH_NOTHING },
    { 200, "<html><body>OK</body></html>", MOCK_PUSH_NOTHING },
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(answer_case) / sizeof(*answer_case); i++)
        assert_int_equal(
            mock_note_answer_parse(answer_case[i].status, gw_str_of(answer_case[i].body)),
            answer_case[i].result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_call_at_once),
        cmocka_unit_test(test_idle_ping),
        cmocka_unit_test(test_retry_rule),
        cmocka_unit_test(test_minute_scales),
        cmocka_unit_test(test_retry_keeps_events),
        cmocka_unit_test(test_unsubscribe_ends),
        cmocka_unit_test(test_only_subscribed_events),
        cmocka_unit_test(test_many_events_come_in_batches),
        cmocka_unit_test(test_too_many_events_break_it),
        cmocka_unit_test(test_broken_while_sending),
        cmocka_unit_test(test_down_sends_nothing_up_sends_at_once),
        cmocka_unit_test(test_down_while_sending),
        cmocka_unit_test(test_limit_of_a_mailbox),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_mishaps_of_events),
        cmocka_unit_test(test_mishaps_of_subscriptions),
        cmocka_unit_test(test_mishaps_by_chance),
        cmocka_unit_test(test_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
