/* Streams and listeners over loopback: both ends ours, and bare sockets where a peer does wrong. */
#include "net_peer.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "gw_log.h"
#include "name_server.h"
#include "net_stream.h"

/* --- one end, with a record of what happened to it --- */

struct end {
    struct bed *bed;
    struct net_stream *stream;
    struct gw_buf in;
    struct gw_err why;
    int ready, drained, closed;
    const char *until;  /* stop the loop when this has come */
    const char *answer; /* written once, when 'until' has come */
    bool stop_on_ready, stop_on_drain, stop_on_closed;
    bool echo, close_on_data;
    enum { FREE_NEVER, FREE_ON_READY, FREE_ON_DATA, FREE_ON_DRAIN, FREE_ON_CLOSED } free_on;
    struct net_tls *start_tls; /* when "starttls" came */
};

static void end_free_on(struct end *e, int when)
{
    if ((int)e->free_on == when) {
        net_stream_free(&e->stream);
        net_loop_stop(e->bed->loop);
    }
}

static void on_ready(struct net_stream *s, void *ctx)
{
    struct end *e = ctx;

    (void)s;
    e->ready++;
    if (e->stop_on_ready)
        net_loop_stop(e->bed->loop);
    end_free_on(e, FREE_ON_READY);
}

static void on_data(struct net_stream *s, struct gw_str data, void *ctx)
{
    struct end *e = ctx;

    gw_buf_add_str(&e->in, data);
    if (e->echo)
        (void)net_stream_write(s, data);
    if (e->start_tls && strstr(e->in.p, "starttls\n")) {
        struct net_tls *tls = e->start_tls;

        e->start_tls = NULL;
        gw_buf_reset(&e->in);
        assert_int_equal(net_stream_write(s, GW_STR("proceed\n")), GW_OK);
        net_stream_start_tls(s, tls, NULL);
        assert_int_equal(net_stream_write(s, GW_STR("secret\n")), GW_OK);
        return;
    }
    if (e->until && strstr(e->in.p, e->until)) {
        if (e->answer)
            assert_int_equal(net_stream_write(s, gw_str_of(e->answer)), GW_OK);
        e->answer = NULL;
        net_loop_stop(e->bed->loop);
    }
    if (e->close_on_data)
        net_stream_close(s);
    end_free_on(e, FREE_ON_DATA);
}

static void on_drain(struct net_stream *s, void *ctx)
{
    struct end *e = ctx;

    (void)s;
    e->drained++;
    if (e->stop_on_drain)
        net_loop_stop(e->bed->loop);
    end_free_on(e, FREE_ON_DRAIN);
}

static void on_closed(struct net_stream *s, const struct gw_err *why, void *ctx)
{
    struct end *e = ctx;

    (void)s;
    e->closed++;
    e->why = *why;
    if (e->stop_on_closed)
        net_loop_stop(e->bed->loop);
    end_free_on(e, FREE_ON_CLOSED);
}

static const struct net_stream_handlers handlers = { on_ready, on_data, on_drain, on_closed };

static void end_init(struct end *e, struct bed *bed)
{
    *e = (struct end){ .bed = bed };
    gw_buf_init(&e->in, 64 << 20);
    gw_buf_add(&e->in, "", 0);
}

static void end_done(struct end *e)
{
    net_stream_free(&e->stream);
    gw_buf_done(&e->in);
}

static void run_until_closed(struct end *e)
{
    if (e->closed)
        return;
    e->stop_on_closed = true;
    bed_run(e->bed);
    assert_int_equal(e->closed, 1);
}

static void run_until(struct end *e, const char *text)
{
    e->until = text;
    if (!strstr(e->in.p ? e->in.p : "", text))
        bed_run(e->bed);
    e->until = NULL;
    assert_non_null(strstr(e->in.p, text));
}

/* --- a listener with one accepted end, and a client end --- */

struct pair {
    struct bed bed;
    struct net_listener *listener;
    struct net_stream_limits limits;
    struct net_tls *server_tls;
    struct end server, client;
    int accepted;
};

static void on_accept(struct net_stream *s, void *ctx)
{
    struct pair *p = ctx;

    if (p->accepted++) {
        net_stream_free(&s);
        return;
    }
    p->server.stream = s;
    net_stream_set_handlers(s, &handlers, &p->server);
    if (p->server_tls)
        net_stream_start_tls(s, p->server_tls, NULL);
}

static void pair_init(struct pair *p, const struct net_stream_limits *limits)
{
    struct net_listen_args args = { .address = "127.0.0.1", .on_accept = on_accept, .ctx = p };
    struct gw_err err;

    *p = (struct pair){ 0 };
    bed_init(&p->bed);
    end_init(&p->server, &p->bed);
    end_init(&p->client, &p->bed);
    if (limits)
        p->limits = args.limits = *limits;
    assert_int_equal(net_listen(p->bed.loop, &args, &p->listener, &err), GW_OK);
}

static void pair_connect(struct pair *p, struct net_tls *tls)
{
    struct net_connect_args args = { .host = "127.0.0.1",
                                     .port = net_listener_port(p->listener),
                                     .tls = tls,
                                     .tls_name = "localhost",
                                     .limits = p->limits,
                                     .handlers = &handlers,
                                     .ctx = &p->client };

    p->client.stream = net_stream_connect(p->bed.loop, &args);
    assert_int_equal(p->client.ready + p->client.closed, 0);
}

static void pair_done(struct pair *p)
{
    end_done(&p->client);
    end_done(&p->server);
    net_listener_free(&p->listener);
    net_tls_unref(&p->server_tls);
    bed_done(&p->bed);
}

/* --- plain --- */

static void test_echo(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p, NULL);
    p.server.echo = true;
    pair_connect(&p, NULL);
    assert_int_equal(net_stream_write(p.client.stream, GW_STR("one ")), GW_OK); /* not yet open */
    p.client.stop_on_ready = true;
    bed_run(&p.bed);
    assert_int_equal(net_stream_write(p.client.stream, GW_STR("two\n")), GW_OK);
    run_until(&p.client, "one two\n");
    assert_true(gw_str_starts(gw_str_of(net_stream_peer(p.server.stream)), "127.0.0.1:"));
    assert_false(net_stream_is_tls(p.server.stream));
    assert_int_equal(net_stream_queued(p.client.stream), 0);
    net_stream_close(p.client.stream);
    assert_int_equal(net_stream_write(p.client.stream, GW_STR("late")), GW_CANCELLED);
    p.server.stop_on_closed = p.client.stop_on_closed = true;
    bed_run(&p.bed);
    assert_int_equal(p.server.closed, 1);
    assert_int_equal(p.server.why.code, GW_OK);
    run_until_closed(&p.client);
    assert_int_equal(p.client.why.code, GW_OK);
    assert_int_equal(p.client.ready, 1);
    assert_true(p.client.drained >= 1);
    pair_done(&p);
}

static void test_unix_socket(void **state)
{
    char path[] = "/tmp/kalends-test-XXXXXX", file[64];
    struct bed bed;
    struct pair p = { 0 };
    struct net_listen_args args = { .unix_mode = 0600, .on_accept = on_accept, .ctx = &p };
    struct net_connect_args to = { .handlers = &handlers, .ctx = &p.client };
    struct net_listener *second;
    struct gw_err err;
    struct stat st;
    unsigned uid;

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof file, "%s/socket", path);
    args.unix_path = to.unix_path = file;
    bed_init(&bed);
    p.bed = bed;
    end_init(&p.server, &bed);
    end_init(&p.client, &bed);
    assert_int_equal(net_listen(bed.loop, &args, &p.listener, &err), GW_OK);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    p.client.stream = net_stream_connect(bed.loop, &to);
    p.client.stop_on_ready = true;
    bed_run(&bed);
    p.server.echo = true;
    assert_int_equal(net_stream_write(p.client.stream, GW_STR("hello\n")), GW_OK);
    run_until(&p.client, "hello\n");
    assert_string_equal(net_stream_peer(p.server.stream), "unix");
    assert_true(net_stream_peer_uid(p.server.stream, &uid));
    assert_int_equal(uid, getuid());
    assert_int_equal(net_listen(bed.loop, &args, &second, &err), GW_EXISTS);
    assert_non_null(strstr(err.msg, file));
    end_done(&p.client);
    end_done(&p.server);
    net_listener_free(&p.listener);
    assert_int_equal(stat(file, &st), -1); /* removed at the end */
    bed_done(&bed);
    (void)rmdir(path);
}

/* What a killed process leaves behind is removed; what is no socket is not. */
static void test_old_unix_socket(void **state)
{
    char path[] = "/tmp/kalends-test-XXXXXX";
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    struct pair p = { 0 };
    struct net_listen_args args = { .unix_mode = 0660, .on_accept = on_accept, .ctx = &p };
    struct gw_err err;
    int fd;

    (void)state;
    bed_init(&p.bed);
    assert_non_null(mkdtemp(path));
    snprintf(sun.sun_path, sizeof sun.sun_path, "%s/socket", path);
    args.unix_path = sun.sun_path;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
    (void)close(fd);
    assert_int_equal(net_listen(p.bed.loop, &args, &p.listener, &err), GW_OK);
    net_listener_free(&p.listener);

    fd = open(sun.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    (void)close(fd);
    assert_int_equal(net_listen(p.bed.loop, &args, &p.listener, &err), GW_EXISTS);
    assert_non_null(strstr(err.msg, "no socket"));
    (void)unlink(sun.sun_path);
    (void)rmdir(path);
    bed_done(&p.bed);
}

static void test_listen_errors(void **state)
{
    static const struct {
        const char *address, *path;
        enum gw_code code;
        const char *says;
    } c[] = {
        { "127.0.0.1", NULL, GW_EXISTS, "is taken" },
        { "nonsense", NULL, GW_INVALID, "give an IP address" },
        { "192.0.2.1", NULL, GW_INVALID, "no such address" },
        { NULL, "/nowhere/at/all", GW_INTERNAL, "/nowhere/at/all" },
        { NULL, "", GW_INVALID, "1 to 107 bytes" },
        { NULL, NULL, GW_INVALID, "nowhere to listen" },
    };
    struct pair p;

    (void)state;
    pair_init(&p, NULL);
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        struct net_listen_args args = { .address = c[i].address,
                                        .unix_path = c[i].path,
                                        .port = net_listener_port(p.listener),
                                        .on_accept = on_accept };
        struct net_listener *l;
        struct gw_err err = { 0 };

        assert_int_equal(net_listen(p.bed.loop, &args, &l, &err), c[i].code);
        if (!strstr(err.msg, c[i].says))
            fail_msg("'%s' is not in '%s'", c[i].says, err.msg);
    }
    pair_done(&p);
}

static void test_both_families(void **state)
{
    struct pair p = { 0 };
    struct net_listen_args args = { .address = "::", .on_accept = on_accept, .ctx = &p };
    struct gw_err err;

    (void)state;
    bed_init(&p.bed);
    end_init(&p.server, &p.bed);
    end_init(&p.client, &p.bed);
    assert_int_equal(net_listen(p.bed.loop, &args, &p.listener, &err), GW_OK);
    pair_connect(&p, NULL);
    p.client.stop_on_ready = true;
    bed_run(&p.bed);
    bed_run_ms(&p.bed, 1);
    assert_true(gw_str_starts(gw_str_of(net_stream_peer(p.server.stream)), "127.0.0.1:"));
    pair_done(&p);
}

/* --- connecting --- */

static void test_connect_failures(void **state)
{
    static const struct {
        const char *host, *path;
        enum gw_code code;
        const char *says;
    } c[] = {
        { "127.0.0.1", NULL, GW_UNREACHABLE, "Connection refused" },
        { LABEL_TOO_LONG ".invalid", NULL, GW_UNREACHABLE, "'" LABEL_TOO_LONG ".invalid' port " },
        { "localhost", NULL, GW_UNREACHABLE, "Connection refused" },
        { "bad..name", NULL, GW_UNREACHABLE, "bad..name" },
        { NULL, "/nowhere/at/all", GW_UNREACHABLE, "'/nowhere/at/all': No such file" },
    };
    uint16_t port;
    int fd = raw_bind(&port);

    (void)state;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        struct bed bed;
        struct end e;
        struct net_connect_args args = { .host = c[i].host,
                                         .unix_path = c[i].path,
                                         .port = port,
                                         .handlers = &handlers,
                                         .ctx = &e };

        bed_init(&bed);
        end_init(&e, &bed);
        e.stream = net_stream_connect(bed.loop, &args);
        assert_non_null(e.stream);
        assert_int_equal(e.closed, 0);
        run_until_closed(&e);
        if (e.why.code != c[i].code || !strstr(e.why.msg, c[i].says))
            fail_msg("%s '%s'", gw_code_name(e.why.code), e.why.msg);
        end_done(&e);
        /* Freed before it is told: nothing comes. */
        end_init(&e, &bed);
        e.stream = net_stream_connect(bed.loop, &args);
        net_stream_free(&e.stream);
        bed_run_ms(&bed, 2);
        assert_int_equal(e.closed, 0);
        end_done(&e);
        bed_done(&bed);
    }
    (void)close(fd);
}

static void test_connect_by_name(void **state)
{
    struct pair p;
    struct net_connect_args args;

    (void)state;
    pair_init(&p, NULL);
    args = (struct net_connect_args){ .host = "localhost",
                                      .port = net_listener_port(p.listener),
                                      .handlers = &handlers,
                                      .ctx = &p.client };
    p.client.stream = net_stream_connect(p.bed.loop, &args);
    p.client.stop_on_ready = true;
    bed_run(&p.bed);
    assert_int_equal(p.client.ready, 1); /* [::1] refused, 127.0.0.1 did not */
    pair_done(&p);
}

/* A name that only the resolver of the caller knows. */
static void test_connect_by_given_resolver(void **state)
{
    static const struct zone_record zone[] = { { "edge.example", ns_t_a, "127.0.0.1", 0, 0, 0, 0 },
                                               { NULL, 0, NULL, 0, 0, 0, 0 } };
    struct net_connect_args args;
    struct name_server ns;
    struct net_dns *dns;
    struct pair p;

    (void)state;
    pair_init(&p, NULL);
    name_server_init(&ns, p.bed.loop, zone);
    dns = name_server_dns(&ns, p.bed.loop);
    args = (struct net_connect_args){ .host = "edge.example",
                                      .port = net_listener_port(p.listener),
                                      .dns = dns,
                                      .handlers = &handlers,
                                      .ctx = &p.client };
    p.client.stream = net_stream_connect(p.bed.loop, &args);
    p.client.stop_on_ready = p.client.stop_on_closed = true;
    bed_run(&p.bed);
    assert_int_equal(p.client.ready, 1);
    net_dns_free(&dns);
    name_server_done(&ns);
    pair_done(&p);
}

/* --- peers that do wrong --- */

static void test_peer_leaves(void **state)
{
    for (int reset = 0; reset < 2; reset++) {
        struct linger hard = { .l_onoff = 1 };
        struct pair p;
        struct raw raw;

        (void)state;
        pair_init(&p, NULL);
        raw_connect(&raw, &p.bed, net_listener_port(p.listener));
        raw_send(&raw, "half a li");
        run_until(&p.server, "half a li");
        if (reset)
            (void)setsockopt(raw.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        raw_done(&raw);
        run_until_closed(&p.server);
        assert_int_equal(p.server.why.code, reset ? GW_UNREACHABLE : GW_OK);
        pair_done(&p);
    }
}

/* The answer to the peer's last words reaches it though it has closed its half. */
static void test_answer_after_half_close(void **state)
{
    struct pair p;
    struct raw raw;

    (void)state;
    pair_init(&p, NULL);
    p.server.echo = true;
    raw_connect(&raw, &p.bed, net_listener_port(p.listener));
    raw_send(&raw, "bye\n");
    (void)shutdown(raw.fd, SHUT_WR);
    raw_expect(&raw, NULL);
    assert_string_equal(raw.in.p, "bye\n");
    raw_done(&raw);
    pair_done(&p);
}

static void test_slow_reader(void **state)
{
    static const char chunk[65536];
    struct net_stream_limits limits = { .out_max = 200 * 1024 };
    struct pair p;
    struct raw raw;
    enum gw_code rc = GW_OK;

    (void)state;
    pair_init(&p, &limits);
    raw_connect(&raw, &p.bed, net_listener_port(p.listener));
    raw_send(&raw, "x");
    run_until(&p.server, "x");
    for (int i = 0; i < 10000 && !rc; i++) { /* the system's buffers fill first */
        rc = net_stream_write(p.server.stream, (struct gw_str){ chunk, sizeof chunk });
        assert_true(net_stream_queued(p.server.stream) <= limits.out_max);
    }
    assert_int_equal(rc, GW_LIMIT);
    assert_int_equal(p.server.closed, 0);
    run_until_closed(&p.server);
    assert_int_equal(p.server.why.code, GW_LIMIT);
    raw_done(&raw);
    pair_done(&p);
}

static void test_close_is_cut_off(void **state)
{
    static char chunk[8 << 20];
    struct net_stream_limits limits = { .out_max = sizeof chunk, .handshake_ms = 30 };
    struct pair p;
    struct raw raw;

    (void)state;
    pair_init(&p, &limits);
    raw_connect(&raw, &p.bed, net_listener_port(p.listener));
    raw_send(&raw, "x");
    run_until(&p.server, "x");
    assert_int_equal(net_stream_write(p.server.stream, (struct gw_str){ chunk, sizeof chunk }),
                     GW_OK);
    net_stream_close(p.server.stream);
    run_until_closed(&p.server);
    assert_int_equal(p.server.why.code, GW_TIMEOUT);
    raw_done(&raw);
    pair_done(&p);
}

static void test_close_flushes(void **state)
{
    static char chunk[4 << 20];
    struct net_stream_limits limits = { .out_max = sizeof chunk };
    struct pair p;
    struct raw raw;

    (void)state;
    memset(chunk, 'x', sizeof chunk);
    pair_init(&p, &limits);
    raw_connect(&raw, &p.bed, net_listener_port(p.listener));
    raw_send(&raw, "x");
    run_until(&p.server, "x");
    raw_send(&raw, "not read any more");
    assert_int_equal(net_stream_write(p.server.stream, (struct gw_str){ chunk, sizeof chunk }),
                     GW_OK);
    net_stream_close(p.server.stream);
    raw_expect(&raw, NULL);
    assert_int_equal(raw.in.len, sizeof chunk);
    raw_done(&raw);
    run_until_closed(&p.server);
    assert_int_equal(p.server.why.code, GW_OK);
    assert_string_equal(p.server.in.p, "x");
    pair_done(&p);
}

static void test_pause(void **state)
{
    struct pair p;
    struct raw raw;

    (void)state;
    pair_init(&p, NULL);
    raw_connect(&raw, &p.bed, net_listener_port(p.listener));
    raw_send(&raw, "one ");
    run_until(&p.server, "one ");
    net_stream_pause(p.server.stream, true);
    raw_send(&raw, "two");
    bed_run_ms(&p.bed, 5);
    assert_string_equal(p.server.in.p, "one ");
    net_stream_pause(p.server.stream, false);
    run_until(&p.server, "one two");
    raw_done(&raw);
    pair_done(&p);
}

/* --- frees in callbacks --- */

static void test_free_in_callbacks(void **state)
{
    (void)state;
    for (int when = FREE_ON_READY; when <= FREE_ON_CLOSED; when++) {
        for (int tls = 0; tls < 2; tls++) {
            struct identity id;
            struct net_tls_policy serve = { identity_serve, &id }, trust = { identity_trust, &id };
            struct net_tls *client_tls = NULL;
            struct pair p;

            identity_init(&id, "DNS:localhost", EVP_sha256());
            pair_init(&p, NULL);
            if (tls) {
                assert_int_equal(net_tls_new(NET_TLS_SERVER, &serve, &p.server_tls, NULL), GW_OK);
                assert_int_equal(net_tls_new(NET_TLS_CLIENT, &trust, &client_tls, NULL), GW_OK);
            }
            p.server.echo = true;
            p.server.close_on_data = when == FREE_ON_CLOSED;
            p.client.free_on = when;
            pair_connect(&p, client_tls);
            (void)net_stream_write(p.client.stream, GW_STR("hello"));
            bed_run(&p.bed);
            assert_null(p.client.stream);
            bed_run_ms(&p.bed, 2);
            assert_int_equal(p.client.closed, when == FREE_ON_CLOSED);
            net_tls_unref(&client_tls);
            pair_done(&p);
            identity_done(&id);
        }
    }
}

/* --- listeners that are full --- */

static void test_listener_full(void **state)
{
    struct pair p = { 0 };
    struct net_listen_args args = {
        .address = "127.0.0.1", .backlog_max = 1, .on_accept = on_accept, .ctx = &p
    };
    struct gw_err err;
    struct raw first, second, third;

    (void)state;
    bed_init(&p.bed);
    end_init(&p.server, &p.bed);
    assert_int_equal(net_listen(p.bed.loop, &args, &p.listener, &err), GW_OK);
    raw_connect(&first, &p.bed, net_listener_port(p.listener));
    raw_send(&first, "one");
    run_until(&p.server, "one");
    raw_connect(&second, &p.bed, net_listener_port(p.listener));
    raw_expect(&second, NULL);
    assert_int_equal(p.accepted, 1);
    net_stream_free(&p.server.stream);
    p.accepted = 0;
    gw_buf_reset(&p.server.in);
    raw_connect(&third, &p.bed, net_listener_port(p.listener));
    raw_send(&third, "three");
    run_until(&p.server, "three");
    net_listener_free(&p.listener);
    net_stream_close(p.server.stream); /* accepted streams live on */
    raw_expect(&third, NULL);
    raw_done(&first);
    raw_done(&second);
    raw_done(&third);
    end_done(&p.server);
    bed_done(&p.bed);
}

static void count_lines(enum gw_log_level level, const char *component, struct gw_str line,
                        void *ctx)
{
    (void)component;
    (void)line;
    if (level == GW_LOG_ERROR)
        ++*(int *)ctx;
}

/* No descriptors left: no busy loop, one line in the log, and on it goes when there are some. */
static void test_no_descriptors(void **state)
{
    struct rlimit before, none;
    struct pair p;
    struct raw raw, second;
    int lines = 0, highest;

    (void)state;
    pair_init(&p, NULL);
    raw_connect(&raw, &p.bed, net_listener_port(p.listener));
    raw_connect(&second, &p.bed, net_listener_port(p.listener));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    bed_run_ms(&p.bed, 0);
    net_stream_free(&p.server.stream);
    p.accepted = 0;
    raw_done(&raw);
    raw_connect(&raw, &p.bed, net_listener_port(p.listener));
    highest = dup(0); /* the first free one */
    (void)close(highest);
    none = before;
    none.rlim_cur = (rlim_t)highest;
    gw_log_set_sink(count_lines, &lines);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    raw_send(&raw, "patience");
    bed_run_ms(&p.bed, 30);
    assert_int_equal(p.accepted, 0);
    assert_int_equal(lines, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    run_until(&p.server, "patience");
    gw_log_set_sink(NULL, NULL);
    raw_done(&raw);
    raw_done(&second);
    pair_done(&p);
}

/* A limit of 64, and idle connections until they are refused. */
static void test_descriptors_are_kept(void **state)
{
    enum { LIMIT = 64, KEPT = LIMIT / 4, TRIES = 12 };
    struct rlimit before, few;
    struct raw raw[TRIES];
    int taken[LIMIT], count = 0, lines = 0;
    struct pair p;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    pair_init(&p, NULL);
    few = before;
    few.rlim_cur = LIMIT;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    /* Room for two connections and the ends of the peers, which are here too. */
    for (int i = 0; i < LIMIT; i++) {
        int fd = dup(0);

        if (fd < 0 || fd >= LIMIT - KEPT - 2) {
            if (fd >= 0)
                (void)close(fd);
            break;
        }
        taken[count++] = fd;
    }
    gw_log_set_sink(count_lines, &lines);
    raw_connect(&raw[0], &p.bed, net_listener_port(p.listener));
    raw_send(&raw[0], "before");
    run_until(&p.server, "before");
    assert_int_equal(lines, 0);
    for (int i = 1; i < 4; i++) { /* beyond: closed, and logged once */
        raw_connect(&raw[i], &p.bed, net_listener_port(p.listener));
        raw_expect(&raw[i], NULL);
    }
    assert_int_equal(p.accepted, 1);
    assert_int_equal(lines, 1);
    for (int i = 0; i < 4; i++)
        raw_done(&raw[i]);
    net_stream_free(&p.server.stream);
    while (count)
        (void)close(taken[--count]);
    p.accepted = 0;
    gw_buf_reset(&p.server.in);
    raw_connect(&raw[0], &p.bed, net_listener_port(p.listener));
    raw_send(&raw[0], "after");
    run_until(&p.server, "after");
    raw_done(&raw[0]);
    gw_log_set_sink(NULL, NULL);
    pair_done(&p);
    few.rlim_cur = 32;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    net_files_raise();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(few.rlim_cur, before.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_old_unix_socket),
        cmocka_unit_test(test_listen_errors),
        cmocka_unit_test(test_both_families),
        cmocka_unit_test(test_connect_failures),
        cmocka_unit_test(test_connect_by_name),
        cmocka_unit_test(test_connect_by_given_resolver),
        cmocka_unit_test(test_peer_leaves),
        cmocka_unit_test(test_answer_after_half_close),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_close_is_cut_off),
        cmocka_unit_test(test_close_flushes),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_free_in_callbacks),
        cmocka_unit_test(test_listener_full),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_descriptors_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
