/* The HTTP listener against bare sockets, which send requests in every wrong way. */
#include "net_peer.h"

#include <sys/un.h>

#include "net_http_server.h"

struct site {
    struct bed bed;
    struct net_http_server *server;
    struct net_http_exchange *kept;
    int requests, gone;
    bool free_in_handler, free_in_gone;
    char last_path[128];
};

static void on_gone(void *ctx)
{
    struct site *site = ctx;

    site->gone++;
    site->kept = NULL;
    if (site->free_in_gone)
        net_http_server_free(&site->server);
    net_loop_stop(site->bed.loop);
}

static void handler(struct net_http_exchange *x, void *ctx)
{
    struct site *site = ctx;
    struct gw_str path = net_http_path(x);
    char text[64];
    int len;

    site->requests++;
    snprintf(site->last_path, sizeof site->last_path, "%.*s", GW_STR_ARG(path));
    if (gw_str_is(path, "/later") || gw_str_is(path, "/stream")) {
        site->kept = x;
        net_http_on_gone(x, on_gone, site);
        if (gw_str_is(path, "/stream"))
            net_http_stream(x, 200, "text/plain");
        if (site->free_in_handler)
            net_http_server_free(&site->server);
        net_loop_stop(site->bed.loop);
        return;
    }
    if (gw_str_is(path, "/drop")) {
        net_http_drop(x);
        return;
    }
    len = snprintf(text, sizeof text, "got %zu\n", net_http_body(x).len);
    net_http_reply(x, 200, "text/plain", (struct gw_str){ text, (size_t)len });
}

static void site_init_with(struct site *site, struct net_http_server_args args)
{
    struct gw_err err;

    *site = (struct site){ 0 };
    bed_init(&site->bed);
    args.handler = handler;
    args.ctx = site;
    args.body_max = 1000;
    if (!args.unix_path && !args.address)
        args.address = "127.0.0.1";
    if (net_http_server_new(site->bed.loop, &args, &site->server, &err))
        fail_msg("%s", err.msg);
}

static void site_init(struct site *site)
{
    site_init_with(site, (struct net_http_server_args){ 0 });
}

static void site_done(struct site *site)
{
    net_http_server_free(&site->server);
    bed_done(&site->bed);
}

static void site_connect(struct site *site, struct raw *raw)
{
    raw_connect(raw, &site->bed, net_http_server_port(site->server));
}

/* --- requests --- */

#define HEAD "Host: h\r\n"
#define X100                                                                                       \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxx"                                                                                         \
    "xxxx"
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100

static const struct {
    const char *name, *send, *expect;
    const char *path; /* as the handler saw it; NULL: it was not called */
    bool end;         /* and the connection is closed */
} request_case[] = {
    { "plain", "GET /a HTTP/1.1\r\n" HEAD "\r\n", "\r\n\r\ngot 0\n", "/a", false },
    { "HTTP/1.0", "GET /a HTTP/1.0\r\n\r\n", "\r\n\r\ngot 0\n", "/a", true },
    { "two in one", "GET /a HTTP/1.1\r\n" HEAD "\r\nGET /b HTTP/1.1\r\n" HEAD "\r\n",
      "got 0\nHTTP/1.1 200 OK", "/b", false },
    { "body", "POST /a HTTP/1.1\r\n" HEAD "Content-Length: 5\r\n\r\nhello", "got 5\n", "/a",
      false },
    { "chunks",
      "POST /a HTTP/1.1\r\n" HEAD
      "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
      "got 5\n", "/a", false },
    { "largest body", "POST /a HTTP/1.1\r\n" HEAD "Content-Length: 1000\r\n\r\n" X1000,
      "got 1000\n", "/a", false },
    { "one byte too much", "POST /a HTTP/1.1\r\n" HEAD "Content-Length: 1001\r\n\r\n" X1000 "x",
      "HTTP/1.1 413 ", NULL, true },
    { "chunks too large",
      "POST /a HTTP/1.1\r\n" HEAD "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" X1000
      "\r\n1\r\nx\r\n0\r\n\r\n",
      "HTTP/1.1 413 ", NULL, true },
    { "far too large, by its word",
      "POST /a HTTP/1.1\r\n" HEAD "Content-Length: 99999999999\r\n\r\n", "HTTP/1.1 413 ", NULL,
      true },
    { "asks first", "POST /a HTTP/1.1\r\n" HEAD "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\n", NULL, false },
    { "asks first and is refused",
      "POST /a HTTP/1.1\r\n" HEAD "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
      "HTTP/1.1 413 ", NULL, true },
    { "no HTTP", "hello\r\n\r\n", NULL, NULL, true },
    { "wrong length", "POST /a HTTP/1.1\r\n" HEAD "Content-Length: x\r\n\r\n", "HTTP/1.1 400 ",
      NULL, true },
    { "wrong chunk", "POST /a HTTP/1.1\r\n" HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 400 ", NULL, true },
    { "encoded path", "GET /%41%2fb?x=1 HTTP/1.1\r\n" HEAD "\r\n", "got 0\n", "/A/b", false },
    { "zero byte in the path", "GET /a%00%62%00c%20d HTTP/1.1\r\n" HEAD "\r\n", "got 0\n",
      "/a%00b%00c d", false },
    { "dropped", "GET /drop HTTP/1.1\r\n" HEAD "\r\n", NULL, "/drop", true },
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof request_case / sizeof *request_case; i++) {
        struct site site;
        struct raw raw;

        site_init(&site);
        site_connect(&site, &raw);
        raw_send(&raw, request_case[i].send);
        if (request_case[i].expect)
            raw_expect(&raw, request_case[i].expect);
        if (request_case[i].end && !raw.eof)
            raw_expect(&raw, NULL);
        if (strcmp(site.last_path, request_case[i].path ? request_case[i].path : "") != 0)
            fail_msg("%s: the handler saw '%s'", request_case[i].name, site.last_path);
        raw_done(&raw);
        site_done(&site);
    }
}

/* The same in single bytes. */
static void test_byte_by_byte(void **state)
{
    static const char request[] =
        "POST /a HTTP/1.1\r\n" HEAD
        "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    struct site site;
    struct raw raw;

    (void)state;
    site_init(&site);
    site_connect(&site, &raw);
    for (size_t i = 0; request[i]; i++) {
        char one[] = { request[i], '\0' };

        assert_int_equal(site.requests, 0);
        raw_send(&raw, one);
        bed_run_ms(&site.bed, 0);
    }
    raw_expect(&raw, "got 5\n");
    raw_done(&raw);
    site_done(&site);
}

static void test_large_headers(void **state)
{
    struct site site;
    struct raw raw;

    (void)state;
    site_init(&site);
    site_connect(&site, &raw);
    raw_send(&raw, "GET /a HTTP/1.1\r\n" HEAD);
    for (int i = 0; i < 60; i++)
        raw_send(&raw, "X-Large: " X1000 "\r\n");
    raw_expect(&raw, "HTTP/1.1 431 ");
    assert_int_equal(site.requests, 0);
    raw_done(&raw);
    site_done(&site);
}

/* --- answers that come later --- */

static void test_later(void **state)
{
    struct site site;
    struct raw raw;

    (void)state;
    site_init(&site);
    site_connect(&site, &raw);
    for (int i = 0; i < 3; i++) {
        raw_send(&raw, "POST /later?q=a%20b&flag HTTP/1.1\r\n" HEAD "Content-Length: 2\r\n\r\nhi");
        bed_run(&site.bed);
        assert_non_null(site.kept);
        bed_run_ms(&site.bed, 2);
        assert_true(gw_str_is(net_http_method(site.kept), "POST"));
        assert_true(gw_str_is(net_http_query(site.kept, "q"), "a b"));
        assert_non_null(net_http_query(site.kept, "flag").p);
        assert_null(net_http_query(site.kept, "none").p);
        assert_true(gw_str_is(net_http_header(site.kept, "HOST"), "h"));
        assert_null(net_http_header(site.kept, "None").p);
        assert_true(gw_str_is(net_http_body(site.kept), "hi"));
        assert_string_equal(net_http_peer(site.kept), "127.0.0.1");
        assert_int_equal(net_http_connection_id(site.kept), 1);
        net_http_reply_header(site.kept, "X-Number", "seven");
        net_http_reply(site.kept, 202, NULL, GW_STR("done\n"));
        raw_expect(&raw, "done\n");
        assert_non_null(strstr(raw.in.p, "HTTP/1.1 202 "));
        assert_non_null(strstr(raw.in.p, "X-Number: seven\r\n"));
        raw_forget(&raw);
    }
    assert_int_equal(site.gone, 0);
    raw_done(&raw);
    bed_run_ms(&site.bed, 2);
    assert_int_equal(site.gone, 0);
    site_done(&site);
}

static void test_client_leaves(void **state)
{
    static const char *const path[] = { "/later", "/stream" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        for (int pipelined = 0; pipelined < 2; pipelined++) {
            struct site site;
            struct raw raw;
            char request[100];

            site_init(&site);
            site_connect(&site, &raw);
            snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HEAD "\r\n", path[i]);
            raw_send(&raw, request);
            bed_run(&site.bed);
            assert_non_null(site.kept);
            if (pipelined) /* what waits unread must not hide the end */
                raw_send(&raw, request);
            bed_run_ms(&site.bed, 2);
            raw_done(&raw);
            bed_run(&site.bed);
            assert_int_equal(site.gone, 1);
            bed_run_ms(&site.bed, 2);
            assert_int_equal(site.gone, 1);
            site_done(&site);
            assert_int_equal(site.gone, 1);
        }
    }
}

static void test_stream(void **state)
{
    struct site site;
    struct raw raw;

    (void)state;
    site_init(&site);
    site_connect(&site, &raw);
    raw_send(&raw, "GET /stream HTTP/1.1\r\n" HEAD "\r\n");
    bed_run(&site.bed);
    raw_expect(&raw, "\r\n\r\n");
    bed_run_ms(&site.bed, 2);
    assert_int_equal(net_http_stream_write(site.kept, GW_STR("one line\n")), GW_OK);
    raw_expect(&raw, "one line\n");
    bed_run_ms(&site.bed, 2);
    assert_int_equal(net_http_stream_write(site.kept, GW_STR("another\n")), GW_OK);
    net_http_stream_end(site.kept);
    raw_expect(&raw, "another\n\r\n0\r\n\r\n");
    raw_forget(&raw);
    raw_send(&raw, "GET /a HTTP/1.1\r\n" HEAD "\r\n"); /* the connection serves on */
    raw_expect(&raw, "got 0\n");
    assert_int_equal(site.gone, 0);
    raw_done(&raw);
    site_done(&site);
}

static void test_stream_slow_reader(void **state)
{
    static const char chunk[65536];
    struct site site;
    struct raw raw;
    enum gw_code rc = GW_OK;

    (void)state;
    site_init(&site);
    site_connect(&site, &raw);
    raw_send(&raw, "GET /stream HTTP/1.1\r\n" HEAD "\r\n");
    bed_run(&site.bed);
    for (int i = 0; i < 1000 && !rc; i++) {
        rc = net_http_stream_write(site.kept, (struct gw_str){ chunk, sizeof chunk });
        bed_run_ms(&site.bed, 0);
    }
    assert_int_equal(rc, GW_LIMIT);
    net_http_drop(site.kept);
    raw_done(&raw);
    bed_run_ms(&site.bed, 2);
    assert_int_equal(site.gone, 0);
    site_done(&site);
}

/* --- slow clients --- */

static void test_silent_client(void **state)
{
    static const char *const half[] = { "", "POST /a HTTP/1.1\r\nHo",
                                        "POST /a HTTP/1.1\r\n" HEAD "Content-Length: 5\r\n\r\nhe" };
    struct site site;
    struct raw raw[3];

    (void)state;
    site_init_with(&site, (struct net_http_server_args){ .idle_s = 1 });
    for (int i = 0; i < 3; i++) {
        site_connect(&site, &raw[i]);
        raw_send(&raw[i], half[i]);
    }
    for (int i = 0; i < 3; i++) {
        raw_expect(&raw[i], NULL);
        raw_done(&raw[i]);
    }
    assert_int_equal(site.requests, 0);
    site_done(&site);
}

struct dripper {
    struct raw *raw;
    struct net_timer *timer;
};

static void on_drip(struct gw_now now, void *ctx)
{
    struct dripper *d = ctx;

    (void)!send(d->raw->fd, "x", 1, MSG_NOSIGNAL);
    net_timer_set(d->timer, now.mono + 200);
}

/* Never silent, never done: cut off after two idle times. */
static void test_dripping_client(void **state)
{
    struct site site;
    struct raw raw;
    struct dripper d = { .raw = &raw };

    (void)state;
    site_init_with(&site, (struct net_http_server_args){ .idle_s = 1 });
    site_connect(&site, &raw);
    raw_send(&raw, "GET /a HTTP/1.1\r\nX-Slow: ");
    d.timer = net_timer_new(site.bed.loop, on_drip, &d);
    net_timer_set(d.timer, 0);
    raw_expect(&raw, NULL);
    net_timer_free(&d.timer);
    assert_int_equal(site.requests, 0);
    raw_done(&raw);
    site_done(&site);
}

/* --- life --- */

static void test_free_with_open_exchanges(void **state)
{
    struct site site;
    struct raw later, stream, half;

    (void)state;
    site_init(&site);
    site_connect(&site, &later);
    site_connect(&site, &stream);
    site_connect(&site, &half);
    raw_send(&later, "GET /later HTTP/1.1\r\n" HEAD "\r\n");
    bed_run(&site.bed);
    raw_send(&stream, "GET /stream HTTP/1.1\r\n" HEAD "\r\n");
    bed_run(&site.bed);
    raw_send(&half, "GET /half");
    bed_run_ms(&site.bed, 2);
    net_http_server_free(&site.server);
    assert_int_equal(site.gone, 2);
    raw_expect(&later, NULL);
    raw_expect(&stream, NULL);
    raw_expect(&half, NULL);
    assert_int_equal(site.gone, 2);
    raw_done(&later);
    raw_done(&stream);
    raw_done(&half);
    site_done(&site);
}

static void test_free_in_callbacks(void **state)
{
    static const char *const path[] = { "/later", "/stream" };

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct site site;
        struct raw raw;
        char request[100];

        site_init(&site);
        site.free_in_handler = i < 2;
        site.free_in_gone = i >= 2;
        site_connect(&site, &raw);
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HEAD "\r\n", path[i & 1]);
        raw_send(&raw, request);
        bed_run(&site.bed);
        if (site.free_in_handler) {
            raw_expect(&raw, NULL);
        } else {
            bed_run_ms(&site.bed, 2);
            raw_done(&raw);
            bed_run(&site.bed);
        }
        assert_null(site.server);
        assert_int_equal(site.gone, 1);
        raw_done(&raw);
        site_done(&site);
    }
}

static void test_port_taken(void **state)
{
    struct site site;
    struct net_http_server_args args = { .address = "127.0.0.1", .handler = handler };
    struct net_http_server *second = NULL;
    struct gw_err err;

    (void)state;
    site_init(&site);
    args.port = net_http_server_port(site.server);
    assert_int_equal(net_http_server_new(site.bed.loop, &args, &second, &err), GW_EXISTS);
    assert_non_null(strstr(err.msg, "is taken"));
    assert_null(second);
    site_done(&site);
}

static void test_unix_socket(void **state)
{
    char folder[] = "/tmp/kalends-test-XXXXXX";
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    struct site site;
    struct raw raw;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(sun.sun_path, sizeof sun.sun_path, "%s/api", folder);
    site_init_with(&site,
                   (struct net_http_server_args){ .unix_path = sun.sun_path, .unix_mode = 0600 });
    assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof sun), 0);
    raw_init(&raw, &site.bed, fd);
    raw_send(&raw, "GET /later HTTP/1.1\r\n" HEAD "\r\n");
    bed_run(&site.bed);
    assert_string_equal(net_http_peer(site.kept), "unix");
    net_http_reply(site.kept, 200, NULL, GW_STR("over it\n"));
    raw_expect(&raw, "over it\n");
    raw_send(&raw, "GET /later HTTP/1.1\r\n" HEAD "\r\n");
    bed_run(&site.bed);
    raw_done(&raw);
    bed_run(&site.bed);
    assert_int_equal(site.gone, 1);
    site_done(&site);
    assert_int_equal(rmdir(folder), 0); /* the socket is gone */
}

static void test_many_connections(void **state)
{
    enum { MANY = 8 };
    struct site site;
    struct raw raw[MANY];

    (void)state;
    site_init_with(&site, (struct net_http_server_args){ .connections_per_ip_max = 4 });
    for (int i = 0; i < MANY; i++)
        site_connect(&site, &raw[i]);
    for (int i = 0; i < 4; i++) {
        raw_send(&raw[i], "GET /a HTTP/1.1\r\n" HEAD "\r\n");
        raw_expect(&raw[i], "got 0\n");
    }
    for (int i = 4; i < MANY; i++)
        raw_expect(&raw[i], NULL);
    for (int i = 0; i < MANY; i++)
        raw_done(&raw[i]);
    site_done(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),           cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_large_headers),      cmocka_unit_test(test_later),
        cmocka_unit_test(test_client_leaves),      cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_slow_reader), cmocka_unit_test(test_silent_client),
        cmocka_unit_test(test_dripping_client),    cmocka_unit_test(test_free_with_open_exchanges),
        cmocka_unit_test(test_free_in_callbacks),  cmocka_unit_test(test_port_taken),
        cmocka_unit_test(test_unix_socket),        cmocka_unit_test(test_many_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
