#include "ews_conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ews_account_priv.h"
#include "ews_priv.h"
#include "gw_bytes.h"
#include "gw_mem.h"

enum {
    HELLO_BODY_MAX = 256 * 1024,        /* of a page that explains a 401 */
    LOGIN_MS = EWS_TRY_MS,              /* for the login of a request that has no time-out */
    CLOCKS_APART_MS = 5 * GW_MINUTE_MS, /* that Kerberos allows */
    PATIENCE = 10 /* times the request's time-out, for the answer to an unknown password */
};

enum conn_state {
    CONN_IDLE,
    CONN_HELLO,   /* an empty request is out */
    CONN_TOKEN,   /* waits for an access token */
    CONN_WAITING, /* for others to end their trial */
    CONN_STEP,    /* the login works on a thread */
    CONN_LEG,     /* a token is out */
    CONN_CARRY,   /* the request is out, without a login of its own */
    CONN_FAILED   /* done is told in the next round */
};

struct ews_conn {
    struct net_loop *loop;
    struct ews_account *account;
    char *host;
    struct net_http_slot *slot;
    struct net_timer *timer; /* of what is not HTTP: deadline, and failures to be told */
    enum conn_state state;

    /* the request */
    char *method, *url;
    char **headers;
    size_t header_count;
    struct gw_buf body;
    size_t body_max;
    gw_time deadline; /* GW_NEVER: none */
    net_http_data_fn *on_data;
    ews_conn_done_fn *done;
    void *ctx;
    struct ews_status failure;

    /* the login */
    bool logged_in;
    bool each_request; /* the login does not hold for the connection */
    bool body_sent;    /* with the leg that is out */
    enum ews_scheme scheme;
    struct ews_identity *identity; /* who it was begun as; NULL: not begun */
    unsigned epoch, legs;
    unsigned doubt;     /* of the identity, when it was shown last */
    struct ews_try try; /* that is out, not answered yet */
    int64_t patience_ms;
    int64_t skew_ms; /* the server's clock, less ours; as far as its answers tell */
    struct net_work *work;
    struct job *job;
    struct ews_token_wait wait;
    struct gw_buf bearer; /* the token that was sent */
    bool redone;          /* with another token */
};

/* What a worker thread has; it outlives a connection that is freed meanwhile. */
struct job {
    struct ews_trial trial;
    struct ews_login *login;
    struct gw_buf challenge, token;
    struct ews_status why;
    bool fine;
    struct ews_conn *conn; /* for the loop thread */
};

static void on_answer(const struct net_http_answer *answer, void *ctx);

static gw_time conn_now(const struct ews_conn *conn)
{
    return net_loop_now(conn->loop).mono;
}

/* ---- the end of a request --------------------------------------------------------------------- */

static void secret_buf_done(struct gw_buf *b)
{
    if (b->p)
        gw_wipe(b->p, b->len);
    gw_buf_done(b);
}

static void job_free(struct job *job)
{
    ews_trial_end(&job->trial);
    ews_login_free(&job->login);
    secret_buf_done(&job->challenge);
    secret_buf_done(&job->token);
    free(job);
}

/* Kerberos may have refused the password meanwhile. */
static void job_drop(void *ctx)
{
    struct job *job = ctx;
    struct ews_identity *id = job->trial.identity;

    if (id && !job->fine && job->why.class == EWS_CREDENTIALS)
        ews_account_refused(id, ews_identity_now(id));
    job_free(job);
}

static void login_end(struct ews_conn *conn)
{
    ews_identity_unref(&conn->identity);
    ews_token_wait_cancel(&conn->wait);
    secret_buf_done(&conn->bearer);
    if (!conn->job)
        return;
    if (conn->work)
        net_work_cancel(&conn->work, job_drop);
    else
        job_free(conn->job);
    conn->job = NULL;
}

/* Before whatever carries it is dropped. */
static void try_abandon(struct ews_conn *conn)
{
    ews_try_end(&conn->try, net_http_slot_has_sent(conn->slot) ? EWS_TRY_SILENT : EWS_TRY_PASSED);
}

static void request_forget(struct ews_conn *conn)
{
    try_abandon(conn);
    login_end(conn);
    net_timer_set(conn->timer, GW_NEVER);
    for (size_t i = 0; i < conn->header_count; i++)
        free(conn->headers[i]);
    free(conn->headers);
    conn->headers = NULL;
    conn->header_count = 0;
    free(conn->method);
    free(conn->url);
    conn->method = conn->url = NULL;
    gw_buf_done(&conn->body);
    conn->state = CONN_IDLE;
}

static void finish(struct ews_conn *conn, const struct net_http_answer *http,
                   const struct ews_status *login)
{
    struct ews_status failure;

    if (login)
        failure = *login;
    request_forget(conn);
    conn->done(http, login ? &failure : NULL, conn->ctx);
}

/* Told in the next round, since whoever called may not be ready for it. */
static void fail_soon(struct ews_conn *conn)
{
    login_end(conn);
    conn->state = CONN_FAILED;
    net_timer_set(conn->timer, conn_now(conn));
}

/* The server is in the middle of a login that will not be ended. */
static void drop_connection(struct ews_conn *conn)
{
    try_abandon(conn);
    net_http_cancel(conn->slot);
    conn->logged_in = false;
}

static void on_timer(struct gw_now now, void *ctx)
{
    struct ews_conn *conn = ctx;

    (void)now;
    if (conn->state != CONN_FAILED) {
        ews_status_set(
            &conn->failure, EWS_TRANSIENT, "login-timeout", "the login did not end in time: %s",
            conn->state == CONN_TOKEN     ? "does calendar.oauth_token_url answer?"
            : conn->state == CONN_WAITING ? "another one with this account came first, which some "
                                            "server has not answered yet"
                                          : "does Kerberos answer, and the name service?");
        drop_connection(conn);
    }
    finish(conn, NULL, &conn->failure);
}

/* Whatever comes of it is said of who the account is now. */
static void login_note(struct ews_conn *conn, enum ews_scheme scheme)
{
    ews_identity_unref(&conn->identity);
    conn->identity = ews_identity_ref(conn->account->identity);
    conn->epoch = conn->identity->epoch;
    conn->scheme = scheme;
}

static void login_shown(struct ews_conn *conn)
{
    conn->doubt = conn->identity->doubt;
}

/* A password that is not known to be good is waited for longer: the answer counts. */
static void password_shown(struct ews_conn *conn)
{
    gw_time late = gw_time_after(conn_now(conn), conn->patience_ms);

    login_shown(conn);
    ews_try_begin(&conn->try, conn->identity);
    if (conn->try.counts && conn->deadline < late)
        conn->deadline = late;
}

static bool is_current(const struct ews_conn *conn)
{
    return conn->epoch == conn->account->identity->epoch;
}

/* ---- sending ---------------------------------------------------------------------------------- */

static unsigned time_left_ms(const struct ews_conn *conn)
{
    gw_time now = conn_now(conn);

    if (conn->deadline == GW_NEVER)
        return 0;
    return now < conn->deadline ? (unsigned)(conn->deadline - now) : 1;
}

/* The text of a page that says 401 is not for whoever reads a stream. */
static void on_piece(struct gw_str piece, void *ctx)
{
    struct ews_conn *conn = ctx;

    if (net_http_slot_status(conn->slot) == 401)
        return;
    ews_try_end(&conn->try, EWS_TRY_PASSED);
    conn->on_data(piece, conn->ctx);
}

/* What it shows may be refused, and is not to be shown once more for one try. */
static bool is_doubtful(const struct ews_conn *conn, enum conn_state state)
{
    bool unknown = conn->try.identity && conn->try.counts;

    return unknown || (state == CONN_LEG && conn->legs > 1);
}

static void request_send(struct ews_conn *conn, enum conn_state state, bool with_body,
                         const char *authorization)
{
    const char **headers = gw_realloc(NULL, conn->header_count + 2, sizeof(*headers));
    bool streams = with_body && conn->on_data;
    size_t n = 0;
    struct net_http_request request = {
        .method = conn->method,
        .url = conn->url,
        .headers = headers,
        .body = with_body ? gw_buf_str(&conn->body) : GW_STR(""),
        .timeout_ms = with_body || conn->deadline != GW_NEVER ? time_left_ms(conn) : LOGIN_MS,
        .body_max = with_body ? conn->body_max : HELLO_BODY_MAX,
        .once = is_doubtful(conn, state),
    };

    for (; n < conn->header_count; n++)
        headers[n] = conn->headers[n];
    headers[n++] = authorization;
    headers[n] = NULL;
    conn->state = state;
    conn->body_sent = with_body;
    net_timer_set(conn->timer, GW_NEVER);
    net_http_start(conn->slot, &request, streams ? on_piece : NULL, on_answer, conn);
    free(headers);
}

/* All its memory at once, so that growing leaves no copies behind. */
enum { BASIC_MAX = 2048 };
static void basic_init(struct gw_buf *b)
{
    static const char blank[BASIC_MAX];

    gw_buf_init(b, BASIC_MAX);
    gw_buf_add(b, blank, BASIC_MAX);
    gw_buf_reset(b);
}

/* RFC 7617 */
static void send_basic(struct ews_conn *conn)
{
    struct gw_buf pair, header;

    basic_init(&pair);
    basic_init(&header);
    login_note(conn, EWS_SCHEME_BASIC);
    gw_buf_addf(&pair, "%s:%s", conn->account->name, conn->identity->password);
    gw_buf_add_cstr(&header, "Authorization: Basic ");
    gw_base64_write(gw_buf_str(&pair), &header);
    password_shown(conn);
    request_send(conn, CONN_CARRY, true, header.p);
    secret_buf_done(&pair);
    secret_buf_done(&header);
}

/* A server that says nothing does not use up a try. */
static void basic_begin(struct ews_conn *conn)
{
    if (conn->account->identity->proven)
        send_basic(conn);
    else
        request_send(conn, CONN_HELLO, false, NULL);
}

/* ---- access tokens ---------------------------------------------------------------------------- */

static void send_bearer(struct ews_conn *conn, const char *token)
{
    struct gw_buf header;

    gw_buf_reset(&conn->bearer);
    gw_buf_add_cstr(&conn->bearer, token);
    gw_buf_init(&header, EWS_BEARER_MAX + 64);
    gw_buf_addf(&header, "Authorization: Bearer %s", token);
    login_shown(conn);
    request_send(conn, CONN_CARRY, true, header.p);
    secret_buf_done(&header);
}

static void on_token(const char *token, const struct ews_status *why, void *ctx)
{
    struct ews_conn *conn = ctx;

    if (token)
        send_bearer(conn, token);
    else
        finish(conn, NULL, why);
}

static void bearer_begin(struct ews_conn *conn)
{
    const char *token;

    login_note(conn, EWS_SCHEME_BEARER);
    conn->state = CONN_TOKEN;
    conn->wait = (struct ews_token_wait){ .done = on_token, .ctx = conn };
    net_timer_set(conn->timer, conn->deadline);
    token = ews_token_get(conn->account->token, &conn->wait);
    if (token)
        send_bearer(conn, token);
}

/* One that was taken back, or that ended on the server's clock: another one, once. */
static void bearer_refused(struct ews_conn *conn, const struct net_http_answer *answer)
{
    ews_token_drop(conn->account->token, gw_buf_str(&conn->bearer));
    if (!conn->redone && is_current(conn)) {
        conn->redone = true;
        bearer_begin(conn);
        return;
    }
    ews_status_set(&conn->failure, EWS_CONFIG, "token-not-taken",
                   "the server does not take the access token: has the application the right "
                   "full_access_as_app, with an administrator's consent, and is "
                   "calendar.oauth_scope the server's?");
    finish(conn, answer, &conn->failure);
}

/* ---- clocks ----------------------------------------------------------------------------------- */

static void skew_note(struct ews_conn *conn, const struct net_http_answer *answer)
{
    gw_utc at;

    if (ews_http_date_parse(gw_str_trim(net_http_answer_header(answer, "Date", 0)), &at))
        conn->skew_ms = at - net_loop_now(conn->loop).utc;
}

/* Kerberos refuses a ticket whose time is too far off; inside Negotiate its reason gets lost. The
 * server's answers have told its time. */
static void blame_clocks(const struct ews_conn *conn, struct ews_status *why)
{
    struct ews_status was = *why;
    int64_t off_ms = conn->skew_ms < 0 ? -conn->skew_ms : conn->skew_ms;

    if (conn->scheme != EWS_SCHEME_NEGOTIATE || off_ms <= CLOCKS_APART_MS)
        return;
    ews_status_set(why, was.class == EWS_CREDENTIALS ? EWS_CREDENTIALS : EWS_CONFIG, "clock",
                   "the clocks of this machine and of the server differ by %lld minutes; Kerberos "
                   "allows five: set them right (%s)",
                   (long long)(off_ms / GW_MINUTE_MS), was.text);
}

/* ---- the login -------------------------------------------------------------------------------- */

static void send_token(struct ews_conn *conn)
{
    struct job *job = conn->job;
    bool proof = ews_login_is_proof(job->login);
    struct gw_buf header;

    gw_buf_init(&header, EWS_LOGIN_TOKEN_MAX + 64);
    gw_buf_addf(&header, "Authorization: %s ", ews_scheme_name(conn->scheme));
    gw_buf_add_str(&header, gw_buf_str(&job->token));
    conn->legs++;
    if (proof)
        password_shown(conn);
    request_send(conn, CONN_LEG, proof, header.p);
    secret_buf_done(&header);
}

static void job_run(void *ctx)
{
    struct job *job = ctx;

    gw_buf_reset(&job->token);
    job->fine = ews_login_step(job->login, gw_buf_str(&job->challenge), &job->token, &job->why);
}

static void job_done(void *ctx)
{
    struct job *job = ctx;
    struct ews_conn *conn = job->conn;

    conn->work = NULL;
    if (job->fine) {
        send_token(conn);
        return;
    }
    if (job->why.class == EWS_CREDENTIALS) /* Kerberos has said so */
        ews_account_refused(conn->identity, conn_now(conn));
    else
        blame_clocks(conn, &job->why);
    drop_connection(conn);
    finish(conn, NULL, &job->why);
}

static void step(struct ews_conn *conn)
{
    gw_time soon = gw_time_after(conn_now(conn), LOGIN_MS);

    conn->state = CONN_STEP;
    net_timer_set(conn->timer, conn->deadline == GW_NEVER ? soon : conn->deadline);
    conn->work = net_work_start(conn->account->pool, job_run, job_done, conn->job);
    if (conn->work)
        return;
    ews_status_set(&conn->failure, EWS_TRANSIENT, "internal",
                   "the gateway has too much to do for another login");
    fail_soon(conn);
}

static void on_trial(void *ctx)
{
    struct ews_conn *conn = ctx;

    if (ews_identity_is_locked(conn->identity, conn_now(conn), &conn->failure))
        fail_soon(conn);
    else
        step(conn);
}

/* A login for each request is one with a ticket. */
static bool shows_nothing(const struct ews_conn *conn, struct ews_cred *cred)
{
    return conn->each_request && conn->identity->proven && ews_cred_has_ticket(cred);
}

static void login_begin(struct ews_conn *conn, enum ews_scheme scheme)
{
    struct ews_login_args args = { .cred = ews_account_cred(conn->account),
                                   .scheme = scheme,
                                   .host = conn->host,
                                   .end_point = net_http_slot_end_point(conn->slot),
                                   .now = conn_now(conn) };
    struct job *job = gw_new(struct job);

    login_end(conn);
    job->login = ews_login_new(&args);
    job->conn = conn;
    gw_buf_init(&job->challenge, EWS_LOGIN_TOKEN_MAX);
    gw_buf_init(&job->token, EWS_LOGIN_TOKEN_MAX);
    conn->job = job;
    conn->legs = 0;
    login_note(conn, scheme);
    conn->state = CONN_WAITING;
    net_timer_set(conn->timer, conn->deadline);
    if (shows_nothing(conn, args.cred))
        step(conn);
    else if (ews_trial_begin(&job->trial, conn->identity, on_trial, conn))
        on_trial(conn);
}

/* ---- what a 401 means ------------------------------------------------------------------------- */

/* All WWW-Authenticate headers in one text: IIS sends one for each scheme. */
static void join_challenges(const struct net_http_answer *answer, struct gw_buf *out)
{
    struct gw_str value;

    for (unsigned i = 0; (value = net_http_answer_header(answer, "WWW-Authenticate", i)).p; i++) {
        if (i)
            gw_buf_add_cstr(out, ", ");
        gw_buf_add_str(out, value);
    }
}

/* The schemes that a setting allows, the best first. */
static const struct {
    enum ews_auth auth;
    enum ews_scheme scheme;
} allowed[] = {
    { EWS_AUTH_AUTO, EWS_SCHEME_NEGOTIATE },      { EWS_AUTH_AUTO, EWS_SCHEME_NTLM },
    { EWS_AUTH_NEGOTIATE, EWS_SCHEME_NEGOTIATE }, { EWS_AUTH_NTLMV2, EWS_SCHEME_NTLM },
    { EWS_AUTH_BASIC, EWS_SCHEME_BASIC },         { EWS_AUTH_OAUTH, EWS_SCHEME_BEARER },
};

static bool choose(const struct ews_conn *conn, const struct ews_challenges *offer,
                   enum ews_scheme *out)
{
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        if (allowed[i].auth == conn->account->auth && offer->offered[allowed[i].scheme]) {
            *out = allowed[i].scheme;
            return true;
        }
    return false;
}

static void nothing_in_common(const struct ews_conn *conn, const struct ews_challenges *offer,
                              struct gw_str headers, struct ews_status *out)
{
    char quoted[GW_QUOTE_MAX];

    if (offer->count == 1 && offer->offered[EWS_SCHEME_BASIC])
        ews_status_set(out, EWS_CONFIG, "only-basic",
                       "the server offers only Basic, which shows it the password: enable Windows "
                       "authentication on /EWS, or allow Basic (kalendsctl set calendar.auth "
                       "basic)");
    else if (!offer->count)
        ews_status_set(out, EWS_CONFIG, "no-login-offered",
                       "the server wants a login but offers no way to do it: is it Exchange, and "
                       "is an authentication method enabled on /EWS?");
    else
        ews_status_set(out, EWS_CONFIG, "login-not-offered",
                       "the server does not offer the login that is set (calendar.auth %s) but %s",
                       ews_auth_names[conn->account->auth], gw_quote(headers, quoted));
}

/* The password was shown, and the server is not content. */
static void refused(const struct ews_conn *conn, struct ews_status *out)
{
    bool bound = net_http_slot_end_point(conn->slot).len && conn->scheme != EWS_SCHEME_BASIC;

    if (bound && conn->identity->proven && is_current(conn))
        ews_status_set(out, EWS_CREDENTIALS, "http-401",
                       "the server refuses the account that was taken before: is TLS terminated on "
                       "the way to it (Extended Protection), was the password changed, is the "
                       "account locked?");
    else if (bound)
        ews_status_set(out, EWS_CREDENTIALS, "http-401",
                       "the server refused the account: check name and password, and that it is "
                       "not locked; if so, TLS is terminated on the way to the server, which "
                       "Extended Protection forbids");
    else
        ews_status_set(out, EWS_CREDENTIALS, "http-401",
                       "the server refused the account: check name and password, and that the "
                       "account is not locked");
}

static void not_taken(const struct ews_conn *conn, struct ews_status *out)
{
    ews_status_set(out, EWS_CONFIG, "ntlm-disabled",
                   "the server ends the login (%s) before the password is shown: is NTLM disabled "
                   "there? Kerberos needs an account written user@realm and the server by name",
                   ews_scheme_name(conn->scheme));
}

/* The 401 that asks for a login: begin it, or tell why not. */
static void hello_answered(struct ews_conn *conn, const struct net_http_answer *answer,
                           const struct ews_challenges *offer, struct gw_str headers)
{
    enum ews_scheme scheme;

    if (!choose(conn, offer, &scheme)) {
        nothing_in_common(conn, offer, headers, &conn->failure);
        finish(conn, answer, &conn->failure);
    } else if (scheme == EWS_SCHEME_BASIC && conn->state == CONN_HELLO) {
        send_basic(conn);
    } else if (scheme == EWS_SCHEME_BASIC && !conn->try.identity) {
        ews_status_set(&conn->failure, EWS_TRANSIENT, "login-changed",
                       "the login was set anew while the request was under way");
        finish(conn, answer, &conn->failure);
    } else if (scheme == EWS_SCHEME_BASIC) { /* it was sent */
        refused(conn, &conn->failure);
        ews_try_end(&conn->try, EWS_TRY_REFUSED);
        finish(conn, answer, &conn->failure);
    } else if (scheme == EWS_SCHEME_BEARER) {
        bearer_refused(conn, answer);
    } else {
        login_begin(conn, scheme);
    }
}

/* A 401 to a token: the next challenge, or the end. */
static void leg_refused(struct ews_conn *conn, const struct net_http_answer *answer,
                        const struct ews_challenges *offer)
{
    bool proof = ews_login_is_proof(conn->job->login);
    struct gw_str token = offer->token[conn->scheme];

    if (token.len) {
        gw_buf_reset(&conn->job->challenge);
        gw_buf_add_str(&conn->job->challenge, token);
        step(conn);
        return;
    }
    conn->logged_in = false;
    if (answer->new_connection && conn->legs > 1) { /* NTLM is about one connection */
        ews_try_end(&conn->try, EWS_TRY_PASSED);
        ews_status_set(&conn->failure, EWS_TRANSIENT, "login-broken",
                       "the connection was closed in the middle of the login: a proxy on the way "
                       "that does not keep connections cannot carry NTLM");
    } else if (proof) {
        refused(conn, &conn->failure);
        ews_try_end(&conn->try, EWS_TRY_REFUSED);
    } else {
        not_taken(conn, &conn->failure);
    }
    if (conn->failure.class != EWS_TRANSIENT)
        blame_clocks(conn, &conn->failure);
    finish(conn, answer, &conn->failure);
}

static void on_401(struct ews_conn *conn, const struct net_http_answer *answer)
{
    struct ews_challenges offer;
    struct gw_buf headers;

    skew_note(conn, answer);
    gw_buf_init(&headers, NET_HTTP_HEADERS_MAX);
    join_challenges(answer, &headers);
    ews_challenges_parse(gw_buf_str(&headers), &offer);
    if (conn->state == CONN_LEG) {
        leg_refused(conn, answer, &offer);
    } else {
        if (conn->logged_in && !answer->new_connection && conn->legs == 1)
            conn->each_request = true;
        conn->logged_in = false;
        hello_answered(conn, answer, &offer, gw_buf_str(&headers));
    }
    gw_buf_done(&headers);
}

static void on_answer(const struct net_http_answer *answer, void *ctx)
{
    struct ews_conn *conn = ctx;

    if (!answer->code && answer->status == 401) {
        on_401(conn, answer);
        return;
    }
    conn->logged_in = !answer->code && conn->body_sent;
    ews_try_end(&conn->try, ews_try_end_of(answer));
    finish(conn, answer, NULL);
}

/* ---- the public functions --------------------------------------------------------------------- */

struct ews_conn *ews_conn_new(const struct ews_conn_args *args)
{
    struct net_http_slot_args slot = { .tls = args->tls,
                                       .sessions = args->sessions,
                                       .user_agent = "Kalends/" KALENDS_VERSION };
    struct ews_conn *conn = gw_new(struct ews_conn);

    conn->loop = args->loop;
    conn->account = args->account;
    conn->host = gw_str_dup(gw_str_of(args->host));
    conn->slot = net_http_slot_new(args->loop, &slot);
    conn->timer = net_timer_new(args->loop, on_timer, conn);
    gw_buf_init(&conn->bearer, EWS_BEARER_MAX);
    return conn;
}

void ews_conn_free(struct ews_conn **connp)
{
    struct ews_conn *conn = *connp;

    if (!conn)
        return;
    *connp = NULL;
    request_forget(conn);
    net_http_slot_free(&conn->slot);
    net_timer_free(&conn->timer);
    free(conn->host);
    free(conn);
}

static void request_take(struct ews_conn *conn, const struct net_http_request *request)
{
    static const char *const none[] = { NULL };
    const char *const *headers = request->headers ? request->headers : none;
    gw_time now = conn_now(conn);
    size_t count = 0;

    while (headers[count])
        count++;
    conn->headers = gw_realloc(NULL, count + 1, sizeof(*conn->headers));
    for (size_t i = 0; i < count; i++)
        conn->headers[i] = gw_str_dup(gw_str_of(headers[i]));
    conn->header_count = count;
    conn->method = gw_str_dup(gw_str_of(request->method));
    conn->url = gw_str_dup(gw_str_of(request->url));
    gw_buf_init(&conn->body, request->body.len);
    gw_buf_add_str(&conn->body, request->body);
    conn->body_max = request->body_max;
    conn->redone = false;
    conn->deadline = request->timeout_ms ? gw_time_after(now, request->timeout_ms) : GW_NEVER;
    conn->patience_ms = (int64_t)PATIENCE * request->timeout_ms;
    if (conn->patience_ms > EWS_TRY_MS)
        conn->patience_ms = EWS_TRY_MS;
}

void ews_conn_start(struct ews_conn *conn, const struct net_http_request *request,
                    net_http_data_fn *on_data, ews_conn_done_fn *done, void *ctx)
{
    assert(conn->state == CONN_IDLE);
    request_take(conn, request);
    conn->on_data = on_data;
    conn->done = done;
    conn->ctx = ctx;
    if (conn->account->auth == EWS_AUTH_BASIC)
        basic_begin(conn);
    else if (conn->account->auth == EWS_AUTH_OAUTH)
        bearer_begin(conn);
    else if (conn->each_request)
        login_begin(conn, conn->scheme);
    else if (conn->logged_in)
        request_send(conn, CONN_CARRY, true, NULL);
    else
        request_send(conn, CONN_HELLO, false, NULL);
}

void ews_conn_cancel(struct ews_conn *conn)
{
    if (conn->state == CONN_IDLE)
        return;
    drop_connection(conn);
    request_forget(conn);
}

bool ews_conn_has_sent(const struct ews_conn *conn)
{
    return (conn->state == CONN_CARRY || conn->state == CONN_LEG) && conn->body_sent &&
           net_http_slot_has_sent(conn->slot);
}

bool ews_conn_is_showing(const struct ews_conn *conn)
{
    return conn->try.identity;
}

bool ews_conn_is_proof(const struct ews_conn *conn)
{
    return conn->doubt == conn->account->identity->doubt;
}
