/* Federation with XMPP servers of other domains (RFC 6120, XEP-0220) as an engine without sockets.
 *
 * A link is all that goes from one domain here to one domain there: a queue, and the connection that
 * empties it, made when there is something to say. A connection (xmpp_s2s) goes one way only, as RFC
 * 6120 has it: stanzas go out on those that we open and come in on those that are opened to us. */
#ifndef XMPP_FED_H
#define XMPP_FED_H

#include "xmpp_c2s.h"
#include "xmpp_fed_policy.h"
#include "xmpp_fed_settings.h"

struct xmpp_fed;
struct xmpp_s2s;

/* Of a dialback secret that is set by hand. Keys made with it go over the wire: who can guess the one
 * behind a key speaks for our domains from then on. */
enum { XMPP_SECRET_MIN = 16, XMPP_SECRET_MAX = 255, XMPP_SECRET_MARK_MAX = 17 };

/* What a connection asks of its transport, also from inside calls that concern other connections.
 * None of these may call an engine. */
struct xmpp_s2s_io {
    bool (*write)(struct gw_str bytes, void *ctx); /* false: too much waits; nothing was queued */
    size_t (*queued)(void *ctx);
    void (*start_tls)(void *ctx); /* then xmpp_s2s_tls_ready() */
    /* Over TLS: does the peer's certificate prove the domain? Says why not. */
    enum gw_code (*proves)(struct gw_str domain, struct gw_err *why, void *ctx);
    void (*wake)(void *ctx); /* the deadline came nearer: look again */
};

struct xmpp_fed_args {
    struct xmpp_host *host;
    const struct xmpp_fed_settings *settings; /* borrowed, read live; NULL: the defaults */
    struct gw_str secret;                     /* of dialback keys, a text; copied */
    /* Connect to the domain's server: find it, then xmpp_s2s_connected(), or xmpp_s2s_lost(). Gives
     * the stream, whose owner the transport is: it has xmpp_s2s_attach()ed itself when it returns. */
    void (*dial)(struct xmpp_s2s *s, void *ctx);
    struct gw_now (*now)(void *ctx); /* what the core has to say comes without the time */
    void *ctx;
};

struct xmpp_fed *xmpp_fed_new(const struct xmpp_fed_args *args);
void xmpp_fed_stop(struct xmpp_fed *fed);   /* nobody is called any more */
void xmpp_fed_free(struct xmpp_fed **fedp); /* after all connections; before the host */
struct xmpp_policy *xmpp_fed_policy(struct xmpp_fed *fed);
const struct xmpp_fed_settings *xmpp_fed_settings(const struct xmpp_fed *fed);

/* Another secret. Keys of before, which somebody may be asking about just now, are not known any more. */
void xmpp_fed_set_secret(struct xmpp_fed *fed, struct gw_str secret);
/* The same for the same secret, to see whether two nodes have the same. */
void xmpp_fed_secret_mark(const struct xmpp_fed *fed, char out[XMPP_SECRET_MARK_MAX]);

/* After a change of settings or policy: those who may no longer are told so and cut off. */
void xmpp_fed_apply(struct xmpp_fed *fed, struct gw_now now);
/* Links that were left alone for a while; to be called every second, or at once again when it says so:
 * then there is more to do than would be good for the loop. */
bool xmpp_fed_tick(struct xmpp_fed *fed, struct gw_now now);

/* ---- Connections ---- */

/* One that was opened to us. */
struct xmpp_s2s *xmpp_s2s_accept(struct xmpp_fed *fed, const struct xmpp_s2s_io *io, void *io_ctx,
                                 struct gw_str peer, bool can_tls, gw_time now);
void xmpp_s2s_attach(struct xmpp_s2s *s, const struct xmpp_s2s_io *io, void *io_ctx);
struct gw_str xmpp_s2s_target(const struct xmpp_s2s *s); /* the domain to connect to */

void xmpp_s2s_connected(struct xmpp_s2s *s, struct gw_str peer, bool can_tls, struct gw_now now);
void xmpp_s2s_feed(struct xmpp_s2s *s, struct gw_str data, struct gw_now now);
void xmpp_s2s_tls_ready(struct xmpp_s2s *s, struct gw_now now);
void xmpp_s2s_drained(struct xmpp_s2s *s, struct gw_now now);
/* The connection is gone, or never came; why->code GW_OK: the peer ended it in order. */
void xmpp_s2s_lost(struct xmpp_s2s *s, const struct gw_err *why, struct gw_now now);
void xmpp_s2s_shutdown(struct xmpp_s2s *s, struct gw_now now); /* says goodbye: system-shutdown */
void xmpp_s2s_free(struct xmpp_s2s **sp, struct gw_now now);

gw_time xmpp_s2s_deadline(const struct xmpp_s2s *s);
void xmpp_s2s_tick(struct xmpp_s2s *s, struct gw_now now);
bool xmpp_s2s_is_closed(const struct xmpp_s2s *s); /* flush, then close */
bool xmpp_s2s_is_throttled(const struct xmpp_s2s *s);
bool xmpp_s2s_is_proved(const struct xmpp_s2s *s); /* has proved a domain, or we are accepted */

/* ---- Looking on ---- */

struct xmpp_fed_counters {
    uint64_t in, out; /* connections now */
    uint64_t stanzas_in, stanzas_out, bounced, dropped;
    uint64_t refused; /* domains: by policy, certificate or dialback */
};
void xmpp_fed_counters(const struct xmpp_fed *fed, struct xmpp_fed_counters *out);

struct xmpp_link_view {
    struct gw_str local, remote;
    bool is_in;        /* opened to us */
    const char *state; /* "open", "connecting", "waits", ... */
    const char *peer;  /* address; "": not connected */
    const char *how;   /* what proved the domain: "certificate", "dialback", "" */
    bool is_tls;
    bool is_acked;  /* what arrives is acknowledged (XEP-0198) */
    size_t queued;  /* stanzas */
    size_t unacked; /* of those that were sent */
    gw_time since;
    gw_time retry_at;  /* GW_NEVER: not waiting */
    const char *error; /* of the last attempt; "": none */
};
typedef void xmpp_link_fn(const struct xmpp_link_view *view, void *ctx);
void xmpp_fed_each(const struct xmpp_fed *fed, xmpp_link_fn *each, void *ctx);

/* May stanzas go, or come? The sentence, for an administrator, says by which rule. */
bool xmpp_fed_allows(const struct xmpp_fed *fed, struct gw_str domain, enum xmpp_direction d,
                     struct gw_err *why);

#endif
