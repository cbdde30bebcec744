/* A client's connection, from a stage that the first byte chooses: in clear text, over TLS, logged in,
 * or in a session with a friend online. The rest is what the peer sends; a NUL ends one piece, lets
 * a second pass, and answers what the engine asked for. Whatever comes out to the friend must be
 * well-formed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "pres_frontend.h"
#include "xml_stream.h"
#include "xmpp_c2s.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER                                                                                     \
    "<stream:stream to='x.example' version='1.0' xmlns='jabber:client' "                           \
    "xmlns:stream='http://etherx.jabber.org/streams'>"

struct peer {
    struct xmpp_c2s *c2s;
    struct xmpp_check *check;
    struct xml_stream *reader; /* of what is sent to it; NULL: not looked at */
    struct gw_now now;
    bool starts_tls;
};

static void must(bool truth)
{
    if (!truth)
        abort();
}

/* ---- The transport ---- */

static bool io_write(struct gw_str bytes, void *ctx)
{
    struct peer *p = ctx;
    struct gw_err err;

    must(gw_str_is_utf8(bytes));
    if (p->reader)
        must(!xml_stream_feed(p->reader, bytes, &err));
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

static void io_check(struct xmpp_check *check, void *ctx)
{
    ((struct peer *)ctx)->check = check;
}

static void io_wake(void *ctx)
{
    (void)ctx;
}

static const struct xmpp_io io = { .write = io_write,
                                   .queued = io_queued,
                                   .start_tls = io_start_tls,
                                   .check = io_check,
                                   .wake = io_wake };

static void ignore(const struct xml_node *node, void *ctx)
{
    (void)node;
    (void)ctx;
}

static void ignore_close(void *ctx)
{
    (void)ctx;
}

/* No salt worth its name, one iteration: PLAIN "ann" with the password "p" (and bob). */
static bool credentials(struct gw_str user, enum xmpp_hash hash, struct xmpp_credentials *out,
                        void *ctx)
{
    static const unsigned char stored[] = { 0 };

    (void)hash;
    (void)ctx;
    *out = (struct xmpp_credentials){ .salt_len = 1, .iterations = 1 };
    memcpy(out->stored_key, stored, sizeof(stored));
    return gw_str_is(user, "ann@x.example") || gw_str_is(user, "bob@x.example");
}

static void feed(struct peer *p, struct gw_str text)
{
    xmpp_c2s_feed(p->c2s, text, p->now);
}

/* What the engine asked for is given: every password is right. */
static void serve(struct peer *p)
{
    if (p->starts_tls) {
        p->starts_tls = false;
        xmpp_c2s_tls_ready(p->c2s);
    }
    if (p->check) {
        xmpp_check_free(&p->check);
        xmpp_c2s_checked(p->c2s, true, GW_OK, p->now);
    }
    p->now.mono += 1000;
    p->now.utc += 1000;
    if (xmpp_c2s_deadline(p->c2s) <= p->now.mono)
        xmpp_c2s_tick(p->c2s, p->now);
}

static void go(struct peer *p, const char *text)
{
    feed(p, gw_str_of(text));
    serve(p);
}

/* ---- Stages ---- */

static void open_peer(struct peer *p, struct xmpp_host *at)
{
    *p = (struct peer){ .now = { 1000000, 1000000 } };
    p->c2s = xmpp_c2s_new(
        &(struct xmpp_c2s_args){
            .host = at, .io = &io, .io_ctx = p, .peer = GW_STR("fuzz"), .can_tls = true },
        p->now.mono);
}

static void close_peer(struct peer *p)
{
    xmpp_c2s_free(&p->c2s, p->now);
    xmpp_check_free(&p->check);
    xml_stream_free(&p->reader);
}

/* plain: "\0user\0p" in base64. */
static void go_to(struct peer *p, unsigned stage, const char *plain)
{
    if (stage >= 1) {
        go(p, HEADER);
        go(p, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        go(p, HEADER);
    }
    if (stage >= 2) {
        go(p, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>");
        feed(p, gw_str_of(plain));
        go(p, "</auth>");
        go(p, HEADER);
    }
    if (stage >= 3) {
        go(p, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
              "<resource>r</resource></bind></iq>");
        go(p, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>");
    }
}

static void watch(struct peer *p)
{
    static const struct xml_stream_handlers handlers = { ignore, ignore, ignore_close };
    const struct xml_stream_limits limits = {
        .stanza_max = 64 * 1024 * 1024, .depth_max = 100, .nodes_max = 1000000, .attrs_max = 1000
    };
    struct gw_err err;

    p->reader = xml_stream_new(&limits, &handlers, NULL);
    must(!xml_stream_feed(p->reader, GW_STR(HEADER), &err));
}

static void befriend(struct peer *ann, struct peer *bob)
{
    go(ann, "<presence type='subscribe' to='bob@x.example'/>");
    go(bob, "<presence type='subscribed' to='ann@x.example'/>");
    go(bob, "<presence type='subscribe' to='ann@x.example'/>");
    go(ann, "<presence type='subscribed' to='bob@x.example'/>");
}

static const char *const users[] = { "ann@x.example", "bob@x.example" };

/* Made once, since starting GNU SASL takes longer than a run; users are new each time. */
static struct pres_core *core;
static struct xmpp_host *host;

static void make_world(void)
{
    core = pres_core_new(&(struct pres_core_args){ 0 });
    pres_domain_add(core, GW_STR("x.example"));
    host = xmpp_host_new(
        &(struct xmpp_host_args){ .core = core, .credentials = credentials, .version = "1" });
}

static void run(unsigned stage, struct gw_str in)
{
    struct peer ann, bob;

    open_peer(&ann, host);
    open_peer(&bob, host);
    go_to(&ann, stage, "AGFubgBw");
    if (stage == 3) {
        go_to(&bob, 3, "AGJvYgBw");
        watch(&bob);
        befriend(&ann, &bob);
    }
    while (in.len) {
        struct gw_str piece = in, rest = GW_STR("");
        ptrdiff_t at = gw_str_find(in, '\0');

        if (at >= 0) {
            piece = gw_str_sub(in, 0, (size_t)at);
            rest = gw_str_sub(in, (size_t)at + 1, in.len);
        }
        feed(&ann, piece);
        serve(&ann);
        in = rest;
    }
    close_peer(&ann);
    close_peer(&bob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gw_now end = { 2000000, 2000000 };

    if (!size)
        return 0;
    if (!core)
        make_world();
    for (size_t i = 0; i < 2; i++)
        (void)pres_user_add(core, gw_str_of(users[i]), NULL);
    run(data[0] % 4, (struct gw_str){ (const char *)data + 1, size - 1 });
    for (size_t i = 0; i < 2; i++)
        pres_user_remove(core, gw_str_of(users[i]), end);
    xmpp_host_tick(host, end); /* whoever was asleep */
    return 0;
}
