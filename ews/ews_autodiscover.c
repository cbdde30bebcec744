/* The steps of a trail over the network: a client for each server that is asked, a bare connection for
 * the redirect that is looked for without login, a DNS query. */
#include "ews_autodiscover.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "ews_account_priv.h"
#include "ews_priv.h"
#include "ews_url.h"
#include "gw_mem.h"
#include "net_http_client.h"

enum { REDIRECT_BODY_MAX = 256 * 1024 }; /* of the page that comes with it, which nobody reads */

struct ews_autodiscover {
    struct ews_autodiscover_args args; /* but for the trail's */
    bool in_use;                       /* the account: some server takes it */
    struct ews_trail *trail;
    struct ews_client *client; /* EWS_TRAIL_ASK */
    struct cert_client *cert;  /* ... by https */
    struct net_tls_policy policy;
    struct net_http_slot *slot;  /* EWS_TRAIL_REDIRECT */
    struct net_dns_query *query; /* EWS_TRAIL_SRV */
    struct net_timer *soon;      /* the end, in the next round */
};

static void step(struct ews_autodiscover *a);

static void drop_step(struct ews_autodiscover *a)
{
    ews_client_free(&a->client);
    cert_client_free(&a->cert);
    net_http_slot_free(&a->slot);
    net_dns_cancel(&a->query);
}

static void autodiscover_free(struct ews_autodiscover *a)
{
    drop_step(a);
    net_timer_free(&a->soon);
    ews_trail_free(&a->trail);
    free(a);
}

static void on_soon(struct gw_now now, void *ctx)
{
    struct ews_autodiscover *a = ctx;
    struct ews_trail_result result;

    (void)now;
    ews_trail_result(a->trail, &result);
    a->args.done(&result, a->args.ctx);
    autodiscover_free(a);
}

/* ---- asking ----------------------------------------------------------------------------------- */

static void on_answer(const struct ews_answer *answer, void *ctx)
{
    struct ews_autodiscover *a = ctx;

    ews_trail_answered(a->trail, answer);
    step(a);
}

/* As if the server could not be asked. */
static void could_not_ask(struct ews_autodiscover *a, enum ews_class class, const char *code,
                          const char *why)
{
    struct ews_answer answer = { 0 };

    ews_status_set(&answer.status, class, code, "%s", why);
    ews_trail_answered(a->trail, &answer);
}

/* A second place that refuses an account would lock it out of its calendars, whoever that place is. */
static bool is_last_try(const struct ews_autodiscover *a)
{
    return a->in_use && ews_identity_refusals(a->args.account->identity) + 1 >= EWS_REFUSALS_MAX;
}

static enum gw_code trust(struct ews_autodiscover *a, struct gw_str host, struct gw_err *err)
{
    enum gw_code rc = cert_client_new(a->args.certs, CERT_TRUST_EXCHANGE, host, &a->cert, err);

    if (!rc)
        a->policy = cert_client_policy(a->cert);
    return rc;
}

static enum gw_code client_new(struct ews_autodiscover *a, const struct ews_url *url,
                               struct gw_err *err)
{
    struct ews_client_args args = { .port = url->port,
                                    .account = a->args.account,
                                    .tls = a->args.certs ? &a->policy : NULL,
                                    .timeout_ms = a->args.timeout_ms,
                                    .allow_http = !url->https };
    enum gw_code rc = GW_OK;
    char *host;

    if (url->https && a->args.certs && (rc = trust(a, url->host, err)))
        return rc;
    host = gw_str_dup(url->host);
    args.host = host;
    rc = ews_client_new(a->args.loop, &args, &a->client, err);
    free(host);
    return rc;
}

static void ask(struct ews_autodiscover *a, const struct ews_trail_step *s)
{
    struct ews_request request = { .op = s->op,
                                   .mailbox = gw_str_of(s->address),
                                   .url = gw_str_of(s->url) };
    struct ews_url url;
    struct gw_err err;

    if (is_last_try(a))
        could_not_ask(a, EWS_CREDENTIALS, "last-try",
                      "a place refused the account that calendars are read with, and no other is "
                      "asked so soon, which could lock it out; if one is right, name it as the "
                      "server to ask");
    else if (ews_url_parse(request.url, &url, &err) || client_new(a, &url, &err))
        could_not_ask(a, EWS_CONFIG, "address", err.msg);
    else
        (void)ews_client_start(a->client, &request, on_answer, a);
}

/* ---- the plain redirect ----------------------------------------------------------------------- */

static void on_redirect(const struct net_http_answer *http, void *ctx)
{
    struct ews_autodiscover *a = ctx;
    bool redirects = !http->code && http->status >= 300 && http->status < 400;
    struct gw_str nowhere = { NULL, 0 };

    ews_trail_redirected(a->trail,
                         redirects ? net_http_answer_header(http, "Location", 0) : nowhere);
    step(a);
}

static void look_for_redirect(struct ews_autodiscover *a, const struct ews_trail_step *s)
{
    struct net_http_slot_args args = { .user_agent = "Kalends/" KALENDS_VERSION };
    struct net_http_request request = { .method = "GET",
                                        .url = s->url,
                                        .timeout_ms = a->args.timeout_ms,
                                        .body_max = REDIRECT_BODY_MAX };

    a->slot = net_http_slot_new(a->args.loop, &args);
    net_http_start(a->slot, &request, NULL, on_redirect, a);
}

/* ---- DNS -------------------------------------------------------------------------------------- */

static void on_records(const struct net_dns_result *result, void *ctx)
{
    struct ews_autodiscover *a = ctx;
    struct ews_trail_place places[NET_DNS_RECORDS_MAX];
    size_t count = 0;

    a->query = NULL;
    for (; !result->code && count < result->count && count < NET_DNS_RECORDS_MAX; count++)
        places[count] = (struct ews_trail_place){ .host = result->records[count].name,
                                                  .port = result->records[count].port };
    ews_trail_srv(a->trail, places, count);
    step(a);
}

/* ---- the walk --------------------------------------------------------------------------------- */

static bool is_under_way(const struct ews_autodiscover *a)
{
    return a->client || a->slot || a->query;
}

/* Begins the next step that takes time; those that fail at once are gone over. */
static void step(struct ews_autodiscover *a)
{
    const struct ews_trail_step *s = ews_trail_step(a->trail);

    drop_step(a);
    for (; !is_under_way(a) && s->kind != EWS_TRAIL_END; s = ews_trail_step(a->trail)) {
        if (s->kind == EWS_TRAIL_ASK)
            ask(a, s);
        else if (s->kind == EWS_TRAIL_REDIRECT)
            look_for_redirect(a, s);
        else
            a->query = net_dns_start(a->args.dns, NET_DNS_SRV, s->url, on_records, a);
    }
    if (!is_under_way(a))
        net_timer_set(a->soon, net_loop_now(a->args.loop).mono);
}

enum gw_code ews_autodiscover_start(const struct ews_autodiscover_args *args,
                                    struct ews_autodiscover **out, struct gw_err *err)
{
    struct ews_trail_args walk = args->trail;
    struct ews_trail *trail;
    struct ews_autodiscover *a;
    enum gw_code rc;

    assert(args->dns);
    walk.shows_secret =
        args->account->auth == EWS_AUTH_BASIC || args->account->auth == EWS_AUTH_OAUTH;
    rc = ews_trail_new(&walk, &trail, err);
    if (rc)
        return rc;
    a = gw_new(struct ews_autodiscover);
    a->args = *args;
    a->trail = trail;
    a->in_use = args->account->identity->proven;
    a->soon = net_timer_new(args->loop, on_soon, a);
    step(a);
    *out = a;
    return GW_OK;
}

void ews_autodiscover_cancel(struct ews_autodiscover **ap)
{
    struct ews_autodiscover *a = *ap;

    if (!a)
        return;
    *ap = NULL;
    autodiscover_free(a);
}
