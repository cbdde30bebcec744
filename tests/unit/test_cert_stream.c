/* Certificates on real connections: our identity at a listener, our verification at a client, and
 * the reason of a refusal where the connection ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cert.h"
#include "cert_lab.h"
#include "net_stream.h"

struct scene {
    struct net_loop *loop;
    struct cert_store *store;
    struct cert_identity *id;
    struct net_tls *server_tls, *client_tls;
    struct net_listener *listener;
    struct net_stream *accepted;
    bool ready;
    struct gw_err closed;
};

static void ignore_data(struct net_stream *s, struct gw_str data, void *ctx)
{
    (void)s;
    (void)data;
    (void)ctx;
}

static void server_closed(struct net_stream *s, const struct gw_err *why, void *ctx)
{
    struct scene *scene = ctx;

    (void)why;
    net_stream_free(&s);
    scene->accepted = NULL;
}

static const struct net_stream_handlers server_handlers = { .on_data = ignore_data,
                                                            .on_closed = server_closed };

static void on_accept(struct net_stream *s, void *ctx)
{
    struct scene *scene = ctx;

    scene->accepted = s;
    net_stream_set_handlers(s, &server_handlers, scene);
    net_stream_start_tls(s, scene->server_tls, NULL);
}

static void client_ready(struct net_stream *s, void *ctx)
{
    struct scene *scene = ctx;

    (void)s;
    scene->ready = true;
    net_loop_stop(scene->loop);
}

static void client_closed(struct net_stream *s, const struct gw_err *why, void *ctx)
{
    struct scene *scene = ctx;

    (void)s;
    scene->closed = *why;
    net_loop_stop(scene->loop);
}

static const struct net_stream_handlers client_handlers = { .on_ready = client_ready,
                                                            .on_data = ignore_data,
                                                            .on_closed = client_closed };

/* One connection; true: TLS is up. Otherwise scene->closed says why not. */
static bool connects(struct scene *scene)
{
    struct net_connect_args args = { .host = "127.0.0.1",
                                     .port = net_listener_port(scene->listener),
                                     .tls = scene->client_tls,
                                     .handlers = &client_handlers,
                                     .ctx = scene };
    struct net_stream *client;

    scene->ready = false;
    client = net_stream_connect(scene->loop, &args);
    net_loop_run(scene->loop);
    net_stream_free(&client);
    net_stream_free(&scene->accepted);
    return scene->ready;
}

static void scene_listen(struct scene *scene)
{
    struct net_listen_args args = { .address = "127.0.0.1", .on_accept = on_accept, .ctx = scene };
    struct net_tls_policy policy = cert_identity_policy(scene->id);
    struct gw_err err;

    assert_int_equal(net_tls_new(NET_TLS_SERVER, &policy, &scene->server_tls, &err), GW_OK);
    if (net_listen(scene->loop, &args, &scene->listener, &err))
        fail_msg("%s", err.msg);
}

static void trust_identity(struct scene *scene, const char *folder)
{
    struct gw_buf pem;
    char path[128];
    FILE *f;
    int c;

    /* The file has the key, too; the certificate comes first. */
    snprintf(path, sizeof(path), "%s/cup-xmpp.pem", folder);
    gw_buf_init(&pem, 100000);
    f = fopen(path, "r");
    assert_non_null(f);
    while ((c = fgetc(f)) != EOF && !strstr(pem.p ? pem.p : "", "-----END CERTIFICATE-----"))
        gw_buf_add_char(&pem, (char)c);
    (void)fclose(f);
    gw_buf_add_char(&pem, '\n');
    assert_int_equal(
        cert_trust_add(scene->store, CERT_TRUST_EXCHANGE, gw_buf_str(&pem), NULL, NULL, NULL, NULL),
        GW_OK);
    gw_buf_done(&pem);
}

static void client_for(struct scene *scene, struct cert_client **client, const char *host)
{
    struct net_tls_policy policy;

    net_tls_unref(&scene->client_tls);
    cert_client_free(client);
    assert_int_equal(
        cert_client_new(scene->store, CERT_TRUST_EXCHANGE, gw_str_of(host), client, NULL), GW_OK);
    policy = cert_client_policy(*client);
    assert_int_equal(net_tls_new(NET_TLS_CLIENT, &policy, &scene->client_tls, NULL), GW_OK);
}

static void test_connections(void **state)
{
    const struct gw_str names[] = { GW_STR_INIT("cas.example"), GW_STR_INIT("127.0.0.1") };
    struct cert_identity_args args = { .name = CERT_IDENTITY_XMPP,
                                       .names = names,
                                       .names_count = 2 };
    struct scene scene = { .loop = net_loop_new() };
    struct cert_client *client = NULL;
    char *folder = lab_folder();

    (void)state;
    args.now = net_loop_now(scene.loop).utc;
    assert_int_equal(cert_store_open(folder, &scene.store, NULL), GW_OK);
    assert_int_equal(cert_identity_open(scene.store, &args, &scene.id, NULL), GW_OK);
    scene_listen(&scene);

    client_for(&scene, &client, "127.0.0.1");
    assert_false(connects(&scene));
    assert_int_equal(scene.closed.code, GW_DENIED);
    assert_non_null(
        strstr(scene.closed.msg,
               "is self-signed and not in 'cup-trust' (kalendsctl cert trust add FILE)"));
    assert_int_equal(cert_client_last(client)->verdict, CERT_MISSING_FROM_CHAIN);

    trust_identity(&scene, folder);
    assert_true(connects(&scene));
    assert_int_equal(cert_client_last(client)->verdict, CERT_VERIFIED);
    assert_true(connects(&scene)); /* verified again, not resumed */

    client_for(&scene, &client, "other.example");
    assert_false(connects(&scene));
    assert_int_equal(scene.closed.code, GW_DENIED);
    assert_non_null(strstr(scene.closed.msg, "host 'other.example' is none of the names"));
    client_for(&scene, &client, "cas.example");
    assert_true(connects(&scene));

    net_listener_free(&scene.listener);
    net_tls_unref(&scene.client_tls);
    net_tls_unref(&scene.server_tls);
    cert_client_free(&client);
    cert_identity_close(&scene.id);
    cert_store_close(&scene.store);
    net_loop_free(&scene.loop);
    lab_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_connections) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
