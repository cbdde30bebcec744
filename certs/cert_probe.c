/* See cert_probe.h. The verification is the gateway's own (cert_client.c), so that the verdict here is
 * what a connection in earnest would come to. */
#include "cert_probe.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cert_priv.h"
#include "gw_mem.h"
#include "net_http_client.h"
#include "net_stream.h"

enum { TIMEOUT_MS = 10000, PRELUDE_BYTES = 64 * 1024, PEER_MAX = 128 };

enum probe_state { PROBE_CONNECTING, PROBE_PRELUDE, PROBE_HANDSHAKE, PROBE_FETCHING };

struct cert_probe {
    struct net_loop *loop;
    enum probe_state state;
    char *host, *name; /* host: in A-labels */
    uint16_t port;
    const struct cert_prelude *prelude;
    bool plain;
    unsigned fetches; /* that may still be made */
    cert_probe_done_fn *done;
    void *ctx;

    struct cert_client *client;
    struct net_tls *tls;
    struct net_stream *stream;
    struct net_timer *timer; /* of the prelude, or of what could not be started */
    void *talk;              /* the prelude's own */
    size_t heard;            /* bytes of it */
    struct net_http_slot *slot;
    STACK_OF(X509) * sent; /* by the server, and what was fetched */
    struct cert_chain *chain;

    bool reached;
    char peer[PEER_MAX];
    enum cert_verdict verdict;
    struct gw_err unreached, why, unfetched;
};

static void probe_free(struct cert_probe **pp)
{
    struct cert_probe *p = *pp;

    *pp = NULL;
    if (p->talk)
        p->prelude->free(p->talk);
    net_http_slot_free(&p->slot);
    net_timer_free(&p->timer);
    net_stream_free(&p->stream);
    net_tls_unref(&p->tls);
    cert_chain_free(&p->chain);
    sk_X509_pop_free(p->sent, X509_free);
    cert_client_free(&p->client);
    free(p->host);
    free(p->name);
    free(p);
}

static void finish(struct cert_probe *p)
{
    const struct cert_seen *seen = p->client ? cert_client_seen(p->client) : NULL;
    struct cert_report report = {
        .reached = p->reached,
        .peer = p->peer,
        .reached_text = p->unreached.msg,
        .verdict = p->verdict,
        .text = p->why.msg,
        .protocol = seen ? seen->protocol : NULL,
        .cipher = seen ? seen->cipher : NULL,
        .chain = p->chain,
        .fetch_text = p->unfetched.code ? p->unfetched.msg : NULL,
    };

    p->done(&report, p->ctx);
    probe_free(&p);
}

/* --- the chain, and issuers that nobody has sent */

static void fetch_next(struct cert_probe *p);

static void chain_build(struct cert_probe *p)
{
    const struct cert_seen *seen = cert_client_seen(p->client);

    cert_chain_free(&p->chain);
    p->chain = cert_chain_new(cert_client_set(p->client), seen, p->sent, net_loop_now(p->loop).utc);
}

static void on_issuer(const struct net_http_answer *answer, void *ctx)
{
    struct cert_probe *p = ctx;
    STACK_OF(X509) *fetched = NULL;
    size_t before = cert_chain_len(p->chain);
    struct gw_err err = { 0 };

    if (answer->code)
        gw_fail(&err, answer->code, "%s", answer->error);
    else if (answer->status != 200)
        gw_fail(&err, GW_BADMSG, "HTTP status %d", answer->status);
    else
        (void)cert_parse(answer->body, &fetched, &err);
    if (fetched) {
        while (sk_X509_num(fetched))
            if (!sk_X509_push(p->sent, sk_X509_shift(fetched)))
                abort();
        chain_build(p);
        if (cert_chain_len(p->chain) == before && cert_chain_issuer_url(p->chain))
            gw_fail(&err, GW_BADMSG, "what is there is not the issuer");
    }
    sk_X509_free(fetched);
    if (err.code) {
        p->unfetched = err;
        gw_fail_prefix(&p->unfetched, "the issuer could not be fetched: ");
        finish(p);
        return;
    }
    fetch_next(p);
}

/* Plain http: what comes is a certificate, whose signature is what counts; and https would need trust
 * to build trust. */
static void fetch_next(struct cert_probe *p)
{
    const char *url = cert_chain_issuer_url(p->chain);

    if (!url || !p->fetches) {
        finish(p);
        return;
    }
    p->fetches--;
    p->state = PROBE_FETCHING;
    if (!p->slot)
        p->slot = net_http_slot_new(p->loop, &(struct net_http_slot_args){ 0 });
    net_http_start(p->slot,
                   &(struct net_http_request){ .method = "GET",
                                               .url = url,
                                               .timeout_ms = CERT_FETCH_MS,
                                               .body_max = CERT_FETCH_BYTES },
                   NULL, on_issuer, p);
}

static void look(struct cert_probe *p)
{
    const struct cert_seen *seen = cert_client_seen(p->client);

    if (!seen) {
        finish(p);
        return;
    }
    p->sent = X509_chain_up_ref(seen->sent);
    if (!p->sent)
        abort();
    chain_build(p);
    fetch_next(p);
}

/* --- the connection */

static void net_failed(struct cert_probe *p, const char *why)
{
    p->verdict = CERT_NETWORK_ERROR;
    gw_fail(&p->why, GW_UNREACHABLE, "%s", why);
}

static void handshake_over(struct cert_probe *p, const char *why)
{
    const struct cert_result *last = cert_client_last(p->client);

    if (last->verdict == CERT_NOT_SEEN || (last->verdict == CERT_VERIFIED && why)) {
        net_failed(p, why);
    } else {
        p->verdict = last->verdict;
        gw_fail(&p->why, GW_DENIED, "%s", last->text);
    }
    look(p);
}

static void on_closed(struct net_stream *s, const struct gw_err *why, void *ctx)
{
    struct cert_probe *p = ctx;
    struct gw_err copy = { 0 };

    (void)s;
    gw_fail(&copy, GW_UNREACHABLE, "%s%s",
            why->code ? why->msg : "the server closed the connection",
            p->state == PROBE_HANDSHAKE && why->code == GW_TIMEOUT
                ? "; check that the port is one for TLS, and what lies between"
                : "");
    net_stream_free(&p->stream); /* and 'why' with it */
    if (p->state == PROBE_HANDSHAKE) {
        handshake_over(p, copy.msg);
        return;
    }
    if (p->state == PROBE_CONNECTING)
        gw_fail(&p->unreached, GW_UNREACHABLE,
                "%s; check the host and the port, and what lies between", copy.msg);
    else
        net_failed(p, copy.msg);
    finish(p);
}

static void start_tls(struct cert_probe *p)
{
    net_timer_free(&p->timer);
    p->state = PROBE_HANDSHAKE;
    net_stream_start_tls(p->stream, p->tls, cert_client_host(p->client));
}

static void prelude_failed(struct cert_probe *p, const char *why)
{
    net_stream_free(&p->stream);
    net_failed(p, why);
    finish(p);
}

static void on_silence(struct gw_now now, void *ctx)
{
    (void)now;
    prelude_failed(ctx, "the server did not offer STARTTLS in time");
}

static void on_ready(struct net_stream *s, void *ctx)
{
    struct cert_probe *p = ctx;
    struct gw_buf out;

    if (p->state == PROBE_HANDSHAKE) {
        net_stream_free(&p->stream);
        handshake_over(p, NULL);
        return;
    }
    p->reached = true;
    snprintf(p->peer, sizeof(p->peer), "%s", net_stream_peer(s));
    if (p->plain) {
        finish(p);
        return;
    }
    if (!p->prelude) {
        start_tls(p);
        return;
    }
    p->state = PROBE_PRELUDE;
    p->timer = net_timer_new(p->loop, on_silence, p);
    net_timer_set(p->timer, gw_time_after(net_loop_now(p->loop).mono, TIMEOUT_MS));
    gw_buf_init(&out, PRELUDE_BYTES);
    p->talk = p->prelude->start(gw_str_of(p->name), &out);
    (void)net_stream_write(s, gw_buf_str(&out));
    gw_buf_done(&out);
}

static void on_data(struct net_stream *s, struct gw_str data, void *ctx)
{
    struct cert_probe *p = ctx;
    enum cert_prelude_step step;
    struct gw_err err = { 0 };
    struct gw_buf out;

    if (p->state != PROBE_PRELUDE)
        return;
    p->heard += data.len;
    gw_buf_init(&out, PRELUDE_BYTES);
    step = p->heard > PRELUDE_BYTES ? CERT_PRELUDE_BROKEN
                                    : p->prelude->feed(p->talk, data, &out, &err);
    if (step != CERT_PRELUDE_BROKEN && out.len)
        (void)net_stream_write(s, gw_buf_str(&out));
    gw_buf_done(&out);
    switch (step) {
    case CERT_PRELUDE_MORE:
        break;
    case CERT_PRELUDE_READY:
        start_tls(p);
        break;
    case CERT_PRELUDE_BROKEN:
        prelude_failed(p, err.code ? err.msg : "the server talks too much before TLS");
        break;
    }
}

static const struct net_stream_handlers handlers = { .on_ready = on_ready,
                                                     .on_data = on_data,
                                                     .on_closed = on_closed };

static void on_not_started(struct gw_now now, void *ctx)
{
    (void)now;
    finish(ctx);
}

static void connect_start(struct cert_probe *p, unsigned timeout_ms)
{
    p->stream = net_stream_connect(
        p->loop, &(struct net_connect_args){
                     .host = p->host,
                     .port = p->port,
                     .limits = { .handshake_ms = timeout_ms ? timeout_ms : TIMEOUT_MS },
                     .handlers = &handlers,
                     .ctx = p,
                 });
}

/* SIP and XMPP servers ask for one, and may end the handshake without. */
static const char *const shown[CERT_PURPOSES] = {
    [CERT_FOR_SIP] = CERT_IDENTITY_SIP,
    [CERT_FOR_XMPP_SERVER] = CERT_IDENTITY_XMPP_S2S,
};

static enum gw_code client_make(struct cert_probe *p, const struct cert_probe_args *args,
                                struct gw_err *err)
{
    struct net_tls_policy policy;
    enum gw_code code =
        cert_client_new(args->store, args->set, gw_str_of(p->name), &p->client, err);

    if (code)
        return code;
    cert_client_keep(p->client, args->purpose,
                     shown[args->purpose]
                         ? cert_identity_of(args->store, gw_str_of(shown[args->purpose]))
                         : NULL);
    policy = cert_client_policy(p->client);
    return net_tls_new(NET_TLS_CLIENT, &policy, &p->tls, err);
}

struct cert_probe *cert_probe_start(struct net_loop *loop, const struct cert_probe_args *args,
                                    cert_probe_done_fn *done, void *ctx)
{
    struct cert_probe *p = gw_new(struct cert_probe);

    *p = (struct cert_probe){
        .loop = loop,
        .host = cert_name_dup(gw_str_of(args->host)),
        .name = gw_str_dup(gw_str_of(args->name ? args->name : args->host)),
        .port = args->port,
        .prelude = args->prelude,
        .plain = args->plain,
        .fetches = args->fetch_issuers ? CERT_FETCH_MAX : 0,
        .done = done,
        .ctx = ctx,
    };
    if (!client_make(p, args, &p->unreached)) {
        connect_start(p, args->timeout_ms);
        return p;
    }
    p->timer = net_timer_new(loop, on_not_started, p);
    net_timer_set(p->timer, net_loop_now(loop).mono);
    return p;
}

void cert_probe_cancel(struct cert_probe **probep)
{
    if (*probep)
        probe_free(probep);
}
