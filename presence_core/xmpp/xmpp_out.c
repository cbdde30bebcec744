/* What is written to clients: pieces, errors, results. */
#include <stdio.h>

#include "gw_log.h"
#include "xmpp_priv.h"

void xmpp_write(struct xmpp_c2s *c, struct gw_str bytes)
{
    if (c->is_lost || c->is_asleep)
        return;
    if (c->io->write(bytes, c->io_ctx)) {
        c->host->counters.bytes_out += bytes.len;
        return;
    }
    /* The session ends at the next tick: this may be in the middle of somebody else's call. */
    c->is_lost = true;
    c->host->counters.cut_slow++;
    gw_info("xmpp", "s=%s cut-off peer=%s reason=\"reads too slowly\"", c->id, c->peer);
    c->io->wake(c->io_ctx);
}

bool xmpp_has_room(const struct xmpp_c2s *c, size_t len)
{
    size_t max = (size_t)c->host->settings->out_queue_kb * 1024 / 2;

    return c->io->queued(c->io_ctx) + len <= max && xmpp_sm_unacked(c) + len <= max;
}

void xmpp_begin(struct xmpp_c2s *c, struct xml_writer *w)
{
    gw_buf_reset(&c->host->out);
    xml_write_init(w, &c->host->out);
}

void xmpp_end(struct xmpp_c2s *c)
{
    if (!c->host->out.failed)
        xmpp_sm_sent(c, gw_buf_str(&c->host->out));
    xmpp_end_element(c);
    xmpp_sm_ask(c);
}

void xmpp_end_element(struct xmpp_c2s *c)
{
    struct gw_buf *out = &c->host->out;

    if (out->failed)
        gw_error("xmpp", "s=%s output larger than %d bytes, dropped", c->id, XMPP_OUT_MAX);
    else
        xmpp_write(c, gw_buf_str(out));
    if (out->cap > XMPP_HOLD_AT) /* a large roster: not kept for ever */
        gw_buf_done(out);
}

void xmpp_open_ns(struct xml_writer *w, const char *name, const char *ns)
{
    xml_open(w, name);
    xml_put_attr(w, "xmlns", gw_str_of(ns));
}

static void put_text(struct xml_writer *w, const char *ns, const char *text)
{
    xmpp_open_ns(w, "text", ns);
    xml_put_attr(w, "xml:lang", GW_STR("en"));
    xml_put_text(w, gw_str_of(text));
    xml_close(w);
}

void xmpp_put_stream_error(struct xml_writer *w, const char *condition, const char *text)
{
    xml_open(w, "stream:error");
    xmpp_open_ns(w, condition, NS_STREAMS);
    xml_close(w);
    if (text)
        put_text(w, NS_STREAMS, text);
    xml_close(w);
}

void xmpp_stream_error(struct xmpp_c2s *c, const char *condition, const char *text)
{
    char user[GW_QUOTE_MAX], quoted[GW_QUOTE_MAX];
    struct xml_writer w;

    if (c->state == XMPP_CLOSED)
        return;
    gw_info("xmpp", "s=%s stream-error peer=%s user=%s condition=%s text=%s", c->id, c->peer,
            gw_quote(gw_str_of(c->user), user), condition, gw_quote(gw_str_of(text), quoted));
    if (c->state == XMPP_HANDSHAKE) { /* nobody could read it */
        xmpp_enter(c, XMPP_CLOSED);
        return;
    }
    if (!c->has_header) /* RFC 6120 4.9.1.2: the header comes first even then */
        xmpp_send_header(c);
    xmpp_begin(c, &w);
    xmpp_put_stream_error(&w, condition, text);
    gw_buf_add_cstr(&c->host->out, "</stream:stream>");
    xmpp_end_element(c);
    xmpp_enter(c, XMPP_CLOSED);
}

/* The stream's default namespace is not seen, but what stanzas make of it: "jabber:server", or
 * none. RFC 6120 4.8.2. */
void xmpp_unknown_stanza(struct xmpp_c2s *c, const struct xml_node *node)
{
    bool is_stanza = gw_str_is(node->name, "iq") || gw_str_is(node->name, "message") ||
                     gw_str_is(node->name, "presence");

    if (is_stanza && !gw_str_is(node->ns, NS_CLIENT))
        xmpp_stream_error(c, "invalid-namespace", "the namespace of stanzas is " NS_CLIENT);
    else
        xmpp_stream_error(c, "unsupported-stanza-type", NULL);
}

/* RFC 6120 8.3.3 */
static const struct {
    const char *name, *type;
    const char *more, *more_ns; /* an element beside it; NULL: none */
} conds[] = {
    [XMPP_BAD_REQUEST] = { "bad-request", "modify", NULL, NULL },
    [XMPP_BLOCKED] = { "not-acceptable", "cancel", "blocked", NS_BLOCKING ":errors" },
    [XMPP_CONFLICT] = { "conflict", "cancel", NULL, NULL },
    [XMPP_FORBIDDEN] = { "forbidden", "auth", NULL, NULL },
    [XMPP_ITEM_NOT_FOUND] = { "item-not-found", "cancel", NULL, NULL },
    [XMPP_JID_MALFORMED] = { "jid-malformed", "modify", NULL, NULL },
    [XMPP_NOT_ACCEPTABLE] = { "not-acceptable", "modify", NULL, NULL },
    [XMPP_NOT_ALLOWED] = { "not-allowed", "cancel", NULL, NULL },
    [XMPP_POLICY_VIOLATION] = { "policy-violation", "modify", NULL, NULL },
    [XMPP_REMOTE_SERVER_NOT_FOUND] = { "remote-server-not-found", "cancel", NULL, NULL },
    [XMPP_REMOTE_SERVER_TIMEOUT] = { "remote-server-timeout", "wait", NULL, NULL },
    [XMPP_RESOURCE_CONSTRAINT] = { "resource-constraint", "wait", NULL, NULL },
    [XMPP_SERVICE_UNAVAILABLE] = { "service-unavailable", "cancel", NULL, NULL },
    [XMPP_INVALID_PAYLOAD] = { "bad-request", "modify", "invalid-payload", NS_PUBSUB "#errors" },
    [XMPP_PAYLOAD_TOO_BIG] = { "not-acceptable", "modify", "payload-too-big", NS_PUBSUB "#errors" },
    [XMPP_PRECONDITION] = { "conflict", "cancel", "precondition-not-met", NS_PUBSUB "#errors" },
    [XMPP_UNSUPPORTED] = { "feature-not-implemented", "cancel", NULL, NULL },
};

/* The answer comes from where the stanza was sent, as the client wrote it. */
static void begin_answer(struct xmpp_c2s *c, const struct xmpp_stanza *s, const char *name,
                         const char *type, struct xml_writer *w)
{
    struct gw_str to = xml_attr(s->node, "to");

    xmpp_begin(c, w);
    xml_open(w, name);
    xml_put_attr(w, "type", gw_str_of(type));
    if (to.len)
        xml_put_attr(w, "from", to);
    if (c->full)
        xml_put_attr(w, "to", gw_str_of(c->full));
    if (s->id.p)
        xml_put_attr(w, "id", s->id);
}

const char *xmpp_stanza_name(const struct xmpp_stanza *s)
{
    static const char *const names[] = { "message", "presence", "iq" };

    for (size_t i = 0; i < 2; i++) {
        if (gw_str_is(s->node->name, names[i]))
            return names[i];
    }
    return names[2];
}

void xmpp_put_error(struct xml_writer *w, enum xmpp_cond cond, const char *text)
{
    xml_open(w, "error");
    xml_put_attr(w, "type", gw_str_of(conds[cond].type));
    xmpp_open_ns(w, conds[cond].name, NS_STANZAS);
    xml_close(w);
    if (text)
        put_text(w, NS_STANZAS, text);
    if (conds[cond].more) {
        xmpp_open_ns(w, conds[cond].more, conds[cond].more_ns);
        xml_close(w);
    }
    xml_close(w);
}

void xmpp_stanza_error(struct xmpp_c2s *c, const struct xmpp_stanza *s, enum xmpp_cond cond,
                       const char *text)
{
    struct xml_writer w;

    /* RFC 6120 8.3.1: errors are not answered; results have nothing to answer. */
    if (gw_str_is(s->type, "error") || gw_str_is(s->type, "result"))
        return;
    begin_answer(c, s, xmpp_stanza_name(s), "error", &w);
    xmpp_put_error(&w, cond, text);
    xml_close(&w);
    xmpp_end(c);
}

void xmpp_refuse(const struct xmpp_sender *by, const struct xmpp_stanza *s, enum xmpp_cond cond)
{
    if (by->c)
        xmpp_stanza_error(by->c, s, cond, NULL);
    else if (!by->is_gone)
        xmpp_refuse_abroad(by, s, cond);
}

struct gw_str xmpp_sender_bare(const struct xmpp_sender *by)
{
    struct gw_str bare = by->from;

    (void)gw_str_cut(by->from, "/", &bare, NULL);
    return bare;
}

void xmpp_begin_answer(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                       struct xml_writer *w)
{
    if (by->c)
        xmpp_begin_result(by->c, s, w);
    else
        xmpp_begin_result_abroad(by, s, w);
}

void xmpp_end_answer(const struct xmpp_sender *by)
{
    if (by->c)
        xmpp_end(by->c);
    else
        xmpp_end_result_abroad(by);
}

void xmpp_begin_result(struct xmpp_c2s *c, const struct xmpp_stanza *s, struct xml_writer *w)
{
    begin_answer(c, s, "iq", "result", w);
}

void xmpp_empty_result(struct xmpp_c2s *c, const struct xmpp_stanza *s)
{
    struct xml_writer w;

    xmpp_begin_result(c, s, &w);
    xml_close(&w);
    xmpp_end(c);
}

void xmpp_begin_push(struct xmpp_c2s *c, struct xml_writer *w)
{
    char id[16];

    snprintf(id, sizeof(id), "push%u", ++c->pushes);
    xmpp_begin(c, w);
    xml_open(w, "iq");
    xml_put_attr(w, "type", GW_STR("set"));
    xml_put_attr(w, "id", gw_str_of(id));
    xml_put_attr(w, "to", gw_str_of(c->full));
}
