/* Stanzas across the border: from the core and our clients to other domains, and from there to our
 * users (RFC 6121 8.5, 10.3). */
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "xmpp_fed_priv.h"

static const char *const request_types[] = { [PRES_SUBSCRIBE] = "subscribe",
                                             [PRES_SUBSCRIBED] = "subscribed",
                                             [PRES_UNSUBSCRIBE] = "unsubscribe",
                                             [PRES_UNSUBSCRIBED] = "unsubscribed" };

/* ---- What is told when a stanza cannot be sent ---- */

struct xmpp_bounce {
    enum { BOUNCE_STANZA, BOUNCE_PROBE, BOUNCE_SUBSCRIBE, BOUNCE_LINE } kind;
    const char *name; /* "message", "iq" */
    /* from: as our clients know him; of a probe or a line, as other domains do */
    char *from, *to, *id;
};

static struct xmpp_bounce *bounce_new(struct gw_str from, struct gw_str to)
{
    struct xmpp_bounce *b = gw_new(struct xmpp_bounce);

    b->from = gw_str_dup(from);
    b->to = gw_str_dup(to);
    return b;
}

void xmpp_bounce_free(struct xmpp_bounce *b)
{
    if (!b)
        return;
    free(b->from);
    free(b->to);
    free(b->id);
    free(b);
}

static void write_bounce(struct xmpp_c2s *c, const struct xmpp_bounce *b, const char *name,
                         enum xmpp_cond cond)
{
    struct xml_writer w;

    xmpp_begin(c, &w);
    xml_open(&w, name);
    xml_put_attr(&w, "type", GW_STR("error"));
    xml_put_attr(&w, "from", gw_str_of(b->to));
    xml_put_attr(&w, "to", gw_str_of(b->from));
    if (b->id)
        xml_put_attr(&w, "id", gw_str_of(b->id));
    xmpp_put_error(&w, cond, NULL);
    xml_close(&w);
    xmpp_end(c);
}

static void bounce_stanza(struct xmpp_fed *fed, const struct xmpp_bounce *b, enum xmpp_cond cond)
{
    struct gw_str user = gw_str_of(b->from), resource = GW_STR("");
    struct pres_session *s;
    struct xmpp_c2s *c;

    (void)gw_str_cut(user, "/", &user, &resource);
    s = pres_session_find(fed->host->core, user, resource);
    c = s ? pres_session_ctx_of(s, fed->host->front) : NULL;
    if (c)
        write_bounce(c, b, b->name, cond);
}

static void bounce_subscribe(struct xmpp_fed *fed, const struct xmpp_bounce *b, enum xmpp_cond cond)
{
    struct gw_str user = gw_str_of(b->from);

    for (struct pres_session *s = NULL; (s = pres_session_next(fed->host->core, user, s));) {
        struct xmpp_c2s *c = pres_session_ctx_of(s, fed->host->front);

        if (c && pres_session_is_available(s))
            write_bounce(c, b, "presence", cond);
    }
}

/* Of a client of another front-end. */
static void bounce_line(struct xmpp_fed *fed, const struct xmpp_bounce *b)
{
    pres_message_failed(fed->host->core,
                        &(struct pres_message){ .from = gw_str_of(b->from),
                                                .to = gw_str_of(b->to),
                                                .id = gw_str_of(b->id) },
                        PRES_FAILED_UNREACHED);
}

void xmpp_bounce_tell(struct xmpp_fed *fed, struct xmpp_bounce *b, const struct gw_err *why)
{
    enum xmpp_cond cond =
        why->code == GW_NOTFOUND ? XMPP_REMOTE_SERVER_NOT_FOUND : XMPP_REMOTE_SERVER_TIMEOUT;

    switch (b->kind) {
    case BOUNCE_STANZA:
        bounce_stanza(fed, b, cond);
        break;
    case BOUNCE_PROBE:
        pres_abroad_lost(fed->host->core, gw_str_of(b->to), gw_str_of(b->from));
        break;
    case BOUNCE_SUBSCRIBE:
        bounce_subscribe(fed, b, cond);
        break;
    case BOUNCE_LINE:
        bounce_line(fed, b);
        break;
    }
    xmpp_bounce_free(b);
}

/* What is told at once, when nothing was sent. */
static const struct {
    bool is_error;
    enum xmpp_cond cond;
    enum pres_failure failure;
} sent_as[] = {
    [XMPP_SENT] = { false, XMPP_BAD_REQUEST, PRES_FAILED_UNFIT },
    [XMPP_SENT_FULL] = { true, XMPP_RESOURCE_CONSTRAINT, PRES_FAILED_FULL },
    [XMPP_SENT_AWAY] = { true, XMPP_REMOTE_SERVER_TIMEOUT, PRES_FAILED_UNREACHED },
    [XMPP_SENT_FORBIDDEN] = { true, XMPP_NOT_ALLOWED, PRES_FAILED_REFUSED },
};

/* ---- From the core ---- */

static void open_stanza(struct xmpp_fed *fed, struct xml_writer *w, const char *name,
                        struct gw_str from, struct gw_str to, const char *type)
{
    gw_buf_reset(&fed->stanza);
    xml_write_init(w, &fed->stanza);
    xml_open(w, name);
    xml_put_attr(w, "from", from);
    xml_put_attr(w, "to", to);
    xml_put_attr(w, "type", gw_str_of(type));
}

void xmpp_presence_abroad(const struct pres_doc *doc, const struct gw_str *to, size_t count,
                          void *ctx)
{
    struct xmpp_host *host = ctx;
    struct gw_str body = xmpp_write_doc(host, doc);
    struct xmpp_fed *fed = host->fed;
    struct xml_writer w;

    if (!fed)
        return;
    gw_buf_reset(&fed->from);
    gw_buf_addf(&fed->from, "%.*s/%.*s", GW_STR_ARG(doc->user), GW_STR_ARG(doc->resource));
    for (size_t i = 0; i < count; i++) {
        gw_buf_reset(&fed->stanza);
        xml_write_init(&w, &fed->stanza);
        xml_open(&w, "presence");
        xml_put_attr(&w, "to", to[i]);
        gw_buf_add_str(&fed->stanza, body);
        (void)xmpp_fed_send(fed, gw_buf_str(&fed->from), to[i], gw_buf_str(&fed->stanza), NULL,
                            !doc->directed);
        host->counters.presence_out++;
    }
}

static void subscribe_refused(struct xmpp_fed *fed, struct gw_str from, struct gw_str to,
                              enum xmpp_cond cond)
{
    struct xmpp_bounce *bounce = bounce_new(pres_inner(fed->host->core, from, to), to);

    bounce_subscribe(fed, bounce, cond);
    xmpp_bounce_free(bounce);
}

void xmpp_request_abroad(enum pres_request request, struct gw_str from, struct gw_str to,
                         struct gw_str extra, void *ctx)
{
    struct xmpp_fed *fed = ((struct xmpp_host *)ctx)->fed;
    struct xmpp_bounce *bounce = NULL;
    struct xml_writer w;
    enum xmpp_sent sent;

    if (!fed)
        return;
    open_stanza(fed, &w, "presence", from, to, request_types[request]);
    if (extra.len) {
        xml_flush_tag(&w);
        gw_buf_add_str(&fed->stanza, extra);
    }
    xml_close(&w);
    if (request == PRES_SUBSCRIBE) {
        bounce = bounce_new(pres_inner(fed->host->core, from, to), to);
        bounce->kind = BOUNCE_SUBSCRIBE;
    }
    sent = xmpp_fed_send(fed, from, to, gw_buf_str(&fed->stanza), bounce, false);
    if (request == PRES_SUBSCRIBE && sent_as[sent].is_error)
        subscribe_refused(fed, from, to, sent_as[sent].cond);
    if (request == PRES_SUBSCRIBED)
        xmpp_caps_watcher_abroad(fed->host, pres_inner(fed->host->core, from, to), to);
}

void xmpp_probe_abroad(struct gw_str from, struct gw_str to, void *ctx)
{
    struct xmpp_fed *fed = ((struct xmpp_host *)ctx)->fed;
    struct xmpp_bounce *bounce;
    struct xml_writer w;

    if (!fed)
        return;
    open_stanza(fed, &w, "presence", from, to, "probe");
    xml_close(&w);
    bounce = bounce_new(from, to);
    bounce->kind = BOUNCE_PROBE;
    /* A probe that was not sent is sent again when presence is told anew. */
    (void)xmpp_fed_send(fed, from, to, gw_buf_str(&fed->stanza), bounce, true);
}

/* Who types wants to know of no failure. */
bool xmpp_message_abroad(const struct pres_message *m, enum pres_failure *why, void *ctx)
{
    struct xmpp_fed *fed = ((struct xmpp_host *)ctx)->fed;
    struct xmpp_bounce *bounce = NULL;
    enum xmpp_sent sent = XMPP_SENT_FORBIDDEN;
    struct xml_writer w;

    if (fed) {
        open_stanza(fed, &w, "message", m->from, m->to, "chat");
        if (m->id.len)
            xml_put_attr(&w, "id", m->id);
        xmpp_put_talk(&w, m);
        xml_close(&w);
        if (m->body.len) {
            bounce = bounce_new(m->from, m->to);
            bounce->kind = BOUNCE_LINE;
            bounce->id = gw_str_dup(m->id);
        }
        sent = xmpp_fed_send(fed, m->from, m->to, gw_buf_str(&fed->stanza), bounce, false);
    }
    *why = sent_as[sent].failure;
    return !sent_as[sent].is_error;
}

void xmpp_message_failed_abroad(const struct pres_message *m, enum pres_failure why, void *ctx)
{
    struct xmpp_fed *fed = ((struct xmpp_host *)ctx)->fed;
    struct xml_writer w;

    if (!fed)
        return;
    open_stanza(fed, &w, "message", m->to, m->from, "error");
    xml_put_attr(&w, "id", m->id);
    xmpp_put_error(&w, xmpp_failure_conds[why], NULL);
    xml_close(&w);
    (void)xmpp_fed_send(fed, m->to, m->from, gw_buf_str(&fed->stanza), NULL, false);
}

/* ---- From our clients ---- */

/* The JID, full or bare, by which the other domain knows the user; empties 'out' first. */
static void write_outer(const struct xmpp_fed *fed, struct gw_str jid, struct gw_str peer,
                        struct gw_buf *out)
{
    struct gw_str bare = jid;

    (void)gw_str_cut(jid, "/", &bare, NULL);
    gw_buf_reset(out);
    gw_buf_add_str(out, pres_outer(fed->host->core, bare, peer));
    gw_buf_add_str(out, gw_str_sub(jid, bare.len, jid.len));
}

void xmpp_send_abroad(struct xmpp_c2s *c, const struct xmpp_stanza *s)
{
    struct xmpp_sender by = { .host = c->host, .c = c };
    struct xmpp_fed *fed = c->host->fed;
    struct xmpp_bounce *bounce = NULL;
    enum xmpp_sent sent;

    if (!fed || pres_route_front(c->host->core, s->to.bare) != c->host->front) {
        if (xmpp_send_otherwise(c, s))
            return;
        xmpp_stanza_error(c, s, XMPP_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    write_outer(fed, gw_str_of(c->full), s->to.bare, &fed->from);
    by.from = gw_buf_str(&fed->from);
    gw_buf_reset(&fed->stanza);
    xmpp_copy_stanza(&by, s, &fed->stanza);
    if (!gw_str_is(s->type, "error") && !gw_str_is(s->type, "result")) {
        bounce = bounce_new(gw_str_of(c->full), s->to.full);
        bounce->name = gw_str_is(s->node->name, "iq") ? "iq" : "message";
        bounce->id = s->id.p ? gw_str_dup(s->id) : NULL;
    }
    sent = xmpp_fed_send(fed, by.from, s->to.full, gw_buf_str(&fed->stanza), bounce, false);
    if (sent_as[sent].is_error)
        xmpp_stanza_error(c, s, sent_as[sent].cond, NULL);
}

/* ---- To our users ---- */

/* From whom the sender has addressed, in his own words; of one that was kept: from whom he knows. */
static void open_answer(struct xmpp_fed *fed, struct xml_writer *w, const char *name,
                        const char *type, const struct xmpp_sender *by, const struct xmpp_stanza *s)
{
    if (by->to.len) {
        gw_buf_reset(&fed->from);
        gw_buf_add_str(&fed->from, by->to);
    } else {
        write_outer(fed, s->to.full, by->from, &fed->from);
    }
    gw_buf_reset(&fed->stanza);
    xml_write_init(w, &fed->stanza);
    xml_open(w, name);
    xml_put_attr(w, "type", gw_str_of(type));
    xml_put_attr(w, "from", gw_buf_str(&fed->from));
    xml_put_attr(w, "to", by->from);
}

static void send_answer(struct xmpp_fed *fed, const struct xmpp_sender *by)
{
    (void)xmpp_fed_send(fed, gw_buf_str(&fed->from), by->from, gw_buf_str(&fed->stanza), NULL,
                        false);
}

/* 'to' by the name that the user has here; false: nobody is meant. */
static bool find_inner(const struct xmpp_sender *by, struct xmpp_stanza *s,
                       const struct xmpp_jid *from)
{
    struct gw_str inner = pres_inner(by->host->core, s->to.bare, from->bare);
    struct gw_buf full;

    if (gw_str_eq(inner, s->to.bare))
        return true;
    if (!inner.len)
        return false;
    gw_buf_init(&full, XMPP_JID_TEXT_MAX);
    gw_buf_add_str(&full, inner);
    gw_buf_add_str(&full, gw_str_sub(s->to.full, s->to.bare.len, s->to.full.len));
    (void)xmpp_jid_parse(gw_buf_str(&full), &s->to, NULL); /* of two that were parsed before */
    gw_buf_done(&full);
    return true;
}

void xmpp_begin_result_abroad(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                              struct xml_writer *w)
{
    open_answer(by->host->fed, w, "iq", "result", by, s);
    xml_put_attr(w, "id", s->id);
}

void xmpp_end_result_abroad(const struct xmpp_sender *by)
{
    send_answer(by->host->fed, by);
}

void xmpp_begin_abroad(struct xmpp_host *host, const char *name, struct gw_str from,
                       struct gw_str to, struct xml_writer *w)
{
    struct xmpp_fed *fed = host->fed;

    write_outer(fed, from, to, &fed->from);
    gw_buf_reset(&fed->stanza);
    xml_write_init(w, &fed->stanza);
    xml_open(w, name);
    xml_put_attr(w, "from", gw_buf_str(&fed->from));
    xml_put_attr(w, "to", to);
}

void xmpp_end_abroad(struct xmpp_host *host, struct gw_str to)
{
    struct xmpp_fed *fed = host->fed;

    (void)xmpp_fed_send(fed, gw_buf_str(&fed->from), to, gw_buf_str(&fed->stanza), NULL, false);
}

/* RFC 6120 8.3.1: neither errors nor results are answered. */
void xmpp_refuse_abroad(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                        enum xmpp_cond cond)
{
    struct xmpp_fed *fed = by->host->fed;
    struct xml_writer w;

    if (gw_str_is(s->type, "error") || gw_str_is(s->type, "result"))
        return;
    open_answer(fed, &w, xmpp_stanza_name(s), "error", by, s);
    if (s->id.p)
        xml_put_attr(&w, "id", s->id);
    xmpp_put_error(&w, cond, NULL);
    xml_close(&w);
    send_answer(fed, by);
}

static void on_message(const struct xmpp_sender *by, struct xmpp_stanza *m,
                       const struct xmpp_jid *from)
{
    if (!find_inner(by, m, from) || xmpp_fail_otherwise(by, m))
        return;
    if (pres_route(by->host->core, m->to.bare) == PRES_ROUTE_LOCAL)
        xmpp_message_to_user(by, m, m->to.bare, m->to.resource);
    else
        xmpp_refuse(by, m, XMPP_SERVICE_UNAVAILABLE);
}

static void on_iq(const struct xmpp_sender *by, struct xmpp_stanza *s, const struct xmpp_jid *from)
{
    bool is_meant = find_inner(by, s, from);
    struct pres_session *session;

    if (!s->id.p || !s->type.p) {
        xmpp_refuse(by, s, XMPP_BAD_REQUEST);
        return;
    }
    if (is_meant && !s->to.resource.len && xmpp_caps_answer_abroad(by, s, from))
        return;
    session = is_meant && s->to.resource.len && !xmpp_is_shut_out(by, s->to.bare)
                  ? pres_session_find(by->host->core, s->to.bare, s->to.resource)
                  : NULL;
    if (session && xmpp_may_ask(by, s, session) && xmpp_forward(by, s, session))
        return;
    if (is_meant)
        xmpp_answer_abroad(by, s);
    else
        xmpp_refuse(by, s, XMPP_SERVICE_UNAVAILABLE);
}

static bool read_request(const struct xmpp_stanza *s, enum pres_request *out)
{
    for (size_t i = 0; i < sizeof(request_types) / sizeof(request_types[0]); i++) {
        if (gw_str_is(s->type, request_types[i])) {
            *out = (enum pres_request)i;
            return true;
        }
    }
    return false;
}

static void take_caps(const struct xmpp_sender *by, struct xmpp_stanza *s,
                      const struct xmpp_jid *from, bool is_new)
{
    bool is_contact = pres_abroad_is_known(by->host->core, s->to.bare, from->bare, from->resource);

    if (find_inner(by, s, from))
        xmpp_caps_presence_abroad(by, s, from, is_contact, is_new);
}

static void on_state(const struct xmpp_sender *by, struct xmpp_stanza *s,
                     const struct xmpp_jid *from)
{
    bool is_new = !pres_abroad_is_known(by->host->core, s->to.bare, from->bare, from->resource);
    struct xmpp_words words;
    enum gw_code rc;

    xmpp_words_init(&words);
    rc = xmpp_words_read(s, &words);
    if (!rc)
        rc = pres_abroad_presence(by->host->core, by->host->front, from->bare, from->resource,
                                  s->to.bare, s->to.resource, &words.client);
    if (rc == GW_LIMIT)
        xmpp_refuse(by, s, XMPP_POLICY_VIOLATION);
    else if (rc)
        xmpp_refuse(by, s, XMPP_BAD_REQUEST);
    else
        take_caps(by, s, from, is_new);
    xmpp_words_done(&words);
}

static void on_presence(const struct xmpp_sender *by, struct xmpp_stanza *s,
                        const struct xmpp_jid *from)
{
    struct pres_core *core = by->host->core;
    enum pres_request request;
    struct gw_buf extra;

    if (gw_str_is(s->type, "error")) {
        if (!from->resource.len)
            pres_abroad_lost(core, from->bare, s->to.bare);
    } else if (gw_str_is(s->type, "probe")) {
        pres_abroad_probe(core, from->bare, s->to.bare);
    } else if (read_request(s, &request)) {
        xmpp_read_extra(s, &extra, PRES_REQUEST_EXTRA_MAX);
        pres_abroad_request(core, request, from->bare, s->to.bare,
                            extra.failed ? GW_STR("") : gw_buf_str(&extra));
        gw_buf_done(&extra);
    } else if (!s->type.p || gw_str_is(s->type, "unavailable")) {
        on_state(by, s, from);
    } else {
        xmpp_refuse(by, s, XMPP_BAD_REQUEST);
    }
}

static const struct {
    const char *name;
    void (*handle)(const struct xmpp_sender *by, struct xmpp_stanza *s,
                   const struct xmpp_jid *from);
} kinds[] = {
    { "message", on_message },
    { "presence", on_presence },
    { "iq", on_iq },
};

/* RFC 6120 8.1.1.2, 8.1.2.2: both addresses are there, and are of domains that were proved. */
void xmpp_abroad_stanza(struct xmpp_s2s *in, const struct xml_node *node)
{
    struct xmpp_stanza s = {
        .node = node, .type = xml_attr(node, "type"), .id = xml_attr(node, "id"), .has_to = true
    };
    struct xmpp_sender by = { .host = in->fed->host };
    struct xmpp_jid from, to;

    if (xmpp_jid_parse(xml_attr(node, "from"), &from, NULL) ||
        xmpp_jid_parse(xml_attr(node, "to"), &to, NULL)) {
        xmpp_s2s_error(in, GW_BADMSG, "improper-addressing", NULL);
        return;
    }
    if (!xmpp_s2s_in_may_speak(in, from.domain, to.domain)) {
        xmpp_s2s_error(in, GW_DENIED, "invalid-from",
                       "the domain in 'from' was not proved to the one in 'to'");
        return;
    }
    by.from = from.full;
    by.to = to.full;
    s.to = to; /* its texts are those of 'to', until it is another */
    in->fed->host->now = in->fed->now;
    in->fed->counters.stanzas_in++;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (gw_str_is(node->name, kinds[i].name)) {
            kinds[i].handle(&by, &s, &from);
            return;
        }
    }
    xmpp_s2s_error(in, GW_BADMSG, "unsupported-stanza-type", NULL);
}
