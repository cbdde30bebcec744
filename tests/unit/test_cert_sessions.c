/* TLS sessions that the connections of one server share, over real sockets: further connections resume
 * one, and a change of trust holds at the next connection all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cert.h"
#include "cert_lab.h"
#include "net_http_client.h"

/* --- a server that tells whether the session was resumed, and closes */

struct server {
    int fd;
    SSL_CTX *ctx;
    pthread_t thread;
    char url[64];
};

static void serve(SSL *ssl)
{
    char in[4096], out[100];
    bool resumed;

    if (SSL_accept(ssl) != 1 || SSL_read(ssl, in, sizeof(in)) <= 0)
        return;
    resumed = SSL_session_reused(ssl);
    snprintf(out, sizeof(out),
             "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
             resumed ? 7 : 3, resumed ? "resumed" : "new");
    (void)SSL_write(ssl, out, (int)strlen(out));
    (void)SSL_shutdown(ssl);
}

static void *server_run(void *arg)
{
    const struct server *s = arg;
    int fd;

    while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        SSL *ssl = SSL_new(s->ctx);

        SSL_set_fd(ssl, fd);
        serve(ssl);
        SSL_free(ssl);
        (void)close(fd);
    }
    return NULL;
}

static void server_start(struct server *s, const struct lab_cert *cert, int version)
{
    static const unsigned char id[] = "test";
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(at);

    s->ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(s->ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(s->ctx, version);
    SSL_CTX_set_session_id_context(s->ctx, id, sizeof(id));
    assert_int_equal(SSL_CTX_use_certificate(s->ctx, cert->x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(s->ctx, cert->key), 1);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(s->fd, 10), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
    snprintf(s->url, sizeof(s->url), "https://127.0.0.1:%u/", ntohs(at.sin_port));
    assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void server_stop(struct server *s)
{
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
    SSL_CTX_free(s->ctx);
}

/* --- one connection */

struct scene {
    struct net_loop *loop;
    struct net_tls_policy policy;
    struct net_http_sessions *sessions;
    struct server server;
    enum gw_code code;
    char body[16], error[256];
};

static void on_done(const struct net_http_answer *answer, void *ctx)
{
    struct scene *scene = ctx;

    scene->code = answer->code;
    snprintf(scene->error, sizeof(scene->error), "%s", answer->error ? answer->error : "");
    snprintf(scene->body, sizeof(scene->body), "%.*s", GW_STR_ARG(answer->body));
    net_loop_stop(scene->loop);
}

/* On a slot of its own; "new", "resumed", or "" when the server is refused. */
static const char *connect_once(struct scene *scene)
{
    struct net_http_slot_args args = { .tls = &scene->policy, .sessions = scene->sessions };
    struct net_http_request request = {
        .method = "GET", .url = scene->server.url, .timeout_ms = 30000, .body_max = 100
    };
    struct net_http_slot *slot = net_http_slot_new(scene->loop, &args);

    net_http_start(slot, &request, NULL, on_done, scene);
    net_loop_run(scene->loop);
    net_http_slot_free(&slot);
    return scene->body;
}

static void trust(struct cert_store *store, const struct lab_cert *cert)
{
    struct gw_buf pem;

    gw_buf_init(&pem, 100000);
    lab_pem(cert, false, &pem);
    assert_int_equal(cert_trust_add(store, "lab", gw_buf_str(&pem), NULL, NULL, NULL, NULL), GW_OK);
    gw_buf_done(&pem);
}

static void distrust(struct cert_store *store, const struct lab_cert *cert)
{
    unsigned char hash[32];
    char hex[65];

    assert_int_equal(X509_digest(cert->x509, EVP_sha256(), hash, NULL), 1);
    for (size_t i = 0; i < sizeof(hash); i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    assert_int_equal(cert_trust_remove(store, "lab", gw_str_of(hex), NULL), GW_OK);
}

static void check(int version)
{
    struct lab_spec spec = { .cn = "x", .names = "IP:127.0.0.1" };
    struct lab_cert cert = lab_make(&spec, NULL);
    struct scene scene = { .loop = net_loop_new(), .sessions = net_http_sessions_new() };
    struct net_http_sessions *kept = scene.sessions;
    struct cert_client *client;
    struct cert_store *store;
    char *folder = lab_folder();

    assert_int_equal(cert_store_open(folder, &store, NULL), GW_OK);
    assert_int_equal(cert_client_new(store, "lab", GW_STR("127.0.0.1"), &client, NULL), GW_OK);
    scene.policy = cert_client_policy(client);
    server_start(&scene.server, &cert, version);
    trust(store, &cert);
    assert_string_equal(connect_once(&scene), "new");
    assert_string_equal(connect_once(&scene), "resumed");
    assert_string_equal(connect_once(&scene), "resumed");
    distrust(store, &cert);
    assert_string_equal(connect_once(&scene), "");
    assert_int_equal(scene.code, GW_DENIED);
    trust(store, &cert);
    assert_string_equal(connect_once(&scene), "resumed");
    scene.sessions = NULL; /* who shares none has a handshake in full */
    assert_string_equal(connect_once(&scene), "new");
    assert_string_equal(connect_once(&scene), "new");

    server_stop(&scene.server);
    net_http_sessions_unref(&kept);
    cert_client_free(&client);
    cert_store_close(&store);
    net_loop_free(&scene.loop);
    lab_folder_remove(folder);
    lab_free(&cert);
}

static void test_tls_1_2(void **state)
{
    (void)state;
    check(TLS1_2_VERSION);
}

static void test_tls_1_3(void **state)
{
    (void)state;
    check(TLS1_3_VERSION);
}

/* A server of long ago. */
static void test_tls_1_0(void **state)
{
    struct lab_spec spec = { .cn = "x", .names = "IP:127.0.0.1" };
    struct lab_cert cert = lab_make(&spec, NULL);
    struct scene scene = { .loop = net_loop_new(), .policy = { .apply = net_tls_no_verification } };

    (void)state;
    server_start(&scene.server, &cert, TLS1_VERSION);
    assert_string_equal(connect_once(&scene), "");
    assert_int_equal(scene.code, GW_UNREACHABLE);
    assert_non_null(strstr(scene.error, "versions of TLS that are too old"));
    server_stop(&scene.server);
    net_loop_free(&scene.loop);
    lab_free(&cert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_1_2),
        cmocka_unit_test(test_tls_1_3),
        cmocka_unit_test(test_tls_1_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
