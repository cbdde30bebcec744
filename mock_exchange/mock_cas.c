/* HTTP of a client access server: which requests are let through to the service, and what happens to
 * those that meet trouble. */
#include "mock_cas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "mock_discover.h"
#include "mock_hang.h"
#include "net_http_server.h"

enum {
    CUT_AFTER_MS = 50, /* time for the first half to leave */
    CONNECTIONS_MAX = 10000,
    IDLE_S = 120
};

struct mock_cas {
    struct net_loop *loop;
    const struct mock_service *service;
    struct mock_auth *auth;
    struct mock_auth_policy policy;
    struct mock_journal *journal;
    char *name, *address, *cert_pem, *key_pem;
    uint16_t port;
    struct mock_site *site;
    struct mock_cas_place place;
    struct net_http_server *server; /* NULL: down */
    struct mock_troubles troubles;
    struct gw_list held;
    void (*served)(void *ctx);
    void *ctx;
};

/* A request that is not answered at once: it stalls, is cut, or is late. */
struct held {
    struct gw_list link;
    struct mock_cas *cas;
    struct net_http_exchange *x;
    struct net_timer *timer;
    struct gw_buf body; /* of a late answer */
    int status;
    bool late;
};

static void held_free(struct held *h)
{
    gw_list_remove(&h->link);
    net_timer_free(&h->timer);
    gw_buf_done(&h->body);
    free(h);
}

static void on_held_gone(void *ctx)
{
    held_free(ctx);
}

static void answer_headers(struct mock_cas *cas, struct net_http_exchange *x)
{
    struct gw_str id = net_http_header(x, "client-request-id");
    char hex[33], echo[128];

    gw_random_hex(hex, 16);
    net_http_reply_header(x, "Server", "Microsoft-IIS/10.0");
    net_http_reply_header(x, "request-id", hex);
    net_http_reply_header(x, "X-FEServer", cas->name);
    if (id.len && gw_str_iis(net_http_header(x, "return-client-request-id"), "true")) {
        snprintf(echo, sizeof(echo), "%.*s", GW_STR_ARG(id));
        net_http_reply_header(x, "client-request-id", echo);
    }
}

static void answer(struct mock_cas *cas, struct net_http_exchange *x, int status, const char *type,
                   struct gw_str body)
{
    answer_headers(cas, x);
    net_http_reply(x, status, type, body);
}

static void on_held_due(struct gw_now now, void *ctx)
{
    struct held *h = ctx;

    (void)now;
    net_http_on_gone(h->x, NULL, NULL);
    if (h->late)
        answer(h->cas, h->x, h->status, "text/xml; charset=utf-8", gw_buf_str(&h->body));
    else
        net_http_drop(h->x);
    held_free(h);
}

static struct held *hold(struct mock_cas *cas, struct net_http_exchange *x, int64_t ms)
{
    struct held *h = gw_new(struct held);

    h->cas = cas;
    h->x = x;
    gw_buf_init(&h->body, MOCK_ANSWER_MAX);
    h->timer = net_timer_new(cas->loop, on_held_due, h);
    if (ms >= 0)
        net_timer_set(h->timer, gw_time_after(net_loop_now(cas->loop).mono, ms));
    gw_list_append(&cas->held, &h->link);
    net_http_on_gone(x, on_held_gone, h);
    return h;
}

static void html(struct mock_cas *cas, struct net_http_exchange *x, int status)
{
    char page[300];

    snprintf(page, sizeof(page),
             "<!DOCTYPE html>\n<html><head><title>Runtime Error</title></head>"
             "<body><h1>Server Error in '/EWS' Application.</h1><p>HTTP %d on %s</p>"
             "<br></body></html>\n",
             status, cas->name);
    answer(cas, x, status, "text/html; charset=utf-8", gw_str_of(page));
}

/* Values of WWW-Authenticate, each ending with NUL. */
static void put_challenges(struct net_http_exchange *x, const struct gw_buf *headers)
{
    const char *p = headers->p;

    for (; p && p < headers->p + headers->len; p += strlen(p) + 1)
        net_http_reply_header(x, "WWW-Authenticate", p);
}

static void put_offers(struct mock_cas *cas, struct net_http_exchange *x)
{
    struct gw_buf headers;

    gw_buf_init(&headers, MOCK_CHALLENGES_MAX);
    mock_auth_offers(&cas->policy, &headers);
    put_challenges(x, &headers);
    gw_buf_done(&headers);
}

static void trouble_status(struct mock_cas *cas, struct net_http_exchange *x,
                           const struct mock_trouble *t)
{
    char seconds[24];

    if (t->retry_after_s >= 0) {
        snprintf(seconds, sizeof(seconds), "%lld", (long long)t->retry_after_s);
        net_http_reply_header(x, "Retry-After", seconds);
    }
    if (t->status == 401)
        put_offers(cas, x);
    html(cas, x, t->status);
}

/* The whole way of a request that is let through; out gets the document. */
static void serve(struct mock_cas *cas, struct net_http_exchange *x,
                  const struct mock_account *account, struct gw_buf *out,
                  struct mock_served *served)
{
    struct mock_request request = {
        .account = account,
        .site = cas->site,
        .place = &cas->place,
        .route = { .cookies = net_http_header(x, "Cookie"),
                   .anchor = net_http_header(x, "X-AnchorMailbox"),
                   .prefer = gw_str_iis(net_http_header(x, "X-PreferServerAffinity"), "true") },
        .body = net_http_body(x),
    };

    mock_service_serve(cas->service, &request, net_loop_now(cas->loop), out, served);
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

static const char xml_type[] = "text/xml; charset=utf-8";

/* Trouble that is made with the right answer. */
static void spoil(struct mock_cas *cas, struct net_http_exchange *x, const struct mock_trouble *t,
                  int status, const struct gw_buf *out)
{
    struct gw_str half = gw_str_sub(gw_buf_str(out), 0, out->len / 2);
    struct held *h;

    switch (t->kind) {
    case MOCK_TROUBLE_HALF:
        answer(cas, x, status, xml_type, half);
        break;
    case MOCK_TROUBLE_CUT:
        net_http_stream(x, status, xml_type);
        (void)net_http_stream_write(x, gw_str_sub(half, 0, 64 * 1024));
        (void)hold(cas, x, CUT_AFTER_MS);
        break;
    case MOCK_TROUBLE_DELAY:
        h = hold(cas, x, t->delay_ms);
        h->late = true;
        h->status = status;
        gw_buf_add_str(&h->body, gw_buf_str(out));
        break;
    case MOCK_TROUBLE_STATUS:
    case MOCK_TROUBLE_HTML:
    case MOCK_TROUBLE_FAULT:
    case MOCK_TROUBLE_CLOSE:
    case MOCK_TROUBLE_STALL:
    case MOCK_TROUBLE_KINDS:
        net_http_drop(x);
    }
}

/* Trouble instead of an answer; false: it needs the answer. */
static bool refuse(struct mock_cas *cas, struct net_http_exchange *x, const struct mock_trouble *t,
                   struct mock_served *served)
{
    struct gw_buf out;

    served->status = 0;
    served->code = mock_trouble_name(t->kind);
    switch (t->kind) {
    case MOCK_TROUBLE_STATUS:
        served->status = t->status;
        trouble_status(cas, x, t);
        return true;
    case MOCK_TROUBLE_HTML:
        served->status = 200;
        html(cas, x, 200);
        return true;
    case MOCK_TROUBLE_FAULT:
        served->status = 500;
        gw_buf_init(&out, MOCK_ANSWER_MAX);
        mock_service_fault(cas->service, t->code, t->back_off_ms, &out);
        answer(cas, x, 500, xml_type, gw_buf_str(&out));
        gw_buf_done(&out);
        return true;
    case MOCK_TROUBLE_CLOSE:
        net_http_drop(x);
        return true;
    case MOCK_TROUBLE_STALL:
        (void)hold(cas, x, -1);
        return true;
    case MOCK_TROUBLE_HALF:
    case MOCK_TROUBLE_CUT:
    case MOCK_TROUBLE_DELAY:
    case MOCK_TROUBLE_KINDS:
        break;
    }
    return false;
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
        html(cas, x, 401);
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

static void serve_and_answer(struct mock_cas *cas, struct net_http_exchange *x,
                             const struct mock_account *account, const struct mock_trouble *trouble)
{
    struct mock_served served;
    struct gw_buf out;

    gw_buf_init(&out, MOCK_ANSWER_MAX);
    serve(cas, x, account, &out, &served);
    note(cas, &served);
    if (trouble) {
        mock_stream_free(&served.stream);
        spoil(cas, x, trouble, served.status, &out);
    } else if (served.stream) {
        answer_headers(cas, x);
        mock_hang_start(x, xml_type, gw_buf_str(&out), served.stream);
    } else {
        answer(cas, x, served.status, xml_type, gw_buf_str(&out));
    }
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
        html(cas, x, served->status);
    }
    note(cas, served);
    return NULL;
}

/* What the request meets instead of, or with, its answer. True: it has been answered, and noted. */
static bool meets(struct mock_cas *cas, struct net_http_exchange *x, struct mock_served *served,
                  struct mock_trouble *trouble, bool *met)
{
    *met = mock_troubles_take(&cas->troubles, served->operation, trouble);
    if (!*met || !refuse(cas, x, trouble, served))
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
    fn(cas->service, net_http_body(x), net_loop_now(cas->loop), &out, &served);
    note(cas, &served);
    if (served.status == 404)
        html(cas, x, 404);
    else if (met)
        spoil(cas, x, &trouble, served.status, &out);
    else
        answer(cas, x, served.status, xml_type, gw_buf_str(&out));
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
    answer(cas, x, given.status, "application/json", gw_buf_str(&out));
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
    html(cas, x, 404);
    note(cas, &served);
}

enum gw_code mock_cas_up(struct mock_cas *cas, struct gw_err *err)
{
    struct net_http_server_args args = {
        .address = cas->address,
        .port = cas->port,
        .cert_pem = cas->cert_pem,
        .key_pem = cas->key_pem,
        .body_max = MOCK_REQUEST_MAX,
        .connections_max = CONNECTIONS_MAX,
        .idle_s = IDLE_S,
        .handler = on_request,
        .ctx = cas,
    };
    enum gw_code rc;

    if (cas->server)
        return GW_OK;
    rc = net_http_server_new(cas->loop, &args, &cas->server, err);
    if (rc)
        return gw_fail_prefix(err, "CAS '%s': ", cas->name);
    cas->port = net_http_server_port(cas->server);
    mock_site_set_running(cas->service->subs, cas->site, true, net_loop_now(cas->loop));
    return GW_OK;
}

enum gw_code mock_cas_set_certificate(struct mock_cas *cas, const char *cert_pem,
                                      const char *key_pem, struct gw_err *err)
{
    enum gw_code rc = GW_OK;

    if (!cas->cert_pem)
        return gw_fail(err, GW_INVALID, "CAS '%s' is not on https", cas->name);
    if (cas->server)
        rc = net_http_server_renew(cas->server, cert_pem, key_pem, err);
    if (rc)
        return rc;
    free(cas->cert_pem);
    gw_secret_free(&cas->key_pem);
    cas->cert_pem = gw_str_dup(gw_str_of(cert_pem));
    cas->key_pem = gw_str_dup(gw_str_of(key_pem));
    return GW_OK;
}

static void held_drop_all(struct mock_cas *cas)
{
    struct gw_list *link;

    while ((link = gw_list_pop(&cas->held))) {
        struct held *h = GW_CONTAINER(link, struct held, link);

        net_http_on_gone(h->x, NULL, NULL);
        net_http_drop(h->x);
        held_free(h);
    }
}

void mock_cas_clear(struct mock_cas *cas)
{
    mock_troubles_clear(&cas->troubles);
    held_drop_all(cas);
}

void mock_cas_down(struct mock_cas *cas)
{
    held_drop_all(cas);
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
