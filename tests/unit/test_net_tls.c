/* TLS on streams: from the start and by STARTTLS, with peers that lie, stall or cut. */
#include "net_peer.h"

#include "net_stream.h"

struct end {
    struct bed *bed;
    struct net_stream *stream;
    struct gw_buf in;
    struct gw_err why;
    int ready, closed;
    const char *until;
    struct net_tls *start_tls; /* server: when "starttls\n" came; client: when "proceed\n" came */
};

struct pair {
    struct bed bed;
    struct identity id;
    struct net_tls_policy serve, trust;
    struct net_tls *server_tls, *client_tls;
    struct net_listener *listener;
    struct end server, client;
    bool starttls; /* on demand, not from the start */
};

static void on_ready(struct net_stream *s, void *ctx)
{
    struct end *e = ctx;

    (void)s;
    e->ready++;
    if (!e->until)
        net_loop_stop(e->bed->loop);
}

/* In on_data the two lines of the upgrade; as XMPP would, with nothing behind them. */
static bool upgrade(struct end *e)
{
    struct net_tls *tls = e->start_tls;

    if (!tls)
        return false;
    if (gw_str_is(gw_buf_str(&e->in), "starttls\n"))
        (void)net_stream_write(e->stream, GW_STR("proceed\n"));
    else if (!gw_str_is(gw_buf_str(&e->in), "proceed\n"))
        return false;
    e->start_tls = NULL;
    gw_buf_reset(&e->in);
    net_stream_start_tls(e->stream, tls, "localhost");
    (void)net_stream_write(e->stream, GW_STR("secret\n")); /* never in clear */
    return true;
}

static void on_data(struct net_stream *s, struct gw_str data, void *ctx)
{
    struct end *e = ctx;

    (void)s;
    gw_buf_add_str(&e->in, data);
    if (!upgrade(e) && e->until && strstr(e->in.p, e->until))
        net_loop_stop(e->bed->loop);
}

static void on_closed(struct net_stream *s, const struct gw_err *why, void *ctx)
{
    struct end *e = ctx;

    (void)s;
    e->closed++;
    e->why = *why;
    net_loop_stop(e->bed->loop);
}

static const struct net_stream_handlers handlers = { on_ready, on_data, NULL, on_closed };

static void on_accept(struct net_stream *s, void *ctx)
{
    struct pair *p = ctx;

    assert_null(p->server.stream);
    p->server.stream = s;
    net_stream_set_handlers(s, &handlers, &p->server);
    if (p->starttls)
        p->server.start_tls = p->server_tls;
    else
        net_stream_start_tls(s, p->server_tls, NULL);
}

static void end_init(struct end *e, struct bed *bed)
{
    *e = (struct end){ .bed = bed };
    gw_buf_init(&e->in, 64 << 20);
    gw_buf_add(&e->in, "", 0);
}

/* client_apply NULL: trusts what it must. */
static void pair_init(struct pair *p, const char *names, const EVP_MD *md,
                      net_tls_policy_fn *client_apply)
{
    struct net_listen_args args = {
        .address = "127.0.0.1", .limits = { .handshake_ms = 2000 }, .on_accept = on_accept, .ctx = p
    };
    struct gw_err err;

    *p = (struct pair){ 0 };
    bed_init(&p->bed);
    identity_init(&p->id, names, md);
    p->serve = (struct net_tls_policy){ identity_serve, &p->id };
    p->trust = (struct net_tls_policy){ client_apply ? client_apply : identity_trust, &p->id };
    assert_int_equal(net_tls_new(NET_TLS_SERVER, &p->serve, &p->server_tls, &err), GW_OK);
    assert_int_equal(net_tls_new(NET_TLS_CLIENT, &p->trust, &p->client_tls, &err), GW_OK);
    end_init(&p->server, &p->bed);
    end_init(&p->client, &p->bed);
    assert_int_equal(net_listen(p->bed.loop, &args, &p->listener, &err), GW_OK);
}

static void pair_connect(struct pair *p, bool tls, unsigned handshake_ms)
{
    struct net_connect_args args = { .host = "127.0.0.1",
                                     .port = net_listener_port(p->listener),
                                     .tls = tls ? p->client_tls : NULL,
                                     .tls_name = "localhost",
                                     .limits = { .handshake_ms = handshake_ms,
                                                 .out_max = 16 << 20 },
                                     .handlers = &handlers,
                                     .ctx = &p->client };

    p->client.stream = net_stream_connect(p->bed.loop, &args);
}

static void run_until(struct end *e, const char *text)
{
    e->until = text;
    while (!e->closed && !strstr(e->in.p ? e->in.p : "", text))
        bed_run(e->bed);
    if (!strstr(e->in.p, text))
        fail_msg("closed: %s", e->why.msg);
    e->until = NULL;
}

static void run_until_closed(struct end *e)
{
    while (!e->closed)
        bed_run(e->bed);
}

static void run_until_ready(struct end *e)
{
    while (!e->ready && !e->closed)
        bed_run(e->bed);
    if (!e->ready)
        fail_msg("closed: %s", e->why.msg);
}

static void pair_done(struct pair *p)
{
    net_stream_free(&p->client.stream);
    net_stream_free(&p->server.stream);
    gw_buf_done(&p->client.in);
    gw_buf_done(&p->server.in);
    net_listener_free(&p->listener);
    net_tls_unref(&p->server_tls);
    net_tls_unref(&p->client_tls);
    identity_done(&p->id);
    bed_done(&p->bed);
}

/* --- what works --- */

static void test_from_the_start(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p, "DNS:localhost", EVP_sha256(), NULL);
    pair_connect(&p, true, 0);
    assert_int_equal(net_stream_write(p.client.stream, GW_STR("early ")), GW_OK);
    run_until_ready(&p.client);
    assert_true(net_stream_is_tls(p.client.stream));
    assert_int_equal(net_stream_write(p.client.stream, GW_STR("late\n")), GW_OK);
    run_until(&p.server, "early late\n");
    net_stream_close(p.client.stream);
    run_until_closed(&p.client);
    run_until_closed(&p.server);
    assert_int_equal(p.client.why.code, GW_OK);
    assert_int_equal(p.server.why.code, GW_OK);
    pair_done(&p);
}

static void test_starttls(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p, "DNS:localhost", EVP_sha256(), NULL);
    p.starttls = true;
    p.client.start_tls = p.client_tls;
    pair_connect(&p, false, 0);
    run_until_ready(&p.client);
    assert_int_equal(net_stream_write(p.client.stream, GW_STR("starttls\n")), GW_OK);
    run_until(&p.client, "secret\n");
    run_until(&p.server, "secret\n");
    assert_true(net_stream_is_tls(p.client.stream));
    assert_true(net_stream_is_tls(p.server.stream));
    pair_done(&p);
}

/* Far more than a record and a socket's buffer, while the reader pauses now and then. */
static void test_much_data(void **state)
{
    enum { MUCH = 8 << 20 };
    struct pair p;
    char *much = gw_alloc(MUCH + 4);

    (void)state;
    pair_init(&p, "DNS:localhost", EVP_sha256(), NULL);
    for (int i = 0; i < MUCH; i++)
        much[i] = (char)('a' + i % 23);
    memcpy(much + MUCH, "END\n", 4);
    pair_connect(&p, true, 0);
    run_until_ready(&p.client);
    assert_int_equal(net_stream_write(p.client.stream, (struct gw_str){ much, MUCH + 4 }), GW_OK);
    for (int i = 0; i < 3; i++) {
        bed_run_ms(&p.bed, 1);
        net_stream_pause(p.server.stream, true);
        bed_run_ms(&p.bed, 1);
        net_stream_pause(p.server.stream, false);
    }
    run_until(&p.server, "END\n");
    assert_int_equal(p.server.in.len, MUCH + 4);
    assert_memory_equal(p.server.in.p, much, MUCH + 4);
    assert_int_equal(net_stream_queued(p.client.stream), 0);
    free(much);
    pair_done(&p);
}

/* --- certificates --- */

static const struct {
    const char *names;
    net_tls_policy_fn *apply;
    const char *says;
} denied[] = {
    { "DNS:elsewhere", identity_trust, "ostname mismatch" },
    { "DNS:localhost", identity_refuse, "nobody is trusted here" },
    { "DNS:localhost", identity_forget, "self-signed" },
};

static void test_not_trusted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
        struct pair p;

        pair_init(&p, denied[i].names, EVP_sha256(), denied[i].apply);
        pair_connect(&p, true, 0);
        run_until_closed(&p.client);
        assert_int_equal(p.client.ready, 0);
        if (p.client.why.code != GW_DENIED || !strstr(p.client.why.msg, denied[i].says))
            fail_msg("%s '%s'", gw_code_name(p.client.why.code), p.client.why.msg);
        run_until_closed(&p.server);
        assert_int_equal(p.server.why.code, GW_UNREACHABLE);
        assert_int_equal(p.server.ready, 0);
        pair_done(&p);
    }
}

/* --- peers that do wrong --- */

static const struct {
    const char *name, *first, *then; /* what a bare client sends */
} not_tls[] = {
    { "plain text", "GET / HTTP/1.1\r\n\r\n", NULL },
    { "STARTTLS injection behind it", "starttls\n", "injected\n" },
    { "not quite TLS", "\x16\x03\x01\x00\x05hello", NULL },
};

static void test_server_with_wrong_clients(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof not_tls / sizeof *not_tls; i++) {
        struct pair p;
        struct raw raw;

        pair_init(&p, "DNS:localhost", EVP_sha256(), NULL);
        p.starttls = not_tls[i].then;
        raw_connect(&raw, &p.bed, net_listener_port(p.listener));
        assert_int_equal(send(raw.fd, not_tls[i].first, i == 2 ? 10 : strlen(not_tls[i].first), 0),
                         i == 2 ? 10 : strlen(not_tls[i].first));
        if (not_tls[i].then) {
            raw_expect(&raw, "proceed\n");
            raw_send(&raw, not_tls[i].then);
        }
        run_until_closed(&p.server);
        assert_int_equal(p.server.why.code, GW_UNREACHABLE);
        assert_int_equal(p.server.in.len, 0); /* nothing of it was given on */
        if (!raw.eof)
            raw_expect(&raw, NULL);
        assert_null(raw.in.p ? memmem(raw.in.p, raw.in.len, "secret", 6) : NULL);
        raw_done(&raw);
        pair_done(&p);
    }
}

static void test_client_to_plain_server(void **state)
{
    struct pair p;
    struct raw raw = { 0 };
    uint16_t port;
    int fd = raw_listen(&port);
    struct net_connect_args args = { .host = "127.0.0.1", .handlers = &handlers };

    (void)state;
    pair_init(&p, "DNS:localhost", EVP_sha256(), NULL);
    args.port = port;
    args.tls = p.client_tls;
    args.ctx = &p.client;
    p.client.stream = net_stream_connect(p.bed.loop, &args);
    raw_init(&raw, &p.bed, accept(fd, NULL, NULL));
    raw_send(&raw, "220 mail.example ESMTP\r\n");
    run_until_closed(&p.client);
    assert_int_equal(p.client.why.code, GW_UNREACHABLE);
    raw_done(&raw);
    (void)close(fd);
    pair_done(&p);
}

/* Half a handshake, and then silence. */
static void test_handshake_stalls(void **state)
{
    struct pair p;
    uint16_t port;
    int fd = raw_listen(&port);
    struct net_connect_args args = { .host = "127.0.0.1",
                                     .limits = { .handshake_ms = 30 },
                                     .handlers = &handlers };

    (void)state;
    pair_init(&p, "DNS:localhost", EVP_sha256(), NULL);
    args.port = port;
    args.tls = p.client_tls;
    args.ctx = &p.client;
    p.client.stream = net_stream_connect(p.bed.loop, &args);
    run_until_closed(&p.client);
    assert_int_equal(p.client.why.code, GW_TIMEOUT);
    (void)close(fd);
    pair_done(&p);
}

/* An end without close_notify is no end in order: something may be missing. */
static void test_cut(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p, "DNS:localhost", EVP_sha256(), NULL);
    pair_connect(&p, true, 0);
    run_until_ready(&p.client);
    run_until_ready(&p.server);
    (void)net_stream_write(p.client.stream, GW_STR("half"));
    run_until(&p.server, "half");
    net_stream_free(&p.client.stream);
    run_until_closed(&p.server);
    assert_int_equal(p.server.why.code, GW_UNREACHABLE);
    pair_done(&p);
}

/* STARTTLS was asked for, but the proceed cannot be written and the owner gives up: what was meant
 * for TLS must not follow in clear. */
static void test_close_before_handshake(void **state)
{
    struct pair p;
    struct raw raw;

    (void)state;
    pair_init(&p, "DNS:localhost", EVP_sha256(), NULL);
    p.starttls = true;
    raw_connect(&raw, &p.bed, net_listener_port(p.listener));
    p.server.until = "hello";
    raw_send(&raw, "hello");
    run_until(&p.server, "hello");
    (void)net_stream_write(p.server.stream, GW_STR("clear\n"));
    net_stream_start_tls(p.server.stream, p.server_tls, NULL);
    (void)net_stream_write(p.server.stream, GW_STR("secret\n"));
    net_stream_close(p.server.stream);
    raw_expect(&raw, NULL);
    assert_string_equal(raw.in.p, "clear\n");
    raw_done(&raw);
    pair_done(&p);
}

/* --- channel bindings --- */

static enum gw_code trust_tls12(SSL_CTX *ctx, void *arg, struct gw_err *err)
{
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    return identity_trust(ctx, arg, err);
}

static const struct {
    const char *type;
    bool tls12;
    const EVP_MD *(*md)(void); /* of the certificate's signature */
    size_t len;                /* 0: there is none */
} binding_case[] = {
    { "tls-server-end-point", false, EVP_sha256, 32 },
    { "tls-server-end-point", false, EVP_sha384, 48 },
    { "tls-server-end-point", false, EVP_sha1, 32 }, /* RFC 5929: SHA-256 instead */
    { "tls-exporter", false, EVP_sha256, 32 },
    { "tls-exporter", true, EVP_sha256, 32 },
    { "tls-unique", false, EVP_sha256, 0 },
    { "tls-unique", true, EVP_sha256, 12 },
    { "tls-something", true, EVP_sha256, 0 },
};

static void test_channel_bindings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof binding_case / sizeof *binding_case; i++) {
        struct pair p;
        struct gw_buf ours, theirs;
        enum gw_code want = binding_case[i].len ? GW_OK : GW_NOTFOUND;

        pair_init(&p, "DNS:localhost", binding_case[i].md(),
                  binding_case[i].tls12 ? trust_tls12 : NULL);
        gw_buf_init(&ours, 100);
        gw_buf_init(&theirs, 100);
        pair_connect(&p, true, 0);
        assert_int_equal(net_stream_channel_binding(p.client.stream, "tls-exporter", &ours),
                         GW_NOTFOUND);
        run_until_ready(&p.client);
        run_until_ready(&p.server);
        assert_int_equal(net_stream_channel_binding(p.client.stream, binding_case[i].type, &ours),
                         want);
        assert_int_equal(net_stream_channel_binding(p.server.stream, binding_case[i].type, &theirs),
                         want);
        assert_int_equal(ours.len, binding_case[i].len);
        assert_int_equal(theirs.len, binding_case[i].len);
        if (ours.len)
            assert_memory_equal(ours.p, theirs.p, ours.len);
        gw_buf_done(&ours);
        gw_buf_done(&theirs);
        pair_done(&p);
    }
}

/* --- policies --- */

static enum gw_code broken(SSL_CTX *ctx, void *arg, struct gw_err *err)
{
    (void)ctx;
    (void)arg;
    return gw_fail(err, GW_NOTFOUND, "no certificate 'x'");
}

static enum gw_code old_only(SSL_CTX *ctx, void *arg, struct gw_err *err)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
    return identity_trust(ctx, arg, err);
}

static void test_policies(void **state)
{
    struct net_tls_policy policy = { broken, NULL };
    struct net_tls *tls = NULL;
    struct gw_err err;
    struct pair p;

    (void)state;
    assert_int_equal(net_tls_new(NET_TLS_SERVER, &policy, &tls, &err), GW_NOTFOUND);
    assert_string_equal(err.msg, "no certificate 'x'");
    assert_null(tls);

    pair_init(&p, "DNS:localhost", EVP_sha256(), old_only); /* TLS 1.1 is not spoken here */
    pair_connect(&p, true, 0);
    run_until_closed(&p.client);
    assert_int_equal(p.client.why.code, GW_UNREACHABLE);
    pair_done(&p);
}

/* --- half-open connections --- */

enum { HALF_MAX = 3, COMERS = 5 };

struct door {
    struct pair *pair;
    struct end end[COMERS];
    int count;
};

static void on_accept_any(struct net_stream *s, void *ctx)
{
    struct door *d = ctx;
    struct end *e = &d->end[d->count++];

    assert_true(d->count <= COMERS);
    end_init(e, &d->pair->bed);
    e->stream = s;
    net_stream_set_handlers(s, &handlers, e);
    net_stream_start_tls(s, d->pair->server_tls, NULL);
}

/* Who says nothing is cut off when others come, the first one first; whoever goes on gets in. */
static void test_half_open(void **state)
{
    struct pair p;
    struct door d = { &p, { { 0 } }, 0 };
    struct net_listen_args args = {
        .address = "127.0.0.1", .handshakes_max = HALF_MAX, .on_accept = on_accept_any, .ctx = &d
    };
    struct raw silent[COMERS - 1];
    struct gw_err err;

    (void)state;
    pair_init(&p, "DNS:localhost", EVP_sha256(), NULL);
    net_listener_free(&p.listener);
    assert_int_equal(net_listen(p.bed.loop, &args, &p.listener, &err), GW_OK);
    for (int i = 0; i < COMERS - 1; i++) {
        raw_connect(&silent[i], &p.bed, net_listener_port(p.listener));
        bed_run_ms(&p.bed, 5);
    }
    run_until_closed(&d.end[0]);
    assert_int_equal(d.end[0].why.code, GW_LIMIT);
    assert_non_null(strstr(d.end[0].why.msg, "3 others"));
    assert_false(d.end[1].closed);
    pair_connect(&p, true, 0);
    run_until_ready(&p.client);
    run_until_closed(&d.end[1]);
    assert_false(d.end[2].closed || d.end[3].closed);
    while (!d.end[4].ready)
        bed_run(&p.bed);
    for (int i = 0; i < COMERS - 1; i++)
        raw_done(&silent[i]);
    for (int i = 0; i < COMERS; i++) {
        net_stream_free(&d.end[i].stream);
        gw_buf_done(&d.end[i].in);
    }
    pair_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_the_start),
        cmocka_unit_test(test_starttls),
        cmocka_unit_test(test_much_data),
        cmocka_unit_test(test_not_trusted),
        cmocka_unit_test(test_server_with_wrong_clients),
        cmocka_unit_test(test_client_to_plain_server),
        cmocka_unit_test(test_handshake_stalls),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_close_before_handshake),
        cmocka_unit_test(test_channel_bindings),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_half_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
