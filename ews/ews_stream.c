/* A stream lives as long as its server talks:
 *
 *   SILENT --document--> HEARD --Closed, error, not SOAP--> ENDED
 *      '--------- error, not SOAP ----------------------------^
 *
 * In ENDED only the end of the body is waited for, so that the connection can be used again. */
#include "ews_stream.h"

#include <stdlib.h>

#include "ews_priv.h"
#include "ews_splitter.h"
#include "gw_mem.h"

enum stream_state { STREAM_SILENT, STREAM_HEARD, STREAM_ENDED };

struct ews_stream {
    unsigned refs; /* the owner, and a delivery on the stack */
    bool freed;
    enum stream_state state;
    bool heard;
    unsigned silence_ms;
    gw_time deadline;
    struct ews_splitter splitter;
    struct gw_arena arena;  /* of the document that came last */
    struct ews_answer last; /* what it says */
    ews_stream_event_fn *on_event;
    void *ctx;
};

static const struct ews_request stream_request = { .op = EWS_OP_STREAM };

struct ews_stream *ews_stream_new(unsigned silence_ms, ews_stream_event_fn *on_event, void *ctx)
{
    struct ews_stream *s = gw_new(struct ews_stream);

    s->refs = 1;
    s->silence_ms = silence_ms ? silence_ms : EWS_STREAM_SILENCE_MS;
    s->deadline = GW_NEVER;
    s->on_event = on_event;
    s->ctx = ctx;
    ews_splitter_init(&s->splitter);
    gw_arena_init(&s->arena, EWS_ANSWER_ARENA);
    return s;
}

static void stream_unref(struct ews_stream *s)
{
    if (--s->refs)
        return;
    ews_splitter_done(&s->splitter);
    gw_arena_done(&s->arena);
    free(s);
}

void ews_stream_free(struct ews_stream **streamp)
{
    struct ews_stream *s = *streamp;

    if (!s)
        return;
    *streamp = NULL;
    s->freed = true;
    stream_unref(s);
}

gw_time ews_stream_deadline(const struct ews_stream *s)
{
    return s->deadline;
}

bool ews_stream_was_heard(const struct ews_stream *s)
{
    return s->heard;
}

static void stream_enter(struct ews_stream *s, enum stream_state to, gw_time now)
{
    s->state = to;
    s->deadline = gw_time_after(now, to == STREAM_ENDED ? EWS_STREAM_GRACE_MS : s->silence_ms);
}

void ews_stream_begin(struct ews_stream *s, gw_time now)
{
    ews_splitter_reset(&s->splitter);
    stream_enter(s, STREAM_SILENT, now);
}

static void deliver(struct ews_stream *s)
{
    struct ews_notification heartbeat = { .status = s->last.status };
    size_t count = s->last.event_count;

    if (!count && s->state == STREAM_HEARD)
        s->on_event(&heartbeat, s->ctx);
    for (size_t i = 0; i < count && !s->freed; i++)
        s->on_event(&s->last.events[i], s->ctx);
}

static void take_document(struct ews_stream *s, struct gw_str document, gw_time now)
{
    struct ews_http http = { .status = 200, .body = document };

    gw_arena_done(&s->arena);
    gw_arena_init(&s->arena, EWS_ANSWER_ARENA);
    ews_answer_parse(&stream_request, &http, &s->arena, &s->last);
    s->heard |= s->last.status.alive;
    s->last.status.alive = s->heard;
    stream_enter(s, s->last.status.class == EWS_OK && !s->last.closed ? STREAM_HEARD : STREAM_ENDED,
                 now);
    deliver(s);
}

static void end_broken(struct ews_stream *s, gw_time now)
{
    s->last = (struct ews_answer){ .op = EWS_OP_STREAM };
    ews_status_set(&s->last.status, EWS_BAD_ANSWER, "answer-too-large",
                   "a document of the stream is larger than %d bytes", EWS_STREAM_DOCUMENT_MAX);
    s->last.status.alive = s->heard;
    stream_enter(s, STREAM_ENDED, now);
}

bool ews_stream_feed(struct ews_stream *s, struct gw_str piece, gw_time now)
{
    enum ews_split split = EWS_SPLIT_MORE;
    struct gw_str document;
    bool freed;

    if (s->state == STREAM_ENDED)
        return true;
    s->refs++;
    ews_splitter_feed(&s->splitter, piece);
    while (!s->freed && s->state != STREAM_ENDED &&
           (split = ews_splitter_next(&s->splitter, &document)) == EWS_SPLIT_DOCUMENT)
        take_document(s, document, now);
    if (split == EWS_SPLIT_BROKEN)
        end_broken(s, now);
    freed = s->freed;
    stream_unref(s);
    return !freed;
}

/* Not the way a stream ends: whoever reads it opens it again. */
static void set_lost(const struct ews_stream *s, const char *code, const char *why,
                     struct ews_answer *out)
{
    *out = (struct ews_answer){ .op = EWS_OP_STREAM,
                                .server_major = s->last.server_major,
                                .server_minor = s->last.server_minor };
    ews_status_set(&out->status, s->heard ? EWS_TRANSIENT : EWS_SERVER_DOWN, code,
                   "the stream of notifications is lost: %s", why);
    out->status.alive = s->heard;
}

/* Documents under a status that tells of failure are no success; a 401 is about the account. */
static bool end_counts(const struct ews_stream *s, const struct ews_http *http)
{
    if (s->state != STREAM_ENDED)
        return false;
    return !http || http->code || http->status == 200 ||
           (s->last.status.class != EWS_OK && http->status != 401);
}

void ews_stream_finish(struct ews_stream *s, const struct ews_http *http, struct ews_answer *out)
{
    struct ews_http rest;

    if (end_counts(s, http)) {
        *out = s->last;
    } else if (!http) {
        set_lost(s, "stream-silent", "nothing was heard of it for longer than two heartbeats take",
                 out);
    } else if (s->heard && http->code) {
        set_lost(s, "stream-lost", http->error ? http->error : gw_code_name(http->code), out);
    } else if (s->heard && http->status == 200) {
        set_lost(s, "stream-lost", "the server ended it without a word", out);
    } else {
        rest = *http;
        rest.body = ews_splitter_rest(&s->splitter);
        ews_answer_parse(&stream_request, &rest, &s->arena, out);
    }
}
