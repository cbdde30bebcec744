/* One connection with another server, of either direction: its reader, its clocks and its limits. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "xmpp_fed_priv.h"

enum { STANZA_COST = 128, BURST_S = 4 };

static void on_open(const struct xml_node *root, void *ctx)
{
    struct xmpp_s2s *s = ctx;

    if (s->is_in)
        xmpp_s2s_in_header(s, root);
    else
        xmpp_s2s_out_header(s, root);
}

static void on_stanza(const struct xml_node *node, void *ctx)
{
    struct xmpp_s2s *s = ctx;

    if (s->state == S2S_CLOSED || s->is_lost)
        return;
    s->tokens -= STANZA_COST;
    if (s->is_in)
        xmpp_s2s_in_stanza(s, node);
    else
        xmpp_s2s_out_stanza(s, node);
}

static void on_close(void *ctx)
{
    xmpp_s2s_close(ctx, GW_OK, "the peer ended the stream");
}

static void make_reader(struct xmpp_s2s *s)
{
    static const struct xml_stream_handlers handlers = { on_open, on_stanza, on_close };
    struct xml_stream_limits limits = { .stanza_max = XMPP_S2S_EARLY_MAX,
                                        .depth_max = XMPP_DEPTH_MAX,
                                        .nodes_max = XMPP_NODES_MAX,
                                        .attrs_max = XMPP_ATTRS_MAX };

    s->xml = xml_stream_new(&limits, &handlers, s);
}

static int64_t burst(const struct xmpp_s2s *s)
{
    return s->fed->settings->rate_kbs * 1024 * BURST_S;
}

struct xmpp_s2s *xmpp_s2s_new(struct xmpp_fed *fed, bool is_in, gw_time now)
{
    struct xmpp_s2s *s = gw_new(struct xmpp_s2s);

    s->fed = fed;
    s->is_in = is_in;
    s->state = is_in ? S2S_HELLO : S2S_CONNECTING;
    s->peer = gw_str_dup(GW_STR(""));
    gw_list_init(&s->pairs);
    gw_random_hex(s->log_id, 4);
    s->since = s->used_at = s->tokens_at = now;
    s->ready_by = gw_time_after(now, fed->settings->timeout_s * GW_SECOND_MS);
    s->tokens = burst(s);
    make_reader(s);
    gw_list_append(&fed->streams, &s->in_fed);
    if (is_in)
        fed->counters.in++;
    else
        fed->counters.out++;
    return s;
}

void xmpp_s2s_attach(struct xmpp_s2s *s, const struct xmpp_s2s_io *io, void *io_ctx)
{
    s->io = io;
    s->io_ctx = io_ctx;
}

static void set_peer(struct xmpp_s2s *s, struct gw_str peer)
{
    free(s->peer);
    s->peer = gw_str_dup(peer);
}

struct xmpp_s2s *xmpp_s2s_accept(struct xmpp_fed *fed, const struct xmpp_s2s_io *io, void *io_ctx,
                                 struct gw_str peer, bool can_tls, gw_time now)
{
    struct xmpp_s2s *s = xmpp_s2s_new(fed, true, now);

    xmpp_s2s_attach(s, io, io_ctx);
    set_peer(s, peer);
    s->can_tls = can_tls;
    return s;
}

/* Whoever waits for this connection learns that it is over, once. */
static void settle(struct xmpp_s2s *s)
{
    struct xmpp_link *l = s->for_link;

    if (s->is_lost && s->state != S2S_CLOSED)
        xmpp_s2s_enter(s, S2S_CLOSED);
    if (s->state != S2S_CLOSED)
        return;
    if (s->is_in) {
        xmpp_link_forget(s->fed, s);
        xmpp_tally_leave(s);
    }
    s->for_link = NULL;
    if (l)
        xmpp_link_closed(l, s);
}

void xmpp_s2s_free(struct xmpp_s2s **sp, struct gw_now now)
{
    struct xmpp_s2s *s = *sp;
    struct gw_list *it, *tmp;

    if (!s)
        return;
    *sp = NULL;
    s->fed->now = now;
    if (!s->error.code && s->state != S2S_CLOSED)
        (void)gw_fail(&s->error, GW_CANCELLED, "closed");
    if (s->state != S2S_CLOSED)
        s->is_lost = true;
    xmpp_s2s_enter(s, S2S_CLOSED);
    settle(s);
    gw_list_remove(&s->in_fed);
    if (s->is_in)
        s->fed->counters.in--;
    else
        s->fed->counters.out--;
    GW_LIST_EACH(&s->pairs, it, tmp)
    {
        struct xmpp_pair *pair = GW_CONTAINER(it, struct xmpp_pair, link);

        free(pair->from);
        free(pair->to);
        free(pair);
    }
    xml_stream_free(&s->xml);
    free(s->peer);
    free(s->local);
    free(s->remote);
    free(s->stream_id);
    free(s);
}

static const char *const state_names[] = {
    [S2S_CONNECTING] = "connecting", [S2S_HELLO] = "greeting",
    [S2S_FEATURES] = "greeting",     [S2S_READY] = "ready",
    [S2S_ASKED_TLS] = "TLS",         [S2S_TLS] = "TLS",
    [S2S_SASL] = "certificate",      [S2S_DIALBACK] = "dialback",
    [S2S_SM] = "resuming",           [S2S_OPEN] = "open",
    [S2S_CLOSED] = "closed",
};

const char *xmpp_s2s_state_name(const struct xmpp_s2s *s)
{
    return state_names[s->state];
}

void xmpp_s2s_enter(struct xmpp_s2s *s, enum xmpp_s2s_state to)
{
    if (s->state == to)
        return;
    gw_debug("federation", "s=%s state from=%s to=%s", s->log_id, state_names[s->state],
             state_names[to]);
    s->state = to;
    if (to == S2S_CLOSED && s->io) /* wherever this was: the transport looks again */
        s->io->wake(s->io_ctx);
}

/* ---- Writing ---- */

/* Stanzas stop at XMPP_HOLD_AT, the link keeps them; on a connection that came in there are only
 * answers. */
static bool is_full(const struct xmpp_s2s *s)
{
    return s->is_in && s->io->queued(s->io_ctx) >= XMPP_ANSWERS_MAX;
}

bool xmpp_s2s_write(struct xmpp_s2s *s, struct gw_str bytes)
{
    if (s->is_lost || !s->io)
        return false;
    if (!is_full(s) && s->io->write(bytes, s->io_ctx))
        return true;
    s->is_lost = true; /* it ends at the next tick: this may be in the middle of somebody's call */
    (void)gw_fail(&s->error, GW_LIMIT, "the peer reads too slowly");
    s->io->wake(s->io_ctx);
    return false;
}

void xmpp_s2s_begin(struct xmpp_s2s *s, struct xml_writer *w)
{
    gw_buf_reset(&s->fed->out);
    xml_write_init(w, &s->fed->out);
}

void xmpp_s2s_end(struct xmpp_s2s *s)
{
    (void)xmpp_s2s_write(s, gw_buf_str(&s->fed->out));
}

void xmpp_s2s_send_header(struct xmpp_s2s *s)
{
    struct xml_writer w;

    xmpp_s2s_begin(s, &w);
    gw_buf_add_cstr(&s->fed->out, "<?xml version='1.0'?>");
    xml_open(&w, "stream:stream");
    xml_put_attr(&w, "xmlns", GW_STR(NS_SERVER));
    xml_put_attr(&w, "xmlns:stream", GW_STR(NS_STREAM));
    xml_put_attr(&w, "xmlns:db", GW_STR(NS_DIALBACK));
    if (s->is_in)
        xml_put_attr(&w, "id", gw_str_of(s->id));
    if (s->local)
        xml_put_attr(&w, "from", gw_str_of(s->local));
    if (s->remote)
        xml_put_attr(&w, "to", gw_str_of(s->remote));
    xml_put_attr(&w, "version", GW_STR("1.0"));
    xml_put_attr(&w, "xml:lang", GW_STR("en"));
    xml_flush_tag(&w);
    xmpp_s2s_end(s);
    s->has_header = true;
}

/* The peer's next bytes are a new stream. */
void xmpp_s2s_restart(struct xmpp_s2s *s)
{
    s->has_header = false;
    xml_stream_restart(s->xml);
}

void xmpp_s2s_close(struct xmpp_s2s *s, enum gw_code code, const char *why)
{
    if (s->state == S2S_CLOSED)
        return;
    if (!s->error.code)
        (void)gw_fail(&s->error, code, "%s", why);
    if (s->has_header && s->tally) /* then nothing is sent again without need */
        xmpp_on_s2s_asked(s, NULL);
    if (s->has_header)
        (void)xmpp_s2s_write(s, GW_STR("</stream:stream>"));
    xmpp_s2s_enter(s, S2S_CLOSED);
}

void xmpp_s2s_error(struct xmpp_s2s *s, enum gw_code code, const char *condition, const char *text)
{
    char quoted[GW_QUOTE_MAX], domain[GW_QUOTE_MAX];
    struct xml_writer w;

    if (s->state == S2S_CLOSED)
        return;
    gw_info("federation", "s=%s stream-error peer=%s domain=%s condition=%s text=%s", s->log_id,
            s->peer, gw_quote(gw_str_of(s->remote), domain), condition,
            gw_quote(gw_str_of(text), quoted));
    if (!s->error.code)
        (void)gw_fail(&s->error, code, "%s", text ? text : condition);
    if (s->state == S2S_TLS || s->state == S2S_CONNECTING) { /* nobody could read it */
        xmpp_s2s_enter(s, S2S_CLOSED);
        return;
    }
    if (!s->has_header)
        xmpp_s2s_send_header(s);
    xmpp_s2s_begin(s, &w);
    xmpp_put_stream_error(&w, condition, text);
    xmpp_s2s_end(s);
    xmpp_s2s_close(s, code, condition);
}

void xmpp_s2s_proved(struct xmpp_s2s *s, const char *how)
{
    char local[GW_QUOTE_MAX], remote[GW_QUOTE_MAX];

    gw_info("federation", "s=%s %s peer=%s from=%s to=%s by=%s tls=%s", s->log_id,
            s->is_in ? "accepted" : "connected", s->peer,
            gw_quote(gw_str_of(s->is_in ? s->remote : s->local), local),
            gw_quote(gw_str_of(s->is_in ? s->local : s->remote), remote), how,
            s->is_tls ? "yes" : "no");
    if (!s->how)
        s->wants_limits = true;
    s->how = how;
    xmpp_s2s_enter(s, S2S_OPEN);
}

/* Where TLS is optional a certificate that proves nothing is as good as none, and dialback decides. */
bool xmpp_s2s_is_certified(const struct xmpp_s2s *s, struct gw_str domain, struct gw_err *why)
{
    const struct xmpp_fed_settings *set = s->fed->settings;

    return !s->is_tls || !set->require_certificate || set->tls != XMPP_FED_TLS_REQUIRED ||
           !s->io->proves(domain, why, s->io_ctx);
}

/* ---- Reading ---- */

static void refuse_input(struct xmpp_s2s *s, const struct gw_err *why)
{
    static const char *const conditions[] = { "not-well-formed",      "restricted-xml",
                                              "bad-format",           "bad-namespace-prefix",
                                              "unsupported-encoding", "policy-violation" };
    struct gw_str condition, text;

    if (gw_str_cut(gw_str_of(why->msg), ": ", &condition, &text)) {
        for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
            if (gw_str_is(condition, conditions[i])) {
                xmpp_s2s_error(s, why->code, conditions[i], text.p);
                return;
            }
        }
    }
    xmpp_s2s_error(s, why->code, "bad-format", why->msg);
}

static void spend(struct xmpp_s2s *s, size_t len, gw_time now)
{
    int64_t rate = s->fed->settings->rate_kbs * 1024;
    int64_t gain = (now - s->tokens_at) * rate / GW_SECOND_MS;

    if (gain > 0) {
        s->tokens = s->tokens + gain > burst(s) ? burst(s) : s->tokens + gain;
        s->tokens_at = now;
    }
    s->tokens -= (int64_t)len;
    if (s->tokens < 0)
        s->read_at = now + 1 - s->tokens * GW_SECOND_MS / rate;
}

void xmpp_s2s_feed(struct xmpp_s2s *s, struct gw_str data, struct gw_now now)
{
    enum gw_code rc;
    struct gw_err err;

    if (s->state == S2S_CLOSED || s->is_lost)
        return;
    s->fed->now = now;
    if (s->is_in)
        s->used_at = now.mono;
    spend(s, data.len, now.mono);
    if (s->state == S2S_TLS) {
        xmpp_s2s_enter(s, S2S_CLOSED); /* clear text where TLS must be */
    } else {
        rc = xml_stream_feed(s->xml, data, &err);
        if (rc && s->state != S2S_CLOSED) {
            refuse_input(s, &err);
        } else if (!rc && s->wants_limits && s->state != S2S_CLOSED) {
            xml_stream_set_stanza_max(s->xml, (size_t)s->fed->settings->stanza_max_kb * 1024);
            s->wants_limits = false;
        }
        if (!rc)
            xml_stream_idle(s->xml);
    }
    settle(s);
}

/* ---- What the transport tells ---- */

void xmpp_s2s_connected(struct xmpp_s2s *s, struct gw_str peer, bool can_tls, struct gw_now now)
{
    if (s->state != S2S_CONNECTING)
        return;
    s->fed->now = now;
    set_peer(s, peer);
    s->can_tls = can_tls;
    xmpp_s2s_enter(s, S2S_HELLO);
    xmpp_s2s_send_header(s);
    settle(s);
}

void xmpp_s2s_tls_ready(struct xmpp_s2s *s, struct gw_now now)
{
    if (s->state != S2S_TLS)
        return;
    s->fed->now = now;
    s->is_tls = true;
    xmpp_s2s_enter(s, S2S_HELLO);
    if (!s->is_in)
        xmpp_s2s_send_header(s);
    settle(s);
}

void xmpp_s2s_drained(struct xmpp_s2s *s, struct gw_now now)
{
    s->fed->now = now;
    if (s->for_link && s->state == S2S_OPEN)
        xmpp_link_open(s->for_link);
    settle(s);
}

void xmpp_s2s_lost(struct xmpp_s2s *s, const struct gw_err *why, struct gw_now now)
{
    s->fed->now = now;
    if (s->state == S2S_TLS && !s->is_in && s->fed->settings->tls == XMPP_FED_TLS_OPTIONAL &&
        s->for_link)
        s->for_link->no_tls = true;
    if (!s->error.code)
        (void)gw_fail(&s->error, why->code ? why->code : GW_UNREACHABLE, "%s",
                      why->code ? why->msg : "the peer closed the connection");
    s->is_lost = true;
    settle(s);
}

void xmpp_s2s_shutdown(struct xmpp_s2s *s, struct gw_now now)
{
    s->fed->now = now;
    if (s->state == S2S_OPEN && !s->is_in)
        xmpp_s2s_close(s, GW_CANCELLED, "shut down");
    else
        xmpp_s2s_error(s, GW_CANCELLED, "system-shutdown", NULL);
    settle(s);
}

/* ---- Time ---- */

static bool is_getting_ready(const struct xmpp_s2s *s)
{
    return !s->how || s->state == S2S_SM;
}

/* While an acknowledgement is to come the stream is not idle, and the link watches it. */
static bool is_watched(const struct xmpp_s2s *s)
{
    return s->for_link && s->has_sm && s->for_link->sent_count;
}

static gw_time over_at(const struct xmpp_s2s *s)
{
    if (is_getting_ready(s))
        return s->ready_by;
    if (is_watched(s))
        return GW_NEVER;
    return gw_time_after(s->used_at, s->fed->settings->idle_s * GW_SECOND_MS);
}

gw_time xmpp_s2s_deadline(const struct xmpp_s2s *s)
{
    gw_time when;

    if (s->is_lost)
        return s->state == S2S_CLOSED ? GW_NEVER : 0;
    if (s->state == S2S_CLOSED)
        return s->for_link ? 0 : GW_NEVER;
    when = over_at(s);
    return s->read_at && s->read_at < when ? s->read_at : when;
}

void xmpp_s2s_tick(struct xmpp_s2s *s, struct gw_now now)
{
    s->fed->now = now;
    if (s->read_at && now.mono >= s->read_at)
        s->read_at = 0;
    if (s->is_lost || s->state == S2S_CLOSED) {
        settle(s);
        return;
    }
    if (s->for_link && s->state == S2S_READY && now.mono >= s->ready_by &&
        !xmpp_link_waits(s->for_link))
        xmpp_s2s_close(s, GW_OK, "all is asked");
    else if (now.mono >= over_at(s) && is_getting_ready(s))
        xmpp_s2s_error(s, GW_TIMEOUT, "connection-timeout",
                       s->how ? "stream management was not answered in time"
                              : "nothing was proved in time");
    else if (now.mono >= over_at(s))
        xmpp_s2s_close(s, GW_OK, "idle");
    settle(s);
}

bool xmpp_s2s_is_closed(const struct xmpp_s2s *s)
{
    return s->state == S2S_CLOSED || s->is_lost;
}

bool xmpp_s2s_is_throttled(const struct xmpp_s2s *s)
{
    return s->read_at != 0;
}

bool xmpp_s2s_is_proved(const struct xmpp_s2s *s)
{
    return s->how != NULL;
}

struct gw_str xmpp_s2s_target(const struct xmpp_s2s *s)
{
    return gw_str_of(s->remote);
}
