/* One connection: its states, its reader, its clocks and its limits. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "xmpp_priv.h"

/* A stanza costs more than its bytes: without this a flood of the smallest ones would be cheap. */
enum {
    STANZA_COST = 256,
    BURST_S = 8,                  /* of the rate that may come at once */
    ABUSE_MS = 60 * GW_SECOND_MS, /* throttled without a pause for so long: closed */
    ABUSE_PAUSE_MS = 5 * GW_SECOND_MS
};

/* ---- Life ---- */

static void on_open(const struct xml_node *root, void *ctx);
static void on_stanza(const struct xml_node *node, void *ctx);
static void on_close(void *ctx);

static void make_reader(struct xmpp_c2s *c)
{
    static const struct xml_stream_handlers handlers = { on_open, on_stanza, on_close };
    struct xml_stream_limits limits = { .stanza_max = XMPP_STANZA_MAX_EARLY,
                                        .depth_max = XMPP_DEPTH_MAX,
                                        .nodes_max = XMPP_NODES_MAX,
                                        .attrs_max = XMPP_ATTRS_MAX };

    if (c->is_authed)
        limits.stanza_max = (size_t)c->host->settings->stanza_max_kb * 1024;
    xml_stream_free(&c->xml);
    c->xml = xml_stream_new(&limits, &handlers, c);
    c->wants_limits = false;
}

static int64_t burst(const struct xmpp_c2s *c)
{
    return c->host->settings->rate_kbs * 1024 * BURST_S;
}

struct xmpp_c2s *xmpp_c2s_new(const struct xmpp_c2s_args *args, gw_time now)
{
    struct xmpp_c2s *c = gw_new(struct xmpp_c2s);

    c->host = args->host;
    c->io = args->io;
    c->io_ctx = args->io_ctx;
    c->can_tls = args->can_tls;
    c->state = args->is_direct ? XMPP_HANDSHAKE : XMPP_HELLO;
    c->peer = gw_str_dup(args->peer);
    pres_network_of(args->peer, c->network);
    gw_random_hex(c->id, 4);
    gw_buf_init(&c->to, 8 * XMPP_JID_TEXT_MAX);
    c->login_by = gw_time_after(now, c->host->settings->login_timeout_s * GW_SECOND_MS);
    c->heard_at = c->tokens_at = now;
    c->tokens = burst(c);
    make_reader(c);
    c->host->counters.connections++;
    return c;
}

static void set_now(struct xmpp_c2s *c, struct gw_now now)
{
    c->now = now;
    c->host->now = now;
    if (!c->host->since)
        c->host->since = now.utc;
}

static void leave(struct xmpp_c2s *c)
{
    xmpp_caps_leave(c);
    if (c->session)
        pres_session_free(&c->session, c->now);
    xmpp_sm_end(c);
}

void xmpp_c2s_free(struct xmpp_c2s **cp, struct gw_now now)
{
    struct xmpp_c2s *c = *cp;

    if (!c)
        return;
    *cp = NULL;
    set_now(c, now);
    c->host->counters.connections -= c->is_asleep ? 0 : 1;
    xml_stream_free(&c->xml);
    if (c->state == XMPP_SESSION && xmpp_sm_is_resumable(c)) {
        xmpp_sm_sleep(c);
        return;
    }
    xmpp_enter(c, XMPP_CLOSED);
    leave(c);
    xmpp_forget_held(c);
    xmpp_sasl_free(&c->sasl);
    gw_buf_done(&c->to);
    free(c->peer);
    free(c->domain);
    free(c->from);
    free(c->user);
    free(c->full);
    free(c);
}

static const char *state_name(enum xmpp_state state)
{
    switch (state) {
    case XMPP_HELLO:
        return "hello";
    case XMPP_FEATURES:
        return "features";
    case XMPP_HANDSHAKE:
        return "handshake";
    case XMPP_SASL:
        return "sasl";
    case XMPP_CHECKING:
        return "checking";
    case XMPP_PENALTY:
        return "penalty";
    case XMPP_SESSION:
        return "session";
    case XMPP_CLOSED:
        return "closed";
    }
    return "unknown";
}

void xmpp_enter(struct xmpp_c2s *c, enum xmpp_state to)
{
    char quoted[GW_QUOTE_MAX];

    if (c->state == to)
        return;
    gw_debug("xmpp", "s=%s state from=%s to=%s", c->id, state_name(c->state), state_name(to));
    if (c->state == XMPP_SESSION) {
        gw_info("xmpp", "s=%s closed jid=%s", c->id, gw_quote(gw_str_of(c->full), quoted));
        c->host->counters.sessions--;
    }
    if (to == XMPP_SESSION)
        c->heard_at = c->now.mono;
    c->state = to;
}

/* In order: RFC 6120 4.4. */
void xmpp_close(struct xmpp_c2s *c)
{
    if (c->state == XMPP_CLOSED)
        return;
    if (c->has_header)
        xmpp_write(c, GW_STR("</stream:stream>"));
    xmpp_enter(c, XMPP_CLOSED);
}

/* After each call from outside: who is closed has no resource any more. Who is lost, but may come
 * back for it, has one until the transport is gone. */
static void settle(struct xmpp_c2s *c)
{
    if (c->is_lost && !xmpp_sm_is_resumable(c))
        xmpp_enter(c, XMPP_CLOSED);
    if (c->state == XMPP_CLOSED)
        leave(c);
}

/* ---- Reading ---- */

static void on_open(const struct xml_node *root, void *ctx)
{
    xmpp_on_header(ctx, root);
}

static void on_stanza(const struct xml_node *node, void *ctx)
{
    struct xmpp_c2s *c = ctx;

    if (c->state == XMPP_CLOSED || c->is_lost)
        return;
    c->tokens -= STANZA_COST;
    if (c->state != XMPP_SESSION) {
        xmpp_negotiate(c, node);
        return;
    }
    c->host->counters.stanzas_in++;
    xmpp_on_stanza(c, node);
}

static void on_close(void *ctx)
{
    xmpp_close(ctx);
}

/* The reader's message begins with the condition. */
static void refuse_input(struct xmpp_c2s *c, const struct gw_err *why)
{
    static const char *const conditions[] = { "not-well-formed",      "restricted-xml",
                                              "bad-format",           "bad-namespace-prefix",
                                              "unsupported-encoding", "policy-violation" };
    struct gw_str condition, text;

    if (!gw_str_cut(gw_str_of(why->msg), ": ", &condition, &text))
        condition = text = GW_STR("");
    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        if (gw_str_is(condition, conditions[i])) {
            xmpp_stream_error(c, conditions[i], text.p);
            return;
        }
    }
    xmpp_stream_error(c, "bad-format", why->msg);
}

static void refill(struct xmpp_c2s *c, gw_time now)
{
    int64_t gain = (now - c->tokens_at) * c->host->settings->rate_kbs * 1024 / GW_SECOND_MS;

    if (gain <= 0)
        return;
    c->tokens = c->tokens + gain > burst(c) ? burst(c) : c->tokens + gain;
    c->tokens_at = now;
}

static void throttle(struct xmpp_c2s *c, gw_time now)
{
    int64_t rate = c->host->settings->rate_kbs * 1024;

    if (c->tokens >= 0)
        return;
    /* A pause in between is a client that obeys. */
    if (!c->throttled_since || now - c->resumed_at > ABUSE_PAUSE_MS)
        c->throttled_since = now;
    c->read_at = now + 1 - c->tokens * GW_SECOND_MS / rate;
    if (now - c->throttled_since >= ABUSE_MS)
        xmpp_stream_error(c, "policy-violation", "too much was sent for too long");
}

void xmpp_c2s_feed(struct xmpp_c2s *c, struct gw_str data, struct gw_now now)
{
    enum gw_code rc;
    struct gw_err err;

    if (c->state == XMPP_CLOSED || c->is_lost)
        return;
    set_now(c, now);
    c->heard_at = now.mono;
    c->is_pinged = false;
    c->host->counters.bytes_in += data.len;
    refill(c, now.mono);
    c->tokens -= (int64_t)data.len;
    if (c->state == XMPP_HANDSHAKE) {
        xmpp_enter(c, XMPP_CLOSED); /* clear text where TLS must be */
    } else {
        rc = xml_stream_feed(c->xml, data, &err);
        if (rc && c->state != XMPP_CLOSED)
            refuse_input(c, &err);
        else if (c->wants_limits)
            make_reader(c);
        if (!rc)
            xml_stream_idle(c->xml);
    }
    if (c->state != XMPP_CLOSED)
        throttle(c, now.mono);
    settle(c);
}

/* ---- What the transport tells ---- */

void xmpp_c2s_tls_ready(struct xmpp_c2s *c)
{
    if (c->state != XMPP_HANDSHAKE)
        return;
    c->is_tls = true;
    xmpp_enter(c, XMPP_HELLO);
}

void xmpp_c2s_checked(struct xmpp_c2s *c, bool is_right, enum gw_code rc, struct gw_now now)
{
    if (c->state != XMPP_CHECKING)
        return;
    set_now(c, now);
    xmpp_login_result(c, rc ? XMPP_SASL_FAILED : xmpp_sasl_checked(c->sasl, is_right), GW_STR(""));
    if (c->wants_limits)
        make_reader(c);
    settle(c);
}

void xmpp_c2s_drained(struct xmpp_c2s *c)
{
    if (!c->session)
        return;
    xmpp_release_held(c);
    xmpp_offline_go_on(c);
}

void xmpp_c2s_shutdown(struct xmpp_c2s *c, struct gw_now now)
{
    set_now(c, now);
    xmpp_stream_error(c, "system-shutdown", NULL);
    settle(c);
}

/* ---- Time ---- */

static gw_time silence_ends(const struct xmpp_c2s *c)
{
    const struct xmpp_settings *s = c->host->settings;
    int64_t wait_s = s->idle_ping_s;

    if (wait_s == GW_PARAM_WORD)
        return GW_NEVER;
    if (c->is_pinged)
        wait_s += s->ping_timeout_s;
    return gw_time_after(c->heard_at, wait_s * GW_SECOND_MS);
}

/* The connection is, the session is not. */
static bool is_leaving(const struct xmpp_c2s *c)
{
    return c->state != XMPP_CLOSED && xmpp_sm_is_resumable(c);
}

gw_time xmpp_c2s_deadline(const struct xmpp_c2s *c)
{
    gw_time at;

    if (c->state == XMPP_CLOSED || c->is_lost)
        return (c->session || c->sm) && !is_leaving(c) ? 0 : GW_NEVER;
    at = c->state == XMPP_SESSION ? silence_ends(c) : c->login_by;
    if (c->state == XMPP_PENALTY && c->penalty_until < at)
        at = c->penalty_until;
    if (c->read_at && c->read_at < at)
        at = c->read_at;
    return at;
}

static void ping(struct xmpp_c2s *c)
{
    struct xml_writer w;

    xmpp_begin(c, &w);
    xml_open(&w, "iq");
    xml_put_attr(&w, "type", GW_STR("get"));
    xml_put_attr(&w, "id", GW_STR("alive"));
    xml_put_attr(&w, "from", gw_str_of(c->domain));
    xml_put_attr(&w, "to", gw_str_of(c->full));
    xmpp_open_ns(&w, "ping", NS_PING);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
    c->is_pinged = true;
}

static void tick_session(struct xmpp_c2s *c)
{
    if (c->now.mono < silence_ends(c))
        return;
    if (!c->is_pinged)
        ping(c);
    else if (xmpp_sm_is_resumable(c))
        c->is_lost = true; /* and sleeps */
    else
        xmpp_stream_error(c, "connection-timeout", "no answer");
}

void xmpp_c2s_tick(struct xmpp_c2s *c, struct gw_now now)
{
    set_now(c, now);
    if (c->read_at && now.mono >= c->read_at) {
        c->read_at = 0;
        c->resumed_at = now.mono;
    }
    if (c->state == XMPP_PENALTY && now.mono >= c->penalty_until)
        xmpp_penalty_over(c);
    if (c->state == XMPP_SESSION)
        tick_session(c);
    else if (c->state != XMPP_CLOSED && now.mono >= c->login_by)
        xmpp_stream_error(c, "connection-timeout", "the login took too long");
    settle(c);
}

bool xmpp_c2s_is_closed(const struct xmpp_c2s *c)
{
    return c->state == XMPP_CLOSED || c->is_lost;
}

bool xmpp_c2s_is_throttled(const struct xmpp_c2s *c)
{
    return c->read_at != 0;
}

bool xmpp_c2s_is_logged_in(const struct xmpp_c2s *c)
{
    return c->is_authed;
}
