/* Pull and streaming subscriptions through the service, on virtual time, with streams that write into
 * a buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock_mishap.h"
#include "mock_names.h"
#include "mock_service.h"

enum { MINUTE = 60000, USERS = 3, PIPES = 3 };

/* Where a stream writes to. */
struct pipe {
    struct mock_stream *stream;
    struct gw_buf out;
    bool slow, ended, cut;
};

struct world {
    struct mock_service service;
    struct mock_site *site[2];
    struct mock_cas_place place[2];
    struct mock_route route;
    struct mock_mailbox *box[USERS];
    struct gw_now now;
    struct mock_served served;
    struct gw_buf out; /* the last answer */
    struct pipe pipe[PIPES];
    const char *account;
    char watermark[64];
};

static enum gw_code pipe_write(void *ctx, struct gw_str doc)
{
    struct pipe *pipe = ctx;

    if (pipe->slow)
        return GW_LIMIT;
    gw_buf_add_str(&pipe->out, doc);
    return GW_OK;
}

static void pipe_end(void *ctx, bool cut)
{
    struct pipe *pipe = ctx;

    pipe->stream = NULL;
    pipe->ended = true;
    pipe->cut = cut;
}

static const struct mock_stream_out pipe_out = { pipe_write, pipe_end };

static void push_nothing(void *ctx, struct mock_sub *sub)
{
    (void)ctx;
    (void)sub;
}

static const struct mock_sender push = { push_nothing, push_nothing, NULL };

static void world_init(struct world *w, const char *version)
{
    struct mock_subs_args subs = { .push = &push };

    *w = (struct world){ .now = { 1000, 1000000000 }, .account = "svc" };
    w->service.org = mock_org_new();
    w->service.subs = mock_subs_new(&subs);
    w->service.places = mock_places_new();
    mock_service_defaults(&w->service);
    w->service.product = mock_product_find(gw_str_of(version));
    w->service.streams = mock_streams_new(&w->service);
    mock_org_observe(w->service.org, mock_subs_changed, w->service.subs);
    for (int i = 0; i < USERS; i++) {
        static const char *const address[USERS] = { "ann@example", "bob@example", "cid@example" };
        struct mock_mailbox_args box = { .address = gw_str_of(address[i]) };

        assert_int_equal(mock_mailbox_add(w->service.org, &box, &w->box[i], NULL), GW_OK);
    }
    for (int i = 0; i < 2; i++) {
        struct mock_account_args account = { .name = gw_str_of(i ? "other" : "svc"),
                                             .rights = MOCK_RIGHTS_ALL };

        assert_int_equal(mock_account_put(w->service.org, &account, NULL), GW_OK);
        w->site[i] = mock_site_get(w->service.subs, i ? "cas2" : "cas1");
    }
    for (int i = 0; i < PIPES; i++)
        gw_buf_init(&w->pipe[i].out, 1 << 20);
    gw_buf_init(&w->out, MOCK_ANSWER_MAX);
}

static void world_done(struct world *w)
{
    for (int i = 0; i < PIPES; i++) {
        mock_stream_free(&w->pipe[i].stream, w->now);
        gw_buf_done(&w->pipe[i].out);
    }
    mock_subs_free(&w->service.subs);
    mock_streams_free(&w->service.streams);
    mock_places_free(&w->service.places);
    mock_org_free(&w->service.org);
    gw_buf_done(&w->out);
}

static const char *serve_at(struct world *w, int site, int user, const char *body)
{
    struct mock_request request = { .account =
                                        mock_account_find(w->service.org, gw_str_of(w->account)),
                                    .site = w->site[site],
                                    .place = &w->place[site],
                                    .route = w->route };
    struct gw_buf text;

    gw_buf_init(&text, 1 << 20);
    gw_buf_addf(&text,
                "<s:Envelope xmlns:s='" MOCK_NS_SOAP "' xmlns:t='" MOCK_NS_TYPES
                "' xmlns:m='" MOCK_NS_MESSAGES "'><s:Header>"
                "<t:RequestServerVersion Version='Exchange2010_SP1'/><t:ExchangeImpersonation>"
                "<t:ConnectingSID><t:PrimarySmtpAddress>%s</t:PrimarySmtpAddress>"
                "</t:ConnectingSID></t:ExchangeImpersonation></s:Header><s:Body>%s</s:Body>"
                "</s:Envelope>",
                w->box[user]->address, body);
    request.body = gw_buf_str(&text);
    gw_buf_reset(&w->out);
    mock_service_serve(&w->service, &request, w->now, &w->out, &w->served);
    gw_buf_done(&text);
    return w->out.p;
}

static const char *serve(struct world *w, int user, const char *body)
{
    return serve_at(w, 0, user, body);
}

static bool says(const struct world *w, const char *part)
{
    return strstr(w->out.p, part);
}

/* The text of the first element of that name in the last answer. */
static void text_of(const struct world *w, const char *element, char *out, size_t len)
{
    const char *start = strstr(w->out.p, element);

    assert_non_null(start);
    start += strlen(element);
    snprintf(out, len, "%.*s", (int)strcspn(start, "<"), start);
}

#define EVENT_TYPES                                                                                \
    "<t:EventTypes><t:EventType>CreatedEvent</t:EventType><t:EventType>ModifiedEvent"              \
    "</t:EventType></t:EventTypes>"
#define FOLDERS "<t:FolderIds><t:DistinguishedFolderId Id='calendar'/></t:FolderIds>"

static struct mock_sub *subscribe(struct world *w, int user, bool pull)
{
    char id[200];

    serve(w, user,
          pull ? "<m:Subscribe><m:PullSubscriptionRequest>" FOLDERS EVENT_TYPES
                 "<t:Timeout>10</t:Timeout></m:PullSubscriptionRequest></m:Subscribe>"
               : "<m:Subscribe><m:StreamingSubscriptionRequest>" FOLDERS EVENT_TYPES
                 "</m:StreamingSubscriptionRequest></m:Subscribe>");
    assert_int_equal(w->served.status, 200);
    text_of(w, "<m:SubscriptionId>", id, sizeof(id));
    if (pull)
        text_of(w, "<m:Watermark>", w->watermark, sizeof(w->watermark));
    else
        assert_false(says(w, "Watermark"));
    return mock_sub_by_id(w->service.subs, gw_str_of(id));
}

static void meeting_add(struct world *w, int user)
{
    struct mock_item_data data = { .start = w->now.utc,
                                   .end = w->now.utc + MINUTE,
                                   .busy = GW_BUSY_BUSY };

    assert_int_equal(mock_item_add(w->service.org, w->box[user], &data, NULL, w->now, NULL, NULL),
                     GW_OK);
}

static void pass(struct world *w, int64_t ms)
{
    w->now.mono += ms;
    w->now.utc += ms;
    mock_subs_tick(w->service.subs, w->now);
    mock_streams_tick(w->service.streams, w->now);
}

static void test_folders(void **state)
{
    static const struct {
        const char *folders, *code;
    } folders_case[] = {
        { "<t:DistinguishedFolderId Id='calendar'/><t:DistinguishedFolderId Id='inbox'/>",
          "NoError" },
        { "<t:DistinguishedFolderId Id='calendar'><t:Mailbox><t:EmailAddress>bob@example"
          "</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>",
          "ErrorSubscriptionDelegateAccessNotSupported" },
        { "<t:DistinguishedFolderId Id='calendar'/><t:DistinguishedFolderId "
          "Id='calendar'><t:Mailbox>"
          "<t:EmailAddress>bob@example</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>",
          "ErrorInvalidSubscriptionRequest" },
        { "<t:DistinguishedFolderId Id='nothing'/>", "ErrorFolderNotFound" },
    };
    struct world w;

    (void)state;
    world_init(&w, "2019");
    for (size_t i = 0; i < sizeof(folders_case) / sizeof(*folders_case); i++) {
        char body[1000];

        snprintf(
            body, sizeof(body),
            "<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds>%s</t:FolderIds>" EVENT_TYPES
            "</m:StreamingSubscriptionRequest></m:Subscribe>",
            folders_case[i].folders);
        serve(&w, 0, body);
        assert_true(says(&w, folders_case[i].code));
    }
    world_done(&w);
}

/* --- pull --- */

static const char *get_events(struct world *w, const char *id, const char *watermark)
{
    char body[600];

    snprintf(body, sizeof(body),
             "<m:GetEvents><m:SubscriptionId>%s</m:SubscriptionId><m:Watermark>%s</m:Watermark>"
             "</m:GetEvents>",
             id, watermark);
    return serve(w, 0, body);
}

static void test_pull(void **state)
{
    struct world w;
    struct mock_sub *sub;

    (void)state;
    world_init(&w, "2019");
    sub = subscribe(&w, 0, true);
    get_events(&w, sub->id, w.watermark);
    assert_true(says(&w, "<t:StatusEvent>"));
    assert_true(says(&w, "<t:MoreEvents>false"));
    meeting_add(&w, 0);
    meeting_add(&w, 1);
    pass(&w, 9 * MINUTE);
    for (int i = 0; i < 2; i++) { /* until it is said that they were read, they come again */
        get_events(&w, sub->id, w.watermark);
        assert_true(says(&w, "<t:CreatedEvent>"));
        assert_true(says(&w, "<t:ModifiedEvent>"));
        assert_true(says(&w, w.watermark));
    }
    snprintf(w.watermark, sizeof(w.watermark), "%s",
             mock_id_watermark(w.box[0]->number, w.box[0]->event).s);
    get_events(&w, sub->id, w.watermark);
    assert_true(says(&w, "<t:StatusEvent>"));
    get_events(&w, sub->id, mock_id_watermark(w.box[0]->number, 1).s);
    assert_true(says(&w, "ErrorEventNotFound"));
    world_done(&w);
}

static void test_pull_expires(void **state)
{
    struct world w;
    struct mock_sub *sub;
    char id[200];

    (void)state;
    world_init(&w, "2019");
    sub = subscribe(&w, 0, true);
    snprintf(id, sizeof(id), "%s", sub->id);
    pass(&w, 10 * MINUTE - 1);
    get_events(&w, id, w.watermark);
    assert_true(says(&w, "NoError")); /* and its time starts anew */
    pass(&w, 10 * MINUTE - 1);
    assert_int_equal(sub->state, MOCK_SUB_IDLE);
    pass(&w, 1);
    get_events(&w, id, w.watermark);
    assert_true(says(&w, "ErrorExpiredSubscription"));
    get_events(&w, id, w.watermark);
    assert_true(says(&w, "ErrorSubscriptionNotFound"));
    (void)subscribe(&w, 0, true);
    pass(&w, 10 * MINUTE);
    assert_int_equal(mock_subs_count(w.service.subs), 1);
    pass(&w, 10 * MINUTE);
    assert_int_equal(mock_subs_count(w.service.subs), 0);
    world_done(&w);
}

static void test_pull_many_events(void **state)
{
    struct world w;
    struct mock_sub *sub;
    char id[200];

    (void)state;
    world_init(&w, "2019");
    sub = subscribe(&w, 0, true);
    snprintf(id, sizeof(id), "%s", sub->id);
    for (int i = 0; i < 60; i++)
        meeting_add(&w, 0);
    get_events(&w, id, w.watermark);
    assert_true(says(&w, "<t:MoreEvents>true"));
    for (int i = 0; i < MOCK_SUB_EVENTS_MAX; i++)
        meeting_add(&w, 0);
    get_events(&w, id, w.watermark);
    assert_true(says(&w, "ErrorReadEventsFailed"));
    get_events(&w, id, w.watermark);
    assert_true(says(&w, "ErrorSubscriptionNotFound"));
    world_done(&w);
}

static void test_pull_errors(void **state)
{
    struct world w;
    struct mock_sub *sub, *streaming;

    (void)state;
    world_init(&w, "2019");
    sub = subscribe(&w, 0, true);
    streaming = subscribe(&w, 0, false);
    get_events(&w, "x", w.watermark);
    assert_true(says(&w, "ErrorSubscriptionNotFound"));
    get_events(&w, sub->key, w.watermark); /* that is for the control only */
    assert_true(says(&w, "ErrorSubscriptionNotFound"));
    get_events(&w, sub->id, "x");
    assert_true(says(&w, "ErrorInvalidWatermark"));
    get_events(&w, sub->id, mock_id_watermark(w.box[1]->number, 1).s);
    assert_true(says(&w, "ErrorInvalidWatermark"));
    get_events(&w, sub->id, mock_id_watermark(w.box[0]->number, 1000).s);
    assert_true(says(&w, "ErrorInvalidWatermark"));
    get_events(&w, streaming->id, w.watermark);
    assert_true(says(&w, "ErrorInvalidPullSubscriptionId"));
    w.account = "other";
    get_events(&w, sub->id, w.watermark);
    assert_true(says(&w, "ErrorSubscriptionAccessDenied"));
    world_done(&w);
}

/* --- streaming --- */

static const char *stream(struct world *w, int pipe, int user, int minutes, const char *const *ids)
{
    struct pipe *p = &w->pipe[pipe];
    struct gw_buf body;

    gw_buf_init(&body, 1 << 20);
    gw_buf_add_cstr(&body, "<m:GetStreamingEvents><m:SubscriptionIds>");
    for (; *ids; ids++)
        gw_buf_addf(&body, "<t:SubscriptionId>%s</t:SubscriptionId>", *ids);
    gw_buf_addf(&body,
                "</m:SubscriptionIds><m:ConnectionTimeout>%d</m:ConnectionTimeout>"
                "</m:GetStreamingEvents>",
                minutes);
    serve(w, user, body.p);
    gw_buf_done(&body);
    assert_null(p->stream);
    gw_buf_reset(&p->out);
    p->ended = p->cut = p->slow = false;
    p->stream = w->served.stream;
    if (p->stream)
        mock_stream_start(p->stream, &pipe_out, p);
    return w->out.p;
}

static bool piped(struct world *w, int pipe, const char *part)
{
    return w->pipe[pipe].out.len && strstr(w->pipe[pipe].out.p, part);
}

static void test_stream(void **state)
{
    struct world w;
    struct mock_sub *ann, *bob;

    (void)state;
    world_init(&w, "2019");
    ann = subscribe(&w, 0, false);
    bob = subscribe(&w, 1, false);
    stream(&w, 0, 0, 1, (const char *[]){ ann->id, bob->id, bob->id, NULL });
    assert_true(says(&w, "<m:ConnectionStatus>OK<"));
    pass(&w, 10000);
    assert_int_equal(w.pipe[0].out.len, 0);
    meeting_add(&w, 1);
    meeting_add(&w, 2);
    pass(&w, 0);
    assert_true(piped(&w, 0, "<t:CreatedEvent>"));
    assert_true(piped(&w, 0, bob->id));
    assert_false(piped(&w, 0, ann->id));
    assert_false(piped(&w, 0, "Watermark"));
    assert_false(piped(&w, 0, "ConnectionStatus"));
    gw_buf_reset(&w.pipe[0].out);
    pass(&w, MOCK_STREAM_HEARTBEAT_MS - 1);
    assert_int_equal(w.pipe[0].out.len, 0);
    pass(&w, 1);
    assert_true(piped(&w, 0, "<m:ConnectionStatus>OK<"));
    pass(&w, MINUTE - MOCK_STREAM_HEARTBEAT_MS - 10000);
    assert_true(piped(&w, 0, "<m:ConnectionStatus>Closed<"));
    assert_true(w.pipe[0].ended && !w.pipe[0].cut);
    assert_int_equal(mock_streams_count(w.service.streams), 0);
    meeting_add(&w, 0); /* comes with the next connection */
    stream(&w, 0, 0, 30, (const char *[]){ ann->id, NULL });
    pass(&w, 0);
    assert_true(piped(&w, 0, "<t:CreatedEvent>"));
    world_done(&w);
}

/* Minutes as short as seconds: heartbeats and the timeout follow. */
static void test_stream_scales(void **state)
{
    struct world w;
    struct mock_sub *ann;

    (void)state;
    world_init(&w, "2019");
    mock_subs_set_minute(w.service.subs, 1000);
    ann = subscribe(&w, 0, false);
    stream(&w, 0, 0, 2, (const char *[]){ ann->id, NULL });
    pass(&w, 750);
    assert_true(piped(&w, 0, "<m:ConnectionStatus>OK<"));
    pass(&w, 1250);
    assert_true(piped(&w, 0, "<m:ConnectionStatus>Closed<"));
    world_done(&w);
}

static void test_stream_errors(void **state)
{
    struct world w;
    struct mock_sub *ann, *bob, *pull;

    (void)state;
    world_init(&w, "2019");
    ann = subscribe(&w, 0, false);
    bob = subscribe(&w, 1, false);
    pull = subscribe(&w, 0, true);
    stream(&w, 0, 0, 1, (const char *[]){ ann->id, "nonsense", NULL });
    assert_true(says(&w, "ErrorSubscriptionNotFound"));
    assert_true(says(&w, "<m:ErrorSubscriptionIds><t:SubscriptionId>nonsense<"));
    assert_false(says(&w, ann->id));
    assert_true(says(&w, "Closed"));
    assert_null(w.pipe[0].stream);
    stream(&w, 0, 0, 1, (const char *[]){ pull->id, NULL });
    assert_true(says(&w, "ErrorInvalidSubscription<"));
    stream(&w, 0, 0, 31, (const char *[]){ ann->id, NULL });
    assert_true(says(&w, "ErrorSchemaValidation"));
    stream(&w, 0, 0, 1, (const char *[]){ NULL });
    assert_true(says(&w, "ErrorSchemaValidation"));
    w.account = "other";
    stream(&w, 0, 0, 1, (const char *[]){ ann->id, NULL });
    assert_true(says(&w, "ErrorSubscriptionAccessDenied"));
    w.account = "svc";
    /* Whoever comes second takes it away from the first, all of whose others have to come again. */
    stream(&w, 0, 0, 1, (const char *[]){ ann->id, bob->id, NULL });
    stream(&w, 1, 0, 1, (const char *[]){ bob->id, NULL });
    assert_true(piped(&w, 0, "ErrorNewEventStreamConnectionOpened"));
    assert_true(piped(&w, 0, bob->id));
    assert_false(piped(&w, 0, ann->id));
    assert_true(w.pipe[0].ended);
    assert_non_null(w.pipe[1].stream);
    world_done(&w);
}

static void test_stream_unsubscribe_and_loss(void **state)
{
    struct world w;
    struct mock_sub *ann, *bob;
    char body[400];

    (void)state;
    world_init(&w, "2019");
    ann = subscribe(&w, 0, false);
    bob = subscribe(&w, 1, false);
    stream(&w, 0, 0, 1, (const char *[]){ ann->id, bob->id, NULL });
    mock_sub_lose(w.service.subs, bob); /* without a word */
    pass(&w, 0);
    assert_int_equal(w.pipe[0].out.len, 0);
    snprintf(body, sizeof(body),
             "<m:Unsubscribe><m:SubscriptionId>%s</m:SubscriptionId></m:Unsubscribe>", ann->id);
    serve(&w, 0, body);
    assert_true(says(&w, "NoError"));
    assert_true(piped(&w, 0, "ErrorSubscriptionUnsubscribed"));
    assert_true(w.pipe[0].ended);
    assert_int_equal(mock_subs_count(w.service.subs), 0);
    serve(&w, 0, body);
    assert_true(says(&w, "ErrorSubscriptionNotFound"));
    world_done(&w);
}

static void test_stream_overflow(void **state)
{
    struct world w;
    struct mock_sub *ann;

    (void)state;
    world_init(&w, "2019");
    ann = subscribe(&w, 0, false);
    for (int i = 0; i <= MOCK_SUB_EVENTS_MAX / 2; i++)
        meeting_add(&w, 0);
    stream(&w, 0, 0, 1, (const char *[]){ ann->id, NULL });
    pass(&w, 0);
    assert_true(piped(&w, 0, "ErrorMissedNotificationEvents"));
    assert_true(piped(&w, 0, "Closed"));
    assert_true(w.pipe[0].ended);
    assert_int_equal(mock_subs_count(w.service.subs), 0);
    world_done(&w);
}

/* Who does not read gets the events later. */
static void test_stream_slow(void **state)
{
    struct world w;
    struct mock_sub *ann;

    (void)state;
    world_init(&w, "2019");
    ann = subscribe(&w, 0, false);
    stream(&w, 0, 0, 30, (const char *[]){ ann->id, NULL });
    w.pipe[0].slow = true;
    meeting_add(&w, 0);
    pass(&w, 0);
    pass(&w, 5000);
    assert_int_equal(w.pipe[0].out.len, 0);
    w.pipe[0].slow = false;
    meeting_add(&w, 0);
    pass(&w, 2000);
    assert_true(piped(&w, 0, "<t:CreatedEvent>"));
    assert_int_equal(ann->queued, 0);
    assert_int_equal(ann->count.events, 4);
    world_done(&w);
}

/* The client is gone: what comes meanwhile is kept for its next connection. */
static void test_stream_gone(void **state)
{
    struct world w;
    struct mock_sub *ann;

    (void)state;
    world_init(&w, "2019");
    ann = subscribe(&w, 0, false);
    stream(&w, 0, 0, 30, (const char *[]){ ann->id, NULL });
    meeting_add(&w, 0);
    mock_subs_tick(w.service.subs, w.now); /* it is wanted, and not yet taken */
    mock_stream_free(&w.pipe[0].stream, w.now);
    pass(&w, MINUTE);
    stream(&w, 0, 0, 30, (const char *[]){ ann->id, NULL });
    pass(&w, 0);
    assert_true(piped(&w, 0, "<t:CreatedEvent>"));
    world_done(&w);
}

/* Nobody reads it for half an hour: then it is forgotten, whether somebody ever did or not. */
static void test_stream_unread(void **state)
{
    struct world w;
    struct mock_sub *ann, *bob;

    (void)state;
    world_init(&w, "2019");
    ann = subscribe(&w, 0, false);
    bob = subscribe(&w, 1, false);
    pass(&w, 29 * MINUTE);
    stream(&w, 0, 0, 1, (const char *[]){ bob->id, NULL });
    meeting_add(&w, 0); /* keeps nothing alive */
    pass(&w, MINUTE - 1);
    assert_int_equal(mock_subs_count(w.service.subs), 2);
    assert_int_equal(ann->state, MOCK_SUB_IDLE);
    pass(&w, 1); /* ann's time is over, and bob's connection closes */
    assert_int_equal(mock_subs_count(w.service.subs), 1);
    pass(&w, 30 * MINUTE - 1);
    assert_int_equal(mock_subs_count(w.service.subs), 1);
    pass(&w, 1);
    assert_int_equal(mock_subs_count(w.service.subs), 0);
    assert_int_equal(mock_subs_totals(w.service.subs)->expired, 2);
    world_done(&w);
}

static void test_stream_limits(void **state)
{
    const char *ids[MOCK_STREAM_SUBS_MAX + 2] = { NULL };
    struct mock_sub *sub[4];
    struct world w;

    (void)state;
    world_init(&w, "2013");
    for (int i = 0; i < 4; i++)
        sub[i] = subscribe(&w, i % 2, false);
    for (int i = 0; i < 3; i++) {
        stream(&w, i, 0, 30, (const char *[]){ sub[i]->id, NULL });
        assert_true(says(&w, "NoError"));
    }
    mock_stream_free(&w.pipe[2].stream, w.now);
    stream(&w, 2, 1, 30, (const char *[]){ sub[2]->id, NULL }); /* charged to another mailbox */
    assert_true(says(&w, "NoError"));
    mock_stream_free(&w.pipe[2].stream, w.now);
    stream(&w, 2, 0, 30, (const char *[]){ sub[2]->id, NULL });
    w.served.stream = NULL;
    serve(&w, 0,
          "<m:GetStreamingEvents><m:SubscriptionIds><t:SubscriptionId>x</t:SubscriptionId>"
          "</m:SubscriptionIds><m:ConnectionTimeout>1</m:ConnectionTimeout>"
          "</m:GetStreamingEvents>");
    assert_true(says(&w, "ErrorSubscriptionNotFound"));
    assert_int_equal(mock_streams_of(w.service.streams, w.box[0]), 3);
    world_done(&w);

    world_init(&w, "2013");
    for (int i = 0; i < 4; i++)
        sub[i] = subscribe(&w, 0, false);
    for (int i = 0; i < PIPES; i++)
        stream(&w, i, 0, 30, (const char *[]){ sub[i]->id, NULL });
    {
        char body[400];

        snprintf(body, sizeof(body),
                 "<m:GetStreamingEvents><m:SubscriptionIds><t:SubscriptionId>%s</t:SubscriptionId>"
                 "</m:SubscriptionIds><m:ConnectionTimeout>1</m:ConnectionTimeout>"
                 "</m:GetStreamingEvents>",
                 sub[3]->id);
        serve(&w, 0, body);
    }
    assert_true(says(&w, "ErrorExceededConnectionCount"));
    mock_stream_free(&w.pipe[0].stream, w.now);
    for (int i = 0; i <= MOCK_STREAM_SUBS_MAX; i++)
        ids[i] = sub[0]->id;
    stream(&w, 0, 0, 30, ids);
    assert_true(says(&w, "ErrorInvalidRequest"));
    ids[MOCK_STREAM_SUBS_MAX] = NULL;
    stream(&w, 0, 0, 30, ids);
    assert_true(says(&w, "NoError"));
    world_done(&w);
}

static void mishap(struct world *w, enum mock_mishap_kind kind)
{
    struct mock_mishap m = { .kind = kind, .left = 1, .probability = 1, .delay_ms = 5000 };

    assert_int_equal(mock_mishaps_add(mock_subs_mishaps(w->service.subs), &m, NULL), GW_OK);
}

static void test_stream_mishaps(void **state)
{
    struct world w;
    struct mock_sub *ann;

    (void)state;
    world_init(&w, "2019");
    ann = subscribe(&w, 0, false);
    stream(&w, 0, 0, 30, (const char *[]){ ann->id, NULL });
    mishap(&w, MOCK_MISHAP_SILENCE);
    pass(&w, MOCK_STREAM_HEARTBEAT_MS);
    assert_int_equal(w.pipe[0].out.len, 0);
    pass(&w, MOCK_STREAM_HEARTBEAT_MS);
    assert_true(piped(&w, 0, "<m:ConnectionStatus>OK<"));
    gw_buf_reset(&w.pipe[0].out);
    meeting_add(&w, 0);
    mock_subs_tick(w.service.subs, w.now);
    mishap(&w, MOCK_MISHAP_DELAY); /* of what comes while an event is wanted already */
    meeting_add(&w, 0);
    pass(&w, 4999);
    assert_int_equal(w.pipe[0].out.len, 0);
    pass(&w, 2000);
    assert_true(piped(&w, 0, "<t:CreatedEvent>"));
    assert_false(piped(&w, 0, "StatusEvent"));
    mishap(&w, MOCK_MISHAP_CUT);
    meeting_add(&w, 0);
    pass(&w, 0);
    assert_true(w.pipe[0].ended && w.pipe[0].cut);
    stream(&w, 0, 0, 30, (const char *[]){ ann->id, NULL });
    pass(&w, 0);
    assert_true(piped(&w, 0, "<t:CreatedEvent>")); /* nothing was lost by that */
    world_done(&w);
}

/* Up to 2010 the server that was asked for it has it, and no other. */
static void test_where_it_lives(void **state)
{
    static const struct {
        const char *version;
        bool found;
    } product[] = { { "2010", false }, { "2013", true }, { "2019", true } };

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct mock_sub *sub;
        char body[400];
        struct world w;

        world_init(&w, product[i].version);
        sub = subscribe(&w, 0, true);
        snprintf(body, sizeof(body),
                 "<m:GetEvents><m:SubscriptionId>%s</m:SubscriptionId><m:Watermark>%s</m:Watermark>"
                 "</m:GetEvents>",
                 sub->id, w.watermark);
        serve_at(&w, 1, 0, body);
        assert_int_equal(says(&w, "NoError"), product[i].found);
        serve_at(&w, 0, 0, body);
        assert_true(says(&w, "NoError"));
        world_done(&w);
    }
}

static const char *read_by(struct world *w, const struct mock_sub *sub, const char *cookies,
                           const char *anchor)
{
    char body[500];

    w->route = (struct mock_route){ gw_str_of(cookies), gw_str_of(anchor), cookies != NULL };
    snprintf(body, sizeof(body),
             "<m:GetEvents><m:SubscriptionId>%s</m:SubscriptionId><m:Watermark>%s</m:Watermark>"
             "</m:GetEvents>",
             sub->id, w->watermark);
    return serve(w, 0, body);
}

/* Since 2013: the cookie of the anchor's Subscribe leads to its server, and nothing else does when the
 * request is made for a mailbox that lives elsewhere. */
static void test_affinity(void **state)
{
    struct world w;
    struct mock_sub *sub;

    (void)state;
    world_init(&w, "2019");
    w.service.affinity = true;
    assert_int_equal(
        mock_database_put(w.service.places, GW_STR("DB2"), GW_STR("mbx2"), GW_STR("berlin"), NULL),
        GW_OK);
    assert_int_equal(
        mock_mailbox_move(w.service.places, w.box[1], GW_STR("db2"), 0, w.now.mono, NULL), GW_OK);
    w.route = (struct mock_route){ .anchor = GW_STR("bob@example"), .prefer = true };
    sub = subscribe(&w, 0, true);
    assert_string_equal(sub->backend, "mbx2");
    assert_non_null(strstr(w.served.set_cookie, "X-BackEndOverrideCookie=mbx2~"));
    read_by(&w, sub, NULL, NULL);
    assert_true(says(&w, "ErrorSubscriptionNotFound"));
    read_by(&w, sub, "a=b; X-BackEndOverrideCookie=mbx2~1943310282;c=d", NULL);
    assert_true(says(&w, "NoError"));
    assert_int_equal(w.served.set_cookie[0], 0);
    read_by(&w, sub, NULL, "bob@example");
    assert_true(says(&w, "NoError"));
    read_by(&w, sub, "X-BackEndOverrideCookie=mbx1~1", "bob@example");
    assert_true(says(&w, "ErrorSubscriptionNotFound"));
    world_done(&w);
}

static void test_affinity_2010(void **state)
{
    char cookie[100];
    struct world w;
    struct mock_sub *sub;

    (void)state;
    world_init(&w, "2010");
    w.service.affinity = true;
    sub = subscribe(&w, 0, true);
    snprintf(cookie, sizeof(cookie), "%.*s", (int)strcspn(w.served.set_cookie, ";"),
             w.served.set_cookie);
    assert_int_equal(strncmp(cookie, "exchangecookie=", 15), 0);
    read_by(&w, sub, cookie, NULL);
    assert_true(says(&w, "NoError"));
    read_by(&w, sub, NULL, NULL);
    assert_true(says(&w, "ErrorSubscriptionNotFound"));
    world_done(&w);
}

static void test_moves(void **state)
{
    static const char folder[] = "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape>"
                                 "</m:FolderShape><m:FolderIds><t:DistinguishedFolderId "
                                 "Id='calendar'/></m:FolderIds></m:GetFolder>";
    struct gw_err err;
    struct world w;

    (void)state;
    world_init(&w, "2019");
    assert_int_equal(
        mock_database_put(w.service.places, GW_STR("DB2"), GW_STR("mbx2"), GW_STR("berlin"), NULL),
        GW_OK);
    assert_int_equal(
        mock_database_put(w.service.places, GW_STR("a b"), GW_STR(""), GW_STR(""), &err),
        GW_INVALID);
    assert_int_equal(
        mock_mailbox_move(w.service.places, w.box[0], GW_STR("DB9"), 0, w.now.mono, &err),
        GW_NOTFOUND);
    assert_int_equal(mock_cas_place_set(&w.place[0], GW_STR("berlin"), mock_refusals[0], NULL),
                     GW_OK);
    serve(&w, 0, folder);
    assert_true(says(&w, mock_refusals[0]));
    serve_at(&w, 1, 0, folder); /* that one stands nowhere, and serves all */
    assert_true(says(&w, "NoError"));
    assert_int_equal(
        mock_mailbox_move(w.service.places, w.box[0], GW_STR("DB2"), 5000, w.now.mono, NULL),
        GW_OK);
    serve_at(&w, 1, 0, folder);
    assert_true(says(&w, "ErrorMailboxMoveInProgress"));
    assert_string_equal(mock_database_of(w.service.places, w.box[0], w.now.mono)->name, "DB1");
    pass(&w, 5000);
    serve(&w, 0, folder);
    assert_true(says(&w, "NoError"));
    world_done(&w);
}

/* What is not said about a database is as the first one has it, also when it is that one. */
static void test_databases(void **state)
{
    struct mock_places *places = mock_places_new();
    const struct mock_database *database;
    size_t pos = 0;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mock_database_put(places, GW_STR("DB1"), GW_STR(""), GW_STR(""), NULL),
                         GW_OK);
        assert_int_equal(mock_database_put(places, GW_STR("DB2"), GW_STR("mbx2"), GW_STR(""), NULL),
                         GW_OK);
        assert_int_equal(mock_database_put(places, GW_STR("DB3"), GW_STR(""), GW_STR("s"), NULL),
                         GW_OK);
    }
    database = mock_database_next(places, &pos);
    assert_string_equal(database->server, "mbx1");
    database = mock_database_next(places, &pos);
    assert_string_equal(database->server, "mbx2");
    assert_string_equal(database->site, "Default-First-Site-Name");
    database = mock_database_next(places, &pos);
    assert_string_equal(database->server, "mbx1");
    assert_string_equal(database->site, "s");
    assert_null(mock_database_next(places, &pos));
    mock_places_free(&places);
}

static void test_old_versions(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "2007");
    serve(&w, 0,
          "<m:Subscribe><m:StreamingSubscriptionRequest>" FOLDERS EVENT_TYPES
          "</m:StreamingSubscriptionRequest></m:Subscribe>");
    assert_int_equal(w.served.status, 500);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_pull),
        cmocka_unit_test(test_pull_expires),
        cmocka_unit_test(test_pull_many_events),
        cmocka_unit_test(test_pull_errors),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_scales),
        cmocka_unit_test(test_stream_errors),
        cmocka_unit_test(test_stream_unsubscribe_and_loss),
        cmocka_unit_test(test_stream_overflow),
        cmocka_unit_test(test_stream_slow),
        cmocka_unit_test(test_stream_gone),
        cmocka_unit_test(test_stream_unread),
        cmocka_unit_test(test_stream_limits),
        cmocka_unit_test(test_stream_mishaps),
        cmocka_unit_test(test_where_it_lives),
        cmocka_unit_test(test_affinity),
        cmocka_unit_test(test_affinity_2010),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_databases),
        cmocka_unit_test(test_old_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
