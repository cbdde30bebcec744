/*   OPENED --features with starttls--> ASKED --proceed--> READY
 *      '---------- anything else ---------'------------> BROKEN */
#include "gd_starttls.h"

#include <stdlib.h>

#include "gw_mem.h"
#include "xml_stream.h"
#include "xml_write.h"

#define NS_STREAM "http://etherx.jabber.org/streams"
#define NS_TLS    "urn:ietf:params:xml:ns:xmpp-tls"

struct talk {
    enum { OPENED, ASKED, READY, BROKEN } state;
    struct xml_stream *xs;
    const char *why;
};

static void on_open(const struct xml_node *root, void *ctx)
{
    struct talk *t = ctx;

    if (xml_is(root, NS_STREAM, "stream"))
        return;
    t->state = BROKEN;
    t->why = "the server does not speak XMPP";
}

static void on_stanza(const struct xml_node *stanza, void *ctx)
{
    struct talk *t = ctx;

    if (t->state == OPENED && xml_is(stanza, NS_STREAM, "features") &&
        xml_child(stanza, NS_TLS, "starttls")) {
        t->state = ASKED;
    } else if (t->state == ASKED && xml_is(stanza, NS_TLS, "proceed")) {
        t->state = READY;
    } else {
        t->why = t->state == OPENED ? "the server does not offer STARTTLS"
                                    : "the server refuses STARTTLS";
        t->state = BROKEN;
    }
}

static void on_close(void *ctx)
{
    struct talk *t = ctx;

    t->state = BROKEN;
    t->why = "the server ended the stream";
}

static void *start(const char *ns, struct gw_str host, struct gw_buf *out)
{
    static const struct xml_stream_limits limits = {
        .stanza_max = 32 * 1024, .depth_max = 16, .nodes_max = 500, .attrs_max = 32
    };
    static const struct xml_stream_handlers handlers = { on_open, on_stanza, on_close };
    struct talk *t = gw_new(struct talk);
    struct xml_writer w;

    t->xs = xml_stream_new(&limits, &handlers, t);
    xml_write_init(&w, out);
    xml_open(&w, "stream:stream");
    xml_put_attr(&w, "xmlns", gw_str_of(ns));
    xml_put_attr(&w, "xmlns:stream", GW_STR(NS_STREAM));
    xml_put_attr(&w, "version", GW_STR("1.0"));
    xml_put_attr(&w, "to", host);
    xml_flush_tag(&w);
    return t;
}

static void *client_start(struct gw_str host, struct gw_buf *out)
{
    return start("jabber:client", host, out);
}

static void *server_start(struct gw_str host, struct gw_buf *out)
{
    return start("jabber:server", host, out);
}

static enum cert_prelude_step feed(void *prelude, struct gw_str data, struct gw_buf *out,
                                   struct gw_err *err)
{
    struct talk *t = prelude;
    bool asked = t->state == ASKED;

    if (xml_stream_feed(t->xs, data, err))
        return CERT_PRELUDE_BROKEN;
    if (!asked && t->state == ASKED)
        gw_buf_add_cstr(out, "<starttls xmlns='" NS_TLS "'/>");
    if (t->state == BROKEN) {
        gw_fail(err, GW_BADMSG, "%s", t->why);
        return CERT_PRELUDE_BROKEN;
    }
    return t->state == READY ? CERT_PRELUDE_READY : CERT_PRELUDE_MORE;
}

static void talk_free(void *prelude)
{
    struct talk *t = prelude;

    xml_stream_free(&t->xs);
    free(t);
}

const struct cert_prelude gd_starttls_client = { client_start, feed, talk_free };
const struct cert_prelude gd_starttls_server = { server_start, feed, talk_free };
