/* The connection check. Each step is an attempt of its own, made as the gateway itself would make it:
 *
 *   REACH --connected--> TLS --verified--> MAILBOX --answer--> done
 *     '---- failed: the steps after it are skipped ----------^          */
#include "gd_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gd_gateways.h"
#include "gw_mem.h"
#include "net_stream.h"

#define TEST_REACH   "Exchange reachability"
#define TEST_TLS     "SSL connection / certificate verification"
#define TEST_MAILBOX "Account and impersonation"

enum { CONNECT_MS = 10000, TEXT_MAX = 512 };

struct admin_check {
    struct gw_list link;
    struct gd *gd;
    char *name;
    admin_check_step_fn *step;
    admin_check_done_fn *done;
    void *done_ctx;

    struct net_stream *stream;
    struct net_tls *tls;
    struct cert_client *cert;
    struct ews_call *call;
    bool tls_step, account_only;
};

static void check_free(struct admin_check **checkp)
{
    struct admin_check *c = *checkp;

    *checkp = NULL;
    gw_list_remove(&c->link);
    ews_call_cancel(&c->call);
    net_stream_free(&c->stream);
    net_tls_unref(&c->tls);
    cert_client_free(&c->cert);
    free(c->name);
    free(c);
}

static void tell(struct admin_check *c, const char *test, enum admin_check_result result,
                 const char *verdict, const char *text)
{
    c->step(&(struct admin_check_step){ test, result, verdict, text }, c->done_ctx);
}

static void finish(struct admin_check *c)
{
    admin_check_done_fn *done = c->done;
    void *ctx = c->done_ctx;

    check_free(&c);
    done(ctx);
}

/* --- the account, and a mailbox that it may see */

struct mailbox_words {
    enum ews_class class;
    const char *verdict;
};

static const struct mailbox_words mailbox_words[] = {
    { EWS_OK, "Accepted" },
    { EWS_CREDENTIALS, "Failed: account or password refused" },
    { EWS_PERMISSION, "Failed: impersonation is not allowed" },
    { EWS_MAILBOX, "Failed: the account is accepted, the mailbox is not available" },
    { EWS_BUSY, "Failed: Exchange asks us to wait" },
    { EWS_CONFIG, "Failed: configuration" },
    { EWS_SERVER_DOWN, "Failed: network error" },
};

static const char *mailbox_verdict(enum ews_class class)
{
    for (size_t i = 0; i < sizeof(mailbox_words) / sizeof(mailbox_words[0]); i++)
        if (mailbox_words[i].class == class)
            return mailbox_words[i].verdict;
    return "Failed";
}

static void on_answer(const struct ews_answer *answer, void *ctx)
{
    const struct ews_status *status = &answer->status;
    struct admin_check *c = ctx;
    char text[TEXT_MAX];

    c->call = NULL;
    if (status->class == EWS_OK)
        snprintf(text, sizeof(text), "Exchange version %d.%d%s", answer->server_major,
                 answer->server_minor,
                 c->account_only ? "; impersonation is not tried before a user is enabled for "
                                   "calendars"
                                 : "");
    else
        snprintf(text, sizeof(text), "%s (%s)", status->text, status->code);
    tell(c, TEST_MAILBOX, status->class == EWS_OK ? ADMIN_CHECK_OK : ADMIN_CHECK_FAILED,
         mailbox_verdict(status->class), text);
    finish(c);
}

/* A user whose mailbox can be asked for: the first one there is. */
static bool calendar_user(const struct gd *gd, struct dir_user *out)
{
    size_t pos = 0;

    while (dir_user_next(gd->dir, &pos, out))
        if (gd_user_has_calendar(out))
            return true;
    return false;
}

/* Nobody is enabled yet: the free/busy time of a mailbox that need not exist takes the account, and
 * leaves impersonation untried. */
static void account_step(struct admin_check *c, struct ews_client *client)
{
    gw_utc now = net_loop_now(c->gd->loop).utc;
    struct gw_str mailbox = GW_STR("kalends-check@localhost.localdomain");

    c->account_only = true;
    c->call = ews_client_start(client,
                               &(struct ews_request){ .op = EWS_OP_AVAILABILITY,
                                                      .mailboxes = &mailbox,
                                                      .mailbox_count = 1,
                                                      .from = now - now % GW_DAY_MS,
                                                      .to = now - now % GW_DAY_MS + GW_DAY_MS },
                               on_answer, c);
}

/* Reading the automatic reply of one user needs the account and the right to impersonate, and
 * changes nothing. */
static void mailbox_step(struct admin_check *c)
{
    struct gd_gateway_target target;
    struct dir_user user;

    if (!gd_gateway_target(c->gd->gateways, gw_str_of(c->name), &target))
        return; /* changed meanwhile: the check was aborted before */
    if (calendar_user(c->gd, &user))
        c->call = ews_client_start(target.client,
                                   &(struct ews_request){ .op = EWS_OP_OOF, .mailbox = user.mail },
                                   on_answer, c);
    else
        account_step(c, target.client);
}

/* --- connecting, without and with TLS */

static void connect_step(struct admin_check *c);

static void tls_failed(struct admin_check *c, const struct gw_err *why)
{
    const struct cert_result *seen = c->cert ? cert_client_last(c->cert) : NULL;

    if (seen && seen->verdict != CERT_NOT_SEEN && seen->verdict != CERT_VERIFIED)
        tell(c, TEST_TLS, ADMIN_CHECK_FAILED, cert_verdict_name(seen->verdict), seen->text);
    else
        tell(c, TEST_TLS, ADMIN_CHECK_FAILED, "Failed: network error",
             why->code ? why->msg : "the server closed the connection in the handshake");
}

static void on_closed(struct net_stream *s, const struct gw_err *why, void *ctx)
{
    struct admin_check *c = ctx;
    char text[TEXT_MAX];

    (void)s; /* 'why' is the stream's: it goes with the check */
    if (c->tls_step) {
        tls_failed(c, why);
    } else {
        snprintf(text, sizeof(text), "%s; check the host and the port, and what lies between",
                 why->msg);
        tell(c, TEST_REACH, ADMIN_CHECK_FAILED, "Unreachable", text);
        tell(c, TEST_TLS, ADMIN_CHECK_SKIPPED, "Not tried", "");
    }
    tell(c, TEST_MAILBOX, ADMIN_CHECK_SKIPPED, "Not tried", "");
    finish(c);
}

static void on_data(struct net_stream *s, struct gw_str data, void *ctx)
{
    (void)s;
    (void)data;
    (void)ctx;
}

static void on_ready(struct net_stream *s, void *ctx)
{
    struct gd_gateway_target target;
    struct admin_check *c = ctx;
    char peer[128];

    snprintf(peer, sizeof(peer), "%s", net_stream_peer(s));
    net_stream_free(&c->stream);
    if (c->tls_step) {
        tell(c, TEST_TLS, ADMIN_CHECK_OK, "Verified", "");
        mailbox_step(c);
        return;
    }
    tell(c, TEST_REACH, ADMIN_CHECK_OK, "Reachable", peer);
    if (gd_gateway_target(c->gd->gateways, gw_str_of(c->name), &target) && target.http) {
        tell(c, TEST_TLS, ADMIN_CHECK_SKIPPED, "Not used",
             "plain HTTP: anybody on the way can read the password; for labs only");
        mailbox_step(c);
        return;
    }
    c->tls_step = true;
    connect_step(c);
}

static const struct net_stream_handlers handlers = { .on_ready = on_ready,
                                                     .on_data = on_data,
                                                     .on_closed = on_closed };

/* Its own look at the certificate, so that the verdict is of this connection. */
static enum gw_code tls_make(struct admin_check *c, const char *host, struct gw_err *err)
{
    struct net_tls_policy policy;
    enum gw_code rc;

    rc = cert_client_new(c->gd->certs, CERT_TRUST_EXCHANGE, gw_str_of(host), &c->cert, err);
    if (rc)
        return rc;
    policy = cert_client_policy(c->cert);
    return net_tls_new(NET_TLS_CLIENT, &policy, &c->tls, err);
}

static void connect_step(struct admin_check *c)
{
    struct gd_gateway_target target;
    struct gw_err err;

    if (!gd_gateway_target(c->gd->gateways, gw_str_of(c->name), &target))
        return; /* changed meanwhile: the check was aborted before */
    if (c->tls_step && tls_make(c, target.host, &err)) {
        tell(c, TEST_TLS, ADMIN_CHECK_FAILED, "Failed", err.msg);
        tell(c, TEST_MAILBOX, ADMIN_CHECK_SKIPPED, "Not tried", "");
        finish(c);
        return;
    }
    c->stream = net_stream_connect(c->gd->loop, &(struct net_connect_args){
                                                    .host = target.host,
                                                    .port = target.port,
                                                    .tls = c->tls,
                                                    .limits = { .handshake_ms = CONNECT_MS },
                                                    .handlers = &handlers,
                                                    .ctx = c,
                                                });
}

struct admin_check *gd_check_start(struct gd *gd, struct gw_str name, admin_check_step_fn *step,
                                   admin_check_done_fn *done, void *done_ctx)
{
    struct gd_gateway_target target;
    struct admin_check *c;

    if (!gd_gateway_target(gd->gateways, name, &target))
        return NULL;
    c = gw_new(struct admin_check);
    *c = (struct admin_check){
        .gd = gd, .name = gw_str_dup(name), .step = step, .done = done, .done_ctx = done_ctx
    };
    gw_list_append(&gd->checks, &c->link);
    connect_step(c);
    return c;
}

void gd_check_cancel(struct admin_check *check)
{
    check_free(&check);
}

void gd_checks_abort(struct gd *gd, struct gw_str name)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&gd->checks, it, tmp)
    {
        struct admin_check *c = GW_CONTAINER(it, struct admin_check, link);

        if (!gw_str_is(name, c->name))
            continue;
        tell(c, c->tls_step ? TEST_TLS : TEST_REACH, ADMIN_CHECK_FAILED, "Failed",
             "the gateway was changed while it was being checked");
        finish(c);
    }
}
