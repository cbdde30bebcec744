/* From the presence core to clients. A presence is written once and addressed per watcher. For a
 * watcher who reads slowly only the resource's name is kept, and its newest presence is asked for
 * when there is room again. */
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "xmpp_priv.h"

struct xmpp_held {
    size_t user_len, key_len;
    char key[]; /* "user/resource" or "user/" */
};

/* ---- Writing ---- */

static const char *const show_words[] = {
    [XMPP_SHOW_AVAILABLE] = "", [XMPP_SHOW_CHAT] = "chat", [XMPP_SHOW_AWAY] = "away",
    [XMPP_SHOW_XA] = "xa",      [XMPP_SHOW_DND] = "dnd",
};

static const char *show_of(const struct xmpp_host *host, const struct pres_doc *doc)
{
    if (doc->shown.kind == PRES_CAL_MEETING)
        return show_words[host->settings->show_in_meeting];
    if (doc->shown.kind == PRES_CAL_OOF)
        return show_words[host->settings->show_out_of_office];
    switch (doc->shown.show) {
    case PRES_OFFLINE:
        return "";
    case PRES_AVAILABLE:
        return doc->origin == host->front && doc->shade ? "chat" : "";
    case PRES_AWAY:
    case PRES_BUSY:
        return "away";
    case PRES_XA:
        return "xa";
    case PRES_DND:
        return "dnd";
    }
    return "";
}

/* XMPP has no word for busy: it is away, and the text says so. */
static void put_status(struct xml_writer *w, const struct xmpp_host *host,
                       const struct pres_doc *doc, bool is_ours)
{
    struct gw_str text = doc->shown.text, busy;

    if (is_ours && doc->texts.len) {
        xml_flush_tag(w);
        gw_buf_add_str(w->out, doc->texts);
        return;
    }
    if (!text.len && doc->shown.show != PRES_BUSY)
        return;
    xml_open(w, "status");
    busy = pres_phrase(host->core, doc->user, PRES_PHRASE_BUSY);
    if (doc->shown.show == PRES_BUSY && !pres_shown_says(&doc->shown, busy)) {
        xml_put_text(w, busy);
        xml_put_text(w, text.len ? GW_STR(" - ") : GW_STR(""));
    }
    xml_put_text(w, text);
    xml_close(w);
}

static void put_from(struct xml_writer *w, struct xmpp_host *host, const struct pres_doc *doc)
{
    struct gw_buf *from = &host->out;

    gw_buf_reset(from);
    gw_buf_add_str(from, doc->user);
    if (doc->resource.len) {
        gw_buf_add_char(from, '/');
        gw_buf_add_str(from, doc->resource);
    }
    xml_put_attr(w, "from", gw_buf_str(from));
}

enum { START_LEN = sizeof("<presence") - 1 };

struct gw_str xmpp_write_doc(struct xmpp_host *host, const struct pres_doc *doc)
{
    bool is_ours = doc->origin == host->front;
    const char *show = show_of(host, doc);
    struct xml_writer w;

    gw_buf_reset(&host->body);
    xml_write_init(&w, &host->body);
    xml_open(&w, "presence");
    put_from(&w, host, doc);
    if (doc->shown.show == PRES_OFFLINE)
        xml_put_attr(&w, "type", GW_STR("unavailable"));
    if (show[0])
        xml_put(&w, "show", gw_str_of(show));
    put_status(&w, host, doc, is_ours);
    if (doc->priority && doc->shown.show != PRES_OFFLINE) {
        xml_open(&w, "priority");
        xml_put_int(&w, doc->priority);
        xml_close(&w);
    }
    if (is_ours && doc->extra.len) {
        xml_flush_tag(&w);
        gw_buf_add_str(&host->body, doc->extra);
    }
    xml_close(&w);
    return gw_str_sub(gw_buf_str(&host->body), START_LEN, host->body.len);
}

static void send(struct xmpp_c2s *c, const struct pres_doc *doc, struct gw_str body)
{
    struct gw_buf *out = &c->host->out;

    gw_buf_reset(out);
    gw_buf_add_str(out, gw_buf_str(&c->to));
    gw_buf_add_str(out, body);
    if (doc->directed)
        xmpp_sm_sent(c, gw_buf_str(out));
    else
        xmpp_sm_sent_presence(c, doc->user, doc->resource);
    xmpp_write(c, gw_buf_str(out));
    xmpp_sm_ask(c);
    c->host->counters.presence_out++;
}

/* ---- Holding ---- */

static void cut(struct xmpp_c2s *c)
{
    xmpp_sm_forbid(c);
    c->is_lost = true;
    c->host->counters.cut_slow++;
    gw_info("xmpp", "s=%s cut-off peer=%s reason=\"presence of %d resources waits\"", c->id,
            c->peer, XMPP_HELD_MAX);
    c->io->wake(c->io_ctx);
}

void xmpp_hold(struct xmpp_c2s *c, struct gw_str user, struct gw_str resource)
{
    size_t len = user.len + 1 + resource.len;
    struct xmpp_held *h = gw_alloc(sizeof(*h) + len), *old;

    memcpy(h->key, user.p, user.len);
    h->key[user.len] = '/';
    if (resource.len)
        memcpy(h->key + user.len + 1, resource.p, resource.len);
    h->user_len = user.len;
    h->key_len = len;
    if (!c->held)
        c->held = gw_map_new();
    old = gw_map_set(c->held, (struct gw_str){ h->key, len }, h);
    if (old) {
        c->host->counters.presence_merged++;
        free(old);
    }
    if (gw_map_len(c->held) > XMPP_HELD_MAX)
        cut(c);
}

void xmpp_forget_held(struct xmpp_c2s *c)
{
    struct xmpp_held *h;
    size_t pos = 0;

    if (!c->held)
        return;
    while ((h = gw_map_next(c->held, &pos)))
        free(h);
    gw_map_free(&c->held);
}

void xmpp_release_held(struct xmpp_c2s *c)
{
    struct xmpp_held *h;
    size_t pos = 0;

    while (c->held && !c->is_lost && !c->is_inactive && c->io->queued(c->io_ctx) < XMPP_HOLD_AT &&
           (h = gw_map_next(c->held, &pos))) {
        struct gw_str key = { h->key, h->key_len };

        gw_map_remove(c->held, key);
        pres_session_refresh(c->session, gw_str_sub(key, 0, h->user_len),
                             gw_str_sub(key, h->user_len + 1, key.len));
        free(h);
    }
    if (c->held && !gw_map_len(c->held))
        gw_map_free(&c->held);
}

/* ---- The front-end's table ---- */

static bool waits(const struct xmpp_c2s *c)
{
    return c->is_lost || c->is_inactive || c->io->queued(c->io_ctx) >= XMPP_HOLD_AT;
}

static void on_presence(const struct pres_doc *doc, struct pres_session *const *to, size_t count,
                        void *ctx)
{
    struct xmpp_host *host = ctx;
    struct gw_str body = xmpp_write_doc(host, doc);

    for (size_t i = 0; i < count; i++) {
        struct xmpp_c2s *c = pres_session_ctx(to[i]);

        if (c->is_lost && !xmpp_sm_is_resumable(c))
            continue;
        if (!doc->directed && waits(c))
            xmpp_hold(c, doc->user, doc->resource);
        else
            send(c, doc, body);
    }
}

static void on_request(enum pres_request request, struct gw_str from, struct gw_str extra,
                       struct pres_session *to, void *ctx)
{
    static const char *const types[] = { [PRES_SUBSCRIBE] = "subscribe",
                                         [PRES_SUBSCRIBED] = "subscribed",
                                         [PRES_UNSUBSCRIBE] = "unsubscribe",
                                         [PRES_UNSUBSCRIBED] = "unsubscribed" };
    struct xmpp_c2s *c = pres_session_ctx(to);
    struct xml_writer w;

    (void)ctx;
    xmpp_begin(c, &w);
    xml_open(&w, "presence");
    xml_put_attr(&w, "from", from);
    xml_put_attr(&w, "to", gw_str_of(c->user));
    xml_put_attr(&w, "type", gw_str_of(types[request]));
    if (extra.len) {
        xml_flush_tag(&w);
        gw_buf_add_str(w.out, extra);
    }
    xml_close(&w);
    xmpp_end(c);
    if (request == PRES_SUBSCRIBED && c->wants)
        xmpp_pep_show(c, from);
}

static void on_roster_changed(const struct pres_item *item, struct pres_session *to, void *ctx)
{
    (void)ctx;
    xmpp_push_item(pres_session_ctx(to), item);
}

static void on_revealed(struct gw_str user, struct gw_str watcher, void *ctx)
{
    struct xmpp_host *host = ctx;

    for (struct pres_session *s = NULL; (s = pres_session_next(host->core, watcher, s));) {
        struct xmpp_c2s *c = pres_session_ctx_of(s, host->front);

        if (c && c->wants)
            xmpp_pep_show(c, user);
    }
    if (host->fed && pres_route_front(host->core, watcher) == host->front)
        xmpp_caps_watcher_abroad(host, user, watcher);
}

static void on_stirred(struct gw_str user, void *ctx)
{
    struct xmpp_host *host = ctx;

    xmpp_activity_stirred(host->activity, user);
}

static void on_removed(struct gw_str user, void *ctx)
{
    xmpp_offline_forget(ctx, user);
    xmpp_vcard_forget(ctx, user);
    xmpp_pep_forget(ctx, user);
}

static void on_shut_out(struct gw_str who, bool is_out, struct pres_session *to, void *ctx)
{
    struct xmpp_c2s *c = pres_session_ctx(to);

    (void)ctx;
    if (c->wants_blocks)
        xmpp_push_block(c, who, is_out);
}

static void on_ended(struct pres_session *s, enum pres_end why, void *ctx)
{
    static const struct {
        const char *condition, *text;
    } words[] = {
        [PRES_END_REPLACED] = { "conflict", "another client took this resource" },
        [PRES_END_REMOVED] = { "not-authorized", "the account was removed" },
        [PRES_END_REFUSED] = { "not-authorized", "the account may not be used any more" },
    };
    struct xmpp_c2s *c = pres_session_ctx(s);

    (void)ctx;
    if (why == PRES_END_REFUSED)
        xmpp_password_changed(c, pres_session_resource(s));
    c->session = NULL;
    xmpp_stream_error(c, words[why].condition, words[why].text);
    c->io->wake(c->io_ctx);
}

const struct pres_frontend xmpp_frontend = {
    .name = "xmpp",
    .presence = on_presence,
    .request = on_request,
    .roster_changed = on_roster_changed,
    .shut_out = on_shut_out,
    .list_changed = xmpp_push_list,
    .stirred = on_stirred,
    .revealed = on_revealed,
    .removed = on_removed,
    .ended = on_ended,
    .message = xmpp_message_otherwise,
    .message_failed = xmpp_message_failed,
    .presence_abroad = xmpp_presence_abroad,
    .request_abroad = xmpp_request_abroad,
    .probe_abroad = xmpp_probe_abroad,
    .message_abroad = xmpp_message_abroad,
    .message_failed_abroad = xmpp_message_failed_abroad,
};
