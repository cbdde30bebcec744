/* The HTTP client against servers that do their work, and against all kinds that do not. */
#include <poll.h>

#include "net_peer.h"

#include "net_http_client.h"
#include "net_http_server.h"

/* --- what the client reports --- */

struct result {
    struct bed *bed;
    struct net_http_slot *slot;
    int times;
    enum gw_code code;
    char error[260];
    int status;
    bool fresh;
    struct gw_buf body, pieces;
    char header[64];
    bool free_in_done, cancel_in_data, free_in_data, again_in_done;
    char url[80];
};

static void on_done(const struct net_http_answer *a, void *ctx);

static void ask(struct result *r, const char *method, const char *url, const char *body,
                unsigned timeout_ms)
{
    struct net_http_request q = { .method = method,
                                  .url = url,
                                  .body = gw_str_of(body),
                                  .timeout_ms = timeout_ms,
                                  .body_max = 10000 };

    net_http_start(r->slot, &q, NULL, on_done, r);
}

static void on_done(const struct net_http_answer *a, void *ctx)
{
    struct result *r = ctx;
    struct gw_str h = net_http_answer_header(a, "X-Test", 0);

    r->times++;
    r->code = a->code;
    snprintf(r->error, sizeof r->error, "%s", a->error ? a->error : "");
    r->status = a->status;
    r->fresh = a->new_connection;
    gw_buf_reset(&r->body);
    gw_buf_add_str(&r->body, a->body);
    snprintf(r->header, sizeof r->header, "%.*s", GW_STR_ARG(h));
    if (r->again_in_done) {
        r->again_in_done = false;
        ask(r, "GET", r->url, NULL, 5000);
        return;
    }
    if (r->free_in_done)
        net_http_slot_free(&r->slot);
    net_loop_stop(r->bed->loop);
}

static void result_init(struct result *r, struct bed *bed, const struct net_tls_policy *tls)
{
    struct net_http_slot_args args = { .tls = tls, .user_agent = "test/1" };

    *r = (struct result){ .bed = bed };
    r->slot = net_http_slot_new(bed->loop, &args);
    gw_buf_init(&r->body, 1 << 20);
    gw_buf_init(&r->pieces, 8 << 20);
}

static void result_done(struct result *r)
{
    net_http_slot_free(&r->slot);
    gw_buf_done(&r->body);
    gw_buf_done(&r->pieces);
}

/* --- a server that does wrong --- */

struct wrong {
    const char *name;
    const char *answer; /* after the request's headers came; NULL: none */
    bool close;
    enum gw_code code;
    const char *error; /* part of it */
};

struct wrong_server {
    struct bed *bed;
    int fd, client;
    uint16_t port;
    struct net_watch *listener, *watch;
    const struct wrong *wrong;
    struct gw_buf in;
    size_t fill; /* bytes of 'x' to send after the answer */
    int connections, requests;
};

static void wrong_hang_up(struct wrong_server *w)
{
    net_watch_free(&w->watch);
    if (w->client >= 0)
        (void)close(w->client);
    w->client = -1;
}

static void on_wrong_readable(int fd, int events, void *ctx)
{
    struct wrong_server *w = ctx;
    char chunk[4096];
    ssize_t n = recv(fd, chunk, sizeof chunk, 0);

    (void)events;
    if (n <= 0) {
        wrong_hang_up(w);
        return;
    }
    gw_buf_add(&w->in, chunk, (size_t)n);
    if (!strstr(w->in.p, "\r\n\r\n"))
        return;
    gw_buf_reset(&w->in);
    w->requests++;
    if (w->wrong->answer)
        (void)!send(fd, w->wrong->answer, strlen(w->wrong->answer), MSG_NOSIGNAL);
    for (size_t i = 0; i < w->fill; i += 1000) {
        memset(chunk, 'x', 1000);
        (void)!send(fd, chunk, 1000, MSG_NOSIGNAL);
    }
    if (w->wrong->close)
        wrong_hang_up(w);
}

static void on_wrong_accept(int fd, int events, void *ctx)
{
    struct wrong_server *w = ctx;

    (void)events;
    wrong_hang_up(w);
    gw_buf_reset(&w->in);
    w->connections++;
    w->client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    w->watch = net_watch_new(w->bed->loop, w->client, on_wrong_readable, w);
    net_watch_set(w->watch, NET_IO_READ);
}

static void wrong_init(struct wrong_server *w, struct bed *bed, const struct wrong *wrong)
{
    *w = (struct wrong_server){ .bed = bed, .client = -1, .wrong = wrong };
    gw_buf_init(&w->in, 1 << 20);
    w->fd = raw_listen(&w->port);
    w->listener = net_watch_new(bed->loop, w->fd, on_wrong_accept, w);
    net_watch_set(w->listener, NET_IO_READ);
}

static void wrong_done(struct wrong_server *w)
{
    wrong_hang_up(w);
    net_watch_free(&w->listener);
    (void)close(w->fd);
    gw_buf_done(&w->in);
}

static const struct wrong wrong_case[] = {
    { "stalls", NULL, false, GW_TIMEOUT, "within 40 ms" },
    { "closes early", NULL, true, GW_UNREACHABLE, "" },
    { "half a status line", "HTTP/1.1 2", true, GW_UNREACHABLE, "" },
    { "half the headers", "HTTP/1.1 200 OK\r\nContent-Le", true, GW_BADMSG, "" },
    { "half the headers and stalls", "HTTP/1.1 200 OK\r\nContent-Le", false, GW_TIMEOUT, "" },
    { "half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", true, GW_BADMSG, "" },
    { "half a body and stalls", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", false,
      GW_TIMEOUT, "within 40 ms" },
    { "not HTTP", "SSH-2.0-OpenSSH_9.2\r\n", true, GW_BADMSG, "" },
    { "not HTTP and stays", "220 mail.example ESMTP service is ready\r\n", false, GW_BADMSG, "" },
    { "too large by its length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n12345", false,
      GW_TIMEOUT, "" },
    { "wrong chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", true, GW_BADMSG,
      "" },
    { "cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", true, GW_BADMSG,
      "" },
    { "no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", true,
      GW_BADMSG, "" },
    { "until it closes", "HTTP/1.1 200 OK\r\n\r\nab", true, GW_OK, "" },
    { "interim answers",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, GW_OK,
      "" },
    { "a redirect is an answer",
      "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", false,
      GW_OK, "" },
};

static void test_servers_that_do_wrong(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed);
    for (size_t i = 0; i < sizeof wrong_case / sizeof *wrong_case; i++) {
        const struct wrong *c = &wrong_case[i];
        struct wrong_server w;
        struct result r;
        char url[64];

        wrong_init(&w, &bed, c);
        result_init(&r, &bed, NULL);
        snprintf(url, sizeof url, "http://127.0.0.1:%u/secret-path", w.port);
        ask(&r, "POST", url, "hello", 40);
        assert_int_equal(r.times, 0);
        bed_run(&bed);
        assert_int_equal(r.times, 1);
        if (r.code != c->code || !strstr(r.error, c->error) || strstr(r.error, "secret"))
            fail_msg("%s: %s '%s'", c->name, gw_code_name(r.code), r.error);
        result_done(&r);
        wrong_done(&w);
    }
    bed_done(&bed);
}

static void test_refuses(void **state)
{
    struct bed bed;
    struct result r;
    uint16_t port;
    int fd = raw_bind(&port);
    char url[64];

    (void)state;
    bed_init(&bed);
    result_init(&r, &bed, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    ask(&r, "GET", url, NULL, 5000);
    bed_run(&bed);
    assert_int_equal(r.code, GW_UNREACHABLE);
    result_done(&r);
    (void)close(fd);
    bed_done(&bed);
}

static void test_answer_too_large(void **state)
{
    static const struct {
        const char *answer;
        size_t fill;
        enum gw_code code;
    } c[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", 10000, GW_OK },
        { "HTTP/1.1 200 OK\r\nContent-Length: 11000\r\n\r\n", 11000, GW_LIMIT },
        { "HTTP/1.1 200 OK\r\nX-Large: ", 200000, GW_LIMIT },
    };
    struct bed bed;

    (void)state;
    bed_init(&bed);
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        struct wrong wrong = { .answer = c[i].answer };
        struct wrong_server w;
        struct result r;
        char url[64];

        wrong_init(&w, &bed, &wrong);
        w.fill = c[i].fill;
        result_init(&r, &bed, NULL);
        snprintf(url, sizeof url, "http://127.0.0.1:%u/", w.port);
        ask(&r, "GET", url, NULL, 5000);
        bed_run(&bed);
        assert_int_equal(r.code, c[i].code);
        result_done(&r);
        wrong_done(&w);
    }
    bed_done(&bed);
}

static const struct {
    const char *url;
    enum gw_code code;
} url_case[] = {
    { "http://user:password@127.0.0.1:1/", GW_INVALID },
    { "ftp://127.0.0.1:1/", GW_INVALID },
    { "http://", GW_INVALID },
    { "", GW_INVALID },
    { "http://" LABEL_TOO_LONG ".invalid/", GW_UNREACHABLE },
};

static void test_wrong_addresses(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed);
    for (size_t i = 0; i < sizeof url_case / sizeof *url_case; i++) {
        struct result r;

        result_init(&r, &bed, NULL);
        ask(&r, "GET", url_case[i].url, NULL, 5000);
        bed_run(&bed);
        if (r.code != url_case[i].code)
            fail_msg("%s: %s '%s'", url_case[i].url, gw_code_name(r.code), r.error);
        result_done(&r);
    }
    bed_done(&bed);
}

static void test_header_with_line_break(void **state)
{
    const char *headers[] = { "X-A: b\r\nX-Injected: c", NULL };
    struct net_http_request q = {
        .method = "GET", .url = "http://127.0.0.1:1/", .headers = headers, .body_max = 10
    };
    struct bed bed;
    struct result r;

    (void)state;
    bed_init(&bed);
    result_init(&r, &bed, NULL);
    net_http_start(r.slot, &q, NULL, on_done, &r);
    assert_int_equal(r.times, 0);
    bed_run(&bed);
    assert_int_equal(r.code, GW_INVALID);
    assert_non_null(strstr(r.error, "line break"));
    result_done(&r);
    bed_done(&bed);
}

/* --- a server that does right --- */

static void echo(struct net_http_exchange *x, void *ctx)
{
    struct gw_buf out;

    (void)ctx;
    gw_buf_init(&out, 1 << 20);
    gw_buf_addf(&out, "%.*s %.*s agent=%.*s type=%.*s expect=%.*s a=%.*s conn=%ju body=",
                GW_STR_ARG(net_http_method(x)), GW_STR_ARG(net_http_path(x)),
                GW_STR_ARG(net_http_header(x, "user-agent")),
                GW_STR_ARG(net_http_header(x, "Content-Type")),
                GW_STR_ARG(net_http_header(x, "Expect")), GW_STR_ARG(net_http_query(x, "a")),
                (uintmax_t)net_http_connection_id(x));
    gw_buf_add_str(&out, net_http_body(x));
    net_http_reply_header(x, "X-Test", " one ");
    net_http_reply_header(x, "X-Test", "two");
    net_http_reply(x, 200, "text/plain", gw_buf_str(&out));
    gw_buf_done(&out);
}

struct pair {
    struct bed bed;
    struct net_http_server *server;
    struct result r;
};

static void pair_init(struct pair *p, net_http_handler_fn *handler, const struct identity *id,
                      const struct net_tls_policy *tls)
{
    struct net_http_server_args args = {
        .address = "127.0.0.1", .body_max = 10000, .handler = handler, .ctx = p
    };
    struct gw_err err;

    bed_init(&p->bed);
    if (id)
        assert_int_equal(net_tls_new_pem(id->cert_pem, id->key_pem, &args.tls, &err), GW_OK);
    assert_int_equal(net_http_server_new(p->bed.loop, &args, &p->server, &err), GW_OK);
    net_tls_unref(&args.tls);
    result_init(&p->r, &p->bed, tls);
    snprintf(p->r.url, sizeof p->r.url, "%s://%s:%u/p%%20q?a=1%%202", id ? "https" : "http",
             id ? "localhost" : "127.0.0.1", net_http_server_port(p->server));
}

static void pair_done(struct pair *p)
{
    result_done(&p->r);
    net_http_server_free(&p->server);
    bed_done(&p->bed);
}

static void test_request_and_answer(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p, echo, NULL, NULL);
    ask(&p.r, "POST", p.r.url, "hello", 5000);
    bed_run(&p.bed);
    assert_int_equal(p.r.code, GW_OK);
    assert_int_equal(p.r.status, 200);
    assert_true(p.r.fresh);
    assert_string_equal(p.r.body.p, "POST /p q agent=test/1 type= expect= a=1 2 conn=1 body=hello");
    assert_string_equal(p.r.header, "one");
    ask(&p.r, "GET", p.r.url, NULL, 5000);
    bed_run(&p.bed);
    assert_false(p.r.fresh);
    assert_string_equal(p.r.body.p, "GET /p q agent=test/1 type= expect= a=1 2 conn=1 body=");
    ask(&p.r, "HEAD", p.r.url, NULL, 5000);
    bed_run(&p.bed);
    assert_int_equal(p.r.code, GW_OK);
    assert_int_equal(p.r.body.len, 0);
    ask(&p.r, "DELETE", p.r.url, NULL, 5000);
    bed_run(&p.bed);
    assert_non_null(strstr(p.r.body.p, "DELETE /p q"));
    assert_non_null(strstr(p.r.body.p, "conn=1 "));
    ask(&p.r, "PUT", p.r.url, "x", 5000);
    bed_run(&p.bed);
    assert_false(p.r.fresh);
    assert_non_null(strstr(p.r.body.p, "PUT /p q"));
    assert_non_null(strstr(p.r.body.p, "conn=1 body=x"));
    pair_done(&p);
}

static void test_again_in_done(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p, echo, NULL, NULL);
    p.r.again_in_done = true;
    ask(&p.r, "POST", p.r.url, "hello", 5000);
    bed_run(&p.bed);
    assert_int_equal(p.r.times, 2);
    assert_false(p.r.fresh);
    pair_done(&p);
}

static void test_free_in_done(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p, echo, NULL, NULL);
    p.r.free_in_done = true;
    ask(&p.r, "GET", p.r.url, NULL, 5000);
    bed_run(&p.bed);
    assert_int_equal(p.r.times, 1);
    assert_null(p.r.slot);
    pair_done(&p);
}

static void test_nothing_comes_after_cancel(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p, echo, NULL, NULL);
    ask(&p.r, "GET", p.r.url, NULL, 5000);
    net_http_cancel(p.r.slot);
    bed_run_ms(&p.bed, 10);
    assert_int_equal(p.r.times, 0);
    ask(&p.r, "GET", p.r.url, NULL, 5000);
    bed_run(&p.bed);
    assert_int_equal(p.r.times, 1);
    pair_done(&p);
}

/* The server closed the kept connection: the request goes out on a new one. */
static void test_kept_connection_closed(void **state)
{
    static const struct wrong c = { "", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true, GW_OK,
                                    "" };
    struct bed bed;
    struct wrong_server w;
    struct result r;
    char url[64];

    (void)state;
    bed_init(&bed);
    wrong_init(&w, &bed, &c);
    result_init(&r, &bed, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", w.port);
    for (int i = 1; i <= 3; i++) {
        ask(&r, "POST", url, "hello", 5000);
        bed_run(&bed);
        assert_int_equal(r.code, GW_OK);
        assert_int_equal(w.connections, i);
        assert_true(r.fresh);
    }
    result_done(&r);
    wrong_done(&w);
    bed_done(&bed);
}

/* The loop has no turn between the start and the bytes; the answer waits for one all the same. */
static void test_kept_connection_takes_the_request_at_once(void **state)
{
    static const struct wrong c = { "", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false,
                                    GW_OK, "" };
    struct bed bed;
    struct wrong_server w;
    struct result r;
    struct pollfd arrival;
    char url[64], request[4096];
    ssize_t n;

    (void)state;
    bed_init(&bed);
    wrong_init(&w, &bed, &c);
    result_init(&r, &bed, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", w.port);
    ask(&r, "POST", url, "hello", 5000);
    bed_run(&bed);
    ask(&r, "POST", url, "once more", 5000);
    arrival = (struct pollfd){ .fd = w.client, .events = POLLIN };
    assert_int_equal(poll(&arrival, 1, 5000), 1);
    n = recv(w.client, request, sizeof request - 1, MSG_PEEK);
    assert_true(n > 0);
    request[n] = '\0';
    assert_non_null(strstr(request, "once more"));
    assert_int_equal(r.times, 1);
    bed_run(&bed);
    assert_int_equal(r.times, 2);
    assert_int_equal(r.code, GW_OK);
    assert_false(r.fresh);
    assert_int_equal(w.connections, 1);
    result_done(&r);
    wrong_done(&w);
    bed_done(&bed);
}

/* --- streamed answers --- */

static void stream_out(struct net_http_exchange *x, void *ctx)
{
    (void)ctx;
    net_http_stream(x, 200, "text/plain");
    for (int i = 0; i < 100; i++)
        assert_int_equal(net_http_stream_write(x, GW_STR("0123456789")), GW_OK);
    net_http_stream_end(x);
}

static void on_piece(struct gw_str piece, void *ctx)
{
    struct result *r = ctx;

    gw_buf_add_str(&r->pieces, piece);
    if (r->cancel_in_data)
        net_http_cancel(r->slot);
    if (r->free_in_data)
        net_http_slot_free(&r->slot);
    if (r->cancel_in_data || r->free_in_data)
        net_loop_stop(r->bed->loop);
}

static void test_streamed_answer(void **state)
{
    for (int mode = 0; mode < 3; mode++) {
        struct pair p;
        struct net_http_request q = { .method = "GET", .url = p.r.url };

        (void)state;
        pair_init(&p, stream_out, NULL, NULL);
        p.r.cancel_in_data = mode == 1;
        p.r.free_in_data = mode == 2;
        net_http_start(p.r.slot, &q, on_piece, on_done, &p.r);
        bed_run(&p.bed);
        assert_int_equal(p.r.times, mode == 0);
        assert_int_equal(p.r.pieces.len, 1000);
        assert_int_equal(p.r.body.len, 0);
        if (mode)
            bed_run_ms(&p.bed, 5);
        assert_int_equal(p.r.times, mode == 0);
        pair_done(&p);
    }
}

/* --- TLS --- */

static const struct {
    const char *name, *names;
    net_tls_policy_fn *apply;
    enum gw_code code;
    const char *error;
} tls_case[] = {
    { "trusted", "DNS:localhost", identity_trust, GW_OK, "" },
    { "wrong name", "DNS:elsewhere", identity_trust, GW_DENIED, "ostname mismatch" },
    { "not trusted", "DNS:localhost", identity_refuse, GW_DENIED, "nobody is trusted here" },
    { "any", "DNS:elsewhere", net_tls_no_verification, GW_OK, "" },
    { "trust forgotten", "DNS:localhost", identity_forget, GW_DENIED, "" },
    { "no policy", "DNS:localhost", NULL, GW_INVALID, "not set up" },
};

/* RFC 5929 4.1: the hash of the certificate. */
static void check_end_point(const struct pair *p, const struct identity *id)
{
    struct gw_str seen = net_http_slot_end_point(p->r.slot);
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (id)
        assert_int_equal(X509_digest(id->cert, EVP_sha256(), hash, &len), 1);
    assert_int_equal(seen.len, len);
    assert_memory_equal(seen.p ? seen.p : "", hash, len);
}

static void test_https(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tls_case / sizeof *tls_case; i++) {
        struct identity id;
        struct net_tls_policy policy = { .apply = tls_case[i].apply, .ctx = &id };
        struct pair p;

        identity_init(&id, tls_case[i].names, EVP_sha256());
        pair_init(&p, echo, &id, tls_case[i].apply ? &policy : NULL);
        for (int again = 0; again < 2; again++) {
            ask(&p.r, "POST", p.r.url, "hello", 5000);
            bed_run(&p.bed);
            if (p.r.code != tls_case[i].code || !strstr(p.r.error, tls_case[i].error))
                fail_msg("%s: %s '%s'", tls_case[i].name, gw_code_name(p.r.code), p.r.error);
            if (!p.r.code)
                assert_int_equal(p.r.fresh, !again);
            check_end_point(&p, p.r.code ? NULL : &id);
        }
        pair_done(&p);
        identity_done(&id);
    }
}

static void test_https_to_plain_server(void **state)
{
    struct identity id;
    struct net_tls_policy policy = { .apply = identity_trust, .ctx = &id };
    struct pair p;
    char url[64];

    (void)state;
    identity_init(&id, "DNS:localhost", EVP_sha256());
    pair_init(&p, echo, NULL, NULL);
    net_http_slot_free(&p.r.slot);
    p.r.slot = net_http_slot_new(p.bed.loop, &(struct net_http_slot_args){ .tls = &policy });
    snprintf(url, sizeof url, "https://localhost:%u/", net_http_server_port(p.server));
    ask(&p.r, "GET", url, NULL, 5000);
    bed_run(&p.bed);
    assert_int_equal(p.r.code, GW_UNREACHABLE);
    pair_done(&p);
    identity_done(&id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers_that_do_wrong),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_answer_too_large),
        cmocka_unit_test(test_wrong_addresses),
        cmocka_unit_test(test_header_with_line_break),
        cmocka_unit_test(test_request_and_answer),
        cmocka_unit_test(test_again_in_done),
        cmocka_unit_test(test_free_in_done),
        cmocka_unit_test(test_nothing_comes_after_cancel),
        cmocka_unit_test(test_kept_connection_closed),
        cmocka_unit_test(test_kept_connection_takes_the_request_at_once),
        cmocka_unit_test(test_streamed_answer),
        cmocka_unit_test(test_https),
        cmocka_unit_test(test_https_to_plain_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
