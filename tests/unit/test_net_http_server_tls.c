/* What the HTTP listener knows of a connection: the handler's own data, and the certificate, also
 * when it is changed while connections stand. */
#include "net_peer.h"

#include <dirent.h>

#include "net_http_server.h"
#include "net_stream.h"

struct site {
    struct bed bed;
    struct net_http_server *server;
    int requests, ended, gone;
    size_t body_len;
    struct gw_buf end_point; /* as the listener says */
};

enum {
    BIG = 3 * 1000 * 1000,
    HUGE = 10 * BIG, /* more than the sockets of both sides hold */
    CONNECTIONS = 5
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

static void on_gone(void *ctx)
{
    struct site *site = ctx;

    site->gone++;
    net_loop_stop(site->bed.loop);
}

static void reply_big(struct net_http_exchange *x, size_t len)
{
    char *text = malloc(len);

    assert_non_null(text);
    memset(text, 'x', len);
    net_http_reply(x, 200, "text/plain", (struct gw_str){ text, len });
    free(text);
}

static void handler(struct net_http_exchange *x, void *ctx)
{
    struct site *site = ctx;
    struct visitor *v = net_http_connection_get(x);
    char text[64];

    site->requests++;
    site->body_len = net_http_body(x).len;
    if (gw_str_is(net_http_path(x), "/big")) {
        reply_big(x, BIG);
        return;
    }
    if (gw_str_is(net_http_path(x), "/huge")) {
        reply_big(x, HUGE);
        return;
    }
    if (gw_str_is(net_http_path(x), "/wait")) {
        net_http_on_gone(x, on_gone, site);
        net_loop_stop(site->bed.loop);
        return;
    }
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
                                         .body_max = BIG,
                                         .connections_max = CONNECTIONS,
                                         .connections_per_ip_max = 3,
                                         .idle_s = 1,
                                         .handler = handler,
                                         .ctx = site };
    struct gw_err err;

    *site = (struct site){ 0 };
    bed_init(&site->bed);
    gw_buf_init(&site->end_point, 64);
    if (id)
        assert_int_equal(net_tls_new_pem(id->cert_pem, id->key_pem, &args.tls, &err), GW_OK);
    if (net_http_server_new(site->bed.loop, &args, &site->server, &err))
        fail_msg("%s", err.msg);
    net_tls_unref(&args.tls);
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
    struct gw_err why;
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
    c->closed = true;
    c->why = *why;
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
    gw_buf_init(&c->in, 2 * HUGE);
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
    struct net_tls *tls = NULL;
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

    assert_int_equal(net_tls_new_pem("nonsense", id[1].key_pem, &tls, &err), GW_INVALID);
    assert_int_equal(net_tls_new_pem(id[0].cert_pem, id[1].key_pem, &tls, &err), GW_INVALID);
    assert_int_equal(net_tls_new_pem(id[1].cert_pem, id[1].key_pem, &tls, &err), GW_OK);
    net_http_server_tls_set(site.server, tls);
    net_tls_unref(&tls);
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

static size_t head_len(const struct gw_buf *in)
{
    const char *end = in->p ? strstr(in->p, "\r\n\r\n") : NULL;

    return end ? (size_t)(end - in->p) + 4 : BIG;
}

/* More than either side takes at once: each waits for the other, and nothing is lost. */
static void test_much(void **state)
{
    struct identity id;
    struct client client;
    struct site site;
    char *body = malloc(BIG), head[100];

    (void)state;
    assert_non_null(body);
    memset(body, 'y', BIG);
    identity_init(&id, "DNS:localhost", EVP_sha256());
    site_init(&site, &id);
    client_connect(&client, &site, &id);
    snprintf(head, sizeof head, "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", BIG);
    (void)net_stream_write(client.stream, gw_str_of(head));
    for (size_t sent = 0; sent < BIG; sent += 100000) {
        while (!client.closed && net_stream_queued(client.stream) > 500000)
            bed_run_ms(&site.bed, 1);
        if (client.closed)
            fail_msg("closed: %s", client.why.msg);
        assert_int_equal(net_stream_write(client.stream, (struct gw_str){ body + sent, 100000 }),
                         GW_OK);
    }
    while (!site.requests && !client.closed)
        bed_run_ms(&site.bed, 1);
    if (client.closed)
        fail_msg("closed: %s", client.why.msg);
    assert_int_equal(site.body_len, BIG);
    net_stream_pause(client.stream, true); /* slow */
    bed_run_ms(&site.bed, 50);
    net_stream_pause(client.stream, false);
    while (!client.closed && client.in.len < BIG + head_len(&client.in))
        bed_run(&site.bed);
    assert_int_equal(client.in.len, BIG + head_len(&client.in));
    client_get(&client, "request 1\n"); /* the connection goes on */
    client_done(&client);
    site_done(&site);
    identity_done(&id);
    free(body);
}

/* Who leaves while an answer is awaited is noticed; so is one that speaks something else, and one too many
 * of an address. */
static void test_who_leaves(void **state)
{
    struct identity id;
    struct client client[4];
    struct site site;
    struct raw plain;

    (void)state;
    identity_init(&id, "DNS:localhost", EVP_sha256());
    site_init(&site, &id);
    client_connect(&client[0], &site, &id);
    (void)net_stream_write(client[0].stream, GW_STR("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"));
    while (!site.requests)
        bed_run(&site.bed);
    net_stream_close(client[0].stream);
    while (!site.gone)
        bed_run(&site.bed);
    client_done(&client[0]);

    raw_connect(&plain, &site.bed, net_http_server_port(site.server));
    raw_send(&plain, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    raw_expect(&plain, NULL);
    raw_done(&plain);

    bed_run_ms(&site.bed, 20);
    for (int i = 0; i < 3; i++) {
        client_connect(&client[i], &site, &id);
        client_get(&client[i], "request 1\n");
    }
    client_connect(&client[3], &site, &id);
    while (!client[3].closed)
        bed_run(&site.bed);
    for (int i = 0; i < 4; i++)
        client_done(&client[i]);
    site_done(&site);
    identity_done(&id);
}

/* Who connects and says nothing keeps out nobody. */
static void test_half_open(void **state)
{
    struct identity id;
    struct client client;
    struct raw raw[2 * CONNECTIONS];
    struct site site;

    (void)state;
    identity_init(&id, "DNS:localhost", EVP_sha256());
    site_init(&site, &id);
    for (int i = 0; i < 2 * CONNECTIONS; i++)
        raw_connect(&raw[i], &site.bed, net_http_server_port(site.server));
    bed_run_ms(&site.bed, 20);
    client_connect(&client, &site, &id);
    client_get(&client, "request 1\n");
    for (int i = 0; i < 2 * CONNECTIONS; i++) {
        assert_false(raw[i].eof);
        raw_done(&raw[i]);
    }
    client_done(&client);
    site_done(&site);
    identity_done(&id);
}

static size_t open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count;
}

/* A client that takes nothing of its answer does not hold its connection for ever. */
static void test_who_does_not_read(void **state)
{
    struct identity id;
    struct client client;
    struct site site;
    size_t before;

    (void)state;
    identity_init(&id, "DNS:localhost", EVP_sha256());
    site_init(&site, &id);
    client_connect(&client, &site, &id);
    bed_run_ms(&site.bed, 20);
    before = open_files();
    net_stream_pause(client.stream, true);
    (void)net_stream_write(client.stream, GW_STR("GET /huge HTTP/1.1\r\nHost: h\r\n\r\n"));
    while (!site.requests)
        bed_run_ms(&site.bed, 10);
    assert_int_equal(open_files(), before);
    while (open_files() > before - 3) /* the connection, and both ends of the pair */
        bed_run_ms(&site.bed, 100);
    net_stream_pause(client.stream, false);
    while (!client.closed)
        bed_run(&site.bed);
    assert_true(client.in.len < HUGE);
    client_done(&client);
    site_done(&site);
    identity_done(&id);
}

static void test_port_taken(void **state)
{
    struct net_http_server_args args = { .address = "127.0.0.1", .handler = handler };
    struct net_http_server *second = NULL;
    struct identity id;
    struct site site;
    struct gw_err err;
    int before, after;

    (void)state;
    identity_init(&id, "DNS:localhost", EVP_sha256());
    site_init(&site, &id);
    args.port = net_http_server_port(site.server);
    assert_int_equal(net_tls_new_pem(id.cert_pem, id.key_pem, &args.tls, &err), GW_OK);
    before = dup(0);
    (void)close(before);
    assert_int_equal(net_http_server_new(site.bed.loop, &args, &second, &err), GW_EXISTS);
    after = dup(0);
    (void)close(after);
    assert_int_equal(after, before); /* the lowest that is free: nothing was left open */
    assert_null(second);
    net_tls_unref(&args.tls);
    site_done(&site);
    identity_done(&id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection_data),
        cmocka_unit_test(test_another_certificate),
        cmocka_unit_test(test_much),
        cmocka_unit_test(test_who_leaves),
        cmocka_unit_test(test_half_open),
        cmocka_unit_test(test_who_does_not_read),
        cmocka_unit_test(test_port_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
