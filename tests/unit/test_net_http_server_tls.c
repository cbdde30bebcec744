/* What the HTTP listener knows of a connection: the handler's own data, and the certificate, also
 * when it is changed while connections stand. */
#include "net_peer.h"

#include "net_http_server.h"
#include "net_stream.h"

struct site {
    struct bed bed;
    struct net_http_server *server;
    int requests, ended;
    struct gw_buf end_point; /* as the listener says */
};

/* Counts the requests of its connection. */
struct visitor {
    struct site *site;
    int requests;
};

static void visitor_end(void *data)
{
    struct visitor *v = data;

    v->site->ended++;
    free(v);
}

static void handler(struct net_http_exchange *x, void *ctx)
{
    struct site *site = ctx;
    struct visitor *v = net_http_connection_get(x);
    char text[64];

    site->requests++;
    if (!v || gw_str_is(net_http_path(x), "/new")) {
        v = gw_new(struct visitor);
        v->site = site;
        net_http_connection_set(x, v, visitor_end);
    }
    snprintf(text, sizeof text, "request %d\n", ++v->requests);
    gw_buf_reset(&site->end_point);
    gw_buf_add_str(&site->end_point, net_http_end_point(x));
    net_http_reply(x, 200, "text/plain", gw_str_of(text));
}

static void site_init(struct site *site, const struct identity *id)
{
    struct net_http_server_args args = { .address = "127.0.0.1",
                                         .body_max = 1000,
                                         .handler = handler,
                                         .ctx = site,
                                         .cert_pem = id ? id->cert_pem : NULL,
                                         .key_pem = id ? id->key_pem : NULL };
    struct gw_err err;

    *site = (struct site){ 0 };
    bed_init(&site->bed);
    gw_buf_init(&site->end_point, 64);
    if (net_http_server_new(site->bed.loop, &args, &site->server, &err))
        fail_msg("%s", err.msg);
}

static void site_done(struct site *site)
{
    net_http_server_free(&site->server);
    gw_buf_done(&site->end_point);
    bed_done(&site->bed);
}

static void test_connection_data(void **state)
{
    static const char get[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    struct site site;
    struct raw raw[2];

    (void)state;
    site_init(&site, NULL);
    for (int i = 0; i < 2; i++) {
        raw_connect(&raw[i], &site.bed, net_http_server_port(site.server));
        raw_send(&raw[i], get);
        raw_expect(&raw[i], "request 1\n");
        raw_forget(&raw[i]);
        raw_send(&raw[i], get);
        raw_expect(&raw[i], "request 2\n");
        raw_forget(&raw[i]);
    }
    assert_int_equal(site.ended, 0);
    raw_send(&raw[0], "GET /new HTTP/1.1\r\nHost: h\r\n\r\n"); /* replaced */
    raw_expect(&raw[0], "request 1\n");
    assert_int_equal(site.ended, 1);
    assert_int_equal(site.end_point.len, 0); /* no TLS */
    raw_done(&raw[0]);
    while (site.ended < 2)
        bed_run_ms(&site.bed, 1);
    net_http_server_free(&site.server);
    assert_int_equal(site.ended, 3);
    raw_done(&raw[1]);
    site_done(&site);
}

/* A client that trusts one certificate. */
struct client {
    struct bed *bed;
    struct net_tls *tls;
    struct net_stream *stream;
    struct gw_buf end_point, in;
    bool closed;
};

static void on_ready(struct net_stream *s, void *ctx)
{
    struct client *c = ctx;

    (void)net_stream_channel_binding(s, "tls-server-end-point", &c->end_point);
    net_loop_stop(c->bed->loop);
}

static void on_data(struct net_stream *s, struct gw_str data, void *ctx)
{
    struct client *c = ctx;

    (void)s;
    gw_buf_add_str(&c->in, data);
    net_loop_stop(c->bed->loop);
}

static void on_closed(struct net_stream *s, const struct gw_err *why, void *ctx)
{
    struct client *c = ctx;

    (void)s;
    (void)why;
    c->closed = true;
    net_loop_stop(c->bed->loop);
}

static const struct net_stream_handlers client_handlers = { on_ready, on_data, NULL, on_closed };

static void client_connect(struct client *c, struct site *site, struct identity *id)
{
    struct net_tls_policy policy = { identity_trust, id };
    struct net_connect_args args = { .host = "127.0.0.1",
                                     .port = net_http_server_port(site->server),
                                     .tls_name = "localhost",
                                     .handlers = &client_handlers,
                                     .ctx = c };
    struct gw_err err;

    *c = (struct client){ .bed = &site->bed };
    gw_buf_init(&c->end_point, 64);
    gw_buf_init(&c->in, 10000);
    assert_int_equal(net_tls_new(NET_TLS_CLIENT, &policy, &c->tls, &err), GW_OK);
    args.tls = c->tls;
    c->stream = net_stream_connect(site->bed.loop, &args);
    while (!c->end_point.len && !c->closed)
        bed_run(&site->bed);
}

static void client_done(struct client *c)
{
    net_stream_free(&c->stream);
    net_tls_unref(&c->tls);
    gw_buf_done(&c->end_point);
    gw_buf_done(&c->in);
}

static void client_get(struct client *c, const char *want)
{
    gw_buf_reset(&c->in);
    (void)net_stream_write(c->stream, GW_STR("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    while (!c->closed && (!c->in.p || !strstr(c->in.p, want)))
        bed_run(c->bed);
    assert_false(c->closed);
}

static void test_another_certificate(void **state)
{
    struct identity id[2];
    struct client client[2], wrong;
    struct site site;
    struct gw_err err;

    (void)state;
    identity_init(&id[0], "DNS:localhost", EVP_sha256());
    identity_init(&id[1], "DNS:localhost", EVP_sha512());
    site_init(&site, &id[0]);
    client_connect(&client[0], &site, &id[0]);
    client_get(&client[0], "request 1\n");
    assert_int_equal(site.end_point.len, 32);
    assert_true(gw_str_eq(gw_buf_str(&site.end_point), gw_buf_str(&client[0].end_point)));

    assert_int_equal(net_http_server_renew(site.server, "nonsense", id[1].key_pem, &err),
                     GW_INVALID);
    assert_int_equal(net_http_server_renew(site.server, id[1].cert_pem, id[1].key_pem, &err),
                     GW_OK);
    client_connect(&client[1], &site, &id[1]);
    client_get(&client[1], "request 1\n");
    assert_int_equal(site.end_point.len, 64);
    assert_true(gw_str_eq(gw_buf_str(&site.end_point), gw_buf_str(&client[1].end_point)));
    client_get(&client[0], "request 2\n"); /* still there, and still as it was */
    assert_int_equal(site.end_point.len, 32);
    client_connect(&wrong, &site, &id[0]);
    assert_true(wrong.closed);

    client_done(&wrong);
    client_done(&client[0]);
    while (site.ended < 1)
        bed_run_ms(&site.bed, 1);
    client_get(&client[1], "request 2\n");
    client_done(&client[1]);
    site_done(&site);
    assert_int_equal(site.ended, 2);
    identity_done(&id[0]);
    identity_done(&id[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection_data),
        cmocka_unit_test(test_another_certificate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
