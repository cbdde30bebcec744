/* One answer to GetStreamingEvents, as it comes: pieces of its body in, notifications out. Without a
 * socket; time is handed in. */
#ifndef EWS_STREAM_H
#define EWS_STREAM_H

#include "ews_codec.h"
#include "gw_time.h"

struct ews_stream;

enum {
    /* Exchange sends a heartbeat every 45 s; after two that did not come the stream is dead. */
    EWS_STREAM_SILENCE_MS = 2 * 45 * GW_SECOND_MS,
    EWS_STREAM_GRACE_MS = 500 /* for the end of the body after the last document */
};

/* A change of a calendar, or an idle ping, of the subscription that is named. Without a name it is a
 * heartbeat: every subscription of the stream is alive. Borrowed for the call. */
typedef void ews_stream_event_fn(const struct ews_notification *n, void *ctx);

/* silence_ms: how long may nothing come? 0: EWS_STREAM_SILENCE_MS. */
struct ews_stream *ews_stream_new(unsigned silence_ms, ews_stream_event_fn *on_event, void *ctx);
void ews_stream_free(struct ews_stream **streamp); /* on_event may do so, too */

/* A request is sent, whose answer will be fed: before the first piece, and for each attempt. */
void ews_stream_begin(struct ews_stream *s, gw_time now);

/* False: on_event has freed the stream. What comes after the end is ignored. */
bool ews_stream_feed(struct ews_stream *s, struct gw_str piece, gw_time now);

/* When to give up, if nothing comes. */
gw_time ews_stream_deadline(const struct ews_stream *s);
bool ews_stream_was_heard(const struct ews_stream *s); /* a document has come */

/* How it ended, once it has: with that HTTP exchange, whose body is not used; or NULL: it was given up
 * at its deadline. EWS_OK: closed by the server as it must be now and then. out is borrowed from the
 * stream. */
void ews_stream_finish(struct ews_stream *s, const struct ews_http *http, struct ews_answer *out);

#endif
