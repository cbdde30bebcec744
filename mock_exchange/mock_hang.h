/* A stream's connection: the answer to GetStreamingEvents, in chunks, until it ends or the client
 * leaves. */
#ifndef MOCK_HANG_H
#define MOCK_HANG_H

#include "mock_stream.h"
#include "net_http_server.h"

/* Takes the exchange, whose reply headers are set, and the stream. The first document is 'first'. */
void mock_hang_start(struct net_loop *loop, struct net_http_exchange *x, const char *content_type,
                     struct gw_str first, struct mock_stream *stream);

#endif
