/* The same bytes, in one piece and in pieces of a few bytes (the first byte says how many), give the
 * same events. A stanza named "restart" or "free" does that to the stream. */
#include <stdlib.h>
#include <string.h>

#include "gw_buf.h"
#include "xml_stream.h"
#include "xml_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct reader {
    struct xml_stream *xs;
    struct gw_buf events;
};

static void add_event(struct reader *r, const char *what, const struct xml_node *n)
{
    struct xml_writer w;

    gw_buf_add_cstr(&r->events, what);
    xml_write_init(&w, &r->events);
    xml_put_node(&w, n, GW_STR(""));
}

static void on_open(const struct xml_node *root, void *ctx)
{
    add_event(ctx, "\nopen ", root);
}

static void on_stanza(const struct xml_node *stanza, void *ctx)
{
    struct reader *r = ctx;

    add_event(r, "\nstanza ", stanza);
    if (xml_is(stanza, NULL, "restart"))
        xml_stream_restart(r->xs);
    if (xml_is(stanza, NULL, "free"))
        xml_stream_free(&r->xs);
}

static void on_close(void *ctx)
{
    struct reader *r = ctx;

    gw_buf_add_cstr(&r->events, "\nclose");
}

static void feed(struct reader *r, const uint8_t *data, size_t len, struct gw_err *err)
{
    uint8_t *exact = malloc(len ? len : 1);

    if (!exact)
        abort();
    memcpy(exact, data, len);
    if (xml_stream_feed(r->xs, (struct gw_str){ (const char *)exact, len }, err)) {
        gw_buf_add_cstr(&r->events, "\nrefused");
        xml_stream_free(&r->xs);
    }
    free(exact);
}

static struct gw_buf run(const uint8_t *data, size_t len, size_t piece)
{
    static const struct xml_stream_limits limits = { 2048, 8, 40, 8 };
    static const struct xml_stream_handlers handlers = { on_open, on_stanza, on_close };
    struct reader r = { 0 };
    struct gw_err err;

    gw_buf_init(&r.events, SIZE_MAX);
    r.xs = xml_stream_new(&limits, &handlers, &r);
    for (size_t at = 0; at < len && r.xs; at += piece) {
        feed(&r, data + at, len - at < piece ? len - at : piece, &err);
        if (r.xs && piece % 2)
            xml_stream_idle(r.xs);
    }
    xml_stream_free(&r.xs);
    return r.events;
}

/* After a restart the rest of a piece is dropped, so that pieces make a difference. */
static bool restarts(const struct gw_buf *events)
{
    struct gw_str all = gw_buf_str(events);

    return gw_str_cut(all, "restart", NULL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_buf whole, pieces;

    if (!len)
        return 0;
    whole = run(data + 1, len - 1, len);
    pieces = run(data + 1, len - 1, 1 + data[0] % 16);
    if (!restarts(&whole) && !gw_str_eq(gw_buf_str(&whole), gw_buf_str(&pieces)))
        abort();
    gw_buf_done(&whole);
    gw_buf_done(&pieces);
    return 0;
}
