/* What logins and calls cost: requests a second over one connection and over 60 against the mock, for
 * each login, and the CPU time of a login on a fresh connection beside that of a TLS connection alone.
 * The mock is another process, so that only the client counts; over HTTPS, Extended Protection is
 * required. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/cert_lab.h"
#include "cert.h"
#include "ews_client.h"
#include "mock_exchange.h"

enum { CALLS = 6000, CONNECTIONS = 60, LOGINS = 300 };

static const struct {
    const char *name;
    enum ews_auth auth;
} logins[] = {
    { "basic", EWS_AUTH_BASIC },
    { "ntlmv2", EWS_AUTH_NTLMV2 },
    { "negotiate", EWS_AUTH_NEGOTIATE },
    { "oauth", EWS_AUTH_OAUTH },
};

static struct {
    char *folder, *pem, *trusted;
    struct net_loop *loop;
    struct net_tls_policy tls;
    struct ews_client *client;
    uint16_t port;
    unsigned to_start, to_end, failed;
    bool reconnect; /* after each call */
} b;

static const struct ews_request request = { .op = EWS_OP_OOF,
                                            .mailbox = GW_STR_INIT("ann@presence.example") };

static double cpu_us(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double wall_us(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* ---- the server ------------------------------------------------------------------------------- */

static void certificate_make(void)
{
    struct lab_spec spec = { .cn = "localhost", .names = "DNS:localhost", .rsa_bits = 2048 };
    struct lab_cert c = lab_make(&spec, NULL);
    struct gw_buf pem, file;
    FILE *f;

    gw_buf_init(&pem, 65536);
    gw_buf_init(&file, 200);
    b.folder = lab_folder();
    gw_buf_addf(&file, "%s/server.pem", b.folder);
    b.pem = gw_buf_take(&file);
    lab_pem(&c, true, &pem);
    f = fopen(b.pem, "w");
    if (!f || fwrite(pem.p, 1, pem.len, f) != pem.len || fclose(f))
        abort();
    gw_buf_reset(&pem);
    lab_pem(&c, false, &pem);
    b.trusted = gw_buf_take(&pem);
    lab_free(&c);
}

/* Tells its port through the pipe, and runs until it is killed. */
static _Noreturn void serve(int out)
{
    struct net_loop *loop = net_loop_new();
    struct mock_exchange *mx = mock_exchange_new(loop);
    struct gw_buf json;
    struct gw_err err;
    uint16_t port;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    gw_buf_init(&json, 2000);
    gw_buf_addf(&json,
                "{\"tls_cert\": \"%s\", \"tls_key\": \"%s\", \"cas\": [{\"name\": \"cas1\", "
                "\"listen\": \"https://127.0.0.1:0\", \"auth\": [\"negotiate\", \"ntlm\", "
                "\"basic\", \"bearer\"], \"extended_protection\": \"require\"}], \"accounts\": "
                "[{\"name\": \"gateway\", \"password\": \"secret\", \"impersonate\": true}], "
                "\"users\": [{\"address\": \"ann@presence.example\"}]}",
                b.pem, b.pem);
    if (mock_exchange_apply(mx, gw_buf_str(&json), &err)) {
        fprintf(stderr, "%s\n", err.msg);
        _exit(1);
    }
    port = mock_exchange_cas_port(mx, "cas1");
    if (write(out, &port, sizeof(port)) != sizeof(port))
        _exit(1);
    net_loop_run(loop);
    _exit(0);
}

static pid_t server_start(void)
{
    int fd[2];
    pid_t pid;

    if (pipe(fd))
        abort();
    pid = fork();
    if (pid == 0)
        serve(fd[1]);
    if (pid < 0 || read(fd[0], &b.port, sizeof(b.port)) != sizeof(b.port))
        abort();
    close(fd[0]);
    close(fd[1]);
    return pid;
}

/* ---- the client ------------------------------------------------------------------------------- */

static void on_done(const struct ews_answer *answer, void *ctx)
{
    (void)ctx;
    if (answer->status.class != EWS_OK && !b.failed++)
        fprintf(stderr, "failed: %s\n", answer->status.text);
    if (b.reconnect)
        ews_client_reconnect(b.client);
    if (b.to_start) {
        b.to_start--;
        (void)ews_client_start(b.client, &request, on_done, NULL);
    }
    if (--b.to_end == 0)
        net_loop_stop(b.loop);
}

static void calls(unsigned count, unsigned at_once)
{
    b.to_start = count - at_once;
    b.to_end = count;
    for (unsigned i = 0; i < at_once; i++)
        (void)ews_client_start(b.client, &request, on_done, NULL);
    net_loop_run(b.loop);
}

static void measure(const char *name, const char *what, unsigned count, unsigned at_once)
{
    double wall, cpu;

    calls(at_once, at_once); /* warm */
    wall = wall_us();
    cpu = cpu_us();
    calls(count, at_once);
    wall = wall_us() - wall;
    cpu = cpu_us() - cpu;
    printf("%-10s %-28s %8.0f /s %8.1f us CPU each\n", name, what, count / wall * 1e6, cpu / count);
}

static void bench_one(size_t i, struct net_pool *pool, const struct net_tls_policy *token_tls)
{
    struct ews_account *account = ews_account_new(b.loop, pool, NULL);
    char url[80];
    struct ews_account_args account_args = { .auth = logins[i].auth,
                                             .name = "gateway",
                                             .password = "secret",
                                             .token_url = url,
                                             .token_scope = "all",
                                             .token_tls = token_tls };
    struct ews_client_args args = {
        .host = "localhost", .port = b.port, .account = account, .tls = &b.tls, .timeout_ms = 60000
    };
    struct gw_err err;

    snprintf(url, sizeof(url), "https://localhost:%u/oauth2/v2.0/token", b.port);
    if (ews_account_set(account, &account_args, &err) ||
        ews_client_new(b.loop, &args, &b.client, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    measure(logins[i].name, "calls, one connection", CALLS, 1);
    measure(logins[i].name, "calls, 60 connections", CALLS, CONNECTIONS);
    b.reconnect = true;
    measure(logins[i].name, "call on a fresh connection", LOGINS, 1);
    b.reconnect = false;
    ews_client_free(&b.client);
    ews_account_free(&account);
}

int main(void)
{
    struct cert_client *cert, *token_cert;
    struct net_tls_policy token_tls;
    struct cert_store *store;
    struct net_pool *pool;
    char folder[200];
    pid_t server;

    setenv("KRB5_CONFIG", "/dev/null", 1);
    certificate_make();
    server = server_start();
    b.loop = net_loop_new();
    pool = net_pool_new(b.loop, 2);
    snprintf(folder, sizeof(folder), "%s/certs", b.folder);
    if (cert_store_open(folder, &store, NULL) ||
        cert_trust_add(store, CERT_TRUST_EXCHANGE, gw_str_of(b.trusted), NULL, NULL, NULL, NULL) ||
        cert_client_new(store, CERT_TRUST_EXCHANGE, GW_STR("localhost"), &cert, NULL) ||
        cert_client_new(store, CERT_TRUST_EXCHANGE, GW_STR("localhost"), &token_cert, NULL))
        abort();
    b.tls = cert_client_policy(cert);
    token_tls = cert_client_policy(token_cert);
    for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++)
        bench_one(i, pool, &token_tls);
    cert_client_free(&cert);
    cert_client_free(&token_cert);
    cert_store_close(&store);
    net_pool_free(&pool);
    net_loop_free(&b.loop);
    kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    lab_folder_remove(b.folder);
    free(b.pem);
    free(b.trusted);
    return b.failed ? 1 : 0;
}
