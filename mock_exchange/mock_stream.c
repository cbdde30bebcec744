/* Streams: documents when events wait, heartbeats when none do, an end. */
#include "mock_stream.h"

#include <assert.h>
#include <stdlib.h>

#include "gw_mem.h"
#include "mock_mishap.h"
#include "mock_note.h"
#include "mock_soap.h"

struct mock_streams {
    struct mock_service *service;
    struct gw_heap due;
    struct gw_list all; /* struct mock_stream */
    size_t count;
};

struct mock_stream {
    struct mock_streams *streams;
    struct gw_list link;
    struct gw_due due;
    struct gw_list subs;  /* struct mock_sub, by in_stream */
    struct gw_list ready; /* those with something to say, by in_sender */
    struct mock_mailbox *charged;
    const struct mock_stream_out *out; /* NULL: not started yet */
    void *ctx;
    gw_time closes, beats; /* ConnectionTimeout; the next heartbeat */
};

static void stream_look(struct mock_stream *stream, gw_time at)
{
    gw_heap_set(&stream->streams->due, &stream->due, at);
}

static void stream_rest(struct mock_stream *stream)
{
    if (!gw_list_is_empty(&stream->ready))
        stream_look(stream, 0);
    else
        stream_look(stream, stream->beats < stream->closes ? stream->beats : stream->closes);
}

/* --- the deliverer of streaming subscriptions --- */

static void stream_want(void *ctx, struct mock_sub *sub)
{
    (void)ctx;
    gw_list_append(&sub->stream->ready, &sub->in_sender);
    stream_look(sub->stream, 0);
}

static void stream_cancel(void *ctx, struct mock_sub *sub)
{
    (void)ctx;
    gw_list_remove(&sub->in_sender);
}

static void stream_leave(void *ctx, struct mock_sub *sub)
{
    (void)ctx;
    gw_list_remove(&sub->in_stream);
}

static const struct mock_sender stream_sender = { stream_want, stream_cancel, stream_leave };

/* --- life --- */

struct mock_streams *mock_streams_new(struct mock_service *service)
{
    struct mock_streams *streams = gw_new(struct mock_streams);

    streams->service = service;
    gw_heap_init(&streams->due);
    gw_list_init(&streams->all);
    mock_subs_attach_streams(service->subs, &stream_sender, streams);
    return streams;
}

void mock_streams_free(struct mock_streams **streamsp)
{
    struct mock_streams *streams = *streamsp;

    if (!streams)
        return;
    *streamsp = NULL;
    assert(!streams->count);
    gw_heap_done(&streams->due);
    free(streams);
}

size_t mock_streams_count(const struct mock_streams *streams)
{
    return streams->count;
}

unsigned mock_streams_of(const struct mock_streams *streams, const struct mock_mailbox *mailbox)
{
    struct gw_list *it, *tmp;
    unsigned count = 0;

    GW_LIST_EACH(&streams->all, it, tmp)
    count += GW_CONTAINER(it, struct mock_stream, link)->charged == mailbox;
    return count;
}

static void sub_detach(struct mock_stream *stream, struct mock_sub *sub, struct gw_now now)
{
    gw_list_remove(&sub->in_stream);
    mock_sub_set_stream(stream->streams->service->subs, sub, NULL, now);
}

void mock_stream_free(struct mock_stream **streamp, struct gw_now now)
{
    struct mock_stream *stream = *streamp;

    if (!stream)
        return;
    *streamp = NULL;
    while (!gw_list_is_empty(&stream->subs))
        sub_detach(stream, GW_CONTAINER(stream->subs.next, struct mock_sub, in_stream), now);
    gw_heap_remove(&stream->streams->due, &stream->due);
    gw_list_remove(&stream->link);
    stream->streams->count--;
    free(stream);
}

/* --- documents --- */

static int64_t heartbeat_ms(const struct mock_streams *streams)
{
    return (int64_t)mock_subs_minute(streams->service->subs) * MOCK_STREAM_HEARTBEAT_MS /
           GW_MINUTE_MS;
}

static enum gw_code stream_write(struct mock_stream *stream, const struct gw_buf *doc,
                                 struct gw_now now)
{
    stream->beats = gw_time_after(now.mono, heartbeat_ms(stream->streams));
    if (doc->failed)
        return GW_LIMIT;
    mock_record_add(stream->streams->service->record,
                    mock_operation_name(MOCK_GET_STREAMING_EVENTS), gw_buf_str(doc));
    return stream->out->write(stream->ctx, gw_buf_str(doc));
}

static void doc_open(struct mock_stream *stream, struct xml_writer *w, struct gw_buf *doc)
{
    gw_buf_init(doc, MOCK_STREAM_DOC_MAX);
    mock_envelope_open(w, doc, stream->streams->service->product);
    xml_open(w, "m:GetStreamingEventsResponse");
    xml_put_attr(w, "xmlns:m", GW_STR(MOCK_NS_MESSAGES));
    xml_put_attr(w, "xmlns:t", GW_STR(MOCK_NS_TYPES));
    xml_open(w, "m:ResponseMessages");
    xml_open(w, "m:GetStreamingEventsResponseMessage");
}

static void doc_close(struct xml_writer *w)
{
    xml_close(w);
    xml_close(w);
    xml_close(w);
    mock_envelope_close(w);
}

/* Without events: a heartbeat, or the end. */
static void status_send(struct mock_stream *stream, const char *status, struct gw_now now)
{
    struct xml_writer w;
    struct gw_buf doc;

    doc_open(stream, &w, &doc);
    xml_put_attr(&w, "ResponseClass", GW_STR("Success"));
    xml_put(&w, "m:ResponseCode", GW_STR("NoError"));
    xml_put(&w, "m:ConnectionStatus", gw_str_of(status));
    doc_close(&w);
    (void)stream_write(stream, &doc, now); /* who does not read misses a heartbeat */
    gw_buf_done(&doc);
}

/* The subscriptions for which 'concerns' holds are named. Ends the stream. */
static void error_send(struct mock_stream *stream, const char *code,
                       bool (*concerns)(const struct mock_sub *sub, const void *what),
                       const void *what, struct gw_now now)
{
    struct gw_list *it, *tmp;
    struct xml_writer w;
    struct gw_buf doc;

    doc_open(stream, &w, &doc);
    xml_put_attr(&w, "ResponseClass", GW_STR("Error"));
    xml_put(&w, "m:MessageText", gw_str_of(mock_code_text(code)));
    xml_put(&w, "m:ResponseCode", gw_str_of(code));
    xml_put(&w, "m:DescriptiveLinkKey", GW_STR("0"));
    xml_open(&w, "m:ErrorSubscriptionIds");
    GW_LIST_EACH(&stream->subs, it, tmp)
    {
        const struct mock_sub *sub = GW_CONTAINER(it, struct mock_sub, in_stream);

        if (concerns(sub, what))
            xml_put(&w, "t:SubscriptionId", gw_str_of(sub->id));
    }
    xml_close(&w);
    xml_put(&w, "m:ConnectionStatus", GW_STR("Closed"));
    doc_close(&w);
    (void)stream_write(stream, &doc, now);
    gw_buf_done(&doc);
}

static void stream_end(struct mock_stream *stream, bool cut, struct gw_now now)
{
    const struct mock_stream_out *out = stream->out;
    void *ctx = stream->ctx;

    mock_stream_free(&stream, now);
    out->end(ctx, cut);
}

static bool is_this(const struct mock_sub *sub, const void *what)
{
    return sub == what;
}

static bool is_broken(const struct mock_sub *sub, const void *what)
{
    (void)what;
    return sub->broken;
}

/* The client is told why, and the connection ends. */
static void stream_fail(struct mock_stream *stream, const char *code, const struct mock_sub *sub,
                        struct gw_now now)
{
    assert(stream->out);
    error_send(stream, code, is_this, sub, now);
    stream_end(stream, false, now);
}

void mock_stream_unsubscribed(struct mock_stream *stream, struct mock_sub *sub, struct gw_now now)
{
    stream_fail(stream, "ErrorSubscriptionUnsubscribed", sub, now);
}

/* --- opening --- */

struct mock_stream *mock_stream_new(struct mock_streams *streams,
                                    const struct mock_stream_args *args, struct gw_now now)
{
    struct mock_stream *stream = gw_new(struct mock_stream);

    stream->streams = streams;
    stream->charged = args->charged;
    stream->closes =
        gw_time_after(now.mono, (int64_t)args->minutes * mock_subs_minute(streams->service->subs));
    stream->beats = gw_time_after(now.mono, heartbeat_ms(streams));
    gw_list_init(&stream->subs);
    gw_list_init(&stream->ready);
    gw_list_append(&streams->all, &stream->link);
    streams->count++;
    for (size_t i = 0; i < args->sub_count; i++) {
        struct mock_sub *sub = args->subs[i];

        if (sub->stream == stream) /* named twice */
            continue;
        if (sub->stream)
            stream_fail(sub->stream, "ErrorNewEventStreamConnectionOpened", sub, now);
        gw_list_append(&stream->subs, &sub->in_stream);
        mock_sub_set_stream(streams->service->subs, sub, stream, now);
    }
    return stream;
}

void mock_stream_start(struct mock_stream *stream, const struct mock_stream_out *out, void *ctx)
{
    stream->out = out;
    stream->ctx = ctx;
    stream_rest(stream);
}

/* --- running --- */

/* One document with what they have to say; if that is much, the others wait for the next. */
static void events_send(struct mock_stream *stream, struct gw_now now)
{
    struct mock_subs *subs = stream->streams->service->subs;
    struct mock_sub *sent[MOCK_STREAM_SUBS_MAX];
    struct gw_list *link;
    struct xml_writer w;
    struct gw_buf doc;
    size_t count = 0;
    enum gw_code rc;

    doc_open(stream, &w, &doc);
    xml_put_attr(&w, "ResponseClass", GW_STR("Success"));
    xml_put(&w, "m:ResponseCode", GW_STR("NoError"));
    xml_open(&w, "m:Notifications");
    while (doc.len < MOCK_STREAM_DOC_MAX / 2 && count < MOCK_STREAM_SUBS_MAX &&
           (link = gw_list_pop(&stream->ready))) {
        struct mock_sub *sub = GW_CONTAINER(link, struct mock_sub, in_sender);

        mock_sub_take(subs, sub, now);
        if (sub->in_call) { /* unless they are held back since */
            mock_note_put(&w, sub);
            sent[count++] = sub;
        } else {
            mock_subs_answered(subs, sub, MOCK_PUSH_NOTHING, now);
        }
    }
    xml_close(&w);
    doc_close(&w);
    rc = count ? stream_write(stream, &doc, now) : GW_OK;
    gw_buf_done(&doc);
    for (size_t i = 0; i < count; i++)
        mock_subs_answered(subs, sent[i], rc ? MOCK_PUSH_NOTHING : MOCK_PUSH_OK, now);
}

static bool any_broken(const struct mock_stream *stream)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&stream->ready, it, tmp)
    if (GW_CONTAINER(it, struct mock_sub, in_sender)->broken)
        return true;
    return false;
}

/* Whether it happens on purpose to one of its subscriptions. */
static bool any_meets(struct mock_stream *stream, enum mock_mishap_kind kind)
{
    struct mock_mishaps *mishaps = mock_subs_mishaps(stream->streams->service->subs);
    struct gw_list *it, *tmp;

    if (!mishaps->count)
        return false;
    GW_LIST_EACH(&stream->subs, it, tmp)
    if (mock_mishaps_take(mishaps, kind, GW_CONTAINER(it, struct mock_sub, in_stream)))
        return true;
    return false;
}

/* Those whose events were missed are named, and are no more. */
static void broken_end(struct mock_stream *stream, struct gw_now now)
{
    struct mock_subs *subs = stream->streams->service->subs;
    struct gw_list *it, *tmp;

    error_send(stream, "ErrorMissedNotificationEvents", is_broken, NULL, now);
    GW_LIST_EACH(&stream->ready, it, tmp)
    {
        struct mock_sub *sub = GW_CONTAINER(it, struct mock_sub, in_sender);

        if (!sub->broken)
            continue;
        gw_list_remove(it);
        mock_sub_take(subs, sub, now);
        mock_subs_answered(subs, sub, MOCK_PUSH_OK, now);
    }
    stream_end(stream, false, now);
}

static void stream_run(struct mock_stream *stream, struct gw_now now)
{
    assert(stream->out); /* nothing is due before mock_stream_start() */
    if (any_broken(stream)) {
        broken_end(stream, now);
        return;
    }
    if (!gw_list_is_empty(&stream->ready)) {
        if (any_meets(stream, MOCK_MISHAP_CUT)) {
            stream_end(stream, true, now);
            return;
        }
        events_send(stream, now);
    }
    if (now.mono >= stream->closes) {
        status_send(stream, "Closed", now);
        stream_end(stream, false, now);
        return;
    }
    if (now.mono >= stream->beats) {
        if (any_meets(stream, MOCK_MISHAP_SILENCE))
            stream->beats = gw_time_after(now.mono, heartbeat_ms(stream->streams));
        else
            status_send(stream, "OK", now);
    }
    stream_rest(stream);
}

gw_time mock_streams_deadline(const struct mock_streams *streams)
{
    const struct gw_due *first = gw_heap_first(&streams->due);

    return first ? first->at : GW_NEVER;
}

void mock_streams_tick(struct mock_streams *streams, struct gw_now now)
{
    struct gw_due *due;

    while ((due = gw_heap_pop_due(&streams->due, now.mono)))
        stream_run(GW_CONTAINER(due, struct mock_stream, due), now);
}
