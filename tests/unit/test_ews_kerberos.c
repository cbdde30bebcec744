/* Logins with Kerberos: a key distribution center of MIT's on loopback, with a realm of its own. */
#include "ews_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ews_account_priv.h"
#include "ews_conn.h"
#include "ews_login.h"
#include "gss_acceptor.h"
#include "net_http_server.h"

#define HASH  "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

static char folder[] = "/tmp/kalends-kdc-XXXXXX";
static unsigned port;
static pid_t kdc;

/* ---- the realm -------------------------------------------------------------------------------- */

static pid_t spawn(const char *const *argv)
{
    posix_spawn_file_actions_t quiet;
    pid_t pid;

    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&pid, argv[0], &quiet, NULL, (char *const *)argv, environ))
        pid = -1;
    posix_spawn_file_actions_destroy(&quiet);
    return pid;
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

static bool run(const char *const *argv)
{
    pid_t pid = spawn(argv);
    int status;

    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool kadmin(const char *command)
{
    return RUN("/usr/sbin/kadmin.local", "-r", "PRESENCE.EXAMPLE", "-q", command);
}

static const char *path_of(const char *name)
{
    static char path[4][200];
    static unsigned n;

    n = (n + 1) % 4;
    snprintf(path[n], sizeof(path[n]), "%s/%s", folder, name);
    return path[n];
}

static void write_file(const char *name, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void write_file(const char *name, const char *fmt, ...)
{
    FILE *f = fopen(path_of(name), "w");
    va_list ap;

    assert_non_null(f);
    va_start(ap, fmt);
    vfprintf(f, fmt, ap);
    va_end(ap);
    assert_int_equal(fclose(f), 0);
}

static unsigned free_port(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    close(fd);
    return ntohs(in.sin_port);
}

static void write_configuration(void)
{
    write_file("krb5.conf",
               "[libdefaults]\n default_realm = ELSEWHERE.EXAMPLE\n dns_lookup_kdc = false\n"
               " dns_lookup_realm = false\n dns_canonicalize_hostname = false\n rdns = false\n"
               " udp_preference_limit = 1\n"
               "[realms]\n PRESENCE.EXAMPLE = {\n  kdc = 127.0.0.1:%u\n }\n"
               "[domain_realm]\n .presence.example = PRESENCE.EXAMPLE\n",
               port);
    write_file("kdc.conf",
               "[kdcdefaults]\n kdc_listen = 127.0.0.1:%u\n kdc_tcp_listen = 127.0.0.1:%u\n"
               "[realms]\n PRESENCE.EXAMPLE = {\n  database_name = %s\n  key_stash_file = %s\n }\n"
               "[logging]\n kdc = FILE:%s\n",
               port, port, path_of("database"), path_of("stash"), path_of("kdc.log"));
    setenv("KRB5_CONFIG", path_of("krb5.conf"), 1);
    setenv("KRB5_KDC_PROFILE", path_of("kdc.conf"), 1);
    setenv("KRB5_KTNAME", path_of("keytab"), 1);
    setenv("KRB5RCACHENAME", "none:", 1);
}

static bool answers(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool fine;

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fine = connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0;
    close(fd);
    return fine;
}

static bool kdc_start(void)
{
    const char *const argv[] = { "/usr/sbin/krb5kdc", "-n", "-r", "PRESENCE.EXAMPLE", NULL };

    kdc = spawn(argv);
    for (int i = 0; kdc > 0 && i < 1000 && waitpid(kdc, NULL, WNOHANG) == 0; i++) {
        if (answers())
            return true;
        usleep(10000);
    }
    return false;
}

static void kdc_stop(void)
{
    if (kdc <= 0)
        return;
    kill(kdc, SIGTERM);
    (void)waitpid(kdc, NULL, 0);
    kdc = 0;
}

/* False: no such programs here. */
static bool realm_make(void)
{
    assert_non_null(mkdtemp(folder));
    port = free_port();
    write_configuration();
    return RUN("/usr/sbin/kdb5_util", "-r", "PRESENCE.EXAMPLE", "create", "-s", "-P", "master") &&
           kadmin("addprinc +requires_preauth -pw s3cret gateway@PRESENCE.EXAMPLE") &&
           kadmin("addprinc -allow_tix -pw s3cret locked@PRESENCE.EXAMPLE") &&
           kadmin("addprinc -pwexpire yesterday -pw s3cret old@PRESENCE.EXAMPLE") &&
           kadmin("addprinc -randkey HTTP/mail.presence.example@PRESENCE.EXAMPLE") &&
           kadmin("ktadd HTTP/mail.presence.example@PRESENCE.EXAMPLE") && kdc_start();
}

static void realm_remove(void)
{
    kdc_stop();
    (void)RUN("/bin/rm", "-rf", folder);
}

/* ---- tests ------------------------------------------------------------------------------------ */

enum outcome { KERBEROS, NTLM, REFUSED_HERE, REFUSED_THERE };

static const struct {
    const char *name, *account, *password, *host;
    const char *theirs; /* the end point that the server sees */
    enum outcome outcome;
    const char *code;
} c[] = {
    { "a ticket", "gateway@presence.example", "s3cret", "mail.presence.example", HASH, KERBEROS,
      NULL },
    { "realm in capitals", "gateway@PRESENCE.EXAMPLE", "s3cret", "mail.presence.example", HASH,
      KERBEROS, NULL },
    { "another TLS connection", "gateway@presence.example", "s3cret", "mail.presence.example",
      OTHER, REFUSED_THERE, NULL },
    { "wrong password", "gateway@presence.example", "wrong", "mail.presence.example", HASH,
      REFUSED_HERE, "kerberos-refused" },
    { "locked", "locked@presence.example", "s3cret", "mail.presence.example", HASH, REFUSED_HERE,
      "account-locked" },
    { "expired", "old@presence.example", "s3cret", "mail.presence.example", HASH, REFUSED_HERE,
      "password-expired" },
    { "unknown to Kerberos", "nobody@presence.example", "s3cret", "mail.presence.example", HASH,
      NTLM, NULL },
    { "realm without a center", "gateway@other.example", "s3cret", "mail.presence.example", HASH,
      NTLM, NULL },
    { "server without a key", "gateway@presence.example", "s3cret", "cas9.presence.example", HASH,
      NTLM, NULL },
    { "server by address", "gateway@presence.example", "s3cret", "127.0.0.1", HASH, NTLM, NULL },
    { "a Windows name", "PRESENCE\\gateway", "s3cret", "mail.presence.example", HASH, NTLM, NULL },
};

static enum outcome run_one(struct ews_cred *cred, const char *host, const char *theirs,
                            struct ews_status *why)
{
    struct ews_login_args args = {
        .cred = cred, .scheme = EWS_SCHEME_NEGOTIATE, .host = host, .end_point = GW_STR(HASH)
    };
    struct ews_login *login = ews_login_new(&args);
    struct acceptor acceptor = { .end_point = gw_str_of(theirs) };
    enum outcome outcome = REFUSED_HERE;
    struct gw_buf token, answer;

    gw_buf_init(&token, EWS_LOGIN_TOKEN_MAX);
    gw_buf_init(&answer, EWS_LOGIN_TOKEN_MAX);
    if (ews_login_step(login, GW_STR(""), &token, why)) {
        outcome = NTLM;
        /* a ticket goes with the request itself, and one answer ends the login */
        if (ews_login_is_proof(login))
            outcome = acceptor_step(&acceptor, gw_buf_str(&token), &answer) == ACCEPTOR_DONE &&
                              acceptor.bound
                          ? KERBEROS
                          : REFUSED_THERE;
    }
    acceptor_done(&acceptor);
    gw_buf_done(&token);
    gw_buf_done(&answer);
    ews_login_free(&login);
    return outcome;
}

static void test_logins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct ews_cred *cred = ews_cred_new(c[i].account, c[i].password);
        struct ews_status why = { 0 };
        enum outcome outcome = run_one(cred, c[i].host, c[i].theirs, &why);

        if (outcome != c[i].outcome || (c[i].code && strcmp(why.code, c[i].code)))
            fail_msg("%s: %d %s '%s'", c[i].name, outcome, why.code, why.text);
        if (c[i].outcome == REFUSED_HERE) {
            assert_int_equal(why.class, EWS_CREDENTIALS);
            assert_true(ews_cred_is_stale(cred, 0));
        }
        ews_cred_unref(&cred);
    }
}

/* ---- on a connection: the ticket goes with the request ---------------------------------------- */

enum { MANY = 6, GUARD_MS = 20000 };

static struct {
    struct net_loop *loop;
    bool holds; /* for the connection; IIS wants a ticket with each request unless told otherwise */
    bool logged_in;
    unsigned requests;
    int status;
    unsigned held_max; /* answered when so many are there; 0: each at once */
    struct net_http_exchange *held[MANY];
    unsigned held_count, done;
} w;

static void reply_to_all(void)
{
    while (w.held_count) {
        struct net_http_exchange *x = w.held[--w.held_count];

        net_http_reply(x, 200, "text/xml", net_http_body(x));
    }
}

static void on_request(struct net_http_exchange *x, void *ctx)
{
    struct gw_str authorization = net_http_header(x, "Authorization"), token;
    struct acceptor acceptor = { 0 };
    struct gw_buf answer;

    (void)ctx;
    w.requests++;
    if (gw_str_cut(authorization, "Negotiate ", NULL, &token)) {
        gw_buf_init(&answer, EWS_LOGIN_TOKEN_MAX);
        w.logged_in = acceptor_step(&acceptor, token, &answer) == ACCEPTOR_DONE;
        gw_buf_done(&answer);
        acceptor_done(&acceptor);
    } else if (!w.holds) {
        w.logged_in = false;
    }
    if (w.logged_in && w.held_max) {
        w.held[w.held_count++] = x;
        if (w.held_count == w.held_max)
            reply_to_all();
        return;
    }
    if (!w.logged_in)
        net_http_reply_header(x, "WWW-Authenticate", "Negotiate");
    net_http_reply(x, w.logged_in ? 200 : 401, "text/xml", net_http_body(x));
}

static void on_done(const struct net_http_answer *http, const struct ews_status *login, void *ctx)
{
    (void)ctx;
    if (login)
        fail_msg("'%s'", login->text);
    w.status = http->status;
    if (http->error)
        fail_msg("%s", http->error);
    assert_true(gw_str_is(http->body, "<ask/>"));
    if (++w.done >= w.held_max)
        net_loop_stop(w.loop);
}

static void start(struct ews_conn *conn, uint16_t server_port)
{
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", server_port);
    ews_conn_start(conn,
                   &(struct net_http_request){ .method = "POST",
                                               .url = url,
                                               .body = GW_STR("<ask/>"),
                                               .timeout_ms = GUARD_MS,
                                               .body_max = 100 },
                   NULL, on_done, NULL);
}

static void ask(struct ews_conn *conn, uint16_t server_port, unsigned requests)
{
    unsigned before = w.requests;

    w.status = 0;
    start(conn, server_port);
    net_loop_run(w.loop);
    assert_int_equal(w.status, 200);
    assert_int_equal(w.requests - before, requests);
}

static void test_on_a_connection(void **state)
{
    static const struct {
        bool holds;
        unsigned requests[4];
    } way[] = { { true, { 2, 1, 1, 1 } }, { false, { 2, 2, 1, 1 } } };
    struct net_http_server_args server_args = { .address = "127.0.0.1",
                                                .body_max = 100,
                                                .handler = on_request };
    struct ews_account_args account_args = { .name = "gateway@presence.example",
                                             .password = "s3cret" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ews_conn_args args = { .host = "mail.presence.example" };
        struct net_http_server *server;
        struct net_pool *pool;
        struct ews_conn *conn;

        memset(&w, 0, sizeof(w));
        w.holds = way[i].holds;
        args.loop = w.loop = net_loop_new();
        pool = net_pool_new(w.loop, 1);
        assert_int_equal(net_http_server_new(w.loop, &server_args, &server, NULL), GW_OK);
        args.account = ews_account_new(w.loop, pool, NULL);
        assert_int_equal(ews_account_set(args.account, &account_args, NULL), GW_OK);
        conn = ews_conn_new(&args);
        for (size_t n = 0; n < 4; n++)
            ask(conn, net_http_server_port(server), way[i].requests[n]);
        ews_conn_free(&conn);
        ews_account_free(&args.account);
        net_pool_free(&pool);
        net_http_server_free(&server);
        net_loop_free(&w.loop);
    }
}

/* With a ticket for each request as many go at once as with a login that holds: no password is shown. */
static void test_many_at_once(void **state)
{
    struct net_http_server_args server_args = { .address = "127.0.0.1",
                                                .body_max = 100,
                                                .handler = on_request };
    struct ews_account_args account_args = { .name = "gateway@presence.example",
                                             .password = "s3cret" };
    struct ews_conn_args args = { .host = "mail.presence.example" };
    struct net_http_server *server;
    struct ews_conn *conn[MANY];
    struct net_pool *pool;

    (void)state;
    memset(&w, 0, sizeof(w));
    args.loop = w.loop = net_loop_new();
    pool = net_pool_new(w.loop, 2);
    assert_int_equal(net_http_server_new(w.loop, &server_args, &server, NULL), GW_OK);
    args.account = ews_account_new(w.loop, pool, NULL);
    assert_int_equal(ews_account_set(args.account, &account_args, NULL), GW_OK);
    for (size_t i = 0; i < MANY; i++) {
        conn[i] = ews_conn_new(&args);
        ask(conn[i], net_http_server_port(server), 2);
        ews_account_taken(args.account->identity);
        ask(conn[i], net_http_server_port(server), 2);
    }
    w.held_max = MANY;
    w.done = 0;
    for (size_t i = 0; i < MANY; i++)
        start(conn[i], net_http_server_port(server));
    net_loop_run(w.loop);
    assert_int_equal(w.done, MANY);
    for (size_t i = 0; i < MANY; i++)
        ews_conn_free(&conn[i]);
    ews_account_free(&args.account);
    net_pool_free(&pool);
    net_http_server_free(&server);
    net_loop_free(&w.loop);
}

/* The ticket that was got is kept: the center is asked once, and need not answer any more. When it
 * does not answer from the start NTLM goes on without it, and it is asked again later. */
static void test_center_goes_away(void **state)
{
    struct ews_cred *kept = ews_cred_new("gateway@presence.example", "s3cret");
    struct ews_cred *late = ews_cred_new("gateway@presence.example", "s3cret");
    struct ews_status why;

    (void)state;
    assert_int_equal(run_one(kept, "mail.presence.example", HASH, &why), KERBEROS);
    kdc_stop();
    assert_int_equal(run_one(kept, "mail.presence.example", HASH, &why), KERBEROS);
    assert_int_equal(run_one(late, "mail.presence.example", HASH, &why), NTLM);
    assert_false(ews_cred_is_stale(late, 14 * GW_MINUTE_MS));
    assert_true(ews_cred_is_stale(late, 16 * GW_MINUTE_MS));
    assert_false(ews_cred_is_stale(kept, 16 * GW_MINUTE_MS));
    ews_cred_unref(&kept);
    ews_cred_unref(&late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logins),
        cmocka_unit_test(test_on_a_connection),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_center_goes_away),
    };
    int failed = 77;

    if (!acceptor_accounts("PRESENCE:gateway:s3cret\n"))
        puts("skipped: gss-ntlmssp is not installed");
    else if (!realm_make())
        puts("skipped: no key distribution center: krb5-kdc and krb5-admin-server are missing");
    else
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    realm_remove();
    acceptor_accounts_done();
    return failed;
}
