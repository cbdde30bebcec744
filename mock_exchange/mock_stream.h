/* The open-ended answers of GetStreamingEvents: each tells of up to MOCK_STREAM_SUBS_MAX subscriptions
 * in documents of their own, one after the other. An engine without sockets: where the documents go is
 * a table of functions, the time is handed in.
 *
 * A document comes when there are events, and a heartbeat when there was nothing to say for
 * MOCK_STREAM_HEARTBEAT_MS. The last one says Closed: after ConnectionTimeout, or with an error that
 * names the subscriptions concerned - then the client has to come again for the others. */
#ifndef MOCK_STREAM_H
#define MOCK_STREAM_H

#include "mock_subs.h"

enum {
    MOCK_STREAM_SUBS_MAX = 200,       /* ids of one request, as Exchange has it */
    MOCK_STREAM_MINUTES_MAX = 30,     /* of ConnectionTimeout */
    MOCK_STREAM_HEARTBEAT_MS = 45000, /* of minutes that have 60 s; scaled with them */
    MOCK_STREAM_DOC_MAX = 512 * 1024
};

struct mock_service;
struct mock_streams; /* all that are open */
struct mock_stream;  /* one */

/* The streams are the deliverer of streaming subscriptions from now on. */
struct mock_streams *mock_streams_new(struct mock_service *service);
void mock_streams_free(struct mock_streams **streamsp); /* after subscriptions and connections */
gw_time mock_streams_deadline(const struct mock_streams *streams);
void mock_streams_tick(struct mock_streams *streams, struct gw_now now);
size_t mock_streams_count(const struct mock_streams *streams);

/* How many are charged to this mailbox (NULL: to accounts without one). */
unsigned mock_streams_of(const struct mock_streams *streams, const struct mock_mailbox *mailbox);

/* The subscriptions are taken away from the streams that had them: those are told, and end. */
struct mock_stream_args {
    struct mock_sub *const *subs;
    size_t sub_count;
    struct mock_mailbox *charged; /* may be NULL */
    int minutes;                  /* ConnectionTimeout */
};
struct mock_stream *mock_stream_new(struct mock_streams *streams,
                                    const struct mock_stream_args *args, struct gw_now now);
void mock_stream_free(struct mock_stream **streamp,
                      struct gw_now now); /* the connection is gone; NULL is fine */

/* write: GW_LIMIT when the client is slow; then it is tried again later. end: the last call, after
 * which the stream is gone; cut: without the proper end of an answer. */
struct mock_stream_out {
    enum gw_code (*write)(void *ctx, struct gw_str doc);
    void (*end)(void *ctx, bool cut);
};
/* The first document, which says that the connection is open, has been written by the operation. */
void mock_stream_start(struct mock_stream *stream, const struct mock_stream_out *out, void *ctx);

/* An Unsubscribe for a subscription that has a connection: that is told, and ends. */
void mock_stream_unsubscribed(struct mock_stream *stream, struct mock_sub *sub, struct gw_now now);

#endif
