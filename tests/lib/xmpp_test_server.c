/* The XMPP front-end with users who are always the same, for tests from outside: ann, bob, cleo,
 * dora, each with the password "<name>-secret", in the domain "x.example"; dora is a user with many
 * contacts. Prints "port N tls M". Reads commands, a line each:
 *
 *   calendar ann@x.example MEETING In a meeting
 *   set xmpp.login_timeout_s 5
 *   remove ann@x.example
 *   stop
 *
 * and answers each with "ok" or "error ...". Ends with its input. */
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cert.h"
#include "cert_peer.h"
#include "gw_buf.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "net_loop.h"
#include "net_work.h"
#include "pres.h"
#include "store.h"
#include "xmpp_server.h"

enum { ITERATIONS = 10000, LINE_LEN_MAX = 4096 };

static const char *const names[] = { "ann", "bob", "cleo", "dora" };
enum { NAMES = sizeof(names) / sizeof(names[0]) };

struct program {
    struct net_loop *loop;
    struct net_pool *pool;
    struct net_watch *input;
    struct net_timer *leave;
    struct store *store; /* in memory */
    struct net_wake *store_wake;
    struct pres_core *core;
    struct cert_store *certs;
    struct cert_identity *identity;
    struct cert_peer *login_peer;
    struct net_tls *tls, *login_tls;
    struct xmpp_server *server;
    struct xmpp_settings settings;
    struct pres_settings pres; /* as RFC 6121 is written */
    struct xmpp_credentials keys[NAMES][2];
    struct gw_buf line;
};

static void derive(const char *password, enum xmpp_hash hash, struct xmpp_credentials *out)
{
    char salted[32], client[32], server[32], stored[32];

    gw_random(out->salt, 16);
    out->salt_len = 16;
    out->iterations = ITERATIONS;
    (void)gsasl_scram_secrets_from_password(hash == XMPP_SHA1 ? GSASL_HASH_SHA1 : GSASL_HASH_SHA256,
                                            password, ITERATIONS, (const char *)out->salt, 16,
                                            salted, client, server, stored);
    memcpy(out->stored_key, stored, sizeof(out->stored_key));
    memcpy(out->server_key, server, sizeof(out->server_key));
}

static bool credentials(struct gw_str user, enum xmpp_hash hash, struct xmpp_credentials *out,
                        void *ctx)
{
    struct program *p = ctx;
    struct gw_str id;

    if (!gw_str_cut(user, "@", &id, NULL))
        return false;
    for (size_t i = 0; i < NAMES; i++) {
        if (gw_str_is(id, names[i])) {
            *out = p->keys[i][hash];
            return true;
        }
    }
    return false;
}

/* ---- Commands ---- */

static const struct {
    const char *name;
    enum pres_calendar_kind kind;
} kinds[] = { { "NONE", PRES_CAL_NONE },       { "FREE", PRES_CAL_FREE },
              { "MEETING", PRES_CAL_MEETING }, { "ELSEWHERE", PRES_CAL_ELSEWHERE },
              { "AWAY", PRES_CAL_AWAY },       { "OOF", PRES_CAL_OOF } };

static bool do_calendar(struct program *p, struct gw_str args)
{
    struct pres_calendar cal = { .until = GW_NEVER };
    struct gw_str user, kind = args, text = GW_STR("");

    if (!gw_str_cut(args, " ", &user, &kind))
        return false;
    (void)gw_str_cut(kind, " ", &kind, &text);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!gw_str_is(kind, kinds[i].name))
            continue;
        cal.kind = kinds[i].kind;
        snprintf(cal.text[PRES_WORDS_OWN], PRES_TEXT_MAX, "%.*s", GW_STR_ARG(text));
        pres_calendar_set(p->core, user, &cal, net_loop_now(p->loop));
        return true;
    }
    return false;
}

static bool do_set(struct program *p, struct gw_str args)
{
    const struct gw_param *param;
    struct gw_str key, value;

    if (!gw_str_cut(args, " ", &key, &value))
        return false;
    param = gw_param_find(xmpp_params, xmpp_param_count, key);
    if (!param || gw_param_set(param, &p->settings, value, NULL))
        return false;
    pres_retell(p->core, net_loop_now(p->loop));
    return true;
}

static bool do_remove(struct program *p, struct gw_str args)
{
    bool known = pres_user_is_known(p->core, args);

    pres_user_remove(p->core, args, net_loop_now(p->loop));
    return known;
}

static bool do_stop(struct program *p, struct gw_str args)
{
    (void)args;
    xmpp_server_stop(p->server);
    return true;
}

static const struct {
    const char *name;
    bool (*run)(struct program *p, struct gw_str args);
} commands[] = {
    { "calendar", do_calendar }, { "set", do_set }, { "remove", do_remove }, { "stop", do_stop }
};

static void run_line(struct program *p, struct gw_str line)
{
    struct gw_str name = line, args = GW_STR("");

    (void)gw_str_cut(line, " ", &name, &args);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!gw_str_is(name, commands[i].name))
            continue;
        puts(commands[i].run(p, args) ? "ok" : "error arguments");
        fflush(stdout);
        return;
    }
    puts("error command");
    fflush(stdout);
}

static void on_leave(struct gw_now now, void *ctx)
{
    struct program *p = ctx;

    (void)now;
    net_loop_stop(p->loop);
}

static void on_input(int fd, int events, void *ctx)
{
    struct program *p = ctx;
    struct gw_str line;
    char bytes[1024];
    ssize_t n = read(fd, bytes, sizeof(bytes));

    (void)events;
    if (n <= 0) {
        net_watch_set(p->input, 0);
        xmpp_server_stop(p->server);
        net_timer_set(p->leave, gw_time_after(net_loop_now(p->loop).mono, 200));
        return;
    }
    gw_buf_add(&p->line, bytes, (size_t)n);
    while (gw_str_cut(gw_buf_str(&p->line), "\n", &line, NULL)) {
        run_line(p, line);
        gw_buf_consume(&p->line, line.len + 1);
    }
}

/* ---- Life ---- */

static void log_line(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    (void)ctx;
    fprintf(stderr, "%s %s: %.*s\n", gw_log_level_name(level), component, GW_STR_ARG(line));
}

static void store_woken(void *ctx)
{
    struct program *p = ctx;

    store_dispatch(p->store);
}

static void store_wake(void *ctx)
{
    struct program *p = ctx;

    net_wake_send(p->store_wake);
}

static void add_people(struct program *p)
{
    char text[64];

    pres_domain_add(p->core, GW_STR("x.example"));
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(text, sizeof(text), "%s-secret", names[i]);
        derive(text, XMPP_SHA1, &p->keys[i][XMPP_SHA1]);
        derive(text, XMPP_SHA256, &p->keys[i][XMPP_SHA256]);
        snprintf(text, sizeof(text), "%s@x.example", names[i]);
        (void)pres_user_add(p->core, gw_str_of(text), NULL);
    }
}

static enum gw_code start_tls(struct program *p, const char *folder, struct gw_err *err)
{
    const struct gw_str domain = GW_STR_INIT("x.example");
    struct net_tls_policy policy;
    enum gw_code rc = cert_store_open(folder, &p->certs, err);

    if (!rc)
        rc = cert_identity_open(p->certs,
                                &(struct cert_identity_args){ .name = CERT_IDENTITY_XMPP,
                                                              .names = &domain,
                                                              .names_count = 1,
                                                              .now = net_loop_now(p->loop).utc },
                                &p->identity, err);
    if (rc)
        return rc;
    policy = cert_identity_policy(p->identity);
    rc = net_tls_new(NET_TLS_SERVER, &policy, &p->tls, err);
    if (!rc)
        rc = cert_peer_new(&(struct cert_peer_args){ .store = p->certs,
                                                     .purpose = CERT_FOR_XMPP_LOGIN,
                                                     .identity = p->identity,
                                                     .demand = CERT_ASKED },
                           &p->login_peer, err);
    if (rc)
        return rc;
    policy = cert_peer_policy(p->login_peer);
    return net_tls_new(NET_TLS_SERVER, &policy, &p->login_tls, err);
}

static enum gw_code start(struct program *p, const char *folder, struct gw_err *err)
{
    enum gw_code rc;
    uint16_t port = 0, tls_port = 0;

    p->loop = net_loop_new();
    p->pool = net_pool_new(p->loop, 2);
    gw_param_defaults(pres_params, pres_param_count, &p->pres);
    p->pres.auto_authorize = PRES_AUTO_NOBODY;
    p->pres.denied_watchers = PRES_DENIED_ARE_REFUSED;
    p->store_wake = net_wake_new(p->loop, store_woken, p);
    rc = store_open(&(struct store_args){ .path = ":memory:", .wake = store_wake, .wake_ctx = p },
                    &p->store, err);
    if (rc)
        return rc;
    p->core = pres_core_new(&(struct pres_core_args){ .settings = &p->pres, .store = p->store });
    add_people(p);
    gw_param_defaults(xmpp_params, xmpp_param_count, &p->settings);
    gw_buf_init(&p->line, LINE_LEN_MAX);
    rc = start_tls(p, folder, err);
    if (rc)
        return rc;
    p->server = xmpp_server_new(&(struct xmpp_server_args){ .loop = p->loop,
                                                            .pool = p->pool,
                                                            .core = p->core,
                                                            .store = p->store,
                                                            .tls = p->tls,
                                                            .login_tls = p->login_tls,
                                                            .settings = &p->settings,
                                                            .credentials = credentials,
                                                            .credentials_ctx = p,
                                                            .version = "test" },
                                err);
    rc = p->server ? xmpp_server_listen(p->server, "127.0.0.1", 0, &port, err) : err->code;
    if (!rc)
        rc = xmpp_server_listen_tls(p->server, "127.0.0.1", 0, &tls_port, err);
    if (rc)
        return rc;
    p->leave = net_timer_new(p->loop, on_leave, p);
    p->input = net_watch_new(p->loop, STDIN_FILENO, on_input, p);
    net_watch_set(p->input, NET_IO_READ);
    printf("port %u tls %u\n", port, tls_port);
    fflush(stdout);
    return GW_OK;
}

static void stop(struct program *p)
{
    net_watch_free(&p->input);
    net_timer_free(&p->leave);
    xmpp_server_free(&p->server);
    net_pool_free(&p->pool);
    if (p->store)
        store_close(&p->store);
    net_wake_free(&p->store_wake);
    pres_core_free(&p->core);
    if (p->tls)
        net_tls_unref(&p->tls);
    net_tls_unref(&p->login_tls);
    cert_peer_free(&p->login_peer);
    cert_identity_close(&p->identity);
    cert_store_close(&p->certs);
    gw_buf_done(&p->line);
    net_loop_free(&p->loop);
}

int main(int argc, char **argv)
{
    struct program p = { 0 };
    struct gw_err err;

    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER-FOR-CERTIFICATES\n", argv[0]);
        return 2;
    }
    gw_log_set_sink(log_line, NULL);
    if (start(&p, argv[1], &err)) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    net_loop_run(p.loop);
    stop(&p);
    return 0;
}
