/* Two servers, each the other's other domain, with everything between them in memory: connections are
 * pairs of buffers, TLS is a word, certificates are what the test says. Time is the test's. */
#ifndef FED_WORLD_H
#define FED_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gw_bytes.h"
#include "gw_list.h"
#include "pres_frontend.h"
#include "pres_priv.h"
#include "xmpp_dialback.h"
#include "xmpp_fed_priv.h"

struct side {
    struct fed_world *w;
    const char *domain;
    const char *mail; /* another domain that leads here; NULL: none */
    struct pres_settings pres;
    struct xmpp_fed_settings settings;
    struct pres_core *core;
    struct xmpp_host *host;
    struct xmpp_fed *fed;
    struct pres_front *front; /* of clients */
    struct gw_buf log;        /* what clients were told */
    struct gw_buf wire;       /* what its connections have read */
    bool is_down;             /* nobody listens */
    const char *certificate;  /* the domain that its certificate proves; NULL: it has no TLS */
};

/* One end of a connection. */
struct end {
    struct gw_list link;
    struct side *side;
    struct xmpp_s2s *s2s; /* NULL: the test's own, or gone */
    struct end *other;
    struct gw_buf in;  /* what has come and was not read */
    struct gw_buf all; /* the test's own: everything that came */
    bool is_new, asks_tls, is_tls, is_closed;
    bool is_stuck;       /* what it writes waits */
    struct gw_buf stuck; /* that */
    size_t waiting;      /* its length, or more */
};

struct fed_world {
    struct side a, b;
    struct gw_list ends;
    struct gw_now now;
};

/* ---- Clients ---- */

static inline void fed_on_presence(const struct pres_doc *doc, struct pres_session *const *to,
                                   size_t count, void *ctx)
{
    struct side *side = ctx;

    for (size_t i = 0; i < count; i++) {
        gw_buf_addf(&side->log, "%.*s < %.*s/%.*s %s", GW_STR_ARG(pres_session_user(to[i])),
                    GW_STR_ARG(doc->user), GW_STR_ARG(doc->resource),
                    pres_show_name(doc->shown.show));
        if (doc->shown.text.len)
            gw_buf_addf(&side->log, " '%.*s'", GW_STR_ARG(doc->shown.text));
        gw_buf_add_char(&side->log, '\n');
    }
}

static inline void fed_on_request(enum pres_request request, struct gw_str from,
                                  struct gw_str extra, struct pres_session *to, void *ctx)
{
    static const char *const names[] = { "subscribe", "subscribed", "unsubscribe", "unsubscribed" };
    struct side *side = ctx;

    (void)extra;
    gw_buf_addf(&side->log, "%.*s < %.*s %s\n", GW_STR_ARG(pres_session_user(to)), GW_STR_ARG(from),
                names[request]);
}

static inline void fed_on_item(const struct pres_item *item, struct pres_session *to, void *ctx)
{
    (void)item;
    (void)to;
    (void)ctx;
}

static inline void fed_on_ended(struct pres_session *s, enum pres_end why, void *ctx)
{
    (void)s;
    (void)why;
    (void)ctx;
}

/* ---- Connections ---- */

static inline bool end_write(struct gw_str bytes, void *ctx)
{
    struct end *e = ctx;

    if (e->is_stuck) {
        e->waiting += bytes.len;
        gw_buf_add_str(&e->stuck, bytes);
        return e->waiting < 1024 * 1024;
    }
    if (e->other)
        gw_buf_add_str(&e->other->in, bytes);
    return true;
}

static inline size_t end_queued(void *ctx)
{
    const struct end *e = ctx;

    return e->waiting + (e->other ? e->other->in.len : 0);
}

static inline void end_start_tls(void *ctx)
{
    ((struct end *)ctx)->asks_tls = true;
}

static inline enum gw_code end_proves(struct gw_str domain, struct gw_err *why, void *ctx)
{
    const struct end *e = ctx;
    const char *has = e->other && e->other->side ? e->other->side->certificate : NULL;

    if (e->is_tls && has && gw_str_is(domain, has))
        return GW_OK;
    return gw_fail(why, GW_DENIED, "the certificate proves '%s'", has ? has : "nothing");
}

static inline void end_wake(void *ctx)
{
    (void)ctx; /* all are looked at in each round */
}

static const struct xmpp_s2s_io end_io = { .write = end_write,
                                           .queued = end_queued,
                                           .start_tls = end_start_tls,
                                           .proves = end_proves,
                                           .wake = end_wake };

static inline struct end *end_new(struct side *side, struct fed_world *w)
{
    struct end *e = gw_new(struct end);

    e->side = side;
    gw_buf_init(&e->in, 64 * 1024 * 1024);
    gw_buf_init(&e->all, 64 * 1024 * 1024);
    gw_buf_init(&e->stuck, 2 * 1024 * 1024);
    gw_list_append(&w->ends, &e->link);
    return e;
}

static inline void end_free(struct end *e, struct fed_world *w)
{
    if (e->other)
        e->other->other = NULL;
    if (e->s2s)
        xmpp_s2s_free(&e->s2s, w->now);
    gw_list_remove(&e->link);
    gw_buf_done(&e->in);
    gw_buf_done(&e->all);
    gw_buf_done(&e->stuck);
    free(e);
}

static inline void fed_dial(struct xmpp_s2s *s, void *ctx)
{
    struct side *side = ctx;
    struct end *e = end_new(side, side->w);

    e->s2s = s;
    e->is_new = true;
    xmpp_s2s_attach(s, &end_io, e);
}

static inline struct gw_now fed_clock(void *ctx)
{
    return ((struct side *)ctx)->w->now;
}

static inline bool leads_to(struct gw_str domain, const struct side *side)
{
    return gw_str_is(domain, side->domain) || (side->mail && gw_str_is(domain, side->mail));
}

static inline struct side *side_of(struct fed_world *w, struct gw_str domain)
{
    if (leads_to(domain, &w->a))
        return &w->a;
    return leads_to(domain, &w->b) ? &w->b : NULL;
}

static inline struct end *end_accept(struct side *side)
{
    struct fed_world *w = side->w;
    struct end *e = end_new(side, w);

    e->s2s = xmpp_s2s_accept(side->fed, &end_io, e, GW_STR("192.0.2.1:1"),
                             side->certificate != NULL, w->now.mono);
    return e;
}

static inline void end_connect(struct end *e, struct fed_world *w)
{
    struct side *to = side_of(w, xmpp_s2s_target(e->s2s));
    const struct gw_err none = { GW_NOTFOUND, "no such name" };
    const struct gw_err down = { GW_UNREACHABLE, "refused" };

    e->is_new = false;
    if (!to || to->is_down) {
        xmpp_s2s_lost(e->s2s, to ? &down : &none, w->now);
        return;
    }
    e->other = end_accept(to);
    e->other->other = e;
    xmpp_s2s_connected(e->s2s, GW_STR("192.0.2.2:5269"), e->side->certificate != NULL, w->now);
}

static inline bool end_step(struct end *e, struct fed_world *w)
{
    char *bytes;
    size_t len = e->in.len;

    if (e->s2s && xmpp_s2s_deadline(e->s2s) <= w->now.mono)
        xmpp_s2s_tick(e->s2s, w->now);
    if (e->is_new && e->s2s && !xmpp_s2s_is_closed(e->s2s)) {
        end_connect(e, w);
        return true;
    }
    if (e->asks_tls && !len && e->other && (e->other->asks_tls || !e->other->s2s)) {
        e->is_tls = e->other->is_tls = true;
        e->asks_tls = e->other->asks_tls = false;
        if (e->other->s2s)
            xmpp_s2s_tls_ready(e->other->s2s, w->now);
        xmpp_s2s_tls_ready(e->s2s, w->now);
        return true;
    }
    if (len && !e->asks_tls) {
        bytes = gw_buf_take(&e->in);
        if (e->s2s)
            gw_buf_add(&e->side->wire, bytes, len);
        if (e->s2s)
            xmpp_s2s_feed(e->s2s, (struct gw_str){ bytes, len }, w->now);
        else
            gw_buf_add(&e->all, bytes, len);
        free(bytes);
        if (e->other && e->other->s2s && !e->other->is_stuck)
            xmpp_s2s_drained(e->other->s2s, w->now);
        return true;
    }
    if (e->s2s && (xmpp_s2s_is_closed(e->s2s) || (!e->other && !e->is_stuck))) {
        if (!xmpp_s2s_is_closed(e->s2s))
            xmpp_s2s_lost(e->s2s, &(const struct gw_err){ 0 }, w->now);
        if (e->other && !e->other->s2s) { /* the test keeps its end */
            e->other->is_closed = true;
        }
        end_free(e, w);
        return true;
    }
    return false;
}

/* False: nothing moves any more. */
static inline bool step_world(struct fed_world *w)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&w->ends, it, tmp)
    {
        if (end_step(GW_CONTAINER(it, struct end, link), w))
            return true; /* the list may be another one now */
    }
    return false;
}

static inline void settle_world(struct fed_world *w)
{
    for (int i = 0; step_world(w); i++)
        assert_true(i < 10000);
}

static inline void pass_ms(struct fed_world *w, int64_t ms)
{
    w->now.mono += ms;
    w->now.utc += ms;
    xmpp_fed_tick(w->a.fed, w->now);
    xmpp_fed_tick(w->b.fed, w->now);
    settle_world(w);
}

/* ---- Life ---- */

static inline bool fed_credentials(struct gw_str user, enum xmpp_hash hash,
                                   struct xmpp_credentials *out, void *ctx)
{
    (void)user;
    (void)hash;
    (void)out;
    (void)ctx;
    return false;
}

static inline void side_start(struct side *side, struct fed_world *w, const char *domain,
                              struct store *store)
{
    static const struct pres_frontend table = { .name = "clients",
                                                .presence = fed_on_presence,
                                                .request = fed_on_request,
                                                .roster_changed = fed_on_item,
                                                .ended = fed_on_ended };
    char jid[64];

    side->w = w;
    side->domain = domain;
    side->certificate = domain;
    gw_param_defaults(pres_params, pres_param_count, &side->pres);
    gw_param_defaults(xmpp_fed_params, xmpp_fed_param_count, &side->settings);
    side->settings.is_on = 1;
    side->pres.auto_authorize = PRES_AUTO_EVERYBODY;
    side->core = pres_core_new(&(struct pres_core_args){ .settings = &side->pres });
    pres_domain_add(side->core, gw_str_of(domain));
    side->host = xmpp_host_new(&(struct xmpp_host_args){ .core = side->core,
                                                         .store = store,
                                                         .credentials = fed_credentials,
                                                         .credentials_ctx = side,
                                                         .version = "1.2.3" });
    side->front = pres_frontend_register(side->core, &table, side);
    gw_buf_init(&side->log, 16 * 1024 * 1024);
    gw_buf_init(&side->wire, 256 * 1024 * 1024);
    side->fed = xmpp_fed_new(&(struct xmpp_fed_args){ .host = side->host,
                                                      .settings = &side->settings,
                                                      .secret = gw_str_of(domain),
                                                      .dial = fed_dial,
                                                      .now = fed_clock,
                                                      .ctx = side });
    xmpp_fed_apply(side->fed, w->now);
    snprintf(jid, sizeof(jid), "ann@%s", domain);
    assert_int_equal(pres_user_add(side->core, gw_str_of(jid), NULL), GW_OK);
}

static inline void side_stop(struct side *side)
{
    char jid[64];

    snprintf(jid, sizeof(jid), "ann@%s", side->domain);
    pres_route_set(side->core, GW_STR(""), NULL);
    pres_user_end_sessions(side->core, gw_str_of(jid), PRES_END_REFUSED, side->w->now);
    xmpp_fed_free(&side->fed);
    gw_param_settings_done(xmpp_fed_params, xmpp_fed_param_count, &side->settings);
    xmpp_host_free(&side->host);
    pres_core_free(&side->core);
    gw_buf_done(&side->log);
    gw_buf_done(&side->wire);
}

static inline void world_begin_with(struct fed_world *w, struct store *store /* a's, or NULL */)
{
    *w = (struct fed_world){ .now = { .mono = 1000 * 1000, .utc = 1700000000000 } };
    gw_list_init(&w->ends);
    side_start(&w->a, w, "a.example", store);
    side_start(&w->b, w, "b.example", NULL);
}

static inline void world_begin(struct fed_world *w)
{
    world_begin_with(w, NULL);
}

/* All connections break. */
static inline void break_all(struct fed_world *w)
{
    while (!gw_list_is_empty(&w->ends))
        end_free(GW_CONTAINER(w->ends.next, struct end, link), w);
}

static inline void world_end(struct fed_world *w)
{
    xmpp_fed_stop(w->a.fed);
    xmpp_fed_stop(w->b.fed);
    break_all(w);
    side_stop(&w->a);
    side_stop(&w->b);
}

/* ---- Steps ---- */

static inline void login_at(struct side *side, struct pres_session **out)
{
    char jid[64];

    snprintf(jid, sizeof(jid), "ann@%s", side->domain);
    assert_int_equal(pres_session_new(side->core,
                                      &(struct pres_session_args){ .user = gw_str_of(jid),
                                                                   .resource = GW_STR("r"),
                                                                   .front = side->front,
                                                                   .ctx = side },
                                      side->w->now, out, NULL),
                     GW_OK);
}

static inline void say_at(struct side *side, struct pres_session *s, enum pres_show show,
                          const char *text)
{
    const struct pres_client client = { .show = show, .text = gw_str_of(text) };

    assert_int_equal(pres_session_set(s, &client, side->w->now), GW_OK);
    settle_world(side->w);
}

/* Each side's user sees the other's. */
static inline void meet(struct fed_world *w, struct pres_session **a, struct pres_session **b)
{
    login_at(&w->a, a);
    login_at(&w->b, b);
    say_at(&w->a, *a, PRES_AVAILABLE, "");
    say_at(&w->b, *b, PRES_AVAILABLE, "");
    pres_request_send(*a, PRES_SUBSCRIBE, GW_STR("ann@b.example"), GW_STR(""), NULL);
    settle_world(w);
    pres_request_send(*b, PRES_SUBSCRIBE, GW_STR("ann@a.example"), GW_STR(""), NULL);
    settle_world(w);
    pass_ms(w, 0); /* what was sent is acknowledged */
    gw_buf_reset(&w->a.log);
    gw_buf_reset(&w->b.log);
}

/* a's connection to b. */
static inline struct end *a_to_b(struct fed_world *w)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&w->ends, it, tmp)
    {
        struct end *e = GW_CONTAINER(it, struct end, link);

        if (e->side == &w->a && e->s2s && !e->s2s->is_in)
            return e;
    }
    fail_msg("a has no connection to b");
    return NULL;
}

/* They meet; then b reads nothing more of what a sends on the connection that is given. */
static inline struct end *meet_and_stall(struct fed_world *w, struct pres_session **a,
                                         struct pres_session **b)
{
    struct end *out;

    meet(w, a, b);
    out = a_to_b(w);
    out->is_stuck = true;
    return out;
}

/* What waited goes on. */
static inline void unstick(struct end *e)
{
    e->is_stuck = false;
    e->waiting = 0;
    gw_buf_add_str(&e->other->in, gw_buf_str(&e->stuck));
    gw_buf_reset(&e->stuck);
    xmpp_s2s_drained(e->s2s, e->side->w->now);
    settle_world(e->side->w);
}

static inline bool told(const struct side *side, const char *line)
{
    return side->log.len && strstr(side->log.p, line);
}

static inline void view_one(const struct xmpp_link_view *v, void *ctx)
{
    gw_buf_addf(ctx, "%s %.*s-%.*s %s %s%s\n", v->is_in ? "in" : "out", GW_STR_ARG(v->local),
                GW_STR_ARG(v->remote), v->state, v->how, v->is_tls ? " tls" : "");
}

static inline void expect_links_at(const struct side *side, const char *lines, const char *file,
                                   int line)
{
    struct gw_buf text;

    gw_buf_init(&text, 100 * 1000);
    xmpp_fed_each(side->fed, view_one, &text);
    if (!gw_str_is(gw_buf_str(&text), lines))
        fail_msg("%s:%d: got\n%.*s--- instead of\n%s", file, line, GW_STR_ARG(gw_buf_str(&text)),
                 lines);
    gw_buf_done(&text);
}
#define EXPECT_LINKS(side, lines) expect_links_at(side, lines, __FILE__, __LINE__)

/* ---- A peer that is the test ---- */

#define SERVER_HEADER(from, to)                                                                    \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' " \
    "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' from='" from "' to='" to "'>"

static inline struct end *raw_open(struct side *to)
{
    struct end *mine = end_new(NULL, to->w), *theirs = end_accept(to);

    mine->other = theirs;
    theirs->other = mine;
    return mine;
}

static inline void raw_send(struct end *e, const char *text)
{
    if (e->other)
        gw_buf_add_cstr(&e->other->in, text);
}

static inline bool raw_has(const struct end *e, const char *text)
{
    return e->all.len && strstr(e->all.p, text);
}

static inline void raw_expect_at(const struct end *e, const char *text, const char *file, int line)
{
    if (!raw_has(e, text))
        fail_msg("%s:%d: no\n  %s\nin\n  %s", file, line, text, e->all.len ? e->all.p : "");
}
#define EXPECT(e, text) raw_expect_at(e, text, __FILE__, __LINE__)

/* A stream to a, whose header is answered. */
static inline struct end *greets_as_b(struct fed_world *w)
{
    struct end *mal = raw_open(&w->a);

    raw_send(mal, SERVER_HEADER("b.example", "a.example"));
    settle_world(w);
    return mal;
}

/* That it is b, with the key that the test makes with b's secret. */
static inline void claims_b(struct fed_world *w, struct end *mal)
{
    char text[400], key[XMPP_DIALBACK_KEY_MAX], id[64];
    const char *at = strstr(mal->all.p, "id=\"");

    assert_non_null(at);
    snprintf(id, sizeof(id), "%.32s", at + 4);
    xmpp_dialback_key(xmpp_fed_secret(w->b.fed), GW_STR("a.example"), GW_STR("b.example"),
                      gw_str_of(id), key);
    snprintf(text, sizeof(text), "<db:result from='b.example' to='a.example'>%s</db:result>", key);
    raw_send(mal, text);
}

static inline struct end *proved_as_b(struct fed_world *w)
{
    struct end *mal = greets_as_b(w);

    claims_b(w, mal);
    settle_world(w);
    EXPECT(mal, "type=\"valid\"");
    return mal;
}

#endif
