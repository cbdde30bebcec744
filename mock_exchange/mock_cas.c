/* HTTP of a client access server: which requests are let through to the service. What happens to
 * those that meet trouble is in mock_cas_trouble.c. */
#include "mock_cas_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_mem.h"
#include "mock_discover.h"
#include "mock_hang.h"

enum { CONNECTIONS_MAX = 10000, IDLE_S = 120, DATE_MAX = 40 };

/* RFC 9110 5.6.7 */
static void date_write(gw_utc t, char out[DATE_MAX])
{
    static const char *const day[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const month[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    struct gw_civil c;

    gw_utc_to_civil(t, &c);
    snprintf(out, DATE_MAX, "%s, %02d %s %04d %02d:%02d:%02d GMT", day[c.weekday % 7], c.day,
             month[(c.month - 1) % 12], c.year, c.hour, c.minute, c.second);
}

struct gw_now mock_cas_now(const struct mock_cas *cas)
{
    struct gw_now now = net_loop_now(cas->loop);

    now.utc += cas->clock_ms;
    return now;
}

void mock_cas_headers(struct mock_cas *cas, struct net_http_exchange *x)
{
    struct gw_str id = net_http_header(x, "client-request-id");
    char hex[33], echo[128], date[DATE_MAX];

    gw_random_hex(hex, 16);
    date_write(mock_cas_now(cas).utc, date);
    net_http_reply_header(x, "Date", date);
    net_http_reply_header(x, "Server", "Microsoft-IIS/10.0");
    net_http_reply_header(x, "request-id", hex);
    net_http_reply_header(x, "X-FEServer", cas->name);
    if (id.len && gw_str_iis(net_http_header(x, "return-client-request-id"), "true")) {
        snprintf(echo, sizeof(echo), "%.*s", GW_STR_ARG(id));
        net_http_reply_header(x, "client-request-id", echo);
    }
}

void mock_cas_answer(struct mock_cas *cas, struct net_http_exchange *x, int status,
                     const char *type, struct gw_str body)
{
    mock_cas_headers(cas, x);
    net_http_reply(x, status, type, body);
}

void mock_cas_html(struct mock_cas *cas, struct net_http_exchange *x, int status)
{
    char page[300];

    snprintf(page, sizeof(page),
             "<!DOCTYPE html>\n<html><head><title>Runtime Error</title></head>"
             "<body><h1>Server Error in '/EWS' Application.</h1><p>HTTP %d on %s</p>"
             "<br></body></html>\n",
             status, cas->name);
    mock_cas_answer(cas, x, status, "text/html; charset=utf-8", gw_str_of(page));
}

/* Values of WWW-Authenticate, each ending with NUL. */
static void put_challenges(struct net_http_exchange *x, const struct gw_buf *headers)
{
    const char *p = headers->p;

    for (; p && p < headers->p + headers->len; p += strlen(p) + 1)
        net_http_reply_header(x, "WWW-Authenticate", p);
}

void mock_cas_offers(struct mock_cas *cas, struct net_http_exchange *x)
{
    struct gw_buf headers;

    gw_buf_init(&headers, MOCK_CHALLENGES_MAX);
    mock_auth_offers(&cas->policy, &headers);
    put_challenges(x, &headers);
    gw_buf_done(&headers);
}

/* The whole way of a request that is let through; out gets the document. */
static void serve(struct mock_cas *cas, struct net_http_exchange *x,
                  const struct mock_account *account, struct gw_buf *out,
                  struct mock_served *served)
{
    struct gw_str scheme = { NULL, 0 };
    struct mock_request request = {
        .account = account,
        .site = cas->site,
        .place = &cas->place,
        .route = { .cookies = net_http_header(x, "Cookie"),
                   .anchor = net_http_header(x, "X-AnchorMailbox"),
                   .prefer = gw_str_iis(net_http_header(x, "X-PreferServerAffinity"), "true") },
        .body = net_http_body(x),
    };

    (void)gw_str_cut(net_http_header(x, "Authorization"), " ", &scheme, NULL);
    request.application = gw_str_iis(scheme, "Bearer");
    mock_service_serve(cas->service, &request, mock_cas_now(cas), out, served);
    if (*served->set_cookie)
        net_http_reply_header(x, "Set-Cookie", served->set_cookie);
}

static void note(struct mock_cas *cas, const struct mock_served *served)
{
    struct mock_entry entry = {
        .at = net_loop_now(cas->loop).utc,
        .cas = cas->name,
        .operation = served->operation,
        .mailbox = served->mailbox,
        .mailboxes = served->mailboxes,
        .status = served->status,
        .code = served->code,
        .impersonated = served->impersonated,
    };

    mock_journal_add(cas->journal, &entry);
}

/* NULL: it has been answered with 401. */
static const struct mock_account *log_in(struct mock_cas *cas, struct net_http_exchange *x,
                                         const char **why)
{
    struct mock_auth_request request = { .policy = &cas->policy,
                                         .login = net_http_connection_get(x),
                                         .authorization = net_http_header(x, "Authorization"),
                                         .end_point = net_http_end_point(x) };
    const struct mock_account *account;
    struct gw_buf headers;

    if (!request.login) {
        request.login = mock_login_new();
        net_http_connection_set(x, request.login, mock_login_free);
    }
    gw_buf_init(&headers, MOCK_CHALLENGES_MAX);
    account = mock_auth_check(cas->auth, &request, net_loop_now(cas->loop), &headers, why);
    put_challenges(x, &headers);
    gw_buf_done(&headers);
    if (!account)
        mock_cas_html(cas, x, 401);
    return account;
}

/* What keeps a request from the service, in the order of a real server; 0: nothing. */
static int refusal(struct net_http_exchange *x)
{
    struct gw_str type = net_http_header(x, "Content-Type");

    if (!gw_str_is(net_http_method(x), "POST")) {
        net_http_reply_header(x, "Allow", "POST");
        return 405;
    }
    (void)gw_str_cut(type, ";", &type, NULL);
    return gw_str_iis(gw_str_trim(type), "text/xml") ? 0 : 415;
}

/* Whose budget pays for a request. */
static struct gw_str budget_of(const struct mock_cas *cas, const struct mock_account *account,
                               const struct mock_served *served)
{
    if (mock_throttle_policy(cas->throttle)->by_account)
        return gw_str_of(account->name);
    if (served->mailbox)
        return gw_str_of(served->mailbox->address);
    return gw_str_of(account->mailbox ? account->mailbox : account->name);
}

/* False: the request has been refused, and noted. */
static bool charge(struct mock_cas *cas, struct net_http_exchange *x,
                   const struct mock_account *account, struct mock_served *served,
                   struct mock_charge **out)
{
    static const char *const code[] = { [MOCK_GATE_OPEN] = "NoError",
                                        [MOCK_GATE_BUSY] = "ErrorServerBusy",
                                        [MOCK_GATE_CONNECTIONS] = "ErrorExceededConnectionCount" };
    enum mock_gate gate;
    struct gw_buf refusal_text;
    int64_t back_off_ms;

    *out = NULL;
    if (!mock_throttle_policy(cas->throttle)->on)
        return true;
    mock_service_peek(cas->service, net_http_body(x), served);
    gate = mock_throttle_enter(cas->throttle, budget_of(cas, account, served),
                               net_loop_now(cas->loop), out, &back_off_ms);
    if (gate == MOCK_GATE_OPEN)
        return true;
    served->status = 500;
    served->code = code[gate];
    gw_buf_init(&refusal_text, MOCK_ANSWER_MAX);
    if (gate == MOCK_GATE_BUSY)
        mock_service_fault(cas->service, served->code, back_off_ms, &refusal_text);
    else /* WIRE 8: where there are messages it is one */
        served->status =
            mock_service_refuse(cas->service, served->operation, served->code, &refusal_text);
    mock_cas_answer(cas, x, served->status, mock_cas_xml_type, gw_buf_str(&refusal_text));
    gw_buf_done(&refusal_text);
    note(cas, served);
    return false;
}

static void serve_and_answer(struct mock_cas *cas, struct net_http_exchange *x,
                             const struct mock_account *account, const struct mock_trouble *trouble)
{
    struct mock_served served;
    struct mock_charge *charged;
    struct gw_buf out;

    if (!charge(cas, x, account, &served, &charged))
        return;
    gw_buf_init(&out, MOCK_ANSWER_MAX);
    serve(cas, x, account, &out, &served);
    note(cas, &served);
    if (trouble) {
        mock_stream_free(&served.stream, mock_cas_now(cas));
        mock_cas_spoil(cas, x, trouble, served.status, &out, &charged);
    } else if (served.stream) {
        mock_cas_headers(cas, x);
        mock_hang_start(cas->loop, x, mock_cas_xml_type, gw_buf_str(&out), served.stream);
    } else {
        mock_cas_answer(cas, x, served.status, mock_cas_xml_type, gw_buf_str(&out));
    }
    mock_charge_end(&charged, net_loop_now(cas->loop));
    gw_buf_done(&out);
    cas->served(cas->ctx);
}

/* --- routes --- */

/* NULL: the request has been answered, and noted. */
static const struct mock_account *admit(struct mock_cas *cas, struct net_http_exchange *x,
                                        struct mock_served *served)
{
    const struct mock_account *account = log_in(cas, x, &served->code);

    served->status = account ? refusal(x) : 401;
    if (!served->status)
        return account;
    if (account) {
        served->code = "turned away";
        mock_cas_html(cas, x, served->status);
    }
    note(cas, served);
    return NULL;
}

/* What the request meets instead of, or with, its answer. True: it has been answered, and noted. */
static bool meets(struct mock_cas *cas, struct net_http_exchange *x, struct mock_served *served,
                  struct mock_trouble *trouble, bool *met)
{
    *met = mock_troubles_take(&cas->troubles, served->operation, served->mailbox, trouble);
    if (!*met || !mock_cas_refuse(cas, x, trouble, served))
        return false;
    note(cas, served);
    return true;
}

static void on_ews(struct mock_cas *cas, struct net_http_exchange *x)
{
    const struct mock_account *account;
    struct mock_trouble trouble;
    struct mock_served served = { .operation = MOCK_OTHER };
    bool met = false;

    if (mock_quiet_is_broken(&cas->quiet, net_loop_now(cas->loop)))
        mock_throttle_hasty(cas->throttle);
    if (!gw_list_is_empty(&cas->troubles.list)) {
        mock_service_peek(cas->service, net_http_body(x), &served);
        if (meets(cas, x, &served, &trouble, &met))
            return;
    }
    account = admit(cas, x, &served);
    if (account)
        serve_and_answer(cas, x, account, met ? &trouble : NULL);
}

static void discover(struct mock_cas *cas, struct net_http_exchange *x, mock_discover_fn *fn)
{
    struct mock_served served = { .operation = MOCK_AUTODISCOVER };
    struct mock_trouble trouble;
    struct gw_buf out;
    bool met;

    if (meets(cas, x, &served, &trouble, &met) || !admit(cas, x, &served))
        return;
    gw_buf_init(&out, MOCK_ANSWER_MAX);
    fn(cas->service, net_http_body(x), mock_cas_now(cas), &out, &served);
    note(cas, &served);
    if (served.status == 404)
        mock_cas_html(cas, x, 404);
    else if (met)
        mock_cas_spoil(cas, x, &trouble, served.status, &out, NULL);
    else
        mock_cas_answer(cas, x, served.status, mock_cas_xml_type, gw_buf_str(&out));
    gw_buf_done(&out);
}

static void on_discover_pox(struct mock_cas *cas, struct net_http_exchange *x)
{
    discover(cas, x, mock_discover_pox);
}

static void on_discover_soap(struct mock_cas *cas, struct net_http_exchange *x)
{
    discover(cas, x, mock_discover_soap);
}

static void on_token(struct mock_cas *cas, struct net_http_exchange *x)
{
    struct mock_token_request request = { .method = net_http_method(x),
                                          .content_type = net_http_header(x, "Content-Type"),
                                          .authorization = net_http_header(x, "Authorization"),
                                          .body = net_http_body(x) };
    struct mock_token_answer given;
    struct gw_buf out;

    gw_buf_init(&out, MOCK_ANSWER_MAX);
    given = mock_token_serve(mock_auth_tokens(cas->auth), cas->service->org, &request,
                             net_loop_now(cas->loop), &out);
    net_http_reply_header(x, "Cache-Control", "no-store");
    net_http_reply_header(x, "Pragma", "no-cache");
    if (given.basic)
        net_http_reply_header(x, "WWW-Authenticate", "Basic realm=\"mock-exchange\"");
    mock_cas_answer(cas, x, given.status, "application/json", gw_buf_str(&out));
    if (out.p)
        gw_wipe(out.p, out.len);
    gw_buf_done(&out);
}

typedef void route_fn(struct mock_cas *cas, struct net_http_exchange *x);

static const struct {
    const char *path; /* case-blind, as IIS is */
    bool any_prefix;  /* the path may also end with it */
    route_fn *fn;
} route[] = {
    { "/EWS/Exchange.asmx", false, on_ews },
    { "/autodiscover/autodiscover.xml", false, on_discover_pox },
    { "/autodiscover/autodiscover.svc", false, on_discover_soap },
    { "/oauth2/v2.0/token", true, on_token },
};

static void on_request(struct net_http_exchange *x, void *ctx)
{
    struct mock_cas *cas = ctx;
    struct mock_served served = { .operation = MOCK_OTHER, .status = 404, .code = "turned away" };

    for (size_t i = 0; i < sizeof(route) / sizeof(*route); i++) {
        struct gw_str path = net_http_path(x);
        size_t len = strlen(route[i].path);

        if (route[i].any_prefix && path.len > len)
            path = gw_str_sub(path, path.len - len, path.len);
        if (gw_str_iis(path, route[i].path)) {
            route[i].fn(cas, x);
            return;
        }
    }
    mock_cas_html(cas, x, 404);
    note(cas, &served);
}

enum gw_code mock_cas_up(struct mock_cas *cas, struct gw_err *err)
{
    struct net_http_server_args args = {
        .address = cas->address,
        .port = cas->port,
        .body_max = MOCK_REQUEST_MAX,
        .connections_max = CONNECTIONS_MAX,
        .idle_s = IDLE_S,
        .handler = on_request,
        .ctx = cas,
    };
    enum gw_code rc;

    if (cas->server)
        return GW_OK;
    rc = cas->cert_pem ? net_tls_new_pem(cas->cert_pem, cas->key_pem, &args.tls, err) : GW_OK;
    if (!rc)
        rc = net_http_server_new(cas->loop, &args, &cas->server, err);
    net_tls_unref(&args.tls);
    if (rc)
        return gw_fail_prefix(err, "CAS '%s': ", cas->name);
    cas->port = net_http_server_port(cas->server);
    mock_site_set_running(cas->service->subs, cas->site, true, net_loop_now(cas->loop));
    return GW_OK;
}

enum gw_code mock_cas_set_certificate(struct mock_cas *cas, const char *cert_pem,
                                      const char *key_pem, struct gw_err *err)
{
    struct net_tls *tls = NULL;
    enum gw_code rc;

    if (!cas->cert_pem)
        return gw_fail(err, GW_INVALID, "CAS '%s' is not on https", cas->name);
    rc = net_tls_new_pem(cert_pem, key_pem, &tls, err);
    if (rc)
        return rc;
    if (cas->server)
        net_http_server_tls_set(cas->server, tls);
    net_tls_unref(&tls);
    free(cas->cert_pem);
    gw_secret_free(&cas->key_pem);
    cas->cert_pem = gw_str_dup(gw_str_of(cert_pem));
    cas->key_pem = gw_str_dup(gw_str_of(key_pem));
    return GW_OK;
}

void mock_cas_clear(struct mock_cas *cas)
{
    mock_troubles_clear(&cas->troubles);
    cas->quiet = (struct mock_quiet){ 0, 0 };
    mock_cas_let_go(cas);
}

void mock_cas_down(struct mock_cas *cas)
{
    mock_cas_let_go(cas);
    net_http_server_free(&cas->server);
    mock_site_set_running(cas->service->subs, cas->site, false, net_loop_now(cas->loop));
}

enum gw_code mock_cas_new(const struct mock_cas_args *args, struct mock_cas **out,
                          struct gw_err *err)
{
    struct mock_cas *cas = gw_new(struct mock_cas);
    enum gw_code rc;

    cas->loop = args->loop;
    cas->service = args->service;
    cas->auth = args->auth;
    cas->policy = args->policy;
    cas->throttle = args->throttle;
    cas->journal = args->journal;
    cas->name = gw_str_dup(gw_str_of(args->name));
    cas->address = gw_str_dup(gw_str_of(args->address));
    cas->cert_pem = args->cert_pem ? gw_str_dup(gw_str_of(args->cert_pem)) : NULL;
    cas->key_pem = args->key_pem ? gw_str_dup(gw_str_of(args->key_pem)) : NULL;
    cas->port = args->port;
    cas->served = args->served;
    cas->ctx = args->ctx;
    cas->site = mock_site_get(args->service->subs, args->name);
    mock_troubles_init(&cas->troubles);
    gw_list_init(&cas->held);
    rc = mock_cas_up(cas, err);
    if (rc)
        mock_cas_free(&cas);
    else
        *out = cas;
    return rc;
}

void mock_cas_free(struct mock_cas **casp)
{
    struct mock_cas *cas = *casp;

    if (!cas)
        return;
    *casp = NULL;
    mock_cas_clear(cas);
    net_http_server_free(&cas->server);
    free(cas->name);
    free(cas->address);
    free(cas->cert_pem);
    gw_secret_free(&cas->key_pem);
    free(cas);
}

const char *mock_cas_name(const struct mock_cas *cas)
{
    return cas->name;
}

uint16_t mock_cas_port(const struct mock_cas *cas)
{
    return cas->port;
}

struct mock_site *mock_cas_site(const struct mock_cas *cas)
{
    return cas->site;
}

void mock_cas_set_clock(struct mock_cas *cas, int64_t off_ms)
{
    cas->clock_ms = off_ms;
}

int64_t mock_cas_clock(const struct mock_cas *cas)
{
    return cas->clock_ms;
}

const char *mock_cas_address(const struct mock_cas *cas)
{
    return cas->address;
}

bool mock_cas_is_https(const struct mock_cas *cas)
{
    return cas->cert_pem;
}

struct mock_auth_policy *mock_cas_policy(struct mock_cas *cas)
{
    return &cas->policy;
}

bool mock_cas_is_up(const struct mock_cas *cas)
{
    return cas->server;
}

struct mock_cas_place *mock_cas_place(struct mock_cas *cas)
{
    return &cas->place;
}

struct mock_troubles *mock_cas_troubles(struct mock_cas *cas)
{
    return &cas->troubles;
}

void mock_cas_url_write(const struct mock_cas *cas, struct gw_buf *out)
{
    bool v6 = strchr(cas->address, ':');

    gw_buf_addf(out, "%s://%s%s%s:%u/EWS/Exchange.asmx", cas->cert_pem ? "https" : "http",
                v6 ? "[" : "", cas->address, v6 ? "]" : "", cas->port);
}
