/* A small XMPP world in one process: a core with users, the front-end's host, and connections whose
 * other end is the test. Time is the test's. A world is not to be moved. */
#ifndef XMPP_PEER_H
#define XMPP_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gsasl.h>

#include "gw_bytes.h"
#include "pres_frontend.h"
#include "xmpp_c2s.h"

#define HEADER                                                                                     \
    "<?xml version='1.0'?><stream:stream to='x.example' version='1.0' xmlns='jabber:client' "      \
    "xmlns:stream='http://etherx.jabber.org/streams'>"
#define STARTTLS   "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define NS_SASL_IS "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"

#define ANN  "ann@x.example"
#define BOB  "bob@x.example"
#define CLEO "cleo@x.example"

enum { WORLD_ITERATIONS = 16 };

struct world {
    struct xmpp_settings settings;
    struct pres_settings
        pres; /* as RFC 6121 is written: who asks has to wait, who is denied is told */
    struct pres_core *core;
    struct xmpp_host *host;
    struct gw_now now;
    bool is_closed_to_all; /* nobody has credentials any more */
    struct gw_str secret;
};

/* The transport of one connection, and what came out of it. */
struct peer {
    struct world *w;
    struct xmpp_c2s *c2s;
    struct gw_buf out;
    struct xmpp_check *check; /* asked for, not run yet */
    bool starts_tls, is_woken;
    bool is_stuck; /* reads nothing: what is written counts as waiting */
    size_t waiting, waiting_max;
    const char *const
        *addresses;       /* of the client's certificate, then NULL; NULL: it has shown none */
    const char *exporter; /* the TLS connection's tls-exporter; NULL: it has none */
};

/* ---- Users: ann, bob, cleo with passwords of their own names + "-secret"; "dan" has none ---- */

static inline bool world_credentials(struct gw_str user, enum xmpp_hash hash,
                                     struct xmpp_credentials *out, void *ctx)
{
    char salted[32], client[32], server[32], stored[32], password[64];
    struct gw_str id;

    if (((struct world *)ctx)->is_closed_to_all)
        return false;
    if (!gw_str_cut(user, "@", &id, NULL) || id.len > 20)
        return false;
    if (!gw_str_is(id, "ann") && !gw_str_is(id, "bob") && !gw_str_is(id, "cleo"))
        return false;
    snprintf(password, sizeof(password), "%.*s-secret", GW_STR_ARG(id));
    memset(out, 0, sizeof(*out));
    memcpy(out->salt, "0123456789abcdef", 16);
    out->salt_len = 16;
    out->iterations = WORLD_ITERATIONS;
    assert_int_equal(
        gsasl_scram_secrets_from_password(hash == XMPP_SHA1 ? GSASL_HASH_SHA1 : GSASL_HASH_SHA256,
                                          password, out->iterations, (const char *)out->salt,
                                          out->salt_len, salted, client, server, stored),
        GSASL_OK);
    memcpy(out->stored_key, stored, hash == XMPP_SHA1 ? 20 : 32);
    memcpy(out->server_key, server, hash == XMPP_SHA1 ? 20 : 32);
    return true;
}

static inline void world_start_with(struct world *w, struct store *store,
                                    const struct xmpp_own *own)
{
    static const char *const users[] = { "ann@x.example", "bob@x.example", "cleo@x.example",
                                         "dan@x.example" };

    *w = (struct world){ .now = { .mono = 1000 * 1000, .utc = 1700000000000 },
                         .secret = GW_STR("kept over restarts") };
    gw_param_defaults(xmpp_params, xmpp_param_count, &w->settings);
    gw_param_defaults(pres_params, pres_param_count, &w->pres);
    w->pres.auto_authorize = PRES_AUTO_NOBODY;
    w->pres.denied_watchers = PRES_DENIED_ARE_REFUSED;
    w->core = pres_core_new(&(struct pres_core_args){ .settings = &w->pres, .store = store });
    pres_domain_add(w->core, GW_STR("x.example"));
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
        pres_user_add(w->core, gw_str_of(users[i]), NULL);
    w->host = xmpp_host_new(&(struct xmpp_host_args){ .core = w->core,
                                                      .store = store,
                                                      .settings = &w->settings,
                                                      .credentials = world_credentials,
                                                      .credentials_ctx = w,
                                                      .secret = w->secret,
                                                      .version = "1.2.3",
                                                      .own = own });
    assert_non_null(w->host);
}

static inline void world_start(struct world *w)
{
    world_start_with(w, NULL, NULL);
}

static inline void world_stop(struct world *w)
{
    xmpp_host_stop(w->host, w->now);
    xmpp_host_free(&w->host);
    pres_core_free(&w->core);
}

/* ---- Transport ---- */

static inline bool peer_write(struct gw_str bytes, void *ctx)
{
    struct peer *p = ctx;

    if (p->is_stuck) {
        if (p->waiting + bytes.len > p->waiting_max)
            return false;
        p->waiting += bytes.len;
    }
    gw_buf_add_str(&p->out, bytes);
    return true;
}

static inline size_t peer_queued(void *ctx)
{
    return ((struct peer *)ctx)->waiting;
}

static inline void peer_start_tls(void *ctx)
{
    ((struct peer *)ctx)->starts_tls = true;
}

static inline void peer_check(struct xmpp_check *check, void *ctx)
{
    ((struct peer *)ctx)->check = check;
}

static inline void peer_wake(void *ctx)
{
    ((struct peer *)ctx)->is_woken = true;
}

static inline bool peer_binding(const char *type, struct gw_buf *out, void *ctx)
{
    struct peer *p = ctx;

    if (!p->exporter || strcmp(type, "tls-exporter") != 0)
        return false;
    gw_buf_add_cstr(out, p->exporter);
    return true;
}

static inline void peer_addresses(xmpp_address_fn *each, void *each_ctx, void *ctx)
{
    struct peer *p = ctx;

    for (size_t i = 0; p->addresses && p->addresses[i]; i++)
        each(gw_str_of(p->addresses[i]), each_ctx);
}

static inline void peer_open_from(struct peer *p, struct world *w, bool can_tls, const char *from)
{
    static const struct xmpp_io io = { .write = peer_write,
                                       .queued = peer_queued,
                                       .start_tls = peer_start_tls,
                                       .check = peer_check,
                                       .wake = peer_wake,
                                       .binding = peer_binding,
                                       .addresses = peer_addresses };

    *p = (struct peer){ .w = w };
    gw_buf_init(&p->out, 256 * 1024 * 1024);
    p->c2s = xmpp_c2s_new(
        &(struct xmpp_c2s_args){
            .host = w->host, .io = &io, .io_ctx = p, .peer = gw_str_of(from), .can_tls = can_tls },
        w->now.mono);
}

static inline void peer_open_tls(struct peer *p, struct world *w, bool can_tls)
{
    peer_open_from(p, w, can_tls, "192.0.2.1:1");
}

static inline void peer_open(struct peer *p, struct world *w)
{
    peer_open_tls(p, w, true);
}

static inline void peer_close(struct peer *p)
{
    xmpp_c2s_free(&p->c2s, p->w->now);
    xmpp_check_free(&p->check);
    gw_buf_done(&p->out);
}

static inline void peer_send(struct peer *p, const char *text)
{
    xmpp_c2s_feed(p->c2s, gw_str_of(text), p->w->now);
}

static inline void peer_sendf(struct peer *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static inline void peer_sendf(struct peer *p, const char *fmt, ...)
{
    char text[8192];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    peer_send(p, text);
}

static inline bool peer_has(const struct peer *p, const char *text)
{
    return p->out.len && strstr(p->out.p, text);
}

static inline void peer_clear(struct peer *p)
{
    gw_buf_reset(&p->out);
}

static inline void peer_expect_at(struct peer *p, const char *text, const char *file, int line)
{
    if (!peer_has(p, text))
        fail_msg("%s:%d: no\n  %s\nin\n  %s", file, line, text, p->out.len ? p->out.p : "");
}

static inline void peer_expect_not_at(struct peer *p, const char *text, const char *file, int line)
{
    if (peer_has(p, text))
        fail_msg("%s:%d: there is\n  %s\nin\n  %s", file, line, text, p->out.p);
}

/* Exactly this has come since the last time. */
static inline void peer_expect_all_at(struct peer *p, const char *text, const char *file, int line)
{
    if (!gw_str_is(gw_buf_str(&p->out), text))
        fail_msg("%s:%d: got\n  %.*s\ninstead of\n  %s", file, line,
                 GW_STR_ARG(gw_buf_str(&p->out)), text);
    peer_clear(p);
}

#define EXPECT(p, text)     peer_expect_at(p, text, __FILE__, __LINE__)
#define EXPECT_NOT(p, text) peer_expect_not_at(p, text, __FILE__, __LINE__)
#define EXPECT_ALL(p, text) peer_expect_all_at(p, text, __FILE__, __LINE__)

/* ---- Steps of a login ---- */

static inline void peer_tls(struct peer *p)
{
    peer_send(p, HEADER);
    peer_send(p, STARTTLS);
    assert_true(p->starts_tls);
    xmpp_c2s_tls_ready(p->c2s);
    peer_send(p, HEADER);
    EXPECT(p, "<mechanism>SCRAM-SHA-256</mechanism>");
}

static inline void peer_run_check(struct peer *p)
{
    struct xmpp_check *check = p->check;

    assert_non_null(check);
    p->check = NULL;
    xmpp_check_run(check);
    xmpp_c2s_checked(p->c2s, xmpp_check_is_right(check), GW_OK, p->w->now);
    xmpp_check_free(&check);
}

static inline void peer_plain(struct peer *p, const char *authzid, const char *user,
                              const char *password)
{
    struct gw_buf raw, text;

    gw_buf_init(&raw, 4096);
    gw_buf_init(&text, 8192);
    gw_buf_add(&raw, authzid, strlen(authzid) + 1);
    gw_buf_add(&raw, user, strlen(user) + 1);
    gw_buf_add_cstr(&raw, password);
    gw_base64_write(gw_buf_str(&raw), &text);
    peer_sendf(p, "<auth " NS_SASL_IS " mechanism='PLAIN'>%s</auth>", text.p);
    gw_buf_done(&raw);
    gw_buf_done(&text);
}

/* Over TLS and authenticated, with the new stream's features. */
static inline void peer_auth(struct peer *p, const char *user)
{
    char password[64];

    peer_tls(p);
    snprintf(password, sizeof(password), "%s-secret", user);
    peer_plain(p, "", user, password);
    peer_run_check(p);
    EXPECT(p, "<success ");
    peer_clear(p);
    peer_send(p, HEADER);
    EXPECT(p, "<bind ");
    peer_clear(p);
}

static inline void peer_bind(struct peer *p, const char *resource)
{
    peer_sendf(p,
               "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
               "<resource>%s</resource></bind></iq>",
               resource);
    EXPECT(p, "type=\"result\"");
    peer_clear(p);
}

static inline void peer_login(struct peer *p, struct world *w, const char *user,
                              const char *resource)
{
    peer_open(p, w);
    peer_auth(p, user);
    peer_bind(p, resource);
}

/* Reads the roster and is available; what that brings is dropped. */
static inline void peer_online(struct peer *p, struct world *w, const char *user,
                               const char *resource)
{
    peer_login(p, w, user, resource);
    peer_send(p, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>");
    peer_clear(p);
}

static inline void peer_befriend(struct peer *a, const char *a_jid, struct peer *b,
                                 const char *b_jid)
{
    peer_sendf(a, "<presence type='subscribe' to='%s'/>", b_jid);
    peer_sendf(b, "<presence type='subscribed' to='%s'/>", a_jid);
    peer_sendf(b, "<presence type='subscribe' to='%s'/>", a_jid);
    peer_sendf(a, "<presence type='subscribed' to='%s'/>", b_jid);
    peer_clear(a);
    peer_clear(b);
}

/* Ann at her desk, and Bob with his phone. */
static inline void world_of_two(struct world *w, struct peer *ann, struct peer *bob)
{
    world_start(w);
    peer_online(ann, w, "ann", "desk");
    peer_online(bob, w, "bob", "phone");
}

static inline void world_of_friends(struct world *w, struct peer *ann, struct peer *bob)
{
    world_of_two(w, ann, bob);
    peer_befriend(ann, ANN, bob, BOB);
}

static inline void world_of_two_stop(struct world *w, struct peer *ann, struct peer *bob)
{
    peer_close(ann);
    peer_close(bob);
    world_stop(w);
}

/* ---- Stream management, XEP-0198 ---- */

/* Enables it; returns the id, "" when it cannot be resumed. */
static inline const char *peer_enable(struct peer *p, bool resume, char id[33])
{
    const char *at;

    peer_clear(p);
    peer_sendf(p, "<enable xmlns='urn:xmpp:sm:3'%s/>", resume ? " resume='true'" : "");
    EXPECT(p, "<enabled xmlns=\"urn:xmpp:sm:3\"");
    at = strstr(p->out.p, " id=\"");
    snprintf(id, 33, "%s", at ? at + 5 : "");
    peer_clear(p);
    return id;
}

/* Another connection goes on with the session. */
static inline void peer_resume(struct peer *p, struct world *w, const char *user, const char *id,
                               unsigned h)
{
    peer_open(p, w);
    peer_auth(p, user);
    peer_sendf(p, "<resume xmlns='urn:xmpp:sm:3' previd='%s' h='%u'/>", id, h);
}

/* ---- Time ---- */

/* Also for sessions without a connection. */
static inline void world_wait(struct world *w, int64_t ms)
{
    w->now.mono += ms;
    w->now.utc += ms;
    if (xmpp_host_deadline(w->host) <= w->now.mono)
        xmpp_host_tick(w->host, w->now);
}

/* Time passes; the connection is looked at as its transport would. */
static inline void peer_wait(struct peer *p, int64_t ms)
{
    gw_time until = p->w->now.mono + ms;

    while (xmpp_c2s_deadline(p->c2s) <= until) {
        gw_time at = xmpp_c2s_deadline(p->c2s);

        if (at > p->w->now.mono) {
            p->w->now.utc += at - p->w->now.mono;
            p->w->now.mono = at;
        }
        xmpp_c2s_tick(p->c2s, p->w->now);
        if (xmpp_c2s_deadline(p->c2s) == at && at <= p->w->now.mono)
            fail_msg("the deadline does not move");
    }
    p->w->now.utc += until - p->w->now.mono;
    p->w->now.mono = until;
}

#endif
