#include "mock_hang.h"

#include <stdlib.h>

#include "gw_mem.h"

struct hang {
    struct net_loop *loop;
    struct net_http_exchange *x;
    struct mock_stream *stream;
};

static void on_gone(void *ctx)
{
    struct hang *hang = ctx;

    mock_stream_free(&hang->stream, net_loop_now(hang->loop));
    free(hang);
}

static enum gw_code hang_write(void *ctx, struct gw_str doc)
{
    struct hang *hang = ctx;

    return net_http_stream_write(hang->x, doc);
}

static void hang_end(void *ctx, bool cut)
{
    struct hang *hang = ctx;

    net_http_on_gone(hang->x, NULL, NULL);
    if (cut)
        net_http_drop(hang->x);
    else
        net_http_stream_end(hang->x);
    free(hang);
}

static const struct mock_stream_out hang_out = { hang_write, hang_end };

void mock_hang_start(struct net_loop *loop, struct net_http_exchange *x, const char *content_type,
                     struct gw_str first, struct mock_stream *stream)
{
    struct hang *hang = gw_new(struct hang);

    hang->loop = loop;
    hang->x = x;
    hang->stream = stream;
    net_http_stream(x, 200, content_type);
    net_http_on_gone(x, on_gone, hang);
    (void)net_http_stream_write(x, first); /* the queue is empty: there is room for it */
    mock_stream_start(stream, &hang_out, hang);
}
