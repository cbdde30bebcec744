/* A connection with another server, from a stage that the first byte chooses: one that came in, in clear
 * text, over TLS, or proved by certificate; or one that we opened. The rest is what the peer sends; a NUL
 * ends one piece, lets a second pass, and gives what the engine asked for. What goes out to the peer is
 * UTF-8, and nothing reaches a user from a domain that was not proved. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "pres_frontend.h"
#include "xmpp_fed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER                                                                                     \
    "<stream:stream from='y.example' to='x.example' version='1.0' xmlns='jabber:server' "          \
    "xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams'>"

struct peer {
    struct xmpp_s2s *main, *dialled[64];
    size_t dialled_count;
    struct gw_now now;
    bool starts_tls, is_proved;
};

static void must(bool truth)
{
    if (!truth)
        abort();
}

static bool io_write(struct gw_str bytes, void *ctx)
{
    (void)ctx;
    must(gw_str_is_utf8(bytes));
    return true;
}

static size_t io_queued(void *ctx)
{
    (void)ctx;
    return 0;
}

static void io_start_tls(void *ctx)
{
    ((struct peer *)ctx)->starts_tls = true;
}

static enum gw_code io_proves(struct gw_str domain, struct gw_err *why, void *ctx)
{
    (void)ctx;
    return gw_str_is(domain, "y.example") ? GW_OK : gw_fail(why, GW_DENIED, "another");
}

static void io_wake(void *ctx)
{
    (void)ctx;
}

static const struct xmpp_s2s_io io = { io_write, io_queued, io_start_tls, io_proves, io_wake };

static void dial(struct xmpp_s2s *s, void *ctx)
{
    struct peer *p = ctx;

    xmpp_s2s_attach(s, &io, p);
    must(p->dialled_count < 64);
    p->dialled[p->dialled_count++] = s;
}

static struct gw_now clock_of(void *ctx)
{
    return ((struct peer *)ctx)->now;
}

static bool credentials(struct gw_str user, enum xmpp_hash hash, struct xmpp_credentials *out,
                        void *ctx)
{
    (void)user;
    (void)hash;
    (void)out;
    (void)ctx;
    return false;
}

/* ---- The user, who is online ---- */

static void check_presence(const struct pres_doc *doc, struct pres_session *const *to, size_t count,
                           void *ctx)
{
    const struct peer *p = ctx;

    (void)to;
    (void)count;
    must(gw_str_ends(doc->user, "@x.example") ||
         (p->is_proved &&
          (gw_str_is(doc->user, "y.example") || gw_str_ends(doc->user, "@y.example"))));
}

static void check_request(enum pres_request request, struct gw_str from, struct gw_str extra,
                          struct pres_session *to, void *ctx)
{
    const struct peer *p = ctx;

    (void)request;
    (void)extra;
    (void)to;
    must(p->is_proved && (gw_str_is(from, "y.example") || gw_str_ends(from, "@y.example")));
}

static void ignore_item(const struct pres_item *item, struct pres_session *to, void *ctx)
{
    (void)item;
    (void)to;
    (void)ctx;
}

static void ignore_end(struct pres_session *s, enum pres_end why, void *ctx)
{
    (void)s;
    (void)why;
    (void)ctx;
}

static const struct pres_frontend table = { .name = "user",
                                            .presence = check_presence,
                                            .request = check_request,
                                            .roster_changed = ignore_item,
                                            .ended = ignore_end };

static void feed(struct peer *p, struct gw_str text)
{
    char *copy = gw_alloc(text.len + 1);

    if (text.len)
        memcpy(copy, text.p, text.len);
    xmpp_s2s_feed(p->main, (struct gw_str){ copy, text.len }, p->now);
    free(copy);
}

/* Whoever is called answers nothing: what is asked of him stays open. */
static void serve(struct peer *p, struct xmpp_fed *fed)
{
    if (p->starts_tls) {
        p->starts_tls = false;
        xmpp_s2s_tls_ready(p->main, p->now);
    }
    p->now.mono += 1000;
    p->now.utc += 1000;
    if (xmpp_s2s_deadline(p->main) <= p->now.mono)
        xmpp_s2s_tick(p->main, p->now);
    while (p->dialled_count > 8)
        xmpp_s2s_free(&p->dialled[--p->dialled_count], p->now);
    xmpp_fed_tick(fed, p->now);
}

static void go(struct peer *p, struct xmpp_fed *fed, const char *text)
{
    feed(p, gw_str_of(text));
    serve(p, fed);
}

enum stage { CLEAR, TLS, PROVED, OUT, STAGES };

static void prepare(struct peer *p, struct xmpp_fed *fed, struct pres_session *ann,
                    enum stage stage)
{
    if (stage == OUT) {
        (void)pres_session_direct(ann, GW_STR("bob@y.example"), GW_STR(""),
                                  &(struct pres_client){ .show = PRES_AWAY });
        must(p->dialled_count == 1);
        p->main = p->dialled[--p->dialled_count];
        xmpp_s2s_connected(p->main, GW_STR("192.0.2.1:5269"), true, p->now);
        return;
    }
    p->main = xmpp_s2s_accept(fed, &io, p, GW_STR("192.0.2.1:1"), true, p->now.mono);
    if (stage == CLEAR)
        return;
    go(p, fed, HEADER "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    if (stage == TLS)
        return;
    go(p, fed,
       HEADER "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>");
    go(p, fed, HEADER);
    must(xmpp_s2s_is_proved(p->main));
    p->is_proved = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer p = { .now = { .mono = 1000 * 1000, .utc = 1700000000000 } };
    struct pres_core *core = pres_core_new(&(struct pres_core_args){ 0 });
    struct xmpp_host *host =
        xmpp_host_new(&(struct xmpp_host_args){ .core = core, .credentials = credentials });
    struct pres_front *front = pres_frontend_register(core, &table, &p);
    struct xmpp_fed_settings settings = { 0 };
    struct pres_session *ann = NULL;
    struct xmpp_fed *fed;

    gw_param_defaults(xmpp_fed_params, xmpp_fed_param_count, &settings);
    settings.is_on = 1;
    pres_domain_add(core, GW_STR("x.example"));
    pres_user_add(core, GW_STR("ann@x.example"), NULL);
    fed = xmpp_fed_new(&(struct xmpp_fed_args){
        .host = host, .settings = &settings, .dial = dial, .now = clock_of, .ctx = &p });
    xmpp_fed_apply(fed, p.now);
    must(!pres_session_new(core,
                           &(struct pres_session_args){ .user = GW_STR("ann@x.example"),
                                                        .resource = GW_STR("r"),
                                                        .front = front },
                           p.now, &ann, NULL));
    must(!pres_session_set(ann, &(struct pres_client){ .show = PRES_AVAILABLE }, p.now));
    prepare(&p, fed, ann, size ? (enum stage)(data[0] % STAGES) : CLEAR);
    for (size_t at = 1; at < size;) {
        const uint8_t *nul = memchr(data + at, 0, size - at);
        size_t end = nul ? (size_t)(nul - data) : size;

        feed(&p, (struct gw_str){ (const char *)data + at, end - at });
        serve(&p, fed);
        at = end + 1;
    }
    pres_session_free(&ann, p.now);
    xmpp_fed_stop(fed);
    xmpp_s2s_free(&p.main, p.now);
    while (p.dialled_count)
        xmpp_s2s_free(&p.dialled[--p.dialled_count], p.now);
    xmpp_fed_free(&fed);
    gw_param_settings_done(xmpp_fed_params, xmpp_fed_param_count, &settings);
    xmpp_host_free(&host);
    pres_core_free(&core);
    return 0;
}
